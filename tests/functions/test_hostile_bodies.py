"""What no table, no page and no reader could hold is refused with its place, alone, and is kept."""

import json
from itertools import batched
from typing import Any

import pytest
from invoking import BATCH, SINGLE, STUDY, Service, request
from roads import LAMBDA_BYTES, Road, pages

import wiring
from trial.commands.auditing import Audit, Difference
from trial.definition.study import Study, load
from trial.errors import Rejected
from trial.events.blinding import OPEN
from trial.render import tables_json
from trial.reporting import report
from trial.statistics.cells import Share, total
from trial.store.bucket.object_keys import AUDIT
from trial.subject.fold import Subject
from trial.tables.file_names import AUDIT_REPORT
from trial.web.pagination import PAGE_BYTES, check_size
from trial.web.routing import Answer

type Event = dict[str, Any]


@pytest.fixture
def trial(road: Road, definition: Event) -> Road:
    """Give the handlers before a table that knows TMB-301."""
    road.open([definition])
    return road


def spelt(event: Event, token: str, *path: str) -> bytes:
    """Write an event with a value as it is spelt, at a place that is there or not."""
    changed = json.loads(json.dumps(event))
    inner = changed
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = "@"
    return json.dumps(changed).replace('"@"', token).encode(errors="surrogateescape")


def named(event: Event, names: int, length: int) -> bytes:
    data = event["data"] | {f"{'x' * length}{number}": 1 for number in range(names)}
    return json.dumps(event | {"data": data}).encode()


def deep(depth: int) -> str:
    return "[" * depth + "]" * depth


HOSTILE = {
    "a member name of 205 kB": (lambda event: named(event, 1, 205_000), 422, "/data/xxx"),
    "100 of 2.4 kB": (lambda event: named(event, 100, 2_400), 422, "/data/xxx"),
    "a field in 6,000 places": (
        lambda event: spelt(event, f"[{','.join(['7'] * 6_000)}]", "data", "measurements"),
        422, "/data/measurements/0",
    ),
    "half a pair in an id": (lambda event: spelt(event, r'"e-\ud800"', "id"), 400, "line 1 column"),
    "half a pair in an extension": (
        lambda event: spelt(event, r'"a\udc00"', "ward"), 400, "line 1 column",
    ),
    "half a pair in a text": (
        lambda event: spelt(event, r'"a\ud83dz"', "data", "reason_for_change"), 400, "line 1",
    ),
    "half a pair in a member name": (
        lambda event: spelt(event, r'{"\ud800": 1}', "ward"), 400, "line 1 column",
    ),
    "half a pair of a source": (lambda event: spelt(event, r'"\ud800"', "source"), 400, "column"),
    "bytes that are no UTF-8": (
        lambda event: spelt(event, '"caf\udce9"', "ward"), 400, "invalid UTF-8 at byte",
    ),
    "a character lost before": (lambda event: spelt(event, '"caf\ufffd"', "ward"), 400, "U+FFFD"),
    "a lost one by its number": (lambda event: spelt(event, r'"\uFFFD"', "ward"), 400, "U+FFFD"),
    "NUL in an id": (lambda event: spelt(event, r'"e\u0000"', "id"), 422, "/id"),
    "a control character in a source": (
        lambda event: spelt(event, r'"a\u009f"', "source"), 422, "/source",
    ),
    "NUL in a record": (lambda event: spelt(event, r'"V\u0000"', "data", "record"), 422, "/record"),
    "nested too deeply": (lambda event: spelt(event, deep(65), "ward"), 400, "line 1 column"),
    "nested far too deeply": (lambda event: spelt(event, deep(90_000), "ward"), 400, "nested"),
    "a member named twice": (
        lambda event: spelt(event, '{"a": 1, "a": 2}', "ward"), 400, "line 1 column",
    ),
    "NaN": (lambda event: spelt(event, "NaN", "ward"), 400, "line 1 column"),
    "minus infinity": (lambda event: spelt(event, "-Infinity", "data", "date"), 400, "column"),
    "1e400 for an integer": (
        lambda event: spelt(event, "1e400", "data", "revision"), 422, "/data/revision",
    ),
    "1e-400 for an integer": (
        lambda event: spelt(event, "1e-400", "data", "revision"), 422, "/data/revision",
    ),
    "an exponent too large": (
        lambda event: spelt(event, "1e99999999999999999999", "ward"), 400, "exponent is too large",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_it_is_refused_with_its_place_quarantined_and_leaves_its_neighbours_alone(
    trial: Road, feed: list[str], visit: Event, kind: str
) -> None:
    spoilt, status, place = HOSTILE[kind]
    body = spoilt(visit)
    single = trial.api(posted(body, SINGLE))
    assert (single["statusCode"], place in single["body"]) == (status, True), single["body"][:500]
    batch = b"[" + b",".join([feed[0].encode(), body, feed[1].encode()]) + b"]"
    results = json.loads(trial.api(posted(batch, BATCH))["body"])["results"]
    assert [result["status"] for result in results] == [201, status, 201]
    assert place in json.dumps(results[1]["problem"], ensure_ascii=False)
    assert trial.queue(feed[2], body.decode(errors="replace"), feed[3]) == []
    assert all(trial.recorded(item.encode(), STUDY) for item in feed[:4])
    assert trial.kept(body, STUDY)
    assert trial.kept(body.decode(errors="replace").encode(), STUDY)
    rows = [*pages(trial, f"/studies/{STUDY}/quarantine", "quarantined")]
    rows += pages(trial, "/quarantine", "quarantined")
    assert all(len(json.dumps(row["problem"])) < 60_000 for row in rows)
    assert any(place in json.dumps(row["problem"], ensure_ascii=False) for row in rows)


def posted(body: bytes, kind: str) -> Event:
    return request("POST", f"/studies/{STUDY}/events", body, {"Content-Type": kind})


@pytest.mark.parametrize("body", [b"", b"\xef\xbb\xbf{}", b"\xff\xfe", b" ", b"\x00"])
def test_what_is_no_json_at_all_is_kept_whole(trial: Road, body: bytes) -> None:
    for kind in (SINGLE, BATCH):
        assert trial.api(posted(body, kind))["statusCode"] == 400
    assert trial.kept(body, STUDY)
    assert len([*pages(trial, f"/studies/{STUDY}/quarantine", "quarantined")]) == 1


def test_a_value_of_many_digits_is_counted_to_its_last_one(
    trial: Road, definition: Event, visit: Event
) -> None:
    """Its square has 42 digits, and a number of DynamoDB 38."""
    wide = json.loads(json.dumps(definition))
    wide["parameters"]["weight"] |= {"places": 6, "minimum": "0"}
    wide["parameters"]["weight"].pop("maximum", None)
    trial.open([wide])
    event = json.loads(json.dumps(visit))
    value = "987654321987654.321987"
    event["data"]["measurements"] = [{"parameter": "weight", "result": value, "unit": "kg"}]
    assert trial.api(posted(json.dumps(event).encode(), SINGLE))["statusCode"] == 201
    assert trial.get(f"/studies/{STUDY}/tables")
    path = f"/studies/{STUDY}/subjects/{event['subject']}/history"
    (row,) = pages(trial, path, "events")
    assert value in row["received"]


def test_what_is_quarantined_comes_in_pages_that_lambda_can_answer(
    trial: Road, visit: Event
) -> None:
    """30 refused bodies of 250 kB, of quotation marks, each of which counts four times."""
    bodies = [json.dumps(visit | {"id": "", "ward": f"{number}{chr(34) * 110_000}"}).encode()
              for number in range(30)]  # fmt: skip
    for body in bodies:
        assert trial.api(posted(body, SINGLE))["statusCode"] == 422
    path = f"/studies/{STUDY}/quarantine"
    rows = [*pages(trial, path, "quarantined")]
    assert [row["body"].encode() for row in rows] == bodies  # in the order in which they came
    assert 1 < len(trial.get(path)["quarantined"]) < len(rows)


def test_rows_of_one_moment_are_told_apart_from_page_to_page(
    trial: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = wiring.now()
    monkeypatch.setattr(wiring.store(), "_now", lambda: now)
    monkeypatch.setattr("trial.web.pagination.PAGE_BYTES", 1)
    bodies = [f"{number}".encode() for number in range(5)]
    for body in bodies:
        trial.api(posted(body, SINGLE))
    rows = [*pages(trial, f"/studies/{STUDY}/quarantine", "quarantined")]
    assert sorted(row["body"].encode() for row in rows) == bodies


def test_a_history_comes_in_pages_and_by_kind_and_record(trial: Road, visit: Event) -> None:
    ward = '"' * 100_000
    for number in range(12):
        data = visit["data"] | {"record": f"V-{number % 4}", "revision": number // 4 + 1,
                                "reason_for_change": "again"}  # fmt: skip
        body = json.dumps(visit | {"data": data, "ward": ward}).encode()
        assert trial.api(posted(body, SINGLE))["statusCode"] == 201
    path = f"/studies/{STUDY}/subjects/{visit['subject']}/history"
    first = trial.get(path)
    assert len(first["events"]) < 12
    assert (first["version"], first["intact"]) == (12, True)
    events = [*pages(trial, path, "events")]
    assert [event["version"] for event in events] == list(range(1, 13))
    items = [*pages(trial, f"{path}?kind=visit.recorded&record=V-2", "events")]
    assert [(item["record"], item["revision"]) for item in items] == [
        ("V-2", 1),
        ("V-2", 2),
        ("V-2", 3),
    ]
    refusal = trial.api(request("GET", f"{path}?after=x"))
    assert refusal["statusCode"] == 422


def test_what_names_no_study_can_be_read_by_an_administrator(trial: Road, visit: Event) -> None:
    nowhere = json.dumps(visit | {"study": "TYPO-1"})
    bodies = ["{", '{"study": 7}', "[]"]
    assert trial.queue(*bodies, nowhere) == []
    answer = trial.get("/quarantine")
    assert sorted(value["body"] for value in answer["quarantined"]) == sorted(bodies)
    assert (answer["studies"], answer["more_studies"], answer["next"]) == (["TYPO-1"], None, None)
    (row,) = pages(trial, "/quarantine?study=TYPO-1", "quarantined")
    assert (row["body"], row["problem"]["status"]) == (nowhere, 404)
    for item in (STUDY, "a%2Fb"):  # a study's own list may be blinded
        assert trial.api(request("GET", f"/quarantine?study={item}"))["statusCode"] == 422


def test_tables_of_long_terms_are_the_recomputed_however_many_there_are(
    trial: Road, feed: list[str]
) -> None:
    events = [json.loads(item) for item in feed]
    subjects = list(dict.fromkeys(event["subject"] for event in events))[:3]
    samples = {
        kind: next(event for event in events if f".{kind}." in event["type"])
        for kind in ("adverse-event.reported", "adverse-event.coded")
    }
    result = [event for event in events if event["subject"] in subjects]
    for number in range(150):
        subject, name, term = subjects[number % 3], f"LONG-{number}", long_term(number)
        for kind, outcome in (
            ("adverse-event.reported", {"term": term}),
            ("adverse-event.coded", {"adverse_event": name, "pt": term, "soc": long_term(-1)}),
        ):
            sample = samples[kind]
            data = sample["data"] | {"record": name, **outcome}
            result.append(sample | {"id": f"{kind}-{number}", "subject": subject, "data": data})
    for batch in batched(result, 90, strict=False):
        body = json.dumps(batch, ensure_ascii=False).encode()
        results = json.loads(trial.api(posted(body, BATCH))["body"])["results"]
        assert {item["status"] for item in results} <= {200, 201}
    store = wiring.store()
    study = store.study(STUDY)
    shares = (report.contribute(study, item.subject) for item in store.subjects(study))
    sums = total(shares)
    expected = tables_json.tables(report.live_cut(study, sums), report.tables(study, sums))
    value = trial.get(f"/studies/{STUDY}/tables")
    assert value == json.loads(json.dumps(expected))
    assert json.dumps(value).count(json.dumps(long_term(7))[1:-1]) > 0


def long_term(number: int) -> str:
    """Write a term of 200 characters that take four bytes each."""
    return "".join(chr(0x20000 + (number * 7 + place) % 0x1000) for place in range(200))


def test_an_event_at_which_this_code_fails_is_quarantined_and_leaves_its_neighbours_alone(
    trial: Road, feed: list[str], visit: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, contribute = wiring.store(), report.contribute

    def failing(study: Study, subject: Subject, **_former: object) -> Share:
        assert ("visit.recorded", "POISON") not in subject.records
        return contribute(study, subject)

    monkeypatch.setattr(store, "_contribute", failing)
    poison = json.dumps(visit | {"data": visit["data"] | {"record": "POISON"}})
    lines = [item for item in feed if json.loads(item)["subject"] == visit["subject"]][:4]
    batch = f"[{lines[0]},{poison},{','.join(lines[1:])}]".encode()
    answer = trial.api(posted(batch, BATCH))
    results = json.loads(answer["body"])["results"]
    assert [result["status"] for result in results] == [201, 500, 201, 201, 201]
    assert "AssertionError in" in results[1]["problem"]["detail"]
    assert trial.queue(poison) == []
    assert trial.kept(poison.encode(), STUDY)


def test_an_answer_that_lambda_cannot_send_says_where_else_it_is() -> None:
    assert check_size(Answer(200, {}, "x" * 5_900_000)).status == 200
    for text in ('"' * 3_100_000, "\U0001f600" * 1_600_000):
        with pytest.raises(Rejected, match="Answer too large"):
            check_size(Answer(200, {}, text))


def test_the_reports_and_what_an_audit_found_come_in_pages(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trial.web.pagination.PAGE_BYTES", 1)
    for number in range(3):
        assert service.report(json.dumps({"reason": f"why {number}"})).status == 202
    items, path = [], "reports"
    while path:
        answer = service.get(path).json
        items += answer["reports"]
        path = answer["next"] and answer["next"].removeprefix(f"/studies/{STUDY}/")
    assert sorted(item["reason"] for item in items) == ["why 0", "why 1", "why 2"]
    assert len({item["id"] for item in items}) == 3
    differences = [{"what": "sums", "shard": number, "repaired": True} for number in range(4)]
    fromkeys = dict.fromkeys(("at", "definition", "generation"), "x") | {"complete": True}
    counted = "contribution_version", "subjects", "events", "shards", "differences_left_out"
    fromkeys |= dict.fromkeys(counted, 1) | {"busy_shards": [], "differences": differences}
    document = json.dumps({"study": STUDY, **fromkeys}).encode()
    wiring.documents().write(STUDY, OPEN, AUDIT, AUDIT_REPORT, "application/json", (document,))
    answers = [service.get("audit").json]
    while answers[-1]["next"]:
        answers.append(service.get(answers[-1]["next"].removeprefix(f"/studies/{STUDY}/")).json)
    assert [item["differences"] for item in answers] == [[difference] for difference in differences]


def test_an_audit_names_some_rows_of_many_by_their_beginning_and_end(definition: Event) -> None:
    rows = tuple(f"14.1#{number}/{'x' * 4_000}" for number in range(3_000))
    study = load(json.dumps(definition))
    result = Audit(study, complete=True).with_differences([Difference("sums", 0, rows=rows)] * 300)
    document = result.document("2026-01-01")
    assert len(json.dumps(document)) < 4_000_000
    assert document["differences"][0]["rows_left_out"] == 2_950
    assert document["differences_left_out"] == 100


def test_pages_are_well_below_what_lambda_answers() -> None:
    """A last row may pass the page: 1 MB of quotation marks, each four bytes, and its problem."""
    assert PAGE_BYTES + 4 * 1_000_000 + 100_000 < LAMBDA_BYTES
