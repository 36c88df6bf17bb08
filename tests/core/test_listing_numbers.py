"""What a listing declares as numbers are numbers, alike in the workbook and as data."""

import io
import json
from decimal import Decimal
from typing import Any

import builders
import openpyxl
import pytest
from builders import TINY, enrolment, viral_load
from parallel import parallel

from trial.definition.study import Study
from trial.errors import Rejected
from trial.tables import checking

CD4 = "observations:cd4"
EVENTS = "adverse-event.reported"


def listing(records: str, *columns: tuple[str, str]) -> dict[str, Any]:
    return {"id": "L", "title": "L", "population": "All", "records": records, "dataset": "adl",
            "columns": [{"id": f"C{i}", "label": f"C{i}", "source": source, "kind": kind}
                        for i, (source, kind) in enumerate(columns)]}  # fmt: skip


def of(records: str, *columns: tuple[str, str], **options: Any) -> Study:
    return parallel(listings=[listing(records, *columns)], tables=[], key_results=[], **options)


TEXTS = [
    ("observations:viral-load", "result"), ("observations:viral-load", "unit"),
    ("observations:viral-load", "visit"), ("observations:viral-load", "operator"),
    ("observations:viral-load", "collected"), ("subjects", "subject"), ("subjects", "arm"),
    ("subjects", "site"), ("subjects", "sex"), ("subjects", "characteristic:history"),
    ("subjects", "condition:enrolled"), ("subjects", "set:enrolled"),
    ("subjects", "end-of-study-reason"), (EVENTS, "term"), (EVENTS, "serious"),
    (EVENTS, "seriousness"), (EVENTS, "soc"), (EVENTS, "emergent"), (EVENTS, "dose-at-onset"),
    (EVENTS, "onset"), (EVENTS, "onset.period"), ("dose.administered", "unit"),
    ("resistance.reported", "mutations"), ("subject.enrolled", "characteristics"),
]  # fmt: skip
NUMBERS = [
    (CD4, "value"), (CD4, "as:weight"), ("subjects", "age"), ("subjects", "doses"),
    ("subjects", "characteristic:score"), ("subjects", "characteristic:age"),
    ("subjects", "measure:age"), (EVENTS, "grade"), (EVENTS, "duration"),
    (EVENTS, "onset.study-day"), (EVENTS, "onset.protocol-day"), (EVENTS, "last:weight"),
    (EVENTS, "days-since-last-dose"), (EVENTS, "days-on-treatment"),
    ("dose.administered", "amount"), ("lab.result.reported", "lloq"),
    ("resistance.reported", "fold_change"),
]  # fmt: skip


@pytest.mark.parametrize(("records", "source"), TEXTS)
def test_text_is_no_number_and_the_definition_that_says_so_is_refused(records, source):
    checking.check_definition(of(records, (source, "text")))
    with pytest.raises(Rejected) as caught:
        checking.check_definition(of(records, (source, "number")))
    (fault,) = caught.value.faults
    assert fault.pointer == "/listings/0/columns/0/kind"
    assert f"{source} is text: leave out `kind`" in fault.detail
    assert (source == "result") is ("value is the number" in fault.detail)


@pytest.mark.parametrize(("records", "source"), NUMBERS)
def test_what_gives_numbers_is_accepted(records, source):
    checking.check_definition(of(records, (source, "number")))


def made(study: Study, *entries: Any) -> tuple[list[dict[str, Any]], list[list[Any]], list[Any]]:
    files = builders.files_of(builders.report_of(study, entries), study)
    head, *rows = map(json.loads, files["datasets/adl.ndjson"].decode().splitlines())
    book = openpyxl.load_workbook(io.BytesIO(files["listings.xlsx"]))
    sheet = book["L"]
    cells = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=7)]
    return head["columns"][1:], [row[1:] for row in rows], cells  # the study is the first


def test_workbook_and_data_agree_on_every_value():
    columns = (("result", "text"), ("value", "number"), ("operator", "text"))
    results = ["150", "<20", "1000000", "120.500"]
    entries = [enrolment(), *(builders.viral_load(i, text, unit="copies/mL")
                              for i, text in enumerate(results, 1))]  # fmt: skip
    parameters = {"viral-load": TINY["parameters"]["viral-load"] | {"places": 3}}
    columns_of, rows, cells = made(
        of("observations:viral-load", *columns, parameters=parameters), *entries
    )
    assert columns_of[1]["dataType"] == "decimal"
    assert [row[0] for row in rows] == results
    assert [Decimal(row[1]) for row in rows] == [150, 20, 1_000_000, Decimal("120.5")]
    matching = [row for row in cells if str(row[0]) in results]
    assert [[str(row[0]), Decimal(str(row[1]))] for row in matching] == [
        [row[0], Decimal(row[1])] for row in rows
    ]


def test_whole_numbers_are_integers_as_long_as_json_keeps_them():
    plain = of(CD4, ("value", "number"), ("result", "text"))
    (column, _), rows, _ = made(plain, enrolment(), builders.cd4(1, 150))
    assert (column["dataType"], rows[0]) in (("integer", [150, "150"]), ("decimal", ["150", "150"]))
    wide = {"cd4": {"label": "CD4", "unit": "cells/uL", "units": {"Mcells/uL": 1_000_000},
                    "places": 0}}  # fmt: skip
    big = builders.cd4(1, "123456789012345", unit="Mcells/uL")
    study = of(CD4, ("value", "number"), ("result", "text"), ("unit", "text"),
               ("reported-unit", "text"), parameters=wide)  # fmt: skip
    (column, *_), rows, _ = made(study, enrolment(), big)
    assert column["dataType"] == "decimal"
    assert rows == [["123456789012345000000", "123456789012345", "cells/uL", "Mcells/uL"]]


def test_a_result_beside_the_unit_that_it_counts_in_says_so():
    columns = [("result", "text"), ("unit", "text")]
    (note_found,) = [note for note in notes(columns) if "can have been reported in another" in note]
    assert "(kcopies/mL)" in note_found
    for column in (("reported-unit", "text"),):
        assert not [note for note in notes([*columns, column]) if "in another" in note]
    assert not [note for note in notes(columns[:1]) if "in another" in note]


def notes(columns: list[tuple[str, str]]) -> tuple[str, ...]:
    study = of("observations:viral-load", *columns)
    return builders.listings_of(study, [enrolment(), viral_load(1, 5)])["L"].footnotes
