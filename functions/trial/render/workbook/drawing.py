"""Charts as a spreadsheet draws them, from the points that stand in their sheet."""

from collections.abc import Sequence
from typing import Any, Literal

from openpyxl.chart import BarChart, LineChart, Reference, ScatterChart
from openpyxl.chart.axis import ChartLines, NumericAxis, TextAxis
from openpyxl.chart.data_source import NumDataSource, NumRef
from openpyxl.chart.error_bar import ErrorBars
from openpyxl.chart.label import DataLabelList
from openpyxl.chart.legend import Legend
from openpyxl.chart.marker import Marker
from openpyxl.chart.series import Series
from openpyxl.chart.series_factory import SeriesFactory
from openpyxl.chart.shapes import GraphicalProperties
from openpyxl.chart.title import title_maker
from openpyxl.drawing.line import LineProperties
from openpyxl.drawing.text import CharacterProperties
from openpyxl.worksheet.worksheet import Worksheet

from trial.render import legible
from trial.render.workbook.curves import Curve
from trial.tables.grid import Figure

CATEGORY, POSITION, VALUE, TO_LOW, TO_HIGH = range(2, 7)
"""The columns in which points stand."""
WIDTH = 24.0  # cm
_LEAST_HEIGHT, _LINE_OF_A_TERM, _MOST_HEIGHT = 12.5, 0.7, 60.0
_COLOURS = ("0072B2", "D55E00", "009E73", "CC79A7", "E69F00", "56B4E9", "7F7F7F", "000000")
_SYMBOLS = ("circle", "square", "diamond", "triangle")
_DARK, _GREY, _PALE = "1A1A1A", "595959", "D9D9D9"
_POINT = 12_700  # EMU

type Placed = tuple[Curve, int, int]
"""A curve, and the first and last row in which its points stand."""


def height(chart: Figure, chart_curves: Sequence[Curve]) -> float:
    """Return how high the chart is, in cm: a term takes a line of its own."""
    lines = 0
    if chart.kind in {"dots", "stacked", "swimmer"}:
        lines = max((len(curve.points) for curve in chart_curves), default=0)
    if chart.kind == "forest":
        lines = len(chart.series[0].marks) * 2
    return min(max(_LEAST_HEIGHT, _LINE_OF_A_TERM * lines + 4), _MOST_HEIGHT)


def draw(sheet: Worksheet, chart: Figure, placed: Sequence[Placed], anchor: str) -> None:
    """Add the chart to the sheet, beside its data."""
    by_category = chart.kind in {"bars", "dots", "stacked", "swimmer"}
    plot = _bars(sheet, chart, placed) if by_category else _curves(sheet, chart, placed)
    plot.title = _title(chart.title, 1200)
    plot.legend = None
    if len(placed) > 1 and chart.kind != "forest":
        plot.legend = Legend()
        plot.legend.position, plot.legend.overlay = "b", False
    size: Any = plot  # in cm: openpyxl's own sizes are whole, its drawings are not
    size.width, size.height = WIDTH, height(chart, [curve for curve, _, _ in placed])
    sheet.add_chart(plot, anchor)


def _curves(sheet: Worksheet, chart: Figure, placed: Sequence[Placed]) -> ScatterChart:
    plot = ScatterChart()
    plot.scatterStyle = "lineMarker"
    for curve, first, last in placed:
        places = Reference(sheet, POSITION, first, max_row=last)
        series = _plotted(sheet, curve, first, last, places)
        if curve.kind == "line":
            series.errBars = _error_bars(sheet, curve, first, last, "y")
        if curve.kind == "forest":
            series.errBars = _error_bars(sheet, curve, first, last, "x")
            series.dLbls = DataLabelList(
                dLblPos="t", showSerName=True, showVal=False, showCatName=False, showLegendKey=False
            )
        plot.series.append(series)
    _set_axis(plot.x_axis, chart.x_label)
    _set_axis(plot.y_axis, chart.y_label)
    plot.x_axis.majorGridlines = None
    plot.x_axis.crosses = plot.y_axis.crosses = "min"  # along the edges, whatever the signs
    if chart.kind == "forest":
        _turn(plot, chart)
    if chart.kind == "scatter" and chart.log:
        plot.x_axis.scaling.logBase = plot.y_axis.scaling.logBase = 10
    if chart.kind == "boxes":
        axis: Any = plot.x_axis
        axis.scaling.min, axis.majorUnit = 0, 1
        axis.scaling.max = len(chart.series[0].marks) + 1
    if chart.y_range:
        low, high = map(float, chart.y_range)
        plot.y_axis.scaling.min, plot.y_axis.scaling.max = low, high
    return plot


def _turn(plot: ScatterChart, chart: Figure) -> None:
    """Count the lines of a forest from the top, and let ratios stand by their logarithms."""
    plot.y_axis.scaling.orientation = "maxMin"
    plot.x_axis.crosses = "max"  # where the turned axis ends: at the foot
    plot.x_axis.tickLblPos = "nextTo"
    plot.y_axis.scaling.min, plot.y_axis.scaling.max = 0, len(chart.series[0].marks) + 1
    plot.y_axis.majorUnit, plot.y_axis.majorGridlines = 1, None
    if chart.log:
        plot.x_axis.scaling.logBase = 10


def _bars(sheet: Worksheet, chart: Figure, placed: Sequence[Placed]) -> BarChart:
    """Draw upright bars without gaps, or lying ones from the top, side by side for each term."""
    plot, upright = BarChart(), chart.kind == "bars"
    plot.type = "col" if upright else "bar"
    plot.gapWidth, plot.overlap = (0, 100) if upright else (60, 0)
    if chart.kind == "swimmer":
        plot.gapWidth, plot.overlap = 20, 100
    if chart.kind == "stacked":
        plot.grouping, plot.gapWidth, plot.overlap = "stacked", 40, 100
        plot.y_axis.scaling.min, plot.y_axis.scaling.max = 0, 100
    levels = LineChart()
    for curve, first, last in placed:
        onto = levels if curve.kind == "reference" else plot
        series = _plotted(sheet, curve, first, last)
        series.errBars = _error_bars(sheet, curve, first, last)
        onto.series.append(series)
        onto.set_categories(Reference(sheet, CATEGORY, first, max_row=last))
    labels = (chart.x_label, chart.y_label) if upright else (chart.y_label, chart.x_label)
    _set_axis(plot.x_axis, labels[0])
    _set_axis(plot.y_axis, labels[1])
    if not upright:
        plot.x_axis.scaling.orientation = "maxMin"
        plot.y_axis.crosses = "max"  # where the turned axis ends: at the foot
        plot.y_axis.tickLblPos = "nextTo"
    plot.x_axis.majorTickMark = "none"
    if levels.series:
        plot += levels
    return plot


def _plotted(
    sheet: Worksheet, curve: Curve, first: int, last: int, places: Reference | None = None
) -> Series:
    values = Reference(sheet, VALUE, first, max_row=last)
    series: Series = SeriesFactory(values, places, title=legible(curve.label))
    _dress(series, curve)
    return series


def _dress(series: Series, curve: Curve) -> None:
    colour = _DARK if curve.kind == "reference" else _COLOURS[curve.place % len(_COLOURS)]
    line = LineProperties(w=1.75 * _POINT, solidFill=colour)
    symbol: Any = "none"
    match curve.kind:
        case "forest":
            line, symbol = LineProperties(noFill=True), "square"
        case "line":
            symbol = _SYMBOLS[curve.place % len(_SYMBOLS)]
        case "outside":
            line, symbol = LineProperties(noFill=True), _SYMBOLS[curve.place % len(_SYMBOLS)]
        case "censored":
            line, symbol = LineProperties(noFill=True), "plus"
        case "reference":
            line = LineProperties(w=_POINT, solidFill=colour, prstDash="dash")
        case "bars" | "dots":
            line = LineProperties(w=0.5 * _POINT, solidFill="FFFFFF")
    series.spPr = GraphicalProperties(ln=line)
    if curve.kind in {"bars", "dots"}:
        series.spPr.solidFill = colour
        series.invertIfNegative = False
        return
    series.smooth = False
    series.marker = Marker(symbol, size=6)
    series.marker.spPr = GraphicalProperties(solidFill=colour, ln=LineProperties(solidFill=colour))


def _error_bars(
    sheet: Worksheet,
    curve: Curve,
    first: int,
    last: int,
    direction: Literal["x", "y"] | None = None,
) -> ErrorBars | None:
    """Draw intervals, where there are any; upright and lying bars take no direction."""
    if all(point.to_low is None and point.to_high is None for point in curve.points):
        return None
    to_low, to_high = (
        NumDataSource(NumRef(f=str(Reference(sheet, column, first, max_row=last))))
        for column in (TO_LOW, TO_HIGH)
    )
    line = GraphicalProperties(ln=LineProperties(w=_POINT, solidFill=_GREY))
    return ErrorBars(
        direction, "both", "cust", noEndCap=False, minus=to_low, plus=to_high, spPr=line
    )


def _title(text: str, size: int) -> Any:  # noqa: ANN401 (openpyxl says less than it makes)
    title: Any = title_maker(legible(text))
    for paragraph in title.tx.rich.paragraphs:
        paragraph.pPr.defRPr = CharacterProperties(sz=size, b=True)
    title.overlay = False
    return title


def _set_axis(axis: NumericAxis | TextAxis, label: str) -> None:
    """Show the axis, its labels at the edge: inside, they would stand among the data."""
    axis.delete = False
    axis.title = _title(label, 1000) if label else None
    axis.tickLblPos = "low"
    axis.majorTickMark, axis.number_format = "out", "General"
    axis.majorGridlines = None
    axis.spPr = GraphicalProperties(ln=LineProperties(solidFill=_GREY))
    if isinstance(axis, NumericAxis):
        pale = GraphicalProperties(ln=LineProperties(w=0.5 * _POINT, solidFill=_PALE))
        axis.majorGridlines = ChartLines(spPr=pale)
