"""TMB-301's tables by pandas: everything that the definition counts, from the records anew."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import tmb301
from benchmarks.tmb301 import (
    CONTACTS,
    DAYS,
    HIGH,
    HIGHS,
    LOW,
    LOWS,
    PERIODS,
    REASONS,
    Cell,
    Columns,
    Subjects,
)

type Frames = dict[str, pd.DataFrame]

_NAMES = {"n": "count", "sd": "std"}
_EPOCH = pd.Timestamp("1970-01-01")


def load(columns: dict[str, Columns]) -> Frames:
    """Make the frames that are in memory before anything is asked."""
    return {kind: pd.DataFrame(values) for kind, values in columns.items()}


def tables(frames: Frames) -> dict[Cell, float]:
    """Compute every cell."""
    wide = _wide(frames)
    s = Subjects(wide, pd.Series.notna)
    sizes = {name: int(mask.sum()) for name, mask in tmb301.sizes(s)}
    cells: dict[Cell, float] = {("sets", "", name, "N"): n for name, n in sizes.items()}
    cells |= {cell: int(mask.sum()) for cell, mask in tmb301.counts(s)}
    for measure in tmb301.measures(s):
        names = [_NAMES.get(name, name) for name in measure.statistics]
        cells |= measure.described(measure.value[measure.mask].agg(names).tolist())
    cells |= _levels(frames, wide)
    return cells | dict(_adverse_events(frames, wide, sizes["safety"]))


def _day(text: pd.Series) -> pd.Series:
    return (pd.to_datetime((text + "-01-01").str[:10]) - _EPOCH).dt.days


def _wide(frames: Frames) -> pd.DataFrame:
    wide = frames["subject.enrolled"].set_index("subject")
    wide["all"] = True
    wide["zero"] = _day(wide["date"])
    doses = frames["dose.administered"]
    starts = doses.groupby("subject")["start"]
    wide["first"], wide["last-dose"] = starts.min(), _day(starts.max())
    infusions = doses["subject"][doses["treatment"] == "ibalizumab"]
    wide["treated"] = _any(wide, infusions)
    wide["infusions"] = infusions.value_counts()
    for name, kind in tmb301.HAVING.items():
        wide[name] = _any(wide, frames[kind]["subject"])
    wide["regimen"] = _day(frames["regimen.started"].groupby("subject")["date"].min())
    wide["early-regimen"] = (wide["regimen"] - wide["zero"]).between(*tmb301.EARLY)
    wide = _ends(frames, wide)
    outcomes, tests = frames["outcome.adjudicated"], frames["resistance.reported"]
    for name in ("virologic-failure", "rebound"):
        wide[name] = _any(wide, outcomes["subject"][outcomes["outcome"] == name])
    lower = (tests["drug"] == "ibalizumab") & (tests["susceptibility"] == "reduced")
    wide["lower"] = _any(wide, tests["subject"][lower])
    contacts = frames[CONTACTS]
    last = _day(contacts["day"]).groupby(contacts["subject"]).max()
    is_over = wide["end"].notna() | wide["died"]
    for visit in ("day-7", "day-14", "week-25"):
        wide[f"due@{visit}"] = is_over | (last > wide["zero"] + HIGH[visit])
    return _observed(frames, wide)


def _any(wide: pd.DataFrame, subjects: pd.Series) -> np.ndarray:
    is_any: np.ndarray = wide.index.isin(subjects.unique())
    return is_any


def _ends(frames: Frames, wide: pd.DataFrame) -> pd.DataFrame:
    ends = frames["disposition.recorded"]
    ends = ends[ends["of"] == "study"].sort_values("date")
    last = ends.drop_duplicates("subject", keep="last").set_index("subject")
    wide["end"], wide["end-status"] = _day(last["date"]), last["status"]
    for status in ("completed", "discontinued"):
        wide[status] = _any(wide, ends["subject"][ends["status"] == status])
    for name, reason in REASONS.items():
        wide[name] = _any(wide, ends["subject"][ends["reason"] == reason])
    deaths = frames["death.reported"]
    wide["died"] = _any(wide, deaths["subject"])
    wide["died-related"] = _any(wide, deaths["subject"][deaths["related"] == True])  # noqa: E712 (it can be missing)
    for name, dated in (("ended", ends), ("died", deaths)):
        study_day = _day(dated["date"]) - dated["subject"].map(wide["zero"])
        for period, days in PERIODS.items():
            wide[f"{name}-in-{period}"] = _any(wide, dated["subject"][study_day.between(*days)])
    return wide


def _observed(frames: Frames, wide: pd.DataFrame) -> pd.DataFrame:
    results = _results(frames["lab.result.reported"], wide)
    counted = results[
        results["end"].isna()
        | (results["end-status"] == "completed")
        | (results["day"] <= results["end"])
    ]
    selected = _at_visits(counted)
    below_limit = selected[(selected["name"] == "copies") & selected["less"]]
    parts = [_across(selected, selected["visit"])]
    before = results[results["collected"] <= results["first"]]
    parts.append(_across(before.drop_duplicates(["subject", "name"], keep="last"), "baseline"))
    until = counted[(counted["name"] == "log") & (counted["at"] <= HIGH["week-25"])]
    until = until.drop_duplicates("subject", keep="last")
    wide = wide.join(pd.concat(parts, axis=1).reindex(columns=tmb301.OBSERVED))
    for visit in DAYS:
        wide[f"less@{visit}"] = _any(wide, below_limit["subject"][below_limit["visit"] == visit])
    carried = until[until["collected"] > until["first"]].set_index("subject")["units"]
    base, late, due = wide["log@baseline"], wide["log@week-25"], wide["due@week-25"]
    wide["bocf"] = base - late.where(late.notna() | ~due, base)
    wide["locf"] = base - late.where(late.notna() | ~due, carried.reindex(wide.index).fillna(base))
    return wide


def _results(labs: pd.DataFrame, wide: pd.DataFrame) -> pd.DataFrame:
    """Read the results, in order of day and accession: of copies, of their log10, and of CD4."""
    labs = labs.assign(
        less=labs["result"].str.startswith("<"),
        units=pd.to_numeric(labs["result"].str.lstrip("<="), errors="coerce"),
        day=_day(labs["collected"]),
    ).dropna(subset="units")
    viral = labs[labs["parameter"] == "viral-load"]
    positive = viral[viral["units"] > 0]
    logs = np.floor(np.log10(positive["units"]) * tmb301.LOG_UNIT + 0.5)
    observations = pd.concat([
        viral.assign(name="copies"),
        positive.assign(name="log", units=logs),
        labs[labs["parameter"] == "cd4"].assign(name="cd4"),
    ])  # fmt: skip
    subject_columns = ["zero", "first", "regimen", "end", "end-status"]
    observations = observations.join(wide[subject_columns], on="subject").sort_values(
        ["day", "record"]
    )
    return observations.assign(at=observations["day"] - observations["zero"])


def _at_visits(results: pd.DataFrame) -> pd.DataFrame:
    study_days = results["at"].to_numpy()
    place = np.searchsorted(LOWS, study_days, side="right") - 1
    inside = (place >= 0) & (study_days <= np.array(HIGHS)[place])
    names = np.array(list(DAYS))
    assigned = results.assign(
        visit=names[place], away=np.abs(study_days - np.array(list(DAYS.values()))[place])
    )
    began = assigned["regimen"] - assigned["zero"]
    dosed = (
        (assigned["visit"] == "day-7")
        & assigned["first"].notna()
        & (assigned["collected"] > assigned["first"])
    )
    switched = (
        (assigned["visit"] == "day-14")
        & began.between(LOW["day-14"], HIGH["day-14"])
        & (assigned["at"] > began)
    )
    assigned = assigned[inside & ~dosed & ~switched].sort_values(
        "away", ascending=False, kind="stable"
    )
    return assigned.drop_duplicates(["subject", "name", "visit"], keep="last")


def _across(selected: pd.DataFrame, visit: Any) -> pd.DataFrame:  # noqa: ANN401 (a name, or one a row)
    with_columns = selected.assign(column=selected["name"] + "@" + visit)
    return with_columns.pivot(index="subject", columns="column", values="units")  # noqa: PD010 (none twice)


def _levels(frames: Frames, wide: pd.DataFrame) -> dict[Cell, float]:
    values: dict[Cell, float] = {}
    for table, name in tmb301.LEVELS:
        for level, n in wide[name].value_counts(dropna=False).items():
            values[table, f"{name}/{tmb301.level(level)}", "total", "n"] = n
    for table, row, kind, field, column in tmb301.RECORDED:
        records = frames[kind]
        counted = records[records["subject"].isin(wide.index[wide[column]])]
        for value, n in (
            counted.drop_duplicates(["subject", field])[field].value_counts(dropna=False).items()
        ):
            values[table, f"{row}/{tmb301.level(value)}", "total", "n"] = n
    return values


def _adverse_events(frames: Frames, wide: pd.DataFrame, size: int) -> Iterator[tuple[Cell, float]]:
    codes = frames["adverse-event.coded"].drop(columns="record").sort_values("version")
    codes = codes.drop_duplicates(["subject", "adverse_event"], keep="last")
    e = frames["adverse-event.reported"].merge(
        codes, how="left", left_on=["subject", "record"], right_on=["subject", "adverse_event"]
    )
    e[["soc", "pt"]] = e[["soc", "pt"]].fillna("Not coded")
    e = e.join(wide[["first", "last-dose", "treated"]], on="subject")
    e["related"] = e["causality"].isna() | (e["causality"] == "RELATED")
    e["pooled"] = e["pt"].where(~e["pt"].isin(tmb301.RASHES), "Rash (pooled)")
    e["emergent"] = _emergent(e)
    e = e[e["treated"]]

    def has(lists: pd.Series, criterion: str) -> pd.Series:
        return lists.map(lambda criteria: criterion in (criteria or ()))

    for row in tmb301.events(e, has):
        subjects = e["subject"][row.mask]
        yield (row.table, row.row, "total", "n"), subjects.nunique()
        yield (row.table, row.row, "total", "events"), len(subjects)
    for table in tmb301.terms(e):
        yield from _terms(e[table.mask], table, size)
    for graded in tmb301.worst(e):
        yield from _worst(e[graded.mask], graded)


def _emergent(e: pd.DataFrame) -> pd.Series:
    first, onset = _day(e["first"]), e["onset"]
    month = (onset.str.len() == len("YYYY-MM")) & (onset.str[:7] == e["first"].str[:7])
    year = (onset.str.len() == len("YYYY")) & (onset.str[:4] == e["first"].str[:4])
    began = _day(onset).where(~(month | year), first)
    within = onset.isna() | ((began >= first) & (began <= e["last-dose"] + 30))
    ended_before = e["end"].notna() & (_day(e["end"]) < first)
    return e["first"].notna() & ~ended_before & within


def _terms(e: pd.DataFrame, table: tmb301.Terms, size: int) -> Iterator[tuple[Cell, float]]:
    counts = e.groupby(table.by)["subject"].agg(["nunique", "size"])
    for name, n, events in counts.itertuples():
        if 100 * n >= table.minimum_percent * size:
            row = f"{table.row}/{name if isinstance(name, str) else '/'.join(name)}"
            yield (table.table, row, "total", "n"), n
            yield (table.table, row, "total", "events"), events


def _worst(e: pd.DataFrame, row: tmb301.Worst) -> Iterator[tuple[Cell, float]]:
    grades = e.groupby([*row.by, "subject"])["grade"].max().dropna().reset_index()
    counts = grades.value_counts([*row.by, "grade"]).reset_index()
    for *name, grade, n in counts.itertuples(index=False, name=None):
        yield (row.table, "/".join([row.row, *name, f"{grade:g}"]), "total", "n"), n
