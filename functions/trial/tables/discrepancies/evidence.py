"""The evidence of a discrepancy: the records that do not agree, and a detail in words."""

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter

from trial.subject.adverse_events import AdverseEvent
from trial.subject.derivation import Derivation
from trial.subject.fold import Key, Record

type Evidence = tuple[tuple[Key, ...], str]
"""The records, each by kind and id, and the detail.

A detail holds dates and names of the definition and of dictionaries, never a free text or an arm.
"""
type DiscrepancyRule = Callable[[Derivation], Iterator[Evidence]]
"""Yields the evidence found in one subject's records.

Where the study is shown pooled, the fields that could unblind it are hidden from the rule.
"""

MAX_RECORDS_NAMED = 10
"""The most records that a detail names, where it may be any number."""

EVENTS = "adverse-event.reported"


def record_keys(*records: Record) -> tuple[Key, ...]:
    """Return the keys of records; of very many, those of the first."""
    return tuple((record.kind, record.record) for record in records[:MAX_RECORDS_NAMED])


def event_key(event: AdverseEvent) -> tuple[Key, ...]:
    """Return the key of an adverse event's record."""
    return ((EVENTS, event.record),)


def by_id(records: Iterable[Record]) -> list[Record]:
    """Return records in the order of their ids: evidence must not depend on their arrival."""
    return sorted(records, key=attrgetter("record"))


def count_text(number: int, noun: str) -> str:
    """Return a number with its noun: `1 dose`, `2 doses`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
