"""What depends on the order of arrival, beside a publication's documents: heads and journals.

They can reveal the arm, so only the unblinded may read them.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from trial.render.documents import File
from trial.reporting.snapshot import JournalPosition, StudySnapshot
from trial.store.rows import JournalRow
from trial.subject.fold import Dispute
from trial.tables.file_names import HEADS, TRAIL
from trial.tables.grid import Cut

type RejectedDigests = Iterable[tuple[str, str]]
"""When bodies were quarantined, and their SHA-256."""


def heads(
    study: str,
    cut: Cut,
    positions: Mapping[str, JournalPosition],
    disputes: Iterable[Dispute],
    rejected_bodies: RejectedDigests | None = None,
) -> File:
    """Return where each journal stood, and which revisions had come with two contents by then.

    Of a cut that is kept, the digests of quarantined bodies as well: one that is deleted later
    is missed.
    """
    document: dict[str, Any] = {
        "study": study,
        "cut": cut.id,
        "content_root": cut.content_root,
        "subjects": {name: _head(positions[name]) for name in sorted(positions)},
        "disputes": [asdict(dispute) for dispute in disputes],
    }
    if rejected_bodies is not None:
        document["quarantined"] = [
            {"at": moment, "sha256": sha256}
            for moment, sha256 in sorted(rejected_bodies)
            if not cut.as_of or moment <= cut.as_of
        ]
    return File(HEADS, (json.dumps(document, indent=2).encode() + b"\n",))


def _head(position: JournalPosition) -> dict[str, Any]:
    head = {"version": position.version, "head": position.head.hex()}
    return head | ({"erased": True} if position.erased else {})


def trail(snapshot: StudySnapshot) -> File:
    """Return the journals of a snapshot, row by row, as they were read."""
    return File(TRAIL, map(snapshot.trail, snapshot.ids))


def trail_lines(rows: Iterable[JournalRow]) -> bytes:
    """Return rows of a journal as the audit trail has them."""
    return b"".join(json.dumps(row.document(), ensure_ascii=False).encode() + b"\n" for row in rows)
