"""What could not be accepted, kept with its reason: once per body.

Nobody has looked into these bodies, so they hold personal texts in the clear. Once a subject is
erased, bodies of it are dropped, and those that still come are not kept.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from trial.errors import Rejected
from trial.messages import Entry, is_identifier, read_json
from trial.store import keys
from trial.store.definitions import known
from trial.store.rows import Aside, stamp_text
from trial.store.table import KEYS_A_BATCH, PRESENT, Item, Table, binary, key, number, text
from trial.subject import Dispute

BODY_BYTES = 300_000
"""Larger bodies are noted by digest and size alone; the edge refuses them before (413)."""

UNKNOWN_STUDY = "unknown-study"
"""Where a message is set aside that names no study."""

_ERRORS = 100  # of a problem document; a body can be wrong in more places than an item can hold


def put(
    table: Table,
    study_id: str,
    body: bytes | str,
    problem: Mapping[str, object],
    principal: str,
    at: datetime,
) -> bool:
    """Keep a body with its problem; say whether it is the first time. The first reason stays.

    An erasure may come at any moment: it notes the subject, and then drops what is there. So here
    the body is written, and then dropped if its subject is noted; one of the two sees the other.
    """
    raw = _raw(body) if isinstance(body, str) else body
    digest = hashlib.sha256(raw).hexdigest()
    item: Item = key((keys.aside(known(study_id)), digest)) | {
        "size": number(len(raw)),
        "problem": text(json.dumps(_shortened(problem), ensure_ascii=False)),
        "who": text(principal),
        "at": text(stamp_text(at)),
    }
    if len(raw) > BODY_BYTES:
        return table.put_new(item)
    first = table.put_new(item | {"body": binary(raw)})
    if _is_erased(table, study_id, raw):
        _drop(table, study_id, digest, at)
    return first


def each(table: Table, study_id: str, after: str = "") -> Iterator[Aside]:
    """Read what was set aside, in order of its digests; what comes after one of them."""
    for item in table.query(keys.aside(known(study_id)), after=after):
        yield Aside(
            sha256=item["SK"]["S"],
            size=int(item["size"]["N"]),
            body=item["body"]["B"] if "body" in item else None,
            problem=json.loads(item["problem"]["S"]),
            principal=item["who"]["S"],
            at=item["at"]["S"],
            settled=item.get("settled", {}).get("S", ""),
            erased=item.get("erased", {}).get("S", ""),
        )


def erase(table: Table, study_id: str, subject: str, at: datetime) -> int:
    """Drop the bodies that are of a subject, now and whenever one comes; count those dropped now.

    A body that is of several subjects goes too. Problem, sender, time and digest stay.
    """
    found = []
    for partition in (study_id, UNKNOWN_STUDY):
        table.put_new(key(keys.erased(partition, subject)) | {"at": text(stamp_text(at))})
        found += [
            (partition, aside.sha256)
            for aside in each(table, partition)
            if aside.body is not None and is_of(aside.body, subject)
        ]
    for partition, digest in found:
        _drop(table, partition, digest, at)
    return len(found)


def _drop(table: Table, study_id: str, digest: str, at: datetime) -> None:
    where, values = (keys.aside(study_id), digest), {":at": text(stamp_text(at))}
    dropped = "SET erased = :at REMOVE body"
    table.write([table.update(where, dropped, PRESENT, ExpressionAttributeValues=values)])


def is_of(body: bytes, subject: str) -> bool:
    """Say whether a body is of a subject: it names it, or, where it cannot be read, mentions it."""
    named = _named(body)
    if named is not None:
        return subject in named
    mention = rf"(?<![A-Za-z0-9]){re.escape(subject)}(?![A-Za-z0-9])"
    return re.search(mention, body.decode(errors="replace")) is not None


def _named(body: bytes) -> set[str] | None:
    """Give the subjects that a body names; None where it does not name one for every event."""
    try:
        value = read_json(body)
    except Rejected:
        return None
    events = value if isinstance(value, list) else [value]
    named = [each.get("subject") if isinstance(each, dict) else None for each in events]
    texts = {each for each in named if isinstance(each, str)}
    return texts if all(isinstance(each, str) for each in named) else None


def _is_erased(table: Table, study_id: str, body: bytes) -> bool:
    """Say whether a body is of an erased subject: by name where it has names, else by search."""
    named = _named(body)
    if named is None or len(named) > KEYS_A_BATCH:
        return any(is_of(body, subject) for subject in erased(table, study_id))
    wanted = [keys.erased(study_id, each) for each in named if is_identifier(each)]
    return bool(wanted) and any(True for _ in table.get_batch(wanted))


def erased(table: Table, study_id: str) -> list[str]:
    """Name the subjects whose bodies are not kept."""
    partition, start = keys.erased(study_id, "")
    return [item["SK"]["S"].removeprefix(start) for item in table.query(partition, start)]


def count(table: Table, study_id: str) -> int:
    """Count what waits: set aside, and not taken since."""
    return table.count(keys.aside(known(study_id)), "attribute_not_exists(settled)")


def settle(table: Table, study_id: str, digest: str, at: datetime) -> None:
    """Note that a body set aside was taken after all; it stays where it is."""
    where = keys.aside(known(study_id)), digest
    values = {":at": text(stamp_text(at))}
    change = table.update(where, "SET settled = :at", PRESENT, ExpressionAttributeValues=values)
    table.write([change])


def dispute(table: Table, entry: Entry, at: datetime) -> None:
    """Note that a revision came with a second content; the first note stays."""
    table.put_new(key(keys.conflict(entry)) | {"at": text(stamp_text(at))})


def disputes(table: Table, study_id: str) -> Iterator[Dispute]:
    """Read which revisions came with two contents, settled since or not."""
    for item in table.query(f"STUDY#{known(study_id)}", keys.CONFLICT):
        subject, kind, record, revision = item["SK"]["S"].removeprefix(keys.CONFLICT).split("#")
        yield Dispute(subject, kind, record, int(revision), item["at"]["S"])


def _raw(body: str) -> bytes:
    """Give back the bytes that a text was read from, even where they were no UTF-8."""
    try:
        return body.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return body.encode("utf-8", "surrogatepass")


def _shortened(problem: Mapping[str, object]) -> dict[str, Any]:
    errors = problem.get("errors")
    if not isinstance(errors, list) or len(errors) <= _ERRORS:
        return dict(problem)
    return dict(problem) | {"errors": errors[:_ERRORS], "errors_left_out": len(errors) - _ERRORS}
