"""A queue of SQS, as far as this service sends to one."""

from typing import Any

from trial.store.failures import told_apart


class Queue:
    """One queue, by its address."""

    def __init__(self, client: Any, url: str) -> None:  # noqa: ANN401 (botocore makes its clients' classes at run time)
        self._client = client
        self._url = url

    def send(self, body: str) -> None:
        """Send a message; raises `Unavailable` where it may not have arrived."""
        with told_apart():
            self._client.send_message(QueueUrl=self._url, MessageBody=body)
