"""A subject's history goes on in pages: nothing is lost, doubled or mixed by that."""

import random
from typing import Any

import faults
import pytest
from bench import FEW_BYTES, Bench
from doubles import MemoryClient
from faults import Crash, Fault

from trial.errors import Rejected, Unavailable
from trial.events.envelope import Entry
from trial.store import keys
from trial.subject.fold import Outcome, fold_all

RECORDED, REPEATED, CONFLICT = Outcome.RECORDED, Outcome.REPEATED, Outcome.CONFLICT

pytestmark = pytest.mark.parametrize("client", ["memory", "ministack"], indirect=True)


@pytest.fixture(autouse=True)
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trial.store.subject_update.PAGE_BYTES", FEW_BYTES)


def row_of(bench: Bench, subject: str) -> keys.Key:
    number = keys.shard_of(subject, bench.study.definition.shards)
    return keys.subject_row(bench.study.id, number, subject)


def pages_of(bench: Bench, subject: str) -> list[Any]:
    text = row_of(bench, subject)
    return list(bench.table().query(text[0], keys.page_prefix(text)))


def write(bench: Bench, operation: str, arguments: Any) -> None:
    action = {operation: {"TableName": bench.name, **arguments}}
    bench.client.transact_write_items(TransactItems=[action])


def key(row_key: keys.Key) -> Any:
    return {"PK": {"S": row_key[0]}, "SK": {"S": row_key[1]}}


def paged(bench: Bench, *subjects: str, records: int = 20) -> list[Entry]:
    """Record histories that fill some pages."""
    entries = [
        bench.event(name, f"L{i}", result=str(i * 7 % 40))
        for i in range(records)
        for name in subjects
    ]
    for entry in entries:
        assert bench.record(entry) == [RECORDED]
    for name in subjects:
        assert len(pages_of(bench, name)) >= 3
    return entries


def test_a_history_in_any_order_with_corrections_and_voids_is_what_it_is_without_pages(
    bench: Bench,
) -> None:
    rng = random.Random(7)  # noqa: S311 (no secret)
    entries = [
        bench.event("P1", f"L{i}", revision, str(i + revision), void=(i + revision) % 5 == 0)
        for i in range(12)
        for revision in (1, 2, 3)
    ]
    rng.shuffle(entries)
    for entry in entries:
        assert bench.record(entry) == [RECORDED]
    bench.check(*entries)
    assert len(pages_of(bench, "P1")) > 5
    repeats = [bench.event("P1", item.record, item.revision, "77") for item in entries[:9]]
    assert set(bench.record(*entries)) == {REPEATED}
    assert set(bench.record(*repeats)) <= {REPEATED, CONFLICT}
    bench.check(*entries)


def test_records_that_lie_in_pages_are_known_corrected_and_voided(bench: Bench) -> None:
    entries = paged(bench, "P1")
    assert bench.record(bench.event("P1", "L0", event_id="2nd", result="0")) == [REPEATED]
    assert bench.record(bench.event("P1", "L1", result="99")) == [CONFLICT]
    third = bench.event("P1", "L0", 3, "5")
    second = bench.event("P1", "L0", 2, "4")
    void = bench.event("P1", "L1", 2, void=True)
    for item in (third, second, void):
        assert bench.record(item) == [RECORDED]
        entries.append(item)
        bench.check(*entries)
    entries += (events := [bench.event("P1", f"M{i}", result=str(i)) for i in range(10)])
    assert set(bench.record(*events)) == {RECORDED}
    assert bench.record(bench.event("P1", "L0", 2, "4"), void) == [REPEATED, REPEATED]
    assert bench.record(bench.event("P1", "L0", 3, "6")) == [CONFLICT]
    bench.check(*entries)


def test_an_event_reads_its_subjects_pages_and_writes_none_of_them(bench: Bench) -> None:
    paged(bench, "P1")
    before = pages_of(bench, "P1")
    store = bench.store()
    bench.record(bench.event("P1", "L0"), store=store)
    bench.calls.calls.clear()
    bench.record(bench.event("P1", "L0", 2, "3"), store=store)
    calls = list(dict.fromkeys(bench.calls.calls))  # the double's queries are answered in parts
    assert calls == ["get_item", "query", "transact_write_items"]
    assert pages_of(bench, "P1")[: len(before)] == before


def test_a_batch_reads_the_pages_of_all_its_subjects_together(bench: Bench) -> None:
    entries = paged(bench, "P1", "P1-a", "P10")
    events = [bench.event(name, "L1", 2, "8") for name in ("P1", "P10", "P2")]
    store = bench.store()
    assert bench.record(*events, store=store) == [RECORDED] * 3
    assert bench.calls.calls[:2] == ["batch_get_item"] * 2
    bench.check(*entries, *events)


def test_more_pages_than_one_read_takes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trial.store.subject_update.PAGE_BYTES", 0)
    entries = [bench.event("P1", f"L{i}") for i in range(105)]
    for entry in entries:
        bench.record(entry)
    assert len(pages_of(bench, "P1")) == 105
    events = [bench.event(name, "L0", 2, "8") for name in ("P1", "P2")]
    assert bench.record(*events) == [RECORDED] * 2
    bench.check(*entries, *events)


@pytest.mark.parametrize(
    "fault",
    [faults.lost_answer, faults.lost_request, faults.reset, faults.in_progress],
)
def test_a_fault_while_a_page_is_written_is_outlived(bench: Bench, fault: Fault) -> None:
    entries = [bench.event("P1", f"L{i}", result=str(i)) for i in range(20)]
    for entry in entries:
        assert bench.record(entry, store=bench.store(fault)) == [RECORDED]
    bench.check(*entries)
    assert len(pages_of(bench, "P1")) >= 3


@pytest.mark.parametrize("crash", [faults.crash_before, faults.crash_after])
def test_a_crash_while_a_page_is_written_leaves_all_or_nothing(bench: Bench, crash: Fault) -> None:
    entries = [bench.event("P1", f"L{i}", result=str(i)) for i in range(20)]
    for entry in entries:
        with pytest.raises(Crash):
            bench.record(entry, store=bench.store(crash))
        assert set(bench.record(entry)) <= {RECORDED, REPEATED}
    bench.check(*entries)


def test_writers_that_would_write_the_same_page_do_so_one_after_the_other(bench: Bench) -> None:
    entries = paged(bench, "P1")
    for i in range(8):
        event, result = bench.event("P1", f"M{i}"), bench.event("P1", f"O{i}", result=str(i))
        store = bench.store(faults.meanwhile(lambda entry=result: bench.record(entry)))
        assert bench.record(event, store=store) == [RECORDED]
        entries += [event, result]
    bench.check(*entries)


def test_readers_pass_over_pages_that_the_row_does_not_name(bench: Bench) -> None:
    entries = [bench.event("P1"), *paged(bench, "P3")]
    bench.record(entries[0])
    stray = pages_of(bench, "P3")[0]
    for name, number in (("P1", 0), ("P2", 0), ("P3", 900)):
        text = row_of(bench, name)
        write(bench, "Put", {"Item": stray | key(keys.page(text, number))})
    bench.check(*entries)
    event = bench.event("P1", "L2")
    assert bench.record(event) == [RECORDED]
    bench.check(*entries, event)


def test_a_subject_whose_page_is_missing_is_neither_read_nor_written(bench: Bench) -> None:
    paged(bench, "P1")
    text = row_of(bench, "P1")
    write(bench, "Delete", {"Key": key(keys.page(text, 1))})
    assert isinstance(bench.record(bench.event("P1", "M1"))[0], Unavailable)
    outcomes = bench.record(bench.event("P1", "M1"), bench.event("P2"))
    assert isinstance(outcomes[0], Unavailable)
    assert outcomes[1] is RECORDED
    with pytest.raises(Unavailable):
        list(bench.store().subjects(bench.study))


def renumber(bench: Bench, subject: str) -> None:
    """Write a subject's pages anew, as whoever changes one must: under other numbers."""
    text, pages = row_of(bench, subject), pages_of(bench, subject)
    numbers = [keys.page_number(item["SK"]["S"]) for item in pages]
    for page, number in zip(pages, numbers, strict=True):
        write(bench, "Put", {"Item": page | key(keys.page(text, number + len(pages)))})
    update = {
        "Key": key(text),
        "UpdateExpression": "SET pages = :pages",
        "ExpressionAttributeValues": {
            ":pages": {"S": f"{numbers[0] + len(pages)}:{numbers[-1] + 1 + len(pages)}"}
        },
    }
    write(bench, "Update", update)
    for number in numbers:
        write(bench, "Delete", {"Key": key(keys.page(text, number))})


def test_pages_written_anew_amid_a_reading_are_read_again(bench: Bench) -> None:
    entries = paged(bench, "P1")
    client, store = bench.client, bench.store()
    items: list[str] = []

    class Amid:
        def __getattr__(self, name: str) -> Any:
            def call(**request: Any) -> Any:
                if name == "query" and "SUBJECT#" in str(request) and not items:
                    items.append(name)
                    renumber(bench, "P1")
                return getattr(client, name)(**request)

            return call

    event = bench.event("P1", "M1")
    bench.record(entries[0], store=store)  # as a process that has served before
    bench.calls._client = Amid()
    assert bench.record(event, store=store) == [RECORDED]
    assert items
    bench.check(*entries, event)


def test_pages_written_anew_amid_the_reading_of_a_shard_are_read_again(bench: Bench) -> None:
    if not isinstance(bench.client, MemoryClient):
        pytest.skip("ministack answers a query of this size in one part")
    entries = paged(bench, "P1", records=30)
    client, store = bench.client, bench.store()
    queries: list[str] = []

    class Amid:
        def __getattr__(self, name: str) -> Any:
            def call(**request: Any) -> Any:
                if name == "query" and "ExclusiveStartKey" in request:
                    queries.append(name)
                    if len(queries) == 1:
                        renumber(bench, "P1")
                return getattr(client, name)(**request)

            return call

    bench.calls._client = Amid()
    (subject,) = store.subjects(bench.study)
    assert queries
    assert subject.subject == fold_all("P1", entries)


def test_a_subject_that_is_full_refuses_what_is_new_and_knows_what_is_old(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = paged(bench, "P1")
    monkeypatch.setattr("trial.store.subject_update.SUBJECT_LENGTH", 1_000)
    outcomes = bench.record(*(bench.event("P1", f"M{i}") for i in range(50)), bench.event("P2"))
    refused = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
    assert refused
    assert {item.status for item in refused} == {413}
    assert outcomes[-1] is RECORDED
    events = [bench.event("P1", f"M{i}") for i in range(50) if outcomes[i] is RECORDED]
    assert bench.record(entries[0]) == [REPEATED]
    bench.check(*entries, *events, bench.event("P2"))
