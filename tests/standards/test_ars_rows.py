"""results.json of every kind of row there is: whole, and with nothing that leads nowhere."""

from functools import cache

import pytest
from blinded import COLUMNS, ROWS, study_of
from builders import adverse_event, cd4, disposition, dose, enrolment, subjects, viral_load
from parallel import randomised
from studies import Json, event, reported
from test_ars import DENOMINATORS, dangling, errors, repeated, stated, tabled

from trial.definition.outputs import MODELS_OF_MEANS
from trial.tables.grid import Report

PART = 12
MODELS = len(ROWS)
"""In place of a beginning: the models of means, which need an arm to have one column."""
PARTS = (*range(0, len(ROWS), PART), MODELS)
"""Where the parts begin that all kinds of row are tried in: a table of all would be too wide."""


@cache
def made(start: int) -> tuple[Report, Json]:
    compared = {"id": "p", "label": "P", "compare": ["a", "b"], "counts": "newcombe", "means": "t",
                "interval": {"level": 0.9, "limits": "lower"}}  # fmt: skip
    rows, columns = ROWS[start : start + PART], COLUMNS[:5]
    if start == MODELS:
        rows = [row for row in ROWS if not row.keys().isdisjoint(MODELS_OF_MEANS)]
        columns = COLUMNS[:2]
    study = study_of(rows, [*columns, compared], blinded=False)
    entries = [
        event_of_subject
        for i in range(8)
        for name in [f"S-{i}"]
        for event_of_subject in (
            enrolment(subject=name, age=30 + 7 * i, sex="MF"[i % 2]),
            randomised("ab"[i % 2], name, strata={"region": ["north", "south"][i // 4]}),
            dose(7, subject=name, treatment=["drug", "placebo"][i % 2]),
            cd4(0, 100 + 90 * i, subject=name),
            cd4(14, 500 - 60 * i, subject=name),
            viral_load(0, 10**5, subject=name),
            viral_load(35, 10 ** (i // 2 + 1), subject=name),
            adverse_event(10 + i, f"AE-{i}", name, grade=1 + i % 3),
            disposition(60 - i, "completed", name),
        )
    ]
    report = reported(study, subjects(entries))
    return report, event(report, study.definition)


@pytest.mark.parametrize("start", PARTS)
def test_it_conforms_to_the_standards_schema(start: int) -> None:
    assert errors(made(start)[1]) == []


@pytest.mark.parametrize("start", PARTS)
def test_every_statistic_is_there_once_and_nothing_else(start: int) -> None:
    report, document = made(start)
    expected, stated_statistics = tabled(report), stated(document)
    assert set(stated_statistics) == set(expected)
    assert repeated(expected) | repeated(stated_statistics) <= DENOMINATORS


@pytest.mark.parametrize("start", PARTS)
def test_whatever_is_referred_to_is_there(start: int) -> None:
    assert dangling(made(start)[1]) == []


@pytest.mark.parametrize("start", PARTS)
def test_every_row_that_counts_has_an_analysis(start: int) -> None:
    report, document = made(start)
    rows = {
        row.id.split("/")[0] for row in report.grids[0].rows if any(c.statistics for c in row.cells)
    }
    assert {analysis["id"].split("/")[2] for analysis in document["analyses"]} == rows
    assert rows
