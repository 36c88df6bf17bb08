"""Subjects: a list to find them in, the profile of one, and its journal."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import wiring
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
    rows = wiring.store().subjects_after(page_request.view, page_request.parameter("after"))
    listed = list(islice(rows, _MOST_LISTED + 1))
    listed_subjects = listed[:_MOST_LISTED]
    more = listed_subjects[-1].subject.id if len(listed) > _MOST_LISTED else ""
    heads = "Subject", "Site", "Enrolled", "Last contact", "End of study", "Records"
    body = [
        html(
            '<form class="fields" method="get" action="{}"><label>Subject\u2019s id'
            ' <input name="subject" required autocomplete="off"></label>'
            '<button class="main">Open the profile</button></form>\n',
            page_request.link("subjects"),
        ),
        frame.data_table(
            "Subjects",
            frame.heads(*heads),
            (
                _listed(page_request, Derivation(page_request.view, row.subject))
                for row in listed_subjects
            ),
            "No subject has any record yet.",
        ),
        frame.next_link(page_request, after=more),
    ]
    return frame.page_answer(page_request, "Subjects", body)


def _listed(page_request: PageRequest, derivation: Derivation) -> Sequence[Html]:
    name, enrolment, end = derivation.subject.id, derivation.enrolment, derivation.end_of_study
    contact = derivation.last_contact
    return (
        html('<a href="{}">{}</a>', page_request.link("subjects", name), escape(name)),
        escape(derivation.fact("site") or "") or DASH,
        escape(enrolment.data["date"]) if enrolment else DASH,
        escape(dates.iso(contact)) if contact else DASH,
        escape(f"{end.data['status']} {end.data['date']}") if end else DASH,
        escape(sum(not record.void for record in derivation.subject.records.values())),
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
    named = happening.label if noun in happening.label else f"{noun}: {happening.label}"
    return (
        escape(f"{happening.start or 'not dated'}{until}"),
        DASH if happening.study_day is None else escape(happening.study_day),
        bdi(named),
        bdi(details) if details else DASH,
        _history(page_request, subject, happening.kind, happening.record),
    )


def _history(page_request: PageRequest, subject: str, kind: str, record: str) -> Html:
    """Name a record, with the way to its rows of the journal."""
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
    """Say of an earlier revision which one counts in its place, whatever order they came in."""
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
