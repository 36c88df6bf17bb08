"""What differs between two definitions, place by place."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trial.events.json_body import canonical, read_json
from trial.web.json_diff import differences

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["a", "1.5", "1.50"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab~/"), inner),
    max_leaves=8,
)


def listed(before: Any, after: Any) -> list[dict[str, Any]]:
    return [difference.document() for difference in differences(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 2}, [{"pointer": "/a", "before": 1, "after": 2}]),
        ({"a": 1}, {"b~/": 1}, [
            {"pointer": "/a", "before": 1}, {"pointer": "/b~0~1", "after": 1}]),
        ([1, 2], [1, 3], [{"pointer": "/1", "before": 2, "after": 3}]),
        ([{"id": "x", "n": 1}, {"id": "y"}], [{"id": "y"}, {"id": "x", "n": 2}], [
            {"pointer": "/x/n", "before": 1, "after": 2},
            {"pointer": "", "before": ["x", "y"], "after": ["y", "x"]}]),
        ({"a": {"b": None}}, {"a": []}, [
            {"pointer": "/a", "before": {"b": None}, "after": []}]),
        ({"a": True}, {"a": 1}, [{"pointer": "/a", "before": True, "after": 1}]),
        ({"a": Decimal("1.5")}, {"a": Decimal("1.50")}, [
            {"pointer": "/a", "before": Decimal("1.5"), "after": Decimal("1.50")}]),
    ],
)  # fmt: skip
def test_each_place_that_differs_is_named_once(
    before: Any, after: Any, expected: list[dict[str, Any]]
) -> None:
    assert listed(before, after) == expected


@given(VALUES, VALUES)
def test_there_is_none_where_two_are_written_alike_and_some_where_not(
    first: Any, second: Any
) -> None:
    texts = canonical(first), canonical(second)
    result = listed(*map(read_json, texts))
    assert bool(result) == (texts[0] != texts[1])
