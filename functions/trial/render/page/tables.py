"""A table of the report as an HTML table: a caption, scoped heads, one row a line of results."""

import re
from collections.abc import Iterator
from itertools import groupby

from trial.render.page.cells import P_VALUE, Line
from trial.render.page.layout import Head, Laid, Layout, layout
from trial.render.page.text import aside, text, unordered
from trial.tables.grid import Cell, Grid

_LONG = 60  # rows: more can be folded, and scroll under their heads
_SHORT = 24  # characters: numbers stay on one line, anything longer may break
_DEEPEST = 6
_SAYS_P = re.compile(r"P\b")


def table(grid: Grid, anchor: str) -> Iterator[str]:
    """Write a table; a wide one scrolls in a region of its own that the keyboard reaches."""
    laid = layout(grid)
    folded = len(grid.rows) > _LONG
    yield f'<div class="{" ".join(("table", *laid.kinds, *["long"] * folded))}">\n'
    if folded:
        yield f"<details open><summary>{len(grid.rows)} rows</summary>\n"
    yield f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{anchor}"><table>\n'
    yield from _caption(grid, anchor)
    yield from _heads(laid)
    yield from _bodies(laid)
    yield "</table></div>\n"
    if folded:
        yield "</details>\n"
    yield from _notes(grid)
    yield "</div>\n"


def _caption(grid: Grid, anchor: str) -> Iterator[str]:
    number = f'<span class="number">Table {text(grid.id)}</span> '
    yield f'<caption><div><h3 id="{anchor}">{number}{aside(grid.title)}</h3>'
    yield f"<p>Population: {aside(grid.population)}</p></div></caption>\n"


def _heads(laid: Layout) -> Iterator[str]:
    """Name the columns and, under those that need it, the results that stand side by side."""
    double = any(len(head.labels) > 1 for head in laid.heads)
    corner = '<td rowspan="2"></td>' if double else "<td></td>"
    yield f"<thead>\n<tr>{corner}"
    for head in laid.heads:
        yield _head(head, double=double)
    yield "</tr>\n"
    if double:
        below = (label for head in laid.heads if len(head.labels) > 1 for label in head.labels)
        yield f"<tr>{''.join(f'<th scope="col">{text(label)}</th>' for label in below)}</tr>\n"
    yield "</thead>\n"


def _head(head: Head, *, double: bool) -> str:
    column = head.column
    name = text(column.label)
    size = f' <span class="size">{text(column.size)}</span>' if column.size else ""
    if len(head.labels) > 1:
        return f'<th scope="colgroup" colspan="{len(head.labels)}">{name}{size}</th>'
    down = ' rowspan="2"' if double else ""
    (label,) = head.labels
    named = head.compares and _SAYS_P.match(column.label)
    told = f' <span class="told">{text(label)}</span>' if label and not named else ""
    return f'<th scope="col"{down}>{name}{size}{told}</th>'


def _bodies(laid: Layout) -> Iterator[str]:
    """Write the rows; one whose results stand below each other is a group of its own."""
    for fits, rows in groupby(laid.rows, key=lambda row: row.fits):
        if fits:
            yield "<tbody>\n"
            yield from (_row(row, laid.heads) for row in rows)
            yield "</tbody>\n"
        else:
            for row in rows:
                yield from _group(row, laid.heads)
    if not laid.rows:
        yield f'<tbody><tr><td colspan="{laid.width + 1}">No rows.</td></tr></tbody>\n'


def _row(laid: Laid, heads: tuple[Head, ...]) -> str:
    label = text(laid.row.label)
    if not laid.lines:
        across = 1 + sum(len(head.labels) for head in heads)
        return f'<tr class="{_kind(laid)}"><th scope="row" colspan="{across}">{label}</th></tr>\n'
    shown = "".join(_across(laid, head) for head in heads)
    return f'<tr class="{_kind(laid)}"><th scope="row">{label}</th>{shown}</tr>\n'


def _across(laid: Laid, head: Head) -> str:
    told = {line.label: line for line in laid.lines.get(head.column.id, ())}
    return "".join(_cell(told.get(label)) for label in head.labels)


def _group(laid: Laid, heads: tuple[Head, ...]) -> Iterator[str]:
    """Write a row with its results below each other; what compares stands beside its name."""
    labels = laid.labels(heads)
    name = text(laid.row.label)
    yield "<tbody>\n"
    if len(labels) == 1:
        told = f'{name} <span class="told">{text(labels[0])}</span>'
        shown = "".join(_below(laid, head, labels[0], P_VALUE) for head in heads)
        yield f'<tr class="{_kind(laid)}"><th scope="row">{told}</th>{shown}</tr>\n'
    else:
        shown = "".join(_below(laid, head, P_VALUE if head.compares else "") for head in heads)
        yield f'<tr class="{_kind(laid)} group"><th scope="rowgroup">{name}</th>{shown}</tr>\n'
        level = _level(laid.row.level + 1)
        for label in labels:
            shown = "".join(_below(laid, head, "" if head.compares else label) for head in heads)
            yield f'<tr class="{level} line"><th scope="row">{text(label)}</th>{shown}</tr>\n'
    yield "</tbody>\n"


def _below(laid: Laid, head: Head, *labels: str) -> str:
    """Give a cell of a row whose results stand below each other: the result that is asked for."""
    told = (line for line in laid.lines.get(head.column.id, ()) if line.label in labels)
    return _cell(next(told, None), len(head.labels))


def _cell(line: Line | None, across: int = 1) -> str:
    kind = f' colspan="{across}"' if across > 1 else ""
    if line is None:
        return f"<td{kind}></td>"
    kind += ' class="words"' if len(line.text) > _SHORT else ""
    share = "" if line.share is None else f' <span class="share">{text(line.share)}</span>'
    return f"<td{kind}>{text(line.text)}{share}</td>"


def _kind(laid: Laid) -> str:
    return _level(laid.row.level) + (" leads" if laid.leads or not laid.lines else "")


def _level(level: int) -> str:
    return f"l{min(level, _DEEPEST)}"


def _notes(grid: Grid) -> Iterator[str]:
    """Write the footnotes and the methods: each once, with where it was used if not everywhere."""
    notes = [text(note) for note in grid.footnotes]
    cells = [cell for row in grid.rows for cell in row.cells if cell.method]
    methods = dict.fromkeys(cell.method for cell in cells)
    notes += [_method(method, grid, cells) for method in methods]
    yield unordered(notes, "notes")


def _method(method: str, grid: Grid, cells: list[Cell]) -> str:
    where = _where(method, grid, cells)
    return f"Method{where}: {aside(method)}."


def _where(method: str, grid: Grid, cells: list[Cell]) -> str:
    """Say which columns a method is of or, where columns have several, which rows."""
    if all(cell.method == method for cell in cells):
        return ""
    mine = {cell.column for cell in cells if cell.method == method}
    alone = not any(cell.column in mine and cell.method != method for cell in cells)
    if alone:
        names = [column.label for column in grid.columns if column.id in mine]
    else:
        names = [row.label for row in grid.rows if any(cell.method == method for cell in row.cells)]
    return f" ({', '.join(aside(name) for name in names)})"
