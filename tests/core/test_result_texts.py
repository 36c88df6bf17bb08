"""Results that are words or lie below quantification: as which number each counts."""

from typing import Any

import pytest
from builders import (
    TINY,
    derive,
    disposition,
    dose,
    enrolment,
    listings_of,
    measured,
    rows_of,
    statistic,
    tables_of,
    tiny,
    truth,
    viral_load,
)

from trial.definition.study import Study
from trial.errors import FieldError, Rejected
from trial.events.envelope import Entry
from trial.rules import Rules
from trial.rules.registry import FaultCollector
from trial.subject.acceptance import check_acceptable
from trial.tables import checking
from trial.tables.discrepancies import EditChecks

TEXTS = {"Target not detected": "<lloq", "Trace": 12, "Above": ">1000", "Negative": "<20"}


def study_of(listings: list[Any] | None = None, **options: Any) -> Study:
    load = TINY["parameters"]["viral-load"] | {"texts": TEXTS} | options
    return tiny(
        parameters=TINY["parameters"] | {"viral-load": load},
        measures=TINY["measures"] | {"new": {"parameter": "viral-load", "at": "day-0"}},
        conditions=TINY["conditions"]
        | {
            f"below-{bound}": {
                "measure": {"parameter": "viral-load", "at": "day-0"},
                "below": bound,
            }
            for bound in (20, 50)
        },
        listings=listings or [],
    )


def found(study: Study, *entries: Entry) -> int | None:
    return measured("new", enrolment(), *entries, study=study)


class TestTexts:
    @pytest.mark.parametrize(
        ("text", "expected"), [("Trace", 12), (" Trace ", 12), ("Negative", 20), ("Above", 1000)]
    )
    def test_a_word_counts_as_its_result(self, text, expected):
        assert found(study_of(), viral_load(0, text)) == expected

    def test_it_is_in_the_unit_that_is_reported(self):
        assert found(study_of(), viral_load(0, "Trace", unit="kcopies/mL")) == 12_000

    def test_below_the_limit_that_is_reported_beside_it(self):
        undetected = viral_load(0, "Target not detected", lloq=40)
        assert found(study_of(), undetected) == 40
        assert found(study_of(below_quantification="half", places=1), undetected) == 2_000
        assert found(study_of(below_quantification="missing"), undetected) is None

    def test_it_lies_below_a_threshold_as_any_result_below_a_limit_does(self):
        for text, limit, below in (("Negative", None, (True, True)),
                                   ("Target not detected", 40, (False, True)),
                                   ("Trace", None, (True, True)),
                                   ("Above", None, (False, False))):  # fmt: skip
            result = viral_load(0, text) if limit is None else viral_load(0, text, lloq=limit)
            truths = tuple(
                truth(f"below-{bound}", enrolment(), result, study=study_of()) for bound in (20, 50)
            )
            assert truths == below, text

    def test_a_listing_shows_the_word(self):
        columns = [{"id": name, "label": name, "source": name} for name in ("result", "value")]
        listing = {"id": "L", "title": "L", "population": "P", "columns": columns,
                   "records": "observations:viral-load"}  # fmt: skip
        (row,) = rows_of(
            listings_of(study_of([listing]), [enrolment(), viral_load(0, "Negative")])["L"]
        )
        assert dict(row) == {"result": "Negative", "value": 20}

    def test_an_amendment_that_takes_a_word_away_is_a_discrepancy(self):
        checks = EditChecks(study_of(texts={}))
        derivation = derive(enrolment(), viral_load(0, "Trace"), study=study_of(texts={}))
        assert "no-longer-accepted" in {discrepancy.rule for discrepancy in checks.find(derivation)}


def faults(study: Study, entry: Entry) -> list[FieldError]:
    try:
        check_acceptable(study, entry)
    except Rejected as refused:
        return list(refused.faults)
    return []


class TestAccepted:
    def test_a_word_of_the_parameter_is_taken(self):
        assert faults(study_of(), viral_load(0, "Trace")) == []
        assert faults(study_of(), viral_load(0, "Target not detected", lloq=20)) == []

    def test_a_limit_must_be_there(self):
        (fault,) = faults(study_of(), viral_load(0, "Target not detected"))
        assert fault.pointer == "/data/result"
        assert "`lloq` must be given" in fault.detail

    def test_another_word_is_refused_with_those_that_are_known(self):
        (fault,) = faults(study_of(), viral_load(0, "trace"))
        assert "or Target not detected or Trace" in fault.detail

    def test_as_which_it_counts_must_be_within_the_limits(self):
        assert faults(study_of(maximum=11), viral_load(0, "Trace"))


@pytest.mark.parametrize(
    ("texts", "detail"),
    [
        ({"Trace": "little"}, "must count as a number"),
        ({"Trace": True}, ""),
        ({"<20": "5"}, "is a number: it counts as itself"),
        ({"Trace": "0.5"}, "more decimals than are kept"),
    ],
    ids=str,
)
def test_what_a_word_cannot_count_as_is_refused(texts, detail):
    with pytest.raises(Rejected) as caught:
        checking.check_definition(study_of(texts=texts))
    (fault,) = caught.value.faults
    assert fault.pointer.startswith("/parameters/viral-load")
    assert detail in fault.detail


class TestBelowIsMissing:
    STUDY = study_of(below_quantification="missing")

    @pytest.mark.parametrize("text", ["<20", "<=20", "Negative"])
    def test_there_is_no_value(self, text):
        assert found(self.STUDY, viral_load(0, text)) is None
        assert measured("baseline-log", enrolment(), viral_load(0, text), study=self.STUDY) is None

    def test_what_lies_above_counts(self):
        assert found(self.STUDY, viral_load(0, ">20")) == 20

    def test_another_result_of_the_visit_counts(self):
        entries = [viral_load(0, "<20"), viral_load(1, 70)]
        assert found(self.STUDY, *entries) == 70
        assert found(study_of(), *entries) == 20


LEVELS = ("negative", "trace", "1+", "2+", "3+")
CLASSES = [
    {"value": level, "label": level, "at_least": i, "below": i + 1}
    for i, level in enumerate(LEVELS)
]


class TestOrderedWords:
    """Words of an order, such as those of a dipstick: each by the number that it counts as."""

    STUDY = tiny(
        parameters=TINY["parameters"] | {"protein": {
            "label": "Protein", "unit": "dipstick", "minimum": 0, "maximum": 4, "places": 0,
            "texts": dict(zip(LEVELS, range(5), strict=True))}},
        measures=TINY["measures"] | {
            "worst": {"parameter": "protein", "after_first_dose": "highest"},
            "before": {"parameter": "protein", "at": "baseline"},
            "step": {"parameter": "protein", "at": "week-5", "change_from": "baseline"}},
        classes={name: {"label": name, "measure": name, "classes": CLASSES}
                 for name in ("worst", "before")},
        conditions=TINY["conditions"] | {
            "marked": {"measure": "worst", "at_least": 3},
            "slight": {"measure": "worst", "at_most": 1}},
        tables=[{"id": "t", "title": "T", "population": "All", "columns": [
            {"id": "total", "label": "Total", "set": "enrolled"}], "rows": [
            {"id": "worst", "label": "Worst", "levels": {"characteristic": "worst"}},
            {"id": "shift", "label": "Shift", "shift": {"before": "before", "after": "worst"}},
            {"id": "step", "label": "Step", "summary": "step", "statistics": ["max"]},
            {"id": "marked", "label": "Marked", "count": "marked"},
            {"id": "slight", "label": "Slight", "count": "slight"}]}],
        key_results=[], listings=[],
    )  # fmt: skip

    def events(self, subject: str, *words: str) -> list[Entry]:
        """Give results before the first dose, after it and at week 5."""
        return [enrolment(subject=subject), dose(subject=subject), disposition(60, subject=subject),
                *(viral_load(study_day, word, subject=subject, parameter="protein", unit="dipstick")
                  for study_day, word in zip((5, 20, 35), words, strict=True))]  # fmt: skip

    def test_worst_shift_change_and_bounds_go_by_the_order(self):
        events = [
            *self.events("A", "negative", "2+", "trace"), *self.events("B", "1+", "negative", "1+"),
            *self.events("C", "trace", "trace", "negative"),
        ]  # fmt: skip
        grid = tables_of(self.STUDY, events)["t"]
        worst = {level: statistic(grid, f"worst/{level}", "total", "n") for level in LEVELS}
        assert worst == {"negative": 0, "trace": 1, "1+": 1, "2+": 1, "3+": 0}
        for before, after in (("negative", "2+"), ("1+", "1+"), ("trace", "trace")):
            assert statistic(grid, f"shift/{before}/{after}", "total", "n") == 1
        assert statistic(grid, "step", "total", "max") == "1"
        counts = [statistic(grid, name, "total", "n") for name in ("marked", "slight")]
        assert counts == [1, 1]

    @pytest.mark.parametrize("word", ["4+", "5", "-1"])
    def test_a_word_that_is_none_of_them_is_refused(self, word):
        with pytest.raises(Rejected) as refused:
            check_acceptable(self.STUDY, viral_load(5, word, parameter="protein", unit="dipstick"))
        assert [fault.pointer for fault in refused.value.faults] == ["/data/result"]


PROTEIN = {"label": "Protein", "unit": "1", "places": 0,
           "texts": {"negative": 0, "trace": 1, "1+": "2", "2+": 3, "hazy": "<1"}}  # fmt: skip
KNOWN = "known texts: negative, trace, 1+, 2+"
BANDS = [
    {"value": "none", "label": "None", "below": "trace"},
    {"value": "some", "label": "Some", "at_least": "trace", "below": "2+"},
    {"value": "much", "label": "Much", "at_least": "2+"},
]


def of_protein(**conditions: Any) -> Study:
    measures = {"protein": {"parameter": "protein", "at": "day-0"}}
    return tiny(
        parameters=TINY["parameters"] | {"protein": PROTEIN},
        measures=TINY["measures"] | measures,
        classes={"protein": {"label": "Protein", "measure": "protein", "classes": BANDS}},
        conditions=TINY["conditions"] | conditions,
    )


class TestWordsInBounds:
    """A bound may be a word of the parameter: what it counts as is what is compared."""

    @pytest.mark.parametrize(("result", "is_high", "level"), [
        ("negative", False, "none"), ("trace", False, "some"), ("1+", True, "some"),
        ("2+", True, "much"), ("3", True, "much"), ("0", False, "none"),
    ])  # fmt: skip
    def test_conditions_and_classes_go_by_the_number(self, result, is_high, level):
        study = of_protein(
            high={"measure": "protein", "more_than": "trace"},
            in_place={"measure": {"parameter": "protein", "at": "day-0"}, "at_most": " trace "},
            later={"results": [{"parameter": "protein", "at_least": "1+"}]},
        )
        entries = [enrolment(), dose(0), viral_load(0, result, parameter="protein", unit="1")]
        assert truth("high", *entries, study=study) is is_high
        assert truth("in_place", *entries, study=study) is not is_high
        category = derive(*entries, study=study)
        assert Rules(study, FaultCollector()).category("protein", "")(category) == level

    def test_it_is_the_definition_with_the_numbers(self):
        by_words = of_protein(high={"measure": "protein", "more_than": "trace"})
        by_numbers = of_protein(high={"measure": "protein", "more_than": 1})
        assert by_words.definition == by_numbers.definition
        assert by_words.digest != by_numbers.digest  # the source stays as it was sent

    @pytest.mark.parametrize(
        ("condition", "detail"),
        [
            ({"measure": "protein", "below": "3+"},
             f"is no number, and no text of protein that counts as one: 3+ ({KNOWN})"),
            ({"measure": "protein", "below": "hazy"},
             f"is no number, and no text of protein that counts as one: hazy ({KNOWN})"),
            ({"measure": {"parameter": "weight", "at": "day-0"}, "below": "1+"},
             "is no number, and no text of weight that counts as one: 1+ (known texts: none)"),
            ({"measure": {"parameter": "protein", "at": "week-5", "change_from": "baseline"},
              "below": "1+"}, "is no number: a change has no words, and 1+ is one"),
            ({"measure": "age", "below": "trace"},
             "is no number, and no text that counts as one: trace (known texts: none)"),
        ],
    )  # fmt: skip
    def test_a_word_that_stands_for_no_number_is_refused_where_it_stands(self, condition, detail):
        with pytest.raises(Rejected) as refused:
            of_protein(wrong=condition)
        faults = {fault.pointer: fault.detail for fault in reversed(refused.value.faults)}
        assert faults["/conditions/wrong/below"] == detail

    def test_a_column_may_bear_the_name_of_a_bound(self):
        columns = [{"id": "below", "label": "B", "set": "enrolled"}]
        rows = [{"id": "row", "label": "R", "count": {"below": "enrolled"}}]
        table = {"id": "t", "title": "T", "population": "P", "columns": columns, "rows": rows}
        assert tiny(tables=[table], key_results=[]).definition.tables
