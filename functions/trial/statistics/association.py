"""Fisher's exact test within a budget of work: what it would cost is known before it is begun.

A table that would take longer than there is time for is tested by a named approximation, or not at
all, and its method says so.
"""

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from trial.deferred import dataclass
from trial.statistics import fisher, sampling
from trial.statistics.contingency import Table, pearson, without_empty

MAX_STEPS = 1_500_000
"""The steps, of about a microsecond at most, that the tests of one table of results may take."""
ALWAYS_ALLOWED = 300
"""Steps that every test may take: those of three arms of which 20 subjects have an event."""

CHI_SQUARE = "Pearson chi-square in place of Fisher exact, which would take too long"
MONTE_CARLO = (
    f"Fisher exact estimated by Monte Carlo, {sampling.TABLES_DRAWN:,} tables: the standard error"
    f" is the root of P (1 - P) / {sampling.TABLES_DRAWN:,}"
)
NONE = "Fisher exact not computed: it would take too long, and counts are too small to approximate"

type _Counts = tuple[tuple[int, ...], ...]


@dataclass
class WorkBudget:
    """The steps that are left for the tests of one table of results, in reading order."""

    remaining: int = MAX_STEPS

    def spend(self, steps: int) -> bool:
        """Return whether so many steps were left, and spend them."""
        if steps > self.remaining:
            return False
        self.remaining -= steps
        return True


@dataclass(frozen=True)
class AssociationTest:
    """A P value, None where there is none, and the method that gave it."""

    p: Fraction | Decimal | None
    method: str


def association_test(table: Table, budget: WorkBudget) -> AssociationTest:
    """Test a table exactly if that is within the budget, 2 x 2 always; else approximately.

    Pearson's chi-square where Cochran's rule lets it (1954, Biometrics 10:417): no expected count
    below 1 and a fifth of them below 5 at most. Else by Monte Carlo, if that is within the
    budget. What is taken from it does not depend on whether a result is known from before.
    """
    counts = tuple(map(tuple, without_empty(table)))
    steps = _cost(counts)
    if steps <= ALWAYS_ALLOWED or budget.spend(steps):
        return AssociationTest(_exact(counts), fisher.FISHER)
    if _is_dense(counts) and (test := pearson(counts)) is not None:
        return AssociationTest(test.p, CHI_SQUARE)
    if budget.spend(sampling.cost(counts)):
        return AssociationTest(_sampled(counts), MONTE_CARLO)
    return AssociationTest(None, NONE)


def _is_dense(counts: _Counts) -> bool:
    rows, columns = list(map(sum, counts)), list(map(sum, zip(*counts, strict=True)))
    total = sum(rows)
    expected = [row * column for row in rows for column in columns]  # times the total
    n_small = sum(cell < 5 * total for cell in expected)
    return min(expected) >= total and 5 * n_small <= len(expected)


@lru_cache(maxsize=4_096)
def _cost(counts: _Counts) -> int:
    return fisher.cost(counts)


@lru_cache(maxsize=4_096)
def _exact(counts: _Counts) -> Fraction:
    return fisher.fisher(counts)


@lru_cache(maxsize=256)
def _sampled(counts: _Counts) -> Fraction:
    return sampling.monte_carlo_p(counts)
