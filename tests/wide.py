"""Wide definitions: laboratory tables with order statistics of every analyte at every visit."""

import json
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import toy

from local.feed import read_definition
from trial.definition import study
from trial.definition.study import Study
from trial.events.envelope import Entry

ANALYTES = 30
FIRST_DAY = date(2014, 7, 1)
PILOT = Path(__file__).parent / "pilot" / "definition.yaml"
PILOT_ANALYTES = [
    *("alb", "alp", "alt", "ast", "baso", "bili", "ca", "chol", "ck", "cl", "creat", "eos", "ggt"),
    *("gluc", "hba1c", "hct", "hgb", "k", "lym", "mch", "mchc", "mcv", "mono", "phos", "plat"),
    *("prot", "rbc", "sodium", "urate", "urean", "wbc"),
]
PILOT_VISITS = [
    *("screening-1", "week-2", "week-4", "week-6", "week-8", "week-12", "week-16", "week-20"),
    *("week-24", "week-26", "retrieval"),
]
VISITS = ["baseline", *(f"week-{2 * number}" for number in range(1, 11))]


def laboratory_table(
    name: str, analytes: Sequence[str], visits: Sequence[str], columns: Any, baseline: str
) -> dict[str, Any]:
    """Write a table of every analyte and of its change, at every visit."""
    rows = []
    for analyte in analytes:
        value = {"parameter": analyte}
        change = value | {"change_from": baseline}
        rows += [
            {"id": analyte, "label": analyte.upper(), "visits": list(visits), "summary": value},
            {
                "id": f"{analyte}-change",
                "label": f"{analyte.upper()}, change",
                "visits": list(visits[1:]),
                "summary": change,
            },
        ]
    return {
        "id": name,
        "title": "Laboratory",
        "population": "Safety",
        "columns": columns,
        "rows": rows,
    }


@cache
def many_analytes(*, blinded: bool = False) -> Study:
    """Give 30 analytes over 11 visits, in three arms and in total: 5,000 cells a subject."""
    arms = [{"id": name, "label": name.title()} for name in ("placebo", "low", "high")]
    by_arm = [{**arm, "set": "safety", "arm": arm["id"]} for arm in arms]
    analytes = [f"analyte-{number}" for number in range(ANALYTES)]
    visits = [{"id": "baseline", "label": "Baseline", "day": 1, "window": [None, 1]}]
    visits += [
        {
            "id": f"week-{2 * number}",
            "label": f"Week {2 * number}",
            "day": 14 * number,
            "window": [14 * number - 6, 14 * number + 7],
        }
        for number in range(1, 11)
    ]
    columns = [*by_arm, {"id": "total", "label": "Total", "set": "safety"}]
    parameters = {
        name: {"label": name.title(), "unit": "U/L", "places": 1, "order_places": 1, "decimals": 1}
        for name in analytes
    }
    table = laboratory_table("14-6.01", analytes, VISITS, columns, "baseline")
    return study.load(
        json.dumps(
            {
                "study": "WIDE",
                "title": "Thirty analytes",
                "design": "parallel",
                "shards": 1,
                "blinded": blinded,
                "calendar": {"earliest": "2014-01-01", "latest": "2016-12-31"},
                "arms": [{**arm, "treatments": ["DRUG"]} for arm in arms],
                "visits": [{**visit, "days_from": "first-dose"} for visit in visits],
                "parameters": parameters,
                "baselines": {"baseline": {"visit": "baseline"}},
                "conditions": {"treated": {"recorded": "dose.administered"}},
                "sets": {"safety": {"label": "Safety", "condition": "treated"}},
                "tables": [table],
                "flow": {"title": "Flow", "stages": []},
            }
        )
    )


@cache
def pilot() -> Study:
    """Give the pilot, blinded: its tables and one of the laboratory with a column of all."""
    definition = read_definition(PILOT)
    arms = [arm["id"] for arm in definition["arms"]]
    columns = [{"id": arm, "label": arm.title(), "set": "safety", "arm": arm} for arm in arms]
    columns.append({"id": "total", "label": "Total", "set": "safety"})
    table = laboratory_table("14-6.03", PILOT_ANALYTES, PILOT_VISITS, columns, "before-treatment")
    tables = [*definition["tables"], table]
    return study.load(json.dumps(definition | {"blinded": True, "shards": 2, "tables": tables}))


def feed(
    defined: Study, subject: str, analytes: Sequence[str], visits: int, arm: str
) -> Iterator[Entry]:
    """Give a subject's enrolment, arm, dose, and results of so many visits."""
    day = FIRST_DAY.isoformat()

    def event(kind: str, record: str, **data: Any) -> Entry:
        content = {"record": record, "revision": 1, **data}
        return toy.parsed(defined.id, subject, kind, content, f"{subject}-{kind}-{record}")

    characteristics = {"education": 12, "duration-of-disease": 30.5}
    person = {"site": "701", "age": 60, "sex": "F"}
    if defined.definition.characteristics:
        person |= {"race": "WHITE", "characteristics": characteristics}
    yield event("subject.enrolled", "E", date=day, **person)
    yield event("subject.randomised", "R", date=day, arm=arm)
    treatment = defined.definition.arms[-1].treatments[0]
    yield event("dose.administered", "D", start=day, treatment=treatment, amount=1, unit="mg")
    for visit in range(visits):
        collected = (FIRST_DAY + timedelta(14 * visit)).isoformat()
        for number, analyte in enumerate(analytes):
            result = f"{20 + 7 * number + 3 * visit + len(subject)}.{visit % 10}"
            unit = defined.definition.parameters[analyte].unit
            visit_names = {"visit": PILOT_VISITS[visit]} if analytes is PILOT_ANALYTES else {}
            yield event(
                "lab.result.reported", f"L{visit}-{number}", parameter=analyte,
                collected=collected, result=result, unit=unit, **visit_names,
            )  # fmt: skip


def moved(defined: Study, subject: str, arm: str) -> Entry:
    """Give the correction by which a subject is in another arm."""
    data = {"record": "R", "revision": 2, "reason_for_change": "drawn wrongly"}
    data |= {"date": FIRST_DAY.isoformat(), "arm": arm}
    return toy.parsed(defined.id, subject, "subject.randomised", data, f"{subject}-moved-{arm}")
