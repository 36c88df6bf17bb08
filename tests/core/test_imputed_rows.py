"""Rows of a measure by visit whose missing values are imputed."""

import pytest
from builders import cd4, cell, disposition, dose, enrolment, report_of
from parallel import PARALLEL, TOTAL, A, B, parallel, printed, randomised, table_of

from trial.errors import Rejected
from trial.statistics.multiple_imputation import multiple_imputation
from trial.tables import checking

COLUMNS = [A, B, TOTAL, {"id": "p", "label": "P", "compare": ["b", "a"]}]
ROW = {
    "label": "CD4",
    "visits": ["day-7", "day-14", "week-5"],
    "multiple_imputation": {
        "measure": {"parameter": "cd4"},
        "covariates": ["age"],
        "factors": ["sex"],
        "imputations": 20,
    },
}


def people(n=24):
    """Return subjects of two arms; every fourth leaves after day 14, every sixth misses day 7."""
    entries = []
    for i in range(n):
        name = f"S-{i:02}"
        entries += [
            enrolment(subject=name, age=30 + 5 * i % 23, sex="FM"[i // 2 % 2]),
            randomised("ab"[i % 2], name),
            dose(7, subject=name),
        ]
        for visit, at in enumerate((7, 14, 35)):
            if (visit == 2 and i % 4 == 1) or (visit == 0 and i % 6 == 2):
                continue
            entries.append(cd4(at, 200 + 13 * i % 31 + 9 * visit * (i % 2), subject=name))
        entries.append(disposition(60, "completed", name))
    return entries


def table(entries=None, row=ROW, **asked):
    model = row["multiple_imputation"] | asked
    return table_of(
        people() if entries is None else entries,
        {**row, "multiple_imputation": model},
        columns=COLUMNS,
    )


def test_means_and_differences_stand_at_each_visit():
    grid = table()
    assert [row.id for row in grid.rows] == ["row", "row/day-7", "row/day-14", "row/week-5"]
    assert printed(grid, "row/week-5", "a") | {"lsmean": "", "se": ""} == printed(
        grid, "row/week-5", "a"
    ) | {"lsmean": "", "se": "", "n": "12", "observed": "12", "imputed": "0"}
    shown = printed(grid, "row/week-5", "b")
    assert (shown["n"], shown["observed"], shown["imputed"]) == ("12", "6", "6")
    assert printed(grid, "row/day-7", "a")["imputed"] == "4"
    assert printed(grid, "row/week-5", "p").keys() == {
        "difference", "se", "ci_low", "ci_high", "p"}  # fmt: skip
    shown_in = [part.column for row in grid.rows if row.id == "row/week-5" for part in row.cells]
    assert shown_in == ["a", "b", "p"]
    assert cell(grid, "row/week-5", "p").method == (
        "analysis of covariance, multiple imputation (missing at random, 20)"
    )


def test_what_is_read_again_is_not_drawn_again():
    table(imputations=22)
    drawn = multiple_imputation.cache_info()
    table(imputations=22)
    again = multiple_imputation.cache_info()
    assert (again.misses, again.hits > drawn.hits) == (drawn.misses, True)


def test_the_order_of_events_and_other_subjects_names_change_nothing():
    renamed = [
        event.model_copy(update={"subject": f"T-{99 - int(event.subject[2:]):02}"})
        if hasattr(event, "model_copy")
        else event
        for event in reversed(people())
    ]
    assert table(renamed).rows == table().rows


def test_deltas_are_tried_at_the_last_visit_until_the_conclusion_tips():
    deltas = {"by_arm": {"a": ["0"], "b": ["0", "-2.5", "40", "400"]}}
    grid = table(deltas=deltas)
    names = [row.id for row in grid.rows if "/delta/" in row.id]
    assert names == [f"row/week-5/delta/0,{b}" for b in ("0", "-2.5", "40", "400")]
    plain = printed(grid, "row/week-5", "p")
    assert printed(grid, names[0], "p") == plain
    assert printed(grid, names[2], "p") != plain
    (row,) = (row for row in grid.rows if "/tipping" in row.id)
    assert row.id == "row/week-5/tipping/0"
    assert row.label == "Tipping point: delta of Placebo, Drug 0"


THREE = [A, B, {"id": "c", "label": "Other", "set": "randomised", "arm": "c"},
         {"id": "b-a", "label": "B", "compare": ["a", "b"]},
         {"id": "c-a", "label": "C", "compare": ["a", "c"]}]  # fmt: skip
OTHER = {"arms": [*PARALLEL["arms"], {"id": "c", "label": "Other", "treatments": ["other"]}]}


def test_a_tipping_point_stands_where_the_arm_that_tips_is_compared():
    entries = people()
    for i in range(6):
        name = f"T-{i}"
        entries += [enrolment(subject=name, age=31 + i), randomised("c", name),
                    *(cd4(at, 210 + 7 * i % 5, subject=name) for at in (7, 14, 35))]  # fmt: skip
    model = ROW["multiple_imputation"] | {"factors": [], "deltas": {"by_arm": {"b": [0, "1e1"]}}}
    row = ROW | {"multiple_imputation": model}
    grid = table_of(entries, row, columns=THREE, **OTHER)
    (tipping,) = (row for row in grid.rows if row.id.endswith("/tipping"))
    assert [part.column for part in tipping.cells] == ["b-a"]
    (delta,) = (row for row in grid.rows if row.id.endswith("/delta/10"))
    assert [part.column for part in delta.cells] == ["b-a", "c-a"]
    order = [{"table": "t", "row": f"row/week-5/{name}", "column": "b-a"}
             for name in ("delta/0", "delta/10")]  # fmt: skip
    checking.check_definition(
        parallel([row], THREE, **OTHER, testing={"alpha": 0.05, "order": order})
    )
    key_result = {"id": "k", "label": "K", "show": "difference",
                  "source": {"table": "t", "row": tipping.id, "column": "c-a"}}  # fmt: skip
    with pytest.raises(Rejected) as refused:
        checking.check_definition(parallel([row], THREE, **OTHER, key_results=[key_result]))
    assert "/key_results/0" in refused.value.faults[0].pointer


@pytest.mark.parametrize(("deltas", "said"), [(["0", "100", "4000"], "not estimable"),
                                              (["0", "4000", "100"], "4000"),
                                              (["0", "100"], "not estimable")])  # fmt: skip
def test_a_delta_without_a_p_value_tips_nothing(deltas, said):
    """All of a have 200, of b 300: who jumps to a's mean has 300 with a delta of 100, too."""
    entries = []
    for i in range(12):
        name = f"S-{i:02}"
        entries += [enrolment(subject=name), randomised("ab"[i % 2], name), dose(7, subject=name),
                    *(cd4(at, (200, 300)[i % 2], subject=name) for at in (7, 14, 35)
                      if (i, at) not in ((1, 35), (3, 35))),
                    disposition(60, "completed", name)]  # fmt: skip
    asked = {"covariates": [], "factors": [], "method": "jump-to-reference", "reference": "a"}
    grid = table(entries, **asked, deltas={"by_arm": {"b": deltas}})
    assert printed(grid, "row/week-5/delta/100", "p")["p"] == ""
    assert printed(grid, "row/week-5/tipping", "p") == {"tipping_delta": said}


def test_a_visit_that_is_not_due_is_not_imputed():
    entries = [event for event in people() if event.kind != "disposition.recorded"]
    entries = [e for e in entries if not (e.subject == "S-03" and e.record in ("CD4-14", "CD4-35"))]
    shown = [printed(table(entries), f"row/{visit}", "b") for visit in ("day-7", "day-14")]
    assert [part["n"] for part in shown] == ["12", "11"]


@pytest.mark.parametrize(("n", "said"), [(0, "not reported"), (1, "not estimable"),
                                         (2, "not estimable")])  # fmt: skip
def test_too_few_subjects_have_no_estimate(n, said):
    grid = table(people(n))
    assert printed(grid, "row/week-5", "p") == {"difference": said, "p": said}


def test_too_much_work_says_so(monkeypatch):
    monkeypatch.setattr("trial.statistics.multiple_imputation.MOST_STEPS", 10)
    assert printed(table(imputations=21), "row/week-5", "p")["difference"] == "not computed"


def test_its_cells_can_be_key_results_and_confirmatory_tests():
    source = {"table": "t", "row": "row/week-5", "column": "p"}
    key_result = {"id": "k", "label": "K", "source": source, "show": "difference"}
    study = parallel([ROW | {"id": "row"}], COLUMNS, key_results=[key_result],
                     testing={"alpha": 0.05, "order": [source]})  # fmt: skip
    checking.check_definition(study)
    (shown,) = report_of(study, people()).key_results
    assert shown.text == printed(table(), "row/week-5", "p")["difference"]


@pytest.mark.parametrize(
    ("asked", "pointer", "detail"),
    [
        ({"method": "jump-to-reference"}, "", "takes `reference`"),
        ({"reference": "a"}, "", "takes `reference`"),
        ({"method": "copy-reference", "reference": "c"}, "/reference", "c"),
        ({"factors": ["arm"]}, "", "must not list the arm"),
        ({"deltas": {"by_arm": {"c": [1]}}}, "/deltas/by_arm", "c"),
        ({"deltas": {"by_arm": {"a": [1, "1.0"]}}}, "/deltas/by_arm/a", "more than once"),
        ({"deltas": {"by_arm": {"a": list(range(101))}}}, "/deltas", "at most 100"),
        ({"imputations": 1}, "/imputations", "2"),
    ],
)
def test_what_is_refused(asked, pointer, detail):
    row = ROW | {"multiple_imputation": ROW["multiple_imputation"] | asked}
    with pytest.raises(Rejected) as refused:
        checking.check_definition(parallel([row], COLUMNS))
    fault = refused.value.faults[0]
    assert fault.pointer.startswith(f"/tables/0/rows/0/multiple_imputation{pointer}")
    assert detail in fault.detail


def test_it_needs_visits():
    with pytest.raises(Rejected) as refused:
        parallel([{name: part for name, part in ROW.items() if name != "visits"}], COLUMNS)
    assert "a multiple_imputation row needs `visits`" in refused.value.faults[0].detail
