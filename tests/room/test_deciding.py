"""Discrepancies are decided on: by whom, of what, and what becomes of it once records change."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest
from builders import TINY, day, death, disposition, dose, enrolment, entry
from parallel import parallel, randomised
from rooms import ADMINISTRATOR, MANAGER, READER, TOKEN, UNBLINDED, Room, text_of

import wiring
from trial.commands import clarification
from trial.definition.study import Study
from trial.errors import Rejected
from trial.reporting import discrepancies
from trial.room import trail
from trial.store.dynamodb import Store
from trial.web.routing import Answer

START = "/studies/TINY"
LIST = f"{START}/discrepancies"
D1, D2 = death(40, record="D1"), death(41, record="D2")


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    room = Room(monkeypatch)
    study = room.define(json.dumps(TINY))
    room.record(study, [enrolment(), enrolment(subject="S-2", site="202"), D1, D2])
    return room


def study_of(room: Room) -> Study:
    return room.store.study("TINY")


def listed(room: Room, view: Study | None = None, **query: str) -> dict[str, object]:
    document, _ = discrepancies.list_page(
        room.store,
        wiring.discrepancy_states(),
        view or study_of(room),
        discrepancies.parse_query(query),
    )
    return document


def ids(room: Room, view: Study | None = None, **query: str) -> dict[str, str]:
    """Give the ids of discrepancies by their rules."""
    rows = listed(room, view, **query)["discrepancies"]
    return {row["rule"]: row["id"] for row in rows}  # type: ignore[attr-defined]


def decide(
    room: Room,
    name: str,
    who: object = MANAGER,
    state: str = "accepted",
    reason: str = "Both right",
) -> Answer:
    path = f"{LIST}/S-1/{name}"
    return room.answer(path, who, "POST", csrf=TOKEN, state=state, reason=reason)  # type: ignore[arg-type]


def test_a_decision_is_shown_with_who_when_and_why_counted_and_found_by_its_state(
    room: Room,
) -> None:
    before = ids(room)
    one = before["died-twice"]
    answer = decide(room, one, reason="Certificates ordered", state="answered")
    assert (answer.status, answer.headers["Location"]) == (303, f"{LIST}/S-1/{one}")
    assert decide(room, one).status == 303
    assert ids(room) == before
    assert ids(room, state="accepted") == {"died-twice": one}
    assert ids(room, state="open") == {k: v for k, v in before.items() if k != "died-twice"}
    rules = {row["rule"]: row for row in listed(room)["rules"]}  # type: ignore[attr-defined]
    assert rules["died-twice"]["states"] == {"open": 0, "answered": 0, "accepted": 1}
    assert all(sum(row["states"].values()) == row["count"] for row in rules.values())
    (site,) = listed(room)["sites"]  # type: ignore[misc]
    assert Counter(site["rules"]) - Counter(site["open"]) == {"died-twice": 1}
    shown = text_of(room.page(f"{LIST}/S-1/{one}"))
    assert "issuer|somebody answered Certificates ordered" in shown
    assert "issuer|somebody accepted Both right" in shown
    assert "accepted : Both right" in text_of(room.page(f"{LIST}?state=accepted"))
    trail = text_of(room.page(f"{START}/trail?subject=S-1", ADMINISTRATOR))
    assert "Certificates ordered" in trail
    assert "Certificates ordered" not in text_of(
        room.page(f"{START}/trail?subject=S-2", ADMINISTRATOR)
    )


def test_all_subjects_are_read_only_for_what_others_decide_of(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = {"S-1": "Withdrew", "S-2": "withdrew", "S-3": "withdrew"}
    room.record(study_of(room), [entry("disposition.recorded", subject, of="study", date=day(50),
                                       status="discontinued", reason=reason)
                                 for subject, reason in reasons.items()])  # fmt: skip
    names = ids(room, subject="S-1")
    reads: list[str] = []
    whole = Store.subjects
    monkeypatch.setattr(Store, "subjects", lambda *args: reads.append("all") or whole(*args))
    for rule, n_reads in (("died-twice", 0), ("spelling", 1)):
        states = wiring.discrepancy_states()
        found = discrepancies.find_one(room.store, states, study_of(room), "S-1", names[rule])
        assert (found.discrepancy.rule, found.id, len(reads)) == (rule, names[rule], n_reads)


def test_the_trail_says_where_it_leaves_decisions_out(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = ids(room)["died-twice"]
    for reason in ("Certificates ordered", "Certificates came"):
        decide(room, one, reason=reason)
    path = f"{START}/trail?subject=S-1"
    assert "The latest" not in room.page(path, ADMINISTRATOR)
    monkeypatch.setattr(trail, "_MOST", 1)
    page = text_of(room.page(path, ADMINISTRATOR))
    assert "The latest 1 of 2" in page
    assert "Certificates came" in page
    assert "Certificates ordered" not in page.partition("The latest 1 of 2")[2]


def test_what_was_decided_is_of_these_revisions_and_of_no_others(room: Room) -> None:
    first = ids(room)["died-twice"]
    decide(room, first)
    later = death(42, record="D2", revision=2)
    room.record(study_of(room), [later])
    second = ids(room, state="open")["died-twice"]
    assert second != first
    assert room.answer(f"{LIST}/S-1/{first}").status == decide(room, first).status == 404
    earlier = text_of(room.page(f"{LIST}/S-1/{second}"))
    assert "Nothing yet. Of the same rule and subject" in earlier
    assert "Both right" in earlier
    taken_back = entry("death.reported", record="D2", revision=3, action="void")
    room.record(study_of(room), [taken_back])
    assert "died-twice" not in ids(room)
    assert listed(room, state="accepted")["discrepancies"] == []


def test_only_data_managers_decide_with_a_reason_on_what_is_there(room: Room) -> None:
    one = ids(room)["died-twice"]
    for who in (READER, UNBLINDED, ADMINISTRATOR):
        assert decide(room, one, who).status == 403
    assert "Decide" not in text_of(room.page(f"{LIST}/S-1/{one}", READER))
    assert "Decide" in text_of(room.page(f"{LIST}/S-1/{one}", MANAGER))
    for state, reason, field in (("done", "x", "state"), ("accepted", " ", "reason")):
        refused = decide(room, one, state=state, reason=reason)
        assert (refused.status, field in text_of(refused.text)) == (422, True)
    assert decide(room, "0" * 32).status == 404
    elsewhere = f"{LIST}/S-2/{one}"
    answer = room.answer(elsewhere, MANAGER, "POST", csrf=TOKEN, state="accepted", reason="x")
    assert answer.status == 404
    assert wiring.discrepancy_states().all("TINY") == {}


def test_a_retired_study_is_decided_on_no_more(room: Room) -> None:
    one = ids(room)["died-twice"]
    room.store.retire("TINY", "sponsor", "Over")
    assert decide(room, one).status == 409


def test_the_unblinded_see_what_was_decided_and_an_id_tells_no_arm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A dose before randomisation is found by both audiences; one of another arm by one alone."""
    names = []
    for arm, other in (("a", "b"), ("b", "a")):
        room = Room(monkeypatch)
        source = parallel(blinded=True).source
        study = room.define(source)
        treatment = {"a": "drug", "b": "placebo"}
        room.record(study, [
            enrolment(), randomised(arm, at=9), dose(7, treatment=treatment[other]),
            disposition(8),
        ])  # fmt: skip
        of_all, of_open = ids(room, study), ids(room, study.open)
        assert of_open.items() < of_all.items()
        assert "dose-before-randomisation" in of_open
        apart = of_all.keys() - of_open.keys()
        assert apart == {"dosed-with-another-arm"}
        decision = ("accepted", "dm", "As planned")
        one = of_open["dose-before-randomisation"]
        clarification.change_state(
            room.store, wiring.discrepancy_states(), study, ("S-1", one), decision
        )
        assert ids(room, study, state="accepted") == {"dose-before-randomisation": one}
        hidden = ("S-1", of_all["dosed-with-another-arm"])
        states = wiring.discrepancy_states()
        with pytest.raises(Rejected, match="Discrepancy not found"):
            clarification.change_state(room.store, states, study, hidden, decision)
        names.append(of_open)
    assert names[0] == names[1]
