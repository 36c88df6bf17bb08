"""Refused events: what each was refused for, in words; mend one, or try again all that wait."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import wiring
from trial.commands import mending, redrive
from trial.commands.intake_context import Channel
from trial.commands.mending import Mended
from trial.errors import Rejected
from trial.events import json_body
from trial.events.blinding import HIDDEN
from trial.render.markup import EMPTY, Html, bdi, escape, html, joined
from trial.render.page.elements import unordered
from trial.room import frame
from trial.room.frame import Crumb
from trial.room.routing import AUDITORS, CHANGE, MANAGERS, READERS, STAFF, PageRequest, page
from trial.store.rows import RejectedBody
from trial.web import request_bodies
from trial.web.routing import LONGEST_REASON, Answer

_MOST = 50
_LONGEST_BODY = 4_000
_PATH = "/studies/{study}/quarantine"
_UNPROCESSABLE = 422


@page(_PATH, STAFF, subjects=True)
def get_quarantine(page_request: PageRequest) -> Answer:
    """List what was refused, the latest first, with the problem in words."""
    store, view = wiring.store(), page_request.view
    everything = page_request.parameter("all") == "yes"
    moments, waiting = store.quarantine_times(view.id)[::-1], store.count_quarantined(view.id)
    start = page_request.number("skip", 0, 10**7)
    rows = store.rejected_bodies_by_digest(view.id, [digest for _, digest in moments[start:]])
    listed, looked_at = [], start
    for body in rows:
        looked_at += 1
        if everything or not body.resolved:
            listed.append(body)
        if len(listed) == _MOST:
            break
    more = str(looked_at) if looked_at < len(moments) else ""
    body_parts = [
        _summary(page_request, waiting, len(moments), everything=everything),
        _redrive_form(page_request) if waiting else EMPTY,
        frame.data_table(
            "Refused events",
            frame.heads("Received", "Problem", "Sent by", "What was sent", "State"),
            (
                _row(page_request, _document(rejected, pooled=view.pooled), rejected.text)
                for rejected in listed
            ),
            "Nothing waits.",
        ),
        frame.next_link(page_request, skip=more),
    ]
    return frame.page_answer(page_request, "Refused events", body_parts)


def _document(body: RejectedBody, *, pooled: bool) -> Mapping[str, Any]:
    return body.blinded_document() if pooled else body.document()


def _summary(page_request: PageRequest, waiting: int, received: int, *, everything: bool) -> Html:
    label = "Only those that wait" if everything else "Also those that were accepted since"
    return html(
        '<p>{} wait; {} were refused at first in all. <a href="{}">{}</a></p>\n',
        waiting,
        received,
        page_request.again(all="" if everything else "yes", skip=""),
        escape(label),
    )


def _redrive_form(page_request: PageRequest) -> Html:
    """Write the form that tries them again, for those who may."""
    if not page_request.person.may(page_request.study, *MANAGERS, *AUDITORS):
        return EMPTY
    fields = html(
        '<div class="fields"><label>What was mended <input name="reason" required'
        ' maxlength="1000" size="40"></label><button>Try those that wait again</button></div>'
    )
    path = f"/studies/{page_request.study}/quarantine/redrive"
    return frame.form(path, page_request.request, fields, "panel")


def _row(
    page_request: PageRequest, document: Mapping[str, Any], body: str | None
) -> Sequence[Html]:
    problem = document["problem"]
    return (
        frame.instant(document["at"]),
        html("{}{}", bdi(problem.get("title") or "Not accepted"), _faults(problem)),
        frame.who(document["principal"]),
        _sent(document),
        html(
            "{}{}{}",
            _state(document),
            _mended(page_request, document["mended"]),
            _mending_link(page_request, document, body),
        ),
    )


def _mended(page_request: PageRequest, settlement: Mapping[str, Any] | None) -> Html:
    """Write who mended it and why, with a link to what is recorded instead."""
    if not settlement:
        return EMPTY
    return html(
        "<br>mended by {}: {}{}",
        frame.who(settlement["principal"]),
        bdi(settlement["reason"]),
        unordered(_recorded(page_request, record) for record in settlement["records"]),
    )


def _recorded(page_request: PageRequest, record: Mapping[str, Any]) -> Html:
    name = f"{record['kind']}/{record['record']}"
    shown = html(
        "{} {} revision {}",
        escape(record["subject"]),
        escape(name),
        escape(record["revision"]),
    )
    if not page_request.person.may(page_request.study, *READERS):
        return shown
    link = page_request.link("subjects", record["subject"], "history", records=name)
    return html('<a href="{}">{}</a>', link, shown)


def _mending_link(page_request: PageRequest, document: Mapping[str, Any], body: str | None) -> Html:
    """Lead to the form that mends a body, for those who may, where it can be mended."""
    if (
        page_request.route.unblinded
        or body is None
        or document["body"] == HIDDEN
        or document["resolved"]
        or not page_request.person.may(page_request.study, *MANAGERS)
    ):
        return EMPTY
    link = page_request.link("quarantine", document["sha256"])
    return html(' <a href="{}">Mend</a>', link)


def _faults(problem: Mapping[str, Any]) -> Html:
    """Write in words what is wrong: each field with what it must be."""
    words = [bdi(problem["detail"])] if problem.get("detail") else []
    errors = (problem.get("errors") or [])[:20]
    words += [
        html("<b>{}</b> {}", escape(_field(error["pointer"])), bdi(error["detail"]))
        for error in errors
    ]
    return unordered(words)


def _field(pointer: str) -> str:
    """Return the name of a field by its pointer, as people say it."""
    return pointer.removeprefix("/data/").lstrip("/").replace("/", ", ") or "the event"


def _sent(document: Mapping[str, Any]) -> Html:
    body = document.get("body")
    if body == HIDDEN:
        return html("hidden: it may tell the arm")
    if body is None:
        return html("{} bytes, not kept as text", document["size"] or 0)
    text = body if len(body) <= _LONGEST_BODY else f"{body[:_LONGEST_BODY]}\u2026"
    return html(
        '<details><summary>{} bytes</summary><pre class="wrapped">{}</pre></details>',
        document["size"] or 0,
        escape(text),
    )


def _state(document: Mapping[str, Any]) -> Html:
    if document["resolved"]:
        return html(
            '<span class="tag good">accepted</span> {}', frame.instant(document["resolved"])
        )
    if document["erased"]:
        return html('<span class="tag">erased</span> {}', frame.instant(document["erased"]))
    return html('<span class="tag bad">waits</span>')


@page(
    f"{_PATH}/redrive",
    MANAGERS | AUDITORS,
    subjects=False,
    method="POST",
    action=CHANGE,
    twin=False,
)
def post_redrive(page_request: PageRequest) -> Answer:
    """Try what waits again, so many at a time; what is accepted is recorded under its sender."""
    store = wiring.store()
    study = store.study(page_request.study)
    form = page_request.request.fields
    reason, after = form.get("reason", "")[:1000], form.get("after", "")
    context = wiring.intake_context(page_request.person.principal, Channel.QUEUE)
    outcome = redrive.redrive(context, study, after, page_request.request.beat)
    body = [
        html(
            "<p>{} were tried: {} are accepted now, {} still wait.</p>\n",
            outcome["tried"],
            outcome["resolved"],
            outcome["waiting"],
        ),
        unordered(_failures(outcome)),
        _go_on(page_request, outcome["next"], reason),
        html(
            '<p><a class="button" href="{}">Refused events</a></p>\n',
            page_request.link("quarantine"),
        ),
    ]
    return frame.page_answer(page_request, "Tried again", body)


def _failures(outcome: Mapping[str, Any]) -> Iterator[Html]:
    for failure in outcome["failed"]:
        yield html("{}: {}", escape(failure["sha256"][:16]), escape(failure["detail"]))


def _go_on(page_request: PageRequest, next_call: str | None, reason: str) -> Html:
    """Write the form that goes on where more wait."""
    if not next_call:
        return EMPTY
    fields = html(
        '<input type="hidden" name="after" value="{}"><input type="hidden" name="reason"'
        ' value="{}"><button>Try the next</button>',
        escape(next_call.rpartition("=")[2]),
        escape(reason),
    )
    return frame.form(
        f"/studies/{page_request.study}/quarantine/redrive", page_request.request, fields
    )


@page(f"{_PATH}/{{body}}", MANAGERS, subjects=True, twin=False)
def get_refused(page_request: PageRequest) -> Answer:
    """Show a refused event with its problem, and the form that mends it."""
    rejected = _waiting(page_request)
    return _mending_page(page_request, rejected, _readable(rejected.text or ""))


def _waiting(page_request: PageRequest) -> RejectedBody:
    study = wiring.store().study(page_request.study)
    return mending.waiting_body(wiring.store(), study, page_request.parts["body"])


def _readable(text: str) -> str:
    """Return a refused text as it is easiest to mend: JSON over several lines, else as it came."""
    try:
        return json_body.readable(json_body.read_json(text))
    except Rejected:
        return text


def _mending_page(
    page_request: PageRequest,
    rejected: RejectedBody,
    text: str,
    reason: str = "",
    problems: Sequence[Mapping[str, Any]] = (),
) -> Answer:
    """Answer with the form; `problems` are what is wrong with a correction that was sent."""
    warnings = joined(
        html(
            '<div class="warning" role="alert"><p>Not recorded: {}</p>{}</div>\n',
            bdi(problem.get("title") or "not accepted"),
            _faults(problem),
        )
        for problem in problems
    )
    fields = html(
        '<p><label>The event, as JSON<textarea name="event" rows="24" required spellcheck="false"'
        ' class="text">\n{}</textarea></label></p>\n'
        "<p><label>Why <span>(kept with the refused event; name no person)</span>"
        '<textarea name="reason" required maxlength="{}">\n{}</textarea></label></p>\n'
        '<p class="pages"><button class="main">Record the corrected event</button></p>',
        escape(text),
        LONGEST_REASON,
        escape(reason),
    )
    path = page_request.path("quarantine", rejected.sha256)
    body = [
        warnings,
        html(
            "<p>Received {} from {}. It was refused for: {}</p>\n{}",
            frame.instant(rejected.at),
            frame.who(rejected.principal),
            bdi(rejected.problem.get("title") or "not accepted"),
            _faults(rejected.problem),
        ),
        html(
            "<p>Correct it below. It is checked and recorded like any event that is posted, under"
            " your name; then the refused one is settled. Until it is accepted, nothing"
            " changes.</p>\n"
        ),
        frame.form(path, page_request.request, fields, "panel", uploads=True),
    ]
    return frame.page_answer(
        page_request, "Mend a refused event", body, crumbs=_crumbs(page_request)
    )


def _crumbs(page_request: PageRequest) -> list[Crumb]:
    return [Crumb("Refused events", page_request.link("quarantine"))]


@page(f"{_PATH}/{{body}}", MANAGERS, subjects=True, method="POST", action=CHANGE, twin=False)
def post_mended(page_request: PageRequest) -> Answer:
    """Record a corrected event in the place of a refused one; else say what is wrong with it."""
    rejected = _waiting(page_request)
    form = page_request.request.fields
    text, reason = form.get("event", ""), form.get("reason", "").strip()
    try:
        request_bodies.parse_reason({"reason": reason}, "No reason is given")
        mended = mending.mend(
            wiring.intake_context(page_request.person.principal, Channel.EVENTS),
            wiring.store().study(page_request.study),
            rejected.sha256,
            text,
            reason,
        )
    except Rejected as error:  # what was written stays in the form
        form_page = _mending_page(page_request, rejected, text, reason, [error.problem()])
        return replace(form_page, status=error.status)
    if not mended.settled:
        problems = [answer.problem for answer in mended.answers if answer.problem]
        form_page = _mending_page(page_request, rejected, text, reason, problems)
        return replace(form_page, status=_UNPROCESSABLE)
    return _mended_page(page_request, mended)


def _mended_page(page_request: PageRequest, mended: Mended) -> Answer:
    raised = (
        html("{}: {}", bdi(warning["label"]), bdi(warning["detail"]))
        for answer in mended.answers
        for warning in answer.warnings
    )
    warnings = unordered(raised)
    body = [
        html(
            "<p>Recorded under your name; the refused event is settled by it.</p>\n{}",
            html("<p>It raised discrepancies:</p>\n{}", warnings) if warnings else EMPTY,
        ),
        html(
            '<p><a class="button" href="{}">Refused events</a></p>\n',
            page_request.link("quarantine"),
        ),
    ]
    return frame.page_answer(page_request, "Mended", body, crumbs=_crumbs(page_request))
