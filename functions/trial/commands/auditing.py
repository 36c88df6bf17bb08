"""Prove that what is counted is what was recorded, and put right what is not.

A report names subjects, shards, rows of sums and cells, never a value: it may be shown to anyone
who may see that the study exists.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.errors import Beat, OutOfTime, Unavailable, shortened
from trial.events.blinding import OPEN, UNBLINDED, is_unblinded_row
from trial.statistics.cells import Share
from trial.store.bucket.documents import Documents
from trial.store.bucket.object_keys import AUDIT
from trial.store.dynamodb import Store
from trial.store.generations import HEADER_ROW
from trial.store.repair import AuditedSubject
from trial.store.rows import JournalRow, verify
from trial.subject.fold import fold_all
from trial.tables.file_names import AUDIT_REPORT


@dataclass(frozen=True)
class Difference:
    """Something found wrong.

    `fence`: a shard header refused every writer. `share`: what is counted for a subject is not
    what its records give. `sums`: a shard's sums are not those of its subjects. `chain`: a journal
    is not the unbroken chain that its subject's head ends. `records`: a subject's records are not
    those of its journal. `subjects`: sums count events that no subject of the shard knows, and may
    be the last that does. The last three are for people: nothing here could tell which side is
    right.
    """

    what: Literal["fence", "share", "sums", "chain", "records", "subjects"]
    shard: int
    subject: str = ""
    rows: tuple[str, ...] = ()
    repaired: bool = False


@dataclass(frozen=True)
class Audit:
    """One study's audit: what was looked at, what was filled, and every difference.

    `shards` of the study were audited so far; `left_out` differences were too many to be listed.
    """

    study: Study
    complete: bool
    shards: int = 0
    subjects: int = 0
    events: int = 0
    busy: tuple[int, ...] = ()
    differences: tuple[Difference, ...] = ()
    left_out: int = 0

    def document(self, moment: str) -> dict[str, Any]:
        """Return it as data."""
        return {
            "study": self.study.id,
            "at": moment,
            "definition": self.study.digest,
            "contribution_version": self.study.version,
            "generation": self.study.generation,
            "complete": self.complete,
            "subjects": self.subjects,
            "events": self.events,
            "shards": self.study.definition.shards,
            "busy_shards": list(self.busy),
            "differences": [_document(difference) for difference in self.differences],
            "differences_left_out": self.left_out,
        }

    def progress(self) -> dict[str, Any]:
        """Return what an audit needs to go on from here in another run."""
        counted = {name: getattr(self, name) for name in _COUNTED}
        differences = _progress_of(self.differences)
        return counted | {"generation": self.study.generation, "differences": differences}

    def resumed(self, progress: Mapping[str, Any]) -> "Audit":
        """Go on from where another run came, unless the sums were of another generation then."""
        if progress["generation"] != self.study.generation:
            return self
        earlier = _differences_of(progress)
        counted = {name: progress[name] for name in _COUNTED}
        counted |= {"busy": tuple(progress["busy"]), "differences": ()}
        return replace(self, **counted).with_differences([*earlier, *self.differences])

    def with_differences(self, added: Iterable[Difference]) -> "Audit":
        """Add differences; beyond a limit they are only counted."""
        return _with_differences(self, added)

    def with_shard(self, audited: "ShardAudit") -> "Audit":
        """Add what was found in the next shard."""
        extended = replace(
            self,
            shards=self.shards + 1,
            subjects=self.subjects + audited.subjects,
            events=self.events + audited.events,
            busy=(*self.busy, audited.shard) if audited.busy else self.busy,
            left_out=self.left_out + audited.left_out,
        )
        return extended.with_differences(audited.differences)


@dataclass(frozen=True)
class ShardAudit:
    """What was looked at in one shard so far, and every difference there."""

    shard: int
    after: str = ""
    """The subject that was looked at last."""
    subjects: int = 0
    events: int = 0
    busy: bool = False
    """Whether it was written to all the while, so that its sums could not be compared."""
    differences: tuple[Difference, ...] = ()
    left_out: int = 0

    def progress(self) -> dict[str, Any]:
        """Return what another process needs to go on from here."""
        return vars(self) | {"differences": _progress_of(self.differences)}

    @classmethod
    def resumed(cls, shard: int, progress: Mapping[str, Any] | None) -> "ShardAudit":
        """Go on from where another process came; begin where none did."""
        if progress is None:
            return cls(shard)
        return cls(**{**progress, "differences": tuple(_differences_of(progress))})

    def with_differences(self, added: Iterable[Difference]) -> "ShardAudit":
        """Add differences; beyond a limit they are only counted."""
        return _with_differences(self, added)

    def with_subject(
        self, subject: AuditedSubject, differences: Iterable[Difference]
    ) -> "ShardAudit":
        """Add what was found of the next subject."""
        row = subject.row
        extended = replace(
            self,
            after=row.subject.id,
            subjects=self.subjects + 1,
            events=self.events + row.version,
        )
        return extended.with_differences(differences)

    @property
    def wrong_shares(self) -> frozenset[str] | None:
        """Whose shares are wrong; None where they may be more than are listed."""
        share_differences = (
            difference for difference in self.differences if difference.what == "share"
        )
        return (
            None
            if self.left_out
            else frozenset(difference.subject for difference in share_differences)
        )


_COUNTED = "complete", "shards", "subjects", "events", "busy", "left_out"
DIFFERENCES, _LISTED, _ROWS, _LENGTH = 200, 50, 5, 200
"""How many differences an audit lists, rows of each, and rows it carries on to a next run."""
_SAVE_EVERY = 500
"""After how many subjects of a shard it is noted how far an audit has come."""


def _with_differences[Found: (Audit, ShardAudit)](
    earlier: Found, added: Iterable[Difference]
) -> Found:
    differences = (*earlier.differences, *added)
    left_out = earlier.left_out + max(0, len(differences) - DIFFERENCES)
    return replace(earlier, differences=differences[:DIFFERENCES], left_out=left_out)


def _progress_of(differences: Iterable[Difference]) -> list[dict[str, Any]]:
    """Write differences to go on with: of many rows the first."""
    return [
        vars(difference) | {"rows": [row[:_LENGTH] for row in difference.rows[:_ROWS]]}
        for difference in differences
    ]


def _differences_of(progress: Mapping[str, Any]) -> list[Difference]:
    return [
        Difference(**fields | {"rows": tuple(fields["rows"])}) for fields in progress["differences"]
    ]


def audit(
    store: Store,
    study_id: str,
    beat: Beat = lambda: None,
    progress: Mapping[str, Any] | None = None,
    save_progress: Callable[[Mapping[str, Any]], None] = lambda _progress: None,
) -> Audit:
    """Fill what waits to be filled, then compare and repair, shard by shard.

    A retired study is compared and not repaired. `beat` raises `OutOfTime` when this process must
    soon end: another goes on from what was saved last.
    """
    current = store.current(study_id)
    retired = current is not None and current.retired is not None
    fences = () if retired else restore_fences(store, study_id)
    complete = retired or store.fill(study_id, beat)
    store.invalidate(study_id)
    audited = Audit(store.study(study_id), complete).with_differences(fences)
    audited = audited.resumed(progress) if progress else audited
    while audited.shards < audited.study.definition.shards:
        initial = ShardAudit(audited.shards)
        beat()
        audited = audited.with_shard(
            audit_shard(store, audited.study, initial, beat, retired=retired)
        )
        save_progress(audited.progress())
    return replace(audited, complete=complete)


def restore_fences(store: Store, study_id: str) -> tuple[Difference, ...]:
    """Restore shard headers that refused every writer; return which."""
    return tuple(
        Difference("fence", shard, rows=(name,), repaired=True)
        for shard, name in store.restore_fences(study_id)
    )


def audit_shard(
    store: Store,
    study: Study,
    progress: ShardAudit,
    beat: Beat = lambda: None,
    save: Callable[[ShardAudit], None] = lambda _audited: None,
    *,
    retired: bool = False,
) -> ShardAudit:
    """Audit the rest of a shard, and repair what differs unless the study is retired.

    `save` is given what was found whenever so many subjects were looked at, and when time is over.
    """
    audited, shard = progress, progress.shard
    for subject in store.audit_subjects(study, shard, progress.after):
        try:
            beat()
            differences = list(_subject_differences(store, study, shard, subject))
        except OutOfTime:
            save(audited)
            raise
        audited = audited.with_subject(subject, differences)
        if audited.subjects % _SAVE_EVERY == 0:
            save(audited)
    missing = store.missing_sums(study, shard, audited.wrong_shares, beat)
    if missing:
        is_lost = missing.get(HEADER_ROW, {}).get("accepted", 0) < 0
        kind: Literal["subjects", "sums"] = "subjects" if is_lost else "sums"
        audited = audited.with_differences([Difference(kind, shard, rows=_cell_names(missing))])
    if not retired:
        repaired = tuple(_repaired(store, study, shard, audited.differences, beat))
        audited = replace(audited, differences=repaired)
    return replace(audited, busy=missing is None)


def publish(documents: Documents, audited: Audit, moment: str) -> None:
    """Write the audit's report to the bucket."""
    content = json.dumps(audited.document(moment), indent=2, ensure_ascii=False).encode() + b"\n"
    documents.write(audited.study.id, OPEN, AUDIT, AUDIT_REPORT, "application/json", (content,))


def _repaired(
    store: Store, study: Study, shard: int, differences: Sequence[Difference], beat: Beat
) -> Iterator[Difference]:
    """Repair what counts wrong, unless the sums may be the last to know of a lost subject."""
    repairable = [difference for difference in differences if difference.what in {"share", "sums"}]
    is_lost = any(difference.what == "subjects" for difference in differences)
    repaired = bool(repairable) and not is_lost and store.repair(study, shard, beat) is not None
    for difference in differences:
        yield replace(difference, repaired=repaired) if difference in repairable else difference


def _subject_differences(
    store: Store, study: Study, shard: int, subject: AuditedSubject
) -> Iterator[Difference]:
    """Compare a subject's row with its journal, which may have grown since the row was read."""
    row = subject.row
    name = row.subject.id
    if subject.wrong_rows:
        yield Difference("share", shard, name, subject.wrong_rows)
    until_row = [recorded for recorded in subject.journal if recorded.version <= row.version]
    last_version = max((recorded.version for recorded in subject.journal), default=0)
    row_misses_events = last_version > row.version and (
        store.version(study, shard, name) < last_version
    )
    if row_misses_events or len(until_row) < row.version or not verify(until_row, row.head):
        yield Difference("chain", shard, name)
    elif not _replays_to(until_row, subject):
        yield Difference("records", shard, name)


def _replays_to(journal: Sequence[JournalRow], subject: AuditedSubject) -> bool:
    """Return whether replaying a journal gives the subject as it is stored."""
    try:
        entries = [row.entry() for row in journal]
    except Unavailable:
        return False
    return fold_all(subject.row.subject.id, entries) == subject.row.subject


def _cell_names(share: Share) -> tuple[str, ...]:
    return tuple(f"{row}/{cell}" for row in sorted(share) for cell in sorted(share[row]))


def _document(difference: Difference) -> dict[str, Any]:
    """Return it as data; which unblinded rows a subject is counted in would tell its arm."""
    masked = tuple(UNBLINDED if is_unblinded_row(row) else row for row in difference.rows)
    rows = tuple(shortened(row, _LENGTH) for row in dict.fromkeys(masked))
    left_out = {"rows_left_out": len(rows) - _LISTED} if len(rows) > _LISTED else {}
    document = {**vars(difference), "rows": rows[:_LISTED], **left_out}
    return {name: value for name, value in document.items() if value not in ("", ())}
