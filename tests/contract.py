"""The API's contract as tests use it: whether an answer is one that openapi.json promises.

The document lets a later release add members to an answer; here a member that it does not name is
a fault, so that none is added without being described.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

Document = dict[str, Any]
FILES = Path(__file__).resolve().parents[1] / "functions" / "trial" / "web" / "contract"
_REF = "#/components/schemas/"
_SAY = "say so in infrastructure/local/contract and run `make contract`"


@cache
def document() -> Document:
    document: Document = json.loads((FILES / "openapi.json").read_text(encoding="utf-8"))
    return document


@cache
def validator(name: str, *, strict: bool = False) -> Draft202012Validator:
    """Make a validator of one of the document's schemas; strict, of the members it names alone."""
    schemas = document()["components"]["schemas"]
    result = _closed(schemas) if strict else schemas
    values = {"$ref": f"{_REF}{name}", "components": {"schemas": result}}
    return Draft202012Validator(values, format_checker=Draft202012Validator.FORMAT_CHECKER)


def _closed(value: Any) -> Any:
    if isinstance(value, list):
        return [_closed(item) for item in value]
    if not isinstance(value, dict):
        return value
    values = {name: _closed(item) for name, item in value.items()}
    if isinstance(value.get("properties"), dict) and "required" in value:
        values.setdefault("additionalProperties", False)
    return values


def check(method: str, route: str, status: int, headers: Mapping[str, str], text: str) -> None:
    """Demand that a route's answer is documented: status, headers, media type and shape."""
    operation = document()["paths"].get(route, {}).get(method.lower())
    if operation is None:
        assert status == 404, f"{method} {route} is not in openapi.json: {_SAY}"
        return
    promised = operation["responses"].get(str(status))
    assert promised is not None, f"{method} {route} answers {status}: {_SAY}"
    names = {name.lower() for name in headers}
    for name, header in promised.get("headers", {}).items():
        assert name.lower() in names or not header["required"], f"{method} {route} lacks {name}"
    if "content" not in promised:
        assert not text, f"{method} {route} answers {status} with a body: {_SAY}"
        return
    media_type = headers["Content-Type"].partition(";")[0]
    assert media_type in promised["content"], f"{method} {route} answers {media_type}: {_SAY}"
    if media_type.endswith("json"):
        name = promised["content"][media_type]["schema"]["$ref"].removeprefix(_REF)
        fault = next(validator(name, strict=True).iter_errors(json.loads(text)), None)
        where = fault and "/".join(map(str, fault.absolute_path))
        assert fault is None, f"{method} {route} at {where}: {fault.message[:300]}: {_SAY}"
