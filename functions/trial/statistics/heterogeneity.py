"""Whether independent estimates, such as those of subgroups, can all be of one effect."""

from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction

from trial.statistics.contrasts import Contrast, NormalContrast
from trial.statistics.distributions import chi_square_tail, ratio
from trial.statistics.inference import WORKING, NormalEstimate, square_root
from trial.statistics.moments import SampleStatistics

COCHRAN_Q = "Cochran's Q test of the subgroups' independent estimates"


def cochran_q(estimates: Sequence[NormalEstimate]) -> Decimal | None:
    """Return the P value of estimates being of one effect; None with fewer than two of them.

    Cochran (1954), Biometrics 10:101: the squared distances from the mean that is weighted by the
    reciprocals of the variances, in these units, by chi-square with one degree of freedom less than
    there are estimates. Of hazard ratios it is Wald's test of the interaction in a model whose
    baseline is of each subgroup.
    """
    if len(estimates) < 2 or not all(estimate.se for estimate in estimates):  # noqa: PLR2004
        return None
    with localcontext(WORKING):
        weights = [1 / estimate.se**2 for estimate in estimates]
        pairs = list(zip(weights, estimates, strict=True))
        mean = sum((w * estimate.estimate for w, estimate in pairs), Decimal(0)) / sum(
            weights, Decimal(0)
        )
        q = sum((w * (estimate.estimate - mean) ** 2 for w, estimate in pairs), Decimal(0))
        return chi_square_tail(Fraction(q), len(estimates) - 1)


def normal_contrast(contrast: Contrast | None) -> NormalEstimate | None:
    """Return a contrast of proportions, a ratio by its logarithm; None without a variance."""
    if not isinstance(contrast, NormalContrast) or contrast.estimate is None:
        return None
    if not contrast.variance:
        return None
    with localcontext(WORKING):
        value = ratio(contrast.estimate)
        se = square_root(contrast.variance)
        return NormalEstimate(value.ln() if contrast.logarithmic else value, se)


def normal_difference(first: SampleStatistics, second: SampleStatistics) -> NormalEstimate | None:
    """Return a difference of means, each with a variance of its own; None where nothing varies."""
    if first.mean is None or second.mean is None:
        return None
    if first.variance is None or second.variance is None:
        return None
    variance = first.variance / first.n + second.variance / second.n
    if not variance:
        return None
    return NormalEstimate(ratio(first.mean - second.mean), square_root(variance))
