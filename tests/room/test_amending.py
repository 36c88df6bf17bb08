"""A new definition in the room: checked as by the local check, previewed, amended with a reason."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import dose, enrolment, viral_load
from houses import SOURCE as BLINDED
from houses import STUDY, opened
from parallel import randomised
from policies import allowed
from rooms import ADMINISTRATOR, READER, TOKEN, Room, person, text_of
from test_pages import EXAMPLE, START
from test_rights import Guarded

import wiring
from local.checking import check
from local.feed import DefinitionRefusedError, read_definition, read_source
from trial.definition.study import Study, load
from trial.errors import OutOfTime, Rejected
from trial.room import definition_text
from trial.store import keys
from trial.web.access.person import Person
from trial.web.routing import Answer

BOTH = person("reader", "administrator")
DEFINITION = read_definition(EXAMPLE / "definition.yaml")
YAML = (EXAMPLE / "definition.yaml").read_text(encoding="utf-8")


def changed(**table: Any) -> dict[str, Any]:
    """Give the example's definition with something else in its first table."""
    value = json.loads(json.dumps(DEFINITION))
    value["tables"][0] |= table
    return value


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    room = Room(monkeypatch)
    study = room.define(json.dumps(DEFINITION))
    lines = (EXAMPLE / "feed.ndjson").read_text(encoding="utf-8").splitlines()
    room.record(study, lines)
    return room


def checked(room: Room, who: Person = BOTH, study: str = "DEMO-1", **fields: str) -> Answer:
    path = f"/studies/{study}/definition/check"
    return room.answer(path, who, "POST", csrf=TOKEN, **fields)


def amendment(answer: Answer) -> dict[str, str]:
    """Read what the form that amends would send."""
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(\w*)">', answer.text))
    return {"checked": hidden["checked"], "in_force": hidden["in_force"]}


def test_every_fault_has_the_line_and_the_words_that_the_local_check_gives(
    room: Room, tmp_path: Path
) -> None:
    wrong = YAML.replace("count: responders", "count: respnders", 1).replace(
        "population:", "populaton:", 1
    )
    assert wrong != YAML
    path = tmp_path / "definition.yaml"
    path.write_text(wrong, encoding="utf-8")
    with pytest.raises(DefinitionRefusedError) as refused:
        check(read_source(path))
    answer = checked(room, text="", file=wrong)
    assert answer.status == 200
    shown = text_of(answer.text)
    faults = str(refused.value).splitlines()
    assert len(faults) >= 2
    for fault in faults:
        line, pointer, words = re.fullmatch(r".*?:(\d+): (\S+) \([^)]*\): (.*)", fault).groups()  # type: ignore[union-attr]
        assert f" {line} " in shown
        assert pointer in shown
        assert words in shown
        assert wrong.splitlines()[int(line) - 1].strip()[:80] in shown
    assert "Amend" not in shown


def test_the_preview_shows_what_tables_show_once_it_is_amended(room: Room) -> None:
    table = DEFINITION["tables"][0]
    amended = changed(title="Another title", rows=table["rows"][:-1])
    answer = checked(room, text=yaml.safe_dump(amended, sort_keys=False))
    assert answer.status == 200, text_of(answer.text)
    assert "/tables/" in answer.text
    assert "Of all 4 subjects" in text_of(answer.text)
    sides = answer.text.partition('<div class="beside">')[2]
    previewed = sides.split('<div class="table')[2].partition("</table>")[0]
    form = amendment(answer) | {"text": json.dumps(amended), "reason": "A row less"}
    before = [row.change for row in room.store.amendments("DEMO-1")]
    assert room.answer(f"{START}/definition", BOTH, "POST", csrf=TOKEN, **form).status == 303
    assert len(list(room.store.amendments("DEMO-1"))) == len(before) + 1
    assert room.store.fill("DEMO-1")
    shown = room.page(f"{START}/tables/{table['id']}")
    in_force = shown.partition('<div class="table')[2].partition("</table>")[0]
    numbers = [text_of(side.partition("<tbody")[2]) for side in (previewed, in_force)]
    assert numbers[0] == numbers[1]
    assert "%" in numbers[0]
    latest = list(room.store.amendments("DEMO-1"))[-2]
    assert (latest.principal, latest.reason) == ("issuer|somebody", "A row less")


def test_only_what_was_checked_is_amended_and_only_beside_what_it_was_compared_with(
    room: Room,
) -> None:
    first, second = changed(title="First"), changed(title="Second")
    form = amendment(checked(room, text=json.dumps(first)))
    path = f"{START}/definition"
    for fields, status in (
        ({"text": json.dumps(second), "reason": "x"}, 409),
        ({"text": json.dumps(first)}, 422),
        ({"text": json.dumps(first), "reason": " "}, 422),
        ({"text": json.dumps(first), "reason": "x", "in_force": "0" * 32}, 409),
        ({"text": "", "reason": "x"}, 400),
    ):
        answer = room.answer(path, BOTH, "POST", csrf=TOKEN, **(form | fields))
        assert answer.status == status, fields
    assert len(list(room.store.amendments("DEMO-1"))) == 1
    other = json.dumps(first | {"study": "OTHER"})
    answer = checked(room, text=other)
    assert "must equal the study" in answer.text
    assert "Amend" not in answer.text


def test_what_comes_into_force_at_the_same_moment_is_not_amended_away(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, rival = json.dumps(changed(title="First")), json.dumps(changed(title="Second"))
    form = amendment(checked(room, text=text))
    put, current = room.store.put_definition, room.store.current

    def put_after_another(*arguments: Any, **options: Any) -> str:
        put(load(rival), rival, "sponsor", "Sooner")
        room.store.fill("DEMO-1")
        return put(*arguments, **options)

    monkeypatch.setattr(room.store, "put_definition", put_after_another)
    answer = room.answer(
        f"{START}/definition", BOTH, "POST", csrf=TOKEN, text=text, reason="x", **form
    )
    assert (answer.status, "has come into force meanwhile" in answer.text) == (409, True)
    in_force = current("DEMO-1")
    assert in_force is not None
    assert (in_force.digest, in_force.backfilling) == (load(rival).digest, "")


def test_results_are_previewed_for_readers_alone(room: Room) -> None:
    text = json.dumps(changed(title="Another title"))
    shown = checked(room, ADMINISTRATOR, text=text)
    assert shown.status == 200
    assert "Its tables, without records" in shown.text
    assert "on today" not in shown.text.partition("With today")[0]
    assert checked(room, READER, text=text).status == 403


def test_where_time_ends_the_preview_is_of_a_sample_that_both_definitions_count(
    room: Room,
) -> None:
    calls = iter([None, None])

    def beat() -> None:
        if next(calls, "over") == "over":
            raise OutOfTime("over")

    room.beat = beat
    answer = checked(room, text=json.dumps(changed(title="Another title")))
    assert "A sample: of 2 subjects" in text_of(answer.text)
    assert "No number differs." in answer.text


def test_a_blinded_study_is_previewed_pooled_and_not_opened() -> None:
    shown = []
    for arms in ("ab", "ba"):
        with opened() as house:
            room, source = house.room, json.loads(BLINDED)
            study: Study = room.store.study(STUDY)
            room.record(study, [
                part for name, arm in (("S-5", arms[0]), ("S-6", arms[1]))
                for part in (enrolment(subject=name), randomised(arm, name),
                             dose(subject=name, treatment={"a": "drug", "b": "placebo"}[arm]),
                             viral_load(0, 5000, subject=name))
            ])  # fmt: skip
            source["tables"][0]["title"] = "Another"
            answer = checked(room, study=STUDY, text=json.dumps(source))
            assert answer.status == 200, text_of(answer.text)
            assert "Arms are pooled" in answer.text
            shown.append(text_of(answer.text.partition("Its tables on")[2]).partition("Amend ")[0])
            open_source = {**source, "blinded": False}
            answer = checked(room, study=STUDY, text=json.dumps(open_source))
            assert "to unblind the study, use POST" in answer.text
            assert "Its tables" not in answer.text
    assert shown[0] == shown[1]


def test_the_function_of_changes_has_the_rights_that_a_preview_and_an_amendment_need(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = json.dumps(changed(title="Another title"))
    guarded = Guarded(wiring.table()._client, "RoomChangesFunction")
    monkeypatch.setattr(wiring.table(), "_client", guarded)
    answer = checked(room, text=text)
    assert answer.status == 200
    partitions = {keys.definition("DEMO-1", "x")[0], keys.current("DEMO-1")[0]}
    for action in ("dynamodb:PutItem", "dynamodb:UpdateItem"):
        assert all(allowed("RoomChangesFunction", action, name) for name in partitions)
    form = amendment(answer) | {"text": text, "reason": "x"}
    monkeypatch.setattr(wiring.table(), "_client", guarded._client)
    assert room.answer(f"{START}/definition", BOTH, "POST", csrf=TOKEN, **form).status == 303


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "line 1 column 2"),
        ("a: b\na: c", "second a in one mapping at line 2"),
        ("a: !!python/object:os.system x", "tag"),
        ("a: &a [*a]", "cannot be read|too much"),
        ("a: " + "[" * 70 + "]" * 70, "nested more than 64 deep at line 1"),
        ("? {a: b}\n: c", "a name must be a text at line 1"),
        ("a: [", "line"),
        ("  ", "Paste"),
        (
            "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
            + "".join(
                f"{'bcdefg'[i]}: &{'bcdefg'[i]} [{', '.join(['*' + 'abcdef'[i]] * 10)}]\n"
                for i in range(6)
            ),
            "too much",
        ),
    ],
)
def test_a_text_that_is_no_definition_is_refused_with_its_place(text: str, expected: str) -> None:
    with pytest.raises(Rejected) as refused:
        definition_text.read(text)
    assert refused.value.status == 400
    assert re.search(expected, refused.value.detail), refused.value.detail


def test_numbers_stay_as_written_and_words_are_those_of_json() -> None:
    written = definition_text.read("a: 1.50\nb: no\nc: 2020-01-01\nd: [true, ~, 7]\n")
    assert b'"a": 1.50' in written.body
    value = json.loads(written.body)
    assert value == {"a": 1.5, "b": "no", "c": "2020-01-01", "d": [True, None, 7]}
    assert [written.line(p) for p in ("/a", "/d/1", "/d/9", "/none")] == [1, 4, 4, 1]


def test_no_form_of_a_study_is_longer_than_it_may_be(room: Room) -> None:
    assert checked(room, file="x" * 1_600_000).status == 413
