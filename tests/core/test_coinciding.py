"""Results that come together: in one sample, on one day, within some days, in an order."""

import random
from itertools import product
from typing import Any

import pytest
from builders import (
    TINY,
    adverse_event,
    cd4,
    coding,
    contact,
    derive,
    disposition,
    dose,
    enrolment,
    listings_of,
    rows_of,
    tiny,
    truth,
    viral_load,
)
from parallel import randomised, table_of

from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.reporting import report
from trial.reporting.methods import methods
from trial.rules.determination import pending_test
from trial.tables import checking

HIGH = [{"parameter": "viral-load", "at_least": 300}, {"parameter": "cd4", "at_least": 200}]
DOSED = (enrolment(), dose(0, "07:00"))


def study_of(results: list[dict[str, Any]] = HIGH, **conditions: Any) -> Study:
    return tiny(conditions=TINY["conditions"] | {"new": {"results": results} | conditions})


def answer(study: Study, *entries: Any) -> bool | None:
    return truth("new", *entries, study=study)


class TestTogether:
    @pytest.mark.parametrize(
        ("options", "days", "expected"),
        [
            ({}, (10, 10), True),
            ({}, (10, 11), False),
            ({"within_days": 30}, (10, 40), True),
            ({"within_days": 30}, (40, 10), True),
            ({"within_days": 30}, (10, 41), False),
            ({"within_days": 30, "in_order": True}, (10, 40), True),
            ({"within_days": 30, "in_order": True}, (40, 10), False),
            ({"within_days": 30, "in_order": True}, (10, 10), True),
        ],
        ids=str,
    )
    def test_within_days_and_in_order(self, options, days, expected):
        first, second = days
        entries = [*DOSED, viral_load(first, 300), cd4(second, 200)]
        assert answer(study_of(**options), *entries) is expected

    def test_one_sample_is_of_one_moment(self):
        study = study_of(one_sample=True)
        entries = [*DOSED, viral_load(9, 300, "09:00"), cd4(9, 200, "10:00")]
        assert answer(study, *entries) is False
        assert answer(study, *entries, cd4(9, 900, "09:00", record="X")) is True

    def test_of_several_results_any_pair_will_do(self):
        near = [viral_load(10, 300), viral_load(60, 500), cd4(20, 10), cd4(70, 250)]
        assert answer(study_of(within_days=10), *DOSED, *near) is True
        assert answer(study_of(within_days=9), *DOSED, *near) is False

    def test_only_results_after_the_first_dose(self):
        before = [enrolment(), viral_load(5, 300), cd4(5, 200), dose(6)]
        assert answer(study_of(), *before) is None
        assert answer(study_of(), *before, viral_load(9, 1), cd4(9, 1)) is False

    def test_and_if_asked_not_long_after_the_last(self):
        entries = [*DOSED, viral_load(9, 300), cd4(9, 200)]
        assert answer(study_of(days_after_last_dose=9), *entries) is True
        assert answer(study_of(days_after_last_dose=8), *entries) is None

    def test_a_result_beyond_quantification_is_judged_as_any(self):
        low = [{"parameter": "viral-load", "below": 50}, {"parameter": "cd4"}]
        for text, expected in (("<50", True), ("<51", False)):
            assert answer(study_of(low), *DOSED, viral_load(9, text), cd4(9, 1)) is expected

    def test_where_takes_results_that_were_obtained_so(self):
        by_pcr = [HIGH[0] | {"where": {"method": "PCR"}}, HIGH[1]]
        assert answer(study_of(by_pcr), *DOSED, viral_load(9, 300, method="PCR"), cd4(9, 200))
        assert answer(study_of(by_pcr), *DOSED, viral_load(9, 300), cd4(9, 200)) is None


class TestUnknown:
    def test_it_is_unknown_while_a_parameter_has_no_result(self):
        assert answer(study_of(), *DOSED) is None
        assert answer(study_of(), *DOSED, viral_load(9, 300)) is None
        assert answer(study_of(), *DOSED, viral_load(9, 300), cd4(9, 1)) is False

    def test_that_is_not_yet_due_until_all_is_over(self):
        study = study_of()
        pending = pending_test(report.compiled(study).rules, "new", "")
        entries = [*DOSED, viral_load(9, 300), contact(90)]
        assert pending(derive(*entries, study=study)) is True
        assert pending(derive(*entries, disposition(95), study=study)) is False

    def test_a_row_counts_of_those_for_whom_it_is_known(self):
        entries = [
            event
            for name, results in (("S-1", [300, 200]), ("S-2", [300, 1]), ("S-3", []))
            for event in (
                enrolment(subject=name), randomised("a", name), dose(0, "07:00", name),
                *(make(9, result, subject=name)
                  for make, result in zip((viral_load, cd4), results, strict=False)),
            )
        ]  # fmt: skip
        grid = table_of(entries, {"count": {"results": HIGH}})
        (row_cell, *_) = grid.rows[0].cells
        texts = {statistic.name: statistic.text for statistic in row_cell.statistics}
        assert (texts["n"], texts["N"], texts["percent"]) == ("1", "2", "50")

    def test_a_listing_says_not_yet_due(self):
        listing = {"id": "L", "title": "L", "population": "P", "records": "subjects",
                   "columns": [{"id": "H", "label": "H", "source": "condition:new"}]}  # fmt: skip
        study = tiny(conditions=TINY["conditions"] | {"new": {"results": HIGH}}, listings=[listing])
        assert [row["H"] for row in rows_of(listings_of(study, DOSED)["L"])] == ["Not yet due"]


@pytest.mark.parametrize("in_order", [False, True])
def test_it_is_what_all_pairs_say(in_order):
    rng = random.Random(13)  # noqa: S311 (a seed)
    three = [*HIGH, {"parameter": "viral-load", "below": 50}]
    for _ in range(60):
        days = rng.randint(0, 12)
        values = {
            make: {
                study_day: rng.choice([1, 40, 250, 400])
                for study_day in rng.sample(range(2, 30), 4)
            }
            for make in (viral_load, cd4)
        }
        entries = [
            make(study_day, value)
            for make, by_day in values.items()
            for study_day, value in by_day.items()
        ]
        days_of = [
            [study_day for study_day, value in values[make].items() if test(value)]
            for make, test in (
                (viral_load, lambda value: value >= 300),
                (cd4, lambda value: value >= 200),
                (viral_load, lambda value: value < 50),
            )
        ]
        expected = any(
            max(picked) - min(picked) <= days and (not in_order or list(picked) == sorted(picked))
            for picked in product(*days_of)
        )
        rng.shuffle(entries)
        study = study_of(three, within_days=days, in_order=in_order)
        assert answer(study, *DOSED, *entries) is expected


TERM = {"adverse_event": {"terms": ["Headache"]}}
LOW = {"parameter": "viral-load", "below": 70}


class TestWithAdverseEvents:
    """An adverse event is there on the day of its onset."""

    def fainted(self, at: int | None, *coded: str) -> list[Entry]:
        return [adverse_event(at), *(coding(term) for term in coded)]

    def test_a_result_and_an_event_within_days(self):
        study = study_of([LOW, TERM], within_days=7)
        low = viral_load(20, 60)
        assert answer(study, *DOSED, low, *self.fainted(13, "Headache")) is True
        assert answer(study, *DOSED, low, *self.fainted(12, "Headache")) is False
        assert answer(study, *DOSED, low, *self.fainted(20, "Nausea")) is False
        assert answer(study, *DOSED, low, *self.fainted(None, "Headache")) is False
        assert answer(study, *DOSED, *self.fainted(20, "Headache")) is None

    def test_events_alone_are_known_at_once(self):
        two = study_of([TERM, {"adverse_event": {"serious": True}}], within_days=3)
        assert answer(two, *DOSED) is False
        other = adverse_event(13, "AE-2", serious=True)
        assert answer(two, *DOSED, other, *self.fainted(10, "Headache")) is True
        assert answer(two, *DOSED, other, *self.fainted(9, "Headache")) is False

    def test_as_many_as_are_asked_for(self):
        study = study_of([LOW | {"number": 2}, TERM | {"number": 2}], within_days=7)
        twice = [*self.fainted(14, "Headache"), adverse_event(14, "AE-2"),
                 coding("Headache", "AE-2")]  # fmt: skip
        assert answer(study, *DOSED, viral_load(14, 60), *twice) is False
        assert answer(study, *DOSED, viral_load(14, 60), viral_load(21, 60), *twice) is True
        assert answer(study, *DOSED, viral_load(14, 60), viral_load(22, 60), *twice) is False

    def test_only_those_after_the_first_dose_and_not_long_after_the_last(self):
        study = study_of([LOW, TERM], within_days=30, days_after_last_dose=20)
        late = [enrolment(), dose(10), viral_load(12, 60)]
        assert answer(study, *late, *self.fainted(9, "Headache")) is False
        assert answer(study, *late, *self.fainted(10, "Headache")) is True
        assert answer(study, *late, *self.fainted(31, "Headache")) is False

    def test_a_class_is_unknown_while_the_event_that_would_decide_is_not_coded(self):
        condition = {"results": [LOW, TERM], "within_days": 7}
        classes = {"label": "C", "classes": [{"value": "yes", "label": "Yes",
                                              "condition": condition}]}  # fmt: skip
        study = tiny(classes={"c": classes})
        level = report.compiled(study).rules.category("c", "")
        low = [*DOSED, viral_load(20, 60)]
        assert level(derive(*low, *self.fainted(18), study=study)) is None
        assert level(derive(*low, *self.fainted(18, "Headache"), study=study)) == "yes"
        assert level(derive(*low, *self.fainted(2), study=study)) == "Other"


def test_with_events_it_is_what_all_pairs_say():
    rng = random.Random(17)  # noqa: S311 (a seed)
    for _ in range(40):
        days = rng.randint(0, 6)
        onsets = {f"AE-{i}": (rng.randint(1, 40), rng.choice(["Headache", "Rash"]))
                  for i in range(4)}  # fmt: skip
        values = {at: rng.choice([60, 80]) for at in rng.sample(range(2, 40), 4)}
        entries = [viral_load(at, value) for at, value in values.items()]
        for name, (at, term) in onsets.items():
            entries += [adverse_event(at, name), coding(term, name)]
        expected = any(
            abs(at - onset) <= days
            for at, value in values.items() if value < 70
            for onset, term in onsets.values() if term == "Headache"
        )  # fmt: skip
        rng.shuffle(entries)
        study = study_of([LOW, TERM], within_days=days)
        assert answer(study, *DOSED, *entries) is expected


@pytest.mark.parametrize(
    ("condition", "pointer"),
    [
        ({"results": [HIGH[0], {"adverse_event": {}, "at_least": 1}]}, "/conditions/new/results/1"),
        ({"results": [HIGH[0], {}]}, "/conditions/new/results/1"),
        ({"results": [HIGH[0] | {"number": 2}], "in_order": True}, "/conditions/new"),
        ({"results": [HIGH[0], {"adverse_event": {}}], "one_sample": True}, "/conditions/new"),
        ({"results": [{"adverse_event": {"groups": ["None"]}}]},
         "/conditions/new/results/0/adverse_event/groups/0"),
        ({"results": []}, "/conditions/new/results"),
        ({"results": [{"parameter": "cd5"}]}, "/conditions/new/results/0/parameter"),
        ({"results": HIGH, "one_sample": True, "within_days": 3}, "/conditions/new"),
        ({"results": HIGH, "within_days": -1}, "/conditions/new/within_days"),
        ({"results": HIGH, "missing": "failure"}, "/conditions/new"),
        ({"results": [HIGH[0] | {"where": {"room": "1"}}]},
         "/conditions/new/results/0/where/room"),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(condition, pointer):
    with pytest.raises(Rejected) as caught:
        checking.check_definition(tiny(conditions=TINY["conditions"] | {"new": condition}))
    assert [fault.pointer for fault in caught.value.faults] == [pointer]


def test_methods_say_what_comes_together():
    condition = {"results": HIGH, "within_days": 30, "in_order": True, "days_after_last_dose": 7}
    row = {"id": "r", "label": "R", "count": condition}
    table = {"id": "t", "title": "T", "population": "P", "rows": [row],
             "columns": [{"id": "all", "label": "All", "set": "enrolled"}]}  # fmt: skip
    study = tiny(tables=[table], key_results=[])
    texts = " ".join(
        cell for section in methods(study.definition) for cells in section.rows for cell in cells
    )
    assert "within 30 days, none before the one named before it" in texts
    assert "a result of RNA (copies/mL) that is at least 300" in texts
    assert "not more than 7 days after the last" in texts
