"""Two audiences over the API and in S3: what is open says nothing of arms, the rest is apart."""

import json
from collections.abc import Callable

import pytest
from builders import dose
from drawn import CHANGED, DEFINITION, PATHS, STUDY, everything_open, payload, published, refused
from invoking import PROBLEM, Service, request
from parallel import randomised

from trial.events.blinding import HIDDEN


def test_nothing_that_is_open_depends_on_an_arm(open_blinded: Callable[..., Service]) -> None:
    result, outcome = (everything_open(open_blinded(arms)) for arms in ("ab", "ba"))
    for item in (result, outcome):
        item["reports"] = [
            {name: report[name] for name in ("cut", "accepted", "status")}
            for report in json.loads(item["reports"])["reports"]
        ]
    assert result.keys() == outcome.keys()
    for name, item in result.items():
        assert item == outcome[name], name
    naming = {name for name, value in result.items() if "placebo" in str(value)}
    # how the trial is laid out is no secret, and says of nobody which arm is theirs
    assert {name.rpartition("/")[2] for name in naming} <= {"definition.json"}
    assert "audit/live/heads.json" not in result


def test_each_audience_has_its_documents_and_its_manifest(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    service.stream(CHANGED)
    openly, apart = published(service, "open"), published(service, "unblinded")
    names = {f"live/{file}" for file in json.loads(apart["latest.json"])["files"]}
    beside = {"latest.json", "audit/live/manifest.sig.json"}
    assert names | beside == openly.keys()
    assert names | beside | {"audit/live/heads.json"} == apart.keys()
    statements = [
        json.loads(payload(item["audit/live/manifest.sig.json"])) for item in (openly, apart)
    ]
    subject_names = [[value["name"] for value in item["subject"]] for item in statements]
    assert subject_names == [["manifest.json"], ["heads.json", "manifest.json"]]
    manifests = [json.loads(item["live/manifest.json"])["cut"] for item in (openly, apart)]
    assert [manifest["audience"] for manifest in manifests] == ["open", "unblinded"]
    assert manifests[0]["id"] != manifests[1]["id"]


def test_the_unblinded_see_by_arm_what_is_open_pooled(open_blinded: Callable[..., Service]) -> None:
    service = open_blinded("aab")
    columns = {
        path: [column["id"] for column in service.get(path, STUDY).json["tables"][0]["columns"]]
        for path in ("tables/t", "unblinded/tables/t")
    }
    assert columns == {"tables/t": ["total"], "unblinded/tables/t": ["a", "b", "total"]}
    for path in PATHS:
        assert service.get(f"unblinded/{path}", STUDY).status == 200
    history = service.get("unblinded/subjects/S-0/history", STUDY).json
    assert json.loads(history["events"][1]["body"])["data"]["arm"] == "a"
    assert len(history["head"]) == 64
    assert service.get("subjects/S-0/history", STUDY).json["head"] == HIDDEN
    bodies = [item["body"] for item in service.get("quarantine", STUDY).json["quarantined"]]
    assert (bodies.count(HIDDEN), len(bodies)) == (3, 4)
    quarantined = service.get("unblinded/quarantine", STUDY).json["quarantined"]
    assert HIDDEN not in [item["body"] for item in quarantined]


def test_a_report_that_was_asked_for_is_led_to_by_audience(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    report = service.report("{}", STUDY).json["report"]
    service.stream((f"STUDY#{STUDY}", f"REPORT#{report}"))
    cut = service.get(f"reports/{report}", STUDY).json
    assert "unblinded_cut" not in cut
    for path, audience in (("reports", "open"), ("unblinded/reports", "unblinded")):
        for place in (report, "live"):
            link = service.get(f"{path}/{place}/tables.json", STUDY)
            assert link.status == 303
            assert f"/studies/{STUDY}/{audience}/" in link.headers["Location"]
    assert service.get(f"reports/{report}/audit.ndjson", STUDY).status == 404
    assert service.get(f"unblinded/reports/{report}/audit.ndjson", STUDY).status == 303
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


def test_unblinding_opens_what_was_apart(open_blinded: Callable[..., Service]) -> None:
    service = open_blinded()
    service.stream(CHANGED)
    unblind = request("POST", f"/studies/{STUDY}/unblind", {"reason": "Over"})
    assert service.ask(unblind).status == 202
    assert service.get("unblinded/tables", STUDY).status == 200
    service.invoke("audit", {})
    service.stream((f"STUDY#{STUDY}", "CURRENT"))
    assert service.get("unblinded/tables", STUDY).status == 404
    (table,) = json.loads(published(service, "open")["live/tables.json"])["tables"]
    assert [column["id"] for column in table["columns"]] == ["a", "b", "total"]


def test_no_log_metric_or_answer_to_who_posts_names_an_arm(
    open_blinded: Callable[..., Service], capfd: pytest.CaptureFixture[str]
) -> None:
    mark = "armqzx"
    arms = [{"id": mark, "label": mark, "treatments": [mark]}, *DEFINITION["arms"]]
    service = open_blinded(arms=arms)
    posted = [randomised(mark, "S-7"), dose(subject="S-7", treatment=mark)]
    texts = [service.post(item.body, STUDY).text for item in posted]
    texts += [service.post(item, STUDY).text for item in refused(mark)]
    everything_open(service)
    output = capfd.readouterr()
    assert "Requests" in output.out
    assert mark not in "\n".join([*texts, service.log.getvalue(), *output])
