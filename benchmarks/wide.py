"""What a wide definition costs: the pilot, blinded, with a laboratory table by arm and in total.

Of a subject with 31 analytes at 11 visits, 344 events; each event, batches of 50, and another arm
at the end, which changes every cell. In memory, by the size model that `requests` checks.
"""

import wide
from doubles import Clock, MemoryClient

from benchmarks.requests import BATCH, Cost
from benchmarks.rows import Measured, spread
from benchmarks.world import receipts
from trial.events.envelope import Entry
from trial.store import Store
from trial.store.table import Table
from trial.tables.compiled import contribute

SUBJECT, ARM, OTHER_ARM = "01-701-1015", "placebo", "xanomeline-low"


def run(size: int) -> tuple[Cost, Cost]:
    """Post the feed in groups of a size, then the other arm; give what each took."""
    study, clock, cost, move = wide.pilot(), Clock(), Cost(size), Cost(1)
    table = Table(MemoryClient(), "wide", cost.meter)
    store = Store(table, contribute, clock, clock.pause)
    store.put_definition(study, study.source)

    def post(entries: list[Entry], meter: Cost) -> None:
        table.meter = meter.meter
        meter.start()
        store.record(study, receipts(entries))

    feed = list(wide.feed(study, SUBJECT, wide.PILOT_ANALYTES, len(wide.PILOT_VISITS), ARM))
    for start in range(0, len(feed) - size + 1, size):
        post(feed[start : start + size], cost)
    post([wide.moved(study, SUBJECT, OTHER_ARM)], move)
    return cost, move


def measure(*, large: bool = False) -> list[Measured]:  # noqa: ARG001 (the same for both)
    """Measure event by event and in batches."""
    (single, move), (batch, _) = run(1), run(BATCH)
    return [
        Measured("wide, requests per event, API", single.mean(single.requests)),
        Measured(
            "wide, units per event, API", single.mean(single.units), None, spread(single.units)
        ),
        Measured("wide, requests per event, batch of 50", batch.mean(batch.requests)),
        Measured("wide, units per event, batch of 50", batch.mean(batch.units)),
        Measured("wide, requests of another arm", move.mean(move.requests)),
        Measured("wide, units of another arm", move.mean(move.units)),
    ]
