"""Revisions that came with two contents: the first stays in force until a higher one comes."""

from collections.abc import Iterator
from datetime import datetime

from trial.events.envelope import Entry
from trial.store import keys
from trial.store.definitions import validated_study_id
from trial.store.rows import stamp_text
from trial.store.table import Table, key, sort_key, text
from trial.subject.fold import Dispute


def note_dispute(table: Table, entry: Entry, at: datetime) -> None:
    """Note that a revision came with a second content; the first note stays."""
    table.put_if_absent(key(keys.dispute(entry)) | {"at": text(stamp_text(at))})


def read_disputes(table: Table, study_id: str) -> Iterator[Dispute]:
    """Read which revisions came with two contents, settled since or not."""
    for item in table.query(*keys.dispute_prefix(validated_study_id(study_id))):
        yield Dispute(*keys.disputed_revision(sort_key(item)), item["at"]["S"])
