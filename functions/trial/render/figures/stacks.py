"""Stacked bars: a line for each bar, its categories after one another from left to right."""

from decimal import Decimal

from trial.render.figures import alt_text
from trial.render.figures.axes import INSET, RIGHT, Scale, across
from trial.render.figures.canvas import (
    LEADING,
    PAD,
    Canvas,
    coordinates,
    lines_of,
    shade,
    width_of,
)
from trial.tables.bidi import isolated
from trial.tables.grid import Figure
from trial.tables.rounding import decimal_text, ticks

_LABEL = 250.0
_HEIGHT = 26
_BETWEEN = 10
_HUNDRED = Decimal(100)
_DARK = 0.6  # of a part as opaque as that, numbers are light


def stacked(canvas: Canvas, figure: Figure) -> None:
    """Draw a lying bar a line, whose parts are in percent, and write how many it is of."""
    labels = [lines_of(label, _LABEL, 3) for label, _ in figure.sizes]
    left = 2 * PAD + max((width_of(text) for lines in labels for text in lines), default=0)
    sizes = [f"N = {size}" for _, size in figure.sizes]
    end = RIGHT - max(map(width_of, sizes), default=0) - PAD
    x = Scale(Decimal(0), _HUNDRED, left, end - INSET)
    canvas.paragraph(PAD, lines_of(figure.y_label, RIGHT), ink="muted")
    canvas.y += PAD
    top, ground = canvas.y, len(canvas.parts)
    for i, lines in enumerate(labels):
        height = max(LEADING * len(lines), _HEIGHT) + _BETWEEN
        middle = canvas.y + height / 2
        first = middle - LEADING * (len(lines) - 1) / 2 + 6
        for line, text in enumerate(lines):
            canvas.text(left - PAD, first + line * LEADING, text, "end")
        _bar(canvas, figure, i, middle, x)
        canvas.text(RIGHT, middle + 6, sizes[i], "end", "muted")
        canvas.y += height
    uprights, rungs = Canvas(), ticks(0, 100)
    for value in rungs:
        uprights.line((x(value), top), (x(value), canvas.y))
    canvas.parts[ground:ground] = uprights.parts
    across(canvas, figure, (left, end), x, rungs)


def _bar(canvas: Canvas, figure: Figure, place: int, middle: float, x: Scale) -> None:
    """Draw a bar's parts, each with its percentage where that has room."""
    reached, texts = Decimal(0), []
    for number, series in enumerate(figure.series):
        mark = series.marks[place]
        if mark.x is None or not Decimal(mark.x):
            continue
        style, start = shade(number, len(figure.series)), x(reached)
        reached = min(reached + Decimal(mark.x), _HUNDRED)
        end = x(reached)
        top, foot = middle - _HEIGHT / 2, middle + _HEIGHT / 2
        corners = (coordinates(start, top), *map(coordinates, (end, foot, start)))
        shape = "M{} H{} V{} H{} Z".format(*corners)
        title = f"{isolated(series.label)}, {alt_text.of_mark(figure, mark)}"
        canvas.area(shape, style.colour, style.opacity, title)
        canvas.path(shape, style.colour, width=1)
        text = decimal_text(Decimal(mark.x), 0)
        if width_of(text) + PAD <= end - start:
            ink = "page" if style.opacity > _DARK else "ink"
            texts.append(((start + end) / 2, text, ink))
    for centre, text, ink in texts:
        canvas.text(centre, middle + 6, text, "middle", ink)
