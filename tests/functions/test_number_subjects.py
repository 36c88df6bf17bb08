"""Every number answers: who is in it, why, by which records; one more call says whose they are."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from blinded import COLUMNS, ROWS, study_of
from builders import (
    adverse_event,
    coding,
    disposition,
    dose,
    enrolment,
    viral_load,
)
from invoking import CALLER, PROBLEM, Answer, Service
from parallel import TOTAL, randomised
from responders import DEFINITION, STUDY, Document, made, post, responder

import wiring
from trial.reporting import tracing
from trial.reporting.tracing import people

HEADACHE = "term/Nervous system disorders/Headache"


@pytest.fixture
def study(blank: Service, clock: Callable[..., datetime]) -> Service:
    """Give a service with two responders, one with an adverse event, and one who is none."""
    assert blank.define(DEFINITION).status == 201
    post(blank, *responder("S-1"), *responder("S-2"), *responder("S-3", second_result=9_000))
    post(blank, adverse_event(10, subject="S-2"), coding(subject="S-2"))
    post(blank, enrolment(subject="S-4", age=50))
    return blank


def asked(service: Service, path: str, **query: str) -> Answer:
    return service.get(f"{path}/subjects?{urlencode(query)}", STUDY)


def found(service: Service, path: str, **query: str) -> Document:
    answer = asked(service, path, **query)
    assert answer.status == 200, answer.text
    document: Document = answer.json
    return document


def names(document: Document) -> list[str]:
    return [subject["subject"] for subject in document["subjects"]]


def of(document: Document, subject: str) -> Document:
    (only_subject,) = [
        subject_ for subject_ in document["subjects"] if subject_["subject"] == subject
    ]
    found_subject: Document = only_subject
    return found_subject


def records(subject: Document, *, decisive: bool) -> set[str]:
    return {record["record"] for record in subject["records"] if record["decisive"] is decisive}


def test_who_responded_why_and_by_which_records(study: Service) -> None:
    document = found(study, "tables/one", row="responders", column="total")
    assert (names(document), document["examined"], document["next"]) == (["S-1", "S-2"], 4, None)
    assert (document["audience"], document["cut"]) == ("open", None)
    responder_ = of(document, "S-1")
    assert (responder_["in"], responder_["counts"]) == ("numerator", {"n": 1, "N": 1})
    decrease = {"label": "RNA, decrease", "value": "1.000000", "unit": "log10 copies/mL"}
    assert responder_["values"] == [decrease]
    assert "decrease of 1.00 log10 copies/mL" in responder_["explanation"]
    assert "record VL-14" in responder_["explanation"]
    assert "baseline 4.00 log10 copies/mL on 2015-06-08, record VL-7" in responder_["explanation"]
    assert responder_["explanation"].endswith("at least 0.5 log10 copies/mL: yes")
    # Without the dose there is no baseline; without that of day 7 the one of day 0 would do.
    assert records(responder_, decisive=True) == {"VL-14", "DOSE-7", "R"}
    assert records(responder_, decisive=False) == {"VL-7"}


def test_one_call_more_gives_the_journal_rows_of_these_records(study: Service) -> None:
    post(study, viral_load(14, 2_000, subject="S-1", revision=2, reason_for_change="Misread"))
    responder_ = of(found(study, "tables/one", row="responders", column="total"), "S-1")
    revisions = {record["record"]: record["revision"] for record in responder_["records"]}
    assert revisions["VL-14"] == 2
    history = study.get(responder_["history"].removeprefix(f"/studies/{STUDY}/"), STUDY).json
    rows = [(event["kind"], event["record"], event["revision"]) for event in history["events"]]
    expected = {(record["kind"], record["record"], 1) for record in responder_["records"]}
    assert {*rows} == expected | {("lab.result.reported", "VL-14", 2)}
    assert {event["principal"] for event in history["events"]} == {CALLER}


def test_other_statistics_have_other_subjects(study: Service) -> None:
    cell = {"row": "responders", "column": "total"}
    everybody = found(study, "tables/one", **cell, statistic="N")
    assert [(subject["subject"], subject["in"]) for subject in everybody["subjects"]] == [
        ("S-1", "numerator"), ("S-2", "numerator"), ("S-3", "denominator"),
    ]  # fmt: skip
    failed = of(everybody, "S-3")
    assert failed["explanation"].endswith("at least 0.5 log10 copies/mL: no")
    assert failed["counts"] == {"n": 0, "N": 1}
    waiting = found(study, "tables/one", **cell, statistic="not_due")
    assert [(subject["subject"], subject["in"]) for subject in waiting["subjects"]] == [
        ("S-4", "not due")
    ]
    assert "no value, not yet due" in waiting["subjects"][0]["explanation"]
    assert names(found(study, "tables/one", **cell, statistic="percent")) == ["S-1", "S-2"]
    assert names(found(study, "tables/one", **cell, statistic="missing")) == []
    assert names(found(study, "tables/one", row="not-due", column="total")) == ["S-4"]


def test_denominators_levels_terms_and_means_answer_too(study: Service) -> None:
    assert names(found(study, "tables/events", column="total")) == ["S-1", "S-2", "S-3"]
    head = found(study, "tables/events", row=HEADACHE, column="total")
    assert names(head) == ["S-2"]
    first_subject = head["subjects"][0]
    assert first_subject["counts"] == {"n": 1, "N": 1, "events": 1}
    assert {"AE-1", "C-AE-1"} <= records(first_subject, decisive=True)
    assert first_subject["explanation"].startswith("Headache, onset 2015-")
    nobody = found(study, "tables/events", row="term/None/Such", column="total")
    assert names(nobody) == []
    assert names(found(study, "tables/one", row="sex/F", column="total")) == ["S-1", "S-2", "S-3"]
    missing = found(study, "tables/one", row="sex/", column="total")
    assert names(missing) == ["S-4"]
    age = found(study, "tables/one", row="age", column="total", statistic="mean")
    assert [subject["values"][0]["value"] for subject in age["subjects"]] == [
        "40",
        "40",
        "40",
        "50",
    ]


def test_a_cut_answers_with_who_was_in_it_then(
    study: Service, clock: Callable[..., datetime]
) -> None:
    old = made(study, clock)
    post(study, viral_load(14, 9_500, subject="S-1", revision=2), *responder("S-5"))
    cell = {"row": "responders", "column": "total"}
    assert names(found(study, "tables/one", **cell)) == ["S-2", "S-5"]
    for name in (old["id"], old["cut"]):
        earlier = found(study, "tables/one", **cell, cut=name)
        assert names(earlier) == ["S-1", "S-2"]
        assert earlier["cut"]["report"] == old["id"]
        assert {record["revision"] for record in of(earlier, "S-1")["records"]} == {1}
    # By the definition of then, whatever is in force now.
    fewer = DEFINITION | {"title": "Amended", "tables": DEFINITION["tables"][1:],
                          "key_results": DEFINITION["key_results"][2:]}  # fmt: skip
    assert study.define(fewer).status == 202
    study.invoke("audit", {})
    assert asked(study, "tables/one", **cell).status == 404
    assert names(found(study, "tables/one", **cell, cut=old["id"])) == ["S-1", "S-2"]
    cutoff = made(study, clock, cutoff="2015-01-10")
    assert cutoff["status"] == "ready"


def test_a_cut_off_hides_what_came_after(study: Service, clock: Callable[..., datetime]) -> None:
    early = made(study, clock, cutoff="2015-01-10")
    cell = {"row": "responders", "column": "total", "cut": early["id"]}
    assert names(found(study, "tables/one", **cell)) == []
    empty_cut = made(study, clock, as_of="2025-12-31T00:00:00Z")
    assert names(found(study, "tables/one", column="total", cut=empty_cut["id"])) == []


def test_pages_follow_each_other_even_where_one_is_empty(
    study: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(study, *(entry_ for i in range(5, 9) for entry_ in responder(f"S-{i}")))
    query = {"row": "responders", "column": "total"}
    whole = found(study, "tables/one", **query)
    assert len(whole["subjects"]) == 6
    limits: list[tuple[Any, str, Any]] = [
        (tracing, "SUBJECTS", 2), (tracing, "WORK", 1),
        (people, "LIVE_LIMITS", (1, 120_000)), (people, "LIVE_LIMITS", (2_000, 1)),
    ]  # fmt: skip
    for owner, limit, limit_value in limits:
        with monkeypatch.context() as patch:
            patch.setattr(owner, limit, limit_value)
            path, pages = f"tables/one/subjects?{urlencode(query)}", []
            while path:
                pages.append(study.get(path, STUDY).json)
                path = (pages[-1]["next"] or "").removeprefix(f"/studies/{STUDY}/")
        assert [subject for page in pages for subject in page["subjects"]] == whole["subjects"], (
            limit
        )
        assert sum(page["examined"] for page in pages) == 8
        assert len(pages) > 1
        if limit == "LIVE_LIMITS":
            assert [] in [page["subjects"] for page in pages]


def test_a_cut_comes_in_pages_too(
    study: Service, clock: Callable[..., datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_report = made(study, clock)
    post(study, viral_load(14, 9_500, subject="S-1", revision=2))
    query = {"row": "responders", "column": "total", "cut": cut_report["id"], "statistic": "N"}
    whole = found(study, "tables/one", **query)
    monkeypatch.setattr(people, "CUT_LIMITS", (1, 1_000))
    path, listed = f"tables/one/subjects?{urlencode(query)}", []
    while path:
        page = study.get(path, STUDY).json
        listed += page["subjects"]
        path = (page["next"] or "").removeprefix(f"/studies/{STUDY}/")
    assert listed == whole["subjects"]
    assert [subject_["subject"] for subject_ in listed] == ["S-1", "S-2", "S-3"]


def test_no_row_of_sums_is_read_for_it(study: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    reads_made: list[str] = []
    table = type(wiring.table())
    query = table.query

    def noted(self: Any, partition: str, start: str = "", after: str = "") -> Any:
        reads_made.append(f"{partition} {start}")
        return query(self, partition, start, after)

    monkeypatch.setattr(table, "query", noted)
    assert names(found(study, "tables/one", row="responders", column="total")) == ["S-1", "S-2"]
    assert reads_made == [f"STUDY#{STUDY}#0 SUBJECT#"]


def test_of_a_subject_with_many_records_those_that_the_rule_took_are_tried(
    study: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = {"row": "responders", "column": "total"}
    monkeypatch.setattr(tracing, "MOST_TRIED", 3)
    responder_ = of(found(study, "tables/one", **query), "S-1")
    assert (records(responder_, decisive=True), records(responder_, decisive=False)) == (
        {"VL-14"},
        {"VL-7"},
    )
    monkeypatch.setattr(tracing, "MOST_WORK", 3)
    responder_ = of(found(study, "tables/one", **query), "S-1")
    assert {record["record"]: record["decisive"] for record in responder_["records"]} == {
        "VL-7": None, "VL-14": None,
    }  # fmt: skip


def test_boxes_of_the_flow_answer(study: Service) -> None:
    post(study, disposition(50, subject="S-1"), disposition(50, "completed", subject="S-2"))
    flow = study.get("consort", STUDY).json
    sizes = {
        box["id"]: box["n"] for stage in flow["stages"] for box in [*stage["boxes"], *stage["side"]]
    }
    for name, n in sizes.items():
        assert len(found(study, "consort", box=name)["subjects"]) == (n or 0), name
    leavers = found(study, "consort", box="left")
    assert names(leavers) == ["S-1", "S-2"]
    assert records(leavers["subjects"][0], decisive=True) == {"STUDY"}
    assert names(found(study, "consort", box="left", reason="DEATH")) == ["S-1"]
    assert names(found(study, "consort", box="left", reason="OTHER")) == []


def test_key_results_answer_by_their_ids(study: Service) -> None:
    for result in study.get("summary", STUDY).json["key_results"]:
        document = found(study, "summary", key_result=result["id"])
        assert document["number"]["key_result"] == result["id"]
        if result["id"] != "p":
            assert len(document["subjects"]) == result["n"]


FIGURES = [
    {"id": kind, "title": "F", "population": "P", "kind": kind, "x_label": "X", "y_label": "Y",
     "source": source}
    for kind, source in {
        "waterfall": {"table": "f", "row": "each"}, "mean": {"table": "f", "row": "visits"},
        "dots": {"table": "events", "row": "term"}, "survival": {"table": "f", "row": "time"},
    }.items()
]  # fmt: skip
DRAWN = DEFINITION | {
    "times": {"low": {"label": "Low", "start": "enrolment",
                      "events": [{"parameter": "viral-load", "below": 5_000}]}},
    "tables": [*DEFINITION["tables"], {
        "id": "f", "title": "F", "population": "P",
        "columns": [{"id": "total", "label": "Total", "set": "enrolled"}],
        "rows": [
            {"id": "each", "label": "Each", "summary": "day14-decrease", "statistics": ["median"]},
            {"id": "visits", "label": "Visits", "visits": ["day-0", "day-14"],
             "summary": {"parameter": "viral-load"}},
            {"id": "time", "label": "Time", "survival": {"time": "low"}},
        ]}],
    "figures": FIGURES,
}  # fmt: skip


def test_marks_of_figures_answer(blank: Service, clock: Callable[..., datetime]) -> None:
    assert blank.define(DRAWN).status == 201
    post(blank, *responder("S-1"), *responder("S-2"), *responder("S-3", second_result=9_000))
    post(blank, adverse_event(10, subject="S-2"), coding(subject="S-2"))
    series = {"series": "total"}
    assert names(found(blank, "figures/waterfall", **series)) == ["S-1", "S-2", "S-3"]
    assert names(found(blank, "figures/waterfall", **series, mark="1")) == ["S-1", "S-2"]
    assert names(found(blank, "figures/mean", **series, mark="day-14")) == ["S-1", "S-2", "S-3"]
    term = "Nervous system disorders/Headache"
    assert names(found(blank, "figures/dots", **series, mark=term)) == ["S-2"]
    assert names(found(blank, "figures/survival", **series, mark="15")) == ["S-1", "S-2"]
    assert names(found(blank, "figures/survival", **series, mark="36")) == ["S-3"]
    late = found(blank, "figures/survival", **series, mark="16", statistic="at_risk")
    assert names(late) == ["S-3"]
    for query in ({"series": "none"}, {"series": "total", "mark": "soon"}):
        assert asked(blank, "figures/survival", **query).status in {404, 422}


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("tables/none", {"column": "total"}, 404),
        ("tables/one", {"column": "none"}, 404),
        ("tables/one", {"row": "none", "column": "total"}, 404),
        ("tables/one", {"row": "responders", "column": "second"}, 404),
        ("tables/one", {"row": "responders"}, 422),
        ("tables/one", {"column": "total", "statistic": "n; x"}, 422),
        ("tables/one", {"column": "total", "cut": "none"}, 404),
        ("summary", {}, 422),
        ("summary", {"key_result": "none"}, 404),
        ("consort", {"box": "none"}, 404),
        ("consort", {"box": "enrolled", "arm": "a"}, 404),
        ("consort", {"box": "enrolled", "reason": "a"}, 404),
        ("figures/none", {"series": "total"}, 404),
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused(
    study: Service, path: str, query: dict[str, str], status: int
) -> None:
    answer = asked(study, path, **query)
    assert (answer.status, answer.media_type) == (status, PROBLEM)
    assert answer.json.get("detail") or answer.json["errors"]


def test_of_an_erased_subject_the_numbers_stay_and_no_text(study: Service) -> None:
    secret = "As she told it"
    post(study, adverse_event(12, record="AE-9", subject="S-1", term=secret))
    before = found(study, "tables/events", row="any", column="total")
    study.ask(_erasure("S-1"))
    after = found(study, "tables/events", row="any", column="total")
    assert names(after) == names(before) == ["S-1", "S-2"]
    assert secret not in json.dumps(after)


def _erasure(subject: str) -> Any:
    from invoking import request  # noqa: PLC0415 (beside its only use)

    path = f"/studies/{STUDY}/subjects/{subject}/erase"
    return request("POST", path, {"reason": "Asked for"}, {"Content-Type": "application/json"})


BLINDED = json.loads(study_of(ROWS[::6], [*COLUMNS[:3], TOTAL]).source)


def told(service: Service, arms: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give what each audience is told of every number of a blinded study."""
    assert service.define(BLINDED).status == 201
    treatments = {"a": "drug", "b": "placebo"}
    for i, arm in enumerate(arms):
        name = f"S-{i}"
        post(service, enrolment(subject=name, age=30 + i, sex="MF"[i % 2]), randomised(arm, name))
        post(service, dose(subject=name, treatment=treatments[arm]), adverse_event(subject=name))
        post(service, coding(subject=name), viral_load(0, 5_000, subject=name))
    answers: list[dict[str, Any]] = []
    for prefix in ("", "unblinded/"):
        by_number: dict[str, Any] = {}
        for table in service.get(f"{prefix}tables", STUDY).json["tables"]:
            cells = [("", column["id"]) for column in table["columns"]]
            cells += [(row["id"], cell["column"]) for row in table["rows"] for cell in row["cells"]]
            for row, column in cells:
                query = urlencode({"row": row, "column": column, "statistic": "N"})
                path = f"{prefix}tables/{table['id']}/subjects?{query}"
                answer = service.get(path, STUDY)
                by_number[f"{table['id']} {row} {column}"] = answer.status, answer.text
        answers.append(by_number)
    return answers[0], answers[1]


def test_of_a_blinded_study_the_open_audience_is_told_nothing_of_arms(
    open_service: Callable[[], Service], clock: Callable[..., datetime]
) -> None:
    (first_open, apart), (second_open, _) = (
        told(open_service(), arms) for arms in ("abba", "baab")
    )
    assert first_open == second_open
    assert len(first_open) > 10
    assert {status for status, _ in first_open.values()} == {200}
    assert "placebo" not in json.dumps(first_open)
    assert '"arm"' not in json.dumps(first_open)
    assert first_open.keys() < apart.keys()
    by_arm = json.loads(apart["t  a"][1])
    assert names(by_arm) == ["S-0", "S-3"]
    assert by_arm["subjects"][0]["history"].startswith(f"/studies/{STUDY}/unblinded/subjects/S-0/")


def test_what_only_the_unblinded_may_read_is_not_there_for_others(
    blank: Service, clock: Callable[..., datetime]
) -> None:
    assert blank.define(BLINDED).status == 201
    post(blank, enrolment(subject="S-0", age=30), randomised("a", "S-0"))
    for column in ("a", "b"):
        answer = asked(blank, "tables/t", column=column)
        assert answer.status == 404
        assert "/unblinded" in answer.json["detail"]
    assert names(found(blank, "unblinded/tables/t", column="a")) == ["S-0"]
