"""Delete all of a study: whatever it is interrupted by, the next go finds what is left.

Every journal goes before its subject's row, by which it is found; the list of studies names the
study until nothing is left but CURRENT, which says who decided so, when and why.
"""

from collections.abc import Iterable, Iterator
from itertools import batched

from trial.definition import MAX_SHARDS
from trial.errors import Beat
from trial.events.blinding import UNBLINDED
from trial.store import keys
from trial.store.table import Table, key_of, sort_key

_BATCH_ROWS = 10  # items of up to 400 KB in a transaction of up to 4 MB


def clear_shard(table: Table, study_id: str, number: int, beat: Beat) -> None:
    """Delete what one shard holds, with the journals of its subjects."""
    _delete(table, _of_shard(table, study_id, keys.shard_partition(study_id, number)), beat)
    sums = table.query(keys.sum_partition(study_id, number, UNBLINDED))
    _delete(table, map(key_of, sums), beat)


def clear(table: Table, study_id: str, beat: Beat) -> None:
    """Delete a study's items, step by step."""
    for number in range(MAX_SHARDS):  # the definition, which says how many, may be gone already
        clear_shard(table, study_id, number, beat)
    for partition in (
        keys.quarantine_body_partition(study_id),
        keys.quarantine_partition(study_id),
        keys.submission_partition(study_id),
        keys.activity_partition(study_id),
        keys.state_partition(study_id),
    ):
        _delete(table, map(key_of, table.query(partition)), beat)
    current = keys.current(study_id)
    study_rows = map(key_of, table.query(current[0]))
    _delete(table, (row_key for row_key in study_rows if row_key != current), beat)
    _delete(table, [keys.study_entry(study_id)], beat)


def _of_shard(table: Table, study_id: str, partition: str) -> Iterator[keys.Key]:
    for item in table.query(partition):
        item_key = key_of(item)
        if keys.is_subject_row(item_key):
            subject = keys.subject_id(sort_key(item))
            yield from map(key_of, table.query(keys.journal_partition(study_id, subject)))
        yield item_key


def _delete(table: Table, item_keys: Iterable[keys.Key], beat: Beat) -> None:
    for batch in batched(item_keys, _BATCH_ROWS, strict=False):
        beat()
        table.write([table.delete(item_key) for item_key in batch])
