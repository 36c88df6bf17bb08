"""Reading a study: its subjects, and its sums in a state that every writer would recognise."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import batched

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.statistics import cells
from trial.statistics.cells import Cells, Share
from trial.store import keys, paging
from trial.store.generations import MISSING_HEADER, ShardHeader, header_row, read_header
from trial.store.paging import SubjectRow
from trial.store.rows import GENESIS, JournalRow, StoredSubject, read_cells, read_journal
from trial.store.spreading import base_row
from trial.store.subject_update import Contribute
from trial.store.table import Item, Table, TransactionCancelled, sort_key
from trial.tables.compiled import audience_share, audiences_read

TRIES = 4
"""How often a shard is read that is written to meanwhile, before shares are added up."""
_THREADS = 8
"""Fewer than botocore's client has connections."""
_JOURNALS_AHEAD = 32
_BATCH_SUBJECTS = 25
_BATCH_ROWS = 10  # rows of a journal, each of up to 400 KB


def subjects(table: Table, study: Study, contribute: Contribute) -> Iterator[StoredSubject]:
    """Read every subject, shard by shard, each as it is when its row is read.

    Subjects do not share state, so their rows, read one after the other, are a consistent state
    of the study: the one in which each has the version given. A share that no sums count yet at
    that version is computed.
    """
    for number in range(study.definition.shards):
        yield from _of_shard(table, study, contribute, number)


def subject(
    table: Table, study: Study, contribute: Contribute, subject_id: str
) -> StoredSubject | None:
    """Read one subject; None where nothing is recorded of it."""
    number = keys.shard_of(subject_id, study.definition.shards)
    row = paging.read_row(table, keys.subject_row(study.id, number, subject_id))
    return _stored(study, contribute, number, row) if row else None


def some_subjects(
    table: Table, study: Study, contribute: Contribute, ids: Iterable[str]
) -> Iterator[StoredSubject]:
    """Read the subjects of these ids of whom anything is recorded, some at a time."""
    for name, row in named_subjects(table, study, sorted(ids)):
        if row is not None:
            number = keys.shard_of(name, study.definition.shards)
            yield _stored(study, contribute, number, row)


def sums(table: Table, study: Study, contribute: Contribute) -> Share:
    """Read the study's sums: those that this view of it shows.

    Each shard is read in one of its states; shards have no subject in common, so any states of
    theirs together are a state of the study.
    """
    shards = range(study.definition.shards)
    total = cells.total(_sums_of_shard(table, study, contribute, number) for number in shards)
    return audience_share(study, total)


def journal(
    table: Table, study_id: str, subject_id: str, cipher_key: bytes, version: int | None = None
) -> list[JournalRow]:
    """Read a subject's journal, in the order in which its events were recorded.

    Up to a `version` that the subject is known to have reached.
    """
    rows = journal_reaching(table, study_id, subject_id, cipher_key, version)
    return [row for row in rows if version is None or row.version <= version]


def journal_reaching(
    table: Table, study_id: str, subject_id: str, cipher_key: bytes, version: int | None
) -> list[JournalRow]:
    """Read a subject's journal, in which a version is known to stand, and what stands beyond it.

    Rows are read at half the price, as they were shortly before: versions count rows, so where one
    up to that version lacks, that is seen, and all are read as they are now.
    """
    if version is not None:
        rows = _journal(table, study_id, subject_id, cipher_key, consistent=False)
        if sum(row.version <= version for row in rows) == version:
            return rows
    return _journal(table, study_id, subject_id, cipher_key, consistent=True)


def journals(
    table: Table, study_id: str, rows: Iterable[SubjectRow]
) -> Iterator[tuple[SubjectRow, list[JournalRow]]]:
    """Read the journals of subjects with what their rows count, several at a time, in their order.

    A query a subject: a journal's rows share a partition with no other's, and what is read is
    billed by its size. So many at a time that a query's wait does not count. What stands beyond a
    subject's row is read with it.
    """

    def read(row: SubjectRow) -> list[JournalRow]:
        return journal_reaching(table, study_id, row.subject.id, row.cipher_key, row.version)

    with ThreadPoolExecutor(_THREADS) as threads:
        for batch in batched(rows, _JOURNALS_AHEAD, strict=False):
            yield from zip(batch, threads.map(read, batch), strict=True)


def _journal(
    table: Table, study_id: str, subject_id: str, cipher_key: bytes, *, consistent: bool
) -> list[JournalRow]:
    items = table.query(keys.journal_partition(study_id, subject_id), consistent=consistent)
    rows = [read_journal(study_id, subject_id, item, cipher_key) for item in items]
    return sorted(rows, key=lambda row: row.version)


@dataclass(frozen=True)
class Chain:
    """A subject's journal without what its rows say: the key of each, in the order of versions."""

    sort_keys: Sequence[tuple[int, str]]
    """Version and sort key of each row."""
    head: bytes
    """The hash that the last one carries."""
    intact: bool
    """Whether they are one unbroken chain, each row as it was written."""


def chain(table: Table, study_id: str, subject_id: str) -> Chain | None:
    """Read a subject's journal through, row by row, however long it is; None where there is none.

    Of each row only its link of the chain is kept in memory.
    """
    links = []
    for item in table.query(keys.journal_partition(study_id, subject_id)):
        row = read_journal(study_id, subject_id, item, b"")
        links.append((row.version, sort_key(item), row.previous, row.hash, row.has_valid_hash))
    if not links:
        return None
    links.sort()
    head, intact = GENESIS, True
    for expected, (version, _, previous, row_hash, is_valid) in enumerate(links, start=1):
        intact = intact and is_valid and (version, previous) == (expected, head)
        head = row_hash
    return Chain([(version, row_key) for version, row_key, *_ in links], head, intact)


def journal_rows(
    table: Table, study_id: str, subject_id: str, cipher_key: bytes, sort_keys: Iterable[str]
) -> Iterator[JournalRow]:
    """Read some rows of a subject's journal by their sort keys, in the order asked for."""
    partition = keys.journal_partition(study_id, subject_id)
    for batch in batched(sort_keys, _BATCH_ROWS, strict=False):
        items_read = table.get_batch([(partition, row_key) for row_key in batch])
        items = {sort_key(item): item for item in items_read}
        for row_key in batch:
            if row_key in items:
                yield read_journal(study_id, subject_id, items[row_key], cipher_key)


def subjects_after(table: Table, study: Study, after: str) -> Iterator[SubjectRow]:
    """Read the rows of the subjects that follow one, shard by shard; '' is before the first.

    That one need not be there: its id tells the shard, and its place in it.
    """
    shards = study.definition.shards
    first = keys.shard_of(after, shards) if after else 0
    for number in range(first, shards):
        yield from subject_rows(table, study.id, number, after if number == first else "")


def named_subjects(
    table: Table, study: Study, subject_ids: Iterable[str]
) -> Iterator[tuple[str, SubjectRow | None]]:
    """Read the rows of some subjects, in the order asked for; None where one has none."""
    for batch in batched(subject_ids, _BATCH_SUBJECTS, strict=False):
        row_keys = {
            name: keys.subject_row(study.id, keys.shard_of(name, study.definition.shards), name)
            for name in batch
        }
        rows = paging.read_rows(table, list(row_keys.values()))
        yield from ((name, rows.get(row_key)) for name, row_key in row_keys.items())


def subject_rows(table: Table, study_id: str, number: int, after: str = "") -> Iterator[SubjectRow]:
    """Read the subjects' rows of one shard, each as it is when it is read; those after one."""
    partition, row_key = keys.subject_row(study_id, number, after)
    return paging.scan_rows(table, partition, row_key if after else "")


def header(table: Table, study: Study, number: int) -> ShardHeader | None:
    """Read a generation's header as it is now; None where there is none."""
    item = table.get(_header_key(study, number))
    return read_header(item) if item else None


def header_at_rest(table: Table, study: Study, number: int) -> ShardHeader | None:
    """Read a header at a moment when no transaction is under way; None if there is one.

    A header that is not there is stale for ever.
    """
    return serialized_header(table, study, number)[0]


def serialized_header(table: Table, study: Study, number: int) -> tuple[ShardHeader | None, Cells]:
    """Read a header so, with the cells that stand in its row."""
    try:
        item = table.get_serialized(_header_key(study, number))
    except TransactionCancelled:
        return None, {}
    return (read_header(item), read_cells(item)) if item else (MISSING_HEADER, {})


def header_cells(table: Table, study: Study) -> Cells:
    """Add up the cells in the headers of all shards, each as it is when it is read."""
    header_keys = [_header_key(study, number) for number in range(study.definition.shards)]
    total: Cells = {}
    for item in table.get_batch(header_keys):
        cells.add(total, read_cells(item))
    return total


def sum_difference(
    table: Table,
    study: Study,
    number: int,
    share_of: Callable[[SubjectRow], Share],
    pass_by: Callable[[Item], None] = lambda _item: None,
) -> tuple[Share | None, ShardHeader | None]:
    """Return what a shard's sums lack of its subjects' shares, and the header of that state.

    None stands where the shard was written to all the while. Each row of sums passes by as it is
    read.
    """
    audiences = [view.audience for view in study.views]
    before = header_at_rest(table, study, number)
    for _ in range(TRIES):
        expected = cells.total(map(share_of, subject_rows(table, study.id, number)))
        stored = _read_sums(table, study, number, audiences, pass_by)
        after = header_at_rest(table, study, number)
        if before is not None and before == after:
            return cells.difference(expected, stored), before
        before = after
    return None, before


def _of_shard(
    table: Table, study: Study, contribute: Contribute, number: int
) -> Iterator[StoredSubject]:
    for row in subject_rows(table, study.id, number):
        yield _stored(study, contribute, number, row)


def _stored(study: Study, contribute: Contribute, number: int, row: SubjectRow) -> StoredSubject:
    share = row.current_share(study.generation)
    if share is None:
        share = contribute(study, row.subject)
    return StoredSubject(
        row.subject.id, number, row.version, row.subject, share, row.head, row.cipher_key
    )


def _sums_of_shard(table: Table, study: Study, contribute: Contribute, number: int) -> Share:
    """Read the rows of sums of one shard, all of one state.

    A query reads row by row, so a transaction may commit in its midst. But every transaction of
    the shard adds one to the header's `commits`, and `TransactGetItems` is serialised with
    transactions: it sees all of one or nothing, and is refused while one is under way. So where
    the header was the same before and after, no transaction took effect in between, and what was
    read is the state that it names. On a shard too busy for that, and where the generation is
    stale, the subjects' shares are added up instead, each read or computed from one item.
    """
    before = header_at_rest(table, study, number)
    for _ in range(TRIES):
        if before is not None and before.is_stale:
            break
        stored = _read_sums(table, study, number, audiences_read(study))
        after = header_at_rest(table, study, number)
        if before is not None and before == after:
            return stored
        before = after
    return total_of_shares(table, study, contribute, number)


def total_of_shares(table: Table, study: Study, contribute: Contribute, number: int) -> Share:
    """Add up the shares of a shard's subjects, each read or computed from one item."""
    return cells.total(stored.share for stored in _of_shard(table, study, contribute, number))


def _read_sums(
    table: Table,
    study: Study,
    number: int,
    audiences: Iterable[str],
    pass_by: Callable[[Item], None] = lambda _item: None,
) -> Share:
    prefix, sums = keys.sum_prefix(study.generation), Share()
    for audience in audiences:
        for item in table.query(keys.sum_partition(study.id, number, audience), prefix):
            pass_by(item)
            row = base_row(sort_key(item).removeprefix(prefix))
            cells.add(sums.setdefault(row, {}), read_cells(item))
    return {row: counted for row, counted in sums.items() if counted}


def _header_key(study: Study, number: int) -> keys.Key:
    return keys.sum_row(study.id, number, header_row(study.generation))
