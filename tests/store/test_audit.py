"""Whatever is damaged, Audit finds it, and what can be put right it puts right."""

import json
from typing import Any

import pytest
import toy
from bench import Bench
from counted import check_sums

from trial.commands import auditing
from trial.definition.study import CONTRIBUTION_VERSION
from trial.errors import Unavailable
from trial.statistics.cells import Share
from trial.store.encoding import subjects
from trial.store.encoding.shares import encode_share
from trial.subject.fold import Outcome, fold_all


class Damage:
    """Changes a table behind the store's back."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.shard = next(
            subject.shard for subject in bench.store().subjects(bench.study) if subject.id == "P1"
        )

    def key(self, sort: str) -> Any:
        return {"PK": {"S": f"STUDY#{self.bench.study.id}#{self.shard}"}, "SK": {"S": sort}}

    def sum_key(self, row: str) -> Any:
        return self.key(f"SUM#{self.bench.study.generation}#{row}")

    def item(self, key: Any) -> Any:
        response = self.bench.client.get_item(
            TableName=self.bench.name, Key=key, ConsistentRead=True
        )
        return response["Item"]

    def put(self, item: Any) -> None:
        action = {"Put": {"TableName": self.bench.name, "Item": item}}
        self.bench.client.transact_write_items(TransactItems=[action])

    def delete(self, key: Any) -> None:
        delete = {"Delete": {"TableName": self.bench.name, "Key": key}}
        self.bench.client.transact_write_items(TransactItems=[delete])

    def journal_key(self, record: str) -> Any:
        partition = f"STUDY#{self.bench.study.id}#JOURNAL#P1"
        return {"PK": {"S": partition}, "SK": {"S": f"lab.result.reported#{record}#1"}}

    def of_subject(self, **attributes: Any) -> None:
        self.put(self.item(self.key("SUBJECT#P1")) | attributes)

    def share(self, share: bytes) -> None:
        shares = {"M": {self.bench.study.generation: {"B": share}}}
        self.of_subject(shares=shares)


def sums_cell(damage: Damage) -> None:
    item = damage.item(damage.sum_key("results#0"))
    damage.put(item | {".0.s": {"N": "12345"}})


def sums_row(damage: Damage) -> None:
    damage.delete(damage.sum_key("results#0"))


def sums_stray(damage: Damage) -> None:
    damage.put(damage.sum_key("stray#0") | {".x": {"N": "3"}})


def gate(damage: Damage) -> None:
    damage.delete(damage.sum_key("study"))


def fence(damage: Damage) -> None:
    """Give a gate a number that no plan has: nobody can write past it."""
    damage.put(damage.item(damage.sum_key("study")) | {"fence": {"N": "77"}})
    entry = damage.bench.event("P1", "L9")
    assert isinstance(damage.bench.record(entry)[0], Unavailable)


def share(damage: Damage) -> None:
    damage.share(encode_share({"kinds#0": {"kind=x": 4}}, 3))


def share_of_the_future(damage: Damage) -> None:
    damage.share(encode_share({"kinds#0": {"kind=x": 4}}, 99))


def share_unreadable(damage: Damage) -> None:
    damage.share(b"no share")


def journal_body(damage: Damage) -> None:
    item = damage.item(damage.journal_key("L2"))
    damage.put(item | {"body": {"S": item["body"]["S"].replace("2015-07-01", "2015-07-02")}})


def journal_row(damage: Damage) -> None:
    damage.delete(damage.journal_key("L2"))


def journal_last(damage: Damage) -> None:
    damage.delete(damage.journal_key("L3"))


def head(damage: Damage) -> None:
    damage.of_subject(head={"B": bytes(32)})


def cut_short(damage: Damage) -> None:
    """Set the subject's chain back to what it was an event before."""
    item = damage.item(damage.journal_key("L2"))
    damage.of_subject(head={"B": item["hash"]["B"]}, version={"N": "2"})


def records(damage: Damage) -> None:
    unrelated = toy.event(damage.bench.study.id, "P1", "L9", result="1")
    damage.of_subject(body={"B": subjects.encode(fold_all("P1", [unrelated]))})


def prepare(bench: Bench) -> Damage:
    bench.record(*(bench.event("P1", f"L{i}", result=str(9 * i)) for i in (1, 2, 3)))
    bench.record(*(bench.event(f"P{i}", "L1", result=str(i)) for i in range(2, 8)))
    return Damage(bench)


def found(bench: Bench) -> list[tuple[str, str, bool]]:
    audited = auditing.audit(bench.store(), bench.study.id)
    json.dumps(audited.document("now"))
    return [
        (difference.what, difference.subject, difference.repaired)
        for difference in audited.differences
    ]


def test_nothing_is_found_where_nothing_is_wrong(bench: Bench) -> None:
    prepare(bench)
    audited = auditing.audit(bench.store(), bench.study.id)
    assert audited.document("2026-01-01T00:00:00+00:00") == {
        "study": bench.study.id,
        "at": "2026-01-01T00:00:00+00:00",
        "definition": bench.study.digest,
        "contribution_version": bench.study.version,
        "generation": bench.study.generation,
        "complete": True,
        "subjects": 7,
        "events": 9,
        "shards": 2,
        "busy_shards": [],
        "differences": [],
        "differences_left_out": 0,
    }


@pytest.mark.parametrize(
    ("damaged", "kind", "subject"),
    [
        (sums_cell, "sums", ""),
        (sums_row, "sums", ""),
        (sums_stray, "sums", ""),
        (gate, "sums", ""),
        (fence, "fence", ""),
        (share, "share", "P1"),
        (share_unreadable, "share", "P1"),
        (share_of_the_future, "share", "P1"),
    ],
)
def test_damaged_counts_are_found_and_put_right(
    bench: Bench, damaged: Any, kind: str, subject: str
) -> None:
    damage = prepare(bench)
    right = bench.store().sums(bench.study)
    damaged(damage)
    assert found(bench) == [(kind, subject, True)]
    assert found(bench) == []
    assert bench.store().sums(bench.study) == right
    entry = bench.event("P1", "L4")
    assert bench.record(entry) == [Outcome.RECORDED]
    assert found(bench) == []
    assert set(map(str, check_sums(bench.store(), bench.study).values())) == {"{}"}


@pytest.mark.parametrize(
    ("damaged", "kind"),
    [
        (journal_body, "chain"),
        (journal_row, "chain"),
        (journal_last, "chain"),
        (head, "chain"),
        (cut_short, "chain"),
        (records, "records"),
    ],
)
def test_a_broken_chain_is_reported_and_left_alone(bench: Bench, damaged: Any, kind: str) -> None:
    damage = prepare(bench)
    damaged(damage)
    first = found(bench)
    assert (kind, "P1", False) in first
    assert {subject for what_, subject, _ in first if subject} == {"P1"}
    assert (kind, "P1", False) in found(bench)


def test_a_subject_whose_row_is_gone_is_found_and_its_count_is_not_taken_away(
    bench: Bench,
) -> None:
    damage = prepare(bench)
    right = bench.store().sums(bench.study)
    damage.delete(damage.key("SUBJECT#P1"))
    for _ in range(2):
        assert found(bench) == [("subjects", "", False)]
        assert bench.store().sums(bench.study) == right


def test_a_share_that_cannot_be_read_stops_its_subject_alone_until_it_is_repaired(
    bench: Bench,
) -> None:
    damage = prepare(bench)
    share_unreadable(damage)
    outcomes = bench.record(bench.event("P1", "L4"), bench.event("P2", "L4"))
    assert isinstance(outcomes[0], Unavailable)
    assert outcomes[1] is Outcome.RECORDED
    found(bench)
    assert bench.record(bench.event("P1", "L4")) == [Outcome.RECORDED]
    assert found(bench) == []


def test_readers_are_right_while_a_repair_is_under_way(bench: Bench) -> None:
    damage = prepare(bench)
    right = bench.store().sums(bench.study)
    sums_cell(damage)
    store = bench.store()
    calls, client, comparisons = bench.calls, bench.client, []

    class Watched:
        def __getattr__(self, name: str) -> Any:
            def call(**request: Any) -> Any:
                answer = getattr(client, name)(**request)
                if name == "transact_write_items":
                    comparisons.append(bench.store().sums(bench.study) == right)
                return answer

            return call

    calls._client = Watched()
    audited = auditing.audit(store, bench.study.id)
    assert [difference.what for difference in audited.differences] == ["sums"]
    assert len(comparisons) >= 3
    assert all(comparisons)


def doubled(study: Any, subject: Any, **_former: object) -> Share:
    share = toy.contribute(study, subject)
    return share | {"kinds#0": {cell: 2 * n for cell, n in share["kinds#0"].items()}}


def test_shares_of_other_code_are_no_difference(bench: Bench) -> None:
    prepare(bench)
    new = bench.store(contribute=doubled, version=CONTRIBUTION_VERSION + 1)
    assert auditing.audit(new, bench.study.id).differences == ()
    assert auditing.audit(bench.store(), bench.study.id).differences == ()
    assert bench.record(bench.event("P1", "L4")) == [Outcome.RECORDED]
    assert auditing.audit(new, bench.study.id).differences == ()
    assert auditing.audit(bench.store(), bench.study.id).differences == ()


def test_code_that_counts_otherwise_under_the_same_version_is_found(bench: Bench) -> None:
    prepare(bench)
    changed = bench.store(contribute=doubled)
    audited = auditing.audit(changed, bench.study.id)
    assert {difference.what for difference in audited.differences} == {"share", "sums"}
    assert auditing.audit(changed, bench.study.id).differences == ()


def test_a_busy_shard_is_named_and_not_called_wrong(bench: Bench) -> None:
    prepare(bench)
    store = bench.store()
    calls, client, count = bench.calls, bench.client, [0]

    class Busy:
        def __getattr__(self, name: str) -> Any:
            def call(**request: Any) -> Any:
                if name == "transact_get_items":
                    count[0] += 1
                    bench.record(*(bench.event(f"P{i}", f"busy-{count[0]}") for i in range(1, 8)))
                return getattr(client, name)(**request)

            return call

    calls._client = Busy()
    audited = auditing.audit(store, bench.study.id)
    assert audited.differences == ()
    assert audited.busy == (0, 1)


def test_journals_are_read_at_half_the_price_and_a_row_that_lacks_there_is_no_difference(
    bench: Bench,
) -> None:
    class Lagging:
        """Answers such a read as of shortly before: without what came last."""

        def __getattr__(self, name: str) -> Any:
            return getattr(client, name)

        def query(self, **request: Any) -> Any:
            answer = client.query(**request)
            partition = request["ExpressionAttributeValues"][":partition"]["S"]
            if "#JOURNAL#" in partition:
                reads.append(request["ConsistentRead"])
            return answer if request["ConsistentRead"] else {**answer, "Items": answer["Items"][:1]}

    damage, client, reads = prepare(bench), bench.client, list[bool]()
    bench.client = Lagging()
    assert found(bench) == []
    assert sorted(reads) == [False] * 7 + [True]  # P1 alone has more than one event
    journal_row(damage)
    assert found(bench) == [("chain", "P1", False)]
