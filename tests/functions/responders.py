"""Subjects of the tiny study who respond or not, posted to a service, and reports of them."""

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from typing import Any

from builders import TINY, dose, enrolment, viral_load
from invoking import Service

from trial.events.envelope import Entry

STUDY = "TINY"
DEFINITION = deepcopy(dict(TINY))
Document = dict[str, Any]


def responder(name: str, second_result: int = 1_000) -> list[Entry]:
    """Give a subject whose viral load falls, by day 14, from 10,000 to another value."""
    return [
        enrolment(subject=name, age=40, sex="F"),
        viral_load(0, 10_000, subject=name),
        viral_load(7, 10_000, subject=name),
        dose(7, subject=name),
        viral_load(14, second_result, subject=name),
        viral_load(35, 500, subject=name),
    ]


def post(service: Service, *entries: Entry) -> None:
    for entry in entries:
        answer = service.record(entry.body, STUDY)
        assert answer.status in {201, 202}, answer.text


def made(service: Service, clock: Callable[..., datetime], **request: str) -> Document:
    """Make a report, at a time of its own."""
    clock(seconds=2)
    row = service.made(STUDY, **request)
    clock(seconds=2)
    return row
