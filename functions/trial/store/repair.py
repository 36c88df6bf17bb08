"""Repair: make what is counted what was recorded, by the same transactions that fill."""

from collections.abc import Iterator
from dataclasses import dataclass

from trial.definition.study import Study
from trial.statistics import cells
from trial.statistics.cells import Share
from trial.store import keys, reading
from trial.store.actions import add_to_row
from trial.store.backfill import ROUNDS, Backfill, Correction, FencedShard, PlanChanged
from trial.store.generations import (
    ACTIONS,
    FENCE,
    FENCED,
    FILLED,
    MARKS,
    MISSING_HEADER,
    STUDY_ROW,
    header_row,
    read_header,
    write_current,
)
from trial.store.paging import Row
from trial.store.rows import COMMITS
from trial.store.spreading import CELLS_A_ROW
from trial.store.table import ABSENT, Item, key, number


@dataclass(frozen=True)
class AuditedSubject:
    """A subject's row, and the rows of sums in which it is not counted as its records say."""

    row: Row
    wrong: tuple[str, ...]


class Repair(Backfill):
    """Looks a shard over, and puts right what differs."""

    def audit_subjects(self, study: Study, at: int) -> Iterator[AuditedSubject]:
        """Read a shard's subjects, each with where it is counted otherwise than its records say."""
        for row in reading.subject_rows(self.table, study.id, at):
            share, version = row.counted(study.generation)
            if version < row.version and share is not None:
                yield AuditedSubject(row, ())  # waits to be filled
                continue
            should = self.contribute(study, row.subject)
            right = share is not None and version == row.version
            wrong = cells.difference(should, share or {}) if right else should
            yield AuditedSubject(row, tuple(sorted(wrong)))

    def lacks(self, study: Study, at: int) -> Share | None:
        """Say what a shard's sums lack of what its subjects' records give.

        {} where they are right, or wait to be filled; None where the shard is too busy to tell.
        """
        found, gate = reading.difference(
            self.table, study, at, lambda row: self.contribute(study, row.subject)
        )
        if gate == MISSING_HEADER:
            return {STUDY_ROW: {COMMITS: 1}}  # its gate is gone, and with it the way to write
        return {} if gate is not None and gate.is_stale else found

    def restore_fences(self, study_id: str) -> list[tuple[int, str]]:
        """Put the plan's number on gates that carry another; name their shard and generation.

        Such a gate refuses every writer and every fill. CURRENT and its gates change together,
        so that one which differs while CURRENT stands is damaged. What it missed is not known:
        it is marked.
        """
        plan, current = self.definitions.renewed(study_id), self.definitions.current(study_id)
        assert current is not None
        standing = self.table.put(
            write_current(study_id, current), FENCED, fence=number(current.plan)
        )
        mended = []
        for name in sorted(current.live):
            for at in range(plan.study.definition.shards):
                where = keys.sum_row(study_id, at, header_row(name))
                item = self.table.get(where)
                if item is None or (found := read_header(item).fence) == current.plan:
                    continue  # `repair` makes one that is gone
                values = {":plan": number(current.plan), ":one": number(1), ":fence": number(found)}
                right = self.table.update(
                    where,
                    f"SET {FENCE} = :plan ADD {MARKS} :one",
                    FENCED,
                    ExpressionAttributeValues=values,
                )
                if self.once(standing, right):
                    mended.append((at, name))
        return mended

    def repair(self, study: Study, at: int) -> Share | None:
        """Make a shard's shares and sums what its subjects' records give; say what sums lacked."""
        for _ in range(ROUNDS):
            plan = self.definitions.join(study.id)
            if study.generation not in {each.generation for each in plan.counted}:
                return {}
            shard = FencedShard(study, at, plan.fence)
            try:
                return self._repaired(shard)
            except PlanChanged:
                continue
        return None

    def _otherwise(self, study: Study) -> Correction:
        def wrong(row: Row) -> Share | None:
            should = self.contribute(study, row.subject)
            return None if row.fresh(study.generation) == should else should

        return wrong

    def _repaired(self, shard: FencedShard) -> Share | None:
        if reading.gate_of(self.table, shard.study, shard.number) is None:
            self.once(self.table.put(_new_gate(shard), ABSENT))
        self._mark(shard)
        self.bring(shard, self._otherwise(shard.study))
        lacked: Share = {}
        generation = shard.study.generation
        for _ in range(ROUNDS):
            lacks, gate = reading.difference(
                self.table, shard.study, shard.number, lambda row: row.share(generation)
            )
            if lacks is None or gate is None:
                return None
            if not lacks:
                self.filled(shard)
                return lacked
            part = _part(lacks)
            corrected = self.additions(shard, shard.sums(part), gate.commits)
            if self.once(*corrected, shard=shard):
                lacked = cells.total((lacked, part))
        return None

    def _mark(self, shard: FencedShard) -> None:
        """Let readers compute until the shard is filled again."""
        marked = add_to_row(
            self.table, shard.gate, header_row(shard.study.generation), {}, shard.fence, marked=True
        )
        if not self.once(marked):
            raise PlanChanged("the fence was moved")


def _part(lacks: Share) -> Share:
    """Take as much of a difference as one transaction corrects."""
    rows = sorted(lacks, key=lambda row: row != STUDY_ROW)[: ACTIONS // 2]
    return {row: dict(sorted(lacks[row].items())[:CELLS_A_ROW]) for row in rows}


def _new_gate(shard: FencedShard) -> Item:
    values = {COMMITS: 0, FENCE: shard.fence, MARKS: 1, FILLED: 0}
    return key(shard.gate) | {name: number(value) for name, value in values.items()}
