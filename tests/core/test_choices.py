"""Which of several results counts: by time, by tie, by how it was obtained; what stands in.

Everybody is enrolled on day 0; days are protocol days.
"""

from itertools import permutations
from typing import Any

import pytest
from builders import (
    TINY,
    adverse_event,
    cd4,
    coding,
    contact,
    day,
    derive,
    disposition,
    dose,
    enrolment,
    entry,
    listings_of,
    measured,
    rows_of,
    statistic,
    tiny,
    truth,
    viral_load,
)
from parallel import parallel, randomised, table_of, texts

from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.reporting import report
from trial.tables import checking

DOSED = (enrolment(), dose(7, "12:00"))
WINDOW = {"id": "w", "label": "W", "day": 56, "window": [50, 62]}
LATER = contact(300)


def study_of(*visits: dict[str, Any], **measure: Any) -> Study:
    new = {"parameter": "cd4", "at": "w"} | measure
    return tiny(visits=[*TINY["visits"], *visits], measures=TINY["measures"] | {"new": new})


def found(study: Study, *entries: Entry) -> int | None:
    """Measure in whatever order the entries come."""
    orders = permutations(entries) if len(entries) < 5 else [entries, entries[::-1]]
    values = {measured("new", enrolment(), *order, study=study) for order in orders}
    (value,) = values
    return value


def number(study: Study, *entries: Entry) -> float:
    """Measure in the unit that is printed, to six decimals."""
    units = found(study, *entries)
    assert units is not None
    places = report.compiled(study).rules.measure("new", "").places
    return round(units / 10**places, 6)


def undecided(study: Study, *entries: Entry) -> list[tuple[str, tuple[str, ...]]]:
    result = derive(enrolment(), *entries, study=study).undecided
    return [(item.name, item.records) for item in result]


def at_visit(name: str, study_day: int, *results: object, record: str = "", **item: Any) -> Entry:
    """Record a visit with results of cd4."""
    measurements = [{"parameter": "cd4", "result": str(result)} | item for result in results]
    return entry(
        "visit.recorded",
        record=record or f"{name}-{study_day}",
        visit=name,
        date=day(study_day),
        measurements=measurements,
    )


class TestOfOneDay:
    RESULTS = (cd4(7, 150, "07:00", record="SBP-9"), cd4(7, 170, "11:00", record="SBP-10"),
               cd4(56, 150, "08:00", record="SBP-21"),
               cd4(56, 140, "16:00", record="SBP-103"))  # fmt: skip

    def test_the_published_case(self):
        """Cases: the time of day is collected and decides, whatever the records are called."""
        for changed, value in (({}, 140), ({"change_from": "baseline"}, -30),
                               ({"at": "baseline"}, 170)):  # fmt: skip
            assert found(study_of(WINDOW, **changed), *DOSED, *self.RESULTS) == value

    @pytest.mark.parametrize(
        ("choose", "value"), [("first", 150), ("last", 140), ("closest", 140), ("highest", 150)]
    )
    def test_every_choice_goes_by_time(self, choose, value):
        assert found(study_of(WINDOW | {"choose": choose}), *DOSED, *self.RESULTS[2:]) == value

    def test_so_do_first_and_last_after_the_first_dose_and_what_is_carried_forward(self):
        late = [cd4(20, 1, "23:00", record="A1"), cd4(20, 2, "01:00", record="A2")]
        for result, value in (("first", 2), ("last", 1)):
            study = study_of(WINDOW, at=None, after_first_dose=result)
            assert found(study, *DOSED, *late) == value
        between = {"id": "v", "label": "V", "day": 45, "window": [43, 49]}
        at_it = [cd4(45, 1, "23:00", record="A1"), cd4(45, 2, "01:00", record="A2")]
        for missing in ("locf", "locf-visit"):
            assert found(study_of(WINDOW, between, missing=missing), *DOSED, *at_it, LATER) == 1

    def test_a_visit_s_own_time_counts_too(self):
        entries = [entry("visit.recorded", record=name, visit="day-0", date=day(56, time),
                      measurements=[{"parameter": "cd4", "result": result}])
                for name, time, result in (("B", "08:00", "1"), ("A", "09:00", "2"))]  # fmt: skip
        assert found(study_of(WINDOW), *DOSED, *entries) == 2
        before = [entry("visit.recorded", record=name, visit="day-7", date=day(7, time),
                        measurements=[{"parameter": "cd4", "result": result}])
                  for name, time, result in (("A", "11:00", "1"), ("B", "13:00", "2"))]  # fmt: skip
        assert found(study_of(at="baseline"), *DOSED, *before) == 1

    def test_doses_go_by_time_as_well(self):
        study = parallel()
        first = dose(7, "08:00", treatment="placebo", record="D10")
        second = dose(7, "09:00", treatment="drug", record="D9")
        for order in permutations([enrolment(), first, second]):
            assert derive(*order, study=study).received_arm == "b"


class TestUndecided:
    A, B = cd4(56, 1, record="A9"), cd4(56, 2, record="A10")

    def test_of_one_time_the_record_decides_and_it_is_said(self):
        study = study_of(WINDOW)
        assert found(study, *DOSED, self.A, self.B) == 2
        assert undecided(study, *DOSED, self.A, self.B) == [("CD4, W", ("A9", "A10"))]

    @pytest.mark.parametrize(
        ("changes", "options"),
        [
            ({}, {"collected": day(56, "09:01")}),  # told apart by time
            ({}, {"result": "1"}),  # alike
            ({"choose": "highest"}, {}),
            ({"choose": "mean"}, {}),
            ({"tie": "mean"}, {}),
            ({"choose": "last"}, {"collected": day(57)}),
            ({}, {"collected": day(57)}),  # not as close
        ],
    )
    def test_nothing_is_said_where_something_else_decides(self, changes, options):
        study = study_of(WINDOW | changes)
        second = cd4(56, **({"result": 2, "record": "A10"} | options))
        assert undecided(study, *DOSED, self.A, second) == []

    def test_of_two_of_which_one_has_no_time_the_other_is_the_later_and_it_is_said(self):
        bare = cd4(56, 1, record="A99", collected=day(56))
        study = study_of(WINDOW)
        assert found(study, *DOSED, bare, self.B) == 2
        assert undecided(study, *DOSED, bare, self.B) == [("CD4, W", ("A99", "A10"))]

    def test_what_nobody_asks_for_is_not_spoken_of(self):
        pair = [viral_load(56, 1, record="A"), viral_load(56, 2, record="B")]
        assert undecided(study_of(WINDOW), *DOSED, *pair) == []

    def test_baselines_and_what_is_carried_forward(self):
        before = [cd4(7, 1, record="A"), cd4(7, 2, record="B")]
        study = study_of(WINDOW, change_from="baseline")
        assert undecided(study, *DOSED, *before) == [("CD4, baseline", ("A", "B"))]
        carried = study_of(WINDOW, missing="locf")
        after = [cd4(20, 1, record="A"), cd4(20, 2, record="B")]
        texts = [("CD4, carried forward to W", ("A", "B"))]
        assert undecided(carried, *DOSED, *after) == []  # not yet due
        assert undecided(carried, *DOSED, *after, LATER) == texts

    def test_first_doses_that_tell_different_arms(self):
        doses = [dose(7, treatment="drug", record="X"), dose(7, treatment="placebo", record="Y")]
        assert undecided(parallel(), *doses) == [("first dose", ("X", "Y"))]
        assert undecided(parallel(), doses[0], dose(7, record="Y")) == []
        assert undecided(parallel(blinded=True).open, *doses) == []

    def test_codings_of_one_version(self):
        event, result = adverse_event(10), coding("Headache", record="C1")
        outcome = coding("Migraine", record="C2")
        assert undecided(tiny(), event, result, outcome) == [("adverse-event.coded", ("C1", "C2"))]
        assert undecided(tiny(), event, result, coding("Migraine", record="C2", version="19")) == []

    def test_codings_that_differ_in_the_lowest_level_where_that_counts(self):
        event, first_coding = adverse_event(10), coding("Headache", record="C1", llt="Head pain")
        second_coding = coding("Headache", record="C2", llt="Cephalgia")
        by_llt = parallel([{"terms": {"filter": {}, "by": ["pt", "llt"]}}])
        expected = [("adverse-event.coded", ("C2", "C1"))]  # the last counts
        assert undecided(by_llt, event, first_coding, second_coding) == expected
        conditions = {
            "new": {"recorded": "medical-history.reported", "where": {"llt": "Cephalgia"}}
        }
        assert (
            undecided(
                tiny(conditions=TINY["conditions"] | conditions), event, first_coding, second_coding
            )
            == expected
        )
        assert undecided(by_llt, event, first_coding, first_coding) == []
        assert (
            undecided(tiny(), event, first_coding, second_coding) == []
        )  # nothing tells them apart


class TestTies:
    AROUND = (cd4(55, 100, record="B"), cd4(57, 151, record="A"))

    @pytest.mark.parametrize(("tie", "value"), [("later", 151), ("earlier", 100)])
    def test_the_later_or_the_earlier(self, tie, value):
        assert found(study_of(WINDOW | {"tie": tie}), *DOSED, *self.AROUND) == value

    def test_their_mean_with_all_digits_that_are_kept(self):
        study = study_of(WINDOW | {"tie": "mean"})
        assert number(study, *DOSED, *self.AROUND) == 125.5
        assert number(study, *DOSED, *self.AROUND, cd4(56, 7)) == 7.0  # closer

    def test_results_of_one_day_are_equally_close(self):
        three = [cd4(56, value, time, record=time) for value, time in
                 ((1, "08:00"), (2, "09:00"), (2, "10:00"))]  # fmt: skip
        assert number(study_of(WINDOW | {"tie": "mean"}), *DOSED, *three) == 1.666667
        assert found(study_of(WINDOW | {"tie": "earlier"}), *DOSED, *three) == 1

    @pytest.mark.parametrize(
        "changes", [{"choose": "last"}, {"window": None, "day": None}, {"choose": "mean"}]
    )
    def test_a_tie_of_what_has_none_is_refused(self, changes):
        with pytest.raises(Rejected) as caught:
            study_of(WINDOW | {"tie": "mean"} | changes)
        assert caught.value.faults[0].pointer == f"/visits/{len(TINY['visits'])}"


class TestMean:
    STUDY = study_of(WINDOW | {"choose": "mean"})

    def test_it_is_of_all_in_the_window(self):
        results = [cd4(50, 1), cd4(56, 2), cd4(62, 4)]
        assert number(self.STUDY, *DOSED, *results, cd4(63, 99)) == 2.333333
        assert number(self.STUDY, *DOSED, cd4(56, 2)) == 2.0

    def test_a_change_is_from_a_baseline_kept_as_finely(self):
        study = study_of(WINDOW | {"choose": "mean"}, change_from="baseline")
        assert number(study, *DOSED, cd4(7, 10), cd4(50, 11), cd4(56, 12)) == 1.5
        percent = study_of(WINDOW | {"choose": "mean"}, percent_change_from="baseline")
        assert number(percent, *DOSED, cd4(7, 10), cd4(50, 11), cd4(56, 12)) == 15.0

    def test_it_is_printed_once_rounded(self):
        row = {"summary": {"parameter": "cd4", "at": "w"}, "statistics": ["mean"], "decimals": 2}
        people = [
            item
            for name in ("S-1", "S-2")
            for item in (enrolment(subject=name), randomised("a", name),
                         cd4(50, 1, subject=name), cd4(56, 2, subject=name),
                         cd4(57, 2, subject=name))
        ]  # fmt: skip
        grid = table_of(people, row, visits=[*TINY["visits"], WINDOW | {"choose": "mean"}])
        assert texts(grid, "row", "mean")["a"] == "1.667"

    def test_a_mean_of_values_below_quantification_lies_below_theirs(self):
        below = {"measure": "new", "below": 50}
        study = tiny(
            visits=[*TINY["visits"], WINDOW | {"choose": "mean"}],
            measures=TINY["measures"] | {"new": {"parameter": "viral-load", "at": "w"}},
            conditions=TINY["conditions"] | {"low": below},
        )
        for result, outcome, low in (("<20", "30", True), ("<40", "60", True), ("<40", "61", False),
                                (">40", "50", False), ("<40", ">40", True)):  # fmt: skip
            items = [*DOSED, viral_load(50, result), viral_load(56, outcome)]
            assert truth("low", *items, study=study) is low

    def test_the_listing_says_of_each_result_that_it_counted(self):
        columns = [{"id": name, "label": name, "source": source} for name, source in
                   (("R", "result"), ("V", "visit"), ("P", "position"))]  # fmt: skip
        listing = {"id": "L", "title": "L", "population": "All", "columns": columns,
                   "records": "observations:cd4"}  # fmt: skip
        study = tiny(visits=[*TINY["visits"], WINDOW | {"choose": "mean"}], listings=[listing])
        items = [*DOSED, at_visit("day-0", 50, 1, 2, position="SITTING"), cd4(56, 3), cd4(70, 4)]
        rows = rows_of(listings_of(study, items)["L"])
        assert [(row["R"], row["V"], row["P"]) for row in rows] == [
            ("1", "W", "SITTING"), ("2", "W", "SITTING"), ("3", "W", None),
            ("4", "Not chosen for a visit", None),
        ]  # fmt: skip


class TestWhere:
    SITTING = at_visit("day-0", 56, 120, record="A", position="SITTING", laterality="LEFT")
    STANDING = at_visit("day-0", 56, 140, record="B", position="STANDING")
    LYING = cd4(57, 110, position="SUPINE", method="AUSCULTATION")

    @pytest.mark.parametrize(
        ("criteria", "value"),
        [
            ({"position": "SITTING"}, 120),
            ({"position": "STANDING"}, 140),
            ({"position": ["SITTING", "SUPINE"]}, 120),
            ({"method": "AUSCULTATION"}, 110),
            ({"position": "SITTING", "laterality": "RIGHT"}, None),
        ],
    )
    def test_it_takes_only_what_was_obtained_so(self, criteria, value):
        study = study_of(WINDOW, where=criteria)
        assert found(study, *DOSED, self.SITTING, self.STANDING, self.LYING) == value

    def test_its_baseline_too(self):
        study = study_of(WINDOW, where={"position": "STANDING"}, change_from="baseline")
        before = [at_visit("day-7", 7, 100, record="C", position="STANDING"),
                  at_visit("day-7", 7, 90, record="D", position="SITTING")]  # fmt: skip
        assert found(study, *DOSED, *before, self.SITTING, self.STANDING) == 40

    def test_results_that_it_tells_apart_are_not_undecided(self):
        several = (*DOSED, self.SITTING, self.STANDING)
        assert undecided(study_of(WINDOW, where={"position": "SITTING"}), *several) == []
        assert undecided(study_of(WINDOW), *several) == [("CD4, W", ("A", "B"))]

    def test_a_date_may_ask_for_it(self):
        standing = {"parameter": "cd4", "at_least": 1, "where": {"position": "STANDING"}}
        time = {"label": "T", "start": "first-dose", "events": [standing]}
        study = tiny(times={"new": time})
        result = derive(*DOSED, cd4(20, 5), self.STANDING, study=study)
        counted = report.compiled(study).rules.time("new", "")(result)
        assert counted is not None
        assert (counted.days, counted.event) == (50, True)

    def test_a_field_that_tells_no_such_thing_is_refused(self):
        with pytest.raises(Rejected) as caught:
            checking.check_definition(study_of(WINDOW, where={"unit": "x"}))
        (fault,) = caught.value.faults
        assert fault.pointer == "/measures/new/where/unit"
        assert "position, location, laterality, method, specimen" in fault.detail


NAMED = ("base", "w2", "w4", "w8", "extra")


def named(*changes: Any, **measure: Any) -> Study:
    """Load a study whose visits have names alone; `extra` has no place in their order."""
    visits = [{"id": name, "label": name} for name in NAMED]
    visits[-1]["schedule"] = "other"
    for text, change in changes:
        visits[text] |= change
    new = {"parameter": "cd4", "at": "w4", "change_from": "b"} | measure
    return tiny(visits=[*TINY["visits"], *visits], measures=TINY["measures"] | {"new": new},
                baselines=TINY["baselines"] | {"b": {"visit": "base"}})  # fmt: skip


class TestNamedVisits:
    OVER = disposition(130, "completed")
    BASE = at_visit("base", 0, 10)

    @pytest.mark.parametrize("dosed", [True, False])
    @pytest.mark.parametrize("missing", ["locf", "locf-visit"])
    def test_the_published_cases(self, dosed, missing):
        """Cases: the last value was there and the baseline was carried: 10 instead of 14."""
        row = {"summary": {"parameter": "cd4", "at": "w4", "change_from": "b", "missing": missing}}
        people = [
            item
            for name, w2, w4 in (("S-1", 20, 30), ("S-2", 18, None))
            for item in (
                enrolment(subject=name), randomised("a", name, at=0),
                *([dose(0, subject=name, start=day(0))] if dosed else []),
                *(entry("visit.recorded", name, record=visit, visit=visit, date=day(text),
                        measurements=[{"parameter": "cd4", "result": str(result)}])
                  for visit, text, result in (("base", 0, 10), ("w2", 14, w2), ("w4", 28, w4))
                  if result is not None),
                disposition(130, "completed", subject=name),
            )
        ]  # fmt: skip
        study = named()
        grid = table_of(people, row, visits=[visit.model_dump(exclude_unset=True) for visit in
                                             study.definition.visits],
                        baselines={"b": {"visit": "base"}})  # fmt: skip
        assert texts(grid, "row", "mean")["a"] == "14.0"
        assert statistic(grid, "row", "a", "imputed") == 1
        assert statistic(grid, "row", "a", "baseline") is None

    @pytest.mark.parametrize("missing", ["locf", "locf-visit"])
    def test_a_later_visit_s_value_is_not_carried_back(self, missing):
        study = named(missing=missing)
        bases = [self.BASE, at_visit("w2", 14, 18), at_visit("w8", 56, 99), self.OVER]
        assert found(study, *bases) == 8
        assert found(study, self.BASE, at_visit("w8", 56, 99), self.OVER) == 0

    def test_what_lies_between_is_carried_by_its_date(self):
        study = named(missing="locf")
        bases = [self.BASE, at_visit("w2", 14, 18), at_visit("w8", 56, 99), self.OVER]
        assert found(study, *bases, cd4(20, 15)) == 5
        assert found(study, *bases, at_visit("extra", 30, 16)) == 6
        assert found(study, *bases, cd4(60, 15)) == 8  # after the next visit
        assert found(named(missing="locf-visit"), *bases, cd4(20, 15)) == 8

    def test_the_day_on_which_it_was_missed_or_seen_without_a_value_bounds_it(self):
        missed = entry("visit.missed", visit="w4", date=day(28), reason="ill")
        for item in (missed, at_visit("w4", 28)):
            around = [self.BASE, at_visit("w2", 14, 18), item, cd4(28, 15), cd4(29, 16)]
            assert found(named(missing="locf"), *around) == 5

    def test_a_visit_out_of_its_order_bounds_nothing_that_came_after_it(self):
        early = at_visit("w8", 5, 50)  # before the visits that come before it
        bases = [self.BASE, early, at_visit("w2", 14, 18), self.OVER]
        assert found(named(missing="locf"), *bases) == 8

    def test_where_nothing_followed_the_baseline_stands_in_and_is_called_so(self):
        people = [enrolment(), randomised("a", at=0),
                  entry("visit.recorded", record="B", visit="base", date=day(0),
                        measurements=[{"parameter": "cd4", "result": "10"}]),
                  self.OVER]  # fmt: skip
        visits = [visit.model_dump(exclude_unset=True) for visit in named().definition.visits]
        for missing, result in (("locf", 1), ("locf-visit", 1), ("bocf", None)):
            row = {"summary": {"parameter": "cd4", "at": "w4", "change_from": "b",
                               "missing": missing}}  # fmt: skip
            grid = table_of(people, row, visits=visits, baselines={"b": {"visit": "base"}})
            assert statistic(grid, "row", "a", "imputed") == 1
            assert statistic(grid, "row", "a", "baseline") == result
            assert any(
                "(BOCF). Subjects: Drug 1" in footnote for footnote in grid.footnotes
            ) == bool(result)

    def test_who_was_never_dosed_is_carried_from_randomisation_without_a_baseline(self):
        study = named(missing="locf", change_from=None)
        early, late = at_visit("base", 1, 10), at_visit("w2", 14, 18)
        assert found(study, randomised("a", at=3), early, self.OVER) is None
        assert found(study, randomised("a", at=3), early, late, self.OVER) == 18

    def test_it_is_due_once_it_took_place(self):
        study = named()
        visit = study.visits["w4"]
        assert derive(enrolment(), at_visit("w4", 28), study=study).due(visit) is True
        assert derive(enrolment(), at_visit("w8", 56), study=study).due(visit) is False

    def test_two_results_of_one_visit_are_a_discrepancy_unless_one_is_chosen(self):
        pair = [at_visit("w4", 28, 1, record="A"), at_visit("w4", 30, 2, record="B")]
        within = at_visit("w4", 28, 1, 2, record="A")
        assert undecided(named(), *pair) == [("CD4, w4", ("A", "B"))]
        assert undecided(named(), within) == [("CD4, w4", ("A",))]
        assert found(named(change_from=None), *pair) == 2
        for choose in ("first", "last", "highest", "lowest", "mean"):
            assert undecided(named((2, {"choose": choose})), *pair) == []
        assert undecided(named((2, {"choose": "last"})), within) == [("CD4, w4", ("A",))]

    def test_the_mean_of_two_results_of_one_visit(self):
        study = named((2, {"choose": "mean"}), change_from=None)
        assert number(study, at_visit("w4", 28, 1, 2)) == 1.5
        assert number(study, at_visit("w4", 28, 1), at_visit("w4", 29, 4)) == 2.5
