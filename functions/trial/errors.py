"""What can go wrong, in families that decide everything.

TrialError
Rejected      asking again would not help: answer 4xx, or set the message aside
Unavailable   asking again will help: answer 503, or leave the message in the queue
OutOfTime     the process must end first: somebody else goes on, or it is too much for one
"""

from collections.abc import Callable
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
        at = {"at": self.at} if self.at else {}
        return {"pointer": self.pointer, **at, "detail": self.detail}


class UnknownName(Fault):
    """A name that matches nothing that the definition has."""


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
        """Give the problem document (RFC 9457), one for an answer and for what is set aside."""
        document: dict[str, object] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
        }
        if self.detail:
            document["detail"] = self.detail
        if self.faults:
            document["errors"] = [fault.written() for fault in self.faults]
        return document


class Unavailable(TrialError):
    """The store could not take the request now; the same request may be sent again."""

    STATUS = 503

    def problem(self) -> dict[str, object]:
        """Give the problem document (RFC 9457)."""
        return Rejected(
            self.STATUS, "Not available now", "nothing was lost; send the same request again"
        ).problem()


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
