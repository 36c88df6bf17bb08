"""What the diagram of the flow is drawn with: panels of text, lines and arrows, as SVG."""

from collections.abc import Sequence

from trial.deferred import dataclass
from trial.render.markup import EMPTY, Html, escape, html, joined

SIZE = 12
LEADING = 16
PAD = 9
_SANS = html("Arial, 'Liberation Sans', Helvetica, 'DejaVu Sans', sans-serif")
_STYLES = {
    "box": html('fill="#ffffff" stroke="#1f2937" stroke-width="1.2"'),
    "side": html('fill="#f8fafc" stroke="#64748b" stroke-width="1"'),
    "stage": html('fill="#e2e8f0" stroke="#cbd5e1" stroke-width="1"'),
    "notice": html('fill="#fff8e1" stroke="#8a6d00" stroke-width="1.5"'),
    "discrepancy": html('fill="#fff5f5" stroke="#b00020" stroke-width="2.5"'),
}
type Point = tuple[int, int]


@dataclass(frozen=True)
class Line:
    """A line of text; a bullet's further lines are indented."""

    text: str
    indent: int = 0
    bold: bool = False


@dataclass(frozen=True)
class Panel:
    """A rectangle with its lines of text; `kind` is its class and decides its style."""

    kind: str
    x: int
    y: int
    width: int
    lines: tuple[Line, ...]

    @property
    def height(self) -> int:
        """Return the height that its lines need."""
        return 2 * PAD + len(self.lines) * LEADING


def draw_panel(panel: Panel, height: int) -> Sequence[Html]:
    """Draw a panel with its text in the middle of `height`."""
    y = panel.y + (height - len(panel.lines) * LEADING) // 2 + SIZE
    return [
        html(
            '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="3" {}/>',
            escape(panel.kind),
            panel.x,
            panel.y,
            panel.width,
            height,
            _STYLES[panel.kind],
        ),
        *(
            text((panel.x + PAD + line.indent, y + number * LEADING), line)
            for number, line in enumerate(panel.lines)
        ),
    ]


def text(start: Point, line: Line, size: int = SIZE) -> Html:
    """Write a line of text."""
    x, y = start
    font_size = html(' font-size="{}"', size) if size != SIZE else EMPTY
    weight = html(' font-weight="bold"') if line.bold else EMPTY
    return html('<text x="{}" y="{}"{}{}>{}</text>', x, y, font_size, weight, escape(line.text))


def path(start: Point, end: Point) -> Html:
    """Draw a line."""
    return html('<polyline points="{},{} {},{}" fill="none" stroke="#1f2937"/>', *start, *end)


def arrow(start: Point, end: Point) -> Sequence[Html]:
    """Draw a line with a head at its end: down, or to the right."""
    x, y = end
    level = y == start[1]
    base = ((x - 7, y - 4), (x - 7, y + 4)) if level else ((x - 4, y - 7), (x + 4, y - 7))
    head = html('<polygon points="{},{} {},{} {},{}" fill="#1f2937"/>', x, y, *base[0], *base[1])
    return [path(start, end), head]


def page(width: int, height: int, title: str, description: str, parts: Sequence[Html]) -> Html:
    """Wrap a drawing up; readers that do not see it get the title and the description."""
    return joined(
        (
            html(
                '<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}"'
                ' viewBox="0 0 {0} {1}" role="img"'
                ' aria-labelledby="flow-title flow-description"'
                ' font-family="{2}" font-size="{3}" fill="#111827">',
                width,
                height,
                _SANS,
                SIZE,
            ),
            html('<title id="flow-title">{}</title>', escape(title)),
            html('<desc id="flow-description">{}</desc>', escape(description)),
            html('<rect class="page" width="{}" height="{}" fill="#ffffff"/>', width, height),
            *parts,
            html("</svg>\n"),
        ),
        html("\n"),
    )
