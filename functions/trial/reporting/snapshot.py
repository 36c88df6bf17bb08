"""One state of a study in memory: every subject at some version of its journal, and their sums.

A study may have more records than memory holds as objects. So the first subjects are kept as they
are, up to `KEPT_RECORDS` of accepted revisions, and the others packed as the store packs them: some
tens of bytes a record.
"""

import zlib
from collections.abc import Iterator
from dataclasses import field

from trial.deferred import dataclass
from trial.statistics import cells
from trial.statistics.cells import Share
from trial.store.encoding import subjects
from trial.subject.fold import Subject

KEPT_RECORDS = 100_000
"""How many records, some 1 KB each, are kept as objects from reader to reader."""
KEPT_TRAIL_BYTES = 100_000_000
"""How much of the audit trail is kept, compressed, until it is written; the rest is read again."""


@dataclass(frozen=True, slots=True)
class JournalPosition:
    """Where a subject's journal stood; `erased` if personal texts it had then are erased by now."""

    version: int
    head: bytes
    erased: bool = False


@dataclass
class StudySnapshot:
    """The subjects of a study as of one moment: can be read again and again, in order of ids."""

    sums: Share = field(default_factory=dict)
    positions: dict[str, JournalPosition] = field(default_factory=dict)
    room: int = KEPT_RECORDS
    trail_room: int = KEPT_TRAIL_BYTES
    _trails: dict[str, bytes] = field(default_factory=dict)
    _subjects: dict[str, Subject | bytes] = field(default_factory=dict)

    def add(self, subject: Subject, share: Share, position: JournalPosition) -> None:
        """Add a subject and what is counted for it."""
        cells.add_share(self.sums, share)
        self.positions[subject.id] = position
        self.room -= subject.accepted
        self._subjects[subject.id] = subject if self.room >= 0 else subjects.encode(subject)

    def add_trail(self, subject_id: str, lines: bytes) -> None:
        """Keep a subject's lines of the audit trail, as long as there is room for them."""
        packed = zlib.compress(lines, 1)
        self.trail_room -= len(packed)
        if self.trail_room >= 0:
            self._trails[subject_id] = packed

    def trail(self, subject_id: str) -> bytes | None:
        """Return these lines; None where they were not kept."""
        packed = self._trails.get(subject_id)
        return None if packed is None else zlib.decompress(packed)

    @property
    def ids(self) -> list[str]:
        """The subjects' ids, in order."""
        return sorted(self.positions)

    def __iter__(self) -> Iterator[Subject]:
        """Yield each subject, in order of their ids."""
        for name in self.ids:
            subject = self._subjects[name]
            if isinstance(subject, bytes):
                subject = subjects.decode(Subject(name), subject)
            yield subject
