"""Figures: the data as a plain table, beside them a chart that the spreadsheet draws itself.

The chart draws the points that stand below the table: corners of steps, lengths of error bars.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from itertools import batched
from math import ceil

from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from trial.render.workbook.cell_values import CellValue, digits
from trial.render.workbook.curves import Curve, Point, curves
from trial.render.workbook.drawing import Placed, draw, height
from trial.render.workbook.rows_apart import RowsApart
from trial.render.workbook.segments import name_of
from trial.render.workbook.sheets import SheetLayout, write_head, write_notes
from trial.render.workbook.styles import fill
from trial.tables.bidi import isolated
from trial.tables.grid import Cut, Figure, Mark, Series
from trial.tables.rounding import decimal_text

_HEADS = ("Series", "Label", "X", "Y", "Low", "High", "n")
_POINT_HEADS = ("Series", "Label", "X", "Y", "To low", "To high")
_TEXTS = 2  # columns of texts; those that follow hold numbers
_TEXT_WIDTHS, _NUMBER_WIDTH = range(14, 40), 11
_CHART_COLUMNS, _CHART_COLUMN_WIDTH = 13, 10  # as wide as the chart, at least
_MOST_OUTSIDE = 100  # values of a cell
_ROW = 0.45  # cm, at least
_TOGETHER = 512  # marks that are written together


def write_figure(target: Worksheet, chart: Figure, cut: Cut, apart: RowsApart) -> SheetLayout:
    """Write a figure's sheet: its table and the chart; out of print, the points that it draws.

    The rows of both stand `apart`: there may be some of each subject.
    """
    heads, name = [*_heads(_HEADS), *_heads_beside(chart)], _name_of(chart)
    layout = SheetLayout(
        "Figure", chart.id, chart.title, chart.population, (heads,),
        apart.segments.widths(name, lambda: _widths(chart)), _notes(chart),
    )  # fmt: skip
    first = write_head(target, layout, cut) + 1
    end = apart.add(target, first, name, partial(_rows, chart), layout.widths)
    last = write_notes(target, layout, cut, end)
    chart_curves, chart_column = curves(chart), len(heads) + 2
    anchor = f"{get_column_letter(chart_column)}{first}"
    last = max(last, first + ceil(height(chart, chart_curves) / _ROW))
    columns = [get_column_letter(chart_column + n) for n in range(_CHART_COLUMNS)]
    for column in columns:
        target.column_dimensions[column].width = _CHART_COLUMN_WIDTH
    charts = [(chart, chart_curves, anchor)]
    if chart.panel is not None:
        beside = _panel(chart, chart.panel)
        charts.append((beside, curves(beside), f"{get_column_letter(chart_column)}{last + 2}"))
        last += 2 + ceil(height(beside, charts[-1][1]) / _ROW)
    target.print_area = f"A1:{columns[-1]}{last}"
    row = last + 3
    for number, (figure, points, place) in enumerate(charts):
        points_name = name_of(name, f"chart {number}")
        placed = _write_points(target, layout, points_name, points, row, apart)
        draw(target, figure, placed, place)
        row = max((end for _, _, end in placed), default=row) + 3
    return layout


def _name_of(chart: Figure) -> str:
    """Return a name for all that decides a figure's rows, and those of its points."""
    all_series = [*chart.series, *([] if chart.panel is None else [chart.panel])]
    bare_series = tuple(replace(series, marks=()) for series in all_series)
    bare = replace(chart, series=bare_series, panel=None)
    marks = [_name_of_marks(series.marks) for series in all_series]
    return name_of("figure", repr(bare), repr(chart.panel is None), *marks)


def _name_of_marks(marks: Sequence[Mark]) -> str:
    """Return a name for marks, written some at a time: of a waterfall there is one a subject.

    A mark's members are written, not the mark: that takes half the time.
    """
    together = batched(marks, _TOGETHER, strict=False)
    return name_of(
        *(name_of(repr([tuple(vars(mark).values()) for mark in some])) for some in together)
    )


def _panel(chart: Figure, panel: Series) -> Figure:
    """Return what stands beside the marks of a figure as a figure of its own: a forest."""
    return replace(
        chart, kind="forest", title=f"{chart.title}: {panel.label}", x_label=chart.panel_label,
        series=(panel,), references=(), panel=None,
    )  # fmt: skip


def _heads(names: Sequence[str]) -> list[CellValue]:
    styles = ("head", *["head text"] * (_TEXTS - 1), *["head number"] * (len(names) - _TEXTS))
    return [CellValue(name, style) for name, style in zip(names, styles, strict=True)]


def _widths(chart: Figure) -> tuple[int, ...]:
    """Fit the columns of texts to what they hold."""
    widths = [_NUMBER_WIDTH] * (len(_HEADS) + len(_heads_beside(chart)))
    texts = (*range(_TEXTS), *range(len(_HEADS), len(widths)))
    for n in texts:
        widths[n] = _TEXT_WIDTHS.start
    for row in _rows(chart):
        for n in texts:
            widths[n] = max(widths[n], digits(str(row[n].value)))
    return tuple(
        min(width, _TEXT_WIDTHS.stop) if n in texts else width for n, width in enumerate(widths)
    )


def _notes(chart: Figure) -> tuple[str, ...]:
    labels = (("X", chart.x_label), ("Y", chart.y_label))
    axes = " ".join(f"{axis}: {isolated(label)}." for axis, label in labels if label)
    method = (f"Method: {chart.method}.",) if chart.method else ()
    return (axes, *method, f"From the same sums as table {chart.source}.", *chart.footnotes)


def _rows(chart: Figure) -> Iterator[list[CellValue]]:
    beside = () if chart.panel is None else (chart.panel,)
    all_series = (*chart.series, *beside)
    marks = [(series.label, mark) for series in all_series for mark in _marks(series)]
    # Values and intervals along the horizontal axis.
    lies = chart.kind in {"forest", "stacked", "swimmer"} or chart.panel is not None
    for level, name in chart.x_references:
        marks.append((name, Mark(level, None, label="Reference")))
    for level, name in chart.references:
        x, y = (level, None) if lies else (None, level)
        marks.append((name, Mark(x, y, label="Reference")))
    ends = [end for _, mark in marks for end in (mark.low, mark.high)]
    across = _shape((*(mark.x for _, mark in marks), *(ends if lies else ())), chart.places)
    upright = _shape((*(mark.y for _, mark in marks), *(() if lies else ends)), chart.places)
    for name, mark in marks:
        limits = (_number(text, across if lies else upright) for text in (mark.low, mark.high))
        n = _number(None if mark.n is None else str(mark.n), "0")
        yield [
            CellValue(name, "label"),
            CellValue(mark.label),
            _number(mark.x, across),
            _number(mark.y, upright),
            *limits,
            n,
            *_beside(chart, mark, upright),
        ]


def _heads_beside(chart: Figure) -> list[CellValue]:
    """Return the heads of what stands beside the numbers that every figure has."""
    if chart.kind == "boxes":
        numbers = (CellValue(head, "head number") for head in ("Q1", "Q3", "Mean"))
        return [*numbers, CellValue("Outside the whiskers", "head text")]
    if chart.kind == "swimmer":
        return [*(CellValue(head, "head number") for head in chart.heads),
                CellValue("Ongoing", "head text")]  # fmt: skip
    return [CellValue(head, "head text") for head in chart.heads]


def _beside(chart: Figure, mark: Mark, shape: str) -> list[CellValue]:
    if chart.kind == "swimmer":
        happened = dict(mark.lane.happened) if mark.lane is not None else {}
        whole = _shape(happened.values(), chart.places)
        numbers = (_number(happened.get(place), whole) for place in range(len(chart.heads)))
        return [*numbers, CellValue("yes" if mark.lane and mark.lane.goes_on else "")]
    if chart.kind != "boxes":
        return [CellValue(text) for text in mark.beside or ("",) * len(chart.heads)]
    box = mark.quartiles
    if box is None:
        return [*(_number(None, shape) for _ in range(3)), CellValue("")]
    outside = ", ".join(
        decimal_text(Decimal(value), chart.places) + (f" ({n})" if n > 1 else "")
        for value, n in box.outside[:_MOST_OUTSIDE]
    )
    remark = "" if len(box.outside) <= _MOST_OUTSIDE else " and more: see the points of the chart"
    return [*(_number(text, shape) for text in (box.q1, box.q3, box.mean)),
            CellValue(outside + remark)]  # fmt: skip


def _marks(series: Series) -> Iterator[Mark]:
    """Yield all that is known of a series, as marks."""
    nothing = Mark(None, None)
    yield from (mark for mark in series.marks if mark != nothing)
    yield from (Mark(time, None, label="Censored") for time in series.censored)
    yield from (Mark(time, None, label="At risk", n=n) for time, n in series.at_risk)


def _shape(exact: Iterable[str | None], places: int) -> str:
    """Choose the format that shows the chart's decimals, or none where all numbers are whole."""
    numbers = (Decimal(text) for text in exact if text is not None)
    are_whole = all(number == number.to_integral_value() for number in numbers)
    return "0" if are_whole or not places else f"0.{'0' * places}"


def _number(exact: str | None, shape: str) -> CellValue:
    """Show a number in a format; all its digits are there."""
    return CellValue("", "number") if exact is None else CellValue(Decimal(exact), "number", shape)


def _write_points(
    target: Worksheet,
    layout: SheetLayout,
    name: str,
    chart_curves: Sequence[Curve],
    first: int,
    apart: RowsApart,
) -> list[Placed]:
    """Write the points that the chart draws, curve after curve; say where they stand."""
    title = [CellValue("The chart draws these points:", "strong")]
    row = fill(target, layout.widths, [title, _heads(_POINT_HEADS)], first)
    placed = []
    for number, curve in enumerate(chart_curves):
        if curve.points:
            make = partial(_curve_rows, curve)
            end = apart.add(target, row, name_of(name, str(number)), make, layout.widths)
            placed.append((curve, row, end - 1))
            row = end
    return placed


def _curve_rows(curve: Curve) -> Iterator[list[CellValue]]:
    return (_point(curve, point) for point in curve.points)


def _point(curve: Curve, point: Point) -> list[CellValue]:
    """Write a point with all its digits; a bar or a term stands at a name, others at a number."""
    name, position = (
        (point.position, None) if isinstance(point.position, str) else ("", point.position)
    )
    numbers = (position, point.value, point.to_low, point.to_high)
    items = (CellValue("" if number is None else number, "number") for number in numbers)
    return [CellValue(curve.label, "label"), CellValue(name), *items]
