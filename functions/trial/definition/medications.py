"""How a study tells prior medication from concomitant, and counts classes of medication."""

from typing import Annotated, Literal

from pydantic import Field

from trial.definition.base import Model


class Medications(Model):
    """How this study reads medication: what is prior, what concomitant, which classes count.

    `prior` is what was started before the day of the first dose, or only what had ended by then.
    `concomitant` is what was taken on or after that day, or only what was started then; with
    `days_after_last_dose` it was started no later than that. Dates that leave this open leave it
    unknown or, with `undetermined: concomitant`, count the medication as concomitant. Of a
    medication with several ATC classes `all` count, or the `first` sent.
    """

    dictionary: str = ""
    prior: Literal["started-before", "ended-before"] = "started-before"
    concomitant: Literal["taken", "started"] = "taken"
    days_after_last_dose: Annotated[int, Field(ge=0)] | None = None
    undetermined: Literal["unknown", "concomitant"] = "unknown"
    classes: Literal["all", "first"] = "all"
