"""Which records count, what is derived of them whatever the study, and how dates are read."""

from collections.abc import Iterator

from trial.definition import Definition
from trial.methods.wording import STAND_INS
from trial.tables.grid import Section

_RULES = (
    (
        "Revisions",
        (
            "Of each record the highest revision counts, whenever it arrived; a record that is"
            " taken back (void) counts nowhere."
        ),
    ),
    (
        "Superseded subjects",
        (
            "A subject of whom it is recorded that another id stands for the person counts"
            " nowhere and is in no listing."
        ),
    ),
    (
        "Several of one kind",
        (
            "Of several enrolments, randomisations or reports of death the earliest counts; of"
            " several dispositions of the study the latest."
        ),
    ),
    (
        "Last contact",
        (
            "The latest date of any record of the subject, ends of events, doses and medication"
            " included; missed visits and missed doses are no contact."
        ),
    ),
    (
        "Last dose",
        "The latest day on which a dose ended or, where no end is given, began.",
    ),
    (
        "Data cut-off",
        (
            "A report as of a cut-off date is made of the records dated on or before it (a"
            " partial date"
            " by the first day that it can mean; a record without a date stays). What ended later"
            " reads as ongoing, and a fatal outcome by a later death as not yet fatal."
        ),
    ),
    (
        "Discrepancies",
        (
            "Records that do not agree with each other are named as findings and counted as they"
            " are: nothing is repaired."
        ),
    ),
)
_AFTER = {
    True: "Results that were collected after the study was discontinued count.",
    False: "Results that were collected after the day on which the study was discontinued count"
    " for no visit.",
}
_DUE = (
    (
        "A visit with a window",
        (
            "Due once anything is recorded after the last day of its window (or the cut-off lies"
            " after it), or the subject has ended the study or died."
        ),
    ),
    (
        "A visit without a window",
        "Due once the visit is recorded as missed, or the subject has ended the study or died.",
    ),
    (
        "A baseline",
        (
            "Due once anything is recorded after the day of the first dose (or the cut-off lies"
            " after it), or the subject has ended the study or died."
        ),
    ),
    (
        "Not yet due",
        (
            "Until then a value that is not there is neither missing nor a failure: the subject"
            " is left"
            " open, and whatever stands in for missing values stands in for nothing."
        ),
    ),
)

_STAND_INS = {
    "bocf": "Baseline carried forward: the baseline's value.",
    "locf": (
        "Last observation carried forward: the last result after the first dose and not after the"
        " visit's window; where there is none, the baseline's value."
    ),
    "locf-visit": (
        "Last visit carried forward: the result, after the first dose, of the last earlier visit of"
        " the same schedule that has one; where there is none, the baseline's value."
    ),
}
"""What stands in for a value that is due and missing."""


def sections(definition: Definition) -> Iterator[Section]:
    """Tell which records count and when a value is due."""
    after = _AFTER[definition.samples_after_discontinuation]
    rules = (*_RULES, ("After discontinuation", after))
    yield Section("records", "Records", ("Rule", "What it says"), rules)
    missing = tuple((STAND_INS[name], words) for name, words in _STAND_INS.items())
    heads = ("Short name", "What stands in for a value that is due and missing")
    yield Section("missing", "Missing values", heads, missing)
    yield Section("due", "When a value is due", ("What", "When it is due"), _DUE)
