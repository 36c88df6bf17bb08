"""A table of the report as an HTML table: a caption, scoped heads, one row a line of results."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from trial.render.markup import EMPTY, Html, bdi, escape, html, joined
from trial.render.page.cells import P_VALUE
from trial.render.page.elements import unordered
from trial.render.page.layout import ColumnHead, LaidOutRow, TableLayout, layout
from trial.tables.grid import Cell, Grid

_LONG = 60  # rows: more can be folded, and scroll under their heads
_SHORT = 24  # characters: numbers stay on one line, anything longer may break
_DEEPEST = 6
_NAMES_P_VALUE = re.compile(r"P\b")

type Link = Callable[[str, str, str], Html]
"""Returns the address that a number leads to: of a row, '' for a column's size; column, statistic.
"""


def table(grid: Grid, anchor: Html, state: str, link: Link | None = None) -> Iterator[Html]:
    """Write a table; a wide one scrolls in a region of its own that the keyboard reaches.

    `state` says whether it is interim or final. With a `link` each number leads somewhere.
    """
    table_layout = layout(grid)
    folded = len(grid.rows) > _LONG
    css_classes = " ".join(("table", *table_layout.css_classes, *["long"] * folded))
    yield html('<div class="{}">\n', escape(css_classes))
    if folded:
        yield html("<details open><summary>{} rows</summary>\n", len(grid.rows))
    yield html(
        '<div class="scroll" role="region" tabindex="0" aria-labelledby="{}"><table>\n', anchor
    )
    yield _caption(grid, anchor, state)
    yield from _heads(table_layout, link)
    yield from _bodies(table_layout, link)
    yield html("</table></div>\n")
    if folded:
        yield html("</details>\n")
    yield _notes(grid)
    yield html("</div>\n")


def _caption(grid: Grid, anchor: Html, state: str) -> Html:
    return html(
        '<caption><div><h3 id="{}"><span class="number">Table {}</span> {}</h3>'
        "<p>Population: {} \u00b7 {}</p></div></caption>\n",
        anchor,
        escape(grid.id),
        bdi(grid.title),
        bdi(grid.population),
        escape(state),
    )


def _heads(table_layout: TableLayout, link: Link | None) -> Iterator[Html]:
    """Write the heads of the columns and, where needed, of the results side by side."""
    double = any(len(head.labels) > 1 for head in table_layout.heads)
    spanned = any(head.column.under for head in table_layout.heads)
    depth = 1 + spanned + double
    corner = html("<td{}></td>", _rows(depth))
    statistic = html('<th scope="col" class="statistic"{}>Statistic</th>', _rows(depth - double))
    yield html("<thead>\n<tr>{}{}", corner, statistic if table_layout.stacked else EMPTY)
    for heading, heads in _spans(table_layout.heads):
        if heading:
            width = sum(len(head.labels) for head in heads)
            yield html('<th scope="colgroup" colspan="{}">{}</th>', width, bdi(heading))
        else:
            yield from (_head(head, depth, link, double=double) for head in heads)
    yield html("</tr>\n")
    if spanned:
        below = (head for head in table_layout.heads if head.column.under)
        row = joined(_head(head, depth - 1, link, double=double) for head in below)
        yield html("<tr>{}</tr>\n", row)
    if double:
        labels = (
            label for head in table_layout.heads if len(head.labels) > 1 for label in head.labels
        )
        yield html(
            "<tr>{}</tr>\n",
            joined(html('<th scope="col">{}</th>', escape(label)) for label in labels),
        )
    yield html("</thead>\n")


def _spans(heads: Iterable[ColumnHead]) -> Iterator[tuple[str, list[ColumnHead]]]:
    """Yield the columns side by side that share a head, with what it says."""
    for heading, shared in groupby(heads, key=lambda head: head.column.under):
        yield heading, list(shared)


def _rows(depth: int) -> Html:
    """Write over how many rows a head reaches, if over several."""
    return html(' rowspan="{}"', depth) if depth > 1 else EMPTY


def _head(head: ColumnHead, depth: int, link: Link | None, *, double: bool) -> Html:
    """Write a column's head, which reaches over `depth` rows or leaves the last to its results."""
    column = head.column
    name = bdi(column.label)
    linked = _linked(escape(column.size), link, "", column.id, "")
    size = html(' <span class="size">{}</span>', linked) if column.size else EMPTY
    if len(head.labels) > 1:
        rows = _rows(depth - double)
        return html(
            '<th scope="colgroup" colspan="{}"{}>{}{}</th>', len(head.labels), rows, name, size
        )
    rowspan = _rows(depth)
    (label,) = head.labels
    names_itself = head.is_p_value and _NAMES_P_VALUE.match(column.label)
    sublabel = (
        html(' <span class="told">{}</span>', escape(label))
        if label and not names_itself
        else EMPTY
    )
    return html('<th scope="col"{}>{}{}{}</th>', rowspan, name, size, sublabel)


def _linked(content: Html, link: Link | None, row: str, column: str, statistic: str) -> Html:
    """Write what is shown, as a link where one is wanted."""
    if link is None:
        return content
    return html('<a href="{}">{}</a>', link(row, column, statistic), content)


def _bodies(table_layout: TableLayout, link: Link | None) -> Iterator[Html]:
    """Write the rows; one whose results stand below each other is a group of its own."""
    for grouped, rows in groupby(table_layout.rows, key=lambda row: _is_group(row, table_layout)):
        if grouped:
            for row in rows:
                yield html("<tbody>\n{}</tbody>\n", joined(_group(row, table_layout.heads, link)))
        else:
            yield html("<tbody>\n")
            yield from (_row(row, table_layout, link) for row in rows)
            yield html("</tbody>\n")
    if not table_layout.rows:
        yield html(
            '<tbody><tr><td colspan="{}">No rows.</td></tr></tbody>\n', table_layout.width + 1
        )


def _is_group(row: LaidOutRow, table_layout: TableLayout) -> bool:
    return table_layout.stacked and len(row.labels(table_layout.heads)) > 1


def _row(row: LaidOutRow, table_layout: TableLayout, link: Link | None) -> Html:
    label = escape(row.row.label)
    if not row.lines:
        return html(
            '<tr class="{}"><th scope="row" colspan="{}">{}</th></tr>\n',
            _css_class(row),
            table_layout.width + 1,
            label,
        )
    if table_layout.stacked:
        return joined(_group(row, table_layout.heads, link))
    cells = joined(
        _cell(row, head, result, link) for head in table_layout.heads for result in head.labels
    )
    return html('<tr class="{}"><th scope="row">{}</th>{}</tr>\n', _css_class(row), label, cells)


def _group(row: LaidOutRow, heads: tuple[ColumnHead, ...], link: Link | None) -> Iterator[Html]:
    """Write a row with its results below each other.

    Its label and its P values stand in the first line, and span all the others.
    """
    results = row.labels(heads)
    several = len(results) > 1
    rowspan = html(' rowspan="{}"', len(results)) if several else EMPTY
    group = html("group") if several else EMPTY
    label = html('<th scope="row{}"{}>{}</th>', group, rowspan, escape(row.row.label))
    first_class = html("{} group", _css_class(row)) if several else _css_class(row)
    for number, result in enumerate(results):
        if number == 0:
            yield html('<tr class="{}">{}', first_class, label)
        else:
            yield html('<tr class="line">')
        yield html('<th scope="row" class="statistic">{}</th>', escape(result))
        for head in heads:
            if not head.is_p_value:
                yield _cell(row, head, result, link)
            elif number == 0:
                yield _cell(row, head, P_VALUE, link, rowspan)
        yield html("</tr>\n")


def _cell(
    row: LaidOutRow, head: ColumnHead, result: str, link: Link | None, rowspan: Html = EMPTY
) -> Html:
    """Write the result of this name, or an empty cell."""
    lines = row.lines.get(head.column.id, ())
    line = next((line for line in lines if line.label == result), None)
    if line is None:
        return html("<td{}></td>", rowspan)
    words = html(' class="words"') if len(line.text) > _SHORT else EMPTY
    share = (
        EMPTY if line.share is None else html(' <span class="share">{}</span>', escape(line.share))
    )
    content = _linked(escape(line.text), link, row.row.id, head.column.id, line.statistic)
    return html("<td{}{}>{}{}</td>", rowspan, words, content, share)


def _css_class(row: LaidOutRow) -> Html:
    level = min(row.row.level, _DEEPEST)
    return html("l{} leads", level) if row.leads or not row.lines else html("l{}", level)


def _notes(grid: Grid) -> Html:
    """Write the footnotes and the methods: each once, with where it was used if not everywhere."""
    notes = [escape(note) for note in grid.footnotes]
    notes += [_method(method, scope) for method, scope in methods(grid).items()]
    return unordered(notes, "notes")


def _method(method: str, scope: tuple[str, ...]) -> Html:
    scope_words = html(" ({})", joined(map(bdi, scope), html(", "))) if scope else EMPTY
    return html("Method{}: {}.", scope_words, bdi(method))


def methods(grid: Grid) -> dict[str, tuple[str, ...]]:
    """Return the methods of a table, each with where it was used; nothing if that is everywhere."""
    cells = [cell for row in grid.rows for cell in row.cells if cell.method]
    names = dict.fromkeys(cell.method for cell in cells)
    return {method: tuple(_scope(method, grid, cells)) for method in names}


def _scope(method: str, grid: Grid, cells: list[Cell]) -> list[str]:
    """Return which columns a method is of or, where columns have several methods, the rows."""
    if all(cell.method == method for cell in cells):
        return []
    columns = {cell.column for cell in cells if cell.method == method}
    if any(cell.column in columns and cell.method != method for cell in cells):
        return [row.label for row in grid.rows if any(cell.method == method for cell in row.cells)]
    return [column.name for column in grid.columns if column.id in columns]
