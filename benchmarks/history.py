"""Units of a subject's 10th, 100th and 1,000th record: at most twice those of the 10th.

One subject with laboratory results, visits, doses, adverse events and medications whose dates,
ids, values and texts do not repeat, so that compression finds no more than it would in life.
"""

import json
import random
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count
from typing import Any

from doubles import MemoryClient

from benchmarks import world
from benchmarks.requests import Cost
from benchmarks.rows import Measured
from trial.store import keys

RECORDS = 10, 100, 1_000
_AROUND = 10  # records before and after the one named, for single events differ by what they are
_TEXT = (
    "pain rash left right acute mild chronic intermittent upper lower site after before dose fever "
    "joint swelling sleep appetite loss elevated transient renal hepatic nasal oral dry itching "
    "fatigue cough tremor vision blurred skin nail scalp dental sinus throat viral dermal"
)
_WORDS = tuple(_TEXT.split())


def course(seed: int = 1) -> Iterator[str]:
    """Post one subject's events for ever: enrolment first, then what life brings."""
    chance = random.Random(seed)  # noqa: S311 (no secret)
    day = date(2015, 6, 8)
    enrolled = {"date": str(day), "site": "111", "age": 54}
    yield _event("subject.enrolled", "ENROLMENT", day, enrolled)
    for number in count(1):
        day += timedelta(days=chance.choice((0, 0, 1, 1, 2))) if number < 300 else timedelta()  # noqa: PLR2004
        instant = f"{day}T{chance.randint(7, 18):02}:{chance.randint(0, 59):02}"
        kind = chance.choices(("lab", "visit", "dose", "event", "drug"), (55, 15, 12, 10, 8))[0]
        yield _made(kind, number, day, instant, chance)


def _made(kind: str, number: int, day: date, instant: str, chance: random.Random) -> str:
    text = " ".join(chance.sample(_WORDS, 3))
    match kind:
        case "lab":
            viral = chance.random() < 0.5  # noqa: PLR2004
            data: dict[str, Any] = {
                "parameter": "viral-load" if viral else "cd4",
                "collected": instant,
                "result": str(chance.randint(20, 90_000 if viral else 900)),
                "unit": "copies/mL" if viral else "cells/uL",
                "reported": str(day + timedelta(days=chance.randint(0, 3))),
            }
            return _event("lab.result.reported", f"L{chance.randint(10**6, 10**7)}", day, data)
        case "visit":
            values = [("weight", f"{chance.gauss(80, 4):.1f}", "kg"),
                     ("temperature", f"{chance.gauss(36.6, 0.3):.1f}", "C"),
                     ("pulse", str(chance.randint(55, 99)), "beats/min")]  # fmt: skip
            names = ("parameter", "result", "unit")
            measurements = [dict(zip(names, result, strict=True)) for result in values]
            data = {"visit": "day-0", "date": str(day), "measurements": measurements}
            return _event("visit.recorded", f"V{number}", day, data)
        case "dose":
            data = {
                "start": instant,
                "amount": 800,
                "unit": "mg",
                "lot": f"{chance.randint(100, 999)}",
            }
            return _event("dose.administered", f"D{number}", day, data)
        case "event":
            grade = chance.randint(1, 4)
            data = {"term": text, "onset": str(day), "grade": grade, "serious": False,
                    "causality": chance.choice(("RELATED", "NOT RELATED"))}  # fmt: skip
            return _event("adverse-event.reported", f"AE-{number}", day, data)
        case _:
            data = {"drug": text, "indication": chance.choice(_WORDS), "start": str(day)}
            return _event("conmed.recorded", f"CM-{number}", day, data)


def _event(kind: str, record: str, day: date, data: dict[str, Any]) -> str:
    return json.dumps({
        "specversion": "1.0",
        "id": f"{kind}/{record}",
        "source": "urn:benchmarks",
        "type": f"org.livetlf.{kind}.v1",
        "subject": "LONG-001",
        "time": f"{day + timedelta(days=4)}T12:00:00Z",
        "data": {"record": record, "revision": 1} | data,
    })  # fmt: skip


def run(records: int) -> tuple[Cost, list[int]]:
    """Post so many records of one subject; give units and the subject's bytes after each."""
    client, cost = MemoryClient(), Cost(1)
    store = world.open_store(client, cost.meter)
    sizes = []
    row = keys.subject_row("TMB-301", 0, "LONG-001")
    for _, body in zip(range(records), course(), strict=False):
        cost.start()
        world.take(store, [body])
        items = client.tables[world.TABLE].items()
        rows_of_subject = [
            item
            for item_key, item in items
            if item_key == row or item_key[1].startswith(keys.page_prefix(row))
        ]
        shares = rows_of_subject[0]["shares"]["M"].values()
        sizes.append(
            sum(
                len(binary["B"])
                for binary in [*shares, *(item["body"] for item in rows_of_subject)]
            )
        )
    return cost, sizes


def measure(*, large: bool = False) -> list[Measured]:  # noqa: ARG001 (the same for both)
    """Compare the mean around the 100th and the 1,000th record with that around the 10th.

    And around the dearest, for what an event costs goes up and down as pages fill.
    """
    first, middle, last = RECORDS
    cost, sizes = run(last + _AROUND)

    def near(n: int) -> float:
        around = cost.units[max(0, n - _AROUND) : n + _AROUND]
        return sum(around) / len(around)

    dearest = max(map(near, range(first, last + 1)))
    return [
        *(Measured(f"units, record {n:,}", near(n), None, f"subject {sizes[n - 1]:,} bytes")
          for n in RECORDS),
        Measured(f"record {middle} / record {first}", near(middle) / near(first), 2),
        Measured(f"record {last:,} / record {first}", near(last) / near(first), 2),
        Measured(f"dearest of {last:,} / record {first}", dearest / near(first), 2),
        Measured(f"bytes a record adds ({middle} to {last:,})",
                 (sizes[last - 1] - sizes[middle - 1]) / (last - middle)),
    ]  # fmt: skip
