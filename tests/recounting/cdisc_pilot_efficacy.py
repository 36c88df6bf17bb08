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
    sizes = Counter((each["Site"], each["Arm"]) for each in trial.itt)
    fewest = {site: min(sizes[site, arm] for arm in ARMS.values()) for site, _ in sizes}
    rows = []
    for each in trial.efficacy:
        end = trial.carried(each["Subject"], "Week 24")
        start = trial.scores[each["Subject"]].get(START)
        if end is not None and start is not None:
            group = each["Site"] if fewest[each["Site"]] >= FEWEST_OF_A_SITE else "pooled"
            change = {"change": float(end - start), "baseline": float(start)}
            rows.append(change | {"arm": each["Arm"], "group": group})
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
    for at, of in table.groups.items():
        names = [each["Subject"] for each in of]
        starts = [trial.scores[name].get(START) for name in names]
        table.put(["Baseline"], at, describe(starts, 0))
        for week in WEEKS:
            observed = [trial.scores[name].get(week) for name in names]
            carried = [trial.carried(name, week) for name in names]
            of_visit(table, at, ["As observed in the windows", week], starts, observed)
            of_visit(table, at, ["Last observation carried forward", week], starts, carried,
                     observed)  # fmt: skip


def changes_by_visit(trial: Trial) -> None:
    table = trial.table("14-3.11", trial.efficacy)
    for at, of in table.groups.items():
        scores = [trial.scores[each["Subject"]] for each in of]
        for week in WEEKS:
            changes = [each[week] - each[START] for each in scores if {week, START} <= each.keys()]
            table.put(
                ["Change from baseline", week], at, describe(changes, 1, ("mean", "sd", "ci"))
            )


def of_visit(
    table: Arms, at: str, row: Sequence[str], starts: Scores, ends: Scores,
    observed: Scores | None = None,
) -> None:  # fmt: skip
    """Claim scores, their baselines and changes; and, of those carried, how many were observed."""
    imputed = changes_imputed = None
    known = [i for i, end in enumerate(ends) if end is not None and starts[i] is not None]
    if observed is not None:
        imputed = sum(end is not None and observed[i] is None for i, end in enumerate(ends))
        changes_imputed = sum(observed[i] is None for i in known)
    table.put(row, at, describe(ends, 0, imputed=imputed))
    before = describe([starts[i] for i in known], 0, ("mean", "sd"))
    table.put([*row, "Baseline of these"], at, before)
    changes = [end - start for i in known if (end := ends[i]) is not None
               and (start := starts[i]) is not None]  # fmt: skip
    table.put([*row, "Change from baseline"], at, describe(changes, 0, imputed=changes_imputed))


TABLES = (covariance, over_time, changes_by_visit)
