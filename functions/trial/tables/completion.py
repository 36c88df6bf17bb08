"""Interim or final: which subjects are complete, and what that makes of the report."""

from dataclasses import replace

from trial.definition import Definition
from trial.definition.reporting import CompletionDefinition, Look
from trial.rules import Rules
from trial.rules.matching import Test
from trial.subject.cut_spec import CutSpec
from trial.tables.compiling import member_test
from trial.tables.grid import UNDECLARED, Completion

COMPLETE = "complete"
"""The cell of the study's row that counts who of the set is complete."""

_HIDDEN = "no condition of completion is shown while the study is blinded"


def test(rules: Rules) -> Test | None:
    """Return the test of who is complete; None where the definition does not say when that is."""
    declared = rules.study.definition.completion
    if declared is None:
        return None
    in_set = member_test(rules, declared.set, (), "/completion")
    is_complete = rules.condition(declared.condition, "/completion/condition")
    return lambda derivation: bool(in_set(derivation) and is_complete(derivation))


def planned_look(definition: Definition, cut: CutSpec, *, complete: bool) -> Look | None:
    """Find the planned look that a cut is: the one asked for, else the final one if it is final."""
    planned = definition.testing.planned if definition.testing else ()
    if cut.look:
        return next((look for look in planned if look.id == cut.look), None)
    return planned[-1] if planned and (cut.final or complete) else None


def read(definition: Definition, cut: CutSpec, n: int, size: int, *, pooled: bool) -> Completion:
    """Return whether a cut is final, given how many of the set are complete, and how many it has.

    It is where all of them are, or where it was asked for as final: as such, or at the last look.
    What the open audience reads of a blinded study depends on nothing that is hidden from it.
    """
    declared = definition.completion
    complete = declared is not None and n == size > 0 and size >= (declared.planned or 0)
    look = planned_look(definition, cut, complete=complete)
    last = definition.testing is not None and look == definition.testing.planned[-1]
    requested_final = cut.final or (bool(cut.look) and last)
    if declared is None:
        reason = _HIDDEN if pooled else UNDECLARED.text.partition(": ")[2]
    else:
        reason = _reason(declared, definition.sets[declared.set].label, n, size)
    state = "Final" if complete or requested_final else "Interim"
    as_final = "asked for as final; " if requested_final and not complete else ""
    text = f"{state}: {as_final}{reason}{_look_words(look, cut)}"
    completion = Completion(complete or requested_final, text, look=look.id if look else "")
    return completion if declared is None else replace(completion, n=n, N=size)


def _reason(declared: CompletionDefinition, label: str, n: int, size: int) -> str:
    """State how many are not complete, and how many are not in the set yet; else that all are."""
    if not size:
        return f"no subject is in the set {label}"
    missing = []
    if size < (declared.planned or 0):
        missing.append(f"{size} of {declared.planned} planned subjects are in the set {label}")
    if incomplete := size - n:
        verb = "has" if incomplete == 1 else "have"
        missing.append(f"{incomplete} of {size} subjects ({label}) {verb} not {declared.label}")
    if missing:
        return "; ".join(missing)
    subject_words = (
        f"all {size} subjects ({label}) have" if size > 1 else f"the one subject ({label}) has"
    )
    return f"{subject_words} {declared.label}"


def _look_words(look: Look | None, cut: CutSpec) -> str:
    """Return the words about the look that was requested; '' where none was."""
    if not cut.look:
        return ""
    if look is None:
        return f"; asked for at the look {cut.look}, which is not planned"
    alpha = "" if look.alpha is None else f" (alpha {look.alpha:f})"
    return f"; planned look: {look.label}{alpha}"
