"""Every document says whether it is interim or final, and why."""

import io
import json
from dataclasses import replace
from functools import cache

import builders
import openpyxl
import polars as pl
import pytest
import samples

from trial.render import tables_json
from trial.tables.grid import Completion

FINAL = Completion(final=True, text="Final: all 40 subjects (ITT) have ended the study", n=40, N=40)
STATES = [samples.CUT.completion, FINAL]


@cache
def files(state: Completion) -> dict[str, bytes]:
    report = samples.trial()
    return builders.files_of(replace(report, cut=replace(report.cut, completion=state)))


@pytest.fixture(params=STATES, ids=["interim", "final"])
def state(request: pytest.FixtureRequest) -> Completion:
    param: Completion = request.param
    return param


def test_each_document_says_the_state_in_full(state: Completion):
    items = {name for name, content in files(state).items() if state.text.encode() in content}
    data = {name for name in files(state) if name.startswith("datasets/")}
    # The workbook is packed, and the definition is the same at every state.
    assert files(state).keys() - items == {"listings.xlsx", "definition.json"} | data


def test_no_document_of_one_state_tells_the_other(state: Completion):
    (item,) = (value for value in STATES if value.state != state.state)
    for name, content in files(state).items():
        assert item.state.encode() + b": " not in content, name


def test_every_sheet_says_it_above_its_title_and_in_its_footer(state: Completion):
    book = openpyxl.load_workbook(io.BytesIO(files(state)["listings.xlsx"]))
    for sheet in book.worksheets:
        assert state.state.lower() in sheet.oddFooter.left.text
        if sheet.title == "Definitions":
            continue
        lines = [str(row[0].value) for row in sheet.iter_rows(max_row=12)]
        assert state.text in lines, sheet.title


def test_every_table_and_key_result_of_the_page_and_the_summary_says_it(state: Completion):
    report, page = samples.trial(), files(state)["report.html"].decode()
    count = len(report.grids) + len(report.figures)
    assert page.count(f" \u00b7 {state.state}</p>") == count
    heads = [line for line in files(state)["summary.md"].decode().splitlines()
             if line.startswith("## Table")]  # fmt: skip
    assert heads
    assert all(head.endswith(f"({state.state.lower()})") for head in heads)


def test_as_data_it_is_a_state_with_its_numbers(state: Completion):
    expected = {"state": state.state.lower(), "text": state.text, "n": state.n, "N": 40,
                "look": None}  # fmt: skip
    for name in ("summary.json", "consort.json", "consort_checklist.json", "manifest.json"):
        assert json.loads(files(state)[name])["cut"]["completion"] == expected
    assert json.loads(files(state)["tables.json"])["completion"] == expected
    assert tables_json.completion_fields(replace(state, look="x"))["look"] == "x"


def test_ars_gives_the_reason_of_analyses_that_nothing_planned(state: Completion):
    results = json.loads(files(state)["results.json"])
    reasons = {json.dumps(analysis["reason"]) for analysis in results["analyses"]}
    planned, unplanned = {"controlledTerm": "SPECIFIED IN SAP"}, "term/reason/no-look"
    values = planned if state.final else {"sponsorTermId": unplanned}
    assert reasons == {json.dumps(values)}
    at_look = files(replace(samples.CUT.completion, look="interim-1"))["results.json"]
    assert {json.dumps(analysis["reason"]) for analysis in json.loads(at_look)["analyses"]} == {
        json.dumps(planned)
    }
    terms = {item["id"]: item for item in results["terminologyExtensions"]}
    assert [sponsorterm["id"] for sponsorterm in terms["terms/reason"]["sponsorTerms"]] == [
        unplanned
    ]


def test_a_data_set_is_named_for_it(state: Completion):
    for name, content in files(state).items():
        named = f".{state.state.lower()}."
        if name.endswith(".ndjson"):
            assert named in json.loads(content.splitlines()[0])["fileOID"]
        if name.endswith(".parquet"):
            described = pl.read_parquet_metadata(content)["Dataset-JSON"]
            assert named in json.loads(described)["fileOID"]
