"""Results of a parameter that a formula makes of results of others that belong together.

They belong together if they are of one moment, one day or one recorded visit. A group that lacks an
operand has no result; nor has one whose formula has no value.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

from trial.deferred import dataclass
from trial.definition.conditions import Selection
from trial.definition.design import Parameter
from trial.definition.formulas import LOWER, PREVIOUS, UPPER, Fact, Operand, operands
from trial.subject.arithmetic import evaluate
from trial.subject.choosing import (
    CHOICES,
    UndecidedChoice,
    accession,
    differing,
    moment,
    untold,
)
from trial.subject.results import Observation, converted, rounded_value

Group = Mapping[str, Observation]
"""What was taken of each operand, of results that belong together."""
_KEYS: Mapping[str, Callable[[Observation], Any]] = {
    "moment": moment,
    "day": lambda observation: observation.day,
    "visit": lambda observation: observation.visit,
}


@dataclass(frozen=True)
class Combination:
    """A subject's results of a parameter with a formula.

    `joined` gives the results of a parameter, obtained in some way, that can come together,
    `observations` all of them, `fact` what was recorded of the subject at enrolment.
    """

    parameter: Parameter
    parameters: Mapping[str, Parameter]
    where: Selection
    joined: Callable[[str, Selection], Sequence[Observation]]
    observations: Callable[[str, Selection], Sequence[Observation]]
    fact: Callable[[str], Any]

    def results(self) -> Iterator[Observation]:
        """Yield the results, in no particular order."""
        previous: Group = {}
        for group in self._chosen:
            complete = {**group, **dict(self._carried(group))}
            if len(complete) == len(self._joined) + len(self.parameter.carried):
                result = self._result(group, complete, previous)
                if result is not None:
                    yield result
            previous = {**previous, **group}

    def undecided(self, label: str) -> Iterator[UndecidedChoice]:
        """Yield the choices among results of one group that only ids decide."""
        for results in self._groups:
            for several in results.values():
                yield from differing(label, untold(several, self.parameter.replicates))

    @cached_property
    def _joined(self) -> list[str]:
        """Return the names of the operands that must come together."""
        names = operands(self.parameter.expression)
        return [name for name in names if name not in self.parameter.carried]

    @cached_property
    def _groups(self) -> list[Mapping[str, list[Observation]]]:
        """List the results that belong together by operand, the earliest group first."""
        key_of = _KEYS[self.parameter.together]
        groups: dict[Any, dict[str, list[Observation]]] = {}
        for name in self._joined:
            for observation in self.joined(name, self.where):
                if (key := key_of(observation)) != "":
                    groups.setdefault(key, {}).setdefault(name, []).append(observation)
        return sorted(groups.values(), key=_latest)

    @cached_property
    def _chosen(self) -> list[Group]:
        """List what counts of each group by operand."""
        choose = CHOICES[self.parameter.replicates]
        return [
            {name: result for name, several in group.items() if (result := choose(several))}
            for group in self._groups
        ]

    def _carried(self, group: Group) -> Iterator[tuple[str, Observation]]:
        """Yield the last result of each carried operand that is not after a group's day."""
        last_day = max(observation.day for observation in group.values())
        for name in self.parameter.carried:
            earlier = [
                observation
                for observation in self.observations(name, ())
                if observation.day <= last_day
            ]
            if earlier:
                yield name, earlier[-1]

    def _result(self, group: Group, complete: Group, previous: Group) -> Observation | None:
        def look(of: Operand | Fact) -> Fraction | None:
            if isinstance(of, Fact):
                return _number(self.fact(of.characteristic))
            observation = (
                previous.get(of.parameter) if of.taken == PREVIOUS else complete[of.parameter]
            )
            return None if observation is None else self._taken(of, observation)

        number = evaluate(self.parameter.expression, look, self._level)
        if number is None:
            return None
        last = max(
            (source for observation in group.values() for source in observation.sources),
            key=accession,
        )
        visits = {source.visit for observation in group.values() for source in observation.sources}
        return replace(
            last,
            text="",
            item={},
            value=rounded_value(number, self.parameter.precision),
            visit=last.visit if len(visits) == 1 else "",
        )

    def _taken(self, operand: Operand, observation: Observation) -> Fraction | None:
        """Return the number of a result, or a limit of its reference range in the same unit."""
        parameter = self.parameters[operand.parameter]
        if operand.taken in (UPPER, LOWER):
            item = observation.sources[-1].item
            limit = item.get("range_high" if operand.taken == UPPER else "range_low")
            return None if limit is None else converted(limit, item.get("unit"), parameter)
        places = parameter.precision.places
        numbers = [Fraction(source.value.unrounded(places)) for source in observation.sources]
        return sum(numbers, Fraction(0)) / len(numbers)

    def _level(self, characteristic: str) -> str | None:
        value = self.fact(characteristic)
        return value if isinstance(value, str) else None


def _latest(group: Mapping[str, list[Observation]]) -> Any:  # noqa: ANN401 (a sort key)
    return max(accession(observation) for several in group.values() for observation in several)


def _number(value: object) -> Fraction | None:
    return Fraction(value) if isinstance(value, int | Decimal) else None
