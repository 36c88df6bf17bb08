"""Every kind of event, by its model alone: read, folded, cut, erased, hidden, asked for, listed."""

import random
import re
from pathlib import Path
from typing import Any

import builders
import pytest
from builders import derive, enrolment, entry, listings_of, report_of, subjects, tiny, truth
from hypothesis import given, settings
from hypothesis import strategies as st

from local.contract import load_part
from trial.errors import Rejected
from trial.events import blinding, dates, kinds, privacy
from trial.events.envelope import Entry
from trial.events.payloads import ERASURE, KINDS, Data, Identity, model_of
from trial.reporting import report
from trial.subject.acceptance import check_acceptable
from trial.subject.cutoff import records_until
from trial.subject.derivation import Derivation
from trial.subject.fold import ERASURE_RECORD, Subject, blinded, fold, fold_all
from trial.tables.checking.record_fields import fields_of_kind
from trial.tables.compiled import contribute

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = load_part("events")
POSTED = [kind for kind in KINDS if kind != ERASURE]


def posted(kind: str, subject: str = "S-1", **data: Any) -> Entry:
    """Read the example of a kind, with some of its data replaced."""
    return entry(kind, subject, **(EXAMPLES[kind] | data))


LISTED = [
    {
        "id": f"L{place}", "title": kind, "population": "All", "records": kind,
        "columns": [
            {"id": "USUBJID", "label": "Subject", "source": "subject"},
            *(
                {"id": f"C{i}", "label": name, "source": name}
                for i, name in enumerate(sorted(fields_of_kind(kind)))
            ),
        ],
    }
    for place, kind in enumerate(POSTED)
]  # fmt: skip
ROWS = [
    {"id": f"{kind}-{name}", "label": name, "levels": {"recorded": kind, "field": name}}
    for kind in ("conmed.recorded", "conmed.coded", "medical-history.reported", "ecg.recorded",
                 "observation.recorded", "vital-status.recorded", "procedure.recorded")
    for name, field in fields_of_kind(kind).items()
    if field.form not in ("parts", "date")
]  # fmt: skip
WHOLE = tiny(
    calendar={"earliest": "1990-01-01", "latest": "2016-12-31"},
    listings=LISTED,
    parameters={**builders.TINY["parameters"],
                "QT": {"label": "QT", "unit": "ms", "places": 0}},
    conditions={
        **builders.TINY["conditions"],
        **{kind: {"recorded": kind} for kind in POSTED},
        "prior": {"recorded": "conmed.recorded", "where": {"prior": True}},
    },
    tables=[
        {"id": "t", "title": "T", "population": "All",
         "columns": [{"id": "total", "label": "Total", "set": "enrolled"}],
         "rows": [
             *ROWS,
             *({"id": kind, "label": kind, "count": kind} for kind in (*POSTED, "prior")),
         ]},
    ],
    key_results=[],
)  # fmt: skip
"""A study that counts and lists every field of every kind."""


@pytest.mark.parametrize("kind", KINDS)
class TestModel:
    def test_it_says_what_one_is_called(self, kind):
        noun = KINDS[kind].noun
        assert noun != Data.noun
        assert [model.noun for model in KINDS.values()].count(noun) == 1

    def test_the_example_is_read_and_has_its_deciding_date(self, kind):
        if kind == ERASURE:
            pytest.skip("is not posted")
        event = posted(kind)
        date = kinds.DECIDING_DATE.get(kind)
        if date is None:
            assert kinds.date_fields(kind) == ()
            assert KINDS[kind].about is not None or kind == "subject.superseded"
        else:
            assert dates.earliest(str(event.data.get(date, "2015"))) > 0

    def test_the_guide_to_events_has_its_row_with_every_field(self, kind):
        guide = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
        (row,) = re.findall(rf"^\| `{re.escape(kind)}` \|(.*)\|(.*)\|$", guide, re.MULTILINE)
        fields = {name: field for name, field in model_of(kind).model_fields.items()
                  if name not in Identity.model_fields}  # fmt: skip
        required = {name for name, field in fields.items() if field.is_required()}
        assert set(re.findall(r"`(\w+)`", row[0])) == required
        assert set(re.findall(r"`(\w+)`", row[1])) == fields.keys() - required

    def test_what_codes_a_record_names_a_kind_that_is_there(self, kind):
        if (about := KINDS[kind].about) is not None:
            coded, field = about
            assert coded in KINDS
            assert model_of(kind).model_fields[field].is_required()


@pytest.mark.parametrize("kind", POSTED)
class TestRecord:
    def test_no_personal_text_is_left_after_an_erasure(self, kind):
        erased = entry(ERASURE, record=ERASURE_RECORD, reason="Asked to")
        personal = privacy.personal_fields(kind)
        texts = [value for name, value in posted(kind).data.items() if name in personal]
        for history in ([posted(kind), erased], [erased, posted(kind)]):
            record = fold_all("S-1", history).records[kind, "R"]
            remaining = [text for text in texts if str(text) in map(str, record.data.values())]
            assert remaining == []
            assert record.data.keys() == posted(kind).data.keys()

    def test_nothing_that_tells_the_arm_is_shown_to_the_open_audience(self, kind):
        subject = fold_all("S-1", [posted(kind)])
        hidden = blinded(subject).records[kind, "R"].data
        for name in blinding.unblinding_fields(kind):
            assert hidden[name] == blinding.HIDDEN

    def test_before_its_deciding_date_a_cut_off_does_not_have_it(self, kind):
        date = kinds.DECIDING_DATE.get(kind)
        record = posted(kind)
        if date is None or date not in record.data:
            pytest.skip("is not dated")
        day = dates.latest(record.data[date])
        subject = fold_all("S-1", [record])
        assert (kind, "R") in records_until(subject, day).records
        assert not records_until(subject, dates.earliest(record.data[date]) - 1).records

    def test_it_exists_by_condition_and_has_a_line_in_its_listing(self, kind):
        history = [enrolment(record="E"), posted(kind)]
        assert truth(kind, *history, study=WHOLE) is True
        assert truth(kind, enrolment(record="E"), study=WHOLE) is (kind == "subject.enrolled")
        if kind != "subject.superseded":  # who is superseded is in no listing
            lines = listings_of(WHOLE, history)[f"L{POSTED.index(kind)}"].rows
            assert len(list(lines)) == 1 + (kind == "subject.enrolled")


NEW = ["conmed.recorded", "conmed.coded", "medical-history.reported", "medical-history.coded",
       "procedure.recorded", "vital-status.recorded", "ecg.recorded",
       "physical-examination.recorded", "questionnaire.recorded", "device-deficiency.reported",
       "observation.recorded", "dose.administered", "death.reported"]  # fmt: skip
_CHANGES: dict[str, list[dict[str, Any]]] = {
    "conmed.recorded": [
        {"start": text, **end}
        for text in ("2014", "2015-06", "2015-06-08")
        for end in ({}, {"end": "2015-06-20"}, {"end": "2015"}, {"ongoing": True})
    ],
    "conmed.coded": [{"preferred_name": "B", "atc": atc} for atc in (
        [], [{"code": "A10"}], [{"code": "N02BE01", "atc1": "NERVES"}, {"code": "A10BA02"}])],
    "vital-status.recorded": [{"status": "DEAD"}, {"status": "UNKNOWN"}, {"date": "2016-01-01"}],
    "ecg.recorded": [{"reason_not_done": "Broken", "measurements": []}],
    "observation.recorded": [{"test": "cd4", "result": "300", "unit": "cells/uL"}],
    "dose.administered": [{"start": "2015-06-08"}, {"start": "2015-06-02T10:00"}],
}  # fmt: skip
VISITS = {"visit": "week-5"}


@st.composite
def histories(draw: st.DrawFn) -> list[Entry]:
    """Draw records of the kinds, coded and not, corrected, void, and perhaps erased."""
    history = [enrolment(record="E")]
    revisions: dict[tuple[str, str], int] = {}
    for kind in draw(st.lists(st.sampled_from(NEW), max_size=8)):
        record = draw(st.sampled_from(["CM-1", "MH-1", "X"]))
        revision = revisions[kind, record] = revisions.get((kind, record), 0) + 1
        fields = {"record": record, "revision": revision}
        if revision > 1 and draw(st.booleans()):
            history.append(entry(kind, action="void", **fields))
            continue
        changes = draw(st.sampled_from([{}, *_CHANGES.get(kind, ())]))
        visits_named = VISITS if "visit" in EXAMPLES[kind] else {}
        history.append(posted(kind, **(visits_named | changes | fields)))
    if draw(st.booleans()):
        history.append(entry(ERASURE, record=ERASURE_RECORD, reason="Asked to"))
    return history


@settings(max_examples=60, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_in_any_order_the_shares_and_the_listings_are_the_same(history, rng: random.Random):
    shuffled = rng.sample(history, len(history))
    first, second = (fold_all("S-1", order) for order in (history, shuffled))
    assert contribute(WHOLE, first) == report.contribute(WHOLE, second)
    assert _listed(first) == _listed(second)


def _listed(subject: Subject) -> list[list[Any]]:
    report_ = report.report(WHOLE, [subject], contribute(WHOLE, subject))
    return [list(listing.rows) for listing in report_.listings]


@settings(max_examples=60, deadline=None)
@given(histories(), st.integers(0, 8))
def test_what_an_event_changes_is_what_a_recount_gives(history, length):
    """Shares add up however a history is cut: the share of a prefix never matters later."""
    before = fold_all("S-1", history[:length])
    for event in history[length:]:
        before, _ = fold(before, event)
    assert contribute(WHOLE, before) == report.contribute(WHOLE, fold_all("S-1", history))


class TestAlive:
    ENROLLED = enrolment(record="E")

    @pytest.mark.parametrize(("status", "day"), [
        ("ALIVE", "2016-03-01"), ("DEAD", "2015-06-01"), ("UNKNOWN", "2015-06-01"),
    ])  # fmt: skip
    def test_only_who_was_alive_was_in_contact(self, status, day):
        derivation = derive(self.ENROLLED, entry("vital-status.recorded", date="2016-03-01",
                                           status=status))  # fmt: skip
        assert dates.iso(derivation.last_contact) == day

    def test_what_was_not_done_is_no_contact(self):
        performed, not_done = (
            posted("ecg.recorded", visit="week-5", **fields)
            for fields in ({}, {"reason_not_done": "Broken"})
        )
        assert dates.iso(derive(self.ENROLLED, performed, study=WHOLE).last_contact) == "2015-09-14"
        assert dates.iso(derive(self.ENROLLED, not_done, study=WHOLE).last_contact) == "2015-06-01"

    def test_a_partial_death_is_not_before_the_subject_was_known_alive(self):
        alive = entry("vital-status.recorded", date="2015-09-20", status="ALIVE")
        derivation = derive(self.ENROLLED, alive, builders.death("2015-09"))
        assert derivation.imputation.death == dates.earliest("2015-09-20")
        unknown = entry("vital-status.recorded", date="2015-09-20", status="UNKNOWN")
        derivation = derive(self.ENROLLED, unknown, builders.death("2015-09"))
        assert derivation.imputation.death == dates.earliest("2015-09-01")


class TestResults:
    """What an ECG, a questionnaire or an observation reads of a parameter is a result of it."""

    def values(self, *entries: Entry, parameter: str = "cd4") -> list[tuple[str, int, str]]:
        series = Derivation(WHOLE, subjects([enrolment(record="E"), *entries])[0]).series(parameter)
        return [
            (observation.record, observation.value.units, observation.visit)
            for observation in series.observations
        ]

    def test_of_an_ecg_with_its_visit(self):
        ecg = posted("ecg.recorded", visit="week-5")
        assert self.values(ecg, parameter="QT") == [("R", 388, "week-5")]

    def test_of_a_questionnaire_without_a_visit(self):
        questionnaire = entry("questionnaire.recorded", date="2015-07-01", questionnaire="Q",
                         measurements=[{"parameter": "cd4", "result": "7"}])  # fmt: skip
        assert self.values(questionnaire) == [("R", 7, "")]

    def test_of_an_observation_if_its_test_is_a_parameter(self):
        observed = [
            entry("observation.recorded", date="2015-07-01", test="cd4", result="12", record="A",
                  unit="cells/uL"),
            entry("observation.recorded", date="2015-07-01", test="CD4", result="many",
                  record="B"),
            entry("observation.recorded", date="2015-07-01", test="cd4", record="C",
                  reason_not_done="No blood"),
        ]  # fmt: skip
        assert self.values(*observed) == [("A", 12, "")]

    @pytest.mark.parametrize(("kind", "data", "pointer"), [
        ("observation.recorded", {"test": "cd4", "result": "many"}, "/data/result"),
        ("observation.recorded", {"test": "cd4", "result": "12", "unit": "m"}, "/data/unit"),
        ("observation.recorded", {"test": "viral-load-log10", "result": "2"}, "/data/test"),
        ("observation.recorded", {"test": "any", "result": "2", "visit": "V"}, "/data/visit"),
        ("ecg.recorded", {"measurements": [{"parameter": "QTX", "result": "1"}]},
         "/data/measurements/0/parameter"),
        ("questionnaire.recorded", {"questionnaire": "Q", "visit": "V"}, "/data/visit"),
    ])  # fmt: skip
    def test_what_the_definition_does_not_allow_is_refused_where_it_is(self, kind, data, pointer):
        with pytest.raises(Rejected) as refused:
            check_acceptable(WHOLE, entry(kind, date="2015-07-01", **data))
        assert [fault.pointer for fault in refused.value.faults] == [pointer]


def test_every_document_of_all_kinds_together_is_made():
    history = [enrolment(record="E"), builders.dose()]
    history += [
        posted(kind, record=record, **({"visit": "week-5"} if "visit" in EXAMPLES[kind] else {}))
        for kind, record in (("conmed.recorded", "CM-1"), ("medical-history.reported", "MH-1"),
                             *((kind, "X") for kind in NEW if kind != "questionnaire.recorded"))
    ]  # fmt: skip
    files = builders.files_of(report_of(WHOLE, history), WHOLE)
    page = files["report.html"].decode()
    assert "AZITHROMYCIN" in page
    assert "Not coded" in page
    listing = WHOLE.definition.listings[POSTED.index("conmed.recorded")]
    assert "AZITHROMYCIN" in files[f"datasets/{listing.data_name}.ndjson"].decode()
