"""Each event is counted exactly once, whatever fails between reading and answering."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import doubles
import pytest
import toy
from bench import Bench
from botocore.exceptions import ClientError
from doubles import Clock, Crash, Fault

from trial.cells import Share
from trial.errors import Rejected, Unavailable
from trial.store import Store
from trial.store.writing import Corrupted
from trial.subject import Outcome

RECORDED, REPEATED, CONFLICT = Outcome.RECORDED, Outcome.REPEATED, Outcome.CONFLICT


def test_an_event_is_recorded_and_counted_in_one_read_and_one_transaction(bench: Bench) -> None:
    store = bench.store()
    entry = bench.event("P1")
    assert bench.record(entry, store=store) == [RECORDED]
    assert bench.calls.calls == ["get_item", "transact_write_items"]
    assert bench.store().sums(bench.study) == toy.contribute(
        bench.study, next(bench.store().subjects(bench.study)).subject
    )
    bench.check(entry)


def test_a_repeat_costs_one_read_and_changes_nothing(bench: Bench) -> None:
    entry, again = bench.event("P1"), bench.event("P1", event_id="e2")
    bench.record(entry)
    store = bench.store()
    assert bench.record(again, store=store) == [REPEATED]
    assert bench.calls.calls == ["get_item"]
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
    other = bench.event("P2", result="0")
    assert bench.record(second) == [RECORDED]
    assert bench.record(first) == [RECORDED]
    bench.check(first, second)
    assert bench.record(third, other) == [RECORDED, RECORDED]
    bench.check(first, second, third, other)


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
    assert [each.record for each in journal] == [f"L{i}" for i in range(230)]


def test_more_subjects_than_one_read_takes(bench: Bench) -> None:
    entries = [bench.event(f"P{i}") for i in range(130)]
    assert set(bench.record(*entries)) == {RECORDED}
    bench.check(*entries)


@pytest.mark.parametrize(
    "fault",
    [
        doubles.lost_answer,
        doubles.lost_request,
        doubles.reset,
        doubles.server_error_after,
        doubles.in_progress,
        doubles.refuse(),
        doubles.refuse("TransactionConflict", "None", "None", "None", "None", "None"),
        doubles.refuse("None", "ThrottlingError", "None", "None", "None", "None"),
        doubles.refuse("None", "ProvisionedThroughputExceeded", "None", "None", "None", "None"),
    ],
)
@pytest.mark.parametrize("times", [1, 3])
def test_a_fault_that_passes_is_outlived(bench: Bench, fault: Fault, times: int) -> None:
    entry = bench.event("P1")
    assert bench.record(entry, store=bench.store(*[fault] * times)) == [RECORDED]
    bench.check(entry)


def test_lost_answers_in_a_batch_leave_every_answer_right(bench: Bench) -> None:
    old = bench.event("P1", "old")
    bench.record(old)
    entries = [bench.event(f"P{i}", f"L{i}") for i in range(6)]
    again = bench.event("P1", "old", event_id="again")
    batch = [*entries, again, bench.event("P2", "L2", event_id="2nd")]
    faults = [doubles.lost_answer, doubles.lost_request, doubles.lost_answer]
    outcomes = bench.record(*batch, store=bench.store(*faults))
    assert outcomes == [*[RECORDED] * 6, REPEATED, REPEATED]
    bench.check(old, *entries)


def test_whoever_committed_says_recorded_and_the_other_says_repeated(bench: Bench) -> None:
    entry, same = bench.event("P1", event_id="mine"), bench.event("P1", event_id="theirs")
    first: list[Any] = []

    def overtake() -> None:
        first.extend(bench.record(same))

    store = bench.store(doubles.meanwhile(overtake))
    assert bench.record(entry, store=store) == [REPEATED]
    assert first == [RECORDED]
    bench.check(same)


def test_a_subject_written_to_between_read_and_write_is_read_again(bench: Bench) -> None:
    mine, other = bench.event("P1", "L1"), bench.event("P1", "L2", result="500")
    store = bench.store(doubles.meanwhile(lambda: bench.record(other)))
    assert bench.record(mine, store=store) == [RECORDED]
    bench.check(mine, other)


@pytest.mark.parametrize("crash", [doubles.crash_before, doubles.crash_after])
def test_a_crash_leaves_all_or_nothing_and_the_next_attempt_is_right(
    bench: Bench, crash: Fault
) -> None:
    entries = [bench.event("P1"), bench.event("P2")]
    with pytest.raises(Crash):
        bench.record(*entries, store=bench.store(crash))
    assert set(bench.record(*entries)) <= {RECORDED, REPEATED}
    bench.check(*entries)


def test_a_subject_that_stays_contended_fails_alone(bench: Bench) -> None:
    entries = [bench.event(f"P{i}") for i in range(8)]
    poisoned = "SUBJECT#P3"

    def contended(**request: Any) -> Any:
        writes = [what for each in request["TransactItems"] for what in each.values()]
        sort_keys = [(what.get("Key") or what["Item"])["SK"]["S"] for what in writes]
        if poisoned in sort_keys:
            raise doubles.cancelled(*["TransactionConflict"] * len(writes))
        return bench.client.transact_write_items(**request)

    store = bench.store()
    bench.calls.transact_write_items = contended  # type: ignore[attr-defined]
    outcomes = bench.record(*entries, store=store)
    assert isinstance(outcomes[3], Unavailable)
    assert outcomes[:3] + outcomes[4:] == [RECORDED] * 7
    bench.check(*entries[:3], *entries[4:])


def test_giving_up_takes_a_bounded_time(bench: Bench) -> None:
    entry = bench.event("P1")
    started = bench.clock.at
    (outcome,) = bench.record(entry, store=bench.store(*[doubles.lost_request] * 99))
    assert isinstance(outcome, Unavailable)
    assert bench.clock.at - started < timedelta(seconds=25)
    assert len(bench.calls.faults) > 80
    bench.check()


def test_a_subject_whose_repeats_and_news_cannot_be_stored_says_so_only_for_the_news(
    bench: Bench,
) -> None:
    old = bench.event("P1")
    bench.record(old)
    entries = [bench.event("P1", event_id="2nd"), bench.event("P1", "L2"), bench.event("P1", "L2")]
    outcomes = bench.record(*entries, store=bench.store(*[doubles.lost_request] * 99))
    assert outcomes[0] is REPEATED
    assert isinstance(outcomes[1], Unavailable)
    assert isinstance(outcomes[2], Unavailable)


def test_what_the_store_refuses_for_good_is_rejected_alone(bench: Bench) -> None:
    entries = [
        bench.event("P1", "L1"),
        bench.event("P1", "overflow"),
        bench.event("P1", "L3"),
        bench.event("P2"),
        bench.event("P3"),
    ]

    def refuse_overflow(**request: Any) -> Any:
        """Answer as DynamoDB does where a number would pass its 38 digits."""
        written = [str(each) for each in request["TransactItems"]]
        if any("#overflow#" in each for each in written):
            raise doubles.cancelled(*["None"] * (len(written) - 1), "ValidationError")
        return bench.client.transact_write_items(**request)

    store = bench.store()
    bench.calls.transact_write_items = refuse_overflow  # type: ignore[attr-defined]
    outcomes = bench.record(*entries, store=store)
    assert isinstance(outcomes[1], Rejected)
    assert [outcomes[0], *outcomes[2:]] == [RECORDED] * 4
    bench.check(entries[0], *entries[2:])


def test_one_event_too_large_for_an_item_is_rejected_and_its_neighbours_are_not(
    bench: Bench,
) -> None:
    huge = toy.serious(bench.study.id, "P1", "AE-huge", page="x" * 4_000)
    object.__setattr__(huge, "body", "y" * 400_000)
    entries = [bench.event("P1"), huge, bench.event("P2"), bench.event("P1", "L2")]
    outcomes = bench.record(*entries)
    assert isinstance(outcomes[1], Rejected)
    assert outcomes[1].status == 413
    assert [outcomes[0], *outcomes[2:]] == [RECORDED] * 3
    bench.check(entries[0], *entries[2:])


def test_a_subject_too_large_for_an_item_is_found_among_its_neighbours(bench: Bench) -> None:
    rng = random.Random(1)  # noqa: S311 (text that does not compress)
    large = [
        toy.serious(
            bench.study.id, "P1", f"AE-{i}", page="".join(rng.choices("0123456789abcdef", k=4_000))
        )
        for i in range(30)
    ]
    entries = [*large, bench.event("P2"), bench.event("P3")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trial.store.writing.ITEM_BYTES", 15_000)
        patch.setattr("trial.store.drafts.ITEM_BYTES", 15_000)
        outcomes = bench.record(*entries)
    assert outcomes[-2:] == [RECORDED, RECORDED]
    stored = [entry for entry, each in zip(entries, outcomes, strict=True) if each is RECORDED]
    refused = [each for each in outcomes if isinstance(each, Rejected)]
    assert len(stored) + len(refused) == len(entries)
    assert 3 < len(refused) < 30
    bench.check(*stored)


def test_an_error_that_no_repetition_cures_surfaces(bench: Bench) -> None:
    def denied(call: Any) -> Any:
        raise doubles.error("TransactWriteItems", "AccessDeniedException")

    with pytest.raises(ClientError):
        bench.record(bench.event("P1"), store=bench.store(denied))


def test_a_journal_row_that_its_subject_does_not_know_is_named_corruption(bench: Bench) -> None:
    entry = bench.event("P1")
    bench.record(entry)
    shard = next(bench.store().subjects(bench.study)).shard
    key = {"PK": {"S": f"STUDY#{bench.study.id}#{shard}"}, "SK": {"S": "SUBJECT#P1"}}
    delete = {"Delete": {"TableName": bench.name, "Key": key}}
    bench.client.transact_write_items(TransactItems=[delete])
    outcomes = bench.record(entry, bench.event("P2"))
    assert isinstance(outcomes[0], Corrupted)
    assert outcomes[1] is RECORDED


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
    stamps = [each.stamp for each in bench.store().journal(bench.study.id, "P1")]
    assert stamps[4] > "2026-01-01T00:59"


def test_each_attempt_takes_a_new_stamp(bench: Bench) -> None:
    entry = bench.event("P1")
    late = bench.clock.at + timedelta(seconds=1)

    def wait_and_lose(call: Any) -> Any:
        bench.clock.pause(1)
        return doubles.lost_request(call)

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
    def counts_otherwise(study: Any, subject: Any) -> Share:
        share = toy.contribute(study, subject)
        share["kinds#0"] = {cell: 3 * value for cell, value in share["kinds#0"].items()}
        return share

    bench.record(bench.event("P1", "L1"), bench.event("P2"))
    changed = bench.store(contribute=counts_otherwise)
    bench.record(bench.event("P1", "L2"), store=changed)
    assert bench.store().sums(bench.study)["kinds#0"] == {"kind=lab.result.reported": 7}
    assert set(map(str, bench.store().check(bench.study).values())) == {"{}"}


@pytest.mark.parametrize("events", ["the same", "their own"])
def test_threads_that_write_one_subject_lose_and_double_nothing(bench: Bench, events: str) -> None:
    def write(worker: int) -> list[Any]:
        own = "" if events == "the same" else f"w{worker}-"
        entries = [
            bench.event("P1", f"{own}L{i}", event_id=f"w{worker}", result=str(i)) for i in range(6)
        ]
        random.Random(worker).shuffle(entries)  # noqa: S311 (an order of its own)
        store = Store(bench.table(), toy.contribute, Clock())
        outcomes = [bench.record(each, store=store)[0] for each in entries[:3]]
        outcomes += bench.record(*entries[3:], store=store)
        return list(zip(entries, outcomes, strict=True))

    with ThreadPoolExecutor(4) as pool:
        found = [pair for pairs in pool.map(write, range(4)) for pair in pairs]
    assert {outcome for _, outcome in found} <= {RECORDED, REPEATED}
    bench.check(*(entry for entry, outcome in found if outcome is RECORDED))
    assert sum(outcome is RECORDED for _, outcome in found) == (6 if events == "the same" else 24)


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
    again = [bench.event(f"P{i}", event_id="2nd") for i in range(25)]
    assert set(bench.record(*again)) == {REPEATED}
