"""The normal form of an event's data: whatever says the same is the same content.

Two bodies say the same if they differ in the spelling of a number (5, 5.0, 5e0), in whether what is
absent is written out (null, an empty list, an empty object), or in seconds that are none (T08:00,
T08:00:00). Texts are what they are: composed and decomposed letters, cases and blanks differ.
Records keep the normal form, so that nothing derived of them can depend on a spelling.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

LOCAL_TIMES = frozenset({"collected", "date", "start", "end"})
"""The fields that can hold a local time; a test compares them with the kinds' models."""

_WHOLE_MINUTE = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}):00", re.ASCII)
_MOST_DIGITS = 40  # of a number that is written out: no event that is accepted has more


def normal_numbers(value: Any) -> Any:  # noqa: ANN401 (any JSON value)
    """Return a JSON value with one spelling of numbers: whole ones as `int`, others shortest."""
    match value:
        case dict():
            return {name: normal_numbers(member) for name, member in value.items()}
        case list():
            return [normal_numbers(member) for member in value]
        case Decimal():
            return _number(value)
        case _:
            return value


def _number(number: Decimal) -> int | Decimal:
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int), "JSON has neither infinities nor NaN"
    shortest = "".join(map(str, digits)).rstrip("0")
    if not shortest:
        return 0
    exponent += len(digits) - len(shortest)
    if 0 <= exponent <= _MOST_DIGITS - len(shortest):
        return int(number)
    return Decimal((sign, tuple(map(int, shortest)), exponent))


def without_empty(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event's data without what says nothing, times to the minute where that is all."""
    return {
        name: _to_the_minute(value) if name in LOCAL_TIMES else value
        for name, value in _members(data).items()
    }


def _members(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: present
        for name, value in data.items()
        if (present := _present(value)) not in (None, [], {})
    }


def _present(value: Any) -> Any:  # noqa: ANN401 (any JSON value)
    match value:
        case dict():
            return _members(value)
        case list():
            return [_present(item) for item in value]
        case _:
            return value


def _to_the_minute(value: Any) -> Any:  # noqa: ANN401 (any JSON value)
    match = _WHOLE_MINUTE.fullmatch(value) if isinstance(value, str) else None
    return match[1] if match else value
