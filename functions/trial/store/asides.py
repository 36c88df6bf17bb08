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
from trial.messages import Entry, read_json
from trial.store import keys
from trial.store.definitions import known
from trial.store.rows import Aside, stamp_text
from trial.store.table import PRESENT, Item, Table, binary, key, number, text
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
    """Keep a body with its problem; say whether it is the first time. The first reason stays."""
    raw = _raw(body) if isinstance(body, str) else body
    digest = hashlib.sha256(raw).hexdigest()
    item: Item = key((keys.aside(known(study_id)), digest)) | {
        "size": number(len(raw)),
        "problem": text(json.dumps(_shortened(problem), ensure_ascii=False)),
        "who": text(principal),
        "at": text(stamp_text(at)),
    }
    if any(is_of(raw, subject) for subject in erased(table, study_id)):
        item["erased"] = text(stamp_text(at))
    elif len(raw) <= BODY_BYTES:
        item["body"] = binary(raw)
    return table.put_new(item)


def each(table: Table, study_id: str) -> Iterator[Aside]:
    """Read what was set aside, in order of its digests."""
    for item in table.query(keys.aside(known(study_id))):
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
    table.put_new(key(keys.erased(study_id, subject)) | {"at": text(stamp_text(at))})
    values = {":at": text(stamp_text(at))}
    found = [
        (partition, aside.sha256)
        for partition in (study_id, UNKNOWN_STUDY)
        for aside in each(table, partition)
        if aside.body is not None and is_of(aside.body, subject)
    ]
    for partition, digest in found:
        where = keys.aside(partition), digest
        dropped = "SET erased = :at REMOVE body"
        table.write([table.update(where, dropped, PRESENT, ExpressionAttributeValues=values)])
    return len(found)


def is_of(body: bytes, subject: str) -> bool:
    """Say whether a body is of a subject: it names it, or, where it cannot be read, mentions it."""
    try:
        value = read_json(body)
    except Rejected:
        value = None
    events = value if isinstance(value, list) else [value]
    named = [each.get("subject") for each in events if isinstance(each, dict)]
    if len(named) == len(events) and all(isinstance(each, str) for each in named):
        return subject in named
    mention = rf"(?<![A-Za-z0-9]){re.escape(subject)}(?![A-Za-z0-9])"
    return re.search(mention, body.decode(errors="replace")) is not None


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
