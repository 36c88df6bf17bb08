"""The flow, the key results, the figures and the listings, in words."""

from collections.abc import Iterator, Mapping

from trial.definition import Definition
from trial.definition.figures import FigureDefinition
from trial.definition.flow import FlowBox
from trial.definition.outputs import KeyResultDefinition, ListingDefinition
from trial.reporting.methods.wording import RECORDS, Wording, joined, labels_of, where
from trial.tables.boxes import WHISKERS
from trial.tables.grid import Section
from trial.tables.listings.items import DISCREPANCIES, SUBJECTS, parameters_of
from trial.tables.listings.order import order

_SHOWN = {
    "n": "the number of subjects",
    "count-percent": "the number of subjects and their percentage",
    "events": "the number of events",
    "mean": "the mean",
    "median": "the median",
    "difference": "the difference",
    "odds-ratio": "the odds ratio",
    "relative-risk": "the relative risk",
    "hazard-ratio": "the hazard ratio",
    "rate-ratio": "the rate ratio",
    "p": "the P value",
    "p-adjusted": "the P value, adjusted for all confirmatory tests",
}
_DRAWN = {
    "mean": "means with Student's t interval, on the visits' planned days",
    "share": "percentages with the exact interval",
    "survival": "Kaplan-Meier's curve",
    "waterfall": "a bar a subject, the greatest value first",
    "dots": "the terms of the most subjects over the columns shown, equal ones by name",
    "box": "a box from the first to the third quartile (SAS definition 5) with median and mean",
    "cumulative": "the percentage of values that are at most each value",
    "stacked": "the levels of the row, in percent as the table has them, on one another in a bar",
    "scatter": "a point a subject, by the value described and the other that the row keeps",
    "swimmer": "a lane a subject, as long as the value described, with the others marked in it",
    "profiles": "a line a subject through its values by visit",
    "forest": "the estimate of each row with its interval, as the table has them",
}
_INTERACTION = (
    "; of the subgroups of a row the P value of their having one effect, by Cochran's Q test"
    " of their independent estimates"
)


def sections(definition: Definition, words: Wording) -> Iterator[Section]:
    """Yield the flow's boxes, the sources of figures, and what listings show."""
    boxes = tuple(_boxes(definition, words))
    yield Section("flow", "Participant flow", ("Box", "Whom it counts"), boxes)
    tables = {table.id: labels_of(table) for table in definition.tables}
    key_results = tuple(
        (key_result.label, _key_result(key_result, tables[key_result.source.table]))
        for key_result in definition.key_results
    )
    yield Section("key-results", "Key results", ("Key result", "Which cell it shows"), key_results)
    figures = tuple(
        (figure.id, _figure(figure, tables[figure.source.table], definition))
        for figure in definition.figures
    )
    yield Section("figures", "Figures", ("Figure", "What it draws"), figures)
    listings = tuple((listing.id, _listing(listing, words)) for listing in definition.listings)
    yield Section(
        "listings", "Listings", ("Listing", "What it lists, and in which order"), listings
    )


def _boxes(definition: Definition, words: Wording) -> Iterator[tuple[str, str]]:
    for stage in definition.flow.stages:
        for box in (stage.box, *stage.side):
            by_arm = ", by planned arm" if stage.by_arm and definition.arms else ""
            yield box.label, f"Subjects of whom {words.condition(box.count)}{by_arm}{_reasons(box)}"


def _reasons(box: FlowBox) -> str:
    reasons = box.reasons
    if reasons is None:
        return ""
    if reasons.characteristic is not None:
        return f"; by {reasons.characteristic}"
    return (
        f"; each with one reason: the field {reasons.field} of {RECORDS[str(reasons.recorded)]}"
        f"{where(reasons.where)}, of several the first by date that gives one"
    )


def _key_result(key_result: KeyResultDefinition, labels: Mapping[str, str]) -> str:
    row, *below = key_result.source.row.split("/")
    named = ", ".join((labels.get(row) or row, *below))
    column = labels.get(key_result.source.column, key_result.source.column)
    rule = f". {key_result.rule}" if key_result.rule else ""
    return f"{_SHOWN[key_result.show]} in table {key_result.source.table}, {named}, {column}{rule}"


def _figure(figure: FigureDefinition, labels: Mapping[str, str], definition: Definition) -> str:
    contents, source = _DRAWN[figure.kind], figure.source
    rows = (row for table in definition.tables if table.id == source.table for row in table.rows)
    survival = next((row.survival for row in rows if row.id == source.row), None)
    if survival is not None and survival.estimate == "cumulative-incidence":
        contents = "Aalen and Johansen's curve of cumulative incidence"
    named = joined(label for name in source.all_rows if (label := labels[name]))
    if figure.kind == "box":
        contents += f", {WHISKERS[figure.whiskers or 'iqr']}"
    if figure.differences is not None:
        contents += f"; beside them, the greatest first, {labels[figure.differences]}"
    interaction = _INTERACTION if figure.interaction else ""
    return f"{contents[0].upper()}{contents[1:]}{interaction}; out of table {source.table}, {named}"


def _listing(listing: ListingDefinition, words: Wording) -> str:
    match listing.records:
        case str() as kind if kind == SUBJECTS:
            text = "A row a subject"
        case str() as kind if kind == DISCREPANCIES:
            text = "A row for each record that does not agree with others"
        case str() as kind if parameters := parameters_of(kind):
            text = f"A row a result of {joined(map(words.parameter, parameters))}"
            text += _results_listed(listing, words)
        case kind:
            text = f"A row for each record of {RECORDS[kind]}{where(listing.where)}"
            text += f" that is {words.events(listing.events)}" if listing.events else ""
    subjects = (
        f", of subjects of whom {words.condition(listing.subjects)}" if listing.subjects else ""
    )
    return f"{text}{subjects}. {order(listing)}"


def _results_listed(listing: ListingDefinition, words: Wording) -> str:
    """Return which results a listing shows, where it does not show all."""
    text = " beyond the reference range reported with it" if listing.out_of_range else ""
    wanted = [words.results_within(part) for part in listing.results]
    return f"{text}, if it is one of {joined(wanted, 'or')}" if wanted else text
