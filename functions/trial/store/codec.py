"""Subjects and shares as bytes: lossless, and small, for capacity is billed by the kilobyte.

The same records give the same bytes whatever order their events came in. They are
grouped by their fields and written column by column, for deflate to find the likeness. A digest
is left out where the record itself gives it again, which is wherever nothing was corrected;
the others follow the deflated text as they are. Of moments (n 1, sum x, squares x*x) x suffices.
"""

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from json import JSONEncoder
from typing import Any

from trial.cells import Cells, Share
from trial.messages import DIGEST_BYTES, canonical, digest, integer
from trial.store.dictionary import RECORDS_1, SHARES_1
from trial.subject import Key, Record, Subject

FORMAT = 1

_CONSTANT, _FIELDS, _POSITIONS = "=", "{", "["
_READER = json.JSONDecoder(parse_float=Decimal, parse_int=integer)  # of what is written here
_JSON = JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
_WINDOW, _MEMORY, _LEVEL = 14, 9, 9  # the dictionary and a subject's text fit into 16 KB

_ROW, _CELL, _VALUE, _MOMENTS = "\n", "\t", "\f", "\v"
_SPECIAL = re.compile(r"[\\\n\t\f\v]")
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\f": "\\f", "\v": "\\v"}
_MEANT = {escaped[1]: character for character, escaped in _ESCAPES.items()}


@dataclass(frozen=True, eq=False, slots=True)
class _Group:
    """Records that were read together, as the text they were read from."""

    text: str
    size: int


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
    if not older.seen:
        return subject
    records: dict[Key, Record] = {}
    seen: dict[Key, Mapping[int, bytes]] = {}
    for key, digests in subject.seen.items():
        before = older.seen.get(key, {})
        if digests is before:
            continue
        record = records[key] = subject.records[key]
        own = {each: digest for each, digest in digests.items() if each not in before}
        seen[key] = own | {record.revision: digests[record.revision]} if before else digests
    return Subject(subject.id, records, seen)


def encode(subject: Subject) -> bytes:
    """Write a subject's records and the digests of all revisions seen."""
    groups: dict[tuple[str, bool, tuple[str, ...]], list[Record]] = {}
    for key, record in sorted(subject.records.items()):
        plain = _plain(record, subject.seen[key])
        groups.setdefault((record.kind, plain, tuple(sorted(record.data))), []).append(record)
    texts, digests = [], bytearray()
    for (kind, plain, _), records in sorted(groups.items()):
        if plain and (unchanged := _as_read(subject, records)) is not None:
            texts.append(unchanged)
            continue
        ids = [record.record for record in records]
        group: list[Any] = [kind, ids, _column([record.data for record in records])]
        if not plain:
            seen = [sorted(subject.seen[kind, each].items()) for each in ids]
            states = zip(records, seen, strict=True)
            group.append([[each.void, [revision for revision, _ in of]] for each, of in states])
            digests += b"".join(digest for of in seen for _, digest in of)
        texts.append(_text(group))
    return _deflate(f"[{','.join(texts)}]", RECORDS_1) + digests


def decode(older: Subject, *bodies: bytes) -> Subject:
    """Read records over older ones, in the order in which they were written."""
    records, seen = dict(older.records), dict(older.seen)
    for body in bodies:
        for key, record, digests in _records(body):
            records[key] = record
            seen[key] = {**seen[key], **digests} if key in seen else digests
    return Subject(older.id, records, seen)


def length(body: bytes) -> int:
    """Say how long the text is that stands for a body's records."""
    return len(_inflate(body, RECORDS_1)[0])


def _records(body: bytes) -> Iterator[tuple[Key, Record, Mapping[int, bytes]]]:
    text, digests = _inflate(body, RECORDS_1)
    at = 0
    for (kind, ids, column, *states), group_text in _groups(text):
        group = _Group(group_text, len(ids))
        for i, (name, data) in enumerate(zip(ids, _values(column, len(ids)), strict=True)):
            key = kind, name
            if not states:
                record = Record(kind, name, 1, void=False, data=data)
                yield key, record, Derived(record, group)
                continue
            void, revisions = states[0][i]
            end = at + DIGEST_BYTES * len(revisions)
            cut = range(at, end, DIGEST_BYTES)
            own = {
                revision: digests[start : start + DIGEST_BYTES]
                for revision, start in zip(revisions, cut, strict=True)
            }
            yield key, Record(kind, name, revisions[-1], void, data), own
            at = end


def _groups(text: str) -> Iterator[tuple[list[Any], str]]:
    """Take the groups apart: each one's value, and its text as it was written by `encode`."""
    start = 1
    while start < len(text) - 1:
        value, end = _READER.raw_decode(text, start)
        yield value, text[start:end]
        start = end + 1


def _as_read(subject: Subject, records: list[Record]) -> str | None:
    """Give a group's text as it was read, if it is the very same records: most are, every time."""
    first: _Group | None = None
    for record in records:
        seen = subject.seen[record.kind, record.record]
        group = seen.group_of(record) if isinstance(seen, Derived) else None
        if group is None or (first is not None and group is not first):
            return None
        first = group
    return first.text if first is not None and first.size == len(records) else None


def encode_share(share: Share, version: int) -> bytes:
    """Write a share and the version of the subject it was computed at."""
    rows = (_CELL.join([_escaped(row), *_cells(share[row])]) for row in sorted(share))
    return _deflate(_ROW.join([str(version), *rows]), SHARES_1)


def decode_share(body: bytes) -> tuple[Share, int]:
    """Read a share and the version of the subject it was computed at."""
    text, _ = _inflate(body, SHARES_1)
    version, *rows = text.split(_ROW)
    share: Share = {}
    for row in rows:
        name, *cells = row.split(_CELL)
        share[_meant(name)] = _read_cells(cells)
    return share, int(version)


def _digest_of(record: Record) -> bytes:
    """Give the digest that `messages.parse` gave an entry of revision 1 without a reason."""
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
    elif all(each == first for each in values) and (
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


def _cells(cells: Cells) -> Iterator[str]:
    moments = {name[:-2] for name in cells if name.endswith(".q") and _is_moments(cells, name[:-2])}
    for name in sorted(cells):
        stem, end = name[:-2], name[-2:]
        if stem not in moments or end not in {".n", ".s", ".q"}:
            value = "" if cells[name] == 1 else f"{_VALUE}{cells[name]}"
            yield f"{_escaped(name)}{value}"
        elif end == ".s":
            yield f"{_escaped(stem)}{_MOMENTS}{cells[name]}"


def _is_moments(cells: Cells, stem: str) -> bool:
    x = cells.get(f"{stem}.s")
    return x is not None and cells.get(f"{stem}.n") == 1 and cells[f"{stem}.q"] == x * x


def _read_cells(texts: list[str]) -> Cells:
    cells: Cells = {}
    for text in texts:
        if _MOMENTS in text:
            stem, _, value = text.partition(_MOMENTS)
            x = int(value)
            cells |= {f"{_meant(stem)}.n": 1, f"{_meant(stem)}.s": x, f"{_meant(stem)}.q": x * x}
        else:
            name, _, value = text.partition(_VALUE)
            cells[_meant(name)] = int(value or 1)
    return cells


def _escaped(name: str) -> str:
    if name.isprintable() and "\\" not in name:
        return name
    return _SPECIAL.sub(lambda match: _ESCAPES[match[0]], name)


def _meant(name: str) -> str:
    return _ESCAPED.sub(lambda match: _MEANT[match[1]], name) if "\\" in name else name


def _deflate(text: str, dictionary: bytes) -> bytes:
    deflate = zlib.compressobj(
        _LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, dictionary
    )
    return deflate.compress(text.encode()) + deflate.flush()


def _inflate(body: bytes, dictionary: bytes) -> tuple[str, bytes]:
    """Give the text and what follows it; zlib refuses a wrong dictionary and damaged bytes."""
    inflate = zlib.decompressobj(zdict=dictionary)
    text = inflate.decompress(body) + inflate.flush()
    return text.decode(), inflate.unused_data
