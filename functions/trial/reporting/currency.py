"""How current published documents are: which of two is newer, and whether something is missing."""

from collections.abc import Mapping
from typing import Any

from trial.definition.study import Study
from trial.errors import Unavailable
from trial.store.bucket.documents import Documents
from trial.store.dynamodb import Store

_COUNTS = "events", "disputes"
"""What only grows within an epoch: accepted revisions, and those that came with two contents."""


def is_newer(candidate: Mapping[str, Any], published: Mapping[str, Any]) -> bool:
    """Return whether a publication is newer than another; raises `Unavailable` for neither.

    Events and disputes are read one after the other, so one publication can know of more events
    and another of more disputes: a third has to be made.
    """
    if candidate["epoch"] != published["epoch"]:
        return bool(candidate["epoch"] > published["epoch"])
    differences = [candidate[name] - published.get(name, 0) for name in _COUNTS]
    if min(differences) < 0 < max(differences):
        raise Unavailable("neither publication is newer than the other")
    is_same = all(candidate[name] == published[name] for name in ("cut", "code_version"))
    return min(differences) >= 0 and (max(differences) > 0 or not is_same)


def is_behind(store: Store, documents: Documents, study: Study) -> bool:
    """Return whether something was recorded that some audience's live documents do not show."""
    events, epoch = store.accepted(study), store.epoch(study.id)
    return any(
        _is_outdated(documents, view, epoch, (events, len([*store.disputes(view)])))
        for view in study.views
    )


def _is_outdated(documents: Documents, view: Study, epoch: int, counts: tuple[int, int]) -> bool:
    """Return whether an audience's live documents are of an earlier epoch, or count less."""
    latest = documents.latest(view.id, view.audience).document or {}
    if latest.get("epoch", 0) != epoch:
        return bool(latest.get("epoch", 0) < epoch)
    return any(latest.get(name, 0) < count for name, count in zip(_COUNTS, counts, strict=True))
