"""Two cuts compared: which figures moved, and whose records moved them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from blinded import study_of
from builders import (
    adverse_event,
    coding,
    day,
    dose,
    enrolment,
    entry,
    event,
    viral_load,
)  # fmt: skip
from invoking import CALLER, PROBLEM, Service
from parallel import TOTAL, A, B, randomised
from responders import DEFINITION, STUDY, Document, made, post, responder

import wiring
from trial.events.blinding import HIDDEN
from trial.reporting.comparison import contributors


@pytest.fixture
def study(blank: Service, clock: Callable[..., datetime]) -> Service:
    """Give a service with a study of two responders, one with an adverse event."""
    assert blank.define(DEFINITION).status == 201
    post(blank, *responder("S-1"), *responder("S-2"))
    post(blank, adverse_event(10, subject="S-2"), coding(subject="S-2"))
    return blank


def compare(service: Service, new: Document, old: Document, path: str = "") -> Document:
    answer = service.get(f"{path}reports/{new['id']}/changes-since/{old['id']}", STUDY)
    assert answer.status == 200, answer.text
    comparison: Document = answer.json
    return comparison


def key_result(comparison: Document, name: str) -> Document | None:
    return next((item for item in comparison["key_results"] if item["id"] == name), None)


def records(comparison: Document) -> dict[tuple[str, str, str], str]:
    return {
        (subject["subject"], record["kind"], record["record"]): record["change"]
        for subject in comparison["subjects"]
        for record in subject["records"]
    }


def contributors_of(
    comparison: Document, table: str, row: str | None, column: str = "total"
) -> list[str]:
    (cell,) = [
        cell
        for cell in comparison["cells"]
        if (cell["table"], cell["row"], cell["column"]) == (table, row, column)
    ]
    moved: list[str] = cell["contributors"]
    return moved


def test_a_corrected_viral_load_flips_a_responder_and_is_named(
    study: Service, clock: Callable[..., datetime]
) -> None:
    old = made(study, clock)
    reason = "Transcription error"
    post(study, viral_load(14, 9_000, subject="S-1", revision=2, reason_for_change=reason))
    new = made(study, clock)
    comparison = compare(study, new, old)
    assert (comparison["before"]["report"], comparison["after"]["report"]) == (old["id"], new["id"])
    assert (comparison["after"]["cut"]["id"], comparison["compared"]) == (new["cut"], True)
    flipped = key_result(comparison, "responders")
    assert flipped is not None
    assert (flipped["before"]["text"], flipped["after"]["text"]) == ("2 (100%)", "1 (50%)")
    key = {"kind": "lab.result.reported", "record": "VL-14"}
    assert flipped["contributors"] == [{"subject": "S-1", "records": [key]}]
    assert key_result(comparison, "headache") is None
    (subject,) = comparison["subjects"]
    (record,) = subject["records"]
    stamp = record.pop("received")
    assert old["requested_at"] < stamp < new["requested_at"]
    assert record == {
        **key, "change": "corrected", "revision_before": 1, "revision_after": 2,
        "principal": CALLER, "source": "urn:tests", "reason_for_change": reason,
    }  # fmt: skip
    assert subject["subject"] == "S-1"
    cells = {(cell["table"], cell["row"], cell["column"]): cell for cell in comparison["cells"]}
    moved = {
        statistic["statistic"]: statistic
        for statistic in cells["one", "responders", "total"]["statistics"]
    }
    assert moved["n"]["before"] == {"raw": 2, "text": "2"}
    assert moved["n"]["after"] == {"raw": 1, "text": "1"}
    assert "N" not in moved
    assert cells["one", "responders", "total"]["contributors"] == ["S-1"]
    assert ("one", "age", "total") not in cells


def test_a_voided_adverse_event_takes_its_term_out(
    study: Service, clock: Callable[..., datetime]
) -> None:
    old = made(study, clock)
    void = {"record": "AE-1", "revision": 2, "action": "void", "reason_for_change": "Not hers"}
    post(study, entry("adverse-event.reported", "S-2", **void))
    comparison = compare(study, made(study, clock), old)
    headache = key_result(comparison, "headache")
    assert headache is not None
    assert (headache["before"]["n"], headache["after"]["n"]) == (1, 0)
    key = {"kind": "adverse-event.reported", "record": "AE-1"}
    assert headache["contributors"] == [{"subject": "S-2", "records": [key]}]
    assert records(comparison) == {("S-2", "adverse-event.reported", "AE-1"): "voided"}
    assert contributors_of(comparison, "events", "term/Nervous system disorders/Headache") == [
        "S-2"
    ]


def test_a_late_record_counts_once_it_has_come_and_an_older_revision_moves_nothing(
    study: Service, clock: Callable[..., datetime]
) -> None:
    corrected = viral_load(35, 300, subject="S-1", record="VL-35", revision=3)
    post(study, corrected)
    old = made(study, clock)
    post(study, viral_load(35, 200, subject="S-1", revision=2))
    post(study, adverse_event(9, subject="S-1"), coding(subject="S-1"))
    comparison = compare(study, made(study, clock), old)
    assert records(comparison) == {
        ("S-1", "adverse-event.coded", "C-AE-1"): "new",
        ("S-1", "adverse-event.reported", "AE-1"): "new",
    }
    headache = key_result(comparison, "headache")
    assert headache is not None
    both_records = [
        {"kind": "adverse-event.coded", "record": "C-AE-1"},
        {"kind": "adverse-event.reported", "record": "AE-1"},
    ]
    assert headache["contributors"] == [{"subject": "S-1", "records": both_records}]


def test_a_new_subject_moves_denominators_and_what_it_counts_in(
    study: Service, clock: Callable[..., datetime]
) -> None:
    old = made(study, clock)
    post(study, *responder("S-3", second_result=10_000))
    comparison = compare(study, made(study, clock), old)
    responders = key_result(comparison, "responders")
    assert responders is not None
    assert (responders["before"]["text"], responders["after"]["text"]) == ("2 (100%)", "2 (67%)")
    assert [contributor["subject"] for contributor in responders["contributors"]] == ["S-3"]
    assert contributors_of(comparison, "one", None) == ["S-3"]
    assert contributors_of(comparison, "one", "age") == ["S-3"]
    (subject,) = comparison["subjects"]
    assert (subject["subject"], len(subject["records"])) == ("S-3", 6)
    assert {record["change"] for record in subject["records"]} == {"new"}


def test_what_moved_and_moved_back_is_not_told_and_nothing_that_did_not_move(
    study: Service, clock: Callable[..., datetime]
) -> None:
    old = made(study, clock)
    post(study, viral_load(14, 9_000, subject="S-1", revision=2))
    post(study, viral_load(14, 9_000, subject="S-2", revision=2))
    post(study, viral_load(14, 1_000, subject="S-2", revision=3))
    comparison = compare(study, made(study, clock), old)
    responders = key_result(comparison, "responders")
    assert responders is not None
    assert [contributor["subject"] for contributor in responders["contributors"]] == ["S-1"]
    assert records(comparison)["S-2", "lab.result.reported", "VL-14"] == "corrected"
    unchanged = compare(study, old, old)
    assert (unchanged["key_results"], unchanged["cells"], unchanged["subjects"]) == ([], [], [])
    assert unchanged["differing_subjects"] == 0


def test_the_other_way_round_it_is_told_backwards(
    study: Service, clock: Callable[..., datetime]
) -> None:
    old = made(study, clock)
    post(study, viral_load(14, 9_000, subject="S-1", revision=2), *responder("S-3"))
    new = made(study, clock)
    forth, back = compare(study, new, old), compare(study, old, new)
    assert [item["id"] for item in forth["key_results"]] == [
        item["id"] for item in back["key_results"]
    ]
    for forwards, backwards in zip(forth["key_results"], back["key_results"], strict=True):
        assert (forwards["before"], forwards["after"]) == (backwards["after"], backwards["before"])
    changes = records(back)
    assert changes.pop(("S-1", "lab.result.reported", "VL-14")) == "earlier revision"
    assert {*changes.values()} == {"no longer in"}
    assert {name for name, *_ in changes} == {"S-3"}


def test_cuts_by_different_definitions_are_told_apart_and_their_key_results_not_mixed(
    study: Service, clock: Callable[..., datetime]
) -> None:
    old = made(study, clock)
    post(study, viral_load(14, 9_000, subject="S-1", revision=2))
    assert study.define(DEFINITION | {"title": "A study amended"}).status == 202
    study.invoke("audit", {})
    new = made(study, clock)
    comparison = compare(study, new, old)
    assert not comparison["compared"]
    assert "different definitions" in comparison["not_compared"]
    assert comparison["before"]["cut"]["definition"] != comparison["after"]["cut"]["definition"]
    assert (comparison["key_results"], comparison["cells"]) == ([], [])
    assert records(comparison) == {("S-1", "lab.result.reported", "VL-14"): "corrected"}


def test_cuts_of_before_an_amendment_are_compared_by_the_definition_of_then(
    study: Service, clock: Callable[..., datetime]
) -> None:
    old = made(study, clock)
    post(study, viral_load(14, 9_000, subject="S-1", revision=2))
    new = made(study, clock)
    before = compare(study, new, old)
    assert study.define(DEFINITION | {"title": "Amended", "key_results": []}).status == 202
    study.invoke("audit", {})
    assert compare(study, new, old) == before
    assert key_result(before, "responders") is not None


def test_a_cut_off_is_compared_as_it_was_seen(
    study: Service, clock: Callable[..., datetime]
) -> None:
    spell = {"record": "AE-2", "term": "as told", "serious": False}
    post(study, entry("adverse-event.reported", "S-1", onset=day(10), end=day(30), **spell))
    whole, cut = made(study, clock), made(study, clock, cutoff=day(20))
    comparison = compare(study, whole, cut)
    assert comparison["differing_subjects"] == 2
    assert (comparison["before"]["cut"]["cutoff"], comparison["after"]["cut"]["cutoff"]) == (
        day(20),
        None,
    )
    assert records(comparison) == {
        ("S-1", "adverse-event.reported", "AE-2"): "cut-off",
        ("S-1", "lab.result.reported", "VL-35"): "new",
        ("S-2", "lab.result.reported", "VL-35"): "new",
    }
    back = records(compare(study, cut, whole))
    assert back["S-1", "lab.result.reported", "VL-35"] == "no longer in"
    assert contributors_of(comparison, "one", "week5") == ["S-1", "S-2"]


def test_a_visit_that_a_later_cut_off_makes_due_moves_a_key_result_without_a_record(
    study: Service, clock: Callable[..., datetime]
) -> None:
    post(study, enrolment(subject="S-4", age=50, sex="M"), dose(7, subject="S-4"))
    early, late = (made(study, clock, cutoff=day(cutoff_day)) for cutoff_day in (16, 18))
    comparison = compare(study, late, early)
    assert contributors_of(comparison, "one", "not-due") == ["S-4"]
    assert [subject for subject in comparison["subjects"] if subject["records"]] == []


def test_an_instant_is_compared_by_what_was_recorded_by_then(
    study: Service, clock: Callable[..., datetime]
) -> None:
    instant = clock(hours=1)
    post(study, viral_load(14, 9_000, subject="S-1", revision=2))
    clock(hours=1)
    old, new = made(study, clock, as_of=instant.isoformat()), made(study, clock)
    comparison = compare(study, new, old)
    assert records(comparison) == {("S-1", "lab.result.reported", "VL-14"): "corrected"}
    empty_cut = made(study, clock, as_of="2025-12-31T00:00:00Z")
    assert {*records(compare(study, empty_cut, new)).values()} == {"no longer in"}


def test_reports_and_cuts_are_found_by_either_id_and_what_is_neither_is_refused(
    study: Service, clock: Callable[..., datetime]
) -> None:
    old = made(study, clock)
    post(study, viral_load(14, 9_000, subject="S-1", revision=2))
    new = made(study, clock)
    by_cut = study.get(f"reports/{new['cut']}/changes-since/{old['cut']}", STUDY)
    assert by_cut.json == compare(study, new, old)
    clock(seconds=2)
    waiting = study.report("{}", STUDY).json["report"]
    for a, b, status in (
        (new["id"], "nothing", 404), ("0" * 32, old["id"], 404), ("live", old["id"], 404),
        (waiting, old["id"], 409), (new["id"], waiting, 409),
    ):  # fmt: skip
        answer = study.get(f"reports/{a}/changes-since/{b}", STUDY)
        assert (answer.status, answer.media_type) == (status, PROBLEM)
        assert answer.json["detail"]


def test_many_subjects_come_page_by_page(
    study: Service, clock: Callable[..., datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = made(study, clock)
    post(study, *(entry_ for i in range(3, 8) for entry_ in responder(f"S-{i}")))
    new = made(study, clock)
    whole = compare(study, new, old)
    assert (len(whole["subjects"]), whole["next"]) == (5, None)
    monkeypatch.setattr(contributors, "SUBJECTS", 2)
    path, pages = f"/studies/{STUDY}/reports/{new['id']}/changes-since/{old['id']}", []
    while path:
        pages.append(study.get(path.removeprefix(f"/studies/{STUDY}/"), STUDY).json)
        path = pages[-1]["next"]
    assert [len(page["subjects"]) for page in pages] == [2, 2, 1]
    assert [subject for page in pages for subject in page["subjects"]] == whole["subjects"]
    assert {page["differing_subjects"] for page in pages} == {5}
    for i, cell in enumerate(whole["cells"]):
        assert cell["contributors"] == [
            contributor for page in pages for contributor in page["cells"][i]["contributors"]
        ]
    monkeypatch.setattr(contributors, "SUBJECTS", 100)
    for limit in ("EVENTS", "BYTES"):
        with monkeypatch.context() as patch:
            patch.setattr(contributors, limit, 1)
            page = compare(study, new, old)
        assert (len(page["subjects"]), page["next"].endswith("?after=S-3")) == (1, True)


BLINDED = json.loads(
    study_of(
        [{"summary": "age"}, {"count": "enrolled"}, {"count": "in-a"}, {"events": {}}],
        [A, B, TOTAL],
    ).source
)


def between(service: Service, arms: str, clock: Callable[..., datetime]) -> tuple[Document, str]:
    """Compare two cuts of a blinded study: subjects of some arms, one corrected, an event each."""
    assert service.define(BLINDED).status == 201
    base = [[enrolment(subject=f"S-{i}", age=30 + i), randomised(arm, f"S-{i}")]
            for i, arm in enumerate(arms)]  # fmt: skip
    post(service, *(event_ for history in base for event_ in history))
    old = made(service, clock)
    treatments = {"a": "drug", "b": "placebo"}
    reason = f"Was to have {treatments[arms[0]]}"
    revised = event(
        "subject.randomised", "S-0", **json.loads(base[0][1].body)["data"]
        | {"revision": 2, "arm": arms[1], "reason_for_change": reason},
    )  # fmt: skip
    assert service.record(revised, STUDY).status == 202
    for i, arm in enumerate(arms):
        post(
            service,
            dose(subject=f"S-{i}", treatment=treatments[arm]),
            adverse_event(subject=f"S-{i}"),
        )
    post(service, enrolment(subject="S-8", age=71), randomised(arms[0], "S-8"))
    new = made(service, clock)
    text = service.get(f"reports/{new['id']}/changes-since/{old['id']}", STUDY).text
    for report_id in (old["id"], new["id"]):
        text = text.replace(report_id, "?")
    return compare(service, new, old, "unblinded/"), text


def test_of_a_blinded_study_the_open_audience_is_told_nothing_of_arms(
    open_service: Callable[[], Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = []
    for arms in ("ab", "ba"):
        instant = datetime(2026, 1, 1, tzinfo=UTC)

        def later(**step: float) -> datetime:
            nonlocal instant
            instant += timedelta(**step)
            return instant

        monkeypatch.setattr(wiring, "now", lambda: later(milliseconds=1))
        answers.append(between(open_service(), arms, later))
    (apart, first_open), (_, second_open) = answers
    assert first_open == second_open
    openly = json.loads(first_open)
    assert "placebo" not in first_open
    assert (openly["audience"], apart["audience"]) == ("open", "unblinded")
    hidden = {
        record["reason_for_change"]
        for subject in openly["subjects"]
        for record in subject["records"]
    }
    assert HIDDEN in hidden
    assert openly["cells"]
    assert {cell["column"] for cell in openly["cells"]} == {"total"}
    assert {"a", "b"} < {cell["column"] for cell in apart["cells"]}
    assert "Was to have drug" in json.dumps(apart)
    assert contributors_of(apart, "t", "r0", "a") == ["S-0", "S-8"]
    for field in ("versions", "head", "digest"):
        assert f'"{field}"' not in first_open
