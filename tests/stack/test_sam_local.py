"""Every event file through `sam local`: the built functions in Lambda containers."""

import gc
import json
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import DockerException

from local import containers, emulator
from local import stack as deployment
from local.client import Client
from local.containers import FUNCTIONS
from local.feed import read_definition

ROOT = Path(__file__).resolve().parents[2]
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
def functions(
    running: emulator.Emulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """Give a client of the functions in containers that they keep from call to call."""
    log = tmp_path_factory.mktemp("sam") / "log"
    with containers.serving(deployment.build(), running, log) as address:
        yield deployment.aws("lambda", address)


def invoked_once(function: str, event: Path, running: emulator.Emulator) -> Any:
    """Read what `sam local invoke` printed; it exits 0 whatever the handler does."""
    process = containers.run(function, event, deployment.build(), running)
    assert process.returncode == 0, process.stderr
    assert process.stdout.strip(), f"no answer, as on a time-out:\n{process.stderr}"
    return json.loads(process.stdout.strip().splitlines()[-1])


def check(function: str, answer: Any) -> None:
    assert "errorType" not in (answer or {}), answer
    if function == "ApiFunction":
        assert 200 <= answer["statusCode"] < 500
    elif function != "AuditFunction":  # nothing at all says as well that no item failed
        assert answer in (None, {"batchItemFailures": []})


def test_there_are_event_files_for_every_function() -> None:
    assert {function for function, _ in (case.values for case in EVENT_FILES)} == {
        *FUNCTIONS.values()
    }


@pytest.mark.parametrize(("function", "event"), EVENT_FILES)
def test_an_event_file_is_handled_in_a_lambda_container(
    function: str, event: Path, functions: Any
) -> None:
    answer = functions.invoke(FunctionName=function, Payload=event.read_bytes())
    assert "FunctionError" not in answer
    check(function, json.loads(answer["Payload"].read()))


@pytest.mark.parametrize("directory", FUNCTIONS)
def test_sam_local_invoke_answers_for_every_function(
    directory: str, running: emulator.Emulator
) -> None:
    function, event = next(
        case.values for case in EVENT_FILES if case.values[0] == FUNCTIONS[directory]
    )
    check(function, invoked_once(function, event, running))
