"""Make requested reports, each of one state of the study, and keep them with an audit trail."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.errors import Beat, Unavailable
from trial.events.blinding import OPEN
from trial.render.documents import File, render
from trial.render.workbook import workbook
from trial.reporting import provenance, report
from trial.reporting.attestation import Attestor
from trial.reporting.changelog import Changelog
from trial.reporting.document_writer import DocumentWriter
from trial.reporting.snapshot import JournalPosition, StudySnapshot
from trial.store.bucket import object_keys
from trial.store.dynamodb import Store
from trial.store.reports import PENDING, ReportRequest, ReportResult, Reports
from trial.subject.cut_spec import LIVE_SPEC, CutSpec
from trial.subject.fold import Dispute
from trial.tables.file_names import (
    CHANGES,
    CHANGES_SIGNATURE,
    HEADS,
    MANIFEST,
    SIGNATURE,
    TRAIL,
)
from trial.tables.grid import Cut, Report


@dataclass(frozen=True)
class Publication:
    """What a cut shows to one audience, and the snapshot and disputes that it was made of."""

    report: Report
    study: Study
    snapshot: StudySnapshot
    disputes: tuple[Dispute, ...]

    @property
    def cut(self) -> Cut:
        """Return the cut, which names the snapshot."""
        return self.report.cut

    def files(self, code_version: str) -> Iterator[File]:
        """Make the documents, one after the other."""
        return render(self.report, self.study, code_version)

    def audit(self, store: Store) -> Iterator[File]:
        """Yield what depends on arrival: where each journal stood, and the journals up to there."""
        if not self.study.pooled:
            yield provenance.heads(
                self.study.id,
                self.cut,
                self.snapshot.positions,
                self.disputes,
                store.quarantine_times(self.study.id),
            )
            yield provenance.trail(store, self.study.id, self.snapshot)


def publish_report(reports: Reports, writer: DocumentWriter, study: Study, request_id: str) -> None:
    """Make the documents and the audit trail of a requested report, once."""
    request = reports.find(study.id, request_id)
    if request is None or request.status != PENDING:
        return
    reports.count_attempt(study.id, request_id)
    try:
        _make_report(reports, writer, study, request)
    except Unavailable:
        with suppress(Unavailable):
            reports.count_attempt(study.id, request_id, -1)  # the outage was at fault, not it
        raise


def _make_report(
    reports: Reports, writer: DocumentWriter, study: Study, request: ReportRequest
) -> None:
    store, documents = writer.store, writer.documents
    spec = CutSpec(request.as_of, request.cutoff, final=request.final, look=request.look)
    previous = reports.previous(study.id, request)
    log = Changelog.begin(documents, study.id, previous, spec)
    snapshot = _replay_snapshot(store, study, spec, log, writer.beat)
    erased = [subject for subject in snapshot.ids if snapshot.positions[subject].erased]
    spec = replace(spec, erased=tuple(erased))
    cuts, files = {}, {}
    for view in study.views:
        publication = make_publication(store, view, snapshot, spec)
        cut = cuts[view.audience] = publication.cut
        if not view.pooled:
            _write_changes(writer, publication, request, log)
        files[view.audience] = _keep(writer, publication)
    unblinded = cuts[study.audience].id if study.definition.blinded else ""
    cut = cuts[OPEN]
    outcome = ReportResult(cut.id, cut.accepted, cut.completion.text, unblinded, tuple(files[OPEN]))
    reports.mark_ready(study.id, request.id, outcome)


def _write_changes(
    writer: DocumentWriter, publication: Publication, request: ReportRequest, log: Changelog
) -> None:
    study, cut = publication.study, publication.cut
    prefix = object_keys.changes_prefix(cut.id, request.id)
    changes = File(CHANGES, workbook(log.report(cut, publication.report.discrepancies)))
    files = writer.write(study, prefix, (changes,))
    attestor = writer.attestor(study, writer.store.epoch(study.id))
    writer.write(
        study, prefix, attestor.sign_unchained(cut, files.digests).files(CHANGES_SIGNATURE)
    )


def _keep(writer: DocumentWriter, publication: Publication) -> list[str]:
    """Write the cut, unless this very code has written it before; return its file names."""
    study, cut = publication.study, publication.cut.id
    attestor = writer.attestor(study, writer.store.epoch(study.id))
    predicate = attestor.predicate_of(cut)
    if predicate is None or predicate["code_version"] != writer.code_version:
        _write_cut(writer, publication, attestor)
    manifest = writer.documents.manifest(study.id, study.audience, cut)
    names = [file["name"] for file in manifest["files"]] if manifest else []
    audit = [SIGNATURE] if study.pooled else [HEADS, TRAIL, SIGNATURE, CHANGES, CHANGES_SIGNATURE]
    return [*names, MANIFEST, *audit]


def _write_cut(writer: DocumentWriter, publication: Publication, attestor: Attestor) -> None:
    study, cut = publication.study, publication.cut
    prefix = object_keys.audit_prefix(cut.id)
    audit = writer.write(study, prefix, publication.audit(writer.store))
    files = writer.write(
        study, object_keys.cut_prefix(cut.id), publication.files(writer.code_version)
    )
    # The statement comes last: a cut that has one is complete.
    statement = attestor.sign_next(cut, {**files.digests_of(MANIFEST), **audit.digests})
    writer.write(study, prefix, statement.files())


def _replay_snapshot(
    store: Store, study: Study, spec: CutSpec, log: Changelog, beat: Beat
) -> StudySnapshot:
    """Replay the journal up to an instant: which versions that were, the stamps say for ever.

    Stamps rise within a subject and nothing commits with one older than 30 s, so an instant a
    minute old resolves to the same versions whenever it is asked for.
    """
    snapshot = StudySnapshot()
    for subject_row in store.subjects(study):
        beat()
        rows = store.journal(study.id, subject_row.id, subject_row.cipher_key, subject_row.version)
        rows_by_then = [row for row in rows if not spec.as_of or row.stamp <= spec.as_of]
        journal_slice = log.add(subject_row.id, rows, len(rows_by_then))
        if rows_by_then:
            subject, last = journal_slice.recorded, rows_by_then[-1]
            erased = subject_row.subject.erased and not subject.erased
            position = JournalPosition(last.version, last.hash, erased)
            snapshot.add(subject, report.share_as_of(study, subject, spec), position)
            snapshot.add_trail(subject_row.id, provenance.trail_lines(rows_by_then))
    return snapshot


def make_publication(
    store: Store, study: Study, snapshot: StudySnapshot, spec: CutSpec = LIVE_SPEC
) -> Publication:
    """Make what one snapshot shows to one audience: all of it is of the same subjects."""
    disputes = tuple(
        dispute for dispute in store.disputes(study) if not spec.as_of or dispute.at <= spec.as_of
    )
    contents = report.report(study, snapshot, snapshot.sums, spec, disputes)
    return Publication(contents, study, snapshot, disputes)
