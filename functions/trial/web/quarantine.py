"""What was refused, as the API lists it: of a study, and of none."""

from typing import Any

from trial.errors import FieldError, Rejected
from trial.events.fields import is_identifier
from trial.store.dynamodb import Store
from trial.store.quarantine import UNKNOWN_STUDY
from trial.store.rows import RejectedBody
from trial.web import pagination, routing
from trial.web.routing import Answer, Request

MOST_STUDIES = 100
"""How many studies without a definition one answer names."""


def listed(
    store: Store,
    request: Request,
    study: str,
    *,
    masked: bool,
    **more: Any,  # noqa: ANN401 (JSON)
) -> Answer:
    """List what is quarantined of a study in the order of time, from a place on.

    A place is a moment and how many of that moment come up to it: it tells nothing of a body.
    """
    after, skip = request.query.get("after", ""), pagination.number(request, "skip")
    moments = store.quarantine_times(study)
    same = [each for each in moments if each[0] == after][skip:]
    wanted = [digest for _, digest in (*same, *(each for each in moments if each[0] > after))]
    page = pagination.page(
        store.rejected_bodies_by_digest(study, wanted),
        RejectedBody.blinded_document if masked else RejectedBody.document,
    )
    answer: dict[str, Any] = {
        "study": study,
        "count": len(page.rows),
        "quarantined": page.rows,
        **more,
    }
    if (last := page.last) is None:
        return routing.document({**answer, "next": None})
    until = sum(at == last.at and digest <= last.sha256 for at, digest in moments)
    return routing.document(
        {**answer, "next": pagination.following(request, after=last.at, skip=until)}
    )


def undefined_studies(store: Store, request: Request) -> Answer:
    """List what names no study that there is: it is under no study's own list.

    Without `study`, what names none at all or cannot be read, and the names of those that are
    not defined; with it, what is quarantined of that one. A study that is defined is not shown.
    """
    study = request.query.get("study", UNKNOWN_STUDY)
    if not is_identifier(study) or (study != UNKNOWN_STUDY and store.current(study) is not None):
        detail = "is no study without a definition: see /studies/{study}/quarantine"
        raise Rejected(422, "Not listed", "", FieldError("/study", detail))
    if study != UNKNOWN_STUDY:
        return listed(store, request, study, masked=False)
    names = store.undefined_studies(request.query.get("beyond", ""), MOST_STUDIES)
    beyond = pagination.following(request, beyond=names[-1]) if len(names) == MOST_STUDIES else None
    waiting = [each for each in names if store.current(each) is None]
    return listed(store, request, study, masked=False, studies=waiting, more_studies=beyond)
