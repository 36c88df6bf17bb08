"""A new definition: check it, see what its tables would show today, then amend with a reason.

Nothing is kept between the steps. The form that amends carries the text that was checked, with the
digests of it and of the definition that it was compared with: where either is another by then,
nothing is changed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

import wiring
from trial.commands import admission
from trial.deferred import dataclass
from trial.definition.study import Study
from trial.errors import MAX_FIELD_ERRORS, FieldError, Rejected
from trial.events import json_body
from trial.render.markup import EMPTY, Html, bdi, escape, html, joined
from trial.render.page.elements import Anchors
from trial.render.page.tables import table
from trial.reporting import report
from trial.reporting.preview import Preview, preview
from trial.room import definition, definition_text, frame
from trial.room.definition_text import DefinitionText
from trial.room.frame import DASH
from trial.room.routing import AUDITORS, CHANGE, READERS, PageRequest, page
from trial.store.definitions import check_stays_blinded
from trial.tables import checking
from trial.tables.grid import Grid
from trial.web import request_bodies
from trial.web.json_diff import differences
from trial.web.routing import Answer

_PATH = "/studies/{study}/definition"
_SEE_OTHER, _CONFLICT = 303, 409
_MOST_DIFFERENCES, _MOST_NUMBERS = 100, 200
_MOST_MARKUP = 2_500_000
"""How much of tables a page shows: Lambda answers with at most 6 MB."""
_LONGEST_LINE = 160
_SAME = "as in force"


@page(f"{_PATH}/new", AUDITORS, subjects=False, twin=False)
def get_new(page_request: PageRequest) -> Answer:
    """Show the form that takes a new definition; it begins with the one in force."""
    source, posted = wiring.store().source(page_request.study, page_request.view.digest)
    text = json_body.readable(json_body.read_json(posted or source))
    return _page(page_request, (_form(page_request, text),))


@page(f"{_PATH}/check", AUDITORS, subjects=False, method="POST", action="check", twin=False)
def post_check(page_request: PageRequest) -> Answer:
    """Check a definition; of one that is sound show what it would change."""
    form = page_request.request.fields
    text = form.get("file") or form.get("text", "")
    try:
        definition_read = definition_text.read(text)
    except Rejected as rejected:
        return _refused(page_request, text, rejected, None)
    try:
        admitted = admission.admit_for(page_request.study, definition_read.body)
        check_stays_blinded(page_request.view.whole, admitted)
    except Rejected as rejected:
        return _refused(page_request, text, rejected, definition_read)
    return _page(page_request, _accepted(page_request, definition_read, admitted))


@page(_PATH, AUDITORS, subjects=False, method="POST", action=CHANGE, twin=False)
def post_definition(page_request: PageRequest) -> Answer:
    """Amend the definition, if it is the one that was checked, beside the one it was compared with.

    At once while the study has no events; else it is prepared first, as by the API.
    """
    form, name = page_request.request.fields, page_request.study
    reason = request_bodies.parse_reason({"reason": form.get("reason", "")}, "Not amended")
    admitted = admission.admit_for(name, definition_text.read(form.get("text", "")).body)
    in_force = form.get("in_force")
    if not in_force or admitted.digest != form.get("checked"):
        detail = "The text is not the one that was checked. Go back and check it again."
        raise Rejected(_CONFLICT, "Not amended", detail)
    wiring.store().put_definition(
        admitted,
        admitted.source,
        page_request.person.principal,
        reason,
        compared_with=in_force,
    )
    return Answer(_SEE_OTHER, {"Location": page_request.path("definition")})


def _page(page_request: PageRequest, body: Iterable[Html]) -> Answer:
    crumbs = definition.crumbs(page_request)
    return frame.page_answer(page_request, "New definition", body, crumbs=crumbs)


def _form(page_request: PageRequest, text: str) -> Html:
    """Write the form that takes a text or a file."""
    fields = html(
        '<p><label>The definition, as JSON or YAML<textarea name="text" class="text"'
        ' spellcheck="false">\n{}</textarea></label></p>\n<div class="fields"><label>Or a file'
        ' <span>(it is taken instead)</span> <input type="file" name="file" accept='
        '".json,.yaml,.yml"></label><button class="main">Check it</button></div>\n<p class="quiet">'
        "Nothing is changed by that.</p>",
        escape(text),
    )
    return frame.form(
        _check_path(page_request), page_request.request, fields, "panel", uploads=True
    )


def _check_path(page_request: PageRequest) -> str:
    return page_request.path("definition", "check")


def _refused(
    page_request: PageRequest, text: str, rejected: Rejected, document: DefinitionText | None
) -> Answer:
    """Answer with every fault, each with its line, above the text: that is what was asked for."""
    faults = rejected.faults[:MAX_FIELD_ERRORS]
    more = len(rejected.faults) - len(faults)
    body = (
        html(
            '<p class="warning" role="alert">{} Nothing was changed.</p>\n',
            escape(rejected.detail or f"It is not accepted: {len(rejected.faults)} faults."),
        ),
        _faults("Fault", faults, document) if faults and document else EMPTY,
        html("<p>{} more are left out.</p>\n", more) if more else EMPTY,
        _form(page_request, text),
    )
    return _page(page_request, body)


def _faults(label: str, faults: Iterable[FieldError], written: DefinitionText) -> Html:
    """Write faults or oddities a row each: line, place, what is wrong, what stands there."""

    def rows() -> Iterator[Sequence[Html]]:
        for fault in faults:
            line = written.line(fault.pointer)
            document = fault.document()
            place = html(
                '{}<br><span class="quiet">{}</span>',
                bdi(document.get("at") or "the definition"),
                escape(document["pointer"] or "/"),
            )
            on_line = html("<code>{}</code>", escape(written.written(line)[:_LONGEST_LINE]))
            yield html("{}", line), place, bdi(document["detail"]), on_line

    heads = frame.heads("Line", "Where", label, "What stands there")
    return frame.data_table(label, heads, rows())


def _accepted(
    page_request: PageRequest, document: DefinitionText, admitted: Study
) -> Iterator[Html]:
    """Yield what a sound definition would change, and the form that amends."""
    in_force = page_request.view.whole
    unchanged = admitted.digest == in_force.digest
    lead = "It is the one in force." if unchanged else "It is accepted; nothing is changed yet."
    yield html("<p>{}</p>\n", escape(lead))
    if odd := checking.study_warnings(admitted):
        yield frame.section("odd", "What is odd about it", _faults("Oddity", odd, document))
    if unchanged:
        yield _form(page_request, document.text)
        return
    yield frame.section("differences", "Against the one in force", _differences(in_force, admitted))
    yield from _tables(page_request, in_force, admitted)
    yield _amending(page_request, document, in_force, admitted)


def _differences(in_force: Study, admitted: Study) -> Html:
    before, after = (json_body.read_json(study.source) for study in (in_force, admitted))
    changes = list(islice(differences(before, after), _MOST_DIFFERENCES + 1))
    more = html("<p>The first {}; there are more.</p>\n", _MOST_DIFFERENCES)
    return joined(
        (
            frame.data_table(
                "Differences of the definitions",
                frame.heads("Where", "In force", "New"),
                definition.differing(changes[:_MOST_DIFFERENCES]),
                "They do not differ.",
            ),
            more if len(changes) > _MOST_DIFFERENCES else EMPTY,
        )
    )


def _amending(
    page_request: PageRequest, document: DefinitionText, in_force: Study, admitted: Study
) -> Html:
    """Write the form that amends, with the text that was checked; it can be checked anew, too."""
    fields = html(
        '<input type="hidden" name="checked" value="{}"><input type="hidden" name="in_force"'
        ' value="{}"><p><label>Why <span>(kept with the definition)</span><textarea name="reason"'
        ' maxlength="1000" required></textarea></label></p>\n<details><summary>The text that was'
        ' checked</summary><p><label>The definition<textarea name="text" class="text"'
        ' spellcheck="false">\n{}</textarea></label></p></details>\n<p class="pages"><button'
        ' class="main" formaction="{}">Amend the definition</button> <button formnovalidate>Check'
        " the text again</button></p>",
        escape(admitted.digest),
        escape(in_force.digest),
        escape(document.text),
        page_request.link("definition"),
    )
    path, request = _check_path(page_request), page_request.request
    return frame.section(
        "amend",
        "Amend",
        html(
            "<p>Every subject is counted anew by it; until that is done, the one in force stays."
            " While the study has no events it is in force at once.</p>\n"
        ),
        frame.form(path, request, fields, "panel", uploads=True),
    )


def _tables(page_request: PageRequest, in_force: Study, admitted: Study) -> Iterator[Html]:
    """Yield the new tables beside those in force; without records for who may not read results."""
    if not page_request.person.may(page_request.study, *READERS):
        anchors = Anchors()
        shells = (
            joined(table(grid, anchors.take("table", grid.id), "Shell"))
            for grid in report.tables(admitted.open, {})
        )
        yield frame.section(
            "tables", "Its tables, without records",
            html("<p>With today's data they are for who is a reader too.</p>\n"), *shells,
        )  # fmt: skip
        return
    rows = wiring.store().subjects_after(in_force)
    tables_shown = preview(rows, in_force, admitted, page_request.request.beat)
    by_table, numbers = _ByTable.of(tables_shown), list(_numbers(tables_shown))
    more = html("<p>The first {} of {} numbers.</p>\n", _MOST_NUMBERS, len(numbers))
    yield frame.section(
        "tables", "Its tables on today's data",
        html("<p>{}</p>\n", escape(_of_whom(tables_shown, in_force))),
        by_table.summary(),
        frame.data_table(
            "Numbers that differ",
            frame.heads("Table", "Row, column", "Statistic", "In force", "New"),
            numbers[:_MOST_NUMBERS],
            "No number differs.",
        ),
        more if len(numbers) > _MOST_NUMBERS else EMPTY,
        *_beside(by_table),
    )  # fmt: skip


def _of_whom(tables_preview: Preview, in_force: Study) -> str:
    """Write which subjects the tables are of."""
    size = f"{tables_preview.subjects:,} subjects with {tables_preview.records:,} records"
    blinded = " Arms are pooled." if in_force.definition.blinded else ""
    if tables_preview.is_whole:
        return f"Of all {size}, by both definitions.{blinded}"
    total = wiring.store().accepted(in_force)
    return (
        f"A sample: of {size}, out of {total:,} records; time allows no more. Both definitions"
        f" count the same subjects, so what differs is the definition's doing.{blinded}"
    )


def _numbers(previewed: Preview) -> Iterator[Sequence[Html]]:
    """Yield a row a number that differs, in tables that both definitions have."""
    common_ids = {grid.id for grid in previewed.in_force} & {grid.id for grid in previewed.proposed}
    heads = {grid.id: {c.id: c.label for c in grid.columns} for grid in previewed.in_force}
    for grid in previewed.proposed:
        heads.setdefault(grid.id, {}).update({c.id: c.label for c in grid.columns})
    for address, diff in previewed.changed.items():
        if address.table not in common_ids:
            continue
        column = heads[address.table].get(address.column, address.column)
        label = f"{diff.label}, {column}" if address.row else column
        for name, (before, after) in diff.statistics.items():
            texts = (DASH if s is None else bdi(s["text"]) for s in (before, after))
            yield (escape(address.table), bdi(label), escape(name), *texts)


@dataclass(frozen=True)
class _ByTable:
    """The tables of both definitions by their ids, in the order of the new one."""

    tables: Mapping[str, tuple[Grid | None, Grid | None]]
    numbers: Mapping[str, int]
    """How many numbers differ."""

    @classmethod
    def of(cls, previewed: Preview) -> "_ByTable":
        """Match the tables of a preview."""
        old, new = ({grid.id: grid for grid in g} for g in (previewed.in_force, previewed.proposed))
        numbers: dict[str, int] = {}
        for address, diff in previewed.changed.items():
            numbers[address.table] = numbers.get(address.table, 0) + len(diff.statistics)
        return cls({name: (old.get(name), new.get(name)) for name in {**new, **old}}, numbers)

    def state(self, name: str) -> str:
        """Return what becomes of a table."""
        before, after = self.tables[name]
        if before is None or after is None:
            return "new" if before is None else "gone"
        if count := self.numbers.get(name):
            return f"{count:,} numbers differ"
        return _SAME if before == after else "words differ"

    def summary(self) -> Html:
        """Write what becomes of each table."""
        states = {name: self.state(name) for name in self.tables}
        rows = []
        for name, (before, after) in self.tables.items():
            grid = after or before
            assert grid is not None
            if states[name] != _SAME:
                rows.append((escape(name), bdi(grid.title), escape(states[name])))
        unchanged = ", ".join(name for name, state in states.items() if state == _SAME)
        heads = frame.heads("Table", "Title", "By the new definition")
        return joined(
            (
                html("<p>As in force: {}.</p>\n", escape(unchanged)) if unchanged else EMPTY,
                frame.data_table("Tables that differ", heads, rows, "No table differs."),
            )
        )


def _beside(by_table: _ByTable) -> Iterator[Html]:
    """Yield each table that differs, as it is in force and as it would be."""
    anchors, size = Anchors(), 0
    for name, pair in by_table.tables.items():
        if by_table.state(name) == _SAME:
            continue
        sides = [
            joined(table(grid, anchors.take("table", f"{state}-{grid.id}"), state))
            for grid, state in zip(pair, ("In force", "New"), strict=True)
            if grid is not None
        ]
        size += sum(map(len, sides))
        if size > _MOST_MARKUP:
            yield html(
                "<p>Table {} and those after it are too long for this page.</p>\n", escape(name)
            )
            return
        yield html('<div class="beside">{}</div>\n', joined(sides))
