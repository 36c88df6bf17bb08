"""Every event file through `sam local invoke`: the built functions in a Lambda container."""

import gc
import json
import os
import socket
import subprocess
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
def invoke(gateway: str) -> Iterator[Any]:
    template = deployment.build()
    with emulator.running(f"sam-local-{os.getpid()}", gateway) as running:
        deployed = deployment.deploy(template, running)
        definition = read_definition(ROOT / "events" / "tmb-301" / "definition.yaml")
        Client(deployed.api_url).put_definition(definition["study"], definition)
        yield lambda function, event: _answer(containers.run(function, event, template, running))


def _answer(done: subprocess.CompletedProcess[str]) -> Any:
    """Read what `sam local invoke` printed; it exits 0 whatever the handler does."""
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip(), f"no answer, as on a time-out:\n{done.stderr}"
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    assert "errorType" not in (answer or {}), f"{answer}\n{done.stderr}"
    return answer


def test_there_are_event_files_for_every_function() -> None:
    assert {function for function, _ in (case.values for case in EVENT_FILES)} == {
        *FUNCTIONS.values()
    }


@pytest.mark.parametrize(("function", "event"), EVENT_FILES)
def test_an_event_file_is_handled_in_a_lambda_container(
    function: str, event: Path, invoke: Any
) -> None:
    answer = invoke(function, event)
    if function == "ApiFunction":
        assert 200 <= answer["statusCode"] < 500
    elif function != "AuditFunction":  # nothing at all says as well that no item failed
        assert answer in (None, {"batchItemFailures": []})
