"""Shifts and cross tables: by visit, of classes in place, in percent of a class; awkward cases."""

import json
from typing import Any

import pytest
from builders import cd4, contact, disposition, dose, enrolment, subjects, sums_of, viral_load
from parallel import parallel, printed, randomised, raws, table_of, texts

from trial.definition.study import load
from trial.errors import Rejected
from trial.reporting import report
from trial.reporting.methods import methods
from trial.tables import checking, notes

BANDS = [
    {"value": "low", "label": "Low", "below": 200},
    {"value": "normal", "label": "Normal", "at_least": 200, "at_most": 500},
    {"value": "high", "label": "High", "more_than": 500},
]
BEFORE = {"label": "CD4", "measure": {"parameter": "cd4", "at": "baseline"}, "classes": BANDS}
AFTER = {"label": "CD4", "measure": {"parameter": "cd4"}, "classes": BANDS}
WORST = AFTER | {"measure": {"parameter": "cd4", "after_first_dose": "lowest"}}
SHIFT = {"shift": {"before": BEFORE, "after": AFTER}, "visits": ["day-14", "week-5"]}
VISITS = {"day-14": 14, "week-5": 35}


def person(
    name: str, before: int | None, end: int | None = 60, sex: str = "F", **after: int
) -> list[Any]:
    """Give a subject with results before the first dose and at visits; by default it is over."""
    entries = [enrolment(subject=name, sex=sex), randomised("a", name), dose(7, subject=name)]
    entries += [] if before is None else [cd4(0, before, subject=name)]
    entries += [cd4(VISITS[visit.replace("_", "-")], x, subject=name) for visit, x in after.items()]
    return [*entries, *([] if end is None else [disposition(end, "completed", name)])]


PEOPLE = [
    *person("S-1", 100, day_14=300, week_5=600),
    *person("S-2", 100, day_14=100),
    *person("S-3", 300, day_14=600, week_5=300),
    *person("S-4", None, day_14=300),
]


def rows(grid: Any) -> dict[str, str]:
    """Give the total of each row that has numbers: n/N."""
    return {
        row.id.removeprefix("row/"): "/".join(
            str(statistic.raw) for name in ("n", "N") if (statistic := cell.get(name)) is not None
        )
        for row in grid.rows
        for cell in row.cells
        if cell.column == "total"
    }


def fault(row: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(Rejected) as refused:
        checking.check_definition(parallel([row]))
    return refused.value.faults[0].pointer, refused.value.faults[0].detail


class TestShiftsByVisit:
    def test_there_is_a_shift_a_visit(self):
        assert rows(table_of(PEOPLE, SHIFT)) == {
            "day-14/low": "2/3", "day-14/low/low": "1/3", "day-14/low/normal": "1/3",
            "day-14/normal": "1/3", "day-14/normal/high": "1/3", "day-14/(missing)": "1",
            "week-5/low": "1/2", "week-5/low/high": "1/2", "week-5/normal": "1/2",
            "week-5/normal/normal": "1/2", "week-5/(missing)": "2",
        }  # fmt: skip

    def test_who_is_not_yet_due_at_a_visit_is_told_there(self):
        entries = [*PEOPLE, *person("S-5", 100, None, day_14=300), contact(20, "S-5")]
        cells = rows(table_of(entries, SHIFT))
        assert cells["day-14/low/normal"] == "2/4"
        assert cells["week-5/(not yet due)"] == "1"

    def test_it_can_be_of_some_subjects_alone_by_visit_too(self):
        low = {"where": {"measure": {"parameter": "cd4"}, "below": 500}}
        assert rows(table_of(PEOPLE, SHIFT | low)) == {
            "day-14/low": "2/2", "day-14/low/low": "1/2", "day-14/low/normal": "1/2",
            "day-14/(missing)": "1",
            "week-5/normal": "1/1", "week-5/normal/normal": "1/1", "week-5/(missing)": "2",
        }  # fmt: skip

    def test_of_whom_it_is_not_known_is_not_left_out_in_silence(self):
        condition = {"measure": {"parameter": "viral-load"}, "below": 50}
        entries = [
            *PEOPLE, viral_load(14, 20), viral_load(14, 90, subject="S-2"),
            *person("S-5", 100, None, day_14=300), contact(15, "S-5"),
        ]  # fmt: skip
        row = SHIFT | {"where": condition, "visits": ["day-14"]}
        # S-2 is not of them; of S-3 and S-4 there is no answer; that of S-5 may still come
        expected = {
            "day-14/low": "1/1", "day-14/low/normal": "1/1", "day-14/(missing)": "2",
            "day-14/(not yet due)": "1",
        }  # fmt: skip
        assert rows(table_of(entries, row)) == expected
        row_shown = row | {"shift": SHIFT["shift"] | {"missing": True, "percent_of": "column"}}
        assert rows(table_of(entries, row_shown)) == {
            "day-14/low": "1/5", "day-14/low/normal": "1/5", "day-14/(missing)": "2/5",
            "day-14/(missing)/(missing)": "2/5", "day-14/(not yet due)": "1/5",
        }  # fmt: skip

    def test_nobody_is_of_it(self):
        nobody = {"where": {"recorded": "death.reported"}}
        assert rows(table_of(PEOPLE, SHIFT | nobody)) == {}
        women = {"characteristic": "sex", "values": [{"value": "F", "label": "Women"}]}
        assert rows(table_of(PEOPLE, SHIFT | nobody | {"subgroups": women})) == {}

    def test_methods_say_of_whom_it_is(self):
        study = parallel([SHIFT | {"where": "treated"}])
        texts = [str(row) for section in methods(study.definition) for row in section.rows]
        assert any("only of subjects of whom dose" in text or "only of subjects of whom a dose"
                   in text for text in texts)  # fmt: skip

    def test_the_headings_are_the_label_and_the_visits(self):
        grid = table_of(PEOPLE, SHIFT | {"label": "CD4"})
        assert [(row.label, row.level) for row in grid.rows[:4]] == [
            ("CD4", 0), ("Day 14", 1), ("Low", 2), ("Low", 3),
        ]  # fmt: skip

    def test_classes_in_place_give_what_named_ones_do(self):
        classes = {"before": BEFORE, "after": WORST}
        in_place = table_of(PEOPLE, {"shift": classes})
        by_name = table_of(
            PEOPLE, {"shift": {"before": "before", "after": "after"}}, classes=classes
        )
        assert in_place.rows == by_name.rows

    def test_a_key_result_shows_a_cell(self):
        source = {"table": "t", "row": "row/week-5/low/high", "column": "total"}
        key_result = {"id": "k", "label": "K", "source": source, "show": "count-percent"}
        study = parallel([SHIFT], key_results=[key_result])
        checking.check_definition(study)
        (result,) = report.summary(study, sums_of(study, subjects(PEOPLE)))
        assert result.text == "1 (50%)"

    @pytest.mark.parametrize(
        "row", ["row/week-5/low/hgh", "row/week-6/low", "row/low/high", "row/week-5/low/high/x"]
    )
    def test_a_cell_that_it_cannot_have_is_refused(self, row):
        source = {"table": "t", "row": row, "column": "total"}
        key_result = {"id": "k", "label": "K", "source": source, "show": "n"}
        with pytest.raises(Rejected) as refused:
            checking.check_definition(parallel([SHIFT], key_results=[key_result]))
        assert refused.value.faults[0].pointer.startswith("/key_results/0/source")

    def test_what_is_the_same_at_every_visit_is_refused(self):
        row = {"shift": {"before": BEFORE, "after": WORST}, "visits": ["day-14"]}
        assert fault(row) == (
            "/tables/0/rows/0/shift",
            "is the same at every visit: write classes in place, of a measure without `at`",
        )

    def test_classes_in_place_are_checked_where_they_stand(self):
        unknown = AFTER | {"measure": {"parameter": "cd5"}}
        pointer, detail = fault(SHIFT | {"shift": {"before": BEFORE, "after": unknown}})
        assert pointer == "/tables/0/rows/0/shift/after/measure/parameter"
        assert "cd5" in detail
        row = {"shift": {"before": BEFORE, "after": AFTER}}
        assert fault(row)[0] == "/tables/0/rows/0/shift/after/measure"

    def test_the_definition_is_as_it_was_written_for_every_audience(self):
        study = parallel([SHIFT], blinded=True)
        source = json.loads(study.open.visible_source)
        shift = source["tables"][0]["rows"][0]["shift"]
        assert [shift[side]["measure"] for side in ("before", "after")] == [
            BEFORE["measure"], {"parameter": "cd4"},
        ]  # fmt: skip
        assert not source.get("classes")
        reloaded = load(study.open.visible_source).definition
        assert reloaded.tables[0].rows == study.open.definition.tables[0].rows


class TestPercentages:
    def shown(self, **options: Any) -> dict[str, str]:
        return rows(table_of(PEOPLE, {"shift": {"before": BEFORE, "after": WORST} | options}))

    def test_they_are_of_those_with_both_known(self):
        assert self.shown() == {
            "low": "2/3", "low/low": "1/3", "low/normal": "1/3", "normal": "1/3",
            "normal/normal": "1/3", "(missing)": "1",
        }  # fmt: skip

    def test_or_of_the_class_before(self):
        assert self.shown(percent_of="before") == {
            "low": "2/3", "low/low": "1/2", "low/normal": "1/2", "normal": "1/3",
            "normal/normal": "1/1", "(missing)": "1",
        }  # fmt: skip

    def test_or_of_the_class_after(self):
        assert self.shown(percent_of="after")["low/normal"] == "1/2"

    def test_or_of_the_column(self):
        cells = self.shown(percent_of="column")
        assert cells["low/normal"] == "1/4"
        assert cells["(missing)"] == "1/4"

    def test_a_class_missing_joins_them(self):
        cells = self.shown(missing=True)
        assert cells["low"] == "2/4"
        assert cells["(missing)"] == "1/4"
        assert cells["(missing)/normal"] == "1/4"

    def test_all_classes_are_shown_where_zero_counts_are(self):
        cells = self.shown(zero_counts=True, missing=True)
        assert len(cells) == 5 * 6  # three classes, Other and Missing, each with all five
        assert cells["high/Other"] == "0/4"

    def test_a_footnote_says_what_they_are_of(self):
        for option, words in (("before", "same class before"), ("column", "all of the column")):
            row = {"shift": {"before": BEFORE, "after": WORST, "percent_of": option}}
            assert any(words in note for note in table_of(PEOPLE, row).footnotes)
        grid = table_of(PEOPLE, {"shift": {"before": BEFORE, "after": WORST}})
        assert notes.ZERO_ROWS in grid.footnotes
        assert not any("percentages within" in note for note in grid.footnotes)

    def test_nobody_and_one(self):
        assert rows(table_of([], {"shift": {"before": BEFORE, "after": WORST}})) == {}
        grid = table_of(person("S-1", 100, day_14=300), {"shift": {
            "before": BEFORE, "after": WORST, "percent_of": "before"}})  # fmt: skip
        assert rows(grid) == {"low": "1/1", "low/normal": "1/1"}


ENROLLED = [
    enrolment(subject="S-1", sex="F", race="WHITE", investigator="1"),
    enrolment(subject="S-2", sex="F", race="ASIAN", investigator="a/b"),
    enrolment(subject="S-3", sex="M", race="ASIAN", investigator="a\tb"),
    enrolment(subject="S-4", sex="M", investigator="1"),
]


class TestCross:
    def shown(self, first: str, second: str, **options: Any) -> dict[str, str]:
        columns = [{"id": "total", "label": "Total", "set": "enrolled"}]
        row = {"cross": {"first": first, "second": second} | options}
        return rows(table_of(ENROLLED, row, columns=columns))

    def test_pairs_are_counted_within_the_first_level(self):
        assert self.shown("sex", "race") == {
            "F": "2/3", "F/ASIAN": "1/3", "F/WHITE": "1/3", "M": "1/3", "M/ASIAN": "1/3",
            "(missing)": "1",
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("percent_of", "expected"),
        [("first", "1/2"), ("second", "1/2"), ("column", "1/4"), ("known", "1/3")],
    )
    def test_percentages_are_of_a_row_of_a_column_or_of_all(self, percent_of, expected):
        assert self.shown("sex", "race", percent_of=percent_of)["F/ASIAN"] == expected

    def test_who_lacks_a_level_is_at_one_of_its_own(self):
        cells = self.shown("sex", "race", missing=True)
        assert cells["M/(missing)"] == "1/4"
        assert "(missing)" not in cells

    def test_levels_may_hold_any_sign(self):
        cells = self.shown("investigator", "sex")
        assert cells["a~1b/F"] == "1/4"
        assert cells["a\tb/M"] == "1/4"

    def test_levels_that_are_not_defined_come_by_frequency(self):
        assert list(self.shown("race", "sex"))[:3] == ["ASIAN", "ASIAN/F", "ASIAN/M"]

    def test_by_visit(self):
        row = {"cross": {"first": "sex", "second": AFTER}, "visits": ["day-14"]}
        entries = [*person("S-1", 100, day_14=100), *person("S-2", 1, sex="M", day_14=900)]
        assert rows(table_of(entries, row)) == {
            "day-14/F": "1/2", "day-14/F/low": "1/2", "day-14/M": "1/2", "day-14/M/high": "1/2",
        }  # fmt: skip

    def test_a_classification_is_not_crossed_with_itself(self):
        with pytest.raises(Rejected) as refused:
            parallel([{"cross": {"first": "sex", "second": "sex"}}])
        assert "with itself" in refused.value.faults[0].detail

    def test_a_classification_that_is_not_there_is_refused(self):
        assert fault({"cross": {"first": "sex", "second": "sx"}})[0] == (
            "/tables/0/rows/0/cross/second"
        )


class TestLevelsByVisit:
    def test_there_is_a_block_a_visit(self):
        row = {"levels": {"characteristic": AFTER}, "visits": ["day-14", "week-5"]}
        grid = table_of(PEOPLE, row | {"label": "CD4"})
        assert rows(grid) == {
            "day-14/low": "1/4", "day-14/normal": "2/4", "day-14/high": "1/4",
            "week-5/low": "0/2", "week-5/normal": "1/2", "week-5/high": "1/2", "week-5/": "2",
        }  # fmt: skip
        assert [row.label for row in grid.rows][:3] == ["CD4", "Day 14", "Low"]

    def test_what_is_the_same_at_every_visit_is_refused(self):
        row = {"levels": {"characteristic": "sex"}, "visits": ["day-14"]}
        assert fault(row)[0] == "/tables/0/rows/0/levels"

    def test_columns_compare_at_each_visit(self):
        columns = [
            {"id": "total", "label": "T", "set": "enrolled"},
            {"id": "b", "label": "B", "set": "enrolled"},
            {"id": "p", "label": "P", "compare": ["total", "b"]},
        ]
        row = {"levels": {"characteristic": AFTER}, "visits": ["day-14"]}
        grid = table_of(PEOPLE, row, columns=columns)
        assert texts(grid, "row/day-14", "p") == {"p": "1.0000"}
        assert raws(grid, "row/day-14/low", "n") == {"total": 1, "b": 1}
        assert printed(grid, "row/day-14/low")["percent"] == "25"


def test_methods_say_what_is_in_place():
    row = {"shift": {"before": BEFORE, "after": AFTER, "percent_of": "before", "missing": True},
           "visits": ["day-14", "week-5"]}  # fmt: skip
    study = parallel([row])
    sections = {section.id: section.rows for section in methods(study.definition)}
    ((_, _, words),) = sections["rows"]
    assert words == (
        "Subjects by CD4 (before) and CD4 (after), of those with both; who has no value though it"
        " is due is at a level of its own, Missing; percentages of changes are of those of the"
        " same class before; a row for each of Day 14 and Week 5."
    )
    assert len([name for name, _ in sections["classes"] if name == "CD4"]) == 3
