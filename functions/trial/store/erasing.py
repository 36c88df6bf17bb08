"""What an erasure clears away behind the transaction that records it.

Pages hold records as they were. A cell may be named for a personal text, such as a cause of death,
and one that has become 0 is still there by its name.
"""

from trial.blinding import OPEN, UNBLINDED
from trial.errors import Unavailable
from trial.store import codec, keys, paging
from trial.store.rows import read_number
from trial.store.table import PRESENT, Cancelled, Item, Table, binary, key_of, number
from trial.subject import Subject

_CELLS_A_WRITE = 100
_TRIES = 5


def clear_pages(table: Table, at: keys.Key) -> None:
    """Empty the pages that a subject's row names no more."""
    row = paging.row(table, at)
    first = row.pages.numbers.start if row else 0
    for item in table.query(at[0], keys.pages(at)):
        if keys.page_number(item["SK"]["S"]) < first:
            values = {":none": binary(codec.encode(Subject("")))}
            emptied = table.update(
                key_of(item), "SET body = :none", PRESENT, ExpressionAttributeValues=values
            )
            table.write([emptied])


def clear_sums(table: Table, study_id: str, shard: int) -> None:
    """Remove the cells of a shard's sums that are 0, of every generation."""
    for _ in range(_TRIES):
        rows = [
            (item, empty)
            for audience in (OPEN, UNBLINDED)
            for item in table.query(keys.counts(study_id, shard, audience), keys.SUM)
            if (empty := _empty(item))
        ]
        kept = sum(not _removed(table, item, empty) for item, empty in rows)
        if not kept:
            return
    raise Unavailable("the sums are being written to")


def _empty(item: Item) -> list[str]:
    return [
        name
        for name, value in item.items()
        if name.startswith(keys.CELL) and not read_number(value["N"])
    ]


def _removed(table: Table, item: Item, empty: list[str]) -> bool:
    """Remove cells unless one counts something again; say whether all are gone."""
    names = {f"#{i}": name for i, name in enumerate(empty[:_CELLS_A_WRITE])}
    removal = table.update(
        key_of(item),
        f"REMOVE {','.join(names)}",
        " AND ".join(f"{each} = :none" for each in names),
        ExpressionAttributeNames=names,
        ExpressionAttributeValues={":none": number(0)},
    )
    try:
        table.write([removal])
    except Cancelled:
        return False
    return len(names) == len(empty)
