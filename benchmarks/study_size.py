"""Units of the same 1,000 events against stores of 40, 4,000 and 400,000 subjects: within 10 %.

The sums are those that `population` makes, so that tallies are as wide as in life; 8 shards. A
write costs its journal row, its subject's row and the rows of sums it adds to, by their size; it
reads the subject's row. So of the seeded study only the rows of sums that the 1,000 events add to
are put in, whole; `_added_to` fails if an event reads any other. The events' own subjects live
through the feed's first half before; a new process takes the 1,000. It reads once a shard which
rows of sums others have noted as full, here all that are. Units by the double's size model
(`requests` compares it with ministack); `--large` takes 400,000 subjects.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import cache
from itertools import batched
from typing import Any

from doubles import MemoryClient

from benchmarks import population, world
from benchmarks.requests import BATCH, Cost
from benchmarks.rows import Measured, spread
from trial.statistics.cells import Cells
from trial.store import keys

EVENTS = 1_000
SHARDS = 8
WITHIN = 1.1
SIZES = (40, 4_000, 400_000)


class _Adding(MemoryClient):
    """Notes what transactions add to, and lets nothing read sums."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: set[population.Row] = set()

    def get_item(self, TableName: str, Key: Any, **options: Any) -> Any:  # noqa: N803, ANN401
        assert not Key["SK"]["S"].startswith(keys.SUM)
        return super().get_item(TableName, Key, **options)

    def query(self, TableName: str, **options: Any) -> Any:  # noqa: N803, ANN401
        start = options["ExpressionAttributeValues"][":start"]["S"]
        assert not start.startswith(keys.SUM)  # who may post is asked for, once a minute
        return super().query(TableName, **options)

    def transact_write_items(self, TransactItems: list[Any], **options: Any) -> Any:  # noqa: N803, ANN401
        updated = [action["Update"]["Key"] for action in TransactItems if "Update" in action]
        self.rows |= {_row(key) for key in updated if key["SK"]["S"].startswith(keys.SUM)}
        return super().transact_write_items(TransactItems, **options)


def _row(key: dict[str, Any]) -> population.Row:
    shard, row = key["PK"]["S"].rpartition("#")[2], key["SK"]["S"].removeprefix(keys.SUM)
    return int(shard), row.partition("#")[2]


@cache
def _added_to() -> AbstractSet[population.Row]:
    """Name the rows of sums that the events add to: which ones, the study's size cannot say."""
    client = _Adding()
    store = world.open_store(client, None, SHARDS)
    world.take(store, world.bodies()[:-EVENTS], SHARDS)
    client.rows.clear()
    for body in world.bodies()[-EVENTS:]:
        world.take(store, [body], SHARDS)
    return client.rows


def run(client: Any, sums: Mapping[population.Row, Cells], size: int) -> Cost:  # noqa: ANN401
    """Post the events in groups of a size to a store that holds these sums."""
    cost = Cost(size)
    world.take(world.open_store(client, None, SHARDS), world.bodies()[:-EVENTS], SHARDS)
    population.seed(client, SHARDS, sums)
    store = world.store(client, cost.meter)
    for posted in batched(world.bodies()[-EVENTS:], size, strict=True):
        cost.start()
        world.take(store, posted, SHARDS)
    return cost


def measure(*, large: bool = False) -> list[Measured]:
    """Compare the larger stores with the smallest."""
    rows, first = list[Measured](), dict[str, tuple[float, float]]()
    for subjects in SIZES if large else SIZES[:-1]:
        sums = {
            row: of_row
            for row, of_row in population.sums(subjects, SHARDS).items()
            if row in _added_to()
        }
        for name, size in (("API", 1), ("batch of 50", BATCH)):
            cost = run(MemoryClient(), sums, size)
            units, calls = cost.mean(cost.units), cost.mean(cost.requests)
            detail = spread(cost.units) if size == 1 else ""
            title = f"{subjects:,} subjects, {name}"
            rows.append(Measured(f"units per event, {title}", units, None, detail))
            detail = f"requests {calls:.3g}, {sum(map(len, sums.values())):,} cells seeded"
            before = first.setdefault(name, (units, calls))
            if subjects > SIZES[0]:
                ratio = max(units / before[0], calls / before[1])
                rows.append(Measured(f"units or requests / at 40, {title}", ratio, WITHIN, detail))
    return rows
