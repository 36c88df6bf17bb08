"""Answers that may not be known: true, false, or None; combined by Kleene's logic."""

from collections.abc import Iterable

Truth = bool | None
"""Whether something is so; None where that is not known."""


def any_true(truths: Iterable[Truth]) -> Truth:
    """Return Kleene's disjunction: None where no operand is true and one is undetermined."""
    truth: Truth = False
    for operand in truths:
        if operand:
            return True
        if operand is None:
            truth = None
    return truth


def all_true(truths: Iterable[Truth]) -> Truth:
    """Return Kleene's conjunction: None where no operand is false and one is undetermined."""
    truth: Truth = True
    for operand in truths:
        if operand is False:
            return False
        if operand is None:
            truth = None
    return truth


def negated(truth: Truth) -> Truth:
    """Return Kleene's negation: what is not known stays so."""
    return None if truth is None else not truth
