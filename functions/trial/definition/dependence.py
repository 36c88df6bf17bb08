"""Which parts of a definition depend on the arm, found by following their references."""

from collections.abc import Callable, Mapping

from trial.definition import Definition
from trial.definition.conditions import (
    AdverseEventFilter,
    Classes,
    Condition,
    DateRef,
    EventDate,
    Measure,
    RecordDate,
    Ref,
    Where,
)
from trial.definition.design import ARM
from trial.definition.exposure import DURATION, Exposure
from trial.definition.outputs import (
    Levels,
    RecordSelection,
    RecordTerms,
    SetDenominator,
    TableRow,
)
from trial.events import blinding

_OF_EVENTS = ("terms", "worst", "incidence", "event_rate", "durations", "resolution")
"""The kinds of row that take a filter of adverse events."""


class ArmDependence:
    """Tells of each part of a definition whether it depends on the arm, and so could unblind."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._known: dict[tuple[str, str], bool] = {}

    def _named[Part](
        self, kind: str, parts: Mapping[str, Part], name: str, tells: Callable[[Part], bool]
    ) -> bool:
        if (kind, name) not in self._known:
            self._known[kind, name] = False  # what refers to itself is refused in any case
            self._known[kind, name] = name in parts and tells(parts[name])
        return self._known[kind, name]

    def records(self, kind: str, where: Where) -> bool:
        """Return whether a selection of a kind's records depends on the arm."""
        return not blinding.unblinding_fields(kind).isdisjoint(where)

    def selection(self, shown: RecordSelection) -> bool:
        """Return whether which records are shown one by one does."""
        by_events = shown.events is not None and self.events(shown.events)
        return by_events or self.records(shown.records, shown.where)

    def date(self, ref: DateRef) -> bool:
        """Return whether a date does."""
        if isinstance(ref, EventDate):
            return self.events(ref.adverse_event)
        return isinstance(ref, RecordDate) and self.records(ref.recorded, ref.where)

    def exposure(self, part: Exposure) -> bool:
        """Return whether an exposure does: amounts do, and so does whose doses are meant."""
        return part.of != DURATION or part.treatment is not None

    def measure(self, ref: str | Measure) -> bool:
        """Return whether a measure does, by its name or inline."""
        if isinstance(ref, str):
            return self._named("measure", self._definition.measures, ref, self.measure)
        return (
            ref.by_arm is not None
            or (ref.records is not None and self.records(ref.records, ref.where))
            or (ref.exposure is not None and self.exposure(ref.exposure))
            or (ref.days is not None and (self.date(ref.days.start) or self.date(ref.days.end)))
            or any(map(self.measure, ref.difference or ()))
        )

    def condition(self, ref: Ref) -> bool:
        """Return whether a condition does, by its name or inline."""
        if not isinstance(ref, Condition):
            return self._named("condition", self._definition.conditions, ref, self.condition)
        return (
            any(
                self.condition(inner)
                for refs in (ref.all, ref.any, ref.none)
                for inner in refs or ()
            )
            or (ref.recorded is not None and self.records(ref.recorded, ref.where))
            or (ref.characteristic is not None and self.category(ref.characteristic))
            or (ref.adverse_event is not None and self.events(ref.adverse_event))
            or any(
                part.adverse_event is not None and self.events(part.adverse_event)
                for part in ref.results or ()
            )
            or (ref.measure is not None and self.measure(ref.measure))
        )

    def events(self, event_filter: AdverseEventFilter) -> bool:
        """Return whether a filter of adverse events does."""
        return event_filter.treatment is not None

    def category(self, name: str) -> bool:
        """Return whether a category does: a characteristic, stratum, classes, the arm itself."""
        classes = self._definition.classes
        return name == ARM or self._named("class", classes, name, self._classes)

    def _classes(self, classes: Classes) -> bool:
        of_measure = classes.measure is not None and self.measure(classes.measure)
        return of_measure or any(map(self.condition, classes.conditions))

    def time(self, name: str) -> bool:
        """Return whether a time to event does."""
        return self._named(
            "time",
            self._definition.times,
            name,
            lambda part: any(
                map(self.date, (part.start, *part.events, *part.censored, *part.competing)),
            ),
        )

    def set(self, name: str) -> bool:
        """Return whether an analysis set does."""
        sets = self._definition.sets
        return self._named("set", sets, name, lambda part: self.condition(part.condition))

    def levels(self, levels: Levels) -> bool:
        """Return whether the levels of a characteristic or of a record's field do."""
        if levels.characteristic is not None:
            return self.category(levels.characteristic)
        kind = levels.recorded or ""
        return levels.field in blinding.unblinding_fields(kind) or self.records(kind, levels.where)

    def record_terms(self, terms: RecordTerms) -> bool:
        """Return whether records by their fields do."""
        telling = blinding.unblinding_fields(terms.recorded)
        return not telling.isdisjoint(terms.by) or self.records(terms.recorded, terms.where)

    def source(self, name: str, records: str) -> bool:
        """Return whether a column of a listing of some records does."""
        part_kind, _, part_name = name.partition(":")
        checks: Mapping[str, Callable[[str], bool]] = {
            "characteristic": self.category,
            "class": self.category,
            "measure": self.measure,
            "condition": self.condition,
            "set": self.set,
        }
        if part_name:
            return part_kind in checks and checks[part_kind](part_name)
        field, _, _ = name.partition(".")
        return name in blinding.UNBLINDING_SOURCES or field in blinding.unblinding_fields(records)

    def row(self, row: TableRow) -> bool:
        """Return whether a table's row does; references by column are judged one by one."""
        conditions = (row.where, row.count, row.denominator, row.not_due, *(row.pairs or ()))
        return (
            any(self.condition(ref) for ref in conditions if isinstance(ref, str | Condition))
            or (isinstance(row.denominator, SetDenominator) and self.set(row.denominator.set))
            or any(
                self.measure(ref)
                for ref in (row.summary, row.graded)
                if isinstance(ref, str | Measure)
            )
            or any(
                self.events(part if isinstance(part, AdverseEventFilter) else part.filter)
                for part in (row.events, *(getattr(row, kind) for kind in _OF_EVENTS))
                if part is not None
            )
            or (isinstance(row.of_records, AdverseEventFilter) and self.events(row.of_records))
            or any(map(self.measure, row.joint))
            or (row.levels is not None and self.levels(row.levels))
            or (row.record_terms is not None and self.record_terms(row.record_terms))
            or (row.shift is not None and self._either(row.shift.before, row.shift.after))
            or (row.subgroups is not None and self.category(row.subgroups.characteristic))
            or (row.cross is not None and self._either(row.cross.first, row.cross.second))
            or (row.survival is not None and self._survival(row))
        )

    def _either(self, *categories: str) -> bool:
        return any(map(self.category, categories))

    def _survival(self, row: TableRow) -> bool:
        assert row.survival is not None
        hazards = row.survival.hazard_ratio_asked
        levels = (*row.survival.strata, *(hazards.covariates if hazards else ()))
        measures = hazards.continuous if hazards else ()
        return (
            self.time(row.survival.time)
            or any(map(self.category, levels))
            or any(map(self.measure, measures))
        )
