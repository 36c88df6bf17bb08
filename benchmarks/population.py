"""Subjects that are like TMB-301's and none of them: every date and value is jittered.

The core folds and counts them; so a store can be seeded with any number without an event posted.
"""

import json
import os
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from functools import cache, partial
from math import gcd
from typing import Any

from doubles import MemoryClient

from benchmarks import world
from trial.events.envelope import Entry
from trial.statistics import cells
from trial.statistics.cells import Cells
from trial.statistics.ranges import TALLY
from trial.store import keys
from trial.store.generations import HEADER_ROW
from trial.store.spreading import COSTLY_BYTES, PART, Spreading, _below, _bits, is_costly
from trial.store.table import Table, key_of
from trial.subject.fold import Subject, fold_all
from trial.tables.compiled import contribute

_DATES = ("date", "collected", "start", "end", "onset", "reported")
_CHUNK = 500
CONTRIBUTED = 4_000
"""How many subjects are contributed, at most."""

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
        key: replace(record, data=_data(record.data, days, level, chance))
        for key, record in model.records.items()
    }
    return replace(model, id=f"J{number:06}", records=records)


@cache
def _feeds() -> list[list[dict[str, Any]]]:
    """Give what was posted of each of TMB-301's subjects, in the order of its time."""
    by_subject: dict[str, list[dict[str, Any]]] = {}
    for body in world.bodies():
        event = json.loads(body)
        by_subject.setdefault(event["subject"], []).append(event)
    return [feed for _, feed in sorted(by_subject.items())]


def jittered_feed(number: int, name: str) -> list[Entry]:
    """Make what is posted of a subject: a model's events, moved and spread as `jittered` does."""
    chance = random.Random(number)  # noqa: S311 (no secret)
    feed = _feeds()[number % len(_feeds())]
    days, level = timedelta(chance.randint(-200, 30)), chance.lognormvariate(0, 0.6)
    return [
        world.read(
            json.dumps(event | {"subject": name, "data": _data(event["data"], days, level, chance)})
        )
        for event in feed
    ]


def _data(
    recorded: Mapping[str, Any], days: timedelta, level: float, chance: random.Random
) -> dict[str, Any]:
    data = dict(recorded)
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


@cache
def sums(size: int, shards: int) -> Mapping[Row, Cells]:
    """Give the sums of a study with so many jittered subjects.

    Beyond `CONTRIBUTED` each subject contributed stands for as many more: counts and moments are
    multiplied, and single values of the others lie elsewhere in their range, so that a range's row
    of sums is as large as in life (40,000 subjects from 4,000: 703,682 cells of values; contributed
    one by one: 636,725). Raises `ValueError` for another size
    than a multiple.
    """
    contributed = min(size, CONTRIBUTED)
    times, rest = divmod(size, contributed)
    if rest:
        raise ValueError(f"{size:,} is no multiple of {CONTRIBUTED:,}")
    starts = range(0, contributed, _CHUNK)
    spans = [range(start, min(contributed, start + _CHUNK)) for start in starts]
    total_sums: dict[Row, Cells] = {}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for part in pool.map(partial(_sums, shards), spans):
            _add(total_sums, part)
    return total_sums if times == 1 else _multiplied(total_sums, times)


def _multiplied(contributed: Mapping[Row, Cells], times: int) -> dict[Row, Cells]:
    values: dict[str, set[int]] = {}
    for (_, row), of_row in contributed.items():
        if TALLY in row:
            values.setdefault(row, set()).update(map(_value, of_row))
    grids = {row: _grid(of_range) for row, of_range in values.items()}
    return {
        (shard, row): _scattered(of_row, times, grids[row], f"{shard}{row}")
        if row in grids
        else {cell: n * times for cell, n in of_row.items()}
        for (shard, row), of_row in contributed.items()
    }


def _grid(values: Collection[int]) -> range:
    """Give what values of a range there may be: from the least to the greatest, by their steps."""
    lowest = min(values)
    return range(lowest, max(values) + 1, gcd(*(value - lowest for value in values)) or 1)


def _scattered(of_range: Cells, times: int, grid: Sequence[int], seed: str) -> Cells:
    """Give values of a range so many times; those that came but once, anywhere on a grid.

    What comes again and again, as a limit of quantification does, goes on to do so.
    """
    chance = random.Random(seed)  # noqa: S311 (no secret)
    scattered = {cell: n if n == 1 else n * times for cell, n in of_range.items()}
    for column in (cell.partition("=")[0] for cell, n in of_range.items() if n == 1):
        for value in chance.choices(grid, k=times - 1):
            name = f"{column}={value}"
            scattered[name] = scattered.get(name, 0) + 1
    return scattered


def _value(cell: str) -> int:
    """Give the value that a cell of a tally counts, in steps of its grid."""
    return int(cell.partition("=")[2])


def _sums(shards: int, span: range) -> dict[Row, Cells]:
    study, total = world.study(shards), dict[Row, Cells]()
    for subject in map(jittered, span):
        shard = keys.shard_of(subject.id, shards)
        share = contribute(study, subject)
        _add(total, {(shard, row): of_row for row, of_row in share.items()})
    return total


def _add(total: dict[Row, Cells], addition: Mapping[Row, Cells]) -> None:
    for row, of_row in addition.items():
        cells.add(total.setdefault(row, {}), of_row)


def seed(memory: MemoryClient, shards: int, sums: Mapping[Row, Cells]) -> None:
    """Add rows of sums to those of a study, spread and noted as writers would have them."""
    study, rows = world.study(shards), memory.tables[world.TABLE]
    for (shard, row), of_row in sums.items():
        for part, of_part in [(row, of_row)] if row == HEADER_ROW else _spread(row, of_row):
            key = keys.sum_row(study.id, shard, f"{study.generation}#{part}")
            item = rows.get(key) or {"PK": {"S": key[0]}, "SK": {"S": key[1]}}
            for name, n in of_part.items():
                before = item.get(f"{keys.CELL}{name}", {"N": "0"})
                item[f"{keys.CELL}{name}"] = {"N": str(int(before["N"]) + n)}
            rows[key] = item
    table = Table(memory, world.TABLE)
    spreading = Spreading(table)
    for shard in range(shards):
        spreading.read_notes(study, shard)
        sum_items = table.query(keys.sum_partition(study.id, shard), keys.SUM)
        spreading.note_full(key_of(item) for item in sum_items if is_costly(item))


def _spread(part: str, of_part: Cells) -> Iterator[tuple[str, Cells]]:
    """Fill a part until an addition to it is costly; divide what is left among those below it."""
    room = COSTLY_BYTES
    full, below = Cells(), dict[str, Cells]()
    for name, n in of_part.items():
        room -= len(f"{keys.CELL}{name}{n}")
        if room >= 0:
            full[name] = n
        else:
            bit = _bits(name)[len(part.partition(PART)[2])]
            below.setdefault(_below(part, bit), {})[name] = n
    yield part, full
    for part_below, of_part_below in below.items():
        yield from _spread(part_below, of_part_below)
