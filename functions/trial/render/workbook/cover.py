"""The cover: which cut of which study, what a reader must know first, and the contents."""

from collections.abc import Iterable, Iterator, Sequence

from openpyxl.worksheet.worksheet import Worksheet

from trial.render import legible, wrap
from trial.render.workbook.cell_values import DIGIT, Item, numeric
from trial.render.workbook.sheets import DEFINITIONS, METHODS, Entry, banners, set_page
from trial.render.workbook.styles import fill
from trial.tables.grid import Cut, Report

_WIDTHS = (34, 76, 36, 10)
_LOOKS = {"Contradictory": "group"}  # what stands out among the facts
_ABOUT = "Versions, analysis sets, dates, missing values, abbreviations and methods"

_COUNTED = "How every number is counted, in words: sets, visits, missing values, rows, tests"


def write_cover(target: Worksheet, report: Report, entries: Sequence[Entry]) -> None:
    """Fill the cover once every other sheet is written: it counts the records of the listings."""
    set_page(target, _WIDTHS, report.cut)
    fill(target, _WIDTHS, _cover(report, entries))


def _cover(report: Report, entries: Sequence[Entry]) -> Iterator[list[Item]]:
    cut, room = report.cut, sum(_WIDTHS) * DIGIT
    for banner in banners(cut):
        yield from ([Item(line, "banner")] for line in wrap(legible(banner).split(), room / 1.7))
    yield []
    yield [Item(f"{cut.study}: tables, figures and listings", "banner")]
    yield from ([Item(line, "title")] for line in wrap(legible(cut.title).split(), room / 1.3))
    yield [Item(cut.registry, "line")]
    told = wrap(legible(cut.completion.text).split(), room)
    yield from ([Item(line, "strong")] for line in told)
    facts: dict[str, Iterable[tuple[str, str | int]]] = {
        "Data cut": _identity(cut),
        "Analysis sets": report.sets,
        "Discrepancies": _discrepancies(report),
    }
    for head, pairs in facts.items():
        yield []
        yield [Item(head, "head"), Item("", "head")]
        looks = ((_LOOKS.get(label, "label"), label, value) for label, value in pairs)
        yield from ([Item(label, look), Item(value)] for look, label, value in looks)
    yield []
    heads = (("Contents", "head"), ("Title", "head text"), ("Analysis set", "head text"))
    yield [*(Item(*each) for each in heads), Item("Records", "head number")]
    yield [Item(DEFINITIONS, "entry", link=DEFINITIONS), Item(_ABOUT), Item(""), Item("")]
    if report.methods:
        yield [Item(METHODS, "entry", link=METHODS), Item(_COUNTED), Item(""), Item("")]
    for each in entries:
        link = Item(each.label, "entry", link=each.name)
        size = Item("") if each.records is None else numeric(str(each.records))
        yield [link, Item(each.layout.title), Item(each.layout.population), size]


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
    yield from (("Contradictory", each) for each in report.contradictions)
    yield from (("Notable", each) for each in report.notable)
    if not report.findings:
        yield "None", "The records agree with each other, and the flow adds up."
