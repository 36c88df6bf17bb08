"""Contrasts of two proportions over strata: Mantel-Haenszel's, and two intervals of a difference.

A stratum is both groups in it: how many have the event, and of how many. One in which a group has
nobody tells nothing and is left out by whoever asks. All sums are exact.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cached_property

from trial.deferred import dataclass
from trial.statistics.contrasts import Contrast, Limits, NormalContrast, ScoreContrast, Tails
from trial.statistics.distributions import ratio
from trial.statistics.inference import (
    LIMIT,
    WORKING,
    exact_sum,
    normal_quantile_two_sided,
)
from trial.statistics.proportions import restricted_proportion
from trial.statistics.risks import (
    DIFFERENCE,
    ODDS_RATIO,
    RELATIVE_RISK,
    Group,
    standardised,
)

type Stratum = tuple[Group, Group]

MH_DIFFERENCE = "Mantel-Haenszel risk difference, Greenland-Robins variance"
MH_SATO = "Mantel-Haenszel risk difference, Sato variance"
MH_ODDS = "Mantel-Haenszel odds ratio, Robins-Breslow-Greenland variance"
MH_RISK = "Mantel-Haenszel relative risk, Greenland-Robins variance"
STRATIFIED_NEWCOMBE = "stratified Newcombe risk difference (Yan-Su), Mantel-Haenszel weights"
STRATIFIED_SCORE = "stratified Miettinen-Nurminen risk difference, Mantel-Haenszel weights"


def comparable(strata: Sequence[Stratum]) -> list[Stratum]:
    """Return the strata in which both groups have somebody."""
    return [stratum for stratum in strata if stratum[0][1] and stratum[1][1]]


def _weights(strata: Sequence[Stratum]) -> list[Fraction]:
    return [Fraction(n * m, n + m) for (_, n), (_, m) in strata]


def _common_difference(strata: Sequence[Stratum]) -> Fraction:
    parts = [Fraction(x * m - y * n, n + m) for (x, n), (y, m) in strata]
    return exact_sum(parts) / exact_sum(_weights(strata))


def mantel_haenszel_difference(strata: Sequence[Stratum]) -> Contrast | None:
    """Return the common risk difference: Greenland and Robins (1985), Biometrics 41:55.

    SAS: FREQ COMMONRISKDIFF(CL=MH). Its variance is small where strata are sparse.
    """
    if not (strata := comparable(strata)):
        return None
    parts = (
        Fraction(x * (n - x) * m**3 + y * (m - y) * n**3, n * m * (n + m) ** 2)
        for (x, n), (y, m) in strata
    )
    variance = exact_sum(parts) / exact_sum(_weights(strata)) ** 2
    return NormalContrast(_common_difference(strata), variance)


def sato_difference(strata: Sequence[Stratum]) -> Contrast | None:
    """Return the common risk difference with a variance that holds in sparse strata too.

    Sato (1989), Biometrics 45:1323.
    """
    if not (strata := comparable(strata)):
        return None
    common = _common_difference(strata)
    by_difference = exact_sum(
        Fraction(n * n * y - m * m * x, (n + m) ** 2) + Fraction(n * m * (m - n), 2 * (n + m) ** 2)
        for (x, n), (y, m) in strata
    )
    apart = exact_sum(Fraction(x * (m - y) + y * (n - x), 2 * (n + m)) for (x, n), (y, m) in strata)
    total = exact_sum(_weights(strata))
    return NormalContrast(common, (common * by_difference + apart) / total**2)


def mantel_haenszel_odds_ratio(strata: Sequence[Stratum]) -> Contrast | None:
    """Return the common odds ratio: Mantel and Haenszel (1959), JNCI 22:719.

    The variance of its logarithm is that of Robins, Breslow and Greenland (1986), Biometrics
    42:311. SAS: FREQ CMH. None where no stratum tells anything of it.
    """
    cells = [
        (Fraction(x, n + m), Fraction(n - x, n + m), Fraction(y), Fraction(m - y))
        for (x, n), (y, m) in comparable(strata)
    ]
    sizes = [n + m for (_, n), (_, m) in comparable(strata)]
    for_first = [a * d for a, _, _, d in cells]
    for_second = [b * c for _, b, c, _ in cells]
    r, s = exact_sum(for_first), exact_sum(for_second)
    if not (r or s):
        return None
    if not (r and s):
        return NormalContrast(None if not s else Fraction(0), None, logarithmic=True)
    concordant = [a + d / n for (a, _, _, d), n in zip(cells, sizes, strict=True)]
    parts = zip(concordant, for_first, for_second, strict=True)
    sums = [Fraction(0)] * 3
    for agree, first, second in parts:
        differ = 1 - agree
        sums[0] += agree * first
        sums[1] += agree * second + differ * first
        sums[2] += differ * second
    variance = sums[0] / (2 * r * r) + sums[1] / (2 * r * s) + sums[2] / (2 * s * s)
    return NormalContrast(r / s, variance, logarithmic=True)


def mantel_haenszel_relative_risk(strata: Sequence[Stratum]) -> Contrast | None:
    """Return the common relative risk: Greenland and Robins (1985). SAS: FREQ CMH.

    None where no stratum has an event.
    """
    strata = comparable(strata)
    r = exact_sum(Fraction(x * m, n + m) for (x, n), (_, m) in strata)
    s = exact_sum(Fraction(y * n, n + m) for (_, n), (y, m) in strata)
    if not (r or s):
        return None
    if not (r and s):
        return NormalContrast(None if not s else Fraction(0), None, logarithmic=True)
    spread = exact_sum(
        Fraction((x + y) * n * m - x * y * (n + m), (n + m) ** 2) for (x, n), (y, m) in strata
    )
    return NormalContrast(r / s, spread / (r * s), logarithmic=True)


def stratified_score_difference(strata: Sequence[Stratum]) -> Contrast | None:
    """Return the common risk difference and its score test: Miettinen and Nurminen (1985).

    Each stratum's variance is that under the value tested, times n / (n - 1); with
    Mantel-Haenszel weights. SAS's "summary score" is another method, of inverse variances.
    """
    if not (strata := comparable(strata)):
        return None
    common = _common_difference(strata)
    total = exact_sum(_weights(strata))
    with localcontext(WORKING):
        observed = ratio(common)
        weights = [ratio((weight / total) ** 2) for weight in _weights(strata)]

    def score(value: Decimal) -> Decimal:
        variance = Decimal(0)
        for ((x, n), (y, m)), weight in zip(strata, weights, strict=True):
            q = restricted_proportion(x, n, y, m, value)
            p = min(max(q + value, Decimal(0)), Decimal(1))
            of_stratum = p * (1 - p) / n + q * (1 - q) / m
            variance += weight * of_stratum * (n + m) / (n + m - 1)
        return standardised(observed - value, variance)

    return ScoreContrast(common, score, (Decimal(-1), Decimal(1)))


@dataclass(frozen=True)
class StratifiedNewcombe:
    """The common risk difference with the interval of Yan and Su (2010), Stat Biopharm Res 2:383.

    Of each group the strata's Wilson limits, at a quantile that makes their weighted sum a limit
    of the level, are added up; then the variances at these limits, as Newcombe does, are put
    together. There is no test. SAS: FREQ COMMONRISKDIFF(CL=NEWCOMBE).
    """

    strata: Sequence[Stratum]

    @cached_property
    def estimate(self) -> Fraction:
        """The common risk difference, with Mantel-Haenszel weights."""
        return _common_difference(self.strata)

    def interval(self, level: Fraction) -> Limits | None:
        """Return the limits."""
        with localcontext(WORKING):
            z = normal_quantile_two_sided(level)
            first, second = (
                self._wilson([stratum[group] for stratum in self.strata], z) for group in (0, 1)
            )
            spreads = [
                sum((w * w / stratum[group][1] for stratum, w in self._weighted), Decimal(0))
                for group in (0, 1)
            ]

            def reach(one: Decimal, other: Decimal) -> Decimal:
                variance = spreads[0] * one * (1 - one) + spreads[1] * other * (1 - other)
                return z * variance.sqrt()

            middle = ratio(self.estimate)
            low = middle - reach(first[0], second[1])
            high = middle + reach(first[1], second[0])
            return LIMIT.plus(low), LIMIT.plus(high)

    def tails(self, value: Fraction) -> Tails | None:  # noqa: ARG002 (as every contrast takes it)
        """Return nothing: the interval is of no test."""
        return None

    @cached_property
    def _weighted(self) -> list[tuple[Stratum, Decimal]]:
        weights = _weights(self.strata)
        total = exact_sum(weights)
        return [
            (stratum, ratio(weight / total))
            for stratum, weight in zip(self.strata, weights, strict=True)
        ]

    def _wilson(self, groups: Sequence[Group], z: Decimal) -> tuple[Decimal, Decimal]:
        """Add up the strata's Wilson limits of a group."""
        weights = [weight for _, weight in self._weighted]
        spreads = [Decimal(x) * (n - x) / n**3 for x, n in groups]
        weighed = list(zip(weights, spreads, strict=True))
        across = sum((w * v.sqrt() for w, v in weighed), Decimal(0))
        together = sum((w * w * v for w, v in weighed), Decimal(0)).sqrt()
        within = z * together / across if across else z
        low = high = Decimal(0)
        for (x, n), weight in zip(groups, weights, strict=True):
            size = n + within * within
            middle = (x + within * within / 2) / size
            reach = within * (Decimal(x) * (n - x) / n + within * within / 4).sqrt() / size
            low, high = low + weight * (middle - reach), high + weight * (middle + reach)
        return max(low, Decimal(0)), min(high, Decimal(1))


def stratified_newcombe(strata: Sequence[Stratum]) -> Contrast | None:
    """Return the common risk difference with the stratified interval of Newcombe's kind."""
    strata = comparable(strata)
    return StratifiedNewcombe(strata) if strata else None


type ContrastOverStrata = Callable[[Sequence[Stratum]], Contrast | None]
COMMON_CONTRASTS: Mapping[str, Mapping[str, tuple[str, ContrastOverStrata]]] = {
    DIFFERENCE: {
        "mantel-haenszel": (MH_DIFFERENCE, mantel_haenszel_difference),
        "sato": (MH_SATO, sato_difference),
        "newcombe": (STRATIFIED_NEWCOMBE, stratified_newcombe),
        "miettinen-nurminen": (STRATIFIED_SCORE, stratified_score_difference),
    },
    ODDS_RATIO: {"mantel-haenszel": (MH_ODDS, mantel_haenszel_odds_ratio)},
    RELATIVE_RISK: {"mantel-haenszel": (MH_RISK, mantel_haenszel_relative_risk)},
}
"""By contrast and method: its name in Methods, and its function."""
