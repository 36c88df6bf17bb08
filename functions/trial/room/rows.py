"""The rows of a listing as they were published: chosen, sorted and paged without a database.

A published data set holds every row of a listing, and is never more than a publication behind.
Rows as they stand are read a page at a time, however many there are. To filter or sort them all are
read, so a filter finds what it finds among all rows and not among those of a page.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from operator import itemgetter
from typing import Any

import wiring
from trial.definition.study import Study
from trial.errors import Rejected

type Row = list[Any]

_KEPT, _CHOICES = 2, 4
"""How many data sets, and choices of their rows, a process keeps: for who turns pages."""
_AT_ONCE = 20_000
"""How many rows are parsed together."""
_PART, _SAMPLE = 262_144, 200
"""How many bytes are read for a page, and how many rows tell how long they are."""
MOST_BYTES = 60_000_000
"""How long a data set may be that is filtered or sorted."""
_FLOAT_DIGITS = 15
"""A number of at most so many characters is told from any other such by its float."""
NUMBERS = ("integer", "decimal")


@dataclass(frozen=True)
class DataColumn:
    """A column of a data set: its variable, what it is called, its type."""

    name: str
    label: str
    kind: str

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers."""
        return self.kind in NUMBERS


@dataclass(frozen=True)
class Source:
    """A published data set: which file, and which version of it, which never changes."""

    study: str
    audience: str
    file: str
    version: str

    def read(self, part: tuple[int, int] | None = None) -> bytes:
        """Read it, or a part by its first byte and its length; raises `Rejected` (404)."""
        content = wiring.documents().read_live(
            self.study, self.audience, self.file, self.version, part
        )
        if content is None and part is None:
            raise _not_published()
        return content or b""


@dataclass(frozen=True)
class Head:
    """What the first line of a data set says: its columns, and how many rows follow."""

    columns: tuple[DataColumn, ...]
    records: int
    length: int
    """Of the line, in bytes."""

    def position(self, name: str) -> int:
        """Return where a column stands; raises `Rejected` (422) for one that is not there."""
        for number, column in enumerate(self.columns):
            if column.name == name:
                return number
        names = ", ".join(column.name for column in self.columns)
        raise Rejected(422, "No such column", f"The listing has no column {name}, but: {names}.")


@dataclass(frozen=True)
class Dataset:
    """A data set read whole: its head, and its rows as lines of JSON."""

    head: Head
    lines: tuple[bytes, ...]

    @classmethod
    def read(cls, content: bytes) -> "Dataset":
        """Read what its first line says of it, and keep the others as they are."""
        first, *lines = content.split(b"\n")
        return cls(read_head(first), tuple(filter(None, lines)))


def read_head(line: bytes) -> Head:
    """Read the first line of a data set."""
    value = json.loads(line)
    columns = tuple(
        DataColumn(column["name"], column["label"], column["dataType"])
        for column in value["columns"]
    )
    return Head(columns, value["records"], len(line) + 1)


@dataclass(frozen=True)
class Page:
    """Some rows as they stand; `next_start` is the byte at which those after them begin, or 0."""

    rows: list[Row]
    next_start: int


@dataclass(frozen=True)
class Filter:
    """A condition on a column: how its value compares with a text."""

    column: str
    how: str
    value: str


COMPARISONS: Mapping[str, str] = {
    "contains": "contains",
    "is": "is",
    "is-not": "is not",
    "from": "is at least",
    "to": "is at most",
    "blank": "is blank",
}
"""How a filter can compare, and what it is called."""


@dataclass(frozen=True)
class Selection:
    """Which rows are shown, and in which order: by the column `sort`, after a `-` downwards."""

    anywhere: str = ""
    filters: tuple[Filter, ...] = ()
    sort: str = ""

    @property
    def is_everything(self) -> bool:
        """Whether all rows are shown as they stand."""
        return not (self.anywhere or self.filters or self.sort)


def publication(view: Study) -> Mapping[str, Any]:
    """Return what the last publication to this audience was; raises `Rejected` (404)."""
    latest = wiring.documents().latest(view.id, view.audience).document
    if latest is None:
        detail = "No documents of the study are published yet: the listings come with the first."
        raise Rejected(404, "Not published yet", detail)
    return latest


def source(view: Study, latest: Mapping[str, Any], name: str) -> Source:
    """Return a data set of a publication; raises `Rejected` (404) where it has none such."""
    file = f"datasets/{name}.ndjson"
    if not (version := latest["files"].get(file, "")):
        raise _not_published()
    return Source(view.id, view.audience, file, version)


def _not_published() -> Rejected:
    detail = "It comes with the next publication, which follows within a minute of an event."
    return Rejected(404, "Listing not published yet", detail)


@lru_cache(maxsize=256)
def head(of: Source) -> Head:
    """Return the head of a data set."""
    length = _PART
    while True:
        content = of.read((0, length))
        line, ended, _ = content.partition(b"\n")
        if ended or len(content) < length:
            if not line:
                raise _not_published()
            return read_head(line)
        length *= 4


def page_from(of: Source, start: int, count: int) -> Page:
    """Return so many rows that begin at a byte, or at the first where that is none of theirs."""
    start = max(start, head(of).length)
    length = _PART
    while True:
        content = of.read((start, length))
        lines = content.split(b"\n")[:-1][:count]  # the last is cut off, or nothing
        taken = sum(len(line) + 1 for line in lines)
        # What ends with the last row of the page does not tell whether another follows.
        if (len(lines) == count and taken < len(content)) or len(content) < length:
            break
        length *= 4
    more = taken < len(content)
    return Page([json.loads(line) for line in lines], start + taken if more else 0)


def whole(of: Source) -> Dataset:
    """Return all rows of a data set; raises `Rejected` (422) where they are too many for that."""
    header, sample = head(of), page_from(of, 0, _SAMPLE).rows
    row_bytes = sum(len(json.dumps(row)) for row in sample) // max(len(sample), 1)
    if header.records * row_bytes > MOST_BYTES:
        detail = (
            f"The listing has {header.records:,} rows: too many to be filtered or sorted here. Turn"
            " its pages, take it whole as Dataset-JSON, or see a subject's own page."
        )
        raise Rejected(422, "Too many rows", detail)
    return _whole(of)


@lru_cache(maxsize=_KEPT)
def _whole(of: Source) -> Dataset:
    return Dataset.read(of.read())


@lru_cache(maxsize=_CHOICES)
def chosen(of: Source, selection: Selection) -> Sequence[bytes]:
    """Return the rows of a data set that a selection shows, as lines; kept, to turn their pages."""
    return select(whole(of), selection)


def select(data: Dataset, selection: Selection) -> Sequence[bytes]:
    """Return the rows that a selection shows, as lines in its order; what is blank comes last."""
    if selection.is_everything:
        return data.lines
    chosen_rows = _chosen(data, selection)
    if not selection.sort:
        return [line for line, _ in chosen_rows]
    downwards = selection.sort.startswith("-")
    place = data.head.position(selection.sort.removeprefix("-"))
    comparable = _number if data.head.columns[place].is_number else str
    blank: list[bytes] = []
    present: list[tuple[Any, bytes]] = []
    for line, row in chosen_rows:
        if row[place] is None:
            blank.append(line)
        else:
            present.append((comparable(row[place]), line))
    present.sort(key=itemgetter(0), reverse=downwards)
    return [*(line for _, line in present), *blank]


def parsed(line: bytes) -> Row:
    """Return a row as values."""
    values: Row = json.loads(line)
    return values


def _chosen(data: Dataset, selection: Selection) -> Iterator[tuple[bytes, Row]]:
    """Yield the rows that are chosen, each with its line."""
    tests = [_test(data, condition) for condition in selection.filters]
    needle = selection.anywhere.lower()
    for line, row in _rows(data.lines, list(_needles(data, selection))):
        if needle and not any(needle in str(value).lower() for value in row if value is not None):
            continue
        if all(test(row) for test in tests):
            yield line, row


def _needles(data: Dataset, selection: Selection) -> Iterator[bytes]:
    """Yield texts that stand in the line of every row that is chosen, in lower case."""
    texts = [selection.anywhere]
    texts += [
        condition.value
        for condition in selection.filters
        if condition.how in ("contains", "is")
        and not data.head.columns[data.head.position(condition.column)].is_number
    ]
    for text in texts:
        # A quotation mark or a backslash stands otherwise in a line than in the value.
        if text.isascii() and text.isprintable() and not {'"', "\\"} & set(text):
            yield text.lower().encode()


def _rows(lines: Sequence[bytes], needles: Sequence[bytes]) -> Iterator[tuple[bytes, Row]]:
    """Parse lines; those that lack a text are passed over unparsed."""
    matching = lines
    for needle in filter(None, needles):
        matching = [line for line in matching if needle in line.lower()]
    for start in range(0, len(matching), _AT_ONCE):
        together = matching[start : start + _AT_ONCE]
        yield from zip(together, json.loads(b"[" + b",".join(together) + b"]"), strict=True)


def _test(data: Dataset, condition: Filter) -> Callable[[Row], bool]:
    """Return the test of a row by a filter; what is blank is neither above nor below anything."""
    place = data.head.position(condition.column)
    is_number, wanted = data.head.columns[place].is_number, condition.value
    match condition.how:
        case "contains":
            text = wanted.lower()
            return lambda row: row[place] is not None and text in str(row[place]).lower()
        case "is":
            return lambda row: _equals(row[place], wanted, is_number=is_number)
        case "is-not":
            return lambda row: not _equals(row[place], wanted, is_number=is_number)
        case "blank":
            return lambda row: row[place] is None
    comparable = _number if is_number else str
    limit = comparable(wanted)
    if condition.how == "from":
        return lambda row: row[place] is not None and comparable(row[place]) >= limit
    return lambda row: row[place] is not None and comparable(row[place]) <= limit


def _equals(value: Any, wanted: str, *, is_number: bool) -> bool:  # noqa: ANN401 (JSON)
    if value is None:
        return False
    if is_number:
        return bool(_number(value) == _number(wanted))
    return str(value) == wanted


def _number(value: Any) -> Any:  # noqa: ANN401 (JSON)
    """Return a number as it compares; raises `Rejected` (422) for a text that is none.

    A short one is compared as a float, which is exact for that and much faster.
    """
    text = str(value)
    try:
        return float(text) if len(text) <= _FLOAT_DIGITS else Decimal(text)
    except (ValueError, InvalidOperation) as error:
        detail = "The column holds numbers: compare it with a number."
        raise Rejected(422, "Not a number", detail) from error
