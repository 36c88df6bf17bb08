import re
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from io import BytesIO
from zipfile import ZipFile

import pytest
import samples
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from trial.render import legible
from trial.render.workbook import workbook
from trial.render.workbook.cell_values import LONGEST_TEXT
from trial.tables.grid import Listing, ListingColumn


def made(report, **limits) -> bytes:
    return b"".join(workbook(report, **limits))


@cache
def content():
    return made(samples.illustrated())


@cache
def hostile():
    return made(samples.hostile())


ENCODED = re.compile("_x005F_(?=x[0-9A-Fa-f]{4}_)")


def opened(content: bytes):
    return load_workbook(BytesIO(content))


@cache
def book():
    return opened(content())


def shown(cell) -> str:
    """Give a cell's text as its number format shows it."""
    if cell.value is None:
        return ""
    if cell.data_type != "n":
        return ENCODED.sub("_", cell.value)
    places = len(cell.number_format.partition(".")[2])
    grouped = "," if "," in cell.number_format else ""
    return f"{Decimal(str(cell.value)):{grouped}.{places}f}"


def table_of(sheet) -> list[list[str]]:
    """Read a sheet from its first column head to the blank line before its footnotes."""
    rows = [[shown(cell) for cell in row] for row in sheet.iter_rows()]
    head = int(sheet.print_title_rows.split("$")[-1])
    body = rows[head - 1 :]
    return body[: next(n for n, row in enumerate(body) if not any(row) and n)]


def test_sheets_are_cover_definitions_and_one_for_each_table_key_result_and_listing():
    tables = [grid.id for grid in samples.grids()]
    key_results = [f"Figure {figure.id}" for figure in samples.figures()]
    listings = ["16.2.3", "16.2.6", "16.2.7"]
    assert book().sheetnames == ["Cover", "Definitions", *tables, *key_results, *listings]


def test_the_cover_tells_the_cut_and_links_to_every_sheet():
    cover = book()["Cover"]
    texts = {shown(cell) for row in cover.iter_rows() for cell in row}
    cut = samples.CUT
    assert {cut.notice, cut.title, cut.registry, cut.id, cut.content_root, "2231"} <= texts
    links = {
        cell.value: cell.hyperlink.location
        for row in cover.iter_rows()
        for cell in row
        if cell.hyperlink
    }
    assert list(links.values()) == [f"'{name}'!A1" for name in book().sheetnames[1:]]
    assert list(links)[:3] == ["Definitions", "Table 14.1.2", "Table 14.1.4"]
    assert list(links)[-1] == "Listing 16.2.7"


def test_counts_percentages_and_events_are_numbers_in_columns_of_their_own():
    rows = table_of(book()["14.3.1.2"])
    assert rows[0] == ["Category", "n", "%", "Events"]
    assert rows[1] == ["Gastrointestinal and related disorders, group 1", "20", "50", "27"]
    cells = book()["14.3.1.2"][9]
    assert [cell.data_type for cell in cells[1:4]] == ["n", "n", "n"]


def test_every_statistic_of_a_described_value_has_its_line():
    rows = table_of(book()["14.1.4"])
    assert rows[0] == ["Category", "Statistic", "Value", "%"]
    assert [row[1:3] for row in rows[1:7]] == [
        ["n", "40"],
        ["Mean", "50.5"],
        ["SD", "11.0"],
        ["Median", "53.0"],
        ["Minimum", "23"],
        ["Maximum", "65"],
    ]
    assert rows[1][0] == "Age (years)"
    assert ["Male", "n (%)", "34", "85"] in rows
    assert ["", "Mean", "100,287", ""] in rows


def test_intervals_and_p_values_stand_with_what_they_belong_to():
    sheet = book()["14.2.1"]
    rows = table_of(sheet)
    assert rows[0][2:] == ["n", "%", "95% CI", "n", "%", "95% CI", "Value", "95% CI"]
    assert rows[1] == [
        "Responders",
        "n (%)",
        "1",
        "3",
        "0.1, 13.2",
        "33",
        "83",
        "67.2, 92.7",
        "",
        "",
    ]
    assert rows[2][1:] == ["Difference", *[""] * 6, "0.80", "0.64, 0.90"]
    assert rows[3][8] == "<0.001"
    bands = [shown(cell) for cell in sheet[7]]
    assert bands[2] == "Control period (day 0 to day 7) (N = 40)"


def test_a_head_over_one_column_wraps_instead_of_widening_it():
    sheet = book()["14.2.4"]
    bands = [cell for row in sheet.iter_rows(max_row=7) for cell in row if "N = 40" in shown(cell)]
    assert [shown(cell) for cell in bands] == ["Observed\n(N = 40)", "BOCF\n(N = 40)"]
    assert all(cell.alignment.wrap_text for cell in bands)


def test_levels_are_indented():
    sheet = book()["14.1.2"]
    indents = {shown(row[0]): row[0].alignment.indent for row in sheet.iter_rows()}
    assert indents["Discontinued"] == 0
    assert indents["Death"] > 0


@pytest.mark.parametrize("listing", samples.listings(), ids=lambda item: item.id)
def test_listings_read_back_equal(listing):
    rows = table_of(book()[listing.id])
    assert rows[0] == [column.label for column in listing.columns]
    expected = [["" if item is None else str(item) for item in row] for row in listing.rows]
    assert rows[1:] == (expected or [["No records", *[""] * 7]])


def test_dates_stay_as_collected():
    sheet = book()["16.2.7"]
    head = int(sheet.print_title_rows.split("$")[-1])
    assert sheet.cell(head + 1, 8).value == "2016-03"
    assert sheet.cell(head + 1, 8).data_type == "s"
    assert sheet.cell(head + 1, 9).data_type == "n"


def test_pages_print_as_a_reviewer_expects():
    for sheet in book().worksheets:
        assert sheet.page_setup.orientation == "landscape"
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert (sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) == (1, 0)
        assert sheet.oddFooter.right.text == "Page &P of &N"
        assert samples.CUT.id[:16] in sheet.oddFooter.left.text
        assert not sheet.merged_cells.ranges
    for sheet in book().worksheets[2:]:
        head = int(sheet.print_title_rows.split("$")[-1])
        assert sheet.print_title_rows == f"$1:${head}"
        assert sheet.freeze_panes == f"B{head + 1}"
        above = [shown(row[0]) for row in sheet.iter_rows(max_row=head)]
        assert above[0] == samples.NOTICE
        assert any(text.startswith("Population: ") for text in above)
        print_range = sheet.print_area.split("$")[-1] if sheet.print_area else sheet.max_row
        lines = [shown(row[0]) for row in sheet.iter_rows(max_row=int(print_range))]
        last = [line for line in lines if line][-1]
        assert samples.CUT.id in last
        assert samples.CUT.data_date in last
    assert book()["16.2.6"].auto_filter.ref == "A7:H607"
    assert book()["14.1.2"].auto_filter.ref is None


def test_widths_are_bounded():
    for archive in (content(), hostile()):
        for sheet in opened(archive).worksheets[1:]:
            assert all(0 < dimension.width < 256 for dimension in sheet.column_dimensions.values())


def test_no_cell_of_a_hostile_workbook_computes_or_fails():
    for sheet in opened(hostile()).worksheets:
        for row in sheet.iter_rows():
            assert {cell.data_type for cell in row} <= {"s", "n"}
    with ZipFile(BytesIO(hostile())) as members:
        for name in members.namelist():
            if name.startswith("xl/worksheets/"):
                assert b"<f>" not in members.read(name)


def test_hostile_texts_read_back_as_shown():
    book = opened(hostile())
    sheet = book.worksheets[-1]
    head = int(sheet.print_title_rows.split("$")[-1])
    for number, text in enumerate(samples.HOSTILE, head + 1):
        cells = sheet[number]
        for cell in (cells[0], cells[2]):
            if len(text.encode("utf-16-le", "replace")) > 2 * LONGEST_TEXT:
                assert cell.value.endswith("[cut: the text is longer than a cell]")
                assert len(cell.value.encode("utf-16-le")) <= 2 * LONGEST_TEXT
            else:
                assert shown(cell) == legible(text)
    assert sheet.cell(head + 1, 1).quotePrefix


def test_control_characters_are_shown():
    assert (
        legible("a\x00\x07\x0b\x1f\x7f\ud800\uffff")
        == "a\u2400\u2407\u240b\u241f\u2421\ufffd\ufffd"
    )
    assert legible("a\tb\nc\r\nd\re") == "a\tb\nc\nd\ne"


def test_sheet_names_are_legal_and_unique():
    names = [sheet.title for sheet in opened(hostile()).worksheets]
    assert len({name.casefold() for name in names}) == len(names)
    for name in names:
        assert 0 < len(name) <= 31
        assert not re.search(r"[\[\]:*?/\\]", name)
        assert name.strip("'") == name


def test_the_archive_carries_no_clock():
    with ZipFile(BytesIO(content())) as members:
        assert {item.date_time for item in members.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert book().properties.created == datetime(2016, 10, 24)  # noqa: DTZ001
    assert book().properties.modified == book().properties.created
    dateless = replace(samples.trial(), cut=replace(samples.CUT, data_date=""))
    assert opened(made(dateless)).properties.created.year == 1980


def listed(*values, kind="text"):
    """Write a listing of one column and read its cells back."""
    columns = (ListingColumn("c", "C", kind),)
    listing = Listing("16", "L", "All", columns, tuple((value,) for value in values))
    report = replace(samples.trial(), grids=(), listings=(listing,))
    sheet = opened(made(report))["16"]
    head = int(sheet.print_title_rows.split("$")[-1])
    return [sheet.cell(head + number, 1) for number in range(1, len(values) + 1)]


def test_numbers_show_the_digits_they_were_given():
    values = (0, -7, Decimal("4.50"), Decimal("-0.25"), Decimal("1E+3"), 123456789012345)
    cells = listed(*values, kind="number")
    assert [cell.data_type for cell in cells] == ["n"] * len(values)
    assert [shown(cell) for cell in cells] == [
        "0",
        "-7",
        "4.50",
        "-0.25",
        "1000",
        "123456789012345",
    ]


def test_what_a_number_could_not_show_stays_text():
    values = (1234567890123456, Decimal("-0.0"), "<20", "007", "1e5", "NaN", "\u0661", "1,00")
    cells = listed(*values, kind="number")
    assert [cell.data_type for cell in cells] == ["s"] * len(values)
    assert [shown(cell) for cell in cells] == [str(value) for value in values]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(st.characters(codec=None), min_size=1), min_size=1, max_size=20))
def test_any_text_reads_back_as_shown(texts):
    for cell, text in zip(listed(*texts), texts, strict=True):
        assert shown(cell) == legible(text)
        assert cell.data_type in {"s", "n"}
