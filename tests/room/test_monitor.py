"""What a medical monitor asks of the room beside who counts: who does not, why, in which order."""

import json
import re
from collections.abc import Iterator
from html import unescape

import pytest
from builders import TINY, adverse_event, death, disposition, enrolment, viral_load
from rooms import READER, TOKEN, Room, links, text_of

from trial.room import subjects

START = "/studies/TINY"
SUBJECTS = f"{START}/subjects"
TABLE = {
    "id": "t", "title": "T", "population": "All", "columns": [
        {"id": "all", "label": "All", "set": "enrolled"},
    ],
    "rows": [
        {"id": "died", "label": "Died", "count": "died"},
        {"id": "serious", "label": "Serious", "events": {"serious": True}},
        {"id": "age", "label": "Age", "summary": "age"},
        {"id": "low", "label": "Below 50", "count": "week5-below-50"},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    with pytest.MonkeyPatch.context() as patch:
        room = Room(patch)
        study = room.define(json.dumps(dict(TINY) | {"tables": [TABLE], "key_results": []}))
        room.record(study, [
            enrolment(5, "S-1", site="101", age=40), enrolment(0, "S-2", site="102", age=50),
            enrolment(40, "S-3", site="101"), viral_load(70, 50, subject="S-2"),
            death(41, "S-1", record="D1", cause="Sepsis"),
            disposition(41, subject="S-1"),
            adverse_event(30, subject="S-1", record="AE-9", serious=True,
                          seriousness=["HOSPITALISATION"], outcome="FATAL"),
        ])  # fmt: skip
        room.publish(study)
        yield room


def subjects_of(room: Room, row: str, statistic: str) -> set[str]:
    """Give the subjects that the page of a number lists."""
    link = f"{START}/tables/t/subjects?row={row}&column=all&statistic={statistic}"
    listed = (re.fullmatch(rf"{SUBJECTS}/([^/]+)", name) for name in links(room.page(link)))
    return {match[1] for match in listed if match}


@pytest.mark.parametrize("row", ["died", "serious", "age", "low"])
def test_who_counts_and_who_does_not_are_all_whom_a_number_is_of(room: Room, row: str) -> None:
    counted, rest, everybody = (
        subjects_of(room, row, statistic) for statistic in ("", "not_counted", "N")
    )
    assert counted | rest == everybody
    assert counted & rest == set()
    assert "who does not count" in text_of(room.page(f"{START}/tables/t/subjects?column=all"))


def test_who_does_not_count_is_neither_of_whom_it_is_not_due_nor_of_no_value(room: Room) -> None:
    assert subjects_of(room, "low", "not_counted") == {"S-1", "S-2"}
    assert subjects_of(room, "low", "not_due") == {"S-3"}
    assert subjects_of(room, "age", "not_counted") == set()


def test_a_death_says_of_what_and_a_serious_event_why(room: Room) -> None:
    died = text_of(room.page(f"{START}/tables/t/subjects?row=died&column=all"))
    assert "a death of 2015-07-12: Sepsis, record D1" in died
    assert "no clinical judgement" in died
    serious = text_of(room.page(f"{START}/tables/t/subjects?row=serious&column=all"))
    assert "onset 2015-07-01, serious (HOSPITALISATION), FATAL, record AE-9" in serious


def test_what_is_refused_keeps_the_menu_of_a_study_that_there_is(room: Room) -> None:
    absent = room.answer(f"{SUBJECTS}/S-77")
    assert absent.status == 404
    assert f"{START}/tables" in links(absent.text)
    nowhere = room.answer("/studies/NOWHERE/subjects")
    assert nowhere.status == 404
    assert [link for link in links(nowhere.text) if "NOWHERE" in link] == []


def test_recruitment_stands_on_an_axis_of_months(room: Room) -> None:
    picture = room.page(f"{START}/progress").partition("<svg")[2].partition("</svg>")[0]
    labels = re.findall(r">(20\d\d-\d\d)<", picture)
    assert labels == ["2015-06", "2015-07"]
    assert "By the end of the month" in picture


def test_a_cut_that_cannot_be_had_leaves_the_form_filled_in(room: Room) -> None:
    refused = room.answer(
        f"{START}/cuts", READER, "POST", csrf=TOKEN, final="yes", cutoff="2015-06-30", reason=" "
    )
    assert refused.status == 422
    assert "must be given where" in text_of(refused.text)
    assert 'name="cutoff" value="2015-06-30"' in refused.text
    assert 'name="final" value="yes" checked' in refused.text


def listed(room: Room, query: str) -> list[str]:
    rows = re.findall(r'<th scope="row"><a href="[^"]*">([^<]*)', room.page(f"{SUBJECTS}?{query}"))
    return [unescape(name) for name in rows]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["S-1", "S-2", "S-3"]),
        ("sort=enrolled", ["S-2", "S-1", "S-3"]),
        ("sort=-enrolled", ["S-3", "S-1", "S-2"]),
        ("sort=-end", ["S-1", "S-2", "S-3"]),
        ("sort=records", ["S-3", "S-2", "S-1"]),
        ("sort=-subject&site=101", ["S-3", "S-1"]),
        ("ended=yes", ["S-1"]),
        ("ended=no&sort=-subject", ["S-3", "S-2"]),
        ("site=nowhere", []),
    ],
)
def test_subjects_are_sorted_and_chosen(room: Room, query: str, expected: list[str]) -> None:
    assert listed(room, query) == expected


def test_pages_of_sorted_subjects_follow_each_other(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subjects, "_MOST_LISTED", 2)
    markup = room.page(f"{SUBJECTS}?sort=-enrolled")
    (following,) = (link for link in links(markup) if "skip=" in link)
    assert listed(room, "sort=-enrolled") == ["S-3", "S-1"]
    assert listed(room, following.partition("?")[2]) == ["S-2"]
    assert room.answer(f"{SUBJECTS}?sort=colour").status == 422


def test_the_definition_in_words_has_contents_and_finds_a_word(room: Room) -> None:
    whole = room.page(f"{START}/definition/words")
    anchors = [link for link in links(whole) if link.startswith("#part-")]
    assert len(anchors) > 3
    assert all(f'id="{anchor[1:]}"' in whole for anchor in anchors)
    found = room.page(f"{START}/definition/words?find=BELOW+50")
    assert 0 < found.count("<tr>") < whole.count("<tr>") / 2
    assert "Below 50" in text_of(found)
    assert "Nothing has these words" in room.page(f"{START}/definition/words?find=xyzzy")
