"""Reading the rows of sums that a reader asks for, all shards side by side, in one state.

Nobody declares which rows a table is read from: the reader is called with the sums read so far,
which note what it asks for in vain, and again once that is read, until nothing is lacking. What it
makes of sums that lack rows is dropped. So what a query costs depends on what it shows, and not on
how many other rows the study has.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import batched

from trial.definition.study import Study
from trial.events.blinding import is_unblinded_row
from trial.statistics import cells
from trial.statistics.cells import Cells, SelectedSums, Selection, Share
from trial.statistics.ranges import TALLY
from trial.store import keys, reading
from trial.store.generations import HEADER_ROW, ShardHeader, generation_row
from trial.store.rows import read_cells
from trial.store.spreading import PART, base_row, may_have_parts
from trial.store.subject_update import Contribute
from trial.store.table import KEYS_A_BATCH, Item, Table, sort_key
from trial.tables.compiled import StoredRows, audience_share, stored_rows, stored_selection

_MAX_ROUNDS = 8
"""So many times rows are read that depend on the cells of others; two do for any table today."""
_THREADS = 10
"""As many as botocore's client has connections."""
_ROWS_BETWEEN = 3
"""Rows of about 1 KB that are read in vain rather than with a query more: a unit reads 4 KB."""

_SORTED_FROM = 100
"""Ranges from this number on sort by their names as by their numbers, but for a very large one."""

type Range = tuple[str, str]
"""The first and the last name of rows that one query reads."""


def read[Result](
    table: Table, study: Study, contribute: Contribute, reader: Callable[[Share], Result]
) -> Result:
    """Return what a reader makes of a study's sums, reading no other rows than it asks for.

    The reader is a pure function that is called several times. As in `reading.sums`, each shard is
    read in one of its states.
    """
    stored_names = stored_rows(study)
    shards = [
        _Shard(table, study, contribute, number, stored_names)
        for number in range(study.definition.shards)
    ]
    selection, share = Selection(), Share()
    with ThreadPoolExecutor(min(len(shards), _THREADS)) as threads:
        for _ in range(_MAX_ROUNDS):
            sums = SelectedSums(audience_share(study, share), selection)
            try:
                result = reader(sums)
            except Exception:
                # What it makes of sums that lack rows is void, be it an error.
                if not sums.lacking:
                    raise
            if not sums.lacking:
                return result
            selection |= sums.lacking
            stored = stored_selection(study, selection)
            share = cells.total(threads.map(lambda shard: shard.read(stored), shards))  # noqa: B023
    raise AssertionError("a reader must ask for the same rows of the same sums")


class _Shard:
    """One shard's rows of sums in one state, as far as they were asked for."""

    def __init__(
        self,
        table: Table,
        study: Study,
        contribute: Contribute,
        number: int,
        stored_names: StoredRows,
    ) -> None:
        self._table, self._study, self._contribute = table, study, contribute
        self._number, self._stored_names = number, stored_names
        self._header: ShardHeader | None = None
        self._header_cells = Cells()
        self._selected = Selection()
        self._rows: Share = {}
        self._is_whole = False

    def read(self, selection: Selection) -> Share:
        """Return at least the rows selected, all as they are in one state of the shard."""
        for _ in range(reading.TRIES):
            if self._is_whole or not selection - self._selected:
                return self._rows
            self._advance(selection)
        if not self._is_whole and selection - self._selected:  # written to all the while
            self._add_up()
        return self._rows

    def _advance(self, selection: Selection) -> None:
        """Read what is lacking; where the shard has changed since, begin anew the next time."""
        if self._header is None:
            self._begin()
        if self._header is None:  # a transaction is under way
            return
        if self._header.is_stale:
            self._add_up()
            return
        lacking = selection - self._selected
        rows = self._fetch(lacking)
        if reading.header_at_rest(self._table, self._study, self._number) != self._header:
            self._header = None
            return
        self._rows |= rows
        self._selected |= lacking

    def _begin(self) -> None:
        self._header, self._header_cells = reading.serialized_header(
            self._table, self._study, self._number
        )
        self._rows, self._selected = {}, Selection()

    def _add_up(self) -> None:
        self._rows = reading.total_of_shares(
            self._table, self._study, self._contribute, self._number
        )
        self._is_whole = True

    def _fetch(self, selection: Selection) -> Share:
        """Read rows as they are now, each with its parts; rows read beside them are dropped."""
        prefix, rows = self._prefix, Share()
        if HEADER_ROW in selection.rows:
            rows[HEADER_ROW] = self._header_cells
            selection -= Selection(frozenset([HEADER_ROW]))
        starts = tuple(selection.starts)
        by_key = frozenset(
            row for row in selection.rows if TALLY in row and not row.startswith(starts)
        )
        for item in self._items(selection - Selection(by_key), by_key):
            row = base_row(sort_key(item).removeprefix(prefix))
            if selection.includes(row):
                cells.add(rows.setdefault(row, {}), read_cells(item))
        return {row: counted for row, counted in rows.items() if counted}

    def _items(self, by_range: Selection, by_key: frozenset[str]) -> Iterator[Item]:
        """Read rows by few ranges of names and, where they lie far apart, by their keys.

        Of those the further parts are read where there may be any, of neighbours at once.
        """
        for first, last in ranges(by_range, self._stored_names):
            yield from self._query(first, last)
        row_keys = [self._key(row) for row in sorted(by_key)]
        spread = []
        for batch in batched(row_keys, KEYS_A_BATCH, strict=False):
            for item in self._table.get_batch(batch):
                yield item
                if may_have_parts(item):
                    spread.append(sort_key(item).removeprefix(self._prefix))
        for first, last in part_ranges(spread):
            for item in self._query(first, last):
                if PART in sort_key(item):  # the rows themselves are read
                    yield item

    def _query(self, first: str, last: str) -> Iterator[Item]:
        partition, _ = self._key(first)
        return self._table.query_range(partition, self._prefix + first, self._prefix + last)

    def _key(self, row: str) -> keys.Key:
        name = generation_row(self._study.generation, row)
        return keys.sum_row(self._study.id, self._number, name)

    @property
    def _prefix(self) -> str:
        return keys.sum_prefix(self._study.generation)


def ranges(selection: Selection, stored: StoredRows) -> list[Range]:
    """Return ranges of names that hold the rows selected and their parts, few and narrow.

    Some small rows that lie between are read as well.
    """
    names = [(row, row) for row in selection.rows if row]
    names += [(row + PART, row + PART + keys.LAST) for row in selection.rows if row]
    names += [(start, start + keys.LAST) for start in selection.starts]
    merged: list[Range] = []
    for first, last in sorted(names):
        if merged and _is_near(merged[-1][1], first, stored):
            merged[-1] = merged[-1][0], max(merged[-1][1], last)
        else:
            merged.append((first, last))
    return merged


def part_ranges(rows: Sequence[str]) -> list[Range]:
    """Return ranges of names that hold the parts of tallies' rows: of neighbours in one.

    Between these lies a row that was read already. Between others lie all numbers that begin alike:
    `12~`, 120 to 129, `13`; numbers of three digits have next to no such.
    """
    merged: list[Range] = []
    before = ""
    # By the names of parts: those of 1010 sort between those of 100 and 101.
    for first in sorted(row + PART for row in rows):
        row, last = first.removesuffix(PART), first + keys.LAST
        if merged and _are_neighbours(before, row):
            merged[-1] = merged[-1][0], last
        else:
            merged.append((first, last))
        before = row
    return merged


def _are_neighbours(row: str, following: str) -> bool:
    """Return whether rows hold neighbouring ranges of a tally, with nothing else between them."""
    (start, number), (start_following, number_following) = _split(row), _split(following)
    return (
        start == start_following
        and abs(number - number_following) == 1
        and min(abs(number), abs(number_following)) >= _SORTED_FROM
    )


def _split(row: str) -> tuple[str, int]:
    """Return what a tally's row begins with, and its range."""
    start, _, number = row.rpartition("#")
    return start, int(number)


def _is_near(last: str, first: str, stored: StoredRows) -> bool:
    """Return whether one query reads on from one name to another without reading much else."""
    small = _between(last, first, stored.small)
    return (
        is_unblinded_row(last) == is_unblinded_row(first)
        and all(first.startswith(name) for name in _between(last, first, stored.growing))
        and len(small) <= _ROWS_BETWEEN
    )


def _between(last: str, first: str, names: Sequence[str]) -> Sequence[str]:
    """Return the names, which are in order, that lie between two."""
    return names[bisect_right(names, last) : bisect_left(names, first)]
