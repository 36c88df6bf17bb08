"""Every file of events/api, events/ingest and events/publish through its handler."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from invoking import EVENTS, PROBLEM, SINGLE, STUDY, Answer, Service, queued, streamed

import wiring
from trial.store.reports import PENDING, ReportRequest

FILES = {
    f"{function}/{path.stem}": path
    for function in ("api", "audit", "ingest", "publish")
    for path in sorted((EVENTS / function).glob("*.json"))
}
KEPT = (
    "#ASIDE",
    "#SUBMITTED",
    "PUBLISH",
    "REPORT#",
    "AUDIT",
)  # what tells of requests rather than of records
REPORT, LATER = "0" * 32, "1" * 32


def read(name: str) -> Any:
    return json.loads(FILES[name].read_text(encoding="utf-8"))


def nothing(service: Service) -> None:
    pass


def first(*names: str) -> Callable[[Service], None]:
    """Send other files before."""

    def prepare(service: Service) -> None:
        for name in names:
            service.invoke(name.split("/")[0], read(name))

    return prepare


def recorded(answer: Answer, service: Service) -> None:
    assert answer.status == 201
    assert answer.media_type == "application/json"
    assert answer.json.keys() - {"warnings"} == {"id", "status"}
    assert service.get("summary").json["accepted"] == len(journal(service))


def repeated(answer: Answer, service: Service) -> None:
    assert answer.status == 200
    assert answer.json["status"] == 200
    assert service.get("summary").json["accepted"] == 1


def corrected(answer: Answer, service: Service) -> None:
    recorded(answer, service)
    table = service.get("tables/14.3.1.1").json["tables"]
    assert table
    assert len(journal(service)) == 2


def batch_recorded(answer: Answer, service: Service) -> None:
    results = answer.json["results"]
    assert answer.status == 200
    assert [result["index"] for result in results] == list(range(20))
    posted = json.loads(read("api/post-batch")["body"])
    assert [result["id"] for result in results] == [item["id"] for item in posted]
    assert {result["status"] for result in results} <= {200, 201}
    new = sum(result["status"] == 201 for result in results)
    assert service.get("summary").json["accepted"] == new


def unreadable(answer: Answer, service: Service) -> None:
    assert answer.status == 400
    assert answer.media_type == PROBLEM
    assert answer.json["title"] == "Invalid JSON"
    assert "line 1 column " in answer.json["detail"]
    (rejected,) = service.quarantined()
    assert rejected["body"] == read("api/post-unreadable")["body"]


def document(*members: str) -> Callable[[Answer, Service], None]:
    def check(answer: Answer, service: Service) -> None:
        assert answer.status == 200
        assert answer.media_type == "application/json"
        assert {"study", *members} <= answer.json.keys()
        assert answer.json["study"] == STUDY

    return check


def submitted(answer: Answer, service: Service) -> None:
    assert (answer.status, answer.json["status"]) == (202, 202)
    assert service.settle() == []
    result = service.get("treatment-events").json["submitted"]
    assert {item["verdict"] for item in result} == {"recorded"}
    assert service.get("summary").json["accepted"] == 1


def one_table(answer: Answer, service: Service) -> None:
    assert answer.status == 200
    (table,) = answer.json["tables"]
    assert table["id"] == "14.2.1"
    assert {"title", "population", "columns", "rows"} <= table.keys()


def picture(answer: Answer, service: Service) -> None:
    assert answer.status == 200
    assert answer.media_type == "image/svg+xml"
    assert answer.text.lstrip().startswith(("<svg", "<?xml"))


def created(answer: Answer, service: Service) -> None:
    assert answer.status == 201
    assert answer.json["study"] == STUDY
    second = service.ask(read("api/put-definition"))
    assert (second.status, second.json["status"]) == (200, "unchanged")
    assert json.loads(service.get("definition").text)["study"] == STUDY


def accepted(answer: Answer, service: Service) -> None:
    assert answer.status == 202
    assert answer.headers["Location"] == f"/studies/{STUDY}/reports/{answer.json['report']}"
    (row,) = service.get("reports").json["reports"]
    assert (row["status"], row["reason"]) == ("pending", "Data monitoring")


def counted(number: int, rejected: int = 0) -> Callable[[Any, Service], None]:
    def check(answer: Any, service: Service) -> None:
        assert answer == {"batchItemFailures": []}
        summary = service.get("summary").json
        assert summary["accepted"] == len(journal(service)) == number
        rows = [key for key in service.items("#BODY#ASIDE") if key[0].endswith("#ASIDE")]
        assert len(rows) == rejected

    return check


def published(answer: Any, service: Service) -> None:
    assert not (answer or {}).get("batchItemFailures")
    latest = json.loads(service.object(f"studies/{STUDY}/open/latest.json"))
    assert latest["events"] == service.get("summary").json["accepted"] == 1


def report_made(answer: Any, service: Service) -> None:
    published(answer, service)
    row = service.get(f"reports/{REPORT}").json
    assert (row["status"], row["accepted"]) == ("ready", 1)


def swept(_answer: Any, service: Service) -> None:
    row = service.get(f"reports/{REPORT}").json
    assert (row["status"], row["accepted"]) == ("ready", 1)


def audit_asked(answer: Answer, service: Service) -> None:
    assert (answer.status, answer.json["status"]) == (202, "requested")
    assert [key for key in service.items() if key[1].startswith("AUDIT#")]


def history(answer: Answer, service: Service) -> None:
    (event,) = answer.json["events"]
    assert answer.json["intact"]
    assert event["received"] == read("api/post-adverse-event")["body"]


def erased(answer: Answer, service: Service) -> None:
    assert answer.status == 200
    assert answer.json["status"] in {"erased", "already erased"}
    result = service.ask(read("api/get-history")).json
    event, erasure = result["events"]
    assert result["intact"]
    assert event["received"] == event["body"]
    assert erasure["kind"] == "subject.erased"
    assert service.get("summary").json["accepted"] == 2


def retired(answer: Answer, service: Service) -> None:
    assert (answer.status, answer.json["status"]) == (200, "retired")
    assert service.ask(read("api/post-adverse-event")).status == 409
    assert service.get("summary").json["accepted"] == 1


def kept(answer: Answer, service: Service) -> None:
    assert answer.status == 409
    assert answer.json["title"] == "Study not deleted"
    assert service.get("summary").status == 200


def passed_by(answer: Any, service: Service) -> None:
    assert answer == {"ended": True}  # the study's documents are no run's of this name
    assert service.versions() == set()


def overtaken(answer: Any, service: Service) -> None:
    assert answer == {"ended": True}  # the study's work is no run of this name
    assert service.get("audit").status == 404


def audited(answer: Any, service: Service) -> None:
    assert not (answer or {}).get("batchItemFailures")
    result = service.get("audit").json
    report = json.loads(service.object(f"studies/{STUDY}/open/audit/report.json"))
    assert result == report | {"next": None}
    assert (result["complete"], result["events"], result["differences"]) == (True, 1, [])


def journal(service: Service) -> list[tuple[str, str]]:
    return [key for key in service.items() if "#JOURNAL#" in key[0]]


def ask_for_report(service: Service) -> None:
    first("api/post-visit")(service)
    report_request = ReportRequest(
        REPORT, PENDING, "somebody", "2026-01-01T00:00:00+00:00", "why", "", ""
    )
    wiring.reports().request(STUDY, report_request)


def two_reports(service: Service) -> None:
    ask_for_report(service)
    service.invoke("publish", read("publish/report-requested"))
    first("api/post-adverse-event")(service)
    report_request = ReportRequest(
        LATER, PENDING, "somebody", "2026-01-02T00:00:00+00:00", "why", "", ""
    )
    wiring.reports().request(STUDY, report_request)
    service.stream((f"STUDY#{STUDY}", f"REPORT#{LATER}"))


def compared(answer: Answer, service: Service) -> None:
    assert answer.status == 200
    result = answer.json
    assert (result["before"]["report"], result["after"]["report"]) == (REPORT, LATER)
    (record,) = (item for subject in result["subjects"] for item in subject["records"])
    assert (record["kind"], record["change"]) == ("adverse-event.reported", "new")


def unreadable_message(service: Service) -> None:
    service.queue("{")


def no_study(answer: Answer, service: Service) -> None:
    assert answer.status == 200
    assert [item["body"] for item in answer.json["quarantined"]] == ["{"]
    assert service.quarantined() == []


VISIT, EVENT = first("api/post-visit"), first("api/post-adverse-event")

# What each file needs before it, and what must be so after it.
EXPECTED: dict[str, tuple[Callable[[Service], None], Callable[[Any, Service], None]]] = {
    "api/delete-study": (VISIT, kept),
    "api/get-history": (EVENT, history),
    "api/post-erase": (EVENT, erased),
    "api/post-retire": (VISIT, retired),
    "api/get-changes": (two_reports, compared),
    "api/get-consort-svg": (VISIT, picture),
    "api/get-reports": (VISIT, document("live", "last_rendering", "reports")),
    "api/get-discrepancies": (VISIT, document("rules", "discrepancies", "next")),
    "api/get-quarantine": (first("api/post-unreadable"), document("count", "quarantined")),
    "api/get-quarantine-of-no-study": (unreadable_message, no_study),
    "api/get-summary": (VISIT, document("accepted", "quarantined", "key_results")),
    "api/get-table": (VISIT, one_table),
    "api/get-tables": (VISIT, document("tables", "content_root")),
    "api/post-audit": (VISIT, audit_asked),
    "audit/asked-for": (VISIT, audited),
    "audit/definition-changed": (VISIT, audited),
    "audit/nightly": (VISIT, audited),
    "audit/step": (VISIT, overtaken),
    "api/post-adverse-event": (nothing, recorded),
    "api/post-adverse-event-correction": (EVENT, corrected),
    "api/post-batch": (nothing, batch_recorded),
    "api/post-report": (nothing, accepted),
    "api/post-treatment-event": (nothing, submitted),
    "api/post-unreadable": (nothing, unreadable),
    "api/post-visit": (nothing, recorded),
    "api/post-visit-duplicate": (VISIT, repeated),
    "api/put-definition": (nothing, created),
    "ingest/adverse-event": (nothing, counted(1)),
    "ingest/batch": (nothing, counted(20)),
    "ingest/correction": (nothing, counted(2)),
    "ingest/duplicate": (nothing, counted(1)),
    "ingest/history-and-medication": (nothing, counted(9)),
    "ingest/unreadable": (nothing, counted(1, rejected=1)),
    "ingest/visit": (nothing, counted(1)),
    "publish/report-requested": (ask_for_report, report_made),
    "publish/sweep": (ask_for_report, swept),
    "publish/step": (VISIT, passed_by),
    "publish/subject-changed": (VISIT, published),
}


def test_every_event_file_has_an_expectation_and_every_expectation_a_file() -> None:
    assert EXPECTED.keys() == FILES.keys()


@pytest.mark.parametrize("name", FILES)
def test_an_event_file_does_what_it_is_for(
    name: str, blank: Service, definition: dict[str, Any]
) -> None:
    prepare, check = EXPECTED[name]
    if name != "api/put-definition":
        assert blank.define(definition).status == 201
    prepare(blank)
    function = name.split("/", maxsplit=1)[0]
    answer = blank.ask(read(name)) if function == "api" else blank.invoke(function, read(name))
    check(answer, blank)


@pytest.mark.parametrize("name", [name for name in FILES if "put-" not in name])
def test_an_event_file_sent_again_changes_no_record_and_no_total(
    name: str, service: Service
) -> None:
    EXPECTED[name][0](service)
    service.invoke(name.split("/", maxsplit=1)[0], read(name))
    before, rejected_bodies = service.items(*KEPT), service.quarantined()
    service.invoke(name.split("/", maxsplit=1)[0], read(name))
    assert service.items(*KEPT) == before
    assert service.quarantined() == rejected_bodies


def test_requests_and_batches_made_in_tests_are_shaped_as_those_of_the_files() -> None:
    message = read("ingest/visit")["Records"][0]
    assert queued("x")["Records"][0].keys() <= message.keys()
    change = read("publish/subject-changed")["Records"][0]
    assert streamed(("p", "s"))["Records"][0].keys() <= change.keys()
    assert read("api/post-visit")["headers"]["Content-Type"] == SINGLE
