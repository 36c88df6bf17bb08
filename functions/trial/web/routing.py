"""HTTP as API Gateway hands it over: the request in plain terms, its route, the answer.

Powertools' router does this too, and takes three times as long to load as all that it would serve
here: a package's first import loads its resolvers of every other kind.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from trial.errors import Beat, FieldError, Rejected, Unavailable

REASON = 1_000
"""How long a reason may be that comes with an address."""
JSON, PROBLEM = "application/json", "application/problem+json"
SCHEMA = "application/schema+json"


@dataclass(frozen=True)
class Request:
    """What was asked, by whom; names of headers are in lower case.

    `resource` is the route as it is described, `/studies/{study}/events`, and `parts` are what
    its open parts stand for, decoded: however the API is mounted, and however they were written.
    `query` holds the parameters after the path, of each the last; `beat` raises `OutOfTime` when
    an answer is due.
    """

    method: str
    resource: str
    parts: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    principal: str
    query: Mapping[str, str] = field(default_factory=dict)
    beat: Beat = lambda: None

    @property
    def path(self) -> str:
        """The address that was asked, from the root of the API."""
        return self.resource.format_map({name: quote(each) for name, each in self.parts.items()})

    @property
    def reason(self) -> str:
        """Why it is asked, as far as the caller says so (`?reason=`): it is kept with who did."""
        given = self.query.get("reason", "")
        if len(given) > REASON:
            fault = FieldError("/reason", f"has more than {REASON} characters")
            raise Rejected(422, "Reason too long", "", fault)
        return given

    def content_type(self, *accepted: str) -> str:
        """Name the type of the body; raises `Rejected` (415) unless it is one of these."""
        given = self.headers.get("content-type", "").split(";")[0].strip().lower()
        if given not in accepted:
            raise Rejected(415, "Unsupported media type", f"expected {', '.join(accepted)}")
        return given


@dataclass(frozen=True)
class Answer:
    """What is answered; the text is of the type that the headers name."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""

    def event(self) -> dict[str, Any]:
        """Give it as API Gateway takes it."""
        return {
            "statusCode": self.status,
            "multiValueHeaders": {name: [value] for name, value in self.headers.items()},
            "body": self.text,
            "isBase64Encoded": False,
        }


Endpoint = Callable[..., Answer]
"""Takes the request and, by name, the parts of its path that the route leaves open."""


class Routes:
    """Endpoints by method and path, as `/studies/{study}/events`."""

    def __init__(self) -> None:
        self.all: dict[tuple[str, str], Endpoint] = {}

    def __call__(self, method: str, path: str) -> Callable[[Endpoint], Endpoint]:
        """Make a decorator that serves the route by the function below it."""

        def routed(endpoint: Endpoint) -> Endpoint:
            self.all[method, path] = endpoint
            return endpoint

        return routed

    def answer(self, request: Request) -> Answer:
        """Answer by the request's route; raises `Rejected` (404) where there is none."""
        endpoint = self.all.get((request.method, request.resource))
        if endpoint is None or any("/" in each for each in request.parts.values()):
            raise Rejected(404, "No such address")
        return endpoint(request, **request.parts)


def read(event: Mapping[str, Any], beat: Beat) -> Request:
    """Read an event of API Gateway; who calls is as IAM authenticated it.

    Parts of a path come as they were written: whatever may stand in them here needs no `%`.
    """
    body = event.get("body") or ""
    identity = event["requestContext"].get("identity") or {}
    return Request(
        event["httpMethod"],
        event["resource"],
        {name: unquote(each) for name, each in (event.get("pathParameters") or {}).items()},
        {name.lower(): value for name, value in (event.get("headers") or {}).items()},
        _bytes(body, encoded=bool(event.get("isBase64Encoded"))),
        identity.get("userArn") or identity.get("caller") or "unknown",
        event.get("queryStringParameters") or {},
        beat,
    )


def _bytes(body: str, *, encoded: bool) -> bytes:
    """Give a body as it was sent; what is not in base 64 though it should be, as it came."""
    try:
        return base64.b64decode(body, validate=True) if encoded else body.encode()
    except ValueError:
        return body.encode(errors="surrogatepass")


def document(value: Mapping[str, Any], status: int = 200, media_type: str = JSON) -> Answer:
    """Answer with data."""
    return text(json.dumps(value, ensure_ascii=False), media_type, status)


def text(value: str, media_type: str, status: int = 200) -> Answer:
    """Answer with a text of some type."""
    return Answer(status, {"Content-Type": media_type}, value)


def accepted(value: Mapping[str, Any], place: str) -> Answer:
    """Answer that what was asked will be found at a place (202)."""
    made = json.dumps({**value, "location": place}, ensure_ascii=False)
    return Answer(202, {"Content-Type": JSON, "Location": place}, made)


def problem(error: Rejected | Unavailable) -> Answer:
    """Answer a failure with its problem document (RFC 9457)."""
    status = error.status if isinstance(error, Rejected) else error.STATUS
    return document(error.problem(), status, PROBLEM)
