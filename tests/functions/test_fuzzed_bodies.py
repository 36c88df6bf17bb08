"""Whatever is sent, by whichever road, is recorded or quarantined, and can be read back.

Bodies go through the handlers as Lambda's runtime marshals them, before DynamoDB in memory with
its limits. `python tests/long_runs.py bodies` tries 200,000.
"""

import base64
import contextlib
import hashlib
import io
import json
import os
import random
import re
from collections import Counter
from http import HTTPStatus
from typing import Any
from xml.etree import ElementTree as ET
from zipfile import ZipFile

import pytest
import soak
from drawn import DEFINITION, feed
from fuzzing import Event, Fuzzer
from invoking import BATCH, SINGLE, STUDY, request
from roads import Road, pages

import wiring
from trial.errors import Rejected
from trial.events import field_errors, json_body
from trial.render.documents import render
from trial.reporting import report
from trial.statistics.cells import total

BODIES = soak.size(500, 20_000)
SEED = soak.seed(f"{BODIES} fuzzed bodies")
A_TABLE = 1_000
"""How many bodies go into one table before all of it is read back."""
BLINDED = "TINY"


def test_whatever_is_sent_is_recorded_or_quarantined_and_read_back(
    road: Road, definition: Event, feed_of_tmb301: list[Event]
) -> None:
    blinded = [json.loads(item.body) | {"study": BLINDED} for item in feed("aabb")]
    for first in range(0, BODIES, A_TABLE):
        rng = random.Random(SEED + first)  # noqa: S311 (a seed)
        road.open([definition, DEFINITION])
        fuzzers = {STUDY: Fuzzer(rng, feed_of_tmb301), BLINDED: Fuzzer(rng, blinded)}
        until = min(first + A_TABLE, BODIES)
        while road.counts.total() < until:
            study = rng.choice([STUDY, STUDY, BLINDED])
            send(road, rng, fuzzers[study], study)
        read_back(road, documents=first == 0)
    counts = ", ".join(f"{name} {n:,}" for name, n in sorted(road.counts.items()))
    soak.note(f"fuzzed bodies: {counts}")
    if report_to := os.environ.get("LIVETLF_COUNTS"):
        with open(report_to, "a", encoding="utf-8") as file:  # noqa: PTH123
            file.write(json.dumps(road.counts) + "\n")
    assert road.counts["recorded"] > BODIES // 20
    assert road.counts["quarantined"] > BODIES // 4


@pytest.fixture(scope="session")
def feed_of_tmb301(feed: list[str]) -> list[Event]:
    return [json.loads(item) for item in feed]


def send(road: Road, rng: random.Random, fuzzer: Fuzzer, study: str) -> None:
    """Send one body by some road, and look what became of it."""
    match rng.randrange(4):
        case 0:
            send_batch(road, rng, fuzzer.batch(), study)
        case 1:
            events = [fuzzer.event() for _ in range(rng.choice([1, 3, 10, 30]))]
            send_to_queue(road, events, study)
        case _:
            send_one(road, rng, fuzzer.event(), study)


def asked(rng: random.Random, body: bytes, study: str, kind: str) -> dict[str, Any]:
    """Make what API Gateway hands over, now and then with something wrong about the call."""
    study_part = (
        rng.choice(["nowhere", "a%2Fb", "%FF", "x" * 100]) if rng.random() < 0.03 else study
    )
    headers = {"Content-Type": kind}
    if rng.random() < 0.03:
        headers = rng.choice([{}, {"content-type": "text/plain"}, {"CONTENT-TYPE": f"{kind};a=b"}])
    road = "treatment-events" if study == BLINDED and rng.random() < 0.5 else "events"
    event = request("POST", f"/studies/{study_part}/{road}", body, headers)
    if rng.random() < 0.05:  # as a gateway without binary media types would have it
        with contextlib.suppress(UnicodeDecodeError):
            event |= {"body": body.decode(), "isBase64Encoded": False}
    if rng.random() < 0.02:
        event |= rng.choice([{"headers": None}, {"queryStringParameters": {"a": "\ufffd"}}])
    return event


def send_one(road: Road, rng: random.Random, body: bytes, study: str) -> None:
    event = asked(rng, body, study, SINGLE)
    answer = road.api(event)
    study_name = (event["pathParameters"] or {"study": ""})["study"]
    settle(road, body, study_name, answer["statusCode"])


def send_batch(road: Road, rng: random.Random, body: bytes, study: str) -> None:
    event = asked(rng, body, study, BATCH)
    answer, study_name = road.api(event), (event["pathParameters"] or {"study": ""})["study"]
    if answer["statusCode"] != 200:
        settle(road, body, study_name, answer["statusCode"])
        return
    results = json.loads(answer["body"])["results"]
    texts = [text for _, text in json_body.split_batch(body)]
    assert len(texts) == len(results)
    for text, result in zip(texts, results, strict=True):
        settle(road, text.encode(errors="surrogateescape"), study_name, result["status"])


def send_to_queue(road: Road, bodies: list[bytes], study: str) -> None:
    texts = [body.decode(errors="replace") for body in bodies]  # SQS takes text alone
    assert road.queue(*texts) == []
    for text in texts:
        settle(road, text.encode(), study, 0)


def settle(road: Road, body: bytes, study: str, status: int) -> None:
    """Demand that a body is where its answer says; a message has none."""
    assert status < HTTPStatus.INTERNAL_SERVER_ERROR, (status, body[:300])
    if not re.fullmatch(field_errors.IDENTIFIER, study):
        assert status in (404, 415)
        road.counts["no such study"] += 1
    elif status in (200, 201):
        assert road.recorded(body, study), body[:300]
        road.counts["recorded" if status == 201 else "repeated"] += 1
    elif status == HTTPStatus.ACCEPTED or road.submitted(body, study):
        assert road.submitted(body, study)
        road.counts["submitted"] += 1
    elif road.kept(body, study) or road.kept(body, _study_of(body)):
        road.counts["quarantined"] += 1
    else:
        assert not status, (status, body[:300])
        assert road.recorded(body, study), body[:300]  # a message is answered nothing
        road.counts["recorded"] += 1


def _study_of(body: bytes) -> str:
    try:
        study_name = json_body.read_json(body)["study"]
    except (Rejected, LookupError, TypeError):
        return ""
    return study_name if isinstance(study_name, str) else ""


def read_back(road: Road, *, documents: bool) -> None:
    """Read all that was quarantined and every history by every route there is, and documents."""
    partitions = Counter(
        result for result, _ in road.keys if re.fullmatch("STUDY#[^#]*#ASIDE", result)
    )
    for partition, count in partitions.items():
        study = partition.split("#")[1]
        for path in quarantine_paths(study):
            rows = list(pages(road, path, "quarantined"))
            assert len(rows) == count
            assert all(bodies_match(row) for row in rows)
    for start in ("", "unblinded/"):
        assert [*pages(road, f"/studies/{BLINDED}/{start}treatment-events", "submitted")]
    for partition in {result for result, _ in road.keys if "#JOURNAL#" in result}:
        _, study, _, subject = partition.split("#")
        for start in ("", "unblinded/") if study == BLINDED else ("",):
            path = f"/studies/{study}/{start}subjects/{subject}/history"
            events = list(pages(road, path, "events"))
            assert [event["version"] for event in events] == list(range(1, len(events) + 1))
            assert road.get(path)["intact"]
    for name in (STUDY, BLINDED):
        road.get(f"/studies/{name}/summary")
        road.get(f"/studies/{name}/tables")
        if documents:
            check_documents(name)


def quarantine_paths(study: str) -> list[str]:
    if study == "unknown-study":
        return ["/quarantine"]
    if study == BLINDED:
        return [f"/studies/{study}/quarantine", f"/studies/{study}/unblinded/quarantine"]
    return [f"/studies/{study}/quarantine" if study == STUDY else f"/quarantine?study={study}"]


def bodies_match(row: dict[str, Any]) -> bool:
    """Say whether a row shows the body that its digest is of; of what is hidden, neither."""
    if row["body"] == "[blinded]" or row["size"] > 1_000_000:
        return True
    encoded = row.get("body_base64")
    body = base64.b64decode(encoded) if encoded else row["body"].encode()
    return bool(hashlib.sha256(body).hexdigest() == row["sha256"])


def check_documents(name: str) -> None:
    """Make every document of a study as it is, and read those that are read by machines."""
    store = wiring.store()
    study = store.study(name)
    stored = list(store.subjects(study))
    subjects, sums = [item.subject for item in stored], total(item.share for item in stored)
    for view in study.views:
        for file in render(report.report(view, subjects, sums), view):
            content = b"".join(file.content)
            if file.name.endswith(".xlsx"):
                book = ZipFile(io.BytesIO(content))
                for part in book.namelist():
                    if part.endswith((".xml", ".rels")):
                        ET.fromstring(book.read(part))  # noqa: S314 (our own)
            elif file.name.endswith(".svg"):
                ET.fromstring(content)  # noqa: S314 (our own)
            elif file.name.endswith(".json"):
                json.loads(content)
            elif file.name.endswith(".ndjson"):
                all(map(json.loads, content.decode().splitlines()))
