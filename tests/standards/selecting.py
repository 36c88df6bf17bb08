"""Where-clauses carried out: whom and what they select, from the data sets that they name.

A data set in capitals is one that is published, and is read from its NDJSON. Any other is what was
recorded; its variables are sources of the definition's language for listings, so a listing of just
those is made, by the service, and read the same way.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import studies
from studies import Json, referred

from trial.definition import study
from trial.tables.grid import Listing, Report

Row = Mapping[str, Any]
SUBJECT = "subject"
COMPARATORS: Mapping[str, Callable[[str, Sequence[str]], bool]] = {
    "EQ": lambda value, wanted: value == wanted[0],
    "NE": lambda value, wanted: value != wanted[0],
    "IN": lambda value, wanted: value in wanted,
    "GT": lambda value, wanted: value != "" and Decimal(value) > Decimal(wanted[0]),
    "GE": lambda value, wanted: value != "" and Decimal(value) >= Decimal(wanted[0]),
    "LT": lambda value, wanted: value != "" and Decimal(value) < Decimal(wanted[0]),
    "LE": lambda value, wanted: value != "" and Decimal(value) <= Decimal(wanted[0]),
}


def text(value: object) -> str:
    return "" if value is None else str(value)


def holds(row: Row, condition: Json) -> bool:
    compare = COMPARATORS[condition["comparator"]]
    return compare(text(row[condition["variable"]]), condition["value"])


@dataclass(frozen=True)
class Trial:
    """A study's reporting event, and the data sets that its clauses ask."""

    name: str
    event: Json

    @cached_property
    def rows(self) -> Mapping[str, Mapping[str, Sequence[Row]]]:
        """Give every data set's rows by subject."""
        published = {
            listing.dataset.upper(): self._read(listing, shown, {})
            for shown in [studies.report_of(self.name)]
            for listing in shown.listings
        }
        return {**published, **self._recorded(published)}

    @cached_property
    def subjects(self) -> Sequence[str]:
        return [each.id for each in studies.subjects(self.name)]

    def _recorded(self, published: Mapping[str, object]) -> dict[str, Mapping[str, Sequence[Row]]]:
        wanted: dict[str, set[str]] = {}
        for dataset, variable in self._asked():
            if dataset not in published:
                wanted.setdefault(dataset, set()).add(variable)
        listings, names = [], {}
        for i, (kind, variables) in enumerate(sorted(wanted.items())):
            sources = {f"V{j}": source for j, source in enumerate(sorted(variables - {SUBJECT}))}
            columns = [{"id": "S", "label": "", "source": SUBJECT}] + [
                {"id": name, "label": "", "source": source} for name, source in sources.items()
            ]
            listings.append(
                {"id": f"X{i}", "title": "", "population": "", "records": kind, "columns": columns}
            )
            names[f"X{i}"] = kind, {"S": SUBJECT, **sources}
        whole = json.loads(studies.defined(self.name).source) | {"listings": listings}
        made = studies.reported(study.load(json.dumps(whole)), studies.subjects(self.name))
        return {
            names[each.id][0]: self._read(each, made, names[each.id][1])
            for each in made.listings
            if each.id in names  # others are listed of every study
        }

    def _asked(self) -> Iterator[tuple[str, str]]:
        for condition in referred(self.event, "condition"):
            yield condition["dataset"], condition["variable"]
        for grouping in self.event["analysisGroupings"]:
            if "groupingDataset" in grouping:
                yield grouping["groupingDataset"], grouping["groupingVariable"]

    def _read(
        self, listing: Listing, made: Report, names: Mapping[str, str]
    ) -> Mapping[str, Sequence[Row]]:
        described, rows = studies.data(listing, made)
        columns = [names.get(each["name"], each["name"]) for each in described["columns"]]
        found: dict[str, list[Row]] = {}
        for row in rows:
            found.setdefault(row[0], []).append(dict(zip(columns, row, strict=True)))
        return found

    @cached_property
    def groups(self) -> Mapping[str, Json]:
        return studies.by_id(
            each for one in self.event["analysisGroupings"] for each in one.get("groups", ())
        )

    def meets(self, subject: str, clauses: Sequence[Json]) -> bool:
        """Say whether a subject meets clauses; simple ones of a data set, all in one row."""
        simple: dict[str, list[Json]] = {}
        for each in clauses:
            if "condition" in each:
                simple.setdefault(each["condition"]["dataset"], []).append(each["condition"])
            elif not self._compound(subject, each):
                return False
        return all(self.matching(subject, name, parts) for name, parts in simple.items())

    def matching(self, subject: str, dataset: str, conditions: Sequence[Json]) -> int:
        """Count the rows of a subject in which every condition holds."""
        rows = self.rows[dataset].get(subject, ())
        return sum(all(holds(row, each) for each in conditions) for row in rows)

    def _compound(self, subject: str, clause: Json) -> bool:
        if "subClauseId" in clause:
            return self._compound(subject, self.groups[clause["subClauseId"]])
        if "condition" in clause:
            return self.meets(subject, [clause])
        if "compoundExpression" not in clause:
            return True
        expression = clause["compoundExpression"]
        parts = expression["whereClauses"]
        match expression["logicalOperator"]:
            case "AND":
                return self.meets(subject, parts)
            case "OR":
                return any(self._compound(subject, each) for each in parts)
            case _:
                (part,) = parts
                return not self._compound(subject, part)
