"""A definition that was validated, as text: it is read again without being validated again.

What validates is built from all models of the language, which takes as long as half a start of the
API; a definition that is in force has been through it. The text names models and fields and holds
values alone. Reading it makes instances of this language's models and nothing else, whatever it
says: nothing in it is carried out, as a pickle's would be for anybody who may write it.

It says nothing about who validated it. Whoever keeps one must keep by which release it was made,
and read it by no other: models of another release may mean something else, or refuse it.
"""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from trial.definition import Definition
from trial.definition.base import Model

type Json = Any
type Shape = tuple[type[Model], tuple[str, ...]]
"""A model, and which of its fields were given; the others have their defaults."""

_LIST, _TUPLE, _NUMBER = "list", "tuple", "number"


def write(definition: Definition) -> str:
    """Write a definition as `read` takes it; raises `TypeError` for a value of no known type."""
    shapes: dict[Shape, int] = {}
    part = _written(definition, shapes)
    named = [[_name(model), *names] for model, names in shapes]
    return json.dumps([named, part], ensure_ascii=False, separators=(",", ":"))


def read(text: str) -> Definition:
    """Read what `write` wrote by the same release."""
    named, part = json.loads(text)
    models = {_name(model): model for model in language_models()}
    definition = _Reader([(models[name], tuple(names)) for name, *names in named]).read(part)
    if not isinstance(definition, Definition):
        raise TypeError("this is no definition")
    return definition


def _written(value: object, shapes: dict[Shape, int]) -> Json:
    """Write a value: what is no plain one becomes a list that says first of what it is."""
    match value:
        case None | bool() | int() | str():
            return value
        case Decimal():
            return [_NUMBER, str(value)]
        case list() | tuple():
            kind = _LIST if isinstance(value, list) else _TUPLE
            return [kind, *(_written(part, shapes) for part in value)]
        case dict():
            return {name: _written(part, shapes) for name, part in value.items()}
        case Model():
            names = tuple(
                name for name in type(value).model_fields if name in value.model_fields_set
            )
            number = shapes.setdefault((type(value), names), len(shapes))
            return [number, *(_written(getattr(value, name), shapes) for name in names)]
        case _:
            raise TypeError(f"a definition holds no {type(value).__name__}")


class _Reader:
    def __init__(self, shapes: list[Shape]) -> None:
        blanks = {model: _blank(model) for model in dict.fromkeys(model for model, _ in shapes)}
        self._shapes = [(names, blanks[model]) for model, names in shapes]
        self._kinds: dict[str, Callable[[list[Json]], object]] = {
            _LIST: self._parts,
            _TUPLE: lambda parts: tuple(self._parts(parts)),
            _NUMBER: lambda parts: Decimal(parts[0]),
        }

    def read(self, part: Json) -> object:
        if isinstance(part, dict):
            return {name: self.read(value) for name, value in part.items()}
        if not isinstance(part, list):
            return part
        kind, *parts = part
        if isinstance(kind, str):
            return self._kinds[kind](parts)
        names, blank = self._shapes[kind]
        return _filled(blank, dict(zip(names, self._parts(parts), strict=True)))

    def _parts(self, parts: list[Json]) -> list[object]:
        return [self.read(part) for part in parts]


def _blank(model: type[Model]) -> Model:
    """Return an instance in which nothing was given: a copy of it has its fields in their order."""
    required = (name for name, field in model.model_fields.items() if field.is_required())
    return model.model_construct(set(), **dict.fromkeys(required))


def _filled(blank: Model, values: dict[str, object]) -> Model:
    """Return a copy of an instance with some values given: what `model_copy` does, in a third."""
    copy = blank.__new__(type(blank))
    object.__setattr__(copy, "__dict__", blank.__dict__ | values)
    object.__setattr__(copy, "__pydantic_fields_set__", set(values))
    object.__setattr__(copy, "__pydantic_extra__", None)
    object.__setattr__(copy, "__pydantic_private__", blank.__pydantic_private__)
    return copy


def language_models(model: type[Model] = Model) -> Iterator[type[Model]]:
    """Yield all models of the language, or those that one is the base of."""
    for part in model.__subclasses__():
        yield part
        yield from language_models(part)


def _name(model: type[Model]) -> str:
    return f"{model.__module__}.{model.__qualname__}"
