"""Medication before and during treatment, told apart by days of which some may be unknown."""

from collections.abc import Mapping, Sequence
from typing import Any

from trial.deferred import dataclass
from trial.definition.medications import Medications
from trial.events import dates
from trial.events.payloads import ATC_LEVELS

Truth = bool | None
_LENGTHS = dict(zip(ATC_LEVELS, (1, 3, 4, 5, 7), strict=True))
"""How many letters of an ATC code name its class of each level."""
_NEVER, _ALWAYS = 0, 10**7


@dataclass(frozen=True)
class Span:
    """The days (ordinals) on which a medication can have begun, and on which it can have ended."""

    first_start: int
    last_start: int
    first_end: int
    last_end: int

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Span":
        """Read a medication's dates: a missing end of what is not said to go on is any day."""
        start, end = data.get("start"), data.get("end")
        first_end = dates.earliest(end) if end else _ALWAYS if data.get("ongoing") else _NEVER
        last_end = dates.latest(end) if end else _ALWAYS
        first_start = dates.earliest(start) if start else _NEVER
        last_start = min(dates.latest(start) if start else _ALWAYS, last_end)
        return cls(first_start, last_start, max(first_end, first_start), last_end)

    def started_before(self, day: int) -> Truth:
        """Return whether it was started before a day."""
        if self.last_start < day:
            return True
        return False if self.first_start >= day else None

    def ended_before(self, day: int) -> Truth:
        """Return whether it had ended before a day."""
        if self.last_end < day:
            return True
        return False if self.first_end >= day else None


def is_prior(rules: Medications, span: Span, first_dose: int) -> Truth:
    """Return whether a medication is prior to treatment; None where its dates leave it open."""
    if rules.prior == "started-before":
        return span.started_before(first_dose)
    if rules.undetermined == "concomitant":
        return span.ended_before(first_dose) or False  # what may have gone on counts as going on
    return span.ended_before(first_dose)


def is_concomitant(rules: Medications, span: Span, first_dose: int, last_dose: int) -> Truth:
    """Return whether a medication is concomitant; None where its dates leave it open."""
    before = span.ended_before if rules.concomitant == "taken" else span.started_before
    truths = [_not(before(first_dose))]
    if (days := rules.days_after_last_dose) is not None:
        truths.append(span.started_before(last_dose + days + 1))
    if False in truths:
        return False
    if None in truths:
        return True if rules.undetermined == "concomitant" else None
    return True


def _not(truth: Truth) -> Truth:
    return None if truth is None else not truth


def class_levels(atc_class: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the class of a medication at each level that its code reaches: its name, or code."""
    code = atc_class["code"]
    return {
        f"atc{level}": atc_class.get(f"atc{level}") or code[:length]
        for level, length in _LENGTHS.items()
        if len(code) >= length
    }


def classes(rules: Medications, coding: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
    """Return the classes of a medication that count, each by level."""
    paths = [class_levels(atc_class) for atc_class in coding.get("atc") or ()]
    return paths[:1] if rules.classes == "first" else paths
