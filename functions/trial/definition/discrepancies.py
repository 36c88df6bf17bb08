"""The rules by which records that do not agree are found, and which of them a study wants.

The field calls such a rule an edit check. What each looks at is in `tables.discrepancies`, and the
guide says it in words.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, model_validator

from trial.deferred import dataclass
from trial.definition.base import Model
from trial.events.field_errors import not_in_list

Severity = Literal["contradictory", "notable"]
"""Records of which one must be wrong; or what is missing or unusual and may yet be right."""

CONTRADICTORY: Severity = "contradictory"
NOTABLE: Severity = "notable"


@dataclass(frozen=True)
class Rule:
    """A rule as it is printed, how severe it is, and what has to be collected for it.

    `needs` are kinds of records: the rule says nothing of a subject without them in a study whose
    definition never uses them.
    """

    label: str
    severity: Severity
    needs: frozenset[str] = frozenset()


def _contradictory(label: str) -> Rule:
    return Rule(label, CONTRADICTORY)


def _notable(label: str, *needs: str) -> Rule:
    return Rule(label, NOTABLE, frozenset(needs))


RULES: Mapping[str, Rule] = {
    "not-enrolled": _notable("Data of a subject who is not enrolled"),
    "enrolled-twice": _contradictory("Second enrolment of a subject"),
    "randomised-twice": _contradictory("Second randomisation of a subject"),
    "strata-missing": _notable("Randomised without a stratum"),
    "before-consent": _contradictory("Dated before the consent"),
    "superseded": _notable("Subject that another id stands for: counted under that one alone"),
    "superseded-by-two": _contradictory("Superseded by more than one id"),
    "superseded-in-a-circle": _contradictory("Superseded in a circle: the person counts nowhere"),
    "superseded-by-nobody": _contradictory(
        "Superseded by an id of which nothing is recorded: the person counts nowhere"
    ),
    "void-of-nothing": _notable("Void of a record that was never received"),
    "blank-reason": _notable("Reason that is blank"),
    "dosed-not-randomised": _notable("Dosed, and not randomised"),
    "dose-before-randomisation": _contradictory("Dose before the randomisation"),
    "dosed-with-another-arm": _contradictory("Dose of a treatment that the arm does not give"),
    "dose-without-treatment": _notable("Dose that does not say of what"),
    "dose-after-discontinuation": _contradictory("Dose after discontinuation"),
    "completed-with-reason": _contradictory("Completed, and a reason for leaving"),
    "completed-and-discontinued": _contradictory("Completed and discontinued"),
    "disposition-twice": _contradictory("Second disposition of one kind"),
    "withdrawn-for-another-reason": _contradictory(
        "An adverse event stopped the drug, and another reason is given"
    ),
    "completed-without-last-visit": _notable("Completed without the last visit"),
    "visit-twice": _contradictory("One visit recorded twice"),
    "visit-outside-window": _notable("Visit outside its window"),
    "visits-out-of-order": _contradictory("Visits out of order"),
    "missed-and-recorded": _contradictory("Both missed and recorded"),
    "sample-after-first-dose": _contradictory(
        "Sample of a pre-dose visit taken after the first dose"
    ),
    "limits-changed": _notable("Unit or limit of quantification changed"),
    "reference-range": _contradictory("Reference range that ends before it begins, or not above 0"),
    "age-in-days-missing": _notable("Infant without an age in days, by which results are graded"),
    "no-longer-accepted": _contradictory(
        "Number that the definition in force would refuse: it was amended since"
    ),
    "undecided": _contradictory("Different records of one moment: their ids decide which counts"),
    "coding-without-event": _notable("Coding of an adverse event that is not there"),
    "coding-without-record": _notable(
        "Coding of a medication or of medical history that is not there"
    ),
    "ended-and-ongoing": _contradictory("Medication or history with an end that is ongoing"),
    "history-after-first-dose": _notable("Medical history that began under treatment"),
    "result-of-not-done": _contradictory("Not done, and a result is there"),
    "spelling": _contradictory("Terms that differ by case, blanks or Unicode form alone"),
    "grade-and-outcome": _contradictory("Grade 5 and a fatal outcome do not go together"),
    "event-twice": _notable("One adverse event recorded twice"),
    "seriousness": _contradictory("Criteria of seriousness on an event that is not serious"),
    "serious-without-criterion": _notable("Serious event without a criterion of seriousness"),
    "unresolved-with-end": _contradictory("End of an adverse event that is not resolved"),
    "died-twice": _contradictory("Second death of a subject"),
    "death-date-differs": _contradictory("Dates of a death that differ"),
    "after-death": _contradictory("Record dated after the death"),
    "death-without-fatal-event": _notable(
        "Death without a fatal adverse event", "adverse-event.reported"
    ),
    "death-without-disposition": _notable(
        "Death that no disposition gives as its reason", "disposition.recorded"
    ),
    "dead-without-death": _notable("Vital status DEAD without a death"),
    "fatal-without-death": _notable("Fatal adverse event without a death", "death.reported"),
    "disputed": _contradictory("Two contents for one revision"),
}
"""Every rule, in the order in which discrepancies are listed."""


def _known(name: str) -> str:
    if name not in RULES:
        raise ValueError(not_in_list(name, sorted(RULES)))
    return name


RuleName = Annotated[str, AfterValidator(_known)]


class Discrepancies(Model):
    """Which rules look for discrepancies: all but those that are `off`, or `only` some."""

    off: list[RuleName] = []
    only: list[RuleName] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "Discrepancies":
        if self.only is not None and self.off:
            raise ValueError("takes off or only, not both")
        return self

    def wanted(self, name: str) -> bool:
        """Return whether a rule is wanted."""
        return name not in self.off if self.only is None else name in self.only
