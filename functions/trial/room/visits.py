"""A browser's request as an HTTP API hands it over, and the reply that this takes back."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any
from urllib.parse import quote

from trial.deferred import dataclass
from trial.errors import Beat
from trial.room.routing import RoomRequest
from trial.web.access import cookies
from trial.web.routing import Answer, body_bytes

# What a page holds comes from here alone, and it is shown nowhere else. `same-origin` keeps
# addresses, which name subjects, from other sites; under `no-referrer` forms would have no origin.
SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self';"
        " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
}
_NOT_KEPT = "no-store"


@dataclass(frozen=True)
class Visit:
    """A request with what a browser sends beside it; names of headers are in lower case."""

    request: RoomRequest
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Return the path with its query."""
        query = self.request.query
        return f"{self.request.path}?{query}" if query else self.request.path


@dataclass(frozen=True)
class Reply:
    """An answer with the cookies that it sets or clears."""

    answer: Answer
    cookies: tuple[str, ...] = ()

    def event(self) -> dict[str, Any]:
        """Return it as an HTTP API takes it, with the headers that every answer has."""
        headers = {"Cache-Control": _NOT_KEPT, **self.answer.headers, **SECURITY_HEADERS}
        event = self.answer.event()
        del event["multiValueHeaders"]
        return event | {"headers": headers, "cookies": list(self.cookies)}


def parse_visit(event: Mapping[str, Any], beat: Beat) -> Visit:
    """Parse an event of an HTTP API, payload 2.0.

    Of its path every escape but `%25` is undone already, so it is escaped again as a browser does.
    """
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    request = RoomRequest(
        event["requestContext"]["http"]["method"],
        quote(event.get("rawPath") or "/", safe="/%:@!$&'()*+,;=~"),
        event.get("rawQueryString") or "",
        body_bytes(event),
        headers.get("content-type", ""),
        beat=beat,
    )
    cookie_headers = event.get("cookies") or [
        headers.get("cookie", "")
    ]  # an emulator leaves them there
    return Visit(request, headers, cookies.read(cookie_headers))
