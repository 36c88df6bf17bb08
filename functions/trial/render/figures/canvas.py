"""What figures are drawn with: lines, texts, marks and scales, in units of a page 720 wide.

Colours are CSS variables, so that a page can give others; without any they are those of `LIGHT`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from trial.deferred import dataclass
from trial.render import ems, legible, wrap
from trial.render.markup import EMPTY, Html, escape, html

WIDTH = 720
SIZE = 19  # on a telephone, at half of its width, still legible
LEADING = 24
PAD = 8
SANS = html("Arial, 'Liberation Sans', Helvetica, 'DejaVu Sans', sans-serif")

LIGHT: Mapping[str, str] = {
    "ink": "#111827",
    "muted": "#4b5563",
    "grid": "#d9dde3",
    "page": "#ffffff",
    "series-1": "#094773",
    "series-2": "#c74f04",
    "series-3": "#006a44",
    "series-4": "#b6338a",
    "series-5": "#585303",
    "series-6": "#121416",
}
"""The hues of Okabe and Ito at a contrast of 4.5 and more; `DARK` likewise, on dark pages.

Their lightness differs, most between the first three, for print in grey; and each pair does to whom
red and green look alike.
"""
DARK: Mapping[str, str] = {
    "ink": "#f3f4f6",
    "muted": "#aab2bd",
    "grid": "#374151",
    "page": "#111827",
    "series-1": "#6ebafd",
    "series-2": "#ed623c",
    "series-3": "#59eba4",
    "series-4": "#d48db5",
    "series-5": "#ebe07a",
    "series-6": "#e9edf1",
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


def colour(name: str) -> Html:
    """Return a colour by name: the page's, or else that of light pages."""
    return html("var(--{}, {})", escape(name), escape(LIGHT[name]))


@dataclass(frozen=True)
class SeriesStyle:
    """What tells a series from others: its colour, its dashes and its shape."""

    colour: Html
    dash: str
    shape: str
    opacity: float = 1


def series_style(number: int) -> SeriesStyle:
    """Return the style of a series, by its number in the figure."""
    return SeriesStyle(
        colour(f"series-{number % _COLOURS + 1}"),
        _DASHES[number % len(_DASHES)],
        _SHAPES[number % len(_SHAPES)],
    )


def shade(number: int, total: int) -> SeriesStyle:
    """Return the style of a category of so many in order: the later, the darker."""
    style = series_style(0)
    return replace(style, opacity=round(0.1 + 0.9 * number / max(total - 1, 1), 2))


def lines_of(text: str, width: float, most_lines: int = 9) -> list[str]:
    """Break a text into lines of a width, at most so many; what is cut off ends in an ellipsis."""
    lines = wrap(legible(text).split(), width / SIZE)
    if len(lines) <= most_lines:
        return lines
    last = lines[most_lines - 1]
    while last and ems(last + "\u2026") * SIZE > width:
        last = last[:-1]
    return [*lines[: most_lines - 1], last.rstrip() + "\u2026"]


def non_overlapping(texts: Iterable[tuple[float, float]], gap: float = PAD) -> Iterator[int]:
    """Return which of some texts fit side by side; each is given by its middle and its width.

    They come from left to right; the first is always shown, and each next one that fits.
    """
    free = float("-inf")
    for number, (middle, width) in enumerate(texts):
        if middle - width / 2 >= free:
            yield number
            free = middle + width / 2 + gap


def width_of(text: str) -> float:
    """Return the width of a text on the page."""
    return ems(text) * SIZE


def coordinates(*numbers: float) -> str:
    """Write coordinates; a negative zero as zero, whichever way the platform rounds."""
    return ",".join(f"{number + 0.0:.1f}".replace("-0.0", "0.0") for number in numbers)


class Canvas:
    """The drawing so far; `y` is where the next thing goes."""

    def __init__(self) -> None:
        self.y = float(PAD)
        self.parts: list[Html] = []

    def text(self, x: float, y: float, text: str, anchor: str = "start", ink: str = "ink") -> None:
        """Write one line; it stands out from what it covers. On what is dark `ink` is `page`."""
        halo = html(' stroke="{}" stroke-width="4" paint-order="stroke"', colour("page"))
        self.parts.append(
            html(
                '<text x="{}" y="{}" text-anchor="{}" fill="{}"{}>{}</text>',
                escape(coordinates(x)),
                escape(coordinates(y)),
                escape(anchor),
                colour(ink),
                EMPTY if ink == "page" else halo,
                escape(text),
            )
        )

    def paragraph(
        self, x: float, lines: Sequence[str], anchor: str = "start", ink: str = "ink"
    ) -> None:
        """Write lines, and move below them."""
        for line in lines:
            self.y += LEADING
            self.text(x, self.y - 5, line, anchor, ink)

    def sample(self, x: float, y: float, width: float, style: SeriesStyle, kind: str) -> None:
        """Draw a sample of a series for the legend of a kind of figure."""
        middle, end = x + width / 2, x + width
        if kind in {"bars", "stacked", "swimmer"}:
            corners = (coordinates(x, y - 6), coordinates(end), coordinates(y + 6), coordinates(x))
            shape = "M{} H{} V{} H{} Z".format(*corners)
            self.area(shape, style.colour, 0.35 if kind == "swimmer" else style.opacity)
            if kind != "bars":
                self.path(shape, style.colour, style.dash if kind == "swimmer" else "", 1)
            return
        if kind == "boxes":
            ends = (coordinates(x, y - 7), coordinates(end), coordinates(y + 7), coordinates(x))
            shape = "M{} H{} V{} H{} Z".format(*ends)
            self.area(shape, style.colour, 0.2)
            self.path(shape, style.colour, style.dash, 1.5)
            self.mark(middle, y, style)
            return
        if kind not in {"dots", "scatter"}:
            self.path(f"M{coordinates(x, y)} H{coordinates(end)}", style.colour, style.dash)
        if kind in {"cumulative", "profiles"}:
            return
        if kind == "step":
            tick = f"M{coordinates(middle, y - 6)} V{coordinates(y + 6)}"
            self.path(tick, style.colour, width=1.5)
        else:
            self.mark(middle, y, style)

    def line(self, start: tuple[float, float], end: tuple[float, float], ink: str = "grid",
             dash: str = "", width: float = 1) -> None:  # fmt: skip
        """Draw a straight line."""
        self.path(f"M{coordinates(*start)} L{coordinates(*end)}", colour(ink), dash, width)

    def path(self, shape: str, ink: Html, dash: str = "", width: float = 2) -> None:
        """Draw an outline."""
        dashes = html(' stroke-dasharray="{}"', escape(dash)) if dash else EMPTY
        self.parts.append(
            html(
                '<path d="{}" fill="none" stroke="{}" stroke-width="{}"{}/>',
                escape(shape),
                ink,
                width,
                dashes,
            )
        )

    def area(self, shape: str, ink: Html, opacity: float = 1, title: str = "") -> None:
        """Fill an outline; a pointer over it shows the title."""
        shade = EMPTY if opacity == 1 else html(' fill-opacity="{}"', opacity)
        self.parts.append(
            html('<path d="{}" fill="{}"{}>{}</path>', escape(shape), ink, shade, _title(title))
        )

    def mark(self, x: float, y: float, style: SeriesStyle, title: str = "") -> None:
        """Draw a series' shape; a pointer over it shows the title."""
        self.parts.append(
            html(
                '<path d="{}" transform="translate({})" fill="{}">{}</path>',
                escape(style.shape),
                escape(coordinates(x, y)),
                style.colour,
                _title(title),
            )
        )


def _title(text: str) -> Html:
    return html("<title>{}</title>", escape(text)) if text else EMPTY
