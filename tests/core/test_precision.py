"""How finely numbers are kept and printed: exactly, or refused with what to write instead."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest
from builders import (
    TINY,
    cell,
    day,
    death,
    dose,
    enrolment,
    entry,
    listings_of,
    rows_of,
    sums_of,
    tiny,
)
from builders import subjects as gathered
from parallel import parallel, printed, randomised, raws, table_of

from trial.definition.study import Study
from trial.errors import FieldError, Rejected
from trial.events.envelope import Entry
from trial.reporting import report
from trial.statistics.cells import total
from trial.statistics.limbs import LIMB_BASE, from_limbs, to_limbs
from trial.statistics.moments import Moments
from trial.statistics.products import Products
from trial.subject.acceptance import check_acceptable
from trial.tables import checking
from trial.tables.figures import figures
from trial.tables.rounding import nearest_short_decimal

CHANGE = {"parameter": "x", "at": "week-5", "change_from": "baseline"}
PERCENT = {"parameter": "x", "at": "week-5", "percent_change_from": "baseline"}


def parameter(**options: Any) -> dict[str, Any]:
    return {"x": {"label": "X", "unit": "u"} | options}


def result(study_day: int, text: str, subject: str = "S-1", **options: Any) -> Entry:
    values = {
        "record": f"X-{study_day}",
        "parameter": "x",
        "collected": day(study_day),
        "unit": "u",
    }
    return entry("lab.result.reported", subject, **(values | {"result": text} | options))


def seen(*pairs: tuple[str, str]) -> list[Entry]:
    """Give subjects of one arm with a result before and one after their first dose."""
    items: list[Entry] = []
    for i, (before, after) in enumerate(pairs):
        name = f"S-{i}"
        items += [enrolment(subject=name), randomised("a", name), dose(subject=name),
                  result(0, before, name), result(35, after, name)]  # fmt: skip
    return items


def shown(measure: dict[str, Any], *pairs: tuple[str, str], **options: Any) -> dict[str, str]:
    """Print a row of a measure; what is named here is of the parameter, or of the row."""
    row = {name: options.pop(name) for name in ("statistics", "decimals_of_row") if name in options}
    if "decimals_of_row" in row:
        row["decimals"] = row.pop("decimals_of_row")
    grid = table_of(seen(*pairs), {"summary": measure} | row, parameters=parameter(**options))
    return printed(grid, "row", "a")


def faults(study: Study, event: Entry) -> list[FieldError]:
    try:
        check_acceptable(study, event)
    except Rejected as refused:
        return list(refused.faults)
    return []


def refusal(*rows: dict[str, Any], **changes: Any) -> FieldError:
    with pytest.raises(Rejected) as caught:
        checking.check_definition(parallel(rows, **changes))
    (fault,) = caught.value.faults
    return fault


class TestPrinted:
    def test_order_statistics_are_values_that_somebody_has(self):
        value = {"parameter": "x", "at": "week-5"}
        pairs = [("1", "24.4"), ("1", "27.9"), ("1", "31.8")]
        result = shown(value, *pairs, places=1, decimals=1)
        assert result == {"n": "3", "mean": "28.03", "sd": "3.702", "median": "27.90",
                         "min": "24.4", "max": "31.8"}  # fmt: skip
        pairs = [("1", "3.9"), ("1", "4.7"), ("1", "5.9")]
        result = shown(value, *pairs, places=1, order_places=0)
        assert (result["median"], result["min"], result["max"]) == ("4.70", "3.9", "5.9")

    def test_three_changes_of_less_than_one(self):
        pairs = [("5.0", "4.7"), ("6.1", "5.8"), ("7.2", "6.9")]
        result = shown(CHANGE, *pairs, places=1, decimals=1)
        assert [result[name] for name in ("mean", "median", "min", "max")] == [
            "-0.30", "-0.30", "-0.3", "-0.3",
        ]  # fmt: skip

    def test_what_says_no_places_keeps_the_decimals_that_were_sent(self):
        value = {"parameter": "x", "at": "week-5"}
        result = shown(value, ("1", "3.4"), ("1", "3.6"), ("1", "3.8"))
        assert (result["mean"], result["median"]) == ("3.6", "3.6")
        result = shown(value, ("1", "8.04"), decimals=1)
        assert (result["mean"], result["max"]) == ("8.04", "8.0")

    def test_percent_changes_are_rounded_once(self):
        pairs = [("143", "131"), ("150", "137"), ("201", "181")]
        result = shown(PERCENT, *pairs)
        assert (result["median"], result["min"], result["max"]) == ("-8.67", "-10.0", "-8.4")
        result = shown(PERCENT, pairs[0])
        assert (result["mean"], result["median"], result["min"]) == ("-8.39", "-8.39", "-8.4")

    def test_a_tie_of_endless_decimals_goes_up(self):
        # Of 33.3..., 33.3..., 33.3... and 0.2 the mean is 25.05.
        pairs = [("3", "4"), ("3", "4"), ("6", "8"), ("1000", "1002")]
        result = shown(PERCENT, *pairs, statistics=["mean"], decimals_of_row={"mean": 1})
        assert result["mean"] == "25.1"
        tie, unit = Fraction(2505, 100), Fraction(1, 10**12)
        assert (
            nearest_short_decimal(tie - unit, 12)
            == tie
            == nearest_short_decimal(tie + unit / 2, 12)
        )
        assert nearest_short_decimal(tie - 2 * unit, 12) == tie - 2 * unit

    def test_where_nothing_varies_no_rounding_makes_a_p_value(self):
        grid = table_of(
            [*seen(("3", "1.5"), ("7", "3.5"), ("11", "5.5"))],
            {"summary": {"parameter": "y", "at": "week-5", "change_from": "baseline"},
             "statistics": ["mean", "sd", "ci"]},
            parameters=parameter() | {"y": {"label": "Y", "unit": "log", "log10_of": "x"}},
        )  # fmt: skip
        assert printed(grid, "row", "a") == {
            "n": "3", "mean": "-0.301", "sd": "0.0000", "ci_low": "-0.301", "ci_high": "-0.301",
        }  # fmt: skip
        assert raws(grid, "row", "sd")["a"] == "0"

    def test_a_half_of_a_limit_is_kept_whole(self):
        value = {"parameter": "x", "at": "week-5"}
        half = {"below_quantification": "half", "places": 0, "decimals": 0}
        assert shown(value, ("1", "<5"), **half)["mean"] == "2.5"

    def test_a_converted_result_is_kept_whole(self):
        value = {"parameter": "x", "at": "week-5"}
        entries = [*seen(("1", "1")), result(36, "1.25", "S-0", unit="v")]
        grid = table_of(
            entries, {"summary": value, "statistics": ["mean"], "decimals": 4},
            parameters=parameter(units={"v": 88.4}, places=2),
            visits=[{"id": "week-5", "label": "W", "day": 36, "window": [36, 42]},
                    *(visit for visit in TINY["visits"] if visit["id"] != "week-5")],
        )  # fmt: skip
        assert printed(grid, "row", "a")["mean"] == "110.50000"

    @pytest.mark.parametrize(("name", "mean"), [("x", "6.50"), ("y", "0.333"), ("z", "0.671")])
    def test_a_mean_of_two_results_is_one_of_their_values(self, name, mean):
        visits = [visit | ({"choose": "mean"} if visit["id"] == "week-5" else {})
                  for visit in TINY["visits"]]  # fmt: skip
        values = {"y": {"upper_limits_of": "x"}, "z": {"log10_of": "x"}}
        parameters = parameter(places=1) | {
            result: {"label": result, "unit": result} | source for result, source in values.items()
        }
        entries = [*seen(("1", "2")), result(36, "11.0", "S-0", range_high=33)]
        entries[-2] = result(35, "2.0", "S-0", range_high=6)
        grid = table_of(
            entries, {"summary": {"parameter": name, "at": "week-5"}, "statistics": ["mean"]},
            parameters=parameters, visits=visits,
        )  # fmt: skip
        assert printed(grid, "row", "a")["mean"] == mean

    def test_a_waterfall_shows_what_its_table_prints(self):
        row = {"summary": PERCENT, "statistics": ["min", "max"]}
        figure = {"id": "w", "title": "W", "population": "P", "kind": "waterfall",
                 "source": {"table": "t", "row": "row"}, "x_label": "", "y_label": ""}  # fmt: skip
        study = parallel([row], parameters=parameter(), figures=[figure])
        (item,) = figures(study, sums_of(study, gathered(seen(("143", "131")))))
        assert item.places == 1
        assert item.series[0].marks[0].y == "-8.391608391608"

    def test_a_listing_shows_every_digit_and_no_zero_more(self):
        columns = [{"id": "A", "label": "A", "source": "value", "kind": "number"}]
        values = {"id": "L", "title": "L", "population": "All", "records": "observations:x",
               "columns": columns}  # fmt: skip
        for result, texts in (({}, ["150", "3.64"]), ({"places": 2}, ["150.00", "3.64"]),
                            ({"decimals": 1}, ["150.0", "3.64"])):  # fmt: skip
            study = tiny(listings=[values], parameters=TINY["parameters"] | parameter(**result))
            listing = listings_of(study, seen(("150", "3.64")))["L"]
            assert [str(row["A"]) for row in rows_of(listing)] == texts


class TestRounded:
    VALUE: Mapping[str, Any] = {"parameter": "x", "at": "week-5"}

    def test_a_study_may_round_results_before_they_count(self):
        outcome = shown(dict(self.VALUE), ("1", "60.55"), ("1", "60.64"), places=1, rounded=True)
        assert (outcome["mean"], outcome["max"]) == ("60.60", "60.6")
        study = tiny(parameters=TINY["parameters"] | parameter(places=1, rounded=True))
        assert faults(study, result(0, "60.5512345")) == []

    def test_a_half_of_a_limit_is_rounded_once(self):
        values: dict[str, Any] = {"places": 1, "rounded": True, "below_quantification": "half"}
        assert shown(dict(self.VALUE), ("1", "<0.5"), **values)["mean"] == "0.30"

    @pytest.mark.parametrize(
        "options", [{"rounded": True}, {"rounded": True, "places": 3, "log10_of": "cd4"}]
    )
    def test_it_says_to_how_many_decimals_and_of_what_is_reported(self, options):
        assert refusal(parameters=parameter(**options)).pointer == "/parameters/x"


class TestFigures:
    ROW: Mapping[str, Any] = {"summary": CHANGE, "statistics": ["mean", "ci"]}

    def key_result(self, show: str = "mean", **options: Any) -> Any:
        source = {"table": "t", "row": "row", "column": "a"}
        values = {"id": "f", "label": "F", "show": show, "source": source} | options
        died = {"count": {"recorded": "death.reported"}, "interval": True}
        row = self.ROW if show == "mean" else died
        study = parallel(
            [row],
            parameters=parameter(places=1), key_results=[values], percent_decimals=1,
        )  # fmt: skip
        pairs = [("5.0", "4.1"), ("6.1", "5.4"), ("7.2", "6.5")]
        (item,) = report.summary(
            study, sums_of(study, gathered([*seen(*pairs), death(subject="S-0")]))
        )
        return item

    def test_a_key_result_is_printed_as_its_table_prints_it(self):
        result = self.key_result()
        assert (result.text, result.ci_text) == ("-0.77", ("-1.05", "-0.48"))

    def test_decimals_of_its_own_are_those_of_its_interval_too(self):
        assert (self.key_result(decimals=0).text, self.key_result(decimals=0).ci_text) == (
            "-1",
            ("-1", "0"),
        )
        result = self.key_result(decimals=3)
        assert (result.text, result.ci_text) == ("-0.767", ("-1.054", "-0.480"))

    def test_a_percentage_has_the_decimals_of_its_table(self):
        assert self.key_result("count-percent").text == "1 (33.3%)"
        result = self.key_result("count-percent", decimals=2)
        assert (result.text, result.ci_text) == ("1 (33.33%)", ("0.84", "90.57"))

    @pytest.mark.parametrize(("show", "part"), [("n", "decimals"), ("p", "decimals"),
                                                ("mean", "floor")])  # fmt: skip
    def test_what_a_key_result_has_no_use_for_is_refused(self, show, part):
        with pytest.raises(Rejected):
            self.key_result(show, **{part: 0.001 if part == "floor" else 1})


class TestRefused:
    @pytest.mark.parametrize("part", ["decimals", "order_places"])
    def test_more_decimals_than_are_kept(self, part):
        fault = refusal(parameters=parameter(places=1, **{part: 2}))
        assert fault.pointer == "/parameters/x"
        assert "write places: 2" in fault.detail

    @pytest.mark.parametrize(
        ("row", "pointer"),
        [
            ({"summary": {"parameter": "y", "at": "week-5"}}, "summary"),
            ({"summary": {"parameter": "y", "at": "week-5"}, "decimals": {"mean": 3}}, "decimals"),
            ({"ancova": {"measure": {"parameter": "y", "at": "week-5"}}}, "ancova/measure"),
            ({"ancova": {"measure": {"parameter": "y", "at": "week-5"}}, "decimals": 1},
             "decimals"),
        ],
    )  # fmt: skip
    def test_decimals_that_rounding_has_spoilt(self, row, pointer):
        ruled = {"y": {"label": "Y", "unit": "log", "log10_of": "x", "places": 4, "decimals": 0}}
        if pointer.endswith(("summary", "measure")):
            ruled["y"]["decimals"] = 2
        fault = refusal(row, parameters=parameter() | ruled)
        assert fault.pointer == f"/tables/0/rows/0/{pointer}"
        assert "leave out the parameter's `places`" in fault.detail
        ruled["y"].pop("places")
        checking.check_definition(parallel([row], parameters=parameter() | ruled))

    def test_a_key_result_of_more_decimals_than_are_kept(self):
        source = {"table": "t", "row": "row", "column": "a"}
        key_result = {"id": "f", "label": "F", "show": "mean", "source": source, "decimals": 4}
        ruled = {"y": {"label": "Y", "unit": "log", "log10_of": "x", "places": 6, "decimals": 1}}
        row = {"summary": {"parameter": "y", "at": "week-5"}, "statistics": ["mean"]}
        fault = refusal(row, parameters=parameter() | ruled, key_results=[key_result])
        assert fault.pointer == "/key_results/0/decimals"

    def test_decimals_by_statistic_of_a_model(self):
        fault = refusal(
            {"ancova": {"measure": CHANGE}, "decimals": {"mean": 1}}, parameters=parameter()
        )
        assert fault.pointer == "/tables/0/rows/0"

    def test_a_bound_that_rounded_values_cannot_be_told_from(self):
        bound = {"measure": PERCENT, "at_most": -33.3333333333}
        fault = refusal(parameters=parameter(), conditions={"new": bound})
        assert fault.pointer == "/conditions/new/at_most"


class TestResults:
    @pytest.mark.parametrize(
        ("text", "unit", "options", "is_accepted"),
        [
            ("24.4", "u", {"places": 1}, True), ("24.45", "u", {"places": 1}, False),
            ("24.400", "u", {"places": 1}, True), ("<0.05", "u", {"places": 1}, False),
            ("3.123456789012345678", "u", {}, True), ("3.1234", "u", {"places": 3}, False),
            ("6.3245553203", "u", {"places": 9}, True),
            ("4.15", "v", {"places": 1, "units": {"v": 10}}, True),
            ("4.155", "v", {"places": 1, "units": {"v": 10}}, False),
            ("61.55172413793103", "u", {"places": 14}, True),
        ],
    )  # fmt: skip
    def test_a_result_has_the_decimals_that_are_kept_or_is_refused(
        self, text, unit, options, is_accepted
    ):
        study = tiny(parameters=TINY["parameters"] | parameter(**options))
        outcome = faults(study, result(0, text, unit=unit))
        assert [item.pointer for item in outcome] == ([] if is_accepted else ["/data/result"])
        assert all("decimal" in item.detail and text not in item.detail for item in outcome)

    @pytest.mark.parametrize(("score", "is_accepted"), [(3.5, True), (3.55, False)])
    def test_a_number_of_enrolment_likewise(self, score, is_accepted):
        study = tiny(characteristics={"score": {"label": "Score", "places": 1}})
        result = faults(study, enrolment(characteristics={"score": score}))
        text = "/data/characteristics/score"
        assert [item.pointer for item in result] == ([] if is_accepted else [text])


class TestBounds:
    @pytest.mark.parametrize(
        ("bound", "pair", "expected"),
        [
            ({"at_most": -10}, ("150", "135"), 1), ({"below": -10}, ("150", "135"), 0),
            ({"at_most": -33.3}, ("3", "2"), 1), ({"at_least": -33.3}, ("3", "2"), 0),
        ],
    )  # fmt: skip
    def test_a_percent_change_meets_its_bound_exactly(self, bound, pair, expected):
        grid = table_of(seen(pair), {"count": {"measure": PERCENT} | bound},
                        parameters=parameter())  # fmt: skip
        assert raws(grid, "row", "n")["a"] == expected

    @pytest.mark.parametrize(
        ("bound", "text", "expected"),
        [
            ({"more_than": 50.5}, ">50", 0), ({"more_than": 50}, ">50", 1),
            ({"below": 49.5}, "<50", 0), ({"below": 50}, "<50", 1),
            ({"at_least": 49.5}, "50", 1), ({"at_most": 49.5}, "49", 1),
            ({"more_than": 49.5}, "49", 0), ({"below": 49.5}, "50", 0),
        ],
    )  # fmt: skip
    def test_a_bound_may_have_more_decimals_than_values(self, bound, text, expected):
        value = {"parameter": "x", "at": "week-5"}
        grid = table_of(seen(("1", text)), {"count": {"measure": value} | bound},
                        parameters=parameter(places=0))  # fmt: skip
        assert raws(grid, "row", "n")["a"] == expected


class TestLimbs:
    NUMBERS = (0, 7, -7, LIMB_BASE, -LIMB_BASE - 3, 10**75 + 1, -(10**140))

    def test_numbers_of_any_size_add(self):
        sums = total({"row": dict(to_limbs("q", number))} for number in self.NUMBERS)
        assert from_limbs("q", sums["row"]) == sum(self.NUMBERS)
        assert all(abs(limb) < 10**38 for limb in sums["row"].values())

    def test_moments_and_products_of_large_values_are_exact(self):
        values = [10**40 + 1, -(10**35), 5]
        sums = total({"row": Moments(12).contribution(value)} for value in values)["row"]
        readout = Moments(12).estimate(sums)
        assert readout.mean == Fraction(sum(values), 3 * 10**12)
        sums = total({"row": Products((12, 0)).contribution([value, value])} for value in values)[
            "row"
        ]
        assert Products((12, 0)).estimate(sums).of(0, 1) == Fraction(
            sum(value * value for value in values), 10**12
        )

    def test_a_change_of_many_million_per_cent_fits_the_stores_numbers(self):
        entries = seen(("0.000001", "999999999999999"), ("0.000002", "4"))
        study = parallel([{"summary": PERCENT}], parameters=parameter())
        sums = sums_of(study, gathered(entries))
        cells = [value for row in sums.values() for value in row.values()]
        assert all(abs(value) < 10**38 for value in cells)
        (grid,) = report.tables(study, sums)
        expected = Fraction(100 * (999999999999999 * 10**6 - 1) + 100 * (2 * 10**6 - 1), 2)
        assert Fraction(cell(grid, "row", "a").get("mean").raw) == expected
