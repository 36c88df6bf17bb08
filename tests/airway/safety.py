"""AIRWAY-2X2's safety, recomputed: adverse events, laboratory, exposure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from airway import oracle
from airway.oracle import Cell, Row, Table, counted, counts, described
from airway.records import DRUGS, Trial
from airway.subjects import BASE, END, by_sequence, levels, on_drug

SEVERITIES = ("MILD", "MODERATE", "SEVERE")
POOLED = ("Tremor", "Palpitations", "Tachycardia", "Muscle spasms")
LIVER = ("normal", "1", "2")
POTASSIUM = ("none", "1", "2")


def shifts(trial: Trial) -> Table:
    columns, table = by_sequence(trial.treated, "received"), {}
    for name, parameter, classify, order in (
        ("alt", "alt", liver, LIVER),
        ("potassium", "potassium", potassium, POTASSIUM),
    ):
        by_visit = trial.by_visit(parameter)
        before = trial.by_drug(by_visit[BASE[1]], by_visit[BASE[2]]).map(classify)
        after = trial.by_drug(by_visit[END[1]], by_visit[END[2]]).map(classify)
        due = {
            "before": trial.by_drug(trial.due(BASE[1]), trial.due(BASE[2])),
            "after": trial.by_drug(trial.due(END[1]), trial.due(END[2])),
        }
        for drug in "ab":
            waits = (before[drug].isna() & ~due["before"][drug].astype(bool)) | (
                after[drug].isna() & ~due["after"][drug].astype(bool)
            )
            table |= shift(f"{name}-{drug}", before[drug], after[drug], order, columns, waits)
    rows = trial.results("potassium")
    lowest = rows[~rows["before"]].groupby("subject")["value"].min().map(potassium)
    worst = lowest.reindex(trial.treated.index)
    worst = worst.where(worst.notna() | trial.treated["ended"].isna(), "none")
    values = {name: column.intersection(worst.dropna().index) for name, column in columns.items()}
    waiting = {name: {"n": len(column) - len(values[name])} for name, column in columns.items()}
    apart = {"lowest/(not yet due)": waiting} if worst.isna().any() else {}
    return {**table, "lowest": {}, **levels("lowest", worst, values, POTASSIUM), **apart}


def shift(
    name: str,
    before: "pd.Series[Any]",
    after: "pd.Series[Any]",
    order: Sequence[str],
    columns: Mapping[str, pd.Index],
    waits: "pd.Series[bool]",
) -> Table:
    """Count classes before and after, of those with both; then who lacks one or still waits.

    What nobody has is left out.
    """
    result = before.index[before.notna() & after.notna()]
    values = {column: candidate.intersection(result) for column, candidate in columns.items()}
    table: dict[str, Row] = {name: {}}
    for item in order:
        began = result[before[result] == item]
        table[f"{name}/{item}"] = counts(began, values)
        for value in order:
            table[f"{name}/{item}/{value}"] = counts(began[after[began] == value], values)
    for row, selected in (("(missing)", ~waits), ("(not yet due)", waits)):
        table[f"{name}/{row}"] = {
            column: {"n": int(selected.reindex(candidate.difference(result)).sum())}
            for column, candidate in columns.items()
        }
    return {
        row: cells
        for row, cells in table.items()
        if not cells or any(cell["n"] for cell in cells.values())
    }


def liver(times: float) -> str | None:
    return None if np.isnan(times) else "normal" if times <= 1 else "1" if times <= 3 else "2"


def potassium(value: float) -> str | None:
    return None if np.isnan(value) else "none" if value >= 3.5 else "1" if value >= 3 else "2"


def eosinophils(trial: Trial) -> Table:
    by_visit = trial.by_visit("eosinophils")
    changes = [(by_visit[END[period]] - by_visit[BASE[period]]).round(12) for period in (1, 2)]
    drugs = trial.by_drug(*changes)
    return {"eosinophils": {drug: described(drugs[drug]) for drug in "ab"}}


def exposure(trial: Trial) -> Table:
    doses = trial.doses
    second = (
        doses[doses["visit"].isin(["p2-baseline", "p2-week-2"])].groupby("subject")["day"].min()
    )
    days = []
    for period, start in ((1, trial.enrolled["first"]), (2, second)):
        ended = trial.frame("disposition.recorded", of="treatment", period=f"period-{period}")
        end = pd.to_datetime(ended.set_index("subject")["date"])
        days.append((end - start).dt.days + 1)
    drugs = trial.by_drug(*days)
    values = {d: doses[doses["treatment"] == DRUGS[d]].groupby("subject").size() for d in "ab"}
    return {
        "days": {
            d: described(drugs.loc[on_drug(trial, d), d], ("mean", "sd", "min", "max"))
            for d in "ab"
        },
        "inhalers": {d: described(values[d].astype(float), ("mean", "sd")) for d in "ab"},
    }


def adverse_events_by_drug(trial: Trial) -> Table:
    events = trial.events[trial.events["emergent"]]
    columns = {d: on_drug(trial, d) for d in "ab"} | {"total": trial.treated.index}
    rows = {
        "any": events,
        "related": events[events["related"]],
        "serious": events[events["serious"]],
        "moderate": events[events["severity"].isin(["MODERATE", "SEVERE"])],
        "beta-agonist": events[events["pt"].isin(POOLED)],
    }
    table: dict[str, Row] = {}
    for name, row in rows.items():
        drugs = {drug: row[row["drug"] == DRUGS[drug]] for drug in "ab"} | {"total": row}
        table[name] = {
            column: counted(int(item.isin(drugs[column]["subject"]).sum()), len(item))
            for column, item in columns.items()
        }
    return table


def events_row(
    events: pd.DataFrame, columns: Mapping[str, pd.Index], *, compared: bool = False
) -> Row:
    """Count subjects and events in each column and, where asked, compare the sequences."""
    row: dict[str, Cell] = {}
    for name, column in columns.items():
        event = events[events["subject"].isin(column)]
        row[name] = {**counted(event["subject"].nunique(), len(column)), "events": len(event)}
    return row | {"p": oracle.fisher(row["AB"], row["BA"])} if compared else row


def terms(
    name: str,
    events: pd.DataFrame,
    fields: Sequence[str],
    columns: Mapping[str, pd.Index],
    **options: Any,
) -> Table:
    """Give classes and, within them, terms: the most frequent over all columns first."""

    def order(items: tuple[Any, Row]) -> tuple[int, Any]:
        return -sum(int(cell.get("n", 0)) for cell in items[1].values()), items[0]

    values = {
        key: events_row(result, columns, **options) for key, result in events.groupby(fields[0])
    }
    table: dict[str, Row] = {}
    for key, row in sorted(values.items(), key=order):
        table[f"{name}/{key}"] = row
        event = events[events[fields[0]] == key]
        if fields[1:]:
            table |= terms(f"{name}/{key}", event, fields[1:], columns, **options)
    return table


def worst(name: str, events: pd.DataFrame, columns: Mapping[str, pd.Index]) -> Table:
    """Count subjects at the worst severity of their events."""
    rank = events["severity"].map(SEVERITIES.index).groupby(events["subject"]).max()
    return {
        f"{name}/{level}": counts(rank.index[rank == i], columns)
        for i, level in enumerate(SEVERITIES)
    }


def adverse_events_on(drug: str) -> Callable[[Trial], Table]:
    def table(trial: Trial) -> Table:
        events = trial.events[trial.events["emergent"] & (trial.events["drug"] == DRUGS[drug])]
        columns = {drug: on_drug(trial, drug)}
        return {
            "any": events_row(events, columns),
            **terms("terms", events, ["soc", "pt"], columns),
            "worst": {},
            **worst("worst", events, columns),
        }

    return table


def adverse_events_by_sequence(trial: Trial) -> Table:
    columns = by_sequence(trial.treated, "received")
    events = trial.events[trial.events["emergent"]]
    classes: dict[str, Row] = {}
    for name, row in terms("soc", events, ["soc"], columns, compared=True).items():
        event = events[events["soc"] == name.removeprefix("soc/")]
        classes |= {name: row, **worst(name, event, columns)}
    pooled = events.assign(
        pt=events["pt"].where(~events["pt"].isin(POOLED), "Beta-agonist effects")
    )
    frequent = {
        name: row
        for name, row in terms("pooled", pooled, ["pt"], columns, compared=True).items()
        if any((cell.get("percent") or 0) >= 5 for cell in row.values())
    }
    return {
        "any": events_row(events, columns, compared=True),
        "not-emergent": events_row(trial.events[~trial.events["emergent"]], columns, compared=True),
        **classes,
        **frequent,
        "incidence": at_risk(trial, events, columns),
    }


def at_risk(trial: Trial, events: pd.DataFrame, columns: Mapping[str, pd.Index]) -> Row:
    treated = trial.treated
    after = pd.concat([treated["contact"], treated["last"] + pd.Timedelta(days=14)], axis=1)
    end = after.min(axis=1)
    onset = events.groupby("subject")["began"].min().reindex(treated.index)
    event = onset.notna() & (onset <= end)
    days = (onset.where(event, end) - treated["first"]).dt.days + 1
    return {
        name: oracle.incidence(int(event.loc[column].sum()), float(days.loc[column].sum()), 100)
        for name, column in columns.items()
    }
