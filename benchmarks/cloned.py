"""A study of any number of subjects with their journals, in a double that holds some of each.

So many subjects like TMB-301's, each with dates and values of its own, are recorded as any are.
The study's are copies of these under ids of their own, made whenever they are read: a journal with
its own chain and seals, a row with that head. The sums count each model as often as it is copied.
So what the double holds does not grow with the study, and the service cannot tell.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from doubles import Item, MemoryClient, Rows

from benchmarks import population, world
from local.progress import bar
from trial.definition.study import Study
from trial.store import Receipt, Store, keys
from trial.store.encoding import sealing
from trial.store.keys import Key
from trial.store.rows import GENESIS, JournalRow, read_journal
from trial.store.table import binary, key

_SHARD = 0


@dataclass(frozen=True)
class _Model:
    """A subject as recorded: its row, and its journal in the order of versions."""

    name: str
    row: Item
    journal: list[tuple[JournalRow, Item]]

    def journal_of(self, name: str) -> dict[str, Item]:
        """Make the journal that a copy would have, by sort keys."""
        items, previous = dict[str, Item](), GENESIS
        cipher_key = self.row["cipher_key"]["B"]
        for row, item in self.journal:
            body = row.body.replace(self.name, name)
            copied = replace(row, subject=name, body=body, previous=previous)
            copied = replace(copied, texts=_sealed_for(copied, row, cipher_key))
            previous = copied.expected_hash()
            sort_key = item["SK"]["S"]
            items[sort_key] = item | {
                **key((keys.journal_partition(row.study, name), sort_key)),
                "body": {"S": body},
                "texts": binary(copied.texts),
                "previous": binary(copied.previous),
                "hash": binary(previous),
            }
        return items


def _sealed_for(copied: JournalRow, row: JournalRow, cipher_key: bytes) -> bytes:
    """Seal a row's texts for another subject, whenever it is asked for by the same bytes."""
    if not row.texts:
        return b""
    nonce, hidden = row.texts[: sealing._NONCE_BYTES], row.texts[sealing._NONCE_BYTES :]
    identities = [(r.study, r.subject, r.kind, r.record, r.revision) for r in (row, copied)]
    before, after = map(sealing._bound, identities)
    cipher = sealing._cipher(cipher_key)
    sealed: bytes = cipher.encrypt(nonce, cipher.decrypt(nonce, hidden, before), after)
    return nonce + sealed


class ClonedRows(Rows):
    """The rows of a study of one shard: copies are made when they are read, and are as any then."""

    def __init__(self, study: Study, size: int, models: list[_Model]) -> None:
        super().__init__()
        self._partition = keys.shard_partition(study.id, _SHARD)
        self._names = {keys.journal_partition(study.id, name_of(n)): n for n in range(size)}
        rows = (keys.subject_row(study.id, _SHARD, name_of(number)) for number in range(size))
        self._sort_keys[self._partition] = [sort_key for _, sort_key in rows]
        self._models = models
        self._journal: Callable[[int], dict[str, Item]] = lru_cache(maxsize=64)(self._make_journal)

    def sort_keys(self, partition: str, first: str, last: str | None) -> list[str]:
        """Give the sort keys of a partition from one to another, which is there or not."""
        if partition in self._names and partition not in self._sort_keys:
            of_copy = sorted(self._journal(self._names[partition]))
            return [name for name in of_copy if first <= name and (last is None or name <= last)]
        return super().sort_keys(partition, first, last)

    def __getitem__(self, key: Key) -> Item:
        """Give a row that was written, or a copy that no one has deleted."""
        if key in self._stored:
            return self._stored[key]
        partition, sort_key = key
        if sort_key not in self.sort_keys(partition, sort_key, sort_key):
            raise KeyError(key)
        if partition in self._names:
            return self._journal(self._names[partition])[sort_key]
        return self._row(int(keys.subject_id(sort_key)[1:]))

    def __setitem__(self, key: Key, item: Item) -> None:
        """Write a row, in place of a copy where there is one."""
        self._unfold(key[0])
        if key in self:
            self._stored[key] = item
        else:
            super().__setitem__(key, item)

    def __delitem__(self, key: Key) -> None:
        """Delete a row, or a copy: it is not made again."""
        self._unfold(key[0])
        self._stored.pop(key, None)
        self._sort_keys[key[0]].remove(key[1])

    def _unfold(self, partition: str) -> None:
        """Hold the sort keys of a journal from now on: it is as its model's no more."""
        if partition in self._names and partition not in self._sort_keys:
            self._sort_keys[partition] = sorted(self._journal(self._names[partition]))

    def _model(self, number: int) -> _Model:
        return self._models[number % len(self._models)]

    def _make_journal(self, number: int) -> dict[str, Item]:
        return self._model(number).journal_of(name_of(number))

    def _row(self, number: int) -> Item:
        name = name_of(number)
        head = max(self._journal(number).values(), key=lambda item: int(item["version"]["N"]))
        place = key((self._partition, keys.SUBJECT + name))
        return self._model(number).row | {**place, "head": head["hash"]}


def name_of(number: int) -> str:
    """Give a copy's id."""
    return f"C{number:06}"


def study(size: int, models: int, change: Callable[[Store], None] = lambda _: None) -> MemoryClient:
    """Make a study of so many subjects, a multiple of how many `models` are recorded.

    `change` may do something else to the store in which these are.
    """
    if size % models:
        raise ValueError(f"{size:,} is no multiple of {models:,}")
    recorded = MemoryClient()
    store, defined = world.open_store(recorded, None, 1), world.study(1)
    for number in bar(f"Recording {models:,} subjects", models, range(models)):
        feed = population.jittered_feed(number, f"R{number:06}")
        store.record(defined, [Receipt(entry, world.SENDER) for entry in feed])
    change(store)
    client = MemoryClient(page=500)  # some 1 MB of subjects like these
    client.tables[world.TABLE] = _copied(recorded.tables[world.TABLE], defined, size, models)
    return client


def _copied(recorded: Rows, defined: Study, size: int, models: int) -> ClonedRows:
    rows = ClonedRows(defined, size, [_model(recorded, defined, n) for n in range(models)])
    partition = keys.shard_partition(defined.id, _SHARD)
    for row_key, item in recorded.items():
        if row_key[0] == partition and keys.sum_row_name(row_key[1]):
            rows[row_key] = _multiplied(item, size // models)
        elif row_key[0] != partition and "#JOURNAL#" not in row_key[0]:
            rows[row_key] = item
    return rows


def _model(recorded: Rows, defined: Study, number: int) -> _Model:
    name = f"R{number:06}"
    row = recorded[keys.subject_row(defined.id, _SHARD, name)]
    partition = keys.journal_partition(defined.id, name)
    items = [recorded[partition, sort_key] for sort_key in recorded.sort_keys(partition, "", None)]
    journal = [
        (read_journal(defined.id, name, item, row["cipher_key"]["B"]), item) for item in items
    ]
    return _Model(name, row, sorted(journal, key=lambda entry: entry[0].version))


def _multiplied(item: Item, times: int) -> Item:
    """Count everything of a row of sums so many times."""
    return {
        name: {"N": str(int(value["N"]) * times)} if name.startswith(keys.CELL) else value
        for name, value in item.items()
    }
