"""One consistent state of a study, as everything its documents show.

Tables are the sum of the subjects' shares and listings come from the same subjects' records, so a
document agrees with itself by construction.
"""

import hashlib
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from trial import blinding, cells, dates
from trial.cells import Share, Sums
from trial.cutoff import until
from trial.derivation import Derivation
from trial.messages import ERASURE
from trial.study import Study
from trial.subject import Dispute, Subject
from trial.tables import figures, findings, listings
from trial.tables.grid import Cut, Figure, Flow, Grid, Report
from trial.tables.plan import STUDY_ROW, contribute, counted, plan_of


def check(study: Study) -> None:
    """Refuse (422) a definition that names anything it does not define."""
    plan_of(study)  # first: what is pooled is made of a definition that holds together
    for view in study.views:
        plan = plan_of(view)
        figures.check(view.definition)
        listings.check(plan)


def tables(study: Study, sums: Share, wanted: Container[str] | None = None) -> tuple[Grid, ...]:
    """Read tables out of the sums: every one, or those that are wanted by their ids."""
    found = Sums(sums)
    return tuple(
        table.read(found)
        for name, table in plan_of(study).tables.items()
        if wanted is None or name in wanted
    )


def flow(study: Study, sums: Share) -> Flow:
    """Read the participant flow out of the sums."""
    return plan_of(study).flow.read(sums)


def summary(study: Study, sums: Share) -> tuple[Figure, ...]:
    """Read the summary's figures out of the sums."""
    wanted = {each.source.table for each in study.definition.figures}
    return figures.figures(study.definition, tables(study, sums, wanted))


def found(study: Study, sums: Share, disputed: int) -> tuple[str, ...]:
    """Name what does not add up in the flow, and what records do not agree about."""
    return (*flow(study, sums).findings, *findings.read(sums, disputed))


def accepted(sums: Share) -> int:
    """Count the accepted revisions: how current something is."""
    return sums.get(STUDY_ROW, {}).get("accepted", 0)


def content_root(subjects: Iterable[Subject], *, pooled: bool = False) -> str:
    """Identify a study's accepted revisions, in whatever order they came.

    SHA-256 over the sorted lines `subject kind record revision digest`, each ended by a newline.
    Seen pooled, digests of what tells the arm are hidden: whoever knows the rest could guess it.
    """

    def shown(kind: str, digest: bytes) -> str:
        return blinding.HIDDEN if pooled and blinding.fields(kind) else digest.hex()

    lines = sorted(
        f"{subject.id} {kind} {record} {revision} {shown(kind, digest)}\n"
        for subject in subjects
        for (kind, record), digests in subject.seen.items()
        for revision, digest in digests.items()
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def live(study: Study, sums: Share) -> Cut:
    """Name a state by what the sums alone tell: all but its content and date."""
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
        accepted=accepted(sums),
        content_root="",
        data_date="",
        dictionaries=tuple(each for each in (events.dictionary, events.grading) if each),
    )


@dataclass(frozen=True)
class Asked:
    """What a report was asked to show: as recorded by an instant, and as of a clinical date.

    `erased` are the subjects whose personal texts were there at that instant and are not now.
    """

    as_of: str = ""
    cutoff: str = ""
    erased: tuple[str, ...] = ()


NOW = Asked()

Disputes = Mapping[str, tuple[tuple[str, str, int], ...]]
"""By subject: kind, record and revision of what came with two contents."""


def unsettled(subjects: Iterable[Subject], disputes: Iterable[Dispute]) -> Disputes:
    """Keep the disputes that no higher revision has settled in these states of the subjects."""
    known = {subject.id: subject for subject in subjects}
    found: dict[str, list[tuple[str, str, int]]] = {}
    for each in disputes:
        subject = known.get(each.subject)
        record = subject.records.get((each.kind, each.record)) if subject else None
        if record is not None and record.revision <= each.revision:
            found.setdefault(each.subject, []).append((each.kind, each.record, each.revision))
    return {subject: tuple(sorted(rows)) for subject, rows in found.items()}


def cut(
    study: Study,
    subjects: Iterable[Subject],
    sums: Share,
    data_date: str,
    asked: Asked,
    disputes: Disputes,
) -> Cut:
    """Name the state that a document shows, by all that decides its bytes."""
    root = content_root(subjects, pooled=study.pooled)
    parts = (study.digest, study.version, root, study.audience, asked.as_of, asked.cutoff)
    inputs = " ".join(map(str, (*parts, *sorted(disputes.items()), *asked.erased)))
    return replace(
        live(study, sums),
        id=hashlib.sha256(inputs.encode()).hexdigest()[:16],
        content_root=root,
        data_date=data_date,
        as_of=asked.as_of,
        cutoff=asked.cutoff,
    )


def as_asked(study: Study, subject: Subject, asked: Asked) -> tuple[Subject, Share]:
    """Refold a subject's share as a report asks for it."""
    if not asked.cutoff:
        return subject, contribute(study, subject)
    cutoff = dates.latest(asked.cutoff)
    seen = until(subject, cutoff)
    return seen, contribute(study, seen, cutoff)


def _is_known(subject: Subject) -> bool:
    """Say whether anything of a subject is left by a cut-off date: else no listing names it."""
    return any(not record.void for record in subject.records.values() if record.kind != ERASURE)


def report(
    study: Study,
    states: Sequence[tuple[Subject, Share]],
    asked: Asked = NOW,
    disputes: Iterable[Dispute] = (),
) -> Report:
    """Make everything one cut publishes from the subjects and the shares counted with them."""
    sums = cells.total(counted(study, share) for _, share in states)
    subjects = [subject for subject, _ in states]
    cutoff = dates.latest(asked.cutoff) if asked.cutoff else None
    derivations = [
        Derivation(study, subject, cutoff)
        for subject in sorted(subjects, key=lambda each: each.id)
        if cutoff is None or _is_known(subject)
    ]
    open_disputes = unsettled(subjects, disputes)
    for each in derivations:
        each.disputed = open_disputes.get(each.subject.id, ())
    last = max((each.last_contact for each in derivations), default=0)
    grids = tables(study, sums)
    participants = flow(study, sums)
    return Report(
        cut=cut(study, subjects, sums, dates.iso(last) if last else "", asked, open_disputes),
        figures=figures.figures(study.definition, grids),
        flow=participants,
        grids=grids,
        listings=listings.listings(plan_of(study), derivations),
        findings=findings.read(sums, sum(map(len, open_disputes.values()))),
    )
