"""The state machine of the template, carried out by the emulator: work spread side by side."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from test_end_to_end import Trial, until

from local.stack import aws, publishing_paused

_LONG = 180.0
"""Seconds for a run: each function that is beside others for the first time starts anew."""


def _function(stack: Any, name: str) -> str:
    functions = aws("lambda", stack.endpoint).list_functions()["Functions"]
    (found,) = (item["FunctionName"] for item in functions if name in item["FunctionName"])
    return found


def test_the_state_machine_audits_a_study_and_says_so(stack: Any) -> None:
    trial = Trial(stack)
    statuses = [
        event.status for event in trial.client.post_events(trial.id, trial.lines("feed.ndjson"))
    ]
    machines = aws("stepfunctions", stack.endpoint)
    (machine,) = machines.list_state_machines()["stateMachines"]
    assert machine["name"].endswith("-runs")
    item = {
        "PK": {"S": f"STUDY#{trial.id}"}, "SK": {"S": "AUDITED"}, "run": {"S": "r1"},
        "asked": {"S": ""}, "seen": {"S": "2026-01-01T00:00:00+00:00"},
        "tried": {"S": "2026-01-01T00:00:00+00:00"},
    }  # fmt: skip
    aws("dynamodb", stack.endpoint).put_item(TableName=stack.table, Item=item)
    begun = {
        "study": trial.id, "run": "r1", "task": "begin", "fills": 0,
        "function": _function(stack, "AuditFunction"),
    }  # fmt: skip
    started = machines.start_execution(
        stateMachineArn=machine["stateMachineArn"], input=json.dumps(begun)
    )

    def ended() -> Any:
        state = machines.describe_execution(executionArn=started["executionArn"])
        return state if state["status"] != "RUNNING" else None

    state = until(ended)
    assert state["status"] == "SUCCEEDED", state
    assert json.loads(state["output"])["task"] == ""
    audit = trial.get("audit").json()
    assert (audit["complete"], audit["differences"]) == (True, [])
    assert audit["events"] == statuses.count(201)
    assert trial.get("work").json()["work"] == []


@contextmanager
def _every_study_large(stack: Any) -> Iterator[None]:
    """Have Publish hold every study for a large one."""
    functions, name = aws("lambda", stack.endpoint), _function(stack, "PublishFunction")
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    lowered = {"Variables": {**variables, "SPREAD_FROM": "1"}}
    functions.update_function_configuration(FunctionName=name, Environment=lowered)
    try:
        yield
    finally:
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables}
        )


def _runs(stack: Any, trial: Trial) -> list[dict[str, Any]]:
    """Give the machine's executions for a study."""
    machines = aws("stepfunctions", stack.endpoint)
    (machine,) = machines.list_state_machines()["stateMachines"]
    listed = machines.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
    runs = [machines.describe_execution(executionArn=item["executionArn"]) for item in listed]
    return [run for run in runs if json.loads(run["input"])["study"] == trial.id]


def test_documents_made_side_by_side_are_those_made_alone(stack: Any) -> None:
    with _every_study_large(stack):
        with publishing_paused(stack.endpoint):  # or the first publication is of no events
            trial = Trial(stack, shards=2)
            answers = trial.client.post_events(trial.id, trial.lines("feed.ndjson"))
            accepted = [event.status for event in answers].count(201)
        live = until(trial.latest, _LONG)
        until(lambda: _ended(stack, trial, 1), _LONG)
        files = {file: trial.document(file) for file in live["files"]}
        _forget_publication(stack, trial)
        keys = {"PK": {"S": f"STUDY#{trial.id}"}, "SK": {"S": "CURRENT"}}
        record = {"eventName": "MODIFY", "dynamodb": {"Keys": keys, "SequenceNumber": "1"}}
        aws("lambda", stack.endpoint).invoke(
            FunctionName=_function(stack, "PublishFunction"),
            Payload=json.dumps({"Records": [record]}).encode(),
        )
        assert until(trial.latest, _LONG)["files"].keys() == files.keys()
        assert {file: trial.document(file) for file in files} == files
        assert len(_runs(stack, trial)) == 1  # the same is made side by side once a day
        name = trial.client.request("POST", f"{trial.path}/reports", b"").json()["report"]
        report = until(lambda: _ready(trial, name), _LONG)
        until(lambda: _ended(stack, trial, 2), _LONG)
    assert live["events"] == report["accepted"] == accepted


def _ended(stack: Any, trial: Trial, number: int) -> bool | None:
    """Tell that so many executions have succeeded, once none runs any more."""
    statuses = [run["status"] for run in _runs(stack, trial)]
    if "RUNNING" in statuses:
        return None
    assert statuses == ["SUCCEEDED"] * number
    return True


def _forget_publication(stack: Any, trial: Trial) -> None:
    for prefix in (f"pieces/{trial.id}/", f"studies/{trial.id}/open/latest.json"):
        listed = stack.s3.list_object_versions(Bucket=stack.bucket, Prefix=prefix)
        for version in listed["Versions"]:
            stack.s3.delete_object(
                Bucket=stack.bucket, Key=version["Key"], VersionId=version["VersionId"]
            )
    assert trial.latest() is None


def _ready(trial: Trial, name: str) -> dict[str, Any] | None:
    report: dict[str, Any] = trial.get(f"reports/{name}").json()
    assert report["status"] != "failed", report
    return report if report["status"] == "ready" else None
