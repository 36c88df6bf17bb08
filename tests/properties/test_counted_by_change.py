"""A share found by change is the share found anew, and no component reads what it does not state.

Random definitions of every kind of row and random histories, and the studies that are here with
theirs: corrections that move first doses, enrolments and onsets, voids, late older revisions,
other ids that stand for a subject, erasures; in any order, one event or some at a time.
"""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import builders
import feeds
import pytest
import soak
import wide
from blinded import COLUMNS, ROWS, study_of
from builders import day, entry
from core.test_any_definition import WHOLE
from core.test_arrangement import arranged
from islet import generate
from oncology import tumour
from parallel import TOTAL, A, B, parallel, randomised
from pilot import feed as pilot
from watched import WatchedDerivation, inputs_asked, is_stated

from local.feed import read_definition
from trial.definition import inputs
from trial.definition.study import Study, load
from trial.events import envelope, json_body
from trial.events.envelope import Entry
from trial.events.payloads import ERASURE
from trial.statistics.cells import Share
from trial.store.encoding.shares import decode_share, encode_share
from trial.subject.changed_inputs import Former, changed_inputs
from trial.subject.derivation import Derivation
from trial.subject.fold import ERASURE_RECORD, Subject, fold, fold_all
from trial.tables.compiled import compiled, contribute
from trial.tables.compiling import STUDY_SUMS
from trial.tables.components import ACCEPTED

ROOT = Path(__file__).parents[2]
SIZE = soak.size(1, 40)
SEED = soak.seed(f"{SIZE} times as many histories counted by change")
WATCHED = 0.12
"""Of so many states it is watched what is read: that takes long."""
MOST_EVENTS = 150

type Asked = set[tuple[str, str]]


def check_history(
    study: Study, entries: Sequence[Entry], rng: random.Random, watched: float = WATCHED
) -> Asked:
    """Count a subject after every one or few events, by change and anew; give what was read."""
    before, share = Subject(entries[0].subject), Share()
    asked: Asked = set()
    waiting = list(entries)
    while waiting:
        after = before
        for _ in range(rng.choice([1, 1, 1, 1, 2, 4])):
            after = fold(after, waiting.pop(0))[0] if waiting else after
        anew = contribute(study, after)
        if share:
            stored, _ = decode_share(encode_share(share, 1))
            by_change = contribute(study, after, former=Former(before, stored))
            assert by_change == anew
            assert encode_share(by_change, 2, stored) == encode_share(anew, 2)
        if rng.random() < watched:
            for view in study.views:
                asked |= check_inputs(view, after)
        before, share = after, anew
    return asked


def check_inputs(view: Study, subject: Subject) -> Asked:
    """Check that each component states what it reads of a subject; give that."""
    asked = list(inputs_asked(compiled(view), subject))
    lacking = [
        (component, name) for component, name, stated in asked if not is_stated(name, stated)
    ]
    assert lacking == []
    return {(component, name) for component, name, _ in asked}


def erased(entries: Sequence[Entry], rng: random.Random) -> list[Entry]:
    """Have the subject erased, or another id stand for it, somewhere; in few histories."""
    first = entries[0]
    further: list[tuple[str, dict[str, Any]]] = [
        (ERASURE, {"record": ERASURE_RECORD, "revision": 1, "reason": "asked"}),
        ("subject.superseded", {"record": "S", "revision": 1, "by": "X"}),
    ]
    result = list(entries)
    for kind, data in further:
        if rng.random() < 0.2:
            value = builders.event(kind, first.subject, **data) | {"study": first.study}
            result.insert(rng.randrange(len(result)), envelope.parse(value, json.dumps(value)))
    return result


# Random definitions

type Made = Callable[[random.Random], Entry] | Entry


def _any_day(rng: random.Random) -> int:
    return rng.choice([0, 5, 7, 8, 12, 14, 21, 30, 35, 42, 60])


_MADE: Sequence[Made] = [
    lambda rng: builders.enrolment(rng.choice([0, 1]), age=rng.randint(18, 90)),
    lambda rng: randomised(
        rng.choice("ab"), record=rng.choice("RQ"), strata={"region": rng.choice(["north", "south"])}
    ),
    *[
        lambda rng: builders.dose(
            rng.choice([7, 7, 7, 8, 12, 30]), rng.choice(["09:00", "11:00"]),
            treatment=rng.choice(["drug", "placebo"]), record=f"D{rng.randrange(4)}",
            amount=rng.choice([5, 800]),
        )
    ]
    * 3,
    entry("dose.missed", record="M", visit="day-7", date=day(7), reason="ill"),
    *[
        lambda rng: builders.viral_load(
            _any_day(rng), rng.randint(1, 10**6), rng.choice(["11:00", "12:00"]),
            record=f"VL-{rng.randrange(9)}",
        )
    ]
    * 3,
    *[lambda rng: builders.cd4(_any_day(rng), rng.randint(1, 900))] * 2,
    lambda rng: builders.contact(_any_day(rng), visit=rng.choice(["day-0", "extra", "later"])),
    entry("visit.missed", record="V", visit="week-5", date=day(35), reason="ill"),
    *[
        lambda rng: builders.adverse_event(
            rng.choice([None, "2015-06", _any_day(rng)]), f"AE-{rng.randrange(3)}",
            grade=rng.randint(1, 4), severity=rng.choice(["MILD", "SEVERE"]),
            serious=rng.random() < 0.5,
        )
    ]
    * 2,
    lambda rng: builders.coding(rng.choice(["Rash", "Headache"]), f"AE-{rng.randrange(3)}"),
    lambda rng: builders.disposition(
        _any_day(rng), rng.choice(["completed", "discontinued"]), record=rng.choice("RQ"),
        of=rng.choice(["study", "treatment"]), reason="LOST TO FOLLOW-UP",
    ),
    lambda rng: builders.death(rng.choice([60, "2015-07"])),
    lambda rng: builders.regimen(_any_day(rng)),
    lambda rng: entry(
        "conmed.recorded", record=rng.choice("RQ"), drug="x", **rng.choice(
            [{}, {"start": "2015-06"}, {"start": day(3), "end": day(9)}])
    ),
    lambda rng: entry(
        "conmed.coded", record="C", medication=rng.choice("RQ"), dictionary="W", version="1",
        preferred_name="X", atc=[{"code": rng.choice(["C10AA", "A10"])}],
    ),
    entry("medical-history.reported", record="H", term="Asthma", start="2014"),
    entry(
        "medical-history.coded", record="HC", medical_history="H", dictionary="M", version="1",
        pt="Asthma", soc="Lungs",
    ),
    lambda rng: entry("consent.recorded", record="K", date=day(rng.randrange(-3, 3))),
    lambda rng: entry(
        "device-deficiency.reported", record="DD", date=day(9), device=rng.choice(["PUMP", "SHAM"]),
        category=rng.choice(["ALARM", "OTHER"]), description="It rang",
    ),
    entry("subject.unblinded", record="U", date=day(20), reason="on drug"),
    entry("vital-status.recorded", record="VS", date=day(50), status="DEAD"),
    lambda rng: entry(
        "physical-examination.recorded", record="PE", date=day(9), system="Skin",
        result=rng.choice(["NORMAL", "ABNORMAL"]),
    ),
]  # fmt: skip


def _made(rng: random.Random) -> Entry:
    made = rng.choice(_MADE)
    return made if isinstance(made, Entry) else made(rng)


def _revised(event: Entry, revision: int, rng: random.Random) -> Entry:
    """Give another revision of an event: its content, or nothing."""
    data = dict(event.data) | {"record": event.record, "revision": revision}
    if revision > 1 and rng.random() < 0.3:
        data = {"record": event.record, "revision": revision, "action": "void"}
    return entry(event.kind, **data)


def random_history(rng: random.Random, size: int) -> list[Entry]:
    """Draw the events of one subject, with revisions that may come out of their order."""
    revisions: dict[tuple[str, str], int] = {}
    events = []
    for event in (builders.enrolment(), randomised("a"), *(
        _made(rng) for _ in range(size)
    )):  # fmt: skip
        key = event.kind, event.record
        revisions[key] = revisions.get(key, 0) + rng.choice([1, 1, 1, 2])
        events.append(_revised(event, revisions[key], rng))
    if rng.random() < 0.3:
        rng.shuffle(events)
    return erased(events, rng)


_RECEIVED = {"id": "given", "label": "G", "set": "received", "arm": "a"}
_COMPARED = {"id": "p", "label": "P", "compare": ["a", "b"], "rates": "ratio"}


_FURTHER_VISITS = [
    {"id": "extra", "label": "Extra"},
    {"id": "later", "label": "Later"},
    {"id": "follow-up", "label": "Follow-up", "day": 14, "window": [10, 20],
     "days_from": "last-dose", "schedule": "after"},
]  # fmt: skip
_OF_FURTHER_VISITS: list[Any] = [
    {"summary": {"parameter": "cd4", "at": "follow-up"}},
    {"summary": {"parameter": "cd4", "at": "extra", "missing": "locf"}},
    {"count": {"measure": {"parameter": "viral-load", "after_first_dose": "highest",
                           "days_after_last_dose": 9}, "at_least": 100}},
]  # fmt: skip


@cache
def random_study(first: int) -> Study:
    """Give a blinded study of every fifth kind of row; the first has visits of all manners."""
    rows, options = list(ROWS[first::5]), dict[str, Any]()
    if first == 0:
        rows += _OF_FURTHER_VISITS
        options["visits"] = [*builders.TINY["visits"], *_FURTHER_VISITS]
    columns = (A, B, TOTAL) if first % 2 else COLUMNS  # of sets that ask for doses, or of none
    return study_of(rows, [*columns, _RECEIVED, _COMPARED], **options)


@pytest.mark.parametrize("first", range(5))
def test_in_every_kind_of_row(first: int) -> None:
    rng = random.Random(SEED + first)  # noqa: S311 (a seed)
    study = random_study(first)
    for _ in range(4 * SIZE):
        check_history(study, random_history(rng, 30), rng, WATCHED)


@pytest.mark.parametrize("is_blinded", [False, True])
def test_in_a_definition_of_every_kind_of_part(*, is_blinded: bool) -> None:
    rng = random.Random(SEED)  # noqa: S311 (a seed)
    study = load(json.dumps(WHOLE | {"blinded": is_blinded}))
    for _ in range(2 * SIZE):
        check_history(study, random_history(rng, 25), rng, WATCHED / 2)


def test_where_cells_of_any_rows_are_arranged() -> None:
    rng = random.Random(SEED)  # noqa: S311 (a seed)
    with arranged():
        for first in range(5):
            check_history(random_study(first), random_history(rng, 15 * SIZE), rng, 0)


# The studies that are here


def _study_of_files(path: Path) -> tuple[Study, list[dict[str, Any]]]:
    lines = (path / "feed.ndjson").read_text(encoding="utf-8").splitlines()
    definition = read_definition(path / "definition.yaml")
    study = definition["study"]
    events = [json.loads(line) | {"study": study} for line in lines]
    return load(json.dumps(definition)), events


def _islet() -> tuple[Study, list[dict[str, Any]]]:
    return load(json.dumps(read_definition(ROOT / "tests/islet/definition.yaml"))), [
        *map(dict, generate.feed())
    ]


def _oncology() -> tuple[Study, list[dict[str, Any]]]:
    definition = read_definition(ROOT / "tests/oncology/definition.yaml")
    return load(json.dumps(definition)), [json.loads(event.body) for event in tumour.feed()]


def _pilot() -> tuple[Study, list[dict[str, Any]]]:
    return load(json.dumps(read_definition(wide.PILOT))), [*map(dict, pilot.feed())]


STUDIES = {
    "tmb-301": lambda: _study_of_files(ROOT / "events/tmb-301"),
    "airway-2x2": lambda: _study_of_files(ROOT / "events/airway-2x2"),
    "example": lambda: _study_of_files(ROOT / "events/example"),
    "islet": _islet,
    "oncology": _oncology,
    "pilot": _pilot,
}


@pytest.mark.parametrize("name", STUDIES)
def test_in_the_studies_that_are_here(name: str) -> None:
    rng = random.Random(SEED)  # noqa: S311 (a seed)
    study, events = STUDIES[name]()
    subjects = sorted({event["subject"] for event in events})
    for subject in rng.sample(subjects, min(2 * SIZE, len(subjects))):
        own = [event for event in events if event["subject"] == subject]
        own = [event for event in own if rng.random() < MOST_EVENTS / len(own)]
        if rng.random() < 0.8:
            own = feeds.disturbed(own, rng)
        bodies = [json.dumps(event) for event in own]
        entries = [envelope.parse(json_body.read_json(body), body, study.id) for body in bodies]
        check_history(study, erased(entries, rng), rng, WATCHED / 4)


@pytest.mark.parametrize("blinded", [False, True])
def test_where_cells_are_arranged(*, blinded: bool) -> None:
    rng = random.Random(SEED)  # noqa: S311 (a seed)
    study = wide.many_analytes(blinded=blinded)
    analytes = [f"analyte-{number}" for number in range(3)]
    entries = [*wide.feed(study, "P", analytes, 4, "low"), wide.moved(study, "P", "high")]
    check_history(study, entries, rng, 0)


def test_a_first_dose_changed_on_its_day_changes_all() -> None:
    study, before = builders.tiny(), Subject("S-1")
    for event in (builders.enrolment(), builders.dose(7), builders.dose(9)):
        before, _ = fold(before, event)
    first, _ = fold(before, builders.dose(7, "12:00", revision=2))
    later, _ = fold(before, builders.dose(9, "12:00", revision=2))
    assert changed_inputs(before, first, Derivation(study, first)) is None
    stated = {inputs.ANYTHING, "dose.administered"}
    assert changed_inputs(before, later, Derivation(study, later)) == stated


ENROLLED = {"id": "e", "label": "E", "set": "enrolled"}
COMPARED = [A, B, {"id": "p", "label": "P", "compare": ["a", "b"], "rates": "ratio"}]
_CD4 = {"parameter": "cd4"}
_LOW = {"measure": _CD4 | {"at": "day-0"}, "at_least": 100}
_LOW_SET = {"low": {"label": "Low", "condition": "low"}}
_STARTED = (builders.enrolment(), builders.dose(7))
_ONE_BOX: dict[str, Any] = {"id": "b", "label": "B", "count": "low"}


def _exposure(of: str, **options: Any) -> dict[str, Any]:
    return {"summary": {"exposure": {"of": of, "unit": "mg", **options}}}


type Alone = tuple[dict[str, Any], Sequence[Entry], Entry]
"""A row or other parts of the definition, a history, and an event that moves what they count."""
ALONE: Mapping[str, Alone] = {
    "events by a later dose": (
        {"events": {"emergent": True}}, [*_STARTED, builders.adverse_event(60)], builders.dose(50),
    ),
    "terms by their coding": (
        {"terms": {"filter": {}}}, [*_STARTED, builders.adverse_event()], builders.coding(),
    ),
    "time by the last contact": (
        {"survival": {"time": "alive"}}, _STARTED, builders.contact(30),
    ),
    "time by a last contact that is corrected": (
        {"survival": {"time": "alive"}}, [*_STARTED, builders.contact(30)],
        builders.contact(5, record="SEEN-30", revision=2),
    ),
    "a window whose last day was the last contact": (
        {"not_due": "day14-responder"}, [*_STARTED, builders.contact(17)], builders.contact(18),
    ),
    "days at risk by the last contact": (
        {"incidence": {"filter": {}}}, _STARTED, builders.contact(30),
    ),
    "days at risk by the last dose": (
        {"incidence": {"filter": {}}}, [*_STARTED, builders.contact(90)], builders.dose(50),
    ),
    "rate by the last contact": (
        {"event_rate": {"filter": {}}}, [randomised("a"), *_STARTED], builders.contact(30),
    ),
    "what goes on by the last contact": (
        {"resolution": {"filter": {}}}, [*_STARTED, builders.adverse_event(10)],
        builders.contact(30),
    ),
    "a window that ends": ({"not_due": "day14-responder"}, _STARTED, builders.contact(60)),
    "a baseline that is due": (
        {"count": {"measure": _CD4 | {"at": "baseline"}, "below": 1, "missing": "failure"}},
        _STARTED, builders.contact(8),
    ),
    "all of some visits due": (
        {"not_due": {"measure": _CD4 | {"after_first_dose": "last", "at_visits": ["day-14"]},
                     "at_least": 1}},
        _STARTED, builders.contact(60),
    ),
    "a visit named first": (
        {"count": {"measure": _CD4 | {"at": "extra"}, "below": 1, "missing": "failure"}},
        _STARTED, builders.contact(0, visit="extra"),
    ),
    "a visit of a row named first": (
        {"count": {"measure": _CD4, "below": 1, "missing": "failure"}, "visits": ["extra"]},
        _STARTED, builders.contact(0, visit="extra"),
    ),
    "classes in place of a second visit": (
        {"visits": ["day-0", "day-14"], "levels": {"characteristic": {
            "label": "C", "measure": _CD4, "missing": "x", "classes": [
                {"value": "x", "label": "X", "at_least": 1}]}}}, _STARTED, builders.contact(18),
    ),
    "a day of a visit": (
        {"summary": _CD4 | {"at": "extra", "missing": "locf"}},
        [*_STARTED, builders.cd4(12, 5), builders.contact(8, visit="extra"), builders.contact(40),
         entry("visit.missed", record="V", visit="extra", date=day(10), reason="ill")],
        entry("visit.missed", record="V", revision=2, visit="extra", date=day(20), reason="ill"),
    ),
    "what a result is derived of": (
        {"summary": "baseline-log"}, _STARTED, builders.viral_load(0, 5000),
    ),
    "classes in place": (
        {"levels": {"characteristic": {"label": "C", "measure": _CD4 | {"at": "day-0"}, "classes": [
            {"value": "x", "label": "X", "at_least": 1}]}}}, _STARTED, builders.cd4(0, 5),
    ),
    "results until the last dose": (
        {"summary": _CD4 | {"after_first_dose": "highest", "days_after_last_dose": 9}},
        [*_STARTED, builders.cd4(30, 5)], builders.dose(25),
    ),
    "results together until the last dose": (
        {"count": {"results": [_CD4 | {"at_least": 1}], "days_after_last_dose": 9}},
        [*_STARTED, builders.cd4(30, 5)], builders.dose(25),
    ),
    "days to the last dose": (
        {"summary": {"days": {"start": "first-dose", "end": "last-dose"}}}, _STARTED,
        builders.dose(25),
    ),
    "days to the last contact": (
        {"summary": {"days": {"start": "first-dose", "end": "last-contact"}}}, _STARTED,
        builders.contact(25),
    ),
    "doses": (_exposure("cumulative-dose"), _STARTED, builders.dose(14)),
    "doses missed": (
        _exposure("planned-dose", planned_dose=800), _STARTED,
        entry("dose.missed", record="M", visit="day-14", reason="ill"),
    ),
    "codings of other records": (
        {"record_terms": {"recorded": "medical-history.reported", "by": ["pt"]}},
        [*_STARTED, entry("medical-history.reported", record="H", term="Asthma")],
        entry("medical-history.coded", record="HC", medical_history="H", dictionary="M",
              version="1", pt="Asthma", soc="Lungs"),
    ),
    "medication by a later dose": (
        {"medications": {"days_after_last_dose": 5}, "rows": [
            {"count": {"recorded": "conmed.recorded", "where": {"concomitant": True}}}]},
        [*_STARTED, entry("conmed.recorded", record="M", drug="x", start=day(20))],
        builders.dose(25),
    ),
    "a column that shows some": (
        {"columns": [ENROLLED | {"where": "low"}], "rows": [{"count": "enrolled"}]},
        _STARTED, builders.cd4(0, 500),
    ),
    "an analysis set": ({"sets": _LOW_SET}, _STARTED, builders.cd4(0, 500)),
    "a column of a set": (
        {"sets": _LOW_SET, "rows": [{"count": "enrolled"}],
         "columns": [{"id": "e", "label": "E", "set": "low"}]},
        _STARTED, builders.cd4(0, 500),
    ),
    "the flow": (
        {"flow": {"title": "F", "stages": [{"id": "s", "label": "S", "box": _ONE_BOX}]}},
        _STARTED, builders.cd4(0, 500),
    ),
    "who is complete": (
        {"completion": {"set": "enrolled", "condition": "low", "label": "low"}},
        _STARTED, builders.cd4(0, 500),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ALONE)
def test_an_input_that_alone_changes_is_seen(name: str) -> None:
    parts, history, event = ALONE[name]
    is_row = parts.keys().isdisjoint(("rows", "sets", "flow", "completion"))
    options = {"rows": [parts]} if is_row else dict(parts)
    rows = options.pop("rows", [{"count": "enrolled"}])
    columns = options.pop("columns", [ENROLLED] if name != "rate by the last contact" else COMPARED)
    study = parallel(rows, columns, **{
        "times": {"alive": {"label": "A", "start": "enrolment", "events": ["death"]}},
        "visits": [*builders.TINY["visits"], *_FURTHER_VISITS[:2]], "conditions": {"low": _LOW},
        "discrepancies": {"only": []}, **options,
    })  # fmt: skip
    before = fold_all("S-1", history)
    after, _ = fold(before, event)
    former, anew = contribute(study, before), contribute(study, after)
    former_but_accepted = former | {STUDY_SUMS: former[STUDY_SUMS] | {ACCEPTED: after.accepted}}
    assert anew != former_but_accepted
    for _ in range(2):  # a process counts its first event anew
        assert contribute(study, after, former=Former(before, former)) == anew


_SELDOM_READ = {
    "age-in-days-missing": {inputs.RESULTS},  # where grades depend on days of life
    "undecided": {  # where codings of one version differ, or a result is carried forward
        "adverse-event.reported", "conmed.recorded", "medical-history.reported", inputs.VISITS,
    },
    "after-death": {inputs.ANYTHING},
}  # fmt: skip


def test_each_rule_reads_what_it_states() -> None:
    """So a kind that is left out of what a rule states fails the properties above."""
    rng = random.Random(7)  # noqa: S311 (a seed)
    plan, read = compiled(random_study(0)), dict[str, set[str]]()
    for _ in range(60):
        subject = Subject("S-1")
        for event in random_history(rng, 40):
            subject, _ = fold(subject, event)
        for rule in plan.components.rules:
            derivation = WatchedDerivation(plan.study, subject)
            plan.checks.contribute_rules({rule}, derivation, {})
            read.setdefault(rule, set()).update(derivation.inputs)
    for rule, stated in plan.components.rules.items():
        asked = read[rule] | {name.partition(" ")[0] for name in read[rule]}
        asked |= {inputs.RESULTS} if "parameter" in asked else set()
        assert stated - inputs.COURSE - asked == _SELDOM_READ.get(rule, set()), rule
