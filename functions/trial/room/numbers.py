"""Who is behind a number: its subjects, why each is in it, and by which records."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import wiring
from trial.errors import Rejected
from trial.render.markup import EMPTY, Html, bdi, escape, html, joined
from trial.render.page.elements import unordered
from trial.reporting import tracing
from trial.reporting.tracing import numbers, people
from trial.room import frame, tables
from trial.room.frame import Crumb
from trial.room.routing import READERS, PageRequest, page
from trial.tables.tracing import NOT_COUNTED
from trial.web.routing import Answer

_RECORDS = 12
"""How many records of a subject are named; the profile has all."""
_STATISTICS = (
    ("", "who counts"),
    (NOT_COUNTED, "who does not count"),
    ("N", "all whom it is of"),
    ("not_due", "not yet due"),
    ("missing", "missing"),
)
"""Whose subjects can be asked for of a number."""
_OF_BOXES = frozenset({"", "not_due"})
"""Those that can be asked for of a box of the flow, which is of itself alone."""


@page("/studies/{study}/tables/{table}/subjects", READERS, subjects=True)
def get_cell_subjects(page_request: PageRequest) -> Answer:
    """List the subjects in a cell, or in a column's denominator."""
    table, row, column = (
        page_request.parts["table"],
        page_request.parameter("row"),
        page_request.parameter("column"),
    )
    if not column:
        raise Rejected(404, "Number not found", "The address names no column of the table.")
    among = _people(page_request)
    number = numbers.cell_number(among.view, table, row, column)
    title = f"Table {table}: {row or 'all'}, {column}"
    crumbs = [
        tables.contents(page_request),
        Crumb(f"Table {table}", page_request.link("tables", table)),
    ]
    definition = next(t for t in among.view.definition.tables if t.id == table)
    description = [bdi(definition.title), *_labels(definition, row, column)]
    return _answer(
        page_request, among, (number, _statistic(page_request)), title, description, crumbs
    )


def _labels(definition: Any, row: str, column: str) -> Iterator[Html]:  # noqa: ANN401
    """Yield what the row and the column are called, as far as the definition says."""
    name, _, levels = row.partition("/")
    yield from (bdi(r.label) for r in definition.rows if r.id == name and r.label)
    if levels:
        yield bdi(levels.replace("/", ", "))
    yield from (bdi(c.label) for c in definition.columns if c.id == column)


@page("/studies/{study}/key-results/{key_result}/subjects", READERS, subjects=True)
def get_key_result_subjects(page_request: PageRequest) -> Answer:
    """List the subjects in a key result."""
    among, name = _people(page_request), page_request.parts["key_result"]
    number, statistic = numbers.key_result_number(among.view, name)
    label = next(k.label for k in among.view.definition.key_results if k.id == name)
    wanted = _statistic(page_request) or statistic
    crumbs = [Crumb("Overview", page_request.link())]
    return _answer(page_request, among, (number, wanted), "Key result", [bdi(label)], crumbs)


@page("/studies/{study}/flow/{box}/subjects", READERS, subjects=True)
def get_box_subjects(page_request: PageRequest) -> Answer:
    """List the subjects in a box of the flow."""
    among, name, statistic = (
        _people(page_request),
        page_request.parts["box"],
        _statistic(page_request),
    )
    arm = page_request.parameter("arm")
    reason = (
        "" if page_request.parameter("unreported") else page_request.parameter("reason") or None
    )
    number, statistic_shown = numbers.box_number(among.view, name, arm, reason, statistic)
    flow = among.view.definition.flow
    labels = (
        {box.id: box.label for stage in flow.stages for box in (stage.box, *stage.side)}
        if flow
        else {}
    )
    description = [bdi(labels.get(name, name)), *([bdi(reason)] if reason else [])]
    crumbs = [Crumb("Overview", page_request.link())]
    return _answer(
        page_request, among, (number, statistic_shown), "Box of the flow", description, crumbs
    )


@page("/studies/{study}/figures/{figure}/subjects", READERS, subjects=True)
def get_mark_subjects(page_request: PageRequest) -> Answer:
    """List the subjects at a mark of a figure."""
    among, name, statistic = (
        _people(page_request),
        page_request.parts["figure"],
        _statistic(page_request),
    )
    series, mark = page_request.parameter("series"), page_request.parameter("mark")
    number, statistic_shown = numbers.mark_number(among.view, name, series, mark, statistic)
    title = next(f.title for f in among.view.definition.figures if f.id == name)
    crumbs = [
        tables.contents(page_request),
        Crumb(f"Figure {name}", page_request.link("figures", name)),
    ]
    description = [bdi(title), bdi(series), *([bdi(mark)] if mark else [])]
    return _answer(
        page_request, among, (number, statistic_shown), f"Figure {name}", description, crumbs
    )


def _people(page_request: PageRequest) -> people.People:
    """Return the subjects as they are now or, with `cut`, as a cut saw them."""
    store, documents, reports = wiring.store(), wiring.documents(), wiring.reports()
    return people.people(
        store, documents, reports, page_request.view, page_request.parameter("cut")
    )


def _statistic(page_request: PageRequest) -> str:
    return tracing.check_statistic(page_request.parameter("statistic"))


def _answer(
    page_request: PageRequest,
    among: people.People,
    number_and_statistic: tuple[numbers.Number, str],
    title: str,
    description: Sequence[Html],
    crumbs: Sequence[Crumb],
) -> Answer:
    number, statistic = number_and_statistic
    document = tracing.trace(among, number, statistic, page_request.parameter("after"))
    subjects = document["subjects"]
    labels = "Subject", "Stands in it as", "Value", "Why", "Records that the rule used"
    body = [
        html("<p>{}</p>\n", joined(description, html(" \u00b7 "))),
        html(
            "<p>{} of {} subjects looked at{}{}{}.</p>\n",
            len(subjects),
            document["examined"],
            html(": {}", escape(dict(_STATISTICS).get(statistic, f"statistic {statistic}"))),
            html(", as cut {} saw them", escape(page_request.parameter("cut")))
            if document["cut"]
            else EMPTY,
            EMPTY if not document["next"] else html("; more follow"),
        ),
        _others(page_request),
        frame.data_table(
            "Subjects",
            frame.heads(*labels),
            (_row(page_request, subject) for subject in subjects),
            "Nobody, as far as was looked.",
        ),
        frame.next_link(page_request, after=document["next"] or ""),
        html(
            '<p class="quiet">The last column names the records that the rule of this number used;'
            " that is how it is counted, no clinical judgement. In bold: without this record alone"
            " the subject would count otherwise.</p>\n"
        ),
    ]
    return frame.page_answer(page_request, title, body, crumbs=crumbs)


def _others(page_request: PageRequest) -> Html:
    """Lead to who else has to do with the number."""
    links = (
        html(
            '<a href="{}"{}>{}</a>',
            page_request.again(statistic=name, after=""),
            html(' aria-current="true"') if page_request.parameter("statistic") == name else EMPTY,
            escape(label),
        )
        for name, label in _STATISTICS
        if "box" not in page_request.parts or name in _OF_BOXES
    )
    return html('<p class="pages">Show: {}</p>\n', joined(links, html(" ")))


def _row(page_request: PageRequest, subject: Mapping[str, Any]) -> list[Html]:
    name = subject["subject"]
    return [
        html('<a href="{}">{}</a>', page_request.link("subjects", name), escape(name)),
        html("{}", escape(subject["in"])),
        unordered(
            html("{} {} {}", bdi(v["label"]), escape(v["value"]), escape(v["unit"] or ""))
            for v in subject["values"]
        )
        or frame.DASH,
        escape(subject["explanation"]) or frame.DASH,
        _records(page_request, name, subject["records"]),
    ]


def _records(page_request: PageRequest, subject: str, records: Sequence[Mapping[str, Any]]) -> Html:
    """Write the records, each with a link to its rows of the journal; the decisive ones first."""
    if not records:
        return frame.DASH
    ordered = sorted(records, key=lambda record: not record["decisive"])
    names = ",".join(f"{record['kind']}/{record['record']}" for record in records)
    lines = [_record(page_request, subject, record) for record in ordered[:_RECORDS]]
    if len(ordered) > _RECORDS:
        lines.append(html("and {} more", len(ordered) - _RECORDS))
    all_link = html(
        '<a href="{}">Journal of these</a>',
        page_request.link("subjects", subject, "history", records=names),
    )
    return html("{}{}", unordered(lines), all_link)


def _record(page_request: PageRequest, subject: str, record: Mapping[str, Any]) -> Html:
    link = page_request.link(
        "subjects", subject, "history", records=f"{record['kind']}/{record['record']}"
    )
    name = html('<a href="{}">{}</a>', link, escape(record["record"]))
    emphasised = html("<b>{}</b>", name) if record["decisive"] else name
    return html('{} <span class="quiet">{}</span>', emphasised, escape(record["kind"]))
