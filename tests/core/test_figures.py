"""Figures: what they show is what the records say, and they are refused where they could not."""

import json
import random
from collections import defaultdict
from functools import cache
from typing import Any

import builders
import charting
import numpy as np
import pytest
from builders import contact, disposition, dose, enrolment, tiny, tmb301, viral_load
from parallel import TOTAL, A, B, parallel, randomised
from scipy import stats

from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.reporting import report
from trial.tables import checking
from trial.tables.figures import figures
from trial.tables.grid import Figure

SEEN = {"parameter": "cd4"}
BY_VISIT = {"summary": SEEN, "visits": ["day-7", "day-14", "week-5"], "statistics": ["mean"]}
BELOW = {"count": {"measure": {"parameter": "viral-load"}, "below": 50, "missing": "failure"},
         "visits": ["day-7", "day-14", "week-5"]}  # fmt: skip
TIMES = {"left": {"label": "Left", "start": "enrolment",
                  "events": [{"recorded": "disposition.recorded"}]}}  # fmt: skip


def figure(kind: str, row: str = "row", table: str = "t", **options: Any) -> dict[str, Any]:
    columns = {"columns": options.pop("columns")} if "columns" in options else {}
    source = {"table": table, "row": row} | columns
    base = {"id": "c", "title": "T", "population": "P", "x_label": "X", "y_label": "Y"}
    return base | {"kind": kind, "source": source} | options


def study_of(row: dict[str, Any], kind: str, columns: Any = (TOTAL,), /, **options: Any) -> Study:
    changes = {name: options.pop(name) for name in ("blinded", "visits") if name in options}
    return parallel([row], columns, figures=[figure(kind, **options)], times=TIMES, **changes)


def drawn(study: Study, *entries: Entry) -> Figure:
    checking.check_definition(study)
    (result,) = figures(study, builders.sums_of(study, builders.subjects(entries)))
    return result


def faults(study: Study) -> list[tuple[str, str]]:
    with pytest.raises(Rejected) as caught:
        checking.check_definition(study)
    assert caught.value.status == 422
    return [(fault.pointer, fault.detail) for fault in caught.value.faults]


def person(subject: str, arm: str = "a") -> list[Entry]:
    return [enrolment(subject=subject), randomised(arm, subject), dose(7, subject=subject)]


class TestTmb301:
    """Recounted from the listings of the same cut, which say nothing of sums."""

    @staticmethod
    @cache
    def made() -> tuple[dict[str, Figure], dict[str, list[dict[str, Any]]]]:
        study_report = builders.report_of(tmb301(), builders.feed())
        rows = {listing.id: builders.rows_of(listing) for listing in study_report.listings}
        return {item.id: item for item in study_report.figures}, rows

    def of(self, name: str) -> tuple[list[charting.Point], dict[str, list[dict[str, Any]]]]:
        plots, rows = self.made()
        (series,) = plots[name].series
        assert series.n == 40
        return charting.points(series.marks), rows

    def test_the_waterfall_has_each_decrease_at_day_14(self):
        points, rows = self.of("14.2.1")
        decreases = [row["CHG14"] for row in rows["16.2.6.3"] if row["CHG14"] is not None]
        assert len(decreases) > 30
        assert points == charting.falling(decreases)

    def test_means_by_visit_and_their_intervals(self):
        points, rows = self.of("14.2.2")
        assert points == [
            charting.mean(visit.day, [row["AVAL"] for row in rows["16.2.6"]
                                      if row["AVISIT"] == visit.label])
            for visit in tmb301().definition.visits
        ]  # fmt: skip

    def test_percentages_by_visit_and_their_intervals(self):
        points, rows = self.of("14.2.3")
        below = {
            visit.day: sum(
                row["AVISIT"] == visit.label and row["LBORRES"] in LOW for row in rows["16.2.6"]
            )
            for visit in tmb301().definition.visits
        }
        assert points == [charting.share(day, n, 40) for day, n in below.items()]
        assert below[175] == 17

    def test_the_most_frequent_terms(self):
        points, rows = self.of("14.3.2")
        subjects_of = defaultdict(set)
        for row in rows["16.2.7"]:
            if row["TRTEMFL"] == "Y":
                subjects_of[row["AEBODSYS"], row["AEDECOD"]].add(row["USUBJID"])
        ordered = sorted(subjects_of, key=lambda name: (-len(subjects_of[name]), name))
        (series,) = self.made()[0]["14.3.2"].series
        assert [mark.label for mark in series.marks] == [term for _, term in ordered[:15]]
        assert len(ordered) > 15
        assert points == [
            (100 * len(subjects_of[name]) / 40, rank, None, None, len(subjects_of[name]))
            for rank, name in enumerate(ordered[:15], 1)
        ]

    def test_each_order_of_arrival_gives_the_same_figures(self):
        mixed = list(builders.feed())
        random.Random(5).shuffle(mixed)  # noqa: S311 (an order to try)
        sums = builders.sums_of(tmb301(), builders.subjects(mixed))
        assert list(figures(tmb301(), sums)) == list(self.made()[0].values())

    def test_nobody_enrolled_gives_figures_without_a_value(self):
        for item in figures(tmb301(), {}):
            for mark in item.series[0].marks:
                assert (mark.y, mark.low, mark.n) == (None, None, 0), item.id


LOW = {f"<{n}" for n in (20, 40, 50)} | {str(n) for n in range(50)}


class TestCountByVisit:
    def grid(self, *entries: Entry, **row: Any) -> dict[str, tuple[int, str]]:
        grid = builders.tables_of(parallel([BELOW | row], (TOTAL,)), entries)["t"]
        return {
            row.id: (row.cells[0].get("n").raw, row.label)  # type: ignore[union-attr,misc]
            for row in grid.rows
            if row.cells
        }

    def test_the_visits_stand_under_the_label_of_their_row(self):
        rows = [BELOW | {"label": "Below 50"}, BY_VISIT | {"label": "Load", "level": 1}]
        grid = builders.tables_of(
            parallel([{"id": f"r{i}"} | row for i, row in enumerate(rows)], (TOTAL,)), []
        )["t"].rows
        assert [(row.id, row.label, row.level) for row in grid] == [
            ("r0", "Below 50", 0), ("r0/day-7", "Day 7", 1), ("r0/day-14", "Day 14", 1),
            ("r0/week-5", "Week 5", 1), ("r1", "Load", 1), ("r1/day-7", "Day 7", 2),
            ("r1/day-14", "Day 14", 2), ("r1/week-5", "Week 5", 2),
        ]  # fmt: skip

    def test_a_row_of_visits_without_a_label_has_no_heading(self):
        rows = builders.tables_of(parallel([BELOW | {"label": ""}], (TOTAL,)), [])["t"].rows
        assert [(row.id, row.level) for row in rows] == [
            ("row/day-7", 0), ("row/day-14", 0), ("row/week-5", 0),
        ]  # fmt: skip

    def test_each_visit_has_its_row_and_its_own_results(self):
        entries = [*person("S-1"), viral_load(7, 40_000), viral_load(14, 20), viral_load(35, 10)]
        assert self.grid(*entries) == {
            "row/day-7": (0, "Day 7"), "row/day-14": (1, "Day 14"), "row/week-5": (1, "Week 5"),
        }  # fmt: skip

    def test_missing_counts_as_failure_and_not_yet_due_as_neither(self):
        study = parallel([BELOW], (TOTAL,))
        _, *rows = report.compiled(study).tables["t"].rows
        tests = [row.condition_counts[0].test for row in rows]  # type: ignore[attr-defined]
        derivation = builders.derive(*person("S-1"), viral_load(7, 10), contact(20), study=study)
        assert [test(derivation) for test in tests] == [True, False, None]

    def test_the_visit_is_filled_in_wherever_a_measure_names_none(self):
        deep = {"all": ["treated", {"any": [BELOW["count"], "above-100000"]}]}
        entries = [*person("S-1"), viral_load(7, 200_000), viral_load(14, 20, subject="S-1")]
        assert self.grid(*entries, count=deep)["row/day-14"][0] == 1
        assert self.grid(*person("S-2"), viral_load(14, 20, subject="S-2"), count=deep) == {
            "row/day-7": (0, "Day 7"), "row/day-14": (1, "Day 14"), "row/week-5": (0, "Week 5"),
        }  # fmt: skip

    def test_where_narrows_every_visit(self):
        entries = [*person("S-1"), viral_load(14, 20)]
        assert self.grid(*entries, where="above-100000")["row/day-14"][0] == 0

    @pytest.mark.parametrize("condition", ["treated", {"recorded": "dose.administered"},
                                      {"measure": "baseline-copies", "below": 50}])  # fmt: skip
    def test_what_is_the_same_at_every_visit_is_refused(self, condition):
        ((path, detail),) = faults(parallel([BELOW | {"count": condition}], (TOTAL,)))
        assert path == "/tables/0/rows/0/count"
        assert "same at every visit" in detail

    def test_a_visit_that_is_not_defined_is_refused(self):
        ((path, _),) = faults(parallel([BELOW | {"visits": ["week-9"]}], (TOTAL,)))
        assert path == "/tables/0/rows/0/visits/0"


class TestMarks:
    def test_a_mean_of_one_has_no_interval_and_of_none_no_value(self):
        entries = [*person("S-1"), builders.cd4(14, 300)]
        (series,) = drawn(study_of(BY_VISIT, "mean"), *entries).series
        assert charting.points(series.marks) == [
            (7, None, None, None, 0), (14, 300, None, None, 1), (35, None, None, None, 0),
        ]  # fmt: skip
        assert [mark.label for mark in series.marks] == ["Day 7", "Day 14", "Week 5"]

    def test_visits_stand_in_the_order_of_their_days(self):
        mixed = BY_VISIT | {"visits": ["week-5", "day-7", "day-14"]}
        (series,) = drawn(study_of(mixed, "mean")).series
        assert [mark.x for mark in series.marks] == ["7", "14", "35"]

    def test_what_is_carried_forward_is_said(self):
        locf = BY_VISIT | {"summary": SEEN | {"missing": "locf-visit"}}
        assert drawn(study_of(locf, "mean")).method.endswith("95 %; LOCF")

    def test_without_columns_all_that_count_subjects_are_drawn(self):
        compared = {"id": "p", "label": "P", "compare": ["a", "b"]}
        result = drawn(study_of(BY_VISIT, "mean", (A, B, TOTAL, compared)), *person("S-1"))
        assert [(series.id, series.label, series.n) for series in result.series] == [
            ("a", "Drug", 1), ("b", "Placebo", 0), ("total", "Total", 1),
        ]  # fmt: skip
        selected = study_of(BY_VISIT, "mean", (A, B, TOTAL), columns=["b"])
        assert list(charting.series_of(drawn(selected))) == ["b"]

    def test_a_waterfall_has_a_bar_a_subject_the_greatest_first(self):
        change = {"summary": "week5-decrease"}
        entries = []
        for i, after in enumerate((100, 10_000, 1_000_000, 10_000)):
            name = f"S-{i}"
            entries += [*person(name), viral_load(7, 10_000, subject=name),
                        viral_load(35, after, subject=name)]  # fmt: skip
        (series,) = drawn(study_of(change, "waterfall"), *entries).series
        assert charting.points(series.marks) == charting.falling([2, 0, 0, -2])

    def test_curves_equal_statsmodels(self):
        study = study_of({"survival": {"time": "left"}}, "survival", (A, B))
        times = {"a": [(9, 1), (20, 0), (20, 1), (33, 1), (50, 0)], "b": [(15, 1), (15, 1)]}
        entries = [
            record
            for arm, arm_times in times.items()
            for i, (day, event) in enumerate(arm_times)
            for name in [f"{arm}-{i}"]
            for record in (enrolment(subject=name), randomised(arm, name),
                         disposition(day - 1, subject=name) if event else contact(day - 1, name))
        ]  # fmt: skip
        result = drawn(study, *entries)
        assert result.y_range == ("0", "100")
        for arm, series in charting.series_of(result).items():
            days, events = zip(*times[arm], strict=True)
            assert charting.points(series.marks) == charting.curve(days, events)
            assert series.censored == charting.censored(days, events)
        assert result.series[0].at_risk == (("0", 5), ("10", 4), ("20", 4), ("30", 2), ("40", 1),
                                           ("50", 1))  # fmt: skip

    @pytest.mark.parametrize("day_shown", [[5, 30], [0, 5, 30]])  # day 0 is once there
    def test_all_censored_stay_at_the_top(self, day_shown):
        row = {"survival": {"time": "left", "at": day_shown}}
        entries = [enrolment(), randomised("a"), contact(20)]
        (series,) = drawn(study_of(row, "survival"), *entries).series
        assert charting.points(series.marks) == [(0, 100, None, None, 1), (21, 100, None, None, 1)]
        assert (series.censored, series.at_risk) == (("21",), (("0", 1), ("5", 1), ("30", 0)))

    def test_nobody_s_curve_has_no_marks(self):
        (series,) = drawn(study_of({"survival": {"time": "left"}}, "survival")).series
        assert (series.marks, series.censored, series.at_risk) == ((), (), ())


class TestTerms:
    ROW = {"terms": {"filter": {}}}  # noqa: RUF012 (not changed)

    def entries(self, *terms: tuple[str, str, str]) -> list[Entry]:
        events = []
        for i, (subject, soc, pt) in enumerate(terms):
            events += [builders.adverse_event(10, f"AE-{i}", subject),
                      builders.coding(pt, f"AE-{i}", subject, soc=soc)]  # fmt: skip
        return events

    def test_the_most_frequent_over_the_columns_come_first(self):
        people = [*person("S-1"), *person("S-2", "b"), *person("S-3", "b")]
        events = self.entries(("S-1", "Skin", "Rash"), ("S-2", "Skin", "Rash"),
                              ("S-3", "Gut", "Nausea"), ("S-2", "Gut", "Colic"))  # fmt: skip
        study = study_of(self.ROW, "dots", (A, B), most=2)
        first, second = drawn(study, *people, *events).series
        assert [(m.label, m.y, m.x, m.n) for m in first.marks] == [
            ("Rash", "1", "100", 1), ("Colic", "2", "0", 0),
        ]  # fmt: skip
        assert [(m.label, m.x, m.n) for m in second.marks] == [
            ("Rash", "50", 1),
            ("Colic", "50", 1),
        ]

    def test_one_term_in_two_classes_is_told_apart(self):
        events = self.entries(("S-1", "Skin", "Cyst"), ("S-1", "Gut", "Cyst"))
        (series,) = drawn(study_of(self.ROW, "dots"), *person("S-1"), *events).series
        assert [mark.label for mark in series.marks] == ["Cyst (Gut)", "Cyst (Skin)"]

    def test_what_the_table_leaves_out_is_left_out(self):
        events = self.entries(*[(f"S-{i}", "Skin", "Rash") for i in (1, 2)],
                              ("S-1", "Gut", "Colic"))  # fmt: skip
        row = {"terms": {"filter": {}, "by": "pt", "minimum_percent": 60}}
        people = [*person("S-1"), *person("S-2")]
        (series,) = drawn(study_of(row, "dots"), *people, *events).series
        assert [mark.label for mark in series.marks] == ["Rash"]


class TestRefused:
    @pytest.mark.parametrize(
        ("row", "kind", "options", "pointer", "detail"),
        [
            (BY_VISIT, "mean", {"table": "u"}, "table", "is not a table"),
            (BY_VISIT, "mean", {"row": "visit"}, "row", "is not a row of table t"),
            (BY_VISIT, "mean", {"columns": ["a"]}, "columns/0", "is not a column"),
            (BY_VISIT, "share", {}, "row", "must be a row of kind count"),
            (BY_VISIT, "dots", {}, "row", "must be a row of kind terms"),
            (BY_VISIT, "waterfall", {}, "row", "without visits"),
            ({"summary": "age"}, "mean", {}, "row", "with visits"),
            ({"count": "treated"}, "share", {}, "row", "with visits"),
            (
                {"summary": "age", "statistics": ["mean"]},
                "waterfall",
                {},
                "row",
                "has no statistics",
            ),
        ],
    )
    def test_a_figure_of_what_is_not_there(self, row, kind, options, pointer, detail):
        ((path, message),) = faults(study_of(row, kind, **options))
        assert path == f"/figures/0/source/{pointer}"
        assert detail in message

    def test_a_heading(self):
        ((path, _),) = faults(study_of({}, "mean"))
        assert path == "/figures/0/source/row"

    def test_a_column_that_the_row_leaves_empty_or_that_compares(self):
        compared = {"id": "p", "label": "P", "compare": ["a", "b"]}
        row = BY_VISIT | {"summary": {"a": SEEN}}
        for name in ("b", "p"):
            ((path, _),) = faults(study_of(row, "mean", (A, B, compared), columns=["a", name]))
            assert path == "/figures/0/source/columns/1"

    def test_visits_without_a_place_on_one_axis(self):
        for visit, detail in (
            ({"id": "extra", "label": "Extra"}, "without a `day`: extra"),
            ({"id": "extra", "label": "Extra", "day": 9, "window": [9, 9], "schedule": "other",
              "days_from": "first-dose"}, "count from one date"),
        ):  # fmt: skip
            visits = [*builders.TINY["visits"], visit]
            row = BY_VISIT | {"visits": ["day-7", "extra"]}
            ((path, message),) = faults(study_of(row, "mean", visits=visits))
            assert (path, detail in message) == ("/figures/0/source/row", True)

    @pytest.mark.parametrize(
        ("kind", "options"),
        [("mean", {"most": 3}), ("dots", {"references": [{"value": 1, "label": "x"}]}),
         ("dots", {"most": 0}), ("pie", {})],
    )  # fmt: skip
    def test_what_a_kind_has_no_use_for(self, kind, options):
        with pytest.raises(Rejected):
            tiny(figures=[figure(kind, **options)])

    def test_two_figures_of_one_name(self):
        with pytest.raises(Rejected):
            tiny(figures=[figure("mean"), figure("share")])


class TestBlinded:
    def open(self, row: dict[str, Any], kind: str, columns: Any, /, **options: Any) -> list[Any]:
        study = study_of(row, kind, columns, blinded=True, **options)
        checking.check_definition(study)
        return list(study.open.definition.figures)

    @pytest.mark.parametrize("columns", [(A, B), (A, B, TOTAL)])
    def test_arms_are_shown_together(self, columns):
        study = study_of(BY_VISIT, "mean", columns, columns=["a", "b"], blinded=True)
        people = [*person("S-1"), *person("S-2", "b")]
        (figure_open,) = builders.report_of(study, people, study.open).figures
        assert [(series.label, series.n) for series in figure_open.series] == [
            ("All arms" if len(columns) == 2 else "Total", 2)
        ]
        assert "Drug" not in repr(figure_open)
        assert "Placebo" not in repr(figure_open)

    def test_a_figure_of_a_row_or_table_that_tells_is_left_out(self):
        by_arm = BY_VISIT | {"summary": {"a": SEEN, "b": SEEN | {"missing": "locf"}}}
        assert self.open(by_arm, "mean", (A, B)) == []
        assert self.open({"terms": {"filter": {"treatment": "drug"}}}, "dots", (TOTAL,)) == []

    def test_columns_of_all_stay_as_they_are(self):
        (remaining,) = self.open(BY_VISIT, "mean", (A, TOTAL), columns=["total"])
        assert remaining.source.columns == ["total"]

    def test_a_waterfall_whose_pooled_column_keeps_no_values_is_left_out(self):
        row = {"summary": "age", "statistics": {"a": ["median"], "total": ["mean"]}}
        assert self.open(row, "waterfall", (A, TOTAL), columns=["a"]) == []

    def test_the_figures_of_feeds_that_differ_in_arms_alone_are_the_same(self):
        for kind, row in (("mean", BY_VISIT), ("share", BELOW), ("waterfall", {"summary": "age"}),
                          ("survival", {"survival": {"time": "left"}}),
                          ("dots", TestTerms.ROW)):  # fmt: skip
            study = study_of(row, kind, (A, B), blinded=True)
            plots = []
            for arms in ("ab", "ba"):
                entries = [event for i, arm in enumerate(arms) for name in [f"S-{i}"]
                           for event in (*person(name, arm), viral_load(14, 20 + i, subject=name),
                                        builders.cd4(14, 300 * i, subject=name),
                                        builders.adverse_event(9, subject=name))]  # fmt: skip
                plots.append(builders.report_of(study, entries, study.open).figures)
            assert plots[0] == plots[1]
            assert plots[0][0].series[0].n == 2


def test_figures_add_nothing_to_the_sums():
    source = json.loads(tmb301().source)
    parts = {name: part for name, part in source.items() if name != "figures"}
    plain = builders.study.load(json.dumps(parts))
    people = builders.subjects(builders.feed())
    assert builders.sums_of(plain, people) == builders.sums_of(tmb301(), people)


class TestBoxes:
    """Against numpy's averaged inverse of the distribution function, and its own whiskers."""

    ROW = {"summary": SEEN, "statistics": ["median"]}  # noqa: RUF012 (not changed)
    VALUES = (100, 180, 200, 210, 210, 220, 260, 400, 400)

    def entries(self, *values: int, study_day: int = 14) -> list[Entry]:
        return [
            event
            for i, value in enumerate(values)
            for name in [f"S-{i}"]
            for event in (*person(name), builders.cd4(study_day, value, subject=name))
        ]

    def at_14(self, *values: int, **options: Any) -> tuple[Any, ...]:
        row = self.ROW | {"summary": SEEN | {"at": "day-14"}}
        (series,) = drawn(study_of(row, "box", **options), *self.entries(*values)).series
        (mark,) = series.marks
        return mark, mark.quartiles

    @pytest.mark.parametrize("n", range(2, 10))
    def test_quartiles_whiskers_and_what_is_outside(self, n):
        values = np.array(self.VALUES[:n])
        mark, box = self.at_14(*self.VALUES[:n])
        q1, median, q3 = np.percentile(values, (25, 50, 75), method="averaged_inverted_cdf")
        assert [float(position) for position in (box.q1, mark.y, box.q3)] == [q1, median, q3]
        assert float(box.mean) == pytest.approx(values.mean(), rel=1e-12)
        reach = 1.5 * (q3 - q1)
        inside = values[(values >= q1 - reach) & (values <= q3 + reach)]
        assert (float(mark.low), float(mark.high)) == (inside.min(), inside.max())
        outside = [value for value in values if value not in inside]
        assert [float(value) for value, count in box.outside for _ in range(count)] == outside
        assert mark.n == n

    def test_whiskers_to_all_leave_nothing_outside(self):
        mark, box = self.at_14(*self.VALUES, whiskers="range")
        assert (mark.low, mark.high, box.outside) == ("100", "400", ())

    def test_one_value_all_alike_and_nobody(self):
        mark, box = self.at_14(300)
        assert (mark.low, box.q1, mark.y, box.q3, mark.high) == ("300",) * 5
        mark, box = self.at_14(300, 300, 300)
        assert (mark.low, mark.high, box.mean, box.outside) == ("300", "300", "300", ())
        mark, box = self.at_14()
        assert (mark.y, mark.n, box) == (None, 0, None)

    def test_there_is_a_box_a_visit_in_the_order_of_the_row(self):
        row = BY_VISIT | {"visits": ["day-14", "day-7"], "statistics": ["q1"]}
        result = drawn(study_of(row, "box", (A, B)), *self.entries(200, 300))
        assert [[(m.x, m.label, m.y, m.n) for m in series.marks] for series in result.series] == [
            [("1", "Day 14", "250", 2), ("2", "Day 7", None, 0)],
            [("1", "Day 14", None, 0), ("2", "Day 7", None, 0)],
        ]
        assert result.method.startswith("quartiles by SAS definition 5; whiskers to the farthest")

    def test_the_distribution_is_scipy_s(self):
        row = self.ROW | {"summary": SEEN | {"at": "day-14"}}
        result = drawn(study_of(row, "cumulative"), *self.entries(*self.VALUES))
        steps = stats.ecdf(self.VALUES).cdf
        foot, *marks = result.series[0].marks
        assert (foot.x, foot.y, foot.n) == ("100", "0", 0)
        assert [float(mark.x) for mark in marks] == list(steps.quantiles)
        assert [float(mark.y) for mark in marks] == pytest.approx(100 * steps.probabilities)
        assert [mark.n for mark in marks] == [round(9 * p) for p in steps.probabilities]
        assert drawn(study_of(row, "cumulative")).series[0].marks == ()

    @pytest.mark.parametrize("kind", ["box", "cumulative"])
    def test_it_needs_every_value(self, kind):
        row = {"summary": SEEN | {"at": "day-14"}, "statistics": ["mean"]}
        ((path, message),) = faults(study_of(row, kind))
        assert (path, "has no statistics" in message) == ("/figures/0/source/row", True)

    def test_a_distribution_takes_no_visits_and_only_a_box_whiskers(self):
        ((path, message),) = faults(study_of(BY_VISIT | {"statistics": ["q1"]}, "cumulative"))
        assert (path, "without visits" in message) == ("/figures/0/source/row", True)
        with pytest.raises(Rejected):
            tiny(figures=[figure("mean", whiskers="range")])

    @pytest.mark.parametrize("kind", ["box", "cumulative"])
    def test_the_open_audience_sees_all_arms_together(self, kind):
        row = self.ROW | {"summary": SEEN | {"at": "day-14"}}
        study = study_of(row, kind, (A, B), blinded=True)
        people = [*person("S-1"), *person("S-2", "b"), builders.cd4(14, 200, subject="S-1"),
                  builders.cd4(14, 300, subject="S-2")]  # fmt: skip
        (result,) = builders.report_of(study, people, study.open).figures
        (series,) = result.series
        assert (series.label, series.marks[-1].n) == ("All arms", 2)
