"""What data managers decided of discrepancies: each change of a state is a row, and none changes.

A discrepancy is known by an id made of what it is of (`reporting.discrepancies`). Once its records
change it is another one; what was decided of it stays, and is the state of none that there is.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, get_args

from trial.deferred import dataclass
from trial.store import keys
from trial.store.generations import Decision
from trial.store.instants import put_at_free_instant
from trial.store.table import Item, Table, key, sort_key, text

DiscrepancyState = Literal["open", "answered", "accepted"]
"""Still to be looked at; explained or being corrected; right as it is, and left so."""

OPEN: DiscrepancyState = "open"
STATES: tuple[DiscrepancyState, ...] = get_args(DiscrepancyState)


@dataclass(frozen=True)
class StateChange:
    """What somebody decided of a discrepancy; its rule tells of what once it is there no more."""

    subject: str
    discrepancy: str
    rule: str
    state: DiscrepancyState
    decision: Decision

    def document(self) -> dict[str, Any]:
        """Return it as data: the state, and who, when and why."""
        return {"state": self.state, **vars(self.decision)}


type SubjectChanges = Mapping[str, Sequence[StateChange]]
"""Of one subject the changes of each discrepancy by its id, the latest last."""


class DiscrepancyStates:
    """The states of every study's discrepancies, in the store's own table."""

    def __init__(self, table: Table, now: Callable[[], datetime]) -> None:
        self._table = table
        self._now = now

    def change(
        self,
        study_id: str,
        discrepancy: tuple[str, str, str],
        state: DiscrepancyState,
        principal: str,
        reason: str,
    ) -> StateChange:
        """Note the state of a discrepancy, which is given by its subject, its id and its rule."""
        subject, name, rule = discrepancy
        values = {"rule": rule, "state": state, "principal": principal, "reason": reason}
        fields = {field: text(value) for field, value in values.items()}
        return _read(
            put_at_free_instant(
                self._table,
                self._now(),
                lambda stamp: (
                    key(keys.state(study_id, subject, name, stamp)) | fields | {"at": text(stamp)}
                ),
            )
        )

    def all(self, study_id: str) -> Mapping[str, SubjectChanges]:
        """Read every change by subject and discrepancy."""
        return _grouped(self._table.query(keys.state_partition(study_id)))

    def of_subject(self, study_id: str, subject: str) -> SubjectChanges:
        """Read the changes of a subject's discrepancies."""
        return _grouped(self._table.query(*keys.state_prefix(study_id, subject))).get(subject, {})


def _grouped(items: Iterable[Item]) -> Mapping[str, SubjectChanges]:
    changes: defaultdict[str, defaultdict[str, list[StateChange]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for change in map(_read, items):
        changes[change.subject][change.discrepancy].append(change)
    return changes


def _read(item: Item) -> StateChange:
    subject, discrepancy = keys.changed_discrepancy(sort_key(item))
    decision = Decision(**{name: item[name]["S"] for name in Decision.__annotations__})
    state: DiscrepancyState = item["state"]["S"]
    return StateChange(subject, discrepancy, item["rule"]["S"], state, decision)
