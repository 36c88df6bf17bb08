"""Figures: a row of a table, read from the same sums as marks to be drawn."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from trial.deferred import dataclass
from trial.definition.conditions import Measure
from trial.definition.design import Visit
from trial.definition.figures import BY_VISIT, FigureDefinition
from trial.definition.outputs import TableRow
from trial.definition.study import Study
from trial.statistics.association import WorkBudget
from trial.statistics.cells import Share, Sums
from trial.statistics.competing import AALEN_JOHANSEN, AALEN_VARIANCE, IncidenceCurve
from trial.statistics.proportions import proportion
from trial.statistics.survival import (
    GREENWOOD,
    KAPLAN_MEIER,
    TRANSFORMATIONS,
    Step,
    Times,
    at_risk,
    kaplan_meier,
)
from trial.statistics.tallies import QUARTILES
from trial.tables import notes
from trial.tables.bidi import isolated
from trial.tables.boxes import EMPIRICAL, WHISKERS, box, steps
from trial.tables.compiled import CompiledStudy, CompiledTable, compiled
from trial.tables.forest import NOMINAL_INTERACTION, RATIOS, Forest
from trial.tables.grid import Figure, FigureKind, Mark, Series
from trial.tables.panels import Panel
from trial.tables.rounding import Exact, exact_text, ticks
from trial.tables.rows.counts import CountRow
from trial.tables.rows.intervals import CLOPPER_PEARSON_95, RowInterval
from trial.tables.rows.kinds import ColumnHead
from trial.tables.rows.summaries import SummaryRow
from trial.tables.rows.survival import SurvivalRow
from trial.tables.rows.terms import TermPath, TermsRow
from trial.tables.stacks import Stacks
from trial.tables.subjects_drawn import lanes, points, profiles, quadrants, visits_of

MOST_TERMS = 20
"""The terms that a figure of dots shows unless it says how many."""
_PERCENT = ("0", "100")
_EACH = frozenset(("waterfall", "cumulative", "scatter", "swimmer", "profiles"))
"""The kinds that show values themselves."""
_OF_PERCENT = frozenset(("share", "survival", "cumulative"))


@dataclass(frozen=True)
class _Source:
    """What a figure is read from: its compiled rows, its columns by position, the sums."""

    figure: FigureDefinition
    table: CompiledTable
    visits: Mapping[str, Visit]
    columns: Sequence[tuple[int, ColumnHead]]
    sums: Sums
    row: TableRow
    measures: Mapping[str, Measure]

    def compiled_rows[Kind: (CountRow, SummaryRow, SurvivalRow, TermsRow)](
        self, kind: type[Kind]
    ) -> list[Kind]:
        """Return the compiled rows of the row that it is read from."""
        name = self.figure.source.row
        return [
            row
            for row in self.table.rows
            if isinstance(row, kind) and row.id.partition("/")[0] == name
        ]

    def by_visit[Kind: (CountRow, SummaryRow, SurvivalRow, TermsRow)](
        self, kind: type[Kind]
    ) -> Iterator[tuple[Visit, Kind]]:
        """Return the compiled row of each visit, in the order of their days."""
        rows = [(self.visits[row.id.partition("/")[2]], row) for row in self.compiled_rows(kind)]
        yield from sorted(rows, key=lambda visit_and_row: visit_and_row[0].day or 0)

    def series(self, marks: Callable[[int, ColumnHead], tuple[Mark, ...]]) -> tuple[Series, ...]:
        """Return one series a column."""
        return tuple(
            Series(head.id, head.label, marks(position, head), n=head.n)
            for position, head in self.columns
        )


def figures(study: Study, sums: Share) -> tuple[Figure, ...]:
    """Read the figures out of the sums."""
    compiled_study, read_sums = compiled(study), Sums(sums)
    return tuple(_figure(figure, compiled_study, read_sums) for figure in study.definition.figures)


def _changes(source: _Source) -> Iterator[str]:
    """Yield the unit and the direction of a figure of changes."""
    for row in source.compiled_rows(SummaryRow)[:1]:
        measured = ((head.label, row.quantities[i]) for i, head in source.columns)
        unit_and_direction = notes.units_and_directions(
            (label, quantity) for label, quantity in measured if quantity
        )
        yield from notes.changes([("", *unit_and_direction)])


def _figure(figure: FigureDefinition, compiled_study: CompiledStudy, sums: Sums) -> Figure:
    table = compiled_study.tables[figure.source.table]
    places = table.definition.percent_decimals
    row = next(
        row_definition
        for row_definition in table.definition.rows
        if row_definition.id == figure.source.row
    )
    shown_columns = figure.columns_of(table.definition, row)
    budget = WorkBudget()
    columns = [(i, column.head(sums, places, budget)) for i, column in enumerate(table.columns)]
    columns_shown = [column for column in columns if column[1].id in shown_columns]
    measures = compiled_study.study.definition.measures
    visits = compiled_study.study.visits
    source = _Source(figure, table, visits, columns_shown, sums, row, measures)
    if figure.kind == "forest":
        return _forest(figure, Forest(figure, table, sums))
    if figure.kind == "stacked":
        return _stacked(figure, Stacks(figure, table, sums))
    kind, read_series = _KINDS[figure.kind]
    panel = Panel.of(source.figure, table, sums)
    series = read_series(source)
    return replace(
        _bare(figure, kind, series),
        references=_references(figure),
        method=_with_imputation(_method(source), source),
        footnotes=(*figure.footnotes, *_changes(source)),
        places=_places(source),
        y_range=_PERCENT if figure.kind in _OF_PERCENT else None,
        panel=panel.series(_dotted(source)) if panel else None,
        panel_label=panel.label if panel else "",
        log=panel.is_ratio if panel else figure.log,
        heads=tuple(mark.label for mark in figure.marks),
        x_references=tuple(
            (exact_text(reference_line.value), reference_line.label)
            for reference_line in figure.x_references
        ),
        quadrants=tuple(quadrants(figure, dots.marks) for dots in series)
        if figure.kind == "scatter"
        else (),
        neutral=panel.neutral if panel else None,
    )


def _forest(figure: FigureDefinition, forest: Forest) -> Figure:
    is_ratio = forest.statistic in RATIOS
    return replace(
        _bare(figure, "forest", forest.series()),
        references=_references(figure),
        method=forest.method,
        footnotes=(*figure.footnotes, *([NOMINAL_INTERACTION] if figure.interaction else ())),
        places=forest.places,
        heads=forest.heads,
        log=is_ratio,
        neutral="1" if is_ratio else "0",
    )


def _stacked(figure: FigureDefinition, stacks: Stacks) -> Figure:
    return replace(_bare(figure, "stacked", stacks.series()), sizes=stacks.sizes)


def _bare(figure: FigureDefinition, kind: FigureKind, series: tuple[Series, ...]) -> Figure:
    """Return a figure with what every kind takes from its definition."""
    return Figure(
        id=figure.id,
        title=figure.title,
        population=figure.population,
        kind=kind,
        x_label=figure.x_label,
        y_label=figure.y_label,
        series=series,
        source=figure.source.table,
        footnotes=tuple(figure.footnotes),
    )


def _references(figure: FigureDefinition) -> tuple[tuple[str, str], ...]:
    return tuple((exact_text(level.value), level.label) for level in figure.references)


def _means(source: _Source) -> tuple[Series, ...]:
    def marks(position: int, _head: ColumnHead) -> Iterator[Mark]:
        for visit, row in source.by_visit(SummaryRow):
            moments = row.moments(source.sums, position)
            mean = [] if moments.mean is None else row.short_decimals(position, moments.mean)
            limits = row.short_decimals(position, *(row.interval.of_mean(moments) or ()))
            yield _by_visit(visit, moments.n, *mean, *limits)

    return source.series(lambda position, head: tuple(marks(position, head)))


def _shares(source: _Source) -> tuple[Series, ...]:
    def marks(position: int, head: ColumnHead) -> Iterator[Mark]:
        for visit, row in source.by_visit(CountRow):
            n, size = (
                row.subjects(source.sums, position),
                row.denominator(source.sums, position, head).size,
            )
            limits = (row.interval or CLOPPER_PEARSON_95).of_proportion(n, size)
            share = proportion(n, size)
            shares = [] if share is None else [share]
            yield _by_visit(visit, n, *shares, *(_percents(*limits) if limits else ()))

    return source.series(lambda position, head: tuple(marks(position, head)))


def _by_visit(
    visit: Visit,
    n: int,
    y: Exact | None = None,
    low: Exact | None = None,
    high: Exact | None = None,
) -> Mark:
    return Mark(str(visit.day), _text(y), _text(low), _text(high), visit.label, n)


def _text(value: Exact | None) -> str | None:
    return None if value is None else exact_text(value)


def _percents(*parts: Exact) -> tuple[Exact, Exact]:
    low, high = (Fraction(part) * 100 for part in parts)
    return low, high


def _survival(source: _Source) -> tuple[Series, ...]:
    (row,) = source.compiled_rows(SurvivalRow)
    columns = [position for position, _ in source.columns]
    times_by_column = {position: row.times(source.sums, position) for position in columns}
    incidences = row.incidences(source.sums, columns) if row.competing else None
    interval = row.interval.with_both_limits
    longest = max((time for times in times_by_column.values() for time in times), default=0)
    days = (
        list(dict.fromkeys((0, *row.days)))
        if row.days
        else [int(day) for day in ticks(0, max(longest, 5), 5)]
    )
    return tuple(
        Series(
            head.id,
            head.label,
            tuple(
                _rising_steps(incidences.curves[position], times_by_column[position], interval)
                if incidences
                else _steps(times_by_column[position], interval)
            ),
            tuple(
                str(day)
                for day, counts in sorted(
                    (
                        incidences.times(position) if incidences else times_by_column[position]
                    ).items()
                )
                if counts[-1]
            ),
            head.n,
            tuple(
                (str(day), at_risk(times_by_column[position], day))
                for day in days
                if times_by_column[position]
            ),
        )
        for position, head in source.columns
    )


def _steps(times: Times, interval: RowInterval) -> Iterator[Mark]:
    """Return where a curve starts, its steps, and where its last stretch ends."""
    curve = kaplan_meier(times)
    if curve.last is None:
        return
    yield Mark("0", "100", n=curve.n)
    for step in curve.steps:
        yield _step(step, step.time, step.at_risk, interval)
    last = curve.steps[-1] if curve.steps else None
    if last is None:
        yield Mark(str(curve.last), "100", n=at_risk(times, curve.last))
    elif last.time < curve.last:
        yield _step(last, curve.last, at_risk(times, curve.last), interval)


def _rising_steps(curve: IncidenceCurve, times: Times, interval: RowInterval) -> Iterator[Mark]:
    """Return where a curve of cumulative incidence starts, its steps, and where it ends."""
    if curve.last is None:
        return
    yield Mark("0", "0", n=curve.n)
    ends = curve.at(curve.last)
    last = () if ends is None or ends.time == curve.last else ((ends, curve.last),)
    for step, time in (*((step, step.time) for step in curve.steps), *last):
        limits = step.interval(interval.confidence.two_sided, interval.method)
        low, high = _percents(*limits) if limits else (None, None)
        height = exact_text(step.incidence * 100)
        yield Mark(str(time), height, _text(low), _text(high), n=at_risk(times, time))


def _step(step: Step, time: int, n: int, interval: RowInterval) -> Mark:
    limits = interval.of_survival(step)
    low, high = _percents(*limits) if limits else (None, None)
    return Mark(str(time), exact_text(step.survival * 100), _text(low), _text(high), n=n)


def _waterfall(source: _Source) -> tuple[Series, ...]:
    (row,) = source.compiled_rows(SummaryRow)
    return source.series(
        lambda position, _head: tuple(
            Mark(str(rank), exact_text(value))
            for rank, value in enumerate(row.values(source.sums, position), 1)
        )
    )


def _dotted(source: _Source) -> dict[TermPath, dict[int, int]]:
    """Return the terms shown, from the top: their subjects by column.

    They are the most frequent over the columns; beside differences the greatest of these is first.
    """
    (row,) = source.compiled_rows(TermsRow)
    heads = [head for _, head in source.columns]
    subjects = row.subjects(source.sums, heads)
    total = {
        name: sum(counts.get(position, 0) for position, _ in source.columns)
        for name, counts in subjects.items()
    }
    frequent = sorted(
        (name for name in total if total[name]), key=lambda name: (-total[name], name)
    )
    names = frequent[: source.figure.most or MOST_TERMS]
    panel = Panel.of(source.figure, source.table, source.sums)
    return {name: subjects[name] for name in (panel.sorted(names) if panel else names)}


def _dots(source: _Source) -> tuple[Series, ...]:
    (row,) = source.compiled_rows(TermsRow)
    subjects = _dotted(source)
    names_shown = list(subjects)
    alike = Counter(name[-1] for name in names_shown)
    return source.series(
        lambda position, head: tuple(
            Mark(
                _text(proportion(n, head.determined)),
                str(rank),
                label=name[-1]
                if alike[name[-1]] == 1
                else f"{isolated(name[-1])} ({isolated(name[0])})",
                n=n,
                cell=(row.term_row_id(name), head.id),
            )
            for rank, name in enumerate(names_shown, 1)
            for n in [subjects[name].get(position, 0)]
        )
    )


def _boxes(source: _Source) -> tuple[Series, ...]:
    rows = source.compiled_rows(SummaryRow)
    labels = [
        source.visits[name].label if (name := row.id.partition("/")[2]) else "" for row in rows
    ]

    def marks(position: int, head: ColumnHead) -> tuple[Mark, ...]:
        whiskers = source.figure.whiskers or "iqr"
        return tuple(
            replace(
                box(row, source.sums, position, whiskers, (str(rank), label)),
                cell=(row.id, head.id),
            )
            for rank, (row, label) in enumerate(zip(rows, labels, strict=True), 1)
        )

    return source.series(marks)


def _cumulative(source: _Source) -> tuple[Series, ...]:
    (row,) = source.compiled_rows(SummaryRow)
    return source.series(lambda position, _head: tuple(steps(row, source.sums, position)))


def _scatter(source: _Source) -> tuple[Series, ...]:
    (row,) = source.compiled_rows(SummaryRow)
    return source.series(lambda position, _head: points(row, source.sums, position))


def _swimmer(source: _Source) -> tuple[Series, ...]:
    (row,) = source.compiled_rows(SummaryRow)
    marks = source.figure.marks
    return source.series(lambda position, _head: tuple(lanes(row, source.sums, position, marks)))


def _profiles(source: _Source) -> tuple[Series, ...]:
    (row,) = source.compiled_rows(SummaryRow)
    visits = visits_of(source.row.joint, source.measures, source.visits)
    if not isinstance(source.row.summary, dict) and source.row.summary is not None:
        visits += visits_of([source.row.summary], source.measures, source.visits)
    days = [(visit.day or 0, visit.label) for visit in visits if visit is not None]
    return source.series(lambda position, _head: tuple(profiles(row, source.sums, position, days)))


type _Read = Callable[[_Source], tuple[Series, ...]]
_KINDS: Mapping[str, tuple[FigureKind, _Read]] = {
    "mean": ("line", _means),
    "share": ("line", _shares),
    "survival": ("step", _survival),
    "waterfall": ("bars", _waterfall),
    "dots": ("dots", _dots),
    "box": ("boxes", _boxes),
    "cumulative": ("cumulative", _cumulative),
    "scatter": ("scatter", _scatter),
    "swimmer": ("swimmer", _swimmer),
    "profiles": ("profiles", _profiles),
}
_WITH_INTERVAL = BY_VISIT | {"survival"}


def _method(source: _Source) -> str:
    """Return how what a figure shows is computed, beside what stands in for missing values."""
    if source.figure.kind == "box":
        return f"{QUARTILES}; {WHISKERS[source.figure.whiskers or 'iqr']}"
    if source.figure.kind == "cumulative":
        return EMPIRICAL
    return _interval_method(source) if source.figure.kind in _WITH_INTERVAL else ""


def _interval_method(source: _Source) -> str:
    """Return the interval of means, percentages or survival that a figure shows.

    Both limits are drawn: where its row shows one of them, they are those of the interval with two
    limits of which that is one.
    """
    for row in source.compiled_rows(SummaryRow):
        interval = row.interval.with_both_limits
        name = (
            "Student's t interval"
            if interval.method == "t"
            else "interval by the normal distribution"
        )
        return f"Mean with {name}, {interval.confidence.words}"
    for survival in source.compiled_rows(SurvivalRow):
        interval = survival.interval.with_both_limits
        if survival.competing:
            scale = f"{TRANSFORMATIONS[interval.method]}, {interval.confidence.words}"
            return f"{AALEN_JOHANSEN}; {AALEN_VARIANCE}, {scale}"
        words = f"{GREENWOOD}, {TRANSFORMATIONS[interval.method]}, {interval.confidence.words}"
        return f"{KAPLAN_MEIER}; {words}"
    for count in source.compiled_rows(CountRow):
        return (count.interval or CLOPPER_PEARSON_95).with_both_limits.proportion_words
    return ""


def _with_imputation(method: str, source: _Source) -> str:
    """Return how a figure came about, and what stands in for missing values in it."""
    rows = source.compiled_rows(SummaryRow)
    rules = {row.methods[position] for row in rows for position, _ in source.columns}
    return "; ".join(filter(None, (method, *sorted(rules))))


def _places(source: _Source) -> int:
    """Return the decimals that its table prints: of a mean, or of the values that bars show."""
    rows = source.compiled_rows(SummaryRow)
    if not rows:
        return 1
    statistic = "max" if source.figure.kind in _EACH else "mean"
    return max(
        (row.places(position, statistic) for row in rows for position, _ in source.columns),
        default=1,
    )
