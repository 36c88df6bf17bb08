"""Reports of an earlier state: as recorded by an instant, and as of a clinical date.

What a report must show is found here by other means: for an instant, by what was published then;
for a date, by a study that was only ever sent what had happened by then.
"""

import copy
import io
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any

import pytest
from invoking import PROBLEM, STUDY, Service, forget, streamed
from python_calamine import CalamineWorkbook

import wiring
from trial.reporting import publishing

Event = dict[str, Any]
Documents = dict[str, bytes]

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
SUBJECTS = ("TMB301-007", "TMB301-024", "TMB301-037", "TMB301-004", "TMB301-009")
LIVE, CUTS = f"studies/{STUDY}/open/live/", f"studies/{STUDY}/open/cuts/"
CHANGED = (f"STUDY#{STUDY}#0", "SUBJECT#TMB301-007")


class Clock:
    """The service's clock, moved by hand; a little by itself, as clocks do."""

    def __init__(self) -> None:
        self.at = BEGAN

    def __call__(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr(wiring, "now", clock)
    yield clock
    forget()


@pytest.fixture
def history(feed: list[str]) -> list[Event]:
    """Give five subjects' events with corrections and voids among them, in no order."""
    rng = random.Random(301)  # noqa: S311 (an order)
    events = [json.loads(line) for line in feed]
    events = [item for item in events if item["subject"] in SUBJECTS]
    items = []
    for event in rng.sample(in_force(events), 30):
        repeat = copy.deepcopy(event)
        repeat["id"] += "-again"
        revision = event["data"]["revision"] + 1
        repeat["data"] |= {"revision": revision, "reason_for_change": "transcription error"}
        if rng.random() < 0.3:
            values = {"record": repeat["data"]["record"], "revision": revision, "action": "void"}
            repeat["data"] = values | {"reason_for_change": "entered in error"}
        elif "result" in repeat["data"]:
            repeat["data"]["result"] = str(rng.randrange(30, 900))
        items.append(repeat)
    events += items
    rng.shuffle(events)
    return events


def post(service: Service, events: list[Event], study: str = STUDY) -> None:
    for start in range(0, len(events), 100):
        batch = [event | {"study": study} for event in events[start : start + 100]]
        answer = service.batch(*batch, study=study)
        assert {result["status"] for result in answer.json["results"]} <= {200, 201}, answer.text


def live(service: Service) -> Documents:
    service.stream(CHANGED)
    keys = {key for key, _ in service.versions(LIVE)}
    return {key.removeprefix(LIVE): service.object(key) for key in keys}


def ask(service: Service, study: str = STUDY, **members: str) -> tuple[Any, Documents]:
    """Ask for a report, have it made, and give it with its documents.

    The stream brings word of it alone: live documents, which nobody looks at here, are not made.
    """
    answer = service.report(json.dumps(members), study)
    assert answer.status == 202, answer.text
    name = answer.json["report"]
    service.invoke("publish", streamed((f"STUDY#{study}", f"REPORT#{name}")))
    result = service.get(f"reports/{name}", study).json
    assert result["status"] == "ready"
    place = f"studies/{study}/open/cuts/{result['cut']}/"
    keys = {key for key, _ in service.versions(place)}
    return result, {key.removeprefix(place): service.object(key) for key in keys}


def shown(files: Documents) -> dict[str, Any]:
    """Give all that documents show, but for what names the cut itself."""
    tables, summary, consort = (
        json.loads(files[f"{name}.json"]) for name in ("tables", "summary", "consort")
    )
    book = CalamineWorkbook.from_filelike(io.BytesIO(files["listings.xlsx"]))
    sheets = {
        name: list(takewhile(lambda row: not str(row[0]).startswith("Source:"), _rows(book, name)))
        for name in book.sheet_names
        if name.startswith(("14.", "16."))
    }
    assert all(sheets.values())
    return {
        "tables": tables["tables"],
        "key_results": summary["key_results"],
        "discrepancy_texts": summary["discrepancy_texts"],
        "stages": consort["stages"],
        "sheets": sheets,
    }


def _rows(book: CalamineWorkbook, sheet: str) -> Iterator[list[Any]]:
    for row in book.get_sheet_by_name(sheet).to_python():
        if not str(row[0]).startswith("Protocol "):
            yield row


def same(answers: dict[str, Any], expected: dict[str, Any]) -> None:
    """Demand equality, part by part, for the difference to be legible."""
    for name, sheet in expected["sheets"].items():
        assert answers["sheets"][name] == sheet
    for name in ("tables", "key_results", "discrepancy_texts", "stages"):
        assert answers[name] == expected[name]


def root(files: Documents) -> str:
    content_root: str = json.loads(files["manifest.json"])["cut"]["content_root"]
    return content_root


def test_as_of_an_instant_shows_what_was_published_then(
    blank: Service, clock: Clock, definition: Event, history: list[Event]
) -> None:
    blank.define(definition)
    versions: list[tuple[datetime, Documents]] = []
    for start, end in ((0, 60), (60, 150), (150, 200)):
        post(blank, history[start:end])
        clock.at += timedelta(seconds=1)
        versions.append((clock.at, live(blank)))
        clock.at += timedelta(hours=1)
    post(blank, history[200:])
    clock.at += timedelta(hours=1)
    for instant, published in versions:
        result, files = ask(blank, as_of=instant.isoformat())
        same(shown(files), shown(published))
        assert root(files) == root(published)
        assert result["accepted"] == json.loads(published["manifest.json"])["cut"]["accepted"]
    assert len({root(published) for _, published in versions}) == 3
    result, files = ask(blank, as_of=(BEGAN - timedelta(days=1)).isoformat())
    assert result["accepted"] == 0


def test_an_instant_is_the_same_in_every_time_zone(
    blank: Service, clock: Clock, definition: Event, history: list[Event]
) -> None:
    blank.define(definition)
    post(blank, history[:40])
    instant = clock.at
    clock.at += timedelta(hours=1)
    post(blank, history[40:80])
    clock.at += timedelta(hours=1)
    away = instant.astimezone(datetime.fromisoformat("2026-01-01T00:00-05:00").tzinfo)
    assert (
        ask(blank, as_of=instant.isoformat())[0]["cut"]
        == (ask(blank, as_of=away.isoformat())[0]["cut"])
    )


def test_the_same_cut_asked_for_later_has_the_same_bytes(
    blank: Service, clock: Clock, definition: Event, history: list[Event],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    blank.define(definition)
    post(blank, history[:120])
    values = {"as_of": clock.at.isoformat(), "cutoff": "2015-12-31"}
    clock.at += timedelta(hours=1)
    result, files = ask(blank, **values)
    post(blank, history[120:])
    clock.at += timedelta(days=1)
    forget()
    monkeypatch.setattr(wiring, "code_version", lambda: "another deploy")
    repeated, later = ask(blank, **values)
    assert repeated["cut"] == result["cut"]
    first, second = (json.loads(item.pop("manifest.json")) for item in (files, later))
    assert later == files
    assert second.pop("code_version") == "another deploy" != first.pop("code_version")
    assert second == first


DECIDED_BY = {
    "adverse-event.reported": "onset",
    "lab.result.reported": "collected",
    "resistance.reported": "collected",
    "dose.administered": "start",
    "conmed.recorded": "start",
}


def in_force(events: list[Event]) -> list[Event]:
    """Give each record's highest revision, unless it is void."""
    records: dict[tuple[str, str, str], Event] = {}
    for event in events:
        key = event["subject"], event["type"], event["data"]["record"]
        if key not in records or records[key]["data"]["revision"] < event["data"]["revision"]:
            records[key] = event
    return [record for record in records.values() if record["data"].get("action") != "void"]


def happened_by(events: list[Event], cutoff: str) -> list[Event]:
    """Keep what had happened by a date; text comparison suffices for whole and partial dates."""
    records = in_force(events)
    items = []
    for event in records:
        kind = event["type"].removeprefix("org.livetlf.").removesuffix(".v1")
        data = event["data"]
        decided = data.get(DECIDED_BY.get(kind, "date"))
        if kind == "adverse-event.coded":
            about = [
                record["data"]
                for record in records
                if record["subject"] == event["subject"]
                and "adverse-event.reported" in record["type"]
                and record["data"]["record"] == data["adverse_event"]
            ]
            decided = about[0].get("onset") if about else None
        if decided and (decided + "-01-01")[:10] > cutoff:
            continue
        event = copy.deepcopy(event)  # noqa: PLW2901
        end = event["data"].get("end")
        if end and (end + "-01-01")[:10] > cutoff:
            del event["data"]["end"]
            if kind == "adverse-event.reported":
                event["data"]["outcome"] = "NOT RECOVERED/NOT RESOLVED"
        items.append(event)
    return items


@pytest.mark.parametrize("cutoff", ["2015-09-30", "2016-02-29"])
def test_a_cut_off_shows_only_what_had_happened_by_then(
    blank: Service, definition: Event, history: list[Event], cutoff: str
) -> None:
    blank.define(definition)
    blank.define(definition | {"study": "PAST"})
    post(blank, history)
    _, files = ask(blank, cutoff=cutoff)
    result = happened_by(history, cutoff)
    assert 50 < len(result) < len(in_force(history))
    post(blank, result, "PAST")
    _, past = ask(blank, "PAST", cutoff=cutoff)
    same(shown(files), shown(past))
    assert json.loads(files["manifest.json"])["cut"]["data_date"] <= cutoff


def test_the_data_date_of_a_cut_off_lies_within_it_though_a_dose_ended_the_next_day(
    service: Service,
) -> None:
    base = one_subject(definition_day="2015-06-01")
    base[1]["data"] |= {"start": "2015-06-08T23:30", "end": "2015-06-09T00:10"}
    post(service, base)
    _, files = ask(service, cutoff="2015-06-08")
    assert json.loads(files["manifest.json"])["cut"]["data_date"] <= "2015-06-08"


def event(kind: str, **data: Any) -> Event:
    return {
        "specversion": "1.0",
        "id": f"{kind}-{data['record']}-{data.get('revision', 1)}",
        "source": "urn:tmb-301:edc",
        "type": f"org.livetlf.{kind}.v1",
        "subject": "TMB301-900",
        "time": "2016-12-01T10:00:00Z",
        "study": STUDY,
        "data": {"revision": 1, **data},
    }


def one_subject(definition_day: str = "2015-06-01") -> list[Event]:
    """Enrol and treat a subject of whom nothing more is heard."""
    enrolled = event(
        "subject.enrolled", record="ENROLMENT", date=definition_day, site="101", age=50, sex="F",
        characteristics={},
    )  # fmt: skip
    dose = event(
        "dose.administered", record="D1", visit="day-7", treatment="ibalizumab", amount=2000,
        unit="mg", start="2015-06-08T10:00", end="2015-06-08T10:30",
    )  # fmt: skip
    return [enrolled, dose]


def statistic(files: Documents, table: str, row: str, column: str, name: str) -> Any:
    (raw,) = [
        cell["raw"]
        for item in json.loads(files["tables.json"])["tables"]
        if item["id"] == table
        for line in item["rows"]
        if line["id"] == row
        for cell in line["cells"]
        if (cell["column"], cell["statistic"]) == (column, name)
    ]
    return raw


def listed(files: Documents, listing: str) -> list[dict[str, Any]]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(files["listings.xlsx"]))
    cells = book.get_sheet_by_name(listing).to_python()
    rows = [[None if cell == "" else cell for cell in row] for row in cells]
    header = next(row for row in rows if "Subject" in row)
    values = [dict(zip(header, row, strict=True)) for row in rows]
    return [item for item in values if str(item["Subject"]).startswith("TMB301-")]


@pytest.mark.parametrize(("cutoff", "not_due"), [("2015-06-18", 1), ("2015-06-19", 0)])
def test_a_visit_is_due_once_the_cut_off_lies_beyond_its_window(
    service: Service, cutoff: str, not_due: int
) -> None:
    post(service, one_subject())  # enrolled 1 June: the window of day 14 ends on 18 June
    _, files = ask(service, cutoff=cutoff)
    assert statistic(files, "14.2.1", "not-due", "day-14", "n") == not_due
    _, now = ask(service)  # nothing was ever recorded beyond day 7
    assert statistic(now, "14.2.1", "not-due", "day-14", "n") == 1


def test_an_event_that_ended_later_reads_as_ongoing_and_one_that_began_later_is_not_there(
    service: Service,
) -> None:
    fields = {"serious": False, "outcome": "RECOVERED/RESOLVED", "term": "Rash"}
    spans = {
        "A": ("2015-06-10", "2015-07-02"),
        "B": ("2015-06-10", "2015-06-30"),
        "C": ("2015-07-01", "2015-07-02"),
        "D": ("2015-06", "2015-07"),
        "E": ("2015-06", "2015"),
    }
    events = [
        event("adverse-event.reported", record=name, onset=onset, end=end, **fields)
        for name, (onset, end) in spans.items()
    ]
    post(service, [*one_subject(), *events])
    _, files = ask(service, cutoff="2015-06-30")
    values = {row["Event"]: (row["End"], row["Outcome"]) for row in listed(files, "16.2.7")}
    ongoing, recovered = "NOT RECOVERED/NOT RESOLVED", "RECOVERED/RESOLVED"
    assert values == {
        "A": (None, ongoing),
        "B": ("2015-06-30", recovered),
        "D": (None, ongoing),
        "E": ("2015", recovered),  # the earliest that it can mean
    }


def test_what_is_known_of_the_past_is_what_was_known_at_the_instant(
    blank: Service, clock: Clock, definition: Event
) -> None:
    """A correction that moves an onset across the cut-off counts once it was known."""
    blank.define(definition)
    fields = {"term": "Rash", "serious": False, "record": "A"}
    post(blank, [*one_subject(), event("adverse-event.reported", onset="2015-07-05", **fields)])
    before = clock.at
    clock.at += timedelta(hours=1)
    corrected = {"revision": 2, "reason_for_change": "found later", "onset": "2015-06-20"}
    post(blank, [event("adverse-event.reported", **fields, **corrected)])
    clock.at += timedelta(hours=1)
    _, early = ask(blank, as_of=before.isoformat(), cutoff="2015-06-30")
    _, late = ask(blank, cutoff="2015-06-30")
    assert (len(listed(early, "16.2.7")), len(listed(late, "16.2.7"))) == (0, 1)


@pytest.mark.parametrize("end", [{"end": "2015-07-20"}, {}])
def test_a_death_after_the_cut_off_is_not_known_before_it(
    service: Service, end: dict[str, str]
) -> None:
    """A fatal event ends with the death, said or not; its grade before is not known."""
    criteria = ["HOSPITALISATION", "DEATH"]
    post(
        service,
        [
            *one_subject(),
            event(
                "adverse-event.reported", record="A", onset="2015-06-20", term="Sepsis",
                serious=True, seriousness=criteria, outcome="FATAL", grade=5, **end,
            ),
            event("death.reported", record="DEATH", date="2015-07-20", cause="Sepsis"),
            event(
                "disposition.recorded", record="STUDY", of="study", status="discontinued",
                reason="DEATH", date="2015-07-20",
            ),
        ],
    )  # fmt: skip
    _, files = ask(service, cutoff="2015-06-30")
    assert listed(files, "16.2.9") == []
    (item,) = listed(files, "16.2.7")
    assert (item["Outcome"], item["Grade"]) == ("NOT RECOVERED/NOT RESOLVED", None)
    assert (item["Serious"], item["Seriousness criteria"]) == ("Y", "HOSPITALISATION")
    _, files = ask(service, cutoff="2015-07-20")
    (item,) = listed(files, "16.2.7")
    assert (item["Outcome"], item["Grade"]) == ("FATAL", 5)


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ('{"as_of": "yesterday"}', ["/as_of"]),
        ('{"as_of": "2026-01-01"}', ["/as_of"]),
        ('{"as_of": "2026-01-01T00:00:00"}', ["/as_of"]),
        ('{"as_of": 20260101}', ["/as_of"]),
        ('{"as_of": "0001-01-01T00:00:00+14:00"}', ["/as_of"]),
        ('{"as_of": "9999-12-31T23:59:59-12:00"}', ["/as_of"]),
        ('{"cutoff": "2015-06"}', ["/cutoff"]),
        ('{"cutoff": "2015-02-30"}', ["/cutoff"]),
        ('{"cutoff": "2015-06-30T00:00"}', ["/cutoff"]),
        ('{"reason": 5}', ["/reason"]),
        ('{"since": "2015-06-30"}', ["/since"]),
        ('{"as_of": "x", "cutoff": "y"}', ["/as_of", "/cutoff"]),
    ],
)
def test_what_cannot_be_asked_for_is_named(
    service: Service, body: str, pointers: list[str]
) -> None:
    answer = service.report(body)
    assert (answer.status, answer.media_type) == (422, PROBLEM)
    assert answer.pointers == pointers
    assert service.get("reports").json["reports"] == []


@pytest.mark.parametrize(("seconds", "status"), [(-3_600, 422), (0, 422), (59, 422), (61, 202)])
def test_an_instant_must_be_a_minute_old(
    blank: Service, clock: Clock, definition: Event, seconds: int, status: int
) -> None:
    blank.define(definition)
    text = (clock.at - timedelta(seconds=seconds)).isoformat()
    answer = blank.report(json.dumps({"as_of": text}))
    assert answer.status == status
    if status == 422:
        assert answer.pointers == ["/as_of"]


@pytest.mark.parametrize(("body", "status"), [("[]", 422), ("7", 422), ("{", 400), ("null", 422)])
def test_what_is_no_request_is_refused(service: Service, body: str, status: int) -> None:
    answer = service.report(body)
    assert (answer.status, answer.media_type) == (status, PROBLEM)


def test_a_report_that_cannot_be_made_says_so(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for it must not wait for ever."""
    from trial.render import documents  # noqa: PLC0415

    post(service, one_subject())
    name = service.report("{}").json["report"]
    with monkeypatch.context() as patch:
        patch.setattr(documents, "workbook", lambda _report: 1 // 0)
        service.stream((f"STUDY#{STUDY}", f"REPORT#{name}"))
    assert service.get(f"reports/{name}").json["status"] == "failed"


def test_a_report_that_cannot_be_made_stops_no_other_and_not_the_live_documents(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(service, one_subject())
    names = sorted(service.report('{"cutoff": "2015-06-30"}').json["report"] for _ in range(3))
    make_report, failing = publishing._make_report, names[0]

    def broken(*args: Any) -> None:
        assert args[3].id != failing
        make_report(*args)

    monkeypatch.setattr(publishing, "_make_report", broken)
    service.stream(*[(f"STUDY#{STUDY}", f"REPORT#{name}") for name in names])
    states = [service.get(f"reports/{name}").json["status"] for name in names]
    assert states == ["failed", "ready", "ready"]
    assert json.loads(service.object(f"studies/{STUDY}/open/latest.json"))["events"] > 0
