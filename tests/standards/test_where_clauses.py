"""Where-clauses are not for show: carried out on the data sets, they count what tables say."""

from collections import Counter
from decimal import Decimal
from fractions import Fraction
from statistics import stdev

import blinded
import builders
import pytest
import studies
from hypothesis import HealthCheck, given, settings
from selecting import Trial
from studies import STUDIES, by_id, event_of, trial_of

from trial.definition.outputs import ROW_KINDS
from trial.definition.study import Study
from trial.subject.derivation import Derivation
from trial.tables.analysis.kinds import analysis_of
from trial.tables.compiled import compiled
from trial.tables.rows.counts import HeadingRow

COUNTED = {"tmb-301": 500, "airway-2x2": 750, "pilot": 2300, "islet": 1100}


@pytest.mark.parametrize("name", STUDIES)
def test_carried_out_they_count_what_the_tables_say(name: str) -> None:
    counts = list(trial_of(name).counts())
    assert [count for count in counts if count.stated_number != count.recounted_number] == []
    assert len(counts) >= COUNTED[name]
    assert Counter(count.stated_number > 0 for count in counts)[True] > len(counts) / 2


@pytest.mark.parametrize(("name", "least"), [("airway-2x2", 2), ("pilot", 3), ("islet", 12)])
def test_time_at_risk_is_carried_out_too(name: str, least: int) -> None:
    """Of all events and, in islet, by term: each term's first event ends a subject's time."""
    years = [count for count in trial_of(name).counts() if " years [" in count.place]
    assert len(years) >= least
    assert [year for year in years if year.stated_number != year.recounted_number] == []
    assert all(year.stated_number for year in years)


@pytest.mark.parametrize("name", STUDIES)
def test_every_analysis_has_its_set_subset_variable_and_method(name: str) -> None:
    assert trial_of(name).incomplete() == []


@pytest.mark.parametrize("name", STUDIES)
def test_conditions_name_variables_of_data_sets_that_are_delivered(name: str) -> None:
    assert trial_of(name).undelivered() == set()


@pytest.mark.parametrize("name", STUDIES)
def test_the_records_selected_have_the_numbers_that_are_described(name: str) -> None:
    """Mean, standard deviation and extremes, by the variable that the analysis names."""
    trial, checked = trial_of(name), 0
    for analysis in trial.event["analyses"]:
        for result in analysis["results"]:
            operation = result["operationId"].rsplit("/", 1)[1]
            if operation not in ("mean", "sd", "min", "max") or "rawValue" not in result:
                continue
            rows = trial.selected(analysis, result)
            values = [Fraction(Decimal(row[analysis["variable"]])) for row in rows]
            expected = {
                "mean": lambda v: sum(v) / len(v),
                "sd": lambda v: stdev(map(float, v)),
                "min": min,
                "max": max,
            }[operation](values)
            assert float(expected) == pytest.approx(float(result["rawValue"]), rel=1e-9, abs=1e-9)
            checked += 1
    assert checked > 50


@pytest.mark.parametrize("name", STUDIES)
def test_changes_are_of_values_and_baselines_on_one_scale(name: str) -> None:
    checked = 0
    for row in trial_of(name).rows["ADANL"]:
        value, base = (row.get(field) for field in ("AVAL", "BASE"))
        if value is None or base is None:
            continue
        change = Decimal(value) - Decimal(base)
        for variable, expected in (
            ("CHG", change),
            ("DECREASE", -change),
            ("PCHG", 100 * change / abs(Decimal(base)) if Decimal(base) else None),
        ):
            if row.get(variable) is not None:
                assert float(row[variable]) == pytest.approx(float(expected), abs=1e-9)
                checked += 1
    assert checked > 20


@pytest.mark.parametrize("name", STUDIES)
def test_analysis_sets_select_as_many_subjects_as_their_columns_have(name: str) -> None:
    trial, sets = trial_of(name), by_id(event_of(name)["analysisSets"])
    sizes = {
        (column.set, grid_column.n)
        for table, grid in zip(
            studies.defined(name).definition.tables, studies.report_of(name).grids, strict=True
        )
        for column, grid_column in zip(table.columns, grid.columns, strict=True)
        if column.set and not column.arms_counted
    }
    assert sizes
    for set_id, n in sizes:
        assert len(trial.subjects(sets[f"set/{set_id}"])) == n, set_id


@pytest.mark.parametrize("name", STUDIES)
def test_every_set_says_who_is_in_it(name: str) -> None:
    for analysis_set in event_of(name)["analysisSets"]:
        assert "condition" in analysis_set or "compoundExpression" in analysis_set, analysis_set[
            "id"
        ]
        assert analysis_set["description"].startswith("As defined: ")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(blinded.cases())
def test_of_random_definitions_too_for_each_audience(case: blinded.Case) -> None:
    """Every kind of row, in every kind of column."""
    for view in case.study.views:
        report = builders.report_of(case.study, case.first_feed, view)
        trial = Trial(report, studies.event(report, view.definition))
        assert trial.incomplete() == []
        assert trial.undelivered() == set()
        assert trial.differences() == []
        assert surplus(view, case) == set()


def surplus(view: Study, case: blinded.Case) -> set[str]:
    """Name what records hold that their kind of row does not say."""
    derivations = [Derivation(view, subject) for subject in builders.subjects(case.first_feed)]
    return {
        name
        for table in compiled(view).tables.values()
        for row in table.rows
        for column in range(len(table.columns))
        if (analysis := analysis_of(row, column))
        for derivation in derivations
        for record in analysis.find(derivation, table.members(derivation))
        for name in record.keys() - analysis.holds
    }


def test_every_kind_of_row_says_of_which_records_it_is() -> None:
    compared = {"id": "p", "label": "P", "compare": ["a", "b"]}
    columns = [*blinded.COLUMNS[:2], blinded.TOTAL, compared]
    study = blinded.study_of(blinded.ROWS, columns)
    (table,) = compiled(study).tables.values()
    kinds = {row.kind for row in study.definition.tables[0].rows} - {None}
    assert kinds == ROW_KINDS.keys()
    for row in table.rows:
        analyses = [analysis_of(row, column) for column in range(len(table.columns))]
        assert any(analyses) != isinstance(row, HeadingRow), row.id
        for analysis in filter(None, analyses):
            tests = [*analysis.records.selections.values(), analysis.records.compared]
            assert {test.variable for tests in tests for test in tests} <= analysis.holds
            assert {analysis.records.variable, *analysis.records.factors.values()} <= analysis.holds
