"""Figures of a mark a subject: points, lanes, and lines over visits."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import groupby

from trial.render.figures import alt_text
from trial.render.figures.axes import (
    HEIGHT,
    INSET,
    RIGHT,
    Frame,
    LogScale,
    Scale,
    across,
    frame,
    log_ticks,
    name_references,
    name_width,
)
from trial.render.figures.canvas import (
    LEADING,
    PAD,
    SIZE,
    WIDTH,
    Canvas,
    SeriesStyle,
    colour,
    coordinates,
    lines_of,
    non_overlapping,
    series_style,
    width_of,
)
from trial.tables.grid import Figure, Mark, Series
from trial.tables.rounding import ticks

_LANE = 15.0
_MOST_LANES = 200
_SAMPLE = 20.0
_ARROW = 8.0
_PALE = 0.35
_TOP = frozenset(("upper right", "upper left"))
_RIGHT = frozenset(("upper right", "lower right"))


def scatter(canvas: Canvas, figure: Figure) -> None:
    """Draw a point a subject, the lines of reference, and how many are in each part."""
    marks = [mark for mark in alt_text.marks(figure) if mark.x is not None and mark.y is not None]
    y_values = [Decimal(mark.y or 0) for mark in marks]
    x_values = [Decimal(mark.x or 0) for mark in marks]
    y_rungs = _rungs(figure, y_values, figure.references)
    x_rungs = _rungs(figure, x_values, figure.x_references)
    canvas.paragraph(PAD, lines_of(figure.y_label, WIDTH - 2 * PAD), ink="muted")
    top = canvas.y + SIZE
    canvas.y = top + HEIGHT
    kind = LogScale if figure.log else Scale
    y = kind(y_rungs[0], y_rungs[-1], canvas.y - INSET, top)
    names = y.labels(y_rungs)
    left = 2 * PAD + max(map(width_of, names))
    plot = Frame(left, RIGHT - name_width(figure), y)
    x = kind(x_rungs[0], x_rungs[-1], left + INSET, plot.right - INSET)
    for rung, name in zip(y_rungs, names, strict=True):
        canvas.line((left, y(rung)), (plot.right, y(rung)))
        canvas.text(left - PAD, y(rung) + 6, name, "end", "muted")
    for level, _ in figure.references:
        canvas.line((left, y(level)), (plot.right, y(level)), "ink", "6 4", 1.5)
    for level, _ in figure.x_references:
        canvas.line((x(level), top), (x(level), canvas.y), "ink", "6 4", 1.5)
    for number, series in enumerate(figure.series):
        for mark in series.marks:
            place = _on(x, mark.x or "0"), _on(y, mark.y or "0")
            canvas.mark(*place, series_style(number), alt_text.of_mark(figure, mark))
    _count_quadrants(canvas, figure, plot, (top, canvas.y))
    name_references(canvas, figure, plot)
    across(canvas, figure, plot.ends, x, x_rungs)
    for value, label in figure.x_references:
        canvas.paragraph(left, lines_of(f"\u254e {label} ({value})", RIGHT - left))


def _rungs(
    figure: Figure, values: Sequence[Decimal], references: Sequence[tuple[str, str]]
) -> list[Decimal]:
    levels = [*values, *(Decimal(level) for level, _ in references)]
    if not figure.log:
        return ticks(min(levels), max(levels))
    positive = [level for level in levels if level > 0] or [Decimal(1)]
    return log_ticks(min(positive), max(positive))


def _on(scale: Scale, value: str) -> float:
    """Return where a value stands; one that has no logarithm at the edge."""
    number = Decimal(value)
    return scale(number if scale.holds(number) else max(scale.low, min(scale.high, number)))


def _count_quadrants(
    canvas: Canvas, figure: Figure, plot: Frame, rows: tuple[float, float]
) -> None:
    """Write into each corner how many subjects of each series are there."""
    for parts in zip(*figure.quadrants, strict=True):
        name = parts[0][0]
        text = "n = " + " / ".join(str(n) for _, n in parts)
        right = name in _RIGHT
        place = plot.right - PAD if right else plot.left + PAD
        y = rows[0] + LEADING - 6 if name in _TOP else rows[1] - PAD
        canvas.text(place, y, text, "end" if right else "start", "muted")


def swimmer(canvas: Canvas, figure: Figure) -> None:
    """Draw a lane a subject, with what happened in it; who is still in it has an arrow."""
    _legend(canvas, figure.heads)
    lanes = list(_lanes(figure))
    times = [Decimal(mark.x) for _, mark in lanes if mark.x is not None]
    times += [Decimal(moment) for _, mark in lanes if mark.lane for _, moment in mark.lane.happened]
    rungs = ticks(min([Decimal(0), *times]), max([Decimal(0), *times]))
    x = Scale(rungs[0], rungs[-1], PAD + INSET, RIGHT - INSET)
    canvas.paragraph(PAD, lines_of(figure.y_label, RIGHT), ink="muted")
    canvas.y += PAD
    top, ground = canvas.y, len(canvas.parts)
    for number, mark in lanes:
        _lane(canvas, figure, mark, series_style(number), x)
        canvas.y += _LANE
    uprights = Canvas()
    for value in rungs:
        uprights.line((x(value), top), (x(value), canvas.y))
    canvas.parts[ground:ground] = uprights.parts
    left_out = sum(len(series.marks) for series in figure.series) - len(lanes)
    across(canvas, figure, (PAD, RIGHT), x, rungs)
    if left_out:
        text = f"{left_out} further lanes, the shortest, are not drawn"
        canvas.paragraph(PAD, lines_of(text, RIGHT), ink="muted")


def _lanes(figure: Figure) -> Iterator[tuple[int, Mark]]:
    """Yield the lanes that are drawn, each with the number of its series: of many the longest."""
    share = _MOST_LANES // max(len(figure.series), 1)
    for number, series in enumerate(figure.series):
        for mark in series.marks[: max(share, 1)]:
            yield number, mark


def _lane(canvas: Canvas, figure: Figure, mark: Mark, style: SeriesStyle, x: Scale) -> None:
    start, middle = x("0"), canvas.y + _LANE / 2
    end = x(mark.x or "0")
    top, foot = middle - _LANE / 3, middle + _LANE / 3
    corners = (coordinates(start, top), *map(coordinates, (end, foot, start)))
    title = alt_text.of_mark(figure, mark)
    shape = "M{} H{} V{} H{} Z".format(*corners)
    canvas.area(shape, style.colour, _PALE, title)
    canvas.path(shape, style.colour, style.dash, 1)
    if mark.lane is None:
        return
    if mark.lane.goes_on:
        tip = end + _ARROW
        points = (coordinates(end, top), coordinates(tip, middle), coordinates(end, foot))
        canvas.area("M{} L{} L{} Z".format(*points), style.colour)
    for place, time in mark.lane.happened:
        canvas.mark(x(time), middle, _event_style(place))


def _event_style(place: int) -> SeriesStyle:
    """Return how what happened is drawn: told apart by its shape, and by its colour."""
    return replace(series_style(place + 1), colour=colour(f"series-{place % 5 + 2}"))


def _legend(canvas: Canvas, heads: Sequence[str]) -> None:
    """Draw the legend of the lanes' marks, as many on a line as fit."""
    x = float(PAD)
    for place, head in enumerate(heads):
        lines = lines_of(head, WIDTH - 3 * PAD - _SAMPLE)
        width = _SAMPLE + max(map(width_of, lines), default=0) + 2 * PAD
        if place and (x + width > RIGHT or len(lines) > 1):
            x = PAD
            canvas.y += LEADING
        canvas.mark(x + 7, canvas.y + SIZE - 6, _event_style(place))
        for i, text in enumerate(lines):
            canvas.y += LEADING if i else 0
            canvas.text(x + _SAMPLE, canvas.y + SIZE, text)
        x = x + width if len(lines) == 1 else WIDTH
    canvas.y += LEADING + PAD if heads else 0


def profiles(canvas: Canvas, figure: Figure) -> None:
    """Draw a line a subject through its values by visit."""
    plot = frame(canvas, figure)
    days = sorted({Decimal(mark.x) for mark in alt_text.marks(figure) if mark.x is not None})
    x = Scale(days[0], days[-1], plot.left + INSET, plot.right - INSET)
    for number, series in enumerate(figure.series):
        style = series_style(number)
        for marks in subjects(series):
            points = [coordinates(x(mark.x or "0"), plot.y(mark.y or "0")) for mark in marks]
            if len(points) > 1:
                canvas.path(f"M{' L'.join(points)}", style.colour, style.dash, 1)
            else:
                canvas.mark(x(marks[0].x or "0"), plot.y(marks[0].y or "0"), style)
    name_references(canvas, figure, plot)
    fitting = list(non_overlapping((x(day), width_of(str(day))) for day in days))
    labelled_days = days if len(fitting) == len(days) else ticks(days[0], days[-1], 8)
    across(canvas, figure, plot.ends, x, labelled_days)


def subjects(series: Series) -> Iterator[list[Mark]]:
    """Yield the marks of each subject of profiles."""
    for has_value, marks in groupby(series.marks, lambda mark: mark.x is not None):
        if has_value:
            yield list(marks)
