"""What is measured, in words: parameters, baselines, measures, classes, times, adverse events."""

from collections.abc import Iterator
from decimal import Decimal

from trial.definition import Definition, formulas
from trial.definition.conditions import AdverseEvents, Classes, TimeToEvent
from trial.definition.design import BELOW_LLOQ, Baseline, Parameter
from trial.definition.medications import Medications
from trial.definition.precision import Precision
from trial.definition.usage import record_kinds_used
from trial.reporting.methods import grading
from trial.reporting.methods.wording import Wording, bounds, by_name, joined
from trial.subject.codings import NOT_CODED
from trial.tables.grid import Section

_BELOW = {
    "lloq": "a result below a limit of quantification (<x) counts as x",
    "half": "a result below a limit of quantification (<x) counts as half of x",
    "missing": "a result below a limit of quantification (<x) is missing",
}
_BELOW_LLOQ = "below the limit of quantification reported with it"
_MISSING_CAUSALITY = {
    "related": "where none is reported the event counts as related",
    "not-related": "where none is reported the event counts as not related",
}
_MISSING_ONSET = {
    "emergent": "an event without an onset counts as treatment-emergent",
    "not-emergent": "an event without an onset counts as not treatment-emergent",
}


def sections(definition: Definition, words: Wording) -> Iterator[Section]:
    """Yield what is measured of a subject, and how adverse events are read."""
    parameters = tuple(_parameters(definition))
    yield Section("parameters", "Parameters", ("Parameter", "How results are read"), parameters)
    facts = tuple(_characteristics(definition))
    yield Section("characteristics", "Facts of enrolment", ("Fact", "What it can be"), facts)
    scales = tuple(grading.scales(definition))
    yield Section("scales", "Grading scales", ("Scale", "What it says"), scales)
    baselines = tuple(
        (name, _baseline(baseline, definition)) for name, baseline in by_name(definition.baselines)
    )
    yield Section("baselines", "Baselines", ("Baseline", "Which result it is"), baselines)
    measures = tuple(
        (f"{measure.label} ({name})" if measure.label else name, words.measure(measure))
        for name, measure in by_name(definition.measures)
    )
    heads = ("Measure", "Its value of a subject, and what stands in where it is missing")
    yield Section("measures", "Measures and missing values", heads, measures)
    classes = tuple(
        (category.label, _classes(category, words)) for _, category in by_name(definition.classes)
    )
    yield Section("classes", "Classes", ("Class of", "Its classes"), classes)
    times = tuple(
        (time_to_event.label, time(time_to_event, words))
        for _, time_to_event in by_name(definition.times)
    )
    yield Section("times", "Times to event", ("Time", "From when to when"), times)
    events = tuple(_events(definition.adverse_events))
    yield Section("adverse-events", "Adverse events", ("Rule", "What it says"), events)
    if not {"conmed.recorded", "conmed.coded"}.isdisjoint(record_kinds_used(definition)):
        rules = tuple(_medications(definition.medications))
        yield Section("medications", "Medication", ("Rule", "What it says"), rules)


def _parameters(definition: Definition) -> Iterator[tuple[str, str]]:
    for _, parameter in by_name(definition.parameters):
        label = f"{parameter.label} ({parameter.unit})" if parameter.unit else parameter.label
        yield label, "; ".join(_read(parameter, definition))


def _read(parameter: Parameter, definition: Definition) -> Iterator[str]:
    if parameter.formula is not None:
        yield from _formula(parameter, definition)
    elif parameter.grades is not None:
        yield from grading.words(parameter.grades, definition)
        return
    elif parameter.log10_of is not None:
        source = definition.parameters[parameter.log10_of]
        yield f"log10 of {source.label} ({source.unit}), as that is read"
    elif parameter.derived_from is not None:
        source = definition.parameters[parameter.derived_from]
        limit = "upper" if parameter.upper_limits_of is not None else "lower"
        yield (
            f"{source.label} in multiples of the {limit} limit of the reference range that is"
            " reported beside it"
        )
    else:
        yield f"as reported in {parameter.unit}"
        yield from (
            f"in {unit}, times {factor:f}"
            if isinstance(factor, Decimal)
            else f"x {unit} are {factor} {parameter.unit}"
            for unit, factor in by_name(parameter.units)
        )
        low, high = parameter.minimum, parameter.maximum
        if low is not None or high is not None:
            ends = ("any" if limit is None else f"{limit:f}" for limit in (low, high))
            yield f"refused outside {' to '.join(ends)}"
        yield from (
            f"{text} counts as {_BELOW_LLOQ if counts_as == BELOW_LLOQ else counts_as}"
            for text, counts_as in by_name(parameter.texts)
        )
        yield _BELOW[parameter.below_quantification]
        yield "one above a limit (>x) counts as x"
        if (rule := parameter.abnormal) is not None:
            yield (
                f"abnormal below {rule.below:f} times the lower and above {rule.above:f} times the"
                " upper limit of the reference range: the most abnormal lies farthest beyond"
            )
    yield _kept(parameter.precision)


def _formula(parameter: Parameter, definition: Definition) -> Iterator[str]:
    """Yield what a formula is of, and which results it takes."""
    yield f"= {parameter.formula}, exact, roots and logarithms to 100 digits"
    operand_names = formulas.operands(parameter.expression)
    for name in operand_names:
        source = definition.parameters[name]
        unit = f" ({source.unit})" if source.unit else ""
        yield f"{name} is {source.label}{unit}"
    yield f"of results {_TOGETHER[parameter.together]}"
    yield f"of several of one parameter {_REPLICATES[parameter.replicates]}"
    if parameter.at_visits is not None:
        labels = {visit.id: visit.label for visit in definition.visits}
        yield f"results of {joined((labels[name] for name in parameter.at_visits), 'or')} alone"
    if parameter.carried:
        yield f"of {joined(parameter.carried)} the last result up to that day, whenever it was"
    used = {part.taken for part in formulas.nodes(parameter.expression)
            if isinstance(part, formulas.Operand)}  # fmt: skip
    yield from (words for taken, words in _TAKEN.items() if taken in used)
    yield "missing where an operand is, or where it has no value"


_TOGETHER = {
    "moment": "collected at one moment",
    "day": "collected on one day",
    "visit": "recorded under one visit's name",
}
_REPLICATES = {
    "last": "the last",
    "first": "the first",
    "mean": "the mean",
    "highest": "the highest",
    "lowest": "the lowest",
}
_TAKEN = {
    formulas.UPPER: "upper( ) is the upper limit of the reference range reported with the result",
    formulas.LOWER: "lower( ) is the lower limit of the reference range reported with the result",
    formulas.PREVIOUS: "previous( ) is the result that was taken the time before",
}


def _kept(precision: Precision) -> str:
    """Return to how many decimals a number is kept and printed."""
    precision_text = f"data are printed to {precision.decimals} decimals"
    if precision.rounded:
        return f"rounded half up to {precision.places} decimals, which count; {precision_text}"
    if precision.exact:
        return f"kept with all of at most {precision.places} decimals; {precision_text}"
    return f"kept to {precision.places} decimals, more than are printed; {precision_text}"


def _characteristics(definition: Definition) -> Iterator[tuple[str, str]]:
    for _, characteristic in by_name(definition.characteristics):
        if characteristic.levels is not None:
            yield characteristic.label, f"One of {joined(characteristic.levels, 'or')}"
            continue
        ends = (
            "any" if end is None else f"{end:f}"
            for end in (characteristic.minimum, characteristic.maximum)
        )
        unit = f" {characteristic.unit}" if characteristic.unit else ""
        number = f"A number{unit} from {' to '.join(ends)}"
        yield characteristic.label, f"{number}; {_kept(characteristic.precision)}"


def _baseline(baseline: Baseline, definition: Definition) -> str:
    if baseline.visit is None:
        return (
            "The last result at or before the first dose (by time where both have one, else by day)"
        )
    visit = next(candidate for candidate in definition.visits if candidate.id == baseline.visit)
    return f"The result that counts at the visit {visit.label}"


def _classes(classes: Classes, words: Wording) -> str:
    labels = {level.value: level.label for level in classes.classes}
    missing = "is in no class" if classes.missing is None else (
        f"is in the class {labels.get(classes.missing, classes.missing)}"
    )  # fmt: skip
    if classes.measure is None:
        return f"{'; '.join(_conditions(classes, words))}. {_FIRST_CONDITION} {missing}."
    unit = words.unit(classes.measure)
    parts = [f"{level.label}: {bounds(level, unit)}" for level in classes.classes]
    return (
        f"Of {words.measure(classes.measure)}: {'; '.join(parts)}. The first whose bounds hold;"
        f" who has no value {missing}."
    )


def _conditions(classes: Classes, words: Wording) -> Iterator[str]:
    for level in classes.classes:
        if level.condition is not None:
            yield f"{level.label}: {words.condition(level.condition)}"


_FIRST_CONDITION = (
    "The first whose condition is true counts. While one before it is not known, which an adverse"
    " event without a field that it asks for leaves it too, the class is not known; whose class"
    " stays so"
)


def time(time: TimeToEvent, words: Wording) -> str:
    """Return a time to event in words."""
    events, ends, rivals = (
        joined(map(words.date, dates), "or")
        for dates in (time.events, time.censored, time.competing)
    )
    censored = f"{ends}, " if time.censored else ""
    competing = (
        f" The first of {rivals} on or after the start ends the time as a competing event, before"
        " a censoring and after an event on its day."
        if time.competing
        else ""
    )
    return (
        f"Days from {words.date(time.start)}, which is day 1, to the first of {events} on or after"
        " it (a partial date counts as on the start if it can mean that). Without an event,"
        f" censored at the earliest of {censored}the last contact and a cut-off. Without a start a"
        f" subject is left out.{competing}"
    )


_PRIOR = {
    "started-before": "started before the day of the first dose, whether it went on or not",
    "ended-before": "ended before the day of the first dose",
}
_CONCOMITANT = {
    "taken": "taken on or after the day of the first dose, whenever it was started",
    "started": "started on or after the day of the first dose",
}
_UNDETERMINED = {
    "unknown": "is not known to be either, and counts neither as one nor as not one",
    "concomitant": "counts as concomitant",
}
_CLASSES = {
    "all": (
        "A medication with several ATC classes is in each of them; a subject counts once in a class"
    ),
    "first": "Of a medication with several ATC classes the first that was sent counts",
}


def _medications(rules: Medications) -> Iterator[tuple[str, str]]:
    if rules.dictionary:
        yield "Dictionary", f"{rules.dictionary}; what is not coded counts under {NOT_CODED}"
    yield "Coding", "Of several codings of a medication that of the highest version."
    yield "Prior", f"A medication that was {_PRIOR[rules.prior]}."
    days = rules.days_after_last_dose
    until = "" if days is None else f", and started at most {days} days after the last dose"
    yield "Concomitant", f"A medication that was {_CONCOMITANT[rules.concomitant]}{until}."
    yield (
        "Dates that leave it open",
        (
            "Every day that a partial date can mean is considered; an end that is missing can be"
            " any day, unless the medication is said to be ongoing. What this leaves open"
            f" {_UNDETERMINED[rules.undetermined]}. Before the first dose neither is known."
        ),
    )
    yield "Classes", f"{_CLASSES[rules.classes]}. A level without a name goes by its code."


def _events(rules: AdverseEvents) -> Iterator[tuple[str, str]]:
    for head, value in (("Dictionary", rules.dictionary), ("Grading", rules.grading)):
        if value:
            yield (
                head,
                f"{value}; what is not coded counts under {NOT_CODED}" if head[0] == "D" else value,
            )
    yield "Coding", "Of several codings of an event that of the highest version of the dictionary."
    window = rules.days_after_last_dose
    until = "without an end" if window is None else f"until {window} days after the last dose"
    yield (
        "Treatment-emergent",
        (
            f"Begun on or after the day of the first dose, {until}; an event that ended before the"
            f" first dose is none; {_MISSING_ONSET[rules.missing_onset]}. Nothing is where no"
            " dose is."
        ),
    )
    related = joined(rules.related, "or") if rules.related else "none"
    yield (
        "Related",
        (
            f"Causality {related} (of {joined(rules.causality) or 'any text'});"
            f" {_MISSING_CAUSALITY[rules.missing_causality]}."
        ),
    )
    for group in rules.groups:
        broad = f"; in the broad scope also {joined(group.broad)}" if group.broad else ""
        yield f"Group: {group.label}", f"Preferred terms {joined(group.terms)}{broad}"
