"""Which of two publications is newer: none that knows less ever takes the place of another."""

from itertools import product
from typing import Any

import pytest

from trial.errors import Unavailable
from trial.reporting.currency import is_newer

type JournalPosition = dict[str, Any]


def standing(epoch: int = 1, events: int = 5, disputes: int = 1, **options: Any) -> JournalPosition:
    counts = {"epoch": epoch, "events": events, "disputes": disputes}
    fields = {"cut": f"{events}/{disputes}", "code_version": "a"}
    return counts | fields | options


def test_an_older_set_of_disputes_never_overwrites_a_newer_one() -> None:
    assert not is_newer(standing(disputes=1), standing(disputes=2))
    assert is_newer(standing(disputes=2), standing(disputes=1))
    with pytest.raises(Unavailable):  # read before the dispute, and after an event: neither
        is_newer(standing(events=6, disputes=1), standing(events=5, disputes=2))


def test_the_same_is_not_newer_unless_other_code_made_it() -> None:
    assert not is_newer(standing(), standing())
    assert is_newer(standing(code_version="b"), standing())
    assert is_newer(standing(disputes=2, cut="same"), standing(disputes=1, cut="same"))


def test_an_epoch_decides_before_everything_and_what_is_published_of_old_counts_no_dispute() -> (
    None
):
    assert is_newer(standing(epoch=2, events=0, disputes=0), standing())
    assert not is_newer(standing(), standing(epoch=2, events=0, disputes=0))
    old = {name: value for name, value in standing(disputes=0).items() if name != "disputes"}
    assert is_newer(standing(disputes=1), old)
    assert not is_newer(standing(disputes=0), old)


def test_of_any_two_at_most_one_is_newer() -> None:
    counts = list(product(range(2), range(3), range(3)))
    for result, outcome in product(counts, counts):
        try:
            newers = [
                is_newer(standing(*a), standing(*b))
                for a, b in ((result, outcome), (outcome, result))
            ]
        except Unavailable:
            assert result[0] == outcome[0]
            continue
        assert newers.count(True) == (result != outcome)
