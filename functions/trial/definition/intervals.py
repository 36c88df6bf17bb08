"""Confidence intervals as a definition asks for them: the method, the level, and which limits."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field, model_validator

from trial.definition.base import Model, inline_model
from trial.statistics.inference import Confidence
from trial.statistics.proportions import PROPORTION_INTERVALS
from trial.statistics.survival import TRANSFORMATIONS

MEAN_INTERVALS = ("t", "z")
"""Reference distributions of a mean's interval, the default first."""
SURVIVAL_INTERVALS = tuple(TRANSFORMATIONS)
"""Scales on which the limits of a survival are symmetric, the default first."""
RATIO_INTERVALS = ("wald", "profile")
"""How limits of a ratio in a regression are found, the default first."""
INTERVAL_METHODS: dict[str, Sequence[str]] = {
    "count": tuple(PROPORTION_INTERVALS),
    "graded": tuple(PROPORTION_INTERVALS),
    "levels": tuple(PROPORTION_INTERVALS),
    "summary": MEAN_INTERVALS,
    "durations": MEAN_INTERVALS,
    "survival": SURVIVAL_INTERVALS,
    "resolution": SURVIVAL_INTERVALS,
    "logistic": RATIO_INTERVALS,
    "event_rate": RATIO_INTERVALS,
}
"""The methods that a kind of row takes, the default first; other kinds have one method."""


class IntervalDefinition(Model):
    """A confidence interval: by which method, how sure, and which of its limits are shown.

    `method` is `clopper-pearson` (the default), `wilson`, `wald`, `jeffreys` or `agresti-coull` of
    a proportion; of a mean `t` (the default) or `z`, the normal distribution; of a survival
    `log-log` (the default), `log` or `plain`, the scale on which its limits are symmetric; of a
    ratio in a regression `wald` (the default) or `profile`, by profile likelihood. `level` is a
    share of 1. One limit alone, `lower` or `upper`, leaves the whole error on its side.
    """

    method: (
        Literal[
            "clopper-pearson", "wilson", "wald", "jeffreys", "agresti-coull", "t", "z",
            "log-log", "log", "plain", "profile",
        ]
        | None
    ) = None  # fmt: skip
    level: Annotated[Decimal, Field(ge=Decimal("0.5"), le=Decimal("0.9999"))] = Decimal("0.95")
    limits: Literal["both", "lower", "upper"] = "both"

    @model_validator(mode="after")
    def _sure_of_one_limit(self) -> "IntervalDefinition":
        if self.limits != "both" and self.level <= Decimal("0.5"):
            raise ValueError("one limit alone takes a level above 0.5")
        return self

    @property
    def confidence(self) -> Confidence:
        """The level and the limits."""
        return Confidence(Fraction(self.level), self.limits)


USUAL_INTERVAL = IntervalDefinition.model_construct()
"""The one that is meant where an interval is asked for and not described."""
IntervalRef = Annotated[bool | IntervalDefinition, inline_model(IntervalDefinition)]
"""Whether there is an interval; or which, where it is another than usual."""
