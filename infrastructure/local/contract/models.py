"""JSON Schemas of the models: of each kind of event as a whole CloudEvent, and of other bodies.

Dates, instants and numbers are checked by functions that a schema cannot show; what they accept
is written here for each, and a function without an entry stops the generator.
"""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from local.schema import Schema
from trial.events import envelope
from trial.events.envelope import TYPE_PREFIX, Envelope
from trial.events.payloads import Void, model_of
from trial.web.request_bodies import ReasonBody

Document = dict[str, Any]
DEFINITIONS = "#/$defs/"

_DAY = "(0[1-9]|[12][0-9]|3[01])"
_MONTH = "(0[1-9]|1[0-2])"
_CHECKED: dict[str, Document] = {
    "forbid_inf_nan_check": {},  # pydantic's: JSON has no such numbers
    "_full_date": {"format": "date", "pattern": f"^[0-9]{{4}}-{_MONTH}-{_DAY}$"},
    "_partial_date": {
        "description": "YYYY-MM-DD, YYYY-MM or YYYY",
        "pattern": f"^[0-9]{{4}}(-{_MONTH}(-{_DAY})?)?$",
    },
    "_local_time": {
        "description": "YYYY-MM-DD or YYYY-MM-DDThh:mm, as the site's clock had it",
        "pattern": f"^[0-9]{{4}}-{_MONTH}-{_DAY}(T[0-2][0-9]:[0-5][0-9](:[0-5][0-9])?)?$",
    },
    "_instant": {
        "format": "date-time",
        "pattern": f"^[0-9]{{4}}-{_MONTH}-{_DAY}[Tt][0-2][0-9]:[0-5][0-9]:[0-5][0-9]"
        r"(\.[0-9]+)?([Zz]|[+-][0-2][0-9]:[0-5][0-9])$",
    },
    "_not_blank": {"pattern": r"\S"},
    # What is required of fields together, the models say themselves (`json_schema_extra`).
    "_result_unless_not_done": {},
    "_unless_not_done": {},
    "_accepted_digits": {
        "description": "At most 18 digits before the point and 9 after it",
        "exclusiveMinimum": -(10**18),
        "exclusiveMaximum": 10**18,
    },
}


class _Posted(Schema):
    """What may be posted: a part that may be left out may be null too."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        document = super(Schema, self).default_schema(schema)
        return {
            name: value
            for name, value in document.items()
            if name != "default" or value is not None
        }

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:  # noqa: ARG002
        return {"type": "number"}  # written as a text it is refused

    def function_after_schema(
        self, schema: core_schema.AfterValidatorFunctionSchema
    ) -> JsonSchemaValue:
        name = getattr(schema["function"]["function"], "__name__", "")
        if name not in _CHECKED:
            raise LookupError(f"add an entry for {name} to _CHECKED in {__name__}")
        return {**super().function_after_schema(schema), **_CHECKED[name]}


def body(model: type[BaseModel]) -> Document:
    """Return the schema of a body that a model parses."""
    document = model.model_json_schema(schema_generator=_Posted)
    for part in (document, *document.get("$defs", {}).values()):
        del part["title"]  # the class's name
    return document


def type_of(kind: str) -> str:
    """Return the kind and version of an event, with which its `type` ends."""
    return f"{kind}.v1"


def event(kind: str) -> Document:
    """Return the schema of a kind of event: its envelope, and the data of a record or a void."""
    attributes, record, void = body(Envelope), body(model_of(kind)), body(Void)
    parts = record.pop("$defs", {})
    record["properties"]["action"] = {"const": "record", "default": "record"}
    attributes["properties"]["type"] = {"const": f"{TYPE_PREFIX}{type_of(kind)}"}
    attributes["properties"]["data"] = {
        "oneOf": [{"$ref": f"{DEFINITIONS}{type_of(kind)}.data"}, {"$ref": f"{DEFINITIONS}Void"}]
    }
    void["required"].append("reason_for_change")
    void["properties"]["reason_for_change"] = body(ReasonBody)["properties"]["reason"]
    parts |= {f"{type_of(kind)}.data": record | _REASON, "Void": void}
    described = attributes | {"description": f"One revision of a record: {kind}"}
    return described | {"$defs": dict(sorted(parts.items()))}


_REASON: Document = {
    "anyOf": [
        {"properties": {"revision": {"maximum": 1}}},
        {
            "required": ["reason_for_change"],
            "properties": {"reason_for_change": {"type": "string"}},
        },
    ]
}
"""From revision 2 on, a reason is required."""


def example(kind: str, data: Document) -> Document:
    """Return an event of a kind with these data."""
    return {
        "specversion": "1.0",
        "id": "5f0c1d52-6d0b-4b5e-9f0a-3f1f7b0e2a11",
        "source": "urn:example:edc",
        "type": f"{envelope.TYPE_PREFIX}{type_of(kind)}",
        "subject": "TMB301-001",
        "time": "2016-03-01T14:12:00Z",
        "study": "TMB-301",
        "data": {"record": "R-1", "revision": 1, **data},
    }
