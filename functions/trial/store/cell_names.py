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
"""Of a name that is kept as it is: a class and a term of MedDRA have fewer."""

LONG = "+"
"""Starts the attribute of a cell whose name is longer: then its beginning, then the digest."""
TERM = "~"
"""Starts the attribute that holds what a digest stands for."""
LONG_WRITES = "long"
"""Counts the additions to such cells of a row, so that no term is dropped while one comes."""

_DIGEST = 32
_PARTS = re.compile(r"([^\[=]{0,60})([\[=].*)", re.DOTALL)


def parts(name: str) -> tuple[str, str]:
    """Give what a cell's name begins with and what it is counted for, a term or a value."""
    found = _PARTS.fullmatch(name)
    return (found[1], found[2]) if found else ("", name)


def attribute(name: str) -> tuple[str, str]:
    """Give the attribute of a cell and, if its name is long, the term that is kept beside it."""
    if len(name) <= MOST_BYTES // 4 or len(name.encode()) <= MOST_BYTES:
        return keys.CELL + name, ""
    start, of = parts(name)
    return f"{LONG}{start}{_digest(of)}", of


def term(of: str) -> str:
    """Give the attribute that holds a term."""
    return TERM + _digest(of)


def read(item: Item) -> Iterator[tuple[str, str, Value]]:
    """Give the cells of a row: each one's attribute, its own name, and its value."""
    for name, value in item.items():
        if name.startswith(keys.CELL):
            yield name, name.removeprefix(keys.CELL), value
        elif name.startswith(LONG):
            kept: str = item[TERM + name[-_DIGEST:]]["S"]
            yield name, name[len(LONG) : -_DIGEST] + kept, value


def idle_terms(item: Item, removed: Mapping[str, object]) -> set[str]:
    """Name the terms of a row that no cell is named for once some are removed."""
    used = {name[-_DIGEST:] for name in item if name.startswith(LONG) and name not in removed}
    return {name for name in item if name.startswith(TERM) and name[len(TERM) :] not in used}


def _digest(of: str) -> str:
    return hashlib.sha256(of.encode()).hexdigest()[:_DIGEST]
