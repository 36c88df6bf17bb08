"""Whatever arrives, in whatever order, cut and broken off anywhere: the sums are the recomputed.

Random histories of corrections, voids, late revisions, repeats and second contents, in batches,
by two processes, with faults and crashes at any transaction, on DynamoDB in memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import faults
import soak
import toy
from counted import check_sums
from doubles import Clock, MemoryClient
from faults import Crash, Fault, Faulty
from hypothesis import seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from trial.events.envelope import Entry
from trial.statistics import cells
from trial.store import Store, verify
from trial.store.rows import StoredSubject
from trial.store.table import Table
from trial.subject.fold import Outcome, fold_all

SUBJECTS = [f"P{i}" for i in range(5)]
FAULTS: list[Fault] = [
    faults.lost_answer,
    faults.lost_request,
    faults.reset,
    faults.server_error_after,
    faults.in_progress,
    faults.refuse("TransactionConflict"),
    faults.refuse("ThrottlingError"),
    faults.crash_before,
    faults.crash_after,
]

revisions = st.builds(
    dict,
    subject=st.sampled_from(SUBJECTS),
    record=st.sampled_from(["L1", "L2", "L3"]),
    revision=st.integers(1, 4),
    result=st.sampled_from(["0", "7", "-31", "64", "100000"]),
    void=st.booleans(),
    event_id=st.uuids().map(str),
)


@dataclass
class World:
    """A study, what was accepted of it so far, and the processes that write to it."""

    study: Any
    client: MemoryClient = field(default_factory=lambda: MemoryClient(page=2, batch=3))
    clock: Clock = field(default_factory=Clock)
    accepted: dict[tuple[str, str, int], Entry] = field(default_factory=dict)
    last_journal: dict[tuple[str, str, int], str] = field(default_factory=dict)
    stored: dict[str, StoredSubject] = field(default_factory=dict)
    """Journals and subjects as the last rule left them; nothing writes between two rules."""

    def store(self, met: Sequence[Fault | None] = ()) -> Store:
        table = Table(Faulty(self.client, met), "t")
        return Store(table, toy.contribute, self.clock, self.clock.pause)

    def journalled(self) -> dict[tuple[str, str, int], str]:
        store = self.store()
        self.stored = {subject.id: subject for subject in store.subjects(self.study)}
        return {
            (subject.id, row.record, row.revision): row.received or ""
            for subject in self.stored.values()
            for row in store.journal(self.study.id, subject.id, subject.cipher_key)
        }


class Histories(RuleBasedStateMachine):
    """Every rule records something in some disturbed way; the invariant holds after each."""

    @initialize(shards=st.integers(1, 3))
    def open(self, shards: int) -> None:
        self.world = World(toy.toy_study("S", shards))
        self.world.store().put_definition(self.world.study, toy.definition("S", shards))

    @rule(
        batch=st.lists(revisions, min_size=1, max_size=6),
        met=st.lists(st.none() | st.sampled_from(FAULTS), max_size=5),
        overtaken_by=st.none() | st.lists(revisions, min_size=1, max_size=2),
    )
    def record(
        self, batch: list[Any], met: list[Fault | None], overtaken_by: list[Any] | None
    ) -> None:
        entries = [toy.event("S", **item) for item in batch]
        before = self.world.last_journal
        meantime: list[tuple[Entry, Any]] = []
        if overtaken_by is not None:
            events = [toy.event("S", **item) for item in overtaken_by]
            met = [faults.meanwhile(lambda: meantime.extend(self._write(events, []))), *met]
        try:
            results = self._write(entries, met)
        except Crash:
            results = []
        after = self.world.last_journal = self.world.journalled()
        assert after.items() >= before.items()
        outcomes = [*results, *meantime]
        for entry in (*entries, *(result for result, _ in meantime)):
            key = (entry.subject, entry.record, entry.revision)
            if key in after and after[key] == entry.body:
                self.world.accepted.setdefault(key, entry)
        for entry, outcome in outcomes:
            key = (entry.subject, entry.record, entry.revision)
            match outcome:
                case Outcome.RECORDED:
                    assert key not in before
                    assert after[key] == entry.body
                case Outcome.REPEATED:
                    assert self.world.accepted[key].digest == entry.digest
                case Outcome.CONFLICT:
                    assert self.world.accepted[key].digest != entry.digest
        new = [key for key in after if key not in before]
        recorded = [result for result, outcome in outcomes if outcome is Outcome.RECORDED]
        assert len(recorded) <= len(new)
        if results and all(isinstance(outcome, Outcome) for _, outcome in outcomes):
            assert len(recorded) == len(new)

    def _write(self, entries: list[Entry], met: Sequence[Fault | None]) -> list[Any]:
        results = self.world.store(met).record(self.world.study, toy.receipts(entries))
        return list(zip(entries, (result.outcome for result in results), strict=True))

    @invariant()
    def the_sums_are_the_recomputed(self) -> None:
        store, study = self.world.store(), self.world.study
        by_subject: dict[str, list[Entry]] = {}
        for entry in self.world.accepted.values():
            by_subject.setdefault(entry.subject, []).append(entry)
        recomputed = {name: fold_all(name, entries) for name, entries in by_subject.items()}
        shares = [toy.contribute(study, subject) for subject in recomputed.values()]
        assert store.sums(study) == cells.total(shares)
        stored = self.world.stored
        assert {name: value.subject for name, value in stored.items()} == recomputed
        assert all(value == {} for value in check_sums(store, study).values())
        for name, item in stored.items():
            journal = store.journal(study.id, name)
            assert verify(journal, item.head)
            assert item.version == len(journal) == item.subject.accepted


HISTORIES = soak.size(300, 20_000)
seed(soak.seed(f"{HISTORIES:,} random histories"))(Histories)
Histories.TestCase.settings = settings(
    max_examples=HISTORIES, stateful_step_count=8, deadline=None, database=None
)
test_incremental_equals_recomputed = Histories.TestCase
