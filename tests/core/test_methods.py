"""Methods say in words what the definition says: each form, each field, of each shipped study."""

import json
from copy import deepcopy
from functools import cache
from typing import Any, get_args

import builders
import pytest
from builders import TINY
from parallel import PARALLEL
from pydantic import BaseModel

from local.feed import read_definition
from trial.definition import Definition, reporting, study
from trial.definition.conditions import (
    CONDITION_FORMS,
    MEASURE_FORMS,
    AdverseEventFilter,
    AdverseEvents,
    AnalysisSet,
    Class,
    Classes,
    Coincident,
    Condition,
    DateRef,
    EventDate,
    Measure,
    RecordDate,
    ResultDate,
    ResultFilter,
    Span,
    TermGroup,
    TimeToEvent,
)
from trial.definition.design import Arm, Baseline, Characteristic, Parameter, Period, Visit
from trial.definition.estimands import Estimand, IntercurrentEvent
from trial.definition.exposure import Exposure
from trial.definition.figures import FIGURE_KINDS
from trial.definition.flow import FlowBox, FlowStage
from trial.definition.grading import (
    Comparison,
    Criterion,
    GradedTerm,
    GradeRule,
    Grades,
    Premise,
    Scale,
)
from trial.definition.intervals import IntervalDefinition
from trial.definition.medications import Medications
from trial.definition.narratives import NarrativeDefinition, Paragraph
from trial.definition.outputs import (
    ROW_KINDS,
    Ancova,
    Cross,
    Deltas,
    Durations,
    EventRate,
    HazardRatio,
    Incidence,
    KeyResultDefinition,
    Levels,
    ListingDefinition,
    Logistic,
    MarginDefinition,
    Mmrm,
    MultipleImputation,
    Pooling,
    RecordTerms,
    Resolution,
    RestrictedMean,
    SetDenominator,
    Shift,
    Statistic,
    Stratified,
    Subgroups,
    Survival,
    TableColumn,
    TableRow,
    Terms,
    WorstGrade,
    WorstRow,
)
from trial.definition.summary_statistics import SUMMARY_STATISTICS
from trial.events.payloads import KINDS
from trial.reporting.methods import methods
from trial.reporting.methods.rows import Rows
from trial.reporting.methods.wording import DATES, RECORDS, Wording
from trial.subject.cut_spec import LIVE_SPEC

_FILTER = {"emergent": True, "related": True}
_LEVELS = [{"value": "MILD", "label": "Mild"}, {"value": "SEVERE", "label": "Severe"}]
_RATE = {"below": 50, "measure": {"parameter": "viral-load"}}
WHOLE: dict[str, Any] = deepcopy(dict(TINY)) | deepcopy(PARALLEL)
WHOLE["visits"][1]["schedule"] = "own"
WHOLE["characteristics"]["score"]["places"] = 2
WHOLE["parameters"]["viral-load"]["places"] = 2
WHOLE["parameters"]["made"] = {
    "label": "Made", "unit": "u", "formula": "cd4 / upper(cd4) + weight", "carried": ["weight"],
}  # fmt: skip
WHOLE["parameters"] |= {
    "grade": {"label": "Grade", "unit": "grade", "grades": {
        "of": "cd4", "scale": "own", "term": "low", "baseline": "baseline"}},
    "multiple": {"label": "Multiple", "unit": "grade", "grades": {
        "of": "cd4", "scale": "own", "term": "other"}},
}  # fmt: skip
_RULES = [
    {"grade": 4, "any": [
        {"below": 50, "baseline": "not-low", "also": {"times": "lower-limit", "below": 1}}]},
    {"grade": 2, "any": [{"beyond": "baseline", "at_most": -90, "also": {"below": 300}}]},
]  # fmt: skip
_OTHER_RULES = [{"grade": 1, "any": [{"times": "upper-limit", "more_than": 2}]}]
_TERMS = {
    "low": {"label": "Low", "direction": "low", "by_unit": {"count": _RULES},
            "only": {"age_at_least": 1}},
    "other": {"label": "Other", "direction": "low", "any_unit": _OTHER_RULES},
}  # fmt: skip
WHOLE["scales"] = {
    name: {"label": name, "version": "1", "synonyms": {"cells/uL": "count"}, "terms": _TERMS}
    for name in ("own", "next")
}
WHOLE |= {
    "measures": WHOLE["measures"] | {
        "lowest": {"parameter": "cd4", "after_first_dose": "lowest"},
        "farthest": {"parameter": "cd4", "after_first_dose": "farthest"},
        "percent": {"parameter": "cd4", "at": "week-5", "percent_change_from": "baseline"},
        "change": {"parameter": "cd4", "at": "week-5", "change_from": "baseline"},
        "doses": {"records": "dose.administered", "where": {"treatment": "drug"}},
        "given": {"exposure": {"of": "planned-dose", "unit": "mg"}, "label": "Given"},
        "kept": {"exposure": {"of": "dose-intensity", "unit": "mg"}, "label": "Kept"},
        "stay": {"days": {"start": "enrolment", "end": "last-contact"}, "label": "Stay"},
        "either": {"by_arm": {"a": "score", "b": "age"}},
        "less": {"difference": ["score", "age"]},
    },
    "classes": {"ages": {"label": "Ages", "measure": "age", "missing": "old",
                         "classes": [{"value": "young", "label": "Young", "below": 50},
                                     {"value": "old", "label": "Old", "at_least": 50}]},
                "states": {"label": "States", "classes": [
                    {"value": "ill", "label": "Ill", "condition": "sick"},
                    {"value": "new", "label": "New", "condition": {"none": ["sick"]}}]}},
    "times": {"fall": {"label": "To a fall", "start": "randomisation",
                       "events": [{"parameter": "cd4", "below": 50},
                                  {"recorded": "visit.missed", "where": {"visit": "day-7"}},
                                  {"adverse_event": {"emergent": True}}],
                       "censored": ["end-of-study"]}},
    "conditions": WHOLE["conditions"] | {
        "taking": {"recorded": "conmed.recorded", "where": {"concomitant": "True"}},
        "early": {"recorded": "dose.administered", "where": {"treatment": "drug"},
                  "period": "control"},
        "sick": {"adverse_event": {
            "emergent": True, "related": False, "serious": True, "grade": 3, "grade_at_least": 2,
            "severity": ["MILD"], "seriousness": "DEATH", "action_taken": "DRUG WITHDRAWN",
            "outcome": "FATAL", "treatment": "drug", "groups": ["Rash (pooled)"],
            "scope": "narrow", "terms": ["Headache"], "onset_days": [1, 28]}},
        "young": {"characteristic": "ages", "levels": ["young"]},
        "mixed": {"any": ["early", {"all": ["sick", "young"]}, "liver", "sample", "lost"]},
        "no": {"none": ["early"]},
        "bounded": {"measure": "age", "at_least": 1, "at_most": 9, "more_than": 0, "below": 10},
        "lost": {"measure": {"parameter": "cd4", "at": "baseline"}, "assessed": True},
        "seen": {"measure": "age", "assessed": True},
        "liver": {"results": [{"parameter": "cd4", "at_least": 3}, {"parameter": "weight"},
                              {"adverse_event": {"serious": True}}],
                  "within_days": 30},
        "sample": {"results": [{"parameter": "cd4"}, {"parameter": "weight"}]},
    },
    "medications": {},
    "adverse_events": TINY["adverse_events"] | {
        "dictionary": "MedDRA 27", "grading": "CTCAE 5", "missing_causality": "related",
        "missing_onset": "emergent"},
    "tables": [{"id": "t", "title": "T", "population": "P", "columns": [
        {"id": "a", "label": "A", "set": "randomised", "arm": "a", "where": "young"},
        {"id": "b", "label": "B", "set": "received", "arm": "b"},
        {"id": "p", "label": "Against", "compare": ["a", "b"], "counts": "fisher", "means": "t"},
        {"id": "both", "label": "Serious", "under": "Both", "set": "randomised",
         "arms": ["a", "b"], "events": {"serious": True}},
        {"id": "worst", "label": "4", "set": "randomised", "worst": {"grade": [4]}},
        {"id": "from", "label": "2", "set": "randomised", "worst": {"grade_at_least": 2}},
        {"id": "mild", "label": "Mild", "set": "randomised", "worst": {"severity": ["MILD"]}},
        {"id": "up", "label": "Up", "set": "randomised",
         "worst": {"severity_at_least": "MODERATE"}},
        {"id": "odds", "label": "Odds", "compare": ["a", "b"], "counts": "wald",
         "contrast": "odds-ratio"},
        {"id": "error", "label": "E", "compare": ["a", "b"], "counts": "wald"},
    ], "rows": [
        {"id": "count", "label": "Count", "count": {"a": "bounded"}, "where": "seen",
         "interval": {"method": "wald"}},
        {"id": "visits", "label": "Visits", "count": _RATE, "visits": ["day-7"],
         "denominator": {"set": "treated"}},
        {"id": "levels", "label": "Levels", "levels": {
            "recorded": "death.reported", "where": {"related": "True"}, "field": "cause",
            "values": [{"value": "x", "label": "X"}]}},
        {"id": "sexes", "label": "Sexes", "levels": {"characteristic": "sex"},
         "subgroups": {"characteristic": "ages"}},
        {"id": "summary", "label": "Summary", "summary": "change", "statistics": ["mean"]},
        {"id": "pairs", "label": "Pairs", "pairs": ["early", "no"]},
        {"id": "due", "label": "Due", "not_due": "mixed"},
        {"id": "events", "label": "Events", "events": _FILTER},
        {"id": "terms", "label": "Terms", "terms": {
            "filter": _FILTER, "by": "pt", "pooled": True, "minimum_percent": 5,
            "minimum_excess": {"column": "a", "over": "b", "percent": 3},
            "worst": {"field": "severity", "levels": _LEVELS}}},
        {"id": "worst", "label": "Worst", "worst": {
            "filter": _FILTER, "field": "severity", "levels": _LEVELS}},
        {"id": "shift", "label": "Shift", "shift": {"before": "ages", "after": "ages"}},
        {"id": "stratified", "label": "Stratified", "stratified": {
            "count": "early", "strata": ["region"]}},
        {"id": "ancova", "label": "Model", "ancova": {
            "measure": "change", "covariates": ["age"], "factors": ["region"],
            "pool": {"region": {"set": "randomised", "minimum": 3}}, "weights": "equal",
            "scores": {"a": 1, "b": 2}}},
        {"id": "survival", "label": "Survival", "survival": {
            "time": "fall", "at": [7], "strata": ["region"], "hazard_ratio": {
                "covariates": ["sex"], "proportional_hazards": "km"},
            "restricted_mean": {"to": [7]}}},
        {"id": "incidence", "label": "Incidence", "incidence": {
            "filter": _FILTER, "per": 100, "by": ["hlt"]}},
        {"id": "cross", "label": "Cross", "cross": {"first": "sex", "second": "region"}},
        {"id": "durations", "label": "Days", "durations": {"filter": _FILTER}},
        {"id": "record-terms", "label": "Taken", "record_terms": {
            "recorded": "conmed.recorded", "by": ["atc2"], "minimum_percent": 5}},
        {"id": "resolution", "label": "Over", "resolution": {"filter": _FILTER, "at": [6]}},
        {"id": "resolved", "label": "By term", "resolution": {
            "filter": _FILTER, "by": ["hlt"]}},
        {"id": "graded", "label": "Graded", "graded": "lowest"},
        {"id": "in-strata", "label": "Ages", "stratified": {
            "levels": "ages", "strata": ["region"]}},
        {"id": "common", "label": "Common", "stratified": {
            "count": "early", "strata": ["region"], "contrast": "difference"}},
        {"id": "ranks", "label": "Ranks", "stratified": {"measure": "age", "strata": ["region"]}},
        {"id": "kept", "label": "Kept", "count": "early", "margin": {"lower": 0.5}},
        {"id": "plain", "label": "Plain", "survival": {"time": "fall"}},
        {"id": "mmrm", "label": "Repeated", "visits": ["day-7"], "mmrm": {
            "measure": {"parameter": "cd4"}, "covariates": ["age"], "factors": ["region"]}},
        {"id": "odds", "label": "Odds", "logistic": {"count": "early", "covariates": ["region"]}},
        {"id": "rates", "label": "Rates", "event_rate": {
            "filter": _FILTER, "covariates": ["region"], "interaction": "region"}},
        {"id": "imputed", "label": "Imputed", "visits": ["day-7"], "multiple_imputation": {
            "measure": {"parameter": "cd4"}, "covariates": ["age"], "factors": ["region"],
            "method": "copy-reference", "reference": "b", "deltas": {"by_arm": {"a": [1, 2]}}}},
    ]}],
    "completion": {"set": "randomised", "condition": "early", "planned": 9, "label": "gone"},
    "estimands": [{
        "id": "e", "label": "Primary", "source": {"table": "t", "row": "summary", "column": "p"},
        "population": "randomised", "treatment": "Drug or placebo", "variable": "Change",
        "summary": "Difference of means", "intercurrent_events": [
            {"event": "Rescue", "strategy": "hypothetical", "handling": "Later values are left out"}
        ]}],
    "testing": {"alpha": 0.05, "order": [{"table": "t", "row": "summary", "column": "p"}],
                "looks": [{"id": "one", "label": "Look", "alpha": 0.01}]},
    "key_results": [{"id": "f", "label": "F", "show": "mean", "rule": "Observed",
                 "source": {"table": "t", "row": "summary", "column": "a"}}],
    "listings": [{"id": "L", "title": "L", "population": "All", "records": "death.reported",
                  "where": {"related": "True"}, "subjects": "early",
                  "columns": [{"id": "S", "label": "S", "source": "subject"}]},
                 {"id": "R", "title": "R", "population": "All",
                  "records": "observations:viral-load", "results": [
                      {"parameter": "viral-load", "at_least": 5, "where": {"method": "A"}}],
                  "columns": [{"id": "S", "label": "S", "source": "subject"}]},
                 {"id": "E", "title": "E", "population": "All",
                  "records": "adverse-event.reported", "events": _FILTER,
                  "columns": [{"id": "S", "label": "S", "source": "subject"}]}],
    "narratives": [{"id": "N", "title": "N", "population": "All", "subjects": "early",
                    "words": {"sex": {"M": "man"}},
                    "paragraphs": [
                        {"text": "{subject}, a {sex}"},
                        {"records": "death.reported", "text": "{cause}", "otherwise": "Alive"},
                        {"records": "observations:viral-load", "text": "{result}"},
                        {"records": "adverse-event.reported", "text": "{term}"}]}],
}  # fmt: skip

# By model: where the definition above has one, and for each field another value of it.
CHANGES: dict[type[BaseModel], dict[str, dict[str, Any]]] = {
    Definition: {"": {"placebo": [], "samples_after_discontinuation": True,
                      "discrepancies": {"off": ["died-twice"]}}},
    AnalysisSet: {"sets/randomised": {
        "label": "Drawn", "condition": "treated", "arm": "received"}},
    Arm: {"arms/0": {"label": "C", "treatments": ["other"]}},
    Period: {"periods/0": {"label": "Run-in", "first_day": 1, "last_day": 5}},
    Visit: {"visits/1": {
        "label": "Day seven", "day": 8, "window": [5, 8], "days_from": "randomisation",
        "choose": "lowest", "tie": "mean", "limit": "before-regimen", "schedule": "other"}},
    Characteristic: {
        "characteristics/score": {"label": "Points", "minimum": 1, "maximum": 9, "places": 3,
                                  "rounded": True,
                                  "decimals": 1, "unit": "points"},
        "characteristics/history": {"levels": ["Y", "N", "U"]}},
    Parameter: {
        "parameters/viral-load": {
            "label": "Load", "unit": "copies", "units": {}, "minimum": 1, "maximum": 9,
            "places": 3, "rounded": True, "decimals": 1, "below_quantification": "missing",
            "texts": {"Not detected": "<lloq"}},
        "parameters/cd4": {"below_quantification": "half", "abnormal": {"above": 1.5}},
        "parameters/viral-load-log10": {"log10_of": "cd4"},
        "parameters/made": {"formula": "cd4 + previous(weight)", "together": "visit",
                            "replicates": "mean", "carried": [], "places": 4,
                            "at_visits": ["day-7"]},
        "parameters/grade": {"grades": {"of": "cd4", "scale": "next", "term": "low",
                                        "baseline": "baseline"}},
        "parameters/weight": {"upper_limits_of": "cd4", "lower_limits_of": "cd4"}},
    Grades: {"parameters/grade/grades": {
        "of": "made", "scale": "next", "term": "other", "baseline": "control", "fasting": True}},
    Scale: {"scales/own": {
        "label": "Mine", "version": "2", "source": "Protocol", "counting": "cumulative",
        "noun": "level", "synonyms": {},
        "terms": {"low": _TERMS["other"], "other": _TERMS["other"]}}},
    GradedTerm: {
        "scales/own/terms/low": {
            "label": "Lower", "direction": "high", "by_unit": {"count": _RULES[:1]},
            "only": {"sex": "F"}, "assumed": "the worst"},
        "scales/own/terms/other": {"any_unit": [_OTHER_RULES[0] | {"grade": 2}]}},
    GradeRule: {"scales/own/terms/low/by_unit/count/1": {"grade": 3, "any": [{"below": 3}]}},
    Criterion: {"scales/own/terms/low/by_unit/count/0/any/0": {
        "times": "baseline", "beyond": "upper-limit", "below": 60, "at_least": 1, "at_most": 49,
        "more_than": 2, "sex": "M", "age_at_least": 18, "age_below": 60, "fasting": False,
        "age_in_days_at_least": 2, "age_in_days_below": 8,
        "baseline": "high", "also": {"below": 9}}},
    Comparison: {
        "scales/own/terms/low/by_unit/count/0/any/0/also": {
            "times": "baseline", "below": 2, "at_least": 0.5, "at_most": 0.9, "more_than": 0.1},
        "scales/own/terms/low/by_unit/count/1/any/0/also": {"beyond": "upper-limit"}},
    Premise: {"scales/own/terms/low/only": {
        "sex": "M", "age_at_least": 18, "age_below": 60, "fasting": False, "baseline": "low",
        "age_in_days_at_least": 2, "age_in_days_below": 8}},
    Baseline: {"baselines/control": {"visit": "day-7"}},
    Measure: {
        "measures/age": {"characteristic": "score", "label": "Years"},
        "measures/lowest": {"parameter": "weight", "after_first_dose": "first",
                            "days_after_last_dose": 7, "at_visits": ["day-7", "week-5"],
                            "where": {"position": "SITTING"}},
        "measures/farthest": {"tie": "later"},
        "measures/change": {"at": "day-14", "missing": "locf", "change_from": "control"},
        "measures/percent": {"percent_change_from": "control"},
        "measures/week5-bocf": {"decrease_from": "control"},
        "measures/doses": {"records": "dose.missed", "where": {}},
        "measures/stay": {"days": {"start": "first-dose", "end": "death"}},
        "measures/either": {"by_arm": {"a": "score"}},
        "measures/less": {"difference": ["age", "score"]},
        "measures/given": {"exposure": {"of": "duration"}}},
    Exposure: {
        "measures/given/exposure": {
            "of": "compliance", "treatment": "drug", "unit": "g", "units": {"g": 1000},
            "planned_dose": 800, "per_day": True},
        "measures/kept/exposure": {"interval": 7, "days": 7}},
    Span: {"measures/stay/days": {"start": "randomisation", "end": "last-dose"}},
    Classes: {"classes/ages": {
        "label": "Groups", "measure": "score", "missing": "young",
        "classes": [{"value": "young", "label": "Young", "below": 40},
                    {"value": "old", "label": "Old", "at_least": 40}]},
        "classes/states": {"missing": "new"}},
    Class: {
        "classes/ages/classes/0": {"label": "Youngest", "at_least": 18, "more_than": 17,
                                   "at_most": 40, "below": 40},
        "classes/states/classes/0": {"condition": "young"}},
    TimeToEvent: {"times/fall": {
        "label": "Time", "start": "enrolment", "events": ["death"], "censored": [],
        "competing": ["death"]}},
    EventDate: {"times/fall/events/2": {"adverse_event": {"terms": ["A"]}, "which": "last"}},
    RecordDate: {"times/fall/events/1": {
        "recorded": "visit.recorded", "where": {}, "which": "last"}},
    ResultDate: {"times/fall/events/0": {
        "parameter": "viral-load", "where": {"method": "PCR"}, "below": 40,
        "at_least": 1, "more_than": 2, "at_most": 3}},
    ResultFilter: {"listings/1/results/0": {
        "parameter": "viral-load-log10", "where": {"method": "PCR"}, "at_least": 4, "more_than": 1,
        "at_most": 9, "below": 8}},
    Coincident: {
        "conditions/liver/results/0": {
            "parameter": "viral-load", "where": {"method": "PCR"}, "at_least": 4, "more_than": 1,
            "at_most": 9, "below": 8, "number": 2},
        "conditions/liver/results/2": {"adverse_event": {"serious": False}}},
    Condition: {
        "conditions/liver": {"results": [{"parameter": "cd4"}], "within_days": 3,
                             "in_order": True, "days_after_last_dose": 7},
        "conditions/sample": {"one_sample": True},
        "conditions/early": {"recorded": "visit.recorded", "where": {}, "period": "treatment"},
        "conditions/young": {"characteristic": "arm", "levels": ["old"]},
        "conditions/mixed": {"any": ["early"]},
        "conditions/mixed/any/1": {"all": ["young", "no"]},
        "conditions/no": {"none": ["sick"]},
        "conditions/sick": {"adverse_event": {}},
        "conditions/bounded": {"measure": "score", "at_least": 2, "at_most": 8, "more_than": 3,
                               "below": 12, "missing": "failure", "assessed": True},
        "conditions/lost": {"not_done": True},
},
    AdverseEventFilter: {"conditions/sick/adverse_event": {
        "emergent": False, "grouped": False, "related": True, "serious": False,
        "grade": [2, 4], "grade_at_least": 3,
        "severity": ["SEVERE"], "seriousness": "HOSPITALISATION", "action_taken": "DOSE REDUCED",
        "outcome": "RECOVERED", "treatment": "placebo", "groups": ["Itch"], "scope": "broad",
        "terms": ["Nausea"], "onset_days": [None, -1]}},
    AdverseEvents: {"adverse_events": {
        "dictionary": "", "grading": "", "causality": ["RELATED"], "related": ["NOT RELATED"],
        "missing_causality": "not-related", "days_after_last_dose": 7,
        "missing_onset": "not-emergent", "groups": []}},
    Medications: {"medications": {
        "dictionary": "WHODrug", "prior": "ended-before", "concomitant": "started",
        "days_after_last_dose": 9, "undetermined": "concomitant", "classes": "first"}},
    TermGroup: {"adverse_events/groups/0": {
        "label": "Rashes", "terms": ["Rash"], "broad": ["Itching"]}},
    TableColumn: {
        "tables/0/columns/0": {"label": "Arm A", "set": "treated", "arm": "b", "where": "no"},
        "tables/0/columns/2": {"compare": ["b", "a"], "counts": "newcombe", "means": "welch",
                               "rates": "ratio",
                               "interval": {"level": 0.9}},
        "tables/0/columns/3": {"under": "All", "arms": ["b", "a"], "events": {},
                               "worst": {"grade": [3]}},
        "tables/0/columns/8": {"contrast": "relative-risk", "counts": "exact"},
        "tables/0/columns/9": {"standard_error": True}},
    IntervalDefinition: {"tables/0/rows/0/interval": {
        "method": "wilson", "level": 0.9, "limits": "lower"}},
    TableRow: {
        "tables/0/rows/0": {"label": "Number", "count": "no", "where": "early",
                            "interval": False, "denominator": "assessed"},
        "tables/0/rows/1": {"visits": "all"},
        "tables/0/rows/2": {"levels": {"characteristic": "sex"}},
        "tables/0/rows/4": {"summary": "age", "subgroups": {"characteristic": "region"},
                            "per": 7, "joint": ["age"]},
        "tables/0/rows/5": {"pairs": ["no", "early"], "interval": {"level": 0.8}},
        "tables/0/rows/6": {"not_due": "no"},
        "tables/0/rows/7": {"events": {}, "denominator": "seen", "of_records": {"serious": True}},
        "tables/0/rows/8": {"terms": {"filter": {}}},
        "tables/0/rows/9": {"worst": {"filter": {}, "field": "grade", "levels": _LEVELS}},
        "tables/0/rows/10": {"shift": {"before": "ages", "after": "others"}},
        "tables/0/rows/11": {"stratified": {"count": "no", "strata": ["region"]}},
        "tables/0/rows/12": {"ancova": {"measure": "age"}, "interval": {"limits": "upper"}},
        "tables/0/rows/13": {"survival": {"time": "fall"}, "interval": {"method": "plain"}},
        "tables/0/rows/14": {"incidence": {"filter": {}}},
        "tables/0/rows/27": {"logistic": {"count": "no"}},
        "tables/0/rows/28": {"event_rate": {"filter": {}}},
        "tables/0/rows/26": {"mmrm": {"measure": {"parameter": "viral-load"}}},
        "tables/0/rows/29": {"multiple_imputation": {"measure": {"parameter": "viral-load"}}},
        "tables/0/rows/15": {"cross": {"first": "sex", "second": "ages"}},
        "tables/0/rows/16": {"durations": {"filter": {}}},
        "tables/0/rows/17": {"record_terms": {"recorded": "deviation.recorded",
                                              "by": ["category"]}},
        "tables/0/rows/18": {"resolution": {"filter": {}}},
        "tables/0/rows/20": {"graded": "age"},
        "tables/0/rows/22": {"interval": {"level": 0.9}},
        "tables/0/rows/24": {"margin": {"upper": 2}}},
    MarginDefinition: {"tables/0/rows/24/margin": {"lower": 0.6, "upper": 3, "alpha": 0.05}},
    WorstGrade: {
        "tables/0/columns/4/worst": {"grade": [3, 5]},
        "tables/0/columns/5/worst": {"grade_at_least": 3},
        "tables/0/columns/6/worst": {"severity": ["MILD", "SEVERE"]},
        "tables/0/columns/7/worst": {"severity_at_least": "SEVERE"}},
    Subgroups: {"tables/0/rows/3/subgroups": {
        "characteristic": "region", "values": [{"value": "young", "label": "Young"}]}},
    SetDenominator: {"tables/0/rows/1/denominator": {"set": "received"}},
    Levels: {
        "tables/0/rows/2/levels": {"recorded": "visit.missed", "where": {}, "field": "date",
                                   "values": []},
        "tables/0/rows/3/levels": {"characteristic": "race"}},
    Durations: {"tables/0/rows/16/durations": {"filter": {}, "of": "onset-day"}},
    Resolution: {
        "tables/0/rows/18/resolution": {"filter": {}, "at": [9], "occurrences": "first"},
        "tables/0/rows/19/resolution": {
            "by": ["soc"], "pooled": True, "order": "alphabetical", "order_by": "a"}},
    RecordTerms: {"tables/0/rows/17/record_terms": {
        "order_by": "a",
        "recorded": "conmed.coded", "where": {"prior": "True"}, "by": ["preferred_name"],
        "order": "alphabetical", "minimum_percent": 6}},
    Terms: {"tables/0/rows/8/terms": {
        "filter": {}, "by": ["hlgt", "llt"], "pooled": False, "minimum_percent": 4, "worst": None,
        "minimum_excess": {"column": "b", "over": "a", "percent": 4},
        "order": "alphabetical", "order_by": "a"}},
    WorstRow: {"tables/0/rows/9/worst": {
        "filter": {}, "field": "grade", "levels": _LEVELS[:1]}},
    Shift: {"tables/0/rows/10/shift": {
        "before": "others", "after": "others", "percent_of": "before", "missing": True}},
    Cross: {"tables/0/rows/15/cross": {
        "first": "race", "second": "ages", "percent_of": "second", "missing": True}},
    Stratified: {
        "tables/0/rows/11/stratified": {"count": "no", "strata": ["ages"]},
        "tables/0/rows/21/stratified": {"levels": "others"},
        "tables/0/rows/22/stratified": {"contrast": "odds-ratio", "method": "sato"},
        "tables/0/rows/23/stratified": {"measure": "score"}},
    Ancova: {"tables/0/rows/12/ancova": {
        "measure": "score", "covariates": [], "factors": ["region", "sex"], "pool": {},
        "weights": "observed", "scores": None, "interaction": "region"}},
    Pooling: {"tables/0/rows/12/ancova/pool/region": {"set": "received", "minimum": 4}},
    Survival: {"tables/0/rows/13/survival": {"time": "rise", "at": [8], "strata": [],
                                             "hazard_ratio": False, "restricted_mean": None},
               "tables/0/rows/25/survival": {"estimate": "cumulative-incidence"}},
    Mmrm: {"tables/0/rows/26/mmrm": {
        "measure": {"parameter": "viral-load"}, "covariates": ["score"], "factors": ["sex"],
        "by_visit": "all", "covariance": "toeplitz", "weights": "observed",
        "degrees_of_freedom": "kenward-roger"}},
    MultipleImputation: {"tables/0/rows/29/multiple_imputation": {
        "measure": {"parameter": "viral-load"}, "covariates": ["score"], "factors": ["sex"],
        "method": "jump-to-reference", "reference": "a", "imputations": 9, "weights": "observed",
        "deltas": None}},
    Deltas: {"tables/0/rows/29/multiple_imputation/deltas": {
        "by_arm": {"a": [1, 3]}, "alpha": 0.1}},
    Logistic: {"tables/0/rows/27/logistic": {
        "count": "no", "covariates": ["sex"], "interaction": "region", "decimals": 3,
        "test": "likelihood-ratio"}},
    EventRate: {"tables/0/rows/28/event_rate": {
        "filter": {}, "covariates": ["sex", "region"], "interaction": None, "decimals": 3,
        "test": "likelihood-ratio", "distribution": "poisson", "per": 3}},
    RestrictedMean: {"tables/0/rows/13/survival/restricted_mean": {
        "to": [8, 9], "contrasts": ["ratio"], "decimals": 0}},
    HazardRatio: {"tables/0/rows/13/survival/hazard_ratio": {
        "covariates": [], "ties": "breslow", "test": "score", "proportional_hazards": "log",
        "decimals": 3, "continuous": ["score"]}},
    Incidence: {"tables/0/rows/14/incidence": {
        "filter": {}, "per": 1, "by": ["soc"], "pooled": True, "order": "alphabetical",
        "order_by": "a", "occurrences": "all"}},
    Estimand: {"estimands/0": {
        "label": "Main", "source": {"table": "t", "row": "summary", "column": "a"},
        "population": "received", "treatment": "Drug", "variable": "Value", "summary": "Means"}},
    IntercurrentEvent: {"estimands/0/intercurrent_events/0": {
        "event": "Death", "strategy": "composite", "handling": "Counts as worst"}},
    reporting.Testing: {"testing": {
        "alpha": 0.04, "order": [{"table": "t", "row": "count", "column": "p"}], "looks": [],
        "procedure": "holm"}},
    reporting.Look: {"testing/looks/0": {"id": "two", "label": "Seen", "alpha": 0.02}},
    reporting.CompletionDefinition: {"completion": {
        "set": "received", "condition": "no", "planned": 8, "label": "over"}},
    KeyResultDefinition: {"key_results/0": {
        "label": "Key", "source": {"table": "t", "row": "count", "column": "b"},
        "show": "median", "rule": "Other"}},
    FlowStage: {"flow/stages/1": {"by_arm": True, "side": [],
                                  "box": {"id": "x", "label": "X", "count": "no"}}},
    FlowBox: {"flow/stages/1/side/0": {"label": "Gone", "count": "no", "reasons": None}},
    ListingDefinition: {"listings/0": {"id": "M", "records": "visit.missed", "where": {},
                                       "subjects": None},
                        "listings/1": {"results": [], "out_of_range": True,
                                       "after_first_dose": True},
                        "listings/2": {"events": {"serious": True}}},
    NarrativeDefinition: {"narratives/0": {"id": "M", "subjects": "no", "words": {}}},
    Paragraph: {
        "narratives/0/paragraphs/1": {
            "records": "visit.missed", "where": {"related": "True"}, "text": "Dead", "before": "1",
            "between": "; ", "after": "2", "otherwise": "Well"},
        "narratives/0/paragraphs/2": {"results": [{"parameter": "viral-load", "at_least": 9}],
                                      "out_of_range": True, "after_first_dose": True},
        "narratives/0/paragraphs/3": {"events": {"serious": True}}},
}  # fmt: skip
WITHOUT_WORDS: dict[type[BaseModel], set[str]] = {
    Exposure: {"decimals"},  # seen
    Definition: {
        "study",
        "title",
        "registry",
        "notice",
        "design",  # seen on every page
        "blinded",
        "shards",
        "retention",
        "consort",
        "calendar",
        "outcomes",
        "vocabularies",  # what is refused is in no document
        # What these hold is told part by part:
        "arms",
        "periods",
        "visits",
        "strata",
        "characteristics",
        "parameters",
        "scales",
        "baselines",
        "measures",
        "classes",
        "times",
        "conditions",
        "sets",
        "completion",
        "adverse_events",
        "medications",
        "tables",
        "estimands",
        "testing",
        "key_results",
        "figures",
        "flow",
        "listings",
        "narratives",
        "extended",  # where they come from
    },
    Arm: {"id"},
    Class: {"value"},
    Period: {"id"},
    Visit: {"id"},
    Characteristic: {"order_places"},  # a matter of storing
    Parameter: {"order_places"},
    Baseline: {"last_before_first_dose"},  # what it is where no visit is named
    TableColumn: {"id"},
    TableRow: {"id", "level", "statistics", "decimals", "column"},  # seen in the table
    Shift: {"zero_counts"},  # seen in the table
    Cross: {"zero_counts"},
    RecordTerms: {"chunks"},
    Terms: {"chunks"},  # a matter of storing
    Incidence: {"chunks"},
    Resolution: {"chunks"},
    Estimand: {"id", "intercurrent_events"},
    KeyResultDefinition: {"id", "decimals", "floor", "unit", "population", "primary"},  # seen there
    reporting.Testing: {"graph", "spending"},  # with their words in test_multiplicity
    reporting.Look: {"information"},
    FlowStage: {"id", "label", "apart"},
    FlowBox: {"id", "absent", "not_due", "zero_counts"},  # seen there
    ListingDefinition: {"title", "population", "columns", "footnotes", "dataset"},  # seen there
    NarrativeDefinition: {"title", "population", "paragraphs"},  # seen there; told one by one
}
"""Fields that say nothing of how a number is counted."""


def told(definition: dict[str, Any]) -> list[Any]:
    return [(method.id, method.rows) for method in methods(read(definition))]


def read(definition: dict[str, Any]) -> Definition:
    return study.load(json.dumps(definition)).definition


def with_others() -> dict[str, Any]:
    base = deepcopy(WHOLE)
    base["classes"]["others"] = base["classes"]["ages"] | {"label": "Others"}
    base["times"]["rise"] = base["times"]["fall"] | {"label": "Rise", "start": "first-dose"}
    return base


@cache
def told_with_others() -> list[Any]:
    return told(with_others())


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        pytest.param(path, field, value, id=f"{path}/{field}")
        for places in CHANGES.values()
        for path, fields in places.items()
        for field, value in fields.items()
    ],
)
def test_every_field_of_the_definition_is_told(path, field, value):
    base, before = with_others(), told_with_others()
    node: Any = base
    for name in filter(None, path.split("/")):
        node = node[int(name) if isinstance(node, list) else name]
    node[field] = value
    if field == "not_done":
        del node["assessed"]  # of which a condition takes one
    if value is None:
        del node[field]
    assert told(base) != before


@pytest.mark.parametrize("model", CHANGES, ids=lambda model: model.__name__)
def test_no_field_of_a_model_is_forgotten(model: type[BaseModel]):
    listed = {field for fields in CHANGES[model].values() for field in fields}
    assert model.model_fields.keys() == listed | WITHOUT_WORDS.get(model, set())


def test_scales_are_told_with_what_they_grade():
    """Also one that grades nothing, by which nobody would look for its numbers."""
    whole = deepcopy(WHOLE)
    whole["scales"]["idle"] = whole["scales"]["own"] | {"label": "Idle", "synonyms": {"": "1"}}
    (section,) = (part for part in methods(read(whole)) if part.id == "scales")
    told_of = dict(section.rows)
    (own,) = (text for name, text in told_of.items() if name.startswith("own"))
    (idle,) = (text for name, text in told_of.items() if name.startswith("Idle"))
    assert "these grade results: " in own
    assert "It grades no results here. Of units no unit is 1." in idle


class TestForms:
    def test_every_form_has_its_words(self):
        for form in CONDITION_FORMS:
            assert callable(getattr(Wording, f"_{form}"))
        for form in MEASURE_FORMS:
            assert callable(getattr(Wording, f"_of_{form}"))
        for kind in ROW_KINDS:
            assert callable(getattr(Rows, f"_{kind}"))

    def test_every_kind_of_record_date_and_statistic_has_its_words(self):
        assert RECORDS.keys() == KINDS.keys()
        assert DATES.keys() == set(get_args(get_args(DateRef)[0]))
        assert SUMMARY_STATISTICS.keys() == set(get_args(Statistic))

    def test_every_kind_of_row_and_figure_is_told_of_a_definition(self):
        kinds = {kind for table in read(WHOLE).tables for row in table.rows if (kind := row.kind)}
        assert kinds == ROW_KINDS.keys()
        for kind, (row, *_) in FIGURE_KINDS.items():
            figure = {"id": "c", "title": "C", "population": "P", "kind": kind, "x_label": "x",
                     "y_label": "y", "source": {"table": "t", "row": row}}  # fmt: skip
            sections = {
                method.id: method.rows for method in methods(read(WHOLE | {"figures": [figure]}))
            }
            ((name, words),) = sections["figures"]
            assert name == "c"
            assert words.endswith(f"out of table t, {row.capitalize()}")


SHIPPED = ("events/tmb-301", "events/airway-2x2", "events/example", "tests/pilot")


def shipped(name: str) -> Definition:
    path = builders.TMB301.parents[1] / name / "definition.yaml"
    return builders.loaded(json.dumps(read_definition(path))).definition


@pytest.mark.parametrize("name", SHIPPED)
class TestShipped:
    def test_all_that_has_a_name_is_told(self, name):
        definition = shipped(name)
        rows = {method.id: [row[0] for row in method.rows] for method in methods(definition)}
        assert rows["sets"] == [
            analysis_set.label for _, analysis_set in sorted(definition.sets.items())
        ]
        assert rows["visits"] == [visit.label for visit in definition.visits]
        assert len(rows["measures"]) == len(definition.measures)
        assert rows["listings"] == [listing.id for listing in definition.listings]
        counted = [row for table in definition.tables for row in table.rows if row.kind]
        assert len(rows["rows"]) == len(counted)

    def test_every_method_of_a_table_is_named(self, name):
        definition = shipped(name)
        text = json.dumps([method.rows for method in methods(definition)])
        for table in definition.tables:
            for row in table.rows:
                for words in _NAMED.get(row.kind or "", ()):
                    assert words in text

    def test_nothing_is_told_twice_or_empty(self, name):
        for section in methods(shipped(name)):
            assert len(set(section.rows)) == len(section.rows), section.id
            for row in section.rows:
                assert len(row) == len(section.heads)
                assert row[0]
                assert row[-1] or section.id in ("visits", "sets")


_NAMED = {
    "pairs": ("exact McNemar", "Tango score"),
    "ancova": ("Analysis of covariance",),
    "survival": ("Kaplan-Meier", "log-rank", "Brookmeyer-Crowley"),
    "stratified": ("Cochran-Mantel-Haenszel",),
    "incidence": ("exact Poisson",),
}


def test_tmb_301_says_what_its_primary_end_point_is():
    sections = {method.id: method for method in methods(builders.tmb301().definition)}
    rows = {(table, row): text for table, row, text in sections["rows"].rows}
    assert rows["14.2.1", "Responders"] == (
        "Subjects of whom: Control period (day 0 to 7): the decrease (baseline less value) of HIV-1"
        " RNA (log10 copies/mL) from the baseline control to the visit Day 7 is at least 0.5 log10"
        " copies/mL (a value that is due and missing counts as a failure); Day 7 to day 14: the"
        " decrease (baseline less value) of HIV-1 RNA (log10 copies/mL) from baseline to the visit"
        " Day 14 is at least 0.5 log10 copies/mL (a value that is due and missing counts as a"
        " failure), in percent of those for whom it is determined, with the exact interval"
        " (Clopper-Pearson, 95 %)."
    )
    visits = {row[0]: row[1:] for row in sections["visits"].rows}
    assert visits["Day 14"] == (
        "14", "12 to 17", "enrolment", "main", "closest, tie later", "before-regimen",
    )  # fmt: skip
    words = dict(sections["choices"].rows)
    assert words["tie later"] == "Of those equally close the last."
    assert words["from enrolment"] == "Days count from enrolment, which is day 0."
    assert "if that lies within the window" in words["before-regimen"]
    assert dict(sections["testing"].rows)["Confirmatory test 1 of 1"] == (
        "Table 14.2.1, Paired responses (control, day 14), Comparison"
    )
    looks = dict(sections["testing"].rows)
    assert looks["Planned look: Final analysis (final)"] == "Tests confirm at alpha 0.05."
    final = dict(sections["completion"].rows)["Final"]
    assert final.startswith("As soon as there are at least 40 subjects in the set Intention")
    sets = {row[0]: row[1] for row in sections["sets"].rows}
    assert sets["Completers"] == (
        "an enrolment is recorded and a disposition is recorded (of = study, status = completed)"
    )


def test_the_open_audiences_methods_tell_nothing_of_arms():
    definition = read_definition(builders.TMB301.parent / "airway-2x2" / "definition.yaml")
    blind = study.load(json.dumps(definition | {"blinded": True}))
    whole, pooled = (json.dumps([s.rows for s in methods(view.definition)])
                     for view in (blind, blind.open))  # fmt: skip
    for arm in blind.definition.arms:
        assert arm.label in whole
        assert arm.label not in pooled
        assert all(treatment not in pooled for treatment in arm.treatments)


def test_the_order_of_the_members_of_an_object_says_nothing():
    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: turned(value[name]) for name in reversed(value)}
        return [turned(member) for member in value] if isinstance(value, list) else value

    assert methods(read(turned(WHOLE))) == methods(read(WHOLE))


def test_a_report_carries_its_methods():
    assert builders.report_of(builders.tiny(), []).methods == methods(builders.tiny().definition)
    assert LIVE_SPEC.cutoff == ""
