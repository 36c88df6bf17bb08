"""A table as a picture: the page's own layout, with lines of text where the page has elements."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from local.gallery.sheet import LEADING, MARGIN, PAD, Sheet, broken, width_of
from trial.render.markup import Html
from trial.render.page.cells import P_VALUE
from trial.render.page.layout import ColumnHead, LaidOutRow, TableLayout, layout
from trial.render.page.tables import methods
from trial.tables.grid import Grid, Listing, Narratives

_INDENT, _SHARE_GAP = 14, 5
_LABEL, _HEAD, _WORDS = 230, 120, 200  # widths at which texts break
_LEAST_LABEL, _LEAST_COLUMN = 120, 34
_PAGE = 720  # how wide running text is
_ASCENT, _DESCENT = 13, 4  # from the top of a line to its baseline, and from there down


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
        """Return how tall it is: as its tallest text."""
        tall = [len(cell.lines) for cell in self.cells if cell is not None and not cell.deep]
        return max((1, len(self.label), *tall)) * LEADING + PAD

    @property
    def label_width(self) -> float:
        """Return how wide the column of labels must be for it."""
        texts = (width_of(text, bold=self.bold) for text in self.label)
        return self.level * _INDENT + max(texts, default=0) + 2 * PAD


@dataclass
class _Column:
    """Where a column's texts go; one of several under a head has a result's name as `label`."""

    label: str = ""
    width: float = 0
    share: float = 0
    left: float = 0

    @property
    def right(self) -> float:
        return self.left + self.width

    def room(self, cell: _Cell) -> float:
        """Return how much of the column's width is kept for percentages, beside a cell's text."""
        return self.share + _SHARE_GAP if cell.share is not None and self.share else 0

    def fit(self, cells: Sequence[_Cell]) -> None:
        """Make the column as wide as its widest cell."""
        self.share = max((width_of(cell.share) for cell in cells if cell.share), default=0)
        texts = (max(map(width_of, cell.lines)) + self.room(cell) for cell in cells)
        self.width = max([_LEAST_COLUMN, *texts]) + 2 * PAD


@dataclass
class _Block:
    """A head and its columns: one, or one a result."""

    head: ColumnHead
    columns: list[_Column] = field(default_factory=list)

    @property
    def left(self) -> float:
        return self.columns[0].left

    @property
    def right(self) -> float:
        return self.columns[-1].right

    @property
    def is_double(self) -> bool:
        """Return whether the names of results stand below the head."""
        return len(self.columns) > 1

    @property
    def texts(self) -> list[tuple[str, str]]:
        """Return the lines of the head with their styles: its label, its size, its only result."""
        head = self.head
        texts = [(text, "b") for text in broken(head.column.label, _HEAD)]
        texts += [(head.column.size, "q")] if head.column.size else []
        names_itself = head.is_p_value and head.column.label.startswith("P")
        if len(head.labels) == 1 and head.labels[0] and not names_itself:
            texts.append((head.labels[0], "q"))
        return texts

    @property
    def depth(self) -> int:
        """Return how many lines the head takes."""
        return len(self.texts) + self.is_double

    def fit(self) -> None:
        """Widen the columns until the head and the names of results fit."""
        _widen(self.columns, [text for text, _ in self.texts])
        for column in self.columns if self.is_double else ():
            column.width = max(column.width, width_of(column.label, bold=True) + 2 * PAD)


def _widen(columns: Sequence[_Column], texts: Sequence[str]) -> None:
    needed = max(width_of(text, bold=True) for text in texts) + 2 * PAD
    for column in columns:
        column.width = max(column.width, needed / len(columns))


def table_svg(grid: Grid, name: str) -> Html:
    """Draw a table as the page shows it, without its caption."""
    plan = layout(grid)
    lines = [line for row in plan.rows for line in _lines(row, plan)]
    blocks = _blocks(plan, lines)
    columns = [column for block in blocks for column in block.columns]
    label_right = MARGIN + max([_LEAST_LABEL, *(line.label_width for line in lines)])
    statistic_width = max((width_of(line.statistic) for line in lines), default=0)
    _placed(columns, label_right + (statistic_width + 2 * PAD if plan.stacked else 0))
    sheet = Sheet(columns[-1].right)
    _draw_heads(sheet, blocks, label_right if plan.stacked else None)
    for line in lines:
        _draw_line(sheet, line, columns, label_right)
    return sheet.finished(_notes(grid), name)


def _notes(grid: Grid) -> Iterator[str]:
    """Yield the notes below a table, and by which methods it was made."""
    yield from grid.footnotes
    for method, scope in methods(grid).items():
        yield f"Method ({', '.join(scope)}): {method}." if scope else f"Method: {method}."


# Lines of the body


def _lines(row: LaidOutRow, plan: TableLayout) -> Iterator[_Line]:
    """Yield the lines that a row takes: one, or one a result where these stand below each other."""
    level = row.row.level
    label = broken(row.row.label, _LABEL - level * _INDENT)
    if not row.lines:
        yield _Line(label, [], level=level, bold=True)
    elif not plan.stacked:
        cells = [_cell(row, head, result) for head in plan.heads for result in head.labels]
        yield _Line(label, cells, level=level, bold=row.leads)
    else:
        yield from _stacked(row, plan, label)


def _stacked(row: LaidOutRow, plan: TableLayout, label: list[str]) -> Iterator[_Line]:
    """Yield a line a result; the label and P values stand in the first."""
    results = row.labels(plan.heads)
    bold = row.leads or len(results) > 1
    for i, result in enumerate(results):
        cells = [
            _deep(row, head, i) if head.is_p_value else _cell(row, head, result)
            for head in plan.heads
        ]
        closes = i == len(results) - 1
        yield _Line([] if i else label, cells, result, row.row.level, bold, closes)


def _deep(row: LaidOutRow, head: ColumnHead, place: int) -> _Cell | None:
    """Return a P value, which stands in the first line of its row."""
    cell = None if place else _cell(row, head, P_VALUE)
    if cell is not None:
        cell.deep = True
    return cell


def _cell(row: LaidOutRow, head: ColumnHead, result: str) -> _Cell | None:
    lines = row.lines.get(head.column.id, ())
    line = next((line for line in lines if line.label == result), None)
    if line is None:
        return None
    return _Cell(broken(line.text, _WORDS) or [""], line.share)


# Columns


def _blocks(plan: TableLayout, lines: Iterable[_Line]) -> list[_Block]:
    """Return the heads with their columns, each as wide as its head and its widest cell."""
    blocks = [
        _Block(head, [_Column(label) for label in ([""] if plan.stacked else head.labels)])
        for head in plan.heads
    ]
    columns = [column for block in blocks for column in block.columns]
    rows = [line.cells for line in lines if line.cells]
    for i, column in enumerate(columns):
        column.fit([cell for row in rows if (cell := row[i]) is not None])
    for block in blocks:
        block.fit()
    for heading, members in _under(blocks):
        shared = [column for block in members for column in block.columns]
        lacks = width_of(heading, bold=True) + 2 * PAD - sum(column.width for column in shared)
        for column in shared if lacks > 0 else ():
            column.width += lacks / len(shared)
    return blocks


def _under(blocks: Iterable[_Block]) -> Iterator[tuple[str, list[_Block]]]:
    """Yield the heads that columns side by side share, with those."""
    for heading, members in groupby(blocks, key=lambda block: block.head.column.under):
        if heading:
            yield heading, list(members)


def _placed(columns: Iterable[_Column], left: float) -> None:
    for column in columns:
        column.left, left = left, left + column.width


# The drawing


def _draw_heads(sheet: Sheet, blocks: Sequence[_Block], statistic: float | None) -> None:
    """Draw the heads; `statistic` is where the column of results' names begins, if there is one."""
    spanned = any(block.head.column.under for block in blocks)
    height = (max(block.depth for block in blocks) + spanned) * LEADING + 2 * PAD
    sheet.shade(height)
    sheet.rule("e")
    bottom = sheet.y + height - PAD - _DESCENT
    if statistic is not None:
        sheet.text(statistic + PAD, bottom, "Statistic", "q")
    for block in blocks:
        _draw_head(sheet, block, bottom)
    for heading, members in _under(blocks):
        left, right = members[0].left, members[-1].right
        top = sheet.y + PAD + _ASCENT - 1
        sheet.text((left + right) / 2, top, heading, "b", "middle")
        sheet.line(left + PAD, right - PAD, top + 6, "r")
    sheet.y += height
    sheet.rule("e")


def _draw_head(sheet: Sheet, block: _Block, bottom: float) -> None:
    """Draw a head, from the bottom up; over several columns it stands in their middle."""
    base = bottom - LEADING if block.is_double else bottom
    x = (block.left + block.right) / 2 if block.is_double else block.right - PAD
    for i, (text, css) in enumerate(reversed(block.texts)):
        sheet.text(x, base - i * LEADING, text, css, "middle" if block.is_double else "end")
    for column in block.columns if block.is_double else ():
        sheet.text(column.right - PAD, bottom, column.label, "q", "end")


def _draw_line(sheet: Sheet, line: _Line, columns: Sequence[_Column], label_right: float) -> None:
    baseline = sheet.y + PAD / 2 + _ASCENT
    for i, text in enumerate(line.label):
        css = "b" if line.bold else ""
        sheet.text(MARGIN + PAD + line.level * _INDENT, baseline + i * LEADING, text, css)
    if line.statistic:
        sheet.text(label_right + PAD, baseline, line.statistic, "q")
    for cell, column in zip(line.cells, columns, strict=False):
        if cell is not None:
            _draw_cell(sheet, cell, column, baseline)
    sheet.y += line.height
    if line.closes:
        sheet.rule("r")


def _draw_cell(sheet: Sheet, cell: _Cell, column: _Column, baseline: float) -> None:
    edge = column.right - PAD
    for i, text in enumerate(cell.lines):
        sheet.text(edge - column.room(cell), baseline + i * LEADING, text, "", "end")
    if cell.share:
        sheet.text(edge, baseline, cell.share, "", "end")


def listing_svg(listing: Listing, name: str, max_rows: int = 8) -> Html:
    """Draw the first rows of a listing."""
    rows = [["" if value is None else str(value) for value in row] for row in listing.rows]
    heads = [broken(column.label, _HEAD) for column in listing.columns]
    columns = [
        _Column(width=max(map(width_of, [*head, *(row[i] for row in rows[:max_rows])])) + 2 * PAD)
        for i, head in enumerate(heads)
    ]
    _placed(columns, MARGIN)
    sheet = Sheet(columns[-1].right)
    _draw_listing_heads(sheet, heads, columns)
    for row in rows[:max_rows]:
        for text, column in zip(row, columns, strict=True):
            sheet.text(column.left + PAD, sheet.y + PAD / 2 + _ASCENT, text)
        sheet.y += LEADING + PAD
        sheet.rule("r")
    notes = [f"… and {len(rows) - max_rows} more rows"] if len(rows) > max_rows else []
    return sheet.finished([*notes, *listing.footnotes], name)


def narratives_svg(narratives: Narratives, name: str, max_subjects: int = 2) -> Html:
    """Draw the first narratives."""
    rows, sheet = list(narratives.rows), Sheet(_PAGE)
    for subject, *paragraphs in rows[:max_subjects]:
        sheet.text(MARGIN + PAD, sheet.y + _ASCENT, f"Subject {subject}", "b")
        sheet.y += LEADING
        for paragraph in paragraphs:
            for text in broken(str(paragraph), _PAGE - 2 * MARGIN):
                sheet.y += LEADING
                sheet.text(MARGIN + PAD, sheet.y, text)
            sheet.y += PAD
        sheet.rule("r")
        sheet.y += PAD
    notes = (
        [f"… and {len(rows) - max_subjects} more narratives"] if len(rows) > max_subjects else []
    )
    return sheet.finished(notes, name)


def _draw_listing_heads(
    sheet: Sheet, heads: Sequence[list[str]], columns: Sequence[_Column]
) -> None:
    height = max(map(len, heads)) * LEADING + PAD
    sheet.shade(height)
    sheet.rule("e")
    for head, column in zip(heads, columns, strict=True):
        for i, text in enumerate(reversed(head)):
            baseline = sheet.y + height - PAD / 2 - _DESCENT - i * LEADING
            sheet.text(column.left + PAD, baseline, text, "b")
    sheet.y += height
    sheet.rule("e")
