"""What all sheets share: the lines above and below, the page, and the way back to the contents."""

from collections.abc import Iterable, Iterator, Sequence

from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from trial.deferred import dataclass
from trial.render import legible, wrap
from trial.render.workbook.cell_values import DIGIT, CellValue
from trial.render.workbook.styles import fill
from trial.tables.bidi import isolated
from trial.tables.grid import Cut

COVER, DEFINITIONS, METHODS = "Cover", "Definitions", "Methods"
_A3, _A4 = 8, 9  # as the format numbers papers
_WIDE = 200  # digits across A4 that can be read
UNBLINDED = "unblinded"
_SHORTEST_LINE = 110  # digits: titles and notes run on beside a narrow table


@dataclass(frozen=True)
class SheetLayout:
    """A sheet laid out but for its body; `heads` are its rows of column heads, one to three."""

    kind: str
    id: str
    title: str
    population: str
    heads: tuple[list[CellValue], ...]
    widths: tuple[int, ...]
    notes: tuple[str, ...]

    @property
    def room(self) -> float:
        """The ems that a line of text over the columns may take."""
        return max(sum(self.widths), _SHORTEST_LINE) * DIGIT


@dataclass(frozen=True)
class ContentsEntry:
    """A line of the contents: a sheet, and how many records it lists."""

    layout: SheetLayout
    name: str
    records: int | None = None
    part: int = 1

    @property
    def label(self) -> str:
        """What the reader looks for: "Listing 16.2.7, part 2"."""
        part = f", part {self.part}" if self.part > 1 else ""
        return f"{self.layout.kind} {self.layout.id}{part}"


def banners(cut: Cut) -> tuple[str, ...]:
    """Return what a reader must know before any number: the notice, and whether it is blinded."""
    blinding = ""
    if cut.blinded:
        blinding = "BLINDED: results are pooled over the arms, and what tells an arm is hidden"
    elif cut.audience == UNBLINDED:
        blinding = "UNBLINDED: results by arm of a blinded study, for those entitled to them alone"
    return tuple(filter(None, (cut.notice, blinding)))


def write_head(target: Worksheet, layout: SheetLayout, cut: Cut, part: Iterable[str] = ()) -> int:
    """Write a sheet down to its column heads, which stay in sight; return their last row.

    `part` are lines that say which rows of a listing these are.
    """
    set_page(target, layout.widths, cut)
    above = ([item] for item in _above(layout, cut, part))
    head = fill(target, layout.widths, [*above, *layout.heads]) - 1
    target.freeze_panes = f"B{head + 1}"
    target.print_title_rows = f"1:{head}"
    return head


def write_sheet(
    target: Worksheet, layout: SheetLayout, body: Iterable[Sequence[CellValue]], cut: Cut
) -> tuple[int, int]:
    """Write a whole sheet; return the numbers of its body's first row, and of its last row."""
    head = write_head(target, layout, cut)
    end = fill(target, layout.widths, body, head + 1)
    return head + 1, write_notes(target, layout, cut, end)


def write_notes(target: Worksheet, layout: SheetLayout, cut: Cut, end: int) -> int:
    """Write the lines under a body that has ended before a row; return the last one's number."""
    notes = ([item] for item in below(layout, cut))
    return fill(target, layout.widths, notes, end + 1) - 1


def _above(layout: SheetLayout, cut: Cut, part: Iterable[str]) -> Iterator[CellValue]:
    for banner in banners(cut):
        for line in wrap(legible(banner).split(), layout.room):
            yield CellValue(line, "strong")
    registry = f" | {cut.registry}" if cut.registry else ""
    yield CellValue(f"Protocol {cut.study}{registry} | Data date {cut.data_date or 'none'}", "line")
    for line in wrap(legible(cut.completion.text).split(), layout.room):
        yield CellValue(line, "strong")
    title = legible(f"{layout.kind} {layout.id} \u2013 {isolated(layout.title)}")
    for line in wrap(title.split(), layout.room * 3 / 4):
        yield CellValue(line, "title")
    yield CellValue(f"Population: {isolated(layout.population)}", "line")
    yield from (CellValue(line, "strong") for line in part if line)
    yield CellValue("Back to contents", "link", link=COVER)


def below(layout: SheetLayout, cut: Cut) -> Iterator[CellValue]:
    """Yield the lines under a sheet's body: its footnotes, and its source."""
    for note in (*layout.notes, _source(cut)):
        for line in wrap(legible(note).split(), layout.room):
            yield CellValue(line, "note")


def _source(cut: Cut) -> str:
    words = f"Source: definition {cut.definition[:16]}, contribution {cut.contribution_version}"
    dictionaries = "".join(f"; {dictionary}" for dictionary in cut.dictionaries)
    limits = f"; data cut-off {cut.cutoff}" if cut.cutoff else ""
    limits += f"; as recorded by {cut.as_of}" if cut.as_of else ""
    named = f"; cut {cut.id}" if cut.is_named else ""
    return f"{words}{named}; data date {cut.data_date or 'none'}{limits}{dictionaries}"


def set_page(target: Worksheet, widths: Sequence[int], cut: Cut) -> None:
    """Set widths and page: landscape, as wide as the sheet, with the cut and "Page x of y".

    What would be too small to read on A4 is laid out for A3.
    """
    for number, width in enumerate(widths, 1):
        target.column_dimensions[get_column_letter(number)].width = width
    target.sheet_view.showGridLines = False
    target.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    target.page_setup.orientation = "landscape"
    target.page_setup.paperSize = _A3 if sum(widths) > _WIDE else _A4
    target.page_setup.fitToWidth, target.page_setup.fitToHeight = 1, 0
    margins = target.page_margins
    margins.left = margins.right = 0.4
    margins.top, margins.bottom, margins.footer = 0.5, 0.75, 0.4
    footer = target.oddFooter
    assert footer is not None
    title = f"{cut.study} | {cut.completion.state.lower()}"
    title += f" | cut {cut.id[:16]}" if cut.is_named else ""
    footer.left.text = legible(title)[:100].replace("&", "&&")
    footer.right.text = "Page &P of &N"
    footer.left.size = footer.right.size = 8
