"""Competing events: cumulative incidence and its comparison, from tallies of times.

Times are integers (days). A subject has the event, another event that keeps it from having that
one, or neither by the end of its follow-up; who is censored at the time of an event was at risk.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from decimal import Decimal, localcontext
from fractions import Fraction

from trial.deferred import dataclass
from trial.statistics.distributions import ratio
from trial.statistics.inference import (
    LEVEL,
    LIMIT,
    WORKING,
    Interval,
    normal_quantile_two_sided,
)
from trial.statistics.maximisation import tail
from trial.statistics.survival import share_interval

AALEN_JOHANSEN = "Aalen-Johansen"
AALEN_VARIANCE = "Aalen variance"
GRAY = "Gray's test"

type Counts = tuple[int, int, int]
"""How many have the event, another event, or neither."""
type CompetingTimes = Mapping[int, Counts]


@dataclass(frozen=True)
class IncidenceStep:
    """A time of events: the share that has had the event by it, with its variance."""

    time: int
    incidence: Fraction
    variance: Decimal

    def interval(self, level: Fraction = LEVEL, scale: str = "log-log") -> Interval | None:
        """Return the interval of the share, within 0 and 1; by default log-log of the share.

        None where nobody has had the event, or everybody: then nothing tells the spread there.
        """
        if not 0 < self.incidence < 1:
            return None
        with localcontext(WORKING):
            share = ratio(self.incidence)
            margin = normal_quantile_two_sided(level) * self.variance.sqrt()
            return share_interval(share, margin / share, scale)


@dataclass(frozen=True)
class IncidenceCurve:
    """A curve of cumulative incidence: 0 before its first step and level between steps."""

    n: int
    steps: tuple[IncidenceStep, ...]
    last: int | None
    all_gone: bool

    def at(self, time: int) -> IncidenceStep | None:
        """Return the share that has had the event by a time; None beyond the last one observed.

        Where nobody is left without either event the curve stays as it is for ever.
        """
        if self.last is None or (time > self.last and not self.all_gone):
            return None
        reached = [step for step in self.steps if step.time <= time]
        return reached[-1] if reached else IncidenceStep(time, Fraction(0), Decimal(0))


@dataclass(frozen=True)
class _Passed:
    """A time of events of either kind: who was at risk and had which, and both curves."""

    time: int
    at_risk: int
    events: int
    others: int
    free_before: Fraction
    free: Fraction
    incidence_before: Fraction
    incidence: Fraction


def cumulative_incidence(times: CompetingTimes) -> IncidenceCurve:
    """Estimate the share that has the event by each time (Aalen and Johansen 1978).

    The variance is Aalen's, as in R's cmprsk and by default in SAS LIFETEST: at each time what the
    subjects at risk there tell of the curve at and after it.
    """
    passed = list(_passed(times))
    occupied = [time for time, counts in times.items() if any(counts)]
    with localcontext(WORKING):
        steps = tuple(_with_variances(passed))
    is_exhausted = bool(passed) and passed[-1].free == 0
    return IncidenceCurve(
        sum(map(sum, times.values())), steps, max(occupied, default=None), is_exhausted
    )


def _passed(times: CompetingTimes) -> Iterator[_Passed]:
    at_risk = sum(map(sum, times.values()))
    free, incidence = Fraction(1), Fraction(0)
    for time in sorted(times):
        events, competing, censored = times[time]
        if min(events, competing, censored) < 0:
            raise ValueError("counts of events and censorings must not be negative")
        if events or competing:
            free_after = free * Fraction(at_risk - events - competing, at_risk)
            incidence_after = incidence + free * Fraction(events, at_risk)
            yield _Passed(
                time, at_risk, events, competing, free, free_after, incidence, incidence_after
            )
            free, incidence = free_after, incidence_after
        at_risk -= events + competing + censored


def _with_variances(passed: Sequence[_Passed]) -> Iterator[IncidenceStep]:
    """Yield the steps; the variance is a square of the curve's height, so its sums are kept.

    At a later height F an event adds w (F_j - F + S)² / S², another event w (F - F_j)² / S², with
    the weight w of the subjects at risk: their share of those without either event, squared.
    """
    # Sums of the weights, and of these times the point where the square is 0 and that squared.
    weight = first = second = Decimal(0)
    for moment in passed:
        free = ratio(moment.free)
        for n, point in (
            (moment.events, moment.incidence + moment.free),
            (moment.others, moment.incidence),
        ):
            if n and moment.free:
                added = _weight(n, moment) / (free * free)
                place = ratio(point)
                weight += added
                first += added * place
                second += added * place * place
        height = ratio(moment.incidence)
        variance = weight * height * height - 2 * first * height + second
        if not moment.free and moment.events:  # the last at risk: nothing comes after them
            variance += _weight(moment.events, moment)
        if moment.events:
            yield IncidenceStep(moment.time, moment.incidence, max(variance, Decimal(0)))


def _weight(n: int, moment: _Passed) -> Decimal:
    """Return the variance that n of those at risk bring; with ties as for draws without return."""
    tied = Fraction(moment.at_risk - n, moment.at_risk - 1) if n > 1 else Fraction(1)
    return ratio(tied * n * moment.free_before**2 / moment.at_risk**2)


@dataclass
class _Group:
    """A group on the way through the times: who is at risk, and both curves just before."""

    at_risk: int
    free: Decimal = Decimal(1)
    incidence: Decimal = Decimal(0)
    spread: Decimal = Decimal(0)
    mixed: list[Decimal] = field(default_factory=list)


@dataclass(frozen=True)
class GrayTest:
    """Gray's (1988) test of equal cumulative incidence."""

    statistic: Decimal
    df: int

    @property
    def p(self) -> Decimal:
        """The probability of as much or more under the null hypothesis."""
        return tail(self.statistic, self.df)


def gray(strata: Sequence[Sequence[CompetingTimes]]) -> GrayTest | None:
    """Compare the cumulative incidence of groups, over strata; None where nothing tells them apart.

    Gray (1988, Annals of Statistics 16:1141) with rho 0; SAS: LIFETEST EVENTCODE=, R: cuminc.
    `strata[i][j]` is group j in stratum i.
    """
    sizes = {len(groups) for groups in strata}
    if len(sizes) != 1:
        raise ValueError("every stratum must have the same groups")
    width = sizes.pop() - 1
    with localcontext(WORKING):
        scores = [Decimal(0)] * width
        variances = [[Decimal(0)] * width for _ in range(width)]
        for groups in strata:
            score, variance = _Scores(groups).total()
            for i in range(width):
                scores[i] += score[i]
                for j in range(width):
                    variances[i][j] += variance[i][j]
        statistic, df = _referred(variances, scores)
        return GrayTest(LIMIT.plus(statistic), df) if df else None


_ROUNDING = Decimal("1e-30")
"""What of a variance is left by rounding where the ones before it determine it, as its share."""


def _referred(
    variances: Sequence[Sequence[Decimal]], scores: Sequence[Decimal]
) -> tuple[Decimal, int]:
    """Return the chi-square of scores and its degrees of freedom, the rank of their covariance."""
    rows = [[*row, score] for row, score in zip(variances, scores, strict=True)]
    statistic, df = Decimal(0), 0
    for k, whole in enumerate(variances):
        pivot = rows[k][k]
        if not pivot > _ROUNDING * whole[k]:
            continue
        statistic += rows[k][-1] ** 2 / pivot
        df += 1
        for i in range(k + 1, len(rows)):
            factor = rows[i][k] / pivot
            rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k], strict=True)]
    return statistic, df


class _Scores:
    """Gray's score of each group but the last in one stratum, and the scores' covariance.

    The risk set of the hazard of the cumulative incidence holds who is at risk, and in part who had
    another event: r (1 - F) / S, of which `pooled` is the sum of r / S over groups.
    """

    def __init__(self, groups: Sequence[CompetingTimes]) -> None:
        self._groups = groups
        self._width = len(groups)

    def total(self) -> tuple[list[Decimal], list[list[Decimal]]]:
        """Return scores and covariance."""
        size, zero = self._width, Decimal(0)
        states = [
            _Group(sum(map(sum, times.values())), mixed=[zero] * size) for times in self._groups
        ]
        score = [zero] * size
        compensated = [[zero] * size for _ in range(size)]
        variance = [[zero] * size for _ in range(size)]
        pooled_incidence = zero
        for time in sorted({time for times in self._groups for time in times}):
            counts = [times.get(time, (0, 0, 0)) for times in self._groups]
            if any(events or competing for events, competing, _ in counts):
                pooled_incidence = self._pass(
                    counts, states, score, compensated, variance, pooled_incidence
                )
            for state, numbers in zip(states, counts, strict=True):
                state.at_risk -= sum(numbers)
        for i in range(size):
            for j in range(size):
                for k, state in enumerate(states):
                    variance[i][j] += (
                        compensated[i][k] * compensated[j][k] * state.spread
                        + compensated[i][k] * state.mixed[j]
                        + compensated[j][k] * state.mixed[i]
                    )
        return score, variance

    def _pass(
        self,
        counts: Sequence[Counts],
        states: Sequence[_Group],
        score: list[Decimal],
        compensated: list[list[Decimal]],
        variance: list[list[Decimal]],
        pooled_before: Decimal,
    ) -> Decimal:
        """Add what a time of events tells; return the pooled incidence at it."""
        size = self._width
        present = [k for k in range(size) if states[k].at_risk > 0]
        shares = {k: states[k].at_risk / states[k].free for k in present}
        pooled = sum(shares.values(), Decimal(0))
        exposed = sum((shares[k] * (1 - states[k].incidence) for k in present), Decimal(0))
        events = sum(numbers[0] for numbers in counts)
        pooled_at = pooled_before + events / pooled
        slopes = [[Decimal(0)] * size for _ in range(size)]
        for i in present:
            for j in present:
                slopes[i][j] = shares[i] * (int(i == j) - shares[j] / pooled)
                compensated[i][j] += slopes[i][j] * events / (pooled * (1 - pooled_before))
            expected = events * shares[i] * (1 - states[i].incidence) / exposed
            score[i] += counts[i][0] - expected
        for k in present:
            state, (own_events, competing, _) = states[k], counts[k]
            free = state.free * (state.at_risk - own_events - competing) / state.at_risk
            later = (1 - pooled_at) / free if free > 0 else None
            if events:
                tied = 1 - Decimal(events - 1) / (pooled * state.free - 1) if events > 1 else 1
                weight = tied * state.free * events / (pooled * state.at_risk)
                ahead = 1 - later if later is not None else Decimal(1)
                self._add(
                    state,
                    ahead,
                    weight,
                    [row[k] - ahead * c[k] for row, c in zip(slopes, compensated, strict=True)],
                    variance,
                )
            if competing and later is not None:
                tied = 1 - Decimal(competing - 1) / (state.at_risk - 1) if competing > 1 else 1
                weight = tied * state.free**2 * competing / state.at_risk**2
                self._add(
                    state, later, weight, [later * c[k] for c in compensated], variance, sign=-1
                )
            state.incidence += state.free * own_events / state.at_risk
            state.free = free
        return pooled_at

    @staticmethod
    def _add(
        state: _Group,
        ahead: Decimal,
        weight: Decimal,
        effects: Sequence[Decimal],
        variance: list[list[Decimal]],
        sign: int = 1,
    ) -> None:
        state.spread += ahead * ahead * weight
        for i, first in enumerate(effects):
            state.mixed[i] += sign * first * ahead * weight
            for j, second in enumerate(effects):
                variance[i][j] += first * second * weight
