"""What figures are drawn with: lines, texts, marks and scales, in units of a page 720 wide.

Colours are CSS variables, so that a page can give others; without any they are those of `LIGHT`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from trial.render import ems, legible, wrap

WIDTH = 720
SIZE = 19  # on a telephone, at half of its width, still legible
LEADING = 24
PAD = 8
SANS = "Arial, 'Liberation Sans', Helvetica, 'DejaVu Sans', sans-serif"

LIGHT: Mapping[str, str] = {
    "ink": "#111827",
    "muted": "#4b5563",
    "grid": "#d9dde3",
    "page": "#ffffff",
    "series-1": "#0072b2",
    "series-2": "#c44e00",
    "series-3": "#00805c",
    "series-4": "#a8447f",
    "series-5": "#6b5b00",
    "series-6": "#4b5563",
}
"""After Okabe and Ito, darkened to a contrast of 4.5 and more; `DARK` likewise, on dark pages."""
DARK: Mapping[str, str] = {
    "ink": "#f3f4f6",
    "muted": "#aab2bd",
    "grid": "#374151",
    "page": "#111827",
    "series-1": "#56b4e9",
    "series-2": "#f5934f",
    "series-3": "#3ccf9f",
    "series-4": "#e39ac4",
    "series-5": "#e8d44d",
    "series-6": "#cbd5e1",
}
_COLOURS = 6
_DASHES = ("", "9 4", "2 4", "12 4 2 4", "5 5")
_SHAPES = (
    "M-5,0 A5,5 0 1 1 5,0 A5,5 0 1 1 -5,0 Z",
    "M-5,-5 H5 V5 H-5 Z",
    "M0,-6.5 L6,5 H-6 Z",
    "M0,-7 L7,0 L0,7 L-7,0 Z",
    "M-6,-3 H-3 V-6 H3 V-3 H6 V3 H3 V6 H-3 V3 H-6 Z",
    "M0,6.5 L6,-5 H-6 Z",
    "M-6,-2.5 H6 V2.5 H-6 Z",
)


def colour(name: str) -> str:
    """Name a colour: the page's, or else that of light pages."""
    return f"var(--{name}, {LIGHT[name]})"


@dataclass(frozen=True)
class Look:
    """How a series is told from others: by colour, by dashes and by shape."""

    colour: str
    dash: str
    shape: str


def look(number: int) -> Look:
    """Give the look of a series, by its place."""
    return Look(
        colour(f"series-{number % _COLOURS + 1}"),
        _DASHES[number % len(_DASHES)],
        _SHAPES[number % len(_SHAPES)],
    )


def lines_of(text: str, width: float, most: int = 9) -> list[str]:
    """Break a text into lines of a width, at most so many; what is cut off ends in an ellipsis."""
    lines = wrap(legible(text).split(), width / SIZE)
    if len(lines) <= most:
        return lines
    kept = lines[:most]
    while kept[-1] and ems(kept[-1] + "\u2026") * SIZE > width:
        kept[-1] = kept[-1][:-1]
    kept[-1] = kept[-1].rstrip() + "\u2026"
    return kept


def apart(places: Iterable[tuple[float, float]], gap: float = PAD) -> Iterator[int]:
    """Give which of some texts, by their middles and widths from the left, fit side by side."""
    free = float("-inf")
    for i, (middle, width) in enumerate(places):
        if middle - width / 2 >= free:
            yield i
            free = middle + width / 2 + gap


def width_of(text: str) -> float:
    """Give the width of a text on the page."""
    return ems(text) * SIZE


def at(*numbers: float) -> str:
    """Write coordinates."""
    return ",".join(f"{number + 0.0:.1f}".replace("-0.0", "0.0") for number in numbers)


class Canvas:
    """The drawing so far; `y` is where the next thing goes."""

    def __init__(self) -> None:
        self.y = float(PAD)
        self.parts: list[str] = []

    def text(self, x: float, y: float, text: str, anchor: str = "start", ink: str = "ink") -> None:
        """Write one line; it stands out from what it covers."""
        halo = f'stroke="{colour("page")}" stroke-width="4" paint-order="stroke"'
        place = f'x="{at(x)}" y="{at(y)}" text-anchor="{anchor}" fill="{colour(ink)}"'
        self.parts.append(f"<text {place} {halo}>{escape(legible(text))}</text>")

    def paragraph(
        self, x: float, lines: Sequence[str], anchor: str = "start", ink: str = "ink"
    ) -> None:
        """Write lines, and move below them."""
        for line in lines:
            self.y += LEADING
            self.text(x, self.y - 5, line, anchor, ink)

    def sample(self, x: float, y: float, width: float, of: Look, kind: str) -> None:
        """Show how a series is drawn in a kind of figure."""
        middle = x + width / 2
        if kind == "bars":
            self.area(f"M{at(x, y - 6)} H{at(x + width)} V{at(y + 6)} H{at(x)} Z", of.colour)
            return
        if kind != "dots":
            self.path(f"M{at(x, y)} H{at(x + width)}", of.colour, of.dash)
        if kind == "step":
            self.path(f"M{at(middle, y - 6)} V{at(y + 6)}", of.colour, width=1.5)
        else:
            self.mark(middle, y, of)

    def line(self, start: tuple[float, float], end: tuple[float, float], ink: str = "grid",
             dash: str = "", width: float = 1) -> None:  # fmt: skip
        """Draw a straight line."""
        self.path(f"M{at(*start)} L{at(*end)}", colour(ink), dash, width)

    def path(self, shape: str, ink: str, dash: str = "", width: float = 2) -> None:
        """Draw an outline."""
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<path d="{shape}" fill="none" stroke="{ink}" stroke-width="{width}"{dashes}/>'
        )

    def area(self, shape: str, ink: str, opacity: float = 1, told: str = "") -> None:
        """Fill an outline; `told` is what it says to a pointer."""
        shade = "" if opacity == 1 else f' fill-opacity="{opacity}"'
        title = f"<title>{escape(legible(told))}</title>" if told else ""
        self.parts.append(f'<path d="{shape}" fill="{ink}"{shade}>{title}</path>')

    def mark(self, x: float, y: float, of: Look, told: str = "") -> None:
        """Draw a series' shape."""
        title = f"<title>{escape(legible(told))}</title>" if told else ""
        place = f'transform="translate({at(x, y)})" fill="{of.colour}"'
        self.parts.append(f'<path d="{of.shape}" {place}>{title}</path>')
