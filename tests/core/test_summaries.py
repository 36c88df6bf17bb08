"""Rows that describe a measure: which statistics, to how many decimals, of whom."""

import statistics
from typing import Any

import pytest
from builders import cell, enrolment
from hypothesis import given, settings
from hypothesis import strategies as st
from parallel import TOTAL, A, B, printed, randomised, raws, table_of, texts
from scipy import stats

from trial.events.envelope import Entry

AGES = [31, 44, 45, 52, 58, 60, 71]


def aged(ages: list[int], arm: str = "a") -> list[Entry]:
    return [
        event
        for i, age in enumerate(ages)
        for event in (
            enrolment(subject=f"{arm}-{i}", age=age, sex="MF"[i % 2]),
            randomised(arm, f"{arm}-{i}"),
        )
    ]


def described(ages: list[int], *names: str, **row: Any) -> dict[str, str]:
    grid = table_of(aged(ages), {"summary": "age", "statistics": list(names)} | row)
    return printed(grid, "row")


class TestStatistics:
    def test_the_usual_ones_stand_there_unless_others_are_named(self):
        grid = table_of(aged(AGES), {"summary": "age"})
        assert list(printed(grid, "row")) == ["n", "mean", "sd", "median", "min", "max"]

    def test_those_named_stand_in_their_order_after_n(self):
        assert list(described(AGES, "max", "mean")) == ["n", "max", "mean"]
        assert list(described(AGES, "ci")) == ["n", "ci_low", "ci_high"]

    def test_they_may_differ_by_column(self):
        row = {"summary": "age", "statistics": {"a": ["mean"], "b": ["median", "q1"]}}
        grid = table_of([*aged(AGES), *aged(AGES, "b")], row)
        assert list(printed(grid, "row", "a")) == ["n", "mean"]
        assert list(printed(grid, "row", "b")) == ["n", "median", "q1"]
        assert list(printed(grid, "row")) == ["n", "mean", "sd", "median", "min", "max"]

    def test_standard_error_and_interval_are_those_of_student(self):
        grid = table_of(aged(AGES), {"summary": "age", "statistics": ["se", "ci"]})
        low, high = stats.t.interval(0.95, 6, statistics.mean(AGES), stats.sem(AGES))
        numbers = {
            statistic.name: float(statistic.raw) for statistic in cell(grid, "row").statistics
        }
        assert numbers == pytest.approx(
            {"n": 7, "se": float(stats.sem(AGES)), "ci_low": low, "ci_high": high}
        )

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.integers(18, 99), min_size=1, max_size=12))
    def test_quartiles_are_those_of_sas_definition_5(self, ages):
        grid = table_of(aged(ages), {"summary": "age", "statistics": ["q1", "q3"]})
        ordered, n = sorted(ages), len(ages)  # by hand: the mean of two where n p is whole
        for name, quarters in (("q1", 1), ("q3", 3)):
            whole, rest = divmod(n * quarters, 4)
            by_hand = ordered[whole] if rest else (ordered[whole - 1] + ordered[whole]) / 2
            assert float(cell(grid, "row").get(name).raw) == by_hand

    @pytest.mark.parametrize("ages", [[], [40]])
    def test_what_one_value_cannot_tell_is_left_out_and_none_was_not_reported(self, ages):
        given_texts = described(ages, "mean", "sd", "se", "ci", "q1")
        assert given_texts == (
            {"n": "1", "mean": "40.0", "sd": "", "se": "", "q1": "40.0"}
            if ages
            else dict.fromkeys(("n", "mean", "sd", "se", "q1"), "not reported")
        )


class TestDecimals:
    ALL = ("mean", "sd", "se", "ci", "median", "q1", "q3", "min", "max")

    def test_they_are_those_of_the_data_and_one_more_for_a_mean_and_two_for_a_spread(self):
        places = {name: len(text.partition(".")[2]) for name, text in
                  described(AGES, *self.ALL).items()}  # fmt: skip
        assert places == {
            "n": 0, "mean": 1, "sd": 2, "se": 2, "ci_low": 1, "ci_high": 1, "median": 1, "q1": 1,
            "q3": 1, "min": 0, "max": 0,
        }  # fmt: skip

    def test_a_row_may_name_those_of_its_data(self):
        given_texts = described(AGES, "mean", "sd", "max", decimals=2)
        assert given_texts == {"n": "7", "mean": "51.571", "sd": "12.9982", "max": "71.00"}

    def test_a_row_may_name_those_of_each_statistic(self):
        given_texts = described(
            AGES, "mean", "sd", "ci", "max", decimals={"mean": 0, "ci": 3, "max": 1}
        )
        assert given_texts["mean"] == "52"
        assert given_texts["max"] == "71.0"
        assert len(given_texts["ci_low"].partition(".")[2]) == 3
        assert given_texts["sd"] == "13.00"

    def test_a_table_says_how_many_a_percentage_has(self):
        entries = [*aged([40, 41, 42]), *aged([50], "b")]
        row = {"count": {"characteristic": "sex", "levels": ["F"]}}
        assert texts(table_of(entries, row), "row", "percent")["a"] == "33"
        grid = table_of(entries, row, percent_decimals=1)
        assert texts(grid, "row", "percent") == {"a": "33.3", "b": "", "total": "25.0"}
        assert raws(grid, "row", "percent")["total"] == "25"


class TestWhere:
    def test_only_those_of_whom_the_condition_is_true_are_described(self):
        women = {"characteristic": "sex", "levels": ["F"]}
        grid = table_of(aged(AGES), {"summary": "age", "where": women, "statistics": ["mean"]})
        assert printed(grid, "row", "a") == {"n": "3", "mean": "52.0"}

    def test_of_whom_it_is_unknown_are_not_described(self):
        unknown = {"characteristic": "race", "levels": ["WHITE"]}
        assert (
            printed(table_of(aged(AGES), {"summary": "age", "where": unknown}), "row")["n"] == "0"
        )

    def test_a_count_is_of_those_of_whom_both_are_true(self):
        women = {"characteristic": "sex", "levels": ["F"]}
        old = {"measure": "age", "at_least": 50}
        grid = table_of(aged(AGES), {"count": old, "where": women}, columns=[A, B, TOTAL])
        assert raws(grid, "row", "n") == {"a": 2, "b": 0, "total": 2}
        assert raws(grid, "row", "N") == {"a": 7, "b": 0, "total": 7}
