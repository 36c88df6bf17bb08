"""S3 and DynamoDB as they fail: one call, or every call for as long as an outage lasts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import EndpointConnectionError, IncompleteReadError
from botocore.exceptions import ReadTimeoutError as ReadTimeout
from botocore.parsers import ResponseParserError
from doubles import error
from invoking import Service

import wiring

type Call = Callable[[], Any]
type Fault = Callable[[str, Call], Any]


def unreachable(_operation: str, _call: Call) -> Any:
    raise EndpointConnectionError(endpoint_url="aws")


def lost_answer(_operation: str, call: Call) -> Any:
    call()
    raise ReadTimeout(endpoint_url="aws")


def busy(operation: str, _call: Call) -> Any:
    raise error(operation, "SlowDown", 503)


def throttled(operation: str, _call: Call) -> Any:
    raise error(operation, "ThrottlingException", 429)


def spoilt(_operation: str, call: Call) -> Any:
    call()
    raise ResponseParserError("what came is no answer")


def half(operation: str, call: Call) -> Any:
    """Answer with a body that breaks off."""
    if operation != "get_object":
        raise IncompleteReadError(actual_bytes=1, expected_bytes=2)
    return call() | {"Body": _Half()}


def denied(operation: str, _call: Call) -> Any:
    name = "".join(part.capitalize() for part in operation.split("_"))
    raise error(name, "AccessDenied", 403)


PASSING = (unreachable, lost_answer, busy, throttled, spoilt, half)


class _Half:
    def read(self) -> bytes:
        raise IncompleteReadError(actual_bytes=1, expected_bytes=2)


@dataclass
class Line:
    """What lies between the functions and AWS; every call of either service passes here.

    `down` makes every call of a service fail; `fault` strikes the one call of that number.
    """

    down: dict[str, Fault] = field(default_factory=dict)
    fault: tuple[int, Fault] | None = None
    calls: list[tuple[str, str]] = field(default_factory=list)

    def pass_on(self, service: str, operation: str, call: Call) -> Any:
        number = len(self.calls)
        self.calls.append((service, operation))
        if service in self.down:
            return self.down[service](operation, call)
        if self.fault is not None and self.fault[0] == number:
            return self.fault[1](operation, call)
        return call()


class _Client:
    def __init__(self, client: Any, service: str, line: Line) -> None:
        self._client, self._service, self._line = client, service, line

    def __getattr__(self, name: str) -> Any:
        result = getattr(self._client, name)
        if name == "generate_presigned_url":  # made without a call
            return result
        return lambda **request: self._line.pass_on(self._service, name, lambda: result(**request))


def between(service: Service) -> Line:
    """Put a line between a service and what it calls; nobody waits between tries."""
    line = Line()
    wiring.table()._client = _Client(service.dynamodb, "dynamodb", line)
    wiring.documents().bucket._client = _Client(service.s3, "s3", line)
    wiring.signer()._client = _Client(wiring.signer()._client, "kms", line)
    wiring._queue()._client = _Client(service.sqs, "sqs", line)
    wiring.store()._pause = lambda _seconds: None
    return line
