"""What parts of a definition refer to among its outputs: cells of tables, and outputs by name."""

from collections.abc import Iterable, Iterator, Mapping

from trial.definition import Definition
from trial.definition.outputs import CellRef, Table, TableColumn, TableRow
from trial.errors import Fault

_DEPTH = {"levels": 1, "worst": 1, "shift": 2, "survival": 1, "ancova": 1}
"""How many names follow a row's own, `<row>/…`, in the kinds that give several rows."""


def row_of(ref: CellRef, tables: Iterable[Table]) -> tuple[Table, TableRow] | None:
    """Find the table and the row that give a cell: of many kinds the rows come with the data."""
    for table in tables:
        if table.id == ref.table and ref.column in {each.id for each in table.columns}:
            for row in table.rows:
                if ref.row.split("/")[0] == row.id and ref.row.count("/") <= _depth(row):
                    return table, row
    return None


def _depth(row: TableRow) -> int:
    """Say how many names may follow a row's own; a slash within one is written `~1`."""
    if row.terms is not None:
        return len(row.terms.by.split("-")) + (row.terms.worst is not None)
    return 1 if row.visits is not None else _DEPTH.get(row.kind or "", 0)


def has_p(ref: CellRef, tables: Iterable[Table]) -> bool:
    """Say whether a cell is one that holds a P value, where it can be computed."""
    found = row_of(ref, tables)
    if found is None:
        return False
    table, row = found
    column = next(each for each in table.columns if each.id == ref.column)
    if row.pairs is not None:
        return column is _of_pairs(table, row)
    if column.compare is None or not _compares(row, column.compare):
        return False
    if row.kind == "ancova" and ref.row != row.id:
        return ref.row == f"{row.id}/trend" and column is _widest(table, row)
    if row.kind in ("summary", "stratified", "survival", "ancova"):
        return ref.row == row.id or row.visits is not None
    tested = row.kind in ("count", "levels", "worst", "events", "terms")
    return tested and _at_comparison(ref, row) and column.counts in ("fisher", "pearson")


def _of_pairs(table: Table, row: TableRow) -> TableColumn:
    """Give the column that a row of pairs stands in."""
    subjects = [each for each in table.columns if each.compare is None]
    return next((each for each in table.columns if each.id == row.column), subjects[-1])


def _compares(row: TableRow, columns: Iterable[str]) -> bool:
    """Say whether a row shows something in each of the columns that are compared."""
    given = getattr(row, row.kind) if row.kind else None
    return not isinstance(given, dict) or given.keys() >= set(columns)


def _widest(table: Table, row: TableRow) -> TableColumn | None:
    """Give the column of a test of trend: the one that compares most arms, if there are scores."""
    if row.ancova is None or row.ancova.scores is None:
        return None
    compared = [each for each in table.columns if each.compare is not None]
    return max(compared, key=lambda each: len(each.compare or ()), default=None)


def _at_comparison(ref: CellRef, row: TableRow) -> bool:
    """Say whether it is the row that compares: of levels their heading, of terms each term's."""
    if row.kind == "terms":
        return ref.row != row.id
    return ref.row == row.id and (row.kind not in ("levels", "worst") or bool(row.label))


def outputs(definition: Definition) -> Mapping[str, Mapping[str, str]]:
    """Give the titles of the outputs by their ids, by what they are."""
    return {
        "table": {each.id: each.title for each in definition.tables},
        "listing": {each.id: each.title for each in definition.listings},
        "figure": {each.id: each.label for each in definition.figures},
        "chart": {each.id: each.title for each in definition.charts},
    }


def output(name: str, definition: Definition) -> tuple[str, str, str] | None:
    """Find an output by `<kind>:<id>` or its id: what it is, its id and its title."""
    wanted, _, id_ = name.rpartition(":")
    for kind, titles in outputs(definition).items():
        if id_ in titles and wanted in ("", kind):
            return kind, id_, titles[id_]
    return None


def faults(definition: Definition) -> Iterator[Fault]:
    """Find what the order of testing names that is no P value."""
    for i, ref in enumerate(definition.testing.order if definition.testing else ()):
        if row_of(ref, definition.tables) is not None and not has_p(ref, definition.tables):
            detail = f"has no P value in column {ref.column} of table {ref.table}"
            yield Fault(f"/testing/order/{i}", f"row {ref.row} {detail}")
