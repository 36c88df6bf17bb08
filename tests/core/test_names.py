"""A name that matches nothing is refused at its very place, wherever a name can stand."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import pytest
from builders import TINY

from local.feed import read_definition
from trial.definition import Definition
from trial.definition.base import Model, RefersTo
from trial.errors import FieldError, Rejected
from trial.tables import checking

ROOT = Path(__file__).parents[2]
SHIPPED = {
    "example": ROOT / "events" / "example" / "definition.yaml",
    "tmb-301": ROOT / "events" / "tmb-301" / "definition.yaml",
    "airway-2x2": ROOT / "events" / "airway-2x2" / "definition.yaml",
    "pilot": ROOT / "tests" / "pilot" / "definition.yaml",
}
Place = tuple[str | int, ...]

FREE = frozenset(
    ("study", "title", "registry", "notice", "label", "population", "footnotes", "x_label",
     "y_label", "rule", "unit", "units", "dictionary", "grading", "id", "earliest", "latest",
     "dataset")
)  # fmt: skip
"""Texts that are for readers, or that begin something: they name nothing."""


@cache
def shipped(name: str) -> Any:
    loaded = read_definition(SHIPPED[name])
    return json.loads(json.dumps(loaded))  # so that no part stands in two places


def strings(value: Any, path: Place = ()) -> Iterator[tuple[Place, str]]:
    """List where every text of a definition stands."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from strings(inner, (*path, name))


def word(path: Place) -> str:
    """Give the last name in a place: that of the field, not a position."""
    return next(str(step) for step in reversed(path) if isinstance(step, str))


def names_something(path: Place) -> bool:
    """Say whether a text is a reference, by where it stands."""
    if "where" in path:
        return word(path) != "indication"  # free text: `checking` warns of it
    match path:
        case ("strata" | "outcomes" | "placebo" | "vocabularies", *_):
            return False  # which say what there is
        case ("arms", _, "treatments", _) | ("adverse_events", "causality", _):
            return False
        case (
            ("characteristics", _, "levels", _)
            | ("classes", _, "classes", _, "value")
            | ("visits", _, "schedule")  # visits with one word are a schedule
        ):
            return False
        case (
            ("adverse_events", "groups", *_)  # preferred terms are the dictionary's
            | ("narratives", _, "words", *_)
            | ("narratives", _, "paragraphs", _, "text" | "before" | "between" | "after")
            | ("narratives", _, "paragraphs", _, "otherwise")  # placeholders: test_narratives
        ):
            return False
    return word(path) not in FREE


def found(value: Any, path: Place) -> Any:
    for name in path:
        value = value[name]
    return value


def pointer(path: Place) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def faults(definition: Any) -> list[FieldError]:
    try:
        checking.read_definition(json.dumps(definition))
    except Rejected as refused:
        return list(refused.faults)
    return []


def misspelt(definition: Any, places: list[Place]) -> Any:
    copy = json.loads(json.dumps(definition))  # a tenth of what deepcopy takes
    for path in places:
        found(copy, path[:-1])[path[-1]] += "zz"
    return copy


@cache
def by_field(name: str) -> dict[str, list[Place]]:
    """Give the places of all references in a shipped definition, those of one field together.

    Of levels and filters what is beside them must be right for them to be looked at.
    """
    groups: dict[str, list[Place]] = {}
    for path, text in strings(shipped(name)):
        by_term = word(path) == "row" and "/" in text  # terms come with the data
        if names_something(path) and not by_term:
            groups.setdefault(word(path), []).append(path)
    return groups


GROUPS = [(name, field) for name in SHIPPED for field in by_field(name)]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_definitions_are_accepted(name):
    assert faults(shipped(name)) == []


@pytest.mark.parametrize(("name", "field"), GROUPS)
def test_a_misspelt_name_is_refused_at_its_place_wherever_it_stands(name, field):
    places = by_field(name)[field]
    refused = {fault.pointer for fault in faults(misspelt(shipped(name), places))}
    assert {pointer(path) for path in places} - refused == set()


@pytest.mark.parametrize("name", SHIPPED)
def test_one_misspelt_name_is_one_fault(name):
    """A broken named part is wrong at its own place, and not at each of its users."""
    for field in ("parameter", "measure", "recorded"):
        for path in by_field(name).get(field, [])[:3]:
            assert [fault.pointer for fault in faults(misspelt(shipped(name), [path]))] == [
                pointer(path)
            ]


KEYS: list[tuple[str, Callable[[Any], Any], str, str]] = [
    ("airway-2x2", lambda d: d["measures"]["days-a"]["by_arm"], "AB", "/measures/days-a/by_arm"),
    ("airway-2x2", lambda d: d["conditions"]["completed"]["where"], "status",
     "/conditions/completed/where"),
    ("tmb-301", lambda d: d["tables"][1]["rows"][0]["count"], "total", "/tables/1/rows/0/count"),
    ("tmb-301", lambda d: d["vocabularies"]["resistance.reported"], "drug",
     "/vocabularies/resistance.reported"),
    ("tmb-301", lambda d: d["vocabularies"], "resistance.reported", "/vocabularies"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "inside", "key", "place"), KEYS)
def test_a_misspelt_key_is_refused_at_its_place(name, inside, key, place):
    changed = deepcopy(shipped(name))
    part = inside(changed)
    part[f"{key}zz"] = part.pop(key)
    assert f"{place}/{key}zz" in [fault.pointer for fault in faults(changed)]


def tiny(**changes: Any) -> Any:
    return deepcopy(dict(TINY)) | changes


def with_condition(**condition: Any) -> Any:
    return tiny(conditions=TINY["conditions"] | {"new": condition})


def asked(kind: str, **criteria: Any) -> Any:
    return with_condition(recorded=kind, where=criteria)


def with_row(**row: Any) -> Any:
    table = {**TINY["tables"][0], "rows": [{"id": "new", "label": "New"} | row]}
    return tiny(tables=[table], key_results=[])


def listed(records: str, source: str, **options: Any) -> Any:
    columns = [{"id": "X", "label": "X", "source": source}]
    listing = {"id": "L", "title": "L", "population": "All", "records": records}
    return tiny(listings=[listing | {"columns": columns} | options])


WHERE = "/conditions/new/where"
LEVELS = [{"value": "1", "label": "1"}, {"value": "6", "label": "6"}]


@pytest.mark.parametrize(
    ("definition", "pointer_expected", "suggestion"),
    [
        (asked("disposition.recorded", of="studdy"),
         f"{WHERE}/of", "study"),
        (asked("disposition.recorded", status=["completed", "Withdrawn"]),
         f"{WHERE}/status/1", None),
        (asked("visit.recorded", visit="day14"), f"{WHERE}/visit", "day-14"),
        (asked("lab.result.reported", parameter="viral-load-log10"),
         f"{WHERE}/parameter", "viral-load"),
        (asked("lab.result.reported", unit="copies/ml"),
         f"{WHERE}/unit", "copies/mL"),
        (asked("outcome.adjudicated", outcome="failed"),
         f"{WHERE}/outcome", None),
        (asked("disposition.recorded", period="controll"),
         f"{WHERE}/period", "control"),
        (asked("adverse-event.reported", serious="yes"),
         f"{WHERE}/serious", None),
        (asked("adverse-event.reported", grade="severe"),
         f"{WHERE}/grade", None),
        (asked("adverse-event.reported", grade=6), f"{WHERE}/grade", None),
        (asked("adverse-event.reported", outcome="Fatal"),
         f"{WHERE}/outcome", "FATAL"),
        (asked("adverse-event.reported", causality="Related"),
         f"{WHERE}/causality", "RELATED"),
        (asked("subject.enrolled", country="USSA"), f"{WHERE}/country", "USA"),
        (asked("subject.enrolled", sex="female"), f"{WHERE}/sex", None),
        (asked("subject.enrolled", characteristics="history"),
         f"{WHERE}/characteristics", None),
        (asked("subject.enrolled", date="soon"), f"{WHERE}/date", None),
        (asked("dose.administered", record="DOSE-1"), f"{WHERE}/record", None),
        (asked("dose.administered", amount="many"), f"{WHERE}/amount", None),
        (with_condition(characteristic="sex", levels=["female"]), "/conditions/new/levels/0", None),
        (with_condition(characteristic="race", levels=["White"]),
         "/conditions/new/levels/0", "WHITE"),
        (with_condition(adverse_event={"severity": ["Moderate"]}),
         "/conditions/new/adverse_event/severity/0", "MODERATE"),
        (with_condition(adverse_event={"seriousness": "HOSPITALIZATION"}),
         "/conditions/new/adverse_event/seriousness", "HOSPITALISATION"),
        (with_condition(adverse_event={"action_taken": "DRUG WITHDRAWAL"}),
         "/conditions/new/adverse_event/action_taken", "DRUG WITHDRAWN"),
        (with_condition(adverse_event={"outcome": "fatal"}),
         "/conditions/new/adverse_event/outcome", "FATAL"),
        (with_condition(adverse_event={"grade": 6}), "/conditions/new/adverse_event/grade", None),
        (with_condition(adverse_event={"grade_at_least": 0}),
         "/conditions/new/adverse_event/grade_at_least", None),
        (tiny(adverse_events=TINY["adverse_events"] | {"related": ["Related"]}),
         "/adverse_events/related/0", "RELATED"),
        (tiny(measures=TINY["measures"] | {"new": {"characteristic": "sex"}}),
         "/measures/new/characteristic", None),
        (tiny(measures=TINY["measures"] | {"new": {"characteristic": "history"}}),
         "/measures/new/characteristic", None),
        (with_row(levels={"characteristic": "sex", "values": [{"value": "m", "label": "Male"}]}),
         "/tables/0/rows/0/levels/values/0/value", "M"),
        (with_row(levels={"recorded": "disposition.recorded", "field": "status",
                          "values": [{"value": "done", "label": "Done"}]}),
         "/tables/0/rows/0/levels/values/0/value", None),
        (with_row(worst={"filter": {}, "field": "grade", "levels": LEVELS}),
         "/tables/0/rows/0/worst/levels/1/value", None),
        (with_row(worst={"filter": {}, "field": "severity", "levels": LEVELS[:1]}),
         "/tables/0/rows/0/worst/levels/0/value", None),
        (with_row(terms={"filter": {}, "worst": {"field": "grade", "levels": LEVELS}}),
         "/tables/0/rows/0/terms/worst/levels/1/value", None),
        (listed("adverse-event.reported", "revision"), "/listings/0/columns/0/source", None),
        (listed("adverse-event.reported", "onset.day"), "/listings/0/columns/0/source", None),
        (listed("adverse-event.reported", "term.study-day"), "/listings/0/columns/0/source", None),
        (listed("subjects", "measure:agee"), "/listings/0/columns/0/source", "age"),
        (listed("subjects", "mesure:age"), "/listings/0/columns/0/source", "measure:"),
        (listed("subjects", "set:itt"), "/listings/0/columns/0/source", None),
        (listed("subjects", "subject", where={"sex": "F"}), "/listings/0/where", None),
        (listed("observations:viral-load,cd8", "value"), "/listings/0/records", None),
        (listed("adverse-event.report", "term"), "/listings/0/records", "adverse-event.reported"),
        (tiny(consort={"25": ["onee"]}), "/consort/25/0", "one"),
        (tiny(key_results=[TINY["key_results"][0] | {
            "source": {"table": "one", "row": "sex/male", "column": "total"}}]),
         "/key_results/0/source/row", None),
        (tiny(key_results=[TINY["key_results"][0] | {
            "source": {"table": "one", "row": "responders", "column": "totals"}}]),
         "/key_results/0/source/column", "total"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused(definition, pointer_expected, suggestion):
    (fault,) = faults(definition)
    assert fault.pointer == pointer_expected
    if suggestion is not None:
        assert f"Did you mean {suggestion}?" in fault.detail


@pytest.mark.parametrize(
    "definition",
    [
        asked("adverse-event.reported", serious=True),
        asked("adverse-event.reported", serious="true"),
        asked("adverse-event.reported", grade=3),
        asked("adverse-event.reported", grade=["3", 4]),
        asked("adverse-event.reported", severity=""),
        asked("conmed.recorded", indication="anything"),
        asked("subject.enrolled", date="2015-06"),
        with_row(levels={"characteristic": "site", "values": [{"value": "9", "label": "Nine"}]}),
        with_row(levels={"characteristic": "sex", "values": [{"value": "", "label": "Unknown"}]}),
        listed("observations:viral-load", "collected.study-day"),
        listed("adverse-event.reported", "onset.period"),
        *(
            tiny(
                key_results=[
                    TINY["key_results"][0]
                    | {"source": {"table": "one", "row": f"sex/{level}", "column": "total"}}
                ]
            )
            for level in ("M", "", "(not yet due)")
        ),
    ],
)
def test_what_can_be_is_taken(definition):
    assert faults(definition) == []


def test_what_is_known_is_listed_and_a_long_list_shortened():
    (fault,) = faults(asked("subject.enrolled", country="Germany"))
    assert "Known: ABW, AFG, " in fault.detail
    assert fault.detail.endswith("(249 in all)")
    (fault,) = faults(asked("disposition.recorded", status="x"))
    assert fault.detail.endswith("Known: completed, discontinued")


UNMARKED = frozenset(
    ("Added.add", "AdverseEventFilter.terms", "AdverseEvents.causality",
     "AdverseEvents.dictionary", "AdverseEvents.grading", "Exposure.unit", "Exposure.units.key",
     "Medications.dictionary", "NarrativeDefinition.words", "NarrativeDefinition.words.key",
     "Paragraph.after", "Paragraph.before", "Paragraph.between", "Paragraph.otherwise",
     "Arm.treatments", "Calendar.earliest",
     "Calendar.latest", "Characteristic.levels", "Characteristic.unit", "FigureDefinition.x_label",
     "FigureDefinition.y_label", "Class.value", "Definition.notice", "Definition.outcomes",
     "Definition.placebo", "Definition.registry", "Definition.strata", "Definition.study",
     "TableColumn.under", "Definition.vocabularies", "Discrepancies.off", "Discrepancies.only",
     "Estimand.summary", "Estimand.treatment", "Estimand.variable", "IntercurrentEvent.event",
     "IntercurrentEvent.handling",
     "KeyResultDefinition.rule", "KeyResultDefinition.unit", "ListingDefinition.dataset",
     "Parameter.texts", "Parameter.unit", "Parameter.units",
     "Parameter.units.key", "TermGroup.broad", "TermGroup.terms",
     "Visit.schedule", "ExtendedPiece.digest", "ExtendedPiece.piece", "GradedTerm.assumed",
     "Scale.noun", "Scale.source", "Scale.synonyms", "Scale.version")
)  # fmt: skip
"""Texts that are for readers, that declare what may be named, or whose model knows them itself."""


def unmarked(hint: Any, place: str) -> Iterator[str]:
    """List the texts of the language that are not marked as names."""
    if get_origin(hint) is Annotated:
        inner, *marks = get_args(hint)
        if not any(isinstance(mark, RefersTo) for mark in marks):
            yield from unmarked(inner, place)
    elif hint is str:
        yield place
    elif isinstance(hint, type) and issubclass(hint, Model):
        yield from unmarked_in(hint)
    elif get_origin(hint) is not Literal:
        for i, argument in enumerate(get_args(hint)):
            key = ".key" if get_origin(hint) is dict and i == 0 else ""
            yield from unmarked(argument, place + key)


@cache
def unmarked_in(model: type[Model]) -> frozenset[str]:
    hints = get_type_hints(model, include_extras=True)
    if model.__name__ == "Condition":  # which is made of conditions
        hints = {name: hint for name, hint in hints.items() if name not in ("all", "any", "none")}
    return frozenset(
        place
        for name in model.model_fields
        if name in hints
        for place in unmarked(hints[name], f"{model.__name__}.{name}")
    )


def test_every_text_of_the_language_is_known_to_name_something_or_not():
    """A field that is added must be marked with what it names, or be said to name nothing."""
    readers = ("id", "label", "title", "population", "footnotes", "key")
    texts = {place for place in unmarked_in(Definition) if place.rpartition(".")[2] not in readers}
    assert texts | {place for place in UNMARKED if place.endswith(".key")} == UNMARKED
