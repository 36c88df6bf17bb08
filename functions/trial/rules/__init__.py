"""A definition's measures, categories, times and conditions, compiled to functions of a subject.

A condition is true, false, or None where it is undetermined: missing, or not yet due. `all`, `any`
and `none` combine the three by Kleene's logic. A name that the definition does not define is
refused with the path of the reference.
"""

from collections.abc import Callable

from trial.definition.conditions import AdverseEventFilter, Classes, Condition, Measure, Ref
from trial.definition.study import Study
from trial.rules import categories, dating, determination, grading
from trial.rules.categories import Category, level_text
from trial.rules.coinciding import coincidence, coincidence_test
from trial.rules.dating import Time
from trial.rules.matching import (
    EventMatcher,
    Test,
    adverse_event_matcher,
    check_dated,
    check_kind,
    matcher,
    memoised,
    refused,
    unknown,
)
from trial.rules.measures import Measures, Quantity
from trial.rules.registry import FaultCollector, Registry
from trial.subject.derivation import Derivation
from trial.subject.fold import Record
from trial.subject.truth import Truth, any_true, negated


class Rules:
    """The compiled measures, categories and conditions of one study."""

    def __init__(self, study: Study, faults: FaultCollector) -> None:
        """Compile all named parts, so that all their faults are collected at once."""
        self.study = study
        self.faults = faults
        definition = study.definition
        self._measures = Measures(study)
        self._classes = Registry("class", definition.classes, self._compile_classes)
        self._times = Registry("time to event", definition.times, self._compile_time)
        self._conditions = Registry("condition", definition.conditions, self._compile_condition)
        faults.add(*categories.check_names(study))
        grading.check(study, faults)
        for parts in (self._measures.named, self._classes, self._times, self._conditions):
            parts.check(faults)

    def measure(self, ref: str | Measure, path: str) -> Quantity:
        """Return a measure, by its name or as written in place."""
        return self._measures.get(ref, path)

    def category(self, name: str, path: str) -> Category:
        """Return a category, by its name: a characteristic, the arm, a stratum, or classes."""
        if name in self.study.definition.classes:
            return self._classes.get(name, path)
        return categories.category(self.study, name, path)

    def time(self, name: str, path: str) -> Callable[[Derivation], Time | None]:
        """Return a time to event."""
        return self._times.get(name, path)

    def _compile_time(self, name: str) -> Callable[[Derivation], Time | None]:
        return dating.time(self.study, self.study.definition.times[name], f"/times/{name}")

    def adverse_event_matcher(self, event_filter: AdverseEventFilter, path: str) -> EventMatcher:
        """Return the test of whether an adverse event meets a filter."""
        return adverse_event_matcher(self.study, event_filter, path)

    def condition(self, ref: Ref, path: str) -> Test:
        """Return the test of a condition, by its name or as written in place."""
        if isinstance(ref, Condition):
            return memoised(self._test(ref, path))
        return self._conditions.get(ref, path)

    def _compile_condition(self, name: str) -> Test:
        return memoised(self._test(self.study.definition.conditions[name], f"/conditions/{name}"))

    def measures_of(self, ref: Ref, path: str) -> list[Quantity]:
        """Return the measures that a condition needs: one not yet due leaves it undetermined."""
        if not isinstance(ref, Condition):
            ref = self.study.definition.conditions[ref]
        if ref.results is not None:
            return [coincidence(self.study, ref, path)]
        if ref.measure is not None:
            return [self.measure(ref.measure, path)]
        if ref.characteristic in self.study.definition.classes:
            return self.measures_of_classes(str(ref.characteristic), path)
        parts = [part for refs in (ref.all, ref.any, ref.none) for part in refs or ()]
        return [quantity for part in parts for quantity in self.measures_of(part, path)]

    def measures_of_classes(self, name: str, path: str) -> list[Quantity]:
        """Return the measures that classes need."""
        classes = self.study.definition.classes[name]
        if classes.measure is not None:
            return [self.measure(classes.measure, path)]
        return [quantity for ref in classes.conditions for quantity in self.measures_of(ref, path)]

    def _compile_classes(self, name: str) -> Category:
        definition = self.study.definition.classes[name]
        in_place = self.study.definition.written_in_place(name)
        path = f"/classes/{name}" if in_place is None else in_place[1]
        if definition.measure is None:
            return memoised(self._class_by_condition(definition, path))
        return memoised(self._class_by_measure(definition, definition.measure, path))

    def _class_by_measure(self, definition: Classes, ref: str | Measure, path: str) -> Category:
        quantity = self.measure(ref, f"{path}/measure")
        classes = [
            (bounds.value, quantity.within(bounds, f"{path}/classes/{i}"))
            for i, bounds in enumerate(definition.classes)
        ]

        in_no_class = categories.in_no_class(definition)

        def level_of(derivation: Derivation) -> str | None:
            value = quantity.evaluate(derivation)
            if value is None:
                return None if quantity.pending(derivation) else definition.missing
            return next((name for name, holds in classes if holds(value)), in_no_class)

        return level_of

    def _class_by_condition(self, definition: Classes, path: str) -> Category:
        classes = determination.class_tests(self, definition, path)
        pending = determination.class_pending_test(self, definition, path)
        in_no_class = categories.in_no_class(definition)

        def level_of(derivation: Derivation) -> str | None:
            for name, test in classes:
                truth = test(derivation)
                if truth is None:
                    return None if pending(derivation) else definition.missing
                if truth:
                    return name
            return in_no_class

        return level_of

    def _test(self, condition: Condition, path: str) -> Test:
        for name, combine in (("all", _all), ("any", _any), ("none", _none)):
            if (refs := getattr(condition, name)) is not None:
                tests = [self.condition(ref, f"{path}/{name}/{i}") for i, ref in enumerate(refs)]
                return combine(tests)
        if condition.recorded is not None:
            return self._recorded(condition, path)
        if condition.characteristic is not None:
            return self._level_test(condition, path)
        if condition.results is not None:
            return coincidence_test(self.study, condition, path)
        if condition.adverse_event is not None:
            matches = self.adverse_event_matcher(condition.adverse_event, f"{path}/adverse_event")
            return lambda derivation: any(map(matches, derivation.adverse_events))
        return self._threshold(condition, path)

    def _recorded(self, condition: Condition, path: str) -> Test:
        kind = str(condition.recorded)
        check_kind(kind, path)
        matches = matcher(condition.where)
        period = condition.period
        if period is not None:
            check_dated(kind, path)
            if period not in {defined.id for defined in self.study.definition.periods}:
                raise unknown(path, "period", period)
        if condition.asks_for_any_dose:
            return lambda derivation: derivation.first_dose is not None

        def applies(derivation: Derivation, record: Record) -> Truth:
            truth = matches(record.data)
            if period is None or truth is False:
                return truth
            dated = derivation.dated(record)
            return truth if dated and period == derivation.period_of(dated.day) else False

        return lambda derivation: any_true(
            applies(derivation, record) for record in derivation.records(kind)
        )

    def _level_test(self, condition: Condition, path: str) -> Test:
        name = str(condition.characteristic)
        category = self.category(name, path)
        levels = frozenset(map(level_text, condition.levels))

        def test(derivation: Derivation) -> Truth:
            value = category(derivation)
            return None if value is None else value in levels

        return test

    def _threshold(self, condition: Condition, path: str) -> Test:
        assert condition.measure is not None
        quantity = self.measure(condition.measure, path)
        if condition.not_done:
            if quantity.not_done is None:
                raise refused(f"{path}/not_done", "needs a measure of a parameter")
            return quantity.not_done
        assessed = bool(condition.assessed)
        holds = quantity.within(condition, path)
        failure = assessed or condition.missing == "failure"

        def test(derivation: Derivation) -> Truth:
            value = quantity.evaluate(derivation)
            if value is not None:
                return assessed or holds(value)
            return False if failure and quantity.due(derivation) else None

        return test


def _all(tests: list[Test]) -> Test:
    return _determined_by(tests, deciding=False)


def _any(tests: list[Test]) -> Test:
    return _determined_by(tests, deciding=True)


def _determined_by(tests: list[Test], *, deciding: bool) -> Test:
    """Return the test that the first `deciding` answer ends; else one undetermined leaves it so."""

    def test(derivation: Derivation) -> Truth:
        truth: Truth = not deciding
        for operand in tests:
            if (result := operand(derivation)) is deciding:
                return deciding
            if result is None:
                truth = None
        return truth

    return test


def _none(tests: list[Test]) -> Test:
    any_test = _any(tests)

    def test(derivation: Derivation) -> Truth:
        return negated(any_test(derivation))

    return test
