"""Cuts: who asked for which, when and why; ask for one; compare two; take one away."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import wiring
from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.blinding import UNBLINDED
from trial.events.fields import LONGEST_TEXT
from trial.render.markup import EMPTY, Html, bdi, escape, html, joined
from trial.render.page.elements import unordered
from trial.reporting import comparison
from trial.room import frame
from trial.room.frame import DASH, Crumb
from trial.room.routing import CHANGE, READERS, PageRequest, page
from trial.store.reports import PENDING, READY, ReportRequest
from trial.tables.file_names import (
    CHANGES,
    CHANGES_SIGNATURE,
    FLOW_SVG,
    HEADS,
    MANIFEST,
    NARRATIVES,
    PAGE,
    SIGNATURE,
    SUMMARY_MARKDOWN,
    TRAIL,
    WORKBOOK,
    is_workbook,
)
from trial.web import files, request_bodies
from trial.web.routing import LONGEST_REASON, Answer

_MOST = 100
_SEE_OTHER = 303
_WAITING = 5
"""After how many seconds a cut that is being made is asked for anew."""
_MOST_MOVERS = 10
_FOR_PEOPLE = (PAGE, WORKBOOK, NARRATIVES, SUMMARY_MARKDOWN, FLOW_SVG)
_BESIDE = (SIGNATURE, HEADS, TRAIL, CHANGES, CHANGES_SIGNATURE)
"""What the unblinded have beside the files that the manifest lists."""


@page("/studies/{study}/cuts", READERS, subjects=False)
def get_cuts(page_request: PageRequest) -> Answer:
    """List the cuts that were asked for, the newest first; ask for one; compare two."""
    view = page_request.view
    requests = sorted(wiring.reports().all(view.id), key=lambda r: r.order, reverse=True)
    names = [request.id for request in requests]
    after = page_request.parameter("after")
    start = names.index(after) + 1 if after in names else 0
    listed_requests = requests[start : start + _MOST]
    more = listed_requests[-1].id if len(requests) > start + _MOST else ""
    heads = "Asked", "By", "Why", "Of", "Status", "Records"
    body = [
        frame.section(
            "kept",
            "Cuts that are kept",
            frame.data_table(
                "Cuts",
                frame.heads(*heads),
                (_row(page_request, request) for request in listed_requests),
                "Nobody has asked for one yet.",
            ),
            frame.next_link(page_request, after=more),
        ),
        _comparing(page_request, requests),
        _asking(page_request, view),
    ]
    answer = frame.page_answer(page_request, "Cuts", body)
    waiting = any(request.status == PENDING for request in listed_requests)
    return _refreshing(answer) if waiting else answer


def _refreshing(answer: Answer) -> Answer:
    return Answer(answer.status, {**answer.headers, "Refresh": str(_WAITING)}, answer.text)


def _row(page_request: PageRequest, request: ReportRequest) -> Sequence[Html]:
    return (
        html(
            '<a href="{}">{}</a>',
            page_request.link("cuts", request.id),
            frame.instant(request.requested_at),
        ),
        frame.who(request.requested_by),
        bdi(request.reason) if request.reason else DASH,
        _what(request),
        _status(request),
        escape(f"{request.accepted:,}") if request.status == READY else DASH,
    )


def _what(request: ReportRequest) -> Html:
    """Write of when it is, and as what it was asked for."""
    words = [f"clinical cut-off {request.cutoff}"] if request.cutoff else []
    words += [f"as recorded by {request.as_of[:19]}"] if request.as_of else []
    words += [f"look {request.look}"] if request.look else []
    words += ["final"] if request.final else []
    return escape(", ".join(words) or "as of the request")


def _status(request: ReportRequest) -> Html:
    kind = {READY: "good", PENDING: ""}.get(request.status, "bad")
    state = "being made" if request.status == PENDING else request.status
    detail = f" {request.detail}" if request.detail else ""
    return html('<span class="tag {}">{}</span>{}', escape(kind), escape(state), escape(detail))


def _comparing(page_request: PageRequest, requests: Sequence[ReportRequest]) -> Html:
    ready = [request for request in requests if request.status == READY]
    if len(ready) < 2:  # noqa: PLR2004 (two are compared)
        return EMPTY
    choices = [
        (r.id, f"{r.requested_at[:19].replace('T', ' ')} {r.reason}"[:80]) for r in ready[:_MOST]
    ]
    return frame.section(
        "compare",
        "Compare two",
        html(
            '<form class="fields" method="get" action="{}">{}{}<button>Compare</button></form>\n',
            page_request.link("compare"),
            frame.select("old", "From", choices, ready[1].id),
            frame.select("new", "To", choices, ready[0].id),
        ),
    )


def _asking(
    page_request: PageRequest, view: Study, form: Mapping[str, str] = MappingProxyType({})
) -> Html:
    """Write the form that asks for a cut, filled in as it was sent."""
    testing = view.definition.testing
    looks = [(look.id, look.label) for look in testing.planned] if testing else []
    look = (
        frame.select("look", "Planned look", [("", "none"), *looks], form.get("look", ""))
        if looks
        else EMPTY
    )
    fields = html(
        "<p><label>Why <span>(kept with the cut; a final one needs it)</span>"
        '<textarea name="reason" maxlength="{}">\n{}</textarea></label></p>\n'
        '<div class="fields"><label>Clinical cut-off date <span>(blank: none)</span>'
        ' <input type="date" name="cutoff" value="{}"></label>'
        "<label>As recorded by, in UTC <span>(blank: now)</span>"
        ' <input type="datetime-local" step="1" name="as_of" value="{}"></label>{}'
        '<label class="checks"><input type="checkbox" name="final" value="yes"{}> Final analysis'
        '</label></div>\n<p class="pages"><button class="main">Ask for a cut</button></p>',
        LONGEST_TEXT,
        *(escape(form.get(name, "")) for name in ("reason", "cutoff", "as_of")),
        look,
        html(" checked") if form.get("final") == "yes" else EMPTY,
    )
    path = f"/studies/{view.id}/cuts"
    return frame.section(
        "ask", "Ask for a cut", frame.form(path, page_request.request, fields, "panel")
    )


@page("/studies/{study}/cuts", READERS, subjects=False, method="POST", action=CHANGE, twin=False)
def post_cut(page_request: PageRequest) -> Answer:
    """Ask for a cut; Publish makes it."""
    form, view = page_request.request.fields, page_request.view
    body: dict[str, Any] = {"reason": form.get("reason", "").strip()}
    if cutoff := form.get("cutoff"):
        body["cutoff"] = cutoff
    if as_of := form.get("as_of"):
        body["as_of"] = _with_zone(as_of)
    if look := form.get("look"):
        body["look"] = look
    if form.get("final") == "yes":
        body["final"] = True
    testing = wiring.store().study(view.id).definition.testing
    try:
        request = request_bodies.parse_report_request(
            body, page_request.person.principal, wiring.now(), testing
        )
    except Rejected as error:  # what was filled in stays in the form
        parts = [frame.refusal(error), _asking(page_request, view, form)]
        crumbs = [Crumb("Cuts", page_request.link("cuts"))]
        form_page = frame.page_answer(page_request, error.title, parts, crumbs=crumbs)
        return replace(form_page, status=error.status)
    wiring.reports().request(view.id, request)
    return Answer(_SEE_OTHER, {"Location": page_request.path("cuts", request.id)})


def _with_zone(instant: str) -> str:
    """Return an instant as the API takes it: a browser leaves out zone and full seconds."""
    whole = f"{instant}:00" if instant.count(":") == 1 else instant
    return whole if whole.endswith("Z") else f"{whole}Z"


@page("/studies/{study}/cuts/{cut}", READERS, subjects=False)
def get_cut(page_request: PageRequest) -> Answer:
    """Show a cut: who asked for it, what became of it, its files."""
    view, name = page_request.view, page_request.parts["cut"]
    request = wiring.reports().get(view.id, name)
    facts = (
        ("Asked", frame.instant(request.requested_at)),
        ("By", frame.who(request.requested_by)),
        ("Why", bdi(request.reason)),
        ("Of", _what(request)),
        ("Status", _status(request)),
        ("State", escape(request.completion)),
        ("Records", escape(f"{request.accepted:,}") if request.status == READY else EMPTY),
        ("Cut", escape(_cut_id(view, request))),
    )
    body = [
        html(
            '<dl class="source">{}</dl>\n',
            joined(html("<dt>{}</dt><dd>{}</dd>\n", escape(k), v) for k, v in facts if v),
        )
    ]
    if request.status == READY:
        body += _files(page_request, view, request)
    elif request.status == PENDING:
        body.append(html("<p>It is being made; this page asks for itself until it is there.</p>\n"))
    crumbs = [Crumb("Cuts", page_request.link("cuts"))]
    answer = frame.page_answer(page_request, "Cut", body, crumbs=crumbs)
    return _refreshing(answer) if request.status == PENDING else answer


def _cut_id(view: Study, request: ReportRequest) -> str:
    return request.unblinded_cut if view.audience == UNBLINDED else request.cut


def _files(page_request: PageRequest, view: Study, request: ReportRequest) -> Iterator[Html]:
    """Yield the files of a cut, each with its digest, and what compares it with the one before."""
    if request.previous:
        link = page_request.link("cuts", request.id, "changes-since", request.previous)
        yield html('<p><a href="{}">What changed since the cut before it</a></p>\n', link)
    cut = files.cut_of(view, request.id)
    manifest = wiring.documents().manifest(view.id, view.audience, cut)
    listed = sorted(manifest["files"] if manifest else [], key=_for_people_first)
    rows = [
        (
            _file(page_request, request.id, entry["name"]),
            escape(f"{entry['size']:,}"),
            escape(entry["sha256"]),
        )
        for entry in listed
    ]
    names = {entry["name"] for entry in listed}
    beside = _BESIDE if view.audience == UNBLINDED else request.files
    rows += [
        (_file(page_request, request.id, name), DASH, DASH) for name in beside if name not in names
    ]
    if MANIFEST not in beside:
        rows.append((_file(page_request, request.id, MANIFEST), DASH, DASH))
    yield html(
        '<form class="panel fields" method="get" action="{}"><label>Why <span>(recorded with the'
        ' download)</span> <input name="reason" maxlength="{}" size="40"></label>'
        "<button>All of these as one ZIP</button></form>\n",
        page_request.link("cuts", request.id, "zip"),
        LONGEST_REASON,
    )
    yield frame.section(
        "files",
        "Files",
        frame.data_table("Files", frame.heads("File", "Bytes", "SHA-256"), rows),
        html(
            '<p><a href="{}">Verify these files</a>: are they those that were published and signed?'
            "</p>\n",
            page_request.link("cuts", request.id, "verify"),
        ),
    )


def _for_people_first(entry: Mapping[str, Any]) -> tuple[bool, int]:
    """Order files: those that people open, as they do, before those for programs."""
    name = WORKBOOK if is_workbook(entry["name"]) else entry["name"]
    return (name not in _FOR_PEOPLE, _FOR_PEOPLE.index(name) if name in _FOR_PEOPLE else 0)


def _file(page_request: PageRequest, cut: str, name: str) -> Html:
    link = page_request.link("documents", cut, *name.split("/"))
    return html('<a href="{}">{}</a>', link, escape(name))


@page("/studies/{study}/compare", READERS, subjects=False)
def get_compare(page_request: PageRequest) -> Answer:
    """Lead to the comparison of two cuts that were chosen."""
    new, old = page_request.parameter("new"), page_request.parameter("old")
    if not new or not old:
        raise Rejected(422, "Nothing to compare", "Choose two cuts.")
    return Answer(_SEE_OTHER, {"Location": page_request.path("cuts", new, "changes-since", old)})


@page("/studies/{study}/cuts/{cut}/changes-since/{base}", READERS, subjects=True)
def get_changes(page_request: PageRequest) -> Answer:
    """Compare two cuts: which numbers differ, and whose records moved them."""
    names = page_request.parts["cut"], page_request.parts["base"]
    document = comparison.compare(
        wiring.store(),
        wiring.documents(),
        wiring.reports(),
        page_request.view,
        names,
        page_request.parameter("after"),
    )
    before, after = (document[side]["requested_at"] for side in ("before", "after"))
    body = [
        html("<p>From {} to {}.</p>\n", frame.instant(before), frame.instant(after)),
        html('<p class="warning">Not compared: {}</p>\n', escape(document["not_compared"]))
        if document["not_compared"]
        else EMPTY,
        frame.section("key-results", "Key results", _changed_key_results(page_request, document)),
        frame.section("cells", "Numbers of tables", _changed_cells(page_request, document)),
        frame.section(
            "subjects", "Subjects whose records differ", *_changed(page_request, document)
        ),
        frame.next_link(page_request, after=document["next"] or ""),
    ]
    crumbs = [
        Crumb("Cuts", page_request.link("cuts")),
        Crumb("Cut", page_request.link("cuts", names[0])),
    ]
    return frame.page_answer(page_request, "What changed", body, crumbs=crumbs)


def _changed_key_results(page_request: PageRequest, document: Mapping[str, Any]) -> Html:
    rows = (
        (
            bdi(changed["label"]),
            escape(changed["before"]["text"]) or DASH,
            escape(changed["after"]["text"]) or DASH,
            unordered(
                _contributor(page_request, contributor) for contributor in changed["contributors"]
            )
            or DASH,
        )
        for changed in document["key_results"]
    )
    heads = frame.heads("Key result", "Before", "After", "Moved by")
    return frame.data_table("Key results", heads, rows, "None differ.")


def _contributor(page_request: PageRequest, contributor: Mapping[str, Any]) -> Html:
    name, records = contributor["subject"], contributor["records"]
    if not records:
        link = page_request.link("subjects", name, "history")
        return html('<a href="{}">{}</a>', link, escape(name))
    keys = ",".join(f"{record['kind']}/{record['record']}" for record in records)
    record_names = ", ".join(record["record"] for record in records)
    link = page_request.link("subjects", name, "history", records=keys)
    return html('<a href="{}">{}</a> ({})', link, escape(name), escape(record_names))


def _changed_cells(page_request: PageRequest, document: Mapping[str, Any]) -> Html:
    rows = (
        (
            html(
                '<a href="{}">Table {}</a>',
                page_request.link("tables", cell["table"]),
                escape(cell["table"]),
            ),
            bdi(f"{cell['label']}, {cell['column']}"),
            escape(statistic["statistic"]),
            _text(statistic["before"]),
            html("{}{}", _text(statistic["after"]), _same_text(statistic)),
            _movers(page_request, cell["contributors"]),
        )
        for cell in document["cells"]
        for statistic in cell["statistics"]
    )
    heads = frame.heads("Table", "Row, column", "Statistic", "Before", "After", "Moved by")
    return frame.data_table("Numbers of tables", heads, rows, "None differ.")


def _text(value: Mapping[str, Any] | None) -> Html:
    return (escape(value["text"]) or DASH) if value else html("not there")


def _same_text(statistic: Mapping[str, Any]) -> Html:
    """Return why a number stands here that reads as before."""
    before, after = statistic["before"], statistic["after"]
    if not before or not after or before["text"] != after["text"]:
        return EMPTY
    return html(' <span class="quiet">differs beyond these digits</span>')


def _movers(page_request: PageRequest, names: Sequence[str]) -> Html:
    """Write some of those who moved a number, and how many more there are."""
    some = joined((_subject(page_request, name) for name in names[:_MOST_MOVERS]), html(", "))
    more = len(names) - _MOST_MOVERS
    return html("{} and {} more", some, more) if more > 0 else some or DASH


def _subject(page_request: PageRequest, name: str) -> Html:
    return html('<a href="{}">{}</a>', page_request.link("subjects", name), escape(name))


def _changed(page_request: PageRequest, document: Mapping[str, Any]) -> Iterator[Html]:
    yield html(
        "<p>{} subjects could have moved a number: by their records, or by what the cuts count of"
        " them. These are the records that only one of the cuts has, or has otherwise.</p>\n",
        document["differing_subjects"],
    )
    rows = (
        (
            _subject(page_request, subject["subject"]),
            html("{} {}", escape(record["kind"]), escape(record["record"])),
            escape(record["change"]),
            frame.instant(record["received"]),
            frame.who(record["principal"]),
            bdi(record["reason_for_change"]) if record["reason_for_change"] else DASH,
        )
        for subject in document["subjects"]
        for record in subject["records"]
    )
    heads = frame.heads("Subject", "Record", "Change", "Recorded", "Sent by", "Reason")
    yield frame.data_table("Subjects whose records differ", heads, rows, "None on this page.")
