"""No patient's value and no arm leaves the store by way of logs, metrics or error texts."""

import json
import logging
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from invoking import STUDY, Service

from trial.render import documents as rendering

MARK, NUMBER = "QZXMARK", 918273645
EDGE = logging.Formatter("%(levelname)s %(name)s %(message)s")  # as Lambda prints what others log
Event = dict[str, Any]
Said = Callable[[], str]


@pytest.fixture
def log_text(
    service: Service, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Said:
    """Give a look at all that was logged or printed: ours, the libraries' and the metrics'."""
    caplog.set_level(logging.INFO)
    output: list[str] = []

    def look() -> str:
        captured = capfd.readouterr()
        output.extend((captured.out, captured.err))
        other_logs = [EDGE.format(record) for record in caplog.records if record.name != "livetlf"]
        return "\n".join([*output, *other_logs, service.log.getvalue()])

    return look


def clean(text: str) -> bool:
    return MARK not in text and str(NUMBER) not in text


def marked(value: Any) -> Any:
    """Put a marker in the place of every value, whatever is around it."""
    match value:
        case dict():
            return {name: marked(item) for name, item in value.items()}
        case list():
            return [marked(item) for item in value]
        case bool() | None:
            return value
        case int() | float():
            return NUMBER
        case _:
            return MARK


def variants(event: Event) -> Iterator[Event]:
    """Mark an event's data, all of it and value by value, in ways that are wrong or right."""
    data = event["data"]
    yield event | {"data": {**marked(data), "record": data["record"], "revision": 1}}
    yield event | {"data": marked(data)}
    for name, value in data.items():
        yield event | {"data": data | {name: marked(value)}}
        yield event | {"data": data | {name: [MARK]}}
        yield event | {"data": data | {name: {MARK: NUMBER}}}
        yield event | {"data": data | {name: NUMBER, "revision": 1}}


@pytest.fixture(scope="session")
def kinds(feed: list[str]) -> list[Event]:
    """Give the feed's first event of each kind."""
    values: dict[str, Event] = {}
    for line in feed:
        event = json.loads(line)
        values.setdefault(event["type"], event)
    return list(values.values())


def test_no_value_of_an_event_is_logged_or_repeated_in_a_problem(
    service: Service, kinds: list[Event], log_text: Said
) -> None:
    for event in kinds:
        variants_sent = list(variants(event))
        for start in range(0, len(variants_sent), 50):
            results = service.batch(*variants_sent[start : start + 50]).json["results"]
            for result in results:
                details = [e["detail"] for e in result.get("problem", {}).get("errors", [])]
                assert clean(json.dumps(details)), details
        assert service.queue(*variants_sent) == []
    assert clean(log_text())


def test_no_value_of_a_recorded_event_is_logged(service: Service, log_text: Said) -> None:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "urn:test",
        "type": "org.livetlf.adverse-event.reported.v1",
        "subject": "S-1",
        "time": "2016-01-02T00:00:00Z",
        "study": STUDY,
        "data": {"record": "AE-1", "revision": 1, "term": MARK, "serious": True, "page": MARK},
    }
    result = deepcopy(event)
    result["data"]["term"] = f"{MARK} again"
    assert [service.post(item).status for item in (event, event, result)] == [201, 200, 409]
    assert service.queue(event, result) == []
    service.stream((f"STUDY#{STUDY}#0", "SUBJECT#S-1"))
    assert "Documents published" in log_text()
    assert clean(log_text())


@pytest.mark.parametrize(
    "body",
    [
        f'{{"data": {{"term": "{MARK}',
        f'{{"data": {{"term": "{MARK}", "term": "{MARK}"}}}}',
        f'{{"data": {MARK}}}',
        f'"{MARK}"',
        f'{{"{MARK}": -Infinity}}',
        f'{{"study": "{MARK} {MARK}"}}',
        f'{{"data": "{MARK}\udcff"}}',
        f'{{"type": "{MARK}", "data": {{}}}}',
    ],
)
def test_nothing_of_an_unreadable_body_is_logged_or_repeated(
    service: Service, log_text: Said, body: str
) -> None:
    content = body.encode("utf-8", "surrogateescape") if "\udcff" in body else body
    assert clean(service.post(content).text)
    assert service.queue(body) == []
    assert clean(log_text())


json_values = st.recursive(
    st.none() | st.booleans() | st.sampled_from([NUMBER, MARK, -1, 0.5, ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["study", "data", "id", "type", "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(json_values)
def test_any_json_is_answered_and_none_of_its_values_is_logged(
    service: Service, log_text: Said, value: Any
) -> None:
    answer = service.post(value if isinstance(value, str) else json.dumps(value))
    assert answer.status in {400, 422}
    service.batch(json.dumps(value))
    assert service.queue(json.dumps(value)) == []
    assert clean(log_text())


def test_a_failure_to_render_is_logged_without_what_it_failed_on(
    service: Service, feed: list[str], log_text: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.batch(*feed[:5])

    def fail(_report: Any) -> bytes:
        return int(MARK).to_bytes()  # its message quotes the value, as many do

    monkeypatch.setattr(rendering, "workbook", fail)
    service.stream((f"STUDY#{STUDY}#0", "SUBJECT#TMB301-007"))
    assert "Publication failed" in log_text()
    assert clean(log_text())
