"""Imports point one way, the core is pure, no study is known to the code (design, chapter 10)."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"

# From the ground up: a module imports what lies below it, and of its own layer its own package.
# A module of the ground layers may be a single file: it then stands for itself.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("deferred", "undescribed"),
    ("errors",),
    ("statistics",),
    ("events",),
    ("definition",),
    ("subject",),
    ("rules",),
    ("tables",),
    ("store", "render"),
    ("reporting",),
    ("commands",),
    ("wiring",),
    ("web",),
    ("room",),
    ("api", "audit", "ingest", "publish"),
)
RANKS = {name: rank for rank, names in enumerate(LAYERS) for name in names}
EDGE = {name for names in LAYERS[-7:] for name in names}
CLIENTS = {"boto3", "botocore", "aws_lambda_powertools", "openpyxl", "jwt", "urllib3"}
MAY_IMPORT = {  # who may know which client; everybody else knows none
    "api": {"aws_lambda_powertools"},
    "audit": {"aws_lambda_powertools"},
    "ingest": {"aws_lambda_powertools"},
    "publish": {"aws_lambda_powertools"},
    "room": {"aws_lambda_powertools"},
    "trial.web.access.fetching": {"urllib3"},
    "trial.web.access.issuer": {"jwt"},
    "trial.web.access.tokens": {"jwt"},
    "wiring": {"boto3", "botocore"},
    "trial.store.bucket.client": {"botocore"},
    "trial.store.failures": {"botocore", "urllib3"},
    "trial.store.table": {"botocore"},
    "trial.render.workbook": {"openpyxl"},
    "trial.render.workbook.archive": {"openpyxl"},
    "trial.render.workbook.cover": {"openpyxl"},
    "trial.render.workbook.definitions": {"openpyxl"},
    "trial.render.workbook.drawing": {"openpyxl"},
    "trial.render.workbook.figures": {"openpyxl"},
    "trial.render.workbook.styles": {"openpyxl"},
    "trial.render.workbook.methods": {"openpyxl"},
    "trial.render.workbook.rows": {"openpyxl"},
    "trial.render.workbook.rows_apart": {"openpyxl"},
    "trial.render.workbook.sheets": {"openpyxl"},
    "trial.render.workbook.streaming": {"openpyxl"},
}
IMPURE = {"asyncio", "os", "random", "secrets", "socket", "subprocess", "threading", "time", "uuid"}
MAY_BE_IMPURE = {
    "trial.deferred": {"threading"},  # one thread finishes a class
    "trial.web.access.cookies": {"secrets"},  # what a sign-in begins with
    "trial.web.request_bodies": {"uuid"},  # names a report that is asked for
    "wiring": {"os", "random"},  # the settings; jitter after a snapshot
    "trial.store.dynamodb": {"time"},  # the default of an argument
    "trial.store.backoff": {"random"},  # jitter
    "trial.store.encoding.sealing": {"secrets"},  # a subject's key
}
MAY_READ = {"trial.definition.library.shipped": {"pathlib"}}  # the pieces that it ships
CLOCKS = {"now", "today", "utcnow", "fromtimestamp", "time_ns", "monotonic", "perf_counter"}
NEVER_LOADED = ("openpyxl", "numpy", "pandas", "lxml", "aws_xray_sdk")


def name_of(path: Path) -> str:
    parts = path.relative_to(FUNCTIONS).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {name_of(path): path for path in sorted(FUNCTIONS.rglob("*.py"))}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(PATHS[module].read_text(encoding="utf-8"))


@cache
def imported(module: str) -> frozenset[str]:
    """Give all that a module imports, wherever in its text, by full name."""
    result = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            result |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            assert node.module is not None
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                result.add(inner if inner in PATHS else node.module)
    return frozenset(result)


def own(module: str) -> set[str]:
    return {name for name in imported(module) if name in PATHS}


def part(module: str) -> str:
    """Give the part of the layers that a module belongs to."""
    pieces = module.split(".")
    return pieces[0] if pieces[0] != "trial" else pieces[1]


MODULES = [name for name in PATHS if name != "trial"]
CORE = [name for name in MODULES if part(name) not in EDGE]


def test_every_module_has_its_layer_and_every_layer_its_modules() -> None:
    assert {part(name) for name in MODULES} == RANKS.keys()


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    for name in own(module) - {"trial"}:
        is_same = part(name) == part(module)
        assert is_same or RANKS[part(name)] < RANKS[part(module)], f"{module} imports {name}"


def test_no_imports_go_round() -> None:
    TopologicalSorter({module: own(module) - {module} for module in MODULES}).prepare()


@pytest.mark.parametrize("module", MODULES)
def test_only_the_edge_knows_clients_and_workbooks(module: str) -> None:
    parts = {name.split(".")[0] for name in imported(module)} & CLIENTS
    assert parts <= MAY_IMPORT.get(module, set())


@pytest.mark.parametrize("module", MODULES)
def test_nothing_but_the_edge_knows_chance_time_or_the_environment(module: str) -> None:
    impure = {name.split(".")[0] for name in imported(module)} & IMPURE
    assert impure <= MAY_BE_IMPURE.get(module, set())


@pytest.mark.parametrize("module", [name for name in MODULES if name != "wiring"])
def test_no_clock_is_read_but_in_wiring(module: str) -> None:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = ast.unparse(node.func.value)
            if node.func.attr in CLOCKS:
                assert owner in {"wiring", "self"} or owner.startswith("self."), ast.unparse(node)


@pytest.mark.parametrize("module", CORE)
def test_the_core_neither_logs_nor_prints_nor_opens(module: str) -> None:
    assert not ({"logging", "warnings", "pathlib", "io"} - MAY_READ.get(module, set())) & imported(
        module
    )
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"print", "open", "input", "eval", "exec"}


def test_pydantic_reads_bytes_and_settings_and_nothing_else() -> None:
    users = {m for m in MODULES if any(n.split(".")[0] == "pydantic" for n in imported(m))}
    definition = {m for m in MODULES if part(m) == "definition"}
    assert users - definition == {
        "trial.web.request_bodies",
        "trial.events.envelope",
        "trial.events.fields",
        "trial.events.payloads",
        "wiring",
    }


@pytest.mark.parametrize("module", [name for name in MODULES if name != "trial.deferred"])
def test_dataclasses_are_finished_when_they_are_needed(module: str) -> None:
    assert "dataclass" not in {
        alias.name
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ImportFrom) and node.module == "dataclasses"
        for alias in node.names
    }


def test_what_validates_a_definition_is_all_that_its_version_is_of() -> None:
    """A definition that was validated by other code is validated again."""
    parts, modules = set(), {name for name in MODULES if part(name) == "definition"}
    while modules:
        parts |= {part(name) for name in modules}
        modules = {name for module in modules for name in own(module) - {"trial"}}
        modules = {name for name in modules if part(name) not in parts}
    assert parts == set(wiring_constant("LANGUAGE"))


def wiring_constant(name: str) -> Iterable[str]:
    """Read a constant of the handlers' module, which needs an environment to be imported."""
    (value,) = (
        node.value
        for node in tree("wiring").body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )
    names: Iterable[str] = ast.literal_eval(value)
    return names


def test_no_study_is_known_to_the_code() -> None:
    names = re.compile(r"tmb|ibalizumab|trogarzo|(?<![a-z])hiv|nct\d", re.IGNORECASE)
    texts = {
        f"{path.name}:{number}"
        for path in PATHS.values()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if names.search(line)
    }
    assert texts == set()


def loaded(statement: str, *names: str) -> list[str]:
    """Say which of these modules a fresh process has after a statement."""
    values = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    script = f"{statement}\nimport sys\nprint([n for n in {names!r} if n in sys.modules])"
    process = subprocess.run(
        [sys.executable, "-c", script],
        cwd=FUNCTIONS,
        env=values | {"TABLE_NAME": "x", "BUCKET_NAME": "x", "AWS_DEFAULT_REGION": "us-east-1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    literal_eval: list[str] = ast.literal_eval(process.stdout)
    return literal_eval


@pytest.mark.parametrize("handler", ["api", "ingest"])
def test_handlers_that_make_no_workbook_load_nothing_heavy(handler: str) -> None:
    statement = f"import {handler}; {handler}.wiring.store(); {handler}.wiring.documents()"
    assert loaded(statement, *NEVER_LOADED, "mpmath", "jwt") == []


def test_the_cipher_is_loaded_only_when_something_is_sealed() -> None:
    cipher = "cryptography.hazmat.primitives.ciphers.aead"
    seal = "api.wiring.store(); from trial.store.encoding import sealing"
    assert loaded(f"import api; {seal}", cipher) == []
    assert loaded(f"import api; {seal}; sealing._cipher(b'k' * 32)", cipher) == [cipher]


EVENTS_NEED_NONE = (
    "trial.commands.engine",
    "trial.commands.erasure",
    "trial.commands.queue",
    "trial.commands.redrive",
    "trial.definition.validation_errors",
    "trial.reporting",
    "trial.statistics.maximisation",
    "trial.store.activities",
    "trial.store.bucket",
    "trial.store.discrepancy_states",
    "trial.web.request_bodies",
)


@pytest.mark.parametrize("handler", ["api", "ingest"])
def test_who_only_records_events_loads_nothing_of_other_requests(handler: str) -> None:
    assert loaded(f"import {handler}; {handler}.wiring.store()", *EVENTS_NEED_NONE) == []


@pytest.mark.parametrize("handler", ["api", "audit", "ingest", "publish", "room"])
def test_no_handler_loads_the_resources_of_boto3(handler: str) -> None:
    assert loaded(f"import {handler}", "boto3.resources") == []


def test_the_artefact_holds_none_of_the_packages_that_openpyxl_would_load_if_it_could() -> None:
    locked = (FUNCTIONS / "requirements.txt").read_text(encoding="utf-8")
    names = set(re.findall(r"^([a-z0-9_-]+)==", locked, re.MULTILINE))
    assert {"openpyxl", "pydantic", "mpmath"} <= names
    assert not names & {"numpy", "pandas", "lxml", "boto3", "botocore", "scipy", "aws-xray-sdk"}


def test_the_core_runs_without_any_client() -> None:
    assert (
        loaded("import trial.reporting.report, trial.subject.acceptance", *CLIENTS, "requests")
        == []
    )


def test_the_commands_of_the_stack_start_without_the_code_of_the_service() -> None:
    """They run as a user's would: `make demo` gives them no path to `functions/`."""
    subprocess.run(
        [sys.executable, "-c", "import local.__main__"],
        cwd=FUNCTIONS.parent / "infrastructure",
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        check=True,
    )
