"""The pilot's published tables follow from its events: by pandas, and by the service's core."""

import json
from collections.abc import Iterable

import builders
import charting
import pandas as pd
import pytest
from pilot import recompute
from pilot.feed import feed
from pilot.published import COUNTED_WITHOUT_VALUE, PRINTED_DOWN, PUBLISHED, ROUNDED_TWICE
from pilot.recompute import ARMS, Cells, Trial
from pilot.writing import DEFINITION, Event, compact

from local.feed import read_definition
from trial.definition import study
from trial.definition.study import Study
from trial.events import envelope, json_body
from trial.reporting import report
from trial.statistics.cells import Share
from trial.tables.figures import figures
from trial.tables.grid import Cell, Flow, Grid, Row, Series

COLUMNS = (*ARMS, "total")
STATISTICS = PUBLISHED["demographics"]["statistics"]


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return list(feed(laboratory=False))


@pytest.fixture(scope="module")
def trial(events: list[Event]) -> Trial:
    return Trial.of(events)


@pytest.fixture(scope="module")
def defined() -> Study:
    return study.load(json.dumps(read_definition(DEFINITION)))


@pytest.fixture(scope="module")
def sums(defined: Study, events: list[Event]) -> Share:
    bodies = map(compact, events)
    entries = (envelope.parse(json_body.read_json(body), body) for body in bodies)
    return builders.sums_of(defined, builders.subjects(entries))


@pytest.fixture(scope="module")
def service(defined: Study, sums: Share) -> tuple[dict[str, Grid], Flow]:
    grids = {grid.id: grid for grid in report.tables(defined, sums)}
    return grids, report.flow(defined, sums)


@pytest.fixture(scope="module")
def tables(service: tuple[dict[str, Grid], Flow]) -> dict[str, Grid]:
    return service[0]


def by_name(table: Iterable[Cells]) -> dict[tuple[str, ...], Cells]:
    return {tuple(row[:2]): row[2:] for row in table}


def as_derived(name: str, column: str) -> list[str]:
    """Give a printed row of demographics, exact ties rounded half up."""
    row = by_name(PUBLISHED["demographics"]["continuous"])[name, column]
    return [
        PRINTED_DOWN.get((name, column, statistic), cell)
        for statistic, cell in zip(STATISTICS, row, strict=True)
    ]


class TestByPandas:
    def test_populations(self, trial):
        assert recompute.populations(trial) == PUBLISHED["populations"]

    def test_early_termination(self, trial):
        early_termination = recompute.early_termination(trial)
        assert sorted(early_termination) == sorted(PUBLISHED["early_termination"])

    def test_flow(self, trial):
        assert recompute.flow(trial) == PUBLISHED["flow"]

    def test_demographics_of_numbers_but_for_five_ties(self, trial):
        result = by_name(recompute.demographics(trial))
        assert result == {key: as_derived(*key) for key in result}
        expected = by_name(PUBLISHED["demographics"]["continuous"])
        assert result.keys() == expected.keys()
        agreeing = sum(
            a == b for key in result for a, b in zip(result[key], expected[key], strict=True)
        )
        assert agreeing == 168 - len(PRINTED_DOWN) == 163

    def test_age_between_the_arms(self, trial):
        p = recompute.printed(recompute.age_p(trial), 4)
        assert p == PUBLISHED["demographics"]["age_p"]

    def test_demographics_of_categories_but_for_a_missing_weight(self, trial):
        expected = by_name(PUBLISHED["demographics"]["categorical"])
        for (name, level, column), count in COUNTED_WITHOUT_VALUE.items():
            expected[name, level][COLUMNS.index(column)] = count
        assert by_name(recompute.categories(trial)) == expected

    def test_adverse_events_but_for_four_p_values_rounded_twice(self, trial):
        result, expected = (
            by_name(recompute.adverse_events(trial)),
            by_name(PUBLISHED["adverse_events"]),
        )
        assert {key: row[:3] for key, row in result.items()} == {
            key: row[:3] for key, row in expected.items()
        }
        differ = {
            (key[1], arm)
            for key in result
            for arm, item, value in zip(ARMS[1:], result[key][3:], expected[key][3:], strict=True)
            if item != value
        }
        assert differ == ROUNDED_TWICE

    def test_adas_cog(self, trial):
        result, expected = by_name(recompute.adas_cog(trial)), by_name(PUBLISHED["adas_cog"])
        assert result == expected
        assert sum(map(len, result.values())) == 252

    def test_analysis_of_covariance(self, trial):
        differences, dose = recompute.covariance(trial)
        assert differences == PUBLISHED["ancova"]["differences"]
        assert dose == PUBLISHED["ancova"]["dose_p"]


class TestByTheCore:
    """Cell by cell, what the service reads out of the sums of the pilot's events."""

    def test_populations(self, tables):
        result = [counts(row) for row in tables["14-1.01"].rows]
        assert result == [row[1:] for row in PUBLISHED["populations"]]

    def test_early_termination(self, tables):
        rows = {row.id: counts(row) for row in tables["14-1.02"].rows}
        published = {
            reason.lower().replace(" ", "-"): cells
            for reason, *cells in PUBLISHED["early_termination"]
        }
        assert len(published) == 9
        assert {name: rows[name] for name in published} == published
        assert rows["early"] == [26, 56, 54, 136]

    def test_demographics_of_numbers(self, tables):
        names = {name for name, _ in by_name(PUBLISHED["demographics"]["continuous"])}
        values = {
            (name, column): texts(builders.cell(tables["14-2.01"], name, column), STATISTICS)
            for name in names
            for column in COLUMNS
        }
        assert sum(map(len, values.values())) == 168
        assert values == {key: as_derived(*key) for key in values}

    def test_age_between_the_arms(self, tables):
        p = builders.cell(tables["14-2.01"], "age", "p").get("p")
        assert p.text == PUBLISHED["demographics"]["age_p"] == "0.5934"

    def test_demographics_of_categories(self, tables):
        rows = {row.id: counts(row) for row in tables["14-2.01"].rows}
        expected = by_name(PUBLISHED["demographics"]["categorical"])
        for (name, level, column), count in COUNTED_WITHOUT_VALUE.items():
            expected[name, level][COLUMNS.index(column)] = count
        assert {key: rows[row_of(*key)] for key in expected} == expected

    def test_adverse_events(self, tables):
        rows = {row.id: row for row in tables["14-5.01"].rows}
        cells, agreeing, differ = 0, 0, set()
        for soc, pt, *expected in PUBLISHED["adverse_events"]:
            row = rows["/".join(["terms", soc, pt or ""]).rstrip("/") if soc else "any"]
            by_column = {cell.column: cell for cell in row.cells}
            for arm, (subjects, percent, times) in zip(ARMS, expected[:3], strict=True):
                cell = by_column[arm]
                assert (cell.get("n").raw, cell.get("events").raw) == (subjects, times)
                assert (cell.get("percent").text or "0.0") == f"{percent:.1f}"
                cells += 1
            for arm, p in zip(ARMS[1:], expected[3:], strict=True):
                result = fisher(by_column[f"p-{arm.removeprefix('xanomeline-')}"])
                if result != p:
                    differ.add((pt, arm))
                elif p is not None:
                    agreeing += 1
        assert (cells, differ) == (762, ROUNDED_TWICE)
        assert (agreeing, agreeing + len(differ)) == (409, 413)

    def test_adas_cog(self, tables):
        grid, compared = tables["14-3.10"], 0
        for name, arm, *expected in PUBLISHED["adas_cog"]:
            row = name.lower().replace(" ", "-")
            result = texts(builders.cell(grid, row, arm), STATISTICS)
            if row != "baseline":
                result += texts(builders.cell(grid, f"{row}-baseline", arm), STATISTICS[1:3])
                result += texts(builders.cell(grid, f"{row}-change", arm), STATISTICS[1:])
            assert result == expected
            compared += len(result)
        assert compared == 252

    def test_analysis_of_covariance(self, tables):
        grid = tables["14-3.01"]
        columns = ("low-placebo", "high-placebo", "high-low")
        for column, expected in zip(columns, PUBLISHED["ancova"]["differences"], strict=True):
            cell = builders.cell(grid, "change", column)
            result = texts(cell, ("difference", "se", "ci_low", "ci_high"))
            p = recompute.printed(float(cell.get("p").raw), 3)
            assert [*result, p] == expected[2:]
        trend = builders.cell(grid, "change/trend", "all").get("p")
        assert recompute.printed(float(trend.raw), 3) == PUBLISHED["ancova"]["dose_p"]

    def test_flow(self, service):
        flow, expected = service[1], PUBLISHED["flow"]
        boxes = {}
        for stage in flow.stages:
            for box in (*stage.boxes, *stage.side):
                boxes.setdefault(box.id, []).append(box.n)
        assert flow.discrepancies == ()
        assert (boxes["assessed"], boxes["excluded"], boxes["randomised"]) == ([306], [52], [254])
        assert boxes["allocated"] == expected["randomised"]
        for name in ("completed", "discontinued", "efficacy"):
            assert boxes[name] == expected[name]


@pytest.fixture(scope="module")
def plotted(defined: Study, sums: Share) -> dict[str, dict[str, Series]]:
    return {figure.id: charting.series_of(figure) for figure in figures(defined, sums)}


class TestCharts:
    def test_changes_of_adas_cog_by_visit(self, plotted, trial):
        for arm, series in plotted["14-3.1"].items():
            result = trial.efficacy[trial.subjects.loc[trial.efficacy, "arm"] == arm]
            scores = trial.scores.loc[result].astype(float)
            assert series.n == len(result)
            assert charting.points(series.marks) == [
                charting.mean(day, (scores[visit] - scores["baseline"]).round(9))
                for day, visit in zip((56, 112, 168), recompute.WINDOWS, strict=True)
            ]

    def test_the_twenty_most_frequent_terms(self, plotted, trial):
        nunique = trial.emergent.groupby(["soc", "pt", "arm"])["subject"].nunique()
        totals = nunique.groupby(["soc", "pt"]).sum()
        frequent = sorted(totals.index, key=lambda name: (-totals[name], name))[:20]
        sizes = trial.subjects.groupby("arm").size()
        for arm, series in plotted["14-5.1"].items():
            assert [mark.label for mark in series.marks] == [term for _, term in frequent]
            expected = [int(nunique.get((*name, arm), 0)) for name in frequent]
            assert charting.points(series.marks) == [
                (charting.close(100 * n / int(sizes[arm])), rank, None, None, n)
                for rank, n in enumerate(expected, 1)
            ]

    def test_curves_of_those_still_in_the_study(self, plotted, trial):
        began = trial.frame("subject.randomised").set_index("subject")[["date", "arm"]]
        ended = trial.frame("disposition.recorded").set_index("subject")
        days = (pd.to_datetime(ended["date"]) - pd.to_datetime(began["date"])).dt.days + 1
        result = (ended["status"] == "discontinued").astype(int)
        for arm, series in plotted["14-1.1"].items():
            outcome = began.index[began["arm"] == arm]
            value, events = days[outcome].astype(int).tolist(), result[outcome].tolist()
            assert charting.points(series.marks) == charting.curve(value, events)
            assert series.censored == charting.censored(value, events)


def counts(row: Row) -> list[int]:
    """Give a row's subjects in the columns of subjects."""
    return [cell.get("n").raw for cell in row.cells if cell.column in COLUMNS]


def row_of(name: str, level: str) -> str:
    """Name the row of table 14-2.01 that shows a level."""
    groups = {"age": "age-group", "bmi": "bmi-group", "duration-of-disease": "duration-group"}
    return f"race-{level.lower()}" if name == "race" else f"{groups.get(name, name)}/{level}"


def fisher(cell: Cell) -> str | None:
    """Write a P value as the report does, to three places and not above 0.99."""
    p = cell.get("p")
    if p is None:
        return None
    return ">0.99" if float(p.raw) > recompute.ALMOST_ONE else recompute.printed(float(p.raw), 3)


def texts(cell: Cell, names: Iterable[str]) -> list[str]:
    return [value.text for name in names if (value := cell.get(name))]
