"""The routes of the API as OpenAPI operations."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import api
from local.contract.models import Document
from trial.events.blinding import UNBLINDED
from trial.web import (
    queries,  # noqa: F401 (its routes)
    read_routes,
    routing,
)

_REF = "#/components/schemas/"
_STUDY = "/studies/{study}/"


def served() -> dict[tuple[str, str], routing.Endpoint]:
    """Return the function of every route of the API."""
    return {**api.routes.all, **read_routes.routes.all}


def routes(table: Mapping[str, Any]) -> Iterator[tuple[str, str, Document]]:
    """Yield every route: its method, its path and its entry in `routes.yaml`."""
    entries = dict(_entries(table))
    if missing := served().keys() - entries:
        names = ", ".join(sorted(" ".join(route) for route in missing))
        raise LookupError(f"not described in infrastructure/local/contract/routes.yaml: {names}")
    if surplus := entries.keys() - served():
        names = ", ".join(sorted(" ".join(route) for route in surplus))
        raise LookupError(f"routes.yaml describes routes that the API does not serve: {names}")
    for method, path in served():
        yield method, path, entries[method, path]


def _entries(table: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Document]]:
    for name, route in table["routes"].items():
        method, path = name.split(" ")
        yield (method, path), route
        if route.get("audiences") == "both":
            yield (method, path.replace(_STUDY, f"{_STUDY}{UNBLINDED}/")), route


def operation(table: Mapping[str, Any], method: str, path: str, route: Document) -> Document:
    """Describe one route."""
    endpoint = served()[method, path]
    unblinded = f"{_STUDY}{UNBLINDED}/" in path
    route = _with_reason(route) if unblinded or route.get("reason") else route
    is_read = method == "GET" and routing.OK in route["answers"]
    if is_read:
        route = route | {"headers": route.get("headers", {}) | {"If-None-Match": _HELD_TAG}}
    summary = (endpoint.__doc__ or "").partition("\n")[0]
    if not summary or endpoint.__name__.startswith("_"):
        raise LookupError(f"{method} {path} is served by a function without name or docstring")
    document: Document = {
        "operationId": endpoint.__name__ + (f"_{UNBLINDED}" if unblinded else ""),
        "summary": summary,
        "parameters": list(_parameters(table, path, route)),
        "responses": dict(_responses(table, route, reads=is_read)),
    }
    if unblinded:
        document["description"] = "For the unblinded; 404 unless the study is blinded."
    if "body" in route:
        document["requestBody"] = {
            "required": not route.get("optional", False),
            "content": _content(route["body"]),
        }
    return document


def _with_reason(route: Document) -> Document:
    """Add the query parameter `reason`."""
    reason = {"description": "The reason; it is kept with who made the request", "schema": _REASON}
    problems = {422, *route.get("problems", ())}
    return route | {"query": route.get("query", {}) | {"reason": reason}, "problems": problems}


_REASON = {"type": "string", "maxLength": routing.LONGEST_REASON}


def _parameters(table: Mapping[str, Any], path: str, route: Document) -> Iterator[Document]:
    for name in re.findall(r"\{(\w+)\}", path):
        yield {"name": name, "in": "path", "required": True, **table["parameters"][name]}
    for place, members in (("query", "query"), ("header", "headers")):
        for name, parameter in route.get(members, {}).items():
            yield {"name": name, "in": place, "required": False, **parameter}


def _responses(
    table: Mapping[str, Any], route: Document, *, reads: bool
) -> Iterator[tuple[str, Document]]:
    responses: dict[int, Document] = {}
    for status, content in route["answers"].items():
        responses[status] = {"description": _DESCRIPTIONS[status]}
        if content:
            responses[status]["content"] = _content(content)
        if route.get("location"):
            responses[status]["headers"] = _LOCATION
        if reads and status == routing.OK:
            responses[status]["headers"] = _TAG
            responses[routing.NOT_MODIFIED] = {
                "description": _DESCRIPTIONS[routing.NOT_MODIFIED],
                "headers": _TAG,
            }
    for status in {404, *route.get("problems", ())}:
        responses[status] = _problem(table["problems"][status])
    for status, common_answer in table["every"].items():
        response = {"gateway": _gateway, "service": _problem}[common_answer["by"]](
            common_answer["description"]
        )
        responses[status] = (
            _either(responses[status], response) if status in responses else response
        )
    for status in sorted(responses):
        yield str(status), responses[status]


_DESCRIPTIONS = {
    200: "Done",
    201: "Recorded, and counted",
    202: "Accepted: it is done in the background",
    303: "A link to the document, valid for a minute",
    304: "The caller has this answer already: its tag is in `If-None-Match`",
}
_HELD_TAG = {"description": "The `ETag` of the answer that you have", "schema": {"type": "string"}}
_TAG = {
    "ETag": {
        "description": "Names this answer: send it as `If-None-Match` to be told if it has changed",
        "required": True,
        "schema": {"type": "string"},
    }
}
_LOCATION = {
    "Location": {
        "description": "Where the result is found",
        "required": True,
        "schema": {"type": "string"},
    }
}


def _content(schemas: Mapping[str, str]) -> Document:
    return {media: {"schema": {"$ref": _REF + name}} for media, name in schemas.items()}


def _either(service: Document, gateway: Document) -> Document:
    """Describe a status that both the service and the gateway before it may answer."""
    description = f"{service['description']}; or: {gateway['description']}"
    return {"description": description, "content": service["content"] | gateway["content"]}


def _problem(description: str) -> Document:
    return {"description": description, "content": _content({routing.PROBLEM: "Problem"})}


def _gateway(description: str) -> Document:
    return {"description": description, "content": _content({routing.JSON: "GatewayError"})}
