"""Rows of a listing as chosen: recounted by plain Python, whatever they hold."""

import json
from decimal import Decimal
from itertools import batched
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trial.errors import Rejected
from trial.render import columns
from trial.room import listings, rows
from trial.room.rows import DataColumn, Dataset, Filter, Selection

COLUMNS = (
    DataColumn("USUBJID", "Subject", "string"),
    DataColumn("AVAL", "Value", "decimal"),
    DataColumn("AETERM", "Term", "string"),
)
TEXTS = st.sampled_from(["Headache", 'a "b"', "back\\slash", "é", "ÉTÉ", "x", "12", ""])
NUMBERS = st.sampled_from(["1", "1.50", "-3", "10", "9.99"])
ROWS = st.lists(
    st.tuples(st.sampled_from(["S-1", "S-2"]), st.none() | NUMBERS, st.none() | TEXTS), max_size=12
)
FILTERS = st.one_of(
    st.builds(Filter, st.just("AVAL"), st.sampled_from(["is", "is-not", "from", "to"]), NUMBERS),
    st.builds(Filter, st.just("AETERM"), st.sampled_from([*rows.COMPARISONS]), TEXTS),
)
SELECTIONS = st.builds(
    Selection,
    st.sampled_from(["", "head", '"', "\\", "é", "S-1"]),
    st.lists(FILTERS, max_size=2).map(tuple),
    st.sampled_from(["", "AVAL", "-AVAL", "AETERM", "-USUBJID"]),
)


def dataset(values: list[tuple[Any, ...]], block: int = 0) -> Dataset:
    """Give a data set as its lines have it, or as its columns do, of so many rows a block."""
    whole = Dataset.read(document(values))
    if not block:
        return whole
    blocks = batched(values, block, strict=False)
    packed = b"".join(columns.pack(list(zip(*rows, strict=True))) for rows in blocks)
    return Dataset(whole.head, tuple(columns.read(packed)))


def holds(row: list[Any], condition: Filter) -> bool:
    """Test a row by a filter, written down anew."""
    value = row[[c.name for c in COLUMNS].index(condition.column)]
    if condition.how == "blank":
        return value is None
    if value is None:
        return condition.how == "is-not"
    convert: Any = Decimal if condition.column == "AVAL" else str
    mine, theirs = convert(value), convert(condition.value)
    return {
        "contains": condition.value.lower() in value.lower(),
        "is": mine == theirs,
        "is-not": mine != theirs,
        "from": mine >= theirs,
        "to": mine <= theirs,
    }[condition.how]


@settings(max_examples=150, deadline=None)
@given(ROWS, SELECTIONS, st.sampled_from([0, 1, 3]))
@example([("S-1", None, "\u212aelvin")], Selection("kelvin"), 1)  # ASCII once it is in lower case
def test_rows_are_those_that_a_recount_chooses_in_its_order(
    values: list[tuple[Any, ...]], selection: Selection, block: int
) -> None:
    data = dataset(values, block)
    expected = [
        list(row)
        for row in values
        if all(holds(list(row), condition) for condition in selection.filters)
        and (
            not selection.anywhere
            or any(selection.anywhere.lower() in str(v).lower() for v in row if v is not None)
        )
    ]
    found = [*data.rows(rows.select(data, selection))]
    assert sorted(map(str, found)) == sorted(map(str, expected))
    if not selection.sort:
        assert found == expected
        return
    place = [c.name for c in COLUMNS].index(selection.sort.removeprefix("-"))
    convert: Any = Decimal if place == 1 else str
    present = [convert(row[place]) for row in found if row[place] is not None]
    assert present == sorted(present, reverse=selection.sort.startswith("-"))
    assert [row[place] for row in found[len(present) :]] == [None] * (len(found) - len(present))


def document(values: list[tuple[Any, ...]]) -> bytes:
    columns = [{"name": c.name, "label": c.label, "dataType": c.kind} for c in COLUMNS]
    lines = [{"records": len(values), "columns": columns}, *map(list, values)]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(1, 5), st.integers(1, 400))
@example([("S-1", None, None)] * 2, 1, 20)  # a part that ends where the page does
def test_pages_of_rows_as_they_stand_hold_each_row_once(
    values: list[tuple[Any, ...]], count: int, part: int
) -> None:
    content = document(values)

    class Stored(rows.Source):
        def read(self, part: tuple[int, int] | None = None) -> bytes:
            return content if part is None else content[part[0] : sum(part)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "_PART", part)
        rows.head.cache_clear()
        source = Stored("S", "open", "datasets/x.ndjson", "v1")
        found: list[Any] = []
        start = 0
        while True:
            page = rows.page_from(source, start, count)
            assert len(page.rows) <= count
            found += page.rows
            if not (start := page.next_start):
                break
        assert found == [list(row) for row in values]
        assert rows.head(source).records == len(values)
    rows.head.cache_clear()


def test_a_listing_that_is_too_long_to_be_sorted_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    content = document([("S-1", "1", "x")] * 50)
    monkeypatch.setattr(rows, "MOST_BYTES", 100)
    monkeypatch.setattr(
        rows.Source, "read",
        lambda _, part=None: content if part is None else content[part[0] : sum(part)],
    )  # fmt: skip
    rows.head.cache_clear()
    with pytest.raises(Rejected, match="Too many rows"):
        rows.whole(rows.Source("S", "open", "datasets/x.ndjson", "v1"))
    rows.head.cache_clear()


def test_another_page_of_a_choice_reads_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    content, parts = document([("S-1", "1", "x")] * 50), []

    def read(_: rows.Source, part: tuple[int, int] | None = None) -> bytes:
        parts.append(part)
        return content if part is None else content[part[0] : sum(part)]

    monkeypatch.setattr(rows.Source, "read", read)
    for kept in (rows.head, rows._whole, rows.chosen):
        kept.cache_clear()
    source, selection = rows.Source("S", "open", "datasets/x.ndjson", "v2"), rows.Selection("x")
    first = [*rows.rows_of(source, rows.chosen(source, selection)[:20])]
    parts.clear()
    assert len([*rows.rows_of(source, rows.chosen(source, selection)[20:40])]) == len(first) == 20
    assert parts == []
    for kept in (rows.head, rows._whole, rows.chosen):
        kept.cache_clear()


def test_a_number_is_compared_with_numbers_alone_and_a_column_must_be_there() -> None:
    data = dataset([("S-1", "1", None)])
    for chosen in (
        Selection(filters=(Filter("AVAL", "from", "much"),)),
        Selection(filters=(Filter("NONE", "is", "1"),)),
        Selection(sort="NONE"),
    ):
        with pytest.raises(Rejected) as refused:
            list(rows.select(data, chosen))
        assert refused.value.status == 422


def test_columns_that_end_in_their_midst_are_refused() -> None:
    packed = columns.pack([["a", "b"], [1, None]])
    assert [block.column(1) for block in columns.read(packed * 2)] == [[1, None]] * 2
    for length in (1, 9, len(packed) - 1):
        with pytest.raises(ValueError, match="midst"):
            list(columns.read(packed[:length]))


@pytest.mark.parametrize(
    ("value", "column", "expected"),
    [
        ("=1+1", 2, "'=1+1"),
        ("-3", 1, "-3"),
        ("-3", 2, "'-3"),
        ("@x", 2, "'@x"),
        ("plain", 2, "plain"),
        (None, 2, ""),
    ],
)
def test_no_value_runs_as_a_formula_where_a_spreadsheet_opens_it(
    value: Any, column: int, expected: str
) -> None:
    assert listings._csv_value(value, COLUMNS[column]) == expected
