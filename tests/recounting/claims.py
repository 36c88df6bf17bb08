"""Numbers recounted from listings, beside those that the tables of the same workbook print."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from recounting.arithmetic import Texts
from recounting.sheets import Book, Printed, Table

Row = tuple[str, ...]

_STATISTICS = {
    "first only": "first",
    "second only": "second",
    "p value": "p",
    "least-squares mean": "lsmean",
    "minimum": "min",
    "maximum": "max",
    "n (%)": "n",
    "": "n",
}
"""What lines of a table are called, where that is not the statistic's name here."""


@dataclass
class Recounted:
    """What one table should print."""

    sizes: dict[str, int | None] = field(default_factory=dict)
    texts: dict[tuple[Row, str, str], str] = field(default_factory=dict)

    def put(self, row: Iterable[str], column: str, texts: Texts) -> None:
        """Claim what stands where a row meets a column."""
        row_path = tuple(row)
        for statistic, text in texts.items():
            assert (row_path, column, statistic) not in self.texts, (row_path, column, statistic)
            if text:
                self.texts[row_path, column, statistic] = text


@dataclass
class Claims:
    """What every table should print."""

    tables: dict[str, Recounted] = field(default_factory=dict)
    book: Book = field(default_factory=Book)

    def printed(self, name: str) -> list[Printed]:
        """Give what a table prints, for the little that no listing tells."""
        return self.book.tables[name].numbers

    def table(self, name: str, sizes: dict[str, int | None]) -> Recounted:
        """Begin a table, whose columns have these sizes; None for those that compare others."""
        assert name not in self.tables, name
        self.tables[name] = Recounted(dict(sizes))
        return self.tables[name]


@dataclass(frozen=True)
class Outcome:
    """How many numbers of tables were compared, which differ, and which nothing was said of."""

    compared: int
    differences: list[str]
    uncompared: list[str]


def compare(claims: Claims, book: Book) -> Outcome:
    """Hold every number that the tables print against what was recounted, and the reverse."""
    compared, differences, uncompared = 0, [], []
    for name in sorted(claims.tables.keys() | book.tables.keys()):
        recounted, table = claims.tables.get(name), book.tables.get(name)
        if recounted is None or table is None:
            missing = uncompared if recounted is None else differences
            missing.append(f"Table {name} is not {'recounted' if recounted is None else 'there'}")
            continue
        outcome = _compare(name, recounted, table)
        compared += outcome.compared
        differences += outcome.differences
        uncompared += outcome.uncompared
    return Outcome(compared, differences, uncompared)


def _compare(name: str, recounted: Recounted, table: Table) -> Outcome:
    differences = [
        f"Table {name}, size of {column}: printed {table.sizes.get(column)}, recounted {size}"
        for column, size in recounted.sizes.items()
        if table.sizes.get(column) != size
    ]
    uncompared = [
        f"Table {name}, {heading}" for heading in table.sizes.keys() - recounted.sizes.keys()
    ]
    remaining, compared = dict(recounted.texts), len(recounted.sizes)
    if not any(recounted.sizes.values()):  # nobody: nothing is printed, for nothing was reported
        remaining = {place: text for place, text in remaining.items() if text != "0"}
    for number in table.numbers:
        place = (number.row, number.column, _statistic(number))
        expected = remaining.pop(place, None)
        if expected is None:
            uncompared.append(f"{number.address}: {place} is {number.text}")
            continue
        compared += 1
        if expected != number.text:
            differences.append(f"{number.address}: {place} is {number.text}, recounted {expected}")
    for (row, column, statistic), text in remaining.items():
        # A denominator is printed where it is not the size of its column.
        if statistic != "N" or text != str(recounted.sizes[column]):
            differences.append(f"Table {name}: {row}, {column}, {statistic} lacks {text}")
    return Outcome(compared, differences, uncompared)


def _statistic(number: Printed) -> str:
    """Name what a number is: by its sub-column or, of a value, by its line."""
    if number.head in ("%", "N", "95% CI"):
        return number.head
    if number.head == "Events":
        return "events"
    line = number.statistic.casefold().removesuffix(" (nominal)").strip()
    return _STATISTICS.get(line, line)
