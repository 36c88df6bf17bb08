"""Data-quality findings: records of a subject that do not agree with each other.

They are shown, in the summary and a listing, and never silently repaired. Each rule looks at one
subject, so findings add like everything else.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from trial import dates
from trial.adverse_events import FATAL, GRADE_OF_DEATH
from trial.cells import Cells, Share
from trial.derivation import Derivation
from trial.tables.rows.kinds import put

FINDINGS_ROW = "findings#0"


@dataclass(frozen=True)
class Finding:
    """What does not agree, and the record that shows it."""

    rule: str
    record: str
    detail: str


def _death(derivation: Derivation) -> Iterator[tuple[str, str]]:
    death = derivation.death
    if death is None:
        return
    fatal = [each for each in derivation.adverse_events if each.data.get("outcome") == FATAL]
    if not fatal:
        yield death.record, "no adverse event has a fatal outcome"
    reasons = [
        str(each.data.get("reason") or "") for each in derivation.records("disposition.recorded")
    ]
    if not any("DEATH" in reason.upper() for reason in reasons):
        yield death.record, "no disposition gives death as its reason"
    for event in fatal:
        end = event.data.get("end")
        if end and not _same_day(end, death.data["date"]):
            yield event.record, f"ended {end}, death is dated {death.data['date']}"


def _same_day(one: str, other: str) -> bool:
    return dates.earliest(one) <= dates.latest(other) and dates.earliest(other) <= dates.latest(one)


def _fatal_without_death(derivation: Derivation) -> Iterator[tuple[str, str]]:
    for event in derivation.adverse_events:
        if event.data.get("outcome") == FATAL and derivation.death is None:
            yield event.record, "no death is reported"


def _after_death(derivation: Derivation) -> Iterator[tuple[str, str]]:
    if derivation.death is None:
        return
    died = dates.latest(derivation.death.data["date"])
    for kind, field in (("lab.result.reported", "collected"), ("dose.administered", "start"),
                        ("visit.recorded", "date")):  # fmt: skip
        for record in derivation.ordered(kind):
            if dates.earliest(record.data[field]) > died:
                yield record.record, f"dated {record.data[field][: dates.FULL]}"


def _dose_after_discontinuation(derivation: Derivation) -> Iterator[tuple[str, str]]:
    ended = [
        dates.earliest(each.data["date"])
        for each in derivation.records("disposition.recorded")
        if each.data["of"] in ("treatment", "study") and each.data["status"] == "discontinued"
    ]
    for dose in derivation.doses:
        if ended and dates.earliest(dose.data["start"]) > min(ended):
            yield dose.record, f"given {dose.data['start'][: dates.FULL]}"


def _sample_after_first_dose(derivation: Derivation) -> Iterator[tuple[str, str]]:
    first = derivation.first_dose
    visits = [each for each in derivation.rules.visits if each.limit == "before-first-dose"]
    for visit in visits:
        window = derivation.window_of(visit)
        if first is None or window is None:
            continue
        low, _, high = window
        for record in derivation.ordered("lab.result.reported"):
            collected = record.data["collected"]
            same_day = collected[: dates.FULL] == first[: dates.FULL]
            late = same_day and not dates.not_after(collected, first)
            if late and low <= dates.earliest(collected) <= high:
                yield record.record, f"collected {collected}, dose began {first}"


def _enrolled_twice(derivation: Derivation) -> Iterator[tuple[str, str]]:
    for record in derivation.ordered("subject.enrolled")[1:]:
        yield record.record, "the subject is enrolled by an earlier record"


def _grade_and_outcome(derivation: Derivation) -> Iterator[tuple[str, str]]:
    for event in derivation.adverse_events:
        fatal = event.data.get("outcome") == FATAL
        grade = event.data.get("grade")
        if grade is not None and fatal != (grade == GRADE_OF_DEATH):
            yield event.record, f"grade {grade}, outcome {event.data.get('outcome')}"


def _seriousness(derivation: Derivation) -> Iterator[tuple[str, str]]:
    for event in derivation.adverse_events:
        criteria = event.data.get("seriousness") or []
        if criteria and not event.data["serious"]:
            yield event.record, f"not serious, but {', '.join(criteria)}"


def _limits_changed(derivation: Derivation) -> Iterator[tuple[str, str]]:
    known: dict[str, tuple[object, object]] = {}
    results = derivation.records("lab.result.reported")
    for record in sorted(results, key=lambda each: (each.data["collected"], each.record)):
        data = record.data
        limits = (data["unit"], data.get("lloq"))
        before = known.setdefault(data["parameter"], limits)
        if limits != before:
            known[data["parameter"]] = limits
            yield record.record, f"{data['parameter']} is now in {limits[0]}, limit {limits[1]}"


def _completed_without_last_visit(derivation: Derivation) -> Iterator[tuple[str, str]]:
    end = derivation.end_of_study
    planned = [visit for visit in derivation.rules.visits if visit.day is not None]
    if end is None or end.data["status"] != "completed" or not planned:
        return
    last = max(planned, key=lambda each: each.day or 0)
    if not any(each.data["visit"] == last.id for each in derivation.records("visit.recorded")):
        yield end.record, f"no visit {last.label} is recorded"


Rule = Callable[[Derivation], Iterator[tuple[str, str]]]


def _disputed(derivation: Derivation) -> Iterator[tuple[str, str]]:
    for kind, record, revision in derivation.disputed:
        yield record, f"{kind} revision {revision}: the content recorded first is in force"


RULES: Mapping[str, tuple[str, Rule]] = {
    "death": ("Death that other records do not confirm", _death),
    "fatal-without-death": ("Fatal adverse event without a death", _fatal_without_death),
    "after-death": ("Record dated after the death", _after_death),
    "dose-after-discontinuation": ("Dose after discontinuation", _dose_after_discontinuation),
    "sample-after-first-dose": (
        "Sample of a pre-dose visit taken after the first dose",
        _sample_after_first_dose,
    ),
    "enrolled-twice": ("Second enrolment of a subject", _enrolled_twice),
    "grade-and-outcome": ("Grade 5 and a fatal outcome do not go together", _grade_and_outcome),
    "seriousness": ("Criteria of seriousness on an event that is not serious", _seriousness),
    "limits-changed": ("Unit or limit of quantification changed", _limits_changed),
    "completed-without-last-visit": (
        "Completed without the last visit",
        _completed_without_last_visit,
    ),
    "disputed": ("Two contents for one revision", _disputed),
}


def find(derivation: Derivation) -> list[Finding]:
    """List a subject's findings, in the order of the rules."""
    return [
        Finding(name, record, detail)
        for name, (_, rule) in RULES.items()
        for record, detail in rule(derivation)
    ]


def contribute(derivation: Derivation, share: Share) -> None:
    """Count the subject's findings by rule."""
    for finding in find(derivation):
        put(share, FINDINGS_ROW, finding.rule, 1)


def read(sums: Mapping[str, Cells], disputed: int = 0) -> tuple[str, ...]:
    """Say how many findings there are, by rule; disputes are counted by whoever knows them."""
    cells = {**sums.get(FINDINGS_ROW, {}), **({"disputed": disputed} if disputed else {})}
    return tuple(
        f"{label}: {cells[name]} (see the listing of findings)"
        for name, (label, _) in RULES.items()
        if name in cells
    )
