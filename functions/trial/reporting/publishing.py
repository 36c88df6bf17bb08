"""Make a study's documents from one consistent state, and put them where readers find them."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from trial.definition.study import Study
from trial.errors import Beat, Unavailable
from trial.events.blinding import OPEN
from trial.file_names import MANIFEST
from trial.render.documents import File, render
from trial.render.workbook import workbook
from trial.reporting import provenance, report
from trial.reporting.attestation import Vouching
from trial.reporting.changelog import Changelog
from trial.reporting.currency import is_newer
from trial.reporting.document_writer import Writing
from trial.reporting.snapshot import Standing, State
from trial.store.bucket import object_keys
from trial.store.bucket.object_keys import (
    AUDIT,
    CHANGES,
    CHANGES_SIGNATURE,
    HEADS,
    LIVE,
    SIGNATURE,
    TRAIL,
)
from trial.store.dynamodb import Store
from trial.store.reports import PENDING, Made, ReportRequest, Reports
from trial.subject.cut_spec import NOW, Asked
from trial.subject.fold import Dispute
from trial.tables.grid import Cut, Report


@dataclass(frozen=True)
class Publication:
    """A cut, what it shows to one audience, and the state and the disputes of which that is."""

    report: Report
    study: Study
    state: State
    disputes: tuple[Dispute, ...]

    @property
    def cut(self) -> Cut:
        """Name the state."""
        return self.report.cut

    def files(self, code_version: str) -> Iterator[File]:
        """Make the documents, one after the other."""
        return render(self.report, self.study, code_version)

    def heads(self) -> Iterator[File]:
        """Give where each journal stood; that tells arms, and is for those who may know them."""
        if not self.study.pooled:
            yield self._heads(None)

    def audit(self, store: Store) -> Iterator[File]:
        """Give what arrival decides: where each journal stood, and the journals so far."""
        if not self.study.pooled:
            yield self._heads(store.quarantine_times(self.study.id))
            yield provenance.trail(store, self.study.id, self.state)

    def _heads(self, rejected_bodies: provenance.RejectedDigests | None) -> File:
        return provenance.heads(self.study.id, self.cut, self.state, self.disputes, rejected_bodies)


def publish_live(writing: Writing, study: Study) -> Cut | None:
    """Bring the live documents of every audience up to date; give the open ones' cut.

    None where they already are, or are newer.
    """
    store = writing.store
    current = store.current(study.id)
    epoch = current.epoch if current else 0
    if current is not None and current.digest != study.digest:
        raise Unavailable("another definition has come into force")
    state = counted(store, study, writing.beat)
    cuts = [_advance(writing, view, epoch, state) for view in study.views]
    return cuts[0]


def _advance(writing: Writing, study: Study, epoch: int, state: State) -> Cut | None:
    """Publish a state to one audience, unless what it has is newer."""
    documents = writing.documents
    publication = make(writing.store, study, state)
    cut = publication.cut
    standing = {
        "study": study.id,
        "epoch": epoch,
        "events": cut.accepted,
        "disputes": len(publication.disputes),
        "cut": cut.id,
        "content_root": cut.content_root,
        "completion": cut.completion.text,
        "code_version": writing.code_version,
    }
    latest, tag = documents.latest(study.id, study.audience)
    if latest is not None and not is_newer(standing, latest):
        return None
    files = writing.put(study, LIVE, publication.files(writing.code_version))
    place = f"{AUDIT}/{LIVE}"
    beside = writing.put(study, place, publication.heads())
    digests = {**files.vouched_for(MANIFEST), **beside.digests}
    stated = writing.vouching(study, epoch).apart(cut, digests)
    signed = writing.put(study, place, stated.files())
    versions = {**beside.versions, **signed.versions}
    entry = {**standing, "files": files.versions, "audit": versions}
    moved = documents.replace_latest(study.id, study.audience, entry, tag)
    # Overtaken by another publication: this one may still be the newer of the two.
    return cut if moved else _advance(writing, study, epoch, state)


def publish_report(reports: Reports, writing: Writing, study: Study, request: str) -> None:
    """Make the documents and the audit trail of a report that was asked for, once."""
    wanted = reports.find(study.id, request)
    if wanted is None or wanted.status != PENDING:
        return
    reports.count_attempt(study.id, request)
    try:
        _make_report(reports, writing, study, wanted)
    except Unavailable:
        with suppress(Unavailable):
            reports.count_attempt(study.id, request, -1)  # it is not to blame
        raise


def _make_report(reports: Reports, writing: Writing, study: Study, wanted: ReportRequest) -> None:
    store, documents = writing.store, writing.documents
    asked = Asked(wanted.as_of, wanted.cutoff, final=wanted.final, look=wanted.look)
    since = reports.previous(study.id, wanted)
    log = Changelog.begin(documents, study.id, since, asked)
    state = _refolded(store, study, asked, log, writing.beat)
    erased = [each for each in state.ids if state.standings[each].erased]
    asked = replace(asked, erased=tuple(erased))
    cuts, files = {}, {}
    for view in study.views:
        publication = make(store, view, state, asked)
        cut = cuts[view.audience] = publication.cut
        if not view.pooled:
            _write_changes(writing, publication, wanted, log)
        files[view.audience] = _kept(writing, publication)
    unblinded = cuts[study.audience].id if study.definition.blinded else ""
    cut = cuts[OPEN]
    made = Made(cut.id, cut.accepted, cut.completion.text, unblinded, tuple(files[OPEN]))
    reports.ready(study.id, wanted.id, made)


def _write_changes(
    writing: Writing, publication: Publication, wanted: ReportRequest, log: Changelog
) -> None:
    study, cut = publication.study, publication.cut
    place = object_keys.changes(cut.id, wanted.id)
    book = File(CHANGES, workbook(log.report(cut, publication.report.discrepancies)))
    written = writing.put(study, place, (book,))
    vouching = writing.vouching(study, writing.store.epoch(study.id))
    writing.put(study, place, vouching.apart(cut, written.digests).files(CHANGES_SIGNATURE))


def _kept(writing: Writing, publication: Publication) -> list[str]:
    """Write what is kept of a cut, unless it is there as this code makes it; name the files."""
    study, cut = publication.study, publication.cut.id
    vouching = writing.vouching(study, writing.store.epoch(study.id))
    stated = vouching.of(cut)
    if stated is None or stated["code_version"] != writing.code_version:
        _write(writing, publication, vouching)
    found = writing.documents.manifest(study.id, study.audience, cut)
    names = [each["name"] for each in found["files"]] if found else []
    beside = [SIGNATURE] if study.pooled else [HEADS, TRAIL, SIGNATURE, CHANGES, CHANGES_SIGNATURE]
    return [*names, MANIFEST, *beside]


def _write(writing: Writing, publication: Publication, vouching: Vouching) -> None:
    study, cut = publication.study, publication.cut
    place = object_keys.audit(cut.id)
    beside = writing.put(study, place, publication.audit(writing.store))
    files = writing.put(study, object_keys.cut(cut.id), publication.files(writing.code_version))
    stated = vouching.add(cut, {**files.vouched_for(MANIFEST), **beside.digests})
    writing.put(study, place, stated.files())


def counted(store: Store, study: Study, beat: Beat = lambda: None) -> State:
    """Read the study as it is: each subject with the share that the sums count for it."""
    state = State()
    for each in store.subjects(study):
        beat()
        state.add(each.subject, each.share, Standing(each.version, each.head))
    return state


def _refolded(store: Store, study: Study, asked: Asked, log: Changelog, beat: Beat) -> State:
    """Replay the journal up to an instant: which versions that were, the stamps say for ever.

    Stamps rise within a subject and nothing commits with one older than 30 s, so an instant a
    minute old resolves to the same versions whenever it is asked for.
    """
    state = State()
    for each in store.subjects(study):
        beat()
        journal = store.journal(study.id, each.id, each.cipher_key)
        rows = [row for row in journal if row.version <= each.version]
        by_then = [row for row in rows if not asked.as_of or row.stamp <= asked.as_of]
        window = log.add(each.id, rows, len(by_then))
        if by_then:
            subject, last = window.recorded, by_then[-1]
            erased = each.subject.erased and not subject.erased
            standing = Standing(last.version, last.hash, erased)
            state.add(subject, report.as_asked(study, subject, asked), standing)
    return state


def make(store: Store, study: Study, state: State, asked: Asked = NOW) -> Publication:
    """Make what one state of the study shows to one audience: all of it of the same subjects."""
    disputes = tuple(
        each for each in store.disputes(study) if not asked.as_of or each.at <= asked.as_of
    )
    made = report.report(study, state, state.sums, asked, disputes)
    return Publication(made, study, state, disputes)


def agrees(store: Store, study: Study) -> bool:
    """Check the rows of sums against the shares in the subjects' rows, shard by quiet shard."""
    return not any(store.check(study).values())
