"""Which records count, what is derived of them whatever the study, and how dates are read."""

from collections.abc import Iterator

from trial.definition import Definition
from trial.definition.discrepancies import CONTRADICTORY, NOTABLE, RULES
from trial.definition.usage import record_kinds_used
from trial.events.payloads import KINDS, Assessment
from trial.reporting.methods.wording import STAND_INS
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
            "A subject of whom it is recorded that another id stands for the person counts nowhere"
            " and is in no listing."
        ),
    ),
    (
        "Several of one kind",
        (
            "Of several enrolments, randomisations, regimens, deaths or first doses the first by"
            " date and time counts; of several dispositions of the study the last."
        ),
    ),
    (
        "Order of results",
        (
            "By day and time of collection. What has no time comes before what has one on its day,"
            " and counts as before a dose of its day. Between results of one moment the record's"
            " id decides, its numbers as numbers: the greater is the later."
        ),
    ),
    (
        "Last contact",
        (
            "The latest date or end of any record of the subject (of a partial date the first"
            " day); missed visits and missed doses are no contact."
        ),
    ),
    ("Last dose", "The last day of any dose, by its end where it has one."),
    (
        "Partial start",
        (
            "Of an onset or of medication: counts as the first day that it can mean, or as that of"
            " the first dose if it can mean that; never after its own end."
        ),
    ),
    (
        "Partial end",
        (
            "Counts as the last day that it can mean, but neither after the death or the cut-off"
            " nor before its own start."
        ),
    ),
    (
        "Partial death",
        (
            "Counts as the first day that it can mean, but not before the last day on which the"
            " subject was seen alive: by a visit, sample, dose, adverse event, medication, consent,"
            " enrolment, randomisation or pregnancy."
        ),
    ),
    (
        "No date",
        (
            "A record without a date counts where none is needed. Where one is, subjects with such"
            " an event and none that counts are without it, and a footnote gives their number."
        ),
    ),
    (
        "Data cut-off",
        (
            "A report as of a cut-off date is made of the records dated on or before it; a record"
            " without a date stays. What ended later reads as ongoing, and a fatal outcome by a"
            " later death as not yet fatal."
        ),
    ),
    (
        "Discrepancies",
        (
            "Records that do not agree with each other are named and counted as they are: nothing"
            " is repaired."
        ),
    ),
)
_AFTER = {
    True: "Results that were collected after the study was discontinued count.",
    False: "Results that were collected after the day on which the study was discontinued count"
    " for no visit and for no other value after the first dose; a time to a first result takes"
    " them.",
}
_DUE = (
    (
        "A visit with a window",
        (
            "Due once anything is recorded after the last day of its window (or a cut-off lies"
            " after it), or all is over: a disposition of the study, or a death."
        ),
    ),
    (
        "A visit without a window",
        "Due once it is recorded or missed, or a result names it, or all is over.",
    ),
    (
        "A baseline",
        (
            "Due once anything is recorded after the day of the first dose (or a cut-off lies after"
            " it), or all is over; that of a visit as the visit."
        ),
    ),
    (
        "Not yet due",
        (
            "Until then a value that is not there is neither missing nor a failure: the subject is"
            " left open, and nothing stands in for it."
        ),
    ),
)
_STAND_INS = {
    "bocf": "Baseline carried forward: the baseline's value.",
    "locf": (
        "Last observation carried forward: the last result after the first dose and not after the"
        " visit's window."
    ),
    "locf-visit": (
        "Last visit carried forward: the result of the last visit of the same schedule before it"
        " that has one after the first dose, by its date."
    ),
}
"""What stands in for a value that is due and missing."""
_CARRIED = (
    (
        "LOCF, visit without a window",
        (
            "Results count that are not after the day on which the visit was recorded, sampled or"
            " missed; if that is not known, those before the first record of a later visit of the"
            " schedule that came after those of all earlier ones. Earlier visits are those that the"
            " definition names before, or plans for an earlier day."
        ),
    ),
    (
        "LOCF, never dosed",
        (
            "Results count that come after the baseline's or, where the measure has none, after the"
            " day of randomisation, else of enrolment."
        ),
    ),
    (
        "LOCF, nothing to carry",
        "The baseline's value, which the cell counts apart (as baseline).",
    ),
)


_SEVERITIES = {
    CONTRADICTORY: "records of which one must be wrong",
    NOTABLE: "what is missing or unusual and may yet be right",
}


def _discrepancies(definition: Definition) -> Iterator[tuple[str, str]]:
    """Yield the rules that look for records that do not agree."""
    for name, rule in RULES.items():
        if definition.discrepancies.wanted(name):
            yield name, f"{rule.label} ({_SEVERITIES[rule.severity]})"


_NEWER = (
    (
        "Contact, too",
        (
            "What was not done is no contact, and neither is a vital status other than ALIVE. A"
            " procedure, an electrocardiogram, an examination, a questionnaire, an observation and"
            " a vital status ALIVE show the subject alive."
        ),
    ),
)
"""Stated where a study looks at such records."""
_NEWER_KINDS = frozenset(
    kind
    for kind, model in KINDS.items()
    if issubclass(model, Assessment) or kind in ("vital-status.recorded", "procedure.recorded")
)


def sections(definition: Definition) -> Iterator[Section]:
    """Yield which records count and when a value is due."""
    after = _AFTER[definition.samples_after_discontinuation]
    newer = () if _NEWER_KINDS.isdisjoint(record_kinds_used(definition)) else _NEWER
    rules = (*_RULES, *newer, ("After discontinuation", after))
    yield Section("records", "Records", ("Rule", "What it says"), rules)
    missing = *((STAND_INS[name], words) for name, words in _STAND_INS.items()), *_CARRIED
    heads = ("Short name", "What stands in for a value that is due and missing")
    yield Section("missing", "Missing values", heads, missing)
    discrepancies = tuple(_discrepancies(definition))
    yield Section("discrepancies", "Discrepancies", ("Rule", "What it finds"), discrepancies)
    yield Section("due", "When a value is due", ("What", "When it is due"), _DUE)
