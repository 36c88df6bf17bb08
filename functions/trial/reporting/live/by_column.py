"""The columns of long listings, beside their data sets: what the reading room filters and sorts."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping

from trial.render import columns, datasets
from trial.render.documents import EarlierFile, File
from trial.tables import row_blocks
from trial.tables.grid import Listing

LONG_ROWS = 5_000
"""From how many rows on a data set has its columns beside it; a shorter one is read whole."""


def files(listings: Iterable[Listing], earlier: Mapping[str, EarlierFile]) -> Iterator[File]:
    """Yield the columns of the listings that are long and whose blocks are known."""
    for listing in listings:
        blocks = list(row_blocks.blocks_of(listing.rows))
        if sum(block.count for block in blocks) < LONG_ROWS:
            continue
        digests = [block.digest for block in blocks]
        if not all(digests):
            continue
        name = columns.file_name(datasets.dataset_name(listing))
        inputs = hashlib.sha256(" ".join(digests).encode()).hexdigest()
        former = earlier.get(name)
        if former is not None and former.inputs == inputs:
            yield File(name, (), inputs, former)
        else:
            yield File(name, (block.columns or b"" for block in blocks), inputs)
