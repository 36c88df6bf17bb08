"""How much a definition may ask for: found in what was written, before anything works on it."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from trial.errors import FieldError
from trial.events import json_pointer

MAX_BYTES = 1_000_000
"""Of a definition as it is sent; what is kept of it is bounded by the store."""
MAX_ARMS, MAX_MEMBERS, MAX_CHAIN = 100, 1_000, 50
"""Arms; members of any list or object; conditions of which each is made of the next."""
MAX_DIGITS = 38
"""Places before the point, and after it, of a number: what the store keeps exactly."""


class TooMuch(FieldError):
    """A part that has more members than a definition may have there."""


def limit_errors(value: Any) -> Iterator[FieldError]:  # noqa: ANN401 (any JSON value)
    """Find what is too much, by pointers; nothing here recurses, however deep it is written."""
    waiting = [("", value)]
    while waiting:
        pointer, part = waiting.pop()
        if isinstance(part, dict | list):
            if len(part) > _most(pointer):
                detail = f"has {len(part)} members; at most {_most(pointer)} are allowed"
                yield TooMuch(pointer, detail)
                continue
            parts = part.items() if isinstance(part, dict) else enumerate(part)
            waiting += [  # of what can be too much; texts are most of a definition
                (f"{pointer}/{json_pointer.escape(name)}", member)
                for name, member in parts
                if not isinstance(member, str)
            ]
        elif isinstance(part, int | float | Decimal) and not _is_bounded(Decimal(part)):
            yield FieldError(
                pointer, f"has more than {MAX_DIGITS} digits before or after the decimal point"
            )
    if isinstance(value, dict):
        yield from _labels(value.get("arms"))
        yield from _chains(value.get("conditions"), value.get("classes"))


def _most(pointer: str) -> int:
    return MAX_ARMS if pointer == "/arms" else MAX_MEMBERS


def _is_bounded(number: Decimal) -> bool:
    """Return whether a number has few enough digits; NaN and infinities are refused elsewhere."""
    if not number.is_finite() or not number:
        return True
    exponent = number.as_tuple().exponent
    return number.adjusted() < MAX_DIGITS and isinstance(exponent, int) and exponent >= -MAX_DIGITS


def _labels(arms: object) -> Iterator[FieldError]:
    """Find arms that bear another's label: in flow and tables nobody could tell them apart."""
    parts = arms[:MAX_ARMS] if isinstance(arms, list) else []
    labels = [arm.get("label") if isinstance(arm, dict) else None for arm in parts]
    for index, label in enumerate(labels):
        if isinstance(label, str) and label in labels[:index]:
            yield FieldError(f"/arms/{index}/label", f"is also the label of another arm: {label}")


def _chains(conditions: object, classes: object) -> Iterator[FieldError]:
    """Find where a chain of conditions is too long; one that goes round is found elsewhere.

    A condition on classes that have conditions uses these.
    """
    if not isinstance(conditions, dict):
        return
    by_class = {
        name: _named(_conditions_of(part))
        for name, part in (classes.items() if isinstance(classes, dict) else ())
    }
    uses = {}
    for name, condition in conditions.items():
        names = _named(condition)
        names |= {inner for used in names & by_class.keys() for inner in by_class[used]}
        uses[name] = names & conditions.keys()
    ready = [name for name, used_names in uses.items() if not used_names]
    users: dict[str, list[str]] = {name: [] for name in uses}
    for name, used_names in uses.items():
        for used_name in used_names:
            users[used_name].append(name)
    length = dict.fromkeys(uses, 1)
    unresolved = {name: len(used_names) for name, used_names in uses.items()}
    while ready:
        name = ready.pop()
        for user in users[name]:
            length[user] = max(length[user], length[name] + 1)
            unresolved[user] -= 1
            if not unresolved[user]:
                ready.append(user)
    longest = max(length, key=lambda name: length[name], default="")
    if longest and length[longest] > MAX_CHAIN:
        detail = (
            f"is a chain of {length[longest]} conditions that refer to each other; at most"
            f" {MAX_CHAIN} are allowed"
        )
        yield FieldError(f"/conditions/{json_pointer.escape(longest)}", detail)


def _conditions_of(classes: object) -> list[object]:
    parts = classes.get("classes") if isinstance(classes, dict) else None
    members = parts if isinstance(parts, list) else []
    return [part.get("condition") for part in members if isinstance(part, dict)]


def _named(condition: object) -> set[str]:
    """Return every text in a condition: those that are names of conditions are used by it."""
    waiting, texts = [condition], set()
    while waiting:
        match waiting.pop():
            case str() as text:
                texts.add(text)
            case dict() as members:
                waiting += members.values()
            case list() as parts:
                waiting += parts
    return texts
