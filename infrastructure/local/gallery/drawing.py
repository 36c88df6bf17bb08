"""A table as a picture: the page's own layout, with lines of text where the page has elements."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from trial.render import ems, legible, wrap
from trial.render.figures.canvas import SANS
from trial.render.markup import EMPTY, Html, escape, html, joined
from trial.render.page.cells import P_VALUE
from trial.render.page.layout import ColumnHead, LaidOutRow, TableLayout, layout
from trial.render.page.tables import methods
from trial.tables.grid import Grid, Listing

_SIZE, _LEADING = 13, 18
_SMALL = 11.5  # of notes and of numbers of subjects
_PAD, _INDENT = 9, 14
_LABEL, _HEAD, _WORDS = 230, 120, 200  # widths at which texts break
_NARROWEST = 480
_MARGIN = 12
_BOLD = 1.07  # how much wider bold letters are
_SNUG = 0.93  # letters are narrower than the estimate of the widest face
_SHARE_GAP = 5


def width_of(text: str, size: float = _SIZE, *, bold: bool = False) -> float:
    """Return how wide a text is drawn, at most."""
    return ems(legible(text)) * size * _SNUG * (_BOLD if bold else 1)


def _broken(text: str, width: float, size: float = _SIZE) -> list[str]:
    return wrap(legible(text).split(), width / size / _SNUG)


@dataclass
class _Cell:
    """What stands in a column of a line: lines of text, and a percentage beside a count."""

    lines: list[str]
    share: str | None = None
    deep: bool = False
    """Whether it goes on beside the lines below it."""


@dataclass
class _Line:
    """A line of the body: the row's label, the result's name, the cells."""

    label: list[str]
    cells: list[_Cell | None]
    statistic: str = ""
    level: int = 0
    bold: bool = False
    closes: bool = True
    """Whether a rule is drawn below it."""

    @property
    def height(self) -> float:
        tall = [len(cell.lines) for cell in self.cells if cell is not None and not cell.deep]
        return max((1, len(self.label), *tall)) * _LEADING + _PAD


@dataclass
class _Column:
    """Where a column's texts go."""

    width: float = 0
    share: float = 0
    left: float = 0

    @property
    def right(self) -> float:
        return self.left + self.width


@dataclass
class _Sheet:
    """The drawing so far; `y` is where the next thing goes."""

    y: float = _MARGIN
    parts: list[Html] = field(default_factory=list)

    def text(self, x: float, y: float, text: str, css: str = "", anchor: str = "start") -> None:
        """Write one line of text with its baseline at `y`."""
        ends = html(' text-anchor="{}"', escape(anchor)) if anchor != "start" else EMPTY
        styled = html(' class="{}"', escape(css)) if css else EMPTY
        place = (escape(_number(x)), escape(_number(y)))
        self.parts.append(
            html('<text x="{}" y="{}"{}{}>{}</text>', *place, ends, styled, escape(text))
        )

    def rule(self, left: float, right: float, css: str) -> None:
        """Draw a line across, where the next thing goes."""
        place = map(escape, map(_number, (left, self.y, right)))
        self.parts.append(html('<path d="M{},{}H{}" class="{}"/>', *place, escape(css)))

    def shade(self, right: float, height: float) -> None:
        """Lay a ground under what comes next."""
        place = map(escape, map(_number, (_MARGIN, self.y, right - _MARGIN, height)))
        self.parts.append(html('<rect x="{}" y="{}" width="{}" height="{}" class="s"/>', *place))


def _number(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def table_svg(grid: Grid, name: str) -> Html:
    """Draw a table as the page shows it, without its caption."""
    plan = layout(grid)
    lines = [line for row in plan.rows for line in _lines(row, plan)]
    heads = [
        (head, label)
        for head in plan.heads
        for label in (head.labels if not plan.stacked else [""])
    ]
    columns = _measured(heads, lines)
    label_width = max([_NARROWEST / 4, *map(_label_width, lines)])
    named = max((width_of(line.statistic) for line in lines), default=0)
    statistic = named + 2 * _PAD if plan.stacked else 0
    _placed(columns, _MARGIN + label_width + statistic)
    right = columns[-1].right
    sheet = _Sheet()
    _draw_heads(sheet, plan, heads, columns, right, _MARGIN + label_width)
    for line in lines:
        _draw_line(sheet, line, columns, right, _MARGIN + label_width)
    _closed(sheet, right)
    return _svg(sheet, _noted(sheet, _footnotes(grid), right), name)


def listing_svg(listing: Listing, name: str, most: int = 8) -> Html:
    """Draw the first rows of a listing."""
    rows = [["" if value is None else str(value) for value in row] for row in listing.rows]
    heads = [_broken(column.label, _HEAD) for column in listing.columns]
    columns = [
        _Column(max(map(width_of, [*head, *(row[i] for row in rows[:most])])) + 2 * _PAD)
        for i, head in enumerate(heads)
    ]
    _placed(columns, _MARGIN)
    right, sheet = columns[-1].right, _Sheet()
    height = max(map(len, heads)) * _LEADING + _PAD
    sheet.shade(right, height)
    sheet.rule(_MARGIN, right, "e")
    for head, column in zip(heads, columns, strict=True):
        for i, text in enumerate(reversed(head)):
            baseline = sheet.y + height - _PAD / 2 - 4 - i * _LEADING
            sheet.text(column.left + _PAD, baseline, text, "b")
    sheet.y += height
    sheet.rule(_MARGIN, right, "e")
    for row in rows[:most]:
        for text, column in zip(row, columns, strict=True):
            sheet.text(column.left + _PAD, sheet.y + _PAD / 2 + 13, text)
        sheet.y += _LEADING + _PAD
        sheet.rule(_MARGIN, right, "r")
    _closed(sheet, right)
    more = [f"… and {len(rows) - most} more rows"] if len(rows) > most else []
    return _svg(sheet, _noted(sheet, [*more, *listing.footnotes], right), name)


# Lines of the body


def _lines(row: LaidOutRow, plan: TableLayout) -> Iterator[_Line]:
    """Yield the lines that a row takes: one, or one a result where these stand below each other."""
    level = row.row.level
    label = _broken(row.row.label, _LABEL - level * _INDENT)
    bold = row.leads or not row.lines
    if not row.lines:
        yield _Line(label, [], level=level, bold=True)
    elif not plan.stacked:
        cells = [_cell(row, head, result) for head in plan.heads for result in head.labels]
        yield _Line(label, cells, level=level, bold=bold)
    else:
        results = row.labels(plan.heads)
        for i, result in enumerate(results):
            cells = [_stacked_cell(row, head, result, i == 0) for head in plan.heads]
            named = label if i == 0 else []
            closes = i == len(results) - 1
            yield _Line(named, cells, result, level, bold or len(results) > 1, closes)


def _stacked_cell(row: LaidOutRow, head: ColumnHead, result: str, first: bool) -> _Cell | None:  # noqa: FBT001
    if not head.is_p_value:
        return _cell(row, head, result)
    cell = _cell(row, head, P_VALUE) if first else None
    if cell is not None:
        cell.deep = True
    return cell


def _cell(row: LaidOutRow, head: ColumnHead, result: str) -> _Cell | None:
    lines = row.lines.get(head.column.id, ())
    line = next((line for line in lines if line.label == result), None)
    if line is None:
        return None
    return _Cell(_broken(line.text, _WORDS) or [""], line.share)


def _label_width(line: _Line) -> float:
    texts = (width_of(text, bold=line.bold) for text in line.label)
    return line.level * _INDENT + max(texts, default=0) + 2 * _PAD


# Columns


def _measured(heads: Sequence[tuple[ColumnHead, str]], lines: Iterable[_Line]) -> list[_Column]:
    """Measure the columns: each is as wide as its head and its widest cell."""
    columns = [_Column() for _ in heads]
    rows = [line.cells for line in lines if line.cells]
    for i, column in enumerate(columns):
        cells = [cell for row in rows if (cell := row[i]) is not None]
        column.share = max((width_of(cell.share) for cell in cells if cell.share), default=0)
        texts = (max(map(width_of, cell.lines)) + _share_room(cell, column) for cell in cells)
        column.width = max([34, *texts]) + 2 * _PAD
    for head, group in groupby(enumerate(heads), key=lambda item: item[1][0]):
        members = [columns[i] for i, _ in group]
        needed = max(width_of(text, bold=True) for text in _head_texts(head)) + 2 * _PAD
        for column in members:
            column.width = max(column.width, needed / len(members))
    for i, (head, label) in enumerate(heads):
        if len(head.labels) > 1 and label:
            columns[i].width = max(columns[i].width, width_of(label, bold=True) + 2 * _PAD)
    for under, group in groupby(enumerate(heads), key=lambda item: item[1][0].column.under):
        members = [columns[i] for i, _ in group]
        lacks = width_of(under, bold=True) + 2 * _PAD - sum(column.width for column in members)
        for column in members if lacks > 0 else ():
            column.width += lacks / len(members)
    return columns


def _share_room(cell: _Cell, column: _Column) -> float:
    return column.share + _SHARE_GAP if cell.share is not None and column.share else 0


def _placed(columns: Iterable[_Column], left: float) -> None:
    for column in columns:
        column.left, left = left, left + column.width


# The drawing


def _head_texts(head: ColumnHead) -> list[str]:
    """Return the lines of a column's head: its label, its size, its only result."""
    texts = _broken(head.column.label, _HEAD)
    texts += [head.column.size] if head.column.size else []
    if len(head.labels) == 1 and head.labels[0] and not _names_itself(head):
        texts.append(head.labels[0])
    return texts


def _names_itself(head: ColumnHead) -> bool:
    return head.is_p_value and head.column.label.startswith("P")


def _draw_heads(
    sheet: _Sheet,
    plan: TableLayout,
    heads: Sequence[tuple[ColumnHead, str]],
    columns: Sequence[_Column],
    right: float,
    label_right: float,
) -> None:
    spanned = any(head.column.under for head in plan.heads)
    double = not plan.stacked and any(len(head.labels) > 1 for head in plan.heads)
    deepest = max(len(_head_texts(head)) + _doubled(head, plan) for head in plan.heads)
    height = (deepest + spanned) * _LEADING + 2 * _PAD
    sheet.shade(right, height)
    sheet.rule(_MARGIN, right, "e")
    bottom = sheet.y + height - _PAD - 4
    if plan.stacked:
        sheet.text(label_right + _PAD, bottom, "Statistic", "q")
    for head, group in groupby(enumerate(heads), key=lambda item: item[1][0]):
        members = list(group)
        left, end = columns[members[0][0]].left, columns[members[-1][0]].right
        several = double and len(members) > 1
        base = bottom - _LEADING if several else bottom
        for i, text in enumerate(reversed(_head_texts(head))):
            where = (left + end) / 2 if several else end - _PAD
            css = "q" if text in (head.column.size, *head.labels) else "b"
            sheet.text(where, base - i * _LEADING, text, css, "middle" if several else "end")
        for i, (_, label) in members if several else ():
            sheet.text(columns[i].right - _PAD, bottom, label, "q", "end")
    for under, group in groupby(enumerate(heads), key=lambda item: item[1][0].column.under):
        members = list(group)
        if under:
            left, end = columns[members[0][0]].left, columns[members[-1][0]].right
            top = sheet.y + _PAD + 12
            sheet.text((left + end) / 2, top, under, "b", "middle")
            place = map(escape, map(_number, (left + _PAD, top + 6, end - _PAD)))
            sheet.parts.append(html('<path d="M{},{}H{}" class="r"/>', *place))
    sheet.y += height
    sheet.rule(_MARGIN, right, "e")


def _doubled(head: ColumnHead, plan: TableLayout) -> bool:
    return not plan.stacked and len(head.labels) > 1


def _draw_line(
    sheet: _Sheet, line: _Line, columns: Sequence[_Column], right: float, label_right: float
) -> None:
    first = sheet.y + _PAD / 2 + 13
    for i, text in enumerate(line.label):
        css = "b" if line.bold else ""
        sheet.text(_MARGIN + _PAD + line.level * _INDENT, first + i * _LEADING, text, css)
    if line.statistic:
        sheet.text(label_right + _PAD, first, line.statistic, "q")
    for cell, column in zip(line.cells, columns, strict=False):
        if cell is None:
            continue
        edge = column.right - _PAD
        for i, text in enumerate(cell.lines):
            sheet.text(edge - _share_room(cell, column), first + i * _LEADING, text, "", "end")
        if cell.share:
            sheet.text(edge, first, cell.share, "", "end")
    sheet.y += line.height
    if line.closes:
        sheet.rule(_MARGIN, right, "r")


def _closed(sheet: _Sheet, right: float) -> None:
    sheet.rule(_MARGIN, right, "e")
    sheet.y += _PAD


def _footnotes(grid: Grid) -> Iterator[str]:
    """Yield the notes below a table, and by which methods it was made."""
    yield from grid.footnotes
    for method, scope in methods(grid).items():
        yield f"Method ({', '.join(scope)}): {method}." if scope else f"Method: {method}."


def _noted(sheet: _Sheet, notes: Iterable[str], right: float) -> float:
    """Write notes below a table, and return the width of the picture."""
    right = max(right, _NARROWEST)
    for note in notes:
        for text in _broken(note, right - 2 * _MARGIN, _SMALL):
            sheet.y += 16
            sheet.text(_MARGIN + _PAD, sheet.y, text, "n")
    return right + _MARGIN


_STYLE = (
    "text{{fill:#111827}}.b{{font-weight:600}}.q,.n{{fill:#4b5563}}.n{{font-size:{}px}}"
    ".s{{fill:#f3f4f6}}.e{{stroke:#6b7280;stroke-width:1.5}}.r{{stroke:#d9dde3}}"
)


def _svg(sheet: _Sheet, width: float, name: str) -> Html:
    size = (round(width), round(sheet.y) + _MARGIN)
    return joined(
        (
            html(
                '<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}"'
                ' viewBox="0 0 {0} {1}" role="img" font-family="{2}" font-size="{3}">',
                *size, SANS, _SIZE,
            ),
            html("<title>{}</title><style>{}</style>", escape(name), html(_STYLE, _SMALL)),
            html('<rect width="{}" height="{}" fill="#fff"/>', *size),
            *sheet.parts,
            html("</svg>\n"),
        ),
        html("\n"),
    )  # fmt: skip
