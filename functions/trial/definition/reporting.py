"""How results are to be read: when they are final, which tests confirm, what fills CONSORT."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from trial.definition.base import Model, Name, RefersTo, SetName, check_unique
from trial.definition.conditions import Ref
from trial.definition.outputs import CellRef
from trial.events.field_errors import OUTPUT

Alpha = Annotated[Decimal, Field(gt=0, lt=1)]


class CompletionDefinition(Model):
    """When the data are complete: a condition is true of every subject of a set.

    Until there are as many subjects as `planned`, they are not; nor while there is none. `label`
    says what the condition asks for, as it follows "have": "ended the study".
    """

    set: SetName
    condition: Ref
    planned: Annotated[int, Field(ge=1)] | None = None
    label: str = "met the condition of completion"


class Look(Model):
    """A planned analysis: tests are confirmatory at it, each at this alpha.

    Under `spending` it has an `information` instead: how much there is at it, as planned, or once
    it was made as it was.
    """

    id: Name
    label: str
    alpha: Alpha | None = None
    information: Annotated[int, Field(ge=1)] | None = None


class Spending(Model):
    """How alpha is spent over the looks, by the share of the planned information that there is.

    The function is that of Lan and DeMets of `obrien-fleming` or `pocock` type, each side of the
    two-sided alpha by itself. `planned` is the information of the final look, such as events;
    `information` is the cell that counts what there is, and without it looks say so themselves.
    """

    function: Literal["obrien-fleming", "pocock"]
    planned: Annotated[int, Field(ge=1)]
    information: CellRef | None = None


Part = Annotated[Decimal, Field(ge=0, le=1)]


class Graph(Model):
    """The weights of the tests in order, and of each which part goes to which other test."""

    weights: Annotated[list[Part], Field(min_length=1)]
    transitions: list[list[Part]]

    @model_validator(mode="after")
    def _is_graph(self) -> "Graph":
        n = len(self.weights)
        if sum(self.weights) > 1:
            raise ValueError("`weights` must not add up to more than 1")
        if len(self.transitions) != n or any(len(row) != n for row in self.transitions):
            raise ValueError(f"`transitions` must have {n} rows of {n}, as there are weights")
        for i, row in enumerate(self.transitions):
            if row[i]:
                raise ValueError(f"test {i + 1} must not give weight to itself")
            if sum(row) > 1:
                raise ValueError(f"test {i + 1} must not give away more than 1")
        return self


class Testing(Model):
    """The confirmatory tests in their order, each at `alpha`: the cells of their P values.

    One that comes after a test whose P value is above alpha is nominal, as are all P values that
    the order does not name. With a `procedure` adjusted P values are shown beside, and each test is
    rejected if its own is at most alpha: by `fixed-sequence` the order decides as without it, by
    `holm`, `hochberg`, `hommel` or a `graph` all tests are confirmatory. `looks` are the planned
    analyses in their order, the final one last, each with the alpha that is spent at it, or with
    its information if `spending` says how much that is; without them the final one is the only one.
    """

    alpha: Alpha
    order: Annotated[list[CellRef], Field(min_length=1)]
    procedure: Literal["fixed-sequence", "holm", "hochberg", "hommel", "graph"] | None = None
    graph: Graph | None = None
    looks: Annotated[list[Look], AfterValidator(check_unique)] = []
    spending: Spending | None = None

    @model_validator(mode="after")
    def _within_alpha(self) -> "Testing":
        if self.spending is not None:
            self._check_spending()
            return self
        if stray := [look.id for look in self.looks if look.information is not None]:
            raise ValueError(f"takes information of a look ({stray[0]}) only beside `spending`")
        if missing := [look.id for look in self.looks if look.alpha is None]:
            raise ValueError(f"needs the alpha that is spent at {', '.join(missing)}")
        spent = [look.alpha or Decimal(0) for look in self.looks]
        above = [look.id for look, a in zip(self.looks, spent, strict=True) if a > self.alpha]
        if above:
            raise ValueError(
                f"must not give {', '.join(above)} more than `alpha`, the total over all looks"
            )
        if self.tests_all and sum(spent) > self.alpha:
            raise ValueError(
                f"{self.procedure} at several looks needs alphas that add up to at most `alpha`:"
                " how the looks depend on each other is known of one test alone"
            )
        return self

    def _check_spending(self) -> None:
        """Refuse looks that `spending` cannot place: in order, each with its information."""
        if not self.looks:
            raise ValueError("takes `spending` only with `looks`")
        if self.tests_all:
            raise ValueError(f"takes `spending` with a fixed sequence, not with {self.procedure}")
        if stray := [look.id for look in self.looks if look.alpha is not None]:
            raise ValueError(f"must not give {', '.join(stray)} an alpha: `spending` does")
        *interim, _ = self.looks
        if missing := [look.id for look in interim if look.information is None]:
            raise ValueError(f"needs the information at {', '.join(missing)}")
        amounts = [look.information for look in self.looks if look.information is not None]
        if any(after <= before for before, after in pairwise(amounts)):
            raise ValueError("needs more information at each look than at the one before it")

    @model_validator(mode="after")
    def _with_graph(self) -> "Testing":
        if (self.graph is not None) != (self.procedure == "graph"):
            raise ValueError("takes `graph` with the procedure graph, and only with it")
        if self.graph is not None and len(self.graph.weights) != len(self.order):
            raise ValueError(f"`graph` must have a weight for each of {len(self.order)} tests")
        return self

    @property
    def tests_all(self) -> bool:
        """Whether every test is confirmatory, whatever the others say."""
        return self.procedure not in (None, "fixed-sequence")

    @model_validator(mode="after")
    def _each_once(self) -> "Testing":
        if repeated := next((ref for ref in self.order if self.order.count(ref) > 1), None):
            place = f"table {repeated.table}, row {repeated.row}, column {repeated.column}"
            raise ValueError(f"must name each test once, and names that of {place} twice")
        return self

    @property
    def planned(self) -> Sequence[Look]:
        """The planned looks, the final one last."""
        return self.looks or [Look(id="final", label="Final analysis", alpha=self.alpha)]


CONSORT: Mapping[str, str] = {
    "1a": "Title",
    "1b": "Structured abstract",
    "2": "Registration: registry, number, date",
    "3": "Access to protocol and statistical analysis plan",
    "4": "Sharing of data and code",
    "5a": "Funding and the funders' role",
    "5b": "Conflicts of interest",
    "6": "Background",
    "7": "Objectives, of benefit and of harm",
    "8": "Involvement of patients and the public",
    "9": "Design",
    "10": "Changes after the start",
    "11": "Settings and places",
    "12a": "Eligibility of participants",
    "12b": "Eligibility of sites and of those who deliver the intervention",
    "13": "Intervention and comparator",
    "14": "Outcomes, primary and secondary",
    "15": "Harms: definition and assessment",
    "16a": "Sample size",
    "16b": "Interim analyses and stopping",
    "17a": "Generation of the allocation sequence",
    "17b": "Type of randomisation and its restrictions",
    "18": "Concealment of the allocation",
    "19": "Who had access to the allocation sequence",
    "20a": "Who was blinded",
    "20b": "How blinding was achieved",
    "21a": "Statistical methods of comparison",
    "21b": "Who is in each analysis, and in which group",
    "21c": "Handling of missing data",
    "21d": "Methods of additional analyses",
    "22a": "Numbers assigned, treated and analysed, by group",
    "22b": "Losses and exclusions, with reasons",
    "23a": "Dates of recruitment and follow-up",
    "23b": "Why the trial ended or was stopped",
    "24a": "Interventions as they were delivered",
    "24b": "Concomitant care",
    "25": "Baseline characteristics by group",
    "26": "Outcomes: numbers analysed, estimates and their precision",
    "27": "Harms in each group",
    "28": "Subgroup, sensitivity and other analyses",
    "29": "Interpretation",
    "30": "Limitations",
}
"""The items of CONSORT 2025 (PLoS Med 2025;22:e1004587, table 1), with topics in our own words."""

HARMS: Mapping[str, str] = {
    "H1": "Harms named in title or abstract",
    "H2": "Harms named in the introduction",
    "H3": "Which adverse events: definitions, dictionary, grading",
    "H4": "How harms were collected: mode, period, attribution",
    "H5": "How harms are counted and analysed: coding, recurrent events",
    "H6": "Withdrawals due to harms, by group",
    "H7": "Denominators of the analyses of harms",
    "H8": "Risk by event, grade and seriousness, by group",
    "H9": "Subgroup and exploratory analyses of harms",
    "H10": "Discussion of benefits and harms",
}
"""Reporting of harms, in our own words and under numbers of our own.

The ten recommendations of 2004, as BMJ Open reprints them. CONSORT Harms 2022 (J Clin Epidemiol
2023;158:149-165) changes 13 items of the main checklist and adds 3; its list could not be read.
"""


def _item(number: str) -> str:
    if number not in CONSORT and number not in HARMS:
        raise ValueError("is not an item of CONSORT 2025, nor H1 to H10 of CONSORT Harms 2022")
    return number


Item = Annotated[str, AfterValidator(_item)]
Output = Annotated[str, Field(pattern=OUTPUT), RefersTo("output")]
Consort = dict[Item, Annotated[list[Output], Field(min_length=1)]]
"""By item: the tables, listings, figures and charts that fill it.

A table and a figure may go by one number: then `figure:` before it tells which is meant.
"""
