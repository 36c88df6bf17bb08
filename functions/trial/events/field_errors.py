"""The messages of field errors, in words for their reader; pydantic's are for programmers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

IDENTIFIER = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
DATASET = r"^[a-z][a-z0-9]{0,7}$"
ATC = r"^[A-Z]([0-9]{2}([A-Z]([A-Z]([0-9]{2})?)?)?)?$"
OUTPUT = r"^((table|listing|key_result|figure):)?[A-Za-z0-9._-]{1,64}$"

PATTERNS = {
    IDENTIFIER: "must be 1 to 64 of the characters A-Z a-z 0-9 . _ : - and begin with one of"
    " A-Z a-z 0-9",
    NAME: "must be 1 to 64 of the characters A-Z a-z 0-9 . _ - and begin with one of A-Z a-z 0-9",
    DATASET: "must be 1 to 8 of the characters a-z 0-9 and begin with one of a-z",
    ATC: "must be the code of an ATC class, such as A, A10, A10B, A10BA or A10BA02",
    OUTPUT: "must be the id of an output, 1 to 64 of the characters A-Z a-z 0-9 . _ - and before"
    " it, where it is not the only one, table: listing: key_result: or figure:",
}


def message_for(error: Mapping[str, Any]) -> str:
    """Return what one error of pydantic's means; never repeats the value."""
    text: str = error["msg"].removeprefix("Value error, ")
    match error["type"]:
        case "extra_forbidden":
            return "is not a field here"
        case "string_pattern_mismatch":
            return PATTERNS.get(error["ctx"]["pattern"], text)
        case _:
            return text


_ALIKE, _SHORT, _LONG = 0.75, 2, 200
"""How alike a name must be to be meant, by difflib's ratio; of two letters, or so many, none is."""
MAX_LISTED = 12
"""How many of a list of known names an answer shows."""


def known_names_hint(name: str, known_names: Iterable[str]) -> str:
    """Say, of a name that matches nothing, which are known and which of them was perhaps meant."""
    names = list(dict.fromkeys(candidate for candidate in known_names if candidate))
    if not names:
        return ". None is defined"
    close = closest_match(name, names)
    suggestion = f". Did you mean {close}?" if close is not None else "."
    return f"{suggestion} Known: {abbreviated(names)}"


def not_in_list(value: str, allowed: Sequence[str]) -> str:
    """Return the message for a value outside a list: what is allowed, and a close match of it."""
    close = closest_match(value, allowed)
    suggestion = f". Did you mean {close}?" if close is not None else ""
    return f"must be one of {abbreviated(allowed)}{suggestion}"


def abbreviated(names: Sequence[str]) -> str:
    """List names, a long list by how it begins."""
    ellipsis = f", … ({len(names)} in all)" if len(names) > MAX_LISTED else ""
    return f"{', '.join(names[:MAX_LISTED])}{ellipsis}"


def closest_match(name: str, candidates: Iterable[str]) -> str | None:
    """Find the known name that one looks like, whatever its case and the blanks around it."""
    from difflib import get_close_matches  # noqa: PLC0415 (only who refuses something needs it)

    folded = {candidate.strip().casefold(): candidate for candidate in candidates}
    folded_name = name.strip().casefold()
    if folded_name in folded:
        return folded[folded_name]
    matches = (
        get_close_matches(folded_name, folded, n=1, cutoff=_ALIKE)
        if _SHORT < len(folded_name) <= _LONG
        else []
    )
    return folded[matches[0]] if matches else None
