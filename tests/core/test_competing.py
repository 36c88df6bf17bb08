"""Restricted means, cumulative incidence, Gray's test: against what R and SAS give of trials."""

import itertools
import math
from fractions import Fraction

import builders
import numpy as np
import pytest
from builders import adverse_event, cell, contact, death, enrolment
from parallel import TOTAL, A, B, parallel, printed, randomised, table_of
from published import BMT, LUNG, outcomes
from scipy import stats

from trial.errors import Rejected
from trial.reporting import report
from trial.rules.dating import Time
from trial.statistics.competing import cumulative_incidence, gray
from trial.statistics.survival import (
    kaplan_meier,
    restricted_difference,
    restricted_log_ratio,
)
from trial.tables import checking


def tallied(pairs, ends):
    """Count days by how they end, `ends` being what the event, others and censorings are called."""
    times = {}
    for days, end in pairs:
        counts = times.setdefault(days, [0] * len(ends))
        counts[ends.index(end)] += 1
    return {days: tuple(counts) for days, counts in times.items()}


def transplanted(event="r", competing="d"):
    return [tallied(outcomes(text), (event, competing, "")) for text in BMT.values()]


class TestRestrictedMean:
    CURVES = tuple(kaplan_meier(tallied(outcomes(text), ("", "+"))) for text in LUNG.values())

    def test_lung_cancer_as_sas_has_it(self):
        """CAMIS, SAS/rmst: PROC LIFETEST RMST(TAU=350); limits by 1.96, of rounded numbers."""
        active, placebo = (curve.restricted_mean(350) for curve in self.CURVES)
        assert float(active.estimate) == pytest.approx(248.2156, abs=5e-5)
        assert float(placebo.estimate) == pytest.approx(272.9520, abs=5e-5)
        gain = restricted_difference(placebo, active)
        assert float(gain.estimate) == pytest.approx(-24.7364, abs=5e-5)
        middle, half = float(gain.estimate), 1.96 * float(gain.se)
        assert (middle - half, middle + half) == pytest.approx((-54.3971, 4.9243), abs=1.5e-4)
        assert float(gain.p) == pytest.approx(0.1021, abs=5e-5)
        log_ratio = restricted_log_ratio(placebo, active)
        assert float(log_ratio.ratio()) == pytest.approx(248.2155838 / 272.9520223, rel=1e-9)
        spread = math.hypot(*(float(mean.se / mean.estimate) for mean in (active, placebo)))
        assert float(log_ratio.se) == pytest.approx(spread, rel=1e-12)

    @pytest.mark.parametrize("seed", range(6))
    @pytest.mark.parametrize("to", [1, 7, 15])
    def test_it_is_the_area_and_its_variance_that_of_greenwood(self, seed, to):
        random = np.random.default_rng(seed)
        pairs = zip(random.integers(1, 20, 40), random.integers(0, 2, 40), strict=True)
        curve = kaplan_meier(tallied([(int(days), int(event)) for days, event in pairs], (1, 0)))
        height = {day: float(curve.survival(day)) for day in range(to)}
        mean = curve.restricted_mean(to)
        assert float(mean.estimate) == pytest.approx(sum(height.values()), rel=1e-12)
        variance = sum(
            sum(height[day] for day in range(step.time, to)) ** 2
            * step.events / (step.at_risk * (step.at_risk - step.events))
            for step in curve.steps
            if step.time < to
        )  # fmt: skip
        assert float(mean.se) == pytest.approx(math.sqrt(variance), rel=1e-12, abs=1e-15)

    def test_it_ends_where_follow_up_does_unless_nobody_is_left(self):
        spared = kaplan_meier({7: (0, 5), 3: (1, 0)})
        assert spared.restricted_mean(7) is not None
        assert spared.restricted_mean(8) is None is kaplan_meier({}).restricted_mean(1)
        ended = kaplan_meier({3: (1, 0), 5: (1, 0)})
        assert ended.restricted_mean(99) == ended.restricted_mean(5)
        mean = ended.restricted_mean(5)
        assert (mean.estimate, float(mean.se)) == (4, pytest.approx(math.sqrt(0.5)))
        event_free = kaplan_meier({9: (0, 2)}).restricted_mean(9)
        assert (event_free.estimate, event_free.se, event_free.p) == (9, 0, None)


def brute(pairs, day):
    """Return the incidence by a day, and its variance from each time's part in what follows."""
    times = sorted({days for days, end in pairs if end and days <= day})
    free, height, steps = Fraction(1), Fraction(0), []
    for time in times:
        n = sum(days >= time for days, _ in pairs)
        n_events, competing = (sum(pair == (time, end) for pair in pairs) for end in "rd")
        before = free
        free, height = (
            before * Fraction(n - n_events - competing, n),
            height + before * Fraction(n_events, n),
        )
        steps.append((n, n_events, competing, before, free, height))
    variance = Fraction(0)
    for n, n_events, competing, before, after, incidence in steps:
        later = (height - incidence) / after if after else Fraction(0)
        for events, effect in ((n_events, 1 - later), (competing, later)):
            tied = 1 - Fraction(events - 1, n - 1) if events > 1 else 1
            variance += effect**2 * before**2 * tied * events / Fraction(n) ** 2
    return height, variance


class TestIncidence:
    @pytest.mark.parametrize(
        ("day", "share", "se", "low", "high"),
        [
            (365, 0.0741, 0.0360, 0.0234, 0.1646),
            (547, 0.1296, 0.0463, 0.0563, 0.2344),
            (730, 0.1481, 0.0489, 0.0685, 0.2565),
            (1095, 0.1667, 0.0514, 0.0813, 0.2783),
        ],
    )
    def test_relapse_of_low_risk_aml_as_r_has_it(self, day, share, se, low, high):
        """CAMIS, R/survival_cif: tidycmprsk, log-log limits."""
        step = cumulative_incidence(transplanted()[1]).at(day)
        assert float(step.incidence) == pytest.approx(share, abs=5e-5)
        assert math.sqrt(step.variance) == pytest.approx(se, abs=5e-5)
        assert [float(limit) for limit in step.interval()] == pytest.approx([low, high], abs=5e-5)

    @pytest.mark.parametrize("seed", range(8))
    def test_the_variance_is_what_each_time_tells_of_what_follows(self, seed):
        random = np.random.default_rng(seed)
        pairs = [
            (int(days), "rd "[end].strip())
            for days, end in zip(random.integers(1, 12, 30), random.integers(0, 3, 30), strict=True)
        ]
        curve = cumulative_incidence(tallied(pairs, ("r", "d", "")))
        for day in (2, 5, 9):
            height, variance = brute(pairs, day)
            step = curve.at(day)
            assert step.incidence == height
            assert float(step.variance) == pytest.approx(float(variance), rel=1e-12, abs=1e-18)

    def test_without_other_events_it_is_what_kaplan_meier_leaves(self):
        pairs = [(days, end.replace("d", "")) for days, end in outcomes(BMT["ALL"])]
        incidence = cumulative_incidence(tallied(pairs, ("r", "d", "")))
        survival = kaplan_meier(tallied(pairs, ("r", "")))
        for day in (100, 400, 1200):
            assert incidence.at(day).incidence == 1 - survival.survival(day)

    def test_other_scales(self):
        step = cumulative_incidence(transplanted()[1]).at(730)
        share, se = float(step.incidence), math.sqrt(step.variance)
        z = stats.norm.ppf(0.95)
        low, high = (float(limit) for limit in step.interval(Fraction(9, 10), "plain"))
        assert (low, high) == pytest.approx((share - z * se, share + z * se))
        low, high = (float(limit) for limit in step.interval(Fraction(9, 10), "log"))
        assert math.log(low * high) == pytest.approx(2 * math.log(share))

    def test_nobody_no_event_and_all_of_one_kind(self):
        assert cumulative_incidence({}).at(3) is None
        spared = cumulative_incidence({7: (0, 2, 3)})
        assert (spared.at(7).incidence, spared.at(7).interval()) == (0, None)
        assert spared.at(8) is None
        ended = cumulative_incidence({7: (3, 0, 0)})
        assert (ended.at(99).incidence, ended.at(99).interval()) == (1, None)
        mixed = cumulative_incidence({7: (1, 1, 0)})
        assert (mixed.at(99).incidence, mixed.all_gone) == (Fraction(1, 2), True)
        assert cumulative_incidence({3: (1, 0, 0)}).at(2).incidence == 0
        with pytest.raises(ValueError, match="not be negative"):
            cumulative_incidence({1: (1, -1, 0)})


class TestGray:
    def test_relapse_and_death_as_r_has_them(self):
        """CAMIS, R/survival_cif: cuminc; 11.9228820 and 0.1374108 on 2 degrees of freedom."""
        relapse, died = gray([transplanted()]), gray([transplanted("d", "r")])
        assert (float(relapse.statistic), relapse.df) == (pytest.approx(11.9228820, abs=5e-8), 2)
        assert float(relapse.p) == pytest.approx(0.0025762, abs=5e-8)
        assert float(died.statistic) == pytest.approx(0.1374108, abs=5e-8)
        assert float(died.p) == pytest.approx(0.9336017, abs=5e-8)

    @pytest.mark.parametrize("groups", list(itertools.permutations(range(3)))[1:])
    def test_the_order_of_groups_and_empty_ones_do_not_matter(self, groups):
        unrepeated = gray([transplanted()])
        ordered = [transplanted()[i] for i in groups]
        for changed in (ordered, [{}, *ordered], [*ordered, {}]):
            test = gray([changed])
            assert float(test.statistic) == pytest.approx(float(unrepeated.statistic), rel=1e-15)
            assert test.df == 2

    def test_strata_add_up_and_those_of_one_group_add_nothing(self):
        unrepeated = gray([transplanted()])
        assert float(gray([transplanted()] * 3).statistic) == pytest.approx(
            3 * float(unrepeated.statistic)
        )
        assert gray([transplanted(), [{3: (2, 1, 4)}, {}, {}]]) == unrepeated

    def test_groups_that_cannot_be_told_apart_have_no_test(self):
        assert gray([[{3: (2, 1, 0)}]]) is None is gray([[{}, {}]])
        assert gray([[{3: (0, 4, 0)}, {2: (0, 3, 1)}]]) is None
        assert gray([[{3: (2, 1, 0)}, {}]]) is None
        with pytest.raises(ValueError, match="same groups"):
            gray([[{}, {}], [{}]])

    @pytest.mark.parametrize("seed", range(3))
    def test_without_other_events_and_differences_it_is_close_to_uniform(self, seed):
        """Of 100 draws under the null hypothesis some 10 have P below 0.1."""
        random = np.random.default_rng(seed)

        def group():
            return tallied(
                zip(random.integers(1, 60, 50).tolist(), random.choice(["r", "d", ""], 50).tolist(),
                    strict=True),
                ("r", "d", ""),
            )  # fmt: skip

        small = sum(gray([[group(), group()]]).p < Fraction(1, 10) for _ in range(100))
        assert 2 <= small <= 20


COLUMNS = [A, B, TOTAL, {"id": "p", "label": "P", "compare": ["a", "b"]},
           {"id": "q", "label": "Q", "compare": ["b", "a", "total"]}]  # fmt: skip
TIMES = {
    "ill": {"label": "Ill", "start": "enrolment", "events": [{"adverse_event": {}}],
            "competing": ["death"]},
    "death": {"label": "Death", "start": "enrolment", "events": ["death"]},
}  # fmt: skip


def time_of(*entries):
    study = parallel([{"survival": {"time": "ill", "estimate": "cumulative-incidence"}}], COLUMNS,
                     times=TIMES)  # fmt: skip
    derivation = builders.derive(*entries, study=study)
    return report.compiled(study).rules.time("ill", "")(derivation)


class TestTime:
    def test_the_first_of_both_ends_it(self):
        assert time_of(enrolment(), adverse_event(5), death(9)) == Time(6, event=True)
        assert time_of(enrolment(), death(5)) == Time(6, event=False, competing=True)
        assert time_of(enrolment(), contact(9)) == Time(10, event=False)

    def test_on_one_day_the_event_counts_and_before_a_censoring_the_other_one(self):
        assert time_of(enrolment(), adverse_event(5), death(5)) == Time(6, event=True)
        assert time_of(enrolment(), contact(5), death(5)) == Time(6, event=False, competing=True)

    def test_an_event_without_a_date_is_told(self):
        undated = adverse_event(None)
        assert time_of(enrolment(), undated, death(9)) == Time(
            10, event=False, undated=True, competing=True
        )


def people():
    entries = []
    for i, arm in enumerate("ab" * 8):
        subject, study_day = f"S-{i:02}", 3 + (7 * i) % 23
        entries += [enrolment(subject=subject), randomised(arm, subject)]
        end = (contact, death, adverse_event)[i % 3]
        entries.append(end(study_day, subject=subject))
    return entries


def counted(arm, ends=("e", "k", "c")):
    pairs = [(4 + (7 * i) % 23, "cke"[i % 3]) for i in range(16) if arm in ("total", "ab"[i % 2])]
    return tallied(pairs, ends)


def table(survival, entries=None, **row):
    row_given = {"label": "Row", "survival": survival, **row}
    entries = people() if entries is None else entries
    return table_of(entries, row_given, columns=COLUMNS, times=TIMES)


class TestRows:
    def test_cumulative_incidence(self):
        grid = table({"time": "ill", "at": [12], "estimate": "cumulative-incidence"},
                     interval={"level": 0.9})  # fmt: skip
        for column in ("a", "b", "total"):
            step = cumulative_incidence(counted(column)).at(12)
            low, high = step.interval(Fraction(9, 10))
            assert printed(grid, "row/day-12", column) == {
                "incidence": f"{float(100 * step.incidence):.1f}",
                "ci_low": f"{100 * low:.1f}",
                "ci_high": f"{100 * high:.1f}",
            }
        assert cell(grid, "row", "total").get("competing").raw == 5
        assert cell(grid, "row", "total").get("censored").raw == 6
        test = gray([[counted("a"), counted("b")]])
        assert printed(grid, "row", "p") == {"p": f"{test.p:.4f}"}
        assert cell(grid, "row", "p").method == "Gray's test"
        assert "row/median" not in {row.id for row in grid.rows}

    def test_restricted_means_their_difference_and_ratio(self):
        restricted_mean = {"to": [14, 99], "contrasts": ["ratio", "difference"], "decimals": 2}
        grid = table({"time": "death", "restricted_mean": restricted_mean})
        deaths = {
            column: kaplan_meier({
                day: (counts[1], counts[0] + counts[2]) for day, counts in counted(column).items()
            })
            for column in "ab"
        }  # fmt: skip
        reference, compared = (deaths[column].restricted_mean(14) for column in "ab")
        low, high = reference.interval()
        assert printed(grid, "row/mean-14", "a") == {
            "restricted_mean": f"{reference.estimate:.2f}",
            "se": f"{reference.se:.3f}",
            "ci_low": f"{low:.2f}",
            "ci_high": f"{high:.2f}",
        }
        gain = restricted_difference(reference, compared)
        low, high = gain.interval()
        assert printed(grid, "row/mean-14", "p") == {
            "difference": f"{gain.estimate:.2f}",
            "ci_low": f"{low:.2f}",
            "ci_high": f"{high:.2f}",
            "p": f"{gain.p:.4f}",
        }
        quotient = restricted_log_ratio(reference, compared)
        low, high = quotient.ratio_interval()
        assert printed(grid, "row/mean-14-ratio", "p") == {
            "mean_ratio": f"{quotient.ratio():.2f}",
            "ci_low": f"{low:.2f}",
            "ci_high": f"{high:.2f}",
            "p": f"{quotient.p:.4f}",
        }
        assert printed(grid, "row/mean-14", "q") == printed(grid, "row/mean-14-ratio", "q") == {}
        late = "not followed so long"
        assert printed(grid, "row/mean-99", "a") == {"restricted_mean": late}
        assert printed(grid, "row/mean-99", "p") == {"difference": late, "p": late}
        assert printed(grid, "row/mean-99-ratio", "p") == {"mean_ratio": late, "p": late}

    def test_nobody_has_none(self):
        grid = table({"time": "death", "restricted_mean": {"to": [14]}}, [])
        assert printed(grid, "row/mean-14", "a") == printed(grid, "row/mean-14", "p") == {}
        grid = table({"time": "ill", "at": [3], "estimate": "cumulative-incidence"}, [])
        assert printed(grid, "row/day-3", "a") == printed(grid, "row", "p") == {}

    def test_a_figure_of_it_rises(self):
        row = {"id": "row", "label": "R",
               "survival": {"time": "ill", "estimate": "cumulative-incidence"}}  # fmt: skip
        figure = {"id": "f", "title": "F", "population": "P", "kind": "survival", "x_label": "x",
                  "y_label": "y", "source": {"table": "t", "row": "row",
                                           "columns": ["a"]}}  # fmt: skip
        study = parallel([row], COLUMNS, times=TIMES, figures=[figure])
        (plotted,) = builders.report_of(study, people()).figures
        (series,) = plotted.series
        steps = cumulative_incidence(counted("a")).steps
        assert [(mark.x, float(mark.y)) for mark in series.marks[: len(steps) + 1]] == [
            ("0", 0.0),
            *((str(step.time), pytest.approx(float(100 * step.incidence))) for step in steps),
        ]
        censored = [str(day) for day, counts in sorted(counted("a").items()) if counts[2]]
        assert list(series.censored) == censored
        assert plotted.method.startswith("Aalen-Johansen")

    def test_the_ratio_of_hazards_is_of_the_event_alone(self):
        grid = table({"time": "ill", "estimate": "cumulative-incidence", "hazard_ratio": True})
        assert printed(grid, "row/hazard-ratio", "p")["hazard_ratio"] != "not estimable"

    @pytest.mark.parametrize(
        ("survival", "detail"),
        [
            ({"time": "ill"}, "must be cumulative-incidence"),
            ({"time": "death", "estimate": "cumulative-incidence"}, "has no `competing` events"),
            ({"time": "ill", "estimate": "cumulative-incidence", "restricted_mean": {"to": [3]}},
             "is of the survival"),
            ({"time": "death", "restricted_mean": {"to": []}}, "at least 1 item"),
            ({"time": "death", "restricted_mean": {"to": [0]}}, "greater than or equal to 1"),
        ],
    )  # fmt: skip
    def test_what_is_refused(self, survival, detail):
        with pytest.raises(Rejected) as refused:
            checking.check_definition(parallel([{"survival": survival}], COLUMNS, times=TIMES))
        assert any(detail in fault.detail for fault in refused.value.faults)
