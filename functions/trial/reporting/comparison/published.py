"""What moved between two cuts, read from what was published of them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trial.definition.study import Study
from trial.file_names import SUMMARY, TABLES
from trial.reporting.comparison.cuts import ComparedCut
from trial.store.bucket import object_keys
from trial.store.bucket.documents import Documents
from trial.tables.attribution import CellAddress

Document = dict[str, Any]
_KEY_RESULT = ("text", "n", "N", "value", "ci", "observed", "imputed", "not_due", "missing")


@dataclass(frozen=True)
class CellDiff:
    """A place's label, and its statistics in both cuts that differ; None: it was not there."""

    label: str
    statistics: Mapping[str, tuple[Document | None, Document | None]]


def moved(
    documents: Documents, study: str, old: ComparedCut, new: ComparedCut
) -> tuple[dict[CellAddress, CellDiff], list[Document]]:
    """Find the cells and the key results that are not the same in two cuts by one definition."""

    def both(name: str) -> list[Any]:
        return [
            json.loads(documents.read(study, each.audience, object_keys.cut(each.cut["id"]), name))
            for each in (old, new)
        ]

    return cells(*both(TABLES)), list(_key_results(*both(SUMMARY)))


def _key_results(before: Document, after: Document) -> Iterable[Document]:
    known = {each["id"]: each for each in before["key_results"]}
    for key_result in after["key_results"]:
        old, new = (
            {name: of[name] for name in _KEY_RESULT} for of in (known[key_result["id"]], key_result)
        )
        if old != new:
            yield {
                "id": key_result["id"],
                "label": key_result["label"],
                "before": old,
                "after": new,
            }


def cells(before: Document, after: Document) -> dict[CellAddress, CellDiff]:
    """Find the cells that differ in two documents of the same tables, in the later's order."""
    old, new = _placed(before), _placed(after)
    found = {}
    for place in [*new, *(each for each in old if each not in new)]:
        label, now = new.get(place, ("", {}))
        old_label, then = old.get(place, ("", {}))
        names = dict.fromkeys([*now, *then])
        differing = {
            name: (then.get(name), now.get(name))
            for name in names
            if then.get(name) != now.get(name)
        }
        if differing:
            found[place] = CellDiff(label or old_label, differing)
    return found


def _placed(document: Document) -> dict[CellAddress, tuple[str, dict[str, Document]]]:
    """Give the label and the statistics of every cell, and of every column its denominator."""
    found: dict[CellAddress, tuple[str, dict[str, Document]]] = {}
    for table in document["tables"]:
        for column in table["columns"]:
            size = {"raw": column["n"], "text": "" if column["n"] is None else str(column["n"])}
            found[CellAddress(table["id"], "", column["id"])] = column["label"], {"N": size}
        labels = {row["id"]: row["label"] for row in table["rows"]}
        for row in table["rows"]:
            above = labels.get(row["id"].partition("/")[0], "") if "/" in row["id"] else ""
            label = ", ".join(filter(None, (above, row["label"])))
            for cell in row["cells"]:
                place = CellAddress(table["id"], row["id"], cell["column"])
                shown = {"raw": cell["raw"], "text": cell["text"]}
                found.setdefault(place, (label, {}))[1][cell["statistic"]] = shown
    return found


def sources(view: Study, key_results: Sequence[Document]) -> list[tuple[CellAddress, ...]]:
    """Say of each key result that moved which places it shows: its cell and, if it moved, its N."""
    defined = {each.id: each.source for each in view.definition.key_results}
    found = []
    for key_result in key_results:
        of = defined[key_result["id"]]
        size = (CellAddress(of.table, "", of.column),)
        same = key_result["before"]["N"] == key_result["after"]["N"]
        found.append((CellAddress(of.table, of.row, of.column), *(() if same else size)))
    return found
