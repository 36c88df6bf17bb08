"""Time to event from tallies: how many had the event, and how many were censored, at each time.

Times are integers (days). Who is censored at the time of an event was at risk of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from operator import add
from typing import cast

from trial.deferred import dataclass
from trial.statistics.distributions import ratio
from trial.statistics.inference import (
    LEVEL,
    LIMIT,
    WORKING,
    ChiSquare,
    Interval,
    NormalEstimate,
    exact_sum,
    normal_quantile_two_sided,
)

KAPLAN_MEIER = "Kaplan-Meier"
GREENWOOD = "Greenwood variance"
BROOKMEYER_CROWLEY = "Brookmeyer-Crowley"
LOG_RANK = "log-rank"
RESTRICTED_MEAN = "restricted mean, area under Kaplan-Meier's curve"
LOG_LOG = "log-log"
TRANSFORMATIONS: Mapping[str, str] = {
    LOG_LOG: "log-log transformed",
    "log": "log transformed",
    "plain": "not transformed",
}
"""On which scale the limits of a survival are symmetric, and what that is called."""

type Times = Mapping[int, tuple[int, int]]
"""Events and censorings at each time."""


def all_together[Counts: tuple[int, ...]](
    parts: Iterable[Mapping[int, Counts]],
) -> dict[int, Counts]:
    """Add up what is counted at each time, of strata or of other parts of a group."""
    joined: dict[int, Counts] = {}
    for times in parts:
        for time, counts in times.items():
            before = joined.get(time)
            joined[time] = (
                counts if before is None else cast("Counts", tuple(map(add, before, counts)))
            )
    return joined


@dataclass(frozen=True)
class Step:
    """A time of events: who was at risk just before, who had it, and who survives beyond.

    `hazards` is Greenwood's sum of d / (n (n - d)); None from where nobody survives.
    """

    time: int
    at_risk: int
    events: int
    survival: Fraction
    hazards: Fraction | None

    @property
    def variance(self) -> Fraction | None:
        """Greenwood's (1926) variance of the survival."""
        return None if self.hazards is None else self.survival**2 * self.hazards

    def interval(self, level: Fraction = LEVEL, scale: str = LOG_LOG) -> Interval | None:
        """Return the interval of the survival, within 0 and 1.

        By default log-log: Kalbfleisch and Prentice (1980); SAS: CONFTYPE=LOGLOG, LOG, LINEAR. None
        where nobody survives: there is no variance.
        """
        if self.hazards is None:
            return None
        with localcontext(WORKING):
            margin = normal_quantile_two_sided(level) * ratio(self.hazards).sqrt()
            return share_interval(ratio(self.survival), margin, scale)


def share_interval(share: Decimal, margin: Decimal, scale: str) -> Interval:
    """Lay an interval around a share, within 0 and 1; `margin` is that of its logarithm."""
    low, high = _limits(share, margin, scale)
    return LIMIT.plus(max(low, Decimal(0))), LIMIT.plus(min(high, Decimal(1)))


def _limits(share: Decimal, margin: Decimal, scale: str) -> Interval:
    if scale == "plain":
        return share * (1 - margin), share * (1 + margin)
    if scale == "log":
        return share * (-margin).exp(), share * margin.exp()
    log = share.ln()
    spread = (margin / -log).exp()
    return (log * spread).exp(), (log / spread).exp()


@dataclass(frozen=True)
class Curve:
    """A Kaplan-Meier (1958) curve: it is 1 before its first step and level between steps."""

    n: int
    steps: tuple[Step, ...]
    last: int | None

    def survival(self, time: int) -> Fraction | None:
        """Return the share without event beyond a time; None beyond the last one observed."""
        if self.last is None or (time > self.last and self._at(time) != 0):
            return None
        return self._at(time)

    def quantile(self, p: Fraction) -> Fraction | None:
        """Return the time by which a share `p` has had the event, or None if it is not reached.

        The middle of the level stretch where the curve lies at exactly 1 - p, up to the next event
        (SAS LIFETEST); up to the last time observed where no event follows.
        """
        first = next((step.time for step in self.steps if step.survival <= 1 - p), None)
        if first is None or self.last is None:
            return None
        if self._at(first) != 1 - p:
            return Fraction(first)
        beyond = next((step.time for step in self.steps if step.survival < 1 - p), self.last)
        return Fraction(first + beyond, 2)

    def quantile_interval(
        self, p: Fraction, level: Fraction = LEVEL, scale: str = LOG_LOG
    ) -> tuple[int | None, int | None]:
        """Return Brookmeyer and Crowley's (1982) interval of a quantile, on the curve's scale.

        From the first time at which the lower limit of the curve is no longer above 1 - p to the
        first at which the upper one is not; None for a limit that is not reached.
        """
        low = high = None
        for step in self.steps:
            limits = step.interval(level, scale)
            if limits is None:
                break
            if low is None and Fraction(limits[0]) <= 1 - p:
                low = step.time
            if Fraction(limits[1]) <= 1 - p:
                high = step.time
                break
        return low, high

    def restricted_mean(self, time: int) -> NormalEstimate | None:
        """Return the mean of the times, each taken as `time` where it is later.

        The area under the curve, with its variance by Greenwood: of each event the square of the
        area beyond it (Klein and Moeschberger 2003, 4.5.3, without their factor D / (D - 1)). None
        where follow-up ends before that time and the curve has not come to 0.
        """
        if self.last is None or (time > self.last and self._at(time) != 0):
            return None
        passed = [step for step in self.steps if step.time <= time]
        with localcontext(WORKING):
            beyond, variance, end = Decimal(0), Decimal(0), time
            for step in reversed(passed):
                beyond += ratio(step.survival) * (end - step.time)
                if survivors := step.at_risk - step.events:
                    variance += beyond**2 * step.events / (step.at_risk * survivors)
                end = step.time
            return NormalEstimate(LIMIT.plus(beyond + end), LIMIT.plus(variance.sqrt()))

    def _at(self, time: int) -> Fraction:
        reached = [step.survival for step in self.steps if step.time <= time]
        return reached[-1] if reached else Fraction(1)


def kaplan_meier(times: Times) -> Curve:
    """Estimate the survival of one group by the product limit, exactly."""
    _check(times)
    occupied = sorted(time for time, counts in times.items() if any(counts))
    at_risk = n = sum(sum(counts) for counts in times.values())
    survival, hazards = Fraction(1), Fraction(0)
    steps: list[Step] = []
    for time in occupied:
        events, censored = times[time]
        if events:
            survivors = at_risk - events
            survival *= Fraction(survivors, at_risk)
            hazards += Fraction(events, at_risk * survivors) if survivors else 0
            steps.append(Step(time, at_risk, events, survival, hazards if survivors else None))
        at_risk -= events + censored
    return Curve(n, tuple(steps), occupied[-1] if occupied else None)


def restricted_difference(reference: NormalEstimate, compared: NormalEstimate) -> NormalEstimate:
    """Return the difference of two restricted means of different subjects."""
    with localcontext(WORKING):
        se = (reference.se**2 + compared.se**2).sqrt()
        return NormalEstimate(compared.estimate - reference.estimate, se)


def restricted_log_ratio(
    reference: NormalEstimate, compared: NormalEstimate
) -> NormalEstimate | None:
    """Return the logarithm of the ratio of two restricted means; None where one of them is 0."""
    if not (reference.estimate and compared.estimate):
        return None
    with localcontext(WORKING):
        parts = (mean.se / mean.estimate for mean in (reference, compared))
        se = sum((part**2 for part in parts), Decimal(0)).sqrt()
        return NormalEstimate((compared.estimate / reference.estimate).ln(), se)


def at_risk(times: Times, time: int) -> int:
    """Count who is at risk just before a time."""
    _check(times)
    return sum(sum(counts) for event_time, counts in times.items() if event_time >= time)


def log_rank(strata: Sequence[Sequence[Times]]) -> ChiSquare | None:
    """Compare survival between groups, over strata: `strata[i][j]` is group j in stratum i.

    Mantel (1966) and Peto and Peto (1972), hypergeometric variance, one degree of freedom less than
    the groups that can be told apart; one stratum is the unstratified test. None where none can.
    SAS: LIFETEST STRATA / GROUP= TEST=LOGRANK.
    """
    sizes = {len(groups) for groups in strata}
    if len(sizes) != 1:
        raise ValueError("every stratum must have the same groups")
    width = sizes.pop() - 1
    parts = [part for groups in strata for part in _moments(groups)]
    distance = [exact_sum(part.distance(j) for part in parts) for j in range(width)]
    variance = [
        [exact_sum(part.covariance(i, j) for part in parts) for j in range(width)]
        for i in range(width)
    ]
    return ChiSquare.of(distance, variance)


@dataclass(frozen=True)
class _Moment:
    """Events and subjects at risk, by group, at one time."""

    events: tuple[int, ...]
    at_risk: tuple[int, ...]

    def distance(self, group: int) -> Fraction:
        expected = Fraction(sum(self.events) * self.at_risk[group], sum(self.at_risk))
        return self.events[group] - expected

    def covariance(self, first: int, second: int) -> Fraction:
        events, n = sum(self.events), sum(self.at_risk)
        if n < 2:  # noqa: PLR2004  (one subject alone does not vary)
            return Fraction(0)
        shared = self.at_risk[first] * (n * (first == second) - self.at_risk[second])
        return Fraction(shared * events * (n - events), n * n * (n - 1))


def _moments(groups: Sequence[Times]) -> list[_Moment]:
    for times in groups:
        _check(times)
    at_risk = [sum(sum(counts) for counts in times.values()) for times in groups]
    moments = []
    for time in sorted({time for times in groups for time in times}):
        counts = [times.get(time, (0, 0)) for times in groups]
        if any(events for events, _ in counts):
            moments.append(_Moment(tuple(events for events, _ in counts), tuple(at_risk)))
        at_risk = [n - sum(pair) for n, pair in zip(at_risk, counts, strict=True)]
    return moments


def _check(times: Times) -> None:
    if any(n < 0 for counts in times.values() for n in counts):
        raise ValueError("counts of events and censorings must not be negative")
