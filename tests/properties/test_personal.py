"""Erase at any point of any history: it comes to the same, and nothing of the texts is left."""

import json
from typing import Any

import soak
import toy
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from trial.events import envelope, json_body, privacy
from trial.events.envelope import Entry
from trial.events.payloads import ERASURE, model_of
from trial.store.encoding import sealing
from trial.subject.fold import ERASURE_RECORD, fold_all

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=30
).filter(lambda text: any(item.isprintable() and not item.isspace() for item in text))
"""What is not blank: a text that shows nothing is refused."""
EXTENSIONS = st.dictionaries(
    st.sampled_from(["traceparent", "partitionkey", "datacontenttype"]),
    st.one_of(TEXT, st.integers(), st.lists(TEXT, max_size=2), st.none()),
)
HISTORIES = soak.size(500, 20_000)


@st.composite
def events(draw: st.DrawFn) -> Entry:
    """Make a serious adverse event, a death or a laboratory result, written in any way."""
    kind = draw(
        st.sampled_from(["adverse-event.reported", "death.reported", "lab.result.reported"])
    )
    revision = draw(st.integers(1, 3))
    data: dict[str, Any] = {"record": draw(st.sampled_from("AB")), "revision": revision}
    match kind:
        case "adverse-event.reported":
            data |= {"term": draw(TEXT), "serious": True, "page": draw(st.none() | TEXT)}
        case "death.reported":
            data |= {"date": "2015-07", "cause": draw(TEXT)}
        case _:
            data |= {"parameter": "cd4", "collected": "2015-07-01", "result": "7", "unit": "1/uL"}
    if revision > 1 or draw(st.booleans()):
        data["reason_for_change"] = draw(TEXT)
    event = {
        "specversion": "1.0", "id": "e", "source": "urn:toy:edc", "subject": "P1", "study": "S",
        "type": f"org.livetlf.{kind}.v1", "time": "2015-08-02T10:00:00Z",
        **draw(EXTENSIONS), "data": data,
    }  # fmt: skip
    body = draw(st.sampled_from([json.dumps, json_body.canonical]))(event)
    padded = draw(st.sampled_from(["{}", " {}\n"])).replace("{}", body)
    return envelope.parse(json_body.read_json(padded), padded)


ERASE = toy.parsed(
    "S", "P1", ERASURE, {"record": ERASURE_RECORD, "revision": 1, "reason": "Asked to"}
)


@seed(soak.seed(f"{HISTORIES:,} histories erased"))
@settings(max_examples=HISTORIES, deadline=None, database=None)
@given(st.lists(events(), max_size=8), st.data())
def test_it_does_not_matter_when_a_subject_is_erased(entries: list[Entry], data: Any) -> None:
    text = data.draw(st.integers(0, len(entries)))
    erased = fold_all("P1", [*entries[:text], ERASE, *entries[text:]])
    assert erased == fold_all("P1", [*entries, ERASE]) == fold_all("P1", [ERASE, *entries])
    plain = fold_all("P1", entries)
    assert erased.accepted == plain.accepted + 1
    for key, record in plain.records.items():
        result = erased.records[key]
        assert erased.digests[key] == plain.digests[key]
        assert result.data == privacy.redacted(record.kind, record.data)
        model_of(record.kind).model_validate(
            {"record": result.record, "revision": result.revision, **result.data}
        )


@seed(soak.seed(f"{HISTORIES:,} events sealed"))
@settings(max_examples=HISTORIES, deadline=None, database=None)
@given(events())
def test_a_sealed_event_opens_to_the_byte_and_without_its_key_holds_no_text(entry: Entry) -> None:
    key, result = sealing.new_key(), ("S", "P1", entry.kind, entry.record, entry.revision)
    body, texts = sealing.seal(key, entry)
    assert sealing.unseal(key, texts, body, result) == entry.body
    assert sealing.unseal(b"", texts, body, result) == body
    if texts:
        assert sealing.unseal(sealing.new_key(), texts, body, result) is None
        assert sealing.unseal(key, texts, body, (*result[:4], entry.revision + 1)) is None
    outcome = envelope.parse(json_body.read_json(body), body)
    assert outcome.data == privacy.redacted(entry.kind, entry.data)
    assert (outcome.reason is None) == (entry.reason is None)
    assert outcome.reason in {None, privacy.ERASED}
    assert sealing.seal(b"", entry) == (body, b"")
    opened, _ = privacy.extract_personal(outcome)
    assert opened == body
