"""How results are graded, in words: by which scale, and what makes a result of each grade."""

from collections.abc import Iterator

from trial.definition import Definition
from trial.definition.design import Parameter
from trial.definition.grading import (
    Comparison,
    Criterion,
    GradedTerm,
    GradeRule,
    Grades,
    Premise,
    Scale,
    rules_for,
)
from trial.reporting.methods.wording import bounds, by_name, joined

_REFERENCES = {
    "upper-limit": "the upper limit of the reference range",
    "lower-limit": "the lower limit of the reference range",
    "baseline": "the baseline",
}
_BASELINES = {
    "high": "where the baseline is above the upper limit reported with it",
    "not-high": "where the baseline is not above the upper limit reported with it",
    "low": "where the baseline is below the lower limit reported with it",
    "not-low": "where the baseline is not below the lower limit reported with it",
}
_COUNTING = {
    "worst": "by custom each subject is counted once, by the worst",
    "cumulative": "by custom they are cumulative: who reaches one is counted with the milder too",
}


def words(grades: Grades, definition: Definition) -> Iterator[str]:
    """Yield which results are graded by which scale, and each grade's rules."""
    graded, scale = definition.parameters[grades.of], definition.scales[grades.scale]
    term = scale.terms[grades.term]
    yield f"the {scale.noun} of each result of {_label(graded)} by {named(scale)}"
    yield f"term {term.label}: the {scale.noun} rises as results are {_DIRECTIONS[term.direction]}"
    grading_rules = rules_for(scale, term, graded.unit, graded.conversions)
    unit, rules, conversion = grading_rules or ("", (), None)
    for rule in rules:
        criteria = joined((_criterion(part, unit) for part in rule.any), "or")
        yield f"{scale.noun} {rule.grade}: {criteria}"
    yield f"{scale.noun} 0 where none of these holds; of several that hold the worst counts"
    if conversion is not None:
        yield f"the scale's numbers are in {unit} and are converted into {graded.unit}"
    if term.only is not None:
        yield f"results of others than these are not graded: {_premise(term.only)}"
    if term.assumed:
        yield f"assumed: {term.assumed}"
    if grades.baseline is not None:
        yield f"the baseline is {grades.baseline}"
    if grades.fasting is not None:
        yield f"samples are taken to be {_FASTING[grades.fasting]}"
    yield (
        "missing where it is not decided: where a limit, the baseline, sex, age or whether the"
        " subject was fasting matters and is not known, or the result lies beyond quantification"
    )
    yield _COUNTING[scale.counting]


def scales(definition: Definition) -> Iterator[tuple[str, str]]:
    """Yield each scale by name: its grades, which of its terms grade what, how they are counted."""
    for name, scale in by_name(definition.scales):
        yield named(scale), ". ".join(_scale(name, scale, definition)) + "."


def _scale(name: str, scale: Scale, definition: Definition) -> Iterator[str]:
    worst = max(rule.grade for term in scale.terms.values() for rule in _rules(term))
    yield f"{scale.noun.capitalize()} 0 to {worst}, {worst} the worst; {_COUNTING[scale.counting]}"
    used = [
        f"{scale.terms[grades.term].label} of {definition.parameters[grades.of].label}"
        for _, parameter in by_name(definition.parameters)
        if (grades := parameter.grades) is not None and grades.scale == name
    ]
    of_all = f"Of its {len(scale.terms)} terms" if len(scale.terms) > 1 else "Its one term"
    yield f"{of_all} these grade results: {joined(used)}" if used else "It grades no results here"
    if scale.synonyms:
        synonyms = (
            f"{unit or 'no unit'} is {unit_meant}" for unit, unit_meant in by_name(scale.synonyms)
        )
        yield f"Of units {joined(synonyms)}"


def _rules(term: GradedTerm) -> Iterator[GradeRule]:
    yield from term.any_unit
    for rules in term.by_unit.values():
        yield from rules


_DIRECTIONS = {"low": "lower", "high": "higher"}
_FASTING = {True: "fasting", False: "not fasting"}


def named(scale: Scale) -> str:
    """Return a scale's name, version and source."""
    source = f" ({scale.source})" if scale.source else ""
    return f"{scale.label} {scale.version}{source}"


def _label(parameter: Parameter) -> str:
    return f"{parameter.label} ({parameter.unit})" if parameter.unit else parameter.label


def _criterion(criterion: Criterion, unit: str) -> str:
    values = joined(_comparison(part, unit) for part in criterion.comparisons)
    supposed = _premise(criterion)
    return f"{values} ({supposed})" if supposed else values


def _comparison(comparison: Comparison, unit: str) -> str:
    if comparison.times is not None:
        return _multiples(comparison, _REFERENCES[comparison.times])
    value = bounds(comparison, "" if unit == "1" else unit)
    if comparison.beyond is None:
        return value
    return f"{value} when {_REFERENCES[comparison.beyond]} is taken off"


def _multiples(comparison: Comparison, reference: str) -> str:
    """Return how a value compares with multiples of a reference; 1 time is the reference itself."""
    words = bounds(comparison, f"times {reference}")
    return words.replace(f" 1 times {reference}", f" {reference}")


def _premise(premise: Premise) -> str:
    """Return what is supposed; '' where nothing is."""
    age_at_least, age_below = premise.age_at_least, premise.age_below
    days_at_least, days_below = premise.age_in_days_at_least, premise.age_in_days_below
    parts = (
        None if premise.sex is None else f"sex {premise.sex}",
        None if age_at_least is None else f"at least {age_at_least} years of age at enrolment",
        None if age_below is None else f"below {age_below} years of age at enrolment",
        None if days_at_least is None else f"at least {days_at_least} days of age at the sample",
        None if days_below is None else f"below {days_below} days of age at the sample",
        None if premise.fasting is None else _FASTING[premise.fasting],
        None if premise.baseline is None else _BASELINES[premise.baseline],
    )
    return ", ".join(part for part in parts if part is not None)
