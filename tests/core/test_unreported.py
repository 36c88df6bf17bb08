"""Where nobody is in a population nothing was reported: no document prints a 0 of 0 there."""

import io
import json
import re
from typing import Any

import builders
import openpyxl
import pytest
from builders import dose, enrolment

from trial.reporting import report
from trial.tables.grid import NOT_REPORTED, Grid


def screening(*entries: Any) -> Grid:
    return builders.tables_of(builders.tmb301(), entries or builders.feed()[:300])["14.1.1"]


def test_the_table_of_screening_says_that_nothing_was_reported():
    for row in screening().rows:
        for cell in row.cells:
            statistics = {
                statistic.name: (statistic.raw, statistic.text) for statistic in cell.statistics
            }
            assert statistics == {"n": (None, NOT_REPORTED), "N": (0, "0"), "percent": (None, "")}


def test_a_table_of_nobody_says_so_until_somebody_is_in_one_of_its_columns():
    columns = [{"id": "died", "label": "Died", "set": "died"},
               {"id": "treated", "label": "Treated", "set": "treated"}]  # fmt: skip
    rows = [
        {"id": "count", "label": "Died", "count": "died", "interval": True},
        {"id": "sex", "label": "Sex", "levels": {"characteristic": "sex"}},
        {"id": "age", "label": "Age", "summary": "age"},
        {"id": "events", "label": "Events", "events": {}},
        {"id": "rate", "label": "Rate", "incidence": {"filter": {}}},
    ]
    table = {"id": "t", "title": "T", "population": "P", "columns": columns, "rows": rows}
    died = {"label": "Died", "condition": "died"}
    study = builders.tiny(
        tables=[table], key_results=[], sets=builders.TINY["sets"] | {"died": died}
    )
    before = builders.tables_of(study, [enrolment(sex="F", age=30)])["t"]
    for cell in (cell for row in before.rows for cell in row.cells):
        texts_of = {statistic.text for statistic in cell.statistics if statistic.name != "N"}
        assert NOT_REPORTED in texts_of
        assert texts_of <= {NOT_REPORTED, ""}
    after = builders.tables_of(study, [enrolment(sex="F", age=30), dose()])["t"]
    for column in ("died", "treated"):
        assert builders.statistic(after, "count", column, "n") == 0


@pytest.mark.parametrize("show", ["n", "count-percent", "events"])
def test_a_key_result_of_nobody_says_so_too(show):
    source = {"table": "events", "row": "term/Nervous system disorders/Headache"}
    key_result = {"id": "f", "label": "F", "show": show, "source": source | {"column": "total"}}
    study = builders.tiny(key_results=[key_result])
    (result,) = report.summary(study, builders.sums_of(study, []))
    assert (result.n, result.N, result.value, result.text) == (None, 0, None, NOT_REPORTED)
    entries = builders.subjects([enrolment(), dose()])
    (result,) = report.summary(study, builders.sums_of(study, entries))
    assert (result.n, result.N, result.text) == (0, 1, "0")


def test_every_document_says_so():
    study = builders.tmb301()
    files = builders.files_of(builders.report_of(study, builders.feed()[:300]), study)
    part = files["summary.md"].decode().partition("## Table 14.1.1")[2].partition("##")[0]
    assert "| Enrolled | not reported |" in part
    page = files["report.html"].decode().partition('id="table-14.1.1"')[2].partition("</table>")[0]
    cells = re.findall(r"<td>(.*?)</td>", page.partition("</thead>")[2])
    assert [re.sub("<.*?>", "", cell).strip() for cell in cells] == [NOT_REPORTED] * 3
    book = openpyxl.load_workbook(io.BytesIO(files["listings.xlsx"]))
    rows = {row[0].value: row[1].value for row in book["14.1.1"].iter_rows(max_col=2)}
    assert (rows["Screened"], rows["Enrolled"]) == (NOT_REPORTED, NOT_REPORTED)
    for table in json.loads(files["tables.json"])["tables"]:
        if table["id"] == "14.1.1":
            texts = {(cell["statistic"], cell["raw"], cell["text"])
                     for row in table["rows"] for cell in row["cells"]}  # fmt: skip
            assert texts == {("n", None, NOT_REPORTED), ("N", 0, "0"), ("percent", None, "")}
    results = json.loads(files["results.json"])
    raw_values = {
        result.get("rawValue")
        for analysis in results["analyses"]
        if "/14.1.1/" in analysis["id"]
        for result in analysis["results"]
        if result["formattedValue"] == NOT_REPORTED
    }
    assert raw_values == {None}
