"""Boxes: side by side at each place, with their whiskers, their means and the values outside."""

from collections.abc import Sequence
from decimal import Decimal

from trial.render.figures import alt_text
from trial.render.figures.axes import (
    Frame,
    Scale,
    frame,
    name_across,
    name_references,
    numbers_below,
)
from trial.render.figures.canvas import (
    LEADING,
    PAD,
    Canvas,
    SeriesStyle,
    coordinates,
    lines_of,
    non_overlapping,
    series_style,
    width_of,
)
from trial.tables.grid import Figure, Mark, Quartiles

_FILLED = 0.75  # of the room at a place
_WIDEST = 60.0
_LEAST_LABEL = 70.0  # narrower labels are left out where they do not fit on one line
_MOST_OUTSIDE = 60  # of a box; of more, those farthest away


def boxes(canvas: Canvas, figure: Figure) -> None:
    """Draw the boxes of each place side by side, and below how many values each is of."""
    plot = frame(canvas, figure)
    names = [mark.label for mark in figure.series[0].marks]
    room = (plot.right - plot.left) / len(names)
    x = Scale(
        Decimal(1), Decimal(len(names)), plot.left + room / 2, plot.right - room / 2
    )  # fmt: skip
    slot = _FILLED * room / len(figure.series)
    wide = min(slot * 0.8, _WIDEST)
    for number, series in enumerate(figure.series):
        offset = slot * (number - (len(figure.series) - 1) / 2)
        for mark in series.marks:
            _box(canvas, figure, number, mark, (x(mark.x or "1") + offset, wide), plot)
    name_references(canvas, figure, plot)
    canvas.line((plot.left, canvas.y), (plot.right, canvas.y), "ink", width=1.5)
    _name_places(canvas, names, [x(str(rank)) for rank in range(1, len(names) + 1)], room)
    name_across(canvas, figure, plot.ends)
    rows = [{mark.x: mark.n for mark in series.marks if mark.x and mark.n is not None}
            for series in figure.series]  # fmt: skip
    numbers_below(canvas, figure, "n", x, rows)


def _box(
    canvas: Canvas, figure: Figure, number: int, mark: Mark, place: tuple[float, float], plot: Frame
) -> None:
    if mark.y is None or mark.quartiles is None or mark.low is None or mark.high is None:
        return
    style, (middle, wide), y = series_style(number), place, plot.y
    start, right = middle - wide / 2, middle + wide / 2
    top, foot = y(mark.quartiles.q3), y(mark.quartiles.q1)
    corners = (coordinates(start, foot), *map(coordinates, (top, right, foot)))
    shape = "M{} V{} H{} V{} Z".format(*corners)
    canvas.area(shape, style.colour, 0.2, alt_text.of_mark(figure, mark))
    canvas.path(shape, style.colour, style.dash, 1.5)
    for box_end, whisker in ((top, y(mark.high)), (foot, y(mark.low))):
        ends = f"M{coordinates(middle - wide / 4, whisker)} H{coordinates(middle + wide / 4)}"
        canvas.path(f"M{coordinates(middle, box_end)} V{coordinates(whisker)} {ends}",
                    style.colour, width=1.5)  # fmt: skip
    level = y(mark.y)
    canvas.path(f"M{coordinates(start, level)} H{coordinates(right)}", style.colour, width=3)
    canvas.mark(middle, y(mark.quartiles.mean), style)
    _outside(canvas, mark.quartiles, middle, plot.y, style)


def _outside(
    canvas: Canvas, quartiles: Quartiles, middle: float, y: Scale, style: SeriesStyle
) -> None:
    """Draw the values beyond the whiskers as rings, one for all subjects who have it."""
    values: Sequence[tuple[str, int]] = quartiles.outside
    if len(values) > _MOST_OUTSIDE:
        values = (*values[: _MOST_OUTSIDE // 2], *values[-_MOST_OUTSIDE // 2 :])
    rings = "".join(
        f"M{coordinates(middle - 3.5, y(value))} a3.5,3.5 0 1 1 7,0 a3.5,3.5 0 1 1 -7,0 "
        for value, _ in values
    )
    if rings:
        canvas.path(rings.rstrip(), style.colour, width=1.5)


def _name_places(
    canvas: Canvas, names: Sequence[str], places: Sequence[float], room: float
) -> None:
    """Write the names of the places, on several lines where these fit, else those that fit."""
    if room >= _LEAST_LABEL:
        blocks = {i: lines_of(name, room - PAD, 3) for i, name in enumerate(names)}
    else:
        fitting = non_overlapping(
            (place, width_of(name)) for place, name in zip(places, names, strict=True)
        )
        blocks = {i: [names[i]] for i in fitting}
    for i, lines in blocks.items():
        for line, text in enumerate(lines):
            canvas.text(places[i], canvas.y + (line + 1) * LEADING, text, "middle", "muted")
    if any(names):
        canvas.y += LEADING * max((len(lines) for lines in blocks.values()), default=0) + 4
