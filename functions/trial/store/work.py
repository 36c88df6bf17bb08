"""What is under way for a study, or waits, as the table knows it: rows that exist for other ends.

All is read at once, as it is now: CURRENT, the headers of the generations that it needs, who makes
documents, and how far work that is spread has come.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from trial.deferred import dataclass
from trial.definition import MAX_SHARDS
from trial.definition.study import generation
from trial.errors import Unavailable
from trial.store import keys
from trial.store.audits import AuditState, ShardProgress, read_shard, read_state
from trial.store.document_runs import DocumentRun, read_run
from trial.store.generations import (
    MISSING_HEADER,
    Current,
    Generation,
    header_row,
    read_current,
    read_header,
)
from trial.store.leases import Lease, read_lease
from trial.store.reports import (
    ReportProgress,
    read_blocks_done,
    read_rendering,
    read_report_progress,
)
from trial.store.table import Item, Table, key_of

_TRIES = 5


@dataclass(frozen=True)
class Filling:
    """A generation of which some shards wait to be filled."""

    digest: str
    since: str
    filled: int
    shards: int


@dataclass(frozen=True)
class Work:
    """What was read of a study's work."""

    current: Current
    shards: int
    """How many the study has; 0 where it is being removed."""
    filling: Sequence[Filling]
    audit: AuditState
    progress: Sequence[ShardProgress]
    """How far the run that is under way has come, of the shards that it has begun."""
    lease: Lease | None
    rendering: Mapping[str, str] | None
    blocks: tuple[int, int] | None
    """How many blocks of a publication from nothing are kept, and of how many."""
    report: tuple[str, ReportProgress] | None
    """The report that was begun last of those that go on, and how far it is."""
    run: DocumentRun | None
    """The last run that made pieces of documents side by side."""
    is_listed: bool
    """Whether the list of studies names it: not once nothing is left of it."""


def read_work(table: Table, study_id: str, shards: int, version: int) -> Work:
    """Read the work of a study of so many shards; of one that is being removed, 0.

    `version` is that of this code's contributions: other code's generations are other code's work.
    """
    for _ in range(_TRIES):
        item = table.get(keys.current(study_id))
        if item is None:
            break
        current = read_current(item)
        needed = {
            name: current.live[name]
            for digest in current.needed_digests
            if (name := generation(digest, version)) in current.live
        }
        row_keys = list(_wanted(study_id, shards, needed))
        items = {key_of(item): item for item in table.get_batch(row_keys)}
        if read_current(items[keys.current(study_id)]).plan_number == current.plan_number:
            return _work(study_id, shards, current, needed, items)
    raise Unavailable("the study's generations are being changed")


def _wanted(study_id: str, shards: int, needed: Iterable[str]) -> Iterator[keys.Key]:
    """Yield the keys of all rows: at most 78, which one call takes."""
    yield keys.study_entry(study_id)
    yield keys.current(study_id)
    yield keys.audit_state(study_id)
    yield keys.publication(study_id)
    yield keys.publishing_lease(study_id)
    yield keys.document_run(study_id)
    yield from (keys.shard_progress(study_id, shard) for shard in range(MAX_SHARDS))
    for name in needed:
        yield from _header_keys(study_id, shards, name)


def _header_keys(study_id: str, shards: int, name: str) -> list[keys.Key]:
    return [keys.sum_row(study_id, shard, header_row(name)) for shard in range(shards)]


def _work(
    study_id: str,
    shards: int,
    current: Current,
    needed: Mapping[str, Generation],
    items: Mapping[keys.Key, Item],
) -> Work:
    state = read_state(items.get(keys.audit_state(study_id)))
    rows = map(items.get, (keys.shard_progress(study_id, shard) for shard in range(MAX_SHARDS)))
    progress = [read_shard(row) for row in rows if row is not None]
    lease = items.get(keys.publishing_lease(study_id))
    rendering = items.get(keys.publication(study_id))
    return Work(
        current,
        shards,
        list(_filling(study_id, shards, needed, items)),
        state,
        [shard for shard in progress if shard.run == state.run],
        read_lease(study_id, lease) if lease else None,
        read_rendering(rendering),
        read_blocks_done(rendering),
        read_report_progress(rendering),
        read_run(items.get(keys.document_run(study_id))),
        keys.study_entry(study_id) in items,
    )


def _filling(
    study_id: str, shards: int, needed: Mapping[str, Generation], items: Mapping[keys.Key, Item]
) -> Iterator[Filling]:
    for name, live in needed.items():
        rows = map(items.get, _header_keys(study_id, shards, name))
        headers = [read_header(row) if row else MISSING_HEADER for row in rows]
        filled = sum(not header.is_stale for header in headers)
        if filled < len(headers):
            yield Filling(live.digest, live.since, filled, len(headers))
