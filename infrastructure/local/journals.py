"""Journals against the heads they end in, and the digests that documents are named by.

Nothing of the service is imported: the rules of docs/design.md are written down here a second time,
with the standard library alone, so that an error of the service's own JSON or hashing shows.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

GENESIS = bytes(32).hex()
DIGEST_BYTES = 16
APART = "[erased]"
"""Stands in a stored body where a personal text was; the text itself is sealed apart."""
TYPE_PREFIX, TYPE_VERSION = "org.livetlf.", ".v1"
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
_RECORD_FIELDS = frozenset({"record", "revision", "action", "reason_for_change"})
_LOCAL_TIMES = frozenset({"collected", "date", "start", "end"})
_WHOLE_MINUTE = re.compile(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}:[0-9]{2}:00")
_NORMAL = 2  # the format of journal rows whose digest is of the content's normal form
_MOST_DIGITS = 40
_UNSEALED = frozenset({"previous", "hash"})
_SEALED = frozenset({
    "study", "subject", "kind", "record", "revision", "body", "texts", "digest", "event_id",
    "source", "time", "principal", "stamp", "version", "format",
})  # fmt: skip

type Row = Mapping[str, Any]
type Heads = Mapping[str, Mapping[str, Any]]


def differences(rows: Iterable[Row], heads: Heads, study: str) -> list[str]:
    """Compare journals, row by row, with the heads that they must end in."""
    journals: dict[str, list[Row]] = {}
    errors: list[str] = []
    for row in (rows := list(rows)):
        if row.keys() != _SEALED | _UNSEALED:
            errors.append(f"row {row.get('version')} of {row.get('subject')}: not a journal row")
        journals.setdefault(str(row.get("subject")), []).append(row)
    subjects = [str(row.get("subject")) for row in rows]
    if subjects != sorted(subjects):
        errors.append("the rows are not sorted by subject")
    errors += [f"subject {name}: has no journal" for name in sorted(heads.keys() - journals.keys())]
    for name, journal in sorted(journals.items()):
        if name not in heads:
            errors.append(f"subject {name}: has a journal but no head")
        else:
            errors += _chain(name, journal, heads[name], study)
    counts = Counter(map(_identity, (row for journal in journals.values() for row in journal)))
    return errors + [
        f"{' '.join(map(str, identity))}: journalled twice"
        for identity in counts
        if counts[identity] > 1
    ]


def _chain(subject: str, journal: list[Row], head: Mapping[str, Any], study: str) -> Iterator[str]:
    """Follow a journal from its genesis, in the order given, to its head."""
    previous, stamp = GENESIS, ""
    for version, row in enumerate(journal, start=1):
        place = f"subject {subject}, row {version}"
        if row.get("version") != version:
            yield f"{place}: its version is {row.get('version')}"
        if row.get("previous") != previous:
            yield f"{place}: does not follow the row before it"
        if row.get("hash") != sealed(row):
            yield f"{place}: its hash does not match its content"
        if row.get("study") != study:
            yield f"{place}: is of study {row.get('study')}"
        if not stamp < str(row.get("stamp")):
            yield f"{place}: is not later than the row before it"
        yield from (f"{place}: {noun} does not match its body" for noun in _unlike_its_body(row))
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
    repeated_members = {name: row.get(name) for name in body if name in row}
    yield from (name for name, value in repeated_members.items() if value != body[name])


def _said(row: Row) -> Mapping[str, Any] | None:
    return _read(str(row.get("body")), row.get("format") == _NORMAL)


@lru_cache(maxsize=65_536)
def _read(body: str, normal: bool) -> Mapping[str, Any] | None:  # noqa: FBT001 (of the cache's key)
    """Read what a body says of itself, and compute the digest of its content.

    That is of what was received: where personal texts are sealed apart it cannot be computed.
    """
    try:
        event = _loaded(body)
        content = _content(event, normal=normal)
        identity = {name: content[name] for name in ("kind", "record", "revision")}
        identity |= {name: event[name] for name in ("subject", "source", "time")}
        identity["event_id"] = event["id"]
        if f'"{APART}"' not in body:
            identity["digest"] = _digest(content)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return identity | ({"study": event["study"]} if event.get("study") is not None else {})


def _loaded(body: str) -> Any:  # noqa: ANN401 (any JSON value)
    return json.loads(body, parse_float=Decimal, parse_int=_integer)


def _content(event: Mapping[str, Any], *, normal: bool) -> dict[str, Any]:
    data = event["data"]
    own_data = {name: value for name, value in data.items() if name not in _RECORD_FIELDS}
    return {
        "kind": event["type"].removeprefix(TYPE_PREFIX).removesuffix(TYPE_VERSION),
        "record": data["record"],
        "revision": _normal(data["revision"]) if normal else data["revision"],
        "action": data.get("action", "record"),
        "reason": data.get("reason_for_change"),
        "data": _normal_data(own_data) if normal else own_data,
    }


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(content).encode()).digest()[:DIGEST_BYTES].hex()


def digest_with(row: Row, texts: Mapping[str, str]) -> str | None:
    """Compute the digest of an event whose personal texts, by field, are taken to be these.

    None where another one of its texts is sealed apart, as the reason for a change is.
    """
    event = _loaded(row["body"])
    event["data"] |= texts
    if APART in event["data"].values():
        return None
    return _digest(_content(event, normal=row["format"] == _NORMAL))


def sealed(row: Row) -> str:
    """Compute the hash of a row: SHA-256 of the hash before it and of all the row holds."""
    members = {name: value for name, value in row.items() if name not in _UNSEALED}
    try:
        previous = bytes.fromhex(str(row.get("previous")))
        return hashlib.sha256(previous + canonical(members).encode()).hexdigest()
    except ValueError:
        return ""


def content_root(rows: Iterable[Row]) -> str:
    """Compute what identifies the accepted revisions, from their bodies."""
    lines = []
    for row in rows:
        normal_row = {"digest": row.get("digest"), **(_said(row) or {})}
        names = ("subject", "kind", "record", "revision", "digest")
        lines.append(" ".join(str(normal_row.get(name)) for name in names) + "\n")
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


def _normal_data(own_data: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event's data in their normal form (docs/design.md, "The same content")."""
    return {
        name: value[: -len(":00")]
        if name in _LOCAL_TIMES and isinstance(value, str) and _WHOLE_MINUTE.fullmatch(value)
        else value
        for name, value in _normal(dict(own_data)).items()
    }


def _normal(value: Any) -> Any:  # noqa: ANN401 (any JSON value)
    if isinstance(value, dict):
        normalised = {name: _normal(member) for name, member in value.items()}
        return {name: member for name, member in normalised.items() if member not in (None, [], {})}
    if isinstance(value, list):
        return [_normal(element) for element in value]
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
