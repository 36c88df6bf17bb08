"""When each study was audited, and how far an audit has come that could not be ended in one run.

A large study's work is spread: a run of it goes over the shards by many invocations, side by side.
The study's row names the run, and each shard has a row that says how far the run has come there.
Both are written together on condition that the run still is the study's: what is left of a former
run changes nothing.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from trial.deferred import dataclass
from trial.errors import TrialError
from trial.store import keys
from trial.store.table import (
    Action,
    Item,
    Table,
    key,
    number,
    sort_key,
    text,
)

LOST_AFTER = timedelta(hours=1)
"""For how long nothing may be heard of a run: no invocation lasts longer than 15 minutes."""
type Task = Literal["fill", "audit", "remove"]
"""What a run does with each shard."""


class Overtaken(TrialError):
    """The study's work is another run's by now."""


@dataclass(frozen=True)
class ShardProgress:
    """How far a run has come with a shard: what it counted there, and whether it has ended."""

    shard: int
    run: str
    task: Task
    ended: bool = False
    subjects: int = 0
    """How many subjects were looked at."""
    content: Mapping[str, Any] | None = None
    """What the task needs to go on, or what it found."""
    failed: str = ""
    """Where this code failed; '' where it did not."""


@dataclass(frozen=True)
class AuditState:
    """When audits of a study began and ended ('': never), and how far an unfinished one is.

    `run` is that of work which is spread, `seen` when a step of it was last heard of, `asked` when
    another was asked for meanwhile, `failed` why the last one failed, `former` the run that it goes
    on from.
    """

    first_begun: str = ""
    last_begun: str = ""
    last_ended: str = ""
    unfinished: str = ""
    run: str = ""
    seen: str = ""
    asked: str = ""
    failed: str = ""
    former: str = ""

    @property
    def is_interrupted(self) -> bool:
        """Return whether an audit was interrupted before its end."""
        return bool(self.unfinished)

    def is_in_place_of(self, run: str) -> bool:
        """Return whether its run goes on from another: by a step whose answer may be lost."""
        return bool(self.run) and self.former == run

    def is_spread_since(self, moment: str) -> bool:
        """Return whether a run is under way of which something was heard since a moment."""
        return bool(self.run) and self.seen > moment

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
        return read_state(self._table.get(keys.audit_state(study)))

    def begin(self, study: str, moment: str) -> None:
        """Note that an audit begins: the process may end before it can note anything else."""
        self._set(study, tried=moment, first=self.get(study).first_begun or moment, failed="")

    def save_progress(self, study: str, progress: Mapping[str, Any]) -> None:
        """Store how far an audit has come."""
        self._set(study, unfinished=json.dumps(progress, ensure_ascii=False))

    def interrupt(self, study: str) -> None:
        """Note that an audit was interrupted; the progress that was saved stays."""
        self._set(study, unfinished=self.get(study).unfinished or "{}")

    def fail(self, study: str, place: str) -> None:
        """Note where an audit failed, until the next begins."""
        self._set(study, failed=place)

    def end(self, study: str, moment: str) -> None:
        """Note that an audit has ended."""
        self._set(study, done=moment, unfinished="", failed="")

    def begin_run(self, study: str, run: str, moment: str, lost_before: str) -> bool:
        """Begin to spread a study's work, unless a run is under way; say whether it began.

        One that nothing was heard of since `lost_before` is lost: it is replaced.
        """
        first = self.get(study).first_begun or moment
        change = self._update(
            study,
            "run = :none OR attribute_not_exists(run) OR seen < :lost",
            {
                "run": run,
                "tried": moment,
                "seen": moment,
                "first": first,
                "asked": "",
                "failed": "",
                "former": "",
            },
            none="",
            lost=lost_before,
        )
        return self._table.try_write(change)

    def ask_again(self, study: str, run: str, moment: str) -> bool:
        """Ask a run to go over the study once more when it ends; say whether it still can."""
        return self._table.try_write(self._update(study, "run = :run", {"asked": moment}, run=run))

    def end_run(self, study: str, run: str, moment: str, failed: str = "") -> bool:
        """Note that a run has ended, unless another was asked for meanwhile; say whether it has."""
        values = {"run": "", "asked": "", "unfinished": "", "failed": failed}
        ended = values if failed else values | {"done": moment}
        condition = "run = :run" if failed else "run = :run AND asked = :none"
        spare = {} if failed else {"none": ""}
        return self._table.try_write(self._update(study, condition, ended, run=run, **spare))

    def replace_run(self, study: str, run: str, next_run: str, moment: str) -> None:
        """End a run, and begin the next one that was asked for, at once."""
        values = {"run": next_run, "tried": moment, "done": moment, "seen": moment, "asked": ""}
        values |= {"failed": "", "former": run}
        self._table.try_write(self._update(study, "run = :run", values, run=run))

    def hear_of_run(self, study: str, run: str, moment: str) -> None:
        """Note that a run goes on; raises `Overtaken` where it is the study's no more."""
        self._write_heard([], study, run, moment)

    def abandon_run(self, study: str, run: str) -> None:
        """Note that a run never began."""
        self._table.try_write(self._update(study, "run = :run", {"run": ""}, run=run))

    def shards(self, study: str, run: str) -> list[ShardProgress]:
        """Read how far a run has come, in the order of shards: of those that it has begun."""
        rows = map(read_shard, self._table.query(*keys.shard_progress_prefix(study)))
        return [row for row in rows if row.run == run]

    def save_shard(self, study: str, progress: ShardProgress, moment: str) -> None:
        """Store how far a run has come with a shard; raises `Overtaken` where another has begun."""
        row = key(keys.shard_progress(study, progress.shard)) | {
            "run": text(progress.run),
            "task": text(progress.task),
            "ended": number(int(progress.ended)),
            "subjects": number(progress.subjects),
            "content": text(json.dumps(progress.content, ensure_ascii=False)),
            "failed": text(progress.failed),
        }
        self._write_heard([self._table.put(row)], study, progress.run, moment)

    def _write_heard(self, changes: Sequence[Action], study: str, run: str, moment: str) -> None:
        heard = self._update(study, "run = :run", {"seen": moment}, run=run)
        if not self._table.try_write(*changes, heard):
            raise Overtaken("the study's work is another run's")

    def _set(self, study: str, **values: str) -> None:
        self._table.write([self._update(study, "", values)])

    def _update(
        self, study: str, condition: str, values: Mapping[str, str], **compared: str
    ) -> Action:
        expression = ", ".join(f"#{name} = :set_{name}" for name in values)
        placeholders = {f":set_{name}": text(value) for name, value in values.items()}
        return self._table.update(
            keys.audit_state(study),
            f"SET {expression}",
            condition,
            ExpressionAttributeNames={f"#{name}": name for name in values},
            ExpressionAttributeValues=placeholders
            | {f":{name}": text(value) for name, value in compared.items()},
        )


def read_state(item: Item | None) -> AuditState:
    """Read the row of a study's audits; there is none before the first."""
    names = "first", "tried", "done", "unfinished", "run", "seen", "asked", "failed", "former"
    return AuditState(*((item or {}).get(name, {}).get("S", "") for name in names))


def read_shard(item: Item) -> ShardProgress:
    """Read how far a run has come with a shard."""
    task: Any = item["task"]["S"]
    return ShardProgress(
        keys.shard_of_progress(sort_key(item)),
        item["run"]["S"],
        task,
        item["ended"]["N"] == "1",
        int(item["subjects"]["N"]),
        json.loads(item["content"]["S"]),
        item["failed"]["S"],
    )
