"""The summary in Markdown: what a medical monitor reads first, on about one page."""

import re
from collections.abc import Iterator, Sequence

from trial.definition.summary_statistics import ESTIMATED, INTERVALS, SUMMARY_STATISTICS
from trial.render import legible
from trial.render.consort import form, note, outline
from trial.render.consort.alt_text import box_text
from trial.tables.bidi import isolated
from trial.tables.grid import (
    CONCLUSION,
    INTERVAL,
    NOT_REPORTED,
    Cell,
    Column,
    Cut,
    Flow,
    Grid,
    KeyResult,
    Report,
    Row,
    Section,
    Stage,
    Statistic,
    imputation,
)

_MARKUP = re.compile(r"([\\`*_\[\]|~#])")
# What opens a list, a heading or a rule at the start of a line; elsewhere it is only text.
_OPENING = re.compile(r"^(?:[-+=]|\d+[.)])(?=[-=\s]|$)")
_SHORT = 24  # rows: what a page with everything else on it still takes
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def escape(text: str) -> str:
    """Make any text one line of plain Markdown: without markup, HTML, table borders, isolated."""
    line = isolated(" ".join(legible(text).split())).translate(_ENTITIES)
    return _OPENING.sub(_backslash, _MARKUP.sub(r"\\\1", line))


def _backslash(match: re.Match[str]) -> str:
    opening = match.group()
    return f"{opening[:-1]}\\{opening[-1]}"


def summary(report: Report) -> str:
    """Write notice, key results, flow, discrepancies, the leading tables and their source."""
    cut = report.cut
    title = f"{cut.title} ({cut.registry})" if cut.registry else cut.title
    head = [f"# {escape(cut.study)}: summary", escape(title), f"**{escape(cut.completion.text)}**"]
    if cut.notice:
        head.insert(0, f"> **{escape(cut.notice)}**")
    discrepancies = [f"- **Contradictory:** {escape(text)}" for text in report.contradictions]
    discrepancies += [f"- Notable: {escape(text)}" for text in report.notable]
    blocks = [
        *head,
        "## Key results",
        "\n".join(_key_results(report.key_results)),
        f"## {escape(report.flow.title)}",
        "\n".join(f"{'  ' * depth}- {escape(text)}" for depth, text in outline(report.flow)),
        "## Discrepancies",
        "\n".join(discrepancies)
        or "None: the records agree with each other, and the flow adds up.",
        *(block for grid in _leading(report.grids) for block in _table(grid, cut)),
        *_methods(report.methods),
        "## Source",
        _source(cut),
    ]
    return "\n\n".join(blocks) + "\n"


def _methods(sections: tuple[Section, ...]) -> Iterator[str]:
    """Write the Methods, a table a part."""
    if sections:
        yield "## Methods"
    for section in sections:
        yield f"### {escape(section.title)}"
        lines = [_line(section.heads), "|" + "---|" * len(section.heads)]
        yield "\n".join((*lines, *map(_line, section.rows)))


def flow_markdown(flow: Flow, cut: Cut) -> str:
    """Write the flow alone: each stage with its boxes and side boxes, and its discrepancies."""
    blocks = [
        *([f"> **{escape(cut.notice)}**"] if cut.notice else []),
        f"# {escape(cut.study)}: {escape(flow.title)}",
        f"**{escape(cut.completion.text)}**",
        escape(". ".join(filter(None, (form(flow), note(flow)))) + "."),
        *(block for stage in flow.stages for block in _stage(stage)),
        "## Discrepancies",
        "\n".join(f"- **Discrepancy:** {escape(text)}" for text in flow.discrepancies)
        or "None: the flow adds up.",
        "## Source",
        _provenance(cut) + ".",
    ]
    return "\n\n".join(blocks) + "\n"


def _stage(stage: Stage) -> Iterator[str]:
    yield f"## {escape(stage.label)}"
    boxes = [f"- {escape(box_text(box))}" for box in stage.boxes]
    side_boxes = [f"  - {escape(box_text(box))}" for box in stage.visible_side]
    yield "\n".join((*boxes, *side_boxes))


def _key_results(key_results: tuple[KeyResult, ...]) -> Iterator[str]:
    usual = all(key_result.interval == INTERVAL for key_result in key_results)
    yield f"| Key result | Population | n of N | Result | {INTERVAL if usual else 'CI'} | How |"
    yield "|---|---|--:|--:|:-:|---|"
    for key_result in key_results:
        denominator = "" if key_result.N is None else f" of {key_result.N}"
        size = "" if key_result.n is None else f"{key_result.n}{denominator}"
        cells = (key_result.label, key_result.population, size, _result(key_result))
        level = "" if usual or key_result.ci is None else f"{key_result.interval}: "
        yield _line((*cells, level + interval(key_result), _method_and_remarks(key_result)))


def interval(key_result: KeyResult) -> str:
    """Show an interval; nothing where there is none."""
    return " to ".join(text for text in key_result.ci_text or () if text is not None)


def _result(key_result: KeyResult) -> str:
    if key_result.nominal:
        return f"{key_result.text} (nominal)"
    valued = key_result.value is not None and key_result.unit not in {"", "%"}
    return f"{key_result.text} {key_result.unit}" if valued else key_result.text


def _method_and_remarks(key_result: KeyResult) -> str:
    method = key_result.imputation or key_result.method
    remarks = (method, key_result.left_out, key_result.rule, key_result.direction)
    return "; ".join(text for text in remarks if text)


def _line(texts: tuple[str, ...]) -> str:
    return "| " + " | ".join(escape(text) for text in texts) + " |"


def _leading(grids: tuple[Grid, ...]) -> list[Grid]:
    """Choose each part's first short table (ICH E3, 14.1 to 14.3): disposition, primary, safety."""
    parts: dict[str, Grid] = {}
    for grid in grids:
        if len(grid.rows) <= _SHORT:
            parts.setdefault(".".join(grid.id.split(".")[:2]), grid)
    return list(parts.values())


def _table(grid: Grid, cut: Cut) -> Iterator[str]:
    yield f"## Table {escape(grid.id)}: {escape(grid.title)} ({cut.completion.state.lower()})"
    heads = (
        grid.population,
        *(f"{column.name} {column.size}".rstrip() for column in grid.columns),
    )
    lines = [_line(heads), "|---|" + "--:|" * len(grid.columns)]
    lines += [_row(row, grid.columns) for row in grid.rows]
    yield "\n".join(lines)
    if grid.footnotes:
        yield "\n".join(f"- {escape(note)}" for note in grid.footnotes)


def _row(row: Row, columns: tuple[Column, ...]) -> str:
    cells = {cell.column: cell for cell in row.cells}
    texts = [
        cell_text(cells[column.id], column) if column.id in cells else "" for column in columns
    ]
    indent = "&emsp;" * row.level
    return f"| {indent}{escape(row.label)} | " + " | ".join(escape(text) for text in texts) + " |"


_WORDS = {
    "not_due": "not yet due",
    "undated": "event not dated",
    "rate_ratio": "rate ratio",
    "p_margin": "P (margin)",
    "tipping_delta": "Tipping delta",
    "p_adjusted": "adjusted P",
    "odds_ratio": "odds ratio",
    "relative_risk": "relative risk",
    "hazard_ratio": "hazard ratio",
    "dispersion": "dispersion",
    "mean_ratio": "ratio of means",
    "restricted_mean": "restricted mean",
    "competing": "competing event",
    "baseline": "of these the baseline",
    "first": "first only",
    "second": "second only",
    **{name: statistic.label for name, statistic in ESTIMATED.items() if not statistic.usual},
}


def cell_text(cell: Cell, column: Column) -> str:
    """Return a cell's statistics in one line: `33 (83%) [67.2, 92.7]`, `mean 4.5 (SD 0.8)`."""
    texts = {
        statistic.name: _text(statistic)
        for statistic in cell.statistics
        if statistic.text != NOT_REPORTED
    }
    limits = {
        name: [text for limit in names if (text := texts.pop(limit, ""))]
        for name, names in INTERVALS.items()
    }
    interval = _bracketed(limits.pop("ci"), cell.interval)
    remaining = [
        f"{SUMMARY_STATISTICS[name].of.replace('_', ' ')}{_bracketed(ends, cell.interval)}"
        for name, ends in limits.items()
        if ends
    ]
    stands_in = _take_imputation(texts, cell.method)
    first = [
        part
        for take in (_take_count, _take_events, _take_mean, _take_median)
        if (part := take(texts, column))
    ]
    labelled = [
        _named(name, text) + (interval if name == cell.estimate else "")
        for name, text in texts.items()
    ]
    if cell.estimate in {"", "mean"} and interval:
        first[:1] = [(first or [""])[0] + interval]
    absent = {NOT_REPORTED for statistic in cell.statistics if statistic.text == NOT_REPORTED}
    return "; ".join(filter(None, (*first, *labelled, *remaining, stands_in, *absent)))


def _bracketed(limits: Sequence[str], label: str) -> str:
    """Return the limits of an interval in brackets, with its level unless it is the usual one."""
    level = "" if label == INTERVAL else f"{label} "
    return f" [{level}{', '.join(limits)}]" if limits else ""


def _text(statistic: Statistic) -> str:
    return f"{statistic.text} (nominal)" if statistic.nominal and statistic.text else statistic.text


def _take_imputation(texts: dict[str, str], method: str) -> str:
    if not texts.keys() >= {"observed", "imputed"}:
        return ""
    return imputation(texts.pop("observed"), texts.pop("imputed"), method)


def _take_count(texts: dict[str, str], column: Column) -> str:
    """Return a count with its percentage.

    Where the cell has values or pairs as well, their number is only dropped where it is the
    column's: it says nothing new there.
    """
    if not texts.keys().isdisjoint({"mean", "median", "both"}):
        for name in ("n", "N"):
            if texts.get(name) == str(column.n):
                del texts[name]
        return ""
    text, size = texts.pop("n", ""), texts.pop("N", str(column.n))
    if size != str(column.n):
        text += f"/{size}"
    if percent := texts.pop("percent", "").strip("()%"):
        text += f" ({percent}%)"
    return text.strip()


def _take_events(texts: dict[str, str], _column: Column) -> str:
    """Return a number of events of all events, with its percentage."""
    if "events_percent" not in texts:
        return ""
    events, size = texts.pop("events", ""), texts.pop("all_events")
    percent = texts.pop("events_percent").strip("()%")
    if not events:  # not reported, of nobody
        return ""
    return f"{events} of {size} events" + (f" ({percent}%)" if percent else "")


def _take_mean(texts: dict[str, str], _column: Column) -> str:
    if "mean" not in texts:
        return ""
    return f"mean {texts.pop('mean')}" + (f" (SD {texts.pop('sd')})" if "sd" in texts else "")


def _take_median(texts: dict[str, str], _column: Column) -> str:
    if not texts.keys() >= {"median", "min", "max"}:
        return ""
    return f"median {texts.pop('median')} ({texts.pop('min')} to {texts.pop('max')})"


def _named(name: str, text: str) -> str:
    if name == "events":
        return f"{text} event" if text == "1" else f"{text} events"
    if name == "p":
        return f"P = {text}" if text[:1].isdigit() else f"P {text}"
    if name == CONCLUSION:
        return text
    return f"{_WORDS.get(name, name)} {text}"


def _source(cut: Cut) -> str:
    files = "Listings and all tables: `listings.xlsx`; as data: `tables.json`."
    return f"{_provenance(cut)}. {files}"


def _provenance(cut: Cut) -> str:
    fields = (
        ("Cut", cut.id),
        ("content root", cut.content_root),
        ("accepted revisions", str(cut.accepted)),
        ("data date", cut.data_date),
        ("data cut-off", cut.cutoff),
        ("as recorded by", cut.as_of),
        ("definition", cut.definition),
        ("contribution version", str(cut.contribution_version)),
        ("audience", cut.audience),
        ("dictionaries", ", ".join(cut.dictionaries)),
    )
    return "; ".join(f"{label} {escape(value)}" for label, value in fields if value)
