"""Clinical dates: days of the calendar, as far as they were collected."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trial.events.dates import earliest, iso, latest, not_after

DAYS = st.dates(date(1900, 1, 1), date(9998, 12, 31))


@given(DAYS)
def test_a_complete_date_means_one_day(day):
    assert earliest(day.isoformat()) == latest(day.isoformat()) == day.toordinal()
    assert iso(day.toordinal()) == day.isoformat()


@given(DAYS, st.times())
def test_the_time_of_day_changes_no_day(day, time):
    text = f"{day.isoformat()}T{time.isoformat('minutes')}"
    assert earliest(text) == latest(text) == day.toordinal()


@given(DAYS)
def test_a_month_means_its_first_to_its_last_day(day):
    text = day.isoformat()[:7]
    first, last = (date.fromordinal(item) for item in (earliest(text), latest(text)))
    assert (first.day, first.month, first.year) == (1, day.month, day.year)
    assert last.month == day.month
    assert (last + timedelta(days=1)).day == 1
    assert first <= day <= last


@given(DAYS)
def test_a_year_means_new_year_to_new_year_s_eve(day):
    text = day.isoformat()[:4]
    assert earliest(text) == date(day.year, 1, 1).toordinal()
    assert latest(text) == date(day.year, 12, 31).toordinal()


@pytest.mark.parametrize(
    ("text", "last"), [("2016-02", "2016-02-29"), ("2015-02", "2015-02-28"),
                       ("2000-02", "2000-02-29"), ("1900-02", "1900-02-28")],
)  # fmt: skip
def test_february_is_as_long_as_its_year_makes_it(text, last):
    assert iso(latest(text)) == last


@pytest.mark.parametrize("text", ["9999", "9999-12"])
def test_the_last_year_of_the_calendar_ends(text):
    assert iso(latest(text)) == "9999-12-31"


@pytest.mark.parametrize(
    ("moment", "second", "expected"),
    [
        ("2015-06-08T10:59", "2015-06-08T11:00", True),
        ("2015-06-08T11:00", "2015-06-08T11:00", True),
        ("2015-06-08T11:01", "2015-06-08T11:00", False),
        ("2015-06-08", "2015-06-08T00:01", True),
        ("2015-06-08T23:59", "2015-06-08", True),
        ("2015-06-09", "2015-06-08T23:59", False),
        ("2015-06-07T23:59", "2015-06-08", True),
        ("2015-06-09T00:00", "2015-06-08T23:59", False),
    ],
)
def test_a_day_is_compared_by_time_only_where_both_have_one(moment, second, expected):
    assert not_after(moment, second) is expected


def test_a_time_with_seconds_equals_the_same_time_without():
    assert not_after("2015-06-08T11:00:00", "2015-06-08T11:00")
