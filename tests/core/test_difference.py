"""A measure by arm, and the difference of two: what a crossover compares within subjects."""

import builders
import pytest
from builders import cd4, dose, enrolment, measured, tiny
from test_rules import refused

from trial.definition.study import Study
from trial.events.envelope import Entry

MEASURES = {
    "first": {"parameter": "cd4", "at": "day-14", "change_from": "control"},
    "second": {"parameter": "cd4", "at": "week-5", "change_from": "control", "missing": "bocf"},
    "on-a": {"by_arm": {"AB": "first", "BA": "second"}},
    "on-b": {"by_arm": {"AB": "second", "BA": "first"}},
    "effect": {"difference": ["on-a", "on-b"], "label": "A minus B"},
}
CROSSOVER = {
    "arms": [{"id": "AB", "label": "A, then B"}, {"id": "BA", "label": "B, then A"}],
    "measures": builders.TINY["measures"] | MEASURES,
}


@pytest.fixture
def study() -> Study:
    return tiny(**CROSSOVER)


def drawn(arm: str) -> Entry:
    return builders.entry("subject.randomised", date=builders.day(0), arm=arm)


def test_of_one_subject_it_is_the_first_less_the_second(study):
    course = [enrolment(), dose(7), cd4(0, 100), cd4(14, 130), cd4(35, 110)]
    assert measured("effect", *course, drawn("AB"), study=study) == 20
    assert measured("effect", *course, drawn("BA"), study=study) == -20


def test_without_one_of_them_or_without_a_sequence_there_is_none(study):
    course = [enrolment(), dose(7), cd4(0, 100), cd4(14, 130)]
    assert measured("effect", *course, drawn("AB"), study=study) is None
    assert measured("effect", *course, cd4(35, 110), study=study) is None


def test_what_stands_in_for_one_of_them_makes_it_imputed(study):
    course = [enrolment(), dose(7), cd4(0, 100), cd4(14, 130), builders.contact(60), drawn("AB")]
    quantity = builders.report.compiled(study).rules.measure("effect", "")
    value = quantity.evaluate(builders.derive(*course, study=study))
    assert (value.units, value.imputed) == (30, True)


def test_it_is_due_once_both_are(study):
    quantity = builders.report.compiled(study).rules.measure("effect", "")
    early = [enrolment(), dose(7), drawn("AB"), builders.contact(18)]
    assert not quantity.due(builders.derive(*early, study=study))
    assert quantity.due(builders.derive(*early, builders.contact(43), study=study))


@pytest.mark.parametrize(
    "measures",
    [
        {"effect": {"difference": ["day14-copies", "day14-decrease"]}},
        {"effect": {"difference": ["day14-copies", "score"]}},
        {"effect": {"difference": ["day14-copies", "effect"]}},
        {"effect": {"difference": ["day14-copies", "nothing"]}},
    ],
    ids=["precision", "unit", "itself", "unknown"],
)
def test_measures_that_do_not_subtract_are_refused(measures):
    (path,) = refused(measures=builders.TINY["measures"] | measures)
    assert path.startswith("/measures/effect")
