"""The Methods stand in the workbook, on the page and in the summary, all alike."""

import html
import io
import json
import re
from functools import cache

import builders
import openpyxl

from trial.tables.grid import Report


@cache
def report():
    return builders.report_of(builders.tmb301(), builders.feed()[:200])


@cache
def files():
    return builders.files_of(report(), builders.tmb301())


def sheet(content: bytes) -> list[tuple[str, str]]:
    book = openpyxl.load_workbook(io.BytesIO(content))
    return [
        (str(row[0].value or ""), str(row[1].value or ""))
        for row in book["Methods"].iter_rows(max_col=2)
    ]


def test_the_workbook_has_a_sheet_that_the_cover_leads_to():
    rows = sheet(files()["listings.xlsx"])
    titles = [section.title for section in report().methods]
    assert [name for name, text in rows if name in titles and not text] == titles
    assert ("14.2.2: Day 14 (log10 copies/mL)",
            "Describes HIV-1 RNA (log10 copies/mL) at the visit Day 14.") in rows  # fmt: skip
    result = ("Planned day: 21; Window: 18 to 24; Days from: enrolment; Schedule: main;"
            " Result: closest, tie later")  # fmt: skip
    assert ("Day 21", result) in rows
    cover = openpyxl.load_workbook(io.BytesIO(files()["listings.xlsx"]))["Cover"]
    assert "Methods" in [cell.value for cell in cover["A"]]


def test_the_page_shows_every_row():
    page = files()["report.html"].decode()
    part = page[page.index('<h2 id="methods">') : page.index('<h2 id="listings">')]
    result = [html.unescape(re.sub("<.*?>", "", cell))
             for cell in re.findall(r"<t[hd](?: scope=\"\w+\")?>(.*?)</t[hd]>", part)]  # fmt: skip
    assert result == [
        text
        for section in report().methods
        for row in (section.heads, *section.rows)
        for text in row
    ]
    assert '<a href="#methods">' in page


def test_the_summary_tells_them_as_text_and_as_data():
    text = files()["summary.md"].decode()
    assert "## Methods" in text
    assert "| 14.2.2 | Day 14 (log10 copies/mL) | Describes HIV-1 RNA" in text
    methods = json.loads(files()["summary.json"])["methods"]
    assert [item["id"] for item in methods] == [section.id for section in report().methods]
    visits = next(item for item in methods if item["id"] == "visits")
    assert visits["rows"][0]["Planned day"] == "0"


def test_without_methods_there_is_no_part_for_them():
    bare = Report(report().cut, (), report().flow, (), ())
    result = builders.files_of(bare, builders.tmb301())
    assert b"methods" not in result["report.html"].split(b"</style>")[1]
    assert b"## Methods" not in result["summary.md"]
    assert "Methods" not in openpyxl.load_workbook(io.BytesIO(result["listings.xlsx"])).sheetnames
