"""Contrasts of two proportions: risk difference, odds ratio and relative risk, by several methods.

Each group is how many of it have the event, and of how many. Nothing is added to cells of 0.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cached_property
from math import comb
from typing import Final, Literal

from trial.deferred import dataclass
from trial.statistics.contrasts import (
    Contrast,
    Limits,
    NormalContrast,
    ScoreContrast,
    Tails,
    falling_root,
)
from trial.statistics.distributions import ratio
from trial.statistics.inference import LIMIT, WORKING
from trial.statistics.proportions import (
    MIETTINEN_NURMINEN,
    NEWCOMBE,
    difference,
    miettinen_nurminen,
    newcombe,
    restricted_proportion,
)

type Group = tuple[int, int]
"""How many have the event, and of how many."""

WALD = "Wald"
MEE = "Mee score"
WOOLF = "odds ratio, Woolf logit"
ODDS_SCORE = "odds ratio, Miettinen-Nurminen score"
ODDS_EXACT = "odds ratio, conditional maximum likelihood, exact conditional"
ODDS_INSTEAD = f"{ODDS_SCORE} in place of exact conditional, which would take too long"
KATZ = "relative risk, Katz log"
KOOPMAN = "relative risk, Koopman score"
RISK_SCORE = "relative risk, Miettinen-Nurminen score"

type ContrastName = Literal["difference", "odds-ratio", "relative-risk"]
DIFFERENCE: Final = "difference"
ODDS_RATIO: Final = "odds-ratio"
RELATIVE_RISK: Final = "relative-risk"
CONTRAST_STATISTICS: Mapping[str, str] = {
    "difference": "difference",
    "odds-ratio": "odds_ratio",
    "relative-risk": "relative_risk",
}
"""By contrast of two proportions: the name of the statistic that it is."""
_INFINITE = Decimal("Infinity")
_STEPS_PER_TABLE = 250
"""What one table of a conditional distribution costs: it is weighed for each try at a limit."""


@dataclass(frozen=True)
class DifferenceOfRisks:
    """The risk difference with limits of its own, and the test that they are of, if any."""

    first: Group
    second: Group
    limits: Callable[[int, int, int, int, Fraction], Limits | None]
    test: Contrast | None = None

    @property
    def estimate(self) -> Fraction | None:
        """The risk difference."""
        return difference(*self.first, *self.second)

    def interval(self, level: Fraction) -> Limits | None:
        """Return the limits."""
        return self.limits(*self.first, *self.second, level)

    def tails(self, value: Fraction) -> Tails | None:
        """Return those of the test; nothing where the limits are of none."""
        return self.test.tails(value) if self.test is not None else None


@dataclass(frozen=True)
class ExactOddsRatio:
    """The odds ratio given all margins: its likeliest value, and Cornfield's exact limits."""

    first: Group
    second: Group

    @cached_property
    def estimate(self) -> Decimal | None:
        """The odds ratio under which the expected count is the one observed."""
        if self._x == self._low:
            return Decimal(0)
        if self._x == self._high:
            return None
        with localcontext(WORKING):
            return LIMIT.plus(self._root(lambda odds: self._x - self._expected(odds)))

    def interval(self, level: Fraction) -> Limits | None:
        """Return the limits, each with half of what the level leaves beyond it."""
        with localcontext(WORKING):
            tail = ratio((1 - level) / 2)
            low, high = Decimal(0), None
            if self._x > self._low:
                low = self._root(lambda odds: tail - self._shares(odds)[0])
            if self._x < self._high:
                high = self._root(lambda odds: self._shares(odds)[1] - tail)
            return LIMIT.plus(low), None if high is None else LIMIT.plus(high)

    def tails(self, value: Fraction) -> Tails | None:
        """Return the probabilities of as many events of the first group or more, and or fewer."""
        with localcontext(WORKING):
            above, below = self._shares(ratio(value))
            return LIMIT.plus(above), LIMIT.plus(below)

    @property
    def steps(self) -> int:
        """What its estimate and limits cost, of about a microsecond each."""
        return (self._high - self._low + 1) * _STEPS_PER_TABLE

    @property
    def _x(self) -> int:
        return self.first[0]

    @property
    def _low(self) -> int:
        return max(0, self.first[0] + self.second[0] - self.second[1])

    @property
    def _high(self) -> int:
        return min(self.first[1], self.first[0] + self.second[0])

    @cached_property
    def _weights(self) -> list[Decimal]:
        (x, n), (y, m) = self.first, self.second
        return [
            WORKING.create_decimal(comb(n, k) * comb(m, x + y - k))
            for k in range(self._low, self._high + 1)
        ]

    def _probabilities(self, odds: Decimal) -> list[Decimal]:
        """Weigh each table by its odds, scaled so that none overflows."""
        power, weighed = Decimal(1), []
        for weight in self._weights:
            weighed.append(weight * power)
            power *= odds
        return weighed

    def _expected(self, odds: Decimal) -> Decimal:
        weighed = self._probabilities(odds)
        total = sum(weighed, Decimal(0))
        return sum((k * weight for k, weight in enumerate(weighed, self._low)), Decimal(0)) / total

    def _shares(self, odds: Decimal) -> Tails:
        """Return the shares of tables with as many events or more, and of those with or fewer."""
        weighed, place = self._probabilities(odds), self._x - self._low
        total = sum(weighed, Decimal(0))
        above, below = sum(weighed[place:], Decimal(0)), sum(weighed[: place + 1], Decimal(0))
        return above / total, below / total

    @staticmethod
    def _root(falling: Callable[[Decimal], Decimal]) -> Decimal:
        """Find the odds ratio where a function falls through 0: within powers of 16 by its log."""
        step, low, high = Decimal(16).ln(), Decimal(0), Decimal(0)
        while falling(low.exp()) < 0:
            low, high = low - step, low
        while falling(high.exp()) > 0:
            low, high = high, high + step
        return falling_root(lambda log: falling(log.exp()), low, high).exp()


def wald_difference(first: Group, second: Group) -> Contrast | None:
    """Contrast risks by their difference, each with its own variance. SAS: RISKDIFF(CL=WALD)."""
    if (estimate := difference(*first, *second)) is None:
        return None
    (x, n), (y, m) = first, second
    variance = Fraction(x * (n - x), n**3) + Fraction(y * (m - y), m**3)
    return NormalContrast(estimate, variance)


def newcombe_difference(first: Group, second: Group) -> Contrast | None:
    """Contrast risks by their difference with Newcombe's interval."""
    return DifferenceOfRisks(first, second, newcombe) if first[1] and second[1] else None


def miettinen_nurminen_difference(first: Group, second: Group) -> Contrast | None:
    """Contrast risks by their difference with Miettinen and Nurminen's interval and test."""
    test = _score_difference(first, second, _factor(first[1] + second[1]))
    return DifferenceOfRisks(first, second, miettinen_nurminen, test) if test else None


def mee_difference(first: Group, second: Group) -> Contrast | None:
    """Contrast risks by their difference with Mee's (1984) interval, Biometrics 40:1175.

    That of Miettinen and Nurminen without n / (n - 1) in the variance; its test is Farrington and
    Manning's (1990), Stat Med 9:1447.
    """
    return _score_difference(first, second, Decimal(1))


def _score_difference(first: Group, second: Group, factor: Decimal) -> Contrast | None:
    if (estimate := difference(*first, *second)) is None:
        return None
    (x, n), (y, m) = first, second
    observed = ratio(estimate)

    def score(value: Decimal) -> Decimal:
        q = restricted_proportion(x, n, y, m, value)
        p = min(max(q + value, Decimal(0)), Decimal(1))
        return standardised(observed - value, (p * (1 - p) / n + q * (1 - q) / m) * factor)

    return ScoreContrast(estimate, score, (Decimal(-1), Decimal(1)))


def woolf_odds_ratio(first: Group, second: Group) -> Contrast | None:
    """Contrast odds by their ratio, whose logarithm is normal: Woolf (1955), Ann Hum Genet 19:251.

    Where a cell is 0 there is no interval. SAS: FREQ RELRISK, "Odds Ratio".
    """
    a, b, c, d = _cells(first, second)
    if not (a + b and c + d):
        return None
    cells = (a, b, c, d)
    variance = sum((Fraction(1, n) for n in cells), Fraction(0)) if all(cells) else None
    return NormalContrast(_odds_ratio(first, second), variance, logarithmic=True)


def score_odds_ratio(first: Group, second: Group) -> Contrast | None:
    """Contrast odds by their ratio and its score test: Miettinen and Nurminen (1985).

    Given the ratio and the margins, the expected first cell solves a quadratic; the score is the
    distance to it, by the reciprocals of the four expected cells, times n / (n - 1).
    """
    a, b, c, d = _cells(first, second)
    if not (a + b and c + d and a + c and b + d):
        return None
    factor = _factor(a + b + c + d)
    low, high = Decimal(max(0, a - d)), Decimal(min(a + b, a + c))

    def score(value: Decimal) -> Decimal:
        def excess(cell: Decimal) -> Decimal:
            return value * (a + b - cell) * (a + c - cell) - cell * (d - a + cell)

        cell = falling_root(excess, low, high)
        cells = (cell, a + b - cell, a + c - cell, d - a + cell)
        if min(cells) <= 0:
            return Decimal(0) if a == cell else (a - cell) * _INFINITE
        information = sum((1 / n for n in cells), Decimal(0))
        return standardised(a - cell, factor / information)

    return ScoreContrast(_odds_ratio(first, second), score, (Decimal(0), None))


def exact_odds_ratio(first: Group, second: Group) -> Contrast | None:
    """Contrast odds by their ratio given all margins. SAS: FREQ EXACT OR (its limits)."""
    a, b, c, d = _cells(first, second)
    return ExactOddsRatio(first, second) if a + b and c + d and a + c and b + d else None


def katz_relative_risk(first: Group, second: Group) -> Contrast | None:
    """Contrast risks by their ratio, whose logarithm is normal: Katz (1978), Biometrics 34:469.

    Where a group has no event there is no interval. SAS: FREQ RELRISK.
    """
    (x, n), (y, m) = first, second
    if not (n and m):
        return None
    estimate = Fraction(x * m, y * n) if y else None
    variance = None
    if x and y:
        variance = Fraction(1, x) - Fraction(1, n) + Fraction(1, y) - Fraction(1, m)
    return NormalContrast(estimate, variance, logarithmic=True)


def score_relative_risk(first: Group, second: Group) -> Contrast | None:
    """Contrast risks by their ratio and its score test: Miettinen and Nurminen (1985)."""
    return _score_ratio(first, second, _factor(first[1] + second[1]))


def koopman_relative_risk(first: Group, second: Group) -> Contrast | None:
    """Contrast risks by their ratio with Koopman's (1984) interval, Biometrics 40:513.

    That of Miettinen and Nurminen without n / (n - 1) in the variance.
    """
    return _score_ratio(first, second, Decimal(1))


def _score_ratio(first: Group, second: Group, factor: Decimal) -> Contrast | None:
    (x, n), (y, m) = first, second
    if not (n and m and x + y):
        return None
    estimate = Fraction(x * m, y * n) if y else None
    observed = Decimal(x) / n, Decimal(y) / m

    def score(value: Decimal) -> Decimal:
        half = (n * value + x + m + y * value) / 2
        root = half * half - (n + m) * value * (x + y)
        q = (x + y) / (half + max(root, Decimal(0)).sqrt())  # the lesser root, without cancelling
        p = min(value * q, Decimal(1))
        variance = p * (1 - p) / n + value * value * q * (1 - q) / m
        return standardised(observed[0] - value * observed[1], variance * factor)

    return ScoreContrast(estimate, score, (Decimal(0), None))


def standardised(distance: Decimal, variance: Decimal) -> Decimal:
    """Return a distance in standard errors; without any it is infinite, unless there is none."""
    if variance <= 0:
        return distance * _INFINITE if distance else Decimal(0)
    return distance / variance.sqrt()


def _factor(n: int) -> Decimal:
    return Decimal(n) / (n - 1) if n > 1 else Decimal(1)


def _cells(first: Group, second: Group) -> tuple[int, int, int, int]:
    (x, n), (y, m) = first, second
    difference(x, n, y, m)  # which refuses what is no count
    return x, n - x, y, m - y


def _odds_ratio(first: Group, second: Group) -> Fraction | None:
    a, b, c, d = _cells(first, second)
    return Fraction(a * d, b * c) if b * c else None


type ContrastOfRisks = Callable[[Group, Group], Contrast | None]
CONTRASTS: Mapping[str, Mapping[str, tuple[str, ContrastOfRisks]]] = {
    DIFFERENCE: {
        "newcombe": (NEWCOMBE, newcombe_difference),
        "miettinen-nurminen": (MIETTINEN_NURMINEN, miettinen_nurminen_difference),
        "mee": (MEE, mee_difference),
        "wald": (WALD, wald_difference),
    },
    ODDS_RATIO: {
        "wald": (WOOLF, woolf_odds_ratio),
        "miettinen-nurminen": (ODDS_SCORE, score_odds_ratio),
        "exact": (ODDS_EXACT, exact_odds_ratio),
    },
    RELATIVE_RISK: {
        "wald": (KATZ, katz_relative_risk),
        "miettinen-nurminen": (RISK_SCORE, score_relative_risk),
        "koopman": (KOOPMAN, koopman_relative_risk),
    },
}
"""By contrast and method: its name in Methods, and its function."""
