"""The built functions in a Lambda container, by `sam local invoke`."""

# ruff: noqa: T201 - what a command prints is its answer

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from local import stack
from local.emulator import REGION, ROOT, Emulator, LocalError
from local.feed import BadFileError

FUNCTIONS: Mapping[str, str] = {
    "api": "ApiFunction",
    "audit": "AuditFunction",
    "ingest": "IngestFunction",
    "publish": "PublishFunction",
}
"""The function that handles the events of each folder in events/."""
_LOOPBACK = "127.0.0.1"


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
    options = [f"--template-file={template}", f"--event={event}"]
    options += [f"--env-vars={emulator.state / stack.VARIABLES}"]
    options += [f"--config-file={stack.SAMCONFIG}", "--parameter-overrides", *stack.parameters()]
    # With AWS's keys in its environment sam asks AWS who it is.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "samcli", "local", "invoke", function, *options],
        cwd=ROOT,
        env=variables | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": REGION},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


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
