"""Texts of any direction of writing beside others: none turns around what stands next to it.

A text that reads from the right, or holds a control of direction, is put into a Unicode isolate
(UAX #9): its own direction holds within it and ends with it. Any other stays as it is.
"""

import re
from functools import lru_cache
from unicodedata import bidirectional

_FIRST_STRONG, _POP = "\u2068", "\u2069"
_OPENING = frozenset("\u2066\u2067\u2068")
_DIRECTED = frozenset(
    ("R", "AL", "AN", "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
)
_PARAGRAPH = re.compile("([\n\r\x1c-\x1e\x85\u2029])")  # where an isolate would end


@lru_cache(maxsize=4096)
def isolated(text: str) -> str:
    """Return a text such that it can stand within a line of another direction."""
    if text.isascii() or not any(bidirectional(character) in _DIRECTED for character in text):
        return text
    return "".join(
        piece if not piece or _PARAGRAPH.fullmatch(piece) else _isolate(piece)
        for piece in _PARAGRAPH.split(text)
    )


def _isolate(line: str) -> str:
    """Open and close an isolate; what would close it early goes, what it leaves open is closed."""
    characters, depth = [], 0
    for character in line:
        if character == _POP and not depth:
            continue
        depth += (character in _OPENING) - (character == _POP)
        characters.append(character)
    return f"{_FIRST_STRONG}{''.join(characters)}{_POP * depth}{_POP}"
