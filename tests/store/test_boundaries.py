"""Limits, each tried at its last value and at the first beyond it."""

from datetime import datetime, timedelta
from typing import Any

import faults
import pytest
import toy
from bench import Bench
from doubles import START, MemoryClient

import api
import publish
from trial.commands import auditing, intake
from trial.commands.intake_context import Channel, IntakeContext
from trial.errors import OutOfTime, Rejected, Unavailable
from trial.store import backfill, definitions, keys, spreading, subject_update, writing
from trial.store.bucket import object_keys
from trial.store.bucket.retention import Retention
from trial.store.encoding.shares import encode_share
from trial.store.generations import TRANSACTION_ACTIONS
from trial.store.reports import IMMEDIATE_ATTEMPTS, PENDING, ReportRequest
from trial.store.senders import Senders
from trial.store.submissions import Submissions
from trial.subject.fold import Outcome
from trial.web import request_bodies
from wiring import MARGIN, beat

ADMIN = "arn:aws:iam::123456789012:role/admin"
TICK = timedelta(microseconds=10)
"""By which the clock moves whenever it is read."""


@pytest.fixture
def client() -> Any:
    return MemoryClient()


def transactions(bench: Bench) -> list[int]:
    """Note how many actions each transaction has from now on."""
    sizes: list[int] = []
    transact = bench.client.transact_write_items

    def noted(**request: Any) -> Any:
        sizes.append(len(request["TransactItems"]))
        return transact(**request)

    bench.client.transact_write_items = noted
    return sizes


class TestTransactions:
    """DynamoDB takes 100 actions. An event of a new subject has two, beside the rows of sums."""

    SUMS = 4  # of the toy: gate, kinds, results, tally

    @pytest.mark.parametrize(
        ("subjects", "sizes"), [(47, [98]), (48, [100]), (49, [100, 6]), (96, [100, 100])]
    )
    def test_a_transaction_is_filled_to_its_hundred_actions(
        self, open_bench: Any, subjects: int, sizes: list[int]
    ) -> None:
        bench = open_bench(shards=1)
        store, n_actions = bench.store(), transactions(bench)
        entries = [bench.event(f"P{i}") for i in range(subjects)]
        assert bench.record(*entries, store=store) == [Outcome.RECORDED] * subjects
        assert n_actions == sizes
        bench.check(*entries)

    def test_a_subject_of_a_hundred_actions_goes_in_one(
        self, open_bench: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("trial.store.writing._EVENTS_A_TRANSACTION", 95)
        bench = open_bench(shards=1)
        store, n_actions = bench.store(), transactions(bench)
        entries = [bench.event("P1", f"L{i}") for i in range(TRANSACTION_ACTIONS - 1 - self.SUMS)]
        assert set(bench.record(*entries, store=store)) == {Outcome.RECORDED}
        assert n_actions == [TRANSACTION_ACTIONS]

    @pytest.mark.parametrize(("subjects", "n_writes"), [(96, 1), (97, 2)])
    def test_fill_fills_a_transaction_too(
        self, open_bench: Any, subjects: int, n_writes: int
    ) -> None:
        bench = open_bench(shards=1)
        bench.record(*(bench.event(f"P{i}") for i in range(subjects)))
        store = bench.store(version=bench.study.version + 1)
        n_actions = transactions(bench)
        assert store.fill(bench.study.id)
        assert sorted(n_actions)[-n_writes:] == (
            [TRANSACTION_ACTIONS] if n_writes == 1 else [1 + self.SUMS, TRANSACTION_ACTIONS]
        )

    def test_a_plan_leaves_room_for_the_definition_and_for_who_put_it(self) -> None:
        actions: list[Any] = [{}] * (TRANSACTION_ACTIONS - 2)
        assert definitions._fitting(actions) == actions
        with pytest.raises(Rejected) as refused:
            definitions._fitting([*actions, {}])
        assert refused.value.status == 409

    def test_a_row_of_sums_takes_so_many_cells_at_once(self) -> None:
        def wide(cells: int) -> Any:
            return {"study": {}, "wide#0": {str(i): 1 for i in range(cells)}}

        for fit in (
            lambda share: subject_update._fits([], share),
            lambda share: backfill._fits(1, share, 0),
        ):
            assert fit(wide(spreading.EXPRESSION_OPERATORS))
            assert not fit(wide(spreading.EXPRESSION_OPERATORS + 1))

    def test_a_fill_takes_so_many_bytes_at_once(self) -> None:
        room = subject_update.TRANSACTION_BYTES - subject_update.SUM_ROW_BYTES
        assert backfill._fits(1, {"study": {}}, room)
        assert not backfill._fits(1, {"study": {}}, room + 1)


class TestSharesOfAnotherVersion:
    """A share says at which version of its subject it was computed; only that one is right."""

    def at(self, bench: Bench, version: int, share: Any = None) -> None:
        """Let the only subject's share be of another version of it."""
        subject = bench.event("P1").subject
        shard = keys.shard_of(subject, bench.study.definition.shards)
        partition, sort = keys.subject_row(bench.study.id, shard, subject)
        row = bench.client.tables[bench.name][partition, sort]
        (stored,) = bench.store().subjects(bench.study)
        body = encode_share(share or stored.share, version)
        row["shares"]["M"][bench.study.generation] = {"B": body}

    @pytest.mark.parametrize("version", [1, 3, 99])
    def test_it_is_found_and_replaced_though_it_counts_the_same(
        self, bench: Bench, version: int
    ) -> None:
        bench.record(bench.event("P1", "L1"), bench.event("P1", "L2", result="400"))
        self.at(bench, version)
        first, second = (auditing.audit(bench.store(), bench.study.id) for _ in range(2))
        waits = version < 2  # which Fill is for, and no damage
        repairs = [(difference.what, difference.repaired) for difference in first.differences]
        assert repairs == ([] if waits else [("share", True)])
        assert second.differences == ()
        (stored,) = bench.store().subjects(bench.study)
        assert stored.version == 2

    @pytest.mark.parametrize("version", [1, 3])
    def test_readers_who_compute_do_not_take_it(self, bench: Bench, version: int) -> None:
        bench.record(bench.event("P1", "L1"), bench.event("P1", "L2", result="400"))
        right = bench.store().sums(bench.study)
        self.at(bench, version, {"kinds#0": {"kind=x": 4}})
        for shard in range(bench.study.definition.shards):
            row_key = keys.sum_row(bench.study.id, shard, f"{bench.study.generation}#study")
            gate = bench.client.tables[bench.name].get(row_key)
            if gate is not None:
                gate["marks"] = {"N": "1"}
        assert bench.store().sums(bench.study) == right


class TestRetention:
    @pytest.mark.parametrize(("early", "removed"), [(1, False), (0, True), (-1, True)])
    def test_a_study_is_removed_from_the_very_instant_its_retention_is_over(
        self,
        bench: Bench,
        early: int,
        removed: bool,  # noqa: FBT001
    ) -> None:
        store = bench.store()
        retired = store.retire(bench.study.id, ADMIN, "Closed")
        retention_end = datetime.fromisoformat(retired.at.replace("2026", "2051"))
        bench.clock.at = retention_end - TICK * (1 + early)
        if removed:
            store.remove(bench.study.id, ADMIN, "Done")
        else:
            with pytest.raises(Rejected, match="Study not deleted"):
                store.remove(bench.study.id, ADMIN, "Done")
        current = bench.store().current(bench.study.id)
        assert current is not None
        assert (current.removed is not None) == removed

    @pytest.mark.parametrize(("days", "locked"), [(0, False), (1, True)])
    def test_a_cut_is_locked_for_a_day_at_least_or_not_at_all(
        self,
        days: int,
        locked: bool,  # noqa: FBT001
    ) -> None:
        retention = Retention("GOVERNANCE", days, lambda: START)
        assert bool(retention.lock_arguments(object_keys.cut_prefix("c"))) == locked
        assert retention.lock_arguments(object_keys.LIVE) == {}


class TestDeadlines:
    @pytest.mark.parametrize(("remaining", "is_over"), [(MARGIN - 1, True), (MARGIN, False)])
    def test_a_process_stops_when_less_than_its_margin_is_left(
        self,
        remaining: int,
        is_over: bool,  # noqa: FBT001
    ) -> None:
        class Context:
            def get_remaining_time_in_millis(self) -> int:
                return remaining

        check = beat(Context())
        if not is_over:
            assert check() is None
            return
        with pytest.raises(OutOfTime):
            check()

    def test_an_event_is_tried_so_often_and_no_more(self, bench: Bench) -> None:
        store = bench.store(*[faults.lost_request] * 99)
        (outcome,) = bench.record(bench.event("P1"), store=store)
        assert isinstance(outcome, Unavailable)
        assert bench.calls.calls.count("transact_write_items") == writing.MAX_ATTEMPTS

    @pytest.mark.parametrize(("early", "n_writes"), [(1, 3), (0, 2)])
    def test_patience_ends_with_its_last_instant(
        self, bench: Bench, early: int, n_writes: int
    ) -> None:
        store = bench.store(*[faults.lost_request] * 99)
        deadline = bench.clock.at + writing.RETRY_TIMEOUT
        n_reads, clock = 0, bench.clock

        def late(_seconds: float) -> None:
            """Let the second try end at the deadline, or an instant before it."""
            nonlocal n_reads
            n_reads += 1
            if n_reads == 1:
                recording.now = lambda: deadline - early * TICK
            else:
                recording.now = lambda: deadline

        recording = writing.Recording(
            store._table, bench.study, store._definitions.plan(bench.study.id),
            lambda: store._definitions.reload_plan(bench.study.id), toy.contribute,
            store._spreading, clock, late,
        )  # fmt: skip
        recording.deadline = deadline
        (result,) = recording.run(toy.receipts([bench.event("P1")]))
        assert isinstance(result.outcome, Unavailable)
        assert bench.calls.calls.count("transact_write_items") == n_writes


class TestReports:
    """Reports that wait are tried three times at once, then at growing intervals, for a day."""

    ASKED = "2026-01-01T00:00:00+00:00"

    def asked(self, tries: int) -> ReportRequest:
        return ReportRequest("R", PENDING, ADMIN, self.ASKED, "", "", "", attempts=tries)

    def after(self, **waited: float) -> datetime:
        return datetime.fromisoformat(self.ASKED) + timedelta(**waited)

    @pytest.mark.parametrize(("tries", "minutes"), [(3, 10), (4, 20), (6, 80)])
    def test_it_is_tried_again_from_the_very_minute(self, tries: int, minutes: int) -> None:
        waiting = self.asked(tries)
        assert waiting.is_due(self.after(minutes=minutes))
        assert not waiting.is_due(self.after(minutes=minutes, microseconds=-1))
        assert self.asked(IMMEDIATE_ATTEMPTS - 1).is_due(self.after(seconds=0))

    def test_it_is_given_up_beyond_a_day_and_not_before_it_was_tried(self) -> None:
        beyond = self.after(days=1, microseconds=1)
        assert not self.asked(IMMEDIATE_ATTEMPTS).has_expired(self.after(days=1))
        assert self.asked(IMMEDIATE_ATTEMPTS).has_expired(beyond)
        assert not self.asked(IMMEDIATE_ATTEMPTS - 1).has_expired(beyond)

    def test_what_is_as_old_as_its_grace_is_looked_after(self) -> None:
        assert publish._older(self.ASKED, publish.GRACE, self.after(minutes=10))
        assert not publish._older(
            self.ASKED, publish.GRACE, self.after(minutes=10, microseconds=-1)
        )

    def test_an_instant_can_be_asked_for_once_it_is_a_minute_old(self) -> None:
        ask = {"as_of": self.ASKED}
        assert request_bodies.parse_report_request(ask, ADMIN, self.after(seconds=60), None).as_of
        with pytest.raises(Rejected) as refused:
            request_bodies.parse_report_request(
                ask, ADMIN, self.after(seconds=60, microseconds=-1), None
            )
        assert [fault.pointer for fault in refused.value.faults] == ["/as_of"]


class TestSizes:
    def test_a_message_has_its_last_byte(self) -> None:
        body = b'"' + b"x" * (intake.EVENT_BYTES - 2) + b'"'
        assert [len(posted_event.body) for posted_event in intake.read_posted_events(body)] == [
            intake.EVENT_BYTES
        ]
        with pytest.raises(Rejected) as refused:
            intake.read_posted_events(body + b" ")
        assert refused.value.status == 413

    @pytest.mark.parametrize(("surplus", "status"), [(0, 400), (1, 413)])
    def test_a_batch_has_its_last_byte(self, bench: Bench, surplus: int, status: int) -> None:
        body = b"x" * (api.BATCH_BYTES + surplus)
        submissions = Submissions(bench.table(), lambda _word: None, bench.clock)
        senders = Senders(bench.table(), bench.clock)
        context = IntakeContext(bench.store(), submissions, senders, ADMIN, Channel.EVENTS)
        with pytest.raises(Rejected) as refused:
            api._post_batch(context, bench.study, body)
        assert refused.value.status == status
