"""Recording events: each counted exactly once, whatever fails between reading and answering.

Subjects are read, entries folded, and what is new commits in transactions that hold the journal
rows, the subject's row on condition that it is as it was read, and the change of every sum. A
transaction that was not seen to commit is never sent again: its subjects are read again first,
and the fold finds what did commit. So nothing rests on a `ClientRequestToken`, and a lost answer,
a conflict and a crash are the same case.

Whether an entry found recorded on a later look was recorded by this very call or by another, the
hash in its journal row says: this call knows the hashes it tried.
"""

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from trial.definition.study import Study
from trial.errors import Rejected, Unavailable, internal_failure
from trial.events.payloads import ERASURE
from trial.store import keys, paging
from trial.store.actions import actions
from trial.store.definitions import retired_error
from trial.store.generations import WritePlan
from trial.store.paging import Row
from trial.store.rows import Change, Receipt, Result
from trial.store.spreading import Spreading
from trial.store.subject_update import (
    ITEM_BYTES,
    SUBJECT_LENGTH,
    Contribute,
    PendingEntry,
    SubjectUpdate,
    SubjectWork,
    Transaction,
    draft,
    journal_bytes,
    parts,
)
from trial.store.table import KEYS_A_BATCH, InvalidTransaction, Table, TransactionCancelled
from trial.subject.fold import Outcome, Subject, fold

ATTEMPTS = 12
PATIENCE = timedelta(seconds=12)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_EVENTS_A_TRANSACTION = 90

_LOST_RACE = "ConditionalCheckFailed"
_NOT_AT_FAULT = "None"
_PASSING = {
    _NOT_AT_FAULT,
    _LOST_RACE,
    "TransactionConflict",
    "ProvisionedThroughputExceeded",
    "ThrottlingError",
    "TransactionInProgress",
}


class DefinitionSuperseded(Unavailable):
    """Another definition came into force: entries must be accepted by it before they are sent."""


class Corrupted(Unavailable):
    """A journal row exists that its subject's row does not know: Audit must repair the subject."""


@dataclass(frozen=True)
class Attempt:
    """Tasks tried together, and how many times they failed."""

    tasks: Sequence[SubjectWork]
    failures: int = 0


class Recording:
    """One call's work: what is still to be done, and each entry's result so far."""

    def __init__(
        self,
        table: Table,
        study: Study,
        plan: WritePlan,
        renew: Callable[[], WritePlan],
        contribute: Contribute,
        spreading: Spreading,
        now: Callable[[], datetime],
        pause: Callable[[float], None],
    ) -> None:
        self.table = table
        self.spreading = spreading
        self.study = study
        self.plan = plan
        self.renew = renew
        self.contribute = contribute
        self.now = now
        self.pause = pause
        self.deadline = now() + PATIENCE
        self.results: dict[int, Result] = {}
        self.groups: deque[Attempt] = deque()

    def run(self, receipts: Sequence[Receipt]) -> list[Result]:
        """Record the entries; give each one's result, in order."""
        if receipts and self.plan.study.digest != self.study.digest:
            self.plan = self.renew()
        subjects: dict[str, list[PendingEntry]] = {}
        for index, receipt in enumerate(receipts):
            assert receipt.entry.study == self.study.id
            subjects.setdefault(receipt.entry.subject, []).append(PendingEntry(index, receipt))
        tasks = [SubjectWork(name, of, _EVENTS_A_TRANSACTION) for name, of in subjects.items()]
        for start in range(0, len(tasks), KEYS_A_BATCH):
            self.groups.append(Attempt(tasks[start : start + KEYS_A_BATCH]))
        while self.groups:
            self._try(self.groups.popleft())
        return [self.results[index] for index in range(len(receipts))]

    def _try(self, group: Attempt) -> None:
        if group.failures:
            longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (group.failures - 1))
            self.pause(random.uniform(0, longest))  # noqa: S311 (jitter)
        try:
            rows = self._read(group.tasks)
            tasks = [
                task for each in group.tasks if (task := self._unsettled(each, rows)) is not None
            ]
        except Unavailable as error:
            self._again(group.tasks, group.failures, error)
            return
        if self.plan.study.digest != self.study.digest:
            self._give_up(tasks, DefinitionSuperseded("the study's definition has changed"))
            return
        if self.plan.retired:
            tasks = [taken for each in tasks if (taken := self._erasures(each)) is not None]
        for part in parts(self._drafts(tasks, rows)):
            self._commit(part, group.failures)

    def _read(self, tasks: Sequence[SubjectWork]) -> dict[str, Row]:
        wanted = [keys.subject(self.study.id, self._shard(each), each.subject) for each in tasks]
        rows: dict[keys.Key, Row | None] = {}
        if len(wanted) == 1:
            rows[wanted[0]] = paging.row(self.table, wanted[0])
        else:
            rows |= paging.rows(self.table, wanted)
        return {
            task.subject: rows.get(key) or Row(Subject(task.subject))
            for task, key in zip(tasks, wanted, strict=True)
        }

    def _unsettled(self, task: SubjectWork, rows: dict[str, Row]) -> SubjectWork | None:
        """Settle what the subject's row knows already, and what no row can hold."""
        left = []
        for pending in task.entries:
            _, outcome = fold(rows[task.subject].subject, pending.receipt.entry)
            if outcome is Outcome.REPEATED and pending.tried and self._is_ours(pending):
                outcome = Outcome.RECORDED
            elif outcome is Outcome.RECORDED:
                if journal_bytes(pending) <= ITEM_BYTES:
                    left.append(pending)
                    continue
                self._settle(pending, _too_large())
                continue
            self._settle(pending, outcome)
        return replace(task, entries=left) if left else None

    def _erasures(self, task: SubjectWork) -> SubjectWork | None:
        """Keep what a retired study takes, and refuse the rest."""
        left = []
        for pending in task.entries:
            if pending.receipt.entry.kind == ERASURE:
                left.append(pending)
            else:
                self._settle(pending, retired_error())
        return replace(task, entries=left) if left else None

    def _is_ours(self, pending: PendingEntry) -> bool:
        item = self.table.get(keys.journal_row(pending.receipt.entry))
        return item is not None and item["hash"]["B"] in pending.tried

    def _drafts(self, tasks: Sequence[SubjectWork], rows: dict[str, Row]) -> list[SubjectUpdate]:
        plan, drafts = self.plan, []
        for task in tasks:
            row = rows[task.subject]
            try:
                at = self._shard(task)
                placed = partial(self.spreading.placed, self.study.id, at)
                drafts.append(draft(plan, self.contribute, placed, task, at, row))
            except Unavailable as error:
                self._give_up([task], error)
            except Exception as error:  # noqa: BLE001 (whatever it is, it is of this subject alone)
                self._uncounted(task, error)
        return drafts

    def _uncounted(self, task: SubjectWork, error: Exception) -> None:
        """Find the entry that this code fails to count, and take the subject's others."""
        if task.limit > 1 and len(task.entries) > 1:
            self._follow([replace(task, limit=min(task.limit, len(task.entries)) // 2)])
            return
        self._settle(task.entries[0], internal_failure(error))
        self._follow([replace(task, entries=task.entries[1:], limit=_EVENTS_A_TRANSACTION)])

    def _commit(self, part: Transaction, failures: int) -> None:
        alone = part.drafts[0] if len(part.drafts) == 1 else None
        if alone is not None and alone.too_large:
            self._refused(part, _subject_too_large())
            return
        wanted = actions(self.table, self.study.id, part, self.now())
        try:
            self.table.write(wanted)
        except Unavailable as error:
            self._again(part.tasks, failures, error)
        except InvalidTransaction:
            self._unfit(part, failures)
        except TransactionCancelled as cancelled:
            self._cancelled(part, failures, _one_each(cancelled.codes, len(wanted)))
        else:
            for each in part.drafts:
                self._taken(each)
            self._follow([replace(each.task, entries=each.rest) for each in part.drafts])

    def _taken(self, draft: SubjectUpdate) -> None:
        """Settle what committed, and say what each entry did to its subject."""
        subject = draft.row.subject
        for pending, outcome in draft.taken:
            before, (subject, _) = subject, fold(subject, pending.receipt.entry)
            self._settle(pending, outcome, Change(before, subject, draft.counted))

    def _cancelled(self, part: Transaction, failures: int, codes: Sequence[str]) -> None:
        if _LOST_RACE in codes[part.gates]:
            self._replan(part, failures)
        elif not _PASSING.issuperset(codes):
            self._unfit(part, failures)
        elif failures and len(part.drafts) == 1 and _journal_alone(part.drafts[0], codes):
            self._give_up(part.tasks, Corrupted("the journal holds what the subject does not know"))
        else:
            self._again(part.tasks, failures, Unavailable("the subject is being written to"))

    def _unfit(self, part: Transaction, failures: int) -> None:
        """Spread rows of sums that are full; where none is, an entry is to blame."""
        try:
            spread = self.spreading.learn(self.study.id, part.drafts[0].shard, part.changes)
        except Unavailable as error:
            self._again(part.tasks, failures, error)
            return
        if spread:
            self.groups.append(Attempt(part.tasks, failures))
        else:
            self._refused(part, Rejected(422, "Event cannot be stored", "the store refuses it"))

    def _replan(self, part: Transaction, failures: int) -> None:
        """Go on under the plan there is now."""
        changing = Unavailable("the study's generations are changing")
        try:
            if part.plan is self.plan:
                self.plan = self.renew()
        except Unavailable as error:
            changing = error
        self._again(part.tasks, failures, changing)

    def _again(self, tasks: Sequence[SubjectWork], failures: int, error: Unavailable) -> None:
        """Try once more together, then in halves, so that no subject fails its neighbours."""
        failures += 1
        if failures >= ATTEMPTS or self.now() >= self.deadline:
            self._give_up(tasks, error)
        elif failures == 1 or len(tasks) == 1:
            self.groups.append(Attempt(tasks, failures))
        else:
            middle = len(tasks) // 2
            self.groups.append(Attempt(tasks[:middle], failures))
            self.groups.append(Attempt(tasks[middle:], failures))

    def _refused(self, part: Transaction, error: Rejected) -> None:
        """Find the entry that cannot be stored: part by part, then entry by entry."""
        if len(part.drafts) > 1:
            middle = len(part.drafts) // 2
            self.groups.append(Attempt(part.tasks[:middle]))
            self.groups.append(Attempt(part.tasks[middle:]))
            return
        (alone,) = part.drafts
        if len(alone.taken) > 1:
            self._follow([replace(alone.task, limit=len(alone.taken) // 2)])
            return
        ((pending, _),) = alone.taken
        self._settle(pending, error)
        self._follow([replace(alone.task, entries=alone.rest, limit=_EVENTS_A_TRANSACTION)])

    def _follow(self, tasks: Sequence[SubjectWork]) -> None:
        if left := [each for each in tasks if each.entries]:
            self.groups.append(Attempt(left))

    def _give_up(self, tasks: Sequence[SubjectWork], error: Unavailable) -> None:
        for task in tasks:
            for pending in task.entries:
                self._settle(pending, error)

    def _settle(
        self,
        pending: PendingEntry,
        outcome: Outcome | Rejected | Unavailable,
        change: Change | None = None,
    ) -> None:
        self.results.setdefault(pending.index, Result(outcome, change))

    def _shard(self, task: SubjectWork) -> int:
        return keys.shard_of(task.subject, self.study.definition.shards)


def _one_each(codes: Sequence[str], actions: int) -> Sequence[str]:
    """Give the reasons one an action; where they came otherwise, at least refused or not."""
    if len(codes) == actions:
        return codes
    return [next((code for code in codes if code not in _PASSING), _NOT_AT_FAULT)] * actions


def _journal_alone(alone: SubjectUpdate, codes: Sequence[str]) -> bool:
    """Say whether a journal row was in the way and the subject's row as it was read."""
    fresh = len(alone.fresh)
    return _LOST_RACE in codes[:fresh] and codes[fresh] == _NOT_AT_FAULT


def _too_large() -> Rejected:
    return Rejected(413, "Event too large", "its journal row would pass 400 KB")


def _subject_too_large() -> Rejected:
    return Rejected(
        413, "Subject too large", f"its records would pass {SUBJECT_LENGTH // 10**6} MB of JSON"
    )
