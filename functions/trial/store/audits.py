"""When each study was audited, and how far an audit has come that could not be ended in one run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trial.store import keys
from trial.store.table import Table, text


@dataclass(frozen=True)
class AuditState:
    """When audits of a study began and ended ('': never), and how far an unfinished one is."""

    first_begun: str = ""
    last_begun: str = ""
    last_ended: str = ""
    unfinished: str = ""

    @property
    def is_interrupted(self) -> bool:
        """Return whether an audit was interrupted before its end."""
        return bool(self.unfinished)

    @property
    def progress(self) -> Mapping[str, Any] | None:
        """How far an audit has come; None where one begins anew."""
        progress: Mapping[str, Any] = json.loads(self.unfinished) if self.unfinished else {}
        return progress or None

    def is_overdue_since(self, moment: str) -> bool:
        """Return whether no audit has ended since a moment, nor was the first begun."""
        return bool(self.first_begun) and (self.last_ended or self.first_begun) <= moment


class Audits:
    """The state of every study's audits, in the store's own table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, study: str) -> AuditState:
        """Read the state of a study's audits."""
        item = self._table.get(keys.audit_state(study)) or {}
        names = "first", "tried", "done", "unfinished"
        return AuditState(*(item.get(name, {}).get("S", "") for name in names))

    def begin(self, study: str, moment: str) -> None:
        """Note that an audit begins: the process may end before it can note anything else."""
        self._set(study, tried=moment, first=self.get(study).first_begun or moment)

    def save_progress(self, study: str, progress: Mapping[str, Any]) -> None:
        """Store how far an audit has come."""
        self._set(study, unfinished=json.dumps(progress, ensure_ascii=False))

    def interrupt(self, study: str) -> None:
        """Note that an audit was interrupted; the progress that was saved stays."""
        self._set(study, unfinished=self.get(study).unfinished or "{}")

    def end(self, study: str, moment: str) -> None:
        """Note that an audit has ended."""
        self._set(study, done=moment, unfinished="")

    def _set(self, study: str, **values: str) -> None:
        names = {f"#{name}": name for name in values}
        expression = ", ".join(f"#{name} = :{name}" for name in values)
        update = self._table.update(
            keys.audit_state(study),
            f"SET {expression}",
            "",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={f":{name}": text(value) for name, value in values.items()},
        )
        self._table.write([update])
