"""What is derived of one subject. Day 0 is enrolment, the first dose is on day 7 at 11:00."""

from decimal import ROUND_HALF_UP, Decimal
from itertools import permutations

import builders
import pytest
from builders import (
    TINY,
    adverse_event,
    cd4,
    coding,
    contact,
    day,
    death,
    derive,
    disposition,
    dose,
    enrolment,
    entry,
    measured,
    regimen,
    tiny,
    tiny_with,
    truth,
    viral_load,
)
from hypothesis import given
from hypothesis import strategies as st

from trial.definition.study import Study
from trial.events import dates
from trial.events.envelope import Entry
from trial.subject.results import Value, read_result, to_units

LOG = "viral-load-log10"


def chosen(visit: str, *entries: Entry, parameter: str = "viral-load") -> str | None:
    """Say which result stands for a visit, by the text it was reported as, in any order."""
    study = tiny()
    result = set()
    for order in permutations(entries) if len(entries) < 6 else [entries]:
        observation = derive(enrolment(), *order).series(parameter).at_visit(study.visits[visit])
        result.add(observation.text if observation else None)
    (value,) = result
    return value


def baseline(*entries: Entry, name: str = "baseline") -> str | None:
    observation = derive(enrolment(), *entries).series("viral-load").at_baseline(name)
    return observation.text if observation else None


def emergent(*entries: Entry, study: Study | None = None) -> bool:
    (event,) = derive(enrolment(), *entries, study=study).adverse_events
    return event.emergent


class TestWindows:
    def test_the_result_closest_to_the_planned_day_counts(self):
        assert chosen("day-14", viral_load(12, 1), viral_load(13, 2), viral_load(16, 3)) == "2"

    def test_on_a_tie_the_later_counts(self):
        assert chosen("day-14", viral_load(13, 1), viral_load(15, 2)) == "2"
        assert chosen("day-0", viral_load(-1, 1), viral_load(1, 2)) == "2"

    def test_of_one_day_the_time_of_collection_decides_and_not_the_record(self):
        early = viral_load(14, 1, "08:00", record="A2")
        late = viral_load(14, 2, "15:00", record="A1")
        assert chosen("day-14", early, late) == "2"

    def test_what_has_no_time_comes_before_all_that_has_one_on_its_day(self):
        bare = viral_load(14, 1, record="A2", collected=day(14))
        assert chosen("day-14", bare, viral_load(14, 2, "00:00", record="A1")) == "2"

    def test_of_one_time_the_last_accession_counts_and_its_numbers_count_as_numbers(self):
        for first, second in (("A1", "A2"), ("A9", "A10"), ("SBP-21", "SBP-103"), ("9", "A")):
            results = [viral_load(14, 1, record=first), viral_load(14, 2, record=second)]
            assert chosen("day-14", *results) == "2"

    @pytest.mark.parametrize(
        ("study_day", "inside"), [(11, False), (12, True), (17, True), (18, False)]
    )
    def test_both_ends_of_a_window_belong_to_it(self, study_day, inside):
        assert chosen("day-14", viral_load(study_day, 1)) == ("1" if inside else None)

    def test_an_unscheduled_sample_in_the_window_counts_like_any_other(self):
        assert chosen("day-14", viral_load(13, 1, record="UNSCHEDULED")) == "1"

    def test_another_parameter_and_a_void_result_do_not_count(self):
        void = viral_load(14, 2)
        removal = entry("lab.result.reported", record=void.record, revision=2, action="void")
        assert chosen("day-14", cd4(14, 7), void, removal, viral_load(12, 1)) == "1"

    def test_without_enrolment_there_is_no_visit(self):
        assert (
            derive(viral_load(0, 1)).series("viral-load").at_visit(tiny().visits["day-0"]) is None
        )

    def test_a_measurement_made_at_a_visit_counts_by_its_date_not_by_the_visit_s_name(self):
        result = contact(
            14,
            visit="day-0",
            measurements=[{"parameter": "cd4", "result": "5", "unit": "cells/uL"}],
        )
        assert chosen("day-14", result, parameter="cd4") == "5"
        assert chosen("day-0", result, parameter="cd4") is None


class TestBeforeTheFirstDose:
    def test_a_sample_of_day_7_taken_after_the_dose_is_no_day_7(self):
        assert chosen("day-7", dose(), viral_load(7, 1, "11:01")) is None
        assert chosen("day-7", dose(), viral_load(7, 1, "11:00")) == "1"

    def test_a_sample_without_a_time_is_taken_to_precede_the_dose(self):
        bare = viral_load(7, 1, collected=day(7))
        assert chosen("day-7", dose(), bare) == "1"
        assert chosen("day-7", dose(start=day(7)), viral_load(7, 1, "23:59")) == "1"

    def test_a_sample_of_the_day_after_the_dose_is_none(self):
        assert chosen("day-7", dose(), viral_load(8, 1, collected=day(8))) is None
        assert chosen("day-7", viral_load(8, 1)) == "1"


class TestBeforeTheRegimen:
    def test_a_sample_after_the_regimen_began_in_the_window_is_no_day_14(self):
        assert chosen("day-14", regimen(14), viral_load(15, 1), viral_load(12, 2)) == "2"
        assert chosen("day-14", regimen(13), viral_load(14, 1)) is None

    def test_a_sample_of_the_day_on_which_it_began_counts(self):
        assert chosen("day-14", regimen(14), viral_load(14, 1)) == "1"

    @pytest.mark.parametrize("began", [3, 7, 11, 18])
    def test_a_regimen_begun_outside_the_window_limits_nothing(self, began):
        assert chosen("day-14", regimen(began), viral_load(14, 1)) == "1"

    def test_who_began_early_stays_a_responder_of_both_periods(self):
        entries = [enrolment(), dose(), regimen(3), viral_load(0, 33113), viral_load(7, 10000),
                   viral_load(14, 1000), contact(20)]  # fmt: skip
        assert truth("control-responder", *entries) is True
        assert truth("day14-responder", *entries) is True


class TestDiscontinuation:
    def test_a_sample_after_discontinuation_does_not_count(self):
        ended = disposition(13)
        assert chosen("day-14", ended, viral_load(14, 1)) is None
        assert chosen("day-14", ended, viral_load(13, 1)) == "1"

    def test_a_sample_after_completion_counts(self):
        assert chosen("day-14", disposition(13, "completed"), viral_load(14, 1)) == "1"

    @pytest.mark.parametrize("part", ["treatment", "screening"])
    def test_who_only_left_treatment_is_still_followed(self, part):
        assert chosen("day-14", disposition(13, of=part), viral_load(14, 1)) == "1"

    def test_a_study_may_count_them(self):
        study = tiny(samples_after_discontinuation=True)
        result = derive(enrolment(), disposition(13), viral_load(14, 1), study=study)
        assert result.series("viral-load").at_visit(study.visits["day-14"]) is not None

    def test_a_reversed_discontinuation_brings_the_sample_back(self):
        void = entry("disposition.recorded", record="STUDY", revision=2, action="void")
        assert chosen("day-14", disposition(13), void, viral_load(14, 1)) == "1"


class TestBaseline:
    def test_it_is_the_last_result_at_or_before_the_first_dose(self):
        results = [viral_load(0, 1), viral_load(6, 2), viral_load(7, 3, "11:00"),
                   viral_load(8, 4)]  # fmt: skip
        assert baseline(dose(), *results) == "3"
        assert baseline(dose(), *results[:2], results[3]) == "2"

    def test_there_is_none_before_the_first_dose_is_known(self):
        assert baseline(viral_load(7, 1)) is None

    def test_there_is_none_where_nothing_was_measured_in_time(self):
        assert baseline(dose(), viral_load(7, 1, "11:01")) is None

    def test_a_day_without_a_time_precedes_the_dose(self):
        assert baseline(dose(), viral_load(0, 1), viral_load(7, 2, collected=day(7))) == "2"

    def test_a_corrected_first_dose_moves_it(self):
        earlier = dose(record="DOSE-7", revision=2, start=day(5, "11:00"))
        assert baseline(dose(), earlier, viral_load(0, 1), viral_load(7, 2)) == "1"

    def test_the_first_of_several_doses_decides_in_any_order(self):
        for order in permutations([dose(7), dose(21), dose(35), viral_load(6, 1)]):
            assert baseline(*order, viral_load(20, 2)) == "1"

    def test_a_baseline_may_be_that_of_a_visit(self):
        assert baseline(viral_load(0, 1), viral_load(7, 2), name="control") == "1"

    def test_it_is_the_result_of_day_7_where_two_samples_share_that_day(self):
        results = [viral_load(7, 1, "08:00", record="A2"), viral_load(7, 2, "09:00", record="A1")]
        assert chosen("day-7", dose(), *results) == baseline(dose(), *results)


class TestImputation:
    BASE = (enrolment(), dose(), viral_load(7, 100_000))
    OVER = contact(50)

    def value(self, measure: str, *entries: Entry) -> int | None:
        return measured(measure, *self.BASE, *entries)

    def test_an_observed_value_is_never_replaced(self):
        for measure in ("week5-decrease", "week5-bocf", "week5-locf"):
            assert self.value(measure, viral_load(20, 10), viral_load(35, 1000)) == 2_000_000

    def test_the_baseline_carried_forward_is_no_change(self):
        assert self.value("week5-bocf", viral_load(20, 10), self.OVER) == 0

    def test_the_last_value_carried_forward_is_the_last_one_under_treatment(self):
        last = [viral_load(14, 1000), viral_load(20, 10_000), viral_load(45, 10)]
        assert self.value("week5-locf", *last, self.OVER) == 1_000_000

    def test_without_a_value_under_treatment_the_baseline_is_the_last(self):
        assert self.value("week5-locf", self.OVER) == 0

    def test_a_value_after_discontinuation_is_not_carried_forward(self):
        viral_loads = [viral_load(14, 1000), disposition(15), viral_load(20, 10)]
        assert self.value("week5-locf", *viral_loads) == 2_000_000

    def test_nothing_is_carried_forward_before_the_visit_is_due(self):
        for measure in ("week5-bocf", "week5-locf"):
            assert self.value(measure, viral_load(20, 10)) is None
            assert self.value(measure, viral_load(20, 10), contact(42)) is None
            assert self.value(measure, viral_load(20, 10), contact(43)) is not None

    def test_nothing_is_carried_forward_without_a_baseline(self):
        for measure in ("week5-bocf", "week5-locf"):
            assert measured(measure, enrolment(), dose(), viral_load(20, 10), self.OVER) is None

    def test_an_imputed_value_says_so(self):
        def imputed(*entries: Entry) -> bool:
            study = tiny()
            rules = builders.report.compiled(study).rules
            evaluate = rules.measure("week5-bocf", "").evaluate(
                derive(*self.BASE, *entries, study=study)
            )
            assert evaluate is not None
            return evaluate.imputed

        assert imputed(self.OVER)
        assert not imputed(viral_load(35, 100_000), self.OVER)


class TestDue:
    DOSED = (enrolment(), dose(), viral_load(0, 10_000), viral_load(7, 10_000))

    @pytest.mark.parametrize("last", [8, 14, 17])
    def test_nobody_is_a_failure_before_the_visit_is_due(self, last):
        assert truth("day14-responder", *self.DOSED, contact(last)) is None

    def test_a_contact_beyond_the_window_makes_it_due(self):
        assert truth("day14-responder", *self.DOSED, contact(18)) is False

    @pytest.mark.parametrize("end", [disposition(10), disposition(10, "completed"), death(10)])
    def test_the_end_of_study_or_death_makes_every_visit_due(self, end):
        assert truth("day14-responder", *self.DOSED, end) is False
        assert truth("week5-responder", *self.DOSED, end) is False

    @pytest.mark.parametrize("part", ["treatment", "screening"])
    def test_the_end_of_treatment_alone_does_not(self, part):
        assert truth("day14-responder", *self.DOSED, disposition(10, of=part)) is None

    def test_a_result_makes_its_own_visit_known_at_once(self):
        assert truth("day14-responder", *self.DOSED, viral_load(12, 1000)) is True
        assert truth("day14-responder", *self.DOSED, viral_load(12, 10_000)) is False

    @pytest.mark.parametrize("kind", ["visit.missed", "dose.missed"])
    def test_a_missed_visit_is_no_contact(self, kind):
        missed = entry(kind, visit="week-5", date=day(35), reason="forgot")
        assert truth("day14-responder", *self.DOSED, missed) is None

    def test_a_void_contact_is_none(self):
        void = entry("visit.recorded", record="SEEN-30", revision=2, action="void")
        assert truth("day14-responder", *self.DOSED, contact(30), void) is None

    def test_where_missing_is_no_failure_it_stays_unknown(self):
        assert truth("day14-observed", *self.DOSED, contact(30)) is None

    def test_the_end_of_an_event_is_a_contact_and_a_partial_date_is_its_first_day(self):
        assert truth("day14-responder", *self.DOSED, adverse_event(9, end=day(18))) is False
        assert truth("day14-responder", *self.DOSED, adverse_event(9, end="2015-06")) is None
        assert truth("day14-responder", *self.DOSED, adverse_event(9, end="2015-07")) is False

    def test_a_baseline_missing_at_a_due_visit_is_a_failure(self):
        entries = [enrolment(), dose(), viral_load(14, 10), contact(18)]
        assert truth("day14-responder", *entries) is False
        assert measured("day14-decrease", *entries) is None

    def test_samples_still_at_the_laboratory_on_the_dosing_day_are_no_failure(self):
        assert truth("control-responder", enrolment(), dose()) is None
        assert truth("control-responder", enrolment(), viral_load(0, 33_113), dose()) is None
        assert truth("control-responder", enrolment(), dose(), contact(8)) is None
        assert truth("control-responder", enrolment(), dose(), contact(9)) is False

    def test_nobody_is_a_control_failure_before_the_first_dose(self):
        assert truth("control-responder", enrolment(), viral_load(0, 10_000)) is None
        assert truth("control-responder", enrolment(), disposition(5)) is False


class TestQuantification:
    @pytest.mark.parametrize(
        ("result", "below"),
        [
            ("49", True),
            ("49.9", False),  # 50 once it is quantised at whole copies, as this study asks
            ("50", False),
            ("<20", True),
            ("<50", True),
            ("<=20", True),
            ("<=50", False),
            ("<=49", True),
            ("<51", False),
            ("<400", False),
            (">49", False),
            (">=49", False),
            (">50", False),
            (">10000000", False),
            ("0", True),
        ],
    )
    def test_a_result_below_a_limit_is_below_50_only_if_the_limit_is_no_higher(self, result, below):
        assert truth("week5-below-50", enrolment(), dose(), viral_load(35, result)) is below

    def test_at_most_50_is_not_below_50(self):
        assert truth("week5-below-50", enrolment(), dose(), viral_load(35, "<=50")) is False

    def test_a_result_above_a_limit_lies_above_that_limit(self):
        entries = [enrolment(), dose(), viral_load(7, ">100000")]
        assert truth("above-100000", *entries) is True
        assert truth("up-to-100000", *entries) is False

    @pytest.mark.parametrize(
        ("result", "units"),
        [("<20", 1_301_030), ("20", 1_301_030), ("<50", 1_698_970), (">10000000", 7_000_000)],
    )
    def test_beyond_a_limit_the_limit_counts(self, result, units):
        assert measured("baseline-log", enrolment(), dose(), viral_load(7, result)) == units

    def test_half_the_limit_counts_where_the_study_says_so(self):
        parameters = TINY["parameters"] | {
            "viral-load": TINY["parameters"]["viral-load"] | {"below_quantification": "half"}
        }
        study = tiny(parameters=parameters)

        def units(result: str) -> int | None:
            entries = [enrolment(), dose(), viral_load(7, result)]
            return measured("baseline-log", *entries, study=study)

        assert units("<20") == units("10") == 1_000_000
        assert units(">20") == units("20") == 1_301_030
        below = [enrolment(), dose(), viral_load(35, "<60")]
        assert truth("week5-below-50", *below, study=study) is False

    def test_other_units_are_converted_before_anything_is_decided(self):
        entries = [enrolment(), dose(), viral_load(7, "12.345", unit="kcopies/mL")]
        assert measured("baseline-copies", *entries) == 12_345
        low = viral_load(35, "<0.02", unit="kcopies/mL")
        assert truth("week5-below-50", enrolment(), dose(), low) is True

    def test_no_copies_have_no_logarithm(self):
        entries = [enrolment(), dose(), viral_load(7, 0)]
        assert measured("baseline-copies", *entries) == 0
        assert measured("baseline-log", *entries) is None

    def test_a_computed_result_counts_with_all_its_digits(self):
        entries = [enrolment(), dose(), viral_load(7, "61.55172413793103", unit="kcopies/mL")]
        assert measured("baseline-copies", *entries) == 61_552

    @pytest.mark.parametrize("text", ["", "<", "abc", "1,000", "1e3", "--1", "< <1", f"0.{1:019}"])
    def test_what_is_no_number_is_no_result(self, text):
        assert read_result(text) is None


class TestLogarithm:
    @pytest.mark.parametrize(
        ("before", "after", "units", "passes"),
        [
            (31_623, 10_000, 500_003, True),  # a true 0.5000031
            (31_622, 10_000, 499_989, False),
            (10_000, 3_162, 500_038, True),
            (10_000, 3_163, 499_901, False),
            (100_000, 31_623, 499_997, False),
            (100_000, 31_622, 500_011, True),
            (100_000, 10_000, 1_000_000, True),
            (10_000, 10_000, 0, False),
            (10_000, 31_623, -500_003, False),
        ],
    )
    def test_a_decrease_of_half_a_log_is_inclusive_and_exact(self, before, after, units, passes):
        entries = [enrolment(), dose(), viral_load(7, before), viral_load(14, after), contact(20)]
        assert measured("day14-decrease", *entries) == units
        assert truth("day14-responder", *entries) is passes

    def test_exactly_half_a_log_passes(self):
        conditions = TINY["conditions"] | {
            "exact": {"measure": "day14-decrease", "at_least": 0.500003},
            "strict": {"measure": "day14-decrease", "more_than": 0.500003},
        }
        study = tiny(conditions=conditions)
        entries = [enrolment(), dose(), viral_load(7, 31_623), viral_load(14, 10_000)]
        assert truth("exact", *entries, study=study) is True
        assert truth("strict", *entries, study=study) is False

    @given(st.integers(1, 10**9))
    def test_it_is_the_true_logarithm_rounded_half_up_at_six_places(self, copies):
        expected = Decimal(copies).log10().quantize(Decimal("1e-6"), ROUND_HALF_UP)
        entries = [enrolment(), dose(), viral_load(7, copies)]
        assert measured("baseline-log", *entries) == int(expected * 10**6)

    @given(st.integers(1, 10**9), st.integers(1, 10**9))
    def test_a_change_is_the_difference_of_the_two_as_counted(self, before, after):
        entries = [enrolment(), dose(), viral_load(7, before), viral_load(14, after)]
        first, second = (
            int(Decimal(item).log10().quantize(Decimal("1e-6"), ROUND_HALF_UP) * 10**6)
            for item in (before, after)
        )
        assert measured("day14-decrease", *entries) == first - second

    @pytest.mark.parametrize(
        ("value", "places", "units"),
        [("0.5", 0, 1), ("-0.5", 0, -1), ("1.4999999", 0, 1), ("86.85", 1, 869), ("-2.25", 1, -23)],
    )
    def test_values_are_quantised_half_up_away_from_zero(self, value, places, units):
        assert to_units(Decimal(value), places) == units


class TestDays:
    def test_the_first_dose_is_study_day_1_and_there_is_no_day_0(self):
        derivation = derive(enrolment(), dose())
        first = dates.earliest(day(7))
        assert [derivation.study_day(first + i) for i in (-7, -1, 0, 1)] == [-7, -1, 1, 2]
        assert [derivation.protocol_day(first + i) for i in (-7, -1, 0, 1)] == [0, 6, 7, 8]

    def test_week_25_is_study_day_169(self):
        assert derive(enrolment(), dose()).study_day(dates.earliest(day(175))) == 169

    def test_there_is_no_study_day_without_a_dose_nor_a_protocol_day_without_enrolment(self):
        assert derive(enrolment()).study_day(dates.earliest(day(7))) is None
        assert derive(dose()).protocol_day(dates.earliest(day(7))) is None

    @pytest.mark.parametrize(
        ("study_day", "period"), [(-1, None), (0, "control"), (6, "control"), (7, "treatment"),
                           (500, "treatment")],
    )  # fmt: skip
    def test_a_day_lies_in_the_period_of_its_protocol_day(self, study_day, period):
        assert derive(enrolment()).period_of(dates.earliest(day(study_day))) == period

    def test_the_last_contact_is_the_latest_day_of_any_record(self):
        assert derive(enrolment()).last_contact == dates.earliest(day(0))
        result = derive(enrolment(), contact(30), viral_load(20, 1), coding())
        assert result.last_contact == dates.earliest(day(30))
        assert derive(coding()).last_contact == 0


class TestEnrolments:
    def test_the_earliest_of_several_enrolments_counts(self):
        first, second = enrolment(0, record="E2", age=40), enrolment(3, record="E1", age=50)
        for order in permutations([first, second]):
            assert measured("age", *order) == 40
            assert derive(*order).day_zero == dates.earliest(day(0))

    def test_enrolments_of_one_day_are_ordered_by_their_content(self):
        result, two = enrolment(0, record="E1", age=50), enrolment(0, record="E2", age=40)
        assert {measured("age", *order) for order in permutations([result, two])} == {40}

    def test_a_void_enrolment_enrols_nobody(self):
        void = entry("subject.enrolled", revision=2, action="void")
        assert derive(enrolment(), void).enrolment is None
        assert truth("enrolled", enrolment(), void) is False

    def test_a_superseded_subject_counts_nowhere_but_as_revisions_taken(self):
        study = tiny()
        entries = [enrolment(), dose(), adverse_event(), death(),
                   entry("subject.superseded", by="S-2")]  # fmt: skip
        (subject,) = builders.subjects(entries)
        assert builders.report.contribute(study, subject) == {
            "study": {"accepted": 5},
            "discrepancies#0": {"superseded": 1},
        }

    def test_a_void_supersession_brings_the_subject_back(self):
        void = entry("subject.superseded", record="R", revision=2, action="void")
        assert not derive(enrolment(), entry("subject.superseded", by="S-2"), void).superseded

    def test_a_superseded_subject_is_in_no_listing(self):
        entries = [enrolment(), adverse_event(), viral_load(0, 5),
                   entry("subject.superseded", by="S-2"), enrolment(subject="S-2")]  # fmt: skip
        result = builders.listings_of(tiny(), entries)
        assert [len(result[name].rows) for name in ("L1", "L2", "L3")] == [1, 0, 0]


class TestEmergence:
    DOSED = (dose(7), dose(21))

    @pytest.mark.parametrize(
        ("onset", "expected"),
        [(-3, False), (6, False), (7, True), (8, True), (51, True), (52, False)],
    )
    def test_it_runs_from_the_first_dose_to_30_days_after_the_last(self, onset, expected):
        assert emergent(*self.DOSED, adverse_event(onset)) is expected

    def test_it_does_not_end_with_discontinuation(self):
        assert emergent(*self.DOSED, disposition(25), adverse_event(45)) is True

    def test_without_a_window_it_does_not_end(self):
        events = {**TINY["adverse_events"], "days_after_last_dose": None}
        study = tiny(adverse_events=events)
        assert emergent(*self.DOSED, adverse_event(400), study=study) is True

    def test_nothing_emerges_without_a_first_dose(self):
        assert emergent(adverse_event(10)) is False
        assert emergent(adverse_event(None)) is False
        assert emergent(adverse_event(10), entry("dose.missed", visit="day-7", reason="r")) is False

    def test_an_end_before_the_first_dose_excludes_whatever_the_onset(self):
        assert emergent(*self.DOSED, adverse_event(None, end=day(6))) is False
        assert emergent(*self.DOSED, adverse_event("2015", end=day(6))) is False
        assert emergent(*self.DOSED, adverse_event(None, end="2015-05")) is False
        assert emergent(*self.DOSED, adverse_event(None, end=day(7))) is True
        assert emergent(*self.DOSED, adverse_event(None, end="2015-06")) is True

    def test_a_missing_onset_is_taken_to_be_under_treatment(self):
        assert emergent(*self.DOSED, adverse_event(None)) is True
        events = {**TINY["adverse_events"], "missing_onset": "not-emergent"}
        assert emergent(*self.DOSED, adverse_event(None), study=tiny(adverse_events=events)) is (
            False
        )

    @pytest.mark.parametrize(
        ("onset", "expected"),
        [
            ("2015-06", True),  # the month of the first dose
            ("2015", True),
            ("2015-05", False),
            ("2014", False),
            ("2015-07", True),
            ("2015-08", False),  # 1 August lies more than 30 days after 22 June
            ("2016", False),
        ],
    )
    def test_a_partial_onset_is_its_first_day_but_not_before_a_dose_of_its_month(
        self, onset, expected
    ):
        assert emergent(*self.DOSED, adverse_event(onset)) is expected

    def test_a_later_dose_extends_it(self):
        assert emergent(dose(7), adverse_event(50)) is False
        assert emergent(dose(7), dose(21), adverse_event(50)) is True

    @pytest.mark.parametrize(
        ("causality", "related"), [("RELATED", True), ("NOT RELATED", False), (None, True)]
    )
    def test_a_missing_causality_counts_as_related(self, causality, related):
        (event,) = derive(adverse_event(causality=causality)).adverse_events
        assert event.related is related

    def test_a_study_may_say_otherwise(self):
        study = tiny_with("adverse_events", missing_causality="not-related")
        (event,) = derive(adverse_event(), study=study).adverse_events
        assert event.related is False


class TestCoding:
    @staticmethod
    def term(*entries: Entry) -> set[str]:
        return {
            derive(adverse_event(), *order).adverse_events[0].pt for order in permutations(entries)
        }

    def test_an_event_without_a_code_says_so(self):
        assert self.term() == {"Not coded"}
        assert self.term(coding("Rash", adverse_event="AE-2")) == {"Not coded"}

    def test_the_highest_version_of_the_dictionary_counts(self):
        codes = [coding("Old", record="C9", version="18.0"), coding("New", record="C1")]
        assert self.term(*codes) == {"New"}

    def test_versions_are_compared_as_numbers(self):
        codes = [coding("Old", record="C1", version="9.1"), coding("New", record="C2")]
        assert self.term(*codes) == {"New"}

    def test_codes_of_one_version_are_chosen_by_content(self):
        codes = [coding("A", record="C2"), coding("B", record="C1")]
        assert self.term(*codes) == {"B"}

    def test_a_corrected_code_replaces_and_a_void_one_uncodes(self):
        assert self.term(coding("A"), coding("B", revision=2)) == {"B"}
        void = entry("adverse-event.coded", record="C-AE-1", revision=2, action="void")
        assert self.term(coding("A"), void) == {"Not coded"}

    def test_a_void_event_is_gone_with_its_code(self):
        void = entry("adverse-event.reported", record="AE-1", revision=2, action="void")
        assert derive(adverse_event(), coding(), void).adverse_events == []


def test_a_value_s_bound_stays_beside_what_it_counts_as():
    derivation = derive(viral_load(0, "<20"))
    assert derivation.series("viral-load").observations[0].value == Value(20, "<", 20)
    assert derivation.series(LOG).observations[0].value == Value(1_301_030, "<", 1_301_030)
