"""Discrepancies: records that do not agree with each other, or with what is planned.

They are shown, counted and listed, and never silently repaired. Most rules look at one subject, so
what they find adds up like everything else; `across` finds what several subjects show together.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from trial.deferred import dataclass
from trial.definition import discrepancies as catalogue
from trial.definition.discrepancies import RULES, Severity
from trial.definition.inputs import ANYTHING, DUE, RESULTS, VISITS, kind_inputs
from trial.definition.study import Study
from trial.definition.usage import record_kinds_used
from trial.events.kinds import ADVERSE_EVENT, CODINGS, DOSES, has_measurements
from trial.events.payloads import KINDS
from trial.statistics.cells import Cells, Share
from trial.subject.derivation import Derivation
from trial.subject.fold import Key
from trial.tables.discrepancies import history, identity, safety, treatment, visits
from trial.tables.discrepancies.evidence import DiscrepancyRule, Evidence
from trial.tables.grid import RuleCount
from trial.tables.rows.kinds import put_cell

type _SelectedRule = tuple[str, DiscrepancyRule, frozenset[str]]
"""The name of a rule, what it finds, and the kinds of which the subject must have records."""
ROW = "discrepancies#0"
"""The row of sums that counts discrepancies, by rule."""


@dataclass(frozen=True)
class Discrepancy:
    """A discrepancy: its rule, the records that show it, and the detail in words."""

    rule: str
    records: tuple[Key, ...]
    detail: str

    @property
    def label(self) -> str:
        """What the rule finds, in words."""
        return RULES[self.rule].label

    @property
    def severity(self) -> Severity:
        """Whether one of the records must be wrong."""
        return RULES[self.rule].severity

    @property
    def named(self) -> str:
        """The ids of the records, as a listing shows them."""
        return ", ".join(record for _, record in self.records)

    def document(self, subject: str) -> dict[str, Any]:
        """Return it as data, of the subject that has it."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "label": self.label,
            "subject": subject,
            "records": [{"kind": kind, "record": record} for kind, record in self.records],
            "detail": self.detail,
        }


def _disputed(derivation: Derivation) -> Iterator[Evidence]:
    for kind, record, revision in derivation.disputed:
        yield ((kind, record),), f"revision {revision}: the content recorded first is in force"


def _across(name: str) -> DiscrepancyRule:
    """Return the rule that yields what the survey of all subjects found of one subject."""

    def found(derivation: Derivation) -> Iterator[Evidence]:
        for rule, records, detail in derivation.across:
            if rule == name:
                yield records, detail

    return found


DISCREPANCY_RULES: Mapping[str, DiscrepancyRule] = {
    "not-enrolled": identity.not_enrolled,
    "enrolled-twice": identity.enrolled_twice,
    "randomised-twice": identity.randomised_twice,
    "strata-missing": identity.strata_missing,
    "before-consent": identity.before_consent,
    "superseded": identity.superseded,
    "superseded-by-two": identity.superseded_by_two,
    "superseded-in-a-circle": _across("superseded-in-a-circle"),
    "superseded-by-nobody": _across("superseded-by-nobody"),
    "void-of-nothing": identity.void_of_nothing,
    "blank-reason": identity.blank_reason,
    "dosed-not-randomised": treatment.dosed_not_randomised,
    "dose-before-randomisation": treatment.dose_before_randomisation,
    "dosed-with-another-arm": treatment.dosed_with_another_arm,
    "dose-without-treatment": treatment.dose_without_treatment,
    "dose-after-discontinuation": treatment.dose_after_discontinuation,
    "completed-with-reason": treatment.completed_with_reason,
    "completed-and-discontinued": treatment.completed_and_discontinued,
    "disposition-twice": treatment.disposition_twice,
    "withdrawn-for-another-reason": treatment.withdrawn_for_another_reason,
    "completed-without-last-visit": visits.completed_without_last_visit,
    "visit-twice": visits.visit_twice,
    "visit-outside-window": visits.visit_outside_window,
    "visits-out-of-order": visits.visits_out_of_order,
    "missed-and-recorded": visits.missed_and_recorded,
    "sample-after-first-dose": visits.sample_after_first_dose,
    "limits-changed": visits.limits_changed,
    "reference-range": visits.reference_range,
    "age-in-days-missing": visits.age_in_days_missing,
    "no-longer-accepted": visits.no_longer_accepted,
    "undecided": visits.undecided,
    "coding-without-event": safety.coding_without_event,
    "coding-without-record": history.coding_without_record,
    "ended-and-ongoing": history.ended_and_ongoing,
    "history-after-first-dose": history.history_after_first_dose,
    "result-of-not-done": history.result_of_not_done,
    "spelling": _across("spelling"),
    "grade-and-outcome": safety.grade_and_outcome,
    "event-twice": safety.event_twice,
    "seriousness": safety.seriousness,
    "serious-without-criterion": safety.serious_without_criterion,
    "unresolved-with-end": safety.unresolved_with_end,
    "died-twice": safety.died_twice,
    "death-date-differs": safety.death_date_differs,
    "after-death": safety.after_death,
    "death-without-fatal-event": safety.death_without_fatal_event,
    "death-without-disposition": safety.death_without_disposition,
    "dead-without-death": history.dead_without_death,
    "fatal-without-death": safety.fatal_without_death,
    "disputed": _disputed,
}
"""The function of each rule of the catalogue."""


def _of_kinds(*kinds: str) -> frozenset[str]:
    """Return the inputs that records of some kinds are."""
    return frozenset().union(*map(kind_inputs, kinds))


_OF_COURSE = frozenset[str]()
"""Of what changes everything when it changes, and so needs no naming (`COURSE`)."""
_EVENTS = _of_kinds(ADVERSE_EVENT, CODINGS[ADVERSE_EVENT], DOSES)
INPUTS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(
        (
            *("enrolled-twice", "randomised-twice", "strata-missing"),
            *("superseded", "superseded-by-two", "superseded-in-a-circle", "superseded-by-nobody"),
            *("completed-with-reason", "completed-and-discontinued", "disposition-twice"),
            *("died-twice", "death-without-disposition", "spelling", "disputed"),
        ),
        _OF_COURSE,
    ),
    **dict.fromkeys(
        (
            *("dosed-not-randomised", "dose-before-randomisation", "dosed-with-another-arm"),
            *("dose-without-treatment", "dose-after-discontinuation"),
        ),
        _of_kinds(DOSES),
    ),
    **dict.fromkeys(
        (
            *("withdrawn-for-another-reason", "grade-and-outcome", "event-twice"),
            *("seriousness", "serious-without-criterion", "unresolved-with-end"),
            *("death-date-differs", "death-without-fatal-event", "fatal-without-death"),
        ),
        _EVENTS,
    ),
    **dict.fromkeys(
        ("visit-twice", "visit-outside-window", "visits-out-of-order"), _of_kinds(visits.RECORDED)
    ),
    "before-consent": _of_kinds(*identity.CONSENT_KINDS),
    "blank-reason": _of_kinds(*identity.WITH_REASON),
    "completed-without-last-visit": _of_kinds(visits.RECORDED, visits.RESULTS),
    "missed-and-recorded": _of_kinds(*chain(*visits.MISSED)),
    "sample-after-first-dose": _of_kinds(visits.RESULTS, DOSES),
    "limits-changed": _of_kinds(visits.RESULTS),
    "reference-range": _of_kinds(visits.RESULTS, *filter(has_measurements, KINDS)),
    "age-in-days-missing": frozenset({RESULTS}),
    "no-longer-accepted": frozenset({RESULTS}),
    "undecided": _of_kinds(*visits.HAVE_RESULTS, DOSES, *CODINGS, *CODINGS.values())
    | {RESULTS, DUE, VISITS},
    "coding-without-event": _of_kinds(ADVERSE_EVENT, CODINGS[ADVERSE_EVENT]),
    "coding-without-record": _of_kinds(*history.CODED, *history.CODED.values()),
    "ended-and-ongoing": _of_kinds(*history.GO_ON),
    "history-after-first-dose": _of_kinds(history.HISTORY),
    "result-of-not-done": _of_kinds(*history.ASSESSMENTS),
    "dead-without-death": _of_kinds(history.VITAL_STATUS),
}
"""What each rule reads of a subject; a rule that is not here reads anything."""

_OF_SUPERSEDED = frozenset({
    "superseded", "superseded-by-two", "superseded-in-a-circle", "superseded-by-nobody", "disputed",
})  # fmt: skip
"""The rules that are applied to a superseded subject too, which counts nowhere."""


class EditChecks:
    """The edit checks of a study: the rules that its definition selects."""

    def __init__(self, study: Study) -> None:
        selection, recorded_kinds = (
            study.definition.discrepancies,
            record_kinds_used(study.definition),
        )
        self._rules = [
            (name, find, RULES[name].needs - recorded_kinds)
            for name, find in DISCREPANCY_RULES.items()
            if selection.wanted(name)
        ]
        self._rules_of_superseded = [rule for rule in self._rules if rule[0] in _OF_SUPERSEDED]

    def find(self, derivation: Derivation) -> list[Discrepancy]:
        """List a subject's discrepancies, in the order of the rules."""
        rules = self._rules_of_superseded if derivation.superseded else self._rules
        return self._found(derivation, rules)

    @staticmethod
    def _found(derivation: Derivation, rules: Iterable[_SelectedRule]) -> list[Discrepancy]:
        return [
            Discrepancy(name, records, detail)
            for name, find, needs in rules
            if not needs or all(map(derivation.records, needs))
            for records, detail in find(derivation)
        ]

    def contribute(self, derivation: Derivation, share: Share) -> None:
        """Count the subject's discrepancies by rule."""
        self._count(self.find(derivation), share)

    def contribute_rules(
        self, names: Collection[str], derivation: Derivation, share: Share
    ) -> None:
        """Count those that some rules find of a subject who is not superseded."""
        rules = (rule for rule in self._rules if rule[0] in names)
        self._count(self._found(derivation, rules), share)

    @staticmethod
    def _count(found: Iterable[Discrepancy], share: Share) -> None:
        for discrepancy in found:
            put_cell(share, ROW, discrepancy.rule, 1)

    @property
    def inputs(self) -> Mapping[str, frozenset[str]]:
        """What each rule reads of a subject, by its name."""
        return {
            name: INPUTS.get(name, frozenset({ANYTHING})).union(*map(kind_inputs, needs))
            for name, _, needs in self._rules
        }

    def read(
        self, sums: Mapping[str, Cells], other_counts: Mapping[str, int], listing: str
    ) -> tuple[RuleCount, ...]:
        """Return the number of discrepancies by rule, the contradictory first; `listing` has them.

        `other_counts` are those that no sum counts: found across subjects, or disputed.
        """
        cells = sums.get(ROW, {})
        numbers = {
            name: cells.get(name, 0) + other_counts.get(name, 0) for name, _, _ in self._rules
        }
        rule_counts = [
            RuleCount(name, RULES[name].label, RULES[name].severity, number, listing)
            for name, number in numbers.items()
            if number
        ]
        return tuple(
            sorted(
                rule_counts, key=lambda rule_count: rule_count.severity != catalogue.CONTRADICTORY
            )
        )
