"""What differs between two states of a subject's records: as two cuts see them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from trial.deferred import dataclass
from trial.events import privacy
from trial.events.json_body import canonical
from trial.subject.fold import Key, Record, Subject

NEW, CORRECTED, VOIDED = "new", "corrected", "voided"
ABSENT, EARLIER, CUT_OFF = "no longer in", "earlier revision", "cut-off"
"""How the later state may lack what the earlier shows: it is of an earlier instant or date."""

_NOTHING: Mapping[str, Any] = {}
_NO_RECORDS: Mapping[Key, Record] = {}


@dataclass(frozen=True)
class Change:
    """A record that differs; None stands where a state does not have it."""

    status: str
    before: Record | None
    after: Record | None

    @property
    def decided_by(self) -> Record:
        """The revision that made the difference, or that is not there any more."""
        decided = self.after or self.before
        assert decided is not None
        return decided

    @property
    def key(self) -> Key:
        """Kind and id of the record."""
        return self.decided_by.kind, self.decided_by.record

    @property
    def revision_before(self) -> int | None:
        """The revision of the state before; None where it has none."""
        return self.before.revision if self.before else None

    @property
    def revision_after(self) -> int | None:
        """The revision of the state after; None where it has none."""
        return self.after.revision if self.after else None

    def fields(self) -> list[tuple[str, str | None, str | None]]:
        """List the fields of a record in both states that differ: name, old, new; None: not there.

        Of a personal text both values are left out: that it changed is all that is told.
        """
        if self.before is None or self.after is None or self.after.void or self.before.void:
            return []
        old, new = self.before.data, self.after.data
        hidden = privacy.personal_fields(self.after.kind)
        return [
            (name, None, None) if name in hidden else (name, _text(old, name), _text(new, name))
            for name in sorted(old.keys() | new.keys())
            if old.get(name) != new.get(name)
        ]


def changes(before: Subject, after: Subject) -> Iterator[Change]:
    """Return what differs from one state to the other, by kind and record."""
    for key in sorted(before.records.keys() | after.records.keys()):
        old, new = before.records.get(key), after.records.get(key)
        if old != new:
            yield Change(_status(old, new), old, new)


def undone(
    subject: Subject, keys: Iterable[Key], before: Mapping[Key, Record] = _NO_RECORDS
) -> Iterator[tuple[Key, Subject]]:
    """Yield a subject as it would be with each of some records undone, and no other.

    A record is as it was `before`, or not there at all.
    """
    for key in keys:
        records = {
            record_key: record
            for record_key, record in subject.records.items()
            if record_key != key
        }
        if key in before:
            records[key] = before[key]
        yield key, replace(subject, records=records)


def _status(old: Record | None, new: Record | None) -> str:
    if new is None:
        return ABSENT
    if old is not None and new.revision < old.revision:
        return EARLIER
    if old is not None and new.revision == old.revision:
        return CUT_OFF
    if new.void:
        return VOIDED
    return NEW if old is None else CORRECTED


def _text(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    return value if value is None or isinstance(value, str) else canonical(value)
