"""The fold: every order and any repetition of the same entries give one state."""

from itertools import permutations

import builders
import pytest
from builders import entry, viral_load
from hypothesis import given
from hypothesis import strategies as st

from trial.events.envelope import Entry
from trial.subject.fold import Outcome, Subject, fold, fold_all


def screened(record: str, revision: int, month: int = 1, *, void: bool = False) -> Entry:
    fields = {"action": "void"} if void else {"date": f"2015-{month:02}-01"}
    return entry("subject.screened", record=record, revision=revision, **fields)


POOL = [
    screened(record, revision, revision, void=record == "C" and revision % 2 == 0)
    for record in "ABC"
    for revision in range(1, 5)
] + [entry("consent.recorded", record="A", date="2015-01-01")]
HISTORIES = st.lists(st.sampled_from(POOL), max_size=20)


def outcomes(*entries: Entry) -> list[Outcome]:
    state, results = Subject("S-1"), []
    for event in entries:
        state, outcome = fold(state, event)
        results.append(outcome)
    return results


@given(HISTORIES, st.randoms(use_true_random=False))
def test_any_order_gives_the_same_subject(history, random):
    shuffled = random.sample(history, len(history))
    assert fold_all("S-1", shuffled) == fold_all("S-1", history)


@given(HISTORIES, HISTORIES)
def test_what_is_known_already_changes_nothing(history, repetitions):
    unrepeated = fold_all("S-1", history)
    repeated = [event for event in repetitions if event in history]
    assert fold_all("S-1", [*history, *repeated, *history]) == unrepeated


@given(HISTORIES, HISTORIES)
def test_folding_goes_on_from_any_state(first, second):
    state = fold_all("S-1", first)
    for event in second:
        state, _ = fold(state, event)
    assert state == fold_all("S-1", [*first, *second])


@given(HISTORIES)
def test_the_highest_revision_counts(history):
    state = fold_all("S-1", history)
    highest: dict[tuple[str, str], Entry] = {}
    for event in history:
        key = event.kind, event.record
        if key not in highest or event.revision > highest[key].revision:
            highest[key] = event
    assert {
        key: (record.revision, record.void, dict(record.data)) for key, record in highest.items()
    } == {
        key: (record.revision, record.void, dict(record.data))
        for key, record in state.records.items()
    }


@given(HISTORIES)
def test_every_revision_is_counted_once(history):
    assert fold_all("S-1", history).accepted == len(
        {(e.kind, e.record, e.revision) for e in history}
    )


def test_the_latest_revision_wins_whenever_it_arrives():
    revisions = [screened("A", revision, revision) for revision in (1, 2, 3)]
    for order in permutations(revisions):
        (record,) = fold_all("S-1", order).records.values()
        assert (record.revision, record.data["date"]) == (3, "2015-03-01")


def test_a_late_older_revision_is_recorded_and_changes_no_record():
    newer = fold_all("S-1", [screened("A", 3, 3)])
    state, outcome = fold(newer, screened("A", 1, 1))
    assert outcome is Outcome.RECORDED
    assert state.records == newer.records
    assert state.accepted == 2


def test_a_void_can_be_revived_by_a_higher_revision_only():
    history = [screened("A", 1), screened("A", 2, void=True)]
    (voided,) = fold_all("S-1", history).records.values()
    assert (voided.void, dict(voided.data)) == (True, {})
    (revived,) = fold_all("S-1", [screened("A", 3, 5), *history]).records.values()
    assert (revived.void, revived.data["date"]) == (False, "2015-05-01")


def test_the_same_content_again_is_a_repeat():
    first = screened("A", 1)
    assert outcomes(first, first, screened("A", 1)) == [
        Outcome.RECORDED,
        Outcome.REPEATED,
        Outcome.REPEATED,
    ]


@pytest.mark.parametrize("later", [False, True])
def test_other_content_for_a_revision_is_a_conflict_and_leaves_the_state(later):
    history = [screened("A", 1, 1)] + ([screened("A", 2, 2)] if later else [])
    before = fold_all("S-1", history)
    after, outcome = fold(before, screened("A", 1, 9))
    assert outcome is Outcome.CONFLICT
    assert after == before


def test_a_conflict_is_settled_by_a_higher_revision():
    history = [screened("A", 1, 1), screened("A", 1, 9), screened("A", 2, 9)]
    state = fold_all("S-1", history)
    assert state.accepted == 2
    assert state.records["subject.screened", "A"].data["date"] == "2015-09-01"


def test_one_record_id_in_two_kinds_is_two_records():
    state = fold_all("S-1", [viral_load(0, 5, record="A"), screened("A", 1)])
    assert set(state.records) == {("lab.result.reported", "A"), ("subject.screened", "A")}


def test_the_source_is_no_part_of_a_record():
    screening = builders.event("subject.screened", date="2015-06-01")
    assert outcomes(
        builders.read(screening), builders.read(screening | {"source": "urn:other"})
    ) == [
        Outcome.RECORDED,
        Outcome.REPEATED,
    ]


def test_the_values_of_an_outcome_are_the_answers_of_the_service():
    assert [outcome.value for outcome in Outcome] == [201, 200, 409, 202]


def test_a_fold_changes_no_state_that_it_was_given():
    before = fold_all("S-1", [screened("A", 1)])
    records, digests = (
        dict(before.records),
        {key: dict(entry_digests) for key, entry_digests in before.digests.items()},
    )
    fold(before, screened("A", 2))
    fold(before, screened("B", 1))
    assert dict(before.records) == records
    assert {key: dict(digest_map) for key, digest_map in before.digests.items()} == digests


def test_the_feed_backwards_gives_the_same_subjects():
    forwards = {subject.id: subject for subject in builders.subjects(builders.feed())}
    backwards = {subject.id: subject for subject in builders.subjects(builders.feed()[::-1])}
    assert forwards == backwards
    assert len(forwards) == 40
