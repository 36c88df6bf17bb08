"""Several tests and several looks: adjusted P values, graphs, and boundaries by spending."""

import itertools
from fractions import Fraction
from typing import Any

import pytest
from builders import enrolment, subjects, sums_of
from hypothesis import given, settings
from hypothesis import strategies as st
from parallel import A, B, parallel, randomised
from scipy import stats
from statsmodels.stats.multitest import multipletests

from trial.definition.pooling import pooled
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.reporting import report
from trial.reporting.methods import methods
from trial.statistics import multiplicity
from trial.statistics.multiplicity import PROCEDURES, graph
from trial.statistics.sequential import boundary, spent
from trial.subject.cut_spec import CutSpec
from trial.tables import checking, testing
from trial.tables.grid import Cell, Column, Grid, Row, Statistic

ALPHA = Fraction(25, 1000)
P_VALUES = st.lists(st.integers(0, 1000).map(lambda n: Fraction(n, 1000)), min_size=1, max_size=5)


def fractions(*texts: str) -> list[Fraction]:
    return [Fraction(text) for text in texts]


class TestProcedures:
    @pytest.mark.parametrize(
        ("p_values", "holm", "hochberg", "hommel"),
        [
            (".01 .02 .03 .04", ".04 .06 .06 .06", ".04 .04 .04 .04", ".04 .04 .04 .04"),
            (".018 .01 .105 .006", ".036 .03 .105 .024", ".036 .03 .105 .024",
             ".036 .027 .105 .02"),
            (".01 .013 .014 .19 .35 .5 .63 .67 .75 .81", ".1 .117 .117 1 1 1 1 1 1 1",
             ".1 .112 .112 .81 .81 .81 .81 .81 .81 .81",
             ".08 .104 .112 .81 .81 .81 .81 .81 .81 .81"),
            (".025 .025 .025", ".075 .075 .075", ".025 .025 .025", ".025 .025 .025"),
        ],
    )  # fmt: skip
    def test_known_values(self, p_values, holm, hochberg, hommel):
        given_values = fractions(*p_values.split())
        for name, expected in (("holm", holm), ("hochberg", hochberg), ("hommel", hommel)):
            assert PROCEDURES[name][1](given_values) == fractions(*expected.split())

    @given(P_VALUES)
    @settings(max_examples=6, deadline=None)
    def test_statsmodels_agrees(self, p_values):
        for name, method in (
            ("holm", "holm"), ("hochberg", "simes-hochberg"), ("hommel", "hommel"),
        ):  # fmt: skip
            _, expected, *_ = multipletests(list(map(float, p_values)), method=method)
            adjusted_values = PROCEDURES[name][1](p_values)
            assert list(map(float, adjusted_values)) == pytest.approx(list(expected), abs=1e-12)

    @given(P_VALUES)
    @settings(max_examples=60, deadline=None)
    def test_hommel_is_the_closure_of_simes(self, p_values):
        n = len(p_values)
        for i in range(n):
            worst = max(
                min(len(subset) * p / place for place, p in enumerate(sorted(
                    p_values[j] for j in subset), 1))
                for size in range(1, n + 1)
                for subset in itertools.combinations(range(n), size) if i in subset
            )  # fmt: skip
            assert PROCEDURES["hommel"][1](p_values)[i] == min(worst, 1)

    @given(st.permutations(range(4)), st.lists(st.sampled_from([1, 5, 20, 20, 400]), min_size=4,
                                               max_size=4))  # fmt: skip
    def test_the_order_of_tests_does_not_matter(self, order, thousandths):
        p_values = [Fraction(n, 1000) for n in thousandths]
        shuffled = [p_values[i] for i in order]
        for name in ("holm", "hochberg", "hommel"):
            adjust = PROCEDURES[name][1]
            assert adjust(shuffled) == [adjust(p_values)[i] for i in order]
        quarter = [Fraction(1, 4)] * 4
        even = [[Fraction(int(i != j), 3) for j in range(4)] for i in range(4)]
        assert graph(shuffled, quarter, even) == [graph(p_values, quarter, even)[i] for i in order]
        assert graph(p_values, quarter, even) == multiplicity.holm(p_values)


TWO_BY_TWO = (
    fractions("1/2", "1/2", "0", "0"),
    [fractions("0", "1/2", "1/2", "0"), fractions("1/2", "0", "0", "1/2"),
     fractions("0", "1", "0", "0"), fractions("1", "0", "0", "0")],
)  # fmt: skip


class TestGraphs:
    def test_known_values(self):
        """The example of graphicalMCP's vignette: tests 1, 2 and 4 are rejected at 0.025."""
        result = graph(fractions(".018", ".01", ".105", ".006"), *TWO_BY_TWO)
        assert result == fractions(".024", ".02", ".105", ".024")
        assert [p <= ALPHA for p in result] == [True, True, False, True]
        second_result = graph(fractions(".01", ".02", ".015", ".005"), *TWO_BY_TWO)
        assert second_result == fractions(".02", "2/75", "2/75", "2/75")

    def test_a_sequence_and_a_fallback(self):
        chain = [fractions("0", "1", "0"), fractions("0", "0", "1"), fractions("0", "0", "0")]
        p_values = fractions(".01", ".03", ".02")
        assert graph(p_values, fractions("1", "0", "0"), chain) == (
            multiplicity.fixed_sequence(p_values)
        )
        fallback = graph(fractions(".02", ".005", ".03"), fractions(".5", ".3", ".2"), chain)
        assert fallback == fractions(".04", "1/60", ".04")

    @given(P_VALUES.filter(lambda values: len(values) == 4))
    @settings(max_examples=60, deadline=None)
    def test_it_is_the_closure_of_weighted_bonferroni_tests(self, p_values):
        """Every intersection by itself: the weights that are left once the others are taken out."""
        worst = [Fraction(0)] * 4
        for size in range(1, 5):
            for subset in itertools.combinations(range(4), size):
                weights, _ = _without_all(set(range(4)) - set(subset))
                p = min(
                    [p_values[i] / weights[i] for i in subset if weights[i]], default=Fraction(1)
                )
                for i in subset:
                    worst[i] = max(worst[i], min(p, Fraction(1)))
        assert graph(p_values, *TWO_BY_TWO) == worst

    def test_no_weight_left_is_no_rejection(self):
        nowhere = [fractions("0", "0"), fractions("0", "0")]
        assert graph(fractions("0", "0"), fractions("1", "0"), nowhere) == [0, 1]
        assert graph(fractions("1", "1"), fractions("1/2", "1/2"), nowhere) == [1, 1]


def _without_all(removed):
    weights, moves = list(TWO_BY_TWO[0]), [list(row) for row in TWO_BY_TWO[1]]
    remaining = set(range(4))
    for i in sorted(removed):
        remaining -= {i}
        after, moved = list(weights), [list(row) for row in moves]
        for j in remaining:
            after[j] = weights[j] + weights[i] * moves[i][j]
            for k in remaining - {j}:
                back = moves[j][i] * moves[i][j]
                moved[j][k] = (moves[j][k] + moves[j][i] * moves[i][k]) / (1 - back) if (
                    back < 1) else Fraction(0)  # fmt: skip
        weights, moves = after, moved
    return weights, moves


class TestSpending:
    @pytest.mark.parametrize(
        ("shares", "obrien", "pocock"),
        [
            ("1/3 2/3 1", [3.710303, 2.511427, 1.993047], [2.279428, 2.294911, 2.295940]),
            ("1/2 1", [2.962588, 1.968596], [2.156999, 2.200977]),
            ("1/4 1/2 3/4 1", [4.332634, 2.963132, 2.359044, 2.014090],
             [2.368328, 2.367524, 2.358168, 2.350036]),
            ("1/2 3/4 1", [2.962588, 2.359018, 2.014084], [2.156999, 2.312423, 2.326932]),
            ("1/5 2/5 3/5 4/5 1", [4.876885, 3.357012, 2.680280, 2.289817, 2.031032],
             [2.437977, 2.426814, 2.410194, 2.396649, 2.386000]),
        ],
    )  # fmt: skip
    def test_known_boundaries(self, shares, obrien, pocock):
        looks = fractions(*shares.split())
        for function, expected in (("obrien-fleming", obrien), ("pocock", pocock)):
            z_values = [boundary(function, ALPHA, tuple(looks[:k])).z
                     for k in range(1, len(looks) + 1)]  # fmt: skip
            assert list(map(float, z_values)) == pytest.approx(expected, abs=6e-7)

    def test_published_boundaries_at_another_alpha(self):
        """As gsDesign gives them in CAMIS: 2.2958 at the third of three, 2.6584 and 2.2801."""
        alpha = Fraction(125, 10_000)
        third = boundary("obrien-fleming", alpha, tuple(fractions(".6", ".8", "1")))
        assert float(third.z) == pytest.approx(2.2958, abs=1e-4)
        two = tuple(fractions("3/4", "1"))
        assert float(boundary("obrien-fleming", alpha, two[:1]).z) == pytest.approx(
            2.6584, abs=6e-5
        )
        assert float(boundary("obrien-fleming", alpha, two).z) == pytest.approx(2.2801, abs=6e-5)

    @pytest.mark.parametrize("shares", [(".3", ".32"), (".9", ".91"), (".2", ".95")])
    def test_each_look_spends_what_it_should(self, shares):
        looks = tuple(fractions(*shares))
        first, second = boundary("pocock", ALPHA, looks[:1]), boundary("pocock", ALPHA, looks)
        correlation = float(looks[0] / looks[1]) ** 0.5
        inside = stats.multivariate_normal.cdf(
            [float(first.z), float(second.z)], cov=[[1, correlation], [correlation, 1]],
            abseps=1e-12, releps=1e-12,
        )  # fmt: skip
        assert 1 - inside == pytest.approx(float(spent("pocock", ALPHA, looks[1])), abs=1e-9)
        assert float(first.nominal) == pytest.approx(stats.norm.sf(float(first.z)), rel=1e-9)

    def test_the_last_look_spends_all_that_is_left_whenever_it_comes(self):
        early, late = (tuple(fractions("1/2", share)) for share in ("9/10", "6/5"))
        for looks in (early, late):
            last_boundary = boundary("obrien-fleming", ALPHA, looks, last=True)
            assert last_boundary.spent == Fraction(ALPHA)
        planned = boundary("obrien-fleming", ALPHA, tuple(fractions("1/2", "1")), last=True)
        # More information: less correlated with the first look, so that the boundary is higher.
        assert boundary("obrien-fleming", ALPHA, late, last=True).z > planned.z
        assert boundary("obrien-fleming", ALPHA, early, last=True).z < planned.z
        assert spent("obrien-fleming", ALPHA, Fraction(11, 10)) == Fraction(ALPHA)
        assert boundary("pocock", ALPHA, tuple(fractions("1", "11/10"))).nominal == 0

    def test_looks_without_more_information_are_refused(self):
        for shares in (("1/2", "1/2"), ("0",), ("1/2", "101/200")):
            with pytest.raises(ValueError, match="more information"):
                boundary("pocock", ALPHA, tuple(fractions(*shares)))


NAMES = ("one", "two", "three", "four")
ORDER = [{"table": "t", "row": name, "column": "p"} for name in NAMES]
P: dict[str, Any] = {"id": "p", "label": "P", "compare": ["a", "b"]}
ROWS = [{"id": name, "label": name.title(), "count": {"characteristic": "sex", "levels": ["M"]}}
        for name in NAMES]  # fmt: skip
COMPLETE = {"set": "randomised", "condition": "randomised"}


def declared(**options: Any):
    return parallel(ROWS, [A, B, P], testing={"alpha": 0.05, "order": ORDER, **options},
                    completion=COMPLETE)  # fmt: skip


def grid_of(*p_values: str) -> Grid:
    rows = [Row(name, name, 0, (Cell("p", (Statistic("p", p, p),)),))
            for name, p in zip(NAMES, p_values, strict=False) if p]  # fmt: skip
    return Grid("t", "T", "P", (Column("p", "P", None),), tuple(rows))


def marked(study: Any, *p_values: str, look: str = "final", information: int | None = None) -> Grid:
    (grid,) = testing.mark_nominal(
        study.definition.testing, [grid_of(*p_values)], look, {}, information
    )
    return grid


def adjusted(grid: Grid) -> dict[str, str]:
    return {row.id: number.text for row in grid.rows
            if (number := row.cells[0].get("p_adjusted")) is not None}  # fmt: skip


def nominal(grid: Grid) -> list[bool]:
    return [row.cells[0].get("p").nominal for row in grid.rows]


GRAPH = {"weights": [0.5, 0.5, 0, 0], "transitions": [
    [0, 0.5, 0.5, 0], [0.5, 0, 0, 0.5], [0, 1, 0, 0], [1, 0, 0, 0]]}  # fmt: skip
VALUES = ("0.018", "0.01", "0.105", "0.006")


class TestInTables:
    @pytest.mark.parametrize(("options", "expected"), [
        ({"procedure": "holm"}, ["0.0360", "0.0300", "0.1050", "0.0240"]),
        ({"procedure": "hochberg"}, ["0.0360", "0.0300", "0.1050", "0.0240"]),
        ({"procedure": "hommel"}, ["0.0360", "0.0270", "0.1050", "0.0200"]),
        ({"procedure": "graph", "graph": GRAPH}, ["0.0240", "0.0200", "0.1050", "0.0240"]),
    ])  # fmt: skip
    def test_adjusted_values_stand_beside_and_the_footnotes_decide(self, options, expected):
        grid = marked(declared(**options), *VALUES)
        assert list(adjusted(grid).values()) == expected
        assert nominal(grid) == [False] * 4
        notes = [note for note in grid.footnotes if note.startswith("Confirmatory")]
        assert [("not rejected" in note) for note in notes] == [False, False, True, False]
        assert f"adjusted P {expected[0]}" in notes[0]

    def test_a_sequence_stops_as_it_does_without_being_named(self):
        plain, by_name = declared(), declared(procedure="fixed-sequence")
        for values in (VALUES, VALUES[::-1], ("0.01", "", "0.02", "0.03")):
            assert nominal(marked(plain, *values)) == nominal(marked(by_name, *values))
            assert adjusted(marked(plain, *values)) == {}
        assert adjusted(marked(by_name, *VALUES)) == {
            "one": "0.0180", "two": "0.0180", "three": "0.1050"}  # fmt: skip

    def test_a_test_without_a_p_value_counts_as_one_of_1(self):
        grid = marked(declared(procedure="holm"), "0.02", "", "0.01", "")
        assert adjusted(grid) == {"one": "0.0600", "three": "0.0400"}

    def test_at_no_planned_look_there_is_none(self):
        grid = marked(declared(procedure="holm"), *VALUES, look="")
        assert (adjusted(grid), nominal(grid)) == ({}, [True] * 4)

    def test_boundaries_follow_the_information_that_there_is(self):
        spending = {"function": "obrien-fleming", "planned": 200}
        looks = [{"id": "first", "label": "First", "information": 100},
                 {"id": "final", "label": "Final"}]  # fmt: skip
        study = declared(spending=spending, looks=looks)
        first, final = (boundary("obrien-fleming", ALPHA, tuple(fractions(*shares)), last=last)
                        for shares, last in ((("1/2",), False), (("1/2", "1"), True)))  # fmt: skip
        level = 2 * Fraction(first.nominal)
        below, above = (f"{float(level) * part:.6f}" for part in (0.99, 1.01))
        assert nominal(marked(study, below, "0.5", "0.5", look="first")) == [False, False, True]
        assert nominal(marked(study, above, "0.5", "0.5", look="first")) == [False, True, True]
        (note, _) = (text for text in marked(study, below, "0.5", look="first").footnotes
                     if text.startswith("Confirmatory"))  # fmt: skip
        assert "information 100 of 200: two-sided, boundary |Z| 2.9626, 0.00305 of 0.05" in note
        assert f"boundary |Z| {final.z:.4f}" in marked(study, "0.04").footnotes[0]
        # More came in than was planned: the look spends more.
        later = marked(study, above, "0.5", look="first", information=120)
        assert nominal(later) == [False, False]
        stuck = marked(study, "0.0001", look="final", information=101)
        assert nominal(stuck) == [True]
        assert "no more than before" in stuck.footnotes[-1]

    def test_information_is_counted_where_a_cell_is_named(self):
        spending = {"function": "pocock", "planned": 10,
                    "information": {"table": "t", "row": "two", "column": "a"}}  # fmt: skip
        looks = [{"id": "first", "label": "First", "information": 6},
                 {"id": "final", "label": "Final"}]  # fmt: skip
        study = declared(spending=spending, looks=looks)
        checking.check_definition(study)
        entries: list[Entry] = []
        for i, (arm, sex) in enumerate(zip("aaaaabbbbb", "MMMMFFFFFF", strict=True)):
            entries += [enrolment(subject=f"S-{i}", sex=sex), randomised(arm, f"S-{i}")]
        sums = sums_of(study, subjects(entries))
        (grid,) = report.tables(study, sums, spec=CutSpec(look="first"))
        assert any("at information 4 of 10" in note for note in grid.footnotes)

    @pytest.mark.parametrize(
        ("options", "detail"),
        [
            ({"procedure": "graph"}, "takes `graph` with the procedure graph"),
            ({"graph": GRAPH}, "takes `graph` with the procedure graph"),
            ({"procedure": "graph", "graph": {"weights": [1], "transitions": [[0]]}}, "of 4 tests"),
            ({"procedure": "graph", "graph": {"weights": [1, 1], "transitions": []}}, "than 1"),
            ({"procedure": "graph", "graph": {"weights": [1], "transitions": [[1]]}}, "to itself"),
            ({"procedure": "graph", "graph": {"weights": [1], "transitions": [[0, 0]]}}, "1 rows"),
            ({"procedure": "graph", "graph": {"weights": [0.5, 0.5, 0], "transitions": [
                [0, 1, 1], [0, 0, 0], [0, 0, 0]]}}, "give away more than 1"),
            ({"procedure": "holm", "looks": [{"id": "a", "label": "A", "alpha": 0.03},
                                             {"id": "b", "label": "B", "alpha": 0.03}]}, "add up"),
            ({"spending": {"function": "pocock", "planned": 9}}, "only with `looks`"),
            ({"spending": {"function": "pocock", "planned": 9}, "procedure": "holm",
              "looks": [{"id": "a", "label": "A"}]}, "with a fixed sequence"),
            ({"spending": {"function": "pocock", "planned": 9},
              "looks": [{"id": "a", "label": "A", "alpha": 0.01}]}, "an alpha: `spending` does"),
            ({"spending": {"function": "pocock", "planned": 9},
              "looks": [{"id": "a", "label": "A"}, {"id": "b", "label": "B"}]}, "information at a"),
            ({"spending": {"function": "pocock", "planned": 9},
              "looks": [{"id": "a", "label": "A", "information": 5},
                        {"id": "b", "label": "B", "information": 5}]}, "more information"),
            ({"looks": [{"id": "a", "label": "A"}]}, "needs the alpha"),
            ({"looks": [{"id": "a", "label": "A", "alpha": 0.01, "information": 3}]},
             "only beside `spending`"),
            ({"spending": {"function": "pocock", "planned": 9,
                           "information": {"table": "t", "row": "one", "column": "p"}},
              "looks": [{"id": "a", "label": "A"}]}, "counts no subjects"),
        ],
    )  # fmt: skip
    def test_what_does_not_fit_is_refused(self, options, detail):
        with pytest.raises(Rejected) as refused:
            checking.check_definition(declared(**options))
        assert detail in str([fault.detail for fault in refused.value.faults])

    def test_methods_say_which(self):
        def text(**options: Any) -> str:
            return str([section.rows for section in methods(declared(**options).definition)])

        graph_text = text(procedure="graph", graph=GRAPH)
        assert "weights 0.5, 0.5, 0, 0; once a test is rejected its weight goes," in graph_text
        assert "from test 1: 0.5 to 2 and 0.5 to 3; from test 2: 0.5 to 1" in graph_text
        assert "adjusted by the Hommel procedure" in text(procedure="hommel")
        spending = {"function": "pocock", "planned": 9,
                    "information": {"table": "t", "row": "one", "column": "a"}}  # fmt: skip
        looks = [{"id": "a", "label": "A", "information": 7}, {"id": "b", "label": "B"}]
        spent_text = text(spending=spending, looks=looks)
        assert "Pocock type, of each side by itself, over the shares of 9" in spent_text
        assert "information 7" in spent_text

    def test_a_key_result_shows_the_adjusted_value(self):
        key = {"id": "k", "label": "K", "show": "p-adjusted", "source": ORDER[0]}
        study = parallel(ROWS, [A, B, P], key_results=[key], testing={
            "alpha": 0.05, "order": ORDER, "procedure": "holm"})  # fmt: skip
        checking.check_definition(study)
        (result,) = report.summary(study, {})
        assert result.value is None
        with pytest.raises(Rejected):
            checking.check_definition(parallel(ROWS, [A, B, P], key_results=[key], testing={
                "alpha": 0.05, "order": ORDER}))  # fmt: skip

    def test_the_open_audience_sees_no_decision_that_hidden_tests_make(self):
        rows = [*ROWS, {"id": "pairs", "label": "Pairs", "pairs": ["enrolled", "treated"]}]
        order = [{"table": "t", "row": "pairs", "column": "t"}, ORDER[0]]
        total = {"id": "t", "label": "T", "set": "randomised"}
        for options, n_kept in (
            ({}, 1),
            ({"procedure": "fixed-sequence"}, 1),
            ({"procedure": "holm"}, 0),
        ):
            study = parallel(rows, [A, B, total, P], blinded=True, testing={
                "alpha": 0.05, "order": order, **options})  # fmt: skip
            open_testing = pooled(study.definition).testing
            assert (len(open_testing.order) if open_testing else 0) == n_kept
