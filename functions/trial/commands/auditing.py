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
from trial.store.bucket.object_keys import AUDIT, REPORT
from trial.store.dynamodb import Store
from trial.store.repair import AuditedSubject
from trial.store.rows import JournalRow, verify
from trial.subject.fold import fold_all


@dataclass(frozen=True)
class Difference:
    """Something found wrong.

    `fence`: a gate of sums refused every writer. `share`: what is counted for a subject is not
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

    `shards` of the study were looked at so far; `left_out` differences were too many to be named.
    """

    study: Study
    complete: bool
    shards: int = 0
    subjects: int = 0
    events: int = 0
    busy: tuple[int, ...] = ()
    differences: tuple[Difference, ...] = ()
    left_out: int = 0

    def document(self, at: str) -> dict[str, Any]:
        """Give it as data."""
        return {
            "study": self.study.id,
            "at": at,
            "definition": self.study.digest,
            "contribution_version": self.study.version,
            "generation": self.study.generation,
            "complete": self.complete,
            "subjects": self.subjects,
            "events": self.events,
            "shards": self.study.definition.shards,
            "busy_shards": list(self.busy),
            "differences": [_data(each) for each in self.differences],
            "differences_left_out": self.left_out,
        }

    def progress(self) -> dict[str, Any]:
        """Give what an audit needs to go on from here in another run."""
        counted = {name: getattr(self, name) for name in _COUNTED}
        named = [
            vars(each) | {"rows": [row[:_LENGTH] for row in each.rows[:_ROWS]]}
            for each in self.differences
        ]
        return counted | {"generation": self.study.generation, "differences": named}

    def resumed(self, progress: Mapping[str, Any]) -> "Audit":
        """Go on from where another run came, unless the sums were then others."""
        if progress["generation"] != self.study.generation:
            return self
        found = [
            Difference(**each | {"rows": tuple(each["rows"])}) for each in progress["differences"]
        ]
        counted = {name: progress[name] for name in _COUNTED}
        counted |= {"busy": tuple(progress["busy"]), "differences": ()}
        return replace(self, **counted).named([*found, *self.differences])

    def named(self, more: Iterable[Difference]) -> "Audit":
        """Add differences, of which so many are named."""
        found = (*self.differences, *more)
        left_out = self.left_out + max(0, len(found) - DIFFERENCES)
        return replace(self, differences=found[:DIFFERENCES], left_out=left_out)


_COUNTED = "complete", "shards", "subjects", "events", "busy", "left_out"
DIFFERENCES, _NAMED, _ROWS, _LENGTH = 200, 50, 5, 200
"""How many differences an audit names, and rows of each; a few it remembers from run to run."""


def audit(
    store: Store,
    study_id: str,
    beat: Beat = lambda: None,
    progress: Mapping[str, Any] | None = None,
    note: Callable[[Mapping[str, Any]], None] = lambda _progress: None,
) -> Audit:
    """Fill what waits to be filled, then compare and repair, shard by shard.

    A retired study is only looked at. `beat` raises `OutOfTime` when this process must soon end:
    what `note` was told last is where another goes on.
    """
    current = store.current(study_id)
    retired = current is not None and current.retired is not None
    fences = [
        Difference("fence", at, rows=(name,), repaired=True)
        for at, name in ([] if retired else store.restore_fences(study_id))
    ]
    complete = retired or store.fill(study_id, beat)
    store.invalidate(study_id)
    audited = Audit(store.study(study_id), complete).named(fences)
    audited = audited.resumed(progress) if progress else audited
    while audited.shards < audited.study.definition.shards:
        audited = _with_shard(store, audited, beat, retired=retired)
        note(audited.progress())
    return replace(audited, complete=complete)


def _with_shard(store: Store, audited: Audit, beat: Beat, *, retired: bool) -> Audit:
    """Look one more shard over, and put right what differs unless the study is retired."""
    beat()
    study, shard = audited.study, audited.shards
    subjects, events, found = audited.subjects, audited.events, list[Difference]()
    for counted in store.audit_subjects(study, shard):
        beat()
        subjects, events = subjects + 1, events + counted.row.version
        found += _of_subject(store, study, shard, counted)
    lacks = store.missing_sums(study, shard, beat)
    if lacks:
        lost = lacks.get("study", {}).get("accepted", 0) < 0
        found.append(Difference("subjects" if lost else "sums", shard, rows=_names(lacks)))
    busy = (*audited.busy, shard) if lacks is None else audited.busy
    differences = found if retired else [*_repaired(store, study, shard, found)]
    looked = replace(audited, shards=shard + 1, subjects=subjects, events=events, busy=busy)
    return looked.named(differences)


def publish(documents: Documents, audited: Audit, at: str) -> None:
    """Put the report where its readers find it."""
    content = json.dumps(audited.document(at), indent=2, ensure_ascii=False).encode() + b"\n"
    documents.write(audited.study.id, OPEN, AUDIT, REPORT, "application/json", (content,))


def _repaired(
    store: Store, study: Study, shard: int, found: list[Difference]
) -> Iterator[Difference]:
    counting = [each for each in found if each.what in {"share", "sums"}]
    lost = any(each.what == "subjects" for each in found)
    done = bool(counting) and not lost and store.repair(study, shard) is not None
    for each in found:
        yield replace(each, repaired=done) if each in counting else each


def _of_subject(
    store: Store, study: Study, shard: int, counted: AuditedSubject
) -> Iterator[Difference]:
    row = counted.row
    name = row.subject.id
    if counted.wrong_rows:
        yield Difference("share", shard, name, counted.wrong_rows)
    journal = store.journal(study.id, name, row.cipher_key)
    known = [each for each in journal if each.version <= row.version]
    later = max((each.version for each in journal), default=0)
    behind = later > row.version and store.version(study, shard, name) < later
    if behind or len(known) < row.version or not verify(known, row.head):
        yield Difference("chain", shard, name)
    elif not _gives(known, counted):
        yield Difference("records", shard, name)


def _gives(journal: list[JournalRow], counted: AuditedSubject) -> bool:
    """Say whether replaying a journal gives the subject as it is kept."""
    try:
        entries = [row.entry() for row in journal]
    except Unavailable:
        return False
    return fold_all(counted.row.subject.id, entries) == counted.row.subject


def _names(lacks: Share) -> tuple[str, ...]:
    return tuple(f"{row}/{cell}" for row in sorted(lacks) for cell in sorted(lacks[row]))


def _data(difference: Difference) -> dict[str, Any]:
    """Give it as data; which unblinded rows a subject is counted in would tell its arm."""
    rows = tuple(UNBLINDED if is_unblinded_row(each) else each for each in difference.rows)
    named = tuple(shortened(each, _LENGTH) for each in dict.fromkeys(rows))
    left_out = {"rows_left_out": len(named) - _NAMED} if len(named) > _NAMED else {}
    found = {**vars(difference), "rows": named[:_NAMED], **left_out}
    return {name: value for name, value in found.items() if value not in ("", ())}
