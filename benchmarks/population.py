"""Subjects that are like TMB-301's and none of them: every date and value is jittered.

The core folds and counts them; so a store can be seeded with any number without an event posted.
"""

import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import Any

from benchmarks import world
from trial import cells, report
from trial.cells import Share
from trial.store import keys
from trial.subject import Record, Subject, gather

_DATES = ("date", "collected", "start", "end", "onset", "reported")
_CHUNK = 500


@cache
def models() -> list[Subject]:
    """Give TMB-301's subjects at their end."""
    of: dict[str, list[Any]] = {}
    for entry in world.entries():
        of.setdefault(entry.subject, []).append(entry)
    return [gather(name, entries) for name, entries in sorted(of.items())]


def jittered(number: int) -> Subject:
    """Make a subject: a model's course, moved in time, with values spread as in life."""
    chance = random.Random(number)  # noqa: S311 (no secret)
    model = models()[number % len(models())]
    days, level = timedelta(chance.randint(-200, 30)), chance.lognormvariate(0, 0.6)
    records = {
        key: replace(record, data=_data(record, days, level, chance))
        for key, record in model.records.items()
    }
    return replace(model, id=f"J{number:06}", records=records)


def _data(record: Record, days: timedelta, level: float, chance: random.Random) -> dict[str, Any]:
    data = dict(record.data)
    for name in _DATES:
        if len(text := data.get(name) or "") >= len("2015-06-01"):
            data[name] = (date.fromisoformat(text[:10]) + days).isoformat() + text[10:]
    if "result" in data:
        data["result"] = _result(data["result"], level * chance.lognormvariate(0, 0.4))
    if "measurements" in data:
        data["measurements"] = [
            each | {"result": _result(each["result"], chance.gauss(1, 0.08))}
            for each in data["measurements"]
        ]
    if data.get("age"):
        data["age"] = max(18, min(90, data["age"] + chance.randint(-15, 15)))
    return data


def _result(text: str, factor: float) -> str:
    if not text.replace(".", "").isdigit():
        return text
    places = len(text.partition(".")[2])
    return f"{float(text) * factor:.{places}f}"


def sums(size: int, shards: int) -> dict[int, Share]:
    """Give the sums, by shard, of a study with so many jittered subjects."""
    spans = [range(start, min(size, start + _CHUNK)) for start in range(0, size, _CHUNK)]
    found: dict[int, Share] = {}
    with ProcessPoolExecutor(2) as pool:
        for part in pool.map(_sums, spans, [shards] * len(spans)):
            for shard, share in part.items():
                held = found.setdefault(shard, {})
                for row, of_row in share.items():
                    cells.add(held.setdefault(row, {}), of_row)
    return found


def _sums(span: range, shards: int) -> dict[int, Share]:
    by_shard: dict[int, list[Share]] = {}
    for number in span:
        subject = jittered(number)
        share = report.contribute(world.study(shards), subject)
        by_shard.setdefault(keys.shard_of(subject.id, shards), []).append(share)
    return {shard: cells.total(shares) for shard, shares in by_shard.items()}


def sum_items(size: int, shards: int) -> Iterator[dict[str, Any]]:
    """Write these sums as the table's items."""
    study = world.study(shards)
    for shard, share in sums(size, shards).items():
        for row, of_row in share.items():
            partition, sort = keys.sum_row(study.id, shard, study.generation, row)
            numbers = {f"{keys.CELL}{name}": {"N": str(n)} for name, n in of_row.items()}
            start = {"commits": {"N": str(size)}} if row == "study" else {}
            yield {"PK": {"S": partition}, "SK": {"S": sort}} | start | numbers
