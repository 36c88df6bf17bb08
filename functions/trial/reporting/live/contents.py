"""The live documents' contents, by change: what the last publication kept, and who changed since.

Subjects' rows are read of those alone that a change is told of; which version of each subject is
shown, the state says. A version that nobody told of is shown by the next publication that looks at
all rows: the sweep makes one where the headers count more events than the documents. Sums follow by
the difference of shares, what only all subjects show together by adding and removing subjects. A
block is made anew where one of its subjects changed, or what they together decide for one of them.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.errors import Beat
from trial.reporting import report
from trial.reporting.blocks import in_blocks
from trial.reporting.live.kept_blocks import KeptBlock
from trial.reporting.live.state import BlockPlace, LiveState, mark, marks_of, read_blocks
from trial.reporting.live.unfinished import UnfinishedBlocks
from trial.reporting.report import Contents, Disputes
from trial.reporting.side_by_side import SideBySide
from trial.reporting.snapshot import KEPT_RECORDS, JournalPosition
from trial.reporting.spool import Span, Spool
from trial.statistics import cells
from trial.statistics.cells import Share
from trial.store.bucket.pieces import Pieces
from trial.store.dynamodb import Store
from trial.store.encoding import subjects
from trial.store.leases import ChangedSubjects
from trial.store.rows import StoredSubject
from trial.subject.cut_spec import LIVE_SPEC
from trial.subject.fold import Dispute, Subject
from trial.tables.compiled import contribute
from trial.tables.discrepancies.across import CrossSubjectSurvey
from trial.tables.grid import Report


@dataclass(frozen=True, slots=True)
class KnownSubject:
    """A subject at a version; in a spool where there are more records than memory holds."""

    id: str
    version: int
    head: bytes
    state: Subject | Span

    @property
    def subject(self) -> Subject:
        """The subject."""
        if isinstance(self.state, Span):
            return subjects.decode(Subject(self.id), bytes(self.state))
        return self.state


type KnownSubjects = Mapping[str, KnownSubject]


@dataclass(frozen=True)
class _InOrder:
    """Subjects in order of their ids, to be read again and again."""

    rows: KnownSubjects

    def __iter__(self) -> Iterator[Subject]:
        return (self.rows[name].subject for name in sorted(self.rows))


@dataclass
class ChangedRows:
    """The rows of subjects that may have changed, read once for all audiences."""

    store: Store
    study: Study
    changed: ChangedSubjects
    spool: Spool
    beat: Beat = lambda: None
    note_blocks: Callable[[int, int], None] = lambda _done, _total: None
    """Is told how many blocks are kept of a publication that has not ended, and of how many."""
    spread: Callable[[], bool] = lambda: False
    """Says whether all blocks are made side by side first; asked before they are made."""
    all_sums: Share = field(default_factory=dict)
    """The sum of the shares of all subjects, once these were read."""
    all_surveyed: CrossSubjectSurvey = field(default_factory=CrossSubjectSurvey)
    """What they show together, once they were read."""
    blocks_kept: int = 0
    """How many blocks were made and kept before the publication that they are for has ended."""

    def note(self, new: int, done: int, total: int) -> None:
        """Note that so many more blocks are kept."""
        self.blocks_kept += new
        self.note_blocks(done, total)

    @cached_property
    def is_spread(self) -> bool:
        """Whether what is to be made from nothing is made side by side first."""
        return self.spread()

    @cached_property
    def rows(self) -> KnownSubjects:
        """Those that were told of; all where none were."""
        if self.changed is None:
            return self.all_rows
        return self._by_id(self.store.some_subjects(self.study, self.changed))

    @cached_property
    def all_rows(self) -> KnownSubjects:
        """Those of all subjects."""
        return self._by_id(self._counted(self.store.subjects(self.study)))

    def unchanged(
        self, ids: Iterable[str], positions: Mapping[str, JournalPosition]
    ) -> KnownSubjects | None:
        """Read subjects whose versions are known; None where one of them has another by now."""
        id_set = frozenset(ids)
        rows = self._by_id(self.store.some_subjects(self.study, id_set)) if id_set else {}
        unchanged_rows = {
            name: row for name, row in rows.items() if row.version == positions[name].version
        }
        return unchanged_rows if unchanged_rows.keys() == id_set else None

    def _counted(self, rows: Iterable[StoredSubject]) -> Iterator[StoredSubject]:
        for row in rows:
            cells.add_share(self.all_sums, row.share)
            self.all_surveyed.add(row.subject)
            yield row

    def _by_id(self, rows: Iterable[StoredSubject]) -> KnownSubjects:
        by_id, room = {}, KEPT_RECORDS
        for row in rows:
            self.beat()
            room -= row.subject.accepted
            is_held = room >= 0
            state = row.subject if is_held else self.spool.keep(subjects.encode(row.subject))
            by_id[row.id] = KnownSubject(row.id, row.version, row.head, state)
        return by_id


@dataclass(frozen=True)
class LiveContents:
    """What live documents show to one audience, and what they are made of."""

    positions: Mapping[str, JournalPosition]
    sums: Share
    survey: CrossSubjectSurvey
    disputes: Sequence[Dispute]
    open_disputes: Disputes
    blocks: Sequence[tuple[KeptBlock, BlockPlace | None]]
    """The blocks, and where those are kept that are as they were."""
    report: Report
    state: LiveState | None = None
    """That of the last publication, where this one was made from it."""


@dataclass(frozen=True)
class PiecesInUse:
    """The pieces of an audience, the digest of what decides them all, and what holds them."""

    pieces: Pieces
    inputs: str
    spool: Spool


def contents(
    changes: ChangedRows,
    view: Study,
    in_use: PiecesInUse,
    state: LiveState | None,
    *,
    anyway: bool = False,
) -> LiveContents | None:
    """Return what one audience sees; None where nothing changed since the state, or `anyway`.

    A kept block that is gone, or is not what was kept, is made anew of its subjects' rows; all are
    where one of them has changed since, for what was counted of it stood in that block alone.
    """
    disputes = list(changes.store.disputes(view))
    if state is not None:
        rows = {
            name: row
            for name, row in changes.rows.items()
            if name not in state.positions or state.positions[name].version < row.version
        }
        if not anyway and not rows and disputes == list(state.disputes):
            return None
        kept_blocks = read_blocks(in_use.pieces, state.blocks, in_use.spool)
        lost_ids = (
            name for place in state.blocks if place not in kept_blocks for name in place.ids
        )
        restored = changes.unchanged(lost_ids, state.positions)
        if restored is not None:
            changed = _ChangedSince(rows, restored)
            update = _Update(
                changes.study, view, disputes, changed, state, kept_blocks, in_use.spool
            )
            return update.contents()
    return _from_nothing(view, disputes, changes, in_use)


def _from_nothing(
    view: Study, disputes: Sequence[Dispute], changes: ChangedRows, in_use: PiecesInUse
) -> LiveContents:
    if changes.is_spread:
        raise SideBySide("the blocks are made side by side first")
    rows, sums, survey = changes.all_rows, changes.all_sums, changes.all_surveyed
    making = BlocksFromRows(view, rows, disputes, survey, in_use)
    blocks = list(making.complete(changes.beat, changes.note))
    return LiveContents(
        making.positions,
        sums,
        survey,
        disputes,
        making.open_disputes,
        [(kept_block, None) for kept_block in blocks],
        making.contents.report(sums, [kept_block.block for kept_block in blocks]),
    )


@dataclass(frozen=True)
class BlocksFromRows:
    """The blocks of some subjects for one audience, made of their rows or found where kept.

    These are all subjects, or those of a `part` of the blocks; surveyed are all.
    """

    view: Study
    rows: KnownSubjects
    disputes: Sequence[Dispute]
    survey: CrossSubjectSurvey
    in_use: PiecesInUse
    part: int | None = None

    @cached_property
    def positions(self) -> Mapping[str, JournalPosition]:
        """Where each subject's journal stands."""
        return _positions(self.rows)

    @cached_property
    def open_disputes(self) -> Disputes:
        """The disputes of these subjects that no revision has resolved."""
        disputed = sorted({dispute.subject for dispute in self.disputes} & self.rows.keys())
        return report.open_disputes_of(
            (self.rows[name].subject for name in disputed), self.disputes
        )

    @cached_property
    def contents(self) -> Contents:
        """What the audience sees of them."""
        people = _InOrder(self.rows)
        return Contents(self.view, people, LIVE_SPEC, self.open_disputes, self.survey)

    def complete(self, beat: Beat, note: Callable[[int, int, int], None]) -> Iterator[KeptBlock]:
        """Yield the blocks, each kept as it is made; `note` as of `UnfinishedBlocks.complete`."""
        unfinished = UnfinishedBlocks.read(
            self.in_use.pieces, self.in_use.inputs, self.in_use.spool,
            self.positions, self.open_disputes, self.survey, self.part,
        )  # fmt: skip
        return unfinished.complete(sorted(self.rows), self._make, beat, note)

    def _make(self, names: Sequence[str]) -> KeptBlock:
        people = {name: self.rows[name].subject for name in names}
        return _keep(self.contents, names, people, self.in_use.spool)


def _positions(rows: KnownSubjects) -> dict[str, JournalPosition]:
    return {name: JournalPosition(row.version, row.head) for name, row in rows.items()}


def _keep(
    audience_contents: Contents,
    ids: Sequence[str],
    people: Mapping[str, Subject],
    spool: Spool,
    former: KeptBlock | None = None,
) -> KeptBlock:
    """Make a block of subjects, with what it takes to make it anew.

    Those who are not among the `people` are as they were, in a former block.
    """
    block = audience_contents.maker.make(ids, people, former.block if former else None)
    packed, marks = dict[str, bytes](), dict[str, str]()
    if former is not None:
        kept_ids = former.block.ids
        bodies = [bytes(body) for body in former.packed]
        packed = dict(zip(kept_ids, bodies, strict=True))
        marks = dict(zip(kept_ids, former.marks, strict=True))
    packed |= {name: subjects.encode(subject) for name, subject in people.items()}
    marks |= {name: marks_of(subject) for name, subject in people.items()}
    return KeptBlock.of(block, [packed[name] for name in ids], [marks[name] for name in ids], spool)


@dataclass(frozen=True)
class _ChangedSince:
    """The rows of the subjects that changed since a state, and of those whose block was lost."""

    rows: KnownSubjects
    restored: KnownSubjects


class _Update:
    """A state, what of its blocks is there, and the rows of the subjects that it lacks."""

    def __init__(
        self, study: Study, view: Study, disputes: Sequence[Dispute],
        since: _ChangedSince, state: LiveState, kept_blocks: Mapping[BlockPlace, KeptBlock],
        spool: Spool,
    ) -> None:  # fmt: skip
        self._study, self._view, self._spool = study, view, spool
        self._disputes, self._rows, self._state = disputes, since.rows, state
        self._restored = since.restored
        self._kept = {place.ids: (block, place) for place, block in kept_blocks.items()}
        self._block_of = {name: block for block in kept_blocks.values() for name in block.block.ids}

    def contents(self) -> LiveContents:
        """Return the contents, of which most is as it was."""
        survey = CrossSubjectSurvey.read(self._state.survey)
        verdicts = dict(survey.verdicts)
        sums = self._count(survey)
        moved = {
            mark(verdict)
            for verdict in verdicts.keys() | survey.verdicts.keys()
            if verdicts.get(verdict) != survey.verdicts.get(verdict)
        }
        open_disputes = self._open_disputes()
        audience_contents = Contents(self._view, self, LIVE_SPEC, open_disputes, survey)
        blocks = list(self._blocks(audience_contents, moved))
        return LiveContents(
            self._positions, sums, survey, self._disputes, open_disputes, blocks,
            audience_contents.report(sums, [kept.block for kept, _ in blocks]), self._state,
        )  # fmt: skip

    def __iter__(self) -> Iterator[Subject]:
        """Yield all subjects, in order of their ids."""
        return map(self._subject, sorted(self._positions))

    @cached_property
    def _positions(self) -> Mapping[str, JournalPosition]:
        return {**self._state.positions, **_positions(self._rows)}

    def _subject(self, name: str) -> Subject:
        row = self._rows.get(name) or self._restored.get(name)
        return self._block_of[name].subject(name) if row is None else row.subject

    def _count(self, survey: CrossSubjectSurvey) -> Share:
        """Return the sums, with the subjects that changed counted as they are; survey them so.

        Both shares are computed: what was added for a subject is what is taken out again.
        """
        changes = []
        for name, row in self._rows.items():
            share = contribute(self._study, row.subject)
            if name in self._block_of:
                old = self._block_of[name].subject(name)
                survey.remove(old)
                share = cells.difference(share, contribute(self._study, old))
            survey.add(row.subject)
            changes.append(share)
        return cells.total((self._state.sums, *changes))

    def _open_disputes(self) -> Disputes:
        """Return the open disputes: looked at again where a subject or its disputes changed."""
        disputed = {dispute.subject for dispute in {*self._disputes} ^ {*self._state.disputes}} | {
            dispute.subject for dispute in self._disputes if dispute.subject in self._rows
        }
        present = (self._subject(name) for name in sorted(disputed & self._positions.keys()))
        unchanged = {
            name: tuple(rows)
            for name, rows in self._state.open_disputes.items()
            if name not in disputed
        }
        open_disputes = {**unchanged, **report.open_disputes_of(present, self._disputes)}
        return dict(sorted(open_disputes.items()))

    def _blocks(
        self, audience_contents: Contents, moved: Collection[str]
    ) -> Iterator[tuple[KeptBlock, BlockPlace | None]]:
        """Yield the blocks: those as they are that are there and nothing changed for."""
        changed = {
            name
            for name in audience_contents.disputes.keys() | self._state.open_disputes.keys()
            if audience_contents.disputes.get(name) != self._state.open_disputes.get(name)
        } | self._rows.keys()
        for ids in in_blocks(sorted(self._positions), str):
            kept_block, former = self._kept.get(tuple(ids)), self._block_of.get(ids[0])
            is_decided = former is not None and former.verdicts.isdisjoint(moved)
            if kept_block and is_decided and changed.isdisjoint(ids):
                yield kept_block
            else:
                kept_ids = {*former.block.ids} - changed if former and is_decided else set()
                people = {name: self._subject(name) for name in ids if name not in kept_ids}
                yield _keep(audience_contents, ids, people, self._spool, former), None
