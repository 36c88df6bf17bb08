"""Who may post what to a study: lists of senders, of which the last one holds.

A list is a row of its own, and none is ever changed: who made it, when and why stays.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from trial.deferred import dataclass
from trial.errors import Unavailable
from trial.store import keys
from trial.store.generations import Decision
from trial.store.rows import stamp_text
from trial.store.table import Item, Table, key, text
from trial.subject.rights import Sender

CACHE_LIFETIME = timedelta(seconds=30)
"""How long a process may go by the list that it read."""


@dataclass(frozen=True)
class SenderList:
    """A list of senders, and who decided on it."""

    senders: Sequence[Sender]
    decision: Decision

    def document(self) -> dict[str, Any]:
        """Return it as data."""
        return vars(self.decision) | {"senders": [asdict(sender) for sender in self.senders]}


class Senders:
    """The senders of every study, in the store's own table."""

    def __init__(self, table: Table, now: Callable[[], datetime]) -> None:
        self._table = table
        self._now = now
        self._cache: dict[str, tuple[datetime, Sequence[Sender]]] = {}

    def put_list(
        self, study_id: str, senders: Sequence[Sender], principal: str, reason: str
    ) -> SenderList:
        """Write the list of senders that may post from now on; without any, everybody may."""
        sender_list = SenderList(senders, Decision(stamp_text(self._now()), principal, reason))
        item: Item = key(keys.sender_list(study_id, sender_list.decision.at))
        item |= {name: text(value) for name, value in vars(sender_list.decision).items()}
        item["senders"] = text(json.dumps([asdict(sender) for sender in senders]))
        if not self._table.put_if_absent(item):
            raise Unavailable("another list of senders was uploaded at the same moment")
        self._cache.pop(study_id, None)
        return sender_list

    def all(self, study_id: str) -> list[SenderList]:
        """Read every list there ever was, the one in force last."""
        return [_read(item) for item in self._table.query(*keys.sender_list_prefix(study_id))]

    def in_force(self, study_id: str) -> Sequence[Sender]:
        """Return the senders that may post, as far as this process knows."""
        read_at, senders = self._cache.get(study_id, (None, ()))
        if read_at is None or self._now() - read_at >= CACHE_LIFETIME:
            read_at, lists = self._now(), self.all(study_id)
            senders = lists[-1].senders if lists else ()
            self._cache[study_id] = read_at, senders
        return senders


def _read(item: Item) -> SenderList:
    senders = [Sender(**sender) for sender in json.loads(item["senders"]["S"])]
    decision = Decision(**{name: item[name]["S"] for name in Decision.__annotations__})
    return SenderList(senders, decision)
