"""Rejected bodies, as the API lists them: of a study, and of none."""

from typing import Any

from trial.errors import invalid_parameter
from trial.events.fields import is_identifier
from trial.store.dynamodb import Store
from trial.store.quarantine import UNKNOWN_STUDY
from trial.store.rows import RejectedBody
from trial.web import pagination, routing
from trial.web.routing import Answer, Request

MOST_STUDIES = 100
"""How many studies without a definition one answer names."""


def list_rejected_bodies(
    store: Store,
    request: Request,
    study: str,
    *,
    masked: bool,
    **members: Any,  # noqa: ANN401 (JSON)
) -> Answer:
    """List what is quarantined of a study in the order of time, from `after` and `skip` on.

    Several bodies can come at one moment. So a page ends at a moment and how many of that moment
    were listed, and not at a digest, from which a blinded body could be guessed.
    """
    after, skip = request.query.get("after", ""), pagination.parse_number(request, "skip")
    moments = store.quarantine_times(study)
    remaining = [digest for moment, digest in moments if moment == after][skip:]
    remaining += [digest for moment, digest in moments if moment > after]
    page = pagination.fill_page(
        store.rejected_bodies_by_digest(study, remaining),
        RejectedBody.blinded_document if masked else RejectedBody.document,
    )
    document: dict[str, Any] = {
        "study": study,
        "count": len(page.rows),
        "quarantined": page.rows,
        **members,
    }
    if (last := page.last) is None:
        return routing.json_answer({**document, "next": None})
    listed = sum(moment == last.at and digest <= last.sha256 for moment, digest in moments)
    return routing.json_answer(
        {**document, "next": pagination.next_call(request, after=last.at, skip=listed)}
    )


def list_undefined(store: Store, request: Request) -> Answer:
    """List the bodies of studies that have no definition, which are in no study's own list.

    Without `study`, the bodies that name no study or cannot be read, and the names of the undefined
    studies; with it, the bodies of that one. A defined study is refused.
    """
    study = request.query.get("study", UNKNOWN_STUDY)
    if not is_identifier(study) or (study != UNKNOWN_STUDY and store.current(study) is not None):
        detail = "must be a study without a definition; else use GET /studies/{study}/quarantine"
        raise invalid_parameter("study", detail)
    if study != UNKNOWN_STUDY:
        return list_rejected_bodies(store, request, study, masked=False)
    names = store.undefined_studies(request.query.get("beyond", ""), MOST_STUDIES)
    beyond = pagination.next_call(request, beyond=names[-1]) if len(names) == MOST_STUDIES else None
    undefined = [name for name in names if store.current(name) is None]
    return list_rejected_bodies(
        store, request, study, masked=False, studies=undefined, more_studies=beyond
    )
