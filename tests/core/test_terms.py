"""Adverse events by term: any levels of the dictionary, any order, groups, days of onset."""

from collections.abc import Iterable
from typing import Any

import pytest
from builders import TINY, adverse_event, coding, day, dose, enrolment, report_of, truth
from parallel import TOTAL, A, B, parallel, printed, randomised, raws, table_of

from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.tables import checking
from trial.tables.grid import Grid

AGAINST = {"id": "gain", "label": "Drug - placebo", "compare": ["b", "a"], "counts": "newcombe"}
GROUPS = [
    {"label": "Bleeding", "terms": ["Epistaxis", "Bruise"], "broad": ["Anaemia"]},
    {"label": "Nose", "terms": ["Epistaxis"]},
    {"label": "Blood", "terms": [], "broad": ["Anaemia"]},
]
EVENTS = TINY["adverse_events"] | {"groups": GROUPS}


def person(subject: str, arm: str = "a") -> list[Entry]:
    return [enrolment(subject=subject), randomised(arm, subject), dose(subject=subject)]


def event(subject: str, record: str, pt: str | None, onset: Any = 10, **levels: Any) -> list[Entry]:
    data = {name: levels.pop(name) for name in ("grade", "serious") if name in levels}
    coded = [] if pt is None else [coding(pt, record, subject, **({"soc": "Blood"} | levels))]
    return [adverse_event(onset, record, subject, **data), *coded]


def shown(grid: Grid, column: str = "total") -> dict[str, tuple[int, int]]:
    """Give the subjects and events of every row, by its id behind the rule's, in order."""
    return {
        row.id.removeprefix("row/"): (statistics["n"].raw, statistics["events"].raw)
        for row in grid.rows
        for cell in row.cells
        if cell.column == column
        and (statistics := {statistic.name: statistic for statistic in cell.statistics}).keys()
        >= {"n", "events"}
    }


def fault(**terms: Any) -> tuple[str, str]:
    columns = terms.pop("columns", (A, B, TOTAL))
    with pytest.raises(Rejected) as refused:
        checking.check_definition(
            parallel([{"terms": {"filter": {}} | terms}], columns, adverse_events=EVENTS)
        )
    return refused.value.faults[0].pointer, refused.value.faults[0].detail


BLOOD = (
    *person("S-1"), *person("S-2"), *person("S-3", "b"),
    *event("S-1", "1", "Epistaxis", hlgt="Nose", hlt="Nose bleeding", llt="Nosebleed"),
    *event("S-1", "2", "Epistaxis", hlgt="Nose", hlt="Nose bleeding", llt="Nose bleed left"),
    *event("S-2", "3", "Anaemia", hlgt="Cells"),
    *event("S-3", "4", "bruise", hlgt="Vessels", hlt="Haematomas", llt="Bruise"),
    *event("S-3", "5", None),
)  # fmt: skip


class TestLevels:
    def test_every_level_counts_each_subject_once_and_each_event(self):
        row = {"terms": {"filter": {}, "by": ["soc", "hlgt", "hlt", "pt", "llt"]}}
        counts = shown(table_of(BLOOD, row))
        nose = "Blood/Nose/Nose bleeding/Epistaxis"
        assert counts["Blood"] == (3, 4)
        assert counts["Blood/Nose"] == counts[nose] == (1, 2)
        assert counts[f"{nose}/Nosebleed"] == counts[f"{nose}/Nose bleed left"] == (1, 1)
        assert len(counts) == 1 + 3 * 4 + 1 + 5

    def test_a_level_that_the_coding_lacks_is_not_coded(self):
        counts = shown(table_of(BLOOD, {"terms": {"filter": {}, "by": ["hlt"]}}))
        assert counts == {"Nose bleeding": (1, 2), "Haematomas": (1, 1), "Not coded": (2, 2)}

    def test_an_event_that_is_not_coded_counts_at_every_level(self):
        counts = shown(table_of(BLOOD, {"terms": {"filter": {}, "by": ["soc", "pt"]}}))
        assert counts["Not coded"] == counts["Not coded/Not coded"] == (1, 1)

    def test_a_list_of_levels_is_what_the_usual_words_stand_for(self):
        for word, levels in (("soc-pt", ["soc", "pt"]), ("soc", ["soc"]), ("pt", ["pt"])):
            by_word, by_levels = (
                table_of(BLOOD, {"terms": {"filter": {}, "by": levels_given}})
                for levels_given in (word, levels)
            )
            assert by_word == by_levels

    def test_rows_are_indented_by_their_depth(self):
        grid = table_of(BLOOD, {"terms": {"filter": {}, "by": ["soc", "hlgt", "pt"]}})
        assert [row.level for row in grid.rows if row.id.startswith("row/Blood/Nose")] == [1, 2]


class TestGroups:
    def row(self, **terms: Any) -> dict[str, Any]:
        return {"terms": {"filter": {}, "by": ["group", "pt"]} | terms}

    def found(self, **terms: Any) -> dict[str, tuple[int, int]]:
        return shown(table_of(BLOOD, self.row(**terms), adverse_events=EVENTS))

    def test_a_term_of_several_groups_counts_in_each_and_one_of_none_in_none(self):
        assert self.found() == {
            "Bleeding": (1, 2), "Bleeding/Epistaxis": (1, 2),
            "Nose": (1, 2), "Nose/Epistaxis": (1, 2),
            "Not coded": (1, 1), "Not coded/Not coded": (1, 1),
        }  # fmt: skip

    def test_the_broad_scope_holds_the_narrow_one(self):
        narrow, broad = self.found(), self.found(filter={"scope": "broad"})
        assert broad["Bleeding"] == (2, 3)
        assert broad["Blood/Anaemia"] == (1, 1)
        assert narrow.keys() < broad.keys()
        assert all(broad[name] >= numbers for name, numbers in narrow.items())

    def test_groups_that_a_filter_names_are_the_only_ones(self):
        counts = self.found(filter={"groups": ["Nose"]})
        assert counts == {"Nose": (1, 2), "Nose/Epistaxis": (1, 2)}

    def test_a_filter_takes_the_scope_of_the_groups_that_it_names(self):
        for scope, n in ((None, 2), ("narrow", 2), ("broad", 3)):
            filter_ = {"groups": ["Bleeding"]} | ({"scope": scope} if scope else {})
            grid = table_of(BLOOD, {"events": filter_}, adverse_events=EVENTS)
            assert raws(grid, "row", "events")["total"] == n

    def test_pooled_terms_of_the_broad_scope_count_as_their_group(self):
        groups = {"adverse_events": EVENTS | {"groups": GROUPS[:1]}}
        row = {"terms": {"filter": {"scope": "broad"}, "by": "pt", "pooled": True}}
        assert shown(table_of(BLOOD, row, **groups))["Bleeding"] == (2, 3)


class TestOrder:
    ENTRIES = (
        *person("S-1"), *person("S-2"), *person("S-3", "b"), *person("S-4", "b"),
        *event("S-1", "1", "ague"), *event("S-2", "2", "Bruise"), *event("S-3", "3", "Bruise"),
        *event("S-4", "4", "Cough"), *event("S-3", "5", "Cough"), *event("S-1", "6", "Cough"),
        *event("S-3", "7", "Dizziness"), *event("S-1", "8", "Dizziness"),
    )  # fmt: skip
    COLUMNS = (A, B, TOTAL, AGAINST)

    def names(self, **terms: Any) -> list[str]:
        row = {"terms": {"filter": {}, "by": "pt"} | terms}
        return list(shown(table_of(self.ENTRIES, row, columns=self.COLUMNS)))

    def test_the_most_frequent_come_first_and_equal_ones_by_name(self):
        assert self.names() == ["Cough", "Bruise", "Dizziness", "ague"]

    def test_one_column_decides_where_it_is_named(self):
        assert self.names(order_by="a") == ["Bruise", "Cough", "Dizziness", "ague"]
        assert self.names(order_by="b") == ["Cough", "Bruise", "Dizziness", "ague"]

    def test_the_alphabet_knows_no_capitals(self):
        assert self.names(order="alphabetical") == ["ague", "Bruise", "Cough", "Dizziness"]

    def test_the_greatest_difference_comes_first(self):
        assert self.names(order="difference") == ["ague", "Bruise", "Dizziness", "Cough"]

    def test_a_note_says_which_order_it_is(self):
        def note(**terms: Any) -> Iterable[str]:
            row = {"terms": {"filter": {}, "by": "pt"} | terms}
            return table_of(self.ENTRIES, row, columns=self.COLUMNS).footnotes

        assert "Terms are in alphabetical order." in note(order="alphabetical")
        assert any("in Placebo, most frequent" in text for text in note(order_by="b"))
        assert any("Drug - placebo is about, greatest" in text for text in note(order="difference"))

    def test_what_cannot_decide_is_refused(self):
        columns = self.COLUMNS
        two = ({**AGAINST, "id": "again"}, *columns)
        assert fault(order="difference")[0] == "/tables/0/rows/0/terms/order_by"
        assert "these compare two: none" in fault(order="difference")[1]
        assert "these compare two: again, gain" in fault(order="difference", columns=two)[1]
        assert "compares two" in fault(order="difference", order_by="a", columns=columns)[1]
        assert "column of subjects" in fault(order_by="gain", columns=columns)[1]
        assert "is not a column" in fault(order_by="nowhere")[1]
        assert "takes no order_by" in fault(order="alphabetical", order_by="a")[1]

    def test_without_arms_to_compare_the_open_audience_sees_them_by_frequency(self):
        study = parallel(
            [{"terms": {"filter": {}, "order": "difference"}}], self.COLUMNS, blinded=True
        )
        (row,) = study.open.definition.tables[0].rows
        assert row.terms is not None
        assert (row.terms.order, row.terms.order_by) == ("frequency", None)


class TestOnsetDays:
    def found(self, window: list[int | None], onset: Any, *, dosed: bool = True) -> bool | None:
        entries = [enrolment(), *([dose(7)] if dosed else []), adverse_event(onset)]
        study = parallel(
            conditions={"c": {"adverse_event": {"onset_days": window}}}, key_results=[], tables=[]
        )
        return truth("c", *entries, study=study)

    @pytest.mark.parametrize(
        ("window", "inside", "outside"),
        [
            ([1, 28], [7, 34], [6, 35]),
            ([29, None], [35, 400], [34, 7]),
            ([None, -1], [6, 0], [7, 8]),
            ([-7, 1], [0, 7], [-1, 8]),
        ],
    )
    def test_both_days_belong_to_it_and_there_is_no_day_0(self, window, inside, outside):
        assert [self.found(window, onset) for onset in inside] == [True, True]
        assert [self.found(window, onset) for onset in outside] == [False, False]

    def test_a_partial_date_is_imputed_as_everywhere(self):
        assert self.found([1, 1], day(7)[:7]) is True

    def test_without_a_first_dose_no_event_is_in_it(self):
        assert self.found([None, -1], 3, dosed=False) is False

    def test_without_an_onset_the_event_does_not_count_and_a_note_says_so(self):
        entries = [
            *person("S-1"),
            adverse_event(None),
            *person("S-2"),
            adverse_event(9, "2", "S-2"),
        ]
        grid = table_of(entries, {"events": {"onset_days": [1, 5]}})
        assert printed(grid, "row")["n"] == "1"
        assert any("onset is not reported are not counted" in note for note in grid.footnotes)

    @pytest.mark.parametrize(
        ("window", "detail"),
        [
            ([0, 5], "day 1 follows day -1"),
            ([None, None], "needs a first or a last"),
            ([5, 1], "ends on day 1, before it begins on day 5"),
        ],
    )
    def test_what_is_no_stretch_of_days_is_refused(self, window, detail):
        pointer, message = fault(filter={"onset_days": window})
        assert pointer == "/tables/0/rows/0/terms/filter"
        assert detail in message


class TestGrades:
    def test_several_grades_are_one_filter(self):
        entries = [
            *person("S-1"), *event("S-1", "1", "A", grade=3), *event("S-1", "2", "B", grade=2),
            *person("S-2"), *event("S-2", "3", "A", grade=4), *person("S-3"),
            *event("S-3", "4", "A"),
        ]  # fmt: skip
        grid = table_of(entries, {"events": {"grade": [3, 4]}})
        assert shown(grid) == {"row": (2, 2)}
        assert any("grade is not reported" in note for note in grid.footnotes)

    def test_a_grade_that_there_is_not_is_refused_in_its_place(self):
        pointer, _ = fault(filter={"grade": [3, 6]})
        assert pointer == "/tables/0/rows/0/terms/filter/grade/1"


def test_a_scope_without_groups_is_refused():
    pointer, detail = fault(filter={"scope": "broad"})
    assert pointer == "/tables/0/rows/0/terms/filter/scope"
    assert "none are named" in detail


def test_groups_are_a_level_or_pooled_and_not_both():
    assert "not both" in fault(pooled=True, by=["group"])[1]


def test_a_level_is_named_once_and_known():
    assert "more than once" in fault(by=["pt", "pt"])[1]
    assert "'hlt'" in fault(by=["atc"])[1]


def over(percent: Any, column: str = "a", reference: str = "b") -> dict[str, Any]:
    excess = {"column": column, "over": reference, "percent": percent}
    return {"terms": {"filter": {}, "by": "pt", "minimum_excess": excess}}


class TestExcess:
    """Terms that are so much more frequent in one arm than in another, of unrounded percentages."""

    # Of 3 on the drug and 2 on placebo: Bruise 2 and 1, Anaemia 1 and 0, Rash 0 and 1.
    ENTRIES = (
        *person("S-1"), *person("S-2"), *person("S-3"), *person("S-4", "b"), *person("S-5", "b"),
        *event("S-1", "1", "Bruise"), *event("S-2", "2", "Bruise"), *event("S-4", "3", "Bruise"),
        *event("S-3", "4", "Anaemia"), *event("S-5", "5", "Rash"),
    )  # fmt: skip

    def terms(self, row: dict[str, Any], *entries: Entry) -> set[str]:
        return set(shown(table_of([*self.ENTRIES, *entries], row)))

    @pytest.mark.parametrize(
        ("percent", "column", "terms"),
        [
            ("16.6", "a", {"Bruise", "Anaemia"}), ("16.67", "a", {"Anaemia"}), (34, "a", set()),
            (0, "a", {"Bruise", "Anaemia"}), (0, "b", {"Rash"}), (50, "b", {"Rash"}),
            ("50.1", "b", set()),
        ],
    )  # fmt: skip
    def test_a_term_is_shown_if_it_exceeds_the_other_arm_by_that_much(self, percent, column, terms):
        reference = {"a": "b", "b": "a"}[column]
        assert self.terms(over(percent, column, reference)) == terms

    def test_with_a_least_percentage_both_must_hold(self):
        row = over(0)
        row["terms"]["minimum_percent"] = 50
        assert self.terms(row) == {"Bruise"}

    def test_all_are_shown_while_an_arm_has_nobody(self):
        grid = table_of([*person("S-1"), *event("S-1", "1", "Bruise")], over(90, "b", "a"))
        assert set(shown(grid)) == {"Bruise"}

    def test_the_open_audience_sees_all_terms(self):
        study = parallel([over(34)], blinded=True)
        (table,) = study.open.definition.tables
        assert table.rows[0].terms.minimum_excess is None
        (only_table,) = study.definition.tables
        assert only_table.rows[0].terms.minimum_excess.percent == 34

    def test_a_key_result_of_a_term_left_out_says_so(self):
        key_result = {"id": "k", "label": "K", "show": "n",
                      "source": {"table": "t", "row": "row/Rash", "column": "a"}}  # fmt: skip
        study = parallel([over(1)], key_results=[key_result])
        (result,) = report_of(study, self.ENTRIES).key_results
        assert result.text == "not 1 % more"

    @pytest.mark.parametrize(
        ("column", "reference", "end", "words"),
        [("a", "a", "/over", "of another arm"), ("total", "b", "/over", "of another arm"),
         ("a", "c", "/over", "Known: a, b, total"), ("x", "b", "/column", "a, b, total")],
    )  # fmt: skip
    def test_columns_that_share_subjects_are_refused(self, column, reference, end, words):
        with pytest.raises(Rejected) as refused:
            checking.check_definition(parallel([over(1, column, reference)]))
        details = {problem.pointer: problem.detail for problem in refused.value.faults}
        assert words in details[f"/tables/0/rows/0/terms/minimum_excess{end}"], details
