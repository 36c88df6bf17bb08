"""Instructions of the client per event, which a busy machine does not change; no targets.

By callgrind, of a client process alone and from where it is ready, on events from the middle of
TMB-301's feed: what was posted before them is there already. They compare one release with another.
Their ratios are not those of CPU time, much of which a bare put spends in the system's calls.
"""

import gc
import importlib.util
from collections.abc import Callable
from pathlib import Path

from benchmarks import ROOT, world
from benchmarks.client_cpu import BATCH, put_all, rows
from benchmarks.instructions import READY, instructions_once_ready
from benchmarks.rows import Measured

FIRST, WARMING, EVENTS = 1000, 100, 100
"""From which event on; how many are posted for what a process does but once; and how many counted.

Subjects have half of their records by then.
"""
_PATHS = ("functions", "infrastructure", "tests", ".")
_PROGRAM = f"""
import sys
from benchmarks import client_instructions
post = client_instructions.poster(*sys.argv[1:])
{READY}
post()
"""


def poster(manner: str, endpoint: str) -> Callable[[], None]:
    """Get ready to post the events: `bare`, or to the store as many at a time as the manner says.

    Those before them are posted already.
    """
    bodies = world.bodies()[FIRST : FIRST + WARMING + EVENTS]
    if manner == "bare":
        items, client = rows(list(bodies)), world.plain_client(endpoint)

        def post(start: int, end: int) -> None:
            put_all(client, items[start:end])
    else:
        store, size = world.store(world.client(endpoint)), int(manner)

        def post(start: int, end: int) -> None:
            for i in range(start, end, size):
                world.take(store, bodies[i : min(i + size, end)])

    post(0, WARMING)
    gc.collect()
    gc.freeze()
    return lambda: post(WARMING, WARMING + EVENTS)


def _of_an_event(manner: str) -> float:
    """Count the instructions that an event takes, posted in a manner."""
    site = Path(str(importlib.util.find_spec("boto3").origin)).parents[1]  # type: ignore[union-attr]
    paths = [*(ROOT / name for name in _PATHS), site]
    with world.server() as endpoint:
        if manner != "bare":
            store = world.open_store(world.client(endpoint))
            for start in range(0, FIRST, BATCH):
                world.take(store, world.bodies()[start : start + BATCH])
        return instructions_once_ready(_PROGRAM, paths, manner, endpoint) / EVENTS


def measure(*, large: bool = False) -> list[Measured]:  # noqa: ARG001 (the same for both)
    """Count bare puts, events one by one, and the same in batches."""
    manners = (("bare put_item", "bare"), ("API", "1"), (f"batch of {BATCH}", str(BATCH)))
    return [
        Measured(f"million instructions per event, {title}", _of_an_event(manner) / 1e6)
        for title, manner in manners
    ]
