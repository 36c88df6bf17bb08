"""Ranges of values: in order, bounded in number, and counted by numbers that add."""

import itertools
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trial.statistics import cells
from trial.statistics.ranges import count_of, counts_in, group_of, range_of, ranges_in
from trial.statistics.tallies import OrderedValues, RangedValues

STEPS = st.integers(-(10**40), 10**40) | st.integers(-70, 70)


@given(STEPS, STEPS)
def test_ranges_are_in_the_order_of_their_values(first, two):
    low, high = sorted((first, two))
    assert range_of(low) <= range_of(high)
    assert range_of(-1 - low) == -1 - range_of(low)


def test_ranges_follow_without_a_gap():
    numbers = [range_of(step) for step in range(-5_000, 5_000)]
    assert {later - earlier for earlier, later in itertools.pairwise(numbers)} == {0, 1}


@given(STEPS)
def test_a_range_is_one_step_or_a_small_part_of_what_lies_in_it(step):
    number, reach = range_of(step), max(abs(step) // 16, 1)
    assert range_of(step + 2 * reach) > number
    assert range_of(step - 2 * reach) < number


def test_ranges_are_few_however_far_values_reach():
    # 32 to begin with, then 16 for each doubling.
    assert range_of(31) == 31
    assert range_of(10**9) == 32 + 16 * 24 + (10**9 >> 25) - 16 == 429
    assert range_of(10**38) < 2_100


def test_every_range_is_in_one_group_and_groups_are_in_order():
    numbers = range(-200, 200)
    groups = [group_of(number) for number in numbers]
    assert groups == sorted(groups)
    assert [number for group in dict.fromkeys(groups) for number in ranges_in(group)] == [*numbers]
    assert all(group_of(number) == group for group in groups for number in ranges_in(group))


@given(st.lists(STEPS, max_size=40), st.lists(st.integers(-40, 40), max_size=40))
@example([-1, 0, -5, -6, 4, 5, 9, 10], [])
def test_counts_add_in_one_cell_and_come_out_again(far, near):
    steps, total = [*far, *near], dict[str, int]()
    for step in steps:
        name, count = count_of(range_of(step))
        cells.add(
            total, {f"7.1.{name}": count, "7.1.n": 1, f"7.10.{name}": count, f"17.1.{name}": count}
        )
    counts = counts_in(total, "7.1.")
    assert counts == Counter(group_of(range_of(step)) for step in steps)
    assert list(counts) == sorted(counts)
    assert max(total.values(), default=0) < 10**38
    for step in steps:
        name, count = count_of(range_of(step))
        cells.add(total, {f"7.1.{name}": -count})
    assert counts_in(total, "7.1.") == {}


def ranged(values, ranges_read):
    """Give the values of a Counter by ranges; note which of these are read."""
    groups = Counter()
    for value, n in values.items():
        groups[group_of(range_of(value))] += n

    def values_in(number):
        ranges_read.append(number)
        return {value: n for value, n in values.items() if range_of(value) == number}

    return RangedValues(dict(sorted(groups.items())), values_in)


@given(st.lists(st.integers(-3_000, 3_000), max_size=60))
def test_ranges_give_each_rank_as_all_values_do_and_no_other_is_read(values):
    ranges_read, whole = [], OrderedValues(Counter(values))
    in_ranges = ranged(Counter(values), ranges_read)
    assert in_ranges.n == whole.n == len(values)
    assert [in_ranges.at(rank) for rank in range(1, in_ranges.n + 1)] == sorted(values)
    for p in (Fraction(0), Fraction(1, 10), Fraction(1, 2), Fraction(3, 4), Fraction(1)):
        ranges_read.clear()
        estimates = ranged(Counter(values), ranges_read)
        assert estimates.quantile(p) == whole.quantile(p)
        if values:
            oracle = np.quantile(values, float(p), method="averaged_inverted_cdf")
            assert estimates.quantile(p) == oracle or p == Fraction(1, 10)  # 0.1 is no float
            ranks = {max(-(-len(values) * p // 1) + offset, 1) for offset in (0, 1)}
            holding = {
                group_of(range_of(sorted(values)[int(min(rank, len(values))) - 1]))
                for rank in ranks
            }
            assert {group_of(number) for number in ranges_read} <= holding
            assert len(ranges_read) == len(set(ranges_read))
    assert in_ranges.median_interval() == whole.median_interval()


@settings(deadline=None)
@given(
    st.dictionaries(st.integers(-3_000, 3_000), st.integers(1, 5_000), max_size=40),
    st.lists(st.fractions(0, 1, max_denominator=10**6), max_size=5),
)
def test_many_values_have_the_ranks_that_all_of_them_have(counts, ps):
    whole, estimates = OrderedValues(counts), ranged(Counter(counts), [])
    assert estimates.median_interval() == whole.median_interval()
    for p in [*ps, Fraction(0), Fraction(1, 4), Fraction(1, 2), Fraction(1)]:
        assert estimates.quantile(p) == whole.quantile(p)
    for rank in itertools.accumulate(counts[value] for value in sorted(counts)):
        assert estimates.at(rank) == whole.at(rank)


@pytest.mark.parametrize(
    ("p", "numbers"),
    [
        (Fraction(1, 100), [120]),
        (Fraction(1, 5), [120]),
        (Fraction(2, 5), [120, 121]),
        (Fraction(99, 200), [120, 121, 122]),
        (Fraction(61, 100), [123, 122]),
        (Fraction(999, 1000), [123]),
    ],
)
def test_of_many_values_only_the_ranges_from_the_nearer_end_are_read(p, numbers):
    first, beyond = (next(v for v in range(10**5) if range_of(v) == n) for n in (120, 124))
    counts = Counter(dict.fromkeys(range(first, beyond), 50))
    assert {group_of(range_of(value)) for value in counts} == {30}
    ranges_read = []
    assert ranged(counts, ranges_read).quantile(p) == OrderedValues(counts).quantile(p)
    assert ranges_read == numbers


def test_where_values_lie_unevenly_all_ranges_of_the_group_are_read():
    first = next(value for value in range(10**5) if range_of(value) == 120)
    counts = Counter({first: 10} | {v: 9_000 for v in range(10**5) if range_of(v) == 123})
    ranges_read = []
    assert ranged(counts, ranges_read).quantile(Fraction(1, 10)) == OrderedValues(counts).quantile(
        Fraction(1, 10)
    )
    assert ranges_read == [120, 121, 122, 123]


def test_what_is_not_read_yet_has_any_value_and_what_does_not_agree_is_refused():
    assert RangedValues({3: 2, 5: 1}, lambda _: None).at(3) == 0
    with pytest.raises(ValueError, match="do not count"):
        RangedValues({3: 2}, lambda _: {3: 1}).at(1)
    with pytest.raises(ValueError, match="do not count"):
        RangedValues({3: 2}, lambda _: {}).at(1)
    with pytest.raises(ValueError, match="do not count"):
        RangedValues({3: 9_000}, lambda _: {12: 9_001}).at(1)
