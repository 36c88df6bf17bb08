"""The order of records: by their date and time, then by content; record ids only come last."""

import re
from collections.abc import Iterable
from functools import lru_cache

from trial.events import dates
from trial.events.json_body import canonical
from trial.subject.fold import Record

_PARTS = re.compile(r"(\d+)")


@lru_cache(maxsize=8192)
def natural_order(name: str) -> tuple[tuple[int, int | str], ...]:
    """Return a record id's place among others: its numbers count as numbers, so that 9 precedes 10.

    The id itself comes last, for `07` and `7` are two.
    """
    parts = _PARTS.split(name)
    return (*((0, int(part)) if part.isdecimal() else (1, part) for part in parts), (1, name))


def by_date(records: Iterable[Record], field: str) -> list[Record]:
    """Sort by a date and time, what has none first; then by content, then by record id.

    Only records of one moment are compared by their content, which takes longer.
    """
    by_key: dict[tuple[int, int, int], list[Record]] = {}
    for record in records:
        text = record.data.get(field) or ""
        key = (*dates.moment(text), min(len(text), dates.FULL)) if text else (0, -1, 0)
        by_key.setdefault(key, []).append(record)
    return [
        record
        for key in sorted(by_key)
        for record in (
            sorted(by_key[key], key=_by_content) if len(by_key[key]) > 1 else by_key[key]
        )
    ]


def _by_content(record: Record) -> tuple[str, tuple[tuple[int, int | str], ...]]:
    return canonical(record.data), natural_order(record.record)
