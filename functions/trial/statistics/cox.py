"""Cox's proportional hazards from tallies: events and censorings by time, stratum and covariates.

Subjects who are alike in stratum and covariates differ in nothing but their times, so the partial
likelihood is one of counts. Estimates have 20 good digits; whether there are any is told exactly.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cached_property

from trial.deferred import dataclass
from trial.statistics import maximisation, separation
from trial.statistics.inference import NOT_ESTIMABLE, TOO_MUCH_WORK, WORKING, NormalEstimate
from trial.statistics.maximisation import (
    INFINITE,
    NOT_CONVERGED,
    Arithmetic,
    Maximum,
    Slope,
    Term,
    tail,
)
from trial.statistics.survival import Times, all_together, kaplan_meier

COX = "Cox proportional hazards"
TIES: Mapping[str, str] = {"efron": "Efron", "breslow": "Breslow"}
"""How events at one time are taken, the default first, and who it is named after."""
GRAMBSCH_THERNEAU = "Grambsch-Therneau score test"
TRANSFORMS: Mapping[str, str] = {
    "km": "1 minus Kaplan-Meier",
    "rank": "ranks of the times",
    "identity": "the time itself",
    "log": "the logarithm of the time",
}
"""Of what function of time the effect may be linear under the alternative, the default first."""
MOST_PREFERENCES = 5_000
"""Numbers in the preferences of events beyond which only axes are tried: some seconds of work."""
MOST_STEPS = 500_000
"""How much work one model may be, in steps of one evaluation: some ten seconds at most."""

type Covariates = tuple[int, ...]
type Stratum = Mapping[Covariates, Times]
"""The times of the subjects of one stratum, by their covariates."""
type Scaled = tuple[int | Decimal, ...]
"""Covariates in steps of 1 to 10: a coefficient is then of the size that Newton's steps are for."""


@dataclass(frozen=True)
class _RiskSet:
    """A time of events: who has it and who came under observation since the time after it.

    Times go backwards, so those at risk are all who were named so far.
    """

    time: int
    events: tuple[tuple[int, int], ...]
    joining: tuple[tuple[int, int], ...]

    @property
    def n(self) -> int:
        """How many events there are."""
        return sum(n for _, n in self.events)


def _exponents(strata: Iterable[Stratum], width: int) -> tuple[int, ...]:
    """Return the power of ten below the greatest number of each column."""
    greatest = [0] * width
    for stratum in strata:
        for pattern in stratum:
            greatest = [max(a, abs(b)) for a, b in zip(greatest, pattern, strict=True)]
    return tuple(len(str(number)) - 1 for number in greatest)


@dataclass(frozen=True)
class Cox:
    """A model of the hazards: each stratum has its own, times what the covariates make of it."""

    strata: Sequence[Stratum]
    width: int
    ties: str = "efron"

    @cached_property
    def events(self) -> int:
        """How many events there are."""
        return sum(
            events
            for stratum in self.strata
            for times in stratum.values()
            for events, _ in times.values()
        )

    @cached_property
    def steps(self) -> int:
        """How much work one evaluation of the likelihood is, some twenty of which are needed."""
        times = sum(
            len({time for times in stratum.values() for time in times}) for stratum in self.strata
        )
        subjects = sum(len(times) for stratum in self.strata for times in stratum.values())
        return self.events + subjects * self.width + times * self.width**2

    def term(self, columns: Sequence[int], test: str = "wald") -> Term:
        """Return the estimate of the last of some columns, if they are one, and a test of all."""
        if self.steps > MOST_STEPS:
            return Term(None, None, TOO_MUCH_WORK)
        tested = [column for column in columns if column in self._whole.columns]
        if not tested:
            return Term(None, None, NOT_ESTIMABLE)
        with localcontext(WORKING):
            p = self._p(tested, test)
            if (fit := self._fit) is None:
                return Term(None, p, NOT_CONVERGED)
            if any(column not in fit.partial.columns for column in tested):
                return Term(None, p, INFINITE)
            estimate = fit.estimate(tested[0]) if len(columns) == 1 else None
            return Term(estimate, p)

    def proportionality(self, columns: Sequence[int], transform: str = "km") -> Decimal | None:
        """Test whether the effect of some columns changes with time; None where it cannot be.

        Grambsch and Therneau (1994, Biometrika 81:515) as the score test of an interaction with a
        function of time (R's survival from version 3, cox.zph).
        """
        fit = self._fit if self.steps <= MOST_STEPS else None
        if fit is None or fit.is_limit or not columns:
            return None
        if any(column not in fit.partial.columns for column in columns):
            return None
        weights = self._weights(transform)
        if weights is None:
            return None
        with localcontext(WORKING):
            return fit.time_dependence([fit.partial.columns.index(i) for i in columns], weights)

    @cached_property
    def estimable(self) -> tuple[int, ...]:
        """The columns that those before them do not determine."""
        return self._whole.columns

    @cached_property
    def _whole(self) -> "_Partial":
        return self._partial(range(self.width))

    def _partial(self, columns: Sequence[int]) -> "_Partial":
        return _Partial.of(self.strata, columns, self.ties, _exponents(self.strata, self.width))

    @cached_property
    def _fit(self) -> "_Fit | None":
        return _fit(self._whole, self.strata, range(self.width))

    def _p(self, tested: Sequence[int], test: str) -> Decimal | None:
        fit = self._fit
        if test == "wald":
            if fit is None or any(column not in fit.partial.columns for column in tested):
                return None
            places = [fit.partial.columns.index(column) for column in tested]
            return tail(fit.maximum.wald(places), len(tested))
        untested = [column for column in self._whole.columns if column not in tested]
        restricted = _fit(self._partial(untested), self.strata, untested)
        if restricted is None:
            return None
        if test == "likelihood-ratio":
            if fit is None:
                return None
            return tail(2 * (fit.maximum.value - restricted.maximum.value), len(tested))
        return None if restricted.is_limit else self._score_p(restricted, len(tested))

    def _score_p(self, restricted: "_Fit", df: int) -> Decimal | None:
        """Return the score test of all columns where those of the restricted model are fitted."""
        fitted = dict(zip(restricted.partial.columns, restricted.maximum.point, strict=True))
        point = [fitted.get(column, Decimal(0)) for column in self._whole.columns]
        slope = self._whole.at(point, maximisation.DECIMAL)
        statistic = maximisation.explained(slope.information, slope.gradient)
        return None if statistic is None else tail(statistic, df)

    def _weights(self, transform: str) -> Mapping[int, Decimal] | None:
        """Return the function of time at each time of an event, of all subjects together."""
        together = all_together(times for stratum in self.strata for times in stratum.values())
        occupied = sorted(time for time, (events, _) in together.items() if events)
        if not occupied or (transform == "log" and occupied[0] <= 0):
            return None
        with localcontext(WORKING):
            return dict(zip(occupied, _TRANSFORMED[transform](occupied, together), strict=True))


@dataclass(frozen=True)
class _Partial:
    """The partial likelihood of some columns, those of them that are not determined by others."""

    columns: tuple[int, ...]
    strata: Sequence[tuple[Sequence[Scaled], Sequence[_RiskSet]]]
    ties: str
    exponents: Sequence[int]
    """The power of ten that each column of the whole design is in units of."""

    @classmethod
    def of(
        cls, strata: Sequence[Stratum], columns: Sequence[int], ties: str, exponents: Sequence[int]
    ) -> "_Partial":
        """Return it; strata without events say nothing and are left out."""
        informative = [stratum for stratum in strata if _first_event(stratum.values()) is not None]
        columns_kept = [
            columns[i]
            for i in separation.independent(_differences(informative, columns), len(columns))
        ]
        risk_sets = [_risk_sets(stratum, columns_kept, exponents) for stratum in informative]
        return cls(tuple(columns_kept), risk_sets, ties, exponents)

    @property
    def size(self) -> int:
        """How many coefficients there are."""
        return len(self.columns)

    def at[Number: (float, Decimal)](
        self, point: Sequence[Number], numbers: Arithmetic[Number]
    ) -> Slope[Number]:
        """Return the log partial likelihood with its slope and curvature."""
        total = _Sums(self.size, numbers)
        for moment in self.moments(point, numbers):
            total.add(moment, numbers.of(1))
        return Slope(total.value, total.gradient, total.information)

    def moments[Number: (float, Decimal)](
        self, point: Sequence[Number], numbers: Arithmetic[Number]
    ) -> Iterator["_Moment[Number]"]:
        """Yield what each time of events adds, by stratum, from the last time."""
        for patterns, risk_sets in self.strata:
            hazards = [_linear(pattern, point, numbers) for pattern in patterns]
            at_risk = _Weighed(self.size, numbers)
            for risk_set in risk_sets:
                for place, n in risk_set.joining:
                    at_risk.add(patterns[place], numbers.exp(hazards[place]), n, numbers)
                having = _Weighed(self.size, numbers)
                for place, n in risk_set.events:
                    having.add(patterns[place], numbers.exp(hazards[place]), n, numbers)
                counted = [(patterns[place], hazards[place], n) for place, n in risk_set.events]
                efron = self.ties == "efron"
                yield _moment(risk_set, counted, at_risk, having, numbers, efron=efron)


class _Weighed[Number: (float, Decimal)]:
    """Sums over subjects of their hazard, and of that times their covariates and products."""

    def __init__(self, size: int, numbers: Arithmetic[Number]) -> None:
        zero = numbers.of(0)
        self.total: Number = zero
        self.first: list[Number] = [zero] * size
        self.second: list[list[Number]] = [[zero] * size for _ in range(size)]

    def add(self, pattern: Scaled, hazard: Number, n: int, numbers: Arithmetic[Number]) -> None:
        """Add some subjects who are alike."""
        weight = hazard * numbers.of(n)
        self.total += weight
        places = [(i, number) for i, number in enumerate(pattern) if number]
        for i, number in places:
            weighed = weight * numbers.of(number)
            self.first[i] += weighed
            for j, value in places:
                self.second[i][j] += weighed * numbers.of(value)


@dataclass(frozen=True)
class _Moment[Number: (float, Decimal)]:
    """What the events at one time add to the likelihood, its gradient and its information."""

    time: int
    value: Number
    gradient: list[Number]
    information: list[list[Number]]


class _Sums[Number: (float, Decimal)]:
    """Sums of moments, each times a weight."""

    def __init__(self, size: int, numbers: Arithmetic[Number]) -> None:
        zero = numbers.of(0)
        self.value: Number = zero
        self.gradient: list[Number] = [zero] * size
        self.information: list[list[Number]] = [[zero] * size for _ in range(size)]

    def add(self, moment: _Moment[Number], weight: Number) -> None:
        """Add a moment times a weight."""
        self.value += weight * moment.value
        for i, number in enumerate(moment.gradient):
            self.gradient[i] += weight * number
            row = self.information[i]
            for j, entry in enumerate(moment.information[i]):
                row[j] += weight * entry


def _moment[Number: (float, Decimal)](
    risk_set: _RiskSet,
    events: Sequence[tuple[Scaled, Number, int]],
    at_risk: _Weighed[Number],
    having: _Weighed[Number],
    numbers: Arithmetic[Number],
    *,
    efron: bool,
) -> _Moment[Number]:
    """Return what a time adds: of d events Efron's l-th is out of all less l/d of those with it."""
    n, size = risk_set.n, len(at_risk.first)
    zero, all_events = numbers.of(0), numbers.of(n)
    value = sum((hazard * numbers.of(count) for _, hazard, count in events), zero)
    # Sums over l, of 1, f, 1, f and f squared, over the rest of the risk set or its square.
    single = once_f = twice = twice_f = twice_ff = zero
    for tied in range(n if efron else 1):
        share = numbers.of(tied) / all_events
        rest = at_risk.total - share * having.total
        times = numbers.of(1) if efron else all_events
        value -= times * numbers.log(rest)
        part, square = times / rest, times / (rest * rest)
        single, once_f = single + part, once_f + share * part
        twice, twice_f = twice + square, twice_f + share * square
        twice_ff += share * share * square
    gradient = [-single * at_risk.first[i] + once_f * having.first[i] for i in range(size)]
    for pattern, _, count in events:
        for i, number in enumerate(pattern):
            if number:
                gradient[i] += numbers.of(number * count)
    first, taken_first = at_risk.first, having.first
    information = [
        [
            single * at_risk.second[i][j]
            - once_f * having.second[i][j]
            - twice * first[i] * first[j]
            + twice_f * (first[i] * taken_first[j] + taken_first[i] * first[j])
            - twice_ff * taken_first[i] * taken_first[j]
            for j in range(size)
        ]
        for i in range(size)
    ]
    return _Moment(risk_set.time, value, gradient, information)


@dataclass(frozen=True)
class _Fit:
    """A model's maximum; `is_limit` where it is that of a likelihood which rises to infinity."""

    partial: _Partial
    maximum: Maximum
    is_limit: bool

    def estimate(self, column: int) -> NormalEstimate:
        """Return the coefficient of a column with its standard error."""
        place, exponent = self.partial.columns.index(column), self.partial.exponents[column]
        error = self.maximum.covariance[place][place].sqrt()
        return NormalEstimate(self.maximum.point[place].scaleb(-exponent), error.scaleb(-exponent))

    def time_dependence(
        self, places: Sequence[int], weights: Mapping[int, Decimal]
    ) -> Decimal | None:
        """Return the P value of the score test of interactions with a function of time."""
        numbers, size = maximisation.DECIMAL, self.partial.size
        once, twice = _Sums(size, numbers), _Sums(size, numbers)
        for moment in self.partial.moments(self.maximum.point, numbers):
            weight = weights[moment.time]
            once.add(moment, weight)
            twice.add(moment, weight * weight)
        explained = [
            [
                maximisation.bilinear(
                    self.maximum.covariance, once.information[i], once.information[j]
                )
                for j in places
            ]
            for i in places
        ]
        spread = [
            [twice.information[i][j] - explained[k][m] for m, j in enumerate(places)]
            for k, i in enumerate(places)
        ]
        distance = [once.gradient[place] for place in places]
        statistic = maximisation.explained(spread, distance)
        return None if statistic is None else tail(statistic, len(places))


def _fit(partial: _Partial, strata: Sequence[Stratum], columns: Sequence[int]) -> _Fit | None:
    """Fit a model; where its likelihood rises for ever, what is left of it in the limit.

    In the limit those whom the direction sets apart are in different risk sets, as if by stratum.
    """
    is_limit = False
    while (maximum := maximisation.maximise(partial)) is None:
        preferences = set(_preferences(strata, partial.columns))
        direction = separation.axis(preferences, partial.size)
        if direction is None and len(preferences) * partial.size <= MOST_PREFERENCES:
            direction = separation.direction(preferences)
        if direction is None:
            return None
        strata = _parted(strata, partial.columns, direction)
        partial = _Partial.of(strata, columns, partial.ties, partial.exponents)
        is_limit = True
    return _Fit(partial, maximum, is_limit)


def _preferences(strata: Sequence[Stratum], columns: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield how the covariates of who had an event differ from those of who was at risk then.

    From the last event backwards each risk set holds the one after it. So what has the event is
    compared with who came under observation since, and with what had the event after: the others
    follow from these, in sum.
    """
    for stratum in strata:
        joining: list[Covariates] = []
        for having, joined in _backwards(stratum):
            joining += joined
            if having:
                first, *ties = having
                joining += ties
                for pattern in joining:
                    yield tuple(first[i] - pattern[i] for i in columns)
                for pattern in ties:
                    yield tuple(pattern[i] - first[i] for i in columns)
                joining = [first]


def _backwards(stratum: Stratum) -> Iterator[tuple[list[Covariates], list[Covariates]]]:
    """Yield who had the event and who was censored at each time, from the last."""
    by_time: dict[int, tuple[list[Covariates], list[Covariates]]] = {}
    for pattern, times in stratum.items():
        for time, (events, censored) in times.items():
            having, joined = by_time.setdefault(time, ([], []))
            having += [pattern] * bool(events)
            joined += [pattern] * bool(censored)
    for time in sorted(by_time, reverse=True):
        yield by_time[time]


def _parted(
    strata: Sequence[Stratum], columns: Sequence[int], direction: Sequence[int]
) -> list[Stratum]:
    """Split strata by where subjects are along a direction."""
    parts: list[Stratum] = []
    for stratum in strata:
        by_place: dict[int, dict[Covariates, Times]] = {}
        for pattern, times in stratum.items():
            place = separation.product([pattern[i] for i in columns], direction)
            by_place.setdefault(place, {})[pattern] = times
        parts += list(by_place.values())
    return parts


def _first_event(groups: Iterable[Times]) -> int | None:
    return min(
        (time for times in groups for time, (events, _) in times.items() if events), default=None
    )


def _differences(strata: Sequence[Stratum], columns: Sequence[int]) -> Iterator[list[int]]:
    """Yield how those at risk at the first event of a stratum differ from one of them."""
    for stratum in strata:
        first = _first_event(stratum.values()) or 0
        reference: Covariates | None = None
        for pattern, times in stratum.items():
            if any(time >= first and any(counts) for time, counts in times.items()):
                reference = reference or pattern
                yield [pattern[i] - reference[i] for i in columns]


def _risk_sets(
    stratum: Stratum, columns: Sequence[int], exponents: Sequence[int]
) -> tuple[list[Scaled], list[_RiskSet]]:
    """Return the patterns of a stratum in its columns, and its times of events from the last."""
    parts: dict[Covariates, list[Times]] = {}
    for pattern, times in stratum.items():
        parts.setdefault(tuple(pattern[i] for i in columns), []).append(times)
    tallies = {pattern: all_together(group) for pattern, group in parts.items()}
    patterns = sorted(tallies)
    by_time: dict[int, list[tuple[int, int, int]]] = {}
    for place, pattern in enumerate(patterns):
        for time, (events, censored) in tallies[pattern].items():
            by_time.setdefault(time, []).append((place, events, censored))
    risk_sets: list[_RiskSet] = []
    joining: dict[int, int] = {}
    for time in sorted(by_time, reverse=True):
        having = []
        for place, events, censored in by_time[time]:
            joining[place] = joining.get(place, 0) + events + censored
            if events:
                having.append((place, events))
        if having:
            joined = tuple(sorted((place, n) for place, n in joining.items() if n))
            risk_sets.append(_RiskSet(time, tuple(having), joined))
            joining = {}
    scales = [exponents[column] for column in columns]
    return [_scaled(pattern, scales) for pattern in patterns], risk_sets


def _scaled(pattern: Covariates, exponents: Sequence[int]) -> Scaled:
    return tuple(
        Decimal(number).scaleb(-exponent) if exponent else number
        for number, exponent in zip(pattern, exponents, strict=True)
    )


def _linear[Number: (float, Decimal)](
    pattern: Scaled, point: Sequence[Number], numbers: Arithmetic[Number]
) -> Number:
    return sum((numbers.of(a) * b for a, b in zip(pattern, point, strict=True) if a), numbers.of(0))


type _Transformed = Callable[[Sequence[int], Times], list[Decimal]]


def _by_survival(times: Sequence[int], together: Times) -> list[Decimal]:
    """Return 1 minus the survival just before each time."""
    survivals = [Fraction(1), *(step.survival for step in kaplan_meier(together).steps)]
    return [
        maximisation.DECIMAL.ratio(1 - survival)
        for survival, _ in zip(survivals, times, strict=False)
    ]


def _ranks(times: Sequence[int], together: Times) -> list[Decimal]:
    """Return the rank of each time among those of all events; of equal ones the mean."""
    ranks, before = [], 0
    for time in times:
        events = together[time][0]
        ranks.append(Decimal(2 * before + events + 1) / 2)
        before += events
    return ranks


_TRANSFORMED: Mapping[str, _Transformed] = {
    "km": _by_survival,
    "rank": _ranks,
    "identity": lambda times, _: [Decimal(time) for time in times],
    "log": lambda times, _: [Decimal(time).ln() for time in times],
}
