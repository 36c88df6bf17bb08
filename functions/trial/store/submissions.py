"""Treatment events of blinded studies: who submitted what and when, and its verdict.

There is a row each time one is submitted, though it says what is recorded already: whoever guesses
leaves a trace. The row holds the body until its verdict is known, and after it where it was not
recorded: it is quarantined here, for those who may know why.

A verdict is what an event was to its subject. It would tell the arm: an event posted again with a
guess in it is a repetition where the guess is right and a conflict where it is wrong. So who posts
it is answered before anything is looked at, and the verdict is for the unblinded alone.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from trial.deferred import dataclass
from trial.errors import Unavailable
from trial.events.blinding import HIDDEN
from trial.events.envelope import Entry
from trial.store import keys
from trial.store.rows import TICK, stamp_text
from trial.store.subject_update import ROW_OVERHEAD_BYTES, TRANSACTION_BYTES
from trial.store.table import (
    ABSENT,
    KEYS_A_BATCH,
    PRESENT,
    Item,
    Table,
    TransactionCancelled,
    binary,
    key,
    number,
    sort_key,
    text,
)

PENDING, RECORDED, REPEATED = "pending", "recorded", "repeated"
CONFLICT, REFUSED = "conflict", "refused"
RESEND_AFTER = timedelta(minutes=15)
"""After how long the message of a submission counts as lost and is sent again."""
_TRIES = 5
_RESOLVED = "attribute_exists(verdict)"
_UNRESOLVED = "attribute_exists(PK) AND attribute_not_exists(verdict)"


@dataclass(frozen=True)
class Submission:
    """A treatment event as submitted: what it says it is, its body while that is kept.

    `verdict` is what it was to its subject; `problem` says why it was not recorded.
    """

    id: str
    at: str
    principal: str
    kind: str
    subject: str
    record: str
    revision: int
    event: str
    sha256: str
    body: bytes | None = None
    verdict: str = PENDING
    problem: Mapping[str, object] | None = None

    def document(self) -> dict[str, Any]:
        """Return it as data for those who may know its verdict."""
        document = {name: value for name, value in vars(self).items() if name != "body"}
        body = None if self.body is None else self.body.decode(errors="replace")
        return document | {"body": body}

    def blinded_document(self) -> dict[str, Any]:
        """Return it for those who must not tell arms apart: that it was submitted, and by whom."""
        hidden = dict.fromkeys(("sha256", "verdict", "problem", "body"), HIDDEN)
        return self.document() | hidden


class Submissions:
    """The treatment events submitted to every study, in the store's own table."""

    def __init__(
        self, table: Table, send: Callable[[str], None], now: Callable[[], datetime]
    ) -> None:
        """`send` takes the message that has submissions resolved."""
        self._table = table
        self._send = send
        self._now = now

    def submit(self, study_id: str, entries: Sequence[Entry], principal: str) -> None:
        """Store what one request submits and have it resolved; `Unavailable`: it may not be.

        Nothing here looks at what is recorded, so no time it takes can tell anything of that.
        """
        for batch in _batches(entries):
            self._notify(study_id, self._put(study_id, batch, principal, None))

    def refuse(
        self, study_id: str, entry: Entry, principal: str, problem: Mapping[str, object]
    ) -> None:
        """Note that an event was refused at once; its body is quarantined elsewhere."""
        self._put(study_id, [entry], principal, problem)

    def resend(self, study_id: str) -> None:
        """Send messages again for what has waited so long that the first must have been lost."""
        before = stamp_text(self._now() - RESEND_AFTER)
        overdue = [
            submission.id
            for submission in self.all(study_id)
            if submission.verdict == PENDING and submission.at < before
        ]
        for batch in batched(overdue, KEYS_A_BATCH, strict=False):
            self._notify(study_id, batch)

    def get(self, study_id: str, ids: Sequence[str]) -> list[Submission]:
        """Read submissions by their ids, in order of time; those not there are left out."""
        row_keys = [keys.submission(study_id, name) for name in dict.fromkeys(ids)]
        submissions = [
            _read(item)
            for batch in batched(row_keys, KEYS_A_BATCH, strict=False)
            for item in self._table.get_batch(batch)
        ]
        return sorted(submissions, key=lambda submission: submission.id)

    def all(self, study_id: str, after: str = "") -> Iterator[Submission]:
        """Read what was submitted, in order of time; what comes after one of them."""
        return map(_read, self._table.query(keys.submission_partition(study_id), after=after))

    def resolve(
        self,
        study_id: str,
        submission: Submission,
        verdict: str,
        problem: Mapping[str, object] | None = None,
    ) -> None:
        """Store the verdict on a submission; the first one stays.

        The body of what was recorded is in the journal from now on, and not here.
        """
        values = {":verdict": text(verdict)}
        change = "SET verdict = :verdict"
        if problem is not None:
            values[":problem"] = text(json.dumps(problem, ensure_ascii=False))
            change += ", problem = :problem"
        if verdict in (RECORDED, REPEATED):
            change += " REMOVE body"
        operands = {"ExpressionAttributeValues": values}
        self._update(study_id, submission, change, _UNRESOLVED, **operands)
        # An erasure notes the subject, then drops what is there: one of the two sees the other.
        if problem is not None and self._table.get(keys.erasure(study_id, submission.subject)):
            self._update(study_id, submission, "REMOVE body", PRESENT)

    def erase(self, study_id: str, subject: str) -> None:
        """Drop the bodies of an erased subject that were not recorded.

        Those that still wait to be lose their texts when they are. Every submission of the subject
        is written to, so that how long it takes does not tell how many were not recorded.
        """
        for submission in self.all(study_id):
            if submission.subject == subject:
                self._update(study_id, submission, "REMOVE body", _RESOLVED)

    def _put(
        self,
        study_id: str,
        entries: Sequence[Entry],
        principal: str,
        problem: Mapping[str, object] | None,
    ) -> list[str]:
        now = self._now()
        for attempt in range(_TRIES):  # two requests of one microsecond do not share an id
            stamp = stamp_text(now + attempt * TICK)
            items = [
                _item(study_id, entry, principal, (stamp, index), problem)
                for index, entry in enumerate(entries)
            ]
            try:
                self._table.write([self._table.put(item, ABSENT) for item in items])
            except TransactionCancelled:
                continue
            return [sort_key(item) for item in items]
        raise Unavailable("the submission could not be stored")

    def _notify(self, study_id: str, ids: Sequence[str]) -> None:
        self._send(json.dumps({"study": study_id, "submitted": list(ids)}))

    def _update(
        self,
        study_id: str,
        submission: Submission,
        change: str,
        condition: str,
        **operands: Any,  # noqa: ANN401 (values of the expression)
    ) -> None:
        row_key = keys.submission(study_id, submission.id)
        try:
            self._table.write([self._table.update(row_key, change, condition, **operands)])
        except TransactionCancelled as cancelled:
            if cancelled.codes != ["ConditionalCheckFailed"]:
                raise Unavailable("a submission is being written to") from cancelled


def _batches(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Divide entries into what a transaction may hold."""
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        entry_bytes = len(entry.body.encode(errors="surrogatepass")) + ROW_OVERHEAD_BYTES
        if batch and (len(batch) == KEYS_A_BATCH or size + entry_bytes > TRANSACTION_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry_bytes
    if batch:
        yield batch


def _item(
    study_id: str,
    entry: Entry,
    principal: str,
    position: tuple[str, int],
    problem: Mapping[str, object] | None,
) -> Item:
    stamp, index = position
    raw = entry.body.encode(errors="surrogatepass")
    item: Item = key(keys.submission(study_id, keys.submission_id(stamp, index))) | {
        "at": text(stamp),
        "who": text(principal),
        "kind": text(entry.kind),
        "subject": text(entry.subject),
        "record": text(entry.record),
        "revision": number(entry.revision),
        "event": text(entry.event_id),
        "sha256": text(hashlib.sha256(raw).hexdigest()),
    }
    if problem is None:
        return item | {"body": binary(raw)}
    return item | {"verdict": text(REFUSED), "problem": text(json.dumps(problem))}


def _read(item: Item) -> Submission:
    problem = item.get("problem", {}).get("S")
    return Submission(
        id=sort_key(item),
        at=item["at"]["S"],
        principal=item["who"]["S"],
        kind=item["kind"]["S"],
        subject=item["subject"]["S"],
        record=item["record"]["S"],
        revision=int(item["revision"]["N"]),
        event=item["event"]["S"],
        sha256=item["sha256"]["S"],
        body=item["body"]["B"] if "body" in item else None,
        verdict=item.get("verdict", {}).get("S", PENDING),
        problem=json.loads(problem) if problem else None,
    )
