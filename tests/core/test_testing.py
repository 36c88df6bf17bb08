"""The order of testing: a P value is confirmatory until a test before it fails, else nominal."""

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import builders
import pytest
from blinded import study_of
from builders import enrolment, tiny, tmb301
from hypothesis import given
from hypothesis import strategies as st
from parallel import A, B, parallel, randomised

from local.feed import read_definition
from trial.definition import reporting
from trial.definition.available_statistics import available_statistics
from trial.definition.outputs import CellRef
from trial.definition.study import Study, load
from trial.errors import Rejected
from trial.events import envelope, json_body
from trial.events.envelope import Entry
from trial.reporting import report
from trial.tables import checking, testing
from trial.tables.grid import Cell, Column, Grid, Row, Statistic

P: dict[str, Any] = {"id": "p", "label": "P", "compare": ["a", "b"]}
ROWS = [
    {"id": "sex", "label": "Men", "count": {"characteristic": "sex", "levels": ["M"]}},
    {"id": "age", "label": "Age", "summary": "age"},
    {"id": "known", "label": "Sex", "levels": {"characteristic": "sex"}},
]


COMPLETE = {"set": "randomised", "condition": "randomised"}


def at(row: str, column: str = "p", table: str = "t") -> dict[str, str]:
    return {"table": table, "row": row, "column": column}


def study(*order: dict[str, str], alpha: float = 0.05, **options: Any) -> Study:
    """Load a study that is complete as soon as somebody is randomised: its P values confirm."""
    declared = {"testing": {"alpha": alpha, "order": list(order)}} if order else {}
    return parallel(ROWS, [A, B, P], **({"completion": COMPLETE} | declared | options))


def apart() -> list[Entry]:
    """Arms that differ in sex (P = 0.0286) and not in age."""
    entries = []
    for i, age in enumerate([40, 41, 39, 40, 40, 41, 39, 41]):
        arm, sex = ("a", "M") if i < 4 else ("b", "F")
        entries += [enrolment(subject=f"S-{i}", sex=sex, age=age), randomised(arm, f"S-{i}")]
    return entries


def nominal(grid: Grid) -> dict[str, bool]:
    """Give, by row, whether its P value is marked."""
    return {
        row.id: p.nominal
        for row in grid.rows
        for cell in row.cells
        if (p := cell.get("p")) is not None and p.raw is not None
    }


def read(defined: Study, entries: Iterable[Entry] = ()) -> Grid:
    return builders.tables_of(defined, entries or apart())["t"]


class TestOrder:
    def test_without_an_order_every_p_value_is_nominal_and_the_table_says_so(self):
        grid = read(study())
        assert nominal(grid) == {"sex": True, "age": True, "known": True}
        assert testing.UNDECLARED in grid.footnotes

    def test_the_first_is_confirmatory_whatever_it_is_and_the_next_only_if_it_succeeded(self):
        assert nominal(read(study(at("sex"), at("age")))) == {
            "sex": False, "age": False, "known": True,
        }  # fmt: skip
        assert nominal(read(study(at("age"), at("sex")))) == {
            "sex": True, "age": False, "known": True,
        }  # fmt: skip

    def test_a_p_value_of_alpha_succeeds(self):
        exact = builders.statistic(read(study()), "sex", "p", "p")
        for alpha, followed in ((exact, False), (str(Decimal(exact) - Decimal("1e-9")), True)):
            nominal_tests = nominal(read(study(at("sex"), at("age"), alpha=alpha)))
            assert (nominal_tests["sex"], nominal_tests["age"]) == (False, followed)

    def test_a_test_that_cannot_be_made_ends_the_order(self):
        alike = [enrolment(subject=f"S-{i}", sex="M", age=40 + i) for i in range(4)]
        alike += [randomised("ab"[i % 2], f"S-{i}") for i in range(4)]
        assert nominal(read(study(at("sex"), at("age")), alike)) == {"age": True}

    def test_it_is_the_mark_that_differs_and_nothing_else(self):
        def bare(grid: Grid) -> list[tuple[str, Any, str]]:
            return [
                (statistic.name, statistic.raw, statistic.text)
                for row in grid.rows
                for cell in row.cells
                for statistic in cell.statistics
            ]

        assert bare(read(study())) == bare(read(study(at("sex"), at("age"))))

    def test_the_notes_name_the_confirmatory_tests_and_explain_the_others(self):
        grid = read(study(at("sex"), at("age")))
        assert "Confirmatory test 1 of 2 (alpha 0.05): Men, P." in grid.footnotes
        assert "Confirmatory test 2 of 2 (alpha 0.05): Age, P." in grid.footnotes
        assert sum("nominal" in footnote for footnote in grid.footnotes) == 1

    def test_a_table_read_alone_is_marked_by_the_tests_of_other_tables(self):
        table = {"title": "T", "population": "P", "columns": [A, B, P], "rows": ROWS}
        defined = parallel(
            completion=COMPLETE,
            tables=[{"id": "first", **table}, {"id": "second", **table}],
            testing={"alpha": 0.05, "order": [at("age", table="first"), at("age", table="second")]},
        )
        sums = builders.sums_of(defined, builders.subjects(apart()))
        (alone,) = report.tables(defined, sums, {"second"})
        assert nominal(alone)["age"]
        assert alone == report.tables(defined, sums)[1]


PLACES = [(f"t{i % 2}", f"r{i}", "p") for i in range(5)]


def grids(values: Sequence[Fraction | None]) -> list[Grid]:
    rows: dict[str, list[Row]] = {"t0": [], "t1": []}
    for (table, row, column), p in zip(PLACES, values, strict=True):
        raw = None if p is None else str(Decimal(p.numerator) / p.denominator)
        cell = Cell(column, (Statistic("n", 1, "1"), Statistic("p", raw, "text")))
        rows[table].append(Row(row, row, 0, (cell,)))
    columns = (Column("p", "P", None),)
    return [
        Grid(table, table, "all", columns, tuple(table_rows)) for table, table_rows in rows.items()
    ]


@given(
    st.lists(st.none() | st.sampled_from([Fraction(i, 100) for i in (1, 4, 5, 6, 90)]),
             min_size=5, max_size=5),
    st.lists(st.sampled_from(PLACES), unique=True, min_size=1),
)  # fmt: skip
def test_a_key_result_is_nominal_if_and_only_if_not_in_the_order_or_after_a_failed_one(
    values, order
):
    p_of = dict(zip(PLACES, values, strict=True))
    declared = {"alpha": "0.05", "order": [at(row, column, table) for table, row, column in order]}
    nominal_of = {
        (grid.id, row.id, "p"): p.nominal
        for grid in testing.mark_nominal(
            reporting.Testing.model_validate(declared), grids(values), "final"
        )
        for row in grid.rows
        if (p := row.cells[0].get("p")) is not None and p.raw is not None
    }
    limit = Fraction(5, 100)
    for place, p in p_of.items():
        if p is None:
            continue
        before = order[: order.index(place)] if place in order else None
        succeeded = before is not None and all(
            p_of[place_before] is not None and p_of[place_before] <= limit
            for place_before in before
        )
        assert nominal_of[place] is not succeeded


class TestFigures:
    def test_the_primary_p_value_of_tmb_301_is_its_one_confirmatory_test(self):
        sums = builders.sums_of(tmb301(), builders.subjects(builders.feed()))
        key_results = {item.id: item for item in report.summary(tmb301(), sums)}
        assert (key_results["primary-p"].text, key_results["primary-p"].nominal) == (
            "<0.001",
            False,
        )
        undeclared = tmb301(("testing", None))
        sums = builders.sums_of(undeclared, builders.subjects(builders.feed()))
        key_results = {item.id: item for item in report.summary(undeclared, sums)}
        assert (key_results["primary-p"].text, key_results["primary-p"].nominal) == ("<0.001", True)


class TestChecked:
    @pytest.mark.parametrize(
        ("ref", "suffix", "detail"),
        [
            (at("sex", table="u"), "/table", "is not a table of this definition: u"),
            (at("sexx"), "/row", "is not a row of table t: sexx"),
            (at("sex", "q"), "/column", "is not a column of table t: q"),
            (at("sex", "a"), "", "row sex has no P value in column a of table t"),
            (at("known/M"), "", "row known/M has no P value in column p of table t"),
        ],
    )
    def test_an_order_that_names_no_p_value_is_refused_and_told_why(self, ref, suffix, detail):
        checking.check_definition(study(at("sex"), at("age"), at("known")))
        with pytest.raises(Rejected) as caught:
            checking.check_definition(study(at("sex"), ref))
        (fault,) = caught.value.faults
        assert fault.pointer == f"/testing/order/1{suffix}"
        assert fault.detail.startswith(detail)

    @pytest.mark.parametrize("counts", ["newcombe", "miettinen-nurminen"])
    def test_a_column_that_gives_a_difference_of_counts_gives_no_p_value(self, counts):
        columns = [A, B, {**P, "counts": counts, "means": "t"}]
        declared = {"testing": {"alpha": 0.05, "order": [at("age")]}}
        checking.check_definition(parallel(ROWS, columns, **declared))
        declared["testing"]["order"] = [at("sex")]
        with pytest.raises(Rejected):
            checking.check_definition(parallel(ROWS, columns, **declared))

    @pytest.mark.parametrize("name", ["airway-2x2", "tmb-301"])
    def test_every_statistic_that_is_printed_is_known_from_the_definition(self, name):
        path = builders.TMB301.parent / name / "definition.yaml"
        lines = path.with_name("feed.ndjson").read_text(encoding="utf-8").splitlines()
        defined = load(json.dumps(read_definition(path)))
        entries = (envelope.parse(json_body.read_json(line), line) for line in lines)
        rows_shown = set()
        for grid in builders.tables_of(defined, entries).values():
            for row in grid.rows:
                for cell in row.cells:
                    ref = CellRef(table=grid.id, row=row.id, column=cell.column)
                    available = available_statistics(ref, defined.definition.tables)
                    assert {statistic.name for statistic in cell.statistics} <= available, ref
                    has_p = "p" in available
                    # One that may be there is lacking only where nothing can be compared.
                    assert not has_p or cell.get("p") is not None or not cell.statistics, ref
                    rows_shown |= {ref.row} if has_p else set()
        assert rows_shown

    def test_an_alpha_that_is_no_probability_is_refused(self):
        for alpha in (0, 1, -0.05):
            with pytest.raises(Rejected):
                study(at("sex"), alpha=alpha)


class TestBlinded:
    PAIRS = {"pairs": ["enrolled", "treated"], "column": "total"}  # noqa: RUF012
    TOTAL = {"id": "total", "label": "Total", "set": "randomised"}  # noqa: RUF012

    def order(self, *refs: dict[str, str]) -> list[dict[str, str]] | None:
        rows = [self.PAIRS, {"count": "enrolled"}, self.PAIRS]
        declared = {"alpha": 0.05, "order": list(refs)}
        defined = study_of(rows, [A, B, self.TOTAL, P], testing=declared)
        checking.check_definition(defined)
        open_testing = defined.open.definition.testing
        return None if open_testing is None else [test.model_dump() for test in open_testing.order]

    def test_the_order_is_seen_up_to_the_first_test_that_tells_the_arms_apart(self):
        first, hidden, last = at("r0", "total"), at("r1"), at("r2", "total")
        assert self.order(first, last) == [first, last]
        assert self.order(first, hidden, last) == [first]
        assert self.order(hidden, first) is None

    def test_what_follows_a_hidden_test_reads_the_same_whether_that_succeeded_or_not(self):
        rows = [{"count": {"characteristic": "sex", "levels": ["M"]}}, self.PAIRS]
        declared = {"alpha": 0.05, "order": [at("r0"), at("r1", "total")]}
        defined = study_of(rows, [A, B, self.TOTAL, P], testing=declared, completion=COMPLETE)
        unrandomised = [event for event in apart() if event.kind != "subject.randomised"]
        mixed = [*unrandomised, *(randomised("ab"[i % 2], f"S-{i}") for i in range(8))]
        for feed in (apart(), mixed):
            (grid,) = builders.report_of(defined, feed, defined.open).grids
            assert nominal(grid) == {"r1": True}


def test_a_tiny_study_declares_nothing_and_still_reads():
    assert tiny().definition.testing is None
