"""Wide definitions through the store: accepted, counted in parts, read as recomputed."""

from collections.abc import Iterable, Iterator
from typing import Any

import builders
import pytest
import toy
import wide
from bench import create_table, ministack_client
from counted import check_sums
from doubles import Clock, MemoryClient

from trial.commands import auditing
from trial.definition.study import Study
from trial.events import blinding
from trial.events.envelope import Entry
from trial.reporting import report
from trial.statistics import cells
from trial.store import Store, keys, paging
from trial.store.table import Table
from trial.subject.fold import Outcome
from trial.tables import checking
from trial.tables.compiled import arrangement, audiences_read

NAME = "wide"


class Kept:
    """A wide study in a store."""

    def __init__(self, study: Study, client: Any) -> None:
        self.study, self.clock = study, Clock()
        self.writes = self.queries = 0
        self.units = 0.0
        self.store = Store(Table(client, NAME, self._meter), report.contribute, self.clock)
        self.store.put_definition(study, study.source)
        self.recorded: list[Entry] = []

    def _meter(self, operation: str, units: float) -> None:
        self.writes += operation == "transact_write_items"
        self.queries += operation == "query"
        self.units += units

    def record(self, entries: Iterable[Entry]) -> int:
        """Record entries; return how many transactions that took."""
        before, new = self.writes, list(entries)
        for result in self.store.record(self.study, toy.receipts(new)):
            assert result.outcome is Outcome.RECORDED, result.outcome
        self.recorded += new
        return self.writes - before

    def check(self) -> None:
        """Demand that every audience reads what is recomputed, and that nothing is partial."""
        subjects = builders.subjects(self.recorded)
        for view in self.study.views:
            counted = cells.total(report.compiled(view).contribute(subject) for subject in subjects)
            assert self.store.sums(view) == counted
            for table in view.definition.tables:
                (grid,) = self.store.read_sums(
                    view, lambda sums, name=table.id, view=view: report.tables(view, sums, {name})
                )
                assert grid == next(iter(report.tables(view, counted, {table.id})))
        assert set(map(str, check_sums(self.store, self.study).values())) == {"{}"}
        for shard in range(self.study.definition.shards):
            partition = keys.shard_partition(self.study.id, shard)
            for row in paging.scan_rows(self.store._table, partition):
                assert row.current_share(self.study.generation) is not None


@pytest.fixture(params=["memory", "ministack"])
def client(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "memory":
        yield MemoryClient()
        return
    client = ministack_client(request.getfixturevalue("ministack"))
    create_table(client, NAME)
    yield client
    client.delete_table(TableName=NAME)


@pytest.mark.parametrize("blinded", [False, True])
def test_thirty_analytes_with_medians_over_eleven_visits(client: Any, blinded: bool) -> None:  # noqa: FBT001
    study = wide.many_analytes(blinded=blinded)
    checking.check_definition(study)
    instance = Kept(study, client)
    analytes = list(study.definition.parameters)
    instance.record(wide.feed(study, "P1", analytes, 3, "placebo"))
    instance.record(wide.feed(study, "P2", analytes[:3], 2, "high"))
    assert instance.record([wide.moved(study, "P1", "low")]) > 1
    instance.check()
    (grid,) = report.tables(study, instance.store.sums(study))
    row = next(row for row in grid.rows if row.id == "analyte-0/week-2")
    medians = {cell.column: cell.get("median").text for cell in row.cells if cell.get("median")}
    assert (medians["low"], medians["total"], medians["placebo"]) == (
        "25.10",
        "25.10",
        "not reported",
    )


@pytest.mark.parametrize("client", ["memory"], indirect=True)  # `test_wide_pilot` has ministack
def test_the_pilot_blinded_with_a_laboratory_table_beside_all_others(client: Any) -> None:
    study = wide.pilot()
    checking.check_definition(study)
    instance = Kept(study, client)
    instance.record(wide.feed(study, "01-701-1015", wide.PILOT_ANALYTES, 2, "placebo"))
    assert instance.record([wide.moved(study, "01-701-1015", "xanomeline-low")]) > 1
    instance.check()
    audited = auditing.audit(instance.store, study.id)
    assert (audited.complete, audited.differences) == (True, ())


@pytest.mark.parametrize("blinded", [False, True])
def test_a_table_is_read_by_a_few_queries_however_many_tallies_it_has(blinded: bool) -> None:  # noqa: FBT001
    study = wide.many_analytes(blinded=blinded)
    instance = Kept(study, MemoryClient())
    instance.record(wide.feed(study, "P1", list(study.definition.parameters)[:3], 2, "low"))
    for view in study.views:
        instance.queries = 0
        (grid,) = instance.store.read_sums(view, lambda sums, view=view: report.tables(view, sums))
        assert sum(1 for row in grid.rows for cell in row.cells if cell.get("median")) > 600
        pages = 2 * len(audiences_read(view)) + 1
        assert instance.queries <= 2 * pages * study.definition.shards


class TestWhereCellsStand:
    def share(self, *, blinded: bool) -> Any:
        study = wide.many_analytes(blinded=blinded)
        analytes = list(study.definition.parameters)
        (subject,) = builders.subjects(wide.feed(study, "P1", analytes, 4, "low"))
        return report.contribute(study, subject)

    def test_a_visits_results_stand_together(self) -> None:
        study = wide.many_analytes()
        analytes = [f"analyte-{number}" for number in range(wide.ANALYTES)]
        entries = list(wide.feed(study, "P1", analytes, 4, "low"))
        shares = [
            report.contribute(study, *builders.subjects(entries[: len(entries) - n_missing]))
            for n_missing in (0, 1, len(analytes))
        ]
        of_a_result, of_a_visit = (
            cells.difference(shares[0], before).keys() for before in shares[1:]
        )
        assert len(of_a_result) == 5  # the header, value and change, and a tally of each
        moments = {row for row in of_a_visit if row.startswith("cells@")}
        assert moments == {row for row in moments if row.startswith("cells@week-6#")}
        assert len(moments) == 12
        assert len(of_a_visit) == 1 + 12 + 2 * len(analytes)

    def test_what_pooling_leaves_alone_is_counted_once(self) -> None:
        plain, blinded = (self.share(blinded=is_blinded) for is_blinded in (False, True))
        assert sum(map(len, blinded.values())) == sum(map(len, plain.values()))
        for row, counted in blinded.items():
            if blinding.is_unblinded_row(row):
                alike = blinded.get(row.removeprefix("unblinded:"), {})
                assert counted.keys().isdisjoint(alike)

    def test_rows_of_sums_stay_small(self) -> None:
        share = self.share(blinded=False)
        assert max(map(len, share.values())) <= 64
        assert arrangement(wide.many_analytes()) is not None
