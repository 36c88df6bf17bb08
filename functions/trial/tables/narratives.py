"""Narratives: what is told of a subject who meets a condition, in the words of a template.

A narrative is a function of one subject: its values are those that listings show, in the order in
which listings have the records. A void record is in none; a value that is absent reads as the
definition's words for '' say, or as "not reported", and an optional part without one is left out.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from trial.deferred import dataclass
from trial.definition.design import ARM
from trial.definition.narratives import (
    NarrativeDefinition,
    OptionalPart,
    Paragraph,
    Placeholder,
    TemplatePart,
    parsed,
)
from trial.events.payloads import KINDS
from trial.rules import Rules
from trial.rules.registry import FaultCollector
from trial.subject.derivation import Derivation
from trial.tables.compiled import CompiledStudy
from trial.tables.grid import Absent, Narratives, Value
from trial.tables.listings import ListingRows
from trial.tables.listings.items import ColumnSource, ListingItem, item_finder
from trial.tables.listings.sources import named_source

NOT_REPORTED = "not reported"
"""What reads in place of a value that there is not, where the definition has no words for that."""

type Words = Mapping[str, str]
type TextOf = Callable[[Derivation, ListingItem], str]
"""Returns a piece of text about an item."""


def narratives(
    compiled_study: CompiledStudy, derivations: Iterable[Derivation]
) -> tuple[Narratives, ...]:
    """Return all narratives of the definition, of subjects given in order of their ids.

    A row is a subject: its id, then its paragraphs. `derivations` is iterated anew each time.
    """
    return tuple(
        Narratives(
            definition.id,
            definition.title,
            definition.population,
            ListingRows(derivations, _rows(compiled_study.rules, definition, f"/narratives/{i}")),
        )
        for i, definition in enumerate(compiled_study.study.definition.narratives)
    )


def check(compiled_study: CompiledStudy, faults: FaultCollector) -> None:
    """Collect the faults of narratives that name what the definition does not define."""
    for i, definition in enumerate(compiled_study.study.definition.narratives):
        faults.attempt(partial(_rows, compiled_study.rules, definition, f"/narratives/{i}"))


def _rows(
    rules: Rules, definition: NarrativeDefinition, path: str
) -> Callable[[Derivation], Iterator[tuple[Value, ...]]]:
    """Return the function that gives a subject's row, if it has one."""
    includes = rules.condition(definition.subjects, f"{path}/subjects")
    paragraphs = [
        _CompiledParagraph.of(rules, paragraph, definition, f"{path}/paragraphs/{i}")
        for i, paragraph in enumerate(definition.paragraphs)
    ]

    def rows(derivation: Derivation) -> Iterator[tuple[Value, ...]]:
        if not derivation.superseded and includes(derivation):
            texts = (paragraph.text(derivation) for paragraph in paragraphs)
            yield derivation.subject.id, *filter(None, texts)

    return rows


@dataclass(frozen=True)
class _CompiledParagraph:
    definition: Paragraph
    find: Callable[[Derivation], Iterable[ListingItem]]
    parts: tuple[TextOf, ...]

    @classmethod
    def of(
        cls, rules: Rules, paragraph: Paragraph, narrative: NarrativeDefinition, path: str
    ) -> "_CompiledParagraph":
        """Make a paragraph ready; raises `Rejected` naming what is not defined."""
        words = _words(rules, narrative, paragraph.records)
        parts = parsed(paragraph.text)
        return cls(
            paragraph,
            item_finder(rules, paragraph, path),
            tuple(_part(rules, part, paragraph.records, words, f"{path}/text") for part in parts),
        )

    def text(self, derivation: Derivation) -> str:
        """Write the paragraph; '' where there is none."""
        definition = self.definition
        texts = [
            "".join(part(derivation, item) for part in self.parts) for item in self.find(derivation)
        ]
        if not texts:
            return _one_line(definition.otherwise).strip()
        text = _one_line(definition.between).join(texts)
        return f"{_one_line(definition.before)}{text}{_one_line(definition.after)}".strip()


def _words(rules: Rules, narrative: NarrativeDefinition, records: str) -> Mapping[str, Words]:
    """Return how values read: arms and visits by their labels, unless the definition says how."""
    arms = {arm.id: arm.label for arm in rules.study.definition.arms}
    labels = {ARM: arms, "received-arm": arms}
    if records in KINDS:  # of results, `visit` is a label already
        labels["visit"] = {visit.id: visit.label for visit in rules.study.definition.visits}
    return {
        name: {**labels.get(name, {}), **narrative.words.get(name, {})}
        for name in labels.keys() | narrative.words.keys()
    }


def _part(
    rules: Rules, part: TemplatePart, records: str, words: Mapping[str, Words], path: str
) -> TextOf:
    match part:
        case Placeholder():
            find = named_source(rules, part.source, records, path)
            return partial(_value, find, words.get(part.source, {}))
        case OptionalPart():
            return _optional(rules, part, records, words, path)
        case str():
            text = _one_line(part)
            return lambda _derivation, _item: text


def _value(find: ColumnSource, words: Words, derivation: Derivation, item: ListingItem) -> str:
    """Return a value as it reads."""
    value = find(derivation, item)
    if _is_absent(value):
        return words.get("", str(value).lower() if value else NOT_REPORTED)
    return words.get(str(value), str(value))


def _is_absent(value: Value) -> bool:
    return value is None or value == "" or isinstance(value, Absent)


def _optional(
    rules: Rules, optional: OptionalPart, records: str, words: Mapping[str, Words], path: str
) -> TextOf:
    parts = [_part(rules, part, records, words, path) for part in optional.parts]
    finders = [
        named_source(rules, part.source, records, path)
        for part in optional.parts
        if isinstance(part, Placeholder)
    ]

    def text(derivation: Derivation, item: ListingItem) -> str:
        if any(_is_absent(find(derivation, item)) for find in finders):
            return ""
        return "".join(part(derivation, item) for part in parts)

    return text


def _one_line(text: str) -> str:
    """Return a text of the definition as it reads: lines may be broken there for its writer."""
    return re.sub(r"\s+", " ", text)
