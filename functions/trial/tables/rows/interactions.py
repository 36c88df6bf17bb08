"""The interaction of the arm with a classification, as rows of models ask for it."""

from collections.abc import Mapping

from trial.deferred import dataclass

INTERACTION = "interaction"
"""The end of the id of the row that tests an interaction; those of its levels follow it."""


@dataclass(frozen=True)
class Interaction:
    """Of which covariate or factor, by its place, an interaction with the arm is.

    `levels` are those that are declared, with their labels; without any those that occur are shown.
    """

    place: int
    label: str
    levels: Mapping[str, str]
