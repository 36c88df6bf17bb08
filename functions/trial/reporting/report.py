"""One consistent state of a study, as everything its documents show.

Tables are the sum of the subjects' shares and listings come from the same subjects' records, so a
document agrees with itself by construction.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.events import blinding, dates
from trial.events.payloads import ERASURE
from trial.reporting.blocks import Block, BlockMaker, subject_blocks
from trial.reporting.methods import methods
from trial.statistics.cells import Share, Sums
from trial.subject.cut_spec import LIVE_SPEC, CutSpec
from trial.subject.derivation import Derivation
from trial.subject.fold import Dispute, Subject
from trial.tables import completion, figures, key_results, listings, narratives, testing
from trial.tables.analysis import AnalysisData
from trial.tables.compiled import audience_share, compiled, contribute, set_cell
from trial.tables.compiling import STUDY_SUMS
from trial.tables.completion import COMPLETE
from trial.tables.discrepancies.across import CrossSubjectSurvey
from trial.tables.grid import Completion, Cut, Flow, Grid, KeyResult, Report, RuleCount
from trial.tables.listings.complete import of_discrepancies


def completed(study: Study, sums: Share, spec: CutSpec = LIVE_SPEC) -> Completion:
    """Return whether a state is final or interim, out of the sums."""
    definition, sizes = study.definition, sums.get(STUDY_SUMS, {})
    declared = definition.completion
    n, size = sizes.get(COMPLETE, 0), sizes.get(set_cell(declared.set), 0) if declared else 0
    return completion.read(definition, spec, n, size, pooled=study.pooled)


def tables(
    study: Study, sums: Share, ids: Iterable[str] | None = None, spec: CutSpec = LIVE_SPEC
) -> tuple[Grid, ...]:
    """Read tables out of the sums: every one, or those of these ids."""
    return _grids(study, sums, dict.fromkeys(compiled(study).tables if ids is None else ids), spec)


def _grids(
    study: Study, sums: Share, wanted_rows: Mapping[str, Collection[str] | None], spec: CutSpec
) -> tuple[Grid, ...]:
    """Read tables by their ids, of each all rows or those of some ids.

    Whether a P value is confirmatory depends on those before it, of other tables too, and on
    whether the state is that of a planned look.
    """
    cells, order = Sums.of(sums), study.definition.testing
    tested_rows: dict[str, set[str]] = {}
    for ref in order.order if order else ():
        tested_rows.setdefault(ref.table, set()).add(ref.row)
    grids = []
    for name, table in compiled(study).tables.items():
        if name in wanted_rows or name in tested_rows:
            rows = wanted_rows.get(name, ())
            grids.append(
                table.read(cells, None if rows is None else {*rows, *tested_rows.get(name, ())})
            )
    look, alphas = completed(study, sums, spec).look, testing.alphas_of_margins(study.definition)
    information = None
    counted = order.spending.information if order and order.spending else None
    if look and counted is not None:
        information = compiled(study).tables[counted.table].count(counted, cells)
    marked = testing.mark_nominal(order, grids, look, alphas, information)
    return tuple(grid for grid in marked if grid.id in wanted_rows)


def analysis_set_sizes(study: Study, sums: Share) -> tuple[tuple[str, int], ...]:
    """Return the label and the number of subjects of each analysis set.

    They come in order of their names: the order of an object's members means nothing.
    """
    sizes = sums.get(STUDY_SUMS, {})
    by_name = sorted(study.definition.sets.items())
    return tuple(
        (analysis_set.label, sizes.get(set_cell(name), 0)) for name, analysis_set in by_name
    )


def flow(study: Study, sums: Share) -> Flow:
    """Read the participant flow out of the sums."""
    plan, cells = compiled(study), Sums.of(sums)
    return plan.flow.read(
        sums,
        {
            box: plan.tables[ref.table].count(ref, cells)
            for box, ref in plan.flow.not_due_cells.items()
        },
    )


def summary(study: Study, sums: Share) -> tuple[KeyResult, ...]:
    """Read the summary's key results out of the sums."""
    rows: dict[str, set[str]] = {}
    for key_result in study.definition.key_results:
        rows.setdefault(key_result.source.table, set()).add(key_result.source.row)
    return key_results.key_results(study.definition, _grids(study, sums, rows, LIVE_SPEC))


def discrepancies(study: Study, sums: Share, uncounted: Mapping[str, int]) -> tuple[RuleCount, ...]:
    """Return how many discrepancies there are by rule; `uncounted` are those in no sums."""
    return compiled(study).checks.read(sums, uncounted, of_discrepancies(study.definition))


def accepted_revisions(sums: Share) -> int:
    """Return the number of accepted revisions: how current the sums are."""
    return sums.get(STUDY_SUMS, {}).get("accepted", 0)


def content_root(subjects: Iterable[Subject], *, pooled: bool = False) -> str:
    """Identify a study's accepted revisions, in whatever order they came.

    SHA-256 over the sorted lines `subject kind record revision digest`, each ended by a newline.
    Subjects come in order of their ids, which is that of their lines. Seen pooled, digests of what
    tells the arm are hidden: whoever knows the rest could guess it.
    """
    root, before = hashlib.sha256(), ""
    for subject in subjects:
        if subject.id <= before:
            raise ValueError("subjects come in order of their ids, each once")
        before = subject.id
        root.update(content_lines(subject, pooled=pooled).encode())
    return root.hexdigest()


def content_lines(subject: Subject, *, pooled: bool = False) -> str:
    """Return a subject's lines of those that the content root is the digest of."""

    def shown(kind: str, digest: bytes) -> str:
        return blinding.HIDDEN if pooled and blinding.unblinding_fields(kind) else digest.hex()

    return "".join(
        sorted(
            f"{subject.id} {kind} {record} {revision} {shown(kind, digest)}\n"
            for (kind, record), digests in subject.digests.items()
            for revision, digest in digests.items()
        )
    )


def live_cut(study: Study, sums: Share, spec: CutSpec = LIVE_SPEC) -> Cut:
    """Return what the sums alone know of a cut: all but its id, its content root and its date."""
    definition = study.definition
    events = definition.adverse_events
    return Cut(
        id="",
        study=definition.study,
        title=definition.title,
        registry=definition.registry,
        notice=definition.notice,
        definition=study.digest,
        contribution_version=study.version,
        audience=study.audience,
        blinded=study.pooled,
        accepted=accepted_revisions(sums),
        content_root="",
        data_date="",
        dictionaries=tuple(filter(None, (events.dictionary, events.grading))),
        completion=completed(study, sums, spec),
    )


Disputes = Mapping[str, tuple[tuple[str, str, int], ...]]
"""By subject: kind, record and revision of what came with two contents."""


def open_disputes_of(subjects: Iterable[Subject], disputes: Iterable[Dispute]) -> Disputes:
    """Return the disputes that no higher revision has resolved in these states of the subjects."""
    by_subject: dict[str, list[Dispute]] = {}
    for dispute in disputes:
        by_subject.setdefault(dispute.subject, []).append(dispute)
    open_disputes = {
        subject.id: [
            (dispute.kind, dispute.record, dispute.revision)
            for dispute in by_subject[subject.id]
            if (record := subject.records.get((dispute.kind, dispute.record))) is not None
            and record.revision <= dispute.revision
        ]
        for subject in (subjects if by_subject else ())
        if subject.id in by_subject
    }
    return {subject: tuple(sorted(rows)) for subject, rows in open_disputes.items() if rows}


def cut(
    study: Study,
    root: str,
    sums: Share,
    data_date: str,
    spec: CutSpec,
    disputes: Disputes,
) -> Cut:
    """Return the cut that a document shows; its id is made of all that decides the bytes.

    `root` is the content root of the subjects.
    """
    parts = (study.digest, study.version, root, study.audience)
    limits = (spec.as_of, spec.cutoff, spec.final, spec.look)
    inputs = " ".join(map(str, (*parts, *limits, *sorted(disputes.items()), *spec.erased)))
    return replace(
        live_cut(study, sums, spec),
        id=hashlib.sha256(inputs.encode()).hexdigest()[:16],
        content_root=root,
        data_date=data_date,
        as_of=spec.as_of,
        cutoff=spec.cutoff,
    )


def share_as_of(study: Study, subject: Subject, spec: CutSpec) -> Share:
    """Return a subject's share as a cut sees it."""
    return contribute(study, spec.apply_cutoff(subject), spec.day)


@dataclass(frozen=True)
class Derivations:
    """The subjects as a report sees them, in order of their ids; each reader derives them anew."""

    subjects: Iterable[Subject]
    derive: Callable[[Subject], Derivation | None]

    def __iter__(self) -> Iterator[Derivation]:
        """Yield each subject that has records by the cut-off date."""
        for subject in self.subjects:
            if (derivation := self.derive(subject)) is not None:
                yield derivation


def _is_known(subject: Subject) -> bool:
    """Return whether a subject has records by a cut-off date: else no listing names it."""
    return any(not record.void for record in subject.records.values() if record.kind != ERASURE)


def report(
    study: Study,
    subjects: Iterable[Subject],
    sums: Share,
    spec: CutSpec = LIVE_SPEC,
    disputes: Iterable[Dispute] = (),
    make_blocks: Callable[["Contents"], Sequence[Block]] | None = None,
) -> Report:
    """Make everything one cut publishes, from the subjects and the sum of their shares.

    Subjects come in order of their ids and are read more than once; `sums` hold what is counted
    for every audience. `make_blocks` makes or finds the blocks of all subjects.
    """
    open_disputes = open_disputes_of(map(spec.apply_cutoff, subjects), disputes)
    survey = CrossSubjectSurvey(map(spec.apply_cutoff, subjects))
    contents = Contents(study, subjects, spec, open_disputes, survey)
    return contents.report(sums, (make_blocks or _all_blocks)(contents))


def _all_blocks(contents: "Contents") -> Sequence[Block]:
    return [
        contents.maker.make([subject.id for subject in block], {item.id: item for item in block})
        for block in subject_blocks(contents.subjects)
    ]


@dataclass(frozen=True)
class Contents:
    """What a cut shows of subjects, apart from their sums."""

    study: Study
    subjects: Iterable[Subject]
    """In order of their ids; read only where rows are asked for one by one."""
    spec: CutSpec
    disputes: Disputes
    survey: CrossSubjectSurvey

    @cached_property
    def _analysis_data(self) -> AnalysisData:
        return AnalysisData(compiled(self.study))

    @cached_property
    def maker(self) -> BlockMaker:
        """What makes the blocks of subjects."""
        derivations = Derivations(self.subjects, self.derive)
        return BlockMaker(
            self.study.id,
            listings.listings(compiled(self.study), derivations),
            self._analysis_data.listings(derivations),
            narratives.narratives(compiled(self.study), derivations),
            self.derive,
            lambda subject: content_lines(subject, pooled=self.study.pooled),
        )

    def derive(self, subject: Subject) -> Derivation | None:
        """Derive a subject; None where it has no records by the cut-off date."""
        visible = self.spec.apply_cutoff(subject)
        if self.spec.cutoff and not _is_known(visible):
            return None
        derivation = Derivation(self.study, visible, self.spec.day)
        derivation.disputed = self.disputes.get(subject.id, ())
        derivation.across = self.survey.discrepancies_of(visible)
        return derivation

    def report(self, sums: Share, blocks: Sequence[Block]) -> Report:
        """Make the report of subjects in blocks, and of the sum of their shares."""
        study, spec = self.study, self.spec
        sums = audience_share(study, sums)
        root = hashlib.sha256()
        uncounted = Counter({"disputed": sum(map(len, self.disputes.values()))})
        for block in blocks:
            root.update(block.root_lines)
            uncounted.update(block.uncounted)
        last = max((block.last_contact for block in blocks), default=0)
        grids = tables(study, sums, spec=spec)
        in_blocks = self.maker.blocked(blocks)
        date = dates.iso(last) if last else ""
        return Report(
            cut=cut(study, root.hexdigest(), sums, date, spec, self.disputes),
            key_results=key_results.key_results(study.definition, grids),
            flow=flow(study, sums),
            grids=grids,
            listings=in_blocks.listings,
            narratives=in_blocks.narratives,
            discrepancies=discrepancies(study, sums, uncounted),
            sets=analysis_set_sizes(study, sums),
            figures=figures.figures(study, sums),
            methods=methods(study.definition),
            analysis_data=in_blocks.analysis_data,
            analysis_plan=self._analysis_data.plan,
        )
