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
    for name, arm_subjects in columns.items():
        judged = answers.reindex(arm_subjects).dropna()
        n, waiting = int(judged.astype(bool).sum()), len(arm_subjects) - len(judged)
        row[name] = counted(n, len(judged), interval=interval, waiting=waiting)
    return row


def counts(selected: pd.Index, columns: Mapping[str, pd.Index], *, interval: bool = False) -> Row:
    """Count, in each column, who of it is chosen."""
    return {
        name: counted(
            len(arm_subjects.intersection(selected)), len(arm_subjects), interval=interval
        )
        for name, arm_subjects in columns.items()
    }


def quartile(values: Sequence[float], share: float) -> float:
    """Give a quartile by SAS's definition 5: the mean of two values at a jump."""
    return float(np.quantile(values, share, method="averaged_inverted_cdf"))


def described(values: Iterable[float], names: Sequence[str] = STANDARD) -> Cell:
    """Describe values; the interval of the mean is Student's."""
    present = np.array([value for value in values if not np.isnan(value)])
    error = float(stats.sem(present))
    low, high = stats.t.interval(0.95, len(present) - 1, loc=present.mean(), scale=error)
    moments = {
        "mean": present.mean(), "sd": present.std(ddof=1), "se": error,
        "median": np.median(present),
        "q1": quartile(present, 0.25), "q3": quartile(present, 0.75),
        "min": present.min(), "max": present.max(), "ci_low": low, "ci_high": high,
    }  # fmt: skip
    selected_names = [
        part for name in names for part in (("ci_low", "ci_high") if name == "ci" else (name,))
    ]
    return {"n": len(present)} | {
        name: float(moments[name]) for name in selected_names if name != "n"
    }


def analysis_of_variance(*groups: "pd.Series[float]") -> Cell:
    return {"p": float(stats.f_oneway(*(group.dropna() for group in groups)).pvalue)}


def mean_difference(first: "pd.Series[float]", second: "pd.Series[float]", *, equal: bool) -> Cell:
    """Compare two means by t, with equal variances or without."""
    test = stats.ttest_ind(first.dropna(), second.dropna(), equal_var=equal)
    interval = test.confidence_interval()
    difference = float(first.mean() - second.mean())
    ends = {"ci_low": float(interval.low), "ci_high": float(interval.high)}
    return {"difference": difference} | ends | {"p": float(test.pvalue)}


def proportion_difference(first: Cell, second: Cell) -> Cell:
    """Compare two proportions by Newcombe's interval, in percentage points."""
    numbers = first["n"], first["N"], second["n"], second["N"]
    low, high = confint_proportions_2indep(*numbers, method="newcomb", compare="diff")
    difference = 100 * (first["n"] / first["N"] - second["n"] / second["N"])
    return {"difference": difference, "ci_low": 100 * low, "ci_high": 100 * high}


def contrasted(table: Sequence[Sequence[int]]) -> bool:
    """Say whether more than one category, and each group, has anybody."""
    return (np.array(table).sum(axis=0) > 0).sum() > 1 and np.array(table).any(axis=1).all()


def fisher(first: Cell, second: Cell) -> Cell:
    table = [[cell["n"], cell["N"] - cell["n"]] for cell in (first, second)]
    return {"p": float(stats.fisher_exact(table).pvalue)} if contrasted(table) else {}


def pearson(table: Sequence[Sequence[int]]) -> Cell:
    filled = np.array(table)[:, np.array(table).sum(axis=0) > 0]
    if not contrasted(table):
        return {}
    return {"p": float(stats.chi2_contingency(filled, correction=False).pvalue)}


def pairs(first: "pd.Series[Any]", second: "pd.Series[Any]") -> Cell:
    """Compare two answers of the same subjects by McNemar's exact test."""
    paired_subjects = first.notna() & second.notna()
    first_answers, second_answers = (
        first[paired_subjects].astype(bool),
        second[paired_subjects].astype(bool),
    )
    only_first, only_second = (
        int((first_answers & ~second_answers).sum()),
        int((second_answers & ~first_answers).sum()),
    )
    discordant = only_first + only_second
    low, high = paired.tango(only_second, only_first, int(paired_subjects.sum()))
    return {
        "n": int(paired_subjects.sum()),
        "both": int((first_answers & second_answers).sum()),
        "first": only_first,
        "second": only_second,
        "neither": int((~first_answers & ~second_answers).sum()),
        "difference": 100 * (only_second - only_first) / int(paired_subjects.sum()),
        "ci_low": float(low),
        "ci_high": float(high),
        "p": float(stats.binomtest(only_first, discordant).pvalue),
    }


def mantel_haenszel(frame: pd.DataFrame, answer: str, group: str, strata: Sequence[str]) -> Cell:
    """Compare two groups within strata, without a correction for continuity."""
    tables = [
        [[(stratum[answer] & (stratum[group] == g)).sum(),
          (~stratum[answer] & (stratum[group] == g)).sum()]
         for g in sorted(frame[group].unique())]
        for _, stratum in frame.groupby(list(strata))
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
        contrast = fit.t_test([1, arm == "AB", 0.5, 0.5, frame["base"].mean()])
        n = int((frame["arm"] == arm).sum())
        cells[column] = {"n": n, "lsmean": float(contrast.effect[0]), **_limits(contrast)}
    contrast = fit.t_test([0, 1, 0, 0, 0])
    difference = {"difference": float(contrast.effect[0]), **_limits(contrast)}
    return {**cells, "difference": difference | {"p": float(contrast.pvalue)}}


def _limits(contrast: Any) -> dict[str, float]:
    low, high = contrast.conf_int()[0]
    return {"se": float(contrast.sd[0, 0]), "ci_low": float(low), "ci_high": float(high)}


def curve(times: pd.DataFrame, days: Sequence[int]) -> tuple[Cell, list[Cell], list[Cell]]:
    """Follow who is free of the event: how many had it, the quartiles, the share at some days."""
    curve_fit = SurvfuncRight(times["days"], times["event"].astype(int))
    n = int(times["event"].sum())
    head = {**counted(n, len(times)), "censored": len(times) - n}
    return (
        head,
        [_quartile(curve_fit, p) for p in (0.25, 0.5, 0.75)],
        [_free(curve_fit, d) for d in days],
    )


def _quartile(curve_fit: SurvfuncRight, share: float) -> Cell:
    reached = [
        t for t, s in zip(curve_fit.surv_times, curve_fit.surv_prob, strict=True) if s <= 1 - share
    ]
    low, high = curve_fit.quantile_ci(share, method="cloglog")
    return {"days": reached[0] if reached else None, "ci_low": _day(low), "ci_high": _day(high)}


def _day(limit: float) -> int | None:
    return int(limit) if np.isfinite(limit) else None


def _free(curve_fit: SurvfuncRight, day: int) -> Cell:
    steps = [i for i, t in enumerate(curve_fit.surv_times) if t <= day]
    alive = curve_fit.surv_prob[steps[-1]] if steps else 1.0
    if alive in (0.0, 1.0):
        return {"survival": 100 * alive}
    spread = curve_fit.surv_prob_se[steps[-1]] / (alive * abs(np.log(alive)))
    z = stats.norm.ppf(0.975)
    low, high = (alive ** np.exp(sign * z * spread) for sign in (1, -1))
    return {"survival": 100 * alive, "ci_low": 100 * low, "ci_high": 100 * high}


def log_rank(times: pd.DataFrame, strata: Sequence[str] = ()) -> Cell:
    """Compare the sequences' times, within strata where there are any."""
    within = times[list(strata)].agg("/".join, axis=1) if strata else None
    samples = (
        times["days"].to_numpy(),
        times["event"].astype(int).to_numpy(),
        times["arm"].to_numpy(),
    )
    return {"p": float(survdiff(*samples, strata=None if within is None else within.to_numpy())[1])}


def incidence(n: int, days: float, per: int) -> Cell:
    """Give a rate by time at risk, with the exact interval of a Poisson count."""
    years = days / 365.25
    low = stats.chi2.ppf(0.025, 2 * n) / 2 if n else 0.0
    high = stats.chi2.ppf(0.975, 2 * n + 2) / 2
    scale = per / years
    rates = {"rate": n * scale, "ci_low": low * scale, "ci_high": high * scale}
    return {"n": n, "years": years} | rates
