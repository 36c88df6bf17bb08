"""Whatever is forged of a cut, `make verify` finds it and says what; and nothing where nothing is.

The cuts are the service's own: of a small trial, with disputes, texts and an erasure, and of the
same trial as somebody would have it who replaced its whole history.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import forging
import pytest
from forging import DATASET, PARQUET, Files, Forgery, journal, replaced, stated, statement, without
from invoking import EVENTS, Service, forget, request

from local import stack
from local.feed import read_definition
from local.remaking import remake
from local.verify import Options, verify

DEFINITION = read_definition(EVENTS / "example" / "definition.yaml")
STUDY: str = DEFINITION["study"]
FEED = (EVENTS / "example" / "feed.ndjson").read_text(encoding="utf-8").splitlines()
TEXT = "Kopfschmerz, links \u2013 \u00fcbel"


@dataclass
class Cuts:
    """Two cuts of a trial, one after the other, file by file."""

    earlier: Files
    later: Files


@dataclass
class Held:
    """What somebody holds: cuts, a replaced history, and the key that signed both."""

    original: Cuts
    replaced: Cuts
    key: bytes


def otherwise(line: str) -> dict[str, Any]:
    """Give an event with another content under the same revision."""
    event: dict[str, Any] = json.loads(line)
    return event | {"data": event["data"] | {"result": "99"}}


def cuts(service: Service, feed: list[str]) -> Cuts:
    assert service.define(DEFINITION).status == 201
    service.batch(*feed[:20], study=STUDY)
    document = json.loads(FEED[16])
    document |= {"subject": "D-2", "data": document["data"] | {"record": "AE-7", "term": TEXT}}
    assert service.post(document, STUDY).status == 201
    assert service.post("{", STUDY).status == 400
    earlier = service.fetched(service.made(STUDY), STUDY)
    service.batch(*feed[20:], study=STUDY)
    assert service.post(otherwise(FEED[23]), STUDY).status == 409
    path = f"/studies/{STUDY}/subjects/P-2/erase"
    assert service.ask(request("POST", path, {"reason": "Asked to"})).status == 200
    return Cuts(earlier, service.fetched(service.made(STUDY), STUDY))


@pytest.fixture(scope="module")
def trial_cuts(opening: Any, ministack: str, signing_key: str) -> Held:
    with pytest.MonkeyPatch.context() as patch:
        make = opening(patch)
        result = cuts(make(), FEED)
        outcome = cuts(make(), [item for item in FEED if '"P-1"' not in item])
        forget()
    key = stack.aws("kms", ministack).get_public_key(KeyId=signing_key)["PublicKey"]
    return Held(result, outcome, stack.pem(key).encode())


@dataclass
class Bench:
    """Where cuts are written and verified."""

    published_cuts: Held
    directory: Path
    output: Callable[[], Any]

    def write(self, name: str, files: Files) -> Path:
        for result, content in files.items():
            (self.directory / name / result).parent.mkdir(parents=True, exist_ok=True)
            (self.directory / name / result).write_bytes(content)
        return self.directory / name

    def verified(self, files: Files, *, key: bool = False, against: Files | None = None) -> Any:
        """Give exit status and what is printed."""
        (self.directory / "key.pem").write_bytes(self.published_cuts.key)
        keys = self.directory / "key.pem" if key else None
        earlier = self.write("earlier", against) if against else None
        status = verify(self.write("later", files), Options(None, keys, earlier), remake)
        return status, self.output().out


@pytest.fixture
def bench(trial_cuts: Held, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(trial_cuts, tmp_path, capsys.readouterr)


def test_cuts_that_nobody_touched_are_verified(bench: Bench, trial_cuts: Held) -> None:
    status, output = bench.verified(
        trial_cuts.original.later, key=True, against=trial_cuts.original.earlier
    )
    assert status == 0, output
    for name in (
        "20 files against those regenerated from the journals",
        "1 personal texts against the digests in the chains",
        "signature of audit.ndjson, heads.json, manifest.json by the key",
        "cut number 2 names the earlier one as its predecessor",
        "journals of 4 subjects against those of the earlier cut",
    ):
        assert f"checked      {name}" in output
    for files in (trial_cuts.original.earlier, trial_cuts.replaced.later):
        assert bench.verified(files, key=True)[0] == 0


def test_without_a_key_it_is_said_that_nobody_vouches(bench: Bench, trial_cuts: Held) -> None:
    status, output = bench.verified(trial_cuts.original.later)
    assert status == 2
    assert "missing      KEY=…: no signature was checked" in output
    assert "differs" not in output


FROM_JOURNALS: dict[str, tuple[Forgery, str]] = {
    # Every hash of the manifest follows: that the journals give something else is what is left.
    "a number of a table": (
        replaced("tables.json", b'"raw": 2, "text": "2"', b'"raw": 3, "text": "3"'),
        "tables.json: differs from what the journals give: /",
    ),
    "a number of the summary": (
        replaced("summary.json", b'"n": 1', b'"n": 2'),
        "summary.json: differs from what the journals give: /",
    ),
    "a word of the summary to read": (
        replaced("summary.md", b"Final", b"final"),
        "summary.md: differs from what the journals give: line ",
    ),
    "a number of the page": (
        replaced("report.html", b"Final: all 4", b"Final: all 5"),
        "report.html: differs from what the journals give: line ",
    ),
    "a cell of the workbook": (
        replaced("listings.xlsx", b"2024-03-20", b"2024-03-21"),
        "listings.xlsx: differs from what the journals give: xl/worksheets/sheet",
    ),
    "a result of the ARS": (
        replaced("results.json", b'"rawValue":"2"', b'"rawValue":"1"'),
        "results.json: differs from what the journals give: /",
    ),
    "a date of a data set": (
        replaced(DATASET, b"2024-03-20", b"2024-03-21"),
        f"{DATASET}: differs from what the journals give: line 2",
    ),
    "a row of a data set": (
        replaced(
            DATASET, f'["{STUDY}","D-1","Cough","2024-03-20","2024-03-20",null,16]\n'.encode(), b""
        ),
        f"{DATASET}: differs from what the journals give: line 2",
    ),
    "a value of a data set as Parquet": (
        replaced(PARQUET, b"2024-03-20", b"2024-03-21"),
        f"{PARQUET}: differs from what the journals give: line 2",
    ),
    "a text of a data set": (
        replaced(DATASET, TEXT.encode(), b"Sneezing"),
        "D-2 adverse-event.reported AE-7: the text shown is not what was received",
    ),
    "a text of every document": (
        forging.everywhere(TEXT, "Sneezing"),
        "D-2 adverse-event.reported AE-7: the text shown is not what was received",
    ),
    "a box of the flow": (
        replaced("consort.json", b'"n": 1', b'"n": 0'),
        "consort.json: differs from what the journals give: /",
    ),
    "a box of the flow's picture": (
        replaced("consort.svg", b"Left (n = 1)", b"Left (n = 0)"),
        "consort.svg: differs from what the journals give: line ",
    ),
    "a box of the flow to read": (
        replaced("consort.md", b"n = 4", b"n = 3"),
        "consort.md: differs from what the journals give: line ",
    ),
    "an item of the checklist": (
        replaced("consort_checklist.json", b'"manual"', b'"from_data"'),
        "consort_checklist.json: differs from what the journals give: /",
    ),
    "the definition": (forging.swap_definition, "manifest.json: no cut "),
    "the definition's digest": (
        stated("manifest.json", "cut", "definition", value="0" * 32),
        "definition.json: its digest is not ",
    ),
    "the cut's name": (
        forging.both("manifest.json", "cut", "id", other=("heads.json", "cut"), value="0" * 16),
        "manifest.json: no cut 0000000000000000 follows from the journals",
    ),
    "what the manifest calls final": (
        stated("manifest.json", "cut", "completion", "state", value="interim"),
        "manifest.json: differs from what the journals give: /cut/completion/state",
    ),
    "a file, gone with its name": (
        without("summary.json"),
        "summary.json: is required, but not listed in manifest.json",
    ),
    "a data set, gone with its name": (
        without(DATASET),
        f"{DATASET}: differs from what the journals give: is not there",
    ),
    "a file that is not named any more": (
        without(DATASET, in_directory=True),
        f"{DATASET}: is not listed in manifest.json",
    ),
    "a file more": (
        lambda files: files.update({"tables-2.json": b"{}"}),
        "tables-2.json: is not listed in manifest.json",
    ),
    "a file less": (
        lambda files: files.pop("consort.md"),
        "consort.md: cannot be read",
    ),
    "the code that made it": (
        stated("manifest.json", "code_version", value="0" * 16),
        "manifest.sig.json: code_version ",
    ),
    # Chains, heads, roots and counts follow too.
    "an event": (journal(forging.change_event), "manifest.json: no cut "),
    "an event less": (journal(forging.drop_event), "manifest.json: no cut "),
    "an event more": (journal(forging.add_event), "manifest.json: no cut "),
    "a subject less": (journal(forging.drop_subject), "manifest.json: no cut "),
    "the order of events": (journal(forging.reorder, stamps=False), "is not later than the row"),
    "a dispute less": (stated("heads.json", "disputes", value=[]), "manifest.json: no cut "),
    "a head": (
        stated("heads.json", "subjects", "D-1", "head", value="0" * 64),
        "subject D-1: its journal ends in version 8",
    ),
}


@pytest.mark.parametrize("name", FROM_JOURNALS)
def test_what_is_forged_is_found_by_who_has_no_key(
    bench: Bench, trial_cuts: Held, name: str
) -> None:
    forge, words = FROM_JOURNALS[name]
    files = dict(trial_cuts.original.later)
    forge(files)
    forging.signed_by_another(files)
    status, output = bench.verified(files)
    assert status == 1, output
    assert words in _differences(output), output


def _differences(output: str) -> str:
    return "\n".join(line for line in output.splitlines() if line.startswith("differs"))


UNSIGNED = "does not match its SHA-256 in manifest.sig.json"
BY_KEY: dict[str, tuple[Forgery, str]] = {
    # What documents do not depend on, all else following: the signature alone tells.
    "the order of events with their stamps": (journal(forging.reorder), f"heads.json: {UNSIGNED}"),
    "when an event was received": (journal(forging.backdate), f"audit.ndjson: {UNSIGNED}"),
    "who sent an event": (journal(forging.change_principal), f"audit.ndjson: {UNSIGNED}"),
    "an erasure": (
        stated("heads.json", "subjects", "P-2", "erased", value=True),
        f"heads.json: {UNSIGNED}",
    ),
    "what is quarantined": (
        stated("heads.json", "quarantined", value=[]),
        f"heads.json: {UNSIGNED}",
    ),
    "the epoch": (
        statement("predicate", "epoch", value=7),
        "manifest.sig.json: the signature does not match the statement",
    ),
    "the cut before": (
        statement("predicate", "previous", value=None),
        "manifest.sig.json: the signature does not match the statement",
    ),
    "the changes since the report before": (
        replaced("changes.xlsx", b"D-1", b"D-2"),
        "changes.xlsx: does not match its SHA-256 in changes.sig.json",
    ),
    "another key": (forging.signed_by_another, "manifest.sig.json: signed by the key "),
    "what is no statement": (
        stated("manifest.sig.json", "payload", value="e30="),
        "manifest.sig.json: is not a signed statement",
    ),
}


@pytest.mark.parametrize("name", BY_KEY)
def test_what_is_forged_is_found_by_the_key(bench: Bench, trial_cuts: Held, name: str) -> None:
    forge, words = BY_KEY[name]
    files = dict(trial_cuts.original.later)
    forge(files)
    status, output = bench.verified(files, key=True)
    assert status == 1, output
    assert words in _differences(output), output


def test_the_signature_of_another_cut_is_none_of_this(bench: Bench, trial_cuts: Held) -> None:
    files = trial_cuts.original.later | {
        "manifest.sig.json": trial_cuts.original.earlier["manifest.sig.json"]
    }
    status, output = bench.verified(files, key=True)
    assert status == 1
    assert f"manifest.json: {UNSIGNED}" in output
    assert "manifest.sig.json: cut " in output


def test_a_subject_that_is_nowhere_any_more_is_missed_by_the_signature(
    bench: Bench, trial_cuts: Held
) -> None:
    files = trial_cuts.replaced.later | {
        "manifest.sig.json": trial_cuts.original.later["manifest.sig.json"]
    }
    status, output = bench.verified(files, key=True)
    assert status == 1
    assert f"manifest.json: {UNSIGNED}" in output
    status, output = bench.verified(trial_cuts.replaced.later)  # all of it is consistent
    assert status == 2
    assert "differs" not in output


def test_a_whole_history_replaced_by_who_has_the_key_is_found_by_who_holds_an_earlier_cut(
    bench: Bench, trial_cuts: Held
) -> None:
    status, output = bench.verified(
        trial_cuts.replaced.later, key=True, against=trial_cuts.original.earlier
    )
    assert status == 1
    assert "subject P-1: 4 events of the earlier cut are missing" in output
    assert "subject D-1: its first " in output
    assert "AGAINST: is cut number 1, but DIR follows another cut of that number" in output


@pytest.mark.parametrize("kind", ["disputes", "quarantined"])
def test_what_was_disputed_or_refused_is_missed_by_who_holds_an_earlier_cut(
    bench: Bench, trial_cuts: Held, kind: str
) -> None:
    files, earlier = dict(trial_cuts.original.later), dict(trial_cuts.original.earlier)
    assert len(json.loads(files["heads.json"])["quarantined"]) == 2
    for item in (files, earlier):
        heads = json.loads(item["heads.json"])
        heads["disputes"] = json.loads(files["heads.json"])["disputes"]
        forging.put(item, "heads.json", heads)
    stated("heads.json", kind, value=[])(files)
    forging.signed_by_another(files)
    _, output = bench.verified(files, against=earlier)
    assert f"differs      {kind}: 1 of the earlier cut are missing" in output


def test_an_earlier_cut_that_is_another_or_forged_or_later_is_told(
    bench: Bench, trial_cuts: Held
) -> None:
    earlier = trial_cuts.replaced.earlier
    status, output = bench.verified(trial_cuts.original.later, key=True, against=earlier)
    assert status == 1
    assert "AGAINST: is cut number 1, but DIR follows another cut of that number" in output
    forged = dict(trial_cuts.original.earlier)
    stated("heads.json", "subjects", "D-1", "version", value=1)(forged)
    status, output = bench.verified(trial_cuts.original.later, key=True, against=forged)
    assert status == 1
    assert f"AGAINST: heads.json: {UNSIGNED}" in output
    status, output = bench.verified(
        trial_cuts.original.earlier, key=True, against=trial_cuts.original.later
    )
    assert status == 1
    assert "AGAINST: is cut number 2, but DIR is the earlier number 1" in output


def test_without_its_signature_a_cut_is_not_proven(bench: Bench, trial_cuts: Held) -> None:
    files = dict(trial_cuts.original.later)
    del files["manifest.sig.json"]
    status, output = bench.verified(files, key=True)
    assert status == 2
    assert "missing      manifest.sig.json: there is no signature of manifest.json" in output
