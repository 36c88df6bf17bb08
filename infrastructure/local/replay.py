"""Take a study from its files to its documents, through the whole deployed service."""

import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from local import emulator, stack
from local.checking import check
from local.client import Client, Result, ServiceError
from local.feed import Lines, Source
from local.progress import bar, step

DOCUMENTS = (
    "report.html",
    "definition.json",
    "summary.json",
    "summary.md",
    "consort.json",
    "consort.svg",
    "consort.md",
    "consort_checklist.json",
    "results.json",
    "listings.xlsx",
    "tables.json",
    "manifest.json",
)
"""The documents of every cut; those of its datasets are named by the study."""
DATASETS = "datasets"
QUARANTINE = "quarantine.ndjson"
NARRATIVES = "narratives.html"  # of a study that defines some
_AUDIENCE = "open"
_PUBLISHED_WITHIN = 180.0


@dataclass(frozen=True)
class Posted:
    """What became of a file of events."""

    recorded: int
    repeated: int
    refused: list[Result]
    submitted: int = 0

    def __str__(self) -> str:
        """Count them in a line."""
        refused = len(self.refused)
        submitted = f" {self.submitted:,} submitted," if self.submitted else ""
        return (
            f"{self.recorded + self.repeated + self.submitted + refused:,} posted:"
            f" {self.recorded:,} recorded, {self.repeated:,} repeated,{submitted}"
            f" {refused:,} rejected"
        )


@dataclass(frozen=True)
class Job:
    """What to replay and where its documents go."""

    study: str
    source: Source
    lines: Lines
    out: Path


def replay(job: Job) -> list[Result]:
    """Replay a study on an empty stack of its own, fill `job.out`, return what was refused."""
    _clear(job.out)
    step("Checking the definition", lambda: check(job.source))
    template = step("Building the functions", stack.build)
    with emulator.running(f"replay-{os.getpid()}") as running:
        deployed = step("Deploying the template", lambda: stack.deploy(template, running))
        try:
            return _replay_on(deployed, job)
        except ServiceError as error:
            raise ServiceError(f"{error}\nThe functions' log:\n{deployed.last_logs()}") from error


def _replay_on(deployed: stack.Stack, job: Job) -> list[Result]:
    refused = fill(deployed, job.source, job.lines)
    _write_quarantine(job.out, refused)
    client = Client(deployed.api_url)
    for name, content in step("Downloading", lambda: download(client, job.study)).items():
        write(job.out / name, content)
    return refused


def fill(deployed: stack.Stack, source: Source, lines: Lines) -> list[Result]:
    """Register a study, post its events, wait for its documents; return what was refused."""
    client, study = Client(deployed.api_url), source.definition["study"]
    step(f"Registering {study}", lambda: client.put_definition(study, source.definition))
    with stack.publishing_paused(deployed.endpoint):
        posted = post(client, study, lines)
    step(
        "Waiting for the documents",
        lambda: wait_until_published(deployed, study, posted.submitted),
    )
    return posted.refused


def post(client: Client, study: str, lines: Lines) -> Posted:
    """Post lines in file order, with a progress bar, and say what became of them."""
    recorded = repeated = submitted = 0
    refused = []
    posted = client.post_events(study, lines, client.treatment_kinds(study))
    for result in bar("Posting events", len(lines), posted):
        if not result.accepted:
            refused.append(result)
        elif result.repeated:
            repeated += 1
        elif result.submitted:
            submitted += 1
        else:
            recorded += 1
    return Posted(recorded, repeated, refused, submitted)


def wait_until_published(deployed: stack.Stack, study: str, submitted: int = 0) -> None:
    """Wait until the documents in S3 count as many accepted events as the tables do.

    And until what was submitted is settled: of a blinded study, its treatment events.
    """
    client, s3 = Client(deployed.api_url), deployed.aws("s3")
    deadline = time.monotonic() + _PUBLISHED_WITHIN
    if submitted:
        _wait_until_settled(client, study, deadline)
    accepted = client.get(f"/studies/{quote(study, safe='')}/summary").json()["accepted"]
    while (published := _published(s3, deployed.bucket, study)) != accepted:
        if time.monotonic() > deadline:
            raise ServiceError(
                f"after {_PUBLISHED_WITHIN:.0f} s the documents still hold {published} events,"
                f" but the tables {accepted}"
            )
        time.sleep(0.2)


def _wait_until_settled(client: Client, study: str, deadline: float) -> None:
    path: str | None = f"/studies/{quote(study, safe='')}/unblinded/treatment-events"
    while path is not None:
        page = client.get(path).json()
        if all(submission["verdict"] != "pending" for submission in page["submitted"]):
            path = page["next"]
        elif time.monotonic() > deadline:
            raise ServiceError("treatment events are still pending")
        else:
            time.sleep(0.2)


def download(client: Client, study: str) -> dict[str, bytes]:
    """Return the live documents by name, each proved against the manifest."""
    live = f"/studies/{quote(study, safe='')}/reports/live"
    manifest = client.get(f"{live}/manifest.json", "*/*").body
    digests = {file["name"]: file["sha256"] for file in json.loads(manifest)["files"]}
    if missing := sorted({*DOCUMENTS} - {*digests, "manifest.json"}):
        raise ServiceError(f"manifest.json does not list {', '.join(missing)}")
    files = {"manifest.json": manifest}
    for name, digest in digests.items():
        files[name] = client.get(f"{live}/{name}", "*/*").body
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise ServiceError(f"{name} does not match its SHA-256 in manifest.json")
    return files


def write(path: Path, content: bytes) -> None:
    """Write a document, some of which stand in a directory of their own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _published(s3: Any, bucket: str, study: str) -> int | None:  # noqa: ANN401 - a boto3 client
    key = f"studies/{study}/{_AUDIENCE}/latest.json"
    try:
        latest = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    events: int = json.loads(latest)["events"]
    return events


def _clear(out: Path) -> None:
    """Drop what an earlier replay left: a run that fails must not look like one that did not."""
    out.mkdir(parents=True, exist_ok=True)
    for name in (*DOCUMENTS, NARRATIVES, QUARANTINE):
        (out / name).unlink(missing_ok=True)
    for pattern in ("listings-*.xlsx", f"{DATASETS}/*.ndjson", f"{DATASETS}/*.parquet"):
        for path in out.glob(pattern):
            path.unlink()


def _write_quarantine(out: Path, refused: list[Result]) -> None:
    if not refused:
        return
    with (out / QUARANTINE).open("w", encoding="utf-8") as file:
        for result in refused:
            row = {
                "line": result.line.number,
                "status": result.status,
                "problem": result.problem,
                "body": result.line.raw.decode(errors="replace"),
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
