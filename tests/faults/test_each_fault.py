"""One fault at a time on the wire: what passes is outlived, what does not surfaces, at once.

The store sees what a client of DynamoDB sees, for microburst speaks its protocol.
"""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import clients
import proxy as faults
import pytest
import toy
from bench import Bench, create_table
from botocore.exceptions import ClientError
from proxy import Proxy

from local.emulator import Emulator
from trial.errors import Rejected, Unavailable
from trial.store.bucket.client import Bucket
from trial.subject.fold import Outcome

RECORDED, REPEATED = Outcome.RECORDED, Outcome.REPEATED
WRITE = {"operation": "TransactWriteItems"}
READ = {"operation": "GetItem"}
FIRST_READ = {"operation": "BatchGetItem"}
"""Of a subject, with what is noted of the sums of its shard."""
_NUMBER = count(1)
_TIME_OUT = 1.2


@pytest.fixture(scope="module")
def proxy(local_emulator: Emulator) -> Iterator[Proxy]:
    with faults.running(local_emulator.endpoint) as running:
        create_table(clients.patient("dynamodb", running.endpoint), "each-fault")  # warms it up
        yield running


@pytest.fixture
def bench(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    proxy.set()
    study = toy.toy_study(f"F{next(_NUMBER)}")
    bench = Bench(clients.dynamodb(proxy.endpoint, _TIME_OUT), "each-fault", study)
    bench.store().put_definition(study, toy.definition(study.id))
    yield bench
    proxy.set()


PASSING = {
    "lost answer": faults.LOST_ANSWER,
    "reset": faults.RESET,
    "late commit": faults.late(_TIME_OUT),
    "time-out": faults.TIME_OUT,
    "500": faults.SERVER_ERROR,
    "503": faults.UNAVAILABLE,
    "throttled": faults.THROTTLED,
    "throughput exceeded": faults.EXCEEDED,
    "conflict": faults.CONFLICT,
    "in progress": faults.IN_PROGRESS,
    "cancelled: conflict": faults.cancelled("TransactionConflict", "None", "None", "None"),
    "cancelled: throttled": faults.cancelled("None", "ThrottlingError", "None", "None"),
    "cancelled: exceeded": faults.cancelled("None", "None", "ProvisionedThroughputExceeded"),
    "cancelled: no reasons": faults.cancelled(),
}


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_of_a_write_is_outlived(bench: Bench, proxy: Proxy, fault: str) -> None:
    entry = bench.event("P1")
    proxy.set(WRITE | PASSING[fault] | {"times": 1})
    before = proxy.fired()
    assert bench.record(entry) == [RECORDED]
    assert proxy.fired() == before + 1
    bench.check(entry)


@pytest.mark.parametrize("fault", ["lost answer", "late commit", "cancelled: conflict", "500"])
def test_three_faults_in_a_row_are_outlived_by_a_batch(
    bench: Bench, proxy: Proxy, fault: str
) -> None:
    entries = [bench.event(f"P{i}", f"L{i}") for i in range(7)]
    proxy.set(WRITE | PASSING[fault] | {"times": 3})
    assert set(bench.record(*entries)) == {RECORDED}
    proxy.set()
    bench.check(*entries)


@pytest.mark.parametrize("read", [READ, FIRST_READ], ids=["read", "first read"])
@pytest.mark.parametrize("fault", ["lost answer", "reset", "500", "throttled", "time-out"])
def test_a_fault_of_a_read_is_outlived(
    bench: Bench, proxy: Proxy, fault: str, read: dict[str, str]
) -> None:
    old, new = bench.event("P1"), bench.event("P1", "L2")
    store = bench.store()
    bench.record(old, store=store)
    proxy.set(read | PASSING[fault] | {"times": 1})
    before = proxy.fired()
    assert bench.record(new, store=bench.store() if read is FIRST_READ else store) == [RECORDED]
    assert proxy.fired() == before + 1
    bench.check(old, new)


FOR_GOOD = {"denied": faults.DENIED, "no table": faults.NO_TABLE}


@pytest.mark.parametrize("fault", FOR_GOOD)
def test_what_no_repetition_cures_surfaces_at_the_first_time(
    bench: Bench, proxy: Proxy, fault: str
) -> None:
    proxy.set(WRITE | FOR_GOOD[fault])
    before = proxy.fired()
    with pytest.raises(ClientError):
        bench.record(bench.event("P1"))
    assert proxy.fired() == before + 1
    proxy.set()
    bench.check()


def test_what_the_store_refuses_for_good_is_refused_alone(bench: Bench, proxy: Proxy) -> None:
    """A number past its digits, say: the event is quarantined, and its neighbours are recorded."""
    poison = bench.event("P1", "poison")
    neighbours = [bench.event(f"P{i}", f"L{i}") for i in range(5)]
    condition = "TransactItems[].Put.Item.SK.S | [?contains(@, '#poison#')] | [0]"
    proxy.set(WRITE | {"body": condition} | faults.cancelled("ValidationError"))
    outcomes = bench.record(*neighbours[:2], poison, *neighbours[2:])
    assert isinstance(outcomes[2], Rejected)
    assert outcomes[:2] + outcomes[3:] == [RECORDED] * 5
    proxy.set()
    bench.check(*neighbours)


def test_an_answer_lost_to_a_process_that_ends_is_a_repeat_to_the_next(
    bench: Bench, proxy: Proxy
) -> None:
    """Commit, lose the answer, refuse the look that follows: the next process is told 200."""
    entry = bench.event("P1")
    reading = {"sequence": {"fail": 1, "pass": 1_000}}
    bench.record(bench.event("P1", "L0"))

    def commit_and_end(call: Callable[[], Any]) -> Any:
        proxy.set(WRITE | faults.LOST_ANSWER | {"times": 2}, READ | faults.DENIED | reading)
        return call()

    with pytest.raises(ClientError):
        bench.record(entry, store=bench.store(commit_and_end))
    proxy.set()
    assert bench.record(bench.event("P1", event_id="again")) == [REPEATED]
    bench.check(bench.event("P1", "L0"), entry)


def test_an_answer_that_is_spoilt_on_the_way_is_no_answer(bench: Bench, proxy: Proxy) -> None:
    entry = bench.event("P1")
    proxy.set(WRITE | faults.SPOILT_ANSWER | {"times": 1})
    assert bench.record(entry) == [RECORDED]
    bench.check(entry)


def test_half_of_an_error_is_no_answer(bench: Bench, proxy: Proxy) -> None:
    entry, event = bench.event("P1"), bench.event("P1", "L2")

    def overtake() -> None:
        bench.record(event)
        proxy.set(WRITE | faults.HALF_AN_ANSWER | {"times": 2})

    store = bench.store(lambda call: (overtake(), call())[1])
    try:
        assert bench.record(entry, store=store) == [RECORDED]
    finally:
        proxy.set()
    bench.check(entry, event)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("there", faults.LOST_ANSWER),
        ("there", faults.HALF_AN_ANSWER),
        ("missing", faults.LOST_ANSWER),
    ],
)
def test_an_object_whose_answer_breaks_off_is_unavailable(
    proxy: Proxy, name: str, fault: faults.Rule
) -> None:
    s3 = clients.patient("s3", proxy.endpoint)
    proxy.set()
    s3.create_bucket(Bucket="broken")
    s3.put_object(Bucket="broken", Key="there", Body=b"content")
    proxy.set({"service": "s3", "operation": "GetObject"} | fault)
    with pytest.raises(Unavailable):
        Bucket(s3, "broken").read(name)
    proxy.set()


@pytest.mark.parametrize(
    ("name", "options"), [("missing", {}), ("there", {"Range": "bytes=50-59"})]
)
def test_a_refusal_without_its_text_means_what_its_status_says(
    proxy: Proxy, name: str, options: dict[str, str]
) -> None:
    s3 = clients.patient("s3", proxy.endpoint)
    proxy.set()
    s3.create_bucket(Bucket="broken")
    s3.put_object(Bucket="broken", Key="there", Body=b"content")
    proxy.set({"service": "s3", "operation": "GetObject"} | faults.HALF_AN_ANSWER)
    assert Bucket(s3, "broken").read(name, **options) is None
    proxy.set()
