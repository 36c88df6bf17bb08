"""Figures of a mark a subject: what subjects have together, without saying who they are."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from trial.definition.conditions import Measure, MeasureRef
from trial.definition.design import Visit
from trial.definition.figures import FigureDefinition, LaneMark
from trial.statistics.cells import Sums
from trial.tables.grid import Lane, Mark
from trial.tables.rounding import exact_text
from trial.tables.rows.summaries import SummaryRow

QUADRANTS = ("upper right", "upper left", "lower right", "lower left")
"""The parts that two levels divide a scatter into; a value at a level is above it."""


def points(row: SummaryRow, sums: Sums, column: int) -> tuple[Mark, ...]:
    """Return the points of a scatter: subjects with both values, those alike in one mark."""
    return tuple(
        Mark(exact_text(x), exact_text(y), n=n)
        for (x, y), n in row.together(sums, column)
        if x is not None and y is not None
    )


def quadrants(figure: FigureDefinition, marks: Sequence[Mark]) -> tuple[tuple[str, int], ...]:
    """Return how many subjects are in each part, where there is one level on either axis."""
    if len(figure.references) != 1 or len(figure.x_references) != 1:
        return ()
    x_level, y_level = figure.x_references[0].value, figure.references[0].value
    counts = dict.fromkeys(QUADRANTS, 0)
    for mark in marks:
        up = "upper" if Fraction(mark.y or 0) >= Fraction(y_level) else "lower"
        side = "right" if Fraction(mark.x or 0) >= Fraction(x_level) else "left"
        counts[f"{up} {side}"] += mark.n or 0
    return tuple(counts.items())


def lanes(
    row: SummaryRow, sums: Sums, column: int, lane_marks: Sequence[LaneMark]
) -> Iterator[Mark]:
    """Yield a lane a subject, the longest first, with what happened and whether it goes on."""
    rank = 0
    for (length, *values), n in row.together(sums, column):
        happened = tuple(
            (place, exact_text(value)) for place, value in enumerate(values) if value is not None
        )
        ends = [value for value, mark in zip(values, lane_marks, strict=True) if mark.ends]
        goes_on = bool(ends) and all(value is None for value in ends)
        for _ in range(n if length is not None else 0):
            rank += 1
            yield Mark(exact_text(length or 0), str(rank), lane=Lane(happened, goes_on))


def profiles(
    row: SummaryRow, sums: Sums, column: int, days: Sequence[tuple[int, str]]
) -> Iterator[Mark]:
    """Yield the values of a subject by visit, and after each subject a gap.

    The value that the row describes is that of the last of the days.
    """
    for (last, *earlier), n in row.together(sums, column):
        for (day, label), value in zip(days, (*earlier, last), strict=True):
            if value is not None:
                yield Mark(str(day), exact_text(value), label=label, n=n)
        yield Mark(None, None)


def visits_of(
    refs: Sequence[MeasureRef], measures: Mapping[str, Measure], visits: Mapping[str, Visit]
) -> list[Visit | None]:
    """Return the visit that each measure is at; None where it is at none."""
    resolved = [measures.get(ref) if isinstance(ref, str) else ref for ref in refs]
    return [visits.get(measure.at or "") if measure is not None else None for measure in resolved]
