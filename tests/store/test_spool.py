"""A spool: what it holds is what was put in, without a name on disk, and a full disk is told."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from trial.errors import NoRoom
from trial.reporting import spool as spools
from trial.reporting.spool import Spans, Spool
from trial.store.failures import describe_failure

CONTENTS = [bytes([number]) * (37 * number) for number in range(40)]


@pytest.fixture(params=[0, 500, 10_000_000], ids=["on disk", "both", "in memory"])
def spool(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Spool]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(spools, "HELD_BYTES", request.param)
    with Spool() as opened:
        yield opened
    assert not list(tmp_path.iterdir())


def test_what_was_kept_is_read_again_in_any_order(spool: Spool, tmp_path: Path) -> None:
    spans = [spool.keep(content) for content in CONTENTS]
    assert [bytes(span) for span in reversed(spans)] == CONTENTS[::-1]
    together = Spans(spool, spans[3].offset, [len(content) for content in CONTENTS[3:9]])
    assert [*map(bytes, together)] == CONTENTS[3:9]
    assert [bytes(together[number]) for number in range(len(together))] == CONTENTS[3:9]
    assert not list(tmp_path.iterdir())  # its file has no name while it is in use either


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spools, "HELD_BYTES", 1_000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, limits[1]))  # as little room as that
    try:
        with Spool() as spool:
            kept = spool.keep(b"k" * 4_000)
            with pytest.raises(NoRoom) as failure:
                spool.add(b"n" * 4_000)
            assert bytes(kept) == b"k" * 4_000
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "EphemeralStorage" in describe_failure(failure.value)


def test_a_disk_that_is_full_from_the_first_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spools, "HELD_BYTES", 5_000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, limits[1]))
    try:
        with pytest.raises(NoRoom), Spool() as spool:
            [spool.add(b"k" * 4_000) for _ in range(2)]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
