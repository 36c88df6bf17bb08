"""Whatever is done to a journal, `make verify` finds it; and it finds nothing where nothing was."""

import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable
from io import BytesIO
from math import inf, nan
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import signing
import soak
import toy
from builders import files_of
from doubles import Clock, MemoryClient

from local import journals
from local.__main__ import main
from local.unlike import unlike
from trial.events import content, envelope, json_body
from trial.reporting import publishing, report
from trial.reporting.attestation import Attestor
from trial.reporting.changelog import Changelog
from trial.reporting.journals import JournalReader
from trial.reporting.signing import Signer
from trial.reporting.snapshot import StudySnapshot
from trial.store import Store
from trial.store.table import Table
from trial.subject.cut_spec import CutSpec

type Row = dict[str, Any]
type Journal = list[Row]

MUTATIONS = 10_000
SUBJECTS = [f"P{i}" for i in range(5)]
FEED = Path(__file__).resolve().parents[2] / "events" / "tmb-301" / "feed.ndjson"


class Kept:
    """A study's journals, the heads they end in, and what its manifest says."""

    def __init__(self, name: str) -> None:
        self.study = toy.toy_study(name)
        self.store = Store(Table(MemoryClient(), "t"), toy.contribute, Clock())
        self.store.put_definition(self.study, toy.definition(name))
        entries = []
        for i, subject in enumerate(SUBJECTS):
            entries += [toy.event(name, subject, f"L{j}", result=str(i + j)) for j in range(3)]
            entries.append(toy.event(name, subject, "L0", 2, "77"))
            entries.append(toy.event(name, subject, "L1", 2, void=True))
            entries.append(toy.serious(name, subject, term="Éruption \u2028 <b>"))
        random.Random(1).shuffle(entries)  # noqa: S311 (an order)
        self.store.record(self.study, toy.receipts(entries))
        log, state = Changelog(None, (CutSpec(), CutSpec()), {}), StudySnapshot()
        for group in JournalReader(self.store, self.study, CutSpec(), log).groups():
            group.put_into(state, log)
        publication = publishing.make_publication(self.store, self.study, state, CutSpec())
        self.files = files_of(publication.report, self.study, "test")
        self.trail = {item.name: b"".join(item.content) for item in publication.audit(self.store)}
        signed = {"manifest.json": self.files["manifest.json"], **self.trail}
        digests = {name: hashlib.sha256(text).hexdigest() for name, text in signed.items()}
        signer = Signer(signing.KeyInMemory(), "")
        vouching = Attestor(None, signer, name, "open", "test", 1)
        statement = vouching.sign_unchained(publication.cut, digests)
        self.trail["manifest.sig.json"] = statement.content
        self.journal: Journal = list(map(json.loads, self.audit("audit.ndjson").splitlines()))
        self.heads = json.loads(self.audit("heads.json"))["subjects"]
        self.root = json.loads(self.files["manifest.json"])["cut"]["content_root"]

    def audit(self, name: str) -> bytes:
        return self.trail[name]

    def found(self, journal: Journal) -> list[str]:
        differences = journals.differences(journal, self.heads, self.study.id)
        if journals.content_root(journal) != self.root:
            differences.append("content_root")
        return differences

    def write(self, folder: Path) -> Path:
        for name, text in (self.files | self.trail).items():
            (folder / name).parent.mkdir(exist_ok=True)  # data sets have a folder of their own
            (folder / name).write_bytes(text)
        return folder


@pytest.fixture(scope="module")
def published_study() -> Kept:
    return Kept("S")


@pytest.fixture(scope="module")
def second_study() -> Kept:
    return Kept("OTHER")


def seal(row: Row, previous: str) -> Row:
    row = row | {"previous": previous}
    return row | {"hash": journals.sealed(row)}


def reseal(journal: Journal, subject: str) -> None:
    """Make a subject's chain consistent again, as somebody would who knows how it is made."""
    previous, version = journals.GENESIS, 0
    for i, row in enumerate(journal):
        if row["subject"] == subject:
            version += 1
            journal[i] = seal(row | {"version": version}, previous)
            previous = journal[i]["hash"]


def change_a_field(journal: Journal, rng: random.Random) -> None:
    i = rng.randrange(len(journal))
    name = rng.choice(sorted(journal[i].keys() - {"body"}))
    value = journal[i][name]
    if isinstance(value, int):
        changed: Any = rng.choice([value + 1, str(value), float(value), None])
    else:
        text = rng.randrange(len(value) + 1)
        changed = rng.choice(
            [value[:text] + "0" + value[text:], value[:text] + " " + value[text:], None]
        )
    journal[i] = journal[i] | {name: changed}


def change_the_body(journal: Journal, rng: random.Random) -> None:
    """Change a body by one character: a space, a digit, a letter's case."""
    i = rng.randrange(len(journal))
    body = journal[i]["body"]
    text = rng.randrange(len(body))
    replaced = rng.choice(
        [" " + body[text], "", body[text] + " ", body[text].swapcase() + "\t", "9"]
    )
    changed = body[:text] + replaced + body[text + 1 :]
    journal[i] = journal[i] | {"body": changed if changed != body else body + "\n"}


def change_a_value_and_seal(journal: Journal, rng: random.Random) -> None:
    """Change a result with its digest and hash, and every hash after it."""
    i = rng.choice([i for i, row in enumerate(journal) if '"result"' in row["body"]])
    event = json.loads(journal[i]["body"])
    event["data"]["result"] = str(rng.randrange(1_000, 9_000))
    body = json.dumps(event)
    entry = envelope.parse(json_body.read_json(body), body)
    journal[i] = journal[i] | {"body": body, "digest": entry.digest.hex()}
    reseal(journal, journal[i]["subject"])


def drop(journal: Journal, rng: random.Random) -> None:
    del journal[rng.randrange(len(journal))]


def drop_and_seal(journal: Journal, rng: random.Random) -> None:
    subject = journal.pop(rng.randrange(len(journal)))["subject"]
    reseal(journal, subject)


def drop_a_subject(journal: Journal, rng: random.Random) -> None:
    subject = rng.choice(SUBJECTS)
    journal[:] = [row for row in journal if row["subject"] != subject]


def truncate(journal: Journal, rng: random.Random) -> None:
    del journal[rng.randrange(len(journal)) :]


def truncate_a_subject(journal: Journal, rng: random.Random) -> None:
    subject, last = rng.choice(SUBJECTS), rng.randrange(6)
    journal[:] = [r for r in journal if r["subject"] != subject or r["version"] <= last]


def forge(journal: Journal, rng: random.Random) -> None:
    """Insert a row that is right in itself, and seal all that follows."""
    i = rng.randrange(len(journal))
    study, subject = journal[i]["study"], journal[i]["subject"]
    entry = toy.event(study, subject, f"F{rng.randrange(99)}", result=str(rng.randrange(99)))
    forged = journal[i] | {
        "body": entry.body, "record": entry.record, "kind": entry.kind, "revision": 1,
        "digest": entry.digest.hex(), "event_id": entry.event_id,
    }  # fmt: skip
    journal.insert(i + rng.randrange(2), forged)
    reseal(journal, subject)


def append(journal: Journal, rng: random.Random) -> None:
    """Add a row that is right in itself after the last of a subject."""
    subject = rng.choice(SUBJECTS)
    last = max(i for i, row in enumerate(journal) if row["subject"] == subject)
    entry = toy.event(journal[last]["study"], subject, "F1", result=str(rng.randrange(99)))
    forged = journal[last] | {
        "body": entry.body, "record": entry.record, "kind": entry.kind, "revision": 1,
        "digest": entry.digest.hex(), "event_id": entry.event_id,
        "version": journal[last]["version"] + 1, "stamp": "2031-01-01T00:00:00.000000Z",
    }  # fmt: skip
    journal.insert(last + 1, seal(forged, journal[last]["hash"]))


def invent_a_subject(journal: Journal, rng: random.Random) -> None:
    entry = toy.event(journal[0]["study"], f"X{rng.randrange(99)}")
    forged = journal[0] | {"body": entry.body, "subject": entry.subject, "version": 1}
    journal.append(seal(forged, journals.GENESIS))


def reorder(journal: Journal, rng: random.Random) -> None:
    i, j = rng.sample(range(len(journal)), 2)
    journal[i], journal[j] = journal[j], journal[i]


def reorder_and_seal(journal: Journal, rng: random.Random) -> None:
    subject = rng.choice(SUBJECTS)
    places = [i for i, row in enumerate(journal) if row["subject"] == subject]
    i, j = rng.sample(places, 2)
    journal[i], journal[j] = journal[j], journal[i]
    reseal(journal, subject)


def swap_subjects(journal: Journal, rng: random.Random) -> None:
    """Give two subjects each other's journals, sealed again."""
    result, two = rng.sample(SUBJECTS, 2)
    names = {result: two, two: result}
    for i, row in enumerate(journal):
        if name := names.get(row["subject"]):
            body = row["body"].replace(f'"{row["subject"]}"', f'"{name}"')
            journal[i] = row | {"subject": name, "body": body}
    journal.sort(key=lambda row: (row["subject"], row["version"]))
    if rng.random() < 0.5:
        reseal(journal, result)
        reseal(journal, two)


def repeat(journal: Journal, rng: random.Random) -> None:
    i = rng.randrange(len(journal))
    journal.insert(i, dict(journal[i]))


def replay_of_another_subject(journal: Journal, rng: random.Random) -> None:
    i, j = rng.sample(range(len(journal)), 2)
    while journal[i]["subject"] == journal[j]["subject"]:
        j = rng.randrange(len(journal))
    journal[i] = rng.choice([dict(journal[j]), journal[j] | {"subject": journal[i]["subject"]}])


DONE: list[Callable[[Journal, random.Random], None]] = [
    change_a_field, change_the_body, change_a_value_and_seal, drop, drop_and_seal, drop_a_subject,
    truncate, truncate_a_subject, forge, append, invent_a_subject, reorder, reorder_and_seal,
    swap_subjects, repeat, replay_of_another_subject,
]  # fmt: skip


def test_ten_thousand_changes_of_a_journal_are_all_found(
    published_study: Kept, second_study: Kept
) -> None:
    seed = soak.seed(f"{MUTATIONS:,} changes of a journal")
    rng = random.Random(seed)  # noqa: S311 (a seed)
    counted: Counter[str] = Counter()
    missed, untouched = [], json.dumps(published_study.journal)
    for number in range(MUTATIONS):
        journal = list(published_study.journal)
        if number % (len(DONE) + 1) < len(DONE):
            change = DONE[number % (len(DONE) + 1)]
            change(journal, rng)
            name = change.__name__
        else:
            name = "a row of another study"
            i = rng.randrange(len(journal))
            journal[i] = second_study.journal[i] | rng.choice(
                [{}, {"study": published_study.study.id}]
            )
        assert json.dumps(journal) != untouched, name
        counted[name] += 1
        if not published_study.found(journal):
            missed.append((number, name))
    soak.note(
        f"found {MUTATIONS - len(missed):,} of {sum(counted.values()):,}, {len(counted)} ways"
    )
    assert missed == []


def test_untouched_journals_raise_no_alarm(published_study: Kept, second_study: Kept) -> None:
    assert (
        published_study.found(published_study.journal)
        == second_study.found(second_study.journal)
        == []
    )
    for seed in range(50):
        assert published_study.found(json.loads(json.dumps(published_study.journal))) == [], seed


def test_what_is_a_digest_here_is_one_in_the_service() -> None:
    for line in FEED.read_text(encoding="utf-8").splitlines():
        entry = envelope.parse(json_body.read_json(line), line)
        result = journals._read(line, normal=True)
        assert result is not None
        assert result["digest"] == entry.digest.hex()


@pytest.mark.parametrize(
    "data",
    [
        '"lloq":20.00,"result":"1","unit":"1/uL"',
        '"lloq":1E3,"result":"1","unit":"1/uL"',
        '"lloq":-0.0,"result":"\\u00e9\\ud83d\\ude00\\u2028\\/","unit":"1/uL"',
        '"lloq":12345678901234567890123456789012345678901234567890,"result":"1","unit":"1/uL"',
    ],
)
def test_numbers_and_texts_are_read_as_the_service_reads_them(data: str) -> None:
    start = '{"specversion":"1.0","id":"e","source":"s","type":"org.livetlf.lab.result.reported.v1"'
    text = ',"subject":"P1","time":"2015-07-02T10:00:00Z","study":"S","data":'
    body = f'{start}{text}{{"record":"L1","revision":1,{data}}}}}'
    event = json_body.read_json(body)
    values = {name: v for name, v in event["data"].items() if name not in ("record", "revision")}
    normal = content.without_empty(content.normal_numbers(values))
    result = {"kind": "lab.result.reported", "record": "L1", "revision": 1, "action": "record"}
    for form, outcome in ((False, values), (True, normal)):
        value = journals._read(body, normal=form)
        assert value is not None
        assert value["digest"] == json_body.digest(result | {"reason": None, "data": outcome}).hex()


def test_the_root_here_is_the_root_of_the_service(published_study: Kept) -> None:
    result = [subject.subject for subject in published_study.store.subjects(published_study.study)]
    subjects = sorted(result, key=lambda item: item.id)
    assert journals.content_root(published_study.journal) == report.content_root(subjects)


def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    key = ["--key", str(folder / "manifest.sig.json")]
    status = main(["verify", str(folder), "--offline", *key])
    result = capsys.readouterr()
    return status, result.out + result.err


def test_a_directory_with_all_its_proof_is_verified(
    published_study: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, result = run(published_study.write(tmp_path), capsys)
    assert status == 0, result
    assert "files against manifest.json" in result
    assert "definition.json against its digest" in result
    assert f"{len(published_study.journal)} journal rows of {len(SUBJECTS)} subjects" in result


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("tables.json", "tables", "tabIes", "tables.json: does not match"),
        ("definition.json", "shards", "shardz", "definition.json: does not match"),
        ("manifest.json", '"definition": "', '"definition": "0', "definition.json: its digest is"),
        ("heads.json", '"version": 6', '"version": 5', "subject P0: its journal ends"),
        ("heads.json", '"P4"', '"P5"', "subject P4: has a journal but no head"),
        ("heads.json", '"P4"', '"P5"', "subject P5: has no journal"),
        ("heads.json", '"content_root": "', '"content_root": "0', "heads.json: content_root"),
        ("manifest.json", '"content_root": "', '"content_root": "0', "the journals give"),
        ("manifest.json", '"accepted": 30', '"accepted": 29', "the journals hold 30"),
        ("audit.ndjson", '"principal": "arn', '"principal": "Arn', "its hash does not"),
    ],
)
def test_what_differs_is_named(
    published_study: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    name: str, old: str, new: str, message: str,
) -> None:  # fmt: skip
    _edit(published_study.write(tmp_path) / name, old, new)
    status, result = run(tmp_path, capsys)
    assert status == 1, result
    assert message in result


def test_a_file_that_is_gone_differs(
    published_study: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (published_study.write(tmp_path) / "listings.xlsx").unlink()
    status, result = run(tmp_path, capsys)
    assert status == 1
    assert "listings.xlsx: cannot be read" in result


@pytest.mark.parametrize("name", ["heads.json", "audit.ndjson"])
def test_documents_without_their_proof_are_incomplete(
    published_study: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (published_study.write(tmp_path) / name).unlink()
    status, result = run(tmp_path, capsys)
    assert status == 2
    assert "files against manifest.json" in result
    assert "make audit-trail" in result


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("manifest.json", None),
        ("manifest.json", b"[]"),
        ("manifest.json", b"{}"),
        ("heads.json", b"{"),
        ("heads.json", b"{}"),
        ("audit.ndjson", b"[1]\n"),
        ("audit.ndjson", b'{"body":"","body":""}\n'),
    ],
)
def test_what_cannot_be_read_is_a_bad_argument(
    published_study: Kept,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    text: bytes | None,
) -> None:
    published_study.write(tmp_path)
    if text is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(text)
    status, result = run(tmp_path, capsys)
    assert status == 2, result
    assert name in result
    assert "Traceback" not in result


def test_the_manifest_vouches_for_bytes(published_study: Kept) -> None:
    for file in json.loads(published_study.files["manifest.json"])["files"]:
        text = published_study.files[file["name"]]
        assert hashlib.sha256(text).hexdigest() == file["sha256"]


@pytest.mark.parametrize("value", [nan, inf, -inf, 0.1 + 0.2])
def test_no_number_of_a_data_set_passes_for_a_missing_one(value: float) -> None:
    other, missing = (BytesIO() for _ in range(2))
    pl.DataFrame({"AVAL": [1.5, value]}).write_parquet(other)
    pl.DataFrame({"AVAL": [1.5, None]}).write_parquet(missing)
    place = unlike("datasets/adlb.parquet", other.getvalue(), missing.getvalue())
    assert place.startswith("line 3: ")


def test_a_damaged_file_is_told_and_not_opened(
    published_study: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = [name for name in published_study.files if name.endswith(".parquet")]
    assert packed
    published_study.write(tmp_path)
    for name in packed:
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[:-9] + b"\xff" * 9)
    status, result = run(tmp_path, capsys)
    assert status == 1
    for name in packed:
        assert f"differs      {name}: does not match its SHA-256 in manifest.json\n" in result
        assert f"not checked  {name}: was not opened" in result
    assert "differs from what the journals give" not in result  # as all that is opened does
    intact = len(published_study.files) - len(packed)
    assert f"checked      {intact} files against those regenerated" in result


def test_an_altered_text_is_told_with_its_place_and_a_damaged_workbook_with_its_kind(
    published_study: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    published_study.write(tmp_path)
    table, workbook = tmp_path / "tables.json", tmp_path / "listings.xlsx"
    _edit(table, '"tables": []', '"tables": [1]')
    content = workbook.read_bytes()
    workbook.write_bytes(content[:200] + b"\xff" * 99 + content[299:])
    status, result = run(tmp_path, capsys)
    assert status == 1
    assert "tables.json: does not match its SHA-256 in manifest.json\n" in result
    assert "tables.json differs: /tables/0" in result
    assert "listings.xlsx differs: is not a workbook\n" in result


def test_where_what_opens_files_is_ended_the_rest_is_still_told(
    published_study: Kept,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _edit(published_study.write(tmp_path) / "tables.json", "tables", "tabIes")
    program = tmp_path.with_name("ended")
    program.write_text("#!/bin/sh\nkill -ABRT $$\n")
    program.chmod(0o755)
    monkeypatch.setattr("local.verify.sys.executable", str(program))
    status, result = run(tmp_path, capsys)
    assert status == 1
    assert "tables.json: does not match" in result
    assert "files were not regenerated: the process was ended by SIGABRT" in result
