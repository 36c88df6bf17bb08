"""Where everything in the diagram goes: from the top down, the arms side by side.

It is laid out with a width model of common sans-serif faces, wide enough for the widest of them, so
that text stays inside its box wherever the file is opened.
"""

from collections.abc import Iterable, Iterator
from itertools import zip_longest

from trial.deferred import dataclass
from trial.render import legible, wrap
from trial.render.consort import alt_text, drawing
from trial.render.consort.drawing import PAD, SIZE, Line, Panel
from trial.render.markup import Html
from trial.tables.bidi import isolated
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
_BOLD = SIZE * 1.05  # a bold letter is wider
_BULLET = 10


def _paragraph(text: str, width: float) -> list[Line]:
    lines = wrap(legible(text).split(), width / _BOLD)
    return [Line(line, bold=True) for line in lines]


def _bulleted(lines: Iterable[str]) -> Iterator[Line]:
    for number, text in enumerate(lines):
        if number == 0:
            yield Line(f"\u2022 {text}")
        else:
            yield Line(text, indent=_BULLET)


def _lines_with_count(label: str, count: str, width: float) -> Iterator[str]:
    """Break a label and its count into lines; whatever its writing, the count stays as it is."""
    for line in wrap([*legible(label).split(), count], width):
        before = line.removesuffix(count)
        if before == line:
            yield isolated(line)
        else:
            yield f"{isolated(before.rstrip())} {count}".lstrip()


def _box_lines(box: Box, width: int, lane: str = "") -> tuple[Line, ...]:
    room = width - 2 * PAD
    name = box.label if lane and box.arm == lane else alt_text.name(box)
    head = _lines_with_count(name, f"({alt_text.count_text(box)})", room / _BOLD)
    reasons = [
        line
        for label, n in box.reasons
        for line in _bulleted(_lines_with_count(label, f"(n = {n})", (room - _BULLET) / SIZE))
    ]
    return (*(Line(text, bold=True) for text in head), *reasons)


def _side_boxes_by_lane(stage: Stage) -> list[tuple[str, list[Box]]]:
    """Return the side boxes of each lane of a stage, with the arm that the lane is of.

    They go by arm or, where a box of the stage names no arm, in turn. The side boxes of an arm that
    has no box stand in the last lane.
    """
    lanes = [box.arm for box in stage.boxes] or [""]
    if not all(lanes):
        return [
            ("", list(stage.visible_side[number :: len(lanes)])) for number in range(len(lanes))
        ]
    by_arm = {arm: [box for box in stage.visible_side if box.arm == arm] for arm in lanes}
    by_arm[lanes[-1]] += [box for box in stage.visible_side if box.arm not in by_arm]
    return list(by_arm.items())


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
        self.lanes = max((len(stage.boxes) for stage in flow.stages), default=1) or 1
        lanes_width = self.lanes * (_LANE + _GUTTER) - _GUTTER
        self.width = max(_A4, _LEFT + lanes_width + _MARGIN)
        self.right = self.width - _MARGIN
        self.y = _MARGIN
        self.parts: list[Html] = []

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
            self.parts.append(drawing.text((_MARGIN, self.y), Line(line, bold=bold), size))

    def panel(self, panel: Panel, height: int = 0) -> int:
        """Draw a panel at least so high, and return its height."""
        height = max(height, panel.height)
        self.parts += drawing.draw_panel(panel, height)
        return height

    def banner(self, kind: str, *paragraphs: Iterable[Line]) -> None:
        """Put a panel across the page."""
        lines = tuple(line for paragraph in paragraphs for line in paragraph)
        self.y += _GUTTER
        self.y += self.panel(Panel(kind, _MARGIN, self.y, self.right - _MARGIN, lines))

    def stage(self, stage: Stage) -> None:
        """Draw a stage's name and its boxes, equally high, and move below them."""
        slots = self.slots(len(stage.boxes))
        tab = tuple(_paragraph(stage.label, _TAB - 2 * PAD))
        panels = [Panel("stage", _MARGIN, self.y, _TAB, tab)]
        panels += [
            Panel("box", slot.x, self.y, slot.width, _box_lines(box, slot.width))
            for slot, box in zip(slots, stage.boxes, strict=True)
        ]
        height = max(panel.height for panel in panels)
        for panel in panels:
            self.panel(panel, height)
        self.y += height

    def sides(self, stage: Stage, *, last: bool) -> None:
        """Draw the side boxes of a stage, each beside the arrow of its arm, and move below them."""
        slots = self.slots(len(stage.boxes) or 1)
        lowest = self.y
        for slot, (lane, boxes) in zip(slots, _side_boxes_by_lane(stage), strict=True):
            y = self.y
            for box in boxes:
                y += _GUTTER
                width = slot.right - slot.side
                panel = Panel("side", slot.side, y, width, _box_lines(box, width, lane))
                middle = y + self.panel(panel) // 2
                self.parts += drawing.arrow((slot.stem, middle), (slot.side, middle))
                if last:  # no arrow to a next stage passes here
                    self.parts.append(drawing.path((slot.stem, self.y), (slot.stem, middle)))
                y += panel.height
            lowest = max(lowest, y)
        self.y = lowest

    def join(self, above: Stage, below: Stage, start: int) -> None:
        """Lead from each box to the one under it, or over a bar where their numbers differ.

        Nothing leads to a stage that stands apart.
        """
        stems = [slot.stem for slot in self.slots(len(above.boxes))]
        heads = [slot.x + slot.width // 2 for slot in self.slots(len(below.boxes))]
        self.y += 2 * _GUTTER
        if below.apart:
            return
        if len(stems) == len(heads):
            for stem in stems:
                self.parts += drawing.arrow((stem, start), (stem, self.y))
            return
        bar = self.y - _GUTTER - _GUTTER // 2
        ends = sorted((*stems, *heads))
        self.parts.append(drawing.path((ends[0], bar), (ends[-1], bar)))
        self.parts += [drawing.path((stem, start), (stem, bar)) for stem in stems]
        for head in heads:
            self.parts += drawing.arrow((head, bar), (head, self.y))


def flow_svg(flow: Flow, cut: Cut) -> Html:
    """Draw the flow: wider than A4 only beyond three arms, and as high as its boxes need."""
    diagram = _Diagram(flow)
    diagram.text(flow.title, 17, bold=True)
    form = "" if alt_text.form(flow) in flow.title else alt_text.form(flow)
    diagram.text(" \u00b7 ".join(filter(None, (cut.study, form, alt_text.note(flow)))), SIZE)
    diagram.text(cut.completion.text, SIZE, bold=True)
    room = diagram.right - _MARGIN - 2 * PAD
    if cut.notice:
        diagram.banner("notice", _paragraph(cut.notice, room))
    diagram.y += _GUTTER
    for stage, below in zip_longest(flow.stages, flow.stages[1:]):
        diagram.stage(stage)
        start = diagram.y
        diagram.sides(stage, last=below is None)
        if below is not None:
            diagram.join(stage, below, start)
    if flow.discrepancies:
        width = (room - _BULLET) / SIZE
        lines = (
            line
            for discrepancy in flow.discrepancies
            for line in _bulleted(map(isolated, wrap(legible(discrepancy).split(), width)))
        )
        diagram.banner(
            "discrepancy", _paragraph("Discrepancy: this flow does not add up", room), lines
        )
    diagram.y += _GUTTER // 2
    diagram.text(_provenance(cut), 10)
    title, description = f"{cut.study}: {flow.title}", _description(flow, cut)
    return drawing.page(diagram.width, diagram.y + _MARGIN, title, description, diagram.parts)


def _description(flow: Flow, cut: Cut) -> str:
    """Return the whole flow in words, for readers that do not see the diagram."""
    notice = cut.notice.rstrip(". ")
    sentences = ". ".join(
        (
            notice,
            cut.completion.text,
            alt_text.form(flow),
            *(text for _, text in alt_text.outline(flow)),
        )
    )
    return sentences + "." + "".join(f" Discrepancy: {text}." for text in flow.discrepancies)


def _provenance(cut: Cut) -> str:
    fields = (
        ("Registry", cut.registry),
        ("Cut", cut.id or "live"),
        ("Data date", cut.data_date),
        ("Data cut-off", cut.cutoff),
        ("As recorded by", cut.as_of),
        ("Accepted revisions", str(cut.accepted)),
        ("Definition", cut.definition[:16]),
        ("Content root", cut.content_root[:16]),
    )
    return " \u00b7 ".join(f"{label} {value}" for label, value in fields if value)
