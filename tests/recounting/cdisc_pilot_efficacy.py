"""The CDISC pilot: ADAS-Cog over time, and its change compared between the arms."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

import pandas as pd
from recounting import methods
from recounting.arithmetic import describe
from recounting.cdisc_pilot_trial import ARMS, START, WEEKS, Arms, Trial

DOSES = {"placebo": 0, "xanomeline-low": 54, "xanomeline-high": 81}
FEWEST_OF_A_SITE = 3
Scores = Sequence[Decimal | None]


def covariance(trial: Trial) -> None:
    """Sites with too few randomised subjects in any arm are one group."""
    sizes = Counter((value["Site"], value["Arm"]) for value in trial.itt)
    fewest = {site: min(sizes[site, arm] for arm in ARMS.values()) for site, _ in sizes}
    rows = []
    for item in trial.efficacy:
        end = trial.carried(item["Subject"], "Week 24")
        start = trial.scores[item["Subject"]].get(START)
        if end is not None and start is not None:
            group = item["Site"] if fewest[item["Site"]] >= FEWEST_OF_A_SITE else "pooled"
            change = {"change": float(end - start), "baseline": float(start)}
            rows.append(change | {"arm": item["Arm"], "group": group})
    fit = methods.Covariance(pd.DataFrame(rows), list(ARMS.values()))
    pairs = {"Low dose minus placebo": ("xanomeline-low", "placebo"),
             "High dose minus placebo": ("xanomeline-high", "placebo"),
             "High minus low dose": ("xanomeline-high", "xanomeline-low")}  # fmt: skip
    table = trial.table("14-3.01", trial.efficacy, *pairs, "All arms")
    change = "Change from baseline"
    for label, arm in ARMS.items():
        table.put([change], label, fit.mean(arm))
    for label, (arm, reference) in pairs.items():
        table.put([change], label, fit.difference(arm, reference))
    table.put([change], "All arms", {"p": fit.p_of_arms()})
    table.put([change, "Trend over 0, 54, 81"], "All arms", {"p": fit.p_of_trend(DOSES)})


def over_time(trial: Trial) -> None:
    table = trial.table("14-3.10", trial.efficacy)
    for text, item in table.groups.items():
        names = [value["Subject"] for value in item]
        starts = [trial.scores[name].get(START) for name in names]
        table.put(["Baseline"], text, describe(starts, 0))
        for week in WEEKS:
            observed = [trial.scores[name].get(week) for name in names]
            carried = [trial.carried(name, week) for name in names]
            of_visit(table, text, ["As observed in the windows", week], starts, observed)
            of_visit(table, text, ["Last observation carried forward", week], starts, carried,
                     observed)  # fmt: skip


def changes_by_visit(trial: Trial) -> None:
    table = trial.table("14-3.11", trial.efficacy)
    for name, item in table.groups.items():
        scores = [trial.scores[value["Subject"]] for value in item]
        for week in WEEKS:
            changes = [
                score[week] - score[START] for score in scores if {week, START} <= score.keys()
            ]
            table.put(
                ["Change from baseline", week], name, describe(changes, 1, ("mean", "sd", "ci"))
            )


def of_visit(
    table: Arms, visit: str, row: Sequence[str], starts: Scores, ends: Scores,
    observed: Scores | None = None,
) -> None:  # fmt: skip
    """Claim scores, their baselines and changes; and, of those carried, how many were observed."""
    imputed = changes_imputed = None
    items = [i for i, end in enumerate(ends) if end is not None and starts[i] is not None]
    if observed is not None:
        imputed = sum(end is not None and observed[i] is None for i, end in enumerate(ends))
        changes_imputed = sum(observed[i] is None for i in items)
    table.put(row, visit, describe(ends, 0, imputed=imputed))
    before = describe([starts[i] for i in items], 0, ("mean", "sd"))
    table.put([*row, "Baseline of these"], visit, before)
    changes = [end - start for i in items if (end := ends[i]) is not None
               and (start := starts[i]) is not None]  # fmt: skip
    table.put([*row, "Change from baseline"], visit, describe(changes, 0, imputed=changes_imputed))


TABLES = (covariance, over_time, changes_by_visit)
