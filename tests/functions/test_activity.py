"""Who did what: definitions put, amended and unblinded; bodies redriven; results read; links."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from drawn import CHANGED, DEFINITION, STUDY
from invoking import CALLER, JSON_TYPE, Answer, Service, request
from outage import between, unreachable

import wiring
from trial.store import deletion
from trial.web.activity import LONGEST_VALUE

AMENDED = DEFINITION | {"title": "Another title"}


def ask(service: Service, method: str, path: str, body: Any = None) -> Answer:
    headers = {"Content-Type": JSON_TYPE} if body else {}
    return service.ask(request(method, f"/studies/{STUDY}/{path}", body, headers))


def done(service: Service) -> list[dict[str, Any]]:
    activity: list[dict[str, Any]] = service.get("activity", STUDY).json["activity"]
    return activity


def history(service: Service) -> list[dict[str, Any]]:
    history: list[dict[str, Any]] = service.get("definition/history", STUDY).json["history"]
    return history


def in_force(service: Service) -> dict[str, Any]:
    service.invoke("audit", {})
    wiring.store().invalidate(STUDY)
    result: dict[str, Any] = service.get("definition", STUDY).json
    return result


def test_the_history_says_who_put_amended_and_gave_up_a_definition_when_and_why(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    first = in_force(service)["in_force"]
    assert ask(service, "PUT", "definition?reason=A%20title", AMENDED).status == 202
    assert ask(service, "PUT", "definition?reason=Not%20yet", DEFINITION).json["status"] == (
        "cancelled"
    )
    assert ask(service, "PUT", "definition", DEFINITION).json["status"] == "unchanged"
    assert ask(service, "PUT", "definition?reason=Now", AMENDED).status == 202
    second = in_force(service)["in_force"]
    rows = history(service)
    assert [(row["change"], row["definition"], row["reason"]) for row in rows] == [
        ("created", first, ""),
        ("backfilling", second, "A title"),
        ("cancelled", first, "Not yet"),
        ("backfilling", second, "Now"),
        ("in force", second, ""),
    ]
    assert [row["principal"] for row in rows] == [CALLER] * 4 + [""]
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert [row["before"] for row in rows] == [None] + [first] * 4
    compared = service.get(rows[-1]["changes"].removeprefix(f"/studies/{STUDY}/"), STUDY).json
    title = {"before": DEFINITION["title"], "after": "Another title"}
    assert compared["differences"] == [{"pointer": "/title", **title}]
    assert (compared["before"], compared["after"], compared["next"]) == (first, second, None)


def test_a_difference_that_is_long_is_shortened_and_one_of_no_definition_is_404(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    fewer = {name: item for name, item in DEFINITION.items() if name != "listings"}
    assert len(json.dumps(DEFINITION["listings"])) > LONGEST_VALUE
    first = wiring.store().study(STUDY).digest
    second = ask(service, "PUT", "definition", fewer).json["definition"]
    path = f"definition/history/{second}/changes-since/{first}"
    (difference,) = service.get(path, STUDY).json["differences"]
    assert (difference["pointer"], "after" in difference) == ("/listings", False)
    assert (len(difference["before"]), difference["before"][-1]) == (LONGEST_VALUE + 1, "…")
    assert service.get(f"definition/history/{second}/changes-since/0000", STUDY).status == 404


def test_history_activity_and_differences_come_page_by_page(
    open_blinded: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    from trial.web import activity  # noqa: PLC0415

    service = open_blinded()
    arms = [arm | {"label": f"Another {arm['label']}"} for arm in DEFINITION["arms"]]
    changed = DEFINITION | {"title": "Another title", "arms": arms}
    digest = ask(service, "PUT", "definition", changed).json["definition"]
    in_force(service)
    for _ in range(3):
        service.get("unblinded/summary", STUDY)
    first = history(service)[0]["definition"]
    paths = ("definition/history", "activity", f"definition/history/{digest}/changes-since/{first}")
    members = ("history", "activity", "differences")
    items = [service.get(path, STUDY).json[item] for path, item in zip(paths, members, strict=True)]
    monkeypatch.setattr(activity, "ROWS", 2)
    for path, member, whole in zip(paths, members, items, strict=True):
        pages, text = [], path
        while text:
            answer = service.get(text, STUDY).json
            pages.append(answer[member])
            text = (answer["next"] or "").removeprefix(f"/studies/{STUDY}/")
        assert [item for page in pages for item in page] == whole
        assert max(map(len, pages)) <= 2


def test_unblinding_has_a_route_of_its_own_and_needs_a_reason(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    opened = {name: item for name, item in DEFINITION.items() if name != "blinded"}
    refused = ask(service, "PUT", "definition", opened)
    assert (refused.status, refused.json["title"]) == (403, "Study cannot be unblinded by PUT")
    assert ask(service, "PUT", "definition", opened | {"blinded": False}).status == 403
    assert in_force(service)["definition"]["blinded"]
    for body in ({}, {"reason": " "}):
        assert ask(service, "POST", "unblind", body).status == 422
    answer = ask(service, "POST", "unblind", {"reason": "The trial is over"})
    assert (answer.status, answer.json["status"]) == (202, "backfilling")
    assert service.get("unblinded/summary", STUDY).status == 200
    assert "blinded" not in in_force(service)["definition"]
    assert service.get("unblinded/summary", STUDY).status == 404
    *_, result, outcome = history(service)
    assert (result["principal"], result["reason"]) == (CALLER, "The trial is over")
    assert (outcome["change"], outcome["definition"]) == ("in force", result["definition"])
    repeated = ask(service, "POST", "unblind", {"reason": "The trial is over"})
    assert (repeated.status, repeated.json["detail"]) == (409, "the study is not blinded")
    assert ask(service, "PUT", "definition", opened | {"title": "Open"}).status == 202


def test_what_was_kept_for_the_unblinded_goes_once_the_study_is_unblinded(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    service.stream((f"STUDY#{STUDY}", "CURRENT"))
    assert service.versions(f"pieces/{STUDY}/unblinded/")
    assert ask(service, "POST", "unblind", {"reason": "Over"}).status == 202
    service.invoke("audit", {})
    service.stream((f"STUDY#{STUDY}", "CURRENT"))
    assert service.versions(f"pieces/{STUDY}/unblinded/") == set()
    kept = [key for key, _ in service.versions(f"pieces/{STUDY}/open/")]
    blocks = [key for key in kept if "/block-" in key]
    assert blocks
    assert len({*blocks}) == len(blocks)  # none of those for the definition before


def test_unblinding_gives_up_no_other_amendment(open_blinded: Callable[..., Service]) -> None:
    service = open_blinded()
    assert ask(service, "PUT", "definition", AMENDED).status == 202
    assert ask(service, "POST", "unblind", {"reason": "Over"}).status == 409
    in_force(service)
    assert ask(service, "POST", "unblind", {"reason": "Over"}).status == 202
    assert ask(service, "POST", "unblind", {"reason": "Over"}).status == 202


def test_once_unblinded_all_that_was_submitted_is_open_with_what_it_was(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    ask(service, "POST", "unblind", {"reason": "Over"})
    in_force(service)
    rows = service.get("treatment-events", STUDY).json["submitted"]
    assert {row["verdict"] for row in rows} == {"recorded"}


def test_who_reads_what_is_not_for_all_or_is_led_to_a_document_is_noted_with_why(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    service.stream(CHANGED)
    service.get("summary", STUDY)
    service.get("unblinded/tables/none", STUDY)
    assert done(service) == []
    paths = (
        "unblinded/summary?reason=Safety%20review",
        "unblinded/subjects/S-0/history",
        "unblinded/reports/live/tables.json",
        "reports/live/tables.json?reason=Weekly",
        "unblinded/treatment-events",
    )
    for path in paths:
        assert service.get(path, STUDY).status in {200, 303}
    rows = done(service)
    assert [row["resource"] for row in rows] == [
        f"/studies/{STUDY}/{path.partition('?')[0]}" for path in paths
    ]
    assert [row["action"] for row in rows] == [
        "read unblinded", "read unblinded", "download", "download", "read unblinded",
    ]  # fmt: skip
    assert [row["reason"] for row in rows] == ["Safety review", "", "", "Weekly", ""]
    assert {row["principal"] for row in rows} == {CALLER}
    assert len({row["at"] for row in rows}) == len(rows)
    too_long = service.get(f"unblinded/summary?reason={'x' * 1_001}", STUDY)
    assert (too_long.status, too_long.pointers) == (422, ["/reason"])


def test_redriving_is_noted_with_who_and_why(open_blinded: Callable[..., Service]) -> None:
    service = open_blinded()
    assert ask(service, "POST", "quarantine/redrive?reason=Amended").status == 200
    (row,) = done(service)
    assert (row["action"], row["principal"], row["reason"]) == ("redrive", CALLER, "Amended")


def test_what_cannot_be_noted_is_not_shown(open_blinded: Callable[..., Service]) -> None:
    service = open_blinded()
    line = between(service)
    line.down["dynamodb"] = lambda operation, call: (
        unreachable(operation, call) if operation == "put_item" else call()
    )
    answer = service.get("unblinded/summary", STUDY)
    assert answer.status == 503
    assert "key_results" not in json.dumps(answer.json)
    assert service.get("summary", STUDY).status == 200


def test_a_removed_study_leaves_no_submission_no_activity_and_no_sender(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    service.get("unblinded/summary", STUDY)
    senders = {"senders": [{"principal": "*"}], "reason": "All"}
    assert ask(service, "PUT", "senders", senders).status == 200
    decision = "accepted", "data manager", "Right as it is"
    wiring.discrepancy_states().change(STUDY, ("S-1", "0" * 32, "died-twice"), *decision)
    texts = {key[0].removeprefix(f"STUDY#{STUDY}") for key in service.items()}
    assert {"#SUBMITTED", "#ACTIVITY", "#STATES"} < texts
    deletion.clear(wiring.table(), STUDY, lambda: None)
    assert [*service.items()] == [(f"STUDY#{STUDY}", "CURRENT")]


def test_a_definition_that_extends_pieces_is_kept_as_posted_beside_what_it_is(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    first = in_force(service)
    assert first["posted"] is None
    posted = DEFINITION | {"extends": ["e3-listings"]}
    assert ask(service, "PUT", "definition", posted).status in (201, 202)
    wiring.store.cache_clear()  # as another process reads it
    now = in_force(service)
    assert now["posted"] == posted
    assert "extends" not in now["definition"]
    assert [part["piece"] for part in now["definition"]["extended"]] == ["e3-listings"]
    earlier = service.get(f"definition/history/{first['in_force']}", STUDY).json
    assert (earlier["definition"], earlier["posted"]) == (first["definition"], None)
    of_now = service.get(f"definition/history/{now['in_force']}", STUDY).json
    assert (of_now["definition"], of_now["posted"]) == (now["definition"], posted)
    assert service.get("definition/history/0000", STUDY).status == 404
    assert ask(service, "PUT", "definition", now["definition"]).json["status"] == "unchanged"
    assert in_force(service)["posted"] == posted
