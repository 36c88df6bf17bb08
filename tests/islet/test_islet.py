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
    written = Path(__file__).parent / "definition.yaml"
    return study.load(json.dumps(read_definition(written)))


@pytest.fixture(scope="module")
def states(defined: Study, lines: list[str]) -> Callable[[int], tuple[Found, Expected]]:
    """Give what is printed in a state, and what is recounted of it: each is computed once."""

    @cache
    def state(index: int) -> tuple[Found, Expected]:
        first, cutoff = STATES[index]
        asked = CutSpec(cutoff=cutoff or "")
        return printed(defined, lines[:first], asked), recounted(lines[:first], asked)

    return state


def subjects(lines: list[str]) -> list[Subject]:
    return builders.subjects(envelope.parse(json_body.read_json(line), line) for line in lines)


def sums_of(defined: Study, lines: list[str], asked: CutSpec = LIVE_SPEC) -> Any:
    shares = (
        report.contribute(defined, asked.apply_cutoff(subject), asked.day)
        for subject in subjects(lines)
    )
    return report.audience_share(defined, cells.total(shares))


def printed(defined: Study, lines: list[str], asked: CutSpec) -> Found:
    """Give every statistic of every table by table, row, column and name."""
    return {
        (grid.id, row.id, cell.column, statistic.name): statistic
        for grid in report.tables(defined, sums_of(defined, lines, asked), spec=asked)
        for row in grid.rows
        for cell in row.cells
        for statistic in cell.statistics
    }


def recounted(lines: list[str], asked: CutSpec) -> Expected:
    people = records.read(lines, asked.cutoff or None)
    return {
        (table, row, column, name): value
        for table, rows in (tables(people) | further.tables(people)).items()
        for row, columns in rows.items()
        for column, found in columns.items()
        for name, value in found.items()
    }


@pytest.fixture(scope="module")
def drawn(defined: Study, lines: list[str]) -> dict[str, dict[str, Series]]:
    made = figures(defined, sums_of(defined, lines))
    return {each.id: charting.series_of(each) for each in made}


def differs(found: object, expected: object) -> bool:
    if found is None or expected is None:
        return found is not expected
    return abs(float(found) - float(expected)) > CLOSE * max(1e-3, abs(float(expected)))


class TestFeed:
    def test_every_event_is_accepted(self, defined, lines):
        checking.check_definition(defined)
        for line in lines:
            acceptance.check_acceptable(defined, envelope.parse(json_body.read_json(line), line))
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
        found, expected = states(state)
        wrong = {
            key: (each.raw, expected.get(key, "not recounted"))
            for key, each in found.items()
            if key not in expected or differs(each.raw, expected[key])
        }
        assert wrong == {}
        assert len(found) > 4000

    @pytest.mark.parametrize("state", range(len(STATES)), ids=map(str, STATES))
    def test_whatever_was_counted_has_a_row(self, states, state):
        found, expected = states(state)
        counted = {key[:3] for key, n in expected.items() if key[3] == "n" and n}
        assert counted - {key[:3] for key in found} == set()

    def test_every_cell_is_printed_as_the_guide_says(self, states):
        found, expected = states(0)
        measured = {key[:2] for key in found if key[3] in MEASURED}
        for key, each in found.items():
            table, row, column, name = key
            if column == "ratio" and name != "p":
                assert each.text == printing.ratio(name, expected[key])
                continue
            said = printing.text_of(
                table, row, name, expected[key], measured=(table, row) in measured
            )
            assert said is None or (key, each.text) == (key, said)


class TestFlow:
    def test_boxes_and_reasons_are_those_of_the_subjects(self, defined, lines):
        people = records.read(lines)
        flow = report.flow(defined, sums_of(defined, lines))
        boxes = {(each.id, each.arm): each for s in flow.stages for each in (*s.boxes, *s.side)}
        screened = [person for person in people if person.of("subject.screened")]
        assert boxes["screened", ""].n == len(screened)
        assert boxes["failed", ""].n == sum(bool(s.of("screening.failed")) for s in people)
        for arm in ARMS:
            theirs = [person for person in people if person.arm == arm]
            left = [their for their in theirs if values.left(their)]
            assert boxes["allocated", arm.capitalize()].n == len(theirs)
            box = boxes["left", arm.capitalize()]
            reasons = Counter(
                each.of("disposition.recorded", of="study", status="discontinued")[0]["reason"]
                for each in left
            )
            assert (box.n, dict(box.reasons)) == (len(left), reasons)
            assert boxes["pregnant", arm.capitalize()].n is None

    def test_who_may_still_come_is_told(self, defined, lines):
        flow = report.flow(defined, sums_of(defined, lines))
        (box,) = flow.stages[-1].boxes
        people = [each for each in records.read(lines) if each.arm]
        answers = [values.CONDITIONS["responders"](person) for person in people]
        observed = [values.number(values.MEASURES["observed"](person)) for person in people]
        assert (box.n, box.not_due) == (sum(observed), answers.count(values.NOT_DUE))


class TestCharts:
    def test_the_waterfall_has_the_change_of_each(self, drawn, lines):
        people = records.read(lines)
        for arm in ARMS:
            found = [
                float(value)
                for person in people
                if person.arm == arm and values.number(value := values.MEASURES["observed"](person))
            ]
            assert charting.points(drawn["14.2.7"][arm].marks) == charting.falling(found)

    def test_means_stand_on_their_planned_days(self, drawn, lines):
        people = [each for each in records.read(lines) if each.arm == "device"]
        expected = []
        for day, visit in zip((-14, 0, 28, 56, 84), records.WINDOWED, strict=True):
            found = [values.at(person, "glucose", visit) for person in people]
            expected.append(charting.mean(day, [each for each in found if values.number(each)]))
        assert charting.points(drawn["14.2.4"]["device"].marks) == expected
