"""A study that is over is only read; when its time is over too, nothing of it is left."""

from datetime import timedelta
from typing import Any

import faults
import pytest
import toy
from bench import Bench
from doubles import MemoryClient
from faults import Crash

from trial.commands import auditing, erasure
from trial.definition import study
from trial.errors import Rejected
from trial.store import verify
from trial.subject.fold import Outcome

ADMIN = "arn:aws:iam::123456789012:role/admin"


def refused(outcome: Any) -> tuple[int, str]:
    assert isinstance(outcome, Rejected)
    return outcome.status, outcome.title


def keys_of(bench: Bench) -> set[tuple[str, str]]:
    if isinstance(bench.client, MemoryClient):
        return set(bench.client.tables[bench.name])
    pages = bench.client.get_paginator("scan").paginate(TableName=bench.name, ConsistentRead=True)
    return {(item["PK"]["S"], item["SK"]["S"]) for page in pages for item in page["Items"]}


def years_pass(bench: Bench, years: int) -> None:
    bench.clock.at += timedelta(days=366 * years)


def test_a_retired_study_takes_nothing_new_and_is_read_as_before(bench: Bench) -> None:
    writer = bench.store()  # it knows the study as it was
    bench.record(bench.event("P1"), store=writer)
    before = bench.store().sums(bench.study)
    decision = bench.store().retire(bench.study.id, ADMIN, "Closed")
    late = [bench.event("P1", "L2"), bench.event("P2"), bench.event("P1")]
    record = bench.record(*late, store=writer)
    assert [refused(item) for item in record[:2]] == [(409, "Study is retired")] * 2
    assert record[2] is Outcome.REPEATED
    store = bench.store()
    assert store.sums(bench.study) == before
    assert store.retire(bench.study.id, ADMIN, "Again") == decision
    amended = toy.definition(bench.study.id, bench.study.definition.shards, "Another title")
    with pytest.raises(Rejected, match="retired"):
        store.put_definition(study.load(amended), amended)
    audited = auditing.audit(store, bench.study.id)
    assert (audited.differences, audited.complete, audited.events) == ((), True, 1)


def test_a_retired_study_still_erases(bench: Bench) -> None:
    bench.record(toy.serious(bench.study.id, "P1", term="told her name"))
    bench.store().retire(bench.study.id, ADMIN, "Closed")
    store = bench.store()
    entry = erasure.entry_of(bench.study, "P1", "Asked to", "request", bench.clock())
    assert erasure.erase(store, bench.study, entry, ADMIN).first
    stored = store.subject(bench.study, "P1")
    assert stored is not None
    assert stored.subject.erased
    assert verify(store.journal(bench.study.id, "P1"), stored.head)


def test_a_study_is_kept_until_its_retention_is_over(bench: Bench) -> None:
    store, name = bench.store(), bench.study.id
    bench.record(bench.event("P1"))
    with pytest.raises(Rejected) as early:
        store.remove(name, ADMIN, "Done")
    detail = f"the study must be retired first: POST /studies/{name}/retire"
    assert (early.value.status, early.value.detail) == (409, detail)
    store.retire(name, ADMIN, "Closed")
    years_pass(bench, 24)
    with pytest.raises(Rejected) as refusal:
        store.remove(name, ADMIN, "Done")
    assert refusal.value.detail == "its retention period ends on 2051-01-01"
    assert store.sums(bench.study)


def test_a_removed_study_leaves_only_who_decided_so(bench: Bench) -> None:
    name = bench.study.id
    for i in range(30):
        bench.record(toy.serious(name, "P1", f"AE-{i}", term=f"{i} told her name" * 20))
    bench.record(bench.event("P2"))
    bench.store().quarantine(name, "{", {"title": "no"}, ADMIN)
    bench.store().retire(name, ADMIN, "Closed")
    years_pass(bench, 26)
    bench.store().remove(name, ADMIN, "Done")
    result = False
    for calls in range(1, 200):
        try:
            bench.store(*[None] * calls, faults.crash_after).clear(name)
        except Crash:
            items = {key for key in keys_of(bench) if name in "#".join(key).split("#")}
            assert ("STUDIES", name) in items or len(items) == 1  # the next audit finds it again
        else:
            result = True
            break
    assert result
    assert {key for key in keys_of(bench) if name in "#".join(key).split("#")} == {
        (f"STUDY#{name}", "CURRENT")
    }
    current = bench.store().current(name)
    assert current is not None
    assert current.removed is not None
    assert (current.removed.principal, current.removed.reason) == (ADMIN, "Done")
    with pytest.raises(Rejected) as refusal:
        bench.store().study(name)
    assert refusal.value.status == 404
    posted = toy.definition(name, bench.study.definition.shards)
    with pytest.raises(Rejected, match="retired"):
        bench.store().put_definition(study.load(posted), posted)
