"""The whole report as one HTML page that needs nothing else: no script, no other file, no network.

A reader opens it anywhere, in light and dark, on a phone and on paper. It is made piece by piece,
so that a long table need not stand in memory twice.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from trial.render.consort import flow_svg, outline
from trial.render.figures import figure_svg
from trial.render.page import opening
from trial.render.page.closing import listings, methods, provenance
from trial.render.page.tables import table
from trial.render.page.text import Anchors, aside, text, unordered
from trial.tables.bidi import isolated
from trial.tables.grid import Figure, Flow, Grid, Report


def page(report: Report, files: Sequence[str] = ()) -> Iterator[str]:
    """Write the page; `files` are the names of those that are published beside it."""
    state = report.cut.completion.state
    anchors = Anchors()
    figures = [(anchors.take("figure", figure.id), figure) for figure in report.figures]
    grids = [(anchors.take("table", grid.id), grid) for grid in report.grids]
    sources = {grid.id: anchor for anchor, grid in grids}
    yield opening.head(report.cut)
    yield '<body>\n<a class="skip" href="#report">Skip to the report</a>\n'
    yield from opening.banner(report.cut, report.found("contradictory"), report.found("notable"))
    yield '<div class="columns">\n'
    yield from _contents(report, figures, grids)
    yield '<main id="report">\n'
    yield from opening.key_results(report.key_results)
    yield from opening.discrepancies_section(report.contradictions, report.notable)
    yield from _flow(report)
    if figures:
        yield '<section aria-labelledby="figures">\n<h2 id="figures">Figures</h2>\n'
        for anchor, figure in figures:
            yield from _figure(figure, anchor, sources, state)
        yield "</section>\n"
    yield '<section aria-labelledby="tables">\n<h2 id="tables">Tables</h2>\n'
    yield '<p class="key quiet">\u2013 stands for a result that cannot be calculated.</p>\n'
    for anchor, grid in grids:
        yield from table(grid, anchor, state)
    yield "</section>\n"
    yield from methods(report.methods)
    yield from listings(report.listings, files)
    yield from provenance(report.cut, files)
    yield "</main>\n</div>\n</body>\n</html>\n"


def _contents(
    report: Report, figures: Iterable[tuple[str, Figure]], grids: Iterable[tuple[str, Grid]]
) -> Iterator[str]:
    """Lead to every part, every figure and every table."""
    yield '<nav aria-label="Contents">\n<details><summary>Contents</summary>\n'
    named = [(anchor, f"Figure {each.id}", each.title) for anchor, each in figures]
    tables = [(anchor, each.id, each.title) for anchor, each in grids]
    parts = [
        _entry("key-results", "Key results"),
        _entry("findings", "Discrepancies"),
        _entry("flow", report.flow.title),
        _entry("figures", "Figures") + _entries(named) if named else "",
        _entry("tables", "Tables") + _entries(tables),
        _entry("methods", "Methods") if report.methods else "",
        _entry("listings", "Listings"),
        _entry("provenance", "Provenance"),
    ]
    yield unordered(filter(None, parts))
    yield "</details>\n</nav>\n"


def _entry(anchor: str, title: str, number: str = "") -> str:
    numbered = f'<span class="number">{text(number)}</span> ' if number else ""
    return f'<a href="#{anchor}">{numbered}{aside(title)}</a>'


def _entries(named: Iterable[tuple[str, str, str]]) -> str:
    return unordered(_entry(anchor, title, number) for anchor, number, title in named)


def _flow(report: Report) -> Iterator[str]:
    flow = report.flow
    yield f'<section aria-labelledby="flow">\n<h2 id="flow">{text(flow.title)}</h2>\n'
    yield _drawing(flow_svg(flow, report.cut), f"Diagram: {isolated(flow.title)}", "flow")
    yield f"<details><summary>The flow in words</summary>\n{_in_words(flow)}</details>\n"
    yield "</section>\n"


def _drawing(svg: str, name: str, kind: str) -> str:
    """Let a drawing scroll where it is wider than the screen: its letters stay readable."""
    region = f'class="scroll drawing {kind}" role="region" tabindex="0" aria-label="{text(name)}"'
    return f"<div {region}>\n{svg}</div>\n"


def _in_words(flow: Flow) -> str:
    """Tell the flow as a list; who left stands under the stage that they left."""
    stages: list[tuple[str, list[str]]] = []
    for depth, told in outline(flow):
        if depth == 0 or not stages:
            stages.append((text(told), []))
        else:
            stages[-1][1].append(text(told))
    return unordered(stage + unordered(left) for stage, left in stages)


def _figure(figure: Figure, anchor: str, sources: Mapping[str, str], state: str) -> Iterator[str]:
    """Draw a chart, and say of whom it is and which table holds its numbers."""
    number = f'<span class="number">Figure {text(figure.id)}</span> '
    yield f'<figure class="figure" aria-labelledby="{anchor}">\n'
    yield f'<h3 id="{anchor}">{number}{aside(figure.title)}</h3>\n'
    yield f"<p>Population: {aside(figure.population)} \u00b7 {state}</p>\n"
    yield _drawing(figure_svg(figure), f"Figure {figure.id}: {isolated(figure.title)}", "figure")
    notes = [text(note) for note in figure.footnotes]
    notes += [f"Method: {aside(figure.method)}."] if figure.method else []
    if figure.source in sources:
        table_link = f'<a href="#{sources[figure.source]}">Table {text(figure.source)}</a>'
        notes.append(f"From the same sums as {table_link}.")
    yield f"<figcaption>{unordered(notes, 'notes')}</figcaption>\n</figure>\n"
