"""Two cuts compared: which key results and cells changed, and which subjects' records changed them.

What each cut showed is read from its published files. Who contributed to a change is found by
folding the journals again, as each cut saw them, of every subject that changed in between. That is
done for a page of subjects at a time: every page has all cells and key results that changed, and
of the contributors those that are on the page.
"""

from collections.abc import Sequence

from trial.definition.study import Study
from trial.events.blinding import UNBLINDED
from trial.reporting.comparison import contributors, published
from trial.reporting.comparison.contributors import CutComparison, Page
from trial.reporting.comparison.cuts import ComparedCut, compared_cut
from trial.reporting.comparison.published import CellDiff, Document
from trial.store.bucket.documents import Documents
from trial.store.dynamodb import Store
from trial.store.reports import Reports
from trial.tables.attribution import CellAddress

_DIFFERENT = (
    "the cuts were made by different definitions, or by releases that count differently: their"
    " key results are not compared; request both again (with as_of) to have them by one"
)
_OPENED = "the cuts were made while the study was not blinded: their key results are not compared"


def compare(
    store: Store,
    documents: Documents,
    reports: Reports,
    reader_study: Study,
    names: tuple[str, str],
    after: str = "",
) -> Document:
    """Compare a report or cut (the first name) with another (the second), as a document.

    `after` names the subject after which the page of subjects begins; `next` the one after which
    the next does. Raises `Rejected`: 404 for what is no report, 409 for one that is not ready.
    """
    new, old = (compared_cut(documents, reports, reader_study, name) for name in names)
    study = store.defined(reader_study.id, new.cut["definition"])
    view = study if new.audience == UNBLINDED else study.open
    reason = _reason_not_compared(old, new, study, reader_study)
    cells, key_results = (
        ({}, []) if reason else published.changes(documents, reader_study.id, old, new)
    )
    sources = published.sources(view, key_results)
    source_cells = {address for addresses in sources for address in addresses}
    comparison = CutComparison(view, reader_study, old, new, cells, source_cells)
    remaining = [subject for subject in comparison.candidates if subject > after]
    page = contributors.page(store, comparison, remaining)
    return {
        "study": reader_study.id,
        "audience": new.audience,
        "before": old.document(),
        "after": new.document(),
        "compared": not reason,
        "not_compared": reason or None,
        "key_results": [
            {**key_result, "contributors": _contributors(page, addresses)}
            for key_result, addresses in zip(key_results, sources, strict=True)
        ],
        "cells": [_cell(address, diff, page) for address, diff in cells.items()],
        "differing_subjects": len(comparison.candidates),
        "subjects": page.subjects,
        "next": page.last or None,
    }


def _reason_not_compared(old: ComparedCut, new: ComparedCut, study: Study, view: Study) -> str:
    """Return why the cuts' key results must not be compared; '' if they may."""
    versions = {(side.cut["definition"], side.cut["contribution_version"]) for side in (old, new)}
    if versions != {(study.digest, study.version)}:
        return _DIFFERENT
    return _OPENED if view.pooled and not study.definition.blinded else ""


def _contributors(page: Page, addresses: Sequence[CellAddress]) -> list[Document]:
    """List who changed a key result, each with the records that did so.

    The records are None where several did so together, and none of them alone.
    """
    names = sorted({name for address in addresses for name in page.contributors.get(address, ())})
    documents = []
    for name in names:
        keys = sorted(
            {key for address in addresses for key in page.decisive_records.get((address, name), ())}
        )
        records = [{"kind": kind, "record": record} for kind, record in keys]
        documents.append({"subject": name, "records": records or None})
    return documents


def _cell(address: CellAddress, diff: CellDiff, page: Page) -> Document:
    return {
        "table": address.table,
        "row": address.row or None,
        "label": diff.label,
        "column": address.column,
        "statistics": [
            {"statistic": name, "before": before, "after": after}
            for name, (before, after) in diff.statistics.items()
        ],
        "contributors": page.contributors.get(address, []),
    }
