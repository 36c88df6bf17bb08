"""Leases of studies: one process makes a study's documents at a time, and no call is lost.

Publish is called for every change, and a study's changes come from several shards of the stream at
once. Whoever finds the study leased counts its call in the lease and is done: the holder goes
again for as long as calls came while it worked, for its state may have been read before them. A
lease expires after the longest that a function may run; a holder that is retried has it back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from trial.errors import Unavailable
from trial.store import keys
from trial.store.rows import stamp_text
from trial.store.table import Item, Table, TransactionCancelled, key, number, text

DURATION = timedelta(minutes=15)
_TRIES = 5
_HELD = "holder = :holder AND ends = :ends AND calls = :calls"
_FREE = ""


@dataclass(frozen=True)
class Lease:
    """Who holds a study until when, and how many calls came meanwhile."""

    study: str
    holder: str
    ends: str
    calls: int


class Leases:
    """The leases of every study, in the store's own table."""

    def __init__(self, table: Table, now: Callable[[], datetime]) -> None:
        self._table = table
        self._now = now

    def acquire(self, study: str, holder: str) -> Lease | None:
        """Lease a study; None where another holds it, who is told of this call by then."""
        for _ in range(_TRIES):
            now = self._now()
            old, new_lease = self._read(study), Lease(study, holder, stamp_text(now + DURATION), 0)
            if old is None:
                if self._table.put_if_absent(_item(new_lease)):
                    return new_lease
            elif old.ends < stamp_text(now) or old.holder == holder:
                if self._replace(old, new_lease):
                    return new_lease
            elif self._replace(old, Lease(study, old.holder, old.ends, old.calls + 1)):
                return None
        raise Unavailable("the study is being leased by another process")

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
            ended = Lease(current.study, current.holder, _FREE, current.calls)
            if self._replace(current, ended):
                return

    def _read(self, study: str) -> Lease | None:
        item = self._table.get(keys.publishing_lease(study))
        if item is None:
            return None
        calls = int(item["calls"]["N"])
        return Lease(study, item["holder"]["S"], item["ends"]["S"], calls)

    def _replace(self, old: Lease, new: Lease) -> bool:
        """Replace a lease by another; say whether it still was as it was read."""
        values = {"holder": text(old.holder), "ends": text(old.ends), "calls": number(old.calls)}
        try:
            self._table.write([self._table.put(_item(new), _HELD, **values)])
        except TransactionCancelled:
            return False
        return True


def _item(lease: Lease) -> Item:
    return key(keys.publishing_lease(lease.study)) | {
        "holder": text(lease.holder),
        "ends": text(lease.ends),
        "calls": number(lease.calls),
    }
