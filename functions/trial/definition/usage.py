"""What a definition looks at: results, at which visits or baselines; and kinds of records."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from trial.definition import Definition
from trial.definition.base import Model
from trial.definition.conditions import (
    FARTHEST,
    MOST_ABNORMAL,
    AdverseEventFilter,
    AfterFirstDose,
    Measure,
    Selection,
    Span,
    TimeToEvent,
    selection,
)
from trial.definition.design import Visit
from trial.definition.exposure import OF_PLAN, Exposure
from trial.definition.narratives import Paragraph
from trial.definition.outputs import TableRow
from trial.events.kinds import DOSES, MISSED_DOSES
from trial.events.payloads import KINDS

CARRIED = "carried:"
"""Before a visit: what is carried forward to it."""
type Place = str | AfterFirstDose
"""Where a result is asked for: at a visit or baseline, or after the first dose."""


def results_chosen(definition: Definition) -> Mapping[tuple[str, Selection], Sequence[Place]]:
    """Give, for each parameter and way of obtaining it that is used, where a result is chosen.

    Places are visits, baselines, one of the results after the first dose, and visits that the last
    result is carried forward to; of these, the ones where the order of results could matter: not
    where the highest of all is taken, or the mean.
    """
    places_by_key: dict[tuple[str, Selection], dict[Place, None]] = {}
    for measure, places in _measures(definition, definition):
        if measure.parameter in definition.parameters:
            key = str(measure.parameter), selection(measure.where)
            places_wanted = places_by_key.setdefault(key, {})
            for place in (*places, measure.baseline):
                if place:
                    places_wanted |= dict.fromkeys(_named(place, measure, definition))
            grades = definition.parameters[str(measure.parameter)].grades
            if grades is not None and grades.baseline is not None:
                graded_places = places_by_key.setdefault((grades.of, key[1]), {})
                graded_places |= dict.fromkeys(_named(grades.baseline, measure, definition))
    visits = {visit.id: visit for visit in definition.visits}
    return {
        key: [place for place in places if _depends_on_order(place, visits)]
        for key, places in places_by_key.items()
    }


def _depends_on_order(place: Place, visits: Mapping[str, Visit]) -> bool:
    if isinstance(place, AfterFirstDose):
        is_tied = place.choice == FARTHEST or (
            place.choice == MOST_ABNORMAL and place.tie is not None
        )
        return is_tied or place.choice in ("first", "last")
    visit = visits.get(place)
    return visit is None or visit.window is None or visit.choice in ("first", "last")


def _named(place: Place, measure: Measure, definition: Definition) -> Iterator[Place]:
    if isinstance(place, AfterFirstDose):
        yield place
        return
    baseline = definition.baselines.get(place)
    yield (baseline and baseline.visit) or place
    if measure.missing == "locf" and any(visit.id == place for visit in definition.visits):
        yield f"{CARRIED}{place}"


def _measures(
    part: object, definition: Definition
) -> Iterator[tuple[Measure, Sequence[Place | None]]]:
    """Find every measure in a part of a definition, and where it is taken."""
    if isinstance(part, Measure):
        yield part, [part.at or part.after]
    if isinstance(part, TableRow) and part.visits is not None:
        visits = [visit.id for visit in definition.visits] if part.visits == "all" else part.visits
        for measure, _ in _measures(_resolved(part, definition), definition):
            yield measure, visits
        for measure, own_visits in _measures(
            part.where if part.shift or part.cross else None, definition
        ):
            yield measure, visits if measure.without_date else own_visits
        yield from _measures(_covariates(part), definition)
        return
    for inner in _inside(part):
        yield from _measures(inner, definition)


def _covariates(row: TableRow) -> list[object]:
    """Return the covariates of a row by visit, which are at visits of their own."""
    return list(row.repeated.covariates) if row.repeated is not None else []


def _resolved(row: TableRow, definition: Definition) -> list[object]:
    """Return the parts of a row by visit, with the measures that it names."""
    summary = row.summary
    model = row.repeated.measure if row.repeated is not None else None
    refs = [*(summary.values() if isinstance(summary, dict) else [summary]), row.graded, model]
    refs += row.joint
    measures = [definition.measures.get(ref) if isinstance(ref, str) else ref for ref in refs]
    return [*measures, row.count, row.not_due]


def _inside(part: object) -> Iterable[object]:
    match part:
        case Paragraph():
            return (*(getattr(part, name) for name in part.model_fields_set), *part.placeholders)
        case Model():
            return (getattr(part, name) for name in part.model_fields_set)
        case dict():
            return part.values()
        case list() | tuple():
            return part
        case _:
            return ()


def asks_for(part: object, field: str) -> bool:
    """Return whether any part of a definition names a field of records."""
    if isinstance(part, dict) and field in part:
        return True
    return part == field or any(asks_for(inner, field) for inner in _inside(part))


EVENTS = "adverse-event.reported"
_DATES = {"end-of-study": "disposition.recorded", "death": "death.reported"}
"""The dates that are those of records which nothing else need name."""


def record_kinds_used(definition: Definition) -> frozenset[str]:
    """Return the kinds of records that any part of a definition looks at.

    Whoever says how adverse events are judged collects them, whatever the tables show.
    """
    kinds = frozenset(_kinds(definition))
    return kinds | {EVENTS} if "adverse_events" in definition.model_fields_set else kinds


def _kinds(definition: Definition) -> Iterator[str]:
    waiting: list[object] = [definition]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            if part in KINDS:
                yield part
        elif isinstance(part, Model):
            yield from _kinds_of_model(part)
            waiting += _inside(part)
        elif isinstance(part, dict | list | tuple):
            waiting += _inside(part)


def _kinds_of_model(part: Model) -> Iterator[str]:
    """Yield the kinds that a part looks at without naming them."""
    if isinstance(part, AdverseEventFilter):
        yield EVENTS
    elif isinstance(part, Exposure):
        yield from (DOSES, *([MISSED_DOSES] if part.of in OF_PLAN else []))
    elif isinstance(part, Span | TimeToEvent):
        yield from (_DATES[name] for name in _dates(part) if name in _DATES)


def _dates(part: Span | TimeToEvent) -> Iterator[str]:
    for member in _inside(part):
        dates = member if isinstance(member, list) else [member]
        yield from (date for date in dates if isinstance(date, str))
