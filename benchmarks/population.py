"""Subjects that are like TMB-301's and none of them: every date and value is jittered.

The core folds and counts them; so a store can be seeded with any number without an event posted.
"""

import os
import random
from collections.abc import Container, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from functools import cache, partial
from itertools import batched
from typing import Any

from benchmarks import world
from local.progress import bar
from trial.statistics import cells
from trial.statistics.cells import Cells
from trial.store import keys
from trial.subject.fold import Record, Subject, fold_all
from trial.tables.compiled import contribute

_DATES = ("date", "collected", "start", "end", "onset", "reported")
_CHUNK = 500
_LONG = 100_000  # subjects that take minutes
_CELLS, _ROWS = 250, 25  # of the 300 operators of an expression, the 4 MB of a transaction

type Row = tuple[int, str]
"""A row of sums: its shard, and its name without the generation."""


@cache
def models() -> list[Subject]:
    """Give TMB-301's subjects at their end."""
    by_subject: dict[str, list[Any]] = {}
    for entry in world.entries():
        by_subject.setdefault(entry.subject, []).append(entry)
    return [fold_all(name, entries) for name, entries in sorted(by_subject.items())]


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
            measurement | {"result": _result(measurement["result"], chance.gauss(1, 0.08))}
            for measurement in data["measurements"]
        ]
    if data.get("age"):
        data["age"] = max(18, min(90, data["age"] + chance.randint(-15, 15)))
    return data


def _result(text: str, factor: float) -> str:
    if not text.replace(".", "").isdigit():
        return text
    places = len(text.partition(".")[2])
    return f"{float(text) * factor:.{places}f}"


class EveryRow:
    """Holds the name of every row."""

    def __contains__(self, _: object) -> bool:
        """Hold it."""
        return True


def sums(size: int, shards: int, rows: Container[Row]) -> dict[Row, Cells]:
    """Give these rows of sums of a study with so many jittered subjects.

    Every subject is contributed whole and every one counts; only what is kept is limited, since
    the tallies of 400,000 subjects hold millions of values.
    """
    spans = [range(start, min(size, start + _CHUNK)) for start in range(0, size, _CHUNK)]
    total_sums: dict[Row, Cells] = {}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        parts = pool.map(partial(_sums, shards, rows), spans)
        title = f"Contributing {size:,} subjects"
        for part in bar(title, len(spans), parts) if size >= _LONG else parts:
            _add(total_sums, part)
    return total_sums


def _sums(shards: int, rows: Container[Row], span: range) -> dict[Row, Cells]:
    study, selected = world.study(shards), dict[Row, Cells]()
    for subject in map(jittered, span):
        shard = keys.shard_of(subject.id, shards)
        share = contribute(study, subject)
        _add(
            selected,
            {row_key: of_row for row, of_row in share.items() if (row_key := (shard, row)) in rows},
        )
    return selected


def _add(total: dict[Row, Cells], addition: Mapping[Row, Cells]) -> None:
    for row, of_row in addition.items():
        cells.add(total.setdefault(row, {}), of_row)


def seed(client: Any, shards: int, sums: Mapping[Row, Cells]) -> None:  # noqa: ANN401
    """Add rows of sums to those of a study."""
    study = world.study(shards)
    updates = [
        _update(keys.sum_row(study.id, shard, f"{study.generation}#{row}"), dict(part))
        for (shard, row), of_row in sums.items()
        for part in batched(of_row.items(), _CELLS, strict=False)
    ]
    for part in _apart(updates):
        client.transact_write_items(TransactItems=part)


def _update(key: keys.Key, of_row: Cells) -> dict[str, Any]:
    names = {f"#{i}": f"{keys.CELL}{name}" for i, name in enumerate(of_row)}
    return {
        "Update": {
            "TableName": world.TABLE,
            "Key": {"PK": {"S": key[0]}, "SK": {"S": key[1]}},
            "UpdateExpression": "ADD " + ",".join(f"#{i} :{i}" for i in range(len(of_row))),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {
                f":{i}": {"N": str(n)} for i, n in enumerate(of_row.values())
            },
        }
    }


def _apart(updates: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Pack updates so that no transaction meets an item twice."""
    part: dict[str, dict[str, Any]] = {}
    for update in updates:
        key = str(update["Update"]["Key"])
        if key in part or len(part) == _ROWS:
            yield list(part.values())
            part = {}
        part[key] = update
    if part:
        yield list(part.values())
