"""What parts of a definition refer to among its outputs: cells of tables, and outputs by name."""

from collections.abc import Iterable, Mapping

from trial.definition import Definition
from trial.definition.outputs import CellRef, Table, TableRow

_DEPTH = {
    "levels": 1,
    "worst": 1,
    "shift": 2,
    "cross": 2,
    "survival": 1,
    "resolution": 1,
    "ancova": 2,
    "multiple_imputation": 2,
    "logistic": 2,
    "event_rate": 2,
}
"""How many names follow a row's own, `<row>/…`, in the kinds that give several rows."""


def find_row(ref: CellRef, tables: Iterable[Table]) -> tuple[Table, TableRow] | None:
    """Find the table and the row that give a cell: of many kinds the rows come with the data."""
    for table in tables:
        if table.id == ref.table and ref.column in {column.id for column in table.columns}:
            for row in table.rows:
                if ref.row.split("/")[0] == row.id and ref.row.count("/") <= _depth(row):
                    return table, row
    return None


def _depth(row: TableRow) -> int:
    """Return how many names may follow a row's own; a slash within one is written `~1`."""
    if row.subgroups is not None:
        return 1 + _depth(row.model_copy(update={"subgroups": None}))
    if row.by_term is not None:
        worst = row.terms.worst if row.terms else None
        return len(row.by_term.levels) + (worst is not None)
    if row.record_terms is not None:
        return len(row.record_terms.by)
    return (row.visits is not None) + _DEPTH.get(row.kind or "", 0)


def output_titles(definition: Definition) -> Mapping[str, Mapping[str, str]]:
    """Return the titles of the outputs by their ids, by what they are."""
    return {
        "table": {table.id: table.title for table in definition.tables},
        "listing": {listing.id: listing.title for listing in definition.listings},
        "key_result": {result.id: result.label for result in definition.key_results},
        "figure": {figure.id: figure.title for figure in definition.figures},
    }


def find_output(name: str, definition: Definition) -> tuple[str, str, str] | None:
    """Find an output by `<kind>:<id>` or its id: what it is, its id and its title."""
    kind_wanted, _, id_ = name.rpartition(":")
    for kind, titles in output_titles(definition).items():
        if id_ in titles and kind_wanted in ("", kind):
            return kind, id_, titles[id_]
    return None
