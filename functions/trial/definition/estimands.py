"""Estimands (ICH E9(R1)): what an analysis estimates, as the definition states it in words."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from trial.definition.base import Model, Name, SetName
from trial.definition.outputs import CellRef

STRATEGIES: Mapping[str, str] = {
    "treatment-policy": "treatment policy: the value is used whether or not the event occurs",
    "hypothetical": "hypothetical: the value is that of a case in which the event does not occur",
    "composite": "composite variable: the event is part of the variable",
    "while-on-treatment": "while on treatment: values up to the event are used",
    "principal-stratum": "principal stratum: of the subjects in whom the event would not occur",
}
"""The strategies of ICH E9(R1), and what each means."""

Words = Annotated[str, Field(min_length=1)]


class IntercurrentEvent(Model):
    """An event after the start of treatment that bears on the variable, and how it is handled.

    `strategy` is one of ICH E9(R1); `handling` says how it is carried out in this study.
    """

    event: Words
    strategy: Literal[
        "treatment-policy", "hypothetical", "composite", "while-on-treatment", "principal-stratum"
    ]
    handling: str = ""


class Estimand(Model):
    """What one cell of a table estimates: the attributes of ICH E9(R1), in the sponsor's words.

    `source` is the cell that estimates it and `population` an analysis set. `treatment` names the
    condition and its alternative, `variable` what is observed of each subject, `summary` the
    population-level summary; `intercurrent_events` name each its strategy.
    """

    id: Name
    label: Words
    source: CellRef
    population: SetName
    treatment: Words
    variable: Words
    intercurrent_events: Annotated[list[IntercurrentEvent], Field(min_length=1)]
    summary: Words

    @model_validator(mode="after")
    def _each_event_once(self) -> "Estimand":
        names = [part.event for part in self.intercurrent_events]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"names an intercurrent event twice: {', '.join(repeated)}")
        return self


def check_no_cell_twice(estimands: list[Estimand]) -> list[Estimand]:
    """Refuse two estimands of one cell: a number estimates one thing."""
    cells = [(part.source.table, part.source.row, part.source.column) for part in estimands]
    if repeated := sorted({cell for cell in cells if cells.count(cell) > 1}):
        raise ValueError(
            f"each cell estimates one thing: {' / '.join(repeated[0])} has two estimands"
        )
    return estimands
