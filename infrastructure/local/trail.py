"""Ask the stack of `make up` for a report and fetch it with all that proves it."""

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from local.client import Client, ServiceError
from local.verify import HEADS, MANIFEST, TRAIL

_ACCEPTED = 202
_READY_WITHIN = 180.0


def fetch(client: Client, study: str, out: Path, asked: dict[str, str]) -> str:
    """Fill a directory with a report's documents, its heads and its journals; give its cut."""
    reports = f"/studies/{quote(study, safe='')}/reports"
    answer = client.request("POST", reports, json.dumps(asked).encode())
    if answer.status != _ACCEPTED:
        raise ServiceError(f"POST {reports} answered {answer.status}: {answer.body.decode()}")
    place = f"{reports}/{answer.json()['report']}"
    cut = _when_ready(client, place)
    manifest = client.get(f"{place}/{MANIFEST}", "*/*").body
    names = [each["name"] for each in json.loads(manifest)["files"]]
    files = {name: client.get(f"{place}/{name}", "*/*").body for name in (*names, HEADS, TRAIL)}
    for name, content in {**files, MANIFEST: manifest}.items():
        (out / name).write_bytes(content)
    return cut


def _when_ready(client: Client, place: str) -> str:
    deadline = time.monotonic() + _READY_WITHIN
    while True:
        report: dict[str, Any] = client.get(place).json()
        if report["status"] == "ready":
            cut: str = report["cut"]
            return cut
        if time.monotonic() > deadline:
            raise ServiceError(f"the report is {report['status']} after {_READY_WITHIN:.0f} s")
        time.sleep(0.2)
