"""Which of several results counts, and whether their times tell it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from trial.deferred import dataclass
from trial.definition.design import Visit
from trial.events import dates
from trial.subject.ordering import natural_order
from trial.subject.results import Observation, mean_of


@dataclass(frozen=True)
class UndecidedChoice:
    """What the records leave open: `name` says what was chosen; the ids of the records decided."""

    name: str
    records: tuple[str, ...]
    day: int | None


def moment(observation: Observation) -> tuple[int, int]:
    """Return the day and second at which a result was collected."""
    return dates.moment(observation.collected)


def accession(observation: Observation) -> tuple[Any, ...]:
    """Return a result's place among others: by its moment, then by its record's id."""
    return (*moment(observation), natural_order(observation.record), observation.place)


def in_time(observations: Sequence[Observation]) -> bool:
    """Return whether the times of collection tell the order of all results."""
    return all(
        dates.is_order_known(earlier.collected, later.collected)
        for earlier, later in pairwise(observations)
    )


def _units(observation: Observation) -> int:
    return observation.value.units


Choice = Callable[[Sequence[Observation]], Observation | None]


def _lead(choose: Callable[[Sequence[Observation]], Observation]) -> Choice:
    return lambda observations: choose(observations) if observations else None


CHOICES: Mapping[str, Choice] = {
    "first": _lead(lambda results: results[0]),
    "last": _lead(lambda results: results[-1]),
    "highest": _lead(lambda results: max(results, key=_units)),
    "lowest": _lead(lambda results: min(results, key=_units)),
    "mean": _lead(lambda results: mean_of(results) if len(results) > 1 else results[0]),
}
"""What takes one of results in their order; of the highest or lowest the earliest."""


def choice_of(visit: Visit) -> Choice:
    """Return what takes one of the results that may count for a visit."""
    return CHOICES[visit.choice]


ANY = "any"
"""No choice: a visit without a window is to have one result."""


def untold(observations: Sequence[Observation], choice: str) -> Sequence[Observation]:
    """List the results between which no rule chooses, only their records' ids."""
    if choice == ANY or not observations:
        return observations
    if choice not in ("first", "last"):
        return ()
    choice_made = observations[0 if choice == "first" else -1]
    return [
        observation
        for observation in observations
        if not dates.is_order_known(observation.collected, choice_made.collected)
    ]


def differing(description: str, observations: Sequence[Observation]) -> Iterator[UndecidedChoice]:
    """Yield that results are left open, if it matters which of them counts."""
    if len({observation.value for observation in observations}) > 1:
        records = dict.fromkeys(observation.record for observation in observations)
        yield UndecidedChoice(description, tuple(records), observations[-1].day)
