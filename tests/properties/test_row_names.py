"""Every row of a table has a name of its own, whatever terms, classes and levels are called."""

import random

import builders
import soak
from builders import adverse_event, coding, death, dose, enrolment
from parallel import parallel

from trial.definition.references import find_row
from trial.reporting import report
from trial.tables.attribution import CellAddress, CellAttribution
from trial.tables.grid import Grid

TABLES = soak.size(150, 5_000)
SEED = soak.seed(f"{TABLES} tables of terms that look like each other's names")
PIECES = ("a", "b", "/", "~", "0", "1", "MILD", "SEVERE", "\u05d0", "x" * 125)
SEVERITIES = ("MILD", "SEVERE", "a/b", "0", "~1")
FILTER = {"filter": {}}
LEVELS = [{"value": severity, "label": severity} for severity in SEVERITIES]
WORST = {"field": "severity", "levels": LEVELS}
BOUNDS = [{"below": 10}, {"at_least": 10, "below": 20}, {"at_least": 20}]


def classes(*names: str) -> dict[str, object]:
    class_list = [{"value": name, "label": name} | bounds
            for name, bounds in zip(names, BOUNDS, strict=False)]  # fmt: skip
    return {"label": "C", "measure": "age", "classes": class_list}


STUDY = parallel(
    [
        {"id": "two", "terms": FILTER | {"worst": WORST}},
        {"id": "class", "terms": FILTER | {"by": "soc", "worst": WORST}},
        {"id": "term", "terms": FILTER | {"by": "pt", "worst": WORST}},
        {"id": "plain", "terms": FILTER},
        {"id": "cause", "levels": {"recorded": "death.reported", "field": "cause"}},
        {"id": "worst", "worst": FILTER | WORST},
        {"id": "shift", "shift": {"before": "one", "after": "other"}},
        {"id": "visits", "summary": {"parameter": "cd4"}, "visits": "all"},
    ],
    ({"id": "total", "label": "Total", "set": "enrolled"},),
    classes={"one": classes("a", "a/b", "b"), "other": classes("b", "b/a", "~1b")},
)


def text(rng: random.Random) -> str:
    return "".join(rng.choices(PIECES, k=rng.randint(1, 3)))


def table(rng: random.Random) -> Grid:
    entries = []
    for number in range(rng.randint(1, 6)):
        name = f"S-{number}"
        entries += [enrolment(subject=name, age=rng.randint(0, 30)), dose(subject=name)]
        entries.append(death(cause=text(rng), subject=name))
        for event in range(rng.randint(1, 4)):
            record, severity = f"AE-{event}", rng.choice(SEVERITIES)
            entries.append(adverse_event(10, record, name, severity=severity))
            entries.append(coding(text(rng), record, name, soc=text(rng)))
    return builders.tables_of(STUDY, entries)["t"]


def test_no_two_rows_of_a_table_share_a_name_and_each_leads_to_its_rule() -> None:
    for number in range(TABLES):
        grid = table(random.Random(SEED + number))  # noqa: S311 (a seed)
        names = [row.id for row in grid.rows]
        assert len(names) == len(set(names)), SEED + number
        for row in grid.rows:
            rule, *parts = row.id.split("/")
            ref = {"table": "t", "row": row.id, "column": "total"}
            match = find_row(builders.reference(ref), STUDY.definition.tables)
            assert match is not None
            assert match[1].id == rule
            assert len(parts) == len(row.groups)


def test_a_class_that_holds_a_slash_is_not_a_class_with_a_term() -> None:
    entries = [
        enrolment(), dose(), adverse_event(10, "A"), coding("Pain", "A", soc="Eye/ear"),
        adverse_event(10, "B"), coding("ear", "B", soc="Eye"),
    ]  # fmt: skip
    grid = builders.tables_of(STUDY, entries)["t"]
    labels = {row.id: row.label for row in grid.rows if row.id.startswith("plain/")}
    assert labels == {
        "plain/Eye": "Eye", "plain/Eye/ear": "ear",
        "plain/Eye~1ear": "Eye/ear", "plain/Eye~1ear/Pain": "Pain",
    }  # fmt: skip


def test_the_row_of_one_name_is_not_moved_by_whoever_has_the_other() -> None:
    places = {name: CellAddress("t", name, "total") for name in ("plain/Eye/ear", "plain/Eye~1ear")}
    moves = CellAttribution(report.compiled(STUDY), places.values())
    entries = [enrolment(), dose(), adverse_event(10, "A")]
    before = builders.derive(*entries, study=STUDY)
    for soc, pt, moved in (("Eye", "ear", "plain/Eye/ear"), ("Eye/ear", "pain", "plain/Eye~1ear")):
        after = builders.derive(*entries, coding(pt, "A", soc=soc), study=STUDY)
        assert moves.affected_cells(before, after) == {places[moved]}
