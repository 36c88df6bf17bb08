"""What differs between two JSON values, place by place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trial.events import json_pointer

ABSENT = object()
"""Stands for a value that one of the two has not."""


@dataclass(frozen=True)
class Difference:
    """A place where two values differ: a JSON Pointer, and what stands there in each.

    Parts of a list that have ids are found by them, not by their number.
    """

    pointer: str
    before: object
    after: object

    def document(self) -> dict[str, Any]:
        """Give it as data; what is not there is left out."""
        sides = {"before": self.before, "after": self.after}
        there = {name: each for name, each in sides.items() if each is not ABSENT}
        return {"pointer": self.pointer, **there}


def differences(before: object, after: object, at: str = "") -> Iterator[Difference]:
    """List where two values differ, each place once, in the order of names."""
    ours, theirs = _parts(before), _parts(after)
    if ours is None or theirs is None or type(before) is not type(after):
        if before != after or str(before) != str(after):  # 1.50 is written otherwise than 1.5
            yield Difference(at, before, after)
        return
    for name in sorted({*ours, *theirs}):
        place = f"{at}/{_token(name)}"
        if name in ours and name in theirs:
            yield from differences(ours[name], theirs[name], place)
        else:
            yield Difference(place, ours.get(name, ABSENT), theirs.get(name, ABSENT))
    orders = [[name for name in each if name in ours and name in theirs] for each in (ours, theirs)]
    if isinstance(before, list) and orders[0] != orders[1]:
        yield Difference(at, *orders)


def _parts(value: object) -> Mapping[str, object] | None:
    """Take a value apart by names: members, or a list's parts by their ids, else by number."""
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, list):
        return None
    ids = [each.get("id") if isinstance(each, dict) else None for each in value]
    names = [each for each in ids if isinstance(each, str)]
    if len(set(names)) == len(value):
        return dict(zip(names, value, strict=True))
    return {f"{number:06}": each for number, each in enumerate(value)}


def _token(name: str) -> str:
    """Write a name as a part of a pointer; a number without what it is sorted by."""
    plain = str(int(name)) if name.isdecimal() and len(name) == _NUMBER else name
    return json_pointer.escape(plain)


_NUMBER = 6
