"""The pilot's whole feed, made once, and as the service reads it: for tests of one process."""

from functools import cache

from pilot.feed import feed
from pilot.writing import STUDY, Event, compact

from trial.events import envelope, json_body
from trial.events.envelope import Entry


@cache
def events() -> tuple[Event, ...]:
    """Give all events, in the order in which they arrive."""
    return tuple(feed())


@cache
def entries() -> tuple[Entry, ...]:
    """Read them as they are read when they are posted."""
    bodies = map(compact, events())
    return tuple(envelope.parse(json_body.read_json(body), body, STUDY) for body in bodies)
