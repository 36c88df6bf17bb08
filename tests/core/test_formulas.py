"""Parameters that a formula makes of others: read, computed exactly, of results of one time."""

import json
import random
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import mpmath
import pytest
from builders import (
    TINY,
    cd4,
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
    tiny,
    viral_load,
)
from parallel import randomised, table_of

from trial.definition import formulas, study
from trial.definition.formulas import Operand
from trial.definition.study import Study
from trial.errors import FieldError, Rejected
from trial.events.envelope import Entry
from trial.reporting.methods import methods
from trial.subject.acceptance import check_acceptable
from trial.subject.arithmetic import evaluate
from trial.tables import checking
from trial.tables.checking import warnings


def value(text: str, **numbers: Any) -> Fraction | None:
    """Give what a formula comes to; texts are levels, None is missing."""

    def look(part: Any) -> Fraction | None:
        name = part.parameter if isinstance(part, Operand) else part.characteristic
        return None if numbers[name] is None else Fraction(str(numbers[name]))

    return evaluate(formulas.parsed(text), look, lambda name: numbers[name])


class TestPublished:
    """Numbers that the sources of these formulas print."""

    CKD_EPI = (
        "142 * min(scr / case(sex, F, 0.7, M, 0.9), 1) ^ case(sex, F, -0.241, M, -0.302)"
        " * max(scr / case(sex, F, 0.7, M, 0.9), 1) ^ -1.2"
        " * 0.9938 ^ characteristic(age) * case(sex, F, 1.012, M, 1)"
    )

    @pytest.mark.parametrize(
        ("text", "numbers", "expected"),
        [
            ("qt / cbrt(rr / 1000)", {"qt": 350, "rr": 857}, "368.5"),
            ("qt / sqrt(rr / 1000)", {"qt": 350, "rr": 857}, "378.1"),
            ("1000 * (qt / 1000 + 0.154 * (1 - rr / 1000))", {"qt": 350, "rr": 857}, "372.0"),
            ("qt / cbrt(60 / hr)", {"qt": 400, "hr": 75}, "430.9"),
            ("qt / (60 / hr) ^ 0.5", {"qt": 400, "hr": 75}, "447.2"),
            ("kg / (cm / 100) ^ 2", {"kg": 75, "cm": 170}, "25.95"),
            ("sqrt(cm * kg / 3600)", {"kg": 75, "cm": 170}, "1.88"),
            ("0.007184 * cm ^ 0.725 * kg ^ 0.425", {"kg": 75, "cm": 170}, "1.86"),
            (CKD_EPI, {"scr": Fraction(9000, 8842), "age": 53, "sex": "M"}, "88.1"),
            (CKD_EPI, {"scr": "1.1", "age": 60, "sex": "F"}, "57.5"),
            ("175 * (umol / 88.42) ^ -1.154 * characteristic(age) ^ -0.203",
             {"umol": 90, "age": 53}, "76.6"),
        ],
    )  # fmt: skip
    def test_it_is_what_is_published(self, text, numbers, expected):
        result = value(text, **numbers)
        assert result is not None
        digits = len(expected.partition(".")[2])
        assert f"{float(result):.{digits}f}" == expected


class TestReading:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("1 + 2 * 3", 7),
            ("(1 + 2) * 3", 9),
            ("8 / 2 / 2", 2),
            ("8 - 2 - 2", 4),
            ("-2 ^ 2", -4),
            ("2 ^ -1", Fraction(1, 2)),
            ("2 ^ 3 ^ 2", 512),
            ("- - 3", 3),
            ("0.1 + 0.2", Fraction(3, 10)),
            ("min(3, 1, 2) + max(3, 1, 2)", 4),
            ("mean(1, 2)", Fraction(3, 2)),
            ("sum(1, 2, 3)", 6),
            ("abs(1 - 3)", 2),
            ("sqrt(0.25)", Fraction(1, 2)),
            ("cbrt(-0.027)", Fraction(-3, 10)),
            ("log10(1000)", 3),
            ("ln(exp(0))", 0),
            ("case(sex, 'F or other', 1, M, 2)", 2),
            ("round(2.5, 0) + round(-2.5, 0)", 0),
            ("round(0.25, 1)", Fraction(3, 10)),
            ("round(-1 / 3, 2)", Fraction(-33, 100)),
        ],
    )
    def test_it_is_arithmetic(self, text, expected):
        assert value(text, sex="M") == expected

    def test_a_name_may_hold_a_hyphen(self):
        assert formulas.operands(formulas.parsed("a-b - c / upper(d.e)")) == ["a-b", "c", "d.e"]

    @pytest.mark.parametrize(
        ("text", "detail"),
        [
            ("", "ends where"),
            ("a b", "cannot be read from b on"),
            ("a +", "ends where"),
            ("(a", "lacks a )"),
            ("tan(a)", "has no function tan: known are abs"),
            ("min()", "must have a number, a parameter or a function before )"),
            ("a % b", "at character 2"),
            ("upper(3 + a)", "lacks a )"),
            ("case(sex)", "must give case levels"),
            ("case(sex, F, 1, F, 2)", "each once"),
            ("abs(1, 2)", "must give abs one number"),
            ("round(1)", "must give round a number and its decimals"),
            ("round(1, 0.5)", "must round to 0 to 18 decimals"),
            ("round(1, 19)", "must round to 0 to 18 decimals"),
            ("round(1, a)", "must round to 0 to 18 decimals"),
            ("(" * 41 + "1" + ")" * 41, "more than 40 brackets"),
            ("1" + " + 1" * 200, "more than 400"),
            ("1" * 2_001, "more than 2000 characters"),
        ],
        ids=lambda text: text[:20],
    )
    def test_what_cannot_be_read_is_refused_in_words(self, text, detail):
        with pytest.raises(ValueError, match=r".") as caught:
            formulas.parsed(text)
        assert detail in str(caught.value)


def drawn(rng: random.Random, depth: int) -> tuple[str, Callable[[dict[str, Any]], Any]]:
    """Draw a formula, and what recounts it in mpmath."""
    if depth == 0 or rng.random() < 0.2:
        if rng.random() < 0.5:
            name = rng.choice("abc")
            return name, lambda numbers: numbers[name]
        text = f"{rng.randint(0, 40)}.{rng.randint(0, 99):02}"
        return text, lambda _: mpmath.mpf(text)
    name = rng.choice(
        [*"+-*/^", "abs", "sqrt", "cbrt", "ln", "log10", "exp", "max", "mean", "round"]
    )
    (first_text, first), (second_text, second) = drawn(rng, depth - 1), drawn(rng, depth - 1)
    of_two: dict[str, Callable[[Any, Any], Any]] = {
        "+": lambda x, y: x + y, "-": lambda x, y: x - y, "*": lambda x, y: x * y,
        "/": lambda x, y: x / y, "max": max, "mean": lambda x, y: (x + y) / 2,
    }  # fmt: skip
    if name == "^":
        return f"abs({first_text}) ^ 1.5", lambda numbers: abs(first(numbers)) ** mpmath.mpf("1.5")
    if name == "round":
        places = rng.randint(0, 4)
        return f"round({first_text}, {places})", lambda numbers: half_up(first(numbers), places)
    if name in of_two:
        text = (
            f"({first_text}) {name} ({second_text})"
            if len(name) == 1
            else f"{name}({first_text}, {second_text})"
        )
        return text, lambda numbers: of_two[name](first(numbers), second(numbers))
    of_one: dict[str, Callable[[Any], Any]] = {
        "abs": abs, "sqrt": mpmath.sqrt, "ln": mpmath.ln, "log10": mpmath.log10,
        "exp": mpmath.exp, "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    }  # fmt: skip
    return f"{name}({first_text})", lambda numbers: real(of_one[name](first(numbers)))


def half_up(number: Any, places: int) -> Any:
    size = mpmath.mpf(10) ** places
    return mpmath.sign(number) * mpmath.floor(abs(number) * size + mpmath.mpf("0.5")) / size


def real(number: Any) -> Any:
    if isinstance(number, mpmath.mpc):
        raise ValueError("has no real value")  # noqa: TRY004 (of a wrong value)
    return number


def test_random_formulas_come_to_what_mpmath_gives():
    rng = random.Random(20261127)  # noqa: S311 (a seed)
    compared = 0
    with mpmath.workdps(150):
        for _ in range(600):
            text, recount = drawn(rng, 3)
            numbers = {name: rng.randint(-50, 500) for name in "abc"}
            result = value(text, **numbers)
            try:
                exact = recount({name: mpmath.mpf(number) for name, number in numbers.items()})
            except (ZeroDivisionError, ValueError, OverflowError, TypeError):
                continue
            if isinstance(exact, mpmath.mpc) or not mpmath.isfinite(exact) or abs(exact) > 1e14:
                continue
            assert result is not None, text
            approximation = mpmath.mpf(result.numerator) / result.denominator
            size = max(1, abs(exact))
            assert abs(approximation - exact) < size * mpmath.mpf(10) ** -80, text
            compared += 1
    assert compared > 300


class TestNoValue:
    @pytest.mark.parametrize(
        ("text", "numbers"),
        [
            ("1 / a", {"a": 0}),
            ("a ^ -1", {"a": 0}),
            ("sqrt(a)", {"a": -1}),
            ("a ^ 0.5", {"a": -1}),
            ("ln(a)", {"a": 0}),
            ("log10(a)", {"a": -1}),
            ("a", {"a": None}),
            ("0 * a", {"a": None}),
            ("max(1, a)", {"a": None}),
            ("characteristic(age)", {"age": None}),
            ("case(sex, F, 1)", {"sex": "M"}),
            ("case(sex, F, 1)", {"sex": None}),
            ("a", {"a": 10**15}),
            ("exp(a)", {"a": 10**9}),
            ("a ^ a ^ a", {"a": 99}),
        ],
        ids=str,
    )
    def test_it_is_missing(self, text, numbers):
        assert value(text, **numbers) is None

    def test_what_a_case_does_not_take_may_be_missing(self):
        assert value("case(sex, F, a, M, 2)", sex="M", a=None) == 2

    def test_a_long_way_takes_no_time(self):
        assert value("ln(((a / 7 + 1 / 3) ^ 64) ^ 64)", a=1) is not None
        assert value("((((a / 7 + 2) ^ 64) ^ 64) ^ 64) ^ 64", a=1) is None
        assert value("exp(0 - a)", a=10**9) == 0


# Parameters


def with_formula(formula: str, name: str = "new", **options: Any) -> dict[str, Any]:
    return {name: {"label": "New", "unit": "u", "formula": formula} | options}


def study_of(formula: str, measure: dict[str, Any] | None = None, **options: Any) -> Study:
    return tiny(
        parameters=TINY["parameters"] | with_formula(formula, **options),
        measures=TINY["measures"] | {"new": {"parameter": "new", "at": "day-0"} | (measure or {})},
    )


def found(study: Study, *entries: Entry) -> int | None:
    return measured("new", *entries, study=study)


def seen(study_day: int, visit: str = "day-0", record: str = "", **results: Any) -> Entry:
    items = [{"parameter": name, "result": str(result)} for name, result in results.items()]
    return entry(
        "visit.recorded",
        record=record or f"V-{study_day}",
        visit=visit,
        date=day(study_day),
        measurements=items,
    )


class TestTogether:
    RATIO = "cd4 / weight"

    def test_results_of_one_day_belong_together(self):
        study = study_of(self.RATIO, places=2)
        assert found(study, enrolment(), cd4(0, 100), seen(0, weight=80)) == 125
        assert found(study, enrolment(), cd4(1, 100), seen(0, weight=80)) is None

    def test_an_operand_that_is_missing_leaves_no_result(self):
        study = study_of(self.RATIO, places=2)
        assert found(study, enrolment(), cd4(0, 100)) is None
        assert found(study, enrolment(), cd4(0, 100), seen(0, weight=80), seen(1, "day-7")) == 125

    def test_results_of_one_moment_or_of_one_visit(self):
        entries = [enrolment(), cd4(0, 100, "09:00"), viral_load(0, 50, "09:01"),
                   cd4(1, 30, visit="day-0"),
                   viral_load(0, 10, "10:00", record="L", visit="day-0")]  # fmt: skip
        formula = "cd4 / viral-load"
        moment = study_of(formula, together="moment", places=1)
        assert found(moment, *entries) is None
        assert found(moment, *entries, viral_load(0, 25, "09:00", record="M")) == 40
        visit = tiny(
            parameters=TINY["parameters"] | with_formula(formula, together="visit", places=1),
            measures=TINY["measures"] | {"new": {"parameter": "new", "after_first_dose": "last"}},
        )
        assert found(visit, *entries, dose(0, "07:00")) == 30
        unnamed = [enrolment(), cd4(0, 9), viral_load(0, 3), dose(0, "07:00")]
        assert found(visit, *unnamed) is None

    @pytest.mark.parametrize(
        ("replicates", "expected"),
        [("first", 90), ("last", 50), ("highest", 100), ("lowest", 50), ("mean", 80)],
    )
    def test_of_several_results_one_is_taken_or_their_mean(self, replicates, expected):
        entries = [
            cd4(0, 90, "08:00"),
            cd4(0, 100, "09:00", record="X"),
            cd4(0, 50, "10:00", record="Y"),
        ]
        study = study_of("cd4", replicates=replicates, places=0)
        assert found(study, enrolment(), *entries) == expected
        assert found(study, enrolment(), *reversed(entries)) == expected

    def test_a_mean_of_replicates_is_exact(self):
        entries = [
            cd4(0, result, f"0{i + 1}:00", record=f"X{i}") for i, result in enumerate((1, 1, 2))
        ]
        assert found(study_of("cd4", replicates="mean"), enrolment(), *entries) == 1_333_333_333_333
        assert found(study_of("cd4", replicates="mean", places=1), enrolment(), *entries) == 13

    def test_which_of_several_is_undecided_where_no_time_tells(self):
        fields = {"parameter": "cd4", "collected": day(0), "unit": "cells/uL"}
        plain = [
            entry("lab.result.reported", record=name, result=result, **fields)
            for name, result in (("A", "90"), ("B", "100"))
        ]
        last = study_of("cd4", places=0)
        assert found(last, enrolment(), *plain) == 100
        assert [choice.records for choice in derive(enrolment(), *plain, study=last).undecided] == [
            ("A", "B")
        ]
        mean = study_of("cd4", places=0, replicates="mean")
        assert derive(enrolment(), *plain, study=mean).undecided == []

    def test_where_takes_results_that_were_obtained_so(self):
        study = study_of("cd4", {"where": {"method": "A"}}, replicates="mean", places=0)
        entries = [cd4(0, 90, method="A"), cd4(0, 100, "10:00", record="X", method="B")]
        assert found(study, enrolment(), *entries) == 90


class TestAtVisits:
    def test_only_results_of_these_visits_come_together_and_are_the_time_before(self):
        entries = [enrolment(), cd4(0, 100), cd4(10, 400), cd4(14, 150), disposition(90)]
        step = "cd4 - previous(cd4)"
        assert found(study_of(step, {"at": "day-14"}, places=0), *entries) == -250
        planned = study_of(step, {"at": "day-14"}, places=0, at_visits=["day-0", "day-14"])
        assert found(planned, *entries) == 50
        assert found(planned, *reversed(entries)) == 50
        limited = study_of(step, {"at": "day-14"}, places=0, at_visits=["day-14"])
        assert found(limited, *entries) is None

    def test_what_is_carried_comes_from_any_time(self):
        carried = {"carried": ["weight"], "at_visits": ["day-14"], "places": 0}
        study = study_of("cd4 / weight", {"at": "day-14"}, **carried)
        assert found(study, enrolment(), seen(3, weight=50), cd4(14, 150), cd4(20, 9)) == 3

    def test_methods_say_so(self):
        study = study_of("cd4", at_visits=["day-0", "week-5"])
        texts = [row[1] for section in methods(study.definition) for row in section.rows]
        assert any("results of Day 0 or Week 5 alone" in text for text in texts)


class TestCarried:
    @staticmethod
    def bmi(**options: Any) -> Study:
        height = {"height": {"label": "Height", "unit": "cm", "places": 0, "units": {"m": 100}}}
        return tiny(
            parameters=TINY["parameters"] | height
            | with_formula("weight / (height / 100) ^ 2", carried=["height"], places=1),
            measures=TINY["measures"] | {"new": {"parameter": "new", "at": "day-14"} | options},
        )  # fmt: skip

    def test_the_last_result_up_to_the_day_counts(self):
        entries = [enrolment(), seen(0, height=170), seen(14, "day-14", weight=75)]
        assert found(self.bmi(), *entries) == 260  # 25.95 is rounded half up
        assert found(self.bmi(), *entries, seen(10, "day-7", height=180)) == 231
        assert found(self.bmi(), *entries, seen(15, "day-7", height=180)) == 260
        assert found(self.bmi(), *entries[::2]) is None

    def test_a_correction_of_it_changes_every_value(self):
        entries = [enrolment(), seen(0, height=170), seen(14, "day-14", weight=75)]
        tall = {"parameter": "height", "result": "1.8", "unit": "m"}
        corrected = entry("visit.recorded", record="V-0", revision=2, visit="day-0", date=day(0),
                          measurements=[tall])  # fmt: skip
        assert found(self.bmi(), *entries, corrected) == 231
        assert found(self.bmi(), corrected, *reversed(entries)) == 231

    def test_change_and_carrying_forward_are_as_of_any_parameter(self):
        entries = [
            enrolment(),
            dose(7),
            seen(0, height=200, weight=80),
            seen(9, "day-7", weight=84),
        ]
        study = self.bmi(change_from="baseline", missing="locf")
        assert found(study, *entries) is None  # not yet due
        assert found(study, *entries, contact(60)) == 10


class TestTaken:
    def test_limits_are_those_reported_with_the_result_in_its_own_unit(self):
        width = "upper(viral-load) - lower(viral-load)"
        study = study_of(f"(viral-load - lower(viral-load)) / ({width})", places=2)
        result = viral_load(0, 3, unit="kcopies/mL", range_low=1, range_high=5)
        assert found(study, enrolment(), result) == 50
        assert found(study, enrolment(), viral_load(0, 3, range_high=5)) is None
        assert found(study, enrolment(), viral_load(0, 3, range_low=5, range_high=5)) is None

    def test_previous_is_the_result_of_the_time_before(self):
        study = study_of("cd4 - previous(cd4)", {"at": "day-14"}, places=0)
        entries = [enrolment(), cd4(14, 100), cd4(10, 70), cd4(0, 400)]
        assert found(study, *entries) == 30
        assert found(study, *entries[:1], cd4(14, 100)) is None

    def test_facts_of_enrolment(self):
        study = study_of("cd4 * case(sex, F, 2, M, 3) + characteristic(score)", places=0)
        enrolled = enrolment(sex="F", characteristics={"score": 5})
        assert found(study, enrolled, cd4(0, 10)) == 25
        assert found(study, enrolment(sex="U", characteristics={"score": 5}), cd4(0, 10)) is None
        assert found(study, enrolment(sex="M"), cd4(0, 10)) is None
        assert found(study, cd4(0, 10)) is None

    def test_a_result_beyond_quantification_enters_as_it_counts(self):
        half = TINY["parameters"]["viral-load"] | {"below_quantification": "half"}
        study = tiny(
            parameters=TINY["parameters"] | {"viral-load": half}
            | with_formula("viral-load * 3", places=1),
            measures={"new": {"parameter": "new", "at": "day-0"}},
            conditions={name: TINY["conditions"][name] for name in ("enrolled", "treated")},
            tables=[], key_results=[],
        )  # fmt: skip
        assert found(study, enrolment(), viral_load(0, "<5")) == 75

    def test_a_formula_may_name_what_a_formula_made(self):
        study = tiny(
            parameters=TINY["parameters"]
            | with_formula("cd4 / 3", "third", places=1)
            | with_formula("third * 30 + viral-load-log10", "new", places=0),
            measures=TINY["measures"] | {"new": {"parameter": "new", "at": "day-0"}},
        )
        # 100 / 3 is rounded to 33.3 first: its places are a rule of the study
        assert found(study, enrolment(), cd4(0, 100), viral_load(0, 10)) == 1000


class TestShown:
    def test_statistics_are_of_the_values_as_rounded(self):
        grid = table_of(
            [
                event
                for subject, cells in (("S-1", "100"), ("S-2", "101"), ("S-3", "103"))
                for event in (
                    enrolment(subject=subject), randomised("a", subject),
                    cd4(0, cells, subject=subject),
                )
            ],
            {"summary": {"parameter": "new", "at": "day-0"}, "statistics": ["mean", "max"]},
            parameters=with_formula("cd4 / 3", places=1),
        )  # fmt: skip
        (row_cell, *_) = grid.rows[0].cells
        # 33.3, 33.7, 34.3
        assert (row_cell.get("mean").text, row_cell.get("max").text) == ("33.77", "34.3")

    def test_a_listing_shows_it_with_its_visit_and_no_result(self):
        sources = {"V": "value", "R": "result", "A": "visit", "U": "reported-unit"}
        columns = [
            {"id": name, "label": name, "source": source} for name, source in sources.items()
        ]
        listing = {"id": "L", "title": "L", "population": "P", "records": "observations:new",
                   "columns": columns}  # fmt: skip
        study = tiny(
            parameters=TINY["parameters"] | with_formula("cd4 / 8", places=3), listings=[listing]
        )
        rows = rows_of(listings_of(study, [enrolment(), cd4(0, 1)])["L"])
        assert [dict(row) for row in rows] == [
            {"V": Decimal("0.125"), "R": "", "A": "Day 0", "U": "u"}
        ]

    def test_methods_say_how_it_is_made(self):
        study = study_of("weight / previous(weight) * upper(cd4)", carried=["cd4"], places=1)
        (text,) = [
            row[1]
            for section in methods(study.definition)
            for row in section.rows
            if row[0] == "New (u)"
        ]
        for words in (
            "= weight / previous(weight) * upper(cd4)", "weight is Weight (kg)",
            "collected on one day", "of cd4 the last result up to that day", "the time before",
            "rounded half up to 1 decimals",
        ):  # fmt: skip
            assert words in text


def faults(**parameters: Any) -> tuple[FieldError, ...]:
    with pytest.raises(Rejected) as caught:
        checking.check_definition(tiny(parameters=TINY["parameters"] | parameters))
    return caught.value.faults


class TestRefused:
    @pytest.mark.parametrize(
        ("parameter", "pointer", "detail"),
        [
            (with_formula("wieght"), "/formula", "Did you mean weight?"),
            (with_formula("weight-cd4"), "/formula", "blanks go around a minus"),
            (with_formula("weight +"), "/formula", "ends where"),
            (with_formula("upper(viral-load-log10)"), "/formula", "is not a reported parameter"),
            (with_formula("cd4 * characteristic(history)"), "/formula", "that is a number"),
            (with_formula("cd4 * case(arm, a, 1)"), "/formula", "characteristic with levels"),
            (
                with_formula("cd4 * case(sex, X, 1)"),
                "/formula",
                "is not a level of sex of this definition: X",
            ),
            (with_formula("cd4", carried=["cd4"]), "", "that is not carried"),
            (with_formula("cd4", carried=["weight"]), "", "does not name: weight"),
            (with_formula("3"), "", "that is not carried"),
            (with_formula("cd4", rounded=True, places=1), "", "takes no rounded"),
            (with_formula("cd4", units={"v": 2}), "", "takes no units"),
            (with_formula("cd4", minimum=2), "", "takes no minimum"),
            (with_formula("cd4", log10_of="cd4"), "", "takes one of"),
            ({"new": {"label": "N", "unit": "u", "together": "day"}}, "", "takes no together"),
            ({"new": {"label": "N", "unit": "u", "at_visits": ["day-7"]}}, "", "no at_visits"),
            (with_formula("cd4", at_visits=["day-9"]), "/at_visits/0", "Did you mean"),
        ],
        ids=lambda part: str(part)[:60],
    )
    def test_it_says_where_and_why(self, parameter, pointer, detail):
        (fault,) = faults(**parameter)
        assert fault.pointer == f"/parameters/new{pointer}"
        assert detail in fault.detail

    def test_a_circle(self):
        (fault,) = faults(**with_formula("b + cd4", "a"), **with_formula("a", "b"))
        assert (fault.pointer, fault.detail) == ("/parameters", "are made of each other: a, b, a")

    def test_a_long_chain(self):
        chain = {f"p{i}": with_formula(f"p{i + 1}", f"p{i}")[f"p{i}"] for i in range(25)}
        (fault,) = faults(**chain, p25=TINY["parameters"]["cd4"])
        assert "more than 20 times" in fault.detail

    def test_results_of_it_cannot_be_posted(self):
        with pytest.raises(Rejected) as caught:
            check_acceptable(study_of("cd4"), cd4(0, 5, parameter="new"))
        assert caught.value.faults[0].pointer == "/data/parameter"

    def test_its_operands_are_used(self):
        loaded = study_of("weight * 2")
        value = json.loads(loaded.source)
        (unseen,) = [fault.detail for fault in warnings.find_warnings(loaded.definition, value)
                     if fault.pointer == "/parameters"] or [""]  # fmt: skip
        assert "weight" not in unseen


class TestUnits:
    """A unit converts by a factor, or by a line in x."""

    @staticmethod
    def study(formula: object, **options: Any) -> Study:
        temperature = {"label": "Temperature", "unit": "C", "units": {"F": formula}} | options
        return tiny(
            parameters=TINY["parameters"] | {"t": temperature},
            measures=TINY["measures"] | {"new": {"parameter": "t", "at": "day-0"}},
        )

    @staticmethod
    def fahrenheit(result: str, unit: str = "F") -> Entry:
        item = {"parameter": "t", "result": result, "unit": unit}
        return entry("visit.recorded", visit="day-0", date=day(0), measurements=[item])

    @pytest.mark.parametrize(
        ("result", "expected"), [("98.6", "370"), ("32", "0"), ("-40", "-400"), ("100", "378")]
    )
    def test_an_offset_is_added(self, result, expected):
        study = self.study("(x - 32) * 5 / 9", places=1, rounded=True)
        assert found(study, enrolment(), self.fahrenheit(result)) == int(expected)

    def test_what_ends_is_kept_whole_and_what_does_not_to_many_digits(self):
        kelvin = self.study("x - 273.15", places=1)
        assert found(kelvin, enrolment(), self.fahrenheit("300.1")) == 26_950  # 26.95, three places
        third = self.study("(x - 32) * 5 / 9", places=1)
        assert found(third, enrolment(), self.fahrenheit("100")) == 37_777_777_777_778

    def test_half_of_a_limit_is_half_of_what_was_reported(self):
        study = self.study("(x - 32) * 5 / 9", places=1, rounded=True, below_quantification="half")
        assert found(study, enrolment(), self.fahrenheit("<100")) == 100  # of 50 F

    def test_a_number_stays_a_factor(self):
        for factor in (2, "2", 2.0, "2 * x", "x + x"):
            assert found(self.study(factor, places=0), enrolment(), self.fahrenheit("21")) == 42

    def test_limits_are_of_the_converted_number(self):
        study = self.study("(x - 32) * 5 / 9", places=1, minimum=30, maximum=45)
        check_acceptable(study, self.fahrenheit("98.6"))
        with pytest.raises(Rejected):
            check_acceptable(study, self.fahrenheit("37.0"))
        check_acceptable(study, self.fahrenheit("37.0", "C"))

    @pytest.mark.parametrize(
        ("formula", "detail"),
        [
            ("x * x", "a line in x"), ("1 / x", "a line in x"), ("sqrt(x)", "a line in x"),
            ("y + 1", "a line in x"), ("0 - x", "must rise with x"),
            ("-5", "greater than 0"), ("x -", "ends where"),
            ("x / (x - x)", "a line in x"),
        ],
    )  # fmt: skip
    def test_anything_else_is_refused(self, formula, detail):
        with pytest.raises(Rejected) as caught:
            self.study(formula)
        assert any(detail in fault.detail for fault in caught.value.faults)

    def test_methods_say_it(self):
        texts = [row[1] for section in methods(self.study("x - 273.15").definition)
                 for row in section.rows if row[0] == "Temperature (C)"]  # fmt: skip
        assert "x F are x - 273.15 C" in texts[0]


def test_it_is_the_same_in_any_order_and_after_any_correction() -> None:
    rng = random.Random(7)  # noqa: S311 (a seed)
    defined = study_of("round(cd4 / weight, 1) + previous(cd4)", {"at": "day-14"},
                    carried=["weight"], at_visits=["day-0", "day-14"], replicates="mean",
                    places=3)  # fmt: skip
    entries = [enrolment(), dose(7), seen(0, weight=70), disposition(60)]
    entries += [cd4(study_day, 10 + study_day, f"{hour:02}:00", record=f"R{study_day}.{hour}")
                for study_day in (0, 5, 12, 14, 16) for hour in (8, 9)]  # fmt: skip
    expected = found(defined, *entries)
    assert expected is not None
    for _ in range(20):
        rng.shuffle(entries)
        assert found(defined, *entries) == expected


def test_a_definition_with_formulas_is_read_again_from_its_own_json() -> None:
    defined = study_of("cd4 / 3", places=2)
    reloaded = study.load(defined.definition.model_dump_json(exclude_unset=True))
    assert reloaded.definition == defined.definition
