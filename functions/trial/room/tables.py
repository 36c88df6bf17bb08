"""Tables and figures as of now; every number of a table leads to its subjects."""

from collections.abc import Iterator, Mapping

import wiring
from trial.definition.figures import BY_VISIT
from trial.errors import Rejected
from trial.render.figures import alt_text, figure_svg
from trial.render.markup import EMPTY, Html, bdi, escape, html, joined
from trial.render.page import drawing
from trial.render.page.elements import unordered
from trial.render.page.tables import table
from trial.reporting import report
from trial.room import frame
from trial.room.frame import DASH, Crumb
from trial.room.routing import READERS, PageRequest, page
from trial.statistics.cells import Share
from trial.tables import figures
from trial.tables.bidi import isolated
from trial.tables.file_names import PAGE, WORKBOOK
from trial.tables.grid import Cut, Figure, Grid, Mark
from trial.web.routing import Answer


@page("/studies/{study}/tables", READERS, subjects=False)
def get_tables(page_request: PageRequest) -> Answer:
    """List the tables and figures of the definition."""
    definition = page_request.view.definition
    tables = [
        _entry(page_request, "tables", t.id, t.title, t.population) for t in definition.tables
    ]
    figure_entries = [
        _entry(page_request, "figures", f.id, f.title, "") for f in definition.figures
    ]
    body = [
        html(
            '<p class="pages"><a class="button" href="{}">The last published report</a>'
            ' <a class="button" href="{}">Workbook</a></p>\n',
            page_request.link("documents", "live", PAGE),
            page_request.link("documents", "live", WORKBOOK),
        ),
        frame.section("tables", "Tables", unordered(tables, "contents-list"))
        if tables
        else html("<p>No tables are defined.</p>\n"),
        frame.section("figures", "Figures", unordered(figure_entries, "contents-list"))
        if figure_entries
        else html(""),
    ]
    return frame.page_answer(page_request, "Tables and figures", body)


def _entry(page_request: PageRequest, kind: str, name: str, title: str, population: str) -> Html:
    below = html(' <span class="quiet">\u00b7 {}</span>', bdi(population)) if population else EMPTY
    return html(
        '<span class="number">{}</span> <span><a href="{}">{}</a>{}</span>',
        escape(name),
        page_request.link(kind, name),
        bdi(title),
        below,
    )


def contents(page_request: PageRequest) -> Crumb:
    """Return the page that lists all tables and figures."""
    return Crumb("Tables and figures", page_request.link("tables"))


@page("/studies/{study}/tables/{table}", READERS, subjects=False)
def get_table(page_request: PageRequest) -> Answer:
    """Show a table as it is now."""
    view, name = page_request.view, page_request.parts["table"]

    def read(sums: Share) -> tuple[Cut, tuple[Grid, ...]]:
        return report.live_cut(view, sums), report.tables(view, sums, {name})

    cut, grids = wiring.store().read_sums(view, read)
    if not grids:
        raise Rejected(404, "Table not found", f"The definition has no table {name}.")
    (grid,) = grids

    def link(row: str, column: str, statistic: str) -> Html:
        return page_request.link(
            "tables", name, "subjects", row=row, column=column, statistic=asked_for(statistic)
        )

    body = [
        html(
            '<p class="key quiet">Each number leads to its subjects. {} stands for a result that'
            " cannot be calculated.</p>\n",
            DASH,
        ),
        joined(table(grid, html("table"), cut.completion.state, link)),
    ]
    return frame.page_answer(
        page_request, f"Table {grid.id}", body, crumbs=[contents(page_request)]
    )


def asked_for(statistic: str) -> str:
    """Return the statistic whose subjects a number is asked for by; '' is what the cell counts."""
    return "" if statistic in ("n", "percent") else statistic


@page("/studies/{study}/figures/{figure}", READERS, subjects=False)
def get_figure(page_request: PageRequest) -> Answer:
    """Show a figure as it is now, with its numbers."""
    view, name = page_request.view, page_request.parts["figure"]
    if name not in {figure.id for figure in view.definition.figures}:
        raise Rejected(404, "Figure not found", f"The definition has no figure {name}.")
    all_figures = figures.figures(view, wiring.store().sums(view))
    figure = next(figure for figure in all_figures if figure.id == name)
    notes = [escape(note) for note in figure.footnotes]
    notes += [html("Method: {}.", bdi(figure.method))] if figure.method else []
    source = html(
        'From the same sums as <a href="{}">Table {}</a>, where each number leads to its subjects.',
        page_request.link("tables", figure.source),
        escape(figure.source),
    )
    body = [
        html('<figure class="figure"><p>{}</p>\n', bdi(figure.title)),
        drawing(figure_svg(figure), f"Figure {name}: {isolated(figure.title)}", "chart"),
        html("<figcaption>{}</figcaption></figure>\n", unordered([*notes, source], "notes")),
        frame.section("numbers", "Its numbers", _numbers(page_request, figure)),
    ]
    return frame.page_answer(page_request, f"Figure {name}", body, crumbs=[contents(page_request)])


def _numbers(page_request: PageRequest, figure: Figure) -> Html:
    axes = [figure.x_label or "Value", figure.y_label or "Value"]
    along = axes.pop(1 if figure.kind in alt_text.LYING else 0)
    labels = "Series", "At" if along == "Value" else along, *axes, "Interval", "n"
    rows = _marks(page_request, figure)
    return frame.data_table("Numbers of the figure", frame.heads(*labels), rows)


def _marks(page_request: PageRequest, figure: Figure) -> Iterator[list[Html]]:
    """Yield a row a mark; its value leads to its subjects where it has a cell or a name."""
    kinds = {f.id: f.kind for f in page_request.view.definition.figures}
    visits = {visit.label: visit.id for visit in page_request.view.definition.visits}
    for series in (*figure.series, *([figure.panel] if figure.panel is not None else [])):
        for mark in series.marks:
            place, value, interval, n = _mark(figure, mark)
            name = _name_of(kinds[figure.id], mark, visits)
            if mark.cell is not None and value != DASH:
                row, column = mark.cell
                link = page_request.link(
                    "tables", figure.source, "subjects", row=row, column=column
                )
                value = html('<a href="{}">{}</a>', link, value)
            elif name and mark.y is not None:
                link = page_request.link(
                    "figures", figure.id, "subjects", series=series.id, mark=name
                )
                value = html('<a href="{}">{}</a>', link, value)
            yield [bdi(series.label), place, value, interval, n]


def _name_of(kind: str, mark: Mark, visits: Mapping[str, str]) -> str:
    """Return what a mark is asked for by: the visit, the bar's value, the day of the curve."""
    if kind in BY_VISIT:
        return visits.get(mark.label, "")
    return (mark.y if kind == "waterfall" else mark.x if kind == "survival" else "") or ""


def _mark(figure: Figure, mark: Mark) -> tuple[Html, Html, Html, Html]:
    """Return what a mark stands at, its value, its interval and its n, to the figure's decimals."""
    place, value = mark.x, mark.y
    if figure.kind in alt_text.LYING or (value is None and mark.label):
        place, value = value, place
    name = bdi(mark.label) if mark.label else _shown(place)
    low, high = _number(figure, mark.low), _number(figure, mark.high)
    has_both = mark.low is not None and mark.high is not None
    interval = html("{} to {}", low, high) if has_both else DASH
    return name, _number(figure, value), interval, _shown(mark.n)


def _number(figure: Figure, value: str | None) -> Html:
    return DASH if value is None else escape(alt_text.number(figure, value))


def _shown(value: object) -> Html:
    return DASH if value is None else escape(value)
