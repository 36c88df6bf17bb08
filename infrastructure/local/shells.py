"""Check a definition from stdin as the service will, and write what its outputs will look like.

Run in a process of its own, for it runs the service's code. Prints one JSON document: the problem
that the service would answer, or warnings and the empty shells of tables and listings as text.
"""

# ruff: noqa: T201 - what it prints is its answer

import json
import sys
from collections.abc import Iterable, Iterator, Sequence

from trial.commands import admission
from trial.definition.narratives import SUBJECTS, NarrativeDefinition
from trial.definition.outputs import MODELS_OF_MEANS, Table, TableColumn, TableRow
from trial.definition.study import Study
from trial.errors import Rejected
from trial.reporting.methods.rows import LEVELS
from trial.rules.categories import known_levels
from trial.tables import checking
from trial.tables.compiled import CompiledStudy, compiled
from trial.tables.grid import Listing
from trial.tables.listings import listings
from trial.tables.rows.summaries import SummaryRow

_COUNT, _EVENTS = "xx (xx%)", "xx (xx%) xx"
_DAYS = "xx events"
_INDENT = "  "

type Line = tuple[str, Sequence[str]]
"""The label of a line, indented, and what stands in each column."""


def shells(study: Study) -> str:
    """Write the empty shells of all tables, listings and narratives."""
    plan = compiled(study)
    tables = (_written(plan, table) for table in study.definition.tables)
    narratives = map(_narrative, study.definition.narratives)
    return "\n".join((*tables, *map(_listing, listings(plan, ())), *narratives))


def _written(plan: CompiledStudy, table: Table) -> str:
    columns = table.columns
    heads: list[Line] = [("", [column.label for column in columns])]
    if any(column.under for column in columns):
        heads.insert(0, ("", [column.under for column in columns]))
    heads.append(("", ["(N = xx)" if column.compare is None else "" for column in columns]))
    lines = [*heads, *(line for row in table.rows for line in _row(plan, table, row))]
    title = f"Table {table.id}: {table.title}\nPopulation: {table.population}\n"
    return f"{title}\n{_laid_out(lines)}\n"


def _row(plan: CompiledStudy, table: Table, row: TableRow) -> Iterator[Line]:
    label = _INDENT * row.level + row.label
    if row.visits is not None:
        yield label, []
        visits, deeper = plan.study.visits, row.model_copy(update={"level": row.level + 1})
        for name in visits if row.visits == "all" else row.visits:
            yield from _kind(plan, table, deeper, f"{_INDENT * deeper.level}{visits[name].label}")
    else:
        yield from _kind(plan, table, row, label)


def _kind(plan: CompiledStudy, table: Table, row: TableRow, label: str) -> Iterator[Line]:
    inner = _INDENT * (row.level + 1)
    match row.kind:
        case None:
            yield label, []
        case "durations":
            yield label, _filled(table, row, _DAYS)
        case "summary":
            yield label, [_compared(column, row) for column in table.columns]
            yield from (
                (inner + name, placeholder) for name, placeholder in _statistics(plan, table, row)
            )
        case "terms" | "incidence" | "resolution" as kind if row.by_term is not None:
            counted = _EVENTS if row.terms else _SHOWN[kind]
            for depth, level in enumerate(row.by_term.levels):
                yield f"{inner}{_INDENT * depth}<{LEVELS[level]}>", _filled(table, row, counted)
        case "levels" | "worst" | "shift" as kind:
            yield label, [_compared(column, row) for column in table.columns]
            for level in _levels(plan, row, kind):
                yield f"{inner}{level}", _filled(table, row, _COUNT)
        case _:
            yield label, _filled(table, row, _SHOWN.get(row.kind, "xx"))
            if row.interval:
                limits = _filled(table, row, "xx.x to xx.x")
                subjects = (column.compare is None for column in table.columns)
                texts = [
                    limit if is_subject else ""
                    for limit, is_subject in zip(limits, subjects, strict=True)
                ]
                yield f"{inner}95 % confidence interval", texts


_SHOWN = {
    "count": _COUNT,
    "graded": _COUNT,
    "not_due": _COUNT,
    "events": _EVENTS,
    "incidence": "xx (xx.x a 100 years)",
    "resolution": "xx (xx), xx (xx to xx)",
    "survival": _COUNT,
    "ancova": "xx.x (xx.xx)",
    "mmrm": "xx.x (xx.xx)",
    "multiple_imputation": "xx.x (xx.xx), xx observed, xx imputed",
    "logistic": _COUNT,
    "event_rate": "xx, xx.x years, rate xx.xx",
    "pairs": "",
    "stratified": "",
}


def _filled(table: Table, row: TableRow, placeholder: str) -> list[str]:
    """Return what a row shows in each column: nothing where it has nothing for it."""
    by_column = getattr(row, row.kind) if row.kind else {}
    return [
        _compared(column, row)
        if column.compare is not None
        else "x.xxxx"
        if row.pairs is not None and row.column in (None, column.id)
        else placeholder
        if (not isinstance(by_column, dict) or column.id in by_column) and row.fills(column)
        else ""
        for column in table.columns
    ]


def _compared_rates(column: TableColumn, row: TableRow, *, pair: bool) -> str:
    ratio = "xx.xx (xx.xx to xx.xx) x.xxxx"
    if row.kind != "incidence":
        return ratio if pair else "x.xxxx"
    return {"ratio": ratio, "difference": "xx.x (xx.x to xx.x)"}.get(column.rates or "", "")


def _compared(column: TableColumn, row: TableRow) -> str:
    if column.compare is None or row.kind in ("not_due", "shift", "pairs", "durations"):
        return ""
    if row.resolution is not None:
        return "x.xxxx" if row.resolution.occurrences == "first" else ""
    if row.kind in ("logistic", "event_rate", "incidence"):
        return _compared_rates(column, row, pair=len(column.compare) == 2)  # noqa: PLR2004
    if row.stratified is not None and row.stratified.contrast and len(column.compare) == 2:  # noqa: PLR2004
        return "xx.x (xx.x to xx.x) x.xxxx"
    means = row.kind in ("summary", *MODELS_OF_MEANS)
    test = column.means if means else column.counts
    if test in ("anova", "fisher", "pearson") or row.kind in ("survival", "stratified"):
        return "x.xxxx"
    return "xx.x (xx.x to xx.x) x.xxxx" if means else "xx.x (xx.x to xx.x)"


def _statistics(
    plan: CompiledStudy, table: Table, row: TableRow
) -> Iterator[tuple[str, list[str]]]:
    compiled_rows = (item for item in plan.tables[table.id].rows if isinstance(item, SummaryRow))
    compiled_row = next(
        candidate for candidate in compiled_rows if candidate.id.partition("/")[0] == row.id
    )
    names = dict.fromkeys(name for statistic in compiled_row.statistics for name in statistic)
    for name in names:
        yield (
            name,
            [
                _number(compiled_row, i, name)
                if compiled_row.quantities[i] is not None and name in compiled_row.statistics[i]
                else ""
                for i in range(len(table.columns))
            ],
        )


def _number(row: SummaryRow, column: int, name: str) -> str:
    places = 0 if name == "n" else row.places(column, name)
    number = f"xx.{'x' * places}" if places else "xx"
    return f"{number} to {number}" if name == "ci" else number


def _levels(plan: CompiledStudy, row: TableRow, kind: str) -> Iterable[str]:
    classes = plan.study.definition.classes
    if kind == "worst" and row.worst is not None:
        return [level.label for level in row.worst.levels]
    if kind == "shift" and row.shift is not None:
        return [
            f"{before.label} / {after.label}"
            for before in classes[row.shift.before].classes
            for after in classes[row.shift.after].classes
        ]
    assert row.levels is not None
    if row.levels.values:
        return [level.label for level in row.levels.values]
    name = row.levels.characteristic
    known_labels = known_levels(plan.study, name) if name else None
    return [level.label for level in known_labels or ()] or [f"<{name or row.levels.field}>"]


def _laid_out(lines: Sequence[Line]) -> str:
    first = max(len(label) for label, _ in lines)
    count = max(len(cells) for _, cells in lines)
    widths = [
        max((len(cells[i]) for _, cells in lines if i < len(cells)), default=0)
        for i in range(count)
    ]
    return "\n".join(
        "  ".join(
            [label.ljust(first), *(cell.ljust(w) for cell, w in zip(cells, widths, strict=False))]
        ).rstrip()
        for label, cells in lines
    )


def _listing(listing: Listing) -> str:
    heads = [f"{column.label} ({column.id})" for column in listing.columns]
    title = f"Listing {listing.id}: {listing.title}\nPopulation: {listing.population}\n"
    return f"{title}\n{' | '.join(heads)}\n"


def _narrative(narrative: NarrativeDefinition) -> str:
    paragraphs = (
        f"{paragraph.before}{' '.join(paragraph.text.split())}{paragraph.after}"
        + ("" if paragraph.records == SUBJECTS else f" (of each: {paragraph.records})")
        for paragraph in narrative.paragraphs
    )
    title = f"Narratives {narrative.id}: {narrative.title}\nPopulation: {narrative.population}\n"
    return "\n".join((title, *paragraphs, ""))


def main() -> None:
    """Answer for the definition on stdin."""
    try:
        study = admission.admit(sys.stdin.buffer.read())
    except Rejected as refused:
        print(json.dumps({"problem": refused.problem()}, ensure_ascii=False))
        return
    odd = [warning.document() for warning in checking.study_warnings(study)]
    print(json.dumps({"warnings": odd, "shells": shells(study)}, ensure_ascii=False))


if __name__ == "__main__":
    main()
