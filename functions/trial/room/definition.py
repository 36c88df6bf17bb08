"""The definition: what is in force and since when, in words, as shells, and how it came about."""

from collections.abc import Iterator, Sequence
from itertools import islice

import wiring
from trial.events import json_body
from trial.render.markup import EMPTY, Html, bdi, escape, html, joined
from trial.render.page.elements import Anchors
from trial.render.page.tables import table
from trial.reporting import report
from trial.room import frame
from trial.room.frame import DASH, Crumb
from trial.room.routing import AUDITORS, STAFF, PageRequest, page
from trial.store.amendments import Amendment
from trial.web.json_diff import Difference, differences
from trial.web.routing import Answer

_MOST_CHANGES, _MOST_DIFFERENCES, _LONGEST_VALUE = 200, 300, 600
_WORDS = {
    "created": "in force at once",
    "backfilling": "being prepared",
    "cancelled": "preparation cancelled",
    "in force": "in force",
}


@page("/studies/{study}/definition", STAFF, subjects=False)
def get_definition(page_request: PageRequest) -> Answer:
    """Show which definition is in force, and every change of it."""
    store, name = wiring.store(), page_request.study
    store.invalidate(name)
    view = page_request.view
    current = store.current(name)
    amendments = list(
        islice(store.amendments(name, page_request.parameter("after")), _MOST_CHANGES + 1)
    )
    listed_amendments = amendments[:_MOST_CHANGES]
    more = listed_amendments[-1].number if len(amendments) > _MOST_CHANGES else ""
    facts = [("In force", view.digest), ("Tables", str(len(view.definition.tables)))]
    facts += [("Figures", str(len(view.definition.figures)))]
    facts += [("Listings", str(len(view.definition.listings)))]
    if current and current.backfilling:
        facts.append(("Being prepared", current.backfilling))
    if current and current.retired:
        facts.append(("Retired", f"{current.retired.at[:19]} by {current.retired.principal}"))
    body = [
        html('<dl class="source">{}</dl>\n', joined(
            html("<dt>{}</dt><dd>{}</dd>\n", escape(label), escape(fact)) for label, fact in facts
        )),
        html(
            '<p class="pages"><a class="button" href="{}">In words</a> <a class="button" href="{}">'
            'As shells</a> <a class="button" href="{}">As written</a></p>\n',
            page_request.link("definition", "words"),
            page_request.link("definition", "shells"),
            page_request.link("definition", "versions", view.digest),
        ),
        _to_amend(page_request),
        frame.section(
            "history",
            "Its history",
            frame.data_table(
                "History of the definition",
                frame.heads("When", "What", "Definition", "By", "Why", "Differences"),
                (_change(page_request, amendment) for amendment in listed_amendments),
            ),
            frame.next_link(page_request, after=more),
        ),
    ]  # fmt: skip
    return frame.page_answer(page_request, "Definition", body)


def _to_amend(page_request: PageRequest) -> Html:
    """Lead to the form for a new definition, for those who may amend."""
    if not page_request.person.may(page_request.study, *AUDITORS):
        return EMPTY
    path = f"/studies/{page_request.study}/definition/new"
    return html(
        '<p class="pages"><a class="button" href="{}">Check a new one</a></p>\n', escape(path)
    )


def _change(page_request: PageRequest, amendment: Amendment) -> Sequence[Html]:
    compared = DASH
    if amendment.before not in ("", amendment.definition):
        link = page_request.link(
            "definition", "versions", amendment.definition, "changes-since", amendment.before
        )
        compared = html('<a href="{}">since the one before</a>', link)
    return (
        frame.instant(amendment.at),
        escape(_WORDS.get(amendment.change, amendment.change)),
        html(
            '<a href="{}">{}</a>',
            page_request.link("definition", "versions", amendment.definition),
            escape(amendment.definition[:12]),
        ),
        frame.who(amendment.principal),
        bdi(amendment.reason) if amendment.reason else DASH,
        compared,
    )


def crumbs(page_request: PageRequest) -> list[Crumb]:
    """Return the page above those of a definition."""
    return [Crumb("Definition", page_request.link("definition"))]


@page("/studies/{study}/definition/shells", STAFF, subjects=False)
def get_shells(page_request: PageRequest) -> Answer:
    """Show every table as it is without a single record."""
    anchors = Anchors()
    grids = report.tables(page_request.view, {})
    body = [
        html('<p class="quiet">Tables as they are without a record: rows that come with what is'
             " recorded are not there yet.</p>\n"),
        *(joined(table(grid, anchors.take("table", grid.id), "Shell")) for grid in grids),
    ]  # fmt: skip
    return frame.page_answer(page_request, "Shells", body, crumbs=crumbs(page_request))


@page("/studies/{study}/definition/versions/{digest}", STAFF, subjects=False)
def get_version(page_request: PageRequest) -> Answer:
    """Show a definition that the study has or had, as it is stored and as it was posted."""
    source, posted = wiring.store().source(page_request.study, page_request.parts["digest"])
    body = [
        frame.section("source", "As it counts", _written(source)),
        frame.section("posted", "As it was posted", _written(posted)) if posted else EMPTY,
    ]
    return frame.page_answer(
        page_request, "Definition as written", body, crumbs=crumbs(page_request)
    )


def _written(source: str) -> Html:
    """Write JSON on lines, its numbers as they were written."""
    text = json_body.readable(json_body.read_json(source))
    return html(
        '<pre tabindex="0" role="region" aria-label="The definition">{}</pre>\n', escape(text)
    )


@page("/studies/{study}/definition/versions/{digest}/changes-since/{base}", STAFF, subjects=False)
def get_differences(page_request: PageRequest) -> Answer:
    """Compare two definitions: where they differ, and the value in each."""
    store, start = wiring.store(), page_request.number("skip", 0, 10**6)
    before, after = (
        json_body.read_json(store.source(page_request.study, page_request.parts[side])[0])
        for side in ("base", "digest")
    )
    changes = list(islice(differences(before, after), start, start + _MOST_DIFFERENCES + 1))
    more = str(start + _MOST_DIFFERENCES) if len(changes) > _MOST_DIFFERENCES else ""
    body = [
        html(
            "<p>From {} to {}.</p>\n",
            escape(page_request.parts["base"][:12]),
            escape(page_request.parts["digest"][:12]),
        ),
        frame.data_table(
            "Differences",
            frame.heads("Where", "Before", "After"),
            differing(changes[:_MOST_DIFFERENCES]),
            "They do not differ.",
        ),
        frame.next_link(page_request, skip=more),
    ]
    return frame.page_answer(page_request, "What changed", body, crumbs=crumbs(page_request))


def differing(changes: Sequence[Difference]) -> Iterator[Sequence[Html]]:
    """Yield a row a difference: its pointer, the value before, the value after."""
    for difference in changes:
        document = difference.document()
        sides = (_value(document, side) for side in ("before", "after"))
        yield (escape(difference.pointer or "/"), *sides)


def _value(document: dict[str, object], side: str) -> Html:
    if side not in document:
        return DASH
    text = json_body.canonical(document[side])
    value = text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}\u2026"
    return bdi(value)
