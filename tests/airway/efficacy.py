"""AIRWAY-2X2's efficacy, recomputed: within subjects, and between sequences in period 1."""

import pandas as pd
from airway import oracle
from airway.oracle import Cell, Row, Table, answered, counted, described
from airway.records import ARMS, Trial
from airway.subjects import BASE, END, both_assessed, by_sequence, fev1

MOMENTS = ("mean", "sd")
DIFFERENCE = ("mean", "sd", "se", "ci")
TREATED_FOR = "Asthma exacerbation"


def within_subjects(trial: Trial) -> Table:
    values, result, people = fev1(trial), both_assessed(trial), trial.enrolled

    def row(first: str, second: str, selected: pd.Index, *median: str, paired: bool = True) -> Row:
        drugs = trial.by_drug(values[first], values[second]).loc[selected]
        cells = {drug: described(drugs[drug], (*MOMENTS, *median)) for drug in "ab"}
        difference = described((drugs["a"] - drugs["b"]).round(12), (*DIFFERENCE, *median))
        return cells | ({"difference": difference} if paired else {})

    subgroups = {
        "women": people["sex"] == "F",
        "men": people["sex"] == "M",
        "moderate": people["severity"] == "moderate",
        "severe": people["severity"] == "severe",
        "obstructed": people["fev1-predicted"] < 60,
    }
    return {
        "baseline": row(*BASE.values(), result, paired=False),
        "week-4": row(*END.values(), result),
        "change": row("change-1", "change-2", result, "median"),
        "percent": row("percent-1", "percent-2", result),
        "subgroups": {},
        **{
            name: row("change-1", "change-2", result.intersection(people.index[selected]))
            for name, selected in subgroups.items()
        },
    }


def effects(trial: Trial) -> Table:
    values, result = fev1(trial), both_assessed(trial)
    arm = trial.randomised.loc[result, "arm"]
    drugs = trial.by_drug(values["change-1"], values["change-2"])
    compared = {
        "treatment": (values["change-1"] - values["change-2"], MOMENTS),
        "period": (drugs["a"] - drugs["b"], MOMENTS),
        "washout": (values["p2-baseline"] - values["p1-baseline"], (*MOMENTS, "ci")),
    }
    table: dict[str, Row] = {}
    for name, (outcome, value) in compared.items():
        groups = {item: outcome.loc[result[arm == item]] for item in ARMS}
        effect = oracle.mean_difference(groups["AB"], groups["BA"], equal=True)
        table[name] = {a: described(g, value) for a, g in groups.items()} | {"effect": effect}
    return table


def responses(trial: Trial) -> pd.DataFrame:
    """Judge the response to each drug, of all who were randomised."""
    values, due = fev1(trial), trial.by_drug(trial.due(END[1]), trial.due(END[2]))
    drugs = trial.by_drug(values["change-1"], values["change-2"])
    return pd.DataFrame({drug: trial.responds(drugs[drug], due[drug]) for drug in "ab"})


def responders(trial: Trial) -> Table:
    result, size = responses(trial), len(trial.randomised)
    return {
        "responders": {
            drug: answered(result[drug], {drug: result.index}, interval=True)[drug] for drug in "ab"
        },
        "not-due": {drug: counted(int(result[drug].isna().sum()), size) for drug in "ab"},
        "pairs": {
            "pairs": oracle.pairs(result["b"], result["a"])
            | {"not_due": int(result.isna().any(axis=1).sum())}
        },
    }


def carried(
    trial: Trial, values: pd.DataFrame, method: str
) -> "tuple[pd.Series[float], pd.Index, pd.Index]":
    """Stand in for a missing end of period 1 that is due; say for whom, and by the baseline."""
    end, base = values[END[1]], values[BASE[1]]
    missing = end.index[end.isna() & trial.due(END[1])]
    stand_in = base.reindex(missing)
    of_baseline = missing[:0]
    if method == "locf":
        rows = trial.results("fev1")
        until = rows[(rows["day"] <= 35) & ~rows["before"]].groupby("subject")["value"].last()
        of_baseline = missing[until.reindex(missing).isna() & stand_in.notna()]
        stand_in = until.reindex(missing).fillna(stand_in)
    change = pd.concat([end.drop(missing), stand_in]).reindex(end.index) - base
    result = change.index[change.notna()]
    return change, missing.intersection(result), of_baseline.intersection(result)


def between_sequences(trial: Trial) -> Table:
    frame, values = trial.randomised, fev1(trial)
    columns = {"a": frame.index[frame["arm"] == "AB"], "b": frame.index[frame["arm"] == "BA"]}
    responds = trial.responds(values["change-1"].loc[frame.index], trial.due(END[1]))
    tested = answered(responds, columns, interval=True)
    settled = {
        name: counted(int(responds.loc[column].isna().sum()), len(column))
        for name, column in columns.items()
    }
    result = responds.dropna().astype(bool)
    by_stratum = frame.loc[result.index].assign(answer=result)
    stratified = oracle.mantel_haenszel(by_stratum, "answer", "arm", ["severity", "steroid"])

    def changed(
        change: "pd.Series[float]",
        imputed: pd.Index | None = None,
        of_baseline: pd.Index | None = None,
    ) -> Row:
        cells: dict[str, Cell] = {}
        for name, column in columns.items():
            cells[name] = described(change.loc[column], MOMENTS)
            if imputed is not None:
                n = len(imputed.intersection(column))
                cells[name] = {**cells[name], "observed": int(cells[name]["n"]) - n, "imputed": n}
            if of_baseline is not None and (n := len(of_baseline.intersection(column))):
                cells[name] = {**cells[name], "baseline": n}
        groups = [change.loc[item] for item in columns.values()]
        return cells | {"difference": oracle.mean_difference(*groups, equal=False)}

    adjusted = frame.assign(response=values["change-1"], base=values["p1-baseline"])
    return {
        "responders": {**tested, "difference": oracle.proportion_difference(*tested.values())},
        "not-due": settled,
        "stratified": {**answered(responds, columns), "difference": stratified},
        "change": changed(values["change-1"]),
        "change-locf": changed(*carried(trial, values, "locf")),
        "change-bocf": changed(*carried(trial, values, "bocf")),
        "ancova": oracle.covariance(adjusted.dropna(subset=["response", "base"])),
    }


def exacerbations(trial: Trial) -> pd.DataFrame:
    """Give, by subject, the days to the first exacerbation of period 1, or to its end."""
    treated = trial.treated
    events = pd.concat([
        trial.frame("outcome.adjudicated", outcome="exacerbation").set_index("subject")["date"],
        trial.frame("conmed.recorded", indication=TREATED_FOR).set_index("subject")["start"],
    ])  # fmt: skip
    days = pd.to_datetime(events).rename("day").reset_index().join(treated["first"], on="subject")
    first = days[days["day"] >= days["first"]].groupby("subject")["day"].min()
    ended = trial.frame("disposition.recorded", of="treatment", period="period-1")
    end = pd.to_datetime(ended.set_index("subject")["date"]).reindex(treated.index)
    end = pd.concat([end, treated["contact"]], axis=1).min(axis=1)
    first = first.reindex(treated.index)
    event = first.notna() & (first <= end)
    stop = first.where(event, end)
    return treated.assign(event=event, days=(stop - treated["first"]).dt.days + 1)


def time_to_event(trial: Trial) -> Table:
    times, table = exacerbations(trial), {}
    values = {"exacerbation": ([7, 14, 21, 28], ()), "stratified": ([28], ("severity", "steroid"))}
    for name, (days, strata) in values.items():
        result = {
            column: oracle.curve(times[times["arm"] == arm], days)
            for column, arm in (("a", "AB"), ("b", "BA"))
        }
        tested = {"p": oracle.log_rank(times, strata)}
        table[name] = {column: head for column, (head, _, _) in result.items()} | tested
        for column, arm in (("a", "AB"), ("b", "BA")):  # who was randomised and has no time
            if lacks := int((trial.randomised["arm"] == arm).sum()) - int(result[column][0]["N"]):
                table[name][column] = {**table[name][column], "missing": lacks}
        for i, quartile in enumerate(("q1", "median", "q3")):
            table[f"{name}/{quartile}"] = {
                c: quartiles[i] for c, (_, quartiles, _) in result.items()
            }
        for i, day in enumerate(days):
            table[f"{name}/day-{day}"] = {c: free[i] for c, (_, _, free) in result.items()}
    return table


def visits(trial: Trial) -> Table:
    values, columns = trial.by_visit("fev1"), by_sequence(trial.randomised)
    table: dict[str, Row] = {"visit": {}}
    for visit in values:
        groups = {arm: values.loc[columns[arm], visit] for arm in ARMS}
        tested = {"p": oracle.analysis_of_variance(*groups.values())}
        moments = {arm: described(group, ("mean", "sd", "se")) for arm, group in groups.items()}
        table[f"visit/{visit}"] = moments | tested
    return table
