"""Any text as HTML: escaped, legible, and never able to reach beyond the element it stands in."""

import re
from collections.abc import Iterable
from html import escape
from urllib.parse import quote

from trial.render import legible

_APART = re.compile(r"[^A-Za-z0-9.]+")
_PLAIN = re.compile(r"[^A-Za-z0-9 .,:()\-]")
_LONGEST = 180  # characters that the margin of a printed page holds


def text(value: object) -> str:
    """Make a text safe in an element and in a quoted attribute."""
    return escape(legible(str(value)))


def aside(value: object) -> str:
    """Make a text safe beside others: its direction of writing stays its own."""
    return f"<bdi>{text(value)}</bdi>"


def link(target: str) -> str:
    """Make the name of a file beside this page an address: it can lead nowhere else."""
    return escape("./" + quote(legible(target), safe="/"))


def css_string(value: str) -> str:
    """Quote a text for a style sheet; whatever could end the string or the sheet is a number."""
    line = " ".join(legible(value).split())
    if len(line) > _LONGEST:
        line = line[: _LONGEST - 1].rstrip() + "\u2026"
    return '"' + _PLAIN.sub(lambda found: f"\\{ord(found.group()):x} ", line) + '"'


class Anchors:
    """Names to link to: `table-14.1.2`; two tables never share one."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, kind: str, name: str) -> str:
        """Give an anchor that nobody has, the same one for the same report."""
        plain = _APART.sub("-", name).strip("-.")
        anchor, number = f"{kind}-{plain}", 1
        while anchor in self._taken:
            number += 1
            anchor = f"{kind}-{plain}-{number}"
        self._taken.add(anchor)
        return anchor


def unordered(items: Iterable[str], kind: str = "") -> str:
    """Write items, which are HTML already, as a list; nothing where there are none."""
    written = "".join(f"<li>{item}</li>" for item in items)
    named = f' class="{kind}"' if kind else ""
    return f"<ul{named}>{written}</ul>\n" if written else ""
