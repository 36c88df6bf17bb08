"""The key results of the summary: those that were published, and how each is shown."""

import json
from fractions import Fraction
from functools import cache
from typing import Any

import builders
import pytest
from builders import (
    TINY,
    adverse_event,
    coding,
    contact,
    disposition,
    dose,
    enrolment,
    tiny,
    tmb301,
    viral_load,
)
from parallel import parallel

from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.reporting import report
from trial.tables import checking
from trial.tables.grid import KeyResult
from trial.tables.rows.counts import PairsRow

PUBLISHED = json.loads((builders.TMB301 / "published.json").read_text(encoding="utf-8"))


def key_results(study: Study, entries: Any) -> dict[str, KeyResult]:
    sums = builders.sums_of(study, builders.subjects(entries))
    return {key_result.id: key_result for key_result in report.summary(study, sums)}


@cache
def of_tmb301() -> dict[str, KeyResult]:
    return key_results(tmb301(), builders.feed())


def shown(show: str, row: str, column: str = "total", table: str = "one", **options: Any) -> Study:
    key_result = {"id": "new", "label": "New", "show": show} | options
    key_result["source"] = {"table": table, "row": row, "column": column}
    return tiny(key_results=[key_result])


def new(study: Study, *entries: Entry) -> KeyResult:
    return key_results(study, entries)["new"]


class TestTmb301:
    @pytest.mark.parametrize("published", PUBLISHED, ids=lambda item: item["id"])
    def test_a_key_result_is_printed_as_it_was_published(self, published):
        assert of_tmb301()[published["id"]].text == published["text"]

    def test_every_key_result_was_published_and_every_published_one_is_a_key_result(self):
        assert list(of_tmb301()) == [item["id"] for item in PUBLISHED]
        assert len(PUBLISHED) == 30

    def test_every_key_result_says_how_many_of_how_many(self):
        counted = {name: item for name, item in of_tmb301().items() if item.N is not None}
        sizes = {name: key_result.N for name, key_result in counted.items() if key_result.N != 40}
        assert sizes == {"week25-below-50-completers": 31}
        described = of_tmb301().keys() - counted.keys()
        assert {name for name in described if not {"mean", "median", "p"} & {*name.split("-")}} == {
            "baseline-viral-load", "baseline-cd4", "control-responder-decrease",
        }  # fmt: skip
        counts = {name: of_tmb301()[name].n for name in ("week25-mean-decrease", "primary-p")}
        assert counts == {"week25-mean-decrease": 40, "primary-p": 40}
        assert of_tmb301()["week25-median-decrease-completers"].n == 31
        assert of_tmb301()["week25-mean-decrease-below-50"].n == 17

    def test_what_was_imputed_is_said(self):
        values = {
            name: (key_result.observed, key_result.imputed)
            for name, key_result in of_tmb301().items()
            if key_result.observed is not None
        }
        assert values == {"week25-mean-decrease": (31, 9), "week25-median-decrease": (31, 9)}

    def test_the_primary_end_point_has_its_exact_interval_and_p_value(self):
        primary, p = of_tmb301()["primary-responders"], of_tmb301()["primary-p"]
        assert primary.ci is not None
        assert [f"{float(limit):.2f}" for limit in primary.ci] == ["67.22", "92.66"]
        assert primary.value == "82.5"
        assert p.value is not None
        assert Fraction(p.value) == pytest.approx(float(Fraction(2, 2**32)), rel=1e-9)

    def test_nobody_enrolled_gives_key_results_without_a_number(self):
        for name, key_result in key_results(tmb301(), []).items():
            assert (key_result.n, key_result.N) in {(None, 0), (None, None)}, name
            assert (key_result.value, key_result.text) == (None, "not reported"), name

    def test_nobody_enrolled_gives_no_p_value(self):
        key_result = key_results(tmb301(), [])["primary-p"]
        assert (key_result.value, key_result.text, key_result.nominal) == (
            None,
            "not reported",
            False,
        )

    def test_the_one_control_responder_makes_the_pairs_what_they_are(self):
        study = shown("p", "pairs", "second", floor=0.0001)
        pairs: list[Entry] = []
        for i, (zero, fourteen) in enumerate([(33_113, 1_000)] + [(10_000, 1_000)] * 5):
            name = f"S-{i}"
            pairs += [enrolment(subject=name), dose(subject=name),
                      viral_load(0, zero, subject=name), viral_load(7, 10_000, subject=name),
                      viral_load(14, fourteen, subject=name)]  # fmt: skip
        assert new(study, *pairs).text == "0.0625"  # 2 / 2 ** 5: the first pair has no say

    def test_a_p_value_too_small_to_be_read_as_an_integer_s_digits_is_shown(self):
        sums = builders.sums_of(tmb301(), builders.subjects(builders.feed()))
        (pairs,) = (row for row in report.compiled(tmb301()).tables["14.2.1"].rows
                    if isinstance(row, PairsRow))  # fmt: skip
        sums[pairs.sums][f"{pairs.index}.b"] = 40_000  # who responded on day 14 only
        primary_p = {item.id: item for item in report.summary(tmb301(), sums)}["primary-p"]
        assert (primary_p.text, primary_p.value[:4]) == ("<0.001", "0.00")


class TestShown:
    SEEN = (enrolment(age=40), dose(), viral_load(7, 10_000), viral_load(14, 100))

    def test_a_count_with_its_percentage(self):
        key_result = new(shown("count-percent", "responders"), *self.SEEN, enrolment(subject="S-2"))
        assert (key_result.text, key_result.value, key_result.unit) == ("1 (100%)", "100", "%")
        assert (key_result.n, key_result.N, key_result.not_due, key_result.missing) == (
            1,
            1,
            1,
            None,
        )
        failed = [enrolment(subject="S-2"), disposition(20, subject="S-2")]
        assert new(shown("count-percent", "responders"), *self.SEEN, *failed).text == "1 (50%)"

    def test_a_count_alone_and_its_events(self):
        events = [dose(), adverse_event(9), adverse_event(10, "AE-2")]
        assert new(shown("n", "any", table="events"), *events).text == "1"
        assert new(shown("events", "any", table="events"), *events).text == "2"

    @pytest.mark.parametrize(("decimals", "text"), [(0, "41"), (1, "40.5"), (2, "40.50")])
    def test_a_mean_is_rounded_once_and_half_up(self, decimals, text):
        study = shown("mean", "age", decimals=decimals)
        assert new(study, enrolment(age=40), enrolment(subject="S-2", age=41)).text == text

    @pytest.mark.parametrize(("show", "bounded"), [("mean", True), ("median", False), ("n", False)])
    def test_the_interval_of_a_mean_stands_beside_the_mean_alone(self, show, bounded):
        ages = [enrolment(subject=f"S-{age}", age=age) for age in (30, 40, 80)]
        row = {"id": "age", "summary": "age", "statistics": ["n", "mean", "ci", "median"]}
        key_result = {"id": "new", "label": "New", "show": show}
        key_result["source"] = {"table": "t", "row": "age", "column": "all"}
        columns = [{"id": "all", "label": "All", "set": "enrolled"}]
        study = parallel([row], columns, key_results=[key_result])
        assert (new(study, *ages).ci is not None) is bounded

    def test_what_nobody_has_was_not_reported(self):
        for show in ("mean", "median"):
            key_result = new(shown(show, "age"), enrolment())
            assert (key_result.text, key_result.value, key_result.n) == ("not reported", None, 0)

    def test_a_term_that_did_not_occur_is_0_of_nobody_counted(self):
        row = "term/Nervous system disorders/Headache"
        study = shown("count-percent", row, table="events")
        assert new(study, *self.SEEN).text == "0"
        assert new(study, *self.SEEN, adverse_event(), coding()).text == "1 (100%)"
        assert new(study, *self.SEEN).N == 1

    def test_who_waits_is_in_neither_number_and_told_beside(self):
        waiting = [enrolment(), dose(), viral_load(7, 10_000), contact(9)]
        study = shown("count-percent", "responders")
        key_result = new(study, *waiting)
        assert (key_result.text, key_result.N, key_result.not_due) == ("0", 0, 1)
        key_result = new(study, *waiting, disposition(10))
        assert (key_result.N, key_result.not_due) == (1, None)

    @pytest.mark.parametrize(
        "part",
        [
            {"show": "p", "floor": 0.005},
            {"show": "p", "floor": 2},
            pytest.param({"decimals": -1}),
        ],
    )
    def test_a_key_result_that_could_not_be_shown_is_refused(self, part):
        key_result = TINY["key_results"][1] | part
        with pytest.raises(Rejected):
            checking.check_definition(tiny(key_results=[key_result]))


PAIR = [
    {"id": "a", "label": "A", "set": "enrolled", "where": "men"},
    {"id": "b", "label": "B", "set": "enrolled", "where": "women"},
]
CONDITIONS = {
    "men": {"characteristic": "sex", "levels": ["M"]},
    "women": {"characteristic": "sex", "levels": ["F"]},
}
ROWS: list[dict[str, Any]] = [
    {"id": "head"},
    {"id": "sex", "label": "Sex", "levels": {"characteristic": "sex"}},
    {"id": "age", "summary": "age", "statistics": ["mean"]},
    {"id": "one", "summary": {"a": "age"}},
    {"id": "many", "count": "men"},
    {"id": "later", "not_due": "men"},
    {"id": "os", "survival": {"time": "to-death", "at": [28]}},
    {"id": "ae", "events": {}},
    {"id": "rate", "incidence": {"filter": {}}},
    {"id": "term", "terms": {"filter": {}, "by": "pt"}},
]


DEATH = {"label": "Death", "start": "enrolment", "events": ["death"]}


def key_result_of(show: str, row: str, column: str, compared: Any) -> list[str]:
    """Give the faults of a key result of some row and column, its pointer before each."""
    key_result = {"id": "new", "label": "New", "show": show}
    key_result["source"] = {"table": "t", "row": row, "column": column}
    values = {"key_results": [key_result], "conditions": CONDITIONS}
    values["times"] = {"to-death": DEATH}
    try:
        columns = [*PAIR, {"id": "p", "label": "P", "compare": ["a", "b"], **compared}]
        checking.check_definition(parallel(ROWS, columns, **values))
    except Rejected as rejected:
        return [f"{fault.pointer} {fault.detail}" for fault in rejected.faults]
    return []


class TestWhatACellHas:
    """A key result that asks for what its cell can never have would print nothing, or 0."""

    @pytest.mark.parametrize(
        ("show", "row", "column", "compared", "available"),
        [
            ("n", "head", "a", {}, "nothing"),
            ("n", "sex", "a", {}, "nothing"),
            ("p", "sex/M", "p", {}, "nothing"),
            ("difference", "sex", "p", {}, "p"),
            ("p", "sex", "p", {"counts": "newcombe"}, "difference"),
            ("median", "age", "a", {}, "n, mean"),
            ("mean", "age", "p", {}, "p"),
            ("difference", "age", "p", {}, "p"),
            ("count-percent", "age", "a", {}, "n, mean"),
            ("mean", "one", "b", {}, "nothing"),
            ("p", "one", "p", {}, "nothing"),
            ("mean", "many", "a", {}, "n, count-percent"),
            ("events", "many", "a", {}, "n, count-percent"),
            ("p", "later", "p", {}, "nothing"),
            ("median", "os", "a", {}, "n, count-percent"),
            ("median", "os/median", "a", {}, "nothing"),
            ("p", "os/q1", "p", {}, "nothing"),
            ("mean", "ae", "a", {}, "n, events, count-percent"),
            ("difference", "ae", "p", {}, "p"),
            ("count-percent", "rate", "a", {}, "n"),
            ("count-percent", "term", "a", {}, "nothing"),
        ],
    )
    def test_what_it_has_not_is_refused_and_what_it_has_is_listed(
        self, show, row, column, compared, available
    ):
        (fault,) = key_result_of(show, row, column, compared)
        place = f"row {row} in column {column} of table t"
        assert fault == (
            f"/key_results/0/show is not a statistic of {place}:"
            f" a key result of it can show {available}"
        )

    @pytest.mark.parametrize(
        ("show", "row", "column", "compared"),
        [
            ("count-percent", "sex/M", "a", {}),
            ("p", "sex", "p", {}),
            ("mean", "age", "b", {}),
            ("difference", "age", "p", {"means": "t"}),
            ("difference", "many", "p", {"counts": "miettinen-nurminen"}),
            ("p", "os", "p", {}),
            ("events", "term/Headache", "a", {}),
            ("p", "term/Headache", "p", {}),
        ],
    )
    def test_what_it_has_is_accepted(self, show, row, column, compared):
        assert key_result_of(show, row, column, compared) == []

    def test_a_row_that_came_with_no_event_is_told_of_beside_its_0(self):
        row = "term/Nervous system disorders/Headache"
        study = shown("count-percent", row, table="events")
        key_result = new(study, *TestShown.SEEN)
        assert (key_result.text, key_result.left_out) == (
            "0",
            f"there is no row {row} of table events",
        )
        key_result = new(study, *TestShown.SEEN, adverse_event(), coding())
        assert (key_result.text, key_result.left_out) == ("1 (100%)", "")

    def test_a_term_that_its_table_leaves_out_is_in_few_and_not_in_nobody(self):
        terms = {"filter": {}, "by": "pt", "minimum_percent": 50}
        key_result = {"id": "new", "label": "New", "show": "count-percent"}
        key_result["source"] = {"table": "t", "row": "row/Headache", "column": "all"}
        columns = [{"id": "all", "label": "All", "set": "enrolled"}]
        study = parallel([{"terms": terms}], columns, key_results=[key_result])
        enrolments = [enrolment(), adverse_event(), coding()]
        two = [*enrolments, enrolment(subject="S-2")]
        assert (new(study, *two).text, new(study, *two).n) == ("1 (50%)", 1)
        three = new(study, *two, enrolment(subject="S-3"))
        assert (three.text, three.value, three.n, three.N) == ("below 50 %", None, None, 3)
