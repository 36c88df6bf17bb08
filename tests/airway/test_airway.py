"""AIRWAY-2X2, a crossover by data alone: every cell of its tables is recomputed from its feed."""

import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import builders
import charting
import pytest
from airway import efficacy
from airway.recompute import TABLES
from airway.records import Trial

from local.feed import read_definition
from trial.definition import study
from trial.definition.study import Study
from trial.events import envelope, json_body
from trial.events.envelope import Entry
from trial.reporting import report
from trial.statistics import cells
from trial.subject import acceptance
from trial.tables import checking
from trial.tables.figures import figures
from trial.tables.grid import Cell, Grid, Series

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "events" / "airway-2x2"
FEED = FOLDER / "feed.ndjson"
CLOSE = 1e-9


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return FEED.read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def defined() -> Study:
    return study.load(json.dumps(read_definition(FOLDER / "definition.yaml")))


@pytest.fixture(scope="module")
def entries(lines: list[str]) -> list[Entry]:
    return [envelope.parse(json_body.read_json(line), line) for line in lines]


@pytest.fixture(scope="module")
def trial(lines: list[str]) -> Trial:
    return Trial.of(lines)


@pytest.fixture(scope="module")
def tables(defined: Study, entries: list[Entry]) -> dict[str, Grid]:
    return builders.tables_of(defined, entries)


class TestFeed:
    def test_the_generator_gives_it_to_the_byte(self, tmp_path):
        subprocess.run([sys.executable, FOLDER / "generate.py", tmp_path], check=True)
        assert (tmp_path / "feed.ndjson").read_bytes() == FEED.read_bytes()

    def test_every_event_is_accepted(self, defined, entries):
        checking.check_definition(defined)
        for entry in entries:
            acceptance.check_acceptable(defined, entry)

    def test_it_behaves_as_feeds_do(self, entries):
        latest: dict[tuple[str, str, str], int] = {}
        revisions, late = Counter(entry.revision for entry in entries), 0
        for entry in entries:
            key = entry.subject, entry.kind, entry.record
            late += entry.revision < latest.get(key, 0)
            latest[key] = max(entry.revision, latest.get(key, 0))
        unique = {(*key, entry.revision) for key, entry in zip(keys(entries), entries, strict=True)}
        assert revisions[2] > 100
        assert late > 20
        assert len(unique) < len(entries)
        assert any(entry.void for entry in entries)
        assert any(entry.kind == "subject.superseded" for entry in entries)
        sequences = [entry for entry in entries if entry.kind == "subject.randomised"]
        assert len({(sequence.subject, sequence.data["arm"]) for sequence in sequences}) > len(
            {sequence.subject for sequence in sequences}
        )

    def test_it_stays_small(self):
        assert FEED.stat().st_size < 1_500_000


def keys(entries: list[Entry]) -> list[tuple[str, str, str]]:
    return [(entry.subject, entry.kind, entry.record) for entry in entries]


class TestTables:
    def test_every_table_is_recomputed(self, tables):
        assert list(tables) == list(TABLES)

    @pytest.mark.parametrize("table", TABLES)
    def test_every_cell_is_as_recomputed(self, tables, trial, table):
        grid, expected = tables[table], TABLES[table](trial)
        assert [row.id for row in grid.rows] == list(expected)
        raw_values = {
            (row.id, cell.column, name): number
            for row in grid.rows
            for cell in row.cells
            for name, number in numbers(cell).items()
        }
        assert raw_values == {
            (row, column, name): (
                None if number is None else pytest.approx(number, rel=CLOSE, abs=CLOSE)
            )
            for row, columns in expected.items()
            for column, statistics in columns.items()
            for name, number in statistics.items()
        }


def numbers(cell: Cell) -> dict[str, float | None]:
    return {
        statistic.name: None if statistic.raw is None else float(statistic.raw)
        for statistic in cell.statistics
        if not (statistic.name == "percent" and statistic.raw is None)
    }


class TestOrder:
    def test_any_order_and_any_repeats_give_the_same_sums(self, defined, entries):
        in_order = builders.sums_of(defined, builders.subjects(entries))
        for seed in range(2):
            rng = random.Random(seed)  # noqa: S311 (an order to try)
            mixed = [*entries, *rng.sample(entries, 300)]
            rng.shuffle(mixed)
            assert builders.sums_of(defined, builders.subjects(mixed)) == in_order

    def test_moving_to_the_other_sequence_is_one_difference_of_shares(self, defined, entries):
        arms = [
            entry for entry in entries if entry.kind == "subject.randomised" and entry.revision > 1
        ]
        subject = arms[0].subject
        of_subject = [entry for entry in entries if entry.subject == subject]
        before = [entry for entry in of_subject if entry not in arms]
        old, new = (
            report.contribute(defined, builders.subjects(history)[0])
            for history in (before, of_subject)
        )
        assert old != new
        assert cells.total([old, cells.difference(new, old)]) == new


class TestFigures:
    def test_a_p_value_has_no_interval_and_a_difference_has(self, defined, entries):
        sums = builders.sums_of(defined, builders.subjects(entries))
        by_id = {key_result.id: key_result for key_result in report.summary(defined, sums)}
        assert by_id["difference"].ci is not None
        assert by_id["treatment-p"].ci is None


@pytest.fixture(scope="module")
def plotted(defined: Study, entries: list[Entry]) -> dict[str, dict[str, Series]]:
    sums = builders.sums_of(defined, builders.subjects(entries))
    return {figure.id: charting.series_of(figure) for figure in figures(defined, sums)}


class TestCharts:
    def test_the_waterfall_has_each_difference_between_treatments(self, plotted, trial):
        changes = efficacy.fev1(trial)
        drugs = trial.by_drug(changes["change-1"], changes["change-2"])
        drugs = drugs.loc[efficacy.both_assessed(trial)]
        differences = (drugs["a"] - drugs["b"]).round(12)
        (series,) = plotted["14.2.1"].values()
        assert charting.points(series.marks) == charting.falling(differences)

    def test_means_by_visit(self, plotted, trial, defined):
        values = trial.by_visit("fev1")
        for arm, series in plotted["14.2.2"].items():
            people = trial.randomised[trial.randomised["arm"] == arm].index
            assert series.n == len(people)
            assert charting.points(series.marks) == [
                charting.mean(visit.day, values.loc[people, visit.id])
                for visit in defined.definition.visits
                if visit.day is not None
            ]

    def test_curves_of_exacerbations(self, plotted, trial):
        times = efficacy.exacerbations(trial)
        for column, arm in (("a", "AB"), ("b", "BA")):
            days, events = (times.loc[times["arm"] == arm, field].astype(int).tolist()
                            for field in ("days", "event"))  # fmt: skip
            series = plotted["14.2.3"][column]
            assert charting.points(series.marks) == charting.curve(days, events)
            assert series.censored == charting.censored(days, events)
            assert series.at_risk == tuple(
                (str(day_at), sum(day >= day_at for day in days)) for day_at in (0, 7, 14, 21, 28)
            )


class TestFlow:
    def test_the_sequences_add_up(self, defined, entries, trial):
        sums = builders.sums_of(defined, builders.subjects(entries))
        flow = report.flow(defined, sums)
        boxes = {
            (box.id, box.arm): box.n for stage in flow.stages for box in (*stage.boxes, *stage.side)
        }
        assert flow.design == "crossover"
        assert flow.discrepancies == ()
        assert boxes["assessed", ""] == len(trial.frame("subject.screened"))
        for arm in defined.definition.arms:
            people = trial.randomised[trial.randomised["arm"] == arm.id]
            assert boxes["randomised", arm.label] == len(people)
            assert boxes["completed", arm.label] == (people["status"] == "completed").sum()
            assert boxes["left-washout", arm.label] == (people["left-in"] == "washout").sum()


def test_nothing_in_the_service_names_the_study():
    sources = [path.read_text(encoding="utf-8").lower() for path in ROOT.glob("functions/**/*.py")]
    study_words = ("airway", "avesterol", "bremoterol", "fev1")
    assert not [name for name in study_words if any(name in text for text in sources)]
