"""Dates in listings: the text as collected, the day it counts as, and how that was imputed.

After CDISC ADaM's ASTDTC, ASTDT and ASTDTF: a complete date is its day; a partial one has a day
only where the study's rules give it one, and then a flag says which part was made up.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import get_args, get_type_hints

from trial import dates
from trial.adverse_events import imputed_end, imputed_onset
from trial.derivation import Derivation
from trial.messages import KINDS, FullDate, LocalTime, PartialDate
from trial.subject import Record
from trial.tables.grid import Value
from trial.tables.listings.items import EVENTS, Item, parameters_of

Rule = Callable[[Derivation, str], int]
"""Gives the day (ordinal) that a partial date counts as."""


@dataclass(frozen=True)
class DateField:
    """A date that listings can show: its text, and what a partial one counts as, if anything.

    One that is `derived` of records rather than collected is always complete.
    """

    text: Callable[[Derivation, Item], str | None]
    rule: Rule | None = None
    derived: bool = False

    def day(self, derivation: Derivation, item: Item) -> int | None:
        """Give the day (ordinal) it counts as; None for a partial date without a rule."""
        text = self.text(derivation, item)
        if not text:
            return None
        if len(text) >= dates.FULL:
            return dates.earliest(text)
        return self.rule(derivation, text) if self.rule else None

    def date(self, derivation: Derivation, item: Item) -> Value:
        """Give that day as YYYY-MM-DD."""
        day = self.day(derivation, item)
        return None if day is None else dates.iso(day)

    def study_day(self, derivation: Derivation, item: Item) -> Value:
        """Count that day from the first dose, as ADaM counts ASTDY from ASTDT."""
        day = self.day(derivation, item)
        return None if day is None else derivation.study_day(day)

    def flag(self, derivation: Derivation, item: Item) -> Value:
        """Say what was imputed of it: D the day, M month and day; None where nothing was.

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
    if name in (("collected",) if parameters_of(records) else _dates(records)):
        return DateField(lambda _, item: item.data.get(name), _RULES.get((records, name)))
    return None


@cache
def _dates(kind: str) -> frozenset[str]:
    """Name the dates among the fields of a kind's data."""
    hints = get_type_hints(KINDS[kind], include_extras=True) if kind in KINDS else {}
    forms = {name: (hint, *get_args(hint)) for name, hint in hints.items()}
    return frozenset(
        name
        for name, form in forms.items()
        if any(each in form for each in (PartialDate, FullDate, LocalTime))
    )


def _onset(derivation: Derivation, text: str) -> int:
    return imputed_onset(text, derivation.first_dose)


def _end(derivation: Derivation, text: str) -> int:
    death = derivation.death
    died = dates.latest(death.data["date"]) if death else None
    return imputed_end(text, died, derivation.cutoff)


_RULES: Mapping[tuple[str, str], Rule] = {(EVENTS, "onset"): _onset, (EVENTS, "end"): _end}


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
    "death-date": DateField(lambda derivation, _: _date_of(derivation.death)),
}
"""The dates of a subject, whatever a listing's records are."""
