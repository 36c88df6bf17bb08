"""Delete all of a study: whatever it is interrupted by, the next go finds what is left.

Every journal goes before its subject's row, by which it is found; the list of studies names the
study until nothing is left but CURRENT, which says who decided so, when and why.
"""

from collections.abc import Iterable, Iterator
from itertools import batched

from trial.definition import MAX_SHARDS
from trial.events.blinding import UNBLINDED
from trial.store import keys
from trial.store.table import Table, key_of

_AT_ONCE = 10  # items of up to 400 KB in a transaction of up to 4 MB


def clear(table: Table, study_id: str) -> None:
    """Delete a study's items, step by step."""
    for number in range(MAX_SHARDS):  # the definition, which says how many, may be gone already
        _delete(table, _of_shard(table, study_id, keys.shard(study_id, number)))
        _delete(table, map(key_of, table.query(keys.counts(study_id, number, UNBLINDED))))
    of_bodies = (keys.quarantine_bodies, keys.quarantine, keys.submitted, keys.activity)
    for partition in (each(study_id) for each in of_bodies):
        _delete(table, map(key_of, table.query(partition)))
    own = map(key_of, table.query(keys.current(study_id)[0]))
    _delete(table, (each for each in own if each != keys.current(study_id)))
    _delete(table, [keys.listed(study_id)])


def _of_shard(table: Table, study_id: str, partition: str) -> Iterator[keys.Key]:
    for item in table.query(partition):
        at = key_of(item)
        if at[1].startswith(keys.SUBJECT) and keys.owner(at) == at:
            subject = keys.subject_id(at[1])
            yield from map(key_of, table.query(keys.journal(study_id, subject)))
        yield at


def _delete(table: Table, found: Iterable[keys.Key]) -> None:
    for some in batched(found, _AT_ONCE, strict=False):
        table.write([table.delete(each) for each in some])
