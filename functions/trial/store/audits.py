"""When each study was audited, and how far an audit has come that could not be ended in one run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trial.store import keys
from trial.store.table import Table, text


@dataclass(frozen=True)
class AuditState:
    """When a study was first and last begun and last ended, '' for never, and where it stands."""

    first: str = ""
    tried: str = ""
    done: str = ""
    unfinished: str = ""

    @property
    def is_interrupted(self) -> bool:
        """Say whether an audit had to be left before its end."""
        return bool(self.unfinished)

    @property
    def progress(self) -> Mapping[str, Any] | None:
        """How far an audit has come; None where one begins anew."""
        found: Mapping[str, Any] = json.loads(self.unfinished) if self.unfinished else {}
        return found or None

    def is_overdue_since(self, moment: str) -> bool:
        """Say whether no audit has ended since a moment, nor was the first begun."""
        return bool(self.first) and (self.done or self.first) <= moment


class Audits:
    """The row of every study, in the store's own table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def find(self, study: str) -> AuditState:
        """Read how a study stands."""
        item = self._table.get(keys.audited(study)) or {}
        names = "first", "tried", "done", "unfinished"
        return AuditState(*(item.get(name, {}).get("S", "") for name in names))

    def begin(self, study: str, at: str) -> None:
        """Note that a study has its turn: whoever audits it may not live to say how it went."""
        self._set(study, tried=at, first=self.find(study).first or at)

    def note(self, study: str, progress: Mapping[str, Any]) -> None:
        """Note how far an audit has come."""
        self._set(study, unfinished=json.dumps(progress, ensure_ascii=False))

    def interrupt(self, study: str) -> None:
        """Note that an audit was left; what was noted of its progress stays."""
        self._set(study, unfinished=self.find(study).unfinished or "{}")

    def end(self, study: str, at: str) -> None:
        """Note that a study is audited."""
        self._set(study, done=at, unfinished="")

    def _set(self, study: str, **values: str) -> None:
        names = {f"#{name}": name for name in values}
        expression = ", ".join(f"#{name} = :{name}" for name in values)
        update = self._table.update(
            keys.audited(study),
            f"SET {expression}",
            "",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={f":{name}": text(value) for name, value in values.items()},
        )
        self._table.write([update])
