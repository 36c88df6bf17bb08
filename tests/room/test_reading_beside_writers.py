"""Whatever is read while sixteen writers post is what the events counted by then give.

Of each shard, that is: an answer is of one state of each, and events of different shards have no
order between them.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import product
from typing import Any

import pytest
from rooms import READER, Room
from test_pages import EXAMPLE, START

import wiring
from local.feed import read_definition
from trial.definition.study import Study
from trial.events.envelope import Entry, parse
from trial.events.json_body import read_json
from trial.reporting.live import by_column
from trial.statistics import cells
from trial.statistics.cells import Share
from trial.store.bucket.documents import COLUMNS
from trial.store.bucket.object_keys import AUDIT, LIVE
from trial.store.keys import shard_of
from trial.subject.fold import fold_all
from trial.tables.compiled import audience_share, contribute
from trial.web import queries
from trial.web.routing import Request

WRITERS, COURSES, SHARDS = 16, 4, 2
TURNS = 4
"""How many events are posted while an answer is made, about."""
ROUTES = ("summary", "consort", "tables", "tables/14.1", "tables/14.2", "tables/14.3")


def definition() -> str:
    return json.dumps(read_definition(EXAMPLE / "definition.yaml") | {"shards": SHARDS})


class Recounted:
    """A store whose sums are those of some events, each subject's gathered anew."""

    def __init__(self, room: Room, entries: Iterable[Entry]) -> None:
        self._store = room.store
        by_subject: dict[str, list[Entry]] = {}
        for entry in entries:
            by_subject.setdefault(entry.subject, []).append(entry)
        self._subjects = [fold_all(*course) for course in by_subject.items()]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def sums(self, study: Study) -> Share:
        shares = (contribute(study, subject) for subject in self._subjects)
        return audience_share(study, cells.total(shares))

    def read_sums(self, study: Study, reader: Callable[[Share], Any]) -> Any:
        return reader(self.sums(study))


def late(call: Callable[..., Any]) -> Callable[..., Any]:
    """Let others go on before a call is made, as they do while it is on its way."""

    def later(**request: Any) -> Any:
        time.sleep(0.001)
        return call(**request)

    return later


class Trial:
    """A room with a study of some shards, and the order in which its events were committed."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.room = Room(patch)
        self.study = self.room.define(definition())
        lines = (EXAMPLE / "feed.ndjson").read_text(encoding="utf-8").splitlines()
        self.courses: dict[str, list[str]] = {}
        for value in map(json.loads, lines):
            for n in range(COURSES):
                renamed = value | {"id": f"{value['id']}-{n}", "subject": f"{value['subject']}-{n}"}
                self.courses.setdefault(renamed["subject"], []).append(json.dumps(renamed))
        self.committed: list[Entry] = []
        self.turns = threading.Semaphore(0)
        self._sent = {
            (entry.subject, entry.kind, entry.record, entry.revision): entry
            for course in self.courses.values()
            for entry in map(self._read, course)
        }
        client = self.room.store._table._client
        self._transact, self._lock = client.transact_write_items, client._lock
        patch.setattr(client, "transact_write_items", self._noting)
        for name in ("query", "batch_get_item"):
            patch.setattr(client, name, late(getattr(client, name)))

    def _read(self, text: str) -> Entry:
        return parse(read_json(text), text, self.study.id)

    def _noting(self, TransactItems: list[Any], **options: Any) -> Any:  # noqa: N803
        with self._lock:
            answer = self._transact(TransactItems=TransactItems, **options)
            for item in (action["Put"]["Item"] for action in TransactItems if "Put" in action):
                _, _, subject = item["PK"]["S"].partition("#JOURNAL#")
                if subject:
                    kind, record, revision = item["SK"]["S"].split("#")
                    self.committed.append(self._sent[subject, kind, record, int(revision)])
            return answer

    def by_shard(self, length: int | None = None) -> list[list[Entry]]:
        """Give the events that were committed first, so many of them, by shard."""
        entries: list[list[Entry]] = [[] for _ in range(SHARDS)]
        for entry in self.committed[:length]:
            entries[shard_of(entry.subject, SHARDS)].append(entry)
        return entries

    def post(self, bodies: list[str]) -> None:
        for body in bodies:
            self.turns.acquire()
            self.room.record(self.study, [body])

    def get(self, route: str) -> str:
        path, _, table = route.partition("/")
        resource = f"/studies/{{study}}/{path}" + ("/{table}" if table else "")
        parts = {"study": self.study.id} | ({"table": table} if table else {})
        answer = queries.serve(Request("GET", resource, parts, {}, b"", "reader"))
        assert answer.status == 200, answer.text
        return answer.text


class Readers:
    """What was read while others wrote, each with how many events were committed by then."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.answers: dict[str, list[tuple[int, str, int]]] = {route: [] for route in ROUTES}
        self.listings: list[tuple[dict[str, int], str]] = []
        self.by_columns = False

    def get(self) -> None:
        for route, answers in self.answers.items():
            before = len(self.trial.committed)
            self.trial.turns.release(TURNS)
            text = self.trial.get(route)
            answers.append((before, text, len(self.trial.committed)))

    def publish(self) -> None:
        """Publish; read a listing by its columns, and how many events of whom it is made of."""
        room, study = self.trial.room, self.trial.study
        room.clock.pause(100)
        room.publish(study)
        latest = room.documents.latest(study.id, "open").document
        assert latest is not None
        self.by_columns = bool(latest[COLUMNS])
        heads = json.loads(room.documents.read(study.id, "open", f"{AUDIT}/{LIVE}", "heads.json"))
        counts = {subject: head["version"] for subject, head in heads["subjects"].items()}
        self.listings.append((counts, listing(room)))


def listing(room: Room) -> str:
    return room.answer(f"{START}/listings/16.2.7/csv?sort=-AETERM", READER).text


def test_every_answer_is_that_of_a_prefix_of_the_events(monkeypatch: pytest.MonkeyPatch) -> None:
    trial = Trial(monkeypatch)
    assert len(trial.courses) == WRITERS
    readers = Readers(trial)
    with monkeypatch.context() as patch, ThreadPoolExecutor(WRITERS) as threads:
        patch.setattr(by_column, "LONG_ROWS", 1)
        writing = [threads.submit(trial.post, bodies) for bodies in trial.courses.values()]
        try:
            while not all(writer.done() for writer in writing):
                readers.get()
                readers.publish()
        finally:
            trial.turns.release(1_000)
        for writer in writing:
            writer.result()
        readers.get()
        readers.publish()
    assert readers.by_columns
    check_answers(trial, readers.answers, monkeypatch)
    check_listings(trial, readers.listings, monkeypatch)


def check_answers(
    trial: Trial, answers: dict[str, list[tuple[int, str, int]]], patch: pytest.MonkeyPatch
) -> None:
    """Demand of each answer that of each shard it is of the events at a moment of its reading."""
    committed = trial.by_shard()
    assert all(committed)

    @cache
    def recounted(route: str, lengths: tuple[int, ...]) -> str:
        entries = [entry for n, length in enumerate(lengths) for entry in committed[n][:length]]
        store = Recounted(trial.room, entries)
        patch.setattr(wiring, "store", lambda: store)
        return trial.get(route)

    for route, seen in answers.items():
        assert len({text for _, text, _ in seen}) > 2, route
        for before, text, after in seen:
            lengths = [
                range(len(first), len(last) + 1)
                for first, last in zip(trial.by_shard(before), trial.by_shard(after), strict=True)
            ]
            states = product(*lengths)
            assert any(recounted(route, state) == text for state in states), (route, before, after)


def check_listings(
    trial: Trial, listings: list[tuple[dict[str, int], str]], patch: pytest.MonkeyPatch
) -> None:
    """Demand of each listing that it is of each subject's first events, as many as it says."""
    assert len({text for _, text in listings}) > 2
    for counts, text in listings:
        room = Room(patch)
        study = room.define(definition())
        for subject, count in counts.items():
            course = [entry for entry in trial.committed if entry.subject == subject]
            room.record(study, course[:count])
        room.publish(study)
        assert listing(room) == text
