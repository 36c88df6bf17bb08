"""Cells as pandas, scipy and statsmodels give them: what AIRWAY-2X2's tables ask for."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import paired
import pandas as pd
from scipy import stats
from statsmodels.duration.survfunc import SurvfuncRight, survdiff
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.contingency_tables import StratifiedTable
from statsmodels.stats.proportion import confint_proportions_2indep

type Cell = Mapping[str, float | int | None]
type Row = Mapping[str, Cell]
type Table = Mapping[str, Row]

STANDARD = ("mean", "sd", "median", "min", "max")


def counted(n: int, size: int, *, interval: bool = False, waiting: int = 0) -> Cell:
    """Count subjects; the interval is Clopper and Pearson's. Who waits is told if anybody does."""
    cell: dict[str, float | int | None] = {"n": n, "N": size}
    cell["percent"] = 100 * n / size if size else None
    if interval:
        exact = stats.binomtest(n, size).proportion_ci(method="exact")
        cell |= {"ci_low": 100 * exact.low, "ci_high": 100 * exact.high}
    return cell | ({"not_due": waiting} if waiting else {})


def answered(
    answers: "pd.Series[Any]", columns: Mapping[str, pd.Index], *, interval: bool = False
) -> Row:
    """Count, in each column, the yeses of those who are known: whose answer is None still waits."""
    row: dict[str, Cell] = {}
    for name, who in columns.items():
        known = answers.reindex(who).dropna()
        n, waiting = int(known.astype(bool).sum()), len(who) - len(known)
        row[name] = counted(n, len(known), interval=interval, waiting=waiting)
    return row


def counts(chosen: pd.Index, columns: Mapping[str, pd.Index], *, interval: bool = False) -> Row:
    """Count, in each column, who of it is chosen."""
    return {
        name: counted(len(who.intersection(chosen)), len(who), interval=interval)
        for name, who in columns.items()
    }


def quartile(values: Sequence[float], share: float) -> float:
    """Give a quartile by SAS's definition 5: the mean of two values at a jump."""
    return float(np.quantile(values, share, method="averaged_inverted_cdf"))


def described(values: Iterable[float], names: Sequence[str] = STANDARD) -> Cell:
    """Describe values; the interval of the mean is Student's."""
    given = np.array([value for value in values if not np.isnan(value)])
    error = float(stats.sem(given))
    low, high = stats.t.interval(0.95, len(given) - 1, loc=given.mean(), scale=error)
    known = {
        "mean": given.mean(), "sd": given.std(ddof=1), "se": error, "median": np.median(given),
        "q1": quartile(given, 0.25), "q3": quartile(given, 0.75),
        "min": given.min(), "max": given.max(), "ci_low": low, "ci_high": high,
    }  # fmt: skip
    wanted = [
        part for name in names for part in (("ci_low", "ci_high") if name == "ci" else (name,))
    ]
    return {"n": len(given)} | {name: float(known[name]) for name in wanted if name != "n"}


def analysis_of_variance(*groups: "pd.Series[float]") -> Cell:
    return {"p": float(stats.f_oneway(*(group.dropna() for group in groups)).pvalue)}


def mean_difference(one: "pd.Series[float]", other: "pd.Series[float]", *, equal: bool) -> Cell:
    """Compare two means by t, with equal variances or without."""
    test = stats.ttest_ind(one.dropna(), other.dropna(), equal_var=equal)
    interval = test.confidence_interval()
    difference = float(one.mean() - other.mean())
    ends = {"ci_low": float(interval.low), "ci_high": float(interval.high)}
    return {"difference": difference} | ends | {"p": float(test.pvalue)}


def proportion_difference(one: Cell, other: Cell) -> Cell:
    """Compare two proportions by Newcombe's interval, in percentage points."""
    given = one["n"], one["N"], other["n"], other["N"]
    low, high = confint_proportions_2indep(*given, method="newcomb", compare="diff")
    difference = 100 * (one["n"] / one["N"] - other["n"] / other["N"])
    return {"difference": difference, "ci_low": 100 * low, "ci_high": 100 * high}


def contrasted(table: Sequence[Sequence[int]]) -> bool:
    """Say whether more than one category, and each group, has anybody."""
    return (np.array(table).sum(axis=0) > 0).sum() > 1 and np.array(table).any(axis=1).all()


def fisher(one: Cell, other: Cell) -> Cell:
    table = [[each["n"], each["N"] - each["n"]] for each in (one, other)]
    return {"p": float(stats.fisher_exact(table).pvalue)} if contrasted(table) else {}


def pearson(table: Sequence[Sequence[int]]) -> Cell:
    kept = np.array(table)[:, np.array(table).sum(axis=0) > 0]
    if not contrasted(table):
        return {}
    return {"p": float(stats.chi2_contingency(kept, correction=False).pvalue)}


def pairs(first: "pd.Series[Any]", second: "pd.Series[Any]") -> Cell:
    """Compare two answers of the same subjects by McNemar's exact test."""
    known = first.notna() & second.notna()
    one, other = first[known].astype(bool), second[known].astype(bool)
    only_first, only_second = int((one & ~other).sum()), int((other & ~one).sum())
    discordant = only_first + only_second
    low, high = paired.tango(only_second, only_first, int(known.sum()))
    return {
        "n": int(known.sum()),
        "both": int((one & other).sum()),
        "first": only_first,
        "second": only_second,
        "neither": int((~one & ~other).sum()),
        "difference": 100 * (only_second - only_first) / int(known.sum()),
        "ci_low": float(low),
        "ci_high": float(high),
        "p": float(stats.binomtest(only_first, discordant).pvalue),
    }


def mantel_haenszel(frame: pd.DataFrame, answer: str, group: str, strata: Sequence[str]) -> Cell:
    """Compare two groups within strata, without a correction for continuity."""
    tables = [
        [[(of[answer] & (of[group] == g)).sum(), (~of[answer] & (of[group] == g)).sum()]
         for g in sorted(frame[group].unique())]
        for _, of in frame.groupby(list(strata))
    ]  # fmt: skip
    stacked = np.array(tables, dtype=float).transpose(1, 2, 0)
    return {"p": float(StratifiedTable(stacked).test_null_odds(correction=False).pvalue)}


def covariance(frame: pd.DataFrame) -> Mapping[str, Cell]:
    """Adjust the response for both strata and the base: means with equal weights, and a to b."""
    design = pd.DataFrame({
        "one": 1.0,
        "arm": frame["arm"] == "AB",
        "severity": frame["severity"] == "severe",
        "steroid": frame["steroid"] == "medium",
        "base": frame["base"],
    }).astype(float)  # fmt: skip
    fit = OLS(frame["response"], design).fit()
    cells: dict[str, Cell] = {}
    for column, arm in (("a", "AB"), ("b", "BA")):
        found = fit.t_test([1, arm == "AB", 0.5, 0.5, frame["base"].mean()])
        n = int((frame["arm"] == arm).sum())
        cells[column] = {"n": n, "lsmean": float(found.effect[0]), **_limits(found)}
    found = fit.t_test([0, 1, 0, 0, 0])
    difference = {"difference": float(found.effect[0]), **_limits(found)}
    return {**cells, "difference": difference | {"p": float(found.pvalue)}}


def _limits(found: Any) -> dict[str, float]:
    low, high = found.conf_int()[0]
    return {"se": float(found.sd[0, 0]), "ci_low": float(low), "ci_high": float(high)}


def curve(times: pd.DataFrame, days: Sequence[int]) -> tuple[Cell, list[Cell], list[Cell]]:
    """Follow who is free of the event: how many had it, the quartiles, the share at some days."""
    found = SurvfuncRight(times["days"], times["event"].astype(int))
    n = int(times["event"].sum())
    head = {**counted(n, len(times)), "censored": len(times) - n}
    return head, [_quartile(found, p) for p in (0.25, 0.5, 0.75)], [_free(found, d) for d in days]


def _quartile(found: SurvfuncRight, share: float) -> Cell:
    at = [t for t, s in zip(found.surv_times, found.surv_prob, strict=True) if s <= 1 - share]
    low, high = found.quantile_ci(share, method="cloglog")
    return {"days": at[0] if at else None, "ci_low": _day(low), "ci_high": _day(high)}


def _day(limit: float) -> int | None:
    return int(limit) if np.isfinite(limit) else None


def _free(found: SurvfuncRight, day: int) -> Cell:
    steps = [i for i, t in enumerate(found.surv_times) if t <= day]
    alive = found.surv_prob[steps[-1]] if steps else 1.0
    if alive in (0.0, 1.0):
        return {"survival": 100 * alive}
    spread = found.surv_prob_se[steps[-1]] / (alive * abs(np.log(alive)))
    z = stats.norm.ppf(0.975)
    low, high = (alive ** np.exp(sign * z * spread) for sign in (1, -1))
    return {"survival": 100 * alive, "ci_low": 100 * low, "ci_high": 100 * high}


def log_rank(times: pd.DataFrame, strata: Sequence[str] = ()) -> Cell:
    """Compare the sequences' times, within strata where there are any."""
    within = times[list(strata)].agg("/".join, axis=1) if strata else None
    given = times["days"].to_numpy(), times["event"].astype(int).to_numpy(), times["arm"].to_numpy()
    return {"p": float(survdiff(*given, strata=None if within is None else within.to_numpy())[1])}


def incidence(n: int, days: float, per: int) -> Cell:
    """Give a rate by time at risk, with the exact interval of a Poisson count."""
    years = days / 365.25
    low = stats.chi2.ppf(0.025, 2 * n) / 2 if n else 0.0
    high = stats.chi2.ppf(0.975, 2 * n + 2) / 2
    scale = per / years
    rates = {"rate": n * scale, "ci_low": low * scale, "ci_high": high * scale}
    return {"n": n, "years": years} | rates
