"""The trial's layout in words: analysis sets, arms, strata, days, visits."""

from collections.abc import Iterator

from trial.definition import Definition
from trial.definition.conditions import AnalysisSet
from trial.definition.design import Visit
from trial.reporting.methods.wording import Wording, by_name, joined
from trial.tables.grid import Section

_ASSIGNED = {
    "planned": (
        "That of the randomisation; where there is one arm, that of all who are enrolled. An arm"
        " that is corrected takes the subject along."
    ),
    "received": (
        "The one whose first-named treatment was given as the first dose; the planned arm where"
        " that gives it too, or where no arm does. Who was given nothing is in no arm, but for the"
        " planned one where that has no treatments and others have."
    ),
}
FROM = {
    "enrolment": "enrolment, which is day 0",
    "randomisation": "randomisation, which is day 0",
    "last-dose": (
        "the last dose, which is on day 0; it is known once treatment was completed or discontinued"
        " on that day or later, or the study is over"
    ),
    "first-dose": "the first dose, which is on day 1; the day before it is day -1",
}
"""Which date the days of a visit count from."""
CHOICES = {
    "closest": "The one closest to the planned day; of those equally close, as the tie says.",
    "first": "The first.",
    "last": "The last.",
    "highest": "The highest; of equal ones the earliest.",
    "lowest": "The lowest; of equal ones the earliest.",
    "mean": "The mean of all.",
}
"""Which of a visit's results counts."""
TIES = {
    "later": "Of those equally close the last.",
    "earlier": "Of those equally close the first.",
    "mean": "Of those equally close the mean.",
}
"""Which of the results that are equally close to a visit's day counts."""
_BY_NAME = "by its name"
LIMITS = {
    "before-first-dose": (
        "Results after the first dose are kept out (by time where both have one, else by day)."
    ),
    "before-regimen": (
        "Results after the day on which the background regimen began are kept out, if that lies"
        " within the window; one that began outside it keeps nothing out."
    ),
}
"""Which results a visit keeps out."""


def sections(definition: Definition, words: Wording) -> Iterator[Section]:
    """Yield who is analysed, in which arm, and how days and visits count."""
    heads = ("Analysis set", "Subjects of whom", "Sorted by")
    yield Section("sets", "Analysis sets", heads, tuple(_sets(definition, words)))
    yield Section("arms", "Arms", ("Arm", "What it gives"), tuple(_arms(definition)))
    yield Section("strata", "Strata", ("Stratum", "Its levels"), tuple(_strata(definition)))
    yield Section(
        "days", "Days and periods", ("Day or period", "Counted"), tuple(_days(definition))
    )
    of_visits = ("Visit", "Planned day", "Window", "Days from", "Schedule", "Result", "Limit")
    visits = tuple(map(_visit, definition.visits))
    yield Section("visits", "Visit windows", of_visits, visits)
    rules = tuple(dict.fromkeys(rule for visit in definition.visits for rule in _rules(visit)))
    yield Section("choices", "Results of a visit", ("Word", "Which results it means"), rules)


def _sets(definition: Definition, words: Wording) -> Iterator[tuple[str, ...]]:
    for _, analysis_set in by_name(definition.sets):
        yield (
            analysis_set.label,
            words.condition(analysis_set.condition),
            _sorted_by(analysis_set, definition),
        )


def _sorted_by(analysis_set: AnalysisSet, definition: Definition) -> str:
    return f"{analysis_set.arm} arm" if len(definition.arms) > 1 else ""


def _arms(definition: Definition) -> Iterator[tuple[str, ...]]:
    for arm in definition.arms:
        treatments = joined(arm.treatments) if arm.treatments else "no treatment is named"
        yield arm.label, f"{treatments} (recorded as {arm.id})"
    assigned = (
        {analysis_set.arm for analysis_set in definition.sets.values()}
        if len(definition.arms) > 1
        else set()
    )
    yield from ((f"Arm as {arm}", words) for arm, words in _ASSIGNED.items() if arm in assigned)
    if definition.arms and definition.placebo:
        yield "Doses of 0", f"{joined(definition.placebo)}: a dose of it may be 0"


def _strata(definition: Definition) -> Iterator[tuple[str, ...]]:
    for name, levels in by_name(definition.strata):
        yield name, f"{joined(levels)}, as randomisation reports them"


def _days(definition: Definition) -> Iterator[tuple[str, ...]]:
    yield "Study day", f"From {FROM['first-dose']}, and there is no day 0."
    yield "Protocol day", f"From {FROM['enrolment']}."
    for period in definition.periods:
        end = "on" if period.last_day is None else f"to {period.last_day}"
        yield (
            period.label,
            f"Protocol days {period.first_day} {end}; a record is in it by its date.",
        )


def _visit(visit: Visit) -> tuple[str, ...]:
    """Return a visit's row; one without a window is recognised by its recorded name."""
    choice, limit = _chosen(visit), visit.limit or ""
    if visit.day is None:
        return visit.label, "", _BY_NAME, "", visit.schedule, choice, limit
    window, start = _window(visit), visit.days_from
    return visit.label, str(visit.day), window, start, visit.schedule, choice, limit


def _window(visit: Visit) -> str:
    if visit.window is None:
        return _BY_NAME
    low, high = ("open" if bound is None else str(bound) for bound in visit.window)
    return f"{low} to {high}"


def _chosen(visit: Visit) -> str:
    if visit.choose != "closest":
        return visit.choose
    return "last" if visit.day is None else f"closest, tie {visit.tie}"  # no day to be close to


def _rules(visit: Visit) -> Iterator[tuple[str, str]]:
    """Yield what the words in a visit's row mean."""
    if visit.window is None:
        yield _BY_NAME, "Results that were recorded under the visit's name."
    if visit.day is not None:
        yield f"from {visit.days_from}", f"Days count from {FROM[visit.days_from]}."
    name, tie, _ = _chosen(visit).partition(",")
    yield name, CHOICES[name]
    if tie:
        yield f"tie {visit.tie}", TIES[visit.tie]
    if visit.limit is not None:
        yield visit.limit, LIMITS[visit.limit]
