"""Fisher's exact test of an r x c table, in integers throughout, and what it would cost."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import field
from fractions import Fraction
from itertools import accumulate
from math import comb, factorial, prod
from operator import sub

from trial.deferred import dataclass
from trial.statistics.contingency import Table, without_empty
from trial.statistics.two_by_two import fisher_two_by_two

FISHER = "Fisher exact, sum of the probabilities not above the observed"

_PAIR = 2
_LONG = 1024  # bits of a number from which a step with it takes longer

type Margin = tuple[int, ...]
"""What is left of the rows, or a column, or what columns add up to."""


def fisher(table: Table) -> Fraction:
    """Return the exact P value: the probability of all tables no likelier than the one observed.

    Fisher (1934) for 2 x 2, Freeman and Halton (1951), Biometrika 38:141, for r x c; margins are
    given. As in the network of Mehta and Patel (1983), JASA 78:427, columns are filled one after
    another, and ways that leave the same rest and weigh the same are followed once. The last two
    columns are one sorted list for each rest. A table with one row or column has P = 1.
    It takes about a microsecond a step, of which there are `cost` at most. SAS: FREQ EXACT FISHER,
    "Pr <= P".
    """
    oriented = _turned(table)
    if not oriented:
        return Fraction(1)
    rows, columns = _margins(oriented)
    if len(rows) == len(columns) == _PAIR:
        return fisher_two_by_two(oriented)
    observed = prod(_ways(sorted(row)) for row in oriented)
    return Fraction(Count(columns).not_above(observed, rows), _ways(columns))


def cost(table: Table) -> int:
    """Bound the steps that `fisher` takes, by the margins alone; 0 for 2 x 2 and what is less.

    Those are quick at any size.
    """
    oriented = _turned(table)
    if not oriented or len(oriented) == len(oriented[0]) == _PAIR:
        return 0
    return _steps(*_margins(oriented))


def _turned(table: Table) -> Table:
    """Leave out what is empty, and turn the table to where it is quicker; [] if it is no test."""
    compact = without_empty(table)
    if len(compact) < _PAIR or len(compact[0]) < _PAIR:  # a comparison takes two
        return []
    turned = [list(column) for column in zip(*compact, strict=True)]
    return min(compact, turned, key=lambda rows: _steps(*_margins(rows)))


def _margins(counts: Table) -> tuple[Margin, Margin]:
    """Return the sums of rows and columns, sorted: the fullest columns come last."""
    columns = tuple(sorted(sum(column) for column in zip(*counts, strict=True)))
    return tuple(sorted(map(sum, counts))), columns


def _steps(rows: Margin, columns: Margin) -> int:
    """Bound the steps for some margins.

    Before each column there are so many rests of the rows, each with so many weights; neither can
    be more than `_rests` and `_weights` say, nor both together more than the ways to fill the
    columns up to there. A step with long numbers counts for more.
    """
    work, ways, filled = 0, 1, 0
    for i, size in enumerate(columns[:-1]):
        remainders, fillings = _rests(rows, filled), _taken(rows, size)
        paths = min(ways, remainders * _weights(columns[:i], len(rows)))
        split = remainders * fillings * (len(rows) - 1) + paths
        work += split if i == len(columns) - _PAIR else paths * fillings
        ways, filled = ways * fillings, filled + size
    bits = min(sum(rows), filled * sum(rows).bit_length())
    return work * (1 + (bits // _LONG) ** 2)


def _taken(rows: Margin, size: int) -> int:
    """Bound in how many ways so many subjects can be taken from the rows."""
    free = prod(min(row, size) + 1 for row in rows[:-1])
    return min(free, comb(size + len(rows) - 1, len(rows) - 1))


def _rests(rows: Margin, filled: int) -> int:
    """Bound how many rests can be left, sorted: what each row lacks to the longest is a part."""
    lacking = filled + sum(rows[-1] - row for row in rows)
    return min(_taken(rows, filled), _partitions(lacking, len(rows)))


def _weights(columns: Sequence[int], rows: int) -> int:
    """Bound how many weights the ways to fill columns can have that leave the same rest.

    A weight is a constant divided by the factorials of the cells. In each column their product
    divides the factorial of its sum, so no prime can be in it more often than in that; and it does
    not depend on the order of the cells.
    """
    by_parts = prod(_partitions(size, rows) for size in columns)
    by_primes = 1
    for prime in _primes(max(columns, default=0)):
        by_primes *= 1 + sum(_exponent(prime, size) for size in columns)
        if by_primes >= by_parts:
            return by_parts
    return by_primes


def _partitions(size: int, parts: int) -> int:
    """Bound in how many ways a sum has so many parts at most, their order being no matter.

    Made distinct by adding 0, 1, 2 …, the parts have as many orders as there can be.
    """
    raised = size + parts * (parts + 1) // 2
    return comb(raised - 1, parts - 1) // factorial(parts)


def _primes(limit: int) -> Iterator[int]:
    primes: list[int] = []
    for number in range(2, limit + 1):
        if all(number % prime for prime in primes if prime * prime <= number):
            primes.append(number)
            yield number


def _exponent(prime: int, size: int) -> int:
    """Return how often a prime is in the factorial of a number (Legendre)."""
    exponent = 0
    while size := size // prime:
        exponent += size
    return exponent


@dataclass
class Count:
    """All tables with these column sums. A table weighs the product of its rows' multinomials.

    A rest is what is left of each row, sorted: the order of rows is no matter. `work` are the
    steps that were taken.
    """

    columns: Margin
    work: int = 0
    splits: dict[tuple[Margin, int], list[int]] = field(default_factory=dict)
    binomials: dict[int, list[int]] = field(default_factory=dict)

    def not_above(self, limit: int, rows: Margin) -> int:
        """Add up the weights of the tables that do not weigh more than `limit`."""
        paths = {rows: Counter({1: 1})}
        for size in self.columns[:-2]:
            paths = self._filled(size, paths)
        return sum(self._ends(limit, remaining, weights) for remaining, weights in paths.items())

    def _filled(self, size: int, paths: dict[Margin, Counter[int]]) -> dict[Margin, Counter[int]]:
        """Follow every path through one more column."""
        after: dict[Margin, Counter[int]] = {}
        for remaining, weights in paths.items():
            for column in _columns(size, remaining):
                self.work += len(weights)
                ways = prod(map(self._chosen, remaining, column))
                target = after.setdefault(tuple(sorted(map(sub, remaining, column))), Counter())
                for weight, times in weights.items():
                    target[weight * ways] += times
        return after

    def _ends(self, limit: int, remaining: Margin, weights: Counter[int]) -> int:
        """Add up what weighs no more than `limit` when the last two columns share the rest.

        A path of weight w goes on with each split that weighs up to limit // w: in the sorted
        splits these are a prefix, whose sum is looked up.
        """
        ordered = sorted(self._split(remaining, self.columns[-2]))
        sums = [0, *accumulate(ordered)]
        self.work += len(weights)
        return sum(
            weight * times * sums[bisect_right(ordered, limit // weight)]
            for weight, times in weights.items()
        )

    def _split(self, remaining: Margin, size: int) -> list[int]:
        """Return the product of binomials for every way to take `size` from what remains."""
        if len(remaining) == 1:
            return [self._chosen(remaining[0], size)]
        if (remaining, size) not in self.splits:
            later_columns = remaining[1:]
            products: list[int] = []
            for first in range(max(0, size - sum(later_columns)), min(size, remaining[0]) + 1):
                ways = self._chosen(remaining[0], first)
                products += [ways * product for product in self._split(later_columns, size - first)]
            self.work += len(products)
            self.splits[remaining, size] = products
        return self.splits[remaining, size]

    def _chosen(self, total: int, chosen: int) -> int:
        """Return a binomial coefficient; each follows from the one before it, which is quick."""
        if total not in self.binomials:
            coefficients = [1]
            for k in range(min(total, self.columns[-2])):
                coefficients.append(coefficients[-1] * (total - k) // (k + 1))
            self.binomials[total] = coefficients
        return self.binomials[total][chosen]


def _columns(size: int, remaining: Margin) -> Iterator[Margin]:
    """Return all columns of a sum whose entries the row sums allow."""
    if len(remaining) == 1:
        yield (size,)
        return
    below = sum(remaining[1:])
    for first in range(max(0, size - below), min(size, remaining[0]) + 1):
        for rest in _columns(size - first, remaining[1:]):
            yield (first, *rest)


def _ways(column: Sequence[int]) -> int:
    """Return the multinomial coefficient: in how many ways subjects make up these counts."""
    ways, total = 1, 0
    for count in column:
        total += count
        ways *= comb(total, count)
    return ways
