"""`make audit-trail` and `make verify`: from the deployed stack to a proof that needs none."""

import json
from pathlib import Path
from typing import Any

import pytest
from builders import tmb301_documents

from local import trail
from local.feed import Lines, read_definition
from local.verify import HEADS, TRAIL, verify

EVENTS = Path(__file__).resolve().parents[2] / "events" / "tmb-301"
STUDY = "AUDITED"


def test_a_report_is_fetched_with_its_proof_and_verified_without_the_stack(
    stack: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    definition = read_definition(EVENTS / "definition.yaml") | {"study": STUDY}
    stack.client.put_definition(STUDY, definition)
    lines = tmp_path / "events.ndjson"
    feed = (EVENTS / "feed.ndjson").read_text(encoding="utf-8").splitlines()[:200]
    lines.write_text("\n".join(feed).replace('"TMB-301"', f'"{STUDY}"'), encoding="utf-8")
    results = list(stack.client.post_events(STUDY, Lines(lines)))
    assert all(each.accepted for each in results)

    out = tmp_path / "out"
    out.mkdir()
    cut = trail.fetch(stack.client, STUDY, out, {"reason": "test"})
    files = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert files == {*tmb301_documents(), HEADS, TRAIL, "changes.xlsx"}
    assert json.loads((out / "manifest.json").read_bytes())["cut"]["id"] == cut
    assert verify(out, None) == 0, capsys.readouterr().out

    (out / HEADS).unlink()
    (out / TRAIL).unlink()
    assert verify(out, None) == 2
    assert verify(out, stack.client) == 0, capsys.readouterr().out
