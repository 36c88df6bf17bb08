"""The cells of ISLET-9's tables of history, exposure, fasting visits, shifts and side by side."""

from collections.abc import Callable, Sequence
from fractions import Fraction

from islet import fasting, methods
from islet.methods import Cell
from islet.records import AFTER_LAST_DOSE, Data, Subject
from islet.tables import (
    PER,
    YEAR,
    Columns,
    Row,
    Table,
    age_group,
    alt_class,
    enrolled,
    leveled,
    recorded_levels,
    share,
    strata,
    values_of,
)
from islet.values import (
    MEASURES,
    MISSING,
    NOT_DUE,
    Answer,
    Value,
    alt_base,
    alt_worst,
    emergent,
    end,
    number,
    onset,
    pt,
    soc,
    woman,
)

Interval = dict[str, object]
LEVEL = 0.9
FAT = ("low", "high")
FAT_BOUND = 17
ABSENT = "(missing)"


def answers(
    columns: Columns, test: Callable[[Subject], Answer], interval: Interval | None = None
) -> Row:
    """Subjects of whom a condition holds, of those of whom it is known; the rest beside."""
    row: Row = {}
    for column, people in columns.items():
        outcomes = [test(subject) for subject in people]
        n, n_known = outcomes.count(True), outcomes.count(True) + outcomes.count(False)
        row[column] = share(n, n_known) | (
            methods.proportion(n, n_known, **interval) if interval else {}
        )
        for name, reason in (("not_due", NOT_DUE), ("missing", MISSING)):
            if reason in outcomes:
                row[column][name] = outcomes.count(reason)
    return row


def summary(columns: Columns, measure: Callable[[Subject], Value], **interval: object) -> Row:
    return {
        column: methods.widely_described(values_of(people, measure), **interval)
        for column, people in columns.items()
    }


def record_levels(
    columns: Columns, row: str, kind: str, levels: Callable[[Subject, Data], Sequence[str]]
) -> Table:
    """Subjects by each level of their records, of all of the column."""
    names_by_subject = {
        column: [
            {level for record in subject.of(kind) for level in levels(subject, record)}
            for subject in people
        ]
        for column, people in columns.items()
    }
    names = {level for sets in names_by_subject.values() for values in sets for level in values}
    return {
        f"{row}/{level}": {
            column: share(sum(level in values for values in sets), len(sets))
            for column, sets in names_by_subject.items()
        }
        for level in names
    }


def history(columns: Columns) -> Table:
    """Table 14.1.3."""
    entries, drugs = "medical-history.reported", "conmed.recorded"

    def cardiac(subject: Subject) -> Answer:
        def test(entry: Data) -> bool | None:
            level = fasting.history_level(subject, entry, "soc")
            return None if level == "Not coded" else level == "Cardiac disorders"

        return fasting.of_records(subject, entries, test)

    def beside(subject: Subject) -> Answer:
        return fasting.of_records(
            subject,
            drugs,
            lambda drug: fasting.all_of(
                fasting.is_concomitant(subject, drug), fasting.of_lipids(subject, drug)
            ),
        )

    wilson, upper = {"method": "wilson"}, {"method": "wilson", "level": LEVEL, "limits": "upper"}
    jeffreys = {"method": "jeffreys", "level": LEVEL}
    lower = {"method": "clopper-pearson", "level": 0.975, "limits": "lower"}
    return {
        **record_levels(
            columns, "history", entries, lambda s, e: [fasting.history_level(s, e, "soc")]
        ),
        **record_levels(
            columns,
            "lasting",
            entries,
            lambda s, e: [fasting.history_level(s, e, "pt")] if e.get("ongoing") else [],
        ),
        "entries": summary(columns, lambda s: len(s.of(entries))),
        "heart": answers(columns, cardiac, wilson),
        "any-lasting": answers(
            columns, lambda s: any(e.get("ongoing") for e in s.of(entries)), jeffreys
        ),
        "prior": answers(
            columns,
            lambda s: fasting.of_records(s, drugs, lambda drug: fasting.is_prior(s, drug)),
            {"method": "wald"},
        ),
        "concomitant": answers(
            columns,
            lambda s: fasting.of_records(s, drugs, lambda drug: fasting.is_concomitant(s, drug)),
            {"method": "agresti-coull", "level": 0.99},
        ),
        "beside": answers(columns, beside, lower),
        **record_levels(columns, "classes", drugs, fasting.classes),
        **record_levels(columns, "drugs", drugs, lambda s, drug: [fasting.name(s, drug)]),
        **{
            key.replace("/None", "/"): row
            for key, row in recorded_levels(
                columns,
                "foot",
                "observation.recorded",
                "result",
                ["NORMAL", "REDUCED"],
                category="FOOT",
            ).items()
        },
        "numb": answers(
            columns,
            lambda s: bool(s.of("observation.recorded", category="FOOT", result="REDUCED")),
            upper,
        ),
        "ecg": answers(columns, lambda s: bool(s.of("ecg.recorded", interpretation="ABNORMAL"))),
        "alive": answers(columns, lambda s: bool(s.of("vital-status.recorded", status="ALIVE"))),
        "fasted": answers(columns, fasted),
    }


def fasted(subject: Subject) -> bool:
    return bool(subject.of("visit.recorded", visit="fasting-2"))


def exposure(columns: Columns) -> Table:
    """Table 14.1.4."""
    intervals: dict[str, Interval] = {"compliance": {"level": LEVEL}, "relative": {"method": "z"}}
    table = {
        name: summary(columns, measure, **intervals.get(name, {}))
        for name, measure in fasting.EXPOSURE.items()
    }
    groups = leveled(columns, "group", fasting.compliance_group, ["low", "good"])
    return table | with_intervals(groups, "wilson")


def with_intervals(table: Table, method: str) -> Table:
    return {
        name: {
            column: cell | methods.proportion(cell["n"], cell["N"], method)
            if cell.get("N") and name.rpartition("/")[2] not in {"", "(not yet due)"}
            else cell
            for column, cell in row.items()
        }
        for name, row in table.items()
    }


def fat_class(value: Value) -> str:
    if isinstance(value, str):
        return value
    return FAT[value >= FAT_BOUND / 10]


def fat_at(visit: str) -> Callable[[Subject], str]:
    return lambda subject: fat_class(fasting.at(subject, "fat", visit))


ROWS: dict[str, tuple[Sequence[str], Interval]] = {
    "fat": (tuple(fasting.PLANNED), {"level": LEVEL}),
    "creatinine": (tuple(fasting.PLANNED), {}),
    "ratio": (tuple(fasting.PLANNED), {"limits": "upper"}),
    "step": (("fasting-2", "fasting-3"), {}),
    "gfr": (("fasting-1", "fasting-3"), {}),
    "mass": (("baseline", "week-4", "week-12"), {}),
    "warmth": (("fasting-1", "fasting-2"), {}),
    "share": (("baseline", "week-4"), {}),
    "qtcf": (("fasting-1", "fasting-2"), {}),
}


def fasting_visits(columns: Columns) -> Table:
    """Table 14.2.8."""
    pair = columns["sham"], columns["tablet"]

    def means(measure: Callable[[Subject], Value]) -> Row:
        groups = [values_of(people, measure) for people in pair]
        return {"against": methods.means(groups, equal=False, level=LEVEL)}

    def difference(row: Row) -> Row:
        counts = [(row[arm]["n"], row[arm]["N"]) for arm in ("sham", "tablet")]
        return {"against": methods.newcombe(*counts, LEVEL)}

    table: Table = {}
    for name, (visits, interval) in ROWS.items():
        for visit in visits:

            def measure(subject: Subject, name: str = name, visit: str = visit) -> Value:
                return fasting.at(subject, name, visit)

            table[f"{name}/{visit}"] = summary(columns, measure, **interval) | means(measure)
    options = {"method": "z", "level": LEVEL, "limits": "lower"}
    table["change"] = summary(columns, fasting.change, **options) | means(fasting.change)
    table["carried"] = imputed(columns) | means(lambda s: fasting.carried(s)[0])
    attended = {column: [s for s in people if fasted(s)] for column, people in columns.items()}
    fine = answers(attended, fasting.foot_fine, {"method": "agresti-coull"})
    table["fine"] = fine | difference(fine)
    for visit in ("fasting-2", "fasting-3"):
        row = f"fat-class/{visit}"
        present_levels = leveled(columns, row, fat_at(visit), FAT)
        shown_rows = {
            name: {column: share(cell["n"], len(columns[column])) for column, cell in cells.items()}
            for name, cells in present_levels.items()
        }
        table |= with_intervals(shown_rows, "jeffreys")
        table[row] = difference(shown_rows[f"{row}/low"])
    women = {column: [s for s in people if woman(s)] for column, people in columns.items()}
    controls = leveled(women, "poor", lambda s: strata(s)["control"], ["moderate", "poor"])
    return table | controls | {"poor": difference(controls["poor/moderate"])}


def imputed(columns: Columns) -> Row:
    row: Row = {}
    for column, people in columns.items():
        carried_values = [fasting.carried(subject) for subject in people]
        values = [value for value, _ in carried_values if not isinstance(value, str)]
        ways = [way for value, way in carried_values if not isinstance(value, str)]
        row[column] = methods.widely_described(values) | {
            "observed": ways.count("observed"),
            "imputed": len(ways) - ways.count("observed"),
        }
        if "baseline" in ways:
            row[column]["baseline"] = ways.count("baseline")
    return row


Pair = tuple[str, str]


def crossed(
    columns: Columns,
    row: str,
    pair_of: Callable[[Subject], Pair],
    *,
    percent_of: str = "known",
    missing: bool = False,
    levels: tuple[Sequence[str], Sequence[str]] | None = None,
) -> Table:
    """Subjects by two classes, with the percentages that are asked for; `levels` has all rows."""
    pairs_of = {
        column: [pair_of(subject) for subject in people] for column, people in columns.items()
    }
    table: Table = {}
    waiting = {column: [NOT_DUE in pair for pair in pairs] for column, pairs in pairs_of.items()}
    absent = {
        column: [NOT_DUE not in pair and MISSING in pair for pair in pairs]
        for column, pairs in pairs_of.items()
    }
    complete = {
        column: [
            tuple(ABSENT if level == MISSING else level for level in pair)
            for pair in pairs
            if NOT_DUE not in pair and (missing or MISSING not in pair)
        ]
        for column, pairs in pairs_of.items()
    }
    names = {pair for pairs in complete.values() for pair in pairs}
    if levels:
        names |= {(first, second) for first in levels[0] for second in levels[1]}
    for first, second in names:
        heads: Row = {}
        cells: Row = {}
        for column, pairs in complete.items():
            whole = len(pairs_of[column]) if percent_of == "column" else len(pairs)
            n_complete = {
                "before": sum(pair[0] == first for pair in pairs),
                "after": sum(pair[1] == second for pair in pairs),
            }.get(percent_of, whole)
            heads[column] = share(sum(pair[0] == first for pair in pairs), whole)
            cells[column] = share(pairs.count((first, second)), n_complete)
        table[f"{row}/{first}"], table[f"{row}/{first}/{second}"] = heads, cells
    for flags, name in ((waiting, "(not yet due)"), ({} if missing else absent, ABSENT)):
        if any(any(flag) for flag in flags.values()):
            table[f"{row}/{name}"] = {
                column: share(sum(flag_values), len(flag_values))
                if percent_of == "column"
                else {"n": sum(flag_values)}
                for column, flag_values in flags.items()
            }
    return table


def shifts(columns: Columns) -> Table:
    """Table 14.2.9."""

    def fats(visit: str) -> Callable[[Subject], Pair]:
        return lambda s: (fat_class(fasting.baseline(s)), fat_at(visit)(s))

    ages = ("below 50", "50 to 64", "65 or above", "Other")
    table: Table = {}
    for visit in ("fasting-2", "fasting-3"):
        table |= crossed(columns, f"fat/{visit}", fats(visit), percent_of="before", missing=True)
    return {
        **table,
        **crossed(
            columns,
            "fat-after/fasting-3",
            fats("fasting-3"),
            percent_of="after",
            levels=((*FAT, "Other"), (*FAT, "Other")),
        ),
        **crossed(
            columns,
            "worst-alt",
            lambda s: (alt_class(alt_base(s)), alt_class(alt_worst(s))),
            percent_of="column",
            missing=True,
        ),
        **crossed(
            columns,
            "sex-control",
            lambda s: (enrolled(s, "sex") or MISSING, strata(s)["control"]),
            percent_of="before",
        ),
        **crossed(
            columns,
            "age-region",
            lambda s: (age_group(s), strata(s)["region"]),
            percent_of="after",
            levels=(ages, ("EU", "US")),
        ),
        **crossed(
            columns,
            "age-fat/fasting-2",
            lambda s: (age_group(s), fat_at("fasting-2")(s)),
            missing=True,
        ),
    }


# Columns of events

NARROW = {"Stomach": {"Nausea", "Vomiting"}, "Thirst and sugar": {"Hypoglycaemia"}}
BROAD = {"Stomach": {"Diarrhoea"}, "Thirst and sugar": {"Polydipsia", "Nausea"}}
Test = Callable[[Subject, Data], bool]
KEPT: dict[str, Test] = {
    "related": lambda _s, e: e.get("causality") != "NOT RELATED",
    "worse": lambda _s, e: e.get("grade") in {2, 3},
}
COUNTED = ("tablet", "treated", "sham")


def scope(column: str, group: str) -> set[str]:
    return NARROW[group] | (BROAD[group] if column == "broad" else set())


def day(subject: Subject, event: Data) -> int | None:
    """Give the study day of an onset: day 1 is the first dose's, after day -1."""
    onset_day = onset(subject, event)
    if onset_day is None or subject.dosed is None:
        return None
    return onset_day - subject.dosed + (onset_day >= subject.dosed)


def in_days(first: int, last: float) -> Test:
    def test(subject: Subject, event: Data) -> bool:
        study_day = day(subject, event)
        return study_day is not None and first <= study_day <= last

    return test


def having(columns: Columns, tests: Callable[[str], Test]) -> Row:
    """Subjects with such an event and events, in each column those that it keeps."""
    row: Row = {}
    for column, people in columns.items():
        test, is_kept = tests(column), KEPT.get(column, lambda _s, _e: True)
        events = [
            sum(test(s, e) and is_kept(s, e) for e in s.of("adverse-event.reported"))
            for s in people
        ]
        row[column] = share(sum(map(bool, events)), len(people)) | {"events": sum(events)}
    return row | against(row)


def against(row: Row) -> Row:
    counts = [(row[arm]["n"], row[arm]["N"]) for arm in ("sham", "tablet")]
    return {"against": methods.newcombe(*counts)}


def high_level(subject: Subject, event: Data) -> str:
    code = subject.coded.get(event["record"])
    return (code.get("hlt") if code else None) or "Not coded"


def termed(columns: Columns) -> Table:
    """By class, high level and preferred term, of emergent events."""
    table: Table = {}
    paths = {
        (soc(s, e), high_level(s, e), pt(s, e))
        for people in columns.values()
        for s in people
        for e in s.of("adverse-event.reported")
        if emergent(s, e)
    }
    for length in (1, 2, 3):
        for path in {path[:length] for path in paths}:

            def test(s: Subject, e: Data, path: tuple[str, ...] = path) -> bool:
                levels = soc(s, e), high_level(s, e), pt(s, e)
                return emergent(s, e) and levels[: len(path)] == path

            table[f"three/{'/'.join(path)}"] = having(columns, lambda _c, test=test: test)
    return table


def grouped(columns: Columns) -> Table:
    """By group and term; broad in the column that says so, not coded beside."""
    table: Table = {}
    for group in NARROW:
        table[f"group/{group}"] = having(
            columns, lambda c, group=group: lambda s, e: pt(s, e) in scope(c, group)
        )
        for term in scope("broad", group):
            table[f"group/{group}/{term}"] = having(
                columns,
                lambda c, group=group, term=term: (
                    lambda s, e: term in scope(c, group) and pt(s, e) == term
                ),
            )
    for row in ("group/Not coded", "group/Not coded/Not coded"):
        table[row] = having(columns, lambda _c: lambda s, e: pt(s, e) == "Not coded")
    return table


def worst(columns: Columns) -> Table:
    """Subjects by the worst grade of their emergent events; of no grade in a row `Missing`."""
    grades: dict[str, list[str | None]] = {}
    for column, people in columns.items():
        is_kept = KEPT.get(column, lambda _s, _e: True)
        grades[column] = []
        for s in people:
            events = [e for e in s.of("adverse-event.reported") if emergent(s, e) and is_kept(s, e)]
            known_grades = [e["grade"] for e in events if e.get("grade")]
            grades[column].append(
                str(max(known_grades)) if known_grades else "" if events else None
            )
    names = ["1", "2", "3", *([""] if any("" in grade for grade in grades.values()) else [])]
    rows = {
        f"worst/{name}": {
            c: share(worst_grades.count(name), len(worst_grades))
            for c, worst_grades in grades.items()
        }
        for name in names
    }
    return {name: row | against(row) for name, row in rows.items()}


def early(subject: Subject) -> bool:
    return any(
        in_days(1, 28)(subject, event) and not event["serious"]
        for event in subject.of("adverse-event.reported")
    )


def side_by_side(columns: Columns) -> Table:
    """Table 14.3.4."""
    counted = answers({column: columns[column] for column in COUNTED}, early)
    return {
        "any": having(columns, lambda _c: emergent),
        "first-month": having(columns, lambda _c: in_days(1, 28)),
        "later": having(columns, lambda _c: in_days(29, float("inf"))),
        "sugar": having(
            columns, lambda _c: lambda s, e: pt(s, e) in scope("broad", "Thirst and sugar")
        ),
        "early": counted | against(counted),
        **termed(columns),
        **grouped(columns),
        **worst(columns),
    }


# Rates, records and lengths


def risk(subject: Subject) -> tuple[int, int]:
    """Give the first and the last day at risk."""
    assert subject.dosed is not None
    assert subject.last_dose is not None
    return subject.dosed, min(subject.contact, subject.last_dose + AFTER_LAST_DOSE)


def rate(people: Sequence[Subject], term: str | None) -> Cell:
    """First events of a term by the years until it; of none, all events by all years at risk."""
    events = days = undated = 0
    for s in people:
        start, stop = risk(s)
        onsets = [
            onset(s, e)
            for e in s.of("adverse-event.reported")
            if emergent(s, e) and term in {None, pt(s, e)}
        ]
        dated = [day for day in onsets if day is not None and day <= stop]
        undated += bool(onsets) and None in onsets and (term is None or not dated)
        if term is not None and dated:
            stop, dated = min(dated), dated[:1]
        events, days = events + len(dated), days + stop - start + 1
    cell = methods.poisson(events, days / float(YEAR), PER)
    cell = {("events" if term is None and name == "n" else name): v for name, v in cell.items()}
    return cell | ({"undated": undated} if undated else {})


def ratio(row: Row, name: str) -> Cell:
    reference, active = ((row[arm][name], row[arm]["years"]) for arm in ("sham", "tablet"))
    return methods.rate_ratio(reference, active)


def fisher(row: Row) -> Cell:
    return methods.fisher(*[(row[arm]["n"], row[arm]["N"]) for arm in ("sham", "tablet")])


def record_terms(
    columns: Columns, row: str, kind: str, paths: Callable[[Subject, Data], Sequence[Pair]]
) -> Table:
    """Subjects with records, and records, by two of their levels."""
    names = {
        path[:length]
        for people in columns.values()
        for s in people
        for record in s.of(kind)
        for path in paths(s, record)
        for length in (1, 2)
    }
    table: Table = {}
    for name in names:
        cells: Row = {}
        for column, people in columns.items():
            records = [
                sum(
                    any(path[: len(name)] == name for path in paths(s, record))
                    for record in s.of(kind)
                )
                for s in people
            ]
            cells[column] = share(sum(map(bool, records)), len(people)) | {"events": sum(records)}
        table[f"{row}/{'/'.join(name)}"] = cells | {"ratio": fisher(cells)}
    return table


def lengths(people: Sequence[Subject]) -> Cell:
    """Days of the related events that ended, both days counted."""
    days = [
        last - first + 1
        for s in people
        for e in s.of("adverse-event.reported")
        if e.get("causality") != "NOT RELATED"
        and (last := end(s, e)) is not None
        and (first := onset(s, e)) is not None
    ]
    cell = methods.described([Fraction(number) for number in days])
    return {("events" if name == "n" else name): value for name, value in cell.items()}


def rates(columns: Columns) -> Table:
    """Table 14.3.5."""
    terms = {
        pt(s, e)
        for people in columns.values()
        for s in people
        for e in s.of("adverse-event.reported")
        if emergent(s, e)
    }
    table: Table = {}
    for term in terms:
        cells = {column: rate(people, term) for column, people in columns.items()}
        table[f"first/{term}"] = cells | {"ratio": ratio(cells, "n")}
    cells = {column: rate(people, None) for column, people in columns.items()}
    table["all"] = cells | {"ratio": ratio(cells, "events")}
    years = {c: [Fraction(fasting.duration(s)) for s in p] for c, p in columns.items()}
    table["years"] = {c: {"n": len(v), "sum": sum(v) / YEAR} for c, v in years.items()}
    table["years"]["ratio"] = methods.anova(list(years.values()))
    table["length"] = {column: lengths(people) for column, people in columns.items()}

    def less(subject: Subject) -> Answer:
        value = fasting.change(subject)
        return value if isinstance(value, str) else value < 0

    def of_those(test: Callable[[Subject], bool]) -> Row:
        row = answers({c: [s for s in people if test(s)] for c, people in columns.items()}, less)
        return row | {"ratio": fisher(row)}

    table["less-fat"] = of_those(lambda s: number(MEASURES["observed"](s)))
    table["women-fat"] = of_those(woman)
    return {
        **table,
        **record_terms(
            columns,
            "drugs",
            "conmed.recorded",
            lambda s, drug: [(level, fasting.name(s, drug)) for level in fasting.classes(s, drug)],
        ),
        **record_terms(
            columns,
            "lasting",
            "medical-history.reported",
            lambda s, entry: (
                [tuple(fasting.history_level(s, entry, k) for k in ("soc", "pt"))]
                if entry.get("ongoing")
                else []
            ),
        ),
    }


def tables(subjects: Sequence[Subject]) -> dict[str, Table]:
    """Count them all."""
    itt = [subject for subject in subjects if subject.arm]
    planned = {name: [s for s in itt if s.arm == name] for name in ("sham", "tablet", "device")}
    active = [s for s in itt if s.arm != "sham"]
    safe = [
        s
        for s in subjects
        if s.dosed or (s.arm == "device" and s.of("visit.recorded", visit="week-4"))
    ]
    sham, tablet = ([s for s in safe if s.received == name] for name in ("sham", "tablet"))
    treated = [s for s in safe if s.received in {"tablet", "device"}]
    dosed = [s for s in subjects if s.dosed]
    return {
        "14.1.3": history({"sham": planned["sham"], "treated": active, "total": itt}),
        "14.1.4": exposure(
            {
                "sham": [s for s in dosed if s.received == "sham"],
                "tablet": [s for s in dosed if s.received == "tablet"],
                "total": dosed,
            }
        ),
        "14.2.8": fasting_visits({**planned, "treated": active}),
        "14.2.9": shifts({"tablet": planned["tablet"], "device": planned["device"], "total": itt}),
        "14.3.5": rates(
            {arm: [s for s in dosed if s.received == arm] for arm in ("sham", "tablet")}
        ),
        "14.3.4": side_by_side(
            {
                "tablet": tablet,
                "related": tablet,
                "worse": tablet,
                "treated": treated,
                "broad": treated,
                "sham": sham,
            }
        ),
    }
