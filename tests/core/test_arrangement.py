"""Where the cells of a wide definition stand: every name is read back, and numbers are the same."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from unittest.mock import patch

import blinded
import builders
import pytest
from blinded import COLUMNS, ROWS, Case, study_of
from builders import tiny, tmb301
from hypothesis import HealthCheck, given, settings

from trial.definition.study import Study
from trial.events import blinding
from trial.reporting import report
from trial.statistics import cells
from trial.subject.fold import Subject
from trial.tables import compiled
from trial.tables.compiled import MAX_ROWS_BY_POSITION, arrangement, audience_share


@contextmanager
def arranged(width: int = -1) -> Iterator[None]:
    """Arrange every definition that is wider than this."""
    with (
        patch.object(compiled, "MAX_ROWS_BY_POSITION", width),
        patch.dict(compiled._ARRANGED, clear=True),
    ):
        yield


def check(defined: Study, subjects: Sequence[Subject]) -> None:
    """Demand that each audience reads what is counted by position, of one subject and of all."""
    for view in defined.views:
        plain = [report.compiled(view).contribute(subject) for subject in subjects]
        place = arrangement(view)
        assert place is not None
        for share in plain:
            assert place.counted(place.stored(share)) == share
        stored = [report.contribute(defined, subject) for subject in subjects]
        for share, of_all in zip(plain, stored, strict=True):
            assert audience_share(view, of_all) == share
        assert audience_share(view, cells.total(stored)) == cells.total(plain)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(blinded.cases())
def test_any_blinded_definition_is_read_as_it_is_counted(case: Case) -> None:
    with arranged():
        check(case.study, builders.subjects(case.first_feed))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(blinded.cases())
def test_feeds_that_differ_in_arms_alone_store_the_same_open_rows(case: Case) -> None:
    with arranged():
        first, second = (
            [
                blinding.share_of_audience(report.contribute(case.study, subject), blinding.OPEN)
                for subject in builders.subjects(feed)
            ]
            for feed in case.feeds
        )
        assert first == second


@pytest.mark.parametrize("start", range(0, len(ROWS), 16))
def test_every_row_that_a_random_definition_is_drawn_from_is_read_back(start: int) -> None:
    study = study_of(ROWS[start : start + 16], COLUMNS)
    entries = []
    for i in range(4):
        name, arm = f"S-{i}", "ab"[i % 2]
        treatment = {"a": "drug", "b": "placebo"}[arm]
        entries += [
            builders.enrolment(subject=name, age=30 + i),
            blinded.randomised(arm, name),
            builders.viral_load(0, 5000 * i, subject=name),
            builders.dose(subject=name, treatment=treatment),
            builders.adverse_event(subject=name),
            builders.coding(["Rash", "Headache"][i % 2], subject=name),
            builders.disposition(9, subject=name),
        ]
    with arranged():
        check(study, builders.subjects(entries))


@pytest.mark.parametrize("study", [tiny, tmb301])
def test_every_kind_of_row_is_read_back(study: Callable[[], Study]) -> None:
    with arranged():
        check(study(), builders.subjects(builders.feed()[:400] if study is tmb301 else FEW))


FEW = (
    builders.enrolment(sex="F", age=40),
    builders.dose(),
    builders.viral_load(0, 33_113),
    builders.viral_load(7, "<20"),
    builders.adverse_event(),
    builders.coding(),
)


def test_what_was_ever_in_force_stays_by_position() -> None:
    assert MAX_ROWS_BY_POSITION == 96
    for study in (tiny(), tmb301()):
        assert arrangement(study) is None
        assert arrangement(study.open) is None


def test_each_term_has_a_row_of_sums() -> None:
    events = [builders.adverse_event(day, f"AE-{day}") for day in range(1, 40)]
    codings = [builders.coding(f"Term {day}", f"AE-{day}") for day in range(1, 40)]
    (subject,) = builders.subjects([builders.enrolment(), builders.dose(), *events, *codings])
    with arranged():
        share = report.contribute(tiny(), subject)
    by_row = {
        row: {cell[cell.index("[") :] for cell in counted}
        for row, counted in share.items()
        if "#terms" in row
    }
    assert len(by_row) > 39
    assert {len(terms) for terms in by_row.values()} == {1}


def test_names_of_no_known_form_are_read_back() -> None:
    """A kind of row may name its cells otherwise: then they stand by position."""
    unknown = {
        "cells#0": {"9999.0.n": 1, "0.77.n": 2, "0.~5": 3, "free text": 4},
        "new#0": {"0.1.n": 5},
        "T#tally#9999.0#3": {"7": 6},
        "T#terms9999-1": {'9999.0.n["x"]': 7},
    }
    with arranged():
        place = arrangement(tiny())
        assert place is not None
        assert place.counted(place.stored(unknown)) == unknown
