"""Listings that are too long for the workbook of all: in workbooks of their own, part by part.

Which these are and where a part ends follows from the number of rows and from the blocks' digests
alone. A part ends where, in its second half, the least digest stands: so where a few rows come or
go that is almost ever the same block, and the parts behind it stay as they are.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

from trial.deferred import dataclass
from trial.render.datasets import dataset_name
from trial.tables import file_names, row_blocks
from trial.tables.grid import Cut, Listing
from trial.tables.row_blocks import BlockedRows, KeptRows

MOST_RECORDS = 500_000
"""How many records the listings of a workbook have together, and those of a part.

A sheet holds twice as many rows. But spreadsheet programs hold a workbook in memory as a whole, and
so many of some eleven columns take 25 to 40 MB as a file, ten times that as XML.
"""


@dataclass(frozen=True)
class ListingPart:
    """Some of the rows of a listing, in a workbook of their own."""

    listing: Listing
    """With the rows of this part."""
    number: int
    total: int
    """How many parts the listing has."""
    records: int

    @property
    def file(self) -> str:
        """The name of its workbook."""
        return self.file_of(self.number)

    @property
    def others(self) -> Sequence[str]:
        """The names of the workbooks of the other parts."""
        return [self.file_of(n) for n in range(1, self.total + 1) if n != self.number]

    @property
    def label(self) -> str:
        """What it is called in the contents."""
        return f"Listing {self.listing.id}, part {self.number} of {self.total}"

    @property
    def span(self) -> str:
        """The first cells of its first row and of its last: it is sorted by them."""
        assert isinstance(self.listing.rows, BlockedRows)
        blocks = [block for block in self.listing.rows.blocks if block.count]
        first, last = next(iter(blocks[0]))[0], list(blocks[-1])[-1][0]
        return f"{first} to {last}"

    def file_of(self, number: int) -> str:
        """Return the name of the workbook of a part of the listing."""
        return file_names.part_name(dataset_name(self.listing), number)

    def inputs(self, cut: Cut, widths: Sequence[int]) -> str:
        """Return the digest of all that decides its workbook; '' where that is not known."""
        digests = [block.digest for block in row_blocks.blocks_of(self.listing.rows)]
        if not all(digests):
            return ""
        listing = replace(self.listing, rows=())
        decisive = repr((listing, self.number, self.total, cut, [*widths], digests))
        return hashlib.sha256(decisive.encode("utf-8", "backslashreplace")).hexdigest()


def parts_of(
    listings: Sequence[Listing], most_records: int | None = None
) -> Mapping[str, Sequence[ListingPart]]:
    """Return the parts of those listings, by id, that the workbook of all is too small for.

    These are the longest, as few as will do. Rows whose blocks are not known are not counted.
    """
    most = MOST_RECORDS if most_records is None else most_records
    counts = [
        row_blocks.count(listing.rows) if isinstance(listing.rows, BlockedRows) else 0
        for listing in listings
    ]
    total, parts = sum(counts), dict[str, Sequence[ListingPart]]()
    for count, place in sorted((-count, place) for place, count in enumerate(counts)):
        if total <= most:
            break
        total += count
        parts[listings[place].id] = list(_parts(listings[place], most))
    return parts


def _parts(listing: Listing, most: int) -> Iterator[ListingPart]:
    assert isinstance(listing.rows, BlockedRows)
    blocks = listing.rows.blocks
    ends = _ends([block.count for block in blocks], [block.digest for block in blocks], most)
    for number, (start, end) in enumerate(zip((0, *ends), ends, strict=False), 1):
        rows = KeptRows(blocks[start:end])
        records = row_blocks.count(rows)
        yield ListingPart(replace(listing, rows=rows), number, len(ends), records)


def _ends(counts: Sequence[int], digests: Sequence[str], most: int) -> list[int]:
    """Return before which block each part ends, if none is to have more records than `most`.

    A block that has more is a part, with the blocks beside it that have none: no part is empty.
    """
    totals, ends, start = [*accumulate(counts, initial=0)], list[int](), 0
    while start < len(counts) - 1 and totals[-1] - totals[start] > most:
        with_rows = (end for end in range(start + 1, len(counts)) if totals[end] > totals[start])
        if (end := next(with_rows, 0)) == 0:
            break  # one block has all that is left
        while totals[end + 1] - totals[start] <= most:
            end += 1
        half = totals[start] + most // 2
        candidates = [place for place in range(start + 1, end + 1) if totals[place] > half]
        start = min(candidates or [end], key=digests.__getitem__)
        if totals[start] == totals[-1]:
            break
        ends.append(start)
    return [*ends, len(counts)]
