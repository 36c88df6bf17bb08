"""Dates in listings: the text as collected, the day it counts as, and how that was imputed.

After CDISC ADaM's ASTDTC, ASTDT and ASTDTF: a complete date is its day; a partial one has a day
only where the study's rules give it one, and then a flag says which part was made up.
"""

from collections.abc import Callable, Mapping

from trial.deferred import dataclass
from trial.events import dates
from trial.events.kinds import date_fields
from trial.subject.derivation import Derivation
from trial.subject.fold import Record
from trial.subject.imputation import RULES, Dated
from trial.tables.grid import Value
from trial.tables.listings.items import ListingItem, parameters_of

ImputationRule = Callable[[Derivation, ListingItem], Dated | None]
"""Gives what a partial date counts as."""


@dataclass(frozen=True)
class DateField:
    """A date that listings can show: its text, and what a partial one counts as, if anything.

    One that is `derived` of records rather than collected is always complete.
    """

    text: Callable[[Derivation, ListingItem], str | None]
    rule: ImputationRule | None = None
    derived: bool = False

    def day(self, derivation: Derivation, item: ListingItem) -> int | None:
        """Return the day (ordinal) it counts as; None for a partial date without a rule."""
        text = self.text(derivation, item)
        if not text:
            return None
        if len(text) >= dates.FULL:
            return dates.earliest(text)
        dated = self.rule(derivation, item) if self.rule else None
        return dated.day if dated else None

    def date(self, derivation: Derivation, item: ListingItem) -> Value:
        """Return that day as YYYY-MM-DD."""
        day = self.day(derivation, item)
        return None if day is None else dates.iso(day)

    def study_day(self, derivation: Derivation, item: ListingItem) -> Value:
        """Count that day from the first dose, as ADaM counts ASTDY from ASTDT."""
        day = self.day(derivation, item)
        return None if day is None else derivation.study_day(day)

    def flag(self, derivation: Derivation, item: ListingItem) -> Value:
        """Return what was imputed: D the day, M month and day; None where nothing was.

        Y, the year, never stands: a date that is missing altogether is not made up.
        """
        text = self.text(derivation, item)
        if not text or len(text) >= dates.FULL or self.rule is None:
            return None
        return "M" if len(text) < dates.MONTH else "D"


def field(name: str | None, records: str) -> DateField | None:
    """Find the date that a source of a listing's column names; None where it names no date."""
    if name is None:
        return None
    if name in SUBJECT:
        return SUBJECT[name]
    if name in (("collected",) if parameters_of(records) else date_fields(records)):
        rule = _imputed(records, name) if (records, name) in RULES else None
        return DateField(lambda _, item: item.data.get(name), rule)
    return None


def _imputed(kind: str, name: str) -> ImputationRule:
    return lambda derivation, item: derivation.imputation.dated(kind, name, item.data)


def _died(derivation: Derivation, _: ListingItem) -> Dated | None:
    return derivation.dated(derivation.death) if derivation.death else None


def _iso(day: int | None) -> str | None:
    return dates.iso(day) if day else None


def _date_of(record: Record | None) -> str | None:
    return record.data["date"] if record else None


SUBJECT: Mapping[str, DateField] = {
    "enrolled": DateField(lambda derivation, _: _date_of(derivation.enrolment)),
    "first-dose": DateField(
        lambda derivation, _: (derivation.first_dose or "")[: dates.FULL] or None, derived=True
    ),
    "last-dose": DateField(lambda derivation, _: _iso(derivation.last_dose_day), derived=True),
    "last-contact": DateField(lambda derivation, _: _iso(derivation.last_contact), derived=True),
    "end-of-study-date": DateField(lambda derivation, _: _date_of(derivation.end_of_study)),
    "death-date": DateField(lambda derivation, _: _date_of(derivation.death), _died),
}
"""The dates of a subject, whatever a listing's records are."""
