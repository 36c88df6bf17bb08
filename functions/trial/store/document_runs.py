"""The run that makes the pieces of a study's documents side by side: a row of the study's own.

A study has one at a time, of its live documents or of a report. The row names what it makes, out of
what, and which parts of its task have ended. What a part has made stands with the pieces, so a part
that is lost, repeated or late changes nothing: each write is on condition that the run still is
the study's and goes on.
"""

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime

from trial.deferred import dataclass
from trial.store import keys
from trial.store.audits import LOST_AFTER, Overtaken
from trial.store.rows import second_text
from trial.store.table import ABSENT, Action, Item, Table, Value, key, number, text

LIVE = "live"
"""What a run makes that is for no report; no report is called so."""


@dataclass(frozen=True)
class DocumentRun:
    """The last run of a study's documents; it goes on while it `is_open`.

    `target` is `LIVE` or a report's id, `inputs` the digest of what decides its pieces, `begun` and
    `seen` when it began and was last heard of, `parts` how many its task has.
    """

    name: str
    target: str
    inputs: str
    begun: str
    seen: str
    is_open: bool = True
    task: str = ""
    parts: int = 0
    ended: frozenset[str] = field(default_factory=frozenset)
    """The parts that have ended, of each task."""

    @property
    def parts_ended(self) -> int:
        """How many parts of its task have ended."""
        return sum(part.startswith(f"{self.task}#") for part in self.ended)

    def has_ended(self, task: str, part: int) -> bool:
        """Return whether a part of a task has ended."""
        return _part(task, part) in self.ended

    def is_under_way(self, moment: datetime) -> bool:
        """Return whether it goes on at a moment: one that was not heard of for long is lost."""
        return self.is_open and self.seen >= second_text(moment - LOST_AFTER)


class DocumentRuns:
    """The last run of every study's documents, in the store's own table."""

    def __init__(self, table: Table, now: Callable[[], datetime]) -> None:
        self._table = table
        self._now = now

    def is_under_way(self, study: str) -> bool:
        """Return whether a run of a study's documents goes on now."""
        run = self.get(study)
        return run is not None and run.is_under_way(self._now())

    def get(self, study: str) -> DocumentRun | None:
        """Read a study's last run; None where there was none."""
        return read_run(self._table.get(keys.document_run(study)))

    def begin(self, study: str, run: DocumentRun, former: DocumentRun | None) -> bool:
        """Begin a run in place of a former one; False where another has done so."""
        row = key(keys.document_run(study)) | {
            "run": text(run.name),
            "target": text(run.target),
            "inputs": text(run.inputs),
            "begun": text(run.begun),
            "seen": text(run.seen),
            "open": number(1),
            "task": text(""),
            "parts": number(0),
        }
        condition, known = ABSENT, dict[str, Value]()
        if former is not None:
            condition = "run = :former AND seen = :seen"
            known = {"former": text(former.name), "seen": text(former.seen)}
        return self._table.try_write(self._table.put(row, condition, **known))

    def plan(self, study: str, run: str, task: str, parts: int, moment: str) -> None:
        """Note a run's next task; raises `Overtaken` where it goes on no more."""
        values = {"task": text(task), "parts": number(parts), "seen": text(moment)}
        self._write(study, run, values)

    def hear(self, study: str, run: str, moment: str) -> None:
        """Note that a run goes on; raises `Overtaken` where it does no more."""
        self._write(study, run, {"seen": text(moment)})

    def end_part(self, study: str, run: str, task: str, part: int, moment: str) -> None:
        """Note that a part has ended; raises `Overtaken` where the run goes on no more."""
        ended = {"SS": [_part(task, part)]}
        self._write(study, run, {"seen": text(moment)}, " ADD #ended :ended", ended=ended)

    def close(self, study: str, run: str) -> None:
        """End a run, unless it has ended."""
        self._table.try_write(self._change(study, run, {"open": number(0)}))

    def abandon(self, study: str, run: str) -> None:
        """Note that a run never began: what it was for may have another."""
        values = {"open": number(0), "inputs": text("")}
        self._table.try_write(self._change(study, run, values))

    def _write(
        self, study: str, run: str, values: Mapping[str, Value], more: str = "", **operands: Value
    ) -> None:
        if not self._table.try_write(self._change(study, run, values, more, **operands)):
            raise Overtaken("the run of the study's documents has ended")

    def _change(
        self, study: str, run: str, values: Mapping[str, Value], more: str = "", **operands: Value
    ) -> Action:
        expression = ", ".join(f"#{name} = :{name}" for name in values)
        names = {f"#{name}": name for name in (*values, "run", "open", *operands)}
        return self._table.update(
            keys.document_run(study),
            f"SET {expression}{more}",
            "#run = :run AND #open = :going",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()}
            | {f":{name}": value for name, value in operands.items()}
            | {":run": text(run), ":going": number(1)},
        )


def read_run(item: Item | None) -> DocumentRun | None:
    """Read the row of a study's last run."""
    if item is None:
        return None
    run, target, inputs, begun, seen, task = (
        item[name]["S"] for name in ("run", "target", "inputs", "begun", "seen", "task")
    )
    is_open, parts = item["open"]["N"] == "1", int(item["parts"]["N"])
    ended = frozenset(item.get("ended", {}).get("SS", ()))
    return DocumentRun(run, target, inputs, begun, seen, is_open, task, parts, ended)


def _part(task: str, part: int) -> str:
    return f"{task}#{part}"
