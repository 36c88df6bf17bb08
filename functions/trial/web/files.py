"""Where the documents of a report or cut are, for those who may have them."""

import wiring
from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.blinding import UNBLINDED
from trial.store.bucket import object_keys
from trial.store.bucket.object_keys import LIVE
from trial.tables.file_names import CHANGES, CHANGES_SIGNATURE, UNLISTED


def link(view: Study, cut: str, file: str) -> str:
    """Return a link to a document that is good for a minute: of `live`, a cut, or a report.

    Raises `Rejected` (404) for one that is not there.
    """
    cut_id = cut if cut == LIVE else cut_of(view, cut)
    if file in (CHANGES, CHANGES_SIGNATURE):
        prefix = object_keys.changes_prefix(cut_id, cut)
    elif file in UNLISTED:
        prefix = object_keys.audit_prefix(cut_id)
    else:
        prefix = LIVE if cut == LIVE else object_keys.cut_prefix(cut_id)
    return wiring.documents().link(view.id, view.audience, prefix, file)


def cut_of(view: Study, cut: str) -> str:
    """Return the cut that a report became, by the report's id; a cut's own id stays as it is."""
    requested = wiring.reports().find(view.id, cut)
    if requested is None:
        return cut
    if not requested.cut:
        raise Rejected(404, "Document not found", "the report is not ready yet: retry later")
    return requested.unblinded_cut if view.audience == UNBLINDED else requested.cut
