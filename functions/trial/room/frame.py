"""What stands around every page: head, bar, contents, notices, footer."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import wiring
from trial.deferred import dataclass
from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.blinding import UNBLINDED
from trial.render.markup import EMPTY, Html, bdi, escape, html, joined
from trial.render.page.elements import unordered
from trial.room import assets
from trial.room.routing import UPLOAD, PageRequest, RoomRequest
from trial.store.rows import second_text
from trial.web.access.person import Person
from trial.web.routing import Answer

DASH = html("\u2013")
"""What stands where there is nothing to say."""
HTML = "text/html; charset=utf-8"
_PAGES = (
    ((), "Overview"),
    (("progress",), "Progress"),
    (("tables",), "Tables and figures"),
    (("listings",), "Listings"),
    (("subjects",), "Subjects"),
    (("discrepancies",), "Discrepancies"),
    (("quarantine",), "Refused events"),
    (("cuts",), "Cuts"),
    (("definition",), "Definition"),
    (("trail",), "Audit trail"),
)
"""The pages that every page of a study leads to, as far as the person may see them."""


@dataclass(frozen=True)
class Crumb:
    """A page above this one."""

    label: str
    address: Html


def page_answer(
    page_request: PageRequest,
    title: str,
    body: Iterable[Html],
    *,
    crumbs: Sequence[Crumb] = (),
    refresh: int = 0,
    lead: Html = EMPTY,
) -> Answer:
    """Answer with a page of a study; `refresh` says after how many seconds it is asked for anew."""
    view = page_request.view
    head = joined(
        (
            html(
                '<p class="study"><a href="{}">{}</a></p>\n', page_request.link(), escape(view.id)
            ),
            html("<h1>{}</h1>\n", escape(title)),
            html('<p class="quiet">{}</p>\n', bdi(view.definition.title)),
            lead,
            joined(_notices(page_request, view)),
        )
    )
    parts = (_crumbs(crumbs), *body)
    content = html(
        '<div class="columns">\n{}<main id="content" tabindex="-1">\n{}</main>\n</div>\n',
        _contents(page_request),
        joined(parts),
    )
    document_title = f"{title} \u00b7 {view.id}"
    return _answer(
        page_request.request, page_request.person, document_title, (head, content), refresh=refresh
    )


def plain_page(
    request: RoomRequest, person: Person, title: str, body: Iterable[Html], status: int = 200
) -> Answer:
    """Answer with a page that is of no study."""
    head = html("<h1>{}</h1>\n", escape(title))
    content = html(
        '<div class="columns">\n<div></div><main id="content" tabindex="-1">\n{}</main>\n</div>\n',
        joined(body),
    )
    return _answer(request, person, title, (head, content), status)


def answer(page_request: PageRequest) -> Answer:
    """Answer a request; of what is refused the page says why, and keeps the study's menu."""
    try:
        return page_request.answer()
    except Rejected as error:
        if not _is_there(page_request):
            return error_page(page_request.request, page_request.person, error)
        page = page_answer(page_request, error.title, [refusal(error)])
        return replace(page, status=error.status)


def _is_there(page_request: PageRequest) -> bool:
    """Return whether a page is of a study that there is, as this page may show it."""
    try:
        return bool(page_request.study and page_request.view)
    except Rejected:
        return False


def refusal(error: Rejected) -> Html:
    """Write what is wrong, and in which fields."""
    faults = [html("<b>{}</b> {}", escape(f.pointer[1:]), escape(f.detail)) for f in error.faults]
    return html(
        '<div class="warning" role="alert"><p>{}</p>{}</div>\n',
        escape(error.detail or error.title),
        unordered(faults),
    )


def error_page(request: RoomRequest, person: Person, error: Rejected) -> Answer:
    """Answer a refusal that is of no study as a page: what is wrong, and the way back."""
    body = (refusal(error), html('<p><a class="button" href="/">All studies</a></p>\n'))
    return plain_page(request, person, error.title, body, error.status)


def _answer(
    request: RoomRequest,
    person: Person,
    title: str,
    parts: tuple[Html, Html],
    status: int = 200,
    refresh: int = 0,
) -> Answer:
    head, content = parts
    text = html(
        """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{}<link rel="icon" href="{}" type="image/svg+xml">
<link rel="stylesheet" href="{}">
<title>{}</title>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
{}<header>
{}</header>
{}<footer>As of {}. Times are in UTC.</footer>
</body>
</html>
""",
        html('<meta http-equiv="refresh" content="{}">\n', refresh) if refresh else EMPTY,
        escape(assets.icon().path),
        escape(assets.style().path),
        escape(f"{title} \u00b7 Reading room"),
        _bar(request, person),
        head,
        content,
        instant(second_text(wiring.now())),
    )
    return Answer(status, {"Content-Type": HTML}, text)


def _bar(request: RoomRequest, person: Person) -> Html:
    """Write the person's name, with a way to sign out; nobody's before they sign in."""
    sign_out = html(
        '<span class="who">{}</span>{}',
        bdi(person.name or person.principal),
        form("/sign-out", request, html("<button>Sign out</button>"), css_class="inline"),
    )
    return html(
        '<div class="bar" role="banner"><a class="place" href="/">Reading room</a>{}</div>\n',
        sign_out if person.principal else EMPTY,
    )


def form(
    path: str, request: RoomRequest, content: Html, css_class: str = "", *, uploads: bool = False
) -> Html:
    """Write a form that changes something: it carries the session's token, and files."""
    return html(
        '<form method="post" action="{}"{}{}><input type="hidden" name="csrf" value="{}">{}'
        "</form>\n",
        escape(path),
        html(' enctype="{}"', escape(UPLOAD)) if uploads else EMPTY,
        html(' class="{}"', escape(css_class)) if css_class else EMPTY,
        escape(request.csrf),
        content,
    )


def select(name: str, label: str, choices: Sequence[tuple[str, str]], selected: str) -> Html:
    """Write a field in which one of some values is chosen."""
    options = joined(
        html(
            '<option value="{}"{}>{}</option>',
            escape(value),
            html(" selected") if value == selected else EMPTY,
            escape(text),
        )
        for value, text in choices
    )
    return html(
        '<label>{} <select name="{}">{}</select></label>', escape(label), escape(name), options
    )


def _contents(page_request: PageRequest) -> Html:
    """Link to the pages of the study that the person may see."""
    open_start = "/studies/{study}"
    start = f"/{UNBLINDED}{open_start}" if page_request.route.unblinded else open_start
    links = []
    for segments, label in _PAGES:
        suffix = "".join(f"/{segment}" for segment in segments)
        twin = page_request.can_see(start + suffix)
        if not (twin or page_request.can_see(open_start + suffix)):
            continue
        path = page_request.path(*segments) if twin else _open_path(page_request, *segments)
        current = _is_current(page_request.request.path, path, segments)
        links.append(
            html(
                '<a href="{}"{}>{}</a>',
                escape(path),
                html(' aria-current="page"') if current else EMPTY,
                escape(label),
            )
        )
    return html(
        '<nav aria-label="Study">\n<details><summary>Pages of the study</summary>\n{}</details>\n'
        "</nav>\n",
        unordered(links),
    )


def _open_path(page_request: PageRequest, *segments: str) -> str:
    return page_request.path(*segments).removeprefix(f"/{UNBLINDED}")


def _is_current(asked_path: str, path: str, segments: Sequence[str]) -> bool:
    return asked_path == path or (bool(segments) and asked_path.startswith(f"{path}/"))


def _notices(page_request: PageRequest, view: Study) -> Iterator[Html]:
    """Write what the data are, and on which side of the blind this page is."""
    if view.definition.notice:
        yield html('<p class="notice">{}</p>\n', escape(view.definition.notice))
    if page_request.route.unblinded:
        yield html(
            '<p class="warning">Unblinded: this page tells arms apart, and that you saw it is'
            ' recorded. <a href="{}">The blinded page</a></p>\n',
            escape(_open_path(page_request)),
        )
    elif view.pooled:
        unblinded = f"/{UNBLINDED}/studies/{{study}}"
        switch = EMPTY
        if page_request.can_see(unblinded):
            path = f"/{UNBLINDED}{page_request.path()}"
            switch = html(' <a href="{}">The unblinded pages</a>', escape(path))
        yield html(
            '<p class="warning">Blinded: nothing here tells arms apart.{}</p>\n',
            switch,
        )


def _crumbs(crumbs: Sequence[Crumb]) -> Html:
    if not crumbs:
        return EMPTY
    links = (html('<a href="{}">{}</a>', crumb.address, bdi(crumb.label)) for crumb in crumbs)
    return html('<p class="crumbs">{}</p>\n', joined(links, html(" \u203a ")))


def instant(text: str) -> Html:
    """Write an instant of the service's clock as people read it, to the second."""
    moment = text[:19].replace("T", " ")
    return html('<time datetime="{}">{}</time>', escape(text), escape(moment)) if text else EMPTY


def who(principal: str) -> Html:
    """Write who did something: of a person the name at the issuer, whose address is its title."""
    issuer, _, name = principal.rpartition("#")
    if not issuer:
        return escape(principal) or DASH
    return html('<span title="{}">{}</span>', escape(principal), bdi(name))


def section(anchor: str, title: str, *body: Html) -> Html:
    """Write a part of a page under its heading."""
    return html(
        '<section aria-labelledby="{0}">\n<h2 id="{0}">{1}</h2>\n{2}</section>\n',
        escape(anchor),
        escape(title),
        joined(body),
    )


def data_table(
    label: str, heads: Sequence[Html], rows: Iterable[Sequence[Html]], empty: str = "None."
) -> Html:
    """Write rows as a table that scrolls by itself; the first cell of a row names it."""
    body = joined(
        html(
            '<tr><th scope="row">{}</th>{}</tr>\n',
            row[0],
            joined(html("<td>{}</td>", cell) for cell in row[1:]),
        )
        for row in rows
    )
    if not body:
        return html("<p>{}</p>\n", escape(empty))
    return html(
        '<div class="table data"><div class="scroll" role="region" tabindex="0" aria-label="{}">'
        "<table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody></table></div></div>\n",
        escape(label),
        joined(html('<th scope="col">{}</th>', head) for head in heads),
        body,
    )


def heads(*labels: str) -> list[Html]:
    """Return the heads of a table's columns."""
    return [escape(label) for label in labels]


def next_link(page_request: PageRequest, **position: str) -> Html:
    """Link to the rows that follow; nothing where none do."""
    if not any(position.values()):
        return EMPTY
    return html(
        '<p class="pages"><a class="button" rel="next" href="{}">Next rows</a></p>\n',
        page_request.again(**position),
    )
