"""What each column and each row of the tables counts, in words."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from trial.definition import Definition
from trial.definition.conditions import AdverseEventFilter, Measure
from trial.definition.denominators import means_assessed
from trial.definition.intervals import USUAL_INTERVAL, IntervalDefinition
from trial.definition.outputs import (
    ROW_KINDS,
    ByTerm,
    RatioModelDefinition,
    SetDenominator,
    Survival,
    Table,
    TableColumn,
    TableRow,
    TermSorting,
    WorstGrade,
)
from trial.reporting.methods.values import time
from trial.reporting.methods.wording import RECORDS, Wording, by_name, joined, where
from trial.statistics.competing import AALEN_JOHANSEN, AALEN_VARIANCE, GRAY
from trial.statistics.contingency import CMH, CMH_GENERAL
from trial.statistics.covariances import COVARIANCES
from trial.statistics.cox import COX, GRAMBSCH_THERNEAU, TIES, TRANSFORMS
from trial.statistics.families import FAMILIES, LOGISTIC, NEGATIVE_BINOMIAL
from trial.statistics.inference import Confidence
from trial.statistics.linear import EQUAL, OBSERVED, TREND
from trial.statistics.maximisation import TESTS as MODEL_TESTS
from trial.statistics.mmrm import DEGREES_OF_FREEDOM, MMRM
from trial.statistics.multiple_imputation import (
    AT_RANDOM,
    BETWEEN,
    BURN_IN,
    COPY,
    INCREMENTS,
    JUMP,
    RUBIN,
)
from trial.statistics.pairs import MCNEMAR_EXACT, PAIRED_TANGO
from trial.statistics.proportions import PROPORTION_INTERVALS
from trial.statistics.random_numbers import GENERATOR
from trial.statistics.ranks import (
    CORRECTED,
    EXACT,
    HODGES_LEHMANN,
    MOSES,
    VAN_ELTEREN,
    WILCOXON,
)
from trial.statistics.rates import EXACT_CONDITIONAL, EXACT_POISSON, RATE_SCORE
from trial.statistics.risks import CONTRASTS, DIFFERENCE
from trial.statistics.strata import COMMON_CONTRASTS
from trial.statistics.survival import (
    BROOKMEYER_CROWLEY,
    GREENWOOD,
    KAPLAN_MEIER,
    LOG_LOG,
    LOG_RANK,
    RESTRICTED_MEAN,
    TRANSFORMATIONS,
)
from trial.tables.grid import Section
from trial.tables.rows.comparing import TESTS

COUNTS = {
    "fisher": "counts by Fisher's exact test, or as the method under the table says",
    "pearson": "counts by Pearson's chi-square test",
    "newcombe": "counts by the difference of percentages with Newcombe's interval",
    "miettinen-nurminen": "counts by the difference of percentages with the interval of Miettinen"
    " and Nurminen",
    "mee": "counts by the difference of percentages with Mee's score interval",
    "wald": "counts by the difference of percentages with Wald's interval",
}
"""How a column compares counts; ratios go by the name of their method."""
_BY_RANKS = (
    f"normal with the variance that ties leave unless it is exact; the difference by"
    f" {HODGES_LEHMANN}, the median of all differences of two values, with {MOSES}'s interval"
)
MEANS = {
    "anova": "means by one-way analysis of variance",
    "t": "means by their difference with interval and P value of the t test with pooled variance",
    "welch": "means by their difference with interval and P value of Welch's t test",
    "wilcoxon": f"values by ranks: the P value by {WILCOXON}, {_BY_RANKS}",
    "wilcoxon-corrected": f"values by ranks: the P value by {CORRECTED}, {_BY_RANKS}",
    "wilcoxon-exact": f"values by ranks: the P value by {EXACT}, or as the method under the table"
    f" says, {_BY_RANKS}",
}
"""How a column compares means."""
RATES = {
    "ratio": f"rates by their ratio with the {EXACT_CONDITIONAL} interval and P value",
    "difference": f"rates by their difference with the {RATE_SCORE} interval",
}
"""How a column compares rates."""
LEVELS = {
    "soc": "system organ class",
    "hlgt": "high level group term",
    "hlt": "high level term",
    "pt": "preferred term",
    "llt": "lowest level term",
    "group": "group of terms",
}
"""What the levels of a hierarchy of terms are called."""
_ORDERS = {
    "frequency": "most frequent first",
    "alphabetical": "in alphabetical order",
    "difference": "greatest difference first",
}
_WEIGHTS = {"equal": EQUAL, "observed": OBSERVED}


def _counts(column: TableColumn) -> str:
    """Return how a column compares counts."""
    if column.contrast == DIFFERENCE:
        return COUNTS[column.counts]
    instead = ", or as the method under the table says" if column.counts == "exact" else ""
    return f"counts by the {CONTRASTS[column.contrast][column.counts][0]} interval{instead}"


def _margin(row: TableRow) -> str:
    """Return what differences or ratios of a row must keep, and how that is shown, if anything."""
    if (margin := row.margin) is None:
        return ""
    bounds = (("above", margin.lower), ("below", margin.upper))
    where = joined(f"{name} {side:f}" for name, side in bounds if side is not None)
    return (
        f"; margin: the difference or ratio of two columns must lie {where}, at one-sided alpha"
        f" {margin.alpha:f}: shown if the interval of level 1 - 2 alpha lies there; the one-sided P"
        " value, of two sides the greater, is by the method of the interval, where that has one"
    )


def _interval_of_percentages(row: TableRow) -> str:
    """Return the interval that a row of percentages has, if any."""
    if (interval := row.interval_asked) is None:
        return ""
    method, words = interval.method or "clopper-pearson", interval.confidence.words
    name = PROPORTION_INTERVALS[method][0]
    if method == "clopper-pearson":
        return f", with the exact interval ({name}, {words})"
    return f", with the interval by {name}, {words}"


def _interval_of_means(interval: IntervalDefinition) -> str:
    """Return how the intervals of a summary are computed."""
    name = "the normal distribution" if interval.method == "z" else "Student's t"
    return f"intervals: {interval.confidence.words}, of means by {name}"


_OF_EACH_LEVEL = (
    "; a difference is that of each level, of its percentage; of two levels in all it is that of"
    " the first"
)
_OF_EACH_RECORDED = (
    "; a difference or a test is that of each level, of its percentage, since a subject can be at"
    " several"
)
_OF_THE_WORST = "; a difference is that of each level, of its percentage"
_AMONG_THE_WORST = "; a test is of all levels together, among those who are at one"
_NOT_INDEPENDENT = (
    "; events are taken one by one as if they were independent, which those of one subject are"
    " not: intervals do not allow for that"
)
_FITTED = ("pairs", "stratified", "ancova", "mmrm", "multiple_imputation")
"""The kinds of row that have no denominator: a subgroup is what they are computed of."""
_SAME_DAY = " (of several that began on one day, the one that lasts longest)"


def _scale(row: TableRow) -> str:
    """Return the scale on which the limits of a curve are symmetric."""
    return TRANSFORMATIONS[(row.interval_asked and row.interval_asked.method) or LOG_LOG]


def _confidence(row: TableRow) -> Confidence:
    """Return the level and limits of a row that always has an interval."""
    return (row.interval_asked or USUAL_INTERVAL).confidence


_EFFECTS = ("with one effect", "with an effect at each visit")


def _restricted_means(row: TableRow, survival: Survival) -> str:
    """Return how means up to some days are computed and compared; nothing where none are."""
    restricted_mean = survival.restricted_mean
    if restricted_mean is None:
        return ""
    contrasts = (
        f", of two columns their {joined(restricted_mean.contrasts)}"
        if restricted_mean.contrasts
        else ""
    )
    return (
        f"; {RESTRICTED_MEAN} from 0 to days {joined(map(str, restricted_mean.to))}, variance"
        f" by {GREENWOOD} from the area beyond each event{contrasts}, limits and P by the normal"
        f" distribution (of a ratio, of its logarithm), {_confidence(row).words},"
        f" to {restricted_mean.decimals} decimals; none where the last time observed"
        " is before that day and somebody is without the event then"
    )


_PERCENT_OF = {
    "known": "",
    "before": "; percentages of changes are of those of the same class before",
    "after": "; percentages of changes are of those of the same class after",
    "first": "; percentages of combinations are of those at the same first level",
    "second": "; percentages of combinations are of those at the same second level",
    "column": "; percentages are of all of the column",
}


def _crossed(percent_of: str, *, missing: bool) -> str:
    """Return what percentages of two classifications are of, and who else is in them."""
    text = "; who has no value though it is due is at a level of its own, Missing"
    return (text if missing else "") + _PERCENT_OF[percent_of]


def sections(definition: Definition, words: Wording) -> Iterator[Section]:
    """Yield the columns, then the rows."""
    descriptions = Rows(definition, words)
    columns = tuple(row for table in definition.tables for row in descriptions.columns(table))
    heads = ("Table", "Column", "Whom it counts, or what it compares")
    yield Section("columns", "Columns of the tables: denominators and comparisons", heads, columns)
    rows = tuple(row for table in definition.tables for row in descriptions.rows(table))
    yield Section("rows", "Rows of the tables", ("Table", "Row", "What it counts"), rows)


def _levels(terms: ByTerm) -> str:
    """Return the levels that terms are sorted into, the outermost first."""
    return " and, within each, by ".join(LEVELS[level] for level in terms.levels)


class Rows:
    """The columns and rows of a definition's tables in words."""

    def __init__(self, definition: Definition, words: Wording) -> None:
        """Keep the definition, whose names are spelled out."""
        self._definition = definition
        self._words = words

    def columns(self, table: Table) -> Iterator[tuple[str, str, str]]:
        """Yield each column of a table; columns with the same text come together."""
        labels = {
            column_definition.id: column_definition.name for column_definition in table.columns
        }
        columns_by_text: dict[str, list[str]] = {}
        for column in table.columns:
            columns_by_text.setdefault(self._column(column, labels), []).append(column.name)
        yield from (
            (table.id, ", ".join(column_labels), text)
            for text, column_labels in columns_by_text.items()
        )

    def _column(self, column: TableColumn, labels: Mapping[str, str]) -> str:
        if column.compare is not None:
            reference, *compared_labels = (labels[compared] for compared in column.compare)
            against = f"Compares {joined(compared_labels)} with {reference}, the reference"
            level = f"; intervals: {column.interval.confidence.words}" if column.interval else ""
            rates = f", {RATES[column.rates]}" if column.rates else ""
            error = "; with the standard error of the difference" if column.standard_error else ""
            return f"{against}: {_counts(column)}, {MEANS[column.means]}{rates}{level}{error}."
        analysis_set = self._definition.sets[str(column.set)]
        arms = {compared.id: compared.label for compared in self._definition.arms}
        of_arms = joined((arms[arm] for arm in column.arms_counted), "or")
        arm = f", {analysis_set.arm} arm {of_arms}" if of_arms else ""
        text = f"N is the number of subjects of the analysis set {analysis_set.label}{arm}."
        if column.where is not None:
            text += f" Shown are those of them of whom {self._words.condition(column.where)}."
        if column.worst is not None:
            return f"{text} {self._of_worst(column, column.worst)}"
        if column.events is not None:
            text += f" Only rows of adverse events fill it: {self._words.events(column.events)}."
        return text

    def _of_worst(self, column: TableColumn, worst: WorstGrade) -> str:
        """Return which subjects a column of grades shows."""
        rows, events_words = "rows of adverse events and of graded results", ""
        if column.events is not None or worst.field == "severity":
            rows = "rows of adverse events"
        if column.events is not None:
            events_words = f", of {self._words.events(column.events)}"
        least, field = worst.grade_at_least or worst.severity_at_least, worst.field
        plural = "grades" if field == "grade" else "severities"
        cumulative = f"{least} or more; who is in it is in the columns of milder {plural} too"
        levels = joined(worst.severity or map(str, worst.grades), "or")
        return (
            f"Only {rows} fill it: subjects by the worst {field} of what a row counts"
            f"{events_words}, those for whom it is {cumulative if least else levels}."
            f" Events counted are those of these {plural}."
        )

    def rows(self, table: Table) -> Iterator[tuple[str, str, str]]:
        """Yield each row of a table; headings count nothing."""
        labels = {column.id: column.name for column in table.columns}
        for row in table.rows:
            if row.kind is not None:
                text = f"{self.row(row, labels)}{self._each_level(row, table)}."
                yield table.id, row.label or row.id, text

    @staticmethod
    def _each_level(row: TableRow, table: Table) -> str:
        """Return of which level differences and tests are, where a row of levels has some."""
        comparisons = {column.counts for column in table.columns if column.compare is not None}
        differs, tests = comparisons - TESTS, comparisons & TESTS
        if row.kind == "worst":
            return (_OF_THE_WORST if differs else "") + (_AMONG_THE_WORST if tests else "")
        if row.levels is None or not comparisons:
            return ""
        if row.levels.recorded is not None:
            return _OF_EACH_RECORDED
        return _OF_EACH_LEVEL if differs else ""

    def row(self, row: TableRow, columns: Mapping[str, str]) -> str:
        """Return what a row counts, without a full stop; `columns` gives the columns' labels."""
        kind = next(row_kind for row_kind in ROW_KINDS if row_kind == row.kind)
        text: str = getattr(self, f"_{kind}")(row, columns)
        visits = "" if row.visits is None else f"; a row for each of {self._visits(row)}"
        if row.counts_events and row.denominator is not None:
            text += f", in percent of {self._of(row)}"
        text += self._of_records(row) + _margin(row)
        restriction = (
            f"; only of subjects of whom {self._words.condition(row.where)}" if row.where else ""
        )
        return f"{text}{restriction}{visits}{self._subgroups(row)}"

    def _subgroups(self, row: TableRow) -> str:
        """Return which subgroups a row is made for, if any."""
        subgroups = row.subgroups
        if subgroups is None:
            return ""
        level_labels = joined(f"{level.label} ({level.value})" for level in subgroups.values)
        levels = f": {level_labels}" if level_labels else ""
        basis = (
            "of its subjects alone" if row.kind in _FITTED else "with the subgroup's denominators"
        )
        category = self._words.category(subgroups.characteristic)
        return f"; for each subgroup by {category}{levels}, {basis}"

    def _visits(self, row: TableRow) -> str:
        visits = {visit.id: visit.label for visit in self._definition.visits}
        return joined(
            visits.values() if row.visits == "all" else (visits[v] for v in row.visits or ())
        )

    @staticmethod
    def _by_column(parts: Any, describe: Callable[[Any], str], columns: Mapping[str, str]) -> str:  # noqa: ANN401
        """Return what all columns show or, where they differ, what each shows."""
        if not isinstance(parts, dict):
            return describe(parts)
        columns_by_text: dict[str, list[str]] = {}
        for name, part in ((name, parts[name]) for name in columns if name in parts):
            columns_by_text.setdefault(describe(part), []).append(columns[name])
        return "; ".join(f"{joined(names)}: {text}" for text, names in columns_by_text.items())

    def _count(self, row: TableRow, columns: Mapping[str, str]) -> str:
        text = self._by_column(row.count, self._words.condition, columns)
        start = f"Subjects of whom{':' if isinstance(row.count, dict) else ''} {text}"
        return f"{start}, in percent of {self._of(row)}{_interval_of_percentages(row)}"

    def _of(self, row: TableRow) -> str:
        """Return what percentages are of."""
        if row.denominator in ("determined", None):
            return "those for whom it is determined"
        if row.denominator == "column":
            return "all of the column, whether it is determined or not"
        if isinstance(row.denominator, SetDenominator):
            return f"those in the set {self._definition.sets[row.denominator.set].label}"
        if means_assessed(self._definition, row):
            return "those assessed: every measure concerned has a value"
        return f"those of whom {self._words.condition(row.denominator)}"

    def _graded(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        assert row.graded is not None
        text = (
            f"Subjects by {self._words.measure(row.graded)}: in a column of grades those at one of"
            " them, in any other those above 0"
        )
        return f"{text}, in percent of {self._of(row)}{_interval_of_percentages(row)}"

    def _of_records(self, row: TableRow) -> str:
        """Return of which events or records these are in percent, if they are."""
        if row.of_records is False:
            return ""
        if isinstance(row.of_records, AdverseEventFilter):
            events = self._words.events(row.of_records)
            return f"; of {events} alone, and events in percent of all of these in the column"
        if row.events is not None:
            return "; events in percent of all adverse events of the column"
        return "; records in percent of all of these in the column"

    def _not_due(self, row: TableRow, columns: Mapping[str, str]) -> str:
        text = self._by_column(row.not_due, self._words.condition, columns)
        return f"Subjects of whom it is not yet due to say whether {text}"

    def _levels(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        levels = row.levels
        assert levels is not None
        if levels.characteristic is not None:
            text = f"Subjects by {self._words.category(levels.characteristic)}"
            if row.denominator is None:
                text += ", in percent of those whose level is known"
        else:
            records = f"{RECORDS[str(levels.recorded)]}{where(levels.where)}"
            text = f"Subjects by the field {levels.field} of {records}, once at each of its levels"
        text += f", in percent of {self._of(row)}" if row.denominator is not None else ""
        text += _interval_of_percentages(row)
        level_labels = joined(f"{level.label} ({level.value})" for level in levels.values)
        return (
            f"{text}; in this order: {level_labels}; others by frequency" if levels.values else text
        )

    def _summary(self, row: TableRow, columns: Mapping[str, str]) -> str:
        text = self._by_column(row.summary, self._words.measure, columns)
        if row.per is not None:
            text += f"; the sum divided by {row.per:f}"
        if row.joint:
            joint_measures = joined(map(self._words.measure, row.joint))
            text += f"; with each value those of the same subject of {joint_measures}"
        if row.interval_asked is None:
            return f"Describes {text}"
        return f"Describes {text}; {_interval_of_means(row.interval_asked)}"

    def _pairs(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        first, second = map(self._words.condition, row.pairs or ())
        return (
            f"Pairs of the same subjects, for whom both are determined: first, {first};"
            f" second, {second}. Difference: percentage with the second less that with the first"
            f" ({PAIRED_TANGO} interval, {_confidence(row).words}); test: {MCNEMAR_EXACT},"
            " two-sided"
        )

    def _events(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        assert row.events is not None
        return f"Subjects with {self._words.events(row.events)}; and how many such events"

    @staticmethod
    def _ordered(terms: TermSorting, columns: Mapping[str, str]) -> Iterator[str]:
        """Yield in which order terms come, where that is not the usual one."""
        where = f" in column {columns[terms.order_by]}" if terms.order_by else ""
        if terms.order != "frequency" or where:
            yield f"{_ORDERS[terms.order]}{where}"

    @classmethod
    def _sorted(cls, terms: ByTerm, columns: Mapping[str, str]) -> Iterator[str]:
        """Yield what counts as a term, and in which order terms come."""
        scope = ", of the broad scope" if terms.filter.scope == "broad" else ""
        if terms.pooled:
            yield f"grouped terms count as their group{scope}"
        if "group" in terms.levels:
            yield f"a term of several groups counts in each{scope}"
        yield from cls._ordered(terms, columns)

    def _terms(self, row: TableRow, columns: Mapping[str, str]) -> str:
        terms = row.terms
        assert terms is not None
        events = self._words.events(terms.filter)
        parts = [f"Subjects with {events}, once a row, and events, by {_levels(terms)}"]
        parts += self._sorted(terms, columns)
        if (least := terms.minimum_percent) is not None:
            parts.append(f"only what at least {least:f} % (not rounded) of a column have")
        if (excess := terms.minimum_excess) is not None:
            parts.append(
                f"only what exceeds {columns[excess.over]} in {columns[excess.column]} by at least"
                f" {excess.percent:f} percentage points (not rounded; all while either has nobody)"
            )
        if terms.worst is not None:
            parts.append(f"below each, subjects by the worst {terms.worst.field} of these events")
        return "; ".join(parts)

    def _durations(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        assert row.durations is not None
        events = self._words.events(row.durations.filter)
        if row.durations.of == "onset-day":
            return f"Describes the study days on which began each of {events}, taken one by one"
        return (
            f"Describes the days from onset to end, both counted, of each of {events} that ended,"
            " taken one by one"
        )

    def _resolution(self, row: TableRow, columns: Mapping[str, str]) -> str:
        resolution = row.resolution
        assert resolution is not None
        events = self._words.events(resolution.filter)
        followed, apart = f"each of {events}", _NOT_INDEPENDENT
        if resolution.occurrences == "first":
            followed, apart = f"the first of {events} of each subject{_SAME_DAY}", ""
        interval, scale = row.interval_asked, _scale(row)
        level = f", {interval.confidence.words}" if interval else ""
        estimates = f"quartiles with limits by {BROOKMEYER_CROWLEY}, {scale}{level}"
        if row.by_term is not None:
            estimates = f"by {_levels(resolution)}: the median{estimates.removeprefix('quartiles')}"
        elif resolution.at:
            days = joined(map(str, resolution.at))
            estimates += f"; percentage not resolved at days {days}, limits by {GREENWOOD}, {scale}"
        tests = f"; compared by the {LOG_RANK} test" if resolution.occurrences == "first" else ""
        text = (
            f"The days from onset to end, both counted, of {followed}, by {KAPLAN_MEIER}: one that"
            " goes on is censored at the subject's last contact, a fatal one at its end"
        )
        parts = [text, f"{estimates}{tests}{apart}"]
        if row.by_term is not None:
            parts += self._sorted(resolution, columns)
        return "; ".join(parts)

    def _record_terms(self, row: TableRow, columns: Mapping[str, str]) -> str:
        terms = row.record_terms
        assert terms is not None
        records = f"{RECORDS[terms.recorded]}{where(terms.where)}"
        parts = [f"Subjects of whom {records} is recorded, once a row, and such records"]
        parts.append(f"by {joined(terms.by)}, the outermost first")
        parts += self._ordered(terms, columns)
        if (least := terms.minimum_percent) is not None:
            parts.append(f"only what at least {least:f} % (not rounded) of a column have")
        return "; ".join(parts)

    def _worst(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        assert row.worst is not None
        levels = joined(f"{level.label} ({level.value})" for level in row.worst.levels)
        events = self._words.events(row.worst.filter)
        return f"Subjects by the worst {row.worst.field} of {events}; from the mildest: {levels}"

    def _shift(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        assert row.shift is not None
        before, after = (
            self._words.category(category) for category in (row.shift.before, row.shift.after)
        )
        text = f"Subjects by {before} (before) and {after} (after), of those with both"
        return text + _crossed(row.shift.percent_of, missing=row.shift.missing)

    def _cross(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        cross = row.cross
        assert cross is not None
        first, second = map(self._words.category, (cross.first, cross.second))
        text = f"Subjects by {first} and, within it, by {second}, of those with both"
        return text + _crossed(cross.percent_of, missing=cross.missing)

    def _stratified(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        assert row.stratified is not None
        strata = joined(map(self._words.category, row.stratified.strata))
        if row.stratified.levels is not None:
            return (
                f"Subjects by {self._words.category(row.stratified.levels)}, compared over strata"
                f" of {strata} by {CMH_GENERAL}; who is at no level or in no stratum is left out"
            )
        if row.stratified.measure is not None:
            return (
                f"Subjects with a value of {self._words.measure(row.stratified.measure)}, two"
                f" columns compared over strata of {strata} by ranks within each ({VAN_ELTEREN});"
                " who has no value or is in no stratum is left out, and a stratum in which one of"
                " them has nobody adds nothing"
            )
        assert row.stratified.count is not None
        return (
            f"Subjects of whom {self._words.condition(row.stratified.count)}, compared over"
            f" strata of {strata}: two columns by {CMH} (no continuity correction), more by"
            f" {CMH_GENERAL}{self._common(row)}; who is in no stratum is left out"
        )

    @staticmethod
    def _common(row: TableRow) -> str:
        """Return what is given of all strata of two columns, if anything."""
        stratified = row.stratified
        if stratified is None or stratified.contrast is None:
            return ""
        name, _ = COMMON_CONTRASTS[stratified.contrast][stratified.method]
        level = _confidence(row).words
        return (
            f"; of two columns also the {name}, with its interval, {level} unless the column gives"
            " another; a stratum in which one of them has nobody adds nothing"
        )

    def _ancova(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        model = row.ancova
        assert model is not None
        words = self._words
        factors = [
            "the arm",
            *map(words.category, model.factors),
            *map(words.measure, model.covariates),
        ]
        parts = [f"Analysis of covariance of {words.measure(model.measure)} on {joined(factors)}"]
        parts += [f"levels of {words.category(name)} with fewer than {pool.minimum} subjects of"
                  f" {self._definition.sets[pool.set].label} in any arm are pooled"
                  for name, pool in by_name(model.pool)]  # fmt: skip
        parts.append(f"by arm, {_WEIGHTS[model.weights]}")
        parts.append("two columns by the difference with its t interval, more by type III F")
        if row.interval_asked is not None:
            parts.append(
                f"intervals: {row.interval_asked.confidence.words}, unless the column gives another"
            )
        if model.scores is not None:
            scores = joined(f"{arm} {score:f}" for arm, score in by_name(model.scores))
            parts.append(f"{TREND}: {scores}")
        if model.interaction is not None:
            parts.append(
                f"interaction of the arm with {words.category(model.interaction)} by type III F,"
                f" with means and differences at each level by the model with it, {EQUAL}"
            )
        return "; ".join((*parts, "who lacks any of these values is left out"))

    def _mmrm(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        model = row.mmrm
        assert model is not None
        effects = [
            "the mean of each arm at each visit",
            *(
                f"{name} as covariate, {_EFFECTS[model.by_visit != 'none']}"
                for name in map(self._words.measure, model.covariates)
            ),
            *(
                f"{name} as factor, {_EFFECTS[model.by_visit == 'all']}"
                for name in map(self._words.category, model.factors)
            ),
        ]
        weights = EQUAL if model.weights == "equal" else OBSERVED
        return (
            f"{self._words.measure(model.measure)} at the visits of the rows, by a {MMRM}"
            f" ({COVARIANCES[model.covariance]} of a subject's values): {joined(effects)};"
            f" {weights}, covariates at their mean over all values; differences from the first"
            f" column compared; {DEGREES_OF_FREEDOM[model.degrees_of_freedom]}; intervals by"
            f" Student's t, {_confidence(row).words}. A visit without a value, be it missing or not"
            " yet due, is left out, and so is who lacks a covariate or factor"
        )

    def _multiple_imputation(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        model = row.multiple_imputation
        assert model is not None
        words, arms = self._words, {arm.id: arm.label for arm in self._definition.arms}
        terms = [
            "the arm",
            *map(words.category, model.factors),
            *map(words.measure, model.covariates),
        ]
        after = {
            AT_RANDOM: "as its own arm (missing at random)",
            JUMP: "about the mean of {}, from the visit after it (jump to reference)",
            COPY: "as if it had been in {} from the beginning (copy reference)",
            INCREMENTS: (
                "with what its own arm had more than {} at that visit, and the changes of {} from"
                " there (copy increments in reference)"
            ),
        }[model.method].replace("{}", arms.get(model.reference or "", ""))
        weights = EQUAL if model.weights == "equal" else OBSERVED
        text = (
            f"{words.measure(model.measure)} at the visits of the rows: analysis of covariance of"
            f" each visit on {joined(terms)}, of all to whom it is due, {model.imputations} times"
            " with missing values imputed"
        )
        parts = [text]
        parts.append(
            "imputed by Bayesian regression (Jeffreys' prior) of each visit on the same and on the"
            " visits before it, one covariance for all arms; what is missing before the last value"
            f" by data augmentation ({BURN_IN} cycles, then every {BETWEEN}th), missing at random;"
            f" a subject after its last value {after}"
        )
        parts.append(
            f"random numbers: {GENERATOR} of the values that are counted, so that the same data"
            " give the same imputations"
        )
        parts.append(
            f"combined by {RUBIN}; {weights}, covariates at their mean; intervals by Student's t,"
            f" {_confidence(row).words}; who lacks a covariate or factor is left out"
        )
        if (deltas := model.deltas) is not None:
            delta_arms = joined(
                f"{arms[arm]} {joined(f'{number:f}' for number in numbers)}"
                for arm, numbers in by_name(deltas.by_arm)
            )
            parts.append(
                f"at the last visit also with deltas added to imputed values, of {delta_arms}; the"
                " tipping point is the first delta, of the arm whose column is last of these, with"
                f" which P exceeds {deltas.alpha:f}"
            )
        return "; ".join(parts)

    def _logistic(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        model = row.logistic
        assert model is not None
        return (
            f"Subjects of whom {self._words.condition(model.count)}; odds ratio to the first column"
            f" compared by {FAMILIES[LOGISTIC]} of the columns compared{self._modelled(row, model)}"
        )

    def _event_rate(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        model = row.event_rate
        assert model is not None
        until = self._risk_ends_by_dose()
        dispersion = (
            ", the dispersion estimated by maximum likelihood together with the rest, and standard"
            " errors by the observed information; where counts vary no more than Poisson's it is 0"
            " and the model is Poisson's"
        )
        dispersed = dispersion if model.distribution == NEGATIVE_BINOMIAL else ""
        return (
            f"All of {self._words.events(model.filter)} with an onset at risk, by time at risk:"
            f" days from the first dose to the last contact{until}, both counted; rates are of all"
            f" subjects together, per {model.per} years of 365.25 days; rate ratio to the first"
            f" column compared by {FAMILIES[model.distribution]} of the columns compared, the"
            f" logarithm of the days at risk as offset{dispersed}{self._modelled(row, model)}"
        )

    def _risk_ends_by_dose(self) -> str:
        """Return when the last dose ends the time at risk; nothing where it does not."""
        window = self._definition.adverse_events.days_after_last_dose
        if window is None:
            return ""
        return f", or {window} days after the last dose if that is earlier"

    def _adjusted(self, covariates: Iterable[str], continuous: Iterable[str | Measure] = ()) -> str:
        """Return what a model is adjusted for; nothing where it is for nothing."""
        labels = [*map(self._words.category, covariates), *map(self._words.measure, continuous)]
        return f", adjusted for {joined(labels)} (who lacks one is left out)" if labels else ""

    def _modelled(self, row: TableRow, model: RatioModelDefinition) -> str:
        """Return what a model of ratios is adjusted for and how its limits and its P are found."""
        adjusted = self._adjusted(model.covariates)
        by_profile = row.interval_asked is not None and row.interval_asked.method == "profile"
        limits = "profile likelihood" if by_profile else "the normal distribution of its logarithm"
        test = MODEL_TESTS[model.test]
        text = (
            f"{adjusted}; limits by {limits}, {_confidence(row).words}, to {model.decimals}"
            f" decimals; P by the {test} of the columns. What separates the outcome is named: then"
            " the estimate is that of the subjects whom it does not decide, or there is none"
        )
        if model.interaction is None:
            return text
        return (
            f"{text}; interaction of the columns with {self._words.category(model.interaction)} by"
            f" the {test}, and the ratio at each level by the model with it"
        )

    def _survival(self, row: TableRow, _columns: Mapping[str, str]) -> str:
        survival = row.survival
        assert survival is not None
        categories = joined(map(self._words.category, survival.strata))
        strata = f", stratified by {categories}" if survival.strata else ""
        days = f", at days {joined(map(str, survival.at))}" if survival.at else ""
        interval, scale = row.interval_asked, _scale(row)
        level = f"; intervals: {interval.confidence.words}" if interval else ""
        words = time(self._definition.times[survival.time], self._words)
        if survival.estimate == "cumulative-incidence":
            return (
                f"{words} Share with the event by {AALEN_JOHANSEN}{days}, limits by"
                f" {AALEN_VARIANCE}, the share {scale}{level}; compared by {GRAY}{strata}"
                f"{self._hazards(row, survival)}"
            )
        return (
            f"{words} {KAPLAN_MEIER}{days},"
            f" limits by {GREENWOOD}, {scale}; quartiles with limits by {BROOKMEYER_CROWLEY},"
            f" {scale}{level}; compared by the {LOG_RANK} test{strata}"
            f"{_restricted_means(row, survival)}{self._hazards(row, survival)}"
        )

    def _hazards(self, row: TableRow, survival: Survival) -> str:
        """Return how the ratio of hazards is computed; nothing where it is not."""
        hazard_ratio = survival.hazard_ratio_asked
        if hazard_ratio is None:
            return ""
        adjusted = self._adjusted(hazard_ratio.covariates, hazard_ratio.continuous)
        strata = ", with hazards of its own in each stratum" if survival.strata else ""
        if survival.estimate == "cumulative-incidence":
            strata += ", whoever had a competing event being censored then"
        text = (
            f"; hazard ratio to the first column compared by {COX} of the columns compared"
            f"{adjusted}{strata}, ties by {TIES[hazard_ratio.ties]}, limits by the normal"
            f" distribution of its logarithm, {_confidence(row).words},"
            f" to {hazard_ratio.decimals} decimals; P by the"
            f" {MODEL_TESTS[hazard_ratio.test]} of the columns"
        )
        if hazard_ratio.proportional_hazards is None:
            return text
        return (
            f"{text}; proportional hazards by the {GRAMBSCH_THERNEAU} against a change with"
            f" {TRANSFORMS[hazard_ratio.proportional_hazards]}"
        )

    def _incidence(self, row: TableRow, columns: Mapping[str, str]) -> str:
        incidence = row.incidence
        assert incidence is not None
        until = self._risk_ends_by_dose()
        confidence = _confidence(row)
        rate = (
            f"both counted; per {incidence.per} years of 365.25 days, with the {EXACT_POISSON}"
            f" interval, {confidence.words}"
        )
        events = self._words.events(incidence.filter)
        text = (
            f"The first of {events}, by time at risk: days from the first dose to the first onset"
            f" on or after it or, without one, to the last contact{until}, {rate}"
        )
        if incidence.occurrences == "all":
            text = (
                f"All of {events} with an onset at risk, by time at risk: days from the first dose"
                f" to the last contact{until}, {rate}, as if events came independently"
            )
        parts = [text]
        if row.by_term is not None:
            parts.append(f"each of them by {_levels(incidence)}")
            parts += self._sorted(incidence, columns)
        return "; ".join(parts)
