"""What an erasure clears away behind the transaction that records it.

Pages hold records as they were. A cell may be named for a personal text, such as a cause of death,
and one that has become 0 is still there by its name.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from trial.errors import Unavailable
from trial.events.blinding import AUDIENCES
from trial.statistics.ranges import TALLY
from trial.store import cell_names, keys, paging
from trial.store.encoding import subjects
from trial.store.rows import read_number
from trial.store.spreading import base_row
from trial.store.table import (
    PRESENT,
    Action,
    Item,
    Table,
    TransactionCancelled,
    Value,
    binary,
    key_of,
    sort_key,
)
from trial.subject.fold import Subject

_WRITE_CELLS = 100
_TRIES = 5


def clear_pages(table: Table, row_key: keys.Key) -> None:
    """Empty the pages that a subject's row names no more."""
    row = paging.read_row(table, row_key)
    first = row.pages.numbers.start if row else 0
    for item in table.query(row_key[0], keys.page_prefix(row_key)):
        if keys.page_number(sort_key(item)) < first:
            values = {":none": binary(subjects.encode(Subject("")))}
            emptied = table.update(
                key_of(item), "SET body = :none", PRESENT, ExpressionAttributeValues=values
            )
            table.write([emptied])


def check_moved(table: Table, row_key: keys.Key) -> None:
    """Raise `Unavailable` while a share of the subject is partial: it may name texts."""
    row = paging.read_row(table, row_key)
    if row is not None and any(row.is_partial(name) for name in row.shares or {}):
        raise Unavailable("the subject's sums are still being changed: try again")


def clear_sums(table: Table, study_id: str, shard: int, tallies: Sequence[str]) -> None:
    """Remove the cells of a shard's sums that are 0, of every generation.

    Those of tallies stay: they are named by numbers alone. Nor are they read, for they grow with
    the study: `tallies` are the starts of sort keys under which some are known to stand.
    """
    for _ in range(_TRIES):
        rows: dict[str, list[Item]] = {}
        for audience in AUDIENCES:
            partition = keys.sum_partition(study_id, shard, audience)
            of_audience = [start for start in tallies if keys.sum_audience(start) == audience]
            for item in _untallied(table, partition, of_audience):
                rows.setdefault(base_row(sort_key(item)), []).append(item)
        if not sum(not _clear_row(table, parts) for parts in rows.values()):
            return
    raise Unavailable("the sums are being written to")


def _untallied(table: Table, partition: str, tallies: Iterable[str]) -> Iterator[Item]:
    """Read a partition's rows of sums but for tallies; of an unknown one a page is read in vain."""
    first = keys.SUM
    for start in (*sorted(tallies), keys.SUM + keys.LAST):
        while first < start:
            for item in table.query_range(partition, first, start):
                row, is_tally, _ = sort_key(item).partition(TALLY)
                if is_tally:
                    first = row + TALLY + keys.LAST
                    break
                yield item
            else:
                break
        first = max(first, start + keys.LAST)


def _clear_row(table: Table, parts: list[Item]) -> bool:
    """Remove the cells of a row, in all its parts, that count nothing; say if none is left."""
    part_cells = [list(cell_names.cells_of(part)) for part in parts]
    totals: dict[str, int] = {}
    for cells in part_cells:
        for _, cell, value in cells:
            totals[cell] = totals.get(cell, 0) + read_number(value["N"])
    empty = [cell for cell, total in totals.items() if not total][:_WRITE_CELLS]
    if not empty:
        return True
    removals = [
        _removal(table, part, {name: value for name, cell, value in cells if cell in set(empty)})
        for part, cells in zip(parts, part_cells, strict=True)
        if any(cell in set(empty) for _, cell, _ in cells)
    ]
    try:
        table.write(removals)
    except TransactionCancelled:
        return False
    return len(empty) < _WRITE_CELLS


def _removal(table: Table, part: Item, removed: Mapping[str, Value]) -> Action:
    """Remove cells unless one has changed, and the terms that are then no cell's.

    A term stays where another cell of it has been added since.
    """
    condition = dict(removed)
    terms = cell_names.unused_terms(part, removed)
    if terms:
        condition[cell_names.LONG_WRITES] = part[cell_names.LONG_WRITES]
    names = {f"#{i}": name for i, name in enumerate([*condition, *terms])}
    placeholders = {name: placeholder for placeholder, name in names.items()}
    values = {f":{i}": value for i, value in enumerate(condition.values())}
    as_read = (f"{placeholders[name]} = :{i}" for i, name in enumerate(condition))
    return table.update(
        key_of(part),
        f"REMOVE {','.join(placeholders[name] for name in (*removed, *terms))}",
        " AND ".join(as_read),
        ExpressionAttributeNames=names,
        ExpressionAttributeValues=values,
    )
