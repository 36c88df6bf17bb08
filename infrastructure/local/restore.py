"""Make a stack's table what a restored copy of it holds: the second half of coming back.

AWS restores a backup, or a point in time, into a table of another name. This copies it into the
stack's own, so that its stream, rights, bucket and addresses stay. Nobody may write meanwhile; see
docs/operations.md. Every study gets a new epoch, for what is live must move on to what was.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import batched
from typing import Any

from local.emulator import LocalError

type Item = dict[str, Any]
_AT_ONCE, _TRIES = 25, 20
_CURRENT, _ERASED, _CLAIM = "CURRENT", "ERASED#", "PUBLISHING"
_NOWHERE = "unknown-study"  # what names no study is noted there


@dataclass
class Restored:
    """What was done: items put and deleted, the epoch of each study, and who must be erased again.

    The copy is of a time before these erasures, and holds their texts and keys once more.
    """

    written: int = 0
    deleted: int = 0
    epochs: dict[str, int] = field(default_factory=dict)
    erased: list[tuple[str, str]] = field(default_factory=list)


def restore(client: Any, source: str, target: str) -> Restored:  # noqa: ANN401 (botocore's class)
    """Copy a table into another, which then holds nothing else but notes of later erasures."""
    if source == target:
        raise LocalError("A table cannot be restored from itself.")
    restored, before = Restored(), _epochs(client, target)
    kept_keys = set()
    for batch in batched(_items(client, source), _AT_ONCE, strict=False):
        items = [_renewed(item, before, restored) for item in batch if _key(item)[1] != _CLAIM]
        _write(client, target, [{"PutRequest": {"Item": item}} for item in items])
        kept_keys |= {_key(item) for item in items}
        restored.written += len(items)
    later = [item for item in _items(client, target) if _key(item) not in kept_keys]
    erased = {_erasure(item) for item in later if _is_erasure(item)}
    restored.erased = sorted(item for item in erased if item[0] != _NOWHERE)
    rows_to_delete = [item for item in later if not _is_erasure(item)]
    for batch in batched(rows_to_delete, _AT_ONCE, strict=False):
        keys = [{"Key": {name: item[name] for name in ("PK", "SK")}} for item in batch]
        _write(client, target, [{"DeleteRequest": key} for key in keys])
    restored.deleted = len(rows_to_delete)
    return restored


def _renewed(item: Item, before: dict[str, int], restored: Restored) -> Item:
    """Raise the epoch of a study beyond every one that its documents may bear."""
    partition, sort = _key(item)
    if sort != _CURRENT:
        return item
    epoch = max(int(item["epoch"]["N"]), before.get(partition, 0)) + 1
    restored.epochs[partition.split("#")[1]] = epoch
    return item | {"epoch": {"N": str(epoch)}}


def _epochs(client: Any, table: str) -> dict[str, int]:  # noqa: ANN401
    current_rows = (item for item in _items(client, table) if _key(item)[1] == _CURRENT)
    return {_key(item)[0]: int(item["epoch"]["N"]) for item in current_rows}


def _is_erasure(item: Item) -> bool:
    return _key(item)[1].startswith(_ERASED)


def _erasure(item: Item) -> tuple[str, str]:
    partition, sort = _key(item)
    return partition.split("#")[1], sort.removeprefix(_ERASED)


def _key(item: Item) -> tuple[str, str]:
    return item["PK"]["S"], item["SK"]["S"]


def _items(client: Any, table: str) -> Iterator[Item]:  # noqa: ANN401
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    for page in pages:
        yield from page["Items"]


def _write(client: Any, table: str, requests: Iterable[Item]) -> None:  # noqa: ANN401
    unwritten = list(requests)
    for _ in range(_TRIES):
        if not unwritten:
            return
        answer = client.batch_write_item(RequestItems={table: unwritten})
        unwritten = answer.get("UnprocessedItems", {}).get(table, [])
    raise LocalError(
        f"The table {table} is throttled and not all items were written. Run the restore again."
    )
