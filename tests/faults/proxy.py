"""microburst between the writers and the emulator: every fault the wire can show, when told."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

type Rule = dict[str, Any]

_UP_WITHIN = 120.0

# What happens to a request, in microburst's words.
LOST_ANSWER: Rule = {"response": {"abort_bytes": 0}}  # committed, and the connection cut
HALF_AN_ANSWER: Rule = {"response": {"truncate_bytes": 1}}
SPOILT_ANSWER: Rule = {"response": {"corrupt_bytes": 2}}
RESET: Rule = {"reset": True}
TIME_OUT: Rule = {"timeout_ms": 200}  # 504
SERVER_ERROR: Rule = {"error": {"code": "InternalServerError", "status": 500}}
UNAVAILABLE: Rule = {"error": {"code": "ServiceUnavailable", "status": 503}}
THROTTLED: Rule = {"error": {"code": "ThrottlingException"}}
EXCEEDED: Rule = {"error": {"code": "ProvisionedThroughputExceededException"}}
CONFLICT: Rule = {"error": {"code": "TransactionConflictException"}}
IN_PROGRESS: Rule = {"error": {"code": "TransactionInProgressException"}}
DENIED: Rule = {"error": {"code": "AccessDeniedException"}}
NO_TABLE: Rule = {"error": {"code": "ResourceNotFoundException"}}
SLOW_DOWN: Rule = {"error": {"code": "SlowDown", "status": 503}}


def late(read_timeout: float) -> Rule:
    """Commit after the client has given up."""
    return {"latency": int(1_000 * read_timeout) + 300}


def cancelled(*codes: str) -> Rule:
    """Cancel a transaction with these reasons, one an action or fewer."""
    reasons = [{"Code": code} for code in codes]
    fields = {"CancellationReasons": reasons}
    return {"error": {"code": "TransactionCanceledException", "fields": fields}}


@dataclass(frozen=True)
class Proxy:
    """A microburst that passes everything on until it is given rules."""

    endpoint: str

    def set(self, *rules: Rule) -> None:
        """Replace all rules; of those that match a request, the first that draws its lot acts."""
        body = json.dumps([{"service": "dynamodb"} | rule for rule in rules]).encode()
        request = urllib.request.Request(  # noqa: S310
            f"{self.endpoint}/_microburst/rules",
            data=body,
            method="POST",
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30):  # noqa: S310
            pass

    def fired(self) -> int:
        """Count the faults injected so far."""
        return int(self._stats()["requests"]["faulted"])

    def seen(self) -> int:
        """Count the requests so far."""
        return int(self._stats()["requests"]["total"])

    def _stats(self) -> dict[str, Any]:
        address = f"{self.endpoint}/_microburst/stats"
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310
            stats: dict[str, Any] = json.load(answer)
            return stats


@contextmanager
def running(upstream: str) -> Iterator[Proxy]:
    """Start a microburst in front of an emulator for as long as the block lasts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "microburst", "--upstream", upstream, "--port", str(port)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        proxy = Proxy(f"http://127.0.0.1:{port}")
        _wait_for(proxy)
        yield proxy
    finally:
        process.terminate()
        process.wait()


def _wait_for(proxy: Proxy) -> None:
    deadline = time.monotonic() + _UP_WITHIN
    while True:
        try:
            proxy.set()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
