"""Units of the same 1,000 events against stores of 40, 4,000 and 400,000 subjects: within 10 %.

The sums are seeded by the core from subjects with jittered dates and values, so that tallies are
as wide as in life; 8 shards. The units are those of the double's size model, which `requests`
compares with ministack's. 400,000 subjects take some minutes: `make bench-large`.
"""

from doubles import MemoryClient

from benchmarks import population, world
from benchmarks.requests import BATCH, Cost
from benchmarks.rows import Measured, spread

EVENTS = 1_000
SHARDS = 8


def run(subjects: int) -> tuple[Cost, Cost]:
    """Post 1,000 events, one by one and in batches, to a store with so many subjects."""
    items = list(population.sum_items(subjects, SHARDS))
    costs = []
    for size in (1, BATCH):
        client, cost = MemoryClient(), Cost(size)
        store = world.open_store(client, cost.meter, SHARDS)
        for item in items:
            client.put_item(world.TABLE, item)
        for start in range(0, EVENTS, size):
            cost.start()
            world.take(store, world.bodies()[start : start + size], SHARDS)
        costs.append(cost)
    return costs[0], costs[1]


def measure(*, large: bool = False) -> list[Measured]:
    """Compare the larger stores with the smallest."""
    rows, first = [], {}
    for subjects in (40, 4_000, *([400_000] if large else [])):
        for name, cost in zip(("API", "batch of 50"), run(subjects), strict=True):
            units = cost.mean(cost.units)
            detail = spread(cost.units) if cost.size == 1 else ""
            rows.append(
                Measured(f"units per event, {subjects:,} subjects, {name}", units, None, detail)
            )
            if subjects == 40:  # noqa: PLR2004 (the smallest)
                first[name] = units
            else:
                ratio = units / first[name]
                rows.append(Measured(f"{subjects:,} subjects / 40, {name}", ratio, 1.1))
    return rows
