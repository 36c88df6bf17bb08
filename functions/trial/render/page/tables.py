"""A table of the report as an HTML table: a caption, scoped heads, one row a line of results."""

import re
from collections.abc import Iterator
from itertools import groupby

from trial.render.page.cells import P_VALUE
from trial.render.page.layout import Head, Laid, Layout, layout
from trial.render.page.text import aside, text, unordered
from trial.tables.grid import Cell, Grid

_LONG = 60  # rows: more can be folded, and scroll under their heads
_SHORT = 24  # characters: numbers stay on one line, anything longer may break
_DEEPEST = 6
_SAYS_P = re.compile(r"P\b")


def table(grid: Grid, anchor: str, state: str) -> Iterator[str]:
    """Write a table; a wide one scrolls in a region of its own that the keyboard reaches.

    `state` says whether it is interim or final.
    """
    laid = layout(grid)
    folded = len(grid.rows) > _LONG
    yield f'<div class="{" ".join(("table", *laid.kinds, *["long"] * folded))}">\n'
    if folded:
        yield f"<details open><summary>{len(grid.rows)} rows</summary>\n"
    yield f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{anchor}"><table>\n'
    yield from _caption(grid, anchor, state)
    yield from _heads(laid)
    yield from _bodies(laid)
    yield "</table></div>\n"
    if folded:
        yield "</details>\n"
    yield from _notes(grid)
    yield "</div>\n"


def _caption(grid: Grid, anchor: str, state: str) -> Iterator[str]:
    number = f'<span class="number">Table {text(grid.id)}</span> '
    yield f'<caption><div><h3 id="{anchor}">{number}{aside(grid.title)}</h3>'
    yield f"<p>Population: {aside(grid.population)} \u00b7 {state}</p></div></caption>\n"


def _heads(laid: Layout) -> Iterator[str]:
    """Name the columns and, under those that need it, the results that stand side by side."""
    double = any(len(head.labels) > 1 for head in laid.heads)
    corner = '<td rowspan="2"></td>' if double else "<td></td>"
    named = '<th scope="col" class="statistic">Statistic</th>' if laid.stacked else ""
    yield f"<thead>\n<tr>{corner}{named}"
    for head in laid.heads:
        yield _head(head, double=double)
    yield "</tr>\n"
    if double:
        below = (label for head in laid.heads if len(head.labels) > 1 for label in head.labels)
        yield f"<tr>{''.join(f'<th scope="col">{text(label)}</th>' for label in below)}</tr>\n"
    yield "</thead>\n"


def _head(head: Head, *, double: bool) -> str:
    column = head.column
    name = aside(column.label)
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
    for grouped, rows in groupby(laid.rows, key=lambda row: _grouped(row, laid)):
        if grouped:
            for row in rows:
                yield f"<tbody>\n{''.join(_group(row, laid.heads))}</tbody>\n"
        else:
            yield "<tbody>\n"
            yield from (_row(row, laid) for row in rows)
            yield "</tbody>\n"
    if not laid.rows:
        yield f'<tbody><tr><td colspan="{laid.width + 1}">No rows.</td></tr></tbody>\n'


def _grouped(row: Laid, laid: Layout) -> bool:
    return laid.stacked and len(row.labels(laid.heads)) > 1


def _row(row: Laid, laid: Layout) -> str:
    label = text(row.row.label)
    if not row.lines:
        across = laid.width + 1
        return f'<tr class="{_kind(row)}"><th scope="row" colspan="{across}">{label}</th></tr>\n'
    if laid.stacked:
        return "".join(_group(row, laid.heads))
    places = ((head, name) for head in laid.heads for name in head.labels)
    shown = "".join(_cell(row, head, name) for head, name in places)
    return f'<tr class="{_kind(row)}"><th scope="row">{label}</th>{shown}</tr>\n'


def _group(row: Laid, heads: tuple[Head, ...]) -> Iterator[str]:
    """Write a row with its results below each other; what compares stands beside all of them."""
    names = row.labels(heads)
    several = len(names) > 1
    down = f' rowspan="{len(names)}"' if several else ""
    kind = _kind(row) + " group" * several
    label = f'<th scope="row{"group" * several}"{down}>{text(row.row.label)}</th>'
    for first, name in zip((True, *[False] * len(names)), names, strict=False):
        yield f'<tr class="{kind if first else "line"}">{label if first else ""}'
        yield f'<th scope="row" class="statistic">{text(name)}</th>'
        for head in heads:
            if not head.compares:
                yield _cell(row, head, name)
            elif first:
                yield _cell(row, head, P_VALUE, down)
        yield "</tr>\n"


def _cell(row: Laid, head: Head, name: str, kind: str = "") -> str:
    """Give the result of this name, if there is one."""
    told = (line for line in row.lines.get(head.column.id, ()) if line.label == name)
    line = next(told, None)
    if line is None:
        return f"<td{kind}></td>"
    kind += ' class="words"' if len(line.text) > _SHORT else ""
    share = "" if line.share is None else f' <span class="share">{text(line.share)}</span>'
    return f"<td{kind}>{text(line.text)}{share}</td>"


def _kind(row: Laid) -> str:
    level = f"l{min(row.row.level, _DEEPEST)}"
    return level + (" leads" if row.leads or not row.lines else "")


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
