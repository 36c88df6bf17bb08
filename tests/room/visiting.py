"""A browser before the room's handler: it keeps cookies and follows addresses, as browsers do."""

from base64 import b64decode
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import urllib3

from trial.web.access.cookies import form_token

ADDRESS = "http://127.0.0.1:9"
FORM = "application/x-www-form-urlencoded"


_LONG = 10_000


def form_body(fields: dict[str, str]) -> tuple[str, str]:
    """Write a form as browsers do, with its type: one with a file or a long text in parts."""
    if "file" not in fields and sum(map(len, fields.values())) < _LONG:
        return urlencode(fields), FORM
    head = 'Content-Disposition: form-data; name="{}"'
    file = '; filename="a.yaml"\r\nContent-Type: text/yaml'
    parts = "".join(
        f"--x-1\r\n{head.format(name)}{file * (name == 'file')}\r\n\r\n{value}\r\n"
        for name, value in fields.items()
    )
    return f"{parts}--x-1--\r\n", "multipart/form-data; boundary=x-1"


@dataclass(frozen=True)
class Context:
    """What Lambda tells a function about its invocation."""

    function_name: str = "livetlf-room"
    memory_limit_in_mb: int = 1024
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:livetlf-room"
    aws_request_id: str = "00000000-0000-0000-0000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return 29_000


@dataclass(frozen=True)
class Shown:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str
    cookies: list[str]

    @property
    def location(self) -> str:
        return self.headers["Location"]


@dataclass
class Browser:
    """Somebody's browser."""

    room: ModuleType
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(
        self, method: str, address: str, body: str = "", headers: dict[str, str] | None = None
    ) -> Shown:
        """Ask the room itself, with the cookies that are kept and those that come."""
        parts = urlsplit(address)
        event: dict[str, Any] = {
            "version": "2.0",
            "rawPath": unquote(parts.path),
            "rawQueryString": parts.query,
            "cookies": [f"{name}={value}" for name, value in self.cookies.items()],
            "headers": headers or {},
            "requestContext": {"domainName": "x", "http": {"method": method, "path": parts.path}},
            "body": body,
            "isBase64Encoded": False,
        }
        answer = self.room.handler(event, Context())
        for header in answer["cookies"]:
            ((name, morsel),) = SimpleCookie(header).items()
            if morsel["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value
        body = answer["body"]
        if answer["isBase64Encoded"]:
            body = b64decode(body).decode(errors="replace")
        return Shown(answer["statusCode"], answer["headers"], body, answer["cookies"])

    def get(self, address: str) -> Shown:
        return self.ask("GET", address)

    def post(self, address: str, headers: dict[str, str] | None = None, **fields: str) -> Shown:
        """Send a form as a page of this session would, unless it is said otherwise."""
        given = {"csrf": form_token(self.cookies.get("__Host-session", ""))} | fields
        body, kind = form_body(given)
        sent = {"content-type": kind, "origin": ADDRESS, "sec-fetch-site": "same-origin"}
        return self.ask("POST", address, body, sent | (headers or {}))

    def choose(self, address: str, user: str) -> str:
        """Be somebody at the issuer; give where it leads back to."""
        answer = urllib3.request("GET", f"{address}&user={user}", redirect=False)
        location = urlsplit(answer.headers["Location"])
        assert f"{location.scheme}://{location.netloc}" == ADDRESS
        return f"{location.path}?{location.query}"

    def sign_in(self, user: str, to: str = "/") -> Shown:
        """Sign in from a page; give what the way back answered."""
        begun = self.get(to)
        assert begun.status == 303
        away = self.get(begun.location)
        assert away.status == 303
        back = self.get(self.choose(away.location, user))
        assert (back.status, back.location) == (303, to)
        return back


def query_of(address: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}
