"""Whatever is wrong with a definition, it is refused where it is wrong and nothing breaks."""

import json
from collections.abc import Iterator
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from parallel import TOTAL, A, B, parallel
from pydantic import TypeAdapter

from trial.definition import Definition
from trial.errors import FieldError, Rejected
from trial.events import envelope, field_errors, payloads
from trial.tables import checking

LEVELS = [{"value": "1", "label": "Mild"}, {"value": "2", "label": "Worse"}]
WHOLE: dict[str, Any] = json.loads(
    parallel(
        [
            {"id": "count", "count": "enrolled", "where": {"any": ["treated", "enrolled"]},
             "interval": {"method": "wilson", "level": 0.9, "limits": "lower"}},
            {"id": "by-column", "count": {"a": "enrolled", "b": {"none": ["treated"]}},
             "denominator": {"set": "treated"}},
            {"id": "assessed", "count": "day14-responder", "denominator": "assessed"},
            {"id": "graded", "graded": "worst", "denominator": "assessed"},
            {"id": "levels", "levels": {"characteristic": "group"}, "interval": True},
            {"id": "lasting", "statistics": ["median", "ci"], "decimals": 1, "durations": {
                "filter": {"serious": True}, "of": "onset-day"}},
            {"id": "in-percent", "events": {"serious": True}, "of_records": {"emergent": True}},
            {"id": "resolving", "resolution": {"filter": {}, "occurrences": "first", "at": [7]}},
            {"id": "resolved-by", "interval": {"method": "plain"}, "resolution": {
                "filter": {"serious": True}, "by": ["soc", "pt"], "order_by": "a", "chunks": 2}},
            {"id": "record-terms", "record_terms": {
                "order_by": "a",
                "recorded": "medical-history.reported", "by": ["soc", "pt"],
                "where": {"ongoing": True}, "order": "frequency", "minimum_percent": 5},
             "of_records": True},
            {"id": "classes", "levels": {"recorded": "conmed.recorded", "field": "atc2",
                                         "where": {"concomitant": True}}},
            {"id": "summary", "summary": "days", "decimals": {"mean": 1, "cv": 2},
             "statistics": ["mean", "ci", "cv", "sum", "p95", "median_ci", "geometric_mean_ci"],
             "interval": {"method": "z"}, "per": 365.25},
            {"id": "together", "summary": "days", "joint": ["days", "age"]},
            {"id": "visits", "summary": {"parameter": "cd4"}, "visits": ["day-7"]},
            {"id": "pairs", "pairs": ["enrolled", "treated"], "column": "a",
             "interval": {"level": 0.9, "limits": "lower"}},
            {"id": "not-due", "not_due": {"a": "day14-responder"}},
            {"id": "shift", "shift": {"before": "group", "after": "group"}},
            {"id": "shifts", "visits": ["day-7"], "where": {
                "measure": {"parameter": "weight"}, "at_least": 50}, "shift": {
                "before": "group", "percent_of": "before", "missing": True, "after": {
                    "label": "CD4", "measure": {"parameter": "cd4"}, "classes": [
                        {"value": "low", "label": "Low", "below": 200}]}}},
            {"id": "subgroups", "count": "treated", "subgroups": {"characteristic": "group"}},
            {"id": "rates-of", "incidence": {"filter": {}, "by": ["pt"]},
             "subgroups": {"characteristic": "region"}},
            {"id": "states", "visits": ["day-7"], "levels": {"characteristic": {
                "label": "CD4", "classes": [{"value": "low", "label": "Low", "condition": {
                    "measure": {"parameter": "cd4"}, "below": 200}}]}}},
            {"id": "cross", "cross": {"first": "sex", "second": "group", "zero_counts": True}},
            {"id": "worst", "worst": {"filter": {}, "field": "grade", "levels": LEVELS}},
            {"id": "terms", "terms": {"filter": {"groups": ["Rash (pooled)"]}, "pooled": True}},
            {"id": "more", "terms": {"filter": {}, "minimum_excess": {
                "column": "a", "over": "b", "percent": 2}}},
            {"id": "by-group", "terms": {
                "filter": {"scope": "broad", "grade": [3, 4], "onset_days": [1, None]},
                "by": ["group", "hlgt", "pt"], "order": "difference", "order_by": "p"}},
            {"id": "stratified", "stratified": {"count": "enrolled", "strata": ["region"]}},
            {"id": "in-strata", "stratified": {"levels": "group", "strata": ["region"]}},
            {"id": "kept", "count": "treated", "margin": {"lower": 0.5, "upper": 2}},
            {"id": "ranks", "stratified": {"measure": "age", "strata": ["region"]}},
            {"id": "common", "interval": {"level": 0.9}, "stratified": {
                "count": "enrolled", "strata": ["region"], "contrast": "difference",
                "method": "newcombe"}},
            {"id": "incidence", "incidence": {"filter": {"serious": True}}},
            {"id": "rates", "interval": {"level": 0.9}, "incidence": {
                "filter": {}, "by": ["soc", "pt"], "occurrences": "all", "per": 10,
                "order": "frequency", "order_by": "a"}},
            {"id": "survival", "survival": {"time": "left", "at": [10], "strata": ["group"],
                "hazard_ratio": {"covariates": ["sex"], "continuous": ["age"],
                                 "ties": "breslow", "test": "score",
                                 "proportional_hazards": "log", "decimals": 3},
                "restricted_mean": {"to": [9], "contrasts": ["ratio"], "decimals": 2}},
             "interval": {"method": "log", "level": 0.8}},
            {"id": "incidence-of", "survival": {
                "time": "ill", "at": [9], "estimate": "cumulative-incidence"}},
            {"id": "mmrm", "visits": ["day-7", "week-5"], "decimals": 1, "mmrm": {
                "measure": {"parameter": "cd4"}, "covariates": ["age"], "factors": ["sex"],
                "by_visit": "all", "covariance": "toeplitz", "weights": "observed"}},
            {"id": "repeated", "visits": ["day-7", "week-5"], "mmrm": {
                "measure": {"parameter": "cd4"}, "covariance": "ar1",
                "degrees_of_freedom": "kenward-roger"}},
            {"id": "imputed", "visits": ["day-7", "week-5"], "multiple_imputation": {
                "measure": {"parameter": "cd4"}, "covariates": ["age"], "factors": ["sex"],
                "method": "copy-reference", "reference": "a", "imputations": 3,
                "weights": "observed",
                "deltas": {"by_arm": {"b": [0, 4], "a": [1]}, "alpha": 0.1}}},
            {"id": "logistic", "interval": {"method": "profile", "level": 0.9}, "logistic": {
                "count": "enrolled", "covariates": ["sex", "group"], "interaction": "sex",
                "test": "likelihood-ratio", "decimals": 3}},
            {"id": "event-rate", "interval": {"limits": "lower"}, "event_rate": {
                "filter": {}, "covariates": ["region"], "interaction": "region", "per": 2,
                "distribution": "poisson", "test": "wald", "decimals": 1}},
            {"id": "ancova", "ancova": {
                "measure": "age", "covariates": ["days"], "factors": ["site"],
                "pool": {"site": {"set": "randomised", "minimum": 3}},
                "scores": {"a": 0, "b": 1}, "interaction": "site"}},
        ],
        [A, B, TOTAL, {"id": "p", "label": "P", "compare": ["a", "b"], "rates": "ratio"},
         {"id": "d", "label": "D", "compare": ["a", "b"], "means": "t", "standard_error": True,
          "interval": {"level": 0.9, "limits": "upper"}},
         {"id": "risk", "label": "Risk", "compare": ["a", "b"], "counts": "koopman",
          "contrast": "relative-risk", "means": "wilcoxon-corrected"},
         {"id": "grave", "label": "Grave", "under": "Both", "set": "randomised",
          "arms": ["a", "b"], "events": {"grade": [3, 4], "scope": "broad"}},
         {"id": "worse", "label": "Worse", "set": "randomised", "worst": {"grade": [2, 4]}},
         {"id": "from-3", "label": "3", "set": "randomised", "worst": {"grade_at_least": 3}},
         {"id": "severe", "label": "S", "set": "randomised", "worst": {"severity": ["SEVERE"]}}],
        conditions={
            "liver": {"results": [{"parameter": "cd4", "at_least": 3, "where": {"method": "A"}},
                                  {"parameter": "weight", "below": 90}],
                      "within_days": 30, "in_order": True, "days_after_last_dose": 7},
            "traced": {"measure": {"parameter": "found", "at": "week-5"}, "more_than": "Trace"}},
        parameters={
            "bmi": {"label": "BMI", "unit": "kg/m2", "formula": "weight / (cd4 / 100) ^ 2",
                    "carried": ["cd4"], "together": "visit", "replicates": "mean", "places": 1},
            "limits": {"label": "L", "unit": "1", "at_visits": ["day-7"],
                       "formula": "round(cd4, 1) / upper(cd4) - previous(bmi)"},
            "low": {"label": "Low", "unit": "x LLN", "lower_limits_of": "cd4"},
            "grade": {"label": "Grade", "unit": "grade", "grades": {
                "of": "cd4", "scale": "own", "term": "low", "baseline": "baseline"}},
            "found": {"label": "Found", "unit": "1", "below_quantification": "missing",
                      "texts": {"Not detected": "<lloq", "Trace": "1"}},
            "warm": {"label": "Warm", "unit": "C", "units": {"F": "(x - 32) * 5 / 9"}},
        },
        measures={
            "extreme": {"parameter": "cd4", "after_first_dose": "farthest", "tie": "later",
                        "at_visits": ["day-7", "week-5"]},
            "days": {"days": {"start": "first-dose", "end": {"recorded": "death.reported"}}},
            "doses": {"records": "dose.administered", "where": {"treatment": ["drug"]}},
            "intensity": {"exposure": {"of": "relative-dose-intensity", "unit": "mg",
                                       "units": {"g": 1000}, "interval": 14,
                                       "planned_dose": 800, "treatment": "drug"}},
            "taken": {"records": "conmed.recorded", "where": {"prior": "True"}},
            "worst": {"parameter": "grade", "after_first_dose": "highest"},
            "arms": {"by_arm": {"a": "age", "b": "age"}},
            "both": {"difference": ["age", "score"]},
        },
        scales={"own": {
            "label": "Own", "version": "1", "source": "Protocol", "synonyms": {"cells/uL": "/uL"},
            "terms": {"low": {
                "label": "Low", "direction": "low", "assumed": "x", "only": {"age_at_least": 1},
                "by_unit": {"/uL": [
                    {"grade": 3, "any": [{"below": 50, "sex": "F", "baseline": "not-low"}]},
                    {"grade": 1, "any": [{"times": "baseline", "below": 1, "also": {
                        "beyond": "lower-limit", "at_most": -1}}]}]}}}}},
        classes={"group": {"label": "Group", "measure": "age", "missing": "old", "classes": [
            {"value": "young", "label": "Young", "below": 40},
            {"value": "old", "label": "Old", "at_least": 40}]},
            "state": {"label": "State", "missing": "rest", "classes": [
                {"value": "ill", "label": "Ill", "condition": {"adverse_event": {
                    "grade_at_least": 3}}},
                {"value": "dosed", "label": "Dosed", "condition": "treated"},
                {"value": "rest", "label": "Rest", "condition": {"none": ["treated"]}}]}},
        estimands=[{
            "id": "odds", "label": "Odds", "population": "randomised", "treatment": "Drug",
            "source": {"table": "t", "row": "logistic", "column": "p"}, "variable": "Response",
            "intercurrent_events": [{"event": "Rescue", "strategy": "composite",
                                     "handling": "Counts as none"}],
            "summary": "Odds ratio"}],
        testing={
            "alpha": 0.05, "order": [{"table": "t", "row": "kept", "column": "risk"}],
            "procedure": "fixed-sequence",
            "spending": {"function": "pocock", "planned": 90, "information": {
                "table": "t", "row": "stratified", "column": "a"}},
            "looks": [{"id": "first", "label": "First", "information": 45},
                      {"id": "final", "label": "Final"}]},
        listings=[
            {"id": "high", "title": "H", "population": "P", "records": "observations:cd4",
             "results": [{"parameter": "cd4", "more_than": 5}], "out_of_range": True,
             "columns": [{"id": "S", "label": "S", "source": "subject"}]},
            {"id": "grave", "title": "G", "population": "P", "records": "adverse-event.reported",
             "events": {"grade": [3, 4]}, "columns": [{"id": "S", "label": "S", "source": "pt"}]}],
        medications={"dictionary": "W", "prior": "ended-before", "days_after_last_dose": 3},
        times={"left": {"label": "Left", "start": "randomisation",
                        "events": ["death", {"parameter": "cd4", "below": 10}]},
               "ill": {"label": "Ill", "start": "randomisation", "competing": ["death"],
                       "events": [{"adverse_event": {}}]}},
    ).source
)  # fmt: skip

Path = tuple[str | int, ...]


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """List where everything in a definition stands."""
    yield path
    for name, inner in (
        value.items()
        if isinstance(value, dict)
        else enumerate(value) if isinstance(value, list) else ()
    ):  # fmt: skip
        yield from places(inner, (*path, name))


PLACES = list(places(WHOLE))


def place_of(field: str) -> Path:
    """Return the first place of a field in a row."""
    return next(path for path in PLACES if path[-1:] == (field,) and path[2:3] == ("rows",))


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 100), st.text(max_size=3), st.just([]), st.just({}),
    st.sampled_from(["a", "age", "enrolled", "day-7", "treated", "group", "subject.enrolled"]),
    st.sampled_from(PLACES[1:]).map(lambda path: found(WHOLE, path)),
)  # fmt: skip


def found(value: Any, path: Path) -> Any:
    for name in path:
        value = value[name]
    return value


def changed(path: Path, value: Any, *, leave_out: bool) -> Any:
    """Put a value at a place of the definition, or leave out what stands there."""
    whole = deepcopy(WHOLE)
    if not path:
        return value
    inside = found(whole, path[:-1])
    if leave_out:
        del inside[path[-1]]
    else:
        inside[path[-1]] = deepcopy(value)
    return whole


def faults(whole: Any) -> tuple[FieldError, ...]:
    try:
        checking.read_definition(json.dumps(whole))
    except Rejected as refused:
        return refused.faults
    return ()


def pointed(whole: Any, pointer: str) -> bool:
    """Say whether a pointer leads to something that is there, or that is lacking there."""
    *parts, last = pointer.split("/")[1:] or [""]
    for part in (part.replace("~1", "/") for part in parts):
        if isinstance(whole, list):
            whole = whole[int(part)]
        elif part in whole:
            whole = whole[part]
        else:
            return False
    return bool(last) or not parts


@pytest.mark.parametrize(
    ("path", "value", "detail"),
    [
        (("desing",), "parallel", "is not a field here"),
        (("tables", 0, "rows", 0, "lable"), "A", "is not a field here"),
        (("arms", 0, "id"), "a b", field_errors.PATTERNS[field_errors.NAME]),
        (("sets", "a b"), {"label": "A", "condition": "enrolled"},
         field_errors.PATTERNS[field_errors.NAME]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_words(path, value, detail):
    whole = deepcopy(WHOLE)
    found(whole, path[:-1])[path[-1]] = value
    assert any(detail in fault.detail for fault in faults(whole))


def patterns(schema: Any) -> Iterator[str]:
    """List the patterns that a schema has, of values and of names."""
    for name, inner in schema.items() if isinstance(schema, dict) else enumerate(schema):
        if name == "pattern" and isinstance(inner, str):
            yield inner
        elif name == "patternProperties":
            yield from inner
        if isinstance(inner, dict | list):
            yield from patterns(inner)


@pytest.mark.parametrize(
    "model",
    [Definition, envelope.Envelope, *map(payloads.model_of, payloads.KINDS)],
    ids=lambda test: test.__name__,
)
def test_every_pattern_has_its_words(model):
    of_numbers = set(patterns(TypeAdapter(Decimal).json_schema()))  # as text; never complained of
    assert set(patterns(model.model_json_schema())) - of_numbers <= field_errors.PATTERNS.keys()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(path=st.sampled_from(PLACES), value=VALUES, leave_out=st.booleans())
@example(path=("visits", 0, "window"), value=[1], leave_out=False)
@example(path=("measures", "arms", "by_arm"), value={}, leave_out=False)
@example(path=("classes", "group"), value=5, leave_out=False)
@example(path=place_of("visits"), value=5, leave_out=False)
@example(path=place_of("restricted_mean"), value=True, leave_out=False)
@example(path=place_of("by_arm"), value={"a": 5}, leave_out=False)
@example(path=place_of("field"), value=[], leave_out=False)
def test_any_one_change_is_taken_or_refused_where_something_stands(path, value, leave_out):
    whole = changed(path, value, leave_out=leave_out)
    for fault in faults(whole):
        assert pointed(whole, fault.pointer), fault
        assert fault.detail
