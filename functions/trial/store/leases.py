"""Leases of studies: one process makes a study's documents at a time, and no call is lost.

Publish is called for every change, and a study's changes come from several shards of the stream at
once. Whoever finds the study leased counts its call in the lease and is done: the holder goes
again for as long as calls came while it worked, for its state may have been read before them. A
call tells which subjects may have changed: the lease collects them until documents were made. It
expires after the longest that a function may run; a holder that is retried has it back.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from trial.deferred import dataclass
from trial.errors import Unavailable
from trial.store import keys
from trial.store.rows import stamp_text
from trial.store.table import Item, Table, TransactionCancelled, key, number, text

DURATION = timedelta(minutes=15)
_TRIES = 5
_HELD = "holder = :holder AND ends = :ends AND calls = :calls"
_FREE = ""


_MOST_NAMED = 2_000
"""So many subjects a lease names; where more may have changed, any may have."""

type ChangedSubjects = frozenset[str] | None
"""The ids of those that may have changed; None where any may have."""


@dataclass(frozen=True)
class Lease:
    """Who holds a study until when, how many calls came meanwhile, and what changed."""

    study: str
    holder: str
    ends: str
    calls: int
    changed: ChangedSubjects = frozenset()


class Leases:
    """The leases of every study, in the store's own table."""

    def __init__(self, table: Table, now: Callable[[], datetime]) -> None:
        self._table = table
        self._now = now

    def acquire(self, study: str, holder: str, changed: Iterable[str] | None) -> Lease | None:
        """Lease a study; None where another holds it, who is told of this call by then.

        The lease names what this call is about, and what is left of calls before it.
        """
        called_for = None if changed is None else frozenset(changed)
        for _ in range(_TRIES):
            now = self._now()
            old, ends = self._read(study), stamp_text(now + DURATION)
            if old is None:
                lease = Lease(study, holder, ends, 0, called_for)
                if self._table.put_if_absent(_item(lease)):
                    return lease
                continue
            collected = _either(old.changed, called_for)
            if old.ends < stamp_text(now) or old.holder == holder:
                lease = Lease(study, holder, ends, 0, collected)
                if self._replace(old, lease):
                    return lease
            elif self._replace(old, replace(old, calls=old.calls + 1, changed=collected)):
                return None
        raise Unavailable("the study is being leased by another process")

    def is_held(self, study: str) -> bool:
        """Return whether somebody makes the study's documents, or may for as long as is known."""
        lease = self._read(study)
        return lease is not None and lease.ends >= stamp_text(self._now())

    def release(self, lease: Lease) -> Lease | None:
        """End a lease, or return it as it is now where calls came since: the holder goes again."""
        if self._replace(lease, Lease(lease.study, lease.holder, _FREE, 0)):
            return None
        current = self._read(lease.study)
        return current if current and current.holder == lease.holder and current.ends else None

    def abandon(self, study: str, holder: str) -> None:
        """End a lease whatever calls came: the stream or the sweep will repeat what is not done."""
        for _ in range(_TRIES):
            current = self._read(study)
            if current is None or current.holder != holder:
                return
            if self._replace(current, replace(current, ends=_FREE)):
                return

    def _read(self, study: str) -> Lease | None:
        item = self._table.get(keys.publishing_lease(study))
        return read_lease(study, item) if item else None

    def _replace(self, old: Lease, new: Lease) -> bool:
        """Replace a lease by another; say whether it still was as it was read."""
        values = {"holder": text(old.holder), "ends": text(old.ends), "calls": number(old.calls)}
        try:
            self._table.write([self._table.put(_item(new), _HELD, **values)])
        except TransactionCancelled:
            return False
        return True


def read_lease(study: str, item: Item) -> Lease:
    """Read the row of a study's lease."""
    subjects_named = json.loads(item["changed"]["S"] if "changed" in item else "null")
    changed = None if subjects_named is None else frozenset(subjects_named)
    calls = int(item["calls"]["N"])
    return Lease(study, item["holder"]["S"], item["ends"]["S"], calls, changed)


def _either(first: ChangedSubjects, second: ChangedSubjects) -> ChangedSubjects:
    if first is None or second is None or len(first | second) > _MOST_NAMED:
        return None
    return first | second


def _item(lease: Lease) -> Item:
    subjects_named = None if lease.changed is None else sorted(lease.changed)
    return key(keys.publishing_lease(lease.study)) | {
        "holder": text(lease.holder),
        "ends": text(lease.ends),
        "calls": number(lease.calls),
        "changed": text(json.dumps(subjects_named)),
    }
