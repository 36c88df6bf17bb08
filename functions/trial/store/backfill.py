"""Fill: bring what the sums count for each subject up to date, whatever made it old.

One loop serves amended definitions, releases whose contributions differ, repair and rebuild. It
goes over the shards and their subjects, and replaces a share that is missing or older than its
subject by a transaction of its own: the subject's row on condition that it is as it was read, and
the difference added to the sums. A subject replaced so counts a `fill`, which every writer that
read it before then meets. Where a pass found all marks of a gate worked off and no new one, the
generation is exact in that shard, and stays so: whoever commits keeps it or marks it.

Nothing of a pass is kept outside the rows it brought up to date. Interrupted anywhere, it is
simply begun again.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from trial.definition.study import Study
from trial.definition.study import generation as generation_of
from trial.errors import TrialError, Unavailable
from trial.statistics import cells
from trial.statistics.cells import Share
from trial.store import keys, paging, reading
from trial.store.actions import add_to_row, update_subject_row
from trial.store.definitions import Definitions
from trial.store.encoding.shares import encode_share
from trial.store.generations import (
    ACTIONS,
    FENCED,
    FILLED,
    MARKS,
    ShardHeader,
    WritePlan,
    header_row,
    row_of,
    write_current,
)
from trial.store.paging import FILLS, Row
from trial.store.rows import stamp_text
from trial.store.spreading import Spreading, fits_one_expression
from trial.store.subject_update import BYTES, OVERHEAD, SUM_ROW_BYTES, Contribute, merged
from trial.store.table import (
    Action,
    InvalidTransaction,
    Table,
    TransactionCancelled,
    binary,
    key_of,
    number,
)

OVERLAP = timedelta(minutes=15)
"""How long the generations of other code stay live beside complete ones of this code."""

ROUNDS = 20
_PASSES, _ATTEMPTS = 4, 12
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_UNFIT = "ValidationError"


class PlanChanged(TrialError):
    """The generations that are live have changed: begin again."""


@dataclass(frozen=True)
class FencedShard:
    """A generation in one shard, and the fence under which it is worked on."""

    study: Study
    number: int
    fence: int

    @property
    def gate(self) -> keys.Key:
        """Where its gate is."""
        return keys.sum_row(self.study.id, self.number, header_row(self.study.generation))

    def sums(self, share: Share) -> Share:
        """Name a share's rows with their generation, the gate first."""
        name = self.study.generation
        changes: Share = {header_row(name): {}}
        return merged(changes, {row_of(name, row): of for row, of in share.items()})


type Correction = Callable[[Row], Share | None]
"""Gives the share that a row should count in place of its own; None where it is right."""


class Backfill:
    """The loop, over one table's studies."""

    def __init__(
        self,
        table: Table,
        definitions: Definitions,
        contribute: Contribute,
        spreading: Spreading,
        now: Callable[[], datetime],
        pause: Callable[[float], None],
    ) -> None:
        self.table = table
        self.spreading = spreading
        self.definitions = definitions
        self.contribute = contribute
        self.now = now
        self.pause = pause

    def fill(self, study_id: str) -> bool:
        """Fill what this code can compute; say whether all of it is up to date now.

        What writers of other code mark again all the while does not keep a definition from
        coming into force: where its sums are behind, readers compute.
        """
        for _ in range(ROUNDS):
            plan = self.definitions.join(study_id)
            try:
                left = [each for each in _shards(plan) if not self.filled(each)]
            except PlanChanged:
                continue
            if not self._follow(study_id, plan, done=not left):
                return not left
        raise Unavailable("the study's generations are being changed")

    def drop_generations(self, study_id: str, before: datetime) -> list[str]:
        """Take back the shares and sums of generations dormant since before then."""
        plan, current = self.definitions.renewed(study_id), self.definitions.current(study_id)
        assert current is not None
        gone = {
            name: each
            for name, each in current.generations.items()
            if not each.live and each.since < stamp_text(before)
        }
        for each in gone.values():
            definition = self.definitions.load(study_id, each.digest)
            study = replace(definition, version=each.version)
            for at in range(plan.study.definition.shards):
                self._taken_back(study, at)
        left = {name: each for name, each in current.generations.items() if name not in gone}
        if gone:
            kept = write_current(study_id, replace(current, generations=left))
            self.once(self.table.put(kept, FENCED, fence=number(current.plan)))
        return sorted(gone)

    def _follow(self, study_id: str, plan: WritePlan, *, done: bool) -> bool:
        """Bring into force what is filled, let go of other code's; say whether the plan changed."""
        current = self.definitions.current(study_id)
        if current is None or current.plan != plan.fence:
            return True
        if current.filling:
            self.definitions.replan(plan.study, current, current.activate(self.now()))
            return True
        own = generation_of(current.digest, self.definitions.version)
        until = stamp_text(self.now() - OVERLAP)
        others = [name for name, each in current.live.items() if name != own and each.since < until]
        if done and others:
            self.definitions.replan(
                plan.study, current, current.retire_generations(others, self.now())
            )
            return True
        return False

    def filled(self, shard: FencedShard) -> bool:
        """Work off a gate's marks; say whether none was left."""
        for _ in range(_PASSES):
            if (gate := self._gate(shard)) is None:
                return False  # damage, which `repair` mends
            if not gate.is_stale:
                return True
            self.bring(shard, self._stale(shard.study))
            settled = self.table.update(
                shard.gate,
                f"SET {FILLED} = :marks",
                f"{FENCED} AND {MARKS} = :marks",
                ExpressionAttributeValues={
                    ":marks": number(gate.marks), ":fence": number(shard.fence)
                },
            )  # fmt: skip
            if self.once(settled):
                return True
        return False

    def _gate(self, shard: FencedShard) -> ShardHeader | None:
        gate = reading.gate_of(self.table, shard.study, shard.number)
        if gate is not None and gate.fence != shard.fence:
            raise PlanChanged("the fence was moved")
        return gate

    def _stale(self, study: Study) -> Correction:
        def wrong(row: Row) -> Share | None:
            if row.fresh(study.generation) is not None:
                return None
            return self.contribute(study, row.subject)

        return wrong

    def bring(self, shard: FencedShard, wrong: Correction) -> None:
        """Replace the shares of a shard's subjects where they are wrong, many at a time."""
        packed: dict[str, tuple[Row, Share]] = {}
        changes, size = shard.sums({}), 0
        for row in reading.subject_rows(self.table, shard.study.id, shard.number):
            share = wrong(row)
            if share is None:
                continue
            more = merged(changes, self._change(shard, row, share))
            size += _bytes(row)
            if packed and not _fit(len(packed) + 1, self.placed(shard, more), size):
                self._write(shard, packed, wrong)
                packed, size = {}, _bytes(row)
                more = merged(shard.sums({}), self._change(shard, row, share))
            packed[row.subject.id], changes = (row, share), more
        if packed:
            self._write(shard, packed, wrong)

    def _write(
        self,
        shard: FencedShard,
        packed: Mapping[str, tuple[Row, Share]],
        wrong: Correction,
        failures: int = 0,
    ) -> None:
        """Replace these shares; where that fails, read again, and go one by one."""
        try:
            self.write_or_spread(shard, self._actions(shard, list(packed.values())))
        except (TransactionCancelled, Unavailable) as error:
            if failures >= _ATTEMPTS:
                raise Unavailable("a subject is being written to") from error
            longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**failures)
            self.pause(random.uniform(0, longest))  # noqa: S311 (jitter)
        else:
            return
        self._gate(shard)
        for subject in packed:
            row = paging.row(self.table, keys.subject(shard.study.id, shard.number, subject))
            share = wrong(row) if row else None
            if row is not None and share is not None:
                self._write(shard, {subject: (row, share)}, wrong, failures + 1)

    def _actions(self, shard: FencedShard, packed: Sequence[tuple[Row, Share]]) -> list[Action]:
        made, changes = [], shard.sums({})
        for row, share in packed:
            at = keys.subject(shard.study.id, shard.number, row.subject.id)
            shares = {shard.study.generation: binary(encode_share(share, row.version))}
            values = {FILLS: number(row.fills + 1)}
            made.append(
                update_subject_row(
                    self.table, at, row, shares, f"SET {FILLS} = :{FILLS}", {}, values
                )
            )
            changes = merged(changes, self._change(shard, row, share))
        return [*made, *self.additions(shard, changes)]

    def _change(self, shard: FencedShard, row: Row, share: Share) -> Share:
        """Say what a share adds in place of what is counted; one that cannot be read is nothing."""
        return shard.sums(cells.difference(share, row.readable(shard.study.generation) or {}))

    def additions(
        self, shard: FencedShard, changes: Share, seen: int | None = None
    ) -> Iterator[Action]:
        """Write what is added to a shard's sums, on condition of its fence."""
        study = shard.study
        for row, change in self.placed(shard, changes).items():
            at = keys.sum_row(study.id, shard.number, row)
            yield add_to_row(self.table, at, row, change, shard.fence, seen=seen)

    def placed(self, shard: FencedShard, changes: Share) -> Share:
        """Say where what is added to a shard's rows of sums goes."""
        return self.spreading.placed(shard.study.id, shard.number, changes)

    def _taken_back(self, study: Study, at: int) -> None:
        gate = reading.gate_of(self.table, study, at)
        if gate is None:
            return
        shard = FencedShard(study, at, gate.fence)
        for row in reading.subject_rows(self.table, study.id, at):
            if study.generation in (row.shares or {}):
                self._drop(shard, row)

    def _drop(self, shard: FencedShard, row: Row) -> None:
        name = shard.study.generation
        where = keys.subject(shard.study.id, shard.number, row.subject.id)
        change = cells.difference({}, row.readable(name) or {})
        for _ in range(_ATTEMPTS):
            values = {FILLS: number(row.fills + 1)}
            expression = f"SET {FILLS} = :{FILLS} REMOVE shares.#gone"
            gone = update_subject_row(
                self.table, where, row, {}, expression, {"#gone": name}, values
            )
            if self.once(gone, *self.additions(shard, shard.sums(change)), shard=shard):
                return
            found = paging.row(self.table, where)
            assert found is not None
            row = found
            if name not in (row.shares or {}):
                return
        raise Unavailable("a subject is being written to")

    def write_or_spread(self, shard: FencedShard, actions: Sequence[Action]) -> None:
        """Write; where rows of sums were too large for it, whoever tries again finds them spread.

        Raises `TransactionCancelled` then too.
        """
        try:
            self.table.write(actions)
        except (TransactionCancelled, InvalidTransaction) as error:
            codes = error.codes if isinstance(error, TransactionCancelled) else [_UNFIT]
            if _UNFIT in codes:
                self.spreading.learn(shard.study.id, shard.number, _sums_of(actions))
            raise TransactionCancelled(codes) from error

    def once(self, *actions: Action, shard: FencedShard | None = None) -> bool:
        """Write; say whether it was as it was read, and of a shard's sums, not too large."""
        try:
            if shard is None:
                self.table.write(actions)
            else:
                self.write_or_spread(shard, actions)
        except TransactionCancelled:
            return False
        return True


def _sums_of(actions: Sequence[Action]) -> Iterator[str]:
    """Name the rows of sums that actions add to."""
    for action in actions:
        at = key_of(action["Update"]["Key"])[1] if "Update" in action else ""
        if at.startswith(keys.SUM):
            yield at.removeprefix(keys.SUM)


def _shards(plan: WritePlan) -> Iterator[FencedShard]:
    for study in plan.counted:
        for at in range(plan.study.definition.shards):
            yield FencedShard(study, at, plan.fence)


def _bytes(row: Row) -> int:
    return OVERHEAD + 2 * sum(map(len, (row.shares or {}).values())) + row.size


def _fit(rows: int, changes: Share, size: int) -> bool:
    return (
        rows + len(changes) <= ACTIONS
        and size + SUM_ROW_BYTES * len(changes) <= BYTES
        and all(map(fits_one_expression, changes.values()))
    )
