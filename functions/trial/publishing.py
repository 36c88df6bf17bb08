"""Make a study's documents from one consistent state, and put them where readers find them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from trial import changelog, report
from trial.blinding import OPEN
from trial.cells import Share
from trial.changelog import Window
from trial.errors import Unavailable
from trial.render import excel
from trial.render.documents import MEDIA_TYPES, render
from trial.report import NOW, Asked
from trial.store import places
from trial.store.documents import Documents
from trial.store.dynamodb import Store
from trial.store.places import AUDIT, CHANGES, HEADS, LIVE, TRAIL
from trial.store.reports import PENDING, Reports, Requested
from trial.store.rows import JournalRow
from trial.study import Study
from trial.subject import Subject, gather
from trial.tables.grid import Cut

_MEDIA_TYPES = {
    **MEDIA_TYPES,
    HEADS: "application/json",
    TRAIL: "application/x-ndjson",
    CHANGES: MEDIA_TYPES["listings.xlsx"],
}


@dataclass(frozen=True)
class State:
    """A subject at one version of its journal, with its share; `journal` is all of it, if read."""

    subject: Subject
    share: Share
    version: int
    head: bytes
    journal: tuple[JournalRow, ...] = ()
    erased: bool = False
    """Whether personal texts were there at that version and are not any more."""

    @property
    def trail(self) -> tuple[JournalRow, ...]:
        """The rows up to that version."""
        return self.journal[: self.version]


@dataclass(frozen=True)
class Publication:
    """A cut, its files, where each subject's journal stood, and what does not add up."""

    cut: Cut
    files: dict[str, bytes]
    audit: dict[str, bytes]
    findings: tuple[str, ...]


def publish_live(store: Store, documents: Documents, study: Study, code_version: str) -> Cut | None:
    """Bring the live documents of every audience up to date; give the open ones' cut.

    None where they already are, or are newer.
    """
    current = store.current(study.id)
    epoch = current.epoch if current else 0
    if current is not None and current.digest != study.digest:
        raise Unavailable("another definition has come into force")
    states = list(_counted(store, study))
    cuts = [_advance(store, documents, view, epoch, states, code_version) for view in study.views]
    return cuts[0]


def _advance(
    store: Store,
    documents: Documents,
    study: Study,
    epoch: int,
    states: list[State],
    code_version: str,
) -> Cut | None:
    """Publish a state to one audience, unless what it has is newer."""
    publication = make(store, study, states, code_version)
    cut = publication.cut
    latest, tag = documents.latest(study.id, study.audience)
    if latest is not None and not _newer(epoch, cut, code_version, latest):
        return None
    entry = {
        "study": study.id,
        "epoch": epoch,
        "events": cut.accepted,
        "cut": cut.id,
        "content_root": cut.content_root,
        "code_version": code_version,
        "files": _put(documents, study, LIVE, publication.files),
        "audit": _put(documents, study, f"{AUDIT}/{LIVE}", publication.audit),
    }
    moved = documents.advance(study.id, study.audience, entry, tag)
    # Overtaken by another publication: this one may still be the newer of the two.
    return cut if moved else _advance(store, documents, study, epoch, states, code_version)


def _newer(epoch: int, cut: Cut, code_version: str, latest: dict[str, Any]) -> bool:
    mine, theirs = (epoch, cut.accepted), (latest["epoch"], latest["events"])
    same = cut.id == latest["cut"] and code_version == latest["code_version"]
    return bool(mine >= theirs) and not same


def _put(
    documents: Documents, study: Study, place: str, files: Mapping[str, bytes]
) -> dict[str, str]:
    return documents.put(study.id, study.audience, place, files, _MEDIA_TYPES)


def publish_report(
    store: Store,
    documents: Documents,
    reports: Reports,
    study: Study,
    request: str,
    code_version: str,
) -> None:
    """Make the documents and the audit trail of a report that was asked for, once."""
    wanted = reports.find(study.id, request)
    if wanted is None or wanted.status != PENDING:
        return
    asked = Asked(wanted.as_of, wanted.cutoff)
    states = list(_refolded(store, study, asked))
    asked = replace(asked, erased=tuple(each.subject.id for each in states if each.erased))
    since = reports.previous(study.id, wanted)
    cuts, files = {}, {}
    for view in study.views:
        publication = make(store, view, states, code_version, asked)
        cut = cuts[view.audience] = publication.cut
        files[view.audience] = [*publication.files, *publication.audit]
        if not view.pooled:
            changes = _changes(store, documents, view, publication, states, since)
            files[view.audience] += _put(documents, view, places.changes(cut.id, request), changes)
        if documents.made_by(view.id, view.audience, cut.id) != code_version:
            _put(documents, view, places.audit(cut.id), publication.audit)
            _put(documents, view, places.cut(cut.id), publication.files)
    unblinded = cuts[study.audience].id if study.definition.blinded else ""
    cut = cuts[OPEN]
    reports.ready(study.id, request, cut.id, cut.accepted, unblinded, files[OPEN])


def _changes(
    store: Store,
    documents: Documents,
    study: Study,
    publication: Publication,
    states: list[State],
    since: Requested | None,
) -> dict[str, bytes]:
    """Make the workbook of what changed since an earlier report, and of all journals."""
    before = changelog.versions(documents, study.id, since) if since else {}
    known = {each.subject.id: each for each in states}

    def windows() -> Iterator[Window]:
        for name in sorted(known.keys() | before.keys()):
            if name in known:
                rows, after = known[name].journal, known[name].version
            else:  # nothing of it had been recorded by the instant asked for
                rows, after = changelog.journal(store, study, name), 0
            yield Window(name, rows, before.get(name, 0), after)

    made = changelog.report(publication.cut, windows, since, publication.findings)
    return {CHANGES: excel.workbook(made)}


def _counted(store: Store, study: Study) -> Iterator[State]:
    """Read the study as it is: each subject with the share that the sums count for it."""
    for each in store.subjects(study):
        yield State(each.subject, each.share, each.version, each.head)


def _refolded(store: Store, study: Study, asked: Asked) -> Iterator[State]:
    """Replay the journal up to an instant: which versions that were, the stamps say for ever.

    Stamps rise within a subject and nothing commits with one older than 30 s, so an instant a
    minute old resolves to the same versions whenever it is asked for.
    """
    for each in store.subjects(study):
        journal = store.journal(study.id, each.id, each.cipher_key)
        rows = [
            row
            for row in journal
            if row.version <= each.version and (not asked.as_of or row.stamp <= asked.as_of)
        ]
        if rows:
            subject = gather(each.id, (row.entry() for row in rows))
            seen, share = report.as_asked(study, subject, asked)
            erased = each.subject.erased and not subject.erased
            yield State(seen, share, rows[-1].version, rows[-1].hash, tuple(journal), erased)


def make(
    store: Store, study: Study, states: list[State], code_version: str, asked: Asked = NOW
) -> Publication:
    """Render one state of the study for one audience: all of it from the same subjects.

    What the journals and their heads say tells the arm, and is for those who may know it.
    """
    disputes = [
        each for each in store.disputes(study.id) if not asked.as_of or each.at <= asked.as_of
    ]
    made = report.report(study, [(each.subject, each.share) for each in states], asked, disputes)
    if study.pooled:
        return Publication(made.cut, render(made, code_version), {}, made.findings)
    heads = {
        "study": study.id,
        "cut": made.cut.id,
        "content_root": made.cut.content_root,
        "subjects": {
            each.subject.id: {"version": each.version, "head": each.head.hex()}
            for each in sorted(states, key=lambda one: one.subject.id)
        },
    }
    audit = {HEADS: json.dumps(heads, indent=2).encode() + b"\n"}
    if any(each.trail for each in states):
        audit[TRAIL] = b"".join(_trail(states))
    return Publication(made.cut, render(made, code_version), audit, made.findings)


def _trail(states: list[State]) -> Iterator[bytes]:
    for each in sorted(states, key=lambda one: one.subject.id):
        for row in each.trail:
            yield json.dumps(row.document(), ensure_ascii=False).encode() + b"\n"


def agrees(store: Store, study: Study) -> bool:
    """Check the rows of sums against the shares in the subjects' rows, shard by quiet shard."""
    return not any(store.check(study).values())
