"""Tables: counts take one line, every other statistic a line of its own."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import ceil

from trial.definition.summary_statistics import (
    ESTIMATED,
    INTERVALS,
    SUMMARY_ALONE,
    SUMMARY_STATISTICS,
)
from trial.render.workbook.cell_values import CellValue, digits, numeric
from trial.render.workbook.sheets import SheetLayout
from trial.tables.bidi import isolated
from trial.tables.grid import INTERVAL, Column, Grid, Row
from trial.tables.grid import Cell as Results

_COUNTED = {
    "n": "value",
    "percent": "%",
    "events": "Events",
    "all_events": "All events",
    "events_percent": "% of events",
}
_SUBCOLUMNS = ("value", "N", "%", INTERVAL, "Events", "All events", "% of events")
_LIMITS = {name for limits in INTERVALS.values() for name in limits}
_NAMES = {
    "observed": "Observed",
    "imputed": "Imputed",
    "baseline": "Of these the baseline",
    "undated": "Event not dated",
    "not_due": "Not yet due",
    "missing": "Missing",
    **{name: statistic.label for name, statistic in ESTIMATED.items()},
    "p": "P value",
    "p (nominal)": "P value (nominal)",
    "p_adjusted": "Adjusted P",
    "p_margin": "P value of the margin",
    "p_margin (nominal)": "P value of the margin (nominal)",
    "conclusion": "Conclusion",
    "conclusion (nominal)": "Conclusion (nominal)",
    "difference": "Difference",
    "rate_ratio": "Rate ratio",
    "odds_ratio": "Odds ratio",
    "relative_risk": "Relative risk",
    "hazard_ratio": "Hazard ratio",
    "dispersion": "Dispersion",
    "tipping_delta": "Tipping delta",
    "mean_ratio": "Ratio of means",
    "restricted_mean": "Restricted mean",
    "competing": "Competing event",
    "both": "Both",
    "first": "First only",
    "second": "Second only",
    "neither": "Neither",
    "percent": "%",
    "events": "Events",
}
_LABEL_WIDTHS = range(24, 60)
_WIDEST_BAND = 44
type _Line = dict[tuple[str, str], str]  # (column, sub-column) -> text


def _lines(row: Row, columns: dict[str, Column]) -> dict[str, _Line]:
    lines: dict[str, _Line] = {}
    for cell in row.cells:
        for line, place, text in _placed(cell, columns[cell.column]):
            lines.setdefault(line, {})[cell.column, place] = text
    return lines


def _placed(cell: Results, column: Column) -> Iterator[tuple[str, str, str]]:
    """Yield the line, the sub-column and the text of each statistic of a cell."""
    texts = {statistic.name: statistic.text for statistic in cell.statistics}
    described = not SUMMARY_ALONE.isdisjoint(texts)
    for statistic in cell.statistics:
        if statistic.name in _COUNTED and not described:
            yield "count", _COUNTED[statistic.name], statistic.text
        elif statistic.name == "N":
            if statistic.raw != column.n:
                yield ("N" if described else "count"), "N", statistic.text
        elif statistic.name not in _LIMITS:
            name = f"{statistic.name} (nominal)" if statistic.nominal else statistic.name
            yield name, "value", statistic.text
    for name, limits in INTERVALS.items():
        estimate = SUMMARY_STATISTICS[name].of if name != "ci" else cell.estimate or "count"
        if any(limit in texts for limit in limits):
            ends = (texts[limit] for limit in limits if limit in texts)
            yield estimate, cell.interval, ", ".join(ends)


def lay_out(grid: Grid) -> tuple[SheetLayout, list[list[CellValue]]]:
    """Lay a table out: each of its columns takes as many sub-columns as its statistics need."""
    columns = {column.id: column for column in grid.columns}
    rows = [(row, _lines(row, columns)) for row in grid.rows]
    lines = [(name, line) for _, row_lines in rows for name, line in row_lines.items()]
    filled = {place for _, line in lines for place in line}
    subcolumns = _subcolumns(grid)
    places = [
        (column, sub)
        for column in columns
        for sub in [sub for sub in subcolumns if (column, sub) in filled] or ["value"]
    ]
    has_names = any(name != "count" for name, _ in lines)
    valued = {column for name, line in lines if name != "count" for column, _ in line}
    heads = [
        CellValue("Category", "head"),
        *([CellValue("Statistic", "head text")] if has_names else []),
    ]
    bands = [CellValue("", "band") for _ in heads]
    spans = [CellValue("", "band") for _ in heads]
    above = ""
    for number, (column_id, sub) in enumerate(places):
        alone = sum(candidate == column_id for candidate, _ in places) == 1
        first = not number or places[number - 1][0] != column_id
        column = columns[column_id]
        band = f"{isolated(column.label)}{'\n' if alone else ' '}{column.size}".rstrip()
        bands.append(CellValue(band if first else "", "band alone" if alone else "band"))
        starts = column.under and column.under != above
        spans.append(CellValue(isolated(column.under) if starts else "", "band"))
        above = column.under
        value = "Value" if column_id in valued else "n"
        heads.append(CellValue(value if sub == "value" else sub, "head number"))
    body = [
        items
        for row, row_lines in rows
        for items in _table_rows(row, row_lines, places, named=has_names)
    ]
    methods = "; ".join(dict.fromkeys(c.method for r in grid.rows for c in r.cells if c.method))
    notes = (*grid.footnotes, f"Methods: {methods}.") if methods else grid.footnotes
    widths = _table_widths([heads, *body], bands)
    layout = SheetLayout(
        "Table",
        grid.id,
        grid.title,
        grid.population,
        ((spans, bands, heads) if any(span.value for span in spans) else (bands, heads)),
        widths,
        tuple(notes),
    )
    return layout, body


def _subcolumns(grid: Grid) -> list[str]:
    """Return the sub-columns that there can be: intervals of other levels follow the usual one."""
    intervals = dict.fromkeys(cell.interval for row in grid.rows for cell in row.cells)
    extra = [interval for interval in intervals if interval != INTERVAL]
    place = _SUBCOLUMNS.index(INTERVAL) + 1
    return [*_SUBCOLUMNS[:place], *extra, *_SUBCOLUMNS[place:]]


def _table_rows(
    row: Row, lines: dict[str, _Line], places: Sequence[tuple[str, str]], *, named: bool
) -> Iterator[list[CellValue]]:
    """Yield a row's lines: its label stands on the first of them."""
    label = CellValue(row.label, "label" if lines else "group", indent=2 * row.level)
    for name, line in (lines or {"": {}}).items():
        counted = "n (%)" if any(sub == "%" for _, sub in line) else "n"
        statistic = counted if name == "count" else _NAMES.get(name, name)
        texts = [(sub, line.get((column, sub), "")) for column, sub in places]
        values = [
            numeric(text.strip("()%") if sub.startswith("%") else text) for sub, text in texts
        ]
        yield [label, *([CellValue(statistic)] if named else []), *values]
        label = CellValue("", "label")


def _table_widths(rows: Sequence[list[CellValue]], bands: Sequence[CellValue]) -> tuple[int, ...]:
    """Fit the columns to their texts, and the sub-columns of a column to its head."""
    widths = [
        max(digits(str(item.value)) + 2 * item.indent for item in column) + 1
        for column in zip(*rows, strict=True)
    ]
    widths[0] = min(max(widths[0], _LABEL_WIDTHS.start), _LABEL_WIDTHS.stop)
    starts = [n for n, band in enumerate(bands) if band.value]
    for start, end in pairwise((*starts, len(widths))):
        label, _, size = str(bands[start].value).rpartition("\n")  # only a wrapped head has two
        needed = max(map(digits, (size, *label.split()))) + 1
        missing = max(0, min(needed, _WIDEST_BAND) - sum(widths[start:end]))
        for n in range(start, end):
            widths[n] += ceil(missing / (end - start))
    return tuple(widths)
