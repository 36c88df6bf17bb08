"""Display of numbers: half up, once, and never saying none or all of some."""

from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trial.tables.rounding import (
    count_percent,
    decimal_text,
    exact_text,
    p_text,
    percent_text,
)

FRACTIONS = st.fractions(-(10**6), 10**6, max_denominator=10**9)


class TestDecimalText:
    @pytest.mark.parametrize(
        ("value", "places", "text"),
        [
            (Fraction(101, 2), 0, "51"),
            (Fraction(165, 2), 0, "83"),
            (Fraction(5, 2), 0, "3"),
            (Fraction(1, 2), 0, "1"),
            (Fraction(-1, 2), 0, "-1"),
            (Fraction(-49, 100), 0, "0"),
            (Decimal("-0.04"), 1, "0.0"),
            (Decimal("-0.05"), 1, "-0.1"),
            (Decimal("-0"), 2, "0.00"),
            (0, 3, "0.000"),
            (40, 0, "40"),
            (-40, 1, "-40.0"),
            (Fraction(999, 100), 1, "10.0"),
            (Fraction(1, 3), 2, "0.33"),
            (Decimal("1.592"), 1, "1.6"),
            (Decimal("4.543"), 1, "4.5"),
            (Decimal("1E+3"), 0, "1000"),
        ],
    )
    def test_values(self, value, places, text):
        assert decimal_text(value, places) == text

    def test_a_value_is_rounded_once(self):
        # Twice would give 0.45, then 0.5; through a float 2.675 would give 2.67.
        assert decimal_text(Fraction(4499, 10_000), 1) == "0.4"
        assert decimal_text(Fraction(1, 2) - Fraction(1, 10**40), 0) == "0"
        assert decimal_text(Decimal("2.675"), 2) == "2.68"

    @pytest.mark.parametrize("k", range(41))
    def test_every_tie_of_forty_subjects_goes_up(self, k):
        expected = (k * 200 + 40) // 80
        assert decimal_text(Fraction(100 * k, 40), 0) == str(expected)

    @given(st.decimals(-(10**9), 10**9, places=4), st.integers(0, 4))
    def test_it_equals_decimal_s_own_half_up(self, value, places):
        expected = str(value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))
        if not Decimal(expected):
            expected = expected.lstrip("-")
        assert decimal_text(value, places) == expected

    @given(FRACTIONS, st.integers(0, 8))
    def test_it_is_within_half_a_unit_and_symmetric(self, value, places):
        text = decimal_text(value, places)
        assert abs(Fraction(text) - value) <= Fraction(1, 2 * 10**places)
        assert not (text.startswith("-") and not Fraction(text))
        opposite = text[1:] if text.startswith("-") else f"-{text}" if Fraction(text) else text
        assert decimal_text(-value, places) == opposite


class TestPercentages:
    @pytest.mark.parametrize(
        ("n", "size", "text"),
        [
            (33, 40, "33 (83%)"),
            (1, 40, "1 (3%)"),
            (17, 40, "17 (43%)"),
            (20, 40, "20 (50%)"),
            (8, 40, "8 (20%)"),
            (24, 40, "24 (60%)"),
            (21, 40, "21 (53%)"),
            (22, 40, "22 (55%)"),
            (19, 40, "19 (48%)"),
            (25, 40, "25 (63%)"),
            (17, 31, "17 (55%)"),
            (3, 40, "3 (8%)"),
            (2, 40, "2 (5%)"),
            (7, 40, "7 (18%)"),
            (9, 40, "9 (23%)"),
            (32, 40, "32 (80%)"),
            (3, 17, "3 (18%)"),
            (6, 10, "6 (60%)"),
            (8, 13, "8 (62%)"),
            (1, 7, "1 (14%)"),
            (11, 27, "11 (41%)"),
            (6, 13, "6 (46%)"),
        ],
    )
    def test_published_counts(self, n, size, text):
        assert count_percent(n, size) == text

    @pytest.mark.parametrize(
        ("n", "size", "places", "text"),
        [
            (0, 40, 0, "0"),
            (0, 0, 0, "0"),
            (40, 40, 0, "40 (100%)"),
            (1, 1, 1, "1 (100.0%)"),
            (1, 200, 0, "1 (1%)"),
            (1, 201, 0, "1 (<1%)"),
            (199, 200, 0, "199 (>99%)"),
            (198, 200, 0, "198 (99%)"),
            (1, 2001, 1, "1 (<0.1%)"),
            (1999, 2000, 1, "1999 (>99.9%)"),
            (33, 40, 1, "33 (82.5%)"),
            (10**12 - 1, 10**12, 0, "999999999999 (>99%)"),
        ],
    )
    def test_none_all_and_nearly_so(self, n, size, places, text):
        assert count_percent(n, size, places) == text

    def test_no_percentage_stands_beside_nobody(self):
        assert percent_text(0, 40) == percent_text(0, 0) == ""
        assert percent_text(33, 40) == "83"

    @pytest.mark.parametrize(("n", "size"), [(41, 40), (-1, 40), (1, 0)])
    def test_more_than_everybody_is_refused(self, n, size):
        with pytest.raises(ValueError, match="denominator"):
            count_percent(n, size)


class TestPValues:
    @pytest.mark.parametrize(
        ("p", "floor", "text"),
        [
            (Fraction(2, 2**32), Decimal("0.001"), "<0.001"),
            (Fraction(2, 2**32), Decimal("0.0001"), "<0.0001"),
            (Decimal("0.593"), Decimal("0.001"), "0.593"),
            (Fraction(1, 1000), Fraction(1, 1000), "0.001"),
            (Decimal("0.00099999"), Decimal("0.001"), "<0.001"),
            (Decimal("0.00149"), Decimal("0.001"), "0.001"),
            (Decimal("0.0495"), Decimal("0.001"), "0.050"),
            (Decimal("0.0495"), Decimal("0.0001"), "0.0495"),
            (1, Decimal("0.001"), "1.000"),
            (1, Decimal("0.0001"), "1.0000"),
            (Decimal("0.9994"), Decimal("0.001"), "0.999"),
            (Decimal("0.9996"), Decimal("0.001"), ">0.999"),
            (0, Decimal("0.001"), "<0.001"),
        ],
    )
    def test_values(self, p, floor, text):
        assert p_text(p, floor) == text

    def test_the_floor_is_a_ten_thousandth_unless_said(self):
        assert p_text(Fraction(2, 2**32)) == "<0.0001"

    @pytest.mark.parametrize(
        ("p", "floor"),
        [(-1, Decimal("0.001")), (Decimal("1.1"), Decimal("0.001")), (0, Decimal("0.005"))],
    )
    def test_what_is_no_probability_or_no_floor_is_refused(self, p, floor):
        with pytest.raises(ValueError, match="P value"):
            p_text(p, floor)


class TestExactText:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (Fraction(165, 2), "82.5"),
            (Fraction(1700, 31), "54.838709677419"),
            (Fraction(200, 3), "66.666666666667"),
            (Fraction(1, 3), "0.333333333333"),
            (Fraction(-1, 2), "-0.5"),
            (40, "40"),
            (100, "100"),
            (0, "0"),
            (Decimal("-0.0"), "0"),
            (Decimal("1.600"), "1.6"),
            (Fraction(1, 10**12), "0.000000000001"),
            (Fraction(1, 2**31), "0.000000000465661287308"),
            (1 + Fraction(1, 10**12), "1.000000000001"),
            (1 + Fraction(1, 3 * 10**13), "1.000000000000"),
            (1 - Fraction(1, 10**40), "1.000000000000"),
        ],
    )
    def test_values(self, value, text):
        assert exact_text(value) == text

    def test_a_p_value_may_have_more_digits_than_python_reads_of_an_integer(self):
        text = exact_text(Fraction(2, 2**20_000))
        assert text == "0." + "0" * 6_020 + "502477611540"

    @pytest.mark.parametrize("power", [3, 40, 5_000])
    def test_zeros_that_lead_are_counted_right_beside_a_power_of_ten(self, power):
        for denominator, zeros in ((10**power - 1, power - 1), (10**power + 1, power)):
            digits = exact_text(Fraction(1, denominator)).removeprefix("0.")
            assert len(digits) == zeros + 12

    @given(st.integers(-(10**15), 10**15), st.integers(0, 12))
    def test_what_ends_within_twelve_places_is_given_whole(self, units, places):
        text = exact_text(Fraction(units, 10**places))
        assert Fraction(text) == Fraction(units, 10**places)
        assert "." not in text or not text.endswith("0")

    @given(FRACTIONS)
    def test_twelve_digits_are_right(self, value):
        assert abs(Fraction(exact_text(value)) - value) <= Fraction(1, 2 * 10**12)

    def test_the_caller_s_decimal_precision_does_not_show(self):
        with localcontext(prec=3):
            assert exact_text(Decimal("1234.5678")) == "1234.5678"
            assert decimal_text(Decimal("1234.5678"), 2) == "1234.57"
