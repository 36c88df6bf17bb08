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
    names = {each["Subject"] for each in subjects}
    return [row for row in rows if row["Subject"] in names]


def column(rows: Iterable[Line], name: str) -> list[Any]:
    """Give the values of a column."""
    return [row[name] for row in rows]


def grouped(rows: Iterable[Line], name: Callable[[Line], str]) -> list[tuple[str, list[Line]]]:
    """Give the rows by a name of theirs, in order of its first appearance."""
    found: dict[str, list[Line]] = {}
    for row in rows:
        found.setdefault(name(row), []).append(row)
    return list(found.items())


def subjects(rows: Iterable[Line]) -> int:
    """Count the subjects that have any of some rows."""
    return len({each["Subject"] for each in rows})


def counted(
    table: Recounted, row: Sequence[str], of: Sequence[Line], test: Test, at: str = TOTAL,
    *, exact: bool = False, asks: str = "", failure: bool = False,
) -> None:  # fmt: skip
    """Claim how many of some subjects pass a test, of those of whom it is known.

    It is not where what it `asks` for is not yet due, or blank; unless a blank is a `failure`.
    """
    waiting = [each for each in of if asks in each[WAITS]]
    blank = [each for each in of if asks and each[asks] is None and each not in waiting]
    missing = [] if failure else blank
    known = [each for each in of if each not in waiting and each not in missing]
    n = sum(bool(test(each)) for each in known)
    table.put(row, at, count(n, len(known), exact=exact, waiting=len(waiting),
                             missing=len(missing)))  # fmt: skip


def having(table: Recounted, row: Sequence[str], of: Sequence[Line], rows: list[Line]) -> None:
    """Claim how many subjects have a row at all."""
    table.put(row, TOTAL, count(subjects(rows), len(of)))


def having_each(
    table: Recounted, row: Sequence[str], of: Sequence[Line], rows: list[Line], name: str
) -> None:
    """Claim how many subjects have a row with each of the values that occur."""
    for value, those in grouped(rows, lambda it: it[name]):
        having(table, [*row, value], of, those)


def levelled(
    table: Recounted, label: str, of: Sequence[Line], name: str, levels: Mapping[str, str]
) -> None:
    """Claim how many subjects are at each level, and at what is none of them."""
    tally = Counter("" if each[name] is None else str(each[name]) for each in of)
    unnamed = 0 if "" in levels.values() else tally[""]
    named = {value: value for value in tally if value}
    named |= {value: shown for shown, value in levels.items()}
    for value, shown in named.items():
        table.put([label, shown], TOTAL, count(tally[value], len(of) - unnamed))
    if unnamed:
        table.put([label, "Missing"], TOTAL, {"n": str(unnamed)})


def days_between(first: str, last: str) -> int:
    """Count days from one date to another; of partial ones, from the first that they can mean."""
    began, ended = (date.fromisoformat((each + "-01-01")[:10]) for each in (first, last))
    return (ended - began).days
