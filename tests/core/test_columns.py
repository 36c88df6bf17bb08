"""Columns that narrow the adverse events of their rows, share a head, or take several arms."""

import json
from typing import Any, ClassVar

import pytest
from builders import TINY, adverse_event, coding, dose, enrolment
from parallel import ARMS, TOTAL, A, B, parallel, printed, randomised, raws, table_of, texts
from render.samples import CUT

from trial.definition.available_statistics import available_statistics
from trial.definition.outputs import CellRef
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.render import markdown
from trial.render.markup import html
from trial.render.page.tables import table as page_table
from trial.render.tables_json import tables as tables_document
from trial.render.workbook.tables import lay_out
from trial.reporting.methods import methods
from trial.tables import checking
from trial.tables.checking import warnings

GROUPS = [{"label": "Bleeding", "terms": ["Epistaxis"], "broad": ["Anaemia"]}]
RELATED = {"related": True}


def of(arm: dict[str, Any], name: str, **events: Any) -> dict[str, Any]:
    """Narrow a column of an arm, under the arm's name."""
    column = {"id": f"{arm['id']}-{name}", "label": name, "under": arm["label"], "events": events}
    return arm | column


SIDE_BY_SIDE = (
    A | {"label": "Any", "under": "Drug"}, of(A, "related", related=True),
    of(A, "severe", grade=[3, 4, 5]),
    B | {"label": "Any", "under": "Placebo"}, of(B, "related", related=True),
    of(B, "severe", grade=[3, 4, 5]),
    {"id": "p", "label": "P", "compare": ["a-severe", "b-severe"]},
)  # fmt: skip


def person(subject: str, arm: str = "a") -> list[Entry]:
    return [enrolment(subject=subject), randomised(arm, subject), dose(subject=subject)]


def event(subject: str, record: str, pt: str, onset: Any = 10, **data: Any) -> list[Entry]:
    return [adverse_event(onset, record, subject, **data), coding(pt, record, subject, soc="S")]


ENTRIES = (
    *person("S-1"), *person("S-2"), *person("S-3", "b"), *person("S-4", "b"),
    *event("S-1", "1", "Pain", grade=3, causality="RELATED"),
    *event("S-1", "2", "Pain", grade=1, causality="NOT RELATED"),
    *event("S-2", "3", "Rash", causality="NOT RELATED"),
    *event("S-3", "4", "Pain", grade=4, causality="NOT RELATED"),
    *event("S-3", "5", "Rash", grade=2, causality="RELATED"),
)  # fmt: skip


class TestSideBySide:
    ROWS = (
        {"id": "any", "label": "Any", "events": {"emergent": True}},
        {"id": "terms", "label": "Term", "terms": {"filter": {}, "by": "pt"}},
        {"id": "worst", "label": "Worst", "worst": {"filter": {}, "field": "grade", "levels": [
            {"value": str(i), "label": f"Grade {i}"} for i in range(1, 6)]}},
        {"id": "time", "label": "Rate", "incidence": {"filter": {}}},
    )  # fmt: skip
    GRID = table_of(ENTRIES, *ROWS, columns=SIDE_BY_SIDE)

    def test_a_column_counts_the_events_that_meet_both_filters(self):
        assert texts(self.GRID, "any", "n") == {
            "a": "2", "a-related": "1", "a-severe": "1",
            "b": "1", "b-related": "1", "b-severe": "1",
        }  # fmt: skip
        assert raws(self.GRID, "any", "events") == {
            "a": 3, "a-related": 1, "a-severe": 1, "b": 2, "b-related": 1, "b-severe": 1,
        }  # fmt: skip
        assert raws(self.GRID, "any", "N") == dict.fromkeys(raws(self.GRID, "any", "n"), 2)

    def test_terms_of_each_column_are_its_own(self):
        assert raws(self.GRID, "terms/Pain", "n") == {
            "a": 1, "a-related": 1, "a-severe": 1, "b": 1, "b-related": 0, "b-severe": 1,
        }  # fmt: skip
        assert raws(self.GRID, "terms/Rash", "n") == {
            "a": 1, "a-related": 0, "a-severe": 0, "b": 1, "b-related": 1, "b-severe": 0,
        }  # fmt: skip

    def test_so_are_the_worst_and_the_first(self):
        assert raws(self.GRID, "worst/1", "n")["a"] == 0
        assert raws(self.GRID, "worst/2", "n") | {"b": 0} == {
            "a": 0, "a-related": 0, "a-severe": 0, "b": 0, "b-related": 1, "b-severe": 0,
        }  # fmt: skip
        assert raws(self.GRID, "time", "n")["b-related"] == 1
        assert raws(self.GRID, "time", "n")["a"] == 2

    def test_columns_of_events_are_compared_like_others(self):
        assert printed(self.GRID, "any", "p")["p"] == "1.0000"
        assert printed(self.GRID, "terms/Rash", "p") == {}

    def test_an_event_without_a_grade_counts_only_where_no_grade_is_asked_for(self):
        notes = [note for note in self.GRID.footnotes if "grade is not reported" in note]
        assert notes
        assert all("Drug, severe" in note for note in notes)
        assert not any("Drug, related" in note for note in notes)

    def test_terms_are_sorted_by_all_their_events(self):
        entries = [*ENTRIES, *event("S-2", "9", "Ache", causality="RELATED", grade=5),
                   *event("S-2", "10", "Zoster"), *event("S-4", "11", "Zoster")]  # fmt: skip
        grid = table_of(entries, self.ROWS[1], columns=SIDE_BY_SIDE)
        names = [row.label for row in grid.rows]
        assert names == ["Pain", "Rash", "Zoster", "Ache"]
        assert any("summed over the columns" in note for note in grid.footnotes)

    def test_other_rows_leave_them_empty(self):
        rows = [{"id": "women", "label": "Women", "count": "enrolled"},
                {"id": "age", "label": "Age", "summary": "age"},
                {"id": "sex", "label": "Sex", "levels": {"characteristic": "sex"}},
                {"id": "pairs", "label": "Pairs", "pairs": ["enrolled", "treated"]}]  # fmt: skip
        grid = table_of(ENTRIES, *rows, columns=SIDE_BY_SIDE)
        filled = {cell.column for row in grid.rows for cell in row.cells if cell.statistics}
        assert filled == {"a", "b"}
        (table,) = parallel(rows, SIDE_BY_SIDE).definition.tables
        for column, n in (("a", True), ("a-severe", False), ("p", False)):
            ref = CellRef(table="t", row="women", column=column)
            assert bool(available_statistics(ref, [table])) is n

    def test_a_reference_by_column_cannot_name_them(self):
        with pytest.raises(Rejected) as refused:
            checking.check_definition(parallel([{"count": {"a-severe": "enrolled"}}], SIDE_BY_SIDE))
        assert refused.value.faults[0].pointer == "/tables/0/rows/0/count/a-severe"

    def test_a_table_without_rows_of_events_is_warned_of(self):
        loaded = parallel([{"count": "enrolled"}], SIDE_BY_SIDE)
        faults = warnings.find_warnings(loaded.definition, json.loads(loaded.source))
        empty = [fault.pointer for fault in faults if "empty in every row" in fault.detail]
        assert empty == [f"/tables/0/columns/{i}" for i in (1, 2, 4, 5)]


class TestScope:
    COLUMNS = (
        A | {"id": "narrow", "label": "Narrow", "under": "Drug", "events": {"scope": "narrow"}},
        A | {"id": "broad", "label": "Broad", "under": "Drug", "events": {"scope": "broad"}},
    )

    def test_narrow_and_broad_stand_side_by_side(self):
        entries = [*person("S-1"), *event("S-1", "1", "Epistaxis"),
                   *person("S-2"), *event("S-2", "2", "Anaemia")]  # fmt: skip
        events = TINY["adverse_events"] | {"groups": GROUPS}
        for row in (
            {"terms": {"filter": {}, "by": ["group", "pt"]}},
            {"terms": {"filter": {}, "by": "pt", "pooled": True}},
        ):
            grid = table_of(entries, row, columns=self.COLUMNS, adverse_events=events)
            assert raws(grid, "row/Bleeding", "n") == {"narrow": 1, "broad": 2}

    def test_without_groups_a_scope_means_nothing_and_is_refused(self):
        with pytest.raises(Rejected) as refused:
            checking.check_definition(parallel([{"events": {}}], self.COLUMNS))
        assert refused.value.faults[0].pointer == "/tables/0/columns/0/events/scope"

    @pytest.mark.parametrize(
        "row",
        [{"events": {"groups": ["Bleeding"]}}, {"incidence": {"filter": {"groups": ["Bleeding"]}}}],
    )
    def test_a_row_that_names_groups_says_its_scope_itself(self, row):
        events = TINY["adverse_events"] | {"groups": GROUPS}
        rows = [
            {"id": "terms", "terms": {"filter": {}, "by": ["group", "pt"]}},
            {"id": "row"} | row,
        ]
        with pytest.raises(Rejected) as refused:
            checking.check_definition(parallel(rows, self.COLUMNS, adverse_events=events))
        assert "row row, which names groups" in refused.value.faults[0].detail
        (part,) = row.values()
        part.get("filter", part)["scope"] = "broad"
        checking.check_definition(parallel(rows, self.COLUMNS, adverse_events=events))


class TestArms:
    BOTH: ClassVar[Any] = {"id": "both", "label": "Both", "set": "randomised", "arms": ["a", "b"]}

    def test_several_arms_are_one_column(self):
        entries = [*ENTRIES, enrolment(subject="S-9")]
        everybody = {"id": "all", "label": "All", "set": "enrolled"}
        grid = table_of(entries, {"events": {}}, columns=(A, self.BOTH, everybody))
        assert [column.n for column in grid.columns] == [2, 4, 5]
        assert raws(grid, "row", "n") == {"a": 2, "both": 3, "all": 3}

    @pytest.mark.parametrize(
        ("column", "pointer", "detail"),
        [
            ({"arms": ["a", "c"]}, "/arms/1", "is not an arm"),
            ({"arms": ["a", "a"]}, "/arms", "more than once"),
            ({"arms": ["a"]}, "/arms", "at least 2"),
            ({"arms": ["a", "b"], "arm": "a"}, "", "one arm, or several"),
        ],
    )
    def test_arms_are_known_and_several(self, column, pointer, detail):
        with pytest.raises(Rejected) as refused:
            checking.check_definition(parallel([{"events": {}}], ({**TOTAL, **column},)))
        (fault,) = refused.value.faults
        assert fault.pointer == f"/tables/0/columns/0{pointer}"
        assert detail in fault.detail

    def test_overlapping_arms_are_warned_of(self):
        compared = {"id": "p", "label": "P", "compare": ["a", "both"]}
        loaded = parallel([{"count": "enrolled"}], (A, self.BOTH, compared))
        faults = warnings.find_warnings(loaded.definition, json.loads(loaded.source))
        assert any("share subjects" in fault.detail for fault in faults)


class TestPooled:
    def test_without_arms_each_selection_is_one_column_and_its_label_tells_nothing(self):
        loaded = parallel([{"events": {}}], SIDE_BY_SIDE, blinded=True)
        (table,) = loaded.open.definition.tables
        assert [(column.under, column.label) for column in table.columns] == [
            ("", "Randomised: all arms"),
            ("Randomised: all arms", "related"), ("Randomised: all arms", "severe"),
        ]  # fmt: skip
        assert all(not column.arms_counted for column in table.columns)

    def test_the_label_of_one_arm_alone_is_not_shown(self):
        loaded = parallel([{"events": {}}], (of(A, "on-drug", serious=True),), blinded=True)
        (table,) = loaded.open.definition.tables
        assert [column.name for column in table.columns] == ["All arms, Some adverse events"]

    def test_a_column_by_treatment_is_left_out(self):
        columns = (TOTAL, {**TOTAL, "id": "drug", "events": {"treatment": "drug"}})
        (table,) = parallel([{"events": {}}], columns, blinded=True).open.definition.tables
        assert [column.id for column in table.columns] == ["total"]


class TestHeads:
    GRID = table_of(ENTRIES, {"events": {}}, columns=SIDE_BY_SIDE)

    def test_the_workbook_has_a_row_of_heads_more(self):
        layout, _ = lay_out(self.GRID)
        spans, bands, heads = layout.heads
        assert len(spans) == len(bands) == len(heads)
        assert [cell.value for cell in spans if cell.value] == ["Drug", "Placebo"]
        assert [cell.value for cell in bands if cell.value][:2] == [
            "Any (N = 2)",
            "related (N = 2)",
        ]
        plain, _ = lay_out(table_of(ENTRIES, {"events": {}}, columns=ARMS))
        assert len(plain.heads) == 2

    def test_the_page_spans_them(self):
        page = str("".join(map(str, page_table(self.GRID, html("t"), "interim"))))
        assert page.count('scope="colgroup"') >= 2
        assert "<bdi>Drug</bdi></th>" in page
        head = page[page.index("<thead>") : page.index("</thead>")]
        rows = head.split("<tr>")[1:]
        spanned = [sum(_spans(cell) for cell in row.split("<t")[1:]) for row in rows[:1]]
        assert spanned == [1 + 3 * 3 + 3 * 3 + 1] or spanned == [1 + 6 + 1 + 1]

    def test_in_words_and_data_each_has_its_whole_name(self):
        text = "\n".join(markdown._table(self.GRID, CUT))
        assert "Drug, related (N = 2)" in text
        document = tables_document(CUT, [self.GRID])
        (table,) = document["tables"]  # type: ignore[misc]
        assert table["columns"][1] == {
            "id": "a-related", "under": "Drug", "label": "related", "n": 2,
        }  # fmt: skip
        sections = {
            section.id: section.rows
            for section in methods(parallel([{"events": {}}], SIDE_BY_SIDE).definition)
        }
        words = {row[1]: row[2] for row in sections["columns"]}
        assert (
            "Only rows of adverse events fill it: an adverse event: related."
            in (words["Drug, related"])
        )


def _spans(cell: str) -> int:
    """Give how many columns a head's cell reaches over."""
    return int(cell.partition('colspan="')[2].partition('"')[0] or 1)
