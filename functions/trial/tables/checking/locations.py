"""The location of an error in a definition: its place in the document, and the ids around it."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from trial.errors import FieldError
from trial.events import json_pointer


def in_document_order(definition: Any, faults: Iterable[FieldError]) -> list[FieldError]:  # noqa: ANN401 (any JSON)
    """Sort field errors by their place in the document, and add their location by ids."""
    located = [
        replace(fault, location=describe_location(definition, fault.pointer)) for fault in faults
    ]
    return sorted(located, key=lambda fault: (_position(definition, fault.pointer), fault.pointer))


def _position(definition: Any, pointer: str) -> list[int]:  # noqa: ANN401 (any JSON)
    positions = []
    for inside, part in _down(definition, pointer):
        order = list(inside) if isinstance(inside, dict) else []
        positions.append(
            order.index(part) if part in order else int(part) if part.isdigit() else -1
        )
    return positions


def describe_location(definition: Any, pointer: str) -> str:  # noqa: ANN401 (any JSON)
    """Describe a place by the ids of the parts around it: `table 14.2, row responders, count`."""
    words: list[str] = []
    section = ""
    for inside, part in _down(definition, pointer):
        if isinstance(inside, list):
            phrase = f"{_one(section or 'entries')} {_id(inside, part)}"
            words[-1 if section else len(words) :] = [phrase]
        elif section in _BY_NAME:
            words[-1:] = [f"{_one(section)} {part}"]
        else:
            words.append(part)
        section = part if isinstance(inside, dict) and section not in _BY_NAME else ""
    return ", ".join(words)


def _down(definition: Any, pointer: str) -> Iterator[tuple[Any, str]]:  # noqa: ANN401 (any JSON)
    """Go down a pointer: yield what each of its parts is looked up in, and the part."""
    inside = definition
    for part in json_pointer.parts(pointer):
        yield inside, part
        if isinstance(inside, dict):
            inside = inside.get(part)
        elif isinstance(inside, list) and part.isdigit() and int(part) < len(inside):
            inside = inside[int(part)]
        else:
            inside = None


def _id(inside: list[Any], part: str) -> str:
    """Return the id of a member of a list, or else its place, from 1."""
    place = int(part) if part.isdigit() else len(inside)
    member = inside[place] if place < len(inside) else None
    id_ = member.get("id") if isinstance(member, dict) else None
    return id_ if isinstance(id_, str) else str(place + 1)


def _one(section: str) -> str:
    """Return the noun for one of what a section lists."""
    return _SINGULAR.get(section, section.removesuffix("s").replace("_", " "))


_BY_NAME = frozenset(
    ("baselines", "characteristics", "classes", "conditions", "measures", "parameters", "sets",
     "strata", "times", "consort", "vocabularies")
)  # fmt: skip
"""The sections whose parts stand under their names."""
_SINGULAR = {
    "classes": "class",
    "consort": "item",
    "entries": "entry",
    "identities": "identity",
    "order": "test",
    "side": "box",
    "statistics": "statistic",
    "strata": "stratum",
    "vocabularies": "vocabulary of",
}
