"""One ministack process: an AWS account of our own on a free port, empty at its start."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
STATES = ROOT / ".local"
_READY_WITHIN = 60.0
_GONE_WITHIN = 5.0


class LocalError(Exception):
    """Something of this machine's stack does not work; the text says what."""


@dataclass(frozen=True)
class Emulator:
    """A running emulator, its address and the directory that is wholly its own."""

    endpoint: str
    pid: int
    state: Path
    process: subprocess.Popen[bytes] | None = None  # unless an earlier command started it


def environment(endpoint: str) -> dict[str, str]:
    """Return this process's environment, turned away from AWS and towards the emulator.

    The key is what ministack expects of presigned URLs; it is nobody's.
    """
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return variables | {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def start(name: str, host: str = "127.0.0.1") -> Emulator:
    """Start an emulator whose state is `.local/<name>`; whatever was there is gone."""
    state = STATES / name
    shutil.rmtree(state, ignore_errors=True)
    (state / "tmp").mkdir(parents=True)
    port = free_port(host)
    endpoint = f"http://{host}:{port}"
    with (state / "ministack.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            env=_settings(host, port, state),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # an interrupt ends this program first, and then the emulator
        )
    emulator = Emulator(endpoint, process.pid, state, process)
    try:
        (state / "emulator.json").write_text(json.dumps({"endpoint": endpoint, "pid": process.pid}))
        _wait_until_ready(emulator)
    except BaseException:
        discard(emulator)
        raise
    return emulator


@contextmanager
def running(name: str, host: str = "127.0.0.1") -> Iterator[Emulator]:
    """Start an emulator for as long as the block lasts and leave nothing of it behind."""
    emulator = start(name, host)
    try:
        yield emulator
    finally:
        discard(emulator)


def find(name: str) -> Emulator | None:
    """Return the emulator that was started under `name`, if it still runs."""
    state = STATES / name
    try:
        document = json.loads((state / "emulator.json").read_text())
    except FileNotFoundError:
        return None
    emulator = Emulator(document["endpoint"], document["pid"], state)
    return emulator if _answers(emulator) else None


def discard(emulator: Emulator) -> None:
    """End the emulator with its workers and drop its state.

    The workers go first, being of its process group: one that waits for an answer of the emulator
    would keep it from ending.
    """
    _signal_group(emulator.pid, signal.SIGTERM)
    deadline = time.monotonic() + _GONE_WITHIN
    while not _has_ended(emulator) and time.monotonic() < deadline:
        time.sleep(0.05)
    _signal_group(emulator.pid, signal.SIGKILL)
    shutil.rmtree(emulator.state, ignore_errors=True)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS refuses where only zombies are left
        os.killpg(pid, number)


def _settings(host: str, port: int, state: Path) -> dict[str, str]:
    endpoint = f"http://{host}:{port}"
    settings = environment(endpoint) | {
        "BIND_HOST": host,
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": host,
        "LAMBDA_EXECUTOR": "local",
        "IOT_MTLS_ENABLED": "0",  # it would listen on a fixed port of every interface
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(state),
        "TMPDIR": str(state / "tmp"),  # the workers' code is unpacked here
        "LOG_LEVEL": "INFO",
    }
    # The workers run the very packages of .venv: start them as if from a clean shell.
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "DOCKER_HOST"):
        settings.pop(name, None)
    return settings | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{settings['PATH']}"}


def free_port(host: str) -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(emulator: Emulator) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while time.monotonic() < deadline:
        if _has_ended(emulator):
            break
        if _answers(emulator):
            return
        time.sleep(0.1)
    log = (emulator.state / "ministack.log").read_text(errors="replace")
    raise LocalError(f"ministack did not start:\n{log[-2000:]}")


def _answers(emulator: Emulator) -> bool:
    try:
        with urllib.request.urlopen(f"{emulator.endpoint}/_ministack/health", timeout=5):  # noqa: S310
            return not _has_ended(emulator)
    except OSError:
        return False


def _has_ended(emulator: Emulator) -> bool:
    if emulator.process is not None:
        return emulator.process.poll() is not None
    try:
        os.kill(emulator.pid, 0)
        stat = Path(f"/proc/{emulator.pid}/stat").read_text()
    except ProcessLookupError:
        return True
    except FileNotFoundError:  # no /proc on this system, or gone between the two looks
        return Path("/proc/self/stat").exists()
    return stat.rpartition(")")[2].split()[0] == "Z"  # an init that does not reap, as in containers
