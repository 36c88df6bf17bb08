"""The built functions in Lambda containers, by `sam local`."""

# ruff: noqa: T201 - what a command prints is its answer

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from local import stack
from local.emulator import REGION, ROOT, Emulator, LocalError, free_port
from local.feed import BadFileError

FUNCTIONS: Mapping[str, str] = {
    "api": "ApiFunction",
    "audit": "AuditFunction",
    "ingest": "IngestFunction",
    "publish": "PublishFunction",
}
"""The function that handles the events of each folder in events/."""
_LOOPBACK = "127.0.0.1"
_READY_WITHIN = 120.0


def invoke(event: Path, template: Path, emulator: Emulator) -> int:
    """Print what the function of this event's folder answers: 0 if it did, 1 if it failed."""
    function = FUNCTIONS.get(event.resolve().parent.name)
    if function is None or not event.is_file():
        folders = ", ".join(f"events/{name}" for name in FUNCTIONS)
        raise BadFileError(f"{event} is not a file in one of {folders}")
    if urlsplit(emulator.endpoint).hostname == _LOOPBACK and sys.platform == "linux":
        raise LocalError(
            f"A container cannot reach the stack at {_LOOPBACK}. Start it on Docker's bridge:"
            " make down; make up HOST=172.17.0.1"
        )
    process = run(function, event, template, emulator)
    print(process.stderr, file=sys.stderr)
    print(process.stdout.strip())
    return 0 if process.returncode == 0 and _answered(process.stdout) else 1


def run(
    function: str, event: Path, template: Path, emulator: Emulator
) -> subprocess.CompletedProcess[str]:
    """Run `sam local invoke` for this machine's processor, as the template was built.

    It exits 0 whatever the handler does: judge by what it prints.
    """
    return subprocess.run(  # noqa: S603
        [*_sam("invoke", function, f"--event={event}"), *_options(template, emulator)],
        cwd=ROOT,
        env=_variables(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def serving(template: Path, emulator: Emulator, log: Path) -> Iterator[str]:
    """Run `sam local start-lambda` for as long as the block lasts; give its address.

    A function keeps its container from call to call, as on AWS.
    """
    port = free_port(_LOOPBACK)
    address = f"--host={_LOOPBACK}", f"--port={port}"
    with log.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603
            [*_sam("start-lambda", *address), *_options(template, emulator)],
            cwd=ROOT,
            env=_variables(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_listening(process, port, log)
        yield f"http://{_LOOPBACK}:{port}"
    finally:
        process.send_signal(signal.SIGINT)  # it takes its containers down
        process.wait()


def _wait_until_listening(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((_LOOPBACK, port)):
            return
        time.sleep(0.2)
    raise LocalError(f"sam local start-lambda did not start:\n{log.read_text(errors='replace')}")


def _sam(command: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "samcli", "local", command, *arguments]


def _options(template: Path, emulator: Emulator) -> list[str]:
    return [
        f"--template-file={template}",
        f"--env-vars={emulator.state / stack.VARIABLES}",
        f"--config-file={stack.SAMCONFIG}",
        "--parameter-overrides",
        *stack.parameters(),
    ]


def _variables() -> dict[str, str]:
    """Return the environment without AWS's keys: with them sam asks AWS who it is."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return variables | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": REGION}


def _answered(output: str) -> bool:
    """Return whether the last line is an answer of the handler: no error, and not empty."""
    lines = output.strip().splitlines()
    if not lines:
        return False  # it was not done in time, or ran out of memory
    try:
        answer = json.loads(lines[-1])
    except ValueError:
        return False
    return not (isinstance(answer, dict) and "errorType" in answer)
