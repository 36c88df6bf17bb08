"""A large study's work, spread: step by step as the state machine of the template asks for it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from doubles import Clock
from faults import Faulty, losing_the_answer, refuse
from invoking import Context, Service, forget, request, streamed
from machine import Document, Machine, with_study
from toy import definition

import wiring
from trial.commands import auditing, engine, runs
from trial.errors import Unavailable
from trial.store.audits import Audits
from trial.store.dynamodb import Store
from trial.store.rows import second_text
from trial.store.table import Table
from trial.web import queries

STUDY = "A"
SHARDS = 4
SUBJECTS = 24


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(step=timedelta(milliseconds=1))
    monkeypatch.setattr(wiring, "now", clock)
    monkeypatch.setenv("AUDIT_HOURS", "24")
    monkeypatch.setenv("RUNS", "arn:aws:states:us-east-1:123456789012:stateMachine:livetlf-runs")
    monkeypatch.setenv("SPREAD_FROM", "1")
    return clock


@pytest.fixture
def large(clock: Clock, blank: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Give a service of one study of several shards, of whom each has subjects."""
    return with_study(blank, STUDY, SHARDS, SUBJECTS)


@pytest.fixture
def machine(large: Service, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(large)
    monkeypatch.setattr(wiring, "engine", lambda: engine.Engine(machine, "machine", "audit"))
    return machine


def work(service: Service) -> list[Document]:
    rows: list[Document] = service.get("work", STUDY).json["work"]
    return rows


def audit(service: Service, **event: Any) -> None:
    service.handlers["audit"].handler(event, Context())


def report(service: Service) -> Document:
    document: Document = service.get("audit", STUDY).json
    return document


def damage(service: Service, subject: str) -> None:
    """Count nothing for a subject that is counted in the sums."""
    (key,) = (key for key in service.items() if key[1] == f"SUBJECT#{subject}")
    item = service.items()[key]
    service.dynamodb.put_item(TableName=service.table, Item=item | {"head": {"B": bytes(32)}})


def test_a_run_finds_what_one_invocation_finds(large: Service, machine: Machine) -> None:
    damage(large, "P3")
    damage(large, "P7")
    alone = auditing.audit(wiring.store(), STUDY)
    audit(large)
    assert machine.begun[0] | {"run": ""} == {
        "study": STUDY,
        "run": "",
        "task": "begin",
        "fills": 0,
        "function": "audit",
    }
    assert machine.run()["task"] == ""
    document = report(large)
    assert {what["subject"] for what in document["differences"]} == {"P3", "P7"}
    assert document == alone.document(document["at"]) | {"next": None}
    assert machine.tasks == [("audit", shard) for shard in range(SHARDS)]
    assert work(large) == []


def test_time_that_ends_anywhere_only_makes_more_steps(large: Service, machine: Machine) -> None:
    damage(large, "P3")
    audit(large)
    machine.run((1, 2, 3, 5, 8, 13, 21))
    document = report(large)
    assert (document["subjects"], document["events"]) == (SUBJECTS, SUBJECTS)
    assert [what["subject"] for what in document["differences"]] == ["P3"]
    assert 1_000 - machine.steps > 2 + SHARDS * 2


def test_how_far_a_run_is_can_be_read_and_calls_meanwhile_have_it_go_again(
    large: Service, machine: Machine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Document] = []
    audit_subjects = Store.audit_subjects

    def looked(store: Store, study: Any, shard: int, *after: str) -> Any:
        # By the functions themselves: a handler within a handler would count into its metrics.
        answer = queries.work.get_work(None, STUDY)
        seen.extend(json.loads(answer.text)["work"])
        if len(seen) == 3:
            large.handlers["audit"].audit(STUDY, lambda: None)  # another is asked for
        return audit_subjects(store, study, shard, *after)

    monkeypatch.setattr(Store, "audit_subjects", looked)
    audit(large)
    machine.run()
    assert [(entry["what"], entry["status"], entry["total"]) for entry in seen] == [
        ("audit", "running", SHARDS)
    ] * len(seen)
    assert [entry["done"] for entry in seen] == [0, 1, 2, 3] * 2
    assert seen[2]["subjects"] > seen[1]["subjects"] > 0
    assert [shard for _, shard in machine.tasks] == [0, 1, 2, 3] * 2  # and no second execution
    assert machine.begun == []
    assert work(large) == []


def test_answers_that_are_lost_are_given_again(large: Service, machine: Machine) -> None:
    def between(_task: str, _shard: int) -> None:
        if len(machine.tasks) == 1:
            large.handlers["audit"].audit(STUDY, lambda: None)  # another is asked for

    machine.is_deaf = True
    audit(large)
    machine.run(between=between)
    assert [shard for _, shard in machine.tasks] == [*range(SHARDS)] * 2
    assert (report(large)["subjects"], work(large), machine.begun) == (SUBJECTS, [], [])


def test_what_a_run_goes_on_with_is_filled_first_though_the_answer_is_lost(
    large: Service, machine: Machine
) -> None:
    amended = json.loads(definition(STUDY, shards=SHARDS)) | {"title": "Amended"}

    def between(_task: str, _shard: int) -> None:
        if len(machine.tasks) == 1:
            assert large.define(amended).status == 202
            large.handlers["audit"].audit(STUDY, lambda: None)  # as its stream asks

    machine.is_deaf = True
    audit(large)
    machine.run(between=between)
    assert [task for task, _ in machine.tasks[::SHARDS]] == ["audit", "fill", "audit"]
    assert large.get("definition", STUDY).json["definition"]["title"] == "Amended"


def test_a_run_that_is_given_up_is_the_one_that_it_went_on_with_though_the_answer_was_lost(
    large: Service, machine: Machine
) -> None:
    audit(large)
    run = machine.begun.pop()["run"]
    audits = wiring.audits()
    audits.replace_run(STUDY, run, "next", second_text(wiring.now()))
    machine.call({"study": STUDY, "run": run, "task": engine.GIVE_UP})
    assert (audits.get(STUDY).run, bool(audits.get(STUDY).failed)) == ("", True)


def test_a_run_of_which_nobody_knows_that_it_began_leaves_the_study_to_the_next_call(
    large: Service, machine: Machine
) -> None:
    with losing_the_answer(Audits, "begin_run"):
        audit(large)
    assert machine.begun == []
    audit(large)
    machine.run()
    assert report(large)["events"] == SUBJECTS


def test_an_amendment_is_filled_by_shards_and_comes_into_force(
    large: Service, machine: Machine
) -> None:
    amended = json.loads(definition(STUDY, shards=SHARDS)) | {"title": "Amended"}
    assert large.define(amended).status == 202
    waiting = work(large)
    assert [
        (entry["what"], entry["status"], entry["done"], entry["total"]) for entry in waiting
    ] == [("fill", "waiting", 0, SHARDS)]
    audit(large, **streamed((f"STUDY#{STUDY}", "CURRENT")))
    machine.run()
    assert large.get("definition", STUDY).json["definition"]["title"] == "Amended"
    assert machine.tasks == [(task, shard) for task in ("fill", "audit") for shard in range(SHARDS)]
    assert (report(large)["complete"], report(large)["differences"]) == (True, [])
    assert large.define(amended | {"title": "Amended again"}).status == 202
    assert [entry["last_step"] for entry in work(large)] == [None]  # of the run that has ended


def test_a_run_that_was_lost_is_replaced_and_what_is_left_of_it_changes_nothing(
    large: Service, machine: Machine, clock: Clock
) -> None:
    audit(large)
    lost = machine.begun.pop()
    audit(large, **streamed((f"STUDY#{STUDY}", "AUDIT#1")))
    assert machine.begun == []  # one is under way as far as anybody knows
    clock.at += timedelta(hours=2)
    assert work(large)[0]["status"] == "waiting"
    audit(large)
    machine.run()
    before = large.items()
    item = {"study": STUDY, "run": lost["run"], "task": "audit", "shard": 1}
    assert machine.call(item) == {"ended": True}
    assert machine.call(lost)["task"] == ""
    assert large.items() == before


def test_what_fails_in_a_shard_ends_the_run_and_is_told_without_its_text(
    large: Service, machine: Machine, clock: Clock, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def failing(_store: Store, _study: Any, shard: int, *_after: str) -> Any:
        if shard == 1:
            raise ValueError("a patient's name")
        return iter(())

    with monkeypatch.context() as patch:
        patch.setattr(Store, "audit_subjects", failing)
        audit(large)
        with pytest.raises(runs.RunFailed) as failed:
            machine.run()
    assert "patient" not in f"{failed.value}{failed.value.__cause__}{capsys.readouterr().out}"
    (entry,) = work(large)
    assert (entry["what"], entry["status"]) == ("audit", "failed")
    assert "failing" in entry["detail"]
    clock.at += timedelta(hours=25)
    audit(large)
    machine.run()
    assert work(large) == []


def test_an_engine_that_cannot_be_reached_leaves_the_study_to_be_begun_again(
    large: Service, machine: Machine
) -> None:
    def unreachable(**_parameters: Any) -> None:
        raise OSError("no route")

    started, machine.start_execution = machine.start_execution, unreachable  # type: ignore[method-assign]
    audit(large)
    assert wiring.audits().get(STUDY).run == ""
    machine.start_execution = started  # type: ignore[method-assign]
    audit(large)
    machine.run()
    assert report(large)["events"] == SUBJECTS


def test_a_removed_study_is_deleted_shard_by_shard(
    large: Service, machine: Machine, clock: Clock
) -> None:
    because = json.dumps({"reason": "Reported"})
    path = f"/studies/{STUDY}"
    assert large.ask(request("POST", f"{path}/retire", because)).status == 200
    clock.at += timedelta(days=365 * 26)
    assert large.ask(request("DELETE", path, because)).status == 202
    assert [(entry["what"], entry["status"]) for entry in work(large)] == [("removal", "running")]
    audit(large, **streamed((f"STUDY#{STUDY}", "CURRENT")))
    begun = [*machine.begun]
    assert wiring.leases().acquire(STUDY, "a publication that began before", None)
    with pytest.raises(Unavailable):
        machine.run()
    assert work(large)
    wiring.leases().abandon(STUDY, "a publication that began before")
    machine.begun = begun  # the machine tries the step again
    machine.run()
    assert [*large.items()] == [(f"STUDY#{STUDY}", "CURRENT")]
    assert {task for task, _ in machine.tasks} == {"remove"}
    assert large.get("work", STUDY).status == 404
    audit(large)
    assert machine.begun == []


def test_who_writes_at_the_same_moment_keeps_no_run_from_ending(large: Service) -> None:
    client = Faulty(large.dynamodb)
    audits = Audits(Table(client, large.table))
    assert audits.begin_run(STUDY, "1", "2026-03-01", "2026-02-28")
    client.faults = [refuse("TransactionConflict")] * 2
    assert audits.end_run(STUDY, "1", "2026-03-02")
    assert (audits.get(STUDY).run, audits.get(STUDY).last_ended) == ("", "2026-03-02")
    assert not audits.end_run(STUDY, "1", "2026-03-03")


def test_an_audit_that_ended_in_between_waits(
    large: Service, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One invocation does it: after the longest that one lasts, it is at it no more."""
    monkeypatch.setenv("SPREAD_FROM", "1000")
    forget()
    looks = iter(range(5))
    context = Context(left=lambda: 900_000 if next(looks, None) is not None else 1_000)
    large.handlers["audit"].handler({}, context)
    (row,) = work(large)
    assert (row["what"], row["status"]) == ("audit", "running")
    clock.pause(901)
    (row,) = work(large)
    assert (row["status"], row["detail"]) == (
        "waiting",
        "the time for it was over: the schedule goes on where it stopped",
    )
    audit(large)
    assert work(large) == []


def test_an_audit_that_fails_says_where(large: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPREAD_FROM", "1000")
    forget()
    (key,) = (key for key in large.items() if key[1] == "SUBJECT#P3")
    intact = large.items()[key]
    damaged = {name: value for name, value in intact.items() if name != "head"}
    large.dynamodb.put_item(TableName=large.table, Item=damaged)
    audit(large)
    (row,) = work(large)
    assert (row["what"], row["status"]) == ("audit", "failed")
    assert ", line " in row["detail"]
    large.dynamodb.put_item(TableName=large.table, Item=intact)
    audit(large)
    assert work(large) == []
