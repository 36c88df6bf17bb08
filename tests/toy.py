"""A toy study: small tables that have every shape of sum, and the events to fill them."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from trial.definition import study
from trial.definition.study import Study
from trial.events import envelope, json_body
from trial.events.envelope import Entry
from trial.statistics.cells import Share
from trial.store import Receipt
from trial.subject.fold import Subject

SENDER = "arn:aws:iam::123456789012:user/edc"


def definition(name: str, shards: int = 2, title: str = "A toy") -> str:
    """Write a definition that counts nothing by itself."""
    return json.dumps(
        {
            "study": name,
            "title": title,
            "design": "single-group",
            "shards": shards,
            "calendar": {"earliest": "2015-01-01", "latest": "2017-12-31"},
            "sets": {},
            "flow": {"title": "Flow", "stages": []},
        }
    )


@lru_cache(maxsize=256)
def toy_study(name: str, shards: int = 2) -> Study:
    return study.load(definition(name, shards))


def contribute(_: Study, subject: Subject, **_former: object) -> Share:
    """Count records by kind, moments and a tally of results, and whether any event was serious."""
    share: Share = {"study": {"accepted": subject.accepted}}
    for record in subject.records.values():
        if record.void:
            continue
        _add(share, "kinds#0", f"kind={record.kind}", 1)
        if record.kind == "lab.result.reported":
            value = int(record.data["result"])
            moments = {"0.n": 1, "0.s": value, "0.q": value * value}
            for cell, number in moments.items():
                _add(share, "results#0", cell, number)
            _add(share, f"results#tally#0#{value // 32}", str(value), 1)
        if record.data.get("serious"):
            share["safety#0"] = {'any["serious"]': 1}
    return {
        row: {cell: value for cell, value in cells.items() if value} for row, cells in share.items()
    }


def _add(share: Share, row: str, cell: str, value: int) -> None:
    cells = share.setdefault(row, {})
    cells[cell] = cells.get(cell, 0) + value


def event(
    study_id: str,
    subject: str,
    record: str = "L1",
    revision: int = 1,
    result: str = "10",
    *,
    void: bool = False,
    event_id: str = "e1",
) -> Entry:
    """Make a laboratory result, corrected or void if wanted."""
    data: dict[str, Any] = {"record": record, "revision": revision}
    if revision > 1 or void:
        data["reason_for_change"] = "transcription error"
    if void:
        data["action"] = "void"
    else:
        data |= {"parameter": "cd4", "collected": "2015-07-01", "result": result, "unit": "1/uL"}
    return parsed(study_id, subject, "lab.result.reported", data, event_id)


def serious(study_id: str, subject: str, record: str = "AE-1", **fields: Any) -> Entry:
    """Make a serious adverse event."""
    data = {"record": record, "revision": 1, "term": "Rash", "serious": True, **fields}
    return parsed(study_id, subject, "adverse-event.reported", data, "e-" + record)


def parsed(
    study_id: str, subject: str, kind: str, data: dict[str, Any], event_id: str = "e1"
) -> Entry:
    """Make an entry the way posted events become entries."""
    value = {
        "specversion": "1.0",
        "id": event_id,
        "source": "urn:toy:edc",
        "type": f"org.livetlf.{kind}.v1",
        "subject": subject,
        "time": "2015-07-02T10:00:00Z",
        "study": study_id,
        "data": data,
    }
    body = json.dumps(value)
    return envelope.parse(json_body.read_json(body), body)


def receipts(entries: Sequence[Entry]) -> list[Receipt]:
    return [Receipt(entry, SENDER) for entry in entries]
