"""The pilot's safety tables by data: laboratory, vital signs and medication, for its definition.

They are written by analyte, since thirty have the same rows. Numbers of tables are the report's.
"""

from collections.abc import Iterator
from typing import Any, Final

from pilot.writing import DEFINITION

from local.feed import read_definition

Part = dict[str, Any]

CHEMISTRY: Final = {
    "alt": "ALANINE AMINOTRANSFERASE",
    "alb": "ALBUMIN",
    "alp": "ALKALINE PHOSPHATASE",
    "ast": "ASPARTATE AMINOTRANSFERASE",
    "bili": "BILIRUBIN",
    "ca": "CALCIUM",
    "cl": "CHLORIDE",
    "chol": "CHOLESTEROL",
    "ck": "CREATINE KINASE",
    "creat": "CREATININE",
    "ggt": "GAMMA GLUTAMYL TRANSFERASE",
    "gluc": "GLUCOSE",
    "phos": "PHOSPHATE",
    "k": "POTASSIUM",
    "prot": "PROTEIN",
    "sodium": "SODIUM",
    "urate": "URATE",
    "urean": "UREA NITROGEN",
}
HAEMATOLOGY: Final = {
    "baso": "BASOPHILS",
    "eos": "EOSINOPHILS",
    "mchc": "ERY. MEAN CORPUSCULAR HB CONCENTRATION",
    "mch": "ERY. MEAN CORPUSCULAR HEMOGLOBIN",
    "mcv": "ERY. MEAN CORPUSCULAR VOLUME",
    "rbc": "ERYTHROCYTES",
    "hct": "HEMATOCRIT",
    "hgb": "HEMOGLOBIN",
    "wbc": "LEUKOCYTES",
    "lym": "LYMPHOCYTES",
    "mono": "MONOCYTES",
    "plat": "PLATELET",
}
ANALYTES: Final = CHEMISTRY | HAEMATOLOGY
"""The analytes by parameter, as the report names them."""

WEEKS: Final = (2, 4, 6, 8, 12, 16, 20, 24, 26)
TREATED: Final = [f"week-{week}" for week in WEEKS]
UP_TO_WEEK_24: Final = TREATED[:-1]
START, FROM_START = "screening-1", "screening"
ARMS: Final = ("placebo", "xanomeline-low", "xanomeline-high")
PRECISION: Final = {"mean": 1, "sd": 2, "median": 1, "min": 1, "max": 1}
MOMENTS: Final = {"statistics": ["n", "mean", "sd"], "decimals": {"mean": 1, "sd": 2}}
DESCRIBED: Final = {
    "statistics": ["n", "mean", "sd", "median", "min", "max"],
    "decimals": PRECISION,
}
POSITIONS: Final = {
    "lying": "AFTER LYING DOWN FOR 5 MINUTES",
    "standing-1": "AFTER STANDING FOR 1 MINUTE",
    "standing-3": "AFTER STANDING FOR 3 MINUTES",
}
VITAL_SIGNS: Final = {
    "systolic-blood-pressure": "Systolic Blood Pressure (mmHg)",
    "diastolic-blood-pressure": "Diastolic Blood Pressure (mmHg)",
    "pulse": "Pulse (bpm)",
}
LIMIT = 1.5
THRESHOLD: Final = [
    {"value": "normal", "label": "Normal", "at_most": LIMIT},
    {"value": "high", "label": "High", "more_than": LIMIT},
]
TRANSAMINASES = "max(alt / upper(alt), ast / upper(ast))"
HYS_LAW: Final = {
    "transaminases": ("Transaminase 1.5 x ULN", TRANSAMINASES),
    "hys-law": (
        "Total Bili 1.5 x ULN and Transaminase 1.5 x ULN",
        f"min({TRANSAMINASES}, bili / upper(bili))",
    ),
}
COMPARED: Final = ("14-6.02", "14-6.03", "14-6.05", "14-6.06")
NO_LOWER_LIMIT: Final = ("baso", "eos")
"""Analytes whose range has no lower limit: the report takes 0."""
LEVELS: Final[dict[str, list[Part]]] = {
    name: [
        {"value": "low", "label": "Low", **low},
        {"value": "normal", "label": "Normal", **normal},
        {"value": "high", "label": "High", **high},
    ]
    for name, low, normal, high in (
        ("range", {"below": -0.75}, {"at_most": 0.25}, {"more_than": 0.25}),
        ("step", {"below": -1}, {"at_most": 1}, {"more_than": 1}),
    )
}
"""From what on a result is low or high."""


def definition() -> Part:
    """Give the pilot's definition with its safety tables beside all others."""
    whole: Part = read_definition(DEFINITION)
    for analyte in ("bili", "gluc"):
        whole["parameters"][analyte]["below_quantification"] = "missing"
    whole["parameters"] |= dict(_parameters()) | dict(_weights())
    whole["measures"]["weight"] = {"parameter": "weight-rounded", "at": "baseline"}
    whole["baselines"] |= {FROM_START: {"visit": START}, "baseline-visit": {"visit": "baseline"}}
    whole["classes"] |= {f"{name}-at-start": _classes(name, START) for name in _compared()}
    whole["conditions"] |= {
        f"{name}-raised": {"measure": _highest(name), "more_than": LIMIT} for name in _compared()
    }
    whole["conditions"]["medicated"] = {"recorded": "conmed.recorded"}
    whole["tables"] += tables()
    return whole


def tables() -> list[Part]:
    """Give the safety tables."""
    return [
        _table("14-6.01", "Summary statistics for continuous laboratory values", _by_visit()),
        _table("14-6.02", "Normal and abnormal laboratory values", _levels("range")),
        _table("14-6.03", "Laboratory values beyond a change of half a range", _levels("step")),
        _table("14-6.04", "Shifts of laboratory values by threshold ranges, by visit", _shifts()),
        _table("14-6.05", "Shifts of laboratory values by threshold ranges", _worst(ANALYTES)),
        _table("14-6.06", "Shifts of Hy's law values", _worst(HYS_LAW)),
        _table("14-7.01", "Vital signs at baseline and end of treatment", _vital_signs()),
        _table("14-7.02", "Vital signs, change from baseline", _vital_signs("baseline-visit")),
        _table("14-7.03", "Weight", _weight()),
        _table("14-7.04", "Concomitant medication", _medication()),
    ]


def _table(name: str, title: str, rows: Iterator[Part]) -> Part:
    arms = [{"id": arm, "label": arm.capitalize(), "set": "safety", "arm": arm} for arm in ARMS]
    total = {"id": "total", "label": "Total", "set": "safety"}
    compared = [_comparison()] if name in COMPARED else []
    columns = [*arms, total, *compared]
    return {"id": name, "title": title, "population": "Safety", "columns": columns, "rows": [*rows]}


def _comparison() -> Part:
    return {"id": "p", "label": "P", "compare": list(ARMS)}


def _compared() -> list[str]:
    return [*ANALYTES, *HYS_LAW]


def _parameters() -> Iterator[tuple[str, Part]]:
    """Give multiples of the upper limit: of each analyte, and those that Hy's law asks for."""
    for analyte, label in ANALYTES.items():
        yield f"{analyte}-x", {"label": label, "unit": "x ULN", "upper_limits_of": analyte}
        yield f"{analyte}-low", {"label": label, "unit": "x LLN", "lower_limits_of": analyte}
    for name, (label, formula) in HYS_LAW.items():
        yield f"{name}-x", {"label": label, "unit": "x ULN", "formula": formula}
    for analyte, label in ANALYTES.items():
        for name, formula in _formulas(analyte):
            yield f"{analyte}-{name}", {"label": label, "unit": "1"} | formula


def _weights() -> Iterator[tuple[str, Part]]:
    """Give weights as measured, and to one decimal, as table 14-2.01 takes them."""
    weight = {"label": "Weight", "unit": "kg"}
    yield "weight", weight | {"minimum": 20, "maximum": 300, "places": 2, "decimals": 1}
    yield "weight-rounded", weight | {"formula": "round(weight, 1)", "places": 4, "decimals": 1}


def _formulas(analyte: str) -> Iterator[tuple[str, Part]]:
    """Give how far a result lies from a middle, and its step from the visit before.

    From the middle between half the lower limit and one and a half times the upper, in widths of
    its range: so it is high beyond 0.25 and low beyond -0.75. A step is in half widths, to one
    decimal; the report's limits of one analyte, converted, have no decimals.
    """
    lower, upper = f"lower({analyte})", f"upper({analyte})"
    middle, width = f"(0.25 * {lower} + 0.75 * {upper})", f"({upper} - {lower})"
    if analyte in NO_LOWER_LIMIT:
        middle, width = f"0.75 * {upper}", upper
    yield "range", {"formula": f"({analyte} - {middle}) / {width}"}
    if analyte == "mchc":
        width = f"(round({upper}, 0) - round({lower}, 0))"
    step = f"round(2 * ({analyte} - previous({analyte})) / {width}, 1)"
    yield "step", {"formula": step, "at_visits": [START, *UP_TO_WEEK_24]}


def _levels(side: str) -> Iterator[Part]:
    """Give who is low, normal or high at the result that lies farthest to either side."""
    for analyte, label in ANALYTES.items():
        farthest = {"parameter": f"{analyte}-{side}", "after_first_dose": "farthest"}
        measure = farthest | {"at_visits": UP_TO_WEEK_24}
        classes = {"label": label, "measure": measure, "classes": LEVELS[side]}
        yield {"id": analyte, "label": label, "levels": {"characteristic": classes}}


def _highest(name: str) -> Part:
    highest = {"after_first_dose": "highest", "at_visits": UP_TO_WEEK_24}
    return {"parameter": f"{name}-x"} | highest


def _multiples(name: str, visit: str | None = None) -> Part:
    return {"parameter": f"{name}-x"} | ({"at": visit} if visit else {})


def _classes(name: str, visit: str | None = None) -> Part:
    label = ANALYTES.get(name) or HYS_LAW[name][0]
    return {"label": label, "measure": _multiples(name, visit), "classes": THRESHOLD}


def _by_visit() -> Iterator[Part]:
    """Give each analyte at every visit, and its last value up to week 24, with the changes."""
    for analyte, label in ANALYTES.items():
        value: Part = {"parameter": analyte}
        last = value | {"at": "week-24", "missing": "locf-visit"}
        change = {"change_from": FROM_START}
        criteria = {"where": _any_visit(analyte)}
        yield {
            "id": analyte,
            "label": label,
            "visits": [START, *TREATED],
            "summary": value,
        } | MOMENTS
        yield {"id": f"{analyte}-end", "label": "End", "summary": last} | criteria | MOMENTS
        yield {
            "id": f"{analyte}-change",
            "label": f"{label}, change",
            "visits": TREATED,
            "summary": value | change,
        } | MOMENTS
        yield (
            {"id": f"{analyte}-change-end", "label": "End", "summary": last | change}
            | criteria
            | MOMENTS
        )


def _any_visit(analyte: str, visits: list[str] = UP_TO_WEEK_24, **criteria: Any) -> Part:
    """Ask for a result at a visit: who has none has nothing to carry forward."""
    measures = [{"parameter": analyte, "at": visit} | criteria for visit in visits]
    return {"any": [{"measure": measure, "assessed": True} for measure in measures]}


def _shifts() -> Iterator[Part]:
    for analyte, label in ANALYTES.items():
        shift = {"before": _classes(analyte, START), "after": _classes(analyte)}
        row = {"id": analyte, "label": label, "visits": TREATED}
        criteria = {} if analyte in NO_LOWER_LIMIT else {"where": _not_low(analyte)}
        yield row | criteria | {"shift": shift | {"percent_of": "before"}}


def _not_low(analyte: str, timing: Part | None = None) -> Part:
    """Ask for a result of at least half the lower limit: the report leaves out who is lower."""
    return {"measure": {"parameter": f"{analyte}-low"} | (timing or {}), "at_least": 0.5}


def _worst(names: Any) -> Iterator[Part]:
    for name in names:
        after = _classes(name) | {"measure": _highest(name)}
        lowest = {"after_first_dose": "lowest", "at_visits": UP_TO_WEEK_24}
        shift = {"before": f"{name}-at-start", "after": after}
        label = shift["after"]["label"]
        has_limit = name in ANALYTES and name not in NO_LOWER_LIMIT
        criteria = {"where": _not_low(name, lowest)} if has_limit else {}
        yield {"id": name, "label": label, "shift": shift | {"percent_of": "before"}} | criteria
        test = {"count": f"{name}-raised", "strata": [f"{name}-at-start"]}
        yield {"id": f"{name}-raised", "label": "High on treatment", "stratified": test}


def _vital_signs(baseline: str | None = None) -> Iterator[Part]:
    change = {"change_from": baseline} if baseline else {}
    for sign, label in VITAL_SIGNS.items():
        for position, text in POSITIONS.items():
            criteria = {"where": {"position": text}}
            yield {"id": f"{sign}-{position}", "label": f"{label}, {text.lower()}"}
            yield from _times(f"{sign}-{position}", {"parameter": sign} | criteria, change)


def _weight() -> Iterator[Part]:
    yield {"id": "weight", "label": "Weight (kg)"}
    yield from _times("weight", {"parameter": "weight"}, {})
    yield {"id": "weight-change", "label": "Weight change from baseline"}
    change = {"change_from": "baseline-visit"}
    yield from _times("weight-change", {"parameter": "weight"}, change)


def _times(name: str, measure: Part, change: Part) -> Iterator[Part]:
    """Give a vital sign at baseline, at week 24 and at the last planned visit that has it.

    As in the report's data set, who has none after week 2 has no end of treatment.
    """
    times = {"baseline": {"at": "baseline"}, "week-24": {"at": "week-24"}}
    times["end"] = {"at": "week-26", "missing": "locf-visit"}
    for time, timing in times.items():
        if time == "baseline" and change:
            continue
        row = {"id": f"{name}-{time}", "label": time.capitalize(), "level": 1}
        criteria = {key: value for key, value in measure.items() if key == "where"}
        later = _any_visit(measure["parameter"], TREATED[1:], **criteria)
        later_criteria = {"where": later} if time == "end" else {}
        yield row | later_criteria | {"summary": measure | timing | change} | DESCRIBED


def _medication() -> Iterator[Part]:
    yield {"id": "any", "label": "At least one concomitant medication", "count": "medicated"}
    grouping = {
        "recorded": "conmed.recorded",
        "by": ["atc1", "preferred_name"],
        "order": "alphabetical",
    }
    yield {"id": "terms", "label": "Therapeutic class", "record_terms": grouping}
