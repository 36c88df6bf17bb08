"""Rows of sums that became too large for an item, spread over several.

What a row counts is the sum over all its parts, so a cell may be added to in any of them: nobody
has to agree on where. A row that is full has two parts below it, by a digest of what a cell is
counted for, and so has each of these. Which rows are full a process finds out where the store
refuses to add to them, and remembers; another that does not know yet is refused, and looks too.

Where a change would then touch more rows than a transaction holds, what it adds to a full row goes
into one part beside those below it, whatever it is counted for.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import batched

from trial.statistics.cells import Cells, Share
from trial.store import cell_names, keys
from trial.store.generations import is_header
from trial.store.table import KEYS_A_BATCH, Item, Table, key_of

FULL_BYTES = 30_000
"""Of a row that is found large when the store refuses a change: so many of these fit into one."""
OPERATORS = 290
"""How many additions one expression makes: DynamoDB's limit is 300."""
CELLS_A_ROW = 140
"""How many cells one expression adds to, whatever they are named for."""
ROWS = 96
"""How many rows of sums one change may touch, as `tables.compiled` has it."""

_PART, _BESIDE = "~", "x"
_DEEPEST = 40


def base_row(row: str) -> str:
    """Give the row that a part is of; a row that is not spread is its own part."""
    return row.partition(_PART)[0]


def fits_one_expression(change: Mapping[str, int]) -> bool:
    """Say whether one expression can make a change of a row."""
    if len(change) <= CELLS_A_ROW:
        return True
    return len(change) + sum(bool(cell_names.attribute(name)[1]) for name in change) <= OPERATORS


class Spreading:
    """Which rows of sums are full, as far as this process knows, and where else their cells go."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._full: set[keys.Key] = set()

    def placed(self, study_id: str, shard: int, changes: Share, most: int = ROWS) -> Share:
        """Say for each part of a row what is added to it, in as many as `most` where that can be.

        Rows are named with their generation.
        """
        if not self._full and all(map(fits_one_expression, changes.values())):
            return changes
        at = _Places(study_id, shard, self._full)
        placed = _together(at.below(row, change) for row, change in changes.items())
        if len(placed) > most:
            return _together(at.beside(row, change) for row, change in changes.items())
        return placed

    def learn(self, study_id: str, shard: int, parts: Iterable[str]) -> bool:
        """Look which rows, of those that a refused change touches, are large; say if any is new."""
        known, left = len(self._full), [each for each in parts if not is_header(each)]
        while left:
            wanted = {keys.sum_row(study_id, shard, each): each for each in left}
            large = set(self._large(list(wanted)))
            self._full |= large
            left = [below for at in large for below in _next(wanted[at])]
        return len(self._full) > known

    def _large(self, wanted: list[keys.Key]) -> Iterator[keys.Key]:
        for some in batched(wanted, KEYS_A_BATCH, strict=False):
            for item in self._table.get_batch(some):
                if _bytes(item) > FULL_BYTES:
                    yield key_of(item)


class _Places:
    """Where cells of a shard's rows go, while these are full."""

    def __init__(self, study_id: str, shard: int, full: set[keys.Key]) -> None:
        self._study_id, self._shard, self._full = study_id, shard, full

    def below(self, row: str, change: Cells) -> Share:
        """Take a change apart by what its cells are counted for, as far as rows are full."""
        if is_header(row) or not (self._is_full(row) or not fits_one_expression(change)):
            return {row: change}
        made: Share = {}
        for name, value in change.items():
            made.setdefault(self._part(row, name), {})[name] = value
        return _together(_narrowed(part, some) for part, some in made.items())

    def beside(self, row: str, change: Cells) -> Share:
        """Leave a change together, in the first part beside a full row that is not full."""
        if is_header(row):
            return {row: change}
        made, part = Share(), row
        for some in _some(change):
            while self._is_full(part) or part in made:
                part = _below(part, _BESIDE)
            made[part] = some
        return made or {row: change}

    def _part(self, row: str, name: str) -> str:
        part = row
        for bit in _bits(name):
            if not self._is_full(part):
                break
            part = _below(part, bit)
        return part

    def _is_full(self, part: str) -> bool:
        return keys.sum_row(self._study_id, self._shard, part) in self._full


def _narrowed(part: str, change: Cells) -> Share:
    """Take a change of one part further apart until one expression can make each."""
    depth = len(part.partition(_PART)[2])
    if fits_one_expression(change) or depth >= _DEEPEST:
        return {part: change}
    made: Share = {}
    for name, value in change.items():
        made.setdefault(_below(part, _bits(name)[depth]), {})[name] = value
    return _together(_narrowed(below, some) for below, some in made.items())


def _together(placed: Iterable[Share]) -> Share:
    return {part: change for each in placed for part, change in each.items()}


def _some(change: Cells) -> Iterator[Cells]:
    if fits_one_expression(change):
        yield change
        return
    for some in batched(change.items(), CELLS_A_ROW, strict=False):
        yield dict(some)


def _below(part: str, step: str) -> str:
    return f"{part}{step}" if _PART in part else f"{part}{_PART}{step}"


def _next(part: str) -> list[str]:
    """Name the parts that are used where one is full."""
    if part.endswith(_BESIDE) and _PART in part:
        return [_below(part, _BESIDE)]
    beside = [] if _PART in part else [_below(part, _BESIDE)]
    return [_below(part, "0"), _below(part, "1"), *beside]


def _bits(name: str) -> str:
    """Give the digits by which cells are told apart: of what they are counted for."""
    digest = hashlib.sha256(cell_names.parts(name)[1].encode()).digest()
    return f"{int.from_bytes(digest[:8]):064b}"


def _bytes(item: Item) -> int:
    """Say about how large a row is."""
    return sum(
        len(name.encode()) + sum(len(str(of).encode()) for of in value.values())
        for name, value in item.items()
    )
