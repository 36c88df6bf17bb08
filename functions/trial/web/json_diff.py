"""The differences between two JSON values, each with the pointer to it."""

from collections.abc import Iterator, Mapping
from typing import Any

from trial.deferred import dataclass
from trial.events import json_pointer

ABSENT = object()
"""Stands for a value that one of the two does not have."""


@dataclass(frozen=True)
class Difference:
    """A JSON Pointer at which two values differ, and the value there in each.

    Members of a list that have ids are matched by them, not by their number.
    """

    pointer: str
    before: object
    after: object

    def document(self) -> dict[str, Any]:
        """Return it as data; a value that is absent is left out."""
        values = {"before": self.before, "after": self.after}
        present = {name: value for name, value in values.items() if value is not ABSENT}
        return {"pointer": self.pointer, **present}


def differences(before: object, after: object, pointer: str = "") -> Iterator[Difference]:
    """Yield where two values differ, each pointer once, in the order of names."""
    old, new = _members(before), _members(after)
    if old is None or new is None or type(before) is not type(after):
        # The texts as well: 1.50 equals 1.5, but asks for another number of decimals.
        if before != after or str(before) != str(after):
            yield Difference(pointer, before, after)
        return
    for name in sorted({*old, *new}):
        member = f"{pointer}/{_token(name)}"
        if name in old and name in new:
            yield from differences(old[name], new[name], member)
        else:
            yield Difference(member, old.get(name, ABSENT), new.get(name, ABSENT))
    old_order = [name for name in old if name in new]
    new_order = [name for name in new if name in old]
    if isinstance(before, list) and old_order != new_order:
        yield Difference(pointer, old_order, new_order)


def _members(value: object) -> Mapping[str, object] | None:
    """Return the members of an object, or of a list by their ids, else by number; or None."""
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, list):
        return None
    ids = [member.get("id") if isinstance(member, dict) else None for member in value]
    names = [id_ for id_ in ids if isinstance(id_, str)]
    if len(set(names)) == len(value):
        return dict(zip(names, value, strict=True))
    return {f"{number:0{_DIGITS}}": member for number, member in enumerate(value)}


def _token(name: str) -> str:
    """Return a name as a part of a pointer; a list's number without the zeros it is sorted by."""
    plain = str(int(name)) if name.isdecimal() and len(name) == _DIGITS else name
    return json_pointer.escape(plain)


_DIGITS = 6
