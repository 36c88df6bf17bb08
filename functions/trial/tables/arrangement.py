"""Where the cells of a wide definition stand: what changes together lies together.

A row of a table counts under its position. For most definitions these names are stored as they
are. Of a wide one, which has thousands of cells, they are stored under other names:

- counts and moments of one visit share rows of sums, whatever they are of: a visit's results come
  together;
- each term has a row of sums, so that none grows with the number of terms;
- while the study is blinded, what the pooled definition has kept bears the name that it has in the
  whole one. So the unblinded audience's sums need to hold only the difference (`compiled`).

Every name can be read back, so nothing depends on what is arranged but where it stands.
"""

import hashlib
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property

from trial.deferred import dataclass
from trial.statistics.cells import Selection, Share
from trial.tables.compiling import CELLS_PER_ROW_OF_SUMS, STUDY_SUMS, SumsLayout, determined_row
from trial.tables.rows.kinds import CompiledRow
from trial.tables.rows.subgroups import narrowed_row

_PLACED, _ARRANGED = re.compile(r"cells#\d+"), re.compile(r"cells@.*")
_INDEXED = re.compile(r"(\d+)\.(?:(~?\d+)(?=[.=]))?(.*)", re.DOTALL)
"""An index, a column if the cell has one, and the rest of the name."""
_DETERMINED_ROW = re.compile(rf"{STUDY_SUMS}|settled#\d+|missing#\d+")
_DETERMINED = re.compile(r"(\d+)\.(\d\.n)")
_TALLY = re.compile(r"(.*)#tally#(\d+)#(-?\d+)")
_TALLY_START = re.compile(r"(.*)#tally#(\d+)#")
_TERMS = re.compile(r"(.*#(?:terms|incidence))(\d+)-\d+")
_ARRANGED_TERMS = re.compile(r"(.*#(?:terms|incidence))@(\d+)-.*")
_INDEX_IN_NAME = re.compile(r".*#[a-z]+(\d+)[.-]")
_NO_COLUMN = "~"
"""Stands before a number in a column's place that is none of the table's columns."""

type Name = tuple[str, str]
"""A row of sums, and a cell."""


@dataclass(frozen=True)
class CountedTable:
    """A compiled table: its columns and its rows; where a column's own cells are, by its id."""

    id: str
    columns: Sequence[str]
    rows: Sequence[CompiledRow]
    column_places: Mapping[str, int]


@dataclass(frozen=True)
class Slot:
    """One index of the layout: its place by position, and its arranged one."""

    row: str
    index: int
    arranged_row: str
    columns: Mapping[int, int]
    """Arranged numbers by position."""
    chunks: int

    @cached_property
    def positions(self) -> Mapping[int, int]:
        """Positions of columns by arranged number."""
        return _inverse(self.columns)


@dataclass
class _Visits:
    """How far the rows of sums of each visit are filled."""

    kept: str = ""
    cells: dict[str, int] = field(default_factory=dict)

    def row(self, visit: str, cells: int) -> str:
        """Return the row of sums of a visit that has room for so many cells."""
        filled = self.cells.get(visit, 0)
        self.cells[visit] = filled + cells
        return f"cells@{visit}#{self.kept}{filled // CELLS_PER_ROW_OF_SUMS}"


class Arrangement:
    """The names of one audience's cells, as they are counted and as they are stored."""

    def __init__(
        self,
        tables: Sequence[CountedTable],
        layout: SumsLayout,
        visits: Mapping[str, object],
        whole: "Arrangement | None" = None,
    ) -> None:
        """Arrange a definition; of a pooled one, what it shares with the `whole` one as there."""
        self.columns = {table.id: table.columns for table in tables}
        self.slots: dict[int, Slot] = {}
        self.keys: dict[tuple[str, str], int] = {}
        self.size = len(layout.places)
        filling = _Visits("" if whole is None else "pooled")
        for table in tables:
            numbers = _numbers(table, whole.columns.get(table.id, ()) if whole else ())
            for name, index, chunks in _indexes(table):
                key = table.id, name
                slot = None if whole is None else whole.slots.get(whole.keys.get(key, -1))
                _, _, visit = name.rpartition("/")
                row, cells = layout.places[index]
                self.keys[key] = index
                self.slots[index] = Slot(
                    row,
                    slot.index if slot else index + (whole.size if whole else 0),
                    slot.arranged_row
                    if slot
                    else filling.row(visit if visit in visits else "", cells),
                    numbers,
                    chunks,
                )
        self._unarranged = {
            row for index, (row, _) in enumerate(layout.places) if index not in self.slots
        }
        self._positions = {slot.index: index for index, slot in self.slots.items()}
        self.determined: list[Determined] = [
            Determined(keys, whole.determined[i].keys if whole else keys)
            for i, keys in enumerate(layout.determined_keys)
        ]

    def stored(self, share: Share) -> Share:
        """Return a share by the names that it is stored under."""
        return _renamed(share, self._stored_name)

    def counted(self, share: Share) -> Share:
        """Return a share, or sums, by the names that tables are read by."""
        return _renamed(share, self._counted_name)

    def selection(self, counted: Selection) -> Selection:
        """Return the rows in which the cells of counted rows are stored."""
        rows, starts = set[str](), set[str]()
        for row in counted.rows:
            if _PLACED.fullmatch(row):
                rows |= self._rows_by_position.get(row, set())
            elif match := _TERMS.fullmatch(row):
                slot = self.slots.get(int(match[2]))
                rows |= set() if slot else {row}
                starts |= {f"{match[1]}@{slot.index}-"} if slot else set()
            elif _DETERMINED_ROW.fullmatch(row):
                rows |= {row, *self._determined_rows(row)}
            elif (match := _TALLY.fullmatch(row)) and (slot := self.slots.get(int(match[2]))):
                rows.add(f"{match[1]}#tally#{slot.index}#{match[3]}")
            else:
                rows.add(row)
        for start in counted.starts:
            match = _TALLY_START.fullmatch(start)
            slot = self.slots.get(int(match[2])) if match else None
            starts.add(f"{match[1]}#tally#{slot.index}#" if match and slot else start)
        return Selection(frozenset(rows), frozenset(starts))

    @cached_property
    def _rows_by_position(self) -> Mapping[str, set[str]]:
        """Where the cells of each row by position stand."""
        rows = {row: {row} for row in self._unarranged}
        for slot in self.slots.values():
            rows.setdefault(slot.row, set()).add(slot.arranged_row)
        return rows

    def _determined_rows(self, row: str) -> Iterator[str]:
        for missing_only, determined in zip((False, True), self.determined, strict=True):
            for position, index in determined.arranged.items():
                if determined_row(position, missing_only=missing_only) == row:
                    yield determined_row(index, missing_only=missing_only)

    @cached_property
    def rows(self) -> frozenset[str]:
        """The rows of sums that visits share."""
        return frozenset(slot.arranged_row for slot in self.slots.values()) | self._unarranged

    def _stored_name(self, row: str, cell: str) -> Name:
        if _DETERMINED_ROW.fullmatch(row) and (match := _DETERMINED.fullmatch(cell)):
            missing = row.startswith("missing")
            index = self.determined[missing].arranged[int(match[1])]
            return determined_row(index, missing_only=missing), f"{index}.{match[2]}"
        if (match := _TALLY.fullmatch(row)) and (slot := self.slots.get(int(match[2]))):
            column, _, value = cell.partition("=")
            name = f"{match[1]}#tally#{slot.index}#{match[3]}"
            return name, f"{slot.columns[int(column)]}={value}"
        parts = _INDEXED.fullmatch(cell)
        slot = self.slots.get(int(parts[1])) if parts else None
        if parts is None or slot is None:
            return row, cell
        if _PLACED.fullmatch(row):
            return slot.arranged_row, _cell(slot.index, slot.columns, parts)
        if match := _TERMS.fullmatch(row):
            digest = hashlib.sha256(_term(cell).encode()).hexdigest()[:8]
            return f"{match[1]}@{slot.index}-{digest}", _cell(slot.index, slot.columns, parts)
        return row, cell

    def _counted_name(self, row: str, cell: str) -> Name:
        if _ARRANGED.fullmatch(row) and (match := _INDEXED.fullmatch(cell)):
            index, slot = self._at(match[1])
            return slot.row, _cell(index, slot.positions, match)
        if _DETERMINED_ROW.fullmatch(row) and (match := _DETERMINED.fullmatch(cell)):
            missing = row.startswith("missing")
            index = self.determined[missing].positions[int(match[1])]
            return determined_row(index, missing_only=missing), f"{index}.{match[2]}"
        if match := _TALLY.fullmatch(row):
            index, slot = self._at(match[2])
            column, _, value = cell.partition("=")
            name = f"{match[1]}#tally#{index}#{match[3]}"
            return name, f"{slot.positions[int(column)]}={value}"
        if (match := _ARRANGED_TERMS.fullmatch(row)) and (parts := _INDEXED.fullmatch(cell)):
            index, slot = self._at(match[2])
            chunk = zlib.crc32(_term(cell).encode()) % slot.chunks
            return f"{match[1]}{index}-{chunk}", _cell(index, slot.positions, parts)
        return row, cell

    def _at(self, arranged: str) -> tuple[int, Slot]:
        index = self._positions[int(arranged)]
        return index, self.slots[index]


class Determined:
    """The indexes of conditions' determined subjects, by position and as arranged."""

    def __init__(self, keys: Sequence[tuple[str, ...]], whole: Sequence[tuple[str, ...]]) -> None:
        """Return what the whole definition has with the index that it has there."""
        self.keys = keys
        indices = {key: index for index, key in enumerate(whole)}
        self.arranged = {i: indices.get(key, len(whole) + i) for i, key in enumerate(keys)}
        self.positions = _inverse(self.arranged)


def _numbers(table: CountedTable, whole: Sequence[str]) -> dict[int, int]:
    """Return the arranged number of each column: that of the same column in the whole table."""
    return {
        position: whole.index(name) if name in whole else len(whole) + position
        for position, name in enumerate(table.columns)
    }


def _indexes(table: CountedTable) -> Iterator[tuple[str, int, int]]:
    """Yield a name, the index and the number of chunks of all that a table counts."""
    for column, place in table.column_places.items():
        yield f"#{column}", place, 1
    for row in map(narrowed_row, table.rows):
        if row is not None and (index := _index(row)) is not None:
            yield row.id, index, getattr(row, "chunks", 1)


def _index(row: CompiledRow) -> int | None:
    """Return the index in the names of a row's cells, or of its rows of sums; None without any."""
    if (index := getattr(row, "index", None)) is not None:
        return int(index)
    match = _INDEX_IN_NAME.match(getattr(row, "sums", ""))
    return int(match[1]) if match else None


def _inverse(numbers: Mapping[int, int]) -> dict[int, int]:
    return {number: position for position, number in numbers.items()}


def _cell(index: int, columns: Mapping[int, int], match: re.Match[str]) -> str:
    """Return a cell's name with another index, and another number for its column if it has one."""
    column: str | int = match[2] or ""
    if column and not match[2].startswith(_NO_COLUMN):
        column = columns.get(int(match[2]), f"{_NO_COLUMN}{match[2]}")
    elif column:
        column = match[2].removeprefix(_NO_COLUMN)
    return f"{index}.{column}{match[3]}"


def _term(cell: str) -> str:
    return cell[cell.index("[") :]


def _renamed(share: Share, rename: Callable[[str, str], Name]) -> Share:
    renamed: Share = {}
    for row, cells in share.items():
        for cell, value in cells.items():
            new_row, new_cell = rename(row, cell)
            renamed.setdefault(new_row, {})[new_cell] = value
    return renamed
