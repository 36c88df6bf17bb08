"""What changed between two cuts, read from the files that were published of them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.reporting.comparison.cuts import ComparedCut
from trial.store.bucket import object_keys
from trial.store.bucket.documents import Documents
from trial.tables.attribution import CellAddress
from trial.tables.file_names import SUMMARY, TABLES

type Document = dict[str, Any]
_KEY_RESULT = ("text", "n", "N", "value", "ci", "observed", "imputed", "not_due", "missing")


@dataclass(frozen=True)
class CellDiff:
    """A cell's label, and each statistic that differs, in both cuts; None: it was not there."""

    label: str
    statistics: Mapping[str, tuple[Document | None, Document | None]]


def changes(
    documents: Documents, study: str, old: ComparedCut, new: ComparedCut
) -> tuple[dict[CellAddress, CellDiff], list[Document]]:
    """Return the cells and the key results that differ in two cuts by one definition."""

    def both(name: str) -> list[Any]:
        return [
            json.loads(
                documents.read(study, side.audience, object_keys.cut_prefix(side.cut["id"]), name)
            )
            for side in (old, new)
        ]

    return changed_cells(*both(TABLES)), list(_changed_key_results(*both(SUMMARY)))


def _changed_key_results(before: Document, after: Document) -> Iterable[Document]:
    old_by_id = {key_result["id"]: key_result for key_result in before["key_results"]}
    for key_result in after["key_results"]:
        old, new = (
            {name: version[name] for name in _KEY_RESULT}
            for version in (old_by_id[key_result["id"]], key_result)
        )
        if old != new:
            yield {
                "id": key_result["id"],
                "label": key_result["label"],
                "before": old,
                "after": new,
            }


def changed_cells(before: Document, after: Document) -> dict[CellAddress, CellDiff]:
    """Return the cells that differ in two documents of the same tables, in the later's order."""
    old, new = _cells(before), _cells(after)
    diffs = {}
    for address in [*new, *(address for address in old if address not in new)]:
        new_label, new_statistics = new.get(address, ("", {}))
        old_label, old_statistics = old.get(address, ("", {}))
        differing = {
            name: (old_statistics.get(name), new_statistics.get(name))
            for name in dict.fromkeys([*new_statistics, *old_statistics])
            if old_statistics.get(name) != new_statistics.get(name)
        }
        if differing:
            diffs[address] = CellDiff(new_label or old_label, differing)
    return diffs


def _cells(document: Document) -> dict[CellAddress, tuple[str, dict[str, Document]]]:
    """Return label and statistics of every cell, and of every column its denominator."""
    cells: dict[CellAddress, tuple[str, dict[str, Document]]] = {}
    for table in document["tables"]:
        for column in table["columns"]:
            size = {"raw": column["n"], "text": "" if column["n"] is None else str(column["n"])}
            # A column's own number of subjects has an address without a row.
            cells[CellAddress(table["id"], "", column["id"])] = column["label"], {"N": size}
        labels = {row["id"]: row["label"] for row in table["rows"]}
        for row in table["rows"]:
            parent = labels.get(row["id"].partition("/")[0], "") if "/" in row["id"] else ""
            label = ", ".join(filter(None, (parent, row["label"])))
            for cell in row["cells"]:
                address = CellAddress(table["id"], row["id"], cell["column"])
                statistic = {"raw": cell["raw"], "text": cell["text"]}
                cells.setdefault(address, (label, {}))[1][cell["statistic"]] = statistic
    return cells


def sources(view: Study, key_results: Sequence[Document]) -> list[tuple[CellAddress, ...]]:
    """Return the cells that each changed key result shows: its own and, if that changed, its N."""
    source_by_id = {key_result.id: key_result.source for key_result in view.definition.key_results}
    addresses: list[tuple[CellAddress, ...]] = []
    for key_result in key_results:
        source = source_by_id[key_result["id"]]
        cell = CellAddress(source.table, source.row, source.column)
        size = CellAddress(source.table, "", source.column)
        same_size = key_result["before"]["N"] == key_result["after"]["N"]
        addresses.append((cell,) if same_size else (cell, size))
    return addresses
