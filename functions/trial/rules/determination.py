"""Whether the answer to a condition is determined for a subject; where not, pending or missing.

A condition whose answer is not known is neither true nor false, so a row that counts it needs to
know for how many subjects it is determined. Some conditions are determined for everybody: that
follows from the definition alone, and nothing has to be counted for it.
"""

from collections.abc import Callable
from enum import IntEnum

from trial.definition import Definition
from trial.definition.conditions import Classes, Condition, Measure, Ref, Where
from trial.definition.design import ARM
from trial.events.json_body import canonical
from trial.events.kinds import derived_fields
from trial.rules.coinciding import coincidence, coincidence_test
from trial.rules.matching import Test, optional_fields
from trial.rules.parts import Parts
from trial.subject.derivation import Derivation
from trial.subject.truth import all_true, any_true, negated

PendingTest = Callable[[Derivation], bool]
"""Returns whether what is undetermined for a subject is only not yet due, and not missing."""


class Undetermined(IntEnum):
    """How a condition can be undetermined; the greater includes the lesser."""

    NEVER = 0
    MISSING = 1
    """Where a value is missing: the answer will not come."""
    PENDING = 2
    """Where a value is missing, and until it is due."""


def undetermined(definition: Definition, ref: Ref) -> Undetermined:
    """Return how a condition can be undetermined."""
    condition = ref if isinstance(ref, Condition) else definition.conditions[ref]
    if (parts := _parts(condition)) is not None:
        return max((undetermined(definition, part) for part in parts), default=Undetermined.NEVER)
    if condition.results is not None:
        return Undetermined.PENDING
    if condition.measure is not None:
        return _measure_undetermined(definition, condition.measure)
    if condition.characteristic is not None:
        return _category_undetermined(definition, condition.characteristic)
    if condition.recorded is not None and _asks_derived(condition.recorded, condition.where):
        return Undetermined.PENDING
    return Undetermined.NEVER


def _asks_derived(kind: str, where: Where) -> bool:
    """Return whether fields are asked for that are derived of records, and may not be known."""
    return not derived_fields(kind).keys().isdisjoint(where)


def _category_undetermined(definition: Definition, name: str) -> Undetermined:
    if name in definition.classes:
        classes = definition.classes[name]
        indeterminacy = _classes_undetermined(definition, classes)
        # A class for the missing is an answer too: only what is not yet due leaves none.
        if classes.missing is not None and indeterminacy is Undetermined.MISSING:
            return Undetermined.NEVER
        return indeterminacy
    randomised = _assigned_at_randomisation(definition, name)
    return Undetermined.PENDING if randomised else Undetermined.MISSING


def _classes_undetermined(definition: Definition, classes: Classes) -> Undetermined:
    """Return how classes can be: their conditions are also where an event lacks a field."""
    if classes.measure is not None:
        return _measure_undetermined(definition, classes.measure)
    ways = [undetermined(definition, ref) for ref in classes.conditions]
    if any(_event_fields(definition, ref) for ref in classes.conditions):
        ways.append(Undetermined.MISSING)
    return max(ways)


def _measure_undetermined(definition: Definition, ref: str | Measure) -> Undetermined:
    measure = definition.measures[ref] if isinstance(ref, str) else ref
    if measure.records is not None:
        asks_derived = _asks_derived(measure.records, measure.where)
        return Undetermined.PENDING if asks_derived else Undetermined.NEVER
    return Undetermined.MISSING if measure.characteristic is not None else Undetermined.PENDING


def pending_test(rules: Parts, ref: Ref, path: str, *, strict: bool = False) -> PendingTest:
    """Return the test of whether an undetermined condition is only not yet due for a subject.

    With `strict` it is undetermined as `strict_test` says.
    """
    condition = _resolved(rules, ref)
    if (parts := _parts(condition)) is not None:
        tests = [
            (
                strict_test(rules, part, path) if strict else rules.condition(part, path),
                pending_test(rules, part, path, strict=strict),
            )
            for part in parts
        ]
        return lambda derivation: any(
            test(derivation) is None and pending(derivation) for test, pending in tests
        )
    if condition.results is not None:
        return coincidence(rules.study, condition, path).pending
    if condition.measure is not None:
        return rules.measure(condition.measure, path).pending
    if condition.characteristic is not None:
        return category_pending_test(rules, condition.characteristic, path)
    if condition.recorded is not None and _asks_derived(condition.recorded, condition.where):
        return lambda derivation: (
            derivation.begun and derivation.first_dose is None and not derivation.over
        )
    return lambda _: False


def optional_event_fields(rules: Parts, ref: Ref) -> list[str]:
    """Return the fields of adverse events that a condition asks for and that may be missing.

    An event that lacks such a field does not match. A row that counts the condition reports for
    how many subjects the answer would be undetermined otherwise (`strict_test`).
    """
    return list(dict.fromkeys(_event_fields(rules.study.definition, ref)))


def _event_fields(definition: Definition, ref: Ref) -> list[str]:
    condition = ref if isinstance(ref, Condition) else definition.conditions[ref]
    fields = [name for part in _parts(condition) or () for name in _event_fields(definition, part)]
    filters = (condition.adverse_event, *(part.adverse_event for part in condition.results or ()))
    for event_filter in filters:
        fields += [] if event_filter is None else optional_fields(event_filter)
    return fields


def strict_test(rules: Parts, ref: Ref, path: str) -> Test:
    """Return the condition's test in which a missing field of an adverse event is no answer."""
    condition = _resolved(rules, ref)
    if condition.adverse_event is not None:
        matches = rules.adverse_event_matcher(condition.adverse_event, path)
        return lambda derivation: any_true(map(matches, derivation.adverse_events))
    if condition.results is not None:
        return coincidence_test(rules.study, condition, path, strict=True)
    if (parts := _parts(condition)) is None:
        return rules.condition(ref, path)
    tests = [strict_test(rules, part, path) for part in parts]
    if condition.all is not None:
        return lambda derivation: all_true(test(derivation) for test in tests)
    if condition.any is not None:
        return lambda derivation: any_true(test(derivation) for test in tests)
    return lambda derivation: negated(any_true(test(derivation) for test in tests))


def category_pending_test(rules: Parts, name: str, path: str) -> PendingTest:
    """Return the test of whether an unknown level of a category is only not yet due for a subject.

    The arm and the strata are known once the subject is randomised.
    """
    definition = rules.study.definition
    if name in definition.classes:
        return class_pending_test(rules, definition.classes[name], path)
    if not _assigned_at_randomisation(definition, name):
        return lambda _: False
    return lambda derivation: (
        derivation.begun and derivation.randomisation is None and not derivation.over
    )


def class_tests(rules: Parts, classes: Classes, path: str) -> list[tuple[str, Test]]:
    """Return the classes by condition with their tests, in order; the first that holds counts.

    While an adverse event lacks a field that a condition asks for, the class is not known.
    """
    tests = []
    for i, part in enumerate(classes.classes):
        if part.condition is not None:
            part_path = f"{path}/classes/{i}/condition"
            rules.condition(part.condition, part_path)  # refuses what is not there, or in a circle
            tests.append((part.value, strict_test(rules, part.condition, part_path)))
    return tests


def class_pending_test(rules: Parts, classes: Classes, path: str) -> PendingTest:
    """Return the test of whether a class is only not yet due.

    That is up to the first condition that is not known: those after it cannot decide.
    """
    if classes.measure is not None:
        return rules.measure(classes.measure, path).pending
    tests = [test for _, test in class_tests(rules, classes, path)]
    pending = [pending_test(rules, ref, path, strict=True) for ref in classes.conditions]

    def is_pending(derivation: Derivation) -> bool:
        for test, waits in zip(tests, pending, strict=True):
            if (truth := test(derivation)) is not False:
                return truth is None and waits(derivation)
        return False

    return is_pending


def _assigned_at_randomisation(definition: Definition, name: str) -> bool:
    return name == ARM or name in definition.strata


def determination_key(rules: Parts, ref: Ref) -> str:
    """Return a key that is equal for conditions that are determined for the same subjects.

    Bounds do not matter, only whether there is a value, and whether a missing one is a failure.
    A combination of conditions that all have one key has that key too.
    """
    condition = _resolved(rules, ref)
    parts = _parts(condition)
    if parts is not None and len(keys := {determination_key(rules, part) for part in parts}) == 1:
        return keys.pop()
    if condition.measure is not None and not condition.not_done:
        failure = condition.assessed is not None or condition.missing == "failure"
        return canonical(["value", _unlabelled(rules, condition.measure), failure])
    return canonical(["condition", condition.members("unset")])


def _unlabelled(rules: Parts, ref: str | Measure) -> object:
    measure = rules.study.definition.measures[ref] if isinstance(ref, str) else ref
    return {name: value for name, value in measure.members("defaults").items() if name != "label"}


def _resolved(rules: Parts, ref: Ref) -> Condition:
    return ref if isinstance(ref, Condition) else rules.study.definition.conditions[ref]


def _parts(condition: Condition) -> list[Ref] | None:
    combinations = (condition.all, condition.any, condition.none)
    return next((refs for refs in combinations if refs is not None), None)
