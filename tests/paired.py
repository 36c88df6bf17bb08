"""The score interval of a paired difference (Tango 1998), by searching where the score is z."""

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from math import sqrt

from scipy.optimize import brentq
from scipy.stats import norm


def _score(gained: int, lost: int, n: int) -> Callable[[float], float]:
    def score(delta: float) -> float:
        slope = -gained - lost + (2 * n - gained + lost) * delta
        product = -lost * delta * (1 - delta)
        only_lost = (sqrt(max(slope * slope - 8 * n * product, 0)) - slope) / (4 * n)
        variance = n * (2 * only_lost + delta * (1 - delta))
        return (gained - lost - n * delta) / sqrt(variance) if variance > 0 else 0.0

    return score


def tango(gained: int, lost: int, n: int) -> tuple[Decimal, Decimal]:
    """Give both limits in percent, to ten places: of (gained - lost) / n."""
    z, edge = float(norm.ppf(0.975)), 1e-12
    score, estimate = _score(gained, lost, n), (gained - lost) / n
    low = high = estimate
    if estimate > -1 + edge:
        low = brentq(lambda item: score(item) - z, -1 + edge, estimate, xtol=1e-15)
    if estimate < 1 - edge:
        high = brentq(lambda item: score(item) + z, estimate, 1 - edge, xtol=1e-15)
    places = Decimal("1e-10")
    return tuple(Decimal(100 * item).quantize(places, ROUND_HALF_UP) for item in (low, high))  # type: ignore[return-value]
