"""The functions of the room have rights enough for each of their pages, and the open one no more.

Every page is asked for through a table and a bucket that refuse what the template does not allow.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from builders import contact, death
from houses import STUDY, House, opened
from policies import allowed, may_get
from rooms import READER, TOKEN
from test_guard import GETS, path_of
from visiting import Shown

import wiring
from trial.events.blinding import UNBLINDED
from trial.store import keys
from trial.web.access.person import Role

FUNCTIONS = {"open": "RoomFunction", "unblinded": "RoomUnblindedFunction"}


def denied(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, operation)


def partitions(value: Any) -> Iterator[str]:
    """Give every partition key that a request names."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name in {"PK", ":partition"}:
                yield item["S"]
            else:
                yield from partitions(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from partitions(item)


class Guarded:
    """A client of DynamoDB or S3 with the rights of one function."""

    ACTIONS = {  # noqa: RUF012 (never changed)
        "get_item": "dynamodb:GetItem", "batch_get_item": "dynamodb:BatchGetItem",
        "query": "dynamodb:Query", "put_item": "dynamodb:PutItem",
        "transact_get_items": "dynamodb:GetItem", "transact_write_items": "dynamodb:UpdateItem",
    }  # fmt: skip
    READING = frozenset({"get_object", "head_object", "generate_presigned_url"})

    def __init__(self, client: Any, function: str) -> None:
        self._client, self._function = client, function
        self.touched: set[str] = set()
        self.exceptions = getattr(client, "exceptions", None)

    def __getattr__(self, operation: str) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            if operation in self.READING:
                key = options.get("Key") or options["Params"]["Key"]
                names, right = [key], may_get(self._function, key)
            else:
                names = list(partitions(options))
                assert names, (operation, options)
                action = self.ACTIONS[operation]
                right = all(allowed(self._function, action, name) for name in names)
            self.touched |= set(names)
            if not right:
                raise denied(operation)
            return getattr(self._client, operation)(*arguments, **options)

        return call


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with opened() as house:
        yield house


def asked(
    house: House, part: str, function: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, Shown], Any]:
    """Ask for all pages of a part, with the rights of a function and no others."""
    guarded = Guarded(wiring.table()._client, function)
    monkeypatch.setattr(wiring.table(), "_client", guarded)
    bucket = house.room.documents.bucket
    monkeypatch.setattr(bucket, "_client", Guarded(bucket._client, function))
    settings = wiring.settings().model_copy(update={"ROOM_PART": part})
    monkeypatch.setattr(wiring, "settings", lambda: settings)
    user = {"open": [*Role], "unblinded": [Role.UNBLINDED_READER]}[part]
    answers = {
        f"{role} {route.path}": house.browser(role).get(path_of(route))
        for route in GETS
        if route.unblinded == (part == "unblinded")
        for role in user
    }
    return answers, guarded


@pytest.mark.parametrize("part", ["open", "unblinded"])
def test_no_page_needs_a_right_that_its_function_does_not_have(
    house: House, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    answers, guarded = asked(house, part, FUNCTIONS[part], monkeypatch)
    assert {name for name, answer in answers.items() if answer.status >= 500} == set()
    assert sum(answer.status == 200 for answer in answers.values()) >= 10
    apart = {keys.sum_partition(STUDY, 0, UNBLINDED), keys.submission_partition(STUDY)}
    assert (keys.sum_partition(STUDY, 0, UNBLINDED) in guarded.touched) == (part == "unblinded")
    if part == "open":
        assert not apart & guarded.touched


def test_what_the_open_function_may_not_read_it_could_not_show_if_it_tried(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, _ = asked(house, "unblinded", FUNCTIONS["open"], monkeypatch)
    for path in ("", "/tables/{table}"):
        answer = answers[f"unblinded-reader /unblinded/studies/{{study}}{path}"]
        assert answer.status == 500, path


def test_a_data_manager_decides_and_mends_with_the_rights_of_the_function_that_takes_forms(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, start = house.room.store.study(STUDY), f"/studies/{STUDY}"
    good = json.loads(contact(3, "S-1").body)
    bad = json.dumps(good | {"data": good["data"] | {"ward": "7"}})
    house.room.record(study, [death(40, "S-1", record="D1"), death(41, "S-1", record="D2"), bad])
    manager = house.browser(Role.DATA_MANAGER)
    (one,) = re.findall(
        rf'href="({start}/discrepancies/S-1/[0-9a-f]+)"',
        manager.get(f"{start}/discrepancies?rule=died-twice").text,
    )
    refused = f"{start}/quarantine/{hashlib.sha256(bad.encode()).hexdigest()}"
    guarded = Guarded(wiring.table()._client, "RoomChangesFunction")
    monkeypatch.setattr(wiring.table(), "_client", guarded)
    settings = wiring.settings().model_copy(update={"ROOM_PART": "changes"})
    monkeypatch.setattr(wiring, "settings", lambda: settings)
    assert manager.post(one, state="accepted", reason="Right").status == 303
    assert manager.post(refused, event=json.dumps(good), reason="Ward").status == 200
    assert {keys.state_partition(STUDY), keys.activity_partition(STUDY)} <= guarded.touched
    assert manager.get(one).status == 404  # that is another function's


def test_cuts_of_a_blinded_study_are_compared_with_the_rights_of_the_open_function(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How far each journal was counted stands in a file of the unblinded: that one may be read."""
    study, cuts = house.room.store.study(STUDY), []
    for reason in ("First", "Second"):
        house.room.clock.pause(100)
        asked_for = house.room.answer(
            f"/studies/{STUDY}/cuts", READER, "POST", csrf=TOKEN, reason=reason
        )
        house.room.make_reports(study)
        cuts.append(asked_for.headers["Location"].rpartition("/")[2])
        house.room.record(study, [contact(90, "S-0")])
    bucket = house.room.documents.bucket
    guarded = Guarded(bucket._client, FUNCTIONS["open"])
    monkeypatch.setattr(bucket, "_client", guarded)
    first, second = cuts
    shown = house.browser(Role.READER).get(f"/studies/{STUDY}/cuts/{second}/changes-since/{first}")
    assert shown.status == 200, shown.text
    assert "1 subjects could have moved a number" in shown.text
    apart = {name for name in guarded.touched if f"/{UNBLINDED}/" in name}
    assert {name.rpartition("/")[2] for name in apart} == {"heads.json"}
