"""The participant flow: as data, as words, and as a CONSORT 2025 diagram in SVG.

The diagram is laid out from the top down with a width model of common sans-serif faces, wide enough
for the widest of them, so that text stays inside its box wherever the file is opened.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import zip_longest

from trial.render import legible, wrap
from trial.render.tables_json import Document, cut_fields
from trial.tables.grid import Box, Cut, Flow, Stage

_A4 = 794  # width of the page at 96 dots per inch
_MARGIN = 24
_TAB = 120  # the stage's name, left of its boxes
_LANE = 190  # an arm's boxes are never narrower: the page grows instead
_GUTTER = 16
_LEFT = _MARGIN + _TAB + _GUTTER
_ALONE = 330  # width of a box that has a stage to itself
_STEM = 24  # from an arm's left edge to its arrow down
_BRANCH = 20  # from there to the side boxes
_SIZE = 12
_BOLD = _SIZE * 1.05  # a bold letter is wider
_LEADING = 16
_PAD = 9
_BULLET = 10
_SANS = "Arial, 'Liberation Sans', Helvetica, 'DejaVu Sans', sans-serif"


def count_text(n: int | None) -> str:
    """Say a box's count; what was never reported is not zero."""
    return "not reported" if n is None else f"n = {n}"


def flow_json(flow: Flow, cut: Cut | None = None) -> Document:
    """Give the flow as data; with a cut, say first which state of which study it shows."""
    source: Document = {}
    if cut is not None:
        source = {"study": cut.study, "notice": cut.notice, "cut": cut_fields(cut)}
    return source | {
        "title": flow.title,
        "design": flow.design,
        "form": _form(flow),
        "note": _note(flow) or None,
        "stages": [_stage(stage) for stage in flow.stages],
        "findings": list(flow.findings),
    }


def _stage(stage: Stage) -> Document:
    return {
        "id": stage.id,
        "label": stage.label,
        "boxes": [_box(box) for box in stage.boxes],
        "side": [_box(box) for box in stage.side],
    }


def _box(box: Box) -> Document:
    reasons = [{"label": label, "n": n} for label, n in box.reasons]
    return {
        "id": box.id,
        "label": box.label,
        "arm": box.arm or None,
        "n": box.n,
        "text": count_text(box.n),
        "reasons": reasons,
    }


def _form(flow: Flow) -> str:
    if _lanes(flow) > 1 or flow.design.startswith("parallel"):
        return "CONSORT 2025 flow (parallel groups)"
    return "CONSORT-adapted flow (single group)"


def _note(flow: Flow) -> str:
    single = _form(flow).startswith("CONSORT-adapted")
    return "Items on randomisation do not apply: one group" if single else ""


def _lanes(flow: Flow) -> int:
    return max((len(stage.boxes) for stage in flow.stages), default=1) or 1


def outline(flow: Flow) -> Iterator[tuple[int, str]]:
    """Tell the flow in words, a line a box, each with its depth: 0 the flow, 1 those who left."""
    for stage in flow.stages:
        for depth, boxes in enumerate((stage.boxes, stage.side)):
            for box in boxes:
                reasons = "; ".join(f"{label}: {n}" for label, n in box.reasons)
                text = f"{_name(box)}: {count_text(box.n)}"
                yield depth, f"{text} ({reasons})" if reasons else text


@dataclass(frozen=True)
class _Line:
    text: str
    indent: int = 0
    bold: bool = False


_LOOKS = {
    "box": 'fill="#ffffff" stroke="#1f2937" stroke-width="1.2"',
    "side": 'fill="#f8fafc" stroke="#64748b" stroke-width="1"',
    "stage": 'fill="#e2e8f0" stroke="#cbd5e1" stroke-width="1"',
    "notice": 'fill="#fff8e1" stroke="#8a6d00" stroke-width="1.5"',
    "finding": 'fill="#fff5f5" stroke="#b00020" stroke-width="2.5"',
}


def _paragraph(text: str, width: float) -> list[_Line]:
    lines = wrap(legible(text).split(), width / _BOLD)
    return [_Line(line, bold=True) for line in lines]


def _bulleted(words: Sequence[str], width: float) -> Iterator[_Line]:
    for number, text in enumerate(wrap(words, (width - _BULLET) / _SIZE)):
        if number == 0:
            yield _Line(f"\u2022 {text}")
        else:
            yield _Line(text, indent=_BULLET)


def _name(box: Box) -> str:
    return f"{box.arm}: {box.label}" if box.arm else box.label


def _box_lines(box: Box, width: int) -> tuple[_Line, ...]:
    room = width - 2 * _PAD
    head = wrap([*legible(_name(box)).split(), f"({count_text(box.n)})"], room / _BOLD)
    reasons = [
        line
        for label, n in box.reasons
        for line in _bulleted([*legible(label).split(), f"(n = {n})"], room)
    ]
    return (*(_Line(text, bold=True) for text in head), *reasons)


@dataclass(frozen=True)
class _Panel:
    """A rectangle with its lines of text; `kind` is its class and decides its look."""

    kind: str
    x: int
    y: int
    width: int
    lines: tuple[_Line, ...]

    @property
    def height(self) -> int:
        return 2 * _PAD + len(self.lines) * _LEADING


@dataclass(frozen=True)
class _Slot:
    """Where a box goes: its arrow runs down at `stem`, side boxes from `side` to `right`."""

    x: int
    width: int
    stem: int
    side: int
    right: int


class _Diagram:
    """The drawing so far; `y` is where the next thing goes."""

    def __init__(self, flow: Flow) -> None:
        self.lanes = _lanes(flow)
        needed = _LEFT + self.lanes * (_LANE + _GUTTER) - _GUTTER + _MARGIN
        self.width = max(_A4, needed)
        self.right = self.width - _MARGIN
        self.y = _MARGIN
        self.parts: list[str] = []

    def slots(self, boxes: int) -> list[_Slot]:
        """Place the boxes of one stage side by side; a box alone leaves room at its right."""
        if boxes == 1:
            x = _LEFT if self.lanes == 1 else (_LEFT + self.right - _ALONE) // 2
            stem = x + _ALONE // 2
            return [_Slot(x, _ALONE, stem, stem + 4 * _BRANCH, self.right)]
        width = (self.right - _LEFT + _GUTTER) // max(boxes, 1) - _GUTTER
        starts = [_LEFT + lane * (width + _GUTTER) for lane in range(boxes)]
        return [_Slot(x, width, x + _STEM, x + _STEM + _BRANCH, x + width) for x in starts]

    def text(self, text: str, size: int, *, bold: bool = False) -> None:
        """Write a paragraph over the page's width."""
        room = (self.right - _MARGIN) / size
        for line in wrap(legible(text).split(), room):
            self.y += size + 4
            self._line(_MARGIN, self.y, _Line(line, bold=bold), f' font-size="{size}"')

    def panel(self, panel: _Panel, height: int = 0) -> int:
        """Draw a panel, its text in the middle of `height`, and give the height it took."""
        height = max(height, panel.height)
        frame = f'x="{panel.x}" y="{panel.y}" width="{panel.width}" height="{height}" rx="3"'
        self.parts.append(f'<rect class="{panel.kind}" {frame} {_LOOKS[panel.kind]}/>')
        y = panel.y + (height - len(panel.lines) * _LEADING) // 2 + _SIZE
        for number, line in enumerate(panel.lines):
            self._line(panel.x + _PAD + line.indent, y + number * _LEADING, line)
        return height

    def _line(self, x: int, y: int, line: _Line, size: str = "") -> None:
        weight = ' font-weight="bold"' if line.bold else ""
        self.parts.append(f'<text x="{x}" y="{y}"{size}{weight}>{escape(line.text)}</text>')

    def banner(self, kind: str, *paragraphs: Iterable[_Line]) -> None:
        """Put a panel across the page."""
        lines = tuple(line for paragraph in paragraphs for line in paragraph)
        self.y += _GUTTER
        self.y += self.panel(_Panel(kind, _MARGIN, self.y, self.right - _MARGIN, lines))

    def stage(self, stage: Stage) -> None:
        """Draw a stage's name and its boxes, equally high, and move below them."""
        slots = self.slots(len(stage.boxes))
        tab = tuple(_paragraph(stage.label, _TAB - 2 * _PAD))
        panels = [_Panel("stage", _MARGIN, self.y, _TAB, tab)]
        panels += [
            _Panel("box", slot.x, self.y, slot.width, _box_lines(box, slot.width))
            for slot, box in zip(slots, stage.boxes, strict=True)
        ]
        height = max(panel.height for panel in panels)
        for panel in panels:
            self.panel(panel, height)
        self.y += height

    def sides(self, stage: Stage, *, last: bool) -> None:
        """Draw who left after a stage, dealt to its boxes in their order, and move below them."""
        slots = self.slots(len(stage.boxes) or 1)
        lowest = self.y
        for number, slot in enumerate(slots):
            y = self.y
            for box in stage.side[number :: len(slots)]:
                y += _GUTTER
                width = slot.right - slot.side
                panel = _Panel("side", slot.side, y, width, _box_lines(box, width))
                middle = y + self.panel(panel) // 2
                self._arrow((slot.stem, middle), (slot.side, middle))
                if last:  # no arrow to a next stage passes here
                    self._path((slot.stem, self.y), (slot.stem, middle))
                y += panel.height
            lowest = max(lowest, y)
        self.y = lowest

    def join(self, above: Stage, below: Stage, start: int) -> None:
        """Lead from each box to the one under it, or over a bar where their numbers differ."""
        stems = [slot.stem for slot in self.slots(len(above.boxes))]
        heads = [slot.x + slot.width // 2 for slot in self.slots(len(below.boxes))]
        self.y += 2 * _GUTTER
        if len(stems) == len(heads):
            for stem in stems:
                self._arrow((stem, start), (stem, self.y))
            return
        bar = self.y - _GUTTER - _GUTTER // 2
        ends = sorted((*stems, *heads))
        self._path((ends[0], bar), (ends[-1], bar))
        for stem in stems:
            self._path((stem, start), (stem, bar))
        for head in heads:
            self._arrow((head, bar), (head, self.y))

    def _path(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        points = f"{start[0]},{start[1]} {end[0]},{end[1]}"
        self.parts.append(f'<polyline points="{points}" fill="none" stroke="#1f2937"/>')

    def _arrow(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        self._path(start, end)
        x, y = end
        level = y == start[1]
        head = f"{x - 7},{y - 4} {x - 7},{y + 4}" if level else f"{x - 4},{y - 7} {x + 4},{y - 7}"
        self.parts.append(f'<polygon points="{x},{y} {head}" fill="#1f2937"/>')


def flow_svg(flow: Flow, cut: Cut) -> str:
    """Draw the flow: wider than A4 only beyond three arms, and as high as its boxes need."""
    drawing = _Diagram(flow)
    drawing.text(flow.title, 17, bold=True)
    form = "" if _form(flow) in flow.title else _form(flow)
    drawing.text(" \u00b7 ".join(filter(None, (cut.study, form, _note(flow)))), _SIZE)
    room = drawing.right - _MARGIN - 2 * _PAD
    if cut.notice:
        drawing.banner("notice", _paragraph(cut.notice, room))
    drawing.y += _GUTTER
    for stage, below in zip_longest(flow.stages, flow.stages[1:]):
        drawing.stage(stage)
        start = drawing.y
        drawing.sides(stage, last=below is None)
        if below is not None:
            drawing.join(stage, below, start)
    if flow.findings:
        found = (line for each in flow.findings for line in _bulleted(legible(each).split(), room))
        drawing.banner("finding", _paragraph("Finding: this flow does not add up", room), found)
    drawing.y += _GUTTER // 2
    drawing.text(_provenance(cut), 10)
    return _svg(drawing, flow, cut)


def _provenance(cut: Cut) -> str:
    fields = (
        ("Registry", cut.registry),
        ("Cut", cut.id or "live"),
        ("Data date", cut.data_date),
        ("Data cut-off", cut.cutoff),
        ("As recorded by", cut.as_of),
        ("Accepted records", str(cut.accepted)),
        ("Definition", cut.definition[:16]),
        ("Content root", cut.content_root[:16]),
    )
    return " \u00b7 ".join(f"{label} {value}" for label, value in fields if value)


def _svg(drawing: _Diagram, flow: Flow, cut: Cut) -> str:
    """Wrap a drawing up; readers that do not see it get the whole flow as its description."""
    width, height = drawing.width, drawing.y + _MARGIN
    told = ". ".join((cut.notice, _form(flow), *(text for _, text in outline(flow))))
    found = "".join(f" Finding: {finding}." for finding in flow.findings)
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    named = 'role="img" aria-labelledby="flow-title flow-description"'
    ink = f'font-family="{_SANS}" font-size="{_SIZE}" fill="#111827"'
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {named} {ink}>',
            f'<title id="flow-title">{escape(legible(f"{cut.study}: {flow.title}"))}</title>',
            f'<desc id="flow-description">{escape(legible(told + "." + found))}</desc>',
            f'<rect class="page" width="{width}" height="{height}" fill="#ffffff"/>',
            *drawing.parts,
            "</svg>\n",
        )
    )
