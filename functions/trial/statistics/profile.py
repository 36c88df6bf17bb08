"""Limits by profile likelihood: where the likelihood, greatest over the others, has fallen enough.

They are found by Newton's steps in binary numbers, within a bracket, and then in decimal ones, as
`maximisation` finds the maximum.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction

from trial.deferred import dataclass
from trial.statistics import maximisation
from trial.statistics.inference import WORKING
from trial.statistics.maximisation import (
    DECIMAL,
    STEP,
    Arithmetic,
    Likelihood,
    Slope,
)

_FARTHEST, _MOST_STEPS, _CLOSE, _MOST_DECIMAL_STEPS = 60.0, 60, 1e-9, 12
"""A coefficient that far out is taken for one without a limit: its exponential is 1e26."""


@dataclass(frozen=True)
class _Held:
    """A likelihood with one coefficient held at a value, in the others."""

    whole: Likelihood
    place: int
    value: float

    @property
    def size(self) -> int:
        """How many coefficients are left."""
        return self.whole.size - 1

    def at[Number: (float, Decimal)](
        self, point: Sequence[Number], numbers: Arithmetic[Number]
    ) -> Slope[Number]:
        """Return value, gradient and information in the other coefficients."""
        value: Number = numbers.ratio(Fraction(self.value))
        whole: list[Number] = list(point)
        whole.insert(self.place, value)
        slope: Slope[Number] = self.whole.at(whole, numbers)
        gradient = _without(slope.gradient, self.place)
        rows = _without(slope.information, self.place)
        return Slope(slope.value, gradient, [_without(row, self.place) for row in rows])


def _without[Part](parts: Sequence[Part], place: int) -> list[Part]:
    return [*parts[:place], *parts[place + 1 :]]


@dataclass(frozen=True)
class _Profile:
    """What a likelihood is at most, by one coefficient; `others` is where the search begins."""

    whole: Likelihood
    place: int
    target: float
    others: Sequence[float]

    def at(self, value: float, others: Sequence[float]) -> "_Height | None":
        """Return how far above the target it is at a value of the coefficient."""
        fixed = _Held(self.whole, self.place, value)
        maximum = maximisation.climbed(fixed, list(others)) if fixed.size else []
        if maximum is None:
            return None
        point = [*maximum[: self.place], value, *maximum[self.place :]]
        slope = maximisation.attempted(self.whole, point)
        if slope is None:
            return None
        return _Height(value, slope.value - self.target, slope.gradient[self.place], maximum)

    def limit(self, inside: float, side: int, width: float) -> list[float] | None:
        """Return the point where it falls to the target on a side; None where it does not."""
        bracket = self._bracket(inside, side, width)
        if bracket is None:
            return None
        inner, height = bracket
        outer, value = height.value, height.value
        for _ in range(_MOST_STEPS):
            straight = value - height.above / height.steepness if height.steepness else inner
            within = min(inner, outer) < straight < max(inner, outer)
            value = straight if within else (inner + outer) / 2
            moved = self.at(value, height.others)
            if moved is None:
                return None
            if abs(moved.value - height.value) < _CLOSE * max(1.0, abs(value)):
                return [*moved.others[: self.place], value, *moved.others[self.place :]]
            height = moved
            inner, outer = (value, outer) if height.above >= 0 else (inner, value)
        return None

    def _bracket(self, inside: float, side: int, width: float) -> "tuple[float, _Height] | None":
        """Return a value above the target, and what is beyond the place where it falls below."""
        others: Sequence[float] = self.others
        while abs(inside) < _FARTHEST:
            height = self.at(inside + side * width, others)
            if height is None:
                return None
            if height.above < 0:
                return inside, height
            inside, width, others = height.value, 2 * width, height.others
        return None


@dataclass(frozen=True)
class _Height:
    """How far above its target a profile is at a value, how steep, and where the others are."""

    value: float
    above: float
    steepness: float
    others: list[float]


def limits(
    likelihood: Likelihood,
    place: int,
    highest: Decimal,
    fall: Decimal,
    start: Sequence[Decimal],
    width: Decimal | None = None,
) -> tuple[Decimal | None, Decimal | None]:
    """Return where the profile of a coefficient has fallen from its highest value, on both sides.

    `start` is the maximum and `width` about how far the limits are from it; without a width it is
    that of the other coefficients alone, as there is none of this one. A side on which the
    likelihood does not fall so far has no limit.
    """
    with localcontext(WORKING):
        target = highest - fall
        start_values = [float(number) for number in _without(start, place)]
        profile = _Profile(likelihood, place, float(target), start_values)
        inside = float(start[place]) if width is not None else _inside(profile)
        if inside is None:
            return None, None
        sides = []
        for side in (-1, 1):
            approximate = profile.limit(inside, side, float(width or 1))
            sides.append(approximate and _polished(likelihood, place, target, approximate))
        low, high = sides
        return low or None, high or None


def _inside(profile: _Profile) -> float | None:
    """Return a value at which the profile is above the target, where there is no maximum."""
    for value in _tries():
        height = profile.at(value, profile.others)
        if height is not None and height.above >= 0:
            return value
    return None


def _tries() -> Iterator[float]:
    yield 0.0
    value = 1.0
    while value < _FARTHEST:
        yield value
        yield -value
        value *= 2


def _polished(
    likelihood: Likelihood, place: int, target: Decimal, approximate: Sequence[float]
) -> Decimal | None:
    """Take Newton's steps to where the others' slopes are 0 and the likelihood is at the target.

    Venzon and Moolgavkar (1988, Appl Stat 37:87), with the likelihood taken as a line.
    """
    point = [Decimal(number) for number in approximate]
    for _ in range(_MOST_DECIMAL_STEPS):
        try:
            slope = likelihood.at(point, DECIMAL)
        except (ArithmeticError, ValueError):
            return None
        column = _without([row[place] for row in slope.information], place)
        gradient = _without(slope.gradient, place)
        rows = [_without(row, place) for row in _without(slope.information, place)]
        pulled = maximisation.solved(rows, gradient)
        tilted = maximisation.solved(rows, column)
        if pulled is None or tilted is None:
            return None
        steep = slope.gradient[place] - _dot(gradient, tilted)
        if not steep:
            return None
        change = (target - slope.value - _dot(gradient, pulled)) / steep
        moved = [
            pulled_value - tilted_value * change
            for pulled_value, tilted_value in zip(pulled, tilted, strict=True)
        ]
        changes = [*moved[:place], change, *moved[place:]]
        point = [number + step for number, step in zip(point, changes, strict=True)]
        if all(abs(step) < STEP for step in changes):
            return point[place]
    return None


def _dot(first: Sequence[Decimal], second: Sequence[Decimal]) -> Decimal:
    return sum((a * b for a, b in zip(first, second, strict=True)), Decimal(0))
