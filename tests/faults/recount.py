"""A document's tables counted again from the listings of its own workbook, by other means.

Reads the published bytes alone: `listings.xlsx` by its labels and `tables.json` by its ids. Nothing
of the service is imported.
"""

import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any

import openpyxl

type Row = Mapping[str, Any]
type Claims = dict[tuple[str, str, str, str], Any]
"""What a table must say: by table, row, column and statistic."""

ABSENT = {None, "Not yet due"}
"""What a listing shows where a derived value is not there."""


def differences(files: Mapping[str, bytes]) -> tuple[int, list[str]]:
    """Recount a document: how many numbers were compared, and those that differ."""
    listings = _listings(files["listings.xlsx"])
    table_numbers, sizes = _stated(json.loads(files["tables.json"]))
    claims = {**_disposition(listings), **_efficacy(listings), **_visits(listings)}
    claims |= {**_safety(listings), **_terms(listings)}
    faults = [
        f"{' '.join(place)}: listed {_plain(expected)}, in the table {table_numbers.get(place)}"
        for place, expected in claims.items()
        if not _same(expected, table_numbers.get(place))
    ]
    terms = {
        place for place in table_numbers if place[0] == "14.3.1.2" and place[1].startswith("term/")
    }
    faults += [
        f"{' '.join(place)}: in no listing"
        for place in terms
        if place[3] == "n" and place not in claims
    ]
    members = _members(listings)
    expected_sizes = {("14.2.1", "day-14"): "itt", ("14.3.1.1", "total"): "safety",
                      ("14.2.3.1", "completers"): "completers"}  # fmt: skip
    faults += [
        f"N of {column}: {sizes[column]}, listed {len(members[name])}"
        for column, name in expected_sizes.items()
        if sizes[column] != len(members[name])
    ]
    return len(claims) + len(expected_sizes), faults


def _listings(workbook: bytes) -> dict[str, list[Row]]:
    book = openpyxl.load_workbook(io.BytesIO(workbook), read_only=True)
    listings: dict[str, list[Row]] = {}
    for sheet in book:
        if not sheet.title.startswith("16."):
            continue
        header: tuple[Any, ...] | None = None
        rows: list[Row] = []
        for values in sheet.iter_rows(values_only=True):
            if header is None:
                header = values if "Subject" in values else None
                continue
            row = dict(zip(header, values, strict=False))
            if str(row.get("Subject") or "").startswith("TMB301-"):
                rows.append(row)
        listings[sheet.title] = rows
    return listings


def _stated(document: Any) -> tuple[Claims, dict[tuple[str, str], int]]:
    numbers = {
        (table["id"], row["id"], cell["column"], cell["statistic"]): cell["raw"]
        for table in document["tables"]
        for row in table["rows"]
        for cell in row["cells"]
    }
    sizes = {(t["id"], c["id"]): c["n"] for t in document["tables"] for c in t["columns"]}
    return numbers, sizes


def _members(listings: Mapping[str, list[Row]]) -> dict[str, set[str]]:
    flags = {"itt": "Intention-to-treat", "safety": "Safety", "completers": "Completers"}
    return {
        name: {row["Subject"] for row in listings["16.2.4"] if row[label] == "Y"}
        for name, label in flags.items()
    }


def _disposition(listings: Mapping[str, list[Row]]) -> Claims:
    members = _members(listings)
    itt = members["itt"]
    died = {row["Subject"] for row in listings["16.2.7.3"]}
    discontinued = {row["Subject"] for row in listings["16.2.1"]}
    counts = {
        "enrolled": itt,
        "treated": itt & members["safety"],
        "completed": itt & members["completers"],
        "discontinued": itt & discontinued,
        "died": itt & died,
    }
    claims: Claims = {
        ("14.1.2", row, "total", "n"): len(subjects) for row, subjects in counts.items()
    }
    claims["14.3.2.1", "deaths", "total", "n"] = len(members["safety"] & died)
    return claims


def _efficacy(listings: Mapping[str, list[Row]]) -> Claims:
    members = _members(listings)
    itt = [row for row in listings["16.2.6.3"] if row["Subject"] in members["itt"]]
    completers = [row for row in itt if row["Subject"] in members["completers"]]
    control, day14 = "Control-period responder", "Day-14 responder"
    claims: Claims = {}
    for column, label in (("control", control), ("day-14", day14)):
        claims["14.2.1", "responders", column, "n"] = _yes(itt, label)
        settled = sum(row[label] not in ABSENT for row in itt)
        claims["14.2.1", "not-due", column, "n"] = len(itt) - settled
    pairs = {"both": "YY", "first": "YN", "second": "NY", "neither": "NN"}
    for name, pair in pairs.items():
        n = sum((row[control], row[day14]) == tuple(pair) for row in itt)
        claims["14.2.1", "pairs", "comparison", name] = n
    claims |= _moments("14.2.2", "decrease", "total", itt, "Day-14 decrease (log10)")
    claims["14.2.2", "at-least-0.5", "total", "n"] = _yes(itt, day14)
    for row, label in (
        ("below-50", "Below 50"),
        ("below-200", "Below 200"),
        ("below-400", "Below 400"),
    ):
        claims["14.2.3.1", row, "itt", "n"] = _yes(itt, label)
        claims["14.2.3.1", row, "completers", "n"] = _yes(completers, label)
    week25 = "Week-25 decrease"
    for column, rows, label in (
        ("bocf", itt, f"{week25}, baseline carried forward"),
        ("locf", itt, f"{week25}, last carried forward"),
        ("observed", itt, f"{week25} (log10)"),
        ("completers", completers, f"{week25} (log10)"),
    ):
        claims |= _moments("14.2.3.2", "decrease", column, rows, label)
    baseline = [row for row in listings["16.2.4.2"] if row["Subject"] in members["itt"]]
    claims |= _moments("14.1.5", "cd4", "total", baseline, "CD4 (cells/uL)")
    return claims | _moments(
        "14.1.5", "viral-load", "total", baseline, "HIV-1 RNA (log10 copies/mL)"
    )


def _visits(listings: Mapping[str, list[Row]]) -> Claims:
    """Count each visit's results again: of 14.2.4 from the rows chosen for it, not by subject."""
    itt = _members(listings)["itt"]
    by_visit: dict[str, list[Row]] = defaultdict(list)
    for row in listings["16.2.6"]:
        if row["Subject"] in itt:
            by_visit[row["Chosen for visit"]].append(row)
    ids = {"Day 7": "day-7", "Day 14": "day-14", "Week 5": "week-5", "Week 25": "week-25"}
    claims: Claims = {}
    for label, name in ids.items():
        rows = by_visit[label]
        claims |= _moments("14.2.4", f"visit/{name}", "value", rows, "log10 as counted")
    return claims


def _safety(listings: Mapping[str, list[Row]]) -> Claims:
    rows = _emergent(listings)
    tests: dict[str, Callable[[Row], bool]] = {
        "any": lambda _: True,
        "related": lambda row: row["Causality"] in ("RELATED", None),
        "grade-3": lambda row: (row["Grade"] or 0) >= 3,
        "serious": lambda row: row["Serious"] == "Y",
        "withdrawn": lambda row: row["Action taken"] == "DRUG WITHDRAWN",
    }
    claims: Claims = {}
    for name, test in tests.items():
        claims |= _events("14.3.1.1", name, filter(test, rows))
    return claims


def _terms(listings: Mapping[str, list[Row]]) -> Claims:
    terms: dict[str, list[Row]] = defaultdict(list)
    for row in _emergent(listings):
        of_class = f"term/{row['System organ class']}"
        terms[of_class].append(row)
        terms[f"{of_class}/{row['Preferred term']}"].append(row)
    claims: Claims = {}
    for name, rows in terms.items():
        claims |= _events("14.3.1.2", name, rows)
    return claims


def _emergent(listings: Mapping[str, list[Row]]) -> list[Row]:
    safety = _members(listings)["safety"]
    return [
        row
        for row in listings["16.2.7"]
        if row["Subject"] in safety and row["Treatment-emergent"] == "Y"
    ]


def _events(table: str, row: str, events: Iterable[Row]) -> Claims:
    rows_met = list(events)
    subjects = {row_["Subject"] for row_ in rows_met}
    return {
        (table, row, "total", "n"): len(subjects),
        (table, row, "total", "events"): len(rows_met),
    }


def _yes(rows: Iterable[Row], label: str) -> int:
    return sum(row[label] == "Y" for row in rows)


def _moments(table: str, row: str, column: str, rows: Iterable[Row], label: str) -> Claims:
    values = [Fraction(str(row_[label])) for row_ in rows if row_[label] not in ABSENT]
    claims: Claims = {(table, row, column, "n"): len(values)}
    if values:
        claims[table, row, column, "mean"] = sum(values) / len(values)
    return claims


def _same(expected: Any, number: Any) -> bool:
    if isinstance(expected, Fraction):
        return number is not None and abs(Fraction(number) - expected) < Fraction(1, 10**9)
    return (number or 0) == expected


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Fraction) else value
