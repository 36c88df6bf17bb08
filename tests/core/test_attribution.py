"""Who moved a cell: whoever changed alone moved all that moved, and nobody else moves anything."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from blinded import COLUMNS, ROWS, study_of
from builders import (
    adverse_event,
    coding,
    dose,
    enrolment,
    entry,
    feed,
    read,
    subjects,
    tmb301,
    viral_load,
)
from parallel import TOTAL, A, B, randomised

from local.feed import read_definition
from trial.definition.study import Study, load
from trial.reporting import report
from trial.statistics import cells
from trial.statistics.cells import Share
from trial.subject.derivation import Derivation
from trial.subject.fold import Record, Subject
from trial.tables.attribution import CellAddress, CellAttribution
from trial.tables.compiled import audience_share, compiled, contribute
from trial.tables.grid import Grid

AIRWAY = Path(__file__).parents[2] / "events" / "airway-2x2"


def placed(grids: tuple[Grid, ...]) -> dict[CellAddress, Any]:
    """Give what stands in every cell, and every denominator."""
    values_at: dict[CellAddress, Any] = {
        CellAddress(grid.id, "", column.id): column.n for grid in grids for column in grid.columns
    }
    return values_at | {
        CellAddress(grid.id, row.id, cell.column): {
            statistic.name: statistic.raw for statistic in cell.statistics
        }
        for grid in grids
        for row in grid.rows
        for cell in row.cells
        if cell.statistics
    }


def printed(study: Study, sums: Share) -> dict[CellAddress, Any]:
    return placed(report.tables(study, sums))


def moved(old: dict[CellAddress, Any], new: dict[CellAddress, Any]) -> set[CellAddress]:
    return {place for place in old.keys() | new.keys() if old.get(place) != new.get(place)}


def without(subject: Subject, keys: list[tuple[str, str]]) -> Subject:
    remaining = {key: record for key, record in subject.records.items() if key not in keys}
    return replace(subject, records=remaining)


def redosed(record: Record) -> Record:
    """Change a number of a record, or its date by nothing that would be refused."""
    data = dict(record.data)
    if "result" in data:
        data["result"] = "77"
    elif data.get("serious") is not None:
        data["serious"] = not data["serious"]
    return replace(record, revision=record.revision + 1, data=data)


def changed(subject: Subject, rng: random.Random) -> Subject | None:
    """Take some records away or change them; or the whole subject."""
    keys = sorted(subject.records)
    match rng.randrange(4):
        case 0:
            return None
        case 1:
            return without(subject, rng.sample(keys, 1))
        case 2:
            return without(subject, rng.sample(keys, len(keys) // 2))
        case _:
            redosings = {
                key: redosed(subject.records[key]) for key in rng.sample(keys, len(keys) // 3)
            }
            return replace(subject, records={**subject.records, **redosings})


def share_of(study: Study, subject: Subject | None) -> Share:
    return {} if subject is None else audience_share(study, contribute(study, subject))


def everything_that_moved_is_the_subjects(study: Study, people: list[Subject], times: int) -> int:
    rng = random.Random(7)  # noqa: S311 (an order)
    shares = {person.id: share_of(study, person) for person in people}
    whole = cells.total(shares.values())
    old_cells = printed(study, whole)
    n_moved = 0
    for _ in range(times):
        subject = rng.choice(people)
        altered = changed(subject, rng)
        changes = cells.difference(share_of(study, altered), shares[subject.id])
        places = moved(old_cells, printed(study, cells.total([whole, changes])))
        old, new = Derivation(study, subject), altered and Derivation(study, altered)
        moves = CellAttribution(compiled(study), places)
        assert places - moves.affected_cells(old, new) == set()
        assert moves.affected_cells(old, old) == frozenset()
        n_moved += len(places)
    return n_moved


def test_whoever_alone_changed_moved_every_cell_that_moved() -> None:
    assert everything_that_moved_is_the_subjects(tmb301(), subjects(feed()), 40) > 1_000


def test_in_a_randomised_trial_with_models_too() -> None:
    definition = read_definition(AIRWAY / "definition.yaml")
    study = load(json.dumps(definition))
    lines = (AIRWAY / "feed.ndjson").read_text(encoding="utf-8").splitlines()
    people = subjects([read(line, study.id) for line in lines])
    assert everything_that_moved_is_the_subjects(study, people, 12) > 100


@pytest.mark.parametrize("start", range(0, len(ROWS), 8))
def test_in_every_kind_of_row_open_or_not(start: int) -> None:
    compared = {"id": "p", "label": "P", "compare": ["a", "b"], "rates": "ratio"}
    study = study_of(ROWS[start : start + 8], [*COLUMNS, compared])
    entries = []
    for i in range(12):
        name, arm = f"S-{i}", "ab"[i % 2]
        entries += [enrolment(subject=name, age=30 + i), randomised(arm, name)]
        entries += [viral_load(0, 5000 * i, subject=name)]
        if i % 3:
            treatment = {"a": "drug", "b": "placebo"}[arm]
            entries += [dose(subject=name, treatment=treatment), adverse_event(subject=name)]
            entries += [coding(["Rash", "Headache"][i % 2], subject=name)]
            entries += [
                entry("conmed.recorded", name, record="CM", drug="x", start="2015-06"),
                entry("conmed.coded", name, record="C", medication="CM", dictionary="W",
                      version="1", preferred_name="X", atc=[{"code": "A10"}, {"code": "C10AA"}]),
            ]  # fmt: skip
    people = subjects(entries)
    moved_counts = [everything_that_moved_is_the_subjects(view, people, 25) for view in study.views]
    assert sum(moved_counts) > 25


def test_who_changed_otherwise_moved_nothing_else() -> None:
    rows = [{"levels": {"characteristic": "sex"}}, {"summary": "age"}, {"events": {}}]
    study = study_of(rows, [A, B, TOTAL], blinded=False)
    base = [enrolment(subject="S-1", age=30, sex="F"), randomised("a", "S-1")]
    (old,), (new,) = subjects(base), subjects([*base, adverse_event(subject="S-1")])
    places = set(printed(study, share_of(study, new)))
    moved_cells = CellAttribution(compiled(study), places).affected_cells(
        Derivation(study, old), Derivation(study, new)
    )
    assert {(place.column, place.row) for place in moved_cells} == {
        (column, row) for column in ("a", "total") for row in [max(place.row for place in places)]
    }
