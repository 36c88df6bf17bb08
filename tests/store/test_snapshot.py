"""A study's state in memory: many subjects are packed, and nobody can tell."""

from dataclasses import replace

import builders
import pytest

from trial.events import dates
from trial.reporting import report
from trial.reporting.report import Derivations
from trial.reporting.snapshot import JournalPosition, StudySnapshot
from trial.statistics import cells
from trial.subject.cut_spec import CutSpec
from trial.subject.fold import Subject
from trial.tables.discrepancies.across import CrossSubjectSurvey

STUDY, ENTRIES = builders.tmb301(), builders.feed()
SUBJECTS = builders.subjects(ENTRIES)


def filled(room: int) -> StudySnapshot:
    state = StudySnapshot(room=room)
    for number, subject in enumerate(SUBJECTS):
        state.add(subject, report.contribute(STUDY, subject), JournalPosition(number, b"head"))
    return state


@pytest.mark.parametrize("room", [0, 300, 10**6])
def test_subjects_come_in_order_and_as_they_were_however_many_are_packed(room):
    state = filled(room)
    packed = [each for each in state._subjects.values() if isinstance(each, bytes)]
    assert (len(packed) == len(SUBJECTS)) == (room == 0)
    assert (not packed) == (room == 10**6)
    for _ in range(2):
        found = list(state)
        assert [each.id for each in found] == sorted(each.id for each in SUBJECTS)
        for subject in found:
            (was,) = (each for each in SUBJECTS if each.id == subject.id)
            assert subject.records == was.records
            assert {k: dict(of) for k, of in subject.digests.items()} == was.digests


def test_sums_are_those_of_all_shares():
    shares = [report.contribute(STUDY, each) for each in SUBJECTS]
    assert filled(0).sums == cells.total(shares)


@pytest.mark.parametrize("asked", [CutSpec(), CutSpec(cutoff="2016-03-01")])
def test_documents_are_the_same_whether_subjects_were_packed_or_kept(asked, monkeypatch):
    made = []
    for room in (0, 10**6):
        monkeypatch.setattr(report, "KEPT_RECORDS", room)
        state = filled(room)
        sums = cells.total(report.share_as_of(STUDY, each, asked) for each in state)
        made.append(builders.files_of(report.report(STUDY, state, sums, asked), STUDY))
    assert made[0] == made[1]


def test_what_was_derived_of_the_first_subjects_is_kept_and_no_more(monkeypatch):
    monkeypatch.setattr(report, "KEPT_RECORDS", SUBJECTS[0].accepted + SUBJECTS[1].accepted)
    ordered = sorted(SUBJECTS, key=lambda each: each.id)
    derivations = Derivations(STUDY, ordered, CutSpec(), {}, CrossSubjectSurvey([]))
    first, second = list(derivations), list(derivations)
    same = [one is other for one, other in zip(first, second, strict=True)]
    assert [each.subject.id for each in first] == [each.id for each in ordered]
    assert same[0]
    assert not same[-1]
    assert sum(same) < 4


def test_a_subject_of_whom_nothing_is_left_by_the_cutoff_is_passed_over():
    first = min(builders.subjects(ENTRIES), key=lambda each: each.id)
    day = min(
        dates.earliest(each.data["date"])
        for each in first.records.values()
        if each.kind == "subject.enrolled"
    )
    for cutoff, left in ((day - 400, 0), (day + 400, 1)):
        asked = CutSpec(cutoff=dates.iso(cutoff))
        for _ in range(2):
            assert len(list(Derivations(STUDY, [first], asked, {}, CrossSubjectSurvey([])))) == left


def test_subjects_out_of_order_are_refused():
    ordered = sorted(SUBJECTS, key=lambda each: each.id)
    with pytest.raises(ValueError, match="in order"):
        report.content_root(reversed(ordered))
    with pytest.raises(ValueError, match="in order"):
        report.content_root([ordered[0], replace(ordered[0])])
    assert report.content_root([]) == report.content_root(iter(list[Subject]()))
