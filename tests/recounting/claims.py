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
        at = tuple(row)
        for statistic, text in texts.items():
            assert (at, column, statistic) not in self.texts, (at, column, statistic)
            if text:
                self.texts[at, column, statistic] = text


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
        claimed, table = claims.tables.get(name), book.tables.get(name)
        if claimed is None or table is None:
            missing = uncompared if claimed is None else differences
            missing.append(f"Table {name} is not {'recounted' if claimed is None else 'there'}")
            continue
        found = _compare(name, claimed, table)
        compared += found.compared
        differences += found.differences
        uncompared += found.uncompared
    return Outcome(compared, differences, uncompared)


def _compare(name: str, claimed: Recounted, table: Table) -> Outcome:
    differences = [
        f"Table {name}, size of {column}: printed {table.sizes.get(column)}, recounted {size}"
        for column, size in claimed.sizes.items()
        if table.sizes.get(column) != size
    ]
    uncompared = [f"Table {name}, {each}" for each in table.sizes.keys() - claimed.sizes.keys()]
    left, compared = dict(claimed.texts), len(claimed.sizes)
    if not any(claimed.sizes.values()):  # nobody: nothing is printed, for nothing was reported
        left = {at: text for at, text in left.items() if text != "0"}
    for each in table.numbers:
        at = (each.row, each.column, _statistic(each))
        expected = left.pop(at, None)
        if expected is None:
            uncompared.append(f"{each.address}: {at} is {each.text}")
            continue
        compared += 1
        if expected != each.text:
            differences.append(f"{each.address}: {at} is {each.text}, recounted {expected}")
    for (row, column, statistic), text in left.items():
        # A denominator is printed where it is not the size of its column.
        if statistic != "N" or text != str(claimed.sizes[column]):
            differences.append(f"Table {name}: {row}, {column}, {statistic} lacks {text}")
    return Outcome(compared, differences, uncompared)


def _statistic(printed: Printed) -> str:
    """Name what a number is: by its sub-column or, of a value, by its line."""
    if printed.head in ("%", "N", "95% CI"):
        return printed.head
    if printed.head == "Events":
        return "events"
    line = printed.statistic.casefold().removesuffix(" (nominal)").strip()
    return _STATISTICS.get(line, line)
