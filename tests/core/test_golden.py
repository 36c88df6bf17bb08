"""Shares as they were when CONTRIBUTION_VERSION was last raised.

Sums that were counted under one version of the code must never be changed by another. Running this
file renews the golden one; it declines where that would hide a change.
"""

import hashlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path

import builders
import pytest
from builders import tiny, tmb301

from trial.definition import study
from trial.definition.study import Study
from trial.events.envelope import Entry
from trial.events.json_body import canonical
from trial.reporting import report

GOLDEN = Path(__file__).parent / "golden" / "shares.json"
RENEW = "PYTHONPATH=functions:infrastructure:tests python tests/core/test_golden.py"

TINY_HISTORY = (
    builders.enrolment(sex="F", age=40, characteristics={"score": 3}),
    builders.enrolment(subject="S-2", sex="M"),
    builders.dose(),
    builders.dose(subject="S-2"),
    builders.viral_load(0, 33_113),
    builders.viral_load(7, 10_000),
    builders.viral_load(14, "<20"),
    builders.viral_load(7, 5_000, subject="S-2"),
    builders.adverse_event(),
    builders.adverse_event(None, "AE-2"),
    builders.coding(),
    builders.disposition(20, subject="S-2"),
    builders.death(20, subject="S-2"),
    builders.enrolment(subject="S-3"),
    builders.entry("subject.superseded", "S-3", by="S-2"),
)


def digest_of(defined: Study, entries: Iterable[Entry]) -> str:
    shares = {
        subject.id: report.contribute(defined, subject) for subject in builders.subjects(entries)
    }
    return hashlib.sha256(canonical(shares).encode()).hexdigest()


def current() -> dict[str, dict[str, object]]:
    """Say what the shares are now, and what decides them besides the code."""
    return {
        name: {
            "contribution_version": study.CONTRIBUTION_VERSION,
            "definition": defined.digest,
            "events": hashlib.sha256(b"".join(entry.digest for entry in entries)).hexdigest(),
            "shares": digest_of(defined, entries),
        }
        for name, defined, entries in (
            ("TMB-301", tmb301(), builders.feed()),
            ("TINY", tiny(), TINY_HISTORY),
        )
    }


def complaint(golden: dict[str, object], now: dict[str, object]) -> str:
    """Say what to do about a golden file that does not agree; nothing where it does."""
    if golden == now:
        return ""
    if all(golden[name] == now[name] for name in now if name != "shares"):
        return (
            "A subject's share changed, of the same events under the same definition: raise "
            f"CONTRIBUTION_VERSION in functions/trial/definition/study.py, then run {RENEW}"
        )
    return f"The version, a definition or the events changed: run {RENEW}"


@pytest.mark.parametrize("name", ["TMB-301", "TINY"])
def test_shares_change_only_with_the_version_of_contributions(name):
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    problem = complaint(golden[name], current()[name])
    assert not problem, problem


def test_a_changed_share_demands_a_new_version():
    now = current()["TINY"]
    assert "raise CONTRIBUTION_VERSION" in complaint(now | {"shares": "other"}, now)
    renewed = complaint(now | {"shares": "other", "contribution_version": 0}, now)
    assert "raise" not in renewed
    assert renewed


def test_one_cell_more_is_another_digest():
    result = digest_of(tiny(), TINY_HISTORY)
    assert digest_of(tiny(), TINY_HISTORY[:-1]) != result
    assert digest_of(tiny(), TINY_HISTORY[::-1]) == result


def test_the_small_history_reaches_every_table_and_the_flow():
    sums = builders.sums_of(tiny(), builders.subjects(TINY_HISTORY))
    assert {"study", "flow#0"} <= sums.keys()
    for grid in report.tables(tiny(), sums):
        counts = [cell.get("n") for row in grid.rows for cell in row.cells]
        assert any(n is not None and n.raw for n in counts), grid.id


if __name__ == "__main__":
    recorded_shares = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.exists() else {}
    current_shares = current()
    for study_name, former in recorded_shares.items():
        if "raise CONTRIBUTION_VERSION" in (
            difference := complaint(former, current_shares[study_name])
        ):
            sys.exit(difference)
    GOLDEN.write_text(json.dumps(current_shares, indent=2) + "\n", encoding="utf-8")
