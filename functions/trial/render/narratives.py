"""The narratives as an HTML page of their own: a part a subject, to be read or printed.

They are running text of some length, so they are no sheet of the workbook: a cell would neither
break them over pages nor hold a long one whole. The page needs nothing else, as the report's does.
"""

from collections.abc import Iterator, Sequence

from trial.render.markup import Html, bdi, css, escape, html, joined
from trial.render.page import opening
from trial.render.page.elements import Anchors, unordered
from trial.tables import row_blocks
from trial.tables.grid import Cut, Narratives
from trial.tables.row_blocks import Row

_RULES = """
.narrative{background:var(--paper);border:1px solid var(--line);border-radius:.5rem;
margin:0 0 1.25rem;padding:.9rem 1rem}
.narrative p{margin-top:.6rem;max-width:46rem}
@media print{
.narrative{border:0;padding:0;margin-bottom:7mm;break-inside:avoid}
.narrative p{max-width:none;margin-top:2mm}
}
"""

type _Anchored = Sequence[tuple[Html, Narratives]]


def narratives_page(cut: Cut, several: Sequence[Narratives]) -> Iterator[Html]:
    """Write the page; its rows are read twice, for the contents and for the text."""
    anchors = Anchors()
    anchored = [(anchors.take("narratives", narratives.id), narratives) for narratives in several]
    yield opening.head(cut, "Narratives", css(_RULES))
    yield html('<body>\n<a class="skip" href="#narratives">Skip to the narratives</a>\n')
    yield from opening.banner(cut)
    yield html('<div class="columns">\n')
    yield from _contents(anchored)
    yield html('<main id="narratives">\n')
    for anchor, narratives in anchored:
        yield from _part(anchor, narratives)
    yield html("</main>\n</div>\n</body>\n</html>\n")


def _contents(anchored: _Anchored) -> Iterator[Html]:
    yield html('<nav aria-label="Contents">\n<details><summary>Contents</summary>\n<ul>')
    for anchor, narratives in anchored:
        yield html('<li><a href="#{}">{}</a>', anchor, bdi(narratives.title))
        yield unordered(
            html('<a href="#{}">{}</a>', _anchor(anchor, row), bdi(row[0]))
            for row in row_blocks.kept(narratives.rows)
        )
        yield html("</li>")
    yield html("</ul>\n</details>\n</nav>\n")


def _anchor(part: Html, row: Row) -> Html:
    """Return the anchor of a subject's narrative: no id of a subject holds what would end it.

    Nor does a part's anchor hold a colon, so that of `a` and subject b-S1 is not that of `a-b`.
    """
    return html("{}:{}", part, escape(row[0]))


def _part(anchor: Html, narratives: Narratives) -> Iterator[Html]:
    """Write the narratives by one template, a subject after the other."""
    number = row_blocks.count(narratives.rows)
    yield html(
        '<section aria-labelledby="{0}">\n<h2 id="{0}"><span class="number">{1}</span> {2}</h2>\n',
        anchor,
        escape(narratives.id),
        bdi(narratives.title),
    )
    yield html(
        '<p class="key quiet">{} \u00b7 {}. Written from the records by the template of the'
        " study\u2019s definition.</p>\n",
        bdi(narratives.population),
        escape(f"{number:,} {'narrative' if number == 1 else 'narratives'}" if number else "none"),
    )
    for row in row_blocks.kept(narratives.rows):
        yield narrative(row, _anchor(anchor, row))
    yield html("</section>\n")


def narrative(row: Row, anchor: Html) -> Html:
    """Write the narrative of a subject under a heading of its own."""
    subject, *paragraphs = row
    return html(
        '<section class="narrative" aria-labelledby="{0}">\n<h3 id="{0}">Subject {1}</h3>\n'
        "{2}</section>\n",
        anchor,
        bdi(subject),
        paragraphs_of(paragraphs),
    )


def paragraphs_of(texts: Sequence[object]) -> Html:
    """Write paragraphs, each in the direction of its own script."""
    return joined(html("<p>{}</p>\n", bdi(text)) for text in texts)
