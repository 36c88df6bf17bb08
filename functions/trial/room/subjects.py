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
from trial.render.page import drawing
from trial.render.page.elements import unordered
from trial.reporting.profile import profile
from trial.room import frame
from trial.room.frame import Crumb
from trial.room.routing import READERS, PageRequest, page
from trial.room.tables import DASH
from trial.store.rows import JournalRow, StoredSubject
from trial.subject.derivation import Derivation
from trial.tables.profiles import Curve, Happening, Profile
from trial.web.routing import Answer

_MOST_LISTED, _MOST_EVENTS = 100, 200
"""How many subjects, and events of one, a page lists."""
_SEE_OTHER = 303


@page("/studies/{study}/subjects", READERS, subjects=True)
def get_subjects(asked: PageRequest) -> Answer:
    """List the subjects a page at a time; of a subject by its id go to the profile."""
    if name := asked.parameter("subject").strip():
        if fields.is_identifier(name) and wiring.store().subject(asked.view, name) is not None:
            return Answer(_SEE_OTHER, {"Location": asked.path("subjects", name)})
        raise _not_found(name)
    rows = wiring.store().subjects_after(asked.view, asked.parameter("after"))
    listed = list(islice(rows, _MOST_LISTED + 1))
    shown = listed[:_MOST_LISTED]
    more = shown[-1].subject.id if len(listed) > _MOST_LISTED else ""
    heads = "Subject", "Site", "Enrolled", "Last contact", "End of study", "Records"
    body = [
        html(
            '<form class="fields" method="get" action="{}"><label>Subject\u2019s id'
            ' <input name="subject" required autocomplete="off"></label>'
            '<button class="main">Open the profile</button></form>\n',
            asked.link("subjects"),
        ),
        frame.data_table(
            "Subjects",
            frame.heads(*heads),
            (_listed(asked, Derivation(asked.view, row.subject)) for row in shown),
            "No subject has any record yet.",
        ),
        frame.next_link(asked, after=more),
    ]
    return frame.page_answer(asked, "Subjects", body)


def _listed(asked: PageRequest, derivation: Derivation) -> Sequence[Html]:
    name, enrolment, end = derivation.subject.id, derivation.enrolment, derivation.end_of_study
    contact = derivation.last_contact
    return (
        html('<a href="{}">{}</a>', asked.link("subjects", name), escape(name)),
        escape(derivation.fact("site") or "") or DASH,
        escape(enrolment.data["date"]) if enrolment else DASH,
        escape(dates.iso(contact)) if contact else DASH,
        escape(f"{end.data['status']} {end.data['date']}") if end else DASH,
        escape(sum(not record.void for record in derivation.subject.records.values())),
    )


def _not_found(name: str) -> Rejected:
    return Rejected(404, "Subject not found", f"The study has no events of {name}.")


def _stored(asked: PageRequest) -> StoredSubject:
    """Read the subject of the page; raises `Rejected` (404)."""
    name = asked.parts["subject"]
    stored = wiring.store().subject(asked.view, name) if fields.is_identifier(name) else None
    if stored is None:
        raise _not_found(name)
    return stored


def _crumbs(asked: PageRequest) -> list[Crumb]:
    return [Crumb("Subjects", asked.link("subjects"))]


@page("/studies/{study}/subjects/{subject}", READERS, subjects=True)
def get_profile(asked: PageRequest) -> Answer:
    """Show all of a subject: its profile on one time axis, its records, its journal."""
    stored = _stored(asked)
    shown = profile(asked.view, stored.subject)
    facts = joined(
        html("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(label), bdi(value))
        for label, value in shown.facts
    )
    body = [
        html('<dl class="facts">{}</dl>\n', facts) if facts else EMPTY,
        html(
            '<figure class="figure">{}</figure>\n',
            drawing(profile_svg(shown), f"Profile of {shown.subject}", "chart profile"),
        ),
        frame.section("records", "Records in order of time", _records(asked, shown)),
        frame.section("results", "Results", *(_results(asked, shown, c) for c in shown.curves)),
        frame.section("journal", "Journal", *_journal(asked, stored)),
    ]
    return frame.page_answer(asked, f"Subject {shown.subject}", body, crumbs=_crumbs(asked))


def _records(asked: PageRequest, shown: Profile) -> Html:
    heads = "Date", "Study day", "What", "Details", "Record"
    rows = (_record(asked, shown.subject, happening) for happening in shown.happenings)
    return frame.data_table("Records in order of time", frame.heads(*heads), rows)


def _record(asked: PageRequest, subject: str, happening: Happening) -> Sequence[Html]:
    until = f" to {happening.end}" if happening.end else ""
    details = "; ".join(f"{name}: {value}" for name, value in happening.details)
    noun = KINDS[happening.kind].noun.partition(" ")[2]
    named = happening.label if noun in happening.label else f"{noun}: {happening.label}"
    return (
        escape(f"{happening.start or 'not dated'}{until}"),
        DASH if happening.study_day is None else escape(happening.study_day),
        bdi(named),
        bdi(details) if details else DASH,
        _history(asked, subject, happening.kind, happening.record),
    )


def _history(asked: PageRequest, subject: str, kind: str, record: str) -> Html:
    """Name a record, with the way to its rows of the journal."""
    link = asked.link("subjects", subject, "history", records=f"{kind}/{record}")
    return html('<a href="{}">{}</a>', link, escape(record))


def _results(asked: PageRequest, shown: Profile, curve: Curve) -> Html:
    heads = "Collected", "Study day", "Visit", "As reported", "Counts as", "Record"
    title = f"{curve.label} ({curve.unit})" if curve.unit else curve.label
    rows = (
        (
            escape(point.collected),
            DASH if point.study_day is None else escape(point.study_day),
            bdi(point.visit) if point.visit else DASH,
            bdi(point.result) if point.result else DASH,
            escape(f"{point.beyond}{point.value}"),
            _history(asked, shown.subject, point.kind, point.record),
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
def get_history(asked: PageRequest) -> Answer:
    """Show rows of a subject's journal: all, or those of some records, with what was sent."""
    stored = _stored(asked)
    records = asked.parameter("records")
    title = "Journal of some records" if records else "Journal"
    crumbs = [*_crumbs(asked), Crumb(stored.id, asked.link("subjects", stored.id))]
    body = _journal(asked, stored, records=records, bodies=True)
    return frame.page_answer(asked, title, body, crumbs=crumbs)


def _journal(
    asked: PageRequest, stored: StoredSubject, records: str = "", *, bodies: bool = False
) -> Iterator[Html]:
    """Yield the rows of a journal, and what proves it; with what was sent where that is wanted."""
    store, view = wiring.store(), asked.view
    chain = store.chain(view.id, stored.id)
    if chain is None:
        raise _not_found(stored.id)
    after = asked.number("after", 0, 10**7) if bodies else 0
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
        (_event(asked, stored.id, document, bodies=bodies) for document in documents),
    )
    if len(sort_keys) > _MOST_EVENTS:
        link = asked.link(
            "subjects", stored.id, "history", records=records, after=documents[-1]["version"]
        )
        yield html('<p class="pages"><a class="button" href="{}">Later events</a></p>\n', link)
    elif not bodies:
        link = asked.link("subjects", stored.id, "history")
        yield html('<p><a href="{}">The journal with what was sent</a></p>\n', link)


def _document(row: JournalRow, *, pooled: bool) -> Mapping[str, Any]:
    return row.blinded_document() if pooled else row.received_document()


def _event(
    asked: PageRequest, subject: str, document: Mapping[str, Any], *, bodies: bool
) -> Sequence[Html]:
    text = document["received"] or document["body"]
    data = json_body.read_json(text)["data"]
    reason = str(data.get("reason_for_change") or "")
    action = " (void)" if data.get("action") == "void" else ""
    cells = (
        html(
            '{} <span class="quiet">{}{}</span>',
            _history(asked, subject, document["kind"], document["record"]),
            escape(document["kind"]),
            escape(action),
        ),
        escape(document["revision"]),
        frame.instant(document["stamp"]),
        escape(document["principal"]),
        bdi(reason) if reason else DASH,
    )
    return (*cells, _sent(data)) if bodies else cells


def _sent(data: Mapping[str, Any]) -> Html:
    """Write what an event said, field by field."""
    said = (
        html("{}: {}", escape(name), bdi(_plain(value)))
        for name, value in data.items()
        if name not in ("record", "revision", "reason_for_change")
    )
    return unordered(said, "notes")


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json_body.canonical(value)
