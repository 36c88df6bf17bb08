"""What a definition names, and where: found by the types of its parts, in what was posted.

It goes over the JSON and not over the models, so that names are found in a definition that has
faults of another kind too. Where a part may take several forms, what was written decides by its
shape which is meant.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache, cached_property
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from trial.deferred import dataclass
from trial.definition import Definition, formulas
from trial.definition.base import Model, RefersTo
from trial.definition.narratives import placeholders
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
    for source in sources_named(reference):
        prefix, _, name = source.partition(":")
        yield _SECTION_OF_SOURCE.get(prefix, ""), name
    if reference.target == "formula":
        with suppress(ValueError):
            for name in formulas.operands(formulas.parsed(str(reference.value))):
                yield "parameters", name
    if reference.target == "records" and isinstance(reference.value, str):
        for name in reference.value.partition(":")[2].split(","):
            yield "parameters", name


def sources_named(reference: NamedReference) -> Iterator[str]:
    """Yield the sources of values that a column, or the placeholders of a text, name."""
    if reference.target == "source" and isinstance(reference.value, str):
        yield reference.value
    if reference.target == "placeholders" and isinstance(reference.value, str):
        with suppress(ValueError):  # which its own check says
            yield from placeholders(reference.value)


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
    forms = _forms(model)
    for name, value in part.items():
        member_path = f"{path}/{json_pointer.escape(name)}"
        if (form := forms.get(name)) is None:
            yield NamedReference(member_path, UNKNOWN_FIELD, name, scope)
        elif not form.names_nothing:
            yield from _of(form, value, member_path, scope)


@dataclass(frozen=True, eq=False)
class _Form:
    """What a part may be, by its type: read out of the type once."""

    hint: Any
    targets: tuple[str, ...]
    """What its value names one of."""
    origin: Any
    arguments: tuple[Any, ...]

    @cached_property
    def members(self) -> "tuple[_Form, ...]":
        """The forms of a list's members, of an object's names and members, or to choose from."""
        return tuple(_form(member) for member in self.arguments if member is not Ellipsis)

    @cached_property
    def choices(self) -> "tuple[_Form, ...]":
        """The forms that it may take, those of a form that takes several itself among them."""
        if not self.is_union:
            return (self,)
        return tuple(choice for member in self.members for choice in member.choices)

    @cached_property
    def model(self) -> type[Model] | None:
        """The model of an object whose members are fields."""
        is_model = isinstance(self.hint, type) and issubclass(self.hint, Model)
        return self.hint if is_model else None

    @cached_property
    def is_union(self) -> bool:
        """Whether it may take several forms."""
        return self.origin in (Union, UnionType)

    @cached_property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return self.origin in (list, tuple)

    @cached_property
    def is_plain(self) -> bool:
        """Whether it is a text, a number or the like."""
        return isinstance(self.hint, type) and self.origin is None and self.model is None

    @cached_property
    def names_nothing(self) -> bool:
        """Whether nothing can be named in it, whatever is written."""
        holds_others = self.is_union or self.is_list or self.origin is dict
        return not self.targets and self.model is None and not holds_others


@cache
def _forms(model: type[Model]) -> Mapping[str, _Form]:
    hints = get_type_hints(model, include_extras=True)
    return {name: _form(hints[name]) for name in model.model_fields}


@cache
def _model_form(model: type[Model]) -> _Form:
    return _form(model)


def _form(hint: Any) -> _Form:  # noqa: ANN401 (a type's form)
    targets: tuple[str, ...] = ()
    if get_origin(hint) is Annotated:
        hint, *marks = get_args(hint)
        targets = tuple(mark.target for mark in marks if isinstance(mark, RefersTo))
    return _Form(hint, targets, get_origin(hint), get_args(hint))


def _of(form: _Form, value: Any, path: str, scope: Scope) -> Iterator[NamedReference]:  # noqa: ANN401
    if form.names_nothing:
        return
    for target in form.targets:
        yield NamedReference(path, target, value, scope)
    if form.is_union:
        if (choice := _meant(form.choices, value, scope)) is not None:
            yield from _of(choice, value, path, scope)
    elif form.model is not None and isinstance(value, dict):
        yield from _of_model(form.model, value, path, scope.within(form.model, value))
    elif form.is_list and isinstance(value, list):
        for i, member in enumerate(value):
            member_form = form.members[min(i, len(form.members) - 1)]
            yield from _of(member_form, member, f"{path}/{i}", scope)
    elif form.origin is dict and isinstance(value, dict):
        of_name, of_member = form.members
        for name, member in value.items():
            member_path = f"{path}/{json_pointer.escape(name)}"
            yield from _of(of_name, name, member_path, scope)
            yield from _of(of_member, member, member_path, scope)


def _meant(choices: Sequence[_Form], value: Any, scope: Scope) -> _Form | None:  # noqa: ANN401
    """Choose the form that was meant: a text, a list, or the object that it looks most like."""
    if isinstance(value, list):
        return next((form for form in choices if form.is_list), None)
    if not isinstance(value, dict):
        literals = (form for form in choices if form.origin is Literal)
        if any(value in form.arguments for form in literals):
            return None
        return next((form for form in choices if form.hint is not NoneType and form.is_plain), None)
    models = [form.model for form in choices if form.model is not None]
    columns = next((form for form in choices if form.origin is dict), None)
    if columns is not None and (not models or is_by_column(value, scope.nearest(Table), models[0])):
        return columns
    closest = max(models, key=lambda model: len(value.keys() & model.model_fields), default=None)
    return None if closest is None else _model_form(closest)
