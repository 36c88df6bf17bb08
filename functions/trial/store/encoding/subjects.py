"""Subjects as bytes: lossless, and small, for capacity is billed by the kilobyte.

The same records give the same bytes whatever order their events came in. Records of one kind and
the same fields make a group, which is written column by column: values of one field then stand
side by side, where deflate finds what they have in common. A column of equal values is written
once, and one of objects or of lists of equal length is divided into columns again.

A record that was never corrected or voided is `plain`: it is at revision 1, and the digest of what
was received can be computed from it, so none is stored. The digests of all other records follow
the deflated text as they are, in the order of their records: they would not deflate.

An event changes few of a subject's records. So a group that was read keeps its text, and is
written by it while it holds the very same records: only groups that changed are encoded anew.
"""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from json import JSONEncoder
from operator import attrgetter
from typing import Any

from trial.deferred import dataclass
from trial.events.json_body import DIGEST_BYTES, canonical, digest, integer
from trial.store.encoding.deflate import deflate, inflate
from trial.store.encoding.dictionary import RECORDS_1
from trial.subject.fold import Key, Record, Subject

FORMAT = 1

_CONSTANT, _FIELDS, _POSITIONS = "=", "{", "["
_READER = json.JSONDecoder(parse_float=Decimal, parse_int=integer)  # of what `encode` writes
_JSON = JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


_Shape = tuple[str, bool, tuple[str, ...]]
"""What the records of a group share: kind, whether they are plain, and field names."""


@dataclass(frozen=True, eq=False, slots=True)
class _Group:
    """Records that were read together, as the text they were read from."""

    text: str
    size: int
    shape: _Shape


_Member = tuple[Record, _Group | None]
"""A record to be written, and the group it was read with if it has not changed since."""


class Derived(Mapping[int, bytes]):
    """The digests of a plain record: its one digest is computed when it is asked for.

    It also remembers the group that its record was read with. As every change of a record makes
    new digests, its identity tells `encode` and `since` that nothing has changed.
    """

    __slots__ = ("_group", "_record")

    def __init__(self, record: Record, group: "_Group") -> None:
        self._record = record
        self._group = group

    def group_of(self, record: Record) -> "_Group | None":
        """Return the group that a record was read with; None where it has changed since."""
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
    """Return what changed since: whole records, with the digests that are new and their own.

    Whoever decodes it over `older` has the subject again. A record is known to be unchanged by the
    identity of its digests, not by comparing it: every change makes another object of them.
    """
    if not older.digests:
        return subject
    records: dict[Key, Record] = {}
    new_digests: dict[Key, Mapping[int, bytes]] = {}
    for key, digests in subject.digests.items():
        before = older.digests.get(key, {})
        if digests is before:
            continue
        record = records[key] = subject.records[key]
        added = {revision: digest for revision, digest in digests.items() if revision not in before}
        # The current revision's digest comes along even where it is not new, as after an older
        # revision that arrived late: `decode` takes the last of them for the record's revision.
        current = {record.revision: digests[record.revision]}
        new_digests[key] = added | current if before else digests
    return Subject(subject.id, records, new_digests)


def encode(subject: Subject) -> bytes:
    """Write a subject's records, and the digests that cannot be computed from them."""
    groups: dict[_Shape, list[_Member]] = {}
    for key, record in subject.records.items():
        record_digests = subject.digests[key]
        group = record_digests.group_of(record) if isinstance(record_digests, Derived) else None
        shape = (
            group.shape
            if group is not None
            else _shape(record.kind, record.data, plain=_is_plain(record, record_digests))
        )
        groups.setdefault(shape, []).append((record, group))
    texts, digests = [], bytearray()
    for shape, members in sorted(groups.items()):
        text, group_digests = _unchanged_text(members), b""
        if text is None:
            group_records = [record for record, _ in members]
            text, group_digests = _encode_group(shape, group_records, subject.digests)
        # Digests are random: among the text they would only break its repetitions for deflate.
        texts.append(text)
        digests += group_digests
    return deflate(f"[{','.join(texts)}]", RECORDS_1) + digests


def _unchanged_text(members: list[_Member]) -> str | None:
    """Return a group's text as it was read, if it still has the very same records: most have."""
    _, first = members[0]
    if first is None or first.size != len(members):
        return None
    return first.text if all(group is first for _, group in members) else None


def _encode_group(
    shape: _Shape, records: list[Record], digests: Mapping[Key, Mapping[int, bytes]]
) -> tuple[str, bytes]:
    """Write a group anew, and the digests that are stored of it."""
    # By id and not by arrival: the same records are the same bytes in whatever order they came.
    records.sort(key=attrgetter("record"))
    kind, plain, _ = shape
    ids = [record.record for record in records]
    group: list[Any] = [kind, ids, _column([record.data for record in records])]
    if plain:
        return _text(group), b""
    revisions = [sorted(digests[kind, record_id].items()) for record_id in ids]
    states = zip(records, revisions, strict=True)
    group.append([[record.void, [number for number, _ in numbered]] for record, numbered in states])
    return _text(group), b"".join(digest for numbered in revisions for _, digest in numbered)


def decode(older: Subject, *bodies: bytes) -> Subject:
    """Read records over older ones, in the order in which they were written."""
    records, all_digests = dict(older.records), dict(older.digests)
    for body in bodies:
        for key, record, digests in _decode_records(body):
            records[key] = record
            # A later body holds only the digests that are new; those of older revisions stay known,
            # or a late repeat of one of them would look like another content of its revision.
            before = all_digests.get(key)
            all_digests[key] = {**before, **digests} if before is not None else digests
    return Subject(older.id, records, all_digests)


def length(body: bytes) -> int:
    """Return how long the text of a body's records is."""
    return len(inflate(body, RECORDS_1)[0])


def _decode_records(body: bytes) -> Iterator[tuple[Key, Record, Mapping[int, bytes]]]:
    text, digests = inflate(body, RECORDS_1)
    start = 0
    for (kind, ids, column, *states), group_text in _groups(text):
        values = _values(column, len(ids))
        if not states:
            group = _Group(group_text, len(ids), _shape(kind, values[0], plain=True))
            for name, data in zip(ids, values, strict=True):
                record = Record(kind, name, 1, False, data)  # noqa: FBT003 (void: it is not)
                yield (kind, name), record, Derived(record, group)
            continue
        for name, data, (void, revisions) in zip(ids, values, states[0], strict=True):
            end = start + DIGEST_BYTES * len(revisions)
            offsets = range(start, end, DIGEST_BYTES)
            record_digests = {
                revision: digests[offset : offset + DIGEST_BYTES]
                for revision, offset in zip(revisions, offsets, strict=True)
            }
            yield (kind, name), Record(kind, name, revisions[-1], void, data), record_digests
            start = end


def _groups(text: str) -> Iterator[tuple[list[Any], str]]:
    """Return each group's value, and its text as `encode` wrote it."""
    start = 1
    # Parsed group by group, for a group's own text is what `encode` writes again.
    while start < len(text) - 1:
        value, end = _READER.raw_decode(text, start)
        yield value, text[start:end]
        start = end + 1


def _digest_of(record: Record) -> bytes:
    """Return the digest that `envelope.parse` gives an entry of revision 1 without a reason."""
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


def _is_plain(record: Record, digests: Mapping[int, bytes]) -> bool:
    if isinstance(digests, Derived):
        return True
    return len(digests) == 1 and not record.void and digests.get(1) == _digest_of(record)


def _column(values: list[Any]) -> Any:  # noqa: ANN401 (JSON)
    """Write a field's values as a column: a list, or an object of one member that names its form.

    Only values of one type are put together. Equal decimals must also be written equally: 1.0 and
    1.00 are equal, and must be read back as they were.
    """
    # Types are compared, not values: True equals 1, and would be read back as it.
    first = values[0]
    kinds = set(map(type, values))
    if len(values) == 1 or len(kinds) > 1:
        return values
    if isinstance(first, dict):
        if all(value.keys() == first.keys() for value in values):
            return {_FIELDS: {name: _column([value[name] for value in values]) for name in first}}
    elif isinstance(first, list):
        if all(len(value) == len(first) for value in values):
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
    ((form, content),) = column.items()
    if form == _CONSTANT:
        return [content] * n
    if form == _FIELDS:
        fields = {name: _values(inner, n) for name, inner in content.items()}
        return [{name: values[i] for name, values in fields.items()} for i in range(n)]
    positions = [_values(inner, n) for inner in content]
    return [[values[i] for values in positions] for i in range(n)]


def _text(group: list[Any]) -> str:
    try:
        return _JSON.encode(group)
    except TypeError:  # it holds a Decimal, which only the slower `canonical` writes
        return canonical(group)
