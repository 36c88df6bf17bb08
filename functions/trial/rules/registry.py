"""Parts of a definition as they are made ready: what is wrong with each, and those with a name."""

from collections.abc import Callable, Iterable
from functools import partial

from trial.errors import Fault, Rejected
from trial.rules.matching import refused, unknown


class FaultCollector:
    """Gathers what is wrong with a definition, so that one fault does not hide the next.

    A part that cannot be made is left out, and whoever would use it goes without.
    """

    def __init__(self) -> None:
        self._found: dict[Fault, None] = {}

    def attempt[Made](self, make: Callable[[], Made]) -> Made | None:
        """Make a part of a definition, or note what is wrong with it."""
        try:
            return make()
        except Rejected as rejected:
            self._found |= dict.fromkeys(rejected.faults)
            return None

    def add(self, *faults: Fault) -> None:
        """Note what is wrong with what can be made all the same."""
        self._found |= dict.fromkeys(faults)

    @property
    def found(self) -> tuple[Fault, ...]:
        """What is wrong, each fault once."""
        return tuple(self._found)

    def settle(self) -> None:
        """Raise `Rejected` with all that was found, if anything was."""
        if self._found:
            raise Rejected(422, "Definition not accepted", "", *self._found)


class Registry[Made]:
    """The parts that have a name, each made once, when it is first asked for.

    One that cannot be made is wrong at its own place, whoever asks for it.
    """

    def __init__(
        self, kind_of_name: str, names: Iterable[str], make: Callable[[str], Made]
    ) -> None:
        self._what = kind_of_name
        self._names = dict.fromkeys(names)
        self._make = make
        self._made: dict[str, Made] = {}
        self._wrong: dict[str, Rejected] = {}
        self._open: set[str] = set()

    def get(self, name: str, path: str) -> Made:
        """Get one ready; `path` is where it is asked for."""
        if name in self._made:
            return self._made[name]
        if name not in self._names:
            raise unknown(path, self._what, name)
        if name in self._open:
            raise refused(path, f"the {self._what} {name} refers to itself")
        if name in self._wrong:
            raise self._wrong[name]
        self._open.add(name)
        try:
            self._made[name] = self._make(name)
        except Rejected as rejected:
            self._wrong[name] = rejected
            raise
        finally:
            self._open.discard(name)
        return self._made[name]

    def check(self, faults: FaultCollector) -> None:
        """Make all, and note what is wrong with them."""
        for name in self._names:
            faults.attempt(partial(self.get, name, ""))
