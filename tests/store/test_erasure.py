"""What an erasure takes out of the table, and what stays as it was."""

import json
import random
import threading
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import toy
from bench import Bench
from counted import check_sums
from doubles import MemoryClient

from trial.commands import auditing, erasure
from trial.definition.study import CONTRIBUTION_VERSION, Study
from trial.errors import Rejected
from trial.events import envelope
from trial.events.privacy import ERASED
from trial.statistics.cells import Share
from trial.store import dynamodb, quarantine, verify
from trial.store.encoding.dictionary import RECORDS_1, SHARES_1
from trial.store.table import Table
from trial.subject.fold import Outcome, Subject, fold_all
from trial.tables.compiled import StoredRows

SECRET = "Gunther Zyx"  # a name in a free text
ADMIN = "arn:aws:iam::123456789012:role/admin"


def death(bench: Bench, subject: str, revision: int = 1, cause: str = SECRET) -> envelope.Entry:
    data = {"record": "D-1", "revision": revision, "date": "2015-08-01", "cause": cause}
    if revision > 1:
        data["reason_for_change"] = f"{SECRET} had told otherwise"
    return toy.parsed(bench.study.id, subject, "death.reported", data, f"d{revision}")


def history(bench: Bench, subject: str, length: int = 3) -> list[envelope.Entry]:
    """Make events that have a personal text each."""
    events = [
        toy.serious(bench.study.id, subject, f"AE-{i}", term=f"{SECRET} fell {i} times" * 9)
        for i in range(length)
    ]
    return [*events, bench.event(subject), death(bench, subject), death(bench, subject, 2)]


def erase(bench: Bench, subject: str, reason: str = "Asked to") -> Any:
    store = bench.store()
    entry = erasure.entry_of(bench.study, subject, reason, "request", bench.clock())
    return erasure.erase(store, bench.study, entry, ADMIN)


def items(bench: Bench) -> Iterator[dict[str, Any]]:
    if isinstance(bench.client, MemoryClient):
        yield from bench.client.tables[bench.name].values()
        return
    pages = bench.client.get_paginator("scan").paginate(TableName=bench.name, ConsistentRead=True)
    for page in pages:
        yield from page["Items"]


def told(value: Any) -> Iterator[str]:
    """Give every text of an item, names and bytes too, unpacked where they are packed."""
    match value:
        case dict():
            for name, member in value.items():
                yield str(name)
                yield from told(member)
        case bytes():
            yield value.decode("latin-1")
            for dictionary in (RECORDS_1, SHARES_1):
                try:
                    yield zlib.decompressobj(zdict=dictionary).decompress(value).decode()
                except (zlib.error, UnicodeDecodeError):
                    continue
        case _:
            yield str(value)


def texts(bench: Bench) -> str:
    return "\n".join(text for item in items(bench) for text in told(item))


@pytest.mark.parametrize("length", [2, 60])  # in one row, and in pages
def test_nothing_is_left_of_a_personal_text_and_all_else_stays(bench: Bench, length: int) -> None:
    entries = history(bench, "P1", length)
    for start in range(0, len(entries), 5):
        bench.record(*entries[start : start + 5])
    bench.record(*history(bench, "P2", 1))
    assert SECRET in texts(bench)
    before = bench.store().journal(bench.study.id, "P1")

    erased = erase(bench, "P1")

    assert erased.first
    store = bench.store()
    stored = store.subject(bench.study, "P1")
    assert stored is not None
    journal = store.journal(bench.study.id, "P1", stored.cipher_key)
    assert [row.document() for row in journal[:-1]] == [row.document() for row in before]
    assert verify(journal, stored.head)
    assert (journal[-1].principal, "Asked to" in journal[-1].body) == (ADMIN, True)
    assert fold_all("P1", (row.entry() for row in journal)) == stored.subject
    assert stored.subject.accepted == len(entries) + 1
    assert {record.data["term"] for (kind, _), record in stored.subject.records.items()
            if kind == "adverse-event.reported"} == {ERASED}  # fmt: skip
    assert set(map(str, check_sums(store, bench.study).values())) == {"{}"}
    assert store.sums(bench.study) == {
        row: cells
        for row, cells in store.sums(bench.study).items()
        if cells and all(cells.values())
    }
    assert SECRET in texts(bench)  # of P2, who did not ask
    erase(bench, "P2")
    assert SECRET not in texts(bench)
    audited = auditing.audit(store, bench.study.id)
    assert audited.differences == ()


def by_cause(study: Study, subject: Subject, **_former: object) -> Share:
    """Count in cells that are named for what was written."""
    share = toy.contribute(study, subject)
    for record in subject.records.values():
        if record.kind == "death.reported":
            share["causes#0"] = {f"cause={record.data['cause']}": 1}
    return share


def test_a_cell_named_for_a_text_goes_with_it(bench: Bench) -> None:
    first = death(bench, "P1", cause=f"{SECRET}, at first")
    second, of_other = death(bench, "P1", 2), death(bench, "P2", cause="a fall")
    store = bench.store(contribute=by_cause)
    store.record(bench.study, toy.receipts([first]))
    store.record(bench.study, toy.receipts([second, of_other]))
    assert SECRET in texts(bench)
    entry = erasure.entry_of(bench.study, "P1", "Asked to", "request", bench.clock())
    erasure.erase(store, bench.study, entry, ADMIN)
    assert SECRET not in texts(bench)
    assert store.sums(bench.study)["causes#0"] == {f"cause={ERASED}": 1, "cause=a fall": 1}
    assert set(map(str, check_sums(store, bench.study).values())) == {"{}"}


@pytest.mark.parametrize("known", [["m#tally#1#", "q#tally#2#"], ["q#tally#1#"], []])
def test_tallies_which_grow_with_the_study_are_passed_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, known: list[str]
) -> None:
    def counted(study: Study, subject: Subject, **_former: object) -> Share:
        share = by_cause(study, subject)
        cells = share.pop("causes#0", {})
        tallies = {f"{table}#tally#1#{n}": {f"0={n}": 1} for table in "mq" for n in range(9)}
        return share | tallies | {row: cells for row in ("m#0", "m#u", "n#0", "z#0") if cells}

    monkeypatch.setattr(dynamodb, "stored_rows", lambda _study: StoredRows((), known))
    store = bench.store(contribute=counted)
    store.record(
        bench.study, toy.receipts([death(bench, "P1"), death(bench, "P2", cause="a fall")])
    )
    assert SECRET in texts(bench)
    entry = erasure.entry_of(bench.study, "P1", "Asked to", "request", bench.clock())
    names: list[str] = []
    query_range = Table.query_range

    def noted(table: Table, *span: str) -> Iterator[Any]:
        for item in query_range(table, *span):
            names.append(item["SK"]["S"])
            yield item

    monkeypatch.setattr(Table, "query_range", noted)
    erasure.erase(store, bench.study, entry, ADMIN)
    assert SECRET not in texts(bench)
    tallies = [name for name in names if "#tally#" in name]
    assert len(tallies) <= 2 * (2 - len(known))  # the first row of one that is not known
    assert store.sums(bench.study)["z#0"] == {f"cause={ERASED}": 1, "cause=a fall": 1}


def test_what_another_generation_counted_goes_with_it_too(bench: Bench) -> None:
    old = bench.store(contribute=by_cause, version=CONTRIBUTION_VERSION)
    old.record(bench.study, toy.receipts([death(bench, "P1")]))
    new = bench.store(version=CONTRIBUTION_VERSION + 1)
    new.record(new.study(bench.study.id), toy.receipts([bench.event("P1")]))
    entry = erasure.entry_of(bench.study, "P1", "Asked to", "request", bench.clock())
    erasure.erase(new, new.study(bench.study.id), entry, ADMIN)
    assert SECRET in texts(bench)  # what a release counted that still runs
    assert new.fill(bench.study.id)
    bench.clock.pause(3_600)
    assert new.fill(bench.study.id)
    assert new.drop_generations(bench.study.id, bench.clock()) == [bench.study.generation]
    new.clear_sums(bench.study)
    assert SECRET not in texts(bench)


def test_erasing_again_changes_nothing(bench: Bench) -> None:
    bench.record(*history(bench, "P1"))
    assert erase(bench, "P1").first
    before = sorted(map(str, items(bench)))
    assert not erase(bench, "P1", "Asked twice").first
    assert sorted(map(str, items(bench))) == before


def test_what_comes_later_is_counted_without_its_texts(bench: Bench) -> None:
    entries = history(bench, "P1")
    bench.record(*entries[:2])
    erase(bench, "P1")
    assert set(bench.record(*entries[2:])) == {Outcome.RECORDED}
    assert set(bench.record(*entries)) == {Outcome.REPEATED}
    conflicting = toy.serious(bench.study.id, "P1", "AE-0", term="another")
    assert bench.record(conflicting) == [Outcome.CONFLICT]
    assert SECRET not in texts(bench)
    store = bench.store()
    stored = store.subject(bench.study, "P1")
    assert stored is not None
    journal = store.journal(bench.study.id, "P1", stored.cipher_key)
    assert verify(journal, stored.head)
    assert fold_all("P1", (row.entry() for row in journal)) == stored.subject
    assert auditing.audit(store, bench.study.id).differences == ()


def test_an_event_that_commits_meanwhile_is_erased_with_the_rest(bench: Bench) -> None:
    entries = history(bench, "P1", 12)
    bench.record(entries[0])
    rest = random.Random(1).sample(entries[1:], len(entries) - 1)  # noqa: S311
    outcomes: list[Any] = []

    def write(part: list[envelope.Entry]) -> None:
        for entry_ in part:
            outcomes.extend(bench.record(entry_))

    writers = [threading.Thread(target=write, args=(rest[i::3],)) for i in range(3)]
    for writer in writers:
        writer.start()
    erased = erase(bench, "P1")
    for writer in writers:
        writer.join()
    assert erased.first
    assert outcomes == [Outcome.RECORDED] * len(rest)
    erase(bench, "P1")
    assert SECRET not in texts(bench)
    store = bench.store()
    stored = store.subject(bench.study, "P1")
    assert stored is not None
    assert verify(store.journal(bench.study.id, "P1"), stored.head)
    assert stored.version == stored.subject.accepted == len(entries) + 1
    assert set(map(str, check_sums(store, bench.study).values())) == {"{}"}


def test_a_subject_that_is_not_there_cannot_be_erased(bench: Bench) -> None:
    with pytest.raises(Rejected) as refused:
        erase(bench, "P9")
    assert refused.value.status == 404


def test_bodies_quarantined_are_dropped_now_and_later(bench: Bench) -> None:
    store, name = bench.store(), bench.study.id
    bench.record(bench.event("P1"))
    of_others = {
        '{"subject": "P10", "data": "P1"}': True,
        '{"subject": "P2", "term": "no"}': True,
    }
    of_subject = {
        f'{{"subject": "P1", "term": "{SECRET}"}}': False,
        f'{{"subject": "\\u00501", "term": "{SECRET}"}}': False,
        f'[{{"subject": "P2"}}, {{"subject": "P1", "term": "{SECRET}"}}]': False,
        f'{{"subject": "P1", "term": "{SECRET} and no end': False,
    }
    for body in of_others | of_subject:
        assert store.quarantine(name, body, {"title": "no"}, ADMIN)
    assert erase(bench, "P1").quarantined == len(of_subject)
    late = f'{{"subject": "P1", "term": "late {SECRET}"}}'
    store.quarantine(name, late, {"title": "no"}, ADMIN)
    bodies_of_others = {
        rejected_body.body.decode()
        for rejected_body in store.rejected_bodies(name)
        if rejected_body.body
    }
    assert bodies_of_others == of_others.keys()
    dropped = [
        rejected_body for rejected_body in store.rejected_bodies(name) if rejected_body.body is None
    ]
    assert len(dropped) == len(of_subject) + 1
    assert all(row.erased and row.problem == {"title": "no"} for row in dropped)
    assert SECRET not in texts(bench)


def test_texts_sealed_for_one_record_do_not_open_for_another(bench: Bench) -> None:
    bench.record(death(bench, "P1"), toy.serious(bench.study.id, "P1", term="fell"))
    by_sort_key = {item["SK"]["S"]: item for item in items(bench) if "#JOURNAL#" in item["PK"]["S"]}
    first, second = (
        by_sort_key["death.reported#D-1#1"],
        by_sort_key["adverse-event.reported#AE-1#1"],
    )
    moved = first | {"texts": second["texts"]}
    bench.client.transact_write_items(
        TransactItems=[{"Put": {"TableName": bench.name, "Item": moved}}]
    )
    store = bench.store()
    stored = store.subject(bench.study, "P1")
    assert stored is not None
    (row,) = (
        row
        for row in store.journal(bench.study.id, "P1", stored.cipher_key)
        if row.kind == "death.reported"
    )
    assert row.received is None
    (difference,) = auditing.audit(store, bench.study.id).differences
    assert difference.what == "chain"


class Amid:
    """A client that lets something happen before the call of one number."""

    def __init__(self, client: Any, number: int, happens: Callable[[], object]) -> None:
        self._client, self._number, self._happens = client, number, happens
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(**request: Any) -> Any:
            self.calls += 1
            if self.calls == self._number:
                self._happens()
            return method(**request)

        return call


@pytest.mark.parametrize("ending", ["", "}"])
@pytest.mark.parametrize("partition", ["its own", quarantine.UNKNOWN_STUDY])
def test_a_body_quarantined_in_any_moment_of_an_erasure_is_dropped(
    bench: Bench, partition: str, ending: str
) -> None:
    """Either happens within the other, between any two calls of it."""
    study = bench.study.id if partition == "its own" else partition

    def put(client: Any, subject: str) -> None:
        body = json.dumps({"subject": subject, "term": SECRET}) + ending  # whole, or broken
        quarantine.quarantine_body(Table(client, bench.name), study, body, {}, "x", bench.clock())

    def drop(client: Any, subject: str) -> None:
        quarantine.erase_subject(Table(client, bench.name), bench.study.id, subject, bench.clock())

    for number in range(1, 9):
        for outer, inner in ((put, drop), (drop, put)):
            subject = f"R{number}{outer.__name__}"
            amid = Amid(bench.client, number, lambda: inner(bench.client, subject))  # noqa: B023
            outer(amid, subject)
            if amid.calls < number:
                inner(bench.client, subject)
    bodies = [
        rejected_body
        for rejected_body in quarantine.rejected_bodies(Table(bench.client, bench.name), study)
        if rejected_body.body
    ]
    assert bodies == []


def test_refusing_a_body_reads_no_more_with_many_erased_subjects(bench: Bench) -> None:
    calls: list[int] = []
    for number in range(2):
        counting = Amid(bench.client, 0, lambda: None)
        body = json.dumps({"subject": f"S{number}"})
        quarantine.quarantine_body(
            Table(counting, bench.name), bench.study.id, body, {}, "x", bench.clock()
        )
        calls.append(counting.calls)
        for index in range(60):
            quarantine.erase_subject(
                Table(bench.client, bench.name), bench.study.id, f"E{index}", bench.clock()
            )
    assert calls[0] == calls[1]
