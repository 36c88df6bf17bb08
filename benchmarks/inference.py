"""What a row of each method adds to an event: rows of sums touched, and units of capacity.

Of 24 subjects of two arms with 16 events each, in a table of both arms, all and a comparison; over
the same table with a row that counts enrolment alone. In memory, by the size model that `requests`
checks.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from builders import adverse_event, cd4, coding, contact, disposition, dose, enrolment, subjects
from doubles import Clock, MemoryClient
from parallel import TOTAL, A, B, parallel, randomised

from benchmarks.requests import Cost
from benchmarks.rows import Measured, spread
from benchmarks.world import receipts
from trial.definition.study import Study
from trial.events.envelope import Entry
from trial.statistics.cells import Share, difference
from trial.store import Store
from trial.store.table import Table
from trial.tables.compiled import contribute

SUBJECTS = 24
_COLUMNS = [A, B, TOTAL, {"id": "p", "label": "P", "compare": ["b", "a"]}]
_RANKED = [*_COLUMNS[:3], {"id": "p", "label": "P", "compare": ["b", "a"], "means": "wilcoxon"}]
_CD4 = {"parameter": "cd4", "at": "week-5"}
_VISITS = ["day-7", "day-14", "week-5"]
_RESPONSE = {"measure": _CD4, "at_least": 250}
_REGION = {"covariates": ["region"]}
_RANKS = "ranks (Wilcoxon, Hodges-Lehmann)"
ROWS: Mapping[str, Mapping[str, Any]] = {
    "count with a contrast": {"count": _RESPONSE},
    "stratified": {"stratified": {"count": _RESPONSE, "strata": ["region"]}},
    _RANKS: {"summary": _CD4, "label": "Ranks"},
    "stratified ranks (van Elteren)": {"stratified": {"measure": _CD4, "strata": ["region"]}},
    "ancova": {"ancova": {"measure": _CD4, "covariates": ["age"], "factors": ["region"]}},
    "summary of one measure": {"summary": _CD4},
    "summary with joint of two more": {
        "summary": _CD4,
        "joint": ["age", {"parameter": "cd4", "at": "day-14"}],
    },
    "multiple_imputation, three visits": {
        "multiple_imputation": {"measure": {"parameter": "cd4"}, "covariates": ["age"]},
        "visits": _VISITS,
    },
    "mmrm, three visits": {
        "mmrm": {"measure": {"parameter": "cd4"}, "covariates": ["age"]},
        "visits": _VISITS,
    },
    "logistic": {"logistic": {"count": _RESPONSE, **_REGION}},
    "event_rate": {"event_rate": {"filter": {}, **_REGION}},
    "survival": {"survival": {"time": "left"}},
    "survival with hazard_ratio": {"survival": {"time": "left", "hazard_ratio": _REGION}},
    "survival with hazard_ratio, continuous": {
        "survival": {"time": "left", "hazard_ratio": {"continuous": ["age"]}}
    },
    "survival with restricted_mean": {
        "survival": {"time": "left", "restricted_mean": {"to": [30]}}
    },
    "cumulative incidence": {"survival": {"time": "ill", "estimate": "cumulative-incidence"}},
    "incidence": {"incidence": {"filter": {}}},
}
_TIMES = {
    "left": {
        "label": "Left",
        "start": "randomisation",
        "events": [{"recorded": "disposition.recorded"}],
    },
    "ill": {
        "label": "Ill",
        "start": "randomisation",
        "competing": ["death"],
        "events": [{"adverse_event": {}}],
    },
}


def study(row: Mapping[str, Any] | None) -> Study:
    """Give the study with a row of a method, or without."""
    rows = [{"id": "enrolled", "count": "enrolled"}, *([{"id": "method", **row}] if row else [])]
    ranked = row is not None and row == ROWS[_RANKS]
    return parallel(rows, _RANKED if ranked else _COLUMNS, times=_TIMES)


def feed(place: int) -> list[Entry]:
    """Give the events of one subject, in their order."""
    name = f"S-{place:02}"
    strata = {"region": ["north", "south"][place // 2 % 2]}
    days = (0, 7, 14, 35)
    return [
        enrolment(subject=name, age=30 + place, sex="FM"[place % 2]),
        cd4(0, 200 + 7 * place % 90, subject=name),
        randomised("ab"[place % 2], name, strata=strata),
        *(dose(day, subject=name) for day in days[1:]),
        *(cd4(day, 200 + (day + 11 * place) % 130, subject=name) for day in days[1:]),
        *(adverse_event(9 + place % 5 + i, f"AE-{i}", name) for i in range(2)),
        *(coding("Cough", f"AE-{i}", name) for i in range(2)),
        *(contact(40 + 7 * i + place % 9, name) for i in range(2)),
        disposition(60 + place % 13, "completed", name),
    ]


def touched(defined: Study) -> Iterator[int]:
    """Say how many rows of sums each event changes."""
    for place in range(SUBJECTS):
        events, old = feed(place), Share()
        for end in range(1, len(events) + 1):
            (subject,) = subjects(events[:end])
            new = contribute(defined, subject)
            yield len(difference(new, old))
            old = new


def units(defined: Study) -> Cost:
    """Post the feed event by event."""
    clock, cost = Clock(), Cost(1)
    store = Store(Table(MemoryClient(), "inference", cost.meter), contribute, clock,
                  clock.pause)  # fmt: skip
    store.put_definition(defined, defined.source)
    for place in range(SUBJECTS):
        for entry in feed(place):
            cost.start()
            store.record(defined, receipts([entry]))
    return cost


def measure(*, large: bool = False) -> list[Measured]:  # noqa: ARG001 (the same for both)
    """Measure each method over the table without it."""
    base_rows, base = list(touched(study(None))), units(study(None))
    results = []
    for name, row in ROWS.items():
        extra = _more(list(touched(study(row))), base_rows)
        cost = units(study(row))
        results.append(
            Measured(f"{name}, rows per event", sum(extra) / len(extra), None, spread(extra))
        )
        extra_units = cost.mean(cost.units) - base.mean(base.units)
        results.append(Measured(f"{name}, units per event", extra_units))
    return results


def _more(row_counts: Sequence[int], base: Sequence[int]) -> list[int]:
    return [number - base_number for number, base_number in zip(row_counts, base, strict=True)]
