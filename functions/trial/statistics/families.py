"""Likelihoods of counts whose mean depends on a design: binomial, Poisson, negative binomial.

Each is of groups of subjects who are alike in the design, of which sums are enough.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from trial.deferred import dataclass
from trial.statistics import maximisation
from trial.statistics.maximisation import Arithmetic, Matrix, Slope

LOGISTIC, POISSON, NEGATIVE_BINOMIAL = "logistic", "poisson", "negative-binomial"
FAMILIES: Mapping[str, str] = {
    LOGISTIC: "logistic regression",
    POISSON: "Poisson regression",
    NEGATIVE_BINOMIAL: "negative binomial regression (NB2)",
}
"""What models are called."""

type Pattern = tuple[int, ...]
"""A row of a design, of zeros and ones."""
_SERIES_BELOW, _TERMS = Fraction(1, 64), 30


@dataclass(frozen=True)
class Group:
    """Subjects alike in the design and in their exposure: how many, and their events together."""

    pattern: Pattern
    exposure: int
    n: int
    events: int


@dataclass(frozen=True)
class CountLikelihood:
    """A likelihood of groups, in the columns of their design that are `kept`.

    `exceeded` says of a negative binomial how many subjects had more than 0, 1, 2… events; its
    last coefficient is then the logarithm of the dispersion.
    """

    family: str
    groups: Sequence[Group]
    kept: Sequence[int]
    exceeded: Sequence[int] = ()

    @property
    def size(self) -> int:
        """How many coefficients there are."""
        return len(self.kept) + (self.family == NEGATIVE_BINOMIAL)

    def at[Number: (float, Decimal)](
        self, point: Sequence[Number], numbers: Arithmetic[Number]
    ) -> Slope[Number]:
        """Return value, gradient and information at a point."""
        sums: _Sums[Number] = _Sums(self.size, numbers)
        if self.family == NEGATIVE_BINOMIAL:
            _add_dispersed(self, point, numbers, sums)
            return sums.slope if sums.is_definite else sums.apart
        added = _binomial if self.family == LOGISTIC else _poisson
        for group in self.groups:
            places = self.places(group)
            linear = _linear(point, places, numbers)
            sums.add(places, *added(group, linear, numbers))
        return sums.slope

    def places(self, group: Group) -> list[int]:
        """Return the places of the coefficients that a group's mean has."""
        return [place for place, column in enumerate(self.kept) if group.pattern[column]]


class _Sums[Number: (float, Decimal)]:
    """The value of a likelihood and its derivatives, summed over groups.

    `apart` is the curvature by the last coefficient, to be taken where the whole information is not
    positive definite, which is so far from a maximum alone.
    """

    def __init__(self, size: int, numbers: Arithmetic[Number]) -> None:
        self._zero: Number = numbers.of(0)
        self.value: Number = self._zero
        self.gradient: list[Number] = [self._zero] * size
        self.information: Matrix[Number] = [[self._zero] * size for _ in range(size)]
        self.scale: Number = numbers.of(1)

    def add(self, places: Sequence[int], value: Number, slope: Number, curvature: Number) -> None:
        """Add a group: its value, and its derivatives by the linear predictor."""
        self.value += value
        for i in places:
            self.gradient[i] += slope
            row = self.information[i]
            for j in places:
                row[j] += curvature

    def cross(self, places: Sequence[int], curvature: Number) -> None:
        """Add a group's curvature by the linear predictor and the last coefficient."""
        for i in places:
            self.information[i][-1] += curvature
            self.information[-1][i] += curvature

    @property
    def slope(self) -> Slope[Number]:
        """What was summed."""
        return Slope(self.value, self.gradient, self.information)

    @property
    def is_definite(self) -> bool:
        """Whether the information is positive definite."""
        return maximisation.solved(self.information, self.gradient) is not None

    @property
    def apart(self) -> Slope[Number]:
        """What was summed, with the last coefficient as if the others told nothing of it."""
        size = range(len(self.gradient) - 1)
        information: Matrix[Number] = [list(row) for row in self.information]
        for place in size:
            information[place][-1] = information[-1][place] = self._zero
        information[-1][-1] = abs(information[-1][-1]) + abs(self.gradient[-1])
        return Slope(self.value, self.gradient, information)


def _linear[Number: (float, Decimal)](
    point: Sequence[Number], places: Sequence[int], numbers: Arithmetic[Number]
) -> Number:
    total: Number = numbers.of(0)
    for place in places:
        total += point[place]
    return total


def _binomial[Number: (float, Decimal)](
    group: Group, linear: Number, numbers: Arithmetic[Number]
) -> tuple[Number, Number, Number]:
    odds = numbers.exp(linear)
    n, events, whole = numbers.of(group.n), numbers.of(group.events), numbers.of(1) + odds
    share = odds / whole
    value = events * linear - n * numbers.log(whole)
    return value, events - n * share, n * share / whole


def _poisson[Number: (float, Decimal)](
    group: Group, linear: Number, numbers: Arithmetic[Number]
) -> tuple[Number, Number, Number]:
    expected = numbers.of(group.exposure * group.n) * numbers.exp(linear)
    events = numbers.of(group.events)
    return events * linear - expected, events - expected, expected


def _add_dispersed[Number: (float, Decimal)](
    likelihood: CountLikelihood,
    point: Sequence[Number],
    numbers: Arithmetic[Number],
    sums: _Sums[Number],
) -> None:
    """Add a negative binomial.

    A subject with mean m and y events adds, with the dispersion a, the sum of log(1 + a j) over
    j < y, plus y log m, less (y + 1/a) log(1 + a m).
    """
    dispersion = numbers.exp(point[-1])
    by_dispersion: Number = numbers.of(0)
    by_its_square: Number = numbers.of(0)
    for times, subjects in enumerate(likelihood.exceeded):
        number = numbers.of(subjects)
        growth = numbers.of(1) + dispersion * numbers.of(times)
        share = numbers.of(times) / growth
        sums.value += number * numbers.log(growth)
        by_dispersion += number * share
        by_its_square -= number * share * share
    for group in likelihood.groups:
        places = likelihood.places(group)
        linear = _linear(point, places, numbers)
        mean: Number = numbers.of(group.exposure) * numbers.exp(linear)
        n, events = numbers.of(group.n), numbers.of(group.events)
        growth = numbers.of(1) + dispersion * mean
        logarithm, first, second = _of_excess(dispersion * mean, numbers)
        sums.add(
            places,
            events * linear - events * numbers.log(growth) - n * mean * logarithm,
            (events - n * mean) / growth,
            mean * (n + dispersion * events) / (growth * growth),
        )
        sums.cross(places, dispersion * (events - n * mean) * mean / (growth * growth))
        by_dispersion += n * mean * mean * first - events * mean / growth
        by_its_square += n * mean * mean * mean * second + events * mean * mean / (growth * growth)
    sums.gradient[-1] = dispersion * by_dispersion
    sums.information[-1][-1] = -dispersion * (dispersion * by_its_square + by_dispersion)


def _of_excess[Number: (float, Decimal)](
    x: Number, numbers: Arithmetic[Number]
) -> tuple[Number, Number, Number]:
    """Return log(1 + x) / x; (log(1 + x) - x / (1 + x)) / x^2; and the derivative of that.

    By their series where x is small, as the terms would cancel.
    """
    unit = numbers.of(1)
    if x < numbers.ratio(_SERIES_BELOW):
        logarithm, first, second, power = numbers.of(0), numbers.of(0), numbers.of(0), unit
        for k in range(_TERMS):
            logarithm += power / numbers.of(k + 1)
            first += power * numbers.of(k + 1) / numbers.of(k + 2)
            second -= power * numbers.of((k + 1) * (k + 2)) / numbers.of(k + 3)
            power *= -x
        return logarithm, first, second
    growth = unit + x
    logarithm = numbers.log(growth) / x
    first = (logarithm - unit / growth) / x
    return logarithm, first, (unit / (growth * growth) - first - first) / x


def excess(likelihood: CountLikelihood, point: Sequence[Decimal]) -> tuple[Decimal, Decimal]:
    """Return by how much counts vary beyond Poisson's at its maximum, and the squares of means.

    The first is twice the slope of the negative binomial likelihood where its dispersion is 0.
    """
    numbers = maximisation.DECIMAL
    varied, squares = Decimal(0), Decimal(0)
    for times, n in enumerate(likelihood.exceeded):
        varied += 2 * times * n
    for group in likelihood.groups:
        linear = _linear(point, likelihood.places(group), numbers)
        mean = group.exposure * numbers.exp(linear)
        varied += mean * (group.n * mean - 2 * group.events)
        squares += group.n * mean * mean
    return varied, squares


def preferred(family: str, group: Group) -> tuple[int, ...]:
    """Return the signs along which a group allows a direction: both where it allows neither way."""
    if not group.events:
        return (-1,)
    if family == LOGISTIC and group.events == group.n:
        return (1,)
    return (1, -1)
