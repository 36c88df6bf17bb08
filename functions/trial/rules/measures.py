"""Measures: a number per subject, with its precision and whether it is due."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cached_property

from trial.deferred import dataclass
from trial.definition.base import Bounds
from trial.definition.conditions import (
    CHANGES,
    MEASURE_FORMS,
    MOST_ABNORMAL,
    PREVIOUS_VISIT,
    AfterFirstDose,
    Measure,
    Selection,
    selection,
)
from trial.definition.design import Visit
from trial.definition.precision import PERCENT, WHOLE, Precision
from trial.definition.study import Study
from trial.events.kinds import derived_fields
from trial.rules.categories import ENROLMENT_FIELDS, characteristic
from trial.rules.dating import date, days_between
from trial.rules.exposure import exposure
from trial.rules.matching import (
    Test,
    bounded,
    check_kind,
    matcher,
    memoised,
    refused,
    unknown,
)
from trial.rules.registry import Registry
from trial.subject.derivation import Derivation
from trial.subject.results import EXACT, Observation, Value, value_of
from trial.subject.series import Series
from trial.subject.truth import Truth

_DECREASE = "a positive number is a decrease"
_CHANGE = "a negative number is a decrease"
_LESS = "a positive number means that the first is greater"

Observe = Callable[[Series], Observation | None]
Evaluate = Callable[[Derivation], Value | None]
Due = Callable[[Derivation], bool]
Find = Callable[[Derivation], Observation | None]


@dataclass(frozen=True)
class Source:
    """A result that a measure's value is of: itself, the baseline, or what stands in for it."""

    role: str
    """`value`, `baseline` of a change, or `carried` for a value that is missing."""
    observation: Observation


FindSources = Callable[[Derivation], Iterator[Source]]


def _no_sources(_: Derivation) -> Iterator[Source]:
    return iter(())


@dataclass(frozen=True)
class Change:
    """What a change is made of: the value and the baseline that it is from, in their precision."""

    kind: str
    value: Evaluate
    baseline: Evaluate
    precision: Precision


@dataclass(frozen=True)
class Quantity:
    """A compiled measure: its label, unit and precision, and its value for a subject.

    `direction` says what the sign of a change means. A measure that is `scheduled` may still come
    as the trial goes on: until it is due, it is pending and not missing.
    """

    label: str
    unit: str
    precision: Precision
    evaluate: Evaluate
    due: Due
    direction: str = ""
    scheduled: bool = False
    change: Change | None = None
    not_done: Test | None = None
    """Tests whether the result that it is of is reported as not done; None of other measures.

    False where there is a result or, once it is due, none without such a report.
    """
    sources: FindSources = _no_sources
    """Yields the results that the value of a subject is of; none where it is of other measures."""

    @property
    def places(self) -> int:
        """The decimals that its values are kept to, in units of the last place."""
        return self.precision.places

    def within(self, bounds: Bounds, path: str) -> Callable[[Value], bool]:
        """Return the test of its values; refuses a bound with more decimals than are kept."""
        return bounded(self.precision, bounds, path)

    def pending(self, derivation: Derivation) -> bool:
        """Return whether a subject in the trial has no value because it is not yet due."""
        awaited = self.scheduled and derivation.begun and not self.due(derivation)
        return awaited and self.evaluate(derivation) is None


class Measures:
    """The measures of one study, compiled when they are first asked for."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.named = Registry("measure", study.definition.measures, self._named_measure)

    def get(self, ref: str | Measure, path: str) -> Quantity:
        """Return a measure, by its name or as written in place."""
        if isinstance(ref, Measure):
            return self._quantity(ref, path)
        return self.named.get(ref, path)

    def _named_measure(self, name: str) -> Quantity:
        return self._quantity(self.study.definition.measures[name], f"/measures/{name}")

    def _quantity(self, measure: Measure, path: str) -> Quantity:
        compilers: Mapping[str, Callable[[Measure, str], Quantity]] = {
            "characteristic": self._characteristic_measure,
            "parameter": self._parameter_measure,
            "records": _records_measure,
            "days": self._days_measure,
            "exposure": _exposure_measure,
            "by_arm": self._measure_by_arm,
            "difference": self._difference_measure,
        }
        form = next(name for name in MEASURE_FORMS if getattr(measure, name) is not None)
        return compilers[form](measure, path)

    def _parameter_measure(self, measure: Measure, path: str) -> Quantity:
        name, definition = str(measure.parameter), self.study.definition
        if name not in definition.parameters:
            raise unknown(path, "parameter", name)
        parameter = definition.parameters[name]
        where = selection(measure.where)
        self._check_not_averaged(measure, path)
        observe, due = self._observation_of(measure, path)
        choose = self._choice(measure, where, observe, due)
        quantity = Quantity(
            measure.label or parameter.label,
            parameter.unit,
            self._precision(name),
            self._imputed(name, choose),
            memoised(due),
            scheduled=True,
            not_done=_not_done_test(measure, where, observe, due),
            sources=lambda derivation: _sources(choose(derivation)),
        )
        if (baseline := measure.baseline) is not None:
            if baseline not in definition.baselines and not self._from_previous_visit(measure):
                raise unknown(path, "baseline", baseline)
            self._check_previous_visit(measure, path)
            find_baseline = self._baseline(measure, where)
            convert = self._converter(name)

            def base(derivation: Derivation) -> Value | None:
                observation = find_baseline(derivation)
                return convert(observation) if observation else None

            quantity = _change_from_baseline(quantity, measure, base)
            quantity = replace(quantity, sources=_with_baseline(quantity.sources, find_baseline))
        return replace(quantity, evaluate=memoised(quantity.evaluate))

    def _precision(self, parameter: str) -> Precision:
        """Return the precision of a parameter's measures: a mean of results has no last decimal."""
        definition = self.study.definition.parameters[parameter]
        if self._averages and definition.grades is None:
            return definition.precision.averaged()
        return definition.precision

    @cached_property
    def _averages(self) -> bool:
        """Whether a visit takes the mean of several results."""
        return any(visit.averages for visit in self.study.definition.visits)

    def _converter(self, parameter: str) -> Callable[[Observation], Value]:
        """Return the conversion of a result, or a mean of results, to a measure's precision."""
        parameter_precision = self.study.definition.parameters[parameter].precision
        precision = self._precision(parameter)
        return lambda observation: observation.at(parameter_precision, precision)

    def _from_previous_visit(self, measure: Measure) -> bool:
        """Return whether a change is from the visit before; a baseline of that name is meant."""
        baseline = measure.baseline
        return baseline == PREVIOUS_VISIT and baseline not in self.study.definition.baselines

    def _check_previous_visit(self, measure: Measure, path: str) -> None:
        """Refuse a change from the visit before of what is at no visit, or is carried forward."""
        if not self._from_previous_visit(measure):
            return
        if measure.at not in self.study.visits:
            raise refused(path, f"a change from {PREVIOUS_VISIT} must be `at` a visit")
        if measure.missing == "bocf":
            raise refused(path, f"`missing: bocf` needs a baseline, which {PREVIOUS_VISIT} is not")

    def _baseline(self, measure: Measure, where: Selection) -> Find:
        """Return the finder of the result that a change is from."""
        parameter, baseline = str(measure.parameter), str(measure.baseline)
        visit = self.study.visits.get(str(measure.at))
        previous = visit is not None and self._from_previous_visit(measure)

        def find(derivation: Derivation) -> Observation | None:
            series = derivation.series(parameter, where)
            if previous and visit is not None:
                return series.before_visit(visit)
            return series.at_baseline(baseline)

        return find

    def _characteristic_measure(self, measure: Measure, path: str) -> Quantity:
        name = str(measure.characteristic)
        definition = self.study.definition.characteristics.get(name)
        if definition is None and name not in ENROLMENT_FIELDS:
            raise unknown(path, "characteristic", name)
        precision = definition.precision if definition else WHOLE

        def evaluate(derivation: Derivation) -> Value | None:
            number = characteristic(derivation, name)
            if number is None or isinstance(number, str):
                return None
            return value_of(Decimal(number), precision)

        return Quantity(
            measure.label or (definition.label if definition else name.capitalize()),
            definition.unit if definition else "",
            precision,
            memoised(evaluate),
            lambda derivation: derivation.enrolment is not None,
        )

    def _measure_by_arm(self, measure: Measure, path: str) -> Quantity:
        assert measure.by_arm is not None
        arms = {arm.id for arm in self.study.definition.arms}
        quantities = {}
        for arm, ref in measure.by_arm.items():
            if arm not in arms:
                raise unknown(f"{path}/by_arm/{arm}", "arm", arm)
            quantities[arm] = self.get(ref, f"{path}/by_arm/{arm}")
        first = _first_of_one_unit(list(quantities.values()), f"{path}/by_arm")
        directions = dict.fromkeys(arm_quantity.direction for arm_quantity in quantities.values())

        def evaluate(derivation: Derivation) -> Value | None:
            quantity = quantities.get(derivation.planned_arm or "")
            return quantity.evaluate(derivation) if quantity else None

        def due(derivation: Derivation) -> bool:
            quantity = quantities.get(derivation.planned_arm or "")
            return quantity is not None and quantity.due(derivation)

        return replace(
            first,
            label=measure.label or first.label,
            evaluate=evaluate,
            due=due,
            direction="; ".join(filter(None, directions)),
            change=None,
            not_done=None,
            sources=_no_sources,
        )

    def _difference_measure(self, measure: Measure, path: str) -> Quantity:
        assert measure.difference is not None
        difference_path = f"{path}/difference"
        first, second = (
            self.get(ref, f"{difference_path}/{i}") for i, ref in enumerate(measure.difference)
        )
        precision = _first_of_one_unit([first, second], difference_path).precision

        def evaluate(derivation: Derivation) -> Value | None:
            minuend, subtrahend = first.evaluate(derivation), second.evaluate(derivation)
            if minuend is None or subtrahend is None:
                return None
            return replace(
                _subtract(minuend, subtrahend, precision),
                imputed=minuend.imputed or subtrahend.imputed,
            )

        return replace(
            first,
            label=measure.label or first.label,
            precision=precision,
            evaluate=memoised(evaluate),
            due=lambda derivation: first.due(derivation) and second.due(derivation),
            direction=_LESS,
            change=None,
            not_done=None,
            sources=_no_sources,
        )

    def _days_measure(self, measure: Measure, path: str) -> Quantity:
        assert measure.days is not None
        days = days_between(
            date(self.study, measure.days.start, f"{path}/days/start"),
            date(self.study, measure.days.end, f"{path}/days/end"),
        )

        def evaluate(derivation: Derivation) -> Value | None:
            days_apart = days(derivation)
            return None if days_apart is None else Value(days_apart)

        def due(derivation: Derivation) -> bool:
            return derivation.over or evaluate(derivation) is not None

        return Quantity(
            measure.label or "Days", "days", WHOLE, memoised(evaluate), due, scheduled=True
        )

    def _observation_of(self, measure: Measure, path: str) -> tuple[Observe, Due]:
        name = measure.at
        if (rule := measure.after) is not None:
            parameter = self.study.definition.parameters[str(measure.parameter)]
            if rule.choice == MOST_ABNORMAL and parameter.is_derived:
                detail = "must be of a reported parameter: a derived one has no reference range"
                raise refused(f"{path}/after_first_dose", detail)
            return lambda series: series.after_first_dose(rule), self._due_after(rule, path)
        if name is None:
            raise refused(path, "a measure of a parameter must have `at` or `after_first_dose`")
        if (visit := self.study.visits.get(name)) is not None:
            return lambda series: series.at_visit(visit), lambda derivation: derivation.due(visit)
        if name not in self.study.definition.baselines:
            raise unknown(path, "visit or baseline", name)
        return lambda series: series.at_baseline(name), lambda derivation: derivation.baseline_due()

    def _due_after(self, rule: AfterFirstDose, path: str) -> Due:
        """Return whether no more result can come: all visits are due, or the study is over."""
        for name in rule.visits:
            if name not in self.study.visits:
                raise unknown(f"{path}/at_visits", "visit", name)
        visits = [self.study.visits[name] for name in rule.visits]
        if not visits:
            return lambda derivation: derivation.over
        return lambda derivation: all(map(derivation.due, visits))

    def _check_not_averaged(self, measure: Measure, path: str) -> None:
        """Refuse the grade at a visit that takes the mean of results: grades have no mean."""
        if self.study.definition.parameters[str(measure.parameter)].grades is None:
            return
        for visit in self._visits(measure):
            if visit.averages:
                detail = f"the visit {visit.id} takes the mean of results, and grades have none"
                raise refused(path, detail)

    def _visits(self, measure: Measure) -> Iterator[Visit]:
        """Yield the visits whose results a measure may take: its own, the baseline's, others."""
        visits, baselines = self.study.visits, self.study.definition.baselines
        for place in filter(None, (measure.at, measure.baseline)):
            name = str(baselines[place].visit) if place in baselines else place
            if name in visits:
                yield visits[name]
        visit = visits.get(str(measure.at))
        if visit and (measure.missing == "locf-visit" or self._from_previous_visit(measure)):
            yield from (part for part in visits.values() if part.schedule == visit.schedule)

    def _imputed(self, parameter: str, choose: "Choose") -> Evaluate:
        """Return the value of the result that counts; a stand-in has no limit of quantification."""
        convert = self._converter(parameter)

        def evaluate(derivation: Derivation) -> Value | None:
            choice = choose(derivation)
            if choice is None:
                return None
            value = convert(choice.observation)
            if not choice.imputed:
                return value
            return replace(value, operator="", bound=0, imputed=True, baseline=choice.baseline)

        return evaluate

    def _choice(self, measure: Measure, where: Selection, observe: Observe, due: Due) -> "Choose":
        """Return the finder of the result that counts, or of what stands in for one missing."""
        parameter, baseline = str(measure.parameter), measure.baseline or ""
        if self._from_previous_visit(measure):
            baseline = ""
        visit = self.study.visits.get(str(measure.at))

        def choose(derivation: Derivation) -> _Chosen | None:
            series = derivation.series(parameter, where)
            if (observation := observe(series)) is not None:
                return _Chosen(observation)
            if measure.missing == "observed" or not due(derivation):
                return None
            stand_in = None
            if measure.missing == "locf" and visit is not None:
                stand_in = series.carried(visit, baseline)
            if measure.missing == "locf-visit" and visit is not None:
                stand_in = series.carried_visit(visit, baseline)
            if stand_in is not None:
                return _Chosen(stand_in, imputed=True)
            base = series.at_baseline(baseline) if baseline else None
            return _Chosen(base, imputed=True, baseline=True) if base is not None else None

        return choose


@dataclass(frozen=True)
class _Chosen:
    """The result that counts for a measure; or what stands in for it, the baseline or another."""

    observation: Observation
    imputed: bool = False
    baseline: bool = False


Choose = Callable[[Derivation], _Chosen | None]


def _not_done_test(measure: Measure, where: Selection, observe: Observe, due: Due) -> Test:
    """Return the test of whether, where a result would be taken, it is reported as not done.

    Of what has no value none is extreme: after the first dose any report will do.
    """
    parameter, after = str(measure.parameter), measure.after
    any_after = after and replace(after, choice="first")

    def report(series: Series) -> Observation | None:
        return series.after_first_dose(any_after) if any_after else observe(series)

    def not_done(derivation: Derivation) -> Truth:
        if observe(derivation.series(parameter, where)) is not None:
            return False
        if report(derivation.not_done(parameter, where)) is not None:
            return True
        return False if due(derivation) else None

    return not_done


def _sources(choice: _Chosen | None) -> Iterator[Source]:
    if choice is not None:
        yield Source("carried" if choice.imputed else "value", choice.observation)


def _with_baseline(sources: FindSources, find_baseline: Find) -> FindSources:
    """Return the sources of a change: the value's, and the baseline if there is a value."""

    def find(derivation: Derivation) -> Iterator[Source]:
        values = list(sources(derivation))
        yield from values
        base = find_baseline(derivation) if values else None
        if base is not None:
            yield Source("baseline", base)

    return find


def _first_of_one_unit(quantities: list[Quantity], path: str) -> Quantity:
    """Return the first of some measures; refuses them unless all have its unit and precision."""
    first, *rest = quantities
    if any(_unit(quantity) != _unit(first) for quantity in rest):
        raise refused(path, "must name measures with the same unit and precision")
    return first


def _unit(quantity: Quantity) -> tuple[str, int, bool]:
    return quantity.unit, quantity.places, quantity.precision.exact


def _subtract(minuend: Value, subtrahend: Value, precision: Precision) -> Value:
    """Return the difference of two values of one precision; that of rounded values is rounded."""
    if precision.exact:
        return Value(minuend.units - subtrahend.units)
    first, second = (value.unrounded(precision.places) for value in (minuend, subtrahend))
    return value_of(EXACT.subtract(first, second), precision)


def _records_measure(measure: Measure, path: str) -> Quantity:
    kind = str(measure.records)
    check_kind(kind, path)
    matches = matcher(measure.where)
    asks_derived = not derived_fields(kind).keys().isdisjoint(measure.where)

    def evaluate(derivation: Derivation) -> Value | None:
        truths = [matches(record.data) for record in derivation.records(kind)]
        return None if None in truths else Value(truths.count(True))

    def due(derivation: Derivation) -> bool:
        return not asks_derived or derivation.over or derivation.first_dose is not None

    return Quantity(
        measure.label or kind, "", WHOLE, memoised(evaluate), due, scheduled=asks_derived
    )


def _exposure_measure(measure: Measure, _path: str) -> Quantity:
    assert measure.exposure is not None
    definition = measure.exposure

    def due(derivation: Derivation) -> bool:
        return derivation.over or bool(derivation.doses)

    return Quantity(
        measure.label or definition.of.replace("-", " ").capitalize(),
        definition.printed_unit,
        definition.precision,
        memoised(exposure(definition)),
        due,
        scheduled=True,
    )


def _change_from_baseline(quantity: Quantity, measure: Measure, baseline: Evaluate) -> Quantity:
    """Return a measure as its change from a baseline; a percentage is of the baseline's size."""
    percent, precision = measure.percent_change_from is not None, quantity.precision
    value_of_subject = quantity.evaluate

    def change(derivation: Derivation) -> Value | None:
        value = value_of_subject(derivation)
        base = baseline(derivation) if value is not None else None
        if value is None or base is None:
            return None
        if percent:
            difference = _percent(value, base, precision.places)
        elif measure.decrease_from:
            difference = _subtract(base, value, precision)
        else:
            difference = _subtract(value, base, precision)
        if difference is None or not (value.imputed or value.baseline):
            return difference  # as it is made: nothing stands in for it
        return replace(difference, imputed=value.imputed, baseline=value.baseline)

    direction = _DECREASE if measure.decrease_from else _CHANGE
    kind = next(name for name in CHANGES if getattr(measure, name) is not None)
    parts = Change(kind, value_of_subject, baseline, precision)
    quantity = replace(quantity, direction=direction, evaluate=change, change=parts)
    return replace(quantity, unit="%", precision=PERCENT) if percent else quantity


def _percent(value: Value, base: Value, places: int) -> Value | None:
    """Return a change in percent of the baseline's size; None where that is 0 as it is kept."""
    if not base.units:
        return None
    number, start = value.unrounded(places), base.unrounded(places)
    change = EXACT.multiply(EXACT.subtract(number, start), 100)
    return value_of(EXACT.divide(change, start.copy_abs()), PERCENT)
