"""Forests: their lines are their table's, and their tests those of statsmodels' models."""

import math
import random
from functools import cache
from typing import Any

import builders
import numpy as np
import pandas as pd
import pytest
from builders import cd4, contact, death, dose, enrolment
from parallel import TOTAL, A, B, parallel, randomised
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.regression.linear_model import WLS
from statsmodels.stats.meta_analysis import combine_effects

from trial.definition.study import Study
from trial.errors import Rejected
from trial.render.figures import figure_svg
from trial.reporting import methods
from trial.tables import checking
from trial.tables.figures import figures
from trial.tables.grid import Figure

DIED = {"died": {"label": "Died", "start": "enrolment",
                 "events": [{"recorded": "death.reported"}]}}  # fmt: skip
LOW = {"measure": {"parameter": "cd4", "at": "day-14"}, "below": 300}
SEEN = {"parameter": "cd4", "at": "day-14"}
REGION = {"characteristic": "region"}


def against(**options: Any) -> dict[str, Any]:
    return {"id": "against", "label": "Drug to placebo", "compare": ["b", "a"]} | options


def figure(**options: Any) -> dict[str, Any]:
    source = {"table": "t", "row": "all", "rows": options.pop("rows", ["by"])}
    if "shown" in options:
        source["columns"] = options.pop("shown")
    base = {"id": "f", "title": "F", "population": "P", "x_label": "X", "y_label": "Y"}
    return base | {"kind": "forest", "source": source, "interaction": True} | options


def study_of(row: dict[str, Any], options: dict[str, Any], **figure_options: Any) -> Study:
    changes = {
        name: figure_options.pop(name) for name in ("blinded", "columns") if name in figure_options
    }
    rows = [{"id": "all", "label": "All"} | row,
            {"id": "by", "label": "Region", "subgroups": REGION} | row]  # fmt: skip
    study = parallel(rows, changes.pop("columns", (A, B, TOTAL, against(**options))), times=DIED,
                     figures=[figure(**figure_options)], **changes)  # fmt: skip
    checking.check_definition(study)
    return study


@cache
def people() -> pd.DataFrame:
    """Draw subjects: arm, region, a result that some lack, days to death or the last contact."""
    rng = random.Random(4)  # noqa: S311 (a trial to try)
    return pd.DataFrame(
        {"name": f"S-{i}", "arm": arm, "region": region,
         "value": rng.randint(200, 420) - 30 * (arm == "a") + 25 * (region == "north")
         if rng.random() < 0.9 else None,
         "day": rng.randint(20, 60 + 40 * (arm == "a") * (region == "north")),
         "died": rng.random() < 0.7}
        for i in range(70)
        for arm, region in [(rng.choice("ab"), rng.choice(("north", "south")))]
    )  # fmt: skip


@cache
def entries() -> tuple[Any, ...]:
    events: list[Any] = []
    for row in people().itertuples():
        name = str(row.name)
        events += [enrolment(subject=name), dose(7, subject=name),
                  randomised(str(row.arm), name, strata={"region": row.region})]  # fmt: skip
        if not math.isnan(row.value):
            events.append(cd4(14, int(row.value), subject=name))
        end = int(row.day) - 1
        events.append(death(end, name) if row.died else contact(end, name))
    return tuple(events)


def drawn(study: Study, events: Any = None) -> Figure:
    states = builders.subjects(entries() if events is None else events)
    (result,) = figures(study, builders.sums_of(study, states))
    return result


def p_of(plot: Figure) -> float:
    """Return the P value as it is printed."""
    heading = plot.series[0].marks[1]
    assert (heading.label, heading.x, heading.is_heading) == ("Region", None, True)
    return float(heading.beside[-1].removeprefix("P of interaction: "))


def counts(frame: pd.DataFrame) -> list[tuple[int, int]]:
    with_value = frame[frame.value.notna()]
    return [(int((part.value < 300).sum()), len(part))
            for arm in "ba" for part in [with_value[with_value.arm == arm]]]  # fmt: skip


def regions() -> list[pd.DataFrame]:
    return [people()[people().region == region] for region in ("north", "south")]


def effects(contrast: str) -> tuple[list[float], list[float]]:
    """Return the contrast of each region and its variance, by the textbook."""
    values, variances = [], []
    for frame in regions():
        (y, m), (x, n) = counts(frame)
        p, q = x / n, y / m
        match contrast:
            case "odds-ratio":
                values.append(math.log(x * (m - y) / ((n - x) * y)))
                variances.append(1 / x + 1 / (n - x) + 1 / y + 1 / (m - y))
            case "relative-risk":
                values.append(math.log(p / q))
                variances.append(1 / x - 1 / n + 1 / y - 1 / m)
            case _:
                values.append(p - q)
                variances.append(p * (1 - p) / n + q * (1 - q) / m)
    return values, variances


class TestProportions:
    @pytest.mark.parametrize(("contrast", "method"), [
        ("odds-ratio", "wald"), ("odds-ratio", "miettinen-nurminen"), ("relative-risk", "koopman"),
        ("difference", "newcombe")])  # fmt: skip
    def test_lines_are_the_table_s_and_interaction_is_cochran_s_q(self, contrast, method):
        study = study_of({"count": LOW}, {"counts": method, "contrast": contrast})
        result = drawn(study)
        grid = builders.tables_of(study, entries())["t"]
        name = contrast.replace("-", "_")
        rows = [row for row in grid.rows for cell in row.cells if cell.get(name)]
        marks = [mark for mark in result.series[0].marks if not mark.is_heading]
        assert [mark.label for mark in marks] == ["All", "north", "south"]
        for mark, row, frame in zip(marks, rows, [people(), *regions()], strict=True):
            cell = next(cell for cell in row.cells if cell.column == "against")
            low, high = cell.get("ci_low"), cell.get("ci_high")
            assert (mark.x, mark.low, mark.high) == (
                str(cell.get(name).raw), str(low.raw), str(high.raw))  # fmt: skip
            (y, m), (x, n) = counts(frame)
            text = f"{cell.get(name).text} ({low.text} to {high.text})"
            assert mark.beside == (f"{x}/{n}", f"{y}/{m}", text)
        values, variances = effects(contrast)
        q = combine_effects(np.array(values), np.array(variances)).q
        assert p_of(result) == pytest.approx(math.erfc(math.sqrt(q / 2)), abs=6e-5)
        assert result.log == (contrast != "difference")
        assert result.neutral == ("0" if contrast == "difference" else "1")
        assert result.heads[:2] == ("Drug", "Placebo")

    def test_it_is_told_in_words(self):
        study = study_of({"count": LOW}, {"counts": "wald", "contrast": "odds-ratio"})
        drawing = figure_svg(drawn(study))
        assert "Region: P of interaction: 0." in drawing
        assert "Woolf&#x27;s variance" in drawing
        sections = {method.id: method.rows for method in methods.methods(study.definition)}
        ((_, words),) = sections["figures"]
        assert "Cochran's Q" in words
        assert words.endswith("out of table t, All and Region")

    def test_a_region_without_an_event_has_its_counts_and_no_p_value(self):
        events = [
            entry
            for entry in entries()
            if entry.kind != "lab.result.reported" or entry.subject not in NORTH
        ]
        events += [cd4(14, 400, subject=name) for name in NORTH]
        study = study_of({"count": LOW}, {"counts": "wald", "contrast": "odds-ratio"})
        marks = drawn(study, events).series[0].marks
        assert marks[1].beside[-1] == "P of interaction: not estimable"
        assert (marks[2].label, marks[2].x, marks[2].beside[-1]) == ("north", None, "")
        assert marks[2].beside[0].startswith("0/")

    def test_nobody(self):
        study = study_of({"count": LOW}, {"counts": "wald", "contrast": "odds-ratio"})
        assert "No data yet" in figure_svg(drawn(study, []))


NORTH = frozenset(people()[people().region == "north"].name)


class TestMeans:
    def test_differences_and_their_interaction(self):
        result = drawn(study_of({"summary": SEEN}, {"means": "welch"}))
        marks = [mark for mark in result.series[0].marks if not mark.is_heading]
        values, variances = [], []
        for mark, frame in zip(marks[1:], regions(), strict=True):
            a, b = (frame[(frame.arm == arm)].value.dropna() for arm in "ab")
            values.append(a.mean() - b.mean())
            variances.append(a.var() / len(a) + b.var() / len(b))
            assert float(mark.x) == pytest.approx(values[-1], rel=1e-9)
            assert mark.beside[:2] == (str(len(a)), str(len(b)))
        # Cochran's Q is the weighted sum of squares about the weighted mean
        fit = WLS(values, np.ones(2), weights=1 / np.array(variances)).fit()
        q = float((np.square(fit.resid) / variances).sum())
        assert p_of(result) == pytest.approx(math.erfc(math.sqrt(q / 2)), abs=6e-5)


class TestHazards:
    def test_the_interaction_is_wald_s_in_a_model_of_both_regions(self):
        row = {"survival": {"time": "died", "hazard_ratio": {"ties": "breslow"}}}
        result = drawn(study_of(row, {}))
        marks = [mark for mark in result.series[0].marks if not mark.is_heading]
        assert [mark.label for mark in marks] == ["All", "north", "south"]
        data = people()
        arm, north = (data.arm == "a").astype(float), (data.region == "north").astype(float)
        status = data.died.astype(int)
        whole = PHReg(data.day, arm.to_frame(), status=status, ties="breslow").fit()
        assert float(marks[0].x) == pytest.approx(math.exp(whole.params[0]), rel=1e-7)
        design = pd.DataFrame({"arm": arm, "interaction": arm * north})
        fit = PHReg(data.day, design, status=status, strata=data.region, ties="breslow").fit()
        assert p_of(result) == pytest.approx(float(fit.pvalues[1]), abs=6e-5)
        for mark, frame in zip(marks, [data, *regions()], strict=True):
            sizes = [f"{int(part.died.sum())}/{len(part)}"
                     for arm in "ab" for part in [frame[frame.arm == arm]]]  # fmt: skip
            assert mark.beside[:2] == tuple(sizes)
        assert (result.log, result.heads[-1]) == (True, "Hazard ratio (95% CI)")


WALD = {"counts": "wald", "contrast": "odds-ratio"}


class TestRefused:
    def faults(
        self, row: dict[str, Any], comparison: dict[str, Any], **figure_options: Any
    ) -> list[Any]:
        with pytest.raises(Rejected) as caught:
            study_of(row, comparison, **figure_options)
        assert caught.value.status == 422
        return [(fault.pointer, fault.detail) for fault in caught.value.faults]

    @pytest.mark.parametrize(
        ("row", "comparison", "figure_options", "pointer", "detail"),
        [
            ({"count": LOW}, {}, {}, "source/row", "has no statistics"),
            ({"survival": {"time": "died"}}, {}, {}, "source/row", "has no statistics"),
            ({"count": LOW}, WALD | {"interval": {"limits": "lower"}}, {}, "source/row",
             "has no statistics"),
            ({"count": LOW}, WALD, {"rows": ["other"]}, "source/rows/0", "is not a row"),
            ({"count": LOW}, WALD, {"shown": ["a"]}, "source/columns/0", "has nothing"),
            ({"terms": {"filter": {}}}, WALD, {}, "source/row", "must be a row of kind"),
            ({"count": LOW}, WALD, {"rows": []}, "interaction", "`subgroups`"),
        ],
    )  # fmt: skip
    def test_what_is_no_estimate(self, row, comparison, figure_options, pointer, detail):
        ((path, message),) = self.faults(row, comparison, **figure_options)
        assert path == f"/figures/0/{pointer}"
        assert detail in message

    def test_several_columns_of_which_none_is_named(self):
        columns = (A, B, TOTAL, against(**WALD), against(**WALD) | {"id": "again"})
        ((path, message),) = self.faults({"count": LOW}, {}, columns=columns)
        assert (path, "against, again" in message) == ("/figures/0/source/columns", True)

    def test_estimates_of_two_kinds(self):
        rows = [{"id": "all", "label": "All", "count": LOW},
                {"id": "by", "label": "Region", "summary": SEEN, "subgroups": REGION}]  # fmt: skip
        study = parallel(rows, (A, B, against(counts="wald", means="t")), figures=[figure()])
        with pytest.raises(Rejected) as caught:
            checking.check_definition(study)
        ((path, message),) = [(fault.pointer, fault.detail) for fault in caught.value.faults]
        assert path == "/figures/0/source/rows/0"
        assert "difference of means and difference of proportions" in message

    @pytest.mark.parametrize("part", [{"interaction": True}, {"source": {
        "table": "t", "row": "x", "rows": ["y"]}}])  # fmt: skip
    def test_what_other_figures_have_no_use_for(self, part):
        with pytest.raises(Rejected, match="not accepted"):
            builders.tiny(figures=[figure() | {"kind": "mean", "interaction": False} | part])


def test_the_open_audience_of_a_blinded_study_has_no_forest_by_arm():
    study = study_of({"count": LOW}, WALD, blinded=True)
    assert study.open.definition.figures == []
    assert builders.report_of(study, entries(), study.open).figures == ()


def test_the_order_of_events_does_not_matter():
    study = study_of({"count": LOW}, WALD)
    turned = list(reversed(entries()))
    assert drawn(study) == drawn(study, turned)
