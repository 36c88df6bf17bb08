"""Make requested reports, each of one state of the study, and keep them with an audit trail."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.errors import OutOfTime, Unavailable, Unfinished
from trial.events.blinding import OPEN
from trial.render.documents import EarlierFile, File, render
from trial.render.workbook import workbook
from trial.reporting import provenance, report, unfinished_report
from trial.reporting.attestation import Attestor
from trial.reporting.blocks import Block
from trial.reporting.changelog import Changelog
from trial.reporting.document_writer import DocumentWriter, WrittenFiles
from trial.reporting.journals import JournalReader
from trial.reporting.kept_journals import ShardJournals
from trial.reporting.report import Contents
from trial.reporting.side_by_side import SideBySide, Spread, alone
from trial.reporting.snapshot import StudySnapshot
from trial.reporting.spool import Packed, Spool
from trial.reporting.unfinished_report import Attempt, UnfinishedReport
from trial.store.bucket import object_keys
from trial.store.bucket.documents import Documents
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

    def files(self, code_version: str, finished: Mapping[str, EarlierFile]) -> Iterator[File]:
        """Make the documents, one after the other, but for those that are there already."""
        return render(self.report, self.study, code_version, finished=finished)

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
            yield provenance.trail(self.snapshot)


def publish_report(
    reports: Reports, writer: DocumentWriter, study: Study, request_id: str, spread: Spread = alone
) -> bool:
    """Make the documents and the audit trail of a requested report, once.

    True where the time ended and something more of it is kept: another call is asked to go on.
    Raises `Unfinished` where there is no time to begin with it, which counts as no try, as does
    `SideBySide`, where `spread` says that its journals are read so first.
    """
    request = reports.find(study.id, request_id)
    if request is None or request.status != PENDING:
        return False
    try:
        writer.beat()
    except OutOfTime as error:
        raise Unfinished("no time was left for a report") from error
    attempt = Attempt(reports, study.id, request_id)
    attempt.begin()
    try:
        _make_report(reports, writer, study, request, attempt, spread)
    except (Unavailable, SideBySide):
        attempt.excuse()
        raise
    except OutOfTime:
        if not attempt.has_kept:
            raise
        reports.ask_to_go_on(study.id, request_id)
        return True
    return False


@dataclass(frozen=True)
class Asked:
    """What a report is asked to show, and the report that it is compared with."""

    spec: CutSpec
    previous: ReportRequest | None

    @classmethod
    def of(cls, reports: Reports, study: Study, request: ReportRequest) -> "Asked":
        """Read it from a request; which the previous report is stays as it was first found."""
        spec = CutSpec(request.as_of, request.cutoff, final=request.final, look=request.look)
        return cls(spec, reports.previous(study.id, request))

    @property
    def inputs(self) -> object:
        """What of it decides the report."""
        return self.spec, self.previous and self.previous.id

    def changelog(
        self, documents: Documents, study: Study, hold: Callable[[bytes], Packed] = bytes
    ) -> Changelog:
        """Begin to list what changed since the previous report."""
        return Changelog.begin(documents, study.id, self.previous, self.spec, hold)


def read_shard(
    reports: Reports,
    writer: DocumentWriter,
    study: Study,
    request: ReportRequest,
    shard: int,
    note: Callable[[], None],
) -> None:
    """Keep the journals of a shard, for whoever makes the report; `note` is told of each group."""
    asked = Asked.of(reports, study, request)
    inputs = unfinished_report.inputs_of_report(writer, study, asked.inputs)
    pieces = writer.documents.pieces(study.id, study.audience).of_report(request.id)
    log = asked.changelog(writer.documents, study)
    reader = JournalReader(writer.store, study, asked.spec, log, writer.beat)
    ShardJournals.read(pieces, inputs, shard).complete(reader, note)


def _make_report(
    reports: Reports,
    writer: DocumentWriter,
    study: Study,
    request: ReportRequest,
    attempt: Attempt,
    spread: Spread,
) -> None:
    store, documents = writer.store, writer.documents
    asked = Asked.of(reports, study, request)
    spec, inputs = asked.spec, unfinished_report.inputs_of_report(writer, study, asked.inputs)
    if spread(request.id, inputs, lambda: unfinished_report.is_begun(documents, study, request.id)):
        raise SideBySide("the journals are read side by side first")
    with Spool() as spool:
        log = asked.changelog(documents, study, spool.keep)
        unfinished = UnfinishedReport.read(writer, study, request.id, asked.inputs, attempt)
        snapshot = StudySnapshot(hold=spool.keep)
        for group in unfinished.journals(JournalReader(store, study, spec, log, writer.beat)):
            group.put_into(snapshot, log)
        erased = [subject for subject in snapshot.ids if snapshot.positions[subject].erased]
        spec = replace(spec, erased=tuple(erased))
        outcome = _write_all(unfinished, writer, study, spec, snapshot, log)
    unfinished_report.clear(documents, study.id, request.id)
    reports.mark_ready(study.id, request.id, outcome)


def _write_all(
    unfinished: UnfinishedReport,
    writer: DocumentWriter,
    study: Study,
    spec: CutSpec,
    snapshot: StudySnapshot,
    log: Changelog,
) -> ReportResult:
    """Make and write the documents for every audience, all of the same subjects."""
    cuts, files = {}, {}
    for view in study.views:
        with Spool() as spool:
            blocks = partial(unfinished.blocks, writer, view, snapshot, spool)
            publication = make_publication(writer.store, view, snapshot, spec, blocks)
            making = _Making(writer, unfinished, publication)
            cuts[view.audience] = publication.cut
            if not view.pooled:
                making.write_changes(log)
            files[view.audience] = making.keep()
    unblinded = cuts[study.audience].id if study.definition.blinded else ""
    cut = cuts[OPEN]
    return ReportResult(cut.id, cut.accepted, cut.completion.text, unblinded, tuple(files[OPEN]))


@dataclass(frozen=True)
class _Making:
    """A report's documents for one audience, on their way into the bucket."""

    writer: DocumentWriter
    unfinished: UnfinishedReport
    publication: Publication

    @property
    def _attestor(self) -> Attestor:
        study = self.publication.study
        return self.writer.attestor(study, self.writer.store.epoch(study.id))

    def write_changes(self, log: Changelog) -> None:
        """Write what changed since the report before, and its signature."""
        cut = self.publication.cut
        prefix = object_keys.changes_prefix(cut.id, self.unfinished.attempt.report)
        if CHANGES_SIGNATURE in self._finished(prefix):
            return
        changes = log.report(cut, self.publication.report.discrepancies)
        files = self._write(prefix, (File(CHANGES, workbook(changes)),))
        statement = self._attestor.sign_unchained(cut, files.digests)
        self._write(prefix, statement.files(CHANGES_SIGNATURE))

    def keep(self) -> list[str]:
        """Write the cut, unless this very code has written it before; return its file names."""
        study, cut = self.publication.study, self.publication.cut.id
        attestor = self._attestor
        predicate = attestor.predicate_of(cut)
        if predicate is None or predicate["code_version"] != self.writer.code_version:
            self._write_cut(attestor)
        manifest = self.writer.documents.manifest(study.id, study.audience, cut)
        names = [file["name"] for file in manifest["files"]] if manifest else []
        audit = [SIGNATURE]
        if not study.pooled:
            audit = [HEADS, TRAIL, SIGNATURE, CHANGES, CHANGES_SIGNATURE]
        return [*names, MANIFEST, *audit]

    def _write_cut(self, attestor: Attestor) -> None:
        publication, code_version = self.publication, self.writer.code_version
        cut = publication.cut
        prefix, cut_prefix = object_keys.audit_prefix(cut.id), object_keys.cut_prefix(cut.id)
        audit = self._write(prefix, publication.audit(self.writer.store))
        documents = publication.files(code_version, self._finished(cut_prefix))
        files = self._write(cut_prefix, documents)
        # The statement comes last: a cut that has one is complete.
        statement = attestor.sign_next(cut, {**files.digests_of(MANIFEST), **audit.digests})
        self.writer.write(publication.study, prefix, statement.files())

    def _finished(self, prefix: str) -> Mapping[str, EarlierFile]:
        return self.unfinished.finished(self.publication.study, prefix)

    def _write(self, prefix: str, files: Iterable[File]) -> WrittenFiles:
        return self.unfinished.write(self.writer, self.publication.study, prefix, files)


def make_publication(
    store: Store,
    study: Study,
    snapshot: StudySnapshot,
    spec: CutSpec = LIVE_SPEC,
    make_blocks: Callable[[Contents], Sequence[Block]] | None = None,
) -> Publication:
    """Make what one snapshot shows to one audience: all of it is of the same subjects."""
    disputes = tuple(
        dispute for dispute in store.disputes(study) if not spec.as_of or dispute.at <= spec.as_of
    )
    contents = report.report(study, snapshot, snapshot.sums, spec, disputes, make_blocks)
    return Publication(contents, study, snapshot, disputes)
