"""AIRWAY-2X2's subjects, recomputed: who took part, and what they were like at the start."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from airway import oracle
from airway.oracle import STANDARD, Row, Table, answered, counts, described
from airway.records import ARMS, DRUGS, Trial

END = {1: "p1-week-4", 2: "p2-week-4"}
BASE = {1: "p1-baseline", 2: "p2-baseline"}
AGES = ("below 40", "40 to below 65", "65 or above")


def by_sequence(frame: pd.DataFrame, sequence: str = "arm") -> dict[str, pd.Index]:
    """Give the columns of most tables: the sequences, and all."""
    arms = {arm: frame.index[frame[sequence] == arm] for arm in ARMS}
    return arms | {"total": frame.index}


def fev1(trial: Trial) -> pd.DataFrame:
    """Give FEV1 by visit, and its change within each period."""
    values = trial.by_visit("fev1")
    for period in (1, 2):
        values[f"change-{period}"] = (values[END[period]] - values[BASE[period]]).round(3)
        values[f"percent-{period}"] = percent(values, period)
    return values


def percent(values: pd.DataFrame, period: int) -> "pd.Series[float]":
    """Give the change in per cent of the baseline."""
    return 100 * values[f"change-{period}"] / values[BASE[period]]


def levels(
    name: str, values: "pd.Series[Any]", columns: Mapping[str, pd.Index], order: Sequence[str] = ()
) -> Table:
    """Count each level: those of an order first, others by their greatest count."""
    result = values.dropna()
    sizes = {
        level: max(
            len(column.intersection(result.index[result == level])) for column in columns.values()
        )
        for level in set(result) - set(order)
    }
    ordered = [*order, *sorted(sizes, key=lambda level: (-sizes[level], level))]
    return {f"{name}/{item}": counts(result.index[result == item], columns) for item in ordered}


def on_drug(trial: Trial, drug: str) -> pd.Index:
    return trial.who("dose.administered", treatment=DRUGS[drug])


def both_assessed(trial: Trial) -> pd.Index:
    changes = fev1(trial).loc[trial.randomised.index, ["change-1", "change-2"]]
    return changes.index[changes.notna().all(axis=1)]


def assessed(trial: Trial) -> "pd.Series[Any]":
    """Say of whom both changes are known: None while one that may still come decides it."""
    values = fev1(trial).loc[trial.randomised.index]
    data_frame = pd.DataFrame({period: values[f"change-{period}"].notna() for period in (1, 2)})
    unassessed = (
        pd.DataFrame({p: trial.due(END[p]).reindex(data_frame.index) for p in (1, 2)}) & ~data_frame
    )
    series = pd.Series(None, index=data_frame.index, dtype=object)
    series[data_frame.all(axis=1)] = True
    series[unassessed.any(axis=1)] = False
    return series


def disposition(trial: Trial) -> Table:
    columns, ended = by_sequence(trial.randomised), "disposition.recorded"
    result, began = trial.who(ended, of="study", status="discontinued"), trial.doses
    period_2 = began[began["visit"].isin(["p2-baseline", "p2-week-2"])]["subject"]
    completed = trial.who(ended, of="study", status="completed")
    rows = {
        "randomised": trial.randomised.index,
        "treated": trial.treated.index,
        "completed-1": trial.who(ended, of="treatment", status="completed", period="period-1"),
        "left-in-1": trial.who(ended, of="study", status="discontinued", period="period-1"),
        "left-in-washout": trial.who(ended, of="study", status="discontinued", period="washout"),
        "began-2": pd.Index(period_2.unique()),
        "completed-2": trial.who(ended, of="treatment", status="completed", period="period-2"),
        "left-in-2": trial.who(ended, of="study", status="discontinued", period="period-2"),
        "completed": completed,
        "discontinued": result,
    }
    reasons = trial.randomised["reason"].where(trial.randomised["status"] == "discontinued")
    ongoing = trial.randomised.index.difference(result).difference(completed)
    return (
        {name: counts(selected, columns) for name, selected in rows.items()}
        | {"reason": {}}
        | levels("reason", reasons, columns)
        | {
            "ongoing": counts(ongoing, columns),
            "wrong": counts(trial.who("deviation.recorded", category="Wrong treatment"), columns),
        }
    )


def analysis_sets(trial: Trial) -> Table:
    columns = by_sequence(trial.randomised)
    sets = {
        "safety": trial.treated.index,
        "on-a": on_drug(trial, "a"),
        "on-b": on_drug(trial, "b"),
    }
    rows = {name: counts(selected, columns) for name, selected in sets.items()}
    return rows | {"crossover": answered(assessed(trial), columns)}


def age_group(age: float) -> str:
    return "below 40" if age < 40 else "40 to below 65" if age < 65 else "65 or above"


def demographics(trial: Trial) -> Table:
    frame, columns = trial.randomised, by_sequence(trial.randomised)
    base = fev1(trial)["p1-baseline"]
    obstruction = frame["fev1-predicted"].map(lambda v: "below 60 %" if v < 60 else "60 % or above")

    def measured(values: "pd.Series[float]", names: Sequence[str] = STANDARD) -> Row:
        cells = {name: described(values.reindex(column), names) for name, column in columns.items()}
        groups = [values.reindex(columns[arm]) for arm in ARMS]
        return cells | {"p": oracle.analysis_of_variance(*groups)}

    def sorted_by(name: str, values: "pd.Series[Any]", *order: str) -> Table:
        rows = levels(name, values, columns, order)
        table = [[int(cells[arm]["n"] or 0) for cells in rows.values()] for arm in ARMS]
        return {name: {"p": oracle.pearson(table)}, **rows}

    return {
        "age": measured(frame["age"]),
        **sorted_by("age-group", frame["age"].map(age_group), *AGES),
        **sorted_by("sex", frame["sex"], "F", "M"),
        **sorted_by("race", frame["race"]),
        **sorted_by("country", frame["country"], "CAN", "DNK", "PRT"),
        **sorted_by("severity", frame["severity"], "moderate", "severe"),
        **sorted_by("steroid", frame["steroid"], "low", "medium"),
        "years-with-asthma": measured(frame["years-with-asthma"]),
        "fev1-predicted": measured(frame["fev1-predicted"], ("mean", "sd", "q1", "median", "q3")),
        **sorted_by("obstruction", obstruction, "below 60 %", "60 % or above"),
        "fev1-baseline": measured(base, ("mean", "sd", "min", "max")),
    }  # fmt: skip
