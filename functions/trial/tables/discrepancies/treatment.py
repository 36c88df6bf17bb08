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
    early = [each for each in derivation.doses if dates.earliest(each.data["start"]) < day]
    if early:
        told = f"{count_text(len(early), 'dose')} from {early[0].data['start']}, randomised {date}"
        yield record_keys(randomisation, *early), told


def dosed_with_another_arm(derivation: Derivation) -> Iterator[Evidence]:
    """Find doses of a treatment that the planned arm does not give.

    Seen pooled there are no arms, and nothing is found.
    """
    planned = next((e for e in derivation.rules.arms if e.id == derivation.planned_arm), None)
    if planned is None or not planned.treatments:
        return
    for dose in derivation.doses:
        given = dose.data.get("treatment")
        if given is not None and given not in planned.treatments:
            yield record_keys(dose), f"given {dose.data['start']}"


def dose_without_treatment(derivation: Derivation) -> Iterator[Evidence]:
    """Find doses of no named treatment where arms say what they give.

    Seen pooled there are no arms, and nothing is found.
    """
    if any(arm.treatments for arm in derivation.rules.arms):
        unnamed = [each for each in derivation.doses if each.data.get("treatment") is None]
        if unnamed:
            told = (
                f"{count_text(len(unnamed), 'dose')} from {unnamed[0].data['start'][: dates.FULL]}"
            )
            yield record_keys(*unnamed), told


def dose_after_discontinuation(derivation: Derivation) -> Iterator[Evidence]:
    """Find doses after the day on which treatment or study was discontinued."""
    ended = [
        each
        for each in derivation.ordered(DISPOSITION)
        if each.data["of"] in ("treatment", "study") and each.data["status"] == "discontinued"
    ]
    if not ended:
        return
    date = ended[0].data["date"]
    for dose in derivation.doses:
        if dates.earliest(dose.data["start"]) > dates.earliest(date):
            told = f"given {dose.data['start'][: dates.FULL]}, discontinued {date}"
            yield record_keys(ended[0], dose), told


def completed_with_reason(derivation: Derivation) -> Iterator[Evidence]:
    """Find completions that give a reason, other than that it was completed."""
    for each in by_id(derivation.records(DISPOSITION)):
        reason = (each.data.get("reason") or "").strip().upper()
        if each.data["status"] == "completed" and reason and not reason.startswith("COMPLET"):
            yield (
                record_keys(each),
                f"{each.data['of']} completed, and a reason for leaving is given",
            )


def completed_and_discontinued(derivation: Derivation) -> Iterator[Evidence]:
    """Find pairs of dispositions, of one thing and period, of which one completed it."""
    for one, other in _pairs(derivation):
        if one.data["status"] != other.data["status"]:
            yield record_keys(one, other), f"{one.data['of']}: {_dated(one)}, {_dated(other)}"


def disposition_twice(derivation: Derivation) -> Iterator[Evidence]:
    """Find pairs of dispositions, of one thing and period, with one status."""
    for one, other in _pairs(derivation):
        if one.data["status"] == other.data["status"]:
            alike = one.data.get("reason") == other.data.get("reason")
            told = "for one reason" if alike else "for different reasons"
            told = f" {told}" if one.data["status"] == "discontinued" else ""
            yield record_keys(one, other), f"{one.data['of']}: {_dated(one)}, {_dated(other)}{told}"


def _pairs(derivation: Derivation) -> Iterator[tuple[Record, Record]]:
    """Give the dispositions of one thing and period two by two, the earlier first."""
    if len(derivation.records(DISPOSITION)) > 1:
        for one, other in combinations(derivation.ordered(DISPOSITION), 2):
            if all(one.data.get(name) == other.data.get(name) for name in ("of", "period")):
                yield one, other


def _dated(disposition: Record) -> str:
    return f"{disposition.data['status']} {disposition.data['date']}"


def withdrawn_for_another_reason(derivation: Derivation) -> Iterator[Evidence]:
    """Find adverse events that stopped the drug where all reasons to stop are said to be others.

    That treatment ended as planned is another reason too; that the study did is none.
    """
    ended = [
        each
        for each in derivation.ordered(DISPOSITION)
        if each.data["of"] == "treatment"
        or (each.data["of"] == "study" and each.data["status"] == "discontinued")
    ]
    if not ended or any(_is_of_harm(each) for each in ended):
        return
    for event in derivation.adverse_events:
        if event.data.get("action_taken") == WITHDRAWN:
            is_so = (("related", event.related), ("serious", event.data["serious"]))
            told = ", ".join(word if true else f"not {word}" for word, true in is_so)
            yield (*event_key(event), *record_keys(*ended)), f"action taken: {WITHDRAWN}; {told}"


def _is_of_harm(disposition: Record) -> bool:
    reason = (disposition.data.get("reason") or "").upper()
    return any(each in reason for each in _OF_HARM)
