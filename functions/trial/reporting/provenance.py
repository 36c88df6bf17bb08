"""What arrival decides of a publication, beside its documents: heads and journals.

They tell the arm, and are for those alone who may know it.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from trial.render.documents import File
from trial.reporting.snapshot import Standing, State
from trial.store.bucket.object_keys import HEADS, TRAIL
from trial.store.dynamodb import Store
from trial.store.rows import JournalRow
from trial.subject.fold import Dispute
from trial.tables.grid import Cut

type RejectedDigests = Iterable[tuple[str, str]]
"""When bodies were quarantined, and their SHA-256."""


def heads(
    study: str,
    cut: Cut,
    state: State,
    disputes: Iterable[Dispute],
    rejected_bodies: RejectedDigests | None = None,
) -> File:
    """Say where each journal stood, and which revisions came with two contents by then.

    Of a cut that is kept, what is quarantined as well: so that nobody can take it away later.
    """
    found: dict[str, Any] = {
        "study": study,
        "cut": cut.id,
        "content_root": cut.content_root,
        "subjects": {name: _head(state.standings[name]) for name in state.ids},
        "disputes": [asdict(each) for each in disputes],
    }
    if rejected_bodies is not None:
        known = sorted(each for each in rejected_bodies if not cut.as_of or each[0] <= cut.as_of)
        found["quarantined"] = [{"at": at, "sha256": sha256} for at, sha256 in known]
    return File(HEADS, (json.dumps(found, indent=2).encode() + b"\n",))


def _head(standing: Standing) -> dict[str, Any]:
    head = {"version": standing.version, "head": standing.head.hex()}
    return head | ({"erased": True} if standing.erased else {})


def trail(store: Store, study: str, state: State) -> File:
    """Give the journals of a state, row by row."""
    return File(TRAIL, (_line(row) for row in _rows(store, study, state)))


def _rows(store: Store, study: str, state: State) -> Iterator[JournalRow]:
    """Read the journals again: they only ever grow."""
    for name in state.ids:
        version = state.standings[name].version
        yield from (row for row in store.journal(study, name) if row.version <= version)


def _line(row: JournalRow) -> bytes:
    return json.dumps(row.document(), ensure_ascii=False).encode() + b"\n"
