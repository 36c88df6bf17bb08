"""Rows that are only ever added, each under the instant at which it was: no two share one."""

from collections.abc import Callable
from datetime import datetime

from trial.errors import Unavailable
from trial.store.rows import TICK, stamp_text
from trial.store.table import Item, Table

_TRIES = 5


def put_at_free_instant(table: Table, now: datetime, item_at: Callable[[str], Item]) -> Item:
    """Put the item of an instant, or of the next microsecond that is free; return it.

    Raises `Unavailable` where it could not be put.
    """
    for attempt in range(_TRIES):
        item = item_at(stamp_text(now + attempt * TICK))
        if table.put_if_absent(item):
            return item
    raise Unavailable("too much was noted at the same moment")
