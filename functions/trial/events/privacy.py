"""Which texts of an event are personal, and the event without them.

Free text and identifiers are personal (`fields.Personal`), and so is every attribute of the
envelope beyond the standard ones. The rest, dates, numbers and coded values, is what tables
are made of. Personal texts are cut out of a body as text, not as JSON, so that a restored body is
the one received, byte for byte.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from trial.events.envelope import STANDARD, Entry
from trial.events.fields import PERSONAL, marked
from trial.events.json_body import DECODER, skip
from trial.events.payloads import field_types

ERASED = "[erased]"
"""Stands where a personal text was; every personal field takes it."""

_TOKEN = json.dumps(ERASED)


@cache
def personal_fields(kind: str) -> frozenset[str]:
    """Return the names of the personal fields of a kind's data."""
    return marked(field_types(kind), PERSONAL)


def redacted(kind: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return data without their personal texts."""
    return {
        name: ERASED if name in personal_fields(kind) and value is not None else value
        for name, value in data.items()
    }


def extract_personal(entry: Entry) -> tuple[str, list[str]]:
    """Return an entry's body without its personal texts, and these texts as written in it."""
    body, parts, texts, end = entry.body, [], [], 0
    if _has_texts(entry):
        for start, stop in _places(body, entry.kind):
            parts.append(body[end:start])
            texts.append(body[start:stop])
            end = stop
    return _TOKEN.join([*parts, body[end:]]), texts


def restore_personal(kind: str, body: str, texts: list[str]) -> str:
    """Return a body with its personal texts put back in their places."""
    parts, end = [], 0
    for (start, stop), text in zip(_places(body, kind), texts, strict=True):
        parts += [body[end:start], text]
        end = stop
    return "".join([*parts, body[end:]])


def _has_texts(entry: Entry) -> bool:
    """Return whether a body has to be looked through: most have not."""
    return (
        entry.extended
        or entry.reason is not None
        or not personal_fields(entry.kind).isdisjoint(entry.data)
    )


def _places(body: str, kind: str) -> Iterator[tuple[int, int]]:
    """Find the personal values of a body, in its order."""
    for name, start, stop in _members(body, skip(body, 0)):
        if name == "data":
            for field, first, last in _members(body, start):
                if field in personal_fields(kind) and body[first:last] != "null":
                    yield first, last
        elif name not in STANDARD:
            yield start, stop


def _members(text: str, position: int) -> Iterator[tuple[str, int, int]]:
    """Yield the members of the object at a position: each name, and where its value is."""
    position = skip(text, position + 1)
    while text[position] != "}":
        name, position = DECODER.raw_decode(text, position)
        start = skip(text, skip(text, position) + 1)
        _, stop = DECODER.raw_decode(text, start)
        yield name, start, stop
        position = skip(text, stop)
        position = skip(text, position + 1) if text[position] == "," else position
