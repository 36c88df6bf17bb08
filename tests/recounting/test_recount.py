"""Every table of a workbook follows from the listings of the same workbook.

The workbook is read as it is published, by openpyxl alone; numbers are recounted, rounded and
compared without anything of the service.
"""

import ast
import io
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import builders
import openpyxl
import pytest
from openpyxl.cell.cell import Cell
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet
from pilot import reading
from pilot.writing import DEFINITION, Event, compact
from recounting import cdisc_pilot, sheets, tmb301
from recounting.claims import Claims, Outcome, compare

from local.feed import read_definition
from trial.definition import study
from trial.events import envelope, json_body

PREFIXES = [0, 40, 700, 1500, 2226]
WHOLE = PREFIXES[-1]


@cache
def tmb301_workbook(events: int = WHOLE) -> bytes:
    report = builders.report_of(builders.tmb301(), builders.feed()[:events])
    return builders.files_of(report)["listings.xlsx"]


@cache
def pilot_workbook() -> bytes:
    defined = study.load(json.dumps(read_definition(DEFINITION)))
    bodies = (compact(item) for item in reading.events() if counts(item))
    entries = (envelope.parse(json_body.read_json(body), body) for body in bodies)
    return builders.files_of(builders.report_of(defined, entries))["listings.xlsx"]


def counts(event: Event) -> bool:
    """Keep, of the laboratory's results, those that a table counts."""
    return event["data"].get("parameter", "alt") == "alt"


def outcome(workbook: bytes, recount: Callable[[sheets.Book], Claims]) -> Outcome:
    book = sheets.read(workbook)
    return compare(recount(book), book)


def changed(workbook: bytes, change: Callable[[Workbook], None]) -> bytes:
    book, saved = openpyxl.load_workbook(io.BytesIO(workbook)), io.BytesIO()
    change(book)
    book.save(saved)
    return saved.getvalue()


@pytest.mark.parametrize("events", PREFIXES)
def test_every_number_of_every_table_of_tmb_301_is_recounted(events):
    result = outcome(tmb301_workbook(events), tmb301.recount)
    assert result.differences == []
    assert result.uncompared == []
    assert result.compared > (700 if events == WHOLE else 200 if events else 40)


def test_every_number_of_every_table_of_the_pilot_is_recounted():
    result = outcome(pilot_workbook(), cdisc_pilot.recount)
    assert result.differences == []
    assert result.uncompared == []
    assert result.compared > 3_900


class TestWhatIsWrongIsFound:
    def test_one_wrong_number_in_each_table(self):
        planted: set[str] = set()

        def plant(book: Workbook) -> None:
            for sheet in book:
                numbers = [cell for cell in cells(sheet) if isinstance(cell.value, int | float)]
                if sheet.title.startswith("14.") and numbers:
                    cell = numbers[len(numbers) // 2]
                    cell.value += 1
                    planted.add(f"{sheet.title}!{cell.coordinate}")

        result = outcome(changed(tmb301_workbook(), plant), tmb301.recount)
        assert {difference.split(":")[0] for difference in result.differences} == planted
        nobody = 1  # was screened: that table says so, and holds no number
        assert len(planted) == len(builders.tmb301().definition.tables) - nobody
        assert result.uncompared == []

    def test_what_else_may_be_wrong_with_a_table(self):
        def plant(book: Workbook) -> None:
            del book["14.1.3"]
            for cell in cells(book["14.2.1"]):
                texts = {"67.2, 92.7": "67.2, 92.8", "<0.0001": "0.0001"}
                cell.value = texts.get(cell.value, cell.value)
            for cell in cells(book["14.1.5"]):
                if cell.number_format == "0.000":
                    cell.number_format = "0.00"
            first = head(book["14.1.2"]) + 1  # those enrolled: of all alone, in the last columns
            book["14.1.2"].cell(first, 8).value = None
            book["14.1.2"].cell(first, 2).value = 7

        result = outcome(changed(tmb301_workbook(), plant), tmb301.recount)
        assert [difference.split("is ")[-1] for difference in result.differences] == [
            "Table 14.1.2: ('Enrolled',), Total, n lacks 40",
            "not there",
            "0.62, recounted 0.623",
            "67.2, 92.8, recounted 67.2, 92.7",
            "0.0001, recounted <0.0001",
        ]
        assert [item.split(":")[0] for item in result.uncompared] == ["14.1.2!B10"]

    def test_a_listing_that_lacks_a_record(self):
        def plant(book: Workbook) -> None:
            sheet = book["16.2.7"]
            terms = [cell.value for cell in sheet[head(sheet)]].index("Preferred term")
            row = next(row for row in sheet.iter_rows() if row[terms].value == "Diarrhoea")
            sheet.delete_rows(row[0].row)

        differences = outcome(changed(tmb301_workbook(), plant), tmb301.recount).differences
        assert {difference.split("!")[0] for difference in differences} >= {
            "14.3.1.1",
            "14.3.1.2",
            "14.3.1.3",
        }
        assert {difference[:4] for difference in differences} == {"14.3"}


def head(sheet: Worksheet) -> int:
    return int("".join(filter(str.isdigit, sheet.freeze_panes or "A1"))) - 1


def cells(sheet: Worksheet) -> Iterator[Cell]:
    """Give the cells below the column heads."""
    return (cell for row in sheet.iter_rows(min_row=head(sheet) + 1) for cell in row)


def test_nothing_of_the_service_takes_part():
    for path in Path(__file__).parent.glob("*.py"):
        if path.name == Path(__file__).name:
            continue
        imported = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in (
                [item.name for item in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
            )
        }
        assert imported.isdisjoint({"trial", "local", "builders", "wiring"}), path.name
