"""The reading room in this process, before a table and a bucket in memory."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest
from doubles import Clock, MemoryClient, MemoryS3
from signing import KeyInMemory
from visiting import form_body

import wiring
from trial import room
from trial.commands import intake
from trial.commands import submissions as settling
from trial.commands.intake import PostedEvent
from trial.commands.intake_context import Channel
from trial.definition import study as studies
from trial.definition.study import Study
from trial.errors import Beat
from trial.events import blinding, json_body
from trial.events.envelope import Entry
from trial.reporting import publishing
from trial.reporting.document_writer import DocumentWriter
from trial.reporting.live import publishing as live
from trial.reporting.report import contribute
from trial.reporting.signing import Signer
from trial.room import rows
from trial.store.activities import Activities
from trial.store.bucket.documents import Documents
from trial.store.discrepancy_states import DiscrepancyStates
from trial.store.dynamodb import Store
from trial.store.reports import Reports
from trial.store.senders import Senders
from trial.store.submissions import Submissions
from trial.store.table import Table
from trial.web.access.person import EVERY_STUDY, Person, Role
from trial.web.routing import Answer

TOKEN = "a-token-of-this-session"
SENDER = "upstream"


def person(*roles: str, study: str = EVERY_STUDY) -> Person:
    """Give somebody with some roles, and what follows from them."""
    held = {Role(role) for role in roles}
    if held & {Role.UNBLINDED_READER, Role.DATA_MANAGER}:
        held.add(Role.READER)
    return Person("issuer|somebody", "Some Body", {study: frozenset(held)})


READER, UNBLINDED = person("reader"), person("unblinded-reader")
MANAGER, ADMINISTRATOR = person("data-manager"), person("administrator")
EVERYTHING = person(*Role)


class LinkingS3(MemoryS3):
    """A bucket that signs links, as far as tests read them."""

    def generate_presigned_url(self, _call: str, Params: Any, ExpiresIn: int) -> str:  # noqa: N803
        return f"https://bucket.test/{Params['Key']}?seconds={ExpiresIn}"


@dataclass
class Links(HTMLParser):
    """Where a page leads to, and which ids its elements have."""

    found: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "a" and values.get("href"):
            self.found.append(str(values["href"]))
        if values.get("id"):
            self.ids.append(str(values["id"]))


class Room:
    """A room with studies in it."""

    def __init__(self, patch: pytest.MonkeyPatch, clock: Clock | None = None) -> None:
        # Versions have unique names in S3; here those of every bucket are alike.
        for kept in (rows.head, rows._whole, rows._by_column, rows.chosen):
            kept.cache_clear()
        self.clock = clock or Clock(step=timedelta(milliseconds=1))
        table = Table(MemoryClient(page=100), "t")
        self.store = Store(table, contribute, self.clock)
        self.documents = Documents(LinkingS3(), "bucket")
        self.reports = Reports(table)
        self.signer = Signer(KeyInMemory(), "alias/test")
        self.sent: list[str] = []
        self.beat: Beat = lambda: None
        services = {
            "now": self.clock,
            "table": lambda: table,
            "store": lambda: self.store,
            "documents": lambda: self.documents,
            "reports": lambda: self.reports,
            "activities": lambda: Activities(table, self.clock),
            "discrepancy_states": lambda: DiscrepancyStates(table, self.clock),
            "submissions": lambda: Submissions(table, self.sent.append, self.clock),
            "senders": lambda: Senders(table, self.clock),
        }
        for name, service in services.items():
            patch.setattr(wiring, name, service)

    def define(self, source: str) -> Study:
        study = studies.load(source)
        self.store.put_definition(study, source, "sponsor", "First version")
        return study

    def record(self, study: Study, bodies: Iterable[str | Entry]) -> None:
        """Take events in as the API does; treatment events of a blinded study by their channel."""
        for body in bodies:
            text = body if isinstance(body, str) else body.body
            value = json_body.read_json(text)
            kind = str(value["type"]).removeprefix("org.livetlf.").removesuffix(".v1")
            telling = study.definition.blinded and blinding.is_unblinding(kind)
            # Word of a submission is what makes it count, and it comes by the queue.
            context = wiring.intake_context(SENDER, Channel.QUEUE if telling else Channel.EVENTS)
            intake.take(context, study, [PostedEvent(text, value)])
        for message in map(json.loads, self.sent):
            assert settling.record(
                self.store, wiring.submissions(), message["study"], message["submitted"]
            )
        self.sent.clear()

    @property
    def writer(self) -> DocumentWriter:
        return DocumentWriter(self.store, self.documents, self.signer, "test")

    def publish(self, study: Study) -> None:
        live.publish(self.writer, study)
        self.reports.mark_rendering(study.id, "published", self.clock().isoformat())

    def make_reports(self, study: Study) -> None:
        """Make the reports that wait."""
        for report in self.reports.waiting(study.id):
            publishing.publish_report(self.reports, self.writer, study, report.id)

    def answer(self, path: str, who: Person = READER, method: str = "GET", **fields: str) -> Answer:
        parts = urlsplit(path)
        body, kind = form_body(fields)
        beat = self.beat
        request = room.RoomRequest(
            method, parts.path, parts.query, body.encode(), kind, csrf=TOKEN, beat=beat
        )
        return room.serve(request, who)

    def page(self, path: str, who: Person = READER) -> str:
        answer = self.answer(path, who)
        assert answer.status == 200, (path, answer.status, text_of(answer.text))
        return answer.text


def text_of(markup: str) -> str:
    """Give what a reader reads of a page."""
    from html import unescape  # noqa: PLC0415

    return " ".join(unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def links(markup: str) -> list[str]:
    parser = Links()
    parser.feed(markup)
    return parser.found
