"""The definition in words: how every number is counted, with contents, and a word to find in it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from trial.render.markup import Html, escape, html, joined
from trial.render.page import closing
from trial.render.page.elements import unordered
from trial.reporting.methods import methods
from trial.room import frame
from trial.room.definition import crumbs
from trial.room.routing import STAFF, PageRequest, page
from trial.tables.grid import Section
from trial.web.routing import Answer


@page("/studies/{study}/definition/words", STAFF, subjects=False)
def get_words(page_request: PageRequest) -> Answer:
    """Show in words how every number is counted: all, or the rows in which a word is."""
    phrase = page_request.parameter("find").strip()
    sections = list(_containing(methods(page_request.view.definition), phrase.casefold()))
    body = [
        html(
            '<form class="fields" method="get" action="{}"><label>Find'
            ' <input name="find" type="search" value="{}"></label>'
            '<button class="main">Show these</button></form>\n',
            page_request.link("definition", "words"),
            escape(phrase),
        ),
        _contents(sections),
        html("<p>How every number is counted, written from the study's definition.</p>\n"),
        joined(
            html('<div id="{}">\n{}</div>\n', escape(_anchor(section)), _part(section))
            for section in sections
        ),
    ]
    return frame.page_answer(page_request, "Definition in words", body, crumbs=crumbs(page_request))


def _containing(sections: Sequence[Section], text: str) -> Iterator[Section]:
    """Yield the sections that have a text, each with the rows that do; all where it is blank."""
    for section in sections:
        if text in section.title.casefold():
            yield section
        elif rows := tuple(row for row in section.rows if text in " ".join(row).casefold()):
            yield replace(section, rows=rows)


def _contents(sections: Sequence[Section]) -> Html:
    """Write the contents: each part with how many rows it has."""
    if not sections:
        return html("<p>Nothing has these words.</p>\n")
    links = (
        html(
            '<a href="#{}">{}</a> ({})',
            escape(_anchor(section)),
            escape(section.title),
            len(section.rows),
        )
        for section in sections
    )
    return frame.section("contents", "Contents", unordered(links))


def _anchor(section: Section) -> str:
    return f"part-{section.id}"


def _part(section: Section) -> Html:
    return joined(closing.method(section))
