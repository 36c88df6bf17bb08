"""The first page: the studies that a person has a role in, each with its state."""

from collections.abc import Iterator, Sequence
from functools import partial
from urllib.parse import quote

import wiring
from trial.errors import Rejected
from trial.events.blinding import OPEN
from trial.render.markup import Html, bdi, escape, html
from trial.reporting import report
from trial.room import frame
from trial.room.routing import ANYBODY, READERS, STAFF, PageRequest, page
from trial.web.access.person import Role
from trial.web.routing import Answer

_MOST = 25
"""How many studies are listed: of each its sums are asked for."""


@page("/", ANYBODY, subjects=False)
def get_studies(page_request: PageRequest) -> Answer:
    """List the studies in which the person has a role."""
    names = [name for name in wiring.store().studies() if page_request.person.may(name, *Role)]
    after = page_request.parameter("after")
    remaining = [name for name in names if name > after]
    body = [
        html("<p>Studies in which you have a role.</p>\n"),
        frame.data_table(
            "Studies",
            frame.heads("Study", "Title", "State", "Records", "Documents"),
            _rows(page_request, remaining[:_MOST]),
            "You have no role in any study. Ask who administers yours.",
        ),
        frame.next_link(page_request, after=remaining[_MOST - 1] if len(remaining) > _MOST else ""),
    ]
    return frame.plain_page(page_request.request, page_request.person, "Studies", body)


def _rows(page_request: PageRequest, names: Sequence[str]) -> Iterator[Sequence[Html]]:
    for name in names:
        try:
            view = wiring.store().study(name).open
        except Rejected:
            continue  # it is being deleted
        link = _entry(page_request, name)
        title = bdi(view.definition.title)
        if not page_request.person.may(name, *READERS):
            yield link, title, escape("Not for your role"), escape(""), escape("")
            continue
        state = wiring.store().read_sums(view, partial(report.completed, view))
        blinded = "blinded" if view.pooled else "open"
        records = wiring.store().accepted(view)
        yield (
            link,
            title,
            escape(f"{state.state}, {blinded}"),
            escape(f"{records:,}"),
            _documents(name),
        )


def _entry(page_request: PageRequest, name: str) -> Html:
    """Write a study's name, with a link to the first of its pages that the person may see."""
    start = f"/studies/{quote(name)}"
    if page_request.person.may(name, *READERS):
        return html('<a href="{}">{}</a>', escape(start), escape(name))
    if page_request.person.may(name, *STAFF):
        return html('<a href="{}/definition">{}</a>', escape(start), escape(name))
    return escape(name)


def _documents(study: str) -> Html:
    """Write when the documents were last made, and whether that succeeded."""
    latest = wiring.documents().latest(study, OPEN).document
    if latest is None:
        return escape("none yet")
    return html("of {} records", escape(f"{latest['events']:,}"))
