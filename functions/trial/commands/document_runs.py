"""The pieces of a large study's documents, made side by side: a run of documents.

What documents are made from nothing of, the blocks of live documents and the journals of a report,
is made first by the engine that spreads audits: part by part, each by an invocation of its own,
which goes on in another where its time ends. Then documents are made as always, by one process
after the other, which finds these pieces. That process remains the truth: what is lacking, damaged
or has changed meanwhile it makes anew, so a part that fails costs time and nothing else.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from trial.commands.runs import Next, run_name
from trial.deferred import dataclass
from trial.definition.study import Study
from trial.errors import Unavailable
from trial.reporting import publishing, unfinished_report
from trial.reporting.document_writer import DocumentWriter
from trial.reporting.live.parts import LiveParts
from trial.store.audits import Overtaken
from trial.store.document_runs import LIVE, DocumentRun, DocumentRuns
from trial.store.reports import PENDING, ReportRequest, Reports
from trial.store.rows import second_text

ONCE_IN = timedelta(days=1)
"""How long the same is not made side by side again: what a run did not make, one process makes."""
SURVEY, BLOCKS, JOURNALS = "survey", "blocks", "journals"
"""The tasks: shards' subjects and parts of the blocks, of live documents; shards of a report."""


@dataclass(frozen=True)
class MakingSideBySide:
    """What the steps of a run of documents are done with."""

    writer: DocumentWriter
    runs: DocumentRuns
    reports: Reports
    now: Callable[[], datetime]
    spread_from: int
    """From how many events on a study is large."""

    def spread(
        self,
        study: Study,
        start: Callable[[str], None],
        target: str,
        inputs: str,
        is_begun: Callable[[], bool],
    ) -> bool:
        """Return whether the pieces of something are made side by side now, or wait for a run.

        A run is begun for a large study, unless one for the same has been, or `is_begun` says that
        one process after the other is at it. `start` tells the engine; where that fails, none has
        begun.
        """
        shards = study.definition.shards
        is_large = self.writer.store.accepted(study) >= self.spread_from
        if not is_large or (shards == 1 and target != LIVE):
            return False
        while True:
            moment, former = self.now(), self.runs.get(study.id)
            is_under_way = former is not None and former.is_under_way(moment)
            if is_under_way and former is not None and former.target == target:
                return True
            if is_begun():
                return False
            if is_under_way:
                return True
            if former is not None and _is_same(former, target, inputs, moment):
                self.runs.close(study.id, former.name)  # lost, if it was open: it goes on no more
                return False
            stamp = second_text(moment)
            run = DocumentRun(run_name(moment), target, inputs, stamp, stamp)
            if self._begin(study.id, run, former, start):
                return True

    def _begin(
        self,
        study_id: str,
        run: DocumentRun,
        former: DocumentRun | None,
        start: Callable[[str], None],
    ) -> bool:
        """Begin a run, unless another has; one of which that is not known is given up too."""
        try:
            if not self.runs.begin(study_id, run, former):
                return False
            start(run.name)
        except Exception:
            with suppress(Unavailable):
                self.runs.abandon(study_id, run.name)
            raise
        return True

    def next(self, study_id: str, run: str, ended: str = "") -> Next:
        """Return what comes next, once all parts of the last task have `ended`.

        The same again where that was asked for and the answer was lost.
        """
        state = self._state(study_id, run)
        if state is None:
            return Next(run)
        if state.task not in {"", ended}:
            return Next(run, state.task, tuple(range(state.parts)))
        study = self.writer.store.study(study_id)
        task, parts = self._task(study, state)
        if not task:
            return Next(run)
        self.runs.plan(study_id, run, task, parts, second_text(self.now()))
        return Next(run, task, tuple(range(parts)))

    def _task(self, study: Study, state: DocumentRun) -> tuple[str, int]:
        shards = study.definition.shards
        if state.target != LIVE:
            return ("", 0) if state.task or not self._request(study, state) else (JOURNALS, shards)
        making = self._live_parts(study)
        if making.inputs != state.inputs or state.task == BLOCKS:
            return "", 0
        if not state.task:
            return SURVEY, shards
        surveyed = making.surveyed()
        return (BLOCKS, surveyed.parts) if surveyed is not None else ("", 0)

    def step(self, study_id: str, run: str, task: str, part: int) -> None:
        """Do a part of a task, unless it has ended; raises `OutOfTime` where another goes on."""
        state = self._state(study_id, run)
        if state is None or state.task != task or state.has_ended(task, part):
            return
        with suppress(Overtaken):
            self._hear(study_id, run)
            self._part(self.writer.store.study(study_id), state, part)
            self.runs.end_part(study_id, run, task, part, second_text(self.now()))

    def _part(self, study: Study, state: DocumentRun, part: int) -> None:
        def note() -> None:
            self._hear(study.id, state.name)

        if state.task == JOURNALS:
            if (request := self._request(study, state)) is not None:
                publishing.read_shard(self.reports, self.writer, study, request, part, note)
            return
        making = self._live_parts(study)
        if making.inputs != state.inputs:
            return  # another definition is in force: the run ends, and what follows begins anew
        if state.task == SURVEY:
            making.survey(part)
        else:
            making.make_blocks(part, state.parts, note)

    def end(self, study_id: str, run: str) -> None:
        """End a run: who asks from now on goes on by itself."""
        state = self._state(study_id, run)
        if state is not None and state.target == LIVE:
            self._live_parts(self.writer.store.study(study_id)).forget_survey()
        self.runs.close(study_id, run)

    def _hear(self, study_id: str, run: str) -> None:
        self.runs.hear(study_id, run, second_text(self.now()))

    def _state(self, study_id: str, run: str) -> DocumentRun | None:
        """Return the run while it goes on; None too where the study is being removed."""
        current, state = self.writer.store.current(study_id), self.runs.get(study_id)
        is_removed = current is None or current.removed is not None
        if is_removed or state is None or state.name != run or not state.is_open:
            return None
        return state

    def _live_parts(self, study: Study) -> LiveParts:
        return LiveParts(self.writer, study, self.writer.store.epoch(study.id))

    def _request(self, study: Study, state: DocumentRun) -> ReportRequest | None:
        """Return the report that a run is for, while it waits and would be the same."""
        request = self.reports.find(study.id, state.target)
        if request is None or request.status != PENDING:
            return None
        asked = publishing.Asked.of(self.reports, study, request)
        inputs = unfinished_report.inputs_of_report(self.writer, study, asked.inputs)
        return request if inputs == state.inputs else None


def _is_same(former: DocumentRun, target: str, inputs: str, moment: datetime) -> bool:
    """Return whether a run was for the same, not long ago."""
    is_recent = former.begun > second_text(moment - ONCE_IN)
    return (former.target, former.inputs) == (target, inputs) and is_recent
