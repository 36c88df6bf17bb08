"""Client CPU per event, measured against a bare loop of `put_item`, interleaved in one process.

The bare loop puts the event's own journal row with a client of boto3's default configuration. The
store does all it does for an event: reads and checks the body, folds, counts, commits.
"""

import gc
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import world
from botocore.config import Config

from trial import intake, messages
from trial.intake import Posted
from trial.store.drafts import _journal_row
from trial.store.rows import GENESIS, write_journal
from doubles import START

BATCH = 50
ROUNDS = 40


def _bare(client: Any, bodies: list[str]) -> None:
    """Put what a recorder of events that counts nothing would put."""
    for body in bodies:
        entry = world.read(body)
        receipt = world.receipts([entry])[0]
        item = write_journal(_journal_row(receipt, 1, START, GENESIS), entry)
        _put(client, item)


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _items(bodies):
    made = []
    for body in bodies:
        entry = world.read(body)
        receipt = world.receipts([entry])[0]
        made.append(write_journal(_journal_row(receipt, 1, START, GENESIS), entry))
    return made


def _put_all(client, items):
    for item in items:
        client.put_item(TableName=world.TABLE, Item=item)


def _take(store, bodies):
    posted = [Posted(body, messages.read_json(body)) for body in bodies]
    answers = intake.take(store, world.study(), posted, "arn")
    assert all(each.status in (200, 201) for each in answers), answers


def _singles(store, bodies):
    for body in bodies:
        _take(store, [body])


def measure():
    """Go through the feed in slices: bare, singles, batch of the same events, in turn."""
    bodies = world.bodies()
    slices = [list(bodies[i:i + BATCH]) for i in range(0, len(bodies) - BATCH, BATCH)]
    single, batch = [], []
    with world.server() as one, world.server() as two, world.server() as three:
        bare = world.client(three, Config())
        first = world.open_store(world.client(one))
        second = world.open_store(world.client(two))
        gc.collect(); gc.freeze()
        for each in slices:
            items = _items(each)
            a = _cpu(lambda: _put_all(bare, items))
            b = _cpu(lambda: _singles(first, each))
            c = _cpu(lambda: _take(second, each))
            single.append((b, a)); batch.append((c, a))
    return single, batch, len(slices) * BATCH


if __name__ == "__main__":
    single, batch, n = measure()
    ratio = lambda pairs: sum(x for x, _ in pairs) / sum(y for _, y in pairs)
    print("bare ms", 1000 * sum(y for _, y in single) / n)
    print("single", ratio(single), "batch", ratio(batch))
