"""Every change of a study's definition: who made it, when and why; written with the change."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from trial.store import keys
from trial.store.generations import Decision
from trial.store.table import Action, Item, Table, key, text

type Change = Literal["created", "filling", "cancelled", "in force"]
"""In force at once; being filled; the filling of it given up; in force, for it is filled."""


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
        """Give it as data, with where the two definitions are compared."""
        told = {name: of for name, of in vars(self).items() if name != "number"}
        compared = None
        if self.before not in ("", self.definition):
            place = f"/studies/{study}/definition/history"
            compared = f"{place}/{self.definition}/changes-since/{self.before}"
        return told | {"before": self.before or None, "changes": compared}


def put(
    table: Table, study_id: str, number: int, change: Change, digests: tuple[str, str],
    decision: Decision,
) -> Action:  # fmt: skip
    """Write a change of CURRENT, by the number of its plan: each plan is written once."""
    definition, before = digests
    return table.put(
        key(keys.amendment(study_id, number))
        | {
            "change": text(change),
            "definition": text(definition),
            "before": text(before),
            "at": text(decision.at),
            "who": text(decision.principal),
            "reason": text(decision.reason),
        }
    )


def each(table: Table, study_id: str, after: str = "") -> Iterator[Amendment]:
    """Read the changes of a study's definition in their order, beyond one of them."""
    partition, start = keys.amendments(study_id)
    return map(_read, table.query(partition, start, start + after if after else ""))


def _read(item: Item) -> Amendment:
    return Amendment(
        item["SK"]["S"].removeprefix(keys.AMENDMENT),
        item["change"]["S"],
        item["definition"]["S"],
        item["before"]["S"],
        item["at"]["S"],
        item["who"]["S"],
        item["reason"]["S"],
    )
