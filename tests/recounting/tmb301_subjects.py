"""TMB-301: who was screened, enrolled, treated, and how they began and ended."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from recounting.arithmetic import ALL, describe
from recounting.claims import Claims, Recounted
from recounting.counting import (
    TOTAL,
    Test,
    among,
    column,
    counted,
    days_between,
    having,
    having_each,
    levelled,
)
from recounting.sheets import Line

Listings = Mapping[str, list[Line]]

LEVELS = {
    "Sex": {"Male": "M", "Female": "F"},
    "Race": {
        "White": "WHITE",
        "Black or African American": "BLACK OR AFRICAN AMERICAN",
        "Asian": "ASIAN",
        "Other": "OTHER",
    },
    "Ethnicity": {
        "Hispanic or Latino": "HISPANIC OR LATINO",
        "Not Hispanic or Latino": "NOT HISPANIC OR LATINO",
    },
    "Country": {"United States": "USA", "Taiwan": "TWN"},
}
SCORES = {"0": "0", "1": "1", "2": "2", "3": "3", "Unknown": ""}
PERIODS = {"Control period": (0, 6), "Functional monotherapy": (7, 13),
           "Maintenance": (14, 10**6)}  # fmt: skip
"""Protocol days of each period; day 0 is enrolment."""
ENDS = {"Death": "DEATH", "Withdrawal by subject": "WITHDRAWAL BY SUBJECT",
        "Lost to follow-up": "LOST TO FOLLOW-UP"}  # fmt: skip
BEFORE_DAY_14 = 14
CD4, COPIES = "CD4 (cells/uL)", "HIV-1 RNA (copies/mL)"


def recount(claims: Claims, rows: Listings, enrolled: list[Line], treated: list[Line]) -> None:
    """Recount tables 14.1."""
    screening(claims, rows)
    disposition(claims, enrolled, treated)
    demographics(claims.table("14.1.4", {TOTAL: len(enrolled)}), enrolled)
    baseline(claims.table("14.1.5", {TOTAL: len(enrolled)}), enrolled)
    exposure(claims.table("14.1.6", {TOTAL: len(treated)}), rows, treated)
    deviations(claims.table("14.1.7", {TOTAL: len(enrolled)}), rows, enrolled)


def screening(claims: Claims, rows: Listings) -> None:
    values = list({row["Subject"]: row for row in rows["16.2.1.2"]}.values())
    table, failed = claims.table("14.1.1", {TOTAL: len(values)}), among(values, rows["16.2.1.3"])
    counted(table, ["Screened"], values, lambda _: True)
    having(table, ["Screening failures"], values, failed)
    having_each(table, ["Reason"], values, failed, "Reason")
    counted(table, ["Enrolled"], values, lambda item: item["Enrolled"] == "Y")


def disposition(claims: Claims, lines: list[Line], treated: list[Line]) -> None:
    dosed = set(column(treated, "Subject"))
    table = claims.table("14.1.2", dict.fromkeys([*PERIODS, TOTAL], len(lines)))
    counted(table, ["Enrolled"], lines, lambda _: True)
    counted(table, ["Received the loading dose"], lines, lambda item: item["Subject"] in dosed)
    counted(table, ["Completed the study"], lines, has_completed)
    counted(table, ["Ongoing"], lines, lambda item: item["End of study"] is None)
    text = "Discontinued the study"
    by_period(table, [text], lines, "End date", lambda item: item["End of study"] == "discontinued")
    for label, end in ENDS.items():
        by_period(table, [text, label], lines, "End date", lambda line, w=end: line["Reason"] == w)
    by_period(table, ["Died (any report of death)"], lines, "Date of death",
              lambda item: item["Date of death"])  # fmt: skip

    table, excluded = (
        claims.table("14.1.3", {TOTAL: len(lines)}),
        "Excluded from safety (not treated)",
    )
    counted(table, ["Intention-to-treat"], lines, lambda _: True)
    counted(table, ["Safety"], lines, lambda item: item["Subject"] in dosed)
    counted(table, ["Safety", excluded], lines, lambda item: item["Subject"] not in dosed)
    counted(table, ["Completers"], lines, has_completed)


def has_completed(subject: Line) -> bool:
    return bool(subject["End of study"] == "completed")


def by_period(
    table: Recounted, row: Sequence[str], lines: Sequence[Line], date_name: str, test: Test
) -> None:
    """Claim how many there are in all, and by the period that a date lies in."""
    counted(table, row, lines, test)
    for period, (first, last) in PERIODS.items():

        def within(line: Line, first: int = first, last: int = last) -> bool:
            return (
                bool(test(line))
                and first <= days_between(line["Enrolled"], line[date_name]) <= last
            )

        counted(table, row, lines, within, period)


def demographics(table: Recounted, lines: list[Line]) -> None:
    summarised(table, ["Age (years)"], column(lines, "Age"), 0)
    for name, levels in LEVELS.items():
        levelled(table, name, lines, name, levels)


def baseline(table: Recounted, lines: list[Line]) -> None:
    load, cells = "HIV-1 RNA (copies/mL, arithmetic)", "CD4 cell count (cells/uL)"
    log = "HIV-1 RNA (log10 copies/mL)"
    summarised(table, [log], column(lines, log), 1)
    summarised(table, [load], column(lines, COPIES), 0, ("mean", "median", "min", "max"))
    summarised(table, [cells], column(lines, CD4), 0)
    for row, name, test in (
        ([load, "100 000 copies/mL or less"], COPIES, lambda x: x <= 100_000),
        ([load, "More than 100 000 copies/mL"], COPIES, lambda x: x > 100_000),
        ([cells, "Below 10"], CD4, lambda x: x < 10),
        ([cells, "10 to 49"], CD4, lambda x: 10 <= x < 50),
        ([cells, "50 to 200"], CD4, lambda x: 50 <= x <= 200),
        ([cells, "Above 200"], CD4, lambda x: x > 200),
    ):
        counted(table, row, lines, lambda line, n=name, t=test: t(line[n]), field=name)
    summarised(table, ["Years since HIV-1 diagnosis"], column(lines, "Years since diagnosis"), 0)
    resistant, score = "Resistant to integrase inhibitors", "Overall susceptibility score"
    counted(table, [resistant], lines, lambda item: item[resistant] == "Y", field=resistant)
    levelled(table, score, lines, score, SCORES)
    agent = "Investigational agent"
    counted(table, [f"{agent} in the background regimen"], lines, lambda item: item[agent] == "Y",
            field=agent)  # fmt: skip


def exposure(table: Recounted, rows: Listings, lines: list[Line]) -> None:
    counts = Counter(row["Subject"] for row in rows["16.2.5"] if row["Treatment"] == "ibalizumab")
    summarised(table, ["Infusions"], [counts[item["Subject"]] for item in lines], 0, ("mean", "sd"))
    missed, row = among(lines, rows["16.2.5.3"]), "At least one infusion missed"
    having(table, [row], lines, missed)
    having_each(table, [row, "Reason"], lines, missed, "Reason")


def deviations(table: Recounted, rows: Listings, lines: list[Line]) -> None:
    result = among(lines, rows["16.2.2"])
    having(table, ["Any protocol deviation"], lines, result)
    having_each(table, ["Category"], lines, result, "Category")
    early = [
        row for row in among(lines, rows["16.2.5.2"]) if 0 <= row["Protocol day"] < BEFORE_DAY_14
    ]
    having(table, ["Background regimen begun before day 14"], lines, early)


def summarised(
    table: Recounted, row: Sequence[str], values: Iterable[Any], places: int,
    selected: Sequence[str] = ALL,
) -> None:  # fmt: skip
    """Claim the statistics of values."""
    table.put(row, TOTAL, describe(values, places, selected))
