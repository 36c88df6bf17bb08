"""The frame of a plot: scales, ticks, grid, levels of reference, and numbers under the axis."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from trial.deferred import dataclass
from trial.render.figures.canvas import (
    LEADING,
    PAD,
    SIZE,
    WIDTH,
    Canvas,
    lines_of,
    non_overlapping,
    series_style,
    width_of,
)
from trial.tables.grid import Figure, Series
from trial.tables.rounding import decimal_text, ticks

HEIGHT = 300
INSET = 16  # from the frame to the first and the last mark
_TWO_DECADES = 100
_CLOSE = 3.0  # between two numbers under the axis
_SHORT = 26.0  # a sample beside them
RIGHT = float(WIDTH - 2 * PAD)
_BESIDE = 140.0  # the name of a level of reference
_LEAST_LEFT = 56.0  # room for the shapes that say whose the numbers under the axis are


@dataclass(frozen=True)
class Scale:
    """Where on the page the values from `low` to `high` stand."""

    low: Decimal
    high: Decimal
    start: float
    end: float

    def __call__(self, value: str | Decimal) -> float:
        """Return where a value stands."""
        share = (Decimal(value) - self.low) / ((self.high - self.low) or 1)
        return self.start + float(share) * (self.end - self.start)

    def holds(self, value: Decimal) -> bool:
        """Return whether a value is on the scale."""
        return self.low <= value <= self.high

    def labels(self, values: Sequence[Decimal]) -> list[str]:
        """Write some values of the scale, all to as many decimals as the finest needs."""
        return labels(values)


@dataclass(frozen=True)
class LogScale(Scale):
    """Where values above 0 stand on the page, by their logarithms."""

    def __call__(self, value: str | Decimal) -> float:
        """Return where a value above 0 stands."""
        span = float((self.high / self.low).ln()) or 1.0
        share = float((Decimal(value) / self.low).ln()) / span
        return self.start + share * (self.end - self.start)

    def labels(self, values: Sequence[Decimal]) -> list[str]:
        """Write each value with the decimals that it needs itself."""
        return [f"{value.normalize():f}" for value in values]


def log_ticks(low: Decimal, high: Decimal) -> list[Decimal]:
    """Return ticks of a logarithmic axis: 1, 2 and 5 times powers of ten, or these alone.

    The first is not above `low` nor the last below `high`, both being above 0.
    """
    powers = range(low.adjusted() - 1, high.adjusted() + 3)
    digits = (1, 2, 5) if high / low <= _TWO_DECADES else (1,)
    rungs = [Decimal(digit).scaleb(power) for power in powers for digit in digits]
    first = max(i for i, rung in enumerate(rungs) if rung <= low)
    last = min(i for i, rung in enumerate(rungs) if rung >= high)
    return rungs[first : max(last, first + 1) + 1]


@dataclass(frozen=True)
class Frame:
    """A plot's edges and its vertical scale."""

    left: float
    right: float
    y: Scale

    @property
    def ends(self) -> tuple[float, float]:
        """Return its left and its right edge."""
        return self.left, self.right


def labels(values: Sequence[Decimal]) -> list[str]:
    """Write the values of an axis, all to as many decimals as the finest needs."""
    places = max((max(-int(value.as_tuple().exponent), 0) for value in values), default=0)
    return [decimal_text(value, places) for value in values]


def frame(canvas: Canvas, figure: Figure) -> Frame:
    """Draw the vertical axis with its grid and its levels of reference."""
    levels = [*(value for value, _ in figure.references), *(figure.y_range or ())]
    levels += ["0"] if figure.kind == "bars" else []
    for series in figure.series:
        for mark in series.marks:
            levels += [level for level in (mark.y, mark.low, mark.high) if level is not None]
            if mark.quartiles is not None:
                levels += [mark.quartiles.mean, *(value for value, _ in mark.quartiles.outside)]
    values = [Decimal(level) for level in levels]
    rungs = ticks(min(values), max(values))
    left_edge = max(_LEAST_LEFT, 2 * PAD + max(map(width_of, labels(rungs))))
    right = RIGHT - name_width(figure)
    canvas.paragraph(PAD, lines_of(figure.y_label, WIDTH - 2 * PAD), ink="muted")
    top = canvas.y + SIZE
    canvas.y = top + HEIGHT
    y = Scale(rungs[0], rungs[-1], canvas.y, top)
    for value, label in zip(rungs, labels(rungs), strict=True):
        canvas.line((left_edge, y(value)), (right, y(value)))
        canvas.text(left_edge - PAD, y(value) + 6, label, "end", "muted")
    for level, _ in figure.references:
        canvas.line((left_edge, y(level)), (right, y(level)), "ink", "6 4", 1.5)
    return Frame(left_edge, right, y)


def name_references(canvas: Canvas, figure: Figure, plot: Frame) -> None:
    """Draw the labels of the reference lines at the right of the plot: nothing else is there."""
    free = float("-inf")
    for level, label in sorted(figure.references, key=lambda reference: plot.y(reference[0])):
        lines = _name(label)
        base = max(plot.y(level) + 6 - LEADING * (len(lines) - 1) / 2, free)
        for i, line in enumerate(lines):
            canvas.text(plot.right + PAD, base + i * LEADING, line)
        free = base + len(lines) * LEADING


def name_width(figure: Figure) -> float:
    """Return the width that the names of the reference lines take at the right of the plot."""
    widths = [width_of(line) for _, label in figure.references for line in _name(label)]
    return max((width + PAD for width in widths), default=0)


def _name(label: str) -> list[str]:
    return lines_of(label, _BESIDE, 3)


def across(
    canvas: Canvas, figure: Figure, ends: tuple[float, float], x: Scale, values: Sequence[Decimal]
) -> None:
    """Draw the horizontal axis with as many labels as fit, and its title."""
    shown_values = [value for value in values if x.holds(value)]
    names = {Decimal(place): name for place, name in figure.x_names}
    numbers = x.labels(shown_values)
    texts = [names.get(value, text) for value, text in zip(shown_values, numbers, strict=True)]
    canvas.line((ends[0], canvas.y), (ends[1], canvas.y), "ink", width=1.5)
    places = [(x(value), width_of(text)) for value, text in zip(shown_values, texts, strict=True)]
    for i in non_overlapping(places):
        middle = places[i][0]
        canvas.line((middle, canvas.y), (middle, canvas.y + 6), "ink", width=1.5)
        half = places[i][1] / 2
        inside = max(min(middle, WIDTH - half), half)
        canvas.text(inside, canvas.y + LEADING, texts[i], "middle", "muted")
    canvas.y += LEADING + 4
    name_across(canvas, figure, ends)


def name_across(canvas: Canvas, figure: Figure, ends: tuple[float, float]) -> None:
    """Write the label of the horizontal axis."""
    start, end = ends
    middle = (start + end) / 2
    width = end - start
    if figure.kind == "forest":  # whose plot is narrow: its label may stand under all of the page
        width = 2 * min(middle, WIDTH - middle) - 2 * PAD
    canvas.paragraph(middle, lines_of(figure.x_label, width), "middle", "muted")


def numbers_below(
    canvas: Canvas, figure: Figure, heading: str, x: Scale, rows: Sequence[Mapping[str, int]]
) -> None:
    """Write a row of numbers a series, each under its place on the axis, where they fit."""
    columns = sorted({place for row in rows for place in row}, key=Decimal)
    if not columns:
        return
    widths = [max(width_of(str(row.get(place, ""))) for row in rows) for place in columns]
    fitting = list(non_overlapping(zip(map(x, columns), widths, strict=True), _CLOSE))
    fits_beside = len(rows) == 1 and PAD + width_of(heading) < x(columns[0]) - widths[0] / 2
    canvas.paragraph(PAD, [heading], ink="muted")
    canvas.y -= LEADING if fits_beside else 0
    for number, row in enumerate(rows):
        canvas.y += LEADING
        if len(rows) > 1:
            canvas.sample(PAD, canvas.y - 12, _SHORT, series_style(number), figure.kind)
        for i in fitting:
            if columns[i] in row:
                canvas.text(x(columns[i]), canvas.y - 5, str(row[columns[i]]), "middle")


def counts(series: Series) -> Iterator[tuple[str, int]]:
    """Yield the number of subjects of each mark of a series, by its place."""
    for mark in series.marks:
        if mark.x is not None and mark.n is not None:
            yield mark.x, mark.n
