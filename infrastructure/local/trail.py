"""Ask the stack of `make up` for a report and fetch it with all that proves it."""

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from local.client import Client, ServiceError
from local.files import CHANGES, CHANGES_SIGNATURE, HEADS, MANIFEST, SIGNATURE, TRAIL
from local.replay import write

_ACCEPTED = 202
_READY_WITHIN = 180.0


def fetch(client: Client, study: str, out: Path, body: dict[str, object]) -> str:
    """Fill a directory with a report's documents, its heads and its journals; give its cut.

    Of a blinded study they are those of the unblinded: for others there are no journals.
    """
    study_path = f"/studies/{quote(study, safe='')}"
    reports = f"{study_path}/reports"
    answer = client.request("POST", reports, json.dumps(body).encode())
    if answer.status != _ACCEPTED:
        raise ServiceError(f"POST {reports} answered {answer.status}: {answer.body.decode()}")
    name = answer.json()["report"]
    _wait(client, f"{reports}/{name}")
    blinded = client.get(f"{study_path}/definition").json()["definition"].get("blinded")
    place = f"{study_path}/unblinded/reports/{name}" if blinded else f"{reports}/{name}"
    manifest = client.get(f"{place}/{MANIFEST}", "*/*").body
    described = json.loads(manifest)
    names = [file["name"] for file in described["files"]]
    names += [HEADS, TRAIL, SIGNATURE, CHANGES, CHANGES_SIGNATURE]
    files = {name: client.get(f"{place}/{name}", "*/*").body for name in names}
    for name, content in {**files, MANIFEST: manifest}.items():
        write(out / name, content)
    cut: str = described["cut"]["id"]
    return cut


def _wait(client: Client, place: str) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while True:
        report: dict[str, Any] = client.get(place).json()
        if report["status"] == "ready":
            return
        if time.monotonic() > deadline:
            raise ServiceError(f"the report is {report['status']} after {_READY_WITHIN:.0f} s")
        time.sleep(0.2)
