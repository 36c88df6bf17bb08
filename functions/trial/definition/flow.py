"""The participant flow: its stages and boxes, and what must add up."""

from typing import Annotated, Literal

from pydantic import AfterValidator, model_validator

from trial.definition.base import Model, Name, RefersTo, check_unique
from trial.definition.conditions import Ref
from trial.definition.outputs import CellRef, Levels


class FlowBox(Model):
    """A box of the flow: how many subjects, or `absent` where none was ever reported.

    `not_due` is the cell that counts those who may still come into the box. With `zero_counts` a
    side box and reasons that nobody has are shown too.
    """

    id: Name
    label: str
    count: Ref
    absent: Literal["not reported", "not collected"] | None = None
    reasons: Levels | None = None
    not_due: CellRef | None = None
    zero_counts: bool | None = None


class FlowStage(Model):
    """A level of the flow: a box, and who left before the next; of each arm where so said.

    Who is in a stage `apart` need not be in the one above it: no arrow leads there.
    """

    id: Name
    label: str
    box: FlowBox
    side: list[FlowBox] = []
    by_arm: bool = False
    apart: bool = False


class Identity(Model):
    """A box that must equal the sum of others, or the flow names the difference.

    Boxes that are all by arm must agree in every arm.
    """

    total: Annotated[Name, RefersTo("box of the flow")]
    parts: list[Annotated[Name, RefersTo("box of the flow")]]


class FlowDefinition(Model):
    """The participant flow, from the first stage to the last.

    `zero_counts` holds for every box that does not say otherwise.
    """

    title: str
    stages: Annotated[list[FlowStage], AfterValidator(check_unique)]
    identities: list[Identity] = []
    zero_counts: bool = False

    @model_validator(mode="after")
    def _boxes_distinct(self) -> "FlowDefinition":
        check_unique([box for stage in self.stages for box in (stage.box, *stage.side)])
        return self
