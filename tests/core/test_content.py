"""The same content is a repeat, however it is spelt; any change of a value is other content."""

import json
import random
from decimal import Decimal
from typing import Any, get_args

import builders
import pytest
from builders import adverse_event, dose, enrolment, entry, event, read, viral_load
from hypothesis import given
from hypothesis import strategies as st

from local import journals
from trial.events import content, envelope, json_body
from trial.events.content import LOCAL_TIMES
from trial.events.fields import AS_WRITTEN, LocalTime
from trial.events.json_body import read_json
from trial.events.payloads import KINDS, model_of
from trial.subject.fold import Outcome, Subject, fold

EVENTS: list[dict[str, Any]] = [
    event("dose.administered", start="2015-06-08T11:00", amount=5, unit="mg"),
    event("dose.administered", start="2015-06-08", end="2015-06-08T12:30", amount=2.5, unit="mg"),
    event("lab.result.reported", parameter="cd4", collected="2015-06-08T11:00:30",
          result="120.0", unit="cells/uL", lloq=0.5, uloq=1000, range_low=0),
    event("adverse-event.reported", term="Headache", serious=False, grade=3, onset="2015-06",
          seriousness=["HOSPITALISATION", "DISABILITY"], concomitant_treatment=True),
    event("visit.recorded", visit="day-0", date="2015-06-01",
          measurements=[{"parameter": "weight", "result": "70"},
                        {"parameter": "pulse", "result": "60", "unit": "1/min"}]),
    event("subject.enrolled", date="2015-06-01", site="101", age=40,
          characteristics={"weight": 70.25, "smoker": "yes"}),
    event("subject.screened", record="S", revision=3, reason_for_change="Corrected",
          date="2015-06-01"),
]  # fmt: skip
NOTHING: dict[str, Any] = {
    "dose.administered": {"lot": None, "visit": None},
    "lab.result.reported": {"reported": None},
    "adverse-event.reported": {"end": None, "page": None, "outcome": None},
    "subject.enrolled": {"race": None, "country": None},
    "subject.screened": {"site": None},
    "visit.recorded": {},
}


class Spelling:
    """Writes JSON values anew: other digits, other order, other spaces, nothings written out."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311 (a seed)

    def event(self, value: dict[str, Any]) -> str:
        data = dict(value["data"])
        kind = envelope.kind_of(value["type"])
        data |= {name: empty for name, empty in NOTHING[kind].items() if self.rng.random() < 0.5}
        if kind == "visit.recorded":
            data["measurements"] = [
                self.measurement(measurement) for measurement in data["measurements"]
            ]
        if kind == "subject.enrolled" and self.rng.random() < 0.5:
            data["characteristics"] = data["characteristics"] | {"unknown": None}
        if self.rng.random() < 0.5:
            data |= {"action": "record"}
        if "reason_for_change" not in data and self.rng.random() < 0.5:
            data |= {"reason_for_change": None}
        for name in LOCAL_TIMES & data.keys():
            if len(data[name] or "") == len("YYYY-MM-DDThh:mm") and self.rng.random() < 0.5:
                data[name] += ":00"
        return self.value(value | {"data": data})

    def measurement(self, item: dict[str, Any]) -> dict[str, Any]:
        return {**item, "position": None} if self.rng.random() < 0.5 else item

    def value(self, value: Any) -> str:
        match value:
            case dict():
                members = [
                    f"{json.dumps(k)}{self.space()}:{self.value(v)}" for k, v in value.items()
                ]
                self.rng.shuffle(members)
                return "{" + f"{self.space()},".join(members) + "}"
            case list():
                return "[" + f",{self.space()}".join(map(self.value, value)) + "]"
            case bool() | None | str():
                return json.dumps(value, ensure_ascii=self.rng.random() < 0.5)
            case _:
                return self.number(Decimal(str(value)))

    def number(self, value: Decimal) -> str:
        spelt = [f"{value}", f"{value:E}", f"{value:e}"]
        plain = f"{value:f}"
        spelt.append(f"{plain}{'' if '.' in plain else '.'}{'0' * self.rng.randrange(1, 4)}")
        spelt.append(f"{value * 1000:f}e-3")
        return self.rng.choice(spelt)

    def space(self) -> str:
        return self.rng.choice(["", " ", "\n\t"])


def other_values(value: Any) -> list[Any]:
    """Change a value in every way in which one value can be another."""
    match value:
        case bool():
            return [not value]
        case int() | float():
            return [value + 1]
        case str():
            return [value + " ", value.swapcase()] if value.swapcase() != value else [value + " "]
        case list():
            return [value[::-1], value[:1]] if len(value) > 1 else [[]]
        case dict():
            return [{k: v for k, v in value.items() if k != name} for name in value]
        case _:
            return []


def digest(kind: str, data: dict[str, Any]) -> bytes:
    """Give the digest of data, whatever a kind's model demands of them."""
    whole = {"kind": kind, "data": content.without_empty(content.normal_numbers(data))}
    return json_body.digest(whole)


@given(st.sampled_from(EVENTS), st.integers(0, 2**32))
def test_every_other_spelling_of_an_event_is_a_repeat(value, seed):
    first, repeat = read(value), read(Spelling(seed).event(value))
    subject, _ = fold(Subject("S-1"), first)
    assert fold(subject, repeat) == (subject, Outcome.REPEATED)
    assert repeat.data == first.data
    assert spelt(repeat.data) == spelt(first.data)


def spelt(value: Any) -> Any:
    """Give a value with its types: 5 and Decimal(5) are equal and not alike."""
    match value:
        case dict():
            return {name: spelt(member) for name, member in sorted(value.items())}
        case list():
            return list(map(spelt, value))
        case _:
            return type(value).__name__, str(value)


@given(st.sampled_from(EVENTS), st.integers(0, 2**32))
def test_whoever_verifies_finds_the_same_digest(value, seed):
    body = Spelling(seed).event(value)
    fields = journals._read(body, normal=True)
    assert fields is not None
    assert (fields["digest"], fields["revision"]) == (
        read(body).digest.hex(), value["data"]["revision"]
    )  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False,
                                                                        allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=15,
)  # fmt: skip


@given(st.dictionaries(st.text() | st.sampled_from(sorted(LOCAL_TIMES)), JSON))
def test_the_two_implementations_of_the_normal_form_agree(data):
    data = {name: read_json(json_body.canonical(value)) for name, value in data.items()}
    normal = content.without_empty(content.normal_numbers(data))
    assert spelt(journals._normal_data(data)) == spelt(normal)


@pytest.mark.parametrize("value", EVENTS, ids=lambda example: example["type"])
def test_any_change_of_a_value_is_other_content(value):
    kind, data = envelope.kind_of(value["type"]), value["data"]
    changed = [
        data | {name: changed_value}
        for name, former in data.items()
        for changed_value in other_values(former)
    ] + [{name: former for name, former in data.items() if name != omitted} for omitted in data]
    for data_changed in changed:
        assert digest(kind, data_changed) != digest(kind, data), data_changed
    assert len(changed) > len(data)


def test_composed_and_decomposed_letters_are_other_content():
    composed, decomposed = (
        adverse_event(term="M\u00e9ni\u00e8re"),
        adverse_event(term="Me\u0301nie\u0300re"),
    )
    assert composed.digest != decomposed.digest


@pytest.mark.parametrize("times", [("08:00:01", "08:00"), ("08:00:00", "08:01")])
def test_a_second_is_a_second(times):
    first, second = (dose(time=time).digest for time in times)
    assert first != second


def test_a_free_text_that_looks_like_a_time_stays_as_it_is():
    texts = ("2015-06-08T11:00:00", "2015-06-08T11:00")
    first, second = (adverse_event(term=text) for text in texts)
    assert first.digest != second.digest
    assert first.data["term"] == texts[0]


def test_a_whole_number_of_any_spelling_is_taken_where_a_whole_number_is_due():
    for name, kind, rest in (
        ("age", "subject.enrolled", {"date": "2015-06-01", "site": "1"}),
        ("grade", "adverse-event.reported", {"term": "Rash", "serious": False}),
    ):
        bodies = [
            json.dumps(event(kind, **rest, **{name: "@"})).replace('"@"', token)
            for token in ("3", "3.0", "0.3e1")
        ]
        assert len({read(body).digest for body in bodies}) == 1
        assert read(bodies[1]).data[name] == 3


def test_the_fields_of_local_times_are_those_of_the_models():
    def holds_time(annotation: object, metadata: tuple[object, ...]) -> bool:
        validator = LocalTime.__metadata__[0]
        return validator in metadata or any(
            validator in getattr(argument, "__metadata__", ()) for argument in get_args(annotation)
        )

    fields = {
        name
        for kind in KINDS
        for name, field in model_of(kind).model_fields.items()
        if holds_time(field.annotation, tuple(field.metadata))
    }
    assert fields == LOCAL_TIMES


# Journals of before there was a normal form


WRITTEN = (
    '"amount":5.0,"unit":"mg"',
    '"amount":5,"unit":"mg","lot":null',
    '"amount":50E-1,"unit":"mg","action":"record","end":null',
    '"start":"2015-06-08T11:00:00","amount":2.50,"unit":"mg"',
)


@pytest.mark.parametrize("text", WRITTEN)
def test_what_was_recorded_as_it_was_written_is_still_known(text):
    start = "" if "start" in text else '"start":"2015-06-08T11:00",'
    body = json.dumps(event("dose.administered")).replace(
        '"revision": 1', f'"revision": 1,{start}{text}'
    )
    before = envelope.parse(read_json(body), body, "TINY", AS_WRITTEN)
    subject, _ = fold(Subject("S-1"), before)
    assert before.digest != read(body).digest
    assert fold(subject, read(body)) == (subject, Outcome.REPEATED)
    assert fold(subject, read(body.replace("mg", "g")))[1] is Outcome.CONFLICT
    fields = journals._read(body, normal=False)
    assert fields is not None
    assert fields["digest"] == before.digest.hex()


def test_most_contents_have_the_digest_that_they_always_had():
    visit = entry("visit.recorded", visit="day-0", date=builders.day(0))
    for entry_ in (enrolment(), dose(), viral_load(3, 200), adverse_event(), visit):
        assert envelope.as_written(entry_) == entry_.digest
