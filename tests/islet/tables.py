"""Every cell of ISLET-9's tables, counted anew: {table: {row: {column: {statistic: value}}}}."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from fractions import Fraction

from islet import methods
from islet.methods import Cell
from islet.records import Data, Subject, span
from islet.values import (
    CONDITIONS,
    MEASURES,
    MISSING,
    NOT_DUE,
    alt_base,
    alt_worst,
    at,
    begun,
    below,
    carried,
    characteristic,
    emergent,
    lacking,
    number,
    onset,
    pt,
    soc,
    treatment,
    woman,
)
from scipy import stats

Row = dict[str, Cell]
Table = dict[str, Row]
Columns = dict[str, list[Subject]]
ARMS = ("sham", "tablet", "device")
INTERVAL = {"completed", "left", "responders", "responders-known"}
COMPARED = {
    "tablet-sham": (("sham", "tablet"), methods.miettinen_nurminen, "t"),
    "device-sham": (("sham", "device"), methods.newcombe, "welch"),
    "all-three": (ARMS, methods.pearson, "anova"),
    "exact": (("sham", "tablet"), methods.fisher, "t"),
}
SEVERITIES = ("MILD", "MODERATE", "SEVERE")
PAIRS = {
    "both": (True, True),
    "first": (True, False),
    "second": (False, True),
    "neither": (False, False),
}
POOLED = {"Nausea": "Stomach", "Vomiting": "Stomach", "Hypoglycaemia": "Thirst and sugar"}
YEAR = Fraction(1461, 4)
PER = 100
LEAST_PERCENT = 5


def strata(subject: Subject) -> dict[str, str]:
    return (subject.first("subject.randomised") or {}).get("strata", {})


def enrolled(subject: Subject, name: str) -> str | None:
    data = subject.first("subject.enrolled") or {}
    return data.get(name, data.get("characteristics", {}).get(name))


def share(n: int, denominator: int) -> Cell:
    return {
        "n": n,
        "N": denominator,
        "percent": Fraction(100 * n, denominator) if denominator else None,
    }


def answered(subjects: Sequence[Subject], name: str) -> Cell:
    """Subjects of whom a condition holds, of those of whom it is known; the rest beside."""
    people = (
        subjects
        if name != "responders-poor"
        else [s for s in subjects if strata(s)["control"] == "poor"]
    )
    answers = [CONDITIONS[name](person) for person in people]
    n, n_known = answers.count(True), answers.count(True) + answers.count(False)
    cell = share(n, len(people) if name == "responders-column" else n_known)
    cell |= {
        k: v
        for k, v in (("not_due", answers.count(NOT_DUE)), ("missing", answers.count(MISSING)))
        if v
    }
    with_interval = name in INTERVAL or name.startswith(("seen/", "controlled/"))
    return cell | (methods.clopper_pearson(n, n_known) if with_interval and n_known else {})


def counted(columns: Columns, *names: str) -> Table:
    return {
        name: {column: answered(people, name) for column, people in columns.items()}
        for name in names
    }


def leveled(
    columns: Columns, row: str, level_of: Callable[[Subject], str | None], fixed: Sequence[str] = ()
) -> Table:
    """Subjects by the level of a fact; who has none, in a row of their own without a percentage."""
    person_levels = {
        column: [level_of(person) for person in people] for column, people in columns.items()
    }
    levels = [
        *fixed,
        *sorted(
            {value for values in person_levels.values() for value in values if value} - set(fixed)
        ),
    ]
    table: Table = {}
    for level in levels:
        if level in {MISSING, NOT_DUE}:
            continue
        table[f"{row}/{level}"] = {
            column: share(values.count(level), sum(v not in {MISSING, NOT_DUE} for v in values))
            for column, values in person_levels.items()
        }
    for level, name in ((MISSING, ""), (NOT_DUE, "(not yet due)")):
        if any(level in values for values in person_levels.values()):
            table[f"{row}/{name}"] = {
                column: {"n": values.count(level)} for column, values in person_levels.items()
            }
    return table


def recorded_levels(
    columns: Columns, row: str, kind: str, field: str, fixed: Sequence[str] = (), **criteria: str
) -> Table:
    """Subjects by each value that a field of their records has, of all of the column."""
    level_sets = {
        column: [{item.get(field) for item in s.of(kind, **criteria)} for s in people]
        for column, people in columns.items()
    }
    levels = [
        *fixed,
        *(
            {value for sets in level_sets.values() for values in sets for value in values}
            - set(fixed)
        ),
    ]
    return {
        f"{row}/{level}": {
            column: share(sum(level in values for values in sets), len(sets))
            for column, sets in level_sets.items()
        }
        for level in levels
    }


def values_of(people: Sequence[Subject], measure: Callable[[Subject], object]) -> list[Fraction]:
    return [value for value in map(measure, people) if number(value)]


def summarised(columns: Columns, *names: str) -> Table:
    return {
        name: {
            column: methods.described(values_of(people, MEASURES[name]))
            for column, people in columns.items()
        }
        for name in names
    }


def mean_tests(
    columns: Columns,
    measure: Callable[[Subject], object],
    compared: dict[str, tuple[Sequence[str], object, str]],
) -> Row:
    row: Row = {}
    for column, (arms, _, test) in compared.items():
        groups = [values_of(columns[arm], measure) for arm in arms]
        row[column] = (
            methods.anova(groups) if test == "anova" else methods.means(groups, equal=test == "t")
        )
    return row


def disposition(columns: Columns) -> Table:
    """Table 14.1.1."""
    return {
        **counted(
            columns,
            "completed",
            "left",
            "ongoing",
            "women-left",
            "seen/week-4",
            "seen/week-8",
            "seen/week-12",
        ),
        **recorded_levels(
            columns, "reason", "disposition.recorded", "reason", of="study", status="discontinued"
        ),
        **recorded_levels(
            columns,
            "stopped",
            "disposition.recorded",
            "reason",
            ["ADVERSE EVENT", "LOST TO FOLLOW-UP"],
            of="treatment",
        ),
        **recorded_levels(columns, "missed", "visit.missed", "visit"),
    }


def age_group(subject: Subject) -> str:
    age = characteristic(subject, "age")
    return (
        MISSING
        if isinstance(age, str)
        else "below 50"
        if age < 50
        else "50 to 64"
        if age < 65
        else "65 or above"
    )


def bmi_group(subject: Subject) -> str:
    bmi = characteristic(subject, "bmi")
    return (
        "unknown"
        if isinstance(bmi, str)
        else "normal"
        if bmi < 25
        else "overweight"
        if bmi < 30
        else "obese"
    )


def glucose_group(subject: Subject) -> str:
    value = at(subject, "glucose", "week-12")
    return (
        value
        if isinstance(value, str)
        else "controlled"
        if value < 7
        else "raised"
        if value < 11
        else "Other"
    )


def who(columns: Columns) -> Table:
    """Table 14.1.2."""
    women = {
        column: [person for person in people if woman(person)] for column, people in columns.items()
    }
    return {
        **summarised(columns, "age", "bmi", "days", "exposure"),
        "bmi-women": summarised(women, "bmi")["bmi"],
        **leveled(columns, "age-group", age_group, ["below 50", "50 to 64", "65 or above"]),
        **leveled(columns, "bmi-group", bmi_group, ["normal", "overweight", "obese", "unknown"]),
        **leveled(columns, "glucose-group", glucose_group, ["controlled", "raised"]),
        **leveled(columns, "sex", lambda s: enrolled(s, "sex"), ["F", "M"]),
        **leveled(columns, "region", lambda s: strata(s)["region"]),
        **{
            k: v
            for name in ("race", "smoker")
            for k, v in leveled(columns, name, lambda s, name=name: enrolled(s, name)).items()
        },
    }


def imputed(columns: Columns, rule: str) -> Row:
    row: Row = {}
    for column, people in columns.items():
        carried_values = [carried(person, rule) for person in people]
        cell = methods.described([value for value, _ in carried_values if number(value)])
        origins = [origin for value, origin in carried_values if number(value)]
        cell |= {
            "observed": origins.count("observed"),
            "imputed": len(origins) - origins.count("observed"),
        }
        row[column] = cell | (
            {"baseline": origins.count("baseline")} if "baseline" in origins else {}
        )
    return row


def glucose(columns: Columns) -> Table:
    """Table 14.2.1."""
    older = [
        s
        for s in columns["tablet"]
        if isinstance(a := characteristic(s, "age"), Fraction) and a >= 65
    ]
    shown_columns, tablet = {**columns, "older": older}, columns["tablet"]
    answers = (
        "responders",
        "responders-known",
        "responders-column",
        "responders-poor",
        "responders-women",
        "controlled/week-4",
        "controlled/week-12",
    )
    table = counted(shown_columns, *answers)
    for name in answers:
        table[name]["older"] = of_the_older(tablet, older, name)
        for column, (arms, test, _) in COMPARED.items():
            table[name][column] = test(
                *[(table[name][arm]["n"], table[name][arm]["N"]) for arm in arms]
            )
    table["not-due"] = {
        c: share(sum(CONDITIONS["responders"](s) == NOT_DUE for s in p), len(p))
        for c, p in columns.items()
    }
    table |= summarised(
        shown_columns,
        "observed",
        *(f"visit/{v}" for v in ("screening", "baseline", "week-4", "week-8", "week-12")),
        "extra/unscheduled",
    )
    for name in [row_name for row_name in table if row_name in MEASURES]:
        table[name] |= mean_tests(columns, MEASURES[name], COMPARED)
    for rule, row in (("bocf", "bocf"), ("locf", "locf"), ("visit", "locf-visit")):
        table[row] = imputed(shown_columns, rule) | mean_tests(
            columns, lambda s, rule=rule: carried(s, rule)[0], COMPARED
        )
    table |= leveled(columns, "region", lambda s: strata(s)["region"])
    for level in ("EU", "US"):
        n = sum(strata(person)["region"] == level for person in older)
        table[f"region/{level}"]["older"] = share(n, len(tablet))
    table["not-due"]["older"] = share(
        sum(CONDITIONS["responders"](person) == NOT_DUE for person in older), len(tablet)
    )
    cells = table["region/EU"]
    table["region"] = {
        column: test(*[(cells[arm]["n"], cells[arm]["N"]) for arm in arms])
        for column, (arms, test, _) in COMPARED.items()
    }
    return table


def of_the_older(tablet: Sequence[Subject], older: Sequence[Subject], name: str) -> Cell:
    """Give a column's `where` joins the condition as in `all`: who is not older is a no."""
    people = (
        tablet
        if name != "responders-poor"
        else [s for s in tablet if strata(s)["control"] == "poor"]
    )
    inside = {person.id for person in older}
    answers = [CONDITIONS[name](person) if person.id in inside else False for person in people]
    n = answers.count(True)
    denominator = len(people) if name == "responders-column" else n + answers.count(False)
    cell = share(n, denominator) | {
        k: answers.count(v) for k, v in (("not_due", NOT_DUE), ("missing", MISSING)) if v in answers
    }
    with_interval = name in INTERVAL or name.startswith("controlled/")
    return cell | (methods.clopper_pearson(n, denominator) if with_interval and denominator else {})


def modelled(columns: Columns, factors: Sequence[str], *, observed: bool) -> Row:
    rows = []
    for arm in ARMS:
        for s in columns[arm]:
            value, base = carried(s, "locf")[0], at(s, "glucose", "baseline")
            if not lacking(value, base):
                rows.append(
                    (arm, float(value), float(base), tuple(strata(s)[factor] for factor in factors))
                )
    levels = [
        {"region": ("EU", "US"), "control": ("moderate", "poor")}[factor] for factor in factors
    ]
    alone, between = methods.covariance(rows, levels, ARMS, observed=observed)
    arms_of = {"tablet-sham": ("sham", "tablet"), "device-sham": ("sham", "device")}
    return {
        **alone,
        **{column: between[arms] for column, arms in arms_of.items() if arms in between},
    }


def models(columns: Columns) -> Table:
    """Table 14.2.2."""
    pairs = {
        "tablet-sham": (("sham", "tablet"), None, "t"),
        "device-sham": (("sham", "device"), None, "t"),
    }
    table = {
        "model": modelled(columns, ["region", "control"], observed=False),
        "model-weighted": modelled(columns, ["region"], observed=True),
    }
    table |= summarised(columns, "weight", "fall", "upright", "events") | counted(
        columns, "stratified"
    )
    table["pairs"] = {"tablet": paired(columns["tablet"])}
    for name in ("weight", "fall", "upright", "events"):
        table[name] |= mean_tests(columns, MEASURES[name], pairs)
    for column, (arms, _, _) in pairs.items():
        by_stratum: dict[object, list[tuple[bool, bool]]] = defaultdict(list)
        for arm in arms:
            for person in columns[arm]:
                if isinstance(answer := CONDITIONS["stratified"](person), bool):
                    by_stratum[tuple(strata(person).values())].append((arm != "sham", answer))
        table["stratified"][column] = methods.mantel_haenszel(by_stratum)
    return table


def paired(people: Sequence[Subject]) -> Cell:
    """Below 9 at baseline, and controlled: of the same subjects, by McNemar's exact test."""
    pairs = [
        (
            below(at(s, "glucose", "baseline"), 9),
            below(at(s, "glucose", "week-12"), 9, failure=True),
        )
        for s in people
    ]
    complete = [pair for pair in pairs if NOT_DUE not in pair and MISSING not in pair]
    cell: Cell = {"n": len(complete)} | {name: complete.count(pair) for name, pair in PAIRS.items()}
    first, second = complete.count((True, False)), complete.count((False, True))
    if complete:
        cell["difference"] = Fraction(100 * (second - first), len(complete))
        cell |= methods.tango(first, second, len(complete))
        cell["p"] = stats.binomtest(first, first + second).pvalue if first + second else 1
    waiting, missing = (
        sum(NOT_DUE in p for p in pairs),
        sum(MISSING in p and NOT_DUE not in p for p in pairs),
    )
    return cell | {k: v for k, v in (("not_due", waiting), ("missing", missing)) if v}


Followed = tuple[int, bool] | None


def to_end(s: Subject) -> Followed:
    """Days from randomisation to death or discontinuation.

    Else to completion or the last contact.
    """
    assert s.randomised is not None
    events = [day for day in (s.died, s.discontinued) if day is not None]
    completion_days = [
        span(item["date"])[0]
        for item in s.of("disposition.recorded", of="study", status="completed")
    ]
    stop = min([s.contact, *completion_days])
    first = min(events, default=None)
    happened = first is not None and first <= stop
    return (first if happened else stop) - s.randomised + 1, happened


def to_control(s: Subject) -> Followed:
    """Days from randomisation to the first glucose below 9 after the first dose."""
    assert s.randomised is not None
    if s.dosed is None:
        return s.contact - s.randomised + 1, False

    days = [
        e.day
        for e in s.results
        if e.parameter == "glucose" and e.value < 9 and begun(s)(e) and e.day >= s.randomised
    ]
    first = min(days, default=None)
    return ((first if first is not None else s.contact) - s.randomised + 1, first is not None)


def to_event(s: Subject) -> Followed:
    """Days from the first dose to the first emergent event.

    Moderate or worse, death or the last contact.
    """
    assert s.dosed is not None
    events = [
        day
        for e in s.of("adverse-event.reported")
        if emergent(s, e)
        and e.get("severity") in SEVERITIES[1:]
        and (day := onset(s, e)) is not None
    ]
    first, stop = (
        min(events, default=None),
        min(day for day in (s.contact, s.died) if day is not None),
    )
    happened = first is not None and first <= stop
    return (first if happened else stop) - s.dosed + 1, happened


def survived(
    columns: Columns,
    row: str,
    follow_up: Callable[[Subject], Followed],
    days: Sequence[int],
    arms: Sequence[str],
    stratum: str = "",
) -> Table:
    """Kaplan-Meier of each arm, and the log-rank test of all."""
    table: Table = defaultdict(dict)
    all_times: list[tuple[int, bool, str, str]] = []
    for arm in arms:
        times = [(column, followed) for column in columns[arm] if (followed := follow_up(column))]
        all_times += [
            (*times_of, arm, strata(person).get(stratum, "")) for person, times_of in times
        ]
        lengths, events = [t for _, (t, _) in times], [e for _, (_, e) in times]
        table[row][arm] = share(sum(events), len(times)) | {"censored": len(times) - sum(events)}
        if not times:
            continue
        curve = methods.kaplan_meier(lengths, events)
        for k, name in enumerate(("q1", "median", "q3"), start=1):
            table[f"{row}/{name}"][arm] = methods.time_at(curve, 1 - Fraction(k, 4), max(lengths))
        for day in days:
            level, greenwood = next(
                ((s, g) for d, s, g in reversed(curve) if d <= day), (Fraction(1), 0.0)
            )
            cell: Cell = {"survival": 100 * level}
            if followed := methods.limits(level, greenwood):
                cell |= {"ci_low": 100 * followed[0], "ci_high": 100 * followed[1]}
            if max(lengths, default=0) < day and level:
                cell = {"survival": None}
            table[f"{row}/day-{day}"][arm] = cell
    table[row]["logrank"] = methods.log_rank(*zip(*all_times, strict=True))
    return dict(table)


def times(columns: Columns) -> Table:
    """Table 14.2.3."""
    return {
        **survived(columns, "to-end", to_end, (28, 56, 84), ARMS),
        **survived(columns, "to-end-strata", to_end, (56,), ARMS, "region"),
        **survived(columns, "to-control", to_control, (30, 60), ARMS),
    }


FILTERS: dict[str, Callable[[Subject, Data], bool]] = {
    "any": lambda _s, _e: True,
    "emergent": emergent,
    "related": lambda s, e: emergent(s, e) and e.get("causality") != "NOT RELATED",
    "unrelated": lambda s, e: emergent(s, e) and e.get("causality") == "NOT RELATED",
    "serious": lambda _s, e: e["serious"],
    "grade-2": lambda s, e: emergent(s, e) and e.get("grade", 0) >= 2,
    "on-10": lambda s, e: emergent(s, e) and treatment(s, e) == "ISL-10",
    "stomach": lambda s, e: emergent(s, e) and pt(s, e) in {"Nausea", "Vomiting"},
}


def having(columns: Columns, applies: Callable[[Subject, Data], bool]) -> Row:
    """Subjects with such an event.

    How many events, and Fisher's exact test of tablet against sham.
    """
    row: Row = {}
    for column, people in columns.items():
        counts_of = [sum(applies(s, e) for e in s.of("adverse-event.reported")) for s in people]
        row[column] = share(sum(map(bool, counts_of)), len(people)) | {"events": sum(counts_of)}
    return row | against(row)


def against(row: Row) -> Row:
    return {
        "against": methods.fisher(*[(row[arm]["n"], row[arm]["N"]) for arm in ("sham", "tablet")])
    }


def worst(columns: Columns, row: str, applies: Callable[[Subject, Data], bool]) -> Table:
    """Subjects by the worst of their events.

    Of none of which a severity is known, in a row `Missing`.
    """
    levels = {
        c: [worst_of([e for e in s.of("adverse-event.reported") if applies(s, e)]) for s in people]
        for c, people in columns.items()
    }
    names = [*SEVERITIES, *([""] if any("" in level for level in levels.values()) else [])]
    return {
        f"{row}/{name}": {
            c: share(worst_levels.count(name), len(worst_levels))
            for c, worst_levels in levels.items()
        }
        for name in names
    }


def tested(columns: Columns) -> Table:
    """Fisher's exact test of the worst severities of those who have one."""
    rows = [row for name, row in worst(columns, "worst", emergent).items() if name != "worst/"]
    counts = [[row[arm]["n"] for row in rows] for arm in ("sham", "tablet")]
    return {"worst": {"against": {"p": methods.fisher_of_levels(*counts)}}}


def worst_of(events: Sequence[Data]) -> str | None:
    severities = [event["severity"] for event in events if event.get("severity")]
    return max(severities, key=SEVERITIES.index) if severities else "" if events else None


def terms(columns: Columns) -> Table:
    """By class and term, each by worst severity."""
    table: Table = {}
    people = {s.id: s for column in columns.values() for s in column}.values()
    for group, term in {
        (soc(s, e), pt(s, e))
        for s in people
        for e in s.of("adverse-event.reported")
        if emergent(s, e)
    }:
        for name, applies in (
            (f"terms/{group}", lambda s, e, g=group: emergent(s, e) and soc(s, e) == g),
            (
                f"terms/{group}/{term}",
                lambda s, e, g=group, t=term: emergent(s, e) and (soc(s, e), pt(s, e)) == (g, t),
            ),
        ):
            table[name] = having(columns, applies)
            table |= worst(columns, name, applies)
    return table


def pooled(columns: Columns) -> Table:
    """By term, those of a group as one, of those that at least 5 % of a column have."""

    def name(s: Subject, e: Data) -> str:
        return POOLED.get(pt(s, e), pt(s, e))

    people = {s.id: s for column in columns.values() for s in column}.values()
    terms_reported = {name(s, e) for s in people for e in s.of("adverse-event.reported")}
    table = {
        f"pooled/{term}": having(columns, lambda s, e, term=term: name(s, e) == term)
        for term in terms_reported
    }
    return {
        key: row
        for key, row in table.items()
        if any((row[c]["percent"] or 0) >= LEAST_PERCENT for c in columns)
    }


def adverse_events(columns: Columns) -> Table:
    """Table 14.3.1."""
    table = {name: having(columns, applies) for name, applies in FILTERS.items()}
    low = counted(columns, "low")
    return (
        table
        | {"low": low["low"] | against(low["low"])}
        | worst(columns, "worst", emergent)
        | tested(columns)
        | terms(columns)
        | pooled(columns)
    )


def at_risk(s: Subject) -> tuple[int, bool, bool]:
    """Days at risk of a first emergent event.

    Whether it came, and whether there is one without a date alone.
    """
    events = [onset(s, e) for e in s.of("adverse-event.reported") if emergent(s, e)]
    dated = [event for event in events if event is not None]
    assert s.dosed is not None
    assert s.last_dose is not None
    stop = min(dated) if dated else min(s.contact, s.last_dose + 14)
    return stop - s.dosed + 1, bool(dated), bool(events) and not dated


def alt_class(value: object) -> str:
    """Give the class of a multiple; who has none is unknown, but only once it is due."""
    if isinstance(value, str):
        return "unknown" if value == MISSING else NOT_DUE
    return "normal" if value <= 1 else "raised" if value <= 2 else "high"


def dosed(columns: Columns) -> Table:
    """Table 14.3.2."""
    table: Table = survived(columns, "to-event", to_event, (28, 84), ("sham", "tablet"))
    table |= summarised(columns, "crp", "log-crp") | {"rate": {}}
    for arm, people in columns.items():
        risks = [at_risk(s) for s in people]
        cell = methods.poisson(
            sum(e for _, e, _ in risks), sum(d for d, _, _ in risks) / float(YEAR), PER
        )
        undated = sum(u for _, _, u in risks)
        table["rate"][arm] = cell | ({"undated": undated} if undated else {})
    for name in ("crp", "log-crp"):
        table[name]["logrank"] = methods.anova(
            [values_of(p, MEASURES[name]) for p in columns.values()]
        )
    return table | shifts(columns)


def shifts(columns: Columns) -> Table:
    classed = {
        c: [(alt_class(alt_base(s)), alt_class(alt_worst(s))) for s in people]
        for c, people in columns.items()
    }
    complete = {
        c: [pair for pair in pair_list if NOT_DUE not in pair] for c, pair_list in classed.items()
    }
    table: Table = {}
    for before, after in {pair for pair_list in complete.values() for pair in pair_list}:
        table[f"shift/{before}"] = {
            c: share(sum(b == before for b, _ in pair_list), len(pair_list))
            for c, pair_list in complete.items()
        }
        table[f"shift/{before}/{after}"] = {
            c: share(pair_list.count((before, after)), len(pair_list))
            for c, pair_list in complete.items()
        }
    waiting = {c: sum(NOT_DUE in pair for pair in pair_list) for c, pair_list in classed.items()}
    if any(waiting.values()):
        table["shift/(not yet due)"] = {c: {"n": n} for c, n in waiting.items()}
    return table


def tables(subjects: Sequence[Subject]) -> dict[str, Table]:
    """Count them all."""
    itt = [subject for subject in subjects if subject.arm]
    planned = {arm: [s for s in itt if s.arm == arm] for arm in ARMS} | {"total": itt}
    alone = {arm: planned[arm] for arm in ARMS}
    safe = [
        s
        for s in subjects
        if s.dosed or (s.arm == "device" and s.of("visit.recorded", visit="week-4"))
    ]
    received = {arm: [s for s in safe if s.received == arm] for arm in ARMS} | {"total": safe}
    columns_given = {
        arm: [s for s in subjects if s.dosed and s.received == arm] for arm in ("sham", "tablet")
    }
    return {
        "14.1.1": disposition(planned),
        "14.1.2": who(planned),
        "14.2.1": glucose(planned),
        "14.2.2": models(alone),
        "14.2.3": times(alone),
        "14.3.1": adverse_events(received),
        "14.3.2": dosed(columns_given),
    }
