"""The budgets that are cheap to count, so that a change that breaks one fails at once."""

import pytest
from benchmarks import requests, start

EVENTS = 400


def test_an_event_over_the_api_takes_two_requests_and_twelve_units() -> None:
    cost = requests.modelled(1, EVENTS)
    assert max(cost.requests[1:]) <= 2  # a process's first event reads the definition as well
    assert cost.mean(cost.units) <= 12


@pytest.mark.parametrize("shards", [None, 8])
def test_a_batch_of_fifty_takes_a_fifth_of_a_request_an_event(shards: int | None) -> None:
    cost = requests.modelled(requests.BATCH, EVENTS, shards)
    assert cost.mean(cost.requests) <= 0.2
    assert cost.mean(cost.units) <= 7


@pytest.mark.parametrize("handler", ["api", "ingest"])
def test_no_handler_of_events_loads_what_only_others_need(handler: str) -> None:
    assert start.unwanted(handler) == []
