"""Shares as bytes: a row a line. Of moments (n 1, sum x, squares x*x) x suffices.

Where x is tallied too, its range and table follow on it: then neither the cell of the tally nor the
one that counts the range is written.

Most of a share stays as it was when an event comes. So a row that was read keeps its text, and is
written by that text while its cells are equal: only what an event changed is formatted anew.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from trial.events.blinding import OPEN, UNBLINDED, is_unblinded_row, row_of_audience
from trial.statistics.cells import Cells, Share
from trial.statistics.limbs import LIMB_BASE, limb_names, to_limbs
from trial.statistics.ranges import TALLY, count_of
from trial.store.encoding.deflate import deflate, inflate
from trial.store.encoding.dictionary import SHARES_1

# Separators are control characters, which names of cells hardly ever hold: few need escaping.
_ROW, _CELL, _VALUE, _MOMENTS = "\n", "\t", "\f", "\v"
_TALLIED = "\x0e"
"""Stands after x alone, where no name does; so none needs it escaped."""
_SPECIAL = re.compile(r"[\\\n\t\f\v]")
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\f": "\\f", "\v": "\\v"}
_TALLY = re.compile(rf"(.*){TALLY}(\d+)#(-?\d+)", re.DOTALL)
_UNBLINDED_PREFIX = row_of_audience("", UNBLINDED)
_SQUARES = limb_names("q")
"""The names of the cells that a square may have: one that is large has several."""
_OF_MOMENTS = frozenset(("n", "s", *_SQUARES))
_CHARACTERS = {escaped[1]: character for character, escaped in _ESCAPES.items()}
_ROWS_KNOWN = 4_096
"""Of how many rows a process remembers what their names say: subjects of a study share theirs."""


class _Tallied(NamedTuple):
    """Where a single value is tallied, beside its moments: the table, and the range."""

    table: str
    number: int
    row: str
    """Of the tally."""
    counting_cell: str
    """The end of the name of the cell, beside the moments, that counts the range's group."""
    unit: int
    """What one value adds to it."""


type _TalliedByStem = Mapping[str, _Tallied]
"""By how the cells of the moments begin."""
_NONE: _TalliedByStem = {}
_NOWHERE = None, ""


class _CellsRead(dict[str, int]):
    """A row's cells as they were read, and the text they were read from; nobody changes them.

    `single` are the single values that the row has moments of, by how their cells begin.
    """

    __slots__ = ("single", "tallied", "text")
    text: str
    single: dict[str, int]
    tallied: dict[str, _Tallied]


def encode_share(share: Share, version: int, before: Share | None = None) -> bytes:
    """Write a share and the version of the subject it was computed at.

    `before`, as it was read: of the rows that are as they were, the text is kept.
    """
    unchanged = {
        row: read
        for row, cells in share.items()
        if isinstance(read := (before or {}).get(row), _CellsRead)
        and (read is cells or read == cells)
    }
    values = {
        row: unchanged[row].single if row in unchanged else _single_values(cells)
        for row, cells in share.items()
    }
    tallied, told = _tallied(share, values)
    texts = {}
    for row, cells in share.items():
        tallied_of_row = tallied.get(row, _NONE)
        if row in told:
            remaining = {name: n for name, n in cells.items() if name not in told[row]}
            if remaining:
                texts[row] = _row_text(row, remaining, _single_values(remaining), tallied_of_row)
        elif row in unchanged and unchanged[row].tallied == tallied_of_row:
            texts[row] = unchanged[row].text
        else:
            texts[row] = _row_text(row, cells, values[row], tallied_of_row)
    # Sorted, so that equal shares are equal bytes in whatever order their events came; what both
    # audiences have of a row side by side, so that the second is found in the first.
    rows = [texts[row] for row in sorted(texts, key=_place)]
    return deflate(_ROW.join([str(version), *rows]), SHARES_1)


@lru_cache(_ROWS_KNOWN)
def _place(row: str) -> tuple[str, bool]:
    return row.removeprefix(_UNBLINDED_PREFIX), is_unblinded_row(row)


def _tallied(
    share: Share, values: Mapping[str, Mapping[str, int]]
) -> tuple[dict[str, dict[str, _Tallied]], dict[str, set[str]]]:
    """Return, by row of moments, which single values are tallied, and where.

    Beside it, by row of tallies, the cells that need not be written because of that.
    """
    tallies = _tallies(share)
    tallied_by_row: dict[str, dict[str, _Tallied]] = {}
    told: dict[str, set[str]] = {}
    for row, values_of_row in values.items():
        cells, candidates = share[row], tallies[is_unblinded_row(row)]
        tallied_of_row: dict[str, _Tallied] = {}
        for stem, x in values_of_row.items() if candidates else ():
            tallied, told_cell = candidates.get(f"{stem}={x}", _NOWHERE)
            if tallied and cells.get(f"{stem}.{tallied.counting_cell}") == tallied.unit:
                tallied_of_row[stem] = tallied
                told.setdefault(tallied.row, set()).add(told_cell)
        if tallied_of_row:
            tallied_by_row[row] = tallied_of_row
    return tallied_by_row, told


def _tallies(share: Share) -> Mapping[bool, Mapping[str, tuple[_Tallied, str]]]:
    """Return the tallies of values that occur once, by audience, and by stem and value.

    Beside each is the name of the value's cell.
    """
    tallies: dict[bool, dict[str, tuple[_Tallied, str]]] = {False: {}, True: {}}
    for row in sorted(row for row in share if TALLY in row):
        if (parts := _read_tally_row(row)) is None:
            continue
        unblinded, index, tallied = parts
        for cell, n in share[row].items():
            if n == 1:
                tallies[unblinded][f"{index}.{cell}"] = tallied, cell
    return tallies


@lru_cache(_ROWS_KNOWN)
def _read_tally_row(row: str) -> tuple[bool, str, _Tallied] | None:
    """Return of a row's name its audience, the row of its table, and the range.

    None where it is not that of a tally, such as with a number that is written otherwise.
    """
    if (match := _TALLY.fullmatch(row)) is None:
        return None
    unblinded, index = is_unblinded_row(row), match[2]
    table = match[1].removeprefix(_UNBLINDED_PREFIX) if unblinded else match[1]
    tallied = _tallied_in(table, index, int(match[3]), unblinded)
    return (unblinded, index, tallied) if tallied.row == row else None


@lru_cache(_ROWS_KNOWN)
def _tallied_in(table: str, index: str, number: int, unblinded: bool) -> _Tallied:  # noqa: FBT001
    row = row_of_audience(f"{table}{TALLY}{index}#{number}", UNBLINDED if unblinded else OPEN)
    return _Tallied(table, number, row, *count_of(number))


def _row_text(
    row: str, cells: Cells, values: Mapping[str, int], tallied: _TalliedByStem = _NONE
) -> str:
    return _CELL.join([_escaped(row), *_cells(cells, values, tallied)])


def decode_share(body: bytes) -> tuple[Share, int]:
    """Read a share and the version of the subject it was computed at."""
    text, _ = inflate(body, SHARES_1)
    version, *rows = text.split(_ROW)
    # The text is kept beside the cells and not in a table by row: it cannot outlive them.
    share: Share = dict(map(_read_row, rows))
    _add_tallied(share)
    return share, int(version)


def _add_tallied(share: Share) -> None:
    """Add the cells of tallies that moments tell."""
    tally_rows: Share = {}
    for cells in share.values():
        if not isinstance(cells, _CellsRead):
            continue
        for stem, tallied in cells.tallied.items():
            column = stem.partition(".")[2]
            tally_rows.setdefault(tallied.row, {})[f"{column}={cells.single[stem]}"] = 1
    for row, cells in tally_rows.items():
        share[row] = {**share.get(row, {}), **cells}


def _cells(cells: Cells, values: Mapping[str, int], tallied: _TalliedByStem) -> Iterator[str]:
    # One subject's moments are nearly always those of one value, of which n is 1 and the sum of
    # squares x * x. Where a subject gives several values to one cell they are written in full.
    counting = {f"{stem}.{place.counting_cell}" for stem, place in tallied.items()}
    for name in sorted(cells.keys() - counting):
        stem, point, end = name.rpartition(".")
        if not point or stem not in values or end not in _OF_MOMENTS:
            # Most cells of a share are counts of 1: no value means that.
            value = "" if cells[name] == 1 else f"{_VALUE}{cells[name]}"
            yield f"{_escaped(name)}{value}"
        elif end == "s":
            place = tallied.get(stem)
            after = f"{_TALLIED}{place.number}{_TALLIED}{_escaped(place.table)}" if place else ""
            yield f"{_escaped(stem)}{_MOMENTS}{cells[name]}{after}"


def _single_values(cells: Cells) -> dict[str, int]:
    """Return the values that cells are the moments of, where it is one, by how they begin."""
    return {
        name[:-2]: x
        for name, x in cells.items()
        if name[-2:] == ".s" and _is_moments(cells, name[:-2], x)
    }


def _is_moments(cells: Cells, stem: str, x: int) -> bool:
    if cells.get(f"{stem}.n") != 1:
        return False
    squares = _squares(x)
    return all(cells.get(f"{stem}.{name}") == squares.get(name) for name in _SQUARES)


def _squares(x: int) -> Mapping[str, int]:
    """Return the cells of a square; nearly every one has one, or none."""
    square = x * x
    if square < LIMB_BASE:
        return {"q": square} if square else {}
    return dict(to_limbs("q", square))


def _read_row(text: str) -> tuple[str, _CellsRead]:
    """Read a row's text: its name, and its cells without those of tallies."""
    name, *texts = text.split(_CELL)
    unescaped = _unescaped if "\\" in text else str
    row = unescaped(name)
    if _VALUE in text or _MOMENTS in text:
        cells = _read_cells(texts, unescaped, unblinded=is_unblinded_row(row))
    else:  # most rows count the subject once in each cell
        cells = _CellsRead(dict.fromkeys(map(unescaped, texts), 1))
        cells.single, cells.tallied = {}, {}
    cells.text = text
    return row, cells


def _read_cells(
    texts: list[str], unescaped: Callable[[str], str], *, unblinded: bool
) -> _CellsRead:
    cells = _CellsRead()
    single: dict[str, int] = {}
    tallied_by_stem: dict[str, _Tallied] = {}
    cells.single, cells.tallied = single, tallied_by_stem
    for text in texts:
        if _MOMENTS not in text:
            name, _, value = text.partition(_VALUE)
            cells[unescaped(name)] = int(value) if value else 1
            continue
        name, _, value = text.partition(_MOMENTS)
        stem = unescaped(name)
        if _TALLIED in value:
            value, number, table = value.split(_TALLIED, 2)
            index = stem.partition(".")[0]
            tallied = tallied_by_stem[stem] = _tallied_in(
                unescaped(table), index, int(number), unblinded
            )
            cells[f"{stem}.{tallied.counting_cell}"] = tallied.unit
        x = single[stem] = int(value)
        cells[f"{stem}.n"], cells[f"{stem}.s"] = 1, x
        for square, part in _squares(x).items():
            cells[f"{stem}.{square}"] = part
    return cells


def _escaped(name: str) -> str:
    # Separators are not printable, so this look spares nearly every name the expression.
    if name.isprintable() and "\\" not in name:
        return name
    return _SPECIAL.sub(lambda match: _ESCAPES[match[0]], name)


def _unescaped(name: str) -> str:
    return _ESCAPED.sub(lambda match: _CHARACTERS[match[1]], name) if "\\" in name else name
