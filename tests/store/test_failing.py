"""Nothing is lost or doubled, whatever fails between reading and answering."""

import random
from datetime import timedelta
from typing import Any

import doubles
import faults
import pytest
import toy
from bench import Bench
from botocore.exceptions import ClientError
from faults import Crash, Fault

from trial.errors import Rejected, Unavailable
from trial.store.writing import Corrupted
from trial.subject.fold import Outcome

RECORDED, REPEATED, CONFLICT = Outcome.RECORDED, Outcome.REPEATED, Outcome.CONFLICT


@pytest.mark.parametrize(
    "fault",
    [
        faults.lost_answer,
        faults.lost_request,
        faults.reset,
        faults.server_error_after,
        faults.in_progress,
        faults.refuse(),
        faults.refuse("TransactionConflict", "None", "None", "None", "None", "None"),
        faults.refuse("None", "ThrottlingError", "None", "None", "None", "None"),
        faults.refuse("None", "ProvisionedThroughputExceeded", "None", "None", "None", "None"),
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
    repeat = bench.event("P1", "old", event_id="again")
    batch = [*entries, repeat, bench.event("P2", "L2", event_id="2nd")]
    lost_answers = [faults.lost_answer, faults.lost_request, faults.lost_answer]
    outcomes = bench.record(*batch, store=bench.store(*lost_answers))
    assert outcomes == [*[RECORDED] * 6, REPEATED, REPEATED]
    bench.check(old, *entries)


def test_whoever_committed_says_recorded_and_the_other_says_repeated(bench: Bench) -> None:
    entry, second = bench.event("P1", event_id="mine"), bench.event("P1", event_id="theirs")
    first: list[Any] = []

    def overtake() -> None:
        first.extend(bench.record(second))

    store = bench.store(faults.meanwhile(overtake))
    assert bench.record(entry, store=store) == [REPEATED]
    assert first == [RECORDED]
    bench.check(second)


def test_a_subject_written_to_between_read_and_write_is_read_again(bench: Bench) -> None:
    event, result = bench.event("P1", "L1"), bench.event("P1", "L2", result="500")
    store = bench.store(faults.meanwhile(lambda: bench.record(result)))
    assert bench.record(event, store=store) == [RECORDED]
    bench.check(event, result)


@pytest.mark.parametrize("crash", [faults.crash_before, faults.crash_after])
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
        actions = [value for item in request["TransactItems"] for value in item.values()]
        sort_keys = [(item.get("Key") or item["Item"])["SK"]["S"] for item in actions]
        if poisoned in sort_keys:
            raise doubles.cancelled(*["TransactionConflict"] * len(actions))
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
    (outcome,) = bench.record(entry, store=bench.store(*[faults.lost_request] * 99))
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
    outcomes = bench.record(*entries, store=bench.store(*[faults.lost_request] * 99))
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
        items = [str(item) for item in request["TransactItems"]]
        if any("#overflow#" in item for item in items):
            raise doubles.cancelled(*["None"] * (len(items) - 1), "ValidationError")
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


def test_a_subject_that_grows_too_large_is_found_among_its_neighbours(bench: Bench) -> None:
    rng = random.Random(1)  # noqa: S311 (text that does not compress)
    large = [
        toy.serious(
            bench.study.id, "P1", f"AE-{i}", page="".join(rng.choices("0123456789abcdef", k=4_000))
        )
        for i in range(30)
    ]
    entries = [*large, bench.event("P2"), bench.event("P3")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trial.store.subject_update.SUBJECT_LENGTH", 40_000)
        outcomes = bench.record(*entries)
    assert outcomes[-2:] == [RECORDED, RECORDED]
    stored = [
        entry for entry, outcome in zip(entries, outcomes, strict=True) if outcome is RECORDED
    ]
    refused = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
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
