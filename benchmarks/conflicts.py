"""Conflicts per committed event under AWS's rule: 0.1 at most, none lost, none doubled.

A client in memory refuses a transaction that overlaps one in flight, as DynamoDB does and the
emulator never. 16 writers post single events of 400 subjects, each subject's in order, over 8
shards, after pauses as chance has them. What decides is how many transactions are in flight at a
time, on the mean: `LOAD` (40 events a second of 10 ms each). The flights are slept, and slept
long, so that a busy machine adds little to them; run it on a quiet one all the same.
"""

import random
import threading
import time
from dataclasses import dataclass, replace
from typing import Any

from counted import check_sums
from doubles import MemoryClient, cancelled

from benchmarks import population, world
from benchmarks.rows import Measured
from trial.definition.study import Study
from trial.errors import Rejected, Unavailable
from trial.events.envelope import Entry
from trial.statistics import cells
from trial.store import Receipt, Store
from trial.store.table import Table
from trial.subject.fold import Outcome, fold_all
from trial.tables.compiled import contribute

WRITERS, SUBJECTS, SHARDS = 16, 400, 8
FLIGHT = 0.02
LOAD = 0.4
_WITHOUT_PAUSE = 1e6


class Overlapping(MemoryClient):
    """Holds every item of a transaction for as long as it is in flight."""

    def __init__(self) -> None:
        """Start with nothing in flight."""
        super().__init__()
        self.conflicts = 0
        self.flown = 0.0
        """Seconds that transactions were in flight, one with another."""
        self._flying: set[tuple[str, str]] = set()
        self._guard = threading.Lock()

    def transact_write_items(self, TransactItems: list[Any], **options: Any) -> Any:  # noqa: N803, ANN401
        """Refuse what overlaps; apply the rest at the end of their flight."""
        keys = [_key(request) for action in TransactItems for request in action.values()]
        with self._guard:
            if any(key in self._flying for key in keys):
                self.conflicts += 1
                codes = ["TransactionConflict" if key in self._flying else "None" for key in keys]
                raise cancelled(*codes)
            self._flying.update(keys)
        took_off = time.monotonic()
        try:
            time.sleep(FLIGHT)
            return super().transact_write_items(TransactItems, **options)
        finally:
            with self._guard:
                self.flown += time.monotonic() - took_off
                self._flying.difference_update(keys)


def _key(operation: dict[str, Any]) -> tuple[str, str]:
    item_key = operation.get("Key") or operation["Item"]
    return item_key["PK"]["S"], item_key["SK"]["S"]


def _events(count: int) -> list[list[Entry]]:
    """Deal the subjects out to the writers; each subject's events stay in order."""
    by_model: dict[str, list[Entry]] = {model.id: [] for model in population.models()}
    for entry in world.entries():
        by_model[entry.subject].append(entry)
    models = list(by_model.values())
    dealt: list[list[Entry]] = [[] for _ in range(WRITERS)]
    per_subject = count // SUBJECTS
    for place in range(per_subject):
        for number in range(SUBJECTS):
            events = models[number % len(models)]
            entry = events[(place + number) % len(events)]
            dealt[number % WRITERS].append(replace(entry, subject=f"S{number:03}"))
    return dealt


@dataclass(frozen=True)
class Run:
    """What came of posting; `resent` counts answers that the service is busy (503)."""

    conflicts: int
    recorded: int
    resent: int
    in_flight: float
    right: bool


def run(events: int, load: float) -> Run:
    """Post so that about so many transactions are in flight; see whether all of it adds up."""
    client = Overlapping()
    world.open_store(client, None, SHARDS)
    recorded: list[bool] = []
    resent: list[Entry] = []

    def write(writer: int, entries: list[Entry]) -> None:
        chance = random.Random(writer)  # noqa: S311 (no secret)
        store = Store(Table(client, world.TABLE), contribute, _now)
        study = world.study(SHARDS)
        for entry in entries:
            time.sleep(chance.expovariate(load / FLIGHT / WRITERS))
            while isinstance(outcome := _outcome(store, study, entry), Unavailable):
                resent.append(entry)
            recorded.append(outcome is Outcome.RECORDED)

    dealt = _events(events)
    writers = [threading.Thread(target=write, args=pair) for pair in enumerate(dealt)]
    began = time.monotonic()
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    in_flight = client.flown / (time.monotonic() - began)
    right = _adds_up(client, [entry for dealt_entries in dealt for entry in dealt_entries])
    return Run(client.conflicts, sum(recorded), len(resent), in_flight, right)


def _outcome(store: Store, study: Study, entry: Entry) -> Outcome | Rejected | Unavailable:
    (result,) = store.record(study, [Receipt(entry, world.SENDER)])
    return result.outcome


def _now() -> Any:  # noqa: ANN401
    import wiring  # noqa: PLC0415

    return wiring.now()


def _adds_up(client: Overlapping, entries: list[Entry]) -> bool:
    """Say whether what is stored is what gathering the events anew gives."""
    by_subject: dict[str, list[Entry]] = {}
    for entry in entries:
        by_subject.setdefault(entry.subject, []).append(entry)
    study = world.study(SHARDS)
    store = Store(Table(client, world.TABLE), contribute, _now)
    stored = {subject.id: subject.subject.digests for subject in store.subjects(study)}
    anew = {name: fold_all(name, history).digests for name, history in by_subject.items()}
    digests_stored = {
        name: {key: dict(record_digests) for key, record_digests in subject_digests.items()}
        for name, subject_digests in stored.items()
    }
    shares = cells.total(
        contribute(study, fold_all(name, history)) for name, history in by_subject.items()
    )
    return (
        digests_stored == anew
        and store.sums(study) == shares
        and check_sums(store, study) == {number: {} for number in range(SHARDS)}
    )


def measure(*, large: bool = False) -> list[Measured]:
    """Count the conflicts at the load of the target; in the long run also without any pause."""
    rows = []
    for load in (LOAD, 2 * LOAD, _WITHOUT_PAUSE) if large else (LOAD,):
        load_run = run(4_000 if large else 400, load)
        pauses = "no pauses" if load == _WITHOUT_PAUSE else f"load {load:g}"
        detail = (
            f"{load_run.in_flight:.2f} in flight, {load_run.recorded:,} recorded,"
            f" {load_run.resent} resent"
        )
        target = 0.1 if load == LOAD else None
        name = f"conflicts per event, 16 writers, {pauses}"
        rows.append(Measured(name, load_run.conflicts / load_run.recorded, target, detail))
        rows.append(
            Measured("lost or doubled (0: recounted from the events)", int(not load_run.right), 0)
        )
    return rows
