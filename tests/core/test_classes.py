"""What sorts subjects: classes of a measure, strata, the arm; as levels, conditions and shifts."""

from typing import Any, ClassVar

import pytest
from builders import TINY, cd4, disposition, dose, enrolment, tiny, truth
from parallel import parallel, printed, randomised, raws, table_of

from trial.errors import Rejected
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
        over = [*self.subject("S-1", 300), disposition(60)]
        grid = table_of(over, self.ROW, classes=classes)
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
        ({"classes": {"arm": AGE}}, ""),
        ({"classes": {"region": AGE}}, ""),
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
