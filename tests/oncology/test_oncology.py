"""TUMOUR-2, an oncology trial by data alone: every point of its figures is counted again."""

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import builders
import charting
import numpy as np
import pandas as pd
import pytest
from oncology import tumour
from oncology.tumour import VISITS, Person
from scipy import stats
from statsmodels.duration.hazard_regression import PHReg

from local.feed import read_definition
from trial.definition import study
from trial.definition.study import Study
from trial.render.figures import figure_svg
from trial.reporting import report
from trial.statistics.cells import Share
from trial.subject import acceptance
from trial.tables import checking
from trial.tables.figures import figures
from trial.tables.grid import Figure, Mark, Statistic

ARMS = ("chemo", "drug")
DAYS = (1, *VISITS)
Z = 1.959963984540054
type Rows = dict[tuple[str, str], dict[str, Statistic]]


@cache
def defined() -> Study:
    return study.load(json.dumps(read_definition(Path(__file__).parent / "definition.yaml")))


@cache
def sums() -> Share:
    return builders.sums_of(defined(), builders.subjects(tumour.feed()))


@cache
def drawn() -> dict[str, Figure]:
    return {figure.id: figure for figure in figures(defined(), sums())}


@cache
def cells() -> dict[str, Rows]:
    return {
        grid.id: {
            (row.id, cell.column): {statistic.name: statistic for statistic in cell.statistics}
            for row in grid.rows for cell in row.cells
        }
        for grid in report.tables(defined(), sums())
    }  # fmt: skip


@cache
def people() -> list[Person]:
    return tumour.people()


def of(arm: str) -> list[Person]:
    return [person for person in people() if person.arm == arm]


def marks(name: str, arm: str) -> Sequence[Mark]:
    return charting.series_of(drawn()[name])[arm].marks


def time_of(person: Person, *, progression: bool = False) -> tuple[int, int]:
    ends = [person.died, person.progressed if progression else None]
    known = [day for day in ends if day is not None]
    return (min(known), 1) if known else (person.last, 0)


def number(value: str | None) -> float:
    return float("nan") if value is None else float(value)


def test_the_definition_and_every_event_are_accepted():
    checking.check_definition(defined())
    for entry in tumour.feed():
        acceptance.check_acceptable(defined(), entry)


@pytest.mark.parametrize("arm", ARMS)
class TestPoints:
    def test_survival(self, arm):
        days, events = zip(*(time_of(person) for person in of(arm)), strict=True)
        series = charting.series_of(drawn()["F1"])[arm]
        assert charting.points(series.marks) == charting.curve(days, events)
        assert series.censored == charting.censored(days, events)
        assert series.at_risk == tuple(
            (str(day), sum(at >= day for at in days)) for day in (0, 90, 180, 270)
        )

    def test_waterfall_and_distribution_of_the_best_change(self, arm):
        best = [min(person.changes) for person in of(arm) if person.changes]
        assert charting.points(marks("F4", arm)) == charting.falling(best)
        steps = stats.ecdf(np.round(best, 9)).cdf
        shown = marks("F8", arm)[1:]
        assert [number(mark.x) for mark in shown] == pytest.approx(list(steps.quantiles))
        assert [number(mark.y) for mark in shown] == pytest.approx(list(100 * steps.probabilities))

    def test_swimmer(self, arm):
        expected = Counter(
            (person.last, person.responded, person.progressed, person.died) for person in of(arm)
        )
        shown = Counter()
        for mark in marks("F5", arm):
            assert mark.lane is not None
            happened = {place: int(day) for place, day in mark.lane.happened}
            shown[int(mark.x or 0), *(happened.get(place) for place in range(3))] += 1
            assert mark.lane.goes_on == (2 not in happened)
        assert shown == expected
        lengths = [number(mark.x) for mark in marks("F5", arm)]
        assert lengths == sorted(lengths, reverse=True)

    def test_profiles(self, arm):
        shown: Counter[tuple[int | None, ...]] = Counter()
        line: dict[str | None, int] = {}
        for mark in marks("F6", arm):
            if mark.x is not None:
                line[mark.x] = int(mark.y or 0)
                n = mark.n or 0
                continue
            shown[tuple(line.get(str(day)) for day in DAYS)] += n
            line = {}
        assert shown == Counter(person.sizes for person in of(arm))

    def test_boxes_and_means_of_the_size(self, arm):
        for place, (box, mean) in enumerate(zip(marks("F7", arm), marks("F13", arm), strict=True)):
            values = np.array([one.sizes[place] for one in of(arm) if one.sizes[place] is not None])
            assert charting.points([mean]) == [charting.mean(DAYS[place], values)]
            quartiles = np.percentile(values, (25, 50, 75), method="averaged_inverted_cdf")
            assert box.quartiles is not None
            at = [number(value) for value in (box.quartiles.q1, box.y, box.quartiles.q3)]
            assert at == list(quartiles)
            reach = 1.5 * (quartiles[2] - quartiles[0])
            inside = values[(values >= quartiles[0] - reach) & (values <= quartiles[2] + reach)]
            assert (number(box.low), number(box.high)) == (inside.min(), inside.max())
            outside = Counter({float(value): n for value, n in box.quartiles.outside})
            assert outside == Counter(float(value) for value in values if value not in inside)
            assert box.n == len(values)

    def test_classes_and_grades(self, arm):
        best = [min(person.changes) for person in of(arm) if person.changes]
        classes = [sum(map(test, best)) for test in (
            lambda x: x <= -30, lambda x: -30 < x < 20, lambda x: x >= 20)]  # fmt: skip
        assert self.stack("F9", arm) == pytest.approx([100 * n / len(best) for n in classes])
        worst = Counter(max(grade for *_, grade in one.events) for one in of(arm) if one.events)
        expected = [100 * worst[grade] / len(of(arm)) for grade in range(1, 5)]
        assert self.stack("F10", arm) == pytest.approx(expected)

    def stack(self, name: str, arm: str) -> list[float]:
        return [number(series.marks[ARMS.index(arm)].x) for series in drawn()[name].series]

    def test_peaks_and_their_quadrants(self, arm):
        peaks = Counter((max(one.alt) / 40, max(one.bili) / 20) for one in of(arm))
        shown = Counter({(number(m.x), number(m.y)): m.n or 0 for m in marks("F12", arm)})
        assert shown == peaks
        parts = dict(drawn()["F12"].quadrants[ARMS.index(arm)])
        assert parts["upper right"] == sum(n for (x, y), n in peaks.items() if x >= 3 and y >= 2)
        assert parts["lower right"] == sum(n for (x, y), n in peaks.items() if x >= 3 and y < 2)
        assert sum(parts.values()) == len(of(arm))


def hazard(
    chosen: Sequence[Person], *, strata: bool = False, interaction: bool = False,
    progression: bool = False,
) -> Any:  # fmt: skip
    rows = [(*time_of(one, progression=progression), one.arm == "drug", one.ecog) for one in chosen]
    data = pd.DataFrame(rows, columns=["day", "died", "drug", "ecog"])
    design = pd.DataFrame({"drug": data.drug.astype(float)})
    if interaction:
        design["both"] = design.drug * (data.ecog == "1")
    by = data.ecog if strata or interaction else None
    return PHReg(data.day, design, status=data.died.astype(int), strata=by, ties="breslow").fit()


class TestForests:
    GROUPS: dict[str, Callable[[Person], bool]] = {  # noqa: RUF012 (not changed)
        "All": lambda _: True,
        "0": lambda one: one.ecog == "0",
        "1": lambda one: one.ecog == "1",
        "Below 65 years": lambda one: one.age < 65,
        "65 years or above": lambda one: one.age >= 65,
    }

    def test_hazard_ratios_are_those_of_statsmodels(self):
        (series,) = drawn()["F2"].series
        lines = {mark.label: mark for mark in series.marks if not mark.is_heading}
        assert list(lines) == list(self.GROUPS)
        for label, mark in lines.items():
            chosen = list(filter(self.GROUPS[label], people()))
            fit = hazard(chosen)
            estimate, se = float(fit.params[0]), float(fit.bse[0])
            expected = [math.exp(estimate + k * Z * se) for k in (0, -1, 1)]
            shown = [number(value) for value in (mark.x, mark.low, mark.high)]
            assert shown == pytest.approx(expected, rel=1e-6)
            sizes = []
            for arm in ARMS:
                died = [one.died is not None for one in chosen if one.arm == arm]
                sizes.append(f"{sum(died)}/{len(died)}")
            assert mark.beside[:2] == tuple(sizes)

    def test_interaction_is_wald_s_in_a_model_stratified_by_status(self):
        heading = next(mark for mark in drawn()["F2"].series[0].marks if mark.label == "ECOG")
        p = float(hazard(people(), interaction=True).pvalues[1])
        assert float(heading.beside[-1].rpartition(" ")[2]) == pytest.approx(p, abs=6e-5)

    def test_odds_ratios(self):
        (series,) = drawn()["F3"].series
        for mark in (mark for mark in series.marks if not mark.is_heading):
            chosen = list(filter(self.GROUPS.get(mark.label, bool), people()))
            (c, d), (a, b) = (self.responses(chosen, arm) for arm in ARMS)
            assert mark.beside[:2] == (f"{c}/{c + d}", f"{a}/{a + b}")
            if not a * b * c * d:
                continue
            se = math.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
            expected = [a * d / (b * c) * math.exp(k * Z * se) for k in (0, -1, 1)]
            shown = [number(value) for value in (mark.x, mark.low, mark.high)]
            assert shown == pytest.approx(expected)

    @staticmethod
    def responses(chosen: Sequence[Person], arm: str) -> tuple[int, int]:
        known = [one for one in chosen if one.arm == arm]
        n = sum(bool(one.changes) and min(one.changes) <= -30 for one in known)
        return n, len(known) - n


class TestTerms:
    def test_percentages_and_differences(self):
        figure = drawn()["F11"]
        assert figure.panel is not None
        who = {(term, arm): sum(any(name == term for name, *_ in one.events) for one in of(arm))
               for term in tumour.TERMS for arm in ARMS}  # fmt: skip
        sizes = {arm: len(of(arm)) for arm in ARMS}
        for place, mark in enumerate(figure.panel.marks):
            y, x = (who[mark.label, arm] for arm in ARMS)
            m, n = sizes["chemo"], sizes["drug"]
            p, q = x / n, y / m
            margin = Z * math.sqrt(p * (1 - p) / n + q * (1 - q) / m)
            expected = [100 * (p - q + k * margin) for k in (0, -1, 1)]
            shown = [number(value) for value in (mark.x, mark.low, mark.high)]
            assert shown == pytest.approx(expected)
            for series, k in zip(figure.series, (y, x), strict=True):
                assert (series.marks[place].label, series.marks[place].n) == (mark.label, k)
        differences = [number(mark.x) for mark in figure.panel.marks]
        assert differences == sorted(differences, reverse=True)
        assert len(differences) == len(tumour.TERMS)


def test_every_figure_is_drawn():
    for figure in drawn().values():
        assert "No data yet" not in figure_svg(figure)
    assert {figure.kind for figure in drawn().values()} == {
        "step", "forest", "bars", "swimmer", "profiles", "boxes", "cumulative", "stacked", "dots",
        "scatter", "line",
    }  # fmt: skip
