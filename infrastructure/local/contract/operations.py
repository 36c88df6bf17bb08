"""The routes of the API as OpenAPI operations."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import api
from trial.events.blinding import UNBLINDED
from trial.web import (
    queries,  # noqa: F401 (its routes)
    read_routes,
    routing,
)

Document = dict[str, Any]
_REF = "#/components/schemas/"
_STUDY = "/studies/{study}/"


def served() -> dict[tuple[str, str], routing.Endpoint]:
    """Give the function of every route that the API has."""
    return {**api.routes.all, **read_routes.routes.all}


def routes(table: Mapping[str, Any]) -> Iterator[tuple[str, str, Document]]:
    """Give every route as method, path and what `routes.yaml` says of it."""
    written = dict(_written(table))
    if missing := served().keys() - written:
        names = ", ".join(sorted(" ".join(each) for each in missing))
        raise LookupError(f"describe in infrastructure/local/contract/routes.yaml: {names}")
    if gone := written.keys() - served():
        names = ", ".join(sorted(" ".join(each) for each in gone))
        raise LookupError(f"routes.yaml describes what the API does not serve: {names}")
    for method, path in served():
        yield method, path, written[method, path]


def _written(table: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Document]]:
    for name, route in table["routes"].items():
        method, path = name.split(" ")
        yield (method, path), route
        if route.get("audiences") == "both":
            yield (method, path.replace(_STUDY, f"{_STUDY}{UNBLINDED}/")), route


def operation(table: Mapping[str, Any], method: str, path: str, route: Document) -> Document:
    """Describe one route."""
    endpoint = served()[method, path]
    apart = f"{_STUDY}{UNBLINDED}/" in path
    route = _noted(route) if apart or route.get("reason") else route
    words = (endpoint.__doc__ or "").partition("\n")[0]
    if not words or endpoint.__name__.startswith("_"):
        raise LookupError(f"{method} {path} is served by a function without name or docstring")
    made: Document = {
        "operationId": endpoint.__name__ + (f"_{UNBLINDED}" if apart else ""),
        "summary": words,
        "parameters": list(_parameters(table, path, route)),
        "responses": dict(_responses(table, route)),
    }
    if apart:
        made["description"] = "As the unblinded see it; 404 unless the study is blinded."
    if "body" in route:
        made["requestBody"] = {
            "required": not route.get("optional", False),
            "content": _content(route["body"]),
        }
    return made


def _noted(route: Document) -> Document:
    """Let the caller say why: it is kept with who did."""
    why = {"description": "Why; it is kept with who did", "schema": _REASON}
    problems = {422, *route.get("problems", ())}
    return route | {"query": route.get("query", {}) | {"reason": why}, "problems": problems}


_REASON = {"type": "string", "maxLength": routing.REASON}


def _parameters(table: Mapping[str, Any], path: str, route: Document) -> Iterator[Document]:
    for name in re.findall(r"\{(\w+)\}", path):
        yield {"name": name, "in": "path", "required": True, **table["parameters"][name]}
    for place, named in (("query", "query"), ("header", "headers")):
        for name, of in route.get(named, {}).items():
            yield {"name": name, "in": place, "required": False, **of}


def _responses(table: Mapping[str, Any], route: Document) -> Iterator[tuple[str, Document]]:
    found: dict[int, Document] = {}
    for status, content in route["answers"].items():
        found[status] = {"description": _ANSWERED[status]}
        if content:
            found[status]["content"] = _content(content)
        if route.get("location"):
            found[status]["headers"] = _LOCATION
    for status in {404, *route.get("problems", ())}:
        found[status] = _problem(table["problems"][status])
    for status, every in table["every"].items():
        made = {"gateway": _gateway, "service": _problem}[every["by"]](every["description"])
        found[status] = _either(found[status], made) if status in found else made
    for status in sorted(found):
        yield str(status), found[status]


_ANSWERED = {
    200: "Done, or found",
    201: "Recorded, and counted",
    202: "Taken on: it is done by and by",
    303: "A link to the document, good for a minute",
}
_LOCATION = {
    "Location": {"description": "Where it is found", "required": True, "schema": {"type": "string"}}
}


def _content(of: Mapping[str, str]) -> Document:
    return {media: {"schema": {"$ref": _REF + name}} for media, name in of.items()}


def _either(service: Document, gateway: Document) -> Document:
    """Describe a status that both the service and the gateway before it may answer."""
    words = f"{service['description']}; or: {gateway['description']}"
    return {"description": words, "content": service["content"] | gateway["content"]}


def _problem(description: str) -> Document:
    return {"description": description, "content": _content({routing.PROBLEM: "Problem"})}


def _gateway(description: str) -> Document:
    return {"description": description, "content": _content({routing.JSON: "Refused"})}
