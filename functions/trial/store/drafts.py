"""What a transaction will say: entries folded into their subject's row, packed into parts.

A draft is one subject's change; a part is as many drafts of one shard as one transaction takes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from trial import cells
from trial.cells import Share
from trial.store import codec, keys
from trial.store.generations import (
    ACTIONS,
    FENCED,
    MARKS,
    Plan,
    gate_row,
    is_gate,
    row_of,
)
from trial.store.rows import (
    COMMITS,
    FILLS,
    TICK,
    JournalRow,
    Receipt,
    Row,
    stamp_text,
    write_journal,
)
from trial.store.table import ABSENT, Action, Table, Value, binary, key, number, text
from trial.study import Study
from trial.subject import Outcome, Subject, fold

type Contribute = Callable[[Study, Subject], Share]

BYTES = 3_500_000  # of the 4 MB that a transaction's items may have: sizes here are estimates
CELLS_A_ROW = 250  # of the 300 operators that an expression may have
ITEM_BYTES = 390_000  # of the 400 KB that an item may have
SUM_ROW_BYTES = 8_000  # a generous guess: what stands in a row of sums is not read before
OVERHEAD = 1_000  # of a journal or subject row beside its body: keys, names, hashes, stamps

_SET_ROW = "SET version = :version, head = :head, stamp = :stamp, #format = :format, body = :body"


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
    """One subject's change: the entries taken, what each is to its subject, and what follows.

    `change` names rows of sums with their generation, and begins with the gate of every live one;
    those in `marks` are not counted and become behind.
    """

    plan: Plan
    task: Task
    shard: int
    row: Row
    taken: Sequence[tuple[Pending, Outcome]]
    body: bytes
    shares: Mapping[str, bytes]
    change: Share
    marks: frozenset[str]

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
        shares = {**(self.row.shares or {}), **self.shares}
        return OVERHEAD + len(self.body) + sum(map(len, shares.values()))

    @property
    def size(self) -> int:
        """About how many bytes this adds to a transaction beside the sums."""
        return self.row_bytes + sum(map(journal_bytes, self.fresh))


def journal_bytes(pending: Pending) -> int:
    """Say about how large an entry's journal row will be."""
    entry = pending.receipt.entry
    return OVERHEAD + len(entry.body.encode()) + len(entry.source) + len(pending.receipt.principal)


def draft(plan: Plan, contribute: Contribute, task: Task, shard: int, row: Row) -> Draft:
    """Fold as many of a task's entries as one transaction takes; at least one.

    Where not even one fits with the sums of every generation, only those in force are counted.
    """
    limit = task.limit
    while True:
        made = _draft(plan, contribute, replace(task, limit=limit), shard, row, plan.counted)
        if _fit([made], made.change):
            return made
        if limit == 1:
            break
        limit //= 2
    if len(plan.counted) == 1:
        return made
    return _draft(plan, contribute, replace(task, limit=1), shard, row, plan.counted[:1])


def _draft(
    plan: Plan,
    contribute: Contribute,
    task: Task,
    shard: int,
    row: Row,
    counted: Sequence[Study],
) -> Draft:
    subject, taken = row.subject, []
    for pending in task.entries[: task.limit]:
        subject, outcome = fold(subject, pending.receipt.entry)
        taken.append((pending, outcome))
    version = row.version + sum(outcome is Outcome.RECORDED for _, outcome in taken)
    names = [each.generation for each in plan.counted] + list(plan.others)
    change: Share = {gate_row(name): {} for name in names}
    shares = {}
    for study in counted:
        share = contribute(study, subject)
        shares[study.generation] = codec.encode_share(share, version)
        change = merged(change, moved(study, share, row))
    marks = frozenset(names) - shares.keys()
    return Draft(plan, task, shard, row, taken, codec.encode(subject), shares, change, marks)


def moved(study: Study, share: Share, row: Row) -> Share:
    """Say how a generation's sums change when a share is counted in place of the row's own."""
    name = study.generation
    change = cells.difference(share, row.share(name))
    return {row_of(name, each): of_row for each, of_row in change.items()}


@dataclass(frozen=True)
class Part:
    """Drafts that commit together, or not at all, and what they change in the sums of a shard."""

    drafts: Sequence[Draft]
    changes: Share

    @property
    def tasks(self) -> list[Task]:
        """Their tasks, to be done again if the transaction fails."""
        return [each.task for each in self.drafts]

    @property
    def plan(self) -> Plan:
        """The plan they were all made under."""
        return self.drafts[0].plan

    @property
    def gates(self) -> slice:
        """Where the gates stand among the actions."""
        first = sum(len(each.fresh) + 1 for each in self.drafts)
        return slice(first, first + self.plan.gates)


def parts(drafts: Iterable[Draft]) -> Iterator[Part]:
    """Pack drafts of one plan, shard by shard, into as few parts as fit."""
    shards: dict[int, list[Draft]] = {}
    for each in drafts:
        shards.setdefault(each.shard, []).append(each)
    for of_shard in shards.values():
        packed, changes = [of_shard[0]], of_shard[0].change
        for each in of_shard[1:]:
            more = merged(changes, each.change)
            if _fit([*packed, each], more):
                packed, changes = [*packed, each], more
            else:
                yield Part(packed, changes)
                packed, changes = [each], each.change
        yield Part(packed, changes)


def actions(table: Table, study_id: str, part: Part, now: datetime) -> list[Action]:
    """Write a part's actions: each draft's journal rows and subject row, the gates, the sums.

    Stamps are taken from `now`, rising strictly within a subject.
    """
    made: list[Action] = []
    for each in part.drafts:
        made += _subject_actions(table, study_id, each, now)
    marks = {gate_row(name) for each in part.drafts for name in each.marks}
    fence, shard = part.plan.fence, part.drafts[0].shard
    for row, change in part.changes.items():
        at = keys.sum_row(study_id, shard, row)
        made.append(addition(table, at, row, change, fence, marked=row in marks))
    return made


def merged(changes: Share, more: Share) -> Share:
    """Add changes up; a row whose changes cancel out is left alone, unless it is a gate."""
    sums = dict(changes)
    for row, change in more.items():
        total = sums[row] = dict(sums.get(row, {}))
        cells.add(total, change)
        if not total and not is_gate(row):
            del sums[row]
    return sums


def _fit(drafts: Sequence[Draft], changes: Share) -> bool:
    rows = sum(len(each.fresh) + 1 for each in drafts)
    size = sum(each.size for each in drafts) + SUM_ROW_BYTES * len(changes)
    return (
        rows + len(changes) <= ACTIONS
        and size <= BYTES
        and max(map(len, changes.values())) <= CELLS_A_ROW
        and max(each.row_bytes for each in drafts) <= ITEM_BYTES
    )


def _subject_actions(table: Table, study_id: str, draft: Draft, now: datetime) -> Iterator[Action]:
    row, head, version, stamp = draft.row, draft.row.head, draft.row.version, draft.row.stamp
    for pending in draft.fresh:
        version += 1
        stamp = max(now, stamp + TICK)
        journal = _journal_row(pending.receipt, version, stamp, head)
        head = journal.hash
        pending.tried.add(head)
        yield table.put(write_journal(journal, pending.receipt.entry), ABSENT)
    at = keys.subject(study_id, draft.shard, draft.task.subject)
    values = {
        "version": number(version),
        "head": binary(head),
        "stamp": text(stamp_text(stamp)),
        "format": number(codec.FORMAT),
        "body": binary(draft.body),
    }
    shares = {name: binary(share) for name, share in draft.shares.items()}
    if row.shares is None:
        yield table.put(key(at) | values | {"shares": {"M": shares}}, ABSENT)
        return
    yield replacing(table, at, row, shares, _SET_ROW, {"#format": "format"}, values)


def replacing(
    table: Table,
    at: keys.Key,
    row: Row,
    shares: Mapping[str, Value],
    expression: str,
    names: Mapping[str, str],
    values: Mapping[str, Value],
) -> Action:
    """Update a subject's row and shares on condition that it is as it was read."""
    placed = {f":{name}": value for name, value in values.items()} | {":seen": number(row.version)}
    placed |= {f":share{i}": share for i, share in enumerate(shares.values())}
    named = {f"#share{i}": name for i, name in enumerate(shares)}
    sets = [expression, *(f"shares.#share{i} = :share{i}" for i in range(len(shares)))]
    unchanged = f"version = :seen AND attribute_not_exists({FILLS})"
    if row.fills:
        unchanged = f"version = :seen AND {FILLS} = :filled"
        placed |= {":filled": number(row.fills)}
    return table.update(
        at,
        ", ".join(sets),
        unchanged,
        ExpressionAttributeNames={**names, **named},
        ExpressionAttributeValues=placed,
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


def addition(
    table: Table,
    at: keys.Key,
    row: str,
    change: cells.Cells,
    fence: int,
    *,
    marked: bool = False,
    seen: int | None = None,
) -> Action:
    """Add to a row of sums; a gate's fence must be of the plan that the writer knows.

    `seen`: and no transaction may have taken effect since the gate's commits were read.
    """
    additions = {f"{keys.CELL}{name}": value for name, value in change.items()}
    placed: dict[str, Value] = {}
    condition = ""
    if is_gate(row):
        additions |= {COMMITS: 1} | ({MARKS: 1} if marked else {})
        placed[":fence"], condition = number(fence), FENCED
        if seen is not None:
            placed[":seen"], condition = number(seen), f"{FENCED} AND {COMMITS} = :seen"
    placed |= {f":{i}": number(value) for i, value in enumerate(additions.values())}
    return table.update(
        at,
        "ADD " + ",".join(f"#{i} :{i}" for i in range(len(additions))),
        condition,
        ExpressionAttributeNames={f"#{i}": name for i, name in enumerate(additions)},
        ExpressionAttributeValues=placed,
    )
