"""The contract of the API: an OpenAPI 3.1 document, and a JSON Schema of each kind of event.

Bodies are derived from the models, summaries from the routes' functions; `routes.yaml` and
`answers.yaml` hold the rest. A route that is not there stops the generator.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from api import BATCH_EVENTS
from local import schema
from local.contract import models
from local.contract.models import Document
from local.contract.operations import operation, routes
from local.emulator import ROOT
from local.feed import read_definition
from trial.definition.discrepancies import RULES
from trial.events.payloads import ERASURE, KINDS
from trial.web.request_bodies import ReasonBody, ReportRequestBody, SendersBody, StateBody

_HERE = Path(__file__).parent
_COMPONENTS = "#/components/schemas/"
_NOTE = "Made by `make contract`: do not edit."
SCHEMAS = "schemas"


@cache
def load_part(name: str) -> Any:  # noqa: ANN401 (what YAML holds)
    """Load a part that is written by hand."""
    return yaml.safe_load((_HERE / f"{name}.yaml").read_text(encoding="utf-8"))


def files() -> dict[str, Document]:
    """Return the documents by the names of their files; the same code gives the same."""
    schemas = {f"{SCHEMAS}/{models.type_of(kind)}.json": standalone(kind) for kind in KINDS}
    return {"openapi.json": openapi(), **schemas}


def standalone(kind: str) -> Document:
    """Return the schema of a kind of event as a document of its own, with an example."""
    document = models.event(kind)
    examples = {"examples": [models.example(kind, load_part("events")[kind])]}
    return {"$schema": schema.DIALECT, "$comment": _NOTE, **document, **examples}


def openapi() -> Document:
    """Return the OpenAPI document."""
    table = load_part("routes")
    paths: dict[str, Document] = {}
    for method, path, route in routes(table):
        paths.setdefault(path, {})[method.lower()] = operation(table, method, path, route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "LiveTLF",
            "version": "1",
            "description": "Clinical-trial tables, listings and figures that are never out of"
            f" date. {_NOTE}",
        },
        "servers": [
            {
                "url": "https://{api}.execute-api.{region}.amazonaws.com/v1",
                "description": "`ApiUrl` of the stack's outputs",
                "variables": {"api": {"default": "api"}, "region": {"default": "us-east-1"}},
            }
        ],
        "security": [{"sigv4": []}],
        "paths": paths,
        "components": {
            "schemas": components(),
            "securitySchemes": {
                "sigv4": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "AWS Signature Version 4, service execute-api",
                    "x-amazon-apigateway-authtype": "awsSigv4",
                }
            },
        },
    }


def components() -> dict[str, Document]:
    """Return every schema that the document refers to, by name."""
    schemas: dict[str, Document] = {
        "Rule": {"type": "string", "enum": list(RULES)},
        "Batch": _batch(),
        "ReportRequestBody": models.body(ReportRequestBody)
        | {"examples": [{"reason": "Data monitoring"}]},
        "ReasonBody": models.body(ReasonBody) | {"examples": [{"reason": "Asked by the sponsor"}]},
        "StateBody": models.body(StateBody)
        | {"examples": [{"state": "accepted", "reason": "Both are right"}]},
    }
    _add(schemas, "SendersBody", models.body(SendersBody) | {"examples": [_SENDERS]})
    schemas |= {name: _require_all(part) for name, part in load_part("answers").items()}
    example = read_definition(ROOT / "events" / "example" / "definition.yaml")
    _add(schemas, "Definition", {**schema.schema(), "examples": [example]}, "Definition.")
    posted = [kind for kind in KINDS if kind != ERASURE]
    for kind in posted:
        _add(schemas, models.type_of(kind), standalone(kind))
    mapping = {f"org.livetlf.{models.type_of(kind)}": _ref(models.type_of(kind)) for kind in posted}
    schemas["Event"] = {
        "description": "One event, as a CloudEvent",
        "examples": _example_events(),
        "oneOf": [{"$ref": ref} for ref in mapping.values()],
        "discriminator": {"propertyName": "type", "mapping": mapping},
    }
    return dict(sorted(schemas.items()))


def _batch() -> Document:
    event = {"$ref": f"{_COMPONENTS}Event"}
    return {
        "type": "array",
        "items": event,
        "maxItems": BATCH_EVENTS,
        "examples": [_example_events()],
    }


def _example_events() -> list[Document]:
    return [models.example(kind, load_part("events")[kind]) for kind in _EXAMPLE_KINDS]


_SENDERS: Document = {
    "senders": [{"principal": "*/laboratory", "kinds": ["lab.result.reported"]}],
    "reason": "The laboratory posts results",
}
_EXAMPLE_KINDS = "visit.recorded", "adverse-event.reported"


def _ref(name: str) -> str:
    return f"{_COMPONENTS}{name}"


def _add(schemas: dict[str, Document], name: str, document: Document, prefix: str = "") -> None:
    """Add a schema, and its `$defs` as schemas of their own."""
    parts = {name: {key: value for key, value in document.items() if key not in _OF_DOCUMENTS}}
    parts |= {f"{prefix}{part}": value for part, value in document.get("$defs", {}).items()}
    for part, value in parts.items():
        schema = _relocated(value, prefix)
        if schemas.setdefault(part, schema) != schema:
            raise LookupError(f"two schemas have the name {part}")


_OF_DOCUMENTS = frozenset({"$schema", "$comment", "$defs"})


def _relocated(value: Any, prefix: str) -> Any:  # noqa: ANN401 (any JSON value)
    """Point a schema's references to where its parts are now."""
    match value:
        case dict():
            return {name: _relocated(member, prefix) for name, member in value.items()}
        case list():
            return [_relocated(member, prefix) for member in value]
        case str() if value.startswith(models.DEFINITIONS):
            return f"{_COMPONENTS}{prefix}{value.removeprefix(models.DEFINITIONS)}"
        case _:
            return value


def _require_all(value: Any) -> Any:  # noqa: ANN401 (as above)
    """Require every member that `x-optional` does not list."""
    if isinstance(value, list):
        return [_require_all(member) for member in value]
    if not isinstance(value, dict):
        return value
    schema = {name: _require_all(member) for name, member in value.items() if name != "x-optional"}
    if "properties" in value and isinstance(value["properties"], dict):
        optional = value.get("x-optional", ())
        schema["required"] = [name for name in value["properties"] if name not in optional]
    return schema


def texts() -> Iterator[tuple[str, str]]:
    """Yield each document's file name and text."""
    for name, document in files().items():
        yield name, json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def write(folder: Path) -> None:
    """Write the documents into a folder, and delete the files of documents that are no more."""
    documents = dict(texts())
    (folder / SCHEMAS).mkdir(parents=True, exist_ok=True)
    for stale in folder.rglob("*.json"):
        stale.unlink()
    for name, text in documents.items():
        (folder / name).write_text(text, encoding="utf-8")
