"""Rows of sums that became too large for an item, spread over several.

What a row counts is the sum over all its parts, so a cell may be added to in any of them: nobody
has to agree on where. A row that is full has two parts below it, by a digest of what a cell is
counted for, and so has each of these. Which rows are full a process finds out, and remembers, where
a change has cost more than if all its rows were small (an addition is billed by the size of its
row), or where DynamoDB refuses it. Another that does not know yet pays once, and looks too.

Where a change would then touch more rows than a transaction holds, what it adds to a full row goes
into one part beside those below it, whatever it is counted for.

A part is named after its row: `~`, then a bit for each level of parts below, as in `terms~01`, or
an `x` for each part beside, as in `terms~xx`.

No row has parts that is small itself: it was full, or holds as much of a wide change as one
expression adds. So whoever reads one by its key learns whether to look for more.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import batched

from trial.statistics.cells import Cells, Share
from trial.store import cell_names, keys
from trial.store.generations import is_header
from trial.store.table import KEYS_A_BATCH, Item, Table, key_of

MAX_PARTS = 96
"""How many parts one change is spread over: the transaction holds a subject and its journal too."""
FULL_BYTES = 30_000
"""Of a row that is found large when DynamoDB refuses a change: so many of these fit into one.

Also of a part beside others, which only wide changes go to.
"""
COSTLY_BYTES = 3_000
"""Of a row that is found large when a change was costly: an addition to it is billed four times."""
USUAL_BYTES = 1_536
"""More than a row of sums has that does not grow with terms or values: it holds some 64 cells."""
UNITS_A_KILOBYTE = 2
"""Capacity units of what a transaction writes."""
_LOOK_AGAIN = 1.5
"""How much dearer than the last that was looked at in vain a change must be."""
EXPRESSION_OPERATORS = 290
"""How many additions one expression makes: DynamoDB's limit is 300."""
EXPRESSION_CELLS = 140
"""How many cells one expression adds to, whatever they are named for.

A cell of a long name takes two operators: its addition, and the term that is set beside it.
"""

PART, _BESIDE = "~", "x"
"""What separates a row's name from that of its part, and names a part beside."""
_DEEPEST = 40


_SHRUNK_BYTES = 1_300
"""What a full row of a tally has at least for ever: counts get fewer digits, and names stay."""


def may_have_parts(item: Item) -> bool:
    """Return whether a row of a tally may have more parts than this, its first."""
    return len(item) >= EXPRESSION_CELLS or _item_bytes(item) >= _SHRUNK_BYTES


def base_row(part: str) -> str:
    """Return the row that a part is of; a row that is not spread is its own part."""
    return part.partition(PART)[0]


def fits_one_expression(change: Mapping[str, int]) -> bool:
    """Return whether one expression can make a change of a row."""
    if len(change) <= EXPRESSION_CELLS:
        return True
    terms = sum(bool(cell_names.cell_attribute(name)[1]) for name in change)
    return len(change) + terms <= EXPRESSION_OPERATORS


class Spreading:
    """Which rows of sums are full, as far as this process knows, and where else their cells go."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._full: set[keys.Key] = set()
        self._looked_in_vain: dict[tuple[str, int], float] = {}

    def place(self, study_id: str, shard: int, changes: Share, max_rows: int = MAX_PARTS) -> Share:
        """Return for each part of a row what is added to it, in at most so many where possible.

        Rows are named with their generation.
        """
        if not self._full and all(map(fits_one_expression, changes.values())):
            return changes
        parts = _Parts(study_id, shard, self._full)
        placed = _union(parts.by_digest(row, change) for row, change in changes.items())
        if len(placed) > max_rows:
            return _union(parts.beside(row, change) for row, change in changes.items())
        return placed

    def note_cost(
        self, study_id: str, shard: int, parts: Iterable[str], units: float, usual: float
    ) -> None:
        """Look for full rows among the parts of a change that took more units than usual.

        Where there is none, what is dear is something else, and only a dearer change is looked at.
        """
        place = study_id, shard
        if units <= self._looked_in_vain.get(place, 1) * usual:
            return
        if self.find_full_rows(study_id, shard, parts, COSTLY_BYTES):
            self._looked_in_vain.pop(place, None)
        else:
            self._looked_in_vain[place] = _LOOK_AGAIN * units / usual

    def find_full_rows(
        self, study_id: str, shard: int, parts: Iterable[str], most: int | None = None
    ) -> bool:
        """Look which rows, of those that a change touches, are large; say if any is new."""
        limit = FULL_BYTES if most is None else most
        known_before = len(self._full)
        unchecked = [part for part in parts if not is_header(part)]
        while unchecked:
            parts_by_key = {keys.sum_row(study_id, shard, part): part for part in unchecked}
            large = {
                part_key
                for part_key, size in self._sizes(list(parts_by_key))
                if size > (FULL_BYTES if _is_beside(parts_by_key[part_key]) else limit)
            }
            self._full |= large
            unchecked = [
                next_part for part_key in large for next_part in _next_parts(parts_by_key[part_key])
            ]
        return len(self._full) > known_before

    def _sizes(self, part_keys: list[keys.Key]) -> Iterator[tuple[keys.Key, int]]:
        for batch in batched(part_keys, KEYS_A_BATCH, strict=False):
            for item in self._table.get_batch(batch):
                yield key_of(item), _item_bytes(item)


class _Parts:
    """The parts of a shard's rows that cells go to, while these are full."""

    def __init__(self, study_id: str, shard: int, full: set[keys.Key]) -> None:
        self._study_id, self._shard, self._full = study_id, shard, full

    def by_digest(self, row: str, change: Cells) -> Share:
        """Divide a change by what its cells are counted for, as far as rows are full."""
        if is_header(row) or not (self._is_full(row) or not fits_one_expression(change)):
            return {row: change}
        divided: Share = {}
        if not self._is_full(row):
            first, *further = _expressions(change)
            divided[row], change = first, {k: n for cells in further for k, n in cells.items()}
        for name, value in change.items():
            divided.setdefault(self._part(row, name), {})[name] = value
        return _union(_narrowed(part, cells) for part, cells in divided.items())

    def beside(self, row: str, change: Cells) -> Share:
        """Leave a change together, in the first part beside a full row that is not full."""
        if is_header(row):
            return {row: change}
        placed, part = Share(), row
        for cells in _expressions(change):
            while self._is_full(part) or part in placed:
                part = _below(part, _BESIDE)
            placed[part] = cells
        return placed or {row: change}

    def _part(self, row: str, name: str) -> str:
        """Walk down, bit by bit of a cell's digest, to a part below the row that is not full."""
        part = row
        for bit in _bits(name):
            if part != row and not self._is_full(part):
                break
            part = _below(part, bit)
        return part

    def _is_full(self, part: str) -> bool:
        return keys.sum_row(self._study_id, self._shard, part) in self._full


def _narrowed(part: str, change: Cells) -> Share:
    """Divide a change of one part further until one expression can make each."""
    depth = len(part.partition(PART)[2])
    if fits_one_expression(change) or depth >= _DEEPEST:
        return {part: change}
    divided: Share = {}
    for name, value in change.items():
        divided.setdefault(_below(part, _bits(name)[depth]), {})[name] = value
    return _union(_narrowed(below, cells) for below, cells in divided.items())


def _union(shares: Iterable[Share]) -> Share:
    return {part: change for share in shares for part, change in share.items()}


def _expressions(change: Cells) -> Iterator[Cells]:
    if fits_one_expression(change):
        yield change
        return
    for cells in batched(change.items(), EXPRESSION_CELLS, strict=False):
        yield dict(cells)


def _below(part: str, step: str) -> str:
    return f"{part}{step}" if PART in part else f"{part}{PART}{step}"


def _next_parts(part: str) -> list[str]:
    """Return the names of the parts that are used where one is full."""
    if _is_beside(part):
        return [_below(part, _BESIDE)]
    beside = [] if PART in part else [_below(part, _BESIDE)]
    return [_below(part, "0"), _below(part, "1"), *beside]


def _is_beside(part: str) -> bool:
    return PART in part and part.endswith(_BESIDE)


def _bits(name: str) -> str:
    """Return the bits by which a cell finds its part, of a digest of what it is counted for.

    The cells of one term go the same way, so an event of that term touches one part of the row.
    """
    digest = hashlib.sha256(cell_names.split_name(name)[1].encode()).digest()
    return f"{int.from_bytes(digest[:8]):064b}"


def _item_bytes(item: Item) -> int:
    """Estimate how large a row is."""
    return sum(
        len(name.encode()) + sum(len(str(content).encode()) for content in value.values())
        for name, value in item.items()
    )
