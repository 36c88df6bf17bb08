"""One state of a study in memory: every subject at some version of its journal, and their sums.

A study may have more records than memory holds as objects. So the first subjects are kept as they
are, up to `KEPT_RECORDS` of accepted revisions, and the others packed as the store packs them: some
tens of bytes a record.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import field

from trial.deferred import dataclass
from trial.reporting.spool import Packed
from trial.statistics import cells
from trial.statistics.cells import Share
from trial.store.encoding import subjects
from trial.subject.fold import Subject

KEPT_RECORDS = 100_000
"""How many records, some 1 KB each, are kept as objects from reader to reader."""


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
    hold: Callable[[bytes], Packed] = bytes
    """Holds bytes in memory, or in a spool."""
    _trails: dict[str, Packed] = field(default_factory=dict)
    _subjects: dict[str, Subject | Packed] = field(default_factory=dict)

    def add(self, subject: Subject, share: Share, position: JournalPosition) -> None:
        """Add a subject and what is counted for it."""
        cells.add_share(self.sums, share)
        self.add_read(subject.id, subject, position, b"")

    def add_read(
        self, name: str, state: Subject | bytes, position: JournalPosition, trail: bytes
    ) -> None:
        """Add a subject whose share is counted already, and its trail, compressed."""
        self.positions[name] = position
        if isinstance(state, Subject):
            self.room -= state.accepted
            state = state if self.room >= 0 else subjects.encode(state)
        self._subjects[name] = state if isinstance(state, Subject) else self.hold(state)
        if trail:
            self._trails[name] = self.hold(trail)

    def trail(self, name: str) -> bytes:
        """Return a subject's lines of the trail."""
        return zlib.decompress(bytes(self._trails[name]))

    @property
    def ids(self) -> list[str]:
        """The subjects' ids, in order."""
        return sorted(self.positions)

    def subject(self, name: str) -> Subject:
        """Return one of the subjects."""
        state = self._subjects[name]
        return state if isinstance(state, Subject) else subjects.decode(Subject(name), bytes(state))

    def __iter__(self) -> Iterator[Subject]:
        """Yield each subject, in order of their ids."""
        return map(self.subject, self.ids)
