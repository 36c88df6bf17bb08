"""Every key of the table, and nothing else: no other module builds or reads one.

Identifiers of studies, subjects and records hold no `#` (see `messages.Identifier`), so no two
things share a key.
"""

import hashlib

from trial.events.blinding import OPEN, UNBLINDED, is_unblinded_row
from trial.events.envelope import Entry

Key = tuple[str, str]
"""Partition key and sort key."""

CURRENT = "CURRENT"
SUBJECT = "SUBJECT#"
SUM = "SUM#"
STUDIES = "STUDIES"
"""Names the partition that lists every study."""
CELL = "."
"""Starts the attribute of every cell, so that none is taken for a key or for `commits`."""


def shard_of(subject: str, shards: int) -> int:
    """Say which shard a subject and its share of the sums live in: the same for ever."""
    return int.from_bytes(hashlib.sha256(subject.encode()).digest()[:8]) % shards


def definition(study: str, digest: str) -> Key:
    """Say where a definition is kept, by its digest."""
    return f"STUDY#{study}", f"DEFINITION#{digest}"


def current(study: str) -> Key:
    """Say where it is written which definition and which sums are in force."""
    return f"STUDY#{study}", CURRENT


def listed(study: str) -> Key:
    """Say where a study stands in the list of all of them."""
    return STUDIES, study


def shard(study: str, number: int) -> str:
    """Name the partition of a shard: its subjects and their sums."""
    return f"STUDY#{study}#{number}"


def subject(study: str, number: int, subject_id: str) -> Key:
    """Say where a subject's row is."""
    return shard(study, number), SUBJECT + subject_id


def subject_id(sort_key: str) -> str:
    """Read a subject's id from the sort key of its row."""
    return sort_key.removeprefix(SUBJECT)


def pages(of: Key) -> str:
    """Give what the sort keys of a subject's pages start with.

    They follow their subject's row and precede the next one's: `#` sorts before every character
    that an identifier may have.
    """
    return f"{of[1]}#"


def page(of: Key, number: int) -> Key:
    """Say where a page of a subject is, whose own row is at a key."""
    return of[0], f"{pages(of)}{number:06}"


def owner(of: Key) -> Key:
    """Say where the row of a subject is, by the key of that row or of a page."""
    return of[0], "#".join(of[1].split("#")[:2])


def page_number(sort_key: str) -> int:
    """Read a page's number from its sort key."""
    return int(sort_key.rpartition("#")[2])


def counts(study: str, number: int, audience: str = OPEN) -> str:
    """Name the partition of a shard's sums for an audience: the shard's own, or one beside it."""
    own = shard(study, number)
    return f"{own}#UNBLINDED" if audience == UNBLINDED else own


def sums(generation: str) -> str:
    """Give what the sort keys of a generation's sums start with."""
    return f"{SUM}{generation}#"


def sum_row(study: str, number: int, row: str) -> Key:
    """Say where a row of sums is: `row` starts with its generation."""
    unblinded = is_unblinded_row(row.partition("#")[2])
    return counts(study, number, UNBLINDED if unblinded else OPEN), SUM + row


def journal(study: str, subject_id: str) -> str:
    """Name the partition of a subject's journal."""
    return f"STUDY#{study}#JOURNAL#{subject_id}"


def journal_row(entry: Entry) -> Key:
    """Say where the one journal row of a revision of a record is."""
    revision = f"{entry.kind}#{entry.record}#{entry.revision}"
    return journal(entry.study, entry.subject), revision


def quarantine(study: str) -> str:
    """Name the partition of what is quarantined."""
    return f"STUDY#{study}#ASIDE"


def submitted(study: str) -> str:
    """Name the partition of the treatment events that were submitted while the study is blinded."""
    return f"STUDY#{study}#SUBMITTED"


def activity(study: str) -> str:
    """Name the partition of who did what with a study."""
    return f"STUDY#{study}#ACTIVITY"


AMENDMENT = "AMENDMENT#"
"""Starts the sort key of every change of a study's definition."""


def amendment(study: str, number: int) -> Key:
    """Say where a change of the definition is, by the number of the plan that it made."""
    return f"STUDY#{study}", f"{AMENDMENT}{number:08}"


def amendments(study: str) -> Key:
    """Give the partition of a study's amendments, and what their sort keys start with."""
    return f"STUDY#{study}", AMENDMENT


def quarantine_bodies(study: str) -> str:
    """Name the partition of the bodies of what is quarantined: who counts reads none of them."""
    return f"STUDY#{study}#BODY#ASIDE"


def quarantine_part(study: str, digest: str, number: int) -> Key:
    """Say where a part of such a body is."""
    return quarantine_bodies(study), f"{digest}#{number:02}"


UNDEFINED = "UNDEFINED"
"""Names the partition of the studies that were sent events and have no definition."""


def undefined(study: str) -> Key:
    """Say where it stands that something was quarantined of a study that has no definition."""
    return UNDEFINED, study


def senders(study: str, at: str) -> Key:
    """Say where a list of senders is, by when it was put; '' for what all of them start with."""
    return f"STUDY#{study}", f"SENDERS#{at}"


CONFLICT = "CONFLICT#"
"""Starts the sort key of every revision that came with two contents."""


def conflict(entry: Entry) -> Key:
    """Where it stands that a revision came with a second content."""
    revision = f"{entry.subject}#{entry.kind}#{entry.record}#{entry.revision}"
    return f"STUDY#{entry.study}", CONFLICT + revision


ERASED = "ERASED#"
"""Starts the sort key of every subject whose personal texts are erased."""


def erased(study: str, subject_id: str) -> Key:
    """Say where it stands that a subject's personal texts are erased, or about to be."""
    return f"STUDY#{study}", ERASED + subject_id


REPORT = "REPORT#"
"""Starts the sort key of every report asked for."""


def report(study: str, request: str) -> Key:
    """Where a report that was asked for is, by the id of its request."""
    return f"STUDY#{study}", REPORT + request


AUDIT = "AUDIT#"
"""Starts the sort key of every audit asked for."""


def audit(study: str, request: str) -> Key:
    """Say where an audit that was asked for is, by the id of its request."""
    return f"STUDY#{study}", AUDIT + request


def published(study: str) -> Key:
    """Where it stands whether the study's last rendering succeeded."""
    return f"STUDY#{study}", "PUBLISHED"


def lease(study: str) -> Key:
    """Say where it stands who makes the study's documents, so that no two do at once."""
    return f"STUDY#{study}", "PUBLISHING"


def audited(study: str) -> Key:
    """Say where it stands when the study was audited, and how far an audit has come."""
    return f"STUDY#{study}", "AUDITED"


def study_of(partition: str) -> str:
    """Read the study out of a partition key."""
    return partition.split("#")[1]
