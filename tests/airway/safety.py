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
        found = trial.by_visit(parameter)
        before = trial.by_drug(found[BASE[1]], found[BASE[2]]).map(classify)
        after = trial.by_drug(found[END[1]], found[END[2]]).map(classify)
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
    known = {name: who.intersection(worst.dropna().index) for name, who in columns.items()}
    waiting = {name: {"n": len(who) - len(known[name])} for name, who in columns.items()}
    apart = {"lowest/(not yet due)": waiting} if worst.isna().any() else {}
    return {**table, "lowest": {}, **levels("lowest", worst, known, POTASSIUM), **apart}


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
    known = before.index[before.notna() & after.notna()]
    of = {column: who.intersection(known) for column, who in columns.items()}
    table: dict[str, Row] = {name: {}}
    for one in order:
        began = known[before[known] == one]
        table[f"{name}/{one}"] = counts(began, of)
        for other in order:
            table[f"{name}/{one}/{other}"] = counts(began[after[began] == other], of)
    for row, chosen in (("(missing)", ~waits), ("(not yet due)", waits)):
        table[f"{name}/{row}"] = {
            column: {"n": int(chosen.reindex(who.difference(known)).sum())}
            for column, who in columns.items()
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
    found = trial.by_visit("eosinophils")
    changes = [(found[END[period]] - found[BASE[period]]).round(12) for period in (1, 2)]
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
    given = {d: doses[doses["treatment"] == DRUGS[d]].groupby("subject").size() for d in "ab"}
    return {
        "days": {
            d: described(drugs.loc[on_drug(trial, d), d], ("mean", "sd", "min", "max"))
            for d in "ab"
        },
        "inhalers": {d: described(given[d].astype(float), ("mean", "sd")) for d in "ab"},
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
    for name, these in rows.items():
        drugs = {drug: these[these["drug"] == DRUGS[drug]] for drug in "ab"} | {"total": these}
        table[name] = {
            column: counted(int(who.isin(drugs[column]["subject"]).sum()), len(who))
            for column, who in columns.items()
        }
    return table


def events_row(
    events: pd.DataFrame, columns: Mapping[str, pd.Index], *, compared: bool = False
) -> Row:
    """Count subjects and events in each column and, where asked, compare the sequences."""
    row: dict[str, Cell] = {}
    for name, who in columns.items():
        these = events[events["subject"].isin(who)]
        row[name] = {**counted(these["subject"].nunique(), len(who)), "events": len(these)}
    return row | {"p": oracle.fisher(row["AB"], row["BA"])} if compared else row


def terms(
    name: str,
    events: pd.DataFrame,
    by: Sequence[str],
    columns: Mapping[str, pd.Index],
    **options: Any,
) -> Table:
    """Give classes and, within them, terms: the most frequent over all columns first."""

    def order(items: tuple[Any, Row]) -> tuple[int, Any]:
        return -sum(int(cell.get("n", 0)) for cell in items[1].values()), items[0]

    found = {key: events_row(of, columns, **options) for key, of in events.groupby(by[0])}
    table: dict[str, Row] = {}
    for key, row in sorted(found.items(), key=order):
        table[f"{name}/{key}"] = row
        of = events[events[by[0]] == key]
        if by[1:]:
            table |= terms(f"{name}/{key}", of, by[1:], columns, **options)
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
        of = events[events["soc"] == name.removeprefix("soc/")]
        classes |= {name: row, **worst(name, of, columns)}
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
        name: oracle.incidence(int(event.loc[who].sum()), float(days.loc[who].sum()), 100)
        for name, who in columns.items()
    }
