"""`make replay`: any study from its files to its documents, whatever the order of its events.

The replays that these tests look at run side by side, each on a stack of its own, but for the
one that has the session's. They are of some of TMB-301's subjects: what is shown of all is shown
in `test_end_to_end`, and by `make demo`.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import builders
import pytest
import yaml
from builders import tmb301_documents

from local import replay
from local.__main__ import main
from local.emulator import Emulator
from local.feed import BATCH_EVENTS, Lines, read_source
from local.replay import QUARANTINE
from local.stack import deployed
from trial.render import tables_json
from trial.reporting import report

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / "events" / "tmb-301"
DEFINITION, FEED, WRONG = (
    EVENTS / name for name in ("definition.yaml", "feed.ndjson", "wrong.ndjson")
)
SUBJECTS = "001", "007", "024", "032"
"""Of whom the wrong events are, and of whose records two contradict each other, and others."""


@dataclass(frozen=True)
class Run:
    """A replay that has ended."""

    status: int
    out: Path
    output: str

    def file(self, name: str) -> bytes:
        return (self.out / name).read_bytes()

    def json(self, name: str) -> Any:
        return json.loads(self.file(name))

    @property
    def names(self) -> set[str]:
        paths = (path for path in self.out.rglob("*") if path.is_file())
        return {str(path.relative_to(self.out)) for path in paths}


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "local", "replay", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": "infrastructure"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(process: subprocess.Popen[str], out: Path) -> Run:
    result, _ = process.communicate(timeout=900)  # side by side, on a busy machine
    return Run(process.returncode, out, result)


def lines() -> list[bytes]:
    """Read the events of the subjects."""
    names = [f'"subject":"TMB301-{number}"'.encode() for number in SUBJECTS]
    events = FEED.read_bytes().splitlines(keepends=True)
    return [event for event in events if any(name in event for name in names)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Replay side by side: in order, with wrong events, undefined."""
    folder = tmp_path_factory.mktemp("replay")
    feeds = {
        "in order": b"".join(lines()),
        "with wrong events": b"".join(lines()) + WRONG.read_bytes(),
        "refused": b"",
    }
    definition = yaml.safe_load(DEFINITION.read_text(encoding="utf-8"))
    refused = folder / "refused.json"
    refused.write_text(json.dumps(definition | {"design": "guesswork"}))
    processes = {}
    for name, content in feeds.items():
        events, out = folder / f"{name}.ndjson", folder / name
        events.write_bytes(content)
        if name == "refused":  # by the service, not by the command; and an earlier run's file
            out.mkdir()
            (out / "summary.json").write_text("{}")
        processes[name] = start(refused if name == "refused" else DEFINITION, events, out)
    return {name: ended(process, folder / name) for name, process in processes.items()}


def test_replays_side_by_side_all_succeed(runs: dict[str, Run]) -> None:
    for name in ("in order", "with wrong events"):
        assert runs[name].status == 0, runs[name].output


def test_the_feed_in_order_gives_the_documents_and_what_the_core_makes_of_it(
    runs: dict[str, Run],
) -> None:
    run = runs["in order"]
    assert run.names == {*tmb301_documents()}
    assert len(lines()) > 2 * BATCH_EVENTS
    study = builders.tmb301()
    sums = builders.sums_of(
        study, builders.subjects(builders.read(line.decode(), study.id) for line in lines())
    )
    tables = tables_json.tables(report.live_cut(study, sums), report.tables(study, sums))
    assert run.json("tables.json")["tables"] == json.loads(tables_json.encode(tables))["tables"]
    assert [
        (result["id"], result["text"]) for result in run.json("summary.json")["key_results"]
    ] == [(result.id, result.text) for result in report.summary(study, sums)]


def test_backwards_and_twice_over_gives_the_same_bytes(
    stack: Any, local_emulator: Emulator, runs: dict[str, Run], tmp_path: Path
) -> None:
    events, out = tmp_path / "events.ndjson", tmp_path / "out"
    events.write_bytes(b"".join(lines()[::-1] * 2))
    source = read_source(DEFINITION)
    job = replay.Job(source.definition["study"], source, Lines(events), out)
    assert replay._replay_on(deployed(local_emulator), job) == []
    run = Run(0, out, "")
    assert run.names == {*tmb301_documents()}
    for name in tmb301_documents():
        assert run.file(name) == runs["in order"].file(name), name


def test_wrong_events_move_nothing(runs: dict[str, Run]) -> None:
    run, right = runs["with wrong events"], runs["in order"]
    assert run.names == {*tmb301_documents(), QUARANTINE}
    assert run.file("tables.json") == right.file("tables.json")
    summary, document = run.json("summary.json"), right.json("summary.json")
    # One wrong event is other content for a revision: documents name it, by a cut of their own.
    disputed = "Two contents for one revision: 1 (see listing 16.2.9)"
    assert summary["discrepancy_texts"] == [*document["discrepancy_texts"], disputed]
    assert [discrepancy["rule"] for discrepancy in document["discrepancies"]] == [
        "withdrawn-for-another-reason"
    ]
    assert summary["key_results"] == document["key_results"]
    assert summary["cut"] == document["cut"]
    cuts = [replay.json("manifest.json")["cut"] for replay in (run, right)]
    names = [cut["id"].encode() for cut in cuts]
    assert cuts[0] == cuts[1] | {"id": cuts[0]["id"]}
    assert run.file("consort.svg").replace(*names) == right.file("consort.svg")


def test_wrong_events_are_written_down_with_line_status_problem_and_body(
    runs: dict[str, Run],
) -> None:
    run = runs["with wrong events"]
    rows = [json.loads(row) for row in run.file(QUARANTINE).decode().splitlines()]
    refused_lines = WRONG.read_text(encoding="utf-8").splitlines()
    verdicts = json.loads((EVENTS / "wrong.expected.json").read_text(encoding="utf-8"))
    count = len(lines())
    assert [row["line"] for row in rows] == [count + verdict["line"] for verdict in verdicts]
    assert [row["status"] for row in rows] == [verdict["status"] for verdict in verdicts]
    assert [row["body"] for row in rows] == refused_lines
    for row, verdict in zip(rows, verdicts, strict=True):
        if "pointer" in verdict:
            assert [e["pointer"] for e in row["problem"]["errors"]] == [verdict["pointer"]]
        assert verdict.get("place", "") in row["problem"].get("detail", "")
    assert f"{len(rows)} quarantined" in run.output


def test_a_definition_that_the_service_refuses_is_a_bad_argument(runs: dict[str, Run]) -> None:
    run = runs["refused"]
    assert run.status == 2
    assert "/design" in run.output
    assert run.names == set()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "DEFINITION, EVENTS, OUT"),
        (["", FEED, "{folder}/out"], "DEFINITION"),
        ([DEFINITION, "", "{folder}/out"], "EVENTS"),
        ([DEFINITION, FEED, ""], "OUT"),
        (["{folder}/none.yaml", FEED, "{folder}/out"], "none.yaml"),
        (["{folder}/broken.yaml", FEED, "{folder}/out"], "broken.yaml"),
        (["{folder}/twice.yaml", FEED, "{folder}/out"], "twice.yaml"),
        (["{folder}/list.json", FEED, "{folder}/out"], "list.json"),
        (["{folder}/unnamed.json", FEED, "{folder}/out"], "unnamed.json"),
        ([DEFINITION, "{folder}/none.ndjson", "{folder}/out"], "none.ndjson"),
        ([DEFINITION, "{folder}", "{folder}/out"], "events"),
        ([DEFINITION, FEED, "{folder}/list.json"], "OUT"),
        ([DEFINITION, FEED, "out", "more"], "more"),
    ],
)
def test_a_bad_argument_is_named_and_ends_with_2(
    tmp_path: Path,
    arguments: list[object],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process; that a command's status is its process's, the replays above show."""
    (tmp_path / "broken.yaml").write_text("study: [")
    (tmp_path / "twice.yaml").write_text("study: A\nstudy: B\n")
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "unnamed.json").write_text("{}")
    texts = [str(argument).replace("{folder}", str(tmp_path)) for argument in arguments]
    try:
        status = main(["replay", *texts])
    except SystemExit as ending:  # an argument too many
        status = ending.code
    assert status == 2
    output = "".join(capsys.readouterr())
    assert message in output
    assert "Traceback" not in output
    assert not (tmp_path / "out").exists()
