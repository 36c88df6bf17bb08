"""A blinded study before the handlers, whose subjects' arms can be drawn otherwise."""

import json
from base64 import b64decode
from typing import Any

from blinded import SOURCES, listing, study_of
from builders import adverse_event, coding, dose, enrolment, event, viral_load
from invoking import Service
from parallel import TOTAL, A, B, randomised

from trial.events.envelope import Entry

STUDY = "TINY"
CHANGED = (f"STUDY#{STUDY}#0", "SUBJECT#S-0")
ROWS = [{"summary": "age"}, {"count": "enrolled"}, {"count": "in-a"}, {"events": {}}]
LISTINGS = [listing(name, sources) for name, sources in SOURCES.items()]
NARRATIVES = [{"id": "n", "title": "N", "population": "All", "subjects": "enrolled", "paragraphs": [
    {"text": "{subject} of {arm}[ given {received-arm}]"},
    {"records": "dose.administered", "text": "{start}: {treatment} {amount}"}]}]  # fmt: skip
DEFINITION = json.loads(
    study_of(ROWS, [A, B, TOTAL], listings=LISTINGS, narratives=NARRATIVES).source
)
PATHS = (
    "summary", "consort", "tables", "tables/t", "quarantine", "discrepancies",
    "subjects/S-0/history", "subjects/S-0/profile", "subjects/S-0/narratives",
)  # fmt: skip


def feed(arms: str) -> list[Entry]:
    """Give a subject for each arm, whose treatment is named after it."""
    items = []
    for i, arm in enumerate(arms):
        name = f"S-{i}"
        result = {"a": ("drug", 800), "b": ("placebo", 5)}[arm]
        items += [
            enrolment(subject=name, age=30 + i),
            randomised(arm, name),
            dose(subject=name, treatment=result[0], amount=result[1]),
            viral_load(0, 5000, subject=name),
            adverse_event(subject=name),
            coding(subject=name),
        ]
    return items


def refused(arm: str) -> list[dict[str, Any]]:
    """Give events that are refused, and tell the arm in what is wrong with them."""
    unknown = event("subject.randomised", "S-9", date="2015-06-01", arm=arm, ward=arm)
    result = event("dose.administered", "S-9", start="2015-06-01", treatment=arm, amount=1)
    outcome = event("visit.missed", "S-9", visit="nowhere", reason="x")
    return [unknown, result, event("dose.given", "S-9", treatment=arm), outcome]


def published(service: Service, audience: str) -> dict[str, bytes]:
    start = f"studies/{STUDY}/{audience}/"
    keys = {key for key, _ in service.versions(start)}
    return {key.removeprefix(start): service.object(key) for key in keys}


def everything_open(service: Service) -> dict[str, Any]:
    """Give all that the open audience can read: answers, documents, a report that was asked for."""
    service.stream(CHANGED)
    report = service.report("{}", STUDY).json["report"]
    service.stream((f"STUDY#{STUDY}", f"REPORT#{report}"))
    service.invoke("audit", {})
    answers = {path: service.get(path, STUDY).text for path in (*PATHS, "audit")}
    answers["reports"] = service.get("reports", STUDY).text.replace(report, "?")
    files = published(service, "open")
    latest = json.loads(files.pop("latest.json"))
    # No two signatures are alike; what is signed has to be.
    statements = {name: payload(files.pop(name)) for name in [*files] if name.endswith(".sig.json")}
    assert len(statements) == 3
    return answers | files | statements | {"latest": (latest["cut"], latest["content_root"])}


def payload(envelope: bytes) -> bytes:
    return b64decode(json.loads(envelope)["payload"])
