"""Fisher's exact test of a 2 x 2 table of any size: a walk along the hypergeometric weights."""

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from math import comb

from trial.statistics.contingency import Table

_WHOLE = 2_000  # subjects: so many weigh integers that are quickly added up
_BITS = 128
_ONE = 1 << _BITS
_TIE = _ONE + (_ONE >> 100)
"""Weights up to this are no greater than the observed one. They are quotients of integers, rounded
at each step: over the longest walk that adds up to a millionth of the 30 digits that count here."""
_NEGLIGIBLE = 110  # bits: so much less than the sum is what is left out

type _Weight = tuple[int, int]
"""A multiple of the observed weight: an integer and how far it is shifted to the left, in bits
above those of `_ONE`."""


def fisher_two_by_two(table: Table) -> Fraction:
    """Return the probability of all tables of these margins no likelier than the one observed.

    Exact; beyond some thousand subjects to 30 significant digits. All four margins are positive.
    """
    (a, b), (c, d) = table
    if a + b + c + d <= _WHOLE:
        return _added_up(a, a + b, c + d, a + c)
    return _walked(a, b, c, d)


def _added_up(cell: int, row: int, other_row: int, column: int) -> Fraction:
    low, high = max(0, column - other_row), min(row, column)
    weights = [comb(row, k) * comb(other_row, column - k) for k in range(low, high + 1)]
    observed = weights[cell - low]
    return Fraction(sum(weight for weight in weights if weight <= observed), sum(weights))


def _walked(a: int, b: int, c: int, d: int) -> Fraction:
    """Add up weights from the observed table on, outwards and over the mode to the other side.

    They rise to the mode and then fall, so that what weighs no more than the observed table is the
    whole of its side, and the end of the other.
    """
    up, down = _weights(a, b, c, d), _weights(b, a, d, c)
    outwards, inwards = (up, down) if b * c <= (a + 1) * (d + 1) else (down, up)
    unlikely, likelier = _ONE + _summed(outwards), Counter[int]()
    for weight, shift in inwards:
        if not shift and weight <= _TIE:
            unlikely += weight + _summed(inwards)
            break
        likelier[shift] += weight
    total = unlikely + sum(weight << shift for shift, weight in likelier.items())
    return Fraction(unlikely, total)


def _weights(a: int, b: int, c: int, d: int) -> Iterator[_Weight]:
    """Return the weights of the tables with ever more in the first cell."""
    weight, shift = _ONE, 0
    while b and c:
        weight = weight * (b * c) // ((a + 1) * (d + 1))
        if weight >> 2 * _BITS:
            weight, shift = weight >> _BITS, shift + _BITS
        elif shift and not weight >> _BITS:
            weight, shift = weight << _BITS, shift - _BITS
        yield weight, shift
        a, b, c, d = a + 1, b - 1, c - 1, d + 1


def _summed(weights: Iterator[_Weight]) -> int:
    """Add up weights that fall ever faster, until what is left does not count."""
    total, before = 0, 0
    for weight, _ in weights:
        total += weight
        if weight < before and weight * weight << _NEGLIGIBLE < total * (before - weight):
            break
        before = weight
    return total
