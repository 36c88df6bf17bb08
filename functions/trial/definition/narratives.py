"""Narratives: of which subjects one is written, and from which template.

ICH E3 (1995), 12.3.2 and 14.3.3, asks for one of each death, each other serious adverse event and
those other events that are of special interest. Who needs one is a condition like any other; what
it says is a template, whose placeholders are what columns of listings can show.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from trial.deferred import dataclass
from trial.definition.base import Model, Name, RefersTo
from trial.definition.conditions import Ref
from trial.definition.outputs import RecordSelection

SUBJECTS = "subjects"
_TOKEN = re.compile(r"\{\{|\}\}|\[\[|\]\]|\{([^{}\[\]]*)\}|[{}\[\]]")


@dataclass(frozen=True)
class Placeholder:
    """A place in a template where a value is written: by the name of a listing's source."""

    source: str


@dataclass(frozen=True)
class OptionalPart:
    """Part of a template that is written only where each of its placeholders has a value."""

    parts: tuple[str | Placeholder, ...]


type TemplatePart = str | Placeholder | OptionalPart


@lru_cache(maxsize=1024)
def parsed(template: str) -> tuple[TemplatePart, ...]:
    """Return the parts of a template; raises `ValueError` saying what is wrong with it."""
    parts: list[TemplatePart] = []
    inside: list[str | Placeholder] | None = None
    for part in _tokens(template):
        if part == "[":
            if inside is not None:
                raise ValueError("must not have an optional part within another")
            inside = []
        elif part == "]":
            if not any(isinstance(member, Placeholder) for member in inside or ()):
                raise ValueError("needs a placeholder in each `[ ]`; a bracket is written `[[`")
            parts.append(OptionalPart(tuple(inside or ())))
            inside = None
        else:
            text = part.text if isinstance(part, _Literal) else part
            (parts if inside is None else inside).append(text)
    if inside is not None:
        raise ValueError("must close each `[` with `]`; a bracket is written `[[`")
    return tuple(parts)


@dataclass(frozen=True)
class _Literal:
    text: str


def _tokens(template: str) -> Iterator[str | _Literal | Placeholder]:
    """Yield literal texts, placeholders, and the brackets of optional parts."""
    position = 0
    for match in _TOKEN.finditer(template):
        if match.start() > position:
            yield _Literal(template[position : match.start()])
        position = match.end()
        symbol = match.group()
        if match.group(1) is not None:
            yield Placeholder(match.group(1).strip())
        elif len(symbol) > 1:
            yield _Literal(symbol[0])
        elif symbol in "{}":
            raise ValueError("must close each `{` with `}`; a brace is written `{{`")
        else:
            yield symbol
    if position < len(template):
        yield _Literal(template[position:])


def written(parts: Sequence[TemplatePart]) -> str:
    """Write the parts of a template again."""
    return "".join(map(_written, parts))


def _written(part: TemplatePart) -> str:
    match part:
        case Placeholder():
            return f"{{{part.source}}}"
        case OptionalPart():
            return f"[{written(part.parts)}]"
        case str():
            return re.sub(r"[{}\[\]]", lambda bracket: bracket.group() * 2, part)


def placeholders(template: str) -> Iterator[str]:
    """Yield the names of a template's placeholders, as often as they stand in it."""
    for part in parsed(template):
        for member in part.parts if isinstance(part, OptionalPart) else (part,):
            if isinstance(member, Placeholder):
                yield member.source


def without(template: str, is_hidden: Callable[[str], bool], mark: str) -> str:
    """Return a template with a mark in place of hidden values, and no optional part of them."""
    parts: list[TemplatePart] = []
    for part in parsed(template):
        match part:
            case OptionalPart():
                names = [p.source for p in part.parts if isinstance(p, Placeholder)]
                parts += [] if any(map(is_hidden, names)) else [part]
            case Placeholder():
                parts.append(mark if is_hidden(part.source) else part)
            case str():
                parts.append(part)
    return written(parts)


def _readable(template: str) -> str:
    parsed(template)
    return template


Template = Annotated[str, Field(min_length=1), AfterValidator(_readable), RefersTo("placeholders")]
"""A text with `{placeholders}`, and `[parts]` that stand only where each of theirs has a value."""


class Paragraph(RecordSelection):
    """A paragraph: the template's text once for each record selected, or once of the subject.

    `before` and `after` stand around the texts, `between` between them; `otherwise` stands where no
    record is selected, and without it there is no such paragraph then.
    """

    records: Annotated[str, RefersTo("records")] = SUBJECTS
    text: Template
    before: str = ""
    between: str = " "
    after: str = ""
    otherwise: str = ""

    @model_validator(mode="after")
    def _of_records(self) -> "Paragraph":
        if self.records == "discrepancies":
            raise ValueError("takes records or results, and no discrepancies")
        of_records = {"where", "before", "between", "after", "otherwise"} & self.model_fields_set
        if self.records == SUBJECTS and of_records:
            raise ValueError(f"takes `{min(of_records)}` of `records` alone")
        return self

    @property
    def placeholders(self) -> Sequence[str]:
        """What the text shows: sources as of a listing of these records, each once."""
        return list(dict.fromkeys(placeholders(self.text)))


class NarrativeDefinition(Model):
    """Narratives of the subjects who meet a condition, each in the same paragraphs.

    `words` says how values read: by placeholder, the words for each value; for '', those that stand
    where there is none.
    """

    id: Name
    title: str
    population: str
    subjects: Ref
    paragraphs: Annotated[list[Paragraph], Field(min_length=1)]
    words: dict[str, dict[str, str]] = {}

    @model_validator(mode="after")
    def _of_placeholders(self) -> "NarrativeDefinition":
        names = {name for paragraph in self.paragraphs for name in paragraph.placeholders}
        if stray := sorted(self.words.keys() - names):
            raise ValueError(
                f"gives `words` of {', '.join(stray)}, which no paragraph shows; those shown:"
                f" {', '.join(sorted(names))}"
            )
        return self


def words_shown(
    words: Mapping[str, dict[str, str]], paragraphs: Sequence[Paragraph]
) -> dict[str, dict[str, str]]:
    """Return the words of values that these paragraphs show."""
    names = {name for paragraph in paragraphs for name in paragraph.placeholders}
    return {name: values for name, values in words.items() if name in names}
