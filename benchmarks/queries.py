"""What a GET costs at 4,000 and 400,000 subjects: requests once, units 1.5, CPU twice that at 40.

The sums are those of TMB-301's definition in 8 shards, seeded as `study_size` does. Units are
by the double's size model, CPU is the client's, which reads over HTTP: reading, computing, JSON.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from doubles import MemoryClient

from benchmarks import population, world
from benchmarks.rows import Measured
from trial.render import consort, tables_json
from trial.reporting import report
from trial.statistics.cells import Cells, Share
from trial.store import Store

SHARDS = 8
SIZES = (40, 4_000, 400_000)
COUNTS, MEDIANS = "14.2.1", "14.2.4"
"""A table of counts, and one of medians, which are read out of tallies."""
_REPEATS = 3
_TARGETS = {"requests": 1.0, "units": 1.5, "CPU": 2.0}

type _Cost = dict[str, float]


def _queries() -> Mapping[str, Callable[[Share], Any]]:
    study = world.study(SHARDS)

    def flow(sums: Share) -> Any:  # noqa: ANN401
        return consort.flow_json(report.flow(study, sums), report.live_cut(study, sums))

    def summary(sums: Share) -> Any:  # noqa: ANN401
        return tables_json.summary(
            report.live_cut(study, sums),
            report.summary(study, sums),
            report.discrepancies(study, sums, {}),
            report.flow(study, sums).discrepancies,
        )

    def table(name: str) -> Callable[[Share], Any]:
        return lambda sums: tables_json.tables(
            report.live_cut(study, sums), report.tables(study, sums, {name})
        )

    return {
        "consort": flow,
        "summary": summary,
        "a table of counts": table(COUNTS),
        "a table of medians": table(MEDIANS),
    }


def _counted(client: Any, reader: Callable[[Share], Any]) -> _Cost:  # noqa: ANN401
    """Tell the requests and units of a query."""
    calls: list[tuple[str, float]] = []
    store = world.open_store(client, lambda *call: calls.append(call), SHARDS)
    store.study(world.study(SHARDS).id)
    calls.clear()
    store.read_sums(world.study(SHARDS), reader)
    return {"requests": len(calls), "units": sum(units for _, units in calls)}


def _cpu(store: Store, reader: Callable[[Share], Any]) -> float:
    """Tell the milliseconds of CPU of a query: the least of some."""
    milliseconds = []
    for _ in range(_REPEATS):
        began = time.process_time()
        store.read_sums(world.study(SHARDS), reader)
        milliseconds.append(1_000 * (time.process_time() - began))
    return min(milliseconds)


def run(sums: Mapping[population.Row, Cells]) -> dict[str, _Cost]:
    """Make each query of a study that has these sums; tell what it costs."""
    memory = MemoryClient()
    world.open_store(memory, None, SHARDS)
    population.seed(memory, SHARDS, sums)
    costs = {name: _counted(memory, reader) for name, reader in _queries().items()}
    with world.server(memory) as endpoint:
        store = world.store(world.client(endpoint))
        for name, reader in _queries().items():
            costs[name]["CPU"] = _cpu(store, reader)
    return costs


def measure(*, large: bool = False) -> list[Measured]:
    """Compare the larger studies with the smallest."""
    rows, first = [], dict[str, _Cost]()
    for subjects in SIZES if large else SIZES[:-1]:
        for name, cost in run(population.sums(subjects, SHARDS)).items():
            detail = f"{cost['requests']:g} requests, {cost['units']:g} units, {cost['CPU']:.1f} ms"
            before = first.setdefault(name, cost)
            rows += [
                Measured(
                    f"{kind} / at 40, {subjects:,} subjects, GET {name}",
                    cost[kind] / before[kind],
                    target,
                    detail,
                )
                for kind, target in _TARGETS.items()
                if cost is not before
            ]
    return rows
