"""Two groups compared by ranks, read out of tallies: how often each value occurs in either.

Values are integers in one unit. The first group is contrasted with the second, the reference.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal, localcontext
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from math import comb, gcd

from trial.deferred import dataclass
from trial.statistics.distributions import ratio
from trial.statistics.inference import (
    WORKING,
    ChiSquare,
    exact_sum,
    normal_quantile_two_sided,
    square_root,
)

type Tally = Mapping[int, int]

WILCOXON = "Wilcoxon rank-sum"
CORRECTED = f"{WILCOXON}, corrected for continuity"
EXACT = f"exact {WILCOXON}, conditional on midranks"
EXACT_INSTEAD = f"{WILCOXON} in place of the exact test, which would take too long"
HODGES_LEHMANN = "Hodges-Lehmann"
MOSES = "Moses"
VAN_ELTEREN = "van Elteren"
_HALF = Fraction(1, 2)
_BITS_PER_STEP = 30_000
"""Bits that are shifted and added in about a microsecond."""


@dataclass(frozen=True)
class RankSum:
    """The midranks of the first group among all values, added up."""

    first: Tally
    second: Tally

    @property
    def n(self) -> int:
        """How many values the first group has."""
        return sum(self.first.values())

    @property
    def m(self) -> int:
        """How many values the second group has."""
        return sum(self.second.values())

    @property
    def size(self) -> int:
        """How many values both have."""
        return self.n + self.m

    @cached_property
    def _doubled(self) -> Mapping[int, int]:
        """Twice the midrank of each value that occurs, which is whole."""
        together, below, doubled = self._together, 0, {}
        for value in sorted(together):
            doubled[value] = 2 * below + together[value] + 1
            below += together[value]
        return doubled

    @cached_property
    def _together(self) -> Counter[int]:
        together = Counter(dict(self.first))
        together.update(self.second)
        return Counter({value: n for value, n in together.items() if n})

    @cached_property
    def distance(self) -> Fraction:
        """The sum less what is expected where the groups do not differ."""
        doubled = sum(self._doubled[value] * n for value, n in self.first.items() if n)
        return Fraction(doubled - self.n * (self.size + 1), 2)

    @cached_property
    def variance(self) -> Fraction:
        """The variance of the sum where the groups do not differ, less what ties take from it."""
        if self.size <= 1:
            return Fraction(0)
        tied = sum(t**3 - t for t in self._together.values())
        n, m, size = self.n, self.m, self.size
        return Fraction(n * m, 12) * (size + 1 - Fraction(tied, size * (size - 1)))

    def p(self, *, corrected: bool = False) -> Decimal | None:
        """Return the two-sided P value by the normal distribution; None where all values are tied.

        Corrected for continuity, the distance is less by 1/2, but not less than 0. SAS: NPAR1WAY
        WILCOXON, which corrects unless told otherwise.
        """
        if not self.variance:
            return None
        short = max(abs(self.distance) - _HALF * corrected, Fraction(0))
        return ChiSquare(short**2 / self.variance, 1).p

    @property
    def steps(self) -> int:
        """What the exact P value costs, of about a microsecond each."""
        additions = self.size * self._fewer
        return additions * (1 + self._digit * self._reach // _BITS_PER_STEP)

    @property
    def _fewer(self) -> int:
        return min(self.n, self.m)

    @property
    def _digit(self) -> int:
        """Bits that hold how many samples have some sum."""
        return comb(self.size, self._fewer).bit_length() + 1

    @cached_property
    def _scores(self) -> list[tuple[int, int]]:
        """The ranks from 0 in the largest whole unit, each with how many values have it."""
        doubled = self._doubled
        least = min(doubled.values(), default=0)
        unit = gcd(*(score - least for score in doubled.values())) or 1
        return [((doubled[v] - least) // unit, n) for v, n in sorted(self._together.items())]

    @property
    def _reach(self) -> int:
        """The greatest sum that a sample of the smaller group's size can have."""
        remaining, total = self._fewer, 0
        for score, n in reversed(self._scores):
            used = min(remaining, n)
            total, remaining = total + used * score, remaining - used
        return total

    def exact_p(self) -> Fraction | None:
        """Return the probability of a sum at least as far from the expected one.

        Of all ways to choose the smaller group among the values, given their midranks.
        None where all values are tied. SAS: NPAR1WAY, EXACT WILCOXON, two-sided.
        """
        if not self.variance:
            return None
        fewer, digit = self._fewer, self._digit
        # ways[j]: in digits of so many bits, how many samples of j values have each sum.
        ways = [1, *([0] * fewer)]
        for score, n in self._scores:
            for _ in range(n):
                for j in range(fewer, 0, -1):
                    ways[j] += ways[j - 1] << (digit * score)
        scores = dict(zip(sorted(self._together), (s for s, _ in self._scores), strict=True))
        sample = self.first if self.n <= self.m else self.second
        observed = sum(scores[value] * n for value, n in sample.items() if n)
        total = sum(score * n for score, n in self._scores)
        away = abs(observed * self.size - fewer * total)
        mask, counts, extreme, place = (1 << digit) - 1, ways[fewer], 0, 0
        raw = counts.to_bytes((counts.bit_length() + 7) // 8 + 1, "little")
        for place in range(self._reach + 1):
            start = place * digit
            word = int.from_bytes(raw[start // 8 : (start + digit) // 8 + 2], "little")
            if abs(place * self.size - fewer * total) >= away:
                extreme += word >> (start % 8) & mask
        return Fraction(extreme, comb(self.size, fewer))


@dataclass(frozen=True)
class Shift:
    """How far the first group lies above the second: the median of all differences between them."""

    first: Tally
    second: Tally

    @property
    def pairs(self) -> int:
        """How many differences there are."""
        return sum(self.first.values()) * sum(self.second.values())

    @property
    def estimate(self) -> Fraction | None:
        """Return the median of the differences: Hodges and Lehmann (1963), Ann Math Stat 34:598."""
        if not (pairs := self.pairs):
            return None
        low, high = self._at((pairs + 1) // 2), self._at(pairs // 2 + 1)
        return Fraction(low + high, 2)

    def interval(self, level: Fraction) -> tuple[Fraction, Fraction] | None:
        """Return Moses's limits: the differences of ranks C and pairs + 1 - C.

        C is the whole part of what lies z standard deviations of the untied rank sum below half the
        pairs; None where that is less than 1. SAS: NPAR1WAY HL.
        """
        n, m = sum(self.first.values()), sum(self.second.values())
        with localcontext(WORKING):
            reach = normal_quantile_two_sided(level) * square_root(
                Fraction(n * m * (n + m + 1), 12)
            )
            rank = int((ratio(Fraction(n * m, 2)) - reach).to_integral_value(ROUND_FLOOR))
        if rank < 1:
            return None
        return Fraction(self._at(rank)), Fraction(self._at(self.pairs + 1 - rank))

    @cached_property
    def _sorted(self) -> tuple[list[tuple[int, int]], list[int], list[int]]:
        """The first's values with how many have each; the second's, and how many lie below."""
        first = sorted((value, n) for value, n in self.first.items() if n)
        second = sorted(value for value, n in self.second.items() if n)
        below = list(accumulate((self.second[value] for value in second), initial=0))
        return first, second, below

    def _at(self, rank: int) -> int:
        """Return the difference of a rank, the smallest being of rank 1, without listing them."""
        first, second, below = self._sorted
        low, high = first[0][0] - second[-1], first[-1][0] - second[0]
        while low < high:
            middle = (low + high) // 2
            reached = sum(
                n * (below[-1] - below[bisect_left(second, value - middle)]) for value, n in first
            )
            low, high = (low, middle) if reached >= rank else (middle + 1, high)
        return low


def van_elteren(strata: Sequence[RankSum]) -> ChiSquare | None:
    """Compare two groups by ranks within strata: van Elteren (1960), Bull Int Stat Inst 37:351.

    Each stratum's rank sum weighs 1 / (its size + 1). A stratum in which a group has nobody adds
    nothing. None where all values of each are tied. SAS: FREQ CMH2 SCORES=MODRIDIT, row means.
    """
    distance = exact_sum(stratum.distance / (stratum.size + 1) for stratum in strata)
    variance = exact_sum(stratum.variance / (stratum.size + 1) ** 2 for stratum in strata)
    return ChiSquare(distance**2 / variance, 1) if variance else None
