"""How statistics are computed and printed, and which tests confirm."""

from collections.abc import Iterator, Mapping

from trial.definition import Definition
from trial.definition.estimands import STRATEGIES
from trial.definition.reporting import Look, Spending, Testing
from trial.definition.summary_statistics import SUMMARY_STATISTICS
from trial.reporting.methods.wording import Wording, joined, labels_of
from trial.statistics.sequential import SPENDING
from trial.tables.grid import Section
from trial.tables.rounding import P_FLOOR
from trial.tables.testing import procedure_name

_PRINTED = (
    (
        "Rounding",
        (
            "Once, half up (a tie goes away from zero), of the exact value; never by way of a"
            " rounded one."
        ),
    ),
    (
        "Percentages",
        (
            "Of the denominator printed beside the count, else of the column's N. 0 stands alone;"
            " some are never shown as none (<1) nor most as all (>99)."
        ),
    ),
    (
        "P values",
        f"Two-sided; below {P_FLOOR:.4f} shown as less than that.",
    ),
    (
        "Not reported",
        "Nothing of the kind was ever reported: a column of nobody shows this and no 0.",
    ),
)


def sections(definition: Definition, words: Wording) -> Iterator[Section]:
    """Yield statistics, how numbers are printed, when they are final, and which tests confirm."""
    heads = ("Statistic", "How it is computed and printed")
    used = statistics_used(definition)
    described = (
        (statistic.label, statistic.method)
        for name, statistic in SUMMARY_STATISTICS.items()
        if statistic.usual or name in used
    )
    yield Section("statistics", "Statistics", heads, (*described, *_PRINTED))
    states = tuple(_completion(definition, words))
    yield Section("completion", "Interim and final", ("State", "When"), states)
    attributes = ("Estimand", "Attribute", "As the definition states it")
    estimands = tuple(_estimands(definition))
    yield Section("estimands", "Estimands (ICH E9(R1))", attributes, estimands)
    yield Section("testing", "Tests", ("Test", "What it decides"), tuple(_tests(definition)))


def _estimands(definition: Definition) -> Iterator[tuple[str, str, str]]:
    """Yield the attributes of each estimand, and the cell that estimates it."""
    tables = {table.id: labels_of(table) for table in definition.tables}
    for estimand in definition.estimands:
        source, label = estimand.source, estimand.label
        labels = tables[source.table]
        row, *below = source.row.split("/")
        cell = ", ".join((labels.get(row) or row, *below, labels.get(source.column, "")))
        yield label, "Estimated by", f"table {source.table}, {cell}"
        yield label, "Population", definition.sets[estimand.population].label
        yield label, "Treatment", estimand.treatment
        yield label, "Variable", estimand.variable
        for part in estimand.intercurrent_events:
            handled = f". {part.handling}" if part.handling else ""
            yield label, f"Intercurrent event: {part.event}", STRATEGIES[part.strategy] + handled
        yield label, "Population-level summary", estimand.summary


def statistics_used(definition: Definition) -> set[str]:
    """Return the names of the statistics that summaries ask for."""
    return {
        name
        for table in definition.tables
        for row in table.rows
        if row.summary is not None
        for column in table.columns
        for name in row.statistics_of(column.id)
    }


def _completion(definition: Definition, words: Wording) -> Iterator[tuple[str, str]]:
    declared = definition.completion
    if declared is not None:
        label = definition.sets[declared.set].label
        planned = f"there are at least {declared.planned} subjects" if declared.planned else (
            "there is a subject"
        )  # fmt: skip
        condition = words.condition(declared.condition)
        when = (
            f"As soon as {planned} in the set {label} and of all of them holds: {condition};"
            f" they then have {declared.label}."
        )
        yield "Final", when
    yield "Interim", "Any other. A report that was asked for as final is final and says so."


def _tests(definition: Definition) -> Iterator[tuple[str, str]]:
    testing = definition.testing
    if testing is None:
        yield "P values", "All are nominal: no test is declared as confirmatory."
        return
    labels = {table.id: labels_of(table) for table in definition.tables}
    for number, ref in enumerate(testing.order, 1):
        row, *below = ref.row.split("/")
        row_label = ", ".join((labels[ref.table].get(row) or row, *below))
        column = labels[ref.table][ref.column]
        yield (
            f"Confirmatory test {number} of {len(testing.order)}",
            f"Table {ref.table}, {row_label}, {column}",
        )
    for look in testing.planned:
        yield f"Planned look: {look.label} ({look.id})", _look(testing, look)
    if testing.looks:
        yield "Alpha of all looks", f"{testing.alpha:f}"
    if testing.spending is not None:
        yield "Spending of alpha", _spending(testing.spending, labels)
    if testing.procedure is not None:
        yield "Procedure", _procedure(testing)
    if testing.tests_all:
        yield (
            "Confirmatory",
            (
                "All of the tests named, of which those with an adjusted P value of at most alpha"
                " are rejected; one without a P value counts as one of 1. Every other P value is"
                " nominal, and at no planned look all are."
            ),
        )
        return
    yield (
        "Order",
        (
            "The first is confirmatory, each further one as long as all before it have P values"
            " of at most alpha. Every other P value is nominal, and at no planned look all are."
            " Data that are final are at the last look; at an earlier one is what was asked for so."
        ),
    )


def _look(testing: Testing, look: Look) -> str:
    """Return at which alpha a look's tests confirm."""
    if testing.spending is None:
        return f"Tests confirm at alpha {look.alpha:f}."
    amount = look.information or testing.spending.planned
    return f"Tests confirm at what is spent there; information {amount}."


def _spending(spending: Spending, labels: Mapping[str, Mapping[str, str]]) -> str:
    """Return how alpha is spent over the looks."""
    counted = "as the looks say"
    if (ref := spending.information) is not None:
        counted = (
            f"at a look that of table {ref.table}, {labels[ref.table].get(ref.row, ref.row)},"
            f" {labels[ref.table][ref.column]}; at those before as they say"
        )
    return (
        f"{SPENDING[spending.function]}, of each side by itself, over the shares of"
        f" {spending.planned}: {counted}. At the final look all that is left is spent. Boundaries"
        " are by the recursion of Armitage, McPherson and Rowe."
    )


def _procedure(testing: Testing) -> str:
    """Return by which procedure P values are adjusted."""
    text = f"P values are adjusted by the {procedure_name(testing)} procedure"
    if testing.graph is not None:
        rows = (
            f"from test {i}: {joined(f'{part:f} to {j}' for j, part in enumerate(row, 1) if part)}"
            for i, row in enumerate(testing.graph.transitions, 1)
            if any(row)
        )
        weights = ", ".join(f"{weight:f}" for weight in testing.graph.weights)
        text += f"; weights {weights}; once a test is rejected its weight goes, {'; '.join(rows)}"
    return f"{text}. The P value of a margin counts as the part that it is of its own alpha."
