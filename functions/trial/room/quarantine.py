"""Refused events: what each was refused for, in words; try them again once that is mended."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import wiring
from trial.commands import redrive
from trial.commands.intake_context import Channel
from trial.events.blinding import HIDDEN
from trial.render.markup import EMPTY, Html, bdi, escape, html
from trial.render.page.elements import unordered
from trial.room import frame
from trial.room.routing import AUDITORS, CHANGE, MANAGERS, STAFF, PageRequest, page
from trial.store.rows import RejectedBody
from trial.web.routing import Answer

_MOST = 50
_LONGEST_BODY = 4_000
_PATH = "/studies/{study}/quarantine"


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
            (_row(_document(rejected, pooled=view.pooled)) for rejected in listed),
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


def _row(document: Mapping[str, Any]) -> Sequence[Html]:
    problem = document["problem"]
    return (
        frame.instant(document["at"]),
        html("{}{}", bdi(problem.get("title") or "Not accepted"), _faults(problem)),
        frame.who(document["principal"]),
        _sent(document),
        _state(document),
    )


def _faults(problem: Mapping[str, Any]) -> Html:
    """Say in words what is wrong: each field with what it must be."""
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
