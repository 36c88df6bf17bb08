"""Interim and final over the API: what is asked for and refused, what answers and files say."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from builders import enrolment
from invoking import CALLER, PROBLEM, Service
from parallel import A, B, parallel, randomised

import wiring

STUDY = "TINY"
LOOKS = [
    {"id": "interim-1", "label": "First interim analysis", "alpha": "0.001"},
    {"id": "final", "label": "Final analysis", "alpha": "0.049"},
]
P = {"id": "p", "label": "P", "compare": ["a", "b"]}
MEN = {"id": "men", "label": "Men", "count": {"characteristic": "sex", "levels": ["M"]}}
TESTING = {"alpha": "0.05", "order": [{"table": "t", "row": "men", "column": "p"}], "looks": LOOKS}
ENDED = {"recorded": "disposition.recorded"}
DEFINITION: dict[str, Any] = json.loads(
    parallel(
        [MEN],
        [A, B, P],
        completion={"set": "randomised", "condition": ENDED, "label": "ended the study"},
        testing=TESTING,
    ).source
)
INTERIM = "Interim: 4 of 4 subjects (Randomised) have not ended the study"


@pytest.fixture
def running(blank: Service) -> Service:
    """Give a service with a study of four subjects that is running."""
    assert blank.define(DEFINITION).status == 201
    for i, arm in enumerate("aabb"):
        for item in (enrolment(subject=f"S-{i}", sex="MF"[i // 2]), randomised(arm, f"S-{i}")):
            assert blank.post(item.body, STUDY).status == 201
    return blank


def asked(service: Service, **body: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Ask for a report, have it made; give its row and its tables."""
    answer = service.report(json.dumps(body), STUDY)
    assert answer.status == 202, answer.text
    name = answer.json["report"]
    service.stream((f"STUDY#{STUDY}", f"REPORT#{name}"))
    row = service.get(f"reports/{name}", STUDY).json
    assert row["status"] == "ready"
    place = f"studies/{STUDY}/open/cuts/{row['cut']}/tables.json"
    return row, json.loads(service.object(place))


def nominal(tables: dict[str, Any]) -> list[bool]:
    cells = [cell for row in tables["tables"][0]["rows"] for cell in row["cells"]]
    return [cell["nominal"] for cell in cells if cell["statistic"] == "p"]


def end(service: Service) -> None:
    for i in range(4):
        body = {
            "specversion": "1.0", "id": f"end-{i}", "source": "urn:tests",
            "type": "org.livetlf.disposition.recorded.v1", "subject": f"S-{i}",
            "time": "2016-12-20T12:00:00Z",
            "data": {"record": "STUDY", "revision": 1, "of": "study", "status": "completed",
                     "date": "2015-09-01"},
        }  # fmt: skip
        assert service.post(body, STUDY).status == 201


def test_what_is_read_now_says_that_it_is_interim_and_that_its_p_values_are_nominal(
    running: Service,
) -> None:
    for path, place in (("summary", "cut"), ("consort", "cut"), ("tables", ""), ("tables/t", "")):
        result = running.get(path, STUDY).json
        result = result[place] if place else result
        assert result["completion"] == {
            "state": "interim", "text": INTERIM, "n": 0, "N": 4, "look": None,
        }  # fmt: skip
    assert nominal(running.get("tables", STUDY).json) == [True]
    assert INTERIM in running.get("consort", STUDY, "image/svg+xml").text


def test_once_the_last_subject_has_ended_all_of_it_is_the_final_look(running: Service) -> None:
    end(running)
    result = running.get("tables/t", STUDY).json
    assert result["completion"] == {
        "state": "final", "text": "Final: all 4 subjects (Randomised) have ended the study",
        "n": 4, "N": 4, "look": "final",
    }  # fmt: skip
    assert nominal(result) == [False]
    running.stream((f"STUDY#{STUDY}#0", "SUBJECT#S-0"))
    live = running.get("reports", STUDY).json["live"]
    assert live["completion"] == result["completion"]["text"]


def test_a_report_at_a_planned_look_confirms_at_its_alpha_and_stays_interim(
    running: Service,
) -> None:
    plain, tables = asked(running)
    assert (plain["final"], plain["look"], plain["completion"]) == (False, "", INTERIM)
    assert nominal(tables) == [True]
    row, tables = asked(running, look="interim-1")
    assert (row["final"], row["look"]) == (False, "interim-1")
    assert row["completion"] == f"{INTERIM}; planned look: First interim analysis (alpha 0.001)"
    assert nominal(tables) == [False]
    assert tables["completion"]["look"] == "interim-1"
    assert row["cut"] != plain["cut"]
    (listed, _) = running.get("reports", STUDY).json["reports"]
    assert listed == row


@pytest.mark.parametrize("body", [{"final": True}, {"look": "final"},
                                  {"final": True, "look": "final"}])  # fmt: skip
def test_a_report_asked_for_as_final_says_so_who_asked_and_why(
    running: Service, body: dict[str, Any]
) -> None:
    row, tables = asked(running, reason="Terminated by the sponsor", **body)
    assert row["final"] is True
    assert (row["requested_by"], row["reason"]) == (CALLER, "Terminated by the sponsor")
    assert row["completion"].startswith(
        "Final: asked for as final; 4 of 4 subjects (Randomised) have not ended the study"
    )
    assert nominal(tables) == [False]
    assert "sponsor" not in json.dumps(tables)
    assert CALLER not in json.dumps(tables)


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({"look": "interim-2"}, "/look", "planned looks: interim-1, final"),
        (
            {"look": "interim-1", "final": True, "reason": "x"},
            "/look",
            "must be final, the final look",
        ),
        ({"final": True}, "/reason", "must be given"),
        ({"look": "final", "reason": "  "}, "/reason", "must be given"),
        ({"final": "yes"}, "/final", ""),
        ({"look": 1}, "/look", ""),
    ],
)
def test_what_cannot_be_asked_for_is_refused_with_its_place(
    running: Service, body: dict[str, Any], pointer: str, detail: str
) -> None:
    answer = running.report(json.dumps(body), STUDY)
    assert (answer.status, answer.media_type, answer.pointers) == (422, PROBLEM, [pointer])
    assert detail in answer.json["errors"][0]["detail"]
    assert running.get("reports", STUDY).json["reports"] == []


@pytest.mark.parametrize(
    ("testing", "message"),
    [(None, "plans no looks"), ({**TESTING, "looks": []}, "planned looks: final")],
)
def test_without_looks_the_final_one_is_the_only_one(
    blank: Service, testing: Any, message: str
) -> None:
    assert blank.define(DEFINITION | {"testing": testing}).status == 201
    answer = blank.report('{"look": "interim-1"}', STUDY)
    assert message in answer.json["errors"][0]["detail"]


def test_a_look_that_is_asked_for_again_says_who_spent_it_before(running: Service) -> None:
    def ask(**body: Any) -> dict[str, Any]:
        answer: dict[str, Any] = running.report(json.dumps(body), STUDY).json
        return answer

    first = ask(look="interim-1")
    assert "earlier_reports" not in first
    assert "earlier_reports" not in ask(final=True, reason="x")
    second = ask(look="interim-1")
    assert second["earlier_reports"] == [first["report"]]
    assert set(ask(look="interim-1")["earlier_reports"]) == {first["report"], second["report"]}
    assert "earlier_reports" not in ask()


def test_an_interim_cut_and_a_final_one_of_the_same_records_differ_in_no_number(
    running: Service,
) -> None:
    before, _ = asked(running)
    after, _ = asked(running, final=True, reason="Final analysis")
    result = running.get(f"reports/{after['id']}/changes-since/{before['id']}", STUDY).json
    assert (result["compared"], result["cells"], result["key_results"]) == (True, [], [])
    states = [result[side]["cut"]["completion"]["state"] for side in ("before", "after")]
    assert states == ["interim", "final"]


def test_a_report_row_of_an_earlier_release_reads_as_asked_for_at_no_look(
    running: Service,
) -> None:
    row, _ = asked(running)
    key = {"PK": {"S": f"STUDY#{STUDY}"}, "SK": {"S": f"REPORT#{row['id']}"}}
    running.dynamodb.update_item(
        TableName=running.table,
        Key=key,
        UpdateExpression="REMOVE #final, look, completion",
        ExpressionAttributeNames={"#final": "final"},
    )
    value = wiring.reports().get(STUDY, row["id"])
    assert (value.final, value.look, value.completion) == (False, "", "")


def test_a_blinded_study_says_the_same_to_both_audiences(
    open_service: Callable[[], Service],
) -> None:
    service = open_service()
    assert service.define(DEFINITION | {"blinded": True}).status == 201
    for i, arm in enumerate("ab"):
        for item in (enrolment(subject=f"S-{i}", sex="M"), randomised(arm, f"S-{i}")):
            assert service.record(item.body, STUDY).status in {201, 202}
    texts = {
        service.get(f"{path}summary", STUDY).json["cut"]["completion"]["text"]
        for path in ("", "unblinded/")
    }
    assert texts == {"Interim: 2 of 2 subjects (Randomised) have not ended the study"}
