"""Discrepancies across subjects: ids that supersede each other, terms with several spellings.

All subjects are read once; only their ids are kept, and the spellings of terms with the number of
records that have each. No field that could unblind the study is read.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from trial.events.payloads import ERASURE
from trial.subject.fold import Key, Record, Subject

type SubjectDiscrepancy = tuple[str, tuple[Key, ...], str]
"""A rule, the records of a subject that it is about, and the detail in words."""

SUPERSEDED = "subject.superseded"
TERMS: Mapping[str, tuple[str, ...]] = {
    "adverse-event.coded": ("soc", "hlgt", "hlt", "pt", "llt"),
    "medical-history.coded": ("soc", "hlgt", "hlt", "pt", "llt"),
    "conmed.coded": ("preferred_name",),
    "disposition.recorded": ("reason",),
    "screening.failed": ("reason",),
    "deviation.recorded": ("category",),
}
"""The fields that hold terms, by kind of record: spellings of a term are compared in a field."""
_QUOTED = frozenset({"soc", "hlgt", "hlt", "pt", "llt", "preferred_name"})
"""Terms of a dictionary, never a site's free text."""
_SPACE = re.compile(r"\s+")


def form(term: str) -> str:
    """Return the form that terms share if they differ in case, blanks or Unicode form alone."""
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", term)).strip().casefold()


type Verdict = tuple[str, str]
"""A superseded id with '', or a field and the form of a term in it."""


class CrossSubjectSurvey:
    """What only all subjects together show: circles of superseding ids, the usual spellings.

    Subjects are added and removed in any order, so that a change costs no more than its subject.
    """

    def __init__(self, subjects: Iterable[Subject] = ()) -> None:
        self._superseding: dict[str, list[str]] = {}
        self._present: set[str] = set()
        self._spellings: dict[Verdict, Counter[str]] = {}
        self._preferred: dict[Verdict, str] = {}
        for subject in subjects:
            self.add(subject)

    def add(self, subject: Subject) -> None:
        """Count a subject that is not counted yet."""
        live = [record for record in subject.records.values() if not record.void]
        if superseding := sorted(
            {record.data["by"] for record in live if record.kind == SUPERSEDED}
        ):
            self._superseding[subject.id] = superseding
        if any(record.kind not in (SUPERSEDED, ERASURE) for record in live):
            self._present.add(subject.id)
        self._spell(subject, 1)

    def remove(self, subject: Subject) -> None:
        """Take a subject out again, as it was when it was added."""
        self._spell(subject, -1)
        self._superseding.pop(subject.id, None)
        self._present.discard(subject.id)

    def _spell(self, subject: Subject, sign: int) -> None:
        if subject.id in self._superseding:
            return
        for record, field in _terms(subject):
            term = record.data[field]
            key = field, form(term)
            counts = self._spellings.setdefault(key, Counter())
            counts[term] += sign
            if not counts[term]:
                del counts[term]
            self._prefer(key, counts)

    def _prefer(self, key: Verdict, counts: Counter[str]) -> None:
        self._preferred.pop(key, None)
        if not counts:
            del self._spellings[key]
        elif len(counts) > 1:
            self._preferred[key] = min(
                counts, key=lambda term: (-counts[term], _oddity(term), term)
            )

    @property
    def verdicts(self) -> Mapping[Verdict, str]:
        """What subjects together decide: of superseded ids what is wrong, of terms the spelling.

        A subject's discrepancies depend on its own records and on these alone.
        """
        superseded = {
            (name, ""): f"{rule}: {detail}"
            for name in self._superseding
            for rule, detail in self._superseded(name)
        }
        return superseded | self._preferred

    def document(self) -> dict[str, Any]:
        """Return all that it holds, as data."""
        return {
            "superseding": self._superseding,
            "present": sorted(self._present),
            "spellings": [[*key, dict(counts)] for key, counts in self._spellings.items()],
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "CrossSubjectSurvey":
        """Read it again."""
        survey = cls()
        survey.add_surveyed(document)
        return survey

    def add_surveyed(self, document: Mapping[str, Any]) -> None:
        """Add all that a survey of other subjects holds, as data."""
        self._superseding |= document["superseding"]
        self._present |= set(document["present"])
        for field, term_form, counts in document["spellings"]:
            key = field, term_form
            self._spellings.setdefault(key, Counter()).update(counts)
            self._prefer(key, self._spellings[key])

    def discrepancies_of(self, subject: Subject) -> tuple[SubjectDiscrepancy, ...]:
        """Return the discrepancies of one subject."""
        superseded = (
            (rule, _of_kind(subject, SUPERSEDED), detail)
            for rule, detail in self._superseded(subject.id)
        )
        return (*superseded, *self._spelt(subject))

    def _superseded(self, subject: str) -> Iterator[tuple[str, str]]:
        """Yield the rule that a superseded id breaks, and the detail."""
        if subject not in self._superseding:
            return
        reached = self._reached(subject)
        if not reached.isdisjoint(self._present - self._superseding.keys()):
            return
        if nobody := sorted(reached - self._present):
            yield "superseded-by-nobody", f"nothing is recorded of {', '.join(nobody)}"
        else:
            circle = sorted(reached | {subject})
            yield "superseded-in-a-circle", f"{', '.join(circle)} stand for each other"

    def _reached(self, subject: str) -> set[str]:
        """Return all ids that stand for a subject, in however many steps."""
        reached: set[str] = set()
        to_visit = [*self._superseding[subject]]
        while to_visit:
            if (name := to_visit.pop()) not in reached:
                reached.add(name)
                to_visit += self._superseding.get(name, ())
        return reached

    def _spelt(self, subject: Subject) -> Iterator[SubjectDiscrepancy]:
        if not self._preferred or subject.id in self._superseding:
            return
        for record, field in sorted(
            _terms(subject),
            key=lambda record_and_field: (record_and_field[0].kind, record_and_field[0].record),
        ):
            term = record.data[field]
            preferred = self._preferred.get((field, form(term)), term)
            if preferred != term:
                detail = f'"{term}", elsewhere "{preferred}"' if field in _QUOTED else "most differ"
                yield "spelling", ((record.kind, record.record),), f"{field}: {detail}"


def terms_of(subject: Subject) -> set[Verdict]:
    """Return what verdicts a subject's discrepancies can depend on."""
    terms = {(field, form(record.data[field])) for record, field in _terms(subject)}
    return {(subject.id, ""), *terms}


def is_compared(subject: Subject) -> bool:
    """Return whether a subject can have a discrepancy that others decide of."""
    return bool(_of_kind(subject, SUPERSEDED)) or any(True for _ in _terms(subject))


def _oddity(term: str) -> tuple[bool, int]:
    """Return the rank among equally frequent spellings: no outer blanks, then fewest capitals."""
    return term != term.strip(), sum(map(str.isupper, term))


def _of_kind(subject: Subject, kind: str) -> tuple[Key, ...]:
    live = (record for record in subject.records.values() if not record.void)
    return tuple(sorted((record.kind, record.record) for record in live if record.kind == kind))


def _terms(subject: Subject) -> Iterator[tuple[Record, str]]:
    """Return the records that hold terms, with the field of each term."""
    for record in subject.records.values():
        if not record.void:
            for field in TERMS.get(record.kind, ()):
                if record.data.get(field):
                    yield record, field
