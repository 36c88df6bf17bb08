"""The room as people meet it: its handler, a real issuer, a blinded study, a port for browsers."""

import io
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from blinded import SOURCES, listing, study_of
from builders import dose, enrolment, viral_load
from parallel import TOTAL, A, B, randomised
from rooms import Room
from visiting import ADDRESS, Browser, Context

import wiring
from local.issuer import CLIENT, ROLES_CLAIM, DevelopmentIssuer, User
from trial.web.access import connection, cookies, fetching
from trial.web.access.issuer import Client, Issuer
from trial.web.access.person import Role

STUDY, OTHER = "TINY", "OTHER"
SOURCE = study_of(
    [{"summary": "age"}, {"count": "enrolled"}, {"events": {}}], [A, B, TOTAL],
    listings=[listing(name, sources) for name, sources in SOURCES.items()],
).source  # fmt: skip
USERS = [
    *(User(role, "", [f"{STUDY}:{role}"]) for role in Role),
    *(User(f"{role}-elsewhere", "", [f"{OTHER}:{role}"]) for role in Role),
    User("visitor", "", []),
]


@dataclass
class House:
    """The room with an issuer, a blinded study, and a log."""

    room: Room
    issuer: DevelopmentIssuer
    handler: ModuleType
    log: io.StringIO

    def browser(self, user: str = "", **claims: Any) -> Browser:
        """Give a browser in which a user has a session already."""
        if not user:
            return Browser(self.handler)
        token = self.issuer.sign(self.issuer.claims(user) | claims)
        return Browser(self.handler, {cookies.SESSION: token})

    def noted(self) -> list[dict[str, Any]]:
        return [vars(activity) for activity in wiring.activities().all(STUDY)]


@contextmanager
def opened(address: str = ADDRESS) -> Iterator[House]:
    """Give a room that browsers know by an address."""
    import room as handler  # noqa: PLC0415 (powertools looks at the environment)

    issuer = DevelopmentIssuer(users=USERS).start()
    with pytest.MonkeyPatch.context() as patch:
        room = Room(patch)
        known = Issuer(
            Client(issuer.address, CLIENT, ROLES_CLAIM, local=True),
            fetching.fetch,
            lambda: datetime.now(UTC),
        )
        patch.setattr(connection, "issuer", lambda: known)
        settings = wiring.Settings(TABLE_NAME="t", BUCKET_NAME="b", ROOM_URL=address)
        patch.setattr(wiring, "settings", lambda: settings)
        log = io.StringIO()
        for item in handler.logger.handlers:
            patch.setattr(item, "stream", log)
        study = room.define(SOURCE)
        subjects = [("S-0", "a", "drug"), ("S-1", "b", "placebo")]
        for name, arm, treatment in subjects:
            room.record(study, [
                enrolment(subject=name), randomised(arm, name),
                dose(subject=name, treatment=treatment), viral_load(0, 5000, subject=name),
            ])  # fmt: skip
        room.publish(study)
        yield House(room, issuer, handler, log)
    issuer.stop()


class _Handler(BaseHTTPRequestHandler):
    """Hands requests over as an HTTP API does."""

    handler: ModuleType

    def _hand_over(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        answer = self.handler.handler(
            {
                "rawPath": unquote(parts.path),
                "rawQueryString": parts.query,
                "cookies": self.headers.get("Cookie", "").split("; "),
                "headers": dict(self.headers.items()),
                "requestContext": {"http": {"method": self.command}},
                "body": self.rfile.read(length).decode(),
            },
            Context(),
        )
        body = answer["body"]
        content = b64decode(body) if answer["isBase64Encoded"] else body.encode()
        self.send_response(answer["statusCode"])
        for name, value in answer["headers"].items():
            self.send_header(name, value)
        for value in answer["cookies"]:
            self.send_header("Set-Cookie", value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _hand_over  # noqa: N815 (the names that http.server calls)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served() -> Iterator[tuple[House, str]]:
    """Give a room with the address at which it listens on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    address = f"http://127.0.0.1:{server.server_port}"
    with opened(address) as house:
        _Handler.handler = house.handler
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield house, address
        server.shutdown()
        server.server_close()
