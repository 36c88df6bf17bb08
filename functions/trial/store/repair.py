"""Repair: make what is counted what was recorded, by the same transactions that fill."""

from collections.abc import Container, Iterator, Sequence

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.statistics import cells
from trial.statistics.cells import Share
from trial.store import keys, reading
from trial.store.actions import add_to_row
from trial.store.backfill import ROUNDS, Backfill, Correction, FencedShard, PlanChanged
from trial.store.generations import (
    FENCE,
    FENCED,
    HEADER_ROW,
    MISSING_HEADER,
    RECONCILED_MARKS,
    STALE_MARKS,
    TRANSACTION_ACTIONS,
    generation_row,
    header_row,
    read_header,
    write_current,
)
from trial.store.moving import STALE_MARK
from trial.store.paging import SubjectRow
from trial.store.rows import COMMITS, JournalRow
from trial.store.spreading import EXPRESSION_CELLS, is_costly, may_have_parts
from trial.store.table import ABSENT, Item, key, key_of, number


@dataclass(frozen=True)
class AuditedSubject:
    """A subject's row, and the rows of sums in which it is not counted as its records say.

    Its journal was read behind the row, with what stood there beyond it.
    """

    row: SubjectRow
    wrong_rows: tuple[str, ...]
    journal: Sequence[JournalRow]


class Repair(Backfill):
    """Looks a shard over, and puts right what differs."""

    def audit_subjects(self, study: Study, shard: int, after: str = "") -> Iterator[AuditedSubject]:
        """Read a shard's subjects and their journals; say of each where it is counted wrongly.

        `after` is one of them: then those that follow it.
        """
        rows = reading.subject_rows(self.table, study.id, shard, after)
        for row, journal in reading.journals(self.table, study.id, rows):
            counted = row.counted_share(study.generation)
            if counted.version < row.version and counted.share is not None:
                yield AuditedSubject(row, (), journal)  # waits to be filled
                continue
            expected = self.contribute(study, row.subject)
            share = row.current_share(study.generation)
            difference = expected if share is None else cells.difference(expected, share)
            yield AuditedSubject(row, tuple(sorted(difference)), journal)

    def missing_sums(
        self, study: Study, shard: int, wrong_shares: Container[str] | None
    ) -> Share | None:
        """Return what a shard's sums lack of what its subjects' records give.

        {} where they are right, or wait to be filled; None where the shard is too busy to tell.
        Shares that are known to be right are not computed again: `wrong_shares` are the subjects of
        whom they are not, None where nothing is known. Rows that are full are noted for writers.
        """
        full_rows = set[keys.Key]()

        def share_of(row: SubjectRow) -> Share:
            if wrong_shares is not None and row.subject.id not in wrong_shares:
                self.beat()
                share = row.current_share(study.generation)
                if share is not None:
                    return share
            return self.contribute(study, row.subject)

        def pass_by(item: Item) -> None:
            if is_costly(item):
                full_rows.add(key_of(item))

        missing, header = reading.sum_difference(self.table, study, shard, share_of, pass_by)
        self.spreading.read_notes(study, shard)
        self.spreading.note_full(full_rows)
        if header == MISSING_HEADER:
            return {HEADER_ROW: {COMMITS: 1}}  # without it nothing can be written to the shard
        return {} if header is not None and header.is_stale else missing

    def restore_fences(self, study_id: str) -> list[tuple[int, str]]:
        """Put the plan's number on headers that carry another; name their shard and generation.

        Such a header refuses every writer and every fill. CURRENT and its headers change together,
        so that one which differs while CURRENT stands is damaged. What it missed is not known:
        it is marked.
        """
        plan, current = self.definitions.reload_plan(study_id), self.definitions.current(study_id)
        assert current is not None
        unchanged_current = self.table.put(
            write_current(study_id, current), FENCED, fence=number(current.plan_number)
        )
        restored = []
        for name in sorted(current.live):
            for shard in range(plan.study.definition.shards):
                header_key = keys.sum_row(study_id, shard, header_row(name))
                item = self.table.get(header_key)
                if item is None or (fence := read_header(item).fence) == current.plan_number:
                    continue  # `repair` makes one that is gone
                values = {
                    ":plan": number(current.plan_number),
                    ":one": number(1),
                    ":fence": number(fence),
                }
                corrected_header = self.table.update(
                    header_key,
                    f"SET {FENCE} = :plan ADD {STALE_MARKS} :one",
                    FENCED,
                    ExpressionAttributeValues=values,
                )
                if self.try_write(unchanged_current, corrected_header):
                    restored.append((shard, name))
        return restored

    def repair(self, study: Study, shard_number: int) -> Share | None:
        """Make a shard's shares and sums what its records give; return what sums lacked."""
        for _ in range(ROUNDS):
            plan = self.definitions.join(study.id)
            if study.generation not in {counted.generation for counted in plan.counted}:
                return {}
            shard = FencedShard(study, shard_number, plan.fence)
            try:
                return self._repair_shard(shard)
            except PlanChanged:
                continue
        return None

    def _wrong_share(self, study: Study) -> Correction:
        def correction(row: SubjectRow) -> Share | None:
            expected = self.contribute(study, row.subject)
            return None if row.current_share(study.generation) == expected else expected

        return correction

    def _repair_shard(self, shard: FencedShard) -> Share | None:
        if reading.header(self.table, shard.study, shard.number) is None:
            self.try_write(self.table.put(self._new_header(shard), ABSENT))
        self._mark_stale(shard)
        self.replace_shares(shard, self._wrong_share(shard.study))
        lacked: Share = {}
        large_rows = set[keys.Key]()
        generation = shard.study.generation

        def pass_by(item: Item) -> None:
            if may_have_parts(item):
                large_rows.add(key_of(item))

        for _ in range(ROUNDS):
            missing, header = reading.sum_difference(
                self.table, shard.study, shard.number, lambda row: row.share(generation), pass_by
            )
            if missing is None or header is None:
                return None
            if not missing:
                self.reconcile(shard)
                return lacked
            corrected = _correctable_at_once(missing)
            row_keys = {
                keys.sum_row(shard.study.id, shard.number, generation_row(generation, row))
                for row in corrected
            }
            self.spreading.forget(row_keys - large_rows)
            additions = self.additions(shard, shard.sums(corrected), header.commits)
            if self.try_write(*additions, shard=shard):
                lacked = cells.total((lacked, corrected))
        return None

    def _new_header(self, shard: FencedShard) -> Item:
        """Write the header of a shard that has lost it: stale, with the marks of partial shares.

        Without a header nothing is written to the shard, so none becomes partial meanwhile.
        """
        generation = shard.study.generation
        rows = reading.subject_rows(self.table, shard.study.id, shard.number)
        marks = 1 + sum(row.counted_share(generation).is_marked for row in rows)
        values = {COMMITS: 0, FENCE: shard.fence, STALE_MARKS: marks, RECONCILED_MARKS: 0}
        return key(shard.header_key) | {name: number(value) for name, value in values.items()}

    def _mark_stale(self, shard: FencedShard) -> None:
        """Mark a shard stale: readers compute for themselves until it is backfilled."""
        row = header_row(shard.study.generation)
        mark = add_to_row(self.table, shard.header_key, row, {}, shard.fence, marks=STALE_MARK)
        if not self.try_write(mark):
            raise PlanChanged("the fence has changed")


def _correctable_at_once(missing: Share) -> Share:
    """Return as much of a difference as one transaction corrects, the header first."""
    rows = sorted(missing, key=lambda row: row != HEADER_ROW)[: TRANSACTION_ACTIONS // 2]
    return {row: dict(sorted(missing[row].items())[:EXPRESSION_CELLS]) for row in rows}
