"""Listings of some results and events: by bounds, beyond their reference range, by a filter."""

from typing import Any

import pytest
from builders import TINY, adverse_event, cd4, coding, dose, enrolment, listings_of, rows_of, tiny

from trial.definition.study import Study
from trial.errors import Rejected
from trial.reporting.methods import methods
from trial.tables import checking

RESULTS = [
    enrolment(),
    dose(),
    cd4(8, 100, range_low=200, range_high=900),
    cd4(9, 200, range_low=200, range_high=900),
    cd4(10, 901, range_low=200, range_high=900),
    cd4(11, 150),
    cd4(12, 950, range_low=200),
    cd4(13, "<20", range_low=200, method="B"),
]
PARAMETERS = TINY["parameters"] | {
    "low": {"label": "Low", "unit": "x LLN", "lower_limits_of": "cd4"},
}


def study_of(records: str, sources: list[str], **options: Any) -> Study:
    columns = [{"id": name, "label": name, "source": name} for name in sources]
    listing = {"id": "L", "title": "L", "population": "P", "records": records, "columns": columns}
    groups = [{"label": "Head", "terms": ["Headache"], "broad": ["Dizziness"]}]
    return tiny(
        parameters=PARAMETERS, adverse_events=TINY["adverse_events"] | {"groups": groups},
        listings=[listing | options],
    )  # fmt: skip


def results(records: str = "observations:cd4", **options: Any) -> list[Any]:
    listing = listings_of(study_of(records, ["result"], **options), RESULTS)["L"]
    return [row["result"] for row in map(dict, rows_of(listing))]


BETWEEN = {"parameter": "cd4", "more_than": 150, "below": 901}


@pytest.mark.parametrize(
    ("options", "listed"),
    [
        ({}, ["100", "200", "901", "150", "950", "<20"]),
        ({"out_of_range": True}, ["100", "901", "<20"]),
        ({"results": [BETWEEN]}, ["200"]),
        ({"results": [BETWEEN, {"parameter": "cd4", "at_most": 100}]}, ["100", "200", "<20"]),
        ({"results": [{"parameter": "cd4", "where": {"method": "B"}}]}, ["<20"]),
        ({"results": [{"parameter": "cd4", "below": 20}]}, ["<20"]),
        ({"results": [{"parameter": "cd4", "below": 19}]}, []),
        ({"results": [{"parameter": "cd4", "more_than": 150}], "out_of_range": True}, ["901"]),
    ],
)
def test_a_listing_shows_the_results_within_its_bounds(options, listed):
    assert results(**options) == listed


def test_of_several_parameters_each_has_its_own_bounds():
    options = {
        "results": [{"parameter": "low", "at_most": 0.5}, {"parameter": "cd4", "below": 101}]
    }
    assert results("observations:cd4,low", **options) == ["100", "<20", "100", "<20"]


def test_results_without_a_range_are_not_out_of_it_and_a_footnote_says_so():
    listing = listings_of(study_of("observations:cd4", ["result"], out_of_range=True), RESULTS)["L"]
    assert any("one without a limit on its side is not" in note for note in listing.footnotes)


EVENTS = [
    enrolment(),
    dose(0),
    *(
        adverse_event(onset, f"AE-{onset}", grade=grade)
        for onset, grade in ((3, 1), (4, 3), (5, 4))
    ),
    adverse_event(6, "AE-6"),
    *(
        coding(pt, f"AE-{onset}")
        for onset, pt in ((3, "Headache"), (4, "Dizziness"), (5, "Headache"))
    ),
]


@pytest.mark.parametrize(
    ("events", "listed"),
    [
        ({}, ["Headache", "Dizziness", "Headache", "Not coded"]),
        ({"grade_at_least": 3}, ["Dizziness", "Headache"]),
        ({"groups": ["Head"]}, ["Headache", "Headache"]),
        ({"groups": ["Head"], "scope": "broad", "grade": [1, 3]}, ["Headache", "Dizziness"]),
        ({"serious": True}, []),
    ],
)
def test_a_listing_shows_the_events_that_meet_its_filter(events, listed):
    study = study_of("adverse-event.reported", ["pt"], events=events)
    rows = map(dict, rows_of(listings_of(study, EVENTS)["L"]))
    assert [row["pt"] for row in rows] == listed


def test_methods_say_which():
    study = study_of("observations:cd4", ["result"], out_of_range=True, results=[BETWEEN])
    text = " ".join(
        str(cell) for part in methods(study.definition) for row in part.rows for cell in row
    )
    assert "beyond the reference range reported with it, if it is one of a result of" in text
    events = study_of("adverse-event.reported", ["pt"], events={"grade": [3]})
    text = " ".join(
        str(cell) for part in methods(events.definition) for row in part.rows for cell in row
    )
    assert "that is an adverse event: " in text


@pytest.mark.parametrize(
    ("records", "options", "pointer", "words"),
    [
        ("observations:low", {"out_of_range": True}, "/listings/0/out_of_range", "is derived"),
        ("observations:low", {"results": [{"parameter": "cd4"}]},
         "/listings/0/results/0/parameter", "none of those that are listed: low"),
        ("observations:cd4", {"results": [{"parameter": "cd5"}]},
         "/listings/0/results/0/parameter", "cd4"),
        ("subjects", {"out_of_range": True}, "/listings/0", "of observations alone"),
        ("observations:cd4", {"events": {}}, "/listings/0", "adverse-event.reported alone"),
        ("adverse-event.reported", {"events": {"groups": ["Heart"]}},
         "/listings/0/events/groups/0", "Head"),
    ],
)  # fmt: skip
def test_what_cannot_be_listed_is_refused(records, options, pointer, words):
    with pytest.raises(Rejected) as refused:
        checking.check_definition(study_of(records, ["subject"], **options))
    details = {fault.pointer: fault.detail for fault in refused.value.faults}
    assert words in details[pointer], details
