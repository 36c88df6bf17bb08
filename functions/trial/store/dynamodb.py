"""The store: a study's events, subjects and sums in one DynamoDB table.

Every accepted event commits in one transaction with its subject's state and the change of every
table, or not at all; see `writing` for why nothing is counted twice or lost, and `reading` for
why what is read is one state.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal

from trial.cells import Share
from trial.messages import Entry
from trial.store import asides, reading
from trial.store.definitions import Definitions, known
from trial.store.drafts import Contribute
from trial.store.rows import Aside, Current, JournalRow, Receipt, Result, Stored
from trial.store.table import Table
from trial.store.writing import Recording
from trial.study import Study
from trial.subject import Dispute


class Store:
    """A table seen as studies; safe to share between threads, as its client is."""

    def __init__(
        self,
        table: Table,
        contribute: Contribute,
        now: Callable[[], datetime],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = table
        self._contribute = contribute
        self._now = now
        self._pause = pause
        self._definitions = Definitions(table, now)

    def record(self, study: Study, receipts: Sequence[Receipt]) -> list[Result]:
        """Record entries of a study; give each one's result, in order.

        RECORDED: journalled and counted by this call. REPEATED: it was already. CONFLICT: nothing
        was changed, and the caller sets it aside. What no entry is to blame for and no repetition
        cures, such as a missing table, is raised; some entries may have been recorded by then.
        """
        recording = Recording(self._table, study, self._contribute, self._now, self._pause)
        results = recording.run(receipts)
        if recording.definition_moved:
            self._definitions.forget(study.id)
        return results

    def put_definition(self, study: Study, source: str | bytes) -> Literal["created", "same"]:
        """Bring a definition into force; raises `Rejected` (409) once the study has events."""
        return self._definitions.put(study, source)

    def study(self, study_id: str) -> Study:
        """Give the study in force; raises `Rejected` (404) where there is none."""
        return self._definitions.get(study_id)

    def current(self, study_id: str) -> Current | None:
        """Read what is in force, past every cache; None for a study without a definition."""
        return self._definitions.current(known(study_id))

    def epoch(self, study_id: str) -> int:
        """Say how often what is in force was set anew: documents move forward within an epoch."""
        current = self.current(study_id)
        return current.epoch if current else 0

    def subjects(self, study: Study) -> Iterator[Stored]:
        """Read every subject with the share that is counted for it: a consistent state."""
        return reading.subjects(self._table, study)

    def subject(self, study: Study, subject_id: str) -> Stored | None:
        """Read one subject; None where nothing is recorded of it."""
        return reading.subject(self._table, study, subject_id)

    def sums(self, study: Study) -> Share:
        """Read the study's sums: a consistent state."""
        return reading.sums(self._table, study)

    def check(self, study: Study) -> dict[int, Share | None]:
        """Compare sums and shares: by shard, what the sums lack; None where it is too busy."""
        return reading.check(self._table, study)

    def journal(self, study_id: str, subject_id: str) -> list[JournalRow]:
        """Read a subject's events in the order in which they were recorded."""
        return reading.journal(self._table, known(study_id), subject_id)

    def set_aside(
        self,
        study_id: str,
        body: bytes | str,
        problem: Mapping[str, object],
        principal: str,
    ) -> bool:
        """Keep what was not accepted, once per body; say whether it is the first time."""
        return asides.put(self._table, study_id, body, problem, principal, self._now())

    def asides(self, study_id: str) -> Iterator[Aside]:
        """Read what was set aside."""
        return asides.each(self._table, study_id)

    def count_asides(self, study_id: str) -> int:
        """Count what was set aside and not taken since."""
        return asides.count(self._table, study_id)

    def settle(self, study_id: str, digest: str) -> None:
        """Note that a body set aside was taken after all."""
        asides.settle(self._table, study_id, digest, self._now())

    def dispute(self, entry: Entry) -> None:
        """Note that a revision came with a second content."""
        asides.dispute(self._table, entry, self._now())

    def disputes(self, study_id: str) -> Iterator[Dispute]:
        """Read which revisions came with two contents, settled since or not."""
        return asides.disputes(self._table, study_id)
