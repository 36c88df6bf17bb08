"""What can go wrong, in families that decide everything.

TrialError
Rejected      asking again would not help: answer 4xx, or quarantine the message
Unavailable   asking again will help: answer 503, or leave the message in the queue
OutOfTime     the process must end first: somebody else goes on, or it is too much for one
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One field at fault: a JSON Pointer into the body as posted (RFC 6901), and what is wrong.

    Of an event, `detail` never repeats the value: it may be a patient's. Of a definition, `at`
    names the part by its ids, as a reader of the document finds it.
    """

    pointer: str
    detail: str
    at: str = ""

    def written(self) -> dict[str, str]:
        """Give it as a member of a problem's `errors`, or of an answer's `warnings`."""
        at = {"at": shortened(self.at)} if self.at else {}
        pointer, detail = shortened(self.pointer), shortened(self.detail, LONGEST_DETAIL)
        return {"pointer": pointer, **at, "detail": detail}


class UnknownName(Fault):
    """A name that matches nothing that the definition has."""


MOST_FAULTS, MOST_TEXT = 100, 20_000
"""How many faults a problem names, and how many characters they may have together."""
LONGEST_POINTER, LONGEST_DETAIL = 300, 2_000


def shortened(text: str, longest: int = LONGEST_POINTER) -> str:
    """Give a text by its beginning and its end where it is longer than that."""
    half = longest // 2
    return text if len(text) <= longest else f"{text[:half]}…{text[-half:]}"


class TrialError(Exception):
    """Any failure this service names."""


class Rejected(TrialError):
    """A request that no repetition will make right; carries its RFC 9457 members."""

    def __init__(self, status: int, title: str, detail: str = "", *faults: Fault) -> None:
        """Keep the problem as data: HTTP status, title, detail and the fields at fault."""
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail
        self.faults = faults

    def problem(self) -> dict[str, object]:
        """Give the problem document (RFC 9457), one for an answer and for what is quarantined."""
        document: dict[str, object] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
        }
        if self.detail:
            document["detail"] = shortened(self.detail, LONGEST_DETAIL)
        if self.faults:
            document["errors"] = errors = list(_fitting(self.faults))
            if len(errors) < len(self.faults):
                document["errors_left_out"] = len(self.faults) - len(errors)
        return document


def _fitting(faults: Sequence[Fault]) -> Iterator[dict[str, str]]:
    """Write as many faults as a problem may name; what posted it can be wrong in any number."""
    left = MOST_TEXT
    for fault in faults[:MOST_FAULTS]:
        written = fault.written()
        left -= sum(map(len, written.values()))
        if left < 0:
            return
        yield written


class Unavailable(TrialError):
    """The store could not take the request now; the same request may be sent again."""

    STATUS = 503

    def problem(self) -> dict[str, object]:
        """Give the problem document (RFC 9457)."""
        return Rejected(
            self.STATUS, "Not available now", "nothing was lost; send the same request again"
        ).problem()


def uncounted(error: Exception) -> Rejected:
    """Refuse what this code fails at: quarantined, it can be tried again once it is mended."""
    where = f"{type(error).__name__} in {place_of(error)}"
    detail = f"it is quarantined, to be tried again once this is mended: {where}"
    return Rejected(500, "The service fails at this event", detail)


class OutOfTime(TrialError):
    """What is being done cannot be ended before this process must."""


type Beat = Callable[[], None]
"""Called at every step of something long; raises `OutOfTime` when this process must soon end."""


def place_of(error: BaseException) -> str:
    """Say where an error arose, and nothing of what it says: its text may quote patient data."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{trace.tb_frame.f_code.co_qualname}, line {trace.tb_lineno}"
