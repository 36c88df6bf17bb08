"""What a failed call of DynamoDB, S3, KMS or SQS means: whether a retry will help.

Where nothing is known of a request, or the service had no time for it, it is `Unavailable`. What
else fails, such as a missing permission, no retry cures: it surfaces.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    ClientError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
)
from botocore.exceptions import ConnectionError as NotConnected
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError as NotReadable

from trial.errors import NoRoom, OutOfTime, Rejected, Unavailable, error_location

NO_RESPONSE = (
    HTTPClientError,
    NotConnected,
    NotReadable,  # botocore reads the text of S3's refusals, a 404 too, without its own errors
    IncompleteReadError,
    FlexibleChecksumError,
    ResponseParserError,
    UnicodeDecodeError,  # botocore decodes a corrupted answer before it verifies its checksum
)
"""No answer arrived, or not the one that was sent."""

_TRANSIENT = {
    "400",  # botocore names an error by its status where its body did not arrive whole
    "BadDigest",  # what arrived is not what was sent, as are the two that follow
    "IncompleteBody",
    "XAmzContentSHA256Mismatch",
    "InternalError",
    "InternalServerError",
    "LimitExceededException",
    "NoSuchUpload",  # its parts were cleared away meanwhile: begun again, it is another
    "OperationAborted",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
}
_TOO_MANY_REQUESTS, _SERVER_ERROR = 429, 500


@contextmanager
def transient_as_unavailable() -> Iterator[None]:
    """Raise `Unavailable` for what a retry will cure; let the rest surface as it is."""
    try:
        yield
    except NO_RESPONSE as error:
        raise Unavailable("the service did not answer") from error
    except ClientError as error:
        if not is_transient(error):
            raise
        raise Unavailable("the service is busy") from error


def is_transient(error: ClientError) -> bool:
    """Return whether the service refused a request only for now."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return (
        error_code(error) in _TRANSIENT or status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR
    )


def error_code(error: ClientError) -> str:
    """Return an error's code as the service gives it."""
    name: str = error.response.get("Error", {}).get("Code", "")
    return name


def describe_failure(error: Exception) -> str:
    """Describe why something could not be done, without what an error's text may quote."""
    match error:
        case ClientError():
            code = error_code(error) or "no error code"
            return f"the AWS call {error.operation_name} failed: {code}"
        case OutOfTime():
            return "it did not finish within the time limit of one run"
        case NoRoom():
            setting = "EphemeralStorage of the Publish function, to 10,240 MB at most"
            return f"the temporary storage is full: raise {setting}"
        case Rejected():
            return f"{error.title}: {error.detail}" if error.detail else error.title
    return f"internal error: {type(error).__name__} in {error_location(error)}"
