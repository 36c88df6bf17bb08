"""What fails on the way to S3 or DynamoDB comes again, and everything is right afterwards."""

import hashlib
import json
from datetime import timedelta
from typing import Any

import outage
import pytest
from doubles import Clock
from invoking import EVENTS, PROBLEM, Service, forget, streamed
from outage import Fault, Line

import wiring
from local.feed import read_definition
from trial.errors import Unavailable
from trial.reporting import currency

Event = dict[str, Any]
SERVICES = ("dynamodb", "s3")
PUBLISHES_BY = (*SERVICES, "kms")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(step=timedelta(milliseconds=1))
    monkeypatch.setattr(wiring, "now", clock)
    return clock


@pytest.fixture
def events() -> list[str]:
    return (EVENTS / "example" / "feed.ndjson").read_text(encoding="utf-8").splitlines()


class Trial:
    """The guide's example, in a service that can fail."""

    def __init__(self, service: Service, events: list[str]) -> None:
        self.service = service
        self.definition = read_definition(EVENTS / "example" / "definition.yaml")
        self.study: str = self.definition["study"]
        self.left = list(events)
        assert service.define(self.definition).status == 201
        self.post(5)
        self.line = outage.between(service)

    def post(self, number: int = 1) -> None:
        result, self.left = self.left[:number], self.left[number:]
        assert self.service.batch(*result, study=self.study).status == 200

    def ask(self) -> str:
        answer = self.service.report("", self.study)
        assert answer.status == 202
        name: str = answer.json["report"]
        return name

    def report(self, name: str) -> Event:
        result: Event = self.service.get(f"reports/{name}", self.study).json
        return result

    def rendering(self) -> Event:
        last_rendering: Event = self.service.get("reports", self.study).json["last_rendering"]
        return last_rendering

    def changed(self, *requests: str) -> list[tuple[str, str]]:
        text = f"STUDY#{self.study}"
        return [(f"{text}#0", "SUBJECT#1"), *((text, f"REPORT#{request}") for request in requests)]

    def deliver(self, *requests: str, times: int = 4) -> int:
        """Deliver a batch of the stream until it is taken; say how often it came again."""
        for time_ in range(times):
            try:
                self.service.stream(*self.changed(*requests))
            except Unavailable:
                continue
            return time_
        return times

    def sweep(self) -> None:
        self.service.invoke("publish", {})

    def check(self) -> None:
        """Demand that live documents show all there is, and are what their manifest says."""
        study = wiring.store().study(self.study)
        assert not currency.is_behind(wiring.store(), wiring.documents(), study)
        start = f"studies/{self.study}/open/"
        latest = json.loads(self.service.object(f"{start}latest.json"))
        assert latest["events"] == self.service.get("summary", self.study).json["accepted"]
        manifest = json.loads(self.service.object(f"{start}live/manifest.json"))
        assert manifest["cut"]["id"] == latest["cut"]
        for file in manifest["files"]:
            content = self.service.object(f"{start}live/{file['name']}")
            assert hashlib.sha256(content).hexdigest() == file["sha256"]


@pytest.fixture
def trial(clock: Clock, blank: Service, events: list[str]) -> Trial:
    forget()
    return Trial(blank, events)


def struck(line: Line, calls: list[tuple[str, str]]) -> dict[tuple[str, str], set[int]]:
    """Name the calls to strike: of each operation of a service the first and the last."""
    places: dict[tuple[str, str], list[int]] = {}
    for number, call in enumerate(calls):
        places.setdefault(call, []).append(number)
    line.calls.clear()
    return {call: {place[0], place[-1]} for call, place in places.items()}


def test_every_operation_of_publish_fails_once_and_all_is_right_when_it_came_again(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "trial.store.bucket.client.PART_BYTES", 20_000
    )  # so that files go up in parts
    name, before = trial.ask(), len(trial.line.calls)
    assert trial.deliver(name) == 0
    operations = struck(trial.line, trial.line.calls[before:])
    assert {result for _, result in operations} >= {
        "get_object", "put_object", "create_multipart_upload", "upload_part",
        "complete_multipart_upload", "get_item", "query", "transact_write_items",
        "batch_get_item", "put_item",
    }  # fmt: skip
    faults = list(outage.PASSING)
    for turn, number in enumerate(sorted(set[int]().union(*operations.values()))):
        fault = faults[turn % len(faults)]
        if trial.left:
            trial.post()
        name = trial.ask()
        trial.line.calls.clear()
        trial.line.fault = number, fault
        assert trial.deliver(name) < 4, (number, fault)
        trial.line.fault = None
        assert trial.report(name)["status"] == "ready", (number, fault)
        assert trial.rendering()["status"] == "published"
        trial.check()


@pytest.mark.parametrize("fault", outage.PASSING)
@pytest.mark.parametrize("service", PUBLISHES_BY)
def test_an_outage_of_any_length_loses_no_publication_and_no_report(
    trial: Trial, service: str, fault: Fault
) -> None:
    trial.deliver()
    trial.post(3)
    name = trial.ask()
    trial.line.down = {service: fault}
    assert trial.deliver(name, times=6) == 6
    trial.line.down = {}
    assert trial.report(name)["status"] == "pending"
    assert trial.rendering()["status"] == "published"
    assert trial.deliver(name) == 0
    assert trial.report(name)["status"] == "ready"
    trial.check()


def test_a_missing_right_is_told_with_its_reason_and_made_good_by_the_sweep(
    trial: Trial, clock: Clock
) -> None:
    trial.deliver()
    trial.post(3)
    name = trial.ask()
    trial.line.down = {"s3": outage.denied}
    assert trial.deliver(name) == 0
    trial.line.down = {}
    assert trial.rendering()["status"] == "failed"
    assert trial.rendering()["detail"] == "the AWS call GetObject failed: AccessDenied"
    assert trial.report(name)["status"] == "failed"
    assert trial.report(name)["detail"] == "the AWS call GetObject failed: AccessDenied"
    trial.sweep()  # sees it, and leaves it alone for a while
    assert trial.rendering()["status"] == "failed"
    assert trial.rendering()["behind_since"]
    clock.at += timedelta(hours=2)
    trial.sweep()
    assert (trial.rendering()["status"], trial.rendering()["behind_since"]) == ("published", "")
    trial.check()


def emitted(capsys: pytest.CaptureFixture[str], metric: str) -> list[float]:
    lines = (json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line)
    return [value for line in lines for value in line.get(metric, ())]


def test_changes_that_nothing_calls_for_any_more_are_published_by_the_sweep_and_their_age_is_told(
    trial: Trial, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    trial.deliver()
    trial.post(3)
    trial.sweep()
    clock.at += timedelta(minutes=9)
    trial.sweep()
    assert emitted(capsys, "DocumentLag")[-1] == pytest.approx(540, abs=2)
    clock.at += timedelta(minutes=2)
    trial.sweep()
    trial.check()
    trial.sweep()
    assert emitted(capsys, "DocumentLag")[-1] == 0


def test_a_report_left_pending_is_swept_and_in_the_end_failed_with_a_reason(
    trial: Trial, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = trial.ask()
    trial.sweep()
    assert trial.report(name)["status"] == "pending"
    clock.at += timedelta(minutes=11)
    trial.sweep()
    assert trial.report(name)["status"] == "ready"

    class Killed(BaseException):
        """The process ends, and nobody is left to say so."""

    def killed(*_: Any) -> None:
        raise Killed

    name = trial.ask()
    monkeypatch.setattr("trial.reporting.publishing._make_report", killed)
    tries = 0
    for _ in range(100):
        clock.at += timedelta(minutes=15)
        try:
            trial.sweep()
        except Killed:
            tries += 1
    assert 3 < tries < 15
    report = trial.report(name)
    assert report["status"] == "failed"
    assert "request it again" in report["detail"]


@pytest.mark.parametrize("fault", outage.PASSING)
def test_who_asks_for_documents_meanwhile_is_told_503(trial: Trial, fault: Fault) -> None:
    trial.deliver()
    trial.service.invoke("audit", streamed((f"STUDY#{trial.study}", "AUDIT#1")))
    for path in ("reports", "reports/live/tables.json", "audit"):
        assert trial.service.get(path, trial.study).status in {200, 303}
        trial.line.down = {"s3": fault}
        answer = trial.service.get(path, trial.study)
        assert (answer.status, answer.media_type) == (503, PROBLEM), path
        trial.line.down = {}


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_of_audit_fails_once_or_for_long_and_its_report_is_there_in_the_end(
    trial: Trial, service: str
) -> None:
    result = streamed((f"STUDY#{trial.study}", "AUDIT#1"))
    before = len(trial.line.calls)
    trial.service.invoke("audit", result)
    operations = struck(trial.line, trial.line.calls[before:])
    for turn, number in enumerate(sorted(set[int]().union(*operations.values()))):
        trial.line.calls.clear()
        trial.line.fault = number, outage.PASSING[turn % len(outage.PASSING)]
        for _ in range(3):
            try:
                trial.service.invoke("audit", result)
            except Unavailable:
                continue
            break
        else:
            pytest.fail(f"call {number} fails for ever")
    trial.line.fault = None
    trial.line.down = {service: outage.unreachable}
    for _ in range(3):
        with pytest.raises(Unavailable):
            trial.service.invoke("audit", result)
    trial.line.down = {}
    trial.service.invoke("audit", result)
    outcome = trial.service.get("audit", trial.study).json
    assert (outcome["complete"], outcome["differences"]) == (True, [])


def test_two_calls_at_once_make_one_rendering_after_the_other_and_lose_none(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the first renders, an event comes and its change is delivered to another process."""
    from trial.reporting.live import publishing  # noqa: PLC0415

    publish, running, items = publishing.publish, [], []

    def watched(*arguments: Any, **options: Any) -> Any:
        running.append(1)
        items.append(len(running))
        try:
            outcome = publish(*arguments, **options)
            if len(items) == 1:
                trial.post()
                event = streamed(*trial.changed())
                event["Records"][0]["eventID"] = "another"
                trial.service.invoke("publish", event)
            return outcome
        finally:
            running.pop()

    monkeypatch.setattr(publishing, "publish", watched)
    trial.deliver()
    assert items == [1, 1]
    trial.check()


def test_a_lease_of_a_process_that_ended_lapses(trial: Trial, clock: Clock) -> None:
    assert wiring.leases().acquire(trial.study, "gone", None) is not None
    trial.service.stream(*trial.changed())
    assert trial.rendering() is None
    clock.at += timedelta(minutes=14)
    trial.sweep()
    clock.at += timedelta(minutes=11)
    trial.sweep()
    trial.check()


def test_a_study_too_slow_for_one_run_is_told_and_stops_no_other(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = trial.definition | {"study": "SECOND"}
    assert trial.service.define(second).status == 201
    slow = min(trial.study, "SECOND")
    times = iter([900_000] * 3)

    class Context:
        aws_request_id, function_name = "1", "publish"
        memory_limit_in_mb, invoked_function_arn = 1, "arn"

        def get_remaining_time_in_millis(self) -> int:
            return next(times, 1_000)

    keys = [(f"STUDY#{item}", "CURRENT") for item in sorted((trial.study, "SECOND"))]
    handler = trial.service.handlers["publish"].handler
    again = {"batchItemFailures": [{"itemIdentifier": "101"}]}
    assert handler(streamed(*keys), Context()) == again
    marked = wiring.reports().last_rendering(slow)
    assert marked is not None
    assert marked["detail"] == "it did not finish within the time limit of one run"
    trial.service.stream(*[key for key in keys if slow not in key[0]])
    last_rendering = wiring.reports().last_rendering(max(trial.study, "SECOND"))
    assert last_rendering is not None
    assert last_rendering["status"] == "published"


def test_every_operation_of_the_api_fails_once_and_what_is_sent_again_is_right(
    trial: Trial,
) -> None:
    trial.deliver()
    name = trial.ask()
    trial.deliver(name)
    read_paths = "summary", "tables", "reports", f"reports/{name}/tables.json", "quarantine"

    def call(event: str) -> list[int]:
        posted = trial.service.post(json.loads(event), trial.study).status
        return [posted, *(trial.service.get(path, trial.study).status for path in read_paths)]

    before = len(trial.line.calls)
    call(trial.left.pop(0))
    calls = struck(trial.line, trial.line.calls[before:])
    accepted = trial.service.get("summary", trial.study).json["accepted"]
    for turn, number in enumerate(sorted(set[int]().union(*calls.values()))):
        event = trial.left.pop(0)
        trial.line.calls.clear()
        trial.line.fault = number, outage.PASSING[turn % len(outage.PASSING)]
        assert set(call(event)) <= {200, 201, 303, 503}
        trial.line.fault = None
        assert set(call(event)) <= {200, 201, 303}
        accepted += 1
        assert trial.service.get("summary", trial.study).json["accepted"] == accepted
    assert trial.service.quarantined(trial.study) == []
