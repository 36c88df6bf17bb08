"""Tests, models and curves, by other means than the service's: scipy, statsmodels, plain counting.

P values are given as numbers, or None where there is nothing to compare.
"""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import comb, prod

import numpy as np
import pandas as pd
from recounting.arithmetic import Texts, interval, p_value, text
from scipy import stats
from statsmodels.duration.survfunc import survdiff
from statsmodels.regression.linear_model import OLS
from statsmodels.tools.tools import add_constant

Counts = Sequence[Sequence[int]]
"""Subjects by group and category."""


def varies(counts: Counts) -> bool:
    """Say whether there is anything to compare: someone in each group, and two categories."""
    return all(map(any, counts)) and sum(map(any, zip(*counts, strict=True))) > 1


def fisher(counts: Counts) -> float | None:
    """Fisher's exact test of any number of groups by two categories, counted out exactly.

    The sum of the probabilities, given the margins, that are not above that of what was seen.
    """
    if not varies(counts):
        return None
    sizes, n = [sum(group) for group in counts], sum(group[0] for group in counts)
    ways = {(): 1}
    for size in sizes:
        ways = {
            (*name, i): item * comb(size, i)
            for name, item in ways.items()
            for i in range(min(size, n - sum(name)) + 1)
        }
    ways = {name: item for name, item in ways.items() if sum(name) == n}
    result = prod(comb(size, group[0]) for size, group in zip(sizes, counts, strict=True))
    return float(Fraction(sum(w for w in ways.values() if w <= result), comb(sum(sizes), n)))


def pearson(counts: Counts) -> float | None:
    """Pearson's chi-square test, without correction, over the categories that occur."""
    if not varies(counts):
        return None
    pairs = [values for values in zip(*counts, strict=True) if any(values)]
    return float(stats.chi2_contingency(np.array(pairs).T, correction=False).pvalue)


def anova(groups: Sequence[Sequence[float]]) -> float | None:
    """Compare means by one-way analysis of variance."""
    return float(stats.f_oneway(*groups).pvalue)


def rate(events: int, days: int) -> Texts:
    """Print first events, years at risk, and the rate a hundred years with its exact interval."""
    per = 365.25 * 100 / days
    low = stats.chi2.ppf(0.025, 2 * events) / 2 if events else 0.0
    high = stats.chi2.ppf(0.975, 2 * events + 2) / 2
    return {
        "n": str(events),
        "years": text(Fraction(days * 4, 1461), 1),
        "rate": text(Fraction(events * 100 * 1461, days * 4), 1),
        "95% CI": interval(float(low) * per, float(high) * per, 1),
    }


class Covariance:
    """Analysis of covariance of a change (`change`) by arm, group of sites and baseline."""

    def __init__(self, frame: pd.DataFrame, arms: Sequence[str]) -> None:
        self.frame, self.arms = frame, arms
        groups = pd.get_dummies(frame["group"], drop_first=True, dtype=float)
        self.covariates = groups.assign(baseline=frame["baseline"])
        indicators = {arm: (frame["arm"] == arm).astype(float) for arm in arms[1:]}
        self.design = add_constant(pd.DataFrame(indicators).join(self.covariates))
        self.fit = OLS(frame["change"], self.design).fit()

    def mean(self, arm: str) -> Texts:
        """Print an arm's least-squares mean: groups weigh alike, baseline is the mean of all."""
        contrast = self._contrast({arm: 1})
        share = 1 / self.frame["group"].nunique()
        contrast.loc["const"], contrast.loc["baseline"] = 1, self.frame["baseline"].mean()
        contrast.loc[self.covariates.columns.drop("baseline")] = share
        n = str(int((self.frame["arm"] == arm).sum()))
        return {"n": n} | _estimate("lsmean", self.fit.t_test(contrast))

    def difference(self, arm: str, reference: str) -> Texts:
        """Print the difference of two arms, and its P value."""
        result = self.fit.t_test(self._contrast({arm: 1, reference: -1}))
        return _estimate("difference", result) | {"p": p_value(float(result.pvalue))}

    def _contrast(self, signs: Mapping[str, int]) -> "pd.Series[float]":
        series = pd.Series(0.0, index=self.design.columns)
        for arm, sign in signs.items():
            if arm != self.arms[0]:
                series.loc[arm] = sign
        return series

    def p_of_arms(self) -> str:
        """Print the P value of all arms together."""
        rows = np.array([self._contrast({arm: 1}) for arm in self.arms[1:]])
        return p_value(float(self.fit.f_test(rows).pvalue))

    def p_of_trend(self, doses: Mapping[str, int]) -> str:
        """Print the P value of a linear trend over the doses."""
        design = add_constant(self.covariates.assign(dose=self.frame["arm"].map(doses)))
        return p_value(float(OLS(self.frame["change"], design).fit().pvalues["dose"]))


def _estimate(name: str, contrast: object) -> Texts:
    low, high = np.ravel(contrast.conf_int())  # type: ignore[attr-defined]
    effect, se = float(np.ravel(contrast.effect)[0]), float(np.ravel(contrast.sd)[0])  # type: ignore[attr-defined]
    return {
        name: text(effect, 1),
        "se": text(se, 2),
        "95% CI": interval(float(low), float(high), 1),
    }


class Curve:
    """A Kaplan-Meier curve, by days and whether each had the event."""

    def __init__(self, times: Sequence[tuple[int, bool]]) -> None:
        self.last = max(day for day, _ in times)
        self.steps: list[tuple[int, Fraction, float | None]] = []
        share, spread = Fraction(1), Fraction(0)
        for day in sorted({day for day, event in times if event}):
            at_risk = sum(result >= day for result, _ in times)
            events = sum(event for result, event in times if result == day)
            share *= Fraction(at_risk - events, at_risk)
            alive = at_risk > events
            spread += Fraction(events, at_risk * (at_risk - events)) if alive else 0
            self.steps.append((day, share, math.sqrt(spread) if alive else None))

    def limits(self, share: Fraction, spread: float | None) -> tuple[float, float] | None:
        """Give Greenwood's limits of a share, log-log transformed."""
        if spread is None:
            return None
        log = math.log(share)
        reach = math.exp(stats.norm.ppf(0.975) * spread / -log)
        return math.exp(log * reach), math.exp(log / reach)

    def at(self, day: int) -> Texts:
        """Print the share without event at a day, in per cent."""
        reached = [step for step in self.steps if step[0] <= day]
        if day > self.last and (not reached or reached[-1][1]):
            return {}
        if not reached:
            return {"survival": "100.0"}
        _, share, spread = reached[-1]
        result = self.limits(share, spread)
        low, high = result or (None, None)
        ends = interval(100 * low, 100 * high, 1) if low is not None and high is not None else ""
        return {"survival": text(100 * share, 1), "95% CI": ends}

    def quantile(self, p: Fraction) -> Texts:
        """Print the day by which a share has had the event, with Brookmeyer and Crowley's limits.

        Where the curve is level at exactly that share, the middle of the stretch.
        """
        level = 1 - p
        ends: list[str] = []
        for end in (0, 1):
            days = (day for day, share, spread in self.steps
                    if (result := self.limits(share, spread)) and result[end] <= level)  # fmt: skip
            day = next(days, None)
            ends.append("not reached" if day is None else str(day))
        return {"days": self._day(level), "95% CI": ", ".join(ends)}

    def _day(self, level: Fraction) -> str:
        first = next((step for step in self.steps if step[1] <= level), None)
        if first is None:
            return "not reached"
        if first[1] < level:
            return str(first[0])
        beyond = next((day for day, share, _ in self.steps if share < level), self.last)
        middle = Fraction(first[0] + beyond, 2)
        return text(middle, 0 if middle.denominator == 1 else 1)


def log_rank(groups: Sequence[Sequence[tuple[int, bool]]]) -> str:
    """Print the P value of the log-rank test."""
    days = [day for times in groups for day, _ in times]
    events = [event for times in groups for _, event in times]
    names = [i for i, times in enumerate(groups) for _ in times]
    return p_value(float(survdiff(np.array(days), np.array(events, int), np.array(names))[1]))
