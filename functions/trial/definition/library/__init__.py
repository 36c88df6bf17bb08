"""A definition that extends shipped pieces, resolved into one plain definition.

`extends` names pieces, each with its parameters. They are merged in their order, each over the one
before, and the definition's own parts over all: what has an id is merged by it, field by field;
what stands by name is replaced as a whole; `null` leaves a part out. The result is what is checked,
digested and stored, so a later release of a piece changes no study; under `extended` it names the
pieces with their digests.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field, replace
from typing import Any

from trial.deferred import dataclass
from trial.definition.library.shipped import (
    Part,
    filled,
    piece_digest,
    pieces,
    refused,
    wrong_units,
)
from trial.definition.size_limits import TooMuch
from trial.errors import FieldError
from trial.events import json_pointer
from trial.events.field_errors import known_names_hint

__all__ = ["EXTENDS", "Resolved", "pieces", "resolve"]

EXTENDS, EXTENDED = "extends", "extended"


@dataclass(frozen=True)
class _Layer:
    """Where a container of the result comes from: a piece ('' for the definition) and a pointer."""

    piece: str
    pointer: str
    container: Any


@dataclass
class Resolved:
    """A plain definition, and where each of its parts was written."""

    value: Any
    _layers: dict[int, list[_Layer]] = field(default_factory=dict)
    _places: dict[str, str] = field(default_factory=dict)
    """By piece: the pointer to where it, or a piece that brings it along, is named."""

    def source_of(self, fault: FieldError) -> FieldError:
        """Return a fault of the result with the pointer to what was written.

        What is wrong with a piece is shown where the piece is named.
        """
        if not self._places:
            return fault
        fault = self._with_pieces(fault)
        piece, pointer = self._origin(fault.pointer)
        if not piece:
            return replace(fault, pointer=pointer)
        detail = f"in the piece {piece}, {pointer or '/'}: {fault.detail}"
        return replace(fault, pointer=self._places[piece], detail=detail)

    def _with_pieces(self, fault: FieldError) -> FieldError:
        """Return the fault with the pieces that, with its own members, make a part too large."""
        if not isinstance(fault, TooMuch):
            return fault
        inside = self.value
        for name in json_pointer.parts(fault.pointer):
            inside = _member(inside, name)
        names = [layer.piece for layer in self._layers.get(id(inside), ()) if layer.piece]
        if len(names) == len(self._layers.get(id(inside), ())) == 1:
            return fault  # it is the piece's own
        of_pieces = f", with the members of {', '.join(names)}" if names else ""
        return replace(fault, detail=fault.detail + of_pieces)

    def _origin(self, pointer: str) -> tuple[str, str]:
        inside, origin, rest = self.value, ("", ""), list(json_pointer.parts(pointer))
        while rest:
            layers = self._layers.get(id(inside), ())
            holders = (layer for layer in layers if _holds(layer.container, rest[0]))
            layer = next(holders, None) or next(iter(layers), None)
            if layer is not None:
                origin = layer.piece, f"{layer.pointer}{_written(rest)}"
            inside = _member(inside, rest.pop(0))
            if inside is None:
                break
            if id(inside) in self._layers and not rest:
                layer = self._layers[id(inside)][0]
                origin = layer.piece, layer.pointer
        return origin


def _written(parts: Sequence[str]) -> str:
    return "".join(f"/{json_pointer.escape(part)}" for part in parts)


def _holds(container: Any, name: str) -> bool:  # noqa: ANN401 (any JSON)
    return name in container if isinstance(container, dict) else True


def _member(container: Any, name: str) -> Any:  # noqa: ANN401 (any JSON)
    if isinstance(container, dict):
        return container.get(name)
    if isinstance(container, list) and name.isdigit() and int(name) < len(container):
        return container[int(name)]
    return None


def resolve(value: Any) -> Resolved:  # noqa: ANN401 (any JSON)
    """Return a definition with the pieces that it extends; raises `Rejected` where it cannot."""
    if not isinstance(value, dict) or EXTENDS not in value:
        return Resolved(value)
    requests = list(_with_others(list(_requests(value[EXTENDS]))))
    own_parts = {name: part for name, part in value.items() if name != EXTENDS}
    resolved = Resolved({})
    for name, parameters, path in requests:
        part = filled(name, parameters, path)
        resolved._places[name] = path  # noqa: SLF001 (its own module)
        _mark(resolved._layers, part, name, "")  # noqa: SLF001
        resolved.value = _merged(resolved, resolved.value, part)
    _mark(resolved._layers, own_parts, "", "")  # noqa: SLF001
    resolved.value = _merged(resolved, resolved.value, own_parts)
    resolved.value[EXTENDED] = [
        {"piece": name, "digest": piece_digest(name)}
        for name in sorted(resolved._places)  # noqa: SLF001
    ]
    faults = [fault for request in requests for fault in wrong_units(resolved.value, *request)]
    if faults:
        raise refused(*faults)
    return resolved


type _Request = tuple[str, Part, str]
"""A piece that is asked for, its parameters, and the pointer to it."""


def _with_others(requests: list[_Request]) -> Iterator[_Request]:
    """Yield the pieces asked for, each after those that it extends itself."""
    names = {name for name, _, _ in requests}
    for name, parameters, path in requests:
        for extension in pieces()[name].get(EXTENDS, ()):
            if extension not in names:
                names.add(extension)
                yield extension, {}, path
        yield name, parameters, path


def _requests(extends: Any) -> Iterator[_Request]:  # noqa: ANN401 (any JSON)
    """Yield the pieces asked for, each with its parameters and its pointer."""
    if not isinstance(extends, list):
        raise refused(FieldError(f"/{EXTENDS}", "must be a list of pieces"))
    names: set[str] = set()
    for i, request in enumerate(extends):
        path = f"/{EXTENDS}/{i}"
        name = request.get("piece") if isinstance(request, dict) else request
        parameters = request.get("with", {}) if isinstance(request, dict) else {}
        if isinstance(request, dict) and (stray := request.keys() - {"piece", "with"}):
            raise refused(FieldError(f"{path}/{min(stray)}", "is not a field here"))
        if not isinstance(name, str) or not isinstance(parameters, dict):
            detail = "must be the name of a piece, or an object with `piece` and `with`"
            raise refused(FieldError(path, detail))
        if name not in pieces():
            detail = f"is not a piece of the library: {name}{known_names_hint(name, pieces())}"
            raise refused(FieldError(path, detail))
        if name in names:
            raise refused(FieldError(path, f"names {name} more than once"))
        names.add(name)
        yield name, parameters, path


def _mark(layers: dict[int, list[_Layer]], value: Any, piece: str, pointer: str) -> None:  # noqa: ANN401
    """Note where each container of a part was written."""
    if not isinstance(value, dict | list):
        return
    layers[id(value)] = [_Layer(piece, pointer, value)]
    members: Iterable[tuple[Any, Any]] = (
        value.items() if isinstance(value, dict) else enumerate(value)
    )
    for name, part in members:
        _mark(layers, part, piece, f"{pointer}/{json_pointer.escape(name)}")


def _merged(resolved: Resolved, base: Any, changes: Any) -> Any:  # noqa: ANN401 (any JSON)
    """Merge a definition over another: sections by name, lists by id, all else replaced."""
    merged: Part = dict(base)
    for name, part in changes.items():
        below = merged.get(name)
        if part is None:
            merged.pop(name, None)
        elif isinstance(part, dict) and isinstance(below, dict):
            members = {key: value for key, value in {**below, **part}.items() if value is not None}
            merged[name] = _joint(resolved, members, part, below)
        else:
            merged[name] = _over(resolved, below, part)
    return _joint(resolved, merged, changes, base)


def _over(resolved: Resolved, base: Any, changes: Any) -> Any:  # noqa: ANN401 (any JSON)
    """Return a field over another: merged where both are lists of parts with ids, else alone."""
    if _have_ids(base) and _have_ids(changes):
        return _by_id(resolved, base, changes)
    return changes


def _by_id(resolved: Resolved, base: list[Part], over: list[Part]) -> list[Part]:
    """Merge two lists by the ids of their members, those of the first in their order."""
    changes = {part["id"]: part for part in over}
    merged = [
        _item(resolved, part, changes.pop(part["id"])) if part["id"] in changes else part
        for part in base
    ]
    members = [*(part for part in merged if part is not None), *changes.values()]
    return _joint(resolved, members, over, base)


def _item(resolved: Resolved, base: Part, changes: Part) -> Part | None:
    """Merge a member field by field; None where it says nothing but `remove: true`."""
    if changes == {"id": changes["id"], "remove": True}:
        return None
    merged: Part = dict(base)
    for name, part in changes.items():
        if part is None:
            merged.pop(name, None)
        else:
            merged[name] = _over(resolved, merged.get(name), part)
    return _joint(resolved, merged, changes, base)


def _joint[Container](resolved: Resolved, merged: Container, *sources: Any) -> Container:  # noqa: ANN401
    """Note that a container is made of others, the first of which decides."""
    layers = resolved._layers  # noqa: SLF001 (its own module)
    layers[id(merged)] = [layer for source in sources for layer in layers.get(id(source), ())]
    return merged


def _have_ids(value: Any) -> bool:  # noqa: ANN401 (any JSON)
    """Return whether a value is a list of which each member has an id, and no two the same."""
    if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
        return False
    ids = [part.get("id") for part in value]
    return bool(ids) and all(isinstance(name, str) for name in ids) and len({*ids}) == len(ids)
