"""Partial dates: one rule for emergence, times, incidence, listings and cut-offs; what has none."""

from typing import Any

import pytest
from builders import (
    adverse_event,
    cell,
    coding,
    contact,
    day,
    death,
    derive,
    disposition,
    dose,
    enrolment,
    entry,
    listings_of,
    measured,
    read,
    rows_of,
    statistic,
    tiny,
    truth,
    viral_load,
)
from hypothesis import given
from hypothesis import strategies as st
from parallel import parallel, randomised, raws, table_of

from trial.errors import Rejected
from trial.events import dates
from trial.events.envelope import Entry
from trial.reporting import report
from trial.subject import acceptance, cutoff
from trial.subject.adverse_events import AdverseEvent
from trial.subject.derivation import Derivation
from trial.subject.fold import Record, fold_all
from trial.subject.imputation import Dated, Imputation
from trial.tables import checking

OS = {"label": "Survival", "start": "randomisation", "events": ["death"]}
FIRST_EVENT = {
    "label": "First event", "start": "randomisation",
    "events": [{"adverse_event": {"emergent": True}}],
}  # fmt: skip
RECORDED = {"label": "Event", "start": "randomisation", "events": [
    {"recorded": "adverse-event.reported"}]}  # fmt: skip


def here(study_day: int = 10) -> list[Entry]:
    """Give who is enrolled on day 0, randomised on day 3, dosed on day 7, seen on a later day."""
    return [enrolment(), randomised("a", at=3), dose(7), contact(study_day)]


def time_of(time: dict[str, Any], *entries: Entry, until: str | None = None) -> Any:
    study = parallel(times={"new": time})
    state, earliest = fold_all("S-1", entries), None
    if until is not None:
        earliest = dates.earliest(until)
        state = cutoff.records_until(state, earliest)
    result = report.compiled(study).rules.time("new", "")(Derivation(study, state, earliest))
    return result and (result.days, result.event, result.undated)


def listed(*entries: Entry) -> tuple[Any, ...]:
    columns = [{"id": name, "label": name, "source": source, "kind": "date"}
               for name, source in (("AESTDTC", "onset"), ("AEENDTC", "end"))]  # fmt: skip
    values = {"id": "L", "title": "L", "population": "All", "records": "adverse-event.reported",
           "columns": columns}  # fmt: skip
    (row,) = rows_of(listings_of(tiny(listings=[values]), entries)["L"])
    return tuple(row[name] for name in ("AESTDT", "AESTDTF", "AESTDY", "AEENDT", "AEENDTF"))


def event_of(*entries: Entry) -> AdverseEvent:
    (event,) = derive(*entries).adverse_events
    return event


class TestOnsets:
    """The first dose is on 2015-06-08."""

    @pytest.mark.parametrize(
        ("onset", "end", "counts", "emergent"),
        [
            ("2015-06", None, "2015-06-08", True),
            ("2015", None, "2015-06-08", True),
            ("2015-07", None, "2015-07-01", True),
            ("2015-05", None, "2015-05-01", False),
            ("2015-06", "2015-06-05", "2015-06-01", False),  # over before the first dose
            ("2015", "2015-05", "2015-01-01", False),
            ("2015-06", "2015-06-08", "2015-06-08", True),
            ("2015", "2015-06", "2015-06-08", True),
            ("2015-06", "2015-05-20", "2015-06-01", False),  # they contradict each other
        ],
    )
    def test_it_is_the_first_dose_s_if_it_can_be_and_never_after_its_own_end(
        self, onset, end, counts, emergent
    ):
        entries = [enrolment(), dose(7), contact(60), adverse_event(onset, end=end)]
        event = event_of(*entries)
        assert (dates.iso(event.onset.day), event.emergent) == (counts, emergent)
        assert listed(*entries)[0] == counts

    def test_the_case_in_the_listing(self):
        """Cases: the onset is imputed to the first dose though the event had ended by then."""
        first = dose(7)
        ended = adverse_event("2015-06", end="2015-06-05")
        assert listed(enrolment(), first, ended) == ("2015-06-01", "D", -7, "2015-06-05", None)
        partly = adverse_event("2015", end="2015-05")
        assert listed(enrolment(), first, partly) == ("2015-01-01", "M", -158, "2015-05-31", "D")


class TestEnds:
    @pytest.mark.parametrize(
        ("end", "later", "counts"),
        [
            ("2015-06", [], "2015-06-30"),
            ("2015-06", [death("2015-06-20")], "2015-06-20"),
            ("2015-06", [death("2015-06"), contact(25)], "2015-06-26"),
            ("2015-06", [death("2015-06-05")], "2015-06-11"),  # not before its own onset
            ("2015-05", [], "2015-05-31"),  # within what it can mean, whatever the onset
        ],
    )
    def test_it_is_the_last_day_but_not_after_death_nor_before_its_onset(self, end, later, counts):
        entries = [enrolment(), dose(7), adverse_event(10, end=end), *later]
        assert listed(*entries)[3] == counts


class TestDeaths:
    @pytest.mark.parametrize(
        ("died", "last", "days"),
        [
            ("2015-07", 40, 38),  # seen alive on 2015-07-11: not before
            ("2015", 60, 58),
            ("2015-07", 10, 28),  # the first day of July
            ("2015-06", 10, 8),
            ("2015-06", 40, 27),  # seen alive after all that it can mean: its last day
            ("2015-06-20", 40, 17),  # complete: as reported
        ],
    )
    def test_it_is_not_before_the_last_day_seen_alive(self, died, last, days):
        result = disposition(70)
        assert time_of(OS, *here(last), death(died), result) == (days, True, False)
        study = parallel(measures={"new": {"days": {"start": "randomisation", "end": "death"}}})
        assert measured("new", *here(last), death(died), result, study=study) == days

    def test_the_published_case_counts_both(self):
        enrolments = [enrolment(subject="P1"), randomised("a", "P1", at=0), dose(0, subject="P1"),
               viral_load(39, 100, subject="P1"), death("2015-07", "P1"),
               disposition(50, subject="P1")]  # fmt: skip
        two = [enrolment(subject="P2"), randomised("a", "P2", at=0), dose(0, subject="P2"),
               viral_load(100, 100, subject="P2"), death("2015", "P2"),
               disposition(141, subject="P2")]  # fmt: skip
        ended = OS | {"censored": [{"recorded": "disposition.recorded", "where": {"of": "study"}}]}
        grid = table_of([*enrolments, *two], {"survival": {"time": "os"}}, times={"os": ended})
        assert raws(grid, "row", "n")["a"] == 2

    def test_a_death_before_the_start_is_no_event(self):
        assert time_of(OS, *here(), death("2015-06-02")) == (8, False, False)
        assert time_of(OS, *here(), death("2015-05")) == (8, False, False)

    def test_a_death_on_the_day_of_the_start_is_on_day_1(self):
        entries = [enrolment(), randomised("a", at=3), death(3)]
        assert time_of(OS, *entries) == (1, True, False)

    def test_who_is_seen_after_a_death_died_nevertheless(self):
        assert time_of(OS, *here(60), death(20)) == (18, True, False)

    def test_of_what_others_say_nothing_shows_a_subject_alive(self):
        later = [disposition(50), entry("deviation.recorded", date=day(55), category="x",
                                        description="x")]  # fmt: skip
        assert time_of(OS, *here(12), death("2015-06"), *later) == (10, True, False)


class TestTimes:
    def test_a_partial_onset_counts_as_emergence_takes_it(self):
        for onset in ("2015-06", "2015"):
            for time in (FIRST_EVENT, RECORDED):
                assert time_of(time, *here(30), adverse_event(onset)) == (5, True, False)

    def test_it_is_brought_to_the_start_if_it_can_mean_a_day_from_there_on(self):
        undosed = [enrolment(), randomised("a", at=3), contact(30)]
        assert time_of(RECORDED, *undosed, adverse_event("2015-06")) == (1, True, False)
        ended = adverse_event("2015-06", end="2015-06-03")  # randomised on the 4th
        assert time_of(RECORDED, *undosed, ended) == (28, False, False)
        assert time_of(RECORDED, *undosed, adverse_event("2015-05")) == (28, False, False)

    def test_an_event_before_the_start_hides_none_after_it(self):
        entries = [*here(30), adverse_event(1, "AE-1"), adverse_event(20, "AE-2"),
                   adverse_event(25, "AE-3")]  # fmt: skip
        assert time_of(RECORDED, *entries) == (18, True, False)
        last = RECORDED | {"events": [{"recorded": "adverse-event.reported", "which": "last"}]}
        assert time_of(last, *entries) == (23, True, False)

    def test_nor_does_a_censoring_or_a_result(self):
        values = {"recorded": "visit.recorded"}
        ends = OS | {"censored": [values]}
        assert time_of(ends, *here(10), contact(1), contact(20)) == (8, False, False)
        low = OS | {"start": {"recorded": "regimen.started"},
                    "events": [{"parameter": "viral-load", "below": 50}]}  # fmt: skip
        began = entry("regimen.started", date=day(14), regimen="x")
        results = [viral_load(10, 20), viral_load(20, 30), viral_load(25, 40)]
        assert time_of(low, *here(30), began, *results) == (7, True, False)

    def test_the_days_to_a_record_are_those_to_the_first_on_or_after_the_start(self):
        span = {"days": {"start": "first-dose", "end": {"recorded": "visit.recorded"}}}
        study = parallel(measures={"new": span})
        assert measured("new", enrolment(), contact(2), dose(7), contact(9), study=study) == 3
        assert measured("new", enrolment(), contact(2), dose(7), study=study) is None

    def test_an_end_that_has_a_name_may_lie_before_the_start(self):
        span = {"days": {"start": "randomisation", "end": "first-dose"}}
        study = parallel(measures={"new": span})
        assert measured("new", enrolment(), randomised("a", at=3), dose(2), study=study) == -1
        assert measured("new", enrolment(), randomised("a", at=3), dose(3), study=study) == 1

    def test_a_coded_event_is_dated_by_what_it_codes(self):
        time = OS | {"events": [{"adverse_event": {"terms": ["Headache"]}}]}
        events = [adverse_event(12, "AE-1"), coding("Rash", "AE-1"), adverse_event(20, "AE-2"),
                  coding("Headache", "AE-2")]  # fmt: skip
        assert time_of(time, *here(30), *events) == (18, True, False)
        groups = OS | {"events": [{"adverse_event": {"groups": ["Rash (pooled)"]}}]}
        assert time_of(groups, *here(30), *events) == (10, True, False)

    def test_an_event_without_a_date_is_none_and_is_spoken_of(self):
        undated = adverse_event(None)
        for time in (RECORDED, FIRST_EVENT):
            assert time_of(time, *here(30), undated) == (28, False, True)
            assert time_of(time, *here(30), undated, adverse_event(20, "AE-2")) == (18, True, False)
            assert time_of(time, *here(30)) == (28, False, False)

    def test_the_table_says_of_how_many(self):
        people = [
            item
            for name, event in (("S-1", adverse_event(None, subject="S-1")),
                                ("S-2", adverse_event(20, subject="S-2")))
            for item in (enrolment(subject=name), randomised("a", name, at=3),
                         dose(7, subject=name), contact(30, name), event)
        ]  # fmt: skip
        rows = ({"survival": {"time": "ae"}}, {"id": "rate", "incidence": {"filter": {}}},
                {"id": "any", "events": {}})  # fmt: skip
        grid = table_of(people, *rows, times={"ae": RECORDED})
        assert statistic(grid, "any", "a", "n") == 2
        for row in ("row", "rate"):
            assert (statistic(grid, row, "a", "n"), statistic(grid, row, "a", "undated")) == (1, 1)
            assert statistic(grid, row, "b", "undated") is None
        text = "Row: events without a known date are not counted. Subjects: Drug 1, Total 1."
        assert grid.footnotes == (text,)
        assert table_of(people[5:], *rows, times={"ae": RECORDED}).footnotes == ()


class TestIncidence:
    @staticmethod
    def rate(*entries: Entry) -> tuple[int, Any]:
        row = {"incidence": {"filter": {}, "per": 1}}
        grid = table_of([enrolment(), randomised("a", at=3), dose(7), *entries], row)
        return statistic(grid, "row", "a", "n"), cell(grid, "row", "a").get("years").raw

    def test_an_event_before_the_first_dose_is_none_at_risk_and_hides_none(self):
        assert self.rate(adverse_event(2), contact(7 + 1460))[0] == 0
        n, _ = self.rate(adverse_event(2, "AE-1"), adverse_event(9, "AE-2"), contact(20))
        assert n == 1

    def test_a_partial_onset_counts_from_the_first_dose_on(self):
        assert self.rate(adverse_event("2015-06"), contact(20))[0] == 1
        assert self.rate(adverse_event("2015-06", end="2015-06-05"), contact(20))[0] == 0


class TestCutOff:
    def test_a_death_counts_from_the_day_that_it_counts_as(self):
        entries = [*here(40), death("2015")]  # seen alive on 2015-07-11
        assert time_of(OS, *entries, until="2015-06-30") == (5, False, False)
        assert time_of(OS, *entries, until="2015-07-11") == (38, True, False)

    def test_an_event_after_it_is_none(self):
        entries = [*here(10), adverse_event(20)]
        assert time_of(RECORDED, *entries, until=day(19)) == (8, False, False)
        assert time_of(RECORDED, *entries, until=day(20)) == (18, True, False)

    def test_a_partial_onset_is_that_of_the_whole(self):
        entries = [*here(30), adverse_event("2015-06")]
        assert time_of(RECORDED, *entries, until=day(6)) == (1, False, False)
        assert time_of(RECORDED, *entries, until=day(7)) == (5, True, False)


class TestPeriods:
    def test_a_partial_date_is_of_the_period_that_it_counts_in(self):
        condition = {"recorded": "adverse-event.reported", "period": "treatment"}
        study = parallel(conditions={"new": condition})
        entries = [enrolment(), dose(7)]
        assert truth("new", *entries, adverse_event("2015-06"), study=study) is True
        ended = adverse_event("2015-06", end="2015-06-05")
        assert truth("new", *entries, ended, study=study) is False


class TestKindsWithoutADate:
    @pytest.mark.parametrize("kind", ["adverse-event.coded", "subject.superseded"])
    def test_they_are_refused_as_dates(self, kind):
        values = {"recorded": kind}
        for part, path in (
            ({"times": {"new": OS | {"events": [values]}}}, "/times/new/events/0/recorded"),
            ({"times": {"new": OS | {"start": values}}}, "/times/new/start/recorded"),
            ({"times": {"new": OS | {"censored": [values]}}}, "/times/new/censored/0/recorded"),
            ({"measures": {"new": {"days": {"start": "enrolment", "end": values}}}},
             "/measures/new/days/end/recorded"),
            ({"conditions": {"new": values | {"period": "control"}}}, "/conditions/new/recorded"),
        ):  # fmt: skip
            with pytest.raises(Rejected) as caught:
                checking.check_definition(parallel(**part))
            (fault,) = caught.value.faults
            assert (fault.pointer, "without a date" in fault.detail) == (path, True)

    def test_and_what_to_write_instead_is_said(self):
        values = {"recorded": "adverse-event.coded", "where": {"pt": "Headache"}}
        with pytest.raises(Rejected) as caught:
            checking.check_definition(parallel(times={"new": OS | {"events": [values]}}))
        assert "write `adverse_event`" in caught.value.faults[0].detail

    def test_a_group_of_terms_that_is_none_is_refused_in_a_date(self):
        values = {"adverse_event": {"groups": ["Rashes"]}}
        with pytest.raises(Rejected) as caught:
            checking.check_definition(parallel(times={"new": OS | {"events": [values]}}))
        assert caught.value.faults[0].pointer == "/times/new/events/0/adverse_event/groups/0"

    def test_without_a_blind_a_date_by_treatment_is_hidden(self):
        result = OS | {"events": [{"adverse_event": {"treatment": "drug"}}]}
        study = parallel([{"survival": {"time": "new"}}, {"id": "n", "count": "enrolled"}],
                         times={"new": result}, blinded=True)  # fmt: skip
        checking.check_definition(study)
        assert "new" not in study.open.definition.times
        assert [row.id for row in study.open.definition.tables[0].rows] == ["n"]


def test_a_visit_may_have_a_time():
    values = {"record": "V", "visit": "day-0", "date": day(0, "09:30")}
    acceptance.check_acceptable(tiny(), entry("visit.recorded", **values))
    with pytest.raises(Rejected):
        read({**_event(values), "data": {"revision": 1, **values, "date": day(0, "25:00")}})


def _event(data: dict[str, Any]) -> dict[str, Any]:
    return {"specversion": "1.0", "id": "1", "source": "urn:tests", "subject": "S-1",
            "type": "org.livetlf.visit.recorded.v1", "time": "2016-01-01T00:00:00Z",
            "data": data}  # fmt: skip


TEXTS = st.sampled_from(
    ["2015", "2014", "2015-05", "2015-06", "2015-07", *(f"2015-06-{d:02}" for d in range(1, 31))]
)


@given(
    onset=TEXTS, end=st.none() | TEXTS, died=st.none() | TEXTS, first=st.none() | st.integers(0, 60)
)
def test_whatever_is_known_a_date_counts_as_a_day_that_it_can_mean(onset, end, died, first):
    data = {"onset": onset, **({"end": end} if end else {})}
    event = Record("adverse-event.reported", "A", 1, void=False, data=data)
    records: dict[str, list[Record]] = {event.kind: [event]}
    if died:
        records["death.reported"] = [Record("death.reported", "D", 1, void=False,
                                            data={"date": died})]  # fmt: skip
    if first is not None:
        record = Record("dose.administered", "X", 1, void=False, data={"start": day(first)})
        records["dose.administered"] = [record]
    imputation = Imputation(records)
    for kind, field, text in (("adverse-event.reported", "onset", onset),
                              ("adverse-event.reported", "end", end),
                              ("death.reported", "date", died)):  # fmt: skip
        result = imputation.dated(kind, field, {**data, "date": died})
        assert (result is None) == (text is None)
        if text is not None and result is not None:
            assert dates.earliest(text) <= result.day <= result.latest <= dates.latest(text)
    began, ended = (imputation.dated(event.kind, field, data) for field in ("onset", "end"))
    if began and ended and dates.earliest(onset) <= dates.latest(str(end)):
        assert isinstance(began, Dated)
        assert began.day <= ended.day
