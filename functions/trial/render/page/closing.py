"""What stands last: the listings of the workbook, where everything comes from, the other files."""

from collections.abc import Iterator, Sequence

from trial.render.datasets import dataset_name
from trial.render.markup import EMPTY, Html, bdi, escape, html, joined
from trial.render.page.elements import href, unordered
from trial.tables.file_names import (
    CONSORT_CHECKLIST,
    DEFINITION,
    FLOW_JSON,
    FLOW_MARKDOWN,
    FLOW_SVG,
    MANIFEST,
    NARRATIVES,
    RESULTS,
    SUMMARY,
    SUMMARY_MARKDOWN,
    TABLES,
    WORKBOOK,
    parts_among,
)
from trial.tables.grid import Cut, Listing, Narratives, Section

_DESCRIPTIONS = {
    DEFINITION: html("the study's definition, of which all the others are made"),
    SUMMARY: html("key results and discrepancies, as data"),
    SUMMARY_MARKDOWN: html("the summary on a page, as text"),
    FLOW_SVG: html("the participant flow, as a picture"),
    FLOW_JSON: html("the participant flow, as data"),
    FLOW_MARKDOWN: html("the participant flow, as text"),
    CONSORT_CHECKLIST: html("what fills each item of CONSORT, as data"),
    WORKBOOK: html("every table, every figure and the listings"),
    NARRATIVES: html("the narratives, a subject each, to be read or printed"),
    TABLES: html("every table, raw and as read"),
    RESULTS: html("analysis results (CDISC ARS)"),
    MANIFEST: html("size and SHA-256 of every file of this cut"),
}
_DESCRIPTIONS_BY_ENDING = {
    "xlsx": html("a part of a long listing"),
    "ndjson": html("a data set (CDISC Dataset-JSON)"),
    "parquet": html("the same for programs that compute, typed"),
}


def methods(sections: Sequence[Section]) -> Iterator[Html]:
    """Write the Methods, each part a table that can be folded."""
    if not sections:
        return
    yield html('<section aria-labelledby="methods">\n<h2 id="methods">Methods</h2>\n')
    yield html("<p>How every number is counted, written from the study's definition.</p>\n")
    for section in sections:
        yield from method(section)
    yield html("</section>\n")


def method(section: Section) -> Iterator[Html]:
    """Write one part of the Methods."""
    title = escape(section.title)
    yield html('<details open class="table method"><summary>{}</summary>\n', title)
    yield html('<div class="scroll" role="region" tabindex="0" aria-label="{}">', title)
    heads = joined(html('<th scope="col">{}</th>', escape(head)) for head in section.heads)
    yield html("<table>\n<thead><tr>{}</tr></thead>\n<tbody>\n", heads)
    yield from map(_method_row, section.rows)
    yield html("</tbody></table></div>\n</details>\n")


def _method_row(row: Sequence[str]) -> Html:
    name, *texts = row
    cells = joined(html("<td>{}</td>", bdi(text)) for text in texts)
    return html('<tr><th scope="row">{}</th>{}</tr>\n', bdi(name), cells)


def listings(listings: Sequence[Listing], files: Sequence[str]) -> Iterator[Html]:
    """List the listings: their rows are in the workbook alone, or in workbooks of their own."""
    yield html('<section aria-labelledby="listings">\n<h2 id="listings">Listings</h2>\n')
    workbook = _link(WORKBOOK) if WORKBOOK in files else html("the workbook")
    if listings:
        yield html("<p>Each is a sheet of {}{}.</p>\n", workbook, _but_for_parts(listings, files))
    else:
        yield html("<p>None defined.</p>\n")
    yield unordered((_listing_with_parts(listing, files) for listing in listings), "listings")
    yield html("</section>\n")


def _but_for_parts(listings: Sequence[Listing], files: Sequence[str]) -> Html:
    if any(parts_among(dataset_name(listing), files) for listing in listings):
        return html(", but for the long ones, whose workbooks are named with them")
    return EMPTY


def _listing_with_parts(listing: Listing, files: Sequence[str]) -> Html:
    return _listing(listing, [_link(name) for name in parts_among(dataset_name(listing), files)])


def narratives(narratives: Sequence[Narratives], files: Sequence[str]) -> Iterator[Html]:
    """Link to the narratives, a page of their own; nothing where none are defined."""
    if not narratives:
        return
    yield html('<section aria-labelledby="narratives">\n<h2 id="narratives">Narratives</h2>\n')
    document = _link(NARRATIVES) if NARRATIVES in files else escape(NARRATIVES)
    yield html("<p>Each is a part of {}.</p>\n", document)
    yield unordered(map(_listing, narratives), "listings")
    yield html("</section>\n")


def _listing(listing: Listing | Narratives, links: Sequence[Html] = ()) -> Html:
    return html(
        '<span class="number">{}</span> <span>{}<span class="quiet"> \u00b7 {}</span>{}</span>',
        escape(listing.id),
        bdi(listing.title),
        bdi(listing.population),
        joined(html("<br>{}", link) for link in links),
    )


def _link(file_name: str) -> Html:
    return html('<a href="{}">{}</a>', href(file_name), escape(file_name))


def provenance(cut: Cut, files: Sequence[str]) -> Iterator[Html]:
    """Write what the page follows from, how that is verified, and which files belong to it."""
    yield html('<section aria-labelledby="provenance">\n<h2 id="provenance">Provenance</h2>\n')
    facts = (
        ("Cut", cut.id or "live"),
        ("Content root", cut.content_root),
        ("Accepted revisions", str(cut.accepted)),
        ("Interim or final", cut.completion.text),
        ("Data date", cut.data_date),
        ("Clinical cut-off", cut.cutoff),
        ("As recorded by", cut.as_of),
        ("Definition", cut.definition),
        ("Contribution version", str(cut.contribution_version)),
        ("Audience", cut.audience),
    )
    yield html('<dl class="source">\n')
    yield joined(
        html("<dt>{}</dt><dd>{}</dd>\n", escape(name), escape(fact)) for name, fact in facts if fact
    )
    if cut.dictionaries:
        dictionaries = joined(html("<dd>{}</dd>", escape(name)) for name in cut.dictionaries)
        yield html("<dt>Dictionaries</dt>{}\n", dictionaries)
    yield html("</dl>\n")
    yield from _verification(files)
    if files:
        yield html('<h3 id="files">Files of this cut</h3>\n')
        yield unordered(map(_file, files), "files")
    yield html("</section>\n")


def _verification(files: Sequence[str]) -> Iterator[Html]:
    manifest = _link(MANIFEST) if MANIFEST in files else escape(MANIFEST)
    yield html('<h3 id="verify">How to verify</h3>\n')
    steps = (
        html("Compare the SHA-256 of each file with {}.", manifest),
        html(
            "Recount any table from the listings of the workbook: both come from the same records."
        ),
        html(
            "Prove the content root, the SHA-256 over the accepted revisions, by the audit trail."
        ),
        html("Publish the cut again: the same records, definition and code give the same bytes."),
    )
    yield html("<ol>{}</ol>\n", joined(html("<li>{}</li>", step) for step in steps))


def _file(name: str) -> Html:
    description = _DESCRIPTIONS.get(name) or _DESCRIPTIONS_BY_ENDING.get(name.rpartition(".")[2])
    if description is None:
        return _link(name)
    return html('{}<span class="quiet"> \u00b7 {}</span>', _link(name), description)
