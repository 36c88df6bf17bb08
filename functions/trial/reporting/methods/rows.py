"""What each column and each row of the tables counts, in words."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from trial.definition import Definition
from trial.definition.outputs import ROW_KINDS, Table, TableColumn, TableRow
from trial.reporting.methods.values import time
from trial.reporting.methods.wording import RECORDS, Wording, by_name, joined, where
from trial.statistics.contingency import CMH, CMH_GENERAL
from trial.statistics.linear import EQUAL, OBSERVED, TREND
from trial.statistics.pairs import MCNEMAR_EXACT, PAIRED_TANGO
from trial.statistics.proportions import CLOPPER_PEARSON
from trial.statistics.rates import EXACT_POISSON
from trial.statistics.survival import (
    BROOKMEYER_CROWLEY,
    GREENWOOD_LOG_LOG,
    KAPLAN_MEIER,
    LOG_RANK,
)
from trial.tables.grid import Section

COUNTS = {
    "fisher": "counts by Fisher's exact test, or as the method under the table says",
    "pearson": "counts by Pearson's chi-square test",
    "newcombe": "counts by the difference of percentages with Newcombe's interval",
    "miettinen-nurminen": "counts by the difference of percentages with the interval of Miettinen"
    " and Nurminen",
}
"""How a column compares counts."""
MEANS = {
    "anova": "means by one-way analysis of variance",
    "t": "means by their difference with interval and P value of the t test with pooled variance",
    "welch": "means by their difference with interval and P value of Welch's t test",
}
"""How a column compares means."""
_BY = {
    "soc-pt": "system organ class and, within each, by preferred term",
    "soc": "system organ class",
    "pt": "preferred term",
}
_WEIGHTS = {"equal": EQUAL, "observed": OBSERVED}


def sections(definition: Definition, words: Wording) -> Iterator[Section]:
    """Tell the columns, then the rows."""
    told = Rows(definition, words)
    columns = tuple(row for table in definition.tables for row in told.columns(table))
    heads = ("Table", "Column", "Whom it counts, or what it compares")
    yield Section("columns", "Columns of the tables: denominators and comparisons", heads, columns)
    rows = tuple(row for table in definition.tables for row in told.rows(table))
    yield Section("rows", "Rows of the tables", ("Table", "Row", "What it counts"), rows)


class Rows:
    """Tells the columns and rows of a definition's tables."""

    def __init__(self, definition: Definition, words: Wording) -> None:
        """Know what they name."""
        self._definition = definition
        self._words = words

    def columns(self, table: Table) -> Iterator[tuple[str, str, str]]:
        """Tell each column of a table, together those of whom the same is to be said."""
        labels = {each.id: each.label for each in table.columns}
        told: dict[str, list[str]] = {}
        for column in table.columns:
            told.setdefault(self._column(column, labels), []).append(column.label)
        yield from ((table.id, ", ".join(named), text) for text, named in told.items())

    def _column(self, column: TableColumn, labels: Mapping[str, str]) -> str:
        if column.compare is not None:
            reference, *others = (labels[each] for each in column.compare)
            against = f"Compares {joined(others)} with {reference}, the reference"
            return f"{against}: {COUNTS[column.counts]}, {MEANS[column.means]}."
        chosen = self._definition.sets[str(column.set)]
        arms = {each.id: each.label for each in self._definition.arms}
        arm = f", {chosen.arm} arm {arms[column.arm]}" if column.arm else ""
        told = f"N is the number of subjects of the analysis set {chosen.label}{arm}."
        if column.where is None:
            return told
        return f"{told} Shown are those of them of whom {self._words.condition(column.where)}."

    def rows(self, table: Table) -> Iterator[tuple[str, str, str]]:
        """Tell each row of a table; headings count nothing."""
        labels = {each.id: each.label for each in table.columns}
        for row in table.rows:
            if row.kind is not None:
                yield table.id, row.label or row.id, f"{self.row(row, labels)}."

    def row(self, row: TableRow, columns: Mapping[str, str]) -> str:
        """Say what a row counts, without a full stop; `columns` gives the columns' labels."""
        kind = next(each for each in ROW_KINDS if each == row.kind)
        told: str = getattr(self, f"_{kind}")(row, columns)
        visits = "" if row.visits is None else f"; a row for each of {self._visits(row)}"
        only = f"; only of subjects of whom {self._words.condition(row.where)}" if row.where else ""
        return f"{told}{only}{visits}"

    def _visits(self, row: TableRow) -> str:
        visits = {each.id: each.label for each in self._definition.visits}
        return joined(
            visits.values() if row.visits == "all" else (visits[v] for v in row.visits or ())
        )

    @staticmethod
    def _by_column(given: Any, tell: Callable[[Any], str], columns: Mapping[str, str]) -> str:  # noqa: ANN401
        """Tell what all columns show or, where they differ, what each shows."""
        if not isinstance(given, dict):
            return tell(given)
        told: dict[str, list[str]] = {}
        for name, each in ((name, given[name]) for name in columns if name in given):
            told.setdefault(tell(each), []).append(columns[name])
        return "; ".join(f"{joined(names)}: {text}" for text, names in told.items())

    def _count(self, row: TableRow, columns: Mapping[str, str]) -> str:
        told = self._by_column(row.count, self._words.condition, columns)
        exact = f", with the exact interval ({CLOPPER_PEARSON}, 95 %)" if row.interval else ""
        start = f"Subjects of whom{':' if isinstance(row.count, dict) else ''} {told}"
        return f"{start}, in percent of {self._of(row)}{exact}"

    def _of(self, row: TableRow) -> str:
        """Say what percentages are of."""
        if row.denominator in ("determined", None):
            return "those for whom it is determined"
        if row.denominator == "column":
            return "all of the column, whether it is determined or not"
        return f"those of whom {self._words.condition(row.denominator)}"

    def _not_due(self, row: TableRow, columns: Mapping[str, str]) -> str:
        told = self._by_column(row.not_due, self._words.condition, columns)
        return f"Subjects of whom it is not yet due to say whether {told}"

    def _levels(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        wanted = row.levels
        assert wanted is not None
        if wanted.characteristic is not None:
            told = f"Subjects by {self._words.category(wanted.characteristic)}"
            if row.denominator is None:
                told += ", in percent of those whose level is known"
        else:
            records = f"{RECORDS[str(wanted.recorded)]}{where(wanted.where)}"
            told = f"Subjects by the field {wanted.field} of {records}, once at each of its levels"
        told += f", in percent of {self._of(row)}" if row.denominator is not None else ""
        named = joined(f"{each.label} ({each.value})" for each in wanted.values)
        return f"{told}; in this order: {named}; others by frequency" if wanted.values else told

    def _summary(self, row: TableRow, columns: Mapping[str, str]) -> str:
        told = self._by_column(row.summary, self._words.measure, columns)
        return f"Describes {told}"

    def _pairs(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        first, second = map(self._words.condition, row.pairs or ())
        return (
            f"Pairs of the same subjects, for whom both are determined: first, {first};"
            f" second, {second}. Difference: percentage with the second less that with the first"
            f" ({PAIRED_TANGO} interval, 95 %); test: {MCNEMAR_EXACT}, two-sided"
        )

    def _events(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        assert row.events is not None
        return f"Subjects with {self._words.events(row.events)}; and how many such events"

    def _terms(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        wanted = row.terms
        assert wanted is not None
        events = self._words.events(wanted.filter)
        parts = [f"Subjects with {events}, once a row, and events, by {_BY[wanted.by]}"]
        parts += ["grouped terms count as their group"] if wanted.pooled else []
        if (least := wanted.minimum_percent) is not None:
            parts.append(f"only what at least {least:f} % (not rounded) of a column have")
        if wanted.worst is not None:
            parts.append(f"below each, subjects by the worst {wanted.worst.field} of these events")
        return "; ".join(parts)

    def _worst(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        assert row.worst is not None
        levels = joined(f"{each.label} ({each.value})" for each in row.worst.levels)
        events = self._words.events(row.worst.filter)
        return f"Subjects by the worst {row.worst.field} of {events}; from the mildest: {levels}"

    def _shift(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        assert row.shift is not None
        before, after = (self._words.category(each) for each in (row.shift.before, row.shift.after))
        return f"Subjects by {before} (before) and {after} (after), of those with both"

    def _stratified(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        assert row.stratified is not None
        strata = joined(map(self._words.category, row.stratified.strata))
        return (
            f"Subjects of whom {self._words.condition(row.stratified.count)}, compared over"
            f" strata of {strata}: two columns by {CMH} (no continuity correction), more by"
            f" {CMH_GENERAL}; who is in no stratum is left out"
        )

    def _ancova(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        asked = row.ancova
        assert asked is not None
        words = self._words
        factors = [
            "the arm",
            *map(words.category, asked.factors),
            *map(words.measure, asked.covariates),
        ]
        parts = [f"Analysis of covariance of {words.measure(asked.measure)} on {joined(factors)}"]
        parts += [f"levels of {words.category(name)} with fewer than {pool.minimum} subjects of"
                  f" {self._definition.sets[pool.set].label} in any arm are pooled"
                  for name, pool in by_name(asked.pool)]  # fmt: skip
        parts.append(f"by arm, {_WEIGHTS[asked.weights]}")
        parts.append("two columns by the difference with its t interval, more by type III F")
        if asked.scores is not None:
            scores = joined(f"{arm} {score:f}" for arm, score in by_name(asked.scores))
            parts.append(f"{TREND}: {scores}")
        return "; ".join((*parts, "who lacks any of these values is left out"))

    def _survival(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        asked = row.survival
        assert asked is not None
        named = joined(map(self._words.category, asked.strata))
        strata = f", stratified by {named}" if asked.strata else ""
        days = f", at days {joined(map(str, asked.at))}" if asked.at else ""
        return (
            f"{time(self._definition.times[asked.time], self._words)} {KAPLAN_MEIER}{days},"
            f" limits by {GREENWOOD_LOG_LOG}; quartiles with limits by {BROOKMEYER_CROWLEY};"
            f" compared by the {LOG_RANK} test{strata}"
        )

    def _incidence(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        assert row.incidence is not None
        window = self._definition.adverse_events.days_after_last_dose
        until = (
            "" if window is None else f", or {window} days after the last dose if that is earlier"
        )
        return (
            f"The first of {self._words.events(row.incidence.filter)}, by time at risk: days from"
            " the"
            " first dose to the first onset on or after it or, without one, to the last"
            f" contact{until}, both counted; per {row.incidence.per} years of 365.25 days, with the"
            f" {EXACT_POISSON} interval, 95 %"
        )
