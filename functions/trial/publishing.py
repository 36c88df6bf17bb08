"""Make a study's documents from one consistent state, and put them where readers find them."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from trial import report
from trial.blinding import OPEN
from trial.errors import Unavailable
from trial.render.documents import File, render
from trial.report import NOW, Asked
from trial.store.documents import AUDIT, HEADS, LIVE, TRAIL, Documents
from trial.store.dynamodb import Store
from trial.store.reports import PENDING, Reports
from trial.store.rows import JournalRow
from trial.store.states import Standing, State
from trial.study import Study
from trial.subject import gather
from trial.tables.grid import Cut, Report


@dataclass(frozen=True)
class Publication:
    """A cut, what it shows to one audience, and the state of which that is."""

    report: Report
    study: Study
    state: State

    @property
    def cut(self) -> Cut:
        """Name the state."""
        return self.report.cut

    def files(self, code_version: str) -> Iterator[File]:
        """Make the documents, one after the other."""
        return render(self.report, code_version)


def publish_live(store: Store, documents: Documents, study: Study, code_version: str) -> Cut | None:
    """Bring the live documents of every audience up to date; give the open ones' cut.

    None where they already are, or are newer.
    """
    current = store.current(study.id)
    epoch = current.epoch if current else 0
    if current is not None and current.digest != study.digest:
        raise Unavailable("another definition has come into force")
    state = counted(store, study)
    cuts = [_advance(store, documents, view, epoch, state, code_version) for view in study.views]
    return cuts[0]


def _advance(
    store: Store, documents: Documents, study: Study, epoch: int, state: State, code_version: str
) -> Cut | None:
    """Publish a state to one audience, unless what it has is newer."""
    publication = make(store, study, state)
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
        "files": put(documents, study, LIVE, publication.files(code_version)),
        "audit": put(documents, study, f"{AUDIT}/{LIVE}", _heads(publication)),
    }
    moved = documents.advance(study.id, study.audience, entry, tag)
    # Overtaken by another publication: this one may still be the newer of the two.
    return cut if moved else _advance(store, documents, study, epoch, state, code_version)


def _newer(epoch: int, cut: Cut, code_version: str, latest: dict[str, Any]) -> bool:
    mine, theirs = (epoch, cut.accepted), (latest["epoch"], latest["events"])
    same = cut.id == latest["cut"] and code_version == latest["code_version"]
    return bool(mine >= theirs) and not same


def put(documents: Documents, study: Study, place: str, files: Iterable[File]) -> dict[str, str]:
    """Write files to one place, each as it is made; give the version that each became."""
    return {
        each.name: documents.write(
            study.id, study.audience, place, each.name, each.media_type, each.content
        )
        for each in files
    }


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
    state = _refolded(store, study, asked)
    erased = [each for each in state.ids if state.standings[each].erased]
    asked = replace(asked, erased=tuple(erased))
    cuts = {}
    for view in study.views:
        publication = make(store, view, state, asked)
        cut = cuts[view.audience] = publication.cut
        put(documents, view, f"cuts/{cut.id}", publication.files(code_version))
        put(documents, view, f"{AUDIT}/{cut.id}", audit(store, publication))
    unblinded = cuts[study.audience].id if study.definition.blinded else ""
    reports.ready(study.id, request, cuts[OPEN].id, cuts[OPEN].accepted, unblinded)


def counted(store: Store, study: Study) -> State:
    """Read the study as it is: each subject with the share that the sums count for it."""
    state = State()
    for each in store.subjects(study):
        state.add(each.subject, each.share, Standing(each.version, each.head))
    return state


def _refolded(store: Store, study: Study, asked: Asked) -> State:
    """Replay the journal up to an instant: which versions that were, the stamps say for ever.

    Stamps rise within a subject and nothing commits with one older than 30 s, so an instant a
    minute old resolves to the same versions whenever it is asked for.
    """
    state = State()
    for each in store.subjects(study):
        journal = store.journal(study.id, each.id, each.cipher_key)
        rows = [
            row
            for row in journal
            if row.version <= each.version and (not asked.as_of or row.stamp <= asked.as_of)
        ]
        if rows:
            subject = gather(each.id, (row.entry() for row in rows))
            erased = each.subject.erased and not subject.erased
            standing = Standing(rows[-1].version, rows[-1].hash, erased)
            state.add(subject, report.as_asked(study, subject, asked), standing)
    return state


def make(store: Store, study: Study, state: State, asked: Asked = NOW) -> Publication:
    """Make what one state of the study shows to one audience: all of it of the same subjects."""
    disputes = [
        each for each in store.disputes(study.id) if not asked.as_of or each.at <= asked.as_of
    ]
    made = report.report(study, state, state.sums, asked, disputes)
    return Publication(made, study, state)


def audit(store: Store, publication: Publication) -> Iterator[File]:
    """Give what arrival decides: where each journal stood, and the journals so far.

    What they say tells the arm, and is for those who may know it.
    """
    yield from _heads(publication)
    if not publication.study.pooled:
        yield File(TRAIL, (_line(row) for row in trail(store, publication)))


def trail(store: Store, publication: Publication) -> Iterator[JournalRow]:
    """Read the journals of a state again, row by row: they only ever grow."""
    for name in publication.state.ids:
        version = publication.state.standings[name].version
        for row in store.journal(publication.study.id, name):
            if row.version <= version:
                yield row


def _line(row: JournalRow) -> bytes:
    return json.dumps(row.document(), ensure_ascii=False).encode() + b"\n"


def _heads(publication: Publication) -> Iterator[File]:
    if publication.study.pooled:
        return
    cut, state = publication.cut, publication.state
    heads = {
        "study": publication.study.id,
        "cut": cut.id,
        "content_root": cut.content_root,
        "subjects": {
            name: {
                "version": state.standings[name].version,
                "head": state.standings[name].head.hex(),
            }
            for name in state.ids
        },
    }
    yield File(HEADS, (json.dumps(heads, indent=2).encode() + b"\n",))


def agrees(store: Store, study: Study) -> bool:
    """Check the rows of sums against the shares in the subjects' rows, shard by quiet shard."""
    return not any(store.check(study).values())
