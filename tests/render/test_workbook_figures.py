"""The sheets of figures: a table of the data, and a chart that draws it."""

from dataclasses import replace
from decimal import Decimal
from functools import cache
from io import BytesIO
from itertools import pairwise
from posixpath import join, normpath
from xml.etree import ElementTree as ET
from zipfile import ZipFile

import pytest
import samples
from openpyxl import load_workbook
from openpyxl.utils import range_boundaries

from trial.render.workbook import workbook


@cache
def content():
    return b"".join(workbook(samples.illustrated()))


@cache
def book():
    return load_workbook(BytesIO(content()))


FIGURES = {figure.id: figure for figure in samples.figures()}


def sheet_of(figure):
    return book()[f"Figure {figure.id}"]


def drawn(figure):
    (chart,) = sheet_of(figure)._charts
    return chart


def series_of(figure):
    return [series for part in drawn(figure)._charts for series in part.series]


def values(sheet, reference):
    column, first, last_column, last = range_boundaries(reference.rpartition("!")[2])
    assert column == last_column
    return [sheet.cell(row, column).value for row in range(first, last + 1)]


@pytest.mark.parametrize("figure", FIGURES.values(), ids=lambda item: item.kind)
def test_the_data_stand_as_a_table(figure):
    sheet = sheet_of(figure)
    head = int(sheet.print_title_rows.split("$")[-1])
    rows = list(sheet.iter_rows(head, max_col=7, values_only=True))
    assert rows[0] == ("Series", "Label", "X", "Y", "Low", "High", "n")
    marks = [(series, mark) for series in figure.series for mark in series.marks
             if mark.x or mark.y]  # fmt: skip
    result = {row for row in rows if row[0]}
    for series, mark in marks:
        numbers = [
            None if item is None else float(item) for item in (mark.x, mark.y, mark.low, mark.high)
        ]
        assert (series.label, mark.label or None, *numbers, mark.n) in result


@pytest.mark.parametrize("figure", FIGURES.values(), ids=lambda item: item.kind)
def test_the_figure_has_titles_and_visible_axes_and_covers_no_data(figure):
    result = drawn(figure)
    for axis in (result.x_axis, result.y_axis):
        assert axis.delete is False
        assert axis.tickLblPos in {"low", "nextTo"}
    titles = {
        "".join(run.t for part in item.tx.rich.paragraphs for run in part.r)
        for item in (result.title, result.x_axis.title, result.y_axis.title)
        if item is not None
    }
    assert titles == {text for text in (figure.title, figure.x_label, figure.y_label) if text}
    assert result.title.overlay is False
    if figure.kind == "forest":  # each point has its name beside it
        assert result.legend is None
    else:
        assert result.legend.overlay is False
    assert result.anchor._from.col >= 8  # columns of data end at the seventh
    print_range = sheet_of(figure).print_area.rpartition("!")[2]
    assert range_boundaries(print_range.replace("$", ""))[2] > result.anchor._from.col


def test_a_figure_of_one_series_has_no_legend():
    figure_ = samples.waterfall()
    report = samples.Report(
        samples.CUT, (), samples.FLOW, (), (), figures=(replace(figure_, references=()),)
    )
    book = load_workbook(BytesIO(b"".join(workbook(report))))
    (chart,) = book[f"Figure {figure_.id}"]._charts
    assert chart.legend is None


def test_means_are_drawn_where_they_are_with_bars_to_the_ends_of_their_intervals():
    figure = FIGURES["14.2.4.1"]
    sheet = sheet_of(figure)
    for series, item in zip(figure.series, series_of(figure), strict=False):
        places, levels = item.xVal.numRef.f, item.yVal.numRef.f
        assert values(sheet, places) == [int(mark.x) for mark in series.marks]
        for mark, level, minus, value in zip(
            series.marks,
            values(sheet, levels),
            values(sheet, item.errBars.minus.numRef.f),
            values(sheet, item.errBars.plus.numRef.f),
            strict=True,
        ):
            if mark.y is None:
                assert (level, minus, value) == (None, None, None)
            else:
                assert Decimal(str(level)) == Decimal(mark.y)
                assert level - minus == pytest.approx(float(mark.low))
                assert level + value == pytest.approx(float(mark.high))


def test_steps_stay_level_until_the_next_mark():
    figure = FIGURES["14.2.5"]
    sheet, result = sheet_of(figure), series_of(figure)[0]
    points = list(
        zip(values(sheet, result.xVal.numRef.f), values(sheet, result.yVal.numRef.f), strict=True)
    )
    assert points[:4] == [(0, 100), (4, 100), (4, 99), (16, 99)]
    for (x, y), (next_x, next_y) in pairwise(points):
        assert x == next_x or y == next_y


def test_censored_subjects_are_marked_on_the_curve():
    figure = FIGURES["14.2.5"]
    sheet, result = sheet_of(figure), series_of(figure)[1]
    assert values(sheet, result.xVal.numRef.f) == [3, 41, 55]
    assert values(sheet, result.yVal.numRef.f) == [100, 90, 87]
    assert result.marker.symbol == "plus"


def test_bars_stand_without_gaps_in_the_order_given_and_below_their_reference():
    figure = FIGURES["14.2.6"]
    bars, sheet = drawn(figure), sheet_of(figure)
    assert (bars.type, bars.gapWidth, bars.overlap) == ("col", 0, 100)
    total, level = series_of(figure)
    result = values(sheet, total.val.numRef.f)
    assert [Decimal(str(item)) for item in result] == [
        Decimal(mark.y) for mark in figure.series[0].marks
    ]
    assert set(values(sheet, level.val.numRef.f)) == {-1}


def test_each_estimate_of_a_forest_stands_on_its_line_under_its_name():
    figure = FIGURES["14.2.7"]
    chart, sheet = drawn(figure), sheet_of(figure)
    assert chart.y_axis.scaling.orientation == "maxMin"
    assert chart.x_axis.scaling.logBase == 10
    *estimates, neutral, margin = series_of(figure)
    rows = [mark for mark in figure.series[0].marks if mark.x is not None]
    for mark, item in zip(rows, estimates, strict=True):
        assert item.tx.v == mark.label
        assert item.dLbls.showSerName
        assert values(sheet, item.xVal.numRef.f) == [float(mark.x)]
        assert values(sheet, item.yVal.numRef.f) == [int(mark.y)]
        low, high = (
            values(sheet, end.numRef.f)[0] for end in (item.errBars.minus, item.errBars.plus)
        )
        assert float(mark.x) - low == pytest.approx(float(mark.low))
        assert high is None if mark.high is None else True
    for level, item in (("1", neutral), ("0.5", margin)):
        assert set(values(sheet, item.xVal.numRef.f)) == {float(level)}
        assert values(sheet, item.yVal.numRef.f) == [0.5, 4.5]
    head = int(sheet.print_title_rows.split("$")[-1])
    assert [sheet.cell(head, i).value for i in (8, 9, 10)] == list(figure.heads)
    assert [sheet.cell(head + 1, i).value for i in (8, 9, 10)] == list(rows[0].beside)


def test_boxes_are_outlines_with_gaps_between_them_and_marks_outside():
    figure = FIGURES["14.2.8"]
    sheet = sheet_of(figure)
    outline, means, outside, *_ = series_of(figure)
    assert values(sheet, outline.yVal.numRef.f) == [
        -20, 95.5, 95.5, 121, 121, 140, 121, 121, 111, 111, 111, 95.5, 95.5, None,
        -20, 95.5, 95.5, 121, 121, 140, 121, 121, 112, 112, 112, 95.5, 95.5, None,
    ]  # fmt: skip
    places = values(sheet, outline.xVal.numRef.f)
    assert places[:5] == [0.8125, 0.8125, 0.6625, 0.6625, 0.8125]
    assert values(sheet, means.yVal.numRef.f) == [108.25, 108.25]
    assert values(sheet, outside.yVal.numRef.f) == [-31, 171, -31, 171]
    assert values(sheet, outside.xVal.numRef.f) == [0.8125, 0.8125, 1.8125, 1.8125]
    assert drawn(figure).display_blanks == "gap"
    head = int(sheet.print_title_rows.split("$")[-1])
    assert [sheet.cell(head, i).value for i in (8, 9, 10)] == ["Q1", "Q3", "Mean"]
    assert [sheet.cell(head + 1, i).value for i in (8, 9, 10, 11)] == [
        95.5, 121, 108.25, "-31.0, 171.0 (2)",
    ]  # fmt: skip


def test_a_distribution_rises_at_its_values():
    figure = FIGURES["14.2.9"]
    sheet, first = sheet_of(figure), series_of(figure)[0]
    assert values(sheet, first.xVal.numRef.f) == [-10, -10, -10, -3, -3, 4, 4]
    assert values(sheet, first.yVal.numRef.f) == [0, 0, 25, 25, 75, 75, 100]


def test_terms_stand_from_the_top_each_with_a_bar_an_arm():
    figure = FIGURES["14.3.1.3"]
    bars, sheet = drawn(figure), sheet_of(figure)
    assert (bars.type, bars.x_axis.scaling.orientation) == ("bar", "maxMin")
    for series, item in zip(figure.series, series_of(figure), strict=True):
        labels = item.cat.strRef or item.cat.numRef
        assert values(sheet, labels.f) == [mark.label for mark in series.marks]
        assert values(sheet, item.val.numRef.f) == [int(mark.x) for mark in series.marks]


def test_a_scatter_has_its_points_and_lines_on_logarithmic_axes():
    figure = FIGURES["14.3.5"]
    sheet, chart = sheet_of(figure), drawn(figure)
    assert chart.x_axis.scaling.logBase == chart.y_axis.scaling.logBase == 10
    *points, across, upright = series_of(figure)
    for series, item in zip(figure.series, points, strict=True):
        assert values(sheet, item.xVal.numRef.f) == [float(mark.x) for mark in series.marks]
        assert values(sheet, item.yVal.numRef.f) == [float(mark.y) for mark in series.marks]
    assert values(sheet, across.yVal.numRef.f) == [2, 2]
    assert values(sheet, upright.xVal.numRef.f) == [3, 3]


def test_lanes_lie_from_the_top_and_beside_them_is_what_happened():
    figure = FIGURES["14.2.10"]
    sheet, (first, second) = sheet_of(figure), series_of(figure)
    assert drawn(figure).type == "bar"
    assert values(sheet, first.val.numRef.f) == [90, 60, None]
    assert values(sheet, second.val.numRef.f) == [None, None, 40]
    head = int(sheet.print_title_rows.split("$")[-1])
    lane_cells = [[sheet.cell(head + i, column).value for column in (8, 9, 10)] for i in range(4)]
    assert lane_cells == [["Response", "Progression", "Ongoing"], [30, None, "yes"], [20, 55, None],
                     [None, None, "yes"]]  # fmt: skip


def test_a_line_a_subject_with_gaps_between_them():
    figure = FIGURES["14.2.11"]
    sheet, first = sheet_of(figure), series_of(figure)[0]
    assert values(sheet, first.xVal.numRef.f) == [1, 57, 57, 1, 1]
    assert values(sheet, first.yVal.numRef.f) == [50, 30, None, 40, None]


def test_categories_lie_on_one_another_in_a_bar_each():
    figure = FIGURES["14.3.4"]
    bars, sheet = drawn(figure), sheet_of(figure)
    assert (bars.type, bars.grouping, bars.overlap) == ("bar", "stacked", 100)
    for series, item in zip(figure.series, series_of(figure), strict=True):
        labels = item.cat.strRef or item.cat.numRef
        assert values(sheet, labels.f) == [label for label, _ in figure.sizes]
        assert values(sheet, item.val.numRef.f) == [
            None if mark.x is None else float(mark.x) for mark in series.marks
        ]


def test_differences_beside_dots_have_a_chart_of_their_own():
    figure = samples.differences()
    report = samples.Report(samples.CUT, (), samples.FLOW, (), (), figures=(figure,))
    sheet = load_workbook(BytesIO(b"".join(workbook(report))))[f"Figure {figure.id}"]
    dots, forest = sheet._charts
    assert (dots.type, forest.y_axis.scaling.orientation) == ("bar", "maxMin")
    first_end = dots.anchor._from.row + dots.height / 0.6
    assert forest.anchor._from.row >= first_end - 1
    estimate, neutral = forest.series
    assert estimate.tx.v == "Preferred term number 1"
    assert values(sheet, estimate.xVal.numRef.f) == [-5]
    assert values(sheet, estimate.errBars.plus.numRef.f) == [8]
    assert values(sheet, neutral.xVal.numRef.f) == [0, 0]


def test_drawings_have_the_prefixes_that_viewers_know_them_by():
    with ZipFile(BytesIO(content())) as members:
        drawings = [name for name in members.namelist() if name.startswith("xl/drawings/drawing")]
        charts = [name for name in members.namelist() if name.startswith("xl/charts/chart")]
        assert len(drawings) == len(charts) == len(FIGURES)
        for names, prefixes in ((drawings, {b"xdr", b"a", b"c"}), (charts, {b"a", b"c"})):
            for name in names:
                tags = [part.lstrip(b"/") for part in members.read(name).split(b"<")[1:]]
                elements = [tag.split(maxsplit=1)[0] for tag in tags if tag[:1] not in b"?!"]
                assert {tag.partition(b":")[0] for tag in elements} == prefixes
            assert members.read(drawings[0]).lstrip().startswith(b"<xdr:wsDr ")


def test_parts_are_named_from_where_they_are_named():
    with ZipFile(BytesIO(content())) as members:
        names = set(members.namelist())
        lists = [name for name in names if name.endswith(".rels")]
        assert len(lists) == 2 + 2 * len(FIGURES)
        for name in lists:
            folder = name.partition("_rels/")[0]
            for item in ET.fromstring(members.read(name)):  # noqa: S314 (made by this test)
                target = item.attrib["Target"]
                assert not target.startswith("/")
                assert normpath(join(folder, target)) in names
