"""Grades of results by a scale: the shipped ones and a study's own, exact and three-valued."""

import json
from copy import deepcopy
from functools import cache
from typing import Any, ClassVar

import pytest
from builders import (
    TINY,
    day,
    derive,
    disposition,
    dose,
    enrolment,
    entry,
    files_of,
    listings_of,
    report_of,
    rows_of,
    statistic,
    subjects,
    sums_of,
    tables_of,
)

from trial.definition import library
from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.subject.acceptance import check_acceptable
from trial.subject.derivation import Derivation
from trial.tables import checking
from trial.tables.compiled import compiled

SCALES = ("ctcae-4.03", "ctcae-5.0", "ctcae-6.0", "daids-2.1", "fda-levels")
Limits = tuple[float | None, float | None]


@cache
def graded(scale: str, term: str, unit: str, options: str = "{}") -> Study:
    """Load a study that grades one parameter by a term of a shipped scale."""
    grades = {"of": "x", "scale": scale, "term": term} | json.loads(options)
    return grading(scale, {
        "x": {"label": "X", "unit": unit}, "g": {"label": "Grade", "unit": "", "grades": grades},
    })  # fmt: skip


def grading(scale: str, parameters: dict[str, Any]) -> Study:
    """Load a study of parameters, `g` among them, that grades by a shipped scale."""
    definition = deepcopy(dict(TINY)) | {
        "extends": [scale],
        "parameters": TINY["parameters"] | parameters,
        "measures": TINY["measures"] | {
            "worst": {"parameter": "g", "after_first_dose": "highest"},
            "before": {"parameter": "g", "at": "baseline"},
        },
    }  # fmt: skip
    return checking.read_definition(json.dumps(definition))


def result(
    number: object, study_day: int, unit: str, limits: Limits, parameter: str = "x"
) -> Entry:
    low, high = limits
    return entry(
        "lab.result.reported", record=f"{parameter}{study_day}", parameter=parameter,
        collected=day(study_day),
        result=str(number), unit=unit, range_low=low, range_high=high,
    )  # fmt: skip


def series(derivation: Derivation, parameter: str = "g") -> list[int]:
    return [observation.value.units for observation in derivation.observations(parameter, ())]


def grade_of(
    scale: str, term: str, unit: str, value: object, limits: Limits = (None, None),
    base: object = None, base_limits: Limits | None = None, *,
    facts: dict[str, Any] | None = None, **options: Any,
) -> int | None:  # fmt: skip
    """Grade one result after the first dose, with its baseline if there is one."""
    events = [enrolment(**(facts or {})), dose(), result(value, 20, unit, limits)]
    if base is not None:
        options["baseline"] = "baseline"
        events.append(result(base, 5, unit, limits if base_limits is None else base_limits))
    derived = derive(*events, study=graded(scale, term, unit, json.dumps(options)))
    grades = [
        observation.value.units
        for observation in derived.observations("g", ())
        if observation.record.startswith("x20")
    ]
    return grades[0] if grades else None


V4, V5, V6, DAIDS, FDA = SCALES
ALT = {
    V4: "alanine-aminotransferase-increased", V5: "alanine-aminotransferase-increased",
    V6: "alanine-aminotransferase-increased", DAIDS: "alt-high", FDA: "alt-high",
}  # fmt: skip
COMPARES = {V5, V6}
"""The scales whose grades of ALT compare with the baseline."""


class TestWorkedExamples:
    """The same result by five scales: CTCAE 4.03, 5.0, 6.0, DAIDS 2.1 and the FDA's levels."""

    @pytest.mark.parametrize(
        ("value", "base", "expected"),
        [(130, 25, (2, 2, 2, 2, 1)), (130, 80, (2, 1, 2, 2, 1)), (110, 80, (1, 0, 1, 2, 0))],
    )
    def test_transaminase_by_its_baseline(self, value, base, expected):
        for scale, grade in zip(SCALES, expected, strict=True):
            compared = base if scale in COMPARES else None
            assert grade_of(scale, ALT[scale], "U/L", value, (7, 40), compared) == grade

    @pytest.mark.parametrize(
        ("value", "base", "expected"), [(1.3, 0.8, (2, 2, 1, 3, 1)), (1.0, 0.9, (1, 0, 0, 0, 0))]
    )
    def test_creatinine(self, value, base, expected):
        terms = ("creatinine-increased",) * 3 + ("creatinine-high",) * 2
        for scale, term, grade in zip(SCALES, terms, expected, strict=True):
            assert grade_of(scale, term, "mg/dL", value, (0.6, 1.2), base) == grade

    @pytest.mark.parametrize(("sex", "expected"), [("F", (2, 2, 2, 2, 3)), ("M", (2, 2, 2, 3, 3))])
    def test_haemoglobin_by_sex(self, sex, expected):
        terms = ("anemia",) * 3 + ("hemoglobin-low",) * 2
        for scale, term, grade in zip(SCALES, terms, expected, strict=True):
            facts = {"sex": sex, "age": 40}
            assert grade_of(scale, term, "g/dL", 8.7, (12, 16), facts=facts) == grade

    @pytest.mark.parametrize(
        ("value", "expected"), [(50, (2, 2, 2, 2, 3)), (49.9, (3, 3, 3, 3, 3))]
    )
    def test_platelets_at_the_edge(self, value, expected):
        terms = ("platelet-count-decreased",) * 2 + ("thrombocytopenia", "platelets-decreased",
                                                     "platelets-low")  # fmt: skip
        for scale, term, grade in zip(SCALES, terms, expected, strict=True):
            assert grade_of(scale, term, "10^3/uL", value, (150, 400)) == grade

    @pytest.mark.parametrize(
        ("value", "expected"), [(128, (3, 3, 3, 2, 2)), (129.5, (3, 1, 3, 2, 2))]
    )
    def test_sodium_in_the_gap(self, value, expected):
        terms = ("hyponatremia",) * 3 + ("sodium-low",) * 2
        for scale, term, grade in zip(SCALES, terms, expected, strict=True):
            assert grade_of(scale, term, "mmol/L", value, (135, 145)) == grade

    def test_potassium(self):
        terms = ("hypokalemia",) * 3 + ("potassium-low",) * 2
        for scale, term, grade in zip(SCALES, terms, (2, 2, 2, 1, 2), strict=True):
            assert grade_of(scale, term, "mmol/L", 3.2, (3.5, 5)) == grade

    def test_bilirubin_of_a_normal_baseline(self):
        terms = ("blood-bilirubin-increased",) * 3 + ("total-bilirubin-high", "bilirubin-high")
        for scale, term, grade in zip(SCALES, terms, (2, 2, 2, 2, 1), strict=True):
            compared = 0.8 if scale in COMPARES else None
            facts = {"age": 40}
            grade_found = grade_of(scale, term, "mg/dL", 2.0, (0.2, 1.2), compared, facts=facts)
            assert grade_found == grade

    @pytest.mark.parametrize(
        ("value", "expected"), [(350, (2, 2, 2, 1)), (150, (3, 3, 3, 3)), (60, (3, 3, 3, 4))]
    )
    def test_cd4(self, value, expected):
        terms = ("cd4-lymphocytes-decreased",) * 3 + ("absolute-cd4-count-low",)
        for scale, term, grade in zip(SCALES, terms, expected, strict=False):
            facts = {"age": 40}
            assert grade_of(scale, term, "/uL", value, (500, 1500), facts=facts) == grade

    def test_glucose_that_was_not_fasting(self):
        terms = {V4: "hyperglycemia", V6: "hyperglycemia", DAIDS: "glucose-high",
                 FDA: "glucose-high"}  # fmt: skip
        for scale, grade in {V4: 3, V6: 3, DAIDS: 3, FDA: 2}.items():
            assert grade_of(scale, terms[scale], "mg/dL", 300, (70, 99), fasting=False) == grade


class TestWhatIsNotKnown:
    @pytest.mark.parametrize(("value", "expected"), [(95, 2), (79, 3), (105, None), (100, None)])
    def test_without_a_limit_only_what_needs_none_is_decided(self, value, expected):
        assert grade_of(V5, "anemia", "g/L", value) == expected

    def test_a_result_within_limits_is_of_grade_0(self):
        assert grade_of(V5, "anemia", "g/L", 130, (120, 160)) == 0

    def test_without_a_baseline_nothing_is_decided_that_compares_with_it(self):
        events = [enrolment(), dose(), result(130, 20, "U/L", (7, 40))]
        study = graded(V5, ALT[V5], "U/L", json.dumps({"baseline": "baseline"}))
        assert series(derive(*events, study=study)) == []

    @pytest.mark.parametrize(
        ("value", "base", "expected"),
        [(30, 40, 0), (310, 40, 3), (900, 40, 4), (50, 40, None), (130, 80, None), (30, 20, None)],
    )
    def test_of_a_baseline_without_limits_both_cases_count(self, value, base, expected):
        grade_found = grade_of(V5, ALT[V5], "U/L", value, (7, 40), base, (None, None))
        assert grade_found == expected

    @pytest.mark.parametrize(
        ("value", "sex", "expected"),
        [(8.7, None, None), (6.0, None, 4), (8.7, "U", None), (9.8, "U", None), (12, "U", 0)],
    )
    def test_a_grade_that_is_the_same_for_each_sex_is_known(self, value, sex, expected):
        facts = {"age": 40} | ({"sex": sex} if sex else {})
        assert grade_of(DAIDS, "hemoglobin-low", "g/dL", value, facts=facts) == expected

    @pytest.mark.parametrize(
        ("age", "value", "expected"),
        [(0, 8.7, None), (1, 8.7, 2), (12, 8.7, 2), (13, 8.7, 3), (40, 8.7, 3),
         (None, 8.7, None), (None, 6.0, None)],
    )  # fmt: skip
    def test_boys_have_the_bounds_of_girls_and_infants_none(self, age, value, expected):
        facts = {"sex": "M"} | ({} if age is None else {"age": age})
        assert grade_of(DAIDS, "hemoglobin-low", "g/dL", value, facts=facts) == expected

    @pytest.mark.parametrize(("value", "expected"), [(99, 0), (105, None), (150, None), (220, 2)])
    def test_whether_a_sample_was_fasting_is_unknown_unless_said(self, value, expected):
        assert grade_of(FDA, "glucose-high", "mg/dL", value) == expected

    @pytest.mark.parametrize(
        ("text", "expected"),
        [("<25", 4), ("<=25", None), ("<26", None), ("<5", 4), (">200", 0), (">=75", None),
         (">50", None), (">=400", 0), ("25", 3)],
    )  # fmt: skip
    def test_beyond_quantification_only_what_is_sure_counts(self, text, expected):
        grade_found = grade_of(V5, "platelet-count-decreased", "10^9/L", text, (150, 400))
        assert grade_found == expected

    @pytest.mark.parametrize(
        ("text", "expected"),
        [(">7", 4), (">=7", None), (">6.9", None), ("<=5", 0), ("<5", 0), ("<5.1", None),
         ("<=5.1", None), ("7", 3), ("7.1", 4)],
    )  # fmt: skip
    def test_so_too_where_the_bound_itself_is_not_beyond_it(self, text, expected):
        assert grade_of(V5, "hyperkalemia", "mmol/L", text, (3.5, 5)) == expected

    def test_a_reference_of_zero_has_no_multiples(self):
        assert grade_of(DAIDS, "creatinine-high", "mg/dL", 1, (0, 0), 0) is None


OWN: dict[str, Any] = {
    "label": "Own", "version": "1", "terms": {
        "low": {"label": "Low", "direction": "low", "by_unit": {"mg/dL": [
            {"grade": 4, "any": [{"below": 30}]},
            {"grade": 2, "any": [{"beyond": "baseline", "at_most": -20}]}]}},
        "limits": {"label": "Limits", "direction": "high", "any_unit": [
            {"grade": 3, "any": [{"times": "upper-limit", "at_least": 2}]}]},
        "third": {"label": "Third", "direction": "high", "by_unit": {"u": [
            {"grade": 1, "any": [{"at_least": 1}]}]}},
    },
}  # fmt: skip


def own(parameters: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """Write a study with a scale of its own."""
    return deepcopy(dict(TINY)) | {
        "scales": {"own": OWN}, "parameters": TINY["parameters"] | parameters,
    } | parts  # fmt: skip


def grades(parameter: str, term: str, **options: Any) -> dict[str, Any]:
    return {"label": "Grade", "unit": "grade",
            "grades": {"of": parameter, "scale": "own", "term": term} | options}  # fmt: skip


def read(definition: dict[str, Any]) -> Study:
    return checking.read_definition(json.dumps(definition))


def faults(definition: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(Rejected) as refused:
        read(definition)
    return [(fault.pointer, fault.detail) for fault in refused.value.faults]


class TestUnits:
    MMOL: ClassVar[dict[str, Any]] = {  # mmol/L, in which mg/dL may be reported
        "x": {"label": "X", "unit": "mmol/L", "units": {"mg/dL": "0.0555"}},
        "g": grades("x", "low", baseline="baseline"),
    }  # fmt: skip

    @pytest.mark.parametrize(
        ("value", "expected"),
        [("1.66", 4), ("1.665", 2), ("1.6649999999", 4), ("3.89", 2), ("3.8901", 0), ("5", 0)],
    )
    def test_the_numbers_of_the_scale_convert_exactly_and_differences_by_the_factor(
        self, value, expected
    ):  # 30 mg/dL are 1.665 mmol/L, and 20 mg/dL are 1.11
        events = [
            enrolment(), result(5, 5, "mmol/L", (None, None)), dose(),
            result(value, 20, "mmol/L", (None, None)),
        ]  # fmt: skip
        assert series(derive(*events, study=read(own(self.MMOL))))[1:] == [expected]

    @pytest.mark.parametrize(
        ("value", "expected"),
        [("38", 3), ("37.999", 1), ("37.5", 1), ("37.499", 0), ("99.5", 1), ("100.4", 3)],
    )
    def test_where_units_have_another_zero_differences_have_none(self, value, expected):
        # 100.4 F are 38 C, and 1.8 F more than the baseline of 36.5 C are 1 C more
        fever = {"label": "Fever", "version": "1", "terms": {"t": {
            "label": "T", "direction": "high", "by_unit": {"F": [
                {"grade": 3, "any": [{"at_least": "100.4"}]},
                {"grade": 1, "any": [{"beyond": "baseline", "at_least": "1.8"}]}]}}}}  # fmt: skip
        study = read(own(
            {"x": {"label": "X", "unit": "C", "units": {"F": "(x - 32) * 5 / 9"}},
             "g": {"label": "G", "unit": "", "grades": {
                 "of": "x", "scale": "fever", "term": "t", "baseline": "baseline"}}},
            scales={"fever": fever},
        ))  # fmt: skip
        unit = "F" if float(value) > 90 else "C"
        events = [enrolment(), result("36.5", 5, "C", (None, None)), dose(),
                  result(value, 20, unit, (None, None))]  # fmt: skip
        assert series(derive(*events, study=study))[1:] == [expected]

    def test_a_unit_of_thirds_has_no_error_at_the_edge(self):
        third = {"x": {"label": "X", "unit": "u", "units": {"v": f"0.{40 * '3'}"}},
                 "y": {"label": "Y", "unit": "v", "units": {"u": "(x) / 3"}},
                 "g": grades("y", "third"), "h": grades("x", "limits")}  # fmt: skip
        events = [enrolment(), dose(), entry(
            "lab.result.reported", record="y", parameter="y", collected=day(20), result="1",
            unit="u", range_low=0, range_high=1), entry(
            "lab.result.reported", record="x", parameter="x", collected=day(20), result="2",
            unit="v", range_low=0, range_high=1)]  # fmt: skip
        derived = derive(*events, study=read(own(third)))
        assert series(derived) == [1]
        assert [observation.value.units for observation in derived.observations("h", ())] == [3]

    def test_a_unit_that_the_scale_does_not_have_is_refused_with_those_it_has(self):
        ((pointer, detail),) = faults(own(
            {"x": {"label": "X", "unit": "mmol/L"}, "g": grades("x", "low", baseline="baseline")}
        ))  # fmt: skip
        assert pointer == "/parameters/g/grades/term"
        assert "mg/dL" in detail
        assert "mmol/L" in detail


class TestRefused:
    X: ClassVar[dict[str, Any]] = {"label": "X", "unit": "mg/dL"}

    @pytest.mark.parametrize(
        ("grade", "pointer", "words"),
        [
            (grades("y", "low"), "/of", "gradable parameter"),
            (grades("viral-load-log10", "limits"), "/of", "gradable parameter"),
            (grades("other", "limits"), "/of", "gradable parameter"),
            (grades("x", "lower", baseline="baseline"), "/term", "low"),
            (grades("x", "low"), "/baseline", "compares with the baseline"),
            (grades("x", "low", baseline="base"), "/baseline", "baseline"),
            (grades("x", "low", baseline="previous-visit"), "/baseline", "baseline"),
            (grades("x", "limits", baseline="baseline"), "/baseline", "no use"),
            (grades("x", "limits", fasting=True), "/fasting", "no use"),
            (grades("made", "limits"), "/term", "formula"),
            (grades("x", "limits") | {"grades": {"of": "x", "scale": "ow", "term": "limits"}},
             "/scale", "own"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_graded(self, grade, pointer, words):
        doubled = {"label": "Made", "unit": "u", "formula": "2 * x"}
        problems = faults(
            own({"x": self.X, "made": doubled, "other": grades("x", "limits"), "g": grade})
        )
        assert [place for place, _ in problems] == [f"/parameters/g/grades{pointer}"]
        assert words in problems[0][1]

    @pytest.mark.parametrize("stray", [{"places": 1}, {"units": {"g": 1}}, {"minimum": 0},
                                       {"texts": {"a": "1"}}, {"log10_of": "x"}])  # fmt: skip
    def test_options_of_reported_results(self, stray):
        (fault,) = faults(own({"x": self.X, "g": grades("x", "limits") | stray}))
        assert fault[0] == "/parameters/g"

    @pytest.mark.parametrize(
        ("term", "words"),
        [
            ({"any_unit": [{"grade": 1, "any": [{"below": 3}]}]}, "by_unit"),
            ({"any_unit": []}, "exactly one"),
            ({"by_unit": {"g": [{"grade": 1, "any": [{"below": 3}]},
                                {"grade": 2, "any": [{"below": 2}]}]}}, "from the worst down"),
            ({"by_unit": {"g": [{"grade": 1, "any": [{"times": "baseline"}]}]}}, "takes at_least"),
            ({"by_unit": {"g": [{"grade": 1, "any": [
                {"times": "baseline", "beyond": "baseline", "below": 1}]}]}}, "one of times"),
        ],
    )  # fmt: skip
    def test_terms_that_are_no_rules(self, term, words):
        scale = OWN | {"terms": {"t": {"label": "T", "direction": "low"} | term}}
        problems = faults(own({}, scales={"own": scale}))
        assert any(words in detail for _, detail in problems), problems

    def test_grades_that_are_made_of_each_other(self):
        circle = {"g": grades("made", "third"),
                  "made": {"label": "M", "unit": "u", "formula": "g + 1"}}  # fmt: skip
        assert any("made of each other" in detail for _, detail in faults(own(circle)))

    AVERAGING: ClassVar[list[dict[str, Any]]] = [
        visit | ({"choose": "mean"} if visit["id"] == "day-14" else {}) for visit in TINY["visits"]
    ]

    @pytest.mark.parametrize("measure", [
        {"at": "day-14"}, {"at": "mean"}, {"at": "week-5", "change_from": "mean"},
        {"at": "week-5", "missing": "locf-visit"},
        {"at": "week-5", "change_from": "previous-visit"},
    ])  # fmt: skip
    def test_a_grade_of_a_visit_that_takes_a_mean(self, measure):
        problems = faults(own(
            {"x": self.X, "g": grades("x", "limits")}, visits=self.AVERAGING,
            baselines=TINY["baselines"] | {"mean": {"visit": "day-14"}},
            measures=TINY["measures"] | {"m": {"parameter": "g"} | measure},
        ))  # fmt: skip
        assert [(pointer, "takes the mean" in detail) for pointer, detail in problems] == [
            ("/measures/m", True)
        ]

    def test_a_grade_of_another_visit_is_a_whole_number_all_the_same(self):
        study = read(own(
            {"x": self.X, "g": grades("x", "limits")}, visits=self.AVERAGING,
            measures=TINY["measures"] | {"m": {"parameter": "g", "at": "week-5"}},
        ))  # fmt: skip
        quantity = compiled(study).rules.measure("m", "")
        assert (quantity.places, quantity.precision.exact) == (0, True)


class TestUse:
    """Grades are used as any other parameter is."""

    def study(self) -> Study:
        classes = [{"value": str(i), "label": f"Grade {i}", "at_least": i, "at_most": i}
                   for i in range(5)]  # fmt: skip
        measures = {
            "worst": {"parameter": "g", "after_first_dose": "highest"},
            "before": {"parameter": "g", "at": "baseline"},
        }
        return read(own(
            {
                "x": {"label": "X", "unit": "mg/dL"},
                "g": grades("x", "low", baseline="baseline"),
                "h": grades("x", "limits"),
                "both": {"label": "Either", "unit": "grade", "formula": "max(g, h)", "places": 0},
            },
            measures=TINY["measures"] | measures | {
                "either": {"parameter": "both", "after_first_dose": "highest"}},
            classes={name: {"label": name, "measure": measure, "classes": classes}
                     for name, measure in (("worst-grade", "worst"), ("grade-before", "before"))},
            conditions=TINY["conditions"] | {
                "severe": {"measure": "worst", "at_least": 3},
                "together": {"results": [{"parameter": "g", "at_least": 2},
                                         {"parameter": "h", "at_least": 3}]}},
            tables=[{"id": "t", "title": "T", "population": "All", "columns": [
                {"id": "total", "label": "Total", "set": "enrolled"}], "rows": [
                {"id": "severe", "label": "Severe", "count": "severe"},
                {"id": "worst", "label": "Worst", "levels": {"characteristic": "worst-grade"}},
                {"id": "shift", "label": "Shift",
                 "shift": {"before": "grade-before", "after": "worst-grade"}},
                {"id": "together", "label": "Together", "count": "together"},
                {"id": "either", "label": "Either", "summary": "either",
                 "statistics": ["n", "max"]}]}],
            key_results=[], listings=[],
        ))  # fmt: skip

    def events(self, subject: str, *values: object) -> list[Entry]:
        """Give a subject's baseline and the results after the first dose."""
        first, *later = values
        results = [(5, first), *((20 + i, value) for i, value in enumerate(later))]
        return [
            enrolment(subject=subject), dose(subject=subject), disposition(60, subject=subject),
            *(entry("lab.result.reported", subject, record=f"x{study_day}", parameter="x",
                    collected=day(study_day), result=str(value), unit="mg/dL", range_high=50)
              for study_day, value in results),
        ]  # fmt: skip

    def test_worst_grades_levels_and_shifts(self):
        people = {
            "A": (80, 70, 25),
            "B": (80, 55, 75),
            "C": (80, 80),
            "D": (90, 110, 70),
            "E": (80,),
        }
        events = [event for name, values in people.items() for event in self.events(name, *values)]
        grid = tables_of(self.study(), events)["t"]
        levels = {name: statistic(grid, f"worst/{name}", "total", "n") for name in ("0", "2", "4")}
        assert levels == {"0": 1, "2": 2, "4": 1}  # C; B and D; A: nobody counts twice
        assert statistic(grid, "severe", "total", "n") == 1
        assert statistic(grid, "severe", "total", "N") == 4  # E has no result after the dose
        changes = {
            name: statistic(grid, f"shift/0/{name}", "total", "n") for name in ("0", "2", "4")
        }
        assert changes == levels
        assert statistic(grid, "shift/(missing)", "total", "n") == 1
        assert statistic(grid, "together", "total", "n") == 0
        assert "Grade: by Own 1, Low." in grid.footnotes
        assert statistic(grid, "either", "total", "max") == "4"

    def test_the_share_is_the_same_in_any_order_and_the_documents_agree(self):
        study = self.study()
        events = [*self.events("A", 80, 70, 25), *self.events("B", 80, 55)]
        sums = sums_of(study, subjects(events))
        back = sums_of(study, subjects(reversed(events)))
        assert sums == back
        report = report_of(study, events)
        files = files_of(report, study)
        for name in ("results.json", "tables.json", "summary.md", "report.html"):
            assert files[name]
        assert b"Own 1" in files["summary.md"]

    def test_a_listing_shows_the_grade_beside_the_result_in_the_unit_reported(self):
        sources = {"V": "value", "R": "result", "U": "unit", "W": "reported-unit"}
        columns = [
            {"id": name, "label": name, "source": source} for name, source in sources.items()
        ]
        study = read(own(
            {"x": {"label": "X", "unit": "u", "units": {"ku": 1000}}, "h": grades("x", "third")},
            listings=[{"id": "L", "title": "L", "population": "P", "columns": columns,
                       "records": "observations:x,h"}],
        ))  # fmt: skip
        events = [
            enrolment(),
            *(
                entry(
                    "observation.recorded",
                    record=f"x{study_day}",
                    test="x",
                    date=day(study_day),
                    result=value,
                    **unit,
                )
                for study_day, value, unit in ((5, "0.3", {"unit": "ku"}), (6, "0", {}))
            ),
        ]
        rows = [tuple(row.values()) for row in rows_of(listings_of(study, events)["L"])]
        assert rows == [
            (300, "0.3", "u", "ku"), (0, "0", "u", "u"),
            (1, "0.3", "grade", "ku"), (0, "0", "grade", "u"),
        ]  # fmt: skip

    @pytest.mark.parametrize("name", ["g", "both"])
    def test_a_result_that_is_made_of_others_is_not_reported(self, name):
        values = {"test": name, "date": day(5), "result": "1"}
        with pytest.raises(Rejected) as refused:
            check_acceptable(self.study(), entry("observation.recorded", record="O", **values))
        assert [fault.pointer for fault in refused.value.faults] == ["/data/test"]

    def test_an_undecided_baseline_is_a_discrepancy_of_the_grade_too(self):
        entries = [
            entry("lab.result.reported", record=name, parameter="x", collected=day(5),
                  result=value, unit="mg/dL")
            for name, value in (("one", "80"), ("two", "40"))
        ]  # fmt: skip
        derived = derive(enrolment(), dose(), *entries, study=self.study())
        assert {record for choice in derived.undecided for record in choice.records} == {
            "one", "two",
        }  # fmt: skip


@pytest.mark.parametrize("scale", SCALES)
def test_every_term_of_a_shipped_scale_grades_in_each_of_its_units(scale):
    """Each is read in each unit; what is far beyond every bound is of its worst grade."""
    terms = library.pieces()[scale]["definition"]["scales"][scale]["terms"]
    assert len(terms) >= 35
    parameters: dict[str, Any] = {}
    events, expected = [enrolment(sex="F", age=40), dose()], []
    for name, term in terms.items():
        text = json.dumps(term)
        options = {"baseline": "baseline"} if '"baseline"' in text else {}
        options |= {"fasting": True} if '"fasting"' in text else {}
        extreme = "0.000001" if term["direction"] == "low" else "100000000"
        for unit, rules in (term.get("by_unit") or {"u": term["any_unit"]}).items():
            of, number = f"x{len(expected)}", "g" if not expected else f"g{len(expected)}"
            grades = {"of": of, "scale": scale, "term": name} | options
            parameters |= {
                of: {"label": "X", "unit": unit},
                number: {"label": "Grade", "unit": "", "grades": grades},
            }
            events += [
                result(50, 5, unit, (10, 90), of), result(extreme, 20, unit, (10, 90), of),
            ]  # fmt: skip
            expected.append((number, name, unit, max(rule["grade"] for rule in rules)))
    derived = derive(*events, study=grading(scale, parameters))
    for number, name, unit, worst in expected:
        assert series(derived, number)[-1] == worst, (name, unit)
