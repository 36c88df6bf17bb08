"""ISLET-9, a running trial with a device arm: every cell is recounted by the words of the guide.

The trial was written by somebody who had read the guide alone, and so was the recount beside it.
"""

import json
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import builders
import charting
import pytest
from islet import further, generate, printing, records, values
from islet.tables import ARMS, tables

from local.feed import read_definition
from trial.definition import study
from trial.definition.study import Study
from trial.events import envelope, json_body
from trial.events.envelope import Entry
from trial.reporting import report
from trial.statistics import cells
from trial.subject import acceptance
from trial.subject.cut_spec import LIVE_SPEC, CutSpec
from trial.subject.fold import Subject
from trial.tables import checking
from trial.tables.figures import figures
from trial.tables.grid import Series, Statistic

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # scipy's, of small samples
CLOSE = 1e-6
STATES = [(None, None), (1000, None), (None, "2024-08-15"), (None, "2024-11-01")]
MEASURED = {"mean", "lsmean", "min", "geometric_mean"}
type Key = tuple[str, str, str, str]
type Found = dict[Key, Statistic]
type Expected = dict[Key, object]


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return [json.dumps(event) for event in generate.feed()]


@pytest.fixture(scope="module")
def defined() -> Study:
    definition_path = Path(__file__).parent / "definition.yaml"
    return study.load(json.dumps(read_definition(definition_path)))


@pytest.fixture(scope="module")
def states(defined: Study, lines: list[str]) -> Callable[[int], tuple[Found, Expected]]:
    """Give what is printed in a state, and what is recounted of it: each is computed once."""

    @cache
    def state(index: int) -> tuple[Found, Expected]:
        first, cutoff = STATES[index]
        spec = CutSpec(cutoff=cutoff or "")
        return printed(defined, lines[:first], spec), recounted(lines[:first], spec)

    return state


@cache
def entry_of(line: str) -> Entry:
    return envelope.parse(json_body.read_json(line), line)


def subjects(lines: list[str]) -> list[Subject]:
    return builders.subjects(map(entry_of, lines))


def sums_of(defined: Study, lines: list[str], spec: CutSpec = LIVE_SPEC) -> Any:
    states = subjects(lines)
    if not spec.cutoff:
        return report.audience_share(defined, builders.sums_of(defined, states))
    shares = (report.share_as_of(defined, subject, spec) for subject in states)
    return report.audience_share(defined, cells.total(shares))


def printed(defined: Study, lines: list[str], spec: CutSpec) -> Found:
    """Give every statistic of every table by table, row, column and name."""
    return {
        (grid.id, row.id, cell.column, statistic.name): statistic
        for grid in report.tables(defined, sums_of(defined, lines, spec), spec=spec)
        for row in grid.rows
        for cell in row.cells
        for statistic in cell.statistics
    }


def recounted(lines: list[str], spec: CutSpec) -> Expected:
    people = records.read(lines, spec.cutoff or None)
    return {
        (table, row, column, name): value
        for table, rows in (tables(people) | further.tables(people)).items()
        for row, columns in rows.items()
        for column, cell in columns.items()
        for name, value in cell.items()
    }


@pytest.fixture(scope="module")
def plotted(defined: Study, lines: list[str]) -> dict[str, dict[str, Series]]:
    series_figures = figures(defined, sums_of(defined, lines))
    return {figure.id: charting.series_of(figure) for figure in series_figures}


def differs(raw: object, expected: object) -> bool:
    if raw is None or expected is None:
        return raw is not expected
    return abs(float(raw) - float(expected)) > CLOSE * max(1e-3, abs(float(expected)))


class TestFeed:
    def test_every_event_is_accepted(self, defined, lines):
        checking.check_definition(defined)
        for line in lines:
            acceptance.check_acceptable(defined, entry_of(line))
        assert len(lines) > 2800

    def test_it_holds_what_trials_hold(self, lines):
        events = [json.loads(line) for line in lines]
        kinds = Counter(event["type"].split(".", 2)[2].removesuffix(".v1") for event in events)
        assert kinds["death.reported"] == 3
        assert kinds["subject.superseded"] == 2
        assert len(kinds) > 24
        assert any(event["data"].get("action") == "void" for event in events)


class TestTables:
    @pytest.mark.parametrize("state", range(len(STATES)), ids=map(str, STATES))
    def test_every_cell_is_what_was_recounted(self, states, state):
        service_cells, expected = states(state)
        differing = {
            key: (cell.raw, expected.get(key, "not recounted"))
            for key, cell in service_cells.items()
            if key not in expected or differs(cell.raw, expected[key])
        }
        assert differing == {}
        assert len(service_cells) > 4000

    @pytest.mark.parametrize("state", range(len(STATES)), ids=map(str, STATES))
    def test_whatever_was_counted_has_a_row(self, states, state):
        service_cells, expected = states(state)
        counted = {key[:3] for key, n in expected.items() if key[3] == "n" and n}
        assert counted - {key[:3] for key in service_cells} == set()

    def test_every_cell_is_printed_as_the_guide_says(self, states):
        service_cells, expected = states(0)
        measured = {key[:2] for key in service_cells if key[3] in MEASURED}
        for key, cell in service_cells.items():
            table, row, column, name = key
            if column == "ratio" and name != "p":
                assert cell.text == printing.ratio(name, expected[key])
                continue
            text = printing.text_of(
                table, row, name, expected[key], measured=(table, row) in measured
            )
            assert text is None or (key, cell.text) == (key, text)


class TestFlow:
    def test_boxes_and_reasons_are_those_of_the_subjects(self, defined, lines):
        people = records.read(lines)
        flow = report.flow(defined, sums_of(defined, lines))
        boxes = {
            (drawn_box.id, drawn_box.arm): drawn_box
            for s in flow.stages
            for drawn_box in (*s.boxes, *s.side)
        }
        screened = [person for person in people if person.of("subject.screened")]
        assert boxes["screened", ""].n == len(screened)
        assert boxes["failed", ""].n == sum(bool(s.of("screening.failed")) for s in people)
        for arm in ARMS:
            of_arm = [person for person in people if person.arm == arm]
            leavers = [their for their in of_arm if values.has_left(their)]
            assert boxes["allocated", arm.capitalize()].n == len(of_arm)
            box = boxes["left", arm.capitalize()]
            reasons = Counter(
                person.of("disposition.recorded", of="study", status="discontinued")[0]["reason"]
                for person in leavers
            )
            assert (box.n, dict(box.reasons)) == (len(leavers), reasons)
            assert boxes["pregnant", arm.capitalize()].n is None

    def test_who_may_still_come_is_told(self, defined, lines):
        flow = report.flow(defined, sums_of(defined, lines))
        (box,) = flow.stages[-1].boxes
        people = [person for person in records.read(lines) if person.arm]
        answers = [values.CONDITIONS["responders"](person) for person in people]
        observed = [values.number(values.MEASURES["observed"](person)) for person in people]
        assert (box.n, box.not_due) == (sum(observed), answers.count(values.NOT_DUE))


class TestCharts:
    def test_the_waterfall_has_the_change_of_each(self, plotted, lines):
        people = records.read(lines)
        for arm in ARMS:
            changes = [
                float(value)
                for person in people
                if person.arm == arm and values.number(value := values.MEASURES["observed"](person))
            ]
            assert charting.points(plotted["14.2.7"][arm].marks) == charting.falling(changes)

    def test_means_stand_on_their_planned_days(self, plotted, lines):
        people = [person for person in records.read(lines) if person.arm == "device"]
        expected = []
        for day, visit in zip((-14, 0, 28, 56, 84), records.WINDOWED, strict=True):
            values_at = [values.at(person, "glucose", visit) for person in people]
            expected.append(
                charting.mean(day, [value for value in values_at if values.number(value)])
            )
        assert charting.points(plotted["14.2.4"]["device"].marks) == expected
