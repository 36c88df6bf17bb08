"""The results of a cell, one a line: `33 (83%)`, `67.2 to 92.7`, `4.54 (0.623)`."""

from collections.abc import Iterable, Iterator

from trial.deferred import dataclass
from trial.definition.summary_statistics import ESTIMATED, INTERVALS, SUMMARY_STATISTICS
from trial.tables.grid import INTERVAL, NOT_REPORTED, Cell, Column, Statistic

P_VALUE = "P value"
_UNKNOWN = "\u2013"  # a result that cannot be calculated; the page says so
_COUNT, _EVENTS = "n (%)", "Events (%)"
# Label, the statistics that make one result together, and the pattern that takes their texts; in
# reading order. A line takes its statistics away, so a longer one stands before what it contains.
_LINES = (
    ("Events", ("events",), "{}"),
    ("Resolved", ("resolved",), "{}"),
    ("Person-years", ("years",), "{}"),
    ("Rate", ("rate",), "{}"),
    ("Rate ratio", ("rate_ratio",), "{}"),
    ("Odds ratio", ("odds_ratio",), "{}"),
    ("Relative risk", ("relative_risk",), "{}"),
    ("Hazard ratio", ("hazard_ratio",), "{}"),
    ("Ratio of means", ("mean_ratio",), "{}"),
    ("Mean (SD)", ("mean", "sd"), "{} ({})"),
    ("Mean", ("mean",), "{}"),
    ("LS mean (SE)", ("lsmean", "se"), "{} ({})"),
    ("LS mean", ("lsmean",), "{}"),
    ("Both", ("both",), "{}"),
    ("First only", ("first",), "{}"),
    ("Second only", ("second",), "{}"),
    ("Neither", ("neither",), "{}"),
    ("Difference (SE)", ("difference", "se"), "{} ({})"),
    ("Difference", ("difference",), "{}"),
    ("Days", ("days",), "{}"),
    ("Survival", ("survival",), "{}"),
    ("Incidence", ("incidence",), "{}"),
    ("Restricted mean (SE)", ("restricted_mean", "se"), "{} ({})"),
    ("Restricted mean", ("restricted_mean",), "{}"),
    ("SE", ("se",), "{}"),
    (INTERVAL, ("ci_low", "ci_high"), "{} to {}"),
    (INTERVAL, ("ci_low",), "{}"),
    (INTERVAL, ("ci_high",), "{}"),
    ("Dispersion", ("dispersion",), "{}"),
    ("Median", ("median",), "{}"),
    ("Q1, Q3", ("q1", "q3"), "{}, {}"),
    ("Min, max", ("min", "max"), "{}, {}"),
    ("Observed", ("observed",), "{}"),
    ("Imputed", ("imputed",), "{}"),
    ("Of these the baseline", ("baseline",), "{}"),
    ("Not yet due", ("not_due",), "{}"),
    ("Missing", ("missing",), "{}"),
    ("Competing event", ("competing",), "{}"),
    ("Censored", ("censored",), "{}"),
    ("Event not dated", ("undated",), "{}"),
    ("P value of the margin", ("p_margin",), "{}"),
    ("Conclusion", ("conclusion",), "{}"),
    ("Tipping delta", ("tipping_delta",), "{}"),
    (P_VALUE, ("p",), "{}"),
    ("Adjusted P", ("p_adjusted",), "{}"),
)
# The intervals of other statistics than that which the cell is about: what they are of, the limits.
_OTHER_INTERVALS = tuple(
    (SUMMARY_STATISTICS[name].of, limits) for name, limits in INTERVALS.items() if name != "ci"
)
_ORDER = (_COUNT, "n", _EVENTS, *(label for label, _, _ in _LINES))


@dataclass(frozen=True)
class Line:
    """One result of a cell. A count's percentage stands apart, so that counts align."""

    label: str
    text: str
    share: str | None = None
    """The percentage beside a count, '' where there is none to show; None unless it is a count."""
    statistic: str = ""
    """The first of the statistics that it shows."""


def lines(cell: Cell, column: Column) -> tuple[Line, ...]:
    """Return all results of a cell; a statistic that is in no line goes by its own name."""
    texts = {statistic.name: _text(statistic) for statistic in cell.statistics}
    results = [_take_count(texts, column)] if "n" in texts else []
    results += [_take_events(texts)] if "events_percent" in texts else []
    for label, names, pattern in _LINES:
        if texts.keys() >= set(names):
            parts = [texts.pop(name) for name in names]
            absent = NOT_REPORTED in parts
            name = cell.interval if label == INTERVAL else label
            text = NOT_REPORTED if absent else pattern.format(*parts)
            results.append(Line(name, text, statistic=names[0]))
    results += _other_intervals(texts, cell.interval)
    remaining = (Line(_label(name), text, statistic=name) for name, text in texts.items())
    return (*results, *remaining)


def in_reading_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Return each label once, in reading order; those that are in no line come last."""
    unique = dict.fromkeys(labels)
    return tuple(sorted(unique, key=_place))


def _place(label: str) -> int:
    """Return the place of a label; an interval of another level stands where the usual one does."""
    interval = label.endswith((" CI", " limit"))
    return (*_ORDER, label).index(INTERVAL if interval else label)


def _other_intervals(texts: dict[str, str], label: str) -> Iterator[Line]:
    """Take the intervals of other statistics, each with what it is of."""
    for name, limits in _OTHER_INTERVALS:
        if parts := [texts.pop(limit) for limit in limits if limit in texts]:
            statistic_label = SUMMARY_STATISTICS[name].label
            title = f"{label} of the {statistic_label[0].lower()}{statistic_label[1:]}"
            yield Line(title, " to ".join(parts), statistic=name)


def _label(name: str) -> str:
    return ESTIMATED[name].label if name in ESTIMATED else name


def _text(statistic: Statistic) -> str:
    mark = " (nominal)" if statistic.nominal and statistic.text else ""
    return (statistic.text + mark) or _UNKNOWN


def _take_count(texts: dict[str, str], column: Column) -> Line:
    """Return a count with its percentage, and with its denominator unless it is the column's."""
    n, size = texts.pop("n"), texts.pop("N", str(column.n))
    if "percent" not in texts:
        return Line("n", n, statistic="n")
    share = texts.pop("percent").strip("()%" + _UNKNOWN)
    text = n if size == str(column.n) else f"{n}/{size}"
    return Line(_COUNT, text, f"({share}%)" if share else "", "n")


def _take_events(texts: dict[str, str]) -> Line:
    """Return a number of events with how many its percentage is of, and the percentage."""
    events, size = texts.pop("events"), texts.pop("all_events")
    share = texts.pop("events_percent").strip("()%" + _UNKNOWN)
    text = events if events == NOT_REPORTED else f"{events}/{size}"
    return Line(_EVENTS, text, f"({share}%)" if share else "", "events")
