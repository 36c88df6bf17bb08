"""How the values of one subject may be correlated: covariances of visits by few parameters."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from trial.deferred import dataclass
from trial.statistics.maximisation import Arithmetic, Matrix

COVARIANCES: Mapping[str, str] = {
    "unstructured": "unstructured covariance",
    "toeplitz": "Toeplitz covariance",
    "compound-symmetry": "compound symmetry",
    "ar1": "autoregressive covariance, AR(1)",
}
"""What they are called, the default first."""

type Places = Sequence[tuple[int, int]]
"""Entries of a covariance."""
type Weighted[Number] = Sequence[tuple[int, int, Number]]
"""Entries of a covariance, and what of a parameter is in them."""


@dataclass(frozen=True)
class Structure:
    """A covariance that is a sum of parameters, each in some entries of it."""

    visits: int
    supports: Sequence[Places]
    """By parameter, the entries of which one must be observed to tell it."""

    @property
    def size(self) -> int:
        """How many parameters it has."""
        return len(self.supports)

    def start(self, variance: float) -> list[float]:
        """Return parameters with this variance at each visit and nothing between visits."""
        return [variance if all(i == j for i, j in places) else 0.0 for places in self.supports]

    def covariance[Number: (float, Decimal)](
        self, point: Sequence[Number], numbers: Arithmetic[Number]
    ) -> Matrix[Number]:
        """Return the covariance of all visits."""
        zero = numbers.of(0)
        covariance = [[zero] * self.visits for _ in range(self.visits)]
        for number, places in zip(point, self.supports, strict=True):
            for i, j in places:
                covariance[i][j] += number
        return covariance

    def slopes[Number: (float, Decimal)](
        self,
        point: Sequence[Number],  # noqa: ARG002 (slopes of a sum do not depend on it)
        numbers: Arithmetic[Number],
    ) -> list[Weighted[Number]]:
        """Return the derivatives of the covariance, by parameter."""
        unit = numbers.of(1)
        return [[(i, j, unit) for i, j in places] for places in self.supports]

    def bends[Number: (float, Decimal)](
        self,
        point: Sequence[Number],  # noqa: ARG002 (a sum has none)
        numbers: Arithmetic[Number],  # noqa: ARG002
    ) -> Mapping[tuple[int, int], Weighted[Number]]:
        """Return the second derivatives that are not 0, by two parameters."""
        return {}


@dataclass(frozen=True)
class Autoregressive(Structure):
    """A variance, and a correlation to the power of how many visits lie between."""

    def start(self, variance: float) -> list[float]:
        """Return parameters with this variance at each visit and no correlation."""
        return [variance, 0.0]

    def covariance[Number: (float, Decimal)](
        self, point: Sequence[Number], numbers: Arithmetic[Number]
    ) -> Matrix[Number]:
        """Return the covariance of all visits."""
        variance, correlation = point
        powers = _powers(correlation, self.visits, numbers)
        visits = range(self.visits)
        return [[variance * powers[abs(i - j)] for j in visits] for i in visits]

    def slopes[Number: (float, Decimal)](
        self, point: Sequence[Number], numbers: Arithmetic[Number]
    ) -> list[Weighted[Number]]:
        """Return the derivatives by the variance, and by the correlation."""
        variance, correlation = point
        powers = _powers(correlation, self.visits, numbers)
        return [
            [(i, j, powers[lag]) for i, j, lag in self._lags],
            [
                (i, j, variance * numbers.of(lag) * powers[lag - 1])
                for i, j, lag in self._lags
                if lag
            ],
        ]

    def bends[Number: (float, Decimal)](
        self, point: Sequence[Number], numbers: Arithmetic[Number]
    ) -> Mapping[tuple[int, int], Weighted[Number]]:
        """Return the second derivatives: by both, and by the correlation twice."""
        variance, correlation = point
        powers = _powers(correlation, self.visits, numbers)
        mixed = [(i, j, numbers.of(lag) * powers[lag - 1]) for i, j, lag in self._lags if lag]
        second_bend = [
            (i, j, variance * numbers.of(lag * (lag - 1)) * powers[lag - 2])
            for i, j, lag in self._lags
            if lag > 1
        ]
        return {(0, 1): mixed, (1, 0): mixed, (1, 1): second_bend}

    @property
    def _lags(self) -> list[tuple[int, int, int]]:
        visits = range(self.visits)
        return [(i, j, abs(i - j)) for i in visits for j in visits]


def _powers[Number: (float, Decimal)](
    base: Number, count: int, numbers: Arithmetic[Number]
) -> list[Number]:
    powers: list[Number] = [numbers.of(1)]
    for _ in range(count - 1):
        powers.append(powers[-1] * base)
    return powers


def unstructured(visits: int) -> Structure:
    """Return a covariance that has a parameter for each pair of visits."""
    pairs = ((i, j) for i in range(visits) for j in range(i, visits))
    return Structure(visits, [sorted({(i, j), (j, i)}) for i, j in pairs])


def toeplitz(visits: int) -> Structure:
    """Return one that depends on how many visits lie between."""
    places = [(i, j) for i in range(visits) for j in range(visits)]
    bands = ([(i, j) for i, j in places if abs(i - j) == band] for band in range(visits))
    return Structure(visits, list(bands))


def compound_symmetry(visits: int) -> Structure:
    """Return one that has a variance and a covariance."""
    places = [(i, j) for i in range(visits) for j in range(visits)]
    split = ([(i, j) for i, j in places if (i == j) is same] for same in (True, False))
    return Structure(visits, [entries for entries in split if entries])


def autoregressive(visits: int) -> Structure:
    """Return one that has a variance and a correlation; of one visit, a variance.

    Pairs of visits an even number apart leave the sign of the correlation open.
    """
    if visits == 1:
        return unstructured(1)
    places = [(i, j) for i in range(visits) for j in range(visits)]
    odd = [(i, j) for i, j in places if (i - j) % 2]
    return Autoregressive(visits, [places, odd])


STRUCTURES: Mapping[str, Callable[[int], Structure]] = {
    "unstructured": unstructured,
    "toeplitz": toeplitz,
    "compound-symmetry": compound_symmetry,
    "ar1": autoregressive,
}
"""What makes them of a number of visits."""
