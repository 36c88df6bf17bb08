"""Treatment events of blinded studies: who submitted what and when, and what became of it.

A row each time one is submitted, though it says what is recorded already: whoever guesses leaves a
trace. The row holds the body until it is known what the event is to its subject, and from then on
where it was not recorded: it is quarantined here, for those who may know why.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from trial.errors import Unavailable
from trial.events.blinding import HIDDEN
from trial.events.envelope import Entry
from trial.store import keys
from trial.store.rows import TICK, stamp_text
from trial.store.subject_update import BYTES, OVERHEAD
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
    text,
)

PENDING, RECORDED, REPEATED = "pending", "recorded", "repeated"
CONFLICT, REFUSED = "conflict", "refused"
LOST = timedelta(minutes=15)
"""How long word of a submission is waited for before it is sent again."""
_TRIES = 5
_SETTLED = "attribute_exists(verdict)"
_UNSETTLED = "attribute_exists(PK) AND attribute_not_exists(verdict)"


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
        """Give it as data for those who may know what it was to its subject."""
        shown = {name: of for name, of in vars(self).items() if name != "body"}
        body = None if self.body is None else self.body.decode(errors="replace")
        return shown | {"body": body}

    def masked(self) -> dict[str, Any]:
        """Give it to those who must not tell arms apart: that it was submitted, and by whom."""
        hidden = dict.fromkeys(("sha256", "verdict", "problem", "body"), HIDDEN)
        return self.document() | hidden


class Submissions:
    """The treatment events submitted to every study, in the store's own table."""

    def __init__(
        self, table: Table, send: Callable[[str], None], now: Callable[[], datetime]
    ) -> None:
        """Send word of what is submitted to where it is settled."""
        self._table = table
        self._send = send
        self._now = now

    def submit(self, study_id: str, entries: Sequence[Entry], principal: str) -> None:
        """Keep what one request submits, and have it settled; `Unavailable`: it may not be.

        Nothing here looks at what is recorded, so no time it takes can tell anything of that.
        """
        for some in _parts(entries):
            self._tell(study_id, self._put(study_id, some, principal, None))

    def refuse(
        self, study_id: str, entry: Entry, principal: str, problem: Mapping[str, object]
    ) -> None:
        """Keep that an event was refused there and then; its body is quarantined elsewhere."""
        self._put(study_id, [entry], principal, problem)

    def tell_again(self, study_id: str) -> None:
        """Have settled what has waited for so long that word of it must have been lost."""
        before = stamp_text(self._now() - LOST)
        names = [
            each.id for each in self.all(study_id) if each.verdict == PENDING and each.at < before
        ]
        for some in batched(names, KEYS_A_BATCH, strict=False):
            self._tell(study_id, some)

    def get(self, study_id: str, names: Sequence[str]) -> list[Submission]:
        """Read submissions by their ids, in order of time; those not there are left out."""
        wanted = [(keys.submitted(study_id), each) for each in dict.fromkeys(names)]
        found = [
            _read(item)
            for some in batched(wanted, KEYS_A_BATCH, strict=False)
            for item in self._table.get_batch(some)
        ]
        return sorted(found, key=lambda each: each.id)

    def all(self, study_id: str, after: str = "") -> Iterator[Submission]:
        """Read what was submitted, in order of time; what comes after one of them."""
        return map(_read, self._table.query(keys.submitted(study_id), after=after))

    def settle(
        self,
        study_id: str,
        submitted: Submission,
        verdict: str,
        problem: Mapping[str, object] | None = None,
    ) -> None:
        """Note what a submission was to its subject; the first word on it stays.

        The body of what was recorded is in the journal from now on, and not here.
        """
        values = {":verdict": text(verdict)}
        change = "SET verdict = :verdict"
        if problem is not None:
            values[":problem"] = text(json.dumps(problem, ensure_ascii=False))
            change += ", problem = :problem"
        if verdict in (RECORDED, REPEATED):
            change += " REMOVE body"
        more = {"ExpressionAttributeValues": values}
        self._update(study_id, submitted, change, _UNSETTLED, **more)
        # An erasure notes the subject, then drops what is there: one of the two sees the other.
        if problem is not None and self._table.get(keys.erased(study_id, submitted.subject)):
            self._update(study_id, submitted, "REMOVE body", PRESENT)

    def erase(self, study_id: str, subject: str) -> None:
        """Drop the bodies of an erased subject that were not recorded.

        Those that still wait to be lose their texts when they are. Every submission of the subject
        is written to, so that how long it takes does not tell how many were not recorded.
        """
        for each in self.all(study_id):
            if each.subject == subject:
                self._update(study_id, each, "REMOVE body", _SETTLED)

    def _put(
        self,
        study_id: str,
        entries: Sequence[Entry],
        principal: str,
        problem: Mapping[str, object] | None,
    ) -> list[str]:
        now = self._now()
        for attempt in range(_TRIES):  # two requests of one microsecond do not share a name
            at = stamp_text(now + attempt * TICK)
            items = [
                _item(study_id, entry, principal, (at, place), problem)
                for place, entry in enumerate(entries)
            ]
            try:
                self._table.write([self._table.put(each, ABSENT) for each in items])
            except TransactionCancelled:
                continue
            return [each["SK"]["S"] for each in items]
        raise Unavailable("what was submitted could not be kept")

    def _tell(self, study_id: str, names: Sequence[str]) -> None:
        self._send(json.dumps({"study": study_id, "submitted": list(names)}))

    def _update(
        self,
        study_id: str,
        submitted: Submission,
        change: str,
        condition: str,
        **more: Any,  # noqa: ANN401 (values of the expression)
    ) -> None:
        at = keys.submitted(study_id), submitted.id
        try:
            self._table.write([self._table.update(at, change, condition, **more)])
        except TransactionCancelled as cancelled:
            if cancelled.codes != ["ConditionalCheckFailed"]:
                raise Unavailable("a submission is being written to") from cancelled


def _parts(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Part entries into what a transaction may hold."""
    part: list[Entry] = []
    size = 0
    for each in entries:
        more = len(each.body.encode(errors="surrogatepass")) + OVERHEAD
        if part and (len(part) == KEYS_A_BATCH or size + more > BYTES):
            yield part
            part, size = [], 0
        part.append(each)
        size += more
    if part:
        yield part


def _item(
    study_id: str,
    entry: Entry,
    principal: str,
    at: tuple[str, int],
    problem: Mapping[str, object] | None,
) -> Item:
    stamp, place = at
    raw = entry.body.encode(errors="surrogatepass")
    item: Item = key((keys.submitted(study_id), f"{stamp}-{place:03}")) | {
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
        id=item["SK"]["S"],
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
