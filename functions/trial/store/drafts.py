"""What a transaction will say: entries folded into their subject's row, packed into parts.

A draft is one subject's change; a part is as many drafts of one shard as one transaction takes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from trial import cells
from trial.cells import Share
from trial.store import codec, keys
from trial.store.rows import COMMITS, TICK, JournalRow, Receipt, Row, stamp_text, write_journal
from trial.store.table import ABSENT, PRESENT, Action, Table, binary, key, number, text
from trial.study import Study
from trial.subject import Outcome, Subject, fold

type Contribute = Callable[[Study, Subject], Share]

STUDY_ROW = "study"
"""The row of sums that every transaction touches: it gates a generation and counts commits."""

ACTIONS = 100  # DynamoDB's limit of a transaction
BYTES = 3_500_000  # of the 4 MB that a transaction's items may have: sizes here are estimates
CELLS_A_ROW = 250  # of the 300 operators that an expression may have
ITEM_BYTES = 390_000  # of the 400 KB that an item may have
SUM_ROW_BYTES = 8_000  # a generous guess: what stands in a row of sums is not read before
OVERHEAD = 1_000  # of a journal or subject row beside its body: keys, names, hashes, stamps

_UNCHANGED = "version = :seen"
_SET_ROW = (
    "SET version = :version, head = :head, stamp = :stamp, #format = :format, body = :body,"
    " shares.#generation = :share"
)


@dataclass
class Pending:
    """An entry on its way: its place in the call, and the hashes tried for its journal row."""

    index: int
    receipt: Receipt
    tried: set[bytes] = field(default_factory=set)


@dataclass(frozen=True)
class Task:
    """One subject's entries, in order; at most `limit` of them go into one transaction."""

    subject: str
    entries: Sequence[Pending]
    limit: int


@dataclass(frozen=True)
class Draft:
    """One subject's change: the entries taken, what each is to its subject, and what follows."""

    task: Task
    shard: int
    row: Row
    taken: Sequence[tuple[Pending, Outcome]]
    body: bytes
    share: bytes
    change: Share

    @property
    def fresh(self) -> list[Pending]:
        """The entries to be journalled."""
        return [pending for pending, outcome in self.taken if outcome is Outcome.RECORDED]

    @property
    def rest(self) -> Sequence[Pending]:
        """The entries left for the next transaction."""
        return self.task.entries[len(self.taken) :]

    @property
    def row_bytes(self) -> int:
        """About how large the subject's row will be."""
        others = sum(map(len, (self.row.shares or {}).values()))
        return OVERHEAD + len(self.body) + len(self.share) + others

    @property
    def size(self) -> int:
        """About how many bytes this adds to a transaction beside the sums."""
        return self.row_bytes + sum(map(journal_bytes, self.fresh))


def journal_bytes(pending: Pending) -> int:
    """Say about how large an entry's journal row will be."""
    entry = pending.receipt.entry
    return OVERHEAD + len(entry.body.encode()) + len(entry.source) + len(pending.receipt.principal)


def draft(study: Study, contribute: Contribute, task: Task, shard: int, row: Row) -> Draft:
    """Fold as many of a task's entries as one transaction takes; at least one."""
    limit = task.limit
    while True:
        made = _draft(study, contribute, replace(task, limit=limit), shard, row)
        if limit == 1 or _fit([made], made.change):
            return made
        limit //= 2


def _draft(study: Study, contribute: Contribute, task: Task, shard: int, row: Row) -> Draft:
    subject, taken = row.subject, []
    for pending in task.entries[: task.limit]:
        subject, outcome = fold(subject, pending.receipt.entry)
        taken.append((pending, outcome))
    fresh = sum(outcome is Outcome.RECORDED for _, outcome in taken)
    share = contribute(study, subject)
    change = cells.difference(share, row.share(study.generation))
    return Draft(
        task,
        shard,
        row,
        taken,
        codec.encode(subject),
        codec.encode_share(share, row.version + fresh),
        _merged({STUDY_ROW: {}}, change),
    )


@dataclass(frozen=True)
class Part:
    """Drafts that commit together, or not at all, and what they change in the sums of a shard."""

    drafts: Sequence[Draft]
    changes: Share

    @property
    def tasks(self) -> list[Task]:
        """Their tasks, to be done again if the transaction fails."""
        return [each.task for each in self.drafts]


def parts(drafts: Iterable[Draft]) -> Iterator[Part]:
    """Pack drafts, shard by shard, into as few parts as fit."""
    shards: dict[int, list[Draft]] = {}
    for each in drafts:
        shards.setdefault(each.shard, []).append(each)
    for of_shard in shards.values():
        packed, changes = [of_shard[0]], _merged({STUDY_ROW: {}}, of_shard[0].change)
        for each in of_shard[1:]:
            more = _merged(changes, each.change)
            if _fit([*packed, each], more):
                packed, changes = [*packed, each], more
            else:
                yield Part(packed, changes)
                packed, changes = [each], _merged({STUDY_ROW: {}}, each.change)
        yield Part(packed, changes)


def actions(table: Table, study: Study, part: Part, now: datetime) -> list[Action]:
    """Write a part's actions: each draft's journal rows and subject row, then the sums.

    Stamps are taken from `now`, rising strictly within a subject.
    """
    made: list[Action] = []
    for each in part.drafts:
        made += _subject_actions(table, study, each, now)
    shard = part.drafts[0].shard
    for row, change in part.changes.items():
        made.append(_addition(table, study, shard, row, change))
    return made


def _merged(changes: Share, more: Share) -> Share:
    """Add changes up; a row whose changes cancel out is left alone, but for the study's own."""
    merged = dict(changes)
    for row, change in more.items():
        sums = merged[row] = dict(merged.get(row, {}))
        cells.add(sums, change)
        if not sums and row != STUDY_ROW:
            del merged[row]
    return merged


def _fit(drafts: Sequence[Draft], changes: Share) -> bool:
    rows = sum(len(each.fresh) + 1 for each in drafts)
    size = sum(each.size for each in drafts) + SUM_ROW_BYTES * len(changes)
    return (
        rows + len(changes) <= ACTIONS
        and size <= BYTES
        and max(map(len, changes.values())) <= CELLS_A_ROW
        and max(each.row_bytes for each in drafts) <= ITEM_BYTES
    )


def _subject_actions(table: Table, study: Study, draft: Draft, now: datetime) -> Iterator[Action]:
    row, head, version, stamp = draft.row, draft.row.head, draft.row.version, draft.row.stamp
    for pending in draft.fresh:
        version += 1
        stamp = max(now, stamp + TICK)
        journal = _journal_row(pending.receipt, version, stamp, head)
        head = journal.hash
        pending.tried.add(head)
        yield table.put(write_journal(journal, pending.receipt.entry), ABSENT)
    at = keys.subject(study.id, draft.shard, draft.task.subject)
    values = {
        "version": number(version),
        "head": binary(head),
        "stamp": text(stamp_text(stamp)),
        "format": number(codec.FORMAT),
        "body": binary(draft.body),
    }
    if row.shares is None:
        shares = {"M": {study.generation: binary(draft.share)}}
        yield table.put(key(at) | values | {"shares": shares}, ABSENT)
        return
    placed = {f":{name}": value for name, value in values.items()}
    yield table.update(
        at,
        _SET_ROW,
        _UNCHANGED,
        ExpressionAttributeNames={"#format": "format", "#generation": study.generation},
        ExpressionAttributeValues=placed
        | {":share": binary(draft.share), ":seen": number(row.version)},
    )


def _journal_row(receipt: Receipt, version: int, stamp: datetime, previous: bytes) -> JournalRow:
    entry = receipt.entry
    row = JournalRow(
        study=entry.study,
        subject=entry.subject,
        kind=entry.kind,
        record=entry.record,
        revision=entry.revision,
        body=entry.body,
        digest=entry.digest,
        event_id=entry.event_id,
        source=entry.source,
        time=entry.time,
        principal=receipt.principal,
        stamp=stamp_text(stamp),
        version=version,
        format=codec.FORMAT,
        previous=previous,
    )
    return replace(row, hash=row.sealed())


def _addition(table: Table, study: Study, shard: int, row: str, change: cells.Cells) -> Action:
    """Add to a row of sums; the study's own row must be there, or the generation has ended."""
    additions = {f"{keys.CELL}{name}": value for name, value in change.items()}
    if row == STUDY_ROW:
        additions[COMMITS] = 1
    return table.update(
        keys.sum_row(study.id, shard, study.generation, row),
        "ADD " + ",".join(f"#{i} :{i}" for i in range(len(additions))),
        PRESENT if row == STUDY_ROW else "",
        ExpressionAttributeNames={f"#{i}": name for i, name in enumerate(additions)},
        ExpressionAttributeValues={
            f":{i}": number(value) for i, value in enumerate(additions.values())
        },
    )
