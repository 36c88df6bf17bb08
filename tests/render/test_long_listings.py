"""Listings that are longer than a sheet, or than memory."""

import gc
import hashlib
import os
import sys
import tracemalloc
import weakref
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from zipfile import ZipFile
from zlib import crc32

import pytest
import samples
from openpyxl import load_workbook

from trial.render.workbook import streaming, workbook
from trial.render.workbook.archive import joined_crc
from trial.tables.grid import Listing, ListingColumn

COLUMNS = (
    ListingColumn("subject", "Subject"),
    ListingColumn("visit", "Visit", "number"),
    ListingColumn("result", "Result", "number"),
)


class Rows:
    """Rows that are made anew by each reader, and are nowhere kept."""

    def __init__(self, number):
        self.number, self.readers, self.read = number, 0, 0

    def __iter__(self):
        self.readers += 1
        for i in range(self.number):
            self.read += 1
            yield f"S-{i:06}", i % 20, Decimal(i) / 100


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_003])
def test_the_checksum_of_two_texts_follows_from_theirs(size):
    first, second = b"<row/>", (bytes(range(256)) * 1_000)[:size]
    assert joined_crc(crc32(first), crc32(second), size) == crc32(first + second)
    assert joined_crc(0, crc32(second), size) == crc32(second)


def report_of(rows, **changes):
    listing = Listing("16.2.6", "Results", "ITT", COLUMNS, rows, ("Sorted by subject.",))
    return replace(samples.trial(), grids=(), figures=(), listings=(listing,), **changes)


def opened(pieces):
    return load_workbook(BytesIO(b"".join(pieces)))


def body_of(sheet):
    first, last = sheet.auto_filter.ref.split(":")
    head, end = int(first[1:]), int(last[1:])
    return [tuple(cell.value for cell in row) for row in sheet.iter_rows(head + 1, end)]


@pytest.mark.parametrize("records", [40, 41, 42, 43, 90, 200])
def test_a_listing_longer_than_a_sheet_goes_on_in_further_sheets(records):
    book = opened(workbook(report_of(Rows(records)), most_rows=50))
    parts = [sheet for sheet in book.worksheets if sheet.title.startswith("16.2.6")]
    names = ["16.2.6", *(f"16.2.6 ({n})" for n in range(2, len(parts) + 1))]
    assert [sheet.title for sheet in parts] == names
    result = [row for sheet in parts for row in body_of(sheet)]
    assert result == [(f"S-{i:06}", i % 20, i / 100) for i in range(records)]
    for sheet in parts:
        assert sheet.max_row <= 50
        assert sheet.print_title_rows == f"$1:${sheet.auto_filter.ref.split(':')[0][1:]}"
        texts = [str(row[0].value) for row in sheet.iter_rows()]
        assert "Sorted by subject." in texts
        on, back = (any(word in text for text in texts) for word in ("goes on", "continued from"))
        assert (on, back) == (sheet != parts[-1], sheet != parts[0])


def test_the_cover_counts_and_links_the_records_of_every_part():
    book = opened(workbook(report_of(Rows(100)), most_rows=50))
    lines = {
        row[0].value: (row[0].hyperlink.location, row[3].value)
        for row in book["Cover"].iter_rows()
        if row[0].hyperlink and row[3].value is not None
    }
    assert list(lines) == ["Listing 16.2.6", "Listing 16.2.6, part 2", "Listing 16.2.6, part 3"]
    assert [place for place, _ in lines.values()] == [
        "'16.2.6'!A1", "'16.2.6 (2)'!A1", "'16.2.6 (3)'!A1",
    ]  # fmt: skip
    assert sum(records for _, records in lines.values()) == 100


def test_a_sheet_ends_before_its_member_is_too_large_for_any_program(monkeypatch):
    monkeypatch.setattr(streaming, "MOST_BYTES", 100_000)
    with ZipFile(BytesIO(b"".join(workbook(report_of(Rows(2_000)))))) as members:
        sizes = [item.file_size for item in members.infolist() if "sheet" in item.filename]
    assert len(sizes) > 4
    assert max(sizes) < 130_000


def test_rows_are_read_once_and_the_file_comes_while_they_are():
    rows = Rows(20_000)
    pieces = workbook(report_of(rows))
    next(pieces)
    assert (rows.readers, rows.read < 15_000) == (1, True)
    assert sum(map(len, pieces)) > 100_000
    assert (rows.readers, rows.read) == (1, 20_000)


def peak(records):
    tracemalloc.start()
    for _ in workbook(report_of(Rows(records))):
        pass
    result = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return result


def test_memory_does_not_grow_with_the_rows():
    peak(3_000)  # what is remembered of words is there from here on
    small, large = peak(8_000), peak(32_000)
    assert large < small + 1_500_000  # the values of 24,000 rows alone are 5,000,000 bytes


def test_no_file_is_opened_for_writing():
    items = []

    def watch(event, arguments):
        if event == "open" and watching and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            items.append(arguments[0])

    watching = True
    sys.addaudithook(watch)
    try:
        assert sum(map(len, workbook(samples.illustrated()))) > 10_000
    finally:
        watching = False  # a hook stays for ever
    assert items == []


def test_a_reader_who_stops_early_leaves_nothing_behind():
    rows = Rows(20_000)
    result = report_of(rows)
    pieces, ref = workbook(result), weakref.ref(result)
    next(pieces)
    n_read = rows.read
    pieces.close()
    assert list(pieces) == []
    assert rows.read == n_read < 20_000
    del result, pieces
    gc.collect()
    assert ref() is None


def test_rows_that_fail_fail_the_workbook():
    def rows():
        yield ("S-1", 1, None)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        list(workbook(report_of(rows())))


def days(*values):
    column = ListingColumn("d", "Day", "day")
    listing = Listing("16", "L", "All", (column,), tuple((value,) for value in values))
    book = opened(workbook(replace(samples.trial(), grids=(), figures=(), listings=(listing,))))
    head = int(book["16"].print_title_rows.split("$")[-1])
    return [book["16"].cell(head + n, 1) for n in range(1, len(values) + 1)]


def test_full_dates_are_dates_that_sort_and_count():
    cells = days("2016-03-01", "1900-03-01", "2400-12-31", None)
    assert [cell.value for cell in cells] == [
        datetime(2016, 3, 1),  # noqa: DTZ001
        datetime(1900, 3, 1),  # noqa: DTZ001
        datetime(2400, 12, 31),  # noqa: DTZ001
        None,
    ]
    assert {cell.number_format for cell in cells[:3]} == {"yyyy-mm-dd"}


def test_what_a_spreadsheet_cannot_count_as_a_date_stays_text():
    texts = ("1900-02-28", "1899-12-31", "2016-03", "2015-02-29", "2016-W01-1", "20160301", "=1")
    cells = days(*texts)
    assert [(cell.value, cell.data_type) for cell in cells] == [(text, "s") for text in texts]


def test_equal_numbers_keep_the_digits_each_was_given():
    values = (Decimal("4.5"), Decimal("4.50"), Decimal(4), 4, Decimal("4.00"), "4.500", Decimal(0))
    columns = (ListingColumn("n", "N", "number"),)
    listing = Listing("16", "L", "All", columns, tuple((value,) for value in values))
    book = opened(workbook(replace(samples.trial(), grids=(), figures=(), listings=(listing,))))
    head = int(book["16"].print_title_rows.split("$")[-1])
    shapes = [book["16"].cell(head + n, 1).number_format for n in range(1, len(values) + 1)]
    assert shapes == ["0.0", "0.00", "0", "0", "0.00", "0.000", "0"]


def test_the_same_rows_give_the_same_bytes_however_they_are_taken():
    digests = {hashlib.sha256(b"".join(workbook(report_of(Rows(9_000))))).digest() for _ in "ab"}
    assert len(digests) == 1
