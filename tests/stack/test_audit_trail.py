"""`make audit-trail` and `make verify`: from the deployed stack to a proof that needs none."""

import json
import os
from pathlib import Path
from typing import Any

import builders
import pytest

from local import emulator, trail
from local.__main__ import main
from local.client import Client
from local.feed import Lines, read_definition
from local.files import CHANGES, CHANGES_SIGNATURE, HEADS, SIGNATURE, TRAIL
from local.stack import SIGNING_KEY
from local.verify import Options, verify
from trial.definition import study

EVENTS = Path(__file__).resolve().parents[2] / "events" / "example"
STUDY = "AUDITED"
FEED = (EVENTS / "feed.ndjson").read_text(encoding="utf-8").splitlines()


def test_a_report_is_fetched_with_its_proof_and_verified_without_the_stack(
    stack: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    definition = read_definition(EVENTS / "definition.yaml") | {"study": STUDY}
    documents = builders.documents_of(study.load(json.dumps(definition)))
    stack.client.put_definition(STUDY, definition)
    out, earlier = tmp_path / "out", tmp_path / "earlier"
    for item in (earlier, out):
        item.mkdir()
    post(stack.client, FEED[:15], tmp_path / "events.ndjson")
    result = trail.fetch(stack.client, STUDY, earlier, {"reason": "test"})
    post(stack.client, FEED[15:], tmp_path / "events.ndjson")
    cut = trail.fetch(stack.client, STUDY, out, {"reason": "test"})
    files = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert files == {*documents, HEADS, TRAIL, SIGNATURE, CHANGES, CHANGES_SIGNATURE}
    assert json.loads((out / "manifest.json").read_bytes())["cut"]["id"] == cut != result
    key = emulator.STATES / f"tests-{os.getpid()}" / SIGNING_KEY
    texts = ["--offline", "--key", str(key), "--against", str(earlier)]
    assert main(["verify", str(out), *texts]) == 0, capsys.readouterr().out
    outcome = capsys.readouterr().out
    assert f"{len(documents)} files against those regenerated from the journals" in outcome
    assert "cut number 2 names the earlier one" in outcome
    assert main(["verify", str(earlier), *texts[:3]]) == 0, capsys.readouterr().out

    for name in (HEADS, TRAIL, SIGNATURE):
        (out / name).unlink()
    assert verify(out, Options(keys=key)) == 2
    assert verify(out, Options(stack.client, key)) == 0, capsys.readouterr().out


def post(client: Client, feed: list[str], lines: Path) -> None:
    lines.write_text("\n".join(feed).replace('"DEMO-1"', f'"{STUDY}"'), encoding="utf-8")
    assert all(event.accepted for event in client.post_events(STUDY, Lines(lines)))
