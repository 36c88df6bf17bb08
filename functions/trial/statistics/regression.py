"""Logistic, Poisson and negative binomial regression from tallies of counts by their design.

Subjects who are alike in arm and covariates differ in nothing but their exposure and events, so the
likelihood is one of tallies. Estimates have 20 good digits; whether there are any is told exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cached_property
from math import log

from trial.deferred import dataclass
from trial.statistics import maximisation, profile, separation
from trial.statistics.families import (
    LOGISTIC,
    NEGATIVE_BINOMIAL,
    POISSON,
    CountLikelihood,
    Group,
    Pattern,
    excess,
    preferred,
)
from trial.statistics.inference import (
    LIMIT,
    NOT_ESTIMABLE,
    TOO_MUCH_WORK,
    WORKING,
    NormalEstimate,
    normal_quantile_two_sided,
)
from trial.statistics.maximisation import INFINITE, NOT_CONVERGED, Maximum, Term, tail

COMPLETE, QUASI_COMPLETE = "complete separation", "quasi-complete separation"
"""What it is called where the design decides the outcome: of all subjects, or of some."""
MOST_STEPS = 50_000
"""How much work one evaluation may be; some thirty are needed, and for limits by profile more.

A negative binomial of 3,400 subjects, none alike, and seven coefficients: eight seconds in all.
"""

type Tally = Mapping[tuple[int, int], int]
"""How many subjects have an exposure and a number of events."""


@dataclass(frozen=True)
class Regression:
    """A model of the mean of counts, by a design of zeros and ones; the first column is all ones.

    Of a logistic regression exposures are 1, and who responds has one event.
    """

    family: str
    tallies: Mapping[Pattern, Tally]
    width: int

    @cached_property
    def steps(self) -> int:
        """How much work one evaluation of the likelihood is."""
        return len(self._groups) * self.width + sum(
            sum(group.pattern) ** 2 for group in self._groups
        )

    def term(self, columns: Sequence[int], test: str = "wald") -> Term:
        """Return the estimate of the last of some columns, if they are one, and a test of all."""
        if self.steps > MOST_STEPS:
            return Term(None, None, TOO_MUCH_WORK)
        tested = [column for column in columns if column in self._whole.kept]
        if not tested or not any(group.events for group in self._groups):
            return Term(None, None, NOT_ESTIMABLE)
        if self.family == LOGISTIC and all(group.events == group.n for group in self._groups):
            return Term(None, None, NOT_ESTIMABLE)
        with localcontext(WORKING):
            p = self._p(tested, test)
            if (fit := self._fit) is None:
                return Term(None, p, NOT_CONVERGED)
            if any(column not in fit.kept for column in tested):
                return Term(None, p, INFINITE)
            estimate = fit.estimate(tested[0]) if len(columns) == 1 else None
            return Term(estimate, p)

    def ratio_limits(self, column: int, level: Fraction) -> tuple[Decimal | None, Decimal | None]:
        """Return the limits of a ratio by profile likelihood; None on a side without one."""
        fit = self._fit if self.steps <= MOST_STEPS else None
        if fit is None or column not in self._whole.kept:
            return None, None
        with localcontext(WORKING):
            fall = normal_quantile_two_sided(level) ** 2 / 2
            if column in fit.kept and not fit.separation:
                place = fit.kept.index(column)
                width = 2 * fit.maximum.covariance[place][place].sqrt()
                interval = profile.limits(
                    fit.likelihood, place, fit.maximum.value, fall, fit.maximum.point, width
                )
            else:
                place = self._whole.kept.index(column)
                whole = replace(self._whole, family=fit.likelihood.family)
                interval = profile.limits(whole, place, fit.maximum.value, fall, fit.along(whole))
            low, high = (limit and LIMIT.plus(limit.exp()) for limit in interval)
            return low, high

    @property
    def separation(self) -> str:
        """What separation there is; '' without one."""
        fit = self._fit if self.steps <= MOST_STEPS else None
        return "" if fit is None else fit.separation

    @property
    def dispersion(self) -> Decimal | None:
        """The dispersion of a negative binomial, 0 where counts vary no more than Poisson's."""
        fit = self._fit if self.steps <= MOST_STEPS else None
        if self.family != NEGATIVE_BINOMIAL or fit is None:
            return None
        with localcontext(WORKING):
            of_its_own = fit.likelihood.family == NEGATIVE_BINOMIAL
            return LIMIT.plus(fit.maximum.point[-1].exp()) if of_its_own else Decimal(0)

    @cached_property
    def value(self) -> Decimal | None:
        """The log likelihood at its maximum, without what the data alone decide."""
        return None if self._fit is None else self._fit.maximum.value

    @cached_property
    def _groups(self) -> list[Group]:
        """Subjects by design and, where that matters, by exposure."""
        by_exposure = self.family == NEGATIVE_BINOMIAL
        sums: dict[tuple[Pattern, int], list[int]] = {}
        for pattern, tally in self.tallies.items():
            for (exposure, events), n in tally.items():
                key = pattern, exposure if by_exposure else 0
                into = sums.setdefault(key, [0, 0, 0])
                for place, number in enumerate((n, n * events, n * exposure)):
                    into[place] += number
        return [
            # A sum of exposures is that of one subject who has them all.
            Group(pattern, exposure, n, events)
            if by_exposure or self.family == LOGISTIC
            else Group(pattern, total, 1, events)
            for (pattern, exposure), (n, events, total) in sorted(sums.items())
            if total
        ]

    @cached_property
    def _exceeded(self) -> list[int]:
        """How many subjects had more than 0, 1, 2… events."""
        counts: dict[int, int] = {}
        for tally in self.tallies.values():
            for (_, events), n in tally.items():
                counts[events] = counts.get(events, 0) + n
        highest = max(counts, default=0)
        return [
            sum(n for events, n in counts.items() if events > least) for least in range(highest)
        ]

    @cached_property
    def _whole(self) -> CountLikelihood:
        return self._likelihood(range(self.width))

    @cached_property
    def _fit(self) -> "_Fit | None":
        return _fitted(self._whole)

    def _likelihood(self, columns: Sequence[int]) -> CountLikelihood:
        independent = _independent(self._groups, columns)
        return CountLikelihood(self.family, self._groups, independent, self._exceeded)

    def _p(self, tested: Sequence[int], test: str) -> Decimal | None:
        fit = self._fit
        if fit is None:
            return None
        if test == "wald":
            if any(column not in fit.kept for column in tested):
                return None
            return tail(fit.maximum.wald([fit.kept.index(i) for i in tested]), len(tested))
        untested = [column for column in self._whole.kept if column not in tested]
        restricted = _fitted(self._likelihood(untested))
        if restricted is None:
            return None
        return tail(2 * (fit.maximum.value - restricted.maximum.value), len(tested))


@dataclass(frozen=True)
class _Fit:
    """The maximum of a likelihood, or of what is left of one that rises for ever."""

    likelihood: CountLikelihood
    maximum: Maximum
    separation: str

    @property
    def kept(self) -> Sequence[int]:
        """The columns of which there is an estimate."""
        return self.likelihood.kept

    def along(self, whole: CountLikelihood) -> list[Decimal]:
        """Return a point of the whole likelihood: what there is no estimate of is 0."""
        estimates = dict(zip(self.kept, self.maximum.point, strict=False))
        dispersion = self.maximum.point[len(self.kept) :]
        return [*(estimates.get(column, Decimal(0)) for column in whole.kept), *dispersion]

    def estimate(self, column: int) -> NormalEstimate:
        """Return the coefficient of a column with its standard error."""
        place = self.kept.index(column)
        variance = self.maximum.covariance[place][place]
        return NormalEstimate(self.maximum.point[place], variance.sqrt())


def _independent(groups: Sequence[Group], columns: Sequence[int]) -> tuple[int, ...]:
    """Return which of some columns the ones before them do not determine."""
    vectors = ([group.pattern[column] for column in columns] for group in groups)
    return tuple(columns[i] for i in separation.independent(vectors, len(columns)))


def _fitted(likelihood: CountLikelihood) -> _Fit | None:
    """Fit a likelihood; where it rises for ever, what is left of it in the limit.

    Groups that the direction decides have a share of 0 or 1, or a rate of 0, in the limit.
    """
    family, named = likelihood.family, ""
    mean = replace(likelihood, family=POISSON) if family == NEGATIVE_BINOMIAL else likelihood
    while (maximum := _maximum(mean)) is None:
        vectors = (
            tuple(sign * group.pattern[column] for column in mean.kept)
            for group in mean.groups
            for sign in preferred(family, group)
        )
        direction = separation.direction(vectors)
        if direction is None:
            return None
        separated = [
            group
            for group in mean.groups
            if not separation.product([group.pattern[column] for column in mean.kept], direction)
        ]
        mean = replace(mean, groups=separated, kept=_independent(separated, mean.kept))
        named = QUASI_COMPLETE if separated else COMPLETE
    if family != NEGATIVE_BINOMIAL or not mean.groups:
        return _Fit(mean, maximum, named)
    return _dispersed(mean, maximum, named)


def _dispersed(mean: CountLikelihood, maximum: Maximum, named: str) -> _Fit | None:
    """Fit a negative binomial; where counts vary no more than Poisson's it is that model."""
    with localcontext(WORKING):
        varied, squares = excess(mean, maximum.point)
        if varied <= 0:
            return _Fit(mean, maximum, named)
        start = [*map(float, maximum.point), log(varied / squares)]
    likelihood = replace(mean, family=NEGATIVE_BINOMIAL)
    dispersed = maximisation.maximise(likelihood, start)
    return None if dispersed is None else _Fit(likelihood, dispersed, named)


def _maximum(likelihood: CountLikelihood) -> Maximum | None:
    """Return the maximum; that of nobody, of whom nothing is unknown, is 0."""
    if not likelihood.groups:
        return Maximum((), Decimal(0), [])
    start = [0.0] * likelihood.size
    if likelihood.family == POISSON:
        events = sum(group.events for group in likelihood.groups)
        exposure = sum(group.exposure * group.n for group in likelihood.groups)
        if not events:
            return None
        start[0] = log(events / exposure)
    return maximisation.maximise(likelihood, start)
