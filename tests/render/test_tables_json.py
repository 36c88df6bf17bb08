import json
from dataclasses import replace

import samples

from trial.render import tables_json

KEY_RESULT_KEYS = [
    "id",
    "label",
    "population",
    "n",
    "N",
    "value",
    "unit",
    "text",
    "ci",
    "ci_text",
    "method",
    "rule",
    "observed",
    "imputed",
    "not_due",
    "missing",
    "without_row",
    "direction",
    "nominal",
]


def test_the_summary_has_exactly_the_agreed_keys():
    document = json.loads(tables_json.encode(tables_json.summary(samples.CUT, samples.KEY_RESULTS)))
    assert list(document) == [
        "study",
        "title",
        "registry",
        "notice",
        "cut",
        "key_results",
        "discrepancy_texts",
        "discrepancies",
    ]
    assert list(document["cut"]) == [
        "id",
        "content_root",
        "accepted",
        "definition",
        "contribution_version",
        "audience",
        "data_date",
        "as_of",
        "cutoff",
        "completion",
        "dictionaries",
    ]
    assert [list(key_result) for key_result in document["key_results"]] == [KEY_RESULT_KEYS] * len(
        samples.KEY_RESULTS
    )
    primary = document["key_results"][3]
    assert (primary["n"], primary["N"], primary["value"]) == (33, 40, "82.5")
    assert primary["text"] == "33 (83%)"
    assert primary["ci"] == ["67.220986663841", "92.661727064791"]
    assert primary["ci_text"] == ["67.2", "92.7"]


def test_a_live_summary_has_no_cut():
    live = replace(samples.CUT, id="", content_root="", data_date="")
    cut = tables_json.summary(live, samples.KEY_RESULTS)["cut"]
    assert isinstance(cut, dict)
    assert (cut["id"], cut["content_root"], cut["data_date"]) == (None, None, None)
    assert cut["accepted"] == samples.CUT.accepted


def test_tables_carry_every_statistic_once():
    document = tables_json.tables(samples.CUT, samples.grids())
    assert list(document) == ["study", "content_root", "notice", "completion", "tables"]
    table = json.loads(tables_json.encode_tables(document))["tables"][2]
    assert list(table) == ["id", "title", "population", "columns", "rows", "footnotes"]
    assert table["columns"][0] == {
        "id": "control",
        "label": "Control period (day 0 to day 7)",
        "n": 40,
    }
    row = table["rows"][0]
    assert list(row) == ["id", "label", "level", "unit", "direction", "cells"]
    assert row["cells"][0] == {"column": "control", "statistic": "n", "raw": 1, "text": "1"}
    names = [cell["statistic"] for cell in row["cells"] if cell["column"] == "difference"]
    assert names == ["difference", "ci_low", "ci_high", "p"]
    assert all(isinstance(cell["raw"], int | str) for cell in row["cells"])


def test_a_p_value_says_whether_it_is_nominal_and_no_other_statistic_does():
    (table,) = tables_json.tables(samples.CUT, samples.grids()[2:3])["tables"]
    cells = table["rows"][0]["cells"]
    assert [cell["nominal"] for cell in cells if "nominal" in cell] == [False]
    assert {cell["statistic"] for cell in cells if "nominal" in cell} == {"p"}


def test_one_row_a_line_reads_the_same_as_plain_json():
    for report in (samples.trial(), samples.hostile()):
        document = tables_json.tables(report.cut, report.grids)
        encode_tables = tables_json.encode_tables(document)
        assert json.loads(encode_tables) == json.loads(tables_json.encode(document))
    empty = tables_json.tables(samples.CUT, ())
    assert json.loads(tables_json.encode_tables(empty)) == empty


def test_a_lone_surrogate_survives_as_its_escape():
    document = {"text": "a \ud800 b"}
    assert json.loads(tables_json.encode(document)) == document
