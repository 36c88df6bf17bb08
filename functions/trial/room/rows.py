"""The rows of a listing as they were published: chosen, sorted and paged without a database.

A published data set holds every row of a listing, and is never more than a publication behind.
Rows as they stand are read a page at a time, however many there are. To filter or sort them the
columns that this takes are read of all rows, so a filter finds what it finds among all and not
among those of a page.
"""

import json
from bisect import bisect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import cached_property, lru_cache
from itertools import accumulate, chain
from typing import Any, Protocol

import wiring
from trial.deferred import dataclass
from trial.definition.study import Study
from trial.errors import Rejected, Unavailable
from trial.render import columns
from trial.store.bucket.documents import COLUMNS

type Row = list[Any]

_KEPT, _CHOICES = 2, 4
"""How many data sets, and choices of their rows, a process keeps: for who turns pages."""
_PART, _SAMPLE = 262_144, 200
"""How many bytes are read for a page, and how many rows tell how long they are."""
MOST_BYTES = 60_000_000
"""How long a data set may be that is filtered or sorted without its columns."""
MOST_ROWS = 1_000_000
"""How many rows one may have with them."""
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
    columns: str = ""
    """The version of the file that has it by column, where it is long."""

    def read(self, part: tuple[int, int] | None = None) -> bytes:
        """Read it, or a part by its first byte and its length; raises `Rejected` (404)."""
        content = wiring.documents().read_live(
            self.study, self.audience, self.file, self.version, part
        )
        if content is None and part is None:
            raise _not_published()
        return content or b""

    def read_columns(self) -> bytes:
        """Read it by column; raises `Rejected` (404)."""
        name = columns.file_name(_name(self.file))
        content = wiring.documents().read_live(self.study, self.audience, name, self.columns)
        if content is None:
            raise _not_published()
        return content


def _name(file: str) -> str:
    return file.rpartition("/")[2].partition(".")[0]


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


class Block(Protocol):
    """Rows of a data set that stand together, by column."""

    @property
    def count(self) -> int:
        """How many there are."""

    def text(self, place: int) -> bytes:
        """Return a column as JSON."""

    def column(self, place: int) -> Sequence[Any]:
        """Return the values of a column."""


@dataclass(frozen=True)
class _Parsed:
    """Rows that were read as lines, all of them."""

    count: int
    columns: Sequence[Sequence[Any]]

    def text(self, place: int) -> bytes:
        """Return a column as JSON."""
        return json.dumps(self.columns[place], ensure_ascii=False).encode()

    def column(self, place: int) -> Sequence[Any]:
        """Return the values of a column."""
        return self.columns[place]


@dataclass(frozen=True)
class Dataset:
    """A data set read whole: its head, and its rows by column."""

    head: Head
    blocks: tuple[Block, ...]

    @classmethod
    def read(cls, content: bytes) -> "Dataset":
        """Read a data set that has one row a line."""
        first, *lines = content.split(b"\n")
        rows: list[Row] = json.loads(b"[" + b",".join(filter(None, lines)) + b"]")
        return cls(read_head(first), (_Parsed(len(rows), tuple(zip(*rows, strict=True))),))

    @cached_property
    def starts(self) -> Sequence[int]:
        """The number of the row that each block begins with."""
        return list(accumulate((block.count for block in self.blocks), initial=0))

    def column(self, place: int) -> Sequence[Any]:
        """Return the values of a column, of all rows."""
        if not self.head.records:
            return ()
        return [*chain.from_iterable(block.column(place) for block in self.blocks if block.count)]

    def rows(self, numbers: Iterable[int]) -> Iterator[Row]:
        """Yield some rows by their numbers."""
        opened: dict[int, list[Sequence[Any]]] = {}
        for number in numbers:
            place = bisect(self.starts, number) - 1
            if place not in opened:
                block = self.blocks[place]
                opened[place] = [block.column(column) for column in range(len(self.head.columns))]
            yield [values[number - self.starts[place]] for values in opened[place]]


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
    by_column = latest.get(COLUMNS, {}).get(columns.file_name(name), "")
    return Source(view.id, view.audience, file, version, by_column)


def _not_published() -> Rejected:
    detail = "It comes with the next publication, which follows within a minute of an event."
    return Rejected(404, "Listing not published yet", detail)


@lru_cache(maxsize=256)
def head(data_source: Source) -> Head:
    """Return the head of a data set."""
    length = _PART
    while True:
        content = data_source.read((0, length))
        line, ended, _ = content.partition(b"\n")
        if ended or len(content) < length:
            if not line:
                raise _not_published()
            return read_head(line)
        length *= 4


def page_from(data_source: Source, start: int, count: int) -> Page:
    """Return so many rows that begin at a byte, or at the first where that is none of theirs."""
    start = max(start, head(data_source).length)
    length = _PART
    while True:
        content = data_source.read((start, length))
        lines = content.split(b"\n")[:-1][:count]  # the last is cut off, or nothing
        size = sum(len(line) + 1 for line in lines)
        # What ends with the last row of the page does not tell whether another follows.
        if (len(lines) == count and size < len(content)) or len(content) < length:
            break
        length *= 4
    more = size < len(content)
    return Page([json.loads(line) for line in lines], start + size if more else 0)


def whole(data_source: Source) -> Dataset:
    """Return all rows of a data set; raises `Rejected` (422) where they are too many for that."""
    return _by_column(data_source) if data_source.columns else _whole(data_source)


def _too_many(records: int) -> Rejected:
    detail = (
        f"The listing has {records:,} rows: too many to be filtered or sorted here. Turn"
        " its pages, take it whole as Dataset-JSON, or see a subject's own page."
    )
    return Rejected(422, "Too many rows", detail)


@lru_cache(maxsize=_KEPT)
def _whole(data_source: Source) -> Dataset:
    sample, records = page_from(data_source, 0, _SAMPLE).rows, head(data_source).records
    row_bytes = sum(len(json.dumps(row)) for row in sample) // max(len(sample), 1)
    if records * row_bytes > MOST_BYTES:
        raise _too_many(records)
    return Dataset.read(data_source.read())


@lru_cache(maxsize=_KEPT)
def _by_column(data_source: Source) -> Dataset:
    """Read the columns of a long data set, packed as they are."""
    if (records := head(data_source).records) > MOST_ROWS:
        raise _too_many(records)
    data = Dataset(head(data_source), tuple(columns.read(data_source.read_columns())))
    if data.starts[-1] != data.head.records:
        raise Unavailable("the columns of a data set are not of its rows")
    return data


@lru_cache(maxsize=_CHOICES)
def chosen(data_source: Source, selection: Selection) -> Sequence[int]:
    """Return the numbers of the rows that a selection shows; kept, to turn their pages."""
    return select(whole(data_source), selection)


def rows_of(data_source: Source, numbers: Iterable[int]) -> Iterator[Row]:
    """Yield rows of a data set by their numbers."""
    return whole(data_source).rows(numbers)


def select(data: Dataset, selection: Selection) -> Sequence[int]:
    """Return the numbers of the rows that a selection shows, in its order; blank comes last."""
    numbers: Sequence[int] = range(data.head.records)
    for condition in selection.filters:
        values, test = data.column(data.head.position(condition.column)), _test(data, condition)
        is_chosen = {value: test(value) for value in set(values)}
        numbers = [number for number in numbers if is_chosen[values[number]]]
    if selection.anywhere:
        holding = _holding(data, selection.anywhere.lower())
        numbers = [number for number in numbers if number in holding]
    if not selection.sort:
        return numbers
    downwards = selection.sort.startswith("-")
    place = data.head.position(selection.sort.removeprefix("-"))
    values = data.column(place)
    present = [number for number in numbers if values[number] is not None]
    blank = [number for number in numbers if values[number] is None]
    if data.head.columns[place].is_number:
        numbered = {value: _number(value) for value in set(values) if value is not None}
        values = [numbered.get(value) for value in values]
    present.sort(key=values.__getitem__, reverse=downwards)
    return [*present, *blank]


def _holding(data: Dataset, needle: str) -> Collection[int]:
    """Return the rows that hold a text, which is in lower case, in any column."""
    # A quotation mark or a backslash stands otherwise in JSON than in the value.
    is_plain = needle.isascii() and needle.isprintable() and not {'"', "\\"} & set(needle)
    raw = needle.encode() if is_plain else b""
    numbers: set[int] = set()
    for start, block in zip(data.starts, data.blocks, strict=False):
        for place in range(len(data.head.columns) if block.count else 0):
            text = block.text(place)
            if text.isascii() and raw not in text.lower():
                continue  # no need to read its values
            numbers.update(
                start + i
                for i, value in enumerate(block.column(place))
                if value is not None and needle in str(value).lower()
            )
    return numbers


def _test(data: Dataset, condition: Filter) -> Callable[[Any], bool]:
    """Return the test of a value by a filter; what is blank is neither above nor below anything."""
    place = data.head.position(condition.column)
    is_number, wanted = data.head.columns[place].is_number, condition.value
    match condition.how:
        case "contains":
            text = wanted.lower()
            return lambda value: value is not None and text in str(value).lower()
        case "is":
            return lambda value: _equals(value, wanted, is_number=is_number)
        case "is-not":
            return lambda value: not _equals(value, wanted, is_number=is_number)
        case "blank":
            return lambda value: value is None
    comparable = _number if is_number else str
    limit = comparable(wanted)
    if condition.how == "from":
        return lambda value: value is not None and comparable(value) >= limit
    return lambda value: value is not None and comparable(value) <= limit


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
