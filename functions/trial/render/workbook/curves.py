"""What a chart draws, as points: corners of steps, ends of references, lengths of error bars."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Literal

from trial.deferred import dataclass
from trial.tables.bidi import isolated
from trial.tables.grid import Figure, Mark, Series

NO_EFFECT = "No effect"
"""What the line is called where neither side is better."""
_HALF = Decimal("0.5")
_BOXES, _WIDTH = Decimal("0.75"), Decimal("0.8")  # of a place, and of the room of a box

CurveKind = Literal[
    "line", "step", "bars", "dots", "censored", "reference", "forest", "box", "outside"
]


@dataclass(frozen=True, slots=True)
class Point:
    """A point: where it stands, and how far its error bar reaches down and up."""

    position: Decimal | str
    value: Decimal | None
    to_low: Decimal | None = None
    to_high: Decimal | None = None


@dataclass(frozen=True)
class Curve:
    """What the legend names once; `place` is the number of its series, which decides its colour."""

    label: str
    kind: CurveKind
    points: tuple[Point, ...]
    place: int = 0


def curves(chart: Figure) -> tuple[Curve, ...]:
    """Return all that a chart draws, the references last."""
    if chart.kind in _WHOLE:
        return tuple(_WHOLE[chart.kind](chart))
    chart_curves = list(_WITHOUT_REFERENCES[chart.kind](chart))
    places = _whole_width(
        [point.position for curve in chart_curves for point in curve.points], chart
    )
    for level, name in chart.references:
        points = tuple(Point(place, Decimal(level)) for place in places)
        chart_curves.append(Curve(name, "reference", points))
    return tuple(chart_curves)


def _points(series: Series) -> Iterator[Point]:
    for mark in series.marks:
        if mark.x is not None:
            yield _point(Decimal(mark.x), mark.y, mark)


def _point(position: Decimal | str, value: str | None, mark: Mark) -> Point:
    if value is None:
        return Point(position, None)
    middle = Decimal(value)
    to_low = None if mark.low is None else middle - Decimal(mark.low)
    to_high = None if mark.high is None else Decimal(mark.high) - middle
    return Point(position, middle, to_low, to_high)


def _steps(chart: Figure) -> Iterator[Curve]:
    for place, series in enumerate(chart.series):
        points = [Point(point.position, point.value) for point in _points(series)]
        yield Curve(series.label, "step", tuple(_corners(points)), place)
        if censored := tuple(_censored(series, points)):
            yield Curve(f"{isolated(series.label)}, censored", "censored", censored, place)


def _corners(points: Sequence[Point]) -> Iterator[Point]:
    """Add the corners of a step function: the old value at the time at which it changes."""
    yield from points[:1]
    for before, point in pairwise(points):
        if before.value != point.value:
            yield Point(point.position, before.value)
        yield point


def _censored(series: Series, points: Sequence[Point]) -> Iterator[Point]:
    """Set a mark on the curve at each time at which follow-up ended."""
    for time in map(Decimal, series.censored):
        passed = [
            point
            for point in points
            if isinstance(point.position, Decimal) and point.position <= time
        ]
        if passed:
            yield Point(time, passed[-1].value)


def _bars(chart: Figure) -> Iterator[Curve]:
    """Return the bars of each series, each with a place for every bar of the whole chart.

    A chart has one row of categories, so the bars of the other series are there too, empty.
    """
    marks = [
        (place, mark)
        for place, chart_series in enumerate(chart.series)
        for mark in chart_series.marks
    ]
    for place, series in enumerate(chart.series):
        points = (
            _point(mark.label or mark.x or "", mark.y if owner == place else None, mark)
            for owner, mark in marks
        )
        yield Curve(series.label, "bars", tuple(points), place)


def _lanes(chart: Figure) -> Iterator[Curve]:
    """Return the lanes of each series, each with a place for every lane of the whole chart."""
    lanes = [(place, mark) for place, series in enumerate(chart.series) for mark in series.marks]
    for place, series in enumerate(chart.series):
        points = (
            _point(str(rank), mark.x if owner == place else None, mark)
            for rank, (owner, mark) in enumerate(lanes, 1)
        )
        yield Curve(series.label, "bars", tuple(points), place)


def _scatter(chart: Figure) -> Iterator[Curve]:
    places, levels = [], []
    for place, series in enumerate(chart.series):
        points = tuple(_points(series))
        places += [point.position for point in points if isinstance(point.position, Decimal)]
        levels += [point.value for point in points if point.value is not None]
        yield Curve(series.label, "outside", points, place)
    if not places or not levels:
        return
    places += [Decimal(value) for value, _ in chart.x_references]
    levels += [Decimal(value) for value, _ in chart.references]
    for value, name in chart.references:
        ends = (Point(end, Decimal(value)) for end in (min(places), max(places)))
        yield Curve(name, "reference", tuple(ends))
    for value, name in chart.x_references:
        ends = (Point(Decimal(value), end) for end in (min(levels), max(levels)))
        yield Curve(name, "reference", tuple(ends))


def _with_gaps(series: Series) -> Iterator[Point]:
    """Yield the points of each subject, and after them a gap."""
    for before, mark in pairwise((*series.marks, None)):
        if before is not None and before.x is not None and before.y is not None:
            yield Point(Decimal(before.x), Decimal(before.y))
            if mark is None or mark.x is None:
                yield Point(Decimal(before.x), None)


def _dots(chart: Figure) -> Iterator[Curve]:
    terms = {mark.label: Decimal(mark.y or 0) for series in chart.series for mark in series.marks}
    ranked = sorted(terms, key=lambda term: terms[term])
    for place, series in enumerate(chart.series):
        marks = {mark.label: mark for mark in series.marks}
        points = (
            _point(term, marks[term].x, marks[term]) if term in marks else Point(term, None)
            for term in ranked
        )
        yield Curve(series.label, "dots", tuple(points), place)


def _forest(chart: Figure) -> Iterator[Curve]:
    """Return each estimate as a curve of its own, whose name stands beside it; then the levels."""
    (series,) = chart.series
    for mark in series.marks:
        if mark.x is not None:
            error = _point("", mark.x, mark)
            point = Point(Decimal(mark.x), Decimal(mark.y or 0), error.to_low, error.to_high)
            yield Curve(mark.label, "forest", (point,))
    foot = Decimal(len(series.marks)) + _HALF
    neutral = () if chart.neutral is None else ((chart.neutral, NO_EFFECT),)
    for value, label in (*neutral, *chart.references):
        ends = (Point(Decimal(value), end) for end in (_HALF, foot))
        yield Curve(label, "reference", tuple(ends))


def _boxes(chart: Figure) -> Iterator[Curve]:
    """Return the outlines of the boxes of each series, the means and the values outside."""
    room = _BOXES / len(chart.series)
    for place, series in enumerate(chart.series):
        offset = room * (place - Decimal(len(chart.series) - 1) / 2)
        boxes = [
            (Decimal(mark.x) + offset, mark, mark.quartiles)
            for mark in series.marks
            if mark.x is not None and mark.quartiles is not None
        ]
        outline = [point for x, mark, _ in boxes for point in _outline(mark, x, room * _WIDTH / 2)]
        yield Curve(series.label, "box", tuple(outline), place)
        means = tuple(Point(x, Decimal(quartiles.mean)) for x, _, quartiles in boxes)
        yield Curve(f"{isolated(series.label)}, mean", "outside", means, place)
        outside = tuple(
            Point(x, Decimal(value)) for x, _, quartiles in boxes for value, _ in quartiles.outside
        )
        if outside:
            yield Curve(f"{isolated(series.label)}, outside", "outside", outside, place)


def _outline(mark: Mark, x: Decimal, half: Decimal) -> Iterator[Point]:
    """Yield the points of a box and its whiskers as one line, and a gap after it."""
    if mark.quartiles is None or mark.y is None or mark.low is None or mark.high is None:
        return
    low, median, high = map(Decimal, (mark.low, mark.y, mark.high))
    q1, q3 = Decimal(mark.quartiles.q1), Decimal(mark.quartiles.q3)
    left, right = x - half, x + half
    yield from map(Point, (x, x, left, left, x, x), (low, q1, q1, q3, q3, high))
    yield from map(Point, (x, right, right, left, right), (q3, q3, median, median, median))
    yield from map(Point, (right, x), (q1, q1))
    yield Point(x, None)


def _whole_width(places: Sequence[Decimal | str], chart: Figure) -> list[Decimal | str]:
    """Return where a reference is drawn: over each bar, or from end to end."""
    if chart.kind == "bars":
        return list(places[: sum(len(series.marks) for series in chart.series)])
    numbers = [place for place in places if isinstance(place, Decimal)]
    return [min(numbers), max(numbers)] if numbers else []


def _lines(chart: Figure) -> Iterator[Curve]:
    for place, series in enumerate(chart.series):
        yield Curve(series.label, "line", tuple(_points(series)), place)


def _profiles(chart: Figure) -> Iterator[Curve]:
    for place, series in enumerate(chart.series):
        yield Curve(series.label, "box", tuple(_with_gaps(series)), place)


type _Drawn = Mapping[str, Callable[[Figure], Iterator[Curve]]]
_WHOLE: _Drawn = {
    "dots": _dots,
    "stacked": _dots,
    "forest": _forest,
    "scatter": _scatter,
    "swimmer": _lanes,
}
"""The kinds of figure that draw their references themselves, or have none."""
_WITHOUT_REFERENCES: _Drawn = {
    "line": _lines,
    "step": _steps,
    "cumulative": _steps,
    "bars": _bars,
    "boxes": _boxes,
    "profiles": _profiles,
}
