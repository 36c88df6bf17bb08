"""The reading room on this machine: the deployed functions behind one address, with a study in it.

The emulator serves the template's HTTP API below a path of its own. A browser needs it at the root
of a host, as on AWS: what listens here passes requests on, and changes nothing in them.
"""

# ruff: noqa: T201 - what a command prints is its answer

import os
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import quote, urlsplit

from local import emulator, issuer, stack
from local.checking import check
from local.client import ServiceError
from local.demo import DEFINITION, FEED
from local.feed import Lines, read_source
from local.issuer import CLIENT, ROLES_CLAIM, DevelopmentIssuer
from local.progress import step
from local.replay import fill

_HOST = "127.0.0.1"
_WITHIN = 40  # seconds, longer than a function may take
_PASSED_ON = (
    "Accept", "Authorization", "Content-Type", "Cookie", "If-None-Match", "Origin",
    "Sec-Fetch-Site", "User-Agent",
)  # fmt: skip
_OF_THE_CONNECTION = frozenset({
    "connection", "content-length", "date", "keep-alive", "server", "transfer-encoding",
})  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A study that the room is opened on."""

    definition: Path = DEFINITION
    events: Path = FEED


class Door:
    """A port of this machine that leads to the room; where that is, is said once it is known."""

    def __init__(self, port: int = 0) -> None:
        this_door = self
        self.endpoint = self.start = ""

        class Handler(_Handler):
            """A request of a browser."""

            door = this_door

        self._server = ThreadingHTTPServer((_HOST, port), Handler)
        self.address = f"http://{_HOST}:{self._server.server_port}"

    def open(self, deployed: stack.Stack) -> "Door":
        """Pass requests on to a stack's room from now on."""
        self.endpoint = deployed.endpoint
        self.start = f"/_aws/execute-api/{deployed.room}/$default"
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def close(self) -> None:
        """Listen no more."""
        if self.start:
            self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    door: Door
    protocol_version = "HTTP/1.1"

    def _pass_on(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else None
        headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
        parts = urlsplit(self.door.endpoint)
        connection = HTTPConnection(str(parts.hostname), parts.port, timeout=_WITHIN)
        try:
            connection.request(self.command, self.door.start + self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _OF_THE_CONNECTION:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _pass_on  # noqa: N815 (http.server's names)

    def log_message(self, *_: object) -> None:
        """Write no line for a request: its address names subjects."""


def parameters(door: Door, people: DevelopmentIssuer) -> list[str]:
    """Return the template's parameters of a room behind a door, whose people an issuer knows."""
    return [
        "Room=true",
        f"RoomUrl={door.address}",
        f"Issuer={people.address}",
        f"ClientId={CLIENT}",
        f"RolesClaim={ROLES_CLAIM}",
    ]


def open_room(place: Place, port: int) -> None:
    """Open the room on a study and keep it open until this process is interrupted."""
    source, lines = read_source(place.definition), Lines(place.events)
    step("Checking the definition", lambda: check(source))
    template = step("Building the functions", stack.build)
    door, people = Door(port), DevelopmentIssuer().start()
    try:
        with emulator.running(f"room-{os.getpid()}") as running:
            settings = parameters(door, people)
            deployed = step(
                "Deploying the template", lambda: stack.deploy(template, running, settings)
            )
            try:
                fill(deployed, source, lines)
            except ServiceError as error:
                log = deployed.last_logs()
                raise ServiceError(f"{error}\nThe functions' log:\n{log}") from error
            door.open(deployed)
            print(_described(door, source.definition["study"], deployed), flush=True)
            with suppress(KeyboardInterrupt):
                Event().wait()
            print("\nClosing the room.")
    finally:
        door.close()
        people.stop()


def _described(door: Door, study: str, deployed: stack.Stack) -> str:
    people = "\n".join(f"  {user.name:18}{user.text}" for user in issuer.USERS)
    return f"""
The reading room is open: {door.address}
Its study: {door.address}/studies/{quote(study, safe="")}

Sign in as one of these; the issuer is for development and asks for no password:
{people}

The API beside it: {deployed.api_url}
Ctrl-C closes the room and deletes what it holds."""
