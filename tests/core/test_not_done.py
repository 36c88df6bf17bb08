"""What was not done: no value and no contact, counted where it is asked for, listed with why."""

import json
import random
from collections.abc import Iterator, Mapping
from typing import Any

import builders
import pytest
from builders import (
    day,
    derive,
    enrolment,
    entry,
    listings_of,
    measured,
    rows_of,
    tables_of,
    tiny,
    truth,
    viral_load,
)

from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.reporting import report
from trial.reporting.tracing.explaining import Explanations
from trial.subject.acceptance import check_acceptable
from trial.tables import checking

PARAMETERS = {
    **builders.TINY["parameters"],
    "index": {"label": "Index", "unit": "kg", "formula": "weight + cd4 / 100", "places": 2},
}
NOT_DONE = {
    "rna-5": {"parameter": "viral-load", "at": "week-5"},
    "log-5": {"parameter": "viral-load-log10", "at": "week-5", "change_from": "baseline"},
    "weight-5": {"parameter": "weight", "at": "week-5", "missing": "locf"},
    "index-5": {"parameter": "index", "at": "week-5"},
    "rna-baseline": {"parameter": "viral-load", "at": "baseline"},
    "rna-worst": {"parameter": "viral-load", "after_first_dose": "most-abnormal"},
}
STUDY = tiny(
    parameters=PARAMETERS,
    conditions=builders.TINY["conditions"]
    | {name: {"measure": measure, "not_done": True} for name, measure in NOT_DONE.items()}
    | {
        "no-sample": {
            "recorded": "lab.result.reported",
            "where": {"completion_status": "NOT DONE"},
        }
    },
    tables=[
        {"id": "t", "title": "T", "population": "All",
         "columns": [{"id": "total", "label": "Total", "set": "enrolled"}],
         "rows": [
             *({"id": name, "label": name, "count": name} for name in (*NOT_DONE, "no-sample")),
             {"id": "mean", "label": "RNA", "summary": NOT_DONE["rna-5"]},
             {"id": "status", "label": "Status",
              "levels": {"recorded": "lab.result.reported", "field": "completion_status"}},
         ]},
    ],
    key_results=[],
    listings=[
        {"id": "L", "title": "RNA and weight", "population": "All",
         "records": "observations:viral-load,weight",
         "columns": [
             {"id": name, "label": name, "source": source}
             for name, source in (
                 ("USUBJID", "subject"), ("PARAM", "parameter"), ("AVISIT", "visit"),
                 ("VISIT", "recorded-visit"), ("LBORRES", "result"), ("AVAL", "value"),
                 ("LBSTAT", "completion_status"), ("LBREASND", "reason_not_done"))
         ]},
    ],
)  # fmt: skip


def sample(at: int, **data: Any) -> Entry:
    """Build the report that a sample was not taken."""
    report = {"parameter": "viral-load", "collected": day(at), "reason_not_done": "Tube broke"}
    return entry("lab.result.reported", **(report | {"record": f"N-{at}"} | data))


def weighed(at: int, visit: str = "week-5", **data: Any) -> Entry:
    """Build a visit at which the weight was not taken."""
    items = [{"parameter": "weight", "not_done": True}, {"parameter": "cd4", "result": "300"}]
    visited = {"visit": visit, "date": day(at), "measurements": items, "record": f"V-{at}"}
    return entry("visit.recorded", **(visited | {"reason_not_done": "Scales broke"} | data))


class TestAccepted:
    @pytest.mark.parametrize(("data", "pointer", "detail"), [
        ({"result": "5", "unit": "copies/mL"}, "/data/result", "must be left out of what was"),
        ({"reason_not_done": None, "unit": "copies/mL"}, "/data/result", "Field required"),
        ({"reason_not_done": None, "result": "5"}, "/data/unit", "Field required"),
        ({"reason_not_done": " "}, "/data/reason_not_done", "must not be blank"),
    ])  # fmt: skip
    def test_a_laboratory_says_a_result_or_why_there_is_none(self, data, pointer, detail):
        with pytest.raises(Rejected) as refused:
            sample(30, **data)
        faults = {fault.pointer: fault.detail for fault in refused.value.faults}
        assert faults[pointer].startswith(detail)

    @pytest.mark.parametrize("item", [
        {"parameter": "weight"}, {"parameter": "weight", "result": "60", "not_done": True},
    ])  # fmt: skip
    def test_so_does_a_measurement(self, item):
        with pytest.raises(Rejected) as refused:
            weighed(30, measurements=[item])
        assert [fault.pointer for fault in refused.value.faults] == ["/data/measurements/0/result"]

    def test_its_parameter_is_one_of_the_study(self):
        check_acceptable(STUDY, sample(30))
        check_acceptable(STUDY, weighed(30))
        with pytest.raises(Rejected) as refused:
            check_acceptable(STUDY, sample(30, parameter="viral-load-log10"))
        assert [fault.pointer for fault in refused.value.faults] == ["/data/parameter"]

    @pytest.mark.parametrize("extra", [{"at_least": 1}, {"missing": "failure"}, {"assessed": True}])
    def test_a_condition_takes_nothing_beside_it(self, extra):
        with pytest.raises(Rejected, match="Definition not accepted"):
            builders.tiny_with("conditions", c={"measure": "age", "not_done": True} | extra)

    def test_a_condition_needs_a_measure_of_a_parameter(self):
        broken = builders.tiny_with("conditions", c={"measure": "age", "not_done": True})
        with pytest.raises(Rejected) as refused:
            checking.check_definition(broken)
        assert [fault.pointer for fault in refused.value.faults] == ["/conditions/c/not_done"]


class TestSettled:
    """Visit week 5 is from day 25 to day 42."""

    def asked(self, condition: str, *entries: Entry) -> bool | None:
        return truth(condition, enrolment(), builders.dose(), *entries, study=STUDY)

    def test_it_is_known_when_it_is_reported_and_not_before_its_time(self):
        assert self.asked("rna-5") is None
        assert self.asked("rna-5", sample(30)) is True
        assert self.asked("rna-5", sample(20)) is None
        assert self.asked("rna-5", builders.contact(43)) is False
        assert self.asked("rna-5", sample(30, action="record", revision=2),
                          builders.contact(43)) is True  # fmt: skip

    def test_a_result_settles_it_otherwise(self):
        assert self.asked("rna-5", sample(30), viral_load(35, 50)) is False
        assert self.asked("rna-5", sample(30), viral_load(45, 50)) is True

    def test_a_derived_parameter_is_not_done_where_what_it_is_of_is_not(self):
        assert self.asked("log-5", sample(30)) is True
        assert self.asked("index-5", weighed(30)) is True
        assert self.asked("index-5", sample(30)) is None

    def test_what_is_carried_forward_was_not_done_all_the_same(self):
        weight = [{"parameter": "weight", "result": "60"}]
        before = builders.contact(14, visit="day-14", measurements=weight)
        history = [enrolment(), builders.dose(), before, weighed(30), builders.contact(43)]
        assert truth("weight-5", *history, study=STUDY) is True

    def test_baselines_and_results_after_the_first_dose_have_their_own(self):
        assert self.asked("rna-baseline", sample(3)) is True
        assert self.asked("rna-baseline", sample(9)) is None
        assert self.asked("rna-worst", sample(9)) is True
        assert self.asked("rna-worst", sample(3)) is None

    def test_an_observation_of_the_parameter_is_a_report_too(self):
        observed = entry("observation.recorded", date=day(30), test="weight",
                         reason_not_done="In bed")  # fmt: skip
        assert self.asked("weight-5", observed) is True

    def test_it_is_no_value_and_no_contact(self):
        history = [enrolment(), builders.dose(), sample(30)]
        assert measured("week5-copies", *history, study=STUDY) is None
        seen = derive(*history, study=STUDY)
        assert seen.last_contact == seen.last_dose_day
        assert derive(sample(30, visit="week-5"), study=STUDY).recorded_visits == frozenset()
        assert not seen.undecided


def _reports(rng: random.Random, subject: str) -> Iterator[Entry]:
    yield enrolment(subject=subject)
    yield builders.dose(subject=subject)
    for at in rng.sample(range(9, 60), rng.randint(0, 4)):
        if rng.random() < 0.5:
            yield viral_load(at, rng.randint(20, 999), subject=subject)
        else:
            yield sample(at, subject=subject)


def _recounted(entries: list[Entry]) -> Mapping[str, tuple[int, int, int]]:
    """Count from the bodies as posted: numerator and denominator of not done, and n of values."""
    subjects: dict[str, list[tuple[str, str, bool]]] = {}
    for posted in entries:
        body = json.loads(posted.body)
        data = body["data"]
        at = data.get("collected") or data.get("start") or data["date"]
        subjects.setdefault(body["subject"], []).append(
            (at[:10], body["type"], "result" in data)
        )  # fmt: skip
    first, last = day(25), day(42)
    not_done = known = valued = 0
    for reports in subjects.values():
        samples = [report for report in reports if "lab.result" in report[1]]
        at_visit = [done for at, _, done in samples if first <= at <= last]
        over = any(at > last for at, kind, done in reports if done or "lab.result" not in kind)
        valued += any(at_visit)
        not_done += bool(at_visit) and not any(at_visit)
        known += bool(at_visit) or over
    return {"rna-5": (not_done, known, valued)}


@pytest.mark.parametrize("seed", range(5))
def test_the_table_counts_what_a_recount_of_the_events_gives(seed):
    rng = random.Random(seed)  # noqa: S311 (no secret)
    entries = [report for i in range(30) for report in _reports(rng, f"S-{i}")]
    rng.shuffle(entries)
    (table,) = tables_of(STUDY, entries).values()
    not_done, known, valued = _recounted(entries)["rna-5"]
    assert not_done, "nothing to count"
    counted = [builders.statistic(table, "rna-5", "total", name) for name in ("n", "N")]
    assert counted == [not_done, known]
    assert builders.statistic(table, "mean", "total", "n") == valued
    posted = [json.loads(report.body) for report in entries]
    missed = {body["subject"] for body in posted if body["data"].get("reason_not_done")}
    assert builders.statistic(table, "no-sample", "total", "n") == len(missed)
    assert builders.statistic(table, "status/NOT DONE", "total", "n") == len(missed)


def test_listings_show_it_with_why_beside_the_results():
    history = [enrolment(), builders.dose(), viral_load(2, 900), sample(30),
               sample(36, visit="week-5"), weighed(30), viral_load(14, 80)]  # fmt: skip
    rows = rows_of(listings_of(STUDY, history)["L"])
    assert [(row["PARAM"], row["AVISIT"], row["VISIT"], row["LBORRES"], row["AVAL"],
             row["LBSTAT"], row["LBREASND"]) for row in rows] == [
        ("RNA", "Not chosen for a visit", None, "900", 900, None, None),
        ("RNA", "Day 14", None, "80", 80, None, None),
        ("RNA", "Not chosen for a visit", None, None, None, "NOT DONE", "Tube broke"),
        ("RNA", "Week 5", "Week 5", None, None, "NOT DONE", "Tube broke"),
        ("Weight", "Week 5", "Week 5", None, None, "NOT DONE", "Scales broke"),
    ]  # fmt: skip
    done = rows_of(listings_of(STUDY, [*history, viral_load(35, 60)])["L"])
    assert [row["AVISIT"] for row in done if row["LBSTAT"] and row["PARAM"] == "RNA"] == [
        "Not chosen for a visit", "Not chosen for a visit"]  # fmt: skip
    plain = tiny()
    assert all(row["AVAL"] is not None for row in rows_of(listings_of(plain, history)["L3"]))


def test_erased_reasons_are_listed_so():
    erased = entry("subject.erased", record="erasure", reason="Asked to")
    rows = rows_of(listings_of(STUDY, [enrolment(), sample(30), weighed(30), erased])["L"])
    assert {row["LBREASND"] for row in rows} == {"[erased]"}


def test_discrepancies_do_not_mistake_it_for_a_result():
    history = [enrolment(), builders.dose(), viral_load(2, 900), sample(30), viral_load(40, 60)]
    ecg = entry("ecg.recorded", date=day(30), reason_not_done="Broken",
                measurements=[{"parameter": "weight", "not_done": True}])  # fmt: skip
    rows = rows_of(listings_of(STUDY, [*history, ecg])["DISCREPANCIES"])
    assert {row["RULE"] for row in rows}.isdisjoint({"limits-changed", "result-of-not-done"})


def test_why_somebody_is_in_the_number_names_the_record():
    explanations = Explanations(report.compiled(STUDY).rules)
    subject = derive(enrolment(), builders.dose(), sample(30), study=STUDY)
    evidence = list(explanations.condition("rna-5", subject))
    assert evidence[0].words == "RNA: reported as not done on 2015-07-01, record N-30"
    assert evidence[0].records == (("lab.result.reported", "N-30"),)
    assert evidence[1].words == "RNA: no value, not yet due"


@pytest.mark.parametrize(
    "row",
    [
        {"count": "rna-5"},
        {"count": {"all": ["enrolled", {"none": ["rna-5"]}]}},
        {"visits": ["day-7"], "count": {"measure": {"parameter": "weight"}, "not_done": True}},
        {"levels": {"characteristic": "why"}},
        {"count": {"characteristic": "why", "levels": ["Not done"]}},
    ],
)
def test_of_the_assessed_nothing_was_not_done(row):
    """Whoever has a value would be in the denominator, whoever has none in the numerator."""
    value = json.loads(STUDY.source)
    value["classes"] = {"why": {"label": "Why", "classes": [
        {"value": "Not done", "label": "Not done", "condition": "rna-5"},
        {"value": "Low", "label": "Low", "condition": "enrolled"}]}}  # fmt: skip
    value["tables"][0]["rows"] = [{"id": "row", "label": "Row", "denominator": "assessed"} | row]
    with pytest.raises(Rejected) as refused:
        checking.read_definition(json.dumps(value))
    (fault,) = refused.value.faults
    assert fault.pointer == "/tables/0/rows/0/denominator"
    assert "`not_done`" in fault.detail
