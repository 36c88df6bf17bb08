"""Dataclasses that are finished when the first of them is made.

`dataclasses.dataclass` writes and compiles half a dozen methods while a module is imported. For all
classes here that is a quarter of a start of the API, and two in three are of no use to the event
that it starts for. A class of this module's waits as it is written; once it is called it is what
the standard decorator makes of it.

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
    from threading import RLock

    _FINISHING = RLock()
    _OPTIONS = "__deferred_options__"
    _CLASSES: list[type] = []

    def dataclass(
        cls: type | None = None, /, *, frozen: bool = False, eq: bool = True, slots: bool = False
    ) -> Callable[..., type] | type:
        """Make a class a dataclass when it is first called; it has no `fields` before that.

        One with `slots` is another class than is written, so that it cannot wait.
        """
        if cls is None:
            return partial(dataclass, frozen=frozen, eq=eq, slots=slots)
        if slots:
            return dataclasses.dataclass(cls, frozen=frozen, eq=eq, slots=True)

        def finish_first(self: object, *values: object, **named: object) -> None:
            _finish(cls)
            cls.__init__(self, *values, **named)

        hashed = frozen and eq and cls.__dict__.get("__hash__") is None
        setattr(cls, _OPTIONS, {"eq": eq, "unsafe_hash": hashed})
        cls.__init__ = finish_first
        _CLASSES.append(cls)
        return cls

    def finish_all() -> None:
        """Finish every class that waits: nothing is to wait in a snapshot of a process."""
        for cls in _CLASSES:
            _finish(cls)

    def _finish(cls: type) -> None:
        """Finish a class and, before it, what it inherits from.

        Other threads may be calling the `__init__` that waits, so the one that stays replaces it
        last and at once. It is made for a class below, which has the same fields.
        """
        with _FINISHING:
            for part in reversed(cls.__mro__):
                if _OPTIONS not in part.__dict__:
                    continue
                part.__doc__ = part.__doc__ or part.__name__  # or it is made of a signature
                dataclasses.dataclass(init=False, **part.__dict__[_OPTIONS])(part)
                names = {"__doc__": part.__doc__, "__qualname__": part.__qualname__}
                below = type(part)(part.__name__, (part,), names | {"__module__": part.__module__})
                dataclasses.dataclass(repr=False, eq=False, match_args=False)(below)
                delattr(part, _OPTIONS)
                part.__init__ = below.__init__
