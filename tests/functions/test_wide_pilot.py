"""The whole pilot in one definition, blinded: through the handlers, on the emulator.

All tables of the pilot, its safety tables with a column of all, and medians of 31 analytes at 11
visits, of some subjects. What either audience is shown, live and in documents, is what the core
makes of the events, and what is open is pooled. In this process, since a busy machine's deployment
gives a call 29 seconds, and a definition as wide as this takes half of them to be admitted.
"""

import json
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import builders
import wide
from invoking import BATCH, Service
from pilot import reading, safety
from pilot.writing import compact

from trial.definition import study
from trial.definition.study import Study
from trial.events import blinding
from trial.render import tables_json
from trial.reporting import report
from trial.statistics import cells
from trial.subject.fold import Subject
from trial.tables.grid import Cut, Grid

NAME = "CDISCPILOT01-WIDE"
SUBJECTS = ("01-701-1387", "01-708-1213", "01-710-1002")
"""One of each arm, of those who left early."""
SAFETY = [f"14-6.0{number}" for number in range(1, 7)] + [f"14-7.0{n}" for n in range(1, 5)]
MEDIANS = "14-6.08"


def definition() -> dict[str, Any]:
    """Write the pilot's definition, blinded, with its safety tables and medians by visit."""
    whole = safety.definition()
    columns = whole["tables"][-1]["columns"]
    medians = wide.laboratory_table(
        MEDIANS, wide.PILOT_ANALYTES, wide.PILOT_VISITS, columns, "before-treatment"
    )
    tables = [*whole["tables"], medians]
    return whole | {"study": NAME, "blinded": True, "shards": 2, "tables": tables}


@cache
def events() -> Sequence[Mapping[str, Any]]:
    """Give the events of some subjects, as of this study."""
    return [item | {"study": NAME} for item in reading.events() if item["subject"] in SUBJECTS]


def posted(service: Service) -> None:
    """Post the events in batches: what tells the arm by its own route."""
    unblinding = [tells(item) for item in events()]
    for apart in (False, True):
        bodies = [
            compact(item) for item, tell in zip(events(), unblinding, strict=True) if tell is apart
        ]
        for start in range(0, len(bodies), 100):
            body = f"[{','.join(bodies[start : start + 100])}]"
            answer = (service.submit if apart else service.post)(body, NAME, BATCH)
            statuses = {result["status"] for result in answer.json["results"]}
            assert statuses == {202 if apart else 201}
    assert any(unblinding)
    assert service.settle() == []


def tells(event: Mapping[str, Any]) -> bool:
    return blinding.is_unblinding(event["type"].removeprefix("org.livetlf.").removesuffix(".v1"))


def tables_of(view: Study, subjects: Iterable[Subject]) -> tuple[Cut, Sequence[Grid]]:
    """Recompute the tables for an audience."""
    contribute = report.compiled(view).contribute
    sums = cells.total(map(contribute, subjects))
    return report.live_cut(view, sums), report.tables(view, sums)


def test_all_tables_of_the_pilot_and_medians_by_visit_in_one_blinded_definition(
    open_service: Callable[[], Service],
) -> None:
    service, body = open_service(), definition()
    assert service.define(body).status == 201
    posted(service)
    defined = study.load(json.dumps(body))
    subjects = builders.subjects(builders.read(compact(item), NAME) for item in events())
    row = service.made(NAME)
    documents, grids = [], {}
    for path, view in zip(("", "unblinded/"), defined.views, strict=True):
        cut, printed_grids = tables_of(view, subjects)
        grids[path] = {grid.id: grid for grid in printed_grids}
        counted = json.loads(tables_json.encode(tables_json.tables(cut, printed_grids)))
        assert service.get(f"{path}tables", NAME).json == counted
        document = json.loads(service.fetched(row, NAME, path)["tables.json"])
        assert document["tables"] == counted["tables"]
        documents.append({table["id"]: table for table in document["tables"]})
    openly, unblinded = documents
    assert {"14-2.01", "14-3.01", "14-5.01", *SAFETY, MEDIANS} <= unblinded.keys()
    assert [column["id"] for column in openly["14-6.01"]["columns"]] == ["total"]
    columns = {column["id"] for table in openly.values() for column in table["columns"]}
    assert columns.isdisjoint(safety.ARMS)
    median = builders.cell(grids["unblinded/"][MEDIANS], "alt/week-2").get("median")
    assert Decimal(median.text) == statistics.median(alt_at_week_2())


def alt_at_week_2() -> list[int]:
    """List what was reported, each subject once."""
    results = [item["data"] for item in events() if item["data"].get("parameter") == "alt"]
    return [int(result["result"]) for result in results if result["visit"] == "week-2"]
