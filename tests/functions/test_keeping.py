"""What is kept of a report: its files locked, what changed since the one before, and the list."""

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zipfile import ZipFile

import openpyxl
import pytest
from botocore.exceptions import ClientError
from builders import TINY, adverse_event, coding, enrolment, entry, viral_load
from doubles import Clock
from invoking import CALLER, STUDY, Service, forget, request

import wiring
from local.replay import DOCUMENTS
from trial.reporting import changelog
from trial.store.bucket.object_keys import is_retained

SUBJECT = (f"STUDY#{STUDY}#0", "SUBJECT#D-1")
DAYS = 400
Row = dict[str, Any]


@pytest.fixture
def definition(example_definition: dict[str, Any]) -> dict[str, Any]:
    return example_definition


@pytest.fixture
def feed(example_feed: list[str]) -> list[str]:
    return example_feed


@pytest.fixture(params=["GOVERNANCE", "COMPLIANCE"])
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LOCK_MODE", request.param)
    monkeypatch.setenv("LOCK_DAYS", str(DAYS))
    mode: str = request.param
    return mode


# Where a lock counts and not what it is called, one of the two is enough.
in_one_mode = pytest.mark.parametrize("mode", ["COMPLIANCE"], indirect=True)


@pytest.fixture
def locking(mode: str, service: Service, feed: list[str]) -> Iterator[Service]:
    forget()
    service.batch(*feed[:20])
    yield service
    forget()


def retention(service: Service, key: str, version: str) -> dict[str, Any] | None:
    try:
        answer = service.s3.get_object_retention(Bucket=service.bucket, Key=key, VersionId=version)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchObjectLockConfiguration":
            raise
        return None
    lock: dict[str, Any] = answer["Retention"]
    return lock


def locks(service: Service) -> dict[tuple[str, str], dict[str, Any] | None]:
    return {
        (key.removeprefix(f"studies/{STUDY}/open/"), version): retention(service, key, version)
        for key, version in service.versions()
    }


def test_every_file_of_a_cut_is_locked_and_nothing_that_is_live(
    locking: Service, mode: str, example_documents: frozenset[str]
) -> None:
    requested_at = datetime.now(UTC)
    row = locking.made()
    locks_found = locks(locking)
    locked_keys = {key for (key, _), lock in locks_found.items() if lock}
    cut = row["cut"]
    assert locked_keys == {
        *(f"cuts/{cut}/{name}" for name in example_documents),
        f"audit/{cut}/heads.json", f"audit/{cut}/audit.ndjson", f"audit/{cut}/manifest.sig.json",
        f"audit/{cut}/{row['id']}/changes.xlsx", f"audit/{cut}/{row['id']}/changes.sig.json",
    }  # fmt: skip
    free = {key.split("/")[0] for (key, _), lock in locks_found.items() if not lock}
    assert free == {"live", "latest.json", "audit", "pieces"}
    assert {key for (key, _), lock in locks_found.items() if not lock and "audit" in key} == {
        "audit/live/heads.json", "audit/live/manifest.sig.json", "audit/latest.sig.json",
    }  # fmt: skip
    for lock in filter(None, locks_found.values()):
        assert lock["Mode"] == mode
        assert (
            timedelta(days=DAYS - 1) < lock["RetainUntilDate"] - requested_at < timedelta(DAYS, 60)
        )


def test_a_locked_file_cannot_be_deleted(locking: Service) -> None:
    locking.made()
    for (key, version), lock in locks(locking).items():
        place = f"studies/{STUDY}/open/{key}"
        if lock:
            with pytest.raises(ClientError, match="AccessDenied"):
                locking.s3.delete_object(Bucket=locking.bucket, Key=place, VersionId=version)


@in_one_mode
def test_the_same_cut_published_again_is_left_as_it_is(locking: Service) -> None:
    first = locking.made()
    before = locks(locking)
    second = locking.made()
    assert (first["cut"], second["status"]) == (second["cut"], "ready")
    after = locks(locking)
    new = {key for key, _ in after.keys() - before.keys()}
    place = f"audit/{second['cut']}/{second['id']}"
    assert new == {f"{place}/changes.xlsx", f"{place}/changes.sig.json"}
    assert {version: after[version] for version in before} == before


@in_one_mode
def test_other_code_writes_the_cut_beside_and_shortens_no_lock(
    locking: Service, example_documents: frozenset[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = locking.made()
    before = locks(locking)
    monkeypatch.setattr(wiring, "code_version", lambda: "another deploy")
    monkeypatch.setenv("LOCK_DAYS", "1")
    forget()
    assert locking.made()["cut"] == first["cut"]
    after = locks(locking)
    kept = {
        version: lock
        for version, lock in before.items()
        if "live" not in version[0] and not version[0].startswith("pieces/")
    }
    assert kept.items() <= after.items()
    manifest = json.loads(locking.object(f"studies/{STUDY}/open/cuts/{first['cut']}/manifest.json"))
    assert manifest["code_version"] == "another deploy"
    new_keys = [key for key, _ in after.keys() - before.keys() if key.startswith("cuts/")]
    assert len(new_keys) == len(example_documents)


@in_one_mode
def test_a_cut_whose_writing_was_broken_off_is_written_whole(
    locking: Service, example_documents: frozenset[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = wiring.documents()
    write, places = documents.write, []

    def broken(study: str, audience: str, place: str, *file: Any) -> str:
        places.extend([place] if place.startswith("cuts/") else [])
        assert len(places) < 4
        version: str = write(study, audience, place, *file)
        return version

    with monkeypatch.context() as patch:
        patch.setattr(documents, "write", broken)
        name = locking.report("{}").json["report"]
        locking.stream((f"STUDY#{STUDY}", f"REPORT#{name}"))
        assert locking.get(f"reports/{name}").json["status"] == "failed"
    row = locking.made()
    for document in example_documents:
        assert locking.get(f"reports/{row['id']}/{document}").status == 303


def test_without_days_nothing_is_locked(service: Service, feed: list[str]) -> None:
    service.batch(*feed[:5])
    service.made()
    assert not any(locks(service).values())


@in_one_mode
def test_a_locked_file_is_sent_with_a_checksum_which_s3_demands(
    locking: Service, example_documents: frozenset[str]
) -> None:
    headers = []

    def note(request: Any, **_: Any) -> None:
        headers.append({name.lower(): value for name, value in request.headers.items()})

    hooks = wiring.documents().bucket._client.meta.events
    hooks.register("before-send.s3.PutObject", note)
    locking.made()
    hooks.unregister("before-send.s3.PutObject", note)
    with_lock = [header_set for header_set in headers if "x-amz-object-lock-mode" in header_set]
    assert len(with_lock) == len(example_documents) + 5
    assert all("x-amz-sdk-checksum-algorithm" in header_set for header_set in with_lock)


@pytest.mark.parametrize(
    ("place", "is_locked"),
    [("cuts/abc", True), ("audit/abc", True), ("audit/abc/def", True), ("audit/live", False),
     ("live", False), ("audit", False), ("", False)],
)  # fmt: skip
def test_what_is_locked_is_of_a_cut(place: str, is_locked: bool) -> None:  # noqa: FBT001
    assert is_retained(place) == is_locked


# What changed since the report before


@pytest.fixture
def tiny(blank: Service, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Row]:
    """Give a maker of reports of the tiny study, each some seconds after what came before."""
    monkeypatch.setattr(wiring, "now", Clock(step=timedelta(seconds=1)))
    forget()
    assert blank.define(dict(TINY)).status == 201

    def make(*entries: Any, **options: str) -> Row:
        for entry_ in entries:
            assert blank.post(entry_.body, "TINY").status == 201
        row = blank.made("TINY", **options)
        return row | {"sheets": sheets(blank, row)}

    return make


def content(service: Service, row: Row) -> bytes:
    return service.object(f"studies/TINY/open/audit/{row['cut']}/{row['id']}/changes.xlsx")


def sheets(service: Service, row: Row) -> dict[str, list[Row]]:
    """Read both sheets back, each row by its heads."""
    book = openpyxl.load_workbook(io.BytesIO(content(service, row)))
    sheets_read = {}
    for name in ("CHANGES", "AUDIT"):
        rows = [list(values) for values in book[name].iter_rows(values_only=True)]
        start = next(i for i, line in enumerate(rows) if "Subject" in line)
        width = next((i for i, cell in enumerate(rows[start]) if cell is None), len(rows[start]))
        body = [line[:width] for line in rows[start + 1 :] if sum(v is not None for v in line) > 2]
        sheets_read[name] = [dict(zip(rows[start], line, strict=False)) for line in body]
    return sheets_read


BASE = [enrolment(age=40, sex="F"), viral_load(0, 10_000), adverse_event(10, grade=2)]


def changed(row: Row) -> list[tuple[Any, ...]]:
    names = ("Kind", "Record", "Change", "Revision before", "Revision after")
    return [tuple(change[name] for name in names) for change in row["sheets"]["CHANGES"]]


def test_in_the_first_report_everything_is_new(tiny: Callable[..., Row], blank: Service) -> None:
    row = tiny(*BASE)
    assert changed(row) == [
        ("adverse-event.reported", "AE-1", "new", None, 1),
        ("lab.result.reported", "VL-0", "new", None, 1),
        ("subject.enrolled", "R", "new", None, 1),
    ]
    history = blank.get("subjects/S-1/history", "TINY").json["events"]
    trail = row["sheets"]["AUDIT"]
    assert [line["Hash"] for line in trail] == [line["hash"] for line in history]
    assert [line["Event"] for line in trail] == [line["event_id"] for line in history]
    assert [line["Received"] for line in trail] == [line["stamp"] for line in history]
    assert {line["By"] for line in trail} == {CALLER}
    assert [line["Version"] for line in trail] == [1, 2, 3]


def test_then_only_what_came_since_and_what_it_changed(tiny: Callable[..., Row]) -> None:
    first = tiny(*BASE)
    second = tiny(
        adverse_event(11, grade=3, term="told otherwise", revision=2, reason_for_change="Query 7"),
        entry("lab.result.reported", record="VL-0", revision=2, action="void",
              reason_for_change="=Wrong tube"),
        viral_load(7, 9_000),
        coding(subject="S-1"),
    )  # fmt: skip
    assert second["previous"] == first["id"]
    assert changed(second) == [
        ("adverse-event.coded", "C-AE-1", "new", None, 1),
        ("adverse-event.reported", "AE-1", "corrected", 1, 2),
        ("lab.result.reported", "VL-0", "voided", 1, 2),
        ("lab.result.reported", "VL-7", "new", None, 1),
    ]
    _, corrected, voided, _ = second["sheets"]["CHANGES"]
    assert corrected["Reason for change"] == "Query 7"
    assert corrected["Changed fields"] == (
        "grade: 2 \u2192 3; onset: 2015-06-11 \u2192 2015-06-12; term: changed"
    )
    assert (voided["Action"], voided["Reason for change"]) == ("void", "=Wrong tube")
    assert (voided["By"], voided["Source"]) == (CALLER, "urn:tests")
    assert len(second["sheets"]["AUDIT"]) == 7
    third = tiny()
    assert (third["cut"], third["previous"], changed(third)) == (second["cut"], second["id"], [])
    assert changed(second)  # the file of a report stays its own, whoever else has its cut


def test_what_is_too_much_for_a_workbook_and_stands_elsewhere_is_left_out_of_it(
    tiny: Callable[..., Row], blank: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changelog, "MOST_RECORDS", 3)
    whole = tiny(*BASE)["sheets"]
    assert [len(whole[name]) for name in ("CHANGES", "AUDIT")] == [3, 3]
    second = tiny(viral_load(7, 9_000))
    assert changed(second) == [("lab.result.reported", "VL-7", "new", None, 1)]
    assert second["sheets"]["AUDIT"] == []
    assert "audit.ndjson" in second["files"]
    book = openpyxl.load_workbook(io.BytesIO(content(blank, second)))
    texts = [str(value) for line in book["AUDIT"].iter_rows(values_only=True) for value in line]
    left_out = "Left out: 4 events are more than a workbook is for. audit.ndjson holds them all."
    assert left_out in texts
    monkeypatch.setattr(changelog, "MOST_RECORDS", 2)
    assert blank.define({**TINY, "study": "FIRST"}).status == 201
    for entry_ in BASE:
        assert blank.post(entry_.body, "FIRST").status == 201
    row = blank.made("FIRST")
    place = f"studies/FIRST/open/audit/{row['cut']}/{row['id']}/changes.xlsx"
    book = openpyxl.load_workbook(io.BytesIO(blank.object(place)))
    texts = [str(value) for line in book["CHANGES"].iter_rows(values_only=True) for value in line]
    assert any(text.endswith("The data sets hold every record.") for text in texts)
    assert "enrolled" not in " ".join(texts)


def test_a_report_of_an_earlier_instant_lacks_what_the_one_before_it_has(
    tiny: Callable[..., Row], blank: Service
) -> None:
    tiny(*BASE)
    last = blank.get("subjects/S-1/history", "TINY").json["events"][-1]["stamp"]
    late = viral_load(7, 9_000)
    tiny(late, enrolment(subject="S-2"))
    for _ in range(60):
        wiring.now()
    early = tiny(as_of=last)
    assert [row[2] for row in changed(early)] == ["no longer in", "no longer in"]
    assert {change["Subject"] for change in early["sheets"]["CHANGES"]} == {"S-1", "S-2"}
    assert {row["Subject"] for row in early["sheets"]["AUDIT"]} == {"S-1"}
    cut_off = tiny(cutoff="2015-06-05")
    assert ("lab.result.reported", "VL-7", "new", None, 1) not in changed(cut_off)


def test_made_again_the_same_report_gives_the_same_file_though_others_came_between(
    tiny: Callable[..., Row], blank: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny(*BASE)
    blank.post(viral_load(7, 9_000).body, "TINY")
    names = [blank.report("{}", "TINY").json["report"] for _ in range(2)]
    with monkeypatch.context() as patch:  # it is broken off when all but its row is written
        patch.setattr(wiring.reports(), "mark_ready", lambda *_: 1 // 0)
        patch.setattr(wiring.reports(), "mark_failed", lambda *_: None)
        blank.stream(("STUDY#TINY", f"REPORT#{names[1]}"))
    cut = json.loads(blank.object("studies/TINY/open/latest.json"))["cut"]
    first = content(blank, {"cut": cut, "id": names[1]})
    for name in names:
        blank.stream(("STUDY#TINY", f"REPORT#{name}"))
    rows = [blank.get(f"reports/{name}", "TINY").json for name in names]
    assert [row["status"] for row in rows] == ["ready", "ready"]
    assert rows[1]["previous"] == rows[0]["previous"]
    assert content(blank, rows[1]) == first


def test_reports_of_one_batch_are_made_in_the_order_they_were_asked_for(
    tiny: Callable[..., Row], blank: Service
) -> None:
    tiny(*BASE)
    names = [blank.report("{}", "TINY").json["report"] for _ in range(4)]
    blank.stream(*(("STUDY#TINY", f"REPORT#{name}") for name in reversed(names)))
    rows = [blank.get(f"reports/{name}", "TINY").json for name in names]
    assert [row["previous"] for row in rows[1:]] == names[:-1]


def test_no_personal_text_but_the_reason_is_in_it_and_none_once_it_is_erased(
    tiny: Callable[..., Row], blank: Service
) -> None:
    old, new = "told by Gunther Zyx", "told by Hilde Qwv"
    tiny(adverse_event(10, term=old))
    second = tiny(adverse_event(10, term=new, revision=2, reason_for_change="Said Ida Pfg"))

    def text(row: Row) -> str:
        book = ZipFile(io.BytesIO(content(blank, row)))
        return "".join(book.read(member).decode() for member in book.namelist())

    assert not any(phrase in text(second) for phrase in (old, new))
    assert "Said Ida Pfg" in text(second)
    path = "/studies/TINY/subjects/S-1/erase"
    assert blank.ask(request("POST", path, {"reason": "Asked to"})).status == 200
    third = tiny()
    assert "Ida Pfg" not in text(third)
    assert ("subject.erased", "erasure", "new", None, 1) in changed(third)


# The list


def test_the_list_gives_the_newest_first_with_files_and_the_report_before(
    tiny: Callable[..., Row], blank: Service
) -> None:
    first = tiny(*BASE, reason="Interim")
    second = tiny(cutoff="2015-06-05")
    pending = blank.report("{}", "TINY").json["report"]
    listed = blank.get("reports", "TINY").json
    latest = json.loads(blank.object("studies/TINY/open/latest.json"))
    del latest["state"], latest["columns"]  # for the next publication and the room alone
    assert listed["live"] == latest
    rows = listed["reports"]
    assert [row["id"] for row in rows] == [pending, second["id"], first["id"]]
    assert [row["status"] for row in rows] == ["pending", "ready", "ready"]
    assert rows[0]["files"] == []
    assert (rows[2]["reason"], rows[2]["requested_by"]) == ("Interim", CALLER)
    assert (rows[1]["previous"], rows[2]["previous"]) == (first["id"], None)
    assert (rows[1]["cutoff"], rows[1]["accepted"]) == ("2015-06-05", 3)
    beside = {"heads.json", "audit.ndjson", "manifest.sig.json", "changes.xlsx"}
    beside |= {"changes.sig.json"}
    files = {file for file in rows[1]["files"] if not file.startswith("datasets/")}
    assert files == {*DOCUMENTS, *beside}
    for name in rows[1]["files"]:
        place = rows[1]["location"].removeprefix("/studies/TINY/")
        assert blank.get(f"{place}/{name}", "TINY").status == 303
    changes = blank.get(rows[1]["changes"].removeprefix("/studies/TINY/"), "TINY")
    assert changes.json["before"]["report"] == first["id"]
    assert rows[2]["changes"] is None
    assert blank.get(f"reports/{second['cut']}/changes.xlsx", "TINY").status == 404
