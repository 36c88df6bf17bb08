"""How long adverse events took to resolve; those that go on are censored, not left out."""

import math
import random
from typing import Any

import numpy as np
import pytest
from builders import adverse_event, cell, coding, contact, day, death, dose, enrolment
from parallel import TOTAL, A, B, parallel, printed, randomised, raws, table_of
from statsmodels.duration.survfunc import SurvfuncRight, survdiff

from trial.definition.available_statistics import available_statistics
from trial.definition.outputs import CellRef
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.reporting.methods import methods
from trial.tables import checking
from trial.tables.grid import Grid

AGAINST = {"id": "p", "label": "P", "compare": ["a", "b"]}
ALL: dict[str, Any] = {"resolution": {"filter": {}}}
FIRST: dict[str, Any] = {"resolution": {"filter": {}, "occurrences": "first"}}
BY_TERM: dict[str, Any] = {"resolution": {"filter": {}, "by": "pt"}}


def person(subject: str, arm: str = "a", last: int = 60) -> list[Entry]:
    return [
        enrolment(subject=subject),
        randomised(arm, subject),
        dose(7, subject=subject),
        contact(last, subject),
    ]


def event(
    subject: str, record: str, onset: Any, end: Any = None, term: str = "Pain", **data: Any
) -> list[Entry]:
    ended = {} if end is None else {"end": day(end) if isinstance(end, int) else end}
    outcome = {"outcome": "RECOVERED/RESOLVED"} if ended else {}
    return [
        adverse_event(onset, record, subject, **(outcome | ended | data)),
        coding(term, record, subject),
    ]


ENTRIES = [
    *person("S-1"), *event("S-1", "1", 10, 12), *event("S-1", "2", 20, 29, "Rash"),
    *event("S-1", "3", 50), *person("S-2", "b"), *event("S-2", "4", 10, 10),
    *event("S-2", "5", None, 30), *person("S-3", last=15), *event("S-3", "6", 11, None, "Rash"),
]  # fmt: skip


def shown(row: dict[str, Any], entries: list[Entry] | None = None, **options: Any) -> Grid:
    return table_of(ENTRIES if entries is None else entries, row, **options)


def test_what_goes_on_is_censored_at_the_last_contact():
    """Days 3 and 10 to resolution; 11 and 5 to the last contact."""
    grid = shown(ALL | {"resolution": {"filter": {}, "at": [3, 10]}})
    assert printed(grid, "row", "a") == {"events": "4", "resolved": "2"}
    assert printed(grid, "row/q1", "a")["days"] == "6.5"
    assert printed(grid, "row/median", "a")["days"] == "10"
    assert printed(grid, "row/q3", "a")["days"] == "not reached"
    assert printed(grid, "row/day-3", "a")["survival"] == "75.0"
    assert printed(grid, "row/day-10", "a")["survival"] == "37.5"
    assert {row.id: row.label for row in grid.rows}["row/day-3"] == "Not resolved at day 3 (%)"


def test_what_has_no_known_date_is_told():
    (note,) = (note for note in shown(ALL).footnotes if "not described" in note)
    assert note == (
        "Row: events that are not described here: Placebo 1 without a known date; Total 1 without a"
        " known date."
    )
    assert any("Placebo 1 without a known date" in note for note in shown(BY_TERM).footnotes)


def test_a_fatal_event_has_not_resolved():
    fatal = event("S-1", "1", 10, 14, outcome="FATAL", grade=5)
    grid = shown(ALL, [*person("S-1", last=12), *fatal, death(14)])
    assert printed(grid, "row", "a") == {"events": "1", "resolved": "0"}
    ongoing = event("S-1", "1", 10, None, outcome="FATAL")
    grid = shown(ALL | {"resolution": {"filter": {}, "at": [4, 6]}},
                 [*person("S-1", last=12), *ongoing, death(14)])  # fmt: skip
    assert printed(grid, "row/day-4", "a")["survival"] == "100.0"
    assert printed(grid, "row/day-6", "a") == {}


def test_of_first_events_there_is_one_a_subject():
    grid = shown(FIRST)
    assert printed(grid, "row", "a") == {"n": "2", "resolved": "1"}
    assert printed(grid, "row/median", "a")["days"] == "4"  # 3 to 5: exactly a half are left
    assert printed(grid, "row", "b") == {"n": "1", "resolved": "1"}


@pytest.mark.parametrize(
    ("ends", "expected"),
    [((12, 14), ("1", "5")), ((14, 12), ("1", "5")), ((14, None), ("0", "not reached")),
     ((None, 60), ("0", "not reached"))],
)  # fmt: skip
def test_of_two_that_began_on_one_day_the_longer_is_the_first(ends, expected):
    entries = [*person("S-1"), *event("S-1", "1", 10, ends[0]), *event("S-1", "2", 10, ends[1])]
    grid = shown(FIRST, entries)
    resolved, days = expected
    assert printed(grid, "row", "a") == {"n": "1", "resolved": resolved}
    assert printed(grid, "row/median", "a")["days"] == days


def test_each_term_has_its_median():
    grid = shown(BY_TERM)
    assert [row.id for row in grid.rows] == ["row/Pain", "row/Rash"]
    assert printed(grid, "row/Pain", "a") == {
        "events": "2", "resolved": "1", "median": "7",
        "median_ci_low": "3", "median_ci_high": "not reached"}  # fmt: skip
    assert printed(grid, "row/Rash", "b") == {"events": "0", "resolved": "0"}
    assert cell(grid, "row/Pain", "a").method == (
        "Kaplan-Meier; Brookmeyer-Crowley, log-log transformed"
    )
    assert any("sorted by their events" in note for note in grid.footnotes)


def test_of_a_class_the_first_event_is_that_of_all_its_terms():
    row = {"resolution": {"filter": {}, "by": ["soc", "pt"], "occurrences": "first"}}
    grid = shown(row)
    (above,) = (row.id for row in grid.rows if row.level == 0)
    texts = printed(grid, above, "a")
    assert (texts["n"], texts["resolved"], texts["median"]) == ("2", "1", "4")
    assert printed(grid, f"{above}/Rash", "a")["resolved"] == "1"
    assert any("sorted by their subjects" in note for note in grid.footnotes)


def test_a_column_may_narrow_the_events():
    grave = {**TOTAL, "id": "grave", "label": "Grave", "events": {"serious": True}}
    entries = [*ENTRIES, *event("S-2", "9", 12, 13, serious=True)]
    for row, row_id in ((ALL, "row"), (BY_TERM, "row/Pain")):
        grid = shown(row, entries, columns=(TOTAL, grave))
        assert raws(grid, row_id, "events")["grave"] == 1
    assert not any("Grave" in note for note in grid.footnotes)


def test_nobody_has_no_number():
    grid = shown(ALL, person("S-1"))
    assert printed(grid, "row", "a") == {"events": "0", "resolved": "0"}
    assert printed(grid, "row/median", "a") == {}
    assert shown(BY_TERM, []).rows == ()


def test_a_grade_that_is_not_reported_is_told():
    for options in ({}, {"by": "pt"}):
        grid = shown({"resolution": {"filter": {"grade": [3]}} | options})
        assert any("grade is not reported are not counted" in note for note in grid.footnotes)


def random_feed(seed: int) -> tuple[list[Entry], list[tuple[str, str, int, int, bool]]]:
    """Make events, and give of each its subject, term, onset, days and whether it resolved."""
    rng = random.Random(seed)  # noqa: S311 (a seed)
    entries, resolutions = [], []
    for i in range(40):
        name, last = f"S-{i}", rng.randint(50, 90)
        entries += person(name, "ab"[i % 2], last)
        onsets = rng.sample(range(8, 40), rng.randint(0, 4))
        for j, onset in enumerate(onsets):
            term, lasted = rng.choice(["Pain", "Rash"]), rng.choice([0, 1, 4, 9, 10, None])
            end = None if lasted is None else onset + lasted
            entries += event(name, f"{i}-{j}", onset, end, term)
            days = (last - onset if lasted is None else lasted) + 1
            resolutions.append((name, term, onset, days, lasted is not None))
    return entries, resolutions


def first_of(
    histories: list[tuple[str, str, int, int, bool]],
) -> list[tuple[str, str, int, int, bool]]:
    first: dict[str, tuple[str, str, int, int, bool]] = {}
    for history in sorted(histories, key=lambda history: history[2]):
        first.setdefault(history[0], history)
    return list(first.values())


def middle_of_level_half(oracle: SurvfuncRight, last: int) -> float:
    """Give the median where the curve lies at exactly a half, which statsmodels does not halve."""
    place = next(i for i, share in enumerate(oracle.surv_prob) if share == pytest.approx(0.5))
    return float(oracle.surv_times[place] + [*oracle.surv_times, last][place + 1]) / 2


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("occurrences", ["all", "first"])
def test_curves_and_tests_are_those_of_statsmodels(seed: int, occurrences: str) -> None:
    entries, histories = random_feed(seed)
    base = {"filter": {}, "occurrences": occurrences}
    columns = (A, B, TOTAL, AGAINST)
    grids = [shown({"resolution": base | options}, entries, columns=columns)
             for options in ({"at": [5]}, {"by": "pt"})]  # fmt: skip
    by_row = {
        "row": histories,
        **{f"row/{t}": [e for e in histories if e[1] == t] for t in ("Pain", "Rash")},
    }
    for row_id, row_histories in by_row.items():
        row_histories = first_of(row_histories) if occurrences == "first" else row_histories  # noqa: PLW2901
        days, resolved = (np.array([history[i] for history in row_histories]) for i in (3, 4))
        oracle = SurvfuncRight(days, resolved)
        grid = grids[row_id != "row"]
        name = "events" if occurrences == "all" else "n"
        assert raws(grid, row_id, name)["total"] == len(row_histories)
        assert raws(grid, row_id, "resolved")["total"] == sum(resolved)
        row, names = row_id, ("median", "median_ci_low", "median_ci_high")
        if row_id == "row":
            row, names = "row/median", ("days", "ci_low", "ci_high")
        expected = [oracle.quantile(0.5), *oracle.quantile_ci(0.5, method="cloglog")]
        for statistic, number in zip(names, expected, strict=True):
            statistic_raw = raws(grid, row, statistic)["total"]
            if statistic_raw is None:
                assert not math.isfinite(number)
            elif math.isnan(number):  # one step passes the whole interval: a day of its own
                low, high = (raws(grid, row, name)["total"] for name in names[1:])
                assert low == high
            elif statistic in ("days", "median") and float(statistic_raw) != number:
                assert float(statistic_raw) == middle_of_level_half(oracle, max(days))
            else:
                assert float(statistic_raw) == number
        arm = np.array([int(history[0].removeprefix("S-")) % 2 for history in row_histories])
        statistic_raw = raws(grid, row_id, "p").get("p")
        if occurrences == "all":
            assert statistic_raw is None
        else:
            assert float(statistic_raw) == pytest.approx(survdiff(days, resolved, arm)[1], rel=1e-6)
    survival = float(raws(grids[0], "row/day-5", "survival")["total"]) / 100
    row_histories = first_of(histories) if occurrences == "first" else histories
    oracle = SurvfuncRight(
        [history[3] for history in row_histories], [history[4] for history in row_histories]
    )
    (expected_share,) = oracle.surv_prob[oracle.surv_times <= 5][-1:]
    assert survival == pytest.approx(expected_share, rel=1e-10)


def test_the_methods_say_that_events_of_a_subject_are_not_independent():
    def words(row: dict[str, Any], **options: Any) -> str:
        sections = methods(parallel([row | options]).definition)
        (section,) = (section for section in sections if section.id == "rows")
        return section.rows[0][-1]

    assert "which those of one subject are not" in words(ALL)
    assert "which those of one subject are not" in words(BY_TERM)
    assert "independent" not in words(FIRST)
    assert "compared by the log-rank test" in words(FIRST)
    text = words({"resolution": {"filter": {}, "at": [7]}}, interval={"method": "plain"})
    assert (
        "percentage not resolved at days 7, limits by Greenwood variance, not transformed" in text
    )


@pytest.mark.parametrize(
    ("resolution", "words"),
    [({"filter": {}, "order": "alphabetical"}, "takes order only beside `by`"),
     ({"filter": {}, "by": "pt", "at": [7]}, "takes `at` only without `by`"),
     ({"filter": {}, "by": "pt", "order": "difference"}, "there is no difference")],
)  # fmt: skip
def test_what_cannot_be_asked_for_is_refused(resolution, words):
    with pytest.raises(Rejected) as refused:
        parallel([{"resolution": resolution}])
    assert words in refused.value.faults[0].detail


def test_its_interval_is_on_a_scale_of_survival():
    row = BY_TERM | {"interval": {"method": "wilson"}}
    with pytest.raises(Rejected) as refused:
        checking.check_definition(parallel([row]))
    (fault,) = refused.value.faults
    assert fault.pointer == "/tables/0/rows/0/interval/method"
    grid = shown(BY_TERM | {"interval": {"level": 0.9, "limits": "lower"}})
    assert printed(grid, "row/Pain", "a").keys() == {
        "events", "resolved", "median", "median_ci_low"}  # fmt: skip
    assert cell(grid, "row/Pain", "a").interval == "90% lower limit"


@pytest.mark.parametrize("row", [ALL, FIRST, BY_TERM, FIRST | {"interval": {"limits": "upper"}}])
def test_what_a_cell_can_hold_is_known_beforehand(row: dict[str, Any]) -> None:
    columns = [A, B, AGAINST]
    study = parallel([row], columns)
    grid = shown(row, random_feed(1)[0], columns=columns)
    assert len(grid.rows) > 1
    for printed_row in grid.rows:
        for row_cell in printed_row.cells:
            ref = CellRef(table="t", row=printed_row.id, column=row_cell.column)
            available = available_statistics(ref, study.definition.tables)
            assert {statistic.name for statistic in row_cell.statistics} == available
