"""What this service promises its callers: openapi.json, and a JSON Schema of each kind of event.

The files are made from the models and routes of this very artefact (`make contract`).
"""

import re
from pathlib import Path

from trial.errors import Rejected
from trial.events.field_errors import not_in_list

_HERE = Path(__file__).parent
_SCHEMA = re.compile(r"[a-z.-]+\.v[0-9]+", re.ASCII)


def openapi() -> str:
    """Return the OpenAPI document."""
    return (_HERE / "openapi.json").read_text(encoding="utf-8")


def schema(name: str) -> str:
    """Return the schema of a kind and version of event; raises `Rejected` (404)."""
    path = _HERE / "schemas" / f"{name}.json"
    if not _SCHEMA.fullmatch(name) or not path.is_file():
        names = sorted(file.stem for file in (_HERE / "schemas").glob("*.json"))
        raise Rejected(404, "Schema not found", not_in_list(name, names))
    return path.read_text(encoding="utf-8")
