"""Times to event, days between dates, and numbers of records."""

from typing import Any

import pytest
from builders import (
    TINY,
    cd4,
    contact,
    death,
    disposition,
    dose,
    enrolment,
    entry,
    fold_all,
    measured,
    tiny,
)
from parallel import randomised

from trial.errors import Rejected
from trial.events import dates
from trial.events.envelope import Entry
from trial.reporting import report
from trial.rules.dating import Time
from trial.subject.derivation import Derivation
from trial.tables import checking

LEFT = {"recorded": "disposition.recorded", "where": {"of": "study", "status": "discontinued"}}
TIME: dict[str, Any] = {
    "label": "Time to leaving",
    "start": "enrolment",
    "events": ["death", LEFT],
    "censored": ["end-of-study"],
}


def time_of(*entries: Entry, cutoff: str | None = None, **changes: Any) -> Time | None:
    study = tiny(times={"new": TIME | changes})
    earliest = dates.earliest(cutoff) if cutoff else None
    state = fold_all("S-1", entries)
    return report.compiled(study).rules.time("new", "")(Derivation(study, state, earliest))


class TestTimeToEvent:
    def test_both_days_count(self):
        assert time_of(enrolment(), disposition(0)) == Time(1, event=True)
        assert time_of(enrolment(), disposition(9)) == Time(10, event=True)

    def test_the_first_of_the_events_counts(self):
        assert time_of(enrolment(), disposition(30), death(12)) == Time(13, event=True)

    def test_before_the_start_there_is_no_time(self):
        assert time_of(death(12)) is None
        assert time_of(enrolment(), death(12), start="first-dose") is None

    def test_what_lies_before_the_start_is_no_event(self):
        entries = [enrolment(), dose(7), contact(20), entry("consent.withdrawn", date="2015-06-03")]
        events = [{"recorded": "consent.withdrawn"}]
        assert time_of(*entries, start="first-dose", events=events) == Time(14, event=False)

    def test_who_has_no_event_is_censored_at_the_last_contact(self):
        assert time_of(enrolment(), contact(20)) == Time(21, event=False)

    def test_who_has_no_event_is_censored_at_the_earliest_of_the_ends(self):
        entries = [enrolment(), disposition(20, status="completed"), contact(30)]
        assert time_of(*entries) == Time(21, event=False)
        assert time_of(*entries, censored=[]) == Time(31, event=False)
        assert time_of(*entries, dose(5), censored=["first-dose", "end-of-study"]) == Time(
            6, event=False
        )

    def test_an_event_after_the_end_is_none_and_one_on_its_day_is_one(self):
        ended = disposition(20, status="completed")
        assert time_of(enrolment(), ended, death(21)) == Time(21, event=False)
        assert time_of(enrolment(), ended, death(20)) == Time(21, event=True)

    def test_a_cut_off_censors_before_the_last_contact(self):
        assert time_of(enrolment(), contact(20), cutoff="2015-06-11") == Time(11, event=False)

    def test_it_moves_with_a_corrected_start(self):
        moved = enrolment(2, revision=2)
        assert time_of(enrolment(), moved, disposition(9)) == Time(8, event=True)

    def test_a_result_within_bounds_is_an_event_once_dosed(self):
        events = [{"parameter": "cd4", "below": 100}]
        results = [cd4(3, 50), cd4(10, 200), cd4(12, 99), cd4(14, 10)]
        assert time_of(enrolment(), dose(7), *results, events=events) == Time(13, event=True)
        assert time_of(enrolment(), *results, events=events) == Time(15, event=False)

    def test_the_last_of_some_records_may_be_meant(self):
        entries = [enrolment(), contact(5), contact(9), contact(12)]
        values: dict[str, Any] = {"recorded": "visit.recorded"}
        assert time_of(*entries, events=[values]) == Time(6, event=True)
        assert time_of(*entries, events=[values | {"which": "last"}]) == Time(13, event=True)


def days(start: Any, end: Any, *entries: Entry) -> int | None:
    study = tiny(measures=TINY["measures"] | {"new": {"days": {"start": start, "end": end}}})
    return measured("new", *entries, study=study)


class TestDays:
    ENTRIES = (
        enrolment(0), randomised("a", at=2), dose(7), dose(21), disposition(30), death(33),
        contact(40),
    )  # fmt: skip

    @pytest.mark.parametrize(
        ("end", "expected"),
        [("enrolment", 1), ("randomisation", 3), ("first-dose", 8), ("last-dose", 22),
         ("end-of-study", 31), ("death", 34), ("last-contact", 41)],
    )  # fmt: skip
    def test_every_date_that_has_a_name_is_counted_to_both_days_included(self, end, expected):
        assert days("enrolment", end, *self.ENTRIES) == expected

    def test_without_one_of_the_dates_there_is_none(self):
        assert days("enrolment", "death", enrolment()) is None
        assert days("first-dose", "last-contact", enrolment()) is None

    def test_the_last_day_of_a_dose_that_has_an_end_counts(self):
        assert days("first-dose", "last-dose", enrolment(), dose(7, end="2015-06-20")) == 13


class TestRecords:
    @staticmethod
    def number(*entries: Entry, **measure: Any) -> int | None:
        return measured("new", *entries, study=tiny(measures=TINY["measures"] | {"new": measure}))

    def test_it_is_how_many_there_are_and_none_is_0(self):
        void = entry("dose.administered", record="DOSE-9", revision=2, action="void")
        entries = [dose(7), dose(8), dose(9), void]
        assert self.number(*entries, records="dose.administered") == 2
        assert self.number(enrolment(), records="dose.administered") == 0

    def test_only_those_of_the_fields_named_count(self):
        entries = [dose(7, treatment="drug"), dose(8, treatment="placebo")]
        assert (
            self.number(
                *entries, records="dose.administered", where={"treatment": ["placebo", "none"]}
            )
            == 1
        )


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"times": {"new": TIME | {"start": "birth"}}}, "/times/new/start"),
        ({"times": {"new": TIME | {"events": []}}}, "/times/new/events"),
        ({"times": {"new": TIME | {"events": [{"recorded": "lost"}]}}},
         "/times/new/events/0/recorded"),
        ({"times": {"new": TIME | {"events": ["death", {"parameter": "cd8", "below": 1}]}}},
         "/times/new/events/1/parameter"),
        ({"times": {"new": TIME | {"censored": [{"recorded": "death.reported",
                                                 "where": {"why": "x"}}]}}},
         "/times/new/censored/0/where/why"),
        ({"times": {"new": TIME | {"start": {"recorded": "death.reported", "which": "any"}}}},
         "/times/new/start/which"),
        ({"measures": TINY["measures"] | {"new": {"days": {"start": "enrolment", "end": {
            "recorded": "lost"}}}}}, "/measures/new/days/end/recorded"),
        ({"measures": TINY["measures"] | {"new": {"days": {"start": "enrolment"}}}},
         "/measures/new/days/end"),
        ({"measures": TINY["measures"] | {"new": {"records": "dose.administered",
                                                  "where": {"drug": "x"}}}},
         "/measures/new/where/drug"),
        ({"measures": TINY["measures"] | {"new": {"by_arm": {"a": "age"}}}},
         "/measures/new/by_arm/a"),
    ],
    ids=str,
)  # fmt: skip
def test_a_date_that_is_none_is_refused_at_its_path(changes, path):
    with pytest.raises(Rejected) as caught:
        checking.check_definition(tiny(**changes))
    assert [fault.pointer for fault in caught.value.faults] == [path]
