"""What the API says of records that do not agree: in the answer to an event, and in a list."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from builders import TINY, death, dose, enrolment, entry, event, viral_load
from invoking import CALLER, Answer, Service, request
from parallel import parallel, randomised

from trial.reporting import discrepancies

STUDY = "TINY"
DEFINITION = json.loads(json.dumps(TINY))
BLINDED = json.loads(parallel(blinded=True).source)


@pytest.fixture
def tiny_service(open_service: Callable[[], Service]) -> Service:
    service = open_service()
    assert service.define(DEFINITION).status == 201
    return service


def post(service: Service, *entries: Any) -> list[dict[str, Any]]:
    """Post events one by one; demand that all are recorded, and give their answers."""
    answers = [service.record(entry_.body, STUDY) for entry_ in entries]
    assert {answer.status for answer in answers} <= {201, 202}
    return [answer.json for answer in answers]


def rules(answer: dict[str, Any]) -> list[str]:
    return [warning["rule"] for warning in answer.get("warnings", [])]


def listed(service: Service, query: str = "") -> Answer:
    return service.get(f"discrepancies{query}", STUDY)


D1, D2 = death(40, record="D1"), death(41, record="D2")


def test_the_event_that_raises_a_discrepancy_is_told_so_and_no_other(
    tiny_service: Service,
) -> None:
    first, first_death, second_death = post(tiny_service, enrolment(), D1, D2)
    assert "warnings" not in first
    assert rules(first_death) == ["death-without-fatal-event", "death-without-disposition"]
    assert second_death == {
        "id": "S-1/death.reported/D2/1",
        "status": 201,
        "warnings": [{
            "rule": "died-twice",
            "severity": "contradictory",
            "label": "Second death of a subject",
            "subject": "S-1",
            "records": [{"kind": "death.reported", "record": "D1"},
                        {"kind": "death.reported", "record": "D2"}],
            "detail": "dated 2015-07-11 and 2015-07-12",
        }],
    }  # fmt: skip


def test_a_repeat_a_refusal_and_a_correction_raise_nothing(tiny_service: Service) -> None:
    post(tiny_service, enrolment(), D1, D2)
    assert "warnings" not in tiny_service.post(D2.body, STUDY).json
    assert "warnings" not in tiny_service.post(event("death.reported"), STUDY).json
    void = entry("death.reported", record="D2", revision=2, action="void")
    assert post(tiny_service, void) == [{"id": "S-1/death.reported/D2/2", "status": 201}]


def test_each_event_of_a_batch_is_told_what_it_raised(tiny_service: Service) -> None:
    bodies = [enrolment().body, viral_load(0, 9, subject="S-2").body, D1.body, D2.body]
    results = tiny_service.batch(*bodies, study=STUDY).json["results"]
    assert [rules(result) for result in results] == [
        [],
        ["not-enrolled"],
        ["death-without-fatal-event", "death-without-disposition"],
        ["died-twice"],
    ]


def test_the_queue_records_the_same_and_tells_nobody(tiny_service: Service) -> None:
    bodies = [{**json.loads(entry_.body), "study": STUDY} for entry_ in (enrolment(), D1, D2)]
    assert tiny_service.queue(*bodies) == []
    listed_rows = listed(tiny_service).json["discrepancies"]
    assert "died-twice" in [row["rule"] for row in listed_rows]


def test_all_are_listed_with_rule_subject_records_and_counted_by_rule(
    tiny_service: Service,
) -> None:
    post(
        tiny_service, enrolment(), D1, D2,
        enrolment(subject="S-2"), entry("subject.superseded", "S-2", record="X", by="S-3"),
        enrolment(subject="S-3"), entry("subject.superseded", "S-3", record="X", by="S-2"),
    )  # fmt: skip
    answer = listed(tiny_service)
    assert answer.status == 200
    listed_rows = [
        (discrepancy["subject"], discrepancy["rule"])
        for discrepancy in answer.json["discrepancies"]
    ]
    assert listed_rows == [
        ("S-1", "died-twice"),
        ("S-1", "death-without-fatal-event"),
        ("S-1", "death-without-disposition"),
        ("S-2", "superseded"),
        ("S-2", "superseded-in-a-circle"),
        ("S-3", "superseded"),
        ("S-3", "superseded-in-a-circle"),
    ]
    counts = {rule["rule"]: rule["count"] for rule in answer.json["rules"]}
    assert counts["superseded-in-a-circle"] == 2
    assert sum(counts.values()) == len(listed_rows)
    assert answer.json["next"] is None


def test_a_state_is_posted_listed_and_filtered(tiny_service: Service) -> None:
    post(tiny_service, enrolment(), D1, D2)
    (one,) = listed(tiny_service, "?rule=died-twice").json["discrepancies"]
    assert (one["state"], one["decisions"]) == ("open", [])
    path = f"/studies/{STUDY}/subjects/S-1/discrepancies"
    body = {"state": "answered", "reason": "The register was asked"}
    answer = tiny_service.ask(request("POST", f"{path}/{one['id']}", body))
    assert (answer.status, answer.json["state"], answer.json["principal"]) == (
        200, "answered", CALLER,
    )  # fmt: skip
    (found,) = listed(tiny_service, "?state=answered").json["discrepancies"]
    decision = {"state": "answered", "at": answer.json["at"], "principal": CALLER}
    assert found["decisions"] == [decision | {"reason": "The register was asked"}]
    assert tiny_service.ask(request("POST", f"{path}/{'0' * 32}", body)).status == 404
    wrong = tiny_service.ask(request("POST", f"{path}/{one['id']}", {"state": "closed"}))
    assert (wrong.status, {error["pointer"] for error in wrong.json["errors"]}) == (
        422, {"/state", "/reason"},
    )  # fmt: skip


def test_rule_severity_and_subject_narrow_the_list(tiny_service: Service) -> None:
    post(tiny_service, enrolment(), D1, D2, viral_load(0, 9, subject="S-2"))
    for query, expected in (
        ("?rule=died-twice", [("S-1", "died-twice")]),
        ("?severity=contradictory", [("S-1", "died-twice")]),
        ("?subject=S-2", [("S-2", "not-enrolled")]),
        ("?subject=S-2&rule=died-twice", []),
        ("?subject=NOBODY", []),
    ):
        listed_rows = listed(tiny_service, query).json["discrepancies"]
        assert [(row["subject"], row["rule"]) for row in listed_rows] == expected, query


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("?rule=dies-twice", "/rule"),
        ("?severity=red", "/severity"),
        ("?state=closed", "/state"),
        ("?skip=x", "/skip"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_for_is_refused(
    tiny_service: Service, query: str, pointer: str
) -> None:
    answer = listed(tiny_service, query)
    assert (answer.status, answer.pointers) == (422, [pointer])


def test_a_long_list_comes_in_pages_with_nothing_twice_and_nothing_missing(
    tiny_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [entry_ for i in range(4) for entry_ in (
        enrolment(subject=f"S-{i}"), death(40, f"S-{i}", record="D1"),
        *(death(41 + n, f"S-{i}", record=f"E{n}") for n in range(3)),
    )]  # fmt: skip
    tiny_service.batch(*(entry_.body for entry_ in entries), study=STUDY)
    whole = listed(tiny_service).json["discrepancies"]
    assert len(whole) == 4 * 5
    monkeypatch.setattr(discrepancies, "MOST", 3)
    pages, path = [], "discrepancies"
    while path:
        answer = tiny_service.get(path, STUDY).json
        pages.append(answer["discrepancies"])
        path = answer["next"] and answer["next"].removeprefix(f"/studies/{STUDY}/")
    assert [item for page in pages for item in page] == whole
    assert {len(page) for page in pages[:-1]} == {3}


def test_a_dispute_is_listed_beside_the_others(tiny_service: Service) -> None:
    post(tiny_service, enrolment())
    assert tiny_service.post(enrolment(age=40).body, STUDY).status == 409
    (row,) = listed(tiny_service).json["discrepancies"]
    assert (row["rule"], row["records"][0]["record"]) == ("disputed", "R")
    assert tiny_service.get("summary", STUDY).json["discrepancies"][0]["rule"] == "disputed"


def test_the_summary_counts_what_the_list_names(tiny_service: Service) -> None:
    post(tiny_service, enrolment(), D1, D2)
    summary, answer = tiny_service.get("summary", STUDY).json, listed(tiny_service).json
    # what was decided of them is no document's
    rules = [{name: rule[name] for name in rule if name != "states"} for rule in answer["rules"]]
    assert summary["discrepancies"] == rules
    assert len(summary["discrepancy_texts"]) == len(summary["discrepancies"]) + 1  # and the flow's


def test_what_the_definition_switched_off_is_nowhere(open_service: Callable[[], Service]) -> None:
    service = open_service()
    service.define(DEFINITION | {"discrepancies": {"only": ["enrolled-twice"]}})
    assert not any(map(rules, post(service, enrolment(), D1, D2)))
    assert listed(service).json["discrepancies"] == []


class TestBlinded:
    @pytest.fixture
    def blinded(self, open_service: Callable[[], Service]) -> Service:
        service = open_service()
        assert service.define(BLINDED).status == 201
        return service

    def test_no_answer_to_an_event_is_an_oracle_for_the_arm(self, blinded: Service) -> None:
        answers = [
            post(blinded, enrolment(subject=name), randomised(arm, name),
                 dose(subject=name, treatment="drug"))
            for name, arm in (("S-1", "a"), ("S-2", "b"))
        ]  # fmt: skip
        texts = [json.dumps(answer).replace("S-2", "S-1") for answer in answers]
        assert texts[0] == texts[1]

    def test_the_unblinded_see_what_the_arm_contradicts_and_nobody_else(
        self, blinded: Service
    ) -> None:
        dose_ = dose(subject="S-2", treatment="drug")
        post(blinded, enrolment(subject="S-2"), randomised("b", "S-2"), dose_)
        assert "dosed-with-another-arm" not in listed(blinded).text
        unblinded = "unblinded/discrepancies?severity=contradictory"
        (row,) = blinded.get(unblinded, STUDY).json["discrepancies"]
        assert (row["rule"], row["records"][0]["record"]) == (
            "dosed-with-another-arm", dose_.record
        )  # fmt: skip


def test_a_path_of_the_unblinded_is_404_where_nothing_is_hidden(tiny_service: Service) -> None:
    assert tiny_service.get("unblinded/discrepancies", STUDY).status == 404
    assert tiny_service.get("discrepancies", quote("NO-SUCH")).status == 404
