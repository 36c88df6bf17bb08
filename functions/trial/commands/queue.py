"""A queue of SQS, as far as this service sends to one."""

from typing import Any

from trial.store.failures import transient_as_unavailable


class Queue:
    """One queue, by its address."""

    def __init__(self, client: Any, url: str) -> None:  # noqa: ANN401 (botocore makes its clients' classes at run time)
        self._client = client
        self._url = url

    def send(self, body: str) -> None:
        """Send a message; raises `Unavailable` where it may not have arrived."""
        with transient_as_unavailable():
            self._client.send_message(QueueUrl=self._url, MessageBody=body)
