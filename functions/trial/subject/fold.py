"""A subject: the latest revision of each record, and the fold that keeps it."""

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from enum import Enum
from typing import Any

from trial.deferred import dataclass
from trial.events import blinding, privacy
from trial.events.envelope import Entry, as_written
from trial.events.payloads import ERASURE

Key = tuple[str, str]
"""Kind and record id: what identifies a record within a subject."""


ERASURE_RECORD = "erasure"
"""The id of the one record that says that a subject's personal texts were erased."""


@dataclass(frozen=True)
class Record:
    """A record at its highest revision; a void one carries no data and counts nowhere."""

    kind: str
    record: str
    revision: int
    void: bool
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Subject:
    """What is known of a subject: `digests` holds the content digest of every accepted revision."""

    id: str
    records: Mapping[Key, Record] = field(default_factory=dict)
    digests: Mapping[Key, Mapping[int, bytes]] = field(default_factory=dict)

    @property
    def accepted(self) -> int:
        """How many revisions were accepted."""
        return sum(map(len, self.digests.values()))

    @property
    def erased(self) -> bool:
        """Whether the subject's personal texts were erased: then later ones are not kept either."""
        return (ERASURE, ERASURE_RECORD) in self.records


@dataclass(frozen=True)
class Dispute:
    """A revision that came with two contents: the first counts until a higher one settles it."""

    subject: str
    kind: str
    record: str
    revision: int
    at: str


class Outcome(Enum):
    """What an entry was to its subject; the value is the HTTP status that says so."""

    RECORDED = 201
    REPEATED = 200
    CONFLICT = 409
    SUBMITTED = 202
    """Nobody says what it is but to those who may know: its answer is the same whatever it is."""


def fold(subject: Subject, entry: Entry) -> tuple[Subject, Outcome]:
    """Return a subject with an entry added: in any order, any number of times, the same result.

    The highest revision of a record counts whenever it arrives. A second content for a revision
    already accepted is a conflict: the first stays in force. An erasure takes the personal texts
    out of all records, those that come after it too.
    """
    outcome = outcome_of(subject, entry)
    if outcome is not Outcome.RECORDED:
        return subject, outcome
    key = (entry.kind, entry.record)
    digests = subject.digests.get(key, {})
    digests_by_record = {**subject.digests, key: {**digests, entry.revision: entry.digest}}
    if digests and max(digests) > entry.revision:
        return Subject(subject.id, subject.records, digests_by_record), Outcome.RECORDED
    data = privacy.redacted(entry.kind, entry.data) if subject.erased else entry.data
    record = Record(entry.kind, entry.record, entry.revision, entry.void, data)
    folded = Subject(subject.id, {**subject.records, key: record}, digests_by_record)
    return _erased(folded) if entry.kind == ERASURE else folded, Outcome.RECORDED


def outcome_of(subject: Subject, entry: Entry) -> Outcome:
    """Return what an entry is to a subject."""
    digest = subject.digests.get((entry.kind, entry.record), {}).get(entry.revision)
    if digest is None:
        return Outcome.RECORDED
    return Outcome.REPEATED if _is_content(digest, entry) else Outcome.CONFLICT


def _is_content(digest: bytes, entry: Entry) -> bool:
    """Return whether a digest is that of an entry's content, in its normal form or as written.

    That is looked into only where the answer would be a conflict, which is seldom.
    """
    return digest == entry.digest or digest == as_written(entry)


def _erased(subject: Subject) -> Subject:
    """Return a subject without personal texts; digests stay, so that repeats are recognised."""
    records = {
        key: replace(record, data=privacy.redacted(record.kind, record.data))
        for key, record in subject.records.items()
    }
    return replace(
        subject,
        records=records,
        digests={k: dict(digests) for k, digests in subject.digests.items()},
    )


def blinded(subject: Subject) -> Subject:
    """Hide whatever tells the arm (see `blinding`)."""
    records = {
        key: replace(record, data=blinding.blinded(record.kind, record.data))
        for key, record in subject.records.items()
        if not record.void
    }
    return replace(subject, records={**subject.records, **records})


def fold_all(subject: str, entries: Iterable[Entry]) -> Subject:
    """Fold entries from nothing: the recomputation that every increment must equal."""
    state = Subject(subject)
    for entry in entries:
        state, _ = fold(state, entry)
    return state
