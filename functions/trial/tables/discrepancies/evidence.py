"""What a rule finds: the records that do not agree, and what about them."""

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter

from trial.subject.adverse_events import AdverseEvent
from trial.subject.derivation import Derivation
from trial.subject.fold import Key, Record

type Evidence = tuple[tuple[Key, ...], str]
"""The records that are meant, each by kind and id, and what there is to say of them.

Said are dates, and names of the definition and of dictionaries; never a free text or an arm.
"""
type DiscrepancyRule = Callable[[Derivation], Iterator[Evidence]]
"""Looks at one subject; it sees telling fields hidden wherever the study is seen pooled."""

MAX_RECORDS_NAMED = 10
"""How many records are named where any number can be meant."""

EVENTS = "adverse-event.reported"


def record_keys(*records: Record) -> tuple[Key, ...]:
    """Name records, the first of very many."""
    return tuple((record.kind, record.record) for record in records[:MAX_RECORDS_NAMED])


def event_key(event: AdverseEvent) -> tuple[Key, ...]:
    """Name the record of an adverse event."""
    return ((EVENTS, event.record),)


def by_id(records: Iterable[Record]) -> list[Record]:
    """Return records in the order of their ids: evidence must not depend on their arrival."""
    return sorted(records, key=attrgetter("record"))


def count_text(number: int, noun: str) -> str:
    """Write how many there are: `1 dose`, `2 doses`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
