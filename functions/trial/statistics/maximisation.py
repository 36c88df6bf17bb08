"""Maximum likelihood: Newton's steps in binary numbers, and the last ones in decimal ones.

Binary numbers lead close to the maximum; from there each decimal step doubles the digits that are
right. So what is printed depends on no platform's rounding: `STEP` bounds the last step, and the
digits right after it are some twice as many.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Protocol

from trial.deferred import dataclass
from trial.statistics.distributions import chi_square_tail
from trial.statistics.inference import WORKING, NormalEstimate

STEP = Decimal("1e-15")
"""The last step of a solution is smaller, in every coefficient; the error is of its square."""
NOT_CONVERGED = "did not converge"
"""In place of an estimate that was not come to."""
INFINITE = "no finite estimate"
"""In place of an estimate towards which the likelihood rises for ever."""
TESTS: Mapping[str, str] = {
    "wald": "Wald test",
    "score": "score test",
    "likelihood-ratio": "likelihood ratio test",
}
"""What tests a term of a model, the default first."""
_CLOSE, _MOST_STEPS, _MOST_HALVINGS, _MOST_DECIMAL_STEPS = 1e-7, 60, 40, 12
_FLAT = 1e-9
"""What a likelihood may fall by where rounding alone moves it, as a share of itself."""


@dataclass(frozen=True)
class Arithmetic[Number: (float, Decimal)]:
    """Numbers of one kind: how whole ones and decimals become them, and their functions."""

    of: Callable[[int | Decimal], Number]
    exp: Callable[[Number], Number]
    log: Callable[[Number], Number]

    def ratio(self, value: Fraction) -> Number:
        """Return a fraction as such a number."""
        return self.of(value.numerator) / self.of(value.denominator)


BINARY = Arithmetic[float](float, math.exp, math.log)
DECIMAL = Arithmetic[Decimal](Decimal, Decimal.exp, Decimal.ln)

type Matrix[Number] = list[list[Number]]


@dataclass(frozen=True)
class Slope[Number: (float, Decimal)]:
    """A log likelihood at a point: its value, its gradient and minus its second derivatives."""

    value: Number
    gradient: list[Number]
    information: Matrix[Number]


class Likelihood(Protocol):
    """A log likelihood of `size` coefficients, in numbers of either kind."""

    @property
    def size(self) -> int:
        """How many coefficients there are."""

    def at[Number: (float, Decimal)](
        self, point: Sequence[Number], numbers: Arithmetic[Number]
    ) -> Slope[Number]:
        """Return value, gradient and information at a point."""


@dataclass(frozen=True)
class Maximum:
    """Where a likelihood is greatest, with its value and the inverse of the information there."""

    point: tuple[Decimal, ...]
    value: Decimal
    covariance: Matrix[Decimal]

    def wald(self, places: Sequence[int]) -> Decimal:
        """Return Wald's chi-square of some coefficients: as many degrees of freedom."""
        with localcontext(WORKING):
            tested_values = [self.point[place] for place in places]
            part = [[self.covariance[i][j] for j in places] for i in places]
            statistic = explained(part, tested_values)
        if statistic is None:
            raise ArithmeticError("the covariance is not positive definite")
        return statistic


@dataclass(frozen=True)
class Term:
    """What is told of some columns of a model together: estimate where it is one, and P value.

    `estimate` is of the logarithm of a ratio; None where there is none that is finite, and `reason`
    says why. `p` is None where there is no test.
    """

    estimate: NormalEstimate | None
    p: Decimal | None
    reason: str = ""


def maximise(likelihood: Likelihood, start: Sequence[float] = ()) -> Maximum | None:
    """Return the maximum, by default from 0; None where Newton's steps do not come to one."""
    approximate = climbed(likelihood, list(start) or [0.0] * likelihood.size)
    if approximate is None:
        return None
    with localcontext(WORKING):
        try:
            return _polished(likelihood, [Decimal(number) for number in approximate])
        except (ArithmeticError, ValueError):  # it leads to where the likelihood is not defined
            return None


def _polished(likelihood: Likelihood, point: list[Decimal]) -> Maximum | None:
    """Take decimal steps until one is short, then that the digits right are twice as many."""
    for _ in range(_MOST_DECIMAL_STEPS):
        slope = likelihood.at(point, DECIMAL)
        step = solved(slope.information, slope.gradient)
        if step is None:
            return None
        point = [number + change for number, change in zip(point, step, strict=True)]
        if all(abs(change) < STEP for change in step):
            slope = likelihood.at(point, DECIMAL)
            return Maximum(tuple(point), slope.value, inverse(slope.information))
    return None


def climbed(likelihood: Likelihood, point: list[float]) -> list[float] | None:
    """Climb in binary numbers, halving steps that lead down, until steps are short."""
    slope = attempted(likelihood, point)
    if slope is None:
        return None
    for _ in range(_MOST_STEPS):
        step = solved(slope.information, slope.gradient)
        if step is None or not all(map(math.isfinite, step)):
            return None
        if all(abs(change) < _CLOSE for change in step):
            return point
        for halving in range(_MOST_HALVINGS):
            candidate = [
                number + change / 2**halving for number, change in zip(point, step, strict=True)
            ]
            tried_slope = attempted(likelihood, candidate)
            allowed = _FLAT * (1 + abs(slope.value))
            if tried_slope is not None and tried_slope.value >= slope.value - allowed:
                point, slope = candidate, tried_slope
                break
        else:
            return None
    return None


def attempted(likelihood: Likelihood, point: Sequence[float]) -> Slope[float] | None:
    """Return the slope at a point; None where it is too far out for binary numbers."""
    try:
        slope = likelihood.at(point, BINARY)
    except (OverflowError, ValueError, ZeroDivisionError):
        return None
    return slope if math.isfinite(slope.value) else None


def solved[Number: (float, Decimal)](
    matrix: Sequence[Sequence[Number]], right: Sequence[Number]
) -> list[Number] | None:
    """Solve a positive definite system; None where a pivot is not above 0."""
    size = len(right)
    rows: list[list[Number]] = [list(row) for row in matrix]
    for row, value in zip(rows, right, strict=True):
        row.append(value)
    for k in range(size):
        pivot: Number = rows[k][k]
        if not pivot > 0:
            return None
        for i in range(k + 1, size):
            factor = rows[i][k] / pivot
            if factor:
                for j in range(k, size + 1):
                    rows[i][j] -= factor * rows[k][j]
    solution = list(right)
    for k in reversed(range(size)):
        rest = rows[k][size]
        for j in range(k + 1, size):
            rest -= rows[k][j] * solution[j]
        solution[k] = rest / rows[k][k]
    return solution


def inverse(matrix: Sequence[Sequence[Decimal]]) -> Matrix[Decimal]:
    """Return the inverse of a positive definite matrix."""
    size = len(matrix)
    units = [[Decimal(int(i == j)) for j in range(size)] for i in range(size)]
    columns = [solved(matrix, unit) for unit in units]
    if any(column is None for column in columns):
        raise ArithmeticError("the matrix is not positive definite")
    return [list(row) for row in zip(*(column or [] for column in columns), strict=True)]


def explained(matrix: Sequence[Sequence[Decimal]], vector: Sequence[Decimal]) -> Decimal | None:
    """Return vector' inverse(matrix) vector; None where the matrix is not positive definite."""
    solution = solved(matrix, vector)
    if solution is None:
        return None
    return sum((a * b for a, b in zip(solution, vector, strict=True)), Decimal(0))


def bilinear(
    matrix: Sequence[Sequence[Decimal]], first: Sequence[Decimal], second: Sequence[Decimal]
) -> Decimal:
    """Return first' matrix second."""
    return sum(
        (
            entry * a * b
            for row, a in zip(matrix, first, strict=True)
            for entry, b in zip(row, second, strict=True)
        ),
        Decimal(0),
    )


def tail(statistic: Decimal, df: int) -> Decimal:
    """Return the P value of a chi-square; one that rounding has taken below 0 is 0."""
    return chi_square_tail(Fraction(max(statistic, Decimal(0))), df)
