"""Compiling the parts of a definition: collecting their faults, and a registry of named parts."""

from collections.abc import Callable, Iterable
from functools import partial

from trial.errors import FieldError, Rejected
from trial.rules.matching import refused, unknown


class FaultCollector:
    """Collects the faults of a definition, so that one fault does not hide the next.

    A part that cannot be compiled is left out, and whatever would use it goes without.
    """

    def __init__(self) -> None:
        self._found: dict[FieldError, None] = {}

    def attempt[Part](self, compile_part: Callable[[], Part]) -> Part | None:
        """Return a part of a definition; or None, with its faults collected."""
        try:
            return compile_part()
        except Rejected as rejected:
            self._found |= dict.fromkeys(rejected.faults)
            return None

    def add(self, *faults: FieldError) -> None:
        """Collect faults of a part that can be compiled all the same."""
        self._found |= dict.fromkeys(faults)

    @property
    def found(self) -> tuple[FieldError, ...]:
        """The faults collected, each once."""
        return tuple(self._found)

    def raise_found(self) -> None:
        """Raise `Rejected` with all faults collected, if there are any."""
        if self._found:
            raise Rejected(422, "Definition not accepted", "", *self._found)


class Registry[Part]:
    """The named parts of one kind, each compiled once, when it is first referred to.

    The fault of a part that cannot be compiled is reported at its own path, not where it is used.
    """

    def __init__(
        self, kind: str, names: Iterable[str], compile_part: Callable[[str], Part]
    ) -> None:
        self._kind = kind
        self._names = dict.fromkeys(names)
        self._compile = compile_part
        self._parts: dict[str, Part] = {}
        self._rejected: dict[str, Rejected] = {}
        self._in_progress: set[str] = set()

    def get(self, name: str, path: str) -> Part:
        """Return the part of a name; `path` is where the definition refers to it."""
        if name in self._parts:
            return self._parts[name]
        if name not in self._names:
            raise unknown(path, self._kind, name)
        if name in self._in_progress:
            raise refused(path, f"the {self._kind} {name} refers to itself")
        if name in self._rejected:
            raise self._rejected[name]
        self._in_progress.add(name)
        try:
            self._parts[name] = self._compile(name)
        except Rejected as rejected:
            self._rejected[name] = rejected
            raise
        finally:
            self._in_progress.discard(name)
        return self._parts[name]

    def check(self, faults: FaultCollector) -> None:
        """Compile every part, and collect the faults."""
        for name in self._names:
            faults.attempt(partial(self.get, name, ""))
