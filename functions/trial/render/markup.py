"""Markup as a type of its own: HTML and SVG into which no text comes unescaped.

`Html` is what `html`, `escape`, `bdi` and `joined` return, and whatever writes markup takes nothing
else. To mypy a plain `str` is not `Html`, nor is what an f-string, `+` or `str.join` makes of one:
text that was never escaped is refused before it runs.
"""

from collections.abc import Iterable
from html import escape as escape_characters
from string import Template
from typing import NewType

from trial.render import legible

Html = NewType("Html", str)
"""Markup that is safe where it stands; this module alone makes one of a `str`."""

EMPTY = Html("")


def html(template: str, *values: Html | float) -> Html:
    """Fill the slots `{}` of a template, which is written out where this is called."""
    return Html(template.format(*values))


def css(template: str, **values: Html) -> Html:
    """Fill the `$names` of a style sheet's template, which has braces of its own."""
    return Html(Template(template).substitute(values))


def escape(value: object) -> Html:
    """Escape a text for an element or for an attribute in double quotes."""
    return Html(escape_characters(legible(str(value))))


def bdi(value: object) -> Html:
    """Escape a text that stands beside others: its direction of writing stays its own."""
    return html("<bdi>{}</bdi>", escape(value))


def joined(parts: Iterable[Html], separator: Html = EMPTY) -> Html:
    """Join markup."""
    return Html(separator.join(parts))
