"""Levels compared over strata: the general association of Cochran, Mantel and Haenszel."""

import random
from collections import Counter
from fractions import Fraction
from typing import Any

import pytest
from builders import cell, contact, disposition, enrolment, viral_load
from parallel import A, B, parallel, printed, randomised, table_of
from scipy import stats

from trial.definition.available_statistics import available_statistics
from trial.definition.outputs import CellRef
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.reporting.methods import methods
from trial.statistics.contingency import general_association
from trial.tables import checking

LOADS = {"loads": {"label": "Load", "measure": {"parameter": "viral-load", "at": "week-5"},
                   "classes": [{"value": "low", "label": "Low", "below": 50},
                               {"value": "mid", "label": "Mid", "at_least": 50, "below": 1000},
                               {"value": "high", "label": "High", "at_least": 1000}]}}  # fmt: skip
P = {"id": "p", "label": "P", "compare": ["a", "b"]}
COLUMNS = (A, B, P)
ROW: dict[str, Any] = {"stratified": {"levels": "loads", "strata": ["region"]}}
RESULTS = {"low": 20, "mid": 500, "high": 5000}


def person(
    number: int, arm: str, region: str | None, level: str | None, *, is_over: bool = True
) -> list[Entry]:
    name = f"S-{number}"
    strata = {"strata": {"region": region}} if region else {}
    return [
        enrolment(subject=name),
        randomised(arm, name, **strata),
        *([viral_load(35, RESULTS[level], subject=name)] if level else []),
        *([disposition(60, "completed", name)] if is_over else [contact(10, name)]),
    ]


def drawn(seed: int) -> tuple[list[Entry], list[tuple[str, str, str]]]:
    rng = random.Random(seed)  # noqa: S311 (a seed)
    people = [
        (rng.choice("ab"), rng.choice(["north", "south"]), rng.choice(list(RESULTS)))
        for _ in range(60)
    ]
    entries = [event for i, stratum_of in enumerate(people) for event in person(i, *stratum_of)]
    return entries, people


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_test_of_the_tables_of_each_stratum(seed: int) -> None:
    entries, people = drawn(seed)
    grid = table_of(entries, ROW, columns=COLUMNS, classes=LOADS)
    counts = Counter(people)
    tables = [
        [[counts[arm, region, level] for level in RESULTS] for arm in "ab"]
        for region in ("north", "south")
    ]
    row_cell = cell(grid, "row", "p")
    test = general_association(tables)
    assert test is not None
    assert float(row_cell.get("p").raw) == pytest.approx(float(test.p), rel=1e-9)
    assert (row_cell.method, test.df) == ("Cochran-Mantel-Haenszel, general association", 2)
    assert printed(grid, "row", "a") == {"n": str(sum(facts[0] == "a" for facts in people))}


def test_in_one_stratum_it_is_pearsons_but_for_one_subject() -> None:
    _, people = drawn(1)
    entries = [
        event
        for i, (arm, _, level) in enumerate(people)
        for event in person(i, arm, "north", level)
    ]
    grid = table_of(entries, ROW, columns=COLUMNS, classes=LOADS)
    counts = Counter((arm, level) for arm, _, level in people)
    table = [[counts[arm, level] for level in RESULTS] for arm in "ab"]
    statistic = stats.chi2_contingency(table, correction=False).statistic * 59 / 60
    p = float(Fraction(str(cell(grid, "row", "p").get("p").raw)))
    assert p == pytest.approx(stats.chi2.sf(statistic, 2), rel=1e-9)


def test_who_is_at_no_level_or_in_no_stratum_is_left_out_and_told() -> None:
    entries = [
        *person(1, "a", "north", "low"), *person(2, "a", None, "low"),
        *person(3, "a", "north", None), *person(4, "a", "north", None, is_over=False),
    ]  # fmt: skip
    grid = table_of(entries, ROW, columns=COLUMNS, classes=LOADS)
    assert printed(grid, "row", "a") == {"n": "1", "not_due": "1", "missing": "2"}


def test_nobody_and_one_alone_are_not_compared() -> None:
    for entries in ([], person(1, "a", "north", "low")):
        grid = table_of(entries, ROW, columns=COLUMNS, classes=LOADS)
        assert cell(grid, "row", "p").statistics == ()


def refused(stratified: dict[str, Any]) -> str:
    with pytest.raises(Rejected) as rejected:
        checking.check_definition(parallel([{"stratified": stratified}], COLUMNS, classes=LOADS))
    return rejected.value.faults[0].detail


@pytest.mark.parametrize(
    ("stratified", "words"),
    [({"levels": "sex", "strata": ["region"]}, "sex has no declared levels"),
     ({"levels": "region", "strata": ["region"]}, "must not be stratified by"),
     ({"strata": ["region"]}, "compares one of `count`, `levels` and `measure`"),
     ({"levels": "loads", "count": "treated", "strata": ["region"]}, "compares one of"),
     ({"levels": "lods", "strata": ["region"]}, "Did you mean loads?")],
)  # fmt: skip
def test_what_it_does_not_take_is_refused(stratified, words):
    assert words in refused(stratified)


def test_what_a_cell_can_hold_is_known_beforehand_and_told() -> None:
    study = parallel([ROW], COLUMNS, classes=LOADS)
    grid = table_of(drawn(2)[0], ROW, columns=COLUMNS, classes=LOADS)
    for row_cell in grid.rows[0].cells:
        ref = CellRef(table="t", row="row", column=row_cell.column)
        available = available_statistics(ref, study.definition.tables)
        assert {statistic.name for statistic in row_cell.statistics} <= available
    sections = {method.id: method for method in methods(study.definition)}
    assert "general association" in sections["rows"].rows[0][-1]
