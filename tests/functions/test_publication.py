"""What Publish makes of changes: documents, whole and ever newer, one study apart from another."""

import hashlib
import json
import resource
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from invoking import STUDY, Context, Service, forget, request, streamed, unreachable

import wiring
from trial.errors import Unavailable
from trial.render import documents as rendering
from trial.reporting import blocks, journals, spool, unfinished_report
from trial.reporting.live import unfinished
from trial.reporting.unfinished_report import UnfinishedReport
from trial.store.reports import LONGEST_WAIT

Event = dict[str, Any]
LATEST = f"studies/{STUDY}/open/latest.json"
LIVE = f"studies/{STUDY}/open/live/"
CUTS = f"studies/{STUDY}/open/cuts/"
AUDIT = f"studies/{STUDY}/open/audit/live/"
CHANGED = (f"STUDY#{STUDY}#0", "SUBJECT#D-1")


@pytest.fixture
def definition(example_definition: dict[str, Any]) -> dict[str, Any]:
    return example_definition


@pytest.fixture
def feed(example_feed: list[str]) -> list[str]:
    return example_feed


@pytest.fixture
def filled(service: Service, feed: list[str]) -> Service:
    service.batch(*feed[:20])
    return service


@pytest.fixture
def two(filled: Service, feed: list[str], definition: Event) -> Service:
    """Give a service with a second study, sorted before the first."""
    filled.define(definition | {"study": "BROKEN"})
    filled.batch(*(item.replace(STUDY, "BROKEN") for item in feed[:5]), study="BROKEN")
    return filled


BOTH = (("STUDY#BROKEN#0", "SUBJECT#D-1"), CHANGED)


def latest(service: Service, study: str = STUDY) -> Any:
    return json.loads(service.object(LATEST.replace(STUDY, study)))


def put_latest(service: Service, **members: Any) -> None:
    body = json.dumps(latest(service) | members).encode()
    service.s3.put_object(Bucket=service.bucket, Key=LATEST, Body=body)


def spoil(service: Service, study: str) -> None:
    """Make every subject of a study unreadable."""
    for key, item in service.items().items():
        if key[0] == f"STUDY#{study}#0" and key[1].startswith("SUBJECT#"):
            item["body"] = {"B": b"\x00 no subject"}
            service.dynamodb.put_item(TableName=service.table, Item=item)


def fetch(service: Service, key: str, version: str) -> bytes:
    content: bytes = service.s3.get_object(Bucket=service.bucket, Key=key, VersionId=version)[
        "Body"
    ].read()
    return content


def test_a_change_gives_every_document_and_latest_json_leads_to_them(
    filled: Service, example_documents: frozenset[str]
) -> None:
    filled.stream(CHANGED)
    result = latest(filled)
    assert result["study"] == STUDY
    assert result["events"] == filled.get("summary").json["accepted"]
    assert {*result["files"]} == {*example_documents}
    versions = filled.versions()
    assert {(LIVE + name, version) for name, version in result["files"].items()} < versions
    beside = {key for key, _ in versions if not key.startswith((LIVE, "pieces/"))}
    assert beside == {LATEST, AUDIT + "heads.json", AUDIT + "manifest.sig.json"}
    files = {n: fetch(filled, LIVE + n, version) for n, version in result["files"].items()}
    for entry in json.loads(files["manifest.json"])["files"]:
        assert hashlib.sha256(files[entry["name"]]).hexdigest() == entry["sha256"]
        head = filled.s3.head_object(Bucket=filled.bucket, Key=LIVE + entry["name"])
        assert head["ContentType"] == entry["media_type"]
    marked = filled.get("reports").json
    del result["state"], result["columns"]  # for the next publication and the room alone
    assert (marked["last_rendering"]["status"], marked["live"]) == ("published", result)


def test_a_second_run_changes_nothing(filled: Service) -> None:
    filled.stream(CHANGED, CHANGED)
    before = filled.versions()
    filled.stream(CHANGED)
    assert filled.versions() == before


def test_a_new_event_gives_new_documents(filled: Service, feed: list[str]) -> None:
    filled.stream(CHANGED)
    before = latest(filled)
    filled.batch(*feed[20:])
    filled.stream(CHANGED)
    after = latest(filled)
    assert after["events"] > before["events"]
    assert after["cut"] != before["cut"]
    unchanged = {*before["files"].items()} & {*after["files"].items()}
    assert {name for name, _ in unchanged} <= {
        "definition.json", *(name for name in after["files"] if name.startswith("datasets/"))
    }  # fmt: skip


def test_what_was_repeated_or_refused_gives_no_new_documents(
    filled: Service, feed: list[str]
) -> None:
    filled.stream(CHANGED)
    before = filled.versions()
    filled.batch(*feed[:20], 7)
    filled.stream(CHANGED)
    assert filled.versions() == before


def test_a_definition_alone_is_published_with_nothing_in_it(service: Service) -> None:
    service.stream((f"STUDY#{STUDY}", "CURRENT"))
    assert latest(service)["events"] == 0
    (responders,) = [
        key_result
        for key_result in json.loads(service.object(LIVE + "summary.json"))["key_results"]
        if key_result["id"] == "responders"
    ]
    assert responders["text"] == "not reported"


@pytest.mark.parametrize("newer", [{"events": 1_000_000}, {"epoch": 2, "events": 0}])
def test_latest_never_moves_back(filled: Service, newer: dict[str, int]) -> None:
    filled.stream(CHANGED)
    put_latest(filled, cut="other", **newer)
    before = filled.versions()
    filled.stream(CHANGED)
    assert filled.versions() == before
    assert latest(filled)["cut"] == "other"


def test_a_new_epoch_moves_on_although_it_counts_less(filled: Service) -> None:
    filled.stream(CHANGED)
    put_latest(filled, cut="other", epoch=0, events=1_000_000)
    filled.stream(CHANGED)
    assert latest(filled)["cut"] != "other"


@pytest.mark.parametrize(("events", "stays"), [(1_000_000, "other"), (0, "ours")])
def test_of_two_publications_at_once_the_newer_stays(
    filled: Service, monkeypatch: pytest.MonkeyPatch, events: int, stays: str
) -> None:
    filled.stream(CHANGED)
    put_latest(filled, cut="before", events=0)
    documents = wiring.documents()
    replace_latest = documents.replace_latest
    publications = [lambda: put_latest(filled, cut="other", events=events)]

    def overtaken(*arguments: Any) -> bool:
        if publications:
            publications.pop()()
        moved: bool = replace_latest(*arguments)
        return moved

    monkeypatch.setattr(documents, "replace_latest", overtaken)
    filled.stream(CHANGED)
    assert (latest(filled)["cut"] == "other") == (stays == "other")


def test_a_study_that_fails_to_render_is_marked_and_the_other_is_published(
    two: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(two, "BROKEN")
    two.stream(*BOTH)
    assert latest(two)["events"] > 0
    failed = two.get("reports", "BROKEN").json
    assert failed["last_rendering"]["status"] == "failed"
    assert failed["last_rendering"]["detail"]
    assert failed["live"] is None
    assert two.get("reports").json["last_rendering"]["status"] == "published"
    assert "Publication failed" in two.log.getvalue()


def test_a_study_that_fails_keeps_its_last_documents_and_recovers(
    filled: Service, feed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.stream(CHANGED)
    before = latest(filled)
    filled.batch(*feed[20:])
    with monkeypatch.context() as patch:
        patch.setattr(rendering, "workbook", lambda _report, **_: 1 // 0)
        filled.stream(CHANGED)
    assert latest(filled) == before
    assert filled.get("reports").json["last_rendering"]["status"] == "failed"
    filled.stream(CHANGED)
    assert latest(filled)["events"] > before["events"]
    assert filled.get("reports").json["last_rendering"]["status"] == "published"


def test_temporary_storage_that_is_full_is_told_with_what_to_do(
    filled: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with monkeypatch.context() as patch:
        patch.setattr(spool, "HELD_BYTES", 0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
        try:
            filled.stream(CHANGED)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    failed = filled.get("reports").json["last_rendering"]
    assert failed["status"] == "failed"
    assert "raise EphemeralStorage" in failed["detail"]
    filled.stream(CHANGED)
    assert filled.get("reports").json["last_rendering"]["status"] == "published"


def test_a_page_of_a_subject_that_is_new_is_a_change_like_another(filled: Service) -> None:
    filled.stream((CHANGED[0], f"{CHANGED[1]}#000000"))
    assert latest(filled)["events"] > 0


def test_a_study_nobody_defined_holds_nothing_up(filled: Service) -> None:
    filled.stream(("STUDY#NOBODY#0", "SUBJECT#1"), CHANGED)
    assert latest(filled)["events"] > 0


def test_a_batch_comes_again_when_the_table_does_not_answer_and_others_are_published(
    two: Service,
) -> None:
    unreachable(two, lambda _operation, parameters: "STUDY#BROKEN#0" in parameters)
    with pytest.raises(Unavailable):
        two.stream(*BOTH)
    assert latest(two)["events"] > 0
    unreachable(two, lambda _operation, _parameters: False)
    two.stream(*BOTH)
    assert latest(two, "BROKEN")["events"] > 0


def slow_blocks(monkeypatch: pytest.MonkeyPatch) -> tuple[list[bool], Callable[..., Any]]:
    """Make blocks of a subject or two, each kept at once; say of each that the time is over."""
    monkeypatch.setattr(blocks, "_USUAL_SIZE", 1)
    monkeypatch.setattr(unfinished, "AT_ONCE", 1)
    make, over = blocks.BlockMaker.make, list[bool]()

    def slow(maker: blocks.BlockMaker, *of: Any) -> Any:
        over.append(True)
        return make(maker, *of)

    monkeypatch.setattr(blocks.BlockMaker, "make", slow)
    return over, slow


def test_an_outage_is_told_although_another_study_goes_on_in_the_next_call(
    two: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.invoke("publish", {})  # notes that both are out of date
    monkeypatch.setattr(wiring, "now", lambda: datetime.now(UTC) + timedelta(hours=1))
    over, _ = slow_blocks(monkeypatch)
    context = Context(left=lambda: 1_000 if over else 900_000)
    unreachable(two, lambda _operation, parameters: "STUDY#BROKEN" in parameters)
    with pytest.raises(Unavailable):
        two.handlers["publish"].handler({}, context)
    unreachable(two, lambda _operation, _parameters: False)
    (entry,) = [entry for entry in two.get("work").json["work"] if entry["what"] == "publication"]
    assert 0 < entry["done"] < entry["total"]


def test_what_is_published_does_not_depend_on_what_else_changed(
    two: Service, feed: list[str]
) -> None:
    two.stream(*BOTH)
    first = latest(two)
    for key, version in two.versions():
        two.s3.delete_object(Bucket=two.bucket, Key=key, VersionId=version)
    two.stream(CHANGED)
    second = latest(two)
    for name in ("epoch", "events", "cut", "content_root", "code_version"):
        assert first[name] == second[name]


def ask(service: Service, **members: str) -> Callable[[], Any]:
    answer = service.report(json.dumps({"reason": "Data monitoring", **members}))
    assert answer.status == 202
    name = answer.json["report"]
    service.stream((f"STUDY#{STUDY}", f"REPORT#{name}"))
    return lambda: service.get(f"reports/{name}").json


def test_a_report_becomes_ready_and_its_files_are_kept_under_its_cut(
    filled: Service, example_documents: frozenset[str]
) -> None:
    report = ask(filled)()
    assert report["status"] == "ready"
    assert report["accepted"] == filled.get("summary").json["accepted"]
    place = f"{CUTS}{report['cut']}/"
    assert {key for key, _ in filled.versions(CUTS)} == {place + name for name in example_documents}
    manifest = json.loads(filled.object(place + "manifest.json"))
    assert manifest["cut"]["id"] == report["cut"]
    for entry in manifest["files"]:
        content = filled.object(place + entry["name"])
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
        assert content == filled.object(LIVE + entry["name"])


def test_a_link_leads_to_a_document_for_a_minute(filled: Service) -> None:
    report = ask(filled)()
    for name in ("live", report["cut"], report["id"]):
        answer = filled.get(f"reports/{name}/tables.json")
        assert (answer.status, answer.text) == (303, "")
        assert answer.headers["Cache-Control"] == "no-store"
        parts = urlsplit(answer.headers["Location"])
        assert parse_qs(parts.query)["X-Amz-Expires"] == ["60"]
        assert ("versionId" in parse_qs(parts.query)) == (name == "live")
        assert parts.path.endswith("/tables.json")
    for path in (f"{report['cut']}/none.txt", f"{report['id']}/none.txt", "live/none.txt"):
        assert filled.get(f"reports/{path}").status == 404


@pytest.mark.parametrize("name", ["latest.json", "..%2Flatest.json", "../latest.json"])
def test_no_link_leads_beyond_the_documents(filled: Service, name: str) -> None:
    report = ask(filled)()
    for place in ("live", report["cut"]):
        assert filled.get(f"reports/{place}/{name}").status == 404


def test_a_report_is_made_once_and_stays_what_it_was(filled: Service, feed: list[str]) -> None:
    answer = ask(filled)
    report, before = answer(), filled.versions(CUTS)
    filled.batch(*feed[20:])
    filled.stream((f"STUDY#{STUDY}", f"REPORT#{report['id']}"))
    assert answer() == report
    assert filled.versions(CUTS) == before


def test_two_reports_of_one_state_are_one_cut_with_the_same_bytes(filled: Service) -> None:
    first, second = ask(filled)(), ask(filled)()
    assert first["cut"] == second["cut"]
    contents: dict[str, set[bytes]] = {}
    for key, version in filled.versions(CUTS):
        contents.setdefault(key, set()).add(fetch(filled, key, version))
    assert {len(content) for content in contents.values()} == {1}


def test_a_report_as_of_an_instant_is_the_study_as_it_was_then(
    blank: Service, definition: Event, feed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    instant = datetime(2026, 1, 1, tzinfo=UTC)
    with monkeypatch.context() as patch:
        patch.setattr(wiring, "now", lambda: instant)
        forget()
        blank.define(definition)
        blank.batch(*feed[:20])
        forget()
    blank.stream(CHANGED)
    before = json.loads(blank.object(LIVE + "tables.json"))
    state = json.loads(blank.object(LIVE + "manifest.json"))["cut"]
    forget()
    blank.batch(*reversed(feed[20:]))
    result = ask(blank, as_of=(instant + timedelta(hours=1)).isoformat())()
    assert result["status"] == "ready"
    assert result["accepted"] < blank.get("summary").json["accepted"]
    document = json.loads(blank.object(f"{CUTS}{result['cut']}/tables.json"))
    assert document["tables"] == before["tables"]
    assert document["content_root"] == state["content_root"]
    assert ask(blank)()["accepted"] == blank.get("summary").json["accepted"]


def test_reports_with_a_cut_off_keep_their_own_place_and_their_bytes(filled: Service) -> None:
    plain, first = ask(filled)(), ask(filled, cutoff="2024-03-31")()
    second = ask(filled, cutoff="2024-03-31")()
    assert first["cut"] == second["cut"] != plain["cut"]
    assert first["cutoff"] == "2024-03-31"
    manifests = [
        json.loads(filled.object(f"{CUTS}{item['cut']}/manifest.json")) for item in (plain, first)
    ]
    assert manifests[0]["cut"] != manifests[1]["cut"]
    contents: dict[str, set[bytes]] = {}
    for key, version in filled.versions(CUTS):
        contents.setdefault(key, set()).add(fetch(filled, key, version))
    assert {len(content) for content in contents.values()} == {1}


def test_what_arrival_decides_lies_beside_the_documents(filled: Service) -> None:
    report = ask(filled)()
    for place in ("live", report["cut"], report["id"]):
        assert filled.get(f"reports/{place}/heads.json").status == 303
    trail = filled.object(f"studies/{STUDY}/open/audit/{report['cut']}/audit.ndjson")
    journal = [key for key in filled.items() if "#JOURNAL#" in key[0]]
    assert len(trail.splitlines()) == len(journal)
    heads = json.loads(filled.object(AUDIT + "heads.json"))["subjects"]
    history = filled.get("subjects/D-1/history").json
    assert history["head"] == heads["D-1"]["head"]


def test_a_publication_too_long_for_one_invocation_goes_on_in_the_next_and_says_how_far_it_is(
    filled: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, slow = slow_blocks(monkeypatch)
    event = streamed(CHANGED)

    def invoke() -> Any:
        over.clear()
        context = Context(left=lambda: 1_000 if over else 900_000)
        return filled.handlers["publish"].handler(event, context)

    # The stream brings the change again, and nothing has failed.
    goes_on = {"batchItemFailures": [{"itemIdentifier": "101"}]}
    assert invoke() == goes_on
    (entry,) = filled.get("work").json["work"]
    assert (entry["what"], entry["status"], entry["done"]) == ("publication", "waiting", 1)
    assert entry["total"] > 1
    for _ in range(entry["total"] - 2):
        assert invoke() == goes_on
    over_at_the_end = over.clear
    monkeypatch.setattr(
        blocks.BlockMaker, "make", lambda *of: (slow(*of), over_at_the_end())[0]
    )  # the last block ends within its time
    assert invoke() is None
    assert filled.get("work").json["work"] == []
    assert latest(filled)["events"] == filled.get("summary").json["accepted"]
    kept = [key.rpartition("/")[2] for key, _ in filled.versions(f"pieces/{STUDY}/open/")]
    assert sum(name.startswith("block-") for name in kept) == entry["total"]
    assert {name for name in kept if not name.startswith("block-")} == {"begun", "state"}


def test_a_report_too_long_for_one_invocation_goes_on_for_days_and_leaves_nothing(
    filled: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.stream(CHANGED)
    monkeypatch.setattr(journals, "GROUP_EVENTS", 1)
    monkeypatch.setattr(unfinished_report, "GROUP_EVENTS", 1)
    keep, over, waited = UnfinishedReport._keep, list[bool](), timedelta()

    def kept(*of: Any) -> None:
        keep(*of)
        over.append(True)

    monkeypatch.setattr(UnfinishedReport, "_keep", kept)
    monkeypatch.setattr(wiring, "now", lambda: datetime.now(UTC) + waited)

    def begin() -> tuple[str, Event]:
        name = filled.report("{}").json["report"]
        event = streamed((f"STUDY#{STUDY}", f"REPORT#{name}"))
        go_on(event)
        return name, event

    def go_on(event: Event) -> None:
        over.clear()
        before = steps()
        context = Context(left=lambda: 1_000 if over else 900_000)
        filled.handlers["publish"].handler(event, context)
        assert steps() == before + 1  # the row changed, so that the stream calls again

    def steps() -> int:
        rows = [row for key, row in filled.items().items() if key[1].startswith("REPORT#")]
        return sum(int(row["steps"]["N"]) for row in rows if "steps" in row)

    name, event = begin()
    (entry,) = filled.get("work").json["work"]
    assert {key: entry[key] for key in ("what", "of", "status", "unit", "subjects")} == {
        "what": "report", "of": name, "status": "running", "unit": "events", "subjects": 1,
    }  # fmt: skip
    assert 0 < entry["done"] < entry["total"] == filled.get("summary").json["accepted"]
    heads = json.loads(filled.object(AUDIT + "heads.json"))["subjects"]
    for _ in range(len(heads) - 1):
        waited += timedelta(hours=20)
        go_on(event)
    assert len(heads) > 3
    assert waited > LONGEST_WAIT
    (entry,) = filled.get("work").json["work"]
    assert (entry["subjects"], entry["done"]) == (len(heads), entry["total"])
    assert filled.versions(f"pieces/{STUDY}/open/reports/{name}/")
    filled.handlers["publish"].handler(event, Context())
    assert filled.get(f"reports/{name}").json["status"] == "ready"
    assert filled.get("work").json["work"] == []

    given_up, event = begin()
    monkeypatch.setattr("trial.reporting.publishing.workbook", lambda *_: 1 // 0)
    filled.handlers["publish"].handler(event, Context())
    assert filled.get(f"reports/{given_up}").json["status"] == "failed"
    assert filled.versions(f"pieces/{STUDY}/open/reports/") == set()


def test_an_erasure_reaches_what_is_kept_of_a_report_that_is_not_tried_for_hours(
    filled: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "GROUP_EVENTS", 1)
    monkeypatch.setattr(unfinished_report, "GROUP_EVENTS", 1)
    name = filled.report("{}").json["report"]
    with monkeypatch.context() as patch:
        patch.setattr(UnfinishedReport, "blocks", lambda *_: wiring.store().study("NONE"))
        patch.setattr(unfinished_report, "clear", lambda *_: None)
        patch.setattr(wiring.reports(), "mark_failed", lambda *_: None)
        filled.stream((f"STUDY#{STUDY}", f"REPORT#{name}"))
    wiring.reports().count_attempt(STUDY, name, 9)
    groups = f"pieces/{STUDY}/open/reports/{name}/journals-"
    kept = filled.versions(groups)
    path = f"/studies/{STUDY}/subjects/D-1/erase"
    assert filled.ask(request("POST", path, {"reason": "Asked to"})).status == 200
    filled.stream((f"STUDY#{STUDY}", "ERASED#D-1"))
    assert len(kept - filled.versions(groups)) == 1
    assert filled.get(f"reports/{name}").json["status"] == "pending"
    monkeypatch.setattr(wiring, "now", lambda: datetime.now(UTC) + timedelta(hours=20))
    filled.stream((f"STUDY#{STUDY}", f"REPORT#{name}"))
    assert filled.get(f"reports/{name}").json["status"] == "ready"


def test_a_report_for_which_no_time_was_left_is_begun_by_the_next_call(
    filled: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_live, over = filled.handlers["publish"].publish_live, list[bool]()

    def slow(*of: Any) -> None:
        publish_live(*of)
        over.append(True)

    monkeypatch.setattr(filled.handlers["publish"], "publish_live", slow)
    name = filled.report("{}").json["report"]
    event = streamed((f"STUDY#{STUDY}", f"REPORT#{name}"))
    context = Context(left=lambda: 1_000 if over else 900_000)
    answer = filled.handlers["publish"].handler(event, context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "101"}]}
    assert filled.get("reports").json["last_rendering"]["status"] == "published"
    filled.handlers["publish"].handler(event, Context())
    assert filled.get(f"reports/{name}").json["status"] == "ready"
