"""Exact elimination of integer matrices of sums of squares and products.

Fraction-free (Bareiss 1968, Math Comp 22:565): every division leaves no rest, so numbers stay
integers and no larger than the determinants they are. A column that the ones before it determine
shows as a pivot of exactly 0; it is passed over, whatever the size of the numbers.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

from trial.deferred import dataclass

type Matrix = Sequence[Sequence[int | Fraction]]


@dataclass(frozen=True)
class Solution:
    """What a symmetric system says; columns passed over have coefficient and inverse 0.

    `residuals` is what the right-hand side's own product leaves after each column, the first entry
    before any: for least squares the residual sums of squares of the sequence of models.
    """

    pivots: tuple[int, ...]
    coefficients: tuple[Fraction, ...]
    inverse: tuple[tuple[Fraction, ...], ...]
    residuals: tuple[Fraction, ...]

    def bilinear(self, vector: Sequence[Fraction], other_vector: Sequence[Fraction]) -> Fraction:
        """Return vector' inverse other_vector."""
        weighed = (
            sum((a * b for a, b in zip(row, other_vector, strict=True) if a and b), Fraction(0))
            for row in self.inverse
        )
        return sum((a * b for a, b in zip(vector, weighed, strict=True) if a), Fraction(0))


def solve(matrix: Matrix, right: Sequence[int | Fraction], square: int | Fraction = 0) -> Solution:
    """Solve a positive semidefinite system, with a generalised inverse by columns in order.

    All is scaled to integers by one number, and what that number does to the answer taken back.
    """
    unit = lcm(*(number.denominator for row in (*matrix, right, [square]) for number in row))
    scaled = _solve(
        [[int(number * unit) for number in row] for row in matrix],
        [int(number * unit) for number in right],
        int(square * unit),
    )
    return Solution(
        scaled.pivots,
        scaled.coefficients,
        tuple(tuple(number * unit for number in row) for row in scaled.inverse),
        tuple(number / unit for number in scaled.residuals),
    )


def _solve(matrix: Sequence[Sequence[int]], right: Sequence[int], square: int) -> Solution:
    size = len(matrix)
    rows = [[*matrix[i], *(int(i == j) for j in range(size)), right[i]] for i in range(size)]
    last = [*right, *(0 for _ in range(size)), square]
    pivots, divisor, residuals = [], 1, [Fraction(square)]
    for column in range(size):
        pivot = rows[column][column]
        if pivot:
            pivots.append(column)
            divisor = _clear(rows, last, column, divisor)
        residuals.append(Fraction(last[-1], divisor))
    coefficients = [Fraction(0)] * size
    inverse = [(Fraction(0),) * size for _ in range(size)]
    for i in pivots:
        coefficients[i] = Fraction(rows[i][-1], divisor)
        inverse[i] = tuple(
            Fraction(rows[i][size + j], divisor) if j in pivots else Fraction(0)
            for j in range(size)
        )
    return Solution(tuple(pivots), tuple(coefficients), tuple(inverse), tuple(residuals))


def _clear(rows: list[list[int]], last: list[int], column: int, divisor: int) -> int:
    """Eliminate a column from all other rows, in place; return the pivot: the next divisor."""
    pivots = rows[column]
    pivot = pivots[column]
    for row in (*rows, last):
        if row is not pivots:
            factor = row[column]
            row[:] = [(pivot * a - factor * b) // divisor for a, b in zip(row, pivots, strict=True)]
    return pivot
