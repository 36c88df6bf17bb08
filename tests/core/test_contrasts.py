"""Contrasts of two proportions, of one table and over strata, against published and other values.

The numbers of ADCIBC (36 of 154, 12 of 77) are those of SAS and R as PSI's CAMIS prints them; the
stratified set is Lu's (2008), and the admissions to Berkeley are those of R's documentation.
"""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from builders import cell, enrolment
from hypothesis import given, settings
from hypothesis import strategies as st
from parallel import A, B, parallel, printed, randomised, table_of
from scipy import stats
from scipy.stats.contingency import odds_ratio as scipy_odds_ratio
from statsmodels.stats.contingency_tables import StratifiedTable, Table2x2

from trial.definition.available_statistics import available_statistics
from trial.definition.outputs import CellRef
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.reporting.methods import methods
from trial.statistics import risks
from trial.statistics.inference import LEVEL
from trial.statistics.proportions import miettinen_nurminen
from trial.statistics.risks import CONTRASTS
from trial.statistics.strata import COMMON_CONTRASTS, stratified_score_difference
from trial.tables import checking

ADCIBC = (36, 154), (12, 77)
LU = [((1, 15), (3, 5)), ((3, 10), (4, 10)), ((2, 25), (18, 35))]
ADMISSIONS = [
    ((512, 825), (89, 108)), ((353, 560), (17, 25)), ((120, 325), (202, 593)),
    ((138, 417), (131, 375)), ((53, 191), (94, 393)), ((22, 373), (24, 341)),
]  # fmt: skip
TOLBUTAMIDE = [((8, 106), (5, 120)), ((22, 98), (16, 85))]
Z = stats.norm.ppf(0.975)
P: dict[str, Any] = {"id": "p", "label": "P", "compare": ["b", "a"]}


def limits(contrast, level=LEVEL):
    interval = contrast.interval(level)
    return interval and [None if limit is None else float(limit) for limit in interval]


class TestOneTable:
    @pytest.mark.parametrize(
        ("contrast", "method", "estimate", "low", "high"),
        [
            ("difference", "wald", 0.077922, -0.027108, 0.182952),
            ("difference", "newcombe", 0.077922, -0.036142, 0.175125),
            ("difference", "miettinen-nurminen", 0.077922, -0.036065, 0.177495),
            ("difference", "mee", 0.077922, -0.035798, 0.177288),
            ("odds-ratio", "wald", 1.652542, 0.804332, 3.39523),
            ("odds-ratio", "miettinen-nurminen", 1.652542, 0.810258, 3.36344),
            ("odds-ratio", "exact", 1.649133, 0.772978, 3.731987),
            ("relative-risk", "wald", 1.5, 0.828758, 2.71490),
            ("relative-risk", "miettinen-nurminen", 1.5, 0.848245, 2.73225),
            ("relative-risk", "koopman", 1.5, 0.849237, 2.72874),
        ],
    )
    def test_published_limits(self, contrast, method, estimate, low, high):
        result = CONTRASTS[contrast][method][1](*ADCIBC)
        assert float(result.estimate) == pytest.approx(estimate, abs=6e-7)
        assert limits(result) == pytest.approx([low, high], abs=6e-6)

    def test_the_margin_of_farrington_and_manning(self):
        above, below = risks.mee_difference(*ADCIBC).tails(Fraction(-36, 1000))
        assert float(above) == pytest.approx(0.0248, abs=5e-5)  # SAS, as CAMIS prints it
        assert float(above + below) == pytest.approx(1)
        corrected, _ = risks.miettinen_nurminen_difference(*ADCIBC).tails(Fraction(-36, 1000))
        assert float(corrected) == pytest.approx(0.025061, abs=6e-7)

    @given(st.data())
    @settings(max_examples=60, deadline=None)
    def test_libraries_agree(self, data):
        n, m = (data.draw(st.integers(2, 60)) for _ in "ab")
        x, y = data.draw(st.integers(1, n - 1)), data.draw(st.integers(1, m - 1))
        table = [[x, n - x], [y, m - y]]
        table_fit = Table2x2(np.array(table))
        odds, risk = (CONTRASTS[name]["wald"][1]((x, n), (y, m))
                      for name in ("odds-ratio", "relative-risk"))  # fmt: skip
        assert limits(odds) == pytest.approx(table_fit.oddsratio_confint(), rel=1e-9)
        assert limits(risk) == pytest.approx(table_fit.riskratio_confint(), rel=1e-9)
        exact = scipy_odds_ratio(table)
        result = risks.exact_odds_ratio((x, n), (y, m))
        assert float(result.estimate) == pytest.approx(exact.statistic, rel=1e-7)
        assert limits(result) == pytest.approx(exact.confidence_interval(0.95), rel=1e-7)

    @given(st.data())
    @settings(max_examples=40, deadline=None)
    def test_each_score_limit_is_where_the_score_is_the_quantile(self, data):
        n, m = (data.draw(st.integers(1, 40)) for _ in "ab")
        x, y = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
        corrected = (n + m) / (n + m - 1)
        for name, method, factor in (("odds-ratio", "miettinen-nurminen", corrected),
                                     ("relative-risk", "miettinen-nurminen", corrected),
                                     ("relative-risk", "koopman", 1)):  # fmt: skip
            result = CONTRASTS[name][method][1]((x, n), (y, m))
            for limit in limits(result) if result else ():
                if limit:
                    score = _score(name, (x, n), (y, m), limit, factor)
                    assert abs(score) == pytest.approx(Z, rel=1e-5)

    @given(st.data())
    @settings(max_examples=40, deadline=None)
    def test_the_other_way_round_it_is_the_reciprocal(self, data):
        n, m = (data.draw(st.integers(2, 30)) for _ in "ab")
        groups = (data.draw(st.integers(0, n)), n), (data.draw(st.integers(0, m)), m)
        for name in ("odds-ratio", "relative-risk"):
            for _, contrast in CONTRASTS[name].values():
                first, second = contrast(*groups), contrast(*groups[::-1])
                if first and limits(first):
                    low, high = limits(second)
                    mirrored = [1 / high if high else 0.0, 1 / low if low else math.inf]
                    bounds = [math.inf if limit is None else limit for limit in limits(first)]
                    assert bounds == pytest.approx(mirrored, rel=1e-12)

    @given(st.data())
    @settings(max_examples=30, deadline=None)
    def test_tails_and_limits_are_of_one_method(self, data):
        n, m = (data.draw(st.integers(3, 30)) for _ in "ab")
        groups = (data.draw(st.integers(1, n - 1)), n), (data.draw(st.integers(1, m - 1)), m)
        for methods_of in CONTRASTS.values():
            for method, (_, contrast) in methods_of.items():
                if method != "newcombe":
                    result = contrast(*groups)
                    low, high = result.interval(Fraction(9, 10))
                    assert float(result.tails(Fraction(low))[0]) == pytest.approx(0.05, rel=1e-6)
                    assert float(result.tails(Fraction(high))[1]) == pytest.approx(0.05, rel=1e-6)

    def test_cells_of_0_leave_a_side_open_and_nothing_is_added_to_them(self):
        none, all_events = (0, 12), (12, 12)
        assert limits(risks.woolf_odds_ratio((3, 10), none)) is None
        assert limits(risks.katz_relative_risk((3, 10), none)) is None
        for contrast in (risks.score_odds_ratio, risks.exact_odds_ratio,
                         risks.score_relative_risk, risks.koopman_relative_risk):  # fmt: skip
            result = contrast((3, 10), none)
            assert (result.estimate, limits(result)[1]) == (None, None)
            assert limits(result)[0] > 0.4
            assert (contrast(none, (3, 10)).estimate, limits(contrast(none, (3, 10)))[0]) == (0, 0)
        assert (
            risks.exact_odds_ratio(none, none)
            is risks.score_odds_ratio(all_events, all_events)
            is None
        )
        assert risks.score_relative_risk(none, none) is None
        assert float(risks.score_relative_risk(all_events, all_events).estimate) == 1
        assert risks.exact_odds_ratio((0, 0), (1, 2)) is risks.katz_relative_risk((0, 0), none)


def _score(name, first, second, value, factor):
    """Return the score statistic in its textbook form, the likelihood maximised by halving."""
    (x, n), (y, m) = first, second

    def of_second(q):
        return value * q if name == "relative-risk" else value * q / (1 - q + value * q)

    def slope(q):
        p = of_second(q)
        rise = value if name == "relative-risk" else value / (1 - q + value * q) ** 2
        return (x - n * p) / (p * (1 - p)) * rise + (y - m * q) / (q * (1 - q))

    low, high = 1e-9, (1 - 1e-9) / (max(value, 1) if name == "relative-risk" else 1)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    q = (low + high) / 2
    p = of_second(q)
    if name == "relative-risk":
        variance = p * (1 - p) / n + value * value * q * (1 - q) / m
        return (x / n - value * y / m) / math.sqrt(variance * factor)
    information = 1 / (1 / (n * p * (1 - p)) + 1 / (m * q * (1 - q)))
    return (x - n * p) / math.sqrt(information * factor)


class TestOverStrata:
    @pytest.mark.parametrize(
        ("strata", "contrast", "method", "estimate", "low", "high"),
        [
            (LU, "odds-ratio", "mantel-haenszel", 0.150641, 0.053255, 0.426114),
            (LU, "relative-risk", "mantel-haenszel", 0.248227, 0.109234, 0.564078),
            (LU, "difference", "mantel-haenszel", -0.378571, -0.378571 - Z * 0.085739,
             -0.378571 + Z * 0.085739),
            (LU, "difference", "sato", -0.378571, -0.378571 - Z * 0.088279,
             -0.378571 + Z * 0.088279),
            (LU, "difference", "miettinen-nurminen", -0.37857, -0.5381, -0.1962),  # as Lu printed
            (LU, "difference", "miettinen-nurminen", -0.378571, -0.538124, -0.196288),
            (LU, "difference", "newcombe", -0.378571, -0.531274, -0.193380),
            (ADMISSIONS, "odds-ratio", "mantel-haenszel", 0.9046968, 0.7719074, 1.0603298),  # R
            (ADMISSIONS, "relative-risk", "mantel-haenszel", 0.944905, 0.866452, 1.030461),
            (ADMISSIONS, "difference", "mantel-haenszel", -0.018425, -0.018425 - Z * 0.014619,
             -0.018425 + Z * 0.014619),
            (ADMISSIONS, "difference", "sato", -0.018425, -0.018425 - Z * 0.014825,
             -0.018425 + Z * 0.014825),
            (ADMISSIONS, "difference", "miettinen-nurminen", -0.018425, -0.047456, 0.010890),
            (ADMISSIONS, "difference", "newcombe", -0.018425, -0.050169, 0.013383),
        ],
    )  # fmt: skip
    def test_known_limits(self, strata, contrast, method, estimate, low, high):
        result = COMMON_CONTRASTS[contrast][method][1](strata)
        digits = 1e-4 if round(low, 4) == low else 2e-6
        assert float(result.estimate) == pytest.approx(estimate, abs=digits)
        assert limits(result) == pytest.approx([low, high], abs=digits)

    def test_the_published_limits_at_90_percent(self):
        """As metafor's tests have them, from Rothman's book: logarithms of the ratios."""
        expected = {"difference": (0.0349, -0.0176, 0.0874), "relative-risk":
                    (0.2818, -0.1442, 0.7078), "odds-ratio": (0.3387, -0.1731, 0.8505)}  # fmt: skip
        for contrast, (estimate, *ends) in expected.items():
            result = COMMON_CONTRASTS[contrast]["mantel-haenszel"][1](TOLBUTAMIDE)
            scale = float if contrast == "difference" else math.log
            assert scale(result.estimate) == pytest.approx(estimate, abs=6e-5)
            low, high = map(scale, limits(result, Fraction(9, 10)))
            assert [low, high] == pytest.approx(ends, abs=6e-5)

    @given(st.lists(st.tuples(*[st.integers(1, 9)] * 4), min_size=1, max_size=5))
    @settings(max_examples=40, deadline=None)
    def test_statsmodels_agrees_on_the_odds_ratio(self, cells):
        tables = [np.array([[a, b], [c, d]]) for a, b, c, d in cells]
        stratified = StratifiedTable(tables)
        result = COMMON_CONTRASTS["odds-ratio"]["mantel-haenszel"][1](
            [((a, a + b), (c, c + d)) for a, b, c, d in cells])  # fmt: skip
        assert float(result.estimate) == pytest.approx(stratified.oddsratio_pooled, rel=1e-12)
        assert limits(result) == pytest.approx(stratified.oddsratio_pooled_confint(), rel=1e-9)
        risk = COMMON_CONTRASTS["relative-risk"]["mantel-haenszel"][1](
            [((a, a + b), (c, c + d)) for a, b, c, d in cells])  # fmt: skip
        assert float(risk.estimate) == pytest.approx(stratified.riskratio_pooled, rel=1e-12)

    @given(st.data())
    @settings(max_examples=30, deadline=None)
    def test_of_one_stratum_it_is_that_of_the_table(self, data):
        n, m = (data.draw(st.integers(2, 40)) for _ in "ab")
        groups = (data.draw(st.integers(0, n)), n), (data.draw(st.integers(0, m)), m)
        score = stratified_score_difference([groups])
        alone = [float(limit) for limit in miettinen_nurminen(*groups[0], *groups[1])]
        assert limits(score) == pytest.approx(alone, abs=1e-15)
        newcombe, stratified = (table["difference"]["newcombe"][1] for table in
                                (CONTRASTS, COMMON_CONTRASTS))  # fmt: skip
        assert limits(stratified([groups])) == pytest.approx(limits(newcombe(*groups)), abs=1e-15)

    @given(st.lists(st.tuples(*[st.integers(0, 5)] * 4), min_size=1, max_size=5))
    @settings(max_examples=60, deadline=None)
    def test_strata_of_one_side_change_nothing_and_no_cells_break_it(self, cells):
        strata = [((a, a + b), (c, c + d)) for a, b, c, d in cells]
        of_one = [((2, 3), (0, 0)), ((0, 0), (1, 4)), ((0, 0), (0, 0))]
        for methods_of in COMMON_CONTRASTS.values():
            for _, contrast in methods_of.values():
                result, extended = contrast(strata), contrast([*of_one, *reversed(strata)])
                assert (result and result.estimate) == (extended and extended.estimate)
                if result is not None:
                    assert (limits(result) or []) == pytest.approx(
                        limits(extended) or [], rel=1e-12, abs=1e-15
                    )


def people(arm: str, region: str | None, sexes: str, start: int = 0) -> list[Entry]:
    names = [f"{arm}-{region}-{i}" for i in range(start, start + len(sexes))]
    strata = {"strata": {"region": region}} if region else {}
    return [
        event
        for name, sex in zip(names, sexes, strict=True)
        for event in (enrolment(subject=name, sex=sex), randomised(arm, name, **strata))
    ]


MEN = {"characteristic": "sex", "levels": ["M"]}
PEOPLE = [
    *people("a", "north", "M" * 1 + "F" * 14), *people("b", "north", "M" * 3 + "F" * 2),
    *people("a", "south", "M" * 5 + "F" * 30), *people("b", "south", "M" * 22 + "F" * 23),
]  # fmt: skip
POOLED = (6, 50), (25, 50)
STRATA = [((1, 15), (3, 5)), ((5, 35), (22, 45))]


class TestInATable:
    def found(self, row: dict[str, Any], entries: list[Entry] = PEOPLE, **options: Any):
        return table_of(entries, row, columns=[A, B, {**P, **options}])

    @pytest.mark.parametrize(
        ("contrast", "method"),
        [(name, method) for name, methods_of in CONTRASTS.items() for method in methods_of],
    )
    def test_each_contrast_is_named_and_printed(self, contrast, method):
        row = {"count": MEN}
        grid = self.found(row, counts=method, contrast=contrast, interval={"level": 0.9})
        expected = CONTRASTS[contrast][method][1](*POOLED)
        name, row_cell = contrast.replace("-", "_"), cell(grid, "row", "p")
        scale = 100 if contrast == "difference" else 1
        numbers = {statistic.name: float(statistic.raw) for statistic in row_cell.statistics}
        low, high = limits(expected, Fraction(9, 10))
        assert numbers == pytest.approx({name: scale * float(expected.estimate),
                                       "ci_low": scale * low, "ci_high": scale * high})  # fmt: skip
        assert row_cell.method == f"{CONTRASTS[contrast][method][0]}, 90 %"
        assert row_cell.interval == "90% CI"
        places = 1 if contrast == "difference" else 2
        text = printed(grid, "row", "p")[name]
        assert len(text.partition(".")[2]) == places

    def test_what_cannot_be_estimated_says_so(self):
        entries = [*people("a", "north", "MMF"), *people("b", "north", "FFF")]
        row = {"count": MEN}
        open_ended = printed(self.found(row, entries, counts="koopman", contrast="relative-risk"),
                             "row", "p")  # fmt: skip
        assert (open_ended["relative_risk"], open_ended["ci_high"]) == (
            "not estimable", "no limit")  # fmt: skip
        assert float(open_ended["ci_low"]) > 0
        texts = printed(self.found(row, entries, counts="wald", contrast="odds-ratio"),
                          "row", "p")  # fmt: skip
        assert texts == dict.fromkeys(("odds_ratio", "ci_low", "ci_high"), "not estimable")

    def test_a_table_that_takes_too_long_is_told_by_another_method(self, monkeypatch):
        monkeypatch.setattr(risks, "_STEPS_PER_TABLE", 10**6)
        row_cell = cell(
            self.found({"count": MEN}, counts="exact", contrast="odds-ratio"), "row", "p"
        )
        expected = risks.score_odds_ratio(*POOLED)
        assert "in place of exact" in row_cell.method
        assert float(row_cell.get("ci_low").raw) == pytest.approx(limits(expected)[0])

    @pytest.mark.parametrize(
        ("contrast", "method"),
        [(name, method) for name, by_method in COMMON_CONTRASTS.items() for method in by_method],
    )
    def test_over_strata_it_stands_beside_the_test(self, contrast, method):
        row = {"stratified": {"count": MEN, "strata": ["region"]}}
        plain = cell(self.found(row), "row", "p")
        row["stratified"] |= {"contrast": contrast, "method": method}
        grid = self.found({**row, "interval": {"level": 0.9}})
        row_cell = cell(grid, "row", "p")
        name, common = COMMON_CONTRASTS[contrast][method]
        expected, scale = common(STRATA), 100 if contrast == "difference" else 1
        numbers = {statistic.name: float(statistic.raw) for statistic in row_cell.statistics}
        low, high = limits(expected, Fraction(9, 10))
        assert numbers == pytest.approx({
            contrast.replace("-", "_"): scale * float(expected.estimate),
            "ci_low": scale * low, "ci_high": scale * high, "p": float(plain.get("p").raw),
        })  # fmt: skip
        assert row_cell.method == f"{name}, 90 %; {plain.method}"
        one_sided = self.found(row, counts="wald", interval={"level": 0.99, "limits": "lower"})
        assert cell(one_sided, "row", "p").interval == "99% lower limit"
        assert cell(one_sided, "row", "p").get("ci_high") is None
        ref = CellRef(table="t", row="row", column="p")
        (table,) = parallel([{**row, "interval": {"level": 0.9}}], [A, B, P]).definition.tables
        assert available_statistics(ref.model_copy(update={"row": table.rows[0].id}), [table]) == (
            numbers.keys()
        )

    def test_strata_of_one_arm_are_named(self):
        row = {"stratified": {"count": MEN, "strata": ["region"], "contrast": "difference"}}
        lone = [*PEOPLE, *people("a", "east", "MF")]
        before, after = (cell(self.found(row, entries), "row", "p") for entries in (PEOPLE, lone))
        assert before.statistics == after.statistics
        assert "nobody of one side is in stratum east, which adds nothing" in " ".join(
            self.found(row, lone).footnotes
        )
        assert not any("adds nothing" in note for note in self.found(row).footnotes)

    def test_without_an_event_there_is_nothing_to_compare(self):
        row = {"stratified": {"count": MEN, "strata": ["region"], "contrast": "difference"}}
        entries = [*people("a", "north", "FF"), *people("b", "north", "FFF")]
        assert cell(self.found(row, entries), "row", "p").statistics == ()
        assert cell(self.found(row, people("a", "north", "MF")), "row", "p").statistics == ()

    @pytest.mark.parametrize(
        ("row", "options", "detail"),
        [
            ({"count": MEN}, {"contrast": "odds-ratio"}, "needs its method: counts wald, miett"),
            ({"count": MEN}, {"contrast": "odds-ratio", "counts": "koopman"}, "not koopman"),
            ({"count": MEN}, {"counts": "exact"}, "contrast difference takes counts newcombe"),
            ({"count": MEN}, {"counts": "wald", "compare": ["a", "b", "t"]}, "exactly two"),
            ({"count": MEN}, {"interval": {"level": 0.9}}, "is of a difference or a ratio"),
            ({"stratified": {"count": MEN, "strata": ["region"], "method": "sato"}}, {},
             "only beside `contrast`"),
            ({"stratified": {"count": MEN, "strata": ["region"], "contrast": "odds-ratio",
                             "method": "sato"}}, {}, "takes method mantel-haenszel: not sato"),
            ({"stratified": {"levels": "sex", "strata": ["region"], "contrast": "difference"}}, {},
             "only of a `count`"),
            ({"stratified": {"count": MEN, "strata": ["region"]}, "interval": True}, {},
             "that of its `contrast`"),
            ({"stratified": {"count": MEN, "strata": ["region"], "contrast": "difference"},
              "interval": {"method": "wald"}}, {}, "named by its `method`"),
        ],
    )  # fmt: skip
    def test_what_does_not_fit_is_refused(self, row, options, detail):
        total = {"id": "t", "label": "T", "set": "randomised"}
        with pytest.raises(Rejected) as refused:
            checking.check_definition(parallel([row], [A, B, total, {**P, **options}]))
        assert detail in str([fault.detail for fault in refused.value.faults])

    def test_methods_say_which(self):
        row = {"stratified": {"count": MEN, "strata": ["region"], "contrast": "odds-ratio"}}
        options = {"counts": "exact", "contrast": "odds-ratio"}
        text = str([section.rows for section in
                    methods(parallel([row], [A, B, {**P, **options}]).definition)])  # fmt: skip
        assert "the Mantel-Haenszel odds ratio, Robins-Breslow-Greenland variance" in text
        assert "conditional maximum likelihood, exact conditional interval, or as" in text

    @pytest.mark.parametrize("show", ["odds-ratio", "relative-risk"])
    def test_a_key_result_shows_a_ratio(self, show):
        key = {"id": "k", "label": "K", "show": show, "decimals": 3,
               "source": {"table": "t", "row": "row", "column": "p"}}  # fmt: skip
        columns = [A, B, {**P, "counts": "wald", "contrast": show}]
        compiled = parallel([{"count": MEN}], columns, key_results=[key])
        checking.check_definition(compiled)
        second_contrast = "relative-risk" if show == "odds-ratio" else "odds-ratio"
        with pytest.raises(Rejected):
            checking.check_definition(parallel([{"count": MEN}], columns,
                                    key_results=[{**key, "show": second_contrast}]))  # fmt: skip


def test_an_infinite_score_has_its_tails():
    contrast = risks.mee_difference((0, 10), (10, 10))
    assert [float(tail) for tail in contrast.tails(Fraction(1))] == [1, 0]
    assert [float(tail) for tail in contrast.tails(Fraction(-1))] == [0.5, 0.5]
