"""Client CPU per event / a bare loop of `put_item`: 2.2 over the API, 0.35 in batches of 50.

CPU time of this process, interleaved slice by slice of TMB-301's feed against one DynamoDB each,
served over HTTP by other processes; no awscrt, as in the Lambda runtime. The bare loop puts each
event's journal row with boto3's default client; the store reads and checks the body, folds,
counts and commits.
"""

import gc
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from doubles import START

from benchmarks import world
from benchmarks.rows import Measured
from trial.store.actions import _journal_row
from trial.store.rows import GENESIS, write_journal

BATCH = 50


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def rows(bodies: list[str]) -> list[dict[str, Any]]:
    """Write what a recorder of events that counts nothing would put."""
    receipts = world.receipts(map(world.read, bodies))
    return [
        write_journal(_journal_row(receipt, b"k" * 32, 1, START, GENESIS), receipt.entry)
        for receipt in receipts
    ]


def put_all(client: Any, items: list[dict[str, Any]]) -> None:  # noqa: ANN401 (botocore's class)
    """Put each item by itself."""
    for item in items:
        client.put_item(TableName=world.TABLE, Item=item)


def _one_by_one(store: Any, bodies: list[str]) -> None:  # noqa: ANN401
    for body in bodies:
        world.take(store, [body])


def measure(*, large: bool = False) -> list[Measured]:  # noqa: ARG001 (the same for both)
    """Go through the feed: bare, single events, a batch of the same ones, in turn."""
    os.environ["BOTO_DISABLE_CRT"] = "true"
    bodies = world.bodies()
    slices = [list(bodies[i : i + BATCH]) for i in range(0, len(bodies) - BATCH, BATCH)]
    bare, single, batch = 0.0, 0.0, 0.0
    with world.server() as first_server, world.server() as two, world.server() as three:
        plain = world.plain_client(three)
        first, second = (world.open_store(world.client(server)) for server in (first_server, two))
        gc.collect()
        gc.freeze()
        for batch_bodies in slices:
            items = rows(batch_bodies)
            bare += _cpu(partial(put_all, plain, items))
            single += _cpu(partial(_one_by_one, first, batch_bodies))
            batch += _cpu(partial(world.take, second, batch_bodies))
    detail = f"bare {1000 * bare / (len(slices) * BATCH):.2f} ms"
    return [
        Measured("CPU per event / bare put_item, API", single / bare, 2.2, detail),
        Measured("CPU per event / bare put_item, batch of 50", batch / bare, 0.35),
    ]
