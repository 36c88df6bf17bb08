"""Ages in years and days without a date of birth: every case that a life can be, and no other."""

from datetime import date, timedelta
from typing import Any

import pytest
from builders import derive, dose, enrolment, entry, tiny
from hypothesis import given
from hypothesis import strategies as st
from test_grading import DAIDS, graded, result, series

from trial.errors import Rejected
from trial.subject.acceptance import check_acceptable
from trial.subject.ages import days_at_sample, years, years_at_enrolment

HEMOGLOBIN = (DAIDS, "hemoglobin-low", "g/dL")


def grade(value: object, study_day: int, **facts: Any) -> int | None:
    """Grade a boy's haemoglobin of some day after enrolment."""
    events = [enrolment(sex="M", **facts), dose(), result(value, study_day, "g/dL", (None, None))]
    grades = series(derive(*events, study=graded(*HEMOGLOBIN)))
    return grades[0] if grades else None


def completed_years(birth: date, on: date) -> int:
    return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))


class TestDaysAtTheSample:
    @pytest.mark.parametrize(
        ("study_day", "expected"), [(0, 4), (6, 4), (7, 3), (20, 3), (21, 2), (34, 2), (35, 1)]
    )
    def test_they_are_those_at_enrolment_and_those_since(self, study_day, expected):
        # 8.5 g/dL: below 9 up to 7 days, 8 to 21, 22 to 35, and not below 8.5 from 36 on
        assert grade("8.5", study_day, age=0, age_in_days=1) == expected

    @pytest.mark.parametrize(("collected", "expected"), [("2016-02-29", 3), ("2016-03-01", 2)])
    def test_the_29th_of_february_is_a_day(self, collected, expected):
        events = [
            enrolment(date="2016-02-28", sex="F", age_in_days=20),
            entry("lab.result.reported", record="x", parameter="x", collected=collected,
                  result="8.5", unit="g/dL"),
        ]  # fmt: skip
        assert series(derive(*events, study=graded(*HEMOGLOBIN))) == [expected]

    def test_a_sample_from_before_the_birth_has_no_grade(self):
        events = [enrolment(5, sex="F", age_in_days=4), result(20, 0, "g/dL", (None, None))]
        assert series(derive(*events, study=graded(*HEMOGLOBIN))) == []
        events = [enrolment(5, sex="F", age_in_days=5), result(20, 0, "g/dL", (None, None))]
        assert series(derive(*events, study=graded(*HEMOGLOBIN))) == [0]


class TestNotKnown:
    @pytest.mark.parametrize(
        ("value", "study_day", "facts", "expected"),
        [
            ("5.9", 0, {"age": 0}, 4),  # below the lowest bound of all
            ("14.1", 0, {"age": 0}, 0),  # above the highest
            ("6.4", 56, {"age": 0}, None),  # 56 days: 3, later 4
            ("6.4", 57, {"age": 0}, 4),
            ("8.7", 57, {}, None),  # 2 of a child, 3 of a man
            ("8.4", 57, {}, 3),
            ("8.7", 400, {"age_in_days": 9}, 2),  # a child, though no age is given
            ("8.7", 0, {"age": 1}, 2),
            ("14.1", 0, {}, 0),
            ("13.5", 0, {}, None),
        ],
    )
    def test_only_what_every_age_agrees_on_is_graded(self, value, study_day, facts, expected):
        assert grade(value, study_day, **facts) == expected


@given(
    birth=st.dates(date(1896, 1, 1), date(2020, 1, 1)),
    lived=st.integers(0, 365) | st.integers(0, 40000),
    elapsed=st.integers(-40, 800),
    knows_years=st.booleans(),
    knows_days=st.booleans(),
    year_bounds=st.lists(st.integers(0, 20), max_size=2, unique=True).map(sorted),
    day_bounds=st.lists(st.integers(0, 500), min_size=1, max_size=3, unique=True).map(sorted),
)
def test_the_true_age_is_among_the_cases(
    birth, lived, elapsed, knows_years, knows_days, year_bounds, day_bounds
):
    """Whoever was born on some day is, between all bounds, as one of the cases is."""
    age = completed_years(birth, birth + timedelta(lived))
    assert age in years(lived)
    days = lived if knows_days else None
    true_days = lived + elapsed
    cases = [
        (youngest, oldest, number)
        for youngest, oldest in years_at_enrolment(age if knows_years else None, days, year_bounds)
        for number in days_at_sample((youngest, oldest), days, elapsed, day_bounds)
    ]
    places = [bound <= true_days for bound in day_bounds]
    alike = [
        number
        for youngest, oldest, number in cases
        if youngest <= age <= oldest and [bound <= number for bound in day_bounds] == places
    ]
    if true_days >= 0:
        assert alike
    elif knows_days:
        assert not cases
    if knows_years and knows_days and true_days >= 0:
        assert cases == [(age, age, true_days)]


class TestAcceptance:
    @pytest.mark.parametrize(("age", "days"), [(0, 0), (0, 365), (1, 365), (None, 40), (0, None)])
    def test_an_age_that_may_be(self, age, days):
        check_acceptable(tiny(), enrolment(age=age, age_in_days=days))

    @pytest.mark.parametrize(("age", "days"), [(1, 364), (40, 5)])
    def test_days_that_contradict_the_years(self, age, days):
        with pytest.raises(Rejected) as refused:
            check_acceptable(tiny(), enrolment(age=age, age_in_days=days))
        assert [fault.pointer for fault in refused.value.faults] == ["/data/age_in_days"]

    @pytest.mark.parametrize("days", [-1, 366, 1.5])
    def test_days_that_are_no_infants(self, days):
        with pytest.raises(Rejected):
            enrolment(age_in_days=days)
