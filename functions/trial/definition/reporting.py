"""How results are to be read: when they are final, which tests confirm, what fills CONSORT."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated

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
    """A planned analysis: tests are confirmatory at it, each at this alpha."""

    id: Name
    label: str
    alpha: Alpha


class Testing(Model):
    """The confirmatory tests in their order, each at `alpha`: the cells of their P values.

    One that comes after a test whose P value is above alpha is nominal, as are all P values that
    the order does not name. `looks` are the planned analyses in their order, the final one last,
    each with the alpha that is spent at it; without them the final one is the only one.
    """

    alpha: Alpha
    order: Annotated[list[CellRef], Field(min_length=1)]
    looks: Annotated[list[Look], AfterValidator(check_unique)] = []

    @model_validator(mode="after")
    def _within_alpha(self) -> "Testing":
        if above := [look.id for look in self.looks if look.alpha > self.alpha]:
            raise ValueError(
                f"must not give {', '.join(above)} more than `alpha`, the total over all looks"
            )
        return self

    @model_validator(mode="after")
    def _each_once(self) -> "Testing":
        if twice := next((ref for ref in self.order if self.order.count(ref) > 1), None):
            where = f"table {twice.table}, row {twice.row}, column {twice.column}"
            raise ValueError(f"must name each test once, and names that of {where} twice")
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
