"""HTTP as API Gateway hands it over: the request, its route, the answer.

Powertools' router does this too, and takes three times as long to load as all that it would serve
here: a package's first import loads its resolvers of every other kind.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import Any
from urllib.parse import quote, unquote

from trial.deferred import dataclass
from trial.errors import Beat, FieldError, Rejected, Unavailable

LONGEST_REASON = 1_000
"""How many characters the query parameter `reason` may have."""
OK, NOT_MODIFIED = 200, 304
JSON, PROBLEM = "application/json", "application/problem+json"
SCHEMA = "application/schema+json"


@dataclass(frozen=True)
class Request:
    """A request and who made it; names of headers are in lower case.

    `resource` is the route with its parameters open, `/studies/{study}/events`, and `parts` are
    their values, decoded: the same however the API is mounted and however the path was escaped.
    `query` holds the query parameters, of each the last; `beat` raises `OutOfTime` when an answer
    is due.
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
        """Return the path of the request, from the root of the API."""
        return self.resource.format_map({name: quote(value) for name, value in self.parts.items()})

    @property
    def reason(self) -> str:
        """Return the caller's reason (`?reason=`), which is kept with who made the request."""
        reason = self.query.get("reason", "")
        if len(reason) > LONGEST_REASON:
            error = FieldError("/reason", f"must have at most {LONGEST_REASON} characters")
            raise Rejected(422, "Reason too long", "", error)
        return reason

    def content_type(self, *accepted: str) -> str:
        """Return the type of the body; raises `Rejected` (415) unless it is one of these."""
        content_type = self.headers.get("content-type", "").split(";")[0].strip().lower()
        if content_type not in accepted:
            detail = f"`Content-Type` must be one of {', '.join(accepted)}"
            raise Rejected(415, "Unsupported media type", detail)
        return content_type


@dataclass(frozen=True)
class Answer:
    """An answer; the text, or the content of a file, is of the type that the headers name."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    content: bytes = b""

    def event(self) -> dict[str, Any]:
        """Return it as API Gateway takes it."""
        return {
            "statusCode": self.status,
            "multiValueHeaders": {name: [value] for name, value in self.headers.items()},
            "body": base64.b64encode(self.content).decode() if self.content else self.text,
            "isBase64Encoded": bool(self.content),
        }


Endpoint = Callable[..., Answer]
"""Takes the request and, by name, the parameters of its path."""


class Routes:
    """Endpoints by method and path, as `/studies/{study}/events`."""

    def __init__(self) -> None:
        self.all: dict[tuple[str, str], Endpoint] = {}

    def __call__(self, method: str, path: str) -> Callable[[Endpoint], Endpoint]:
        """Return a decorator that serves the route by the function below it."""

        def decorate(endpoint: Endpoint) -> Endpoint:
            self.all[method, path] = endpoint
            return endpoint

        return decorate

    def answer(self, request: Request) -> Answer:
        """Answer by the request's route; raises `Rejected` (404) where there is none."""
        endpoint = self.all.get((request.method, request.resource))
        if endpoint is None or any("/" in value for value in request.parts.values()):
            raise Rejected(404, "Not found", "no such route: see GET /openapi.json for all of them")
        return endpoint(request, **request.parts)


def parse_request(event: Mapping[str, Any], beat: Beat) -> Request:
    """Parse an event of API Gateway; the caller is as IAM authenticated it.

    API Gateway passes the parameters of a path as they were escaped.
    """
    identity = event["requestContext"].get("identity") or {}
    return Request(
        event["httpMethod"],
        event["resource"],
        {name: unquote(value) for name, value in (event.get("pathParameters") or {}).items()},
        {name.lower(): value for name, value in (event.get("headers") or {}).items()},
        body_bytes(event),
        identity.get("userArn") or identity.get("caller") or "unknown",
        event.get("queryStringParameters") or {},
        beat,
    )


def body_bytes(event: Mapping[str, Any]) -> bytes:
    """Return a body as it was sent; what should be base 64 and is not stays as it came."""
    body: str = event.get("body") or ""
    try:
        encoded = bool(event.get("isBase64Encoded"))
        return base64.b64decode(body, validate=True) if encoded else body.encode()
    except ValueError:
        return body.encode(errors="surrogatepass")


def json_answer(value: Mapping[str, Any], status: int = 200, media_type: str = JSON) -> Answer:
    """Answer with data."""
    return text_answer(json.dumps(value, ensure_ascii=False), media_type, status)


def text_answer(value: str, media_type: str, status: int = 200) -> Answer:
    """Answer with a text of some type."""
    return Answer(status, {"Content-Type": media_type}, value)


def accepted_answer(value: Mapping[str, Any], location: str) -> Answer:
    """Answer that what was requested will be found at a location (202)."""
    text = json.dumps({**value, "location": location}, ensure_ascii=False)
    return Answer(202, {"Content-Type": JSON, "Location": location}, text)


def conditional(request: Request, answer: Answer) -> Answer:
    """Return the answer with its `ETag`; 304 without a text where the caller has that text already.

    The tag is a digest of the text, not of what it is made from: of a blinded study, the number of
    events that nobody may see would show in that.
    """
    if answer.status != OK:
        return answer
    tag = f'"{hashlib.sha256(answer.text.encode()).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    tags = request.headers.get("if-none-match", "").split(",")
    if {"*", tag} & {held_tag.strip().removeprefix("W/") for held_tag in tags}:
        return Answer(NOT_MODIFIED, headers)
    return replace(answer, headers={**answer.headers, **headers})


def problem_answer(error: Rejected | Unavailable) -> Answer:
    """Answer a failure with its problem document (RFC 9457)."""
    status = error.status if isinstance(error, Rejected) else error.STATUS
    return json_answer(error.problem(), status, PROBLEM)


def path_parts(route: str, path: str) -> dict[str, str] | None:
    """Return the values, none of them empty, in a path that is a route's; None where it is not."""
    names, segments = route.split("/"), path.split("/")
    if len(names) != len(segments):
        return None
    parts = {}
    for name, segment in zip(names, segments, strict=True):
        if name.startswith("{") and segment:
            parts[name[1:-1]] = unquote(segment)
        elif name != segment:
            return None
    return parts
