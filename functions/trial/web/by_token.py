"""The API for people and programs with a token of the issuer, beside IAM: `/api/…` of the room.

The same routes, answered by the same code; only who asks is verified otherwise. What each role may
call is what the policy of its name in the template may, and a route without a role is nobody's.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import wiring
from trial.errors import Beat, Rejected
from trial.events.blinding import UNBLINDED
from trial.web import queries, read_routes  # noqa: F401 (their routes)
from trial.web.access import connection
from trial.web.access.person import EVERY_STUDY, Person, Role
from trial.web.access.tokens import not_signed_in
from trial.web.routing import Answer, Request, Routes, body_bytes, path_parts

PREFIX = "/api"
SUBMITTER, READER, UNBLINDED_READER, MANAGER, ADMINISTRATOR = (
    Role.SUBMITTER, Role.READER, Role.UNBLINDED_READER, Role.DATA_MANAGER, Role.ADMINISTRATOR,
)  # fmt: skip
_READ_BY_ALL = frozenset({READER, ADMINISTRATOR})

# Of a study, without its start: `/studies/{study}/`.
_OF_STUDY: Mapping[tuple[str, str], frozenset[Role]] = {
    ("POST", "events"): frozenset({SUBMITTER}),
    ("POST", "treatment-events"): frozenset({SUBMITTER}),
    ("POST", "reports"): frozenset({READER}),
    ("POST", "quarantine/redrive"): frozenset({MANAGER, ADMINISTRATOR}),
    ("POST", "subjects/{subject}/discrepancies/{discrepancy}"): frozenset({MANAGER}),
    ("GET", "definition"): _READ_BY_ALL,
    ("GET", "definition/history"): _READ_BY_ALL,
    ("GET", "quarantine"): _READ_BY_ALL,
    ("GET", "audit"): _READ_BY_ALL,
    ("GET", "work"): _READ_BY_ALL,
} | {
    route: frozenset({ADMINISTRATOR})
    for route in (
        ("PUT", "definition"), ("PUT", "senders"), ("POST", "retire"), ("DELETE", ""),
        ("POST", "subjects/{subject}/erase"), ("POST", "audit"), ("GET", "senders"),
        ("GET", "activity"),
    )
}  # fmt: skip
_READ = (
    "definition/history/{digest}", "definition/history/{digest}/changes-since/{base}",
    "reports", "reports/{cut}",
)  # fmt: skip
_READ_APART = (
    "summary", "consort", "tables", "tables/{table}", "tables/{table}/subjects",
    "summary/subjects", "consort/subjects", "figures/{figure}/subjects", "quarantine",
    "discrepancies", "treatment-events", "subjects/{subject}/history", "subjects/{subject}/profile",
    "subjects/{subject}/narratives",
    "reports/{cut}/{file}", "reports/{cut}/datasets/{file}", "reports/{cut}/changes-since/{base}",
)  # fmt: skip
"""What the unblinded read by routes of their own, too."""
_ROLES: Mapping[tuple[str, str], frozenset[Role]] = {
    **{("GET", path): frozenset({READER}) for path in (*_READ, *_READ_APART)},
    **{("GET", f"{UNBLINDED}/{path}"): frozenset({UNBLINDED_READER}) for path in _READ_APART},
    **_OF_STUDY,
}
_OF_NO_STUDY: Mapping[tuple[str, str], frozenset[Role]] = {
    ("GET", "/openapi.json"): frozenset(Role),
    ("GET", "/schemas/{schema}"): frozenset(Role),
    ("GET", "/quarantine"): frozenset({UNBLINDED_READER}),
}
_START = "/studies/{study}"


def roles_of(method: str, resource: str) -> frozenset[Role]:
    """Return the roles that may call a route; none where no role may."""
    if not resource.startswith(_START):
        return _OF_NO_STUDY.get((method, resource), frozenset())
    return _ROLES.get((method, resource[len(_START) :].removeprefix("/")), frozenset())


def parse_request(event: Mapping[str, Any], beat: Beat, changing: Routes) -> Request:
    """Parse an event of an HTTP API (payload 2.0) of a caller whose token allows it.

    `changing` are the routes of the API that do not read. Raises `Rejected`: 401 without a valid
    token, 404 where there is no such route, 403 where no role allows it. That somebody reads a
    study is noted before it is answered.
    """
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    person = connection.issuer().person(_bearer(headers.get("authorization", "")))
    method = event["requestContext"]["http"]["method"]
    path = str(event.get("rawPath") or "").removeprefix(PREFIX)
    resource, parts = _route(method, path, (*changing.all, *read_routes.routes.all))
    _check_role(person, method, resource, parts.get("study"))
    query = dict(parse_qsl(event.get("rawQueryString") or "", keep_blank_values=True))
    request = Request(
        method, resource, parts, headers, body_bytes(event), person.principal, query, beat
    )
    if method == "GET" and parts.get("study") and not _is_noted(resource):
        study = wiring.store().study(parts["study"]).id  # of one that is not there nothing is noted
        wiring.activities().note(study, request.principal, "read", request.path, request.reason)
    return request


def _is_noted(resource: str) -> bool:
    """Return whether a route notes by itself who was answered, whoever asks."""
    return f"/{UNBLINDED}/" in resource or resource.endswith("{file}")


def _bearer(header: str) -> str:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise not_signed_in("`Authorization` must be `Bearer` and an ID token of the issuer.")
    return token.strip()


def _route(
    method: str, path: str, routes: Iterable[tuple[str, str]]
) -> tuple[str, Mapping[str, str]]:
    """Return the route of a path and the values in it; one without parameters comes first."""
    matching = [
        (resource, parts)
        for known_method, resource in routes
        if known_method == method and (parts := path_parts(resource, path)) is not None
    ]
    if not matching:
        raise Rejected(404, "Not found", "no such route: see GET /openapi.json for all of them")
    return min(matching, key=lambda match: len(match[1]))


def _check_role(person: Person, method: str, resource: str, study: str | None) -> None:
    roles = roles_of(method, resource)
    if resource in ("/openapi.json", "/schemas/{schema}"):
        allowed = person.may_somewhere(*roles)
    else:  # what is of no study may be of any
        allowed = person.may(study or EVERY_STUDY, *roles)
    if not allowed:
        raise Rejected(403, "Not for your role", "none of your roles in this study allows the call")


_UNAUTHORISED = 401


def event_of(answer: Answer) -> dict[str, Any]:
    """Return an answer as an HTTP API takes it."""
    event = answer.event()
    del event["multiValueHeaders"]
    challenge = {"WWW-Authenticate": "Bearer"} if answer.status == _UNAUTHORISED else {}
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    return event | {"headers": {**headers, **answer.headers, **challenge}}
