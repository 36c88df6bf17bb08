"""A definition's measures and conditions, made ready to ask of a subject.

A condition is true, false, or None: missing, or not yet due. `all`, `any` and `none` combine the
three by Kleene's logic. What a definition names and does not define is refused with its path.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import count
from typing import Any

from trial import dates
from trial.derivation import DECIDING_DATE, Derivation, Observation, Value
from trial.errors import Fault, Rejected
from trial.messages import KINDS
from trial.study import AdverseEventFilter, Condition, Measure, Ref, Study
from trial.subject import Record

Truth = bool | None
Test = Callable[[Derivation], Truth]
Matcher = Callable[[Mapping[str, Any]], bool]

ENROLMENT_FIELDS = ("age", "sex", "race", "ethnicity", "country", "site", "investigator")


@dataclass(frozen=True)
class Quantity:
    """A measure in use: what it is called, its precision, its value of a subject."""

    label: str
    unit: str
    places: int
    order_places: int
    decimals: int
    evaluate: Callable[[Derivation], Value | None]
    due: Callable[[Derivation], bool]


def unknown(path: str, what: str, name: str) -> Rejected:
    """Refuse a definition that names something it does not define."""
    fault = Fault(path, f"names no {what} of this definition: {name}")
    return Rejected(422, "Definition not accepted", "", fault)


def check_fields(kind: str, where: Mapping[str, object], path: str) -> None:
    """Refuse a test of a field that no record of the kind has: it would hold of nobody."""
    for field in where:
        if field not in KINDS[kind].model_fields:
            raise unknown(f"{path}/{field}", f"field of {kind}", field)


def check_levels(study: Study, name: str, levels: Iterable[str], path: str) -> None:
    """Refuse a level that the characteristic cannot have."""
    known = study.definition.characteristics.get(name)
    for level in levels:
        if known is not None and known.levels is not None and level not in (*known.levels, ""):
            raise unknown(path, f"level of {name}", level)


def characteristic(derivation: Derivation, name: str) -> Any:  # noqa: ANN401 (as posted)
    """Look up a fact of enrolment, or the arm of randomisation; None where it is not known."""
    if name == "arm":
        randomised = derivation.ordered("subject.randomised")
        return randomised[0].data["arm"] if randomised else None
    if derivation.enrolment is None:
        return None
    data = derivation.enrolment.data
    return data.get(name) if name in ENROLMENT_FIELDS else data.get("characteristics", {}).get(name)


def matcher(where: Mapping[str, str | list[str]]) -> Matcher:
    """Make a test of a record's fields: each named one must equal the value, or one of several."""
    wanted = {
        name: frozenset([value] if isinstance(value, str) else value)
        for name, value in where.items()
    }

    def matches(data: Mapping[str, Any]) -> bool:
        return all(str(data.get(name, "")) in values for name, values in wanted.items())

    return matches


def event_matcher(wanted: AdverseEventFilter) -> Callable[[Any], bool]:
    """Make a test of an adverse event: every part that is given must hold."""
    parts: list[Callable[[Any], bool]] = []
    if wanted.emergent is not None:
        parts.append(lambda event: event.emergent is wanted.emergent)
    if wanted.related is not None:
        parts.append(lambda event: event.related is wanted.related)
    if wanted.serious is not None:
        parts.append(lambda event: event.data["serious"] is wanted.serious)
    if wanted.grade is not None:
        parts.append(lambda event: event.data.get("grade") == wanted.grade)
    if (least := wanted.grade_at_least) is not None:
        parts.append(lambda event: (event.data.get("grade") or 0) >= least)
    if wanted.seriousness is not None:
        parts.append(lambda event: wanted.seriousness in event.data.get("seriousness", ()))
    if wanted.action_taken is not None:
        parts.append(lambda event: event.data.get("action_taken") == wanted.action_taken)
    if wanted.outcome is not None:
        parts.append(lambda event: event.data.get("outcome") == wanted.outcome)
    if wanted.terms:
        parts.append(lambda event: event.pt in wanted.terms)
    return lambda event: all(part(event) for part in parts)


class Rules:
    """The compiled measures and conditions of one study."""

    def __init__(self, study: Study) -> None:
        """Compile every named measure and condition, so that a wrong name is found at once."""
        self.study = study
        self._keys = count()
        self._measures: dict[str, Quantity] = {}
        self._conditions: dict[str, Test] = {}
        self._open: set[str] = set()
        self._check_names()
        for name in study.definition.measures:
            self.measure(name, f"/measures/{name}")
        for name in study.definition.conditions:
            self.condition(name, f"/conditions/{name}")

    def _check_names(self) -> None:
        definition = self.study.definition
        for name, baseline in definition.baselines.items():
            if baseline.visit is not None and baseline.visit not in self.study.visits:
                raise unknown(f"/baselines/{name}/visit", "visit", baseline.visit)
        for name, parameter in definition.parameters.items():
            if parameter.log10_of is not None and parameter.log10_of not in definition.parameters:
                raise unknown(f"/parameters/{name}/log10_of", "parameter", parameter.log10_of)

    def measure(self, ref: str | Measure, path: str) -> Quantity:
        """Get a measure ready, by its name or as written in place."""
        if isinstance(ref, Measure):
            return self._quantity(ref, path)
        if ref not in self._measures:
            if ref not in self.study.definition.measures:
                raise unknown(path, "measure", ref)
            definition = self.study.definition.measures[ref]
            self._measures[ref] = self._quantity(definition, f"/measures/{ref}")
        return self._measures[ref]

    def condition(self, ref: Ref, path: str) -> Test:
        """Get a condition ready, by its name or as written in place."""
        if isinstance(ref, Condition):
            return self._memoised(self._test(ref, path))
        if ref not in self._conditions:
            if ref not in self.study.definition.conditions:
                raise unknown(path, "condition", ref)
            if ref in self._open:
                fault = Fault(path, f"the condition {ref} refers to itself")
                raise Rejected(422, "Definition not accepted", "", fault)
            self._open.add(ref)
            test = self._test(self.study.definition.conditions[ref], f"/conditions/{ref}")
            self._conditions[ref] = self._memoised(test)
        return self._conditions[ref]

    def _memoised[Result](
        self, evaluate: Callable[[Derivation], Result]
    ) -> Callable[[Derivation], Result]:
        key = next(self._keys)

        def remembered(derivation: Derivation) -> Result:
            memo = derivation.memo
            if key in memo:
                known: Result = memo[key]
                return known
            result = memo[key] = evaluate(derivation)
            return result

        return remembered

    # Measures

    def _quantity(self, measure: Measure, path: str) -> Quantity:
        if measure.characteristic is not None:
            return self._of_characteristic(measure, path)
        definition = self.study.definition
        if measure.parameter not in definition.parameters:
            raise unknown(path, "parameter", str(measure.parameter))
        parameter = definition.parameters[measure.parameter]
        observe, due = self._chosen(measure, path)
        evaluate = self._imputed(measure, observe, due)
        if (baseline := measure.decrease_from or measure.change_from) is not None:
            if baseline not in definition.baselines:
                raise unknown(path, "baseline", baseline)
            sign = -1 if measure.decrease_from else 1
            evaluate = _changed(evaluate, measure.parameter, baseline, sign)
        return Quantity(
            measure.label or parameter.label,
            parameter.unit,
            parameter.places,
            parameter.order_places,
            parameter.decimals,
            self._memoised(evaluate),
            self._memoised(due),
        )

    def _of_characteristic(self, measure: Measure, path: str) -> Quantity:
        name = str(measure.characteristic)
        definition = self.study.definition.characteristics.get(name)
        if definition is None and name not in ENROLMENT_FIELDS:
            raise unknown(path, "characteristic", name)
        places = definition.places if definition else 0

        def evaluate(derivation: Derivation) -> Value | None:
            number = characteristic(derivation, name)
            if number is None or isinstance(number, str):
                return None
            scaled = Decimal(number).scaleb(places)
            return Value(int(scaled.to_integral_value("ROUND_HALF_UP")))

        return Quantity(
            measure.label or (definition.label if definition else name.capitalize()),
            definition.unit if definition else "",
            places,
            definition.order_places if definition else 0,
            definition.decimals if definition else 0,
            self._memoised(evaluate),
            lambda derivation: derivation.enrolment is not None,
        )

    def _chosen(
        self, measure: Measure, path: str
    ) -> tuple[Callable[[Derivation], Observation | None], Callable[[Derivation], bool]]:
        name, parameter = str(measure.at), str(measure.parameter)
        if (visit := self.study.visits.get(name)) is not None:
            return (
                lambda derivation: derivation.at_visit(parameter, visit),
                lambda derivation: derivation.due(visit),
            )
        if name not in self.study.definition.baselines:
            raise unknown(path, "visit or baseline", name)
        return (
            lambda derivation: derivation.at_baseline(parameter, name),
            Derivation.baseline_due,
        )

    def _imputed(
        self,
        measure: Measure,
        observe: Callable[[Derivation], Observation | None],
        due: Callable[[Derivation], bool],
    ) -> Callable[[Derivation], Value | None]:
        parameter = str(measure.parameter)
        baseline = measure.decrease_from or measure.change_from or ""
        visit = self.study.visits.get(str(measure.at))

        def evaluate(derivation: Derivation) -> Value | None:
            if (observation := observe(derivation)) is not None:
                return observation.value
            if measure.missing == "observed" or not due(derivation):
                return None
            stand_in = None
            if measure.missing == "locf" and visit is not None:
                stand_in = derivation.last_until(parameter, visit)
            if stand_in is None and baseline:
                stand_in = derivation.at_baseline(parameter, baseline)
            return Value(stand_in.value.units, imputed=True) if stand_in else None

        return evaluate

    # Conditions

    def _test(self, condition: Condition, path: str) -> Test:
        for name, combine in (("all", _every), ("any", _some), ("none", _no)):
            if (refs := getattr(condition, name)) is not None:
                tests = [self.condition(ref, f"{path}/{name}/{i}") for i, ref in enumerate(refs)]
                return combine(tests)
        if condition.recorded is not None:
            return self._recorded(condition, path)
        if condition.characteristic is not None:
            return self._of_levels(condition, path)
        if condition.adverse_event is not None:
            matches = event_matcher(condition.adverse_event)
            return lambda derivation: any(map(matches, derivation.adverse_events))
        return self._threshold(condition, path)

    def _recorded(self, condition: Condition, path: str) -> Test:
        kind = str(condition.recorded)
        if kind not in KINDS:
            raise unknown(path, "kind of event", kind)
        check_fields(kind, condition.where, f"{path}/where")
        matches = matcher(condition.where)
        field = DECIDING_DATE.get(kind, "date")
        period = condition.period
        if period is not None and period not in {p.id for p in self.study.definition.periods}:
            raise unknown(path, "period", period)

        def meant(derivation: Derivation, record: Record) -> bool:
            if not matches(record.data):
                return False
            if period is None:
                return True
            text = record.data.get(field)
            return bool(text) and period == derivation.period_of(dates.earliest(text))

        return lambda derivation: any(meant(derivation, each) for each in derivation.records(kind))

    def _of_levels(self, condition: Condition, path: str) -> Test:
        name = str(condition.characteristic)
        known = (*ENROLMENT_FIELDS, "arm", *self.study.definition.characteristics)
        if name not in known:
            raise unknown(path, "characteristic", name)
        check_levels(self.study, name, condition.levels, f"{path}/levels")
        levels = frozenset(condition.levels)

        def test(derivation: Derivation) -> Truth:
            value = characteristic(derivation, name)
            return None if value is None else str(value) in levels

        return test

    def _threshold(self, condition: Condition, path: str) -> Test:
        assert condition.measure is not None
        quantity = self.measure(condition.measure, path)
        within = _within(condition, quantity.places)
        failure = condition.missing == "failure"

        def test(derivation: Derivation) -> Truth:
            value = quantity.evaluate(derivation)
            if value is not None:
                return within(value)
            return False if failure and quantity.due(derivation) else None

        return test


def _changed(
    evaluate: Callable[[Derivation], Value | None], parameter: str, baseline: str, sign: int
) -> Callable[[Derivation], Value | None]:
    def change(derivation: Derivation) -> Value | None:
        value = evaluate(derivation)
        base = derivation.at_baseline(parameter, baseline) if value is not None else None
        if value is None or base is None:
            return None
        return Value(sign * (value.units - base.value.units), imputed=value.imputed)

    return change


def _every(tests: list[Test]) -> Test:
    def test(derivation: Derivation) -> Truth:
        truth: Truth = True
        for each in tests:
            if (result := each(derivation)) is False:
                return False
            if result is None:
                truth = None
        return truth

    return test


def _some(tests: list[Test]) -> Test:
    def test(derivation: Derivation) -> Truth:
        truth: Truth = False
        for each in tests:
            if (result := each(derivation)) is True:
                return True
            if result is None:
                truth = None
        return truth

    return test


def _no(tests: list[Test]) -> Test:
    some = _some(tests)

    def test(derivation: Derivation) -> Truth:
        result = some(derivation)
        return None if result is None else not result

    return test


def _within(condition: Condition, places: int) -> Callable[[Value], bool]:
    """Compare in units of the last place, so that no threshold is lost to a float.

    A value reported below a limit of quantification lies below a threshold only if that limit
    does not exceed the threshold; one reported above a limit lies above it likewise.
    """

    def units(threshold: Decimal | None, rounding: str, default: int | None = None) -> int | None:
        if threshold is None:
            return default
        return int(threshold.scaleb(places).to_integral_value(rounding))

    at_least = units(condition.at_least, ROUND_CEILING)
    more_than = units(condition.more_than, ROUND_FLOOR)
    at_most = units(condition.at_most, ROUND_FLOOR)
    below = units(condition.below, ROUND_CEILING)

    def within(value: Value) -> bool:
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

    return within
