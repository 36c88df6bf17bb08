"""Every change of a study's definition: who made it, when and why; written with the change."""

from collections.abc import Iterator
from typing import Any, Literal

from trial.deferred import dataclass
from trial.store import keys
from trial.store.generations import Decision
from trial.store.table import Action, Item, Table, key, sort_key, text

type Change = Literal["created", "backfilling", "cancelled", "in force"]
"""In force at once; being backfilled; its backfill cancelled; in force, for it is complete."""

_STORED = {"backfilling": "filling"}  # stored names outlive a renaming
_READ = {stored: change for change, stored in _STORED.items()}


@dataclass(frozen=True)
class Amendment:
    """What became of which definition, and the one that was in force before: '' for the first."""

    number: str
    change: str
    definition: str
    before: str
    at: str
    principal: str
    reason: str

    def document(self, study: str) -> dict[str, Any]:
        """Return it as data, with where the two definitions are compared."""
        document = {name: value for name, value in vars(self).items() if name != "number"}
        changes = None
        if self.before not in ("", self.definition):
            history = f"/studies/{study}/definition/history"
            changes = f"{history}/{self.definition}/changes-since/{self.before}"
        return document | {"before": self.before or None, "changes": changes}


def put_action(
    table: Table, study_id: str, number: int, change: Change, digests: tuple[str, str],
    decision: Decision,
) -> Action:  # fmt: skip
    """Return the action that records a change of CURRENT, by the number of its plan."""
    definition, before = digests
    return table.put(
        key(keys.amendment(study_id, number))
        | {
            "change": text(_STORED.get(change, change)),
            "definition": text(definition),
            "before": text(before),
            "at": text(decision.at),
            "who": text(decision.principal),
            "reason": text(decision.reason),
        }
    )


def read_amendments(table: Table, study_id: str, after: str = "") -> Iterator[Amendment]:
    """Read the changes of a study's definition in their order, beyond one of them."""
    partition, prefix = keys.amendment_prefix(study_id)
    after_key = keys.amendment_prefix(study_id, after)[1] if after else ""
    return map(_read, table.query(partition, prefix, after_key))


def _read(item: Item) -> Amendment:
    change: str = item["change"]["S"]
    return Amendment(
        keys.amendment_number(sort_key(item)),
        _READ.get(change, change),
        item["definition"]["S"],
        item["before"]["S"],
        item["at"]["S"],
        item["who"]["S"],
        item["reason"]["S"],
    )
