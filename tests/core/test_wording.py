"""What stands beside a number: unit and direction of a change, and why there is none."""

from typing import Any

import builders
import pytest
from builders import (
    TINY,
    cell,
    contact,
    disposition,
    dose,
    enrolment,
    entry,
    feed,
    listings_of,
    rows_of,
    tables_of,
    tiny,
    tmb301,
    viral_load,
)
from parallel import TOTAL, A, B, parallel, randomised, table_of

from trial.errors import Rejected
from trial.reporting import report
from trial.tables import checking, notes
from trial.tables.grid import NOT_YET_DUE, Absent, Grid, Row

VL = {"parameter": "viral-load-log10", "at": "day-14"}
UNIT = TINY["parameters"]["viral-load-log10"]["unit"]
DECREASE, CHANGE = "a positive number is a decrease", "a negative number is a decrease"


def row_of(measure: Any, **options: Any) -> Row:
    return table_of([], {"summary": measure}, columns=[TOTAL], **options).rows[0]


class TestDirection:
    @pytest.mark.parametrize(
        ("change", "unit", "direction"),
        [
            ({}, UNIT, ""),
            ({"decrease_from": "baseline"}, UNIT, DECREASE),
            ({"change_from": "baseline"}, UNIT, CHANGE),
            ({"percent_change_from": "baseline"}, "%", CHANGE),
        ],
    )
    def test_a_row_states_the_unit_of_its_measure_and_of_a_change_its_direction(
        self, change, unit, direction
    ):
        row = row_of(VL | change)
        assert (row.unit, row.direction) == (unit, direction)

    def test_a_measure_by_arm_and_a_difference_state_theirs(self):
        measures = {
            "one": VL | {"decrease_from": "baseline"},
            "two": VL | {"at": "day-7", "decrease_from": "baseline"},
            "arms": {"by_arm": {"a": "one", "b": "two"}},
            "gap": {"difference": ["one", "two"]},
        }
        assert row_of("arms", measures=measures).direction == DECREASE
        assert "the first is greater" in row_of("gap", measures=measures).direction

    def test_an_analysis_of_covariance_states_those_of_its_response(self):
        ancova = {"ancova": {"measure": VL | {"change_from": "baseline"}}}
        grid = table_of([], ancova, columns=[A, B])
        assert (grid.rows[0].unit, grid.rows[0].direction) == (UNIT, CHANGE)
        assert f"Changes: in {UNIT}. A negative number is a decrease." in grid.footnotes

    def test_columns_that_differ_are_told_apart(self):
        summary = {"a": VL, "b": VL | {"change_from": "baseline"}}
        grid = table_of([], {"summary": summary}, columns=[A, B])
        assert grid.rows[0].unit == UNIT
        assert grid.rows[0].direction == f"Placebo: {CHANGE}"

    def test_a_footnote_says_it_once_for_all_rows_alike(self):
        rows = [{"summary": VL | {"decrease_from": "baseline"}, "id": f"r{i}"} for i in range(3)]
        grid = table_of([], *rows, columns=[TOTAL])
        assert grid.footnotes[:-1] == (f"Changes: in {UNIT}. A positive number is a decrease.",)
        rows.append({"summary": VL | {"change_from": "baseline"}, "id": "up", "label": "Up"})
        grid = table_of([], *rows, columns=[TOTAL])
        assert grid.footnotes[:-1] == (
            f"Row: in {UNIT}. A positive number is a decrease.",
            f"Up: in {UNIT}. A negative number is a decrease.",
        )

    def test_no_table_of_changes_of_tmb_301_is_without_unit_and_direction(self):
        n_checked = 0
        for grid in tables_of(tmb301(), feed()).values():
            for row in grid.rows:
                if "ecrease from" in row.label or row.direction:
                    assert row.unit
                    notes_of = [footnote for footnote in grid.footnotes if row.unit in footnote]
                    assert any("umber is a decrease" in note for note in notes_of), grid.id
                    n_checked += 1
        assert n_checked > 20

    def test_a_key_result_of_a_change_states_its_direction_and_its_unit(self):
        sums = builders.sums_of(tmb301(), builders.subjects(feed()))
        key_results = {item.id: item for item in report.summary(tmb301(), sums)}
        assert key_results["week25-mean-decrease"].direction == DECREASE
        assert key_results["week25-mean-decrease"].unit == "log10 copies/mL"
        assert key_results["primary-responders"].direction == ""
        bare = {"id": "x", "label": "X", "show": "mean",
                "source": {"table": "14.2.2", "row": "decrease", "column": "total"}}  # fmt: skip
        study = tmb301(("key_results", [bare]))
        (key_result,) = report.summary(study, builders.sums_of(study, builders.subjects(feed())))
        assert key_result.unit == "log10 copies/mL"

    def test_a_listing_of_changes_states_them_too(self):
        (listing,) = (listings_of(tmb301(), feed()[:100])[name] for name in ["16.2.6.3"])
        assert "Changes: in log10 copies/mL. A positive number is a decrease." in listing.footnotes


def test_a_figure_of_changes_states_their_unit_and_direction():
    change_figure = {
        "id": "c",
        "title": "C",
        "population": "P",
        "kind": "mean",
        "x_label": "X",
        "y_label": "Y",
        "source": {"table": "14.2.4", "row": "visit", "columns": ["change"]},
    }
    values = change_figure | {
        "id": "v",
        "source": {**change_figure["source"], "columns": ["value"]},
    }
    study = tmb301(("figures", [change_figure, values]))
    changes, plain = builders.report_of(study, feed()[:100]).figures
    assert changes.footnotes == ("Changes: in log10 copies/mL. A negative number is a decrease.",)
    assert plain.footnotes == ()


class TestImputation:
    def test_observed_and_imputed_stand_beside_every_imputed_mean(self):
        grid = tables_of(tmb301(), feed())["14.2.3.2"]
        for column, imputed in (("bocf", 9), ("locf", 9)):
            row_cell = cell(grid, "decrease", column)
            assert (row_cell.get("observed").raw, row_cell.get("imputed").raw) == (
                40 - imputed,
                imputed,
            )
        sums = builders.sums_of(tmb301(), builders.subjects(feed()))
        key_results = {item.id: item for item in report.summary(tmb301(), sums)}
        assert key_results["week25-mean-decrease"].imputation == "observed 31, imputed 9 (BOCF)"
        assert key_results["day14-mean-decrease"].imputation == ""


class TestAbsent:
    def test_what_nobody_reported_says_so_in_every_statistic(self):
        row_cell = cell(table_of([enrolment(), randomised("a")], {"summary": VL}), "row")
        texts = {
            statistic.name: (statistic.raw, statistic.text) for statistic in row_cell.statistics
        }
        assert texts.pop("n") == (0, "0")
        assert set(texts.values()) == {(None, "not reported")}

    def test_a_table_of_nobody_says_that_its_zeros_are_no_findings(self):
        def noted(grid: Grid) -> bool:
            return notes.EMPTY in grid.footnotes

        assert noted(tables_of(tmb301(), feed())["14.1.1"])
        assert not noted(tables_of(tmb301(), feed())["14.1.2"])
        screened = entry("subject.screened", date="2015-05-20")
        assert not noted(tables_of(tmb301(), [screened])["14.1.1"])


def listed(source: str, *entries: Any, **options: Any) -> Any:
    column = {"id": "X", "label": "X", "source": source}
    listing = {"id": "L", "title": "L", "population": "All", "records": "subjects"}
    study = tiny(listings=[listing | {"columns": [column]}], **options)
    ((value,),) = listings_of(study, [enrolment(), *entries])["L"].rows
    return value


BELOW = {"conditions": TINY["conditions"] | {
    "low": {"measure": VL, "below": 3},
    "low-failure": {"measure": VL, "below": 3, "missing": "failure"},
    "both": {"all": ["enrolled", "low"]},
    "either": {"any": ["enrolled", "low"]},
    "not-low": {"none": ["low"]},
}}  # fmt: skip
MEASURES = {"measures": TINY["measures"] | {
    "late": VL,
    "span": {"days": {"start": "enrolment", "end": "death"}},
    "last": {"parameter": "viral-load-log10", "after_first_dose": "last"},
}}  # fmt: skip
CLASSES = {"classes": {"group": {"label": "G", "measure": VL, "classes": [
    {"value": "low", "label": "Low", "below": 3}, {"value": "high", "label": "High", "at_least": 3},
]}}}  # fmt: skip


class TestNotYetDue:
    @pytest.mark.parametrize(
        ("source", "parts"),
        [
            ("measure:late", MEASURES),
            ("condition:low", BELOW),
            ("condition:low-failure", BELOW),
            ("condition:both", BELOW),
            ("condition:not-low", BELOW),
            ("class:group", CLASSES),
        ],
    )
    def test_what_is_not_yet_due_says_so_and_what_was_missed_is_blank_or_a_failure(
        self, source, parts
    ):
        assert listed(source, contact(3), **parts) == NOT_YET_DUE
        missed = listed(source, contact(60), **parts)
        assert missed == ("N" if source == "condition:low-failure" else None)
        assert listed(source, disposition(5), **parts) == missed
        assert listed(source, viral_load(14, 100), contact(60), **parts) is not None
        assert listed(source, viral_load(14, 100), **parts) != NOT_YET_DUE

    def test_a_condition_that_is_settled_without_it_does_not_wait(self):
        assert listed("condition:either", contact(3), **BELOW) == "Y"

    @pytest.mark.parametrize("name", ["span", "last"])
    def test_what_has_no_day_of_its_own_may_come_until_all_is_over(self, name):
        assert listed(f"measure:{name}", contact(3), **MEASURES) == NOT_YET_DUE
        assert listed(f"measure:{name}", contact(3), disposition(9), **MEASURES) is None

    def test_who_is_not_in_the_trial_waits_for_nothing(self):
        column = {"id": "X", "label": "X", "source": "measure:late"}
        listing = {"id": "L", "title": "L", "population": "All", "records": "subjects"}
        study = tiny(listings=[listing | {"columns": [column]}], **MEASURES)
        screened = entry("subject.screened", date="2015-05-20")
        assert list(listings_of(study, [screened])["L"].rows) == [(None,)]

    def test_it_is_a_text_for_a_reader_and_no_value_for_a_machine(self):
        assert isinstance(NOT_YET_DUE, Absent)
        assert not isinstance("Not yet due", Absent)
        (row,) = rows_of(listings_of(tiny(), [enrolment()])["L1"])
        assert isinstance(row["CONC"], Absent)
        assert (NOT_YET_DUE, row["CONC"]) == ("Not yet due", "Not collected")

    def test_the_listing_says_what_a_blank_means_where_both_are_possible(self):
        listings = listings_of(tmb301(), feed()[:100])
        assert notes.BLANK in listings["16.2.6.3"].footnotes
        assert notes.BLANK not in listings["16.2.2"].footnotes

    @pytest.mark.parametrize("lines", [300, 1100, 1900, 2226])
    def test_tables_count_as_not_yet_due_whom_the_listing_shows_so(self, lines):
        entries = feed()[:lines]
        rows = rows_of(listings_of(tmb301(), entries)["16.2.6.3"])
        grid = tables_of(tmb301(), entries)["14.2.1"]
        for column, name in (("control", "RESPC"), ("day-14", "RESP14")):
            waiting = sum(isinstance(row[name], Absent) for row in rows)
            assert builders.statistic(grid, "not-due", column, "n") == waiting
            assert all(row[name] in {"Y", "N", NOT_YET_DUE} for row in rows)


class TestFlow:
    @staticmethod
    def box(name: str, *entries: Any, **changes: Any) -> Any:
        study = tiny(**changes)
        result = report.flow(study, builders.sums_of(study, builders.subjects(entries)))
        boxes = [box for stage in result.stages for box in (*stage.boxes, *stage.side)]
        return next(box for box in boxes if box.id == name)

    @staticmethod
    def flow(**changes: Any) -> dict[str, Any]:
        first, *later_stages = TINY["flow"]["stages"]
        stages = [{**first, "box": {**first["box"], **changes}}, *later_stages]
        return {**TINY["flow"], "stages": stages}

    @pytest.mark.parametrize("absent", ["not reported", "not collected"])
    def test_a_box_says_why_it_has_no_number(self, absent):
        box = self.box("assessed", flow=self.flow(absent=absent))
        assert (box.n, box.absent) == (None, absent)

    def test_who_is_not_yet_due_stands_in_the_box(self):
        study = tmb301()
        waiting = [enrolment(subject="S-1"), dose(subject="S-1"), contact(8)]
        for entries, expected in ((waiting, (0, 1)), ([*waiting, disposition(9)], (0, 0))):
            result = report.flow(study, builders.sums_of(study, builders.subjects(entries)))
            (box,) = next(stage.boxes for stage in result.stages if stage.id == "day-14")
            assert (box.n, box.not_due) == expected

    @pytest.mark.parametrize("row", ["responders", "none"])
    def test_it_is_counted_by_a_row_of_not_due_or_refused(self, row):
        ref = {"table": "one", "row": row, "column": "total"}
        with pytest.raises(Rejected) as caught:
            checking.check_definition(tiny(flow=self.flow(not_due=ref)))
        pointer = "/flow/stages/0/box/not_due"  # where the row is not there, that is said of it too
        row_faults = [] if row == "responders" else [f"{pointer}/row"]
        assert [fault.pointer for fault in caught.value.faults] == [pointer, *row_faults]

    def test_a_stage_by_arm_takes_none(self):
        rows = [{"id": "wait", "not_due": "enrolled"}]
        ref = {"table": "t", "row": "wait", "column": "a"}
        flow = self.flow(not_due=ref)
        checking.check_definition(parallel(rows, [A, B], flow=flow))
        flow["stages"][0]["by_arm"] = True
        with pytest.raises(Rejected):
            checking.check_definition(parallel(rows, [A, B], flow=flow))
