"""Listings and tables say by what they are sorted, and are."""

from typing import Any

import builders
import pytest
from builders import adverse_event, coding, death, dose, enrolment

from trial.events.payloads import KINDS
from trial.tables.grid import Listing


def made(records: str, *entries: Any, **options: Any) -> Listing:
    listing = {"id": "L", "title": "L", "population": "All", "records": records,
               "columns": [{"id": "S", "label": "S", "source": "subject"},
                           {"id": "R", "label": "R", "source": "record"}]}  # fmt: skip
    return builders.listings_of(builders.tiny(listings=[listing | options]), entries)["L"]


@pytest.mark.parametrize(
    "records", [*KINDS, "subjects", "discrepancies", "observations:cd4", "observations:cd4,weight"]
)
def test_every_listing_says_by_what_it_is_sorted(records):
    columns = [{"id": "S", "label": "S", "source": "subject"}]
    (first, *_) = made(records, columns=columns).footnotes
    assert first.startswith("Sorted by subject")
    assert records != "observations:cd4,weight" or "parameter" in first
    assert records != "subject.superseded" or "date" not in first


def test_a_listing_is_sorted_as_it_says():
    onsets = {"A": "2015-06-20", "B": "2015-06", "C": None, "D": "2015-06-02", "E": "2015"}
    events = [adverse_event(onset, record) for record, onset in onsets.items()]
    of_another = [adverse_event("2015-01", "X", "R-9"), enrolment(subject="R-9")]
    listing = made("adverse-event.reported", enrolment(), dose(), *events, *of_another)
    assert list(listing.rows) == [
        ("R-9", "X"), *(("S-1", record) for record in ("C", "E", "B", "D", "A")),
    ]  # fmt: skip
    assert "onset (none first; a partial date" in listing.footnotes[0]


def test_results_are_sorted_by_parameter_day_time_and_record():
    results = [builders.cd4(3, 1, "10:00", record="A"), builders.cd4(3, 1, "09:00", record="B"),
               builders.cd4(2, 1, record="C"), builders.viral_load(9, 1, record="V")]  # fmt: skip
    listing = made("observations:viral-load,cd4", enrolment(), *results)
    assert [row[1] for row in listing.rows] == ["V", "C", "B", "A"]


TERMS = "Classes, and terms within each, are sorted by their subjects, summed over the columns"
TERM = "Terms are sorted by their subjects, summed over the columns"
LEVELS = "Cause: levels that have no place of their own are sorted by their subjects"


def test_tables_in_order_of_frequency_say_so_where_there_is_an_order():
    entries = [enrolment(), dose(), adverse_event(), coding()]
    footnotes = builders.tables_of(builders.tiny(), [*entries, death()])["events"].footnotes
    assert [note for note in footnotes if note.startswith(TERM)] == []
    assert [note for note in footnotes if note.startswith(LEVELS)] == []
    items = [*entries, adverse_event(11, "AE-2"), coding("Nausea", "AE-2"), death(cause="A"),
            enrolment(subject="S-2"), dose(subject="S-2"),
            death(subject="S-2", cause="B")]  # fmt: skip
    result = builders.tables_of(builders.tiny(), items)["events"].footnotes
    for start in (TERMS, TERM, LEVELS):
        assert len([note for note in result if note.startswith(start)]) == 1
