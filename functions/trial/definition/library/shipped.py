"""The shipped pieces, and one of them with its parameters filled in.

A piece is JSON: a `title`, `parameters` with their defaults (of which one may be another's), the
`units` that what some of these name must be in, pieces that it `extends` itself, and the parts of a
`definition`. There
`{"parameter": name}`, with the name of one of these and nothing beside it, stands for its value. A
member whose parameter is null is left out, and so is a part that `needs` a parameter which is null;
with a condition of the piece also go what counts it and its name in a list.
`{"observations": [{"id": name}, ...]}` is the records of a listing of those that are not left out.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from trial.errors import FieldError, Rejected
from trial.events import json_pointer
from trial.events.field_errors import known_names_hint
from trial.events.json_body import digest

type Part = dict[str, Any]

_FOLDER = Path(__file__).parent
_NEEDS = "needs"
"""The parameters that a part cannot do without; of those in a list together, one is enough."""


@cache
def pieces() -> Mapping[str, Part]:
    """Return the shipped pieces by name: a title, parameters, and parts of a definition."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(_FOLDER.glob("*.json"))
    }


def piece_digest(name: str) -> str:
    """Identify the text of a piece: it changes with a release that changes the piece."""
    return digest(pieces()[name]).hex()


def refused(*faults: FieldError) -> Rejected:
    """Return the refusal of a definition for what it extends."""
    return Rejected(422, "Definition not accepted", "", *faults)


def filled(name: str, parameters: Part, path: str) -> Part:
    """Return the parts of a piece with its parameters filled in."""
    piece = pieces()[name]
    defaults: Part = piece.get("parameters", {})
    for parameter in parameters:
        if parameter not in defaults:
            detail = f"is not a parameter of {name}{known_names_hint(parameter, defaults)}"
            raise refused(FieldError(f"{path}/with/{json_pointer.escape(parameter)}", detail))
    values = _substituted(defaults, defaults | parameters) | parameters
    sections: Part = _substituted(piece["definition"], values)
    conditions = piece["definition"].get("conditions", {})
    sections = _without(sections, conditions.keys() - sections.get("conditions", {}).keys())
    part = {section: content for section, content in sections.items() if content}
    if part.keys().isdisjoint(("tables", "listings", "narratives", "scales")):
        detail = f"gives nothing of {name}: its parts need {', '.join(_needed(piece))}"
        raise refused(FieldError(path, detail))
    return part


_LEFT_OUT = object()
"""In the place of a part that is left out."""


def _substituted(value: Any, values: Part) -> Any:  # noqa: ANN401 (any JSON)
    """Return a part with its parameters' values, or `_LEFT_OUT`."""
    match value:
        case {"parameter": str(name)} if len(value) == 1 and name in values:
            return _LEFT_OUT if values[name] is None else deepcopy(values[name])
        case dict() if not _has_needed(value.get(_NEEDS, ()), values):
            return _LEFT_OUT
        case {"observations": list(listed)} if len(value) == 1:
            names = [part["id"] for part in _substituted(listed, values)]
            return f"observations:{','.join(names)}"
        case dict():
            members = {
                name: _substituted(part, values) for name, part in value.items() if name != _NEEDS
            }
            return {name: part for name, part in members.items() if part is not _LEFT_OUT}
        case list():
            parts = (_substituted(part, values) for part in value)
            return [part for part in parts if part is not _LEFT_OUT]
        case _:
            return value


def _without(value: Any, conditions: Collection[str]) -> Any:  # noqa: ANN401 (any JSON)
    """Return a part without what is left out with conditions, or `_LEFT_OUT`."""
    match value:
        case {"count": str(name)} if name in conditions:
            return _LEFT_OUT
        case dict():
            members = {name: _without(part, conditions) for name, part in value.items()}
            return {name: part for name, part in members.items() if part is not _LEFT_OUT}
        case list():
            parts = (_without(part, conditions) for part in value if part not in [*conditions])
            return [part for part in parts if part is not _LEFT_OUT]
        case _:
            return value


def _needed(piece: Part) -> Iterable[str]:
    """Return the parameters that a piece's tables, listings and narratives need."""
    outputs = (
        part
        for kind in ("tables", "listings", "narratives")
        for part in piece["definition"].get(kind, ())
    )
    needs = (needed for part in outputs for needed in part.get(_NEEDS, ()))
    names = (name for needed in needs for name in ([needed] if isinstance(needed, str) else needed))
    return dict.fromkeys(names)


def _has_needed(needs: Iterable[str | list[str]], values: Part) -> bool:
    """Return whether there is each parameter that is needed, or one of those in a list."""
    return all(
        any(values[name] is not None for name in ([needed] if isinstance(needed, str) else needed))
        for needed in needs
    )


def wrong_units(whole: Part, name: str, arguments: Part, path: str) -> Iterator[FieldError]:
    """Yield the parameters of a piece that name something in another unit than its limits are in.

    What the definition does not have, or not as it should, its own check finds.
    """
    piece, measured = pieces()[name], whole.get("parameters")
    values = piece.get("parameters", {}) | arguments
    for parameter, units in piece.get("units", {}).items():
        argument = values[parameter]
        if not isinstance(measured, dict) or not isinstance(argument, str):
            continue
        unit = part.get("unit") if isinstance(part := measured.get(argument), dict) else None
        if isinstance(unit, str) and unit not in units:
            detail = (
                f"{argument} is in {unit}, and the limits of {name} are in {' or '.join(units)}:"
                " name a parameter in this unit, such as a `formula` of it"
            )
            pointer = f"/with/{json_pointer.escape(parameter)}" if parameter in arguments else ""
            yield FieldError(f"{path}{pointer}", detail)
