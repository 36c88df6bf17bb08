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
    held, _ = opened()
    lease = held.acquire("S", "a", ["P1", "P2"])
    assert lease is not None
    assert lease.changed == {"P1", "P2"}
    assert held.release(lease) is None


def test_who_finds_the_study_leased_leaves_its_subjects_to_the_holder() -> None:
    held, _ = opened()
    first = held.acquire("S", "a", ["P1"])
    assert first is not None
    assert held.acquire("S", "b", ["P2"]) is None
    again = held.release(first)
    assert again is not None
    assert again.changed == {"P1", "P2"}
    assert held.acquire("S", "c", ["P3"]) is None
    third = held.release(again)
    assert third is not None
    assert third.changed is not None
    assert third.changed >= {"P3"}
    assert held.release(third) is None


def test_a_released_lease_leaves_no_subjects_behind() -> None:
    held, _ = opened()
    lease = held.acquire("S", "a", ["P1"])
    assert lease is not None
    held.release(lease)
    after = held.acquire("S", "b", ["P2"])
    assert after is not None
    assert after.changed == {"P2"}


def test_what_a_holder_that_ended_was_told_is_left_to_the_next() -> None:
    held, clock = opened()
    held.acquire("S", "a", ["P1"])
    assert held.acquire("S", "b", ["P2"]) is None
    clock.at += leases.DURATION + timedelta(seconds=1)
    after = held.acquire("S", "c", ["P3"])
    assert after is not None
    assert after.changed == {"P1", "P2", "P3"}


def test_a_holder_that_is_retried_or_gave_up_loses_none() -> None:
    held, _ = opened()
    held.acquire("S", "a", ["P1"])
    assert held.acquire("S", "b", ["P2"]) is None
    again = held.acquire("S", "a", ["P1"])
    assert again is not None
    assert again.changed == {"P1", "P2"}
    held.abandon("S", "a")
    after = held.acquire("S", "c", [])
    assert after is not None
    assert after.changed == {"P1", "P2"}


def test_where_any_subject_may_have_changed_a_call_about_some_changes_nothing() -> None:
    held, _ = opened()
    held.acquire("S", "a", None)
    assert held.acquire("S", "b", ["P2"]) is None
    after = held.acquire("S", "a", [])
    assert after is not None
    assert after.changed is None


def test_a_lease_names_no_more_subjects_than_it_can_hold() -> None:
    held, _ = opened()
    names = [f"P{number}" for number in range(leases._MOST_NAMED)]
    lease = held.acquire("S", "a", names)
    assert lease is not None
    assert lease.changed == set(names)
    assert held.acquire("S", "b", ["one more"]) is None
    again = held.release(lease)
    assert again is not None
    assert again.changed is None
