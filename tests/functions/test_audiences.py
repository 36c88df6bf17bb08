"""Two audiences over the API and in S3: what is open says nothing of arms, the rest is apart."""

import json
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from blinded import SOURCES, listing, study_of
from builders import adverse_event, coding, dose, enrolment, event, viral_load
from invoking import PROBLEM, Service
from parallel import TOTAL, A, B, randomised

from trial import wiring
from trial.blinding import HIDDEN
from trial.messages import Entry
from trial.store import sealing

STUDY = "TINY"
CHANGED = (f"STUDY#{STUDY}#0", "SUBJECT#S-0")
ROWS = [{"summary": "age"}, {"count": "enrolled"}, {"count": "in-a"}, {"events": {}}]
LISTINGS = [listing(name, sources) for name, sources in SOURCES.items()]
DEFINITION = json.loads(study_of(ROWS, [A, B, TOTAL], listings=LISTINGS).source)
PATHS = (
    "summary", "consort", "tables", "tables/t", "set-aside", "discrepancies",
    "subjects/S-0/history",
)  # fmt: skip


def feed(arms: str) -> list[Entry]:
    """Give a subject for each arm, whose treatment is named after it."""
    found = []
    for i, arm in enumerate(arms):
        name = f"S-{i}"
        given = {"a": ("drug", 800), "b": ("placebo", 5)}[arm]
        found += [
            enrolment(subject=name, age=30 + i),
            randomised(arm, name),
            dose(subject=name, treatment=given[0], amount=given[1]),
            viral_load(0, 5000, subject=name),
            adverse_event(subject=name),
            coding(subject=name),
        ]
    return found


def refused(arm: str) -> list[dict[str, Any]]:
    """Give events that are refused, and tell the arm in what is wrong with them."""
    unknown = event("subject.randomised", "S-9", date="2015-06-01", arm=arm, ward=arm)
    given = event("dose.administered", "S-9", start="2015-06-01", treatment=arm, amount=1)
    other = event("visit.missed", "S-9", visit="nowhere", reason="x")
    return [unknown, given, event("dose.given", "S-9", treatment=arm), other]


@pytest.fixture
def open_blinded(
    open_service: Callable[[], Service], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Service]:
    """Give a maker of services that hold a blinded study with subjects of some arms."""

    def make(drawn: str = "ab", **changes: Any) -> Service:
        at = datetime(2026, 1, 1, tzinfo=UTC)

        def now() -> datetime:
            nonlocal at
            at += timedelta(milliseconds=1)
            return at

        monkeypatch.setattr(wiring, "now", now)
        monkeypatch.setattr(sealing.secrets, "token_bytes", bytes)
        service = open_service()
        assert service.define(DEFINITION | changes).status == 201
        for each in feed(drawn):
            assert service.post(each.body, STUDY).status == 201
        for each in refused(drawn[0]):
            assert service.post(each, STUDY).status == 422
        return service

    return make


def published(service: Service, audience: str) -> dict[str, bytes]:
    start = f"studies/{STUDY}/{audience}/"
    keys = {key for key, _ in service.versions(start)}
    return {key.removeprefix(start): service.object(key) for key in keys}


def everything_open(service: Service) -> dict[str, Any]:
    """Give all that the open audience can read: answers, documents, a report that was asked for."""
    service.stream(CHANGED)
    made = service.report("{}", STUDY).json["report"]
    service.stream((f"STUDY#{STUDY}", f"REPORT#{made}"))
    service.invoke("audit", {})
    answers = {path: service.get(path, STUDY).text for path in (*PATHS, "audit")}
    answers["reports"] = service.get("reports", STUDY).text.replace(made, "?")
    files = published(service, "open")
    latest = json.loads(files.pop("latest.json"))
    # No two signatures are alike; what is signed has to be.
    stated = {name: payload(files.pop(name)) for name in [*files] if name.endswith(".sig.json")}
    assert len(stated) == 3
    return answers | files | stated | {"latest": (latest["cut"], latest["content_root"])}


def payload(envelope: bytes) -> bytes:
    return b64decode(json.loads(envelope)["payload"])


def test_nothing_that_is_open_depends_on_an_arm(open_blinded: Callable[..., Service]) -> None:
    one, other = (everything_open(open_blinded(arms)) for arms in ("ab", "ba"))
    for each in (one, other):
        each["reports"] = [
            {name: of[name] for name in ("cut", "accepted", "status")}
            for of in json.loads(each["reports"])["reports"]
        ]
    assert one.keys() == other.keys()
    for name, each in one.items():
        assert each == other[name], name
    naming = {name for name, each in one.items() if "placebo" in str(each)}
    # how the trial is laid out is no secret, and says of nobody which arm is theirs
    assert {name.rpartition("/")[2] for name in naming} <= {"definition.json"}
    assert "audit/live/heads.json" not in one


def test_each_audience_has_its_documents_and_its_manifest(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    service.stream(CHANGED)
    openly, apart = published(service, "open"), published(service, "unblinded")
    names = {f"live/{each}" for each in json.loads(apart["latest.json"])["files"]}
    beside = {"latest.json", "audit/live/manifest.sig.json"}
    assert names | beside == openly.keys()
    assert names | beside | {"audit/live/heads.json"} == apart.keys()
    stated = [json.loads(payload(each["audit/live/manifest.sig.json"])) for each in (openly, apart)]
    named = [[one["name"] for one in each["subject"]] for each in stated]
    assert named == [["manifest.json"], ["heads.json", "manifest.json"]]
    manifests = [json.loads(each["live/manifest.json"])["cut"] for each in (openly, apart)]
    assert [each["audience"] for each in manifests] == ["open", "unblinded"]
    assert manifests[0]["id"] != manifests[1]["id"]


def test_the_unblinded_see_by_arm_what_is_open_pooled(open_blinded: Callable[..., Service]) -> None:
    service = open_blinded("aab")
    columns = {
        path: [each["id"] for each in service.get(path, STUDY).json["tables"][0]["columns"]]
        for path in ("tables/t", "unblinded/tables/t")
    }
    assert columns == {"tables/t": ["total"], "unblinded/tables/t": ["a", "b", "total"]}
    for path in PATHS:
        assert service.get(f"unblinded/{path}", STUDY).status == 200
    history = service.get("unblinded/subjects/S-0/history", STUDY).json
    assert json.loads(history["events"][1]["body"])["data"]["arm"] == "a"
    assert len(history["head"]) == 64
    assert service.get("subjects/S-0/history", STUDY).json["head"] == HIDDEN
    bodies = [each["body"] for each in service.get("set-aside", STUDY).json["set_aside"]]
    assert (bodies.count(HIDDEN), len(bodies)) == (3, 4)
    whole = service.get("unblinded/set-aside", STUDY).json["set_aside"]
    assert HIDDEN not in [each["body"] for each in whole]


def test_a_report_that_was_asked_for_is_led_to_by_audience(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    made = service.report("{}", STUDY).json["report"]
    service.stream((f"STUDY#{STUDY}", f"REPORT#{made}"))
    cut = service.get(f"reports/{made}", STUDY).json
    assert "unblinded_cut" not in cut
    for path, audience in (("reports", "open"), ("unblinded/reports", "unblinded")):
        for where in (made, "live"):
            link = service.get(f"{path}/{where}/tables.json", STUDY)
            assert link.status == 303
            assert f"/studies/{STUDY}/{audience}/" in link.headers["Location"]
    assert service.get(f"reports/{made}/audit.ndjson", STUDY).status == 404
    assert service.get(f"unblinded/reports/{made}/audit.ndjson", STUDY).status == 303
    assert service.get(f"unblinded/reports/{cut['cut']}/tables.json", STUDY).status == 404


def test_of_a_study_that_is_not_blinded_nothing_is_apart(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded(blinded=False)
    for path in (*PATHS, "reports/live/tables.json"):
        answer = service.get(f"unblinded/{path}", STUDY)
        assert (answer.status, answer.media_type) == (404, PROBLEM)
        assert answer.json["title"] == "Study is not blinded"
    service.stream(CHANGED)
    assert published(service, "unblinded") == {}
    assert "audit/live/heads.json" in published(service, "open")


def test_an_amendment_unblinds(open_blinded: Callable[..., Service]) -> None:
    service = open_blinded()
    service.stream(CHANGED)
    assert service.define(DEFINITION | {"blinded": False}).status == 202
    assert service.get("unblinded/tables", STUDY).status == 200
    service.invoke("audit", {})
    service.stream((f"STUDY#{STUDY}", "CURRENT"))
    assert service.get("unblinded/tables", STUDY).status == 404
    (table,) = json.loads(published(service, "open")["live/tables.json"])["tables"]
    assert [each["id"] for each in table["columns"]] == ["a", "b", "total"]


def test_no_log_metric_or_answer_to_who_posts_names_an_arm(
    open_blinded: Callable[..., Service], capfd: pytest.CaptureFixture[str]
) -> None:
    mark = "armqzx"
    arms = [{"id": mark, "label": mark, "treatments": [mark]}, *DEFINITION["arms"]]
    service = open_blinded(arms=arms)
    posted = [randomised(mark, "S-7"), dose(subject="S-7", treatment=mark)]
    said = [service.post(each.body, STUDY).text for each in posted]
    said += [service.post(each, STUDY).text for each in refused(mark)]
    everything_open(service)
    printed = capfd.readouterr()
    assert "Requests" in printed.out
    assert mark not in "\n".join([*said, service.log.getvalue(), *printed])
