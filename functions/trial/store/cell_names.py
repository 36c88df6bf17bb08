"""Cells as attributes: a name of any length becomes one of a bounded length.

A cell can be named for a term, and terms have any length. What most are called stays their
attribute's name. Of a longer one the part after the first `[` or `=`, a term as a rule, is kept
once in the same row under its digest, which stands in its place in the names of all its cells.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping

from trial.store import keys
from trial.store.table import Item, Value

MOST_BYTES = 255
"""Of a name that stays as it is: a class and a term of MedDRA have fewer."""

LONG = "+"
"""Starts the attribute of a cell whose name is longer: then its beginning, then the digest."""
TERM = "~"
"""Starts the attribute that holds what a digest stands for."""
LONG_WRITES = "long"
"""Counts the additions to such cells of a row, so that no term is dropped while one comes."""

_DIGEST = 32
_PARTS = re.compile(r"([^\[=]{0,60})([\[=].*)", re.DOTALL)


def split_name(name: str) -> tuple[str, str]:
    """Return what a cell's name begins with and what it is counted for, a term or a value."""
    match = _PARTS.fullmatch(name)
    return (match[1], match[2]) if match else ("", name)


def cell_attribute(name: str) -> tuple[str, str]:
    """Return the attribute of a cell and, if its name is long, the term that is kept beside it."""
    if len(name) <= MOST_BYTES // 4 or len(name.encode()) <= MOST_BYTES:
        return keys.CELL + name, ""
    start, term = split_name(name)
    return f"{LONG}{start}{_digest(term)}", term


def term_attribute(term: str) -> str:
    """Return the attribute that holds a term."""
    return TERM + _digest(term)


def cells_of(item: Item) -> Iterator[tuple[str, str, Value]]:
    """Return the cells of a row: each one's attribute, its own name, and its value."""
    for name, value in item.items():
        if name[0] == keys.CELL:
            yield name, name[1:], value
        elif name[0] == LONG:
            term: str = item[TERM + name[-_DIGEST:]]["S"]
            yield name, name[len(LONG) : -_DIGEST] + term, value


def unused_terms(item: Item, removed: Mapping[str, object]) -> set[str]:
    """Return the terms of a row that no cell is named for once some are removed."""
    digests = {name[-_DIGEST:] for name in item if name.startswith(LONG) and name not in removed}
    return {name for name in item if name.startswith(TERM) and name[len(TERM) :] not in digests}


def _digest(term: str) -> str:
    return hashlib.sha256(term.encode()).hexdigest()[:_DIGEST]
