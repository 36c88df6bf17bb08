"""What a transaction will write: entries folded into their subject's row, packed by shard.

An update is one subject's change, or the part of it that one transaction holds (`moving`). As many
updates of one shard as fit commit in one transaction.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property
from math import ceil
from typing import Protocol

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.statistics import cells
from trial.statistics.cells import Share
from trial.store.encoding import sealing, subjects
from trial.store.generations import TRANSACTION_ACTIONS, WritePlan, header_row, is_header
from trial.store.moving import NO_MARKS, STALE_MARK, HeaderMarks, ShareMove, move_share
from trial.store.paging import CountedShare, Pages, SubjectRow
from trial.store.rows import Receipt
from trial.store.spreading import UNITS_A_KILOBYTE, USUAL_BYTES, fits_one_expression
from trial.subject.changed_inputs import Former
from trial.subject.fold import Outcome, Subject, fold


class Contribute(Protocol):
    """What a subject counts for; found by the change from a former state, if one is given."""

    def __call__(self, study: Study, subject: Subject, *, former: Former | None = None) -> Share:
        """Return a subject's share of a study: the same with and without a former state."""


type Placement = Callable[[Share], Share]
"""Places what is added to rows of sums in the parts of those that are spread (`spreading`)."""

TRANSACTION_BYTES = 3_500_000  # of the 4 MB that DynamoDB allows: sizes here are estimates
ITEM_BYTES = 390_000  # of the 400 KB that an item may have
SUM_ROW_BYTES = 8_000  # a generous guess: a row of sums is added to without being read
PAGE_BYTES = 2_500  # what a row holds beyond this moves to a page: each event writes all of it
SUBJECT_LENGTH = 1_000_000  # of the text of a subject's records: each event reads all of it
ROW_OVERHEAD_BYTES = 1_000  # of a journal or subject row: keys, names, hashes, stamps
_USUAL_SPARE_BYTES = 600  # how much of that a row does not have, as a rule

_EMPTY = subjects.encode(Subject(""))


@dataclass
class PendingEntry:
    """An entry not yet settled: its place in the call, and the hashes tried for its journal row."""

    index: int
    receipt: Receipt
    tried_hashes: set[bytes] = field(default_factory=set)


type FoldedEntry = tuple[PendingEntry, Outcome, Subject]
"""An entry, what it was to its subject, and the subject with it."""


@dataclass(frozen=True)
class SubjectWork:
    """One subject's entries, in order; at most `limit` of them go into one transaction.

    `is_moving`: some of what was recorded of the subject is still to be counted.
    """

    subject: str
    entries: Sequence[PendingEntry]
    limit: int
    is_moving: bool = False

    @property
    def is_unfinished(self) -> bool:
        """Whether there is anything left to do."""
        return bool(self.entries) or self.is_moving


@dataclass(frozen=True)
class SubjectUpdate:
    """One subject's change: the entries folded, the outcome of each, and what is written.

    `change` names rows of sums with their generation, and begins with the header of every live
    one, to which `marks` are added. `older_pages` stay as they are, `new_page` is what moves out of
    the row. Without new entries it only moves what is not counted yet.
    """

    plan: WritePlan
    work: SubjectWork
    shard: int
    row: SubjectRow
    cipher_key: bytes
    folded: Sequence[FoldedEntry]
    body: bytes
    older_pages: Pages
    new_page: bytes | None
    shares: Mapping[str, bytes]
    change: Share
    marks: Mapping[str, HeaderMarks]
    is_complete: bool
    """Whether every share is moved as a whole, and not in parts."""
    share_in_force: Share | None
    """What the generation in force counts for the subject from now on, or once it is moved."""

    @cached_property
    def new_entries(self) -> list[PendingEntry]:
        """The entries to be written to the journal."""
        return [pending for pending, outcome, _ in self.folded if outcome is Outcome.RECORDED]

    @property
    def remaining(self) -> Sequence[PendingEntry]:
        """The entries that wait for the next transaction."""
        return self.work.entries[len(self.folded) :]

    @cached_property
    def row_bytes(self) -> int:
        """About how many bytes the subject's row will have."""
        shares = {**(self.row.shares or {}), **self.shares}
        return ROW_OVERHEAD_BYTES + len(self.body) + sum(map(len, shares.values()))

    @cached_property
    def byte_size(self) -> int:
        """About how many bytes this adds to a transaction, sums apart."""
        return sum(self.own_sizes)

    @cached_property
    def own_sizes(self) -> list[int]:
        """About how many bytes each row has that this writes, sums apart."""
        pages = [] if self.new_page is None else [ROW_OVERHEAD_BYTES + len(self.new_page)]
        return [*map(journal_bytes, self.new_entries), self.row_bytes, *pages]

    @property
    def row_count(self) -> int:
        """How many rows this writes, sums apart."""
        return len(self.new_entries) + 1 + (self.new_page is not None)

    @property
    def page_numbers(self) -> range:
        """Which pages the subject will have."""
        before = self.older_pages.numbers
        return range(before.start, before.stop + (self.new_page is not None))

    @property
    def paged_length(self) -> int:
        """How long the text of the subject's pages will be."""
        return self.older_pages.length + (subjects.length(self.new_page) if self.new_page else 0)

    @property
    def is_too_large(self) -> bool:
        """Whether the subject would become larger than one may be."""
        largest = max(self.row_bytes, ROW_OVERHEAD_BYTES + len(self.new_page or b""))
        return largest > ITEM_BYTES or self.paged_length > SUBJECT_LENGTH


def journal_bytes(pending: PendingEntry) -> int:
    """Estimate the size of an entry's journal row."""
    entry, principal = pending.receipt.entry, pending.receipt.principal
    return ROW_OVERHEAD_BYTES + len(entry.body.encode()) + len(entry.source) + len(principal)


def fold_update(
    plan: WritePlan,
    contribute: Contribute,
    place: Placement,
    work: SubjectWork,
    shard: int,
    row: SubjectRow,
) -> SubjectUpdate:
    """Fold as many of a subject's entries as one transaction takes; at least one, if any waits.

    Where not even one fits with all that it changes, a part of the change goes with it.
    """
    limit = work.limit
    while True:
        folding = Folding(plan, contribute, replace(work, limit=limit), shard, row)
        update = folding.update(place)
        if _fits([update], update.change):
            return update
        if len(folding.folded) <= 1:
            return _partial_update(folding, place, update.row_count)
        limit = _fewer(limit, len(folding.folded))


def _fewer(limit: int, entries: int) -> int:
    """Halve a limit until it leaves some of the entries out."""
    while limit >= entries:
        limit //= 2
    return limit


def _partial_update(folding: "Folding", place: Placement, row_count: int) -> SubjectUpdate:
    """Return the update with as many rows of sums as fit beside its own rows and the headers."""
    max_rows = max(TRANSACTION_ACTIONS - row_count - folding.plan.header_count, 1)
    while True:
        update = folding.update(place, max_rows)
        if max_rows <= 1 or update.is_too_large or _fits([update], update.change):
            return update
        max_rows //= 2


class Folding:
    """A subject with some entries folded, and what each generation counts of it then."""

    def __init__(
        self,
        plan: WritePlan,
        contribute: Contribute,
        work: SubjectWork,
        shard: int,
        row: SubjectRow,
    ) -> None:
        """Fold the entries, as many as the work's limit says."""
        self.plan = plan
        self.work = work
        self.shard = shard
        self.row = row
        self.subject = row.subject
        self.folded: list[FoldedEntry] = []
        for pending in work.entries[: work.limit]:
            self.subject, outcome = fold(self.subject, pending.receipt.entry)
            self.folded.append((pending, outcome, self.subject))
        recorded = sum(outcome is Outcome.RECORDED for _, outcome, _ in self.folded)
        self.version = row.version + recorded
        self._counted = [row.readable_share(study.generation) for study in plan.counted]
        self.shares = [
            contribute(study, self.subject, former=self._former(counted))
            for study, counted in zip(plan.counted, self._counted, strict=True)
        ]

    def _former(self, counted: CountedShare) -> Former | None:
        """Return the subject as it was with what was counted of it; None if that is not all."""
        if counted.share is None or self.row.shares is None or counted.version != self.row.version:
            return None
        return Former(self.row.subject, counted.share)

    def update(self, place: Placement, max_rows: int | None = None) -> SubjectUpdate:
        """Return what is written; of the sums, so many rows at most, the first generation first."""
        row, subject, plan = self.row, self.subject, self.plan
        moves = list(self._moves(max_rows))
        names = [study.generation for study in plan.counted] + list(plan.others)
        change: Share = {header_row(name): {} for name in names}
        for move in moves:
            change = merged(change, place(move.change))
        older_pages = row.pages if subject.erased == row.subject.erased else _drop_pages(row.pages)
        body, new_page = self._split_page(older_pages)
        return SubjectUpdate(
            plan,
            self.work,
            self.shard,
            row,
            b"" if subject.erased else row.cipher_key or sealing.new_key(),
            self.folded,
            body,
            older_pages,
            new_page,
            {move.study.generation: move.encoded() for move in moves},
            change,
            self._marks(moves),
            all(move.is_complete for move in moves),
            self.shares[0] if self.shares else None,
        )

    def _moves(self, max_rows: int | None) -> Iterator[ShareMove]:
        for study, share, counted in zip(
            self.plan.counted, self.shares, self._counted, strict=True
        ):
            move = move_share(study, self.row, counted, share, self.version, max_rows)
            if max_rows is not None:
                max_rows -= sum(not is_header(name) for name in move.change)
            yield move

    def _marks(self, moves: Sequence[ShareMove]) -> dict[str, HeaderMarks]:
        """Return what is added to headers; a share that is not counted is left behind by an event.

        Marks of other code's generations are not added where no event makes a new version.
        """
        marks = {header_row(move.study.generation): move.marks for move in moves}
        if self.version > self.row.version:
            marks |= {header_row(name): STALE_MARK for name in self.plan.others}
        return marks

    def _split_page(self, older_pages: Pages) -> tuple[bytes, bytes | None]:
        """Return what a row holds and, where that has become too much, the page it moves to."""
        body = subjects.encode(subjects.since(self.subject, older_pages.subject))
        if len(body) <= PAGE_BYTES or self.version == self.row.version:
            return body, None
        return _EMPTY, body


def _drop_pages(pages: Pages) -> Pages:
    """Return no pages, numbered on from these: an erasure writes every record anew."""
    end = pages.numbers.stop
    return Pages(range(end, end), Subject(pages.subject.id))


@dataclass(frozen=True)
class Transaction:
    """Updates that commit together or not at all, and their change of the sums of a shard."""

    updates: Sequence[SubjectUpdate]
    changes: Share

    @property
    def work_items(self) -> list[SubjectWork]:
        """The work of every update, to be tried again if the transaction fails."""
        return [update.work for update in self.updates]

    @property
    def plan(self) -> WritePlan:
        """The plan that all of them were made under."""
        return self.updates[0].plan

    @property
    def usual_units(self) -> float:
        """About how many capacity units it takes while no row of sums is large."""
        sizes = (size for update in self.updates for size in update.own_sizes)
        own = sum(ceil((size - _USUAL_SPARE_BYTES) / 1024) for size in sizes)
        return UNITS_A_KILOBYTE * (own + USUAL_BYTES * len(self.changes) / 1024)

    def marks(self, row: str) -> HeaderMarks:
        """Return what is added to a header beside its cells; nothing to any other row."""
        return sum((update.marks.get(row, NO_MARKS) for update in self.updates), NO_MARKS)

    @property
    def header_actions(self) -> slice:
        """Where the shard headers stand among the actions."""
        first = sum(update.row_count for update in self.updates)
        return slice(first, first + self.plan.header_count)


def pack_transactions(updates: Iterable[SubjectUpdate]) -> Iterator[Transaction]:
    """Pack updates of one plan, shard by shard, into as few transactions as hold them."""
    shards: dict[int, list[SubjectUpdate]] = {}
    for update in updates:
        shards.setdefault(update.shard, []).append(update)
    for shard_updates in shards.values():
        packed, changes = [shard_updates[0]], shard_updates[0].change
        for update in shard_updates[1:]:
            total = merged(changes, update.change)
            is_whole = packed[0].is_complete and update.is_complete
            if is_whole and _fits([*packed, update], total):
                packed, changes = [*packed, update], total
            else:
                yield Transaction(packed, changes)
                packed, changes = [update], update.change
        yield Transaction(packed, changes)


def merged(changes: Share, added: Share) -> Share:
    """Return the total of two changes.

    A row whose changes cancel out is not written, but for headers: every transaction must touch
    the header of each live generation, for its fence is what a writer's plan is checked by.
    """
    sums = dict(changes)
    for row, change in added.items():
        total = sums[row] = dict(sums.get(row, {}))
        cells.add(total, change)
        if not total and not is_header(row):
            del sums[row]
    return sums


def _fits(updates: Sequence[SubjectUpdate], changes: Share) -> bool:
    rows = sum(update.row_count for update in updates)
    size = sum(update.byte_size for update in updates) + SUM_ROW_BYTES * len(changes)
    return (
        rows + len(changes) <= TRANSACTION_ACTIONS
        and size <= TRANSACTION_BYTES
        and all(map(fits_one_expression, changes.values()))
        and not any(update.is_too_large for update in updates)
    )
