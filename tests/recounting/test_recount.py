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
from openpyxl.workbook import Workbook
from pilot.feed import feed
from pilot.writing import DEFINITION, Event, compact
from recounting import cdisc_pilot, sheets, tmb301
from recounting.claims import Claims, Outcome, compare

from local.feed import read_definition
from trial import messages, study

PREFIXES = [0, 40, 700, 1100, 1500, 1900, 2226]
WHOLE = PREFIXES[-1]


@cache
def tmb301_workbook(events: int = WHOLE) -> bytes:
    report = builders.report_of(builders.tmb301(), builders.feed()[:events])
    return builders.files_of(report)["listings.xlsx"]


@cache
def pilot_workbook() -> bytes:
    defined = study.load(json.dumps(read_definition(DEFINITION)))
    bodies = (compact(each) for each in feed() if counts(each))
    entries = (messages.parse(messages.read_json(body), body) for body in bodies)
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
    found = outcome(tmb301_workbook(events), tmb301.recount)
    assert found.differences == []
    assert found.uncompared == []
    assert found.compared > (700 if events == WHOLE else 200)


def test_every_number_of_every_table_of_the_pilot_is_recounted():
    found = outcome(pilot_workbook(), cdisc_pilot.recount)
    assert found.differences == []
    assert found.uncompared == []
    assert found.compared > 3_900


class TestWhatIsWrongIsFound:
    def test_one_wrong_number_in_each_table(self):
        planted: set[str] = set()

        def plant(book: Workbook) -> None:
            for sheet in book:
                numbers = [cell for row in sheet.iter_rows(min_row=head(sheet) + 1) for cell in row
                           if isinstance(cell.value, int | float)]  # fmt: skip
                if sheet.title.startswith("14.") and numbers:
                    cell = numbers[len(numbers) // 2]
                    cell.value += 1
                    planted.add(f"{sheet.title}!{cell.coordinate}")

        found = outcome(changed(tmb301_workbook(), plant), tmb301.recount)
        assert {each.split(":")[0] for each in found.differences} == planted
        assert len(planted) == len(builders.tmb301().definition.tables)
        assert found.uncompared == []

    @pytest.mark.parametrize(
        ("table", "cell_text", "wrong"),
        [("14.2.1", "67.2, 92.7", "67.2, 92.8"), ("14.2.1", "<0.0001", "0.0001")],
    )
    def test_a_wrong_text(self, table, cell_text, wrong):
        def plant(book: Workbook) -> None:
            for cell in cells(book, table):
                if cell.value == cell_text:
                    cell.value = wrong

        (difference,) = outcome(changed(tmb301_workbook(), plant), tmb301.recount).differences
        assert difference.endswith(f"is {wrong}, recounted {cell_text}")

    def test_a_number_that_is_gone(self):
        def plant(book: Workbook) -> None:
            book["14.1.2"].cell(head(book["14.1.2"]) + 1, 8).value = None

        (difference,) = outcome(changed(tmb301_workbook(), plant), tmb301.recount).differences
        assert difference == "Table 14.1.2: ('Enrolled',), Total, n lacks 40"

    def test_a_number_that_nothing_was_said_of(self):
        def plant(book: Workbook) -> None:
            book["14.1.2"].cell(head(book["14.1.2"]) + 1, 2).value = 7

        found = outcome(changed(tmb301_workbook(), plant), tmb301.recount)
        assert len(found.uncompared) == 1

    def test_fewer_decimals_than_the_number_has(self):
        def plant(book: Workbook) -> None:
            for cell in cells(book, "14.1.5"):
                if cell.number_format == "0.000":
                    cell.number_format = "0.00"

        differences = outcome(changed(tmb301_workbook(), plant), tmb301.recount).differences
        assert ["is 0.62, recounted 0.623" in each for each in differences] == [True]

    def test_a_listing_that_lacks_a_record(self):
        def plant(book: Workbook) -> None:
            book["16.2.7"].delete_rows(head(book["16.2.7"]) + 1)

        assert outcome(changed(tmb301_workbook(), plant), tmb301.recount).differences

    def test_a_table_that_is_gone(self):
        def plant(book: Workbook) -> None:
            del book["14.1.3"]

        found = outcome(changed(tmb301_workbook(), plant), tmb301.recount)
        assert found.differences == ["Table 14.1.3 is not there"]


def head(sheet) -> int:
    return int("".join(filter(str.isdigit, sheet.freeze_panes or "A1"))) - 1


def cells(book: Workbook, name: str) -> Iterator:
    sheet = book[name]
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
                [each.name for each in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
            )
        }
        assert imported.isdisjoint({"trial", "local", "builders", "wiring"}), path.name
