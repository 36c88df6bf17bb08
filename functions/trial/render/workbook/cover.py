"""The cover: which cut of which study, what a reader must know first, and the contents."""

from collections.abc import Iterable, Iterator, Sequence

from openpyxl.worksheet.worksheet import Worksheet

from trial.render import legible, wrap
from trial.render.workbook.cell_values import DIGIT, CellValue, numeric
from trial.render.workbook.sheets import DEFINITIONS, METHODS, ContentsEntry, banners, set_page
from trial.render.workbook.styles import fill
from trial.tables.grid import Cut, Report

_WIDTHS = (34, 76, 36, 10)
_STYLES = {"Contradictory": "group"}  # of the facts that stand out
_ABOUT = "Versions, analysis sets, dates, missing values, abbreviations and methods"

_COUNTED = "How every number is counted, in words: sets, visits, missing values, rows, tests"


def write_cover(target: Worksheet, report: Report, entries: Sequence[ContentsEntry]) -> None:
    """Fill the cover once every other sheet is written: it counts the records of the listings."""
    set_page(target, _WIDTHS, report.cut)
    fill(target, _WIDTHS, _cover(report, entries))


def _cover(report: Report, entries: Sequence[ContentsEntry]) -> Iterator[list[CellValue]]:
    cut, room = report.cut, sum(_WIDTHS) * DIGIT
    for banner in banners(cut):
        yield from (
            [CellValue(line, "banner")] for line in wrap(legible(banner).split(), room / 1.7)
        )
    yield []
    yield [CellValue(f"{cut.study}: tables, figures and listings", "banner")]
    yield from ([CellValue(line, "title")] for line in wrap(legible(cut.title).split(), room / 1.3))
    yield [CellValue(cut.registry, "line")]
    lines = wrap(legible(cut.completion.text).split(), room)
    yield from ([CellValue(line, "strong")] for line in lines)
    facts: dict[str, Iterable[tuple[str, str | int]]] = {
        "Data cut": _identity(cut),
        "Analysis sets": report.sets,
        "Discrepancies": _discrepancies(report),
    }
    for head, pairs in facts.items():
        yield []
        yield [CellValue(head, "head"), CellValue("", "head")]
        yield from (
            [CellValue(label, _STYLES.get(label, "label")), CellValue(value)]
            for label, value in pairs
        )
    yield []
    heads = (("Contents", "head"), ("Title", "head text"), ("Analysis set", "head text"))
    yield [*(CellValue(*entry) for entry in heads), CellValue("Records", "head number")]
    yield [
        CellValue(DEFINITIONS, "entry", link=DEFINITIONS),
        CellValue(_ABOUT),
        CellValue(""),
        CellValue(""),
    ]
    if report.methods:
        yield [
            CellValue(METHODS, "entry", link=METHODS),
            CellValue(_COUNTED),
            CellValue(""),
            CellValue(""),
        ]
    for entry in entries:
        link = CellValue(entry.label, "entry", link=entry.name)
        size = CellValue("") if entry.records is None else numeric(str(entry.records))
        yield [link, CellValue(entry.layout.title), CellValue(entry.layout.population), size]


def _identity(cut: Cut) -> Iterator[tuple[str, str | int]]:
    yield "Cut", cut.id
    yield "Content root", cut.content_root
    yield "Interim or final", cut.completion.text
    yield "Data date", cut.data_date or "none"
    if cut.cutoff:
        yield "Data cut-off", cut.cutoff
    if cut.as_of:
        yield "As recorded by", cut.as_of
    yield "Accepted revisions", cut.accepted
    yield "Definition", cut.definition
    yield "Contribution version", cut.contribution_version
    yield "Audience", cut.audience
    yield "Dictionaries", ", ".join(cut.dictionaries) or "none"


def _discrepancies(report: Report) -> Iterator[tuple[str, str]]:
    yield from (("Contradictory", text) for text in report.contradictions)
    yield from (("Notable", text) for text in report.notable)
    if not report.discrepancy_texts:
        yield "None", "The records agree with each other, and the flow adds up."
