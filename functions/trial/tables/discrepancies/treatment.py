"""How the subject was treated, and why that or the study ended."""

from collections.abc import Iterator
from itertools import combinations

from trial.events import dates
from trial.subject.derivation import Derivation
from trial.subject.fold import Record
from trial.tables.discrepancies.evidence import Evidence, by_id, count_text, event_key, record_keys

DISPOSITION = "disposition.recorded"
WITHDRAWN = "DRUG WITHDRAWN"
"""What an adverse event that stopped the treatment says under `action_taken` (CDISC)."""
_RANDOMISES = ("parallel", "crossover")
_OF_HARM = ("ADVERSE EVENT", "DEATH")


def dosed_not_randomised(derivation: Derivation) -> Iterator[Evidence]:
    """Find doses of a subject of a randomised study who is not randomised."""
    doses = derivation.doses
    if doses and derivation.randomisation is None and derivation.rules.design in _RANDOMISES:
        yield record_keys(*doses), f"{count_text(len(doses), 'dose')} from {doses[0].data['start']}"


def dose_before_randomisation(derivation: Derivation) -> Iterator[Evidence]:
    """Find doses dated before the day of randomisation."""
    randomisation = derivation.randomisation
    if randomisation is None:
        return
    date = randomisation.data["date"]
    day = dates.earliest(date)
    early = [dose for dose in derivation.doses if dates.earliest(dose.data["start"]) < day]
    if early:
        detail = (
            f"{count_text(len(early), 'dose')} from {early[0].data['start']}, randomised {date}"
        )
        yield record_keys(randomisation, *early), detail


def dosed_with_another_arm(derivation: Derivation) -> Iterator[Evidence]:
    """Find doses of a treatment that the planned arm does not give.

    Seen pooled there are no arms, and nothing is found.
    """
    planned = next((e for e in derivation.rules.arms if e.id == derivation.planned_arm), None)
    if planned is None or not planned.treatments:
        return
    for dose in derivation.doses:
        treatment = dose.data.get("treatment")
        if treatment is not None and treatment not in planned.treatments:
            yield record_keys(dose), f"given {dose.data['start']}"


def dose_without_treatment(derivation: Derivation) -> Iterator[Evidence]:
    """Find doses of no named treatment where arms say what they give.

    Seen pooled there are no arms, and nothing is found.
    """
    if any(arm.treatments for arm in derivation.rules.arms):
        unnamed = [dose for dose in derivation.doses if dose.data.get("treatment") is None]
        if unnamed:
            detail = (
                f"{count_text(len(unnamed), 'dose')} from {unnamed[0].data['start'][: dates.FULL]}"
            )
            yield record_keys(*unnamed), detail


def dose_after_discontinuation(derivation: Derivation) -> Iterator[Evidence]:
    """Find doses after the day on which treatment or study was discontinued."""
    ended = [
        disposition
        for disposition in derivation.ordered(DISPOSITION)
        if disposition.data["of"] in ("treatment", "study")
        and disposition.data["status"] == "discontinued"
    ]
    if not ended:
        return
    date = ended[0].data["date"]
    for dose in derivation.doses:
        if dates.earliest(dose.data["start"]) > dates.earliest(date):
            detail = f"given {dose.data['start'][: dates.FULL]}, discontinued {date}"
            yield record_keys(ended[0], dose), detail


def completed_with_reason(derivation: Derivation) -> Iterator[Evidence]:
    """Find completions that give a reason, other than that it was completed."""
    for disposition in by_id(derivation.records(DISPOSITION)):
        reason = (disposition.data.get("reason") or "").strip().upper()
        if (
            disposition.data["status"] == "completed"
            and reason
            and not reason.startswith("COMPLET")
        ):
            yield (
                record_keys(disposition),
                f"{disposition.data['of']} completed, and a reason for leaving is given",
            )


def completed_and_discontinued(derivation: Derivation) -> Iterator[Evidence]:
    """Find pairs of dispositions, of one thing and period, of which one completed it."""
    for first, second in _pairs(derivation):
        if first.data["status"] != second.data["status"]:
            yield (
                record_keys(first, second),
                f"{first.data['of']}: {_dated(first)}, {_dated(second)}",
            )


def disposition_twice(derivation: Derivation) -> Iterator[Evidence]:
    """Find pairs of dispositions, of one thing and period, with one status."""
    for first, second in _pairs(derivation):
        if first.data["status"] == second.data["status"]:
            alike = first.data.get("reason") == second.data.get("reason")
            reasons = "for one reason" if alike else "for different reasons"
            reasons = f" {reasons}" if first.data["status"] == "discontinued" else ""
            yield (
                record_keys(first, second),
                f"{first.data['of']}: {_dated(first)}, {_dated(second)}{reasons}",
            )


def _pairs(derivation: Derivation) -> Iterator[tuple[Record, Record]]:
    """Return the dispositions of one thing and period two by two, the earlier first."""
    if len(derivation.records(DISPOSITION)) > 1:
        for first, second in combinations(derivation.ordered(DISPOSITION), 2):
            if all(first.data.get(name) == second.data.get(name) for name in ("of", "period")):
                yield first, second


def _dated(disposition: Record) -> str:
    return f"{disposition.data['status']} {disposition.data['date']}"


def withdrawn_for_another_reason(derivation: Derivation) -> Iterator[Evidence]:
    """Find adverse events that stopped the drug where all reasons to stop are said to be others.

    That treatment ended as planned is another reason too; that the study did is none.
    """
    ended = [
        disposition
        for disposition in derivation.ordered(DISPOSITION)
        if disposition.data["of"] == "treatment"
        or (disposition.data["of"] == "study" and disposition.data["status"] == "discontinued")
    ]
    if not ended or any(_is_of_harm(disposition) for disposition in ended):
        return
    for event in derivation.adverse_events:
        if event.data.get("action_taken") == WITHDRAWN:
            is_so = (("related", event.related), ("serious", event.data["serious"]))
            attributes = ", ".join(word if true else f"not {word}" for word, true in is_so)
            yield (
                (*event_key(event), *record_keys(*ended)),
                f"action taken: {WITHDRAWN}; {attributes}",
            )


def _is_of_harm(disposition: Record) -> bool:
    reason = (disposition.data.get("reason") or "").upper()
    return any(word in reason for word in _OF_HARM)
