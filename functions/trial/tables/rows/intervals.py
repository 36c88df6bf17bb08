"""Confidence intervals of cells, by the method, level and limits that a row asks for."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from trial.deferred import dataclass
from trial.definition.intervals import INTERVAL_METHODS, IntervalDefinition
from trial.rules.matching import refused
from trial.statistics.inference import CONFIDENCE_95, Confidence, Interval, StudentT
from trial.statistics.moments import SampleStatistics
from trial.statistics.proportions import PROPORTION_INTERVALS
from trial.statistics.survival import LOG_LOG, TRANSFORMATIONS, Curve, Step
from trial.tables.grid import Statistic
from trial.tables.rows.kinds import number_statistic

PERCENT_PLACES = 1
"""Decimals of the limits of a percentage."""
LIMIT_NAMES: Mapping[str, str] = {"lower": "ci_low", "upper": "ci_high"}
"""The names that the limits of an interval have as statistics, by their side."""


@dataclass(frozen=True)
class RowInterval:
    """An interval as a row asks for it: of proportions, of means, or of survival."""

    method: str
    confidence: Confidence = CONFIDENCE_95

    @classmethod
    def of(cls, interval: IntervalDefinition, kind: str, path: str) -> "RowInterval":
        """Return the interval that a kind of row asks for; refuses a method of another kind."""
        methods = INTERVAL_METHODS[kind]
        if interval.method is not None and interval.method not in methods:
            detail = f"a row of {kind} takes one of {', '.join(methods)}: {interval.method}"
            raise refused(f"{path}/method", detail)
        return cls(interval.method or methods[0], interval.confidence)

    @property
    def label(self) -> str:
        """What a reader sees: `95% CI`."""
        return self.confidence.label

    @property
    def proportion_words(self) -> str:
        """How it is computed of a proportion: `Wilson score, 90 %`."""
        return f"{PROPORTION_INTERVALS[self.method][0]}, {self.confidence.words}"

    @property
    def mean_words(self) -> str:
        """How it is computed of a mean: `interval by the normal distribution, 90 %`."""
        name = "Student's t" if self.method == "t" else "the normal distribution"
        return f"interval by {name}, {self.confidence.words}"

    def survival_words(self, name: str) -> str:
        """Return how it is computed of a survival, by the name of what gives its spread."""
        return self.confidence.named(f"{name}, {TRANSFORMATIONS[self.method]}")

    @property
    def with_both_limits(self) -> "RowInterval":
        """Return the interval with two limits of which those asked for are one or both."""
        return RowInterval(self.method, Confidence(self.confidence.two_sided))

    def of_proportion(self, n: int, size: int) -> Interval | None:
        """Return the interval with two limits, of which those asked for are one or both."""
        _, limits = PROPORTION_INTERVALS[self.method]
        return limits(n, size, self.confidence.two_sided)

    def of_mean(self, sample: SampleStatistics) -> Interval | None:
        """Return the interval of a mean with two limits; None where nothing tells the spread."""
        if sample.mean is None or sample.variance is None:
            return None
        estimate = StudentT(sample.mean, sample.variance / sample.n, sample.n - 1)
        limits = estimate.interval if self.method == "t" else estimate.normal_interval
        return limits(self.confidence.two_sided)

    def of_survival(self, step: Step) -> Interval | None:
        """Return the interval of a survival with two limits; None where nobody survives."""
        return step.interval(self.confidence.two_sided, self.method)

    def of_quantile(self, curve: Curve, share: Fraction) -> dict[str, int | None]:
        """Return the limits asked for of the time by which a share has the event, by side."""
        limits = curve.quantile_interval(share, self.confidence.two_sided, self.method)
        return self.confidence.chosen(limits)

    def percent_statistics(self, n: int, size: int) -> tuple[Statistic, ...]:
        """Return the limits asked for of n of `size`, in percent; none where there is nobody."""
        return percent_limits(self.of_proportion(n, size), self.confidence)


CLOPPER_PEARSON_95 = RowInterval("clopper-pearson")
STUDENT_95 = RowInterval("t")
LOG_LOG_95 = RowInterval(LOG_LOG)


def percent_limits(interval: Interval | None, confidence: Confidence) -> tuple[Statistic, ...]:
    """Return the limits asked for of an interval of shares of 1, in percent."""
    limits_chosen = confidence.chosen(interval)
    percents = {side: 100 * Fraction(limit) for side, limit in limits_chosen.items()}
    return limit_statistics(percents, PERCENT_PLACES)


def limit_statistics(
    limits: Mapping[str, Fraction | Decimal],
    places: int,
    places_kept: int | None = None,
    prefix: str = "",
) -> tuple[Statistic, ...]:
    """Return the limits of an interval as statistics: `ci_low` and `ci_high`."""
    return tuple(
        number_statistic(f"{prefix}{LIMIT_NAMES[side]}", limit, places, places_kept=places_kept)
        for side, limit in limits.items()
    )
