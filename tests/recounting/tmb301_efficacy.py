"""TMB-301: what became of HIV-1 RNA and CD4 cells.

A responder's HIV-1 RNA fell by 0.5 log10 or more. Who has no result where one is due is none
(missing = failure); who is not due yet is neither, and has no response in the listing.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import paired
from recounting.arithmetic import Texts, count, describe, p_value, text
from recounting.claims import Claims
from recounting.counting import TOTAL, among, column, counted
from recounting.sheets import Line
from recounting.tmb301_subjects import CD4, COPIES, Listings, has_completed, summarised
from scipy import stats

VISITS = ("Day 0", "Day 7", "Day 14", "Day 21",
          *(f"Week {week}" for week in (5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25)))  # fmt: skip
CD4_VISITS = ("Day 7", "Week 5", "Week 9", "Week 13", "Week 17", "Week 21", "Week 25")
WEEK_25 = "Week-25 decrease (log10)"
PERIODS = {
    "Control period (day 0 to 7)": ("Control-period decrease (log10)", "Control-period responder"),
    "Day 7 to day 14": ("Day-14 decrease (log10)", "Day-14 responder"),
}
"""Where a period's decrease stands, and whether its response is settled."""
INSTI = "Resistant to integrase inhibitors"
GROUPS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "CD4 below 50": (CD4, lambda x: x < 50),
    "CD4 50 to 200": (CD4, lambda x: 50 <= x <= 200),
    "CD4 above 200": (CD4, lambda x: x > 200),
    "100 000 copies/mL or less": (COPIES, lambda x: x <= 100_000),
    "More than 100 000 copies/mL": (COPIES, lambda x: x > 100_000),
    INSTI: (INSTI, lambda x: x == "Y"),
    "Not resistant": (INSTI, lambda x: x == "N"),
}


def recount(claims: Claims, rows: Listings, lines: list[Line]) -> None:
    """Recount tables 14.2."""
    results = {row["Subject"]: row["Result as reported (copies/mL)"]
               for row in rows["16.2.6"] if row["Chosen for visit"] == "Week 25"}  # fmt: skip
    lines = [line | {"Week 25 as reported": results.get(line["Subject"])} for line in lines]
    primary(claims, lines)
    day_14(claims, lines)
    week_25(claims, lines)
    decreases(claims, lines)
    subgroups(claims, lines)
    visits(claims, rows, lines)
    suppressed(claims, rows, lines)
    failure(claims, rows, lines)
    snapshot(claims, lines)


def reaches(value: Decimal | None, least: str) -> bool:
    return value is not None and value >= Decimal(least)


def is_below(subject: Line, limit: int) -> bool:
    """Say whether week 25 is below a limit; missing is not (failure)."""
    return lies_below(subject["Week 25 as reported"], limit)


def lies_below(result: object, limit: int) -> bool:
    """Say whether a result is below a limit; "<20" is, unless the limit is lower than that."""
    if result is None:
        return False
    operator, number = re.fullmatch(r"([<>]?)(.*)", str(result)).groups()  # type: ignore[union-attr]
    return Decimal(number) <= limit if operator == "<" else Decimal(number) < limit


def is_due(subject: Line) -> bool:
    return subject["Below 50"] is not None


def primary(claims: Claims, lines: list[Line]) -> None:
    table = claims.table("14.2.1", dict.fromkeys([*PERIODS, "Comparison"], len(lines)))
    for period, (decrease, settled) in PERIODS.items():
        counted(
            table,
            ["Responders"],
            lines,
            lambda line, d=decrease: reaches(line[d], "0.5"),
            period,
            exact=True,
            field=settled,
        )
        counted(table, ["Not yet due"], lines, lambda line, s=settled: line[s] is None, period)
    control = next(iter(PERIODS))
    decrease, _ = PERIODS[control]
    values = [line[decrease] for line in lines if reaches(line[decrease], "0.5")]
    table.put(["Decrease among control-period responders (log10 copies/mL)"], control,
              describe(values, 1, ("mean",)))  # fmt: skip
    table.put(["Paired responses (control, day 14)"], "Comparison", pairs(lines))


def pairs(lines: list[Line]) -> Texts:
    """Print McNemar's exact test, of those who responded in one period and not in both."""
    names, settled = zip(*PERIODS.values(), strict=True)
    both_settled = [line for line in lines if None not in [line[name] for name in settled]]
    pair_counts = Counter(
        tuple(reaches(line[name], "0.5") for name in names) for line in both_settled
    )
    in_both, first, second, neither = (
        pair_counts[a, b] for a in (True, False) for b in (True, False)
    )
    n = in_both + first + second + neither
    waiting = {"not yet due": str(len(lines) - n)} if n < len(lines) else {}
    if not n:
        return dict.fromkeys(("n", "both", "first", "second", "neither"), "0") | waiting
    p = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    low, high = paired.tango(second, first, n)
    return {
        "n": str(n),
        "both": str(in_both),
        "first": str(first),
        "second": str(second),
        "neither": str(neither),
        "p": p_value(float(p)),
        "difference": text(Fraction(100 * (second - first), n), 1),
        "95% CI": f"{text(Fraction(low), 1)}, {text(Fraction(high), 1)}",
        **waiting,
    }


def day_14(claims: Claims, lines: list[Line]) -> None:
    table, decrease = claims.table("14.2.2", {TOTAL: len(lines)}), "Day-14 decrease (log10)"
    summarised(table, ["Day 14 (log10 copies/mL)"], column(lines, "Day 14 (log10)"), 1)
    summarised(table, ["Decrease from baseline (log10 copies/mL)"], column(lines, decrease), 1)
    for least in ("0.5", "1.0"):
        counted(table, [f"Decrease of at least {least} log10"], lines,
                lambda line, x=least: reaches(line[decrease], x), exact=True, field=decrease,
                failure=True)  # fmt: skip


def week_25(claims: Claims, enrolled: list[Line]) -> None:
    sets = {"Intention-to-treat": enrolled, "Completers": list(filter(has_completed, enrolled))}
    table = claims.table("14.2.3.1", {name: len(lines) for name, lines in sets.items()})
    for set_name, lines in sets.items():
        for limit in (50, 200, 400):
            counted(
                table,
                [f"Below {limit} copies/mL"],
                lines,
                lambda line, x=limit: is_below(line, x),
                set_name,
                exact=True,
                field="Below 50",
            )
        for least in ("0.5", "1.0"):
            counted(
                table,
                [f"Decrease of at least {least} log10"],
                lines,
                lambda line, x=least: reaches(line[WEEK_25], x),
                set_name,
                exact=True,
                field=WEEK_25,
                failure=True,
            )
        counted(table, ["Decrease of more than 2.0 log10"], lines,
                lambda line: line[WEEK_25] is not None and line[WEEK_25] > 2, set_name, exact=True,
                field=WEEK_25, failure=True)  # fmt: skip
        counted(table, ["Not yet due"], lines, lambda line: not is_due(line), set_name)


def decreases(claims: Claims, enrolled: list[Line]) -> None:
    completers = list(filter(has_completed, enrolled))
    columns = {
        "Baseline carried forward": ("Week-25 decrease, baseline carried forward", enrolled),
        "Last observation carried forward": ("Week-25 decrease, last carried forward", enrolled),
        "Observed": (WEEK_25, enrolled),
        "Completers (observed)": (WEEK_25, completers),
    }
    table = claims.table(
        "14.2.3.2", {heading: len(lines) for heading, (_, lines) in columns.items()}
    )
    for heading, (name, lines) in columns.items():
        observed = name == WEEK_25
        imputed = sum(line[name] is not None and line[WEEK_25] is None for line in lines)
        columns = describe(column(lines, name), 1, imputed=None if observed else imputed)
        table.put(["Decrease from baseline"], heading, columns)
        if observed:
            low = [line[name] for line in lines if is_below(line, 50)]
            table.put(["Decrease among those below 50 copies/mL"], heading,
                      describe(low, 1, ("mean", "sd")))  # fmt: skip


def subgroups(claims: Claims, enrolled: list[Line]) -> None:
    members = {
        group: [line for line in enrolled if line[name] is not None and test(line[name])]
        for group, (name, test) in GROUPS.items()
    }
    table = claims.table("14.2.5", {group: len(lines) for group, lines in members.items()})
    for group, lines in members.items():
        counted(
            table,
            ["Below 50 copies/mL"],
            lines,
            lambda line: is_below(line, 50),
            group,
            exact=True,
            field="Below 50",
        )


def visits(claims: Claims, rows: Listings, lines: list[Line]) -> None:
    for name, listing, value, base, places, visit_names in (
        ("14.2.4", "16.2.6", "log10 as counted", "Baseline (log10)", 1, VISITS),
        ("14.2.6", "16.2.6.2", "Value as counted", "Baseline", 0, CD4_VISITS),
    ):
        table = claims.table(name, dict.fromkeys(("Value", "Change from baseline"), len(lines)))
        for visit in visit_names:
            selected = [
                row for row in among(lines, rows[listing]) if row["Chosen for visit"] == visit
            ]
            values = column(selected, value)
            table.put(["Visit", visit], "Value", describe(values, places, ("mean", "sd", "median")))
            changes = [row[value] - row[base] for row in selected if row[base] is not None]
            table.put(
                ["Visit", visit], "Change from baseline", describe(changes, places, ("mean", "sd"))
            )


def suppressed(claims: Claims, rows: Listings, lines: list[Line]) -> None:
    """Count a visit without a result as not below 50, where it is due; no listing says where."""
    table = claims.table("14.2.9", {TOTAL: len(lines)})
    published = {(number.row[-1], number.head): number.text for number in claims.printed("14.2.9")}
    for visit in VISITS:
        low = {row["Subject"] for row in rows["16.2.6"] if row["Chosen for visit"] == visit
               and lies_below(row["Result as reported (copies/mL)"], 50)}  # fmt: skip
        size = int(published.get((visit, "N"), len(lines)))
        n = sum(line["Subject"] in low for line in lines)
        texts = count(n, size, exact=True, waiting=len(lines) - size)
        table.put(["Below 50 copies/mL", visit], TOTAL, texts)


def failure(claims: Claims, rows: Listings, lines: list[Line]) -> None:
    table = claims.table("14.2.7", {TOTAL: len(lines)})
    failed, rebound = (
        {row["Subject"] for row in rows["16.2.6.5"] if row["Outcome"] == outcome}
        for outcome in ("virologic-failure", "rebound")
    )
    lower = {row["Subject"] for row in rows["16.2.6.4"]
             if (row["Drug"], row["Susceptibility"]) == ("ibalizumab", "reduced")}  # fmt: skip
    top = "Virologic failure or rebound (adjudicated)"
    for row, failures in (
        ([top], failed | rebound),
        ([top, "Virologic failure"], failed),
        ([top, "Rebound"], rebound),
        (
            ["Failure or rebound with lower susceptibility than at baseline"],
            (failed | rebound) & lower,
        ),
    ):
        counted(table, row, lines, lambda line, m=failures: line["Subject"] in m)


def snapshot(claims: Claims, lines: list[Line]) -> None:
    table, none = claims.table("14.2.8", {TOTAL: len(lines)}), "No virologic data in the window"
    due = [line for line in lines if is_due(line)]
    suppressed = sum(is_below(line, 50) for line in due)
    missing = [line for line in due if line["Week 25 as reported"] is None]
    discontinued = sum(line["End of study"] == "discontinued" for line in missing)
    for row, n in (
        (["HIV-1 RNA below 50 copies/mL"], suppressed),
        (["HIV-1 RNA of 50 copies/mL or more"], len(due) - len(missing) - suppressed),
        ([none], len(missing)),
        ([none, "On study"], len(missing) - discontinued),
    ):
        table.put(row, TOTAL, count(n, len(due), waiting=len(lines) - len(due)))
    table.put(
        [none, "Discontinued the study"], TOTAL, count(discontinued, len(lines))
    )  # then all is due
    table.put(["Not yet due"], TOTAL, count(len(lines) - len(due), len(lines)))
