"""What pictures of tables are drawn on: lines of text, rules and grounds, down a page."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from trial.render import ems, legible, wrap
from trial.render.figures.canvas import SANS
from trial.render.markup import EMPTY, Html, escape, html, joined

SIZE, LEADING = 13, 18
PAD, MARGIN = 9, 12
_SMALL = 11.5  # of notes
_NOTE_LEADING = 16
_NARROWEST = 480  # of notes
_BOLD = 1.07  # how much wider bold letters are
_SNUG = 0.93  # letters are narrower than the estimate of the widest face
_STYLE = (
    "text{{fill:#111827}}.b{{font-weight:600}}.q,.n{{fill:#4b5563}}.n{{font-size:{}px}}"
    ".s{{fill:#f3f4f6}}.e{{stroke:#6b7280;stroke-width:1.5}}.r{{stroke:#d9dde3}}"
)


def width_of(text: str, size: float = SIZE, *, bold: bool = False) -> float:
    """Return how wide a text is drawn, at most."""
    return ems(legible(text)) * size * _SNUG * (_BOLD if bold else 1)


def broken(text: str, width: float, size: float = SIZE) -> list[str]:
    """Break a text into lines of a width."""
    return wrap(legible(text).split(), width / size / _SNUG)


@dataclass
class Sheet:
    """The drawing so far; `y` is where the next thing goes, `right` where the table ends."""

    right: float
    y: float = MARGIN
    parts: list[Html] = field(default_factory=list)

    def text(self, x: float, y: float, text: str, css: str = "", anchor: str = "start") -> None:
        """Write one line of text with its baseline at `y`."""
        ends = html(' text-anchor="{}"', escape(anchor)) if anchor != "start" else EMPTY
        styled = html(' class="{}"', escape(css)) if css else EMPTY
        place = (escape(_number(x)), escape(_number(y)))
        self.parts.append(
            html('<text x="{}" y="{}"{}{}>{}</text>', *place, ends, styled, escape(text))
        )

    def line(self, left: float, right: float, y: float, css: str) -> None:
        """Draw a line across."""
        place = map(escape, map(_number, (left, y, right)))
        self.parts.append(html('<path d="M{},{}H{}" class="{}"/>', *place, escape(css)))

    def rule(self, css: str) -> None:
        """Draw a line across the table, where the next thing goes."""
        self.line(MARGIN, self.right, self.y, css)

    def shade(self, height: float) -> None:
        """Lay a ground under what comes next."""
        place = map(escape, map(_number, (MARGIN, self.y, self.right - MARGIN, height)))
        self.parts.append(html('<rect x="{}" y="{}" width="{}" height="{}" class="s"/>', *place))

    def finished(self, notes: Iterable[str], name: str) -> Html:
        """Close the table, write notes below it, and return the picture."""
        self.rule("e")
        self.y += PAD
        right = max(self.right, _NARROWEST)
        for note in notes:
            for text in broken(note, right - 2 * MARGIN, _SMALL):
                self.y += _NOTE_LEADING
                self.text(MARGIN + PAD, self.y, text, "n")
        return self._svg(round(right + MARGIN), round(self.y) + MARGIN, name)

    def _svg(self, width: int, height: int, name: str) -> Html:
        head = html(
            '<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}"'
            ' viewBox="0 0 {0} {1}" role="img" font-family="{2}" font-size="{3}">',
            width,
            height,
            SANS,
            SIZE,
        )
        style = html("<title>{}</title><style>{}</style>", escape(name), html(_STYLE, _SMALL))
        ground = html('<rect width="{}" height="{}" fill="#fff"/>', width, height)
        return joined((head, style, ground, *self.parts, html("</svg>\n")), html("\n"))


def _number(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
