"""The workbook: a cover with the contents, then a sheet for each table and each listing.

Every text is stored as text, whatever it begins with; numbers are numbers that show the report's
own digits. No cell is merged, nothing is computed, and the bytes follow from the report alone.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from io import BytesIO
from itertools import chain, islice, pairwise
from math import ceil
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from openpyxl import Workbook
from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.packaging.extended import ExtendedProperties
from openpyxl.styles import Alignment, Border, Font, NamedStyle, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.hyperlink import Hyperlink
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet
from openpyxl.xml.functions import tostring

from trial.render import ems, legible, wrap
from trial.tables.grid import Cell as Results
from trial.tables.grid import Column, Cut, Grid, Listing, Report, Row, Value

LONGEST_TEXT = 32_767  # UTF-16 units a cell holds
_CUT_MARK = " [cut: the text is longer than a cell]"
_ENCODED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")  # a spreadsheet would read a character code here
_FORMULA_LIKE = ("=", "+", "-", "@", "\t")
_ILLEGAL_IN_NAME = re.compile(r"[\[\]:*?/\\]")
_LONGEST_NAME = 31
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*|[1-9]\d{0,2}(,\d{3})+)(?:\.(\d+))?", re.ASCII)
_EXACT_DIGITS = 15  # a spreadsheet's numbers hold no more
_FIRST_STAMP = (1980, 1, 1, 0, 0, 0)  # the earliest a zip member can carry
_MAKER = "LiveTLF"


@dataclass(frozen=True)
class _Item:
    """What one cell shows: `style` names a look, `number` the format of a number."""

    value: str | int | Decimal
    style: str = "text"
    number: str = ""
    indent: int = 0
    link: str = ""


@dataclass(frozen=True)
class _Sheet:
    """A table or listing laid out; `heads` are its one or two rows of column heads."""

    kind: str
    id: str
    name: str
    title: str
    population: str
    heads: tuple[list[_Item], ...]
    body: Iterable[list[_Item]]
    size: int
    widths: tuple[int, ...]
    notes: tuple[str, ...]


def workbook(report: Report) -> Iterator[bytes]:
    """Make the workbook: the same report, the same bytes."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for style in _styles():
        book.add_named_style(style)
    layouts = [*map(_table, report.grids), *map(_listing, report.listings)]
    names = _sheet_names(sheet.id for sheet in layouts)
    sheets = [replace(sheet, name=name) for sheet, name in zip(layouts, names, strict=True)]
    cut = report.cut
    _write_cover(book, report, sheets)
    for sheet in sheets:
        _write_sheet(book, sheet, cut)
    properties = book.properties
    properties.creator = _MAKER
    properties.title = legible(f"{cut.study}: {cut.title}")
    properties.description = legible(f"Cut {cut.id}")
    yield _archive(book, cut)


def _archive(book: Workbook, cut: Cut) -> bytes:
    """Save and pack again: openpyxl stamps the members, and the properties, with the clock."""
    saved, packed = BytesIO(), BytesIO()
    book.save(saved)
    book.properties.created = book.properties.modified = _stamp(cut)
    maker = ExtendedProperties()
    maker.Application = _MAKER
    changed = {
        "docProps/core.xml": tostring(book.properties.to_tree()),
        "docProps/app.xml": tostring(maker.to_tree()),
    }
    with ZipFile(saved) as source, ZipFile(packed, "w", ZIP_DEFLATED, compresslevel=6) as target:
        for name in sorted(source.namelist()):
            member = ZipInfo(name, _FIRST_STAMP)
            member.create_system, member.external_attr = 3, 0o644 << 16
            member.compress_type = ZIP_DEFLATED
            target.writestr(member, changed.get(name) or source.read(name))
    return packed.getvalue()


def _stamp(cut: Cut) -> datetime:
    with suppress(ValueError):
        return datetime.fromisoformat(cut.data_date).replace(tzinfo=None)
    return datetime(*_FIRST_STAMP)  # noqa: DTZ001 - document properties carry no zone


# How it looks: one face, black on white, a grey head between two rules.

_EDGE = Side(style="thin", color="7F7F7F")
_HAIR = Side(style="hair", color="A6A6A6")
_GREY = PatternFill("solid", fgColor="E7E9ED")
_PLAIN, _BOLD = Font("Arial", 10), Font("Arial", 10, bold=True)
_OVER = Alignment(vertical="center")  # runs on over the empty cells beside it
_LABEL = Alignment(horizontal="left", vertical="top", wrap_text=True)
_INSET = Alignment(horizontal="left", vertical="top", wrap_text=True, indent=1)
_RIGHT = Alignment(horizontal="right", vertical="top", wrap_text=True)
_HEAD_LEFT = Alignment(horizontal="left", vertical="bottom", wrap_text=True)
_HEAD_INSET = Alignment(horizontal="left", vertical="bottom", wrap_text=True, indent=1)
_HEAD_RIGHT = Alignment(horizontal="right", vertical="bottom", wrap_text=True)
_ACROSS = Alignment(horizontal="centerContinuous", vertical="bottom")
_HEIGHTS = {"banner": 26.0, "title": 19.0}  # of the rows that begin with such a style
_RUNNING = {"line", "strong", "note", "title", "banner", "link", "band"}  # unwrapped
_LINE_HEIGHT, _LINE_GAP, _HIGHEST = 12.75, 2.25, 409.0
_DIGIT = 0.58  # ems, as `ems` estimates them: the width of columns is counted in digits
_ROOM = 0.6  # ems of text a digit's width holds: the estimate is generous


def _styles() -> Iterator[NamedStyle]:
    under, over, hair = Border(bottom=_EDGE), Border(top=_EDGE), Border(bottom=_HAIR)
    link = Font("Arial", 10, underline="single", color="1F4E9E")
    for name, font in (
        ("line", _PLAIN),
        ("strong", _BOLD),
        ("note", Font("Arial", 9)),
        ("title", Font("Arial", 12, bold=True)),
        ("banner", Font("Arial", 16, bold=True)),
        ("link", link),
    ):
        yield NamedStyle(f"TLF {name}", font=font, alignment=_OVER)
    for name, border, alignment in (
        ("head", under, _HEAD_LEFT),
        ("head text", under, _HEAD_INSET),
        ("head number", under, _HEAD_RIGHT),
        ("band", over, _ACROSS),
        ("band alone", over, _HEAD_RIGHT),
    ):
        yield NamedStyle(f"TLF {name}", _BOLD, _GREY, border, alignment)
    for name, font, alignment in (
        ("label", _PLAIN, _LABEL),
        ("group", _BOLD, _LABEL),
        ("entry", link, _LABEL),
        ("text", _PLAIN, _INSET),
        ("number", _PLAIN, _RIGHT),
    ):
        yield NamedStyle(f"TLF {name}", font=font, border=hair, alignment=alignment)


def _fill(target: Worksheet, widths: Sequence[int], rows: Iterable[Sequence[_Item]]) -> None:
    """Write the rows, each as high as its texts need: not every program fits heights itself."""
    for number, row in enumerate(rows, 1):
        lines = 1
        for column, item in enumerate(row, 1):
            _write(target.cell(number, column), item)
            if item.style not in _RUNNING and isinstance(item.value, str):
                lines = max(lines, _line_count(item.value, widths[column - 1] - 2 * item.indent))
        if row and row[0].style in _HEIGHTS:
            target.row_dimensions[number].height = _HEIGHTS[row[0].style]
        elif lines > 1:
            height = lines * _LINE_HEIGHT + _LINE_GAP
            target.row_dimensions[number].height = min(height, _HIGHEST)


@lru_cache(maxsize=4096)
def _line_count(text: str, width: int) -> int:
    room = (width - 0.5) * _ROOM
    return sum(len(wrap(line.split(), room)) or 1 for line in legible(text).split("\n"))


@lru_cache(maxsize=4096)
def _digits(text: str) -> int:
    """Say how wide a column must be to hold the longest line of the text."""
    return max(ceil(ems(line) / _DIGIT) for line in text.split("\n")) + 2


def _write(cell: Cell | MergedCell, item: _Item) -> None:
    if not isinstance(item.value, str):
        cell.value = item.value
    elif item.value:
        cell.value = _storable(item.value)
        cell.data_type = "s"  # openpyxl would make a formula of "=", an error of "#N/A"
    cell.style = f"TLF {item.style}"
    if item.number:
        cell.number_format = item.number
    if item.indent:
        cell.alignment = Alignment("left", "top", wrap_text=True, indent=item.indent)
    if item.link:
        target = item.link.replace("'", "''")
        cell.hyperlink = Hyperlink(ref=cell.coordinate, location=f"'{target}'!A1")
    if isinstance(item.value, str) and item.value.startswith(_FORMULA_LIKE):
        cell.quotePrefix = True  # it stays text even when somebody edits the cell


def _storable(text: str) -> str:
    text = _ENCODED.sub("_x005F_", legible(text))
    if len(text) * 2 > LONGEST_TEXT:
        units = text.encode("utf-16-le")
        if len(units) > 2 * LONGEST_TEXT:
            kept = units[: 2 * (LONGEST_TEXT - len(_CUT_MARK))]
            return kept.decode("utf-16-le", "ignore") + _CUT_MARK
    return text


def _numeric(text: str) -> _Item:
    """Make a number of a text that is one, in the format that shows the same digits."""
    found = _NUMBER.fullmatch(text)
    plain = text.replace(",", "")
    if found is None or sum(map(str.isdigit, plain)) > _EXACT_DIGITS:
        return _Item(text, "number")
    value = Decimal(plain)
    if not value and text.startswith("-"):
        return _Item(text, "number")  # a format would drop the sign
    whole, places = "#,##0" if found[1] else "0", len(found[2] or "")
    shape = f"{whole}.{'0' * places}" if places else whole
    return _Item(value if places else int(plain), "number", shape)


def _sheet_names(wanted: Iterable[str]) -> Iterator[str]:
    """Make names a workbook accepts, each once, whatever the identifiers are."""
    taken = {"cover", "history"}  # the second is reserved by the format
    for each in wanted:
        base = _ILLEGAL_IN_NAME.sub("-", legible(each)).replace("\n", " ").strip("' ") or "Sheet"
        name, number = base[:_LONGEST_NAME], 1
        while name.casefold() in taken:
            number += 1
            name = f"{base[: _LONGEST_NAME - 6]} ({number})"
        taken.add(name.casefold())
        yield name


_SHORTEST_LINE = 110  # digits: titles and notes run on beside a narrow table


def _write_sheet(book: Workbook, sheet: _Sheet, cut: Cut) -> None:
    target = book.create_sheet(sheet.name)
    _set_page(target, sheet.widths, cut)
    room = max(sum(sheet.widths), _SHORTEST_LINE) * _DIGIT
    above = [[item] for item in _above(sheet, cut, room)]
    notes = (*sheet.notes, _source(cut))
    below = ([_Item(line, "note")] for note in notes for line in wrap(legible(note).split(), room))
    _fill(target, sheet.widths, chain(above, sheet.heads, sheet.body, [[]], below))
    head = len(above) + len(sheet.heads)
    target.freeze_panes = f"B{head + 1}"
    target.print_title_rows = f"1:{head}"
    if sheet.kind == "Listing":
        last = f"{get_column_letter(len(sheet.widths))}{head + sheet.size}"
        target.auto_filter.ref = f"A{head}:{last}"


def _above(sheet: _Sheet, cut: Cut, room: float) -> Iterator[_Item]:
    for line in wrap(legible(cut.notice).split(), room):
        yield _Item(line, "strong")
    registry = f" | {cut.registry}" if cut.registry else ""
    yield _Item(f"Protocol {cut.study}{registry} | Data date {cut.data_date or 'none'}", "line")
    title = legible(f"{sheet.kind} {sheet.id} \u2013 {sheet.title}")
    for line in wrap(title.split(), room * 3 / 4):
        yield _Item(line, "title")
    yield _Item(f"Population: {sheet.population}", "line")
    yield _Item("Back to contents", "link", link="Cover")


def _set_page(target: Worksheet, widths: Sequence[int], cut: Cut) -> None:
    for number, width in enumerate(widths, 1):
        target.column_dimensions[get_column_letter(number)].width = width
    target.sheet_view.showGridLines = False
    target.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    target.page_setup.orientation = "landscape"
    target.page_setup.paperSize = 9  # A4
    target.page_setup.fitToWidth, target.page_setup.fitToHeight = 1, 0
    margins = target.page_margins
    margins.left = margins.right = 0.4
    margins.top, margins.bottom, margins.footer = 0.5, 0.75, 0.4
    footer = target.oddFooter
    assert footer is not None
    footer.left.text = legible(f"{cut.study} | cut {cut.id[:16]}")[:100].replace("&", "&&")
    footer.right.text = "Page &P of &N"
    footer.left.size = footer.right.size = 8


def _source(cut: Cut) -> str:
    words = f"Source: definition {cut.definition[:16]}, contribution {cut.contribution_version}"
    dictionaries = "".join(f"; {each}" for each in cut.dictionaries)
    asked = f"; data cut-off {cut.cutoff}" if cut.cutoff else ""
    asked += f"; as recorded by {cut.as_of}" if cut.as_of else ""
    return f"{words}; cut {cut.id}; data date {cut.data_date or 'none'}{asked}{dictionaries}"


_COVER_WIDTHS = (34, 76, 36, 10)


def _write_cover(book: Workbook, report: Report, sheets: Sequence[_Sheet]) -> None:
    target = book.create_sheet("Cover")
    _set_page(target, _COVER_WIDTHS, report.cut)
    _fill(target, _COVER_WIDTHS, _cover(report, sheets))


def _cover(report: Report, sheets: Sequence[_Sheet]) -> Iterator[list[_Item]]:
    cut, room = report.cut, sum(_COVER_WIDTHS) * _DIGIT
    yield from ([_Item(line, "banner")] for line in wrap(legible(cut.notice).split(), room / 1.7))
    yield []
    yield [_Item(f"{cut.study}: tables and listings", "banner")]
    yield from ([_Item(line, "title")] for line in wrap(legible(cut.title).split(), room / 1.3))
    yield [_Item(cut.registry, "line")]
    facts: dict[str, Iterable[tuple[str, str | int]]] = {
        "Data cut": _identity(cut),
        "Analysis sets": _population_sizes(report.grids),
        "Findings": _findings(report),
    }
    for head, pairs in facts.items():
        yield []
        yield [_Item(head, "head"), _Item("", "head")]
        yield from ([_Item(label, "label"), _Item(value)] for label, value in pairs)
    yield []
    heads = (("Contents", "head"), ("Title", "head text"), ("Analysis set", "head text"))
    yield [*(_Item(*each) for each in heads), _Item("Records", "head number")]
    for sheet in sheets:
        link = _Item(f"{sheet.kind} {sheet.id}", "entry", link=sheet.name)
        size = _numeric(str(sheet.size)) if sheet.kind == "Listing" else _Item("")
        yield [link, _Item(sheet.title), _Item(sheet.population), size]


def _identity(cut: Cut) -> Iterator[tuple[str, str | int]]:
    yield "Cut", cut.id
    yield "Content root", cut.content_root
    yield "Data date", cut.data_date or "none"
    if cut.cutoff:
        yield "Data cut-off", cut.cutoff
    if cut.as_of:
        yield "As recorded by", cut.as_of
    yield "Accepted records", cut.accepted
    yield "Definition", cut.definition
    yield "Contribution version", cut.contribution_version
    yield "Audience", cut.audience
    yield "Dictionaries", ", ".join(cut.dictionaries) or "none"


def _population_sizes(grids: Iterable[Grid]) -> list[tuple[str, int]]:
    """Give each analysis set's size: its largest denominator, which is that of all its subjects."""
    sizes: dict[str, int] = {}
    for grid in grids:
        largest = max((column.n or 0 for column in grid.columns), default=0)
        sizes[grid.population] = max(largest, sizes.get(grid.population, 0))
    return list(sizes.items())


def _findings(report: Report) -> Iterator[tuple[str, str]]:
    findings = dict.fromkeys((*report.flow.findings, *report.findings))
    for number, each in enumerate(findings, 1):
        yield f"Finding {number}", each
    if not findings:
        yield "None", "The records agree with each other, and the flow adds up."


# Tables: counts take one line, every other statistic a line of its own.

_DESCRIBED = {"mean", "sd", "median", "min", "max"}
_COUNTED = {"n": "value", "percent": "%", "events": "Events"}
_SUBCOLUMNS = ("value", "N", "%", "95% CI", "Events")
_NAMES = {
    "observed": "Observed",
    "imputed": "Imputed",
    "not_due": "Not yet due",
    "mean": "Mean",
    "sd": "SD",
    "median": "Median",
    "min": "Minimum",
    "max": "Maximum",
    "p": "P value",
    "p (nominal)": "P value (nominal)",
    "difference": "Difference",
    "both": "Both",
    "first": "First only",
    "second": "Second only",
    "neither": "Neither",
    "percent": "%",
    "events": "Events",
}
_LABEL_WIDTHS = range(24, 60)
_WIDEST_BAND = 44
type _Line = dict[tuple[str, str], str]  # (column, sub-column) -> text


def _lines(row: Row, columns: dict[str, Column]) -> dict[str, _Line]:
    lines: dict[str, _Line] = {}
    for cell in row.cells:
        for line, place, text in _placed(cell, columns[cell.column]):
            lines.setdefault(line, {})[cell.column, place] = text
    return lines


def _placed(cell: Results, column: Column) -> Iterator[tuple[str, str, str]]:
    """Say on which line and in which sub-column each statistic of a cell stands."""
    known = {each.name: each.text for each in cell.statistics}
    described = not _DESCRIBED.isdisjoint(known)
    for each in cell.statistics:
        if each.name in _COUNTED and not described:
            yield "count", _COUNTED[each.name], each.text
        elif each.name == "N":
            if each.raw != column.n:
                yield ("N" if described else "count"), "N", each.text
        elif each.name not in {"ci_low", "ci_high"}:
            name = f"{each.name} (nominal)" if each.nominal else each.name
            yield name, "value", each.text
    if "ci_low" in known and "ci_high" in known:
        bearer = next((name for name in ("difference", "mean") if name in known), "count")
        yield bearer, "95% CI", f"{known['ci_low']}, {known['ci_high']}"


def _table(grid: Grid) -> _Sheet:
    """Lay a table out: each of its columns takes as many sub-columns as its statistics need."""
    columns = {column.id: column for column in grid.columns}
    rows = [(row, _lines(row, columns)) for row in grid.rows]
    lines = [(name, line) for _, each in rows for name, line in each.items()]
    used = {place for _, line in lines for place in line}
    places = [
        (each, sub)
        for each in columns
        for sub in [sub for sub in _SUBCOLUMNS if (each, sub) in used] or ["value"]
    ]
    named = any(name != "count" for name, _ in lines)
    valued = {each for name, line in lines if name != "count" for each, _ in line}
    heads = [_Item("Category", "head"), *([_Item("Statistic", "head text")] if named else [])]
    bands = [_Item("", "band") for _ in heads]
    for number, (each, sub) in enumerate(places):
        alone = sum(column == each for column, _ in places) == 1
        first = not number or places[number - 1][0] != each
        band = f"{columns[each].label}{'\n' if alone else ' '}{columns[each].size}".rstrip()
        bands.append(_Item(band if first else "", "band alone" if alone else "band"))
        value = "Value" if each in valued else "n"
        heads.append(_Item(value if sub == "value" else sub, "head number"))
    body = [items for row, each in rows for items in _table_rows(row, each, places, named=named)]
    methods = "; ".join(dict.fromkeys(c.method for r in grid.rows for c in r.cells if c.method))
    notes = (*grid.footnotes, f"Methods: {methods}.") if methods else grid.footnotes
    return _Sheet(
        "Table", grid.id, "", grid.title, grid.population, (bands, heads), body, len(body),
        _table_widths([heads, *body], bands), notes,
    )  # fmt: skip


def _table_rows(
    row: Row, lines: dict[str, _Line], places: Sequence[tuple[str, str]], *, named: bool
) -> Iterator[list[_Item]]:
    """Give a row's lines: its label stands on the first of them."""
    label = _Item(row.label, "label" if lines else "group", indent=2 * row.level)
    for name, line in (lines or {"": {}}).items():
        counted = "n (%)" if any(sub == "%" for _, sub in line) else "n"
        statistic = counted if name == "count" else _NAMES.get(name, name)
        texts = [(sub, line.get((column, sub), "")) for column, sub in places]
        values = [_numeric(text.strip("()%") if sub == "%" else text) for sub, text in texts]
        yield [label, *([_Item(statistic)] if named else []), *values]
        label = _Item("", "label")


def _table_widths(rows: Sequence[list[_Item]], bands: Sequence[_Item]) -> tuple[int, ...]:
    """Fit the columns to their texts, and the sub-columns of a column to its head."""
    widths = [
        max(_digits(str(item.value)) + 2 * item.indent for item in column) + 1
        for column in zip(*rows, strict=True)
    ]
    widths[0] = min(max(widths[0], _LABEL_WIDTHS.start), _LABEL_WIDTHS.stop)
    starts = [n for n, band in enumerate(bands) if band.value]
    for start, end in pairwise((*starts, len(widths))):
        label, _, size = str(bands[start].value).rpartition("\n")  # only a wrapped head has two
        wanted = max(map(_digits, (size, *label.split()))) + 1
        missing = max(0, min(wanted, _WIDEST_BAND) - sum(widths[start:end]))
        for n in range(start, end):
            widths[n] += ceil(missing / (end - start))
    return tuple(widths)


# Listings: one record a row.

_SAMPLE = 2_000  # rows that decide a listing's column widths
_PAGE_WIDTH = 190  # digits across a landscape page at a readable scale
_WIDEST, _LONGEST_WORD = 48, 22
_PHRASES = range(12, 20)  # a text of several words gets so much at least
_BREAKS = re.compile(r"\s+|(?<=[-/])")
_FILTER = 1  # a head's filter button takes room


def _listing(listing: Listing) -> _Sheet:
    heads = [
        _Item(each.label, "head number" if each.kind == "number" else "head text")
        for each in listing.columns
    ]
    heads[:1] = [replace(head, style="head") for head in heads[:1]]
    kinds = [each.kind for each in listing.columns]
    rows = tuple(listing.rows)
    body = (_record(row, kinds) for row in rows) if rows else [[_NOTHING]]
    return _Sheet(
        "Listing", listing.id, "", listing.title, listing.population, (heads,), body,
        len(rows), _listing_widths(listing), listing.footnotes,
    )  # fmt: skip


_NOTHING = _Item("No records", "line")


def _record(row: Sequence[Value], kinds: Sequence[str]) -> list[_Item]:
    items = [_listed(value, kind) for value, kind in zip(row, kinds, strict=True)]
    if items and items[0].style == "text":
        items[0] = replace(items[0], style="label")
    return items


def _listed(value: Value, kind: str) -> _Item:
    if value is None:
        return _Item("")
    if isinstance(value, str):
        return _numeric(value) if kind == "number" else _Item(value)
    return _numeric(f"{value:f}" if isinstance(value, Decimal) else str(value))


def _listing_widths(listing: Listing) -> tuple[int, ...]:
    """Fit the columns to their texts; where a page is too narrow, the roomiest give way."""
    wishes, needs = [], []
    phrase = min(max(_PAGE_WIDTH // max(len(listing.columns), 1), _PHRASES.start), _PHRASES.stop)
    for number, column in enumerate(listing.columns):
        texts = {str(row[number]) for row in islice(listing.rows, _SAMPLE)} - {"None"}
        words = _BREAKS.split(column.label)
        head = max(map(_digits, words)) + _FILTER
        word = max((_digits(word) for text in texts for word in text.split()), default=0)
        natural = max(map(_digits, (*texts, column.label[: len(column.label) // 2])))
        needs.append(max(head, min(word, _LONGEST_WORD), min(natural, phrase)))
        wishes.append(max(needs[-1], min(natural, _WIDEST)))
    spare = max(sum(wishes) - sum(needs), 1)
    excess = min(max(sum(wishes) - _PAGE_WIDTH, 0), spare)
    shrunk = zip(wishes, needs, strict=True)
    return tuple(wish - (wish - need) * excess // spare for wish, need in shrunk)
