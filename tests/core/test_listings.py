"""Listings: a record a row, partial dates left partial, and every table recounted from them.

The recount reads nothing but the rows of the listings, the way a reviewer with the workbook would:
rules it needs beyond a column stand in the footnotes of the tables.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache
from statistics import median
from typing import Any

import builders
import pytest
from builders import (
    TINY,
    adverse_event,
    coding,
    contact,
    day,
    death,
    dose,
    enrolment,
    entry,
    feed_lines,
    listings_of,
    rows_of,
    statistic,
    tables_of,
    tiny,
    tmb301,
    viral_load,
)

from trial.errors import Rejected
from trial.reporting import report
from trial.tables import checking
from trial.tables.grid import NOT_YET_DUE, Grid, Listing

PREFIXES = [0, 1, 40, 300, 700, 1100, 1900, 2226]
RASH = {"Rash"} | {
    f"Rash {adjective}"
    for adjective in ("erythematous", "generalised", "macular", "maculo-papular", "papular")
}
PERIODS = {"control": (0, 6), "monotherapy": (7, 13), "maintenance": (14, 10**6)}
REASONS = {"death": "DEATH", "withdrawal": "WITHDRAWAL BY SUBJECT", "lost": "LOST TO FOLLOW-UP"}

Line = dict[str, Any]
Counts = dict[tuple[str, str, str], dict[str, Any]]


@cache
def listings_at(lines: int) -> dict[str, Listing]:
    return listings_of(tmb301(), builders.feed()[:lines])


@cache
def grids_at(lines: int) -> dict[str, Grid]:
    return tables_of(tmb301(), builders.feed()[:lines])


class Recount:
    """Every number of every table, from rows of listings."""

    def __init__(self, listings: dict[str, Listing]) -> None:
        self.rows = {
            name: [{key: None if value == NOT_YET_DUE else value for key, value in row.items()}
                   for row in rows_of(listing)]
            for name, listing in listings.items()
        }  # fmt: skip
        self.waits = {(row["USUBJID"], key) for listing in listings.values()
                      for row in rows_of(listing) for key, value in row.items()
                      if value == NOT_YET_DUE}  # fmt: skip
        self.subjects: dict[str, Line] = {}
        for name in ("16.2.4", "16.2.4.2", "16.2.6.3"):
            for row in self.rows[name]:
                self.subjects.setdefault(row["USUBJID"], {}).update(row)
        all_subjects = list(self.subjects.values())
        self.itt = [line for line in all_subjects if line["ITTFL"] == "Y"]
        self.safety = [line for line in all_subjects if line["SAFFL"] == "Y"]
        self.completers = [line for line in all_subjects if line["COMPLFL"] == "Y"]
        self.found: Counts = {}
        for table in (
            self.screening,
            self.disposition,
            self.demographics,
            self.baseline,
            self.exposure,
            self.deviations,
            self.primary,
            self.week25,
            self.visits,
            self.subgroups,
            self.failure,
            self.snapshot,
            self.events,
            self.worst_grades,
            self.deaths,
        ):
            table()

    def put(self, table: str, row: str, column: str, **numbers: Any) -> None:
        self.found[table, row, column] = numbers

    def count(
        self,
        table: str,
        row: str,
        lines: list[Line],
        test: Callable[[Line], Any],
        column: str = "total",
        variable: str = "",
    ) -> None:
        """Count those of whom it is known: a blank that is asked for is missing, if it is due."""
        open_ = [line for line in lines if variable and line[variable] is None]
        waiting = sum((line["USUBJID"], variable) in self.waits for line in open_)
        assessed = [line for line in lines if line not in open_]
        self.put(table, row, column, n=sum(bool(test(line)) for line in assessed), N=len(assessed),
                 not_due=waiting, missing=len(open_) - waiting)  # fmt: skip

    def values(
        self, table: str, row: str, values: Iterable[Any], column: str = "total", **extra: Any
    ) -> None:
        numbers_given = [Fraction(value) for value in values if value is not None]
        numbers: dict[str, Any] = {"n": len(numbers_given)} | extra
        numbers["mean"] = (
            sum(numbers_given, Fraction(0)) / len(numbers_given) if numbers_given else None
        )
        if len(numbers_given) > 1:
            mean = numbers["mean"]
            numbers["variance"] = sum((value - mean) ** 2 for value in numbers_given) / (
                len(numbers_given) - 1
            )
        if numbers_given:
            numbers |= {
                "median": median(numbers_given),
                "min": min(numbers_given),
                "max": max(numbers_given),
            }
        self.put(table, row, column, **numbers)

    def levels(self, table: str, row: str, lines: list[Line], name: str, *level_names: str) -> None:
        tally = Counter("" if line[name] is None else str(line[name]) for line in lines)
        n_known = len(lines) if "" in level_names else len(lines) - tally[""]
        for value in {*level_names, *tally}:
            self.put(table, f"{row}/{value}", "total", n=tally[value], N=n_known)

    def among(self, lines: list[Line], listing: str) -> list[Line]:
        names = {line["USUBJID"] for line in lines}
        return [row for row in self.rows[listing] if row["USUBJID"] in names]

    def having(self, table: str, row: str, lines: list[Line], rows: list[Line]) -> None:
        self.put(table, row, "total", n=len({line["USUBJID"] for line in rows}), N=len(lines))

    def having_each(
        self, table: str, row: str, lines: list[Line], rows: list[Line], name: str
    ) -> None:
        for value in {line[name] for line in rows}:
            self.having(table, f"{row}/{value}", lines, [row for row in rows if row[name] == value])

    def screening(self) -> None:
        table, lines = (
            "14.1.1",
            list({row["USUBJID"]: row for row in self.rows["16.2.1.2"]}.values()),
        )
        self.count(table, "screened", lines, lambda line: line["SCRDTC"])
        self.count(table, "enrolled", lines, lambda line: line["ENRLFL"] == "Y")
        failed = self.among(lines, "16.2.1.3")
        self.having(table, "failed", lines, failed)
        self.having_each(table, "reason", lines, failed, "SFREAS")

    def disposition(self) -> None:
        table, lines = "14.1.2", self.itt
        self.count(table, "enrolled", lines, lambda line: line["RFSTDTC"])
        self.count(table, "treated", lines, lambda line: line["SAFFL"] == "Y")
        self.count(table, "completed", lines, lambda line: line["EOSSTT"] == "completed")
        self.count(table, "ongoing", lines, lambda line: line["EOSSTT"] is None)
        tests: dict[str, Callable[[Line], bool]] = {
            row: lambda line, reason=reason: line["DCSREAS"] == reason
            for row, reason in REASONS.items()
        }
        tests["discontinued"] = lambda line: line["EOSSTT"] == "discontinued"
        tests["died"] = lambda line: line["DTHDTC"] is not None
        for row, test in tests.items():
            date_name = "DTHDTC" if row == "died" else "EOSDT"
            self.count(table, row, lines, test)
            for period, days in PERIODS.items():
                self.count(
                    table,
                    row,
                    lines,
                    lambda line, t=test, a=date_name, d=days: (
                        t(line) and d[0] <= protocol_day(line, a) <= d[1]
                    ),
                    period,
                )
        self.count("14.1.3", "itt", lines, lambda _: True)
        self.count("14.1.3", "safety", lines, lambda line: line["SAFFL"] == "Y")
        self.count("14.1.3", "not-treated", lines, lambda line: line["SAFFL"] == "N")
        self.count("14.1.3", "completers", lines, lambda line: line["COMPLFL"] == "Y")

    def demographics(self) -> None:
        table, lines = "14.1.4", self.itt
        self.values(table, "age", [line["AGE"] for line in lines])
        self.levels(table, "sex", lines, "SEX", "M", "F")
        races = ("WHITE", "BLACK OR AFRICAN AMERICAN", "ASIAN", "OTHER")
        self.levels(table, "race", lines, "RACE", *races)
        ethnicities = ("HISPANIC OR LATINO", "NOT HISPANIC OR LATINO")
        self.levels(table, "ethnicity", lines, "ETHNIC", *ethnicities)
        self.levels(table, "country", lines, "COUNTRY", "USA", "TWN")

    def baseline(self) -> None:
        table, lines = "14.1.5", self.itt
        self.values(table, "viral-load", [line["VLOGBL"] for line in lines])
        self.values(table, "copies", [line["VLBL"] for line in lines])
        self.values(table, "cd4", [line["CD4BL"] for line in lines])
        self.values(table, "years", [line["YRSDX"] for line in lines])
        for row, name, low, high in (
            ("up-to-100000", "VLBL", 0, 100_000),
            ("above-100000", "VLBL", 100_001, 10**9),
            ("cd4-below-10", "CD4BL", 0, 9),
            ("cd4-10-49", "CD4BL", 10, 49),
            ("cd4-50-200", "CD4BL", 50, 200),
            ("cd4-above-200", "CD4BL", 201, 10**9),
        ):
            self.count(
                table, row, lines,
                lambda line, n=name, a=low, b=high: a <= line[n] <= b, variable=name,
            )  # fmt: skip
        self.count(table, "insti", lines, lambda line: line["INSTIRES"] == "Y", variable="INSTIRES")
        self.count(table, "agent", lines, lambda line: line["INVAGENT"] == "Y", variable="INVAGENT")
        self.levels(table, "oss", lines, "OSS", "0", "1", "2", "3", "")

    def exposure(self) -> None:
        table, lines = "14.1.6", self.safety
        infusions = Counter(
            row["USUBJID"] for row in self.rows["16.2.5"] if row["EXTRT"] == "ibalizumab"
        )
        self.values(table, "infusions", [infusions[line["USUBJID"]] for line in lines])
        missed = self.among(lines, "16.2.5.3")
        self.having(table, "missed", lines, missed)
        self.having_each(table, "reason", lines, missed, "REASON")

    def deviations(self) -> None:
        table, lines = "14.1.7", self.itt
        rows = self.among(lines, "16.2.2")
        self.having(table, "any", lines, rows)
        self.having_each(table, "category", lines, rows, "DVCAT")
        early = [row for row in self.among(lines, "16.2.2.2") if 0 <= row["DAY"] < 14]
        self.having(table, "early-regimen", lines, early)

    def primary(self) -> None:
        table, lines = "14.2.1", self.itt
        for column, name in (("control", "RESPC"), ("day-14", "RESP14")):
            self.count(
                table, "responders", lines, lambda line, n=name: line[n] == "Y", column, name
            )
            self.count(table, "not-due", lines, lambda line, n=name: line[n] is None, column)
        responders = [line["CHGC"] for line in lines if line["RESPC"] == "Y"]
        self.values(table, "responders-decrease", responders, "control")
        pairs = Counter((line["RESPC"], line["RESP14"]) for line in lines)
        four = [pairs[first, second] for first in "YN" for second in "YN"]
        in_both, first, second, neither = four
        self.put(table, "pairs", "comparison", n=sum(four), both=in_both, first=first,
                 second=second, neither=neither, not_due=len(lines) - sum(four))  # fmt: skip
        table = "14.2.2"
        self.values(table, "value", [line["D14"] for line in lines])
        self.values(table, "decrease", [line["CHG14"] for line in lines])
        self.count(table, "at-least-0.5", lines, lambda line: reaches(line["CHG14"], "0.5"),
                   variable="RESP14")  # fmt: skip
        self.count(table, "at-least-1.0", lines, lambda line: reaches(line["CHG14"], "1.0"),
                   variable="RESP14")  # fmt: skip

    def week25(self) -> None:
        table = "14.2.3.1"
        for column, lines in (("itt", self.itt), ("completers", self.completers)):
            for limit in (50, 200, 400):
                self.count(
                    table,
                    f"below-{limit}",
                    lines,
                    lambda line, n=limit: line[f"LT{n}"] == "Y",
                    column,
                    f"LT{limit}",
                )
            for least in ("0.5", "1.0"):
                self.count(
                    table,
                    f"at-least-{least}",
                    lines,
                    lambda line, n=least: reaches(line["CHG25"], n),
                    column,
                    "LT50",
                )
            self.count(table, "more-than-2.0", lines,
                       lambda line: line["CHG25"] is not None and line["CHG25"] > 2, column,
                       "LT50")  # fmt: skip
            self.count(table, "not-due", lines, lambda line: line["LT50"] is None, column)
        for column, name, lines in (
            ("bocf", "CHG25B", self.itt),
            ("locf", "CHG25L", self.itt),
            ("observed", "CHG25", self.itt),
            ("completers", "CHG25", self.completers),
        ):
            with_value = [line for line in lines if line[name] is not None]
            imputed = sum(line["CHG25"] is None for line in with_value)
            extra = {"imputed": imputed, "observed": len(with_value) - imputed} if imputed else {}
            self.values(
                "14.2.3.2", "decrease", [line[name] for line in with_value], column, **extra
            )
        for column, lines in (("observed", self.itt), ("completers", self.completers)):
            low = [line["CHG25"] for line in lines if line["LT50"] == "Y"]
            self.values("14.2.3.2", "decrease-below-50", low, column)

    def visits(self) -> None:
        enrolled = {line["USUBJID"] for line in self.itt}
        for table, listing, value in (
            ("14.2.4", "16.2.6", "AVAL"),
            ("14.2.6", "16.2.6.2", "AVAL"),
        ):
            for visit in tmb301().definition.visits:
                selected = [
                    row
                    for row in self.rows[listing]
                    if row["AVISIT"] == visit.label and row["USUBJID"] in enrolled
                ]
                row = f"visit/{visit.id}"
                self.values(table, row, [line[value] for line in selected], "value")
                changes = [line[value] - line["BASE"] for line in selected
                           if line["BASE"] is not None]  # fmt: skip
                self.values(table, row, changes, "change")
                if table == "14.2.4":
                    below = {line["USUBJID"] for line in selected if suppressed(line["LBORRES"])}
                    # Of which visits are due no listing tells; those with a result are.
                    self.put("14.2.9", f"below-50/{visit.id}", "total", n=len(below),
                             of=len(self.itt), least=len(selected))  # fmt: skip

    def subgroups(self) -> None:
        for column, name, value in (
            ("cd4-low", "CD4GR", "low"),
            ("cd4-middle", "CD4GR", "middle"),
            ("cd4-high", "CD4GR", "high"),
            ("load-low", "VLGR", "low"),
            ("load-high", "VLGR", "high"),
            ("insti", "INSTIRES", "Y"),
            ("no-insti", "INSTIRES", "N"),
        ):
            lines = [line for line in self.itt if line[name] == value]
            self.count(
                "14.2.5", "below-50", lines, lambda line: line["LT50"] == "Y", column, "LT50"
            )

    def failure(self) -> None:
        table, lines = "14.2.7", self.itt
        either = lambda line: "Y" in (line["VFAIL"], line["REBOUND"])  # noqa: E731
        self.count(table, "failure-or-rebound", lines, either)
        self.count(table, "failure", lines, lambda line: line["VFAIL"] == "Y")
        self.count(table, "rebound", lines, lambda line: line["REBOUND"] == "Y")
        self.count(table, "lower-susceptibility", lines,
                   lambda line: either(line) and line["LOWSUS"] == "Y")  # fmt: skip

    def snapshot(self) -> None:
        table, lines = "14.2.8", self.itt
        missing = lambda line: line["LT50"] == "N" and line["VL25"] is None  # noqa: E731
        discontinued = lambda line: line["EOSSTT"] == "discontinued"  # noqa: E731
        options = {"variable": "LT50"}
        self.count(table, "suppressed", lines, lambda line: line["LT50"] == "Y", **options)
        self.count(
            table,
            "not-suppressed",
            lines,
            lambda line: line["LT50"] == "N" and not missing(line),
            **options,
        )
        self.count(table, "no-data", lines, missing, **options)
        self.count(
            table, "discontinued", lines, lambda line: missing(line) and discontinued(line)
        )  # all are over
        self.count(
            table,
            "on-study",
            lines,
            lambda line: missing(line) and not discontinued(line),
            **options,
        )
        self.count(table, "not-due", lines, lambda line: line["LT50"] is None)

    def emergent(self) -> list[Line]:
        return [row for row in self.among(self.safety, "16.2.7") if row["TRTEMFL"] == "Y"]

    def events(self) -> None:
        emergent = self.emergent()
        related = [row for row in emergent if row["AEREL"] in ("RELATED", None)]
        serious = [row for row in emergent if row["AESER"] == "Y"]
        table = "14.3.1.1"
        self.met(table, "any", emergent)
        self.met(table, "related", related)
        self.met(table, "grade-3", [row for row in emergent if (row["AETOXGR"] or 0) >= 3])
        self.met(table, "serious", serious)
        self.met(table, "serious-related", [row for row in serious if row in related])
        for row, criterion in (("serious-death", "DEATH"),
                               ("serious-hospitalisation", "HOSPITALISATION")):  # fmt: skip
            self.met(
                table,
                row,
                [event for event in emergent if criterion in (event["AESCRIT"] or "").split("; ")],
            )
        withdrawn = [row for row in emergent if row["AEACN"] == "DRUG WITHDRAWN"]
        self.met(table, "withdrawn", withdrawn)
        self.met(table, "fatal", [row for row in emergent if row["AEOUT"] == "FATAL"])
        self.met("14.3.1.2", "any", emergent)
        self.met("14.3.2.2", "any", serious)
        for name, rows in (("14.3.1.2", emergent), ("14.3.2.2", serious)):
            for soc in {row["AEBODSYS"] for row in rows}:
                within = [row for row in rows if row["AEBODSYS"] == soc]
                self.met(name, f"term/{soc}", within)
                for pt in {row["AEDECOD"] for row in within}:
                    self.met(name, f"term/{soc}/{pt}",
                             [row for row in within if row["AEDECOD"] == pt])  # fmt: skip
        pooled = lambda row: "Rash (pooled)" if row["AEDECOD"] in RASH else row["AEDECOD"]  # noqa: E731
        self.common("14.3.1.3", emergent, lambda row: row["AEDECOD"])
        self.common("14.3.1.4", related, pooled)

    def common(self, table: str, rows: list[Line], term_of: Callable[[Line], str]) -> None:
        for term in {term_of(row) for row in rows}:
            term_rows = [row for row in rows if term_of(row) == term]
            having = len({row["USUBJID"] for row in term_rows})
            if Fraction(having, len(self.safety)) >= Fraction(1, 20):
                self.met(table, f"term/{term}", term_rows)

    def worst_grades(self) -> None:
        table, emergent = "14.3.1.5", self.emergent()
        self.worst(table, "any", emergent)
        self.worst(table, "related", [row for row in emergent if row["AEREL"] in ("RELATED", None)])
        for soc in {row["AEBODSYS"] for row in emergent}:
            within = [row for row in emergent if row["AEBODSYS"] == soc]
            self.met(table, f"soc/{soc}", within)
            self.worst(table, f"soc/{soc}", within)

    def worst(self, table: str, row: str, rows: list[Line]) -> None:
        grades: dict[str, int] = {}
        for line in rows:
            grades[line["USUBJID"]] = max(grades.get(line["USUBJID"], 0), line["AETOXGR"] or 0)
        tally = Counter(grades.values())
        for grade in range(1, 6):
            self.put(table, f"{row}/{grade}", "total", n=tally[grade], N=len(self.safety))

    def met(self, table: str, row: str, rows: list[Line]) -> None:
        subjects = {line["USUBJID"] for line in rows}
        self.put(table, row, "total", n=len(subjects), N=len(self.safety), events=len(rows))

    def deaths(self) -> None:
        table, lines = "14.3.2.1", self.safety
        rows = self.among(lines, "16.2.7.3")
        self.having("14.3.1.1", "deaths", lines, rows)
        self.having(table, "deaths", lines, rows)
        self.having_each(table, "cause", lines, rows, "DTHCAUS")
        self.having(table, "related", lines, [row for row in rows if row["AEREL"] == "Y"])


def protocol_day(row: Line, name: str) -> int:
    if row[name] is None:
        return -1
    began, day_reached = (
        date.fromisoformat((row[column] + "-01-01")[:10]) for column in ("RFSTDTC", name)
    )
    return (day_reached - began).days


def suppressed(result: str) -> bool:
    """Say whether a result as reported is below 50: "<50" is, and so is "<20"."""
    return Decimal(result.lstrip("<")) < 50 or result == "<50"


def reaches(value: Decimal | None, least: str) -> bool:
    return value is not None and value >= Decimal(least)


class TestRecount:
    """Promise 6: every table of a workbook can be recounted from its listings."""

    @pytest.mark.parametrize("lines", PREFIXES)
    def test_every_cell_of_every_table_is_recounted_from_the_listings(self, lines):
        self.recount(listings_at(lines), grids_at(lines))

    def test_it_is_so_while_an_enrolment_is_late(self):
        self.recount(listings_at(1500), grids_at(1500))

    def test_it_is_so_where_screening_is_reported(self):
        entries = [*builders.feed()[:300]]
        for subject, reason in (
            ("TMB301-001", None),
            ("S-1", "CD4"),
            ("S-2", "CD4"),
            ("S-3", "AGE"),
        ):
            entries.append(entry("subject.screened", subject, date="2015-05-20"))
            if reason:
                entries.append(entry("screening.failed", subject, date="2015-05-21", reason=reason))
        grids = tables_of(tmb301(), entries)
        assert statistic(grids["14.1.1"], "reason/CD4", "total", "n") == 2
        self.recount(listings_of(tmb301(), entries), grids)

    def test_every_subgroup_follows_from_the_baseline_listed_beside_it(self):
        rows = rows_of(listings_at(2226)["16.2.4.2"])
        for row in rows:
            cd4, load = row["CD4BL"], row["VLBL"]
            assert row["CD4GR"] == ("low" if cd4 < 50 else "middle" if cd4 <= 200 else "high")
            assert row["VLGR"] == ("low" if load <= 100_000 else "high")
        assert len({(row["CD4GR"], row["VLGR"]) for row in rows}) > 3

    def recount(self, listings: dict[str, Listing], grids: dict[str, Grid]) -> None:
        recount = Recount(listings).found
        printed_cells = {
            (table, row.id, row_cell.column): {
                number.name: number.raw for number in row_cell.statistics
            }
            for table, grid in grids.items()
            for row in grid.rows
            for row_cell in row.cells
        }
        assert {place for place in recount if place in printed_cells} == set(printed_cells)
        nobody = {
            name for name, grid in grids.items() if not any(column.n for column in grid.columns)
        }
        for place, statistics in printed_cells.items():
            if place[0] in nobody:
                assert set(statistics.values()) <= {None, 0}
                continue
            remaining = dict(statistics)
            if "least" in recount[place]:
                size = remaining.pop("N")
                assert size + remaining.pop("not_due", 0) == recount[place]["of"], place
                assert size >= recount[place]["least"], place
            for name, raw in remaining.items():
                self.check(place, name, raw, recount[place])

    @staticmethod
    def check(place: tuple[str, str, str], name: str, raw: Any, numbers: dict[str, Any]) -> None:
        derived = {"percent", "ci_low", "ci_high", "difference", "p"}
        if name == "sd":
            if raw is None:
                assert "variance" not in numbers, place
            else:
                assert float(Fraction(raw)) ** 2 == pytest.approx(float(numbers["variance"])), place
        elif name in {"imputed", "observed"}:
            assert raw == numbers.get(name, numbers["n"] if name == "observed" else 0), place
        elif name in {"mean", "median", "min", "max"}:
            expected = numbers.get(name)
            assert (raw is None) == (expected is None), place
            assert raw is None or abs(float(Fraction(raw) - expected)) <= 1e-9, (place, name)
        elif name not in derived:
            assert raw == numbers[name], (place, name)

    def test_nothing_is_counted_that_the_tables_do_not_show(self):
        printed_cells = {
            (table, row.id, row_cell.column)
            for table, grid in grids_at(2226).items()
            for row in grid.rows
            for row_cell in row.cells
        }
        beyond = set(Recount(listings_at(2226)).found) - printed_cells
        # CD4 was measured at visits the table leaves out.
        assert {place[0] for place in beyond} == {"14.2.6"}

    def test_the_flow_s_box_of_those_treated_and_ended_is_recounted(self):
        subjects = Recount(listings_at(2226)).subjects.values()
        sums = builders.sums_of(tmb301(), builders.subjects(builders.feed()))
        flow = report.flow(tmb301(), sums)
        boxes = {box.id: box.n for stage in flow.stages for box in (*stage.boxes, *stage.side)}
        assert boxes["treated"] == sum(subject["SAFFL"] == "Y" for subject in subjects)
        assert boxes["completed"] == sum(subject["EOSSTT"] == "completed" for subject in subjects)
        assert boxes["day-14"] == sum(subject["CHG14"] is not None for subject in subjects)

    def test_the_flow_s_box_of_those_who_began_the_regimen_is_recounted(self):
        began = {
            row["USUBJID"]
            for listing in listings_at(2226).values()
            if any(column.id == "CMTRT" for column in listing.columns)
            for row in rows_of(listing)
        }
        assert len(began) == 40

    def test_the_flow_s_box_of_those_assessed_is_recounted(self):
        screened = entry("subject.screened", date="2015-05-20")
        failed = entry("screening.failed", date="2015-05-21", reason="VIRAL LOAD BELOW 1000")
        listings = listings_of(tmb301(), [screened, failed])
        all_rows = [row for listing in listings.values() for row in listing.rows]
        assert any("VIRAL LOAD BELOW 1000" in row for row in all_rows)


class TestTmb301:
    def test_every_record_has_its_row(self):
        live = Counter(
            kind
            for records in builders.recorded(feed_lines()).values()
            for (kind, _), data in records.items()
            if data.get("action") != "void"
        )
        results = Counter(
            data["parameter"]
            for records in builders.recorded(feed_lines()).values()
            for (kind, _), data in records.items()
            if kind == "lab.result.reported" and data.get("action") != "void"
        )
        rows = {name: len(listing.rows) for name, listing in listings_at(2226).items()}
        assert rows == {
            "16.2.1": 9,
            "16.2.1.2": 0,
            "16.2.1.3": 0,
            "16.2.2": live["deviation.recorded"],
            "16.2.2.2": 1,
            "16.2.3": 0,
            "16.2.4": 40,
            "16.2.4.2": 40,
            "16.2.5": live["dose.administered"],
            "16.2.5.2": live["regimen.started"],
            "16.2.5.3": live["dose.missed"],
            "16.2.6": results["viral-load"],
            "16.2.6.2": results["cd4"],
            "16.2.6.3": 40,
            "16.2.6.4": live["resistance.reported"],
            "16.2.6.5": live["outcome.adjudicated"],
            "16.2.7": live["adverse-event.reported"],
            "16.2.7.2": 5,
            "16.2.7.3": 4,
            "16.2.8": 3 * live["visit.recorded"],
            "16.2.9": 1,
            "16.2.9.2": live["conmed.recorded"],
            "16.2.9.3": live["visit.missed"],
        }
        assert (live["adverse-event.reported"], live["dose.administered"]) == (30, 424)

    def test_a_column_that_is_not_collected_says_so_in_every_row(self):
        for name, column in (("16.2.1", "UNBLIND"), ("16.2.5", "PCSTRESN"),
                             ("16.2.7", "PCSTRESN"), ("16.2.7.2", "PCSTRESN")):  # fmt: skip
            values = [row[column] for row in rows_of(listings_at(2226)[name])]
            assert set(values) == {"Not collected"}

    def test_no_listing_speaks_of_a_column_as_not_collected_that_has_a_source(self):
        sourced = {
            (listing.id, column.id)
            for listing in tmb301().definition.listings
            for column in listing.columns
            if column.source is not None
        }
        for name, listing in listings_at(2226).items():
            for row in rows_of(listing):
                assert not [
                    variable
                    for variable, value in row.items()
                    if value == "Not collected" and (name, variable) in sourced
                ]

    def test_rows_stand_in_the_order_that_the_footnote_names(self):
        for name, keys in (
            ("16.2.1", ("USUBJID", "DSSTDTC")),
            ("16.2.2", ("USUBJID", "DVSTDTC")),
            ("16.2.4", ("USUBJID",)),
            ("16.2.5", ("USUBJID", "EXSTDTC")),
            ("16.2.5.3", ("USUBJID", "MISDTC")),
            ("16.2.6", ("USUBJID", "LBDTC", "LBREFID")),
            ("16.2.6.4", ("USUBJID", "MSDTC")),
            ("16.2.7", ("USUBJID", "AESTDTC")),
            ("16.2.7.3", ("USUBJID",)),
        ):
            key_values = [tuple(row[key] or "" for key in keys)
                     for row in rows_of(listings_at(2226)[name])]  # fmt: skip
            assert key_values == sorted(key_values), name

    def test_the_order_of_arrival_changes_no_listing(self):
        backwards = listings_of(tmb301(), builders.feed()[::-1])
        assert backwards == listings_at(2226)

    @pytest.mark.parametrize(
        ("onset", "end"), [("2015-07", None), ("2015", "2015-08"), (None,) * 2]
    )
    def test_a_partial_date_added_to_the_feed_gets_no_duration(self, onset, end):
        value = builders.event("adverse-event.reported", "TMB301-007", record="AE-99",
                               term="a", serious=False, onset=onset, end=end)  # fmt: skip
        entries = [*builders.feed(), builders.read(value, "TMB-301")]
        (row,) = (row for row in rows_of(listings_of(tmb301(), entries)["16.2.7"])
                  if row["AESPID"] == "AE-99")  # fmt: skip
        assert (row["AESTDTC"], row["AEENDTC"]) == (onset, end)
        assert [row[name] for name in ("ADURN", "LDRELD", "TRTDUR")] == [None] * 3

    def test_every_adverse_event_carries_what_e3_asks_for(self):
        columns = {column.id for column in listings_at(2226)["16.2.7"].columns}
        assert columns >= {
            "INVNAM", "USUBJID", "AGE", "RACE", "SEX", "WEIGHT", "CRFPAGE", "AEDECOD", "AETERM",
            "ADURN", "AETOXGR", "AESER", "AEACN", "AEOUT", "AEREL", "AESTDTC", "LDRELD", "TRTAE",
            "DOSEAE", "PCSTRESN", "TRTDUR", "AECONTRT",
        }  # fmt: skip

    def test_a_correction_changes_a_listing_and_no_sum(self):
        (report_of,) = (
            entry_
            for entry_ in builders.feed()
            if (entry_.subject, entry_.kind, entry_.record, entry_.revision)
            == ("TMB301-007", "adverse-event.reported", "AE-1", 1)
        )
        value = builders.event("adverse-event.reported", "TMB301-007")
        value["data"] |= {
            **report_of.data,
            "record": "AE-1",
            "revision": 99,
            "term": "rash, corrected",
            "reason_for_change": "Typing error",
        }
        value["study"] = "TMB-301"
        entries = [*builders.feed(), builders.read(value, "TMB-301")]
        terms = {row["AETERM"] for row in rows_of(listings_of(tmb301(), entries)["16.2.7"])}
        assert "rash, corrected" in terms


class TestPartialDates:
    @staticmethod
    def row(*entries: Any) -> Line:
        (only_row,) = rows_of(listings_of(tiny(), [enrolment(), dose(), *entries])["L2"])
        return only_row

    @pytest.mark.parametrize("onset", ["2015", "2015-06", "2015-07", None])
    def test_a_partial_date_is_shown_as_collected_and_nothing_but_its_study_day_is_derived(
        self, onset
    ):
        row = self.row(adverse_event(onset, end="2015-07-20"))
        assert row["AESTDTC"] == onset
        for name in ("DAY", "EPOCH", "ADURN", "LDRELD"):
            assert row[name] is None, name

    @pytest.mark.parametrize("onset", ["2015", "2015-06", "2015-07"])
    def test_an_onset_without_a_day_gives_no_days_on_treatment(self, onset):
        assert self.row(adverse_event(onset))["TRTDUR"] is None

    def test_an_event_that_counts_as_emergent_is_not_said_to_precede_every_dose(self):
        row = self.row(adverse_event("2015-06"))
        assert row["TRTEMFL"] == "Y"
        assert row["DOSEAE"] != "None before onset"

    def test_a_complete_date_is_given_its_days(self):
        row = self.row(adverse_event(8, end=day(10)))
        assert [row[name] for name in ("AESTDY", "DAY", "EPOCH", "ADURN", "LDRELD", "TRTDUR")] == [
            2, 8, "Treatment", 3, 1, 2,
        ]  # fmt: skip
        early = self.row(adverse_event(6))
        assert [early[name] for name in ("AESTDY", "DOSEAE", "TRTDUR")] == [
            -1, "None before onset", 0,
        ]  # fmt: skip

    def test_a_partial_end_gives_no_duration(self):
        assert self.row(adverse_event(8, end="2015-07"))["ADURN"] is None

    def test_a_partial_date_of_death_stays_partial(self):
        (row,) = rows_of(listings_of(tiny(), [enrolment(), death("2015-07")])["L1"])
        assert row["DTHDTC"] == "2015-07"


class TestRows:
    def test_a_result_says_for_which_visit_it_was_chosen(self):
        entries = [enrolment(), viral_load(14, 1, record="A1"), viral_load(13, 2, record="A2"),
                   viral_load(20, "<20")]  # fmt: skip
        rows = rows_of(listings_of(tiny(), entries)["L3"])
        assert [(row["LBORRES"], row["AVAL"], row["AVISIT"]) for row in rows] == [
            ("2", 2, "Not chosen for a visit"),
            ("1", 1, "Day 14"),
            ("<20", 20, "Not chosen for a visit"),
        ]

    def test_a_void_record_has_no_row(self):
        void = entry("adverse-event.reported", record="AE-1", revision=2, action="void")
        assert rows_of(listings_of(tiny(), [adverse_event(), void])["L2"]) == []

    def test_subjects_stand_in_the_order_of_their_ids(self):
        entries = [enrolment(subject=name) for name in ("S-2", "S-10", "S-1")]
        rows = rows_of(listings_of(tiny(), entries)["L1"])
        assert [row["USUBJID"] for row in rows] == ["S-1", "S-10", "S-2"]
        assert {row["CONC"] for row in rows} == {"Not collected"}

    def test_a_study_without_subjects_has_listings_without_rows(self):
        assert {len(listing.rows) for listing in listings_of(tmb301(), []).values()} == {0}

    def test_a_result_of_0_that_counts_as_below_50_is_in_the_listing_of_results(self):
        entries = [enrolment(), dose(), viral_load(175, 0)]
        assert statistic(tables_of(tmb301(), entries)["14.2.3.1"], "below-50", "itt", "n") == 1
        assert len(listings_of(tmb301(), entries)["16.2.6"].rows) == 1

    def test_a_listing_of_enrolled_subjects_holds_no_others(self):
        screened = entry("subject.screened", date="2015-05-20")
        listing = listings_of(tmb301(), [screened])["16.2.4"]
        assert listing.population == "Enrolled or treated subjects"
        assert listing.rows == []

    def test_a_screened_subject_is_in_no_denominator_but_that_of_screening(self):
        tables = tables_of(tmb301(), [entry("subject.screened", date="2015-05-20"), contact(0)])
        sizes = {name: {column.n for column in grid.columns} for name, grid in tables.items()}
        assert sizes.pop("14.1.1") == {1}
        assert set().union(*sizes.values()) == {0}

    def test_a_source_that_the_records_do_not_have_is_refused(self):
        column = {"id": "X", "label": "X", "source": "onset.week"}
        listing = {**TINY["listings"][1], "columns": [column]}
        with pytest.raises(Rejected) as caught:
            checking.check_definition(tiny(listings=[listing]))
        assert [fault.pointer for fault in caught.value.faults] == ["/listings/0/columns/0/source"]

    def test_a_change_of_records_without_results_is_refused_at_its_source(self):
        column = {"id": "X", "label": "X", "source": "change:baseline"}
        listing = {**TINY["listings"][1], "columns": [column]}
        with pytest.raises(Rejected) as caught:
            checking.check_definition(tiny(listings=[listing]))
        assert [fault.pointer for fault in caught.value.faults] == ["/listings/0/columns/0/source"]

    def test_a_coded_event_shows_its_term_and_class(self):
        column = {"id": "PT", "label": "PT", "source": "pt"}
        study = tiny(listings=[{**TINY["listings"][1], "columns": [column]}])
        for entries, term in (([], "Not coded"), ([coding("Rash")], "Rash")):
            (row,) = rows_of(listings_of(study, [adverse_event(), *entries])["L2"])
            assert row["PT"] == term
