"""Subjects as bytes: lossless, and small, for capacity is billed by the kilobyte.

The same records give the same bytes whatever order their events came in. They are
grouped by their fields and written column by column, for deflate to find the likeness. A digest
is left out where the record itself gives it again, which is wherever nothing was corrected;
the others follow the deflated text as they are.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from json import JSONEncoder
from operator import attrgetter
from typing import Any

from trial.events.json_body import DIGEST_BYTES, canonical, digest, integer
from trial.store.encoding.deflate import deflate, inflate
from trial.store.encoding.dictionary import RECORDS_1
from trial.subject.fold import Key, Record, Subject

FORMAT = 1

_CONSTANT, _FIELDS, _POSITIONS = "=", "{", "["
_READER = json.JSONDecoder(parse_float=Decimal, parse_int=integer)  # of what is written here
_JSON = JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


_Shape = tuple[str, bool, tuple[str, ...]]
"""What records that are written together share: kind, whether they are plain, and fields."""


@dataclass(frozen=True, eq=False, slots=True)
class _Group:
    """Records that were read together, as the text they were read from."""

    text: str
    size: int
    shape: _Shape


_Member = tuple[Record, _Group | None]
"""A record to be written, and the group it was read with if it has not changed since."""


class Derived(Mapping[int, bytes]):
    """The digest of a record never corrected, made anew when it is asked for."""

    __slots__ = ("_group", "_record")

    def __init__(self, record: Record, group: "_Group") -> None:
        self._record = record
        self._group = group

    def group_of(self, record: Record) -> "_Group | None":
        """Give the group that a record was read with; None where it has changed since."""
        return self._group if record is self._record else None

    def __getitem__(self, revision: int) -> bytes:
        if revision != 1:
            raise KeyError(revision)
        return _digest_of(self._record)

    def __iter__(self) -> Iterator[int]:
        return iter((1,))

    def __len__(self) -> int:
        return 1


def since(subject: Subject, older: Subject) -> Subject:
    """Give what changed since: whole records, with the digests that are new and their own.

    Whoever decodes it over `older` has the subject again. It is the object of its digests by which
    a record is known to be as it was: every change makes another.
    """
    if not older.digests:
        return subject
    records: dict[Key, Record] = {}
    seen: dict[Key, Mapping[int, bytes]] = {}
    for key, digests in subject.digests.items():
        before = older.digests.get(key, {})
        if digests is before:
            continue
        record = records[key] = subject.records[key]
        own = {each: digest for each, digest in digests.items() if each not in before}
        seen[key] = own | {record.revision: digests[record.revision]} if before else digests
    return Subject(subject.id, records, seen)


def encode(subject: Subject) -> bytes:
    """Write a subject's records and the digests of all revisions seen."""
    groups: dict[_Shape, list[_Member]] = {}
    for key, record in subject.records.items():
        seen = subject.digests[key]
        group = seen.group_of(record) if isinstance(seen, Derived) else None
        shape = (
            group.shape
            if group is not None
            else _shape(record.kind, record.data, plain=_plain(record, seen))
        )
        groups.setdefault(shape, []).append((record, group))
    texts, digests = [], bytearray()
    for shape, members in sorted(groups.items()):
        text, own = _as_read(members), b""
        if text is None:
            text, own = _written(shape, [record for record, _ in members], subject.digests)
        texts.append(text)
        digests += own
    return deflate(f"[{','.join(texts)}]", RECORDS_1) + digests


def _as_read(members: list[_Member]) -> str | None:
    """Give a group's text as it was read, if it is the very same records: most are, every time."""
    _, first = members[0]
    if first is None or first.size != len(members):
        return None
    return first.text if all(group is first for _, group in members) else None


def _written(
    shape: _Shape, records: list[Record], seen: Mapping[Key, Mapping[int, bytes]]
) -> tuple[str, bytes]:
    """Write a group anew, and the digests that are kept of it."""
    records.sort(key=attrgetter("record"))
    kind, plain, _ = shape
    ids = [record.record for record in records]
    group: list[Any] = [kind, ids, _column([record.data for record in records])]
    if plain:
        return _text(group), b""
    revisions = [sorted(seen[kind, each].items()) for each in ids]
    states = zip(records, revisions, strict=True)
    group.append([[each.void, [revision for revision, _ in of]] for each, of in states])
    return _text(group), b"".join(digest for of in revisions for _, digest in of)


def decode(older: Subject, *bodies: bytes) -> Subject:
    """Read records over older ones, in the order in which they were written."""
    records, seen = dict(older.records), dict(older.digests)
    for body in bodies:
        for key, record, digests in _records(body):
            records[key] = record
            seen[key] = {**seen[key], **digests} if key in seen else digests
    return Subject(older.id, records, seen)


def length(body: bytes) -> int:
    """Say how long the text is that stands for a body's records."""
    return len(inflate(body, RECORDS_1)[0])


def _records(body: bytes) -> Iterator[tuple[Key, Record, Mapping[int, bytes]]]:
    text, digests = inflate(body, RECORDS_1)
    at = 0
    for (kind, ids, column, *states), group_text in _groups(text):
        values = _values(column, len(ids))
        if not states:
            group = _Group(group_text, len(ids), _shape(kind, values[0], plain=True))
            for name, data in zip(ids, values, strict=True):
                record = Record(kind, name, 1, False, data)  # noqa: FBT003 (void: it is not)
                yield (kind, name), record, Derived(record, group)
            continue
        for name, data, (void, revisions) in zip(ids, values, states[0], strict=True):
            end = at + DIGEST_BYTES * len(revisions)
            cut = range(at, end, DIGEST_BYTES)
            own = {
                revision: digests[start : start + DIGEST_BYTES]
                for revision, start in zip(revisions, cut, strict=True)
            }
            yield (kind, name), Record(kind, name, revisions[-1], void, data), own
            at = end


def _groups(text: str) -> Iterator[tuple[list[Any], str]]:
    """Take the groups apart: each one's value, and its text as it was written by `encode`."""
    start = 1
    while start < len(text) - 1:
        value, end = _READER.raw_decode(text, start)
        yield value, text[start:end]
        start = end + 1


def _digest_of(record: Record) -> bytes:
    """Give the digest that `envelope.parse` gave an entry of revision 1 without a reason."""
    return digest(
        {
            "kind": record.kind,
            "record": record.record,
            "revision": 1,
            "action": "record",
            "reason": None,
            "data": record.data,
        }
    )


def _shape(kind: str, data: Mapping[str, Any], *, plain: bool) -> _Shape:
    return kind, plain, tuple(sorted(data))


def _plain(record: Record, seen: Mapping[int, bytes]) -> bool:
    if isinstance(seen, Derived):
        return True
    return len(seen) == 1 and not record.void and seen.get(1) == _digest_of(record)


def _column(values: list[Any]) -> Any:  # noqa: ANN401 (JSON)
    """Turn values of one place around: a list of them, or an object of one member that says how."""
    first = values[0]
    kinds = set(map(type, values))
    if len(values) == 1 or len(kinds) > 1:
        return values
    if isinstance(first, dict):
        if all(each.keys() == first.keys() for each in values):
            return {_FIELDS: {name: _column([each[name] for each in values]) for name in first}}
    elif isinstance(first, list):
        if all(len(each) == len(first) for each in values):
            columns = zip(*values, strict=True)
            return {_POSITIONS: [_column(list(column)) for column in columns]}
    elif values.count(first) == len(values) and (
        not isinstance(first, Decimal) or len(set(map(str, values))) == 1
    ):
        return {_CONSTANT: first}
    return values


def _values(column: Any, n: int) -> list[Any]:  # noqa: ANN401 (JSON)
    if isinstance(column, list):
        return column
    ((how, inner),) = column.items()
    if how == _CONSTANT:
        return [inner] * n
    if how == _FIELDS:
        fields = {name: _values(each, n) for name, each in inner.items()}
        return [{name: each[i] for name, each in fields.items()} for i in range(n)]
    positions = [_values(each, n) for each in inner]
    return [[each[i] for each in positions] for i in range(n)]


def _text(group: list[Any]) -> str:
    try:
        return _JSON.encode(group)
    except TypeError:  # it holds a Decimal, which only the slower way writes as it was written
        return canonical(group)
