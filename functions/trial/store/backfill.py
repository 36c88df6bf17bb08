"""Backfill: bring what the sums count for each subject up to date, whatever made it stale.

One loop serves amended definitions, releases whose contributions differ, repair and rebuild. It
goes over the shards and their subjects, and replaces a share that is missing, partial or older than
its subject by a transaction of its own, or by several where one does not hold the change
(`moving`): the subject's row on condition that it is as it was read, and the difference added to
the sums. A subject replaced so counts a `fill`, which every writer that read it before then meets.
Where a pass found all marks of a header reconciled and no new one, the generation is exact in that
shard, and stays so: whoever commits keeps it or marks it.

Nothing of a pass is kept outside the rows it brought up to date. Interrupted anywhere, it is
simply begun again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.definition.study import generation as generation_of
from trial.errors import Beat, TrialError, Unavailable
from trial.statistics.cells import Share
from trial.store import keys, paging, reading
from trial.store.actions import add_to_row, refill_subject_row
from trial.store.backoff import jittered_pause
from trial.store.definitions import Definitions
from trial.store.generations import (
    FENCED,
    MISSING_HEADER,
    RECONCILED_MARKS,
    STALE_MARKS,
    TRANSACTION_ACTIONS,
    Current,
    Generation,
    ShardHeader,
    WritePlan,
    generation_row,
    header_row,
    write_current,
)
from trial.store.moving import NO_MARKS, HeaderMarks, ShareMove, move_share
from trial.store.paging import SubjectRow
from trial.store.rows import stamp_text
from trial.store.spreading import (
    UNITS_A_KILOBYTE,
    USUAL_BYTES,
    Spreading,
    fits_one_expression,
)
from trial.store.subject_update import (
    ROW_OVERHEAD_BYTES,
    SUM_ROW_BYTES,
    TRANSACTION_BYTES,
    Contribute,
    merged,
)
from trial.store.table import (
    Action,
    InvalidTransaction,
    Table,
    TransactionCancelled,
    binary,
    number,
    sort_key,
)

OVERLAP = timedelta(minutes=15)
"""How long the generations of other code stay live beside complete ones of this code."""

ROUNDS = 20
_PASSES, _ATTEMPTS = 4, 12
_USUAL_ROW_BYTES = 4_096
"""About as much as a subject's row has as a rule."""
_INVALID = "ValidationError"


class PlanChanged(TrialError):
    """The generations that are live have changed: begin again."""


@dataclass(frozen=True)
class FencedShard:
    """A generation in one shard, and the fence under which it is worked on."""

    study: Study
    number: int
    fence: int

    @property
    def header_key(self) -> keys.Key:
        """The key of its header."""
        return keys.sum_row(self.study.id, self.number, header_row(self.study.generation))

    def sums(self, share: Share) -> Share:
        """Return a share with each row's name under its generation, the header first."""
        name = self.study.generation
        changes: Share = {header_row(name): {}}
        return merged(changes, {generation_row(name, row): change for row, change in share.items()})


type Correction = Callable[[SubjectRow], Share | None]
"""Returns the share that a row should count in place of its own; None where it is right."""


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
        beat: Beat,
    ) -> None:
        self.table = table
        self.beat = beat
        self.spreading = spreading
        self.definitions = definitions
        self.contribute = contribute
        self.now = now
        self.pause = pause

    def fill(self, study_id: str) -> bool:
        """Fill what this code can compute; say whether all of it is up to date now.

        What writers of other code mark again all the while does not keep a definition from
        coming into force: where its sums are stale, readers compute.
        """
        for _ in range(ROUNDS):
            plan = self.definitions.join(study_id)
            try:
                stale = [shard for shard in _shards(plan) if not self.reconcile(shard)]
            except PlanChanged:
                continue
            if not self._advance(study_id, plan, complete=not stale):
                return not stale
        raise Unavailable("the study's generations are being changed")

    def stale_shards(self, study_id: str) -> list[int]:
        """Return the shards in which a generation that this code computes waits to be filled."""
        plan = self.definitions.join(study_id)
        headers = ((shard, self._read_header(shard)) for shard in _shards(plan))
        return sorted({shard.number for shard, header in headers if header and header.is_stale})

    def fill_shard(self, study_id: str, number: int) -> None:
        """Fill one shard as far as it can be; `fill` says then whether all is up to date."""
        plan = self.definitions.join(study_id)
        with suppress(PlanChanged):  # `fill` begins again
            for shard in _shards(plan):
                if shard.number == number:
                    self.reconcile(shard)

    def drop_shares(self, study_id: str, before: datetime, shard: int) -> None:
        """Drop one shard's shares and sums of generations dormant since before then."""
        current = self.definitions.current(study_id)
        assert current is not None
        for generation in _dormant(current, before).values():
            definition = self.definitions.load(study_id, generation.digest)
            self._drop_shares(replace(definition, version=generation.version), shard)

    def drop_generations(self, study_id: str, before: datetime) -> list[str]:
        """Drop the shares and sums of generations dormant since before then; name them."""
        plan, current = self.definitions.reload_plan(study_id), self.definitions.current(study_id)
        assert current is not None
        dormant = _dormant(current, before)
        for shard in range(plan.study.definition.shards) if dormant else ():
            self.drop_shares(study_id, before, shard)
        generations = {
            name: generation
            for name, generation in current.generations.items()
            if name not in dormant
        }
        if dormant:
            item = write_current(study_id, replace(current, generations=generations))
            self.try_write(self.table.put(item, FENCED, fence=number(current.plan_number)))
        return sorted(dormant)

    def _advance(self, study_id: str, plan: WritePlan, *, complete: bool) -> bool:
        """Activate what is filled and retire other code's generations; say if the plan changed.

        Other code's stay live for a while beside complete ones: its processes may still answer,
        as while a release is rolled out, and their readers go by its sums.
        """
        current = self.definitions.current(study_id)
        if current is None or current.plan_number != plan.fence:
            return True
        if current.backfilling:
            self.definitions.replan(plan.study, current, current.activate(self.now()))
            return True
        own_name = generation_of(current.digest, self.definitions.version)
        # A clock decides here only how long the old sums are kept, never whether any is right.
        until = stamp_text(self.now() - OVERLAP)
        other_names = [
            name
            for name, generation in current.live.items()
            if name != own_name and generation.since < until
        ]
        if complete and other_names:
            retired = current.retire_generations(other_names, self.now())
            self.definitions.replan(plan.study, current, retired)
            return True
        return False

    def reconcile(self, shard: FencedShard) -> bool:
        """Work off the marks of a shard's header; say whether none is left.

        The number of marks is read before the pass and set as reconciled after it, on condition
        that it still is the same: a mark left meanwhile asks for another pass. It is read while no
        transaction is under way, so that the pass sees every subject as its mark left it.
        """
        for _ in range(_PASSES):
            if (header := self._header_at_rest(shard)) is None:
                return False  # damage, which `repair` puts right; or a busy shard
            if not header.is_stale:
                return True
            self.replace_shares(shard, self._stale_share(shard.study))
            # Set, not added to: a share that the pass completed may have reconciled its own mark.
            # A mark left since the header was read makes the condition fail.
            reconciled = self.table.update(
                shard.header_key,
                f"SET {RECONCILED_MARKS} = :marks",
                f"{FENCED} AND {STALE_MARKS} = :marks",
                ExpressionAttributeValues={
                    ":marks": number(header.stale_marks), ":fence": number(shard.fence)
                },
            )  # fmt: skip
            if self.try_write(reconciled):
                return True
        return False

    def _read_header(self, shard: FencedShard) -> ShardHeader | None:
        header = reading.header(self.table, shard.study, shard.number)
        if header is not None and header.fence != shard.fence:
            raise PlanChanged("the fence has changed")
        return header

    def _header_at_rest(self, shard: FencedShard) -> ShardHeader | None:
        for failures in range(1, _ATTEMPTS):
            header = reading.header_at_rest(self.table, shard.study, shard.number)
            if header == MISSING_HEADER:
                return None
            if header is not None and header.fence != shard.fence:
                raise PlanChanged("the fence was moved")
            if header is not None:
                return header
            self.pause(jittered_pause(failures))
        return None

    def _stale_share(self, study: Study) -> Correction:
        def correction(row: SubjectRow) -> Share | None:
            if row.current_share(study.generation) is not None:
                return None
            return self.contribute(study, row.subject)

        return correction

    def replace_shares(self, shard: FencedShard, correction: Correction) -> None:
        """Replace the shares of a shard's subjects where they are wrong, many at a time."""
        packed: dict[str, tuple[SubjectRow, Share]] = {}
        # Even an empty change holds the header: the fence is checked there.
        changes, size = shard.sums({}), 0
        self.spreading.read_notes(shard.study, shard.number)
        for row in reading.subject_rows(self.table, shard.study.id, shard.number):
            self.beat()
            share = correction(row)
            if share is None:
                continue
            change = shard.sums(self._move(shard, row, share).delta)
            total = merged(changes, change)
            size += _row_bytes(row)
            # Many subjects share a transaction: most touch the same rows, each billed once for all.
            if packed and not _fits(len(packed) + 1, self.place(shard, total), size):
                self._write(shard, packed, correction)
                packed, size = {}, _row_bytes(row)
                total = change
            packed[row.subject.id], changes = (row, share), total
        if packed:
            self._write(shard, packed, correction)

    def _write(
        self,
        shard: FencedShard,
        packed: Mapping[str, tuple[SubjectRow, Share]],
        correction: Correction,
    ) -> None:
        """Replace these shares; where that fails, read again, and go one by one."""
        # Together is cheap and mostly succeeds; one by one, a busy subject holds up no other.
        if len(packed) > 1:
            moves = [(row, self._move(shard, row, share)) for row, share in packed.values()]
            try:
                self.write_or_spread(shard, self._actions(shard, moves))
            except (TransactionCancelled, Unavailable):
                self._wait(shard, failures=1)
            else:
                return
            for subject in packed:
                self._replace_share(
                    shard, *self._read_share(shard, subject, correction), correction
                )
        for row, share in packed.values() if len(packed) == 1 else ():
            self._replace_share(shard, row, share, correction)

    def _replace_share(
        self,
        shard: FencedShard,
        row: SubjectRow | None,
        share: Share | None,
        correction: Correction,
    ) -> None:
        """Replace one share, part by part if it is wide, as long as its subject needs it."""
        failures = 0
        while row is not None and share is not None:
            subject, move = row.subject.id, self._fitting_move(shard, row, share)
            try:
                self.write_or_spread(shard, self._actions(shard, [(row, move)]))
            except (TransactionCancelled, Unavailable) as error:
                failures += 1
                if failures > _ATTEMPTS:
                    raise Unavailable("a subject is being written to") from error
                self._wait(shard, failures)
            else:
                if move.is_complete:
                    return
            row, share = self._read_share(shard, subject, correction)

    def _wait(self, shard: FencedShard, failures: int) -> None:
        self.pause(jittered_pause(failures))
        self._read_header(shard)  # raises where the plan has changed: no retry can succeed then

    def _read_share(
        self, shard: FencedShard, subject: str, correction: Correction
    ) -> tuple[SubjectRow | None, Share | None]:
        """Read a subject's row again, and what it should count if that is not what it does."""
        row_key = keys.subject_row(shard.study.id, shard.number, subject)
        row = paging.read_row(self.table, row_key)
        return row, correction(row) if row else None

    def _move(
        self, shard: FencedShard, row: SubjectRow, share: Share, max_rows: int | None = None
    ) -> ShareMove:
        """Return what puts a share in place of the one counted."""
        counted = row.counted_share(shard.study.generation)
        return move_share(shard.study, row, counted, share, row.version, max_rows)

    def _fitting_move(self, shard: FencedShard, row: SubjectRow, share: Share) -> ShareMove:
        """Return as much of that as a transaction holds."""
        move, max_rows = self._move(shard, row, share), TRANSACTION_ACTIONS - 2
        # Half as many rows each time: how far a full row is spread shows only once it is placed.
        while max_rows and not _fits(1, self.place(shard, shard.sums(move.delta)), _row_bytes(row)):
            move, max_rows = self._move(shard, row, share, max_rows), max_rows // 2
        return move

    def _actions(
        self,
        shard: FencedShard,
        moves: Sequence[tuple[SubjectRow, ShareMove]],
        removed: Sequence[str] = (),
    ) -> list[Action]:
        """Write shares and what they change; `removed` names generations without a share then."""
        actions, changes, marks = [], shard.sums({}), NO_MARKS
        for row, move in moves:
            row_key = keys.subject_row(shard.study.id, shard.number, row.subject.id)
            shares = {} if removed else {shard.study.generation: binary(move.encoded())}
            actions.append(refill_subject_row(self.table, row_key, row, shares, removed))
            changes, marks = merged(changes, shard.sums(move.delta)), marks + move.marks
        return [*actions, *self.additions(shard, changes, marks=marks)]

    def additions(
        self,
        shard: FencedShard,
        changes: Share,
        commits: int | None = None,
        marks: HeaderMarks = NO_MARKS,
    ) -> Iterator[Action]:
        """Write what is added to a shard's sums, on condition of its fence."""
        study, fence = shard.study, shard.fence
        for row, change in self.place(shard, changes).items():
            row_key = keys.sum_row(study.id, shard.number, row)
            yield add_to_row(self.table, row_key, row, change, fence, marks=marks, commits=commits)

    def place(self, shard: FencedShard, changes: Share) -> Share:
        """Return for each part of a row of sums what is added to it."""
        return self.spreading.place(shard.study.id, shard.number, changes)

    def _drop_shares(self, study: Study, shard_number: int) -> None:
        """Drop a shard's shares of a dormant generation, and then its header, which says so.

        So whoever goes on with the other shards does not read this one again. Where the generation
        comes back it has a header anew, as one has that never was; its fence is another by then.
        """
        header = reading.header(self.table, study, shard_number)
        if header is None:
            return
        shard = FencedShard(study, shard_number, header.fence)
        for row in reading.subject_rows(self.table, study.id, shard_number):
            self.beat()
            if study.generation in (row.shares or {}):
                self._drop_share(shard, row)
        note_keys = [
            keys.full_rows(study.id, shard_number, study.generation, view.audience)
            for view in study.views
        ]
        fence = number(shard.fence)
        self.try_write(
            self.table.delete(shard.header_key, FENCED, fence=fence),
            *map(self.table.delete, note_keys),
        )

    def _drop_share(self, shard: FencedShard, row: SubjectRow) -> None:
        """Take a share out of the sums, part by part if it is wide, and out of its row."""
        name, failures = shard.study.generation, 0
        row_key = keys.subject_row(shard.study.id, shard.number, row.subject.id)
        while name in (row.shares or {}):
            move = self._fitting_move(shard, row, {})
            actions = self._actions(shard, [(row, move)], [name] if move.is_complete else [])
            if not self.try_write(*actions, shard=shard):
                failures += 1
                if failures >= _ATTEMPTS:
                    raise Unavailable("a subject is being written to")
            elif move.is_complete:
                return
            reread = paging.read_row(self.table, row_key)
            assert reread is not None
            row = reread

    def write_or_spread(self, shard: FencedShard, actions: Sequence[Action]) -> None:
        """Write; where rows of sums were too large for it, whoever tries again finds them spread.

        Raises `TransactionCancelled` then too.
        """
        sum_rows = list(_sum_rows_of(actions))
        try:
            units = self.table.write(actions)
        except (TransactionCancelled, InvalidTransaction) as error:
            codes = error.codes if isinstance(error, TransactionCancelled) else [_INVALID]
            if _INVALID in codes:
                self.spreading.find_full_rows(shard.study.id, shard.number, sum_rows)
            raise TransactionCancelled(codes) from error
        usual = USUAL_BYTES * len(sum_rows) + _USUAL_ROW_BYTES * (len(actions) - len(sum_rows))
        with suppress(Unavailable):
            self.spreading.note_cost(
                shard.study.id, shard.number, sum_rows, units, UNITS_A_KILOBYTE * usual / 1024
            )

    def try_write(self, *actions: Action, shard: FencedShard | None = None) -> bool:
        """Write; say whether all was as it was read, and of a shard's sums, not too large."""
        try:
            if shard is None:
                self.table.write(actions)
            else:
                self.write_or_spread(shard, actions)
        except TransactionCancelled:
            return False
        return True


def _dormant(current: Current, before: datetime) -> dict[str, Generation]:
    """Return the generations that writers keep no more since before then."""
    return {
        name: generation
        for name, generation in current.generations.items()
        if not generation.live and generation.since < stamp_text(before)
    }


def _sum_rows_of(actions: Sequence[Action]) -> Iterator[str]:
    """Find the rows of sums that actions add to."""
    for action in actions:
        if "Update" in action and (row := keys.sum_row_name(sort_key(action["Update"]["Key"]))):
            yield row


def _shards(plan: WritePlan) -> Iterator[FencedShard]:
    for study in plan.counted:
        for shard in range(plan.study.definition.shards):
            yield FencedShard(study, shard, plan.fence)


def _row_bytes(row: SubjectRow) -> int:
    return ROW_OVERHEAD_BYTES + 2 * sum(map(len, (row.shares or {}).values())) + row.size


def _fits(rows: int, changes: Share, size: int) -> bool:
    return (
        rows + len(changes) <= TRANSACTION_ACTIONS
        and size + SUM_ROW_BYTES * len(changes) <= TRANSACTION_BYTES
        and all(map(fits_one_expression, changes.values()))
    )
