"""What a posted text must be beside JSON, so that it can be stored, read back and shown anywhere.

JSON can spell what no UTF-8 holds (half of a surrogate pair), and nest deeper than any reader
follows. And whoever could not read a character on the way put U+FFFD in its place: what was meant
is lost, so such a text is sent again and not recorded.
"""

import re
from collections.abc import Iterator
from typing import Any

from trial.errors import FieldError, Rejected

MAX_DEPTH = 64
"""How many arrays and objects may stand in each other."""

_SUSPECT = re.compile(r"\\u[dD][89a-fA-F]|\\u[fF]{3}[dD]|[\ud800-\udfff\ufffd]")
_SPELT = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)|[\ud800-\udfff\ufffd]", re.DOTALL)
_OPENING_OR_CLOSING = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ufffe\uffff]")
_REPLACED, _UNREADABLE = 0xFFFD, range(0xDC80, 0xDD00)


def line_and_column(text: str, position: int) -> str:
    """Return a place in a text as an editor shows it."""
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return f"line {line} column {column}"


def check_wellformed(text: str, value: Any) -> None:  # noqa: ANN401 (any JSON value)
    """Raise `Rejected` (400) with the place of what no reader could make whole again.

    `value` is what the text was read as; bytes that were no UTF-8 stand in it as
    `surrogateescape` has them.
    """
    # What nearly no text holds is looked for as a whole first, which takes a tenth of the time.
    is_suspect = ("\\u" in text or not text.isascii()) and _SUSPECT.search(text)
    if is_suspect and (problem := next(_unsound(text), None)) is not None:
        raise Rejected(400, "Invalid JSON", problem)
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deep(value):
        location = line_and_column(text, _too_deep_at(text))
        raise Rejected(400, "Invalid JSON", f"nested more than {MAX_DEPTH} deep at {location}")


def control_character_error(name: str, text: str) -> FieldError | None:
    """Return the error of an attribute that contains a control character: people search by eye."""
    return FieldError(f"/{name}", "contains a control character") if _CONTROL.search(text) else None


def _unsound(text: str) -> Iterator[str]:
    """Return what is wrong, and where, of each character that is not whole."""
    high: int | None = None
    for match in _SPELT.finditer(text):
        literal = len(match[0]) == 1
        point = ord(match[0]) if literal else int(match[1] or "0", 16)
        if high is not None:
            if match.start() == high and not literal and _is_low(point):
                high = None
                continue
            yield _half(text, high - 6)
        high = None
        if literal and point in _UNREADABLE:
            before = len(text[: match.start()].encode(errors="surrogateescape"))
            yield f"invalid UTF-8 at byte {before}"
        elif point == _REPLACED:
            location = line_and_column(text, match.start())
            yield f"U+FFFD at {location}: a character was lost before the event was sent"
        elif not literal and _is_high(point):
            high = match.end()
        elif _is_high(point) or _is_low(point):
            yield _half(text, match.start())
    if high is not None:
        yield _half(text, high - 6)


def _half(text: str, position: int) -> str:
    return f"unpaired surrogate at {line_and_column(text, position)}"


def _is_high(point: int) -> bool:
    return 0xD800 <= point <= 0xDBFF  # noqa: PLR2004 (Unicode, D71)


def _is_low(point: int) -> bool:
    return 0xDC00 <= point <= 0xDFFF  # noqa: PLR2004 (Unicode, D73)


def _is_deep(value: Any) -> bool:  # noqa: ANN401 (any JSON value)
    """Return whether a value is nested too deeply; without recursion, for it may be."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            inner
            for container in level
            if isinstance(container, dict | list)
            for inner in (container.values() if isinstance(container, dict) else container)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _too_deep_at(text: str) -> int:
    depth = 0
    for match in _OPENING_OR_CLOSING.finditer(text):
        mark = match[0]
        depth += (mark in "{[") - (mark in "}]")
        if depth > MAX_DEPTH:
            return match.start()
    return 0
