"""Every event file through `sam local`: the built functions in Lambda containers."""

import gc
import json
import os
import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import docker
import pytest
from botocore.config import Config
from docker.errors import DockerException

from local import containers, emulator
from local import stack as deployment
from local.client import Client
from local.containers import FUNCTIONS
from local.feed import read_definition

ROOT = Path(__file__).resolve().parents[2]
ATTEMPTS = 3
SLOW = Config(read_timeout=300, retries={"total_max_attempts": 1})
"""For a first call, which makes the image: one that is given up and sent again would run twice."""
EVENT_FILES = [
    pytest.param(function, path, id=f"{directory}/{path.stem}")
    for directory, function in FUNCTIONS.items()
    for path in sorted((ROOT / "events" / directory).glob("*.json"))
]


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it forgets a socket if nobody answers
        try:
            client = docker.from_env(timeout=20)
        except DockerException as error:
            silence = str(error)
        else:
            silence = ""
        gc.collect()
    if silence:
        pytest.skip(f"no Docker answers, so sam local cannot run: {silence}")
    with closing(client):
        yield client


@pytest.fixture(scope="module")
def gateway(engine: docker.DockerClient) -> str:
    """Return this machine's address as containers see it: 127.0.0.1 would be their own."""
    if value := os.environ.get("SAM_LOCAL_GATEWAY"):
        return value
    (network,) = engine.networks.list(names=["bridge"])
    address: str = network.attrs["IPAM"]["Config"][0]["Gateway"]
    try:
        with socket.socket() as probe:
            probe.bind((address, 0))
    except OSError as error:  # Docker runs in a virtual machine of its own
        pytest.skip(f"containers cannot reach this machine at {address}: {error}")
    return address


@pytest.fixture(scope="module")
def running(gateway: str) -> Iterator[emulator.Emulator]:
    """Deploy to an emulator that containers reach, and put a study."""
    with emulator.running(f"sam-local-{os.getpid()}", gateway) as running:
        deployed = deployment.deploy(deployment.build(), running)
        definition = read_definition(ROOT / "events" / "tmb-301" / "definition.yaml")
        Client(deployed.api_url).put_definition(definition["study"], definition)
        yield running


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sam") / "log"


@pytest.fixture(scope="module")
def functions(running: emulator.Emulator, log: Path) -> Iterator[Any]:
    """Give a client of the functions in containers that they keep from call to call."""
    with containers.serving(deployment.build(), running, log) as address:
        yield deployment.aws("lambda", address, SLOW)


def answer_of(invoke: Callable[[], tuple[str, str]]) -> Any:
    """Read an answer out of what a call gave: that, and the log of it.

    A handler answers at least `null`. Nothing at all comes where the container's process ended
    before it answered, for sam drops the status that its emulator gives. A busy machine may end one
    as it starts (CI did, once); a handler that ends its process, or is too slow, does so each time.
    """
    for _ in range(ATTEMPTS):
        answer, printed = invoke()
        if answer:
            try:
                return json.loads(answer)
            except ValueError:
                pytest.fail(f"no JSON: {answer}\n{printed}")
    pytest.fail(f"no answer to {ATTEMPTS} calls, as on a time-out:\n{printed}")


def served(function: str, event: Path, functions: Any, log: Path) -> tuple[str, str]:
    """Invoke a function that is served; give its answer and the log."""
    answer = functions.invoke(FunctionName=function, Payload=event.read_bytes())
    printed = log.read_text(errors="replace")
    assert "FunctionError" not in answer, printed
    return answer["Payload"].read().decode(), printed


def invoked_once(function: str, event: Path, running: emulator.Emulator) -> tuple[str, str]:
    """Give what `sam local invoke` printed last, and its log; it exits 0 whatever happens."""
    process = containers.run(function, event, deployment.build(), running)
    assert process.returncode == 0, process.stderr
    return process.stdout.strip().rpartition("\n")[2], process.stderr


def check(function: str, answer: Any) -> None:
    assert "errorType" not in (answer or {}), answer
    if function == "ApiFunction":
        assert 200 <= answer["statusCode"] < 500
    elif function != "AuditFunction":  # nothing at all says as well that no item failed
        assert answer in (None, {"batchItemFailures": []}, {"ended": True})  # that of a run's step


def test_there_are_event_files_for_every_function() -> None:
    assert {function for function, _ in (case.values for case in EVENT_FILES)} == {
        *FUNCTIONS.values()
    }


@pytest.mark.parametrize(("function", "event"), EVENT_FILES)
def test_an_event_file_is_handled_in_a_lambda_container(
    function: str, event: Path, functions: Any, log: Path
) -> None:
    check(function, answer_of(partial(served, function, event, functions, log)))


@pytest.mark.parametrize("directory", FUNCTIONS)
def test_sam_local_invoke_answers_for_every_function(
    directory: str, running: emulator.Emulator
) -> None:
    function, event = next(
        case.values for case in EVENT_FILES if case.values[0] == FUNCTIONS[directory]
    )
    check(function, answer_of(partial(invoked_once, function, event, running)))
