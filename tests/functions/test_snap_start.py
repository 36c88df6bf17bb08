"""What SnapStart asks of the API's function: started whole, and nothing shared that must differ."""

import os
import subprocess
import sys
from pathlib import Path

FUNCTIONS = Path(__file__).parents[2] / "functions"
RUNTIME = """
before, after = [], []

def register_before_snapshot(function):
    before.append(function)

def register_after_restore(function):
    after.append(function)
"""
START = """
import ast, inspect, random, socket, sys

def refuse(*_):
    raise AssertionError("connected before the snapshot")

socket.socket.connect = refuse
import api, snapshot_restore_py as runtime
for function in runtime.before:
    function()
loaded = set(sys.modules)
state = random.getstate()
for function in runtime.after:
    function()
assert random.getstate() != state, "every environment would draw the same pauses"

# No class waits to be finished by the first event after a restore.
from trial.definition import Definition
from trial.events.payloads import KINDS, model_of
from trial.subject.cutoff import Subject
assert all(model.__pydantic_complete__ for model in (Definition, *map(model_of, KINDS)))
assert Subject.__dataclass_fields__

# What a request of each route imports is there already.
later = {
    f"{node.module}.{name.name}"
    for path in sys.argv[1:]
    for function in ast.walk(ast.parse(open(path, encoding="utf-8").read()))
    if isinstance(function, ast.FunctionDef)
    for node in ast.walk(function) if isinstance(node, ast.ImportFrom)
    for name in node.names
}
modules = {name for name in later if name.startswith("trial.") and name.islower()}
print(len(modules), sorted(modules - loaded))
"""


def test_before_a_snapshot_all_is_loaded_and_nothing_is_asked_of_aws(tmp_path: Path) -> None:
    (tmp_path / "snapshot_restore_py.py").write_text(RUNTIME)
    environment = {
        "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",  # or the client asks the runtime for its rights
        "AWS_SECRET_ACCESS_KEY": "test",
        "TABLE_NAME": "table",
        "BUCKET_NAME": "bucket",
        "SUBMISSIONS_URL": "https://sqs.example/1/queue",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(FUNCTIONS)]),
    }
    run = subprocess.run(
        [sys.executable, "-c", START, str(FUNCTIONS / "api.py")],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    count, missing = run.stdout.split(" ", 1)
    assert int(count) >= 5
    assert missing.strip() == "[]"
