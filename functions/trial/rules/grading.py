"""Refuses parameters of grades that cannot be computed: without a unit, a limit or a baseline."""

from functools import partial

from trial.definition.grading import BASELINE, LOWER, UPPER, Grading
from trial.definition.study import Study
from trial.events import json_pointer
from trial.rules.matching import refused, undefined, unknown
from trial.rules.registry import FaultCollector


def check(study: Study, faults: FaultCollector) -> None:
    """Refuse each parameter of grades of which some result could never be graded."""
    for name, parameter in study.definition.parameters.items():
        if parameter.grades is not None:
            faults.attempt(partial(_check, study, name))


def _check(study: Study, name: str) -> None:
    definition = study.definition
    parameter, path = definition.parameters[name], f"/parameters/{json_pointer.escape(name)}/grades"
    assert parameter.grades is not None
    grades = parameter.grades
    graded = definition.parameters.get(grades.of)
    if graded is None or graded.derived_from is not None or graded.grades is not None:
        raise unknown(f"{path}/of", "gradable parameter", grades.of)
    if (scale := definition.scales.get(grades.scale)) is None:
        raise unknown(f"{path}/scale", "grading scale", grades.scale)
    if (term := scale.terms.get(grades.term)) is None:
        raise refused(f"{path}/term", undefined("term", grades.term, f"scale {grades.scale}"))
    if grades.baseline is not None and grades.baseline not in definition.baselines:
        raise unknown(f"{path}/baseline", "baseline", grades.baseline)
    if (grading := study.gradings.get(name)) is None:
        units = ", ".join([*term.by_unit, *_synonyms(scale.synonyms, list(term.by_unit))])
        detail = (
            f"is graded in {units}: {grades.of} is in {graded.unit}; give it one of these units,"
            " or say in its `units` how one converts"
        )
        raise refused(f"{path}/term", detail)
    _check_needs(grading, path, has_limits=graded.formula is None)


def _synonyms(synonyms: dict[str, str], units: list[str]) -> list[str]:
    return [name for name, unit in synonyms.items() if name and unit in units]


def _check_needs(grading: Grading, path: str, *, has_limits: bool) -> None:
    """Refuse grades that lack what their term compares with, or have what it has no use for."""
    needs_baseline = BASELINE in grading.references
    if needs_baseline and grading.grades.baseline is None:
        raise refused(f"{path}/baseline", "is needed: this term compares with the baseline")
    if not needs_baseline and grading.grades.baseline is not None:
        raise refused(f"{path}/baseline", "has no use: this term compares with no baseline")
    of_fasting = any(premise.fasting is not None for premise in grading.premises)
    if grading.grades.fasting is not None and not of_fasting:
        raise refused(f"{path}/fasting", "has no use: this term does not ask for it")
    if not has_limits and not grading.references.isdisjoint((UPPER, LOWER)):
        detail = "compares with a limit of the reference range, which results of a formula lack"
        raise refused(f"{path}/term", detail)
