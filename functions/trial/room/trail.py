"""The audit trail: who did what, when and why; by person, by period, by subject."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, product
from urllib.parse import unquote

import wiring
from trial.deferred import dataclass
from trial.definition.discrepancies import RULES
from trial.events.blinding import UNBLINDED
from trial.render.markup import EMPTY, Html, bdi, escape, html
from trial.room import frame
from trial.room.frame import DASH
from trial.room.routing import AUDITORS, DOWNLOAD, READERS, ROUTES, PageRequest, page
from trial.web.routing import Answer

_MOST, _MOST_READ = 200, 5_000
"""How many rows a page lists, and how many it looks at for them."""


@dataclass(frozen=True)
class Deed:
    """What somebody did."""

    at: str
    principal: str
    action: str
    resource: str
    reason: str

    @property
    def subject(self) -> str:
        """The subject that it was of; '' where it was of none, or of several."""
        # By place, as a study or a table may be called `subjects`, too. By arm the API is asked
        # below the study, the room above all.
        path = self.resource.partition("?")[0].removeprefix(f"/{UNBLINDED}")
        match path.split("/"):
            case ["", "studies", _, start, part, name, *_] if (start, part) in _BEFORE_SUBJECT:
                return unquote(name)
            case ["", "studies", _, part, name, *_] if ("", part) in _BEFORE_SUBJECT:
                return unquote(name)
        return ""

    @property
    def may_show_any(self) -> bool:
        """Whether it may have shown any subject: a list of them, a listing, a file."""
        path = self.resource.partition("?")[0]
        return not self.subject and (
            self.action == DOWNLOAD
            or path.endswith(_LISTS)
            or any(route.subjects and route.parts(path) is not None for route in ROUTES)
        )


_BEFORE_SUBJECT = tuple(product(("", UNBLINDED), ("subjects", "discrepancies")))
"""After which parts of a path, behind its study, a subject is named."""
_LISTS = ("/subjects", "/discrepancies", "/quarantine", "/treatment-events")
"""How paths of the API end that list what is of several subjects."""


@dataclass(frozen=True)
class _Wanted:
    """Whose deeds are asked for, and of when: both days are in."""

    person: str
    first: str
    last: str
    subject: str

    def includes(self, deed: Deed) -> bool:
        """Return whether a deed is asked for."""
        return self.is_in_period(deed) and self.subject in ("", deed.subject)

    def is_in_period(self, deed: Deed) -> bool:
        """Return whether a deed is of the person and in the period, whatever subject it is of."""
        return (
            self.person.lower() in deed.principal.lower()
            and deed.at >= self.first
            and (not self.last or deed.at[:10] <= self.last)
        )

    def may_include(self, deed: Deed) -> bool:
        """Return whether a deed of no single subject may have shown the one that is asked for."""
        return bool(self.subject) and self.is_in_period(deed) and deed.may_show_any


@page("/studies/{study}/trail", AUDITORS, subjects=True, twin=False)
def get_trail(page_request: PageRequest) -> Answer:
    """List what was done with a study beside posting events."""
    query = _Wanted(
        page_request.parameter("person").strip(),
        page_request.parameter("from").strip(),
        page_request.parameter("to").strip(),
        page_request.parameter("subject").strip(),
    )
    deeds, more = _activities(page_request, query)
    body = [
        _form(page_request, query),
        _journal_link(page_request, query),
        frame.section(
            "seen",
            "Seen, downloaded, changed",
            _covered(query),
            _table("Seen, downloaded, changed", filter(query.includes, deeds)),
            _possible(query, deeds),
            frame.next_link(page_request, after=more),
        ),
        frame.section(
            "states",
            "Decisions on discrepancies",
            *_latest("Decisions", _decisions(page_request, query)),
        ),
        frame.section(
            "decided", "Definition and senders", _table("Changes", _changes(page_request, query))
        ),
        frame.section(
            "asked", "Cuts that were asked for", _table("Cuts", _cuts(page_request, query))
        ),
    ]
    return frame.page_answer(page_request, "Audit trail", body)


def _activities(page_request: PageRequest, query: _Wanted) -> tuple[list[Deed], str]:
    """Return a page of what was noted, and the instant after which the next begins."""
    after = max(page_request.parameter("after"), query.first)
    listed: list[Deed] = []
    rows = wiring.activities().all(page_request.study, after)
    last = ""
    for number, activity in enumerate(rows, 1):
        if query.last and activity.at[:10] > query.last:
            return listed, ""
        if len(listed) == _MOST or number > _MOST_READ:
            return listed, last
        deed = Deed(**vars(activity))
        last = deed.at
        if query.includes(deed) or query.may_include(deed):
            listed.append(deed)
    return listed, ""


def _covered(query: _Wanted) -> Html:
    """Write what the trail of a subject covers, and what is not recorded."""
    if not query.subject:
        return EMPTY
    return html(
        "<p>First what was of {} alone. Of a list or a file it is recorded that somebody had it,"
        " not whom it showed: below stand those that may have shown {}. Calls of the API with AWS"
        " keys are recorded where they read by arm or fetch a file.</p>\n",
        bdi(query.subject),
        bdi(query.subject),
    )


def _possible(query: _Wanted, deeds: Sequence[Deed]) -> Html:
    """Write the lists and files that may have shown the subject that is asked for."""
    if not query.subject:
        return EMPTY
    label = "Lists and files that may have shown the subject"
    return html("<h3>{}</h3>\n{}", escape(label), _table(label, filter(query.may_include, deeds)))


def _decisions(page_request: PageRequest, query: _Wanted) -> Sequence[Deed]:
    """Return what was decided of discrepancies, in order of time."""
    states, study = wiring.discrepancy_states(), page_request.study
    of_subjects = (
        {query.subject: states.of_subject(study, query.subject)}
        if query.subject
        else states.all(study)
    )
    deeds = (
        Deed(
            change.decision.at,
            change.decision.principal,
            f"discrepancy {change.state}",
            f"/studies/{study}/discrepancies/{subject}/{change.discrepancy}",
            f"{change.decision.reason} ({_label(change.rule)})",
        )
        for subject, of_subject in of_subjects.items()
        for changes in of_subject.values()
        for change in changes
    )
    return sorted(filter(query.includes, deeds), key=lambda deed: deed.at)


def _latest(label: str, deeds: Sequence[Deed]) -> Iterator[Html]:
    """Yield the latest deeds; of others only that there are some."""
    if len(deeds) > _MOST:
        text = f"The latest {_MOST} of {len(deeds):,}: choose a period or a subject for others."
        yield html("<p>{}</p>\n", escape(text))
    yield _table(label, deeds[-_MOST:])


def _label(rule: str) -> str:
    """Return what a rule finds, in words; the name of one that an earlier release had."""
    return RULES[rule].label if rule in RULES else rule


def _changes(page_request: PageRequest, query: _Wanted) -> Iterator[Deed]:
    """Yield the changes of the definition and of the senders."""
    for amendment in islice(wiring.store().amendments(page_request.study), _MOST_READ):
        deed = Deed(
            amendment.at,
            amendment.principal,
            f"definition: {amendment.change}",
            amendment.definition,
            amendment.reason,
        )
        if query.includes(deed):
            yield deed
    for version in wiring.senders().all(page_request.study):
        document = version.document()
        deed = Deed(
            str(document["at"]),
            str(document["principal"]),
            "senders",
            f"{len(document['senders'])} senders",
            str(document["reason"]),
        )
        if query.includes(deed):
            yield deed


def _cuts(page_request: PageRequest, query: _Wanted) -> Iterator[Deed]:
    requests = sorted(wiring.reports().all(page_request.study), key=lambda request: request.order)
    for request in requests:
        deed = Deed(
            request.requested_at,
            request.requested_by,
            "asked for a cut",
            request.id,
            request.reason,
        )
        if query.includes(deed):
            yield deed


def _table(label: str, deeds: Iterable[Deed]) -> Html:
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


def _form(page_request: PageRequest, query: _Wanted) -> Html:
    return html(
        '<form class="panel fields" method="get" action="{}">'
        '<label>Person <input name="person" value="{}"></label>'
        '<label>From <input type="date" name="from" value="{}"></label>'
        '<label>To <input type="date" name="to" value="{}"></label>'
        '<label>Subject <input name="subject" value="{}"></label>'
        '<button class="main">Show these</button></form>\n',
        escape(page_request.request.path),
        escape(query.person),
        escape(query.first),
        escape(query.last),
        escape(query.subject),
    )


def _journal_link(page_request: PageRequest, query: _Wanted) -> Html:
    """Lead to who sent what of a subject: that is its journal, for those who may read it."""
    if not query.subject or not page_request.person.may(page_request.study, *READERS):
        return EMPTY
    link = page_request.link("subjects", query.subject, "history")
    return html(
        '<p><a href="{}">The journal of {}</a> says who sent its events.</p>\n',
        link,
        escape(query.subject),
    )
