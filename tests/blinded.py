"""Blinded studies that ask for the arm in every way, and feeds that differ in arms alone."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import builders
from builders import adverse_event, disposition, dose, enrolment, entry, viral_load
from hypothesis import strategies as st
from parallel import TOTAL, A, B, parallel, randomised

from trial.definition.available_statistics import available_statistics, has_p_value
from trial.definition.figures import FIGURE_KINDS, INTERACTING, estimated
from trial.definition.outputs import MODELS_OF_MEANS, CellRef, Table, TableRow
from trial.definition.study import Study
from trial.events.envelope import Entry

_DRUG = {"recorded": "dose.administered", "where": {"treatment": "drug"}}
PARTS: Mapping[str, Any] = {
    "scales": {"own": {"label": "Own", "version": "1", "terms": {"rna": {
        "label": "RNA", "direction": "high", "by_unit": {"copies/mL": [
            {"grade": 3, "any": [{"times": "baseline", "more_than": 1}, {"at_least": 5000}]},
            {"grade": 1, "any": [{"more_than": 50, "sex": "F"}, {"more_than": 400}]}]}}}}},
    "parameters": {"rna-grade": {"label": "Grade", "unit": "grade", "grades": {
        "of": "viral-load", "scale": "own", "term": "rna", "baseline": "baseline"}}},
    "measures": {
        "worst-grade": {"parameter": "rna-grade", "after_first_dose": "highest"},
        "drug-doses": {"records": "dose.administered", "where": {"treatment": "drug"}},
        "doses": {"records": "dose.administered"},
        "extreme": {"parameter": "cd4", "after_first_dose": "farthest",
                    "at_visits": ["day-14", "week-5"]},
        "early": {"parameter": "cd4", "at": "day-14"},
        "late": {"parameter": "cd4", "at": "week-5"},
        "either": {"by_arm": {"a": "early", "b": "late"}, "label": "CD4"},
        "gap": {"difference": ["either", "late"]},
        "given": {"exposure": {"of": "cumulative-dose", "unit": "mg", "units": {"mL": "0.5"}}},
        "complied": {"exposure": {"of": "compliance", "unit": "mg", "planned_dose": 800}},
        "on-treatment": {"exposure": {"of": "duration", "interval": 7}},
        "on-the-drug": {"exposure": {"of": "duration", "treatment": "drug"}},
        "until-drug": {"days": {"start": "enrolment", "end": _DRUG}},
    },
    "conditions": {
        "in-a": {"characteristic": "arm", "levels": ["a"]},
        "not-a": {"none": ["in-a"]},
        "indirect": {"all": ["enrolled", {"any": ["not-a", "treated"]}]},
        "got-drug": _DRUG,
        "large": {"recorded": "dose.administered", "where": {"amount": ["800", "900"]}},
        "dosed": {"measure": "drug-doses", "at_least": 1},
        "ill-on-drug": {"adverse_event": {"treatment": "drug"}},
        "classed": {"characteristic": "by-dose", "levels": ["some"]},
        "in-state": {"characteristic": "by-condition", "levels": ["ill", "dosed"]},
        "late": {"characteristic": "by-arm-after-all", "levels": ["late"]},
        "grave": {"measure": "worst-grade", "at_least": 3},
        "gap-known": {"measure": "gap", "assessed": True},
        "low-twice": {"results": [{"parameter": "viral-load", "below": 1000},
                                  {"parameter": "cd4"}], "within_days": 30},
        "ill-and-low": {"results": [{"parameter": "viral-load", "below": 1000},
                                    {"adverse_event": {"treatment": "drug"}}], "within_days": 30},
        "not-done": {"measure": "week5-copies", "not_done": True},
        "concomitant": {"recorded": "conmed.recorded", "where": {"concomitant": True}},
        "statin": {"recorded": "conmed.recorded", "where": {"prior": True, "atc1": ["C", ""]}},
        "pump": {"recorded": "device-deficiency.reported", "where": {"device": "PUMP"}},
        "alarmed": {"recorded": "device-deficiency.reported", "where": {"category": "ALARM"}},
    },
    "classes": {
        "by-dose": {"label": "Doses", "measure": "drug-doses", "classes": [
            {"value": "none", "label": "None", "at_most": 0},
            {"value": "some", "label": "Some", "at_least": 1}]},
        "graded": {"label": "Worst grade", "measure": "worst-grade", "classes": [
            {"value": "0", "label": "0", "below": 1}, {"value": "1-2", "label": "1-2", "below": 3},
            {"value": "3", "label": "3", "at_least": 3}]},
        "load": {"label": "Load", "measure": {"parameter": "viral-load", "at": "week-5"},
                 "missing": "high", "classes": [
                     {"value": "low", "label": "Low", "below": 1000},
                     {"value": "high", "label": "High", "at_least": 1000}]},
        "by-condition": {"label": "State", "missing": "ill", "classes": [
            {"value": "ill", "label": "Ill", "condition": {
                "adverse_event": {"grade_at_least": 3}}},
            {"value": "better", "label": "Better", "condition": "low-twice"},
            {"value": "dosed", "label": "Dosed", "condition": {"all": [
                "treated", {"characteristic": "load", "levels": ["low"]}]}}]},
        "by-arm-after-all": {"label": "State", "classes": [
            {"value": "dosed", "label": "Dosed", "condition": "treated"},
            {"value": "late", "label": "Late", "condition": {"any": ["indirect", "dosed"]}}]},
    },
    "times": {
        "drug": {"label": "To drug", "start": "enrolment", "events": [_DRUG]},
        "dose": {"label": "To a dose", "start": "enrolment", "events": ["first-dose"]},
        "dose-or-death": {"label": "To a dose", "start": "enrolment", "events": ["first-dose"],
                          "competing": ["death", {"adverse_event": {"serious": True}}]},
        "dose-or-drug": {"label": "To no drug", "start": "enrolment", "events": ["death"],
                         "competing": [_DRUG]},
    },
    "sets": {
        "on-drug": {"label": "On drug", "condition": "got-drug"},
        "not-in-a": {"label": "Not in a", "condition": "not-a"},
    },
}  # fmt: skip

BANDS = {"label": "CD4", "measure": {"parameter": "cd4"}, "classes": [
    {"value": "low", "label": "Low", "below": 300}, {"value": "high", "label": "High",
                                                     "at_least": 300}]}  # fmt: skip
STATES = {"label": "State", "classes": [
    {"value": "low", "label": "Low", "condition": {"measure": {"parameter": "cd4"}, "below": 300}},
    {"value": "ill", "label": "Ill", "condition": {"adverse_event": {"grade": [3, 4]}}}],
}  # fmt: skip
ON_DRUG = {"label": "Drug", "classes": [
    {"value": "drug", "label": "Drug", "condition": {"adverse_event": {"treatment": "drug"}}}],
}  # fmt: skip
_GRADES = {"field": "grade", "levels": [{"value": str(i), "label": str(i)} for i in range(1, 5)]}
ROWS: Sequence[Mapping[str, Any]] = [
    *({"count": name} for name in (*PARTS["conditions"], "enrolled", "treated")),
    {"count": "enrolled", "where": "in-a"},
    {"count": "enrolled", "where": {"recorded": "subject.enrolled"}, "interval": True},
    {"levels": {"characteristic": "arm"}},
    {"levels": {"characteristic": "region"}},
    {"levels": {"characteristic": "region"}, "interval": {"method": "jeffreys"}},
    {"count": "treated", "interval": {"method": "wilson", "level": 0.9, "limits": "upper"}},
    {"levels": {"characteristic": "by-dose"}},
    {"levels": {"characteristic": "by-condition"}, "denominator": "assessed"},
    {"levels": {"characteristic": "by-arm-after-all"}, "interval": True},
    {"levels": {"characteristic": STATES}, "visits": ["day-14", "week-5"]},
    {"levels": {"characteristic": ON_DRUG}},
    {"cross": {"first": "by-condition", "second": "load", "missing": True}},
    {"shift": {"before": "by-condition", "after": STATES}, "visits": ["day-14"]},
    {"shift": {"before": "load", "after": "by-arm-after-all"}},
    {"count": "treated", "subgroups": {"characteristic": "by-condition"}},
    {"survival": {"time": "dose", "strata": ["by-condition"]}},
    {"survival": {"time": "dose", "hazard_ratio": {"covariates": ["by-condition"]}}},
    {"stratified": {"count": "treated", "strata": ["by-condition"]}},
    {"ancova": {"measure": "age", "factors": ["by-condition"]}},
    {"levels": {"recorded": "dose.administered", "field": "treatment"}},
    {"levels": {"recorded": "dose.administered", "where": {"lot": "L1"}, "field": "visit"}},
    {"levels": {"recorded": "subject.unblinded", "field": "reason"}},
    {"levels": {"recorded": "conmed.recorded", "field": "atc1", "where": {"concomitant": True}}},
    {"levels": {"recorded": "medical-history.reported", "field": "soc"}},
    {
        "record_terms": {
            "recorded": "conmed.recorded",
            "by": ["atc1", "preferred_name"],
            "where": {"concomitant": True},
        }
    },
    {"record_terms": {"recorded": "device-deficiency.reported", "by": ["category", "device"]}},
    {"record_terms": {"recorded": "device-deficiency.reported", "by": ["category"]}},
    {
        "record_terms": {
            "recorded": "adverse-event.reported",
            "by": ["grade", "serious"],
            "order": "difference",
            "order_by": "p",
        }
    },
    {"durations": {"filter": {}}, "statistics": ["n", "mean", "median"]},
    {"durations": {"filter": {"treatment": "drug"}, "of": "onset-day"}},
    {"resolution": {"filter": {}, "at": [5]}, "interval": {"method": "log", "level": 0.9}},
    {"resolution": {"filter": {"serious": False}, "occurrences": "first"}},
    {"resolution": {"filter": {"treatment": "drug"}}},
    {"resolution": {"filter": {}, "by": ["soc", "pt"], "occurrences": "first", "order_by": "a"}},
    {
        "resolution": {"filter": {}, "by": "pt", "order": "alphabetical"},
        "interval": {"limits": "upper"},
        "subgroups": {"characteristic": "region"},
    },
    {
        "record_terms": {
            "recorded": "dose.administered",
            "by": ["visit"],
            "where": {"treatment": "drug"},
        }
    },
    {"levels": {"recorded": "device-deficiency.reported", "field": "device"}},
    {"levels": {"recorded": "device-deficiency.reported", "field": "category"}},
    *({"summary": name, "statistics": ["mean", "sd"]} for name in (*PARTS["measures"], "age")),
    {"summary": "age", "statistics": ["median"], "joint": ["early"]},
    {
        "summary": "age",
        "interval": {"method": "z", "level": 0.9},
        "statistics": ["ci", "cv", "sum", "median_ci", "p5", "geometric_mean", "geometric_mean_ci"],
    },
    {
        "summary": "gap",
        "statistics": ["sum", "iqr", "geometric_cv"],
        "joint": ["age", "until-drug"],
    },
    {"summary": "until-drug", "statistics": ["sum"], "per": 365.25},
    {"summary": "doses", "statistics": ["sum"], "per": 7},
    {"pairs": ["dosed", "enrolled"]},
    {"pairs": ["treated", "enrolled"]},
    {"pairs": ["treated", "enrolled"], "interval": {"level": 0.9, "limits": "lower"}},
    {"not_due": "week5-responder"},
    {"not_due": "in-a"},
    {"count": "ill-and-low"},
    {"count": "not-done"},
    {"events": {"grouped": False}},
    {"count": "week5-responder", "where": "in-a"},
    {"count": "week5-responder", "denominator": "in-a"},
    {"count": "week5-responder", "denominator": "treated"},
    {"count": "week5-responder", "denominator": "assessed"},
    {"count": "week5-responder", "denominator": {"set": "on-drug"}},
    {"count": "week5-responder", "denominator": {"set": "treated"}},
    {"levels": {"characteristic": "load"}, "denominator": "assessed"},
    {"levels": {"recorded": "dose.administered", "field": "visit"}, "denominator": "assessed"},
    {"levels": {"characteristic": "load"}, "denominator": "column"},
    {"count": "week5-responder", "subgroups": {"characteristic": "region"}},
    {"count": "treated", "subgroups": {"characteristic": "arm"}},
    {"summary": "age", "statistics": ["median"], "subgroups": {"characteristic": "load"}},
    {"levels": {"characteristic": "load"}, "subgroups": {"characteristic": "by-dose"}},
    {
        "levels": {"characteristic": "load"},
        "subgroups": {"characteristic": "sex", "values": [{"value": "F", "label": "Female"}]},
    },
    {"events": {"emergent": True}, "subgroups": {"characteristic": "region"}},
    {"terms": {"filter": {}}, "subgroups": {"characteristic": "region"}},
    {"worst": {"filter": {}, **_GRADES}, "subgroups": {"characteristic": "load"}},
    {
        "shift": {"before": "load", "after": BANDS, "percent_of": "after", "missing": True},
        "visits": ["day-14", "week-5"],
        "subgroups": {"characteristic": "region"},
    },
    {
        "cross": {"first": "load", "second": "region", "percent_of": "column"},
        "subgroups": {"characteristic": "sex", "values": [{"value": "F", "label": "Female"}]},
    },
    {"cross": {"first": "sex", "second": "load"}, "subgroups": {"characteristic": "arm"}},
    {
        "incidence": {"filter": {}, "by": ["soc", "pt"], "order": "difference", "order_by": "p"},
        "subgroups": {"characteristic": "load"},
    },
    {"incidence": {"filter": {}}, "subgroups": {"characteristic": "by-dose"}},
    {
        "record_terms": {"recorded": "conmed.recorded", "by": ["atc1", "preferred_name"]},
        "subgroups": {"characteristic": "region"},
    },
    {"durations": {"filter": {}}, "subgroups": {"characteristic": "load"}},
    {"survival": {"time": "dose", "at": [7]}, "subgroups": {"characteristic": "region"}},
    {"pairs": ["treated", "enrolled"], "subgroups": {"characteristic": "load"}},
    {"pairs": ["dosed", "enrolled"], "subgroups": {"characteristic": "arm"}},
    {"not_due": "week5-responder", "subgroups": {"characteristic": "by-dose"}},
    {
        "stratified": {"count": "treated", "strata": ["region"]},
        "subgroups": {"characteristic": "sex", "values": [{"value": "F", "label": "Female"}]},
    },
    {
        "stratified": {"levels": "load", "strata": ["region"]},
        "subgroups": {"characteristic": "by-dose"},
    },
    {
        "stratified": {"measure": "age", "strata": ["region"]},
        "subgroups": {"characteristic": "arm"},
    },
    {"ancova": {"measure": "age", "factors": ["load"]}, "subgroups": {"characteristic": "region"}},
    {"ancova": {"measure": "age"}, "subgroups": {"characteristic": "by-dose"}},
    {
        "mmrm": {"measure": {"parameter": "viral-load"}, "covariance": "compound-symmetry"},
        "visits": ["day-14", "week-5"],
        "subgroups": {"characteristic": "sex", "values": [{"value": "F", "label": "Female"}]},
    },
    {"events": {"treatment": "drug"}},
    {"events": {}, "denominator": "in-a"},
    {"events": {"serious": False}, "of_records": True},
    {"events": {"grade": [2, 3]}, "of_records": {"emergent": True}, "denominator": "treated"},
    {"events": {}, "of_records": {"treatment": "drug"}},
    {
        "events": {"serious": False},
        "of_records": {"grade": [1, 2]},
        "subgroups": {"characteristic": "region"},
    },
    {"terms": {"filter": {"emergent": True}, "worst": _GRADES}, "of_records": True},
    {"terms": {"filter": {"scope": "broad"}, "by": ["group", "pt"]}, "of_records": True},
    {
        "record_terms": {"recorded": "conmed.recorded", "by": ["atc1", "preferred_name"]},
        "of_records": True,
    },
    {"terms": {"filter": {}, "by": "pt", "minimum_percent": 20}, "denominator": "treated"},
    {"worst": {"filter": {}, **_GRADES}, "denominator": {"set": "treated"}},
    {"events": {"emergent": True}},
    {"terms": {"filter": {"treatment": "drug"}}},
    {"terms": {"filter": {}, "worst": _GRADES}},
    {"terms": {"filter": {"onset_days": [1, 20]}, "by": ["hlt", "pt"], "order": "alphabetical"}},
    {"terms": {"filter": {"scope": "broad"}, "by": ["group", "llt"], "order_by": "total"}},
    {"terms": {"filter": {}, "by": "pt", "order": "difference", "order_by": "p"}},
    {"worst": {"filter": {"treatment": "drug"}, **_GRADES}},
    {"worst": {"filter": {}, **_GRADES}},
    {"shift": {"before": "by-dose", "after": "load"}},
    {"shift": {"before": "load", "after": "load"}},
    {"levels": {"characteristic": "graded"}, "subgroups": {"characteristic": "region"}},
    {"graded": "worst-grade", "interval": True},
    {"graded": {"parameter": "rna-grade"}, "visits": ["day-14", "week-5"]},
    {"graded": "doses", "where": {"recorded": "subject.enrolled"}},
    {"graded": "drug-doses"},
    {"graded": "worst-grade", "denominator": "assessed", "subgroups": {"characteristic": "region"}},
    {"shift": {"before": "load", "after": "graded", "missing": True}},
    {"cross": {"first": "graded", "second": "by-dose"}},
    {"shift": {"before": "load", "after": "load"}, "where": "in-a"},
    {
        "shift": {"before": "load", "after": BANDS, "percent_of": "column"},
        "visits": ["day-14", "week-5"],
        "where": {"measure": {"parameter": "viral-load"}, "below": 2000},
    },
    {"cross": {"first": "sex", "second": "load", "missing": True}, "where": "week5-below-50"},
    {
        "shift": {"before": "load", "after": BANDS, "percent_of": "before", "missing": True},
        "visits": ["day-14", "week-5"],
    },
    {
        "shift": {
            "before": "load",
            "after": {
                "label": "Drug",
                "measure": "drug-doses",
                "classes": [{"value": "some", "label": "Some", "at_least": 1}],
            },
        }
    },
    {"levels": {"characteristic": BANDS}, "visits": ["day-14"]},
    {"cross": {"first": "sex", "second": "region", "percent_of": "column", "missing": True}},
    {"cross": {"first": "load", "second": "region", "percent_of": "second"}},
    {"cross": {"first": "sex", "second": "arm"}},
    {"cross": {"first": "by-dose", "second": "sex", "zero_counts": True}},
    {"stratified": {"count": "treated", "strata": ["region"]}},
    {"stratified": {"levels": "load", "strata": ["region", "sex"]}},
    {
        "stratified": {
            "count": "treated",
            "strata": ["sex"],
            "contrast": "difference",
            "method": "miettinen-nurminen",
        },
        "interval": {"level": 0.9},
    },
    {"stratified": {"count": "enrolled", "strata": ["region"], "contrast": "odds-ratio"}},
    {"stratified": {"measure": "age", "strata": ["region", "by-dose"]}},
    {
        "logistic": {
            "count": "treated",
            "covariates": ["sex", "load"],
            "interaction": "sex",
            "test": "likelihood-ratio",
        },
        "interval": {"method": "profile"},
    },
    {"logistic": {"count": "enrolled", "covariates": ["by-dose"]}},
    {"survival": {"time": "drug"}},
    {"survival": {"time": "dose", "at": [7], "strata": ["region"]}},
    {"survival": {"time": "dose", "strata": ["by-dose"]}},
    {
        "survival": {
            "time": "dose",
            "strata": ["region"],
            "hazard_ratio": {"covariates": ["sex", "load"], "proportional_hazards": "rank"},
        }
    },
    {"survival": {"time": "dose", "hazard_ratio": {"continuous": ["age", "early"]}}},
    {"survival": {"time": "dose", "hazard_ratio": {"continuous": ["drug-doses"]}}},
    {
        "survival": {
            "time": "dose",
            "restricted_mean": {"to": [2, 9], "contrasts": ["ratio", "difference"]},
        }
    },
    {
        "survival": {
            "time": "dose-or-death",
            "at": [7],
            "strata": ["region"],
            "estimate": "cumulative-incidence",
            "hazard_ratio": True,
        }
    },
    {"survival": {"time": "dose-or-drug", "at": [7], "estimate": "cumulative-incidence"}},
    {
        "survival": {"time": "dose", "at": [3]},
        "interval": {"method": "plain", "level": 0.99, "limits": "upper"},
    },
    {"incidence": {"filter": {"treatment": "drug"}}},
    {"incidence": {"filter": {}}},
    {"incidence": {"filter": {}, "by": ["soc", "pt"], "order": "difference", "order_by": "p"}},
    {"incidence": {"filter": {"treatment": "drug"}, "by": "pt", "occurrences": "all"}},
    {"incidence": {"filter": {}, "by": ["group"], "occurrences": "all", "order_by": "total"}},
    {"ancova": {"measure": "age", "factors": ["region"], "interaction": "region"}},
    {"ancova": {"measure": "age"}, "interval": {"level": 0.9}},
    {
        "mmrm": {
            "measure": {"parameter": "viral-load"},
            "covariates": ["age"],
            "factors": ["sex"],
            "covariance": "ar1",
            "degrees_of_freedom": "kenward-roger",
        },
        "visits": ["day-14", "week-5"],
    },
    {
        "multiple_imputation": {
            "measure": {"parameter": "viral-load"},
            "covariates": ["age"],
            "factors": ["sex"],
            "method": "jump-to-reference",
            "reference": "b",
            "imputations": 2,
            "deltas": {"by_arm": {"a": ["0", "1.5"]}},
        },
        "visits": ["day-14", "week-5"],
    },
    {"event_rate": {"filter": {}, "covariates": ["region"], "interaction": "region"}},
    {"event_rate": {"filter": {"treatment": "drug"}, "distribution": "poisson"}},
    {},
]

_RECEIVED = [
    {**set_part, "id": f"{set_part['id']}-received", "set": "received"} for set_part in (A, B)
]
COLUMNS: Sequence[Mapping[str, Any]] = [
    A,
    B,
    *_RECEIVED,
    TOTAL,
    {"id": "treated", "label": "Treated", "set": "treated"},
    {"id": "in-a", "label": "In a", "set": "enrolled", "where": "in-a"},
    {"id": "on-drug", "label": "On drug", "set": "on-drug"},
    {"id": "women", "label": "Women", "set": "randomised", "arm": "a",
     "where": {"characteristic": "sex", "levels": ["F"]}},
    {"id": "a-late", "label": "Late", "under": "Drug", "set": "randomised", "arm": "a",
     "events": {"onset_days": [14, None]}},
    {"id": "b-late", "label": "Late", "under": "Placebo", "set": "randomised", "arm": "b",
     "events": {"onset_days": [14, None]}},
    {"id": "both", "label": "Severe", "set": "received", "arms": ["b", "a"],
     "events": {"grade": [3, 4]}},
    {"id": "under-drug", "label": "Under drug", "set": "enrolled", "events": {"treatment": "drug"}},
    {"id": "a-grave", "label": "Grade 3-4", "under": "Drug", "set": "randomised", "arm": "a",
     "worst": {"grade": [3, 4]}},
    {"id": "b-grave", "label": "Grade 3-4", "under": "Placebo", "set": "randomised", "arm": "b",
     "worst": {"grade": [3, 4]}},
    {"id": "mild", "label": "Mild", "set": "received", "arm": "a", "worst": {"grade": [2, 0]},
     "events": {"emergent": True}},
    {"id": "from-2", "label": "Grade 2 or more", "set": "enrolled", "worst": {"grade_at_least": 2}},
    {"id": "severe", "label": "Severe", "set": "received", "worst": {"severity": ["SEVERE"]}},
]  # fmt: skip

SOURCES: Mapping[str, Sequence[str]] = {
    "subjects": ["subject", "arm", "received-arm", "first-dose", "doses", "set:on-drug",
                 "condition:indirect", "class:by-dose", "class:load", "class:by-condition",
                 "class:by-arm-after-all", "measure:gap",
                 "characteristic:arm", "characteristic:region"],
    "subject.randomised": ["subject", "record", "date", "arm", "strata"],
    "subject.unblinded": ["subject", "date", "reason"],
    "dose.administered": ["subject", "record", "start", "treatment", "amount", "unit", "lot",
                          "start.study-day", "visit"],
    "adverse-event.reported": ["subject", "onset", "emergent", "treatment-at-onset",
                               "dose-at-onset", "days-since-last-dose"],
    "conmed.recorded": ["subject", "record", "prior", "concomitant", "atc1", "preferred_name",
                        "start", "arm"],
    "medical-history.reported": ["subject", "term", "soc", "start"],
    "device-deficiency.reported": ["subject", "date", "device", "lot", "category"],
    "discrepancies": ["subject", "record", "discrepancy", "detail"],
    "observations:viral-load": ["subject", "result", "value", "last:viral-load-log10",
                                "baseline:baseline", "change:baseline", "graded-value"],
}  # fmt: skip

_LISTED: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "": [{}, {"subjects": "indirect"}],
    "adverse-event.reported": [{}, {"events": {"treatment": "drug"}}, {"events": {"grade": 3}}],
    "observations:viral-load": [{}, {"out_of_range": True}, {"after_first_dose": True},
                                {"results": [{"parameter": "viral-load", "below": 1000}]}],
}  # fmt: skip
"""What a listing of records may show of them."""

_STAGES = [
    {"id": "one", "label": "One", "box": {"id": "all", "label": "All", "count": "enrolled"}},
    {"id": "two", "label": "Two", "by_arm": True,
     "box": {"id": "treated", "label": "Treated", "count": "treated"},
     "side": [{"id": "drug", "label": "Drug", "count": "got-drug"},
              {"id": "left", "label": "Left", "count": {"recorded": "disposition.recorded"},
               "reasons": {"characteristic": "arm"}}]},
    {"id": "three", "label": "Three", "box": {"id": "a", "label": "In a", "count": "in-a"}},
]  # fmt: skip
FLOW = {
    "title": "Flow",
    "stages": _STAGES,
    "identities": [
        {"total": "all", "parts": ["a", "drug"]},
        {"total": "all", "parts": ["treated"]},
    ],
}


_NARROWING = {"events", "worst"}
_FIGURES = {"summary": "waterfall", "survival": "survival", "terms": "dots"}


def listing(records: str, sources: Sequence[str], **options: Any) -> dict[str, Any]:
    columns = [
        {"id": f"C{i}", "label": source, "source": source} for i, source in enumerate(sources)
    ]
    name = records.replace(":", "-")
    base = {"id": name, "title": records, "population": "All", "records": records}
    return base | {"columns": columns} | options


def study_of(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[Mapping[str, Any]], **options: Any
) -> Study:
    """Load a blinded study with one table, whose every first cell is a figure."""
    names = {column["id"] for column in columns}
    arms = [
        column["arm"] for column in columns if "arm" in column and not column.keys() & _NARROWING
    ]
    fitting = [row for row in rows if _fits(row, arms)]
    identified = [{"label": f"Row {i}"} | _sorted(row, names) | {"id": f"r{i}"}
             for i, row in enumerate(fitting or [{"count": "treated"}])]  # fmt: skip
    subjects = [column["id"] for column in columns if "set" in column]
    table = Table.model_validate(
        {"id": "t", "title": "T", "population": "P", "columns": columns, "rows": identified}
    )
    key_results = [
        {"id": f"{row['id']}-{name}", "label": "Figure", "show": "n",
         "source": {"table": "t", "row": row["id"] + end, "column": name}}
        for row in identified
        for name in subjects
        for end in ["/x" if "terms" in row else "/" if "levels" in row else ""]
        if "n" in available_statistics(CellRef(table="t", row=row["id"] + end, column=name),
                                       [table])
    ]  # fmt: skip
    figures = [
        {"id": row["id"], "title": "Chart", "population": "All", "kind": _FIGURES[kind],
         "source": {"table": "t", "row": row["id"]}, "x_label": "X", "y_label": "Y"}
        for row in identified
        for kind in _FIGURES
        if kind in row and "sd" not in row.get("statistics", ())
        if not row.keys() & {"subgroups", "per"}
        if kind == "terms" or any(
            not column.keys() & {"events", "worst"} for column in columns if "set" in column
        )
    ]  # fmt: skip
    figures += _further_figures(table, figures)
    parts: dict[str, Any] = {
        "blinded": True,
        "flow": FLOW,
        "key_results": key_results,
        "listings": [],
    }
    parts["figures"] = figures if subjects else []
    return parallel(identified, columns, **(dict(PARTS) | parts | options))


def _fits(row: Mapping[str, Any], arms: Sequence[str]) -> bool:
    """Return whether each arm has one column, if a model needs that, and so has who it names."""
    imputing = row.get("multiple_imputation", {})
    named = {imputing.get("reference"), *imputing.get("deltas", {}).get("by_arm", {})} - {None}
    once = len(set(arms)) == len(arms) or not row.keys() & set(MODELS_OF_MEANS)
    return once and named <= set(arms)


def _figure(row: TableRow, kind: str, **source: Any) -> dict[str, Any]:
    base = {"id": f"{row.id}-{kind}", "title": kind, "population": "All", "kind": kind}
    return base | {"source": {"table": "t", "row": row.id} | source, "x_label": "", "y_label": ""}


def _further_figures(
    table: Table, figures: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Draw each row in all other ways that it can be drawn."""
    values = {figure["id"] for figure in figures if figure["kind"] == "waterfall"}
    for row in table.rows:
        if row.id in values:
            yield from (_figure(row, kind) for kind in ("box", "cumulative"))
        filled = any(row.fills(column) for column in table.columns if column.set is not None)
        recorded = row.levels is not None and row.levels.recorded is not None
        if row.kind in FIGURE_KINDS["stacked"] and row.subgroups is None and filled:
            yield from () if recorded else (_figure(row, "stacked"),)
        if row.joint and filled:
            marks = [{"label": str(i), "ends": i == 1} for i, _ in enumerate(row.joint)]
            yield _figure(row, "swimmer") | {"marks": marks}
        for column in table.columns:
            if row.kind in FIGURE_KINDS["forest"] and estimated(table, row, column):
                interacts = row.subgroups is not None and row.visits is None
                forest = _figure(row, "forest", columns=[column.id])
                yield forest | {
                    "id": f"{row.id}-{column.id}",
                    "interaction": interacts and row.kind in INTERACTING,
                }


def _sorted(row: Mapping[str, Any], columns: set[str]) -> Mapping[str, Any]:
    """Leave out what terms are sorted by where that column is not there."""
    unsorted = dict(row)
    for kind in ("terms", "record_terms", "incidence", "resolution"):
        if kind in row and row[kind].get("order_by", "") not in {"", *columns}:
            sorted_by = ("order", "order_by")
            unsorted[kind] = {
                name: part for name, part in row[kind].items() if name not in sorted_by
            }
    return unsorted


COMPARISONS: Sequence[Mapping[str, Any]] = [
    {"counts": "fisher"},
    {"counts": "newcombe"},
    {"counts": "exact", "contrast": "odds-ratio"},
    {"counts": "koopman", "contrast": "relative-risk", "interval": {"limits": "upper"}},
    {"means": "wilcoxon", "interval": {"level": 0.8}},
    {"means": "welch", "counts": "wald", "standard_error": True},
    {"means": "wilcoxon-exact"},
]
"""How a column compares two others."""
KEPT: Sequence[Mapping[str, Any]] = [
    {"count": "treated", "margin": {"lower": 0.5}, "subgroups": {"characteristic": "region"}},
    {"ancova": {"measure": "age"}, "margin": {"lower": -5, "upper": 5}},
    {"logistic": {"count": "treated"}, "margin": {"lower": 0.5}},
    {"stratified": {"count": "treated", "strata": ["region"], "contrast": "difference"},
     "margin": {"upper": 10, "alpha": 0.05}, "interval": {"level": 0.9}},
]  # fmt: skip
"""Rows with a margin, for tables in which a column compares two: the first by its `counts`."""


class Case:
    """A blinded study, and two feeds for it that differ in arms and treatments alone."""

    def __init__(
        self, study: Study, first_feed: Sequence[Entry], second_feed: Sequence[Entry]
    ) -> None:
        self.study = study
        self.first_feed = first_feed
        self.second_feed = second_feed

    def __repr__(self) -> str:
        table = json.loads(self.study.source)["tables"][0]
        feeds = (
            [(entry_.subject, entry_.kind, dict(entry_.data)) for entry_ in feed]
            for feed in self.feeds
        )
        return f"{table['columns']}\n{table['rows']}\n{'\n'.join(map(str, feeds))}"[:20_000]

    @property
    def feeds(self) -> tuple[Sequence[Entry], Sequence[Entry]]:
        return self.first_feed, self.second_feed


@st.composite
def cases(draw: st.DrawFn) -> Case:
    return Case(draw(_studies()), *draw(_feeds()))


@st.composite
def _studies(draw: st.DrawFn) -> Study:
    """Draw a blinded study of some rows, columns and listings."""
    columns = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, unique_by=lambda c: c["id"]))
    rows = draw(st.lists(st.sampled_from(ROWS), min_size=1, max_size=12))
    names = {column["id"] for column in columns}
    if {"a", "b"} <= names:
        rates = draw(st.sampled_from(["ratio", "difference"]))
        method = draw(st.sampled_from(COMPARISONS))
        compared = {"id": "p", "label": "P", "compare": ["a", "b"]}
        columns = [*columns, {**compared, "rates": rates, **method}]
        if "interval" not in method:
            usable = KEPT if "counts" in method and method["counts"] != "fisher" else KEPT[1:]
            rows += draw(st.lists(st.sampled_from(usable), max_size=2))
    of_subjects = sorted(
        column["id"] for column in columns if {"set", "events", "worst"} & column.keys() == {"set"}
    )
    by_column = {name: draw(st.sampled_from(["treated", "in-a"])) for name in of_subjects}
    rows = [*rows, *([{"count": by_column}] if by_column else [])]
    if not of_subjects:
        rows = [row for row in rows if "pairs" not in row] or [{"events": {}}]
    records = draw(st.lists(st.sampled_from(sorted(SOURCES)), unique=True))
    listings = [
        listing(record, SOURCES[record], **draw(st.sampled_from(_LISTED.get(record, _LISTED[""]))))
        for record in records
    ]
    reporting: dict[str, Any] = {"narratives": draw(_narratives(listings))}
    outputs = ["t", *(listing_["id"] for listing_ in listings)]
    reporting["consort"] = {"25": draw(st.permutations(outputs))}
    if order := draw(_orders(study_of(rows, columns))):
        method = draw(st.sampled_from([{}, {"procedure": "fixed-sequence"}, {"procedure": "holm"}]))
        reporting["testing"] = {
            "alpha": draw(st.sampled_from([0.05, 0.9])),
            "order": order,
            **method,
        }
    if draw(st.booleans()):
        reporting["completion"] = {
            "set": draw(st.sampled_from(["enrolled", "received", "on-drug"])),
            "condition": draw(st.sampled_from(["treated", "in-a", "indirect", "got-drug"])),
        }
    return study_of(rows, columns, listings=listings, **reporting)


def _narratives(listings: Sequence[Mapping[str, Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Draw narratives that show all that listings do, of whomever a condition says."""
    paragraphs = [
        {name: shown[name] for name in ("records", "events", "results", "out_of_range")
         if name in shown}
        | {"text": " ".join(f"{{{column['source']}}}[ or {{{column['source']}}}]"
                            for column in shown["columns"])}
        for shown in listings if shown["records"] != "discrepancies"
    ]  # fmt: skip
    if not paragraphs:
        return st.just([])
    shown = {"id": "n", "title": "N", "population": "All", "paragraphs": paragraphs}
    subjects = st.sampled_from(["enrolled", "indirect", "got-drug"])
    return subjects.map(lambda condition: [shown | {"subjects": condition}])


def _orders(study: Study) -> st.SearchStrategy[list[dict[str, str]]]:
    """Draw an order of some of a study's P values."""
    (table,) = study.definition.tables
    places = [
        {"table": "t", "row": row.id, "column": column.id}
        for row in table.rows
        for column in table.columns
        if has_p_value(CellRef(table="t", row=row.id, column=column.id), [table])
    ]
    return (
        st.lists(st.sampled_from(places), unique_by=lambda place: (place["row"], place["column"]))
        if (places)
        else st.just([])
    )


_ARMS, _TREATMENTS = st.sampled_from(["a", "b"]), st.sampled_from(["drug", "placebo"])
_AMOUNTS, _LOTS = st.sampled_from([800, 900, 5]), st.sampled_from(["L1", "L2", None])
_DEVICES = st.sampled_from(["PUMP", "SHAM"])
_RECORDS = st.sampled_from(["R1", "R2", "R3"])
_EVENTS = st.one_of(
    st.builds(lambda age, sex: enrolment(age=age, sex=sex), st.integers(18, 90),
              st.sampled_from("MF")),
    st.builds(lambda arm, record, study_day, region: randomised(
        arm, at=study_day, record=record, strata={"region": region}),
        _ARMS, _RECORDS, st.integers(1, 3), st.sampled_from(["north", "south"])),
    st.builds(lambda treatment, amount, study_day, record: dose(
        study_day, treatment=treatment, amount=amount, record=record),
        _TREATMENTS, _AMOUNTS, st.integers(5, 7), _RECORDS),
    st.builds(lambda record: entry("subject.unblinded", record=record, date=builders.day(20),
                                   reason="on drug"), _RECORDS),
    st.builds(viral_load, st.integers(0, 42), st.integers(1, 10**6)),
    st.builds(builders.cd4, st.sampled_from([14, 35]),
              st.integers(1, 900)),
    st.builds(lambda study_day, grade, severity: adverse_event(study_day, grade=grade, **severity),
              st.integers(0, 60), st.integers(1, 4),
              st.sampled_from([{}, {"severity": "MILD"}, {"severity": "SEVERE"}])),
    st.builds(disposition, st.integers(10, 60)),
    st.builds(lambda record, dates: entry("conmed.recorded", record=record, drug="x", **dates),
              _RECORDS, st.sampled_from([{}, {"start": "2015-06"}, {"start": builders.day(3)},
                                         {"end": builders.day(2)}])),
    st.builds(lambda record, code: entry(
        "conmed.coded", record="C", medication=record, dictionary="W", version="1",
        preferred_name="X", atc=[{"code": code}]), _RECORDS, st.sampled_from(["C10AA", "A10"])),
    st.builds(lambda record: entry("medical-history.reported", record=record, term="Asthma",
                                   start="2014"), _RECORDS),
    st.builds(lambda record, device, category: entry(
        "device-deficiency.reported", record=record, date=builders.day(9), device=device,
        category=category, description="It rang"),
        _RECORDS, _DEVICES, st.sampled_from(["ALARM", "OTHER"])),
)  # fmt: skip


@st.composite
def _feeds(draw: st.DrawFn) -> tuple[list[Entry], list[Entry]]:
    """Draw two feeds that differ in arms and treatments alone, in one order, with corrections."""
    pairs = []
    for i in range(draw(st.integers(1, 4))):
        revisions: dict[tuple[str, str], int] = {}
        for event in draw(st.lists(_EVENTS, min_size=1, max_size=10)):
            key = (event.kind, event.record)
            revision = revisions[key] = revisions.get(key, 0) + 1
            data = dict(event.data) | {"record": event.record}
            void = revision > 1 and draw(st.booleans())
            alternative = dict(data) if void else data | draw(_other(event.kind))
            if void:
                data = alternative = {"record": event.record, "action": "void"}
            revised = {"revision": revision}
            pairs.append(
                tuple(
                    _entry(event.kind, f"S-{i}", values | revised) for values in (data, alternative)
                )
            )
    order = draw(st.permutations(pairs))
    return [first for first, _ in order], [second for _, second in order]


def _entry(kind: str, subject: str, data: dict[str, Any]) -> Entry:
    return entry(
        kind, subject, **{name: value for name, value in data.items() if value is not None}
    )


@st.composite
def _other(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    match kind:
        case "subject.randomised":
            return {"arm": draw(_ARMS)}
        case "dose.administered":
            unit = draw(st.sampled_from(["mg", "mL"]))
            values = {"treatment": draw(_TREATMENTS), "amount": draw(_AMOUNTS), "unit": unit}
            values |= {
                "planned": draw(st.sampled_from([None, 800])),
                "adjustment": draw(st.sampled_from([None, "TOXICITY"])),
            }
            return values | {"lot": draw(_LOTS)}
        case "device-deficiency.reported":
            return {"device": draw(_DEVICES), "lot": draw(_LOTS)}
        case "subject.unblinded":
            return {"reason": draw(st.sampled_from(["on drug", "on placebo, as it turned out"]))}
        case _:
            return {}
