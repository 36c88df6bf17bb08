"""Every key of the table, and nothing else: no other module builds or takes apart one.

A key is a pair, partition key and sort key. Functions called `…_partition` return a partition key
alone, those called `…_prefix` what the sort keys of several items start with.

Identifiers of studies, subjects and records hold no `#` (see `fields.Identifier`), so no two
things share a key.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from trial.events.blinding import OPEN, UNBLINDED, is_unblinded_row
from trial.events.envelope import Entry

Key = tuple[str, str]
"""Partition key and sort key."""

STUDIES = "STUDIES"
"""The partition that lists every study."""
UNDEFINED = "UNDEFINED"
"""The partition of the studies that were sent events and have no definition."""
CELL = "."
"""Starts the attribute of every cell, so that none is taken for a key or for `commits`."""

LAST = "\U0010ffff"
"""Sorts after every character that a name may have."""

SUBJECT, SUM = "SUBJECT#", "SUM#"
_AMENDMENT, _SENDERS, _DISPUTE, _ERASURE = "AMENDMENT#", "SENDERS#", "CONFLICT#", "ERASED#"
_REPORT, _AUDIT, _SHARD_PROGRESS = "REPORT#", "AUDIT#", "SPREAD#"
_FULL_ROWS = "FULL#"


def shard_of(subject: str, shards: int) -> int:
    """Return which shard a subject and its share of the sums live in: the same for ever."""
    return int.from_bytes(hashlib.sha256(subject.encode()).digest()[:8]) % shards


# A study's own rows


def study_entry(study: str) -> Key:
    """Return the key of a study's entry in the list of all of them."""
    return STUDIES, study


def undefined_study(study: str) -> Key:
    """Return the key of the note that a study without a definition was sent something."""
    return UNDEFINED, study


def current(study: str) -> Key:
    """Return the key of the row that says which definition and which sums are in force."""
    return _study_partition(study), "CURRENT"


def definition(study: str, digest: str) -> Key:
    """Return the key of a definition, by its digest."""
    return _study_partition(study), f"DEFINITION#{digest}"


def amendment(study: str, number: int) -> Key:
    """Return the key of a change of the definition, by the number of the plan that it made."""
    return _study_partition(study), f"{_AMENDMENT}{number:08}"


def amendment_prefix(study: str, number: str = "") -> Key:
    """Return the partition of a study's amendments, and the start of their sort keys."""
    return _study_partition(study), _AMENDMENT + number


def amendment_number(sort_key: str) -> str:
    """Read an amendment's number from its sort key."""
    return sort_key.removeprefix(_AMENDMENT)


def sender_list(study: str, stamp: str) -> Key:
    """Return the key of a list of senders, by when it was put."""
    return _study_partition(study), f"{_SENDERS}{stamp}"


def sender_list_prefix(study: str) -> Key:
    """Return the partition of a study's lists of senders, and the start of their sort keys."""
    return _study_partition(study), _SENDERS


def dispute(entry: Entry) -> Key:
    """Return the key of the note that a revision came with a second content."""
    revision = f"{entry.subject}#{entry.kind}#{entry.record}#{entry.revision}"
    return _study_partition(entry.study), _DISPUTE + revision


def dispute_prefix(study: str) -> Key:
    """Return the partition of a study's disputes, and the start of their sort keys."""
    return _study_partition(study), _DISPUTE


def disputed_revision(sort_key: str) -> tuple[str, str, str, int]:
    """Read subject, kind, record and revision from the sort key of a dispute."""
    subject, kind, record, revision = sort_key.removeprefix(_DISPUTE).split("#")
    return subject, kind, record, int(revision)


def erasure(study: str, subject_id: str) -> Key:
    """Return the key of the note that a subject's personal texts are erased, or about to be."""
    return _study_partition(study), _ERASURE + subject_id


def erasure_prefix(study: str) -> Key:
    """Return the partition of a study's erasures, and the start of their sort keys."""
    return _study_partition(study), _ERASURE


def erased_subject(sort_key: str) -> str:
    """Read a subject's id from the sort key of its erasure."""
    return sort_key.removeprefix(_ERASURE)


def report(study: str, report_id: str) -> Key:
    """Return the key of a report that was requested."""
    return _study_partition(study), _REPORT + report_id


def report_prefix(study: str) -> Key:
    """Return the partition of a study's reports, and the start of their sort keys."""
    return _study_partition(study), _REPORT


def report_id(sort_key: str) -> str:
    """Read a report's id from its sort key."""
    return sort_key.removeprefix(_REPORT)


def audit_request(study: str, audit_id: str) -> Key:
    """Return the key of an audit that was requested."""
    return _study_partition(study), _AUDIT + audit_id


def audit_state(study: str) -> Key:
    """Return the key of when the study was audited, and how far an audit has come."""
    return _study_partition(study), "AUDITED"


def document_run(study: str) -> Key:
    """Return the key of the run that makes pieces of a study's documents side by side."""
    return _study_partition(study), "MAKING"


def shard_progress(study: str, shard: int) -> Key:
    """Return the key of how far work that is spread has come with a shard."""
    return _study_partition(study), f"{_SHARD_PROGRESS}{shard:02}"


def shard_progress_prefix(study: str) -> Key:
    """Return the partition of a study's shards that are worked on, and the start of their keys."""
    return _study_partition(study), _SHARD_PROGRESS


def shard_of_progress(sort_key: str) -> int:
    """Read the shard from the sort key of how far work has come with it."""
    return int(sort_key.removeprefix(_SHARD_PROGRESS))


def publication(study: str) -> Key:
    """Return the key of whether the study's last rendering succeeded."""
    return _study_partition(study), "PUBLISHED"


def publishing_lease(study: str) -> Key:
    """Return the key of the lease of who makes the study's documents."""
    return _study_partition(study), "PUBLISHING"


# Subjects


def shard_partition(study: str, shard: int) -> str:
    """Return the partition of a shard: its subjects and their sums."""
    return f"{_study_partition(study)}#{shard}"


def subject_row(study: str, shard: int, subject_id: str) -> Key:
    """Return the key of a subject's row."""
    return shard_partition(study, shard), SUBJECT + subject_id


def subject_id(sort_key: str) -> str:
    """Read a subject's id from the sort key of its row."""
    return sort_key.removeprefix(SUBJECT)


def page_prefix(row_key: Key) -> str:
    """Return the start of the sort keys of a subject's pages.

    They follow their subject's row and precede the next one's: `#` sorts before every character
    that an identifier may have.
    """
    return f"{row_key[1]}#"


def page(row_key: Key, number: int) -> Key:
    """Return the key of a page of the subject whose row has this key."""
    return row_key[0], f"{page_prefix(row_key)}{number:06}"


def page_number(sort_key: str) -> int:
    """Read a page's number from its sort key."""
    return int(sort_key.rpartition("#")[2])


def subject_row_of(key: Key) -> Key:
    """Return the key of a subject's row, given that of the row itself or of a page."""
    return key[0], "#".join(key[1].split("#")[:2])


def is_subject_row(key: Key) -> bool:
    """Return whether a key of a shard's partition is a subject's row: no page, no sum."""
    return key[1].startswith(SUBJECT) and subject_row_of(key) == key


# Sums


def sum_partition(study: str, shard: int, audience: str = OPEN) -> str:
    """Return the partition of a shard's sums for an audience: the shard's own, or one beside it."""
    partition = shard_partition(study, shard)
    return f"{partition}#UNBLINDED" if audience == UNBLINDED else partition


def sum_prefix(generation: str) -> str:
    """Return the start of the sort keys of a generation's sums."""
    return f"{SUM}{generation}#"


def sum_row(study: str, shard: int, row: str) -> Key:
    """Return the key of a row of sums: `row` starts with its generation."""
    return sum_partition(study, shard, sum_audience(SUM + row)), SUM + row


def sum_audience(sort_key: str) -> str:
    """Return for which audience a row of sums is stored, by its sort key or a start of it."""
    row = sort_key.removeprefix(SUM).partition("#")[2]
    return UNBLINDED if is_unblinded_row(row) else OPEN


def full_rows(study: str, shard: int, generation: str, audience: str) -> Key:
    """Return the key of what is known of a generation's full rows, beside an audience's sums."""
    return sum_partition(study, shard, audience), _FULL_ROWS + generation


def full_rows_prefix(note_key: Key) -> Key:
    """Return the partition of the rows that such a note tells of, and the start of their keys."""
    return note_key[0], sum_prefix(note_key[1].removeprefix(_FULL_ROWS))


def full_rows_of(row_key: Key) -> tuple[Key, str]:
    """Return the key of the note that tells of a row of sums, and the row's name in it."""
    generation, _, row = sum_row_name(row_key[1]).partition("#")
    return (row_key[0], _FULL_ROWS + generation), row


def sum_row_name(sort_key: str) -> str:
    """Read the name of a row of sums, with its generation; '' for any other sort key."""
    return sort_key.removeprefix(SUM) if sort_key.startswith(SUM) else ""


# What each subject and each study keeps in a partition of its own


def journal_partition(study: str, subject_id: str) -> str:
    """Return the partition of a subject's journal."""
    return f"{_study_partition(study)}#JOURNAL#{subject_id}"


def journal_row(entry: Entry) -> Key:
    """Return the key of the one journal row of a revision of a record."""
    revision = f"{entry.kind}#{entry.record}#{entry.revision}"
    return journal_partition(entry.study, entry.subject), revision


def journalled_revision(sort_key: str) -> tuple[str, str, int]:
    """Read kind, record and revision from the sort key of a journal row."""
    kind, record, revision = sort_key.split("#")
    return kind, record, int(revision)


def quarantine_partition(study: str) -> str:
    """Return the partition of what is quarantined."""
    return f"{_study_partition(study)}#ASIDE"


def rejected_body(study: str, digest: str) -> Key:
    """Return the key of a quarantined body's row."""
    return quarantine_partition(study), digest


def quarantine_body_partition(study: str) -> str:
    """Return the partition of the bodies of what is quarantined: who counts reads none of them."""
    return f"{_study_partition(study)}#BODY#ASIDE"


def quarantine_body_part(study: str, digest: str, number: int) -> Key:
    """Return the key of a part of such a body."""
    return quarantine_body_partition(study), f"{digest}#{number:02}"


def submission_partition(study: str) -> str:
    """Return the partition of the treatment events submitted while the study is blinded."""
    return f"{_study_partition(study)}#SUBMITTED"


def submission(study: str, submission_id: str) -> Key:
    """Return the key of a submitted treatment event."""
    return submission_partition(study), submission_id


def submission_id(stamp: str, index: int) -> str:
    """Return the id of a submission: in order of time, and within a request of place."""
    return f"{stamp}-{index:03}"


def activity_partition(study: str) -> str:
    """Return the partition of who did what with a study."""
    return f"{_study_partition(study)}#ACTIVITY"


def activity(study: str, stamp: str) -> Key:
    """Return the key of something that was done with a study, by when."""
    return activity_partition(study), stamp


def state_partition(study: str) -> str:
    """Return the partition of what was decided of a study's discrepancies."""
    return f"{_study_partition(study)}#STATES"


def state(study: str, subject_id: str, discrepancy: str, stamp: str) -> Key:
    """Return the key of a change of a discrepancy's state, by when."""
    return state_partition(study), f"{subject_id}#{discrepancy}#{stamp}"


def state_prefix(study: str, subject_id: str) -> Key:
    """Return the partition of what was decided, and the start of a subject's sort keys."""
    return state_partition(study), f"{subject_id}#"


def changed_discrepancy(sort_key: str) -> tuple[str, str]:
    """Read subject and discrepancy from the sort key of a change of state."""
    subject, discrepancy, _ = sort_key.split("#")
    return subject, discrepancy


def study_of_record(record: Mapping[str, Any]) -> str:
    """Read the study out of a record of the table's stream."""
    partition: str = record["dynamodb"]["Keys"]["PK"]["S"]
    return partition.split("#")[1]


def subject_of_record(record: Mapping[str, Any]) -> str | None:
    """Read the subject out of a record of the table's stream; None where it is of no subject."""
    row_keys: Mapping[str, Mapping[str, str]] = record["dynamodb"]["Keys"]
    row_key = subject_row_of((row_keys["PK"]["S"], row_keys["SK"]["S"]))
    return subject_id(row_key[1]) if row_key[1].startswith(SUBJECT) else None


def _study_partition(study: str) -> str:
    return f"STUDY#{study}"
