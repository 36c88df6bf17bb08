"""A cut-off date: its own day belongs to it, the next does not."""

from typing import Any

import pytest
from builders import (
    adverse_event,
    coding,
    contact,
    day,
    death,
    disposition,
    dose,
    enrolment,
    entry,
    viral_load,
)

from trial.events import dates
from trial.events.envelope import Entry
from trial.subject import cutoff
from trial.subject.fold import Subject, fold_all

DAY = 20
BEFORE, ON, AFTER = DAY - 1, DAY, DAY + 1


def until(*entries: Entry, cutoff_day: int = DAY) -> Subject:
    ordinal = dates.earliest(day(cutoff_day))
    assert ordinal is not None
    return cutoff.records_until(fold_all("S-1", entries), ordinal)


def data(subject: Subject, kind: str = "adverse-event.reported") -> dict[str, Any]:
    (record,) = (item for (result, _), item in subject.records.items() if result == kind)
    return dict(record.data)


DATED = {
    "enrolment": enrolment,
    "dose": dose,
    "sample": lambda item: viral_load(item, 50),
    "adverse event": adverse_event,
    "visit": contact,
    "disposition": lambda item: disposition(at=item),
    "death": death,
    "consent": lambda item: entry("consent.recorded", date=day(item)),
    "medication": lambda item: entry("conmed.recorded", drug="x", start=day(item)),
}


@pytest.mark.parametrize("make", DATED.values(), ids=DATED)
def test_what_happened_on_the_day_itself_is_kept_and_what_happened_the_day_after_is_not(
    make: Any,
) -> None:
    items = [bool(until(make(item)).records) for item in (BEFORE, ON, AFTER)]
    assert items == [True, True, False]


@pytest.mark.parametrize(("end", "ongoing"), [(BEFORE, False), (ON, False), (AFTER, True)])
def test_an_event_that_ended_on_the_day_has_ended(end: int, ongoing: bool) -> None:  # noqa: FBT001
    result = data(until(adverse_event(10, end=day(end), outcome="RECOVERED/RESOLVED")))
    assert ("end" not in result, result["outcome"]) == (
        ongoing,
        cutoff.ONGOING if ongoing else "RECOVERED/RESOLVED",
    )


@pytest.mark.parametrize(("died", "is_known"), [(BEFORE, True), (ON, True), (AFTER, False)])
def test_a_fatal_event_is_fatal_from_the_day_of_the_death(died: int, is_known: bool) -> None:  # noqa: FBT001
    fatal = adverse_event(10, outcome="FATAL", grade=5, serious=True, seriousness=["DEATH"])
    result = data(until(fatal, death(died)))
    assert result["outcome"] == ("FATAL" if is_known else cutoff.ONGOING)
    assert (result.get("grade"), result["seriousness"]) == (
        (5, ["DEATH"]) if is_known else (None, [])
    )


@pytest.mark.parametrize(("onset", "is_kept"), [(ON, True), (AFTER, False)])
def test_a_coding_goes_with_its_event(onset: int, is_kept: bool) -> None:  # noqa: FBT001
    kinds = {kind for kind, _ in until(adverse_event(onset), coding()).records}
    assert kinds == ({"adverse-event.reported", "adverse-event.coded"} if is_kept else set())


def test_a_void_and_a_record_without_a_date_stay() -> None:
    void = entry("consent.recorded", revision=2, action="void")
    assert until(void).records
    assert until(adverse_event(None)).records
