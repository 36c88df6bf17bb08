"""What could not be accepted, kept with its reason: once per body.

Nobody has looked into these bodies, so they hold personal texts in the clear. Once a subject is
erased, bodies of it are dropped, and those that still come are not kept.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import batched, islice

from trial.errors import Rejected, Unavailable
from trial.events.fields import is_identifier
from trial.events.json_body import read_json
from trial.store import keys
from trial.store.definitions import known
from trial.store.rows import RejectedBody, stamp_text
from trial.store.table import (
    ABSENT,
    KEYS_A_BATCH,
    PRESENT,
    Item,
    Table,
    TransactionCancelled,
    binary,
    key,
    key_of,
    number,
    text,
)

BODY_BYTES = 1_000_000
"""Larger bodies are noted by digest and size alone; no route and no queue takes one."""

UNKNOWN_STUDY = "unknown-study"
"""Where a message is quarantined that names no study."""

_PART_BYTES = 350_000  # of the 400 KB that an item may have
_AT_ONCE = 25  # read together: each has its row, and at most three parts of a body


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
    parts = _parts(raw) if len(raw) <= BODY_BYTES else []
    item: Item = key((keys.quarantine(known(study_id)), digest)) | {
        "size": number(len(raw)),
        "problem": text(json.dumps(problem, ensure_ascii=False)),
        "who": text(principal),
        "at": text(stamp_text(at)),
        "parts": number(len(parts)),
    }
    first = _written(table, item, _part_items(study_id, digest, parts))
    if parts and _is_erased(table, study_id, raw):
        _drop(table, study_id, digest, len(parts), at)
    return first


def _parts(raw: bytes) -> list[bytes]:
    """Cut a body into what an item holds; an empty one has a part too."""
    return [raw[at : at + _PART_BYTES] for at in range(0, max(len(raw), 1), _PART_BYTES)]


def _part_items(study_id: str, digest: str, parts: Iterable[bytes]) -> Iterator[Item]:
    for place, part in enumerate(parts):
        yield key(keys.quarantine_part(study_id, digest, place)) | {"body": binary(part)}


def _written(table: Table, item: Item, parts: Iterable[Item]) -> bool:
    """Write a row and its body together; say whether there was none before."""
    try:
        table.write([table.put(item, ABSENT), *map(table.put, parts)])
    except TransactionCancelled as cancelled:
        if "ConditionalCheckFailed" in cancelled.codes:
            return False
        raise Unavailable("what is quarantined is being written to") from cancelled
    return True


def each(table: Table, study_id: str, after: str = "") -> Iterator[RejectedBody]:
    """Read what is quarantined, in order of its digests; what comes after one of them."""
    rows = table.query(keys.quarantine(known(study_id)), after=after)
    for some in batched(rows, _AT_ONCE, strict=False):
        yield from _with_bodies(table, study_id, some)


def named(table: Table, study_id: str, digests: Iterable[str]) -> Iterator[RejectedBody]:
    """Read some of what is quarantined, in the order in which it is named."""
    for some in batched(digests, _AT_ONCE, strict=False):
        wanted = [(keys.quarantine(known(study_id)), digest) for digest in some]
        rows = {item["SK"]["S"]: item for item in table.get_batch(wanted)}
        yield from _with_bodies(table, study_id, [rows[each] for each in some if each in rows])


def received_times(table: Table, study_id: str) -> list[tuple[str, str]]:
    """Say when each body was quarantined, and its digest, in order; no body is read."""
    rows = table.query(keys.quarantine(known(study_id)))
    return sorted((item["at"]["S"], item["SK"]["S"]) for item in rows)


def _with_bodies(table: Table, study_id: str, rows: Iterable[Item]) -> Iterator[RejectedBody]:
    rows = list(rows)
    wanted = [
        keys.quarantine_part(study_id, item["SK"]["S"], place)
        for item in rows
        for place in range(_parts_of(item))
    ]
    read = table.get_batch(wanted)
    found = {key_of(item): item["body"]["B"] for item in read if "body" in item}
    for item in rows:
        parts = [
            found.get(keys.quarantine_part(study_id, item["SK"]["S"], place))
            for place in range(_parts_of(item))
        ]
        whole = b"".join(filter(None, parts)) if parts and None not in parts else None
        yield RejectedBody(
            sha256=item["SK"]["S"],
            size=int(item["size"]["N"]),
            body=item["body"]["B"] if "body" in item else whole,  # as earlier releases had it
            problem=json.loads(item["problem"]["S"]),
            principal=item["who"]["S"],
            at=item["at"]["S"],
            resolved=item.get("settled", {}).get("S", ""),
            erased=item.get("erased", {}).get("S", ""),
        )


def _parts_of(item: Item) -> int:
    return int(item["parts"]["N"]) if "parts" in item else 0


def erase(table: Table, study_id: str, subject: str, at: datetime) -> int:
    """Drop the bodies that are of a subject, now and whenever one comes; count those dropped now.

    A body that is of several subjects goes too. Problem, sender, time and digest stay.
    """
    found = []
    for partition in (study_id, UNKNOWN_STUDY):
        table.put_if_absent(key(keys.erased(partition, subject)) | {"at": text(stamp_text(at))})
        found += [
            (partition, rejected.sha256, len(_parts(rejected.body)))
            for rejected in each(table, partition)
            if rejected.body is not None and is_of(rejected.body, subject)
        ]
    for partition, digest, parts in found:
        _drop(table, partition, digest, parts, at)
    return len(found)


def _drop(table: Table, study_id: str, digest: str, parts: int, at: datetime) -> None:
    where, values = (keys.quarantine(study_id), digest), {":at": text(stamp_text(at))}
    dropped = "SET erased = :at REMOVE parts, body"
    table.write([
        table.update(where, dropped, PRESENT, ExpressionAttributeValues=values),
        *(
            table.update(keys.quarantine_part(study_id, digest, place), "REMOVE body", "")
            for place in range(parts)
        ),
    ])  # fmt: skip


def is_of(body: bytes, subject: str) -> bool:
    """Say whether a body is of a subject: it names it, or, where it cannot be read, mentions it."""
    named_in_it = _named(body)
    if named_in_it is not None:
        return subject in named_in_it
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
    """Say whether a body is of an erased subject: by name where it has names, else by search.

    By name it costs the same however many are erased, and so it does by search: one request, and
    one look through the body for what can be an id.
    """
    subjects = _named(body)
    if subjects is None or len(subjects) > KEYS_A_BATCH:
        mentioned = body.decode(errors="replace")
        gone = (each for each in erased(table, study_id) if each in mentioned)
        return any(is_of(body, subject) for subject in gone)
    wanted = [keys.erased(study_id, each) for each in subjects if is_identifier(each)]
    return any(True for _ in table.get_batch(wanted))


def undefined(table: Table, study_id: str) -> None:
    """Note that something was quarantined of a study that has no definition."""
    table.put_if_absent(key(keys.undefined(known(study_id))))


def undefined_studies(table: Table, after: str, most: int) -> list[str]:
    """Name studies that have no definition and something quarantined, in order."""
    return [item["SK"]["S"] for item in islice(table.query(keys.UNDEFINED, after=after), most)]


def erased(table: Table, study_id: str) -> list[str]:
    """Name the subjects whose bodies are not kept."""
    partition, start = keys.erased(study_id, "")
    return [item["SK"]["S"].removeprefix(start) for item in table.query(partition, start)]


def count(table: Table, study_id: str) -> int:
    """Count what waits: quarantined, and not taken since."""
    return table.count(keys.quarantine(known(study_id)), "attribute_not_exists(settled)")


def resolve(table: Table, study_id: str, digest: str, at: datetime) -> None:
    """Note that a quarantined body was taken after all; it stays where it is."""
    where = keys.quarantine(known(study_id)), digest
    values = {":at": text(stamp_text(at))}
    change = table.update(where, "SET settled = :at", PRESENT, ExpressionAttributeValues=values)
    table.write([change])


def _raw(body: str) -> bytes:
    """Give back the bytes that a text was read from, even where they were no UTF-8."""
    try:
        return body.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return body.encode("utf-8", "surrogatepass")
