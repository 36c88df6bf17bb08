"""Subjects: a list to find them in, the profile of one, and its journal."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from operator import attrgetter
from typing import Any

import wiring
from trial.deferred import dataclass
from trial.errors import Rejected
from trial.events import dates, fields, json_body
from trial.events.payloads import KINDS
from trial.render.figures.profile import profile_svg
from trial.render.markup import EMPTY, Html, bdi, escape, html, joined
from trial.render.narratives import paragraphs_of
from trial.render.page import drawing
from trial.render.page.elements import unordered
from trial.reporting.narratives import narratives_document
from trial.reporting.profile import profile
from trial.room import frame
from trial.room.frame import DASH, Crumb
from trial.room.progress import all_subjects
from trial.room.routing import READERS, PageRequest, page
from trial.store.rows import JournalRow, StoredSubject
from trial.subject.derivation import Derivation
from trial.tables.file_names import NARRATIVES
from trial.tables.profiles import Curve, Happening, Profile
from trial.web.routing import Answer

_MOST_LISTED, _MOST_EVENTS = 100, 200
"""How many subjects, and events of one, a page lists."""
_SEE_OTHER = 303


@page("/studies/{study}/subjects", READERS, subjects=True)
def get_subjects(page_request: PageRequest) -> Answer:
    """List the subjects a page at a time; of a subject by its id go to the profile."""
    if name := page_request.parameter("subject").strip():
        if (
            fields.is_identifier(name)
            and wiring.store().subject(page_request.view, name) is not None
        ):
            return Answer(_SEE_OTHER, {"Location": page_request.path("subjects", name)})
        raise _not_found(name)
    choice = _Choice.read(page_request)
    listed_subjects, following = _listed(page_request, choice)
    body = [
        html(
            '<form class="fields" method="get" action="{}"><label>Subject\u2019s id'
            ' <input name="subject" required autocomplete="off"></label>'
            '<button class="main">Open the profile</button></form>\n',
            page_request.link("subjects"),
        ),
        _choosing(page_request, choice),
        frame.data_table(
            "Subjects",
            [_head(page_request, choice, name, label) for name, label in _COLUMNS.items()],
            (_row(page_request, listed) for listed in listed_subjects),
            "No subject, as chosen." if choice.is_made else "No subject has any record yet.",
        ),
        frame.next_link(page_request, **following),
    ]
    return frame.page_answer(page_request, "Subjects", body)


@dataclass(frozen=True)
class _Listed:
    """A subject as the list shows it; dates are ISO, '' where there is none."""

    subject: str
    site: str
    enrolled: str
    contact: str
    end: str
    records: int

    @classmethod
    def of(cls, derivation: Derivation) -> "_Listed":
        """Read it from a subject's records."""
        enrolment, end = derivation.enrolment, derivation.end_of_study
        return cls(
            derivation.subject.id,
            str(derivation.fact("site") or ""),
            str(enrolment.data["date"]) if enrolment else "",
            dates.iso(derivation.last_contact) if derivation.last_contact else "",
            f"{end.data['date']} {end.data['status']}" if end else "",
            sum(not record.void for record in derivation.subject.records.values()),
        )


_COLUMNS: Mapping[str, str] = {
    "subject": "Subject",
    "site": "Site",
    "enrolled": "Enrolled",
    "contact": "Last contact",
    "end": "End of study",
    "records": "Records",
}
"""The columns of the list by the names of their fields, by which it can be sorted."""
_STATES: Mapping[str, str] = {"": "all", "no": "not yet", "yes": "ended"}


@dataclass(frozen=True)
class _Choice:
    """Which subjects are listed, and in which order: by a column, after a `-` downwards."""

    site: str
    ended: str
    sort: str

    @classmethod
    def read(cls, page_request: PageRequest) -> "_Choice":
        """Read it from the address; raises `Rejected` (422) for a column that there is not."""
        choice = cls(*(page_request.parameter(n).strip() for n in ("site", "ended", "sort")))
        if choice.sort.removeprefix("-") not in ("", *_COLUMNS):
            detail = f"The list has these columns: {', '.join(_COLUMNS)}."
            raise Rejected(422, "No such column", detail)
        return choice

    @property
    def is_made(self) -> bool:
        """Whether it differs from all subjects in the order of their ids."""
        return bool(self.site or self.ended or self.sort)

    def includes(self, listed: _Listed) -> bool:
        """Return whether a subject is listed."""
        has_ended = "yes" if listed.end else "no"
        return self.site in ("", listed.site) and self.ended in ("", has_ended)

    def arrange(self, listed: Sequence[_Listed]) -> list[_Listed]:
        """Put subjects in order; those without a value come last, whichever way it goes."""
        name = self.sort.removeprefix("-") or "subject"
        present = [item for item in listed if getattr(item, name) != ""]
        blank = [item for item in listed if getattr(item, name) == ""]
        present.sort(key=attrgetter(name), reverse=self.sort.startswith("-"))
        return present + blank


def _listed(
    page_request: PageRequest, choice: _Choice
) -> tuple[Sequence[_Listed], Mapping[str, str]]:
    """Return a page of subjects, and which parameter leads to the next.

    As they stand, subjects are read a page at a time; to choose or sort, all are.
    """
    view = page_request.view
    if not choice.is_made:
        rows = wiring.store().subjects_after(view, page_request.parameter("after"))
        page_rows = list(islice(rows, _MOST_LISTED + 1))
        listed = [_Listed.of(Derivation(view, row.subject)) for row in page_rows[:_MOST_LISTED]]
        return listed, {"after": listed[-1].subject} if len(page_rows) > _MOST_LISTED else {}
    everybody = (_Listed.of(Derivation(view, subject)) for subject in all_subjects(view))
    chosen = choice.arrange([listed for listed in everybody if choice.includes(listed)])
    start = page_request.number("skip", 0, 10**7)
    end = start + _MOST_LISTED
    return chosen[start:end], {"skip": str(end)} if len(chosen) > end else {}


def _choosing(page_request: PageRequest, choice: _Choice) -> Html:
    """Write the form that chooses among subjects; the order stays."""
    order_field = (
        html('<input type="hidden" name="sort" value="{}">', escape(choice.sort))
        if choice.sort
        else EMPTY
    )
    return html(
        '<form class="fields" method="get" action="{}">{}'
        '<label>Site <input name="site" value="{}"></label>{}'
        "<button>Show these</button></form>\n",
        page_request.link("subjects"),
        order_field,
        escape(choice.site),
        frame.select("ended", "End of study", list(_STATES.items()), choice.ended),
    )


def _head(page_request: PageRequest, choice: _Choice, name: str, label: str) -> Html:
    """Write a column's head, which sorts by it: upwards, and then downwards."""
    sort = f"-{name}" if choice.sort == name else name
    arrow = {name: " \u2191", f"-{name}": " \u2193"}.get(choice.sort, "")
    link = page_request.again(sort=sort, after="", skip="")
    return html('<a href="{}">{}</a>{}', link, escape(label), escape(arrow))


def _row(page_request: PageRequest, listed: _Listed) -> Sequence[Html]:
    name = listed.subject
    texts = (listed.site, listed.enrolled, listed.contact, listed.end)
    return (
        html('<a href="{}">{}</a>', page_request.link("subjects", name), escape(name)),
        *(escape(text) or DASH for text in texts),
        escape(listed.records),
    )


def _not_found(name: str) -> Rejected:
    return Rejected(404, "Subject not found", f"The study has no events of {name}.")


def _stored(page_request: PageRequest) -> StoredSubject:
    """Read the subject of the page; raises `Rejected` (404)."""
    name = page_request.parts["subject"]
    stored = wiring.store().subject(page_request.view, name) if fields.is_identifier(name) else None
    if stored is None:
        raise _not_found(name)
    return stored


def _crumbs(page_request: PageRequest) -> list[Crumb]:
    return [Crumb("Subjects", page_request.link("subjects"))]


@page("/studies/{study}/subjects/{subject}", READERS, subjects=True)
def get_profile(page_request: PageRequest) -> Answer:
    """Show all of a subject: its profile on one time axis, its records, its journal."""
    stored = _stored(page_request)
    person_profile = profile(page_request.view, stored.subject)
    facts = joined(
        html("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(label), bdi(value))
        for label, value in person_profile.facts
    )
    body = [
        html('<dl class="facts">{}</dl>\n', facts) if facts else EMPTY,
        html(
            '<figure class="figure">{}</figure>\n',
            drawing(
                profile_svg(person_profile), f"Profile of {person_profile.subject}", "chart profile"
            ),
        ),
        _narratives(page_request, stored),
        frame.section(
            "records", "Records in order of time", _records(page_request, person_profile)
        ),
        frame.section(
            "results",
            "Results",
            *(_results(page_request, person_profile, c) for c in person_profile.curves),
        ),
        frame.section("journal", "Journal", *_journal(page_request, stored)),
    ]
    return frame.page_answer(
        page_request, f"Subject {person_profile.subject}", body, crumbs=_crumbs(page_request)
    )


def _narratives(page_request: PageRequest, stored: StoredSubject) -> Html:
    """Write the subject's narratives, and link to the document of all; nothing where it has none.

    They are written from the records as they are now; the document is of the last publication.
    """
    parts = narratives_document(page_request.view, stored.subject)["narratives"]
    if not parts:
        return EMPTY
    texts = (
        html("<h3>{}</h3>\n{}", bdi(part["title"]), paragraphs_of(part["paragraphs"]))
        for part in parts
    )
    document = html(
        '<p><a href="{}">The document of all narratives</a></p>\n',
        page_request.link("documents", "live", NARRATIVES),
    )
    return frame.section("narratives", "Narratives", *texts, document)


def _records(page_request: PageRequest, person_profile: Profile) -> Html:
    heads = "Date", "Study day", "What", "Details", "Record"
    rows = (
        _record(page_request, person_profile.subject, happening)
        for happening in person_profile.happenings
    )
    return frame.data_table("Records in order of time", frame.heads(*heads), rows)


def _record(page_request: PageRequest, subject: str, happening: Happening) -> Sequence[Html]:
    until = f" to {happening.end}" if happening.end else ""
    details = "; ".join(f"{name}: {value}" for name, value in happening.details)
    noun = KINDS[happening.kind].noun.partition(" ")[2]
    title = happening.label if noun in happening.label else f"{noun}: {happening.label}"
    return (
        escape(f"{happening.start or 'not dated'}{until}"),
        DASH if happening.study_day is None else escape(happening.study_day),
        bdi(title),
        bdi(details) if details else DASH,
        _history(page_request, subject, happening.kind, happening.record),
    )


def _history(page_request: PageRequest, subject: str, kind: str, record: str) -> Html:
    """Write a record's name, with a link to its rows of the journal."""
    link = page_request.link("subjects", subject, "history", records=f"{kind}/{record}")
    return html('<a href="{}">{}</a>', link, escape(record))


def _results(page_request: PageRequest, person_profile: Profile, curve: Curve) -> Html:
    heads = "Collected", "Study day", "Visit", "As reported", "Counts as", "Record"
    title = f"{curve.label} ({curve.unit})" if curve.unit else curve.label
    rows = (
        (
            escape(point.collected),
            DASH if point.study_day is None else escape(point.study_day),
            bdi(point.visit) if point.visit else DASH,
            bdi(point.result) if point.result else DASH,
            escape(f"{point.beyond}{point.value}"),
            _history(page_request, person_profile.subject, point.kind, point.record),
        )
        for point in curve.points
    )
    return html(
        "<details><summary>{}: {} results</summary>\n{}</details>\n",
        escape(title),
        len(curve.points),
        frame.data_table(title, frame.heads(*heads), rows),
    )


@page("/studies/{study}/subjects/{subject}/history", READERS, subjects=True)
def get_history(page_request: PageRequest) -> Answer:
    """Show rows of a subject's journal: all, or those of some records, with what was sent."""
    stored = _stored(page_request)
    records = page_request.parameter("records")
    title = "Journal of some records" if records else "Journal"
    crumbs = [*_crumbs(page_request), Crumb(stored.id, page_request.link("subjects", stored.id))]
    body = _journal(page_request, stored, records=records, bodies=True)
    return frame.page_answer(page_request, title, body, crumbs=crumbs)


def _journal(
    page_request: PageRequest, stored: StoredSubject, records: str = "", *, bodies: bool = False
) -> Iterator[Html]:
    """Yield the rows of a journal, and what proves it; with what was sent where that is wanted."""
    store, view = wiring.store(), page_request.view
    chain = store.chain(view.id, stored.id)
    if chain is None:
        raise _not_found(stored.id)
    after = page_request.number("after", 0, 10**7) if bodies else 0
    wanted = frozenset(records.split(",")) if records else frozenset()
    sort_keys = [
        (version, sort_key)
        for version, sort_key in chain.sort_keys
        if version > after and (not wanted or "/".join(sort_key.split("#")[:2]) in wanted)
    ]
    page_keys = [sort_key for _, sort_key in sort_keys[:_MOST_EVENTS]]
    rows = store.journal_rows(view.id, stored.id, stored.cipher_key, page_keys)
    intact = "unbroken" if chain.intact else "BROKEN"
    head = "" if view.pooled else f" It ends in {chain.head.hex()}."
    yield html(
        "<p>{} events in all; the chain of their hashes is {}.{}</p>\n",
        len(chain.sort_keys),
        html("<b>{}</b>", escape(intact)),
        escape(head),
    )
    heads = ["Record", "Revision", "Recorded", "Sent by", "Reason for change"]
    documents = [_document(row, pooled=view.pooled) for row in rows]
    yield frame.data_table(
        "Journal",
        frame.heads(*heads, *(["As sent"] if bodies else [])),
        (_event(page_request, stored, document, bodies=bodies) for document in documents),
    )
    if len(sort_keys) > _MOST_EVENTS:
        link = page_request.link(
            "subjects", stored.id, "history", records=records, after=documents[-1]["version"]
        )
        yield html('<p class="pages"><a class="button" href="{}">Later events</a></p>\n', link)
    elif not bodies:
        link = page_request.link("subjects", stored.id, "history")
        yield html('<p><a href="{}">The journal with what was sent</a></p>\n', link)


def _document(row: JournalRow, *, pooled: bool) -> Mapping[str, Any]:
    return row.blinded_document() if pooled else row.received_document()


def _event(
    page_request: PageRequest,
    stored: StoredSubject,
    document: Mapping[str, Any],
    *,
    bodies: bool,
) -> Sequence[Html]:
    text = document["received"] or document["body"]
    event = json_body.read_json(text)
    data = event["data"]
    reason = str(data.get("reason_for_change") or "")
    action = " (void)" if data.get("action") == "void" else ""
    cells = (
        html(
            '{} <span class="quiet">{}{}</span>',
            _history(page_request, stored.id, document["kind"], document["record"]),
            escape(document["kind"]),
            escape(action),
        ),
        html("{}{}", escape(document["revision"]), _replaced(document, stored)),
        frame.instant(document["stamp"]),
        html(
            '{} <span class="quiet">{}</span>',
            frame.who(document["principal"]),
            escape(event.get("source", "")),
        ),
        bdi(reason) if reason else DASH,
    )
    return (*cells, _sent(data)) if bodies else cells


def _replaced(document: Mapping[str, Any], stored: StoredSubject) -> Html:
    """Write of an earlier revision which one counts in its place, in whatever order they came."""
    record = stored.subject.records.get((document["kind"], document["record"]))
    if record is None or document["revision"] == record.revision:
        return EMPTY
    return html(' <span class="quiet">replaced by {}</span>', escape(record.revision))


def _sent(data: Mapping[str, Any]) -> Html:
    """Write what an event said, field by field."""
    reasons = (
        html("{}: {}", escape(name), bdi(_plain(value)))
        for name, value in data.items()
        if name not in ("record", "revision", "reason_for_change")
    )
    return unordered(reasons, "notes")


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json_body.canonical(value)
