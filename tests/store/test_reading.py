"""What is read is one state: sums, subjects, what is quarantined, and which definition holds."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import doubles
import faults
import pytest
import toy
from bench import Bench
from counted import check_sums

from trial.definition import study
from trial.errors import FieldError, Rejected, Unavailable
from trial.statistics import cells
from trial.store import Store, definitions, keys
from trial.store.definitions import CACHE_LIFETIME
from trial.store.table import key, text
from trial.subject.fold import Outcome

PROBLEM = {"type": "about:blank", "title": "Event not accepted", "status": 422}


class Reads:
    """A client that lets something happen at a chosen read."""

    def __init__(self, client: Any, operation: str, happens: dict[int, Any]) -> None:
        self._client = client
        self._operation = operation
        self._happens = happens
        self.seen = 0

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            if name == self._operation:
                self.seen += 1
                if self.seen in self._happens:
                    self._happens[self.seen]()
            return getattr(self._client, name)(**request)

        return call


def test_sums_and_subjects_of_an_empty_study_are_empty(bench: Bench) -> None:
    assert bench.store().sums(bench.study) == {}
    assert list(bench.store().subjects(bench.study)) == []
    bench.check()


def test_a_transaction_amid_the_reading_of_sums_is_noticed(
    open_bench: Callable[..., Bench],
) -> None:
    bench = open_bench(shards=1)
    bench.record(*(bench.event("P1", f"L{i}", result=str(40 * i)) for i in range(8)))
    late = bench.event("P1", "L0", revision=2, result="4000")
    page = 2 if isinstance(bench.client, doubles.MemoryClient) else 1  # ministack gives one page
    queries: dict[int, Any] = {page: lambda: bench.record(late)}
    bench.client, client = Reads(bench.client, "query", queries), bench.client
    store = bench.store()
    bench.client = client
    sums = store.sums(bench.study)
    assert sums == cells.total(subject.share for subject in bench.store().subjects(bench.study))


def test_a_shard_that_is_always_busy_is_read_from_its_subjects(bench: Bench) -> None:
    bench.record(bench.event("P1"))

    def conflict() -> None:
        raise doubles.cancelled("TransactionConflict")

    busy = Reads(bench.client, "transact_get_items", dict.fromkeys(range(1, 99), conflict))
    bench.client, client = busy, bench.client
    sums = bench.store().sums(bench.study)
    assert set(check_sums(bench.store(), bench.study).values()) == {None}
    bench.client = client
    assert sums == bench.store().sums(bench.study)
    assert sums["study"] == {"accepted": 1}


def test_check_says_what_the_sums_lack(bench: Bench) -> None:
    bench.record(bench.event("P1", result="7"))
    shard = next(bench.store().subjects(bench.study)).shard
    start = f"SUM#{bench.study.generation}#"
    key = {
        "PK": {"S": f"STUDY#{bench.study.id}#{shard}"},
        "SK": {"S": f"{start}results#0"},
    }
    update = {
        "TableName": bench.name,
        "Key": key,
        "UpdateExpression": "ADD #0 :0",
        "ExpressionAttributeNames": {"#0": ".0.s"},
        "ExpressionAttributeValues": {":0": {"N": "-2"}},
    }
    bench.client.transact_write_items(TransactItems=[{"Update": update}])
    lacking = check_sums(bench.store(), bench.study)
    assert lacking[shard] == {"results#0": {"0.s": 2}}
    assert lacking[1 - shard] == {}


def test_large_numbers_add_exactly(bench: Bench) -> None:
    results = ["999999999999", "-999999999999", "123456789012"]
    entries = [bench.event("P1", f"L{i}", result=result) for i, result in enumerate(results)]
    for entry in entries:
        bench.record(entry)
    bench.check(*entries)
    squares = sum(int(result) ** 2 for result in results)
    assert bench.store().sums(bench.study)["results#0"]["0.q"] == squares


def test_a_definition_is_created_once(bench: Bench) -> None:
    source = toy.definition(bench.study.id)
    assert bench.store().put_definition(bench.study, source) == "unchanged"
    assert bench.store().study(bench.study.id).digest == bench.study.digest
    assert bench.store().epoch(bench.study.id) == 1


def test_what_a_definition_was_posted_as_is_kept_whoever_puts_it_again(bench: Bench) -> None:
    source = toy.definition(bench.study.id, title="Amended")
    amended = replace(study.load(source), posted='{"extends":[]}')
    for defined in (amended, bench.study, study.load(source)):
        assert bench.store().put_definition(defined, defined.source) == "created"
    sources = bench.store().source(bench.study.id, amended.digest)
    assert sources == (amended.source, amended.posted)
    assert bench.store().source(bench.study.id, bench.study.digest) == (bench.study.source, "")


@pytest.mark.parametrize("posted", ["", "x" * 30_000])
def test_a_definition_too_large_with_what_it_extends_is_refused_by_size(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, posted: str
) -> None:
    whole = json.loads(toy.definition(bench.study.id, title="A" * 500))
    whole["extended"] = [{"piece": "fda-safety", "digest": "0"}]
    large = replace(study.load(json.dumps(whole)), posted=posted)
    monkeypatch.setattr(definitions, "ITEM_BYTES", 400)
    with pytest.raises(Rejected) as caught:
        bench.store().put_definition(large, large.source)
    assert caught.value.status == 413
    assert caught.value.detail == (
        f"as canonical JSON it has, with what it extends (fda-safety), {len(large.source)} bytes;"
        " at most 400"
    )
    monkeypatch.setattr(definitions, "ITEM_BYTES", len(large.source))
    long = "".join(hashlib.sha256(str(i).encode()).hexdigest() for i in range(40))
    with pytest.raises(Rejected) as caught:
        bench.store().put_definition(replace(large, posted=long), large.source)
    assert "compressed" in caught.value.detail


def test_an_unknown_study_is_not_found(bench: Bench) -> None:
    for name in ("NOPE", "", "S#0", "x" * 3_000, f"{bench.study.id}#ASIDE"):
        with pytest.raises(Rejected) as caught:
            bench.store().study(name)
        assert caught.value.status == 404
    assert bench.store().current("NOPE") is None
    assert bench.store().epoch("NOPE") == 0


@pytest.mark.parametrize("shards", [2, 1, 5])
def test_a_definition_can_be_replaced_while_the_study_has_no_events(
    bench: Bench, shards: int
) -> None:
    source = toy.definition(bench.study.id, shards, title="Amended")
    amended = study.load(source)
    stale = bench.store()
    assert stale.study(bench.study.id).digest == bench.study.digest
    assert bench.store().put_definition(amended, source) == "created"
    assert bench.store().study(bench.study.id).digest == amended.digest
    assert bench.store().epoch(bench.study.id) == 2
    # whoever still holds the old one is refused by the table itself, and looks again
    (outcome,) = bench.record(bench.event("P1"), store=stale)
    assert isinstance(outcome, Unavailable)
    assert stale.study(bench.study.id).digest == amended.digest
    assert bench.store().sums(bench.study) == {}
    bench.study = amended
    entry = bench.event("P1")
    assert bench.record(entry, store=stale) == [Outcome.RECORDED]
    bench.check(entry)


def test_a_study_with_events_keeps_its_number_of_shards(bench: Bench) -> None:
    bench.record(bench.event("P1"))
    source = toy.definition(bench.study.id, 3, title="Amended")
    with pytest.raises(Rejected) as caught:
        bench.store().put_definition(study.load(source), source)
    assert caught.value.status == 409
    assert bench.store().put_definition(bench.study, toy.definition(bench.study.id)) == "unchanged"


def test_of_a_first_event_and_a_replacement_only_one_goes_through(bench: Bench) -> None:
    source = toy.definition(bench.study.id, title="Amended")
    amended = study.load(source)

    def replace() -> None:
        assert bench.store().put_definition(amended, source) == "created"

    (outcome,) = bench.record(bench.event("P1"), store=bench.store(faults.meanwhile(replace)))
    assert isinstance(outcome, Unavailable)
    back = toy.definition(bench.study.id)
    overtaken = bench.store(faults.meanwhile(lambda: first(bench, amended)))
    assert overtaken.put_definition(study.load(back), back) == "backfilling"
    assert bench.store().study(bench.study.id).digest == amended.digest


def first(bench: Bench, amended: study.Study) -> None:
    bench.study = amended
    assert bench.record(bench.event("P1")) == [Outcome.RECORDED]


def test_two_who_put_the_same_definition_agree(bench: Bench) -> None:
    source = toy.definition(bench.study.id, title="Amended")
    amended = study.load(source)
    overtaken = bench.store(faults.meanwhile(lambda: bench.store().put_definition(amended, source)))
    assert overtaken.put_definition(amended, source) == "unchanged"


def test_a_study_is_looked_up_again_after_its_life_in_the_cache(bench: Bench) -> None:
    store = bench.store()
    store.study(bench.study.id)
    source = toy.definition(bench.study.id, title="Amended")
    bench.store().put_definition(study.load(source), source)
    assert store.study(bench.study.id).definition.title == "A toy"
    bench.clock.pause(CACHE_LIFETIME.total_seconds())
    assert store.study(bench.study.id).definition.title == "Amended"


def test_a_body_is_quarantined_once(bench: Bench) -> None:
    store, name = bench.store(), bench.study.id
    assert store.quarantine(name, '{"id":"é"}', PROBLEM, toy.SENDER)
    assert not store.quarantine(name, '{"id":"é"}'.encode(), {"title": "Other"}, "else")
    assert store.quarantine(name, b"\xff\xfe", PROBLEM, toy.SENDER)
    assert store.quarantine(name, "", PROBLEM, toy.SENDER)
    assert store.quarantine(name, "half \ud800", PROBLEM, toy.SENDER)
    values = {body.body: body for body in store.rejected_bodies(name)}
    assert values.keys() == {'{"id":"é"}'.encode(), b"\xff\xfe", b"", b"half \xed\xa0\x80"}
    assert values[b"\xff\xfe"].document()["body_base64"] == "//4="
    document = values['{"id":"é"}'.encode()].document()
    assert document["body"] == '{"id":"é"}'
    assert document["problem"] == PROBLEM
    assert document["principal"] == toy.SENDER
    assert document["at"].endswith("Z")
    assert store.count_quarantined(name) == 4
    assert store.count_quarantined("other") == 0
    bench.check()


def test_a_text_and_the_bytes_it_was_read_from_are_one_body(bench: Bench) -> None:
    raw = b"caf\xe9"
    assert bench.store().quarantine("S", raw, PROBLEM, toy.SENDER)
    text = raw.decode(errors="surrogateescape")
    assert not bench.store().quarantine("S", text, PROBLEM, toy.SENDER)


def test_a_very_large_body_is_noted_and_a_very_long_problem_shortened(bench: Bench) -> None:
    store, name = bench.store(), bench.study.id
    faults = [FieldError(f"/data/{i}", "x" * 100) for i in range(20_000)]
    problem = Rejected(422, "Wrong", "", *faults).problem()
    assert store.quarantine(name, b"x" * 1_000_001, problem, toy.SENDER)
    (body,) = store.rejected_bodies(name)
    assert (body.body, body.size) == (None, 1_000_001)
    assert body.problem["errors"] == [fault.document() for fault in faults[:100]]
    assert body.problem["errors_left_out"] == 19_900


def test_a_body_of_several_items_is_kept_whole(bench: Bench) -> None:
    body = bytes(range(256)) * 3_900
    assert bench.store().quarantine(bench.study.id, body, PROBLEM, toy.SENDER)
    assert not bench.store().quarantine(bench.study.id, body, PROBLEM, toy.SENDER)
    assert [item.body for item in bench.store().rejected_bodies(bench.study.id)] == [body]


def test_what_is_quarantined_is_counted_without_its_bodies(bench: Bench) -> None:
    store, name = bench.store(), bench.study.id
    for number in range(4):
        store.quarantine(name, b"%d" % number + b"x" * 200_000, PROBLEM, toy.SENDER)
    bench.units.clear()
    assert store.count_quarantined(name) == 4
    assert sum(units for _, units in bench.units) <= 4  # 4 KB each; the bodies would be 200


def test_refusing_a_body_costs_the_same_with_200_erased_subjects_as_with_none(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.client, "page", 1_000, raising=False)  # some 1 MB, as in DynamoDB
    bodies = '{"subject": "P9"', '{"subject": "P9"}', '[{"subject": "P9"}, 7]', "\ud800"

    def calls(store: Store, mark: str) -> list[str]:
        bench.calls.calls.clear()
        for body in bodies:
            store.quarantine(bench.study.id, body.replace("P9", mark), PROBLEM, toy.SENDER)
        return list(bench.calls.calls)

    store = bench.store()
    before = calls(store, "P8")
    table = bench.table()
    for number in range(200):
        erasure = keys.erasure(bench.study.id, f"E{number}")
        table.put_if_absent(key(erasure) | {"at": text("2026-01-01")})
    store = bench.store()
    assert calls(store, "P7") == before


def test_a_journal_up_to_a_version_is_read_again_where_a_row_of_it_lacks(bench: Bench) -> None:
    """A read at half the price may be of shortly before: versions tell what it lacks."""
    entries = [bench.event("P1", f"L{i}", result=str(i)) for i in range(4)]
    bench.record(*entries)
    whole = bench.store().journal(bench.study.id, "P1")

    class Lagging:
        """Answers such a read without some row."""

        def __init__(self, client: Any, lacking: int) -> None:
            self._client, self._lacking, self.read = client, lacking, 0

        def __getattr__(self, name: str) -> Any:
            return getattr(self._client, name)

        def query(self, **request: Any) -> Any:
            answer = self._client.query(**request)
            if not request["ConsistentRead"]:
                self.read += 1
                answer["Items"] = [
                    item for item in answer["Items"] if item["version"]["N"] != str(self._lacking)
                ]
            return answer

    client = bench.client
    for lacking in range(6):
        bench.client = lagging = Lagging(client, lacking)
        for version in range(1, 5):
            rows = bench.store().journal(bench.study.id, "P1", version=version)
            assert rows == whole[:version]
        assert lagging.read >= 4
    bench.client = client
