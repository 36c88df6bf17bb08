"""What a transaction will write: entries folded into their subject's row, packed by shard.

An update is one subject's change. As many updates of one shard as fit commit in one transaction.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from trial.definition.study import Study
from trial.statistics import cells
from trial.statistics.cells import Share
from trial.store.encoding import sealing, subjects
from trial.store.encoding.shares import encode_share
from trial.store.generations import (
    TRANSACTION_ACTIONS,
    WritePlan,
    generation_row,
    header_row,
    is_header,
)
from trial.store.paging import Pages, SubjectRow
from trial.store.rows import Receipt
from trial.store.spreading import fits_one_expression
from trial.subject.fold import Outcome, Subject, fold

type Contribute = Callable[[Study, Subject], Share]
type Placement = Callable[[Share], Share]
"""Places what is added to rows of sums in the parts of those that are spread (`spreading`)."""

TRANSACTION_BYTES = 3_500_000  # of the 4 MB that DynamoDB allows: sizes here are estimates
ITEM_BYTES = 390_000  # of the 400 KB that an item may have
SUM_ROW_BYTES = 8_000  # a generous guess: a row of sums is added to without being read
PAGE_BYTES = 2_500  # what a row holds beyond this moves to a page: each event writes all of it
SUBJECT_LENGTH = 1_000_000  # of the text of a subject's records: each event reads all of it
ROW_OVERHEAD_BYTES = 1_000  # of a journal or subject row: keys, names, hashes, stamps

_EMPTY = subjects.encode(Subject(""))


@dataclass
class PendingEntry:
    """An entry not yet settled: its place in the call, and the hashes tried for its journal row."""

    index: int
    receipt: Receipt
    tried_hashes: set[bytes] = field(default_factory=set)


@dataclass(frozen=True)
class SubjectWork:
    """One subject's entries, in order; at most `limit` of them go into one transaction."""

    subject: str
    entries: Sequence[PendingEntry]
    limit: int


@dataclass(frozen=True)
class SubjectUpdate:
    """One subject's change: the entries folded, the outcome of each, and what is written.

    `change` names rows of sums with their generation, and begins with the header of every live
    one; those in `stale_generations` are not counted and become stale. `older_pages` stay as they
    are, `new_page` is what moves out of the row.
    """

    plan: WritePlan
    work: SubjectWork
    shard: int
    row: SubjectRow
    cipher_key: bytes
    folded: Sequence[tuple[PendingEntry, Outcome]]
    body: bytes
    older_pages: Pages
    new_page: bytes | None
    shares: Mapping[str, bytes]
    change: Share
    stale_generations: frozenset[str]
    share_in_force: Share | None
    """What the generation in force counts for the subject from now on."""

    @property
    def new_entries(self) -> list[PendingEntry]:
        """The entries to be written to the journal."""
        return [pending for pending, outcome in self.folded if outcome is Outcome.RECORDED]

    @property
    def remaining(self) -> Sequence[PendingEntry]:
        """The entries that wait for the next transaction."""
        return self.work.entries[len(self.folded) :]

    @property
    def row_bytes(self) -> int:
        """About how many bytes the subject's row will have."""
        shares = {**(self.row.shares or {}), **self.shares}
        return ROW_OVERHEAD_BYTES + len(self.body) + sum(map(len, shares.values()))

    @property
    def byte_size(self) -> int:
        """About how many bytes this adds to a transaction, sums apart."""
        return (
            self.row_bytes + len(self.new_page or b"") + sum(map(journal_bytes, self.new_entries))
        )

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
    """Fold as many of a subject's entries as one transaction takes; at least one.

    Where not even one fits with the sums of every generation, only those in force are counted.
    """
    limit = work.limit
    while True:
        limited = replace(work, limit=limit)
        update = _fold_entries(plan, contribute, place, limited, shard, row, plan.counted)
        if _fits([update], update.change):
            return update
        if limit == 1:
            break
        limit //= 2
    if len(plan.counted) == 1:
        return update
    single = replace(work, limit=1)
    return _fold_entries(plan, contribute, place, single, shard, row, plan.counted[:1])


def _fold_entries(
    plan: WritePlan,
    contribute: Contribute,
    place: Placement,
    work: SubjectWork,
    shard: int,
    row: SubjectRow,
    counted: Sequence[Study],
) -> SubjectUpdate:
    subject, folded = row.subject, []
    for pending in work.entries[: work.limit]:
        subject, outcome = fold(subject, pending.receipt.entry)
        folded.append((pending, outcome))
    version = row.version + sum(outcome is Outcome.RECORDED for _, outcome in folded)
    names = [study.generation for study in plan.counted] + list(plan.others)
    change: Share = {header_row(name): {} for name in names}
    shares, share_in_force = {}, None
    for study in counted:
        share, before = contribute(study, subject), row.share(study.generation)
        share_in_force = share if share_in_force is None else share_in_force
        shares[study.generation] = encode_share(share, version, before)
        change = merged(change, place(share_delta(study, share, before)))
    stale_generations = frozenset(names) - shares.keys()
    cipher_key = b"" if subject.erased else row.cipher_key or sealing.new_key()
    older_pages = row.pages if subject.erased == row.subject.erased else _drop_pages(row.pages)
    body, new_page = _split_page(older_pages, subject)
    return SubjectUpdate(
        plan,
        work,
        shard,
        row,
        cipher_key,
        folded,
        body,
        older_pages,
        new_page,
        shares,
        change,
        stale_generations,
        share_in_force,
    )


def _drop_pages(pages: Pages) -> Pages:
    """Return no pages, numbered on from these: an erasure writes every record anew."""
    end = pages.numbers.stop
    return Pages(range(end, end), Subject(pages.subject.id))


def _split_page(older_pages: Pages, subject: Subject) -> tuple[bytes, bytes | None]:
    """Return what a row holds and, where that has become too much, the page it moves to."""
    body = subjects.encode(subjects.since(subject, older_pages.subject))
    return (body, None) if len(body) <= PAGE_BYTES else (_EMPTY, body)


def share_delta(study: Study, share: Share, before: Share) -> Share:
    """Return how a generation's sums change when a share replaces the one before."""
    change = cells.difference(share, before)
    return {generation_row(study.generation, row): delta for row, delta in change.items()}


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
            if _fits([*packed, update], total):
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
