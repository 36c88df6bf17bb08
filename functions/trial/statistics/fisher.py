"""Fisher's exact test of an r x c table, in integers throughout."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate
from math import comb, prod
from operator import sub

from trial.statistics.contingency import Table, occupied

FISHER = "Fisher exact, sum of the probabilities not above the observed"

MOST_WORK = 4_000_000
"""How much may be looked at before a table is given up as too large: some seconds' work."""

_LONG = 256  # bits of a number from which it counts for more than one

type Margin = tuple[int, ...]
"""What is left of the rows, or a column, or what columns add up to."""


class TooLarge(Exception):
    """The table has too many alternatives to be counted: there is no exact P value to print."""


def fisher(table: Table) -> Fraction:
    """Give the exact P value: the probability of all tables no likelier than the one observed.

    Fisher (1934) for 2 x 2, Freeman and Halton (1951), Biometrika 38:141, for r x c; margins are
    given. As in the network of Mehta and Patel (1983), JASA 78:427, columns are filled one after
    another, and ways that leave the same rest and weigh the same are followed once. The last two
    columns are one sorted list for each rest. A table with one row or column has P = 1.
    Raises `TooLarge` beyond `MOST_WORK`. SAS: FREQ EXACT FISHER, "Pr <= P".
    """
    left = occupied(table)
    if len(left) < 2 or len(left[0]) < 2:  # noqa: PLR2004  (a comparison takes two)
        return Fraction(1)
    turned = [list(column) for column in zip(*left, strict=True)]
    # Few rows leave few rests; of two, the side with the fuller columns has the smaller numbers.
    left = min(left, turned, key=lambda rows: (len(rows), max(map(sum, rows))))
    # The fullest columns come last: they are what the others leave.
    columns = sorted(sum(column) for column in zip(*left, strict=True))
    count = _Count(tuple(columns))
    observed = prod(_ways(sorted(row)) for row in left)
    rows = tuple(sorted(sum(row) for row in left))
    return Fraction(count.not_above(observed, rows), _ways(columns))


@dataclass
class _Count:
    """All tables with these column sums. A table weighs the product of its rows' multinomials.

    A rest is what is left of each row, sorted: the order of rows is no matter.
    """

    columns: Margin
    work: int = 0
    splits: dict[tuple[Margin, int], list[int]] = field(default_factory=dict)

    def not_above(self, limit: int, rows: Margin) -> int:
        """Add up the weights of the tables that do not weigh more than `limit`."""
        paths = {rows: Counter({1: 1})}
        for size in self.columns[:-2]:
            paths = self._filled(size, paths)
        return sum(self._ends(limit, rest, weights) for rest, weights in paths.items())

    def _filled(self, size: int, paths: dict[Margin, Counter[int]]) -> dict[Margin, Counter[int]]:
        """Follow every path through one more column."""
        after: dict[Margin, Counter[int]] = {}
        for rest, weights in paths.items():
            for column in _columns(size, rest):
                self._spend(len(weights))
                ways = prod(map(comb, rest, column))
                into = after.setdefault(tuple(sorted(map(sub, rest, column))), Counter())
                for weight, times in weights.items():
                    into[weight * ways] += times
        return after

    def _ends(self, limit: int, rest: Margin, weights: Counter[int]) -> int:
        """Add up what weighs no more than `limit` when the last two columns share the rest."""
        ordered = sorted(self._split(rest, self.columns[-2]))
        sums = [0, *accumulate(ordered)]
        self._spend(len(weights))
        return sum(
            weight * times * sums[bisect_right(ordered, limit // weight)]
            for weight, times in weights.items()
        )

    def _split(self, rest: Margin, size: int) -> list[int]:
        """Give the product of binomial coefficients for every way to take `size` from the rest."""
        if len(rest) == 1:
            return [comb(rest[0], size)]
        if (rest, size) not in self.splits:
            others = rest[1:]
            products: list[int] = []
            for first in range(max(0, size - sum(others)), min(size, rest[0]) + 1):
                ways = comb(rest[0], first)
                more = [ways * each for each in self._split(others, size - first)]
                self._spend(len(more) * (1 + (more[0].bit_length() // _LONG) ** 2))
                products += more
            self.splits[rest, size] = products
        return self.splits[rest, size]

    def _spend(self, work: int) -> None:
        self.work += work
        if self.work > MOST_WORK:
            raise TooLarge


def _columns(size: int, rest: Margin) -> Iterator[Margin]:
    """Give all columns of a sum whose entries the row sums allow."""
    if len(rest) == 1:
        yield (size,)
        return
    below = sum(rest[1:])
    for first in range(max(0, size - below), min(size, rest[0]) + 1):
        for others in _columns(size - first, rest[1:]):
            yield (first, *others)


def _ways(column: Sequence[int]) -> int:
    """Give the multinomial coefficient: in how many ways subjects make up these counts."""
    ways, total = 1, 0
    for count in column:
        total += count
        ways *= comb(total, count)
    return ways
