"""Dates in listings: as collected, as the day they count as, flagged where imputed; and lazily."""

import json
import tracemalloc
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import builders
import pytest
from builders import (
    TINY,
    adverse_event,
    day,
    death,
    disposition,
    dose,
    enrolment,
    listings_of,
    report_of,
    rows_of,
    tiny,
    viral_load,
)

from trial.definition import study
from trial.errors import Rejected
from trial.events import dates
from trial.reporting import report
from trial.subject.cut_spec import CutSpec
from trial.subject.derivation import Derivation
from trial.subject.fold import Subject
from trial.tables import checking, listings
from trial.tables.compiled import compiled

SUBJECT = {"id": "USUBJID", "label": "Subject", "source": "subject"}
ONSET = {"id": "AESTDTC", "label": "Onset", "source": "onset", "kind": "date"}
END = {"id": "AEENDTC", "label": "End", "source": "end", "kind": "date"}
Line = dict[str, Any]


def listing(*columns: Line, records: str = "adverse-event.reported", **options: Any) -> Line:
    base = {"id": "L", "title": "L", "population": "All", "records": records}
    return base | {"columns": [SUBJECT, *columns]} | options


def shown(listing_: Line, *entries: Any) -> Line:
    (row,) = rows_of(listings_of(tiny(listings=[listing_]), entries)["L"])
    return row


def of_event(*entries: Any) -> Line:
    """Give the row of an adverse event of someone first dosed on day 7, 2015-06-08."""
    return shown(listing(ONSET, END), enrolment(), dose(7), *entries)


def start(row: Line) -> list[Any]:
    return [row[name] for name in ("AESTDTC", "AESTDT", "AESTDTF", "AESTDY")]


def end(row: Line) -> list[Any]:
    return [row[name] for name in ("AEENDTC", "AEENDT", "AEENDTF", "AEENDY")]


class TestColumns:
    def test_a_date_becomes_its_text_the_day_the_flag_and_the_study_day(self):
        columns = listings_of(tiny(listings=[listing(ONSET)]), [])["L"].columns
        assert [(column.id, column.label, column.kind) for column in columns[1:]] == [
            ("AESTDTC", "Onset", "date"),
            ("AESTDT", "Onset (date)", "day"),
            ("AESTDTF", "Onset (imputed)", "text"),
            ("AESTDY", "Onset (study day)", "number"),
        ]

    def test_a_date_that_is_never_imputed_has_no_flag(self):
        collected = {"id": "LBDTC", "label": "Drawn", "source": "collected", "kind": "date"}
        for records in ("lab.result.reported", "observations:viral-load"):
            listing_ = listings_of(tiny(listings=[listing(collected, records=records)]), [])["L"]
            assert [column.id for column in listing_.columns[1:]] == ["LBDTC", "LBDT", "LBDY"]

    def test_a_study_day_that_the_definition_shows_stands_once(self):
        study_day = {"id": "ADY", "label": "Day", "source": "onset.study-day", "kind": "number"}
        columns = listings_of(tiny(listings=[listing(ONSET, study_day)]), [])["L"].columns
        assert [column.id for column in columns[1:]] == ["AESTDTC", "AESTDT", "AESTDTF", "ADY"]

    def test_a_column_of_the_definition_stands_before_one_that_would_be_added(self):
        own_column = {"id": "AESTDT", "label": "Mine", "source": "term"}
        columns = listings_of(tiny(listings=[listing(ONSET, own_column)]), [])["L"].columns
        assert [column.label for column in columns if column.id == "AESTDT"] == ["Mine"]

    def test_a_day_is_one_column(self):
        first = {"id": "TRTSDT", "label": "First", "source": "first-dose", "kind": "day"}
        listing_ = listing(first, records="subjects")
        columns = listings_of(tiny(listings=[listing_]), [])["L"].columns
        assert [(column.id, column.kind) for column in columns[1:]] == [("TRTSDT", "day")]
        assert shown(listing_, enrolment(), dose(7, "11:30"))["TRTSDT"] == day(7)

    def test_a_date_derived_of_doses_has_neither_flag_nor_study_day(self):
        last = {"id": "TRTEDTC", "label": "Last", "source": "last-dose", "kind": "date"}
        row = shown(listing(last, records="subjects"), enrolment(), dose(7), dose(21))
        assert row == {"USUBJID": "S-1", "TRTEDTC": day(21), "TRTEDT": day(21)}

    def test_a_date_that_is_not_collected_says_so_once(self):
        none = {"id": "PCDTC", "label": "Drawn", "kind": "date"}
        row = shown(listing(none, records="subjects"), enrolment())
        assert row == {"USUBJID": "S-1", "PCDTC": "Not collected"}
        columns = listings_of(tiny(listings=[listing(none, records="subjects")]), [])["L"].columns
        assert columns[-1].kind == "text"

    def test_a_footnote_says_how_where_dates_may_be_imputed(self):
        died = {"id": "DTHDTC", "label": "Died", "source": "death-date", "kind": "date"}
        collection = {"id": "LBDTC", "label": "Drawn", "source": "enrolled", "kind": "date"}
        for column, notes in (
            (ONSET, 1), (END, 1), (died, 1), (ONSET | {"kind": "day"}, 0), (collection, 0)
        ):  # fmt: skip
            listing_ = listings_of(tiny(listings=[listing(column)]), [])["L"]
            assert [footnote[:8] for footnote in listing_.footnotes] == [
                "Sorted b",
                *["Imputed:"] * notes,
            ]

    @pytest.mark.parametrize("kind", ["date", "day"])
    @pytest.mark.parametrize("name", ["term", "subject", "measure:age", "onset.study-day"])
    def test_a_date_of_what_is_none_is_refused_where_it_stands(self, kind, name):
        column = {"id": "X", "label": "X", "source": name, "kind": kind}
        with pytest.raises(Rejected) as caught:
            checking.check_definition(tiny(listings=[listing(column)]))
        assert [fault.pointer for fault in caught.value.faults] == ["/listings/0/columns/1/kind"]


class TestOnset:
    @pytest.mark.parametrize(("onset", "study_day"), [(0, -7), (6, -1), (7, 1), (10, 4)], ids=str)
    def test_a_complete_date_is_its_day_and_there_is_no_study_day_0(self, onset, study_day):
        assert start(of_event(adverse_event(onset))) == [day(onset), day(onset), None, study_day]

    @pytest.mark.parametrize(
        ("text", "counts", "flag", "study_day"),
        [
            ("2015-05", "2015-05-01", "D", -38),
            ("2015-06", "2015-06-08", "D", 1),  # the month of the first dose
            ("2015-07", "2015-07-01", "D", 24),
            ("2014", "2014-01-01", "M", -523),
            ("2015", "2015-06-08", "M", 1),  # the year of the first dose
            ("2016", "2016-01-01", "M", 208),
            (None, None, None, None),
        ],
    )
    def test_a_partial_date_counts_as_the_first_it_can_mean_or_the_first_dose_s(
        self, text, counts, flag, study_day
    ):
        assert start(of_event(adverse_event(text))) == [text, counts, flag, study_day]

    def test_before_any_dose_a_partial_date_is_the_first_day_and_has_no_study_day(self):
        row = shown(listing(ONSET), enrolment(), adverse_event("2015-06"))
        assert start(row) == ["2015-06", "2015-06-01", "D", None]

    def test_a_study_day_that_the_definition_shows_agrees_with_the_date_beside_it(self):
        day_column = {"id": "ADY", "label": "Day", "source": "onset.study-day", "kind": "number"}
        row = shown(listing(ONSET, day_column), enrolment(), dose(7), adverse_event("2015-07"))
        assert (row["AESTDT"], row["ADY"]) == ("2015-07-01", 24)

    def test_without_the_date_beside_it_a_study_day_is_of_complete_dates_alone(self):
        day_column = {"id": "ADY", "label": "Day", "source": "onset.study-day", "kind": "number"}
        row = shown(listing(day_column), enrolment(), dose(7), adverse_event("2015-07"))
        assert row["ADY"] is None


class TestEnd:
    @pytest.mark.parametrize(
        ("text", "counts", "flag"),
        [
            (day(30), day(30), None),
            ("2015-07", "2015-07-31", "D"),
            ("2016-02", "2016-02-29", "D"),
            ("2015", "2015-12-31", "M"),
            (None, None, None),
        ],
    )
    def test_a_partial_end_counts_as_the_last_day_it_can_mean(self, text, counts, flag):
        assert end(of_event(adverse_event(8, end=text)))[:3] == [text, counts, flag]

    @pytest.mark.parametrize(
        ("died", "counts"),
        [("2015-07-10", "2015-07-10"), ("2015-07", "2015-07-01"), ("2015-06-20", "2015-07-01")],
    )
    def test_but_not_after_the_death_where_it_can_mean_a_day_before(self, died, counts):
        assert end(of_event(adverse_event(8, end="2015-07"), death(died)))[1] == counts

    @pytest.mark.parametrize(
        ("cutoff", "shown_end"),
        [
            ("2015-07-10", ["2015-07", "2015-07-10", "D", 33]),
            ("2015-08-10", ["2015-07", "2015-07-31", "D", 54]),
            ("2015-06-30", [None] * 4),  # it ends after the cut-off: still ongoing
        ],
    )
    def test_nor_after_a_cut_off(self, cutoff, shown_end):
        defined = tiny(listings=[listing(ONSET, END)])
        (subject,) = builders.subjects([enrolment(), dose(7), adverse_event(8, end="2015-07")])
        spec = CutSpec(cutoff=cutoff)
        sums = report.share_as_of(defined, subject, spec)
        report_ = report.report(defined, [subject], sums, spec)
        (row,) = rows_of(report_.listings[0])
        assert end(row) == shown_end

    def test_a_complete_end_after_a_death_stays_what_was_collected(self):
        assert end(of_event(adverse_event(8, end=day(30)), death(20)))[1] == day(30)


class TestOtherDates:
    def test_a_time_of_day_stays_in_the_text_and_leaves_the_date(self):
        collection = {"id": "LBDTC", "label": "Drawn", "source": "collected", "kind": "date"}
        results_listing = listing(collection, records="observations:viral-load")
        row = shown(results_listing, enrolment(), dose(7, "11:00"), viral_load(7, 100, "09:15"))
        assert [row[name] for name in ("LBDTC", "LBDT", "LBDY")] == [day(7, "09:15"), day(7), 1]

    @pytest.mark.parametrize(
        ("text", "counts", "flag", "on"),
        [("2015", "2015-07-11", "M", 34), ("2015-07", "2015-07-11", "D", 34),
         ("2015-08", "2015-08-01", "D", 55), ("2015-06", "2015-06-30", "D", 23)],
    )  # fmt: skip
    def test_a_partial_death_is_not_before_the_last_day_seen_alive(self, text, counts, flag, on):
        died = {"id": "DTHDTC", "label": "Died", "source": "death-date", "kind": "date"}
        entries = [enrolment(), dose(7), viral_load(40, 50), death(text)]
        row = shown(listing(died, records="subjects"), *entries)
        assert row == {
            "USUBJID": "S-1", "DTHDTC": text, "DTHDT": counts, "DTHDTF": flag, "DTHDY": on,
        }  # fmt: skip
        death_listing_date = {"id": "DTHDTC", "label": "Died", "source": "date", "kind": "date"}
        assert shown(listing(death_listing_date, records="death.reported"), *entries) == row

    def test_a_subject_s_dates_have_study_days(self):
        columns = [{"id": name, "label": name, "source": source, "kind": "date"}
                   for name, source in (("RFSTDTC", "enrolled"), ("EOSDTC", "end-of-study-date"),
                                        ("DTHDTC", "death-date"))]  # fmt: skip
        row = shown(listing(*columns, records="subjects"),
                    enrolment(), dose(7), disposition(40), death(40))  # fmt: skip
        assert (row["RFSTDT"], row["RFSTDY"]) == (day(0), -7)
        assert (row["EOSDT"], row["EOSDY"]) == (row["DTHDT"], row["DTHDY"]) == (day(40), 34)

    def test_of_a_blinded_study_the_open_listings_show_the_same_dates(self):
        defined = tiny(blinded=True, listings=[listing(ONSET)])
        entries = [enrolment(), dose(7), adverse_event("2015-06")]
        (row,) = rows_of(report_of(defined, entries, defined.open).listings[0])
        assert start(row) == ["2015-06", "2015-06-08", "D", 1]


class TestObservations:
    COLUMNS = ({"id": "TEST", "label": "Test", "source": "parameter"},
               {"id": "AVAL", "label": "Value", "source": "value", "kind": "number"},
               {"id": "UNIT", "label": "Unit", "source": "unit"},
               {"id": "VISIT", "label": "Visit", "source": "recorded-visit"})  # fmt: skip

    def test_a_listing_of_several_parameters_shows_each_by_its_name_places_and_unit(self):
        visit = builders.contact(0, visit="day-0", measurements=[
            {"parameter": "weight", "result": "80.25", "unit": "kg"}])  # fmt: skip
        results_listing = listing(*self.COLUMNS, records="observations:weight,cd4")
        rows = rows_of(
            listings_of(
                tiny(listings=[results_listing]), [enrolment(), builders.cd4(7, 50), visit]
            )["L"]
        )
        assert [list(map(str, row.values()))[1:] for row in rows] == [
            ["Weight", "80.3", "kg", "Day 0"],
            ["CD4", "50", "cells/uL", "None"],
        ]

    def test_a_parameter_that_is_none_is_refused(self):
        results_listing = listing(*self.COLUMNS, records="observations:weight,height")
        with pytest.raises(Rejected) as caught:
            checking.check_definition(tiny(listings=[results_listing]))
        assert [fault.pointer for fault in caught.value.faults] == ["/listings/0/records"]

    def test_a_result_chosen_for_two_visits_names_both(self):
        defined = json.loads(tiny().source)
        defined["visits"].append({"id": "any", "label": "Unplanned"})
        defined["listings"] = [listing({"id": "AVISIT", "label": "Visit", "source": "visit"},
                                       records="observations:weight")]  # fmt: skip
        visit = builders.contact(0, visit="any", measurements=[
            {"parameter": "weight", "result": "80", "unit": "kg"}])  # fmt: skip
        (row,) = rows_of(listings_of(study.load(json.dumps(defined)), [enrolment(), visit])["L"])
        assert row["AVISIT"] == "Day 0; Unplanned"


class Source:
    """Makes derivations anew at each iteration, and counts how often it is asked for them."""

    def __init__(self, subjects: list[Subject]) -> None:
        self.subjects = subjects
        self.begun = self.given = 0

    def __iter__(self) -> Iterator[Derivation]:
        self.begun += 1
        for subject in self.subjects:
            self.given += 1
            yield Derivation(tiny(), subject)


class TestLaziness:
    SUBJECTS = builders.subjects(
        event
        for i in range(50)
        for event in (enrolment(subject=f"S-{i:02}"),
                     adverse_event(record="AE-1", subject=f"S-{i:02}"),
                     adverse_event(record="AE-2", subject=f"S-{i:02}"))
    )  # fmt: skip

    def test_listings_are_made_before_any_subject_is_looked_at(self):
        source = Source(self.SUBJECTS)
        listings.listings(compiled(tiny()), source)
        assert (source.begun, source.given) == (0, 0)

    def test_each_reading_of_a_listing_goes_over_the_subjects_once(self):
        source = Source(self.SUBJECTS)
        all_listings = listings.listings(compiled(tiny()), source)
        for listing_ in all_listings:
            list(listing_.rows)
        # and the listing of discrepancies, which is there unasked
        assert source.begun == len(all_listings) == len(TINY["listings"]) + 1
        second_reading = [list(listing_.rows) for listing_ in all_listings]
        assert source.begun == 2 * len(all_listings)
        assert [len(rows) for rows in second_reading] == [50, 100, 0, 50]
        assert second_reading == [list(listing_.rows) for listing_ in all_listings]

    def test_a_row_is_made_when_it_is_read(self):
        source = Source(self.SUBJECTS)
        rows = iter(listings.listings(compiled(tiny()), source)[1].rows)
        for _ in range(5):
            next(rows)
        assert source.given == 3

    def test_no_more_is_held_of_many_subjects_than_of_few(self):
        def peak(times: int) -> int:
            copies = [deepcopy(self.SUBJECTS[0]) for _ in range(times)]
            for i, subject in enumerate(copies):
                object.__setattr__(subject, "id", f"S-{i:06}")
            rows = listings.listings(compiled(tiny()), Source(copies))[1].rows
            # What is made once and kept is made before: compiled patterns, and the 2,000 freed
            # tuples of each length that Python keeps for use again.
            for _ in range(2 + 1_000 // times):
                sum(1 for _ in rows)
            tracemalloc.start()
            assert sum(1 for _ in rows) == 2 * times
            reached = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return reached

        assert peak(400) < 2 * peak(20)

    def test_subjects_that_do_not_come_in_order_are_noticed(self):
        rows = listings.listings(compiled(tiny()), Source(self.SUBJECTS[::-1]))[0].rows
        with pytest.raises(AssertionError, match="in order"):
            list(rows)

    def test_a_report_gives_them_in_order_whatever_order_it_got_them_in(self):
        entries = [enrolment(subject=name) for name in ("S-2", "S-10", "S-1")]
        (first, *_) = report_of(tiny(), entries).listings
        assert [row[0] for row in first.rows] == ["S-1", "S-10", "S-2"]


def test_dates_of_the_tests_are_what_they_seem():
    assert (day(0), day(7)) == ("2015-06-01", "2015-06-08")
    assert dates.iso(dates.latest("2016-02")) == "2016-02-29"
