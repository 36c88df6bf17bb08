"""Events by time at risk: first or all, together or by term, compared by ratio or difference."""

import json
import random
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from builders import adverse_event, coding, contact, dose, enrolment
from parallel import TOTAL, A, B, parallel, printed, randomised, raws, table_of
from scipy import stats
from statsmodels.stats.rates import test_poisson_2indep as score_test

from trial.definition.available_statistics import available_statistics
from trial.definition.outputs import CellRef
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.reporting.methods import methods
from trial.statistics.rates import (
    poisson_interval,
    rate_difference,
    rate_difference_interval,
    rate_ratio,
    rate_ratio_interval,
    rate_ratio_test,
)
from trial.tables import checking

RATIO = {"id": "ratio", "label": "Ratio", "compare": ["b", "a"], "rates": "ratio"}
GAIN = {"id": "gain", "label": "Difference", "compare": ["b", "a"], "rates": "difference"}
COLUMNS = (A, B, TOTAL, RATIO, GAIN)
EXPOSURES = (
    (41, 28010, 15, 19017), (11, 800, 3, 1011), (0, 100, 5, 100), (5, 100, 0, 100),
    (0, 70, 0, 90), (1, 1, 1, 10_000), (200, 365, 60, 365), (3, 24061, 11, 1019),
)  # fmt: skip


class TestTwoRates:
    # Two published sets of person-years and one without events, exact by the binomial distribution.
    @pytest.mark.parametrize(
        ("groups", "estimate", "limits", "p"),
        [
            ((41, 28010, 15, 19017), "1.855759", ("1.005684", "3.609300"), "0.040852"),
            ((11, 800, 3, 1011), "4.633750", ("1.224066", "25.867408"), "0.013132"),
            ((0, 100, 5, 100), "0.000000", ("0.000000", "1.091279"), "0.062500"),
        ],
    )
    def test_a_ratio_has_its_exact_limits_and_p_value(self, groups, estimate, limits, p):
        assert f"{float(rate_ratio(*groups) or 0):.6f}" == estimate
        limits_found = rate_ratio_interval(*groups)
        assert limits_found is not None
        assert tuple(f"{limit:.6f}" for limit in limits_found if limit is not None) == limits
        assert f"{rate_ratio_test(*groups):.6f}" == p

    @pytest.mark.parametrize("groups", EXPOSURES)
    def test_the_p_value_is_that_of_the_exact_binomial_test(self, groups):
        events1, exposure1, events2, exposure2 = groups
        result = rate_ratio_test(*groups)
        if not events1 + events2:
            assert result is None
            return
        share = exposure1 / (exposure1 + exposure2)
        expected = stats.binomtest(events1, events1 + events2, share).pvalue
        assert float(result or 0) == pytest.approx(expected, abs=1e-12)

    @pytest.mark.parametrize("groups", EXPOSURES)
    @pytest.mark.parametrize("level", [Fraction(9, 10), Fraction(95, 100)])
    def test_the_score_test_rejects_just_beyond_the_limits_of_a_difference(self, groups, level):
        limits = rate_difference_interval(*groups, level)
        assert limits is not None
        for limit in limits if groups[2] else ():  # it divides by the second rate
            score = score_test(*groups, value=float(limit), method="score", compare="diff")
            assert score.pvalue == pytest.approx(float(1 - level), abs=1e-9)
        difference = rate_difference(*groups)
        assert difference is not None
        assert limits[0] < difference < limits[1]

    def test_exchanged_groups_exchange_the_limits(self):
        low, high = rate_difference_interval(41, 28010, 15, 19017) or (0, 0)
        assert rate_difference_interval(15, 19017, 41, 28010) == (-high, -low)

    def test_without_events_or_time_there_is_nothing_to_say(self):
        assert rate_ratio_interval(0, 10, 0, 10) is rate_ratio_test(0, 10, 0, 10) is None
        assert rate_ratio(1, 10, 0, 10) is rate_difference(0, 0, 1, 10) is None
        assert rate_ratio_interval(3, 10, 0, 10) == (pytest.approx(Decimal("0.4138"), abs=2), None)
        assert rate_difference_interval(0, 0, 1, 10) is None

    def test_many_events_are_tested_in_time_or_not_at_all(self):
        expected = stats.binomtest(900, 1_900, 0.5).pvalue
        assert float(rate_ratio_test(900, 7, 1_000, 7) or 0) == pytest.approx(expected, rel=1e-9)
        assert rate_ratio_test(60_000, 7, 60_000, 7) is None


# Rows


def person(subject: str, arm: str, last: int = 107) -> list[Entry]:
    """Dose a subject on day 7 and see it last on another: at risk from the one to the other."""
    return [
        enrolment(subject=subject), randomised(arm, subject), dose(7, subject=subject),
        dose(last, subject=subject), contact(last, subject),
    ]  # fmt: skip


def event(subject: str, record: str, pt: str, onset: Any, **data: Any) -> list[Entry]:
    return [adverse_event(onset, record, subject, **data), coding(pt, record, subject, soc="S")]


ENTRIES = (
    *person("S-1", "a"), *person("S-2", "a", 57), *person("S-3", "b"), *person("S-4", "b", 8),
    *event("S-1", "1", "Pain", 16), *event("S-1", "2", "Pain", 26), *event("S-1", "3", "Rash", 36),
    *event("S-2", "4", "Rash", 3), *event("S-2", "5", "Pain", None),
    *event("S-3", "6", "Pain", 106), *event("S-3", "7", "Ache", 7),
)  # fmt: skip
BY_TERM = {"incidence": {"filter": {}, "by": ["soc", "pt"], "per": 1}}


def years(days: int) -> str:
    return f"{days / 365.25:.1f}"


class TestByTerm:
    GRID = table_of(ENTRIES, BY_TERM, columns=COLUMNS)

    def test_each_term_has_its_own_time_at_risk(self):
        # S-1 is at risk for 101 days, S-2 for 51, S-3 for 101, S-4 for 2.
        assert raws(self.GRID, "row/S/Pain", "n") == {"a": 1, "b": 1, "total": 2}
        assert raws(self.GRID, "row/S/Rash", "n") == {"a": 1, "b": 0, "total": 1}
        for term, days in (("Pain", 10 + 51), ("Rash", 30 + 51), ("Ache", 101 + 51)):
            texts = printed(self.GRID, f"row/S/{term}", "a")
            assert texts["years"] == years(days)
        assert Fraction(raws(self.GRID, "row/S/Pain", "rate")["b"]) == pytest.approx(
            Fraction(1, 100 + 2) * Fraction(1461, 4)
        )
        assert raws(self.GRID, "row/S", "n") == {"a": 1, "b": 1, "total": 2}

    def test_an_event_before_the_first_dose_is_not_at_risk_and_one_without_a_date_is_told(self):
        assert raws(self.GRID, "row/S/Pain", "undated") == {"a": 1, "total": 1}
        assert any("without a known date are not counted" in note for note in self.GRID.footnotes)

    def test_the_interval_is_garwoods(self):
        low, high = poisson_interval(1, 61) or (Decimal(0), Decimal(0))
        texts = printed(self.GRID, "row/S/Pain", "a")
        scale = Decimal("365.25")
        assert (texts["ci_low"], texts["ci_high"]) == (f"{low * scale:.1f}", f"{high * scale:.1f}")

    def test_columns_compare_rates_where_they_say_how(self):
        ratio = printed(self.GRID, "row/S/Pain", "ratio")
        assert ratio["rate_ratio"] == f"{(1 / 61) / (1 / 102):.2f}"
        assert ratio.keys() == {"rate_ratio", "ci_low", "ci_high", "p"}
        gain = printed(self.GRID, "row/S/Pain", "gain")
        assert gain["difference"] == f"{(1 / 61 - 1 / 102) * 365.25:.1f}"
        none = printed(self.GRID, "row/S/Rash", "ratio")
        assert (none["rate_ratio"], none["ci_high"]) == ("not estimable", "no limit")
        silent = {"id": "p", "label": "P", "compare": ["a", "b"]}
        grid = table_of(ENTRIES, BY_TERM, columns=(A, B, silent))
        assert {cell.column for row in grid.rows for cell in row.cells} == {"a", "b"}

    def test_terms_are_sorted_by_what_is_counted_or_by_the_difference_of_rates(self):
        def names(**options: Any) -> list[str]:
            row = {"incidence": {"filter": {}, "by": "pt"} | options}
            return [printed_row.label for printed_row in
                    table_of(ENTRIES, row, columns=COLUMNS[:-1]).rows]  # fmt: skip

        assert names() == ["Pain", "Ache", "Rash"]
        assert names(order="alphabetical") == ["Ache", "Pain", "Rash"]
        assert names(order="difference") == ["Rash", "Pain", "Ache"]

    def test_one_row_of_a_term_is_the_incidence_of_its_events(self):
        for term in ("Pain", "Rash", "Ache"):
            row = {"incidence": {"filter": {"terms": [term]}, "per": 1}}
            alone = table_of(ENTRIES, row, columns=COLUMNS)
            for column in ("a", "b", "total", "ratio", "gain"):
                assert printed(alone, "row", column) == printed(self.GRID, f"row/S/{term}", column)


class TestAllOccurrences:
    def test_every_event_at_risk_counts_and_none_ends_the_time(self):
        row = {"incidence": {"filter": {}, "occurrences": "all", "per": 1}}
        grid = table_of(ENTRIES, row, columns=COLUMNS)
        assert raws(grid, "row", "events") == {"a": 3, "b": 2, "total": 5}
        assert printed(grid, "row", "total")["years"] == years(101 + 51 + 101 + 2)
        assert raws(grid, "row", "undated") == {"a": 1, "total": 1}
        assert raws(grid, "row", "n") == {}

    def test_so_it_is_by_term(self):
        row = {"incidence": {"filter": {}, "occurrences": "all", "by": "pt"}}
        grid = table_of(ENTRIES, row, columns=COLUMNS)
        assert raws(grid, "row/Pain", "events") == {"a": 2, "b": 1, "total": 3}
        assert printed(grid, "row/Ache", "a")["years"] == years(152)

    def test_methods_say_that_events_are_taken_for_independent(self):
        row = {"incidence": {"filter": {}, "occurrences": "all"}}
        sections = {s.id: s.rows for s in methods(parallel([row]).definition)}
        assert "as if events came independently" in sections["rows"][0][2]


class TestInterval:
    def test_its_level_and_its_limits_can_be_asked_for(self):
        row = {"incidence": {"filter": {}, "per": 1}, "interval": {"level": 0.9, "limits": "upper"}}
        texts = printed(table_of(ENTRIES, row, columns=COLUMNS), "row", "a")
        _, high = poisson_interval(1, 61, Fraction(8, 10)) or (0, Decimal(0))
        assert texts["ci_high"] == f"{high * Decimal('365.25'):.1f}"
        assert "ci_low" not in texts


@pytest.mark.parametrize(
    ("part", "detail"),
    [
        ({"incidence": {"filter": {}, "order": "alphabetical"}}, "only beside `by`"),
        ({"incidence": {"filter": {}}, "interval": {"method": "wald"}}, "is always exact Poisson"),
        ({"incidence": {"filter": {}, "by": ["pt"], "order_by": "gone"}}, "is not a column"),
    ],
)
def test_what_does_not_belong_together_is_refused(part, detail):
    with pytest.raises(Rejected) as refused:
        checking.check_definition(parallel([part], COLUMNS))
    assert any(detail in fault.detail for fault in refused.value.faults)


def test_a_ratio_is_between_two_columns():
    three = {**RATIO, "compare": ["a", "b", "total"]}
    with pytest.raises(Rejected) as refused:
        parallel([BY_TERM], (A, B, TOTAL, three))
    assert "exactly two columns" in refused.value.faults[0].detail


@pytest.mark.parametrize("row", [BY_TERM, {"incidence": {"filter": {}}},
                                 {"incidence": {"filter": {}, "occurrences": "all"}}])  # fmt: skip
def test_what_a_cell_can_hold_is_known(row):
    study = parallel([row], COLUMNS)
    (table,) = study.definition.tables
    grid = table_of(ENTRIES, row, columns=COLUMNS)
    for printed_row in grid.rows:
        for cell in printed_row.cells:
            ref = CellRef(table="t", row=printed_row.id, column=cell.column)
            names = {statistic.name for statistic in cell.statistics}
            assert names <= available_statistics(ref, [table])


# A recount of random histories


def history(rng: random.Random) -> Iterator[tuple[str, str, int, list[tuple[str, Any, bool]]]]:
    """Draw subjects: name, arm, last day, and events by term, onset and seriousness."""
    for i in range(rng.randint(0, 7)):
        last = rng.choice([7, 8, 30, 60])
        events = [
            (rng.choice(["Pain", "Rash", "Ache"]), rng.choice([None, 0, 6, 7, 8, 20, 31, 70]),
             rng.random() < 0.5)
            for _ in range(rng.randint(0, 4))
        ]  # fmt: skip
        yield f"S-{i}", rng.choice("ab"), last, events


@pytest.mark.parametrize("seed", range(40))
def test_counts_and_days_are_those_of_a_recount(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 (a seed)
    people = list(history(rng))
    entries = [
        entry
        for name, arm, last, events in people
        for entry in (
            *person(name, arm, last),
            *(record for i, (pt, onset, serious) in enumerate(events)
              for record in event(name, f"E-{i}", pt, onset, serious=serious)),
        )
    ]  # fmt: skip
    rng.shuffle(entries)
    recurrent = rng.random() < 0.5
    grave = {"id": "grave", "label": "Grave", "set": "randomised", "events": {"serious": True}}
    row = {"incidence": {"filter": {}, "by": "pt", "occurrences": "all" if recurrent else "first"}}
    grid = table_of(entries, row, columns=(A, B, TOTAL, grave))
    counted = "events" if recurrent else "n"
    for printed_row in grid.rows:
        for column in ("a", "b", "total", "grave"):
            n = days = 0
            for _, arm, last, events in people:
                if arm == column or column in ("total", "grave"):
                    end = max([last, *(onset for _, onset, _ in events if onset is not None)])
                    end = min(end, last + 30)
                    onsets = [onset for pt, onset, serious in events
                              if pt == printed_row.label and onset is not None and 7 <= onset <= end
                              and (serious or column != "grave")]  # fmt: skip
                    n += len(onsets) if recurrent else bool(onsets)
                    risk_end = min(onsets) if onsets and not recurrent else end
                    days += risk_end - 7 + 1
            texts = printed(grid, printed_row.id, column)
            assert texts[counted] == str(n), (seed, printed_row.label, column)
            assert texts["years"] == years_exact(days), (seed, printed_row.label, column)


def years_exact(days: int) -> str:
    tenths = Fraction(40 * days, 1461) + Fraction(1, 2)
    return f"{Decimal(tenths.numerator // tenths.denominator) / 10:.1f}"


def test_the_open_audience_of_a_blinded_study_sees_rates_of_all():
    row = {"incidence": {"filter": {}, "by": "pt", "order": "difference", "order_by": "gain"}}
    study = parallel([row], COLUMNS, blinded=True)
    (table,) = study.open.definition.tables
    assert [column.id for column in table.columns] == ["total"]
    assert json.loads(study.source)["blinded"]
    (pooled,) = table.rows
    assert pooled.incidence is not None
    assert (pooled.incidence.order, pooled.incidence.order_by) == ("frequency", None)
