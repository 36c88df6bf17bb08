"""A workbook of hostile data opens without repair, and says what the report says."""

import shutil
import subprocess
from dataclasses import replace
from functools import cache
from io import BytesIO
from xml.etree import ElementTree as ET
from zipfile import ZipFile

import pytest
import samples
from openpyxl import load_workbook

from trial.render import legible
from trial.render.workbook import workbook
from trial.render.workbook.cell_values import Names, storable
from trial.tables.grid import Cell, Column, Grid, Listing, ListingColumn, Row, Statistic

SOFFICE = shutil.which("soffice")
SITES, TERMS = 1_000, 2_000


def counted(column, n):
    return Cell(column, (Statistic("n", n, str(n)), Statistic("percent", str(n), "1")))


@cache
def report():
    """Many sites and terms, and every text that may do harm in every place for a text."""
    texts = [*samples.HOSTILE, "x" * 32_767, "y" * 32_768, "\U0001f600" * 16_384]
    terms = tuple(
        Row(f"t{i}", f"{texts[i % len(texts)][:60]} {i}", i % 2, (counted("c", i % 7),))
        for i in range(TERMS)
    )
    sites = tuple(Column(f"s{i}", f"Site {i} <&> {texts[i % 20][:10]}", i) for i in range(60))
    by_site = Row("r", "Enrolled", 0, tuple(counted(f"s{i}", i) for i in range(60)))
    columns = (ListingColumn("site", "=Site"), ListingColumn("text", "@Text"))
    rows = tuple((f"Site {i}", texts[i % len(texts)]) for i in range(SITES))
    report = samples.hostile()
    return replace(
        report,
        grids=(
            *report.grids,
            Grid("14.3", "Terms", "Safety", (Column("c", "All", 40),), terms),
            Grid("14.3 ", "Sites", "Safety", sites, (by_site,)),
        ),
        listings=(*report.listings, Listing("14.3", "Sites", "All", columns, rows)),
    )


@cache
def content():
    return b"".join(workbook(report()))


@cache
def book():
    return load_workbook(BytesIO(content()))


def body(sheet):
    head = int(sheet.print_title_rows.split("$")[-1])
    return sheet.iter_rows(head + 1, values_only=True)


def stored(text):
    return storable(text) or None


def test_colliding_names_give_each_sheet_its_own():
    names = book().sheetnames
    assert len({name.casefold() for name in names}) == len(names)
    assert {"14.3", "14.3 (2)", "14.3 (3)"} <= set(names)


def test_a_name_made_unique_is_never_taken_by_a_later_one():
    names = Names(["Cover"])
    texts = ["cover", "cover (2)", "cover", "x" * 31, "x" * 40, "x" * 31]
    assert [names.take(item) for item in texts] == [
        "cover (2)",
        "cover (2) (2)",
        "cover (3)",
        "x" * 31,
        "x" * 27 + " (2)",
        "x" * 27 + " (3)",
    ]


@pytest.mark.parametrize("number", range(len(samples.hostile().listings) + 1))
def test_every_listing_reads_back_equal(number):
    listing = report().listings[number]
    sheet = book().worksheets[number - len(report().listings)]
    rows = list(body(sheet))
    for values, row in zip(listing.rows, rows, strict=False):
        for value, cell, column in zip(values, row, listing.columns, strict=False):
            if column.kind != "number" or isinstance(cell, str):
                assert cell == stored(value)


def test_every_row_of_every_table_reads_back_equal():
    sheets = book().worksheets[2 : 2 + len(report().grids)]
    for grid, sheet in zip(report().grids, sheets, strict=True):
        labels = [row[0] for row in body(sheet)]
        assert labels[: len(grid.rows)] == [stored(row.label) for row in grid.rows]
    terms = book()["14.3"]
    numbers = [row[1] for row in body(terms)][:TERMS]
    assert numbers == [i % 7 for i in range(TERMS)]


def test_every_member_is_well_formed_and_holds_no_formula_and_no_macro():
    with ZipFile(BytesIO(content())) as members:
        assert members.testzip() is None
        for name in members.namelist():
            root = ET.fromstring(members.read(name))  # noqa: S314 (made by this test)
            if name.startswith("xl/worksheets/sheet"):
                assert not root.findall(".//{*}f")
            assert "vba" not in name.lower()


def test_what_is_longer_than_a_cell_is_cut_with_a_mark():
    texts = {len(text or ""): text for row in body(book().worksheets[-1]) for text in row[1:2]}
    assert texts[32_767] in {"x" * 32_767, stored("y" * 32_768)}
    for row in body(book().worksheets[-1]):
        for text in row:
            assert len((text or "").encode("utf-16-le")) <= 2 * 32_767
    assert stored("y" * 32_768).endswith("[cut: the text is longer than a cell]")


def test_right_to_left_and_ideographs_are_kept_as_they_are():
    texts = {text for row in body(book().worksheets[-1]) for text in row}
    assert legible(samples.HOSTILE[14]) in texts
    assert legible(samples.HOSTILE[15]) in texts


def test_banners_say_whether_a_reader_sees_a_blinded_study():
    for changes, word in (
        ({"blinded": True}, "BLINDED"),
        ({"audience": "unblinded"}, "UNBLINDED"),
        ({}, None),
    ):
        report = replace(samples.trial(), cut=replace(samples.CUT, **changes), figures=())
        book = load_workbook(BytesIO(b"".join(workbook(report))))
        for sheet in book.worksheets:
            first = [str(row[0].value) for row in sheet.iter_rows(max_row=3)]
            assert first[0] == samples.NOTICE
            items = [text.partition(":")[0] for text in first if "BLINDED" in text]
            assert items == ([word] if word else [])


def test_the_definitions_name_versions_sets_and_what_is_not_there():
    book = load_workbook(BytesIO(b"".join(workbook(samples.illustrated()))))
    values = {row[0]: row[1] for row in book["Definitions"].iter_rows(values_only=True) if row[0]}
    assert values["Dictionary or grading 1"] == "MedDRA 18.1"
    assert values["ITT"].startswith("Table 14.1.4, ")
    assert values["Intention-to-treat"] == "40"
    assert {"Not reported", "Not yet due", "Not collected", "Imputation flag", "SD"} <= set(values)
    assert "Table 14.2.1" in values["exact McNemar"]
    assert "LS mean" not in values  # no table has one


@pytest.fixture(scope="module")
def resaved(tmp_path_factory):
    """Have LibreOffice open both workbooks, started once, and write what it understood."""
    folder = tmp_path_factory.mktemp("soffice")
    books = {"trial": b"".join(workbook(samples.illustrated())), "hostile": content()}
    paths = [folder / f"{name}.xlsx" for name in books]
    for path, archive in zip(paths, books.values(), strict=True):
        path.write_bytes(archive)
    command = [
        str(SOFFICE), f"-env:UserInstallation=file://{folder}/profile", "--headless",
        "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", str(folder / "out"),
        *map(str, paths),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return folder


@pytest.mark.skipif(SOFFICE is None, reason="LibreOffice (soffice) is not installed")
@pytest.mark.parametrize("name", ["trial", "hostile"])
def test_libre_office_opens_it_and_finds_every_sheet(name, resaved):
    original = book() if name == "hostile" else load_workbook(resaved / "trial.xlsx")
    workbook = load_workbook(resaved / "out" / f"{name}.xlsx")
    assert workbook.sheetnames == original.sheetnames
    for sheet in original.worksheets:
        for row, item in zip(
            sheet.iter_rows(values_only=True),
            workbook[sheet.title].iter_rows(values_only=True, max_col=sheet.max_column),
            strict=False,
        ):
            if item != row:
                assert [shown(value) for value in item] == [shown(value) for value in row]
    assert len(workbook.worksheets) == len(original.worksheets)


def shown(value):
    """Give what a cell says: programs differ in a number's last bit, and in what they escape."""
    if isinstance(value, float | int):
        return pytest.approx(value)
    return value.replace("_x005F_", "_") if value else None
