"""A refused event is mended: taken in as any other, by who may, and nothing is lost on the way."""

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from builders import TINY, enrolment, event, viral_load
from parallel import parallel
from rooms import ADMINISTRATOR, MANAGER, READER, TOKEN, Room, text_of

import wiring
from trial.commands import intake
from trial.definition.study import Study
from trial.subject.rights import Sender
from trial.web.routing import Answer

LIST = "/studies/TINY/quarantine"
GOOD = json.loads(viral_load(0, 5000).body)
BAD = GOOD | {"data": GOOD["data"] | {"ward": "7", "result": 1.50}, "id": "<refused>"}


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    room = Room(monkeypatch)
    study = room.define(json.dumps(TINY))
    room.record(study, [enrolment(), written(BAD)])
    return room


def written(value: Any) -> str:
    return json.dumps(value)


def page_of(value: Any) -> str:
    return f"{LIST}/{hashlib.sha256(written(value).encode()).hexdigest()}"


def mend(
    room: Room,
    value: Any,
    refused: Any = BAD,
    who: object = MANAGER,
    reason: str = "Ward is no field",
) -> Answer:
    text = value if isinstance(value, str) else written(value)
    path = page_of(refused)
    return room.answer(path, who, "POST", csrf=TOKEN, event=text, reason=reason)  # type: ignore[arg-type]


def typed(markup: str) -> str:
    """Give the event as it stands in the form."""
    _, _, rest = markup.partition('<textarea name="event"')
    return unescape(rest.partition(">\n")[2].partition("</textarea>")[0])


def state(room: Room) -> tuple[int, int, int]:
    """Give how many events were ever refused, how many wait, and how many are recorded."""
    stored = room.store.subject(room.store.study("TINY"), "S-1")
    accepted = stored.subject.accepted if stored else 0
    refused = list(room.store.rejected_bodies("TINY"))
    return len(refused), sum(not body.resolved for body in refused), accepted


def test_a_corrected_event_is_recorded_under_who_mended_it_and_settles_the_refused_one(
    room: Room,
) -> None:
    assert f'href="{page_of(BAD)}"' in room.page(LIST, MANAGER)
    shown = room.page(page_of(BAD), MANAGER)
    assert "<b>ward</b>" in shown
    assert json.loads(typed(shown)) == BAD
    assert '"result": 1.5,' in typed(shown)
    assert state(room) == (1, 1, 1)
    answer = mend(room, GOOD)
    assert (answer.status, state(room)) == (200, (1, 0, 2))
    history = text_of(room.page("/studies/TINY/subjects/S-1/history"))
    assert "issuer|somebody" in history
    (body,) = room.store.rejected_bodies("TINY")
    document = body.document()
    assert document["resolved"]
    assert document["mended"] == {
        "principal": "issuer|somebody",
        "reason": "Ward is no field",
        "records": [
            {"subject": "S-1", "kind": "lab.result.reported", "record": "VL-0", "revision": 1}
        ],
    }
    listed = room.page(f"{LIST}?all=yes", READER)
    assert "mended by issuer|somebody: Ward is no field" in text_of(listed)
    assert "/studies/TINY/subjects/S-1/history?records=lab.result.reported%2FVL-0" in listed
    assert mend(room, GOOD).status == 409
    assert room.answer(page_of(BAD), MANAGER).status == 409


def test_two_people_do_not_mend_one_body_at_once(room: Room, monkeypatch: Any) -> None:
    """Whoever comes second, while the first is taken in, records nothing; a minute later it may."""
    other = GOOD | {"id": "other", "data": GOOD["data"] | {"record": "VL-9"}}
    (body,) = room.store.rejected_bodies("TINY")
    claimed = room.store.claim_body("TINY", body.sha256)
    assert mend(room, other).status == 409
    assert state(room) == (1, 1, 1)
    room.store.release_body("TINY", body.sha256, claimed)
    assert mend(room, "[]").status == 422
    claimed = room.store.claim_body("TINY", body.sha256)
    monkeypatch.setattr("trial.store.quarantine._CLAIMED_FOR", timedelta(0))
    assert mend(room, GOOD).status == 200
    assert not room.store.resolve("TINY", body.sha256)
    room.store.release_body("TINY", body.sha256, claimed)
    assert mend(room, other).status == 409
    assert state(room) == (1, 0, 2)


def test_who_comes_back_late_does_not_end_the_claim_of_another(
    room: Room, monkeypatch: Any
) -> None:
    """The first takes longer than a claim holds and is refused; the second is still taken in."""
    (body,) = room.store.rejected_bodies("TINY")
    claims: list[str] = []
    take = intake.take

    def take_slowly(*arguments: Any) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr("trial.store.quarantine._CLAIMED_FOR", timedelta(0))
            claims.append(room.store.claim_body("TINY", body.sha256))
        return take(*arguments)

    monkeypatch.setattr(intake, "take", take_slowly)
    assert mend(room, BAD).status == 422
    monkeypatch.setattr(intake, "take", take)
    assert mend(room, GOOD).status == 409
    assert state(room) == (1, 1, 1)
    room.store.release_body("TINY", body.sha256, *claims)
    assert mend(room, GOOD).status == 200


@pytest.mark.parametrize(
    ("correction", "reason", "status", "expected"),
    [
        (GOOD | {"data": GOOD["data"] | {"parameter": "weight"}}, "x", 422, "parameter"),
        (GOOD | {"study": "OTHER"}, "x", 422, "study"),
        ('{"id": 1,\r\n "id": 2}', "x", 400, "line"),
        ("[]", "x", 422, "no event"),
        (GOOD, " ", 422, "reason"),
    ],
)
def test_a_correction_that_is_refused_stays_in_the_form_and_changes_nothing(
    room: Room, correction: Any, reason: str, status: int, expected: str
) -> None:
    before = state(room)
    answer = mend(room, correction, reason=reason)
    assert (answer.status, state(room)) == (status, before)
    assert expected in text_of(answer.text.partition('role="alert"')[2].partition("</div>")[0])
    text = correction if isinstance(correction, str) else written(correction)
    assert typed(answer.text) == text.replace("\r", "")


def test_of_a_batch_all_must_be_accepted_and_what_was_is_recognised_the_next_time(
    room: Room,
) -> None:
    batch = [BAD, GOOD | {"id": "later", "data": GOOD["data"] | {"record": "VL-9"}}]
    study: Study = room.store.study("TINY")
    room.store.quarantine(study.id, written(batch), {"title": "Not accepted"}, "edc")
    assert mend(room, [BAD, batch[1]], batch).status == 422
    assert state(room) == (2, 2, 2)
    assert mend(room, [GOOD, batch[1]], batch).status == 200
    assert state(room) == (2, 1, 3)


def test_only_data_managers_mend(room: Room) -> None:
    for who in (READER, ADMINISTRATOR):
        assert mend(room, GOOD, who=who).status == 403
        assert room.answer(page_of(BAD), who).status == 403
        assert "Mend" not in text_of(room.page(LIST, who))
    wiring.senders().put_list("TINY", [Sender("edc", None, None)], "sponsor", "The EDC alone")
    refused = mend(room, GOOD)
    assert (refused.status, state(room)) == (422, (1, 1, 1))
    assert "sender" in text_of(refused.text)
    room.store.retire("TINY", "sponsor", "Over")
    assert mend(room, GOOD).status == 409
    assert state(room) == (1, 1, 1)


def test_nobody_learns_by_a_digest_whether_a_blinded_arm_was_guessed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = Room(monkeypatch)
    study = room.define(parallel(blinded=True).source)
    telling = event("subject.randomised", "S-1", date="2015-06-01", arm="a", ward="7")
    guess = event("subject.randomised", "S-1", date="2015-06-01", arm="b", ward="7")
    room.store.quarantine(study.id, written(telling), {"title": "Not accepted"}, "edc")
    right, wrong = (mend(room, GOOD, refused) for refused in (telling, guess))
    assert right.status == wrong.status == 404
    assert text_of(right.text) == text_of(wrong.text)
    assert "Mend" not in text_of(room.page(LIST, MANAGER))
    # Nor is a refused visit turned into a randomisation: that is for who may send treatment events.
    room.record(study, [written(BAD)])
    answer = mend(room, event("subject.randomised", "S-1", date="2015-06-01", arm="a"))
    assert (answer.status, room.sent) == (422, [])
    assert "treatment-events" in text_of(answer.text)
