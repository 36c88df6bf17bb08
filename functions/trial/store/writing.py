"""Recording events: each counted exactly once, whatever fails between reading and answering.

Subjects are read, entries folded, and what is new commits in transactions that hold the journal
rows, the subject's row on condition that it is as it was read, and the change of every sum. A
transaction that was not seen to commit is never sent again: its subjects are read again first,
and the fold finds what did commit. So nothing rests on a `ClientRequestToken`, and a lost answer,
a conflict and a crash are the same case.

A change too wide for one transaction moves in parts: the first records the entry, and the call goes
on with the rest (`moving`).

Whether an entry found recorded on a later look was recorded by this very call or by another, the
hash in its journal row says: this call knows the hashes it tried.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.errors import Rejected, Unavailable, internal_failure
from trial.events.payloads import ERASURE
from trial.store import keys, paging
from trial.store.actions import transaction_actions
from trial.store.backoff import jittered_pause
from trial.store.definitions import retired_error
from trial.store.generations import WritePlan
from trial.store.paging import SubjectRow
from trial.store.rows import Receipt, Result, SubjectChange
from trial.store.spreading import Spreading
from trial.store.subject_update import (
    ITEM_BYTES,
    SUBJECT_LENGTH,
    Contribute,
    PendingEntry,
    SubjectUpdate,
    SubjectWork,
    Transaction,
    fold_update,
    journal_bytes,
    pack_transactions,
)
from trial.store.table import KEYS_A_BATCH, InvalidTransaction, Table, TransactionCancelled, key_of
from trial.subject.fold import Outcome, Subject, outcome_of

MAX_ATTEMPTS = 12
RETRY_TIMEOUT = timedelta(seconds=12)
_EVENTS_A_TRANSACTION = 90

_CONDITION_FAILED = "ConditionalCheckFailed"
_NO_REASON = "None"
_TRANSIENT_CODES = {
    _NO_REASON,
    _CONDITION_FAILED,
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
    """Subjects' work that is tried together, and how many times it failed."""

    work_items: Sequence[SubjectWork]
    failures: int = 0


class Recording:
    """One call's work: what is still to be done, and each entry's result so far."""

    def __init__(
        self,
        table: Table,
        study: Study,
        plan: WritePlan,
        reload_plan: Callable[[], WritePlan],
        contribute: Contribute,
        spreading: Spreading,
        now: Callable[[], datetime],
        pause: Callable[[float], None],
    ) -> None:
        self.table = table
        self.spreading = spreading
        self.study = study
        self.plan = plan
        self.reload_plan = reload_plan
        self.contribute = contribute
        self.now = now
        self.pause = pause
        self.deadline = now() + RETRY_TIMEOUT
        self.results: dict[int, Result] = {}
        self.attempts: deque[Attempt] = deque()

    def run(self, receipts: Sequence[Receipt]) -> list[Result]:
        """Record the entries; return each one's result, in order."""
        if receipts and self.plan.study.digest != self.study.digest:
            self.plan = self.reload_plan()
        subjects: dict[str, list[PendingEntry]] = {}
        for index, receipt in enumerate(receipts):
            assert receipt.entry.study == self.study.id
            subjects.setdefault(receipt.entry.subject, []).append(PendingEntry(index, receipt))
        work_items = [
            SubjectWork(subject, entries, _EVENTS_A_TRANSACTION)
            for subject, entries in subjects.items()
        ]
        for start in range(0, len(work_items), KEYS_A_BATCH):
            self.attempts.append(Attempt(work_items[start : start + KEYS_A_BATCH]))
        while self.attempts:
            self._run_attempt(self.attempts.popleft())
        return [self.results[index] for index in range(len(receipts))]

    def _run_attempt(self, attempt: Attempt) -> None:
        if attempt.failures:
            self.pause(jittered_pause(attempt.failures))
        try:
            rows = self._read(attempt.work_items)
            work_items = [self._unresolved(work, rows) for work in attempt.work_items]
        except Unavailable as error:
            self._retry(attempt.work_items, attempt.failures, error)
            return
        if self.plan.study.digest != self.study.digest:
            self._fail(work_items, DefinitionSuperseded("the study's definition has changed"))
            work_items = [self._without_entries(work, rows) for work in work_items]
        elif self.plan.retired:
            work_items = [self._only_erasures(work, rows) for work in work_items]
        unfinished = [work for work in work_items if work.is_unfinished]
        for transaction in pack_transactions(self._updates(unfinished, rows)):
            self._commit(transaction, attempt.failures)

    def _read(self, work_items: Sequence[SubjectWork]) -> dict[str, SubjectRow]:
        row_keys = [
            keys.subject_row(self.study.id, self._shard(work), work.subject) for work in work_items
        ]
        shards = sorted(set(map(self._shard, work_items)))
        note_keys = self.spreading.unread_notes(self.plan.counted, shards)
        rows: dict[keys.Key, SubjectRow | None] = {}
        if len(row_keys) == 1 and not note_keys:
            rows[row_keys[0]] = paging.read_row(self.table, row_keys[0])
        else:
            rows |= self._read_with_notes(row_keys, note_keys[: KEYS_A_BATCH - len(row_keys)])
        return {
            work.subject: rows.get(key) or SubjectRow(Subject(work.subject))
            for work, key in zip(work_items, row_keys, strict=True)
        }

    def _read_with_notes(
        self, row_keys: Sequence[keys.Key], note_keys: Sequence[keys.Key]
    ) -> dict[keys.Key, SubjectRow]:
        """Read, in one request, subjects' rows and what is known of the sums they will change."""
        items = list(self.table.get_batch([*row_keys, *note_keys]))
        self.spreading.learn(note_keys, items)
        subject_items = [item for item in items if keys.is_subject_row(key_of(item))]
        return paging.assemble_rows(self.table, subject_items)

    def _unresolved(self, work: SubjectWork, rows: dict[str, SubjectRow]) -> SubjectWork:
        """Resolve entries that the subject's row holds already or no row can; keep the others."""
        unresolved = []
        for pending in work.entries:
            outcome = outcome_of(rows[work.subject].subject, pending.receipt.entry)
            if outcome is Outcome.REPEATED and pending.tried_hashes and self._is_ours(pending):
                outcome = Outcome.RECORDED
            elif outcome is Outcome.RECORDED:
                if journal_bytes(pending) <= ITEM_BYTES:
                    unresolved.append(pending)
                    continue
                self._resolve(pending, _entry_too_large())
                continue
            self._resolve(pending, outcome)
        if unresolved:
            return replace(work, entries=unresolved)
        return self._without_entries(work, rows)

    def _without_entries(self, work: SubjectWork, rows: dict[str, SubjectRow]) -> SubjectWork:
        """Leave nothing to do but to go on with a share that is partial."""
        row = rows[work.subject]
        is_moving = any(row.is_partial(study.generation) for study in self.plan.counted)
        return replace(work, entries=[], is_moving=is_moving)

    def _only_erasures(self, work: SubjectWork, rows: dict[str, SubjectRow]) -> SubjectWork:
        """Reject all that a retired study does not take; keep its erasures."""
        erasures = []
        for pending in work.entries:
            if pending.receipt.entry.kind == ERASURE:
                erasures.append(pending)
            else:
                self._resolve(pending, retired_error())
        return replace(work, entries=erasures) if erasures else self._without_entries(work, rows)

    def _is_ours(self, pending: PendingEntry) -> bool:
        """Return whether the journal row of an entry was written by this call.

        The answer to a transaction may be lost although it committed. The hash of a journal row
        covers its stamp and its place in the chain, so only who wrote the row has tried that hash.
        """
        item = self.table.get(keys.journal_row(pending.receipt.entry))
        return item is not None and item["hash"]["B"] in pending.tried_hashes

    def _updates(
        self, work_items: Sequence[SubjectWork], rows: dict[str, SubjectRow]
    ) -> list[SubjectUpdate]:
        plan, updates = self.plan, []
        for work in work_items:
            row = rows[work.subject]
            try:
                shard = self._shard(work)
                place = partial(self.spreading.place, self.study.id, shard)
                updates.append(fold_update(plan, self.contribute, place, work, shard, row))
            except Unavailable as error:
                self._fail([work], error)
            except Exception as error:  # noqa: BLE001 (whatever it is, it is of this subject alone)
                self._isolate_uncountable(work, error)
        return updates

    def _isolate_uncountable(self, work: SubjectWork, error: Exception) -> None:
        """Find the entry that this code fails to count, and take the subject's others."""
        if not work.entries:
            return  # readers compute until Audit has completed its share
        if work.limit > 1 and len(work.entries) > 1:
            self._enqueue([replace(work, limit=min(work.limit, len(work.entries)) // 2)])
            return
        self._resolve(work.entries[0], internal_failure(error))
        self._enqueue([replace(work, entries=work.entries[1:], limit=_EVENTS_A_TRANSACTION)])

    def _commit(self, transaction: Transaction, failures: int) -> None:
        updates = transaction.updates
        if len(updates) == 1 and updates[0].is_too_large:
            self._bisect(transaction, _subject_too_large())
            return
        actions = transaction_actions(self.table, self.study.id, transaction, self.now())
        try:
            units = self.table.write(actions)
        except Unavailable as error:
            self._retry(transaction.work_items, failures, error)
        except InvalidTransaction as error:
            self._spread_or_bisect(transaction, failures, error.code)
        except TransactionCancelled as cancelled:
            codes = _one_code_per_action(cancelled.codes, len(actions))
            self._cancelled(transaction, failures, codes)
        else:
            for update in updates:
                self._committed(update)
            self._note_cost(transaction, units)
            self._enqueue(
                [
                    replace(update.work, entries=update.remaining, is_moving=not update.is_complete)
                    for update in updates
                ]
            )

    def _note_cost(self, transaction: Transaction, units: float) -> None:
        """Look for rows of sums that have grown large; what is recorded is so either way."""
        shard, usual = transaction.updates[0].shard, transaction.usual_units
        with suppress(Unavailable):
            self.spreading.note_cost(self.study.id, shard, transaction.changes, units, usual)

    def _committed(self, update: SubjectUpdate) -> None:
        """Resolve what committed, with what each entry changed in its subject."""
        before = update.row.subject
        for pending, outcome, after in update.folded:
            self._resolve(pending, outcome, SubjectChange(before, after, update.share_in_force))
            before = after

    def _cancelled(self, transaction: Transaction, failures: int, codes: Sequence[str]) -> None:
        work_items = transaction.work_items
        if _CONDITION_FAILED in codes[transaction.header_actions]:
            self._reload_and_retry(transaction, failures)
        elif rejections := [code for code in codes if code not in _TRANSIENT_CODES]:
            self._spread_or_bisect(transaction, failures, rejections[0])
        elif failures and _only_journal_failed(transaction, codes):
            # Not the first time, so the subject was read again since: it is no lost answer.
            corrupted = Corrupted("a journal row exists that is not in the subject's row")
            self._fail(work_items, corrupted)
        else:
            self._retry(work_items, failures, Unavailable("the subject is being written to"))

    def _spread_or_bisect(self, transaction: Transaction, failures: int, code: str) -> None:
        """Spread rows of sums that are full; where none is, an entry is to blame."""
        shard = transaction.updates[0].shard
        try:
            newly_full = self.spreading.find_full_rows(self.study.id, shard, transaction.changes)
        except Unavailable as error:
            self._retry(transaction.work_items, failures, error)
            return
        if newly_full:
            self.attempts.append(Attempt(transaction.work_items, failures))
        else:
            detail = f"DynamoDB rejected the transaction: {code}"
            self._bisect(transaction, Rejected(422, "Event cannot be stored", detail))

    def _reload_and_retry(self, transaction: Transaction, failures: int) -> None:
        """Go on under the plan that is in force now."""
        changing = Unavailable("the study's generations are changing")
        try:
            if transaction.plan is self.plan:
                self.plan = self.reload_plan()
        except Unavailable as error:
            changing = error
        self._retry(transaction.work_items, failures, changing)

    def _retry(self, work_items: Sequence[SubjectWork], failures: int, error: Unavailable) -> None:
        """Try once more together, then in halves, so that no subject fails its neighbours."""
        failures += 1
        if failures >= MAX_ATTEMPTS or self.now() >= self.deadline:
            self._fail(work_items, error)
        elif failures == 1 or len(work_items) == 1:
            self.attempts.append(Attempt(work_items, failures))
        else:
            middle = len(work_items) // 2
            self.attempts.append(Attempt(work_items[:middle], failures))
            self.attempts.append(Attempt(work_items[middle:], failures))

    def _bisect(self, transaction: Transaction, error: Rejected) -> None:
        """Find the entry that cannot be stored: subject by subject, then entry by entry."""
        if len(transaction.updates) > 1:
            middle = len(transaction.updates) // 2
            self.attempts.append(Attempt(transaction.work_items[:middle]))
            self.attempts.append(Attempt(transaction.work_items[middle:]))
            return
        (update,) = transaction.updates
        if not update.folded:
            return  # only a part of a share: readers compute until Audit has completed it
        if len(update.folded) > 1:
            self._enqueue([replace(update.work, limit=len(update.folded) // 2)])
            return
        ((pending, *_),) = update.folded
        self._resolve(pending, error)
        self._enqueue([replace(update.work, entries=update.remaining, limit=_EVENTS_A_TRANSACTION)])

    def _enqueue(self, work_items: Sequence[SubjectWork]) -> None:
        """Go on with entries, and with partial shares unless the call has taken too long."""
        is_late = self.deadline <= self.now()
        if unfinished := [
            work for work in work_items if (work.entries if is_late else work.is_unfinished)
        ]:
            self.attempts.append(Attempt(unfinished))

    def _fail(self, work_items: Sequence[SubjectWork], error: Unavailable) -> None:
        for work in work_items:
            for pending in work.entries:
                self._resolve(pending, error)

    def _resolve(
        self,
        pending: PendingEntry,
        outcome: Outcome | Rejected | Unavailable,
        change: SubjectChange | None = None,
    ) -> None:
        self.results.setdefault(pending.index, Result(outcome, change))

    def _shard(self, work: SubjectWork) -> int:
        return keys.shard_of(work.subject, self.study.definition.shards)


def _one_code_per_action(codes: Sequence[str], actions: int) -> Sequence[str]:
    """Return one reason an action; where they came otherwise, at least whether any is final."""
    if len(codes) == actions:
        return codes
    return [next((code for code in codes if code not in _TRANSIENT_CODES), _NO_REASON)] * actions


def _only_journal_failed(transaction: Transaction, codes: Sequence[str]) -> bool:
    """Return whether a single subject's journal row exists while its own row is as it was read."""
    if len(transaction.updates) != 1:
        return False
    journal_rows = len(transaction.updates[0].new_entries)
    return _CONDITION_FAILED in codes[:journal_rows] and codes[journal_rows] == _NO_REASON


def _entry_too_large() -> Rejected:
    return Rejected(413, "Event too large", "its journal row would be larger than 400 KB")


def _subject_too_large() -> Rejected:
    megabytes = SUBJECT_LENGTH // 10**6
    detail = f"the subject's records would be larger than {megabytes} MB of JSON"
    return Rejected(413, "Subject too large", detail)
