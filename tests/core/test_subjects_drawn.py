"""Figures of a mark a subject: recounted from what was posted, whatever order it came in."""

import random
from typing import Any

import builders
import pytest
from builders import adverse_event, cd4, contact, disposition, dose, enrolment
from parallel import TOTAL, A, B, parallel, randomised

from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.render.figures import figure_svg
from trial.reporting import methods
from trial.statistics import cells
from trial.tables import checking
from trial.tables.compiled import contribute
from trial.tables.figures import figures
from trial.tables.grid import Figure, Mark

DAY_7, DAY_14, WEEK_5 = (
    {"parameter": "cd4", "at": visit} for visit in ("day-7", "day-14", "week-5")
)
STAY = {"days": {"start": "enrolment", "end": "last-contact"}}
EVENT = {"days": {"start": "enrolment", "end": {"adverse_event": {}}}}
LEAVING = {"recorded": "disposition.recorded", "where": {"of": "study"}}
LEFT = {"days": {"start": "enrolment", "end": LEAVING}}
SCATTER = {"summary": DAY_7, "joint": [DAY_14]}
LANES = {"summary": STAY, "joint": [EVENT, LEFT]}
LINES = {"summary": WEEK_5, "joint": [DAY_7, DAY_14]}
MARKS = [{"label": "Event"}, {"label": "Left", "ends": True}]
PEOPLE: dict[str, dict[str, Any]] = {  # CD4 at three visits, days of an event, leaving, contact
    "a-1": {"cd4": (100, 450, 500), "event": 10, "left": 60},
    "a-2": {"cd4": (100, 450, None), "event": None, "contact": 40},
    "a-3": {"cd4": (None, 300, 320), "event": 20, "contact": 50},
    "b-1": {"cd4": (700, 120, None), "event": None, "left": 30},
    "b-2": {"cd4": (None, None, None), "event": None, "contact": 25},
}


def study_of(row: dict[str, Any], kind: str, columns: Any = (A, B), **options: Any) -> Study:
    changes = {name: options.pop(name) for name in ("blinded",) if name in options}
    figure = {"id": "f", "title": "F", "population": "P", "kind": kind, "x_label": "X",
              "y_label": "Y", "source": {"table": "t", "row": "row"}} | options  # fmt: skip
    study = parallel([row], columns, figures=[figure], **changes)
    checking.check_definition(study)
    return study


def entries() -> list[Entry]:
    events: list[Entry] = []
    for name, person in PEOPLE.items():
        events += [enrolment(subject=name), randomised(name[0], name), dose(7, subject=name)]
        events += [
            cd4(day, value, subject=name)
            for day, value in zip((7, 14, 35), person["cd4"], strict=True)
            if value
        ]
        if person["event"]:
            events.append(adverse_event(person["event"], subject=name))
        events.append(disposition(person["left"], subject=name) if "left" in person
                     else contact(person["contact"], name))  # fmt: skip
    return events


def drawn(study: Study, events: list[Entry] | None = None) -> Figure:
    states = builders.subjects(entries() if events is None else events)
    (plot,) = figures(study, builders.sums_of(study, states))
    return plot


def xyn(marks: tuple[Mark, ...]) -> list[tuple[str | None, str | None, int | None]]:
    return [(mark.x, mark.y, mark.n) for mark in marks]


class TestScatter:
    LEVELS = {"references": [{"value": 450, "label": "y"}],  # noqa: RUF012 (not changed)
              "x_references": [{"value": 100, "label": "x"}]}  # fmt: skip

    def test_those_with_both_values_have_a_point_and_those_alike_one_together(self):
        plot = drawn(study_of(SCATTER, "scatter", **self.LEVELS))
        assert [xyn(series.marks) for series in plot.series] == [
            [("100", "450", 2)], [("700", "120", 1)],
        ]  # fmt: skip

    def test_a_value_at_a_level_is_above_it(self):
        plot = drawn(study_of(SCATTER, "scatter", **self.LEVELS))
        assert [dict(parts) for parts in plot.quadrants] == [
            {"upper right": 2, "upper left": 0, "lower right": 0, "lower left": 0},
            {"upper right": 0, "upper left": 0, "lower right": 1, "lower left": 0},
        ]
        drawing = figure_svg(plot)
        assert "n = 2 / 0" in drawing
        assert "Drug (N = 3): 2 subjects, upper right 2" in drawing

    def test_without_a_level_on_each_axis_there_are_no_parts(self):
        assert drawn(study_of(SCATTER, "scatter")).quadrants == ((), ())

    def test_its_table_prints_what_it_would_without(self):
        study, plain = (parallel([row]) for row in (SCATTER, {"summary": DAY_7}))
        grids = [builders.tables_of(defined, entries())["t"] for defined in (study, plain)]
        assert grids[0] == grids[1]

    @pytest.mark.parametrize("log", [False, True])
    def test_nobody_and_a_value_without_a_logarithm(self, log):
        study = study_of(SCATTER, "scatter", log=log)
        assert "No data yet" in figure_svg(drawn(study, []))
        with_zero = [*entries(), cd4(7, 0, subject="b-2"), cd4(14, 5, subject="b-2")]
        assert "0, 5" in figure_svg(drawn(study, with_zero))


class TestSwimmer:
    def test_a_lane_a_subject_the_longest_first_with_what_happened_and_who_goes_on(self):
        plot = drawn(study_of(LANES, "swimmer", marks=MARKS))
        lanes = [[(mark.x, mark.y, mark.lane) for mark in series.marks] for series in plot.series]
        expected = []
        for arm in "ab":
            of_arm = []
            for name, person in PEOPLE.items():
                if name[0] != arm:
                    continue
                end = person.get("left") or person.get("contact")
                latest = max(end, 35 if person["cd4"][2] else 0) + 1  # both days count
                happened = [(0, person["event"])] if person["event"] else []
                happened += [(1, person["left"])] if "left" in person else []
                of_arm.append((latest, tuple((i, str(day + 1)) for i, day in happened),
                               "left" not in person))  # fmt: skip
            of_arm.sort(key=lambda lane: -lane[0])
            expected.append(
                [
                    (str(days), str(rank), happened, goes_on)
                    for rank, (days, happened, goes_on) in enumerate(of_arm, 1)
                ]
            )
        assert [
            [(x, y, lane.happened, lane.goes_on) for x, y, lane in of_arm] for of_arm in lanes
        ] == expected
        assert plot.heads == ("Event", "Left")
        svg = figure_svg(plot)
        assert "Event in 2, Left in 1, 2 ongoing" in svg
        assert "61, Event 11, Left 61" in svg

    def test_of_very_many_the_longest_are_drawn(self):
        names = [f"a-{i}" for i in range(230)]
        events = [enrolment(subject=name) for name in names]
        events += [event for name in names for event in (randomised("a", name), contact(9, name))]
        plot = drawn(study_of(LANES, "swimmer", (A,), marks=MARKS), events)
        assert len(plot.series[0].marks) == 230
        assert "30 further lanes" in figure_svg(plot)


class TestProfiles:
    def test_whoever_has_any_of_the_values_has_a_line(self):
        plot = drawn(study_of(LINES, "profiles"))
        lines = [
            [(mark.x, mark.y) for mark in series.marks if mark.x is not None]
            for series in plot.series
        ]
        days = ("7", "14", "35")
        assert sorted(lines[0]) == sorted(
            (day, str(value)) for name in ("a-1", "a-2", "a-3")
            for day, value in zip(days, PEOPLE[name]["cd4"], strict=True) if value
        )  # fmt: skip
        assert sorted(lines[1]) == [("14", "120"), ("7", "700")]
        gaps = [sum(mark.x is None for mark in series.marks) for series in plot.series]
        assert gaps == [3, 1]
        assert "Day 14 300 to 450 [n = 3]" in figure_svg(plot)


CASES = [(SCATTER, "scatter", {}), (LANES, "swimmer", {"marks": MARKS}), (LINES, "profiles", {})]


class TestAll:
    @pytest.mark.parametrize(("row", "kind", "options"), CASES)
    def test_any_order_of_events_gives_the_same(self, row, kind, options):
        study = study_of(row, kind, **options)
        mixed = entries()
        random.Random(3).shuffle(mixed)  # noqa: S311 (an order to try)
        assert drawn(study, mixed) == drawn(study)

    @pytest.mark.parametrize(("row", "kind", "options"), CASES)
    def test_changes_add_up_to_what_is_recomputed(self, row, kind, options):
        study = study_of(row, kind, (A, B, TOTAL), **options)
        sums: dict[str, dict[str, int]] = {}
        counted: dict[str, Any] = {}
        history: list[Entry] = []
        corrected = cd4(14, 451, subject="a-1", revision=2)
        for event in (*entries(), corrected):
            history.append(event)
            (state,) = builders.subjects(
                [earlier for earlier in history if earlier.subject == event.subject]
            )
            share = contribute(study, state)
            change = cells.difference(share, counted.get(event.subject, {}))
            sums = cells.total([sums, change])
            counted[event.subject] = share
        assert figures(study, sums) == figures(
            study, builders.sums_of(study, builders.subjects(history))
        )

    @pytest.mark.parametrize(("row", "kind", "options"), CASES)
    def test_the_open_audience_sees_no_arm(self, row, kind, options):
        study = study_of(row, kind, blinded=True, **options)
        turned = [
            randomised("ab"[entry.subject[0] == "a"], entry.subject)
            if entry.kind == "subject.randomised"
            else entry
            for entry in entries()
        ]
        plots = [
            builders.report_of(study, events, study.open).figures for events in (entries(), turned)
        ]
        assert plots[0] == plots[1]
        assert [series.label for series in plots[0][0].series] == ["All arms"]

    def test_what_tells_the_arm_is_not_kept_for_it(self):
        drug = {"exposure": {"of": "cumulative-dose", "unit": "mg"}}
        study = study_of({"summary": DAY_7, "joint": [drug]}, "scatter", blinded=True)
        assert study.open.definition.figures == []
        assert "joint" not in repr(builders.sums_of(study.open, builders.subjects(entries())))

    def test_methods_say_what_is_kept(self):
        study = study_of(LANES, "swimmer", marks=MARKS)
        rows = {method.id: method.rows for method in methods.methods(study.definition)}["rows"]
        assert any("with each value those of the same subject of" in row[-1] for row in rows)


class TestRefused:
    @pytest.mark.parametrize(
        ("row", "kind", "options", "detail"),
        [
            ({"summary": DAY_7}, "scatter", {}, "has no statistics"),
            ({"summary": DAY_7, "joint": [DAY_14, WEEK_5]}, "scatter", {}, "it has 2"),
            (LANES, "swimmer", {"marks": MARKS[:1]}, "a measure for each of its `marks`: it has 2"),
            ({"summary": DAY_7, "joint": [DAY_14]}, "profiles", {}, "in the order of their visits"),
            ({"summary": WEEK_5, "joint": [STAY]}, "profiles", {}, "`at` a visit with a `day`"),
        ],
    )
    def test_a_row_that_does_not_keep_what_is_drawn(self, row, kind, options, detail):
        with pytest.raises(Rejected) as caught:
            study_of(row, kind, **options)
        ((path, message),) = [(fault.pointer, fault.detail) for fault in caught.value.faults]
        assert path == "/figures/0/source/row"
        assert detail in message

    @pytest.mark.parametrize(
        "options",
        [{"log": True, "references": [{"value": 0, "label": "x"}]}, {"marks": MARKS},
         {"whiskers": "iqr"}],
    )  # fmt: skip
    def test_what_a_scatter_cannot_have(self, options):
        with pytest.raises(Rejected):
            study_of(SCATTER, "scatter", **options)

    def test_visits_and_what_is_not_defined(self):
        with pytest.raises(Rejected):
            parallel([{"summary": {"parameter": "cd4"}, "visits": "all", "joint": [STAY]}])
        with pytest.raises(Rejected) as caught:
            study_of({"summary": DAY_7, "joint": ["nothing"]}, "scatter")
        assert caught.value.faults[0].pointer == "/tables/0/rows/0/joint/0"
