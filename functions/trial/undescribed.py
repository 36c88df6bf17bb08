"""pydantic's core without the descriptions of its schemas, which only type checkers read.

`pydantic_core.core_schema` describes 70 forms of dictionary as `TypedDict`; the types of their
members are compiled one by one, from text, which is a twentieth of a start of the API. Imported
here first, its forms make the same plain dictionaries and describe nothing.
"""

import typing
from importlib import import_module
from typing import Any

import typing_extensions  # noqa: F401 (it takes `TypedDict` as it is)


class _Form:
    """Stands for `TypedDict` while forms are described: called, one makes a `dict`."""

    def __init_subclass__(cls, *, total: bool = True) -> None:
        """Take what `TypedDict` takes."""

    def __new__(cls, *members: Any, **named: Any) -> Any:  # noqa: ANN401 (as `dict` takes them)
        """Make a dictionary, as a `TypedDict` does."""
        return dict(*members, **named)


def import_core_schema() -> None:
    """Import the forms of schemas; where pydantic is imported already they stay as they are.

    For the start of a process, before it has other threads: `TypedDict` is another one meanwhile.
    """
    described = typing.TypedDict
    setattr(typing, "TypedDict", _Form)  # noqa: B010 (for mypy it is no variable)
    try:
        import_module("pydantic_core.core_schema")
    finally:
        setattr(typing, "TypedDict", described)  # noqa: B010 (as above)
