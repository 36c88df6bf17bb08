"""P values adjusted for the number of tests: each is rejected if its own is at most alpha.

All of them are exact fractions of the P values given. A test without a P value counts as one of 1.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

ONE = Fraction(1)

type Weights = Sequence[Fraction]
type Transitions = Sequence[Sequence[Fraction]]
"""By test and other test: which part of its weight goes there once it is rejected."""


def fixed_sequence(p_values: Sequence[Fraction]) -> list[Fraction]:
    """Adjust for an order in which each test counts only if all before it are rejected."""
    adjusted, greatest = [], Fraction(0)
    for p in p_values:
        greatest = max(greatest, p)
        adjusted.append(greatest)
    return adjusted


def holm(p_values: Sequence[Fraction]) -> list[Fraction]:
    """Adjust step-down by Holm (1979), Scand J Stat 6:65. SAS: MULTTEST HOLM."""
    n, greatest, adjusted = len(p_values), Fraction(0), [ONE] * len(p_values)
    for place, i in enumerate(_ordered(p_values)):
        greatest = max(greatest, (n - place) * p_values[i])
        adjusted[i] = min(greatest, ONE)
    return adjusted


def hochberg(p_values: Sequence[Fraction]) -> list[Fraction]:
    """Adjust step-up by Hochberg (1988), Biometrika 75:800. SAS: MULTTEST HOC.

    Valid for independent and for positively dependent tests.
    """
    n, least, adjusted = len(p_values), ONE, [ONE] * len(p_values)
    for place, i in reversed(list(enumerate(_ordered(p_values)))):
        least = min(least, (n - place) * p_values[i])
        adjusted[i] = least
    return adjusted


def hommel(p_values: Sequence[Fraction]) -> list[Fraction]:
    """Adjust by Hommel (1988), Biometrika 75:383: all intersections by Simes's test.

    Valid where Simes's test is: independence, or positive dependence. SAS: MULTTEST HOMMEL. By the
    algorithm of Wright (1992), Biometrics 48:1005.
    """
    order = _ordered(p_values)
    p, n = [p_values[i] for i in order], len(p_values)
    adjusted = list(p)
    for size in range(n, 1, -1):
        tail = range(n - size + 1, n)  # of the others, the greatest size - 1
        simes = min((size * p[i] / (size + i - n + 1) for i in tail), default=ONE)
        for i in tail:
            adjusted[i] = max(adjusted[i], simes)
        for i in range(n - size + 1):
            adjusted[i] = max(adjusted[i], min(simes, size * p[i]))
    by_test = dict(zip(order, adjusted, strict=True))
    return [min(by_test[i], ONE) for i in range(n)]


def graph(
    p_values: Sequence[Fraction], weights: Weights, transitions: Transitions
) -> list[Fraction]:
    """Adjust by a graph: Bretz, Maurer, Brannath and Posch (2009), Stat Med 28:586.

    The test of the least P value over its weight is rejected first; its weight then goes to the
    others, and so do those that came to it. What has no weight left is adjusted to 1.
    """
    remaining = list(range(len(p_values)))
    weight, moves = list(weights), [list(row) for row in transitions]
    adjusted, greatest = [ONE] * len(p_values), Fraction(0)
    while candidates := [i for i in remaining if weight[i]]:
        hypothesis = min(candidates, key=lambda i: (p_values[i] / weight[i], i))
        greatest = max(greatest, p_values[hypothesis] / weight[hypothesis])
        if greatest >= 1:
            break
        adjusted[hypothesis] = greatest
        remaining.remove(hypothesis)
        weight, moves = _without(hypothesis, remaining, weight, moves)
    return adjusted


def _without(
    removed: int, remaining: Sequence[int], weight: list[Fraction], moves: list[list[Fraction]]
) -> tuple[list[Fraction], list[list[Fraction]]]:
    """Return the weights and transitions of the tests that are left once one is rejected."""
    after, moved = list(weight), [list(row) for row in moves]
    for i in remaining:
        after[i] += weight[removed] * moves[removed][i]
        there_and_back = moves[i][removed] * moves[removed][i]
        for j in remaining:
            through = moves[i][j] + moves[i][removed] * moves[removed][j]
            moved[i][j] = (
                through / (1 - there_and_back) if i != j and there_and_back < 1 else Fraction(0)
            )
    return after, moved


def _ordered(p_values: Sequence[Fraction]) -> list[int]:
    return sorted(range(len(p_values)), key=lambda i: (p_values[i], i))


PROCEDURES: Mapping[str, tuple[str, Callable[[Sequence[Fraction]], list[Fraction]]]] = {
    "fixed-sequence": ("fixed sequence", fixed_sequence),
    "holm": ("Holm", holm),
    "hochberg": ("Hochberg", hochberg),
    "hommel": ("Hommel", hommel),
}
"""The procedures that need nothing but the P values; a graph needs weights and transitions too."""
GRAPH = "graph of Bretz and others"
