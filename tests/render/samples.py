"""Reports as a study gives them: TMB-301 in small and in full, three arms, and a hostile one."""

from dataclasses import replace
from decimal import Decimal

from trial.tables.grid import (
    Box,
    Cell,
    Column,
    Completion,
    Cut,
    Figure,
    Flow,
    Grid,
    KeyResult,
    Lane,
    Listing,
    ListingColumn,
    Mark,
    Quartiles,
    Report,
    Row,
    RuleCount,
    Series,
    Stage,
    Statistic,
)

NOTICE = "SYNTHETIC DATA: no value in this document belongs to a real patient"

CUT = Cut(
    id="c-5f0a17e2b9d84c13",
    study="TMB-301",
    title="Ibalizumab plus optimised background regimen in patients with multidrug-resistant HIV-1",
    registry="NCT02475629",
    notice=NOTICE,
    definition="9c1f" * 16,
    contribution_version=1,
    audience="open",
    accepted=2231,
    content_root="0b7e" * 16,
    data_date="2016-10-24",
    dictionaries=("MedDRA 18.1", "DAIDS 2.0"),
    completion=Completion(
        final=False, text="Interim: 12 of 40 subjects (ITT) have not ended the study", n=28, N=40
    ),
)


def statistics(**texts: str) -> tuple[Statistic, ...]:
    return tuple(Statistic(name, text, text) for name, text in texts.items())


def count(column, n, size, percent, *, ci=None, events=None):
    statistics = [Statistic("n", n, str(n)), Statistic("N", size, str(size))]
    if percent is not None:
        statistics.append(Statistic("percent", f"{n}/{size}", f"{percent}%"))
    if ci is not None:
        statistics += [Statistic("ci_low", ci[0], ci[0]), Statistic("ci_high", ci[1], ci[1])]
    if events is not None:
        statistics.append(Statistic("events", events, str(events)))
    return Cell(column, tuple(statistics), "Clopper-Pearson" if ci else "")


def described(column, n, **texts: str):
    return Cell(column, (Statistic("n", n, str(n)), *statistics(**texts)))


FLOW = Flow(
    title="Participant flow",
    design="single-group",
    stages=(
        Stage(
            "enrolment",
            "Enrolment",
            (Box("assessed", "Assessed for eligibility", None),),
            (Box("excluded", "Excluded before enrolment", None),),
        ),
        Stage("enrolled", "Control period", (Box("enrolled", "Enrolled", 40),)),
        Stage(
            "treated",
            "Functional monotherapy",
            (Box("treated", "Received the loading dose (day 7)", 40),),
            (Box("left-mono", "Discontinued before day 14", 0),),
        ),
        Stage(
            "day-14",
            "Background regimen",
            (Box("day-14", "Assessed at day 14", 40),),
            (
                Box(
                    "discontinued",
                    "Discontinued",
                    9,
                    (("Death", 4), ("Withdrawal by subject", 3), ("Lost to follow-up", 2)),
                ),
            ),
        ),
        Stage("completed", "Week 25", (Box("completed", "Completed week 25", 31),)),
        Stage(
            "analysed",
            "Analysis",
            (
                Box(
                    "analysed",
                    "Analysed for the primary end point",
                    40,
                    (("Excluded from the analysis", 0),),
                ),
            ),
        ),
    ),
)

ARMS = ("Placebo", "Xanomeline low dose", "Xanomeline high dose")


def arms_flow(arms=ARMS, discrepancies=()):
    def each(name, label, numbers, reasons=()):
        return tuple(
            Box(f"{name}-{i}", f"{label} {arm}".strip(), n, reasons)
            for i, (arm, n) in enumerate(zip(arms, numbers, strict=True))
        )

    texts = (
        ("Adverse event", 8),
        ("Death", 2),
        ("Lack of efficacy", 3),
        ("Physician decision", 1),
        ("Protocol violation", 2),
        ("Withdrawal by subject", 9),
        ("Lost to follow-up", 1),
    )
    numbers = [86 - i for i, _ in enumerate(arms)]
    return Flow(
        title="Participant flow",
        design="parallel",
        stages=(
            Stage(
                "enrolment",
                "Enrolment",
                (Box("assessed", "Assessed for eligibility", 306),),
                (
                    Box(
                        "excluded",
                        "Excluded",
                        52,
                        (("Not meeting inclusion criteria", 40), ("Declined to participate", 12)),
                    ),
                ),
            ),
            Stage("randomised", "Randomisation", (Box("randomised", "Randomised", 254),)),
            Stage(
                "allocation",
                "Allocation",
                each("allocated", "Allocated to", numbers),
                each("untreated", "Did not receive treatment", [0] * len(arms)),
            ),
            Stage(
                "follow-up",
                "Follow-up",
                each("treated", "Received", numbers),
                each("left", "Discontinued", [26] * len(arms), texts),
            ),
            Stage("completed", "Completion", each("completed", "Completed", numbers)),
            Stage("analysis", "Analysis", each("analysed", "Analysed:", numbers)),
        ),
        discrepancies=discrepancies,
    )


def key_result(id_, label, text, *, population="ITT", size=40, **options):
    fields = {"n": None, "value": None, "unit": "", "ci": None, "method": "", "rule": ""}
    fields |= {"observed": None, "imputed": None, **options}
    return KeyResult(id=id_, label=label, population=population, N=size, text=text, **fields)


KEY_RESULTS = (
    key_result("enrolled", "Subjects enrolled", "40", n=40, value="40", population="Enrolled"),
    key_result("completed", "Completed week 25", "31", n=31, value="31", population="Enrolled"),
    key_result(
        "baseline-viral-load",
        "Baseline viral load, mean",
        "4.5",
        n=40,
        value="4.543",
        unit="log10 copies/mL",
        rule="below the LLOQ: the LLOQ",
    ),
    key_result(
        "primary-responders",
        "At least 0.5 log10 decrease from day 7 to day 14",
        "33 (83%)",
        n=33,
        value="82.5",
        unit="%",
        ci=("67.220986663841", "92.661727064791"),
        ci_text=("67.2", "92.7"),
        method="Clopper-Pearson",
        rule="missing = failure",
        observed=40,
        imputed=0,
    ),
    key_result("primary-p", "Day 14 against the control period", "<0.001", method="exact McNemar"),
    key_result(
        "week25-mean-decrease",
        "Decrease from baseline to week 25, mean",
        "1.6",
        n=40,
        value="1.592",
        unit="log10 copies/mL",
        method="BOCF",
        direction="a positive number is a decrease",
        observed=31,
        imputed=9,
    ),
)

TOTAL = (Column("total", "Total", 40),)
PAIRED = (
    Column("control", "Control period (day 0 to day 7)", 40),
    Column("day-14", "Functional monotherapy (day 7 to day 14)", 40),
    Column("difference", "Difference", 40),
)


def grids():
    disposition = Grid(
        "14.1.2",
        "Disposition",
        "Enrolled",
        TOTAL,
        (
            Row("treated", "Treated", 0, (count("total", 40, 40, "100"),)),
            Row("completed", "Completed", 0, (count("total", 31, 40, "78"),)),
            Row("discontinued", "Discontinued", 0, (count("total", 9, 40, "23"),)),
            Row("death", "Death", 1, (count("total", 4, 40, "10"),)),
            Row("withdrawal", "Withdrawal by subject", 1, (count("total", 3, 40, "8"),)),
            Row("lost", "Lost to follow-up", 1, (count("total", 2, 40, "5"),)),
        ),
        ("Percentages are of the subjects enrolled, rounded half-up.",),
    )
    described_age = {
        "mean": "50.5",
        "sd": "11.0",
        "median": "53.0",
        "min": "23",
        "max": "65",
    }
    demographics = Grid(
        "14.1.4",
        "Demographics and baseline characteristics",
        "ITT",
        TOTAL,
        (
            Row("age", "Age (years)", 0, (described("total", 40, **described_age),)),
            Row("sex", "Sex", 0),
            Row("sex-m", "Male", 1, (count("total", 34, 40, "85"),)),
            Row("sex-f", "Female", 1, (count("total", 6, 40, "15"),)),
            Row(
                "viral-load",
                "Viral load (copies/mL)",
                0,
                (described("total", 40, mean="100,287", sd="175,004", median="35,350"),),
            ),
            Row(
                "viral-load-log",
                "Viral load (log10 copies/mL)",
                0,
                (described("total", 40, mean="4.54", sd="0.77", median="4.55"),),
            ),
        ),
    )
    primary = Grid(
        "14.2.1",
        "Primary end point: decrease in viral load of at least 0.5 log10",
        "ITT, missing = failure",
        PAIRED,
        (
            Row(
                "responders",
                "Responders",
                0,
                (
                    count("control", 1, 40, "3", ci=("0.1", "13.2")),
                    count("day-14", 33, 40, "83", ci=("67.2", "92.7")),
                    Cell(
                        "difference",
                        statistics(difference="0.80", ci_low="0.64", ci_high="0.90", p="<0.001"),
                        "exact McNemar",
                    ),
                ),
            ),
            Row(
                "pairs",
                "Pairs (control period, functional monotherapy)",
                0,
                (Cell("difference", statistics(both="1", first="0", second="32", neither="7")),),
            ),
        ),
        (
            "A subject with a missing value is a failure.",
            "Baseline: day 0 of the control period; day 7, before the loading dose, thereafter.",
        ),
    )
    return (disposition, demographics, primary, adverse_events(), visits())


def adverse_events(classes=12, terms=6):
    rows = []
    for soc in range(classes):
        n = 20 - soc
        label = f"Gastrointestinal and related disorders, group {soc + 1}"
        rows.append(Row(f"soc-{soc}", label, 0, (count("total", n, 40, n * 5 // 2, events=n + 7),)))
        rows += [
            Row(
                f"pt-{soc}-{term}",
                f"Preferred term {soc + 1}.{term + 1}",
                1,
                (count("total", term + 1, 40, (term + 1) * 5 // 2, events=term + 2),),
            )
            for term in range(terms)
        ]
    return Grid(
        "14.3.1.2",
        "Treatment-emergent adverse events by system organ class and preferred term",
        "Safety",
        TOTAL,
        tuple(rows),
        (
            "A subject counts once in each row. MedDRA 18.1.",
            "Treatment-emergent: from the loading dose to 30 days after the last dose.",
        ),
    )


def visits(number=16):
    columns = (Column("observed", "Observed", 40), Column("bocf", "BOCF", 40))
    rows = tuple(
        Row(
            f"visit-{visit}",
            f"Week {visit}",
            0,
            (
                described("observed", 40 - visit // 2, mean="2.05", sd="1.40", median="2.50"),
                described(
                    "bocf", 40, mean="1.59", sd="1.47", median="1.80", observed="31", imputed="9"
                ),
            ),
        )
        for visit in range(number)
    )
    return Grid("14.2.4", "Change in viral load by visit (log10 copies/mL)", "ITT", columns, rows)


EVENT_COLUMNS = (
    ListingColumn("subject", "Subject"),
    ListingColumn("investigator", "Investigator"),
    ListingColumn("age-sex-race", "Age/Sex/Race"),
    ListingColumn("weight", "Weight (kg)", "number"),
    ListingColumn("verbatim", "Reported term"),
    ListingColumn("term", "Preferred term"),
    ListingColumn("class", "System organ class"),
    ListingColumn("onset", "Onset date", "date"),
    ListingColumn("onset-day", "Onset study day", "number"),
    ListingColumn("end", "End date", "date"),
    ListingColumn("duration", "Duration (days)", "number"),
    ListingColumn("grade", "Grade", "number"),
    ListingColumn("serious", "Serious"),
    ListingColumn("related", "Causality"),
    ListingColumn("action", "Action taken"),
    ListingColumn("outcome", "Outcome"),
    ListingColumn("dose-days", "Days since last dose", "number"),
    ListingColumn("concentration", "Drug concentration"),
)


def event_rows(number):
    return tuple(
        (
            f"TMB301-{i % 40 + 1:03}",
            f"Investigator {101 + i % 9}",
            f"{23 + i % 40}/M/WHITE",
            Decimal("71.4"),
            "loose stools after the infusion, resolving without treatment",
            "Diarrhoea",
            "Gastrointestinal disorders",
            "2016-03" if i % 7 == 0 else f"2016-03-{i % 28 + 1:02}",
            i % 160 + 1,
            None if i % 5 == 0 else "2016-04-02",
            None if i % 5 == 0 else 12,
            i % 3 + 1,
            "N",
            "NOT RELATED" if i % 3 else "RELATED",
            "DOSE NOT CHANGED",
            "RECOVERED/RESOLVED" if i % 5 else "NOT RECOVERED/NOT RESOLVED",
            i % 14,
            "not collected",
        )
        for i in range(number)
    )


def listings(rows=60):
    events = Listing(
        "16.2.7",
        "Adverse events by subject",
        "Safety",
        EVENT_COLUMNS,
        event_rows(rows),
        ("Sorted by subject, onset date and term. Partial dates are as collected.",),
    )
    columns = (
        ListingColumn("subject", "Subject"),
        ListingColumn("visit", "Visit"),
        ListingColumn("collected", "Collected", "date"),
        ListingColumn("day", "Study day", "number"),
        ListingColumn("reported", "Result as reported (copies/mL)"),
        ListingColumn("log", "log10 copies/mL", "number"),
        ListingColumn("change", "Change from baseline", "number"),
        ListingColumn("below", "Below 50"),
    )
    loads = tuple(
        (
            f"TMB301-{i // 16 + 1:03}",
            f"Week {2 * (i % 16) + 3}",
            f"2016-05-{i % 28 + 1:02}T09:40",
            14 * (i % 16),
            "<20" if i % 3 else "35350",
            Decimal("1.301030") if i % 3 else Decimal("4.548389"),
            Decimal("-3.2") if i % 3 else Decimal("0.0"),
            "Y" if i % 3 else "N",
        )
        for i in range(rows * 10)
    )
    viral = Listing("16.2.6", "Viral load by subject and visit", "ITT", columns, loads)
    empty = Listing("16.2.3", "Subjects excluded from the efficacy analysis", "ITT", columns, ())
    return (empty, viral, events)


def means(arms=("Placebo", "Low dose", "High dose")):
    """Mean change by visit: with intervals, and a visit without a value."""
    return Figure(
        "14.2.4.1",
        "Mean change in viral load by visit, with 95 % confidence intervals",
        "ITT",
        "line",
        "Study day",
        "Change from baseline (log10 copies/mL)",
        tuple(
            Series(
                arm,
                arm,
                tuple(
                    Mark(str(day), None, label=f"Day {day}")
                    if place == 1 and day == 57
                    else Mark(
                        str(day),
                        f"-{place}.{day:03}5",
                        f"-{place}.{day + 150:03}",
                        f"-{place}.{day:03}",
                        f"Day {day}",
                        40 - place,
                    )
                    for day in (1, 15, 29, 57, 85, 169)
                ),
                n=40,
            )
            for place, arm in enumerate(arms)
        ),
        "14.2.4",
        (("-0.5", "Clinically relevant"),),
        "Student's t",
        ("Values below the limit of quantification count as the limit.",),
        places=2,
    )


def survival():
    return Figure(
        "14.2.5",
        "Time to first event",
        "Safety",
        "step",
        "Days since the first dose",
        "Without an event (%)",
        tuple(
            Series(
                arm,
                arm,
                (
                    Mark("0", "100", n=86),
                    *(
                        Mark(
                            str(day * pace),
                            f"{100 - day * pace / 4:g}",
                            f"{92 - day * pace / 3:g}",
                            f"{101 - day * pace / 5:g}",
                            n=86 - day,
                        )
                        for day in range(1, 40, 3)
                    ),
                ),
                ("3", "41", "55"),
                86,
                (("0", 86), ("50", 40)),
            )
            for pace, arm in ((4, "Placebo"), (2, "Active"))
        ),
        "14.2.5",
        (("50", "Median"),),
        "Kaplan-Meier",
        y_range=("0", "100"),
    )


def waterfall(subjects=40):
    return Figure(
        "14.2.6",
        "Best change in viral load, a subject a bar",
        "ITT",
        "bars",
        "Subjects, by their change",
        "Change (log10 copies/mL)",
        (
            Series(
                "total",
                "Total",
                tuple(
                    Mark(str(rank), f"{0.6 - rank * 0.09:.2f}") for rank in range(1, subjects + 1)
                ),
            ),
        ),
        "14.2.4",
        (("-1", "1 log10 decrease"),),
        places=2,
    )


def dots(terms=12):
    return Figure(
        "14.3.1.3",
        "Most frequent adverse events",
        "Safety",
        "dots",
        "Subjects (%)",
        "",
        tuple(
            Series(
                arm,
                arm,
                tuple(
                    Mark(
                        f"{40 - rank - place * 5}",
                        str(rank),
                        f"{36 - rank - place * 5}" if place else None,
                        f"{47 - rank - place * 5}" if place else None,
                        f"Preferred term number {rank}",
                        30,
                    )
                    for rank in range(1, terms + 1)
                ),
            )
            for place, arm in enumerate(("Placebo", "Active"))
        ),
        "14.3.1.2",
    )


def forest():
    rows = (
        ("All subjects", 0, "1.4", "0.9", "2.1"),
        ("Region", 0, None, None, None),
        ("North", 1, "0.8", "0.31", None),
        ("South, and all that lies beyond it as far as the sea", 1, "2.25", "1.2", "4.4"),
    )
    marks = tuple(
        Mark(
            x,
            str(rank),
            low,
            high,
            label,
            None,
            level,
            ("12/40", "9/41", f"{x} ({low} to {high or 'no limit'})")
            if x
            else ("", "", "P of interaction: 0.0412"),
            x is None,
        )
        for rank, (label, level, x, low, high) in enumerate(rows, 1)
    )
    return Figure(
        "14.2.7",
        "Response by subgroup",
        "ITT",
        "forest",
        "Odds ratio",
        "Subgroup",
        (Series("odds", "Active to placebo", marks),),
        "14.2.4",
        (("0.5", "Margin"),),
        "Woolf logit, 95 %",
        places=2,
        heads=("Placebo", "Active", "Odds ratio (95% CI)"),
        log=True,
        neutral="1",
    )


def boxes():
    return Figure(
        "14.2.8",
        "Pressure by visit",
        "ITT",
        "boxes",
        "Visit",
        "Pressure (mmHg)",
        tuple(
            Series(
                arm,
                arm,
                tuple(
                    Mark(
                        str(rank),
                        str(110 + rank),
                        "-20",
                        "140",
                        f"Visit {rank}",
                        30 - rank,
                        quartiles=Quartiles("95.5", "121", "108.25", (("-31", 1), ("171", 2))),
                    )
                    if rank < 3
                    else Mark(str(rank), None, label=f"Visit {rank}", n=0)
                    for rank in range(1, 4)
                ),
                n=30,
            )
            for arm in ("Placebo", "Active")
        ),
        "14.2.4",
        (("140", "Limit"),),
        "Quartiles",
    )


def cumulative():
    return Figure(
        "14.2.9",
        "Change of pressure",
        "ITT",
        "cumulative",
        "Change (mmHg)",
        "Subjects with at most this change (%)",
        tuple(
            Series(
                arm,
                arm,
                (
                    Mark(str(-10 - shift), "0", n=0),
                    Mark(str(-10 - shift), "25", n=1),
                    Mark("-3", "75", n=3),
                    Mark("4", "100", n=4),
                ),
                n=30,
            )
            for shift, arm in enumerate(("Placebo", "Active"))
        ),
        "14.2.4",
        (("50", "Half"),),
        "Empirical distribution function",
        y_range=("0", "100"),
    )


def stacked():
    bars = (("Week 4, Placebo", 20), ("Week 4, Active", 16), ("Week 8, Placebo", 0))
    shares = {"Grade 0": (60, "12.5", None), "Grade 1": (25, 50, None), "Grade 2": (15, 0, None)}
    return Figure(
        "14.3.4",
        "Grades by visit",
        "Safety",
        "stacked",
        "Subjects (%)",
        "Visit",
        tuple(
            Series(
                name,
                name,
                tuple(
                    Mark(None if x is None else str(x), str(rank), label=label, n=rank)
                    for rank, (x, (label, _)) in enumerate(zip(values, bars, strict=True), 1)
                ),
            )
            for name, values in shares.items()
        ),
        "14.3.3",
        sizes=bars,
    )


def differences():
    """Dots with the differences of two arms beside them."""
    marks = (Mark("-5", "1", "-12.5", "3", "Preferred term number 1"),
             Mark(None, "2", None, None, "Preferred term number 2"))  # fmt: skip
    panel = Series("against", "Active minus placebo", marks)
    return replace(dots(2), panel=panel, panel_label="Difference (95% CI)", neutral="0")


def scatter():
    return Figure(
        "14.3.5",
        "Peaks of ALT and bilirubin",
        "Safety",
        "scatter",
        "Peak ALT (x ULN)",
        "Peak bilirubin (x ULN)",
        tuple(
            Series(arm, arm, (Mark("0.5", "0.8", n=1), Mark(str(3 + shift), "2.5", n=2)), n=30)
            for shift, arm in enumerate(("Placebo", "Active"))
        ),
        "14.3.5",
        (("2", "2 x ULN"),),
        places=2,
        log=True,
        x_references=(("3", "3 x ULN"),),
        quadrants=((("upper right", 2), ("lower left", 1)),) * 2,
    )


def swimmer():
    return Figure(
        "14.2.10",
        "Time on study",
        "ITT",
        "swimmer",
        "Days",
        "Subjects",
        (
            Series(
                "Active",
                "Active",
                (
                    Mark("90", "1", lane=Lane(((0, "30"),), goes_on=True)),
                    Mark("60", "2", lane=Lane(((0, "20"), (1, "55")), goes_on=False)),
                ),
                n=2,
            ),
            Series("Placebo", "Placebo", (Mark("40", "1", lane=Lane((), goes_on=True)),), n=1),
        ),
        "14.2.10",
        heads=("Response", "Progression"),
    )


def profiles():
    return Figure(
        "14.2.11",
        "Each subject",
        "ITT",
        "profiles",
        "Day",
        "Size (mm)",
        tuple(
            Series(
                arm,
                arm,
                (Mark("1", "50", label="Day 1", n=1), Mark("57", "30", label="Day 57", n=1),
                 Mark(None, None), Mark("1", "40", label="Day 1", n=1), Mark(None, None)),
                n=2,
            )
            for arm in ("Placebo", "Active")
        ),
        "14.2.11",
        (("45", "Limit"),),
    )  # fmt: skip


def figures():
    return (
        scatter(),
        swimmer(),
        profiles(),
        means(),
        stacked(),
        survival(),
        waterfall(),
        dots(),
        forest(),
        boxes(),
        cumulative(),
    )


def rule_count(label, severity="contradictory", count=1):
    """Count the discrepancies of a rule."""
    return RuleCount("a-rule", label, severity, count, "16.2.9")


def trial(rows=60):
    sets = (("Intention-to-treat", 40), ("Safety", 40))
    return Report(CUT, KEY_RESULTS, FLOW, grids(), listings(rows), sets=sets)


def illustrated():
    return replace(trial(), figures=figures())


HOSTILE = (
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "#N/A",
    "\t=1",
    "007",
    "  padded  ",
    "<script>alert('x')</script>",
    "a|b*c_d`e[f](g)\\h~i#j",
    "bell\x07 tab\x0b nul\x00 del\x7f",
    "lone \ud800 surrogate, \ufffe and \uffff",
    "two\nlines\r\nand a third\rand more",
    "\u05e2\u05d1\u05e8\u05d9\u05ea \u202eright to left",
    "\u8179\u6cfb\u3068\u5410\u304d\u6c17\u306e\u8a18\u9332" * 4,
    "\U0001f600 & ]]> \"quoted\" 'single'",
    "_x0041_ is not A",
    "unbroken" * 40,
    "long " * 7000,
    "\U0001f600" * 20000,
    "&P &D {=1} ${x} %s {0}",
)


def hostile():
    title = HOSTILE[9] + HOSTILE[10] + HOSTILE[11] + HOSTILE[16]
    rows = tuple(Row(f"r{i}", text[:300], i % 3) for i, text in enumerate(HOSTILE))
    counted = tuple(
        Row(row.id, row.label, row.level, (Cell("c", (Statistic("n", 1, text[:80]),)),))
        for row, text in zip(rows, HOSTILE, strict=True)
    )
    columns = (Column("c", title, 3),)
    grids_ = tuple(
        Grid(id_, title, title, columns, rows + counted, HOSTILE[:18])
        for id_ in ("cover", "a/b:c?*[d]\\e", "x" * 40, "X" * 40 + "y", "'quoted'", "")
    )
    kinds = ("text", "number", "date")
    listing = Listing(
        "16.2.7",
        title,
        title,
        tuple(ListingColumn(kind, title, kind) for kind in kinds),
        tuple((text, text, text) for text in HOSTILE),
        HOSTILE[:18],
    )
    boxes = tuple(Box(f"b{i}", text[:300], 10**i) for i, text in enumerate(HOSTILE[:3]))
    reasons = tuple((text[:300], i) for i, text in enumerate(HOSTILE))
    flow = Flow(
        title,
        "single-group",
        (Stage("s", title, boxes, (Box("out", title, None, reasons),)), Stage("t", "", boxes[:1])),
        tuple(text[:400] for text in HOSTILE),
    )
    key_results_ = tuple(
        key_result(text[:20], text[:200], text[:50], method=text[:50], rule=text[:50])
        for text in HOSTILE
    )
    figures_ = tuple(
        Figure(
            kind, text[:300], title, kind, title, text[:300],
            (
                Series(text[:20], text[:300], (Mark("1", "-2.5", "-3", None, text[:300]),)),
                Series("none", title, (Mark("1", "1"),) if kind == "dots" else ()),
            ),
            title, (("0", text[:300]),), title, HOSTILE[:18],
        )
        for kind, text in zip(("line", "step", "bars", "dots"), HOSTILE[8:12], strict=True)
    )  # fmt: skip
    cut = Cut(
        "c&1", "S&<1>", title, title, title, "d" * 64, 1, "open", 0, "", "2016-1x", HOSTILE[:18],
        completion=Completion(final=False, text=f"Interim: {title}", look=title),
    )  # fmt: skip
    rule_counts = tuple(rule_count(item) for item in HOSTILE[:18])
    return Report(cut, key_results_, flow, grids_, (listing,), rule_counts, figures_)
