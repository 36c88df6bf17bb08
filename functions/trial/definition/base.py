"""What every part of a definition is made of."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal, Protocol

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)

from trial.deferred import dataclass
from trial.events.field_errors import NAME
from trial.events.fields import term

Name = Annotated[str, Field(pattern=NAME)]
Decimals = Annotated[int, Field(ge=0, le=9)]
Day = int


@dataclass(frozen=True)
class RefersTo:
    """Marks a part of a definition that names something: what it names one of.

    `trial.tables.checking` knows what may be named; a text without this mark names nothing.
    """

    target: str


Term = Annotated[str, AfterValidator(term)]
"""A term, level or reason of records, in the one form in which they are compared."""
ArmName = Annotated[Name, RefersTo("arm")]
BaselineName = Annotated[Name, RefersTo("baseline")]
CategoryName = Annotated[Name, RefersTo("characteristic, stratum or class")]
ConditionName = Annotated[Name, RefersTo("condition")]
Kind = Annotated[str, RefersTo("kind of event")]
MeasureName = Annotated[Name, RefersTo("measure")]
ParameterName = Annotated[Name, RefersTo("parameter")]
SetName = Annotated[Name, RefersTo("analysis set")]
SubjectsColumn = Annotated[Name, RefersTo("column of subjects")]
TimeName = Annotated[Name, RefersTo("time to event")]
VisitName = Annotated[Name, RefersTo("visit")]


class Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        defer_build=True,
        protected_namespaces=(),  # no field begins so; looking takes as long as many a field
    )

    def members(self, leave_out: Literal["unset", "defaults"] | None = None) -> dict[str, Any]:
        """Return its fields as JSON has them: all, those given, or those beside the defaults.

        That is `model_dump(mode="json")`, for which pydantic first builds what validates.
        """
        names = list(type(self).model_fields)
        if leave_out == "unset":
            names = [name for name in names if name in self.model_fields_set]
        if leave_out == "defaults":
            defaults = _defaults(type(self))
            names = [name for name in names if getattr(self, name) != defaults[name]]
        return {name: _plain(getattr(self, name), leave_out) for name in names}


@cache
def _defaults(model: type[Model]) -> Mapping[str, object]:
    fields = model.model_fields.items()
    return {name: field.get_default(call_default_factory=True) for name, field in fields}


def _plain(value: object, leave_out: Literal["unset", "defaults"] | None) -> object:
    match value:
        case Model():
            return value.members(leave_out)
        case list() | tuple():
            return [_plain(part, leave_out) for part in value]
        case dict():
            return {name: _plain(part, leave_out) for name, part in value.items()}
        case Decimal():
            return str(value)
        case _:
            return value


def inline_model(model: type[Model]) -> WrapValidator:
    """Read an object as the one form that may be written in place of a name.

    So its faults are those of that form, and not of the name that it is not.
    """

    def read(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 (any JSON)
        return model.model_validate(value) if isinstance(value, dict) else handler(value)

    return WrapValidator(read)


class Level(Model):
    """A value as recorded, and what it is called in a table."""

    value: Term
    label: str


class Named(Protocol):
    """Anything with an id."""

    @property
    def id(self) -> str:
        """The name it goes by among its like."""


def check_unique[Part: Named | Level | str | int](parts: list[Part]) -> list[Part]:
    """Refuse two parts of one name or value: they would be counted into the same cells."""
    names = [_called(part) for part in parts]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"names {', '.join(repeated)} more than once")
    return parts


def _called(part: Named | Level | str | int) -> str:
    if isinstance(part, str | int):
        return str(part)
    return part.value if isinstance(part, Level) else part.id


def only_form(
    part: Model, forms: Mapping[str, Sequence[str]], noun: str, common: Sequence[str] = ()
) -> str:
    """Return the one form that a part takes, and refuse what that form has no use for."""
    present = [name for name in forms if getattr(part, name) is not None]
    if len(present) != 1:
        raise ValueError(f"{noun} takes exactly one of {', '.join(forms)}")
    (name,) = present
    if stray := sorted(part.model_fields_set - {name, *forms[name], *common}):
        raise ValueError(f"{noun} of {name} takes no {', '.join(stray)}")
    return name


BOUNDS = ("at_least", "more_than", "at_most", "below")


Bound = Annotated[Decimal, WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]})]
"""A number; or, as posted, a text of the parameter that counts as one (`worded_bounds`)."""


class Bounds(Model):
    """A stretch of values; every bound given must hold.

    A bound on a parameter whose `texts` count as numbers may be one of these, such as `trace`.
    """

    at_least: Bound | None = None
    more_than: Bound | None = None
    at_most: Bound | None = None
    below: Bound | None = None

    @property
    def lows(self) -> list[tuple[Decimal, bool]]:
        """The lower bounds, each with whether the bound itself is out."""
        lower_bounds = (self.at_least, False), (self.more_than, True)
        return [(bound, strict) for bound, strict in lower_bounds if bound is not None]

    @property
    def highs(self) -> list[tuple[Decimal, bool]]:
        """The upper bounds, each with whether the bound itself is out."""
        upper_bounds = (self.at_most, False), (self.below, True)
        return [(bound, strict) for bound, strict in upper_bounds if bound is not None]

    def holds_all_of(self, other: "Bounds") -> bool:
        """Return whether whatever lies within others lies within these."""
        return all(
            any((own, out) <= (bound, strict) for bound, strict in other.lows)
            for own, out in self.lows
        ) and all(
            any((bound, not strict) <= (own, not out) for bound, strict in other.highs)
            for own, out in self.highs
        )

    @model_validator(mode="after")
    def _hold_something(self) -> "Bounds":
        for low, above in self.lows:
            for high, beneath in self.highs:
                if low > high or (low == high and (above or beneath)):
                    raise ValueError(
                        "its lower bound is above its upper bound: no value is between them"
                    )
        return self
