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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from itertools import batched

from trial.definition.study import Study
from trial.errors import Unavailable
from trial.statistics.cells import Cells, Share
from trial.store import cell_names, keys
from trial.store.generations import is_header
from trial.store.table import KEYS_A_BATCH, Action, Item, Table, key_of, sort_key

MAX_PARTS = 96
"""How many parts one change is spread over: the transaction holds a subject and its journal too."""
FULL_BYTES = 30_000
"""Of a row that is found large when DynamoDB refuses a change: so many of these fit into one.

Also of a part beside others, which only wide changes go to.
"""
COSTLY_BYTES = 2_000
"""Of a row that is found large when changes were costly: soon an addition is billed three times."""
USUAL_BYTES = 1_536
"""More than a row of sums has that does not grow with terms or values: it holds some 64 cells."""
UNITS_A_KILOBYTE = 2
"""Capacity units of what a transaction writes."""
_PATIENCE, _LESS_OFTEN = 4.0, 4
"""How many units beyond the usual changes may take before a look; after one in vain, so much more.

An addition to a row that has become full takes some four units more than one to a small row, and a
look about as many.
"""
_NOTE_BYTES = 100_000
"""So large a note gets no more rows: a process reads all of it once."""
_NOTED_ROWS = 100
"""How many rows one expression notes parts of."""
EXPRESSION_OPERATORS = 290
"""How many additions one expression makes: DynamoDB's limit is 300."""
EXPRESSION_CELLS = 140
"""How many cells one expression adds to, whatever they are named for.

A cell of a long name takes two operators: its addition, and the term that is set beside it.
"""

PART, _BESIDE = "~", "x"
"""What separates a row's name from that of its part, and names a part beside."""
_DEEPEST = 40

type _Place = tuple[str, int]
"""A study's shard."""


_SHRUNK_BYTES = 1_300
"""What a full row of a tally has at least for ever: counts get fewer digits, and names stay.

Of fewer cells than an expression has, each has 14 bytes on average; counts of a shard's subjects,
six digits at most, take five of those at most.
"""


def may_have_parts(item: Item) -> bool:
    """Return whether a row of a tally may have more parts than this, its first."""
    return len(item) >= EXPRESSION_CELLS or _item_bytes(item) >= _SHRUNK_BYTES


def is_costly(item: Item) -> bool:
    """Return whether a row of sums is so large that an addition to it costs more than to others."""
    is_sum = not is_header(keys.sum_row_name(sort_key(item)))
    return is_sum and _exceeds(item, COSTLY_BYTES)


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
        self._full: dict[str, set[str]] = {}
        """The sort keys of full rows and parts, by partition."""
        self._note_bytes: dict[keys.Key, int] = {}
        """How large notes were when they were read; 0 where there was none."""
        self._excess: dict[_Place, float] = {}
        """What changes took beyond the usual since the last look, in units."""
        self._patience: dict[_Place, float] = {}

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

    def unread_notes(self, studies: Iterable[Study], shards: Iterable[int]) -> list[keys.Key]:
        """Return the keys of notes about shards that this process has not read yet."""
        note_keys = (
            keys.full_rows(study.id, shard, study.generation, view.audience)
            for shard in shards
            for study in studies
            for view in study.views
        )
        return [note_key for note_key in note_keys if note_key not in self._note_bytes]

    def learn(self, note_keys: Iterable[keys.Key], items: Iterable[Item]) -> None:
        """Take in the notes that were read under these keys; other items are passed over."""
        items_read = list(items)
        self._note_bytes |= dict.fromkeys(note_keys, 0)
        for item in items_read:
            note_key = key_of(item)
            if note_key in self._note_bytes:
                self._note_bytes[note_key] = _item_bytes(item)
                partition, prefix = keys.full_rows_prefix(note_key)
                self._full.setdefault(partition, set()).update(
                    prefix + part for part in _noted_parts(item)
                )

    def read_notes(self, study: Study, shard: int) -> None:
        """Read the notes about a shard, unless this process has."""
        if note_keys := self.unread_notes([study], [shard]):
            self.learn(note_keys, self._table.get_batch(note_keys))

    def note_cost(
        self, study_id: str, shard: int, parts: Iterable[str], units: float, usual: float
    ) -> None:
        """Look for full rows among the parts of a change, where changes took more than usual.

        Where a look finds none, what is dear is something else: the next waits for as much again,
        several times over.
        """
        place = study_id, shard
        excess = max(0.0, self._excess.get(place, 0) + units - usual)
        patience = self._patience.get(place, _PATIENCE)
        if excess > patience:
            excess = 0.0
            is_found = self.find_full_rows(study_id, shard, parts, COSTLY_BYTES)
            self._patience[place] = _PATIENCE if is_found else patience * _LESS_OFTEN
        self._excess[place] = excess

    def find_full_rows(
        self, study_id: str, shard: int, parts: Iterable[str], most: int | None = None
    ) -> bool:
        """Look which rows, of those that a change touches, are large; say if any is new.

        First at what others have noted of them; what is found beyond that, is noted.
        """
        limit = FULL_BYTES if most is None else most
        unchecked = {keys.sum_row(study_id, shard, part) for part in parts if not is_header(part)}
        note_keys = sorted({keys.full_rows_of(row_key)[0] for row_key in unchecked})
        known = {row_key for row_key in unchecked if _is_known(self._full, row_key)}
        self.learn(note_keys, self._items(note_keys))
        if any(_is_known(self._full, row_key) for row_key in unchecked - known):
            return True
        full = set[keys.Key]()
        while unchecked:
            large = {key_of(item) for item in self._items(unchecked) if _exceeds(item, limit)}
            full |= large
            unchecked = {below for row_key in large for below in _next_parts(row_key)}
        return self.note_full(full)

    def note_full(self, row_keys: Iterable[keys.Key]) -> bool:
        """Note rows and parts that are full, whose notes were read; say if any is new."""
        newly_full = [row_key for row_key in row_keys if not _is_known(self._full, row_key)]
        for partition, part in newly_full:
            self._full.setdefault(partition, set()).add(part)
        self._note(newly_full)
        return bool(newly_full)

    def forget(self, row_keys: Iterable[keys.Key]) -> None:
        """Take rows for not full that have lost cells and are small: below such no reader looks."""
        for partition, row in row_keys:
            full = self._full.get(partition, set())
            full -= {part for part in full if base_row(part) == row}

    def _items(self, item_keys: Iterable[keys.Key]) -> Iterator[Item]:
        for batch in batched(item_keys, KEYS_A_BATCH, strict=False):
            yield from self._table.get_batch(batch)

    def _note(self, row_keys: Iterable[keys.Key]) -> None:
        """Note rows and parts that are full, for other processes; without it each pays for them."""
        notes: dict[keys.Key, dict[str, list[str]]] = {}
        for row_key in row_keys:
            note_key, part = keys.full_rows_of(row_key)
            row, _, below = part.partition(PART)
            notes.setdefault(note_key, {}).setdefault(row, []).append(below or PART)
        for note_key, rows in notes.items():
            for batch in batched(rows.items(), _NOTED_ROWS, strict=False):
                if self._note_bytes[note_key] > _NOTE_BYTES:
                    break
                with suppress(Unavailable):
                    self._table.try_write(_noting(self._table, note_key, dict(batch)))
                self._note_bytes[note_key] += len(str(batch))


def _noting(table: Table, note_key: keys.Key, rows: Mapping[str, Sequence[str]]) -> Action:
    """Add the parts of rows to a note: sets, so that nobody has to know what others add."""
    return table.update(
        note_key,
        "ADD " + ",".join(f"#{i} :{i}" for i in range(len(rows))),
        "",
        ExpressionAttributeNames={f"#{i}": keys.CELL + row for i, row in enumerate(rows)},
        ExpressionAttributeValues={f":{i}": {"SS": parts} for i, parts in enumerate(rows.values())},
    )


def _noted_parts(note: Item) -> Iterator[str]:
    """Read the names of full rows and parts out of a note, without their generation."""
    for name, parts in note.items():
        if name.startswith(keys.CELL):
            row = name.removeprefix(keys.CELL)
            yield from (row if part == PART else f"{row}{PART}{part}" for part in parts["SS"])


def _is_known(full: Mapping[str, AbstractSet[str]], row_key: keys.Key) -> bool:
    return row_key[1] in full.get(row_key[0], ())


class _Parts:
    """The parts of a shard's rows that cells go to, while these are full."""

    def __init__(self, study_id: str, shard: int, full: Mapping[str, AbstractSet[str]]) -> None:
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
        return _is_known(self._full, keys.sum_row(self._study_id, self._shard, part))


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


def _next_parts(row_key: keys.Key) -> list[keys.Key]:
    """Return the keys of the parts that are used where one is full."""
    partition, part = row_key
    steps = _BESIDE if _is_beside(part) else "01" if PART in part else f"01{_BESIDE}"
    return [(partition, _below(part, step)) for step in steps]


def _exceeds(item: Item, limit: int) -> bool:
    """Return whether a row is larger than so many bytes; a part beside others may have more."""
    return _item_bytes(item) > (FULL_BYTES if _is_beside(sort_key(item)) else limit)


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
