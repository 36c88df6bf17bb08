"""A deferred dataclass is what the standard decorator makes of it, from its first call on."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field, fields, replace
from functools import cached_property
from threading import Barrier

import pytest

from trial.deferred import dataclass


@dataclass(frozen=True)
class Interval:
    """With a default, a default factory, and what is computed once."""

    lower: int
    upper: int = 9
    notes: list[str] = field(default_factory=list, compare=False, repr=False)

    @cached_property
    def width(self) -> int:
        return self.upper - self.lower


@dataclass(frozen=True)
class NamedInterval(Interval):
    name: str = field(kw_only=True)

    def __post_init__(self) -> None:
        assert self.name


class Whole(Interval):
    """Of a class with no decorator of its own."""

    def __init__(self) -> None:
        super().__init__(0)


@dataclass(frozen=True, eq=False)
class Single:
    number: int


@dataclass
class Changing:
    number: int = 0


def test_a_class_is_finished_by_its_first_call_and_those_above_it_before() -> None:
    assert not dataclasses.is_dataclass(Interval)
    interval = NamedInterval(1, name="a")
    assert (interval.lower, interval.upper, interval.notes, interval.width) == (1, 9, [], 8)
    assert [part.name for part in fields(NamedInterval)] == ["lower", "upper", "notes", "name"]
    assert repr(interval) == "NamedInterval(lower=1, upper=9, name='a')"
    assert replace(interval, upper=3) == NamedInterval(1, 3, name="a") != interval
    assert hash(interval) == hash(NamedInterval(1, 9, ["not compared"], name="a"))
    assert Interval(1) != interval
    assert Whole().upper == 9
    with pytest.raises(TypeError, match=r"^(NamedInterval\.)?__init__\(\) missing 1 required key"):
        NamedInterval(1)


def test_what_is_equal_and_what_has_a_hash_is_as_it_was_asked_for() -> None:
    assert Single(1) != Single(1)
    assert len({Single(1), Single(1)}) == 2
    assert Changing() == Changing(0)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Changing())


def test_threads_that_all_make_the_first_one_get_a_finished_class() -> None:
    def make(waiting: tuple[type, Barrier]) -> object:
        cls, barrier = waiting
        barrier.wait()
        return cls(1, upper=2)

    with ThreadPoolExecutor(8) as pool:
        for _ in range(50):
            new = dataclass(
                type("New", (), {"__annotations__": {"lower": int, "upper": int}, "upper": 0})
            )
            barrier = Barrier(8)
            made = list(pool.map(make, [(new, barrier)] * 8))
            assert all(part == made[0] for part in made)
            assert repr(made[-1]) == "New(lower=1, upper=2)"
