"""What a transaction will say: entries folded into their subject's row, packed into parts.

A draft is one subject's change; a part is as many drafts of one shard as one transaction takes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from trial.definition.study import Study
from trial.statistics import cells
from trial.statistics.cells import Share
from trial.store.encoding import sealing, subjects
from trial.store.encoding.shares import encode_share
from trial.store.generations import (
    ACTIONS,
    WritePlan,
    header_row,
    is_header,
    row_of,
)
from trial.store.paging import Pages, Row
from trial.store.rows import Receipt
from trial.store.spreading import fits_one_expression
from trial.subject.fold import Outcome, Subject, fold

type Contribute = Callable[[Study, Subject], Share]
type Placement = Callable[[Share], Share]
"""Says where what is added to rows of sums goes (`spreading`)."""

BYTES = 3_500_000  # of the 4 MB that a transaction's items may have: sizes here are estimates
ITEM_BYTES = 390_000  # of the 400 KB that an item may have
SUM_ROW_BYTES = 8_000  # a generous guess: what stands in a row of sums is not read before
PAGE_BYTES = 2_500  # what a row holds beyond this moves to a page: each event writes all of it
SUBJECT_LENGTH = 1_000_000  # of the text of a subject's records: each event reads all of it
OVERHEAD = 1_000  # of a journal or subject row beside its body: keys, names, hashes, stamps

_EMPTY = subjects.encode(Subject(""))


@dataclass
class PendingEntry:
    """An entry on its way: its place in the call, and the hashes tried for its journal row."""

    index: int
    receipt: Receipt
    tried: set[bytes] = field(default_factory=set)


@dataclass(frozen=True)
class SubjectWork:
    """One subject's entries, in order; at most `limit` of them go into one transaction."""

    subject: str
    entries: Sequence[PendingEntry]
    limit: int


@dataclass(frozen=True)
class SubjectUpdate:
    """One subject's change: the entries taken, what each is to its subject, and what follows.

    `change` names rows of sums with their generation, and begins with the gate of every live one;
    those in `marks` are not counted and become behind. `older` are the pages that stay, `page` is
    what moves out of the row.
    """

    plan: WritePlan
    task: SubjectWork
    shard: int
    row: Row
    cipher_key: bytes
    taken: Sequence[tuple[PendingEntry, Outcome]]
    body: bytes
    older: Pages
    page: bytes | None
    shares: Mapping[str, bytes]
    change: Share
    marks: frozenset[str]
    counted: Share | None
    """What is counted of the subject from now on, in the generation in force."""

    @property
    def fresh(self) -> list[PendingEntry]:
        """The entries to be journalled."""
        return [pending for pending, outcome in self.taken if outcome is Outcome.RECORDED]

    @property
    def rest(self) -> Sequence[PendingEntry]:
        """The entries left for the next transaction."""
        return self.task.entries[len(self.taken) :]

    @property
    def row_bytes(self) -> int:
        """About how large the subject's row will be."""
        shares = {**(self.row.shares or {}), **self.shares}
        return OVERHEAD + len(self.body) + sum(map(len, shares.values()))

    @property
    def size(self) -> int:
        """About how many bytes this adds to a transaction beside the sums."""
        return self.row_bytes + len(self.page or b"") + sum(map(journal_bytes, self.fresh))

    @property
    def rows(self) -> int:
        """How many rows this changes beside the sums."""
        return len(self.fresh) + 1 + (self.page is not None)

    @property
    def pages(self) -> range:
        """Which pages the subject will have."""
        before = self.older.numbers
        return range(before.start, before.stop + (self.page is not None))

    @property
    def paged_length(self) -> int:
        """How long the text of the subject's pages will be."""
        return self.older.length + (subjects.length(self.page) if self.page else 0)

    @property
    def too_large(self) -> bool:
        """Whether the subject would become larger than one may be."""
        largest = max(self.row_bytes, OVERHEAD + len(self.page or b""))
        return largest > ITEM_BYTES or self.paged_length > SUBJECT_LENGTH


def journal_bytes(pending: PendingEntry) -> int:
    """Say about how large an entry's journal row will be."""
    entry = pending.receipt.entry
    return OVERHEAD + len(entry.body.encode()) + len(entry.source) + len(pending.receipt.principal)


def draft(
    plan: WritePlan,
    contribute: Contribute,
    placed: Placement,
    task: SubjectWork,
    shard: int,
    row: Row,
) -> SubjectUpdate:
    """Fold as many of a task's entries as one transaction takes; at least one.

    Where not even one fits with the sums of every generation, only those in force are counted.
    """
    limit = task.limit
    while True:
        some = replace(task, limit=limit)
        made = _draft(plan, contribute, placed, some, shard, row, plan.counted)
        if _fit([made], made.change):
            return made
        if limit == 1:
            break
        limit //= 2
    if len(plan.counted) == 1:
        return made
    alone = replace(task, limit=1)
    return _draft(plan, contribute, placed, alone, shard, row, plan.counted[:1])


def _draft(
    plan: WritePlan,
    contribute: Contribute,
    placed: Placement,
    task: SubjectWork,
    shard: int,
    row: Row,
    counted: Sequence[Study],
) -> SubjectUpdate:
    subject, taken = row.subject, []
    for pending in task.entries[: task.limit]:
        subject, outcome = fold(subject, pending.receipt.entry)
        taken.append((pending, outcome))
    version = row.version + sum(outcome is Outcome.RECORDED for _, outcome in taken)
    names = [each.generation for each in plan.counted] + list(plan.others)
    change: Share = {header_row(name): {} for name in names}
    shares, in_force = {}, None
    for study in counted:
        share, before = contribute(study, subject), row.share(study.generation)
        in_force = share if in_force is None else in_force
        shares[study.generation] = encode_share(share, version, before)
        change = merged(change, placed(moved(study, share, before)))
    marks = frozenset(names) - shares.keys()
    cipher_key = b"" if subject.erased else row.cipher_key or sealing.new_key()
    older = row.pages if subject.erased == row.subject.erased else _without(row.pages)
    body, page = _divided(older, subject)
    return SubjectUpdate(
        plan,
        task,
        shard,
        row,
        cipher_key,
        taken,
        body,
        older,
        page,
        shares,
        change,
        marks,
        in_force,
    )


def _without(pages: Pages) -> Pages:
    """Give none of the pages up to now: an erasure writes every record anew."""
    end = pages.numbers.stop
    return Pages(range(end, end), Subject(pages.subject.id))


def _divided(older: Pages, subject: Subject) -> tuple[bytes, bytes | None]:
    """Give what a row holds and, where that has become too much, the page it moves to."""
    body = subjects.encode(subjects.since(subject, older.subject))
    return (body, None) if len(body) <= PAGE_BYTES else (_EMPTY, body)


def moved(study: Study, share: Share, before: Share) -> Share:
    """Say how a generation's sums change when a share is counted in place of the one before."""
    name, change = study.generation, cells.difference(share, before)
    return {row_of(name, each): of_row for each, of_row in change.items()}


@dataclass(frozen=True)
class Transaction:
    """Drafts that commit together, or not at all, and what they change in the sums of a shard."""

    drafts: Sequence[SubjectUpdate]
    changes: Share

    @property
    def tasks(self) -> list[SubjectWork]:
        """Their tasks, to be done again if the transaction fails."""
        return [each.task for each in self.drafts]

    @property
    def plan(self) -> WritePlan:
        """The plan they were all made under."""
        return self.drafts[0].plan

    @property
    def gates(self) -> slice:
        """Where the gates stand among the actions."""
        first = sum(each.rows for each in self.drafts)
        return slice(first, first + self.plan.gates)


def parts(drafts: Iterable[SubjectUpdate]) -> Iterator[Transaction]:
    """Pack drafts of one plan, shard by shard, into as few parts as fit."""
    shards: dict[int, list[SubjectUpdate]] = {}
    for each in drafts:
        shards.setdefault(each.shard, []).append(each)
    for of_shard in shards.values():
        packed, changes = [of_shard[0]], of_shard[0].change
        for each in of_shard[1:]:
            more = merged(changes, each.change)
            if _fit([*packed, each], more):
                packed, changes = [*packed, each], more
            else:
                yield Transaction(packed, changes)
                packed, changes = [each], each.change
        yield Transaction(packed, changes)


def merged(changes: Share, more: Share) -> Share:
    """Add changes up; a row whose changes cancel out is left alone, unless it is a gate."""
    sums = dict(changes)
    for row, change in more.items():
        total = sums[row] = dict(sums.get(row, {}))
        cells.add(total, change)
        if not total and not is_header(row):
            del sums[row]
    return sums


def _fit(drafts: Sequence[SubjectUpdate], changes: Share) -> bool:
    rows = sum(each.rows for each in drafts)
    size = sum(each.size for each in drafts) + SUM_ROW_BYTES * len(changes)
    return (
        rows + len(changes) <= ACTIONS
        and size <= BYTES
        and all(map(fits_one_expression, changes.values()))
        and not any(each.too_large for each in drafts)
    )
