"""A store on each of two tables: one in memory, one of ministack. Both keep the same contract.

And so does a store whose subjects move to a new page with every few records.
"""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
import toy
from bench import FEW_BYTES, Bench, create_table, ministack_client
from doubles import MemoryClient

_NUMBER = count(1)


@pytest.fixture(params=["memory", "memory, short pages", "ministack"])
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    if request.param == "memory, short pages":
        monkeypatch.setattr("trial.store.subject_update.PAGE_BYTES", FEW_BYTES)
    if request.param != "ministack":
        return MemoryClient(page=3)
    return ministack_client(request.getfixturevalue("ministack"))


@pytest.fixture
def open_bench(client: Any) -> Callable[..., Bench]:
    """Give a maker of benches with a new study each, its definition put."""

    def make(shards: int = 2) -> Bench:
        number = next(_NUMBER)
        name = f"contract-{number}"
        if not isinstance(client, MemoryClient):
            create_table(client, name)
        bench = Bench(client, name, toy.toy_study(f"S{number}", shards))
        source = toy.definition(f"S{number}", shards)
        assert bench.store().put_definition(bench.study, source) == "created"
        return bench

    return make


@pytest.fixture
def bench(open_bench: Callable[..., Bench]) -> Bench:
    return open_bench()
