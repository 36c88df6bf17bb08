"""What the API answers to readers."""

import base64
import json
from typing import Any

import pytest
from invoking import CALLER, PROBLEM, STUDY, Service, request

from trial.definition import study

Event = dict[str, Any]
KEY_RESULT = (
    "id label population n N value unit text ci ci_text method rule observed imputed"
    " not_due missing without_row direction nominal"
)
READS = (
    "definition",
    "summary",
    "consort",
    "tables",
    "tables/14.2.1",
    "quarantine",
    "reports",
    "reports/0",
    "reports/live/summary.json",
)


@pytest.fixture
def filled(service: Service, feed: list[str]) -> Service:
    """Give a service that holds a hundred of the feed's events."""
    service.batch(*feed[:100])
    return service


@pytest.mark.parametrize("name", ["NOBODY", "a#b", "x" * 65])
@pytest.mark.parametrize("path", READS)
def test_an_unknown_study_is_404(service: Service, path: str, name: str) -> None:
    answer = service.get(path, name)
    assert (answer.status, answer.media_type, answer.json["status"]) == (404, PROBLEM, 404)


@pytest.mark.parametrize(
    "path",
    [
        "tables/99.9",
        "reports/none",
        "reports/live/summary.json",
        "reports/live/nothing.txt",
        "reports/none/summary.json",
        "nothing",
        "tables/14.2.1/more",
    ],
)
def test_what_is_not_there_is_404(service: Service, path: str) -> None:
    answer = service.get(path)
    assert (answer.status, answer.media_type, answer.json["status"]) == (404, PROBLEM, 404)


def test_the_summary_counts_accepted_revisions_and_what_was_quarantined(filled: Service) -> None:
    filled.post("{")
    document = filled.get("summary").json
    journal = [key for key in filled.items() if "#JOURNAL#" in key[0]]
    assert (document["accepted"], document["quarantined"]) == (len(journal), 1)
    assert document["cut"]["accepted"] == document["accepted"]
    members = KEY_RESULT.split()
    for key_result in document["key_results"]:
        assert list(key_result) == members
        assert key_result["value"] is None or isinstance(key_result["value"], str)


def test_tables_are_shaped_as_tables_json(filled: Service) -> None:
    tables = filled.get("tables").json["tables"]
    assert len({table["id"] for table in tables}) == len(tables) >= 12
    for table in tables:
        columns = {column["id"] for column in table["columns"]}
        for row in table["rows"]:
            assert row.keys() == {"id", "label", "level", "unit", "direction", "cells"}
            for cell in row["cells"]:
                marked = {"nominal"} if cell["statistic"] == "p" else set()
                assert cell.keys() == {"column", "statistic", "raw", "text"} | marked
                assert cell["column"] in columns
                assert not isinstance(cell["raw"], float)


def test_each_table_is_found_by_its_id(filled: Service) -> None:
    for table in filled.get("tables").json["tables"]:
        assert filled.get(f"tables/{table['id']}").json["tables"] == [table]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("", "application/json"),
        ("application/*", "application/json"),
        ("image/svg+xml", "image/svg+xml"),
        ("text/html, image/svg+xml;q=0.9", "image/svg+xml"),
    ],
)
def test_the_flow_comes_as_it_is_asked_for(filled: Service, accept: str, media_type: str) -> None:
    headers = {"Accept": accept} if accept else {}
    answer = filled.ask(request("GET", f"/studies/{STUDY}/consort", headers=headers))
    assert (answer.status, answer.media_type) == (200, media_type)


@pytest.mark.parametrize("accept", ["text/html", "image/png"])
def test_a_flow_in_no_form_there_is_is_406(filled: Service, accept: str) -> None:
    answer = filled.get("consort", accept=accept)
    assert (answer.status, answer.media_type) == (406, PROBLEM)


def test_picture_and_data_of_the_flow_say_the_same(filled: Service) -> None:
    picture = filled.get("consort", accept="image/svg+xml").text
    document = filled.get("consort").json
    assert document["study"] == STUDY
    assert "not reported" in picture.lower()
    assert "not reported" in json.dumps(document).lower()


def test_live_answers_are_those_of_the_documents(filled: Service) -> None:
    filled.stream(("STUDY#TMB-301#0", "SUBJECT#TMB301-007"))
    live = f"studies/{STUDY}/open/live"
    tables = json.loads(filled.object(f"{live}/tables.json"))
    assert filled.get("tables").json["tables"] == tables["tables"]
    summary = json.loads(filled.object(f"{live}/summary.json"))
    assert filled.get("summary").json["key_results"] == summary["key_results"]
    flow = json.loads(filled.object(f"{live}/consort.json"))
    document = filled.get("consort").json
    assert {**document, "cut": None} == {**flow, "cut": None}


def test_the_definition_in_force_can_be_read_and_put_elsewhere(
    service: Service, definition: Event
) -> None:
    result = service.get("definition").json["definition"]
    reread = study.load(json.dumps(result)).definition
    assert reread == study.load(json.dumps(definition)).definition


def test_what_was_quarantined_is_listed_in_order_of_time_with_its_sender(service: Service) -> None:
    bodies = ["{", "[", "7", '"x"']
    for body in bodies:
        service.post(body)
    rows = service.quarantined()
    assert [row["body"] for row in rows] == bodies
    for row in rows:
        assert CALLER in row.values()
        assert row["at"].endswith("Z")
        assert row["problem"]["status"] in {400, 422}


def test_a_body_that_is_no_text_is_listed_all_the_same(service: Service) -> None:
    service.post(b"\xff\x00\xfe")
    (row,) = service.quarantined()
    assert row["size"] == 3


def test_a_body_that_is_no_text_can_be_had_back(service: Service) -> None:
    service.post(b"\xff\x00\xfe")
    (row,) = service.quarantined()
    assert base64.b64decode(row["body_base64"]) == b"\xff\x00\xfe"


def test_a_report_needs_an_object_with_a_reason_or_nothing(service: Service) -> None:
    assert service.report().status == 202
    assert service.report("{}").status == 202
    for body, status in {"[]": 422, '{"reason": 7}': 422, '{"other": 1}': 422, "{": 400}.items():
        answer = service.report(body)
        assert (answer.status, answer.media_type) == (status, PROBLEM)
    assert len(service.get("reports").json["reports"]) == 2


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"as_of": "2999-01-01T00:00:00Z"}, "/as_of"),
        ({"as_of": "2016-01-01"}, "/as_of"),
        ({"cutoff": "2016-02-30"}, "/cutoff"),
        ({"cutoff": "2016-02"}, "/cutoff"),
        ({"reason": 7}, "/reason"),
        ({"other": 7}, "/other"),
    ],
)
def test_a_report_is_refused_with_its_field(service: Service, body: Event, pointer: str) -> None:
    answer = service.report(json.dumps(body))
    assert (answer.status, answer.pointers) == (422, [pointer])
    assert service.get("reports").json["reports"] == []


def test_a_subjects_history_is_every_event_in_order_and_a_whole_chain(filled: Service) -> None:
    history = filled.get("subjects/TMB301-007/history").json
    journal = [key for key in filled.items() if key[0].endswith("#JOURNAL#TMB301-007")]
    assert history["intact"] is True
    assert history["version"] == len(history["events"]) == len(journal)
    for subject in ("TMB301-999", "a b"):
        answer = filled.get(f"subjects/{subject}/history")
        assert (answer.status, answer.media_type) == (404, PROBLEM)


def test_reports_say_who_asked_when_and_why(service: Service) -> None:
    name = service.report('{"reason": "Data monitoring"}').json["report"]
    row = service.get(f"reports/{name}").json
    assert row == service.get("reports").json["reports"][0]
    assert (row["id"], row["requested_by"], row["reason"]) == (name, CALLER, "Data monitoring")
    assert (row["status"], row["cut"], row["accepted"]) == ("pending", "", 0)
    assert service.get(f"reports/{name}/summary.json").status == 404


@pytest.mark.parametrize("mounted", ["", "/trials/v2"])
@pytest.mark.parametrize("path_part", ["P:1", "P%3A1", "%50:1"])
def test_a_route_is_found_wherever_the_api_is_mounted_and_however_its_parts_are_written(
    service: Service, feed: list[str], mounted: str, path_part: str
) -> None:
    """API Gateway hands parts of a path over as they were sent, at an address of the caller's."""
    event = json.loads(feed[0]) | {"subject": "P:1"}
    assert service.post(event).status == 201
    result = request("GET", f"/studies/{STUDY}/subjects/P%3A1/history")
    assert result["resource"] == "/studies/{study}/subjects/{subject}/history"
    result["pathParameters"]["subject"] = path_part
    answer = service.ask(result | {"path": f"{mounted}{result['path']}"})
    assert (answer.status, answer.json["subject"]) == (200, "P:1")


@pytest.mark.parametrize("name", ["..%2Flatest.json", "a%2Fb", "%2F"])
def test_a_part_of_a_path_is_no_path(service: Service, name: str) -> None:
    answer = service.get(f"reports/live/{name}")
    assert (answer.status, answer.json["title"]) == (404, "Not found")


def test_bytes_that_are_no_text_are_refused_with_their_place_and_kept_as_they_came(
    service: Service, feed: list[str]
) -> None:
    """Every media type is declared as binary: API Gateway hands a body over in base 64."""
    broken = feed[0].encode().replace(STUDY.encode(), b"\xff\xfe", 1)
    place = broken.index(b"\xff")
    answer = service.post(broken)
    assert answer.status == 400
    assert answer.json["detail"] == f"invalid UTF-8 at byte {place}"
    (item,) = service.quarantined()
    assert item["body_base64"] == base64.b64encode(broken).decode()


def held(service: Service, path: str, tags: str) -> Any:
    headers = {"Accept": "*/*", "If-None-Match": tags}
    return service.ask(request("GET", f"/studies/{STUDY}/{path}", headers=headers))


@pytest.mark.parametrize("path", ["summary", "consort", "tables/14.2.1", "definition", "reports"])
def test_whoever_has_an_answer_is_told_that_it_has_not_changed(filled: Service, path: str) -> None:
    answer = filled.get(path)
    tag = answer.headers["ETag"]
    assert answer.headers["Cache-Control"] == "private, no-cache"
    for tags in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        unchanged = held(filled, path, tags)
        assert (unchanged.status, unchanged.text) == (304, "")
        assert unchanged.headers["ETag"] == tag
    assert held(filled, path, '"other"').text == answer.text


def test_an_answer_that_has_changed_comes_whole_with_another_tag(
    service: Service, feed: list[str]
) -> None:
    before = service.get("consort")
    service.batch(*feed[:20])
    after = held(service, "consort", before.headers["ETag"])
    assert after.status == 200
    assert after.headers["ETag"] != before.headers["ETag"]


def test_a_problem_and_a_link_have_no_tag(filled: Service) -> None:
    assert "ETag" not in filled.get("tables/99.9").headers
