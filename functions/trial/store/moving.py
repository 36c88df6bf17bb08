"""Moving a subject's share in the sums: at once where a transaction holds it, else in parts.

A part moves some rows of sums. The subject's row then stores as counted what was counted before
and that part, so the rest is found as every change is: what the records give less what is counted.
While a share is partial its generation is stale in that shard: the part that makes a current share
partial marks the header, and the part that completes it reconciles that mark. A share that was
stale before is covered by a mark already, for only a Backfill that completed it could have
reconciled that one.
"""

from collections.abc import Mapping
from itertools import islice

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.statistics import cells
from trial.statistics.cells import Cells, Share
from trial.store.encoding.shares import encode_share
from trial.store.generations import HEADER_ROW, generation_row
from trial.store.paging import PARTIAL, PARTIAL_MARKED, CountedShare, SubjectRow
from trial.store.spreading import EXPRESSION_CELLS, fits_one_expression


@dataclass(frozen=True)
class HeaderMarks:
    """What a transaction adds to a shard header: marks, and marks reconciled."""

    stale: int = 0
    reconciled: int = 0

    def __add__(self, other: "HeaderMarks") -> "HeaderMarks":
        """Return both together."""
        return HeaderMarks(self.stale + other.stale, self.reconciled + other.reconciled)


NO_MARKS = HeaderMarks()
STALE_MARK = HeaderMarks(stale=1)


@dataclass(frozen=True)
class ShareMove:
    """What one transaction moves of a subject's share in the sums of a generation."""

    study: Study
    before: Share
    counted: Share
    """What the sums count for the subject once it is moved."""
    version: int
    """Of the subject, that this is the share of; a partial one has a number that none has."""
    delta: Share
    """How the sums change; rows are named without their generation."""
    marks: HeaderMarks

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to be moved."""
        return self.version >= 0

    @property
    def change(self) -> Share:
        """How the sums change; rows are named with their generation."""
        name = self.study.generation
        return {generation_row(name, row): change for row, change in self.delta.items()}

    def encoded(self) -> bytes:
        """Return the counted share as the subject's row stores it."""
        return encode_share(self.counted, self.version, self.before)


def move_share(
    study: Study,
    row: SubjectRow,
    counted: CountedShare,
    share: Share,
    version: int,
    max_rows: int | None = None,
) -> ShareMove:
    """Return the move from what is counted to a subject's share at a version.

    `max_rows`: of so many rows of sums at most, beside the header, which every transaction touches.
    A share that cannot be read counts nothing; comparing the shard's sums then shows what it did.
    """
    before = counted.share or {}
    delta = cells.difference(share, before)
    part = delta if max_rows is None else _first_rows(delta, max_rows)
    if part is delta or part == delta:
        reconciled = HeaderMarks(reconciled=int(counted.is_marked))
        return ShareMove(study, before, share, version, delta, reconciled)
    # Stale is what is older than its row. A share of a later version is damage that no mark covers.
    is_current = row.shares is None or counted.version >= row.version
    version = PARTIAL_MARKED if counted.is_marked or is_current else PARTIAL
    marks = STALE_MARK if is_current else NO_MARKS
    return ShareMove(study, before, cells.total((before, part)), version, part, marks)


def _first_rows(delta: Share, max_rows: int) -> Share:
    """Return the header's change and the first rows', each as far as one expression makes it."""
    rows = sorted(row for row in delta if row != HEADER_ROW)[:max_rows]
    names = [HEADER_ROW, *rows] if HEADER_ROW in delta else rows
    return {row: _first_cells(delta[row]) for row in names}


def _first_cells(change: Mapping[str, int]) -> Cells:
    if fits_one_expression(change):
        return dict(change)
    return dict(islice(sorted(change.items()), EXPRESSION_CELLS))
