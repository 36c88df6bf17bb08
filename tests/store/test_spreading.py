"""Rows of sums outgrow no item: long names are kept once, and a row that is full is spread."""

import json
import random
from typing import Any

import pytest
import toy
from bench import Bench
from counted import check_sums

from trial.definition.study import Study
from trial.errors import Unavailable
from trial.events.envelope import Entry
from trial.events.json_body import canonical
from trial.statistics import cells
from trial.statistics.cells import Share
from trial.store import cell_names, keys
from trial.store.spreading import (
    COSTLY_BYTES,
    Spreading,
    _item_bytes,
    _noted_parts,
    base_row,
    fits_one_expression,
    may_have_parts,
)
from trial.store.table import key, key_of
from trial.subject.fold import Outcome, Subject

TERMS = 260
RECORDED = Outcome.RECORDED


def contribute(study: Study, subject: Subject, **_former: object) -> Share:
    """Count codings as a table of terms does: by class and by term, in three columns."""
    share = toy.contribute(study, subject)
    for record in subject.records.values():
        if record.kind != "adverse-event.coded" or record.void:
            continue
        for name in ([record.data["soc"]], [record.data["soc"], record.data["pt"]]):
            text = canonical(name)
            row = share.setdefault("t#terms1-0", {})
            for column in range(3):
                for statistic in "ne":
                    cells.add(row, {f"1.{column}.{statistic}{text}": 1})
    return share


def term(number: int, length: int = 200) -> str:
    """Write a term of characters that take four bytes each."""
    digits = random.Random(number).choices(range(0x20000, 0x20400), k=length)  # noqa: S311
    return "".join(map(chr, digits))


def coded(study: str, subject: str, number: int, revision: int = 1, **options: Any) -> Entry:
    data = {"record": f"C-{number % TERMS}", "revision": revision, "adverse_event": "AE-1",
            "dictionary": "MedDRA", "version": "18.1", "soc": term(-1 - number % 3),
            "pt": term(number)}  # fmt: skip
    if revision > 1:
        data["reason_for_change"] = "coded anew"
    return toy.parsed(study, subject, "adverse-event.coded", data | options)


def sum_rows(bench: Bench, shard: int = 0) -> dict[str, Any]:
    start = keys.sum_prefix(bench.study.generation)
    query = bench.table().query(keys.shard_partition(bench.study.id, shard), start)
    return {item["SK"]["S"].removeprefix(start): item for item in query}


def check(bench: Bench) -> None:
    """Demand that the sums are those of the subjects, whoever reads them."""
    store = bench.store(contribute=contribute)
    subjects = list(store.subjects(bench.study))
    assert all(subject.share == contribute(bench.study, subject.subject) for subject in subjects)
    sums = store.sums(bench.study)
    assert sums == cells.total(subject.share for subject in subjects)
    for row in sums:  # one row with all its parts, though names of others begin as its own does
        assert (
            store.read_sums(bench.study, lambda sums_read, row=row: sums_read.get(row)) == sums[row]
        )
    assert set(map(str, check_sums(store, bench.study).values())) <= {"{}"}


@pytest.fixture
def bench(open_bench: Any) -> Bench:
    result: Bench = open_bench(1)
    return result


@pytest.mark.parametrize("client", ["memory", "ministack"], indirect=True)
def test_hundreds_of_long_terms_are_coded_recoded_and_taken_back(bench: Bench) -> None:
    name, store = bench.study.id, bench.store(contribute=contribute)
    entries = [coded(name, f"P{number % 13}", number) for number in range(TERMS)]
    for start in range(0, TERMS, 65):
        outcomes = bench.record(*entries[start : start + 65], store=store)
        assert outcomes == [RECORDED] * 65
    rows = sum_rows(bench)
    parts = [row for row in rows if base_row(row) == "t#terms1-0"]
    assert len(parts) > 2
    assert max(len(attribute) for row in rows.values() for attribute in row) <= 255
    check(bench)
    fresh_store = bench.store(
        contribute=contribute
    )  # a process that knows of no row that it is full
    for start in range(0, 40, 20):
        recoded = [coded(name, f"P{n % 13}", n, 2, pt="Rash") for n in range(start, start + 20)]
        assert bench.record(*recoded, store=fresh_store) == [RECORDED] * 20
    check(bench)
    fresh_store.clear_sums(bench.study)  # nobody is erased
    assert sum_rows(bench).keys() >= set(parts)


def test_no_name_of_a_cell_is_left_that_counts_nobody_once_a_subject_is_erased(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trial.store.spreading.FULL_BYTES", 0)
    name, store = bench.study.id, bench.store(contribute=contribute)
    bench.record(*(coded(name, "P1", number) for number in range(3)), store=store)
    store._spreading.find_full_rows(
        name, 0, [f"{bench.study.generation}#{row}" for row in sum_rows(bench)]
    )
    recoded = (coded(name, "P1", number, 2, soc="Skin", pt="Rash") for number in range(3))
    bench.record(*recoded, store=store)
    before = str(sum_rows(bench).values())
    assert all(canonical([term(-1 - number), term(number)]) in before for number in range(3))
    store.erase(bench.study, "P1")
    after = str(sum_rows(bench).values())
    assert not any(term(number) in after for number in range(-4, 4))
    assert "Rash" in after
    check(bench)


def test_a_change_too_wide_for_a_transaction_goes_beside_what_is_spread(bench: Bench) -> None:
    name = bench.study.id
    spreading = Spreading(bench.table())
    change = {f'1.0.n["{number}"]': 1 for number in range(500)}
    rows = {f"{bench.study.generation}#t#{row}": change for row in range(20)}
    study, steps = bench.study, ("", "0", "1", "00", "01", "10", "11")
    spreading.read_notes(study, 0)
    assert spreading.note_full(
        keys.sum_row(name, 0, f"{row}~{step}" if step else row) for row in rows for step in steps
    )
    placed = spreading.place(name, 0, rows)
    assert len(placed) <= 96
    assert all(map(fits_one_expression, placed.values()))
    total: Share = {}
    for part, item in placed.items():
        cells.add(total.setdefault(base_row(part), {}), item)
    assert total == rows


def test_a_change_of_many_cells_is_made_by_several_expressions(bench: Bench) -> None:
    cells_many = [json.dumps([str(number)]) for number in range(700)]

    def wide(study: Study, subject: Subject, **_former: object) -> Share:
        return toy.contribute(study, subject) | {"t#0": {f"1.0.n{item}": 1 for item in cells_many}}

    store = bench.store(contribute=wide)
    assert bench.record(bench.event("P1"), store=store) == [RECORDED]
    assert store.sums(bench.study)["t#0"] == {f"1.0.n{item}": 1 for item in cells_many}


def test_no_row_that_has_parts_is_small(bench: Bench) -> None:
    spreading, row = Spreading(bench.table()), f"{bench.study.generation}#t#tally#1#0"
    placed = spreading.place(bench.study.id, 0, {row: {f"0={n}": 1 for n in range(300)}})
    assert len(placed[row]) == 140
    assert all(map(fits_one_expression, placed.values()))
    assert sum(map(len, placed.values())) == 300
    assert may_have_parts({f".{name}": {"N": "0"} for name in placed[row]})
    full = {f".0={n}": {"N": "9999999"} for n in range(1_000, 1_143)}
    assert _item_bytes(full) > COSTLY_BYTES
    assert may_have_parts({name: {"N": "0"} for name in full})
    fewer = {f".0={n}": {"N": "999999"} for n in range(100_000, 100_139)}
    assert _item_bytes(fewer) > COSTLY_BYTES
    assert may_have_parts({name: {"N": "0"} for name in fewer})
    assert not may_have_parts({f".0={n}": {"N": "1"} for n in range(90)})


@pytest.mark.parametrize("client", ["memory", "ministack"], indirect=True)
def test_a_tally_in_parts_is_read_whole_by_its_key(bench: Bench) -> None:
    def of_many_values(study: Study, subject: Subject, **_former: object) -> Share:
        tally = {f"0={10**9 + n}": 1 + n % 3 for n in range(300)}
        return toy.contribute(study, subject) | {"t#tally#1#0": tally, "t#tally#1#1": {"0=5": 1}}

    store = bench.store(contribute=of_many_values)
    for number in range(3):
        assert bench.record(bench.event(f"P{number}"), store=store) == [RECORDED]
    assert len([row for row in sum_rows(bench) if base_row(row) == "t#tally#1#0"]) > 1
    whole = store.sums(bench.study)
    for row in ("t#tally#1#0", "t#tally#1#1", "t#tally#1#2"):
        row_read = store.read_sums(bench.study, lambda sums_read, row=row: sums_read.get(row))
        assert row_read == whole.get(row, {})
    store.erase(bench.study, "P1")  # nobody has the values of a subject that came and went
    assert (
        store.read_sums(bench.study, lambda sums_read: sums_read.get("t#tally#1#0"))
        == whole["t#tally#1#0"]
    )


@pytest.mark.parametrize("left", [{}, {".0=1000000001": {"N": "2"}}], ids=["none", "little"])
def test_a_tally_in_parts_that_has_lost_its_row_is_read_whole_once_it_is_repaired(
    bench: Bench, left: dict[str, Any]
) -> None:
    def of_many_values(study: Study, subject: Subject, **_former: object) -> Share:
        tally = {f"0={10**9 + n}": 1 + n % 3 for n in range(300)}
        return toy.contribute(study, subject) | {"t#tally#1#0": tally}

    store = bench.store(contribute=of_many_values)
    bench.record(bench.event("P1"), store=store)
    row_key = keys.sum_row(bench.study.id, 0, f"{bench.study.generation}#t#tally#1#0")
    writer = Spreading(bench.table())
    writer.read_notes(bench.study, 0)
    assert writer.note_full([row_key])
    table = bench.table()
    table.write([table.put(key(row_key) | left) if left else table.delete(row_key)])
    fresh_store = bench.store(contribute=of_many_values)
    assert fresh_store.repair(bench.study, 0)
    assert set(map(str, check_sums(fresh_store, bench.study).values())) == {"{}"}
    tally = fresh_store.read_sums(bench.study, lambda sums_read: sums_read.get("t#tally#1#0"))
    assert tally == of_many_values(bench.study, Subject("P1"))["t#tally#1#0"]


@pytest.mark.parametrize("client", ["memory", "ministack"], indirect=True)
def test_what_several_processes_note_is_known_to_the_next(bench: Bench) -> None:
    name, generation = bench.study.id, bench.study.generation
    full = [f"{generation}#t#tally#1#{n}{part}" for n in range(150) for part in ("", "~0", "~01")]
    row_keys = [keys.sum_row(name, 0, row) for row in full]
    first, second, third = (Spreading(bench.table()) for _ in range(3))
    for spreading, found in ((first, row_keys[:200]), (second, row_keys[100:])):
        spreading.read_notes(bench.study, 0)
        assert spreading.note_full(found)
        assert not spreading.note_full(found)
    third.read_notes(bench.study, 0)
    assert not third.note_full(row_keys)
    (row,) = third.place(name, 0, {full[0]: {"0=1": 1}})
    assert row.startswith(f"{full[0]}~")
    of_another_generation = {"another#t#tally#1#0": {"0=1": 1}}
    assert third.place(name, 0, of_another_generation) == of_another_generation


def test_an_amendment_is_filled_into_rows_that_are_full(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trial.store.spreading.FULL_BYTES", 2_000)
    name, store = bench.study.id, bench.store(contribute=contribute)
    bench.record(*(coded(name, f"P{n % 3}", n) for n in range(60)), store=store)
    later = bench.store(contribute=contribute, version=7)
    bench.record(bench.event("P1"), store=later)
    assert later.fill(name)
    assert set(map(str, check_sums(later, later.study(name)).values())) == {"{}"}
    assert later.sums(later.study(name)) == cells.total(
        subject.share for subject in later.subjects(later.study(name))
    )


def of_short_terms(study: Study, subject: Subject, **_former: object) -> Share:
    """Count codings in eight rows of sums, in three columns, as a table of terms does."""
    share = toy.contribute(study, subject)
    for record in subject.records.values():
        if record.kind == "adverse-event.coded" and not record.void:
            text = canonical([record.data["soc"], record.data["pt"]])
            for column in range(3):
                cells.add(share.setdefault("t#terms1-0", {}), {f"1.{column}.n{text}": 1})
    return share


def short(study: str, number: int) -> Entry:
    data = {"record": f"C-{number}", "revision": 1, "adverse_event": "AE-1", "dictionary": "M",
            "version": "18.1", "soc": f"Class {number % 27}",
            "pt": f"Preferred term {number}"}  # fmt: skip
    return toy.parsed(study, f"P{number % 40}", "adverse-event.coded", data)


def notes(bench: Bench) -> list[Any]:
    """Read what is noted of the generation's full rows in its only shard."""
    items = bench.table().query(keys.shard_partition(bench.study.id, 0), "FULL#")
    return [item for item in items if item["SK"]["S"] == f"FULL#{bench.study.generation}"]


def bytes_of(bench: Bench, row: str = "t#terms1-0") -> list[int]:
    return [_item_bytes(item) for name, item in sum_rows(bench).items() if base_row(name) == row]


@pytest.mark.parametrize("client", ["memory"], indirect=True)
class TestWhatGrowsCostsNoMore:
    """A row that has made a change dear is spread long before DynamoDB refuses to add to it."""

    def fill(self, bench: Bench, terms: range, processes: int = 1) -> list[float]:
        """Code one event of each term; give what each took, in units."""
        stores = [bench.store(contribute=of_short_terms) for _ in range(processes)]
        units = []
        for number in terms:
            bench.units.clear()
            event = short(bench.study.id, number)
            assert bench.record(event, store=stores[number % processes]) == [RECORDED]
            units.append(sum(cost for _, cost in bench.units))
        return units

    @pytest.mark.parametrize("processes", [1, 3])
    def test_rows_stay_small_however_many_terms_there_are(self, bench, processes):
        units = self.fill(bench, range(600), processes)
        assert sum(bytes_of(bench)) > 60_000
        assert max(bytes_of(bench)) < 8_000
        assert sum(units[-100:]) / 100 < 30
        store = bench.store(contribute=of_short_terms)
        assert store.sums(bench.study) == cells.total(
            subject.share for subject in store.subjects(bench.study)
        )
        assert set(map(str, check_sums(store, bench.study).values())) == {"{}"}

    def test_while_they_are_few_nothing_is_looked_at(self, bench):
        self.fill(bench, range(15))
        assert bench.calls.calls.count("batch_get_item") == 1  # with the first subject: no note
        assert len(bytes_of(bench)) == 1
        assert not notes(bench)

    def test_a_look_that_fails_leaves_the_event_recorded(self, bench, monkeypatch):
        def busy(*_: Any) -> None:
            raise Unavailable("DynamoDB is busy")

        monkeypatch.setattr(Spreading, "find_full_rows", busy)
        self.fill(bench, range(120))
        assert len(bytes_of(bench)) == 1
        lacking = check_sums(bench.store(contribute=of_short_terms), bench.study)
        assert set(map(str, lacking.values())) == {"{}"}

    def test_where_nothing_is_large_it_is_not_looked_at_again_until_it_is_dearer(self, bench):
        spreading = Spreading(bench.table())
        bench.calls.calls.clear()
        for units in (13, 11, 8, 13, 18, 18, 8, 13):
            spreading.note_cost(bench.study.id, 0, ["g#a#0"], units, 10)
        assert bench.calls.calls == ["batch_get_item"] * 4  # twice, a note and then a row

    def test_who_records_many_at_once_finds_them_too(self, bench):
        store = bench.store(contribute=of_short_terms)
        for start in range(0, 600, 30):
            events = [short(bench.study.id, number) for number in range(start, start + 30)]
            assert bench.record(*events, store=store) == [RECORDED] * 30
        assert max(bytes_of(bench)) < 8_000

    def test_a_process_knows_at_its_first_event_what_others_have_found(self, bench):
        self.fill(bench, range(200))
        known = sorted(part for note in notes(bench) for part in _noted_parts(note))
        assert len(known) > 3
        (units,) = self.fill(bench, range(200, 201))
        assert bench.calls.calls == ["batch_get_item", "transact_write_items"]
        assert units < 30
        assert max(bytes_of(bench)) < 8_000

    def test_one_that_has_long_lived_learns_from_a_note_without_a_look(self, bench):
        old = bench.store(contribute=of_short_terms)
        bench.record(short(bench.study.id, 0), store=old)
        self.fill(bench, range(1, 200))
        calls = old._table._client.calls
        calls.clear()
        number = 200
        while "batch_get_item" not in calls:
            bench.record(short(bench.study.id, number), store=old)
            number += 1
        assert calls.count("batch_get_item") == 1
        assert old._spreading._full == {
            keys.shard_partition(bench.study.id, 0): {
                f"{keys.sum_prefix(bench.study.generation)}{part}"
                for note in notes(bench)
                for part in _noted_parts(note)
            }
        }

    def test_a_note_that_is_lost_or_too_much_changes_no_sum(self, bench, monkeypatch):
        monkeypatch.setattr("trial.store.spreading._NOTE_BYTES", 120)
        self.fill(bench, range(150))
        (note,) = notes(bench)
        assert _item_bytes(note) < 400
        table, note_key = bench.table(), key_of(note)
        table.write([table.delete(note_key)])
        self.fill(bench, range(150, 200))
        name, generation = bench.study.id, bench.study.generation
        row_key = keys.sum_row(name, 0, f"{generation}#t#terms1-0")
        everything = Spreading(bench.table())  # as if each part were full that there can be
        everything.read_notes(bench.study, 0)
        parts = [row_key[1], *(f"{row_key[1]}~{step}" for step in ("0", "1", "00", "01", "11"))]
        everything.note_full((row_key[0], part) for part in parts)
        self.fill(bench, range(200, 230))
        store = bench.store(contribute=of_short_terms)
        assert store.sums(bench.study) == cells.total(
            subject.share for subject in store.subjects(bench.study)
        )
        assert set(map(str, check_sums(store, bench.study).values())) == {"{}"}

    def test_an_audit_notes_what_no_writer_has_found(self, bench, monkeypatch):
        with monkeypatch.context() as blind:
            blind.setattr(Spreading, "note_cost", lambda *_: None)
            self.fill(bench, range(60))
        assert not notes(bench)
        assert bench.store(contribute=of_short_terms).missing_sums(bench.study, 0) == {}
        (note,) = notes(bench)
        assert list(_noted_parts(note)) == ["t#terms1-0"]

    def test_notes_go_with_their_generation(self, bench):
        name = bench.study.id
        self.fill(bench, range(60))
        later = bench.store(contribute=of_short_terms, version=7)
        bench.record(short(name, 60), store=later)
        bench.clock.pause(3_600)
        assert later.fill(name)
        bench.clock.pause(3_600)
        assert later.drop_generations(name, bench.clock()) == [bench.study.generation]
        assert not notes(bench)

    def test_a_fill_spreads_them_too(self, bench):
        name = bench.study.id
        self.fill(bench, range(150))
        later = bench.store(contribute=of_short_terms, version=7)
        bench.record(short(name, 150), store=later)
        assert later.fill(name)
        start = keys.sum_prefix(later.study(name).generation)
        rows = bench.table().query(keys.shard_partition(name, 0), start)
        sizes = [_item_bytes(item) for item in rows]
        assert len(sizes) > 3
        assert set(map(str, check_sums(later, later.study(name)).values())) == {"{}"}


@pytest.mark.parametrize("name", ["1.0.n", "study", '1.0.n["Skin","Rash"]', "0.1=" + "é" * 100])
def test_a_short_name_is_the_attributes_name(name: str) -> None:
    assert cell_names.cell_attribute(name) == (f".{name}", "")


@pytest.mark.parametrize(
    "name",
    [f'1.0.n["{term(1)}"]', f"0.1={term(2)}", term(3), "x" * 256, "[" + "a" * 4_000, "=" * 300],
)
def test_a_long_name_is_bounded_and_read_back(name: str) -> None:
    attribute, result = cell_names.cell_attribute(name)
    assert len(attribute.encode()) <= 255
    item = {attribute: {"N": "2"}, cell_names.term_attribute(result): {"S": result}}
    assert list(cell_names.cells_of(item)) == [(attribute, name, {"N": "2"})]
