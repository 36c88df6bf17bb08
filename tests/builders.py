"""Small builders: events as upstream systems post them, a tiny study, and TMB-301's own feed.

Days are protocol days: `day(0)` is the enrolment of everybody built here.
"""

import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from local.feed import read_definition
from local.replay import DOCUMENTS
from trial.definition import study
from trial.definition.outputs import CellRef
from trial.definition.study import Study
from trial.events import envelope, json_body
from trial.events.envelope import Entry
from trial.render.documents import render
from trial.reporting import report
from trial.statistics import cells
from trial.statistics.cells import Share
from trial.subject.derivation import Derivation
from trial.subject.fold import Subject, fold_all
from trial.tables.compiled import compiled, contribute
from trial.tables.file_names import NARRATIVES
from trial.tables.grid import Cell, Grid, Listing, Report
from trial.tables.listings import complete

TMB301 = Path(__file__).parents[1] / "events" / "tmb-301"
DAY_ZERO = date(2015, 6, 1)
SENT = "2016-12-20T12:00:00Z"


def day(number: int, time: str = "") -> str:
    """Write a protocol day as a date or, with a time, as a local time."""
    text = (DAY_ZERO + timedelta(days=number)).isoformat()
    return f"{text}T{time}" if time else text


# Events


def event(kind: str, subject: str = "S-1", **data: Any) -> dict[str, Any]:
    """Build a CloudEvent as posted: `data` are its data; record and revision have defaults."""
    return {
        "specversion": "1.0",
        "id": f"{subject}/{kind}/{data.get('record', 'R')}/{data.get('revision', 1)}",
        "source": "urn:tests",
        "type": f"org.livetlf.{kind}.v1",
        "subject": subject,
        "time": SENT,
        "data": {"record": "R", "revision": 1} | data,
    }


def read(value: object, study_id: str | None = "TINY") -> Entry:
    """Read an event the way a posted body is read."""
    body = value if isinstance(value, str) else json.dumps(value)
    return envelope.parse(json_body.read_json(body), body, study_id)


def entry(kind: str, subject: str = "S-1", **data: Any) -> Entry:
    """Build an entry of the tiny study."""
    if data.get("revision", 1) > 1 or data.get("action") == "void":
        data.setdefault("reason_for_change", "Entered in error")
    return read(event(kind, subject, **data))


def enrolment(at: int = 0, subject: str = "S-1", **data: Any) -> Entry:
    return entry("subject.enrolled", subject, **({"date": day(at), "site": "101"} | data))


def dose(at: int = 7, time: str = "11:00", subject: str = "S-1", **data: Any) -> Entry:
    values = {"record": f"DOSE-{at}", "start": day(at, time), "amount": 800, "unit": "mg"}
    return entry("dose.administered", subject, **(values | {"treatment": "drug"} | data))


def viral_load(
    at: int, result: object, time: str = "09:00", subject: str = "S-1", **data: Any
) -> Entry:
    values = {"record": f"VL-{at}", "parameter": "viral-load", "collected": day(at, time)}
    return entry(
        "lab.result.reported",
        subject,
        **(values | {"result": str(result), "unit": "copies/mL"} | data),
    )


def cd4(at: int, result: object, time: str = "09:00", subject: str = "S-1", **data: Any) -> Entry:
    values = {"record": f"CD4-{at}", "parameter": "cd4", "unit": "cells/uL"}
    return viral_load(at, result, time, subject, **(values | data))


def regimen(at: int = 14, subject: str = "S-1", **data: Any) -> Entry:
    return entry("regimen.started", subject, **({"date": day(at), "regimen": "regimen"} | data))


def adverse_event(
    onset: int | str | None = 10, record: str = "AE-1", subject: str = "S-1", **data: Any
) -> Entry:
    values: dict[str, Any] = {"record": record, "term": "as told", "serious": False}
    if onset is not None:
        values["onset"] = day(onset) if isinstance(onset, int) else onset
    return entry("adverse-event.reported", subject, **(values | data))


def coding(
    pt: str = "Headache", adverse_event: str = "AE-1", subject: str = "S-1", **data: Any
) -> Entry:
    values = {"record": f"C-{adverse_event}", "adverse_event": adverse_event, "pt": pt}
    values |= {"dictionary": "MedDRA", "version": "18.1", "soc": "Nervous system disorders"}
    return entry("adverse-event.coded", subject, **(values | data))


def disposition(at: int, status: str = "discontinued", subject: str = "S-1", **data: Any) -> Entry:
    values = {"record": "STUDY", "of": "study", "status": status, "date": day(at)}
    reason = {"reason": "DEATH"} if status == "discontinued" else {}
    return entry("disposition.recorded", subject, **(values | reason | data))


def death(at: int | str = 40, subject: str = "S-1", **data: Any) -> Entry:
    when = day(at) if isinstance(at, int) else at
    return entry("death.reported", subject, **({"date": when, "cause": "Illness"} | data))


def contact(at: int, subject: str = "S-1", **data: Any) -> Entry:
    """Record that the subject was there on a day: a visit without measurements."""
    values = {"record": f"SEEN-{at}", "visit": "day-0", "date": day(at)}
    return entry("visit.recorded", subject, **(values | data))


# Studies

_LOG = "viral-load-log10"
_RESPONSE = {"at_least": 0.5, "missing": "failure"}
_WIDTH = {"id": "total", "label": "Total", "set": "enrolled"}

TINY: Mapping[str, Any] = {
    "study": "TINY",
    "title": "A tiny study",
    "design": "single-group",
    "shards": 1,
    "calendar": {"earliest": "2015-01-01", "latest": "2016-12-31"},
    "periods": [
        {"id": "control", "label": "Control", "first_day": 0, "last_day": 6},
        {"id": "treatment", "label": "Treatment", "first_day": 7},
    ],
    "visits": [
        {"id": "day-0", "label": "Day 0", "day": 0, "window": [-1, 1]},
        {"id": "day-7", "label": "Day 7", "day": 7, "window": [6, 8], "limit": "before-first-dose"},
        {"id": "day-14", "label": "Day 14", "day": 14, "window": [12, 17],
         "limit": "before-regimen"},
        {"id": "week-5", "label": "Week 5", "day": 35, "window": [25, 42]},
    ],
    "characteristics": {
        "score": {"label": "Score", "minimum": 0, "maximum": 10, "places": 0},
        "history": {"label": "History", "levels": ["Y", "N"]},
    },
    "parameters": {
        "viral-load": {"label": "RNA", "unit": "copies/mL", "units": {"kcopies/mL": 1000},
                       "minimum": 0, "maximum": 1_000_000_000, "places": 0},
        _LOG: {"label": "RNA", "unit": "log10 copies/mL", "log10_of": "viral-load",
               "places": 6, "order_places": 6, "decimals": 1},
        "cd4": {"label": "CD4", "unit": "cells/uL", "minimum": 0, "maximum": 5000, "places": 0},
        "weight": {"label": "Weight", "unit": "kg", "places": 1, "order_places": 1,
                   "decimals": 1, "minimum": 20, "maximum": 300},
    },
    "baselines": {"baseline": {"last_before_first_dose": True}, "control": {"visit": "day-0"}},
    "outcomes": ["failure"],
    "measures": {
        "age": {"characteristic": "age"},
        "score": {"characteristic": "score"},
        "baseline-copies": {"parameter": "viral-load", "at": "baseline"},
        "baseline-log": {"parameter": _LOG, "at": "baseline"},
        "control-decrease": {"parameter": _LOG, "at": "day-7", "decrease_from": "control"},
        "day14-copies": {"parameter": "viral-load", "at": "day-14"},
        "day14-decrease": {"parameter": _LOG, "at": "day-14", "decrease_from": "baseline"},
        "week5-copies": {"parameter": "viral-load", "at": "week-5"},
        "week5-decrease": {"parameter": _LOG, "at": "week-5", "decrease_from": "baseline"},
        "week5-bocf": {"parameter": _LOG, "at": "week-5", "decrease_from": "baseline",
                       "missing": "bocf"},
        "week5-locf": {"parameter": _LOG, "at": "week-5", "decrease_from": "baseline",
                       "missing": "locf"},
    },
    "conditions": {
        "enrolled": {"recorded": "subject.enrolled"},
        "treated": {"recorded": "dose.administered"},
        "control-responder": {"measure": "control-decrease"} | _RESPONSE,
        "day14-responder": {"measure": "day14-decrease"} | _RESPONSE,
        "day14-observed": {"measure": "day14-decrease", "at_least": 0.5},
        "week5-responder": {"measure": "week5-decrease"} | _RESPONSE,
        "week5-below-50": {"measure": "week5-copies", "below": 50, "missing": "failure"},
        "above-100000": {"measure": "baseline-copies", "more_than": 100_000},
        "up-to-100000": {"measure": "baseline-copies", "at_most": 100_000},
        "died": {"recorded": "death.reported"},
    },
    "sets": {
        "enrolled": {"label": "Enrolled", "condition": "enrolled"},
        "treated": {"label": "Treated", "condition": "treated"},
    },
    "adverse_events": {
        "causality": ["RELATED", "NOT RELATED"], "related": ["RELATED"],
        "days_after_last_dose": 30,
        "groups": [{"label": "Rash (pooled)", "terms": ["Rash", "Rash macular"]}],
    },
    "tables": [
        {
            "id": "one", "title": "One", "population": "Enrolled",
            "columns": [_WIDTH, {"id": "second", "label": "Second", "set": "enrolled"}],
            "rows": [
                {"id": "responders", "label": "Responders", "interval": True,
                 "count": {"total": "day14-responder"}},
                {"id": "not-due", "label": "Not yet due", "not_due": {"total": "day14-responder"}},
                {"id": "pairs", "label": "Pairs", "column": "second",
                 "pairs": ["control-responder", "day14-responder"]},
                {"id": "sex", "label": "Sex",
                 "levels": {"characteristic": "sex",
                            "values": [{"value": "M", "label": "Male"},
                                       {"value": "F", "label": "Female"}]}},
                {"id": "score", "label": "Score", "levels": {"characteristic": "score"}},
                {"id": "age", "label": "Age", "summary": {"total": "age"}},
                {"id": "log", "label": "Baseline", "summary": {"total": "baseline-log"}},
                {"id": "week5", "label": "Week 5",
                 "summary": {"total": "week5-bocf", "second": "week5-locf"}},
            ],
        },
        {
            "id": "events", "title": "Events", "population": "Treated",
            "columns": [{"id": "total", "label": "Total", "set": "treated"}],
            "rows": [
                {"id": "any", "label": "Any", "events": {"emergent": True}},
                {"id": "term", "label": "Term", "terms": {"filter": {"emergent": True}}},
                {"id": "pooled", "label": "Term",
                 "terms": {"filter": {"emergent": True}, "by": "pt", "pooled": True,
                           "minimum_percent": 50}},
                {"id": "cause", "label": "Cause",
                 "levels": {"recorded": "death.reported", "field": "cause"}},
            ],
        },
    ],
    "key_results": [
        {"id": "responders", "label": "Responders", "show": "count-percent",
         "source": {"table": "one", "row": "responders", "column": "total"}},
        {"id": "p", "label": "P", "show": "p",
         "source": {"table": "one", "row": "pairs", "column": "second"}},
        {"id": "headache", "label": "Headache", "show": "count-percent",
         "source": {"table": "events", "row": "term/Nervous system disorders/Headache",
                    "column": "total"}},
    ],
    "flow": {
        "title": "Flow",
        "stages": [
            {"id": "screening", "label": "Screening",
             "box": {"id": "assessed", "label": "Assessed", "absent": "not reported",
                     "count": {"recorded": "subject.screened"}}},
            {"id": "enrolment", "label": "Enrolment",
             "box": {"id": "enrolled", "label": "Enrolled", "count": "enrolled"},
             "side": [{"id": "left", "label": "Left",
                       "count": {"recorded": "disposition.recorded", "where": {"of": "study"}},
                       "reasons": {"recorded": "disposition.recorded", "field": "reason",
                                   "values": [{"value": "DEATH", "label": "Death"}]}}]},
            {"id": "treatment", "label": "Treatment",
             "box": {"id": "treated", "label": "Treated", "count": "treated"}},
        ],
        "identities": [{"total": "enrolled", "parts": ["treated", "left"]}],
    },
    "listings": [
        {"id": "L1", "title": "Subjects", "population": "All", "records": "subjects",
         "columns": [{"id": "USUBJID", "label": "Subject", "source": "subject"},
                     {"id": "DTHDTC", "label": "Died", "source": "death-date", "kind": "date"},
                     {"id": "CONC", "label": "Concentration"}]},
        {"id": "L2", "title": "Events", "population": "All", "records": "adverse-event.reported",
         "columns": [{"id": "USUBJID", "label": "Subject", "source": "subject"},
                     {"id": "AESTDTC", "label": "Onset", "source": "onset", "kind": "date"},
                     {"id": "AESTDY", "label": "Study day", "source": "onset.study-day"},
                     {"id": "DAY", "label": "Protocol day", "source": "onset.protocol-day"},
                     {"id": "EPOCH", "label": "Period", "source": "onset.period"},
                     {"id": "TRTEMFL", "label": "Emergent", "source": "emergent"},
                     {"id": "ADURN", "label": "Duration", "source": "duration"},
                     {"id": "LDRELD", "label": "Since dose", "source": "days-since-last-dose"},
                     {"id": "DOSEAE", "label": "Dose", "source": "dose-at-onset"},
                     {"id": "TRTDUR", "label": "On treatment", "source": "days-on-treatment"}]},
        {"id": "L3", "title": "RNA", "population": "All", "records": "observations:viral-load",
         "columns": [{"id": "USUBJID", "label": "Subject", "source": "subject"},
                     {"id": "AVISIT", "label": "Visit", "source": "visit"},
                     {"id": "LBORRES", "label": "Result", "source": "result"},
                     {"id": "AVAL", "label": "Value", "source": "value"}]},
    ],
}  # fmt: skip


def loaded(text: str) -> Study:
    """Load a definition once: a study cannot be changed, and many tests ask for the same."""
    return _loaded(text, study.CONTRIBUTION_VERSION)


@lru_cache(maxsize=256)
def _loaded(text: str, version: int) -> Study:
    return study.load(text, version)


def tiny(**changes: Any) -> Study:
    """Load the tiny study, with some of its top-level parts replaced."""
    return loaded(json.dumps(dict(TINY) | changes))


def tiny_with(part: str, **members: Any) -> Study:
    """Load the tiny study with members added to one of its parts that is an object."""
    return tiny(**{part: TINY[part] | members})


@cache
def tmb301_definition() -> Any:
    return read_definition(TMB301 / "definition.yaml")


def tmb301(*changes: tuple[str, Any]) -> Study:
    """Load TMB-301, with values replaced at paths such as `measures/age/label`."""
    definition = deepcopy(tmb301_definition())
    for path, value in changes:
        *parents, last = path.split("/")
        node = definition
        for name in parents:
            node = node[int(name) if isinstance(node, list) else name]
        node[last] = value
    return loaded(json.dumps(definition))


@cache
def feed_lines() -> tuple[str, ...]:
    return tuple((TMB301 / "feed.ndjson").read_text(encoding="utf-8").splitlines())


@cache
def feed() -> tuple[Entry, ...]:
    return tuple(read(line, "TMB-301") for line in feed_lines())


def recorded(lines: Iterable[str]) -> dict[str, dict[tuple[str, str], dict[str, Any]]]:
    """Read the highest revisions by subject out of lines, by `json` alone: for oracles."""
    records: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
    for line in lines:
        value = json.loads(line, parse_float=Decimal)
        kind = value["type"].removeprefix("org.livetlf.").removesuffix(".v1")
        data, of_subject = value["data"], records.setdefault(value["subject"], {})
        earlier = of_subject.get((kind, data["record"]))
        if earlier is None or data["revision"] > earlier["revision"]:
            of_subject[kind, data["record"]] = data
    return records


# States


def subjects(entries: Iterable[Entry]) -> list[Subject]:
    """Fold entries into their subjects, in order of first arrival."""
    by_subject: dict[str, list[Entry]] = {}
    for item in entries:
        by_subject.setdefault(item.subject, []).append(item)
    return [
        _gathered(name, tuple(map(_Same, of_subject))) for name, of_subject in by_subject.items()
    ]


@dataclass(frozen=True, eq=False)
class _Same[T]:
    """A thing that equals itself alone, so that what is made of it can be remembered."""

    value: T

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


@lru_cache(maxsize=5_000)
def _gathered(name: str, entries: tuple[_Same[Entry], ...]) -> Subject:
    """Fold entries once: one prefix of a feed after another holds much the same subjects."""
    return fold_all(name, (item.value for item in entries))


@lru_cache(maxsize=10_000)
def _share(study: _Same[Study], subject: _Same[Subject]) -> Share:
    return contribute(study.value, subject.value)


def derive(*entries: Entry, study: Study | None = None) -> Derivation:
    """See one subject through the tiny study, or another."""
    (subject,) = subjects(entries)
    return Derivation(study or tiny(), subject)


def truth(condition: str, *entries: Entry, study: Study | None = None) -> bool | None:
    """Ask a condition of a subject."""
    defined = study or tiny()
    return compiled(defined).rules.condition(condition, "")(derive(*entries, study=defined))


def measured(measure: str, *entries: Entry, study: Study | None = None) -> int | None:
    """Give a measure of a subject in units of the last place."""
    defined = study or tiny()
    quantity = compiled(defined).rules.measure(measure, "")
    value = quantity.evaluate(derive(*entries, study=defined))
    return None if value is None else value.units


def reference(ref: Mapping[str, str]) -> CellRef:
    """Name a cell as a definition does."""
    return CellRef.model_validate(ref)


def sums_of(study: Study, states: Iterable[Subject]) -> Share:
    return cells.total(_share(_Same(study), _Same(state)) for state in states)


def tables_of(study: Study, entries: Iterable[Entry]) -> dict[str, Grid]:
    sums = sums_of(study, subjects(entries))
    return {grid.id: grid for grid in report.tables(study, sums)}


def cell(grid: Grid, row: str, column: str = "total") -> Cell:
    (grid_row,) = (candidate for candidate in grid.rows if candidate.id == row)
    (row_cell,) = (candidate for candidate in grid_row.cells if candidate.column == column)
    return row_cell


def statistic(grid: Grid, row: str, column: str, name: str) -> Any:
    number = cell(grid, row, column).get(name)
    return None if number is None else number.raw


def report_of(study: Study, entries: Iterable[Entry], view: Study | None = None) -> Report:
    """Make the report of a study, as one of its audiences sees it."""
    states = sorted(subjects(entries), key=lambda subject: subject.id)
    return report.report(view or study, states, sums_of(study, states))


def with_rows(report: Report) -> Report:
    """Read the rows of a report's listings, data and narratives once, so that reports compare."""
    listings, data = (
        tuple(replace(listing, rows=list(listing.rows)) for listing in listings_given)
        for listings_given in (report.listings, report.analysis_data)
    )
    narratives = tuple(replace(each, rows=list(each.rows)) for each in report.narratives)
    return replace(report, listings=listings, analysis_data=data, narratives=narratives)


def listings_of(study: Study, entries: Iterable[Entry]) -> dict[str, Listing]:
    return {listing.id: listing for listing in with_rows(report_of(study, entries)).listings}


def files_of(
    given_report: Report, view: Study | None = None, code_version: str = ""
) -> dict[str, bytes]:
    """Read every file of a cut to its end, in the order in which they come."""
    documents = render(given_report, view or tiny(), code_version)
    return {document.name: b"".join(document.content) for document in documents}


@cache
def tmb301_documents() -> frozenset[str]:
    """Name the files of a cut of TMB-301."""
    return documents_of(tmb301())


def documents_of(study: Study) -> frozenset[str]:
    """Name the files of a cut: those of every study, the data of its listings and of tables."""
    listings = *study.definition.listings, *complete.added(study.definition)
    names = [*(listing.data_name for listing in listings), "adsets"]
    names += ["adanl"] if study.definition.tables else []
    data = (f"datasets/{name}.{ending}" for name in names for ending in ("ndjson", "parquet"))
    narratives = [NARRATIVES] if study.definition.narratives else []
    return frozenset((*DOCUMENTS, *data, *narratives))


def rows_of(listing: Listing) -> list[dict[str, Any]]:
    """Give a listing's rows as a reader sees them: by the names of their columns."""
    names = [column.id for column in listing.columns]
    return [dict(zip(names, row, strict=True)) for row in listing.rows]
