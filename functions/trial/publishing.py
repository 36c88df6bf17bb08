"""Make a study's documents from one consistent state, and put them where readers find them."""

from dataclasses import dataclass
from typing import Any

from trial import cells, report
from trial.cells import Share
from trial.render.documents import MEDIA_TYPES, render
from trial.store.documents import LIVE, Documents
from trial.store.dynamodb import Store
from trial.store.reports import PENDING, Reports
from trial.study import Study
from trial.subject import Subject
from trial.tables.grid import Cut


@dataclass(frozen=True)
class Publication:
    """A cut, its files, and the sums that the subjects' shares amount to."""

    cut: Cut
    files: dict[str, bytes]
    sums: Share


def publish_live(store: Store, documents: Documents, study: Study, code_version: str) -> Cut | None:
    """Bring the live documents up to date; None where they already are, or are newer."""
    current = store.current(study.id)
    epoch = current.epoch if current else 0
    publication = make(store, study, code_version)
    cut = publication.cut
    latest, tag = documents.latest(study.id, report.AUDIENCE)
    if latest is not None and not _newer(epoch, cut, code_version, latest):
        return None
    versions = documents.put(study.id, report.AUDIENCE, LIVE, publication.files, MEDIA_TYPES)
    entry = {
        "study": study.id,
        "epoch": epoch,
        "events": cut.accepted,
        "cut": cut.id,
        "content_root": cut.content_root,
        "code_version": code_version,
        "files": versions,
    }
    moved = documents.advance(study.id, report.AUDIENCE, entry, tag)
    # Overtaken by another publication: this one may still be the newer of the two.
    return cut if moved else publish_live(store, documents, study, code_version)


def _newer(epoch: int, cut: Cut, code_version: str, latest: dict[str, Any]) -> bool:
    mine, theirs = (epoch, cut.accepted), (latest["epoch"], latest["events"])
    same = cut.id == latest["cut"] and code_version == latest["code_version"]
    return bool(mine >= theirs) and not same


def publish_report(
    store: Store,
    documents: Documents,
    reports: Reports,
    study: Study,
    request: str,
    code_version: str,
) -> None:
    """Make the documents of a report that was asked for, once."""
    if reports.get(study.id, request).status != PENDING:
        return
    publication = make(store, study, code_version)
    cut = publication.cut
    place = f"cuts/{cut.id}"
    documents.put(study.id, report.AUDIENCE, place, publication.files, MEDIA_TYPES)
    reports.ready(study.id, request, cut.id, cut.accepted)


def make(store: Store, study: Study, code_version: str) -> Publication:
    """Render the study as it is: tables and listings from the same subject rows."""
    states: list[tuple[Subject, Share]] = [
        (stored.subject, stored.share) for stored in store.subjects(study)
    ]
    made = report.report(study, states)
    sums = cells.total(share for _, share in states)
    return Publication(made.cut, render(made, code_version), sums)


def agrees(store: Store, study: Study, publication: Publication) -> bool:
    """Check the published tables against the rows of sums; True while events are still coming."""
    sums = store.sums(study)
    return report.accepted(sums) != publication.cut.accepted or sums == publication.sums
