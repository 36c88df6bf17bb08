"""What tests of more than one directory share: an emulator and, on it, the deployed template."""

import gc
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import soak
from botocore.client import BaseClient
from hypothesis import HealthCheck, settings

from local import emulator
from local import stack as deployment
from local.client import Client
from local.issuer import DevelopmentIssuer
from local.room import Door, parameters

ROOT = Path(__file__).resolve().parents[1]

# Powertools looks at these when a handler is imported, by whichever test that is.
os.environ |= {
    "POWERTOOLS_SERVICE_NAME": "livetlf",
    "POWERTOOLS_METRICS_NAMESPACE": "LiveTLF",
    "LOG_LEVEL": "DEBUG",
}

# What lands must not hang on luck, nor on how busy a machine is: CI tries the same examples each
# time, fewer, and sets them no deadline; a developer tries new ones.
settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow],
)
if os.environ.get("CI"):
    settings.load_profile("ci")


@dataclass(frozen=True)
class DeployedStack:
    endpoint: str
    api_url: str
    table: str
    bucket: str
    queue_url: str
    room: str
    people: DevelopmentIssuer
    client: Client
    dynamodb: BaseClient
    s3: BaseClient
    sqs: BaseClient


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def local_emulator() -> Iterator[emulator.Emulator]:
    with emulator.running(f"tests-{os.getpid()}") as running:
        yield running


@pytest.fixture(scope="session")
def ministack(local_emulator: emulator.Emulator) -> str:
    """Return the address of an AWS account that this session has for itself; never reset it."""
    return local_emulator.endpoint


@pytest.fixture(scope="session")
def stack(local_emulator: emulator.Emulator) -> Iterator[DeployedStack]:
    """Deploy the template, once in a session: give every test a study id of its own."""
    door, people = Door(), DevelopmentIssuer().start()
    further = parameters(door, people)
    deploy = deployment.deploy(deployment.build(), local_emulator, further)
    door.open(deploy)
    yield DeployedStack(
        endpoint=deploy.endpoint,
        api_url=deploy.api_url,
        table=deploy.table,
        bucket=deploy.bucket,
        queue_url=deploy.queue_url,
        room=door.address,
        people=people,
        client=Client(deploy.api_url),
        dynamodb=deploy.aws("dynamodb"),
        s3=deploy.aws("s3"),
        sqs=deploy.aws("sqs"),
    )
    door.close()
    people.stop()


# Of two workers neither must be left with the longest file when the other is done.
LONGEST_FIRST = (
    "tests/stack/",
    "tests/faults/",
    "tests/pilot/",
    "tests/standards/",
    "tests/functions/test_outages.py",
    "tests/functions/test_time_travel.py",
    "tests/recounting/",
    "tests/properties/",
    "tests/functions/",
    "tests/render/test_workbook_opens.py",
    "tests/render/test_hostile_study.py",
    "tests/browser/",
)
DEPLOYED = "tests/stack/"
# What these make first, each of the other's files makes again in another process.
TOGETHER = (
    ("tests/pilot/", "tests/recounting/", "tests/functions/test_wide_pilot.py"),
    ("tests/standards/",),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _place(item.nodeid))


def _place(nodeid: str) -> int:
    places = (i for i, path in enumerate(LONGEST_FIRST) if nodeid.startswith(path))
    return next(places, len(LONGEST_FIRST))


def pytest_collection_finish() -> None:
    """Spare the collector ten thousand tests: going through them it took 20 s of one test alone.

    What a test makes is collected when there is more of it: a tenth of all time went into looking.
    """
    _spare_what_lives()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(autouse=True, scope="module")
def _collected_by_file() -> Iterator[None]:
    """Spare it what a file leaves in caches too: studies and subjects come to a gigabyte."""
    yield
    if any(gc.get_count()[1:]):  # there is more of it than the first threshold
        _spare_what_lives()


def _spare_what_lives() -> None:
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give a worker whole files; all that need the deployed template, or share more, to one."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling  # noqa: PLC0415 - a plugin's, where it runs

    class _Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            if file in deployed:
                return DEPLOYED
            return next((paths[0] for paths in TOGETHER if file.startswith(paths)), file)

    deployed = {
        str(path.relative_to(ROOT))
        for path in (ROOT / DEPLOYED).glob("test_*.py")
        if "stack: Any" in path.read_text(encoding="utf-8")
    }
    return _Scheduling(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for note in soak.NOTES:
        terminalreporter.write_line(note)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what a worker has to say to the process that prints the summary."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["notes"] = soak.NOTES


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    soak.NOTES.extend(getattr(node, "workeroutput", {}).get("notes", []))
