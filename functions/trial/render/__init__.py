"""Results as documents: these modules lay out and escape; nothing is computed or rounded here.

Only `workbook` and `documents` need openpyxl; the API imports the others. What they share stands
here: how a text is made legible, how wide it is, and where its lines break.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from unicodedata import category, combining, east_asian_width

# C0 controls but tab and line feed, DEL, lone surrogates and the non-characters of XML 1.0.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_PICTURES = 0x2400  # the Unicode block that draws each C0 control as a small letter pair
_DELETE = 0x7F
_DELETE_PICTURE = "\u2421"


def legible(text: str) -> str:
    """Show what XML cannot carry: a control character as its Unicode picture, the rest as U+FFFD.

    A carriage return is a line break: XML parsers would make it one anyhow.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNPRINTABLE.sub(_picture, text)


def _picture(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code == _DELETE:
        return _DELETE_PICTURE
    return chr(_PICTURES + code) if code < _DELETE else "\ufffd"


_NARROW = frozenset("iljtfrI.,:;'|!()[]{}/\\ -\u00b7")
_BROAD = frozenset("mwMW@%\u2014\u2022")


def ems(text: str) -> float:
    """Estimate a text's width, in font sizes, for the wider of the common sans-serif faces."""
    return _WORDS[text]


class _Characters(dict[str, float]):
    """The widths of characters that were met, in ems."""

    def __missing__(self, character: str) -> float:
        width = _em(character)
        if len(self) >= _MOST_KEPT:
            self.clear()
        self[character] = width
        return width


class _Words(dict[str, float]):
    """The widths of words that were met, in ems; those of long ones are not kept."""

    def __missing__(self, word: str) -> float:
        width = sum(map(_CHARACTERS.__getitem__, word))
        if len(word) <= _LONGEST_WORD:
            if len(self) >= _MOST_KEPT:
                self.clear()
            self[word] = width
        return width


_LONGEST_WORD = 40  # characters: what is longer seldom comes again
_MOST_KEPT = 4_096
_CHARACTERS, _WORDS = _Characters(), _Words()


def _em(character: str) -> float:
    if combining(character) or category(character) == "Cf":
        return 0.0
    if character in _NARROW:
        return 0.36
    if character in _BROAD:
        return 0.92
    if character.isupper():
        return 0.74
    return 1.3 if east_asian_width(character) in "WF" else 0.57


_SPACE = _em(" ")


def wrap(words: Iterable[str], width: float) -> list[str]:
    """Fill lines of `width` ems with words; a word wider than a line is broken where it must."""
    lines: list[str] = []
    room = 0.0
    for word in words:
        size = ems(word)
        if lines and size + _SPACE <= room:
            lines[-1] += f" {word}"
            room -= size + _SPACE
            continue
        *full, last = _broken(word, width) if size > width else (word,)
        lines += [*full, last]
        room = width - ems(last)
    return lines


def wrapped_lines(words: Sequence[str], width: float) -> int:
    """Count the lines that `wrap` fills, without making them."""
    sizes = list(map(_WORDS.__getitem__, words))
    if not sizes or max(sizes) > width:
        return len(wrap(words, width))
    lines, room = 1, width - sizes[0]
    for size in islice(sizes, 1, None):
        if size + _SPACE <= room:
            room -= size + _SPACE
        else:
            lines += 1
            room = width - size
    return lines


def _broken(word: str, width: float) -> list[str]:
    parts, room = [""], width
    for character in word:
        size = _CHARACTERS[character]
        if parts[-1] and size > room:
            parts.append("")
            room = width
        parts[-1] += character
        room -= size
    return parts
