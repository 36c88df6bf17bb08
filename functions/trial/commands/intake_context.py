"""What an event is taken in with: the stores, the sender, and the channel it comes by."""

from enum import Enum, auto

from trial.deferred import dataclass
from trial.store.dynamodb import Store
from trial.store.senders import Senders
from trial.store.submissions import Submissions


class Channel(Enum):
    """By which way an event comes: what its sender is told, and which kinds may come so.

    While a study is blinded, nobody who posts a treatment event is told what it is to its subject:
    posted again with a guess in it, it would say who is in which arm.
    """

    EVENTS = auto()
    """Answered with what it was; a blinded study's treatment events may not come so."""
    TREATMENT = auto()
    """Treatment events and no others: whatever they are, the answer is that they arrived."""
    QUEUE = auto()
    """Nobody waits for an answer."""


@dataclass(frozen=True)
class IntakeContext:
    """The stores that keep events, whose events they are, and by which channel they come."""

    store: Store
    submissions: Submissions
    senders: Senders
    principal: str
    channel: Channel
    keeps_refused: bool = True
    """Whether what is refused is quarantined: not a correction of what is there already."""
