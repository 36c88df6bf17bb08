"""Reading some rows of sums: as reading all of them, in one state, at a cost of its own."""

import statistics
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

import blinded
import builders
import doubles
import pytest
from bench import Bench
from blinded import Case
from hypothesis import given, settings
from test_blinded_sums import SLOWLY, Kept
from test_reading import Reads

from trial.definition.study import Study
from trial.reporting import report
from trial.statistics.cells import SelectedSums, Selection, Share, Sums
from trial.statistics.ranges import group_of, range_of, ranges_in
from trial.store.selecting import part_ranges, ranges
from trial.store.spreading import PART
from trial.store.table import Table
from trial.subject.fold import Outcome
from trial.tables.compiled import StoredRows

NONE = StoredRows((), ())
RECORDED, REPEATED = Outcome.RECORDED, Outcome.REPEATED


def readers(view: Study) -> Iterator[Callable[[Share], Any]]:
    """Yield what each query makes of sums."""
    for table in view.definition.tables:
        yield lambda sums, name=table.id: report.tables(view, sums, {name})  # type: ignore[misc]
    yield lambda sums: report.flow(view, sums)
    yield lambda sums: (report.live_cut(view, sums), report.summary(view, sums))
    yield lambda sums: report.discrepancies(view, sums, {})
    yield lambda sums: report.tables(view, sums)


@settings(SLOWLY, max_examples=12)
@given(blinded.cases())
def test_a_query_reads_what_it_would_read_in_all_the_sums(case: Case) -> None:
    instance = Kept(case.study)
    instance.record(case.first_feed)
    for view in case.study.views:
        whole = instance.store.sums(view)
        for reader in readers(view):
            assert instance.store.read_sums(view, reader) == reader(whole)


def counted(sums: Share) -> tuple[int, int, int]:
    """Read rows of which each event of the toy changes all: two by name, one that values spread."""
    accepted = sums.get("study", {}).get("accepted", 0)
    kinds = sum(sums.get("kinds#0", {}).values())
    tallies = Sums.of(sums).spread("results#tally#0")
    return accepted, kinds, sum(n for tally in tallies for n in tally.values())


def test_a_study_without_events_has_no_sums(bench: Bench) -> None:
    assert bench.store().read_sums(bench.study, counted) == (0, 0, 0)


def test_rows_that_depend_on_others_are_read_then(bench: Bench) -> None:
    bench.record(*(bench.event("P1", f"L{i}", result=str(40 * i)) for i in range(3)))

    def largest(sums: Share) -> list[int]:
        n = sums.get("results#0", {}).get("0.n", 0)
        tallies = (sums.get(f"results#tally#0#{number}", {}) for number in range(n))
        return [count for tally in tallies for count in tally.values()]

    assert bench.store().read_sums(bench.study, largest) == largest(bench.store().sums(bench.study))


def test_a_row_is_counted_once_that_is_asked_for_by_its_name_and_with_all_of_its_tally(
    bench: Bench,
) -> None:
    bench.record(*(bench.event("P1", f"L{i}", result=str(40 * i)) for i in range(3)))

    def twice(sums: Share) -> list[int]:
        if not sums.get("results#0", {}).get("0.n", 0):
            return []
        by_name = [sums.get(f"results#tally#0#{number}", {}) for number in range(3)]
        together = Sums.of(sums).spread("results#tally#0")
        return [n for tallies in (by_name, together) for tally in tallies for n in tally.values()]

    assert bench.store().read_sums(bench.study, twice) == [1] * 6


def test_an_error_of_a_reader_that_has_all_its_rows_is_raised(bench: Bench) -> None:
    bench.record(bench.event("P1"))

    def fails(sums: Share) -> int:
        return sums.get("kinds#0", {})["no such cell"]

    with pytest.raises(KeyError):
        bench.store().read_sums(bench.study, fails)


def test_selected_sums_refuse_to_be_gone_through() -> None:
    sums = SelectedSums({"a": {"x": 1}, "b": {"x": 2}}, Selection(frozenset("a")))
    assert sums.get("a") == {"x": 1}
    assert not sums.lacking
    sums.get("b")
    sums.spread("c")
    assert sums.lacking == Selection(frozenset("b"), frozenset({"c#"}))
    ways: list[Callable[[Any], Any]] = [
        list,
        dict,
        lambda rows: rows["a"],
        lambda rows: "a" in rows,
        lambda rows: rows.items(),
    ]
    for reading in ways:
        with pytest.raises(TypeError, match="by the names"):
            reading(sums)


def test_a_transaction_amid_the_reading_begins_it_anew(open_bench: Callable[..., Bench]) -> None:
    bench = open_bench(shards=1)
    bench.record(*(bench.event("P1", f"L{i}", result=str(40 * i)) for i in range(4)))
    late: dict[int, Any] = {1: lambda: bench.record(bench.event("P2"))}
    bench.client, client = Reads(bench.client, "query", late), bench.client
    store = bench.store()
    bench.client = client
    assert store.read_sums(bench.study, counted) == (5, 5, 5)


def test_a_shard_that_is_always_busy_is_read_from_its_subjects(bench: Bench) -> None:
    bench.record(*(bench.event(f"P{i}") for i in range(3)))

    def conflict() -> None:
        raise doubles.cancelled("TransactionConflict")

    busy = Reads(bench.client, "transact_get_items", dict.fromkeys(range(1, 99), conflict))
    bench.client, client = busy, bench.client
    assert bench.store().read_sums(bench.study, counted) == (3, 3, 3)
    bench.client = client


def test_sums_that_are_stale_are_read_from_the_subjects(bench: Bench) -> None:
    bench.record(*(bench.event(f"P{i}") for i in range(3)))
    newer = bench.store(version=bench.study.version + 1)
    assert newer.read_sums(newer.study(bench.study.id), counted) == (3, 3, 3)


@pytest.mark.parametrize("client", ["memory", "ministack"], indirect=True)
def test_what_is_read_beside_sixteen_writers_is_always_one_state(bench: Bench) -> None:
    writers, events = 16, 6
    states: list[tuple[int, int, int]] = []
    started, finished = threading.Event(), threading.Event()

    def write(writer: int) -> None:
        store = bench.store()
        for i in range(events):
            event = bench.event(f"P{writer}", f"L{i}", result=str(31 * i))
            while bench.record(event, store=store) not in ([RECORDED], [REPEATED]):
                pass

    def read() -> None:
        store = bench.store()
        states.append(store.read_sums(bench.study, counted))
        started.set()
        while not finished.is_set():
            states.append(store.read_sums(bench.study, counted))
        states.append(store.read_sums(bench.study, counted))

    reader = threading.Thread(target=read)
    reader.start()
    started.wait()
    with ThreadPoolExecutor(writers) as threads:
        list(threads.map(write, range(writers)))
    finished.set()
    reader.join()
    assert len(set(states)) > 1
    assert all(len(set(state)) == 1 for state in states)
    assert states == sorted(states)
    assert states[-1] == (writers * events,) * 3


def test_ranges_hold_the_rows_and_their_parts_and_little_else() -> None:
    rows = [f"cells#{i}" for i in range(30)]
    small = StoredRows(sorted(rows), ["t#tally#1.0#", "t#tally#3.0#"])
    assert ranges(Selection(frozenset({"flow#0"})), small) == [("flow#0", "flow#0~\U0010ffff")]
    # Nine others sort between `cells#1` and its parts, and three between the next two.
    first, second = ranges(Selection(frozenset({"cells#1"})), small)
    assert (first, second[0]) == (("cells#1", "cells#1"), "cells#1~")
    assert ranges(Selection(frozenset({"cells#12", "cells#16"})), small) == [
        ("cells#12", "cells#16~\U0010ffff")
    ]
    assert len(ranges(Selection(frozenset({"cells#12", "cells#17"})), small)) == 2
    # A tally in between would be read in vain, however large it is.
    between = Selection(starts=frozenset({"t#tally#0.0#", "t#tally#2.0#"}))
    assert len(ranges(between, small)) == 2
    assert len(ranges(between, NONE)) == 1
    # What the names of tallies by arm begin with sorts before them, and is none of its own.
    by_arm = StoredRows([], ["t#tally#1.", "t#tally#2."])
    tallies = Selection(starts=frozenset({"t#tally#1.0#", "t#tally#1.1#", "t#tally#2.0#"}))
    assert ranges(tallies, by_arm) == [("t#tally#1.0#", "t#tally#2.0#\U0010ffff")]
    assert len(ranges(tallies, StoredRows([], ["t#tally#1.", "t#tally#10.", "t#tally#2."]))) == 2
    assert ranges(Selection(frozenset({"a", "unblinded:a"})), NONE) == [
        ("a", "a~\U0010ffff"),
        ("unblinded:a", "unblinded:a~\U0010ffff"),
    ]


def test_parts_of_neighbouring_ranges_are_read_at_once() -> None:
    def parts(*numbers: int) -> list[tuple[str, str]]:
        return part_ranges([f"t#tally#1#{number}" for number in numbers])

    assert parts(213, 212, 215) == [
        ("t#tally#1#212~", "t#tally#1#213~\U0010ffff"),
        ("t#tally#1#215~", "t#tally#1#215~\U0010ffff"),
    ]
    assert parts(-101, -100) == [("t#tally#1#-100~", "t#tally#1#-101~\U0010ffff")]
    # Between the parts of 12 and those of 13 sort 130 to 139, between 99 and 100 much else.
    assert [len(parts(*pair)) for pair in ((12, 13), (99, 100), (-100, 100))] == [2, 2, 2]
    assert len(part_ranges(["t#tally#1#212", "t#tally#2#213"])) == 2
    # What lies between in name alone is read by itself, and no part twice.
    assert len(parts(212, 213, 2_120)) == 2
    assert parts(212, 213, 2_130) == [
        ("t#tally#1#212~", "t#tally#1#212~\U0010ffff"),
        ("t#tally#1#2130~", "t#tally#1#2130~\U0010ffff"),
        ("t#tally#1#213~", "t#tally#1#213~\U0010ffff"),
    ]
    assert part_ranges([]) == []


MEDIANS = (
    {
        "id": "low",
        "label": "Low",
        "set": "enrolled",
        "where": {"measure": "day14-copies", "below": 2_000},
    },
    {"id": "all", "label": "All", "set": "enrolled"},
)
SUMMARY = {
    "id": "copies",
    "label": "Copies",
    "summary": "day14-copies",
    "statistics": ["n", "median", "q3", "p90"],
}


@pytest.mark.parametrize("widest", [-1, 96])
def test_a_table_of_medians_reads_no_range_that_holds_no_rank(
    widest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trial.tables.compiled.MAX_ROWS_BY_POSITION", widest)
    monkeypatch.setattr("trial.tables.compiled._ARRANGED", {})
    monkeypatch.setattr("trial.tables.compiled._STORED", {})
    table = {"id": "T", "title": "T", "population": "All", "columns": [*MEDIANS], "rows": [SUMMARY]}
    instance = Kept(builders.tiny(tables=[table], key_results=[]))
    copies = [18 + 7_919 * n % 5_000 for n in range(60)]
    for n, result in enumerate(copies):
        subject = f"S-{n}"
        instance.record([builders.enrolment(subject=subject)])
        instance.record([builders.viral_load(14, result, subject=subject)])
    ranges_read: list[str] = []
    get_batch = Table.get_batch

    def noted(table: Table, row_keys: Any) -> Any:
        ranges_read.extend(key[1].rpartition("#")[2] for key in row_keys if "#tally#" in key[1])
        return get_batch(table, row_keys)

    monkeypatch.setattr(Table, "get_batch", noted)
    view = instance.study
    (grid,) = instance.store.read_sums(view, lambda sums: report.tables(view, sums, {"T"}))
    assert (grid,) == tuple(report.tables(view, instance.store.sums(view)))
    holding = set[int]()
    for column in ([value for value in copies if value < 2_000], copies):
        for p in (Fraction(1, 2), Fraction(3, 4), Fraction(9, 10)):
            rank, between = divmod(len(column) * p, 1)
            ranks = [rank + 1] if between else [rank, rank + 1]
            holding |= {
                number
                for rank in ranks
                for number in ranges_in(group_of(range_of(sorted(column)[int(rank) - 1] // 32)))
            }
    assert set(map(int, ranges_read)) == holding
    groups = {group_of(range_of(value // 32)) for value in copies}
    assert len(holding) == 4 * len({*map(group_of, holding)}) < 4 * len(groups)


def test_medians_out_of_parts_equal_those_of_all_values(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"id": "T", "title": "T", "population": "All", "columns": [*MEDIANS], "rows": [SUMMARY]}
    instance = Kept(builders.tiny(tables=[table], key_results=[], shards=2))
    view, rows = instance.study, instance.client.tables["t"]
    copies = [21_000 + 7_919 * n % 17_000 for n in range(160)]
    for n, result in enumerate(copies):
        if n == len(copies) // 2:  # from now on what is added goes into parts
            for shard in range(2):
                instance.store._spreading.read_notes(view, shard)
            instance.store._spreading.note_full([key for key in rows if "#tally#" in key[1]])
        subject = f"S-{n}"
        instance.record([builders.enrolment(subject=subject)])
        instance.record([builders.viral_load(14, result, subject=subject)])
    assert sum("#tally#" in key[1] and PART in key[1] for key in rows) > 20
    monkeypatch.setattr("trial.store.selecting.may_have_parts", lambda _: True)
    queries: list[str] = []
    query_range = Table.query_range

    def noted(table: Table, partition: str, first: str, last: str) -> Any:
        queries.extend([first] * (PART in first))
        return query_range(table, partition, first, last)

    monkeypatch.setattr(Table, "query_range", noted)
    whole = tuple(report.tables(view, instance.store.sums(view)))
    costs = []
    for many in (2_000, 4):
        monkeypatch.setattr("trial.statistics.tallies._MANY", many)
        queries.clear()
        read = instance.store.read_sums(view, lambda sums: report.tables(view, sums, {"T"}))
        assert tuple(read) == whole
        costs.append(len(queries))
    (row,) = whole[0].rows
    medians = [s.raw for cell in row.cells for s in cell.statistics if s.name == "median"]
    assert medians[1] == str(statistics.median(copies)).removesuffix(".0")
    assert costs[0] == 2  # of each shard one, for the parts of a whole group


@pytest.mark.parametrize("client", ["memory"], indirect=True)  # ministack: 1 unit a query
def test_what_a_query_costs_depends_on_its_rows_alone(open_bench: Callable[..., Bench]) -> None:
    bench = open_bench(shards=1)
    results = 0

    def units_of(query: Callable[[Share], Any]) -> float:
        store = bench.store()
        bench.units.clear()
        store.read_sums(bench.study, query)
        return sum(units for operation, units in bench.units if operation == "query")

    costs = []
    for size in (10, 400):
        for _ in range(results, size):
            bench.record(bench.event(f"P{results % 7}", f"L{results}", result=str(results * 37)))
            results += 1
        costs.append((units_of(lambda sums: sums.get("kinds#0")), units_of(counted)))
    (cost_small, all_few), (cost_large, all_many) = costs
    assert cost_small == cost_large
    assert all_many > all_few
