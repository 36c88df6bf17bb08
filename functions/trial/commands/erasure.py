"""Erase the personal texts of a subject, so that what is counted and the chain stay as they are.

The erasure is an event of the subject, recorded like any other: its transaction destroys the key,
writes the records without their texts, moves the sums, and says in the journal who, when and why.
"""

from datetime import datetime

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.errors import Rejected
from trial.events import envelope, json_body
from trial.events.envelope import TYPE_PREFIX, Entry
from trial.events.payloads import ERASURE
from trial.store.dynamodb import Store
from trial.store.rows import Receipt, stamp_text
from trial.subject.fold import ERASURE_RECORD, Outcome

SOURCE = "urn:livetlf:erasure"


@dataclass(frozen=True)
class Erased:
    """What an erasure did: whether it was the first, and how many quarantined bodies it dropped."""

    first: bool
    quarantined: int


def erase(store: Store, study: Study, entry: Entry, principal: str) -> Erased:
    """Erase a subject's personal texts; once it is done, doing it again only clears up.

    Raises `Rejected` (404) where nothing of the subject was ever received.
    """
    first = False
    if store.subject(study, entry.subject) is not None:
        (result,) = store.record(study, [Receipt(entry, principal)])
        if not isinstance(result.outcome, Outcome):
            raise result.outcome
        first = result.outcome is Outcome.RECORDED
    quarantined = store.erase(study, entry.subject)
    if store.subject(study, entry.subject) is None and not quarantined:
        raise not_found(entry.subject)
    return Erased(first, quarantined)


def not_found(subject: str) -> Rejected:
    """Return the refusal to erase a subject of which nothing was received."""
    return Rejected(404, "Subject not found", f"the study has no events of {subject!r}")


def entry_of(study: Study, subject: str, reason: str, request: str, moment: datetime) -> Entry:
    """Return an erasure as the event that is recorded."""
    event = {
        "specversion": "1.0",
        "id": request,
        "source": SOURCE,
        "type": f"{TYPE_PREFIX}{ERASURE}.v1",
        "subject": subject,
        "time": stamp_text(moment),
        "study": study.id,
        "data": {"record": ERASURE_RECORD, "revision": 1, "reason": reason},
    }
    return envelope.parse(event, json_body.canonical(event))
