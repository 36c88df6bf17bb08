"""What a subject adds to the analysis data for each kind of row, and which of it each statistic is.

A kind of row that says nothing here has statistics without records: a test of random definitions
then fails, and so does one over the kinds.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import singledispatch

from trial.deferred import dataclass
from trial.rules.measures import Quantity
from trial.subject.adverse_events import AdverseEvent
from trial.subject.derivation import Derivation
from trial.subject.truth import Truth
from trial.tables.analysis import variables
from trial.tables.analysis.variables import (
    ANALYSED,
    ANSWER,
    BEFORE,
    CENSORED,
    EVENT,
    IMPUTATION,
    IN_DENOMINATOR,
    IN_RECORDS,
    STATUS,
    STRATUM,
    UNDATED,
    VALUE,
    category,
)
from trial.tables.analysis_plan import RecordTest, RowRecords, equal
from trial.tables.grid import Value
from trial.tables.listings.facts import decimal
from trial.tables.rows.counting import ConditionCount, OwnDenominator
from trial.tables.rows.counts import CountRow, NotDueRow, PairsRow
from trial.tables.rows.crossing import MISSING_LEVEL, CrossRow, Uncounted
from trial.tables.rows.durations import DurationsRow
from trial.tables.rows.event_rates import EventRateRow
from trial.tables.rows.events import EventsRow, WorstRow
from trial.tables.rows.hazards import HAZARD_RATIO, PROPORTIONAL_HAZARDS
from trial.tables.rows.imputed import ImputedRow
from trial.tables.rows.incidence import IncidenceRow, IncidenceTermsRow, Risk
from trial.tables.rows.kinds import CompiledRow, Members
from trial.tables.rows.levels import NOT_YET_DUE_LEVEL, LevelsRow
from trial.tables.rows.logistic import LogisticRow
from trial.tables.rows.models import (
    AncovaRow,
    InStrataRow,
    StratifiedLevelsRow,
    StratifiedRow,
    arm_in_model,
)
from trial.tables.rows.ranked import StratifiedRanksRow
from trial.tables.rows.repeated import RepeatedRow
from trial.tables.rows.resolution import Course, ResolutionRow, ResolutionTermsRow
from trial.tables.rows.subgroups import SubgroupRow
from trial.tables.rows.summaries import SummaryRow
from trial.tables.rows.survival import SurvivalRow
from trial.tables.rows.terms import OTHER_LEVEL, TermsRow

YES, NO = "Y", "N"
NOT_DUE, MISSING = "NOT YET DUE", "MISSING"

type AnalysisRecord = Mapping[str, Value]
"""What a record holds, by variable; what it does not name is blank."""
type FindRecords = Callable[[Derivation, Members], Iterator[AnalysisRecord]]
"""Yields the records of a subject, who is in the set of one of the columns at least."""

_ANALYSED, _IN_DENOMINATOR = equal(ANALYSED, YES), equal(IN_DENOMINATOR, YES)
_NOT_COUNTED = {"not_due": (equal(STATUS, NOT_DUE),), "missing": (equal(STATUS, MISSING),)}


@dataclass(frozen=True)
class RowAnalysis:
    """A row in one column, as data: which records each statistic is of, and how they are found.

    `holds` names the variables that its records can hold.
    """

    records: RowRecords
    find: FindRecords
    holds: frozenset[str]

    @classmethod
    def of(cls, records: RowRecords, find: FindRecords, *holds: str) -> "RowAnalysis":
        """Return it; every record holds the flag of those analysed."""
        return cls(records, find, frozenset((*holds, ANALYSED)))


@singledispatch
def analysis_of(row: CompiledRow, column: int) -> RowAnalysis | None:  # noqa: ARG001 (of any kind)
    """Return a row's records in a column, by position; None where it shows nothing there."""
    return None


def _unknown(pending: bool) -> AnalysisRecord:  # noqa: FBT001 (the answer of a test)
    return {STATUS: NOT_DUE if pending else MISSING}


def _answer(truth: Truth) -> str | None:
    return None if truth is None else YES if truth else NO


# Counts


def _answers(condition_count: ConditionCount) -> FindRecords:
    """Find the answer of each subject of the row's denominator, or why there is none."""

    def find(derivation: Derivation, _: Members) -> Iterator[AnalysisRecord]:
        if condition_count.base is not None and not condition_count.base.test(derivation):
            return
        truth = condition_count.test(derivation)
        if truth is None:
            yield _unknown(condition_count.pending(derivation))
        else:
            yield {ANSWER: _answer(truth), ANALYSED: YES}

    return find


def _count_in(row: CountRow | NotDueRow, column: int) -> ConditionCount | None:
    return next((count for count in row.condition_counts if count.column == column), None)


@analysis_of.register
def _count(row: CountRow, column: int) -> RowAnalysis | None:
    condition_count = _count_in(row, column)
    if condition_count is None:
        return None
    denominator = () if condition_count.whole_column else (_ANALYSED,)
    records = RowRecords(
        ANSWER,
        {"": (equal(ANSWER, YES),), "N": denominator, **_NOT_COUNTED},
        compared=denominator,
    )
    return RowAnalysis.of(records, _answers(condition_count), ANSWER, STATUS)


@analysis_of.register
def _not_due(row: NotDueRow, column: int) -> RowAnalysis | None:
    condition_count = _count_in(row, column)
    if condition_count is None:
        return None
    records = RowRecords(STATUS, {"": _NOT_COUNTED["not_due"], "N": ()})
    return RowAnalysis.of(records, _answers(condition_count), ANSWER, STATUS)


@analysis_of.register
def _pairs(row: PairsRow, column: int) -> RowAnalysis | None:
    if column != row.column:
        return None

    def find(derivation: Derivation, members: Members) -> Iterator[AnalysisRecord]:
        if not members[column]:
            return
        first, second = _answer(row.first(derivation)), _answer(row.second(derivation))
        answers = {BEFORE: first, category(1): second}
        if first is None or second is None:
            yield {**answers, **_unknown(row.pending(derivation))}
        else:
            yield {**answers, ANALYSED: YES}

    def both(first: str, second: str) -> tuple[RecordTest, ...]:
        return equal(BEFORE, first), equal(category(1), second)

    selections = {
        "": (_ANALYSED,),
        "both": both(YES, YES),
        "first": both(YES, NO),
        "second": both(NO, YES),
        "neither": both(NO, NO),
        **_NOT_COUNTED,
    }
    records = RowRecords(category(1), selections)
    return RowAnalysis.of(records, find, BEFORE, category(1), STATUS)


@analysis_of.register
def _levels(row: LevelsRow, column: int) -> RowAnalysis:
    return _by_level(row, column, row.find)


@analysis_of.register
def _worst(row: WorstRow, column: int) -> RowAnalysis:
    selection = row.selections[column]

    def find_levels(derivation: Derivation) -> list[str]:
        worst = row.severity.worst(selection.counted(derivation.adverse_events))
        return [] if worst is None else [worst]

    return _by_level(row, column, find_levels)


def _by_level(
    row: LevelsRow, column: int, find_levels: Callable[[Derivation], Iterable[str]]
) -> RowAnalysis:
    """Make a record a level; who is at none, and who is not shown, is in the denominator alone."""

    def find(derivation: Derivation, members: Members) -> Iterator[AnalysisRecord]:
        is_shown = members.where[column]
        if (is_shown is None and not row.whole_column) or (
            row.base is not None and not row.base.test(derivation)
        ):
            return
        levels = sorted(set(find_levels(derivation))) if is_shown else []
        if not levels and not (is_shown and row.one_level_each):
            yield {IN_DENOMINATOR: YES}
        for level in levels or ([NOT_YET_DUE_LEVEL] if is_shown and row.one_level_each else []):
            is_counted = level in row.levels.labels or level not in ("", NOT_YET_DUE_LEVEL)
            in_percentage = is_counted or row.whole_column or not row.one_level_each
            yield {
                category(1): level,
                ANALYSED: YES,
                IN_DENOMINATOR: YES if in_percentage else None,
            }

    selections = {"": (_ANALYSED,), "N": (_IN_DENOMINATOR,)}
    records = RowRecords(category(1), selections, (_IN_DENOMINATOR,), {"level": category(1)})
    return RowAnalysis.of(records, find, category(1), IN_DENOMINATOR)


@analysis_of.register
def _cross(row: CrossRow, column: int) -> RowAnalysis:
    """Find the pair of levels of each subject; of whom one is not known, why."""
    options, (first_factor, second_factor) = row.options, row.options.factors
    of_column = options.percent_of == "column"

    def find(derivation: Derivation, members: Members) -> Iterator[AnalysisRecord]:
        is_shown = members.where[column]
        whole = {IN_DENOMINATOR: YES} if of_column else {}
        if not is_shown:
            if of_column:
                yield whole
            return
        place = row.place(derivation)
        if not isinstance(place, Uncounted):
            levels = {BEFORE: place[0] or MISSING_LEVEL, category(1): place[1] or MISSING_LEVEL}
            yield {**levels, ANALYSED: YES, **whole}
        elif place is Uncounted.NOT_DUE:
            yield {BEFORE: NOT_YET_DUE_LEVEL, STATUS: NOT_DUE, **whole}
        elif place is Uncounted.MISSING:
            yield {BEFORE: MISSING_LEVEL, STATUS: MISSING, **whole}
        elif whole:
            yield whole

    factors = {
        first_factor: BEFORE,
        second_factor: category(1),
        f"{first_factor},{second_factor}": category(1),
    }
    denominator = _IN_DENOMINATOR if of_column else _ANALYSED
    records = RowRecords(
        category(1),
        {"": (), "N": (denominator,)},
        (denominator,),
        factors,
        within=options.percent_of if options.percent_of in options.factors else "",
    )
    return RowAnalysis.of(records, find, BEFORE, category(1), STATUS, IN_DENOMINATOR)


# Measures


_OF_CHANGE = {
    "change_from": variables.CHANGE,
    "percent_change_from": variables.PERCENT_CHANGE,
    "decrease_from": variables.DECREASE,
}


def _variable(quantity: Quantity) -> str:
    return VALUE if quantity.change is None else _OF_CHANGE[quantity.change.kind]


def _held(quantity: Quantity) -> tuple[str, ...]:
    """Return the names of the variables that the numbers of a measure are in."""
    return (_variable(quantity), *((VALUE, variables.BASE) if quantity.change else ()))


def _numbers(quantity: Quantity, derivation: Derivation, units: int) -> AnalysisRecord:
    """Return the number analysed and, of a change, the value and the baseline on their scale."""
    numbers = {_variable(quantity): decimal(units, quantity.precision)}
    if (change := quantity.change) is not None:
        for name, evaluate in ((VALUE, change.value), (variables.BASE, change.baseline)):
            value = evaluate(derivation)
            numbers[name] = None if value is None else decimal(value.units, change.precision)
    return numbers


@analysis_of.register
def _summary(row: SummaryRow, column: int) -> RowAnalysis | None:
    quantity, method = row.quantities[column], row.methods[column]
    if quantity is None:
        return None
    analysed = quantity

    def find(derivation: Derivation, members: Members) -> Iterator[AnalysisRecord]:
        if not members.where[column] or (row.where is not None and not row.where(derivation)):
            return
        value = analysed.evaluate(derivation)
        if value is None:
            yield _unknown(analysed.pending(derivation))
            return
        carried = {IMPUTATION: "BOCF" if value.baseline else method} if value.imputed else {}
        numbers = _numbers(analysed, derivation, value.units)
        yield {**numbers, **(carried if method else {}), ANALYSED: YES}

    selections: dict[str, tuple[RecordTest, ...]] = {"": (_ANALYSED,)}
    if method:
        selections |= {
            "observed": (_ANALYSED, equal(IMPUTATION, "")),
            "imputed": (_ANALYSED, RecordTest(IMPUTATION, "NE", ("",))),
            "baseline": (_ANALYSED, equal(IMPUTATION, "BOCF")),
        }
    records = RowRecords(_variable(analysed), selections, (_ANALYSED,))
    return RowAnalysis.of(
        records, find, *_held(analysed), *([IMPUTATION] if method else ()), STATUS
    )


@analysis_of.register
def _ancova(row: AncovaRow, column: int) -> RowAnalysis:  # noqa: ARG001 (the same in each)
    """Find who is in the model: of an arm, with all values and levels known."""

    def find(derivation: Derivation, members: Members) -> Iterator[AnalysisRecord]:
        value, arm = row.response.evaluate(derivation), arm_in_model(row.arms, members)
        if value is None or arm is None:
            return
        levels = [find_level(derivation) for find_level in row.factors.values()]
        covariates = [covariate.evaluate(derivation) for covariate in row.covariates]
        if None not in levels and None not in covariates:
            numbers = _numbers(row.response, derivation, value.units)
            yield {**numbers, **_stratum(levels), category(1): arm, ANALYSED: YES}

    records = RowRecords(_variable(row.response), {"": (_ANALYSED,)}, (_ANALYSED,), arm=category(1))
    return RowAnalysis.of(records, find, *_held(row.response), STRATUM, category(1))


@analysis_of.register
def _repeated(row: RepeatedRow, column: int) -> RowAnalysis:  # noqa: ARG001 (the same in each)
    """Make a record a visit observed of who is in the model."""

    def find(derivation: Derivation, members: Members) -> Iterator[AnalysisRecord]:
        if (in_model := _in_model(row, derivation, members)) is None:
            return
        for visit, response in zip(row.visits, row.responses, strict=True):
            value = response.evaluate(derivation)
            if value is not None:
                numbers = _numbers(response, derivation, value.units)
                yield {**numbers, **in_model, variables.VISIT: visit.id}

    response = row.responses[0]
    records = RowRecords(
        _variable(response), {"": (_ANALYSED,)}, (_ANALYSED,), arm=category(1), by_visit=True
    )
    return RowAnalysis.of(records, find, *_held(response), STRATUM, category(1))


@analysis_of.register
def _imputed(row: ImputedRow, column: int) -> RowAnalysis:  # noqa: ARG001 (the same in each)
    """Make a record a visit that is due of who is in the model; an imputed one has no value."""

    def find(derivation: Derivation, members: Members) -> Iterator[AnalysisRecord]:
        if (in_model := _in_model(row, derivation, members)) is None:
            return
        for place, units in enumerate(row.due_values(derivation)):
            numbers = (
                {IMPUTATION: _MULTIPLE}
                if units is None
                else _numbers(row.responses[place], derivation, units)
            )
            yield {**numbers, **in_model, variables.VISIT: row.visits[place].id}

    response = row.responses[0]
    selections = {
        "": (_ANALYSED,),
        "observed": (_ANALYSED, equal(IMPUTATION, "")),
        "imputed": (_ANALYSED, RecordTest(IMPUTATION, "NE", ("",))),
    }
    records = RowRecords(
        _variable(response), selections, (_ANALYSED,), arm=category(1), by_visit=True
    )
    return RowAnalysis.of(records, find, *_held(response), STRATUM, IMPUTATION, category(1))


def _in_model(
    row: RepeatedRow | ImputedRow, derivation: Derivation, members: Members
) -> AnalysisRecord | None:
    """Return what the records of a subject have at each visit; None of who is not in the model."""
    arm = arm_in_model(row.arms, members)
    levels = [find_level(derivation) for find_level in row.factors.values()]
    covariates = [covariate.evaluate(derivation) for covariate in row.covariates]
    if arm is None or None in levels or None in covariates:
        return None
    return {**_stratum(levels), category(1): arm, ANALYSED: YES}


_MULTIPLE = "MI"
"""How CDISC calls what was imputed many times over."""


def _stratum(levels: Sequence[str | None]) -> AnalysisRecord:
    return {STRATUM: " / ".join(map(str, levels)) or None}


@analysis_of.register(StratifiedRow)
@analysis_of.register(LogisticRow)
def _stratified(row: InStrataRow, column: int) -> RowAnalysis:
    def find(derivation: Derivation, members: Members) -> Iterator[AnalysisRecord]:
        if not members.where[column]:
            return
        levels = [stratum_of(derivation) for stratum_of in row.strata]
        truth = row.test(derivation)
        if truth is None or None in levels:
            yield _unknown(row.pending(derivation))
        else:
            yield {ANSWER: _answer(truth), **_stratum(levels), ANALYSED: YES}

    selections = {"": (equal(ANSWER, YES),), "N": (_ANALYSED,), **_NOT_COUNTED}
    records = RowRecords(ANSWER, selections, (_ANALYSED,))
    return RowAnalysis.of(records, find, ANSWER, STRATUM, STATUS)


@analysis_of.register
def _stratified_levels(row: StratifiedLevelsRow, column: int) -> RowAnalysis:
    def find(derivation: Derivation, members: Members) -> Iterator[AnalysisRecord]:
        if not members.where[column]:
            return
        strata = [stratum_of(derivation) for stratum_of in row.strata]
        level = row.category(derivation)
        if level is None or None in strata:
            yield _unknown(row.pending(derivation))
        else:
            yield {category(1): level, **_stratum(strata), ANALYSED: YES}

    records = RowRecords(category(1), {"": (_ANALYSED,), **_NOT_COUNTED}, (_ANALYSED,))
    return RowAnalysis.of(records, find, category(1), STRATUM, STATUS)


@analysis_of.register
def _stratified_ranks(row: StratifiedRanksRow, column: int) -> RowAnalysis:
    def find(derivation: Derivation, members: Members) -> Iterator[AnalysisRecord]:
        if not members.where[column]:
            return
        levels = [stratum_of(derivation) for stratum_of in row.strata]
        value = row.quantity.evaluate(derivation)
        if value is None or None in levels:
            yield _unknown(row.pending(derivation))
        else:
            numbers = _numbers(row.quantity, derivation, value.units)
            yield {**numbers, **_stratum(levels), ANALYSED: YES}

    selections = {"": (_ANALYSED,), **_NOT_COUNTED}
    records = RowRecords(_variable(row.quantity), selections, (_ANALYSED,))
    return RowAnalysis.of(records, find, *_held(row.quantity), STRATUM, STATUS)


# Times


@analysis_of.register
def _survival(row: SurvivalRow, column: int) -> RowAnalysis:
    def find(derivation: Derivation, members: Members) -> Iterator[AnalysisRecord]:
        if not members.where[column]:
            return
        time = row.time(derivation)
        levels = [stratum_of(derivation) for stratum_of in row.strata]
        if time is None or None in levels:
            yield _unknown(not derivation.over)
        else:
            adjusted = {name: find_value(derivation) for name, find_value in covariates.items()}
            times = _time(time.days, event=time.event, undated=time.undated)
            status = {CENSORED: _COMPETING} if time.competing else {}
            yield {**times, **status, **_stratum(levels), **adjusted}

    finders = (
        (*row.hazards.covariates.values(), *map(_number_text, row.hazards.continuous))
        if row.hazards
        else ()
    )
    covariates = {category(place): find_value for place, find_value in enumerate(finders, 1)}
    complete = (_ANALYSED, *(RecordTest(name, "NE", ("",)) for name in covariates))
    selections = {
        "": (_ANALYSED,),
        "n": (equal(CENSORED, "0"),),
        "percent": (equal(CENSORED, "0"),),
        "competing": (equal(CENSORED, str(_COMPETING)),),
        "censored": (equal(CENSORED, "1"),),
        "undated": (equal(UNDATED, YES),),
        **_NOT_COUNTED,
    }
    records = RowRecords(
        VALUE,
        selections,
        (_ANALYSED,),
        compared_rows={HAZARD_RATIO: complete, PROPORTIONAL_HAZARDS: complete},
    )
    return RowAnalysis.of(records, find, *_TIME, STRATUM, STATUS, *covariates)


def _number_text(quantity: Quantity) -> Callable[[Derivation], str | None]:
    """Return what gives a covariate as text; None of whom it is not known."""

    def find(derivation: Derivation) -> str | None:
        value = quantity.evaluate(derivation)
        return None if value is None else str(decimal(value.units, quantity.precision))

    return find


_TIME = (VALUE, CENSORED, UNDATED)
_COMPETING = 2
"""How the variable of censoring tells who had a competing event."""


def _time(days: int, *, event: bool, undated: bool) -> AnalysisRecord:
    return {
        VALUE: days,
        CENSORED: int(not event),
        UNDATED: YES if undated else None,
        ANALYSED: YES,
    }


@analysis_of.register
def _incidence(row: IncidenceRow, column: int) -> RowAnalysis:
    """Make a record of the days at risk and, where all events count, one an event."""
    selection, is_recurrent = row.selections[column], row.measure.recurrent

    def find(derivation: Derivation, members: Members) -> Iterator[AnalysisRecord]:
        risk = Risk.of(derivation) if members.where[column] else None
        if risk is None:
            return
        events = [event for event in derivation.adverse_events if selection.matches(event)]
        onsets, undated = risk.onsets(events), any(event.onset is None for event in events)
        if is_recurrent:
            yield _time(risk.days, event=False, undated=undated)
            for event in events:
                if risk.onsets([event]):
                    yield {EVENT: event.record, CENSORED: 0}
        elif onsets:
            yield _time(min(onsets) - risk.first + 1, event=True, undated=False)
        else:
            yield _time(risk.days, event=False, undated=undated)

    counted = (equal(CENSORED, "0"),)
    selections = {
        "": (_ANALYSED,),
        row.measure.counted: counted,
        "undated": (equal(UNDATED, YES),),
    }
    records = RowRecords(VALUE, selections, (_ANALYSED,))
    return RowAnalysis.of(records, find, *_TIME, EVENT)


@analysis_of.register
def _event_rate(row: EventRateRow, column: int) -> RowAnalysis:
    """Make a record of the days at risk of who is in the model, and one an event."""
    selection = row.selections[column]

    def find(derivation: Derivation, members: Members) -> Iterator[AnalysisRecord]:
        risk = Risk.of(derivation) if members.where[column] else None
        levels = [covariate(derivation) for covariate in row.covariates]
        if risk is None or None in levels:
            return
        events = selection.counted(derivation.adverse_events)
        time = _time(risk.days, event=False, undated=row.is_undated(events))
        yield {**time, **_stratum(levels)}
        for event in events:
            if risk.onsets([event]):
                yield {EVENT: event.record, CENSORED: 0}

    selections = {
        "": (_ANALYSED,),
        "events": (equal(CENSORED, "0"),),
        "undated": (equal(UNDATED, YES),),
    }
    records = RowRecords(VALUE, selections, (_ANALYSED,))
    return RowAnalysis.of(records, find, *_TIME, EVENT, STRATUM)


@analysis_of.register
def _incidence_by_term(row: IncidenceTermsRow, column: int) -> RowAnalysis:
    """Find the days at risk of all terms and, by term, each event while at risk.

    The record of the days at risk has no term, so it is one of every term's: a subject's time at
    risk of a term is the least of what it has of that term or of none.
    An event's record has the day of its onset since the first dose. Whose event of a term has no
    date has a record of that, at each depth of terms (`AVALCAT1`) where it makes a difference.
    """
    view, is_recurrent = row.views[column], row.measure.recurrent
    names = [variables.TERMS[level] for level in row.levels]

    def find(derivation: Derivation, members: Members) -> Iterator[AnalysisRecord]:
        risk = Risk.of(derivation) if members.where[column] else None
        if risk is None:
            return
        yield {VALUE: risk.days, CENSORED: 1, IN_DENOMINATOR: YES, ANALYSED: YES}
        for path, events in view.sorted_events(derivation).items():
            terms = dict(zip(names, path, strict=False))
            dated = [event for event in events if risk.onsets([event])]
            if len(path) == len(names):
                for event in dated:
                    (onset,) = risk.onsets([event])
                    days = onset - risk.first + 1
                    yield {EVENT: event.record, **terms, VALUE: days, CENSORED: 0, ANALYSED: YES}
            if any(event.onset is None for event in events) and (is_recurrent or not dated):
                yield {**terms, category(1): str(len(path)), UNDATED: YES}

    depths = range(1, len(names) + 1)
    counted = (equal(CENSORED, "0"),)
    selections: dict[str, tuple[RecordTest, ...]] = {
        "": (_ANALYSED,),
        row.measure.counted: counted,
    }
    if is_recurrent:  # no event ends the time at risk
        selections["years"] = (_IN_DENOMINATOR,)
    for depth in depths:
        undated = (equal(UNDATED, YES), equal(category(1), str(depth)))
        selections[f"undated/{depth}"] = undated
    records = RowRecords(VALUE, selections, (_ANALYSED,), _term_factors(row.levels))
    return RowAnalysis.of(records, find, *_TIME, EVENT, *names, category(1), IN_DENOMINATOR)


def _term_factors(levels: Sequence[str]) -> dict[str, str]:
    return {
        ",".join(levels[:depth]): variables.term(level, depth)
        for depth, level in enumerate(levels, 1)
    }


# Adverse events, and other records by term


type _EventRecords = Callable[[Derivation], Iterable[AnalysisRecord]]


type _EventNames = Callable[[Derivation], Sequence[str]]


def _found_events(
    base: OwnDenominator | None,
    column: int,
    records_of: _EventRecords,
    all_of: _EventNames | None,
) -> FindRecords:
    """Find the records of a subject's events that match; one of the denominator where none does.

    Where events are in percent, `all_of` names those that they are of: each has a record.
    """

    def find(derivation: Derivation, members: Members) -> Iterator[AnalysisRecord]:
        is_shown = members.where[column]
        if is_shown is None or (base is not None and not base.test(derivation)):
            return
        records = list(records_of(derivation)) if is_shown else []
        names = dict.fromkeys(all_of(derivation) if all_of and is_shown else ())
        flags = {name: {IN_RECORDS: YES} for name in names}
        for record in records or [{}]:
            analysed = {**record, ANALYSED: YES} if record else {}
            yield {**analysed, **flags.get(str(record.get(EVENT)), {}), IN_DENOMINATOR: YES}
        analysed_names = {record[EVENT] for record in records}
        for name in flags:
            if name not in analysed_names:
                yield {EVENT: name, IN_RECORDS: YES}

    return find


def _of_events(*, in_percent: bool) -> dict[str, tuple[RecordTest, ...]]:
    """Return of which records subjects and events are, and which events are in percent of."""
    all_events = {"all_events": (equal(IN_RECORDS, YES),)} if in_percent else {}
    return {"": (_ANALYSED,), "N": (_IN_DENOMINATOR,), **all_events}


@analysis_of.register
def _events(row: EventsRow, column: int) -> RowAnalysis:
    selection = row.selections[column]
    soc, pt = variables.TERMS["soc"], variables.TERMS["pt"]

    def records_of(derivation: Derivation) -> Iterator[AnalysisRecord]:
        for event in selection.counted(derivation.adverse_events):
            yield {EVENT: event.record, soc: event.soc, pt: event.pt}

    whole = None if row.of_records is None else row.of_records[column]

    def all_of(derivation: Derivation) -> list[str]:
        assert whole is not None
        return [event.record for event in filter(whole.matches, derivation.adverse_events)]

    in_percent = whole is not None
    records = RowRecords(EVENT, _of_events(in_percent=in_percent), (_IN_DENOMINATOR,))
    find = _found_events(row.base, column, records_of, all_of if in_percent else None)
    flags = (IN_DENOMINATOR, *([IN_RECORDS] if in_percent else []))
    return RowAnalysis.of(records, find, EVENT, soc, pt, *flags)


@analysis_of.register
def _durations(row: DurationsRow, column: int) -> RowAnalysis:
    """Find the days of each event that has some."""
    matches = row.selections[column].matches

    def find(derivation: Derivation, members: Members) -> Iterator[AnalysisRecord]:
        events = derivation.adverse_events if members.where[column] else ()
        for event in filter(matches, events):
            if isinstance(days := row.days(derivation, event), int):
                yield {EVENT: event.record, VALUE: days, ANALYSED: YES}

    records = RowRecords(VALUE, {"": (_ANALYSED,)}, (_ANALYSED,))
    return RowAnalysis.of(records, find, EVENT, VALUE)


@analysis_of.register
def _resolution(row: ResolutionRow, column: int) -> RowAnalysis:
    """Find the days of each event that is followed."""
    matches = row.selections[column].matches

    def find(derivation: Derivation, members: Members) -> Iterator[AnalysisRecord]:
        events = derivation.adverse_events if members.where[column] else ()
        for course in row.following.courses(derivation, filter(matches, events)):
            yield _course(course)

    records = RowRecords(VALUE, _OF_COURSES, (_ANALYSED,))
    return RowAnalysis.of(records, find, EVENT, VALUE, CENSORED)


_OF_COURSES = {"": (_ANALYSED,), "resolved": (equal(CENSORED, "0"),)}


def _course(course: Course) -> AnalysisRecord:
    return {
        EVENT: course.event.record,
        VALUE: course.days,
        CENSORED: int(not course.resolved),
        ANALYSED: YES,
    }


@analysis_of.register
def _resolution_by_term(row: ResolutionTermsRow, column: int) -> RowAnalysis:
    """Find the days of each event that is followed, by all that it counts under.

    Of first events, `AVALCAT1` and so on say at which depths of terms it is the first.
    """
    view, following, factors = row.views[column], row.following, _term_factors(row.levels)
    names = list(factors.values())
    firsts = {depth: category(depth) for depth in range(1, len(names) + 1) if following.first}

    def find(derivation: Derivation, members: Members) -> Iterator[AnalysisRecord]:
        by_path = view.sorted_events(derivation) if members.where[column] else {}
        followed = {
            path: [course.event.record for course in following.courses(derivation, events)]
            for path, events in by_path.items()
        }
        for path, events in by_path.items():
            if len(path) == len(names):
                for course in following.courses(derivation, events):
                    flags = {
                        name: YES if course.event.record in followed[path[:depth]] else NO
                        for depth, name in firsts.items()
                    }
                    yield {**_course(course), **dict(zip(names, path, strict=True)), **flags}

    selections: dict[str, tuple[RecordTest, ...]] = {**_OF_COURSES}
    for depth, name in firsts.items():
        of_first = equal(name, YES)
        selections[f"{following.counted}/{depth}"] = (_ANALYSED, of_first)
        selections[f"resolved/{depth}"] = (*_OF_COURSES["resolved"], of_first)
        for statistic in ("median", "median_ci_low", "median_ci_high"):
            selections[f"{statistic}/{depth}"] = (_ANALYSED, of_first)
    records = RowRecords(VALUE, selections, (_ANALYSED,), factors)
    return RowAnalysis.of(records, find, EVENT, VALUE, CENSORED, *names, *firsts.values())


@analysis_of.register
def _terms(row: TermsRow, column: int) -> RowAnalysis:
    """Find each event by all that it counts under, with the worst level in each of these."""
    view, levels, severity = row.views[column], row.levels, row.severity
    factors = _term_factors(levels)
    names = list(factors.values())
    worst_names = [category(depth) for depth in range(1, len(levels) + 1)] if severity else []

    def worst(events: Sequence[AdverseEvent]) -> str | None:
        assert severity is not None
        level = severity.worst(events)
        return level if not level or level in severity.labels else OTHER_LEVEL

    def records_of(derivation: Derivation) -> Iterator[AnalysisRecord]:
        by_path = view.sorted_events(derivation)
        for path, under in by_path.items():
            if len(path) == len(levels):
                terms = dict(zip(names, path, strict=True))
                levels_reached = {
                    name: worst(by_path[path[:depth]]) for depth, name in enumerate(worst_names, 1)
                }
                for event in under:
                    yield {EVENT: event.record, **terms, **levels_reached}

    down_to = list(factors)
    factors |= {f"{above},level": name for above, name in zip(down_to, worst_names, strict=False)}

    def all_of(derivation: Derivation) -> list[str]:
        return [event.record for event in view.selected(derivation)]

    of_records = _of_events(in_percent=row.of_records)
    records = RowRecords(names[-1], of_records, (_IN_DENOMINATOR,), factors)
    find = _found_events(row.base, column, records_of, all_of if row.of_records else None)
    flags = (IN_DENOMINATOR, *([IN_RECORDS] if row.of_records else []))
    return RowAnalysis.of(records, find, EVENT, *names, *worst_names, *flags)


# Subgroups


@analysis_of.register
def _subgroup(row: SubgroupRow, column: int) -> RowAnalysis | None:
    """Find what the row gives, of the subjects of the subgroup alone."""
    inner = analysis_of(row.inner, column)
    if inner is None:
        return None
    analysis = inner

    def find(derivation: Derivation, members: Members) -> Iterator[AnalysisRecord]:
        if row.category(derivation) == row.level:
            for record in analysis.find(derivation, members):
                yield {**record, variables.SUBGROUP: row.level}

    return RowAnalysis(analysis.records, find, analysis.holds | {variables.SUBGROUP})
