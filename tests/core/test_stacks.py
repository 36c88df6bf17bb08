"""Stacked bars and differences beside dots: recounted from the entries they were drawn of."""

from collections import Counter
from typing import Any

import builders
import pytest
from builders import adverse_event, cd4, coding, dose, enrolment
from parallel import TOTAL, A, B, parallel, randomised

from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.render.figures import figure_svg
from trial.tables import checking
from trial.tables.figures import figures
from trial.tables.grid import Figure

CLASSES = [{"value": "low", "label": "Below 200", "below": 200},
           {"value": "mid", "label": "200 to 399", "below": 400},
           {"value": "high", "label": "400 or above", "at_least": 400}]  # fmt: skip


def bands(**measure: Any) -> dict[str, Any]:
    return {"label": "CD4", "measure": {"parameter": "cd4"} | measure, "classes": CLASSES}


VALUES = {  # day 7 and day 14, by subject; the arm is the first letter
    "a-1": (100, 450), "a-2": (150, 250), "a-3": (420, 430), "a-4": (250, None),
    "b-1": (100, 120), "b-2": (390, 180), "b-3": (400, 200),
}  # fmt: skip


def study_of(
    row: dict[str, Any], columns: Any = (A, B), kind: str = "stacked", **options: Any
) -> Study:
    changes = {name: options.pop(name) for name in ("blinded",) if name in options}
    figure_part = {"id": "f", "title": "F", "population": "P", "kind": kind, "x_label": "%",
             "y_label": "Y", "source": {"table": "t", "row": "row"}} | options  # fmt: skip
    study = parallel([row], columns, figures=[figure_part], **changes)
    checking.check_definition(study)
    return study


def entries() -> list[Entry]:
    events: list[Entry] = []
    for name, results in VALUES.items():
        events += [enrolment(subject=name), dose(7, subject=name), randomised(name[0], name)]
        events += [cd4(day, value, subject=name)
                  for day, value in zip((7, 14), results, strict=True) if value]  # fmt: skip
    return events


def drawn(study: Study, events: list[Entry] | None = None) -> Figure:
    states = builders.subjects(entries() if events is None else events)
    (plot,) = figures(study, builders.sums_of(study, states))
    return plot


def counted(plot: Figure) -> dict[str, dict[str, tuple[int | None, float | None]]]:
    """Return of each bar its categories' n and percentage."""
    return {
        label: {series.label: (series.marks[i].n,
                               None if series.marks[i].x is None else float(series.marks[i].x or 0))
                for series in plot.series}
        for i, (label, _) in enumerate(plot.sizes)
    }  # fmt: skip


def class_of(value: int) -> str:
    return CLASSES[0 if value < 200 else 1 if value < 400 else 2]["label"]


def recounted(values: list[str]) -> dict[str, tuple[int, float]]:
    counts = Counter(values)
    return {label: (counts[label], pytest.approx(100 * counts[label] / len(values)))
            for class_ in CLASSES for label in [class_["label"]]}  # fmt: skip


class TestStacked:
    def test_levels_by_visit(self):
        row = {"levels": {"characteristic": bands()}, "visits": ["day-7", "day-14"]}
        plot = drawn(study_of(row))
        expected, sizes = {}, []
        for place, visit in enumerate(("Day 7", "Day 14")):
            for arm, label in (("a", "Drug"), ("b", "Placebo")):
                values = [class_of(subject_values[place]) for name, subject_values in VALUES.items()
                          if name[0] == arm and subject_values[place]]  # fmt: skip
                expected[f"{visit}, {label}"] = recounted(values)
                sizes.append((f"{visit}, {label}", len(values)))
        assert counted(plot) == expected
        assert plot.sizes == tuple(sizes)
        assert [series.label for series in plot.series] == [class_["label"] for class_ in CLASSES]
        assert "Day 14, Drug (N = 3)" in figure_svg(plot)

    def test_a_shift_has_a_bar_a_class_before_and_its_classes_in_their_order(self):
        row = {"shift": {"before": bands(at="day-7"), "after": bands(at="day-14"),
                         "percent_of": "before"}}  # fmt: skip
        plot = drawn(study_of(row, (TOTAL,)))
        pairs = [(class_of(first), class_of(second))
                 for first, second in VALUES.values() if second]  # fmt: skip
        assert counted(plot) == {
            f"{before}, Total": recounted(
                [after for first_class, after in pairs if first_class == before]
            )
            for before in dict.fromkeys(class_["label"] for class_ in CLASSES)
        }
        assert [series.label for series in plot.series] == [class_["label"] for class_ in CLASSES]

    def test_an_arm_of_nobody_has_an_empty_bar(self):
        row = {"levels": {"characteristic": bands(at="day-7")}}
        plot = drawn(study_of(row), [entry for entry in entries() if entry.subject[0] == "a"])
        assert plot.sizes == (("Drug", 4), ("Placebo", 0))
        assert set(counted(plot)["Placebo"].values()) == {(0, None)}
        assert sum(n or 0 for n, _ in counted(plot)["Drug"].values()) == 4

    def test_nobody_at_all(self):
        row = {"levels": {"characteristic": bands(at="day-7")}}
        assert "No data yet" in figure_svg(drawn(study_of(row), []))

    def test_the_worst_grade(self):
        row = {"worst": {"filter": {}, "field": "severity",
                         "levels": [{"value": name, "label": name.title()}
                                    for name in ("MILD", "MODERATE", "SEVERE")]}}  # fmt: skip
        had = [("a-1", "MILD"), ("a-1", "SEVERE"), ("a-2", "MILD"), ("b-1", "MODERATE")]
        events = [
            adverse_event(10, f"AE-{i}", name, severity=severity)
            for i, (name, severity) in enumerate(had)
        ]
        plot = drawn(study_of(row), [*entries(), *events])
        counts = counted(plot)
        assert counts["Drug"]["Severe"] == (1, 25)
        assert counts["Drug"]["Mild"] == (1, 25)
        assert counts["Placebo"]["Moderate"] == (1, pytest.approx(100 / 3))

    def test_what_cannot_be_stacked(self):
        recorded = {"recorded": "dose.administered", "field": "treatment"}
        for row, detail in (
            ({"levels": recorded}, "has no statistics"),
            ({"count": "treated"}, "must be a row of kind levels or worst"),
        ):
            with pytest.raises(Rejected) as caught:
                study_of(row)
            ((path, message),) = [(fault.pointer, fault.detail) for fault in caught.value.faults]
            assert path == "/figures/0/source/row"
            assert detail in message

    def test_the_open_audience_sees_all_arms_together(self):
        study = study_of({"levels": {"characteristic": bands(at="day-7")}}, blinded=True)
        (plot,) = builders.report_of(study, entries(), study.open).figures
        assert plot.sizes == (("All arms", 7),)


AGAINST = {"id": "against", "label": "Drug minus placebo", "compare": ["b", "a"], "counts": "wald"}
TERMS = {"terms": {"filter": {}, "by": "pt"}}


class TestDifferences:
    def events(self) -> list[Entry]:
        terms = {"Rash": ("a-1", "a-2", "a-3"), "Cough": ("a-1", "b-1"),
                 "Colic": ("b-1", "b-2", "a-4"), "Cramp": ("b-3",)}  # fmt: skip
        events = entries()
        for i, (term, name) in enumerate(
            (term, name) for term, subjects_of in terms.items() for name in subjects_of
        ):
            events += [adverse_event(10, f"AE-{i}", name), coding(term, f"AE-{i}", name)]
        return events

    def test_terms_stand_by_their_differences_with_their_intervals(self):
        study = study_of(TERMS, (A, B, AGAINST), "dots", differences="against", most=3)
        plot = drawn(study, self.events())
        assert plot.panel is not None
        assert [mark.label for mark in plot.series[0].marks] == ["Rash", "Cough", "Colic"]
        assert [mark.label for mark in plot.panel.marks] == ["Rash", "Cough", "Colic"]
        for mark, (x, y) in zip(plot.panel.marks, [(3, 0), (1, 1), (1, 2)], strict=True):
            p, q = x / 4, y / 3
            margin = 1.959963984540054 * (p * (1 - p) / 4 + q * (1 - q) / 3) ** 0.5
            expected = [p - q, p - q - margin, p - q + margin]
            drawn_at = [float(value or "nan") for value in (mark.x, mark.low, mark.high)]
            assert drawn_at == pytest.approx([100 * value for value in expected])
        assert (plot.panel_label, plot.neutral, plot.log) == ("Difference (95% CI)", "0", False)
        assert "Difference (95% CI): 75.0 (32.6 to 117.4)" in figure_svg(plot)

    def test_a_ratio_to_nobody_comes_last(self):
        ratio = AGAINST | {"contrast": "relative-risk"}
        study = study_of(TERMS, (A, B, ratio), "dots", differences="against", most=3)
        plot = drawn(study, self.events())
        assert plot.panel is not None
        assert [(mark.label, mark.x) for mark in plot.panel.marks] == [
            ("Cough", "0.75"), ("Colic", "0.375"), ("Rash", None)]  # fmt: skip
        assert (plot.log, plot.neutral) == (True, "1")

    def test_the_open_audience_sees_neither_arms_nor_differences(self):
        study = study_of(TERMS, (A, B, AGAINST), "dots", differences="against", blinded=True)
        (plot,) = builders.report_of(study, self.events(), study.open).figures
        assert plot.panel is None
        assert [series.label for series in plot.series] == ["All arms"]

    @pytest.mark.parametrize("name", ["a", "other"])
    def test_another_column_is_refused(self, name):
        with pytest.raises(Rejected) as caught:
            study_of(TERMS, (A, B, AGAINST), "dots", differences=name)
        ((path, message),) = [(fault.pointer, fault.detail) for fault in caught.value.faults]
        assert path == "/figures/0/differences"
        assert "against" in message

    def test_only_dots_have_differences(self):
        with pytest.raises(Rejected):
            study_of({"levels": {"characteristic": bands(at="day-7")}}, differences="against")
