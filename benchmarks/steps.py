"""Long work taken step by step, as the state machine asks for it, each step with its time.

A step's time ends as an invocation's does: of CPU, for a function that has a processor to itself,
and of waiting, for which each request counts that is not made beside others.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks import cloned, world
from benchmarks.first_publication import S3OnDisk
from trial.commands.engine import BEGIN
from trial.commands.runs import Runs
from trial.errors import OutOfTime
from trial.store import Store, keys
from trial.store.audits import Audits
from trial.store.bucket.documents import Documents
from trial.store.document_runs import DocumentRuns
from trial.store.leases import Leases
from trial.store.table import key, text

INVOCATION, MARGIN = 900.0, 20.0
"""Seconds that a function has, and of them those before whose end it stops."""
MEMORY = 2_048.0
"""MB that the functions of long work have."""
WAIT = 0.010
"""Seconds that DynamoDB takes for a request: it promises some milliseconds, and pages are large."""
_LEAST = 2.0
"""Seconds in which a step comes further however small the study is."""
_BESIDE = 8
"""So many requests are made beside each other, where they are not made by the main thread."""
_MOST_STEPS, _MOST_SECONDS = 10_000, 3_600.0
_RUN = "R"
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_CLEAR_PEAK = "5"


def time_for(size: int, whole: int) -> float:
    """Return the seconds of a step where so many subjects stand for a whole of more."""
    return max(_LEAST, (INVOCATION - MARGIN) * size / whole)


@dataclass
class Step:
    """What one invocation took."""

    task: str
    seconds: float
    """Of CPU."""
    waited: float
    units: float
    peak: float
    """The most memory that the process had, in MB."""

    @property
    def lasted(self) -> float:
        """How long it took."""
        return self.seconds + self.waited


@dataclass
class Invocations:
    """Takes steps, of which each has so many seconds; remembers what each took."""

    seconds: float
    steps: list[Step] = field(default_factory=list)
    _began: float = 0.0
    _waited: float = 0.0
    _units: float = 0.0

    def meter(self, _operation: str, units: float) -> None:
        """Count a request of the store's."""
        is_alone = threading.current_thread() is threading.main_thread()
        self._units += units
        self._waited += WAIT if is_alone else WAIT / _BESIDE

    def beat(self) -> None:
        """Raise `OutOfTime` where a step's time is over."""
        if time.process_time() - self._began + self._waited >= self.seconds:
            raise OutOfTime("the step's time is over")

    def call[Result](self, task: str, work: Callable[[], Result]) -> Result | None:
        """Take a step; None where its time was over before it ended."""
        assert len(self.steps) < _MOST_STEPS, "steps that come no further"
        _CLEAR.write_text(_CLEAR_PEAK)
        self._waited = self._units = 0.0
        self._began = time.process_time()
        try:
            return work()
        except OutOfTime:
            return None
        finally:
            seconds = time.process_time() - self._began
            self.steps.append(Step(task, seconds, self._waited, self._units, peak()))

    def until_ended[Result](self, task: str, work: Callable[[], Result]) -> Result:
        """Take a step again until its time suffices."""
        while (result := self.call(task, work)) is None:
            pass
        return result

    def of(self, task: str) -> list[Step]:
        """Give the steps of a task."""
        return [step for step in self.steps if step.task == task]


def peak() -> float:
    """Give the most memory that this process has had, in MB, since that was last cleared."""
    (line,) = (line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


@dataclass
class LargeStudy:
    """A study of one shard, and the function that takes the steps of its long work."""

    store: Store
    documents: Documents
    invocations: Invocations

    def carry_out(self, until: str = "") -> None:
        """Do a run's tasks as the state machine does, shard after shard, up to one of them."""
        table, study = self.store._table, world.study(1).id
        row = {"run": text(_RUN), "asked": text(""), "seen": text("")}
        table.write([table.put(key(keys.audit_state(study)) | row)])
        clock, audits = self.store._now, Audits(table)
        runs = Runs(
            self.store, audits, self.documents, Leases(table, clock), DocumentRuns(table, clock),
            clock, self.invocations.beat,
        )  # fmt: skip
        state = self.invocations.until_ended("next", partial(runs.next, study, _RUN, BEGIN))
        while state.task not in {"", until}:
            for shard in state.shards:
                step = partial(runs.step, study, _RUN, state.task, shard)  # type: ignore[arg-type]
                while not self.invocations.call(state.task, step):
                    pass
            following = partial(runs.next, study, _RUN, state.task, state.fills)
            state = self.invocations.until_ended("next", following)


@contextmanager
def large_study(size: int, models: int, seconds: float) -> Iterator[LargeStudy]:
    """Serve a study of so many subjects, of which so many differ; a step has so many seconds."""
    invocations = Invocations(seconds)
    with world.server_of(partial(cloned.study, size, models), _MOST_SECONDS) as endpoint:
        store = world.store(world.client(endpoint), invocations.meter)
        yield LargeStudy(store, Documents(S3OnDisk(), "bucket"), invocations)
