"""The pilot's published tables follow from its events: by pandas, and by the service's core."""

import json
from collections.abc import Iterable

import builders
import pytest
from pilot import recompute
from pilot.feed import feed
from pilot.published import COUNTED_WITHOUT_VALUE, PRINTED_DOWN, PUBLISHED, ROUNDED_TWICE
from pilot.recompute import ARMS, Cells, Trial
from pilot.writing import DEFINITION, Event, compact

from local.feed import read_definition
from trial import messages, report, study
from trial.tables.grid import Cell, Flow, Grid

COLUMNS = (*ARMS, "total")
MOMENTS = ("n", "mean", "sd")
STATISTICS = PUBLISHED["demographics"]["statistics"]


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return list(feed(laboratory=False))


@pytest.fixture(scope="module")
def trial(events: list[Event]) -> Trial:
    return Trial.of(events)


@pytest.fixture(scope="module")
def service(events: list[Event]) -> tuple[dict[str, Grid], Flow]:
    defined = study.load(json.dumps(read_definition(DEFINITION)))
    bodies = map(compact, events)
    entries = (messages.parse(messages.read_json(body), body) for body in bodies)
    sums = builders.sums_of(defined, builders.subjects(entries))
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
        found = recompute.early_termination(trial)
        assert sorted(found) == sorted(PUBLISHED["early_termination"])

    def test_flow(self, trial):
        assert recompute.flow(trial) == PUBLISHED["flow"]

    def test_demographics_of_numbers_but_for_five_ties(self, trial):
        found = by_name(recompute.demographics(trial))
        assert found == {key: as_derived(*key) for key in found}
        printed = by_name(PUBLISHED["demographics"]["continuous"])
        assert found.keys() == printed.keys()
        same = sum(a == b for key in found for a, b in zip(found[key], printed[key], strict=True))
        assert same == 168 - len(PRINTED_DOWN) == 163

    def test_age_between_the_arms(self, trial):
        p = recompute.printed(recompute.age_p(trial), 4)
        assert p == PUBLISHED["demographics"]["age_p"]

    def test_demographics_of_categories_but_for_a_missing_weight(self, trial):
        printed = by_name(PUBLISHED["demographics"]["categorical"])
        for (name, level, column), count in COUNTED_WITHOUT_VALUE.items():
            printed[name, level][COLUMNS.index(column)] = count
        assert by_name(recompute.categories(trial)) == printed

    def test_adverse_events_but_for_four_p_values_rounded_twice(self, trial):
        found, printed = (
            by_name(recompute.adverse_events(trial)),
            by_name(PUBLISHED["adverse_events"]),
        )
        assert {key: row[:3] for key, row in found.items()} == {
            key: row[:3] for key, row in printed.items()
        }
        differ = {
            (key[1], arm)
            for key in found
            for arm, mine, theirs in zip(ARMS[1:], found[key][3:], printed[key][3:], strict=True)
            if mine != theirs
        }
        assert differ == ROUNDED_TWICE

    def test_adas_cog(self, trial):
        found, printed = by_name(recompute.adas_cog(trial)), by_name(PUBLISHED["adas_cog"])
        assert found == printed
        assert sum(map(len, found.values())) == 252

    def test_analysis_of_covariance(self, trial):
        differences, dose = recompute.covariance(trial)
        assert differences == PUBLISHED["ancova"]["differences"]
        assert dose == PUBLISHED["ancova"]["dose_p"]


class TestByTheCore:
    """What the definition asks for so far."""

    def test_populations(self, tables):
        found = [[cell.get("n").raw for cell in row.cells] for row in tables["14-1.01"].rows]
        assert found == [row[1:] for row in PUBLISHED["populations"]]

    def test_demographics(self, tables):
        names = {name for name, _ in by_name(PUBLISHED["demographics"]["continuous"])}
        found = {
            (row.id, column): texts(builders.cell(tables["14-2.01"], row.id, column), STATISTICS)
            for row in tables["14-2.01"].rows
            if row.id in names
            for column in COLUMNS
        }
        assert len(found) == 7 * 4
        assert found == {key: whole(key[0], as_derived(*key)) for key in found}

    def test_adverse_events(self, tables):
        rows = {row.id: row for row in tables["14-5.01"].rows}
        cells = 0
        for soc, pt, *printed in PUBLISHED["adverse_events"]:
            row = rows["/".join(["terms", soc, pt or ""]).rstrip("/") if soc else "any"]
            for cell, (subjects, _, times) in zip(row.cells, printed[:3], strict=False):
                assert (cell.get("n").raw, cell.get("events").raw) == (subjects, times)
                cells += 1
        assert cells == 762

    def test_adas_cog_in_its_windows(self, tables):
        for name, arm, *printed in PUBLISHED["adas_cog"]:
            if "LOCF" in name:
                continue
            row = name.removesuffix(" windowed").replace(" ", "-")
            value = builders.cell(tables["14-3.10"], row, arm)
            assert texts(value, MOMENTS) == printed[:3]
            if row != "baseline":
                change = builders.cell(tables["14-3.10"], f"{row}-change", arm)
                assert texts(change, MOMENTS) == [printed[0], *printed[8:10]]

    def test_flow(self, service):
        boxes = {
            box.id: box.n for stage in service[1].stages for box in (*stage.boxes, *stage.side)
        }
        printed = PUBLISHED["flow"]
        assert service[1].findings == ()
        assert boxes == {
            name: sum(n) if isinstance(n, list) else n
            for name, n in printed.items()
            if name != "efficacy"
        }


def texts(cell: Cell, names: Iterable[str]) -> list[str]:
    return [found.text for name in names if (found := cell.get(name))]


def whole(name: str, cells: list[str]) -> list[str]:
    """Write the least and the greatest as the definition prints them: without decimals."""
    return [*cells[:4], *(recompute.printed(float(each), 0) for each in cells[4:])]
