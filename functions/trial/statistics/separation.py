"""Whether a likelihood has its maximum at infinity, told exactly from the design.

A likelihood whose observations each prefer one side rises for ever along a direction that all of
them prefer: separation in logistic regression (Albert and Anderson 1984, Biometrika 71:1), a
monotone likelihood in Cox regression. What is left of the likelihood in that limit is that of the
observations that the direction does not decide (Geyer 2009, Electron J Stat 3:259).
"""

from collections.abc import Collection, Iterable, Sequence
from fractions import Fraction
from math import lcm

from trial.deferred import dataclass
from trial.statistics.elimination import solve

type Vector = tuple[int, ...]


def axis(vectors: Collection[Vector], size: int) -> Vector | None:
    """Return an axis, either way, that is such a direction: a level nobody of whom has an event.

    There may be another direction where there is no such axis.
    """
    for place in range(size):
        numbers = [vector[place] for vector in vectors]
        for sign in (1, -1):
            if any(numbers) and all(sign * number >= 0 for number in numbers):
                return tuple(sign * (i == place) for i in range(size))
    return None


def direction(vectors: Iterable[Vector]) -> Vector | None:
    """Return a direction that no vector is against and one at least is along; None without any.

    There is none where positive weights make the vectors 0 (Stiemke's lemma): the weights 1 and
    something beside are looked for by the simplex method in fractions, and what proves that there
    are none is the direction.
    """
    rows = sorted({vector for vector in vectors if any(vector)})
    if not rows:
        return None
    proof = _Tableau.of(rows).proof()
    if proof is None:
        return None
    unit = lcm(*(number.denominator for number in proof))
    return tuple(int(number * unit) for number in proof)


def product(first: Sequence[int], second: Sequence[int]) -> int:
    """Return the scalar product."""
    return sum(a * b for a, b in zip(first, second, strict=True) if a and b)


def independent(vectors: Iterable[Sequence[int]], size: int) -> tuple[int, ...]:
    """Return the columns of some vectors that those before them do not determine."""
    gram = [[0] * size for _ in range(size)]
    for vector in vectors:
        places = [i for i, number in enumerate(vector) if number]
        for i in places:
            for j in places:
                gram[i][j] += vector[i] * vector[j]
    return solve(gram, [0] * size).pivots


@dataclass
class _Tableau:
    """The weights beside 1 that make the vectors 0: `rows` end with the right-hand side.

    A row for each coordinate: its vectors' entries, the artificial variables, the right side. The
    `cost` row is that of the sum of the artificial variables, which is brought to 0 if it can be.
    """

    size: int
    rows: list[list[Fraction]]
    basis: list[int]
    cost: list[Fraction]
    signs: list[int]

    @classmethod
    def of(cls, vectors: Sequence[Vector]) -> "_Tableau":
        width, count = len(vectors[0]), len(vectors)
        rows, signs = [], []
        for i in range(width):
            entries = [vector[i] for vector in vectors]
            sign = -1 if sum(entries) > 0 else 1
            artificial = [int(i == j) for j in range(width)]
            entries = [sign * entry for entry in entries]
            right = -sum(entries)
            rows.append([Fraction(number) for number in (*entries, *artificial, right)])
            signs.append(sign)
        cost = [-sum(column, Fraction(0)) for column in zip(*rows, strict=True)]
        for place in range(count, count + width):
            cost[place] = Fraction(0)
        return cls(count, rows, list(range(count, count + width)), cost, signs)

    def proof(self) -> list[Fraction] | None:
        """Return what shows that there are no weights; None where there are."""
        while (entering := self._entering()) is not None:
            self._pivot(self._leaving(entering), entering)
        if not self.cost[-1]:
            return None
        # The reduced cost of an artificial variable is 1 less its price.
        prices = (1 - number for number in self.cost[self.size : -1])
        return [-sign * price for sign, price in zip(self.signs, prices, strict=True)]

    def _entering(self) -> int | None:
        """Return the first column that lowers the cost (Bland's rule, so it comes to an end)."""
        return next((j for j in range(self.size) if self.cost[j] < 0), None)

    def _leaving(self, entering: int) -> int:
        candidates = [
            (row[-1] / row[entering], self.basis[i], i)
            for i, row in enumerate(self.rows)
            if row[entering] > 0
        ]
        return min(candidates)[2]

    def _pivot(self, leaving: int, entering: int) -> None:
        pivots = self.rows[leaving]
        pivot = pivots[entering]
        pivots[:] = [number / pivot for number in pivots]
        for row in (*self.rows, self.cost):
            if row is not pivots and (factor := row[entering]):
                row[:] = [a - factor * b if b else a for a, b in zip(row, pivots, strict=True)]
        self.basis[leaving] = entering
