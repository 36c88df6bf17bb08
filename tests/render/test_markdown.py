import re
from dataclasses import replace

import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st

from trial.render import markdown
from trial.tables.grid import Cell, Column, Statistic

COLUMN = Column("c", "Total", 40)


def lines(report) -> list[str]:
    return markdown.summary(report).splitlines()


def test_the_notice_comes_first():
    assert lines(samples.trial())[0] == f"> **{samples.NOTICE}**"


def test_it_tells_key_results_flow_tables_and_source():
    text = markdown.summary(samples.trial())
    for expected in (
        "| ITT | 33 of 40 | 33 (83%) | 67.2 to 92.7 |",
        "observed 31, imputed 9 (BOCF)",
        "- Assessed for eligibility: not reported",
        "  - Discontinued: n = 9 (Death: 4; Withdrawal by subject: 3; Lost to follow-up: 2)",
        "| &emsp;Death | 4 (10%) |",
        "33 (83%) \\[67.2, 92.7\\]",
        "P &lt;0.001",
        f"content root {samples.CUT.content_root}",
    ):
        assert expected in text


def test_an_interval_stands_as_it_was_printed_beside_its_key_result():
    key_result = samples.key_result(
        "gain", "Gain", "0.062", unit="L", value="0.0621",
        ci=("0.02049", "0.10361"), ci_text=("0.020", "0.104"),
    )  # fmt: skip
    text = markdown.summary(replace(samples.trial(), key_results=(key_result,)))
    assert "| 0.062 L | 0.020 to 0.104 |" in text


def test_a_study_without_a_registry_shows_no_brackets():
    unregistered = replace(samples.CUT, registry="")
    assert lines(replace(samples.trial(), cut=unregistered))[4] == markdown.escape(
        samples.CUT.title
    )


def test_long_tables_stay_in_the_workbook():
    assert "Preferred term" not in markdown.summary(samples.trial())


@pytest.mark.parametrize("text", samples.HOSTILE)
def test_hostile_text_neither_breaks_a_table_nor_becomes_markup(text):
    escaped = markdown.escape(text)
    assert "\n" not in escaped
    assert not re.search(r"(?<!\\)(?:\\\\)*[|`*_\[\]~]", escaped)
    assert "<" not in escaped
    assert ">" not in escaped


def test_every_row_of_a_table_has_as_many_cells_as_its_head():
    rows = [line for line in lines(samples.hostile()) if line.startswith("|")]
    widths = [len(re.findall(r"(?<!\\)\|", row)) for row in rows[: len(samples.HOSTILE) + 2]]
    assert set(widths) == {7}


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("4.5", "4.5"),
        ("-1", "-1"),
        ("1. first", "1\\. first"),
        ("- item", "\\- item"),
        ("# head", "\\# head"),
        ("---", "\\---"),
        ("a & b", "a &amp; b"),
    ],
)
def test_only_what_would_be_markup_is_escaped(text, escaped):
    assert markdown.escape(text) == escaped


@given(st.text())
def test_any_text_becomes_one_line_of_utf_8(text):
    markdown.escape(text).encode()
    assert "\n" not in markdown.escape(text)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({"n": "33", "N": "40", "percent": "83%"}, "33 (83%)"),
        ({"n": "17", "N": "31", "percent": "55"}, "17/31 (55%)"),
        ({"n": "8", "percent": "20", "events": "11"}, "8 (20%); 11 events"),
        ({"n": "0", "percent": ""}, "0"),
        ({"n": "1", "percent": "3", "events": "1"}, "1 (3%); 1 event"),
        ({"n": "40", "both": "1", "first": "0"}, "both 1; first only 0"),
        ({"n": "40", "mean": "4.5", "sd": "0.8"}, "mean 4.5 (SD 0.8)"),
        ({"n": "31", "mean": "2.1"}, "mean 2.1; n 31"),
        ({"median": "53", "min": "23", "max": "65"}, "median 53 (23 to 65)"),
        (
            {"difference": "0.80", "ci_low": "0.64", "ci_high": "0.90"},
            "difference 0.80 [0.64, 0.90]",
        ),
        ({"p": "0.03"}, "P = 0.03"),
        (
            {"observed": "31", "imputed": "9", "not_due": "2"},
            "not yet due 2; observed 31, imputed 9",
        ),
        ({}, ""),
    ],
)
def test_a_cell_reads_as_one_line(texts, expected):
    cell = Cell("c", tuple(Statistic(name, text, text) for name, text in texts.items()))
    cell = replace(
        cell,
        statistics=tuple(
            replace(statistic, raw=int(statistic.text))
            if statistic.name in {"n", "N"}
            else statistic
            for statistic in cell.statistics
        ),
    )
    assert markdown.cell_text(cell, COLUMN) == expected


def test_a_nominal_p_value_is_marked_and_a_confirmatory_one_is_not():
    p = Statistic("p", "0.593", "0.593")
    assert markdown.cell_text(Cell("c", (p,)), COLUMN) == "P = 0.593"
    assert (
        markdown.cell_text(Cell("c", (replace(p, nominal=True),)), COLUMN) == "P = 0.593 (nominal)"
    )
    key_result = samples.key_result("p", "P", "0.593", value="0.593")
    for nominal, text in ((True, "| 0.593 (nominal) |"), (False, "| 0.593 |")):
        result = replace(samples.trial(), key_results=(replace(key_result, nominal=nominal),))
        assert text in markdown.summary(result)


def test_a_cell_without_a_value_says_why_once():
    names = ("mean", "sd", "median", "min", "max")
    statistics = (
        Statistic("n", 0, "0"),
        *(Statistic(name, None, "not reported") for name in names),
    )
    assert markdown.cell_text(Cell("c", statistics), COLUMN) == "0; not reported"


def test_an_imputed_mean_shows_what_was_observed_and_how_the_rest_was_imputed():
    counts = (Statistic("n", 40, "40"), Statistic("mean", "1.59", "1.6"),
              Statistic("observed", 31, "31"), Statistic("imputed", 9, "9"))  # fmt: skip
    text = markdown.cell_text(Cell("c", counts, "BOCF"), COLUMN)
    assert text == "mean 1.6; observed 31, imputed 9 (BOCF)"


def test_a_key_result_of_a_change_tells_its_direction():
    assert "a positive number is a decrease" in markdown.summary(samples.trial())


def test_a_key_result_without_a_value_has_no_unit():
    key_result = samples.key_result("m", "M", "not reported", unit="L")
    assert "| not reported |" in markdown.summary(
        replace(samples.trial(), key_results=(key_result,))
    )
