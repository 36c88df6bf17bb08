"""Revisions that came with two contents: the first stays in force until a higher one comes."""

from collections.abc import Iterator
from datetime import datetime

from trial.events.envelope import Entry
from trial.store import keys
from trial.store.definitions import known
from trial.store.rows import stamp_text
from trial.store.table import Table, key, text
from trial.subject.fold import Dispute


def dispute(table: Table, entry: Entry, at: datetime) -> None:
    """Note that a revision came with a second content; the first note stays."""
    table.put_if_absent(key(keys.conflict(entry)) | {"at": text(stamp_text(at))})


def disputes(table: Table, study_id: str) -> Iterator[Dispute]:
    """Read which revisions came with two contents, settled since or not."""
    for item in table.query(f"STUDY#{known(study_id)}", keys.CONFLICT):
        subject, kind, record, revision = item["SK"]["S"].removeprefix(keys.CONFLICT).split("#")
        yield Dispute(subject, kind, record, int(revision), item["at"]["S"])
