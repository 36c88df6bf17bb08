"""Data sets as Parquet: other programs read the cells of the Dataset-JSON, typed by its columns."""

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import hostile
import polars as pl
import pyarrow.parquet as pq
import pytest
import studies
from selecting import delivered
from studies import STUDIES, data, report_of

from trial.render import datasets, parquet
from trial.render.parquet import pages
from trial.render.parquet.pages import ColumnType
from trial.tables.grid import Listing, ListingColumn

TYPES = {"string": "string", "integer": "int64", "decimal": "double", "date": "date32[day]"}
KINDS = dict(zip("tind", ColumnType, strict=True))


def content_of(listing: Listing, report: Any) -> bytes:
    return b"".join(datasets.parquet_file(listing, report.cut, datasets.labels(report)))


def rows_read(content: bytes) -> Iterator[list[tuple[Any, ...]]]:
    """Give the rows as two independent readers have them."""
    yield [tuple(row.values()) for row in pq.read_table(io.BytesIO(content)).to_pylist()]
    yield pl.read_parquet(content).rows()


def as_typed(kind: str, value: Any) -> Any:
    if value is None:
        return None
    return {"decimal": float, "date": date.fromisoformat}.get(kind, lambda same: same)(value)


@pytest.mark.parametrize("name", STUDIES)
def test_two_readers_find_what_the_dataset_json_holds(name: str) -> None:
    report = report_of(name)
    labels = datasets.labels(report)
    for listing in delivered(report):
        described, rows = data(listing, report)
        kinds = [column["dataType"] for column in described["columns"]]
        expected = [tuple(map(as_typed, kinds, row)) for row in rows]
        content = content_of(listing, report)
        schema = pq.read_schema(io.BytesIO(content))
        assert schema.names == [column["name"] for column in described["columns"]]
        assert [str(field.type) for field in schema] == [TYPES[kind] for kind in kinds]
        assert all(rows == expected for rows in rows_read(content))
        about = json.loads(pq.read_metadata(io.BytesIO(content)).metadata[b"Dataset-JSON"])
        assert about == described | {"label": about["label"], "columns": about["columns"]}
        assert [column["label"] for column in about["columns"]] == [
            labels[column["name"]] for column in described["columns"]
        ]


def test_a_data_set_without_rows_has_its_columns_and_their_types() -> None:
    empty = studies.reported(studies.defined("tmb-301"), [])
    for listing in delivered(empty):
        content = content_of(listing, empty)
        schema = pq.read_schema(io.BytesIO(content))
        (full,) = (x for x in delivered(report_of("tmb-301")) if x.id == listing.id)
        whole = pq.read_schema(io.BytesIO(content_of(full, report_of("tmb-301"))))
        assert schema.remove_metadata() == whole.remove_metadata()
        assert list(rows_read(content)) == [[], []]


def test_hostile_texts_come_back_and_what_utf_8_has_not_is_marked() -> None:
    listing, report = hostile.listing(), hostile.report()
    texts = {text.replace("\ud800", "\ufffd") for text in hostile.TEXTS}
    for rows in rows_read(content_of(listing, report)):
        assert {row[2] for row in rows} == texts


def written(kinds: str, *blocks: Sequence[Sequence[Any]]) -> bytes:
    types = [KINDS[kind] for kind in kinds]
    names = [f"{kind}{place}" for place, kind in enumerate(kinds)]
    packed = (
        pages.pack(types, list(zip(*rows, strict=True)) or [()] * len(types)) for rows in blocks
    )
    return b"".join(parquet.file(dict(zip(names, types, strict=True)), packed, {}))


BLOCKS: list[list[Sequence[Any]]] = [
    [("b", 10**18 - 1, "0.1", "2024-02-29", None)] * 20,
    [],
    [(None, None, None, None, None)] * 9,
    [("\u00e9", -(10**18), "-0", "1582-10-15", None), (None, 0, "1e-9", None, None)] * 6,
    [("a", None, "12345678901234567.125", "9999-12-31", None)],
]
"""All there, none, all missing, some missing; groups of eight that are full and that are not."""


@pytest.mark.parametrize("group_bytes", [1, 10**9])
def test_pages_of_any_blocks_are_read_in_one_row_group_or_several(
    monkeypatch: pytest.MonkeyPatch, group_bytes: int
) -> None:
    monkeypatch.setattr(parquet, "GROUP_BYTES", group_bytes)
    content = written("tindt", *BLOCKS)
    expected = [
        tuple(map(as_typed, ("", "", "decimal", "date", ""), row))
        for rows in BLOCKS
        for row in rows
    ]
    assert all(rows == expected for rows in rows_read(content))
    metadata = pq.read_metadata(io.BytesIO(content))
    assert metadata.num_row_groups == (4 if group_bytes == 1 else 1)
    assert sum(metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)) == 42
    last = metadata.row_group(metadata.num_row_groups - 1)
    assert last.column(4).statistics.null_count == last.num_rows
    assert not last.column(4).statistics.has_min_max
    if group_bytes > 1:
        extremes = [
            (last.column(n).statistics.min, last.column(n).statistics.max) for n in range(4)
        ]
        assert extremes == [
            ("a", "\u00e9"), (-(10**18), 10**18 - 1), (-0.0, 12345678901234567.125),
            (date(1582, 10, 15), date(9999, 12, 31)),
        ]  # fmt: skip


def test_readers_that_select_by_the_extremes_miss_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP_BYTES", 1)
    long = "z" * 65
    content = written("tn", [("a", "1"), ("m", "0")], [("n", "-0"), (long, "3")], [(None, None)])
    metadata = pq.read_metadata(io.BytesIO(content))
    told = [metadata.row_group(n).column(0).statistics.has_min_max for n in range(3)]
    assert told == [True, False, False]

    def selected(column: str, value: Any) -> Sequence[Any]:
        found = pq.read_table(io.BytesIO(content), filters=[(column, "=", value)]).to_pylist()
        lazy = pl.scan_parquet(io.BytesIO(content)).filter(pl.col(column) == value)
        assert lazy.collect().to_dicts() == found
        return [row["t0"] for row in found]

    assert selected("t0", "m") == ["m"]
    assert selected("t0", long) == [long]
    assert selected("n1", 0.0) == ["m", "n"]
    assert selected("t0", "zz") == []


def test_a_block_has_the_same_pages_whatever_stands_around_it() -> None:
    listing = Listing("1", "", "", (ListingColumn("X", "X", "number"),), [])
    kept = [
        datasets.packed_pages(listing, [["S"], ["1.50"]]),
        datasets.packed_pages(listing, [["S"], [None]]),
    ]
    columns = {"STUDYID": ColumnType.TEXT, "X": ColumnType.NUMBER}
    for block in kept:
        content = pages.read(block).content
        first = content[: pages.read(block).summaries[0].length]
        for blocks in ([block], kept, kept[::-1]):
            assert first in b"".join(parquet.file(columns, blocks, {}))


def test_no_more_rows_are_held_than_a_row_group_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP_BYTES", 2_000)
    made = []

    def rows() -> Iterable[tuple[Decimal]]:
        for number in range(10_000):
            made.append(number)
            yield (Decimal(number),)

    listing = Listing("1", "", "", (ListingColumn("N", "N", "number"),), [])
    pieces = datasets.parquet_file(replace(listing, rows=_Once(rows)), report_of("tmb-301").cut)
    assert next(pieces) == b"PAR1"
    made.clear()
    next(pieces)
    assert len(made) < 2_000
    for _ in pieces:
        pass
    assert len(made) == 10_000


class _Once:
    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows())
