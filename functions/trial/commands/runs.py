"""A large study's audit, fill or removal, spread over its shards.

An engine (Step Functions) asks what comes next, has that done for each shard by an invocation of
its own, which goes on in another where its time ends, and asks again. All that is known stands in
the table: any step may be repeated, be lost, or go on beside one of a run that was given up.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from trial.commands import auditing, removal
from trial.commands.auditing import Audit, ShardAudit
from trial.deferred import dataclass
from trial.definition import MAX_SHARDS
from trial.definition.study import Study
from trial.errors import Beat, OutOfTime, TrialError, Unavailable
from trial.store.audits import LOST_AFTER, Audits, Overtaken, ShardProgress, Task
from trial.store.bucket.documents import Documents
from trial.store.document_runs import DocumentRuns
from trial.store.dynamodb import Store
from trial.store.leases import Leases
from trial.store.rows import second_text, stamp_text

DORMANT_FOR = timedelta(days=7)
"""How long the sums of a definition no longer in force are kept for its return."""
_FILLS = 3
"""How often shards are filled side by side before the rest is filled by one invocation."""


class RunFailed(TrialError):
    """A task failed in a shard; what was raised is logged where it was."""


@dataclass(frozen=True)
class Next:
    """What a run does next: a task of some shards, or nothing any more (`task` is '').

    A run of documents has parts for shards.
    """

    run: str
    task: Task | str = ""
    shards: tuple[int, ...] = ()
    fills: int = 0
    """How often shards were filled so far."""
    audited: Audit | None = None
    """The audit that has ended with this step."""

    def document(self, study: str) -> dict[str, Any]:
        """Return it as the engine hands it on."""
        return {
            "study": study,
            "run": self.run,
            "task": self.task,
            "shards": list(self.shards),
            "fills": self.fills,
        }


def is_large(store: Store, study_id: str, spread_from: int) -> bool:
    """Return whether a study has so many events; one that is being removed, by what is left."""
    current = store.current(study_id)
    if current is None:
        return False
    try:
        return store.accepted(store.defined(study_id, current.digest)) >= spread_from
    except TrialError:
        return False  # its definition is gone already: so is nearly all of it


def begin(
    audits: Audits, study_id: str, moment: datetime, start: Callable[[str], None]
) -> str | None:
    """Begin a run, or ask the one that is under way to go again; return its name if it begins.

    `start` tells the engine; where that fails, or is not known to have begun, nothing has.
    """
    run, stamp = run_name(moment), second_text(moment)
    try:
        while not audits.begin_run(study_id, run, stamp, second_text(moment - LOST_AFTER)):
            state = audits.get(study_id)
            if state.run and audits.ask_again(study_id, state.run, stamp):
                return None
        start(run)
    except Exception:
        with suppress(Unavailable):
            audits.abandon_run(study_id, run)
        raise
    return run


def run_name(moment: datetime) -> str:
    """Return the name of a run that begins at a moment."""
    return "".join(filter(str.isalnum, stamp_text(moment)))


@dataclass(frozen=True)
class Runs:
    """What the steps of a run are done with."""

    store: Store
    audits: Audits
    documents: Documents
    leases: Leases
    document_runs: DocumentRuns
    now: Callable[[], datetime]
    beat: Beat = lambda: None

    def next(self, study_id: str, run: str, task: str = "", fills: int = 0) -> Next:
        """Return what comes next, once the last task has ended in all of its shards.

        Nothing does where the study's work is another run's. Raises `RunFailed` where one failed.
        """
        current, state = self.store.current(study_id), self.audits.get(study_id)
        if state.is_in_place_of(run):
            run, task, fills = state.run, "", 0
        if current is None or state.run != run:
            return Next(run)
        progress = self.audits.shards(study_id, run)
        if failed := next((shard.failed for shard in progress if shard.failed), ""):
            raise RunFailed(failed)
        self.audits.hear_of_run(study_id, run, second_text(self.now()))
        if current.removed:
            return self._next_of_removal(study_id, run, progress)
        if not current.retired and task != "audit":
            self._keep_fences(study_id, run, progress)
            stale = self.store.stale_shards(study_id)
            if stale and fills < _FILLS:
                return Next(run, "fill", tuple(stale), fills + 1)
            self.store.fill(study_id, self.beat)
        self.store.invalidate(study_id)
        study = self.store.study(study_id)
        if remaining := _left(range(study.definition.shards), "audit", progress):
            return Next(run, "audit", remaining, fills)
        return self._end(study, run, progress, retired=current.retired is not None)

    def _next_of_removal(self, study_id: str, run: str, progress: Sequence[ShardProgress]) -> Next:
        if remaining := _left(range(MAX_SHARDS), "remove", progress):
            return Next(run, "remove", remaining)
        if not removal.remove(
            self.store, self.documents, self.leases, self.document_runs, study_id, self.beat
        ):
            raise Unavailable("documents of the study are being made")
        return Next(run)

    def _keep_fences(self, study_id: str, run: str, progress: Sequence[ShardProgress]) -> None:
        """Restore headers that refused every writer, and keep that for the audit's report."""
        by_shard = {shard.shard: shard for shard in progress if shard.task == "audit"}
        for fence in auditing.restore_fences(self.store, study_id):
            shard = by_shard.get(fence.shard, ShardProgress(fence.shard, run, "audit"))
            audited = ShardAudit.resumed(fence.shard, shard.content).with_differences([fence])
            by_shard[fence.shard] = replace(shard, content=audited.progress())
            self._save(study_id, by_shard[fence.shard])

    def _end(
        self, study: Study, run: str, progress: Sequence[ShardProgress], *, retired: bool
    ) -> Next:
        """Publish what was found; go again where that was asked for meanwhile."""
        audited = Audit(study, retired or not self.store.stale_shards(study.id))
        for shard in progress:
            audited = audited.with_shard(ShardAudit.resumed(shard.shard, shard.content))
        self.store.drop_generations(study.id, self.now() - DORMANT_FOR, self.beat)
        self.store.clear_sums(study)
        moment = self.now()
        auditing.publish(self.documents, audited, second_text(moment))
        if self.audits.end_run(study.id, run, second_text(moment)):
            return Next(run, audited=audited)
        next_run = run_name(moment)
        self.audits.replace_run(study.id, run, next_run, second_text(moment))
        return replace(self.next(study.id, next_run), audited=audited)

    def step(self, study_id: str, run: str, task: Task, shard: int) -> bool:
        """Do a task in one shard; say whether it has ended there, or is to be gone on with."""
        try:
            self._task(study_id, run, task, shard)
        except OutOfTime:
            return False
        except Overtaken:
            return True
        return True

    def _task(self, study_id: str, run: str, task: Task, shard: int) -> None:
        self.audits.hear_of_run(study_id, run, second_text(self.now()))
        if task == "fill":
            self.store.fill_shard(study_id, shard, self.beat)
        elif task == "remove":
            self.store.clear_shard(study_id, shard, self.beat)
            self._save(study_id, ShardProgress(shard, run, task, ended=True))
        else:
            self._audit(study_id, run, shard)

    def _audit(self, study_id: str, run: str, shard: int) -> None:
        current = self.store.current(study_id)
        retired = current is not None and current.retired is not None
        rows_of_shard = [row for row in self.audits.shards(study_id, run) if row.shard == shard]
        row = rows_of_shard[0] if rows_of_shard else ShardProgress(shard, run, "audit")
        if row.ended:
            return
        study, progress = self.store.study(study_id), ShardAudit.resumed(shard, row.content)
        if not (retired or progress.after):  # else it was done before any subject was looked at
            self.store.drop_shares(study_id, self.now() - DORMANT_FOR, shard, self.beat)

        def save(audited: ShardAudit, *, ended: bool = False) -> None:
            content, subjects = audited.progress(), audited.subjects
            self._save(study_id, replace(row, content=content, subjects=subjects, ended=ended))

        audited = auditing.audit_shard(
            self.store, study, progress, self.beat, save, retired=retired
        )
        save(audited, ended=True)

    def fail(self, study_id: str, run: str, task: Task, shard: int, place: str) -> None:
        """Note that this code failed in a shard: the run ends by that."""
        with suppress(Overtaken):
            self._save(study_id, ShardProgress(shard, run, task, ended=True, failed=place))

    def give_up(self, study_id: str, run: str, place: str) -> None:
        """Note that a run has failed: the schedule begins another in its turn."""
        state = self.audits.get(study_id)
        run = state.run if state.is_in_place_of(run) else run
        self.audits.end_run(study_id, run, second_text(self.now()), place or "unknown")

    def _save(self, study_id: str, progress: ShardProgress) -> None:
        self.audits.save_shard(study_id, progress, second_text(self.now()))


def _left(shards: Iterable[int], task: Task, progress: Iterable[ShardProgress]) -> tuple[int, ...]:
    """Return the shards in which a task has not ended."""
    ended = {shard.shard for shard in progress if shard.task == task and shard.ended}
    return tuple(shard for shard in shards if shard not in ended)
