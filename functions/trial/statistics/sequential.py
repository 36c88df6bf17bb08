"""Group-sequential looks: how much alpha has been spent by each, and the boundary that spends it.

One-sided, of a statistic whose values at the looks are those of a Brownian motion at the shares of
the planned information. In decimal arithmetic throughout, to some ten digits.
"""

from collections.abc import Sequence
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from functools import cache, lru_cache
from itertools import pairwise
from operator import mul

from trial.deferred import dataclass
from trial.statistics.distributions import normal_quantile, normal_tail, ratio

OBRIEN_FLEMING = "Lan-DeMets spending of O'Brien-Fleming type"
POCOCK = "Lan-DeMets spending of Pocock type"
SPENDING = {"obrien-fleming": OBRIEN_FLEMING, "pocock": POCOCK}
"""What the spending functions are called."""
LEAST_STEP = Fraction(1, 100)
"""How far apart two looks must be, in shares of the planned information."""
_WORKING = Context(prec=28)
_RESULT = Context(prec=12)
_NODES, _PANEL = 10, 2  # in each panel of so many standard deviations of a step
_FAR = 6  # standard deviations below which the statistic never crosses later
_TAIL = 60  # a normal tail from the root of z squared and this on is 1e-13 of that from z
_SOLVED, _MOST_STEPS = Decimal("1e-14"), 60
_ROOT_2_PI = Decimal("2.506628274631000502415765284811")


@dataclass(frozen=True)
class Boundary:
    """A look's boundary for the normal statistic, and what it leaves of alpha on its side."""

    z: Decimal
    nominal: Decimal
    """The one-sided P value at the boundary."""
    spent: Decimal
    """What has been spent up to this look, of one side."""


def spent(function: str, alpha: Fraction, share: Fraction) -> Decimal:
    """Return what is spent of a one-sided alpha at a share of the information: Lan and DeMets.

    (1983), Biometrika 70:659. From the planned information on it is all.
    """
    with localcontext(_WORKING):
        if share >= 1:
            return ratio(alpha)
        if function == "pocock":
            return ratio(alpha) * (1 + (Decimal(1).exp() - 1) * ratio(share)).ln()
        z = normal_quantile(1 - alpha / 2)
        return 2 * normal_tail(z / ratio(share).sqrt())


@lru_cache(maxsize=256)
def boundary(
    function: str, alpha: Fraction, shares: tuple[Fraction, ...], *, last: bool = False
) -> Boundary:
    """Return the boundary at the last of these shares, given the looks at those before it.

    At the last planned look all that is left of alpha is spent. By the recursion of Armitage,
    McPherson and Rowe (1969), JRSS A 132:235.
    """
    if any(after - before < LEAST_STEP for before, after in pairwise((Fraction(0), *shares))):
        raise ValueError("each look needs more information than the one before it")
    with localcontext(_WORKING):
        path, before, z, total = _Path(), Decimal(0), Decimal(0), Decimal(0)
        for i, share in enumerate(shares):
            final = last and i == len(shares) - 1
            total = ratio(alpha) if final else spent(function, alpha, share)
            to_spend = max(total - before, Decimal(0))
            z = path.limit(ratio(share), to_spend)
            if i < len(shares) - 1:
                path = path.continued(ratio(share), z, ratio(shares[i + 1]))
            before = total
        return Boundary(_RESULT.plus(z), _RESULT.plus(normal_tail(z)), _RESULT.plus(total))


@dataclass(frozen=True)
class _Path:
    """Where the motion can be that has crossed no boundary: points in panels, with probabilities.

    A panel's points are those of Gauss and Legendre's quadrature. At first there is one point.
    """

    time: Decimal = Decimal(0)
    low: Decimal = Decimal(0)
    width: Decimal = Decimal(0)
    panels: Sequence[Sequence[Decimal]] = ((Decimal(1), *[Decimal(0)] * (_NODES - 1)),)

    def limit(self, time: Decimal, to_spend: Decimal) -> Decimal:
        """Find the boundary, in standard deviations, that is crossed with a probability.

        From where it would be without earlier looks, by Newton's method; what lies between two of
        its steps is integrated, so that the tail is integrated only once.
        """
        if to_spend <= 0:
            return Decimal("Infinity")
        density, scale = _Density(self, time), time.sqrt()
        z = normal_quantile(1 - Fraction(to_spend))
        y, end = z * scale, (z * z + _TAIL).sqrt() * scale
        crossed = density.integral(y, end)
        for _ in range(_MOST_STEPS):
            move = (crossed - to_spend) / density.at(y)
            move = max(-density.step, min(density.step, move))
            crossed -= density.integral(y, y + move)
            y += move
            if abs(move) < _SOLVED:
                return y / scale
        raise ArithmeticError("the boundary did not converge")

    def continued(self, time: Decimal, z: Decimal, following: Decimal) -> "_Path":
        """Go on to a look with a boundary; its panels are as fine as the step that follows."""
        density, scale = _Density(self, time), time.sqrt()
        low, high = -_FAR * scale, min(z, Decimal(2 * _FAR)) * scale
        finest = min(density.step, (following - time).sqrt())
        count = int((high - low) / (_PANEL * finest)) + 1
        width = (high - low) / count
        panels = [
            [
                density.at(low + width * (panel + node)) * weight * width
                for node, weight in _legendre(_NODES)
            ]
            for panel in range(count)
        ]
        return _Path(time, low, width, panels)


class _Density:
    """How likely the motion is somewhere at a look, not having crossed a boundary before."""

    def __init__(self, path: _Path, time: Decimal) -> None:
        """Weigh each point by what of the normal density does not depend on where it leads."""
        self._path, self._variance = path, time - path.time
        self.step = self._variance.sqrt()
        self._weighed = [
            [
                weight * (-((path.low + path.width * (i + node)) ** 2) / (2 * self._variance)).exp()
                for weight, (node, _) in zip(panel, _legendre(_NODES), strict=True)
            ]
            for i, panel in enumerate(path.panels)
        ]

    def at(self, y: Decimal) -> Decimal:
        """Return the density at a place: of each panel the first factor, then those of its points.

        exp(x y / v) is a product, so that few exponentials are taken.
        """
        slope, path = y / self._variance, self._path
        of_panel, along = (path.low * slope).exp(), (path.width * slope).exp()
        of_node = [(path.width * node * slope).exp() for node, _ in _legendre(_NODES)]
        total = Decimal(0)
        for panel in self._weighed:
            total += of_panel * sum(map(mul, panel, of_node), Decimal(0))
            of_panel *= along
        return total * (-y * slope / 2).exp() / (self.step * _ROOT_2_PI)

    def integral(self, low: Decimal, high: Decimal) -> Decimal:
        """Return the probability between two places."""
        count = int(abs(high - low) / (_PANEL * self.step)) + 1
        width = (high - low) / count
        return width * sum(
            (
                self.at(low + width * (panel + node)) * weight
                for panel in range(count)
                for node, weight in _legendre(_NODES)
            ),
            Decimal(0),
        )


@cache
def _legendre(n: int) -> list[tuple[Decimal, Decimal]]:
    """Return the nodes of Gauss and Legendre between 0 and 1, with their weights."""
    nodes = []
    with localcontext(Context(prec=40)):
        for i in range(n):
            x = Decimal(2 * i + 1 - n) / n  # near enough to lead to a root of its own
            x = x * (Decimal("1.5") - x * x / 2)
            for _ in range(60):
                value, slope = _polynomial(n, x)
                x -= (move := value / slope)
                if abs(move) < Decimal("1e-35"):
                    break
            _, slope = _polynomial(n, x)
            nodes.append(((x + 1) / 2, 1 / ((1 - x * x) * slope * slope)))
    return sorted(nodes)


def _polynomial(n: int, x: Decimal) -> tuple[Decimal, Decimal]:
    """Return Legendre's polynomial, and its slope."""
    before, value = Decimal(1), x
    for k in range(2, n + 1):
        before, value = value, ((2 * k - 1) * x * value - (k - 1) * before) / k
    return value, n * (x * value - before) / (x * x - 1)
