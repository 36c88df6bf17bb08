"""Write the JSON Schema of study definitions, as their models have it.

What no schema can say (names that must be defined elsewhere, parts that exclude each other) is
checked when a definition is put.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from trial.definition import Definition, library

DIALECT = GenerateJsonSchema.schema_dialect
_WRAPPED = re.compile(r"(?<!\n)\n(?!\n)")


class Schema(GenerateJsonSchema):
    """Says what an editor needs: nothing of null where a part is left out, no names but ours."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 (pydantic's)
        """Return that fields get no titles: their names say it."""
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Leave null out where a part may be left out."""
        inner = schema["schema"]
        if schema.get("default", ...) is None and inner["type"] == "nullable":
            return self.generate_inner(inner["schema"])
        return super().default_schema(schema)

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Allow no name that the pattern of a dictionary's names does not."""
        json_schema = super().dict_schema(schema)
        return (
            {**json_schema, "additionalProperties": False}
            if "patternProperties" in json_schema
            else json_schema
        )


def schema() -> dict[str, Any]:
    """Return the schema; the same models give the same."""
    schema = Definition.model_json_schema(schema_generator=Schema)
    for part in (schema, *schema["$defs"].values()):
        if "description" in part:
            part["description"] = _WRAPPED.sub(" ", part["description"])
    schema["properties"][library.EXTENDS] = _extends()
    note = "Made from functions/trial/definition by `make schema`: do not edit."
    return {"$schema": DIALECT, "$comment": note, **schema}


def _extends() -> dict[str, Any]:
    """Return the schema of what a definition extends: it is resolved before the models read it."""
    pieces = library.pieces()
    names_schema = {"enum": list(pieces)}
    return {
        "description": "Shipped pieces that this definition extends, each over the one before.",
        "type": "array",
        "items": {
            "anyOf": [
                names_schema,
                *(
                    {
                        "type": "object",
                        "description": piece["title"],
                        "additionalProperties": False,
                        "required": ["piece"],
                        "properties": {
                            "piece": {"const": name},
                            "with": {
                                "type": "object",
                                "additionalProperties": False,
                                "properties": {parameter: {} for parameter in piece["parameters"]},
                            },
                        },
                    }
                    for name, piece in pieces.items()
                ),
            ]
        },
    }


def text() -> str:
    """Return the schema as its file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the schema into the file that is named."""
    (path,) = arguments
    Path(path).write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
