"""The definitions: what a reviewer asks before trusting a number, on one sheet."""

from collections.abc import Iterable, Iterator

from openpyxl.worksheet.worksheet import Worksheet

from trial.definition.summary_statistics import ESTIMATED
from trial.render import legible, wrap
from trial.render.workbook.cell_values import DIGIT, CellValue
from trial.render.workbook.sheets import COVER, banners, set_page
from trial.render.workbook.styles import fill
from trial.tables.bidi import isolated
from trial.tables.grid import Cut, Report

_WIDTHS = (34, 122)

type _Pairs = Iterable[tuple[str, str]]

_DATES = {
    "Date as collected": (
        "Text in ISO 8601, as precise as it was collected: 2016-03 is a day of March 2016 that is "
        "not known. Dates are local dates of the site."
    ),
    "Date": (
        "A date that can be sorted and counted with (yyyy-mm-dd). It is empty where none can be "
        "given, and text where it lies before 1900-03-01."
    ),
    "Imputation flag": (
        "Which part of the date was not collected and is imputed: D the day, M the month and the "
        "day, Y all of it. Empty: the date is as collected."
    ),
    "Study day": (
        "Counted from the first dose, which is on day 1; the day before it is day -1, and there is "
        "no day 0."
    ),
    "Protocol day": "Counted from enrolment, which is on day 0.",
}
_ABSENT = {
    "Not reported": "The trial may have such data; none have come, of this subject or of all.",
    "Not yet due": (
        "The time for it has not passed by the subject's last contact or the cut-off: neither "
        "there nor missing."
    ),
    "Not collected": "The trial does not collect it.",
    "An empty cell": "The record has no such value.",
    "No records": "The listing has no rows: nothing that it lists was recorded.",
}
_ABBREVIATED = {
    name: (statistic.label, statistic.full_name)
    for name, statistic in ESTIMATED.items()
    if statistic.label != statistic.full_name
}
_STATISTICS = {
    "n": ("n", "Number of subjects, or of those with a value"),
    "N": ("N", "Number of subjects that a percentage is of; of a column, in the analysis set"),
    "percent": ("%", "Share of the denominator. <1 is more than none; a bare 0 is none."),
    "events": ("Events", "Number of events: a subject may have several"),
    "all_events": ("All events", "Number of events that a percentage of events is of"),
    "events_percent": ("% of events", "Share of all events of the column that are meant"),
    "resolved": ("Resolved", "Number of events followed that resolved; the others are censored"),
    "observed": ("Observed", "Number of subjects whose value was observed"),
    "imputed": ("Imputed", "Number of subjects whose value was imputed by the rule stated"),
    "baseline": ("Of these the baseline", "Number of imputed values that are the baseline"),
    "undated": ("Event not dated", "Number of subjects whose event has no date, and none counts"),
    "not_due": ("Not yet due", "Number of subjects whose value is not yet due: not in the share"),
    "missing": ("Missing", "Number of subjects without a value that is due: not in the share"),
    "mean": _ABBREVIATED["mean"],
    "lsmean": ("LS mean", "Least-squares mean, adjusted by the model"),
    **_ABBREVIATED,
    "ci_low": ("CI", "Confidence interval, lower and upper limit"),
    "median_ci_low": ("CI of the median", "Its confidence interval, lower and upper limit"),
    "geometric_mean_ci_low": (
        "CI of the geometric mean",
        "Its confidence interval, lower and upper limit",
    ),
    "p": ("P value", "Two-sided unless stated otherwise. With <, a value below what is shown."),
    "rate": ("Rate", "Events or subjects for the person-time stated"),
    "tipping_delta": (
        "Tipping delta",
        "What has to be added to imputed values for P first to exceed alpha, of the deltas tried",
    ),
    "dispersion": (
        "Dispersion",
        "What the square of the mean is multiplied by in the variance of a negative binomial",
    ),
    "hazard_ratio": ("Hazard ratio", "Hazard of the event over that of the reference"),
    "survival": ("Survival", "Estimated share without the event at that time"),
    "incidence": ("Incidence", "Estimated share with the event by that time"),
    "restricted_mean": ("Restricted mean", "Mean of the times, none taken beyond the day stated"),
    "mean_ratio": ("Ratio of means", "Restricted mean over that of the reference"),
    "competing": ("Competing event", "Number of subjects whom another event kept from this one"),
    "censored": ("Censored", "Number of subjects without the event when last seen"),
    "both": ("Both", "Pairs in which both sides have the property"),
    "first": ("First only", "Pairs in which only the first side has it"),
    "second": ("Second only", "Pairs in which only the second side has it"),
    "neither": ("Neither", "Pairs in which neither side has it"),
}


def write_definitions(target: Worksheet, report: Report) -> None:
    """Write versions, analysis sets, dates, what is absent, abbreviations and methods."""
    set_page(target, _WIDTHS, report.cut)
    fill(target, _WIDTHS, _rows(report))
    target.print_title_rows = "1:1"


def _rows(report: Report) -> Iterator[list[CellValue]]:
    for banner in banners(report.cut):
        lines = wrap(legible(banner).split(), sum(_WIDTHS) * DIGIT)
        yield from ([CellValue(line, "strong")] for line in lines)
    yield [CellValue(f"{report.cut.study}: definitions", "title")]
    yield [CellValue("Back to contents", "link", link=COVER)]
    sections: tuple[tuple[str, str, _Pairs], ...] = (
        ("Versions", "In use", _versions(report.cut)),
        ("Analysis set", "Subjects", ((name, str(size)) for name, size in report.sets)),
        ("Population as printed", "Where it is used", _populations(report)),
        ("Dates and days", "How they are written", _DATES.items()),
        ("What is not there", "What it means", _ABSENT.items()),
        ("Abbreviation", "Meaning", _abbreviations(report)),
        ("Method or rule", "Where it is used", _methods(report)),
    )
    for first_head, second_head, pairs in sections:
        yield []
        yield [CellValue(first_head, "head"), CellValue(second_head, "head text")]
        yield from ([CellValue(name, "label"), CellValue(text)] for name, text in pairs)


def _versions(cut: Cut) -> Iterator[tuple[str, str]]:
    for number, dictionary in enumerate(cut.dictionaries, 1):
        yield f"Dictionary or grading {number}", dictionary
    if not cut.dictionaries:
        yield "Dictionaries", "none"
    yield "Study definition", f"SHA-256 {cut.definition}"
    yield "Contribution version", f"{cut.contribution_version} (of the rules that count)"


def _populations(report: Report) -> Iterator[tuple[str, str]]:
    places: dict[str, list[str]] = {}
    for kind, displays in (
        ("Table", report.grids),
        ("Figure", report.figures),
        ("Listing", report.listings),
    ):
        for display in displays:
            places.setdefault(display.population, []).append(f"{kind} {display.id}")
    yield from ((name, ", ".join(uses)) for name, uses in places.items())


def _abbreviations(report: Report) -> Iterator[tuple[str, str]]:
    cells = (cell for grid in report.grids for row in grid.rows for cell in row.cells)
    names = {statistic.name for cell in cells for statistic in cell.statistics}
    yield from (words for name, words in _STATISTICS.items() if name in names)


def _methods(report: Report) -> Iterator[tuple[str, str]]:
    uses: dict[str, dict[str, None]] = {}
    for grid in report.grids:
        for cell in (cell for row in grid.rows for cell in row.cells):
            uses.setdefault(cell.method, {})[f"Table {grid.id}"] = None
    for figure in report.figures:
        uses.setdefault(figure.method, {})[f"Figure {figure.id}"] = None
    for key_result in report.key_results:
        for words in (key_result.method, key_result.rule):
            uses.setdefault(words, {})[f"Summary: {isolated(key_result.label)}"] = None
    yield from ((name, "; ".join(places)) for name, places in uses.items() if name)
    yield "Rounding", "Once, half up, from exact values: 82.5 is shown as 83"
