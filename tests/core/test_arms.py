"""Arms: who stands in which column, and what a subject takes along when its arm is corrected."""

from typing import Any, ClassVar

import builders
import pytest
from builders import (
    cell,
    disposition,
    dose,
    enrolment,
    entry,
    sums_of,
    tables_of,
    viral_load,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from parallel import TOTAL, A, B, parallel, randomised, raws, table_of

from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.reporting import report
from trial.statistics import cells
from trial.subject.fold import Subject, fold, fold_all
from trial.tables import checking
from trial.tables.compiled import STUDY_SUMS
from trial.tables.grid import Box

RECEIVED = [{**column, "set": "received"} for column in (A, B, TOTAL)]
COUNT = {"count": "enrolled"}


def people(*arms: str | None) -> list[Entry]:
    """Enrol a subject for each arm, and randomise it unless it is None."""
    entries = []
    for i, arm in enumerate(arms):
        entries.append(enrolment(subject=f"S-{i}", age=30 + i))
        if arm:
            entries.append(randomised(arm, f"S-{i}"))
    return entries


class TestColumns:
    def test_the_denominator_of_an_arm_is_those_of_the_set_who_are_in_it(self):
        grid = table_of(people("a", "a", "b", None), COUNT)
        assert {column.id: column.n for column in grid.columns} == {"a": 2, "b": 1, "total": 3}
        assert raws(grid, "row", "N") == {"a": 2, "b": 1, "total": 3}
        assert raws(grid, "row", "n") == {"a": 2, "b": 1, "total": 3}

    def test_an_arm_of_nobody_has_no_percentage(self):
        grid = table_of(people("a"), COUNT)
        assert raws(grid, "row", "percent") == {"a": "100", "b": None, "total": "100"}

    def test_a_column_shows_some_of_its_arm_and_its_denominator_stays(self):
        column = {**A, "where": {"characteristic": "sex", "levels": ["F"]}}
        entries = [enrolment(sex="F"), randomised("a"), enrolment(subject="S-2", sex="M"),
                   randomised("a", "S-2")]  # fmt: skip
        grid = table_of(entries, COUNT, columns=[column])
        assert (raws(grid, "row", "n"), raws(grid, "row", "N")) == ({"a": 1}, {"a": 2})

    def test_the_planned_arm_is_that_of_randomisation_whatever_was_given(self):
        grid = table_of([*people("a"), dose(subject="S-0", treatment="placebo")], COUNT)
        assert raws(grid, "row", "n") == {"a": 1, "b": 0, "total": 1}

    def test_the_received_arm_is_that_whose_treatment_came_first(self):
        doses = [dose(7, subject="S-0", treatment="placebo"), dose(8, subject="S-0")]
        grid = table_of([*people("a"), *doses], COUNT, columns=RECEIVED)
        assert raws(grid, "row", "n") == {"a": 0, "b": 1, "total": 1}

    def test_of_arms_that_give_the_same_the_planned_one_was_received(self):
        arms = [{"id": name, "label": name, "treatments": ["drug"]} for name in ("a", "b")]
        entries = [*people("b"), dose(subject="S-0")]
        grid = table_of(entries, COUNT, columns=RECEIVED, arms=arms)
        assert raws(grid, "row", "n") == {"a": 0, "b": 1, "total": 1}

    def test_who_was_given_what_no_arm_gives_counts_as_planned(self):
        entries = [*people("b"), dose(subject="S-0", treatment="something else")]
        grid = table_of(entries, COUNT, columns=RECEIVED)
        assert raws(grid, "row", "n") == {"a": 0, "b": 1, "total": 1}

    def test_who_was_given_nothing_is_in_no_received_arm(self):
        grid = table_of(people("a"), COUNT, columns=RECEIVED)
        assert [column.n for column in grid.columns] == [0, 0, 0]
        assert raws(grid, "row", "n") == {"a": None, "b": None, "total": None}

    def test_an_arm_without_doses_was_received_as_it_was_planned(self):
        arms = [{"id": "a", "label": "A"}, {"id": "b", "label": "B", "treatments": ["drug"]}]
        received = {"label": "Received", "condition": "randomised", "arm": "received"}
        columns = [{**column, "set": "as-received"} for column in (A, B, TOTAL)]
        entries = [*people("a", "b", "b", "a"), dose(subject="S-2"), dose(subject="S-3")]
        parts = {"arms": arms, "sets": {"as-received": received}}
        grid = table_of(entries, {"count": "randomised"}, columns=columns, **parts)
        assert [column.n for column in grid.columns] == [1, 2, 4]  # one of b was given nothing

    def test_all_who_are_enrolled_are_of_the_one_arm_of_a_single_group(self):
        study = {"design": "single-group", "arms": [{"id": "a", "label": "All"}]}
        columns = [{**A, "set": "enrolled"}]
        grid = table_of(people(None, None), COUNT, columns=columns, **study)
        assert raws(grid, "row", "n") == {"a": 2}


class TestMoves:
    ROWS = (
        {"id": "age", "summary": "age"},
        {"id": "sex", "levels": {"characteristic": "sex"}},
        {"id": "any", "events": {}},
        {"id": "terms", "terms": {"filter": {}}},
    )
    BEFORE = (
        enrolment(age=40, sex="M"),
        randomised("a"),
        builders.adverse_event(),
        builders.coding(),
    )

    def test_a_corrected_arm_takes_everything_along_in_one_change(self):
        study = parallel(self.ROWS)
        moved = randomised("b", revision=2)
        before, after = (sums_of(study, builders.subjects(entries))
                         for entries in (self.BEFORE, [*self.BEFORE, moved]))  # fmt: skip
        grids = [report.tables(study, sums)[0] for sums in (before, after)]
        for row in ("age", "sex/M", "any", "terms/Nervous system disorders/Headache"):
            numbers = [raws(grid, row, "n") for grid in grids]
            assert numbers == [{"a": 1, "b": 0, "total": 1}, {"a": 0, "b": 1, "total": 1}], row
        assert [[column.n for column in grid.columns] for grid in grids] == [[1, 0, 1], [0, 1, 1]]
        assert cell(grids[1], "age", "a").get("median").raw is None
        assert cell(grids[1], "age", "b").get("median").raw == "40"

    def test_a_void_randomisation_leaves_every_column_of_the_set(self):
        void = entry("subject.randomised", revision=2, action="void")
        grid = table_of([*self.BEFORE, void], *self.ROWS)
        assert [column.n for column in grid.columns] == [0, 0, 0]
        assert raws(grid, "age", "n") == {"a": None, "b": None, "total": None}

    def test_of_two_randomisations_the_earliest_counts(self):
        repeated = randomised("b", at=3, record="AGAIN")
        for entries in ([*self.BEFORE, repeated], [repeated, *self.BEFORE]):
            assert raws(table_of(entries, *self.ROWS), "age", "n") == {"a": 1, "b": 0, "total": 1}


class TestByArm:
    MEASURES: ClassVar[dict[str, Any]] = {
        "early": {"parameter": "cd4", "at": "day-14"},
        "late": {"parameter": "cd4", "at": "week-5"},
        "either": {"by_arm": {"a": "early", "b": "late"}, "label": "CD4"},
    }

    def test_each_arm_is_measured_in_its_own_way(self):
        entries = people("a", "b", None)
        for name in ("S-0", "S-1", "S-2"):
            entries += [builders.cd4(14, 100, subject=name), builders.cd4(35, 200, subject=name)]
        column = {"id": "all", "label": "All", "set": "enrolled"}
        grid = table_of(
            entries, {"summary": "either"}, columns=[A, B, column], measures=self.MEASURES
        )
        assert raws(grid, "row", "mean") == {"a": "100", "b": "200", "all": "150"}
        assert raws(grid, "row", "n") == {"a": 1, "b": 1, "all": 2}

    def test_it_is_due_when_that_of_the_arm_is(self):
        failing = {"measure": "either", "at_least": 1, "missing": "failure"}
        study = parallel(conditions={"new": failing}, measures=self.MEASURES)
        contact = builders.contact(20)
        assert builders.truth("new", enrolment(), randomised("a"), contact, study=study) is False
        assert builders.truth("new", enrolment(), randomised("b"), contact, study=study) is None
        assert builders.truth("new", enrolment(), contact, study=study) is None


class TestFlow:
    BOX: ClassVar[dict[str, Any]] = {"id": "allocated", "label": "Allocated", "count": "randomised"}
    LEFT: ClassVar[dict[str, Any]] = {
        "id": "left", "label": "Left", "count": {"recorded": "disposition.recorded"},
        "reasons": {"recorded": "disposition.recorded", "field": "reason"},
    }  # fmt: skip
    STAY: ClassVar[dict[str, Any]] = {
        "id": "stay",
        "label": "Stay",
        "count": {"none": [LEFT["count"]]},
    }

    def flow(self, entries: list[Entry], **identity: Any) -> Any:
        stages = [
            {"id": "one", "label": "One",
             "box": {"id": "all", "label": "Enrolled", "count": "enrolled"}},
            {"id": "two", "label": "Two", "by_arm": True, "box": self.BOX, "side": [self.LEFT]},
            {"id": "three", "label": "Three", "by_arm": True, "box": self.STAY},
        ]  # fmt: skip
        identities = [identity] if identity else []
        flow = {"title": "Flow", "stages": stages, "identities": identities}
        study = parallel(flow=flow)
        return report.flow(study, sums_of(study, builders.subjects(entries)))

    def test_a_stage_by_arm_has_a_box_an_arm_with_its_own_reasons(self):
        flow = self.flow([*people("a", "a", "b"), disposition(9, subject="S-1", reason="MOVED")])
        assert flow.stages[0].boxes == (Box("all", "Enrolled", 3),)
        assert flow.stages[1].boxes == (
            Box("allocated", "Allocated", 2, (), "Drug"),
            Box("allocated", "Allocated", 1, (), "Placebo"),
        )
        assert flow.stages[1].side == (
            Box("left", "Left", 1, (("MOVED", 1),), "Drug"),
            Box("left", "Left", 0, (), "Placebo"),
        )

    def test_who_is_in_a_box_and_in_no_arm_is_shown(self):
        flow = self.flow(people("a", None))
        assert [(box.arm, box.n) for box in flow.stages[2].boxes] == [
            ("Drug", 1), ("Placebo", 0), ("No arm", 1),
        ]  # fmt: skip

    def test_a_total_of_all_equals_parts_by_arm_summed_over_arms(self):
        assert self.flow(people("a", "b"), total="all", parts=["allocated"]).discrepancies == ()
        assert self.flow(people("a", None), total="all", parts=["allocated"]).discrepancies == (
            "Enrolled (2) is not Allocated (1)",
        )

    def test_boxes_by_arm_must_agree_in_every_arm(self):
        entries = [*people("a", "b"), disposition(9, subject="S-0")]
        identity = {"total": "allocated", "parts": ["stay"]}
        assert self.flow(entries, **identity).discrepancies == (
            "Drug: Allocated (1) is not Stay (0)",
        )
        box = {"total": "allocated", "parts": ["stay", "left"]}
        assert self.flow(entries, **box).discrepancies == ()

    def test_differences_of_arms_do_not_cancel(self):
        entries = [*people("a", None), disposition(9, subject="S-0")]
        identity = {"total": "allocated", "parts": ["stay"]}
        assert self.flow(entries, **identity).discrepancies == (
            "Drug: Allocated (1) is not Stay (0)",
            "No arm: Allocated (0) is not Stay (1)",
        )


class TestWidth:
    @staticmethod
    def wide(rows: int, columns: Any, **changes: Any) -> Study:
        medians = [{"id": f"r{i}", "summary": "age"} for i in range(rows)]
        return parallel(medians, columns, **changes)

    def test_a_definition_may_be_of_any_width(self):
        arms = [{"id": f"arm{i}", "label": f"Arm {i}"} for i in range(20)]
        columns = [{"id": arm["id"], "label": "C", "set": "enrolled"} for arm in arms]
        checking.check_definition(self.wide(100, columns, arms=arms))

    def test_no_move_between_arms_changes_more_rows_than_were_counted(self):
        columns_twice = [
            A,
            B,
            {**A, "id": "a2", "set": "enrolled"},
            {**B, "id": "b2", "set": "enrolled"},
        ]
        duration = {"label": "Left", "start": "randomisation", "events": [
            {"recorded": "disposition.recorded"}]}  # fmt: skip
        rows = [{"summary": "age"}, {"id": "left", "survival": {"time": "left"}}]
        study = parallel(rows, columns_twice, times={"left": duration})
        (plan,) = report.compiled(study).tables.values()
        counted = set().union(*(row.touched() for row in plan.rows))
        before, after = (
            report.contribute(
                study,
                fold_all("S-1", [enrolment(age=age), randomised(arm), disposition(day_ended)]),
            )
            for age, arm, day_ended in ((20, "a", 9), (90, "b", 99))
        )
        changed = cells.difference(after, before).keys() - {STUDY_SUMS}
        assert len(changed) == len(counted)


# Any history of a small study

arms = st.sampled_from(["a", "b"])
_EVENTS = st.one_of(
    st.builds(
        lambda age, sex, study_day: enrolment(study_day, age=age, sex=sex),
        st.integers(18, 90),
        st.sampled_from("MF"),
        st.integers(0, 2),
    ),
    st.builds(
        lambda arm, record, study_day: randomised(arm, at=study_day, record=record),
        arms,
        st.sampled_from(["R1", "R2"]),
        st.integers(1, 3),
    ),
    st.builds(
        lambda treatment, study_day: dose(study_day, treatment=treatment),
        st.sampled_from(["drug", "placebo"]),
        st.integers(5, 9),
    ),
    st.builds(viral_load, st.integers(0, 42), st.integers(1, 10**6)),
    st.builds(
        lambda study_day, grade: builders.adverse_event(study_day, grade=grade),
        st.integers(0, 60),
        st.integers(1, 4),
    ),
    st.builds(disposition, st.integers(10, 60)),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Entry]:
    """Draw the records of some subjects, each corrected or void now and then, in any order."""
    events = []
    for i in range(draw(st.integers(1, 4))):
        revisions: dict[tuple[str, str], int] = {}
        for event in draw(st.lists(_EVENTS, min_size=1, max_size=8)):
            key = (event.kind, event.record)
            revision = revisions[key] = revisions.get(key, 0) + 1
            data = dict(event.data) | {"record": event.record}
            if revision > 1 and draw(st.booleans()):
                data = {"record": event.record, "action": "void"}
            events.append(entry(event.kind, f"S-{i}", **(data | {"revision": revision})))
    return draw(st.permutations(events))


GRADES = [{"value": str(grade), "label": f"Grade {grade}"} for grade in range(1, 5)]
WHOLE = parallel(
    [
        {"id": "enrolled", "count": "enrolled"},
        {"id": "sex", "levels": {"characteristic": "sex"}},
        {"id": "age", "summary": "age"},
        {"id": "log", "summary": {"parameter": "viral-load-log10", "at": "week-5",
                                  "change_from": "baseline", "missing": "locf"}},
        {"id": "any", "events": {"emergent": True}},
        {"id": "terms", "terms": {"filter": {}, "worst": {"field": "grade", "levels": GRADES}}},
        {"id": "worst", "worst": {"filter": {}, "field": "grade", "levels": GRADES}},
        {"id": "shift", "shift": {"before": "low", "after": "late"}},
    ],
    [A, B, TOTAL, *({**column, "id": f"{column['id']}-received"} for column in RECEIVED),
     {"id": "p", "label": "P", "compare": ["a", "b"]}],
    classes={
        name: {"label": name, "measure": {"parameter": "viral-load"} | timing, "missing": "high",
               "classes": [{"value": "low", "label": "Low", "below": 1000},
                           {"value": "high", "label": "High", "at_least": 1000}]}
        for name, timing in (("low", {"at": "baseline"}), ("late", {"after_first_dose": "highest"}))
    },
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(histories())
def test_what_was_changed_step_by_step_is_what_is_computed_at_once(history):
    states: dict[str, Subject] = {}
    sums: Any = {}
    for event in history:
        before = states.get(event.subject) or fold_all(event.subject, [])
        after = states[event.subject] = fold(before, event)[0]
        shares = [report.contribute(WHOLE, state) for state in (before, after)]
        sums = cells.total([sums, cells.difference(shares[1], shares[0])])
    assert sums == sums_of(WHOLE, builders.subjects(history))


@settings(max_examples=100, deadline=None)
@given(histories())
def test_the_columns_of_the_arms_add_up_to_the_column_of_all(history):
    grid = tables_of(WHOLE, history)["t"]
    for suffix in ("", "-received"):
        for row in grid.rows:
            for name in ("n", "events"):
                statistics = raws(grid, row.id, name)
                if f"total{suffix}" in statistics:
                    parts = [statistics[f"a{suffix}"], statistics[f"b{suffix}"]]
                    total = statistics[f"total{suffix}"]
                    assert None in parts if total is None else sum(parts) == total, (row.id, name)
        sizes = {column.id: column.n for column in grid.columns}
        assert sizes[f"a{suffix}"] + sizes[f"b{suffix}"] == sizes[f"total{suffix}"]


@pytest.mark.parametrize(
    ("row", "pointer"),
    [
        ({"ancova": {"measure": "age"}}, "/tables/0/rows/0/ancova"),
        (
            {"mmrm": {"measure": {"parameter": "cd4"}}, "visits": ["day-7", "day-14"]},
            "/tables/0/rows/0/mmrm",
        ),
        (
            {
                "multiple_imputation": {"measure": {"parameter": "cd4"}},
                "visits": ["day-7", "day-14"],
            },
            "/tables/0/rows/0/multiple_imputation",
        ),
    ],
)
def test_a_model_of_all_arms_is_refused_where_an_arm_has_two_columns(
    row: dict[str, Any], pointer: str
) -> None:
    received = [{**arm, "id": f"{arm['id']}-received", "set": "received"} for arm in (A, B)]
    with pytest.raises(Rejected) as refusal:
        report.compiled(parallel([row], (A, B, *received)))
    (fault,) = refusal.value.faults
    assert fault.pointer == pointer
    assert "a has several" in fault.detail
    assert report.compiled(parallel([row], (A, B)))
    assert report.compiled(parallel([row], received))
