"""Margins that a difference or a ratio must keep: for non-inferiority, or for equivalence."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from trial.deferred import dataclass
from trial.statistics.contrasts import Limits, Tails

NON_INFERIORITY, EQUIVALENCE = "non-inferiority", "equivalence"
SUPERIORITY, BY_A_MARGIN = "superiority", "superiority by a margin"


@dataclass(frozen=True)
class Margin:
    """What a contrast must lie above, below or between, each side at this one-sided alpha."""

    lower: Fraction | None
    upper: Fraction | None
    alpha: Fraction

    def in_units_of(self, unit: int) -> "Margin":
        """Return the margin of what is counted in this unit, such as percent of shares of 1."""
        low, high = (None if side is None else side / unit for side in (self.lower, self.upper))
        return replace(self, lower=low, upper=high)

    @property
    def level(self) -> Fraction:
        """The level of the interval with two limits, each of which leaves alpha."""
        return 1 - 2 * self.alpha

    def aim(self, null: int) -> str:
        """Return what keeping it shows; `null` is the contrast of two that do not differ."""
        if self.lower is not None and self.upper is not None:
            return EQUIVALENCE
        if null in (self.lower, self.upper):
            return SUPERIORITY
        above = self.lower is not None and self.lower > null
        below = self.upper is not None and self.upper < null
        return BY_A_MARGIN if above or below else NON_INFERIORITY

    def p(self, tails: Callable[[Fraction], Tails | None]) -> Decimal | None:
        """Return the one-sided P value; of two sides the greater, as both have to be kept.

        Schuirmann (1987), J Pharmacokinet Biopharm 15:657. None where the method has no test.
        """
        beyond = [tails(side) for side in (self.lower, self.upper) if side is not None]
        if None in beyond:
            return None
        sides = zip((side for side in beyond if side), self._sides, strict=True)
        return max(limit_of[side] for limit_of, side in sides)

    @property
    def _sides(self) -> list[int]:
        return [i for i, side in enumerate((self.lower, self.upper)) if side is not None]

    def is_kept(self, limits: Limits) -> bool:
        """Return whether the interval at its level lies within it."""
        low, high = limits
        above = self.lower is None or (low is not None and Fraction(low) > self.lower)
        below = self.upper is None or (high is not None and Fraction(high) < self.upper)
        return above and below
