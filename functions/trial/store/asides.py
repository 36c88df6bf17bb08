"""What could not be accepted, kept with its reason: once per body."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from trial.messages import Entry
from trial.store import keys
from trial.store.definitions import known
from trial.store.rows import Aside, stamp_text
from trial.store.table import PRESENT, Item, Table, binary, key, number, text
from trial.subject import Dispute

BODY_BYTES = 300_000
"""Larger bodies are noted by digest and size alone; the edge refuses them before (413)."""

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
    if len(raw) <= BODY_BYTES:
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
        )


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
