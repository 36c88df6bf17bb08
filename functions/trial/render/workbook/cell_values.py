"""Texts and numbers as a cell holds them, how wide they are, and how many lines they take."""

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from decimal import Decimal
from functools import lru_cache
from math import ceil
from typing import NamedTuple

from trial.render import ems, legible, wrapped_lines

LONGEST_TEXT = 32_767  # UTF-16 units a cell holds
_CUT_MARK = " [cut: the text is longer than a cell]"
_ENCODED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")  # a spreadsheet would read a character code here
FORMULA_LIKE = ("=", "+", "-", "@", "\t")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*|[1-9]\d{0,2}(,\d{3})+)(?:\.(\d+))?", re.ASCII)
EXACT_DIGITS = 15  # a spreadsheet's numbers hold no more
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_FIRST_DAY = date(1900, 3, 1)  # the format counts a 29 February 1900, so earlier days are off
_DAY_ZERO = date(1899, 12, 30).toordinal()
DAY_FORMAT = "yyyy-mm-dd"

DIGIT = 0.58  # ems, as `ems` estimates them: the width of columns is counted in digits
_ROOM = 0.6  # ems of text a digit's width holds: the estimate is generous
_WIDEST = 1.3  # ems: no character is wider


class CellValue(NamedTuple):
    """What one cell shows: `style` names its style, `number` the format of a number."""

    value: str | int | Decimal
    style: str = "text"
    number: str = ""
    indent: int = 0
    link: str = ""
    """The sheet that it leads to."""
    file: str = ""
    """The file beside the workbook that it leads to."""


def storable(text: str) -> str:
    """Return a text as a cell can hold it: legible, literal and no longer than a cell."""
    text = _ENCODED.sub("_x005F_", legible(text))
    if len(text) * 2 > LONGEST_TEXT:
        units = text.encode("utf-16-le")
        if len(units) > 2 * LONGEST_TEXT:
            beginning = units[: 2 * (LONGEST_TEXT - len(_CUT_MARK))]
            return beginning.decode("utf-16-le", "ignore") + _CUT_MARK
    return text


def numeric(text: str) -> CellValue:
    """Make a number of a text that is one, in the format that shows the same digits."""
    match = _NUMBER.fullmatch(text)
    plain = text.replace(",", "")
    if match is None or sum(map(str.isdigit, plain)) > EXACT_DIGITS:
        return CellValue(text, "number")
    value = Decimal(plain)
    if not value and text.startswith("-"):
        return CellValue(text, "number")  # a format would drop the sign
    integer_format, places = "#,##0" if match[1] else "0", len(match[2] or "")
    shape = f"{integer_format}.{'0' * places}" if places else integer_format
    return CellValue(value if places else int(plain), "number", shape)


def dated(text: str) -> CellValue | None:
    """Make a date of a full ISO date, if a spreadsheet can count it."""
    with suppress(ValueError):
        if _DAY.fullmatch(text) and (day := date.fromisoformat(text)) >= _FIRST_DAY:
            return CellValue(day.toordinal() - _DAY_ZERO, "day", DAY_FORMAT)
    return None


@lru_cache(maxsize=4096)
def digits(text: str) -> int:
    """Return how wide a column must be to hold the longest line of the text."""
    return max(ceil(ems(line) / DIGIT) for line in text.split("\n")) + 2


def line_count(text: str, width: int) -> int:
    """Return how many lines a text takes in a column so many digits wide."""
    room = (width - 0.5) * _ROOM
    if text.isprintable():  # one paragraph, and nothing that needs a picture
        return 1 if len(text) * _WIDEST <= room else wrapped_lines(text.split(), room) or 1
    return sum(wrapped_lines(line.split(), room) or 1 for line in legible(text).split("\n"))


_ILLEGAL_IN_NAME = re.compile(r"[\[\]:*?/\\]")
_LONGEST_NAME = 31
_RESERVED = ("history",)  # by the format


class Names:
    """The names of a workbook's sheets: legal, and no two the same."""

    def __init__(self, sheet_names: Iterable[str] = ()) -> None:
        self._taken = {name.casefold() for name in (*_RESERVED, *sheet_names)}

    def take(self, preferred: str, number: int = 1) -> str:
        """Return the preferred name, made legal; with a number from 2 on where it is taken."""
        base = (
            _ILLEGAL_IN_NAME.sub("-", legible(preferred)).replace("\n", " ").strip("' ") or "Sheet"
        )
        while (name := self._numbered(base, number)).casefold() in self._taken:
            number += 1
        self._taken.add(name.casefold())
        return name

    @staticmethod
    def _numbered(base: str, number: int) -> str:
        ending = f" ({number})" if number > 1 else ""
        return base[: _LONGEST_NAME - len(ending)].rstrip("' ") + ending
