"""Comparisons by ranks: against published values, scipy, and a count of all ways to choose.

The birth weights (Kirkwood and Sterne, table 30.4) and the second set (Hollander and Wolfe) are
those of PSI's CAMIS, which prints what SAS and R make of them.
"""

import itertools
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from builders import cell, enrolment
from hypothesis import given, settings
from hypothesis import strategies as st
from parallel import A, B, parallel, printed, randomised, table_of
from scipy import stats

from trial.definition.available_statistics import available_statistics
from trial.definition.outputs import CellRef
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.reporting.methods import methods
from trial.statistics import association
from trial.statistics.inference import LEVEL
from trial.statistics.ranks import RankSum, Shift, van_elteren
from trial.tables import checking
from trial.tables.compiled import compiled

SMOKERS = [3.18, 2.74, 2.9, 3.27, 3.65, 3.42, 3.23, 2.86, 3.6, 3.65, 3.69, 3.53, 2.38, 2.34]
OTHERS = [3.99, 3.89, 3.6, 3.73, 3.31, 3.7, 4.08, 3.61, 3.83, 3.41, 4.13, 3.36, 3.54, 3.51, 2.71]
X = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
Y = [0.878, 0.647, 0.598, 2.050, 1.060, 1.290, 1.060, 3.140, 1.290]
P: dict[str, Any] = {"id": "p", "label": "P", "compare": ["b", "a"]}
VALUES = st.lists(st.integers(-6, 6), min_size=1, max_size=9)


def tally(values):
    return Counter(round(1000 * value) for value in values)


class TestRankSum:
    def test_birth_weights(self):
        ranks = RankSum(tally(SMOKERS), tally(OTHERS))
        assert ranks.distance + 210 == Fraction(301, 2)  # SAS: 150.5 of 210 expected
        assert float(ranks.variance) == pytest.approx(524.741379, abs=6e-7)
        assert float(ranks.p(corrected=True)) == pytest.approx(0.010006, abs=6e-7)  # R: 0.01001
        assert float(ranks.p()) == pytest.approx(0.009392, abs=6e-7)
        assert float(ranks.exact_p()) == pytest.approx(0.008181, abs=6e-7)

    def test_the_second_set(self):
        ranks, shift = RankSum(tally(X), tally(Y)), Shift(tally(X), tally(Y))
        assert float(ranks.p()) == pytest.approx(0.1219, abs=6e-5)  # SAS
        assert float(ranks.p(corrected=True)) == pytest.approx(0.1329, abs=6e-5)  # R
        assert float(ranks.exact_p()) == pytest.approx(0.129905, abs=6e-7)
        assert shift.estimate == 560  # SAS: 0.5600, -0.3700 to 1.1830
        assert shift.interval(LEVEL) == (-370, 1183)

    def test_the_difference_of_birth_weights(self):
        shift = Shift(tally(SMOKERS), tally(OTHERS))
        assert (shift.estimate, shift.interval(LEVEL)) == (-425, (-770, -90))

    @given(VALUES, VALUES)
    @settings(max_examples=80, deadline=None)
    def test_scipy_agrees(self, first, second):
        ranks = RankSum(Counter(first), Counter(second))
        if not ranks.variance:
            assert len({*first, *second}) == 1
            assert ranks.p() is ranks.exact_p() is None
            return
        for corrected in (False, True):
            expected = stats.mannwhitneyu(
                first, second, use_continuity=corrected, method="asymptotic"
            )
            assert float(ranks.p(corrected=corrected)) == pytest.approx(
                expected.pvalue, rel=1e-9, abs=1e-12
            )
            u = ranks.distance + Fraction(len(first) * len(second), 2)
            assert u == Fraction(expected.statistic)

    @given(VALUES, VALUES)
    @settings(max_examples=50, deadline=None)
    def test_the_exact_p_counts_all_ways_to_choose(self, first, second):
        ranks, values = RankSum(Counter(first), Counter(second)), first + second
        if not ranks.variance or len(values) > 14:
            return
        midranks = [Fraction(rank) for rank in stats.rankdata(values)]
        expected = Fraction(len(first) * (len(values) + 1), 2)
        observed = abs(sum(midranks[: len(first)]) - expected)
        sums = [sum(subset) for subset in itertools.combinations(midranks, len(first))]
        as_far = sum(abs(total - expected) >= observed for total in sums)
        assert ranks.exact_p() == Fraction(as_far, len(sums))
        assert RankSum(Counter(second), Counter(first)).exact_p() == ranks.exact_p()

    @given(VALUES, VALUES)
    @settings(max_examples=80, deadline=None)
    def test_the_difference_is_the_median_of_all(self, first, second):
        shift = Shift(Counter(first), Counter(second))
        differences = sorted(x - y for x in first for y in second)
        assert shift.estimate == Fraction(np.median(differences))
        n, m = len(first), len(second)
        reach = stats.norm.ppf(0.975) * (n * m * (n + m + 1) / 12) ** 0.5
        rank = int(np.floor(n * m / 2 - reach))
        expected = (differences[rank - 1], differences[n * m - rank]) if rank > 0 else None
        assert shift.interval(LEVEL) == expected

    def test_what_it_costs_is_known_before(self):
        large = RankSum(Counter(range(0, 4000, 2)), Counter(range(1, 4000, 2)))
        assert large.steps > 10**9
        assert RankSum(tally(X), tally(Y)).steps < 1_000
        wide = Counter({10**15 + 7 * i * i: 1 for i in range(1_000)})
        assert Shift(wide, wide).estimate == 0  # of a million differences, none of them listed


class TestVanElteren:
    @given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=4))
    @settings(max_examples=60, deadline=None)
    def test_it_is_the_mean_score_test_of_modified_ridits(self, strata):
        """As Landis, Heyman and Koch give it: scores rank / (n + 1), hypergeometric variance."""
        distance = variance = 0.0
        for first, second in strata:
            n, m = len(first), len(second)
            scores = stats.rankdata(first + second) / (n + m + 1)
            distance += scores[:n].sum() - n * scores.mean()
            variance += n * m / (n + m) * scores.var(ddof=1)
        test = van_elteren([RankSum(Counter(a), Counter(b)) for a, b in strata])
        if test is None:
            assert variance == pytest.approx(0, abs=1e-12)
        else:
            assert float(test.statistic) == pytest.approx(distance**2 / variance, rel=1e-9)
            assert float(test.p) == pytest.approx(stats.chi2.sf(distance**2 / variance, 1))

    def test_of_one_stratum_it_is_the_rank_sum_test(self):
        ranks = RankSum(tally(SMOKERS), tally(OTHERS))
        lone = RankSum(tally(SMOKERS), Counter())
        assert van_elteren([ranks]).p == ranks.p()
        assert van_elteren([ranks, lone, RankSum(Counter(), Counter())]).p == ranks.p()
        assert van_elteren([]) is van_elteren([lone]) is None


def people(arm: str, ages: list[int], region: str = "north", n_without_age: int = 0) -> list[Entry]:
    names = [f"{arm}-{region}-{i}" for i in range(len(ages) + n_without_age)]
    return [
        event
        for i, name in enumerate(names)
        for event in (enrolment(subject=name, **({"age": ages[i]} if i < len(ages) else {})),
                     randomised(arm, name, strata={"region": region}))
    ]  # fmt: skip


OLD, YOUNG = [61, 64, 64, 70, 72, 58], [40, 44, 58, 61, 52, 49, 64]
PEOPLE = [*people("a", OLD), *people("b", YOUNG)]
AGE = {"summary": "age", "statistics": ["n", "mean"]}


class TestInATable:
    def found(self, row: dict[str, Any], entries: list[Entry], **options: Any):
        return table_of(entries, row, columns=[A, B, {**P, **options}])

    @pytest.mark.parametrize("means", ["wilcoxon", "wilcoxon-corrected", "wilcoxon-exact"])
    def test_each_test_is_named_beside_the_difference(self, means):
        grid = self.found(AGE, PEOPLE, means=means, interval={"level": 0.9})
        row_cell, ranks = cell(grid, "row", "p"), RankSum(Counter(OLD), Counter(YOUNG))
        low, high = Shift(Counter(OLD), Counter(YOUNG)).interval(Fraction(9, 10))
        middle = float(np.median(np.subtract.outer(OLD, YOUNG)))
        p = ranks.exact_p() if "exact" in means else ranks.p(corrected="corr" in means)
        numbers = {statistic.name: float(Fraction(str(statistic.raw)))
                 for statistic in row_cell.statistics}  # fmt: skip
        assert numbers == pytest.approx({"difference": middle, "ci_low": float(low),
                                       "ci_high": float(high), "p": float(p)})  # fmt: skip
        assert printed(grid, "row", "p")["difference"] == f"{middle:.1f}"
        assert ("exact" in row_cell.method) == ("exact" in means)
        assert row_cell.method.endswith("; difference by Hodges-Lehmann, Moses interval, 90 %")
        ref = CellRef(table="t", row="row", column="p")
        study = parallel([AGE], [A, B, {**P, "means": means}])
        assert available_statistics(ref, study.definition.tables) == numbers.keys()

    def test_values_are_kept_only_where_ranks_are_asked_for(self):
        for means, n_tallies in (("t", 0), ("wilcoxon", 2)):
            study = parallel([AGE], [A, B, {**A, "id": "c", "label": "C"}, {**P, "means": means}])
            names = compiled(study).rows_touched()
            assert (
                sum("#tally#" in name and name.endswith("to") for name in names) == n_tallies // 2
            )

    def test_of_few_there_are_no_limits_and_of_ties_no_p(self):
        texts = printed(self.found(AGE, [*people("a", [60]), *people("b", [50])],
                                 means="wilcoxon"), "row", "p")  # fmt: skip
        assert (texts["difference"], texts["ci_low"], texts["ci_high"]) == (
            "10.0", "too few values", "too few values")  # fmt: skip
        entries = [*people("a", [60] * 9), *people("b", [60] * 9)]
        tied = printed(self.found(AGE, entries, means="wilcoxon-exact"), "row", "p")
        assert tied == {"difference": "0.0", "ci_low": "0.0", "ci_high": "0.0",
                        "p": "all values are tied"}  # fmt: skip
        nobody = self.found(AGE, people("a", OLD), means="wilcoxon")
        assert cell(nobody, "row", "p").statistics == ()

    def test_what_would_take_too_long_is_named(self, monkeypatch):
        monkeypatch.setattr(association.WorkBudget.__init__, "__defaults__", (5,))
        row_cell = cell(self.found(AGE, PEOPLE, means="wilcoxon-exact"), "row", "p")
        assert "in place of the exact test" in row_cell.method
        expected = RankSum(Counter(OLD), Counter(YOUNG)).p()
        assert float(row_cell.get("p").raw) == pytest.approx(float(expected))

    def test_strata_are_compared_within_themselves(self):
        entries = [*PEOPLE, *people("a", [33, 35, 71], "south"), *people("b", [30, 31], "south"),
                   *people("a", [80, 81], "east", n_without_age=2)]  # fmt: skip
        row = {"stratified": {"measure": "age", "strata": ["region"]}}
        grid = self.found(row, entries)
        expected = van_elteren([
            RankSum(Counter(OLD), Counter(YOUNG)), RankSum(Counter([33, 35, 71]), Counter([30, 31]))
        ])  # fmt: skip
        row_cell = cell(grid, "row", "p")
        assert float(row_cell.get("p").raw) == pytest.approx(float(expected.p))
        assert row_cell.method == "van Elteren"
        counted = {name: printed(grid, "row", name) for name in "ab"}
        assert counted["b"] == {"n": "9"}
        assert counted["a"]["n"] == "11"
        assert sum(int(n) for name, n in counted["a"].items() if name != "n") == 2
        assert "stratum east, which adds nothing" in " ".join(grid.footnotes)
        three = {**P, "compare": ["a", "b", "t"]}
        total = {"id": "t", "label": "T", "set": "randomised"}
        assert not [row_cell for row_cell in table_of(entries, row, columns=[A, B, total, three])
                    .rows[0].cells if row_cell.column == "p"]  # fmt: skip

    @pytest.mark.parametrize(
        ("row", "options", "detail"),
        [
            (AGE, {"means": "wilcoxon", "compare": ["a", "b", "t"]}, "exactly two columns"),
            ({"stratified": {"measure": "age", "count": "randomised", "strata": ["region"]}}, {},
             "one of `count`, `levels` and `measure`"),
            ({"stratified": {"measure": "age", "strata": ["region"], "contrast": "difference"}}, {},
             "only of a `count`"),
            ({"stratified": {"measure": "ages", "strata": ["region"]}}, {}, "ages"),
            ({"stratified": {"measure": "age", "strata": ["regions"]}}, {}, "regions"),
        ],
    )  # fmt: skip
    def test_what_does_not_fit_is_refused(self, row, options, detail):
        total = {"id": "t", "label": "T", "set": "randomised"}
        with pytest.raises(Rejected) as refused:
            checking.check_definition(parallel([row], [A, B, total, {**P, **options}]))
        assert detail in str([fault.detail for fault in refused.value.faults])

    def test_methods_say_which(self):
        row = {"stratified": {"measure": "age", "strata": ["region"]}}
        study = parallel([row], [A, B, {**P, "means": "wilcoxon-exact"}])
        text = str([section.rows for section in methods(study.definition)])
        assert "exact Wilcoxon rank-sum, conditional on midranks, or as the method" in text
        assert "by ranks within each (van Elteren)" in text
