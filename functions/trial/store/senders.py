"""Who may post what to a study: lists of senders, of which the last one holds.

A list is a row of its own, and none is ever changed: who made it, when and why stays.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from trial.errors import Unavailable
from trial.store import keys
from trial.store.generations import Decision
from trial.store.rows import stamp_text
from trial.store.table import Item, Table, key, text
from trial.subject.rights import Sender

LIFE = timedelta(seconds=30)
"""How long a process may go by the list that it read."""


@dataclass(frozen=True)
class SenderList:
    """A list of senders, and who decided on it."""

    senders: Sequence[Sender]
    decision: Decision

    def document(self) -> dict[str, Any]:
        """Give it as data."""
        return vars(self.decision) | {"senders": [asdict(each) for each in self.senders]}


class Senders:
    """The senders of every study, in the store's own table."""

    def __init__(self, table: Table, now: Callable[[], datetime]) -> None:
        self._table = table
        self._now = now
        self._fresh: dict[str, tuple[datetime, Sequence[Sender]]] = {}

    def put(
        self, study_id: str, senders: Sequence[Sender], principal: str, reason: str
    ) -> SenderList:
        """Let these senders post from now on, and nobody else; everybody, if there are none."""
        listed = SenderList(senders, Decision(stamp_text(self._now()), principal, reason))
        item: Item = key(keys.senders(study_id, listed.decision.at))
        item |= {name: text(of) for name, of in vars(listed.decision).items()}
        item["senders"] = text(json.dumps([asdict(each) for each in senders]))
        if not self._table.put_if_absent(item):
            raise Unavailable("another list of senders was put at the same moment")
        self._fresh.pop(study_id, None)
        return listed

    def all(self, study_id: str) -> list[SenderList]:
        """Read every list there ever was, the one that holds last."""
        return [_read(each) for each in self._table.query(*keys.senders(study_id, ""))]

    def of(self, study_id: str) -> Sequence[Sender]:
        """Give the senders that may post, as far as this process knows."""
        read_at, senders = self._fresh.get(study_id, (None, ()))
        if read_at is None or self._now() - read_at >= LIFE:
            read_at, listed = self._now(), self.all(study_id)
            senders = listed[-1].senders if listed else ()
            self._fresh[study_id] = read_at, senders
        return senders


def _read(item: Item) -> SenderList:
    senders = [Sender(**each) for each in json.loads(item["senders"]["S"])]
    decision = Decision(**{name: item[name]["S"] for name in Decision.__dataclass_fields__})
    return SenderList(senders, decision)
