"""What a definition demands of an event: a function of the two, and of nothing before it."""

import json
from typing import Any

import builders
import pytest
from builders import (
    adverse_event,
    disposition,
    dose,
    enrolment,
    entry,
    event,
    read,
    tiny,
    viral_load,
)

from trial.definition import study as studies
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.events.payloads import ERASURE, KINDS
from trial.subject.acceptance import check_acceptable
from trial.subject.fold import fold

EXPECTED = json.loads((builders.TMB301 / "wrong.expected.json").read_text(encoding="utf-8"))
WRONG = (builders.TMB301 / "wrong.ndjson").read_text(encoding="utf-8").splitlines()


def faults(entry: Entry, study: studies.Study | None = None) -> list[str]:
    """Say which fields are at fault; none where the event is accepted."""
    try:
        check_acceptable(study or tiny(), entry)
    except Rejected as rejected:
        return [f"{'' if rejected.status == 422 else rejected.status}{fault.pointer}"
                for fault in rejected.faults]  # fmt: skip
    return []


class TestTmb301:
    def test_the_whole_feed_is_accepted(self):
        study = builders.tmb301()
        assert [item.event_id for item in builders.feed() if faults(item, study)] == []
        assert len(builders.feed()) == 2226

    @pytest.mark.parametrize("expected", EXPECTED, ids=lambda item: item["what"])
    def test_every_wrong_line_is_answered_as_expected(self, expected):
        status, pointers, detail = self.answer(WRONG[expected["line"] - 1])
        assert status == expected["status"]
        if "pointer" in expected:
            assert pointers == [expected["pointer"]]
        if "place" in expected:
            assert detail.endswith(expected["place"])

    @staticmethod
    def answer(line: str) -> tuple[int, list[str], str]:
        study = builders.tmb301()
        try:
            refused = read(line, "TMB-301")
            check_acceptable(study, refused)
        except Rejected as rejected:
            return rejected.status, [fault.pointer for fault in rejected.faults], rejected.detail
        (subject,) = builders.subjects(
            item for item in builders.feed() if item.subject == refused.subject
        )
        return fold(subject, refused)[1].value, [], ""

    def test_only_the_last_line_is_wrong_for_what_came_before(self):
        study = builders.tmb301()
        assert [EXPECTED[i]["status"] for i, line in enumerate(WRONG) if self.taken(study, line)]
        assert [i + 1 for i, line in enumerate(WRONG) if self.taken(study, line)] == [23]

    @staticmethod
    def taken(study: studies.Study, line: str) -> bool:
        try:
            check_acceptable(study, read(line, "TMB-301"))
        except Rejected:
            return False
        return True

    def test_what_came_before_does_not_matter(self):
        study = builders.tmb301()
        lines = [*builders.feed_lines()[:200], *WRONG]
        alone = [self.taken(builders.tmb301(), line) for line in lines]
        assert [self.taken(study, line) for line in reversed(lines)] == alone[::-1]
        assert sum(not item for item in alone) == 22


class TestDates:
    @pytest.mark.parametrize("date", ["2014-12-31", "2017-01-01", "1915-06-01", "2051-06-01"])
    def test_a_date_outside_the_calendar_is_refused(self, date):
        value = event("subject.enrolled", date=date, site="1") | {"time": "2060-01-01T00:00:00Z"}
        assert faults(read(value)) == ["/data/date"]

    @pytest.mark.parametrize(
        ("date", "accepted"),
        [("2014-12-31", False), ("2015-01-01", True), ("2016-12-31", True), ("2017-01-01", False)],
    )
    def test_the_calendar_has_its_first_and_its_last_day(self, date, accepted):
        event = builders.event("consent.recorded", date=date) | {"time": "2017-06-01T12:00:00Z"}
        assert faults(builders.read(event)) == ([] if accepted else ["/data/date"])

    @pytest.mark.parametrize("onset", ["2014", "2014-12", "2017", "2017-01"])
    def test_a_partial_date_wholly_outside_the_calendar_is_refused(self, onset):
        value = event("adverse-event.reported", term="a", serious=False, onset=onset)
        assert faults(read(value | {"time": "2060-01-01T00:00:00Z"})) == ["/data/onset"]

    @pytest.mark.parametrize("onset", ["2015", "2015-01", "2016-12", "2016"])
    def test_a_partial_date_that_can_lie_in_the_calendar_is_taken(self, onset):
        assert faults(adverse_event(onset)) == []

    def test_a_site_may_be_a_day_ahead_of_the_sender_s_clock_and_no_more(self):
        def screened(date: str) -> Entry:
            value = event("subject.screened", date=date) | {"time": "2015-09-20T23:59:59Z"}
            return read(value)

        assert faults(screened("2015-09-21")) == []
        assert faults(screened("2015-09-22")) == ["/data/date"]

    @pytest.mark.parametrize("onset", ["9999", "9999-12"])
    def test_a_year_that_stands_for_unknown_is_refused(self, onset):
        assert faults(adverse_event(onset)) == ["/data/onset"]

    @pytest.mark.parametrize(
        ("onset", "end", "refused"),
        [
            ("2015-07-01", "2015-06-30", True),
            ("2015-07-01", "2015-07-01", False),
            ("2015-07-01", "2015-06", True),
            ("2015-07-01", "2015-07", False),
            ("2015-07-01", "2015", False),
            ("2016", "2015-12-31", True),
            ("2015-07", "2015-07-01", False),
        ],
    )
    def test_an_end_that_must_lie_before_its_start_is_refused(self, onset, end, refused):
        assert faults(adverse_event(onset, end=end)) == (["/data/end"] if refused else [])

    def test_times_of_one_day_are_compared_only_where_both_have_one(self):
        text = "2015-06-08T11:00"
        assert faults(dose(start=text, end="2015-06-08T10:59")) == ["/data/end"]
        assert faults(dose(start=text, end="2015-06-08")) == []
        assert faults(dose(start="2015-06-08", end="2015-06-08T00:01")) == []

    def test_a_result_is_not_reported_before_its_sample_was_taken(self):
        assert faults(viral_load(7, 100, reported="2015-06-07")) == ["/data/reported"]
        assert faults(viral_load(7, 100, reported="2015-06-08")) == []

    def test_medication_begun_years_before_the_study_is_taken(self):
        result = entry("conmed.recorded", drug="co-trimoxazole", start="2009-05")
        assert faults(result, builders.tmb301()) == []


class TestResults:
    @pytest.mark.parametrize(
        "result", ["100", "<20", "< 20", "<=20", ">10000000", ">= 7", " 12.0 ", "0", "1000000000"]
    )
    def test_a_number_with_or_without_an_operator_is_a_result(self, result):
        assert faults(viral_load(0, result)) == []

    @pytest.mark.parametrize(
        "result",
        ["pending", "1,200", "1e3", "=20", "<", "20<", "<<20", ".5", "5.", "1 2", "<LLOQ",
         "Not detected", "NaN", "inf", "0x10", "+5", "1" * 16],
    )  # fmt: skip
    def test_anything_else_is_none(self, result):
        assert faults(viral_load(0, result)) == ["/data/result"]

    @pytest.mark.parametrize("result", ["\u0661\u0662\u0663", "\uff11\uff12", "<\uff12\uff10"])
    def test_digits_of_another_script_are_no_result(self, result):
        assert faults(viral_load(0, result)) == ["/data/result"]

    @pytest.mark.parametrize(
        ("result", "unit", "refused"),
        [
            ("1000000000", "copies/mL", []),
            ("1000000000.1", "copies/mL", ["/data/result"] * 2),
            ("1000000", "kcopies/mL", []),
            ("1000001", "kcopies/mL", ["/data/result"]),
            ("<-1", "copies/mL", ["/data/result"]),
            ("5", "IU/mL", ["/data/unit"]),
            ("-5", "IU/mL", ["/data/unit"]),
        ],
    )
    def test_limits_hold_in_the_parameter_s_own_unit(self, result, unit, refused):
        assert faults(viral_load(0, result, unit=unit)) == refused

    @pytest.mark.parametrize("limit", ["lloq", "uloq"])
    @pytest.mark.parametrize("value", [0, -1])
    def test_a_limit_of_quantification_is_above_0(self, limit, value):
        assert faults(viral_load(0, 5, **{limit: value})) == [f"/data/{limit}"]

    @pytest.mark.parametrize("parameter", ["viral-laod", "viral-load-log10", "VIRAL-LOAD"])
    def test_only_a_reported_parameter_takes_results(self, parameter):
        assert faults(viral_load(0, 5, parameter=parameter)) == ["/data/parameter"]

    def test_each_measurement_of_a_visit_is_checked_at_its_place(self):
        measurements: list[dict[str, Any]] = [
            {"parameter": "weight", "result": "80", "unit": "kg"},
            {"parameter": "weight", "result": "800", "unit": "kg"},
            {"parameter": "height", "result": "1"},
            {"parameter": "weight", "result": "80", "unit": "lb"},
            {"parameter": "weight", "result": "heavy"},
            {"parameter": "weight", "result": "19.9"},
        ]
        visit = entry("visit.recorded", visit="day-9", date="2015-06-01", measurements=measurements)
        assert faults(visit) == [
            "/data/visit",
            "/data/measurements/1/result",
            "/data/measurements/2/parameter",
            "/data/measurements/3/unit",
            "/data/measurements/4/result",
            "/data/measurements/5/result",
        ]


class TestNames:
    @pytest.mark.parametrize("kind", ["visit.recorded", "visit.missed", "dose.missed"])
    def test_an_unknown_visit_is_refused(self, kind):
        needed = {"visit.recorded": {"date": "2015-06-01"}}.get(kind, {"reason": "r"})
        assert faults(entry(kind, visit="day-9", **needed)) == ["/data/visit"]
        assert faults(entry(kind, visit="day-0", **needed)) == []

    def test_a_dose_may_name_no_visit(self):
        assert faults(dose()) == []
        assert faults(dose(visit="day-9")) == ["/data/visit"]

    @pytest.mark.parametrize(
        ("strata", "refused"),
        [({"severity": "severe"}, []), ({}, []), ({"severity": "Severe"}, ["severity"]),
         ({"severity": "severe", "site": "11"}, ["site"]), ({"a/b": "x"}, ["a~1b"])],
        ids=str,
    )  # fmt: skip
    def test_strata_and_their_levels_are_those_of_the_definition(self, strata, refused):
        study = tiny(arms=[{"id": "A", "label": "A"}], strata={"severity": ["moderate", "severe"]})
        allocation = entry("subject.randomised", date=builders.day(0), arm="A", strata=strata)
        assert faults(allocation, study) == [f"/data/strata/{name}" for name in refused]

    @pytest.mark.parametrize(
        ("characteristics", "refused"),
        [
            ({"score": 0, "history": "Y"}, []),
            ({"score": None, "history": None}, []),
            ({"score": 11}, ["score"]),
            ({"score": -1}, ["score"]),
            ({"score": "3"}, ["score"]),
            ({"score": True}, ["score"]),
            ({"score": [3]}, ["score"]),
            ({"history": "y"}, ["history"]),
            ({"history": True}, ["history"]),
            ({"history": ["Y"]}, ["history"]),
            ({"history": {"Y": 1}}, ["history"]),
            ({"a/b~": 1}, ["a~1b~0"]),
        ],
    )
    def test_characteristics_are_those_of_the_definition(self, characteristics, refused):
        expected = [f"/data/characteristics/{name}" for name in refused]
        assert faults(enrolment(characteristics=characteristics)) == expected

    @pytest.mark.parametrize("number", ["1e-900000", "1e-20", "1." + "1" * 40])
    def test_a_characteristic_has_no_more_digits_than_a_measurement(self, number):
        value = event("subject.enrolled", date="2015-06-01", site="1",
                      characteristics={"score": "@"})  # fmt: skip
        posted = read(json.dumps(value).replace('"@"', number))
        assert faults(posted) == ["/data/characteristics/score"]

    def test_an_unknown_causality_arm_outcome_or_period_is_refused(self):
        assert faults(adverse_event(causality="PERHAPS")) == ["/data/causality"]
        assert faults(adverse_event(causality="RELATED")) == []
        arm = entry("subject.randomised", date="2015-06-01", arm="placebo")
        assert faults(arm) == ["/data/arm"]
        assert faults(arm, tiny(arms=[{"id": "placebo", "label": "Placebo"}])) == []
        adjudicated = entry("outcome.adjudicated", outcome="success", date="2015-06-01")
        assert faults(adjudicated) == ["/data/outcome"]
        assert faults(disposition(20, period="wash-out")) == ["/data/period"]
        assert faults(disposition(20, period="treatment")) == []

    def test_a_discontinuation_gives_its_reason(self):
        assert faults(disposition(20, reason=None)) == ["/data/reason"]
        assert faults(disposition(20, "completed")) == []

    def test_nobody_is_superseded_by_themselves(self):
        assert faults(entry("subject.superseded", "S-1", by="S-1")) == ["/data/by"]
        assert faults(entry("subject.superseded", "S-1", by="S-2")) == []

    def test_every_field_at_fault_is_named_at_once(self):
        refused_entry = viral_load(0, "-5", collected="2051-01-01", unit="IU", lloq=-1)
        assert set(faults(refused_entry)) == {"/data/collected", "/data/unit", "/data/lloq"}

    @pytest.mark.parametrize("amount", [0, -800])
    def test_nothing_or_less_is_no_dose(self, amount):
        assert faults(dose(amount=amount)) == ["/data/amount"]

    @pytest.mark.parametrize(("amount", "pointers"), [(0, []), (-1, ["/data/amount"])])
    def test_a_dose_of_a_placebo_may_hold_nothing(self, amount, pointers):
        result = dose(amount=amount, treatment="Placebo")
        assert faults(result) == ["/data/amount"]
        assert faults(result, tiny(placebo=["Placebo"])) == pointers


class TestVoids:
    @pytest.mark.parametrize("kind", sorted(KINDS.keys() - {ERASURE}))
    def test_a_void_of_any_kind_is_accepted(self, kind):
        assert faults(entry(kind, action="void", revision=3)) == []


class TestSilence:
    MARK = "MARKED-7f3a"

    @pytest.mark.parametrize(
        "refused_entry",
        [
            viral_load(0, MARK),
            viral_load(0, 1, unit=MARK),
            viral_load(0, 1, parameter=MARK),
            adverse_event(causality=MARK),
            entry("outcome.adjudicated", outcome=MARK, date="2015-06-01"),
            entry("subject.randomised", arm=MARK, date="2015-06-01"),
            disposition(9, period=MARK),
            dose(visit=MARK),
            enrolment(characteristics={"history": MARK}),
            enrolment(characteristics={"score": MARK}),
        ],
        ids=lambda item: item.kind,
    )
    def test_no_error_repeats_the_value(self, refused_entry):
        with pytest.raises(Rejected) as caught:
            check_acceptable(tiny(), refused_entry)
        assert self.MARK not in json.dumps(caught.value.problem())
