"""Dataclasses that are finished when the first of them is made.

`dataclasses.dataclass` writes and compiles half a dozen methods while a module is imported. For all
classes here that is a quarter of a start of the API, and two in three are of no use to the event
that it starts for. A class of this module's waits as it is written; once it is called it is what
the standard decorator makes of it. Only its `__init__` is compiled for it then: what compares,
hashes and prints takes the names of its fields as they are.

What is `frozen` is held so by the type checker, not while the service runs: methods that refuse
every assignment are half the cost of a class, and its `__init__` then goes a longer way.
"""

from typing import TYPE_CHECKING

__all__ = ("dataclass", "finish_all")

if TYPE_CHECKING:
    from dataclasses import dataclass

    def finish_all() -> None:
        """Finish every class that waits: nothing is to wait in a snapshot of a process."""
else:
    import dataclasses
    from collections.abc import Callable
    from functools import partial
    from operator import attrgetter
    from reprlib import recursive_repr
    from threading import RLock

    _FINISHING = RLock()
    _WAITS = "__deferred_options__"
    _CLASSES: list[type] = []

    def dataclass(
        cls: type | None = None, /, *, frozen: bool = False, eq: bool = True, slots: bool = False
    ) -> Callable[..., type] | type:
        """Make a class a dataclass when it is first called; it has no `fields` before that."""
        if cls is None:
            return partial(dataclass, frozen=frozen, eq=eq, slots=slots)
        written = _as_written(cls)
        if slots:
            cls = _with_slots(cls, written["__annotations__"])

        def finish_first(self: object, *values: object, **named: object) -> None:
            _finish(cls)
            cls.__init__(self, *values, **named)

        setattr(cls, _WAITS, (written, frozen, eq))
        cls.__init__ = finish_first
        _CLASSES.append(cls)
        return cls

    def finish_all() -> None:
        """Finish every class that waits: nothing is to wait in a snapshot of a process."""
        for cls in _CLASSES:
            _finish(cls)

    def _as_written(cls: type) -> dict[str, object]:
        """Return what a class says of its fields."""
        own = cls.__dict__
        fields = own.get("__annotations__", {})
        names = "__module__", "__qualname__", "__orig_bases__", "__post_init__", *fields
        # A class without a text of its own is given its signature, which takes long to write.
        document = {"__annotations__": fields, "__doc__": cls.__doc__ or cls.__name__}
        return {name: own[name] for name in names if name in own} | document

    def _with_slots(cls: type, fields: dict[str, object]) -> type:
        """Return a class with a slot for each field: defaults cannot stand beside slots."""
        left_out = {*fields, "__dict__", "__weakref__"}
        members = {name: value for name, value in cls.__dict__.items() if name not in left_out}
        names = {"__slots__": tuple(fields), "__qualname__": cls.__qualname__}
        return type(cls)(cls.__name__, cls.__bases__, members | names)

    def _finish(cls: type) -> None:
        """Finish a class and, before it, what it inherits from.

        Other threads may be calling the `__init__` that waits, so the one that stays replaces it
        last and at once. It is made for a class beside it, which has the same fields.
        """
        with _FINISHING:
            for part in reversed(cls.__mro__):
                if _WAITS in part.__dict__:
                    written, frozen, eq = part.__dict__[_WAITS]
                    _finish_part(part, written, frozen=frozen, eq=eq)

    def _finish_part(part: type, written: dict[str, object], *, frozen: bool, eq: bool) -> None:
        beside = type(part)(part.__name__, part.__bases__, dict(written))
        dataclasses.dataclass(repr=False, eq=False)(beside)
        _set_defaults(part, beside)
        added = {name: beside.__dict__[name] for name in _OF_A_DATACLASS} | _methods(beside, eq=eq)
        for name in added.keys() - part.__dict__.keys():
            setattr(part, name, added[name])
        if eq and part.__dict__.get("__hash__") is None:
            part.__hash__ = _hash_of(beside) if frozen else None
        delattr(part, _WAITS)
        part.__init__ = beside.__init__

    _OF_A_DATACLASS = (
        "__dataclass_fields__", "__dataclass_params__", "__match_args__", "__replace__",
    )  # fmt: skip

    def _set_defaults(part: type, beside: type) -> None:
        """Have a class show its fields' defaults, no factory of any; one of slots none."""
        if "__slots__" in part.__dict__:
            return
        for name in beside.__annotations__:
            if name in beside.__dict__:
                setattr(part, name, beside.__dict__[name])
            elif name in part.__dict__:
                delattr(part, name)

    def _methods(cls: type, *, eq: bool) -> dict[str, object]:
        """Return what prints and compares instances by the fields of a dataclass."""
        names = [field.name for field in dataclasses.fields(cls) if field.repr]
        compared = _compared(cls)

        @recursive_repr()
        def printed(self: object) -> str:
            values = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
            return f"{self.__class__.__qualname__}({values})"

        def equal(self: object, other: object) -> bool:
            if other.__class__ is not self.__class__:
                return NotImplemented
            return self is other or compared(self) == compared(other)

        return {"__repr__": printed} | ({"__eq__": equal} if eq else {})

    def _hash_of(cls: type) -> Callable[[object], int]:
        compared = _compared(cls)
        return lambda self: hash(compared(self))

    def _compared(cls: type) -> Callable[[object], object]:
        """Return what reads the class of an instance and the fields by which it is compared."""
        names = [field.name for field in dataclasses.fields(cls) if field.compare]
        return attrgetter("__class__", *names)
