"""Codings of records by a dictionary: which of several counts, and which contradict each other."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trial.events.json_body import canonical
from trial.subject.fold import Record
from trial.subject.ordering import natural_order

NOT_CODED = "Not coded"
"""What a record that has no coding counts under."""
_NUMBER = re.compile(r"\d{1,9}")


def by_record(codings: Iterable[Record], reference: str) -> Mapping[str, Sequence[Record]]:
    """Return the codings of each record, the latest version of the dictionary last."""
    codings_by_record: dict[str, list[Record]] = {}
    for coding in codings:
        codings_by_record.setdefault(coding.data[reference], []).append(coding)
    return {
        record: sorted(record_codings, key=_order)
        for record, record_codings in codings_by_record.items()
    }


def conflicting(
    codings: Iterable[Record], reference: str, fields: Sequence[str]
) -> Mapping[str, Sequence[Record]]:
    """Return, of each record whose latest version is coded in several ways, these codings."""
    conflicts = {}
    for record, record_codings in by_record(codings, reference).items():
        latest = [
            coding for coding in record_codings if _version(coding) == _version(record_codings[-1])
        ]
        if len({canonical([coding.data.get(field) for field in fields]) for coding in latest}) > 1:
            conflicts[record] = latest
    return conflicts


def _version(record: Record) -> list[int]:
    return [int(part) for part in _NUMBER.findall(record.data["version"])]


def _order(record: Record) -> tuple[Any, ...]:
    return _version(record), canonical(record.data), natural_order(record.record)
