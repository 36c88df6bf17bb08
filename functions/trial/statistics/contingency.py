"""Association in tables of counts: chi-square tests, in strata too, exact in their statistics.

A table is a sequence of rows of counts; rows and columns without any count are left out.
"""

from collections.abc import Sequence
from fractions import Fraction

from trial.statistics.inference import ChiSquare

type Table = Sequence[Sequence[int]]

PEARSON = "Pearson chi-square"
CMH = "Cochran-Mantel-Haenszel"
CMH_GENERAL = "Cochran-Mantel-Haenszel, general association"


def check_counts(table: Table) -> None:
    """Refuse what is no table of counts."""
    if len({len(row) for row in table}) > 1 or any(n < 0 for row in table for n in row):
        raise ValueError("rows of a table must be equally long and counts not negative")


def without_empty(table: Table) -> list[list[int]]:
    """Leave out the rows and the columns that are all 0."""
    check_counts(table)
    rows = [row for row in table if any(row)]
    columns = [column for column in zip(*rows, strict=True) if any(column)]
    return [list(row) for row in zip(*columns, strict=True)]


def pearson(table: Table) -> ChiSquare | None:
    """Return Pearson's (1900) chi-square of an r x c table, not corrected for continuity.

    None where fewer than two rows or columns are occupied. SAS: FREQ CHISQ.
    """
    counts_table = without_empty(table)
    if len(counts_table) < 2 or len(counts_table[0]) < 2:  # noqa: PLR2004  (a comparison takes two)
        return None
    rows, columns = _margins(counts_table)
    n = sum(rows)
    shares = (
        Fraction(count * count, row * column)
        for counts, row in zip(counts_table, rows, strict=True)
        for count, column in zip(counts, columns, strict=True)
    )
    return ChiSquare(n * (sum(shares, Fraction(0)) - 1), (len(rows) - 1) * (len(columns) - 1))


def cochran_mantel_haenszel(
    strata: Sequence[Table], *, corrected: bool = False
) -> ChiSquare | None:
    """Compare two proportions over strata, from a 2 x 2 table of each; None where nothing varies.

    Mantel and Haenszel (1959), JNCI 22:719. Corrected for continuity, as they gave it, the distance
    to the expected sum is less by 1/2, but not less than 0. SAS: FREQ CMH, which does not correct.
    A stratum with an empty row or column adds nothing.
    """
    distance, variance = Fraction(0), Fraction(0)
    for table in strata:
        check_counts(table)
        (a, b), (c, d) = table
        n = a + b + c + d
        if n > 1:
            distance += a - Fraction((a + b) * (a + c), n)
            variance += Fraction((a + b) * (c + d) * (a + c) * (b + d), n * n * (n - 1))
    if not variance:
        return None
    short = max(abs(distance) - Fraction(int(corrected), 2), Fraction(0))
    return ChiSquare(short**2 / variance, 1)


def general_association(strata: Sequence[Table]) -> ChiSquare | None:
    """Test for association over strata of r x c tables, both classifications unordered.

    Landis, Heyman and Koch (1978), Int Stat Rev 46:237. The degrees of freedom are the rank of the
    variance, (r - 1)(c - 1) unless strata keep rows or columns apart. On 2 x 2 tables it is the
    Cochran-Mantel-Haenszel statistic. SAS: FREQ CMH, "General Association".
    """
    for table in strata:
        check_counts(table)
    shapes = {(len(table), len(table[0])) for table in strata}
    if len(shapes) != 1:
        raise ValueError("the strata's tables must have the same shape")
    height, width = (size - 1 for size in shapes.pop())
    distance = [Fraction(0)] * (height * width)
    variance = [[Fraction(0)] * len(distance) for _ in distance]
    for table in strata:
        _add_stratum(table, (height, width), distance, variance)
    return ChiSquare.of(distance, variance)


def _add_stratum(
    table: Table,
    shape: tuple[int, int],
    distance: list[Fraction],
    variance: list[list[Fraction]],
) -> None:
    """Add observed minus expected counts and their hypergeometric variance."""
    rows, columns = _margins(table)
    n = sum(rows)
    if n < 2:  # noqa: PLR2004  (one subject alone does not vary)
        return
    cells = [(i, j) for i in range(shape[0]) for j in range(shape[1])]
    for index, (i, j) in enumerate(cells):
        distance[index] += table[i][j] - Fraction(rows[i] * columns[j], n)
        for other_index, (k, m) in enumerate(cells):
            by_row = rows[i] * (n * (i == k) - rows[k])
            by_column = columns[j] * (n * (j == m) - columns[m])
            variance[index][other_index] += Fraction(by_row * by_column, n * n * (n - 1))


def _margins(table: Table) -> tuple[list[int], list[int]]:
    return [sum(row) for row in table], [sum(column) for column in zip(*table, strict=True)]
