"""Amendments and releases: filled beside what is in force, taken over, rolled back, never mixed."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import faults
import pytest
import soak
import toy
from bench import Bench
from counted import check_sums
from doubles import Clock, MemoryClient
from faults import Crash, Faulty
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from trial.definition import study
from trial.definition.study import Study
from trial.errors import OutOfTime, Rejected, Unavailable
from trial.events.envelope import Entry
from trial.statistics import cells
from trial.statistics.cells import Share
from trial.store import Store, reading
from trial.store.backfill import OVERLAP
from trial.store.table import Table
from trial.store.writing import DefinitionSuperseded
from trial.subject.fold import Outcome, fold_all

RECORDED, REPEATED = Outcome.RECORDED, Outcome.REPEATED


def factor(defined: Study) -> int:
    """Say how a definition of the toy study counts: its title ends in a number, or it is 1."""
    return (
        int(defined.definition.title.split()[-1]) if defined.definition.title[-1].isdigit() else 1
    )


def counting(version: int) -> Callable[[Study, Any], Share]:
    """Make contributions that differ from one definition, and from one version, to the other."""

    def contribute(defined: Study, subject: Any, **_former: object) -> Share:
        share = toy.contribute(defined, subject)
        result = 10 * version + factor(defined)
        scaled = {
            row: {cell: value * result for cell, value in share[row].items()}
            for row in share
            if row != "study"
        }
        return {"study": share["study"], f"only#{result}": {subject.id: 1}, **scaled}

    return contribute


class World:
    """A toy study, processes of any release that serve it, and what was answered 201."""

    def __init__(self, client: Any, name: str = "generations", shards: int = 2) -> None:
        self.client, self.name, self.shards = client, name, shards
        self.clock = Clock()
        self.recorded: list[Entry] = []
        self.put(1)

    def failing(self, rng: random.Random, share: float, version: int) -> Store:
        """Open a store whose calls fail at random."""
        table = Table(Failing(self.client, rng, share), self.name)
        return Store(table, counting(version), self.clock, self.clock.pause, version)

    def definition(self, number: int) -> str:
        return toy.definition("S", self.shards, f"Amendment {number}")

    def store(self, version: int = 1, *faults: Any) -> Store:
        table = Table(Faulty(self.client, faults), self.name)
        return Store(table, counting(version), self.clock, self.clock.pause, version)

    def put(self, number: int, store: Store | None = None) -> str:
        source = self.definition(number)
        return (store or self.store()).put_definition(study.load(source), source)

    def record(self, store: Store, *entries: Entry) -> list[Any]:
        result = store.record(store.study("S"), toy.receipts(entries))
        pairs = list(zip(entries, result, strict=True))
        self.recorded += [entry for entry, outcome in pairs if outcome.outcome is RECORDED]
        return [item.outcome for item in result]

    def expected(self, defined: Study, version: int, recorded: list[Entry]) -> Share:
        subjects: dict[str, list[Entry]] = {}
        for entry in recorded:
            subjects.setdefault(entry.subject, []).append(entry)
        contribute = counting(version)
        return cells.total(
            contribute(defined, fold_all(name, entries)) for name, entries in subjects.items()
        )

    def check(self, *versions: int) -> None:
        """Demand that processes of these releases read exactly what was recorded."""
        for version in versions or (1,):
            store = self.store(version)
            study = store.study("S")
            result = self.expected(study, version, self.recorded)
            assert store.sums(study) == result
            assert cells.total(subject.share for subject in store.subjects(study)) == result
            assert set(map(str, check_sums(store, study).values())) <= {"{}"} or self.behind(study)
            assert store.sums(study) == result

    def behind(self, defined: Study) -> bool:
        return any(gate.get("marks") != gate.get("filled") for gate in self.gates(defined))

    def gates(self, defined: Study) -> list[Any]:
        keys = [
            {"PK": {"S": f"STUDY#S#{shard}"}, "SK": {"S": f"SUM#{defined.generation}#study"}}
            for shard in range(self.shards)
        ]
        items = [
            self.client.get_item(TableName=self.name, Key=key, ConsistentRead=True) for key in keys
        ]
        return [item.get("Item", {"marks": {"N": "1"}}) for item in items]


@pytest.fixture
def world(open_bench: Callable[..., Bench]) -> World:
    bench = open_bench()
    return World(bench.client, bench.name)


def event(i: int, result: int = 0, revision: int = 1) -> Entry:
    return toy.event("S", f"P{i % 7}", f"L{i}", revision, str(result or 3 * i))


def test_an_amendment_fills_beside_what_is_in_force_and_takes_over(world: World) -> None:
    store = world.store()
    world.record(store, *(event(i) for i in range(20)))
    assert world.put(2) == "backfilling"
    assert world.put(2) == "backfilling"
    assert world.store().study("S").definition.title == "Amendment 1"
    world.check()
    world.record(store, event(20))  # knows nothing of it yet: the fence tells
    assert store.fill("S")
    current = world.store().current("S")
    assert current is not None
    assert (current.epoch, current.backfilling) == (2, "")
    assert world.store().study("S").definition.title == "Amendment 2"
    assert not world.behind(world.store().study("S"))
    world.check()
    assert world.put(2) == "unchanged"


def test_a_writer_who_accepted_by_the_old_definition_is_told_so(world: World) -> None:
    late = world.store()
    world.record(late, event(1))
    accepted_by = late.study("S")
    world.put(2)
    world.store().fill("S")
    (item,) = late.record(accepted_by, toy.receipts([event(2)]))
    assert isinstance(item.outcome, DefinitionSuperseded)
    assert world.record(late, event(2)) == [RECORDED]
    world.check()


def test_putting_what_is_in_force_cancels_the_backfill_of_another(world: World) -> None:
    store = world.store()
    world.record(store, *(event(i) for i in range(9)))
    world.put(2)
    world.record(store, event(10))
    assert world.put(1) == "cancelled"
    assert world.put(1) == "unchanged"
    world.record(store, event(11))
    assert store.fill("S")
    assert world.store().epoch("S") == 1
    world.check()
    assert world.put(3) == "backfilling"
    assert world.put(2) == "backfilling"
    assert store.fill("S")
    assert world.store().study("S").definition.title == "Amendment 2"
    world.check()


def test_a_rollback_returns_to_sums_that_are_exact(world: World) -> None:
    store = world.store()
    world.record(store, *(event(i) for i in range(9)))
    world.put(2)
    store.fill("S")
    world.record(store, *(event(i) for i in range(5, 15)))
    assert world.put(1) == "backfilling"
    world.record(store, event(3, 77, 2))
    world.check()
    assert store.fill("S")
    current = world.store().current("S")
    assert current is not None
    assert current.epoch == 3
    assert not world.behind(world.store().study("S"))
    world.check()


def test_one_generation_costs_no_more_than_it_did(world: World) -> None:
    store = world.store()
    assert store.study("S")
    before = len(store._table._client.calls)
    world.record(store, event(1))
    assert store._table._client.calls[before:] == ["batch_get_item", "transact_write_items"]


def test_releases_side_by_side_read_exactly_what_is_recorded(world: World) -> None:
    old, new = world.store(1), world.store(2)
    world.record(old, *(event(i) for i in range(8)))
    world.check(1, 2)
    world.record(new, event(8), event(1, 99, 2))
    world.check(1, 2)
    world.record(old, event(9), event(8, 11, 2))
    world.check(1, 2)
    assert new.fill("S")
    assert not world.behind(world.store(2).study("S"))
    assert world.behind(world.store(1).study("S"))
    world.check(1, 2)
    world.record(old, event(10))
    world.check(1, 2)
    world.clock.pause(OVERLAP.total_seconds() + 1)
    assert new.fill("S")  # lets the old release's generation go
    before = world.store(2)
    assert before.study("S")
    calls = before._table._client.calls
    del calls[:]
    world.record(before, event(11))
    assert calls == ["batch_get_item", "transact_write_items"]
    world.check(1, 2)
    world.record(old, event(12))  # the deploy was rolled back
    world.check(1, 2)
    assert old.fill("S")
    assert not world.behind(world.store(1).study("S"))
    world.check(1, 2)


def test_what_is_taken_back_leaves_no_share_and_no_sum_and_can_return(world: World) -> None:
    store = world.store()
    world.record(store, *(event(i) for i in range(9)))
    first = store.study("S")
    world.put(2)
    store.fill("S")
    assert store.drop_generations("S", world.clock() - timedelta(days=1)) == []
    world.clock.pause(10)
    assert store.drop_generations("S", world.clock()) == [first.generation]
    world.check()
    assert check_sums(store, first) == {0: {}, 1: {}}
    gates = world.gates(first)
    assert {gate[".accepted"]["N"] for gate in gates if ".accepted" in gate} <= {"0"}
    world.record(store, event(20), event(2, 5, 2))
    world.put(1)
    store.fill("S")
    world.check()
    assert not world.behind(world.store().study("S"))


def test_a_shard_that_is_dropped_is_not_read_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time ends behind the first shard: the next call goes on with the second."""
    store = world.store()
    world.record(store, *(event(i) for i in range(9)))
    first = store.study("S")
    world.put(2)
    store.fill("S")
    world.clock.pause(10)
    read: list[int] = []
    rows = reading.subject_rows

    def one_shard(table: Table, name: str, shard: int, *rest: Any) -> Iterator[Any]:
        if len(read) == 1:
            raise OutOfTime
        read.append(shard)
        return rows(table, name, shard, *rest)

    monkeypatch.setattr(reading, "subject_rows", one_shard)
    with pytest.raises(OutOfTime):
        store.drop_generations("S", world.clock())
    read.clear()
    assert store.drop_generations("S", world.clock()) == [first.generation]
    assert read == [1]
    monkeypatch.undo()
    world.check()
    world.record(store, event(20), event(2, 5, 2))
    world.put(1)
    store.fill("S")
    world.check()
    assert not world.behind(world.store().study("S"))


def test_what_does_not_fit_with_both_generations_counts_in_force_and_marks_the_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = world.store()
    world.record(store, event(1))
    world.put(2)
    world.record(store, event(2))
    monkeypatch.setattr("trial.store.subject_update.TRANSACTION_ACTIONS", 9)
    assert world.record(store, event(3)) == [RECORDED]
    world.check()
    monkeypatch.undo()
    assert store.fill("S")
    world.check()


def test_a_writer_who_read_before_a_share_was_filled_reads_again(world: World) -> None:
    old, new = world.store(1), world.store(2)
    world.record(old, event(1), event(8))
    world.record(new, event(2))

    def fill() -> None:
        assert world.store(2).fill("S")

    late = world.store(2, faults.meanwhile(fill))
    assert world.record(late, event(15)) == [RECORDED]
    world.check(1, 2)


@pytest.mark.parametrize("when", range(8))
def test_a_mark_set_while_a_shard_is_filled_keeps_it_behind(world: World, when: int) -> None:
    old = world.store(1)
    world.record(old, *(event(i) for i in range(7)))

    def write() -> None:
        world.record(old, *(event(i, 50 + i, 2) for i in range(7)))

    new = world.store(2, *[None] * when, faults.meanwhile(write))
    new.fill("S")
    world.check(1, 2)
    assert new.fill("S")
    world.check(1, 2)


def test_a_fill_that_lost_its_answer_counts_once(world: World) -> None:
    store = world.store()
    world.record(store, *(event(i) for i in range(9)))
    world.put(2)
    faulty = world.store(1, *[faults.lost_answer] * 3, faults.in_progress, faults.refuse())
    with suppress(Unavailable):
        faulty.fill("S")
    assert world.store().fill("S")
    world.check()


def test_too_many_generations_at_once_are_refused_until_some_are_filled() -> None:
    world = World(MemoryClient(), shards=24)
    world.record(world.store(1), *(event(i) for i in range(30)))
    world.put(2)
    world.record(world.store(2), event(40))
    with pytest.raises(Rejected) as caught:
        world.put(3, world.store(3))
    assert caught.value.status == 409
    assert world.record(world.store(3), event(41)) == [RECORDED]  # it marks what it cannot count
    world.check(1, 2, 3)
    with pytest.raises((Rejected, Unavailable)):
        world.store(3).fill("S")
    assert world.store(2).fill("S")
    assert world.store(3).fill("S")
    world.check(1, 2, 3)


class Failing:
    """A client that fails at random: before or after the call, passing or for good."""

    def __init__(self, client: Any, rng: random.Random, share: float) -> None:
        self._client, self._rng, self._share = client, rng, share

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            result = lambda: getattr(self._client, name)(**request)  # noqa: E731
            if self._rng.random() >= self._share:
                return result()
            kinds = [faults.lost_answer, faults.lost_request, faults.crash_before]
            if name.startswith("transact_write"):
                kinds += [faults.crash_after, faults.in_progress, faults.refuse()]
            return self._rng.choice(kinds)(result)

        return call


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("record"), st.integers(0, 2), st.integers(0, 14), st.integers(1, 3)),
        st.tuples(st.just("put"), st.integers(1, 3)),
        st.tuples(st.just("fill"), st.integers(1, 2), st.integers(0, 1 << 16)),
        st.tuples(st.just("take back"), st.integers(1, 2)),
        st.tuples(st.just("wait"), st.sampled_from([5, 40, 2_000])),
    ),
    max_size=25,
)


HISTORIES = soak.size(200, 20_000)
SEED = soak.seed(f"{HISTORIES:,} histories of amendments and releases")


@seed(SEED)
@settings(
    max_examples=HISTORIES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
@given(STEPS)
def test_whatever_happens_readers_of_every_release_see_what_is_recorded(steps: list[Any]) -> None:
    world = World(MemoryClient(page=2))
    stores = [world.store(1), world.store(2), world.store(1)]
    readers = [world.store(1), world.store(2)]
    result: set[tuple[int, int]] = set()
    for step in steps:
        match step:
            case "record", writer, i, revision:
                (outcome,) = world.record(stores[writer], event(i, 7 * i + revision, revision))
                if isinstance(outcome, DefinitionSuperseded):
                    (outcome,) = world.record(stores[writer], event(i, 7 * i + revision, revision))
                assert outcome is (REPEATED if (i, revision) in result else RECORDED)
                result.add((i, revision))
            case "put", number:
                world.put(number, stores[0])
            case "fill", version, seed:
                rng = random.Random(seed)  # noqa: S311
                with suppress(Crash, Unavailable, Rejected):
                    world.failing(rng, 0.1, version).fill("S")
            case "take back", version:
                with suppress(Rejected):
                    world.store(version).drop_generations("S", world.clock())
            case "wait", seconds:
                world.clock.pause(seconds)
        for version, reader in enumerate(readers, 1):
            study = reader.study("S")
            assert reader.sums(study) == world.expected(study, version, world.recorded)
    world.check(1, 2)
    for version in (1, 2):
        assert world.store(version).fill("S")
        assert not world.behind(world.store(version).study("S"))
        world.check(1, 2)
    world.check(1, 2)


class Crowd:
    """Writers of two releases who post while amendments are put, filled and rolled back.

    Readers must find, all the while, one state between what was recorded when they began and
    what was sent when they ended, and no mixture of definitions.
    """

    def __init__(self, world: World, seed: int, events: int, fills: int) -> None:
        self.world, self.seed, self.events, self.fills = world, seed, events, fills
        self.lock, self.over = threading.Lock(), threading.Event()
        self.sent = 0

    def run(self, writers: int) -> None:
        with ThreadPoolExecutor(writers + 4) as pool:
            reading = [pool.submit(self.read, version) for version in (1, 2)]
            amending = pool.submit(self.amend)
            writing = [pool.submit(self.write, worker) for worker in range(writers)]
            try:
                for item in [*writing, amending]:
                    item.result(900)
            finally:
                self.over.set()
            assert sum(value.result(60) for value in reading) > 2
        self.world.check(1, 2)
        for version in (1, 2):
            while not self.world.store(version).fill("S"):
                pass
            self.world.check(1, 2)

    def write(self, worker: int) -> None:
        rng = random.Random(self.seed * 100 + worker)  # noqa: S311
        store = self.world.store(2 if worker % 3 == 2 else 1)
        for i in range(self.events):
            result = str(rng.randrange(500))
            entry = toy.event("S", f"P{rng.randrange(9)}", f"w{worker}-{i}", result=result)
            with self.lock:
                self.sent += 1
            while True:
                (item,) = store.record(store.study("S"), toy.receipts([entry]))
                if item.outcome is RECORDED:
                    break
                assert isinstance(item.outcome, Unavailable), item
            with self.lock:
                self.world.recorded.append(entry)

    def read(self, version: int) -> int:
        store, n_reads = self.world.store(version), 0
        while not self.over.is_set():
            store.invalidate("S")
            study = store.study("S")
            with self.lock:
                least = len(self.world.recorded)
            sums = store.sums(study)
            with self.lock:
                result = self.sent
            n_reads += 1
            self.one_state(sums, 10 * version + factor(study), least, result)
        return n_reads

    def one_state(self, sums: Share, factor_: int, least: int, highest: int) -> None:
        """Demand that sums are of one definition and version, and that they agree."""
        accepted = sums.get("study", {}).get("accepted", 0)
        assert least <= accepted <= highest
        if not accepted:
            return
        assert {row for row in sums if row.startswith("only")} == {f"only#{factor_}"}
        assert sums["results#0"]["0.n"] == factor_ * accepted
        assert sums["kinds#0"] == {"kind=lab.result.reported": factor_ * accepted}
        tally = [sums[row] for row in sums if "#tally#" in row]
        assert sum(sum(row.values()) for row in tally) == factor_ * accepted
        weighed = sum(int(value) * n for row in tally for value, n in row.items())
        assert sums["results#0"].get("0.s", 0) == weighed

    def amend(self) -> None:
        rng = random.Random(self.seed)  # noqa: S311
        for i in range(self.fills):
            version = 1 + i % 2
            with suppress(Unavailable, Rejected):
                self.world.put(rng.randrange(1, 4), self.world.store(version))
            with suppress(Crash, Unavailable, Rejected):
                self.world.failing(rng, 0.02, version).fill("S")


@pytest.mark.parametrize("number", range(6))
def test_readers_see_every_event_answered_before_they_began_and_no_mixture(number: int) -> None:
    Crowd(World(MemoryClient(page=3)), SEED + number, events=25, fills=12).run(writers=6)


def test_sixteen_writers_of_two_releases_and_amendments_all_the_while_leave_no_mixture() -> None:
    events, fills = (100, 100) if soak.LONG else (6, 12)
    Crowd(World(MemoryClient()), SEED, events, fills).run(writers=16)


def test_the_same_before_a_real_table(world: World) -> None:
    Crowd(world, 1, events=3, fills=4).run(writers=16)
