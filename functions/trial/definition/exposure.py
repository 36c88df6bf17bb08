"""What a subject was given: cumulative and planned dose, intensity, compliance, duration."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from trial.definition.base import Decimals, Model, RefersTo
from trial.definition.precision import (
    NONTERMINATING_PLACES,
    PERCENT_DECIMALS,
    WHOLE,
    Precision,
    decimals_of,
)

DURATION, CUMULATIVE, PLANNED = "duration", "cumulative-dose", "planned-dose"
INTENSITY, RELATIVE_INTENSITY = "dose-intensity", "relative-dose-intensity"
COMPLIANCE = "compliance"
_PERCENTAGES = (RELATIVE_INTENSITY, COMPLIANCE)
OF_PLAN = (PLANNED, RELATIVE_INTENSITY, COMPLIANCE)
"""What is not known unless it is known what was to be given."""
_AMOUNT_PLACES = 9
"""Decimals that an amount can have as it is posted."""
_FACTOR_PLACES = 18


class Exposure(Model):
    """How much of treatment a subject had, of all doses or of those of one `treatment`.

    `cumulative-dose` is the sum of the amounts, `planned-dose` that of the amounts that were to be
    given; `compliance` is the first in percent of the second. `duration` are the days from the
    first dose to the last, both counted, and those that the last dose covers where doses are
    `interval` days apart. `dose-intensity` is the cumulative dose by duration, in `days` days;
    `relative-dose-intensity` that in percent of the planned: the planned dose by the days that the
    planned doses cover. With `per_day` an amount is of each day of a record. `planned_dose` is
    what was to be given at a dose that does not say it, and at one that was missed. Amounts count
    in `unit`; `units` are others, with the factor into it.
    """

    of: Literal[
        "cumulative-dose",
        "planned-dose",
        "dose-intensity",
        "relative-dose-intensity",
        "compliance",
        "duration",
    ]
    treatment: Annotated[str, RefersTo("treatment")] | None = None
    unit: str = ""
    units: dict[str, Decimal] = {}
    per_day: bool = False
    planned_dose: Annotated[Decimal, Field(gt=0)] | None = None
    interval: Annotated[int, Field(ge=1, le=1_000)] | None = None
    days: Annotated[int, Field(ge=1, le=1_000)] = 1
    decimals: Decimals | None = None

    @model_validator(mode="after")
    def _agree(self) -> "Exposure":
        fields_given = self.model_fields_set - {"of", "treatment"}
        allowed = _TAKES[self.of]
        if stray := sorted(fields_given - allowed):
            raise ValueError(f"{self.of} takes no {', '.join(stray)}")
        if self.of != DURATION and not self.unit:
            raise ValueError(f"{self.of} needs `unit`, that of the amounts")
        if self.per_day and self.interval is not None:
            raise ValueError("takes `per_day` or `interval`, not both")
        if self.of == RELATIVE_INTENSITY:
            needed = "planned_dose" if self.per_day else "interval"
            if getattr(self, needed) is None:
                raise ValueError(f"{self.of} needs `{needed}`, or nothing is known of the plan")
        for name, factor in self.units.items():
            if factor <= 0 or decimals_of(factor) > _FACTOR_PLACES:
                raise ValueError(
                    f"the factor of unit {name} must be greater than 0, with at most"
                    f" {_FACTOR_PLACES} decimals"
                )
        if self.planned_dose is not None and decimals_of(self.planned_dose) > _AMOUNT_PLACES:
            raise ValueError(f"`planned_dose` must have at most {_AMOUNT_PLACES} decimals")
        if self.unit in self.units:
            raise ValueError(f"{self.unit} is the unit itself: it needs no factor")
        return self

    @property
    def printed_unit(self) -> str:
        """The unit of the measure."""
        if self.of in _PERCENTAGES:
            return "%"
        if self.of == DURATION:
            return "days"
        if self.of != INTENSITY:
            return self.unit
        return f"{self.unit} per day" if self.days == 1 else f"{self.unit} per {self.days} days"

    @property
    def precision(self) -> Precision:
        """How finely it is kept and printed: a sum of amounts exactly, a ratio without an end."""
        if self.of == DURATION:
            return WHOLE
        if self.of in (CUMULATIVE, PLANNED):
            decimals = self.decimals or 0
            places = _AMOUNT_PLACES + max(map(decimals_of, self.units.values()), default=0)
            return Precision(places, decimals, min(decimals + 1, places), decimals)
        decimals = PERCENT_DECIMALS if self.decimals is None else self.decimals
        return Precision(
            NONTERMINATING_PLACES,
            decimals,
            decimals + 1,
            decimals,
            nonterminating=True,
            exact=False,
        )


_AMOUNTS = frozenset({"unit", "units", "per_day", "decimals"})
_TAKES = {
    CUMULATIVE: _AMOUNTS,
    PLANNED: _AMOUNTS | {"planned_dose"},
    COMPLIANCE: _AMOUNTS | {"planned_dose"},
    INTENSITY: _AMOUNTS | {"interval", "days"},
    RELATIVE_INTENSITY: _AMOUNTS | {"planned_dose", "interval"},
    DURATION: frozenset({"interval"}),
}
"""What each takes beside itself and the treatment."""
