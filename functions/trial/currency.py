"""How current published documents are: which of two is newer, and whether something is missing."""

from collections.abc import Mapping
from typing import Any

from trial.errors import Unavailable
from trial.store.documents import Documents
from trial.store.dynamodb import Store
from trial.study import Study

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
    found = {"events": store.accepted(study), "disputes": len([*store.disputes(study.id)])}
    epoch = store.epoch(study.id)
    latest = [documents.latest(study.id, view.audience)[0] or {} for view in study.views]
    return any(
        each.get("epoch", 0) < epoch
        or (each["epoch"] == epoch and any(each.get(name, 0) < found[name] for name in _COUNTED))
        for each in latest
    )
