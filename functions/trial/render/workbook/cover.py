"""The cover: which cut of which study, what a reader must know first, and the contents."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from openpyxl.worksheet.worksheet import Worksheet

from trial.render import legible, wrap
from trial.render.workbook.cell_values import DIGIT, CellValue, numeric
from trial.render.workbook.parts import ListingPart
from trial.render.workbook.sheets import DEFINITIONS, METHODS, ContentsEntry, banners, set_page
from trial.render.workbook.styles import fill
from trial.tables.file_names import MANIFEST, WORKBOOK
from trial.tables.grid import Cut, Report

_WIDTHS = (34, 76, 36, 10)
_STYLES = {"Contradictory": "group"}  # of the facts that stand out
_ABOUT = "Versions, analysis sets, dates, missing values, abbreviations and methods"

_COUNTED = "How every number is counted, in words: sets, visits, missing values, rows, tests"


def write_cover(
    target: Worksheet, report: Report, entries: Sequence[ContentsEntry | ListingPart]
) -> None:
    """Fill the cover once every other sheet is written: it counts the records of the listings.

    `entries` are the sheets, and in their places the listings' parts that have other workbooks.
    """
    set_page(target, _WIDTHS, report.cut)
    fill(target, _WIDTHS, _cover(report, entries))


def write_part_cover(
    target: Worksheet, cut: Cut, part: ListingPart, entries: Sequence[ContentsEntry]
) -> None:
    """Fill the cover of a workbook that has a part of a long listing: where the others are."""
    set_page(target, _WIDTHS, cut)
    fill(target, _WIDTHS, _part_cover(cut, part, entries))


def _part_cover(
    cut: Cut, part: ListingPart, entries: Sequence[ContentsEntry]
) -> Iterator[list[CellValue]]:
    yield from _opening(cut, part.label)
    yield from _section("Data", _data(cut))
    yield []
    yield _contents_head()
    yield from map(_entry, entries)
    yield []
    yield [CellValue("Beside this file", "head"), CellValue("", "head")]
    yield [
        CellValue(WORKBOOK, "entry", file=WORKBOOK),
        CellValue("Cover with the cut, tables, figures, other listings, contents of all, methods"),
    ]
    for number in range(1, part.total + 1):
        name, words = part.file_of(number), f"Part {number} of {part.total}"
        if number == part.number:
            yield [CellValue(name, "label"), CellValue(f"{words}: this file, {part.span}")]
        else:
            yield [CellValue(name, "entry", file=name), CellValue(words)]
    yield [CellValue(MANIFEST, "entry", file=MANIFEST), CellValue("SHA-256 of each of these files")]


def _data(cut: Cut) -> Iterator[tuple[str, str | int]]:
    """Yield of what state of the data this is, without what any event changes."""
    if cut.is_named:
        yield "Cut", cut.id
    yield "Interim or final", cut.completion.text
    yield from _dates(cut)
    yield from _versions(cut)


def _opening(cut: Cut, words: str) -> Iterator[list[CellValue]]:
    room = sum(_WIDTHS) * DIGIT
    for banner in banners(cut):
        yield from (
            [CellValue(line, "banner")] for line in wrap(legible(banner).split(), room / 1.7)
        )
    yield []
    yield [CellValue(f"{cut.study}: {words}", "banner")]
    yield from ([CellValue(line, "title")] for line in wrap(legible(cut.title).split(), room / 1.3))
    yield [CellValue(cut.registry, "line")]
    lines = wrap(legible(cut.completion.text).split(), room)
    yield from ([CellValue(line, "strong")] for line in lines)


def _section(head: str, pairs: Iterable[tuple[str, str | int]]) -> Iterator[list[CellValue]]:
    yield []
    yield [CellValue(head, "head"), CellValue("", "head")]
    for label, value in pairs:
        yield [CellValue(label, _STYLES.get(label, "label")), CellValue(value)]


def _contents_head() -> list[CellValue]:
    heads = (("Contents", "head"), ("Title", "head text"), ("Analysis set", "head text"))
    return [*(CellValue(*entry) for entry in heads), CellValue("Records", "head number")]


def _entry(entry: ContentsEntry | ListingPart) -> list[CellValue]:
    if isinstance(entry, ListingPart):
        link = CellValue(entry.label, "entry", file=entry.file)
        title, population = (
            f"{entry.listing.title}: {entry.span}, in {entry.file}",
            entry.listing.population,
        )
    else:
        link = CellValue(entry.label, "entry", link=entry.name)
        title, population = entry.layout.title, entry.layout.population
    size = CellValue("") if entry.records is None else numeric(str(entry.records))
    return [link, CellValue(title), CellValue(population), size]


def _cover(
    report: Report, entries: Sequence[ContentsEntry | ListingPart]
) -> Iterator[list[CellValue]]:
    cut = report.cut
    yield from _opening(cut, "tables, figures and listings")
    facts: dict[str, Iterable[tuple[str, str | int]]] = {
        "Data cut": _identity(cut),
        "Analysis sets": report.sets,
        "Discrepancies": _discrepancies(report),
    }
    yield from chain.from_iterable(_section(head, pairs) for head, pairs in facts.items())
    yield []
    yield _contents_head()
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
    yield from map(_entry, entries)


def _identity(cut: Cut) -> Iterator[tuple[str, str | int]]:
    yield "Cut", cut.id
    yield "Content root", cut.content_root
    yield "Interim or final", cut.completion.text
    yield from _dates(cut)
    yield "Accepted revisions", cut.accepted
    yield from _versions(cut)


def _dates(cut: Cut) -> Iterator[tuple[str, str | int]]:
    yield "Data date", cut.data_date or "none"
    if cut.cutoff:
        yield "Data cut-off", cut.cutoff
    if cut.as_of:
        yield "As recorded by", cut.as_of


def _versions(cut: Cut) -> Iterator[tuple[str, str | int]]:
    yield "Definition", cut.definition
    yield "Contribution version", cut.contribution_version
    yield "Audience", cut.audience
    yield "Dictionaries", ", ".join(cut.dictionaries) or "none"


def _discrepancies(report: Report) -> Iterator[tuple[str, str]]:
    yield from (("Contradictory", text) for text in report.contradictions)
    yield from (("Notable", text) for text in report.notable)
    if not report.discrepancy_texts:
        yield "None", "The records agree with each other, and the flow adds up."
