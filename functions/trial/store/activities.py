"""Who did what with a study beside posting events: rows that are only ever added."""

from collections.abc import Callable, Iterator
from datetime import datetime

from trial.deferred import dataclass
from trial.store import keys
from trial.store.instants import put_at_free_instant
from trial.store.table import Item, Table, key, text


@dataclass(frozen=True)
class Activity:
    """What somebody did, when, of which resource, and why as far as they said so."""

    at: str
    principal: str
    action: str
    resource: str
    reason: str


class Activities:
    """What was done with every study, in the store's own table."""

    def __init__(self, table: Table, now: Callable[[], datetime]) -> None:
        self._table = table
        self._now = now

    def note(self, study_id: str, principal: str, action: str, resource: str, reason: str) -> None:
        """Note what is about to be done or answered; where that cannot be, it is not."""
        activity = Activity("", principal, action, resource, reason)
        fields = {name: text(value) for name, value in vars(activity).items()}
        put_at_free_instant(
            self._table,
            self._now(),
            lambda stamp: key(keys.activity(study_id, stamp)) | fields | {"at": text(stamp)},
        )

    def all(self, study_id: str, after: str = "") -> Iterator[Activity]:
        """Read what was done, in order of time; what comes after an instant."""
        return map(_read, self._table.query(keys.activity_partition(study_id), after=after))


def _read(item: Item) -> Activity:
    return Activity(**{name: item[name]["S"] for name in Activity.__annotations__})
