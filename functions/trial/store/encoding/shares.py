"""Shares as bytes: a row a line. Of moments (n 1, sum x, squares x*x) x suffices.

Where x is tallied too, its range and table follow on it: then neither the cell of the tally nor the
one that counts the range is written.

Most of a share stays as it was when an event comes. So a row that was read keeps its text, and is
written by that text while its cells are equal: only what an event changed is formatted anew.
"""

import re
from collections.abc import Iterator, Mapping

from trial.deferred import dataclass
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


@dataclass(frozen=True, slots=True)
class _Tallied:
    """Where a single value is tallied, beside its moments: the table, and the range."""

    table: str
    number: int

    def row(self, moments_row: str, stem: str) -> str:
        """Return the row of the tally; moments that begin with the stem are in the other row."""
        audience = UNBLINDED if is_unblinded_row(moments_row) else OPEN
        index = stem.partition(".")[0]
        return row_of_audience(f"{self.table}{TALLY}{index}#{self.number}", audience)


type _TalliedByStem = Mapping[str, _Tallied]
"""By how the cells of the moments begin."""
_NONE: _TalliedByStem = {}


class _CellsRead(dict[str, int]):
    """A row's cells as they were read, and the text they were read from; nobody changes them."""

    __slots__ = ("tallied", "text")
    text: str
    tallied: dict[str, _Tallied]


def encode_share(share: Share, version: int, before: Share | None = None) -> bytes:
    """Write a share and the version of the subject it was computed at.

    `before`, as it was read: of the rows that are as they were, the text is kept.
    """
    cells_before = before or {}
    tallied = _tallied(share, cells_before)
    untallied = _without_tallied(share, tallied) if tallied else share
    # Sorted, so that equal shares are equal bytes in whatever order their events came; what both
    # audiences have of a row side by side, so that the second is found in the first.
    rows = (
        _row_text(row, untallied[row], cells_before.get(row), tallied.get(row, _NONE))
        for row in sorted(untallied, key=_place)
    )
    return deflate(_ROW.join([str(version), *rows]), SHARES_1)


def _place(row: str) -> tuple[str, bool]:
    return row.removeprefix(_UNBLINDED_PREFIX), is_unblinded_row(row)


def _tallied(share: Share, before: Share) -> dict[str, dict[str, _Tallied]]:
    """Return, by row of moments, which single values are tallied, and where.

    Moments that are as they were read are known to be of one value, and to count its range.
    """
    tallies = _tallies(share)
    tallied_by_row: dict[str, dict[str, _Tallied]] = {}
    for row, cells in share.items() if tallies else ():
        read = before.get(row)
        known = read.tallied if isinstance(read, _CellsRead) and read == cells else _NONE
        for name in cells:
            if name[-2:] != ".s":
                continue
            stem = name[:-2]
            tallied = tallies.get((is_unblinded_row(row), f"{stem}={cells[name]}"))
            if tallied is None:
                continue
            if known.get(stem) == tallied:
                tallied_by_row.setdefault(row, {})[stem] = tallied
                continue
            if not _is_moments(cells, stem):
                continue
            counting_cell, count = count_of(tallied.number)
            if cells.get(f"{stem}.{counting_cell}") == count:
                tallied_by_row.setdefault(row, {})[stem] = tallied
    return tallied_by_row


def _tallies(share: Share) -> dict[tuple[bool, str], _Tallied]:
    """Return the tallies of values that occur once, by audience, stem and value."""
    tallies: dict[tuple[bool, str], _Tallied] = {}
    for row in sorted(row for row in share if TALLY in row):
        if (match := _TALLY.fullmatch(row)) is None:
            continue
        unblinded = is_unblinded_row(row)
        table = match[1].removeprefix(_UNBLINDED_PREFIX) if unblinded else match[1]
        tallied = _Tallied(table, int(match[3]))
        if tallied.row(row, match[2]) != row:
            continue  # a number that is written otherwise
        for cell, n in share[row].items():
            if n == 1:
                tallies[unblinded, f"{match[2]}.{cell}"] = tallied
    return tallies


def _without_tallied(share: Share, tallied: Mapping[str, _TalliedByStem]) -> Share:
    """Return a share without the cells of tallies that their moments tell."""
    tallied_names: dict[str, set[str]] = {}
    for row, by_stem in tallied.items():
        for stem, place in by_stem.items():
            column = stem.partition(".")[2]
            tallied_names.setdefault(place.row(row, stem), set()).add(
                f"{column}={share[row][f'{stem}.s']}"
            )
    remaining = {
        row: {name: n for name, n in cells.items() if name not in tallied_names[row]}
        if row in tallied_names
        else cells
        for row, cells in share.items()
    }
    return {row: cells for row, cells in remaining.items() if cells or row not in tallied_names}


def _row_text(row: str, cells: Cells, before: Cells | None, tallied: _TalliedByStem = _NONE) -> str:
    if isinstance(before, _CellsRead) and before == cells and before.tallied == tallied:
        return before.text
    return _CELL.join([_escaped(row), *_cells(cells, tallied)])


def decode_share(body: bytes) -> tuple[Share, int]:
    """Read a share and the version of the subject it was computed at."""
    text, _ = inflate(body, SHARES_1)
    version, *rows = text.split(_ROW)
    share: Share = {}
    for row in rows:
        name, *cells = row.split(_CELL)
        # The text is kept beside the cells and not in a table by row: it cannot outlive them.
        row_cells = share[_unescaped(name)] = _read_cells(cells)
        row_cells.text = row
    _add_tallied(share)
    return share, int(version)


def _add_tallied(share: Share) -> None:
    """Add the cells of tallies that moments tell."""
    tally_rows: Share = {}
    for row, cells in share.items():
        for stem, place in cells.tallied.items() if isinstance(cells, _CellsRead) else ():
            column = stem.partition(".")[2]
            tally_rows.setdefault(place.row(row, stem), {})[f"{column}={cells[f'{stem}.s']}"] = 1
    for row, cells in tally_rows.items():
        share[row] = {**share.get(row, {}), **cells}


def _cells(cells: Cells, tallied: _TalliedByStem) -> Iterator[str]:
    # One subject's moments are nearly always those of one value, of which n is 1 and the sum of
    # squares x * x. Where a subject gives several values to one cell they are written in full.
    one_value = {
        name[:-2] for name in cells if name.endswith(".s") and _is_moments(cells, name[:-2])
    }
    counting = {f"{stem}.{count_of(place.number)[0]}" for stem, place in tallied.items()}
    for name in sorted(cells.keys() - counting):
        stem, point, end = name.rpartition(".")
        if not point or stem not in one_value or end not in _OF_MOMENTS:
            # Most cells of a share are counts of 1: no value means that.
            value = "" if cells[name] == 1 else f"{_VALUE}{cells[name]}"
            yield f"{_escaped(name)}{value}"
        elif end == "s":
            place = tallied.get(stem)
            after = f"{_TALLIED}{place.number}{_TALLIED}{_escaped(place.table)}" if place else ""
            yield f"{_escaped(stem)}{_MOMENTS}{cells[name]}{after}"


def _is_moments(cells: Cells, stem: str) -> bool:
    x = cells.get(f"{stem}.s")
    if x is None or cells.get(f"{stem}.n") != 1:
        return False
    squares = _squares(x)
    return all(cells.get(f"{stem}.{name}") == squares.get(name) for name in _SQUARES)


def _squares(x: int) -> Mapping[str, int]:
    """Return the cells of a square; nearly every one has one, or none."""
    square = x * x
    if square < LIMB_BASE:
        return {"q": square} if square else {}
    return dict(to_limbs("q", square))


def _read_cells(texts: list[str]) -> _CellsRead:
    cells = _CellsRead()
    cells.tallied = {}
    for text in texts:
        name, _, value = text.partition(_VALUE)
        if value:
            cells[_unescaped(name)] = int(value)
        elif _MOMENTS not in name:
            cells[_unescaped(name)] = 1
        else:
            stem, _, value = name.partition(_MOMENTS)
            value, *place = value.split(_TALLIED, 2)
            stem, x = _unescaped(stem), int(value)
            if place:
                tallied = _Tallied(_unescaped(place[1]), int(place[0]))
                counting_cell, count = count_of(tallied.number)
                cells[f"{stem}.{counting_cell}"] = count
                cells.tallied[stem] = tallied
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
