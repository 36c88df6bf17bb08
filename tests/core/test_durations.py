"""How long adverse events lasted, and on which study day they began."""

import random
import statistics
from typing import Any, ClassVar

import pytest
from builders import adverse_event, coding, day, death, dose, enrolment
from parallel import TOTAL, A, B, parallel, printed, randomised, raws, table_of

from trial.definition.available_statistics import available_statistics
from trial.definition.outputs import CellRef
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.reporting.methods import methods
from trial.tables import checking

AGAINST = {"id": "p", "label": "P", "compare": ["a", "b"], "means": "t"}
ROW: dict[str, Any] = {"durations": {"filter": {}}}


def person(subject: str, arm: str = "a") -> list[Entry]:
    return [enrolment(subject=subject), randomised(arm, subject), dose(7, subject=subject)]


def event(subject: str, record: str, onset: Any, end: Any = None, **data: Any) -> Entry:
    ended = {} if end is None else {"end": day(end) if isinstance(end, int) else end}
    return adverse_event(onset, record, subject, **(ended | data))


class TestDuration:
    ENTRIES = (
        *person("S-1"), event("S-1", "1", 10, 10), event("S-1", "2", 10, 12),
        event("S-1", "3", 20), *person("S-2", "b"), event("S-2", "4", 11, 20, serious=True),
        event("S-2", "5", None, 30),
    )  # fmt: skip

    def test_both_days_count_and_each_event_by_itself(self):
        grid = table_of(self.ENTRIES, ROW)
        assert printed(grid, "row", "a") == {
            "events": "2", "mean": "2.0", "sd": "1.41", "median": "2.0", "min": "1", "max": "3",
        }  # fmt: skip
        assert raws(grid, "row", "events") == {"a": 2, "b": 1, "total": 3}
        assert printed(grid, "row", "b")["median"] == "10.0"
        assert raws(grid, "row", "n") == {}

    def test_what_has_no_duration_is_told_and_not_described(self):
        (note,) = (n for n in table_of(self.ENTRIES, ROW).footnotes if "not described" in n)
        assert note == (
            "Row: events that are not described here: Drug 1 ongoing; Placebo 1 without a known"
            " date; Total 1 ongoing; Total 1 without a known date."
        )

    def test_nobody_and_nothing_that_ended_are_no_number(self):
        assert printed(table_of(person("S-1"), ROW), "row", "a")["mean"] == "not reported"
        ongoing = [*person("S-1"), event("S-1", "1", 10)]
        texts = printed(table_of(ongoing, ROW), "row", "a")
        assert (texts["events"], texts["median"]) == ("0", "not reported")

    def test_partial_dates_are_imputed_as_everywhere(self):
        # The onset may be the first dose's day, the end is the last of its month, or the death.
        month = day(7)[:7]
        entries = [*person("S-1"), event("S-1", "1", month, month), death(12)]
        assert printed(table_of(entries, ROW), "row", "a")["mean"] == "6.0"

    def test_a_column_may_narrow_the_events(self):
        grave = {**TOTAL, "id": "grave", "label": "Grave", "events": {"serious": True}}
        grid = table_of(self.ENTRIES, ROW, columns=(TOTAL, grave))
        assert raws(grid, "row", "events") == {"total": 3, "grave": 1}
        assert not any("Grave" in note for note in grid.footnotes)

    def test_columns_that_compare_show_nothing(self):
        grid = table_of(self.ENTRIES, ROW, columns=(A, B, AGAINST))
        assert {cell.column for row in grid.rows for cell in row.cells} == {"a", "b"}

    def test_statistics_and_decimals_can_be_asked_for(self):
        row = {
            **ROW,
            "statistics": ["n", "q1", "q3", "ci"],
            "decimals": 1,
            "interval": {"level": 0.9},
        }
        texts = printed(table_of(self.ENTRIES, row), "row", "total")
        assert texts.keys() == {"events", "q1", "q3", "ci_low", "ci_high"}
        assert texts["q1"] == "1.00"

    def test_a_grade_that_is_not_reported_is_told(self):
        row = {"durations": {"filter": {"grade": [3]}}}
        entries = [*self.ENTRIES, event("S-1", "9", 10, 14, grade=3)]
        grid = table_of(entries, row)
        assert raws(grid, "row", "events")["total"] == 1
        assert any("grade is not reported are not counted" in note for note in grid.footnotes)


class TestOnsetDay:
    ROW: ClassVar[Any] = {
        "durations": {"filter": {}, "of": "onset-day"},
        "statistics": ["n", "min", "max"],
    }

    def test_it_is_the_study_day_whether_the_event_ended_or_not(self):
        entries = [*person("S-1"), event("S-1", "1", 7), event("S-1", "2", 6, 8),
                   event("S-1", "3", None), enrolment(subject="S-9"), randomised("a", "S-9"),
                   event("S-9", "4", 3)]  # fmt: skip
        grid = table_of(entries, self.ROW)
        assert printed(grid, "row", "a") == {"events": "2", "min": "-1", "max": "1"}
        assert any("Drug 2 without a known date" in note for note in grid.footnotes)


@pytest.mark.parametrize("seed", range(25))
def test_statistics_are_those_of_the_days_recounted(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 (a seed)
    entries, days = [], []
    for i in range(rng.randint(1, 6)):
        entries += person(f"S-{i}")
        for j in range(rng.randint(0, 5)):
            onset, lasted = rng.randint(0, 40), rng.choice([0, 0, 1, 30, 31, 32, 400])
            entries.append(event(f"S-{i}", f"E-{j}", onset, onset + lasted))
            entries.append(coding("Pain", f"E-{j}", f"S-{i}"))
            days.append(lasted + 1)
    rng.shuffle(entries)
    texts = printed(table_of(entries, ROW), "row", "total")
    assert texts["events"] == str(len(days))
    if days:
        assert float(texts["mean"]) == pytest.approx(statistics.mean(days), abs=0.0501)
        assert float(texts["median"]) == statistics.median(days)
        assert (texts["min"], texts["max"]) == (str(min(days)), str(max(days)))
    if len(days) > 1:
        assert float(texts["sd"]) == pytest.approx(statistics.stdev(days), abs=0.00501)


def test_what_a_cell_can_hold_and_how_it_is_counted_is_known():
    study = parallel([ROW], (A, B, TOTAL, AGAINST))
    (table,) = study.definition.tables
    ref = CellRef(table="t", row="row", column="a")
    names = set(printed(table_of(TestDuration.ENTRIES, ROW), "row", "a"))
    assert available_statistics(ref, [table]) == names
    assert not available_statistics(ref.model_copy(update={"column": "p"}), [table])
    text = str([section.rows for section in methods(study.definition)])
    assert "Describes the days from onset to end, both counted, of each of an adverse event" in text


@pytest.mark.parametrize(
    ("row", "detail"),
    [
        ({**ROW, "interval": {"level": 0.9}}, "is of no statistic here"),
        ({"durations": {"filter": {}, "of": "age"}}, "onset-day"),
        ({**ROW, "visits": "all"}, "takes no visits"),
    ],
)
def test_what_does_not_belong_to_it_is_refused(row, detail):
    with pytest.raises(Rejected) as refused:
        checking.check_definition(parallel([row]))
    assert any(detail in fault.detail for fault in refused.value.faults)


def test_a_filter_by_treatment_is_not_for_the_open_audience():
    rows = [{"durations": {"filter": {"treatment": "drug"}}}, {**ROW, "id": "all"}]
    (table,) = parallel(rows, blinded=True).open.definition.tables
    assert [row.id for row in table.rows] == ["all"]
