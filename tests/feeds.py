"""What is sent: TMB-301's feed with corrections, voids, second contents and repeats woven in."""

import copy
import json
import random
import uuid
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from local.feed import read_definition

ROOT = Path(__file__).resolve().parents[1]
FEED = ROOT / "events" / "tmb-301" / "feed.ndjson"
DEFINITION = ROOT / "events" / "tmb-301" / "definition.yaml"
ONE_SUBJECT = "TMB301-900"

Event = dict[str, Any]


def definition(study: str, shards: int) -> str:
    """Write TMB-301's definition for a study of another name and number of shards."""
    return json.dumps(read_definition(DEFINITION) | {"study": study, "shards": shards})


def feed(study: str) -> list[Event]:
    """Give the feed as events of a study."""
    lines = FEED.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) | {"study": study} for line in lines]


def one_subject(study: str, n: int) -> list[Event]:
    """Make many results of one subject."""
    events = []
    for i in range(n):
        day = f"2015-{1 + i // 28 % 12:02}-{1 + i % 28:02}"
        events.append(
            {
                "specversion": "1.0",
                "id": f"one-{i}",
                "source": "urn:tmb-301:central-lab",
                "type": "org.livetlf.lab.result.reported.v1",
                "subject": ONE_SUBJECT,
                "time": "2016-06-01T10:00:00Z",
                "study": study,
                "data": {
                    "record": f"L{i}",
                    "revision": 1,
                    "parameter": "viral-load" if i % 2 else "cd4",
                    "collected": f"{day}T{8 + i % 10:02}:00",
                    "result": str(20 + i * 37 % 9_000 if i % 2 else 1 + i % 900),
                    "unit": "copies/mL" if i % 2 else "cells/uL",
                },
            }
        )
    return events


def disturbed(events: list[Event], rng: random.Random) -> list[Event]:
    """Add corrections, voids, second contents of a revision, and repeats that look different."""
    result = list(events)
    for event in rng.sample(events, len(events) // 12):
        correction = _revised(event, 2, rng)
        result.append(correction)
        if rng.random() < 0.3:
            result.append(_void(event, 3, rng))
        if rng.random() < 0.3:
            result.append(_other_content(correction, rng))
    result += [_other_content(event, rng) for event in rng.sample(events, len(events) // 40)]
    result += [_repeat(event, rng) for event in rng.sample(result, len(result) // 10)]
    rng.shuffle(result)
    return result


def _new(event: Event, rng: random.Random) -> Event:
    result = copy.deepcopy(event)
    result["id"] = str(uuid.UUID(int=rng.getrandbits(128)))
    return result


def _revised(event: Event, revision: int, rng: random.Random) -> Event:
    result = _new(event, rng)
    result["data"] |= {"revision": revision, "reason_for_change": "transcription error"}
    if "result" in result["data"]:
        result["data"]["result"] = str(rng.randrange(1, 4_000))
    for name in ("date", "start", "onset"):
        if len(day := result["data"].get(name, "")) >= len("2015-06-01"):
            earlier = date.fromisoformat(day[:10]) - timedelta(days=rng.randrange(4))
            result["data"][name] = earlier.isoformat() + day[10:]
    return result


def _void(event: Event, revision: int, rng: random.Random) -> Event:
    result = _new(event, rng)
    reason = {"action": "void", "reason_for_change": "entered in error"}
    result["data"] = {"record": event["data"]["record"], "revision": revision} | reason
    return result


def _other_content(event: Event, rng: random.Random) -> Event:
    result = _new(event, rng)
    result["data"]["reason_for_change"] = f"second opinion {rng.randrange(1_000)}"
    return result


def _repeat(event: Event, rng: random.Random) -> Event:
    """Send the same content under another id, its keys in another order."""
    result = _new(event, rng)
    items = list(result["data"].items())
    rng.shuffle(items)
    result["data"] = dict(items)
    return result
