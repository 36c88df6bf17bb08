"""Where-clauses carried out: whom and what they select, from the delivered data sets alone.

A data subset is conditions on records of one data set, all of which hold of one record; so are
the levels and terms that a result is of. Sets and arms are conditions on subjects.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

from trial.render import datasets
from trial.tables.grid import Cut, Listing, Report

Json = dict[str, Any]
Row = Mapping[str, Any]
COMPARATORS: Mapping[str, Callable[[str, Sequence[str]], bool]] = {
    "EQ": lambda value, values: value == values[0],
    "NE": lambda value, values: value != values[0],
    "IN": lambda value, values: value in values,
}
COUNTS = {
    "n", "N", "events", "not_due", "missing", "observed", "imputed", "baseline", "censored",
    "undated", "both", "first", "second", "neither", "resolved",
    "all_events",
}  # fmt: skip
"""The operations that count subjects; or the records of different events, as `EVENTS` do."""
EVENTS = {"events", "all_events", "resolved"}
YEARS, DAYS_PER_YEAR = "years", Fraction(1461, 4)
"""The operation that adds time at risk up."""


def data(listing: Listing, cut: Cut) -> tuple[Json, list[list[Any]]]:
    """Read a data set the way NDJSON is read: a JSON value a line."""
    content = b"".join(datasets.dataset(listing, cut))
    described, *rows = (json.loads(line) for line in content.removesuffix(b"\n").split(b"\n"))
    return described, rows


def delivered(report: Report) -> Sequence[Listing]:
    """Give all that is delivered as data sets."""
    return (*report.listings, *report.analysis_data)


def by_id(items: Iterable[Json]) -> dict[str, Json]:
    objects = list(items)
    by_key = {item["id"]: item for item in objects}
    assert len(by_key) == len(objects)
    return by_key


def text(value: object) -> str:
    return "" if value is None else str(value)


def holds(row: Row, condition: Json) -> bool:
    compare = COMPARATORS[condition["comparator"]]
    return compare(text(row[condition["variable"]]), condition["value"])


def simple(clause: Json) -> Iterator[Json]:
    """Give the conditions of a clause that are joined by AND alone."""
    if "condition" in clause:
        yield clause["condition"]
    else:
        expression = clause["compoundExpression"]
        assert expression["logicalOperator"] == "AND"
        for part in expression["whereClauses"]:
            yield from simple(part)


@dataclass(frozen=True)
class Counted:
    """A count as it is stated, and what carrying out its clauses gives in its place."""

    place: str
    stated_number: int
    recounted_number: int


@dataclass(frozen=True)
class Trial:
    """A report, its reporting event, and its data sets as files."""

    report: Report
    event: Json

    @cached_property
    def rows(self) -> Mapping[str, Sequence[Row]]:
        """Read every data set that is delivered, by its name."""
        datasets_read = [data(listing, self.report.cut) for listing in delivered(self.report)]
        return {
            described["name"]: [
                dict(zip([column["name"] for column in described["columns"]], row, strict=True))
                for row in rows
            ]
            for described, rows in datasets_read
        }

    @cached_property
    def parameters(self) -> Mapping[tuple[str, str], Sequence[Row]]:
        """Sort the records of data sets of parameters, for every subset names one."""
        rows_of: dict[tuple[str, str], list[Row]] = {}
        for name, rows in self.rows.items():
            for row in rows:
                if "PARAMCD" in row:
                    rows_of.setdefault((name, row["PARAMCD"]), []).append(row)
        return rows_of

    @cached_property
    def groups(self) -> Mapping[str, Json]:
        return by_id(
            group
            for grouping in self.event["analysisGroupings"]
            for group in grouping.get("groups", ())
        )

    def subjects(self, clause: Json) -> set[str]:
        """Name the subjects that a clause on subjects selects."""
        if "subClauseId" in clause:
            return self.subjects(self.groups[clause["subClauseId"]])
        if "condition" in clause:
            condition = clause["condition"]
            rows = self.rows[condition["dataset"]]
            return {row["USUBJID"] for row in rows if holds(row, condition)}
        parts = [self.subjects(part) for part in clause["compoundExpression"]["whereClauses"]]
        joined = (
            set.union
            if clause["compoundExpression"]["logicalOperator"] == "OR"
            else (set.intersection)
        )
        return joined(*parts)

    def records(self, subset: Json, groups: Sequence[Json]) -> list[Row]:
        """Give the records that a data subset and the groups of a result select."""
        conditions = [
            *simple(subset),
            *(condition for group in groups for condition in simple(group)),
        ]
        (dataset,) = {condition["dataset"] for condition in conditions}
        (code,) = [
            condition["value"][0] for condition in conditions if condition["variable"] == "PARAMCD"
        ]
        rows = self.parameters.get((dataset, code), ())
        return [row for row in rows if all(holds(row, condition) for condition in conditions)]

    def selected(self, analysis: Json, result: Json, *, or_none: bool = False) -> list[Row]:
        """Give the records that a result is of, by all that its analysis and groups say.

        With `or_none` a record without a value of a grouping variable is of all of its groups.
        """
        subjects = self.subjects(self._by_id["analysisSets"][analysis["analysisSetId"]])
        subset = self._by_id["dataSubsets"][analysis["dataSubsetId"]]
        of_records = []
        for group in self._groups_of(result, or_none=or_none):
            conditions = list(_conditions(group))
            if {condition["dataset"] for condition in conditions} == {analysis["dataset"]}:
                of_records.append(group)
            elif conditions or "compoundExpression" in group:
                subjects = subjects & self.subjects(group)
        return [row for row in self.records(subset, of_records) if row["USUBJID"] in subjects]

    def _groups_of(self, result: Json, *, or_none: bool) -> Iterator[Json]:
        groupings = self._by_id["analysisGroupings"]
        for group in result["resultGroups"]:
            if "groupId" in group:
                yield self.groups[group["groupId"]]
            else:
                grouping = groupings[group["groupingId"]]
                yield {
                    "condition": {
                        "dataset": grouping["groupingDataset"],
                        "variable": grouping["groupingVariable"],
                        "comparator": "IN",
                        "value": [group["groupValue"], *([""] if or_none else [])],
                    }
                }

    @cached_property
    def _by_id(self) -> Mapping[str, Mapping[str, Json]]:
        names = ("analysisSets", "dataSubsets", "analysisGroupings")
        return {name: by_id(self.event[name]) for name in names}

    def counts(self) -> Iterator[Counted]:
        """Carry out every count of the event."""
        for analysis in self.event["analyses"]:
            for result in analysis["results"]:
                operation = result["operationId"].rsplit("/", 1)[1]
                groups = [
                    group.get("groupValue", group.get("groupId"))
                    for group in result["resultGroups"]
                ]
                place = f"{analysis['id']} {operation} {groups}"
                if operation in COUNTS and "rawValue" in result:
                    rows = self.selected(analysis, result)
                    of_events = operation in EVENTS
                    counted_keys = {(row["USUBJID"], of_events and row["AESPID"]) for row in rows}
                    yield Counted(place, int(result["rawValue"]), len(counted_keys))
                elif operation == YEARS and "rawValue" in result:
                    days = round(Fraction(Decimal(result["rawValue"])) * DAYS_PER_YEAR)
                    yield Counted(place, days, self._days(analysis, result))

    def _days(self, analysis: Json, result: Json) -> int:
        """Add up the days at risk of each subject: to its first event selected, or to the end."""
        days: dict[str, int] = {}
        for row in self.selected(analysis, result, or_none=True):
            if (value := row[analysis["variable"]]) is not None:
                subject = row["USUBJID"]
                days[subject] = min(int(value), days.get(subject, int(value)))
        return sum(days.values())

    def differences(self) -> list[Counted]:
        return [count for count in self.counts() if count.stated_number != count.recounted_number]

    def incomplete(self) -> list[str]:
        """Name the analyses that lack a set, a subset, a variable or a method."""
        needed = {"analysisSetId", "dataSubsetId", "dataset", "variable", "methodId"}
        return [analysis["id"] for analysis in self.event["analyses"] if needed - analysis.keys()]

    def undelivered(self) -> set[tuple[str, str]]:
        """Name the variables that conditions and analyses ask for and no data set has."""
        delivered_names = {
            (described["name"], column["name"])
            for described, _ in (
                data(listing, self.report.cut) for listing in delivered(self.report)
            )
            for column in described["columns"]
        }
        variables_named = {
            (reference["dataset"], reference["variable"])
            for reference in named(self.event, "variable")
        }
        variables_named |= {
            (reference["groupingDataset"], reference["groupingVariable"])
            for reference in named(self.event, "groupingVariable")
        }
        return variables_named - delivered_names


def named(value: Any, name: str) -> Iterator[Json]:
    """Give every object that has a member of a name."""
    if isinstance(value, Mapping):
        if name in value:
            yield dict(value)
        for inner in value.values():
            yield from named(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from named(inner, name)


def _conditions(group: Json) -> Iterator[Json]:
    if "condition" in group:
        yield group["condition"]
