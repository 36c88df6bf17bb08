"""Geometric statistics: mean, spread and interval of values on the scale of their logarithms.

Read out of a tally, so the logarithms are those of the values as they are kept, to 50 digits, and
none is rounded before it is added. Values of 0 or less have none: then there is nothing.
"""

from collections.abc import Mapping
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from functools import cached_property

from trial.deferred import dataclass
from trial.statistics.distributions import normal_quantile, ratio, t_quantile
from trial.statistics.inference import WORKING
from trial.statistics.tallies import OrderedValues

_SHORT = Decimal("1e-40")
_SHORT_DIGITS = 20


@dataclass(frozen=True)
class GeometricStatistics:
    """What the logarithms of positive values tell, in units of the last of `places`.

    Each value may be off by `error`, in its own unit: then every statistic is off too, by at most
    the bound that stands beside it.
    """

    values: OrderedValues
    places: int
    error: Fraction = Fraction(0)

    @property
    def defined(self) -> bool:
        """Whether there are values, all above 0."""
        return self.n > 0 and self.values.at(1) > 0

    @property
    def n(self) -> int:
        """How many values there are."""
        return self.values.n

    @cached_property
    def mean(self) -> Decimal | None:
        """The geometric mean: the n-th root of the product."""
        return self._in_unit(self._log_mean) if self.defined else None

    @property
    def mean_error(self) -> Fraction:
        """How far the geometric mean may be off."""
        return self._off(self.mean, self._relative_error)

    @cached_property
    def sd(self) -> Decimal | None:
        """The geometric standard deviation: e to the standard deviation of the logarithms."""
        return None if self._log_sd is None else _power(self._log_sd)

    @property
    def sd_error(self) -> Fraction:
        """How far the geometric standard deviation may be off."""
        return self._off(self.sd, self._sd_error)

    @cached_property
    def cv(self) -> Decimal | None:
        """The geometric coefficient of variation in percent: 100 times the root of e^s^2 - 1."""
        if self._log_sd is None:
            return None
        with localcontext(WORKING):
            return 100 * ((self._log_sd**2).exp() - 1).sqrt()

    @property
    def cv_error(self) -> Fraction:
        """How far it may be off: its slope over s is nowhere more than 100 e^s^2."""
        if self._log_sd is None:
            return Fraction(0)
        with localcontext(WORKING):
            slope = 100 * (self._log_sd**2).exp()
        return Fraction(slope) * self._sd_error

    def interval(self, level: Fraction, *, normal: bool = False) -> tuple[Decimal, Decimal] | None:
        """Return the interval of the geometric mean: that of the mean logarithm, e to its limits.

        By Student's t on n - 1 degrees of freedom or, if asked, by the normal distribution.
        """
        if self._log_sd is None:
            return None
        with localcontext(WORKING):
            reach = self._quantile(level, normal=normal) * self._log_sd / Decimal(self.n).sqrt()
            limits = self._log_mean - reach, self._log_mean + reach
        low, high = map(self._in_unit, limits)
        return low, high

    def interval_error(self, level: Fraction, *, normal: bool = False) -> Fraction:
        """Return how far the greater limit may be off."""
        if (interval := self.interval(level, normal=normal)) is None:
            return Fraction(0)
        quantile = Fraction(self._quantile(level, normal=normal))
        return self._off(interval[1], self._relative_error + quantile * self._sd_error)

    def _quantile(self, level: Fraction, *, normal: bool) -> Decimal:
        p = (1 + level) / 2
        return normal_quantile(p) if normal else t_quantile(p, self.n - 1)

    @cached_property
    def _logs(self) -> Mapping[int, Decimal]:
        with localcontext(WORKING):
            return {units: Decimal(units).ln() for units in self.values.units}

    @cached_property
    def _log_mean(self) -> Decimal:
        """The mean logarithm of the values in units of the last place."""
        with localcontext(WORKING):
            logs = (self.values.counts[units] * log for units, log in self._logs.items())
            return sum(logs, Decimal(0)) / self.n

    @cached_property
    def _log_sd(self) -> Decimal | None:
        """The standard deviation of the logarithms, exactly 0 where all values are alike."""
        if not self.defined or self.n < 2:  # noqa: PLR2004 (a spread needs two)
            return None
        if len(self.values.units) == 1:
            return Decimal(0)
        with localcontext(WORKING):
            squares = (
                self.values.counts[units] * (log - self._log_mean) ** 2
                for units, log in self._logs.items()
            )
            return (sum(squares, Decimal(0)) / (self.n - 1)).sqrt()

    def _in_unit(self, log: Decimal) -> Decimal:
        """Return e to the logarithm of units, in the values' own unit."""
        with localcontext(WORKING):
            return _power(log).scaleb(-self.places)

    @cached_property
    def _relative_error(self) -> Fraction:
        """How far the mean logarithm may be off, at most: that of the smallest value."""
        if not self.error or not self.defined:
            return Fraction(0)
        smallest = Fraction(self.values.at(1), 10**self.places)
        return self.error / (smallest - self.error) if smallest > self.error else Fraction(1)

    @property
    def _sd_error(self) -> Fraction:
        """How far the standard deviation of the logarithms may be off: n is at most 2 (n - 1)."""
        return 2 * self._relative_error

    @staticmethod
    def _off(value: Decimal | None, log_error: Fraction) -> Fraction:
        """Return how far e to a logarithm is off if that is; twice the slope, for small errors."""
        return Fraction(0) if value is None else 2 * Fraction(value) * log_error


def _power(log: Decimal) -> Decimal:
    """Return e to a logarithm; what cannot be told from a number of 20 digits is that.

    So of 2 and 8 the mean is 4, and of 1.5 three times it is 1.5.
    """
    with localcontext(WORKING):
        power = log.exp()
        short = Context(prec=_SHORT_DIGITS).plus(power)
        return short if abs(short - power) <= _SHORT * power else power


def coefficient_of_variation(mean: Fraction | None, variance: Fraction | None) -> Decimal | None:
    """Return 100 standard deviations over the mean; None without a spread, or around 0."""
    if not mean or variance is None:
        return None
    with localcontext(WORKING):
        relative = ratio(10_000 * variance / mean**2).sqrt()
        return relative if mean > 0 else -relative
