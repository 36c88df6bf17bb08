"""Changes wider than a transaction: moved in parts, and exact whatever comes between two of them.

Transactions are made narrow here, so that most changes of a small share need several.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import blinded
import faults
import pytest
import soak
import toy
from counted import check_sums
from doubles import Clock, MemoryClient
from faults import Crash, Faulty
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from test_blinded_sums import Kept, exact

from trial.commands import auditing
from trial.definition import study
from trial.definition.study import Study
from trial.errors import Rejected, Unavailable
from trial.events.envelope import Entry
from trial.reporting import report
from trial.statistics import cells
from trial.statistics.cells import Share
from trial.store import Store, keys, paging, reading
from trial.store.paging import PARTIAL_MARKED
from trial.store.table import Table
from trial.store.writing import DefinitionSuperseded
from trial.subject.fold import Outcome, fold_all
from trial.tables import compiled

RECORDED = Outcome.RECORDED
WIDTH = 12
ACTIONS = 7
SHARDS = 2


@contextmanager
def narrow(actions: int = ACTIONS) -> Iterator[None]:
    """Make transactions hold so few actions."""
    with (
        patch("trial.store.subject_update.TRANSACTION_ACTIONS", actions),
        patch("trial.store.backfill.TRANSACTION_ACTIONS", actions),
    ):
        yield


def wide(version: int) -> Callable[[Study, Any], Share]:
    """Make contributions of many rows that all change with every result.

    They differ from one definition, and from one version, to the other.
    """

    def contribute(defined: Study, subject: Any, **_former: object) -> Share:
        share = toy.contribute(defined, subject)
        title = defined.definition.title
        factor = 10 * version + (int(title[-1]) if title[-1].isdigit() else 1)
        results = sorted(
            record.data["result"]
            for record in subject.records.values()
            if not record.void and "result" in record.data
        )
        for row in range(WIDTH):
            share[f"wide#{row}"] = {f"{factor}={','.join(results)}": 1, "n": factor + row}
        return share

    return contribute


@dataclass
class World:
    """A study, processes of any release that serve it, and every event that was ever sent."""

    client: MemoryClient = field(default_factory=lambda: MemoryClient(page=3))
    clock: Clock = field(default_factory=Clock)
    sent_entries: dict[tuple[str, str], Entry] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.put(1, 1)

    def store(self, version: int = 1, client: Any = None) -> Store:
        table = Table(client or self.client, "t")
        return Store(table, wide(version), self.clock, self.clock.pause, version)

    def put(self, number: int, version: int) -> str:
        source = toy.definition("S", SHARDS, f"Amendment {number}")
        return self.store(version).put_definition(study.load(source), source)

    def record(self, store: Store, *entries: Entry) -> list[Any]:
        for entry in entries:
            _, revision = keys.journal_row(entry)
            self.sent_entries[entry.subject, revision] = entry
        results = store.record(store.study("S"), toy.receipts(entries))
        return [result.outcome for result in results]

    @property
    def journalled(self) -> dict[str, list[Entry]]:
        """The entries that are in the journal, by subject."""
        by_subject: dict[str, list[Entry]] = {}
        for partition, revision in self.client.tables["t"]:
            if "#JOURNAL#" in partition:
                subject = partition.rpartition("#")[2]
                by_subject.setdefault(subject, []).append(self.sent_entries[subject, revision])
        return by_subject

    def expected(self, defined: Study, version: int) -> Share:
        shares = (
            wide(version)(defined, fold_all(name, entries))
            for name, entries in self.journalled.items()
        )
        return cells.total(shares)

    def check(self) -> None:
        """Demand that every release reads what is journalled, and that sums count the shares."""
        for version in (1, 2):
            store = self.store(version)
            defined = store.study("S")
            assert store.sums(defined) == self.expected(defined, version)
        current = self.store().current("S")
        assert current is not None
        for generation in current.live.values():
            store = self.store(generation.version)
            study_ = store.defined("S", generation.digest)
            assert check_sums(store, study_) == {shard: {} for shard in range(SHARDS)}
            for shard in range(SHARDS):
                self.check_header(store, study_, shard)

    def check_header(self, store: Store, defined: Study, shard: int) -> None:
        """Demand that a header which is not stale has current shares alone behind it."""
        header = reading.header(store._table, defined, shard)
        assert header is not None
        rows = list(paging.scan_rows(store._table, keys.shard_partition("S", shard)))
        versions = [row.counted_share(defined.generation).version for row in rows]
        unreconciled = header.stale_marks - header.reconciled_marks
        assert unreconciled >= versions.count(PARTIAL_MARKED)
        if not unreconciled:
            assert versions == [row.version for row in rows]

    def partial(self) -> int:
        """Count the shares of live generations that are partial."""
        current = self.store().current("S")
        assert current is not None
        rows = [
            row
            for shard in range(SHARDS)
            for row in paging.scan_rows(self.store()._table, keys.shard_partition("S", shard))
        ]
        return sum(row.is_partial(name) for row in rows for name in current.live)


class Watched:
    """A client that lets something happen before each call, and ends the process at one."""

    def __init__(
        self, client: Any, before: Callable[[int], None], ends_at: int = 1 << 30, *, late: bool
    ) -> None:
        self._client, self._before, self._ends_at, self._late = client, before, ends_at, late
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            self.calls += 1
            if self.calls > self._ends_at + 1:
                raise Crash
            self._before(self.calls)
            if self.calls == self._ends_at + 1 and not self._late:
                raise Crash
            answer = getattr(self._client, name)(**request)
            if self.calls == self._ends_at + 1:
                raise Crash
            return answer

        return call


@pytest.fixture(autouse=True)
def _narrow() -> Iterator[None]:
    with narrow():
        yield


@pytest.fixture
def world() -> World:
    return World()


def event(i: int, result: int = 0, revision: int = 1) -> Entry:
    return toy.event("S", f"P{i % 3}", f"L{i}", revision, str(result or 3 * i))


def killed(world: World, version: int, ends_at: int, *, late: bool = False) -> Store:
    """Open a store whose process ends at a call, before or after it is made."""
    client = Watched(world.client, lambda _call: world.check(), ends_at, late=late)
    return world.store(version, client)


def interrupted(world: World, *entries: Entry) -> None:
    """Record entries, and end after the first transaction."""
    store = world.store(1, Faulty(world.client, [faults.crash_after]))
    with pytest.raises(Crash):
        world.record(store, *entries)
    assert world.partial() == 1
    world.check()


class TestOneChange:
    def test_it_moves_in_transactions_that_each_hold_what_fits(self, world: World) -> None:
        sizes: list[int] = []
        transact = world.client.transact_write_items

        def noted(**request: Any) -> Any:
            sizes.append(len(request["TransactItems"]))
            world.check()
            return transact(**request)

        world.client.transact_write_items = noted  # type: ignore[method-assign]
        assert world.record(world.store(), event(1)) == [RECORDED]
        # 3 rows of the toy and 12 wide ones, beside the header, the subject and its journal row.
        assert sizes == [7, 7, 7, 3]
        assert not is_stale(world, world.store())
        assert world.partial() == 0
        world.check()

    def test_what_fits_makes_the_calls_it_made(self, world: World) -> None:
        calls = Faulty(world.client)
        store = world.store(1, calls)
        with narrow(100):
            world.record(store, event(1))
            del calls.calls[:]
            world.record(store, event(4))
        assert calls.calls == ["get_item", "transact_write_items"]

    def test_a_call_that_took_too_long_leaves_the_rest(self, world: World) -> None:
        def slow(call: Any) -> Any:
            world.clock.pause(60)
            return call()

        store = world.store(1, Faulty(world.client, [slow]))
        assert world.record(store, event(1)) == [RECORDED]
        assert world.partial() == 1
        world.check()
        assert world.store().fill("S")
        assert world.partial() == 0

    def test_a_row_of_very_many_cells_moves_in_parts_too(self, world: World) -> None:
        cells_of = {f"0={number}": 1 for number in range(2_000)}

        def long_row(defined: Study, subject: Any, **_former: object) -> Share:
            return toy.contribute(defined, subject) | {"long#0": cells_of, "study": cells_of}

        store = Store(Table(world.client, "t"), long_row, world.clock, world.clock.pause, 1)
        with narrow(4):
            assert world.record(store, event(1)) == [RECORDED]
        defined = store.study("S")
        assert set(map(str, check_sums(store, defined).values())) == {"{}"}
        assert store.sums(defined)["long#0"] == cells_of
        assert store.sums(defined)["study"] == cells_of
        assert world.partial() == 0


class TestInterrupted:
    @pytest.mark.parametrize("late", [False, True])
    @pytest.mark.parametrize("ends_at", range(1, 9))
    def test_after_any_call_it_is_exact_and_fill_completes_it(
        self,
        world: World,
        ends_at: int,
        late: bool,  # noqa: FBT001
    ) -> None:
        world.record(world.store(), event(1))
        store = killed(world, 1, ends_at, late=late)
        with suppress(Crash):
            world.record(store, event(1, 99, 2))
        world.check()
        assert world.store().fill("S")
        assert world.partial() == 0
        assert not is_stale(world, world.store())
        world.check()

    @pytest.mark.parametrize("following", [event(1), event(4), event(1, 50, 2)])
    def test_the_next_call_with_an_event_of_the_subject_completes_it(
        self, world: World, following: Entry
    ) -> None:
        interrupted(world, event(1))
        world.record(world.store(), following)
        assert world.partial() == 0
        assert not is_stale(world, world.store())
        world.check()

    def test_audit_completes_it_and_finds_no_difference(self, world: World) -> None:
        interrupted(world, event(1))
        audited = auditing.audit(world.store(), "S")
        assert (audited.complete, audited.differences) == (True, ())
        assert world.partial() == 0
        world.check()

    def test_a_conflict_of_the_rest_takes_nothing_back(self, world: World) -> None:
        met = [None, *[faults.refuse("TransactionConflict")] * 3, faults.lost_answer]
        assert world.record(world.store(1, Faulty(world.client, met)), event(1)) == [RECORDED]
        assert world.partial() == 0
        world.check()

    def test_a_rest_that_never_commits_leaves_the_answer(self, world: World) -> None:
        met = [None, *[faults.lost_request] * 99]
        assert world.record(world.store(1, Faulty(world.client, met)), event(1)) == [RECORDED]
        assert world.partial() == 1
        world.check()

    def test_a_rest_that_is_refused_leaves_the_answer(self, world: World) -> None:
        met = [None, faults.refuse("None", "ValidationError")]
        assert world.record(world.store(1, Faulty(world.client, met)), event(1)) == [RECORDED]
        assert world.partial() == 1
        world.check()

    def test_an_erasure_is_done_only_once_all_has_moved(self, world: World) -> None:
        interrupted(world, event(1))
        with pytest.raises(Unavailable):
            world.store().erase(world.store().study("S"), "P1")
        world.record(world.store(), event(1))
        assert world.store().erase(world.store().study("S"), "P1") == 0

    def test_a_retired_study_is_completed_by_whoever_was_at_it(self, world: World) -> None:
        def retire(call: Any) -> Any:
            world.store().retire("S", "admin", "Closed")
            return call()

        store = world.store(1, Faulty(world.client, [None, retire]))
        assert world.record(store, event(1)) == [RECORDED]
        assert world.partial() == 0
        world.check()

    def test_an_amendment_that_takes_over_in_between_is_exact(self, world: World) -> None:
        def amend(call: Any) -> Any:
            world.put(2, 1)
            assert world.store().fill("S")
            return call()

        store = world.store(1, Faulty(world.client, [None, amend]))
        assert world.record(store, event(1)) == [RECORDED]
        assert world.store().study("S").definition.title == "Amendment 2"
        world.check()

    def test_a_header_that_was_lost_stays_stale_until_all_is_complete(self, world: World) -> None:
        world.record(world.store(), event(2))
        for i in (1, 2, 3):
            store = world.store(1, Faulty(world.client, [faults.crash_after]))
            with pytest.raises(Crash):
                world.record(store, event(i, 7, 2))
        defined = world.store().study("S")
        for shard in range(SHARDS):
            del world.client.tables["t"][keys.sum_row("S", shard, f"{defined.generation}#study")]
        repair = world.store()._repair()
        with patch.object(repair, "_mark_stale", side_effect=Crash):
            for shard in range(SHARDS):
                with suppress(Crash):
                    repair.repair(defined, shard)
        world.record(world.store(), event(4), event(5), event(6))  # complete what was partial
        assert all(header.is_stale for header in headers(world, defined))
        audited = auditing.audit(world.store(), "S")
        assert {difference.what for difference in audited.differences} <= {"sums"}
        assert auditing.audit(world.store(), "S").differences == ()
        assert not is_stale(world, world.store())
        world.check()


def headers(world: World, defined: Study) -> list[Any]:
    table = world.store()._table
    return [reading.header(table, defined, shard) for shard in range(SHARDS)]


def is_stale(world: World, store: Store) -> bool:
    return any(header is None or header.is_stale for header in headers(world, store.study("S")))


class TestGenerations:
    def test_an_amendment_is_counted_beside_what_is_in_force(self, world: World) -> None:
        store = world.store()
        world.record(store, *(event(i) for i in range(5)))
        world.put(2, 1)
        assert world.record(store, event(1, 80, 2)) == [RECORDED]
        assert world.partial() == 0
        world.check()
        assert store.fill("S")
        assert not is_stale(world, world.store())
        world.check()

    @pytest.mark.parametrize("ends_at", range(0, 60, 3))
    def test_a_fill_ends_anywhere(self, world: World, ends_at: int) -> None:
        world.record(world.store(), *(event(i) for i in range(3)))
        world.put(2, 1)
        with suppress(Crash):
            killed(world, 1, ends_at, late=bool(ends_at % 2)).fill("S")
        world.check()
        assert world.store().fill("S")
        world.check()
        assert world.partial() == 0

    @pytest.mark.parametrize("ends_at", range(1, 30, 4))
    def test_what_is_dropped_is_dropped_in_parts(self, world: World, ends_at: int) -> None:
        world.record(world.store(), *(event(i) for i in range(3)))
        first = world.store().study("S")
        world.put(2, 1)
        world.store().fill("S")
        world.clock.pause(10)
        with suppress(Crash):
            killed(world, 1, ends_at).drop_generations("S", world.clock())
        assert check_sums(world.store(), first) == {0: {}, 1: {}}
        world.put(1, 1)  # it returns before it is gone
        world.record(world.store(), event(1, 70, 2))
        world.check()
        assert world.store().fill("S")
        assert world.store().study("S").digest == first.digest
        world.check()
        assert not is_stale(world, world.store())

    @pytest.mark.parametrize("when", range(1, 8))
    def test_a_fill_between_two_parts_hides_no_mark(self, world: World, when: int) -> None:
        """Another release marks, this one fills, while a third process is half done."""
        world.record(world.store(1), event(1), event(2))
        world.record(world.store(2), event(3))

        def between(call: int) -> None:
            world.check()
            if call == when:
                world.store(1).fill("S")
                world.record(world.store(2), event(2, 60, 2))
                world.check()

        client = Watched(world.client, between, late=False)
        assert world.record(world.store(1, client), event(1, 90, 2)) == [RECORDED]
        world.check()
        assert world.store(1).fill("S")
        world.check()
        assert world.partial() == 0


RECORD = st.tuples(
    st.just("record"), st.integers(1, 2), st.integers(0, 5), st.integers(1, 3),
    st.integers(1, 14), st.booleans(), st.sampled_from(["", "", "record", "fill", "put"]),
)  # fmt: skip
STEPS = st.lists(
    st.one_of(
        RECORD,
        RECORD,
        st.tuples(st.just("put"), st.integers(1, 3)),
        st.tuples(st.just("fill"), st.integers(1, 2), st.integers(1, 60), st.booleans()),
        st.tuples(st.just("drop"), st.integers(1, 2), st.integers(1, 40)),
        st.tuples(st.just("wait"), st.sampled_from([5, 40, 2_000])),
    ),
    max_size=12,
)
HISTORIES = soak.size(60, 20_000)
SEED = soak.seed(f"{HISTORIES:,} histories of wide changes")


@seed(SEED)
@settings(
    max_examples=HISTORIES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
@given(STEPS, st.integers(5, 12))
def test_whatever_comes_between_two_parts_readers_see_what_is_recorded(
    steps: list[Any], actions: int
) -> None:
    with narrow(actions):
        world = World()
        for number, step in enumerate(steps):
            take(world, number, step)
            world.check()
        for version in (1, 2, 1):
            assert world.store(version).fill("S")
        assert not is_stale(world, world.store())
        world.check()


def take(world: World, number: int, step: Any) -> None:
    """Take one step of a history; whatever can be interrupted is, at any call."""
    rng = random.Random(number)  # noqa: S311
    match step:
        case "record", version, i, revision, ends_at, late, meanwhile:

            def between(call: int) -> None:
                world.check()
                if call == 1 + rng.randrange(ends_at):
                    another(world, meanwhile, version, i)

            client = Watched(world.client, between, ends_at, late=late)
            with suppress(Crash, Rejected):
                store = world.store(version, client)
                for outcome in world.record(store, event(i, 7 * i + revision, revision)):
                    assert isinstance(outcome, Outcome | DefinitionSuperseded)
        case "put", definition:
            world.put(definition, 1)
        case "fill", version, ends_at, late:
            with suppress(Crash, Unavailable, Rejected):
                killed(world, version, ends_at, late=late).fill("S")
        case "drop", version, ends_at:
            with suppress(Crash, Unavailable, Rejected):
                killed(world, version, ends_at).drop_generations("S", world.clock())
        case "wait", seconds:
            world.clock.pause(seconds)


def another(world: World, kind: str, version: int, i: int) -> None:
    """Let another process come in between."""
    match kind:
        case "record":
            world.record(world.store(3 - version), event(i + 3, 7 * (i + 3) + 1))
            world.record(world.store(version), event(i, 7 * i + 4, 4))
        case "fill":
            with suppress(Unavailable, Rejected):
                world.store(version).fill("S")
        case "put":
            world.put(1 + i % 3, version)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(blinded.cases(), st.integers(0, 20), st.data())
def test_a_blinded_study_is_exact_in_parts(case: Any, ends_at: int, data: Any) -> None:
    """By position, and as a wide one is arranged; both audiences, before each call of a writer."""
    by_position = data.draw(st.booleans())
    with (
        narrow(data.draw(st.integers(5, 9))),
        patch.object(compiled, "MAX_ROWS_BY_POSITION", 96 if by_position else -1),
        patch.dict(compiled._ARRANGED, clear=True),
    ):
        instance = Kept(case.study)
        feed = [
            *case.first_feed,
            *(blinded.randomised("b", "S-1", revision=9 + i) for i in range(2)),
        ]
        half = len(feed) // 2
        instance.record(feed[:half])

        def check(_call: int) -> None:
            table = instance.client.tables["t"]
            exact(
                instance,
                case.study,
                [entry_ for entry_ in feed if keys.journal_row(entry_) in table],
            )

        client = Watched(instance.client, check, ends_at, late=data.draw(st.booleans()))
        dying = Store(Table(client, "t"), report.contribute, instance.clock, instance.clock.pause)
        with suppress(Crash):
            for entry_ in feed[half:]:
                dying.record(instance.study, toy.receipts([entry_]))
        check(0)
        instance.record(feed)
        exact(instance, case.study, feed)
        assert instance.store.fill(case.study.id)
        exact(instance, case.study, feed)
