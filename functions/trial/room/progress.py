"""How a study gets on: recruitment over time and by site, and which planned visits took place."""

from collections.abc import Iterator
from itertools import islice

import wiring
from trial.definition.study import Study
from trial.errors import Rejected
from trial.render.figures import figure_svg
from trial.render.markup import Html, bdi, escape, html
from trial.render.page import drawing
from trial.reporting.progress import Progress, progress
from trial.room import frame
from trial.room.frame import DASH
from trial.room.routing import READERS, PageRequest, page
from trial.subject.fold import Subject
from trial.web.routing import Answer

MOST_SUBJECTS, MOST_REVISIONS = 5_000, 400_000
"""How many subjects, and accepted revisions of them, are read for one page."""


@page("/studies/{study}/progress", READERS, subjects=False)
def get_progress(page_request: PageRequest) -> Answer:
    """Show recruitment and planned visits as of now."""
    state = progress(page_request.view, all_subjects(page_request.view))
    body = [
        html(
            "<p>Of {} subjects, each read as it is now: no sums hold this.</p>\n",
            escape(f"{state.subjects:,}"),
        ),
        _recruitment(state),
        frame.section("sites", "By site", _sites(state)),
        frame.section("visits", "Planned visits", _visits(state)),
    ]
    return frame.page_answer(page_request, "Progress", body)


def all_subjects(view: Study) -> Iterator[Subject]:
    """Read every subject; raises `Rejected` (422) where they are too many for one page."""
    revisions = 0
    rows = wiring.store().subjects_after(view)
    for number, row in enumerate(islice(rows, MOST_SUBJECTS + 1), 1):
        revisions += row.subject.accepted
        if number > MOST_SUBJECTS or revisions > MOST_REVISIONS:
            detail = (
                f"This page reads up to {MOST_SUBJECTS:,} subjects with {MOST_REVISIONS:,}"
                " revisions; the study has more. Let its definition count this in a table, or list"
                " it: a listing is filtered and sorted however many there are."
            )
            raise Rejected(422, "Too many subjects", detail)
        yield row.subject


def _recruitment(state: Progress) -> Html:
    figure = state.figure
    if not state.recruited:
        return frame.section("recruitment", "Recruitment", html("<p>Nobody yet.</p>\n"))
    months = [mark.label for mark in figure.series[0].marks]
    by_name = {name: dict(by_month) for name, by_month in state.recruited}
    rows = (
        (escape(month), *(_added(by_name[s.id].get(month, 0), s.marks[i].y) for s in figure.series))
        for i, month in enumerate(months)
    )
    heads = ["Month", *(series.label for series in figure.series)]
    return frame.section(
        "recruitment",
        "Recruitment",
        html(
            '<figure class="figure">{}</figure>\n',
            drawing(figure_svg(figure), "Recruitment", "chart"),
        ),
        frame.data_table("Recruitment by month", frame.heads(*heads), rows),
    )


def _added(count: int, total: str | None) -> Html:
    return html("{} ({} in all)", count, escape(total or ""))


def _sites(state: Progress) -> Html:
    rows = (
        (bdi(site) if site else html("no site"), html("{}", enrolled), html("{}", over))
        for site, enrolled, over in state.sites
    )
    heads = frame.heads("Site", "Enrolled", "Study is over")
    return frame.data_table("Subjects by site", heads, rows)


def _visits(state: Progress) -> Html:
    """Write what became of each visit that is due for anybody."""
    rows = (
        (
            bdi(visit.label),
            html("{}", visit.due),
            html("{}", visit.recorded),
            html("{}", visit.missed) if visit.missed else DASH,
            html("{}", visit.left) if visit.left else DASH,
            html('<b class="tag bad">{}</b>', visit.lacking) if visit.lacking else DASH,
        )
        for visit in state.visits
    )
    heads = frame.heads(
        "Visit", "Due", "Took place", "Reported missed", "Had left", "Nothing recorded"
    )
    return frame.data_table("Planned visits", heads, rows, "No visit is due yet.")
