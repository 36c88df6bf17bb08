"""The flow, the key results, the figures, the listings and the narratives, in words."""

from collections.abc import Iterator, Mapping

from trial.definition import Definition
from trial.definition.figures import FigureDefinition
from trial.definition.flow import FlowBox
from trial.definition.narratives import NarrativeDefinition, Paragraph
from trial.definition.outputs import KeyResultDefinition, ListingDefinition, RecordSelection
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
    narratives = tuple(
        row for narrative in definition.narratives for row in _narrative(narrative, words)
    )
    heads = "Narratives", "Of whom, and what they say; [ ] stands only where its values are known"
    yield Section("narratives", "Narratives", heads, narratives)


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
    row_label = ", ".join((labels.get(row) or row, *below))
    column = labels.get(key_result.source.column, key_result.source.column)
    rule = f". {key_result.rule}" if key_result.rule else ""
    return (
        f"{_SHOWN[key_result.show]} in table {key_result.source.table}, {row_label}, {column}{rule}"
    )


def _figure(figure: FigureDefinition, labels: Mapping[str, str], definition: Definition) -> str:
    contents, source = _DRAWN[figure.kind], figure.source
    rows = (row for table in definition.tables if table.id == source.table for row in table.rows)
    survival = next((row.survival for row in rows if row.id == source.row), None)
    if survival is not None and survival.estimate == "cumulative-incidence":
        contents = "Aalen and Johansen's curve of cumulative incidence"
    row_labels = joined(label for name in source.all_rows if (label := labels[name]))
    if figure.kind == "box":
        contents += f", {WHISKERS[figure.whiskers or 'iqr']}"
    if figure.differences is not None:
        contents += f"; beside them, the greatest first, {labels[figure.differences]}"
    interaction = _INTERACTION if figure.interaction else ""
    origin = f"out of table {source.table}, {row_labels}"
    return f"{contents[0].upper()}{contents[1:]}{interaction}; {origin}"


def _listing(listing: ListingDefinition, words: Wording) -> str:
    match listing.records:
        case str() as kind if kind == SUBJECTS:
            text = "A row a subject"
        case str() as kind if kind == DISCREPANCIES:
            text = "A row for each record that does not agree with others"
        case str() as kind if parameters_of(kind):
            text = f"A row a {_selected(listing, words)}"
        case _:
            text = f"A row for each {_selected(listing, words)}"
    subjects = (
        f", of subjects of whom {words.condition(listing.subjects)}" if listing.subjects else ""
    )
    return f"{text}{subjects}. {order(listing)}"


def _selected(selection: RecordSelection, words: Wording) -> str:
    """Return which records, or results, are shown one by one."""
    if parameters := parameters_of(selection.records):
        text = f"result of {joined(map(words.parameter, parameters))}"
        text += " after the first dose" if selection.after_first_dose else ""
        text += " beyond the reference range reported with it" if selection.out_of_range else ""
        conditions = [words.results_within(part) for part in selection.results]
        return f"{text}, if it is one of {joined(conditions, 'or')}" if conditions else text
    text = f"record of {RECORDS[selection.records]}{where(selection.where)}"
    return text + (f" that is {words.events(selection.events)}" if selection.events else "")


def _narrative(narrative: NarrativeDefinition, words: Wording) -> Iterator[tuple[str, str]]:
    """Yield of whom narratives are, each paragraph's template, and how values read in them."""
    yield narrative.id, f"Of each subject of whom {words.condition(narrative.subjects)}"
    for number, paragraph in enumerate(narrative.paragraphs, 1):
        yield f"{narrative.id}, paragraph {number}", _paragraph(paragraph, words)
    for name, readings in narrative.words.items():
        contents_words = joined(
            f"{value} reads {text}" if value else f"no value reads {text}"
            for value, text in readings.items()
        )
        yield f"{narrative.id}, {{{name}}}", contents_words


def _paragraph(paragraph: Paragraph, words: Wording) -> str:
    """Return what a paragraph is of, and its template."""
    if paragraph.records == SUBJECTS:
        return f"Of the subject: {_quoted(paragraph.text)}"
    around = [
        f"{place} {_quoted(text)}"
        for place, text in (
            ("before them", paragraph.before),
            ("between them", paragraph.between.strip()),
            ("after them", paragraph.after),
            ("without any", paragraph.otherwise),
        )
        if text
    ]
    text = f"Of each {_selected(paragraph, words)}: {_quoted(paragraph.text)}"
    return "; ".join((text, *around))


def _quoted(text: str) -> str:
    return f"\u201c{' '.join(text.split())}\u201d"
