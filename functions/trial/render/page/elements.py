"""What the page writes in many places: links, anchors, lists, strings of its style sheet."""

import re
from collections.abc import Iterable
from urllib.parse import quote

from trial.render import legible
from trial.render.markup import EMPTY, Html, escape, html, joined

_NOT_IN_ANCHORS = re.compile(r"[^A-Za-z0-9.]+")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 .,:()\-]")
_LONGEST = 180  # characters that the margin of a printed page holds


def href(file_name: str) -> Html:
    """Return the address of a file beside this page: it can lead nowhere else."""
    return escape("./" + quote(legible(file_name), safe="/"))


def css_string(value: str) -> Html:
    """Quote a text for a style sheet; whatever could end the string or the sheet is a number."""
    line = " ".join(legible(value).split())
    if len(line) > _LONGEST:
        line = line[: _LONGEST - 1].rstrip() + "\u2026"
    # Nothing that is left is markup, so escaping changes nothing; its type is what is wanted here.
    return html('"{}"', escape(_NOT_PLAIN.sub(_code_point, line)))


def _code_point(character: re.Match[str]) -> str:
    return f"\\{ord(character.group()):x} "


class Anchors:
    """Names to link to: `table-14.1.2`; two tables never share one."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, kind: str, name: str) -> Html:
        """Return an anchor that nothing else has, the same one for the same report."""
        plain = _NOT_IN_ANCHORS.sub("-", name).strip("-.")
        anchor, number = f"{kind}-{plain}", 1
        while anchor in self._taken:
            number += 1
            anchor = f"{kind}-{plain}-{number}"
        self._taken.add(anchor)
        return escape(anchor)


def unordered(items: Iterable[Html], css_class: str = "") -> Html:
    """Write a list; nothing where there are no items."""
    items_html = joined(html("<li>{}</li>", item) for item in items)
    attribute = html(' class="{}"', escape(css_class)) if css_class else EMPTY
    return html("<ul{}>{}</ul>\n", attribute, items_html) if items_html else EMPTY
