"""Who is behind a number: of every cell, the subjects listed, counted again, are what it shows."""

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

import blinded
import builders
import pytest
from builders import feed, read, subjects, tmb301
from hypothesis import HealthCheck, given, settings

from local.feed import read_definition
from trial.definition.study import Study, load
from trial.reporting import report
from trial.subject.derivation import Derivation
from trial.subject.fold import Subject
from trial.tables.analysis import variables
from trial.tables.attribution import COUNTS, CellAddress, SingleSubject
from trial.tables.compiled import compiled
from trial.tables.grid import Grid, Statistic
from trial.tables.tracing import Standing, TracedCell

AIRWAY = Path(__file__).parents[2] / "events" / "airway-2x2"
NO_COUNTS = ("days", "median", "ci")
"""What integers can be that are no counts: days of curves."""
NUMBERS = (variables.CHANGE, variables.PERCENT_CHANGE, variables.DECREASE, variables.VALUE)


def crossover() -> tuple[Study, list[Subject]]:
    study = load(json.dumps(read_definition(AIRWAY / "definition.yaml")))
    lines = (AIRWAY / "feed.ndjson").read_text(encoding="utf-8").splitlines()
    return study, subjects([read(line, study.id) for line in lines])


def cells(grids: tuple[Grid, ...]) -> Iterator[tuple[CellAddress, dict[str, Any]]]:
    """Give every cell with its statistics, and the denominator of every column."""
    for grid in grids:
        for column in grid.columns:
            if column.n is not None:
                yield CellAddress(grid.id, "", column.id), {"N": Statistic("N", column.n, "")}
        for row in grid.rows:
            for cell in row.cells:
                if cell.statistics:
                    statistics = {statistic.name: statistic for statistic in cell.statistics}
                    yield CellAddress(grid.id, row.id, cell.column), statistics


def single(study: Study, people: list[Subject]) -> list[SingleSubject]:
    return [SingleSubject(Derivation(study, person)) for person in people]


def standings(cell: TracedCell, people: list[SingleSubject]) -> list[Standing]:
    return [standing for person in people for standing in cell.standings(person)]


def differences(study: Study, people: list[Subject], grids: tuple[Grid, ...]) -> list[Any]:
    """List the counts that differ from those of the subjects who are said to be behind them."""
    alone, problems = single(study, people), []
    for address, statistics in cells(grids):
        cell = TracedCell(address, compiled(study).tables[address.table])
        if not cell.exists:
            problems.append((address, "does not exist"))
            continue
        if cell.compares:
            continue
        standings_of = standings(cell, alone)
        for name, number in statistics.items():
            if isinstance(number.raw, int) and not name.startswith(NO_COUNTS):
                assert name in COUNTS, name
            if name in COUNTS and isinstance(number.raw, int):
                listed = sum(standing.counts.get(name, 0) for standing in standings_of)
                if listed != number.raw:
                    problems.append((address, name, number.raw, listed))
        if (
            "N" in statistics
            and (size := sum(map(of_denominator, standings_of))) != statistics["N"].raw
        ):
            problems.append((address, "N", statistics["N"].raw, size))
    return problems


def of_denominator(standing: Standing) -> bool:
    return standing.is_in("N")


def values(standings_given: list[Standing]) -> list[Fraction]:
    """Give the numbers of those who are in a cell of means, as the analysis data have them."""
    return [
        Fraction(Decimal(str(number)))
        for member in standings_given
        for record in member.records
        if member.in_numerator and record.get(variables.ANALYSED)
        for number in [next(record[n] for n in NUMBERS if record.get(n) is not None)]
    ]


@pytest.fixture(scope="module", params=["tmb-301", "airway-2x2"])
def trial(request: pytest.FixtureRequest) -> tuple[Study, list[Subject], tuple[Grid, ...]]:
    study, people = crossover() if request.param == "airway-2x2" else (tmb301(), subjects(feed()))
    return study, people, report.tables(study, builders.sums_of(study, people))


type Trial = tuple[Study, list[Subject], tuple[Grid, ...]]


def test_counted_again_they_are_what_every_cell_shows(trial: Trial) -> None:
    assert differences(*trial) == []
    assert sum(len(statistics) for _, statistics in cells(trial[2])) > 500


def test_their_values_make_the_means_and_the_medians(trial: Trial) -> None:
    study, people, grids = trial
    alone, checked = single(study, people), Counter[str]()
    for address, statistics in cells(grids):
        names = {"mean", "median", "min", "max"} & statistics.keys()
        if not names or "n" not in statistics or "rate" in statistics:
            continue
        cell = TracedCell(address, compiled(study).tables[address.table])
        numbers = values(standings(cell, alone))
        assert len(numbers) == statistics["n"].raw, address
        expected = {"mean": lambda n: sum(n) / len(n), "median": median, "min": min, "max": max}
        for name in names:
            raw = statistics[name].raw
            if raw is None:
                assert numbers == []
                continue
            assert float(expected[name](numbers)) == pytest.approx(float(raw), rel=1e-9, abs=1e-9)
            checked[name] += 1
    assert checked["mean"] + checked["median"] > 10


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(blinded.cases())
def test_of_random_definitions_too_for_each_audience(case: blinded.Case) -> None:
    people = subjects(case.first_feed)
    for view in case.study.views:
        study_report = builders.report_of(case.study, case.first_feed, view)
        assert differences(view, people, study_report.grids) == []
