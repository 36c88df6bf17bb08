"""Boxes and cumulative distributions, read out of the tally of a summary's values."""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from trial.statistics.cells import Sums
from trial.tables.grid import Mark, Quartiles
from trial.tables.rounding import exact_text
from trial.tables.rows.summaries import SummaryRow

WHISKERS: Mapping[str, str] = {
    "iqr": "whiskers to the farthest values within 1.5 interquartile ranges of the box, each value"
    " beyond them drawn",
    "range": "whiskers to the least and the greatest value",
}
"""How far the whiskers of a box reach."""
EMPIRICAL = "Empirical distribution function"
_REACH = Fraction(3, 2)


def box(row: SummaryRow, sums: Sums, column: int, whiskers: str, place: tuple[str, str]) -> Mark:
    """Return the box of a column at a place, given by its number and its label."""
    rank, label = place
    values, quantity = row.tally(sums, column), row.quantities[column]
    q1, median, q3 = (values.quantile(Fraction(part, 4)) for part in (1, 2, 3))
    if q1 is None or median is None or q3 is None or quantity is None:
        return Mark(rank, None, label=label, n=0)
    reach = _REACH * (q3 - q1)
    units = [Fraction(unit) for unit in values.units]
    inside = [unit for unit in units if whiskers == "range" or q1 - reach <= unit <= q3 + reach]
    scale = 10**quantity.places

    def text(value: Fraction) -> str:
        (short,) = row.short_decimals(column, value / scale)
        return exact_text(short)

    # A quartile can be the mean of two values, of which neither need be within reach.
    low, high = min([q1, *inside]), max([q3, *inside])
    outside = [unit for unit in units if not low <= unit <= high]
    mean = sum(unit * n for unit, n in values.counts.items())
    return Mark(
        rank, text(median), text(low), text(high), label, values.n,
        quartiles=Quartiles(
            text(q1), text(q3), text(Fraction(mean, values.n)),
            tuple((text(unit), values.counts[int(unit)]) for unit in outside),
        ),
    )  # fmt: skip


def steps(row: SummaryRow, sums: Sums, column: int) -> Iterator[Mark]:
    """Yield the steps of a column's distribution: at each value, the percentage that is at most it.

    The first stands at the foot of the first step.
    """
    values, quantity = row.tally(sums, column), row.quantities[column]
    if not values.n or quantity is None:
        return
    scale, below = 10**quantity.places, 0
    yield Mark(exact_text(Fraction(values.units[0], scale)), "0", n=0)
    for unit in values.units:
        below += values.counts[unit]
        height = exact_text(Fraction(100 * below, values.n))
        yield Mark(exact_text(Fraction(unit, scale)), height, n=below)
