"""The API's contract as tests use it: whether an answer is one that openapi.json promises.

The document lets a later release add members to an answer; here a member that it does not name is
a fault, so that none is added without being described.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

Document = dict[str, Any]
FILES = Path(__file__).resolve().parents[1] / "functions" / "trial" / "web" / "contract"
_REF = "#/components/schemas/"
_SMALL = 2_000
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
    return _looking_once(strict=strict)(values, format_checker=Draft202012Validator.FORMAT_CHECKER)


@cache
def _looking_once(*, strict: bool) -> Callable[..., Draft202012Validator]:
    """Make a class of validators that looks at each small part of an answer once.

    Answers of a study repeat each other's cells, and looking at them is most of what a call costs.
    What is valid for strict validators they alone know.
    """
    valid: set[tuple[str, str]] = set()
    look = Draft202012Validator.VALIDATORS["$ref"]

    def look_once(validator: Any, ref: str, part: Any, schema: Any) -> Iterator[ValidationError]:
        text = json.dumps(part)
        if (ref, text) in valid:
            return
        errors = list(look(validator, ref, part, schema))
        if not errors and len(text) < _SMALL:
            valid.add((ref, text))
        yield from errors

    return extend(Draft202012Validator, {"$ref": look_once})


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
        fault = _fault(name, text)
        assert not fault, f"{method} {route} at {fault}: {_SAY}"


@lru_cache(maxsize=1_000)
def _fault(name: str, text: str) -> str:
    """Say where a body is not of its schema; the same body is looked at once."""
    error = next(validator(name, strict=True).iter_errors(json.loads(text)), None)
    if error is None:
        return ""
    return f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
