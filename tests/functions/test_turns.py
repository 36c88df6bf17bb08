"""Whose turn it is when studies are audited: none that is slow starves another."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from doubles import Clock
from invoking import Context, Service, forget, request, streamed
from toy import definition

import wiring
from trial.commands import auditing
from trial.store.dynamodb import Store

Event = dict[str, Any]
STUDIES = ("A", "B", "C")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(step=timedelta(milliseconds=1))
    monkeypatch.setattr(wiring, "now", clock)
    monkeypatch.setenv("AUDIT_HOURS", "24")
    return clock


@pytest.fixture
def three(clock: Clock, blank: Service) -> Service:
    """Give a service of three studies, of several shards each."""
    forget()
    for name in STUDIES:
        body = definition(name, shards=4)
        path = f"/studies/{name}/definition"
        header = {"Content-Type": "application/json"}
        assert blank.ask(request("PUT", path, body, header)).status == 201
    return blank


def audit(service: Service, remaining: Callable[[], int] = lambda: 900_000, **event: Any) -> None:
    service.handlers["audit"].handler(event, Context(left=remaining))


def audited(service: Service) -> set[str]:
    return {name for name in STUDIES if service.get("audit", name).status == 200}


def test_a_study_is_audited_once_a_period(three: Service, clock: Clock) -> None:
    audit(three)
    assert audited(three) == {*STUDIES}
    before = wiring.audits().get("A").last_ended
    clock.at += timedelta(hours=23)
    audit(three)
    assert wiring.audits().get("A").last_ended == before
    clock.at += timedelta(hours=2)
    audit(three)
    assert wiring.audits().get("A").last_ended > before


def test_a_study_that_takes_all_the_time_comes_after_the_others_and_goes_on_where_it_was(
    three: Service, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards_seen: list[tuple[str, int]] = []
    audit_subjects, runs = Store.audit_subjects, []

    def slow(store: Store, study: Any, shard: int, *after: str) -> Any:
        shards_seen.append((study.id, shard))
        if study.id == "A" and len(shards_seen) == 2:
            runs.append(1)
        return audit_subjects(store, study, shard, *after)

    monkeypatch.setattr(Store, "audit_subjects", slow)
    audit(three, lambda: 1_000 if runs else 900_000)
    assert audited(three) == set()  # A took it all
    runs.clear()
    clock.at += timedelta(minutes=15)
    audit(three)
    assert audited(three) == {*STUDIES}
    assert [name for name, shard in shards_seen if shard in {0, 2}] == [*"ABBCCA"]
    assert [shard for name, shard in shards_seen if name == "A"] == [0, 1, 2, 3]
    result = three.get("audit", "A").json
    assert (result["shards"], result["complete"], result["differences"]) == (4, True, [])


def test_an_audit_that_was_asked_for_and_takes_too_long_goes_on_by_the_schedule(
    three: Service, clock: Clock
) -> None:
    audit(three)
    last_ended = wiring.audits().get("A").last_ended
    clock.at += timedelta(minutes=1)
    audit(three, lambda: 1_000, **streamed(("STUDY#A", "AUDIT#1")))  # not delivered again
    assert wiring.audits().get("A").is_interrupted
    audit(three)
    assert wiring.audits().get("A").last_ended > last_ended
    assert not wiring.audits().get("A").is_interrupted


def test_progress_is_kept_from_run_to_run_unless_the_sums_are_others(three: Service) -> None:
    store, noted = wiring.store(), list[Any]()
    audit = auditing.audit(store, "A", save_progress=noted.append)
    assert [item["shards"] for item in noted] == [1, 2, 3, 4]
    large = auditing.Difference("sums", 0, rows=("x" * 999,) * 9)
    half = noted[1] | {"subjects": 7, "differences": [vars(large) | {"rows": ["x"]}]}
    resumed = auditing.audit(store, "A", progress=half)
    assert (resumed.subjects, len(resumed.differences)) == (7, 1)
    result = auditing.audit(store, "A", progress=half | {"generation": "other"})
    assert result == audit


def test_a_study_that_no_audit_reaches_is_told(
    three: Service, clock: Clock, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def late() -> int:
        lines = capsys.readouterr().out.splitlines()
        documents = [json.loads(line) for line in lines if "AuditsOverdue" in line]
        number: int = documents[-1]["AuditsOverdue"][0]
        return number

    audit(three)
    assert late() == 0
    monkeypatch.setattr("trial.commands.auditing.audit", lambda *_: 1 // 0)
    clock.at += timedelta(hours=73)
    audit(three)
    assert late() == 3
