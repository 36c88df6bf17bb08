"""Publishing live documents: to each audience what changed since the last time."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.errors import OutOfTime, Unavailable, Unfinished
from trial.events.blinding import AUDIENCES
from trial.render.documents import EarlierFile, File, render
from trial.render.workbook.segments import Segments
from trial.reporting import provenance
from trial.reporting.currency import is_newer
from trial.reporting.document_writer import DocumentWriter
from trial.reporting.live import by_column
from trial.reporting.live.contents import ChangedRows, LiveContents, PiecesInUse, contents
from trial.reporting.live.former import Superseding
from trial.reporting.live.state import (
    BEGUN,
    BlockPlace,
    LiveState,
    begin,
    inputs_of,
    is_overtaken,
    read_state,
    write_blocks,
    write_state,
)
from trial.reporting.live.unfinished import is_begun
from trial.reporting.side_by_side import Spread, alone
from trial.reporting.spool import Spool
from trial.statistics.cells import Cells, Share
from trial.store import document_runs as runs
from trial.store.bucket.client import ObjectVersion
from trial.store.bucket.documents import COLUMNS, STATE, Documents
from trial.store.bucket.object_keys import AUDIT, LIVE
from trial.store.bucket.pieces import Pieces
from trial.store.leases import ChangedSubjects
from trial.tables.compiling import STUDY_SUMS
from trial.tables.file_names import MANIFEST, is_workbook
from trial.tables.grid import Cut

ACCEPTED = "accepted"


@dataclass(frozen=True)
class Outcome:
    """What became of the live documents."""

    cut: Cut | None
    """That of the open ones; None where they were current already, or newer."""
    sums_agree: bool
    """Whether the shards' headers count what the documents do, where both know the same events."""


def publish(
    writer: DocumentWriter,
    study: Study,
    changed: ChangedSubjects = None,
    note_blocks: Callable[[int, int], None] = lambda _done, _total: None,
    spread: Spread = alone,
    *,
    clears_up: bool = False,
) -> Outcome:
    """Bring the live documents of every audience up to date.

    `changed` are the subjects that may have changed since the last time: without it all are looked
    at. Where there is not the time to make all from nothing, `note_blocks` is told how many blocks
    are kept, and of how many; `Unfinished` says that the next call goes on with them. `SideBySide`
    is raised where `spread` says that all blocks are made so first. Where all is made from nothing,
    or `clears_up`, pieces go that the documents are not made of.
    """
    store = writer.store
    current = store.current(study.id)
    epoch = current.epoch if current else 0
    if current is not None and current.digest != study.digest:
        raise Unavailable("another definition has come into force")
    with Spool() as spool:
        inputs = inputs_of(study, epoch, writer.code_version)

        def is_spread() -> bool:
            pieces = writer.documents.pieces(study.id, study.audience)
            return spread(runs.LIVE, inputs, lambda: is_begun(pieces, inputs))

        changes = ChangedRows(store, study, changed, spool, writer.beat, note_blocks, is_spread)
        try:
            advances = [
                _spooled_advance(writer, view, epoch, changes, clears_up=clears_up)
                for view in study.views
            ]
        except OutOfTime as error:
            if changes.blocks_kept:
                raise Unfinished("documents are begun: the next call goes on with them") from error
            raise
    if clears_up or any(advance and advance.is_from_nothing for advance in advances):
        _clear_former_audiences(writer.documents, study)
    counted = store.header_cells(study) if any(advances) else {}
    agree = all(_agrees(counted, advance.sums) for advance in advances if advance)
    return Outcome(advances[0].cut if advances[0] else None, agree)


class _Advance(NamedTuple):
    """What one audience's documents have come to."""

    cut: Cut
    sums: Share
    is_from_nothing: bool


def _spooled_advance(
    writer: DocumentWriter, view: Study, epoch: int, changes: ChangedRows, *, clears_up: bool
) -> _Advance | None:
    """Publish to one audience; its blocks are held no longer than that."""
    with Spool() as spool:
        return _advance(writer, view, epoch, changes, spool, clears_up=clears_up)


def _advance(
    writer: DocumentWriter,
    view: Study,
    epoch: int,
    changes: ChangedRows,
    spool: Spool,
    *,
    clears_up: bool,
) -> _Advance | None:
    """Publish to one audience what changed, unless what it has is newer."""
    documents, code_version = writer.documents, writer.code_version
    pieces = documents.pieces(view.id, view.audience)
    latest, tag, written_at = documents.latest(view.id, view.audience)
    inputs = inputs_of(view, epoch, code_version)
    state = read_state(pieces, latest, inputs)
    overtaken = is_overtaken(pieces, latest)
    live = contents(changes, view, PiecesInUse(pieces, inputs, spool), state, anyway=overtaken)
    if live is None:
        if clears_up and latest is not None:
            pieces.limit_to({*_named(documents, view, latest, state)}, BEGUN)
        return None
    entry = _entry(view, epoch, code_version, live)
    # What was written over, or has lost its state, is written again by whoever knows as much.
    is_whole = state is not None and not overtaken
    keeps = latest is not None and not is_newer(entry, latest)
    if latest is not None and keeps and (is_whole or is_newer(latest, entry)):
        return None
    unchanged = live.state.files if live.state and not overtaken else {}
    versions = [] if latest is None else [*_named(documents, view, latest, state)]
    superseding = Superseding.of(written_at, state.former if state else (), versions)
    documents.bucket.delete(superseding.due())
    written = _write(writer, view, epoch, live, unchanged, superseding)
    if documents.replace_latest(view.id, view.audience, entry | written.entry, tag):
        if clears_up or live.state is None:
            pieces.limit_to(written.pieces, BEGUN)
        return _Advance(live.report.cut, live.sums, live.state is None)
    # Another publication came in between; this one may still know of something that it lacks.
    return _advance(writer, view, epoch, changes, spool, clears_up=clears_up)


def _clear_former_audiences(documents: Documents, study: Study) -> None:
    """Delete the pieces for audiences that the study has no more, as after its unblinding."""
    for audience in set(AUDIENCES) - {view.audience for view in study.views}:
        documents.pieces(study.id, audience).clear()


def _named(
    documents: Documents, view: Study, latest: Mapping[str, Any], state: LiveState | None
) -> Iterator[ObjectVersion]:
    """Yield the versions of documents and pieces that a publication is made of."""
    yield from documents.named_versions(view.id, view.audience, latest)
    if state is not None:
        pieces = documents.pieces(view.id, view.audience)
        yield pieces.version(STATE, latest[STATE])
        yield from _pieces_of(pieces, latest[BEGUN], state.blocks)


def _pieces_of(pieces: Pieces, start: str, blocks: Iterable[BlockPlace]) -> Iterator[ObjectVersion]:
    yield pieces.version(BEGUN, start)
    for place in blocks:
        yield pieces.version(place.name, place.version)


def _entry(view: Study, epoch: int, code_version: str, live: LiveContents) -> dict[str, Any]:
    """Return what `latest.json` says of a publication, but for its files."""
    cut = live.report.cut
    return {
        "study": view.id,
        "epoch": epoch,
        "events": cut.accepted,
        "disputes": len(live.disputes),
        "cut": cut.id,
        "content_root": cut.content_root,
        "completion": cut.completion.text,
        "code_version": code_version,
    }


class _Written(NamedTuple):
    """What was written: what `latest.json` says of the files, and the pieces that they are of."""

    entry: dict[str, Any]
    pieces: frozenset[ObjectVersion]


def _write(
    writer: DocumentWriter,
    view: Study,
    epoch: int,
    live: LiveContents,
    unchanged: Mapping[str, EarlierFile],
    superseding: Superseding,
) -> _Written:
    """Write the files, what they are signed by, and the state; return where all of it is.

    `unchanged` files are left as they are where they would be the same.
    """
    pieces = writer.documents.pieces(view.id, view.audience)
    start, segments = begin(pieces), _segments_of(writer.documents, view, live.state)
    new_files = render(live.report, view, writer.code_version, unchanged, segments)
    files = writer.write(view, LIVE, new_files, unchanged)
    columns = writer.write(view, LIVE, by_column.files(live.report.listings, unchanged))
    prefix = f"{AUDIT}/{LIVE}"
    heads = writer.write(view, prefix, _heads(view, live))
    digests = {**files.digests_of(MANIFEST), **heads.digests}
    statement = writer.attestor(view, epoch).sign_unchained(live.report.cut, digests)
    signature = writer.write(view, prefix, statement.files())
    inputs = inputs_of(view, epoch, writer.code_version)
    entry: dict[str, Any] = {
        "files": files.versions,
        COLUMNS: columns.versions,
        "audit": {**heads.versions, **signature.versions},
    }
    new_places = iter(
        write_blocks(pieces, [block for block, place in live.blocks if place is None])
    )
    blocks = [place or next(new_places) for _, place in live.blocks]
    in_use = frozenset(_pieces_of(pieces, start, blocks))
    versions = chain(writer.documents.named_versions(view.id, view.audience, entry), in_use)
    state = LiveState(
        live.report.cut.id, inputs, live.positions, live.sums, live.survey.document(),
        live.disputes, live.open_disputes, blocks, {**files.files, **columns.files},
        segments.places, segments.known_widths, segments.known_runs,
        superseding.remaining(versions),
    )  # fmt: skip
    version = write_state(pieces, state)
    entry |= {STATE: version, BEGUN: start}
    return _Written(entry, in_use | {pieces.version(STATE, version)})


def _segments_of(documents: Documents, view: Study, state: LiveState | None) -> Segments:
    if state is None:
        return Segments()
    workbooks = {
        name: documents.live_version(view.id, view.audience, name, file.version)
        for name, file in state.files.items()
        if is_workbook(name)
    }
    return Segments(workbooks, state.segments, state.widths, earlier_runs=state.runs)


def _heads(view: Study, live: LiveContents) -> Iterator[File]:
    """Yield where each journal stood: it can reveal arms, so it is for the unblinded alone."""
    if not view.pooled:
        yield provenance.heads(view.id, live.report.cut, live.positions, live.disputes)


def _agrees(counted: Cells, sums: Share) -> bool:
    """Compare with the headers alone: all else is compared by Audit.

    Of a subject's version nobody can know more than the headers count, so where both know as many
    events they know the same.
    """
    study_sums = sums.get(STUDY_SUMS, {})
    return counted.get(ACCEPTED) != study_sums.get(ACCEPTED) or counted == study_sums
