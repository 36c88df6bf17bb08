"""The audit trail: who did what, when and why; by person, by period, by subject."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from urllib.parse import unquote

import wiring
from trial.render.markup import EMPTY, Html, bdi, escape, html
from trial.room import frame
from trial.room.frame import DASH
from trial.room.routing import AUDITORS, READERS, PageRequest, page
from trial.web.routing import Answer

_MOST, _MOST_READ = 200, 5_000
"""How many rows a page lists, and how many it looks at for them."""


@dataclass(frozen=True)
class _Deed:
    """What somebody did."""

    at: str
    principal: str
    action: str
    resource: str
    reason: str


@dataclass(frozen=True)
class _Wanted:
    """Whose deeds are asked for, and of when: both days are in."""

    person: str
    first: str
    last: str
    subject: str

    def includes(self, deed: _Deed) -> bool:
        """Return whether a deed is asked for."""
        return (
            self.person.lower() in deed.principal.lower()
            and deed.at >= self.first
            and (not self.last or deed.at[:10] <= self.last)
            and self.subject in ("", _subject_of(deed.resource))
        )


def _subject_of(resource: str) -> str:
    """Return the subject that a path is of; '' where it is of none."""
    names = resource.partition("?")[0].split("/")
    after = names.index("subjects") + 1 if "subjects" in names else len(names)
    return unquote(names[after]) if after < len(names) else ""


@page("/studies/{study}/trail", AUDITORS, subjects=True, twin=False)
def get_trail(page_request: PageRequest) -> Answer:
    """List what was done with a study beside posting events."""
    wanted = _Wanted(
        page_request.parameter("person").strip(),
        page_request.parameter("from").strip(),
        page_request.parameter("to").strip(),
        page_request.parameter("subject").strip(),
    )
    deeds, more = _activities(page_request, wanted)
    body = [
        _form(page_request, wanted),
        _journal_link(page_request, wanted),
        frame.section(
            "seen",
            "Seen, downloaded, tried again",
            _table("Seen, downloaded, tried again", deeds),
            frame.next_link(page_request, after=more),
        ),
        frame.section(
            "decided", "Definition and senders", _table("Changes", _changes(page_request, wanted))
        ),
        frame.section(
            "asked", "Cuts that were asked for", _table("Cuts", _cuts(page_request, wanted))
        ),
    ]
    return frame.page_answer(page_request, "Audit trail", body)


def _activities(page_request: PageRequest, wanted: _Wanted) -> tuple[list[_Deed], str]:
    """Return a page of what was noted, and the instant after which the next begins."""
    after = max(page_request.parameter("after"), wanted.first)
    listed: list[_Deed] = []
    rows = wiring.activities().all(page_request.study, after)
    last = ""
    for number, activity in enumerate(rows, 1):
        if wanted.last and activity.at[:10] > wanted.last:
            return listed, ""
        if len(listed) == _MOST or number > _MOST_READ:
            return listed, last
        deed = _Deed(**vars(activity))
        last = deed.at
        if wanted.includes(deed):
            listed.append(deed)
    return listed, ""


def _changes(page_request: PageRequest, wanted: _Wanted) -> Iterator[_Deed]:
    """Yield the changes of the definition and of the senders."""
    for amendment in islice(wiring.store().amendments(page_request.study), _MOST_READ):
        deed = _Deed(
            amendment.at,
            amendment.principal,
            f"definition: {amendment.change}",
            amendment.definition,
            amendment.reason,
        )
        if wanted.includes(deed):
            yield deed
    for version in wiring.senders().all(page_request.study):
        document = version.document()
        deed = _Deed(
            str(document["at"]),
            str(document["principal"]),
            "senders",
            f"{len(document['senders'])} senders",
            str(document["reason"]),
        )
        if wanted.includes(deed):
            yield deed


def _cuts(page_request: PageRequest, wanted: _Wanted) -> Iterator[_Deed]:
    requests = sorted(wiring.reports().all(page_request.study), key=lambda request: request.order)
    for request in requests:
        deed = _Deed(
            request.requested_at,
            request.requested_by,
            "asked for a cut",
            request.id,
            request.reason,
        )
        if wanted.includes(deed):
            yield deed


def _table(label: str, deeds: Sequence[_Deed] | Iterator[_Deed]) -> Html:
    rows = (
        (
            frame.instant(deed.at),
            frame.who(deed.principal),
            escape(deed.action),
            escape(deed.resource) or DASH,
            bdi(deed.reason) if deed.reason else DASH,
        )
        for deed in deeds
    )
    heads = frame.heads("When", "Who", "Did", "With what", "Why")
    return frame.data_table(label, heads, rows, "Nothing, as chosen.")


def _form(page_request: PageRequest, wanted: _Wanted) -> Html:
    return html(
        '<form class="panel fields" method="get" action="{}">'
        '<label>Person <input name="person" value="{}"></label>'
        '<label>From <input type="date" name="from" value="{}"></label>'
        '<label>To <input type="date" name="to" value="{}"></label>'
        '<label>Subject <input name="subject" value="{}"></label>'
        '<button class="main">Show these</button></form>\n',
        escape(page_request.request.path),
        escape(wanted.person),
        escape(wanted.first),
        escape(wanted.last),
        escape(wanted.subject),
    )


def _journal_link(page_request: PageRequest, wanted: _Wanted) -> Html:
    """Lead to who sent what of a subject: that is its journal, for those who may read it."""
    if not wanted.subject or not page_request.person.may(page_request.study, *READERS):
        return EMPTY
    link = page_request.link("subjects", wanted.subject, "history")
    return html(
        '<p><a href="{}">The journal of {}</a> says who sent its events.</p>\n',
        link,
        escape(wanted.subject),
    )
