"""Two cuts compared: which key results and cells moved, and whose records moved them.

What stood in each cut is read from its published files; who moved it is found by folding again,
as each cut saw it, whoever changed between them. That is done for a page of subjects at a time:
every page has all that moved, and of those who moved it the page's own.
"""

from collections.abc import Sequence
from typing import Any

from trial.definition.study import Study
from trial.events.blinding import UNBLINDED
from trial.reporting.comparison import contributors, published
from trial.reporting.comparison.contributors import CutComparison, Page
from trial.reporting.comparison.cuts import ComparedCut, compared_cut
from trial.reporting.comparison.published import CellDiff
from trial.store.bucket.documents import Documents
from trial.store.dynamodb import Store
from trial.store.reports import Reports
from trial.tables.attribution import CellAddress

Document = dict[str, Any]
_DIFFERENT = (
    "the cuts were made by different definitions, or by releases that count differently: their"
    " key results are not compared; ask for both anew (with as_of) to have them by one"
)
_OPENED = "the cuts were made while the study was not blinded: their key results are not compared"


def compare(
    store: Store,
    documents: Documents,
    reports: Reports,
    seen: Study,
    names: tuple[str, str],
    after: str = "",
) -> Document:
    """Compare a report or cut (the first name) with another (the second), as a document.

    `after` names the subject after which the page of subjects begins; `next` the one after which
    the next does. Raises `Rejected`: 404 for what is no report, 409 for one that is not ready.
    """
    new, old = (compared_cut(documents, reports, seen, name) for name in names)
    study = store.defined(seen.id, new.cut["definition"])
    view = study if new.audience == UNBLINDED else study.open
    reason = _why_not(old, new, study, seen)
    cells, key_results = ({}, []) if reason else published.moved(documents, seen.id, old, new)
    places = published.sources(view, key_results)
    between = CutComparison(view, seen, old, new, cells, {each for of in places for each in of})
    names_left = [each for each in between.candidates if each > after]
    page = contributors.page(store, between, names_left)
    return {
        "study": seen.id,
        "audience": new.audience,
        "before": old.document(),
        "after": new.document(),
        "compared": not reason,
        "not_compared": reason or None,
        "key_results": [
            {**each, "moved_by": _moved_by(page, of)}
            for each, of in zip(key_results, places, strict=True)
        ],
        "cells": [_cell(place, each, page) for place, each in cells.items()],
        "differing_subjects": len(between.candidates),
        "subjects": page.subjects,
        "next": page.last or None,
    }


def _why_not(old: ComparedCut, new: ComparedCut, study: Study, seen: Study) -> str:
    """Say why the cuts' key results must not be compared; '' if they may."""
    made = {(each.cut["definition"], each.cut["contribution_version"]) for each in (old, new)}
    if made != {(study.digest, study.version)}:
        return _DIFFERENT
    return _OPENED if seen.pooled and not study.definition.blinded else ""


def _moved_by(page: Page, places: Sequence[CellAddress]) -> list[Document]:
    """Give who moved a key result, each with the records that did; None: not to be told apart."""
    names = sorted({name for place in places for name in page.movers.get(place, ())})
    found = []
    for name in names:
        keys = sorted({key for place in places for key in page.singled.get((place, name), ())})
        records = [{"kind": kind, "record": record} for kind, record in keys]
        found.append({"subject": name, "records": records or None})
    return found


def _cell(place: CellAddress, moved: CellDiff, page: Page) -> Document:
    return {
        "table": place.table,
        "row": place.row or None,
        "label": moved.label,
        "column": place.column,
        "statistics": [
            {"statistic": name, "before": before, "after": after}
            for name, (before, after) in moved.statistics.items()
        ],
        "moved_by": page.movers.get(place, []),
    }
