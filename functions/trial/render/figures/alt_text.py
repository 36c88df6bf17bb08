"""A chart told in words: for those who do not see it, and for what a mark says to a pointer."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from trial.tables.bidi import isolated
from trial.tables.grid import Chart, Mark, Series
from trial.tables.rounding import decimal_text

NO_DATA = "No data yet"


def drawn(chart: Chart) -> bool:
    """Say whether there is anything to draw."""
    return any(mark.x is not None and mark.y is not None for mark in marks(chart))


def marks(chart: Chart) -> Iterator[Mark]:
    """Give the marks of all series."""
    for series in chart.series:
        yield from series.marks


def name(series: Series) -> str:
    """Name a series, with how many subjects it is about."""
    label = isolated(series.label)
    return label if series.n is None else f"{label} (N = {series.n})"


def number(chart: Chart, value: str) -> str:
    """Show a value to the chart's places."""
    return decimal_text(Decimal(value), chart.places)


def of_mark(chart: Chart, mark: Mark) -> str:
    """Tell one mark: what it is of, its value, its interval, how many it is about."""
    value = mark.x if chart.kind == "dots" else mark.y
    parts = [number(chart, value) if value is not None else "no value"]
    if mark.low is not None and mark.high is not None:
        parts.append(f"({number(chart, mark.low)} to {number(chart, mark.high)})")
    if mark.n is not None:
        parts.append(f"[n = {mark.n}]")
    told = " ".join(parts)
    return f"{isolated(mark.label)}: {told}" if mark.label else told


def description(chart: Chart) -> str:
    """Tell a whole chart."""
    across, up = isolated(chart.x_label), isolated(chart.y_label)
    axes = f"{up} by {across}" if chart.kind != "dots" else across
    told = _BY_KIND[chart.kind](chart) if drawn(chart) else iter([NO_DATA])
    levels = (f"Line at {value}: {isolated(label)}" for value, label in chart.references)
    return (
        ". ".join(filter(None, (axes, isolated(chart.population), chart.method, *levels, *told)))
        + "."
    )


def _lines(chart: Chart) -> Iterator[str]:
    for series in chart.series:
        told = "; ".join(of_mark(chart, mark) for mark in series.marks)
        yield f"{name(series)}: {told}"


def _steps(chart: Chart) -> Iterator[str]:
    for series in chart.series:
        if not series.marks:
            yield f"{name(series)}: {NO_DATA.lower()}"
            continue
        last = series.marks[-1]
        at_risk = ", ".join(f"{n} at {time}" for time, n in series.at_risk)
        end = f"{of_mark(chart, last)} at {last.x}, the last time"
        yield f"{name(series)}: {end}; at risk {at_risk}"


def _bars(chart: Chart) -> Iterator[str]:
    for series in chart.series:
        ends = [number(chart, mark.y) for mark in (*series.marks[:1], *series.marks[-1:]) if mark.y]
        told = f"{len(series.marks)} bars, from {' to '.join(ends)}" if ends else NO_DATA.lower()
        yield f"{name(series)}: {told}"


def _dots(chart: Chart) -> Iterator[str]:
    for row in zip(*(series.marks for series in chart.series), strict=True):
        told = (
            f"{isolated(series.label)} {of_mark(chart, replace(mark, label=''))}"
            for series, mark in zip(chart.series, row, strict=True)
        )
        yield f"{isolated(row[0].label)}: {', '.join(told)}"


_BY_KIND = {"line": _lines, "step": _steps, "bars": _bars, "dots": _dots}
