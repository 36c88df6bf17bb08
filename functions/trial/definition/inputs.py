"""What the parts of a definition read of a subject: their inputs, found by following references.

An input is a kind of record, the results of a reported parameter, or what follows from all records
together: the last contact, what is due, when visits took place. A part whose inputs did not change
counts what it counted before (`tables.components`). So an input too many costs a recomputation, and
one too few a wrong number: every text that could name something is taken to name it, and a part of
a type that nothing is said of here reads anything.

What nearly all parts read (enrolment, arm, first dose, end of study, death: `COURSE`) is no input
of any: where it changes, all is counted anew.
"""

from collections.abc import Mapping
from decimal import Decimal
from types import NoneType
from typing import Any

from trial.definition import Definition
from trial.definition.base import Level, Model
from trial.definition.conditions import (
    AdverseEventFilter,
    AnalysisSet,
    Class,
    Classes,
    Coincident,
    Condition,
    EventDate,
    Measure,
    RecordDate,
    ResultDate,
    Span,
    TimeToEvent,
)
from trial.definition.design import reported_sources
from trial.definition.exposure import Exposure
from trial.definition.flow import FlowBox, FlowDefinition, FlowStage, Identity
from trial.definition.intervals import IntervalDefinition
from trial.definition.outputs import (
    Ancova,
    CellRef,
    Cross,
    Deltas,
    Durations,
    EventRate,
    Excess,
    HazardRatio,
    Incidence,
    Levels,
    Logistic,
    MarginDefinition,
    Mmrm,
    MultipleImputation,
    Pooling,
    RecordTerms,
    Resolution,
    RestrictedMean,
    SetDenominator,
    Shift,
    Stratified,
    Subgroups,
    Survival,
    TableColumn,
    TableRow,
    Terms,
    Worst,
    WorstGrade,
    WorstRow,
)
from trial.definition.reporting import CompletionDefinition
from trial.events.kinds import ADVERSE_EVENT, CODINGS, DOSES, MISSED_DOSES, derived_fields
from trial.events.payloads import ERASURE, KINDS

COURSE = frozenset({
    "subject.enrolled", "subject.randomised", "subject.superseded", "regimen.started",
    "disposition.recorded", "death.reported", ERASURE,
})  # fmt: skip
"""Kinds that decide how all other records are read; of doses the first is one too."""
ANYTHING = "anything"
CONTACT = "last contact"
"""The last day on which anything is recorded."""
DUE = "due"
"""Which visits and baselines the last contact has left behind; of each see `due_input`."""
BASELINE = ""
"""Stands for a visit's id where a result before the first dose is meant."""
VISITS = "days of visits"
"""Which visits took place or were missed, and when."""
RESULTS = "results"
"""Those of all parameters."""

_NOTHING = frozenset[str]()
_UNKNOWN = frozenset({ANYTHING})
_PLAIN = frozenset((bool, int, Decimal, NoneType))
"""Types of what names nothing."""
_AT_RISK = frozenset({CONTACT, DOSES})
_EVENTS = frozenset({ADVERSE_EVENT, CODINGS[ADVERSE_EVENT], DOSES})

_OF_TYPE: Mapping[type[Model], frozenset[str]] = {
    **dict.fromkeys(
        (
            *(Ancova, AnalysisSet, CellRef, Class, Classes, Coincident, CompletionDefinition),
            *(Condition, Cross, Deltas, Durations, EventDate, Excess, FlowBox, FlowDefinition),
            *(FlowStage, HazardRatio, Identity, IntervalDefinition, Level, Levels, Logistic),
            *(MarginDefinition, Measure, Mmrm, MultipleImputation, Pooling, RecordDate),
            *(RecordTerms,),
            *(RestrictedMean, ResultDate, SetDenominator, Shift, Span, Stratified, Subgroups),
            *(Survival, TableColumn, TableRow, Terms, Worst, WorstGrade, WorstRow),
        ),
        _NOTHING,
    ),
    AdverseEventFilter: _EVENTS,
    EventRate: _AT_RISK,
    Exposure: frozenset({DOSES, MISSED_DOSES}),
    Incidence: _AT_RISK,
    Resolution: _AT_RISK,
    TimeToEvent: frozenset({CONTACT}),
}
"""What a part of a type reads beside what the parts in it and its references do."""
_OF_DATE: Mapping[str, frozenset[str]] = {
    "last-dose": frozenset({DOSES}),
    "last-contact": frozenset({CONTACT}),
}
"""The dates that are of no kind which a definition names."""


def parameter_input(name: str) -> str:
    """Return the input that the results of a reported parameter are."""
    return f"parameter {name}"


def due_input(visit: str) -> str:
    """Return the input that it is whether a visit is due, or a baseline."""
    return f"due {visit}"


def kind_inputs(kind: str) -> frozenset[str]:
    """Return what the records of a kind depend on, with what is derived of them."""
    coding = {CODINGS[kind]} if kind in CODINGS else _NOTHING
    return frozenset({kind, DOSES, *coding}) if derived_fields(kind) else frozenset({kind})


class Inputs:
    """Tells what the parts of one definition read."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._named = (
            definition.conditions,
            definition.measures,
            definition.classes,
            definition.times,
            definition.sets,
        )
        self._own: dict[str, tuple[frozenset[str], tuple[object, ...]]] = {}
        self._of_visit = {visit.id: frozenset({due_input(visit.id)}) for visit in definition.visits}

    def of(self, *parts: object) -> frozenset[str]:
        """Return the inputs of some parts together, and of all that they refer to."""
        inputs = set[str]()
        waiting: list[Any] = list(parts)
        names = set[str]()
        while waiting:
            part = waiting.pop()
            form = type(part)
            if form is str:
                if part not in names:
                    names.add(part)
                    own, referred = self._of_name(part)
                    inputs |= own
                    waiting += referred
            elif form in (list, tuple):
                waiting += part
            elif isinstance(part, Model):
                inputs |= _OF_TYPE.get(form, _UNKNOWN)
                if isinstance(part, Measure | Condition):
                    inputs |= self._of_days(part)
                waiting += [value for value in part.__dict__.values() if type(value) not in _PLAIN]
            elif isinstance(part, dict):
                waiting += (*part, *part.values())
        return frozenset(inputs)

    def _of_days(self, part: Measure | Condition) -> frozenset[str]:
        """Return what a measure, or results that come together, reads beside the results."""
        inputs = _NOTHING if part.days_after_last_dose is None else frozenset({DOSES})
        if isinstance(part, Condition) or part.parameter is None:
            return inputs
        if part.missing in ("locf", "locf-visit"):  # one without a window closes as the next opens
            inputs |= {VISITS}
        if part.without_date:  # its row says at which visits
            return inputs.union(*self._of_visit.values())
        places = part.at_visits or () if part.after is not None else (str(part.at),)
        of_baseline = frozenset({due_input(BASELINE)})
        return inputs.union(*(self._of_visit.get(place, of_baseline) for place in places))

    def _of_name(self, name: str) -> tuple[frozenset[str], tuple[object, ...]]:
        """Return what a text reads, whatever it may name, and the parts that it may name."""
        if name not in self._own:
            referred = tuple(parts[name] for parts in self._named if name in parts)
            if (in_place := self._definition.written_in_place(name)) is not None:
                referred += (in_place[0],)
            own = _OF_DATE.get(name, _NOTHING)
            if name in KINDS:
                own |= kind_inputs(name)
            parameters = self._definition.parameters
            if name in parameters:
                own |= frozenset(map(parameter_input, reported_sources(parameters, name)))
            self._own[name] = own, referred
        return self._own[name]
