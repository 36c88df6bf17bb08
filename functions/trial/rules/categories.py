"""Categories of subjects: facts of enrolment, the arm, strata of randomisation, classes."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from trial.definition.base import Level
from trial.definition.conditions import Classes
from trial.definition.design import ARM
from trial.definition.study import Study
from trial.errors import FieldError
from trial.events import json_pointer
from trial.events.fields import term
from trial.rules.matching import unknown
from trial.subject.derivation import Derivation

AGE = "age"
ENROLMENT_FIELDS = (AGE, "sex", "race", "ethnicity", "country", "site", "investigator")
LEVEL_CHARACTERS = 120
"""The length of a level's text: free text must not make rows of sums grow without bound."""
_DIGEST_DIGITS = 16
_IN_NO_CLASS = ("Other", "In no class", *(f"In no class ({n})" for n in range(2, 1000)))

Category = Callable[[Derivation], str | None]
"""Returns a subject's level; None where it is not known: missing, or not yet due."""


def characteristic(derivation: Derivation, name: str) -> Any:  # noqa: ANN401 (as posted)
    """Return a fact of enrolment, a stratum, or the arm; None where it is not known."""
    if name == ARM:
        return derivation.planned_arm
    if name in derivation.rules.strata:
        randomisation = derivation.randomisation
        return randomisation.data.get("strata", {}).get(name) if randomisation else None
    if derivation.enrolment is None:
        return None
    data = derivation.enrolment.data
    return data.get(name) if name in ENROLMENT_FIELDS else data.get("characteristics", {}).get(name)


def level_text(value: object) -> str:
    """Return the name of a value's level: one for a number however written, or for a term.

    A text that is too long is cut visibly and ends in digits of its SHA-256, so that two long
    texts remain two levels.
    """
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    text = term(str(value))
    if len(text) <= LEVEL_CHARACTERS:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_DIGITS]
    mark = f"\u2026 [{digest}]"
    return text[: LEVEL_CHARACTERS - len(mark)] + mark


def is_characteristic(study: Study, name: str) -> bool:
    """Return whether a name is of a recorded characteristic that can be a category."""
    definition = study.definition
    return name in (ARM, *ENROLMENT_FIELDS, *definition.characteristics, *definition.strata)


def is_number(study: Study, name: str) -> bool:
    """Return whether a category is of a number, each value of which is a level of its own."""
    characteristic_asked = study.definition.characteristics.get(name)
    if characteristic_asked is not None:
        return characteristic_asked.levels is None
    return name == AGE


def category(study: Study, name: str, path: str) -> Category:
    """Return the category of a recorded characteristic; `Rules` compiles those of classes."""
    if not is_characteristic(study, name):
        raise unknown(path, "characteristic, stratum or class", name)

    def level_of(derivation: Derivation) -> str | None:
        value = characteristic(derivation, name)
        return None if value is None else level_text(value)

    return level_of


def in_no_class(classes: Classes) -> str:
    """Return the level of values that are in none of the classes: no number may vanish."""
    used_names = {classes.missing, *(class_bounds.value for class_bounds in classes.classes)}
    return next(name for name in _IN_NO_CLASS if name not in used_names)


def known_levels(study: Study, name: str) -> Sequence[Level] | None:
    """Return the levels that a category can have, with their labels; None where it is free text."""
    definition = study.definition
    if name in definition.classes:
        return definition.classes[name].classes
    if name == ARM:
        return [Level(value=arm.id, label=arm.label) for arm in definition.arms]
    defined = definition.characteristics.get(name)
    levels = defined.levels if defined else definition.strata.get(name)
    return None if levels is None else [Level(value=level, label=level) for level in levels]


def check_names(study: Study) -> Iterator[FieldError]:
    """Find categories of two kinds with one name: references to them would be ambiguous."""
    definition = study.definition
    known = {ARM: "the arm", **dict.fromkeys(ENROLMENT_FIELDS, "a fact of every enrolment")}
    for section, names, kind in (
        ("strata", definition.strata, "a stratum"),
        ("characteristics", definition.characteristics, "a characteristic"),
        ("classes", definition.classes, "classes"),
    ):
        for name in names:
            if name in known:
                detail = f"{name} is {known[name]} already: choose another name"
                yield FieldError(f"/{section}/{json_pointer.escape(name)}", detail)
            known.setdefault(name, kind)
