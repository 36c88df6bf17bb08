"""Who makes a study's documents: one at a time, and nobody's call is lost.

Publish is called for every change, and a study's changes come from several shards of the stream at
once. Whoever finds the study claimed counts its call in the claim and is done: the holder goes
again for as long as calls came while it worked, for its state may have been read before them. A
claim lapses after the longest that a function may run; a holder that came again has it back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from trial.errors import Unavailable
from trial.store import keys
from trial.store.rows import stamp_text
from trial.store.table import Item, Table, TransactionCancelled, key, number, text

LEASE = timedelta(minutes=15)
_TRIES = 5
_HELD = "holder = :holder AND ends = :ends AND calls = :calls"
_FREE = ""


@dataclass(frozen=True)
class Lease:
    """Who holds a study until when, and how often it was called for meanwhile."""

    study: str
    holder: str
    ends: str
    calls: int


class Leases:
    """The claims of every study, in the store's own table."""

    def __init__(self, table: Table, now: Callable[[], datetime]) -> None:
        self._table = table
        self._now = now

    def acquire(self, study: str, holder: str) -> Lease | None:
        """Claim a study; None where another holds it, who knows of this call then."""
        for _ in range(_TRIES):
            now = self._now()
            old, new_lease = self._read(study), Lease(study, holder, stamp_text(now + LEASE), 0)
            if old is None:
                if self._table.put_if_absent(_item(new_lease)):
                    return new_lease
            elif old.ends < stamp_text(now) or old.holder == holder:
                if self._replace(old, new_lease):
                    return new_lease
            elif self._replace(old, Lease(study, old.holder, old.ends, old.calls + 1)):
                return None
        raise Unavailable("the study is being claimed")

    def release(self, lease: Lease) -> Lease | None:
        """Give a claim up, unless the study was called for since: then the holder goes again."""
        if self._replace(lease, Lease(lease.study, lease.holder, _FREE, 0)):
            return None
        now = self._read(lease.study)
        return now if now and now.holder == lease.holder and now.ends else None

    def abandon(self, study: str, holder: str) -> None:
        """Give a claim up, whatever came: what is not done will come again by another way."""
        for _ in range(_TRIES):
            now = self._read(study)
            if now is None or now.holder != holder:
                return
            if self._replace(now, Lease(now.study, now.holder, _FREE, now.calls)):
                return

    def _read(self, study: str) -> Lease | None:
        item = self._table.get(keys.lease(study))
        if item is None:
            return None
        calls = int(item["calls"]["N"])
        return Lease(study, item["holder"]["S"], item["ends"]["S"], calls)

    def _replace(self, old: Lease, new: Lease) -> bool:
        """Put a claim in the place of another; say whether that still stood."""
        values = {"holder": text(old.holder), "ends": text(old.ends), "calls": number(old.calls)}
        try:
            self._table.write([self._table.put(_item(new), _HELD, **values)])
        except TransactionCancelled:
            return False
        return True


def _item(lease: Lease) -> Item:
    return key(keys.lease(lease.study)) | {
        "holder": text(lease.holder),
        "ends": text(lease.ends),
        "calls": number(lease.calls),
    }
