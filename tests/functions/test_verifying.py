"""`make verify` of every kind of cut: proven whole, or what nobody can check is said."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from blinded import SOURCES, listing, study_of
from builders import adverse_event, dose, enrolment, viral_load
from doubles import Clock
from invoking import EVENTS, Service, forget, request
from parallel import TOTAL, A, B, randomised

import wiring
from local.feed import read_definition
from local.remaking import remake
from local.restore import restore
from local.verify import Options, verify

EXAMPLE = read_definition(EVENTS / "example" / "definition.yaml")
STUDY: str = EXAMPLE["study"]
LISTINGS = [listing(name, sources) for name, sources in SOURCES.items()]
ROWS = [{"summary": "age"}, {"count": "in-a"}, {"events": {}}]
BLINDED = json.loads(study_of(ROWS, [A, B, TOTAL], listings=LISTINGS).source)
FEED = (EVENTS / "example" / "feed.ndjson").read_text(encoding="utf-8").splitlines()

type Files = dict[str, bytes]


@pytest.fixture
def example(blank: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Give a service that knows the guide's trial, each event a second after the one before."""
    monkeypatch.setattr(wiring, "now", Clock(step=timedelta(seconds=1)))
    forget()
    assert blank.define(EXAMPLE).status == 201
    blank.batch(*FEED, study=STUDY)
    for _ in range(70):
        wiring.now()
    return blank


LOOKS = [
    {"id": "interim-1", "label": "First interim", "alpha": 0.01},
    {"id": "final", "label": "Final", "alpha": 0.045},
]


@pytest.fixture
def prove(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def prove(files: Files, against: Files | None = None) -> tuple[int, str]:
        for folder, folder_files in (("later", files), ("earlier", against or {})):
            for name, content in folder_files.items():
                path = tmp_path / folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        key = tmp_path / "later" / "manifest.sig.json"  # as who trusts the first one seen
        options = Options(None, key, tmp_path / "earlier" if against else None)
        status = verify(tmp_path / "later", options, remake)
        return status, capsys.readouterr().out

    return prove


def stamps(service: Service) -> list[str]:
    rows = service.get("subjects/P-2/history", STUDY).json["events"]
    return [row["stamp"] for row in rows]


@pytest.mark.parametrize(
    "options",
    [{}, {"cutoff": "2024-03-25"}, {"final": True, "reason": "Because"}, {"as_of": "then"}],
)
def test_a_cut_is_proven_whatever_it_was_asked_for(
    example: Service, prove: Callable[..., tuple[int, str]], options: dict[str, Any]
) -> None:
    if "as_of" in options:
        options = {"as_of": stamps(example)[-3]}
    status, output = prove(example.fetched(example.made(STUDY, **options), STUDY))
    assert status == 0, output
    assert "20 files against those regenerated from the journals" in output


def test_a_cut_at_a_planned_look_is_proven(
    blank: Service, prove: Callable[..., tuple[int, str]]
) -> None:
    planned = EXAMPLE | {"testing": EXAMPLE["testing"] | {"looks": LOOKS}}
    assert blank.define(planned).status == 201
    blank.batch(*FEED, study=STUDY)
    files = blank.fetched(blank.made(STUDY, look="interim-1"), STUDY)
    status, output = prove(files)
    assert status == 0, output


def test_a_cut_of_an_instant_before_an_erasure_is_proven_and_an_earlier_cut_of_a_later_instant(
    example: Service, prove: Callable[..., tuple[int, str]]
) -> None:
    before = example.fetched(example.made(STUDY), STUDY)
    instant = stamps(example)[-2]
    path = f"/studies/{STUDY}/subjects/P-2/erase"
    assert example.ask(request("POST", path, {"reason": "Asked to"})).status == 200
    row = example.made(STUDY, as_of=instant)
    files = example.fetched(row, STUDY)
    assert json.loads(files["heads.json"])["subjects"]["P-2"]["erased"]
    status, output = prove(files, before)
    assert status == 0, output
    assert "[erased]" in files["datasets/l1627.ndjson"].decode()
    after = example.fetched(example.made(STUDY), STUDY)
    status, output = prove(after, before)
    assert status == 0, output
    assert "not checked  the cuts numbered between 1 and 3" in output


def test_a_table_that_was_restored_goes_on_with_the_chain_and_cuts_of_before_are_proven(
    example: Service, prove: Callable[..., tuple[int, str]]
) -> None:
    answer = example.dynamodb.create_backup(TableName=example.table, BackupName="daily")
    event = json.loads(FEED[8])
    event["data"] |= {"record": "SBP-7", "result": "111"}
    assert example.post(event, STUDY).status == 201
    before = example.fetched(example.made(STUDY), STUDY)
    restored = f"{example.table}-restored"
    backup = answer["BackupDetails"]["BackupArn"]
    example.dynamodb.restore_table_from_backup(TargetTableName=restored, BackupArn=backup)
    try:
        restore(example.dynamodb, restored, example.table)
    finally:
        example.dynamodb.delete_table(TableName=restored)
    forget()
    assert example.post(event, STUDY).status == 201  # what came since is sent once more
    repeat = json.loads(FEED[9])
    repeat["data"] |= {"record": "SBP-8", "result": "112"}
    assert example.post(repeat, STUDY).status == 201
    after = example.fetched(example.made(STUDY), STUDY)
    for files in (before, after):
        status, output = prove(files)
        assert status == 0, output
    status, output = prove(after, before)
    assert status == 1
    assert "checked      cut number 2 names the earlier one" in output
    differing = [line for line in output.splitlines() if line.startswith("differs")]
    assert differing == [
        (
            "differs      subject D-1: its first 9 events differ from the earlier cut's"
            " (epoch 1, then 2)"
        )
    ]


def test_of_a_blinded_study_the_open_cut_is_proven_as_far_as_it_may_be_seen(
    blank: Service, prove: Callable[..., tuple[int, str]]
) -> None:
    assert blank.define(BLINDED).status == 201
    for name, arm in (("S-1", "a"), ("S-2", "b")):
        entries = [enrolment(subject=name), randomised(arm, name), dose(subject=name)]
        for entry_ in (*entries, viral_load(0, 5_000, subject=name), adverse_event(subject=name)):
            assert blank.record(entry_.body, "TINY").status in {201, 202}
    row = blank.made("TINY")
    openly = blank.fetched(row, "TINY")
    assert not {"heads.json", "audit.ndjson"} & openly.keys()
    status, output = prove(openly)
    assert status == 0, output
    assert (
        "not checked  the journals are for the unblinded only: no number was regenerated" in output
    )
    assert "signature of manifest.json by the key" in output
    beside = [*row["files"], "heads.json", "audit.ndjson"]
    status, output = prove(blank.fetched(row | {"files": beside}, "TINY", "unblinded/"))
    assert status == 0, output
    assert "files against those regenerated from the journals" in output
