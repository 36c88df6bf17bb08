"""DynamoDB requests and capacity units per event: 2 / 0.2 requests, 12 / 7 units at most.

TMB-301's feed, event by event and in batches of 50, in 1 shard (its own definition) and in 8. The
capacity is ministack's `ReturnConsumedCapacity`, which is right for these calls; `modelled` takes
it from the size model of the double in memory instead, and both are compared here.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from doubles import MemoryClient
from store.bench import create_table, ministack_client

from benchmarks import world
from benchmarks.rows import Measured, spread
from local import emulator

BATCH = 50


@dataclass
class Cost:
    """What each call of the store's took: requests and units, by group of events posted."""

    size: int
    requests: list[int] = field(default_factory=list)
    units: list[float] = field(default_factory=list)

    def start(self) -> None:
        """Begin with the next group."""
        self.requests.append(0)
        self.units.append(0)

    def meter(self, _operation: str, units: float) -> None:
        """Add a call to the group."""
        if self.requests:
            self.requests[-1] += 1
            self.units[-1] += units

    def mean(self, numbers: list[Any]) -> float:
        """Say what an event took."""
        return float(sum(numbers)) / (len(numbers) * self.size)


def run(client: Any, size: int, events: int | None = None, shards: int | None = None) -> Cost:  # noqa: ANN401
    """Post the feed in groups of a size; the last, short group is left out."""
    cost = Cost(size)
    store = world.open_store(client, cost.meter, shards)
    posted = world.bodies()[:events]
    for start in range(0, len(posted) - size + 1, size):
        cost.start()
        world.take(store, posted[start : start + size], shards)
    return cost


def modelled(size: int, events: int | None = None, shards: int | None = None) -> Cost:
    """Take the units from the size model."""
    return run(MemoryClient(), size, events, shards)


def rows(single: Cost, batch: Cost, spread_over_8: Cost) -> Iterator[Measured]:
    """Set the numbers beside their targets."""
    single_requests, batch_requests, eight = (
        cost.mean(cost.requests) for cost in (single, batch, spread_over_8)
    )
    yield Measured("requests per event, API", single_requests, 2, spread(single.requests))
    yield Measured("requests per event, batch of 50, 1 shard", batch_requests, 0.2, "")
    yield Measured("requests per event, batch of 50, 8 shards", eight, 0.2, "")
    yield Measured("units per event, API", single.mean(single.units), 12, spread(single.units))
    units_per_event = [units / BATCH for units in batch.units]
    yield Measured(
        "units per event, batch of 50, 1 shard", batch.mean(batch.units), 7, spread(units_per_event)
    )
    units_per_event = [units / BATCH for units in spread_over_8.units]
    spread_units = spread_over_8.mean(spread_over_8.units)
    yield Measured(
        "units per event, batch of 50, 8 shards", spread_units, 7, spread(units_per_event)
    )


def measure(*, large: bool = False) -> list[Measured]:  # noqa: ARG001 (the same for both)
    """Measure on ministack, and check the size model against it."""
    with emulator.running(f"bench-{os.getpid()}") as running:
        client = ministack_client(running.endpoint)
        costs = []
        for size, shards in ((1, None), (BATCH, None), (BATCH, 8)):
            create_table(client, world.TABLE)
            costs.append(run(client, size, None, shards))
            client.delete_table(TableName=world.TABLE)
    model = [
        modelled(size, None, shards) for size, shards in ((1, None), (BATCH, None), (BATCH, 8))
    ]
    ratios = [
        model_cost.mean(model_cost.units) / cost.mean(cost.units)
        for model_cost, cost in zip(model, costs, strict=True)
    ]
    return [
        *rows(*costs),
        Measured("size model / ministack: greatest deviation", max(abs(r - 1) for r in ratios)),
    ]
