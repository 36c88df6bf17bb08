"""Visits and the values at them: where days count from, which result is taken, what stands in."""

from dataclasses import replace
from typing import Any

import pytest
from builders import (
    TINY,
    cd4,
    contact,
    day,
    derive,
    disposition,
    dose,
    enrolment,
    entry,
    measured,
    subjects,
    sums_of,
    tables_of,
    tiny,
    truth,
    viral_load,
)
from parallel import TOTAL, parallel, randomised, table_of

from trial.definition.study import Study
from trial.errors import Rejected
from trial.reporting import report
from trial.reporting.methods.wording import Wording
from trial.subject.acceptance import check_acceptable
from trial.tables import checking, figures
from trial.tables.discrepancies import EditChecks

AT_VISIT = {"parameter": "cd4", "at": "visit"}
DOSED = (enrolment(), dose(7))


def visit(**changes: Any) -> dict[str, Any]:
    return {"id": "visit", "label": "Visit", "day": 10, "window": [8, 14]} | changes


def study_of(*visits: dict[str, Any], **measures: Any) -> Study:
    return tiny(
        visits=[*TINY["visits"], *visits],
        measures=TINY["measures"] | {"new": AT_VISIT} | measures,
    )


def rules_of(study: Study, *entries: Any) -> set[str]:
    """Name the rules of discrepancies that are broken."""
    checks = EditChecks(study)
    return {discrepancy.rule for discrepancy in checks.find(derive(*entries, study=study))}


def found(study: Study, *entries: Any) -> int | None:
    return measured("new", *entries, study=study)


class TestDaysFrom:
    @pytest.mark.parametrize("study_day", range(14, 24))
    def test_the_first_dose_is_given_on_day_1(self, study_day):
        study = study_of(visit(days_from="first-dose", schedule="other"))
        expected = (
            study_day if 14 <= study_day <= 20 else None
        )  # days 8 to 14 of those that begin on day 7
        assert found(study, *DOSED, cd4(study_day, study_day)) == expected

    def test_there_is_no_day_0(self):
        around = visit(days_from="first-dose", day=1, window=[-1, 1], schedule="other")
        study = study_of(around)
        assert [found(study, *DOSED, cd4(study_day, study_day)) for study_day in (5, 6, 7, 8)] == [
            None,
            6,
            7,
            None,
        ]

    def test_randomisation_is_day_0(self):
        study = study_of(visit(days_from="randomisation", schedule="other"))
        entries = [enrolment(), randomised("a", at=3)]
        assert [
            found(study, *entries, cd4(study_day, study_day)) for study_day in (10, 11, 17, 18)
        ] == [
            None,
            11,
            17,
            None,
        ]

    def test_there_is_no_visit_before_its_days_can_count(self):
        for start in ("first-dose", "randomisation"):
            study = study_of(visit(days_from=start, schedule="other"))
            assert found(study, enrolment(), cd4(10, 10)) is None
            assert derive(enrolment(), contact(200), study=study).due(study.visits["visit"]) is (
                False
            )

    def test_a_window_may_stay_open_on_either_side(self):
        early = study_of(visit(days_from="first-dose", day=1, window=[None, 1], schedule="other"))
        assert found(early, *DOSED, cd4(-100, 5)) == 5
        assert found(early, *DOSED, cd4(8, 5)) is None
        late = study_of(visit(days_from="first-dose", window=[8, None], schedule="other"))
        assert found(late, *DOSED, cd4(400, 5)) == 5
        assert found(late, *DOSED, cd4(13, 5)) is None

    def test_a_visit_without_an_end_is_due_once_all_is_over(self):
        study = study_of(visit(days_from="first-dose", window=[8, None], schedule="other"))
        open_ended = study.visits["visit"]
        assert derive(*DOSED, contact(500), study=study).due(open_ended) is False
        assert derive(*DOSED, disposition(20), study=study).due(open_ended) is True


class TestChoose:
    RESULTS = (cd4(8, 300), cd4(11, 100), cd4(12, 500), cd4(14, 200))

    @pytest.mark.parametrize(
        ("choose", "expected"),
        [("closest", 100), ("first", 300), ("last", 200), ("highest", 500), ("lowest", 100)],
    )
    def test_of_several_results_one_is_taken(self, choose, expected):
        study = study_of(visit(choose=choose, schedule="other"))
        assert found(study, *DOSED, *self.RESULTS, cd4(15, 1000), cd4(7, 1)) == expected

    def test_the_closest_is_the_later_on_a_tie(self):
        study = study_of(visit(schedule="other"))
        assert found(study, *DOSED, cd4(9, 1), cd4(11, 2)) == 2


class TestWithoutWindow:
    STUDY = study_of({"id": "visit", "label": "Visit", "choose": "first"})

    @staticmethod
    def seen(study_day: int, result: int, name: str = "visit") -> Any:
        item = {"parameter": "cd4", "result": str(result)}
        return entry("visit.recorded", record=f"V{study_day}", visit=name, date=day(study_day),
                     measurements=[item])  # fmt: skip

    def test_it_is_known_by_the_name_that_it_is_recorded_under(self):
        assert found(self.STUDY, enrolment(), self.seen(300, 5), self.seen(1, 9, "day-0")) == 5

    def test_a_result_of_a_laboratory_is_of_the_visit_that_it_names(self):
        assert found(self.STUDY, enrolment(), cd4(10, 5)) is None
        assert found(self.STUDY, enrolment(), cd4(10, 5, visit="visit")) == 5
        assert found(self.STUDY, enrolment(), cd4(10, 5, visit="day-14")) is None

    def test_a_name_is_not_asked_for_where_there_is_a_window(self):
        study = study_of(visit(schedule="other"))
        assert found(study, enrolment(), cd4(30, 5, visit="visit")) is None
        assert found(study, enrolment(), cd4(10, 5, visit="week-5")) == 5

    def test_a_result_that_names_it_makes_it_due(self):
        visit_ = self.STUDY.visits["visit"]
        result_at_visit = viral_load(3, 9, visit="visit")
        assert derive(enrolment(), viral_load(3, 9), study=self.STUDY).due(visit_) is False
        assert derive(enrolment(), result_at_visit, study=self.STUDY).due(visit_) is True

    def test_a_result_names_a_visit_of_the_study(self):
        with pytest.raises(Rejected) as caught:
            check_acceptable(self.STUDY, cd4(3, 9, visit="vist"))
        (fault,) = caught.value.faults
        assert fault.pointer == "/data/visit"
        assert "Did you mean visit?" in fault.detail

    def test_it_needs_no_enrolment(self):
        assert found(self.STUDY, self.seen(3, 5)) == 5

    def test_it_chooses_too(self):
        assert found(self.STUDY, self.seen(9, 1), self.seen(3, 5)) == 5

    def test_it_is_due_once_it_was_missed_or_all_is_over(self):
        missed = entry("visit.missed", visit="visit", reason="forgot")
        visit_ = self.STUDY.visits["visit"]
        assert derive(enrolment(), contact(90), study=self.STUDY).due(visit_) is False
        assert derive(enrolment(), missed, study=self.STUDY).due(visit_) is True
        assert derive(enrolment(), disposition(9), study=self.STUDY).due(visit_) is True


class TestNamedWithADay:
    """A visit without a window may have a planned day: for charts, for what is closest to it."""

    @staticmethod
    def named(**changes: Any) -> dict[str, Any]:
        return {"id": "visit", "label": "Visit", "day": 10, "schedule": "own"} | changes

    RESULTS = (cd4(4, 1, visit="visit"), cd4(9, 2, visit="visit"), cd4(11, 3, visit="visit"))

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({}, 3),  # of two equally close ones the later
            ({"tie": "earlier"}, 2),
            ({"tie": "mean"}, 25 * 10**11),
            ({"choose": "first"}, 1),
            ({"day": 5}, 1),
            ({"days_from": "first-dose", "day": 1}, 2),  # the dose is on protocol day 7
        ],
        ids=str,
    )
    def test_of_several_results_the_closest_to_its_day_is_taken(self, changes, expected):
        study = study_of(self.named(**changes))
        assert found(study, *DOSED, *self.RESULTS, cd4(10, 9)) == expected

    def test_while_days_cannot_count_all_are_equally_close(self):
        study = study_of(self.named(days_from="first-dose"))
        assert found(study, enrolment(), *self.RESULTS) == 3

    def test_several_results_are_undecided_unless_the_definition_chooses(self):
        study = study_of(self.named())
        assert [
            choice.records for choice in derive(*DOSED, *self.RESULTS, study=study).undecided
        ] == [("CD4-4", "CD4-9", "CD4-11")]
        study = study_of(self.named(choose="closest"))
        assert derive(*DOSED, *self.RESULTS, study=study).undecided == []

    def test_no_result_carries_itself_beyond_the_visit_that_follows(self):
        visits = [self.named(), self.named(id="next", day=20), self.named(id="third", day=30)]
        carried = {"parameter": "cd4", "at": "next", "missing": "locf-visit"}
        study = study_of(*reversed(visits), new=carried)
        first, third = cd4(12, 5, visit="visit"), cd4(31, 7, visit="third")
        between = cd4(20, 6)
        assert found(study, *DOSED, first, between, third, disposition(40)) == 5
        last = study_of(*visits, new=carried | {"missing": "locf"})
        assert found(last, *DOSED, first, between, third, disposition(40)) == 6
        assert found(last, *DOSED, third, disposition(40)) is None

    def test_visits_of_one_day_come_in_the_order_of_the_definition(self):
        visits = [self.named(), self.named(id="after"), self.named(id="before", day=9)]
        study = study_of(*visits)
        derivation = derive(*DOSED, study=study)
        assert [visit_.id for visit_ in derivation.before(study.visits["after"])] == [
            "before",
            "visit",
        ]

    def test_charts_place_it_at_its_day(self):
        visits = [self.named(), self.named(id="next", day=20)]
        row = {"id": "row", "label": "Row", "summary": {"parameter": "cd4"},
               "visits": ["visit", "next"], "statistics": ["n", "mean"]}  # fmt: skip
        study = parallel(
            [row],
            [TOTAL],
            visits=[*TINY["visits"], *visits],
            figures=[{"id": "f", "title": "F", "population": "P", "kind": "mean",
                      "source": {"table": "t", "row": "row"}, "x_label": "x", "y_label": "y"}],
        )  # fmt: skip
        entries = [*DOSED, randomised("a"), *self.RESULTS, cd4(90, 8, visit="next")]
        (figure,) = figures.figures(study, sums_of(study, subjects(entries)))
        assert [(mark.x, mark.y) for mark in figure.series[0].marks] == [("10", "3"), ("20", "8")]

    def test_it_took_place_where_a_result_names_it(self):
        study = study_of(self.named(day=90))
        ended = disposition(95, "completed")
        rule = "completed-without-last-visit"
        assert rule in rules_of(study, *DOSED, ended)
        assert rule not in rules_of(study, *DOSED, ended, cd4(80, 5, visit="visit"))


class TestSchedules:
    def test_windows_of_different_schedules_may_overlap(self):
        study = study_of(visit(schedule="other"))
        assert found(study, enrolment(), cd4(12, 5)) == 5
        assert measured("new", enrolment(), cd4(12, 5), study=tiny(measures=TINY["measures"] | {
            "new": {"parameter": "cd4", "at": "day-14"}})) == 5  # fmt: skip

    @pytest.mark.parametrize(
        "changed",
        [
            visit(),
            visit(window=[43, None], day=50, days_from="first-dose"),
            visit(day=None),
            visit(window=None, limit="before-first-dose", schedule="other"),
            visit(window=None, day=0, days_from="first-dose", schedule="other"),
            visit(window=None, days_from="first-dose"),
            visit(window=[0, 20], days_from="first-dose", schedule="other"),
            visit(day=7, schedule="other"),
            {**visit(window=[43, 60], day=50), "id": "day-0"},
        ],
        ids=[
            "overlap",
            "days",
            "no day",
            "limit",
            "named day 0",
            "named days",
            "day 0",
            "day outside",
            "twice",
        ],
    )
    def test_what_cannot_be_told_apart_is_refused(self, changed):
        with pytest.raises(Rejected) as caught:
            study_of(changed)
        (fault,) = caught.value.faults
        assert fault.pointer in ("/visits", "/visits/4")

    def test_the_last_visit_carried_forward_is_of_the_same_schedule(self):
        carried = AT_VISIT | {"missing": "locf-visit"}
        late = visit(day=100, window=[90, 110])
        study = study_of(late, new=carried)
        entries = [*DOSED, cd4(14, 3), cd4(35, 7), contact(120)]
        assert found(study, *entries) == 7
        other_schedule = study_of({**late, "schedule": "other"}, new=carried)
        assert found(other_schedule, *entries) is None


class TestCarriedForward:
    @staticmethod
    def study(**measure: Any) -> Study:
        return study_of(new={"parameter": "cd4", "at": "week-5"} | measure)

    def test_the_last_visit_with_a_value_stands_in_and_not_what_lies_between_visits(self):
        entries = [*DOSED, cd4(14, 3), cd4(20, 9), contact(50)]
        assert found(self.study(missing="locf-visit"), *entries) == 3
        assert found(self.study(missing="locf"), *entries) == 9

    def test_it_stands_in_only_once_the_visit_is_due(self):
        entries = [*DOSED, cd4(14, 3)]
        assert found(self.study(missing="locf-visit"), *entries, contact(42)) is None
        assert found(self.study(missing="locf-visit"), *entries, contact(43)) == 3

    def test_what_came_before_the_first_dose_is_no_visit_to_carry(self):
        entries = [*DOSED, cd4(0, 3), contact(50)]
        assert found(self.study(missing="locf-visit"), *entries) is None
        changed = self.study(missing="locf-visit", change_from="baseline")
        assert found(changed, *entries) == 0  # then the baseline itself stands in

    def test_it_says_so(self):
        row = {"summary": {"parameter": "cd4", "at": "week-5", "missing": "locf-visit"}}
        entries = [*DOSED, randomised("a"), cd4(14, 3), contact(50)]
        (row_cell, *_) = table_of(entries, row).rows[0].cells
        assert row_cell.method == "LOCF"
        assert [(statistic.name, statistic.raw) for statistic in row_cell.statistics][-2:] == [
            ("observed", 0), ("imputed", 1),
        ]  # fmt: skip


class TestAfterFirstDose:
    @pytest.mark.parametrize(
        ("extreme", "expected"), [("first", 20), ("last", 30), ("highest", 90), ("lowest", 5)]
    )
    def test_the_extreme_of_what_was_taken_after_the_first_dose(self, extreme, expected):
        study = study_of(new={"parameter": "cd4", "after_first_dose": extreme})
        results = [cd4(0, 999), cd4(7, 1), cd4(8, 20), cd4(9, 90), cd4(10, 5), cd4(11, 30)]
        assert found(study, *DOSED, *results) == expected
        assert found(study, enrolment(), *results) is None

    def test_what_came_after_discontinuation_counts_only_where_the_study_says_so(self):
        entries = [*DOSED, cd4(8, 20), cd4(30, 90), disposition(20)]
        highest = {"parameter": "cd4", "after_first_dose": "highest"}
        study = study_of(new=highest)
        assert found(study, *entries) == 20
        whole = tiny(measures={**TINY["measures"], "new": highest},
                     samples_after_discontinuation=True)  # fmt: skip
        assert found(whole, *entries) == 90


class TestAtVisits:
    """An extreme of the results of some visits: by the name they were recorded under, or by day."""

    NAMED = {"id": "named", "label": "Named", "schedule": "other"}  # noqa: RUF012
    RESULTS = (
        cd4(8, 20, visit="named"),
        cd4(9, 90),
        cd4(14, 50, record="A"),
        cd4(16, 40, record="B"),
        cd4(30, 5, visit="named"),
    )

    def study(self, *visits: str, choice: str = "highest") -> Study:
        measure = {"parameter": "cd4", "after_first_dose": choice, "at_visits": [*visits]}
        return study_of(self.NAMED, new=measure)

    @pytest.mark.parametrize(
        ("visits", "highest", "lowest", "last"),
        [
            (["named"], 20, 5, 5),
            (["day-14"], 50, 40, 40),
            (["day-14", "named"], 50, 5, 5),
            (["week-5"], 5, 5, 5),
        ],
    )
    def test_only_their_results_are_looked_at(self, visits, highest, lowest, last):
        for choice, expected in (("highest", highest), ("lowest", lowest), ("last", last)):
            study = self.study(*visits, choice=choice)
            assert found(study, *DOSED, *self.RESULTS) == expected

    def test_before_the_first_dose_none_counts_and_without_a_result_there_is_none(self):
        assert found(self.study("named"), *DOSED, cd4(6, 99, visit="named")) is None
        assert found(self.study("named"), enrolment(), *self.RESULTS) is None
        assert found(self.study("named"), *DOSED, cd4(9, 90)) is None

    def test_it_is_due_once_all_visits_are(self):
        study = self.study("day-14", "named")
        measure = report.compiled(study).rules.measure("new", "")
        entries = [*DOSED, contact(50)]
        assert measure.due(derive(*entries, study=study)) is False
        missed = entry("visit.missed", visit="named", record="M", reason="Ill")
        assert measure.due(derive(*entries, missed, study=study)) is True
        assert measure.due(derive(*DOSED, disposition(20), study=study)) is True

    def test_what_a_limit_keeps_out_counts_no_more_than_at_the_visit(self):
        late = [*DOSED, entry("regimen.started", date=day(13), regimen="r"), *self.RESULTS]
        assert found(self.study("day-14"), *late) is None

    @pytest.mark.parametrize(
        ("change", "pointer", "detail"),
        [
            ({"at_visits": ["nowhere"]}, "/measures/new/at_visits/0", "is not a visit"),
            ({"at_visits": []}, "/measures/new/at_visits", "at least 1"),
            ({"at_visits": ["day-14", "day-14"]}, "/measures/new/at_visits", "more than once"),
            ({"after_first_dose": None, "at": "day-14"}, "/measures/new", "needs"),
            ({"tie": "later"}, "/measures/new", "needs `after_first_dose: farthest or"),
        ],
    )
    def test_a_bad_one_is_refused(self, change, pointer, detail):
        measure = {"parameter": "cd4", "after_first_dose": "last", "at_visits": ["day-14"]} | change
        with pytest.raises(Rejected) as caught:
            checking.check_definition(study_of(new=measure))
        (fault,) = caught.value.faults
        assert fault.pointer == pointer
        assert detail in fault.detail


class TestFarthest:
    """From 0, to either side."""

    def study(self, **measure: Any) -> Study:
        signed = {"label": "Signed", "unit": "u", "formula": "cd4 - 50", "decimals": 0}
        farthest = {"parameter": "signed", "after_first_dose": "farthest"} | measure
        return tiny(
            parameters=TINY["parameters"] | {"signed": signed},
            measures=TINY["measures"] | {"new": farthest},
        )

    @pytest.mark.parametrize(
        ("results", "expected"), [((50,), 0), ((40, 55), -10), ((40, 65), 15), ((99, 49), 49)]
    )
    def test_it_may_lie_to_either_side(self, results, expected):
        entries = [cd4(8 + i, result) for i, result in enumerate(results)]
        assert found(self.study(), *DOSED, *entries) == expected * 10**12
        assert found(self.study(), *DOSED) is None

    def test_of_two_that_are_equally_far_the_earlier_or_as_the_definition_says(self):
        entries = [cd4(8, 40), cd4(9, 60), cd4(10, 45)]
        for tie, expected in (({}, -10), ({"tie": "earlier"}, -10), ({"tie": "later"}, 10)):
            for order in (entries, entries[::-1]):
                assert found(self.study(**tie), *DOSED, *order) == expected * 10**12

    def test_the_most_abnormal_takes_a_tie_too(self):
        low, high = (
            cd4(study_day, value, range_low=40, range_high=60)
            for study_day, value in ((9, 34), (10, 66))
        )
        for tie, expected in (("earlier", 34), ("later", 66)):
            measure = TestMostAbnormal.ABNORMAL | {"tie": tie}
            assert found(study_of(new=measure), *DOSED, high, low) == expected

    def test_which_of_equals_it_is_is_undecided_where_no_time_tells(self):
        plain = [
            entry("lab.result.reported", record=name, parameter="cd4", collected=day(9),
                  unit="cells/uL", result=result)
            for name, result in (("A", "34"), ("B", "66"))
        ]  # fmt: skip
        study = self.study()
        choice = study_of(new={"parameter": "cd4", "after_first_dose": "farthest"})
        assert [
            undecided_choice.records
            for undecided_choice in derive(*DOSED, *plain, study=study).undecided
        ] == [("A", "B")]
        assert derive(*DOSED, *plain, study=choice).undecided == []
        limits = {"range_low": 40, "range_high": 60}
        abnormal = study_of(new=TestMostAbnormal.ABNORMAL | {"tie": "later"})
        ranged = [replace(event, data={**event.data, **limits}) for event in plain]
        assert [
            undecided_choice.records
            for undecided_choice in derive(*DOSED, *ranged, study=abnormal).undecided
        ] == [("A", "B")]

    def test_methods_say_it(self):
        study = self.study(at_visits=["day-14", "week-5"])
        assert Wording(study.definition).measure("new") == (
            "Signed (u) at the result farthest from 0 after the first dose, of those of Day 14 or"
            " Week 5; of results that lie equally far the earlier counts"
        )


class TestOnTreatment:
    """After the first dose, and not more than some days after the last."""

    @staticmethod
    def study(choice: str, until: int = 5) -> Study:
        measure = {"parameter": "cd4", "after_first_dose": choice, "days_after_last_dose": until}
        return study_of(new=measure)

    RESULTS = (cd4(0, 900), cd4(8, 20), cd4(20, 30), cd4(25, 5), cd4(26, 99))

    @pytest.mark.parametrize(
        ("choice", "expected"), [("first", 20), ("last", 5), ("highest", 30), ("lowest", 5)]
    )
    def test_the_window_ends_some_days_after_the_last_dose(self, choice, expected):
        entries = [*DOSED, dose(20), *self.RESULTS]
        assert found(self.study(choice), *entries) == expected

    def test_a_later_dose_opens_it_again(self):
        entries = [*DOSED, dose(20), *self.RESULTS]
        assert found(self.study("last", 0), *entries) == 30
        assert found(self.study("last", 0), *entries, dose(26)) == 99
        assert found(self.study("last"), enrolment(), *self.RESULTS) is None

    def test_which_is_the_last_is_undecided_only_among_those_in_the_window(self):
        late = [
            entry("lab.result.reported", record=name, parameter="cd4", collected=day(study_day),
                  unit="cells/uL", result=result)
            for name, study_day, result in (("A", 26, "1"), ("B", 26, "2"))
        ]  # fmt: skip
        entries = [*DOSED, dose(20), cd4(20, 3), *late]
        assert derive(*entries, study=self.study("last")).undecided == []
        assert [
            choice.records for choice in derive(*entries, study=self.study("last", 6)).undecided
        ] == [("A", "B")]

    def test_a_visit_may_count_from_the_last_dose(self):
        study = study_of(visit(days_from="last-dose", schedule="other"))
        ended = entry(
            "disposition.recorded", record="T", of="treatment", status="completed", date=day(20)
        )
        entries = [*DOSED, dose(20), cd4(17, 1), cd4(28, 2), cd4(30, 3), cd4(35, 4)]
        visit_ = study.visits["visit"]
        assert found(study, *entries) is None  # another dose may follow
        assert derive(*entries, study=study).due(visit_) is False
        assert found(study, *entries, ended) == 3
        assert derive(*entries, ended, study=study).due(visit_) is True
        # A dose after treatment ended is the last one, and so treatment did not end then.
        assert found(study, *entries, ended, dose(21)) is None
        assert found(study, *entries, dose(21), disposition(40)) == 3

    def test_its_day_0_is_that_of_the_last_dose(self):
        study = study_of(visit(days_from="last-dose", day=0, window=[0, 0], schedule="other"))
        entries = [*DOSED, disposition(30), cd4(6, 1), cd4(7, 2), cd4(8, 3)]
        assert found(study, *entries) == 2


class TestMostAbnormal:
    ABNORMAL = {"after_first_dose": "most-abnormal", "parameter": "cd4"}  # noqa: RUF012

    def study(self, **abnormal: Any) -> Study:
        cd4_rule = TINY["parameters"]["cd4"] | ({"abnormal": abnormal} if abnormal else {})
        return tiny(
            parameters=TINY["parameters"] | {"cd4": cd4_rule},
            measures=TINY["measures"] | {"new": self.ABNORMAL},
        )

    def test_the_one_farthest_beyond_its_range_counts(self):
        within = cd4(8, 50, range_low=40, range_high=60)
        low, high = (
            cd4(study_day, value, range_low=40, range_high=60)
            for study_day, value in ((9, 35), (10, 66))
        )
        assert found(self.study(), *DOSED, within, low, high) == 66
        assert found(self.study(below=2), *DOSED, within, low, high) == 35
        assert found(self.study(), *DOSED, within, cd4(9, 45, range_low=40, range_high=60)) == 45

    def test_of_equally_abnormal_ones_the_earliest(self):
        low, high = (
            cd4(study_day, value, range_low=40, range_high=60)
            for study_day, value in ((9, 34), (10, 66))
        )
        assert found(self.study(), *DOSED, high, low) == 34

    def test_one_limit_suffices_and_without_any_none_can_be_compared(self):
        assert found(self.study(), *DOSED, cd4(8, 999), cd4(9, 50, range_low=60)) == 50
        assert found(self.study(), *DOSED, cd4(8, 999)) is None

    def test_a_derived_parameter_has_no_range(self):
        with pytest.raises(Rejected) as caught:
            checking.check_definition(
                study_of(new=self.ABNORMAL | {"parameter": "viral-load-log10"})
            )
        (fault,) = caught.value.faults
        assert fault.pointer == "/measures/new/after_first_dose"


class TestPreviousVisit:
    def study(self, **measure: Any) -> Study:
        return study_of(
            new={"parameter": "cd4", "at": "week-5", "change_from": "previous-visit"} | measure
        )

    def test_a_change_is_from_the_visit_before_that_has_a_result(self):
        entries = [enrolment(), cd4(0, 10), cd4(14, 25), cd4(20, 99), cd4(35, 70)]
        assert found(self.study(), *entries) == 45
        assert found(self.study(), *entries[:2], entries[-1]) == 60
        assert found(self.study(), entries[0], entries[-1]) is None
        assert found(self.study(at="day-14"), *entries) == 15
        assert found(self.study(change_from=None, decrease_from="previous-visit"), *entries) == -45

    def test_what_stands_in_is_compared_with_the_visit_before_too(self):
        entries = [*DOSED, cd4(8, 10), cd4(14, 25), cd4(20, 99), contact(60)]
        assert found(self.study(missing="locf"), *entries) == 74
        assert found(self.study(missing="locf-visit"), *entries) == 0

    @pytest.mark.parametrize(
        "change",
        [{"at": "baseline"}, {"at": None, "after_first_dose": "last"}, {"missing": "bocf"}],
        ids=str,
    )
    def test_it_needs_a_visit_and_is_no_baseline(self, change):
        measure = {"parameter": "cd4", "at": "week-5", "change_from": "previous-visit"} | change
        new = {name: part for name, part in measure.items() if part is not None}
        with pytest.raises(Rejected) as caught:
            checking.check_definition(study_of(new=new))
        assert [fault.pointer for fault in caught.value.faults] == ["/measures/new"]

    def test_a_row_by_visit_shows_each_change(self):
        row = {"id": "row", "label": "Row", "visits": ["day-14", "week-5"], "statistics": ["mean"],
               "summary": {"parameter": "cd4", "change_from": "previous-visit"}}  # fmt: skip
        entries = [enrolment(), randomised("a"), cd4(0, 10), cd4(14, 25), cd4(35, 70)]
        grid = tables_of(parallel([row], [TOTAL]), entries)["t"]
        assert [row.cells[0].get("mean").text for row in grid.rows[1:]] == ["15.0", "45.0"]


class TestPercentChange:
    STUDY = study_of(new={"parameter": "cd4", "at": "week-5", "percent_change_from": "baseline"})

    def test_it_is_of_the_baseline_to_twelve_places(self):
        assert found(self.STUDY, *DOSED, cd4(0, 300), cd4(35, 200)) == -33_333_333_333_333
        assert found(self.STUDY, *DOSED, cd4(0, 200), cd4(35, 300)) == 50 * 10**12

    def test_of_a_baseline_of_0_there_is_none(self):
        assert found(self.STUDY, *DOSED, cd4(0, 0), cd4(35, 200)) is None

    def test_it_is_shown_in_percent_with_one_decimal(self):
        row = {"summary": {"parameter": "cd4", "at": "week-5", "percent_change_from": "baseline"}}
        entries = [*DOSED, randomised("a"), cd4(0, 300), cd4(35, 200)]
        (row_cell, *_) = table_of(entries, row).rows[0].cells
        assert row_cell.get("mean").text == "-33.33"
        assert row_cell.get("min").text == "-33.3"


class TestUpperLimits:
    PARAMETERS = TINY["parameters"] | {
        "cd4-uln": {"label": "CD4", "unit": "times the limit", "upper_limits_of": "cd4",
                    "places": 3, "order_places": 2, "decimals": 2},
    }  # fmt: skip
    STUDY = tiny(
        parameters=PARAMETERS,
        measures=TINY["measures"]
        | {"new": {"parameter": "cd4-uln", "after_first_dose": "highest"}},
    )

    def test_a_result_counts_as_multiples_of_its_own_upper_limit(self):
        entries = [*DOSED, cd4(8, 100, range_high=40), cd4(9, 110, range_high=55)]
        assert found(self.STUDY, *entries) == 2500

    def test_it_is_quantised_half_up(self):
        assert found(self.STUDY, *DOSED, cd4(8, 2, range_high=3)) == 667

    @pytest.mark.parametrize("limits", [{}, {"range_high": 0}])
    def test_without_a_limit_there_is_none(self, limits):
        assert found(self.STUDY, *DOSED, cd4(8, 100, **limits)) is None

    @pytest.mark.parametrize("parameter", ["cd4-uln", "viral-load-log10", "cd8"])
    def test_it_is_of_a_parameter_that_is_reported(self, parameter):
        parameters = self.PARAMETERS | {
            "cd4-uln": {"label": "x", "unit": "x", "upper_limits_of": parameter}
        }
        with pytest.raises(Rejected) as caught:
            checking.check_definition(tiny(parameters=parameters))
        pointers = [fault.pointer for fault in caught.value.faults]
        assert pointers == ["/parameters/cd4-uln/upper_limits_of"]


class TestLowerLimits:
    """The limits of what a visit measured count as those of a laboratory's result."""

    STUDY = tiny(
        parameters=TINY["parameters"]
        | {
            name: {"label": "W", "unit": "x", f"{name}_limits_of": "weight", "places": 4}
            for name in ("lower", "upper")
        },
        measures=TINY["measures"]
        | {name: {"parameter": name, "at": "day-0"} for name in ("lower", "upper")},
    )

    @staticmethod
    def weighed(result: str, **limits: Any) -> Any:
        item = {"parameter": "weight", "result": result} | limits
        return entry("visit.recorded", visit="day-0", date=day(0), measurements=[item])

    def multiples(self, *entries: Any) -> list[int | None]:
        return [measured(name, *entries, study=self.STUDY) for name in ("lower", "upper")]

    def test_a_result_counts_as_multiples_of_its_own_limits(self):
        weight = self.weighed("60.0", range_low=50, range_high=90)
        assert self.multiples(enrolment(), weight) == [12_000, 6_667]

    def test_without_a_limit_above_0_there_is_none(self):
        assert self.multiples(enrolment(), self.weighed("60.0")) == [None, None]
        weight = self.weighed("60.0", range_low=0, range_high=120)
        assert self.multiples(enrolment(), weight) == [None, 5_000]

    def test_a_range_that_is_none_is_a_discrepancy(self):
        assert "reference-range" in rules_of(
            self.STUDY, enrolment(), self.weighed("60.0", range_low=90, range_high=50)
        )
        assert "reference-range" not in rules_of(
            self.STUDY, enrolment(), self.weighed("60.0", range_low=50, range_high=90)
        )

    def test_a_range_does_not_make_two_measurements_of_one(self):
        repeat = entry(
            "visit.recorded", record="AGAIN", visit="day-0", date=day(0),
            measurements=[{"parameter": "weight", "result": "61.0", "range_low": 40}],
        )  # fmt: skip
        assert "visit-twice" in rules_of(self.STUDY, enrolment(), self.weighed("60.0"), repeat)


class TestAssessed:
    STUDY = parallel(conditions={"new": {"measure": {"parameter": "cd4", "at": "week-5"},
                                         "assessed": True}})  # fmt: skip

    def test_it_asks_only_whether_there_is_a_value(self):
        assert truth("new", *DOSED, cd4(35, 0), study=self.STUDY) is True
        beyond = viral_load(43, 5)
        assert truth("new", *DOSED, viral_load(35, 5), beyond, study=self.STUDY) is False

    def test_until_the_visit_is_due_it_is_unknown(self):
        assert truth("new", enrolment(), study=self.STUDY) is None
        assert truth("new", *DOSED, viral_load(35, 5), study=self.STUDY) is None

    def test_a_condition_asks_for_bounds_or_for_this(self):
        with pytest.raises(Rejected):
            parallel(conditions={"new": {"measure": "age", "assessed": False}})


@pytest.mark.parametrize(
    "measure",
    [
        {"parameter": "cd4"},
        {"parameter": "cd4", "at": "week-5", "after_first_dose": "last"},
        {
            "parameter": "cd4",
            "at": "week-5",
            "change_from": "baseline",
            "decrease_from": "baseline",
        },
        {"parameter": "cd4", "at": "week-5", "missing": "bocf"},
        {"characteristic": "age", "at": "week-5"},
        {"characteristic": "age", "where": {"position": "SITTING"}},
        {"characteristic": "age", "parameter": "cd4"},
        {"records": "subject.lost"},
        {"by_arm": {}},
    ],
    ids=str,
)
def test_a_measure_of_no_one_form_is_refused(measure):
    with pytest.raises(Rejected) as caught:
        checking.check_definition(tiny(measures=TINY["measures"] | {"new": measure}))
    (fault,) = caught.value.faults
    assert fault.pointer in {"/measures/new", "/measures/new/by_arm", "/measures/new/records"}


class TestRowsOfVisits:
    AT_DAY_0 = {"parameter": "viral-load", "at": "day-0"}  # noqa: RUF012
    OPEN = {"parameter": "viral-load"}  # noqa: RUF012
    BY = {"id": "row", "label": "Row", "visits": ["day-7", "day-14"], "statistics": ["n", "mean"]}  # noqa: RUF012

    def test_a_visit_is_filled_in_only_where_a_measure_names_none(self):
        columns = [TOTAL, {**TOTAL, "id": "start"}]
        row = self.BY | {"summary": {"total": self.OPEN, "start": self.AT_DAY_0}}
        entries = [
            enrolment(),
            randomised("a"),
            dose(7),
            *(viral_load(study_day, 100 + study_day) for study_day in (0, 7, 14)),
        ]
        grid = tables_of(parallel([row], columns), entries)["t"]
        means = {row.id: [cell.get("mean").text for cell in row.cells] for row in grid.rows[1:]}
        assert means == {"row/day-7": ["107.0", "100.0"], "row/day-14": ["114.0", "100.0"]}

    @pytest.mark.parametrize("measure", [AT_DAY_0, {"total": AT_DAY_0}, "age", "baseline-copies"])
    def test_a_row_that_is_the_same_at_every_visit_is_refused(self, measure):
        with pytest.raises(Rejected) as caught:
            checking.check_definition(parallel([self.BY | {"summary": measure}], (TOTAL,)))
        (fault,) = caught.value.faults
        assert fault.pointer == "/tables/0/rows/0/summary"
        assert "same at every visit" in fault.detail


def test_a_result_in_a_unit_that_an_amendment_took_away_has_no_value():
    new = {"parameter": "viral-load", "at": "day-0"}
    assert found(study_of(new=new), enrolment(), viral_load(0, 9, unit="kcopies/mL")) == 9000
    assert found(study_of(new=new), enrolment(), viral_load(0, 9, unit="IU/mL")) is None
