"""The state machine of the template, carried out by the emulator: a study's shards side by side."""

import json
import time
from typing import Any

from test_end_to_end import Trial

from local.stack import aws


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
    begun = {"study": trial.id, "run": "r1", "task": "begin", "fills": 0}
    started = machines.start_execution(
        stateMachineArn=machine["stateMachineArn"], input=json.dumps(begun)
    )
    deadline = time.monotonic() + 60
    while (state := machines.describe_execution(executionArn=started["executionArn"]))[
        "status"
    ] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert state["status"] == "SUCCEEDED", state
    assert json.loads(state["output"])["task"] == ""
    audit = trial.get("audit").json()
    assert (audit["complete"], audit["differences"]) == (True, [])
    assert audit["events"] == statuses.count(201)
    assert trial.get("work").json()["work"] == []
