"""What could not be accepted, kept with its reason: once per body.

Nobody has looked into these bodies, so they hold personal texts in the clear. Once a subject is
erased, bodies of it are dropped, and those that still come are not kept.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import batched, islice

from trial.errors import Rejected, Unavailable
from trial.events.fields import is_identifier
from trial.events.json_body import read_json
from trial.store import keys
from trial.store.definitions import validated_study_id
from trial.store.rows import Mending, RejectedBody, stamp_text
from trial.store.table import (
    ABSENT,
    KEYS_A_BATCH,
    PRESENT,
    Action,
    Item,
    Table,
    TransactionCancelled,
    binary,
    key,
    key_of,
    number,
    sort_key,
    text,
)

BODY_BYTES = 1_000_000
"""Larger bodies are noted by digest and size alone; no route and no queue takes one."""

UNKNOWN_STUDY = "unknown-study"
"""Where a message is quarantined that names no study."""

_UNSETTLED = f"{PRESENT} AND attribute_not_exists(settled)"
_CLAIMED_FOR = timedelta(minutes=1)
"""For how long a body is claimed whose mending never ended: no call lasts longer."""
_PART_BYTES = 350_000  # of the 400 KB that an item may have
_BATCH_ROWS = 25  # read together: each has its row, and at most three parts of a body


def quarantine_body(
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
    item: Item = key(keys.rejected_body(validated_study_id(study_id), digest)) | {
        "size": number(len(raw)),
        "problem": text(json.dumps(problem, ensure_ascii=False)),
        "who": text(principal),
        "at": text(stamp_text(at)),
        "parts": number(len(parts)),
    }
    first = _put_new(table, item, _part_items(study_id, digest, parts))
    if parts and _is_erased(table, study_id, raw):
        _drop(table, study_id, digest, len(parts), at)
    return first


def _parts(raw: bytes) -> list[bytes]:
    """Divide a body into what an item holds; an empty one has a part too."""
    return [raw[start : start + _PART_BYTES] for start in range(0, max(len(raw), 1), _PART_BYTES)]


def _part_items(study_id: str, digest: str, parts: Iterable[bytes]) -> Iterator[Item]:
    for index, part in enumerate(parts):
        yield key(keys.quarantine_body_part(study_id, digest, index)) | {"body": binary(part)}


def _put_new(table: Table, item: Item, parts: Iterable[Item]) -> bool:
    """Write a row and its body together; say whether there was none before."""
    return _are_written(table, [table.put(item, ABSENT), *map(table.put, parts)])


def rejected_bodies(table: Table, study_id: str, after: str = "") -> Iterator[RejectedBody]:
    """Read what is quarantined, in order of its digests; what comes after one of them."""
    rows = table.query(keys.quarantine_partition(validated_study_id(study_id)), after=after)
    for batch in batched(rows, _BATCH_ROWS, strict=False):
        yield from _with_bodies(table, study_id, batch)


def rejected_bodies_by_digest(
    table: Table, study_id: str, digests: Iterable[str]
) -> Iterator[RejectedBody]:
    """Read some of what is quarantined, in the order of the digests."""
    for batch in batched(digests, _BATCH_ROWS, strict=False):
        row_keys = [keys.rejected_body(validated_study_id(study_id), digest) for digest in batch]
        rows = {sort_key(item): item for item in table.get_batch(row_keys)}
        yield from _with_bodies(
            table, study_id, [rows[digest] for digest in batch if digest in rows]
        )


def received_times(table: Table, study_id: str) -> list[tuple[str, str]]:
    """Return when each body was quarantined, and its digest, in order; no body is read."""
    rows = table.query(keys.quarantine_partition(validated_study_id(study_id)))
    return sorted((item["at"]["S"], sort_key(item)) for item in rows)


def _with_bodies(table: Table, study_id: str, rows: Iterable[Item]) -> Iterator[RejectedBody]:
    rows = list(rows)
    part_keys = {
        sort_key(item): [
            keys.quarantine_body_part(study_id, sort_key(item), number)
            for number in range(_part_count(item))
        ]
        for item in rows
    }
    items = table.get_batch([part_key for listed in part_keys.values() for part_key in listed])
    contents = {key_of(item): item["body"]["B"] for item in items if "body" in item}
    for item in rows:
        parts = [contents.get(part_key) for part_key in part_keys[sort_key(item)]]
        joined = b"".join(filter(None, parts)) if parts and None not in parts else None
        yield RejectedBody(
            sha256=sort_key(item),
            size=int(item["size"]["N"]),
            body=item["body"]["B"] if "body" in item else joined,  # earlier releases had it there
            problem=json.loads(item["problem"]["S"]),
            principal=item["who"]["S"],
            at=item["at"]["S"],
            resolved=item.get("settled", {}).get("S", ""),
            erased=item.get("erased", {}).get("S", ""),
            mending=_read_mending(item),
        )


def _part_count(item: Item) -> int:
    return int(item["parts"]["N"]) if "parts" in item else 0


def erase_subject(table: Table, study_id: str, subject: str, at: datetime) -> int:
    """Drop the bodies that are of a subject, now and whenever one comes; count those dropped now.

    A body that is of several subjects goes too. Problem, sender, time and digest stay.
    """
    bodies = []
    for name in (study_id, UNKNOWN_STUDY):
        table.put_if_absent(key(keys.erasure(name, subject)) | {"at": text(stamp_text(at))})
        bodies += [
            (name, rejected.sha256, len(_parts(rejected.body)))
            for rejected in rejected_bodies(table, name)
            if rejected.body is not None and is_of(rejected.body, subject)
        ]
    for name, digest, parts in bodies:
        _drop(table, name, digest, parts, at)
    return len(bodies)


def _drop(table: Table, study_id: str, digest: str, parts: int, at: datetime) -> None:
    row_key, values = keys.rejected_body(study_id, digest), {":at": text(stamp_text(at))}
    expression = "SET erased = :at REMOVE parts, body"
    table.write([
        table.update(row_key, expression, PRESENT, ExpressionAttributeValues=values),
        *(
            table.update(keys.quarantine_body_part(study_id, digest, number), "REMOVE body", "")
            for number in range(parts)
        ),
    ])  # fmt: skip


def is_of(body: bytes, subject: str) -> bool:
    """Return whether a body is of a subject: names it or, where it cannot be read, mentions it."""
    subjects = _named_subjects(body)
    if subjects is not None:
        return subject in subjects
    mention = rf"(?<![A-Za-z0-9]){re.escape(subject)}(?![A-Za-z0-9])"
    return re.search(mention, body.decode(errors="replace")) is not None


def _named_subjects(body: bytes) -> set[str] | None:
    """Return the subjects that a body names; None where it does not name one for every event."""
    try:
        value = read_json(body)
    except Rejected:
        return None
    events = value if isinstance(value, list) else [value]
    subject_values = [event.get("subject") if isinstance(event, dict) else None for event in events]
    subjects = {subject for subject in subject_values if isinstance(subject, str)}
    return subjects if all(isinstance(subject, str) for subject in subject_values) else None


def _is_erased(table: Table, study_id: str, body: bytes) -> bool:
    """Return whether a body is of an erased subject: by name where it has names, else by search.

    By name it costs the same however many are erased, and so it does by search: one request, and
    one look through the body for what can be an id.
    """
    subjects = _named_subjects(body)
    if subjects is None or len(subjects) > KEYS_A_BATCH:
        body_text = body.decode(errors="replace")
        mentioned = (
            subject for subject in erased_subjects(table, study_id) if subject in body_text
        )
        return any(is_of(body, subject) for subject in mentioned)
    erasures = [keys.erasure(study_id, subject) for subject in subjects if is_identifier(subject)]
    return any(True for _ in table.get_batch(erasures))


def note_undefined_study(table: Table, study_id: str) -> None:
    """Note that something was quarantined of a study that has no definition."""
    table.put_if_absent(key(keys.undefined_study(validated_study_id(study_id))))


def undefined_studies(table: Table, after: str, limit: int) -> list[str]:
    """List the studies that have no definition and something quarantined, in order."""
    return [sort_key(item) for item in islice(table.query(keys.UNDEFINED, after=after), limit)]


def erased_subjects(table: Table, study_id: str) -> list[str]:
    """List the subjects whose bodies are not kept."""
    erasures = table.query(*keys.erasure_prefix(study_id))
    return [keys.erased_subject(sort_key(item)) for item in erasures]


def count_unresolved(table: Table, study_id: str) -> int:
    """Count what is quarantined and has not been accepted since."""
    return table.count(
        keys.quarantine_partition(validated_study_id(study_id)), "attribute_not_exists(settled)"
    )


def claim(table: Table, study_id: str, digest: str, at: datetime) -> str:
    """Note that somebody mends a quarantined body, so that nobody else does at the same time.

    Returns the claim, which no other equals: one that replaces it is later by `_CLAIMED_FOR`.
    Raises `Rejected` (409) where somebody does, or where the body was accepted.
    """
    row_key = keys.rejected_body(validated_study_id(study_id), digest)
    earlier = (table.get(row_key) or {}).get("claimed", {}).get("S", "")
    values = {":at": text(stamp_text(at))} | ({":earlier": text(earlier)} if earlier else {})
    unclaimed = "claimed = :earlier" if earlier else "attribute_not_exists(claimed)"
    change = table.update(
        row_key,
        "SET claimed = :at",
        f"{_UNSETTLED} AND {unclaimed}",
        ExpressionAttributeValues=values,
    )
    if earlier > stamp_text(at - _CLAIMED_FOR) or not _are_written(table, [change]):
        detail = (
            "Somebody else mends it at this moment, or it was accepted since: nothing of this is"
            " recorded. List the refused events again in a minute."
        )
        raise Rejected(409, "Being mended", detail)
    return stamp_text(at)


def release(table: Table, study_id: str, digest: str, claimed: str) -> None:
    """End a claim of a body, which waits on; not that of whoever has claimed it since."""
    row_key = keys.rejected_body(validated_study_id(study_id), digest)
    condition, values = f"{_UNSETTLED} AND claimed = :claim", {":claim": text(claimed)}
    change = table.update(row_key, "REMOVE claimed", condition, ExpressionAttributeValues=values)
    _are_written(table, [change])


def _are_written(table: Table, changes: Sequence[Action]) -> bool:
    """Write changes together; say whether what they depend on was so."""
    try:
        table.write(changes)
    except TransactionCancelled as cancelled:
        if "ConditionalCheckFailed" in cancelled.codes:
            return False
        raise Unavailable("the quarantine is being written to") from cancelled
    return True


def resolve(
    table: Table, study_id: str, digest: str, at: datetime, mending: Mending | None = None
) -> bool:
    """Note that a quarantined body was accepted after all, as it is or mended; it stays there.

    Of several the first is noted. Returns whether this was.
    """
    row_key = keys.rejected_body(validated_study_id(study_id), digest)
    expression, values = "SET settled = :at", {":at": text(stamp_text(at))}
    if mending is not None:
        expression += ", mending = :mending"
        values[":mending"] = text(json.dumps(vars(mending), ensure_ascii=False))
    change = table.update(row_key, expression, _UNSETTLED, ExpressionAttributeValues=values)
    return _are_written(table, [change])


def _read_mending(item: Item) -> Mending | None:
    return Mending(**json.loads(item["mending"]["S"])) if "mending" in item else None


def _raw(body: str) -> bytes:
    """Return the bytes that a text was read from, even where they were no UTF-8."""
    try:
        return body.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return body.encode("utf-8", "surrogatepass")
