"""Reading a study: its subjects, and its sums in a state that every writer would recognise."""

from collections.abc import Iterator

from trial import cells
from trial.cells import Share
from trial.errors import Unavailable
from trial.store import keys
from trial.store.drafts import STUDY_ROW
from trial.store.rows import COMMITS, JournalRow, Stored, read_cells, read_journal, read_row
from trial.store.table import Cancelled, Item, Table
from trial.study import Study

_TRIES = 4


def subjects(table: Table, study: Study) -> Iterator[Stored]:
    """Read every subject, shard by shard, each as it is when its page is read.

    Subjects do not share state, so their rows, read one after the other, are a consistent state
    of the study: the one in which each has the version given.
    """
    for number in range(study.definition.shards):
        yield from _of_shard(table, study, number)


def subject(table: Table, study: Study, subject_id: str) -> Stored | None:
    """Read one subject; None where nothing is recorded of it."""
    number = keys.shard_of(subject_id, study.definition.shards)
    item = table.get(keys.subject(study.id, number, subject_id))
    return _stored(study, number, item) if item else None


def sums(table: Table, study: Study) -> Share:
    """Read the study's sums.

    Each shard is read in one of its states; shards have no subject in common, so any states of
    theirs together are a state of the study.
    """
    shards = range(study.definition.shards)
    return cells.total(_sums_of_shard(table, study, number) for number in shards)


def check(table: Table, study: Study) -> dict[int, Share | None]:
    """Say of each shard what its sums lack of its subjects' shares: {} where they agree.

    None stands where the shard was written to all the while.
    """
    found: dict[int, Share | None] = {}
    for number in range(study.definition.shards):
        found[number] = _difference(table, study, number)
    return found


def journal(table: Table, study_id: str, subject_id: str) -> list[JournalRow]:
    """Read a subject's journal, in the order in which its events were recorded."""
    items = table.query(keys.journal(study_id, subject_id))
    rows = [read_journal(study_id, subject_id, item) for item in items]
    return sorted(rows, key=lambda row: row.version)


def _of_shard(table: Table, study: Study, number: int) -> Iterator[Stored]:
    for item in table.query(keys.shard(study.id, number), keys.SUBJECT):
        yield _stored(study, number, item)


def _stored(study: Study, number: int, item: Item) -> Stored:
    row = read_row(item)
    share = row.share(study.generation)
    return Stored(row.subject.id, number, row.version, row.subject, share, row.head)


def _sums_of_shard(table: Table, study: Study, number: int) -> Share:
    """Read the rows of sums of one shard, all of one state.

    A query reads row by row, so a transaction may commit in its midst. But every transaction of
    the shard adds one to `commits`, and `TransactGetItems` is serialised with transactions: it
    sees all of one or nothing, and is refused while one is under way. So where `commits` was the
    same before and after, no transaction took effect in between, and what was read is the state
    that this number names. On a shard too busy for that, the shares in the subjects' rows are
    added up instead: each is the share its subject's state counts, read with it, from one item.
    """
    before = _commits(table, study, number)
    for _ in range(_TRIES):
        read = _read_sums(table, study, number)
        after = _commits(table, study, number)
        if before is not None and before == after:
            return read
        before = after
    return _shares(table, study, number)


def _difference(table: Table, study: Study, number: int) -> Share | None:
    before = _commits(table, study, number)
    for _ in range(_TRIES):
        counted = _shares(table, study, number)
        read = _read_sums(table, study, number)
        after = _commits(table, study, number)
        if before is not None and before == after:
            return cells.difference(counted, read)
        before = after
    return None


def _read_sums(table: Table, study: Study, number: int) -> Share:
    start = keys.sums(study.generation)
    read = {
        item["SK"]["S"].removeprefix(start): read_cells(item)
        for item in table.query(keys.shard(study.id, number), start)
    }
    return {row: counted for row, counted in read.items() if counted}


def _shares(table: Table, study: Study, number: int) -> Share:
    return cells.total(stored.share for stored in _of_shard(table, study, number))


def _commits(table: Table, study: Study, number: int) -> int | None:
    """Read how many transactions the shard has seen; None while one is under way."""
    of = keys.sum_row(study.id, number, study.generation, STUDY_ROW)
    try:
        item = table.get_together(of)
    except Cancelled:
        return None
    if item is None:
        raise Unavailable("the definition was replaced, or its sums were never filled")
    return int(item[COMMITS]["N"])
