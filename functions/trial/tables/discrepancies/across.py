"""Discrepancies across subjects: ids that supersede each other, terms with several spellings.

All subjects are read once; only their ids are kept, and the spellings of terms with the number of
records that have each. No field that could unblind the study is read.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

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


class CrossSubjectSurvey:
    """What only all subjects together show: circles of superseding ids, the usual spellings."""

    def __init__(self, subjects: Iterable[Subject]) -> None:
        self._superseding: dict[str, list[str]] = {}
        self._present: set[str] = set()
        spellings: dict[tuple[str, str], Counter[str]] = {}
        for subject in subjects:
            self._add(subject)
            if subject.id in self._superseding:
                continue
            for record, field in _terms(subject):
                term = record.data[field]
                spellings.setdefault((field, form(term)), Counter())[term] += 1
        self._preferred = {
            field_and_form: min(counts, key=lambda term: (-counts[term], _oddity(term), term))
            for field_and_form, counts in spellings.items()
            if len(counts) > 1
        }

    def _add(self, subject: Subject) -> None:
        live = [record for record in subject.records.values() if not record.void]
        if superseding := sorted(
            {record.data["by"] for record in live if record.kind == SUPERSEDED}
        ):
            self._superseding[subject.id] = superseding
        if any(record.kind not in (SUPERSEDED, ERASURE) for record in live):
            self._present.add(subject.id)

    def discrepancies_of(self, subject: Subject) -> tuple[SubjectDiscrepancy, ...]:
        """Return the discrepancies of one subject."""
        return (*self._superseded(subject), *self._spelt(subject))

    def _superseded(self, subject: Subject) -> Iterator[SubjectDiscrepancy]:
        if subject.id not in self._superseding:
            return
        reached = self._reached(subject.id)
        if not reached.isdisjoint(self._present - self._superseding.keys()):
            return
        records = _of_kind(subject, SUPERSEDED)
        if nobody := sorted(reached - self._present):
            detail = f"nothing is recorded of {', '.join(nobody)}"
            yield "superseded-by-nobody", records, detail
        else:
            circle = sorted(reached | {subject.id})
            yield "superseded-in-a-circle", records, f"{', '.join(circle)} stand for each other"

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
