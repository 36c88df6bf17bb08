"""The two cuts that are compared: found by a report's id or a cut's."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.blinding import OPEN, UNBLINDED
from trial.file_names import MANIFEST
from trial.reporting import changelog
from trial.store.bucket import object_keys
from trial.store.bucket.documents import Documents
from trial.store.reports import READY, ReportRequest, Reports
from trial.subject.cut_spec import Asked


@dataclass(frozen=True)
class ComparedCut:
    """One of the two: what was asked for, what its manifest says, and what it is made of.

    `versions` says how many events of each subject's journal that is.
    """

    asked: ReportRequest
    audience: str
    cut: Mapping[str, Any]
    versions: Mapping[str, int]

    @property
    def shows(self) -> Asked:
        """What of the subjects it shows."""
        return Asked(self.asked.as_of, self.asked.cutoff)

    def document(self) -> dict[str, Any]:
        """Say which report and cut it is."""
        asked = {name: getattr(self.asked, name) for name in ("requested_at", "requested_by")}
        return {"report": self.asked.id, **asked, "cut": self.cut}


def compared_cut(documents: Documents, reports: Reports, seen: Study, name: str) -> ComparedCut:
    """Find a cut as an audience sees it; of the reports that became it, the first.

    Raises `Rejected`: 404 for what is no report, 409 for one that is not ready.
    """
    asked = reports.find(seen.id, name) or _of_cut(reports, seen, name)
    if asked is None:
        raise Rejected(404, "No such report", "it is the id neither of a report nor of its cut")
    if asked.status != READY:
        raise Rejected(409, "Report not ready", f"it is {asked.status}; only ready ones compare")
    audience, cut = _cut(seen, asked)
    manifest = json.loads(documents.read(seen.id, audience, object_keys.cut(cut), MANIFEST))
    return ComparedCut(
        asked, audience, manifest["cut"], changelog.versions(documents, seen.id, asked)
    )


def _of_cut(reports: Reports, seen: Study, name: str) -> ReportRequest | None:
    made = [each for each in reports.all(seen.id) if name and _cut(seen, each)[1] == name]
    return min(made, key=lambda each: each.order, default=None)


def _cut(seen: Study, asked: ReportRequest) -> tuple[str, str]:
    """Give where a report's cut is for an audience; made unblinded, there is but the open one."""
    apart = seen.audience == UNBLINDED and asked.unblinded_cut
    return (UNBLINDED, asked.unblinded_cut) if apart else (OPEN, asked.cut)
