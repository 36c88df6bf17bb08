"""Prove that what is counted is what was recorded, and put right what is not.

A report names subjects, shards, rows of sums and cells, never a value: it may be shown to anyone
who may see that the study exists.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from trial.definition.study import Study
from trial.errors import Beat, Unavailable, shortened
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
        differences = [
            vars(difference) | {"rows": [row[:_LENGTH] for row in difference.rows[:_ROWS]]}
            for difference in self.differences
        ]
        return counted | {"generation": self.study.generation, "differences": differences}

    def resumed(self, progress: Mapping[str, Any]) -> "Audit":
        """Go on from where another run came, unless the sums were of another generation then."""
        if progress["generation"] != self.study.generation:
            return self
        earlier = [
            Difference(**fields | {"rows": tuple(fields["rows"])})
            for fields in progress["differences"]
        ]
        counted = {name: progress[name] for name in _COUNTED}
        counted |= {"busy": tuple(progress["busy"]), "differences": ()}
        return replace(self, **counted).with_differences([*earlier, *self.differences])

    def with_differences(self, added: Iterable[Difference]) -> "Audit":
        """Add differences; beyond a limit they are only counted."""
        differences = (*self.differences, *added)
        left_out = self.left_out + max(0, len(differences) - DIFFERENCES)
        return replace(self, differences=differences[:DIFFERENCES], left_out=left_out)


_COUNTED = "complete", "shards", "subjects", "events", "busy", "left_out"
DIFFERENCES, _LISTED, _ROWS, _LENGTH = 200, 50, 5, 200
"""How many differences an audit lists, rows of each, and rows it carries on to a next run."""


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
    fences = [
        Difference("fence", shard, rows=(name,), repaired=True)
        for shard, name in ([] if retired else store.restore_fences(study_id))
    ]
    complete = retired or store.fill(study_id, beat)
    store.invalidate(study_id)
    audited = Audit(store.study(study_id), complete).with_differences(fences)
    audited = audited.resumed(progress) if progress else audited
    while audited.shards < audited.study.definition.shards:
        audited = _with_shard(store, audited, beat, retired=retired)
        save_progress(audited.progress())
    return replace(audited, complete=complete)


def _with_shard(store: Store, audited: Audit, beat: Beat, *, retired: bool) -> Audit:
    """Audit one more shard, and repair what differs unless the study is retired."""
    beat()
    study, shard = audited.study, audited.shards
    subjects, events, differences = audited.subjects, audited.events, list[Difference]()
    for subject in store.audit_subjects(study, shard):
        beat()
        subjects, events = subjects + 1, events + subject.row.version
        differences += _subject_differences(store, study, shard, subject)
    missing = store.missing_sums(study, shard, beat)
    if missing:
        lost = missing.get(HEADER_ROW, {}).get("accepted", 0) < 0
        differences.append(
            Difference("subjects" if lost else "sums", shard, rows=_cell_names(missing))
        )
    busy = (*audited.busy, shard) if missing is None else audited.busy
    if not retired:
        differences = [*_repaired(store, study, shard, differences)]
    extended = replace(audited, shards=shard + 1, subjects=subjects, events=events, busy=busy)
    return extended.with_differences(differences)


def publish(documents: Documents, audited: Audit, moment: str) -> None:
    """Write the audit's report to the bucket."""
    content = json.dumps(audited.document(moment), indent=2, ensure_ascii=False).encode() + b"\n"
    documents.write(audited.study.id, OPEN, AUDIT, AUDIT_REPORT, "application/json", (content,))


def _repaired(
    store: Store, study: Study, shard: int, differences: list[Difference]
) -> Iterator[Difference]:
    """Repair what counts wrong, unless the sums may be the last to know of a lost subject."""
    repairable = [difference for difference in differences if difference.what in {"share", "sums"}]
    lost = any(difference.what == "subjects" for difference in differences)
    repaired = bool(repairable) and not lost and store.repair(study, shard) is not None
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
    journal = store.journal(study.id, name, row.cipher_key)
    until_row = [journal_row for journal_row in journal if journal_row.version <= row.version]
    last_version = max((journal_row.version for journal_row in journal), default=0)
    row_misses_events = last_version > row.version and (
        store.version(study, shard, name) < last_version
    )
    if row_misses_events or len(until_row) < row.version or not verify(until_row, row.head):
        yield Difference("chain", shard, name)
    elif not _replays_to(until_row, subject):
        yield Difference("records", shard, name)


def _replays_to(journal: list[JournalRow], subject: AuditedSubject) -> bool:
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
