"""Forest plots: a line for each estimate, its interval along it, and the figures beside."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from trial.deferred import dataclass
from trial.render.figures import alt_text
from trial.render.figures.axes import INSET, RIGHT, LogScale, Scale, across, log_ticks
from trial.render.figures.canvas import (
    LEADING,
    PAD,
    WIDTH,
    Canvas,
    SeriesStyle,
    colour,
    coordinates,
    lines_of,
    series_style,
    width_of,
)
from trial.tables.grid import Figure, Mark, Series
from trial.tables.rounding import ticks

_INDENT = 16
_BETWEEN = 8  # lines of the forest
_LABEL, _LEAST_LABEL = 210.0, 120.0
_HEAD = 130.0  # a word of a head of counts may make its column as wide
_LEAST_PLOT = 150.0
_FARTHEST = 50  # times the outermost estimate; beyond, a limit is an arrow
_ARROW = 7


@dataclass(frozen=True)
class _Layout:
    """Where the columns stand: labels, counts by their right edges and widths, then the plot.

    Where there is no room beside the plot, `is_stacked`: estimates stand in a line of their own.
    """

    label: float
    counts: Sequence[tuple[float, float]]
    plot: tuple[float, float]
    is_stacked: bool


def forest(canvas: Canvas, figure: Figure) -> None:
    """Draw a line for each row, with its interval, its counts and its estimate in figures."""
    marks = figure.series[0].marks
    layout = _layout(figure, marks)
    x, rungs = _scale(figure, marks, layout.plot)
    _heads(canvas, figure, layout)
    top, ground = canvas.y, len(canvas.parts)
    for mark in marks:
        _line(canvas, figure, mark, layout, x)
    _uprights(canvas, figure, (top, canvas.y), ground, (x, rungs))
    across(canvas, figure, layout.plot, x, rungs)
    for value, label in figure.references:
        text = f"{label} ({alt_text.number(figure, value)})"
        canvas.paragraph(layout.plot[0], lines_of(f"\u254e {text}", RIGHT - layout.plot[0]))


def estimates(
    canvas: Canvas, figure: Figure, panel: Series, ends: tuple[float, float],
    rows: tuple[float, float, Sequence[float]],
) -> None:  # fmt: skip
    """Draw the estimates of a panel beside what has its lines already, and its axis at the foot."""
    top, foot, middles = rows
    below, canvas.y = canvas.y, foot
    alone = replace(figure, references=(), x_label=figure.panel_label)
    x, rungs = _scale(alone, panel.marks, ends)
    _uprights(canvas, alone, (top, foot), len(canvas.parts), (x, rungs))
    style = replace(series_style(3), colour=colour("ink"))
    for mark, middle in zip(panel.marks, middles, strict=True):
        _interval(canvas, mark, middle, x, style, alt_text.of_estimate(figure, mark))
    across(canvas, alone, ends, x, rungs)
    canvas.y = max(below, canvas.y)


def _layout(figure: Figure, marks: Sequence[Mark]) -> _Layout:
    rows = [mark for mark in marks if not mark.is_heading]
    needed = max(width_of(mark.label) + _INDENT * mark.level for mark in rows)
    counts = []
    for i, head in enumerate(figure.heads[:-1]):
        heading = min(max(map(width_of, head.split()), default=0), _HEAD)
        counts.append(max([heading, *(width_of(mark.beside[i]) for mark in rows)]))
    beside = sum(width + 2 * PAD for width in counts)
    estimate_width = max(width_of(mark.beside[-1]) for mark in rows) + 2 * PAD
    room = RIGHT - 2 * PAD - beside
    is_stacked = room - estimate_width - min(needed, _LEAST_LABEL) < _LEAST_PLOT
    end = RIGHT - (0 if is_stacked else estimate_width)
    widest = end - 2 * PAD - beside - _LEAST_PLOT
    label = max(min(needed, _LABEL, widest), _INDENT)
    edges, left = [], PAD + label + PAD
    for width in counts:
        left += width + 2 * PAD
        edges.append((left - PAD, width))
    return _Layout(label, edges, (left + PAD, end), is_stacked)


def _scale(
    figure: Figure, marks: Sequence[Mark], plot: tuple[float, float]
) -> tuple[Scale, list[Decimal]]:
    """Return where values stand; an interval that reaches too far does not make the axis longer."""
    middles = [Decimal(mark.x) for mark in marks if mark.x is not None]
    middles += [Decimal(value) for value, _ in figure.references]
    middles += [Decimal(figure.neutral)] if figure.neutral is not None else []
    limits = [Decimal(end) for mark in marks for end in (mark.low, mark.high) if end is not None]
    start, end = plot[0] + INSET, plot[1] - INSET
    if not figure.log:
        rungs = ticks(min(middles + limits), max(middles + limits), 4)
        return Scale(rungs[0], rungs[-1], start, end), rungs
    positive = [value for value in middles if value > 0]
    least, highest = min(positive) / _FARTHEST, max(positive) * _FARTHEST
    near = [value for value in limits if least <= value <= highest]
    rungs = log_ticks(min(positive + near), max(positive + near))
    return LogScale(rungs[0], rungs[-1], start, end), rungs


def _heads(canvas: Canvas, figure: Figure, layout: _Layout) -> None:
    """Write the heads of all columns, so that their last lines stand side by side."""
    *counts, estimate = figure.heads
    blocks = [(float(PAD), "start", lines_of(figure.y_label, layout.label, 3))]
    blocks += [
        (edge, "end", lines_of(head, width + 1, 3))
        for (edge, width), head in zip(layout.counts, counts, strict=True)
    ]
    room = RIGHT - layout.plot[1] - PAD if not layout.is_stacked else RIGHT - layout.plot[0]
    blocks.append((RIGHT, "end", lines_of(estimate, room, 3)))
    height = max(len(lines) for _, _, lines in blocks)
    for place, anchor, lines in blocks:
        for i, text in enumerate(lines):
            y = canvas.y + LEADING * (height - len(lines) + i + 1) - 5
            canvas.text(place, y, text, anchor, "muted")
    canvas.y += LEADING * height + PAD


def _line(canvas: Canvas, figure: Figure, mark: Mark, layout: _Layout, x: Scale) -> None:
    indent = min(_INDENT * mark.level, layout.label / 2)
    estimate = mark.beside[-1]
    beside = width_of(estimate) + PAD if estimate and (mark.is_heading or layout.is_stacked) else 0
    room = WIDTH - 3 * PAD - beside if mark.is_heading else layout.label
    lines = lines_of(mark.label, room - indent, 4)
    rows = max(len(lines), 1 + (layout.is_stacked and not mark.is_heading and bool(estimate)))
    middle = canvas.y + LEADING / 2
    for i, text in enumerate(lines):
        canvas.text(PAD + indent, middle + 6 + i * LEADING, text)
    for (edge, _), text in zip(layout.counts, mark.beside[:-1], strict=True):
        canvas.text(edge, middle + 6, text, "end")
    below = LEADING if layout.is_stacked and not mark.is_heading else 0
    canvas.text(RIGHT, middle + 6 + below, estimate, "end")
    if not mark.is_heading:
        _interval(canvas, mark, middle, x, series_style(0), alt_text.of_mark(figure, mark))
    canvas.y += LEADING * rows + _BETWEEN


def _interval(
    canvas: Canvas, mark: Mark, y: float, x: Scale, style: SeriesStyle, title: str
) -> None:
    """Draw an interval with its estimate; what goes beyond the axis ends in an arrow."""
    if mark.x is None and mark.low is None and mark.high is None:
        return
    ends = [(mark.low, x.start, -1), (mark.high, x.end, 1)]
    if mark.low is not None or mark.high is not None:
        places = [_end(canvas, style, y, x, end) for end in ends]
        canvas.path(f"M{coordinates(places[0], y)} L{coordinates(places[1], y)}", style.colour)
    if mark.x is not None and x.holds(Decimal(mark.x)):
        canvas.mark(x(mark.x), y, style, title)


def _end(
    canvas: Canvas, style: SeriesStyle, y: float, x: Scale,
    end: tuple[str | None, float, int],
) -> float:  # fmt: skip
    """Draw one end of an interval, and return where it is."""
    limit, edge, side = end
    if limit is not None and x.holds(Decimal(limit)):
        place = x(limit)
        canvas.path(f"M{coordinates(place, y - 5)} V{coordinates(y + 5)}", style.colour, width=1.5)
        return place
    place = edge + side * (INSET - 2)
    back = place - side * _ARROW
    points = (coordinates(back, y - 5), coordinates(place, y), coordinates(back, y + 5))
    canvas.path("M{} L{} L{}".format(*points), style.colour, width=1.5)
    return place


def _uprights(
    canvas: Canvas, figure: Figure, rows: tuple[float, float], ground: int,
    axis: tuple[Scale, Sequence[Decimal]],
) -> None:  # fmt: skip
    """Draw the grid, the neutral value and the references, below what is drawn already."""
    (top, foot), (x, rungs), uprights = rows, axis, Canvas()
    for value in rungs:
        uprights.line((x(value), top), (x(value), foot))
    if figure.neutral is not None:
        place = x(figure.neutral)
        uprights.path(f"M{coordinates(place, top)} V{coordinates(foot)}", colour("ink"), width=1.5)
    for level, _ in figure.references:
        if x.holds(Decimal(level)):
            uprights.line((x(level), top), (x(level), foot), "ink", "6 4", 1.5)
    canvas.parts[ground:ground] = uprights.parts
