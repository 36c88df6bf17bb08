"""Blocks of a listing's rows: what is made, compressed and kept together.

A report's listings come in blocks of subjects (`reporting/blocks`), whose boundaries depend on the
subjects' ids alone: so a change of one subject changes one block of each listing, and documents are
put together from the others as they were. Rows that come one by one are taken in runs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import batched, chain
from typing import Protocol, runtime_checkable

from trial.deferred import dataclass
from trial.tables.grid import Value

type Row = tuple[Value, ...]

_RUN = 128  # rows that come one by one, compressed together


class RowBlock(Protocol):
    """Rows of one listing that stand together."""

    @property
    def count(self) -> int:
        """How many rows there are."""

    @property
    def digest(self) -> str:
        """The digest of the rows and of their columns; '' of rows that nobody keeps."""

    @property
    def lines(self) -> bytes | None:
        """The rows as they stand in their data set, where they are kept."""

    @property
    def pages(self) -> bytes | None:
        """The same as they stand in its Parquet file, where they are kept."""

    @property
    def columns(self) -> bytes | None:
        """The same by column, compact, where they are kept."""

    def template(self, shape: str, make: Callable[[], list[str]]) -> list[str]:
        """Return each row as it stands in a sheet of some shape, but for its number."""

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows, as often as asked for."""


@runtime_checkable
class BlockedRows(Protocol):
    """The rows of a listing whose blocks are known."""

    @property
    def blocks(self) -> Sequence[RowBlock]:
        """The blocks, in the order of their rows."""

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows of all blocks."""


@dataclass(frozen=True)
class KeptRows:
    """The rows of some blocks of a listing, as these hold them."""

    blocks: Sequence[RowBlock]

    def __iter__(self) -> Iterator[Row]:
        return chain.from_iterable(self.blocks)


@dataclass(frozen=True)
class Run:
    """Rows in memory, which nobody keeps."""

    rows: Sequence[Row]
    digest: str = ""
    lines: bytes | None = None
    pages: bytes | None = None
    columns: bytes | None = None

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    def template(self, shape: str, make: Callable[[], list[str]]) -> list[str]:  # noqa: ARG002 (none is kept)
        """Return each row as it stands in a sheet, but for its number."""
        return make()

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)


def blocks_of(rows: Iterable[Row]) -> Iterator[RowBlock]:
    """Yield rows in the blocks in which they come, or in runs."""
    if isinstance(rows, BlockedRows):
        yield from rows.blocks
    else:
        yield from map(Run, batched(rows, _RUN, strict=False))


def kept(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield rows as their blocks hold them: none is made anew where they are kept."""
    return chain.from_iterable(blocks_of(rows))


def count(rows: Iterable[Row]) -> int:
    """Count the rows, which are read only where their blocks do not know it."""
    return sum(block.count for block in blocks_of(rows))
