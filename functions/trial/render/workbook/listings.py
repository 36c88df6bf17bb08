"""Listings laid out: their heads, and widths that fit what they hold."""

import re
from collections.abc import Sequence

from trial.render.workbook.cell_values import CellValue, digits
from trial.render.workbook.sheets import SheetLayout
from trial.tables.grid import Listing, ListingColumn, Value

SAMPLE = 2_000  # rows that decide a listing's column widths
_PAGE_WIDTH = 190  # digits across a landscape page at a readable scale
_WIDEST, _LONGEST_WORD = 48, 22
_PHRASES = range(12, 20)  # a text of several words gets so much at least
_BREAKS = re.compile(r"\s+|(?<=[-/])")
_FILTER = 1  # a head's filter button takes room


def lay_out(listing: Listing, widths: tuple[int, ...]) -> SheetLayout:
    """Lay a listing out in columns of these widths."""
    heads = [
        CellValue(column.label, "head number" if column.kind == "number" else "head text")
        for column in listing.columns
    ]
    heads[:1] = [head._replace(style="head") for head in heads[:1]]
    return SheetLayout(
        "Listing", listing.id, listing.title, listing.population, (heads,), widths,
        listing.footnotes,
    )  # fmt: skip


def fitting_widths(
    columns: Sequence[ListingColumn], sample: Sequence[Sequence[Value]]
) -> tuple[int, ...]:
    """Fit the columns to their texts; where a page is too narrow, the roomiest give way."""
    wishes, needs = [], []
    phrase = min(max(_PAGE_WIDTH // max(len(columns), 1), _PHRASES.start), _PHRASES.stop)
    for number, column in enumerate(columns):
        texts = {str(row[number]) for row in sample} - {"None"}
        words = _BREAKS.split(column.label)
        head = max(map(digits, words)) + _FILTER
        word = max((digits(word) for text in texts for word in text.split()), default=0)
        natural = max(map(digits, (*texts, column.label[: len(column.label) // 2])))
        needs.append(max(head, min(word, _LONGEST_WORD), min(natural, phrase)))
        wishes.append(max(needs[-1], min(natural, _WIDEST)))
    spare = max(sum(wishes) - sum(needs), 1)
    excess = min(max(sum(wishes) - _PAGE_WIDTH, 0), spare)
    shrunk = zip(wishes, needs, strict=True)
    return tuple(wish - (wish - need) * excess // spare for wish, need in shrunk)
