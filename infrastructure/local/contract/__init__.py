"""The contract of the API: an OpenAPI 3.1 document, and a JSON Schema of each kind of event.

Bodies are derived from the models, summaries from the routes' functions; `routes.yaml` and
`answers.yaml` say the rest. A route that is not there stops the generator.
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
from local.contract.operations import operation, routes
from local.emulator import ROOT
from local.feed import read_definition
from trial.definition.discrepancies import RULES
from trial.events.payloads import ERASURE, KINDS
from trial.web.request_bodies import Ask, Because, SendersAsk

Document = dict[str, Any]
_HERE = Path(__file__).parent
_COMPONENTS = "#/components/schemas/"
_NOTE = "Made by `make contract`: do not edit."
SCHEMAS = "schemas"


@cache
def written(name: str) -> Any:  # noqa: ANN401 (what YAML holds)
    """Read a part that is written by hand."""
    return yaml.safe_load((_HERE / f"{name}.yaml").read_text(encoding="utf-8"))


def files() -> dict[str, Document]:
    """Give the documents by the names of their files; the same code gives the same."""
    schemas = {f"{SCHEMAS}/{models.type_of(kind)}.json": standalone(kind) for kind in KINDS}
    return {"openapi.json": openapi(), **schemas}


def standalone(kind: str) -> Document:
    """Give the schema of a kind of event as a document of its own, with an example."""
    made = models.event(kind)
    shown = {"examples": [models.example(kind, written("events")[kind])]}
    return {"$schema": schema.DIALECT, "$comment": _NOTE, **made, **shown}


def openapi() -> Document:
    """Give the OpenAPI document."""
    table = written("routes")
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
    """Give every schema that the document refers to, by name."""
    found: dict[str, Document] = {
        "Rule": {"type": "string", "enum": list(RULES)},
        "Batch": _batch(),
        "Ask": models.body(Ask) | {"examples": [{"reason": "Data monitoring"}]},
        "Because": models.body(Because) | {"examples": [{"reason": "Asked by the sponsor"}]},
    }
    _add(found, "SendersAsk", models.body(SendersAsk) | {"examples": [_SENDERS]})
    found |= {name: _closed(of) for name, of in written("answers").items()}
    example = read_definition(ROOT / "events" / "example" / "definition.yaml")
    _add(found, "Definition", {**schema.schema(), "examples": [example]}, "Definition.")
    posted = [kind for kind in KINDS if kind != ERASURE]
    for kind in posted:
        _add(found, models.type_of(kind), standalone(kind))
    mapping = {f"org.livetlf.{models.type_of(each)}": _ref(models.type_of(each)) for each in posted}
    found["Event"] = {
        "description": "One event, as a CloudEvent",
        "examples": _shown(),
        "oneOf": [{"$ref": each} for each in mapping.values()],
        "discriminator": {"propertyName": "type", "mapping": mapping},
    }
    return dict(sorted(found.items()))


def _batch() -> Document:
    of = {"$ref": f"{_COMPONENTS}Event"}
    return {"type": "array", "items": of, "maxItems": BATCH_EVENTS, "examples": [_shown()]}


def _shown() -> list[Document]:
    return [models.example(kind, written("events")[kind]) for kind in _SHOWN]


_SENDERS: Document = {
    "senders": [{"principal": "*/laboratory", "kinds": ["lab.result.reported"]}],
    "reason": "The laboratory posts results",
}
_SHOWN = "visit.recorded", "adverse-event.reported"


def _ref(name: str) -> str:
    return f"{_COMPONENTS}{name}"


def _add(found: dict[str, Document], name: str, made: Document, prefix: str = "") -> None:
    """Take in a schema and the parts that it has of its own."""
    own = {key: of for key, of in made.items() if key not in {"$schema", "$comment", "$defs"}}
    parts = {f"{prefix}{part}": of for part, of in made.get("$defs", {}).items()}
    for part, of in {name: own, **parts}.items():
        moved = _moved(of, prefix)
        if found.setdefault(part, moved) != moved:
            raise LookupError(f"two schemas are called {part}")


def _moved(value: Any, prefix: str) -> Any:  # noqa: ANN401 (any JSON value)
    """Point a schema's references to where its parts are now."""
    match value:
        case dict():
            return {name: _moved(of, prefix) for name, of in value.items()}
        case list():
            return [_moved(each, prefix) for each in value]
        case str() if value.startswith(models.DEFINITIONS):
            return f"{_COMPONENTS}{prefix}{value.removeprefix(models.DEFINITIONS)}"
        case _:
            return value


def _closed(value: Any) -> Any:  # noqa: ANN401 (as above)
    """Require every member that is not said to be optional."""
    if isinstance(value, list):
        return [_closed(each) for each in value]
    if not isinstance(value, dict):
        return value
    made = {name: _closed(of) for name, of in value.items() if name != "x-optional"}
    if "properties" in value and isinstance(value["properties"], dict):
        optional = value.get("x-optional", ())
        made["required"] = [name for name in value["properties"] if name not in optional]
    return made


def texts() -> Iterator[tuple[str, str]]:
    """Give each document's file name and text."""
    for name, document in files().items():
        yield name, json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def write(folder: Path) -> None:
    """Write the documents into a folder, and take away what is of no document any more."""
    made = dict(texts())
    (folder / SCHEMAS).mkdir(parents=True, exist_ok=True)
    for stale in folder.rglob("*.json"):
        stale.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")
