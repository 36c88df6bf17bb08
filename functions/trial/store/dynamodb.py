"""The store: a study's events, subjects and sums in one DynamoDB table.

Every accepted event commits in one transaction with its subject's state and the change of every
table, or not at all; see `writing` for why nothing is counted twice or lost, and `reading` for
why what is read is one state.
"""

import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from trial.definition.study import Study
from trial.errors import Beat, Unavailable
from trial.events.blinding import is_unblinding
from trial.events.envelope import Entry
from trial.statistics.cells import Cells, Share
from trial.statistics.ranges import TALLY
from trial.store import (
    amendments,
    deletion,
    disputes,
    erasure,
    keys,
    paging,
    quarantine,
    reading,
    selecting,
)
from trial.store.amendments import Amendment
from trial.store.definitions import Definitions, PutStatus, retired_error, validated_study_id
from trial.store.generations import Current, Decision, WritePlan
from trial.store.paging import SubjectRow
from trial.store.reading import Chain
from trial.store.repair import AuditedSubject, Repair
from trial.store.rows import (
    JournalRow,
    Mending,
    Receipt,
    RejectedBody,
    Result,
    StoredSubject,
    stamp_text,
)
from trial.store.spreading import Spreading
from trial.store.subject_update import Contribute
from trial.store.table import Table, sort_key
from trial.store.work import Work, read_work
from trial.store.writing import Recording
from trial.subject.changed_inputs import Former
from trial.subject.fold import Dispute, Subject
from trial.tables.compiled import stored_rows


class Store:
    """A table seen as studies; safe to share between threads, as its client is."""

    def __init__(
        self,
        table: Table,
        contribute: Contribute,
        now: Callable[[], datetime],
        pause: Callable[[float], None] = time.sleep,
        version: int | None = None,
        language: str = "",
    ) -> None:
        """Keep shares as `contribute` computes them; `version` is the code's unless given.

        `language` names the release of the code that validates definitions: what one has validated
        is kept for all its processes. Without it each process validates what it reads.
        """
        self._table = table
        self._contribute = contribute
        self._now = now
        self._pause = pause
        self._definitions = Definitions(table, now, version, language)
        self._spreading = Spreading(table)

    def record(self, study: Study, receipts: Sequence[Receipt]) -> list[Result]:
        """Record entries of a study; return each one's result, in order.

        RECORDED: journalled and counted by this call. REPEATED: it was already. CONFLICT: nothing
        was changed, and the caller quarantines it. What no entry is to blame for and no retry
        cures, such as a missing table, is raised; some entries may have been recorded by then.
        """
        if not receipts:
            return []
        self._definitions.keep_validated()
        recording = Recording(
            self._table,
            study,
            self._plan(study.id),
            lambda: self._definitions.reload_plan(study.id),
            self._contribute,
            self._spreading,
            self._now,
            self._pause,
        )
        return recording.run(receipts)

    def put_definition(
        self,
        study: Study,
        source: str | bytes,
        principal: str = "",
        reason: str = "",
        *,
        unblinds: bool = False,
        compared_with: str = "",
    ) -> PutStatus:
        """Bring a definition into force, at once while the study has no events.

        Else it is filled beside the one in force, and takes over when `fill` has completed it.
        Putting the one in force again cancels the backfill of another. Who did so and why is kept.
        Refused (409) where it was compared with a definition, by its digest, that is not in force.
        """
        decision = Decision(stamp_text(self._now()), principal, reason)
        return self._definitions.put(
            study, source, decision, unblinds=unblinds, compared_with=compared_with
        )

    def amendments(self, study_id: str, after: str = "") -> Iterator[Amendment]:
        """Read every change of the study's definition, in order; those beyond one of them."""
        return amendments.read_amendments(self._table, validated_study_id(study_id), after)

    def source(self, study_id: str, digest: str) -> tuple[str, str]:
        """Read one of the definitions that a study ever had, as canonical JSON; or `Rejected`.

        Beside it how it was posted, where that is not the same.
        """
        return self._definitions.source(study_id, digest)

    def retire(self, study_id: str, principal: str, reason: str) -> Decision:
        """Make a study read-only for ever; return the decision by which it is."""
        decision = Decision(stamp_text(self._now()), principal, reason)
        return self._definitions.retire(study_id, decision)

    def remove(self, study_id: str, principal: str, reason: str) -> None:
        """Decide that a retired study is deleted; `clear` does it. Refused (409) before its time.

        Who decided so is kept, so that nobody takes the study's name again.
        """
        self._definitions.remove(study_id, Decision(stamp_text(self._now()), principal, reason))

    def clear_shard(self, study_id: str, number: int, beat: Beat) -> None:
        """Delete what one shard of a removed study holds; safe to interrupt."""
        deletion.clear_shard(self._table, study_id, number, beat)

    def clear(self, study_id: str, beat: Beat = lambda: None) -> None:
        """Delete all items of a removed study; safe to interrupt, and to be begun again."""
        self._definitions.invalidate(study_id)
        deletion.clear(self._table, study_id, beat)

    def fill(self, study_id: str, beat: Beat = lambda: None) -> bool:
        """Bring the sums of this code's generations up to date; say whether all of them are.

        A definition that was being filled comes into force. Safe to interrupt, as `beat` does which
        is called for every subject, and to run beside writers and other fills.
        """
        return self._repair(beat).fill(validated_study_id(study_id))

    def stale_shards(self, study_id: str) -> list[int]:
        """Return the shards in which sums of this code's generations wait to be filled."""
        return self._repair().stale_shards(validated_study_id(study_id))

    def fill_shard(self, study_id: str, number: int, beat: Beat) -> None:
        """Fill one shard as far as it can be; `fill` says then whether all is up to date."""
        self._repair(beat).fill_shard(validated_study_id(study_id), number)

    def drop_shares(self, study_id: str, before: datetime, number: int, beat: Beat) -> None:
        """Drop one shard's shares and sums of generations dormant since before then."""
        self._repair(beat).drop_shares(validated_study_id(study_id), before, number)

    def drop_generations(
        self, study_id: str, before: datetime, beat: Beat = lambda: None
    ) -> list[str]:
        """Drop the shares and sums of generations dormant since before then; name them."""
        return self._repair(beat).drop_generations(validated_study_id(study_id), before)

    def audit_subjects(
        self, study: Study, number: int, after: str = ""
    ) -> Iterator[AuditedSubject]:
        """Read a shard's subjects, each with its journal and where it is counted wrongly.

        `after` is one of them: then those that follow it.
        """
        return self._repair().audit_subjects(study, number, after)

    def missing_sums(
        self,
        study: Study,
        number: int,
        wrong_shares: Container[str] | None = None,
        beat: Beat = lambda: None,
    ) -> Share | None:
        """Return what a shard's sums lack of what its subjects' records give.

        {} where they are right, or wait to be filled; None where the shard is too busy to tell.
        `wrong_shares` are the subjects whose shares are known to be wrong: those of the others are
        taken as they are. None where nothing is known.
        """
        return self._repair(beat).missing_sums(study, number, wrong_shares)

    def version(self, study: Study, number: int, subject_id: str) -> int:
        """Return how many events a subject's row counts now."""
        row = paging.read_row(self._table, keys.subject_row(study.id, number, subject_id))
        return row.version if row else 0

    def restore_fences(self, study_id: str) -> list[tuple[int, str]]:
        """Restore shard headers whose fence is wrong; name their shard and generation."""
        return self._repair().restore_fences(validated_study_id(study_id))

    def repair(self, study: Study, number: int, beat: Beat = lambda: None) -> Share | None:
        """Make a shard's shares and sums what its subjects' records give; return what sums lacked.

        None: it was too busy, and is repaired the next time. Readers compute meanwhile.
        """
        return self._repair(beat).repair(study, number)

    def studies(self) -> Iterator[str]:
        """List every study."""
        return map(sort_key, self._table.query(keys.STUDIES))

    def invalidate(self, study_id: str) -> None:
        """Drop what is cached of the study's definitions."""
        self._definitions.invalidate(study_id)

    def study(self, study_id: str) -> Study:
        """Return the study in force; raises `Rejected` (404) where there is none."""
        return self._definitions.get(study_id)

    def check_open(self, study_id: str) -> None:
        """Raise `Rejected` (409) where a study is retired and read-only."""
        if self._definitions.plan(study_id).retired:
            raise retired_error()

    def defined(self, study_id: str, digest: str) -> Study:
        """Return a study by one of the definitions it ever had."""
        return self._definitions.load(validated_study_id(study_id), digest)

    def current(self, study_id: str) -> Current | None:
        """Read what is in force, past every cache; None for a study without a definition."""
        return self._definitions.current(validated_study_id(study_id))

    def epoch(self, study_id: str) -> int:
        """Return how often another definition came into force."""
        current = self.current(study_id)
        return current.epoch if current else 0

    def subjects(self, study: Study) -> Iterator[StoredSubject]:
        """Read every subject with the share that is counted for it: a consistent state."""
        return reading.subjects(self._table, study, self._contribute)

    def some_subjects(self, study: Study, ids: Iterable[str]) -> Iterator[StoredSubject]:
        """Read the subjects of these ids of whom anything is recorded."""
        return reading.some_subjects(self._table, study, self._contribute, ids)

    def subject(self, study: Study, subject_id: str) -> StoredSubject | None:
        """Read one subject; None where nothing is recorded of it."""
        return reading.subject(self._table, study, self._contribute, subject_id)

    def subjects_after(self, study: Study, after: str = "") -> Iterator[SubjectRow]:
        """Read the rows of the subjects that follow one, shard by shard, without their shares."""
        return reading.subjects_after(self._table, study, after)

    def shard_rows(self, study: Study, shard: int, after: str = "") -> Iterator[SubjectRow]:
        """Read the rows of a shard's subjects that follow one of them, without their shares."""
        return reading.subject_rows(self._table, study.id, shard, after)

    def named_subjects(
        self, study: Study, subject_ids: Iterable[str]
    ) -> Iterator[tuple[str, SubjectRow | None]]:
        """Read the rows of some subjects, some at a time, without their shares."""
        return reading.named_subjects(self._table, study, subject_ids)

    def sums(self, study: Study) -> Share:
        """Read the study's sums: a consistent state."""
        return reading.sums(self._table, study, self._contribute)

    def read_sums[Result](self, study: Study, reader: Callable[[Share], Result]) -> Result:
        """Return what a pure function makes of the study's sums, reading only what it asks for."""
        return selecting.read(self._table, study, self._contribute, reader)

    def work(self, study_id: str) -> Work:
        """Read what is under way for a study, or waits; raises `Rejected` (404) where none is."""
        current = self.current(study_id)
        if current is None or not current.removed:
            shards = self.study(study_id).definition.shards
            return read_work(self._table, study_id, shards, self._definitions.version)
        work = read_work(self._table, study_id, 0, self._definitions.version)
        if not work.is_listed:  # nothing is left of it
            self.study(study_id)
        return work

    def accepted(self, study: Study) -> int:
        """Count the accepted revisions that the sums hold: fewer where they are not filled yet."""
        return self.header_cells(study).get("accepted", 0)

    def header_cells(self, study: Study) -> Cells:
        """Add up the cells that stand in the shards' headers."""
        return reading.header_cells(self._table, study)

    def journal(
        self,
        study_id: str,
        subject_id: str,
        cipher_key: bytes = b"",
        version: int | None = None,
    ) -> list[JournalRow]:
        """Read a subject's events in the order in which they were recorded, up to a version.

        Their personal texts come with the subject's key alone, which is in its row.
        """
        name = validated_study_id(study_id)
        return reading.journal(self._table, name, subject_id, cipher_key, version)

    def journals(
        self, study_id: str, rows: Iterable[SubjectRow]
    ) -> Iterator[tuple[SubjectRow, list[JournalRow]]]:
        """Read the journals of subjects up to where their rows are, several at a time."""
        for row, journal in reading.journals(self._table, validated_study_id(study_id), rows):
            yield row, [recorded for recorded in journal if recorded.version <= row.version]

    def erased_subjects(self, study_id: str) -> frozenset[str]:
        """Name the subjects whose personal texts are erased, or about to be."""
        return frozenset(quarantine.erased_subjects(self._table, validated_study_id(study_id)))

    def chain(self, study_id: str, subject_id: str) -> Chain | None:
        """Read a subject's journal through, however long; None where there is none."""
        return reading.chain(self._table, validated_study_id(study_id), subject_id)

    def journal_rows(
        self, study_id: str, subject_id: str, cipher_key: bytes, sort_keys: Iterable[str]
    ) -> Iterator[JournalRow]:
        """Read some rows of a subject's journal by their sort keys, in the order asked for."""
        name = validated_study_id(study_id)
        return reading.journal_rows(self._table, name, subject_id, cipher_key, sort_keys)

    def quarantine(
        self,
        study_id: str,
        body: bytes | str,
        problem: Mapping[str, object],
        principal: str,
    ) -> bool:
        """Keep what was not accepted, once per body; say whether it is the first time."""
        return quarantine.quarantine_body(
            self._table, study_id, body, problem, principal, self._now()
        )

    def rejected_bodies(self, study_id: str, after: str = "") -> Iterator[RejectedBody]:
        """Read what is quarantined, in order of its digests; what comes after one of them."""
        return quarantine.rejected_bodies(self._table, study_id, after)

    def rejected_bodies_by_digest(
        self, study_id: str, digests: Iterable[str]
    ) -> Iterator[RejectedBody]:
        """Read some of what is quarantined, in the order in which it is named."""
        return quarantine.rejected_bodies_by_digest(self._table, study_id, digests)

    def quarantine_times(self, study_id: str) -> list[tuple[str, str]]:
        """Return when each body was quarantined, and its digest, in order; no body is read."""
        return quarantine.received_times(self._table, study_id)

    def note_undefined_study(self, study_id: str) -> None:
        """Note that something was quarantined of a study that has no definition."""
        quarantine.note_undefined_study(self._table, study_id)

    def undefined_studies(self, after: str, limit: int) -> list[str]:
        """List the studies that have no definition and something quarantined, in order."""
        return quarantine.undefined_studies(self._table, after, limit)

    def count_quarantined(self, study_id: str) -> int:
        """Count what is quarantined and has not been accepted since."""
        return quarantine.count_unresolved(self._table, study_id)

    def erase(self, study: Study, subject_id: str) -> int:
        """Clear away what an erasure leaves of a subject's personal texts outside its journal.

        Returns the number of quarantined bodies that were dropped. To be done after the erasure is
        recorded; repeating it does no harm. Raises `Unavailable` while sums still count the texts.
        """
        dropped = quarantine.erase_subject(
            self._table, validated_study_id(study.id), subject_id, self._now()
        )
        number = keys.shard_of(subject_id, study.definition.shards)
        row_key = keys.subject_row(study.id, number, subject_id)
        erasure.clear_pages(self._table, row_key)
        erasure.check_moved(self._table, row_key)
        erasure.clear_sums(self._table, study.id, number, self._tallies(study))
        return dropped

    def clear_sums(self, study: Study) -> None:
        """Remove from the sums what an erasure left there by name: of generations filled since."""
        if quarantine.erased_subjects(self._table, study.id):
            tallies = self._tallies(study)
            for number in range(study.definition.shards):
                erasure.clear_sums(self._table, study.id, number, tallies)

    def _tallies(self, study: Study) -> list[str]:
        """Return the starts of sort keys of tallies: those of the study in every generation."""
        current = self._definitions.current(study.id)
        assert current is not None
        starts = {
            start.partition(TALLY)[0] for start in stored_rows(study).growing if TALLY in start
        }
        return [
            f"{keys.sum_prefix(name)}{start}{TALLY}"
            for name in current.generations
            for start in starts
        ]

    def claim_body(self, study_id: str, digest: str) -> str:
        """Claim a quarantined body, to mend it; `Rejected` (409) where another does."""
        return quarantine.claim(self._table, study_id, digest, self._now())

    def release_body(self, study_id: str, digest: str, claimed: str) -> None:
        """End a claim of a quarantined body, unless another has replaced it."""
        quarantine.release(self._table, study_id, digest, claimed)

    def resolve(self, study_id: str, digest: str, mending: Mending | None = None) -> bool:
        """Note that a quarantined body was accepted after all; say whether none was before."""
        return quarantine.resolve(self._table, study_id, digest, self._now(), mending)

    def dispute(self, entry: Entry) -> None:
        """Note that a revision came with a second content."""
        disputes.note_dispute(self._table, entry, self._now())

    def disputes(self, study: Study) -> Iterator[Dispute]:
        """Read which revisions came with two contents, whether corrected since or not.

        Of treatment events the open audience is told none: whoever guesses wrong makes one.
        """
        all_disputes = disputes.read_disputes(self._table, study.id)
        return (
            dispute
            for dispute in all_disputes
            if not (study.pooled and is_unblinding(dispute.kind))
        )

    def _plan(self, study_id: str) -> WritePlan:
        """Return what to keep; make this code's generation live where the study has none of it."""
        plan = self._definitions.plan(study_id)
        if not plan.keeps_current:
            with suppress(Unavailable):  # written to without: marked, and filled later
                plan = self._definitions.join(study_id)
        return plan

    def _repair(self, beat: Beat = lambda: None) -> Repair:
        def contribute(study: Study, subject: Subject, *, former: Former | None = None) -> Share:
            beat()
            return self._contribute(study, subject, former=former)

        return Repair(
            self._table,
            self._definitions,
            contribute,
            self._spreading,
            self._now,
            self._pause,
            beat,
        )
