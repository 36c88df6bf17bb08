"""Each event is counted exactly once, in any order and company."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import doubles
import faults
import pytest
import toy
from bench import Bench
from counted import check_sums
from doubles import Clock

from trial.statistics.cells import Share
from trial.store import Store
from trial.subject.fold import Outcome

RECORDED, REPEATED, CONFLICT = Outcome.RECORDED, Outcome.REPEATED, Outcome.CONFLICT


def test_an_event_is_recorded_and_counted_in_one_read_and_one_transaction(bench: Bench) -> None:
    store = bench.store()
    entry = bench.event("P1")
    assert bench.record(entry, store=store) == [RECORDED]
    # What is noted of its shard's sums comes with a process's first subject.
    assert bench.calls.calls == ["batch_get_item", "transact_write_items"]
    assert bench.store().sums(bench.study) == toy.contribute(
        bench.study, next(bench.store().subjects(bench.study)).subject
    )
    bench.check(entry)


def test_a_repeat_costs_one_read_and_changes_nothing(bench: Bench) -> None:
    entry, repeat = bench.event("P1"), bench.event("P1", event_id="e2")
    bench.record(entry)
    store = bench.store()
    assert bench.record(repeat, store=store) == [REPEATED]
    assert bench.calls.calls == ["batch_get_item"]
    bench.check(entry)


def test_another_content_of_the_same_revision_is_a_conflict_and_changes_nothing(
    bench: Bench,
) -> None:
    entry = bench.event("P1")
    bench.record(entry)
    assert bench.record(bench.event("P1", result="11")) == [CONFLICT]
    bench.check(entry)


def test_corrections_voids_and_late_revisions_move_the_sums_exactly(bench: Bench) -> None:
    first, second = bench.event("P1"), bench.event("P1", revision=2, result="-40")
    third = bench.event("P1", revision=3, void=True)
    event = bench.event("P2", result="0")
    assert bench.record(second) == [RECORDED]
    assert bench.record(first) == [RECORDED]
    bench.check(first, second)
    assert bench.record(third, event) == [RECORDED, RECORDED]
    bench.check(first, second, third, event)


def test_a_batch_answers_in_order_and_knows_its_own_repeats_and_conflicts(bench: Bench) -> None:
    old = bench.event("P1")
    bench.record(old)
    entries = [
        bench.event("P2", event_id="a"),
        bench.event("P1", event_id="again"),
        bench.event("P2", event_id="b"),
        bench.event("P2", result="99"),
        bench.event("P1", "L2"),
    ]
    assert bench.record(*entries) == [RECORDED, REPEATED, REPEATED, CONFLICT, RECORDED]
    bench.check(old, entries[0], entries[4])


def test_a_batch_costs_one_read_and_one_transaction_a_shard(bench: Bench) -> None:
    entries = [bench.event(f"P{i % 10}", f"L{i}", result=str(i)) for i in range(50)]
    store = bench.store()
    assert set(bench.record(*entries, store=store)) == {RECORDED}
    assert bench.calls.calls == ["batch_get_item", *["transact_write_items"] * 2]
    bench.check(*entries)


def test_a_long_history_of_one_subject_in_one_batch_goes_in_several_rounds(bench: Bench) -> None:
    entries = [bench.event("P1", f"L{i}", result=str(i * 7 % 40)) for i in range(230)]
    assert set(bench.record(*entries)) == {RECORDED}
    bench.check(*entries)
    journal = bench.store().journal(bench.study.id, "P1")
    assert [item.record for item in journal] == [f"L{i}" for i in range(230)]


def test_more_subjects_than_one_read_takes(bench: Bench) -> None:
    entries = [bench.event(f"P{i}") for i in range(130)]
    assert set(bench.record(*entries)) == {RECORDED}
    bench.check(*entries)


def test_stamps_rise_within_a_subject_even_when_the_clock_stands_or_falls_back(
    bench: Bench,
) -> None:
    entries = [bench.event("P1", f"L{i}") for i in range(5)]
    bench.record(*entries[:2])
    bench.clock.at -= timedelta(seconds=5)
    bench.record(*entries[2:4])
    bench.clock.at += timedelta(hours=1)
    bench.record(entries[4])
    bench.check(*entries)
    stamps = [item.stamp for item in bench.store().journal(bench.study.id, "P1")]
    assert stamps[4] > "2026-01-01T00:59"


def test_each_attempt_takes_a_new_stamp(bench: Bench) -> None:
    entry = bench.event("P1")
    late = bench.clock.at + timedelta(seconds=1)

    def wait_and_lose(call: Any) -> Any:
        bench.clock.pause(1)
        return faults.lost_request(call)

    bench.record(entry, store=bench.store(wait_and_lose))
    (row,) = bench.store().journal(bench.study.id, "P1")
    assert row.stamp > late.isoformat()


def test_shares_of_other_generations_and_unknown_attributes_are_carried(bench: Bench) -> None:
    first, second = bench.event("P1", "L1"), bench.event("P1", "L2")
    bench.record(first)
    stored = next(bench.store().subjects(bench.study))
    update = {
        "TableName": bench.name,
        "Key": {"PK": {"S": f"STUDY#{bench.study.id}#{stored.shard}"}, "SK": {"S": "SUBJECT#P1"}},
        "UpdateExpression": "SET shares.#other = :share, later = :later",
        "ExpressionAttributeNames": {"#other": "fedcba98"},
        "ExpressionAttributeValues": {":share": {"B": b"unknown"}, ":later": {"S": "kept"}},
    }
    bench.client.transact_write_items(TransactItems=[{"Update": update}])
    bench.record(second)
    item = bench.client.get_item(TableName=bench.name, Key=update["Key"], ConsistentRead=True)
    assert item["Item"]["shares"]["M"]["fedcba98"]["B"] == b"unknown"
    assert item["Item"]["later"]["S"] == "kept"
    bench.check(first, second)


def test_the_remembered_share_is_taken_out_even_when_the_code_has_changed(bench: Bench) -> None:
    def counts_otherwise(study: Any, subject: Any, **_former: object) -> Share:
        share = toy.contribute(study, subject)
        share["kinds#0"] = {cell: 3 * value for cell, value in share["kinds#0"].items()}
        return share

    bench.record(bench.event("P1", "L1"), bench.event("P2"))
    changed = bench.store(contribute=counts_otherwise)
    bench.record(bench.event("P1", "L2"), store=changed)
    assert bench.store().sums(bench.study)["kinds#0"] == {"kind=lab.result.reported": 7}
    assert set(map(str, check_sums(bench.store(), bench.study).values())) == {"{}"}


@pytest.mark.parametrize("events", ["the same", "their own"])
def test_threads_that_write_one_subject_lose_and_double_nothing(bench: Bench, events: str) -> None:
    def write(worker: int) -> list[Any]:
        text = "" if events == "the same" else f"w{worker}-"
        entries = [
            bench.event("P1", f"{text}L{i}", event_id=f"w{worker}", result=str(i)) for i in range(6)
        ]
        random.Random(worker).shuffle(entries)  # noqa: S311 (an order of its own)
        store = Store(bench.table(), toy.contribute, Clock())
        outcomes = [bench.record(entry, store=store)[0] for entry in entries[:3]]
        outcomes += bench.record(*entries[3:], store=store)
        return list(zip(entries, outcomes, strict=True))

    with ThreadPoolExecutor(4) as pool:
        result = [pair for pairs in pool.map(write, range(4)) for pair in pairs]
    assert {outcome for _, outcome in result} <= {RECORDED, REPEATED}
    bench.check(*(entry for entry, outcome in result if outcome is RECORDED))
    assert sum(outcome is RECORDED for _, outcome in result) == (6 if events == "the same" else 24)


def test_no_entries_no_calls(bench: Bench) -> None:
    store = bench.store()
    assert bench.record(store=store) == []
    assert bench.calls.calls == []


def test_unprocessed_keys_are_asked_for_again(open_bench: Callable[..., Bench]) -> None:
    bench = open_bench()
    entries = [bench.event(f"P{i}") for i in range(25)]
    bench.record(*entries)
    if isinstance(bench.client, doubles.MemoryClient):
        bench.client.batch = 7
    repeats = [bench.event(f"P{i}", event_id="2nd") for i in range(25)]
    assert set(bench.record(*repeats)) == {REPEATED}
