"""A study's definition: everything that differs from trial to trial, as data.

The models are the language that sponsors write; nothing here knows a trial.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PrivateAttr

from trial.definition.base import Model, Name, Term, check_unique
from trial.definition.conditions import (
    AdverseEvents,
    AnalysisSet,
    Classes,
    Condition,
    Measure,
    TimeToEvent,
)
from trial.definition.design import (
    Arm,
    Baseline,
    Calendar,
    Characteristic,
    Parameter,
    Period,
    Visit,
    check_no_circle,
    check_no_overlap,
)
from trial.definition.discrepancies import Discrepancies
from trial.definition.estimands import Estimand, check_no_cell_twice
from trial.definition.extension import ExtendedPiece
from trial.definition.figures import FigureDefinition
from trial.definition.flow import FlowDefinition
from trial.definition.grading import Scale
from trial.definition.medications import Medications
from trial.definition.narratives import NarrativeDefinition
from trial.definition.outputs import (
    KeyResultDefinition,
    ListingDefinition,
    Table,
    check_unique_dataset_names,
)
from trial.definition.reporting import CompletionDefinition, Consort, Testing
from trial.definition.vocabularies import Vocabularies

MAX_SHARDS = 24  # a plan of four generations is changed in one transaction with all its gates


class Definition(Model):
    """A study, as its sponsor writes it.

    `shards` cannot change once there are events. `placebo` names the treatments whose doses hold
    nothing and may be 0. `samples_after_discontinuation` lets samples count that were taken after
    the study was discontinued. `outcomes` are what a committee may adjudicate, `vocabularies` the
    words that fields of events may hold. By `scales` results are graded.
    """

    study: Name
    title: str
    registry: str = ""
    notice: str = ""
    design: Literal["single-group", "parallel", "crossover"]
    blinded: bool = False  # results by arm are for the unblinded audience alone
    shards: Annotated[int, Field(ge=1, le=MAX_SHARDS)] = 8
    retention: Annotated[int, Field(ge=0, le=100)] = 25  # years, from when the study is retired
    calendar: Calendar
    arms: Annotated[list[Arm], AfterValidator(check_unique)] = []
    placebo: list[str] = []
    periods: Annotated[list[Period], AfterValidator(check_unique)] = []
    visits: Annotated[
        list[Visit], AfterValidator(check_unique), AfterValidator(check_no_overlap)
    ] = []
    strata: dict[Name, Annotated[list[Term], AfterValidator(check_unique)]] = {}
    samples_after_discontinuation: bool = False
    characteristics: dict[Name, Characteristic] = {}
    parameters: Annotated[dict[Name, Parameter], AfterValidator(check_no_circle)] = {}
    baselines: dict[Name, Baseline] = {}
    scales: dict[Name, Scale] = {}
    outcomes: list[str] = []
    vocabularies: Vocabularies = {}
    measures: dict[Name, Measure] = {}
    classes: dict[Name, Classes] = {}
    times: dict[Name, TimeToEvent] = {}
    conditions: dict[Name, Condition] = {}
    sets: dict[Name, AnalysisSet]
    completion: CompletionDefinition | None = None
    adverse_events: AdverseEvents = Field(default_factory=AdverseEvents.model_construct)
    medications: Medications = Field(default_factory=Medications.model_construct)
    tables: Annotated[list[Table], AfterValidator(check_unique)] = []
    estimands: Annotated[
        list[Estimand], AfterValidator(check_unique), AfterValidator(check_no_cell_twice)
    ] = []
    testing: Testing | None = None
    key_results: Annotated[list[KeyResultDefinition], AfterValidator(check_unique)] = []
    figures: Annotated[list[FigureDefinition], AfterValidator(check_unique)] = []
    flow: FlowDefinition
    listings: Annotated[
        list[ListingDefinition],
        AfterValidator(check_unique),
        AfterValidator(check_unique_dataset_names),
    ] = []
    narratives: Annotated[list[NarrativeDefinition], AfterValidator(check_unique)] = []
    consort: Consort = {}
    discrepancies: Discrepancies = Field(default_factory=Discrepancies.model_construct)
    extended: list[ExtendedPiece] = []  # written by `extends`, which is resolved before
    _in_place: dict[str, tuple[Classes, str]] = PrivateAttr(default_factory=dict)

    @property
    def in_place(self) -> dict[str, tuple[Classes, str]]:
        """The classes written in place, in a row, by their names: as written, and their pointer."""
        return self._in_place

    def written_in_place(self, name: str) -> tuple[Classes, str] | None:
        """Return classes as they are written in place, and where; None if they are not."""
        if name in self._in_place:
            return self._in_place[name]
        return self._in_place.get(name.rpartition("/")[0])

    def at_visit(self, category: str, visit: str) -> str:
        """Return the category at a visit of its row; the same one if it is not by visit."""
        name, _, _ = category.rpartition("/")
        return f"{name}/{visit}" if name in self._in_place else category
