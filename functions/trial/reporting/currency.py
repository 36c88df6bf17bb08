"""How current published documents are: which of two is newer, and whether something is missing."""

from collections.abc import Mapping
from typing import Any

from trial.definition.study import Study
from trial.errors import Unavailable
from trial.store.bucket.documents import Documents
from trial.store.dynamodb import Store

_COUNTED = "events", "disputes"
"""What only becomes more within an epoch: revisions accepted, and those that came otherwise too."""


def is_newer(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Say whether a publication is newer than another; raises `Unavailable` for neither.

    Events and disputes are read one after the other, so one publication can know of more events
    and another of more disputes: a third has to be made.
    """
    if mine["epoch"] != theirs["epoch"]:
        return bool(mine["epoch"] > theirs["epoch"])
    more = [mine[name] - theirs.get(name, 0) for name in _COUNTED]
    if min(more) < 0 < max(more):
        raise Unavailable("neither publication is newer than the other")
    same = all(mine[name] == theirs[name] for name in ("cut", "code_version"))
    return min(more) >= 0 and (max(more) > 0 or not same)


def is_behind(store: Store, documents: Documents, study: Study) -> bool:
    """Say whether something was recorded that no live documents show."""
    events, epoch = store.accepted(study), store.epoch(study.id)
    return any(
        _lacks(documents, view, epoch, (events, len([*store.disputes(view)])))
        for view in study.views
    )


def _lacks(documents: Documents, view: Study, epoch: int, found: tuple[int, int]) -> bool:
    """Say whether what an audience has live is of an earlier epoch, or counts less."""
    latest = documents.latest(view.id, view.audience)[0] or {}
    if latest.get("epoch", 0) != epoch:
        return bool(latest.get("epoch", 0) < epoch)
    return any(latest.get(name, 0) < of for name, of in zip(_COUNTED, found, strict=True))
