"""What was measured in the pilot: at visits, and by the central laboratory."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal

import polars as pl
from pilot.writing import (
    LABORATORY,
    Event,
    after,
    event,
    rounded,
    rows,
    sdtm,
    visit_name,
    visit_number,
)

VITAL_SIGNS = {
    "SYSBP": "systolic-blood-pressure",
    "DIABP": "diastolic-blood-pressure",
    "PULSE": "pulse",
    "TEMP": "temperature",
    "WEIGHT": "weight",
    "HEIGHT": "height",
}
QUESTIONNAIRES = {  # data set, test, parameter
    "qsco": ("ACTOT", "adas-cog"),
    "qsgi": ("CIBIC", "cibic"),
    "qsni": ("NPTOT", "npi-x"),
}
BASELINE = "3"


def visits() -> Iterator[Event]:
    """Give every visit, planned or not, with what was measured at it."""
    measured = measurements()
    for row in rows(sdtm("sv").sort("SVSTDTC", "USUBJID", "VISITNUM")):
        number = visit_number(row)
        data = {
            "visit": visit_name(row["VISIT"]),
            "date": row["SVSTDTC"],
            "measurements": measured.get((row["USUBJID"], number), []),
        }
        result = after(row["SVSTDTC"])
        yield event("visit.recorded", row["USUBJID"], f"VISIT-{number}", result, data)


def measurements() -> dict[tuple[str, str], list[dict[str, str]]]:
    """Give what was measured by subject and visit; what was not done is no measurement."""
    values: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows(sdtm("vs").filter(pl.col("VSSTRESC").is_not_null())):
        item = {
            "parameter": VITAL_SIGNS[row["VSTESTCD"]],
            "result": row["VSSTRESC"],
            "unit": row["VSSTRESU"],
        }
        if row["VSTPT"]:
            item["position"] = row["VSTPT"]
        values.setdefault((row["USUBJID"], visit_number(row)), []).append(item)
    for key, parameter, result in _questionnaires():
        values.setdefault(key, []).append({"parameter": parameter, "result": result})
    for key, index in _body_mass_indices(values):
        values[key].append({"parameter": "bmi", "result": index, "unit": "kg/m2"})
    return values


def _questionnaires() -> Iterator[tuple[tuple[str, str], str, str]]:
    """Give total scores; a total prorated for items not done has as many digits as it has."""
    for name, (test, parameter) in QUESTIONNAIRES.items():
        for row in rows(sdtm(name).filter(pl.col("QSTESTCD") == test)):
            result = repr(row["QSSTRESN"]).removesuffix(".0")
            yield (row["USUBJID"], visit_number(row)), parameter, result
    items = sdtm("qsmm").group_by("USUBJID", "VISITNUM").agg(pl.col("QSSTRESN").sum())
    for row in rows(items.sort("USUBJID")):
        yield (row["USUBJID"], visit_number(row)), "mmse", str(int(row["QSSTRESN"]))


def _body_mass_indices(
    measured: Mapping[tuple[str, str], list[dict[str, str]]],
) -> Iterator[tuple[tuple[str, str], str]]:
    """Reckon the index as the case report form does, where weight is taken at baseline."""
    heights = {
        subject: rounded(Decimal(item["result"]), 1)
        for (subject, _), items in measured.items()
        for item in items
        if item["parameter"] == "height"
    }
    for (subject, number), items in measured.items():
        for item in items if number == BASELINE else ():
            if item["parameter"] == "weight":
                metres = heights[subject] / 100
                index = rounded(Decimal(item["result"]), 1) / metres**2
                yield (subject, number), str(rounded(index, 1))


def laboratory_results() -> Iterator[Event]:
    """Give the laboratory's results with the unit and the text that it reported."""
    frame = pl.concat([sdtm("lbch"), sdtm("lbhe")])
    for row in rows(frame.sort("LBDTC", "USUBJID", "LBSEQ")):
        data = {
            "visit": visit_name(row["VISIT"]),
            "parameter": row["LBTESTCD"].lower(),
            "collected": row["LBDTC"],
            "result": row["LBORRES"],
            "unit": row["LBORRESU"] or "1",  # UCUM's unit of what has none
            "range_low": _number(row["LBORNRLO"]),
            "range_high": _number(row["LBORNRHI"]),
        }
        record, result = f"LB-{row['LBSEQ']:.0f}", after(row["LBDTC"], 2)
        yield event("lab.result.reported", row["USUBJID"], record, result, data, LABORATORY)


def _number(text: str | None) -> float | int | None:
    number: float | int | None = json.loads(text) if text else None
    return number
