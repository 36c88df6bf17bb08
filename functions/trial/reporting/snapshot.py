"""One state of a study in memory: every subject at some version of its journal, and their sums.

A study may have more records than memory holds as objects. So the first subjects are kept as they
are, up to `KEPT_RECORDS` of accepted revisions, and the others packed as the store packs them: some
tens of bytes a record.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from trial.reporting.report import KEPT_RECORDS
from trial.statistics import cells
from trial.statistics.cells import Share
from trial.store.encoding import subjects
from trial.subject.fold import Subject


@dataclass(frozen=True)
class Standing:
    """Where a subject's journal stood; `erased` if personal texts of then are not there now."""

    version: int
    head: bytes
    erased: bool = False


@dataclass
class State:
    """The subjects of a study as of one moment: to be read as often as wanted, in order of ids."""

    sums: Share = field(default_factory=dict)
    standings: dict[str, Standing] = field(default_factory=dict)
    room: int = KEPT_RECORDS
    _subjects: dict[str, Subject | bytes] = field(default_factory=dict)

    def add(self, subject: Subject, share: Share, standing: Standing) -> None:
        """Take in a subject and what is counted for it."""
        for row, counted in share.items():
            cells.add(self.sums.setdefault(row, {}), counted)
        self.standings[subject.id] = standing
        self.room -= subject.accepted
        self._subjects[subject.id] = subject if self.room >= 0 else subjects.encode(subject)

    @property
    def ids(self) -> list[str]:
        """The subjects' ids, in order."""
        return sorted(self.standings)

    def __iter__(self) -> Iterator[Subject]:
        """Give each subject, in order of their ids."""
        for name in self.ids:
            kept = self._subjects[name]
            yield kept if isinstance(kept, Subject) else subjects.decode(Subject(name), kept)
