"""The two cuts that are compared: found by a report's id or a cut's."""

import json
from collections.abc import Mapping
from typing import Any

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.blinding import OPEN, UNBLINDED
from trial.reporting import changelog
from trial.store.bucket import object_keys
from trial.store.bucket.documents import Documents
from trial.store.reports import READY, ReportRequest, Reports
from trial.subject.cut_spec import CutSpec
from trial.tables.file_names import MANIFEST


@dataclass(frozen=True)
class ComparedCut:
    """One of the two: the report's request, its manifest's description, and what it is made of.

    `versions` is the number of events of each subject's journal that it counts.
    """

    request: ReportRequest
    audience: str
    cut: Mapping[str, Any]
    versions: Mapping[str, int]

    @property
    def spec(self) -> CutSpec:
        """Return what of the subjects it shows."""
        return CutSpec(self.request.as_of, self.request.cutoff)

    def document(self) -> dict[str, Any]:
        """Return which report and cut it is, as data."""
        return {
            "report": self.request.id,
            "requested_at": self.request.requested_at,
            "requested_by": self.request.requested_by,
            "cut": self.cut,
        }


def compared_cut(documents: Documents, reports: Reports, view: Study, name: str) -> ComparedCut:
    """Find a cut as an audience sees it; of the reports that became it, the first.

    Raises `Rejected`: 404 for what is no report, 409 for one that is not ready.
    """
    request = reports.find(view.id, name) or _first_request_of(reports, view, name)
    if request is None:
        raise Rejected(404, "Report not found", f"no report or cut has the id {name!r}")
    if request.status != READY:
        detail = f"its status is {request.status}: only ready reports can be compared"
        raise Rejected(409, "Report not ready", detail)
    audience, cut = _cut(view, request)
    manifest = json.loads(documents.read(view.id, audience, object_keys.cut_prefix(cut), MANIFEST))
    return ComparedCut(
        request, audience, manifest["cut"], changelog.versions(documents, view.id, request)
    )


def _first_request_of(reports: Reports, view: Study, cut: str) -> ReportRequest | None:
    requests = [
        request for request in reports.all(view.id) if cut and _cut(view, request)[1] == cut
    ]
    return min(requests, key=lambda request: request.order, default=None)


def _cut(view: Study, request: ReportRequest) -> tuple[str, str]:
    """Return a report's cut for an audience; of a study that was not blinded there is one only."""
    if view.audience == UNBLINDED and request.unblinded_cut:
        return UNBLINDED, request.unblinded_cut
    return OPEN, request.cut
