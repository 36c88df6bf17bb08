"""Fisher's exact test: exact against enumeration and scipy, and never longer than it has time."""

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from random import Random
from typing import Any

import builders
import pytest
from builders import enrolment
from hypothesis import given, settings
from hypothesis import strategies as st
from parallel import A, B, parallel, randomised
from scipy import stats

from trial.reporting import report
from trial.statistics import association, fisher, sampling, two_by_two
from trial.statistics.association import CHI_SQUARE, MONTE_CARLO, NONE, WorkBudget, association_test
from trial.statistics.contingency import Table, pearson, without_empty
from trial.statistics.fisher import FISHER
from trial.statistics.random_numbers import uniform_numbers

COUNTS = st.integers(0, 12)
AGES = [[14, 42, 30], [8, 47, 29], [11, 55, 18]]


def tables(height: int, width: int, counts: st.SearchStrategy[int] = COUNTS) -> Any:
    row = st.lists(counts, min_size=width, max_size=width)
    return st.lists(row, min_size=height, max_size=height)


SHAPES = st.sampled_from([(2, 3), (3, 2), (3, 3), (2, 5), (4, 3), (5, 2), (3, 4)])
SMALL = SHAPES.flatmap(lambda shape: tables(*shape, st.integers(0, 5)))


def compositions(total: int, limits: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Part a total into as many numbers as there are limits, none above its own."""
    if not limits:
        if total == 0:
            yield ()
        return
    for first in range(max(0, total - sum(limits[1:])), min(total, limits[0]) + 1):
        for remainder in compositions(total - first, limits[1:]):
            yield (first, *remainder)


def enumerated(table: Table) -> Fraction:
    """Freeman and Halton's P by making every table with these margins."""
    columns = [sum(column) for column in zip(*table, strict=True)]

    def fill(
        rest: Sequence[int], columns_left: Sequence[int]
    ) -> Iterator[tuple[tuple[int, ...], ...]]:
        if not columns_left:
            yield ()
            return
        for row in compositions(columns_left[0], rest):
            for item in fill([a - b for a, b in zip(rest, row, strict=True)], columns_left[1:]):
                yield (row, *item)

    def weight(cells: Any) -> Fraction:
        return Fraction(1, math.prod(math.factorial(n) for row in cells for n in row))

    weights = [weight(cells) for cells in fill(columns, [sum(row) for row in table])]
    return sum(item for item in weights if item <= weight(table)) / sum(weights)


def dealt(rows: Sequence[int], columns: Sequence[int], seed: int = 1) -> Table:
    """Deal subjects of these margins at random."""
    labels = [i for i, n in enumerate(rows) for _ in range(n)]
    Random(seed).shuffle(labels)  # noqa: S311 (an order)
    places = iter(labels)
    numbers = [[0] * len(columns) for _ in rows]
    for j, n in enumerate(columns):
        for _ in range(n):
            numbers[next(places)][j] += 1
    return numbers


class TestExact:
    @given(tables(2, 2))
    def test_two_by_two_equals_scipy(self, table):
        expected = stats.fisher_exact(table).pvalue
        assert float(fisher.fisher(table)) == pytest.approx(expected, rel=1e-9)

    @given(SMALL)
    @settings(max_examples=30, deadline=None)
    def test_larger_tables_equal_enumeration_exactly(self, table):
        small = [[min(n, 3) for n in row] for row in table]
        assert fisher.fisher(small) == enumerated(small)

    def test_the_order_of_rows_and_columns_is_no_matter(self):
        table = [[3, 1, 4, 2, 5], [1, 6, 2, 4, 3], [5, 2, 3, 1, 6]]
        expected = fisher.fisher(table)
        assert expected == fisher.fisher(table[::-1])
        assert expected == fisher.fisher([row[::-1] for row in table])
        assert expected == fisher.fisher(list(zip(*table, strict=True)))

    def test_nobody_and_one_row_are_no_evidence(self):
        assert fisher.fisher([]) == fisher.fisher([[0, 0], [0, 0]]) == 1
        assert fisher.fisher([[3, 4], [0, 0]]) == 1
        assert fisher.fisher([[5, 0], [0, 5]]) == Fraction(2, math.comb(10, 5))
        with pytest.raises(ValueError, match="equally long"):
            fisher.fisher([[1, 2], [3]])

    def test_a_trial_s_table_is_counted_whole(self):
        assert float(fisher.fisher(AGES)) == pytest.approx(0.1355509330546437)


class TestTwoByTwo:
    @given(tables(2, 2, st.integers(0, 1_000)), st.booleans())
    @settings(max_examples=60, deadline=None)
    def test_the_walk_gives_30_digits_of_the_exact_quotient(self, table, alike):
        (a, b), (c, d) = table
        if alike:  # equal margins: tables that mirror each other weigh the same
            c, d = b, a
        if not all((a + b, c + d, a + c, b + d)):
            return
        walked = two_by_two._walked(a, b, c, d)
        exact = two_by_two._added_up(a, a + b, c + d, a + c)
        assert abs(walked / exact - 1) < Fraction(1, 10**29)

    @pytest.mark.parametrize(
        "table",
        [
            [[60_000, 140_000], [61_000, 139_000]],
            [[5, 199_995], [12, 199_988]],
            [[100, 399_800], [50, 50]],
            [[1, 9], [40_000, 359_990]],
        ],
    )
    def test_400_000_subjects_equal_scipy(self, table):
        result = association_test(table, WorkBudget(0))
        assert float(result.p) == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-6)
        assert result.method == FISHER

    def test_it_walks_some_standard_deviations_and_not_over_all_tables(self):
        steps = 0

        def counted(*table: int) -> Iterator[tuple[int, int]]:
            nonlocal steps
            for weight in weights(*table):
                steps += 1
                yield weight

        weights = two_by_two._weights
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(two_by_two, "_weights", counted)
            two_by_two.fisher_two_by_two([[60_000, 140_000], [61_000, 139_000]])
        assert steps < 8_000

    def test_evidence_beyond_any_floating_point_is_still_a_number(self):
        p = two_by_two.fisher_two_by_two([[20_000, 180_000], [100_000, 100_000]])
        assert 0 < p < Fraction(1, 10**17_000)
        assert two_by_two.fisher_two_by_two([[100_000, 100_000], [100_000, 100_000]]) == 1


class TestCost:
    @given(SMALL)
    @settings(max_examples=200, deadline=None)
    def test_it_bounds_the_steps_that_are_taken(self, table):
        result = fisher._turned(table)
        bound = fisher.cost(table)
        if not bound or bound > 50_000:
            return
        rows, columns = fisher._margins(result)
        count = fisher.Count(columns)
        count.not_above(math.prod(fisher._ways(sorted(row)) for row in result), rows)
        assert 0 < count.work <= bound

    @pytest.mark.parametrize(
        ("table", "bound"),
        [
            (AGES, 1_000_000),
            (dealt((84, 84, 86), (91, 163)), 8_000),
            (dealt((60, 64, 64), (1, 2, 3, 4, 5, 8, 10, 155)), 250_000),
            (dealt((500, 500, 500), (300, 1_200)), 200_000),
        ],
    )
    def test_it_is_near_enough_to_let_the_tables_of_trials_be_exact(self, table, bound):
        assert fisher.cost(table) < bound < association.MAX_STEPS

    def test_it_is_known_at_once_however_large_the_table(self):
        large = [[40_000 + i * j for j in range(10)] for i in range(3)]
        assert fisher.cost(large) > 10**12
        assert fisher.cost([[200_000, 200_000], [1, 2]]) == fisher.cost([[1, 2]]) == 0


class TestWithinABudget:
    def test_within_it_the_test_is_exact(self):
        allowance = WorkBudget()
        result = association_test(AGES, allowance)
        assert (result.p, result.method) == (fisher.fisher(AGES), FISHER)
        assert allowance.remaining == association.MAX_STEPS - fisher.cost(AGES)

    def test_what_is_small_is_exact_though_nothing_is_left(self):
        small = [[3, 81], [1, 83], [0, 86]]
        assert association_test(small, WorkBudget(0)).method == FISHER

    def test_beyond_it_a_table_of_large_counts_is_tested_by_chi_square_and_says_so(self):
        result = association_test(AGES, WorkBudget(0))
        assert (result.p, result.method) == (pearson(AGES).p, CHI_SQUARE)
        large = [[40_000 + i * j for j in range(10)] for i in range(3)]
        assert association_test(large, WorkBudget()).method == CHI_SQUARE

    def test_beyond_it_a_table_of_small_counts_is_drawn_with_its_error(self):
        sparse = dealt((20,) * 5, (20,) * 5)
        result = association_test(sparse, WorkBudget())
        assert result.method == MONTE_CARLO
        assert result == association_test(sparse, WorkBudget())

    def test_with_no_time_left_there_is_no_p_value_and_the_method_says_why(self):
        sparse = dealt((20,) * 5, (20,) * 5)
        assert association_test(sparse, WorkBudget(1_000)) == association.AssociationTest(
            None, NONE
        )

    @pytest.mark.parametrize(
        ("table", "dense"),
        [([[5, 5, 5], [5, 5, 5]], True), ([[4, 5, 5], [4, 5, 5]], False),
         ([[4, 5, 5, 5, 5, 5], [4, 5, 5, 5, 5, 5]], True),
         ([[0, 9, 9, 9, 9, 9], [1, 9, 9, 9, 9, 9]], False)],
    )  # fmt: skip
    def test_cochran_s_rule_decides_what_is_large(self, table, dense):
        assert association._is_dense(tuple(map(tuple, without_empty(table)))) is dense

    @pytest.mark.parametrize("n_known", [False, True], ids=["at first", "known from before"])
    def test_many_tests_together_take_no_more_than_a_budget(self, n_known, monkeypatch):
        """Count what is really done: steps of exact tests, and what is drawn."""
        counts: Counter[str] = Counter()
        exact, sample = fisher.fisher, sampling.monte_carlo_p
        for name in ("_exact", "_sampled", "_cost"):
            getattr(association, name).cache_clear()

        def counted(table: Table) -> Fraction:
            counts["steps"] += fisher.cost(table)
            return exact(table)

        def counted_draws(table: Table) -> Fraction:
            counts["steps"] += sampling.cost(table)
            return sample(table)

        monkeypatch.setattr(fisher, "fisher", counted)
        monkeypatch.setattr(sampling, "monte_carlo_p", counted_draws)
        near = [[[250 + i, 250 - i], [240, 260], [255, 245]] for i in range(60)]
        sparse = [dealt((20,) * 5, (20,) * 5, seed) for seed in range(20)]
        items = [*near, *sparse, *near]
        methods = []
        for _ in range(1 + n_known):
            allowance = WorkBudget()
            methods.append([association_test(item, allowance).method for item in items])
        assert counts["steps"] <= association.MAX_STEPS + len(items) * association.ALWAYS_ALLOWED
        assert {FISHER, CHI_SQUARE, NONE} <= set(methods[0])
        assert methods[0] == methods[-1]  # what is known from before does not decide


class TestMonteCarlo:
    @pytest.mark.parametrize(
        "table",
        [[[3, 1, 0, 2], [0, 4, 1, 1], [2, 0, 5, 0]], [[8, 2, 1], [1, 4, 6], [2, 2, 2]],
         [[9, 1], [4, 6], [3, 7], [8, 2]], [[1, 0, 90], [0, 1, 90], [2, 0, 90]]],
    )  # fmt: skip
    def test_it_lies_within_its_error_of_the_exact_value(self, table):
        exact = float(fisher.fisher(table))
        error = (exact * (1 - exact) / sampling.TABLES_DRAWN) ** 0.5
        assert float(sampling.monte_carlo_p(table)) == pytest.approx(exact, abs=4 * error + 1e-4)

    def test_tables_are_drawn_as_often_as_they_are_likely(self):
        """One cell of many draws against the hypergeometric distribution, by chi-square."""
        numbers = uniform_numbers(b"draws")
        for row, rest, size in ((9, 14, 8), (40, 3, 20), (3, 400, 50)):
            counts = Counter(sampling._taken(row, rest, size, numbers) for _ in range(20_000))
            chances = stats.hypergeom(row + rest, row, size)
            expected = {k: 20_000 * chances.pmf(k) for k in range(size + 1)}
            items = [k for k, item in expected.items() if item >= 5]
            total = 20_000 - sum(expected[k] for k in items)
            distance = sum((counts[k] - expected[k]) ** 2 / expected[k] for k in items)
            if total >= 5:
                outcome = 20_000 - sum(counts[k] for k in items)
                distance += (outcome - total) ** 2 / total
            assert stats.chi2.sf(distance, len(items) - 1) > 0.001

    def test_the_numbers_are_even_and_the_same_for_the_same_table(self):
        first, repeated, other_seed = (
            list(itertools.islice(uniform_numbers(seed), 10_000)) for seed in (b"a", b"a", b"b")
        )
        assert first == repeated != other_seed
        assert stats.kstest(first, "uniform").pvalue > 0.001
        assert 0 <= min(first) <= max(first) < 1


def test_one_reading_of_a_table_shares_one_budget_among_its_rows_and_prints_how(monkeypatch):
    columns = [A, B, {"id": "c", "label": "C", "set": "enrolled"},
               {"id": "p", "label": "P", "compare": ["a", "b", "c"]}]  # fmt: skip
    rows = [
        {"id": f"r{i}", "label": "Men", "count": {"characteristic": "sex", "levels": ["M"]}}
        for i in range(3)
    ]
    entries, counts = [], [[0, 0], [0, 0]]
    for i in range(80):
        name, arm, sex = f"S-{i}", i % 2, i % 3 > 0
        entries += [enrolment(subject=name, sex="FM"[sex]), randomised("ab"[arm], name)]
        counts[arm][sex] += 1
    needed = fisher.cost([*counts, [sum(pair) for pair in zip(*counts, strict=True)]])
    assert needed > association.ALWAYS_ALLOWED
    defined = parallel(rows, columns)
    sums = builders.sums_of(defined, builders.subjects(entries))
    for result, methods in (
        (needed * 2, [FISHER, FISHER, CHI_SQUARE]),
        (needed - 1, [CHI_SQUARE] * 3),
    ):
        monkeypatch.setattr(WorkBudget.__init__, "__defaults__", (result,))
        for _ in range(2):  # each reading has its own
            (grid,) = report.tables(defined, sums)
            assert [builders.cell(grid, row["id"], "p").method for row in rows] == methods
