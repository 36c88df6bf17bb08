"""Rows of listings, counted: who is meant, and how many of them there are."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from recounting.arithmetic import count
from recounting.claims import Recounted
from recounting.sheets import WAITS, Line

Test = Callable[[Line], Any]
TOTAL = "Total"


def among(subjects: Iterable[Line], rows: Iterable[Line]) -> list[Line]:
    """Keep the rows that are of these subjects."""
    names = {subject["Subject"] for subject in subjects}
    return [row for row in rows if row["Subject"] in names]


def column(rows: Iterable[Line], name: str) -> list[Any]:
    """Give the values of a column."""
    return [row[name] for row in rows]


def grouped(rows: Iterable[Line], name: Callable[[Line], str]) -> list[tuple[str, list[Line]]]:
    """Give the rows by a name of theirs, in order of its first appearance."""
    values: dict[str, list[Line]] = {}
    for row in rows:
        values.setdefault(name(row), []).append(row)
    return list(values.items())


def subjects(rows: Iterable[Line]) -> int:
    """Count the subjects that have any of some rows."""
    return len({row["Subject"] for row in rows})


def counted(
    table: Recounted, row: Sequence[str], lines: Sequence[Line], test: Test, period: str = TOTAL,
    *, exact: bool = False, field: str = "", failure: bool = False,
) -> None:  # fmt: skip
    """Claim how many of some subjects pass a test, of those of whom it is known.

    It is not where what it `asks` for is not yet due, or blank; unless a blank is a `failure`.
    """
    waiting = [item for item in lines if field in item[WAITS]]
    blank = [item for item in lines if field and item[field] is None and item not in waiting]
    missing = [] if failure else blank
    items = [item for item in lines if item not in waiting and item not in missing]
    n = sum(bool(test(item)) for item in items)
    table.put(row, period, count(n, len(items), exact=exact, waiting=len(waiting),
                             missing=len(missing)))  # fmt: skip


def having(table: Recounted, row: Sequence[str], lines: Sequence[Line], rows: list[Line]) -> None:
    """Claim how many subjects have a row at all."""
    table.put(row, TOTAL, count(subjects(rows), len(lines)))


def having_each(
    table: Recounted, row: Sequence[str], lines: Sequence[Line], rows: list[Line], name: str
) -> None:
    """Claim how many subjects have a row with each of the values that occur."""
    for value, result in grouped(rows, lambda item: item[name]):
        having(table, [*row, value], lines, result)


def levelled(
    table: Recounted, label: str, lines: Sequence[Line], name: str, levels: Mapping[str, str]
) -> None:
    """Claim how many subjects are at each level, and at what is none of them."""
    tally = Counter("" if candidate[name] is None else str(candidate[name]) for candidate in lines)
    unnamed = 0 if "" in levels.values() else tally[""]
    level_names = {value: value for value in tally if value}
    level_names |= {value: result for result, value in levels.items()}
    for value, item in level_names.items():
        table.put([label, item], TOTAL, count(tally[value], len(lines) - unnamed))
    if unnamed:
        table.put([label, "Missing"], TOTAL, {"n": str(unnamed)})


def days_between(first: str, last: str) -> int:
    """Count days from one date to another; of partial ones, from the first that they can mean."""
    began, ended = (date.fromisoformat((item + "-01-01")[:10]) for item in (first, last))
    return (ended - began).days
