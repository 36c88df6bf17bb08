"""Leases collect which subjects the calls were about, whoever comes and whoever goes."""

from datetime import timedelta

from doubles import Clock, MemoryClient

from trial.store import leases
from trial.store.leases import Leases
from trial.store.table import Table


def opened() -> tuple[Leases, Clock]:
    clock = Clock()
    return Leases(Table(MemoryClient(), "t"), clock), clock


def test_a_lease_names_the_subjects_of_its_call() -> None:
    lease_store, _ = opened()
    lease = lease_store.acquire("S", "a", ["P1", "P2"])
    assert lease is not None
    assert lease.changed == {"P1", "P2"}
    assert lease_store.release(lease) is None


def test_who_finds_the_study_leased_leaves_its_subjects_to_the_holder() -> None:
    lease_store, _ = opened()
    first = lease_store.acquire("S", "a", ["P1"])
    assert first is not None
    assert lease_store.acquire("S", "b", ["P2"]) is None
    second = lease_store.release(first)
    assert second is not None
    assert second.changed == {"P1", "P2"}
    assert lease_store.acquire("S", "c", ["P3"]) is None
    third = lease_store.release(second)
    assert third is not None
    assert third.changed is not None
    assert third.changed >= {"P3"}
    assert lease_store.release(third) is None


def test_a_released_lease_leaves_no_subjects_behind() -> None:
    lease_store, _ = opened()
    lease = lease_store.acquire("S", "a", ["P1"])
    assert lease is not None
    lease_store.release(lease)
    after = lease_store.acquire("S", "b", ["P2"])
    assert after is not None
    assert after.changed == {"P2"}


def test_what_a_holder_that_ended_was_told_is_left_to_the_next() -> None:
    lease_store, clock = opened()
    lease_store.acquire("S", "a", ["P1"])
    assert lease_store.acquire("S", "b", ["P2"]) is None
    clock.at += leases.DURATION + timedelta(seconds=1)
    after = lease_store.acquire("S", "c", ["P3"])
    assert after is not None
    assert after.changed == {"P1", "P2", "P3"}


def test_a_holder_that_is_retried_or_gave_up_loses_none() -> None:
    lease_store, _ = opened()
    lease_store.acquire("S", "a", ["P1"])
    assert lease_store.acquire("S", "b", ["P2"]) is None
    second = lease_store.acquire("S", "a", ["P1"])
    assert second is not None
    assert second.changed == {"P1", "P2"}
    lease_store.abandon("S", "a")
    after = lease_store.acquire("S", "c", [])
    assert after is not None
    assert after.changed == {"P1", "P2"}


def test_where_any_subject_may_have_changed_a_call_about_some_changes_nothing() -> None:
    lease_store, _ = opened()
    lease_store.acquire("S", "a", None)
    assert lease_store.acquire("S", "b", ["P2"]) is None
    after = lease_store.acquire("S", "a", [])
    assert after is not None
    assert after.changed is None


def test_a_lease_names_no_more_subjects_than_it_can_hold() -> None:
    lease_store, _ = opened()
    names = [f"P{number}" for number in range(leases._MOST_NAMED)]
    lease = lease_store.acquire("S", "a", names)
    assert lease is not None
    assert lease.changed == set(names)
    assert lease_store.acquire("S", "b", ["one more"]) is None
    second = lease_store.release(lease)
    assert second is not None
    assert second.changed is None
