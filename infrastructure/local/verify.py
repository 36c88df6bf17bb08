"""Prove that a directory of documents follows from recorded events that nobody has touched.

Three questions: are the files those that `manifest.json` vouches for; is each subject's journal the
whole chain that ends in its head in `heads.json`; and do exactly these revisions give the
`content_root` that the manifest names. Nothing of the service is imported: the rules are written
down here a second time, with the standard library alone.

What it proves rests on `manifest.json` and `heads.json` being those that were published: keep them
where whoever could change a journal cannot write, as the bucket's versions and Object Lock do.
"""

# ruff: noqa: T201 - what a command prints is its answer

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from local.client import Client, ServiceError
from local.feed import BadFileError

MANIFEST, HEADS, TRAIL = "manifest.json", "heads.json", "audit.ndjson"
DEFINITION, OPEN = "definition.json", "open"
GENESIS = bytes(32).hex()
DIGEST_BYTES = 16
TYPE_PREFIX, TYPE_VERSION = "org.livetlf.", ".v1"
_SHOWN = 10
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
_RECORD_FIELDS = frozenset({"record", "revision", "action", "reason_for_change"})
_LOCAL_TIMES = frozenset({"collected", "date", "start", "end"})
_WHOLE_MINUTE = re.compile(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}:[0-9]{2}:00")
_NORMAL = 2  # the format of journal rows whose digest is of the content's normal form
_MOST_DIGITS = 40
_UNSEALED = frozenset({"previous", "hash"})
_RECEIVED = "received"
_APART = '"[erased]"'
_SEALED = frozenset({
    "study", "subject", "kind", "record", "revision", "body", "texts", "digest", "event_id",
    "source", "time", "principal", "stamp", "version", "format",
})  # fmt: skip

type Row = Mapping[str, Any]
type Heads = Mapping[str, Mapping[str, Any]]


@dataclass
class Verdict:
    """What was checked, and what is not as it must be."""

    checked: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """What could not be checked for want of a file."""


def verify(directory: Path, client: Client | None) -> int:
    """Check a directory and print the findings: 0 all is well, 1 something differs, 2 incomplete.

    What the directory lacks of heads and journals is asked of the stack of `client`, if any.
    """
    manifest = _object(directory / MANIFEST, "study", "cut", "files")
    verdict = Verdict()
    _check_files(directory, manifest, verdict)
    heads = _heads(directory, manifest, client)
    if heads is None:
        verdict.missing.append(f"{HEADS}: the journals were not checked")
    else:
        rows = _journal(directory, manifest["study"], heads["subjects"], client)
        if rows is None:
            verdict.missing.append(f"{TRAIL}: the journals were not checked")
        else:
            _check_journals(manifest, heads, rows, verdict)
    return _print(verdict)


def _check_files(directory: Path, manifest: Mapping[str, Any], verdict: Verdict) -> None:
    for each in manifest["files"]:
        path = directory / each["name"]
        try:
            content = path.read_bytes()
        except OSError as error:
            verdict.differences.append(f"{each['name']}: cannot be read ({error.strerror})")
            continue
        if hashlib.sha256(content).hexdigest() != each["sha256"]:
            verdict.differences.append(f"{each['name']}: not the file that {MANIFEST} vouches for")
    verdict.checked.append(f"{len(manifest['files'])} files against {MANIFEST}")
    _check_definition(directory, manifest, verdict)


def _check_definition(directory: Path, manifest: Mapping[str, Any], verdict: Verdict) -> None:
    """Hold the definition against its digest; the open one of a blinded study is pooled."""
    listed = {each["name"]: each["sha256"] for each in manifest["files"]}
    path, cut = directory / DEFINITION, manifest["cut"]
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != listed.get(DEFINITION):
        return  # it is not vouched for, or is told to differ
    if listed[DEFINITION][: 2 * DIGEST_BYTES] == cut["definition"]:
        verdict.checked.append(f"{DEFINITION} against its digest")
    elif cut["audience"] == OPEN and _object(path, "study").get("blinded"):
        verdict.checked.append(f"{DEFINITION} is pooled, for the study is blinded")
    else:
        verdict.differences.append(f"{DEFINITION}: its digest is not {cut['definition']}")


def _check_journals(
    manifest: Mapping[str, Any], heads: Mapping[str, Any], rows: list[Row], verdict: Verdict
) -> None:
    cut = manifest["cut"]
    for name, stated, found in (
        ("study", manifest["study"], heads["study"]),
        ("cut", cut["id"], heads["cut"]),
        ("content_root", cut["content_root"], heads["content_root"]),
    ):
        if stated != found:
            verdict.differences.append(f"{HEADS}: {name} {found}, in {MANIFEST} {stated}")
    verdict.differences += differences(rows, heads["subjects"], manifest["study"])
    root = content_root(rows)
    if root != cut["content_root"]:
        verdict.differences.append(f"content_root {cut['content_root']}: the journals give {root}")
    if len(rows) != cut["accepted"]:
        text = f"accepted {cut['accepted']}: the journals hold {len(rows)} revisions"
        verdict.differences.append(text)
    verdict.checked.append(f"{len(rows)} journal rows of {len(heads['subjects'])} subjects")
    apart = sum(_APART in str(row.get("body")) for row in rows)
    verdict.checked.append(
        f"content_root against the journals' bodies; of {apart}, with personal texts sealed"
        " apart, against the digests in their chains"
    )


def differences(rows: Iterable[Row], heads: Heads, study: str) -> list[str]:
    """Compare journals, row by row, with the heads that they must end in."""
    journals: dict[str, list[Row]] = {}
    found: list[str] = []
    for row in (rows := list(rows)):
        if row.keys() != _SEALED | _UNSEALED:
            found.append(f"row {row.get('version')} of {row.get('subject')}: not a journal row")
        journals.setdefault(str(row.get("subject")), []).append(row)
    subjects = [str(row.get("subject")) for row in rows]
    if subjects != sorted(subjects):
        found.append("the rows do not stand in order of their subjects")
    found += [f"subject {name}: has no journal" for name in sorted(heads.keys() - journals.keys())]
    for name, journal in sorted(journals.items()):
        if name not in heads:
            found.append(f"subject {name}: has a journal and no head")
        else:
            found += _chain(name, journal, heads[name], study)
    seen = Counter(map(_identity, (row for journal in journals.values() for row in journal)))
    return found + [f"{' '.join(map(str, of))}: journalled twice" for of in seen if seen[of] > 1]


def _chain(subject: str, journal: list[Row], head: Mapping[str, Any], study: str) -> Iterator[str]:
    """Follow a journal from its genesis, in the order given, to its head."""
    previous, stamp = GENESIS, ""
    for version, row in enumerate(journal, start=1):
        at = f"subject {subject}, row {version}"
        if row.get("version") != version:
            yield f"{at}: its version is {row.get('version')}"
        if row.get("previous") != previous:
            yield f"{at}: does not follow the row before it"
        if row.get("hash") != sealed(row):
            yield f"{at}: its hash is not that of what it holds"
        if row.get("study") != study:
            yield f"{at}: is of study {row.get('study')}"
        if not stamp < str(row.get("stamp")):
            yield f"{at}: is not later than the row before it"
        yield from (f"{at}: {what} is not that of its body" for what in _unlike_its_body(row))
        previous, stamp = str(row.get("hash")), str(row.get("stamp"))
    if (len(journal), previous) != (head["version"], head["head"]):
        yield (
            f"subject {subject}: its journal ends in version {len(journal)}, {previous[:16]}…,"
            f" its head is version {head['version']}, {str(head['head'])[:16]}…"
        )


def _unlike_its_body(row: Row) -> Iterator[str]:
    body = _said(row)
    if body is None:
        yield "everything"
        return
    stated = {name: row.get(name) for name in body if name in row}
    yield from (name for name, value in stated.items() if value != body[name])


def _said(row: Row) -> Mapping[str, Any] | None:
    return _read(str(row.get("body")), row.get("format") == _NORMAL)


@lru_cache(maxsize=65_536)
def _read(body: str, normal: bool) -> Mapping[str, Any] | None:  # noqa: FBT001 (of the cache's key)
    """Read what a body says of itself, and compute the digest of its content.

    That is of what was received: where personal texts are sealed apart it cannot be computed.
    """
    try:
        event = json.loads(body, parse_float=Decimal, parse_int=_integer)
        data = event["data"]
        kind = event["type"].removeprefix(TYPE_PREFIX).removesuffix(TYPE_VERSION)
        own = {name: value for name, value in data.items() if name not in _RECORD_FIELDS}
        revision = _normal(data["revision"]) if normal else data["revision"]
        content = {
            "kind": kind,
            "record": data["record"],
            "revision": revision,
            "action": data.get("action", "record"),
            "reason": data.get("reason_for_change"),
            "data": _normal_data(own) if normal else own,
        }
        said = {
            "subject": event["subject"],
            "kind": kind,
            "record": data["record"],
            "revision": revision,
            "event_id": event["id"],
            "source": event["source"],
            "time": event["time"],
        }
        if _APART not in body:
            told = hashlib.sha256(canonical(content).encode()).digest()[:DIGEST_BYTES]
            said["digest"] = told.hex()
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return said | ({"study": event["study"]} if event.get("study") is not None else {})


def sealed(row: Row) -> str:
    """Compute the hash of a row: SHA-256 of the hash before it and of all the row holds."""
    held = {name: value for name, value in row.items() if name not in _UNSEALED}
    try:
        previous = bytes.fromhex(str(row.get("previous")))
        return hashlib.sha256(previous + canonical(held).encode()).hexdigest()
    except ValueError:
        return ""


def content_root(rows: Iterable[Row]) -> str:
    """Compute what identifies the accepted revisions, from their bodies."""
    lines = []
    for row in rows:
        said = {"digest": row.get("digest"), **(_said(row) or {})}
        names = ("subject", "kind", "record", "revision", "digest")
        lines.append(" ".join(str(said.get(name)) for name in names) + "\n")
    return hashlib.sha256("".join(sorted(lines)).encode("utf-8", "replace")).hexdigest()


def canonical(value: object) -> str:
    """Write JSON in the form that digests and hashes are taken of: keys sorted, no spaces."""
    try:
        return _JSON.encode(value)
    except TypeError:  # it holds a Decimal, which must stay as it was written
        return _as_written(value)


def _as_written(value: object) -> str:
    match value:
        case dict():
            members = (f"{_text(name)}:{_as_written(value[name])}" for name in sorted(value))
            return "{" + ",".join(members) + "}"
        case list():
            return "[" + ",".join(map(_as_written, value)) + "]"
        case str():
            return _text(value)
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def _text(value: str) -> str:
    return _JSON.encode(value)


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) < 40 else Decimal(text)  # noqa: PLR2004 (as the service reads it)


def _normal_data(own: Mapping[str, Any]) -> dict[str, Any]:
    """Give an event's data in their normal form (docs/design.md, "The same content")."""
    return {
        name: value[: -len(":00")]
        if name in _LOCAL_TIMES and isinstance(value, str) and _WHOLE_MINUTE.fullmatch(value)
        else value
        for name, value in _normal(dict(own)).items()
    }


def _normal(value: Any) -> Any:  # noqa: ANN401 (any JSON value)
    if isinstance(value, dict):
        made = {name: _normal(each) for name, each in value.items()}
        return {name: each for name, each in made.items() if each not in (None, [], {})}
    if isinstance(value, list):
        return [_normal(each) for each in value]
    if not isinstance(value, Decimal):
        return value
    if value == 0:
        return 0
    digits = "".join(map(str, value.as_tuple().digits)).rstrip("0")
    moved = int(value.as_tuple().exponent) + len(value.as_tuple().digits) - len(digits)
    shortest = Decimal(f"{'-' if value.is_signed() else ''}{digits}E{moved}")
    return int(shortest) if 0 <= moved <= _MOST_DIGITS - len(digits) else shortest


def _identity(row: Row) -> tuple[object, ...]:
    return tuple(str(row.get(name)) for name in ("subject", "kind", "record", "revision"))


def _heads(
    directory: Path, manifest: Mapping[str, Any], client: Client | None
) -> Mapping[str, Any] | None:
    if (directory / HEADS).exists():
        return _object(directory / HEADS, "study", "cut", "content_root", "subjects")
    if client is None:
        return None
    place = f"/studies/{quote(manifest['study'], safe='')}/reports"
    for cut in (manifest["cut"]["id"], "live"):
        try:
            heads: dict[str, Any] = client.get(f"{place}/{cut}/{HEADS}").json()
        except ServiceError:
            continue  # not asked for on this stack, or not published yet
        if heads["content_root"] == manifest["cut"]["content_root"]:
            return heads | {"cut": manifest["cut"]["id"]}
    return None


def _journal(directory: Path, study: str, heads: Heads, client: Client | None) -> list[Row] | None:
    """Read the journals as they were when the heads were taken; what came later is left out."""
    if (directory / TRAIL).exists():
        return _rows(directory / TRAIL)
    if client is None:
        return None
    rows: list[Row] = []
    for subject, head in heads.items():
        path = f"/studies/{quote(study, safe='')}/subjects/{quote(subject, safe='')}/history"
        events = client.get(path).json()["events"][: head["version"]]
        rows += [{k: of for k, of in row.items() if k != _RECEIVED} for row in events]
    return rows


def _object(path: Path, *members: str) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise BadFileError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise BadFileError(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict) or not found.keys() >= {*members}:
        raise BadFileError(f"{path} is no JSON object with {', '.join(members)}")
    return found


def _rows(path: Path) -> list[Row]:
    rows: list[Row] = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_unique)
        except ValueError as error:
            raise BadFileError(f"{path}, line {number} is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise BadFileError(f"{path}, line {number} is not a JSON object")
        rows.append(row)
    return rows


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("it names a member twice")
    return members


def _print(verdict: Verdict) -> int:
    for each in verdict.checked:
        print(f"checked  {each}")
    for each in verdict.differences[:_SHOWN]:
        print(f"differs  {each}")
    if (more := len(verdict.differences) - _SHOWN) > 0:
        print(f"         and {more} more")
    for each in verdict.missing:
        print(f"missing  {each}")
    if verdict.differences:
        print("Something is not as it was recorded.")
        return 1
    if verdict.missing:
        print("`make audit-trail OUT=…` fetches documents with all that proves them.")
        return 2
    print("Everything is as it was recorded.")
    return 0
