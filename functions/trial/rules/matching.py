"""Tests of records, adverse events and values, compiled from a definition once for all subjects."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from itertools import chain, count
from typing import Any

from trial.definition.base import BOUNDS, Bounds
from trial.definition.conditions import (
    AdverseEventFilter,
    TermGroup,
    Where,
)
from trial.definition.precision import Precision, decimals_of
from trial.definition.study import Study
from trial.errors import FieldError, Rejected, UnknownName
from trial.events.fields import term
from trial.events.kinds import DECIDING_DATE
from trial.events.payloads import KINDS, field_types
from trial.subject.adverse_events import AdverseEvent
from trial.subject.codings import NOT_CODED
from trial.subject.derivation import Derivation
from trial.subject.derived_fields import Unknown
from trial.subject.results import Value
from trial.subject.truth import Truth, all_true, any_true

Test = Callable[[Derivation], Truth]
Matcher = Callable[[Mapping[str, Any]], Truth]
"""Returns whether a record's data match; None where a value that is asked for is not known."""
EventMatcher = Callable[[AdverseEvent], Truth]
"""Returns whether an adverse event matches; None where a field that is asked for is missing."""

_KEYS = count()
_NOT_EVALUATED: Any = object()


def memoised[Result](evaluate: Callable[[Derivation], Result]) -> Callable[[Derivation], Result]:
    """Evaluate once a subject, however many tables need the result."""
    key = next(_KEYS)

    def evaluated_once(derivation: Derivation) -> Result:
        memo = derivation.memo
        result: Result = memo.get(key, _NOT_EVALUATED)
        if result is _NOT_EVALUATED:
            result = memo[key] = evaluate(derivation)
        return result

    return evaluated_once


def refused(path: str, detail: str) -> Rejected:
    """Return the refusal of a definition, with the path of its fault."""
    return Rejected(422, "Definition not accepted", "", FieldError(path, detail))


def undefined(kind: str, name: str, owner: str = "this definition") -> str:
    """State that a name is not one of the kind that its owner defines."""
    article = "an" if kind[0] in "aeiou" else "a"
    return f"is not {article} {kind} of {owner}: {name}"


def unknown(path: str, kind: str, name: str) -> Rejected:
    """Return the refusal of a definition that refers to a name it does not define."""
    fault = UnknownName(path, undefined(kind, name))
    return Rejected(422, "Definition not accepted", "", fault)


def check_kind(kind: str, path: str) -> None:
    """Refuse a kind of event that is not known."""
    if kind not in KINDS:
        raise unknown(path, "kind of event", kind)


def check_dated(kind: str, path: str) -> str:
    """Return the field that says when records of a kind happened; refuse a kind without a date."""
    field = DECIDING_DATE.get(kind, "date")
    if field not in field_types(kind):
        alternative = _ALTERNATIVES.get(kind, "name a kind of event that has a date")
        raise refused(f"{path}/recorded", f"is a kind of event without a date: {alternative}")
    return field


_ALTERNATIVES = {
    "adverse-event.coded": "for the onset of events coded so, write `adverse_event` with its terms"
}


def matcher(where: Where) -> Matcher:
    """Return the test of a record's fields: each must equal the value named, or one of several."""
    values_by_field = {
        name: frozenset(map(term, [value] if isinstance(value, str) else value))
        for name, value in where.items()
    }

    def matches(data: Mapping[str, Any]) -> Truth:
        truth: Truth = True
        for name, values in values_by_field.items():
            value = data.get(name)
            match = _may_match if isinstance(value, Unknown) else _matches_any
            if (field_matches := match(value, values)) is False:
                return False
            if field_matches is None:
                truth = None
        return truth

    return matches


def _matches_any(value: object, accepted: frozenset[str]) -> Truth:
    """Return whether a value equals an accepted one: text as a term, a number, any of a list."""
    match value:
        case str():
            return term(value) in accepted
        case None:
            return "" in accepted
        case bool():
            return not accepted.isdisjoint((str(value), str(value).lower()))
        case int() | Decimal():
            return any(_number(text) == value for text in accepted)
        case list():
            return any_true(_matches_any(item, accepted) for item in value or [None])
        case _:
            return False


def _may_match(value: object, accepted: frozenset[str]) -> Truth:
    """Return whether a value that is not known is asked for: as such, or as what stands for it."""
    return None if accepted.isdisjoint(("", value)) else True


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


_JUDGED = ("emergent", "related")
_FIELDS = ("serious", "action_taken", "outcome")
OPTIONAL_FIELDS: Mapping[str, str] = {
    "grade": "grade",
    "grade_at_least": "grade",
    "severity": "severity",
    "seriousness": "criteria of seriousness",
    "action_taken": "action taken",
    "outcome": "outcome",
    "treatment": "onset",
    "groups": "preferred term",
    "terms": "preferred term",
    "onset_days": "onset",
}
"""The parts of a filter that ask for a field which an event may lack, and the field's name."""


def optional_fields(event_filter: AdverseEventFilter) -> list[str]:
    """Return the names of the fields that a filter asks for and an adverse event may lack."""
    return list(
        dict.fromkeys(
            OPTIONAL_FIELDS[name] for name in OPTIONAL_FIELDS if getattr(event_filter, name)
        )
    )


def event_matcher(event_filter: AdverseEventFilter, groups: Sequence[TermGroup]) -> EventMatcher:
    """Return the test of an adverse event: every part that is given must hold.

    A part that asks for a missing field leaves the event undetermined, unless another part fails.
    """
    parts: list[EventMatcher] = [
        *(
            _derived_equal(name, value)
            for name in _JUDGED
            if (value := getattr(event_filter, name)) is not None
        ),
        *(
            _equal(name, value)
            for name in _FIELDS
            if (value := getattr(event_filter, name)) is not None
        ),
    ]
    if grades := event_filter.grades:
        parts.append(_reported("grade", lambda grade: grade in grades))
    if (least := event_filter.grade_at_least) is not None:
        parts.append(_reported("grade", lambda grade: bool(grade >= least)))
    if event_filter.severity:
        parts.append(_reported("severity", lambda severity: severity in event_filter.severity))
    if event_filter.treatment is not None:
        parts.append(_under(event_filter.treatment))
    if event_filter.seriousness is not None:
        parts.append(_serious_for(event_filter.seriousness))
    if event_filter.terms or event_filter.groups:
        grouped_terms = [
            group.of_scope(event_filter.scope)
            for group in groups
            if group.label in event_filter.groups
        ]
        terms = map(
            term,
            [*event_filter.terms, *(name for group_terms in grouped_terms for name in group_terms)],
        )
        parts.append(_coded_as(frozenset(terms)))
    if event_filter.grouped is not None:
        all_terms = (group.of_scope(event_filter.scope) for group in groups)
        parts.append(_grouped(frozenset(map(term, chain(*all_terms))), event_filter.grouped))
    if event_filter.onset_days is not None:
        parts.append(_begun_within(*event_filter.onset_days))
    return lambda event: all_true(part(event) for part in parts)


def adverse_event_matcher(
    study: Study, event_filter: AdverseEventFilter, path: str
) -> EventMatcher:
    """Return the test of adverse events; refuse groups of terms that the study does not define."""
    groups = study.definition.adverse_events.groups
    if event_filter.scope is not None and not event_filter.asks_for_groups:
        raise refused(f"{path}/scope", "is that of groups, and none are named beside it")
    for name in event_filter.groups:
        if name not in {group.label for group in groups}:
            raise unknown(f"{path}/groups", "group of terms", name)
    return event_matcher(event_filter, groups)


def _derived_equal(name: str, value: object) -> EventMatcher:
    return lambda event: bool(getattr(event, name) == value)


def _reported(field: str, holds: Callable[[Any], bool]) -> EventMatcher:
    def matches(event: AdverseEvent) -> Truth:
        value = event.data.get(field)
        return None if value is None else holds(value)

    return matches


def _equal(field: str, value: object) -> EventMatcher:
    return _reported(field, lambda reported: bool(reported == value))


def _under(treatment: str) -> EventMatcher:
    """Match the treatment at the onset; without an onset it is not known."""

    def matches(event: AdverseEvent) -> Truth:
        return event.treatment == treatment if event.data.get("onset") else None

    return matches


def _begun_within(first: int | None, last: int | None) -> EventMatcher:
    """Match the study day of the onset; without an onset it is not known."""

    def matches(event: AdverseEvent) -> Truth:
        if event.onset is None:
            return None
        day = event.study_day
        return day is not None and (first is None or day >= first) and (last is None or day <= last)

    return matches


def _serious_for(criterion: str) -> EventMatcher:
    """Match a criterion of seriousness; a serious event without any criterion is undetermined."""

    def matches(event: AdverseEvent) -> Truth:
        criteria = event.data.get("seriousness") or ()
        return None if event.data["serious"] and not criteria else criterion in criteria

    return matches


def _coded_as(terms: frozenset[str]) -> EventMatcher:
    not_coded_too = NOT_CODED in terms
    return lambda event: None if event.pt == NOT_CODED and not not_coded_too else event.pt in terms


def _grouped(terms: frozenset[str], wanted: bool) -> EventMatcher:  # noqa: FBT001 (as asked)
    return lambda event: (event.pt in terms) is wanted


def bounded(precision: Precision, bounds: Bounds, path: str) -> Callable[[Value], bool]:
    """Return the test of values of a precision; refuses bounds finer than rounded values."""
    max_decimals = None if precision.exact else precision.max_decimals
    for name in BOUNDS:
        bound = getattr(bounds, name)
        if max_decimals is not None and bound is not None and decimals_of(bound) > max_decimals:
            detail = f"has too many decimals: values are compared as rounded to {max_decimals}"
            raise refused(f"{path}/{name}", detail)
    return within(bounds, precision.places)


def within(bounds: Bounds, places: int) -> Callable[[Value], bool]:
    """Return the test of values in units of the last place, exact even where a bound has more.

    A value reported below a limit of quantification is below a threshold only if the limit does
    not exceed the threshold; a value reported above a limit is above it likewise.
    """

    def units(threshold: Decimal | None) -> int | Fraction | None:
        if threshold is None:
            return None
        exact = Fraction(threshold) * int(10**places)
        return exact.numerator if exact.denominator == 1 else exact  # integers compare faster

    at_least, more_than = units(bounds.at_least), units(bounds.more_than)
    at_most, below = units(bounds.at_most), units(bounds.below)

    def holds(value: Value) -> bool:
        low, high = value.units, value.units
        if value.operator.startswith("<"):
            high = value.bound
        above_bound, below_bound = value.operator == ">", value.operator == "<"
        unbounded = value.operator.startswith(">")
        return (
            (at_least is None or low >= at_least)
            and (more_than is None or low > more_than or (above_bound and low == more_than))
            and (at_most is None or (high <= at_most and not unbounded))
            and (
                below is None
                or (not unbounded and (high < below or (below_bound and high == below)))
            )
        )

    return holds
