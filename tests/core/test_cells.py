"""Cells add, and what is taken out again leaves no trace."""

from hypothesis import given
from hypothesis import strategies as st

from trial.statistics.cells import add, difference, total

NAMES = st.sampled_from("abc")
VALUES = st.integers(-3, 3).filter(bool) | st.integers(-(10**37), 10**37).filter(bool)
CELLS = st.dictionaries(NAMES, VALUES)
SHARES = st.dictionaries(NAMES, CELLS.filter(bool))
LOOSE = st.dictionaries(NAMES, st.dictionaries(NAMES, st.integers(-2, 2)))
"""Shares as careless code could make them: empty rows, and cells of 0."""


@given(CELLS, CELLS)
def test_adding_gives_the_sum_of_every_cell_and_drops_what_is_0(first, two):
    summed = dict(first)
    add(summed, two)
    expected = {name: first.get(name, 0) + two.get(name, 0) for name in first.keys() | two.keys()}
    assert summed == {name: value for name, value in expected.items() if value}


@given(CELLS, CELLS)
def test_taking_out_what_was_added_leaves_what_was_there(first, two):
    state = dict(first)
    add(state, two)
    add(state, {name: -value for name, value in two.items()})
    assert state == first


@given(LOOSE, LOOSE)
def test_a_difference_turns_the_old_share_into_the_new(old, new):
    assert total([old, difference(new, old)]) == total([new])


@given(SHARES, SHARES)
def test_a_difference_names_no_cell_that_stays(old, new):
    for row, cells in difference(new, old).items():
        assert cells
        for name, value in cells.items():
            assert value == new.get(row, {}).get(name, 0) - old.get(row, {}).get(name, 0) != 0


@given(SHARES)
def test_nothing_changes_where_the_share_is_the_same(share):
    assert difference(share, {row: dict(cells) for row, cells in share.items()}) == {}
    assert difference(share, {}) == share


@given(st.lists(SHARES), st.randoms(use_true_random=False))
def test_the_total_does_not_depend_on_order_or_on_how_it_is_split(shares, random):
    shuffled = random.sample(shares, len(shares))
    assert total(shuffled) == total(shares)
    half = len(shares) // 2
    assert total([total(shares[:half]), total(shares[half:])]) == total(shares)


@given(st.lists(LOOSE))
def test_a_total_holds_no_cell_of_0_and_no_empty_row(shares):
    for cells in total(shares).values():
        assert cells
        assert 0 not in cells.values()


@given(SHARES, SHARES)
def test_what_is_computed_from_changes_nothing_of_it(first, two):
    before = {row: dict(cells) for row, cells in first.items()}
    total([first, two])
    difference(first, two)
    assert first == before
