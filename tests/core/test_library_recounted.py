"""What the pieces of the library print of an invented feed, beside counts of its bare events."""

import json
import random
from collections import Counter, defaultdict
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import builders
import pytest

from local.feed import read_definition
from local.gallery.feed import STUDY, feed
from trial.definition import library
from trial.definition.study import Study
from trial.tables import checking
from trial.tables.grid import Grid, Report

TRIAL = Path(__file__).resolve().parents[2] / "docs" / "gallery" / "definition.yaml"
ACTIONS = ("DRUG WITHDRAWN", "DRUG INTERRUPTED", "DOSE REDUCED", "DOSE NOT CHANGED")
LABORATORY = library.pieces()["fda-laboratory"]
LEVELS = library.pieces()["fda-levels"]["definition"]["scales"]["fda-levels"]["terms"]
ANALYTES = {
    part["grades"]["of"]["parameter"]: next(
        iter(LEVELS[part["grades"]["term"]].get("by_unit", ())), "U/L"
    )
    for part in LABORATORY["definition"]["parameters"].values()
}
"""Every analyte of the laboratory piece, and a unit that its levels are in."""
COLUMNS = [
    {"id": "placebo", "label": "Placebo", "set": "safety", "arm": "placebo"},
    {"id": "high", "label": "High", "set": "safety", "arm": "high"},
    {"id": "total", "label": "Total", "set": "safety"},
    {"id": "versus", "label": "Risk difference", "compare": ["placebo", "high"],
     "counts": "newcombe", "means": "t", "rates": "difference"},
]  # fmt: skip
SHOWN = {"columns": COLUMNS, "plain_columns": COLUMNS[:3]}
RANGES = {  # around the limits, so that some are beyond each
    "sodium": (122, 163), "glucose_fasting": (90, 140), "platelets": (80, 250), "hdl": (15, 60),
    "haemoglobin": (8, 16), "creatinine": (0.7, 2.6), "egfr": (20, 110),
}  # fmt: skip
MEASURED = (*RANGES, "amylase", "alt", "ast", "bilirubin", "alp")
OF_ALGORITHMS = {"cpk": (10, 320), "glucose": (48, 240)}
PIECES: dict[str, dict[str, Any]] = {
    "fda-safety": {"itt": "randomised", "treated": "treated", "per_protocol": "completed",
                   "excess": {"column": "high", "over": "placebo", "percent": 2},
                   "common_percent": 20, "reactions": ["Dizziness", "Cough"], "days": [28, 84],
                   "order": "difference", "order_by": "versus"},
    "fda-groups": {"men_groups": ["Falls risk"], "men_columns": COLUMNS[:1],
                   "women_groups": ["Falls risk"], "women_columns": COLUMNS[:1]},
    "fda-interest": {"groups": ["Falls risk"], "days": [28, 84]},
    "fda-algorithms": {
        "muscle_injury": "Falls risk", "cpk": "cpk", "hypoglycaemia": "Falls risk",
        "hypoglycaemia_signs": "Respiratory", "hyperglycaemia": "Respiratory",
        "glucose": "glucose", "glucose_fasting": "glucose_fasting", "hba1c": "hba1c",
        "diabetes_medication": "medicated", "diabetes": "women",
        "hypersensitivity": "Falls risk", "respiratory": "Respiratory", "skin": "Falls risk",
        "systemic": "Falls risk"},
    "fda-liver": {},
    "fda-vitals": {"systolic": "sbp", "diastolic": "dbp", "visits": ["week-4", "week-12"],
                   "pulse": "dbp", "respiration": "dbp", "temperature": "dbp"},
    "fda-kidney": {"creatinine": "creatinine", "egfr": "egfr", "visits": ["week-4", "week-12"]},
    "fda-laboratory": {name: name for name in MEASURED},
    "e3-tables": {}, "e3-efficacy": {"endpoint": "sbp", "last_visit": "week-12",
                                     "responder": "responder"},
    "e3-listings": {"efficacy": "observations:sbp", "laboratory": "observations:alt,bilirubin",
                    "ranged": "observations:alt,bilirubin", "efficacy_set": "completed"},
    "e3-narratives": {},
}  # fmt: skip


def study() -> Study:
    """Return the gallery's trial with every piece, and every analyte that a piece can name."""
    trial = read_definition(TRIAL)
    places = {"unit": "U/L", "places": 2, "rounded": True}
    trial["parameters"] |= {name: {"label": name, **places, "unit": unit}
                            for name, unit in ANALYTES.items()}  # fmt: skip
    trial["parameters"] |= {"dbp": {"label": "Diastolic", "unit": "mmHg", "places": 0},
                            "hba1c": {"label": "HbA1c", "unit": "%",
                                      "formula": "haemoglobin / 2"}}  # fmt: skip
    trial["conditions"] |= {"women": {"characteristic": "sex", "levels": ["F"]},
                            "medicated": {"recorded": "conmed.recorded"}}  # fmt: skip
    trial["adverse_events"]["groups"].append({"label": "Respiratory", "terms": ["Cough"]})
    trial["extends"] = [
        {
            "piece": name,
            "with": arguments
            | {
                part: columns
                for part, columns in SHOWN.items()
                if part in library.pieces()[name]["parameters"]
            },
        }
        for name, arguments in PIECES.items()
    ]
    return checking.read_definition(json.dumps(trial))


@cache
def events() -> tuple[dict[str, Any], ...]:
    """Return the gallery's feed with actions taken, and results of every analyte."""
    chance, lines = random.Random(7), [json.loads(line) for line in feed()]  # noqa: S311
    sent_lines = [line for line in lines if line["data"].get("parameter") not in ("alt", "bili")]
    for line in sent_lines:
        if line["type"].endswith("subject.enrolled.v1"):
            line["data"] |= {"country": "CAN", "ethnicity": "NOT REPORTED"}
        if line["type"].endswith("adverse-event.reported.v1"):
            line["data"]["action_taken"] = ACTIONS[chance.randrange(4)]
        if line["type"].endswith("visit.recorded.v1"):
            made_of = line["data"]["measurements"]
            sbp = next(int(m["result"]) for m in made_of if m["parameter"] == "sbp")
            made_of.append({"parameter": "dbp", "result": str(sbp - chance.randint(30, 100))})
    visits = [line for line in sent_lines if line["type"].endswith("visit.recorded.v1")]
    line_analytes = [*((line, name) for line in visits for name in MEASURED),
             *((line, name) for line in visits for name in OF_ALGORITHMS)]  # fmt: skip
    for line, name in line_analytes:
        unit = ANALYTES[name]
        low, high = (RANGES | OF_ALGORITHMS).get(name, (1, 130))
        data = {"record": f"{name}-{line['data']['record']}", "revision": 1, "parameter": name,
                    "collected": line["data"]["date"], "unit": unit, "range_low": 0,
                    "result": f"{chance.uniform(low, high):.2f}", "range_high": 40}  # fmt: skip
        if chance.random() < 0.9:
            sent_lines.append(line | {"id": f"{line['id']}-{name}", "data": data,
                                    "type": "org.livetlf.lab.result.reported.v1"})  # fmt: skip
    withdrawal = next(line for line in sent_lines if line["data"].get("reason") == "ADVERSE EVENT")
    fatal = next(line for line in sent_lines if line["subject"] == withdrawal["subject"]
                 and line["type"].endswith("adverse-event.reported.v1"))  # fmt: skip
    fatal["data"]["outcome"] = "FATAL"
    death = {
        "record": "DEATH",
        "revision": 1,
        "date": withdrawal["data"]["date"],
        "cause": "Illness",
    }
    sent_lines.append(
        withdrawal | {"id": "death", "type": "org.livetlf.death.reported.v1", "data": death}
    )
    return tuple(sent_lines)


@cache
def made() -> Report:
    return builders.report_of(study(), (builders.read(line, STUDY) for line in events()))


def grid(name: str) -> Grid:
    return next(grid for grid in made().grids if grid.id == name)


def shown(table: str, row: str, column: str = "total", name: str = "n") -> Any:
    return builders.statistic(grid(table), row, column, name)


# Counts of the bare events


@cache
def of(kind: str) -> dict[str, list[dict[str, Any]]]:
    """Return the data of a kind by subject."""
    by_subject: dict[str, list[dict[str, Any]]] = {}
    for line in events():
        if line["type"] == f"org.livetlf.{kind}.v1":
            by_subject.setdefault(line["subject"], []).append(line["data"])
    return by_subject


@cache
def arms() -> dict[str, str]:
    return {subject: rows[0]["arm"] for subject, rows in of("subject.randomised").items()}


def in_column(subject: str, column: str) -> bool:
    return subject in of("dose.administered") and column in ("total", arms()[subject])


@cache
def first_dose(subject: str) -> str:
    return str(min(dose["start"] for dose in of("dose.administered")[subject]))[:10]


def last_contact(subject: str) -> str:
    """Return the latest whole day in the subject's records."""
    names = ("date", "collected", "start", "end", "onset")
    fields = (line["data"].get(name, "")[:10]
              for line in events() if line["subject"] == subject for name in names)  # fmt: skip
    return max(day for day in fields if len(day) == 10)


def results(parameter: str) -> dict[str, list[tuple[str, float]]]:
    """Return the day and value of a parameter's results by subject, in order."""
    by_subject = defaultdict(list)
    for subject, rows in of("lab.result.reported").items():
        by_subject[subject] += [(row["collected"][:10], float(row["result"]))
                                for row in rows if row["parameter"] == parameter]  # fmt: skip
    for subject, visits in of("visit.recorded").items():
        by_subject[subject] += [(visit["date"][:10], float(item["result"])) for visit in visits
                                for item in visit["measurements"]
                                if item["parameter"] == parameter]  # fmt: skip
    return {subject: sorted(rows) for subject, rows in by_subject.items() if rows}


@cache
def after(parameter: str) -> dict[str, list[float]]:
    """Return the values after the first dose, of the treated who have any."""
    values = {
        subject: [value for day, value in rows if day > first_dose(subject)]
        for subject, rows in results(parameter).items()
        if subject in of("dose.administered")
    }
    return {subject: rows for subject, rows in values.items() if rows}


@cache
def baseline(parameter: str) -> dict[str, float]:
    return {
        subject: [value for day, value in rows if day <= first_dose(subject)][-1]
        for subject, rows in results(parameter).items()
        if subject in of("dose.administered") and rows[0][0] <= first_dose(subject)
    }


@cache
def emergent(**criteria: object) -> dict[str, list[dict[str, Any]]]:
    """Return the adverse events of the treated that began after the first dose, with their term."""
    codings = {(subject, row["adverse_event"]): row["pt"]
               for subject, rows in of("adverse-event.coded").items() for row in rows}  # fmt: skip
    coded = {
        subject: [row | {"pt": codings[subject, row["record"]]} for row in rows]
        for subject, rows in of("adverse-event.reported").items()
    }
    by_subject = {
        subject: [
            row
            for row in rows
            if row["onset"] >= first_dose(subject)
            and all(row[name] == value for name, value in criteria.items())
        ]
        for subject, rows in coded.items()
    }
    return {subject: rows for subject, rows in by_subject.items() if rows}


def number(subjects: Any, column: str) -> int:
    return sum(in_column(subject, column) for subject in subjects)


def agree(table: str, row: str, subjects: Any, of_whom: Any = None) -> None:
    """Compare a row with a count in every column; of whom, too, if they are given."""
    for column in ("placebo", "high", "total"):
        assert shown(table, row, column) == number(subjects, column), (table, row, column)
        if of_whom is not None:
            assert shown(table, row, column, "N") == number(of_whom, column), (table, row, column)
    assert number(subjects, "total") > 0, (table, row)


class TestDocuments:
    def test_every_table_figure_and_listing_of_every_piece_is_published(self):
        ids = {
            kind: {part["id"] for name in PIECES if name != "fda-laboratory"
                   for part in library.pieces()[name]["definition"].get(kind, ())}
            for kind in ("tables", "figures", "listings", "narratives")
        }  # fmt: skip
        scales = {name for name, piece in library.pieces().items()
                  if piece["definition"].keys() == {"scales"}}  # fmt: skip
        assert PIECES.keys() == library.pieces().keys() - scales
        assert ids["tables"] <= {grid.id for grid in made().grids}
        assert ids["figures"] <= {figure.id for figure in made().figures}
        assert ids["listings"] <= {listing.id for listing in made().listings}
        assert ids["narratives"] == {narratives.id for narratives in made().narratives}

    def test_so_is_every_one_of_the_laboratory(self):
        whole = read_definition(TRIAL)
        whole["parameters"] |= {name: {"label": name, "unit": unit, "places": 2}
                                for name, unit in ANALYTES.items()}  # fmt: skip
        arguments = {"visits": ["week-4", "week-12"]} | {name: name for name in ANALYTES}
        assert LABORATORY["parameters"].keys() - ANALYTES.keys() == {
            "columns", "population", "days_on_treatment", "visits", "x_label",
        }  # fmt: skip
        whole["extends"] = [{"piece": "fda-laboratory", "with": arguments}]
        report = builders.report_of(checking.read_definition(json.dumps(whole)), ())
        parts = LABORATORY["definition"]
        assert {part["id"] for part in parts["tables"]} <= {grid.id for grid in report.grids}
        assert {part["id"] for part in parts["figures"]} == {figure.id for figure in report.figures}

    def test_tables_that_describe_do_not_compare(self):
        compared = {grid.id for grid in made().grids if any(c.n is None for c in grid.columns)}
        assert {"fda-7", "fda-14", "fda-18", "fda-20", "fda-36", "fda-53"} <= compared
        assert compared.isdisjoint({"fda-2", "fda-5", "fda-6", "fda-19", "fda-26", "fda-51"})

    def test_every_table_has_a_number(self):
        empty = [
            grid.id
            for grid in made().grids
            if not any(cell.statistics for row in grid.rows for cell in row.cells)
        ]
        assert empty == []

    def test_the_documents_of_the_blinded_study_are_made_too(self):
        blinded = study()
        trial = json.loads(blinded.source) | {"blinded": True}
        pooled = checking.read_definition(json.dumps(trial)).open
        assert {table.id for table in pooled.definition.tables} >= {"fda-2", "fda-14", "e3-14.1.3"}
        assert not any(column.arm for table in pooled.definition.tables for column in table.columns)


class TestSafety:
    def test_demography(self):
        enrolled = of("subject.enrolled")
        for sex in "FM":
            agree(
                "fda-2", f"sex/{sex}", [s for s, rows in enrolled.items() if rows[0]["sex"] == sex]
            )
        old = [s for s, rows in enrolled.items() if rows[0]["age"] >= 75]
        agree("fda-2", "age-group/75 or above", old)

    def test_screening(self):
        assert shown("fda-3", "screened") == len(of("subject.screened"))
        assert shown("fda-3", "failed") == len(of("screening.failed"))
        assert shown("fda-3", "enrolled") == len(of("subject.enrolled"))
        assert shown("fda-4", "safety") == len(of("dose.administered"))

    def test_discontinuation(self):
        reasons = {
            subject: row["reason"] for subject, rows in of("disposition.recorded").items()
            for row in rows if row["of"] == "treatment" and row["status"] == "discontinued"
        }  # fmt: skip
        agree("fda-5", "treatment", reasons)
        for reason in set(reasons.values()):
            agree(
                "fda-5", f"treatment-reason/{reason}", [s for s in reasons if reasons[s] == reason]
            )

    def test_exposure(self):
        days = {
            subject: (max(date.fromisoformat(row["end"]) for row in rows)
                      - date.fromisoformat(first_dose(subject))).days + 1
            for subject, rows in of("dose.administered").items()
        }  # fmt: skip
        for least in (30, 91):
            subjects = [subject for subject in days if days[subject] >= least]
            assert shown("fda-6", f"days-{least}") == number(subjects, "total")
        years = sum(days.values()) / 365.25
        assert float(shown("fda-6", "years", "total", "sum")) == pytest.approx(years, abs=1e-9)

    def test_the_overview(self):
        agree("fda-7", "any", emergent())
        agree("fda-7", "serious", emergent(serious=True))
        agree("fda-7", "withdrawn", emergent(action_taken="DRUG WITHDRAWN"))
        agree("fda-7", "severe", emergent(severity="SEVERE"))
        changed = {
            **emergent(action_taken="DRUG INTERRUPTED"),
            **emergent(action_taken="DOSE REDUCED"),
        }
        agree("fda-7", "modified", changed)

    def test_terms(self):
        terms = Counter(pt for rows in emergent().values() for pt in {row["pt"] for row in rows})
        for pt in terms:
            agree("fda-15", f"terms/{pt}", [s for s, rows in emergent().items()
                                            if pt in {row["pt"] for row in rows}])  # fmt: skip

    def test_rates(self):
        """Days at risk go from the first dose to the first event, or else to the last contact."""
        first = {subject: min(row["onset"] for row in rows if row["pt"] == "Dizziness")
                 for subject, rows in emergent().items()
                 if any(row["pt"] == "Dizziness" for row in rows)}  # fmt: skip
        days = 0
        for subject, doses in of("dose.administered").items():
            last = date.fromisoformat(max(dose["end"] for dose in doses)) + timedelta(days=30)
            end = min(last, date.fromisoformat(last_contact(subject)))
            if subject in first:
                end = date.fromisoformat(first[subject])
            days += (end - date.fromisoformat(first_dose(subject))).days + 1
        years = float(shown("fda-16", "terms/Dizziness", "total", "years"))
        assert years == pytest.approx(days / 365.25, abs=1e-9)
        rate = float(shown("fda-16", "terms/Dizziness", "total", "rate"))
        assert rate == pytest.approx(len(first) / years * 100, rel=1e-9)
        agree("fda-16", "terms/Dizziness", first)
        agree("fda-23", "terms/Nervous system disorders/Dizziness", first)
        assert {row.id for row in grid("fda-23").rows} == {
            "terms/Nervous system disorders", "terms/Nervous system disorders/Dizziness",
            "terms/Respiratory, thoracic and mediastinal disorders",
            "terms/Respiratory, thoracic and mediastinal disorders/Cough",
        }  # fmt: skip

    def test_subgroups(self):
        enrolled = of("subject.enrolled")
        women = [subject for subject, rows in enrolled.items() if rows[0]["sex"] == "F"]
        with_event = [subject for subject in emergent() if subject in women]
        agree("fda-51", "sex/F", with_event, women)

    def test_deaths(self):
        assert (shown("fda-8", "deaths"), shown("fda-8", "fatal-any")) == (1, 1)
        (subject,) = of("death.reported")
        days = (date.fromisoformat(of("death.reported")[subject][0]["date"])
                - date.fromisoformat(first_dose(subject))).days + 1  # fmt: skip
        for name in ("fda-9", "fda-9.1"):
            (listing,) = (listing for listing in made().listings if listing.id == name)
            (row,) = builders.rows_of(listing)
            assert (row["USUBJID"], row["DTHDY"]) == (subject, days)

    def test_listings(self):
        (listing,) = (listing for listing in made().listings if listing.id == "fda-39")
        expected = [(s, row["pt"]) for s, rows in emergent(action_taken="DRUG WITHDRAWN").items()
                  for row in rows]  # fmt: skip
        rows = builders.rows_of(listing)
        assert sorted((row["USUBJID"], row["AEDECOD"]) for row in rows) == sorted(expected)
        assert all(row["TRTDURD"] >= 1 and row["ARM"] for row in rows)

    def test_narratives(self):
        (narratives,) = made().narratives
        rows = {str(row[0]): "\n".join(map(str, row[1:])) for row in narratives.rows}
        called: dict[str, set[str]] = defaultdict(set)
        for line in events():
            kind, data = line["type"].split(".", 2)[2].removesuffix(".v1"), line["data"]
            if kind == "adverse-event.reported" and (
                data["serious"] or data["action_taken"] == "DRUG WITHDRAWN"
            ):
                called[line["subject"]].add(f"{data['term']} (preferred term: ")
            if kind == "death.reported":
                called[line["subject"]].add(f"died on {data['date']}")
            if kind == "disposition.recorded" and data.get("reason") == "ADVERSE EVENT":
                called[line["subject"]].add(f"on {data['date']}")
        assert rows.keys() == called.keys()
        assert len(rows) > 5
        for name, texts in called.items():
            assert [text for text in texts if text not in rows[name]] == []


class TestGroups:
    def test_narrow_and_broad(self):
        def having(*terms: str) -> list[str]:
            return [s for s, rows in emergent().items() if {row["pt"] for row in rows} & {*terms}]

        agree("fda-17", "groups/Falls risk", having("Dizziness"))
        agree("fda-17-broad", "groups/Falls risk", having("Dizziness", "Headache"))
        agree("fda-18", "any", having("Dizziness"))
        agree("fda-43", "groups/Falls risk/Headache", having("Headache"))
        severe = emergent(severity="SEVERE", pt="Dizziness")
        assert shown("fda-18", "severity/SEVERE") == number(severe, "total")

    def test_terms_in_no_group(self):
        headache = [s for s, rows in emergent().items() if "Headache" in {r["pt"] for r in rows}]
        agree("fda-32", "terms/Nervous system disorders/Headache", headache)
        shown_terms = {row.id.split("/")[2] for row in grid("fda-32").rows if row.level}
        all_terms = {row["pt"] for rows in emergent().values() for row in rows}
        assert shown_terms == all_terms - {"Dizziness", "Cough"}


def dated_results(parameter: str) -> dict[str, list[tuple[date, float]]]:
    """Return the days and values after the first dose, of the treated."""
    return {
        subject: [(date.fromisoformat(day), value) for day, value in rows
                  if day > first_dose(subject)]
        for subject, rows in results(parameter).items() if subject in of("dose.administered")
    }  # fmt: skip


def onsets(pt: str) -> dict[str, list[date]]:
    return {subject: [date.fromisoformat(row["onset"]) for row in rows if row["pt"] == pt]
            for subject, rows in emergent().items()}  # fmt: skip


def near(one: list[date], other: list[date]) -> bool:
    return any(abs((first - second).days) <= 7 for first in one for second in other)


class TestAlgorithms:
    """Percentages are of the column: whoever is not known to meet a criterion does not."""

    def test_muscle_injury(self):
        dizzy = {s for s, days in onsets("Dizziness").items() if days}
        start, values = baseline("cpk"), after("cpk")
        high = {s for s in values if max(values[s]) > 200 and not start.get(s, 0) > 40}
        agree("fda-46", "muscle-term", dizzy, of("dose.administered"))
        agree("fda-46", "cpk-high", high, of("dose.administered"))
        agree("fda-46", "any", dizzy | high, of("dose.administered"))

    def test_hypoglycaemia(self):
        treated, cough = of("dose.administered"), onsets("Cough")
        glucose = dated_results("glucose")
        low = {s: [day for day, value in rows if value < 70] for s, rows in glucose.items()}
        near_low = {s for s in low if near(low[s], cough.get(s, []))}
        twice = {s for s in low if len(low[s]) > 1 and len(cough.get(s, [])) > 1}
        lowest = {s for s, rows in after("glucose").items() if min(rows) < 54}
        dizzy = {s for s, days in onsets("Dizziness").items() if days}
        women = [s for s in treated if of("subject.enrolled")[s][0]["sex"] == "F"]
        agree("fda-47", "all-glucose-below-54", lowest, treated)
        agree("fda-47", "all-hypoglycaemia-sign", near_low, treated)
        assert shown("fda-47", "all-hypoglycaemia-repeated") == number(twice, "total")
        found = near_low | twice | lowest | dizzy
        agree("fda-47", "all-any", found, treated)
        agree("fda-47", "with-any", found & {*women}, treated)
        agree("fda-47", "without-any", found - {*women}, treated)
        agree("fda-47", "with", women, treated)

    def test_hyperglycaemia(self):
        treated = of("dose.administered")
        above = {s for s, rows in after("glucose").items() if sum(v > 180 for v in rows) > 1}
        agree("fda-48", "all-glucose-repeated", above, treated)
        start, values = baseline("glucose_fasting"), after("glucose_fasting")
        rise = [s for s in start.keys() & values
                if max(values[s]) > 100 and max(values[s]) - start[s] >= 20]  # fmt: skip
        agree("fda-48", "all-fasting-glucose-rise", rise, treated)
        start, values = baseline("haemoglobin"), after("haemoglobin")
        highest = {s: max(values[s]) / 2 for s in start.keys() & values}
        rise = [s for s, top in highest.items() if top >= 5.7 and top - start[s] / 2 >= 0.3]
        agree("fda-48", "all-hba1c-rise", rise, treated)
        medicated = treated.keys() & of("conmed.recorded").keys()
        agree("fda-48", "all-diabetes-medication", medicated, treated)

    def test_hypersensitivity(self):
        cough, dizzy = onsets("Cough"), onsets("Dizziness")
        both = [s for s in cough if near(cough[s], dizzy.get(s, []))]
        agree("fda-49", "respiratory-skin", both, of("dose.administered"))


class TestMeasured:
    @pytest.mark.parametrize("limit", [120, 140, 160])
    def test_systolic_pressure(self, limit):
        highest = {subject: max(values) for subject, values in after("sbp").items()}
        agree("fda-36", f"from-{limit}", [s for s in highest if highest[s] >= limit], highest)

    def test_hypotension(self):
        lowest = {subject: min(values) for subject, values in after("dbp").items()}
        agree("fda-38", "diastolic", [s for s in lowest if lowest[s] < 60], lowest)

    def test_kidney_function(self):
        start, values = baseline("creatinine"), after("creatinine")
        measured = start.keys() & values
        for level, times in ((1, 1.5), (2, 2), (3, 3)):
            high = [s for s in measured if max(values[s]) >= times * start[s]]
            agree("fda-20", f"creatinine-{level}", high, measured)
        start, values = baseline("egfr"), after("egfr")
        low = [s for s in start.keys() & values if min(values[s]) <= 0.5 * start[s]]
        agree("fda-20", "egfr-2", low, start.keys() & values)

    def test_liver_quadrants(self):
        alt, ast, bilirubin = (
            {s: max(values) / 40 for s, values in after(name).items()}
            for name in ("alt", "ast", "bilirubin")
        )
        points = {s: (max(alt.get(s, 0), ast.get(s, 0)), bilirubin[s])
                  for s in bilirubin if s in alt or s in ast}  # fmt: skip
        agree(
            "fda-21",
            "upper-right",
            [s for s, (x, y) in points.items() if x >= 3 and y >= 2],
            points,
        )
        agree(
            "fda-21", "upper-left", [s for s, (x, y) in points.items() if x < 3 and y >= 2], points
        )
        agree("fda-21", "total", [s for s, (x, y) in points.items() if x >= 3 or y >= 2], points)

    def test_chemistry_levels(self):
        values = after("sodium")
        for level, limit in ((1, 132), (2, 130), (3, 125)):
            agree("fda-20-chemistry", f"sodium-low-{level}",
                  [s for s in values if min(values[s]) < limit], values)  # fmt: skip
        fasting = after("glucose_fasting")
        agree("fda-20-chemistry", "glucose-fasting-high-2",
              [s for s in fasting if max(fasting[s]) >= 126], fasting)  # fmt: skip
        cpk = after("amylase")
        agree("fda-20-chemistry", "amylase-high-2",
              [s for s in cpk if max(cpk[s]) > 1.5 * 40], cpk)  # fmt: skip

    def test_levels_by_sex(self):
        values = after("hdl")
        women = [s for s in values if of("subject.enrolled")[s][0]["sex"] == "F"]
        agree("fda-20-lipids", "hdl-low-f-2", [s for s in women if min(values[s]) < 40], women)

    def test_haemoglobin(self):
        start, values = baseline("haemoglobin"), after("haemoglobin")
        measured = start.keys() & values
        fell = [s for s in measured if min(values[s]) - start[s] < -1.5]
        agree("fda-20-haematology", "haemoglobin-decrease-2", fell, measured)

    def test_the_last_on_treatment(self):
        values = after("platelets")
        low = [s for s in values if values[s][-1] < 125]
        agree("fda-53", "platelets-low", low, values)

    def test_listings_of_results_at_a_level(self):
        lines = {listing.id: builders.rows_of(listing) for listing in made().listings}
        low = [(s, value) for s, rows in after("sodium").items() for value in rows if value < 130]
        rows = [row for row in lines["fda-54"] if row["PARAM"] == "Sodium, low"]
        assert sorted((row["USUBJID"], float(row["AVAL"])) for row in rows) == sorted(low)
        for row in rows:
            assert row["ALEVEL"] == (3 if float(row["AVAL"]) < 125 else 2)
            known = baseline("sodium").get(row["USUBJID"])
            assert row["BASE"] is None if known is None else float(row["BASE"]) == known
        start = baseline("haemoglobin")
        fell = [(s, value) for s, rows in after("haemoglobin").items() for value in rows
                if s in start and round(value - start[s], 2) < -1.5]  # fmt: skip
        rows = [row for row in lines["fda-55"] if "decrease" in row["PARAM"]]
        assert sorted((row["USUBJID"], float(row["AVAL"])) for row in rows) == sorted(fell)
        for row in rows:
            change = float(row["AVAL"]) - float(row["BASE"])
            assert float(row["CHG"]) == pytest.approx(change, abs=1e-9)
        assert {row["AVALU"] for row in rows} == {ANALYTES["haemoglobin"]}


class TestEfficacy:
    def test_values_by_visit(self):
        assert shown("e3-14.2.1", "value/baseline") == len(baseline("sbp"))
        starts = baseline("sbp").values()
        mean = float(shown("e3-14.2.1", "value/baseline", "total", "mean"))
        assert mean == pytest.approx(sum(starts) / len(starts), abs=1e-9)
