"""What a definition names, and where: found by the types of its parts, in what was posted.

It goes over the JSON and not over the models, so that names are found in a definition that has
faults of another kind too. Where a part may take several forms, what was written decides by its
shape which is meant.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from trial.definition import Definition, formulas
from trial.definition.base import Model, RefersTo
from trial.definition.outputs import Table, is_by_column
from trial.events import json_pointer

type JsonObject = Mapping[str, Any]

UNKNOWN_FIELD = "field of the part"
"""What a part's member names that is no field of it."""


@dataclass(frozen=True)
class Scope:
    """What a part of a definition stands in: the parts around it, the definition itself first."""

    parts: tuple[tuple[type[Model], JsonObject], ...]

    @property
    def definition(self) -> JsonObject:
        """The whole."""
        return self.parts[0][1]

    @property
    def own(self) -> JsonObject:
        """The part itself: what stands beside a name."""
        return self.parts[-1][1]

    def nearest(self, model: type[Model]) -> JsonObject:
        """Return the innermost part of a kind; an empty one where there is none."""
        matching = (part for kind, part in reversed(self.parts) if issubclass(kind, model))
        return next(matching, {})

    def within(self, model: type[Model], part: JsonObject) -> "Scope":
        """Go into a part."""
        return Scope((*self.parts, (model, part)))


@dataclass(frozen=True)
class NamedReference:
    """A part that names something: where it stands, what it names one of, what was written."""

    path: str
    target: str
    value: Any
    scope: Scope


def find_references(definition: Any) -> Iterator[NamedReference]:  # noqa: ANN401 (any JSON)
    """List all that a definition names, in its own order."""
    if isinstance(definition, dict):
        yield from _of_model(Definition, definition, "", Scope(((Definition, definition),)))


def parts_named(reference: NamedReference) -> Iterator[tuple[str, Any]]:
    """Yield which parts a name stands for: by their section and their name."""
    for section in _SECTIONS.get(reference.target, ()):
        yield section, reference.value
    if reference.target == "source" and isinstance(reference.value, str):
        prefix, _, name = reference.value.partition(":")
        yield _SECTION_OF_SOURCE.get(prefix, ""), name
    if reference.target == "formula":
        with suppress(ValueError):
            for name in formulas.operands(formulas.parsed(str(reference.value))):
                yield "parameters", name
    if reference.target == "records" and isinstance(reference.value, str):
        for name in reference.value.partition(":")[2].split(","):
            yield "parameters", name


_SECTIONS: Mapping[str, tuple[str, ...]] = {
    "analysis set": ("sets",),
    "baseline": ("baselines",),
    "characteristic, stratum or class": ("classes",),
    "classes": ("classes",),
    "condition": ("conditions",),
    "gradable parameter": ("parameters",),
    "measure": ("measures",),
    "named baseline": ("baselines",),
    "parameter": ("parameters",),
    "reported parameter": ("parameters",),
    "time to event": ("times",),
    "visit": ("visits",),
    "visit or baseline": ("visits", "baselines"),
}
"""By what a name is one of: the sections of a definition that it may be from."""
_SECTION_OF_SOURCE = {
    "class": "classes", "condition": "conditions", "measure": "measures", "set": "sets",
}  # fmt: skip


def _of_model(
    model: type[Model], part: JsonObject, path: str, scope: Scope
) -> Iterator[NamedReference]:
    hints = _hints(model)
    for name, value in part.items():
        member_path = f"{path}/{json_pointer.escape(name)}"
        if name in hints:
            yield from _of(hints[name], value, member_path, scope)
        else:
            yield NamedReference(member_path, UNKNOWN_FIELD, name, scope)


@cache
def _hints(model: type[Model]) -> Mapping[str, Any]:
    hints = get_type_hints(model, include_extras=True)
    return {name: hints[name] for name in model.model_fields}


def _of(hint: Any, value: Any, path: str, scope: Scope) -> Iterator[NamedReference]:  # noqa: ANN401
    if get_origin(hint) is Annotated:
        hint, *marks = get_args(hint)
        for mark in marks:
            if isinstance(mark, RefersTo):
                yield NamedReference(path, mark.target, value, scope)
    if get_origin(hint) in (Union, UnionType):
        if (meant := _meant(get_args(hint), value, scope)) is not None:
            yield from _of(meant, value, path, scope)
    elif isinstance(hint, type) and issubclass(hint, Model) and isinstance(value, dict):
        yield from _of_model(hint, value, path, scope.within(hint, value))
    else:
        yield from _of_members(hint, value, path, scope)


def _of_members(hint: Any, value: Any, path: str, scope: Scope) -> Iterator[NamedReference]:  # noqa: ANN401
    """Go into a list, or into an object whose members have names of their own."""
    if get_origin(hint) in (list, tuple) and isinstance(value, list):
        member_types = [member for member in get_args(hint) if member is not Ellipsis]
        for i, member in enumerate(value):
            yield from _of(
                member_types[min(i, len(member_types) - 1)], member, f"{path}/{i}", scope
            )
    elif get_origin(hint) is dict and isinstance(value, dict):
        of_key, of_value = get_args(hint)
        for name, member in value.items():
            member_path = f"{path}/{json_pointer.escape(name)}"
            yield from _of(of_key, name, member_path, scope)
            yield from _of(of_value, member, member_path, scope)


def _meant(forms: Iterable[Any], value: Any, scope: Scope) -> Any:  # noqa: ANN401 (a type's form)
    """Choose the form that was meant: a text, a list, or the object that it looks most like."""
    bare = [(form, _bare(form)) for form in _flat(forms)]
    if isinstance(value, list):
        return next(
            (form for form, bare_form in bare if get_origin(bare_form) in (list, tuple)), None
        )
    if not isinstance(value, dict):
        literals = (bare_form for _, bare_form in bare if get_origin(bare_form) is Literal)
        if any(value in get_args(bare_form) for bare_form in literals):
            return None
        return next(
            (
                form
                for form, bare_form in bare
                if bare_form is not NoneType and _is_plain(bare_form)
            ),
            None,
        )
    models = [
        bare_form
        for _, bare_form in bare
        if isinstance(bare_form, type) and issubclass(bare_form, Model)
    ]
    columns = next((form for form, bare_form in bare if get_origin(bare_form) is dict), None)
    if columns is not None and (not models or is_by_column(value, scope.nearest(Table), models[0])):
        return columns
    return max(models, key=lambda model: len(value.keys() & model.model_fields), default=None)


def _flat(forms: Iterable[Any]) -> Iterator[Any]:
    """List the forms, those of a form that takes several itself among them."""
    for form in forms:
        if get_origin(bare_form := _bare(form)) in (Union, UnionType):
            yield from _flat(get_args(bare_form))
        else:
            yield form


def _bare(form: Any) -> Any:  # noqa: ANN401 (a type's form)
    return get_args(form)[0] if get_origin(form) is Annotated else form


def _is_plain(form: Any) -> bool:  # noqa: ANN401 (a type's form)
    return isinstance(form, type) and get_origin(form) is None and not issubclass(form, Model)
