"""Shares as bytes: a row a line. Of moments (n 1, sum x, squares x*x) x suffices.

Most of a share stays as it was when an event comes. So a row that was read keeps its text, and is
written by that text while its cells are equal: only what an event changed is formatted anew.
"""

import re
from collections.abc import Iterator

from trial.statistics.cells import Cells, Share
from trial.store.encoding.deflate import deflate, inflate
from trial.store.encoding.dictionary import SHARES_1

# Separators are control characters, which names of cells hardly ever hold: few need escaping.
_ROW, _CELL, _VALUE, _MOMENTS = "\n", "\t", "\f", "\v"
_SPECIAL = re.compile(r"[\\\n\t\f\v]")
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\f": "\\f", "\v": "\\v"}
_CHARACTERS = {escaped[1]: character for character, escaped in _ESCAPES.items()}


class _CellsRead(dict[str, int]):
    """A row's cells as they were read, and the text they were read from; nobody changes them."""

    __slots__ = ("text",)
    text: str


def encode_share(share: Share, version: int, before: Share | None = None) -> bytes:
    """Write a share and the version of the subject it was computed at.

    `before`, as it was read: of the rows that are as they were, the text is kept.
    """
    cells_before = before or {}
    # Sorted, so that equal shares are equal bytes in whatever order their events came.
    rows = (_row_text(row, share[row], cells_before.get(row)) for row in sorted(share))
    return deflate(_ROW.join([str(version), *rows]), SHARES_1)


def _row_text(row: str, cells: Cells, before: Cells | None) -> str:
    if isinstance(before, _CellsRead) and before == cells:
        return before.text
    return _CELL.join([_escaped(row), *_cells(cells)])


def decode_share(body: bytes) -> tuple[Share, int]:
    """Read a share and the version of the subject it was computed at."""
    text, _ = inflate(body, SHARES_1)
    version, *rows = text.split(_ROW)
    share: Share = {}
    for row in rows:
        name, *cells = row.split(_CELL)
        # The text is kept beside the cells and not in a table by row: it cannot outlive them.
        read = share[_unescaped(name)] = _read_cells(cells)
        read.text = row
    return share, int(version)


def _cells(cells: Cells) -> Iterator[str]:
    # One subject's moments are nearly always those of one value, of which n is 1 and the sum of
    # squares x * x. Where a subject gives several values to one cell they are written in full.
    one_value = {
        name[:-2] for name in cells if name.endswith(".q") and _is_moments(cells, name[:-2])
    }
    for name in sorted(cells):
        stem, end = name[:-2], name[-2:]
        if stem not in one_value or end not in {".n", ".s", ".q"}:
            # Most cells of a share are counts of 1: no value means that.
            value = "" if cells[name] == 1 else f"{_VALUE}{cells[name]}"
            yield f"{_escaped(name)}{value}"
        elif end == ".s":
            yield f"{_escaped(stem)}{_MOMENTS}{cells[name]}"


def _is_moments(cells: Cells, stem: str) -> bool:
    x = cells.get(f"{stem}.s")
    return x is not None and cells.get(f"{stem}.n") == 1 and cells[f"{stem}.q"] == x * x


def _read_cells(texts: list[str]) -> _CellsRead:
    cells = _CellsRead()
    for text in texts:
        name, _, value = text.partition(_VALUE)
        if value:
            cells[_unescaped(name)] = int(value)
        elif _MOMENTS not in name:
            cells[_unescaped(name)] = 1
        else:
            stem, _, value = name.partition(_MOMENTS)
            stem, x = _unescaped(stem), int(value)
            cells[f"{stem}.n"], cells[f"{stem}.s"], cells[f"{stem}.q"] = 1, x, x * x
    return cells


def _escaped(name: str) -> str:
    # Separators are not printable, so this look spares nearly every name the expression.
    if name.isprintable() and "\\" not in name:
        return name
    return _SPECIAL.sub(lambda match: _ESCAPES[match[0]], name)


def _unescaped(name: str) -> str:
    return _ESCAPED.sub(lambda match: _CHARACTERS[match[1]], name) if "\\" in name else name
