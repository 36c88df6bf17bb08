"""Who is behind a number: its subjects, with what value each counts, and which records decide it.

What a subject is in a number is computed from its records alone, as its share of the sums is; the
sums are not read. Subjects are looked at in their order until an answer has room or time for no
more: a page may then be empty and still have a next.
"""

import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from trial.deferred import dataclass
from trial.errors import invalid_parameter
from trial.reporting.tracing.explaining import Evidence
from trial.reporting.tracing.numbers import Document, Number
from trial.reporting.tracing.people import People
from trial.subject.changes import undone
from trial.subject.derivation import Derivation
from trial.subject.fold import Key, Subject
from trial.tables.attribution import COUNTS, SingleSubject

SUBJECTS, BYTES = 100, 1_000_000
"""What a page holds at most: how many subjects, and about how long it is."""
WORK = 400_000
"""How many records a page reads at most, if of more than one subject, to undo one after the other.

How many subjects it looks at depends on how they are read (`People`).
"""
MOST_TRIED, MOST_WORK = 500, 250_000
"""Of a subject with more records, only those that the rules took something of are undone; and none
where that would be too much work."""
_MOST_WORDS = 2_000


@dataclass
class _Page:
    """What has been found; `last` is the subject after which the next page begins."""

    subjects: list[Document] = field(default_factory=list)
    last: str = ""
    examined: int = 0
    revisions: int = 0
    work: int = 0
    size: int = 0

    def is_full(self, people: People, subject: Subject) -> bool:
        """Return whether there is no room, or no time, for another subject."""
        most_examined, most_revisions = people.limits
        return self.examined > 0 and (
            len(self.subjects) >= SUBJECTS
            or self.size >= BYTES
            or self.examined >= most_examined
            or self.revisions + subject.accepted > most_revisions
            or self.work + min(len(subject.records) ** 2, MOST_WORK) > WORK
        )


def trace(people: People, number: Number, statistic: str = "", after: str = "") -> Document:
    """List the subjects in a statistic of a number, as a document; `after` is where it begins.

    '' is what the number counts. `next` names the subject after which the next page begins.
    """
    page = _Page()
    for subject in people.after(after):
        if page.is_full(people, subject):
            break
        page.last = subject.id
        page.examined += 1
        page.revisions += subject.accepted
        _add(page, people, number, statistic, subject)
    else:
        page.last = ""
    return {
        "study": people.view.id,
        "audience": people.view.audience,
        "cut": people.document(),
        "number": number.document(),
        "statistic": statistic or None,
        "examined": page.examined,
        "subjects": page.subjects,
        "next": page.last or None,
    }


def _add(page: _Page, people: People, number: Number, statistic: str, recorded: Subject) -> None:
    """Add a subject to a page if it is in the statistic."""
    subject = people.spec.apply_cutoff(recorded)
    if not subject.records:
        return
    derivation = Derivation(people.view, subject, people.spec.day)
    alone = SingleSubject(derivation)
    standings = number.standings(alone)
    standing = next((member for member in standings if member.is_in(statistic)), None)
    if standing is None:
        return
    evidence = list(number.evidence(derivation, standing))
    record_keys = dict.fromkeys(key for part in evidence for key in part.records)
    keys = [key for key, record in sorted(subject.records.items()) if not record.void]
    values = list(dict.fromkeys(part.value for part in evidence if part.value is not None))
    keys_tried = _tried(keys, record_keys)
    page.work += len(keys_tried or ()) * len(keys)
    decisive = set(_decisive(people, number, alone, subject, keys_tried or ()))
    document = {
        "subject": subject.id,
        "in": standing.place,
        "columns": [member.column for member in standings if member.is_in(statistic)],
        "counts": dict(standing.counts),
        "values": [vars(value) for value in values],
        "analysis": [_plain(record) for record in standing.records],
        "explanation": _joined(evidence),
        "records": [
            {
                "kind": kind,
                "record": record,
                "revision": subject.records[kind, record].revision,
                "decisive": None if keys_tried is None else (kind, record) in decisive,
            }
            for kind, record in sorted({*record_keys, *decisive} & subject.records.keys())
        ],
    }
    page.subjects.append(document)
    page.size += len(json.dumps(document))


def _tried(keys: Sequence[Key], evidence_keys: Container[Key]) -> Sequence[Key] | None:
    """Return which of a subject's records are undone; None where that would be too much work."""
    keys_tried = keys if len(keys) <= MOST_TRIED else [key for key in keys if key in evidence_keys]
    return keys_tried if len(keys_tried) * len(keys) <= MOST_WORK else None


def _decisive(
    people: People,
    number: Number,
    alone: SingleSubject,
    subject: Subject,
    keys: Iterable[Key],
) -> Iterator[Key]:
    """Yield the records without which, alone, the subject would not count, or count otherwise."""
    for key, reduced in undone(subject, keys):
        derivation = Derivation(people.view, reduced, people.spec.day)
        if number.differs(alone, SingleSubject(derivation)):
            yield key


def _plain(record: Mapping[str, Any]) -> Document:
    """Return a record of the analysis data, without what is blank: numbers as the data sets do."""
    return {
        name: value if isinstance(value, str | int) else f"{value:f}"
        for name, value in record.items()
        if value is not None
    }


def _joined(evidence: Iterable[Evidence]) -> str:
    """Join what was taken of a subject, each once; what is too long is cut visibly."""
    text = "; ".join(dict.fromkeys(part.words for part in evidence))
    return text if len(text) <= _MOST_WORDS else f"{text[:_MOST_WORDS]}\N{HORIZONTAL ELLIPSIS}"


def check_statistic(name: str) -> str:
    """Return the name of a statistic; raises `Rejected` (422) for what cannot be one."""
    if name and not (name.isascii() and name.isidentifier()):
        raise invalid_parameter(
            "statistic",
            f"must be the name of a statistic, as tables.json has it: {', '.join(COUNTS)}, percent,"
            " mean and so on",
        )
    return name
