"""A definition ready for use, and the identity of the sums that are made under it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from trial.deferred import dataclass
from trial.definition import Definition, in_place, validated, vocabularies
from trial.definition.conditions import Selection
from trial.definition.design import Visit
from trial.definition.grading import Grading, rules_for
from trial.definition.pooling import pooled
from trial.definition.usage import Place, asks_for, results_chosen
from trial.definition.worded_bounds import WordedBounds
from trial.errors import Rejected
from trial.events import json_body
from trial.events.blinding import OPEN, UNBLINDED

CONTRIBUTION_VERSION = 4
"""Raise this whenever a subject's share of any table changes; a golden test watches it."""


@dataclass(frozen=True)
class Study:
    """A definition in use, and the identity of the sums made under it."""

    definition: Definition
    digest: str
    source: str = ""
    """The definition as canonical JSON, defaults left out as its sponsor left them out."""
    posted: str = field(default="", compare=False, repr=False)
    """The same as it was sent, where it extends shipped pieces."""
    version: int = field(default_factory=lambda: CONTRIBUTION_VERSION)
    """Of the code that computes the contributions."""
    pooled: bool = False
    """Whether it is as those see it who must not tell arms apart."""
    unpooled: "Study | None" = field(default=None, compare=False, repr=False)
    """The study that it was pooled from, if it was."""

    @property
    def id(self) -> str:
        """The study's name, as events and addresses give it."""
        return self.definition.study

    @property
    def audience(self) -> str:
        """Who may see what this definition shows of the records."""
        return UNBLINDED if self.definition.blinded and not self.pooled else OPEN

    @cached_property
    def open(self) -> "Study":
        """The study as everybody may see it: pooled while it is blinded."""
        if self.audience == OPEN:
            return self
        return replace(self, definition=pooled(self.definition), pooled=True, unpooled=self)

    @property
    def whole(self) -> "Study":
        """The study with all that its definition says."""
        return self.unpooled or self

    @property
    def visible_source(self) -> str:
        """The definition as its audience may read it, as canonical JSON.

        That of all is as its sponsor wrote it, and its SHA-256 begins with the digest; the pooled
        one holds what is left when all that tells arms apart is left out.
        """
        if not self.pooled:
            return self.source
        definition = in_place.as_written(self.definition)
        pooled_json = definition.model_dump_json(exclude_unset=True)
        return json_body.canonical(json_body.read_json(pooled_json))

    @property
    def views(self) -> "tuple[Study, ...]":
        """The study as each of its audiences sees it, the open one first."""
        return (self.open, self) if self.audience == UNBLINDED else (self,)

    @cached_property
    def generation(self) -> str:
        """Return the name of the sums that this definition and this code's contributions give."""
        return generation(self.digest, self.version)

    @cached_property
    def results_chosen(self) -> Mapping[tuple[str, Selection], Sequence[Place]]:
        """The places where one of several results is chosen, by parameter and how obtained."""
        return results_chosen(self.definition)

    @cached_property
    def asks_for_llt(self) -> bool:
        """Whether anything is counted or listed by the lowest level terms of codings."""
        return asks_for(self.definition, "llt")

    @cached_property
    def treatments(self) -> Sequence[str]:
        """What a dose may be of: what the arms give, and placebo; none where no arm says it."""
        by_arms = [name for arm in self.definition.arms for name in arm.treatments]
        return list(dict.fromkeys([*by_arms, *self.definition.placebo])) if by_arms else ()

    @cached_property
    def vocabularies(self) -> Mapping[str, Mapping[str, Sequence[str]]]:
        """The words that fields of events may hold, by kind and field; any where it says none."""
        return vocabularies.vocabularies_of(self.definition.vocabularies)

    @cached_property
    def gradings(self) -> Mapping[str, Grading]:
        """How each parameter of grades grades the results of another; those that can be."""
        return {
            name: grading
            for name in self.definition.parameters
            if (grading := self._grading(name)) is not None
        }

    def _grading(self, name: str) -> Grading | None:
        grades, scales = self.definition.parameters[name].grades, self.definition.scales
        graded = self.definition.parameters.get(grades.of) if grades else None
        scale = scales.get(grades.scale) if grades else None
        term = scale.terms.get(grades.term) if grades and scale else None
        if grades is None or graded is None or scale is None or term is None:
            return None
        rules = rules_for(scale, term, graded.unit, graded.conversions)
        return None if rules is None else Grading(grades, term, *rules)

    @cached_property
    def visits(self) -> Mapping[str, Visit]:
        """The planned visits by id."""
        return {visit.id: visit for visit in self.definition.visits}

    @cached_property
    def visits_by_day(self) -> Sequence[Visit]:
        """The visits with a planned day, in the order of these."""
        planned = (visit for visit in self.definition.visits if visit.day is not None)
        return sorted(planned, key=lambda visit: visit.day or 0)


def generation(digest: str, version: int) -> str:
    """Return the name of the sums of a definition under one version of the contributions."""
    return json_body.digest(f"{digest}/{version}")[:4].hex()


def load(text: str | bytes, version: int | None = None) -> Study:
    """Read a definition; raises `Rejected` naming every path at fault."""
    value: Any = json_body.read_json(text)
    bounds = WordedBounds(value)
    try:
        # By name, as its source is stored: one digest means one order of everything it names.
        ordered = json.dumps(bounds.resolved, default=str, sort_keys=True)
        definition = Definition.model_validate_json(ordered)
    except ValidationError as error:
        from trial.definition.validation_errors import validation_errors  # noqa: PLC0415 (then only)

        words = {fault.pointer for fault in bounds.faults}  # of which a number is asked for too
        other_faults = (e for e in validation_errors(error, value) if e.pointer not in words)
        raise Rejected(422, "Definition not accepted", "", *bounds.faults, *other_faults) from None
    source = json_body.canonical(value)
    return _ready(definition, json_body.digest_of_canonical(source).hex(), source, version)


def restored(text: str, digest: str, source: str, version: int | None = None) -> Study:
    """Read a definition that was validated by this release, from what `validated_text` returned.

    Its digest and its canonical JSON are taken as they are given. The study is the one that `load`
    makes of that JSON.
    """
    return _ready(validated.read(text), digest, source, version)


def validated_text(study: Study) -> str:
    """Return a study's whole definition as a text that `restored` reads."""
    return validated.write(in_place.as_written(study.whole.definition))


def _ready(definition: Definition, digest: str, source: str, version: int | None) -> Study:
    study = Study(in_place.named(definition), digest, source)
    return study if version is None else replace(study, version=version)
