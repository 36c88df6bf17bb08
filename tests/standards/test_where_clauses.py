"""Where-clauses are not for show: carried out on the data sets, they select whom was counted."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import pytest
import studies
from selecting import Trial
from studies import STUDIES, Json, by_id, event_of

from trial.definition.outputs import TableRow


@dataclass(frozen=True)
class Checked:
    """A result, and what carrying out its clauses gives in its place."""

    at: str
    operation: str
    stated: int
    found: int


@cache
def trial(name: str) -> Trial:
    return Trial(name, event_of(name))


def clauses_of(result: Json, groupings: dict[str, Json], groups: dict[str, Json]) -> list[Json]:
    """Give the clauses of a result's groups: those that are defined, and those that data gave."""
    found = []
    for each in result["resultGroups"]:
        grouping = groupings[each["groupingId"]]
        if "groupId" in each:
            found.append(groups[each["groupId"]])
        else:
            found.append(
                {
                    "condition": {
                        "dataset": grouping["groupingDataset"],
                        "variable": grouping["groupingVariable"],
                        "comparator": "EQ",
                        "value": [each["groupValue"]],
                    }
                }
            )
    return [each for each in found if "condition" in each or "compoundExpression" in each]


@cache
def rules(name: str) -> dict[tuple[str, str], TableRow]:
    tables = studies.defined(name).definition.tables
    return {(table.id, row.id): row for table in tables for row in table.rows}


def is_selection(name: str, analysis: Json) -> bool:
    """Say whether clauses alone decide who is counted.

    The worst of several events, strata, times and classes before and after are more than that.
    """
    method = analysis["methodId"].removeprefix("method/")
    _, table, rule, *_ = analysis["id"].split("/")
    row = rules(name)[table, rule]
    worst = row.worst or (row.terms and row.terms.worst and ",level" in analysis["id"])
    if worst or row.stratified or row.shift or row.survival:
        return False
    by_level = row.levels is not None and "by=level" in analysis["id"]
    counts = method.startswith(("count-and-percentage", "subjects-and-events"))
    return counts and ("dataSubsetId" in analysis or by_level)


@cache
def members_of(name: str, analysis_set: str) -> list[str]:
    """Name the subjects that an analysis set's clauses select."""
    clauses = [by_id(event_of(name)["analysisSets"])[analysis_set]]
    return [subject for subject in trial(name).subjects if trial(name).meets(subject, clauses)]


def checked(name: str) -> Iterator[Checked]:
    made, seen = event_of(name), trial(name)
    subsets = by_id(made["dataSubsets"])
    groupings = by_id(made["analysisGroupings"])
    for analysis in made["analyses"]:
        if not is_selection(name, analysis):
            continue
        members = members_of(name, analysis["analysisSetId"])
        subset = [subsets[analysis["dataSubsetId"]]] if "dataSubsetId" in analysis else []
        for result in analysis["results"]:
            operation = result["operationId"].rsplit("/", 1)[1]
            values = "".join(each.get("groupValue", "") for each in result["resultGroups"])
            if operation not in ("n", "events") or "rawValue" not in result:
                continue
            clauses = [*subset, *clauses_of(result, groupings, dict(seen.groups))]
            if "/method=subjects-and-events" in analysis["id"]:
                clauses = [inner for each in clauses for inner in apart(each)]
            counted = [each for each in members if seen.meets(each, clauses)]
            again = len(counted)
            if operation == "events":
                of_events = [
                    each["condition"]
                    for each in clauses
                    if each["condition"]["dataset"] == analysis["dataset"]
                ]
                again = sum(seen.matching(each, analysis["dataset"], of_events) for each in counted)
            yield Checked(f"{analysis['id']} {values}", operation, int(result["rawValue"]), again)


def apart(clause: Json) -> Iterator[Json]:
    """Take clauses that are joined by AND apart: of events, all must hold of one."""
    expression = clause.get("compoundExpression")
    if expression is None or expression["logicalOperator"] != "AND":
        yield clause
        return
    for each in expression["whereClauses"]:
        yield from apart(each)


@pytest.mark.parametrize(("name", "least"), [("tmb-301", 150), ("airway-2x2", 60), ("pilot", 60)])
def test_carried_out_they_count_what_the_tables_say(name: str, least: int) -> None:
    results = list(checked(name))
    assert [each for each in results if each.stated != each.found] == []
    assert Counter(each.stated > 0 for each in results)[True] >= least


@pytest.mark.parametrize(("name", "least"), [("tmb-301", 15), ("airway-2x2", 15), ("pilot", 20)])
def test_subsets_of_denominators_select_as_many_as_percentages_are_of(
    name: str, least: int
) -> None:
    made, seen = event_of(name), trial(name)
    sets, subsets = by_id(made["analysisSets"]), by_id(made["dataSubsets"])
    groups = dict(seen.groups)
    checked = 0
    for analysis in made["analyses"]:
        if "/denominator/" not in analysis["id"]:
            continue
        of = [sets[analysis["analysisSetId"]], subsets[analysis["dataSubsetId"]]]
        for result in analysis["results"]:
            assert result["operationId"].endswith("/N")
            arms = [groups[each["groupId"]] for each in result["resultGroups"]
                    if each.get("groupId", "").startswith("grouping/arm/")]  # fmt: skip
            found = [each for each in seen.subjects if seen.meets(each, [*of, *arms])]
            assert len(found) == int(result["rawValue"]), analysis["id"]
            checked += 1
    assert checked >= least


@pytest.mark.parametrize("name", STUDIES)
def test_analysis_sets_select_as_many_subjects_as_their_columns_have(name: str) -> None:
    seen, sets = trial(name), by_id(event_of(name)["analysisSets"])
    sizes = {
        (column.set, shown.n)
        for table, grid in zip(
            studies.defined(name).definition.tables, studies.report_of(name).grids, strict=True
        )
        for column, shown in zip(table.columns, grid.columns, strict=True)
        if column.set and not column.arm
    }
    assert sizes
    for of, n in sizes:
        members = [each for each in seen.subjects if seen.meets(each, [sets[f"set/{of}"]])]
        assert len(members) == n, of


@pytest.mark.parametrize("name", STUDIES)
def test_every_set_says_who_is_in_it(name: str) -> None:
    for each in event_of(name)["analysisSets"]:
        assert "condition" in each or "compoundExpression" in each, each["id"]
        assert each["description"].startswith("As defined: ")
