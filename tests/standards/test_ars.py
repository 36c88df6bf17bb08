"""results.json is a reporting event as CDISC's Analysis Results Standard has it, and complete."""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import builders
import hostile
import jsonschema
import pytest
import studies
from studies import STUDIES, Json, by_id, event, event_of, referred, report_of

from trial.definition import study
from trial.render import ars
from trial.tables.grid import Report
from trial.tables.rows.kinds import row_id

SCHEMA = json.loads(
    (Path(__file__).parent / "schemas" / "ars_ldm.schema.json").read_text(encoding="utf-8")
)
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
PER_CENT = "percent"


def errors(document: Json) -> list[str]:
    return [f"{list(error.path)}: {error.message}" for error in VALIDATOR.iter_errors(document)]


DENOMINATORS = {"N", "all_events"}
"""What all levels and terms of a row in a column have one of."""
Statistic = tuple[str, str, str, str, str | None, str]
"""Table, row, column, statistic, raw, text."""


def tabled(report: Report) -> Counter[Statistic]:
    """Read every statistic of every table; what a row's percentages are of, without its level."""
    return Counter(
        (
            grid.id,
            _whole(row.id) if statistic.name in DENOMINATORS else row.id,
            cell.column,
            statistic.name,
            None if statistic.raw is None else str(statistic.raw),
            statistic.text,
        )
        for grid in report.grids
        for row in grid.rows
        for cell in row.cells
        for statistic in cell.statistics
    )


def _whole(row: str) -> str:
    """Give the definition's row: what percentages are of is stated once for rows that share it."""
    return row.partition("/")[0]


def repeated(statistics: Counter[Statistic]) -> set[str]:
    """Name the statistics that are there twice: N may be, as rows of one rule share it."""
    return {statistic[3] for statistic, times in statistics.items() if times > 1}


def stated(reporting_event: Json) -> Counter[Statistic]:
    """Read every result, by what it refers to: an operation, a column, the levels of its row."""
    operations = by_id(
        operation for method in reporting_event["methods"] for operation in method["operations"]
    )
    groups = by_id(
        group
        for grouping in reporting_event["analysisGroupings"]
        for group in grouping.get("groups", ())
    )
    return Counter(statistics_of(reporting_event, operations, groups))


def statistics_of(
    reporting_event: Json, operations: dict[str, Json], groups: dict[str, Json]
) -> Iterator[Statistic]:
    for analysis in reporting_event["analyses"]:
        kind, table, *rest = analysis["id"].split("/")
        assert kind == "analysis"
        part = "/".join(takewhile(lambda piece: "=" not in piece, rest))
        for result in analysis["results"]:
            groups_by_id = {group["groupingId"]: group for group in result["resultGroups"]}
            column = groups_by_id.pop(f"grouping/{table}/columns")
            valued = {name: group for name, group in groups_by_id.items() if "groupValue" in group}
            names = [name for name in valued if name.endswith("/subgroup")]
            subgroup = [valued.pop(name)["groupValue"] for name in names]
            rule, _, inner = part.partition("/")  # a subgroup stands before what a rule gives
            of_rule = [row_id(rule, *subgroup), *filter(None, [inner])]
            values = [group["groupValue"] for group in valued.values()]
            label = operations[result["operationId"]]["label"]
            row = row_id("/".join(of_rule), *values)
            yield (
                table,
                _whole(row) if label in DENOMINATORS else row,
                groups[column["groupId"]]["name"],
                label,
                result.get("rawValue"),
                result["formattedValue"],
            )


@pytest.mark.parametrize("name", STUDIES)
def test_it_conforms_to_the_standards_schema(name: str) -> None:
    assert errors(event_of(name)) == []


@pytest.mark.parametrize("name", STUDIES)
def test_every_statistic_of_every_table_is_there_once_and_nothing_else(name: str) -> None:
    expected, stated_statistics = tabled(report_of(name)), stated(event_of(name))
    assert len(expected) > 900
    assert set(stated_statistics) == set(expected)
    assert repeated(expected) | repeated(stated_statistics) <= DENOMINATORS


@pytest.mark.parametrize("name", STUDIES)
def test_whatever_is_referred_to_is_there(name: str) -> None:
    assert dangling(event_of(name)) == []


def dangling(reporting_event: Json) -> list[str]:
    """Find references without what they name; the schema cannot."""
    analyses, methods = by_id(reporting_event["analyses"]), by_id(reporting_event["methods"])
    groupings = by_id(reporting_event["analysisGroupings"])
    groups = by_id(group for grouping in groupings.values() for group in grouping.get("groups", ()))
    operations = by_id(
        operation for method in methods.values() for operation in method["operations"]
    )
    relations = by_id(
        relation
        for operation in operations.values()
        for relation in operation.get("referencedOperationRelationships", ())
    )
    terms = by_id(
        term
        for extension in reporting_event["terminologyExtensions"]
        for term in extension["sponsorTerms"]
    )
    sections = by_id(
        section
        for display in reporting_event["globalDisplaySections"]
        for section in display["subSections"]
    )
    known_ids = {
        "analysisId": analyses,
        "methodId": methods,
        "operationId": operations,
        "referencedOperationRelationshipId": relations,
        "analysisSetId": by_id(reporting_event["analysisSets"]),
        "dataSubsetId": by_id(reporting_event["dataSubsets"]),
        "groupingId": groupings,
        "groupId": groups,
        "subClauseId": groups,
        "outputId": by_id(reporting_event["outputs"]),
        "sponsorTermId": terms,
        "subSectionId": sections,
    }
    identified = (analyses, methods, operations, relations, terms, groupings, groups)
    assert sum(map(len, identified)) == len(set().union(*identified))
    return [
        f"{name} {reference}"
        for name, ids in known_ids.items()
        for reference in referred(reporting_event, name)
        if reference not in ids
    ]


def test_a_reference_to_nothing_would_be_found() -> None:
    reporting_event = json.loads(json.dumps(event_of("tmb-301")))
    reporting_event["analyses"][0]["methodId"] = "method/none"
    assert dangling(reporting_event) == ["methodId method/none"]


@pytest.mark.parametrize("name", STUDIES)
def test_results_are_of_the_operations_and_groupings_that_their_analysis_names(name: str) -> None:
    reporting_event = event_of(name)
    methods = by_id(reporting_event["methods"])
    for analysis in reporting_event["analyses"]:
        operations = {operation["id"] for operation in methods[analysis["methodId"]]["operations"]}
        groupings = [grouping["groupingId"] for grouping in analysis["orderedGroupings"]]
        assert [grouping["order"] for grouping in analysis["orderedGroupings"]] == [
            *range(1, len(groupings) + 1)
        ]
        for result in analysis["results"]:
            assert result["operationId"] in operations
            assert [group["groupingId"] for group in result["resultGroups"]] == groupings


@pytest.mark.parametrize("name", STUDIES)
def test_each_percentage_names_its_numerator_and_its_denominator(name: str) -> None:
    reporting_event = event_of(name)
    operations = by_id(
        operation for method in reporting_event["methods"] for operation in method["operations"]
    )
    ratios = [operation for operation in operations.values() if operation["label"] == PER_CENT]
    assert len(ratios) >= 2
    for ratio in ratios:
        related = {
            relationship["referencedOperationRole"]["controlledTerm"]: relationship
            for relationship in ratio["referencedOperationRelationships"]
        }
        parts = {role: operations[relation["operationId"]] for role, relation in related.items()}
        assert parts["NUMERATOR"]["label"] == "n"
        assert parts["DENOMINATOR"]["label"] == "N"
        assert all(part["id"].rsplit("/", 1)[0] in ratio["id"] for part in parts.values())


@pytest.mark.parametrize("name", STUDIES)
def test_the_numerator_over_the_denominator_is_the_percentage(name: str) -> None:
    analyses = by_id(event_of(name)["analyses"])
    cells = {id_: cells_of(analysis) for id_, analysis in analyses.items()}
    checked = 0
    for id_, analysis in analyses.items():
        related = {
            relation["referencedOperationRelationshipId"].rsplit("/", 1)[1]: relation["analysisId"]
            for relation in analysis.get("referencedAnalysisOperations", ())
        }
        for groups_of, statistics in cells[id_].items():
            if statistics.get(PER_CENT):
                n = int(cells[related["numerator"]][groups_of]["n"])
                whole = cells[related["denominator"]]
                (size,) = [int(cell["N"]) for groups, cell in whole.items() if groups <= groups_of]
                assert abs(100 * n - float(statistics[PER_CENT]) * size) < 1e-6 * size
                checked += 1
    assert checked > 100


def cells_of(analysis: Json) -> dict[frozenset[str], dict[str, str]]:
    """Give the raw values of an analysis by the groups that they are of, and their operation."""
    cells: dict[frozenset[str], dict[str, str]] = {}
    for result in analysis["results"]:
        operation = result["operationId"].rsplit("/", 1)[1]
        groups = frozenset(map(json.dumps, result["resultGroups"]))
        cells.setdefault(groups, {})[operation] = result.get("rawValue", "")
    return cells


@pytest.mark.parametrize("name", STUDIES)
def test_the_contents_list_the_tables_in_order_with_all_their_analyses(name: str) -> None:
    reporting_event, report = event_of(name), report_of(name)
    items = reporting_event["mainListOfContents"]["contentsList"]["listItems"]
    assert [item["outputId"] for item in items] == [f"output/table/{g.id}" for g in report.grids]
    listed = [inner["analysisId"] for item in items for inner in item["sublist"]["listItems"]]
    assert listed == [analysis["id"] for analysis in reporting_event["analyses"]]
    for item in items:
        table = item["outputId"].split("/")[2]
        assert {
            listitem["analysisId"].split("/")[1] for listitem in item["sublist"]["listItems"]
        } == {table}


@pytest.mark.parametrize("name", STUDIES)
def test_every_table_figure_and_listing_is_an_output_with_its_words_and_files(
    name: str,
) -> None:
    outputs, report = by_id(event_of(name)["outputs"]), report_of(name)
    kinds = (("table", report.grids), ("figure", report.figures), ("listing", report.listings))
    for kind, parts in kinds:
        for part in parts:
            output = outputs.pop(f"output/{kind}/{part.id}")
            texts = [section["text"] for section in referred(output, "subSection")]
            title = f"{kind.capitalize()} {part.id} {part.title}"
            assert texts == [title, part.population, *part.footnotes]
            files = [specification["location"] for specification in output["fileSpecifications"]]
            assert "listings.xlsx" in files
            assert files[1].endswith(".ndjson" if kind == "listing" else ".html")
            if kind == "listing":
                assert files[2:] == [files[1].replace("ndjson", "parquet")]
    assert outputs == {}


def test_analyses_name_the_data_that_they_are_of() -> None:
    analyses = by_id(event_of("tmb-301")["analyses"])
    primary = analyses["analysis/14.2.1/responders/set=itt/of=day14-responder"
                       "/method=count-and-percentage-clopper-pearson-95"]  # fmt: skip
    assert (primary["dataset"], primary["variable"]) == ("ADANL", "AVALC")
    assert primary["analysisSetId"] == "set/itt"
    assert primary["reason"] == {"controlledTerm": "SPECIFIED IN SAP"}
    subset = by_id(event_of("tmb-301")["dataSubsets"])[primary["dataSubsetId"]]
    parts = [clause["condition"] for clause in subset["compoundExpression"]["whereClauses"]]
    assert subset["compoundExpression"]["logicalOperator"] == "AND"
    assert [part["variable"] for part in parts] == ["PARAMCD", "AVALC"]
    assert parts[1] == {
        "dataset": "ADANL",
        "variable": "AVALC",
        "comparator": "EQ",
        "value": ["Y"],
    }
    age = analyses["analysis/14.1.4/age/set=itt/method=summary-statistics"]
    assert (age["dataset"], age["variable"]) == ("ADANL", "AVAL")
    terms = analyses["analysis/14.3.1.2/term/by=soc,pt/set=safety/method=subjects-and-events"]
    assert (terms["dataset"], terms["variable"]) == ("ADANL", "AEDECOD")


def test_methods_say_how_key_results_were_made() -> None:
    names = {method["name"] for name in STUDIES for method in event_of(name)["methods"]}
    assert names >= {
        "Count and percentage",
        "Count and percentage, Clopper-Pearson, 95 %",
        "Count and percentage, Kaplan-Meier",
        "Subjects and events",
        "Summary statistics",
        "Summary statistics, BOCF",
        "analysis of covariance, type III F test",
        "exact McNemar; Tango score, 95 %",
        "log-rank",
        "one-way analysis of variance",
    }


def test_a_role_makes_an_analysis_an_outcome_measure_and_others_have_none() -> None:
    document = event(
        report_of("tmb-301"),
        studies.defined("tmb-301").definition,
        roles={("14.2.1", "responders"): "primary"},
    )
    assert errors(document) == []
    purposes = {
        (analysis["id"].split("/")[2], next(iter(analysis["purpose"].values())))
        for analysis in document["analyses"]
        if analysis["id"].startswith("analysis/14.2.1/")
    }
    assert ("responders", "PRIMARY OUTCOME MEASURE") in purposes
    assert ("pairs", "term/purpose/no-role") in purposes


def test_ids_stay_when_the_data_grow() -> None:
    defined, states = studies.defined("tmb-301"), studies.subjects("tmb-301")
    early = event(studies.reported(defined, states[:8]), defined.definition)
    full = event_of("tmb-301")
    for name in ("analyses", "methods", "analysisGroupings", "dataSubsets", "outputs"):
        assert by_id(early[name]).keys() <= by_id(full[name]).keys()
    assert len(early["analyses"]) > len(full["analyses"]) * 0.9


def test_the_order_of_arrival_changes_no_byte() -> None:
    defined = studies.defined("tmb-301")
    events = list(studies.entries("tmb-301"))
    random.Random(7).shuffle(events)  # noqa: S311 (an order, no secret)
    report = studies.reported(defined, builders.subjects([*events, *events[:50]]))
    pieces = ars.results(report, defined.definition)
    assert b"".join(pieces) == b"".join(ars.results(report_of("tmb-301"), defined.definition))


def test_neither_hash_seed_nor_time_zone_nor_locale_changes_a_byte() -> None:
    """Another process makes the bytes that this one makes."""
    settings = {"PYTHONHASHSEED": "4242", "TZ": "Asia/Taipei", "LC_ALL": "C"}
    settings["PYTHONPATH"] = os.pathsep.join(sys.path)
    process = subprocess.run(
        [sys.executable, "-c", "import hostile; print(hostile.digest_with_another())"],
        env={**os.environ, **settings},
        check=True,
        capture_output=True,
        text=True,
    )
    assert process.stdout.strip() == hostile.digest_with_another()


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_without_events_conforms_too(name: str) -> None:
    defined = studies.defined(name)
    document = event(studies.reported(defined, []), defined.definition)
    assert errors(document) == []
    assert dangling(document) == []
    assert document["version"] == 0
    assert len(document["analysisSets"]) >= len(defined.definition.sets)


def test_hostile_texts_stay_what_they_are() -> None:
    report = hostile.report()
    document = event(report, hostile.definition())
    assert errors(document) == []
    assert dangling(document) == []
    assert stated(document) == tabled(report)
    assert set(referred(document["analyses"], "groupValue")) == hostile.TEXTS


def test_no_arm_is_in_what_the_open_audience_reads() -> None:
    whole = json.loads(studies.defined("airway-2x2").source)
    blind = study.load(json.dumps(whole | {"blinded": True}))
    entries = studies.entries("airway-2x2")
    documents = {
        view.audience: json.dumps(
            event(builders.report_of(blind, entries, view), view.definition), ensure_ascii=False
        )
        for view in blind.views
    }
    for arm in blind.definition.arms:
        assert f'"{arm.id}"' in documents["unblinded"]
        assert arm.label in documents["unblinded"]
        assert f'"{arm.id}"' not in documents["open"]
        assert arm.label not in documents["open"]
    for document in documents.values():
        assert errors(json.loads(document)) == []
        assert dangling(json.loads(document)) == []


def test_a_figure_is_an_output_too() -> None:
    report = replace(report_of("tmb-301"), figures=(hostile.FIGURE,))
    document: Any = event(report, studies.defined("tmb-301").definition)
    assert errors(document) == []
    assert "output/figure/14.2.2" in by_id(document["outputs"])
