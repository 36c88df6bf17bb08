"""The errors of this service. Their class decides what becomes of a request or a message.

TrialError    the base of them all
Rejected      a retry would not help: answer 4xx, or quarantine the message
Unavailable   a retry will help: answer 503, or leave the message in the queue
OutOfTime     the process must end first: another one goes on, or it is too much for one
NoRoom        the function has too little temporary storage: no retry helps, but another setting
"""

from collections.abc import Callable, Iterator, Sequence

from trial.deferred import dataclass


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field: a JSON Pointer (RFC 6901) into the body, and a message.

    For an event, `detail` never repeats the value: it may be a patient's. For a definition,
    `location` names the part by its ids, as a reader of the document finds it.
    """

    pointer: str
    detail: str
    location: str = ""

    def document(self) -> dict[str, str]:
        """Return it as a member of a problem's `errors`, or of an answer's `warnings`."""
        location = {"at": shortened(self.location)} if self.location else {}
        pointer, detail = shortened(self.pointer), shortened(self.detail, MAX_DETAIL_LENGTH)
        return {"pointer": pointer, **location, "detail": detail}


class UnknownName(FieldError):
    """A name that refers to nothing in the definition."""


MAX_FIELD_ERRORS, MAX_ERROR_TEXT = 100, 20_000
"""How many field errors a problem lists, and how many characters they may have together."""
MAX_POINTER_LENGTH, MAX_DETAIL_LENGTH = 300, 2_000


def shortened(text: str, max_length: int = MAX_POINTER_LENGTH) -> str:
    """Return a text, or its beginning and its end where it is too long."""
    half = max_length // 2
    return text if len(text) <= max_length else f"{text[:half]}…{text[-half:]}"


class TrialError(Exception):
    """The base class of this service's errors."""


class Rejected(TrialError):
    """A request that a retry cannot make right; it carries the members of an RFC 9457 problem."""

    def __init__(self, status: int, title: str, detail: str = "", *faults: FieldError) -> None:
        """Keep the problem as data: HTTP status, title, detail and field errors."""
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail
        self.faults = faults

    def problem(self) -> dict[str, object]:
        """Return the problem document (RFC 9457), the same for answers and quarantined bodies."""
        document: dict[str, object] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
        }
        if self.detail:
            document["detail"] = shortened(self.detail, MAX_DETAIL_LENGTH)
        if self.faults:
            document["errors"] = errors = list(_documents_within_limit(self.faults))
            if len(errors) < len(self.faults):
                document["errors_left_out"] = len(self.faults) - len(errors)
        return document


def _documents_within_limit(faults: Sequence[FieldError]) -> Iterator[dict[str, str]]:
    """Return as many field errors as a problem may list; a body can have any number of them."""
    room = MAX_ERROR_TEXT
    for fault in faults[:MAX_FIELD_ERRORS]:
        document = fault.document()
        room -= sum(map(len, document.values()))
        if room < 0:
            return
        yield document


def invalid_parameter(name: str, detail: str) -> Rejected:
    """Return the refusal of a query parameter."""
    return Rejected(422, "Invalid query parameter", "", FieldError(f"/{name}", detail))


class Unavailable(TrialError):
    """The store could not take the request now; the same request may be retried."""

    STATUS = 503

    def problem(self) -> dict[str, object]:
        """Return the problem document (RFC 9457)."""
        return Rejected(
            self.STATUS, "Service unavailable", "Nothing was lost; retry the request."
        ).problem()


class Unfinished(Unavailable):
    """The work is not finished, as may be: the next call goes on with it."""


def internal_failure(error: Exception) -> Rejected:
    """Return the refusal of an event that this code failed to process.

    The event is quarantined, and can be redriven once the code is fixed.
    """
    cause = f"{type(error).__name__} in {error_location(error)}"
    detail = f"The event is quarantined; redrive it once the service is fixed: {cause}"
    return Rejected(500, "The service failed to process this event", detail)


class OutOfTime(TrialError):
    """The work cannot be finished before this process must end."""


class NoRoom(TrialError):
    """The work takes more temporary storage than this process has."""


type Beat = Callable[[], None]
"""Called at every step of long work; raises `OutOfTime` when this process must soon end."""


def error_location(error: BaseException) -> str:
    """Return where an error was raised, without its text: that may quote patient data."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{trace.tb_frame.f_code.co_qualname}, line {trace.tb_lineno}"
