"""What is written twice says the same twice: event files, the guide to events, the README."""

import re
import runpy
import shlex
from pathlib import Path
from typing import Any

import pytest

from trial.events.envelope import TYPE_PREFIX, Envelope
from trial.events.payloads import KINDS, Identity, Measurement, model_of

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / "events"
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\w*\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
COMMANDS = [
    line.partition(" #")[0].strip()
    for block in BLOCKS
    for line in block.splitlines()
    if line.partition(" #")[0].strip()
]


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for name in ("api", "audit", "ingest", "publish")
        for path in (folder / name).rglob("*")
        if path.is_file()
    }


def test_the_event_files_are_what_their_generator_makes(tmp_path: Path) -> None:
    generator: dict[str, Any] = runpy.run_path(str(EVENTS / "generate.py"))
    generator["main"](tmp_path)
    result, outcome = files(tmp_path), files(EVENTS)
    assert sorted(result) == sorted(outcome)
    assert [name for name in result if result[name] != outcome[name]] == []


def documented() -> dict[str, tuple[set[str], set[str]]]:
    rows = re.findall(r"^\| `([a-z.-]+)` \|([^|]*)\|([^|]*)\|$", GUIDE, re.MULTILINE)
    names = re.compile(r"`(\w+)`")
    return {kind: (set(names.findall(a)), set(names.findall(b))) for kind, a, b in rows}


def test_the_guide_names_every_kind_of_event() -> None:
    assert documented().keys() == KINDS.keys()
    assert f"`{TYPE_PREFIX}<kind>.v1`" in GUIDE


@pytest.mark.parametrize("kind", KINDS)
def test_the_guide_names_every_field_and_whether_it_is_required(kind: str) -> None:
    values = {
        name: field.is_required()
        for name, field in model_of(kind).model_fields.items()
        if name not in Identity.model_fields
    }
    required, optional = documented()[kind]
    assert required == {name for name, needed in values.items() if needed}
    assert optional == {name for name, needed in values.items() if not needed}


def test_the_guide_names_what_all_events_share() -> None:
    for name in (*Envelope.model_fields, *Identity.model_fields):
        assert re.search(rf'["`]{name}["`:]', GUIDE), name
    (measurement,) = re.findall(r"A measurement of .* is `\{(.*?)\}`", GUIDE)
    described = {part.strip().rstrip("?"): "?" not in part for part in measurement.split(",")}
    assert described == {
        name: field.is_required() for name, field in Measurement.model_fields.items()
    }


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):(?!=)", MAKEFILE, re.MULTILINE))


def test_every_make_command_of_the_readme_is_a_target_and_takes_what_it_is_given() -> None:
    inline = [item for item in re.findall(r"`(make[^`]*)`", README) if "\n" not in item]
    commands = [item for item in (*COMMANDS, *inline) if item.split()[0] == "make"]
    assert {"make demo", "make test", "make up", "make down"} <= set(commands)
    for command in commands:
        for part in shlex.split(command.partition("&&")[0].partition(">")[0])[1:]:
            name, result, _ = part.partition("=")
            if result:
                assert f"$({name})" in MAKEFILE or f"$${name}" in MAKEFILE, command
            else:
                assert name in targets(), command


def test_every_target_is_phony_and_every_verb_is_listed_by_help() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert targets() == set(phony.split())
    listed = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))
    assert targets() - listed == {"all"}


def test_every_file_that_the_readme_names_is_there() -> None:
    linked = re.findall(r"\]\(([^)#]+)\)", README)
    quoted = [
        word.partition("=")[2] or word
        for command in COMMANDS
        for word in shlex.split(command)
        if "events/" in word
    ]
    for name in (*linked, *quoted):
        assert name.startswith("http") or (ROOT / name).exists(), name


def test_other_commands_of_the_readme_run_what_the_environment_has() -> None:
    parts = [part.split()[0] for command in COMMANDS for part in command.split("&&")]
    tools = {part for part in parts if part != "make"}
    for tool in tools:
        assert tool.startswith(".venv/bin/"), tool
        assert (ROOT / tool).exists(), tool


def test_the_readme_counts_the_feed_as_it_is() -> None:
    feed = (EVENTS / "tmb-301" / "feed.ndjson").read_text(encoding="utf-8")
    assert f"{feed.count('\n'):,} events" in README
