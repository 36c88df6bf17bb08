"""`consort_checklist.json`: what in these documents fills each item of CONSORT, and what does not.

Nothing is claimed that is not there: an item is filled by an output that this report has, or by a
field that this definition states. The rest is a person's work; `remains` says what of an item is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from trial.deferred import dataclass
from trial.definition import Definition
from trial.definition.conditions import Condition, Ref
from trial.definition.outputs import TableRow
from trial.definition.references import find_output
from trial.definition.reporting import CONSORT, HARMS
from trial.events.blinding import OPEN
from trial.render.tables_json import Document, cut_fields
from trial.tables.bidi import isolated
from trial.tables.file_names import FLOW_JSON, FLOW_MARKDOWN, FLOW_SVG
from trial.tables.grid import Report

FROM_DATA, FROM_DEFINITION = "from_data", "from_definition"
MANUAL, NOT_APPLICABLE = "manual", "not_applicable"

_RANDOMISATION = ("17a", "17b", "18", "19", "20a", "20b")
_HARMS_ROWS = ("events", "terms", "worst", "incidence")
_FLOW_FILES = (FLOW_SVG, FLOW_JSON, FLOW_MARKDOWN)
_BY_GROUP = ("22a", "22b", "24a", "24b", "25", "26", "27", "H6", "H8")
_HIDDEN = "the numbers by group, hidden while the study is blinded"


@dataclass(frozen=True)
class _Place:
    """Where an item is filled: an output by its id, a file, or a pointer into the definition."""

    kind: str
    id: str
    title: str

    def document(self) -> Document:
        """Return it as data."""
        return {"kind": self.kind, "id": self.id, "title": self.title}


def checklist(report: Report, definition: Definition) -> Document:
    """Return where this study fills each item of CONSORT 2025, and each item on harms."""
    cut = report.cut
    return {
        "study": cut.study,
        "notice": cut.notice,
        "cut": cut_fields(cut),
        "consort_2025": [_item(item, CONSORT[item], report, definition) for item in CONSORT],
        "harms": [_item(item, HARMS[item], report, definition) for item in HARMS],
        "harms_numbering": "ours; by the recommendations of CONSORT Harms 2004 and 2022",
    }


def _item(number: str, topic: str, report: Report, definition: Definition) -> Document:
    if definition.design == "single-group" and number in _RANDOMISATION:
        return _document(number, topic, NOT_APPLICABLE, [], "")
    rule, remains = _OWN.get(number, (_nothing, ""))
    if definition.blinded and report.cut.audience == OPEN and number in _BY_GROUP:
        remains = _HIDDEN
    places = list(dict.fromkeys((*_named(number, definition), *rule(report, definition))))
    if not places:
        return _document(number, topic, MANUAL, [], "")
    is_defined = all(place.kind == "definition" for place in places)
    return _document(number, topic, FROM_DEFINITION if is_defined else FROM_DATA, places, remains)


def _document(
    number: str, topic: str, status: str, places: Sequence[_Place], remains: str
) -> Document:
    return {
        "item": number,
        "topic": topic,
        "status": status,
        "where": [place.document() for place in places],
        "remains": remains or None,
    }


def _named(number: str, definition: Definition) -> Iterator[_Place]:
    """Yield the outputs that the definition names for an item."""
    for name in definition.consort.get(number, ()):
        if (reference := find_output(name, definition)) is not None:
            yield _Place(*reference)


type _Filled = Iterator[_Place]
type _Rule = Callable[[Report, Definition], _Filled]


def _nothing(_report: Report, _definition: Definition) -> _Filled:
    return iter(())


def _field(name: str, value: str) -> _Place:
    return _Place("definition", name, value)


def _registry(_report: Report, definition: Definition) -> _Filled:
    if definition.registry:
        yield _field("/registry", definition.registry)


def _design(_report: Report, definition: Definition) -> _Filled:
    yield _field("/design", definition.design)
    if definition.arms and definition.design != "single-group":
        yield _field("/arms", ", ".join(isolated(arm.label) for arm in definition.arms))


def _strata(_report: Report, definition: Definition) -> _Filled:
    if definition.strata:
        yield _field("/strata", ", ".join(map(isolated, definition.strata)))


def _events(_report: Report, definition: Definition) -> _Filled:
    """Yield what the definition states of adverse events."""
    events = definition.adverse_events
    for name in ("dictionary", "grading"):
        if value := getattr(events, name):
            yield _field(f"/adverse_events/{name}", value)
    if events.days_after_last_dose is not None:
        days = f"treatment-emergent until {events.days_after_last_dose} days after the last dose"
        yield _field("/adverse_events/days_after_last_dose", days)
    if events.related:
        yield _field("/adverse_events/related", ", ".join(events.related))


def _methods(report: Report, definition: Definition) -> _Filled:
    """Yield the tables that compare, with their methods, and the order of testing."""
    for grid in report.grids:
        methods = dict.fromkeys(
            cell.method for row in grid.rows for cell in row.cells if cell.get("p") is not None
        )
        if method := ", ".join(filter(None, methods)):
            yield _Place("table", grid.id, method)
    if definition.testing is not None:
        tests = f"{len(definition.testing.order)} in order, alpha {definition.testing.alpha:f}"
        yield _field("/testing", tests)


def _looks(_report: Report, definition: Definition) -> _Filled:
    """Yield the planned looks and the condition of completion."""
    for i, look in enumerate(definition.testing.looks if definition.testing else ()):
        alpha = "alpha by spending" if look.alpha is None else f"alpha {look.alpha:f}"
        yield _field(f"/testing/looks/{i}", f"{look.label}, {alpha}")


def _sets(_report: Report, definition: Definition) -> _Filled:
    for name, analysis_set in definition.sets.items():
        yield _field(f"/sets/{name}", f"{isolated(analysis_set.label)}, by {analysis_set.arm} arm")


def _missing(_report: Report, definition: Definition) -> _Filled:
    for kind, parts, usual in (
        ("measures", definition.measures, "observed"),
        ("conditions", definition.conditions, "excluded"),
    ):
        for name, part in parts.items():
            if part.missing != usual:
                yield _field(f"/{kind}/{name}/missing", part.missing)


def _flow(report: Report, _definition: Definition) -> _Filled:
    if report.flow.stages:
        yield from (_Place("file", name, report.flow.title) for name in _FLOW_FILES)


def _losses(report: Report, definition: Definition) -> _Filled:
    if any(stage.side for stage in report.flow.stages):
        yield from _flow(report, definition)


def _harms(report: Report, definition: Definition) -> _Filled:
    """Yield the tables of adverse events, and the listings."""
    yield from _harms_tables(report, definition)
    for listing in definition.listings:
        if listing.records == "adverse-event.reported":
            yield _Place("listing", listing.id, listing.title)


def _harms_tables(report: Report, definition: Definition) -> _Filled:
    tables = {
        table.id
        for table in definition.tables
        if any(row.kind in _HARMS_ROWS or _counts_events(row, definition) for row in table.rows)
    }
    for grid in report.grids:
        if grid.id in tables:
            yield _Place("table", grid.id, grid.title)


def _counts_events(row: TableRow, definition: Definition) -> bool:
    """Return whether a row counts subjects by an adverse event."""

    def asks(ref: Ref) -> bool:
        condition = ref if isinstance(ref, Condition) else definition.conditions.get(ref)
        return condition is not None and condition.adverse_event is not None

    refs = row.count.values() if isinstance(row.count, dict) else [row.count]
    return any(asks(ref) for ref in refs if ref is not None)


_OWN: Mapping[str, tuple[_Rule, str]] = {
    "2": (_registry, "the date of registration"),
    "9": (_design, "allocation ratio, if any, and framework"),
    "15": (_events, "how harms were sought"),
    "16b": (_looks, "guidelines for stopping"),
    "17b": (_strata, "blocks and their size"),
    "21a": (_methods, ""),
    "21b": (_sets, ""),
    "21c": (_missing, ""),
    "21d": (_nothing, "which were prespecified"),
    "22a": (_flow, ""),
    "22b": (_losses, ""),
    "27": (_harms, ""),
    "H3": (_events, "expected events"),
    "28": (_nothing, "which were prespecified"),
    "H7": (_harms_tables, ""),
    "H8": (_harms_tables, ""),
}
"""The items that are filled without the definition naming outputs for them, and what is left."""
