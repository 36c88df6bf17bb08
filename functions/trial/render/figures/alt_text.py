"""A figure in words: for readers who do not see it, and for the title of each mark."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

from trial.tables.bidi import isolated
from trial.tables.grid import Figure, Lane, Mark, Quartiles, Series
from trial.tables.rounding import decimal_text

_SHARES = (5, 25, 50, 75, 95, 100)
_MOST_OUTSIDE = 20
LYING = frozenset(("dots", "forest", "stacked", "swimmer"))
"""The kinds whose values are along the horizontal axis alone."""
NO_DATA = "No data yet"


def drawn(figure: Figure) -> bool:
    """Return whether there is anything to draw."""
    if figure.kind == "forest":
        return any(mark.x is not None or _counts_anybody(mark) for mark in marks(figure))
    return any(mark.x is not None and mark.y is not None for mark in marks(figure))


def _counts_anybody(mark: Mark) -> bool:
    """Return whether a line of a forest is of subjects, though there is no estimate of them."""
    sizes = (text.rpartition("/")[2] for text in mark.beside[:-1])
    return not mark.is_heading and any(size not in ("", "0") for size in sizes)


def marks(figure: Figure) -> Iterator[Mark]:
    """Yield the marks of all series."""
    for series in figure.series:
        yield from series.marks


def name(series: Series) -> str:
    """Return the name of a series, with its number of subjects."""
    label = isolated(series.label)
    return label if series.n is None else f"{label} (N = {series.n})"


def number(figure: Figure, value: str) -> str:
    """Write a value to the figure's decimals."""
    return decimal_text(Decimal(value), figure.places)


def of_mark(figure: Figure, mark: Mark) -> str:
    """Describe one mark: its label, its value, its interval, its number of subjects."""
    if figure.kind == "forest":
        return f"{isolated(mark.label)}: {', '.join(_beside(figure, mark))}"
    if mark.lane is not None:
        return _of_lane(figure, mark, mark.lane)
    value = mark.x if figure.kind in {"dots", "stacked"} else mark.y
    if figure.kind == "scatter":
        subjects = f" [{mark.n} subjects]" if mark.n and mark.n > 1 else ""
        return f"{number(figure, mark.x or '0')}, {number(figure, mark.y or '0')}{subjects}"
    parts = [number(figure, value) if value is not None else "no value"]
    if mark.low is not None and mark.high is not None:
        reach = f"{number(figure, mark.low)} to {number(figure, mark.high)}"
        parts.append(f"({reach})" if mark.quartiles is None else f"(whiskers {reach})")
    if mark.quartiles is not None:
        parts += _of_box(figure, mark.quartiles)
    if mark.n is not None:
        parts.append(f"[n = {mark.n}]")
    text = " ".join(parts)
    return f"{isolated(mark.label)}: {text}" if mark.label else text


def _of_box(figure: Figure, quartiles: Quartiles) -> Iterator[str]:
    """Yield the ends of a box, its mean, and how many subjects have values outside."""
    q1, q3, mean = (
        number(figure, coordinate) for coordinate in (quartiles.q1, quartiles.q3, quartiles.mean)
    )
    yield f"quartiles {q1} and {q3}, mean {mean}"
    if quartiles.outside:
        values = ", ".join(
            number(figure, value) + (f" ({n} subjects)" if n > 1 else "")
            for value, n in quartiles.outside[:_MOST_OUTSIDE]
        )
        excess = len(quartiles.outside) - _MOST_OUTSIDE
        yield f"outside {values}" + (f" and {excess} further values" if excess > 0 else "")


def _of_lane(figure: Figure, mark: Mark, lane: Lane) -> str:
    """Describe a lane: how long it is, what happened in it and when, and whether it goes on."""
    happened = (
        f"{isolated(figure.heads[place])} {number(figure, coordinate)}"
        for place, coordinate in lane.happened
    )
    length = number(figure, mark.x) if mark.x is not None else "no value"
    return ", ".join((length, *happened, *(["ongoing"] if lane.goes_on else [])))


def of_estimate(figure: Figure, mark: Mark) -> str:
    """Describe an estimate beside dots, with its interval; ratios have two decimals."""
    places = 2 if figure.log else figure.places
    middle, low, high = (
        None if value is None else decimal_text(Decimal(value), places)
        for value in (mark.x, mark.low, mark.high)
    )
    limits = f" ({low or 'no limit'} to {high or 'no limit'})" if low or high else ""
    return f"{isolated(mark.label)}: {middle or 'not estimable'}{limits}"


def description(figure: Figure) -> str:
    """Describe a whole figure."""
    across, up = isolated(figure.x_label), isolated(figure.y_label)
    axes = f"{up} by {across}" if figure.kind not in LYING else across
    sentences = _BY_KIND[figure.kind](figure) if drawn(figure) else iter([NO_DATA])
    levels = (f"Line at {value}: {isolated(label)}" for value, label in figure.references)
    return (
        ". ".join(
            filter(None, (axes, isolated(figure.population), figure.method, *levels, *sentences))
        )
        + "."
    )


def _lines(figure: Figure) -> Iterator[str]:
    for series in figure.series:
        marks = "; ".join(of_mark(figure, mark) for mark in series.marks)
        yield f"{name(series)}: {marks}"


def _steps(figure: Figure) -> Iterator[str]:
    for series in figure.series:
        if not series.marks:
            yield f"{name(series)}: {NO_DATA.lower()}"
            continue
        last = series.marks[-1]
        at_risk = ", ".join(f"{n} at {time}" for time, n in series.at_risk)
        end = f"{of_mark(figure, last)} at {last.x}, the last time"
        yield f"{name(series)}: {end}; at risk {at_risk}"


def _cumulative(figure: Figure) -> Iterator[str]:
    """Yield the least values that some shares of all are at most."""
    for series in figure.series:
        if not series.marks:
            yield f"{name(series)}: {NO_DATA.lower()}"
            continue
        reached = (
            (share, next((mark for mark in series.marks if Decimal(mark.y or 0) >= share), None))
            for share in _SHARES
        )
        texts = (
            f"{share}% at most {number(figure, coordinate.x or '0')}"
            for share, coordinate in reached
            if coordinate
        )
        yield f"{name(series)}: {', '.join(texts)} [n = {series.marks[-1].n}]"


def _bars(figure: Figure) -> Iterator[str]:
    for series in figure.series:
        ends = [
            number(figure, mark.y) for mark in (*series.marks[:1], *series.marks[-1:]) if mark.y
        ]
        text = f"{len(series.marks)} bars, from {' to '.join(ends)}" if ends else NO_DATA.lower()
        yield f"{name(series)}: {text}"


def _dots(figure: Figure) -> Iterator[str]:
    rows = zip(*(series.marks for series in figure.series), strict=True)
    for place, row in enumerate(rows):
        marks = [
            f"{isolated(series.label)} {of_mark(figure, replace(mark, label=''))}"
            for series, mark in zip(figure.series, row, strict=True)
        ]
        if figure.panel is not None:
            estimate = replace(figure.panel.marks[place], label=figure.panel_label)
            marks.append(of_estimate(figure, estimate))
        yield f"{isolated(row[0].label)}: {', '.join(marks)}"


def _scatter(figure: Figure) -> Iterator[str]:
    for place, series in enumerate(figure.series):
        n = sum(mark.n or 0 for mark in series.marks)
        parts = figure.quadrants[place] if figure.quadrants else ()
        counts = "".join(f", {part} {count}" for part, count in parts)
        x, y = _greatest(series.marks, "x"), _greatest(series.marks, "y")
        greatest = ""
        if x is not None and y is not None:
            across, up = number(figure, str(x)), number(figure, str(y))
            greatest = f"; the greatest {across} across and {up} upwards"
        yield f"{name(series)}: {n} subjects{counts}{greatest}"
    yield from (
        f"Line at {value} across: {isolated(label)}" for value, label in figure.x_references
    )


def _greatest(series_marks: Iterable[Mark], axis: str) -> Decimal | None:
    values = (getattr(mark, axis) for mark in series_marks)
    return max((Decimal(value) for value in values if value is not None), default=None)


def _swimmer(figure: Figure) -> Iterator[str]:
    for series in figure.series:
        lengths = [number(figure, mark.x) for mark in series.marks if mark.x is not None]
        reach = f", from {lengths[0]} to {lengths[-1]}" if lengths else ""
        happened = [
            f"{isolated(head)} in {sum(place in _places(mark) for mark in series.marks)}"
            for place, head in enumerate(figure.heads)
        ]
        going_on = sum(mark.lane is not None and mark.lane.goes_on for mark in series.marks)
        parts = ", ".join((*happened, *([f"{going_on} ongoing"] if going_on else [])))
        yield f"{name(series)}: {len(series.marks)} lanes{reach}{'; ' if parts else ''}{parts}"


def _places(mark: Mark) -> set[int]:
    return {place for place, _ in mark.lane.happened} if mark.lane is not None else set()


def _profiles(figure: Figure) -> Iterator[str]:
    for series in figure.series:
        by_day: dict[Decimal, list[Mark]] = {}
        for mark in series.marks:
            if mark.x is not None and mark.y is not None:
                by_day.setdefault(Decimal(mark.x), []).append(mark)
        reaches = (
            f"{isolated(of_day[0].label)} {number(figure, str(min(values)))} to"
            f" {number(figure, str(max(values)))} [n = {sum(mark.n or 0 for mark in of_day)}]"
            for _, of_day in sorted(by_day.items())
            for values in [[Decimal(mark.y or 0) for mark in of_day]]
        )
        yield f"{name(series)}: {'; '.join(reaches) or NO_DATA.lower()}"


def _stacked(figure: Figure) -> Iterator[str]:
    for place, (label, size) in enumerate(figure.sizes):
        parts = (
            f"{isolated(series.label)} {of_mark(figure, replace(mark, label=''))}"
            for series in figure.series
            for mark in series.marks[place : place + 1]
            if mark.x is not None
        )
        yield f"{label} (N = {size}): {', '.join(parts) or NO_DATA.lower()}"


def _forest(figure: Figure) -> Iterator[str]:
    yield from map(name, figure.series)
    for mark in marks(figure):
        texts = list(_beside(figure, mark))
        yield f"{isolated(mark.label)}: {', '.join(texts)}" if texts else isolated(mark.label)


def _beside(figure: Figure, mark: Mark) -> Iterator[str]:
    """Yield what stands beside a mark, each after its head; what a heading says, by itself."""
    for head, text in zip(figure.heads, mark.beside, strict=True):
        if text:
            yield text if mark.is_heading else f"{isolated(head)} {text}"


_BY_KIND = {
    "line": _lines,
    "step": _steps,
    "bars": _bars,
    "dots": _dots,
    "forest": _forest,
    "boxes": _lines,
    "stacked": _stacked,
    "scatter": _scatter,
    "swimmer": _swimmer,
    "profiles": _profiles,
    "cumulative": _cumulative,
}
