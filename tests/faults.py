"""What can go wrong on the way to DynamoDB and back, for a client that fails when told."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError
from botocore.exceptions import ReadTimeoutError as ReadTimeout
from doubles import cancelled, error

from trial.errors import Unavailable

type Call = Callable[[], Any]
type Fault = Callable[[Call], Any]


class Faulty:
    """A client whose transactions meet faults, one after the other, and then none."""

    def __init__(self, client: Any, faults: Iterable[Fault | None] = ()) -> None:
        self._client = client
        self.faults = list(faults)
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            self.calls.append(name)
            fault = None
            if name == "transact_write_items" and self.faults:
                fault = self.faults.pop(0)
            result = getattr(self._client, name)
            return fault(lambda: result(**request)) if fault else result(**request)

        return call


class Crash(BaseException):
    """The process ends here."""


def lost_answer(call: Call) -> Any:
    """Commit, and lose the answer."""
    call()
    raise ReadTimeout(endpoint_url="dynamodb")


@contextmanager
def losing_the_answer(owner: type, method: str) -> Iterator[None]:
    """Have a method do what it is asked for and its answer be lost; the block ends by that."""
    original = getattr(owner, method)

    def lost(*arguments: Any) -> None:
        assert original(*arguments)
        raise Unavailable("the answer was lost")

    with patch.object(owner, method, lost), pytest.raises(Unavailable):
        yield


def lost_request(call: Call) -> Any:
    """Never reach the service."""
    raise EndpointConnectionError(endpoint_url="dynamodb")


def reset(call: Call) -> Any:
    """Commit, and have the connection closed."""
    call()
    raise ConnectionClosedError(endpoint_url="dynamodb")


def server_error_after(call: Call) -> Any:
    """Commit, and answer 500."""
    call()
    raise error("TransactWriteItems", "InternalServerError", 500)


def in_progress(call: Call) -> Any:
    """Refuse because the same request is being worked on."""
    raise error("TransactWriteItems", "TransactionInProgressException")


def crash_before(call: Call) -> Any:
    """End before the commit."""
    raise Crash


def crash_after(call: Call) -> Any:
    """End after the commit."""
    call()
    raise Crash


def refuse(*codes: str) -> Fault:
    """Cancel with these reasons."""

    def fault(call: Call) -> Any:
        raise cancelled(*codes)

    return fault


def meanwhile(action: Call) -> Fault:
    """Let something happen between the read and the write."""

    def fault(call: Call) -> Any:
        action()
        return call()

    return fault
