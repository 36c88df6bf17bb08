"""Whether a condition is settled, and where it is not, whether it waits or something is missing.

A condition of which the answer is not known is neither true nor false, so whoever counts needs to
know of how many it is settled. Some are settled of everybody; that is known before any subject is
seen, and costs nothing.
"""

from collections.abc import Callable
from enum import IntEnum

from trial.definition import Definition
from trial.definition.conditions import Condition, Measure, Ref
from trial.definition.design import ARM
from trial.events.json_body import canonical
from trial.rules import Rules
from trial.rules.matching import Test, Truth, all_true, any_true, optional_fields
from trial.subject.derivation import Derivation

PendingTest = Callable[[Derivation], bool]
"""Says of a subject for whom something is open whether what is asked is not yet due."""


class Undetermined(IntEnum):
    """How a condition can be open: of nobody; where a value is missing; until it is due, too."""

    NEVER = 0
    MISSING = 1
    PENDING = 2


def undetermined(definition: Definition, ref: Ref) -> Undetermined:
    """Say how a condition can be open."""
    condition = ref if isinstance(ref, Condition) else definition.conditions[ref]
    if (parts := _parts(condition)) is not None:
        return max((undetermined(definition, part) for part in parts), default=Undetermined.NEVER)
    if condition.measure is not None:
        return _measure_indeterminacy(definition, condition.measure)
    if condition.characteristic is not None:
        return _category_indeterminacy(definition, condition.characteristic)
    return Undetermined.NEVER


def _category_indeterminacy(definition: Definition, name: str) -> Undetermined:
    if name in definition.classes:
        indeterminacy = _measure_indeterminacy(definition, definition.classes[name].measure)
        never_undetermined = (
            definition.classes[name].missing is not None and indeterminacy is Undetermined.MISSING
        )
        return Undetermined.NEVER if never_undetermined else indeterminacy
    return (
        Undetermined.PENDING
        if _assigned_at_randomisation(definition, name)
        else Undetermined.MISSING
    )


def _measure_indeterminacy(definition: Definition, ref: str | Measure) -> Undetermined:
    measure = definition.measures[ref] if isinstance(ref, str) else ref
    if measure.records is not None:
        return Undetermined.NEVER
    return Undetermined.MISSING if measure.characteristic is not None else Undetermined.PENDING


def pending_test(rules: Rules, ref: Ref, path: str) -> PendingTest:
    """Make a test of a subject for whom a condition is open: say if that is not yet due."""
    condition = _condition_of(rules, ref)
    if (parts := _parts(condition)) is not None:
        tests = [(rules.condition(part, path), pending_test(rules, part, path)) for part in parts]
        return lambda derivation: any(
            test(derivation) is None and waiting(derivation) for test, waiting in tests
        )
    if condition.measure is not None:
        return rules.measure(condition.measure, path).pending
    if condition.characteristic is not None:
        return category_pending_test(rules, condition.characteristic, path)
    return lambda _: False


def optional_event_fields(rules: Rules, ref: Ref) -> list[str]:
    """Name what a condition asks of adverse events and some may lack: such an event is not meant.

    Whoever counts says of how many subjects the answer would otherwise be open.
    """
    condition = _condition_of(rules, ref)
    names = [
        name for part in _parts(condition) or () for name in optional_event_fields(rules, part)
    ]
    if condition.adverse_event is not None:
        names += optional_fields(condition.adverse_event)
    return list(dict.fromkeys(names))


def strict_test(rules: Rules, ref: Ref, path: str) -> Test:
    """Make the test that leaves open what adverse events lack."""
    condition = _condition_of(rules, ref)
    if condition.adverse_event is not None:
        matches = rules.adverse_event_matcher(condition.adverse_event, path)
        return lambda derivation: any_true(map(matches, derivation.adverse_events))
    if (parts := _parts(condition)) is None:
        return rules.condition(ref, path)
    tests = [strict_test(rules, part, path) for part in parts]
    if condition.all is not None:
        return lambda derivation: all_true(test(derivation) for test in tests)
    if condition.any is not None:
        return lambda derivation: any_true(test(derivation) for test in tests)
    return lambda derivation: _not(any_true(test(derivation) for test in tests))


def _not(truth: Truth) -> Truth:
    return None if truth is None else not truth


def category_pending_test(rules: Rules, name: str, path: str) -> PendingTest:
    """Make a test of a subject whose level is not known: say if it is not yet due.

    The arm and the strata are known once the subject is randomised.
    """
    definition = rules.study.definition
    if name in definition.classes:
        return rules.measure(definition.classes[name].measure, path).pending
    if not _assigned_at_randomisation(definition, name):
        return lambda _: False
    return lambda derivation: (
        derivation.begun and derivation.randomisation is None and not derivation.over
    )


def _assigned_at_randomisation(definition: Definition, name: str) -> bool:
    return name == ARM or name in definition.strata


def determination_key(rules: Rules, ref: Ref) -> str:
    """Name what settles a condition: conditions of one name are settled for the same subjects.

    Bounds do not matter, only whether there is a value, and whether a missing one is a failure.
    What combines conditions that are all settled alike is settled as they are.
    """
    condition = _condition_of(rules, ref)
    parts = _parts(condition)
    if parts is not None and len(keys := {determination_key(rules, part) for part in parts}) == 1:
        return keys.pop()
    if condition.measure is not None:
        failure = condition.assessed is not None or condition.missing == "failure"
        return canonical(["value", _measure_json(rules, condition.measure), failure])
    return canonical(["condition", condition.model_dump(mode="json", exclude_unset=True)])


def _measure_json(rules: Rules, ref: str | Measure) -> object:
    measure = rules.study.definition.measures[ref] if isinstance(ref, str) else ref
    return measure.model_dump(mode="json", exclude_defaults=True, exclude={"label"})


def _condition_of(rules: Rules, ref: Ref) -> Condition:
    return ref if isinstance(ref, Condition) else rules.study.definition.conditions[ref]


def _parts(condition: Condition) -> list[Ref] | None:
    combinations = (condition.all, condition.any, condition.none)
    return next((refs for refs in combinations if refs is not None), None)
