"""Pieces of a large study's documents, made side by side: as the state machine asks for them."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import toy
from doubles import Clock
from faults import losing_the_answer
from invoking import Service, forget
from machine import Document, Machine, with_study

import wiring
from trial.commands import engine
from trial.definition import study
from trial.reporting import blocks, journals, unfinished_report
from trial.reporting.live import unfinished
from trial.reporting.live.parts import LiveParts
from trial.store.document_runs import DocumentRun, DocumentRuns
from trial.web import queries

STUDY = "A"
SHARDS = 3
SUBJECTS = 24
LIVE = f"studies/{STUDY}/open/live/"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock(step=timedelta(milliseconds=1))
    monkeypatch.setattr(wiring, "now", clock)
    monkeypatch.setenv("RUNS", "arn:aws:states:us-east-1:123456789012:stateMachine:livetlf-runs")
    monkeypatch.setenv("SPREAD_FROM", "1")
    monkeypatch.setattr(blocks, "_USUAL_SIZE", 3)
    monkeypatch.setattr(unfinished, "AT_ONCE", 2)
    monkeypatch.setattr(journals, "GROUP_EVENTS", 4)
    monkeypatch.setattr(unfinished_report, "GROUP_EVENTS", 4)
    yield clock
    forget()


@pytest.fixture
def large(clock: Clock, blank: Service) -> Service:
    """Give a service of one study of which nothing is published."""
    return with_study(blank, STUDY, SHARDS, SUBJECTS)


@pytest.fixture
def machine(large: Service, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(large)
    machine.function, machine.is_patient = "publish", True
    monkeypatch.setattr(wiring, "engine", lambda: engine.Engine(machine, "machine", "publish"))
    return machine


def live_files(service: Service) -> dict[str, bytes]:
    latest = wiring.documents().latest(STUDY, "open").document
    assert latest is not None
    return {name: service.object(f"{LIVE}{name}") for name in latest["files"]}


def forget_publication(service: Service) -> None:
    """Leave nothing of which documents could be made, nor what says that they are."""
    for key, version in service.versions():
        if key.startswith("pieces/") or key.endswith("latest.json"):
            service.s3.delete_object(Bucket=service.bucket, Key=key, VersionId=version)


def made_serially(service: Service, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Make the live documents from nothing by one process."""
    forget_publication(service)
    with monkeypatch.context() as patch:
        patch.setenv("SPREAD_FROM", "100000")
        wiring.settings.cache_clear()
        service.stream((f"STUDY#{STUDY}", "CURRENT"))
    wiring.settings.cache_clear()
    return live_files(service)


def pieces(service: Service, part: str) -> list[tuple[str, str]]:
    return [found for found in service.versions("pieces/") if part in found[0]]


def work(what: str) -> list[Document]:
    rows: list[Document] = json.loads(queries.work.get_work(None, STUDY).text)["work"]  # type: ignore[attr-defined, arg-type]
    return [row for row in rows if row["what"] == what]


def test_a_first_publication_made_side_by_side_is_the_one_made_alone(
    large: Service, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    large.stream()
    assert wiring.documents().latest(STUDY, "open").document is None
    large.stream((f"STUDY#{STUDY}", "CURRENT"))  # a call meanwhile begins no other
    (begun,) = machine.begun
    assert begun == {
        "study": STUDY, "run": begun["run"], "task": "begin", "fills": 0, "function": "publish",
    }  # fmt: skip
    seen: list[Document] = []
    machine.run((1, 5, 9), lambda _task, _part: seen.extend(work("publication")))
    tasks = [task for task, _ in machine.tasks]
    assert tasks[:SHARDS] == ["survey"] * SHARDS
    assert (n_parts := tasks.count("blocks")) > 2
    assert {(row["status"], row["unit"]) for row in seen} == {("running", "parts")}
    assert [row["total"] for row in seen[:SHARDS]] == [SHARDS] * SHARDS
    assert seen[-1]["total"] == n_parts
    assert seen[-1]["done"] == n_parts - 1
    assert work("publication") == []
    assert pieces(large, "survey") == pieces(large, "unfinished-part") == []
    files = live_files(large)
    assert files == made_serially(large, monkeypatch)
    assert machine.begun == []


def test_answers_that_are_lost_are_given_again_and_a_run_that_may_have_begun_is_not_waited_for(
    large: Service, machine: Machine
) -> None:
    with losing_the_answer(DocumentRuns, "begin"):
        large.stream()
    assert machine.begun == []
    large.stream()
    machine.is_deaf = True
    machine.run()
    tasks = [task for task, _ in machine.tasks]
    assert tasks.count("survey") == SHARDS
    assert tasks.count("blocks") > 2
    assert live_files(large)


@pytest.mark.parametrize("fault", ["lost", "killed", "failing", "changed"])
def test_what_becomes_of_parts_changes_no_byte(
    large: Service, machine: Machine, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    def between(task: str, part: int) -> None:
        if task != "blocks" or part != 2:
            return
        if fault == "lost":
            for key, version in pieces(large, "block-")[::2] + pieces(large, "part-000"):
                large.s3.delete_object(Bucket=large.bucket, Key=key, VersionId=version)
        elif fault == "killed":
            raise ConnectionError
        elif fault == "failing":
            monkeypatch.setattr(LiveParts, "make_blocks", None)
        else:
            entry = toy.event(STUDY, "P3", "L1", revision=2, result="77")
            wiring.store().record(wiring.store().study(STUDY), toy.receipts([entry]))

    large.stream()
    try:
        machine.run(between=between)
    except ConnectionError:
        run = wiring.document_runs().get(STUDY)
        assert run is not None
        assert run.is_open
        machine.call({"study": STUDY, "run": run.name, "task": engine.GIVE_UP})
    files = live_files(large)
    assert files == made_serially(large, monkeypatch)
    assert work("publication") == []


def test_a_run_of_which_nothing_is_heard_is_not_waited_for(
    large: Service, machine: Machine, clock: Clock
) -> None:
    large.stream()
    lost = machine.begun.pop()
    large.stream((f"STUDY#{STUDY}", "CURRENT"))
    assert wiring.documents().latest(STUDY, "open").document is None
    clock.at += timedelta(hours=2)
    large.stream((f"STUDY#{STUDY}", "CURRENT"))
    assert live_files(large)
    assert machine.begun == []  # what a run did not make one process makes
    before = large.versions(LIVE)
    assert machine.call(lost)["task"] == ""
    item = {"study": STUDY, "run": lost["run"], "task": "survey", "shard": 1}
    assert machine.call(item) == {"ended": True}
    assert pieces(large, "survey") == []
    assert large.versions(LIVE) == before


def test_a_report_read_side_by_side_is_the_one_read_alone(
    large: Service, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_serially(large, monkeypatch)
    name = large.report(json.dumps({"reason": "Review"}), STUDY).json["report"]
    large.stream((f"STUDY#{STUDY}", f"REPORT#{name}"))
    assert wiring.reports().get(STUDY, name).attempts == 0
    (row,) = work("report")
    assert (row["status"], row["unit"], row["done"]) == ("running", "parts", None)
    machine.run((3, 30))
    assert machine.tasks == [("journals", shard) for shard in range(SHARDS)]
    report = wiring.reports().get(STUDY, name)
    assert report.status == "ready"
    assert pieces(large, "/reports/") == []
    side_by_side = cut_files(large, report.cut)
    for key, version in large.versions(f"studies/{STUDY}/open/audit/"):
        if key.endswith(".sig.json"):  # without one no cut is complete
            large.s3.delete_object(
                Bucket=large.bucket, Key=key, VersionId=version, BypassGovernanceRetention=True
            )
    monkeypatch.setenv("SPREAD_FROM", "100000")
    wiring.settings.cache_clear()
    assert large.made(STUDY, reason="Once more")["cut"] == report.cut
    again = cut_files(large, report.cut)
    assert {key: content for key, (_, content) in again.items()} == {
        key: content for key, (_, content) in side_by_side.items()
    }
    assert {version for version, _ in again.values()}.isdisjoint(
        version for version, _ in side_by_side.values()
    )
    assert len(again) > 5
    assert machine.begun == []


def cut_files(service: Service, cut: str) -> dict[str, tuple[str, bytes]]:
    """Give the version and the bytes of each file of a cut, but for those of one request."""
    files = {}
    for name in {key for key, _ in service.versions() if cut in key}:
        if not name.endswith(".sig.json") and "changes" not in name:
            stored = service.s3.get_object(Bucket=service.bucket, Key=name)
            files[name] = stored["VersionId"], stored["Body"].read()
    return files


def test_a_report_waits_for_the_run_of_live_documents_and_has_its_own_then(
    large: Service, machine: Machine
) -> None:
    large.stream()
    name = large.report("", STUDY).json["report"]
    large.stream((f"STUDY#{STUDY}", f"REPORT#{name}"))
    assert [row["status"] for row in work("report")] == ["waiting"]
    machine.run()
    assert live_files(large)
    assert wiring.reports().get(STUDY, name).status == "pending"
    machine.run()
    assert wiring.reports().get(STUDY, name).status == "ready"
    assert {task for task, _ in machine.tasks} == {"survey", "blocks", "journals"}


def test_a_definition_that_comes_into_force_meanwhile_ends_the_run_and_begins_another(
    large: Service, machine: Machine
) -> None:
    def between(task: str, part: int) -> None:
        if (task, part) != ("blocks", 0) or amended:
            return
        body = json.loads(toy.definition(STUDY, shards=SHARDS)) | {"title": "Amended"}
        amended.append(body)
        wiring.store().put_definition(study.load(json.dumps(body)), json.dumps(body))
        wiring.store().fill(STUDY)
        wiring.store().invalidate(STUDY)

    amended: list[Any] = []
    large.stream()
    machine.run(between=between)
    assert wiring.documents().latest(STUDY, "open").document is None
    machine.run()
    assert wiring.documents().latest(STUDY, "open").document is not None
    assert b"Amended" in live_files(large)["summary.md"]


def test_a_run_begins_whose_row_is_written_with_the_answer_lost(large: Service) -> None:
    runs, events = wiring.document_runs(), wiring.table()._client.meta.events
    sent: list[object] = []

    def send_again(**_: object) -> float | None:
        sent.append(None)
        return 0.0 if len(sent) == 1 else None

    first, second = (DocumentRun(name, "live", "", "0", "0") for name in ("1", "2"))
    for run, former in ((first, None), (second, first)):
        sent.clear()
        events.register_first("needs-retry.dynamodb", send_again)
        assert runs.begin(STUDY, run, former)
        events.unregister("needs-retry.dynamodb", send_again)
        assert len(sent) == 2
        assert runs.get(STUDY) == run
    assert not runs.begin(STUDY, first, None)
