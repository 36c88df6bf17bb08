"""Guess arms in every way, of two studies that differ in arms alone: both answer alike.

The sequence of calls of the store, with what each asks for, stands for the time that an answer
takes.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import blinded
import pytest
import soak
from blinded import Case
from botocore.exceptions import ClientError
from doubles import Clock, MemoryClient
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from parallel import TOTAL, A, B, randomised

import wiring
from trial.commands import intake
from trial.errors import Rejected, Unavailable
from trial.events.blinding import is_unblinding
from trial.events.envelope import Entry
from trial.store.activities import Activities
from trial.store.bucket.documents import Documents
from trial.store.discrepancy_states import DiscrepancyStates
from trial.store.dynamodb import Store
from trial.store.encoding import sealing
from trial.store.reports import Reports
from trial.store.senders import Senders
from trial.store.submissions import Submissions
from trial.store.table import Table
from trial.tables import compiled
from trial.web import request_bodies
from trial.web.routing import Answer, Request

GUESSES = soak.size(25, 4_000)
SINGLE, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
BLINDED_SENDER = "arn:aws:iam::123456789012:role/monitor"
PARTS = {"subject": "S-0", "table": "t", "cut": "live", "base": "x", "file": "summary.json",
         "digest": "x", "figure": "f"}  # fmt: skip
type Told = tuple[int, Mapping[str, str], str, list[Any]]


class Watched:
    """A client whose calls are noted: what was called, of how many items."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.calls: list[tuple[str, int]] = []

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            self.calls.append((name, len(request.get("TransactItems", ()))))
            return getattr(self.client, name)(**request)

        return call


class Nothing:
    """A bucket in which nothing is published yet."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**_request: Any) -> Any:
            missing: Any = {"Error": {"Code": "NoSuchKey"}, "ResponseMetadata": {}}
            raise ClientError(missing, name)

        return call


class World:
    """A study, its handlers' store in memory, and the queue by which submissions are settled."""

    def __init__(self, case: Case, feed: list[Entry], patch: pytest.MonkeyPatch) -> None:
        self.client, self.queue = Watched(MemoryClient()), list[str]()
        clock = self.clock = Clock()
        table = Table(self.client, "t")
        self.store = Store(table, compiled.contribute, clock, clock.pause)
        self.submissions = Submissions(table, self.send, clock)
        self.study = case.study
        values = {
            "now": clock, "table": lambda: table, "store": lambda: self.store,
            "senders": lambda: Senders(table, clock),
            "activities": lambda: Activities(table, clock),
            "discrepancy_states": lambda: DiscrepancyStates(table, clock),
            "submissions": lambda: self.submissions, "reports": lambda: Reports(table),
            "documents": lambda: Documents(Nothing(), "b"),
        }  # fmt: skip
        for name, item in values.items():
            patch.setattr(wiring, name, item)
        assert self.store.put_definition(case.study, case.study.source) == "created"
        for entry in feed:
            road = "treatment-events" if intake.is_unblinding(entry.kind) else "events"
            status, *_ = self.ask("POST", f"/studies/{{study}}/{road}", written(entry), SINGLE)
            assert status in {201, 202, 200, 409}
            self.settle()

    def send(self, message: str) -> None:
        self.client.calls.append(("send", 0))
        self.queue.append(message)

    def tick(self) -> None:
        """Begin another second: what happened before does not decide when what follows does."""
        self.clock.at = self.clock.at.replace(microsecond=0) + timedelta(seconds=1)

    def settle(self) -> None:
        from trial.commands import submissions  # noqa: PLC0415

        while self.queue:
            self.tick()
            document = json.loads(self.queue.pop(0))
            assert submissions.record(
                self.store, self.submissions, document["study"], document["submitted"]
            )

    def ask(self, method: str, resource: str, body: Any = None, kind: str = "") -> Told:
        """Ask as somebody who must stay blinded; give the answer and the calls it took."""
        import api  # noqa: PLC0415

        self.tick()
        n_calls = len(self.client.calls)
        parts = {name: part for name, part in PARTS.items() if f"{{{name}}}" in resource}
        request = Request(
            method, resource, parts | {"study": self.study.id}, {"content-type": kind},
            b"" if body is None else json.dumps(body).encode(), BLINDED_SENDER,
        )  # fmt: skip
        answer = served(api.serve, request)
        return answer.status, answer.headers, answer.text, self.client.calls[n_calls:]

    def everything_open(self) -> dict[str, Told]:
        from trial.web import queries  # noqa: PLC0415

        return {
            path: self.ask(method, path)
            for method, path in queries.routes.all
            if path.startswith("/studies/") and "/unblinded/" not in path
        }


def served(serve: Callable[[Request], Answer], request: Request) -> Answer:
    from trial.web import routing  # noqa: PLC0415

    try:
        return serve(request)
    except (Rejected, Unavailable) as error:
        return routing.problem_answer(error)


def written(entry: Entry) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(entry.body)
    return event


def guessed(entry: Entry, filled: Mapping[str, Any], step: int) -> dict[str, Any]:
    """Write an event as its open history shows it, with a guess where it is masked."""
    event = written(entry)
    data = event["data"] | ({} if entry.void else filled)
    data = {name: item for name, item in data.items() if item is not None}
    if step:
        data |= {"revision": entry.revision + step, "reason_for_change": "Guessed"}
    return event | {"data": data}


@st.composite
def guesses(draw: st.DrawFn, case: Case) -> tuple[str, str, Any]:
    """Draw a call that guesses: one event or more, by a route that posts, or of what it left."""
    if draw(st.integers(0, 5)) == 0:
        path = draw(st.sampled_from(["quarantine/redrive", "subjects/{subject}/erase"]))
        return path, "application/json", {"reason": "Asked for"}
    telling = [item for item in case.first_feed if is_unblinding(item.kind)] or list(
        case.first_feed
    )
    events = [
        guessed(item, draw(blinded._other(item.kind)), draw(st.sampled_from([0, 0, 0, 1])))
        for item in draw(st.lists(st.sampled_from(telling), min_size=1, max_size=4))
    ]
    if draw(st.booleans()):
        events.append(written(draw(st.sampled_from(list(case.first_feed)))))
    road = draw(st.sampled_from(["events", "treatment-events"]))
    if draw(st.booleans()):
        return road, BATCH, events
    return road, SINGLE, events[0]


@pytest.fixture(scope="module", autouse=True)
def _handlers() -> Iterator[None]:
    """Import the API as Lambda does: the environment is there first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POWERTOOLS_SERVICE_NAME", "livetlf")
        patch.setenv("POWERTOOLS_METRICS_NAMESPACE", "LiveTLF")
        import api  # noqa: F401, PLC0415

        yield


def told(
    case: Case, feed: list[Entry], calls: list[tuple[str, str, Any]]
) -> tuple[list[Told], dict[str, Told]]:
    """Give all that somebody is told who makes these calls and then looks at all that is open."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing.secrets, "token_bytes", bytes)
        patch.setattr(request_bodies, "new_request_id", lambda: "drawn")
        world = World(case, feed, patch)
        answers: list[Told] = []
        for path, kind, body in calls:
            answers.append(world.ask("POST", f"/studies/{{study}}/{path}", body, kind))
            world.settle()
        return answers, world.everything_open()


@seed(soak.seed(f"{GUESSES:,} pairs of studies guessed at"))
@settings(
    max_examples=GUESSES, deadline=None, database=None, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(blinded.cases(), st.data())
def test_studies_that_differ_in_arms_alone_answer_guesses_alike(case: Case, data: Any) -> None:
    calls = [data.draw(guesses(case)) for _ in range(data.draw(st.integers(1, 4)))]
    (result, open_one), (outcome, open_other) = (
        told(case, list(feed), calls) for feed in case.feeds
    )
    for path, item in open_one.items():
        assert item == open_other[path], path
    for call, value, candidate in zip(calls, result, outcome, strict=True):
        erasing = "erase" in call[0]  # it clears every cell of the shard that has come to 0
        assert value[: 3 if erasing else None] == candidate[: 3 if erasing else None], call


def test_the_property_sees_what_the_events_route_told_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Were treatment events of a blinded study answered like others, it would find out."""
    monkeypatch.setattr(intake, "is_unblinding", lambda _kind: False)
    defined = blinded.study_of([{"count": "enrolled"}], [A, B, TOTAL])
    items, result = [randomised("a", "S-0")], [randomised("b", "S-0")]
    case = Case(defined, items, result)
    call = ("events", SINGLE, written(items[0]))
    answers = [told(case, list(feed), [call])[0][0] for feed in case.feeds]
    assert [status for status, *_ in answers] == [200, 409]
