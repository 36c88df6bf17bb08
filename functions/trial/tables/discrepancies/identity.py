"""Who the subject is: enrolled, randomised, superseded; and records that are not there."""

from collections.abc import Iterator

from trial.events import dates
from trial.events.kinds import DECIDING_DATE, DOSES, MISSED_DOSES
from trial.events.payloads import ERASURE
from trial.subject.derivation import Derivation
from trial.tables.discrepancies.evidence import Evidence, by_id, count_text, record_keys

ENROLLED, RANDOMISED, SUPERSEDED = "subject.enrolled", "subject.randomised", "subject.superseded"
CONSENT = "consent.recorded"
_INTRODUCES = frozenset({ENROLLED, RANDOMISED, CONSENT, "subject.screened", "screening.failed"})
_NO_DATA = frozenset({ERASURE, SUPERSEDED})
_AFTER_CONSENT = (ENROLLED, RANDOMISED, DOSES, "deviation.recorded")
CONSENT_KINDS = (CONSENT, *_AFTER_CONSENT)
"""The kinds that are held against the consent, and itself."""
WITH_REASON = (
    "screening.failed", "visit.missed", MISSED_DOSES, "disposition.recorded", "subject.unblinded",
)  # fmt: skip


def not_enrolled(derivation: Derivation) -> Iterator[Evidence]:
    """Find data of somebody who was never introduced, or who is treated without being enrolled.

    Who is screened or consents has data before the enrolment. Who is randomised and not enrolled is
    found where visits count their days from enrolment: then no result can be of a visit.
    """
    if derivation.enrolment is not None:
        return
    data = [
        record
        for record in derivation.subject.records.values()
        if not record.void and record.kind not in _NO_DATA
    ]
    if derivation.randomisation is not None:
        planned = (visit for visit in derivation.rules.visits if visit.day is not None)
        if any(visit.days_from == "enrolment" for visit in planned):
            yield (
                record_keys(derivation.randomisation),
                "randomised, and no enrolment to count days from",
            )
    elif data and _INTRODUCES.isdisjoint(record.kind for record in data):
        records = sorted(data, key=lambda record: (record.kind, record.record))
        yield (
            record_keys(*records),
            f"{count_text(len(data), 'record')}, and none that enrols the subject",
        )
    elif derivation.doses:
        yield (
            record_keys(*derivation.doses),
            f"{count_text(len(derivation.doses), 'dose')}, and no enrolment",
        )


def enrolled_twice(derivation: Derivation) -> Iterator[Evidence]:
    """Find every enrolment but the earliest."""
    yield from _again(derivation, ENROLLED, "the earlier enrolment counts")


def randomised_twice(derivation: Derivation) -> Iterator[Evidence]:
    """Find every randomisation but the earliest."""
    yield from _again(derivation, RANDOMISED, "the earlier randomisation counts")


def _again(derivation: Derivation, kind: str, consequence: str) -> Iterator[Evidence]:
    if len(derivation.records(kind)) > 1:
        first, *rest = derivation.ordered(kind)
        for record in rest:
            yield (
                record_keys(first, record),
                f"dated {first.data['date']} and {record.data['date']}: {consequence}",
            )


def strata_missing(derivation: Derivation) -> Iterator[Evidence]:
    """Find a randomisation that lacks a stratum of the definition."""
    randomisation = derivation.randomisation
    if randomisation is not None:
        recorded_strata = randomisation.data.get("strata") or {}
        if missing := sorted(derivation.rules.strata.keys() - recorded_strata.keys()):
            yield record_keys(randomisation), f"no level of {', '.join(missing)}"


def before_consent(derivation: Derivation) -> Iterator[Evidence]:
    """Find enrolment, randomisation, doses and deviations dated before the earliest consent."""
    if not derivation.records(CONSENT):
        return
    consent = derivation.ordered(CONSENT)[0]
    day = dates.earliest(consent.data["date"])
    for kind in _AFTER_CONSENT:
        for record in derivation.ordered(kind):
            dated = record.data[DECIDING_DATE.get(kind, "date")][: dates.FULL]
            if dates.latest(dated) < day:
                yield record_keys(consent, record), f"dated {dated}, consent {consent.data['date']}"


def superseded(derivation: Derivation) -> Iterator[Evidence]:
    """Find that another id stands for the subject: none of its records counts."""
    records = by_id(derivation.records(SUPERSEDED))
    if records:
        successors = sorted({record.data["by"] for record in records})
        yield record_keys(*records), f"counted nowhere: {', '.join(successors)} stands for it"


def superseded_by_two(derivation: Derivation) -> Iterator[Evidence]:
    """Find that two ids are said to stand for the subject."""
    records = by_id(derivation.records(SUPERSEDED))
    if len(successors := sorted({record.data["by"] for record in records})) > 1:
        yield record_keys(*records), f"by {', '.join(successors)}"


def void_of_nothing(derivation: Derivation) -> Iterator[Evidence]:
    """Find voided records of which no other revision was ever received."""
    subject = derivation.subject
    voids = [record for record in subject.records.values() if record.void]
    for void in sorted(voids, key=lambda record: (record.kind, record.record)):
        if len(subject.digests[void.kind, void.record]) == 1:
            yield (
                record_keys(void),
                f"revision {void.revision} is all that was received of it",
            )


def blank_reason(derivation: Derivation) -> Iterator[Evidence]:
    """Find reasons of nothing but blanks: none is taken now, but older journals may hold some."""
    for kind in WITH_REASON:
        for record in by_id(derivation.records(kind)):
            reason = record.data.get("reason")
            if reason is not None and not reason.strip():
                yield record_keys(record), "the reason is blank"
