"""Which adverse events a definition means, as tests of what is known of each."""

from collections.abc import Iterator, Mapping, Sequence

from trial.definition.conditions import AdverseEventFilter
from trial.definition.outputs import TableRow

EVENTS = "adverse-event.reported"

Test = tuple[str, str, tuple[str, ...]]
"""What is known of an event, by the name that listings have for it; comparator and values."""

_JUDGED = ("emergent", "related", "serious")
_NAMED = {
    "seriousness": "seriousness",
    "action_taken": "action_taken",
    "outcome": "outcome",
    "treatment": "treatment-at-onset",
}
"""Where a filter asks for one text: its field, and what is compared with it."""


def tests(event_filter: AdverseEventFilter, groups: Mapping[str, Sequence[str]]) -> Iterator[Test]:
    """Yield what a filter asks of an event; every test must hold."""
    for name in _JUDGED:
        if (truth := getattr(event_filter, name)) is not None:
            yield name, "EQ", ("Y" if truth else "N",)
    if event_filter.grade_at_least is not None:
        yield "grade", "GE", (str(event_filter.grade_at_least),)
    if event_filter.grade is not None:
        yield "grade", "EQ", (str(event_filter.grade),)
    if event_filter.severity:
        yield "severity", "IN", tuple(event_filter.severity)
    for name, source in _NAMED.items():
        if (text := getattr(event_filter, name)) is not None:
            yield source, "EQ", (text,)
    if terms := [
        *event_filter.terms,
        *(term for label in event_filter.groups for term in groups[label]),
    ]:
        yield "pt", "IN", tuple(dict.fromkeys(terms))


def filter_of(row: TableRow) -> AdverseEventFilter | None:
    """Return the filter of a row that counts adverse events; None where it counts none."""
    if row.events is not None:
        return row.events
    parts = (row.terms, row.worst, row.incidence)
    return next((part.filter for part in parts if part is not None), None)


def sources_of(row: TableRow) -> list[str]:
    """Name what a row of adverse events shows beside what its filter asks: terms, and how bad."""
    worst = row.worst or (row.terms.worst if row.terms else None)
    terms = row.terms.by.split("-") if row.terms else []
    return ["subject", *terms, *([worst.field] if worst else [])]
