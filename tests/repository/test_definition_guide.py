"""The guide to study definitions and the JSON Schema say what the models say."""

import json
import re
from pathlib import Path
from typing import Any

import builders
import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from local import schema
from trial.definition import Definition, reporting, study
from trial.definition.conditions import (
    CONDITION_FORMS,
    MEASURE_FORMS,
    AdverseEventFilter,
    AdverseEvents,
    TimeToEvent,
)
from trial.definition.design import Arm, Baseline, Characteristic, Parameter, Period, Visit
from trial.definition.estimands import Estimand, IntercurrentEvent
from trial.definition.exposure import Exposure
from trial.definition.figures import FIGURE_KINDS, FigureDefinition, FigureSource, Reference
from trial.definition.flow import FlowBox, FlowDefinition, FlowStage
from trial.definition.grading import Criterion, GradedTerm, GradeRule, Grades, Premise, Scale
from trial.definition.intervals import IntervalDefinition
from trial.definition.medications import Medications
from trial.definition.outputs import (
    COLUMN_FORMS,
    ROW_KINDS,
    Ancova,
    Cross,
    Deltas,
    Durations,
    EventRate,
    HazardRatio,
    Incidence,
    KeyResultDefinition,
    ListingDefinition,
    Logistic,
    Mmrm,
    MultipleImputation,
    RecordTerms,
    RestrictedMean,
    Shift,
    Statistics,
    Stratified,
    Subgroups,
    Survival,
    Table,
    TableRow,
    Terms,
    WorstGrade,
    WorstRow,
)
from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.reporting import report
from trial.subject import acceptance
from trial.subject.fold import Subject
from trial.tables import checking, figures
from trial.tables.grid import Grid

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "study-definition.md").read_text(encoding="utf-8")
SCHEMA = (ROOT / "docs" / "study-definition.schema.json").read_text(encoding="utf-8")
EXAMPLE, *PARTS = re.findall(r"^```yaml\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
"""The complete definition, and parts that stand further below: each is taken with it."""
FOLDER = ROOT / "events" / "example"
FEED = FOLDER / "feed.ndjson"
PROSE = re.sub(r"^```.*?^```", "", GUIDE, flags=re.DOTALL | re.MULTILINE)
DEFINITIONS = [
    str(path.relative_to(ROOT))
    for folder in ("docs", "events", "tests")
    for path in sorted((ROOT / folder).glob("*/definition.yaml"))
]


def example() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(EXAMPLE)
    return loaded


def with_part(part: dict[str, Any]) -> dict[str, Any]:
    """Add a part to the complete definition; its `rows` and `columns` make a table of their own."""
    definition, part = example(), dict(part)
    table = dict(definition["tables"][1]) | {"id": "part", "title": "Part"}
    table |= {name: part.pop(name) for name in ("columns", "rows") if name in part}
    part.setdefault("tables", []).append(table)
    if "figures" in part:  # those of the guide are of the rows beside them
        sources = [figure["source"] | {"table": "part"} for figure in part["figures"]]
        part["figures"] = [
            figure | {"source": source}
            for figure, source in zip(part["figures"], sources, strict=True)
        ]
    for name, value in part.items():
        if isinstance(value, list):
            definition[name] = [*definition.get(name, []), *value]
        elif isinstance(value, dict):
            definition[name] = definition.get(name, {}) | value
        else:
            definition[name] = value
    return definition


def loaded() -> Study:
    return study.load(json.dumps(example()))


def feed() -> list[Entry]:
    return [builders.read(line, "DEMO-1") for line in FEED.read_text("utf-8").splitlines()]


def people() -> dict[str, Subject]:
    return builders.subjects(feed())


def texts(grid: Grid, row: str, column: str) -> dict[str, str]:
    return {
        statistic.name: statistic.text for statistic in builders.cell(grid, row, column).statistics
    }


class TestExample:
    def test_it_is_the_file_that_can_be_replayed(self):
        assert (FOLDER / "definition.yaml").read_text(encoding="utf-8") == EXAMPLE

    def test_it_is_accepted_as_it_stands_and_takes_its_events(self):
        checking.check_definition(loaded())
        for event in feed():
            acceptance.check_acceptable(loaded(), event)

    def test_it_gives_the_numbers_that_stand_below_it(self):
        grid = builders.tables_of(loaded(), feed())["14.2"]
        numbers = {
            column: texts(grid, "responders", column) | texts(grid, "change", column)
            for column in ("drug", "placebo")
        }
        assert (numbers["drug"]["percent"], numbers["drug"]["mean"]) == ("50", "-12.5")
        assert (numbers["placebo"]["percent"], numbers["placebo"]["mean"]) == ("", "-1.0")
        assert "give 1 (50%) against 0 responders and mean changes of -12.5 and -1.0" in (
            GUIDE.replace("\n", " ")
        )
        assert texts(grid, "responders", "against")["difference"] == "50.0"
        assert texts(grid, "change", "against")["difference"] == "-11.5"

    def test_its_other_tables_and_its_flow_add_up(self):
        grids = builders.tables_of(loaded(), feed())
        assert texts(grids["14.1"], "region/north", "total")["n"] == "3"
        for column in ("drug", "placebo"):
            assert texts(grids["14.3"], "any", column) == {
                "n": "1", "N": "2", "percent": "50", "events": "1",
            }  # fmt: skip
        sums = builders.sums_of(loaded(), people())
        flow = report.flow(loaded(), sums)
        assert flow.discrepancies == ()
        assert [(box.arm, box.n) for box in flow.stages[1].side] == [("Drug", 0), ("Placebo", 1)]
        assert report.summary(loaded(), sums)[0].text == "1 (50%)"

    def test_its_figure_shows_the_means_by_visit(self):
        sums = builders.sums_of(loaded(), people())
        (figure,) = figures.figures(loaded(), sums)
        assert [
            [(mark.x, mark.y, mark.n) for mark in series.marks] for series in figure.series
        ] == [
            [("1", "150", 2), ("29", "150", 2), ("57", "149", 2)],
            [("1", "150", 2), ("29", "145", 2), ("57", "137.5", 2)],
        ]

    def test_its_feed_has_a_correction_and_a_repeat(self):
        keys = [(entry.subject, entry.kind, entry.record, entry.revision) for entry in feed()]
        assert len(keys) == len(set(keys)) + 1
        assert any(revision > 1 for *_, revision in keys)


@pytest.mark.parametrize("text", PARTS, ids=lambda text: text.split(":")[0])
def test_each_part_is_accepted_with_the_example_and_prints_its_rows(text: str):
    definition = study.load(json.dumps(with_part(yaml.safe_load(text))))
    checking.check_definition(definition)
    assert schema_errors(with_part(yaml.safe_load(text))) == []
    sums = builders.sums_of(definition, people())
    (grid,) = (grid for grid in report.tables(definition, sums) if grid.id == "part")
    rows = yaml.safe_load(text).get("rows", [])
    row_ids = {row.id.split("/")[0] for row in grid.rows if any(c.statistics for c in row.cells)}
    assert {row["id"] for row in rows} <= row_ids


def schema_errors(definition: dict[str, Any]) -> list[str]:
    return [error.json_path for error in TestSchema.VALIDATOR.iter_errors(definition)]


class TestErrors:
    def test_the_fault_that_is_shown_is_the_one_that_is_found(self):
        match = re.search(r'"pointer": "(.*?)", "at": "(.*?)",\s+"detail": "(.*?)"', GUIDE)
        assert match is not None
        faulty = example()
        faulty["tables"][1]["rows"][0]["count"] = "respondr"
        with pytest.raises(Rejected) as caught:
            checking.check_definition(study.load(json.dumps(faulty)))
        (fault,) = caught.value.faults
        assert (fault.pointer, fault.location, fault.detail) == match.groups()


def named() -> set[str]:
    return set(re.findall(r"`([\w-]+)`", PROSE))


class TestPieces:
    """The pieces of definitions that stand in sentences are accepted."""

    @pytest.mark.parametrize("text", re.findall(r"`(\{exposure: .*?\}\})`", PROSE, re.DOTALL))
    def test_an_exposure(self, text):
        measures = example()["measures"] | {"new": yaml.safe_load(text)}
        checking.check_definition(study.load(json.dumps(example() | {"measures": measures})))

    def test_how_medication_is_read(self):
        (text,) = re.findall(r"`medications: (\{.*?\})`", PROSE, re.DOTALL)
        (condition,) = re.findall(r"`(\{recorded: conmed.recorded, .*?\}\})`", PROSE, re.DOTALL)
        for rows in re.findall(r"`record_terms: (\{.*?\})`", PROSE, re.DOTALL):
            row = {"id": "new", "label": "New", "record_terms": yaml.safe_load(rows)}
            tables = [example()["tables"][0] | {"rows": [row]}]
            whole = example() | {"tables": tables, "testing": None, "key_results": [],
                                 "figures": [], "consort": {}}  # fmt: skip
            checking.check_definition(study.load(json.dumps(whole)))
        conditions = example()["conditions"] | {"new": yaml.safe_load(condition)}
        whole = example() | {"medications": yaml.safe_load(text), "conditions": conditions}
        checking.check_definition(study.load(json.dumps(whole)))


class TestReference:
    def test_every_section_has_its_row(self):
        rows = set(re.findall(r"^\| `(\w+)` \|", PROSE, re.MULTILINE))
        assert Definition.model_fields.keys() <= rows | {
            "study", "title", "registry", "notice", "design",
        }  # fmt: skip
        assert Definition.model_fields.keys() <= named()

    @pytest.mark.parametrize(
        "model",
        [Arm, Period, Visit, Characteristic, Parameter, Baseline, AdverseEvents, Medications,
         Exposure, RecordTerms, Durations, Scale, GradedTerm, GradeRule, Criterion, Premise, Grades,
         WorstGrade,
         AdverseEventFilter, Table, TableRow, Terms, WorstRow, Stratified, Ancova, Survival,
         HazardRatio, Logistic, EventRate, Mmrm, MultipleImputation, Deltas, RestrictedMean,
         TimeToEvent,
         Incidence, Shift, Cross, Subgroups, IntervalDefinition, KeyResultDefinition,
         FigureDefinition, FigureSource, Reference,
         FlowDefinition, FlowBox, FlowStage, ListingDefinition, reporting.Testing,
         Estimand, IntercurrentEvent, reporting.Look, reporting.CompletionDefinition],
        ids=lambda model: model.__name__,
    )  # fmt: skip
    def test_every_field_is_named(self, model: type[BaseModel]):
        assert model.model_fields.keys() - named() == set()

    @pytest.mark.parametrize(
        "forms",
        [ROW_KINDS, MEASURE_FORMS, CONDITION_FORMS, COLUMN_FORMS],
        ids=["row", "measure", "condition", "column"],
    )
    def test_every_form_has_a_row_that_names_what_it_takes(self, forms):
        rows = re.findall(r"^\| ([^|]*)\|([^|]*)\|[^|]*\|$", PROSE, re.MULTILINE)
        for name, parts in forms.items():
            rows_of_form = [row for form, row in rows if f"`{name}`" in form]
            parts_taken = set(parts) - {"at_least", "more_than", "at_most", "below"}
            assert any(parts_taken <= set(re.findall(r"`(\w+)`", row)) for row in rows_of_form), (
                name
            )

    def test_every_kind_of_figure_has_a_row_that_names_its_row(self):
        rows = re.findall(r"^\| `(\w+)` \| `(\w+)`[^|]*\|[^|]*\|$", PROSE, re.MULTILINE)
        assert {(kind, first) for kind, (first, *_) in FIGURE_KINDS.items()} <= set(rows)

    def test_every_statistic_is_named(self):
        statistics = Statistics.__args__[0].__args__
        assert set(statistics) <= named()


class TestSchema:
    VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA))

    def test_it_is_what_the_models_make(self):
        assert schema.text() == SCHEMA

    def test_it_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMA))

    @pytest.mark.parametrize("path", DEFINITIONS)
    def test_the_definitions_that_are_shipped_are_valid(self, path):
        definition = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
        assert [error.json_path for error in self.VALIDATOR.iter_errors(definition)] == []

    def test_the_example_is_valid(self):
        assert [error.json_path for error in self.VALIDATOR.iter_errors(example())] == []

    @pytest.mark.parametrize(
        ("part", "value"),
        [("arms", [{"id": "a", "lable": "A"}]), ("design", "cohort"), ("shards", 25),
         ("sets", {"a b": {"label": "A", "condition": "randomised"}}), ("extra", 1),
         ("visits", [{"id": "v", "label": "V", "day": 1, "window": [1]}]),
         ("conditions", {"c": {"none": [{"recordet": "x"}]}})],
    )  # fmt: skip
    def test_what_the_models_refuse_it_refuses(self, part, value):
        faulty = example() | {part: value}
        assert not self.VALIDATOR.is_valid(faulty)
        with pytest.raises(Rejected):
            study.load(json.dumps(faulty))

    def test_every_part_says_what_it_is(self):
        parts = json.loads(SCHEMA)["$defs"]
        assert [name for name, part in parts.items() if not part.get("description")] == []
