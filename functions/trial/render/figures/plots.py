"""The kinds of plot: lines by visit, steps of survival, bars by subject, dots by term, forests."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby

from trial.render.figures import alt_text
from trial.render.figures.axes import (
    INSET,
    RIGHT,
    Frame,
    Scale,
    across,
    counts,
    frame,
    name_across,
    name_references,
    numbers_below,
)
from trial.render.figures.boxes import boxes
from trial.render.figures.canvas import (
    LEADING,
    PAD,
    Canvas,
    coordinates,
    lines_of,
    non_overlapping,
    series_style,
    width_of,
)
from trial.render.figures.forest import estimates, forest
from trial.render.figures.stacks import stacked
from trial.render.figures.subjects import profiles, scatter, swimmer
from trial.tables.bidi import isolated
from trial.tables.grid import Figure, Mark, Series
from trial.tables.rounding import ticks

_DODGE = 8  # between the marks of series that stand at one place
_MOST_BARS = 1000  # more would be narrower than a dot of the screen
_GAP = 4  # between bars, where there is room
_TERM = 290  # width of a term
_BETWEEN = 10  # rows of dots


def line(canvas: Canvas, figure: Figure) -> None:
    """Join means or shares by visit, with their intervals and how many each is about."""
    plot = frame(canvas, figure)
    places = [Decimal(mark.x) for mark in alt_text.marks(figure) if mark.x is not None]
    x = Scale(min(places), max(places), plot.left + INSET, plot.right - INSET)
    for number, series in enumerate(figure.series):
        offset = _offset(number, len(figure.series), 2 * INSET - _DODGE)
        _line(canvas, figure, number, [
            (mark, x(mark.x) + offset) for mark in series.marks if mark.x is not None
        ], plot.y)  # fmt: skip
    name_references(canvas, figure, plot)
    days = sorted(set(places))
    fitting_days = list(non_overlapping((x(day), width_of(str(day))) for day in days))
    all_fit = len(fitting_days) == len(days) or figure.x_names  # of names some may be left out
    labelled_days = days if all_fit else ticks(days[0], days[-1], 8)
    across(canvas, figure, plot.ends, x, labelled_days)
    numbers_below(canvas, figure, "n", x, [dict(counts(series)) for series in figure.series])


def _offset(number: int, series: int, room: float) -> float:
    """Return how far a series' mark stands from the place that it shares with others'."""
    return min(_DODGE, room / series) * (number - (series - 1) / 2)


def _line(
    canvas: Canvas, figure: Figure, number: int, marks: Sequence[tuple[Mark, float]], y: Scale
) -> None:
    style = series_style(number)
    for has_value, together in groupby(marks, lambda point: point[0].y is not None):
        points = [coordinates(x, y(mark.y or "")) for mark, x in together] if has_value else []
        if len(points) > 1:
            canvas.path(f"M{' L'.join(points)}", style.colour, style.dash)
    for mark, x in marks:
        if mark.y is None:
            continue
        if mark.low is not None and mark.high is not None:
            low, high = y(mark.low), y(mark.high)
            ends = "".join(
                f" M{coordinates(x - 5, end)} L{coordinates(x + 5, end)}" for end in (low, high)
            )
            canvas.path(
                f"M{coordinates(x, low)} L{coordinates(x, high)}{ends}", style.colour, width=1.5
            )
        canvas.mark(x, y(mark.y), style, alt_text.of_mark(figure, mark))


def step(canvas: Canvas, figure: Figure) -> None:
    """Draw curves that stay level between events, their limits, and where follow-up ended."""
    plot = frame(canvas, figure)
    at_risk = [dict(series.at_risk) for series in figure.series]
    times = [Decimal(mark.x) for mark in alt_text.marks(figure) if mark.x is not None]
    risk_times = [Decimal(time) for row in at_risk for time in row]
    x = Scale(Decimal(0), max(*times, *risk_times, Decimal(1)), plot.left, plot.right - INSET)
    for number, series in enumerate(figure.series):
        canvas.area(_band(series, x, plot.y), series_style(number).colour, 0.12)
    for number, series in enumerate(figure.series):
        _curve(canvas, number, series, x, plot.y)
    name_references(canvas, figure, plot)
    across(canvas, figure, plot.ends, x, sorted(set(risk_times)) or ticks(0, x.high))
    numbers_below(canvas, figure, "Number at risk", x, at_risk)


def cumulative(canvas: Canvas, figure: Figure) -> None:
    """Draw curves that rise at each value by the share of those who have it."""
    plot = frame(canvas, figure)
    values = [Decimal(mark.x) for mark in alt_text.marks(figure) if mark.x is not None]
    rungs = ticks(min(values), max(values))
    x = Scale(rungs[0], rungs[-1], plot.left + INSET, plot.right - INSET)
    for number, series in enumerate(figure.series):
        _curve(canvas, number, series, x, plot.y)
    name_references(canvas, figure, plot)
    across(canvas, figure, plot.ends, x, rungs)


def _stairs(points: Sequence[tuple[float, float]]) -> str:
    """Lead along a level to each next place, and there up or down."""
    return " ".join(f"H{coordinates(x)} V{coordinates(y)}" for x, y in points)


def _band(series: Series, x: Scale, y: Scale) -> str:
    """Outline what lies between the limits, as far as there are any."""
    limits = [
        (x(mark.x), y(mark.low), y(mark.high))
        for mark in series.marks
        if mark.x is not None and mark.low is not None and mark.high is not None
    ]
    if not limits:
        return "M0,0"
    start, _, high = limits[0]
    upper = _stairs([(place, level) for place, _, level in limits[1:]])
    lower = " ".join(
        f"V{coordinates(level)} H{coordinates(place)}" for place, level, _ in reversed(limits[:-1])
    )
    return f"M{coordinates(start, high)} {upper} V{coordinates(limits[-1][1])} {lower} Z"


def _curve(canvas: Canvas, number: int, series: Series, x: Scale, y: Scale) -> None:
    style = series_style(number)
    points = [(x(m.x), y(m.y)) for m in series.marks if m.x is not None and m.y is not None]
    if not points:
        return
    shape = f"M{coordinates(*points[0])} {_stairs(points[1:])}".rstrip()
    canvas.path(shape, style.colour, style.dash, 2.5)
    ends = ""
    for place in map(x, series.censored):
        level = next(height for reached, height in reversed(points) if reached <= place)
        ends += f"M{coordinates(place, level - 6)} V{coordinates(level + 6)} "
    if ends:
        canvas.path(ends.rstrip(), style.colour, width=1.5)


def bars(canvas: Canvas, figure: Figure) -> None:
    """Stand a bar a subject side by side, the series after one another."""
    plot = frame(canvas, figure)
    slots = sum(len(series.marks) for series in figure.series) + 2 * len(figure.series) - 2
    size = (plot.right - plot.left - 2 * PAD) / max(slots, 1)
    start, lowest = plot.left + PAD, canvas.y
    for number, series in enumerate(figure.series):
        wide = size * len(series.marks)
        _bars(canvas, figure, number, (start, size), plot)
        canvas.y = plot.y.start + 4
        lines = [f"n = {len(series.marks)}"]
        if len(figure.series) > 1:
            lines += lines_of(series.label, max(wide, plot.right / len(figure.series) - 2 * PAD), 3)
        canvas.paragraph(start + wide / 2, lines, "middle", "muted")
        lowest = max(lowest, canvas.y)
        start += wide + 2 * size
    canvas.y = lowest
    zero = plot.y(Decimal(0))
    canvas.line((plot.left, zero), (plot.right, zero), "ink", width=1.5)
    name_references(canvas, figure, plot)
    name_across(canvas, figure, plot.ends)


def _bars(
    canvas: Canvas, figure: Figure, number: int, place: tuple[float, float], plot: Frame
) -> None:
    """Draw a series' bars; of very many, as many as can be told non_overlapping."""
    (start, size), series = place, figure.series[number]
    stride = -(-len(series.marks) // _MOST_BARS)
    gap = _GAP if size > 3 * _GAP else size / 5 if size > 2 else 0  # noqa: PLR2004 (dots)
    zero = plot.y(Decimal(0))
    for i in range(0, len(series.marks), stride or 1):
        mark = series.marks[i]
        top = plot.y(mark.y or "0")
        top = top if abs(top - zero) > 1 else zero - 1  # a bar of 0 is there too
        x, width = start + i * size + gap / 2, size * stride - gap
        corners = (coordinates(x, zero), *map(coordinates, (top, x + width, zero)))
        shape = "M{} V{} H{} V{} Z".format(*corners)
        canvas.area(shape, series_style(number).colour, title=alt_text.of_mark(figure, mark))


def dots(canvas: Canvas, figure: Figure) -> None:
    """Draw a line for each term, with a mark a series along it."""
    terms = [lines_of(mark.label, _TERM, 2) for mark in figure.series[0].marks]
    left_edge = 2 * PAD + max(width_of(text) for lines in terms for text in lines)
    values = [Decimal(mark.x) for mark in alt_text.marks(figure) if mark.x is not None]
    panel = figure.panel
    end = RIGHT if panel is None else left_edge + (RIGHT - left_edge) / 2
    rungs = ticks(0, max(values), 6 if panel is None else 3)
    x = Scale(rungs[0], rungs[-1], left_edge + INSET, end - INSET)
    canvas.paragraph(PAD, lines_of(figure.y_label, RIGHT), ink="muted")
    canvas.y += PAD
    top, grid, middles = canvas.y, len(canvas.parts), []
    for rank, lines in enumerate(terms):
        height = LEADING * max(len(lines), 1) + _BETWEEN
        _dots(canvas, figure, rank, (left_edge, x), lines, height)
        middles.append(canvas.y + height / 2)
        canvas.y += height
    uprights = Canvas()
    for value in rungs:
        uprights.line((x(value), top), (x(value), canvas.y))
    foot = canvas.y
    across(canvas, figure, (left_edge, end), x, rungs)
    if panel is not None:
        estimates(canvas, figure, panel, (end + PAD, RIGHT), (top, foot, middles))
    canvas.parts[grid:grid] = uprights.parts


def _dots(canvas: Canvas, figure: Figure, rank: int, place: tuple[float, Scale],
          lines: Sequence[str], height: float) -> None:  # fmt: skip
    (left_edge, x), middle = place, canvas.y + height / 2
    canvas.line((left_edge, middle), (RIGHT, middle), dash="2 4")
    first = middle - LEADING * (len(lines) - 1) / 2 + 6
    for i, text in enumerate(lines):
        canvas.text(left_edge - PAD, first + i * LEADING, text, "end")
    for number, series in enumerate(figure.series):
        mark, offset = series.marks[rank], _offset(number, len(figure.series), height - _DODGE)
        if mark.x is not None:
            title = f"{isolated(series.label)}, {alt_text.of_mark(figure, mark)}"
            canvas.mark(x(mark.x), middle + offset, series_style(number), title)


PLOTS: Mapping[str, Callable[[Canvas, Figure], None]] = {
    "line": line,
    "step": step,
    "bars": bars,
    "dots": dots,
    "forest": forest,
    "boxes": boxes,
    "stacked": stacked,
    "scatter": scatter,
    "swimmer": swimmer,
    "profiles": profiles,
    "cumulative": cumulative,
}
