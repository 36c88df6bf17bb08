"""Which adverse events a definition means, as tests of what is known of each."""

from collections.abc import Iterator, Mapping

from trial.definition.conditions import AdverseEventFilter, TermGroup
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


def tests(event_filter: AdverseEventFilter, groups: Mapping[str, TermGroup]) -> Iterator[Test]:
    """Yield what a filter asks of an event; every test must hold."""
    for name in _JUDGED:
        if (truth := getattr(event_filter, name)) is not None:
            yield name, "EQ", ("Y" if truth else "N",)
    if event_filter.grade_at_least is not None:
        yield "grade", "GE", (str(event_filter.grade_at_least),)
    if grades := tuple(map(str, event_filter.grades)):
        yield "grade", "EQ" if len(grades) == 1 else "IN", grades
    if event_filter.severity:
        yield "severity", "IN", tuple(event_filter.severity)
    for name, source in _NAMED.items():
        if (text := getattr(event_filter, name)) is not None:
            yield source, "EQ", (text,)
    if terms := [
        *event_filter.terms,
        *(
            term
            for label in event_filter.groups
            for term in groups[label].of_scope(event_filter.scope)
        ),
    ]:
        yield "pt", "IN", tuple(dict.fromkeys(terms))
    yield from _onset_tests(event_filter)


def _onset_tests(event_filter: AdverseEventFilter) -> Iterator[Test]:
    for comparator, day in zip(("GE", "LE"), event_filter.onset_days or (), strict=False):
        if day is not None:
            yield "onset.study-day", comparator, (str(day),)


def filter_of(row: TableRow) -> AdverseEventFilter | None:
    """Return the filter of a row that counts adverse events; None where it counts none."""
    if row.events is not None:
        return row.events
    parts = (row.terms, row.worst, row.incidence, row.durations)
    return next((part.filter for part in parts if part is not None), None)


def sources_of(row: TableRow) -> list[str]:
    """Return what a row of adverse events shows beside what its filter asks: terms, and how bad."""
    worst = row.worst or (row.terms.worst if row.terms else None)
    terms = row.by_term.levels if row.by_term else ()
    levels = dict.fromkeys("pt" if level == "group" else level for level in terms)
    return ["subject", *levels, *([worst.field] if worst else [])]
