"""What sorts subjects: classes of a measure, strata, the arm; as levels, conditions and shifts."""

from typing import Any, ClassVar

import pytest
from builders import (
    TINY,
    adverse_event,
    cd4,
    death,
    disposition,
    dose,
    enrolment,
    tiny,
    truth,
)
from parallel import parallel, printed, randomised, raws, table_of

from trial.definition.size_limits import limit_errors
from trial.errors import Rejected
from trial.reporting.methods import methods
from trial.tables import checking, notes

AGE = {
    "label": "Age group",
    "measure": "age",
    "classes": [
        {"value": "young", "label": "Below 40", "below": 40},
        {"value": "middle", "label": "40 to 65", "at_most": 65},
        {"value": "old", "label": "Above 65", "more_than": 65},
    ],
}
GROUP = {"age-group": AGE}
LEVELS = {"levels": {"characteristic": "age-group"}}


def aged(*ages: int | None) -> list[Any]:
    return [
        item
        for i, age in enumerate(ages)
        for item in (
            enrolment(subject=f"S-{i}", **({} if age is None else {"age": age})),
            randomised("ab"[i % 2], f"S-{i}"),
        )
    ]


class TestClasses:
    @pytest.mark.parametrize(
        ("age", "group"), [(39, "young"), (40, "middle"), (65, "middle"), (66, "old")]
    )
    def test_a_subject_is_of_the_first_class_whose_bounds_hold(self, age, group):
        grid = table_of(aged(age), LEVELS, classes=GROUP)
        assert {row.id: raws(grid, row.id, "n")["total"] for row in grid.rows[1:]} == {
            f"row/{name}": int(name == group) for name in ("young", "middle", "old")
        }

    def test_they_are_shown_in_their_order_with_their_labels_even_with_nobody(self):
        grid = table_of([], LEVELS, classes=GROUP)
        assert [row.label for row in grid.rows] == ["Row", "Below 40", "40 to 65", "Above 65"]

    def test_a_subject_without_a_value_is_of_none(self):
        grid = table_of(aged(None, 30), LEVELS, classes=GROUP)
        assert raws(grid, "row/", "n")["total"] == 1
        assert grid.rows[-1].label == "Missing"
        assert printed(grid, "row/") == {"n": "1"}
        assert printed(grid, "row/young")["N"] == "1"

    def test_a_subject_without_a_value_is_of_the_class_that_the_definition_names(self):
        classes = {"age-group": AGE | {"missing": "old"}}
        grid = table_of(aged(None, 30), LEVELS, classes=classes)
        assert raws(grid, "row/old", "n")["total"] == 1
        assert "row/" not in {row.id for row in grid.rows}

    def test_a_value_that_no_class_holds_is_another_and_not_missing(self):
        gap = {"age-group": AGE | {"classes": [AGE["classes"][0]], "missing": "young"}}
        grid = table_of(aged(50, 30), LEVELS, classes=gap)
        assert [row.label for row in grid.rows] == ["Row", "Below 40", "Other"]
        assert printed(grid, "row/Other") == {"n": "1", "N": "2", "percent": "50"}

    def test_what_is_in_no_class_never_goes_by_the_name_of_one(self):
        result = AGE["classes"][0] | {"value": "Other", "label": "Others"}
        grid = table_of(aged(50, 30), LEVELS, classes={"age-group": AGE | {"classes": [result]}})
        assert raws(grid, "row/Other", "n")["total"] == 1
        assert raws(grid, "row/In no class", "n")["total"] == 1

    def test_a_value_in_no_class_is_known_to_be_in_none_of_those_asked_for(self):
        gap = {"age-group": AGE | {"classes": [AGE["classes"][0]]}}
        values = {"new": {"characteristic": "age-group", "levels": ["young"]}}
        study = tiny(classes=gap, conditions=TINY["conditions"] | values)
        assert truth("new", enrolment(age=50), study=study) is False
        assert truth("new", enrolment(), study=study) is None

    def test_a_condition_names_classes(self):
        study = tiny(
            classes=GROUP,
            conditions=TINY["conditions"]
            | {"new": {"characteristic": "age-group", "levels": ["middle", "old"]}},
        )
        values = {age: truth("new", enrolment(age=age), study=study) for age in (39, 40, 70)}
        assert values == {39: False, 40: True, 70: True}
        assert truth("new", enrolment(), study=study) is None

    def test_a_measure_may_be_written_in_place(self):
        classes = {"age-group": AGE | {"measure": {"characteristic": "score"}}}
        entries = [enrolment(characteristics={"score": 3}), randomised("a")]
        assert raws(table_of(entries, LEVELS, classes=classes), "row/young", "n")["total"] == 1


STATE = {"label": "State", "classes": [
    {"value": "dead", "label": "Dead", "condition": {"recorded": "death.reported"}},
    {"value": "ill", "label": "Ill", "condition": {"adverse_event": {"grade_at_least": 3}}},
    {"value": "low", "label": "Low", "condition": {
        "measure": {"parameter": "cd4", "at": "day-14"}, "below": 200}},
    {"value": "dosed", "label": "Dosed", "condition": "treated"}]}  # fmt: skip
STATES = {"state": STATE}
IN_STATE = {"levels": {"characteristic": "state"}}


def states(*entries: Any, **classes: Any) -> dict[str, int]:
    """Give how many subjects there are at each level that is shown."""
    grid = table_of(entries, IN_STATE, classes={"state": STATE | classes})
    return {row.label: raws(grid, row.id, "n")["total"] for row in grid.rows[1:]}


class TestClassesByCondition:
    ME = (enrolment(), randomised("a"))

    def test_a_subject_is_of_the_first_class_whose_condition_is_true(self):
        ill = adverse_event(20, grade=4)
        counts = states(*self.ME, dose(7), ill, death(30))
        assert counts == {"Dead": 1, "Ill": 0, "Low": 0, "Dosed": 0}
        alive = states(*self.ME, dose(7), ill)
        assert alive == {"Dead": 0, "Ill": 1, "Low": 0, "Dosed": 0}

    def test_who_meets_no_condition_is_another_and_not_missing(self):
        assert states(*self.ME, cd4(14, 300))["Other"] == 1

    def test_what_is_not_yet_due_leaves_the_class_so_whatever_is_known_of_later_ones(self):
        assert states(*self.ME, dose(7))["Not yet due"] == 1
        assert states(*self.ME, dose(7), disposition(60))["Missing"] == 1
        assert states(*self.ME, dose(7), cd4(14, 300))["Dosed"] == 1

    def test_what_is_true_earlier_does_not_wait_for_what_follows(self):
        assert states(*self.ME, adverse_event(9, grade=3))["Ill"] == 1

    def test_an_event_without_a_grade_is_not_known_to_be_of_none(self):
        ungraded = (*self.ME, cd4(14, 300), adverse_event(9))
        assert states(*ungraded) == {"Dead": 0, "Ill": 0, "Low": 0, "Dosed": 0, "Missing": 1}
        assert states(*ungraded, adverse_event(10, record="2", grade=3))["Ill"] == 1
        assert states(*ungraded, missing="low")["Low"] == 1

    def test_the_class_of_the_missing_takes_nobody_who_is_not_yet_due(self):
        assert states(*self.ME, missing="ill")["Not yet due"] == 1
        assert states(*self.ME, disposition(60), missing="ill")["Ill"] == 1

    def test_an_ungraded_event_beside_what_is_not_due_still_waits(self):
        """The grade may be unknown for good; a later no would settle the class all the same."""
        conditions = [{"adverse_event": {"grade_at_least": 3}},
                {"measure": {"parameter": "cd4", "at": "day-14"}, "below": 200}]  # fmt: skip
        classes = [{"value": "both", "label": "Both", "condition": {"any": [{"all": conditions}]}}]
        entries = (*self.ME, adverse_event(9))
        assert states(*entries, classes=classes) == {"Both": 0, "Not yet due": 1}
        assert states(*entries, cd4(14, 300), classes=classes) == {"Both": 0, "Other": 1}
        assert states(*entries, cd4(14, 100), classes=classes) == {"Both": 0, "Missing": 1}

    def test_a_condition_on_them_is_unknown_as_they_are(self):
        condition = {"new": {"characteristic": "state", "levels": ["ill", "dosed"]}}
        study = tiny(classes=STATES, conditions=TINY["conditions"] | condition)
        assert truth("new", enrolment(), cd4(14, 300), adverse_event(9), study=study) is None
        assert truth("new", enrolment(), cd4(14, 300), study=study) is False
        assert truth("new", enrolment(), dose(7), cd4(14, 300), study=study) is True

    def test_of_a_row_by_visit_a_measure_in_place_is_at_each_visit(self):
        low = {"measure": {"parameter": "cd4"}, "below": 200}
        classes = {"label": "Low", "classes": [{"value": "low", "label": "Low", "condition": low}]}
        row = {"levels": {"characteristic": classes}, "visits": ["day-7", "day-14"]}
        grid = table_of([*self.ME, cd4(7, 100), cd4(14, 300)], row)
        assert raws(grid, "row/day-7/low", "n")["total"] == 1
        assert raws(grid, "row/day-14/low", "n")["total"] == 0
        assert raws(grid, "row/day-14/Other", "n")["total"] == 1

    def test_a_shift_goes_from_classes_by_condition_to_those_of_a_measure(self):
        shift = {"shift": {"before": "state", "after": "age-group"}}
        entries = [enrolment(age=70), randomised("a"), dose(7), cd4(14, 300)]
        grid = table_of(entries, shift, classes=STATES | GROUP)
        assert raws(grid, "row/dosed/old", "n")["total"] == 1

    def test_the_assessed_have_a_value_of_every_measure_that_they_need(self):
        row = IN_STATE | {"denominator": "assessed"}
        dead = [*self.ME, dose(7), death(30)]
        assert raws(table_of(dead, row, classes=STATES), "row/dead", "N")["total"] == 0
        assert (
            raws(table_of([*dead, cd4(14, 9)], row, classes=STATES), "row/dead", "N")["total"] == 1
        )

    def test_their_words_say_in_which_order_conditions_count(self):
        sections = {part.id: part for part in methods(tiny(classes=STATES).definition)}
        ((label, words),) = sections["classes"].rows
        assert label == "State"
        assert words.startswith(
            "Dead: a death is recorded; Ill: there is an adverse event: of grade 3 or higher; Low:"
        )
        assert words.endswith(
            "The first whose condition is true counts. While one before it is not known, which an"
            " adverse event without a field that it asks for leaves it too, the class is not known;"
            " whose class stays so is in no class."
        )


class TestArmsAndStrata:
    def test_the_arm_sorts_subjects_by_its_label(self):
        grid = table_of(aged(30, 40, 50), {"levels": {"characteristic": "arm", "values": [
            {"value": "a", "label": "Drug"}, {"value": "b", "label": "Placebo"}]}})  # fmt: skip
        assert raws(grid, "row/a", "n") == {"a": 2, "b": 0, "total": 2}

    def test_a_stratum_is_that_of_randomisation(self):
        entries = [enrolment(), randomised("a", strata={"region": "north"})]
        grid = table_of(entries, {"levels": {"characteristic": "region"}})
        assert raws(grid, "row/north", "n") == {"a": 1, "b": 0, "total": 1}

    def test_conditions_name_arms_and_strata(self):
        conditions = {
            "drug": {"characteristic": "arm", "levels": ["a"]},
            "north": {"characteristic": "region", "levels": ["north"]},
        }
        study = parallel(conditions=conditions)
        entries = [enrolment(), randomised("a", strata={"region": "south"})]
        assert truth("drug", *entries, study=study) is True
        assert truth("north", *entries, study=study) is False
        for name in conditions:
            assert truth(name, enrolment(), study=study) is None


CD4 = [
    {"value": "low", "label": "Low", "below": 200},
    {"value": "normal", "label": "Normal", "at_least": 200},
]
SHIFT = {
    "before": {"label": "Before", "measure": {"parameter": "cd4", "at": "day-0"}, "classes": CD4},
    "after": {"label": "After", "measure": {"parameter": "cd4", "after_first_dose": "lowest"},
              "classes": CD4},
}  # fmt: skip


class TestShift:
    ROW: ClassVar[dict[str, Any]] = {"shift": {"before": "before", "after": "after"}}

    @staticmethod
    def subject(name: str, before: int | None, *after: int) -> list[Any]:
        enrolments = [enrolment(subject=name), randomised("a", name), dose(7, subject=name)]
        enrolments += [] if before is None else [cd4(0, before, subject=name)]
        return [*enrolments, *(cd4(20 + i, item, subject=name) for i, item in enumerate(after))]

    def test_each_subject_stands_once_where_its_classes_meet(self):
        entries = [
            *self.subject("S-1", 300, 250, 150, 400),
            *self.subject("S-2", 300, 350),
            *self.subject("S-3", 100, 90),
        ]
        grid = table_of(entries, self.ROW, classes=SHIFT)
        counts = {row.id: raws(grid, row.id, "n").get("total") for row in grid.rows}
        assert counts == {
            "row": None, "row/low": 1, "row/low/low": 1,
            "row/normal": 2, "row/normal/low": 1, "row/normal/normal": 1,
        }  # fmt: skip
        assert [row.level for row in grid.rows] == [0, 1, 2, 1, 2, 2]
        assert notes.ZERO_ROWS in grid.footnotes

    def test_percentages_are_of_those_with_both_classes(self):
        entries = [
            *self.subject("S-1", 300, 150),
            *self.subject("S-2", None, 150),
            *self.subject("S-3", 300),
        ]
        grid = table_of(entries, self.ROW, classes=SHIFT)
        assert grid.columns[2].n == 3
        for row in ("row/normal", "row/normal/low"):
            assert printed(grid, row) == {"n": "1", "N": "1", "percent": "100"}
        assert raws(grid, "row/normal/low", "percent")["b"] is None

    def test_a_class_for_the_missing_counts_as_any(self):
        classes = SHIFT | {"after": SHIFT["after"] | {"missing": "normal"}}
        entries = [*self.subject("S-1", 300), disposition(60)]
        grid = table_of(entries, self.ROW, classes=classes)
        assert raws(grid, "row/normal/normal", "n")["total"] == 1

    def test_who_has_not_both_classes_is_told_apart(self):
        entries = [
            *self.subject("S-1", 300, 150),
            *self.subject("S-2", 300),
            *self.subject("S-3", None, 150),
            *self.subject("S-4", 300), disposition(60, subject="S-4"),
        ]  # fmt: skip
        grid = table_of(entries, self.ROW, classes=SHIFT)
        apart = {row.label: raws(grid, row.id, "n")["total"] for row in grid.rows[-2:]}
        assert apart == {"Missing": 2, "Not yet due": 1}
        assert printed(grid, "row/(missing)") == {"n": "2"}

    def test_a_value_in_no_class_has_its_row(self):
        gap = [CD4[0], CD4[1] | {"at_least": 201}]
        classes = {name: item | {"classes": gap} for name, item in SHIFT.items()}
        grid = table_of(self.subject("S-1", 200, 150), self.ROW, classes=classes)
        assert [row.id for row in grid.rows] == ["row", "row/Other", "row/Other/low"]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"classes": {"new": AGE | {"measure": "height"}}}, "/classes/new/measure"),
        ({"classes": {"new": AGE | {"missing": "none"}}}, "/classes/new/missing"),
        ({"classes": {"new": AGE | {"classes": []}}}, "/classes/new/classes"),
        ({"classes": {"new": AGE | {"classes": [AGE["classes"][0]] * 2}}}, "/classes/new/classes"),
        ({"classes": {"new": AGE | {"classes": [{"value": "a", "label": "A"}]}}},
         "/classes/new/classes/0"),
        ({"classes": {"new": STATE | {"measure": "age"}}}, "/classes/new"),
        ({"classes": {"new": {"label": "A", "classes": AGE["classes"]}}}, "/classes/new"),
        ({"classes": {"new": AGE | {"classes": [STATE["classes"][0] | {"below": 3}]}}},
         "/classes/new/classes/0"),
        ({"classes": {"new": STATE | {"classes": [{"value": "a", "label": "A",
                                                   "condition": "treatd"}]}}},
         "/classes/new/classes/0/condition"),
        ({"classes": {"new": STATE | {"classes": [{"value": "a", "label": "A", "condition": {
            "measure": {"parameter": "cd4"}, "below": 3}}]}}},
         "/classes/new/classes/0/condition"),
        ({"classes": {"arm": AGE}}, "/classes/arm"),
        ({"classes": {"region": AGE}}, "/classes/region"),
        ({"rows": [{"levels": {"characteristic": "age-class"}}]},
         "/tables/0/rows/0/levels/characteristic"),
        ({"classes": GROUP,
          "rows": [{"levels": {"characteristic": "age-group",
                               "values": [{"value": "very old", "label": "Very old"}]}}]},
         "/tables/0/rows/0/levels/values/0/value"),
        ({"rows": [{"levels": {"characteristic": "arm",
                               "values": [{"value": "c", "label": "C"}]}}]},
         "/tables/0/rows/0/levels/values/0/value"),
        ({"conditions": {"new": {"characteristic": "region", "levels": ["east"]}}},
         "/conditions/new/levels/0"),
        ({"classes": GROUP, "rows": [{"shift": {"before": "age-group", "after": "sex"}}]},
         "/tables/0/rows/0/shift/after"),
        ({"rows": [{"levels": {"characteristic": "sex"}, "where": "enrolled"}]},
         "/tables/0/rows/0"),
    ],
    ids=str,
)  # fmt: skip
def test_what_sorts_nobody_is_refused_at_its_path(changes, path):
    with pytest.raises(Rejected) as caught:
        checking.check_definition(parallel(**changes))
    assert [fault.pointer for fault in caught.value.faults] == [path]


def in_a_circle(length: int) -> dict[str, Any]:
    """Make conditions on classes, each of which has the next condition; the last the first."""
    return {
        "conditions": {
            f"c{i}": {"characteristic": f"k{i}", "levels": ["yes"]} for i in range(length)
        },
        "classes": {
            f"k{i}": {"label": "K", "classes": [
                {"value": "yes", "label": "Yes", "condition": f"c{(i + 1) % length}"}]}
            for i in range(length)
        },
    }  # fmt: skip


def test_classes_and_conditions_that_go_round_are_refused():
    parts = in_a_circle(3)
    with pytest.raises(Rejected) as caught:
        checking.check_definition(
            parallel(classes=parts["classes"], conditions=TINY["conditions"] | parts["conditions"])
        )
    assert any("refers to itself" in fault.detail for fault in caught.value.faults)


def test_a_long_chain_through_classes_is_refused_like_one_of_conditions():
    parts = in_a_circle(60)
    parts["classes"]["k59"] = AGE
    (fault,) = limit_errors(parts)
    assert fault.pointer == "/conditions/c0"
    assert fault.detail.startswith("is a chain of 60 conditions")
