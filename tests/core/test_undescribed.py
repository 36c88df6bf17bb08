"""A start of a function: pydantic's forms describe nothing and no kind of event has a model."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from trial.definition import Definition
from trial.events.payloads import KINDS, model_of

ROOT = Path(__file__).resolve().parents[2]
STARTED = """
import json, typing
described = typing.TypedDict
from trial import undescribed
undescribed.import_core_schema()
assert typing.TypedDict is described
from pydantic_core import core_schema
assert not hasattr(core_schema.StringSchema, "__required_keys__")
assert type(core_schema.CoreConfig(title="T")) is dict

from trial.definition import Definition
from trial.events.payloads import KINDS, model_of
from trial.tables import compiled
assert model_of.cache_info().currsize == 0, "a kind has a model before the first event of it"
import test_undescribed
print(json.dumps(test_undescribed.answers()))
"""


def answers() -> Any:
    """Return what the language and each kind say of themselves and of data not theirs."""
    models = {"Definition": Definition, **{kind: model_of(kind) for kind in KINDS}}
    return {name: [model.model_json_schema(), _faults(model)] for name, model in models.items()}


def _faults(model: Any) -> list[Any]:
    value = {name: {"of": [3]} for name in (*model.model_fields, "beyond")}
    try:
        model.model_validate(value)
    except ValueError as error:
        return [[*failure["loc"], failure["msg"]] for failure in error.errors(include_url=False)]
    raise AssertionError(f"{model.__name__} takes anything")


def test_a_start_describes_and_makes_nothing_that_its_first_event_does_not_need() -> None:
    paths = os.pathsep.join(str(ROOT / part) for part in ("functions", "tests/core"))
    command = [sys.executable, "-c", STARTED]
    environment = {**os.environ, "PYTHONPATH": paths}
    printed = subprocess.run(command, env=environment, check=True, text=True, capture_output=True)
    assert json.loads(printed.stdout) == json.loads(json.dumps(answers()))
