"""Estimands: stated in words, checked against the cells that estimate them, printed beside them."""

import json

import pytest
from builders import cell
from parallel import A, B, parallel, tables_of

from trial.definition.estimands import STRATEGIES
from trial.errors import Rejected
from trial.reporting.methods import methods
from trial.tables import checking

COLUMNS = [A, B, {"id": "p", "label": "P", "compare": ["b", "a"], "means": "t"}]
ROW = {"summary": "age"}
ESTIMAND = {
    "id": "primary",
    "label": "Primary estimand",
    "source": {"table": "t", "row": "row", "column": "p"},
    "population": "randomised",
    "treatment": "Drug or placebo",
    "variable": "Age",
    "intercurrent_events": [
        {"event": "Stop", "strategy": "treatment-policy"},
        {"event": "Rescue", "strategy": "hypothetical", "handling": "Later values are left out"},
    ],
    "summary": "Difference of means",
}


def study(*estimands, **changes):
    return parallel([ROW], COLUMNS, estimands=[ESTIMAND | changes, *estimands])


def test_a_footnote_of_the_table_states_it():
    (note,) = [n for n in tables_of(study(), [])["t"].footnotes if "Estimand" in n]
    plain = note.replace("\u2068", "").replace("\u2069", "")
    assert plain == (
        "Estimand, Primary estimand (Row, P): population: Randomised; treatment: Drug or placebo;"
        " variable: Age; intercurrent events: Stop (treatment policy); Rescue (hypothetical);"
        " summary measure: Difference of means."
    )


def test_methods_list_its_attributes():
    (section,) = [part for part in methods(study().definition) if part.id == "estimands"]
    assert [row[1:] for row in section.rows] == [
        ("Estimated by", "table t, Row, P"),
        ("Population", "Randomised"),
        ("Treatment", "Drug or placebo"),
        ("Variable", "Age"),
        ("Intercurrent event: Stop", STRATEGIES["treatment-policy"]),
        ("Intercurrent event: Rescue",
         STRATEGIES["hypothetical"] + ". Later values are left out"),
        ("Population-level summary", "Difference of means"),
    ]  # fmt: skip


def test_no_number_changes():
    with_words, without_words = (
        tables_of(parallel([ROW], COLUMNS, estimands=estimands), [])["t"]
        for estimands in ([ESTIMAND], [])
    )
    assert with_words.rows == without_words.rows
    assert cell(with_words, "row", "a") == cell(without_words, "row", "a")


def test_an_interaction_of_a_model_can_be_estimated():
    row = {"logistic": {"count": "treated", "covariates": ["region"], "interaction": "region"}}
    for name in ("row", "row/interaction", "row/interaction/north"):
        source = {"table": "t", "row": name, "column": "p"}
        checking.check_definition(
            parallel([row], COLUMNS, estimands=[ESTIMAND | {"source": source}])
        )


def test_the_open_audience_has_those_of_the_cells_that_it_sees():
    of_all = ESTIMAND | {"id": "all", "source": ESTIMAND["source"] | {"column": "all"}}
    columns = [*COLUMNS, {"id": "all", "label": "All", "set": "randomised"}]
    blinded = parallel([ROW], columns, blinded=True, estimands=[ESTIMAND, of_all])
    checking.check_definition(blinded)
    assert [part.id for part in blinded.open.definition.estimands] == ["all"]
    assert "Drug" in json.dumps(blinded.open.definition.estimands[0].model_dump(mode="json"))


@pytest.mark.parametrize(
    ("changes", "pointer", "detail"),
    [
        ({"source": {"table": "t", "row": "none", "column": "p"}}, "/source/row", "none"),
        ({"source": {"table": "u", "row": "row", "column": "p"}}, "/source/table", "u"),
        ({"source": {"table": "t", "row": "row/x", "column": "p"}}, "/source", "row/x"),
        ({"population": "everybody"}, "/population", "everybody"),
        ({"intercurrent_events": []}, "/intercurrent_events", "at least 1"),
        ({"intercurrent_events": [{"event": "Stop", "strategy": "ignore"}]},
         "/intercurrent_events/0/strategy", "while-on-treatment"),
        ({"intercurrent_events": 2 * [{"event": "Stop", "strategy": "composite"}]},
         "", "twice: Stop"),
        ({"summary": ""}, "/summary", "at least 1"),
    ],
)  # fmt: skip
def test_what_is_refused(changes, pointer, detail):
    with pytest.raises(Rejected) as refused:
        checking.check_definition(study(**changes))
    assert any(
        fault.pointer.startswith(f"/estimands/0{pointer}") and detail in fault.detail
        for fault in refused.value.faults
    )


def test_a_cell_estimates_one_thing():
    with pytest.raises(Rejected) as refused:
        study(ESTIMAND | {"id": "other"})
    assert "has two estimands" in refused.value.faults[0].detail


def test_a_cell_that_holds_nothing_estimates_nothing():
    rows = [ROW, {"id": "other", "not_due": "treated"}]
    source = {"table": "t", "row": "other", "column": "p"}
    with pytest.raises(Rejected) as refused:
        checking.check_definition(
            parallel(rows, COLUMNS, estimands=[ESTIMAND | {"source": source}])
        )
    assert "holds nothing" in refused.value.faults[0].detail
