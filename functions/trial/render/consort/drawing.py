"""What the diagram of the flow is drawn with: panels of text, lines and arrows, as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

SIZE = 12
LEADING = 16
PAD = 9
_SANS = "Arial, 'Liberation Sans', Helvetica, 'DejaVu Sans', sans-serif"
_LOOKS = {
    "box": 'fill="#ffffff" stroke="#1f2937" stroke-width="1.2"',
    "side": 'fill="#f8fafc" stroke="#64748b" stroke-width="1"',
    "stage": 'fill="#e2e8f0" stroke="#cbd5e1" stroke-width="1"',
    "notice": 'fill="#fff8e1" stroke="#8a6d00" stroke-width="1.5"',
    "finding": 'fill="#fff5f5" stroke="#b00020" stroke-width="2.5"',
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
    """A rectangle with its lines of text; `kind` is its class and decides its look."""

    kind: str
    x: int
    y: int
    width: int
    lines: tuple[Line, ...]

    @property
    def height(self) -> int:
        """How high it must be for its lines."""
        return 2 * PAD + len(self.lines) * LEADING


def panel(drawn: Panel, height: int) -> Sequence[str]:
    """Draw a panel with its text in the middle of `height`."""
    frame = f'x="{drawn.x}" y="{drawn.y}" width="{drawn.width}" height="{height}" rx="3"'
    y = drawn.y + (height - len(drawn.lines) * LEADING) // 2 + SIZE
    return [
        f'<rect class="{drawn.kind}" {frame} {_LOOKS[drawn.kind]}/>',
        *(
            text((drawn.x + PAD + line.indent, y + number * LEADING), line)
            for number, line in enumerate(drawn.lines)
        ),
    ]


def text(at: Point, line: Line, size: int = SIZE) -> str:
    """Write a line of text."""
    weight = ' font-weight="bold"' if line.bold else ""
    sized = f' font-size="{size}"' if size != SIZE else ""
    return f'<text x="{at[0]}" y="{at[1]}"{sized}{weight}>{escape(line.text)}</text>'


def path(start: Point, end: Point) -> str:
    """Draw a line."""
    points = f"{start[0]},{start[1]} {end[0]},{end[1]}"
    return f'<polyline points="{points}" fill="none" stroke="#1f2937"/>'


def arrow(start: Point, end: Point) -> Sequence[str]:
    """Draw a line with a head at its end: down, or to the right."""
    x, y = end
    level = y == start[1]
    head = f"{x - 7},{y - 4} {x - 7},{y + 4}" if level else f"{x - 4},{y - 7} {x + 4},{y - 7}"
    return [path(start, end), f'<polygon points="{x},{y} {head}" fill="#1f2937"/>']


def page(width: int, height: int, title: str, description: str, parts: Sequence[str]) -> str:
    """Wrap a drawing up; readers that do not see it get the title and the description."""
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    named = 'role="img" aria-labelledby="flow-title flow-description"'
    ink = f'font-family="{_SANS}" font-size="{SIZE}" fill="#111827"'
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {named} {ink}>',
            f'<title id="flow-title">{escape(title)}</title>',
            f'<desc id="flow-description">{escape(description)}</desc>',
            f'<rect class="page" width="{width}" height="{height}" fill="#ffffff"/>',
            *parts,
            "</svg>\n",
        )
    )
