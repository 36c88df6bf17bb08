"""The whole report as one HTML page that needs nothing else: no script, no other file, no network.

A reader opens it anywhere, in light and dark, on a phone and on paper. It is made piece by piece,
so that a long table need not stand in memory twice.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from trial.render.consort import flow_svg, outline
from trial.render.figures import figure_svg
from trial.render.markup import EMPTY, Html, bdi, escape, html
from trial.render.page import opening
from trial.render.page.closing import listings, methods, narratives, provenance
from trial.render.page.elements import Anchors, unordered
from trial.render.page.tables import table
from trial.tables.bidi import isolated
from trial.tables.grid import Figure, Flow, Grid, Report


def page(report: Report, files: Sequence[str] = ()) -> Iterator[Html]:
    """Write the page; `files` are the names of those that are published beside it."""
    state = report.cut.completion.state
    anchors = Anchors()
    figures = [(anchors.take("figure", figure.id), figure) for figure in report.figures]
    grids = [(anchors.take("table", grid.id), grid) for grid in report.grids]
    sources = {grid.id: anchor for anchor, grid in grids}
    yield opening.head(report.cut)
    yield html('<body>\n<a class="skip" href="#report">Skip to the report</a>\n')
    discrepancies = opening.discrepancies_fact(
        report.discrepancy_count("contradictory"), report.discrepancy_count("notable")
    )
    yield from opening.banner(report.cut, discrepancies)
    yield html('<div class="columns">\n')
    yield from _contents(report, figures, grids)
    yield html('<main id="report">\n')
    yield from opening.key_results(report.key_results)
    yield from opening.discrepancies_section(report.contradictions, report.notable)
    yield from _flow(report)
    if figures:
        yield html('<section aria-labelledby="figures">\n<h2 id="figures">Figures</h2>\n')
        for anchor, figure in figures:
            yield from _figure(figure, anchor, sources, state)
        yield html("</section>\n")
    yield html('<section aria-labelledby="tables">\n<h2 id="tables">Tables</h2>\n')
    yield html('<p class="key quiet">\u2013 stands for a result that cannot be calculated.</p>\n')
    for anchor, grid in grids:
        yield from table(grid, anchor, state)
    yield html("</section>\n")
    yield from methods(report.methods)
    yield from listings(report.listings, files)
    yield from narratives(report.narratives, files)
    yield from provenance(report.cut, files)
    yield html("</main>\n</div>\n</body>\n</html>\n")


def _contents(
    report: Report, figures: Iterable[tuple[Html, Figure]], grids: Iterable[tuple[Html, Grid]]
) -> Iterator[Html]:
    """Link to every part, every figure and every table."""
    yield html('<nav aria-label="Contents">\n<details><summary>Contents</summary>\n')
    figure_links = [
        _entry(anchor, figure.title, f"Figure {figure.id}") for anchor, figure in figures
    ]
    table_links = [_entry(anchor, grid.title, grid.id) for anchor, grid in grids]
    parts = [
        _entry(html("key-results"), "Key results"),
        _entry(html("discrepancies"), "Discrepancies"),
        _entry(html("flow"), report.flow.title),
        _part(html("figures"), "Figures", figure_links) if figure_links else EMPTY,
        _part(html("tables"), "Tables", table_links),
        _entry(html("methods"), "Methods") if report.methods else EMPTY,
        _entry(html("listings"), "Listings"),
        _entry(html("narratives"), "Narratives") if report.narratives else EMPTY,
        _entry(html("provenance"), "Provenance"),
    ]
    yield unordered(filter(None, parts))
    yield html("</details>\n</nav>\n")


def _part(anchor: Html, title: str, links: Iterable[Html]) -> Html:
    return html("{}{}", _entry(anchor, title), unordered(links))


def _entry(anchor: Html, title: str, number: str = "") -> Html:
    numbered = html('<span class="number">{}</span> ', escape(number)) if number else EMPTY
    return html('<a href="#{}">{}{}</a>', anchor, numbered, bdi(title))


def _flow(report: Report) -> Iterator[Html]:
    flow = report.flow
    yield html(
        '<section aria-labelledby="flow">\n<h2 id="flow">{}</h2>\n',
        escape(flow.title),
    )
    yield drawing(flow_svg(flow, report.cut), f"Diagram: {isolated(flow.title)}", "flow")
    yield html("<details><summary>The flow in words</summary>\n{}</details>\n", _outline(flow))
    yield html("</section>\n")


def drawing(svg: Html, name: str, kind: str) -> Html:
    """Let a drawing scroll where it is wider than the screen: its letters stay readable."""
    return html(
        '<div class="scroll drawing {}" role="region" tabindex="0" aria-label="{}">\n{}</div>\n',
        escape(kind),
        escape(name),
        svg,
    )


def _outline(flow: Flow) -> Html:
    """Write the flow as a list; those who left stand under the stage that they left."""
    stages: list[tuple[Html, list[Html]]] = []
    for depth, line in outline(flow):
        if depth == 0 or not stages:
            stages.append((escape(line), []))
        else:
            stages[-1][1].append(escape(line))
    return unordered(html("{}{}", stage, unordered(boxes)) for stage, boxes in stages)


def _figure(
    figure: Figure, anchor: Html, sources: Mapping[str, Html], state: str
) -> Iterator[Html]:
    """Write a figure with its population, and a link to the table that holds its numbers."""
    yield html('<figure class="figure" aria-labelledby="{}">\n', anchor)
    yield html(
        '<h3 id="{}"><span class="number">Figure {}</span> {}</h3>\n',
        anchor,
        escape(figure.id),
        bdi(figure.title),
    )
    yield html("<p>Population: {} \u00b7 {}</p>\n", bdi(figure.population), escape(state))
    yield drawing(figure_svg(figure), f"Figure {figure.id}: {isolated(figure.title)}", "chart")
    notes = [escape(note) for note in figure.footnotes]
    notes += [html("Method: {}.", bdi(figure.method))] if figure.method else []
    if figure.source in sources:
        notes.append(
            html(
                'From the same sums as <a href="#{}">Table {}</a>.',
                sources[figure.source],
                escape(figure.source),
            )
        )
    yield html("<figcaption>{}</figcaption>\n</figure>\n", unordered(notes, "notes"))
