"""The rows of a listing as they were published: chosen, sorted and paged without a database.

A published data set holds every row of a listing, and is never more than a publication behind. It
is read whole, so a filter finds what it finds among all rows and not among those of a page.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

import wiring
from trial.definition.study import Study
from trial.errors import Rejected

type Row = list[Any]

_KEPT = 2
"""How many data sets a process keeps: whoever turns a page asks for the same one."""
_AT_ONCE = 20_000
"""How many rows are parsed together."""
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
class Dataset:
    """A data set as published: its columns, and its rows as lines of JSON."""

    columns: tuple[DataColumn, ...]
    lines: tuple[bytes, ...]

    @classmethod
    def read(cls, content: bytes) -> "Dataset":
        """Read what its first line says of it, and keep the others as they are."""
        head, *lines = content.splitlines()
        columns = tuple(
            DataColumn(column["name"], column["label"], column["dataType"])
            for column in json.loads(head)["columns"]
        )
        return cls(columns, tuple(lines))

    def position(self, name: str) -> int:
        """Return where a column stands; raises `Rejected` (422) for one that is not there."""
        for number, column in enumerate(self.columns):
            if column.name == name:
                return number
        known = ", ".join(column.name for column in self.columns)
        raise Rejected(422, "No such column", f"The listing has no column {name}, but: {known}.")


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
    latest, _ = wiring.documents().latest(view.id, view.audience)
    if latest is None:
        detail = "No documents of the study are published yet: the listings come with the first."
        raise Rejected(404, "Not published yet", detail)
    return latest


def dataset(view: Study, latest: Mapping[str, Any], name: str) -> Dataset:
    """Return a data set of a publication; raises `Rejected` (404) where it has none such."""
    file = f"datasets/{name}.ndjson"
    version = latest["files"].get(file, "")
    return _dataset(view.id, view.audience, file, version)


@lru_cache(maxsize=_KEPT)
def _dataset(study: str, audience: str, file: str, version: str) -> Dataset:
    """Read a data set; its version never changes, so what was read may be kept."""
    latest = {"files": {file: version}} if version else {"files": {}}
    content = wiring.documents().read_live(study, audience, latest, file)
    if content is None:
        detail = "It comes with the next publication, which follows within a minute of an event."
        raise Rejected(404, "Listing not published yet", detail)
    return Dataset.read(content)


def select(data: Dataset, selection: Selection) -> Sequence[bytes | Row]:
    """Return the rows that a selection shows, in its order; those not looked at stay as lines."""
    if selection.is_everything:
        return data.lines
    rows = _chosen(data, selection)
    if not selection.sort:
        return list(rows)
    downwards = selection.sort.startswith("-")
    place = data.position(selection.sort.removeprefix("-"))
    key = _sort_key(place, is_number=data.columns[place].is_number)
    blank: list[Row] = []
    present: list[Row] = []
    for row in rows:
        (blank if row[place] is None else present).append(row)
    return [*sorted(present, key=key, reverse=downwards), *blank]


def parsed(row: bytes | Row) -> Row:
    """Return a row as values."""
    if isinstance(row, bytes):
        values: Row = json.loads(row)
        return values
    return row


def _chosen(data: Dataset, selection: Selection) -> Iterator[Row]:
    tests = [_test(data, condition) for condition in selection.filters]
    needle = selection.anywhere.lower()
    for row in _rows(data.lines, needle):
        if needle and not any(needle in str(value).lower() for value in row if value is not None):
            continue
        if all(test(row) for test in tests):
            yield row


def _rows(lines: Sequence[bytes], needle: str) -> Iterator[Row]:
    """Parse lines; those that cannot hold a text are passed over unparsed."""
    # A quotation mark or a backslash stands otherwise in a line than in the value.
    plain = needle.isascii() and needle.isprintable() and not {'"', "\\"} & set(needle)
    wanted = needle.encode()
    looked_at: Iterable[bytes] = lines
    if needle and plain:
        looked_at = [line for line in lines if wanted in line.lower()]
    kept = list(looked_at)
    for start in range(0, len(kept), _AT_ONCE):
        yield from json.loads(b"[" + b",".join(kept[start : start + _AT_ONCE]) + b"]")


def _test(data: Dataset, condition: Filter) -> Callable[[Row], bool]:
    """Return the test of a row by a filter; what is blank is neither above nor below anything."""
    place = data.position(condition.column)
    is_number, wanted = data.columns[place].is_number, condition.value
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
    limit = _comparable(wanted, is_number=is_number)
    if condition.how == "from":
        return lambda row: (
            row[place] is not None and (_comparable(row[place], is_number=is_number) >= limit)
        )
    return lambda row: (
        row[place] is not None and (_comparable(row[place], is_number=is_number) <= limit)
    )


def _equals(value: Any, wanted: str, *, is_number: bool) -> bool:  # noqa: ANN401 (JSON)
    if value is None:
        return False
    if is_number:
        return bool(_comparable(value, is_number=True) == _comparable(wanted, is_number=True))
    return str(value) == wanted


def _comparable(value: Any, *, is_number: bool) -> Any:  # noqa: ANN401 (JSON)
    """Return a value as it compares; raises `Rejected` (422) for a text that is no number."""
    if not is_number:
        return str(value)
    try:
        return Decimal(str(value))
    except InvalidOperation as error:
        detail = "The column holds numbers: compare it with a number."
        raise Rejected(422, "Not a number", detail) from error


def _sort_key(place: int, *, is_number: bool) -> Callable[[Row], Any]:
    if is_number:
        return lambda row: Decimal(str(row[place]))
    return lambda row: str(row[place])
