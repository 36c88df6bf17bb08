"""What is wrong with a field, in words for whoever wrote it; pydantic speaks to programmers."""

from collections.abc import Mapping
from typing import Any

IDENTIFIER = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
DATASET = r"^[a-z][a-z0-9]{0,7}$"
OUTPUT = r"^((table|listing|figure|chart):)?[A-Za-z0-9._-]{1,64}$"

PATTERNS = {
    IDENTIFIER: "must be 1 to 64 of the characters A-Z a-z 0-9 . _ : - and begin with one of"
    " A-Z a-z 0-9",
    NAME: "must be 1 to 64 of the characters A-Z a-z 0-9 . _ - and begin with one of A-Z a-z 0-9",
    DATASET: "must be 1 to 8 of the characters a-z 0-9 and begin with one of a-z",
    OUTPUT: "must be the id of an output, 1 to 64 of the characters A-Z a-z 0-9 . _ - and before"
    " it, where it is not the only one, table: listing: figure: or chart:",
}


def worded(error: Mapping[str, Any]) -> str:
    """Say what one error of pydantic's means; never repeats the value."""
    text: str = error["msg"].removeprefix("Value error, ")
    match error["type"]:
        case "extra_forbidden":
            return "is not a field here"
        case "string_pattern_mismatch":
            return PATTERNS.get(error["ctx"]["pattern"], text)
        case _:
            return text
