"""Prior and concomitant medication, coded and by class, with dates of which part is unknown."""

from itertools import product
from typing import Any

import builders
import pytest
from builders import (
    TINY,
    day,
    disposition,
    dose,
    enrolment,
    entry,
    listings_of,
    measured,
    tiny,
    truth,
)
from hypothesis import given
from hypothesis import strategies as st
from parallel import printed, randomised, table_of

from trial.definition.medications import Medications
from trial.definition.study import Study
from trial.errors import Rejected
from trial.events import dates
from trial.events.envelope import Entry
from trial.reporting.methods import methods
from trial.subject.cutoff import records_until
from trial.subject.medications import Span, is_concomitant, is_prior

FIRST = dates.earliest("2015-06-08")
"""The day of the first dose of everybody here."""
TEXTS = [None, "2015", "2015-05", "2015-06", "2015-07", "2015-06-07", "2015-06-08", "2015-06-09",
         "2014", "2016-01-20"]  # fmt: skip
_DAYS = range(dates.earliest("2013-01-01"), dates.earliest("2017-01-01"), 1)
rules = st.builds(
    Medications,
    prior=st.sampled_from(["started-before", "ended-before"]),
    concomitant=st.sampled_from(["taken", "started"]),
    days_after_last_dose=st.none() | st.sampled_from([0, 30]),
    undetermined=st.sampled_from(["unknown", "concomitant"]),
)


def _possible(text: str | None) -> range:
    if text is None:
        return _DAYS
    return range(dates.earliest(text), dates.latest(text) + 1)


def _spans(start: str | None, end: str | None, *, ongoing: bool) -> list[tuple[int, int]]:
    """List all days of start and end that matter: the ends of every range and the days between."""
    windows_end = [FIRST + treated + window for treated in (0, 10) for window in (0, 30)]
    marks = {FIRST - 1, FIRST, *windows_end, *(day + 1 for day in windows_end)}
    ends = [max(_DAYS)] if ongoing and end is None else _some(_possible(end), marks)
    return [
        (first, last)
        for first, last in product(_some(_possible(start), marks), ends)
        if first <= last
    ]


def _some(days: range, marks: set[int]) -> list[int]:
    return sorted({days[0], days[-1], *(mark for mark in marks if mark in days)})


def _judged(answers: list[bool]) -> bool | None:
    return answers[0] if len(set(answers)) == 1 else None


@given(
    rules, st.sampled_from(TEXTS), st.sampled_from(TEXTS), st.booleans(), st.sampled_from([0, 10])
)
def test_every_pair_of_days_that_the_dates_can_mean_is_considered(
    defined, start, end, ongoing, treated
):
    last_dose = FIRST + treated
    spans = _spans(start, end, ongoing=ongoing)
    if not spans:
        return  # it ends before it starts, which is not accepted
    window = defined.days_after_last_dose
    prior = [
        first < FIRST if defined.prior == "started-before" else last < FIRST
        for first, last in spans
    ]
    concomitant = [
        (last >= FIRST if defined.concomitant == "taken" else first >= FIRST)
        and (window is None or first <= last_dose + window)
        for first, last in spans
    ]
    expected = _judged(prior), _judged(concomitant)
    if defined.undetermined == "concomitant":
        gone_on = False if defined.prior == "ended-before" else None
        expected = (
            gone_on if expected[0] is None else expected[0],
            True if expected[1] is None else expected[1],
        )
    data = {"start": start, "end": end, "ongoing": ongoing}
    span = Span.of({name: value for name, value in data.items() if value is not None})
    priors = is_prior(defined, span, FIRST), is_concomitant(defined, span, FIRST, last_dose)
    assert priors == expected


def taken(record: str = "CM-1", **data: Any) -> Entry:
    return entry("conmed.recorded", record=record, drug="as told", **data)


def coded(name: str, *codes: str, medication: str = "CM-1", **data: Any) -> Entry:
    values = {"record": f"C-{medication}", "medication": medication, "preferred_name": name}
    values |= {"dictionary": "WHODrug", "version": "2015.1"}
    return entry("conmed.coded", **(values | {"atc": [{"code": code} for code in codes]} | data))


CONDITIONS = {
    name: {"recorded": "conmed.recorded", "where": criteria}
    for name, criteria in {
        "prior": {"prior": True}, "concomitant": {"concomitant": True},
        "not-concomitant": {"concomitant": False},
        "statin": {"atc2": ["C10"], "concomitant": True},
        "named": {"preferred_name": "ASPIRIN"},
        "uncoded": {"preferred_name": "Not coded"},
    }.items()
}  # fmt: skip
WHERE = {"recorded": "conmed.recorded"}
ROWS = [
    *({"id": f"n-{name}", "label": name, "count": name} for name in CONDITIONS),
    *({"id": field, "label": field, "levels": {"recorded": "conmed.recorded", "field": field}}
      for field in ("atc1", "atc2", "atc4", "preferred_name", "prior")),
    {"id": "taken", "label": "Taken", "levels": {
        "recorded": "conmed.recorded", "field": "preferred_name", "where": {"concomitant": True}}},
]  # fmt: skip
LISTING = {
    "id": "CM", "title": "Medication", "population": "All", "records": "conmed.recorded",
    "columns": [{"id": name.upper(), "label": name, "source": name}
                for name in ("prior", "concomitant", "preferred_name", "atc2", "atc")],
}  # fmt: skip


def study(**medications: Any) -> Study:
    return tiny(
        medications=medications,
        conditions=dict(builders.TINY["conditions"]) | CONDITIONS,
        measures={
            **builders.TINY["measures"],
            "taken": {"records": "conmed.recorded", "where": {"concomitant": True}},
        },
        listings=[LISTING],
        key_results=[],
        tables=[{"id": "t", "title": "T", "population": "All", "rows": ROWS, "columns": [
            {"id": "total", "label": "Total", "set": "enrolled"}]}],
    )  # fmt: skip


BEFORE = {"start": day(-40), "end": day(-3)}
THROUGH = {"start": day(-40), "ongoing": True}
SINCE = {"start": day(9)}
OPEN = {"start": "2015-06"}
DOSED = (enrolment(), dose(7))


class TestConditions:
    @pytest.mark.parametrize(
        ("data", "prior", "concomitant"),
        [
            (BEFORE, True, False),
            (THROUGH, True, True),
            (SINCE, False, True),
            (OPEN, None, None),
            ({**OPEN, "ongoing": True}, None, True),
            ({"start": day(7)}, False, True),
            ({"end": day(7)}, None, True),
            ({"end": day(6)}, True, False),
            ({}, None, None),
        ],
    )
    def test_of_one_medication(self, data, prior, concomitant):
        history = (*DOSED, taken(**data))
        assert truth("prior", *history, study=study()) is prior
        assert truth("concomitant", *history, study=study()) is concomitant

    def test_one_that_is_meant_decides_and_one_that_may_be_leaves_it_open(self):
        history = [*DOSED, taken("A", **OPEN), taken("B", **BEFORE)]
        assert truth("prior", *history, study=study()) is True
        assert truth("concomitant", *history, study=study()) is None
        assert measured("taken", *history, study=study()) is None
        assert measured("taken", *history[:2], history[3], study=study()) == 0
        assert truth("concomitant", *DOSED, study=study()) is False

    def test_before_the_first_dose_nothing_is_known(self):
        history = [enrolment(), taken(**BEFORE)]
        assert truth("prior", *history, study=study()) is None
        grid = builders.tables_of(study(), history)["t"]
        assert printed(grid, "n-prior")["not_due"] == "1"
        entries = [*history, disposition(9)]
        assert printed(builders.tables_of(study(), entries)["t"], "n-prior")["missing"] == "1"

    def test_by_class_and_whether_it_is_coded(self):
        history = [*DOSED, taken(**SINCE)]
        statin = coded("SIMVASTATIN", "C10AA01", "B01")
        assert truth("statin", *history, statin, study=study()) is True
        assert truth("statin", *history, study=study()) is None
        assert truth("statin", *history, coded("X", "A10"), study=study()) is False
        assert truth("named", *history, study=study()) is None
        assert truth("uncoded", *history, study=study()) is True
        assert truth("uncoded", *history, statin, study=study()) is False

    def test_the_latest_version_of_a_coding_counts_whatever_came_first(self):
        old = coded("OLD", "A10", record="Z", version="2009.2")
        new = coded("ASPIRIN", "B01", record="A", version="2015.1")
        for codings in ((old, new), (new, old)):
            assert truth("named", *DOSED, taken(), *codings, study=study()) is True

    def test_after_a_cut_off_a_medication_that_ended_later_is_ongoing(self):
        (subject,) = builders.subjects([*DOSED, taken(start=day(-40), end=day(60))])
        cut = records_until(subject, dates.earliest(day(20)))
        data = cut.records["conmed.recorded", "CM-1"].data
        assert data == {"drug": "as told", "start": day(-40), "ongoing": True}


class TestClasses:
    HISTORY = (*DOSED, taken(**SINCE), taken("CM-2"), taken("CM-3", **BEFORE),
               coded("ASPIRIN", "N02BA01", "B01AC06"),
               coded("CO-ASPIRIN", "N02BA51", medication="CM-2"))  # fmt: skip

    def levels(self, row: str, **medications: Any) -> dict[str, str]:
        grid = builders.tables_of(study(**medications), self.HISTORY)["t"]
        return {item.id.removeprefix(f"{row}/"): item.cells[0].get("n").text
                for item in grid.rows if item.id.startswith(f"{row}/")}  # fmt: skip

    def test_a_subject_counts_once_in_each_class(self):
        assert self.levels("atc1") == {"B": "1", "N": "1", "Not coded": "1"}
        assert self.levels("atc4") == {"B01AC": "1", "N02BA": "1", "Not coded": "1"}

    def test_or_in_the_first_class_of_each_medication(self):
        assert self.levels("atc1", classes="first") == {"N": "1", "Not coded": "1"}

    def test_levels_of_what_is_known_to_be_concomitant(self):
        assert self.levels("taken") == {"ASPIRIN": "1"}

    def test_a_level_goes_by_its_name_where_that_is_sent(self):
        coding = coded("ASPIRIN", atc=[{"code": "N02BA01", "atc1": "NERVOUS SYSTEM"}])
        rows = listings_of(study(), [*DOSED, taken(**SINCE), coding])["CM"].rows
        assert list(rows) == [("N", "Y", "ASPIRIN", "N02", "N02BA01, NERVOUS SYSTEM")]

    def test_a_listing_leaves_blank_what_is_not_known(self):
        rows = listings_of(study(), [*DOSED, taken(**OPEN)])["CM"].rows
        assert list(rows) == [(None, None, "Not coded", "Not coded", "Not coded")]

    def test_what_has_no_class_is_not_coded_wherever_it_is_shown(self):
        """In levels, in terms, in conditions and in listings it goes by one name."""
        history = [*DOSED, taken(**SINCE), coded("WATER", atc=[])]
        grid = builders.tables_of(study(), history)["t"]
        row_ids = {row.id for row in grid.rows if row.cells and row.id.startswith("atc1/")}
        assert row_ids == {"atc1/Not coded"}
        rows = listings_of(study(), history)["CM"].rows
        assert [row[3:] for row in rows] == [("Not coded", "Not coded")]
        by_class = {"record_terms": {"recorded": "conmed.recorded",
                                     "by": ["atc1", "preferred_name"]}}  # fmt: skip
        terms = table_of([*history, randomised("a")], by_class)
        assert [row.label for row in terms.rows] == ["Not coded", "WATER"]
        not_coded = {"recorded": "conmed.recorded", "where": {"atc1": "Not coded"}}
        nervous = {"recorded": "conmed.recorded", "where": {"atc1": "N"}}
        conditions = TINY["conditions"] | {"asked": not_coded, "other": nervous}
        for name, answer in (("asked", True), ("other", False)):
            assert truth(name, *history, study=tiny(conditions=conditions)) is answer

    @pytest.mark.parametrize("code", ["A1", "a10", "A10BA2", "A10BA02X", ""])
    def test_a_code_that_no_class_can_have_is_refused(self, code):
        with pytest.raises(Rejected) as no:
            coded("X", code)
        (fault,) = no.value.faults
        assert fault.pointer == "/data/atc/0/code"
        assert "ATC class" in fault.detail


def test_the_methods_say_how_it_is_told_and_only_where_it_is_used():
    def words(defined: Any) -> str:
        return " ".join(
            text for section in methods(defined.definition) if section.id == "medications"
            for row in section.rows for text in row
        )  # fmt: skip

    assert "ended before the day of the first dose" in words(study(prior="ended-before"))
    assert "at most 30 days after the last dose" in words(study(days_after_last_dose=30))
    assert "first that was sent" in words(study(classes="first"))
    assert words(tiny()) == ""


def test_two_codings_of_one_version_that_differ_are_a_discrepancy():
    result, outcome = coded("A", "A10", record="C1"), coded("B", "A10", record="C2")
    value = builders.derive(*DOSED, taken(**SINCE), result, outcome, study=study()).undecided
    assert [(item.name, item.records) for item in value] == [("conmed.coded", ("C1", "C2"))]
