"""A study's state in memory: many subjects are packed, and nobody can tell."""

from dataclasses import replace

import builders
import pytest

from trial.events import dates
from trial.reporting import report
from trial.reporting.report import Contents
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
    packed = [item for item in state._subjects.values() if isinstance(item, bytes)]
    assert (len(packed) == len(SUBJECTS)) == (room == 0)
    assert (not packed) == (room == 10**6)
    for _ in range(2):
        items = list(state)
        assert [item.id for item in items] == sorted(item.id for item in SUBJECTS)
        for subject in items:
            (original,) = (item for item in SUBJECTS if item.id == subject.id)
            assert subject.records == original.records
            assert {k: dict(digest) for k, digest in subject.digests.items()} == original.digests


def test_sums_are_those_of_all_shares():
    shares = [report.contribute(STUDY, subject) for subject in SUBJECTS]
    assert filled(0).sums == cells.total(shares)


@pytest.mark.parametrize("spec", [CutSpec(), CutSpec(cutoff="2016-03-01")])
def test_documents_are_the_same_whether_subjects_were_packed_or_kept(spec):
    items = []
    for room in (0, 10**6):
        state = filled(room)
        sums = cells.total(report.share_as_of(STUDY, item, spec) for item in state)
        items.append(builders.files_of(report.report(STUDY, state, sums, spec), STUDY))
    assert items[0] == items[1]


def test_a_subject_of_whom_nothing_is_left_by_the_cutoff_is_passed_over():
    first = min(builders.subjects(ENTRIES), key=lambda item: item.id)
    day = min(
        dates.earliest(record.data["date"])
        for record in first.records.values()
        if record.kind == "subject.enrolled"
    )
    for cutoff, is_known in ((day - 400, False), (day + 400, True)):
        spec = CutSpec(cutoff=dates.iso(cutoff))
        contents = Contents(STUDY, [first], spec, {}, CrossSubjectSurvey())
        assert (contents.derive(first) is not None) == is_known


def test_subjects_out_of_order_are_refused():
    ordered = sorted(SUBJECTS, key=lambda item: item.id)
    with pytest.raises(ValueError, match="in order"):
        report.content_root(reversed(ordered))
    with pytest.raises(ValueError, match="in order"):
        report.content_root([ordered[0], replace(ordered[0])])
    assert report.content_root([]) == report.content_root(iter(list[Subject]()))
